//! Time as an argument: a monotonic instant for timers, a wall time for what people read.

use serde::{Deserialize, Serialize};
use std::ops::{Add, Sub};
use std::time::Duration;

/// Milliseconds on the exchange's own monotonic clock. In the lab it can be stopped and advanced.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Instant(pub u64);

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Wall(pub i64);

/// Both clocks, read together once for each input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// For timers.
    pub instant: Instant,
    /// For people.
    pub wall: Wall,
}

impl Now {
    /// The moment of the monotonic clock at which it will be so late; now, when it was.
    pub fn when(self, wall: Wall) -> Instant {
        let ahead = wall.0.saturating_sub(self.wall.0);
        self.instant + Duration::from_millis(u64::try_from(ahead).unwrap_or(0))
    }

    /// The same pair of clocks `by` later.
    pub fn later(self, by: Duration) -> Self {
        let millis = whole_millis(by);
        Self {
            instant: self.instant + by,
            wall: Wall(
                self.wall
                    .0
                    .saturating_add(i64::try_from(millis).unwrap_or(i64::MAX)),
            ),
        }
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(whole_millis(by)))
    }
}

impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
