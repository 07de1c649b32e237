//! Credentials against the directory: passwords, tokens, lock-out. [decision 4]
//!
//! SOAP sends the password with every request, so a verified one is remembered for at most [`REMEMBERED_MS`] of the
//! exchange's clock. What is remembered is an HMAC over hash and password, under a key made at start: the moment an
//! account's hash changes, nothing remembered fits it any more.

use super::tokens::Tokens;
use cordboard_core::directory::{Account, CredentialState, Directory, PasswordHash};
use cordboard_core::ids::UserId;
use cordboard_store::passwords;
use hmac::{Hmac, KeyInit, Mac};
use prometheus_client::metrics::counter::Counter;
use sha2::Sha256;
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

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
/// So many hashes are computed at once: each takes 19 MiB and a core for 20 ms. One leaves the other cores to the calls and
/// halves the peak; a flood of wrong passwords makes first sign-ons wait, nothing else. [decision 4]
const HASHED_AT_ONCE: usize = 1;
/// What the password of nobody is compared with: a hash of random bytes that were thrown away, at the usual cost.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$6cQ68OvO1D5v3VZW42cemw$kqVRzawqVhYezhqL8Ct+3kd4vWyMRvJAvqigdj+yfag";

/// What the sign-on checker knows. One for all services.
#[derive(Debug)]
pub struct Auth {
    key: [u8; 32],
    memory: Arc<Memory>,
    /// Tokens, of users and of the JSON API.
    pub tokens: Tokens,
    hashing: Arc<Semaphore>,
    /// Credentials that are being verified: whoever brings the same one waits for that instead of computing it again.
    under_way: UnderWay,
    dummy: PasswordHash,
    computed: Counter,
}

/// What earlier sign-ons left behind. Shared with the threads that compute hashes: what one found out counts even when the
/// client that asked has gone.
#[derive(Debug, Default)]
struct Memory {
    /// Fingerprints of verified credentials, and until when they hold.
    remembered: Mutex<HashMap<[u8; 32], u64>>,
    /// When wrong passwords came, oldest first.
    wrong: Mutex<HashMap<Pair, VecDeque<u64>>>,
}

/// Whom a lock-out concerns: the fingerprint of an account, in small letters, and of an address. What a stranger calls himself
/// may be long, and nothing of it is kept.
type Pair = [u8; 32];

type UnderWay = Mutex<HashMap<[u8; 32], Arc<tokio::sync::Mutex<()>>>>;

/// A place in the queue for one credential; the last to leave it clears the queue away.
struct Place<'a> {
    all: &'a UnderWay,
    key: [u8; 32],
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl<'a> Place<'a> {
    fn take(all: &'a UnderWay, key: [u8; 32]) -> Self {
        let turn = lock(all).entry(key).or_default().clone();
        Self { all, key, turn }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut all = lock(self.all);
        // The map's and ours: nobody else stands here.
        if Arc::strong_count(&self.turn) <= 2 {
            all.remove(&self.key);
        }
    }
}

/// The credential was refused; why is nobody's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

impl Auth {
    /// A checker that remembers nothing yet, and counts the hashes it computes.
    ///
    /// # Panics
    /// When the system gives no randomness at start-up.
    pub fn new(computed: Counter) -> Self {
        let mut key = [0; 32];
        getrandom::fill(&mut key).expect("the system gives randomness at start-up");
        Self {
            key,
            memory: Arc::default(),
            tokens: Tokens::default(),
            hashing: Arc::new(Semaphore::new(HASHED_AT_ONCE)),
            under_way: Mutex::default(),
            dummy: PasswordHash::new(NOBODY.to_owned()),
            computed,
        }
    }

    /// Forgets remembered credentials and lock-outs.
    pub fn forget(&self) {
        lock(&self.memory.remembered).clear();
        lock(&self.memory.wrong).clear();
    }

