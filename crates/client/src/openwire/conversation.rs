//! What is said to the broker and what its commands mean, over one connection after the other. No I/O, no clock. [openwire §8]
//!
//! ```text
//!            opened                    all answered
//!   Away ───────────────▶ Opening ─────────────────────────▶ Ready
//!    ▲                       │ refused, lost                   │ lost, left
//!    └───────────────────────┴─────────────────────────────────┘
//! ```
//!
//! The names stay the same over all connections: a broker that still holds the old one drops it for the new one, and knows a
//! message that is sent again by its id. [openwire §7.3]

use super::consumers::{ConsumeError, Consumers};
use super::{Counts, Publication, Settings};
use cordboard_wire::openwire::{
    AckType, Body, Command, ConnectionError, ConnectionId, ConnectionInfo, ConsumerControl,
    ConsumerId, ConsumerInfo, Destination, Message, MessageAck, MessageDispatch, MessageId,
    ObjectId, ProducerId, ProducerInfo, RemoveInfo, SecretText, SessionId, SessionInfo,
    ShutdownInfo, Text, Throwable,
};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

/// So many ids of messages that were taken over are remembered, to know one that comes again.
const REMEMBERED: usize = 2_048;
/// So many messages may be sent and not confirmed.
const UNCONFIRMED: usize = 256;

/// Commands that open a connection are numbered alike each time, but for the consumers': those are not always the same.
const CONNECTION: i32 = 1;
const SESSION: i32 = 2;
const PRODUCER: i32 = 3;

/// Why a connection is given up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum End {
    /// The broker does not let us in. Trying again soon is of no use.
    #[error("the broker refuses {who}: {why}")]
    Refused {
        /// Whom.
        who: String,
        /// In its words, fit for a log line.
        why: String,
    },
    /// Another connection has our client id.
    #[error("the broker has another connection with the client id {client_id}: {why}")]
    Taken {
        /// The id.
        client_id: String,
        /// In its words, fit for a log line.
        why: String,
    },
    /// It refuses something else that we cannot do without.
    #[error("the broker refuses to open the connection: {0}")]
    NotOpened(String),
    /// It reported an error of this connection.
    #[error("the broker reports: {0}")]
    Reported(String),
    /// It wants us to go, or goes itself.
    #[error("the broker closes the connection")]
    Closed,
    /// It closed our consumer.
    #[error("the broker closed the consumer")]
    ConsumerClosed,
    /// It said what only clients say. [openwire §4.5]
    #[error("the broker sent {0}")]
    Nonsense(&'static str),
}

impl End {
    /// Is it a refusal, after which we wait longer?
    pub(super) fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Refused { .. } | Self::Taken { .. } | Self::NotOpened(_)
        )
    }
}

/// A message that came, for the owner.
#[derive(Debug, PartialEq)]
pub(super) struct Arrival {
    pub(super) message: Arc<Message>,
    pub(super) body: Body,
    pub(super) redelivered: u32,
    pub(super) key: Key,
}

/// A message for one of our consumers, whichever broker hands it out and how often. Each consumer of a topic has its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    consumer: i64,
    message: MessageId,
    /// Which of several messages to which their senders gave the same id.
    copy: u32,
}

impl Key {
    fn of(consumer: i64, id: &MessageId) -> Self {
        Self {
            consumer,
            message: MessageId {
                broker_sequence_id: 0,
                ..id.clone()
            },
            copy: 0,
        }
    }
}

/// What the owner did with a message.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It has taken it over.
    Taken(Key),
    /// It let go of it.
    LetGo(Key),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Away,
    Opening,
    Ready,
    /// Our consumers are removed, and we wait for the last answer.
    Leaving(i32),
    Left,
}

/// A message the owner has not taken over yet.
#[derive(Debug)]
struct Held {
    /// The connection it last came on.
    connection: u64,
    destination: Option<Destination>,
    id: MessageId,
}

