//! The broker inside: what JMS clients talk to when no ActiveMQ is configured. [openwire §7]
//!
//! [`broker`] is queues and topics without sockets. One connection, and the client of an external broker, are `cordboard_client`'s. What
//! a message means is a service's business: nothing here looks into one.

pub mod broker;
