//! SOAP 1.1: envelopes in, references resolved, faults out.
//!
//! [`Envelope`] opens a message and finds its operation. [`Fault`] is what goes back when a message
//! cannot be understood. What an operation's arguments mean is the business of the protocols above;
//! `xsi:type` is theirs to look at or, better, to ignore.

mod envelope;
mod fault;
pub mod fuzz;

pub use envelope::{Envelope, EnvelopeChildren};
pub use fault::{Fault, FaultCode};

/// Namespace of SOAP 1.1 envelopes.
pub const ENVELOPE_NS: &str = "http://schemas.xmlsoap.org/soap/envelope/";
/// Namespace of SOAP 1.2 envelopes, which are refused by name.
pub const SOAP12_ENVELOPE_NS: &str = "http://www.w3.org/2003/05/soap-envelope";
/// Namespace of the SOAP encoding: arrays, roots, encoded strings.
pub const ENCODING_NS: &str = "http://schemas.xmlsoap.org/soap/encoding/";
/// Namespace of XML Schema's types.
pub const XSD_NS: &str = "http://www.w3.org/2001/XMLSchema";
/// Namespace of XML Schema's instance attributes.
pub const XSI_NS: &str = "http://www.w3.org/2001/XMLSchema-instance";

#[cfg(test)]
mod tests;
