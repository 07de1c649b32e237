//! Messages that wait, with how many bytes they count for.

use cordboard_wire::openwire::{Destination, Message};
use std::collections::VecDeque;
use std::sync::Arc;

/// A message that waits, with where it waits.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) message: Arc<Message>,
    pub(super) from: Destination,
    /// How often it was delivered in vain.
    pub(super) redelivered: i32,
}

impl Held {
    /// So many bytes it counts for, whoever else holds it.
    pub(super) fn size(&self) -> usize {
        size(&self.message)
    }

    /// The broker's number of it.
    pub(super) fn sequence(&self) -> i64 {
        let id = self.message.message_id.as_ref();
        id.map_or(0, |id| id.broker_sequence_id)
    }
}

/// Messages in their order.
#[derive(Debug, Default)]
pub(super) struct Pile {
    messages: VecDeque<Held>,
    bytes: usize,
}

/// How much may wait in one place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) messages: usize,
    pub(super) bytes: usize,
}

impl Pile {
    /// Is there room for one more?
    pub(super) fn has_room(&self, held: &Held, room: Room) -> bool {
        self.messages.len() < room.messages && self.bytes + held.size() <= room.bytes
    }

    pub(super) fn push_back(&mut self, held: Held) {
        self.bytes += held.size();
        self.messages.push_back(held);
    }

    pub(super) fn push_front(&mut self, held: Held) {
        self.bytes += held.size();
        self.messages.push_front(held);
    }

    /// Adds one, and drops the oldest until there is room for it; says how many those were.
    pub(super) fn push_dropping(&mut self, held: Held, room: Room) -> u64 {
        let mut dropped = 0;
        while !self.has_room(&held, room) && self.pop_front().is_some() {
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
        Some(held)
    }

    /// Where the first is that is so.
    pub(super) fn position(&self, is_so: impl Fn(&Held) -> bool) -> Option<usize> {
        self.messages.iter().position(is_so)
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

    /// What all of them count for.
    #[cfg(test)]
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

/// So many bytes a message counts for.
pub fn size(message: &Message) -> usize {
    const HEADERS: usize = 1024;
    let content = message.content.as_ref().map_or(0, |content| content.len());
    let properties = message.marshalled_properties.as_ref();
    HEADERS + content + properties.map_or(0, |properties| properties.len())
}
