//! WebDialer over SOAP: six operations, three dialects, requests and answers, both directions.
//!
//! A server calls [`decode_request`] and [`encode_answer`]; a client [`encode_request`] and
//! [`decode_answer`]. What every dialect has in common is in the types; how they differ stays inside.
//! The server's side forgives everything that a client in the field is known to do, the client's side
//! sends exactly what the original asks for. What a request *does* is not decided here.

mod code;
mod decode_answer;
mod decode_request;
mod encode_answer;
mod encode_request;
pub mod form;
pub mod fuzz;
mod line;
pub mod pages;
mod types;
mod wsdl;

pub use code::{ResponseCode, TEXT_NO_DEVICE_FOR_USER, TEXT_NO_DEVICE_IN_DETAIL};
pub use decode_answer::{AnswerError, decode_answer};
pub use decode_request::decode_request;
pub use encode_answer::encode_answer;
pub use encode_request::encode_request;
pub use line::LineChoice;
pub use types::{
    Answer, Credential, Decoded, DeviceDetail, DeviceLines, Dialect, Operation, Outcome, Request,
    UserProfile,
};
pub use wsdl::wsdl;

#[cfg(test)]
mod tests;
