//! What waits to be sent: bounded, and the oldest goes first when it is full. [openwire §8.2]

use super::Publication;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// So many messages wait at most.
pub(super) const MESSAGES: usize = 10_000;
/// So many bytes of messages wait at most; a single larger one waits alone.
pub(super) const BYTES: usize = 8 << 20;
/// What a message weighs beside its texts.
const OVERHEAD: usize = 256;

/// Messages in the order they were published.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    /// With the time since which each waits.
    waiting: VecDeque<(Instant, Publication)>,
    bytes: usize,
}

impl Backlog {
    /// Adds a message; how many older ones had to go for it.
    pub(super) fn push(&mut self, publication: Publication, now: Instant) -> u64 {
        self.bytes += weight(&publication);
        self.waiting.push_back((now, publication));
        let mut dropped = 0;
        while self.waiting.len() > MESSAGES || (self.bytes > BYTES && self.waiting.len() > 1) {
            self.oldest();
            dropped += 1;
        }
        dropped
    }

    /// The oldest whose time is not up, with what is left of its time; and how many were found whose time is.
    pub(super) fn pop(&mut self, now: Instant) -> (Option<Publication>, u64) {
        let mut stale = 0;
        while let Some((since, mut publication)) = self.oldest() {
            let waited = now.saturating_duration_since(since);
            let left = publication
                .time_to_live
                .map(|ttl| ttl.saturating_sub(waited));
            if left == Some(Duration::ZERO) {
                stale += 1;
                continue;
            }
            publication.time_to_live = left;
            return (Some(publication), stale);
        }
        (None, stale)
    }

    fn oldest(&mut self) -> Option<(Instant, Publication)> {
        let (since, publication) = self.waiting.pop_front()?;
        self.bytes -= weight(&publication);
        Some((since, publication))
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
        let now = Instant::now();
        let dropped: u64 = (0..MESSAGES + 5)
            .map(|n| backlog.push(publication(n.to_string()), now))
            .sum();
        assert_eq!((dropped, backlog.len()), (5, MESSAGES));
        assert_eq!(backlog.pop(now).0.unwrap().text, "5");
    }

    #[test]
    fn the_oldest_goes_when_they_are_too_large() {
        let mut backlog = Backlog::default();
        let megabyte = "x".repeat(1 << 20);
        let now = Instant::now();
        let dropped: u64 = (0..10)
            .map(|_| backlog.push(publication(&megabyte), now))
            .sum();
        assert_eq!((dropped, backlog.len()), (3, 7));
        // One that is too large by itself is still sent, if the broker takes it.
        assert_eq!(backlog.push(publication("x".repeat(BYTES + 1)), now), 7);
        assert_eq!(backlog.len(), 1);
        backlog.pop(now);
        assert_eq!(backlog.bytes, 0);
    }
    #[test]
    fn what_waited_beyond_its_time_is_not_sent_and_the_rest_only_for_what_is_left() {
        let mut backlog = Backlog::default();
        let begun = Instant::now();
        let second = Duration::from_secs(1);
        for (text, ttl) in [("call", Some(5)), ("later", Some(9)), ("event", None)] {
            let time_to_live = ttl.map(Duration::from_secs);
            let publication = Publication {
                time_to_live,
                ..publication(text)
            };
            backlog.push(publication, begun);
        }
        let (found, stale) = backlog.pop(begun + 5 * second);
        let found = found.unwrap();
        assert_eq!((found.text.as_str(), stale), ("later", 1));
        assert_eq!(found.time_to_live, Some(4 * second));
        let (found, stale) = backlog.pop(begun + 1_000 * second);
        assert_eq!((found.unwrap().text.as_str(), stale), ("event", 0));
        assert_eq!(backlog.bytes, 0);
    }
}
