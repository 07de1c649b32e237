//! Credentials against the directory: passwords, tokens, lock-out. [decision 4]
//!
//! SOAP sends the password with every request, so a verified one is remembered for at most [`REMEMBERED_MS`] of the
//! exchange's clock. What is remembered is an HMAC over hash and password, under a key made at start: the moment an
//! account's hash changes, nothing remembered fits it any more. What is not remembered is verified in the order of
//! [`super::sign_on_queue`].

use super::sign_on_queue::{Interface, SignOnQueue, Source, Waiting};
use super::tokens::Tokens;
use crate::edge::socket::Client;
use crate::ops::metrics::SignOns;
use cordboard_core::directory::{Account, AccountName, CredentialState, Directory, PasswordHash};
use cordboard_core::ids::UserId;
use cordboard_store::passwords;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;

/// A verified credential is remembered for so long.
pub const REMEMBERED_MS: u64 = 60_000;
/// So many are remembered; the oldest half goes when there are more.
const REMEMBERED: usize = 100_000;
/// So many wrong passwords…
const WRONG: usize = 10;
/// … within so long …
const WRONG_WITHIN_MS: u64 = 300_000;
/// … lock the account for that address for so long.
const LOCKED_MS: u64 = 60_000;
/// So many pairs of account and address are watched; the one unused for longest goes when there are more.
const WATCHED: usize = 20_000;
/// Refusals for want of room are a line in the log at most this often.
const BUSY_LOGGED_MS: u64 = 1_000;
/// What the password of nobody is compared with: a hash of random bytes that were thrown away, at the usual cost.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$6cQ68OvO1D5v3VZW42cemw$kqVRzawqVhYezhqL8Ct+3kd4vWyMRvJAvqigdj+yfag";

/// What the sign-on checker knows. One for all services.
#[derive(Debug)]
pub struct Auth {
    key: [u8; 32],
    memory: Arc<Memory>,
    /// Tokens, of users and of the JSON API.
    pub tokens: Tokens,
    verifier: Arc<Verifier>,
    dummy: PasswordHash,
    metrics: SignOns,
    /// When a refusal for want of room was logged last.
    busy_logged: Mutex<Option<u64>>,
}

/// Where, by which interface and when somebody signs on. The time is the exchange's, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visit {
    /// The interface.
    pub interface: Interface,
    /// The peer's address.
    pub address: IpAddr,
    /// The time of the exchange's timers.
    pub now_ms: u64,
}

/// What earlier sign-ons left behind. Shared with the thread that computes hashes: what one found out counts even when the
/// client that asked has gone.
#[derive(Debug, Default)]
struct Memory {
    /// Fingerprints of verified credentials, and until when they hold.
    remembered: Mutex<HashMap<[u8; 32], u64>>,
    /// When wrong passwords came, oldest first.
    wrong: Mutex<HashMap<Pair, VecDeque<u64>>>,
}

/// Whom a lock-out concerns: the fingerprint of an [`AccountName`] and of an address. What a stranger calls himself
/// may be long, and nothing of it is kept.
type Pair = [u8; 32];

/// Why a sign-on was refused. Whether the account exists, is locked or has another password is nobody's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The credential does not fit, or the account is locked for that address.
    Wrong,
    /// Too many sign-ons wait; nothing was looked at. The same one may be tried again.
    Busy,
}

impl Auth {
    /// A checker that remembers nothing yet, and counts what it does.
    ///
    /// # Panics
    /// When the system gives no randomness at start-up.
    pub fn new(metrics: SignOns) -> Self {
        let mut key = [0; 32];
        getrandom::fill(&mut key).expect("the system gives randomness at start-up");
        let memory = Arc::<Memory>::default();
        Self {
            key,
            tokens: Tokens::default(),
            verifier: Arc::new(Verifier {
                state: Mutex::default(),
                memory: memory.clone(),
                metrics: metrics.clone(),
            }),
            memory,
            dummy: PasswordHash::new(NOBODY.to_owned()),
            metrics,
            busy_logged: Mutex::default(),
        }
    }

    /// Forgets remembered credentials and lock-outs.
    pub fn forget(&self) {
        lock(&self.memory.remembered).clear();
        lock(&self.memory.wrong).clear();
    }

