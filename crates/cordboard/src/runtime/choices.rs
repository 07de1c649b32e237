//! What users chose on pages, as the store has it: read at the start, so that nobody waits for a disk to see it again.

use cordboard_core::directory::Directory;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// One text for each user, whose form is the pages' business. Changed by the engine alone, after the store.
#[derive(Debug, Default)]
pub struct Choices {
    /// By user id in small letters.
    all: RwLock<HashMap<String, Arc<str>>>,
}

impl Choices {
    /// As they were stored.
    pub fn new(stored: Vec<(String, String)>) -> Self {
        let stored = stored.into_iter();
        let all = stored.map(|(user, text)| (user.to_lowercase(), text.into()));
        Self {
            all: RwLock::new(all.collect()),
        }
    }

    /// What a user chose, if he did.
    pub fn of(&self, user: &str) -> Option<Arc<str>> {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        all.get(&user.to_lowercase()).cloned()
    }

    pub(super) fn put(&self, user: &str, text: &str) {
        self.change(|all| {
            all.insert(user.to_lowercase(), text.into());
        });
    }

    pub(super) fn forget(&self, user: &str) {
        self.change(|all| {
            all.remove(&user.to_lowercase());
        });
    }

    /// Forgets those of users who are gone.
    pub(super) fn keep_users(&self, directory: &Directory) {
        self.change(|all| all.retain(|user, _| directory.end_user(user).is_some()));
    }

    pub(super) fn clear(&self) {
        self.change(HashMap::clear);
    }

    fn change(&self, change: impl FnOnce(&mut HashMap<String, Arc<str>>)) {
        change(&mut self.all.write().unwrap_or_else(PoisonError::into_inner));
    }
}
