//! Messages that wait, with how many bytes they count for.

use super::parcel::Held;
use std::collections::VecDeque;

/// Messages in their order.
#[derive(Debug, Default)]
pub(super) struct Pile {
    messages: VecDeque<Held>,
    bytes: usize,
    /// How many of them can expire.
    mortal: usize,
}

/// How much may wait in one place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) messages: usize,
    pub(super) bytes: usize,
}

impl Pile {
    /// Is there room for one more of this size?
    pub(super) fn has_room(&self, size: usize, room: Room) -> bool {
        self.messages.len() < room.messages && self.bytes + size <= room.bytes
    }

    pub(super) fn push_back(&mut self, held: Held) {
        self.count(&held);
        self.messages.push_back(held);
    }

    pub(super) fn push_front(&mut self, held: Held) {
        self.count(&held);
        self.messages.push_front(held);
    }

    /// Puts messages back to where they were: all are in the order of their numbers, here and in `returned`.
    pub(super) fn give_back(&mut self, returned: Vec<Held>) {
        let Some(last) = returned.last().map(Held::sequence) else {
            return;
        };
        let before = self.messages.partition_point(|held| held.sequence() < last);
        let mut ahead: Vec<Held> = self.messages.drain(..before).collect();
        returned.iter().for_each(|held| self.count(held));
        ahead.extend(returned);
        // Two sorted runs: the sort merges them.
        ahead.sort_by_key(Held::sequence);
        ahead
            .into_iter()
            .rev()
            .for_each(|held| self.messages.push_front(held));
    }

    /// The place of the first message with this number or a later one.
    pub(super) fn place_of(&self, sequence: i64) -> usize {
        self.messages
            .partition_point(|held| held.sequence() < sequence)
    }

    fn count(&mut self, held: &Held) {
        self.bytes += held.size();
        self.mortal += usize::from(held.may_expire());
    }

    /// Adds one, and drops the oldest until there is room for it; says how many those were.
    pub(super) fn push_dropping(&mut self, held: Held, room: Room) -> u64 {
        let mut dropped = 0;
        while !self.has_room(held.size(), room) && self.pop_front().is_some() {
            dropped += 1;
        }
        self.push_back(held);
        dropped
    }

    pub(super) fn pop_front(&mut self) -> Option<Held> {
        self.remove(0)
    }

    pub(super) fn remove(&mut self, at: usize) -> Option<Held> {
        let held = self.messages.remove(at)?;
        self.bytes -= held.size();
        self.mortal -= usize::from(held.may_expire());
        Some(held)
    }

    /// Takes out what has expired.
    pub(super) fn take_expired(&mut self, now: i64) -> Vec<Held> {
        if self.mortal == 0 || !self.messages.iter().any(|held| held.is_expired(now)) {
            return Vec::new();
        }
        let all = std::mem::take(self).messages;
        let (expired, left): (Vec<Held>, Vec<Held>) =
            all.into_iter().partition(|held| held.is_expired(now));
        *self = left.into_iter().collect();
        expired
    }

    pub(super) fn get(&self, at: usize) -> Option<&Held> {
        self.messages.get(at)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Held> {
        self.messages.iter()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    /// What all of them count for.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl FromIterator<Held> for Pile {
    fn from_iter<I: IntoIterator<Item = Held>>(messages: I) -> Self {
        let mut pile = Self::default();
        messages.into_iter().for_each(|held| pile.push_back(held));
        pile
    }
}
