//! Commands about connections and what hangs on them. [openwire §4.1]

use super::table::command;
use super::{
    Any, BrokerId, ConnectionId, ConsumerId, Destination, MessageId, ObjectId, ProducerId,
    SessionId, TransactionId,
};

command! {
    /// A broker introduces itself.
    BrokerInfo = 2 "BrokerInfo" {
        /// Its id.
        broker_id "BrokerId": cobj(BrokerId),
        /// Where it can be reached. Never connected to because a peer says so.
        broker_url "BrokerURL": str,
        /// Brokers it is connected with.
        peer_broker_infos "PeerBrokerInfos": arr(BrokerInfo),
        /// Its name.
        broker_name "BrokerName": str,
        /// Does it stand by for another?
        slave_broker "SlaveBroker": bool,
        /// Does another stand by for it?
        master_broker "MasterBroker": bool,
        /// Is one of the two set up?
        fault_tolerant_configuration "FaultTolerantConfiguration": bool,
        /// Is it a bridge that sends and receives?
        duplex_connection "DuplexConnection": bool from 2,
        /// Is it a bridge between brokers?
        network_connection "NetworkConnection": bool from 2,
        /// Its number of the connection.
        connection_id "ConnectionId": i64 from 2,
        /// Where large bodies would go.
        broker_upload_url "BrokerUploadUrl": str from 3,
        /// Settings of the bridge.
        network_properties "NetworkProperties": str from 3,
    }
}

command! {
    /// A client opens its connection.
    ConnectionInfo = 3 "ConnectionInfo" {
        /// The name it chose for the connection.
        connection_id "ConnectionId": cobj(ConnectionId),
        /// The name under which it has durable subscriptions.
        client_id "ClientId": str,
        /// Its password.
        password "Password": secret,
        /// Who it is.
        user_name "UserName": str,
        /// Brokers it came through.
        broker_path "BrokerPath": arr(BrokerId),
        /// Is it a broker that stands by?
        broker_master_connector "BrokerMasterConnector": bool,
        /// May the broker control it?
        manageable "Manageable": bool,
        /// Does it know of one broker only?
        client_master "ClientMaster": bool from 2 or true,
        /// Will it come back after a failure?
        fault_tolerant "FaultTolerant": bool from 6,
        /// Is it back after a failure?
        failover_reconnect "FailoverReconnect": bool from 6,
        /// Its address, as itself sees it.
        client_ip "ClientIp": str from 8,
    }
}

command! {
    /// A client opens a session.
    SessionInfo = 4 "SessionInfo" {
        /// Its id.
        session_id "SessionId": cobj(SessionId),
    }
}

command! {
    /// A client wants messages.
    ConsumerInfo = 5 "ConsumerInfo" {
        /// The consumer's id.
        consumer_id "ConsumerId": cobj(ConsumerId),
        /// Does it only look?
        browser "Browser": bool,
        /// From where; a pattern or a list too.
        destination "Destination": cobj(Destination),
        /// How many messages it takes before it acknowledges one.
        prefetch_size "PrefetchSize": i32,
        /// How many may wait for it; 0: no limit.
        maximum_pending_message_limit "MaximumPendingMessageLimit": i32,
        /// May the broker dispatch from another thread?
        dispatch_async "DispatchAsync": bool,
        /// Which messages.
        selector "Selector": str,
        /// The client's id, where it is not the connection's.
        client_id "ClientId": str from 10,
        /// The name of its durable subscription.
        subscription_name "SubscriptionName": str,
        /// Without those that its own connection sent?
        no_local "NoLocal": bool,
        /// Does it want to be the queue's only one?
        exclusive "Exclusive": bool,
        /// Does it want old messages?
        retroactive "Retroactive": bool,
        /// Those with a higher one come first.
        priority "Priority": i8,
        /// Brokers it came through.
        broker_path "BrokerPath": arr(BrokerId),
        /// A filter between brokers.
        additional_predicate "AdditionalPredicate": obj(Any),
        /// Is it a broker's?
        network_subscription "NetworkSubscription": bool,
        /// Does it acknowledge in batches?
        optimized_acknowledge "OptimizedAcknowledge": bool,
        /// Does it never acknowledge a range?
        no_range_acks "NoRangeAcks": bool,
        /// Consumers it stands for.
        network_consumer_path "NetworkConsumerPath": arr(ConsumerId) from 4,
    }
}

command! {
    /// A client is going to send.
    ProducerInfo = 6 "ProducerInfo" {
        /// The producer's id.
        producer_id "ProducerId": cobj(ProducerId),
        /// Where to; none: each message says it.
        destination "Destination": cobj(Destination),
        /// Brokers it came through.
        broker_path "BrokerPath": arr(BrokerId),
        /// May the broker dispatch from another thread?
        dispatch_async "DispatchAsync": bool from 2,
        /// How many bytes it sends before it waits for a `ProducerAck`; 0: it does not wait.
        window_size "WindowSize": i32 from 3,
    }
}

