//! Memory that the broker holds for its clients: in all, for each owner and for each connection. [openwire §7.12]
//!
//! Three quarters of the memory are for all: a connection may hold a quarter of it, an owner with all its connections a half. The rest is
//! for this process, and for owners that hold next to nothing: however much others take, their clients still connect, and send.

use super::Link;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The part of the limit that a connection may hold.
const OF_CONNECTION: usize = 4;
/// The part of the limit that an owner may hold with all its connections.
const OF_OWNER: usize = 2;
/// The part of the limit that is kept for this process and for owners that hold little.
const RESERVED: usize = 4;
/// An owner that holds no more than this part of the limit may take from what is reserved.
const OF_SMALL_OWNER: usize = 512;
/// The parts of the limit that the frames of an owner, and of all, may take that are not whole yet.
const FRAMES_OF_OWNER: usize = 4;
const FRAMES: usize = 2;
/// A client that holds less than this part of the limit is not the reason for a shortage.
const SMALL_PART: usize = 8;

/// Bytes that are held in all. Copies are the same count.
#[derive(Clone, Debug)]
pub struct MemoryUsage(Arc<Total>);

#[derive(Debug)]
struct Total {
    used: AtomicUsize,
    /// Of that, frames that are not whole yet.
    frames: AtomicUsize,
    limit: usize,
}

impl MemoryUsage {
    /// No bytes are held. `limit` is the maximum; what would exceed it is refused.
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(Total {
            used: AtomicUsize::new(0),
            frames: AtomicUsize::new(0),
            limit,
        }))
    }

    /// Returns the number of bytes that are held.
    pub fn used(&self) -> usize {
        self.0.used.load(Ordering::Relaxed)
    }

    /// An owner that holds nothing yet.
    pub(super) fn owner(&self) -> Arc<OwnerMemory> {
        Arc::new(OwnerMemory {
            used: AtomicUsize::new(0),
            frames: AtomicUsize::new(0),
            total: self.clone(),
        })
    }
}

/// What the connections of one owner hold together.
#[derive(Debug)]
pub(super) struct OwnerMemory {
    used: AtomicUsize,
    frames: AtomicUsize,
    total: MemoryUsage,
}

/// What one connection holds.
#[derive(Debug)]
pub struct ConnectionMemory {
    link: Link,
    used: AtomicUsize,
    owner: Arc<OwnerMemory>,
    /// Of this process: it has no share that it could exceed.
    inside: bool,
}

impl ConnectionMemory {
    /// A connection that holds nothing yet.
    pub(super) fn new(link: Link, owner: Arc<OwnerMemory>, inside: bool) -> Arc<Self> {
        let used = AtomicUsize::new(0);
        Arc::new(Self {
            link,
            used,
            owner,
            inside,
        })
    }

    /// Counts bytes, unless they exceed a bound.
    pub fn try_charge(self: &Arc<Self>, bytes: usize) -> Option<Charge> {
        self.has_room(bytes).then(|| self.charge(bytes))
    }

    /// Counts bytes that are held already.
    pub fn charge(self: &Arc<Self>, bytes: usize) -> Charge {
        self.add(bytes);
        Charge {
            memory: self.clone(),
            bytes,
        }
    }

    /// A frame that is not whole yet, of which nothing is here.
    pub fn frame(self: &Arc<Self>) -> FrameCharge {
        FrameCharge {
            memory: self.clone(),
            bytes: 0,
        }
    }

    /// Returns `true` if the reserved part stays free after `bytes` more.
    pub(super) fn has_common_room(&self, bytes: usize) -> bool {
        let total = &self.owner.total;
        total.used() + bytes <= total.0.limit - total.0.limit / RESERVED
    }

