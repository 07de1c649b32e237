//! WebDialer over SOAP: click-to-dial for programs.
//!
//! [`routes`] is the HTTP edge (bytes, content types, addresses), `perform` the order in which a request is carried out,
//! [`translate`] the one place where WebDialer's words and the exchange's meet, [`throttle`] the limits that the original
//! has and this one can have.

pub mod dial_rules;
mod perform;
pub mod routes;
pub mod throttle;
pub mod translate;

/// The interface's word: in a call's origin, in the journal, in the lab's faults.
pub const INTERFACE: &str = "webdialer";
