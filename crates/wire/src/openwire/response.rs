//! Answers, and what brokers tell each other. [openwire §4.1]

use super::table::command;
use super::{Any, BrokerId, ConsumerId, Destination, MessageId};

command! {
    /// A command was carried out.
    Response = 30 "Response" {
        /// `CommandId` of the command.
        correlation_id "CorrelationId": i32,
    }
}

command! {
    /// A command was refused.
    ExceptionResponse = 31 "ExceptionResponse" {
        /// `CommandId` of the command.
        correlation_id "CorrelationId": i32,
        /// Why.
        exception "Exception": thr,
    }
}

command! {
    /// A command was carried out, with a result.
    DataResponse = 32 "DataResponse" {
        /// `CommandId` of the command.
        correlation_id "CorrelationId": i32,
        /// The result.
        data "Data": obj(Any),
    }
}

command! {
    /// A command was carried out, with several results.
    DataArrayResponse = 33 "DataArrayResponse" {
        /// `CommandId` of the command.
        correlation_id "CorrelationId": i32,
        /// The results.
        data "Data": arr(Any),
    }
}

command! {
    /// A command was carried out, with a number.
    IntegerResponse = 34 "IntegerResponse" {
        /// `CommandId` of the command.
        correlation_id "CorrelationId": i32,
        /// The number.
        result "Result": i32,
    }
}

command! {
    /// Packets are asked for again; only where packets can be lost.
    ReplayCommand = 65 "ReplayCommand" {
        /// The first.
        first_nak_number "FirstNakNumber": i32,
        /// The last.
        last_nak_number "LastNakNumber": i32,
    }
}

command! {
    /// A broker tells its stand-by which consumer a message went to.
    MessageDispatchNotification = 90 "MessageDispatchNotification" {
        /// The consumer.
        consumer_id "ConsumerId": cobj(ConsumerId),
        /// Its destination.
        destination "Destination": cobj(Destination),
        /// Counts the dispatches.
        delivery_sequence_id "DeliverySequenceId": i64,
        /// The message.
        message_id "MessageId": obj(MessageId),
    }
}

command! {
    /// A broker tells another which subscriptions it has.
    BrokerSubscriptionInfo = 92 "BrokerSubscriptionInfo" since 12 {
        /// The broker.
        broker_id "BrokerId": obj(BrokerId),
        /// Its name.
        broker_name "BrokerName": str,
        /// The subscriptions.
        subscription_infos "SubscriptionInfos": arr(Any),
    }
}
