//! OpenWire, the language of ActiveMQ: frames to commands and back, in every version and encoding. [openwire §1]
//!
//! A connection begins with a [`WireFormatInfo`] from either side. [`agree`] says what follows from the two: a
//! [`Format`], which the connection's [`Decoder`] and [`Encoder`] are settled to. [`frame_len`] says from a frame's
//! first four bytes how many to wait for; nothing is read from less than a whole frame.
//!
//! - `codec`: the decoder and the encoder. `reader`, `writer`, `bits`, `cache`, `recent`: how they read and write
//!   fields.
//! - `table`: how a type's table of fields is written. `connection`, `message`, `response`, `ids`, `data`: the tables.
//! - `any`: all commands in one enum. `numbers`: what the numbers in some fields mean.
//! - `wire_format`, `format`: the first frame and what is agreed on.
//! - `text`, `value`, `body`, `throwable`: what is inside fields.
//!
//! Start reading at [`Command`]. What is deliberately not here: sockets, clocks, and what a broker or a client does
//! with a command. A name of a class, an address or a path from the wire is text and stays text. [openwire §10.1]

mod any;
mod bits;
mod body;
mod cache;
mod codec;
mod connection;
mod data;
mod error;
mod format;
pub mod fuzz;
mod ids;
mod message;
mod numbers;
mod reader;
mod recent;
mod response;
pub mod selector;
mod table;
mod text;
mod throwable;
mod value;
mod weight;
mod wire_format;
mod writer;

#[cfg(test)]
mod tests;

pub use any::{Any, Command};
pub use body::{Body, BodyError, INFLATED, INFLATED_ALWAYS, INFLATED_TIMES};
pub use cache::Entry;
pub use codec::{Decoder, Encoder, Prepared, SIZE_LEN, frame_len};
pub use connection::{
    BrokerInfo, ConnectionControl, ConnectionError, ConnectionInfo, ConsumerControl, ConsumerInfo,
    ControlCommand, DestinationInfo, FlushCommand, KeepAliveInfo, MessagePull, ProducerAck,
    ProducerInfo, RemoveInfo, RemoveSubscriptionInfo, SessionInfo, ShutdownInfo, TransactionInfo,
};
pub use data::{
    Data, DiscoveryEvent, JournalQueueAck, JournalTopicAck, JournalTrace, JournalTransaction,
    LastPartialCommand, NetworkBridgeFilter, PartialCommand, SubscriptionInfo,
};
pub use error::{DecodeError, DecodeErrorKind, EncodeError};
pub use format::{Agreed, BROKER_FRAME, CLIENT_FRAME, Disagreed, FIRST_FRAME, Format, agree};
pub use ids::{
    BrokerId, ConnectionId, ConsumerId, Destination, DestinationKind, LocalTransactionId,
    MessageId, ObjectId, ProducerId, SessionId, TransactionId, XaTransactionId,
};
pub use message::{Blob, Headers, Message, MessageAck, MessageDispatch, MessageKind};
pub use numbers::{
    AckType, DestinationOperation, NONE_DELIVERED, TransactionStep, UNKNOWN_DELIVERED,
};
pub use response::{
    BrokerSubscriptionInfo, DataArrayResponse, DataResponse, ExceptionResponse, IntegerResponse,
    MessageDispatchNotification, ReplayCommand, Response,
};
pub use table::{Cacheable, Sink, Source, Structure};
pub use text::{NotText, SecretText, TEXT_MAX, Text};
pub use throwable::{StackFrame, Throwable};
pub use value::{PrimitiveMap, Value};
pub use weight::Weight;
pub use wire_format::{Offer, VERSION, WireFormatInfo};
