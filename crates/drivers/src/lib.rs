//! Telephone networks behind one command and event vocabulary.
//!
//! A driver obeys [`DriverCommand`]s and reports [`DriverEvent`]s, and decides nothing. It subscribes before it acts, is
//! given ids by the exchange, confirms later than it is asked, and may refuse anything. [exchange §5]

pub mod rig;
pub mod sim;

use cordboard_core::Instant;
use cordboard_core::exchange::{DriverCommand, DriverEvent};

/// What the exchange's task needs of a driver. Time is an argument, so that a simulated network can run on the lab's clock.
pub trait Driver: Send {
    /// Hands a command over.
    fn send(&mut self, command: DriverCommand, now: Instant);

    /// The next report that is due.
    fn poll(&mut self, now: Instant) -> Option<DriverEvent>;

    /// When [`Driver::poll`] may have something next, if that depends on the clock.
    fn next_deadline(&self) -> Option<Instant>;
}
