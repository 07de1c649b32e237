//! The one task that owns the broker.
//!
//! Waits on: what connections hand in, the next second, the next pull that ends. Tells: the outboxes of connections, and never
//! waits for one. Stops: when told to, or when nobody is left who could hand in anything.
//!
//! What a connection hands in waits in a queue of its own. The client that has had the least of the broker's time comes next, for one
//! event or one slice of work: so a client that wants much waits for itself, and the others for a fraction of a millisecond.

use super::Counts;
use super::broker::{Broker, Charge, Identity, Link, Output, SLICE};
use super::handle::Phase;
use super::outbox::{Out, Outbox, Stand};
use crate::services::auth::Refused;
use cordboard_wire::openwire::{Command, ConnectionInfo};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

/// Maximum number of events on their way to the broker's task; a connection that has one more waits for a place.
pub(super) const INBOX: usize = 256;
/// Maximum number of events that are taken out of the inbox at once.
const BATCH: usize = 128;
/// After so many steps what came meanwhile is looked at, and outboxes are told: about a millisecond.
const TURN: u64 = 100_000;
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
    Commands {
        link: Link,
        commands: VecDeque<Command>,
        /// What the bytes of their frames count for, until all are carried out.
        charge: Option<Charge>,
    },
    /// There is room in its outbox again.
    Room(Link),
    /// It is gone.
    Closed(Link),
}

impl Event {
    fn link(&self) -> Link {
        match self {
            Self::Opened { link, .. }
            | Self::Joins { link, .. }
            | Self::Refused { link, .. }
            | Self::Commands { link, .. }
            | Self::Room(link)
            | Self::Closed(link) => *link,
        }
    }
}

/// A connection, as the broker's task has it.
#[derive(Debug, Default)]
struct Client {
    outbox: Option<Arc<Outbox>>,
    events: VecDeque<Event>,
    /// Its place in the order: what it has had, counted from what those had who were there when it came.
    had: u64,
    is_ready: bool,
    /// It waits for what its `ConnectionInfo` comes to.
    joins: bool,
}

/// The broker, and where its answers go.
#[derive(Debug)]
pub(super) struct Keeper {
    broker: Broker,
    counts: Counts,
    inbox: mpsc::Receiver<Event>,
    clients: HashMap<Link, Client>,
    /// Clients with something to do, those first that have had the least.
    ready: BTreeSet<(u64, Link)>,
    /// What the client had that was served last.
    least: u64,
    /// Clients whose outboxes were filled since they were told.
    filled: Vec<Link>,
}