    /// Checks a user's password and answers the id as the directory writes it. `now_ms` and `address` are for memory and
    /// lock-out. A user who does not exist costs as much time as a wrong password.
    ///
    /// # Errors
    /// [`Refused`], whatever the reason.
    pub async fn password(
        &self,
        directory: &Directory,
        user: &str,
        password: &str,
        address: IpAddr,
        now_ms: u64,
    ) -> Result<UserId, Refused> {
        let account = directory.account(user);
        let usable = account.filter(|a| a.credential() == CredentialState::Active);
        let hash = usable.as_ref().and_then(Account::password_hash);
        let visit = self.visit(user, address, now_ms);
        if !self.fits(&[hash], password, &visit).await {
            return Err(Refused);
        }
        usable.map(|a| a.id().clone()).ok_or(Refused)
    }

    /// Checks a secret as [`Auth::password`] does, and answers the state of the account too: that it is locked, or that its
    /// password has expired, learns only who knows the secret. With `pin` an end user's PIN will do as well.
    ///
    /// # Errors
    /// [`Refused`] for a secret that does not fit, or a lock-out.
    pub async fn credential(
        &self,
        directory: &Directory,
        user: &str,
        secret: &str,
        pin: bool,
        visit: (IpAddr, u64),
    ) -> Result<(UserId, CredentialState), Refused> {
        let account = directory.account(user);
        let pin_hash = match &account {
            Some(Account::End(user)) => user.pin_hash.as_ref(),
            Some(Account::App(_)) | None => None,
        };
        let hashes = [account.as_ref().and_then(Account::password_hash), pin_hash];
        let hashes = &hashes[..if pin { 2 } else { 1 }];
        let visit = self.visit(user, visit.0, visit.1);
        if !self.fits(hashes, secret, &visit).await {
            return Err(Refused);
        }
        let known = account.map(|account| (account.id().clone(), account.credential()));
        known.ok_or(Refused)
    }

    /// Checks an end user's PIN, as [`Auth::password`] does a password.
    ///
    /// # Errors
    /// [`Refused`], whatever the reason.
    pub async fn pin(
        &self,
        directory: &Directory,
        user: &str,
        pin: &str,
        visit: (IpAddr, u64),
    ) -> Result<UserId, Refused> {
        let person = directory.end_user(user);
        let usable = person.filter(|person| person.credential == CredentialState::Active);
        let hash = usable.as_ref().and_then(|person| person.pin_hash.as_ref());
        let visit = self.visit(user, visit.0, visit.1);
        if !self.fits(&[hash], pin, &visit).await {
            return Err(Refused);
        }
        usable.map(|person| person.id).ok_or(Refused)
    }

    /// Checks a secret against a hash that is not an account's of the directory, or against nobody's, which costs as much. `visit` is
    /// address and time, for memory and lock-out.
    ///
    /// # Errors
    /// [`Refused`] for a secret that does not fit, or a lock-out.
    pub async fn secret(
        &self,
        user: &str,
        hash: Option<&PasswordHash>,
        secret: &str,
        visit: (IpAddr, u64),
    ) -> Result<(), Refused> {
        let visit = self.visit(user, visit.0, visit.1);
        match self.fits(&[hash], secret, &visit).await {
            true => Ok(()),
            false => Err(Refused),
        }
    }

    /// Does a secret fit one of these hashes? As many are computed for whoever has none; a wrong secret counts once.
    async fn fits(&self, hashes: &[Option<&PasswordHash>], secret: &str, visit: &Visit) -> bool {
        let Visit { pair, now_ms } = visit;
        if self.memory.is_locked(pair, *now_ms) {
            return false;
        }
        for (index, hash) in hashes.iter().enumerate() {
            let known = hash.is_some();
            let hash = hash.unwrap_or(&self.dummy);
            let key = self.fingerprint(hash, secret);
            let asked = Asked {
                hash,
                password: secret,
                key,
                pair,
                now_ms: *now_ms,
                counts: index + 1 == hashes.len(),
            };
            // Others may have guessed meanwhile: who is locked now was not let in, whatever his own guess was.
            let right = self.memory.remembers(&key, *now_ms)
                || (self.verify(asked).await && !self.memory.is_locked(pair, *now_ms));
            if right && known {
                lock(&self.memory.wrong).remove(pair);
                return true;
            }
        }
        false
    }

