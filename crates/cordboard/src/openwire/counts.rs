//! What the broker counts. Copies count together.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

/// The broker's counters.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Connections, greeted or not.
    pub connections: Gauge,
    /// Connections that were closed at the door.
    pub refused: Counter,
    /// Connections that ended otherwise than by a good-bye or the client's hanging up.
    pub given_up: Counter,
    /// Connections that ended in a panic.
    pub panics: Counter,
}
