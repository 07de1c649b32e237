//! The broker inside: what JMS clients talk to when no ActiveMQ is configured. [openwire §7]
//!
//! [`broker`] is queues and topics without sockets, a value. `keeper` is the one task that owns it, `session` a task for each
//! connection, `outbox` what lies between the two, `listener` where connections come from: sockets, TLS, and the way in for this
//! process itself, `access` who is let in. [`BrokerHandle`] is what the rest of the program holds. One connection, and the client of a broker, are
//! `cordboard_client`'s. What a message means is a service's business: nothing here looks into one.

mod access;
pub mod broker;
mod counts;
mod handle;
mod keeper;
mod listener;
mod outbox;
mod session;
#[cfg(test)]
mod tests;

pub use counts::Counts;
pub use handle::{BrokerHandle, Running, Sockets, Terms, start};
