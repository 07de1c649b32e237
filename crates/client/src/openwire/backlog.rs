//! What waits to be sent: bounded, and the oldest goes first when it is full. [openwire §8.2]

use super::Publication;
use std::collections::VecDeque;

/// So many messages wait at most.
pub(super) const MESSAGES: usize = 10_000;
/// So many bytes of messages wait at most; a single larger one waits alone.
pub(super) const BYTES: usize = 8 << 20;
/// What a message weighs beside its texts.
const OVERHEAD: usize = 256;

/// Messages in the order they were published.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    waiting: VecDeque<Publication>,
    bytes: usize,
}

impl Backlog {
    /// Adds a message; how many older ones had to go for it.
    pub(super) fn push(&mut self, publication: Publication) -> u64 {
        self.bytes += weight(&publication);
        self.waiting.push_back(publication);
        let mut dropped = 0;
        while self.waiting.len() > MESSAGES || (self.bytes > BYTES && self.waiting.len() > 1) {
            self.pop();
            dropped += 1;
        }
        dropped
    }

    /// The oldest.
    pub(super) fn pop(&mut self) -> Option<Publication> {
        let publication = self.waiting.pop_front()?;
        self.bytes -= weight(&publication);
        Some(publication)
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}

fn weight(publication: &Publication) -> usize {
    let Publication {
        destination,
        text,
        jms_type,
        correlation_id,
        reply_to,
        ..
    } = publication;
    let name = |destination: &cordboard_wire::openwire::Destination| {
        destination
            .physical_name
            .as_ref()
            .map_or(0, |name| name.to_str_lossy().len())
    };
    OVERHEAD
        + name(destination)
        + text.len()
        + jms_type.as_ref().map_or(0, String::len)
        + correlation_id.as_ref().map_or(0, String::len)
        + reply_to.as_ref().map_or(0, name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cordboard_wire::openwire::Destination;

    fn publication(text: impl Into<String>) -> Publication {
        Publication::new(Destination::topic("t"), text)
    }

    #[test]
    fn the_oldest_goes_when_there_are_too_many() {
        let mut backlog = Backlog::default();
        let dropped: u64 = (0..MESSAGES + 5)
            .map(|n| backlog.push(publication(n.to_string())))
            .sum();
        assert_eq!((dropped, backlog.len()), (5, MESSAGES));
        assert_eq!(backlog.pop().unwrap().text, "5");
    }

    #[test]
    fn the_oldest_goes_when_they_are_too_large() {
        let mut backlog = Backlog::default();
        let megabyte = "x".repeat(1 << 20);
        let dropped: u64 = (0..10).map(|_| backlog.push(publication(&megabyte))).sum();
        assert_eq!((dropped, backlog.len()), (3, 7));
        // One that is too large by itself is still sent, if the broker takes it.
        assert_eq!(backlog.push(publication("x".repeat(BYTES + 1))), 7);
        assert_eq!(backlog.len(), 1);
        backlog.pop();
        assert_eq!(backlog.bytes, 0);
    }
}