    /// Checks a user's password and answers the id as the directory writes it. A user who does not exist costs as much time as a
    /// wrong password.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn password(
        &self,
        directory: &Directory,
        user: &str,
        password: &str,
        visit: Visit,
    ) -> Result<UserId, Refused> {
        let name = AccountName::from(user);
        let account = directory.account(&name);
        let usable = account.filter(|a| a.credential() == CredentialState::Active);
        let hash = usable.as_ref().and_then(Account::password_hash);
        self.fits(&name, &[hash], password, visit).await?;
        usable.map(|a| a.id().clone()).ok_or(Refused::Wrong)
    }

    /// Checks a secret as [`Auth::password`] does, and answers the state of the account too: that it is locked, or that its
    /// password has expired, learns only who knows the secret. With `pin` an end user's PIN will do as well.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn credential(
        &self,
        directory: &Directory,
        user: &str,
        secret: &str,
        pin: bool,
        visit: Visit,
    ) -> Result<(UserId, CredentialState), Refused> {
        let name = AccountName::from(user);
        let account = directory.account(&name);
        let pin_hash = match &account {
            Some(Account::End(user)) => user.pin_hash.as_ref(),
            Some(Account::App(_)) | None => None,
        };
        let hashes = [account.as_ref().and_then(Account::password_hash), pin_hash];
        let hashes = &hashes[..if pin { 2 } else { 1 }];
        self.fits(&name, hashes, secret, visit).await?;
        let known = account.map(|account| (account.id().clone(), account.credential()));
        known.ok_or(Refused::Wrong)
    }

    /// Checks an end user's PIN, as [`Auth::password`] does a password.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn pin(
        &self,
        directory: &Directory,
        user: &str,
        pin: &str,
        visit: Visit,
    ) -> Result<UserId, Refused> {
        let name = AccountName::from(user);
        let person = directory.end_user(name.as_str());
        let usable = person.filter(|person| person.credential == CredentialState::Active);
        let hash = usable.as_ref().and_then(|person| person.pin_hash.as_ref());
        self.fits(&name, &[hash], pin, visit).await?;
        usable.map(|person| person.id).ok_or(Refused::Wrong)
    }

    /// Checks a secret against a hash that is not an account's of the directory, or against nobody's, which costs as much.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn secret(
        &self,
        name: &AccountName,
        hash: Option<&PasswordHash>,
        secret: &str,
        visit: Visit,
    ) -> Result<(), Refused> {
        self.fits(name, &[hash], secret, visit).await
    }

    /// Checks a secret against hashes, and notes what came of it. As many hashes are computed for an account that has none; a wrong
    /// secret counts once.
    async fn fits(
        &self,
        name: &AccountName,
        hashes: &[Option<&PasswordHash>],
        secret: &str,
        visit: Visit,
    ) -> Result<(), Refused> {
        let pair = self.pair(name, visit.address);
        let (outcome, answer) = if self.memory.is_locked(&pair, visit.now_ms) {
            ("locked_out", Err(Refused::Wrong))
        } else {
            match self.verified(pair, name, hashes, secret, visit).await {
                Ok(true) => ("accepted", Ok(())),
                Ok(false) => ("refused", Err(Refused::Wrong)),
                Err(Refused::Wrong) => ("locked_out", Err(Refused::Wrong)),
                Err(Refused::Busy) => ("busy", Err(Refused::Busy)),
            }
        };
        let interface = visit.interface.word();
        self.metrics.count(interface, outcome);
        match (outcome, answer) {
            ("refused", _) => {
                // What a stranger calls himself may be somebody's password.
                let account = hashes.iter().any(Option::is_some).then(|| name.as_str());
                let address = visit.address;
                tracing::info!(interface, peer.address = %address, account, "a sign-on was refused");
            }
            (_, Err(Refused::Busy)) => self.log_busy(visit),
            _ => {}
        }
        answer
    }

    /// Returns whether a secret fits one of these hashes; [`Refused::Wrong`] if the account was locked meanwhile.
    async fn verified(
        &self,
        pair: Pair,
        name: &AccountName,
        hashes: &[Option<&PasswordHash>],
        secret: &str,
        visit: Visit,
    ) -> Result<bool, Refused> {
        // No account has it, so that nothing is to be learned from a quick answer.
        if secret.is_empty() {
            return Ok(false);
        }
        let now_ms = visit.now_ms;
        for (index, hash) in hashes.iter().enumerate() {
            let known = hash.is_some();
            let hash = hash.unwrap_or(&self.dummy);
            let key = self.fingerprint(hash, secret);
            let right = if self.memory.remembers(&key, now_ms) {
                true
            } else {
                let counts = index + 1 == hashes.len();
                let waiter = Waiter {
                    pair,
                    visit,
                    // What a stranger calls himself may be somebody's password, and is not logged.
                    account: known.then(|| name.clone()),
                    client: None,
                    counts,
                    answer: None,
                };
                // Those of strangers have nothing in common but that they fit nothing.
                let common = match known {
                    true => key,
                    false => self.digest(&[&key, &pair]),
                };
                let right = self.verify(common, (hash, secret, key), waiter).await?;
                // Others may have guessed meanwhile: an account that is locked now lets nobody in, whatever the guess was.
                if self.memory.is_locked(&pair, now_ms) {
                    return Err(Refused::Wrong);
                }
                right
            };
            if right && known {
                lock(&self.memory.wrong).remove(&pair);
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Waits for its turn. A future that is dropped gives its place up.
    async fn verify(
        &self,
        common: [u8; 32],
        (hash, secret, key): (&PasswordHash, &str, [u8; 32]),
        mut waiter: Waiter,
    ) -> Result<bool, Refused> {
        let visit = waiter.visit;
        let (answer, answered) = oneshot::channel();
        waiter.answer = Some(answer);
        let source = Source::from(visit.address);
        let job = || Job {
            hash: hash.clone(),
            secret: secret.to_owned(),
            key,
        };
        let _place = self
            .verifier
            .enter(visit.interface, source, common, job, waiter)?;
        let right = answered.await.unwrap_or(false);
        if right {
            self.verifier.signed_on(source);
        }
        Ok(right)
    }

    fn log_busy(&self, visit: Visit) {
        let mut logged = lock(&self.busy_logged);
        let due = |last: u64| visit.now_ms.saturating_sub(last) >= BUSY_LOGGED_MS;
        if logged.is_none_or(due) {
            *logged = Some(visit.now_ms);
            let interface = visit.interface.word();
            let address = visit.address;
            tracing::warn!(interface, peer.address = %address, "too many sign-ons wait; some are refused at once");
        }
    }

    /// Checks a token and answers its owner, an end user whose account is not locked. It is a credential of its own: that the
    /// owner's password has expired does not matter. [webdialer §10]
    ///
    /// # Errors
    /// [`Refused::Wrong`] for an unknown or expired one, or an owner who may not use one.
    pub fn token(
        &self,
        directory: &Directory,
        token: &str,
        wall_ms: i64,
    ) -> Result<UserId, Refused> {
        let known = self.tokens.of_user(token, wall_ms).ok_or(Refused::Wrong)?;
        let owner = directory
            .end_user(known.user.as_str())
            .ok_or(Refused::Wrong)?;
        if owner.credential == CredentialState::Locked {
            return Err(Refused::Wrong);
        }
        self.token_used("user", &known.hash, wall_ms);
        Ok(owner.id)
    }

    /// Counts the use of a token, and logs it from time to time.
    pub fn token_used(&self, kind: &'static str, hash: &str, wall_ms: i64) {
        self.metrics.token(kind);
        if self.tokens.is_to_be_logged(hash, wall_ms) {
            tracing::info!(
                kind,
                token = cordboard_store::token_id(hash),
                "a token is in use"
            );
        }
    }

    fn fingerprint(&self, hash: &PasswordHash, password: &str) -> [u8; 32] {
        self.digest(&[hash.expose().as_bytes(), password.as_bytes()])
    }

    fn pair(&self, name: &AccountName, address: IpAddr) -> Pair {
        self.digest(&[address.to_string().as_bytes(), name.as_str().as_bytes()])
    }

    /// No text but the last one has a NUL in it, or all have one length.
    fn digest(&self, texts: &[&[u8]]) -> [u8; 32] {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        for (index, text) in texts.iter().enumerate() {
            if index > 0 {
                mac.update(&[0]);
            }
            mac.update(text);
        }
        mac.finalize().into_bytes().into()
    }
}

/// A hash to compute.
struct Job {
    hash: PasswordHash,
    secret: String,
    key: [u8; 32],
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").finish_non_exhaustive()
    }
}

/// A sign-on that waits for a hash.
#[derive(Debug)]
struct Waiter {
    pair: Pair,
    visit: Visit,
    account: Option<AccountName>,
    /// The client, if it has to wait: one that closes its side of the connection meanwhile is taken to have gone. One that need not
    /// wait may close it and still be answered.
    client: Option<Client>,
    /// Does a wrong one count towards the lock-out? Not when another hash is tried after it.
    counts: bool,
    answer: Option<oneshot::Sender<bool>>,
}

impl Waiter {
    fn answer(&mut self, right: bool) {
        if let Some(answer) = self.answer.take() {
            // The client may have gone.
            let _ = answer.send(right);
        }
    }
}

/// Computes hashes, one at a time, on a thread of its own while there are any: each takes 19 MiB and a core for 20 ms. One leaves the
/// other cores to the calls. [decision 4]
#[derive(Debug)]
struct Verifier {
    state: Mutex<State>,
    memory: Arc<Memory>,
    metrics: SignOns,
}

#[derive(Debug, Default)]
struct State {
    queue: SignOnQueue<Job, Waiter>,
    running: bool,
}

/// A place in the queue, given up when dropped.
struct Place<'a> {
    verifier: &'a Verifier,
    waiting: Waiting,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.verifier.state);
        state.queue.leave(self.waiting);
        self.verifier.gauge(&state);
    }
}

