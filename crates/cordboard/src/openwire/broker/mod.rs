//! The broker inside: queues, topics and who listens, without sockets and without a clock. [openwire §7, §9]
//!
//! Commands of clients go in, commands for clients come out; whoever owns the sockets carries them. `names` reads destinations,
//! `parcel` and `pile` how messages are kept and wait, `room` what goes when there are too many, `state` what else is kept, `seen`
//! which messages came before, `clients` how clients come and go, `rights` what they may, `consumers` who listens, `index` how they
//! are found, `deliver` which message goes to whom, `acknowledge` what becomes of it, `transactions` what is put off, `temporary` the
//! destinations that end with a connection, `refusal` how it says no.

mod acknowledge;
mod clients;
mod consumers;
mod deliver;
pub mod fuzz;
mod index;
mod memory;
mod names;
mod parcel;
mod pile;
mod refusal;
mod rights;
mod room;
mod seen;
mod state;
mod temporary;
#[cfg(test)]
mod tests;
mod transactions;
mod work;

use cordboard_wire::openwire::{
    Any, Command, ConnectionError, ConnectionId, ConsumerId, DataArrayResponse, Destination,
    DestinationInfo, ExceptionResponse, KeepAliveInfo, Message, MessageDispatch, Prepared,
    ProducerId, Response, Text, Throwable,
};
pub use memory::{Charge, ConnectionMemory, FrameCharge, MemoryUsage};
pub use parcel::Parcel;
pub use rights::{Identity, Rights};
pub use work::{HOUSE, SLICE};

use cordboard_wire::openwire::selector::Properties;
use index::Index;
use memory::OwnerMemory;
use parcel::Held;
use rights::Owner;
use seen::Cut;
use state::{
    Connection, Consumer, Durable, DurableName, Leaving, Producer, Queue, Transaction,
    TransactionKey,
};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, OnceLock};
use work::{Departure, Owed, Pending, Task};

/// A client's socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link(pub u64);

/// What comes out.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// For a client.
    Send(Link, Box<Command>),
    /// A message for a client.
    Dispatch(Link, Dispatch),
    /// The socket is to be closed once all is sent, and why.
    Close(Link, &'static str),
}

/// A message for a client, or that there is none.
#[derive(Clone, Debug)]
pub struct Dispatch {
    /// The command.
    pub command: MessageDispatch,
    /// The message as the broker keeps it, so that it counts until the client's socket has taken it.
    parcel: Option<Arc<Parcel>>,
}

impl PartialEq for Dispatch {
    fn eq(&self, other: &Self) -> bool {
        self.command == other.command
    }
}

impl Dispatch {
    /// So many bytes its message counts for.
    pub fn size(&self) -> usize {
        self.parcel.as_ref().map_or(0, |parcel| parcel.size())
    }

    /// The command by itself.
    pub fn into_command(self) -> MessageDispatch {
        self.command
    }

    /// A place for the message's bytes, if it goes to several clients as it is.
    pub fn encoded(&self) -> Option<&OnceLock<Prepared>> {
        let parcel = self.parcel.as_ref()?;
        let message = self.command.message.as_ref()?;
        Arc::ptr_eq(message, parcel.message())
            .then(|| parcel.encoded())
            .flatten()
    }
}

/// Why the socket of a client closes that wanted it so.
pub const GOODBYE: &str = "it said goodbye";

/// Why the socket of a client closes that has another one now.
pub const REPLACED: &str = "its client has come anew";

/// What administrators may choose. [openwire §7.12]
#[derive(Clone, Debug)]
pub struct Settings {
    /// The broker's name, as clients see it.
    pub name: String,
    /// Do messages that nobody could take, or that came too late, go to `ActiveMQ.DLQ`?
    pub dead_letters: bool,
    /// Messages of a queue, at most.
    pub queue_messages: usize,
    /// Bytes of a queue, at most.
    pub queue_bytes: usize,
    /// Messages that wait for a topic's listener, at most; beyond it the oldest goes.
    pub backlog: usize,
    /// Queues, at most.
    pub queues: usize,
    /// Durable subscriptions, at most.
    pub durables: usize,
    /// Bytes of everything that clients make the broker hold, at most.
    pub memory: usize,
    /// Is a message of use for as long as its producer gave it, from its arrival on, whatever the producer's clock says?
    pub judge_ttl_by_arrival: bool,
    /// The queue that only clients in this process may take from.
    pub command_queue: Option<Destination>,
    /// Messages of one client that wait in the command queue, at most; its next ones wait outside, so that those of others find room.
    pub command_share: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: "cordboard".to_owned(),
            dead_letters: true,
            queue_messages: 100_000,
            queue_bytes: 16 * 1024 * 1024,
            backlog: 10_000,
            queues: 10_000,
            durables: 1_000,
            memory: 64 * 1024 * 1024,
            judge_ttl_by_arrival: true,
            command_queue: None,
            command_share: 256,
        }
    }
}