command! {
    /// A step of a transaction.
    TransactionInfo = 7 "TransactionInfo" {
        /// The connection.
        connection_id "ConnectionId": cobj(ConnectionId),
        /// The transaction.
        transaction_id "TransactionId": cobj(TransactionId),
        /// Which step, see [`TransactionStep`](super::TransactionStep).
        step "Type": i8,
    }
}

command! {
    /// A destination comes or goes.
    DestinationInfo = 8 "DestinationInfo" {
        /// The connection.
        connection_id "ConnectionId": cobj(ConnectionId),
        /// The destination.
        destination "Destination": cobj(Destination),
        /// Which of the two, see [`DestinationOperation`](super::DestinationOperation).
        operation_type "OperationType": i8,
        /// Milliseconds to wait.
        timeout "Timeout": i64,
        /// Brokers it came through.
        broker_path "BrokerPath": arr(BrokerId),
    }
}

command! {
    /// A durable subscription is given up.
    RemoveSubscriptionInfo = 9 "RemoveSubscriptionInfo" {
        /// The connection.
        connection_id "ConnectionId": cobj(ConnectionId),
        /// The subscription's name.
        subscription_name "SubscriptionName": str,
        /// The client's id.
        client_id "ClientId": str,
    }
}

command! {
    /// The sender is still there.
    KeepAliveInfo = 10 "KeepAliveInfo" {}
}

command! {
    /// The sender is about to go.
    ShutdownInfo = 11 "ShutdownInfo" {}
}

command! {
    /// A connection, session, consumer or producer is closed.
    RemoveInfo = 12 "RemoveInfo" {
        /// Which.
        object_id "ObjectId": cobj(ObjectId),
        /// The highest `BrokerSequenceId` that the application was given; [`NONE_DELIVERED`](super::NONE_DELIVERED),
        /// [`UNKNOWN_DELIVERED`](super::UNKNOWN_DELIVERED).
        last_delivered_sequence_id "LastDeliveredSequenceId": i64 from 5 or -2,
    }
}

command! {
    /// A word to the broker's process. Never acted on. [openwire §10.1]
    ControlCommand = 14 "ControlCommand" {
        /// The word.
        command "Command": str,
    }
}

command! {
    /// Asks for an answer after all that was sent before.
    FlushCommand = 15 "FlushCommand" {}
}

command! {
    /// Something went wrong that nobody waits for.
    ConnectionError = 16 "ConnectionError" {
        /// What.
        exception "Exception": thr,
        /// On which connection.
        connection_id "ConnectionId": obj(ConnectionId),
    }
}

command! {
    /// A consumer is controlled from the other side.
    ConsumerControl = 17 "ConsumerControl" {
        /// Its destination.
        destination "Destination": obj(Destination) from 6,
        /// Is it to close?
        close "Close": bool,
        /// The consumer.
        consumer_id "ConsumerId": obj(ConsumerId),
        /// How many messages it takes from now on.
        prefetch "Prefetch": i32,
        /// Is it to acknowledge what it has?
        flush "Flush": bool from 2,
        /// Is it to go on?
        start "Start": bool from 2,
        /// Is it to pause?
        stop "Stop": bool from 2,
    }
}

command! {
    /// A connection is controlled from the other side.
    ConnectionControl = 18 "ConnectionControl" {
        /// Is it to close?
        close "Close": bool,
        /// Is the peer to go?
        exit "Exit": bool,
        /// Does the sender come back after a failure?
        fault_tolerant "FaultTolerant": bool,
        /// Is it to go on?
        resume "Resume": bool,
        /// Is it to pause?
        suspend "Suspend": bool,
        /// Brokers of the network.
        connected_brokers "ConnectedBrokers": str from 6 or "",
        /// Where to connect instead. Never obeyed beyond the configured addresses.
        reconnect_to "ReconnectTo": str from 6 or "",
        /// Are clients to be spread anew?
        rebalance_connection "RebalanceConnection": bool from 6,
        /// Anything.
        token "Token": bytes from 8,
    }
}

command! {
    /// The broker took so much from a producer.
    ProducerAck = 19 "ProducerAck" since 3 {
        /// The producer.
        producer_id "ProducerId": obj(ProducerId),
        /// Bytes.
        size "Size": i32,
    }
}

command! {
    /// A consumer without prefetch asks for a message.
    MessagePull = 20 "MessagePull" since 2 {
        /// The consumer.
        consumer_id "ConsumerId": cobj(ConsumerId),
        /// Its destination.
        destination "Destination": cobj(Destination),
        /// Milliseconds to wait; 0: for ever, -1: not at all.
        timeout "Timeout": i64,
        /// The message with this correlation id only.
        correlation_id "CorrelationId": str from 3,
        /// This message only.
        message_id "MessageId": obj(MessageId) from 3,
    }
}
