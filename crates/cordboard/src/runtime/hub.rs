//! What happened lately, for listeners: the last events by their numbers, and who waits for the next.
//!
//! The engine publishes and waits for nobody. A listener keeps its own place; whoever falls behind what is kept is told so
//! ([`Heard::Missed`]) and reads the state anew. Heralds, one for each processor, wake those who wait, a handful at a time and
//! none before the last handful was served: what was woken is still near when its turn comes.

use bytes::Bytes;
use cordboard_core::exchange::Event;
use slab::Slab;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::sync::Notify;

/// So many events are kept for listeners that are slow or come back.
pub const BACKLOG: usize = 10_000;
/// A listener takes so many events at a time, so that one who was away does not hold up others.
const HANDFUL: usize = 256;
/// A herald wakes so many listeners before it lets them go on.
const WAKE_AT_A_TIME: usize = 64;
/// After so long without an event, listeners hear [`Heard::Nothing`].
const QUIET: Duration = Duration::from_secs(15);

/// The last events and who waits for the next.
#[derive(Debug)]
pub struct Hub {
    kept: Mutex<VecDeque<Arc<Published>>>,
    /// The number of the newest event, kept or not.
    last: AtomicU64,
    rooms: Box<[Room]>,
    /// The room of the next listener.
    turn: AtomicUsize,
    closed: AtomicBool,
}

/// Where a part of the listeners waits, each herald having its own.
#[derive(Debug, Default)]
struct Room {
    waiting: Mutex<Waiting>,
    bell: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    /// How often the room was emptied: places from before are gone.
    emptied: u64,
    /// How often that was because nothing happened.
    quiet: u64,
    places: Slab<Waker>,
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
        let rooms = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            kept: Mutex::default(),
            last: AtomicU64::new(last),
            rooms: (0..rooms).map(|_| Room::default()).collect(),
            turn: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
        }
    }

    /// Starts the heralds; they end with [`Hub::close`].
    pub fn start(self: &Arc<Self>) {
        for number in 0..self.rooms.len() {
            let hub = self.clone();
            tokio::spawn(async move { hub.herald(&hub.rooms[number]).await });
        }
    }

    /// Keeps an event. Listeners hear of it at the next [`Hub::ring`].
    pub fn publish(&self, event: Event) {
        let mut kept = self.kept();
        if kept.len() >= BACKLOG {
            kept.pop_front();
        }
        let number = event.sequence;
        kept.push_back(Arc::new(Published {
            event,
            frame: OnceLock::new(),
        }));
        self.last.store(number, Ordering::Release);
    }

    /// Has the listeners woken.
    pub fn ring(&self) {
        for room in &self.rooms {
            room.bell.notify_one();
        }
    }

    /// Ends all listeners: the program stops.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.ring();
    }

    /// The number of the newest event.
    pub fn last(&self) -> u64 {
        self.last.load(Ordering::Acquire)
    }

    /// A listener for what comes after the event with this number; `None`: after now.
    pub fn listen(self: &Arc<Self>, since: Option<u64>) -> Listener {
        let room = self.turn.fetch_add(1, Ordering::Relaxed) % self.rooms.len();
        let quiet = self.rooms[room].waiting().quiet;
        Listener {
            at: since.unwrap_or_else(|| self.last()),
            hub: self.clone(),
            room,
            place: None,
            quiet,
        }
    }

    async fn herald(&self, room: &Room) {
        loop {
            // Cancel-safe: a bell that was rung meanwhile is heard at the next look.
            let quiet = tokio::time::timeout(QUIET, room.bell.notified()).await;
            let mut woken = room.emptied(quiet.is_err()).into_iter().peekable();
            while woken.peek().is_some() {
                for (_, waker) in woken.by_ref().take(WAKE_AT_A_TIME) {
                    waker.wake();
                }
                tokio::task::yield_now().await;
            }
            if self.closed.load(Ordering::Acquire) {
                return;
            }
        }
    }

    fn after(&self, number: u64) -> Option<Heard> {
        let last = self.last();
        if number == last {
            return None;
        }
        let kept = self.kept();
        let first = kept.front().map_or(u64::MAX, |e| e.event.sequence);
        // A number from before what is kept, or one that was never given.
        if number > last || number.saturating_add(1) < first {
            return Some(Heard::Missed);
        }
        let from = kept.partition_point(|e| e.event.sequence <= number);
        let events = kept.range(from..).take(HANDFUL);
        Some(Heard::Events(events.cloned().collect()))
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<Arc<Published>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All who wait; the room is empty then.
    fn emptied(&self, quiet: bool) -> Slab<Waker> {
        let mut waiting = self.waiting();
        waiting.emptied += 1;
        waiting.quiet += u64::from(quiet);
        std::mem::take(&mut waiting.places)
    }
}

