//! Whether the next commit will succeed, as far as can be known without wearing the disk.

use std::time::{Duration, Instant};

/// How long a commit that succeeded says that the next one will; then readiness tries one of its own.
const GOOD_FOR: Duration = Duration::from_secs(5);
/// How long a commit that failed says that the next one will; then readiness tries one of its own.
const BAD_FOR: Duration = Duration::from_secs(1);

/// What came of the last commit.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct StoreHealth {
    last: Option<(Instant, bool)>,
}

impl StoreHealth {
    /// Notes what came of a commit.
    pub(super) fn note(&mut self, succeeded: bool, now: Instant) {
        self.last = Some((now, succeeded));
    }

    /// Returns what the last commit says of the next one; `None` if it was too long ago to say anything.
    pub(super) fn known(&self, now: Instant) -> Option<bool> {
        let (at, succeeded) = self.last?;
        let good_for = if succeeded { GOOD_FOR } else { BAD_FOR };
        (now.saturating_duration_since(at) < good_for).then_some(succeeded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_tried_for_readiness_only_when_the_last_one_says_nothing() {
        let begin = Instant::now();
        let after = |ms| begin + Duration::from_millis(ms);
        let mut health = StoreHealth::default();
        assert_eq!(health.known(begin), None);
        health.note(true, begin);
        assert_eq!(health.known(after(4_999)), Some(true));
        assert_eq!(health.known(after(5_000)), None);
        health.note(false, after(5_000));
        assert_eq!(health.known(after(5_999)), Some(false));
        assert_eq!(health.known(after(6_000)), None);
    }
}
