//! Sliding one-second windows on the exchange's clock. [webdialer §11]

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The width of the window.
const WINDOW_MS: u64 = 1_000;
/// So many addresses are watched at once; beyond it, those whose window is empty are forgotten.
const ADDRESSES: usize = 10_000;

/// At most so many admissions in any second; 0 is no limit.
#[derive(Debug)]
pub struct Throttle {
    per_second: u32,
    admitted: Mutex<VecDeque<u64>>,
}

impl Throttle {
    /// A window that admits so many.
    pub fn new(per_second: u32) -> Self {
        Self {
            per_second,
            admitted: Mutex::default(),
        }
    }

    /// Is there room now? If so, it is taken.
    pub fn admit(&self, now_ms: u64) -> bool {
        self.per_second == 0 || admit(&mut lock(&self.admitted), self.per_second, now_ms)
    }
}

/// The same for each address apart.
#[derive(Debug)]
pub struct ByAddress {
    per_second: u32,
    admitted: Mutex<HashMap<IpAddr, VecDeque<u64>>>,
}

impl ByAddress {
    /// A window for each address that admits so many.
    pub fn new(per_second: u32) -> Self {
        Self {
            per_second,
            admitted: Mutex::default(),
        }
    }

    /// Is there room for this address now? If so, it is taken.
    pub fn admit(&self, address: IpAddr, now_ms: u64) -> bool {
        if self.per_second == 0 {
            return true;
        }
        let mut admitted = lock(&self.admitted);
        if admitted.len() >= ADDRESSES && !admitted.contains_key(&address) {
            admitted.retain(|_, times| times.back().is_some_and(|&last| now_ms < last + WINDOW_MS));
        }
        admit(
            admitted.entry(address).or_default(),
            self.per_second,
            now_ms,
        )
    }
}

fn admit(times: &mut VecDeque<u64>, per_second: u32, now_ms: u64) -> bool {
    while times
        .front()
        .is_some_and(|&first| first + WINDOW_MS <= now_ms)
    {
        times.pop_front();
    }
    let room = times.len() < usize::try_from(per_second).unwrap_or(usize::MAX);
    if room {
        times.push_back(now_ms);
    }
    room
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn the_window_slides_and_refused_requests_do_not_count() {
        let throttle = Throttle::new(3);
        for at in [0, 10, 20] {
            assert!(throttle.admit(at));
        }
        assert!(!throttle.admit(999));
        assert!(throttle.admit(1_000));
        assert!(!throttle.admit(1_001));
    }

    #[test]
    fn zero_is_no_limit_and_addresses_do_not_share_a_window() {
        let throttle = Throttle::new(0);
        assert!((0..100).all(|_| throttle.admit(0)));
        let by_address = ByAddress::new(1);
        let [a, b] = [1, 2].map(|n| IpAddr::V4(Ipv4Addr::new(127, 0, 0, n)));
        assert!(by_address.admit(a, 0));
        assert!(!by_address.admit(a, 1));
        assert!(by_address.admit(b, 1));
    }
}
