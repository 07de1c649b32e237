//! All commands in one enum, and whatever can be nested in one. [openwire §4]

use super::table::choice;
use super::{
    BrokerInfo, BrokerSubscriptionInfo, ConnectionControl, ConnectionError, ConnectionInfo,
    ConsumerControl, ConsumerInfo, ControlCommand, Data, DataArrayResponse, DataResponse,
    DestinationInfo, ExceptionResponse, FlushCommand, IntegerResponse, KeepAliveInfo, Message,
    MessageAck, MessageDispatch, MessageDispatchNotification, MessagePull, ProducerAck,
    ProducerInfo, RemoveInfo, RemoveSubscriptionInfo, ReplayCommand, Response, SessionInfo,
    ShutdownInfo, TransactionInfo, WireFormatInfo,
};
use std::sync::Arc;

/// The enum of commands, and its head's two fields.
macro_rules! commands {
    ($($(#[$doc:meta])* $variant:ident,)*) => {
        choice! {
            /// What can be a frame of its own. [openwire §4.1]
            Command "a command" {
                /// How the sender wants to talk.
                WireFormatInfo(WireFormatInfo),
                /// A message, of whatever kind.
                Message(Arc<Message>),
                $($(#[$doc])* $variant($variant),)*
            }
        }

        impl Command {
            /// `CommandId`; 0 for a `WireFormatInfo`, which has none.
            pub fn command_id(&self) -> i32 {
                match self {
                    Self::WireFormatInfo(_) => 0,
                    Self::Message(message) => message.command_id,
                    $(Self::$variant(command) => command.command_id,)*
                }
            }

            /// `ResponseRequired`: does the sender wait for an answer?
            pub fn response_required(&self) -> bool {
                match self {
                    Self::WireFormatInfo(_) => false,
                    Self::Message(message) => message.response_required,
                    $(Self::$variant(command) => command.response_required,)*
                }
            }

            /// Numbers the command, and says whether an answer is awaited.
            pub fn set_head(&mut self, command_id: i32, response_required: bool) {
                match self {
                    Self::WireFormatInfo(_) => {}
                    Self::Message(message) => {
                        let message = Arc::make_mut(message);
                        (message.command_id, message.response_required) = (command_id, response_required);
                    }
                    $(Self::$variant(command) => {
                        (command.command_id, command.response_required) = (command_id, response_required);
                    })*
                }
            }
        }
    };
}

commands! {
    /// A broker introduces itself.
    BrokerInfo,
    /// A client opens its connection.
    ConnectionInfo,
    /// A client opens a session.
    SessionInfo,
    /// A client wants messages.
    ConsumerInfo,
    /// A client is going to send.
    ProducerInfo,
    /// A step of a transaction.
    TransactionInfo,
    /// A destination comes or goes.
    DestinationInfo,
    /// A durable subscription is given up.
    RemoveSubscriptionInfo,
    /// The sender is still there.
    KeepAliveInfo,
    /// The sender is about to go.
    ShutdownInfo,
    /// Something is closed.
    RemoveInfo,
    /// A word to the broker's process.
    ControlCommand,
    /// Asks for an answer.
    FlushCommand,
    /// Something went wrong.
    ConnectionError,
    /// A consumer is controlled.
    ConsumerControl,
    /// A connection is controlled.
    ConnectionControl,
    /// The broker took so much.
    ProducerAck,
    /// A message is asked for.
    MessagePull,
    /// A message is handed on.
    MessageDispatch,
    /// What became of messages.
    MessageAck,
    /// A command was carried out.
    Response,
    /// A command was refused.
    ExceptionResponse,
    /// A command's result.
    DataResponse,
    /// A command's results.
    DataArrayResponse,
    /// A command's number.
    IntegerResponse,
    /// Packets are asked for again.
    ReplayCommand,
    /// A stand-by is told of a dispatch.
    MessageDispatchNotification,
    /// A broker's subscriptions.
    BrokerSubscriptionInfo,
}

choice! {
    /// Whatever has a type number, where a field takes them all.
    Any "an object" {
        /// A command.
        Command(Box<Command>),
        /// Anything else.
        Data(Box<Data>),
    }
}

impl Command {
    /// Returns the number of the command that this one answers, if it is an answer.
    pub fn answers(&self) -> Option<i32> {
        match self {
            Self::Response(answer) => Some(answer.correlation_id),
            Self::ExceptionResponse(answer) => Some(answer.correlation_id),
            Self::DataResponse(answer) => Some(answer.correlation_id),
            Self::DataArrayResponse(answer) => Some(answer.correlation_id),
            Self::IntegerResponse(answer) => Some(answer.correlation_id),
            _ => None,
        }
    }
}

impl From<Message> for Command {
    fn from(message: Message) -> Self {
        Self::Message(Arc::new(message))
    }
}

impl From<Command> for Any {
    fn from(command: Command) -> Self {
        Self::Command(Box::new(command))
    }
}

impl From<Data> for Any {
    fn from(data: Data) -> Self {
        Self::Data(Box::new(data))
    }
}
