//! Ids, destinations and transactions: what commands speak about. [openwire §4.3]

use super::table::{choice, structure};
use super::{Sink, Source, Structure, Text};
use std::borrow::Cow;
use std::fmt;

structure! {
    /// A connection, under the name that its client chose.
    #[derive(Eq, PartialOrd, Ord, Hash)]
    ConnectionId = 120 "ConnectionId" {
        /// The name.
        value "Value": str,
    }
}

structure! {
    /// A session of a connection.
    #[derive(Eq, PartialOrd, Ord, Hash)]
    SessionId = 121 "SessionId" {
        /// The connection's name.
        connection_id "ConnectionId": str,
        /// Counts within the connection; -1 is the session of the advisory consumer.
        value "Value": i64,
    }
}

structure! {
    /// A consumer of a session.
    #[derive(Eq, PartialOrd, Ord, Hash)]
    ConsumerId = 122 "ConsumerId" {
        /// The connection's name.
        connection_id "ConnectionId": str,
        /// The session's number.
        session_id "SessionId": i64,
        /// Counts within the session.
        value "Value": i64,
    }
}

structure! {
    /// A producer of a session. Its two numbers stand the other way round than a consumer's.
    #[derive(Eq, PartialOrd, Ord, Hash)]
    ProducerId = 123 "ProducerId" {
        /// The connection's name.
        connection_id "ConnectionId": str,
        /// Counts within the session.
        value "Value": i64,
        /// The session's number.
        session_id "SessionId": i64,
    }
}

structure! {
    /// A broker.
    #[derive(Eq, PartialOrd, Ord, Hash)]
    BrokerId = 124 "BrokerId" {
        /// Its name.
        value "Value": str,
    }
}

structure! {
    /// A message, as its producer numbered it.
    #[derive(Eq, PartialOrd, Ord, Hash)]
    MessageId = 110 "MessageId" {
        /// The whole id as a text, when it does not come from a producer's counter.
        text_view "TextView": str from 10,
        /// Who sent it.
        producer_id "ProducerId": cobj(ProducerId),
        /// Counts within the producer, from 1.
        producer_sequence_id "ProducerSequenceId": i64,
        /// Counts within the broker; 0 until one gave it.
        broker_sequence_id "BrokerSequenceId": i64,
    }
}

impl fmt::Display for MessageId {
    /// `JMSMessageID`: the text view, or connection, session, producer and sequence. [openwire §4.2]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(text) = &self.text_view {
            return write!(f, "{text}");
        }
        if let Some(producer) = &self.producer_id {
            write!(f, "{producer}:")?;
        }
        write!(f, "{}", self.producer_sequence_id)
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&name(&self.value))
    }
}

impl fmt::Display for SessionId {
    /// Connection and session.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", name(&self.connection_id), self.value)
    }
}

impl fmt::Display for ConsumerId {
    /// Connection, session and consumer.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connection = name(&self.connection_id);
        write!(f, "{connection}:{}:{}", self.session_id, self.value)
    }
}

impl fmt::Display for ProducerId {
    /// Connection, session and producer, in this order whatever the wire's is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connection = name(&self.connection_id);
        write!(f, "{connection}:{}:{}", self.session_id, self.value)
    }
}

impl fmt::Display for LocalTransactionId {
    /// As refusals name it: `TX:`, the connection and the number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connection = self.connection_id.as_ref();
        let connection = connection.map_or("null".into(), |id| name(&id.value));
        write!(f, "TX:{connection}:{}", self.value)
    }
}

/// A name, and the word for none.
fn name(text: &Option<Text>) -> Cow<'_, str> {
    text.as_ref().map_or("null".into(), Text::to_str_lossy)
}

structure! {
    /// A transaction of one session.
    #[derive(Eq, PartialOrd, Ord, Hash)]
    LocalTransactionId = 111 "LocalTransactionId" {
        /// Counts within the connection.
        value "Value": i64,
        /// The connection.
        connection_id "ConnectionId": cobj(ConnectionId),
    }
}

structure! {
    /// A branch of a distributed transaction.
    #[derive(Eq, PartialOrd, Ord, Hash)]
    XaTransactionId = 112 "XATransactionId" {
        /// Whose format the two ids have.
        format_id "FormatId": i32,
        /// The transaction.
        global_transaction_id "GlobalTransactionId": bytes,
        /// The branch.
        branch_qualifier "BranchQualifier": bytes,
    }
}

choice! {
    /// A transaction of either kind.
    #[derive(Eq, PartialOrd, Ord, Hash)]
    TransactionId "a transaction id" {
        /// Within the broker.
        Local(LocalTransactionId),
        /// Across resources.
        Xa(XaTransactionId),
    }
}

