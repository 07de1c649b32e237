//! Data types that are no commands, and that a CTI program hardly meets. [openwire §4.3]

use super::table::{choice, structure};
use super::{
    BrokerId, ConnectionId, ConsumerId, Destination, LocalTransactionId, MessageAck, MessageId,
    ProducerId, SessionId, TransactionId, XaTransactionId,
};

structure! {
    /// A broker was found or lost in the network.
    DiscoveryEvent = 40 "DiscoveryEvent" {
        /// Its address.
        service_name "ServiceName": str,
        /// Its name.
        broker_name "BrokerName": str,
    }
}

structure! {
    /// A durable subscription as a store knows it.
    SubscriptionInfo = 55 "SubscriptionInfo" {
        /// The client.
        client_id "ClientId": str,
        /// The destination.
        destination "Destination": cobj(Destination),
        /// Which messages.
        selector "Selector": str,
        /// The subscription's name.
        subscription_name "SubscriptionName": str,
        /// What was subscribed to, a pattern perhaps.
        subscribed_destination "SubscribedDestination": obj(Destination) from 3,
        /// Without the connection's own?
        no_local "NoLocal": bool from 11,
    }
}

structure! {
    /// A piece of a command that was too large for a packet.
    PartialCommand = 60 "PartialCommand" {
        /// The command's number.
        command_id "CommandId": i32,
        /// The piece.
        data "Data": bytes,
    }
}

structure! {
    /// The last such piece.
    LastPartialCommand = 61 "LastPartialCommand" {
        /// The command's number.
        command_id "CommandId": i32,
        /// The piece.
        data "Data": bytes,
    }
}

structure! {
    /// A filter between brokers.
    NetworkBridgeFilter = 91 "NetworkBridgeFilter" {
        /// How many brokers a message may pass.
        network_ttl "NetworkTTL": i32 until 9,
        /// The broker on the other side.
        network_broker_id "NetworkBrokerId": cobj(BrokerId),
        /// How many brokers a message may pass.
        message_ttl "MessageTTL": i32 from 10,
        /// How many brokers a subscription may pass.
        consumer_ttl "ConsumerTTL": i32 from 10,
    }
}

structure! {
    /// An acknowledgement in a store's journal.
    JournalTopicAck = 50 "JournalTopicAck" {
        /// The topic.
        destination "Destination": obj(Destination),
        /// The message.
        message_id "MessageId": obj(MessageId),
        /// Its number.
        message_sequence_id "MessageSequenceId": i64,
        /// The subscription.
        subscription_name "SubscriptionName": str,
        /// The client.
        client_id "ClientId": str,
        /// The transaction.
        transaction_id "TransactionId": obj(TransactionId),
    }
}

structure! {
    /// An acknowledgement in a store's journal.
    JournalQueueAck = 52 "JournalQueueAck" {
        /// The queue.
        destination "Destination": obj(Destination),
        /// The acknowledgement.
        message_ack "MessageAck": obj(Box<MessageAck>),
    }
}

structure! {
    /// A remark in a store's journal.
    JournalTrace = 53 "JournalTrace" {
        /// The remark.
        message "Message": str,
    }
}

structure! {
    /// A step of a transaction in a store's journal.
    JournalTransaction = 54 "JournalTransaction" {
        /// The transaction.
        transaction_id "TransactionId": obj(TransactionId),
        /// The step.
        step "Type": i8,
        /// Was it prepared?
        was_prepared "WasPrepared": bool,
    }
}

choice! {
    /// What can be nested in a command and is none itself.
    Data "a data type" {
        /// A queue or topic.
        Destination(Destination),
        /// A message's id.
        MessageId(MessageId),
        /// A transaction within the broker.
        LocalTransactionId(LocalTransactionId),
        /// A transaction across resources.
        XaTransactionId(XaTransactionId),
        /// A connection's id.
        ConnectionId(ConnectionId),
        /// A session's id.
        SessionId(SessionId),
        /// A consumer's id.
        ConsumerId(ConsumerId),
        /// A producer's id.
        ProducerId(ProducerId),
        /// A broker's id.
        BrokerId(BrokerId),
        /// A broker that was found.
        DiscoveryEvent(DiscoveryEvent),
        /// A durable subscription.
        SubscriptionInfo(SubscriptionInfo),
        /// A piece of a command.
        PartialCommand(PartialCommand),
        /// The last such piece.
        LastPartialCommand(LastPartialCommand),
        /// A filter between brokers.
        NetworkBridgeFilter(NetworkBridgeFilter),
        /// Of a store's journal.
        JournalTopicAck(JournalTopicAck),
        /// Of a store's journal.
        JournalQueueAck(JournalQueueAck),
        /// Of a store's journal.
        JournalTrace(JournalTrace),
        /// Of a store's journal.
        JournalTransaction(JournalTransaction),
    }
}
