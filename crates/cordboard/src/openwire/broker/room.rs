//! What becomes of messages when there are too many, or when their time is over. [openwire §7.12]

use super::Broker;
use super::parcel::{Held, Parcel};
use super::state::Consumer;
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
        self.now = now;
        while let Some(&(until, key)) = self.deadlines.first()
            && until <= now
        {
            self.deadlines.pop_first();
            self.end_pulls(key);
        }
        // Also when the clock went back.
        if (self.swept..self.swept.saturating_add(SWEEP_MS)).contains(&now) {
            return;
        }
        self.swept = now;
        self.sweep();
        let (temporaries, queues) = (&self.temporaries, &mut self.queues);
        queues.retain(|name, queue| {
            !queue.is_forgotten(now, FORGOTTEN_MS) || temporaries.contains_key(name)
        });
    }

    /// Takes out everything that has expired.
    fn sweep(&mut self) {
        let now = self.now;
        let queues = self.queues.values_mut();
        let mut buried: Vec<Held> = queues
            .flat_map(|queue| queue.messages.take_expired(now))
            .collect();
        let durables = self.durables.values_mut();
        buried.extend(durables.flat_map(|durable| durable.backlog.take_expired(now)));
        let backlogs = self.consumers.values_mut();
        let gone = backlogs.map(|consumer| consumer.backlog.take_expired(now).len());
        let gone: usize = gone.sum();
        self.counted.expired += u64::try_from(gone).unwrap_or(u64::MAX);
        buried.into_iter().for_each(|held| self.expired(held));
    }

    /// A message was not taken in time.
    pub(super) fn expired(&mut self, held: Held) {
        self.counted.expired += 1;
        self.bury(held, TOO_LATE);
    }

    /// Is there room for so many more bytes, among all messages? If need be what has expired goes, then what waits for topics'
    /// listeners, oldest first where most waits, then what they have and did not acknowledge. What is in queues stays.
    pub(super) fn make_room(&mut self, bytes: usize) -> bool {
        let fits = |broker: &Self| broker.ledger.bytes() + bytes <= broker.settings.memory;
        if fits(self) {
            return true;
        }
        // It was looked for a moment ago.
        if self.tight == Some(self.now) {
            return false;
        }
        self.sweep();
        while !fits(self) && self.drop_oldest() {}
        if !fits(self) {
            self.consumers.values_mut().for_each(forget_topics);
        }
        let has_room = fits(self);
        self.tight = (!has_room).then_some(self.now);
        has_room
    }

    /// Drops the older half of what waits where most waits; `false` when nothing waits anywhere.
    fn drop_oldest(&mut self) -> bool {
        let listeners = self.consumers.values_mut().filter(|c| !c.browser);
        let backlogs = listeners.map(|consumer| &mut consumer.backlog);
        let durables = self.durables.values_mut().map(|d| &mut d.backlog);
        let fullest = backlogs.chain(durables).max_by_key(|pile| pile.bytes());
        let Some(fullest) = fullest.filter(|pile| !pile.is_empty()) else {
            return false;
        };
        let half = fullest.len().div_ceil(2);
        for _ in 0..half {
            fullest.pop_front();
        }
        self.counted.dropped += u64::try_from(half).unwrap_or(u64::MAX);
        true
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
    parcel.emptied(message)
}