/// Lets another thread begin when this one panics.
struct Running<'a>(&'a Verifier);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            lock(&self.0.state).running = false;
        }
    }
}

impl Verifier {
    fn enter(
        self: &Arc<Self>,
        interface: Interface,
        source: Source,
        key: [u8; 32],
        job: impl FnOnce() -> Job,
        mut waiter: Waiter,
    ) -> Result<Place<'_>, Refused> {
        let mut state = lock(&self.state);
        if state.running {
            waiter.client = Client::current();
        }
        let entered = state.queue.enter(interface, source, key, job, waiter);
        let waiting = entered.map_err(|_| Refused::Busy)?;
        self.gauge(&state);
        if !std::mem::replace(&mut state.running, true) {
            let verifier = self.clone();
            tokio::task::spawn_blocking(move || verifier.run());
        }
        Ok(Place {
            verifier: self,
            waiting,
        })
    }

    fn signed_on(&self, source: Source) {
        lock(&self.state).queue.signed_on(source);
    }

    fn gauge(&self, state: &State) {
        let waiting = i64::try_from(state.queue.len()).unwrap_or(i64::MAX);
        self.metrics.waiting.set(waiting);
    }

    fn run(&self) {
        let _running = Running(self);
        loop {
            let mut state = lock(&self.state);
            let Some(turn) = state.queue.take_turn() else {
                state.running = false;
                return;
            };
            self.gauge(&state);
            drop(state);
            self.compute(turn.job, turn.waiters);
        }
    }

    /// Computes a hash for those who may still learn whether it fits. The result is noted before the next hash is begun, also for
    /// a client that hangs up meanwhile: no guess is for nothing.
    fn compute(&self, job: Job, mut waiters: Vec<Waiter>) {
        waiters.retain_mut(|waiter| {
            if waiter.client.as_ref().is_some_and(Client::has_left) {
                waiter.answer(false);
                return false;
            }
            // What others guessed before this one counts.
            let locked = self.memory.is_locked(&waiter.pair, waiter.visit.now_ms);
            if locked {
                waiter.answer(false);
            }
            !locked
        });
        let Some(now_ms) = waiters.iter().map(|waiter| waiter.visit.now_ms).max() else {
            return;
        };
        let remembered = self.memory.remembers(&job.key, now_ms);
        let right = remembered || {
            self.metrics.hashes.inc();
            passwords::verify(&job.secret, &job.hash)
        };
        if right && !remembered {
            self.memory.remember(job.key, now_ms);
        }
        for waiter in &mut waiters {
            if !right && waiter.counts && self.memory.count_wrong(waiter.pair, waiter.visit.now_ms)
            {
                self.metrics.lock_outs.inc();
                let Visit {
                    interface, address, ..
                } = waiter.visit;
                tracing::warn!(
                    interface = interface.word(),
                    peer.address = %address,
                    account = waiter.account.as_ref().map(AccountName::as_str),
                    seconds = LOCKED_MS / 1_000,
                    "an account is locked for an address after too many wrong passwords"
                );
            }
            waiter.answer(right);
        }
    }
}

