//! Async clients for every interface cordboard serves, for cordboard and for the Cisco servers alike.
//!
//! - [`webdialer`]: click-to-dial over SOAP, in any of its dialects.
//! - [`mobility`]: Extension Mobility: who sits at which phone.
//! - [`openwire`]: a JMS broker: queues and topics, for as long as it takes. [`cti`]: the "CUCM Connector" behind one.
//! - [`admin`]: cordboard's own JSON API and its events.
//! - [`tls`]: whom to trust, the same for every client.
//!
//! The messages themselves come from `cordboard-wire`. Clients print nothing; what went wrong
//! is in their errors, which never hold a secret. Only the broker's, which runs for months, logs how it stands.

pub mod admin;
pub mod cti;
mod http;
pub mod mobility;
pub mod openwire;
#[cfg(test)]
mod scripted;
pub mod tls;
pub mod webdialer;
