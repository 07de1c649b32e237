//! What becomes of messages when there are too many, or when their time is over. [openwire §7.12]

use super::memory::Charge;
use super::parcel::{Held, Parcel};
use super::pile::Pile;
use super::state::Consumer;
use super::{Broker, HOUSE, Link};
use cordboard_wire::openwire::{Destination, Headers, Message};
use std::sync::Arc;

/// How often it is looked what has expired and which queues are used, in milliseconds.
const SWEEP_MS: i64 = 1_000;
/// A queue that nobody uses is forgotten after so long. [openwire §10.6]
const FORGOTTEN_MS: i64 = 60_000;

const TOO_LATE: &str = "java.lang.Throwable: Message Expired.";

impl Broker {
    /// Time has passed: pulls that waited long enough end, and what came too late goes. To be called at
    /// [`Self::next_deadline`], and about every second.
    pub fn tick(&mut self, now: i64) {
        self.begin(HOUSE, now);
        while let Some(&(until, key)) = self.deadlines.first()
            && until <= now
            && !self.is_over()
        {
            self.end_pulls(key);
        }
        // Also when the clock went back.
        if (self.swept..self.swept.saturating_add(SWEEP_MS)).contains(&now) {
            return;
        }
        self.swept = now;
        self.sweep();
        let (temporaries, owners) = (&self.temporaries, &mut self.owners);
        self.queues.retain(|name, queue| {
            let kept = !queue.is_forgotten(now, FORGOTTEN_MS) || temporaries.contains_key(name);
            if !kept && let Some(entry) = owners.get_mut(&queue.owner) {
                entry.queues = entry.queues.saturating_sub(1);
            }
            kept
        });
        self.owners
            .retain(|_, entry| entry.queues > 0 || Arc::strong_count(&entry.memory) > 1);
        self.consumers.values_mut().for_each(Consumer::trim_entries);
    }

    /// Takes out everything that has expired.
    fn sweep(&mut self) {
        let now = self.now;
        let queues = self.queues.values_mut();
        let mut buried: Vec<Held> = queues.flat_map(|queue| queue.take_expired(now)).collect();
        let durables = self.durables.values_mut();
        buried.extend(durables.flat_map(|durable| durable.backlog.take_expired(now)));
        let backlogs = self.consumers.values_mut();
        let gone = backlogs.map(|consumer| consumer.backlog.take_expired(now).len());
        let gone: usize = gone.sum();
        self.counted.expired += u64::try_from(gone).unwrap_or(u64::MAX);
        self.doom(buried);
    }

    /// A message was not taken in time.
    pub(super) fn expired(&mut self, held: Held) {
        self.counted.expired += 1;
        self.bury(held, TOO_LATE);
    }

    /// Charges `bytes` for a client's message. If they do not fit because of others, what has expired goes, then what waits for
    /// topics' listeners, oldest first where most waits, then what they have and did not acknowledge. What is in queues stays.
    pub(super) fn make_room(&mut self, link: Link, bytes: usize) -> Option<Charge> {
        let memory = self.memory_of(link)?;
        if let Some(charge) = memory.try_charge(bytes) {
            return Some(charge);
        }
        // It is the reason itself.
        if !memory.is_small_with(bytes) {
            return None;
        }
        let fits = self.give_up_until(|| memory.has_room(bytes));
        fits.then(|| memory.try_charge(bytes)).flatten()
    }

    /// Counts so many bytes for a message to topics. It is kept for those who listen, and is not its sender's: a listener that takes
    /// nothing must not keep the sender from sending.
    pub(super) fn make_room_for_topics(&mut self, link: Link, bytes: usize) -> Option<Charge> {
        let own = self.own.clone();
        let inside = self.identity(link).is_some_and(|who| who.inside);
        let has_room = || match inside {
            true => own.has_room(bytes),
            false => own.has_common_room(bytes),
        };
        let fits = has_room() || self.give_up_until(has_room);
        fits.then(|| own.charge(bytes))
    }

    /// Gives up what may be given up until there is room; `false` if there is none.
    fn give_up_until(&mut self, has_room: impl Fn() -> bool) -> bool {
        // It was looked for a moment ago.
        if self.tight == Some(self.now) {
            return false;
        }
        self.sweep();
        while !has_room() && self.drop_oldest() {}
        if !has_room() {
            self.consumers.values_mut().for_each(forget_topics);
        }
        let fits = has_room();
        self.tight = (!fits).then_some(self.now);
        fits
    }

    /// Drops the older half of what waits where most waits, and where nearly as much does; `false` when nothing waits anywhere.
    fn drop_oldest(&mut self) -> bool {
        let listeners = self.consumers.values_mut().filter(|c| !c.browser);
        let backlogs = listeners.map(|consumer| &mut consumer.backlog);
        let durables = self.durables.values_mut().map(|d| &mut d.backlog);
        let mut piles: Vec<&mut Pile> = backlogs.chain(durables).collect();
        let most = piles.iter().map(|pile| pile.bytes()).max().unwrap_or(0);
        piles.retain(|pile| !pile.is_empty() && pile.bytes() >= most / 2);
        let mut dropped = 0;
        for pile in &mut piles {
            let half = pile.len().div_ceil(2);
            for _ in 0..half {
                pile.pop_front();
            }
            dropped += half;
        }
        self.counted.dropped += u64::try_from(dropped).unwrap_or(u64::MAX);
        dropped > 0
    }
}

/// A topic's message comes once; who does not acknowledge it must not keep it from others. A durable subscription's comes again.
fn forget_topics(consumer: &mut Consumer) {
    if consumer.durable.is_some() || consumer.browser {
        return;
    }
    for outstanding in &mut consumer.outstanding {
        let held = &mut outstanding.held;
        if held.from().kind.is_queue() || held.size() == 0 {
            continue;
        }
        consumer.away -= held.size();
        held.parcel = Arc::new(husk(held.from().clone(), &held.parcel));
    }
}

/// What tells a message from others, and nothing of what it says.
fn husk(from: Destination, parcel: &Parcel) -> Parcel {
    let message = Message {
        headers: Headers {
            message_id: parcel.message().message_id.clone(),
            destination: Some(from),
            ..Headers::default()
        },
        ..Message::default()
    };
    Parcel::uncounted(message)
}
