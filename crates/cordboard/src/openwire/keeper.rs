//! The one task that owns the broker.
//!
//! Waits on: what connections hand in, the next second, the next pull that ends. Tells: the outboxes of connections, and never
//! waits for one. Stops: when told to, or when nobody is left who could hand in anything.

use super::Counts;
use super::broker::{Broker, Identity, Link, Output};
use super::handle::Phase;
use super::outbox::{Out, Outbox, Stand};
use crate::services::auth::Refused;
use cordboard_wire::openwire::{Command, ConnectionInfo};
use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

/// So many events wait for the broker; a connection that has one more stops reading until there is a place.
pub(super) const INBOX: usize = 256;
/// So many events are carried out before what came of them is handed on.
const BATCH: usize = 128;
/// How often it is looked what has expired.
const SWEEP: Duration = Duration::from_secs(1);

/// What connections hand in.
#[derive(Debug)]
pub(super) enum Event {
    /// A client is connected, and the encoding agreed on.
    Opened {
        link: Link,
        address: String,
        outbox: Arc<Outbox>,
    },
    /// It says who it is, and is believed.
    Joins {
        link: Link,
        info: ConnectionInfo,
        identity: Identity,
    },
    /// It says who it is, and is not believed.
    Refused {
        link: Link,
        info: ConnectionInfo,
        why: Refused,
    },
    /// It wants these carried out.
    Commands { link: Link, commands: Vec<Command> },
    /// There is room in its outbox again.
    Room(Link),
    /// It is gone.
    Closed(Link),
}

/// The broker, and where its answers go.
#[derive(Debug)]
pub(super) struct Keeper {
    broker: Broker,
    counts: Counts,
    inbox: mpsc::Receiver<Event>,
    outboxes: HashMap<Link, Arc<Outbox>>,
    /// Whose outboxes were filled since they were told.
    filled: Vec<Link>,
}

impl Keeper {
    pub(super) fn new(broker: Broker, counts: Counts, inbox: mpsc::Receiver<Event>) -> Self {
        Self {
            broker,
            counts,
            inbox,
            outboxes: HashMap::new(),
            filled: Vec::new(),
        }
    }

    /// Runs until it is told to end.
    pub(super) async fn run(mut self, mut phase: watch::Receiver<Phase>) {
        let mut events = Vec::with_capacity(BATCH);
        let mut sweep = Instant::now() + SWEEP;
        let mut timer = pin!(sleep_until(sweep));
        // Connections end first, and tell it.
        let mut ended = pin!(phase.wait_for(Phase::has_ended));
        loop {
            let until = self.until(sweep);
            if timer.deadline() != until {
                timer.as_mut().reset(until);
            }
            // Cancel-safe: `recv_many` takes nothing unless it wins, the others lose nothing.
            tokio::select! {
                taken = self.inbox.recv_many(&mut events, BATCH) => {
                    if taken == 0 {
                        return;
                    }
                    let now = now_ms();
                    events.drain(..).for_each(|event| self.carry_out(event, now));
                }
                () = &mut timer => {
                    self.broker.tick(now_ms());
                    sweep = Instant::now() + SWEEP;
                }
                _ = &mut ended => return,
            }
            self.hand_out();
            self.counts.take(&self.broker);
            for link in self.filled.drain(..) {
                if let Some(outbox) = self.outboxes.get(&link) {
                    outbox.ring();
                }
            }
        }
    }

    /// When to look at the clock next.
    fn until(&self, sweep: Instant) -> Instant {
        let Some(deadline) = self.broker.next_deadline() else {
            return sweep;
        };
        let wait = u64::try_from(deadline.saturating_sub(now_ms())).unwrap_or(0);
        sweep.min(Instant::now() + Duration::from_millis(wait))
    }

    fn carry_out(&mut self, event: Event, now: i64) {
        match event {
            Event::Opened {
                link,
                address,
                outbox,
            } => {
                self.outboxes.insert(link, outbox);
                self.broker.opened(link, address);
                self.broker.introduce(link);
            }
            Event::Refused { link, info, why } => match why {
                Refused::Wrong => self.broker.refuse_credentials(link, &info),
                Refused::Busy => self.broker.refuse_for_now(link, &info),
            },
            Event::Joins {
                link,
                info,
                identity,
            } => {
                self.broker.identify(link, identity);
                self.broker.handle(link, Command::ConnectionInfo(info), now);
                let joined = self.broker.is_connected(link);
                self.hand_out();
                self.put(link, Out::Joined(joined));
            }
            Event::Commands { link, commands } => {
                for command in commands {
                    self.broker.handle(link, command, now);
                }
            }
            // Unless it has become full again since it said so.
            Event::Room(link) => {
                if self.outboxes.get(&link).is_some_and(|o| !o.is_full()) {
                    self.broker.set_room(link, true, now);
                }
            }
            Event::Closed(link) => {
                self.outboxes.remove(&link);
                self.broker.closed(link, now);
            }
        }
        // At once: an outbox that becomes full is to be known before the next event.
        self.hand_out();
    }

    fn hand_out(&mut self) {
        while let Some(output) = self.broker.poll() {
            match output {
                Output::Send(link, command) => self.put(link, Out::Command(command)),
                Output::Dispatch(link, dispatch) => self.put(link, Out::Dispatch(dispatch)),
                Output::Close(link, why) => self.put(link, Out::Close(why)),
            }
        }
    }

    fn put(&mut self, link: Link, out: Out) {
        let Some(outbox) = self.outboxes.get(&link) else {
            return;
        };
        let stand = outbox.put(out);
        if self.filled.last() != Some(&link) {
            self.filled.push(link);
        }
        match stand {
            Stand::Fine => {}
            Stand::Full => self.broker.set_room(link, false, now_ms()),
            Stand::Burst => {
                outbox.give_up("it takes nothing");
                outbox.ring();
                self.outboxes.remove(&link);
            }
        }
    }
}

/// The machine's clock: other programs read our times by theirs.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(i64::MAX)
}
