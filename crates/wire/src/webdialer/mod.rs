//! WebDialer over SOAP: six operations, three dialects, requests and answers, both directions.
//!
//! A server calls [`decode_request`] and [`encode_answer`]; a client [`encode_request`] and
//! [`decode_answer`]. What every dialect has in common is in the types; how they differ stays inside.
//! The server's side forgives everything that a client in the field is known to do, the client's side
//! sends exactly what the original asks for. What a request *does* is not decided here.

mod code;
mod line;
mod types;

pub use code::{ResponseCode, TEXT_NO_DEVICE_FOR_USER, TEXT_NO_DEVICE_IN_DETAIL};
pub use line::LineChoice;
pub use types::{
    Answer, Credential, Decoded, DeviceDetail, DeviceLines, Dialect, Operation, Outcome, Request,
    UserProfile,
};

use crate::soap::Fault;

/// Reads a request that was sent to a dialect's address.
///
/// `content_type` and `soap_action` are the values of those headers; neither chooses the operation,
/// the first is asked for a charset, the second is repeated in Axis2's fault. Every request quirk of
/// [webdialer §7] is understood on every address.
///
/// # Errors
/// The fault to answer with. [webdialer §6.2]
pub fn decode_request(
    dialect: Dialect,
    body: &[u8],
    content_type: Option<&str>,
    soap_action: Option<&str>,
) -> Result<Decoded, Fault> {
    let _ = (dialect, body, content_type, soap_action);
    Err(Fault::internal())
}

/// Writes an answer, UTF-8, without white space between elements. [webdialer §5.1]
///
/// `namespace` is [`Decoded::namespace`]; Axis2's answers do not depend on it.
pub fn encode_answer(dialect: Dialect, namespace: Option<&str>, answer: &Answer) -> Vec<u8> {
    let _ = (dialect, namespace, answer);
    Vec::new()
}

/// Writes a request as the original asks for it, UTF-8. [webdialer §12]
pub fn encode_request(dialect: Dialect, request: &Request) -> Vec<u8> {
    let _ = (dialect, request);
    Vec::new()
}

/// The service description of a dialect, for the address the caller used. [webdialer §3] [webdialer §4]
///
/// `address` is the whole URL of the endpoint; it is escaped here.
pub fn wsdl(dialect: Dialect, address: &str) -> String {
    let _ = dialect;
    address.to_owned()
}
