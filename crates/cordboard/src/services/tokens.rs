//! Tokens that were given out: those that stand for a user, and those of the JSON API with their roles.
//!
//! Only hashes are kept. A token is random enough (256 bits) that a plain hash protects it and guessing needs no lock-out.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use cordboard_core::Wall;
use cordboard_core::directory::same_name;
use cordboard_core::ids::UserId;
use cordboard_store::{ApiToken, UserToken};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The use of one token is logged at most this often.
const LOGGED_MS: i64 = 3_600_000;

/// The known tokens, by hash. What is stored is the store's; this is what requests are checked against.
#[derive(Debug, Default)]
pub struct Tokens {
    users: Mutex<HashMap<String, UserToken>>,
    api: Mutex<HashMap<String, ApiToken>>,
    /// How often tokens of the API were taken away: who holds one looks it up again only when this has moved.
    taken: AtomicU64,
    /// When the use of a token was logged last, by hash.
    logged: Mutex<HashMap<String, i64>>,
}

/// A token of the API in use for longer than one request.
#[derive(Clone, Debug)]
pub struct Held {
    hash: String,
    expires: Option<Wall>,
    taken: u64,
}

impl Held {
    /// Is its time over?
    pub fn has_expired(&self, now: impl FnOnce() -> Wall) -> bool {
        self.expires.is_some_and(|end| end <= now())
    }
}

impl Tokens {
    /// Replaces all.
    pub fn set(&self, users: Vec<UserToken>, api: Vec<ApiToken>) {
        *lock(&self.users) = users.into_iter().map(|t| (t.hash.clone(), t)).collect();
        *lock(&self.api) = api.into_iter().map(|t| (t.hash.clone(), t)).collect();
        lock(&self.logged).clear();
        self.taken.fetch_add(1, Ordering::Release);
    }

    /// Returns `true` if the use of a token is to be logged, because it was not lately.
    pub fn is_to_be_logged(&self, hash: &str, wall_ms: i64) -> bool {
        let mut logged = lock(&self.logged);
        match logged.get_mut(hash) {
            Some(last) if wall_ms.saturating_sub(*last).saturating_abs() < LOGGED_MS => false,
            Some(last) => {
                *last = wall_ms;
                true
            }
            None => {
                logged.insert(hash.to_owned(), wall_ms);
                true
            }
        }
    }

    /// Adds a user's token.
    pub fn add_user(&self, token: UserToken) {
        lock(&self.users).insert(token.hash.clone(), token);
    }

    /// Adds a token of the API.
    pub fn add_api(&self, token: ApiToken) {
        lock(&self.api).insert(token.hash.clone(), token);
    }

    /// Forgets a token.
    pub fn remove(&self, hash: &str) {
        lock(&self.users).remove(hash);
        lock(&self.api).remove(hash);
        lock(&self.logged).remove(hash);
        self.taken.fetch_add(1, Ordering::Release);
    }

    /// Forgets all tokens of a user.
    pub fn remove_all_of(&self, user: &UserId) {
        lock(&self.users).retain(|_, token| !same_name(token.user.as_str(), user.as_str()));
    }

    /// The user's token by what was given out, unless it has expired.
    pub fn of_user(&self, token: &str, wall_ms: i64) -> Option<UserToken> {
        let known = lock(&self.users).get(&hash(token)).cloned()?;
        let ended = known.expires.is_some_and(|end| end.0 <= wall_ms);
        (!ended).then_some(known)
    }

    /// The API's token by what was given out, unless it has expired.
    pub fn of_api(&self, token: &str, wall_ms: i64) -> Option<ApiToken> {
        let known = lock(&self.api).get(&hash(token)).cloned()?;
        let ended = known.expires.is_some_and(|end| end.0 <= wall_ms);
        (!ended).then_some(known)
    }

    /// The API's token by what was given out, as [`Tokens::of_api`], with what [`Tokens::still_has`] asks about later.
    pub fn hold_api(&self, token: &str, wall_ms: i64) -> Option<(ApiToken, Held)> {
        // Read first: a token that is taken away behind the look-up moves it.
        let taken = self.taken.load(Ordering::Acquire);
        let known = self.of_api(token, wall_ms)?;
        let held = Held {
            hash: known.hash.clone(),
            expires: known.expires,
            taken,
        };
        Some((known, held))
    }

    /// Was it not taken away? Ten thousand ask at every event, so that this is one comparison as long as no token was.
    pub fn still_has(&self, held: &mut Held) -> bool {
        let taken = self.taken.load(Ordering::Acquire);
        if std::mem::replace(&mut held.taken, taken) == taken {
            return true;
        }
        lock(&self.api).contains_key(&held.hash)
    }

    /// A user's tokens, oldest first.
    pub fn list_of(&self, user: &UserId) -> Vec<UserToken> {
        let mut found: Vec<UserToken> = lock(&self.users)
            .values()
            .filter(|token| same_name(token.user.as_str(), user.as_str()))
            .cloned()
            .collect();
        found.sort_by(|a, b| (a.created, &a.hash).cmp(&(b.created, &b.hash)));
        found
    }

    /// The API's tokens, oldest first.
    pub fn list_api(&self) -> Vec<ApiToken> {
        let mut found: Vec<ApiToken> = lock(&self.api).values().cloned().collect();
        found.sort_by(|a, b| (a.created, &a.hash).cmp(&(b.created, &b.hash)));
        found
    }
}

/// Whose a token is. It is written in front of it, for people, for programs that look for leaked secrets, and so that the
/// command line sends neither kind to where the other belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Stands for a user.
    User,
    /// Opens the JSON API.
    Api,
}

impl Kind {
    /// The word in front of the underscore.
    pub fn word(self) -> &'static str {
        match self {
            Self::User => "cbu",
            Self::Api => "cba",
        }
    }

    /// The kind of a token; `None` for one that is not ours.
    pub fn of(token: &str) -> Option<Self> {
        let (word, _) = token.split_once('_')?;
        [Self::User, Self::Api]
            .into_iter()
            .find(|kind| kind.word() == word)
    }
}

/// A new token, as it is given out once, behind the word that says what it is.
///
/// # Panics
/// When the system gives no randomness; nothing safe can be done then.
pub fn generate(word: &str) -> String {
    let mut random = [0; 32];
    getrandom::fill(&mut random).expect("the system gives randomness");
    format!("{word}_{}", BASE64_URL_SAFE_NO_PAD.encode(random))
}

/// The form in which a token is kept: its SHA-256, in hex.
pub fn hash(token: &str) -> String {
    Sha256::digest(token.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