/// The client's side of the conversation.
#[derive(Debug)]
pub(super) struct Conversation {
    settings: Arc<Settings>,
    counts: Counts,
    /// Our connection's name.
    name: Text,
    phase: Phase,
    /// Counts the connections.
    connection: u64,
    /// Answers that the opening still waits for.
    opening: HashSet<i32>,
    consumers: Consumers,
    /// The number of the next command.
    number: i32,
    /// The number of the next message.
    sequence: i64,
    /// Messages sent, and waited for the broker's word on, by their command's number.
    unconfirmed: BTreeMap<i32, Arc<Message>>,
    outgoing: VecDeque<Command>,
    arrivals: VecDeque<Arrival>,
    held: HashMap<Key, Held>,
    /// With the number of the connection on which each came.
    taken: HashMap<Key, u64>,
    taken_in_order: VecDeque<Key>,
    /// Does the owner get messages? What comes anyway stays the broker's.
    takes: bool,
    /// What the broker calls itself, fit for a log line.
    broker: Option<String>,
}

impl Conversation {
    /// `name` tells this process apart from every other, whenever and wherever it runs.
    pub(super) fn new(settings: Arc<Settings>, name: &str, counts: Counts) -> Self {
        Self {
            consumers: Consumers::new(&settings.consumes),
            settings,
            counts,
            name: Text::from(name),
            phase: Phase::Away,
            connection: 0,
            opening: HashSet::new(),
            number: PRODUCER + 1,
            sequence: 1,
            unconfirmed: BTreeMap::new(),
            outgoing: VecDeque::new(),
            arrivals: VecDeque::new(),
            held: HashMap::new(),
            taken: HashMap::new(),
            taken_in_order: VecDeque::new(),
            takes: true,
            broker: None,
        }
    }

    /// There is a connection, and the encoding is agreed.
    pub(super) fn opened(&mut self) {
        let again = self.connection > 0;
        self.connection += 1;
        self.phase = Phase::Opening;
        self.consumers.begin();
        self.broker = None;
        self.opening = [CONNECTION, SESSION, PRODUCER].into();
        let settings = Arc::clone(&self.settings);
        let text = |text: &String| Text::from(text.as_str());
        let info = ConnectionInfo {
            connection_id: Some(self.connection_id()),
            client_id: Some(text(&settings.client_id)),
            user_name: settings.user.as_ref().map(text),
            password: settings.password.as_ref().map(SecretText::from),
            manageable: true,
            client_master: true,
            fault_tolerant: again,
            failover_reconnect: again,
            ..ConnectionInfo::default()
        };
        self.ask(CONNECTION, info);
        let session = SessionInfo {
            session_id: Some(SessionId {
                connection_id: Some(self.name.clone()),
                value: 1,
            }),
            ..SessionInfo::default()
        };
        self.ask(SESSION, session);
        let consumers = self.consumers.iter();
        let consumers: Vec<_> = consumers
            .map(|consumer| (consumer.number, consumer.destination.clone()))
            .collect();
        for (number, destination) in consumers {
            let command = self.ask_for(number, destination);
            self.opening.insert(command);
        }
        let producer = ProducerInfo {
            producer_id: Some(self.producer_id()),
            ..ProducerInfo::default()
        };
        self.ask(PRODUCER, producer);
    }

    /// Listens to another destination, on this connection and every one after it. What becomes of it:
    /// [`Conversation::poll_settled`].
    pub(super) fn consume(&mut self, destination: Destination) {
        if let Some(number) = self.consumers.add(destination.clone())
            && matches!(self.phase, Phase::Opening | Phase::Ready)
        {
            self.ask_for(number, destination);
        }
    }

    /// Listens to a destination no longer. What the owner has of it stays the owner's.
    pub(super) fn give_up(&mut self, destination: &Destination) {
        let Some(gone) = self.consumers.remove(destination) else {
            return;
        };
        self.arrivals.retain(|arrival| {
            let ours = arrival.key.consumer == gone.number;
            if ours {
                self.held.remove(&arrival.key);
            }
            !ours
        });
        if matches!(self.phase, Phase::Opening | Phase::Ready) {
            self.tell(RemoveInfo {
                object_id: Some(ObjectId::Consumer(self.consumer_id(gone.number))),
                last_delivered_sequence_id: gone.last_taken,
                ..RemoveInfo::default()
            });
        }
    }