/// Errors that nobody waits for are told a connection this often, in milliseconds.
const ERROR_PAUSE_MS: i64 = 1_000;

/// A socket.
#[derive(Debug)]
struct Peer {
    address: String,
    connection: Option<Connection>,
    /// When it was last told of an error that it does not wait for.
    told: Option<i64>,
    /// Does it take what it is sent?
    has_room: bool,
    identity: Identity,
    /// Its socket is gone; the rest of it goes in slices.
    is_gone: bool,
}

/// An owner of connections that are here, or of what they left.
#[derive(Debug)]
struct OwnerEntry {
    memory: Arc<OwnerMemory>,
    queues: usize,
}

/// What the broker counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Messages that were accepted; one to several destinations counts for each.
    pub accepted: u64,
    /// Messages given to clients.
    pub dispatched: u64,
    /// Messages dropped for listeners that are slow, or for want of room.
    pub dropped: u64,
    /// Messages that expired.
    pub expired: u64,
    /// Messages that nobody could take, kept in `ActiveMQ.DLQ`.
    pub buried: u64,
    /// Messages that had been accepted before their connection was cut, and came again.
    pub repeated: u64,
    /// Commands that were refused.
    pub refused: u64,
    /// Evaluations of a selector that were given up because they cost too much.
    pub exhausted: u64,
}

/// The broker. See the module's page.
#[derive(Debug)]
pub struct Broker {
    settings: Settings,
    peers: BTreeMap<Link, Peer>,
    /// By the connection's id.
    connections: HashMap<Text, Link>,
    /// By the client's owner and id, so that owners do not collide with each other's client ids.
    clients: HashMap<(Owner, Text), Link>,
    /// In the order in which they came.
    consumers: BTreeMap<u64, Consumer>,
    consumer_keys: HashMap<ConsumerId, u64>,
    producers: HashMap<ProducerId, Producer>,
    queues: BTreeMap<Destination, Queue>,
    durables: BTreeMap<DurableName, Durable>,
    /// Destinations that end with a connection, with how they were announced.
    temporaries: BTreeMap<Destination, (Link, DestinationInfo)>,
    transactions: BTreeMap<TransactionKey, Transaction>,
    index: Index,
    /// When the next pull of a consumer ends: one entry for each that has pulls with an end.
    deadlines: BTreeSet<(i64, u64)>,
    /// What was accepted from connections that were cut.
    cut: Cut,
    memory: MemoryUsage,
    owners: HashMap<Owner, OwnerEntry>,
    /// Of the broker's own messages.
    own: Arc<ConnectionMemory>,
    /// Steps that were spent, and at which of them the slice ends.
    spent: u64,
    slice_end: u64,
    /// The client whose slice it is.
    acting: Link,
    /// The rest of the command that is carried out, if it has one.
    task: Option<Task>,
    /// Commands that are not done yet.
    tasks: HashMap<Link, Pending>,
    /// Clients that are going.
    departing: HashMap<Link, Departure>,
    owed: HashMap<Link, Owed>,
    woken: Vec<Link>,
    /// Messages that expired, to be put away.
    doomed: VecDeque<Held>,
    /// What was read of the properties of the last messages that selectors were evaluated for.
    read: VecDeque<(Arc<Message>, Arc<OnceLock<Properties>>)>,
    /// When it was looked what has expired.
    swept: i64,
    /// When there was no room however much was looked for.
    tight: Option<i64>,
    /// The last number given to a message.
    sequence: i64,
    /// The last number given to a consumer.
    keys: u64,
    counted: Counted,
    /// The client whose command is carried out is to go once it is answered.
    closing: Option<&'static str>,
    now: i64,
    out: VecDeque<Output>,
    /// Room for the keys of those who listen to a message.
    found: Vec<u64>,
}

/// What a command came to: an answer of its own, or the plain one.
type Done = Result<Option<Command>, Throwable>;

