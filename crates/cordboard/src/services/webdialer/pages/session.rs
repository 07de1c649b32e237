//! Who is signed in on the pages, and what he prefers. [webdialer §8.3]
//!
//! A browser holds one random id; everything else stays here, under the id's hash. A session ends by sign-out, by its age, when
//! the account changes, and when the program does.

use crate::services::sign_on_queue::Source;
use crate::services::tokens;
use cordboard_core::directory::{CredentialState, Directory, PasswordHash};
use cordboard_core::ids::UserId;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Maximum number of sessions; beyond, the oldest session of the account that began most of them ends.
const SESSIONS: usize = 100_000;
/// Maximum number of sessions of one user that one origin has begun; beyond, the oldest of these ends. A program that signs in for each
/// call, or calls for a user, never comes back to its own sessions.
const PER_ORIGIN: usize = 16;
/// Maximum number of sessions that one account has begun, for whichever users and from wherever; beyond, the oldest of these ends.
const PER_ACCOUNT: usize = 1_000;
/// Pressed again within this time, the button of one dial page means the same call.
const PRESSED_MS: u64 = 3_000;
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

/// What began a session: an account, by its password, from an address. Sessions of one origin push out each other and no others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The account: the user's own, or an application's that acts for the user.
    pub account: UserId,
    /// The network.
    pub source: Source,
}

/// Somebody signed in.
#[derive(Clone, Debug)]
pub struct Session {
    /// Who.
    pub user: UserId,
    origin: Origin,
    /// What he prefers; `None`: he was never asked.
    pub preferences: Option<Arc<Preferences>>,
    /// The call that was placed last here.
    pub placed: Option<Placed>,
    /// The dial page whose button was pressed last, and when.
    pressed: Option<(String, u64)>,
    since_ms: u64,
    /// His password's hash when he signed in: with another one he has to sign in again.
    hash: Option<PasswordHash>,
}

impl Session {
    /// Somebody from now on.
    pub fn new(
        directory: &Directory,
        user: &UserId,
        origin: Origin,
        preferences: Option<Preferences>,
        now_ms: u64,
    ) -> Self {
        let account = directory.end_user(user.as_str());
        Self {
            user: user.clone(),
            origin,
            preferences: preferences.map(Arc::new),
            placed: None,
            pressed: None,
            since_ms: now_ms,
            hash: account.and_then(|user| user.password_hash),
        }
    }

    fn is_too_old(&self, now_ms: u64, expiry_h: u32) -> bool {
        let age = now_ms.saturating_sub(self.since_ms);
        expiry_h > 0 && age >= u64::from(expiry_h) * HOUR_MS
    }

    /// May its user be signed in, with the password he had then?
    fn fits(&self, directory: &Directory) -> bool {
        let account = directory.end_user(self.user.as_str());
        account.is_some_and(|user| {
            user.credential == CredentialState::Active && user.password_hash == self.hash
        })
    }
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
    all: Mutex<All>,
}

/// Sessions by the hash of their id, and their numbers in the order in which they began.
#[derive(Debug, Default)]
struct All {
    by_id: HashMap<Arc<str>, (u64, Session)>,
    in_order: BTreeMap<u64, Arc<str>>,
    of_user: BTreeSet<(UserId, u64)>,
    /// By the account that began them.
    of_account: BTreeMap<UserId, BTreeSet<u64>>,
    begun: u64,
}

impl All {
    fn add(&mut self, id: Arc<str>, session: Session) {
        self.begun += 1;
        self.in_order.insert(self.begun, id.clone());
        self.of_user.insert((session.user.clone(), self.begun));
        let account = session.origin.account.clone();
        self.of_account
            .entry(account)
            .or_default()
            .insert(self.begun);
        self.by_id.insert(id, (self.begun, session));
    }

    fn remove(&mut self, id: &str) {
        if let Some((number, session)) = self.by_id.remove(id) {
            self.in_order.remove(&number);
            self.of_user.remove(&(session.user, number));
            let account = session.origin.account;
            if let Some(numbers) = self.of_account.get_mut(&account) {
                numbers.remove(&number);
                if numbers.is_empty() {
                    self.of_account.remove(&account);
                }
            }
        }
    }