impl Memory {
    fn remembers(&self, key: &[u8; 32], now_ms: u64) -> bool {
        lock(&self.remembered)
            .get(key)
            .is_some_and(|&until| now_ms < until)
    }

    fn remember(&self, key: [u8; 32], now_ms: u64) {
        let mut remembered = lock(&self.remembered);
        if remembered.len() >= REMEMBERED {
            let mut ends: Vec<u64> = remembered.values().copied().collect();
            ends.sort_unstable();
            let middle = ends[ends.len() / 2];
            remembered.retain(|_, &mut until| until > middle);
        }
        remembered.insert(key, now_ms.saturating_add(REMEMBERED_MS));
    }

    fn is_locked(&self, pair: &Pair, now_ms: u64) -> bool {
        let wrong = lock(&self.wrong);
        let Some(times) = wrong.get(pair) else {
            return false;
        };
        times.len() >= WRONG
            && times
                .back()
                .is_some_and(|&last| now_ms < last.saturating_add(LOCKED_MS))
    }

    /// Counts a wrong password. Returns `true` if that locks the account for the address.
    fn count_wrong(&self, pair: Pair, now_ms: u64) -> bool {
        let mut wrong = lock(&self.wrong);
        if wrong.len() >= WATCHED && !wrong.contains_key(&pair) {
            let oldest = wrong
                .iter()
                .min_by_key(|(_, times)| times.back().copied())
                .map(|(pair, _)| *pair);
            if let Some(oldest) = oldest {
                wrong.remove(&oldest);
            }
        }
        let times = wrong.entry(pair).or_default();
        times.retain(|&at| now_ms < at.saturating_add(WRONG_WITHIN_MS));
        times.push_back(now_ms);
        while times.len() > WRONG {
            times.pop_front();
        }
        times.len() >= WRONG
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cordboard_core::directory::{AppUser, Builder};
    use std::future::Future as _;
    use std::net::Ipv4Addr;
    use std::task::{Context, Waker};

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

    fn at(address: IpAddr, now_ms: u64) -> Visit {
        Visit {
            interface: Interface::WebDialer,
            address,
            now_ms,
        }
    }

    fn directory() -> Directory {
        let app = |id: &str, credential| AppUser {
            id: id.into(),
            rights: Vec::new(),
            devices: Vec::new(),
            password_hash: Some(passwords::hash("right").unwrap()),
            credential,
        };
        let app_users = vec![
            app("App", CredentialState::Active),
            app("gone", CredentialState::Locked),
        ];
        Builder {
            app_users,
            ..Builder::default()
        }
        .build()
        .unwrap()
    }

    #[tokio::test]
    async fn a_right_password_is_accepted_and_remembered_until_the_hash_changes() {
        let auth = Auth::new(SignOns::default());
        let (before, after) = (directory(), directory());
        let right = "right";
        assert_eq!(
            auth.password(&before, "APP", right, at(HERE, 0)).await,
            Ok("App".into())
        );
        let remembered = |directory: &Directory, at| {
            let hash = directory.app_user("app").unwrap().password_hash.unwrap();
            auth.memory.remembers(&auth.fingerprint(&hash, right), at)
        };
        assert!(remembered(&before, REMEMBERED_MS - 1));
        assert!(!remembered(&before, REMEMBERED_MS));
        assert!(
            !remembered(&after, 0),
            "a new hash of the same password is a new account state"
        );
    }

    #[tokio::test]
    async fn ten_wrong_passwords_lock_that_account_for_that_address_for_a_minute() {
        let auth = Auth::new(SignOns::default());
        let directory = directory();
        let (right, wrong) = ("right", "wrong");
        for now_ms in 0..10 {
            assert_eq!(
                auth.password(&directory, "app", wrong, at(HERE, now_ms))
                    .await,
                Err(Refused::Wrong)
            );
        }
        assert_eq!(
            auth.password(&directory, "app", right, at(HERE, 10)).await,
            Err(Refused::Wrong)
        );
        assert!(
            auth.password(&directory, "app", right, at(THERE, 10))
                .await
                .is_ok(),
            "another address is not locked"
        );
        assert_eq!(
            auth.password(&directory, "app", right, at(HERE, 60_008))
                .await,
            Err(Refused::Wrong)
        );
        assert!(
            auth.password(&directory, "app", right, at(HERE, 60_009))
                .await
                .is_ok()
        );
    }

    #[tokio::test]
    async fn guesses_made_at_the_same_time_are_counted_before_the_next_one_is_looked_at() {
        let metrics = SignOns::default();
        let auth = Auth::new(metrics.clone());
        let computed = metrics.hashes;
        let directory = directory();
        let guesses: Vec<String> = (0..60).map(|n| format!("wrong {n}")).collect();
        let mut all: Vec<_> = guesses
            .iter()
            .map(|guess| Box::pin(auth.password(&directory, "app", guess, at(HERE, 0))))
            .collect();
        // The right one waits behind them all.
        all.push(Box::pin(auth.password(
            &directory,
            "app",
            "right",
            at(HERE, 0),
        )));
        let answers = futures_util::future::join_all(all).await;
        assert!(answers.iter().all(|answer| *answer == Err(Refused::Wrong)));
        assert_eq!(computed.get(), 10);
    }

    #[tokio::test]
    async fn a_guess_whose_client_hangs_up_counts_too() {
        let metrics = SignOns::default();
        let auth = Auth::new(metrics.clone());
        let computed = metrics.hashes;
        let directory = directory();
        for n in 0..10 {
            let guess = format!("wrong {n}");
            let mut asked = Box::pin(auth.password(&directory, "app", &guess, at(HERE, 0)));
            let begun = || computed.get() > n;
            while !begun() {
                tokio::select! {
                    biased;
                    _ = &mut asked => {}
                    () = tokio::task::yield_now() => {}
                }
            }
            drop(asked);
        }
        assert_eq!(
            auth.password(&directory, "app", "right", at(HERE, 0)).await,
            Err(Refused::Wrong)
        );
        assert_eq!(computed.get(), 10);
    }

    #[tokio::test]
    async fn a_verification_given_up_half_way_leaves_nothing_behind() {
        let auth = Auth::new(SignOns::default());
        let directory = directory();
        let wrong = "wrong";
        {
            let mut first = Box::pin(auth.password(&directory, "app", wrong, at(HERE, 0)));
            let mut second = Box::pin(auth.password(&directory, "app", wrong, at(HERE, 0)));
            let mut nobody = Context::from_waker(Waker::noop());
            assert!(first.as_mut().poll(&mut nobody).is_pending());
            assert!(second.as_mut().poll(&mut nobody).is_pending());
        }
        assert!(lock(&auth.verifier.state).queue.is_empty());
    }

    #[tokio::test]
    async fn only_who_knows_the_secret_learns_that_the_account_is_locked() {
        let auth = Auth::new(SignOns::default());
        let directory = directory();
        let asks = async |secret| {
            let asked = auth.credential(&directory, "gone", secret, false, at(HERE, 0));
            asked.await.map(|(_, state)| state)
        };
        assert_eq!(asks("right").await, Ok(CredentialState::Locked));
        assert_eq!(asks("wrong").await, Err(Refused::Wrong));
        let nobody = auth.credential(&directory, "nobody", "right", false, at(HERE, 0));
        assert_eq!(nobody.await, Err(Refused::Wrong));
    }

    #[tokio::test]
    async fn a_wrong_secret_counts_once_where_a_pin_will_do_as_well() {
        let metrics = SignOns::default();
        let auth = Auth::new(metrics.clone());
        let computed = metrics.hashes;
        let directory = directory();
        for n in 0..9 {
            let guess = format!("wrong {n}");
            let asked = auth.credential(&directory, "app", &guess, true, at(HERE, 0));
            assert_eq!(asked.await, Err(Refused::Wrong));
        }
        assert_eq!(computed.get(), 18);
        let right = auth.credential(&directory, "app", "right", true, at(HERE, 0));
        assert_eq!(right.await, Ok(("App".into(), CredentialState::Active)));
    }

    #[tokio::test]
    async fn locked_accounts_and_unknown_users_are_refused_alike() {
        let auth = Auth::new(SignOns::default());
        let directory = directory();
        let right = "right";
        assert_eq!(
            auth.password(&directory, "gone", right, at(HERE, 0)).await,
            Err(Refused::Wrong)
        );
        assert_eq!(
            auth.password(&directory, "nobody", right, at(HERE, 0))
                .await,
            Err(Refused::Wrong)
        );
    }

    #[tokio::test]
    async fn no_spelling_of_a_name_escapes_the_lock_out() {
        let metrics = SignOns::default();
        let auth = Auth::new(metrics.clone());
        let directory = directory();
        let spellings = [
            "app",
            "APP",
            " app",
            "app\t",
            "app\u{a0}",
            "\u{2003}App\u{3000}",
        ];
        for (number, name) in spellings.iter().cycle().take(10).enumerate() {
            assert!(directory.account(&(*name).into()).is_some(), "{name:?}");
            let guess = format!("wrong {number}");
            let refused = auth.password(&directory, name, &guess, at(HERE, 0)).await;
            assert_eq!(refused, Err(Refused::Wrong));
        }
        for name in spellings {
            let right = auth.password(&directory, name, "right", at(HERE, 0)).await;
            assert_eq!(right, Err(Refused::Wrong), "{name:?}");
        }
        assert_eq!((metrics.hashes.get(), metrics.lock_outs.get()), (10, 1));
    }

    #[tokio::test]
    async fn a_sign_on_that_nobody_waits_for_any_more_is_not_computed() {
        let metrics = SignOns::default();
        let auth = Auth::new(metrics.clone());
        let directory = directory();
        {
            let guesses: Vec<String> = (0..50).map(|n| format!("wrong {n}")).collect();
            let asked = guesses
                .iter()
                .map(|guess| Box::pin(auth.password(&directory, guess, guess, at(HERE, 0))));
            let mut asked: Vec<_> = asked.collect();
            let mut nobody = Context::from_waker(Waker::noop());
            for one in &mut asked {
                assert!(one.as_mut().poll(&mut nobody).is_pending());
            }
        }
        let right = auth.password(&directory, "app", "right", at(HERE, 0)).await;
        assert!(right.is_ok());
        // The right one, and what was begun before the others had gone.
        assert!(metrics.hashes.get() < 10, "{}", metrics.hashes.get());
    }

    #[tokio::test]
    async fn beyond_the_bound_a_stranger_is_refused_at_once_and_may_try_again() {
        let auth = Auth::new(SignOns::default());
        let directory = directory();
        let guesses: Vec<String> = (0..200).map(|n| format!("wrong {n}")).collect();
        let asked = guesses
            .iter()
            .map(|guess| Box::pin(auth.password(&directory, guess, guess, at(HERE, 0))));
        let mut asked: Vec<_> = asked.collect();
        let mut nobody = Context::from_waker(Waker::noop());
        let polled = asked.iter_mut().map(|one| one.as_mut().poll(&mut nobody));
        let busy = polled.filter(|polled| polled == &std::task::Poll::Ready(Err(Refused::Busy)));
        assert!(busy.count() > 90);
        let other = auth
            .password(&directory, "app", "right", at(THERE, 0))
            .await;
        assert!(other.is_ok());
        drop(asked);
        let again = auth.password(&directory, "app", "right", at(HERE, 0)).await;
        assert!(again.is_ok());
    }

    #[tokio::test]
    async fn an_empty_secret_signs_nobody_on() {
        let metrics = SignOns::default();
        let auth = Auth::new(metrics.clone());
        let directory = directory();
        for user in ["app", "nobody"] {
            let empty = auth.password(&directory, user, "", at(HERE, 0)).await;
            assert_eq!(empty, Err(Refused::Wrong));
        }
        assert_eq!(metrics.hashes.get(), 0);
    }
}