impl Broker {
    /// A broker without clients.
    pub fn new(settings: Settings) -> Self {
        let memory = MemoryUsage::new(settings.memory);
        let own = ConnectionMemory::new(HOUSE, memory.owner(), true);
        Self {
            settings,
            peers: BTreeMap::new(),
            connections: HashMap::new(),
            clients: HashMap::new(),
            consumers: BTreeMap::new(),
            consumer_keys: HashMap::new(),
            producers: HashMap::new(),
            queues: BTreeMap::new(),
            durables: BTreeMap::new(),
            temporaries: BTreeMap::new(),
            transactions: BTreeMap::new(),
            index: Index::default(),
            deadlines: BTreeSet::new(),
            cut: Cut::default(),
            memory,
            owners: HashMap::new(),
            own,
            spent: 0,
            slice_end: 0,
            acting: HOUSE,
            task: None,
            tasks: HashMap::new(),
            departing: HashMap::new(),
            owed: HashMap::new(),
            woken: Vec::new(),
            doomed: VecDeque::new(),
            read: VecDeque::new(),
            swept: i64::MIN,
            tight: None,
            sequence: 0,
            keys: 0,
            counted: Counted::default(),
            closing: None,
            now: 0,
            out: VecDeque::new(),
            found: Vec::new(),
        }
    }

    /// A client has connected from an address, and the encoding is agreed.
    pub fn opened(&mut self, link: Link, address: String) {
        let peer = Peer {
            address,
            connection: None,
            told: None,
            has_room: true,
            identity: Identity::default(),
            is_gone: false,
        };
        self.peers.insert(link, peer);
    }

    /// Has a client said who it is, and was it let in?
    pub fn is_connected(&self, link: Link) -> bool {
        self.connection(link).is_some()
    }

    /// A client takes what it is sent, or not any more: then no messages are for it until it does. What waits for it alone is
    /// bounded as ever. [openwire §7.12]
    pub fn set_room(&mut self, link: Link, has_room: bool, now: i64) {
        self.begin(link, now);
        if let Some(peer) = self.peers.get_mut(&link) {
            peer.has_room = has_room;
        }
        for key in self.consumers_of(link) {
            if let Some(consumer) = self.consumers.get_mut(&key) {
                consumer.held_up = !has_room;
            }
            if has_room {
                match self.is_over() {
                    true => self.owe_consumer(link, key),
                    false => self.serve_consumer(key),
                }
            }
        }
        if has_room && self.tasks.contains_key(&link) {
            self.wake(link);
        }
    }

    /// A client's socket is gone, with or without a word. What it had goes in slices.
    pub fn closed(&mut self, link: Link, now: i64) {
        self.begin(link, now);
        if let Some(peer) = self.peers.get_mut(&link) {
            peer.is_gone = true;
        }
        // A commit is carried out to its end; what else was not done will not be.
        let commits = |pending: &Pending| matches!(pending.task, Task::Commit { .. });
        if !self.tasks.get(&link).is_some_and(commits) {
            self.tasks.remove(&link);
        }
        self.leave(link, None, Leaving::Cut);
        if self.tasks.contains_key(&link) || !self.depart(link) {
            self.wake(link);
        }
    }

    /// Carries out a command of a client; `now` is the time in milliseconds since 1970.
    pub fn handle(&mut self, link: Link, command: Command, now: i64) {
        self.begin(link, now);
        self.spend(20);
        if !self.peers.contains_key(&link) {
            return;
        }
        let (id, wants) = (command.command_id(), command.response_required());
        let transaction = match &command {
            Command::Message(message) => message.transaction_id.clone(),
            Command::MessageAck(ack) => ack.transaction_id.clone(),
            _ => None,
        };
        let done = match command {
            Command::KeepAliveInfo(_) => {
                if wants {
                    let alive = KeepAliveInfo {
                        command_id: id,
                        response_required: false,
                    };
                    self.send(link, Command::KeepAliveInfo(alive));
                }
                return;
            }
            Command::ShutdownInfo(_) => {
                self.leave(link, None, Leaving::Said);
                if !self.depart(link) {
                    self.wake(link);
                }
                self.out.push_back(Output::Close(link, GOODBYE));
                return;
            }
            command => self.carry_out(link, command),
        };
        if let (Err(_), false, Some(transaction)) = (&done, wants, transaction) {
            self.refuse_commit(link, &transaction);
        }
        match self.task.take() {
            Some(task) => self.proceed(link, Pending { task, id, wants }),
            None => self.finish(link, id, wants, done),
        }
    }

    /// A command is done.
    fn finish(&mut self, link: Link, id: i32, wants: bool, done: Done) {
        self.answer(link, id, wants, done);
        if let Some(why) = self.closing.take() {
            self.out.push_back(Output::Close(link, why));
        }
    }

    /// The next output.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When [`Self::tick`] is wanted next, in milliseconds since 1970.
    pub fn next_deadline(&self) -> Option<i64> {
        self.deadlines.first().map(|(until, _)| *until)
    }

