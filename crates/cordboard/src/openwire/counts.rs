//! What the broker counts. Copies count together.

use super::broker::Broker;
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
    /// Messages that were accepted; one to several destinations counts for each.
    pub accepted: Counter,
    /// Messages given to clients.
    pub dispatched: Counter,
    /// Messages dropped for listeners that are slow, or for want of room.
    pub dropped: Counter,
    /// Messages that expired.
    pub expired: Counter,
    /// Messages that nobody could take, kept in `ActiveMQ.DLQ`.
    pub buried: Counter,
    /// Messages that came again after a reconnection, and were not accepted twice.
    pub repeated: Counter,
    /// Commands that were refused.
    pub commands_refused: Counter,
    /// Bytes of all messages that are kept.
    pub bytes: Gauge,
    /// Queues.
    pub queues: Gauge,
    /// Consumers.
    pub consumers: Gauge,
    /// Messages that wait in the command queue.
    pub commands: Gauge,
}

impl Counts {
    /// Takes over what the broker has counted.
    pub(super) fn take(&self, broker: &Broker) {
        let counted = broker.counted();
        for (counter, now) in [
            (&self.accepted, counted.accepted),
            (&self.dispatched, counted.dispatched),
            (&self.dropped, counted.dropped),
            (&self.expired, counted.expired),
            (&self.buried, counted.buried),
            (&self.repeated, counted.repeated),
            (&self.commands_refused, counted.refused),
        ] {
            counter.inc_by(now.saturating_sub(counter.get()));
        }
        let (queues, consumers) = broker.population();
        for (gauge, now) in [
            (&self.bytes, broker.memory()),
            (&self.queues, queues),
            (&self.consumers, consumers),
            (&self.commands, broker.commands()),
        ] {
            gauge.set(i64::try_from(now).unwrap_or(i64::MAX));
        }
    }
}