    /// Ends what must go for a new session of this user and origin.
    fn make_room(&mut self, user: &UserId, origin: &Origin) {
        let mut own = self.ids_of(user);
        own.retain(
            |id| matches!(self.by_id.get(id), Some((_, session)) if session.origin == *origin),
        );
        if own.len() >= PER_ORIGIN
            && let Some(oldest) = own.first()
        {
            self.remove(oldest);
        }
        let of_account = self.of_account.get(&origin.account);
        if of_account.is_some_and(|numbers| numbers.len() >= PER_ACCOUNT) {
            self.remove_oldest_of(&origin.account);
        }
        if self.by_id.len() >= SESSIONS {
            let most = self
                .of_account
                .iter()
                .max_by_key(|(_, numbers)| numbers.len());
            if let Some(account) = most.map(|(account, _)| account.clone()) {
                self.remove_oldest_of(&account);
            }
        }
    }

    fn remove_oldest_of(&mut self, account: &UserId) {
        let numbers = self.of_account.get(account);
        let oldest = numbers.and_then(|numbers| numbers.first());
        if let Some(id) = oldest.and_then(|number| self.in_order.get(number)).cloned() {
            self.remove(&id);
        }
    }

    fn ids_of(&self, user: &UserId) -> Vec<Arc<str>> {
        let first = (user.clone(), 0);
        let numbers = self.of_user.range(first..);
        let numbers = numbers.take_while(|(whose, _)| whose == user);
        let ids = numbers.filter_map(|(_, number)| self.in_order.get(number));
        ids.cloned().collect()
    }

    fn remove_oldest(&mut self) {
        if let Some((_, id)) = self.in_order.pop_first() {
            self.remove(&id);
        }
    }

    /// The oldest are the first that are too old.
    fn remove_expired(&mut self, now_ms: u64, expiry_h: u32) {
        while let Some((_, id)) = self.in_order.first_key_value() {
            let oldest = self.by_id.get(id);
            if !oldest.is_none_or(|(_, session)| session.is_too_old(now_ms, expiry_h)) {
                break;
            }
            self.remove_oldest();
        }
    }
}

impl Sessions {
    /// Signs a user in and answers the new id; `None` when his account may not sign in.
    pub fn begin(&self, directory: &Directory, session: Session, expiry_h: u32) -> Option<String> {
        if !session.fits(directory) {
            return None;
        }
        let id = tokens::generate("cbs");
        let mut all = self.lock();
        all.remove_expired(session.since_ms, expiry_h);
        all.make_room(&session.user, &session.origin);
        all.add(tokens::hash(&id).into(), session);
        Some(id)
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
        let found = self.lock().by_id.get(&*key).cloned();
        let Some((_, session)) = found else {
            return Known::Expired;
        };
        if session.is_too_old(now_ms, expiry_h) || !session.fits(directory) {
            self.lock().remove(&key);
            return Known::Expired;
        }
        Known::SignedIn(session)
    }

    /// Gives everybody signed in as this user his new preferences.
    pub fn prefer(&self, user: &UserId, preferences: &Arc<Preferences>) {
        let mut all = self.lock();
        for id in all.ids_of(user) {
            if let Some((_, session)) = all.by_id.get_mut(&id) {
                session.preferences = Some(preferences.clone());
            }
        }
    }

    /// Remembers the call that was placed last.
    pub fn called(&self, id: &str, placed: Placed) {
        if let Some((_, session)) = self.lock().by_id.get_mut(&*tokens::hash(id)) {
            session.placed = Some(placed);
        }
    }

    /// The button of a dial page is pressed. Was it pressed a moment ago already, as by a double click?
    pub fn is_pressed_again(&self, id: &str, page: &str, now_ms: u64) -> bool {
        let mut all = self.lock();
        let Some((_, session)) = all.by_id.get_mut(&*tokens::hash(id)) else {
            return false;
        };
        let known = session.pressed.as_ref();
        let again = known.is_some_and(|(pressed, at)| {
            pressed == page && now_ms.saturating_sub(*at) < PRESSED_MS
        });
        if !again {
            session.pressed = Some((page.to_owned(), now_ms));
        }
        again
    }

