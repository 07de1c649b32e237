//! The messages that were taken last: one that comes again is not carried out again. [cti §2.2]

use std::collections::{HashSet, VecDeque};

/// So many are remembered.
const REMEMBERED: usize = 2_048;

/// Message ids, the newest last.
#[derive(Debug, Default)]
pub(super) struct Recent {
    order: VecDeque<Box<str>>,
    known: HashSet<Box<str>>,
}

impl Recent {
    /// Notes an id. Says whether it was not among the last.
    pub(super) fn is_new(&mut self, id: &str) -> bool {
        if !self.known.insert(id.into()) {
            return false;
        }
        self.order.push_back(id.into());
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_messages_are_known_and_older_ones_forgotten() {
        let mut recent = Recent::default();
        for number in 0..=REMEMBERED {
            assert!(recent.is_new(&format!("ID:{number}")));
        }
        assert!(!recent.is_new("ID:1"));
        assert!(recent.is_new("ID:0"));
        assert_eq!(recent.known.len(), REMEMBERED);
    }
}
