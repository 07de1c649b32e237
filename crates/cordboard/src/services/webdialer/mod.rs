//! WebDialer: click-to-dial for programs over SOAP, and for browsers the way to their cluster.
//!
//! [`routes`] is the HTTP edge (bytes, content types, addresses), `perform` the order in which a request is carried out,
//! [`translate`] the one place where WebDialer's words and the exchange's meet, [`throttle`] the limits that the original
//! has and this one can have, [`dial_rules`] what changes a number before it is dialled, `redirector` and [`homes`] whose user
//! somebody is, [`explain`] what would happen, [`pages`] what browsers are shown.

mod cors;
pub mod dial_rules;
pub mod explain;
pub mod homes;
pub mod pages;
mod perform;
mod redirector;
pub mod routes;
pub mod throttle;
pub mod translate;

/// The interface's word: in a call's origin, in the journal, in the lab's faults.
pub const INTERFACE: &str = "webdialer";
