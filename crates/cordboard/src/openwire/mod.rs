//! OpenWire's two ends: our client of somebody else's broker, and what it talks over.
//!
//! [`client`] joins an ActiveMQ; `link` is one connection, whoever is at its other end. What a message means is a
//! service's business: nothing here looks into one.

pub mod client;
mod link;