impl Keeper {
    pub(super) fn new(broker: Broker, counts: Counts, inbox: mpsc::Receiver<Event>) -> Self {
        Self {
            broker,
            counts,
            inbox,
            clients: HashMap::new(),
            ready: BTreeSet::new(),
            least: 0,
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
            let has_work = !self.ready.is_empty();
            // Cancel-safe: `recv_many` takes nothing unless it wins, the others lose nothing. Work comes last: what is here is looked
            // at first.
            tokio::select! {
                biased;
                _ = &mut ended => return,
                () = &mut timer => {
                    self.broker.tick(now_ms());
                    sweep = Instant::now() + SWEEP;
                }
                taken = self.inbox.recv_many(&mut events, BATCH) => {
                    if taken == 0 {
                        return;
                    }
                    events.drain(..).for_each(|event| self.line_up(event));
                }
                // Gives others of the runtime their turn, too.
                () = tokio::task::yield_now(), if has_work => {}
            }
            self.take_turn();
            self.hand_out();
            self.counts.take(&self.broker);
            for link in self.filled.drain(..) {
                let client = self.clients.get(&link);
                if let Some(outbox) = client.and_then(|client| client.outbox.as_ref()) {
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

    /// An event waits until it is its client's turn.
    fn line_up(&mut self, event: Event) {
        let link = event.link();
        let client = self.clients.entry(link).or_default();
        match event {
            // It is short, and what follows builds on it.
            Event::Opened {
                outbox, address, ..
            } => {
                client.outbox = Some(outbox);
                self.broker.opened(link, address);
                self.broker.introduce(link);
                self.hand_out();
            }
            event => {
                client.events.push_back(event);
                self.is_ready(link);
            }
        }
    }

    /// A client has something to do: it takes its place in the order.
    fn is_ready(&mut self, link: Link) {
        let client = self.clients.entry(link).or_default();
        if !std::mem::replace(&mut client.is_ready, true) {
            // What it did not use while it had nothing to do is not saved up.
            client.had = client.had.max(self.least);
            self.ready.insert((client.had, link));
        }
    }

    /// Carries out events and work, of one client after the other, until there is nothing to do or the turn is over.
    fn take_turn(&mut self) {
        let now = now_ms();
        let begun = self.broker.spent();
        while let Some((had, link)) = self.ready.pop_first() {
            self.least = had;
            let before = self.broker.spent();
            let is_gone = self.serve(link, now);
            // At once: an outbox that becomes full is to be known before the next event.
            self.hand_out();
            self.tell_joined(link);
            let spent = self.broker.spent() - before;
            while let Some(woken) = self.broker.take_woken() {
                if self.broker.has_work(woken) && woken != link {
                    self.is_ready(woken);
                }
            }
            if is_gone && !self.broker.has_work(link) {
                self.clients.remove(&link);
            } else if let Some(client) = self.clients.get_mut(&link) {
                client.is_ready = false;
                client.had = had + spent;
                let has_next = !client.events.is_empty() && !self.broker.is_busy(link);
                if has_next || self.broker.has_work(link) {
                    self.is_ready(link);
                }
            }
            if self.broker.spent() - begun > TURN {
                return;
            }
        }
    }

    /// Serves a client for one event or one slice. Returns `true` if it is gone.
    fn serve(&mut self, link: Link, now: i64) -> bool {
        if self.broker.has_work(link) {
            self.broker.work(link, now);
            return self.is_gone(link);
        }
        let Some(client) = self.clients.get_mut(&link) else {
            return true;
        };
        let event = match self.broker.is_busy(link) {
            false => client.events.pop_front(),
            // It waits for others; one that is gone waits for nothing.
            true if matches!(client.events.back(), Some(Event::Closed(_))) => {
                client.events.pop_back()
            }
            true => return false,
        };
        let Some(event) = event else {
            return self.is_gone(link);
        };
        match event {
            Event::Opened { .. } => {}
            Event::Refused { info, why, .. } => {
                match why {
                    Refused::Wrong => self.broker.refuse_credentials(link, &info),
                    Refused::Busy => self.broker.refuse_for_now(link, &info),
                }
                self.done(link, 1);
            }
            Event::Joins { info, identity, .. } => {
                client.joins = true;
                self.broker.identify(link, identity);
                self.broker.handle(link, Command::ConnectionInfo(info), now);
                self.done(link, 1);
            }
            Event::Commands {
                mut commands,
                charge,
                ..
            } => {
                let begun = self.broker.spent();
                while let Some(command) = commands.pop_front() {
                    self.broker.handle(link, command, now);
                    // An outbox that becomes full is to be known before the next command.
                    self.hand_out();
                    if self.broker.is_busy(link) || self.broker.spent() - begun > SLICE {
                        break;
                    }
                }
                match commands.is_empty() {
                    true => self.done(link, 1),
                    false => self.put_back(link, commands, charge),
                }
            }
            // Unless it has become full again since it said so.
            Event::Room(_) => {
                let outbox = client.outbox.as_ref();
                if outbox.is_some_and(|outbox| !outbox.is_full()) {
                    self.broker.set_room(link, true, now);
                }
            }
            Event::Closed(_) => {
                client.outbox = None;
                client.events.clear();
                self.broker.closed(link, now);
            }
        }
        self.is_gone(link)
    }

    /// A client is told that its `ConnectionInfo` was looked at.
    fn tell_joined(&mut self, link: Link) {
        let client = self.clients.get_mut(&link);
        let is_busy = self.broker.is_busy(link);
        if client.is_some_and(|c| !is_busy && std::mem::take(&mut c.joins)) {
            self.put(link, Out::Joined(self.broker.memory_of(link)));
        }
    }

    /// Returns `true` if a client's connection has ended.
    fn is_gone(&self, link: Link) -> bool {
        let client = self.clients.get(&link);
        client.is_none_or(|client| client.outbox.is_none() && client.events.is_empty())
    }

    /// What is left of a batch comes before what follows it.
    fn put_back(&mut self, link: Link, commands: VecDeque<Command>, charge: Option<Charge>) {
        if let Some(client) = self.clients.get_mut(&link) {
            client.events.push_front(Event::Commands {
                link,
                commands,
                charge,
            });
        }
    }

    /// Events of a connection are carried out: it may hand in as many more.
    fn done(&mut self, link: Link, events: usize) {
        let client = self.clients.get(&link);
        if let Some(outbox) = client.and_then(|client| client.outbox.as_ref())
            && outbox.carried_out(events)
            && self.filled.last() != Some(&link)
        {
            self.filled.push(link);
        }
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
        let Some(client) = self.clients.get_mut(&link) else {
            return;
        };
        let Some(outbox) = &client.outbox else {
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
                client.outbox = None;
            }
        }
    }
}

/// The machine's clock: other programs read our times by theirs.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(i64::MAX)
}