    /// What became of a destination that was asked for.
    pub(super) fn poll_settled(&mut self) -> Option<(Destination, Result<(), ConsumeError>)> {
        self.consumers.poll_settled()
    }

    /// The connection is gone. What the broker confirmed stays confirmed, what the owner has stays the owner's.
    pub(super) fn lost(&mut self) {
        self.phase = Phase::Away;
        self.outgoing.clear();
        // Nobody has seen these; the broker hands them out again.
        for arrival in self.arrivals.drain(..) {
            self.held.remove(&arrival.key);
        }
        let before = self.unconfirmed.len();
        // Sent again where the broker finds out a repetition; elsewhere once at most. [openwire §7.11]
        self.unconfirmed.retain(|_, message| message.persistent);
        let given_up = before - self.unconfirmed.len();
        self.counts.unconfirmed.inc_by(given_up as u64);
    }

    /// The broker said something.
    ///
    /// # Errors
    /// Why the connection is to be given up.
    pub(super) fn received(&mut self, command: Command, now_ms: i64) -> Result<(), End> {
        match command {
            Command::MessageDispatch(dispatch) => self.dispatched(dispatch, now_ms),
            Command::Response(answer) => self.answered(answer.correlation_id),
            Command::DataResponse(answer) => self.answered(answer.correlation_id),
            Command::DataArrayResponse(answer) => self.answered(answer.correlation_id),
            Command::IntegerResponse(answer) => self.answered(answer.correlation_id),
            Command::ExceptionResponse(answer) => {
                let exception = answer.exception.unwrap_or_default();
                return self.refused(answer.correlation_id, &exception);
            }
            Command::ConnectionError(error) => return self.reported(error),
            Command::ConnectionControl(control) => {
                let somewhere = |text: &Option<Text>| text.as_ref().is_some_and(|t| !t.is_empty());
                if control.close || control.exit {
                    return Err(End::Closed);
                }
                if somewhere(&control.reconnect_to) || somewhere(&control.connected_brokers) {
                    // A broker cannot send us elsewhere. [openwire §8.3]
                    self.counts.disobeyed.inc();
                }
            }
            Command::ConsumerControl(control) => return self.controlled(&control),
            Command::ShutdownInfo(_) => return Err(End::Closed),
            Command::BrokerInfo(info) => {
                let name = info.broker_name.unwrap_or_default();
                self.broker = Some(name.for_log(200));
            }
            // Its only word stops a process. [openwire §4.5]
            Command::ControlCommand(_) => {
                self.counts.disobeyed.inc();
            }
            Command::WireFormatInfo(_)
            | Command::KeepAliveInfo(_)
            | Command::FlushCommand(_)
            | Command::ProducerAck(_)
            | Command::ReplayCommand(_)
            | Command::MessageDispatchNotification(_)
            | Command::BrokerSubscriptionInfo(_) => {}
            Command::ConnectionInfo(_) => return Err(End::Nonsense("ConnectionInfo")),
            Command::SessionInfo(_) => return Err(End::Nonsense("SessionInfo")),
            Command::ConsumerInfo(_) => return Err(End::Nonsense("ConsumerInfo")),
            Command::ProducerInfo(_) => return Err(End::Nonsense("ProducerInfo")),
            Command::TransactionInfo(_) => return Err(End::Nonsense("TransactionInfo")),
            Command::DestinationInfo(_) => return Err(End::Nonsense("DestinationInfo")),
            Command::RemoveSubscriptionInfo(_) => {
                return Err(End::Nonsense("RemoveSubscriptionInfo"));
            }
            Command::RemoveInfo(_) => return Err(End::Nonsense("RemoveInfo")),
            Command::MessagePull(_) => return Err(End::Nonsense("MessagePull")),
            Command::MessageAck(_) => return Err(End::Nonsense("MessageAck")),
            Command::Message(_) => return Err(End::Nonsense("a message that is not dispatched")),
        }
        Ok(())
    }

    /// The next command to be written.
    pub(super) fn poll_outgoing(&mut self) -> Option<Command> {
        self.outgoing.pop_front()
    }

