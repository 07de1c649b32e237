//! Which of a producer's messages were accepted, to know those that it sends again after its connection was cut. [openwire §7.11]

use super::memory::Charge;
use super::rights::Owner;
use cordboard_wire::openwire::{ProducerId, Text};
use std::collections::{HashMap, VecDeque};

/// So many of a producer's last messages are remembered.
const WINDOW: i64 = 2_048;
const WORD: i64 = 64;
/// Maximum number of remembered connections that were cut; the oldest is forgotten for one more, and of an owner with half of them its
/// own oldest.
const CONNECTIONS: usize = 2_000;

/// The last numbers of one producer, as bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    highest: i64,
    bits: Box<[u64; (WINDOW / WORD) as usize]>,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            highest: -1,
            bits: Box::new([0; (WINDOW / WORD) as usize]),
        }
    }
}

impl Seen {
    fn place(number: i64) -> (usize, u64) {
        let place = number.rem_euclid(WINDOW);
        let word = usize::try_from(place / WORD).unwrap_or(0);
        (word, 1 << (place % WORD))
    }

    /// A message was accepted.
    pub(super) fn insert(&mut self, number: i64) {
        if number < 0 || number <= self.highest.saturating_sub(WINDOW) {
            return;
        }
        if number > self.highest {
            if number.saturating_sub(self.highest) >= WINDOW {
                self.bits.fill(0);
            }
            for between in number.saturating_sub(WINDOW).max(self.highest + 1)..number {
                let (word, bit) = Self::place(between);
                self.bits[word] &= !bit;
            }
            self.highest = number;
        }
        let (word, bit) = Self::place(number);
        self.bits[word] |= bit;
    }

    /// It was not, after all.
    pub(super) fn remove(&mut self, number: i64) {
        if self.contains(number) {
            let (word, bit) = Self::place(number);
            self.bits[word] &= !bit;
        }
    }

    pub(super) fn contains(&self, number: i64) -> bool {
        let (word, bit) = Self::place(number);
        let is_near = number <= self.highest && number > self.highest.saturating_sub(WINDOW);
        number >= 0 && is_near && self.bits[word] & bit != 0
    }
}

/// A connection that was cut: its owner and its id.
pub(super) type CutId = (Owner, Text);

/// The producers of one connection: what was accepted, and what remembering it counts for.
pub(super) type Producers = HashMap<ProducerId, (Seen, Charge)>;

/// What was accepted from connections that were cut, for when they come back.
#[derive(Debug, Default)]
pub(super) struct Cut {
    by_id: HashMap<CutId, Producers>,
    order: VecDeque<CutId>,
}

impl Cut {
    pub(super) fn remember(&mut self, connection: CutId, producers: Producers) {
        if producers.is_empty() {
            return;
        }
        let of_owner = |(owner, _): &&CutId| *owner == connection.0;
        if self.order.iter().filter(of_owner).count() >= CONNECTIONS / 2 {
            let oldest = self.order.iter().position(|other| of_owner(&other));
            if let Some(oldest) = oldest.and_then(|oldest| self.order.remove(oldest)) {
                self.by_id.remove(&oldest);
            }
        }
        if self.by_id.insert(connection.clone(), producers).is_none() {
            self.order.push_back(connection);
        }
        while self.order.len() > CONNECTIONS {
            if let Some(oldest) = self.order.pop_front() {
                self.by_id.remove(&oldest);
            }
        }
    }

    /// A connection is back.
    pub(super) fn take(&mut self, connection: &CutId) -> Producers {
        let Some(producers) = self.by_id.remove(connection) else {
            return Producers::default();
        };
        self.order.retain(|other| other != connection);
        producers
    }
}

#[cfg(test)]
mod tests {
    use super::super::Link;
    use super::super::memory::{ConnectionMemory, MemoryUsage};
    use super::*;

    #[test]
    fn what_was_accepted_is_known_and_what_was_left_out_is_not() {
        let mut seen = Seen::default();
        [1, 2, 5, 6, 2_000].iter().for_each(|n| seen.insert(*n));
        [6, 7, -1].iter().for_each(|n| seen.remove(*n));
        let known: Vec<i64> = (-2..2_010).filter(|n| seen.contains(*n)).collect();
        assert_eq!(known, [1, 2, 5, 2_000]);
        // The window moves on, and nothing of the last round is in it.
        seen.insert(2_100);
        let known: Vec<i64> = (0..6_000).filter(|n| seen.contains(*n)).collect();
        assert_eq!(known, [2_000, 2_100]);
        seen.insert(i64::MAX);
        assert!(seen.contains(i64::MAX) && !seen.contains(2_100));
        // One that comes late is one of the window, or it is nothing.
        seen.insert(i64::MAX - 3);
        seen.insert(7);
        assert!(seen.contains(i64::MAX - 3) && !seen.contains(7));
    }

    #[test]
    fn an_owner_is_remembered_with_half_of_all_cut_connections_and_pushes_out_nobody_elses() {
        let total = MemoryUsage::new(1 << 20);
        let memory = ConnectionMemory::new(Link(1), total.owner(), false);
        let name = |owner: &str, n: usize| {
            let id = Text::from(n.to_string().as_str());
            (Owner::User(owner.into()), id)
        };
        let producers =
            || Producers::from([(ProducerId::default(), (Seen::default(), memory.charge(1)))]);
        let mut cut = Cut::default();
        cut.remember(name("ann", 0), producers());
        (0..CONNECTIONS).for_each(|n| cut.remember(name("eve", n), producers()));
        cut.remember(name("ann", 1), Producers::default());
        assert_eq!(cut.by_id.len(), CONNECTIONS / 2 + 1);
        assert_eq!(total.used(), cut.order.len());
        assert!(cut.take(&name("eve", CONNECTIONS / 2 - 1)).is_empty());
        assert_eq!(cut.take(&name("eve", CONNECTIONS / 2)).len(), 1);
        assert_eq!(cut.take(&name("ann", 0)).len(), 1);
        assert!(cut.take(&name("ann", 0)).is_empty());
        assert!(cut.take(&name("ann", 1)).is_empty());
    }
}
