//! Who listens to a name, found without asking everybody.

use super::names::Pattern;
use super::state::Consumer;
use cordboard_wire::openwire::Destination;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Consumers by the names that they listen to, and those that listen to names of a form.
#[derive(Debug, Default)]
pub(super) struct Index {
    names: HashMap<Destination, BTreeSet<u64>>,
    forms: BTreeSet<u64>,
}

impl Index {
    pub(super) fn insert(&mut self, key: u64, patterns: &[Pattern]) {
        for pattern in patterns {
            match pattern.is_name() {
                true => {
                    let keys = self.names.entry(pattern.destination.clone()).or_default();
                    keys.insert(key);
                }
                false => {
                    self.forms.insert(key);
                }
            }
        }
    }

    pub(super) fn remove(&mut self, key: u64, patterns: &[Pattern]) {
        self.forms.remove(&key);
        for pattern in patterns.iter().filter(|pattern| pattern.is_name()) {
            let Some(keys) = self.names.get_mut(&pattern.destination) else {
                continue;
            };
            keys.remove(&key);
            if keys.is_empty() {
                self.names.remove(&pattern.destination);
            }
        }
    }

    /// Does anybody listen to just this name?
    pub(super) fn is_listened_to(&self, name: &Destination) -> bool {
        self.names.contains_key(name)
    }

    /// Returns the number of consumers of names of a form: they are asked one by one.
    pub(super) fn forms(&self) -> usize {
        self.forms.len()
    }

    /// How many listen to exactly this name.
    pub(super) fn count(&self, name: &Destination) -> usize {
        self.names.get(name).map_or(0, |listening| listening.len())
    }

    /// Whose patterns fit a name, in the order in which they came, each once.
    pub(super) fn listening(
        &self,
        name: &Destination,
        consumers: &BTreeMap<u64, Consumer>,
        found: &mut Vec<u64>,
    ) {
        found.clear();
        found.extend(self.names.get(name).into_iter().flatten());
        if self.forms.is_empty() {
            return;
        }
        let fits = |key: &&u64| consumers.get(key).is_some_and(|c| c.takes_from(name));
        found.extend(self.forms.iter().filter(fits));
        found.sort_unstable();
        found.dedup();
    }
}
