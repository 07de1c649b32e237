//! A message as the broker keeps it: what it counts for, until when it is of use, and its bytes for those who all get the same.

use super::Link;
use super::memory::Charge;
use cordboard_wire::openwire::{Destination, Message, Prepared, Weight};
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

/// What a message counts for beside its fields: its places in queues and its bytes on their way.
const OVERHEAD: usize = 512;

/// A message, once, however many wait for it. It counts as long as anybody has it: a queue, a client that did not acknowledge it,
/// or a socket that did not take it yet.
#[derive(Debug)]
pub struct Parcel {
    message: Arc<Message>,
    /// In milliseconds since 1970 by our clock; 0: never.
    expires: i64,
    /// What it counts for, at the client that sent it; `None`: nothing.
    charge: Option<Charge>,
    /// It is on its way to several clients.
    shared: bool,
    encoded: OnceLock<Prepared>,
}

impl Parcel {
    pub(super) fn new(message: Message, expires: i64, charge: Charge) -> Self {
        Self {
            message: Arc::new(message),
            expires,
            charge: Some(charge),
            shared: false,
            encoded: OnceLock::new(),
        }
    }

    /// Another message that is of use as long as this one.
    pub(super) fn instead(&self, message: Message) -> Self {
        Self {
            expires: self.expires,
            ..self.after(message)
        }
    }

    /// Another message that never expires, counted at the same client.
    pub(super) fn after(&self, message: Message) -> Self {
        let size = size(&message);
        Self {
            message: Arc::new(message),
            expires: 0,
            charge: self.charge.as_ref().map(|charge| charge.another(size)),
            shared: false,
            encoded: OnceLock::new(),
        }
    }

    /// Another message in its place that counts for nothing.
    pub(super) fn uncounted(message: Message) -> Self {
        Self {
            message: Arc::new(message),
            expires: 0,
            charge: None,
            shared: false,
            encoded: OnceLock::new(),
        }
    }

    /// The client that sent it.
    pub(super) fn sender(&self) -> Option<Link> {
        self.charge.as_ref().map(Charge::link)
    }

    /// It goes to several clients: its bytes are worth keeping.
    pub(super) fn share(&mut self) {
        self.shared = true;
    }

    /// The message.
    pub fn message(&self) -> &Arc<Message> {
        &self.message
    }

    /// A place for its bytes, if it goes to several clients.
    pub fn encoded(&self) -> Option<&OnceLock<Prepared>> {
        self.shared.then_some(&self.encoded)
    }

    /// So many bytes it counts for.
    pub fn size(&self) -> usize {
        self.charge.as_ref().map_or(0, Charge::bytes)
    }
}

/// A message that waits, or is at a client.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) parcel: Arc<Parcel>,
    /// Redelivery count.
    pub(super) redelivered: i32,
    /// Its consumer's selector is still to be evaluated, on the consumer's own account.
    pub(super) unexamined: bool,
}

impl Deref for Held {
    type Target = Message;

    fn deref(&self) -> &Message {
        &self.parcel.message
    }
}

impl Held {
    pub(super) fn new(parcel: Parcel) -> Self {
        Self {
            parcel: Arc::new(parcel),
            redelivered: 0,
            unexamined: false,
        }
    }

    /// Where it waits.
    pub(super) fn from(&self) -> &Destination {
        const NOWHERE: &Destination = &Destination {
            kind: cordboard_wire::openwire::DestinationKind::Queue,
            physical_name: None,
        };
        self.destination.as_ref().unwrap_or(NOWHERE)
    }

    /// So many bytes it counts for, whoever else holds it.
    pub(super) fn size(&self) -> usize {
        self.parcel.size()
    }

    /// The broker's number of it.
    pub(super) fn sequence(&self) -> i64 {
        let id = self.message_id.as_ref();
        id.map_or(0, |id| id.broker_sequence_id)
    }

    /// Can it expire at all?
    pub(super) fn may_expire(&self) -> bool {
        self.parcel.expires != 0
    }

    pub(super) fn is_expired(&self, now: i64) -> bool {
        self.may_expire() && now >= self.parcel.expires
    }
}

/// Returns the number of bytes that a message counts for: all that its client sent, and what the broker keeps beside it.
pub(super) fn size(message: &Message) -> usize {
    size_of_weight(Weight::of_message(message))
}

/// Returns the number of bytes that a message of this weight counts for.
pub(super) fn size_of_weight(weight: Weight) -> usize {
    OVERHEAD + weight.bytes
}

/// Until when a message is of use, by our clock. By its arrival: as long as its producer gave it, from now on, whatever the
/// producer's clock says. [openwire §7.10]
pub(super) fn expiry(message: &Message, now: i64, by_arrival: bool) -> i64 {
    let (sent, expires) = (message.timestamp, message.expiration);
    match expires > 0 && by_arrival && sent > 0 {
        true => now.saturating_add(expires.saturating_sub(sent)),
        false => expires,
    }
}

#[cfg(test)]
mod tests {
    use super::super::memory::{ConnectionMemory, MemoryUsage};
    use super::*;

    #[test]
    fn a_message_counts_until_nobody_has_it() {
        let total = MemoryUsage::new(10_000);
        let memory = ConnectionMemory::new(Link(1), total.owner(), false);
        let held = Held::new(Parcel::new(Message::default(), 0, memory.charge(1_024)));
        let other = held.clone();
        assert_eq!((total.used(), held.size()), (1024, 1024));
        drop(held);
        assert_eq!(total.used(), 1024);
        drop(other);
        assert_eq!(total.used(), 0);
    }

    #[test]
    fn a_producers_clock_does_not_matter_where_the_arrival_does() {
        let expires = |timestamp, expiration, by_arrival| {
            let mut message = Message::default();
            (message.timestamp, message.expiration) = (timestamp, expiration);
            expiry(&message, 1_000_000, by_arrival)
        };
        assert_eq!(expires(500, 5_500, true), 1_005_000);
        assert_eq!(expires(500, 5_500, false), 5_500);
        assert_eq!(expires(2_000_000, 2_000_050, true), 1_000_050);
        assert_eq!(expires(500, 0, true), 0);
        // Without a time of sending there is only the other.
        assert_eq!(expires(0, 5_500, true), 5_500);
        // Too late before it was sent.
        assert_eq!(expires(500, 400, true), 999_900);
    }
}