choice! {
    /// What a `RemoveInfo` removes.
    #[derive(Eq, PartialOrd, Ord, Hash)]
    ObjectId "the id of a connection, session, consumer or producer" {
        /// A connection with all it has.
        Connection(ConnectionId),
        /// A session with its consumers and producers.
        Session(SessionId),
        /// A consumer.
        Consumer(ConsumerId),
        /// A producer.
        Producer(ProducerId),
    }
}

/// What a destination is. [openwire §4.3]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DestinationKind {
    /// `ActiveMQQueue`, type 100: each message to one consumer.
    #[default]
    Queue,
    /// `ActiveMQTopic`, type 101: each message to all who listen.
    Topic,
    /// `ActiveMQTempQueue`, type 102: a queue that ends with its connection.
    TempQueue,
    /// `ActiveMQTempTopic`, type 103: a topic that ends with its connection.
    TempTopic,
}

impl DestinationKind {
    /// All of them, by their type numbers.
    pub const ALL: [Self; 4] = [Self::Queue, Self::Topic, Self::TempQueue, Self::TempTopic];

    /// What its names begin with where they stand in a text.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Queue => "queue://",
            Self::Topic => "topic://",
            Self::TempQueue => "temp-queue://",
            Self::TempTopic => "temp-topic://",
        }
    }

    /// Does each message go to one consumer only?
    pub fn is_queue(self) -> bool {
        matches!(self, Self::Queue | Self::TempQueue)
    }

    /// Does it end with its connection?
    pub fn is_temporary(self) -> bool {
        matches!(self, Self::TempQueue | Self::TempTopic)
    }
}

/// A queue or a topic.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Destination {
    /// What it is; on the wire the type number says it.
    pub kind: DestinationKind,
    /// `PhysicalName`.
    pub physical_name: Option<Text>,
}

impl Destination {
    /// The destination of this kind and name.
    pub fn new(kind: DestinationKind, name: impl Into<Text>) -> Self {
        Self {
            kind,
            physical_name: Some(name.into()),
        }
    }

    /// The queue of this name.
    pub fn queue(name: impl Into<Text>) -> Self {
        Self::new(DestinationKind::Queue, name)
    }

    /// The topic of this name.
    pub fn topic(name: impl Into<Text>) -> Self {
        Self::new(DestinationKind::Topic, name)
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.prefix())?;
        match &self.physical_name {
            Some(name) => write!(f, "{name}"),
            None => Ok(()),
        }
    }
}

impl Structure for Destination {
    const WANTED: &'static str = "a destination";

    fn blank(code: u8) -> Option<Self> {
        let kind = *DestinationKind::ALL.get(usize::from(code.checked_sub(100)?))?;
        Some(Self {
            kind,
            physical_name: None,
        })
    }

    fn code(&self) -> u8 {
        100 + self.kind as u8
    }

    fn name(&self) -> &'static str {
        match self.kind {
            DestinationKind::Queue => "ActiveMQQueue",
            DestinationKind::Topic => "ActiveMQTopic",
            DestinationKind::TempQueue => "ActiveMQTempQueue",
            DestinationKind::TempTopic => "ActiveMQTempTopic",
        }
    }

    fn since(&self) -> u8 {
        1
    }

    fn read<S: Source>(&mut self, source: &mut S) -> Result<(), S::Error> {
        self.physical_name = source.text("PhysicalName")?;
        Ok(())
    }

    fn write<K: Sink>(&self, sink: &mut K) -> Result<(), K::Error> {
        sink.text("PhysicalName", self.physical_name.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_their_text_forms() {
        let text = |text: &str| Some(Text::from(text));
        let producer = ProducerId {
            connection_id: text("ID:h-1:1"),
            value: 3,
            session_id: 2,
        };
        let mut message = MessageId {
            producer_id: Some(producer.clone()),
            producer_sequence_id: 9,
            ..MessageId::default()
        };
        assert_eq!(producer.to_string(), "ID:h-1:1:2:3");
        assert_eq!(message.to_string(), "ID:h-1:1:2:3:9");
        message.text_view = text("ID:other");
        assert_eq!(message.to_string(), "ID:other");
        let transaction = LocalTransactionId {
            value: 7,
            connection_id: Some(ConnectionId {
                value: text("ID:h-1:1"),
            }),
        };
        assert_eq!(transaction.to_string(), "TX:ID:h-1:1:7");
        assert_eq!(ConsumerId::default().to_string(), "null:0:0");
        assert_eq!(SessionId::default().to_string(), "null:0");
        assert_eq!(Destination::queue("a/b").to_string(), "queue://a/b");
        let kinds = DestinationKind::ALL.map(|kind| (kind.is_queue(), kind.is_temporary()));
        assert_eq!(
            kinds,
            [(true, false), (false, false), (true, true), (false, true)]
        );
    }
}
