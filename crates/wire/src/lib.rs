//! Bytes to types and back for every protocol cordboard speaks. No I/O, no clock.
//!
//! - [`xml`]: the one XML door. Everything that reads XML goes through it.
//! - [`soap`]: SOAP 1.1 envelopes, `href`/`id` references, faults.
//! - [`webdialer`]: WebDialer's six operations in three dialects, requests and answers, both directions.
//! - [`mobility`]: Extension Mobility's requests and queries, both directions.
//! - [`openwire`]: ActiveMQ's frames, both directions.
//! - [`admin`]: our own JSON.
//! - [`cti`]: the CUCM Connector's commands and events, in text and in JSON, both directions.
//! - [`http`]: what happens to the bytes of a connection before an HTTP library sees them.
//!
//! Start reading at [`webdialer`]. What is deliberately not here: sockets, time-outs, directories,
//! and any opinion on what a request should do.

pub mod admin;
pub mod cti;
pub mod http;
pub mod mobility;
pub mod openwire;
pub mod soap;
pub mod webdialer;
pub mod xml;

mod secret;

pub use secret::Secret;