    /// Signs out.
    pub fn end(&self, id: &str) {
        self.lock().remove(&tokens::hash(id));
    }

    /// Signs everybody out (lab reset).
    pub fn clear(&self) {
        *self.lock() = All::default();
    }

    /// So many are signed in.
    pub fn count(&self, now_ms: u64, expiry_h: u32) -> usize {
        let mut all = self.lock();
        all.remove_expired(now_ms, expiry_h);
        all.by_id.len()
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(account: &str, last: u8) -> Origin {
        Origin {
            account: account.into(),
            source: std::net::IpAddr::from([10, 0, 0, last]).into(),
        }
    }

    fn session(user: &str, now_ms: u64) -> Session {
        Session {
            user: user.into(),
            origin: origin(user, 1),
            preferences: None,
            placed: None,
            pressed: None,
            since_ms: now_ms,
            hash: None,
        }
    }

    #[test]
    fn whatever_ends_a_session_leaves_nothing_of_it_behind() {
        let mut all = All::default();
        for (number, user) in ["ann", "bill", "ann", "annabel"].into_iter().enumerate() {
            let id = format!("{number}");
            let since_ms = u64::try_from(number).unwrap() * HOUR_MS;
            all.add(id.as_str().into(), session(user, since_ms));
        }
        let ids = |all: &All, user: &str| -> Vec<String> {
            let ids = all.ids_of(&user.into());
            ids.iter().map(ToString::to_string).collect()
        };
        assert_eq!(ids(&all, "ann"), ["0", "2"]);
        all.remove("2");
        all.remove("unknown");
        assert_eq!(ids(&all, "ann"), ["0"]);
        // An hour after the third began, those of an hour and more are gone.
        all.remove_expired(2 * HOUR_MS, 1);
        assert_eq!(ids(&all, "bill"), [""; 0]);
        assert_eq!(ids(&all, "annabel"), ["3"]);
        all.remove_oldest();
        let left = (all.by_id.len(), all.in_order.len(), all.of_user.len());
        assert_eq!((left, all.of_account.len()), ((0, 0, 0), 0));
    }

    #[test]
    fn sessions_of_one_origin_push_out_each_other_and_no_others() {
        let mut all = All::default();
        let begin = |all: &mut All, id: String, user: &str, origin: Origin| {
            all.make_room(&user.into(), &origin);
            let session = Session {
                origin,
                ..session(user, 0)
            };
            all.add(id.into(), session);
        };
        begin(&mut all, "browser".into(), "bill", origin("bill", 1));
        for number in 0..40 {
            begin(&mut all, format!("app {number}"), "bill", origin("app", 1));
            begin(&mut all, format!("own {number}"), "bill", origin("bill", 2));
        }
        let left = all.ids_of(&"bill".into());
        assert_eq!(left.len(), 1 + 2 * PER_ORIGIN);
        assert_eq!(&*left[0], "browser");
        assert!(left.iter().any(|id| &**id == "app 39"));
        assert!(!left.iter().any(|id| &**id == "app 23"));
        // An application acts for thousands.
        for number in 0..3 * PER_ACCOUNT {
            let user = format!("user {number}");
            begin(&mut all, format!("for {number}"), &user, origin("app", 1));
        }
        assert_eq!(all.of_account[&UserId::from("app")].len(), PER_ACCOUNT);
        assert!(all.by_id.contains_key("browser"));
    }

    #[test]
    fn when_there_are_too_many_sessions_the_account_that_began_most_loses_its_oldest() {
        let mut all = All::default();
        all.add("browser".into(), session("ann", 0));
        for number in 1..SESSIONS {
            let by = match number % 3 {
                0 => "one",
                _ => "two",
            };
            let session = Session {
                origin: origin(by, 1),
                ..session("bill", 0)
            };
            all.add(format!("{number}").into(), session);
        }
        all.make_room(&"cid".into(), &origin("cid", 1));
        assert_eq!(all.by_id.len(), SESSIONS - 1);
        assert!(all.by_id.contains_key("browser"));
        assert!(all.by_id.contains_key("3") && !all.by_id.contains_key("1"));
    }
}
