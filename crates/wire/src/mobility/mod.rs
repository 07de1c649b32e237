//! Extension Mobility's messages: one XML document in a form field, one XML document back. [mobility §1]
//!
//! - `field`: the document in a query or a form's body.
//! - `types`: what a message asks and what is answered; `code`: why it was refused.
//! - `decode_request`, `encode_answer`: the server's side. `encode_request`, `decode_answer`: the client's.
//! - `user_id`: how user ids are escaped inside the XML.

mod code;
mod decode_answer;
mod decode_request;
mod encode_answer;
mod encode_request;
mod field;
pub mod fuzz;
mod types;
mod user_id;

#[cfg(test)]
mod tests;

pub use code::{Code, label};
pub use decode_answer::{AnswerError, decode_answer};
pub use decode_request::{Compat, Grammar, MINUTES_MAX, Refused, Root, decode_request, root_of};
pub use encode_answer::{encode_answer, encode_failure};
pub use encode_request::encode_request;
pub use field::{form_field, text_of};
pub use types::{
    Answer, Ask, Caller, Certificate, DeviceState, Duration, Failure, KnownDevice, Login, Message,
    ProfileOf, UserState,
};
pub use user_id::{echoed, escaped, unescaped};
