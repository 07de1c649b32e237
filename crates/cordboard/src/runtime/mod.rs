//! The exchange's home: one thread that owns the exchange, its network, its store and its clock.
//!
//! [`exchange_task`] is the thread, [`handle`] what everybody else holds of it, [`hub`] what happened lately, for
//! listeners, [`clock`] the lab's clock, [`choices`] what users chose.

pub mod choices;
pub mod clock;
pub mod engine;
pub mod exchange_task;
pub mod handle;
pub mod hub;
pub(crate) mod messaging;
pub mod schedule;
mod store_health;
#[cfg(test)]
mod tests;