    /// What happened so far.
    pub fn counted(&self) -> Counted {
        self.counted
    }

    /// What everything counts for that clients make the broker hold, in bytes.
    pub fn memory(&self) -> usize {
        self.memory.used()
    }

    /// What a client holds, once it has connected.
    pub fn memory_of(&self, link: Link) -> Option<Arc<ConnectionMemory>> {
        Some(self.connection(link)?.memory.clone())
    }

    /// How many messages wait in the command queue.
    pub fn commands(&self) -> usize {
        let name = self.settings.command_queue.as_ref();
        let queue = name.and_then(|name| self.queues.get(name));
        queue.map_or(0, |queue| queue.messages.len())
    }

    /// How many queues and consumers there are.
    pub fn population(&self) -> (usize, usize) {
        (self.queues.len(), self.consumers.len())
    }

    fn carry_out(&mut self, link: Link, command: Command) -> Done {
        match command {
            Command::ConnectionInfo(info) => self.connect(link, info),
            Command::SessionInfo(info) => self.add_session(link, info),
            Command::ConsumerInfo(info) => self.add_consumer(link, info),
            Command::ProducerInfo(info) => self.add_producer(link, info),
            Command::RemoveInfo(info) => self.remove(link, &info),
            Command::RemoveSubscriptionInfo(info) => self.unsubscribe(link, &info),
            Command::DestinationInfo(info) => self.destination(link, info),
            Command::TransactionInfo(info) => self.transaction(link, &info),
            Command::Message(message) => self.take(link, message),
            Command::MessageAck(ack) => self.acknowledge(link, &ack),
            Command::MessagePull(pull) => self.pull(link, &pull),
            Command::ConsumerControl(control) => self.control(link, &control),
            Command::BrokerInfo(info) if info.network_connection => {
                self.closing = Some("it wants to be a bridge");
                Err(refusal::network())
            }
            Command::MessageDispatchNotification(_)
            | Command::BrokerSubscriptionInfo(_)
            | Command::ReplayCommand(_) => Err(refusal::network()),
            // Accepted, answered where that is asked, and nothing done. [openwire §4.5]
            Command::BrokerInfo(_)
            | Command::ConnectionControl(_)
            | Command::ControlCommand(_)
            | Command::FlushCommand(_)
            | Command::ConnectionError(_)
            | Command::ProducerAck(_)
            | Command::MessageDispatch(_)
            | Command::Response(_)
            | Command::ExceptionResponse(_)
            | Command::DataResponse(_)
            | Command::DataArrayResponse(_)
            | Command::IntegerResponse(_)
            | Command::WireFormatInfo(_)
            | Command::KeepAliveInfo(_)
            | Command::ShutdownInfo(_) => Ok(None),
        }
    }

    fn answer(&mut self, link: Link, id: i32, wants: bool, done: Done) {
        self.counted.refused += u64::from(done.is_err());
        let answer = match done {
            Ok(Some(own)) => own,
            Ok(None) => Command::Response(Response {
                correlation_id: id,
                ..Response::default()
            }),
            Err(exception) if wants => Command::ExceptionResponse(ExceptionResponse {
                correlation_id: id,
                exception: Some(exception),
                ..ExceptionResponse::default()
            }),
            Err(exception) => return self.tell_error(link, exception),
        };
        if wants {
            self.send(link, answer);
        }
    }

    /// Tells of an error that nobody waits for, but not too often. [openwire §7.2]
    fn tell_error(&mut self, link: Link, exception: Throwable) {
        let now = self.now;
        let Some(peer) = self.peers.get_mut(&link) else {
            return;
        };
        if peer.told.is_some_and(|told| now < told + ERROR_PAUSE_MS) {
            return;
        }
        peer.told = Some(now);
        let connection = peer.connection.as_ref();
        let connection_id = connection.map(|connection| ConnectionId {
            value: Some(connection.id.clone()),
        });
        let error = ConnectionError {
            exception: Some(exception),
            connection_id,
            ..ConnectionError::default()
        };
        self.send(link, Command::ConnectionError(error));
    }

    fn send(&mut self, link: Link, command: Command) {
        self.out.push_back(Output::Send(link, Box::new(command)));
    }

    fn connection(&self, link: Link) -> Option<&Connection> {
        self.peers.get(&link)?.connection.as_ref()
    }

    /// An answer without anything in it. [openwire §7.9]
    fn empty_list(id: i32) -> Command {
        Command::DataArrayResponse(DataArrayResponse {
            correlation_id: id,
            data: Some(Vec::<Any>::new()),
            ..DataArrayResponse::default()
        })
    }
}
