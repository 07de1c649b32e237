//! The services: each translates one interface into the exchange's words, and knows no other.

pub mod auth;
pub mod cti;
pub mod mobility;
pub mod sign_on_queue;
pub mod tokens;
pub mod webdialer;