    /// Checks a token and answers its owner, an end user whose account is not locked. It is a credential of its own: that the
    /// owner's password has expired does not matter. [webdialer §10]
    ///
    /// # Errors
    /// [`Refused`] for an unknown or expired one, or an owner who may not use one.
    pub fn token(
        &self,
        directory: &Directory,
        token: &str,
        wall_ms: i64,
    ) -> Result<UserId, Refused> {
        let known = self.tokens.of_user(token, wall_ms).ok_or(Refused)?;
        let owner = directory.end_user(known.user.as_str()).ok_or(Refused)?;
        if owner.credential == CredentialState::Locked {
            return Err(Refused);
        }
        Ok(owner.id)
    }

    fn fingerprint(&self, hash: &PasswordHash, password: &str) -> [u8; 32] {
        self.digest(hash.expose().as_bytes(), password.as_bytes())
    }

    fn visit(&self, user: &str, address: IpAddr, now_ms: u64) -> Visit {
        let address = address.to_string();
        Visit {
            pair: self.digest(address.as_bytes(), user.to_lowercase().as_bytes()),
            now_ms,
        }
    }

    /// The first text has no NUL in it.
    fn digest(&self, first: &[u8], second: &[u8]) -> [u8; 32] {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        mac.update(first);
        mac.update(&[0]);
        mac.update(second);
        mac.finalize().into_bytes().into()
    }

    async fn verify(&self, asked: Asked<'_>) -> bool {
        // Whoever is cancelled while waiting leaves too: the place is kept by its drop.
        let place = Place::take(&self.under_way, asked.key);
        let _turn = place.turn.lock().await;
        self.memory.remembers(&asked.key, asked.now_ms) || self.compute(asked).await
    }

    async fn compute(&self, asked: Asked<'_>) -> bool {
        // Never closed.
        let Ok(permit) = Arc::clone(&self.hashing).acquire_owned().await else {
            return false;
        };
        // Those who came at the same time were all let in to wait; what they guessed before this one counts.
        if self.memory.is_locked(asked.pair, asked.now_ms) {
            return false;
        }
        self.computed.inc();
        let Asked {
            key,
            now_ms,
            counts,
            ..
        } = asked;
        let (hash, password) = (asked.hash.clone(), asked.password.to_owned());
        let (memory, pair) = (self.memory.clone(), *asked.pair);
        // The permit goes along: a client that hangs up does not stop the computation, so it must not free its place. Nor
        // does it get a guess for nothing: the result is noted before the next one begins.
        let right = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let right = passwords::verify(&password, &hash);
            if right {
                memory.remember(key, now_ms);
            } else if counts {
                memory.count_wrong(pair, now_ms);
            }
            right
        });
        right.await.unwrap_or(false)
    }
}

/// A credential to verify.
#[derive(Clone, Copy)]
struct Asked<'a> {
    hash: &'a PasswordHash,
    password: &'a str,
    key: [u8; 32],
    pair: &'a Pair,
    now_ms: u64,
    /// Does a wrong one count towards the lock-out? Not when another hash is tried after it.
    counts: bool,
}

/// Who comes, from where, and when.
struct Visit {
    pair: Pair,
    now_ms: u64,
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

