//! Messages, their way to a consumer and their acknowledgement. [openwire §4.1, §4.2]

use super::table::{command, fields};
use super::{
    Any, BrokerId, ConsumerId, Destination, MessageId, ProducerId, Sink, Source, Structure,
    TransactionId,
};
use std::sync::Arc;

/// What a message's body is. [openwire §4.2]
#[derive(Clone, Debug, Default, PartialEq)]
pub enum MessageKind {
    /// `ActiveMQMessage`, type 23: no body; advisories too.
    #[default]
    Plain,
    /// `ActiveMQBytesMessage`, type 24.
    Bytes,
    /// `ActiveMQMapMessage`, type 25.
    Map,
    /// `ActiveMQObjectMessage`, type 26: an object of Java's, never looked into.
    Object,
    /// `ActiveMQStreamMessage`, type 27.
    Stream,
    /// `ActiveMQTextMessage`, type 28.
    Text,
    /// `ActiveMQBlobMessage`, type 29: the body lies elsewhere.
    Blob(Box<Blob>),
}

fields! {
    /// Where the body of a message lies. Never fetched. [openwire §10.1]
    Blob {
        /// The address.
        remote_blob_url "RemoteBlobUrl": str,
        /// What it is.
        mime_type "MimeType": str,
        /// Does the broker delete it?
        deleted_by_broker "DeletedByBroker": bool,
    }
}

fields! {
    /// The fields that all messages have; the JMS headers among them.
    Headers {
        /// The sender's number of the command; an answer names it.
        command_id "CommandId": i32,
        /// Does the sender wait for an answer?
        response_required "ResponseRequired": bool,
        /// Who sent it.
        producer_id "ProducerId": cobj(ProducerId),
        /// `JMSDestination`.
        destination "Destination": cobj(Destination),
        /// The transaction it is part of.
        transaction_id "TransactionId": cobj(TransactionId),
        /// Where it was sent to before it was put elsewhere.
        original_destination "OriginalDestination": cobj(Destination),
        /// `JMSMessageID`.
        message_id "MessageId": obj(MessageId),
        /// The transaction it was part of.
        original_transaction_id "OriginalTransactionId": cobj(TransactionId),
        /// `JMSXGroupID`.
        group_id "GroupID": str,
        /// `JMSXGroupSeq`.
        group_sequence "GroupSequence": i32,
        /// `JMSCorrelationID`.
        correlation_id "CorrelationId": str,
        /// `JMSDeliveryMode`: is it to survive a restart?
        persistent "Persistent": bool,
        /// `JMSExpiration`: milliseconds since 1970, by the producer's clock; 0: never.
        expiration "Expiration": i64,
        /// `JMSPriority`, 0 to 9.
        priority "Priority": i8,
        /// `JMSReplyTo`.
        reply_to "ReplyTo": obj(Destination),
        /// `JMSTimestamp`: milliseconds since 1970, by the producer's clock.
        timestamp "Timestamp": i64,
        /// `JMSType`.
        jms_type "Type": str,
        /// The body, see [`Message::body`](super::Message::body).
        content "Content": bytes,
        /// The properties, see [`Message::properties`](super::Message::properties).
        marshalled_properties "MarshalledProperties": bytes,
        /// What an advisory is about.
        data_structure "DataStructure": obj(Any),
        /// The one consumer it is for.
        target_consumer_id "TargetConsumerId": cobj(ConsumerId),
        /// Is the body deflated?
        compressed "Compressed": bool,
        /// How often it was delivered in vain.
        redelivery_counter "RedeliveryCounter": i32,
        /// Brokers it came through.
        broker_path "BrokerPath": arr(BrokerId),
        /// When it came, milliseconds since 1970.
        arrival "Arrival": i64,
        /// `JMSXUserID`.
        user_id "UserID": str,
        /// Did it come over a bridge of the demand-forwarding kind?
        received_by_df_bridge "RecievedByDFBridge": bool,
        /// May it be dropped for a slow consumer?
        droppable "Droppable": bool from 2,
        /// Brokers of the cluster it is for.
        cluster "Cluster": arr(BrokerId) from 3,
        /// When the broker took it, milliseconds since 1970.
        broker_in_time "BrokerInTime": i64 from 3,
        /// When the broker handed it on, milliseconds since 1970.
        broker_out_time "BrokerOutTime": i64 from 3,
        /// Is it the first of its group for this consumer?
        jmsx_group_first_for_consumer "JMSXGroupFirstForConsumer": bool from 10,
    }
}

