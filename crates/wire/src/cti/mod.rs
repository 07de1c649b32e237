//! The "CUCM Connector": call control by JMS messages. [cti §1]
//!
//! A command is a JMSType and a body; an event is a body, in one of two formats. Both directions are here: the server reads
//! commands and writes events, a client the other way round. Start reading at [`Command`] and [`decode_command`].
//!
//! - `message`: headers and bodies as plain data; how they travel is the transport's business.
//! - `destination`: which topics a client may name. `number`: extensions, numbers, connection ids.
//! - `command`, `arguments`, `decode_command`, `encode_command`; `refused`: what a command that makes no sense comes to.
//! - `event`, `decode_event`, `encode_event`, and the same in JSON: `decode_json`, `encode_json`.
//! - [`gc`]: events in the sister product's layout.
//! - `state`, `code`: the words on the wire.
//!
//! Deliberately not here: who is logged in, which events follow a command, and where they go.

mod arguments;
mod code;
mod command;
mod decode_command;
mod decode_event;
mod decode_json;
mod destination;
mod encode_command;
mod encode_event;
mod encode_json;
mod event;
pub mod fuzz;
pub mod gc;
mod message;
mod number;
mod refused;
mod state;

#[cfg(test)]
mod tests;

pub use code::{ERROR_FOR_MAX, ErrorCode, ErrorFor};
pub use command::{Command, Login, REASON_MAX, Reason, Verb};
pub use decode_command::decode_command;
pub use decode_event::{EVENT_MAX, FIELDS_MAX, Received, decode_event};
pub use destination::{BadName, COMMAND_QUEUE, ClientDestination, DESTINATION_MAX, Names, ReplyTo};
pub use encode_command::{encode_command, masked_body};
pub use encode_event::encode_event;
pub use event::{
    Address, AgentInfo, AgentReport, DialogReport, ErrorReport, Event, InboundReport, PersonName,
    Style, TerminalReport, TimeText,
};
pub use message::{
    BODY_MAX, Body, COMMAND_TTL_MS, CORRELATION_MAX, CommandMessage, EVENT_PRIORITY, EventMessage,
    FORMAT_PROPERTY, Format, TYPE_MAX,
};
pub use number::{
    AGENT_DIGITS_MAX, AgentId, CONNECTION_DIGITS_MAX, ConnectionId, Dialled, NODE_MAX,
    NUMBER_DIGITS_MAX, NotANumber, Tones,
};
pub use refused::{Check, Refused, Why};
pub use state::{AgentState, DialogState, NetworkState, TerminalState};
