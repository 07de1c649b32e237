//! The clock everything runs on: the machine's, or in the lab one that can be stopped and moved. [lab, Time]

use cordboard_core::{Instant, Now, Wall};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A clock, shared by the exchange and the services. Only the exchange's thread moves it; in `serve` nobody does.
#[derive(Clone, Debug)]
pub struct Clock {
    face: Arc<RwLock<Face>>,
}

/// What the clock showed when it was last moved, stopped or started, and the machine's time then.
#[derive(Clone, Copy, Debug)]
struct Face {
    shown: Now,
    since: std::time::Instant,
    running: bool,
}

impl Face {
    fn now(&self) -> Now {
        if self.running {
            self.shown.later(self.since.elapsed())
        } else {
            self.shown
        }
    }
}

impl Clock {
    /// A running clock that is `offset_ms` ahead of the machine's.
    pub fn new(offset_ms: i64) -> Self {
        let wall = Wall(machine_wall().saturating_add(offset_ms));
        let shown = Now {
            instant: Instant(0),
            wall,
        };
        Self {
            face: Arc::new(RwLock::new(Face {
                shown,
                since: std::time::Instant::now(),
                running: true,
            })),
        }
    }

    /// The time.
    pub fn now(&self) -> Now {
        self.face().now()
    }

    /// Does it run?
    pub fn is_running(&self) -> bool {
        self.face().running
    }

    /// How far it is from the machine's, in milliseconds.
    pub fn offset_ms(&self) -> i64 {
        self.now().wall.0.saturating_sub(machine_wall())
    }

    /// Stops or starts it.
    pub fn set_running(&self, running: bool) {
        self.change(|face| face.running = running);
    }

    /// Moves it forward.
    pub fn advance(&self, by: Duration) {
        self.change(|face| face.shown = face.shown.later(by));
    }

    /// Sets what people read, leaving timers alone; right after a reset, when there are none.
    pub fn set_wall(&self, wall: Wall) {
        self.change(|face| face.shown.wall = wall);
    }

    /// The machine's time again, running.
    pub fn reset(&self) {
        self.change(|face| {
            face.shown.wall = Wall(machine_wall());
            face.running = true;
        });
    }

    /// How long the machine must wait until the clock shows `at`; `None` while it is stopped.
    pub fn until(&self, at: Instant) -> Option<Duration> {
        let face = self.face();
        face.running.then(|| at - face.now().instant)
    }

    fn face(&self) -> Face {
        *self.face.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Face)) {
        let mut face = self.face.write().unwrap_or_else(PoisonError::into_inner);
        face.shown = face.now();
        face.since = std::time::Instant::now();
        change(&mut face);
    }
}

fn machine_wall() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
