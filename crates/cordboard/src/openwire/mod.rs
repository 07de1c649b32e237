//! OpenWire's ends: the broker inside, our client of somebody else's, and what they talk over. [openwire §7, §8]
//!
//! [`broker`] is queues and topics without sockets; [`client`] joins an ActiveMQ; `link` is one connection, whoever is at its other
//! end. What a message means is a service's business: nothing here looks into one.

pub mod broker;
pub mod client;
mod link;
