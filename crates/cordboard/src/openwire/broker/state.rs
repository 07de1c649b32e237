//! What the broker keeps of clients and destinations. [openwire §9]

use super::Link;
use super::names::Pattern;
use super::parcel::{Held, Parcel};
use super::pile::Pile;
use super::rights::Owner;
use super::seen::{Producers, Seen};
use cordboard_wire::openwire::selector::{Selector, Subject};
use cordboard_wire::openwire::{ConsumerId, Destination, Message, MessageId, ProducerId, Text};
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

/// A durable subscription: its owner, the client's id and the subscription's name.
pub(super) type DurableName = (Owner, Text, Text);

/// The local transaction of a connection.
pub(super) type TransactionKey = (Text, i64);

/// A message at a client.
#[derive(Clone, Debug)]
pub(super) struct Outstanding {
    pub(super) held: Held,
    /// The transaction that acknowledged it and is not committed.
    pub(super) transaction: Option<TransactionKey>,
}

/// How a client goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaving {
    /// It said so.
    Said,
    /// Its socket ended: it may be back.
    Cut,
}

/// A client that has said who it is.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) id: Text,
    pub(super) owner: Owner,
    pub(super) client: Text,
    pub(super) sessions: BTreeSet<i64>,
    pub(super) consumers: BTreeSet<u64>,
    pub(super) producers: HashSet<ProducerId>,
    /// What was accepted of its producers before it was cut, until they are here again.
    pub(super) before: Producers,
}

#[derive(Debug)]
pub(super) struct Producer {
    pub(super) link: Link,
    pub(super) destination: Option<Destination>,
    pub(super) window: i32,
    pub(super) seen: Option<Seen>,
    /// Its connection was cut and is back: what it sends may have been accepted before.
    pub(super) is_back: bool,
}

/// A request for one message, of a consumer without prefetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pull {
    /// An empty answer is given then; `None`: never.
    pub(super) until: Option<i64>,
}

/// At so many bytes at its client a consumer is sent nothing more, whatever it prefetches: what it does not acknowledge is kept.
const AWAY: usize = 16 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct Consumer {
    pub(super) id: ConsumerId,
    pub(super) link: Link,
    pub(super) patterns: Vec<Pattern>,
    pub(super) selector: Option<Selector>,
    pub(super) prefetch: i64,
    /// So many more than `prefetch` may be at the client: those that it has, but did not acknowledge yet.
    pub(super) extension: i64,
    pub(super) browser: bool,
    /// Is the end of what it browses still to be told?
    pub(super) browsing: bool,
    pub(super) no_local: bool,
    pub(super) exclusive: bool,
    pub(super) priority: i8,
    /// The queues that it takes from.
    pub(super) queues: BTreeSet<Destination>,
    pub(super) durable: Option<DurableName>,
    pub(super) outstanding: VecDeque<Outstanding>,
    /// Has it ever been sent a message?
    pub(super) has_dispatched: bool,
    /// What those at the client count for.
    pub(super) away: usize,
    /// Its client does not take what it is sent.
    pub(super) held_up: bool,
    /// What waits for it alone: of a topic, or what it browses.
    pub(super) backlog: Pile,
    pub(super) pulls: VecDeque<Pull>,
}

impl Consumer {
    /// The topics it listens to by their names.
    pub(super) fn topics(&self) -> Vec<Destination> {
        let names = self.patterns.iter().filter(|pattern| pattern.is_name());
        let topics = names.filter(|pattern| !pattern.destination.kind.is_queue());
        topics.map(|pattern| pattern.destination.clone()).collect()
    }

    /// May it be sent a message now? Not as long as so many bytes lie unacknowledged at its client.
    pub(super) fn has_room(&self) -> bool {
        if self.held_up || self.away >= AWAY {
            return false;
        }
        let outstanding = i64::try_from(self.outstanding.len()).unwrap_or(i64::MAX);
        match self.prefetch {
            0 => !self.pulls.is_empty(),
            prefetch => prefetch + self.extension > outstanding,
        }
    }

