//! What the broker keeps of clients and destinations. [openwire §9]

use super::Link;
use super::memory::{Charge, ConnectionMemory};
use super::names::Pattern;
use super::parcel::{Held, Parcel};
use super::pile::Pile;
use super::rights::Owner;
use super::seen::{Producers, Seen};
use cordboard_wire::openwire::selector::Selector;
use cordboard_wire::openwire::{ConsumerId, Destination, Message, MessageId, ProducerId, Text};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

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
    pub(super) temporaries: BTreeSet<Destination>,
    /// What it holds, with everything that it brought.
    pub(super) memory: Arc<ConnectionMemory>,
    /// What it counts for itself, with its sessions.
    pub(super) charge: Charge,
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
    pub(super) charge: Charge,
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
    pub(super) selector: Option<Arc<Selector>>,
    pub(super) prefetch: i64,
    /// So many more than `prefetch` may be at the client: those that it has, but did not acknowledge yet.
    pub(super) extension: i64,
    pub(super) browser: bool,
    /// Is the end of what it browses still to be told?
    pub(super) browsing: bool,
    pub(super) no_local: bool,
    pub(super) exclusive: bool,
    pub(super) priority: i8,
    /// Its selector costs too much to be evaluated on other clients' accounts.
    pub(super) is_costly: bool,
    /// The queues that it takes from, and for each the number of the first message that it has not examined. What comes before it is
    /// not for this consumer.
    pub(super) queues: BTreeMap<Destination, i64>,
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
    /// When the first of its pulls ends, as the broker's timer has it.
    pub(super) pull_ends: Option<i64>,
    pub(super) _charge: Charge,
    /// What counts for the messages of topics that wait for it or are at its client, and for its pulls.
    pub(super) entries: Charge,
    /// How many groups of messages are its own.
    pub(super) groups: usize,
}

/// What a message of a topic that waits or is at a client, a pull or a group counts for.
pub(super) const ENTRY: usize = 96;
/// Entries are counted so many at a time.
const ENTRIES_AT_ONCE: usize = 32;

impl Consumer {
    /// Returns `true` if there is memory for one more entry.
    pub(super) fn has_entry(&mut self) -> bool {
        let held = self.backlog.len() + self.outstanding.len() + self.pulls.len() + self.groups;
        let wanted = (held + 1) * ENTRY;
        // Twice as many as before, so that it is seldom asked for.
        let generous = wanted
            .next_multiple_of(ENTRIES_AT_ONCE * ENTRY)
            .max(wanted * 2);
        wanted <= self.entries.bytes()
            || self.entries.try_resize(generous)
            || self.entries.try_resize(wanted)
    }

    /// Gives back what is counted for entries that are gone.
    pub(super) fn trim_entries(&mut self) {
        let held = self.backlog.len() + self.outstanding.len() + self.pulls.len() + self.groups;
        if held * ENTRY < self.entries.bytes() / 4 {
            self.entries.resize(held * ENTRY);
        }
    }

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
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) messages: Pile,
    pub(super) consumers: VecDeque<u64>,
    /// Who gets the messages of a group.
    pub(super) groups: HashMap<Text, u64>,
    /// Since when nobody uses it, as far as it was looked at.
    pub(super) idle: Option<i64>,
    /// Who made it, and what it counts for.
    pub(super) owner: Owner,
    pub(super) _charge: Charge,
    /// How many messages of each client wait, if that has a bound.
    pub(super) senders: Option<HashMap<Link, usize>>,
}

/// Maximum number of groups of a queue; messages of further groups go to the consumer whose turn it is.
const GROUPS: usize = 1_000;
/// Maximum number of bytes of a group's name; messages with a longer one have no group.
const GROUP_NAME: usize = 256;
/// Maximum number of consumers of a queue; one more is refused.
pub(super) const QUEUE_CONSUMERS: usize = 1_000;

impl Queue {
    pub(super) fn new(owner: Owner, charge: Charge) -> Self {
        Self {
            messages: Pile::default(),
            consumers: VecDeque::new(),
            groups: HashMap::new(),
            idle: None,
            owner,
            _charge: charge,
            senders: None,
        }
    }

