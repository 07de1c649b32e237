//! Bodies of requests: how much memory all of them together may take, and how long one may take to come.
//!
//! A body is counted as its bytes arrive, by the address of its client and in all, until its request is answered. The first
//! `UNCOUNTED` bytes of each are free: an ordinary request touches no counter, and the limit of connections bounds them.

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// Number of bytes at the start of each body that are not counted.
const UNCOUNTED: usize = 4 * 1024;

/// A body may take its time beyond `limits.body_ms` if it brings at least this number of bytes a second: an import of a big
/// directory over a slow line.
pub(super) const SLOWEST: usize = 64 * 1_024;

/// Bytes of bodies in progress, in all and of each address.
#[derive(Debug)]
pub struct BodyBudget {
    all: usize,
    each: usize,
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    all: usize,
    each: HashMap<IpAddr, usize>,
}

impl BodyBudget {
    /// Maximum number of bytes in all, and of one address. An address that has no other body in progress may go beyond its own.
    pub fn new(all: usize, each: usize) -> Arc<Self> {
        Arc::new(Self {
            all,
            each,
            used: Mutex::default(),
        })
    }

    /// Number of bytes that are counted now.
    pub fn used(&self) -> usize {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).all
    }

    /// Takes `bytes` more for a body that has `own` already. Returns `false`, and takes nothing, if they do not fit.
    fn take(&self, address: IpAddr, own: usize, bytes: usize) -> bool {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let from_there = used.each.get(&address).copied().unwrap_or(0);
        let alone = from_there == own;
        if used.all + bytes > self.all || (from_there + bytes > self.each && !alone) {
            return false;
        }
        used.all += bytes;
        used.each.insert(address, from_there + bytes);
        true
    }

    fn give_back(&self, address: IpAddr, bytes: usize) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.all -= bytes;
        if let Some(count) = used.each.get_mut(&address) {
            *count -= bytes;
            if *count == 0 {
                used.each.remove(&address);
            }
        }
    }
}

/// The bytes of one body in the budget. They are given back when it is dropped, which is when the request is answered.
#[derive(Debug)]
pub(super) struct Share {
    budget: Arc<BodyBudget>,
    address: IpAddr,
    taken: Mutex<usize>,
}

impl Share {
    pub(super) fn new(budget: Arc<BodyBudget>, address: IpAddr) -> Arc<Self> {
        Arc::new(Self {
            budget,
            address,
            taken: Mutex::new(0),
        })
    }

    fn take(&self, bytes: usize) -> bool {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = self.budget.take(self.address, *taken, bytes);
        if fits {
            *taken += bytes;
        }
        fits
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let taken = *self.taken.get_mut().unwrap_or_else(PoisonError::into_inner);
        if taken > 0 {
            self.budget.give_back(self.address, taken);
        }
    }
}

/// Why a body is read no further.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The bodies in progress have no room for more of it.
    #[error("too many bytes of request bodies in progress")]
    OverBudget,
    /// It did not come in time.
    #[error("the body did not come in time")]
    TooSlow,
    /// The connection broke off, or what came is no body.
    #[error(transparent)]
    Broken(#[from] hyper::Error),
}

/// Why a body was read no further, if an error or one of its causes says so.
pub fn cause_of<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a BodyError> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}

/// A request's body: counted, and ended when it does not come in time.
#[derive(Debug)]
pub struct RequestBody {
    body: Incoming,
    share: Arc<Share>,
    /// Bytes that came.
    came: usize,
    time: Option<BodyTime>,
}

/// The time of a body that its connection does not watch over.
#[derive(Debug)]
struct BodyTime {
    begun: Instant,
    limit: Duration,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl RequestBody {
    /// A body whose connection watches over its time.
    pub(super) fn new(body: Incoming, share: Arc<Share>) -> Self {
        Self {
            body,
            share,
            came: 0,
            time: None,
        }
    }

    /// A body that must come within this time, and a second more for each [`SLOWEST`] bytes.
    pub(super) fn timed(self, limit: Duration) -> Self {
        let time = Some(BodyTime {
            begun: Instant::now(),
            limit,
            deadline: None,
        });
        Self { time, ..self }
    }

    /// Returns `true` if the time for it is over. Otherwise the task is woken when it is.
    fn is_late(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(time) = &mut self.time else {
            return false;
        };
        let earned = u64::try_from(self.came / SLOWEST).unwrap_or(u64::MAX);
        let until = time.begun + time.limit + Duration::from_secs(earned);
        let deadline = time
            .deadline
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        if deadline.deadline() != until {
            deadline.as_mut().reset(until);
        }
        deadline.as_mut().poll(cx).is_ready()
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let frame = match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => frame,
            Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error.into()))),
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Pending if this.is_late(cx) => {
                return Poll::Ready(Some(Err(BodyError::TooSlow)));
            }
            Poll::Pending => return Poll::Pending,
        };
        if let Some(data) = frame.data_ref() {
            let before = this.came.saturating_sub(UNCOUNTED);
            this.came += data.len();
            let more = this.came.saturating_sub(UNCOUNTED) - before;
            if more > 0 && !this.share.take(more) {
                return Poll::Ready(Some(Err(BodyError::OverBudget)));
            }
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::BROADCAST);

    #[test]
    fn an_address_has_its_share_and_all_of_them_theirs() {
        let budget = BodyBudget::new(100, 40);
        let shares: Vec<_> = (0..3).map(|_| Share::new(budget.clone(), HERE)).collect();
        assert!(shares[0].take(30) && shares[1].take(10));
        assert!(!shares[2].take(1), "the address has its share");
        let other = Share::new(budget.clone(), THERE);
        assert!(other.take(60), "alone it may go beyond its share");
        assert!(!Share::new(budget.clone(), THERE).take(1));
        assert!(!other.take(1), "in all there is no more");
        assert_eq!(budget.used(), 100);
        drop(shares);
        assert!(other.take(40));
        drop(other);
        assert_eq!(budget.used(), 0);
        assert!(budget.used.lock().unwrap().each.is_empty());
    }
}
