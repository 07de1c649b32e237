//! How many requests at once: one until the first is answered, then as many as were asked for; half as many when the server
//! says it is busy, slowly more again.
//!
//! The first one goes alone because a wrong password is refused on each: many at once would lock the account out.

use std::time::Duration;

/// After so many rows without a busy answer, one more at once.
const PATIENCE: u32 = 200;
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(8);

#[derive(Debug)]
pub(super) struct Pace {
    most: usize,
    limit: usize,
    is_open: bool,
    /// Counts the times that it was halved: what was sent before says nothing about the limit after.
    step: u32,
    /// Busy answers in a row.
    busy: u32,
    well: u32,
}

impl Pace {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            limit: most,
            is_open: false,
            step: 0,
            busy: 0,
            well: 0,
        }
    }

    /// So many may be under way now.
    pub(super) fn at_once(&self) -> usize {
        if self.is_open { self.limit } else { 1 }
    }

    /// So many may be under way once the first is answered.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// The first is answered.
    pub(super) fn open(&mut self) {
        self.is_open = true;
    }

    pub(super) fn step(&self) -> u32 {
        self.step
    }

    pub(super) fn went_well(&mut self) {
        self.busy = 0;
        self.well += 1;
        if self.well == PATIENCE {
            self.well = 0;
            self.limit = (self.limit + 1).min(self.most);
        }
    }

    /// Says how long to wait after a busy answer to what was sent at a step; nothing when that has been heard already.
    pub(super) fn was_busy(&mut self, step: u32) -> Option<Duration> {
        if step != self.step {
            return None;
        }
        self.step += 1;
        self.limit = (self.limit / 2).max(1);
        self.well = 0;
        let wait = FIRST_WAIT.saturating_mul(1 << self.busy.min(10));
        self.busy += 1;
        let wait = wait.min(LONGEST_WAIT);
        // Others may be waiting for the same server.
        Some(wait + wait.mul_f64(0.5 * jitter()))
    }
}

/// Between 0 and 1.
fn jitter() -> f64 {
    let mut byte = [0];
    // Without randomness there is no jitter.
    let _ = getrandom::fill(&mut byte);
    f64::from(byte[0]) / 256.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_answers_to_what_was_sent_together_halve_once_and_waits_grow() {
        let mut pace = Pace::new(8);
        let step = pace.step();
        let first = pace.was_busy(step).unwrap();
        assert_eq!((pace.was_busy(step), pace.limit()), (None, 4));
        let second = pace.was_busy(pace.step()).unwrap();
        assert!(second > first && first >= FIRST_WAIT);
        for _ in 0..20 {
            assert!(pace.was_busy(pace.step()).unwrap() <= LONGEST_WAIT * 3 / 2);
        }
        assert_eq!(pace.limit(), 1);
    }

    #[test]
    fn one_goes_alone_until_it_is_answered() {
        let mut pace = Pace::new(8);
        assert_eq!((pace.at_once(), pace.limit()), (1, 8));
        pace.was_busy(0);
        assert_eq!((pace.at_once(), pace.limit()), (1, 4));
        pace.open();
        assert_eq!(pace.at_once(), 4);
    }

    #[test]
    fn it_rises_again_by_one_and_not_beyond_what_was_asked() {
        let mut pace = Pace::new(3);
        pace.was_busy(0);
        assert_eq!(pace.limit(), 1);
        for _ in 0..PATIENCE {
            pace.went_well();
        }
        assert_eq!(pace.limit(), 2);
        for _ in 0..5 * PATIENCE {
            pace.went_well();
        }
        assert_eq!(pace.limit(), 3);
    }
}
