//! What the broker has for a client and the client's connection has not taken yet.
//!
//! A lock and not a channel: the broker never waits for a connection, and must learn when one takes too little. It is then sent no
//! messages until there is room again; what it is answered is bounded by not reading on (`session`).

use super::broker::{ConnectionMemory, Dispatch};
use cordboard_wire::openwire::Command;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// At so many bytes an outbox is full: the client is sent no message until half of them are gone.
pub(super) const FULL: usize = 128 << 10;
/// Room for so many is kept while nothing waits: thousands of connections are idle.
const KEPT: usize = 16;
/// Maximum number of bytes in an outbox; one more item ends the connection. Advisories, for one, go out at once.
const BURST: usize = 8 << 20;
/// What a command counts for beside its message.
const OVERHEAD: usize = 256;

/// Something for a client.
#[derive(Debug)]
pub(super) enum Out {
    /// A command.
    Command(Box<Command>),
    /// A message.
    Dispatch(Dispatch),
    /// Its `ConnectionInfo` was looked at; what it holds is counted there if it is connected now.
    Joined(Option<Arc<ConnectionMemory>>),
    /// The connection ends after all that came before, and why.
    Close(&'static str),
}

impl Out {
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Dispatch(dispatch) => OVERHEAD + dispatch.size(),
            Self::Command(command) => OVERHEAD + text_of(command),
            Self::Joined(_) | Self::Close(_) => OVERHEAD,
        }
    }
}

/// Returns the number of bytes of a refusal's text: those of other commands are short.
fn text_of(command: &Command) -> usize {
    let exception = match command {
        Command::ExceptionResponse(refused) => refused.exception.as_ref(),
        Command::ConnectionError(error) => error.exception.as_ref(),
        _ => None,
    };
    let text = exception.and_then(|exception| exception.message.as_ref());
    text.map_or(0, |text| text.unit_count())
}

/// What waits for one client.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: Mutex<Waiting>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    items: VecDeque<Out>,
    /// Of all that was put in and not done yet, taken or not.
    bytes: usize,
    full: bool,
    /// Events that the connection handed in and that are not carried out yet.
    handed_in: usize,
}

/// Maximum number of a connection's events that wait for the broker's task; beyond it nothing more is read from the connection.
const HANDED_IN: usize = 4;

/// How an outbox stands after something was put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stand {
    /// There is room, or it was known that there is none.
    Fine,
    /// It has become full.
    Full,
    /// It holds more than any connection may.
    Burst,
}

impl Outbox {
    /// Puts something in; [`Outbox::ring`] tells the connection.
    pub(super) fn put(&self, out: Out) -> Stand {
        let mut waiting = self.lock();
        // A single message may be larger.
        let bursts = waiting.bytes >= BURST;
        waiting.bytes += out.size();
        waiting.items.push_back(out);
        if bursts {
            return Stand::Burst;
        }
        let becomes_full = waiting.bytes >= FULL && !waiting.full;
        waiting.full |= becomes_full;
        match becomes_full {
            true => Stand::Full,
            false => Stand::Fine,
        }
    }

    /// Forgets what waits: the connection is to end instead.
    pub(super) fn give_up(&self, why: &'static str) {
        let mut waiting = self.lock();
        let gone: usize = waiting.items.drain(..).map(|out| out.size()).sum();
        let last = Out::Close(why);
        waiting.bytes = waiting.bytes - gone + last.size();
        waiting.items.push_back(last);
    }

    /// Returns `true` if the connection may hand in one more event, and counts it.
    pub(super) fn may_hand_in(&self) -> bool {
        let mut waiting = self.lock();
        let may = waiting.handed_in < HANDED_IN;
        waiting.handed_in += usize::from(may);
        may
    }

    /// Events are carried out. Returns `true` if the connection could hand in no more before.
    pub(super) fn carried_out(&self, events: usize) -> bool {
        let mut waiting = self.lock();
        let was_full = waiting.handed_in >= HANDED_IN;
        waiting.handed_in = waiting.handed_in.saturating_sub(events);
        was_full
    }

    /// Tells the connection that there is something.
    pub(super) fn ring(&self) {
        self.filled.notify_one();
    }

    /// Waits until there is something. Cancel-safe: a bell that nobody heard rings the next time.
    pub(super) async fn rung(&self) {
        self.filled.notified().await;
    }

    /// Takes all that is there; `taken` must be empty.
    pub(super) fn take(&self, taken: &mut VecDeque<Out>) {
        if taken.capacity() > KEPT {
            *taken = VecDeque::new();
        }
        std::mem::swap(&mut self.lock().items, taken);
    }

    /// So many bytes went to the network; was it full, and is it not any more?
    pub(super) fn done(&self, bytes: usize) -> bool {
        let mut waiting = self.lock();
        waiting.bytes -= bytes;
        let has_room_again = waiting.full && waiting.bytes <= FULL / 2;
        waiting.full &= !has_room_again;
        has_room_again
    }

    pub(super) fn is_full(&self) -> bool {
        self.lock().full
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cordboard_wire::openwire::Response;

    fn put(outbox: &Outbox) -> Stand {
        outbox.put(Out::Command(Box::new(Response::default().into())))
    }

    #[test]
    fn it_is_full_once_and_has_room_again_when_half_of_it_is_gone() {
        let outbox = Outbox::default();
        let count = FULL / OVERHEAD;
        let stands: Vec<Stand> = (0..count + 5).map(|_| put(&outbox)).collect();
        assert_eq!(stands.iter().filter(|s| **s == Stand::Full).count(), 1);
        assert_eq!(stands[count - 1], Stand::Full);
        assert!(outbox.is_full());
        let mut taken = VecDeque::new();
        outbox.take(&mut taken);
        assert_eq!(taken.len(), count + 5);
        let sizes = taken.iter().map(Out::size);
        let rooms: Vec<bool> = sizes.map(|size| outbox.done(size)).collect();
        assert_eq!(rooms.iter().filter(|room| **room).count(), 1);
        assert!(rooms[count + 5 - count / 2 - 1]);
        assert!(!outbox.is_full());
        assert_eq!(outbox.lock().bytes, 0);
    }

    #[test]
    fn more_than_any_connection_may_hold_is_told_each_time() {
        let outbox = Outbox::default();
        let count = BURST / OVERHEAD;
        let fine = (0..count).filter(|_| put(&outbox) == Stand::Fine);
        assert_eq!(fine.count(), count - 1);
        assert_eq!((put(&outbox), put(&outbox)), (Stand::Burst, Stand::Burst));
        outbox.give_up("too much");
        let mut taken = VecDeque::new();
        outbox.take(&mut taken);
        assert!(matches!(taken.make_contiguous(), [Out::Close("too much")]));
        assert_eq!(outbox.lock().bytes, OVERHEAD);
    }
}
