//! Who is signed in on the pages, and what he prefers. [webdialer §8.3]
//!
//! A browser holds one random id; everything else stays here, under the id's hash. A session ends by sign-out, by its age, when
//! the account changes, and when the program does.

use crate::services::tokens;
use cordboard_core::directory::{CredentialState, Directory, PasswordHash};
use cordboard_core::ids::UserId;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// So many are signed in at once; the one who signed in first has to do so again when there are more.
const SESSIONS: usize = 100_000;
/// An hour of the exchange's clock.
const HOUR_MS: u64 = 3_600_000;

/// What a user chose on the preferences page; stored, so that it stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Preferences {
    /// The phone to call from; `None`: the one he sits at.
    pub device: Option<String>,
    /// The line on it, as it was chosen.
    pub line: Option<String>,
    /// The pages' language.
    pub language: Option<String>,
    /// Dial without showing the dial page first.
    pub skip_confirmation: bool,
    /// Leave the page open that offers to hang up.
    pub no_auto_close: bool,
}

/// A call that was placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Its id.
    pub call: String,
    /// The number, as it was asked for.
    pub number: String,
}

/// Somebody signed in.
#[derive(Clone, Debug)]
pub struct Session {
    /// Who.
    pub user: UserId,
    /// What he prefers; `None`: he was never asked.
    pub preferences: Option<Arc<Preferences>>,
    /// The call that was placed last here.
    pub placed: Option<Placed>,
    since_ms: u64,
    /// His password's hash when he signed in: with another one he has to sign in again.
    hash: Option<PasswordHash>,
}

/// What a session id leads to.
#[derive(Clone, Debug)]
pub enum Known {
    /// Somebody who is signed in.
    SignedIn(Session),
    /// Somebody who was.
    Expired,
    /// Nobody.
    Nobody,
}

/// All sessions.
#[derive(Debug, Default)]
pub struct Sessions {
    all: Mutex<HashMap<String, Session>>,
}

impl Sessions {
    /// Signs a user in and answers the new id.
    pub fn begin(
        &self,
        directory: &Directory,
        user: &UserId,
        preferences: Option<Preferences>,
        now_ms: u64,
    ) -> String {
        let id = tokens::generate("cbs");
        let hash = directory.end_user(user.as_str());
        let session = Session {
            user: user.clone(),
            preferences: preferences.map(Arc::new),
            placed: None,
            since_ms: now_ms,
            hash: hash.and_then(|user| user.password_hash.clone()),
        };
        let mut all = self.lock();
        if all.len() >= SESSIONS {
            let oldest = all.iter().min_by_key(|(_, session)| session.since_ms);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                all.remove(&oldest);
            }
        }
        all.insert(tokens::hash(&id), session);
        id
    }

    /// Who has this id. `expiry_h` 0: no age ends a session.
    pub fn find(
        &self,
        directory: &Directory,
        id: Option<&str>,
        now_ms: u64,
        expiry_h: u32,
    ) -> Known {
        let Some(id) = id else {
            return Known::Nobody;
        };
        let key = tokens::hash(id);
        let found = self.lock().get(&key).cloned();
        let Some(session) = found else {
            return Known::Expired;
        };
        let age = now_ms.saturating_sub(session.since_ms);
        let too_old = expiry_h > 0 && age >= u64::from(expiry_h) * HOUR_MS;
        let account = directory.end_user(session.user.as_str());
        let same = account.is_some_and(|user| {
            user.credential == CredentialState::Active && user.password_hash == session.hash
        });
        if too_old || !same {
            self.lock().remove(&key);
            return Known::Expired;
        }
        Known::SignedIn(session)
    }

    /// Gives everybody signed in as this user his new preferences.
    pub fn prefer(&self, user: &UserId, preferences: &Arc<Preferences>) {
        for session in self.lock().values_mut() {
            if session.user == *user {
                session.preferences = Some(preferences.clone());
            }
        }
    }

    /// Remembers the call that was placed last.
    pub fn called(&self, id: &str, placed: Placed) {
        if let Some(session) = self.lock().get_mut(&tokens::hash(id)) {
            session.placed = Some(placed);
        }
    }

    /// Signs out.
    pub fn end(&self, id: &str) {
        self.lock().remove(&tokens::hash(id));
    }

    /// Signs everybody out (lab reset).
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// So many are signed in.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
