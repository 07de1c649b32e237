//! The messages that were taken last: one that comes again is not carried out again. [cti §2.2]

use std::collections::{HashMap, VecDeque};

/// So many are remembered.
const REMEMBERED: usize = 2_048;

/// Message ids, the newest last, with the number of the connection on which each came.
#[derive(Debug, Default)]
pub(super) struct Recent {
    order: VecDeque<Box<str>>,
    known: HashMap<Box<str>, u64>,
}

impl Recent {
    /// Notes an id that came on a connection. Returns `true` if its message was taken before: only a message that the broker hands out
    /// again, on another connection or with its word for it, can be. Its sender wrote the id, and may write that of another's.
    pub(super) fn is_repetition(&mut self, id: &str, connection: u64, redelivered: bool) -> bool {
        match self.known.insert(id.into(), connection) {
            Some(before) => redelivered || before != connection,
            None => {
                self.order.push_back(id.into());
                if self.order.len() > REMEMBERED
                    && let Some(oldest) = self.order.pop_front()
                {
                    self.known.remove(&oldest);
                }
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_messages_are_known_and_older_ones_forgotten() {
        let mut recent = Recent::default();
        for number in 0..=REMEMBERED {
            assert!(!recent.is_repetition(&format!("ID:{number}"), 1, false));
        }
        assert!(recent.is_repetition("ID:1", 2, false));
        assert!(!recent.is_repetition("ID:0", 2, false));
        assert_eq!(recent.known.len(), REMEMBERED);
    }

    #[test]
    fn an_id_that_somebody_else_wrote_before_makes_no_repetition() {
        let mut recent = Recent::default();
        assert!(!recent.is_repetition("ID:next", 1, false));
        assert!(!recent.is_repetition("ID:next", 1, false));
        assert!(recent.is_repetition("ID:next", 1, true));
        assert!(recent.is_repetition("ID:next", 2, false));
    }
}