    /// A message of a group goes to a consumer: the group is its own from now on, until its last message.
    pub(super) fn assign(&mut self, message: &Message, key: u64) -> Assigned {
        let Some(group) = &message.group_id else {
            return Assigned::NoGroup;
        };
        let is_own = self.groups.get(group) == Some(&key);
        if message.group_sequence < 0 {
            return match self.groups.remove(group) {
                Some(of) => Assigned::Closed {
                    of,
                    is_first: !is_own,
                },
                None => Assigned::First { is_new: false },
            };
        }
        if is_own {
            return Assigned::NoGroup;
        }
        let is_kept = self.groups.len() < GROUPS && group.to_str_lossy().len() <= GROUP_NAME;
        let is_new = is_kept && self.groups.insert(group.clone(), key).is_none();
        Assigned::First { is_new }
    }

    /// A message of a client waits, or does not wait any more.
    fn count_sender(&mut self, held: &Held, more: bool) -> Option<Link> {
        let senders = self.senders.as_mut()?;
        let link = held.parcel.sender()?;
        let count = senders.entry(link).or_default();
        *count = if more {
            *count + 1
        } else {
            count.saturating_sub(1)
        };
        if *count == 0 {
            senders.remove(&link);
        }
        Some(link)
    }

    pub(super) fn push(&mut self, held: Held) {
        self.count_sender(&held, true);
        self.messages.push_back(held);
    }

    pub(super) fn give_back(&mut self, returned: Vec<Held>) {
        for held in &returned {
            self.count_sender(held, true);
        }
        self.messages.give_back(returned);
    }

    /// Takes a message out; also the client that sent it, if that waits for room.
    pub(super) fn take(&mut self, at: usize) -> Option<(Held, Option<Link>)> {
        let held = self.messages.remove(at)?;
        let sender = self.count_sender(&held, false);
        Some((held, sender))
    }

    pub(super) fn take_expired(&mut self, now: i64) -> Vec<Held> {
        let expired = self.messages.take_expired(now);
        for held in &expired {
            self.count_sender(held, false);
        }
        expired
    }

    /// Returns the number of messages of a client that wait, if that has a bound.
    pub(super) fn waiting_of(&self, link: Link) -> usize {
        let senders = self.senders.as_ref();
        senders.and_then(|s| s.get(&link)).copied().unwrap_or(0)
    }

    /// Is it without messages and consumers since so long?
    pub(super) fn is_forgotten(&mut self, now: i64, after_ms: i64) -> bool {
        if !self.messages.is_empty() || !self.consumers.is_empty() {
            self.idle = None;
            return false;
        }
        now >= self.idle.get_or_insert(now).saturating_add(after_ms)
    }

    /// A consumer goes, and the groups that it had.
    pub(super) fn leave(&mut self, key: u64, groups: usize) {
        self.consumers.retain(|other| *other != key);
        if groups > 0 {
            self.groups.retain(|_, other| *other != key);
        }
    }
}

/// What becomes of a group when one of its messages is dispatched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Assigned {
    /// The message has no group, or is not the first that the consumer gets of it.
    NoGroup,
    /// The first that the consumer gets of the group, which may be a new one.
    First { is_new: bool },
    /// The last one of the group, which a consumer had.
    Closed { of: u64, is_first: bool },
}

/// A durable subscription.
#[derive(Debug)]
pub(super) struct Durable {
    pub(super) pattern: Pattern,
    pub(super) selector: Option<Text>,
    pub(super) compiled: Option<Arc<Selector>>,
    pub(super) no_local: bool,
    /// Who has it now.
    pub(super) active: Option<u64>,
    pub(super) backlog: Pile,
    pub(super) _charge: Charge,
    /// What counts for the messages that wait while no client has it.
    pub(super) entries: Charge,
}

impl Durable {
    /// Returns `true` if there is memory for one more entry.
    pub(super) fn has_entry(&mut self) -> bool {
        let wanted = (self.backlog.len() + 1) * ENTRY;
        wanted <= self.entries.bytes()
            || self.entries.try_resize(wanted * 2)
            || self.entries.try_resize(wanted)
    }
}

/// A local transaction that was begun and not ended.
#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) steps: VecDeque<Step>,
    pub(super) charge: Charge,
    /// A part of it was refused while the client did not wait for the answer: it can only be rolled back.
    pub(super) rollback_only: bool,
}

/// What a transaction does when it is committed.
#[derive(Debug)]
pub(super) enum Step {
    Send(Parcel),
    /// All that a consumer acknowledged in the transaction.
    Ack(u64, TransactionKey),
    /// The transaction is over.
    End(TransactionKey),
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