    /// The next message for the owner.
    pub(super) fn poll_arrival(&mut self) -> Option<Arrival> {
        let arrival = self.arrivals.pop_front()?;
        self.counts.received.inc();
        Some(arrival)
    }

    /// Does a message wait for the owner?
    pub(super) fn has_arrival(&self) -> bool {
        !self.arrivals.is_empty()
    }

    /// The owner took a message over, or let go of it.
    pub(super) fn decided(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::LetGo(key) => {
                self.held.remove(&key);
            }
            Verdict::Taken(key) => {
                if let Some(held) = self.held.remove(&key) {
                    let consumer = key.consumer;
                    self.remember(key, held.connection);
                    // A connection that is gone took its deliveries with it. [openwire §8.3]
                    if held.connection == self.connection {
                        self.acknowledge(AckType::Standard, consumer, held.destination, held.id);
                    }
                }
            }
        }
    }

    /// Is everything confirmed that the opening asked for?
    pub(super) fn is_ready(&self) -> bool {
        self.phase == Phase::Ready
    }

    /// What the broker calls itself.
    pub(super) fn broker(&self) -> Option<&str> {
        self.broker.as_deref()
    }

    /// May a message be sent now?
    pub(super) fn may_send(&self) -> bool {
        self.is_ready() && self.unconfirmed.len() < UNCONFIRMED
    }

    /// Sends a message.
    pub(super) fn send(&mut self, publication: Publication, now_ms: i64) {
        let Publication {
            destination,
            text,
            jms_type,
            correlation_id,
            reply_to,
            time_to_live,
            persistent,
        } = publication;
        let mut message = Message::text(Some(&Text::from(text)));
        // A temporary destination may be gone; then we want to hear of it. [openwire §8.1]
        let confirm = persistent || destination.kind.is_temporary();
        let ttl = time_to_live.map(|ttl| i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX));
        message.command_id = self.next_number();
        message.response_required = confirm;
        message.producer_id = Some(self.producer_id());
        message.message_id = Some(MessageId {
            producer_id: Some(self.producer_id()),
            producer_sequence_id: self.sequence,
            ..MessageId::default()
        });
        message.destination = Some(destination);
        message.jms_type = jms_type.map(Text::from);
        message.correlation_id = correlation_id.map(Text::from);
        message.reply_to = reply_to;
        message.persistent = persistent;
        message.priority = 4;
        message.timestamp = now_ms;
        message.expiration = ttl.map_or(0, |ttl| now_ms.saturating_add(ttl));
        self.sequence += 1;
        let message = Arc::new(message);
        if confirm {
            let number = message.command_id;
            self.unconfirmed.insert(number, Arc::clone(&message));
        }
        self.outgoing.push_back(Command::Message(message));
    }

    /// A command could not be written.
    pub(super) fn unsendable(&mut self, command: &Command) {
        if let Command::Message(message) = command {
            self.counts.unsendable.inc();
            self.unconfirmed.remove(&message.command_id);
        }
    }

    /// From now on no message is for the owner: we are about to leave.
    pub(super) fn take_no_more(&mut self) {
        self.takes = false;
    }

    /// Says good-bye; [`Conversation::has_left`] when the broker has answered.
    pub(super) fn leave(&mut self) {
        let consumers = self.consumers.iter();
        let consumers: Vec<_> = consumers
            .map(|consumer| RemoveInfo {
                object_id: Some(ObjectId::Consumer(self.consumer_id(consumer.number))),
                last_delivered_sequence_id: consumer.last_taken,
                ..RemoveInfo::default()
            })
            .collect();
        let connection = RemoveInfo {
            object_id: Some(ObjectId::Connection(self.connection_id())),
            last_delivered_sequence_id: self.consumers.last_taken(),
            ..RemoveInfo::default()
        };
        for consumer in consumers {
            self.tell(consumer);
        }
        let number = self.next_number();
        self.ask(number, connection);
        self.phase = Phase::Leaving(number);
    }

    /// Has the broker let us go?
    pub(super) fn has_left(&self) -> bool {
        self.phase == Phase::Left
    }

    fn dispatched(&mut self, dispatch: MessageDispatch, now_ms: i64) {
        let MessageDispatch {
            consumer_id,
            destination,
            message,
            redelivery_counter,
            ..
        } = dispatch;
        let ours = consumer_id.and_then(|id| self.consumers.of(&id, &self.name));
        let ours = ours.map(|consumer| consumer.number);
        if ours.is_some() && !self.takes {
            return;
        }
        let (Some(message), Some(consumer)) = (message, ours) else {
            self.counts.strays.inc();
            return;
        };
        let Some(id) = message.message_id.clone() else {
            self.counts.strays.inc();
            return;
        };
        let mut key = Key::of(consumer, &id);
        // A broker hands a message out again on another connection, or says that it does. Another message with the same id is another
        // message: its sender wrote the id.
        let comes_again = |before: u64| redelivery_counter > 0 || before != self.connection;
        while self
            .held
            .get(&key)
            .is_some_and(|held| !comes_again(held.connection))
        {
            key.copy += 1;
        }
        let was_taken = self
            .taken
            .get(&key)
            .is_some_and(|before| comes_again(*before));
        if let Some(held) = self.held.get_mut(&key) {
            // The owner still has it, and what it does with it will be said on this connection.
            (held.connection, held.destination, held.id) = (self.connection, destination, id);
            self.counts.repeated.inc();
            return;
        }
        if was_taken {
            self.counts.repeated.inc();
            return self.acknowledge(AckType::Standard, consumer, destination, id);
        }
        let expired = message.expiration != 0 && now_ms >= message.expiration;
        if redelivery_counter > 0 && expired {
            self.counts.expired.inc();
            return self.acknowledge(AckType::Expired, consumer, destination, id);
        }
        let body = match message.body_within(self.settings.max_body) {
            Ok(body) => body,
            Err(error) => {
                tracing::debug!(%error, message.id = %Text::from(id.to_string()).for_log(200), "a message cannot be read");
                self.counts.unreadable.inc();
                return self.acknowledge(AckType::Standard, consumer, destination, id);
            }
        };
        let held = Held {
            connection: self.connection,
            destination,
            id,
        };
        self.held.insert(key.clone(), held);
        self.arrivals.push_back(Arrival {
            message,
            body,
            redelivered: u32::try_from(redelivery_counter).unwrap_or(0),
            key,
        });
    }

    fn answered(&mut self, number: i32) {
        let consumer = self.consumers.confirmed(number);
        match self.phase {
            Phase::Opening if self.opening.remove(&number) => self.opened_so_far(),
            _ if consumer => {}
            Phase::Leaving(last) if last == number => {
                self.phase = Phase::Left;
                self.tell(ShutdownInfo::default());
            }
            _ => {
                if self.unconfirmed.remove(&number).is_none() {
                    self.counts.strays.inc();
                }
            }
        }
    }

    /// Is the opening done?
    fn opened_so_far(&mut self) {
        if !self.opening.is_empty() {
            return;
        }
        self.phase = Phase::Ready;
        self.counts.connected.inc();
        // With their old numbers and ids, before anything new. [openwire §7.3]
        let again = self.unconfirmed.values().cloned();
        self.outgoing.extend(again.map(Command::Message));
    }

    fn refused(&mut self, number: i32, exception: &Throwable) -> Result<(), End> {
        if let Some(destination) = self.consumers.refused(number, &exception.to_string()) {
            self.counts.refused.inc();
            let destination = Text::from(destination.to_string()).for_log(200);
            tracing::info!(%exception, destination, "the broker does not let us listen");
            if self.phase == Phase::Opening && self.opening.remove(&number) {
                self.opened_so_far();
            }
            return Ok(());
        }
        if self.phase == Phase::Opening && self.opening.contains(&number) {
            if number > PRODUCER && !self.consumers.needs(number) {
                // It was given up meanwhile.
                self.answered(number);
                return Ok(());
            }
            let why = exception.to_string();
            // A class's name is only compared. [openwire §10.1]
            let class = exception.class.as_ref().and_then(Text::as_str);
            return Err(match class {
                Some("java.lang.SecurityException") => End::Refused {
                    who: match &self.settings.user {
                        Some(user) => format!("user {user}"),
                        None => "us without a user".to_owned(),
                    },
                    why,
                },
                Some("javax.jms.InvalidClientIDException") => End::Taken {
                    client_id: self.settings.client_id.clone(),
                    why,
                },
                _ => End::NotOpened(why),
            });
        }
        if let Some(message) = self.unconfirmed.remove(&number) {
            self.counts.refused.inc();
            let destination = message.destination.as_ref().map(ToString::to_string);
            let destination = Text::from(destination.unwrap_or_default()).for_log(200);
            tracing::info!(%exception, destination, "the broker refuses a message");
            return Ok(());
        }
        if let Phase::Leaving(_) = self.phase {
            self.answered(number);
            return Ok(());
        }
        self.counts.strays.inc();
        tracing::info!(%exception, "the broker refuses what nobody asked");
        Ok(())
    }

    fn reported(&self, error: ConnectionError) -> Result<(), End> {
        let exception = error.exception.unwrap_or_default();
        if error
            .connection_id
            .is_some_and(|id| id == self.connection_id())
        {
            return Err(End::Reported(exception.to_string()));
        }
        tracing::info!(%exception, "the broker reports an error");
        Ok(())
    }

    fn controlled(&self, control: &ConsumerControl) -> Result<(), End> {
        let named = control.consumer_id.as_ref();
        let ours = named.is_some_and(|id| self.consumers.of(id, &self.name).is_some());
        match ours && control.close {
            true => Err(End::ConsumerClosed),
            // How many it sends at once is the broker's to say; we have room for all we asked for.
            false => Ok(()),
        }
    }

    fn acknowledge(
        &mut self,
        how: AckType,
        consumer: i64,
        destination: Option<Destination>,
        id: MessageId,
    ) {
        // One that was given up has nothing more to say: the broker dropped what it held for it.
        let Some(known) = self.consumers.of_mut(consumer) else {
            return;
        };
        if how == AckType::Standard {
            known.last_taken = known.last_taken.max(id.broker_sequence_id);
        }
        self.tell(MessageAck {
            destination,
            consumer_id: Some(self.consumer_id(consumer)),
            ack_type: how.into(),
            first_message_id: Some(id.clone()),
            last_message_id: Some(id),
            message_count: 1,
            ..MessageAck::default()
        });
    }

    fn remember(&mut self, key: Key, connection: u64) {
        if self.taken.insert(key.clone(), connection).is_none() {
            self.taken_in_order.push_back(key);
        }
        if self.taken_in_order.len() > REMEMBERED
            && let Some(oldest) = self.taken_in_order.pop_front()
        {
            self.taken.remove(&oldest);
        }
    }

    /// Asks for a consumer; the number of the command that does.
    fn ask_for(&mut self, consumer: i64, destination: Destination) -> i32 {
        let info = ConsumerInfo {
            consumer_id: Some(self.consumer_id(consumer)),
            destination: Some(destination),
            prefetch_size: i32::from(self.settings.prefetch),
            dispatch_async: true,
            ..ConsumerInfo::default()
        };
        let command = self.next_number();
        self.consumers.asked(consumer, command);
        self.ask(command, info);
        command
    }

    fn tell(&mut self, command: impl Into<Command>) {
        let mut command = command.into();
        command.set_head(self.next_number(), false);
        self.outgoing.push_back(command);
    }

    fn ask(&mut self, number: i32, command: impl Into<Command>) {
        let mut command = command.into();
        command.set_head(number, true);
        self.outgoing.push_back(command);
    }

    fn next_number(&mut self) -> i32 {
        let number = self.number;
        // The opening's numbers are never given again.
        self.number = number.checked_add(1).unwrap_or(PRODUCER + 1);
        number
    }

    fn connection_id(&self) -> ConnectionId {
        ConnectionId {
            value: Some(self.name.clone()),
        }
    }

    fn consumer_id(&self, number: i64) -> ConsumerId {
        ConsumerId {
            connection_id: Some(self.name.clone()),
            session_id: 1,
            value: number,
        }
    }

    fn producer_id(&self) -> ProducerId {
        ProducerId {
            connection_id: Some(self.name.clone()),
            value: 1,
            session_id: 1,
        }
    }
}

#[cfg(test)]
mod tests;