    /// Returns `true` if `bytes` more exceed no bound.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        let limit = self.owner.total.0.limit;
        let with = |used: &AtomicUsize| used.load(Ordering::Relaxed).saturating_add(bytes);
        let [connection, owner, total] = self.counters().map(with);
        let is_within = |held: usize, part: usize| held <= limit / part;
        let common = total <= limit - limit / RESERVED
            && is_within(owner, OF_OWNER)
            && is_within(connection, OF_CONNECTION);
        common || (total <= limit && (self.inside || is_within(owner, OF_SMALL_OWNER)))
    }

    /// Returns `true` if the connection would hold so little with these bytes that others are the reason if they do not fit.
    pub(super) fn is_small_with(&self, bytes: usize) -> bool {
        let part = self.owner.total.0.limit / SMALL_PART;
        self.inside || self.used.load(Ordering::Relaxed) + bytes <= part
    }

    fn counters(&self) -> [&AtomicUsize; 3] {
        [&self.used, &self.owner.used, &self.owner.total.0.used]
    }

    fn add(&self, bytes: usize) {
        for counter in self.counters() {
            counter.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    fn sub(&self, bytes: usize) {
        for counter in self.counters() {
            counter.fetch_sub(bytes, Ordering::Relaxed);
        }
    }
}

/// Bytes that are counted until it is dropped.
#[derive(Debug)]
pub struct Charge {
    memory: Arc<ConnectionMemory>,
    bytes: usize,
}

impl Charge {
    /// The client that it counts for.
    pub(super) fn link(&self) -> Link {
        self.memory.link
    }

    /// Returns the number of bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Another charge of the same connection, whether it fits or not.
    pub(super) fn another(&self, bytes: usize) -> Self {
        self.memory.charge(bytes)
    }

    /// Counts another number of bytes from now on. Returns `false`, and leaves it as it is, if more would exceed a bound.
    pub fn try_resize(&mut self, bytes: usize) -> bool {
        match bytes.checked_sub(self.bytes) {
            Some(more) if more > 0 && !self.memory.has_room(more) => return false,
            Some(more) => self.memory.add(more),
            None => self.memory.sub(self.bytes - bytes),
        }
        self.bytes = bytes;
        true
    }

    /// Counts another number of bytes from now on, whether they fit or not.
    pub(super) fn resize(&mut self, bytes: usize) {
        self.memory.add(bytes);
        self.memory.sub(self.bytes);
        self.bytes = bytes;
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.memory.sub(self.bytes);
    }
}

/// Bytes of a frame that is not whole yet. They count in all, but not for what its connection may hold: a client that holds all it may
/// must still be told so when it sends more.
#[derive(Debug)]
pub struct FrameCharge {
    memory: Arc<ConnectionMemory>,
    bytes: usize,
}

impl FrameCharge {
    /// Counts another number of bytes from now on. Returns `false`, and leaves it as it is, if the frames of its owner, or of all, would be
    /// more than their part.
    pub fn try_resize(&mut self, bytes: usize) -> bool {
        let owner = &self.memory.owner;
        let total = &owner.total.0;
        let (more, less) = (
            bytes.saturating_sub(self.bytes),
            self.bytes.saturating_sub(bytes),
        );
        let is_within = |frames: &AtomicUsize, part: usize| {
            frames.load(Ordering::Relaxed) + more <= total.limit / part
        };
        let fits = is_within(&owner.frames, FRAMES_OF_OWNER)
            && is_within(&total.frames, FRAMES)
            && total.used.load(Ordering::Relaxed) + more <= total.limit;
        if more > 0 && !fits {
            return false;
        }
        for counter in [&owner.frames, &total.frames, &total.used] {
            counter.fetch_add(more, Ordering::Relaxed);
            counter.fetch_sub(less, Ordering::Relaxed);
        }
        self.bytes = bytes;
        true
    }

    /// Returns the number of bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for FrameCharge {
    fn drop(&mut self) {
        // Less always fits.
        let _ = self.try_resize(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 512_000;

    fn connection(total: &MemoryUsage) -> Arc<ConnectionMemory> {
        ConnectionMemory::new(Link(1), total.owner(), false)
    }

    /// Charges a hundred bytes at a time until they are refused; how many thousand bytes that are.
    fn fill(memory: &Arc<ConnectionMemory>) -> (Vec<Charge>, usize) {
        let held: Vec<Charge> = std::iter::from_fn(|| memory.try_charge(100)).collect();
        let bytes = held.iter().map(Charge::bytes).sum::<usize>();
        (held, bytes / 1_000)
    }

    #[test]
    fn however_many_take_what_they_get_a_client_that_holds_little_finds_room() {
        let total = MemoryUsage::new(LIMIT);
        // Forty owners: three quarters of the memory go to the first of them, and a thousand bytes of the rest to each.
        let all: Vec<_> = (0..40).map(|_| fill(&connection(&total))).collect();
        let thousands: Vec<usize> = all.iter().map(|(_, thousands)| *thousands).collect();
        assert_eq!(thousands[..4], [128, 128, 128, 1]);
        assert_eq!(thousands.iter().sum::<usize>(), 384 + 37);
        assert_eq!(fill(&connection(&total)).1, 1);
        drop(all);
        assert_eq!(total.used(), 0);
    }

    #[test]
    fn an_owner_has_half_of_the_memory_however_many_connections_it_opens() {
        let total = MemoryUsage::new(LIMIT);
        let owner = total.owner();
        let all: Vec<_> = (0..500)
            .map(|_| fill(&ConnectionMemory::new(Link(1), owner.clone(), false)))
            .collect();
        assert_eq!(
            all.iter().map(|(_, thousands)| thousands).sum::<usize>(),
            256
        );
        assert_eq!(fill(&connection(&total)).1, 128);
    }

    #[test]
    fn this_process_is_bound_by_the_limit_alone() {
        let total = MemoryUsage::new(LIMIT);
        let inside = ConnectionMemory::new(Link(1), total.owner(), true);
        let held = fill(&inside);
        assert_eq!(held.1, 512);
        assert!(connection(&total).try_charge(1).is_none());
    }

    #[test]
    fn frames_that_are_not_whole_have_a_part_of_their_own() {
        let total = MemoryUsage::new(LIMIT);
        let full = connection(&total);
        let held = fill(&full);
        // It may hold nothing more, and still sends.
        let mut frame = full.frame();
        assert!(frame.try_resize(LIMIT / 8) && !full.has_room(100));
        let owner = total.owner();
        let frames: Vec<FrameCharge> = (0..100)
            .filter_map(|_| {
                let connection = ConnectionMemory::new(Link(1), owner.clone(), false);
                let mut frame = connection.frame();
                frame.try_resize(10_000).then_some(frame)
            })
            .collect();
        assert_eq!(frames.len(), 12);
        assert!(frame.try_resize(0));
        drop((frames, held));
        assert_eq!(total.used(), 0);
    }

    #[test]
    fn a_charge_grows_within_the_bounds_and_shrinks() {
        let total = MemoryUsage::new(LIMIT);
        let mut charge = connection(&total).try_charge(1_000).unwrap();
        assert!(charge.try_resize(40_000) && !charge.try_resize(LIMIT / 4 + 1));
        assert_eq!((charge.bytes(), total.used()), (40_000, 40_000));
        assert!(charge.try_resize(0));
        assert_eq!(total.used(), 0);
        charge.resize(LIMIT * 2);
        assert_eq!(charge.another(5).bytes(), 5);
        drop(charge);
        assert_eq!(total.used(), 0);
    }
}