    /// Returns `true` if acknowledgements must name messages that are at the client. A topic's subscription without a name counts
    /// them only.
    pub(super) fn checks_acknowledgements(&self) -> bool {
        let of_queue = |pattern: &Pattern| pattern.destination.kind.is_queue();
        self.durable.is_some() || self.patterns.iter().any(of_queue)
    }

    pub(super) fn takes_from(&self, name: &Destination) -> bool {
        self.patterns.iter().any(|pattern| pattern.fits(name))
    }

    pub(super) fn wants(&self, message: &Message) -> bool {
        let selector = self.selector.as_ref();
        selector.is_none_or(|selector| selector.selects(&Subject::new(message)))
    }

    /// Where a message lies among those at the client.
    pub(super) fn position(&self, id: &MessageId) -> Option<usize> {
        self.outstanding.iter().position(|outstanding| {
            let other = outstanding.held.message_id.as_ref();
            other.is_some_and(|other| is_same(other, id))
        })
    }
}

/// A message keeps its producer's number wherever it goes; the broker's own is ours.
fn is_same(one: &MessageId, other: &MessageId) -> bool {
    one.producer_id == other.producer_id
        && one.producer_sequence_id == other.producer_sequence_id
        && one.text_view == other.text_view
}

/// A queue: what waits, and who takes from it, the one whose turn it is first.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) messages: Pile,
    pub(super) consumers: VecDeque<u64>,
    /// Who gets the messages of a group.
    pub(super) groups: HashMap<Text, u64>,
    /// Since when nobody uses it, as far as it was looked at.
    pub(super) idle: Option<i64>,
}

/// A queue remembers so many groups; the messages of others go to whose turn it is.
const GROUPS: usize = 10_000;

impl Queue {
    /// A message of a group goes to a consumer: the group is his from now on, until its last message. Says whether it is the
    /// first that he gets of it.
    pub(super) fn assign(&mut self, message: &Message, key: u64) -> bool {
        let Some(group) = &message.group_id else {
            return false;
        };
        let is_first = self.groups.get(group) != Some(&key);
        if message.group_sequence < 0 {
            self.groups.remove(group);
        } else if is_first && self.groups.len() < GROUPS {
            self.groups.insert(group.clone(), key);
        }
        is_first
    }

    /// Is it without messages and consumers since so long?
    pub(super) fn is_forgotten(&mut self, now: i64, after_ms: i64) -> bool {
        if !self.messages.is_empty() || !self.consumers.is_empty() {
            self.idle = None;
            return false;
        }
        now >= self.idle.get_or_insert(now).saturating_add(after_ms)
    }

    /// A consumer goes.
    pub(super) fn leave(&mut self, key: u64) {
        self.consumers.retain(|other| *other != key);
        self.groups.retain(|_, other| *other != key);
    }
}

/// A durable subscription.
#[derive(Debug)]
pub(super) struct Durable {
    pub(super) pattern: Pattern,
    pub(super) selector: Option<Text>,
    pub(super) compiled: Option<Selector>,
    pub(super) no_local: bool,
    /// Who has it now.
    pub(super) active: Option<u64>,
    pub(super) backlog: Pile,
}

/// A local transaction that was begun and not ended.
#[derive(Debug, Default)]
pub(super) struct Transaction {
    pub(super) steps: Vec<Step>,
    /// A part of it was refused while the client did not wait for the answer: it can only be rolled back.
    pub(super) rollback_only: bool,
}

/// What a transaction does when it is committed.
#[derive(Debug)]
pub(super) enum Step {
    Send(Link, Parcel),
    Ack(u64, Vec<MessageId>),
}

/// A producer's name in words, for refusals.
pub(super) fn producer_name(id: &ProducerId) -> String {
    let connection = id.connection_id.clone().unwrap_or_default();
    format!("{}:{}:{}", connection.for_log(200), id.session_id, id.value)
}

/// A consumer's name in words, for refusals.
pub(super) fn consumer_name(id: &ConsumerId) -> String {
    let connection = id.connection_id.clone().unwrap_or_default();
    format!("{}:{}:{}", connection.for_log(200), id.session_id, id.value)
}
