//! What the client counts. Copies count together.

use prometheus_client::metrics::counter::Counter;

/// The client's counters.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Connections on which the consumer was confirmed.
    pub connected: Counter,
    /// Connections lost, and attempts that failed.
    pub failed: Counter,
    /// Messages handed to the owner.
    pub received: Counter,
    /// Messages given to the network.
    pub sent: Counter,
    /// Messages dropped, oldest first, because too many waited.
    pub dropped: Counter,
    /// Messages dropped because their time was up before there was a connection.
    pub stale: Counter,
    /// Messages that could not be written: too long.
    pub unsendable: Counter,
    /// Messages that the broker refused.
    pub refused: Counter,
    /// Messages that were given to a connection which was lost before the broker confirmed them, and that are not sent again.
    pub unconfirmed: Counter,
    /// Messages that came again though the owner has them; not handed over twice.
    pub repeated: Counter,
    /// Messages that came again after their time; not handed over.
    pub expired: Counter,
    /// Messages whose body cannot be read, or inflates to too much; acknowledged, not handed over.
    pub unreadable: Counter,
    /// Answers that nobody waits for, and messages for consumers that we do not have.
    pub strays: Counter,
    /// Words of the broker's that we do not obey: where to connect instead, what to do with the process.
    pub disobeyed: Counter,
}