    fn count_wrong(&self, pair: Pair, now_ms: u64) {
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

    fn directory() -> Directory {
        let app = |id: &str, credential| AppUser {
            id: id.into(),
            rights: Vec::new(),
            devices: Vec::new(),
            password_hash: Some(passwords::hash("right")),
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
        let auth = Auth::new(Counter::default());
        let (before, after) = (directory(), directory());
        let right = "right";
        assert_eq!(
            auth.password(&before, "APP", right, HERE, 0).await,
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
        let auth = Auth::new(Counter::default());
        let directory = directory();
        let (right, wrong) = ("right", "wrong");
        for at in 0..10 {
            assert_eq!(
                auth.password(&directory, "app", wrong, HERE, at).await,
                Err(Refused)
            );
        }
        assert_eq!(
            auth.password(&directory, "app", right, HERE, 10).await,
            Err(Refused)
        );
        assert!(
            auth.password(&directory, "app", right, THERE, 10)
                .await
                .is_ok(),
            "another address is not locked"
        );
        assert_eq!(
            auth.password(&directory, "app", right, HERE, 60_008).await,
            Err(Refused)
        );
        assert!(
            auth.password(&directory, "app", right, HERE, 60_009)
                .await
                .is_ok()
        );
    }

    #[tokio::test]
    async fn guesses_made_at_the_same_time_are_counted_before_the_next_one_is_looked_at() {
        let computed = Counter::default();
        let auth = Auth::new(computed.clone());
        let directory = directory();
        let guesses: Vec<String> = (0..200).map(|n| format!("wrong {n}")).collect();
        let mut all: Vec<_> = guesses
            .iter()
            .map(|guess| Box::pin(auth.password(&directory, "app", guess, HERE, 0)))
            .collect();
        // The right one waits behind them all.
        all.push(Box::pin(auth.password(&directory, "app", "right", HERE, 0)));
        let answers = futures_util::future::join_all(all).await;
        assert!(answers.iter().all(|answer| *answer == Err(Refused)));
        assert_eq!(computed.get(), 10);
    }

    #[tokio::test]
    async fn a_guess_whose_client_hangs_up_counts_too() {
        let computed = Counter::default();
        let auth = Auth::new(computed.clone());
        let directory = directory();
        for n in 0..10 {
            let guess = format!("wrong {n}");
            let mut asked = Box::pin(auth.password(&directory, "app", &guess, HERE, 0));
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
            auth.password(&directory, "app", "right", HERE, 0).await,
            Err(Refused)
        );
        assert_eq!(computed.get(), 10);
    }

    #[tokio::test]
    async fn a_verification_given_up_half_way_leaves_nothing_behind() {
        let auth = Auth::new(Counter::default());
        let directory = directory();
        let wrong = "wrong";
        {
            let mut first = Box::pin(auth.password(&directory, "app", wrong, HERE, 0));
            let mut second = Box::pin(auth.password(&directory, "app", wrong, HERE, 0));
            let mut nobody = Context::from_waker(Waker::noop());
            assert!(first.as_mut().poll(&mut nobody).is_pending());
            assert!(second.as_mut().poll(&mut nobody).is_pending());
            assert_eq!(lock(&auth.under_way).len(), 1);
        }
        assert!(lock(&auth.under_way).is_empty());
    }

    #[tokio::test]
    async fn only_who_knows_the_secret_learns_that_the_account_is_locked() {
        let auth = Auth::new(Counter::default());
        let directory = directory();
        let asks = async |secret| {
            let asked = auth.credential(&directory, "gone", secret, false, (HERE, 0));
            asked.await.map(|(_, state)| state)
        };
        assert_eq!(asks("right").await, Ok(CredentialState::Locked));
        assert_eq!(asks("wrong").await, Err(Refused));
        let nobody = auth.credential(&directory, "nobody", "right", false, (HERE, 0));
        assert_eq!(nobody.await, Err(Refused));
    }

    #[tokio::test]
    async fn a_wrong_secret_counts_once_where_a_pin_will_do_as_well() {
        let computed = Counter::default();
        let auth = Auth::new(computed.clone());
        let directory = directory();
        for n in 0..9 {
            let guess = format!("wrong {n}");
            let asked = auth.credential(&directory, "app", &guess, true, (HERE, 0));
            assert_eq!(asked.await, Err(Refused));
        }
        assert_eq!(computed.get(), 18);
        let right = auth.credential(&directory, "app", "right", true, (HERE, 0));
        assert_eq!(right.await, Ok(("App".into(), CredentialState::Active)));
    }

    #[tokio::test]
    async fn locked_accounts_and_unknown_users_are_refused_alike() {
        let auth = Auth::new(Counter::default());
        let directory = directory();
        let right = "right";
        assert_eq!(
            auth.password(&directory, "gone", right, HERE, 0).await,
            Err(Refused)
        );
        assert_eq!(
            auth.password(&directory, "nobody", right, HERE, 0).await,
            Err(Refused)
        );
    }
}