/// A message: its kind and its fields. Types 23 to 29.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Message {
    /// What its body is.
    pub kind: MessageKind,
    /// Everything else.
    pub headers: Headers,
}

impl std::ops::Deref for Message {
    type Target = Headers;

    fn deref(&self) -> &Headers {
        &self.headers
    }
}

impl std::ops::DerefMut for Message {
    fn deref_mut(&mut self) -> &mut Headers {
        &mut self.headers
    }
}

impl Structure for Message {
    const WANTED: &'static str = "a message";

    fn blank(code: u8) -> Option<Self> {
        let kind = match code {
            23 => MessageKind::Plain,
            24 => MessageKind::Bytes,
            25 => MessageKind::Map,
            26 => MessageKind::Object,
            27 => MessageKind::Stream,
            28 => MessageKind::Text,
            29 => MessageKind::Blob(Box::default()),
            _ => return None,
        };
        Some(Self {
            kind,
            headers: Headers::default(),
        })
    }

    fn code(&self) -> u8 {
        match self.kind {
            MessageKind::Plain => 23,
            MessageKind::Bytes => 24,
            MessageKind::Map => 25,
            MessageKind::Object => 26,
            MessageKind::Stream => 27,
            MessageKind::Text => 28,
            MessageKind::Blob(_) => 29,
        }
    }

    fn name(&self) -> &'static str {
        match self.kind {
            MessageKind::Plain => "ActiveMQMessage",
            MessageKind::Bytes => "ActiveMQBytesMessage",
            MessageKind::Map => "ActiveMQMapMessage",
            MessageKind::Object => "ActiveMQObjectMessage",
            MessageKind::Stream => "ActiveMQStreamMessage",
            MessageKind::Text => "ActiveMQTextMessage",
            MessageKind::Blob(_) => "ActiveMQBlobMessage",
        }
    }

    fn since(&self) -> u8 {
        match self.kind {
            MessageKind::Blob(_) => 3,
            _ => 1,
        }
    }

    fn read<S: Source>(&mut self, source: &mut S) -> Result<(), S::Error> {
        self.headers.read_fields(source)?;
        match &mut self.kind {
            MessageKind::Blob(blob) => blob.read_fields(source),
            _ => Ok(()),
        }
    }

    fn write<K: Sink>(&self, sink: &mut K) -> Result<(), K::Error> {
        self.headers.write_fields(sink)?;
        match &self.kind {
            MessageKind::Blob(blob) => blob.write_fields(sink),
            _ => Ok(()),
        }
    }
}

command! {
    /// A message on its way to a consumer; without one, the end of what was asked for.
    MessageDispatch = 21 "MessageDispatch" {
        /// The consumer.
        consumer_id "ConsumerId": cobj(ConsumerId),
        /// Where the message comes from, never a pattern.
        destination "Destination": cobj(Destination),
        /// The message.
        message "Message": obj(Arc<Message>),
        /// How often it was delivered in vain.
        redelivery_counter "RedeliveryCounter": i32,
    }
}

command! {
    /// What became of messages.
    MessageAck = 22 "MessageAck" {
        /// Where they came from.
        destination "Destination": cobj(Destination),
        /// The transaction in which they count.
        transaction_id "TransactionId": cobj(TransactionId),
        /// The consumer.
        consumer_id "ConsumerId": cobj(ConsumerId),
        /// What became of them, see [`AckType`](super::AckType).
        ack_type "AckType": i8,
        /// The first; none: the oldest.
        first_message_id "FirstMessageId": obj(MessageId),
        /// The last.
        last_message_id "LastMessageId": obj(MessageId),
        /// How many.
        message_count "MessageCount": i32,
        /// Why they cannot be delivered.
        poison_cause "PoisonCause": thr from 7,
    }
}
