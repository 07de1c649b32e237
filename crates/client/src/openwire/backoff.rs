//! How long to wait before the next attempt to connect. [openwire §8.3]

use std::time::Duration;
use tokio::time::Instant;

/// The delays.
#[derive(Clone, Debug)]
pub struct Delays {
    /// The first.
    pub first: Duration,
    /// The longest; each is twice the one before until then.
    pub longest: Duration,
    /// The first after a refusal.
    pub refused: Duration,
    /// A connection that held so long starts them anew.
    pub healthy: Duration,
}

impl Delays {
    /// Those of a broker in this process.
    pub(super) fn inside() -> Self {
        Self {
            first: Duration::from_millis(10),
            longest: Duration::from_millis(500),
            refused: Duration::from_millis(500),
            healthy: Duration::from_secs(1),
        }
    }
}

impl Default for Delays {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(100),
            longest: Duration::from_secs(30),
            refused: Duration::from_secs(5),
            healthy: Duration::from_secs(60),
        }
    }
}

/// Which address is next, and when: the whole list without a pause, then a pause that grows from round to round.
#[derive(Debug)]
pub(super) struct Backoff {
    delays: Delays,
    addresses: usize,
    next: usize,
    /// Failures in a row.
    failures: usize,
    delay: Duration,
    /// Somebody of this round refused us.
    refused: bool,
    healthy_since: Option<Instant>,
}

impl Backoff {
    pub(super) fn new(delays: Delays, addresses: usize) -> Self {
        Self {
            delay: delays.first,
            delays,
            addresses: addresses.max(1),
            next: 0,
            failures: 0,
            refused: false,
            healthy_since: None,
        }
    }

    /// The address to try, by its place in the list.
    pub(super) fn address(&self) -> usize {
        self.next
    }

    /// The connection is of use from now on.
    pub(super) fn ready(&mut self, now: Instant) {
        self.healthy_since = Some(now);
    }

    /// The attempt failed or the connection is lost: the next address is next, after this time. `chance` is evenly spread
    /// over all its values, and spreads the pause by a fifth either way.
    pub(super) fn failed(&mut self, refused: bool, now: Instant, chance: u32) -> Duration {
        self.next = (self.next + 1) % self.addresses;
        let since = self.healthy_since.take();
        if since.is_some_and(|since| now.duration_since(since) >= self.delays.healthy) {
            self.failures = 0;
            self.delay = self.delays.first;
            self.refused = false;
        }
        self.failures += 1;
        self.refused |= refused;
        if !self.failures.is_multiple_of(self.addresses) {
            return Duration::ZERO;
        }
        if std::mem::take(&mut self.refused) {
            self.delay = self.delay.max(self.delays.refused);
        }
        let delay = self.delay.min(self.delays.longest);
        self.delay = delay.saturating_mul(2);
        let spread = f64::from(chance) / f64::from(u32::MAX);
        delay.mul_f64(0.8 + 0.4 * spread)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVEN: u32 = u32::MAX / 2 + 1;

    fn pauses(backoff: &mut Backoff, times: usize) -> Vec<u128> {
        let now = Instant::now();
        let pause = |_| backoff.failed(false, now, EVEN).as_millis();
        (0..times).map(pause).collect()
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let mut backoff = Backoff::new(Delays::default(), 1);
        let expected = [
            100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000,
        ];
        assert_eq!(pauses(&mut backoff, 11), expected);
    }

    #[test]
    fn the_list_is_tried_to_its_end_before_a_pause() {
        let mut backoff = Backoff::new(Delays::default(), 3);
        assert_eq!(backoff.address(), 0);
        assert_eq!(pauses(&mut backoff, 7), [0, 0, 100, 0, 0, 200, 0]);
        assert_eq!(backoff.address(), 1);
    }

    #[test]
    fn a_pause_is_spread_by_a_fifth() {
        let pause = |chance| {
            Backoff::new(Delays::default(), 1)
                .failed(false, Instant::now(), chance)
                .as_millis()
        };
        assert_eq!((pause(0), pause(u32::MAX)), (80, 120));
    }

    #[test]
    fn only_a_connection_that_held_starts_them_anew() {
        let mut backoff = Backoff::new(Delays::default(), 1);
        let start = Instant::now();
        pauses(&mut backoff, 5);
        backoff.ready(start);
        let short = backoff.failed(false, start + Duration::from_secs(59), EVEN);
        assert_eq!(short.as_millis(), 3_200);
        backoff.ready(start);
        let long = backoff.failed(false, start + Duration::from_secs(60), EVEN);
        assert_eq!(long.as_millis(), 100);
    }

    #[test]
    fn a_refusal_waits_longer_from_the_start() {
        let mut backoff = Backoff::new(Delays::default(), 2);
        let now = Instant::now();
        assert_eq!(backoff.failed(true, now, EVEN), Duration::ZERO);
        assert_eq!(backoff.failed(false, now, EVEN).as_millis(), 5_000);
        assert_eq!(backoff.failed(true, now, EVEN), Duration::ZERO);
        assert_eq!(backoff.failed(true, now, EVEN).as_millis(), 10_000);
    }
}