/// What a listener hears.
#[derive(Debug)]
pub enum Heard {
    /// The next events, in order, none left out.
    Events(Vec<Arc<Published>>),
    /// Events are gone that it did not hear. It is to read the state and say by [`Listener::caught_up`] as of which event.
    Missed,
    /// Nothing happened for a while.
    Nothing,
    /// The program stops.
    Closed,
}

/// One listener: its place among the events, and in its room while it waits.
#[derive(Debug)]
pub struct Listener {
    hub: Arc<Hub>,
    at: u64,
    room: usize,
    place: Option<Place>,
    quiet: u64,
}

#[derive(Debug)]
struct Place {
    emptied: u64,
    key: usize,
}

impl Listener {
    /// What comes next. Nothing is taken before it is returned.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Heard> {
        if let Some(heard) = self.heard() {
            return Poll::Ready(heard);
        }
        if self.wait(context.waker()) {
            return Poll::Ready(Heard::Nothing);
        }
        // What came before the place was taken would be told to nobody.
        self.heard().map_or(Poll::Pending, Poll::Ready)
    }

    /// Waits for what comes next. Cancel-safe: nothing is taken before it is returned.
    pub async fn next(&mut self) -> Heard {
        std::future::poll_fn(|context| self.poll_next(context)).await
    }

    /// The number of the event that it heard last, or that it begins after.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Goes on after this event.
    pub fn caught_up(&mut self, number: u64) {
        self.at = number;
    }

    /// What is there already; `None`: nothing. For whoever must have heard everything before going on.
    pub fn heard(&mut self) -> Option<Heard> {
        if self.hub.closed.load(Ordering::Acquire) {
            return Some(Heard::Closed);
        }
        let heard = self.hub.after(self.at);
        if let Some(Heard::Events(events)) = &heard
            && let Some(last) = events.last()
        {
            self.at = last.event.sequence;
        }
        heard
    }

    /// Takes a place in the room, or says that it has been quiet.
    fn wait(&mut self, waker: &Waker) -> bool {
        let mut waiting = self.hub.rooms[self.room].waiting();
        if std::mem::replace(&mut self.quiet, waiting.quiet) != waiting.quiet {
            return true;
        }
        match &self.place {
            Some(place) if place.emptied == waiting.emptied => {
                if let Some(kept) = waiting.places.get_mut(place.key) {
                    kept.clone_from(waker);
                }
            }
            _ => {
                let (emptied, key) = (waiting.emptied, waiting.places.insert(waker.clone()));
                self.place = Some(Place { emptied, key });
            }
        }
        false
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut waiting = self.hub.rooms[self.room].waiting();
        if let Some(place) = &self.place
            && place.emptied == waiting.emptied
        {
            waiting.places.try_remove(place.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cordboard_core::exchange::{Ends, EventKind};
    use cordboard_core::now::Wall;

    fn event(sequence: u64) -> Event {
        Event {
            sequence,
            at: Wall(0),
            ticket: None,
            ends: Ends::Input,
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
        hub.start();
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
