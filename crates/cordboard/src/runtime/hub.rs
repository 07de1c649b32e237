//! What happened lately, for listeners: the last events by their numbers, and a bell.
//!
//! The engine publishes and waits for nobody. A listener keeps its own place; whoever falls behind what is kept is told so
//! ([`Heard::Missed`]) and reads the state anew.

use bytes::Bytes;
use cordboard_core::exchange::Event;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::sync::watch;

/// So many events are kept for listeners that are slow or come back.
pub const BACKLOG: usize = 10_000;
/// A listener takes so many at a time, so that one who was away does not hold up others.
const HANDFUL: usize = 256;

/// The last events and who waits for the next.
#[derive(Debug)]
pub struct Hub {
    kept: Mutex<Kept>,
    /// Rung after each batch that published something; holds nothing, the numbers say what is new.
    bell: watch::Sender<()>,
    closed: AtomicBool,
}

#[derive(Debug)]
struct Kept {
    events: VecDeque<Arc<Published>>,
    /// The number of the newest event, kept or not.
    last: u64,
}

/// An event that everybody may see.
#[derive(Debug)]
pub struct Published {
    /// The event.
    pub event: Event,
    frame: OnceLock<Bytes>,
}

impl Published {
    /// The event written down, once for all who are sent the same.
    pub fn frame(&self, write: impl FnOnce(&Event) -> Bytes) -> Bytes {
        self.frame.get_or_init(|| write(&self.event)).clone()
    }
}

impl Hub {
    /// A hub before any event but those with numbers up to `last`, which are not known any more.
    pub fn new(last: u64) -> Self {
        Self {
            kept: Mutex::new(Kept {
                events: VecDeque::new(),
                last,
            }),
            bell: watch::Sender::new(()),
            closed: AtomicBool::new(false),
        }
    }

    /// Keeps an event. Listeners hear of it at the next [`Hub::ring`].
    pub fn publish(&self, event: Event) {
        let mut kept = self.lock();
        if kept.events.len() >= BACKLOG {
            kept.events.pop_front();
        }
        kept.last = event.sequence;
        kept.events.push_back(Arc::new(Published {
            event,
            frame: OnceLock::new(),
        }));
    }

    /// Wakes the listeners.
    pub fn ring(&self) {
        if self.bell.receiver_count() > 0 {
            self.bell.send_replace(());
        }
    }

    /// Ends all listeners: the program stops.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.bell.send_replace(());
    }

    /// The number of the newest event.
    pub fn last(&self) -> u64 {
        self.lock().last
    }

    /// A listener for what comes after the event with this number; `None`: after now.
    pub fn listen(self: &Arc<Self>, since: Option<u64>) -> Listener {
        let bell = self.bell.subscribe();
        Listener {
            at: since.unwrap_or_else(|| self.last()),
            bell,
            hub: self.clone(),
        }
    }

    fn after(&self, number: u64) -> Option<Heard> {
        let kept = self.lock();
        if number == kept.last {
            return None;
        }
        let first = kept.events.front().map_or(u64::MAX, |e| e.event.sequence);
        // A number from before what is kept, or one that was never given.
        if number > kept.last || number.saturating_add(1) < first {
            return Some(Heard::Missed);
        }
        let from = kept.events.partition_point(|e| e.event.sequence <= number);
        let events = kept.events.range(from..).take(HANDFUL);
        Some(Heard::Events(events.cloned().collect()))
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a listener hears.
#[derive(Debug)]
pub enum Heard {
    /// The next events, in order, none left out.
    Events(Vec<Arc<Published>>),
    /// Events are gone that it did not hear. It is to read the state and say by [`Listener::caught_up`] as of which event.
    Missed,
    /// The program stops.
    Closed,
}

/// One listener's place.
#[derive(Debug)]
pub struct Listener {
    hub: Arc<Hub>,
    bell: watch::Receiver<()>,
    at: u64,
}

impl Listener {
    /// Waits for what comes next. Cancel-safe: nothing is taken before it is returned.
    pub async fn next(&mut self) -> Heard {
        loop {
            if self.hub.closed.load(Ordering::Acquire) {
                return Heard::Closed;
            }
            // What is rung from here on is not missed.
            self.bell.mark_unchanged();
            match self.hub.after(self.at) {
                Some(Heard::Events(events)) => {
                    if let Some(last) = events.last() {
                        self.at = last.event.sequence;
                    }
                    return Heard::Events(events);
                }
                Some(heard) => return heard,
                None => {}
            }
            if self.bell.changed().await.is_err() {
                return Heard::Closed;
            }
        }
    }

    /// Goes on after this event.
    pub fn caught_up(&mut self, number: u64) {
        self.at = number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cordboard_core::exchange::EventKind;
    use cordboard_core::now::Wall;

    fn event(sequence: u64) -> Event {
        Event {
            sequence,
            at: Wall(0),
            ticket: None,
            kind: EventKind::NetworkUp,
        }
    }

    fn numbers(heard: Heard) -> Vec<u64> {
        match heard {
            Heard::Events(events) => events.iter().map(|e| e.event.sequence).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_listener_hears_every_event_once_and_in_order() {
        let hub = Arc::new(Hub::new(7));
        let mut early = hub.listen(None);
        hub.publish(event(8));
        hub.publish(event(9));
        let mut late = hub.listen(Some(8));
        let mut now = hub.listen(None);
        hub.ring();
        assert_eq!(numbers(early.next().await), [8, 9]);
        assert_eq!(numbers(late.next().await), [9]);
        hub.publish(event(10));
        hub.ring();
        assert_eq!(numbers(early.next().await), [10]);
        assert_eq!(numbers(now.next().await), [10]);
        hub.close();
        assert!(matches!(early.next().await, Heard::Closed));
    }

    #[tokio::test]
    async fn whoever_missed_events_is_told_and_goes_on_from_where_it_says() {
        let hub = Arc::new(Hub::new(0));
        let mut slow = hub.listen(None);
        let all = u64::try_from(BACKLOG).unwrap();
        for number in 1..=all + 1 {
            hub.publish(event(number));
        }
        assert!(matches!(slow.next().await, Heard::Missed));
        slow.caught_up(all);
        assert_eq!(numbers(slow.next().await), [all + 1]);
        assert_eq!(numbers(hub.listen(Some(1)).next().await).len(), HANDFUL);
        assert!(matches!(
            hub.listen(Some(all + 9)).next().await,
            Heard::Missed
        ));
        // After a restart nothing from before is kept.
        assert!(matches!(
            Arc::new(Hub::new(5)).listen(Some(4)).next().await,
            Heard::Missed
        ));
    }
}
