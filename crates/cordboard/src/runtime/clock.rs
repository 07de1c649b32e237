//! The clock everything runs on: the machine's, or in the lab one that can be stopped and moved. [lab, Time]
//!
//! It is two clocks in one. What people read follows the machine's wall clock, also when that is set or the machine was suspended.
//! Timers run on a monotonic clock that nobody sets and that stands still while the machine is suspended. [exchange §8]

use cordboard_core::{Instant, Now, Wall};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// By how many milliseconds the two clocks must have moved apart to be reported as a jump; less is what NTP corrects all the time.
pub const JUMP_MS: i64 = 2_000;

/// Where a clock reads the time.
pub trait Source: std::fmt::Debug + Send + Sync {
    /// Time since some fixed moment; never goes back.
    fn monotonic(&self) -> Duration;
    /// Milliseconds since 1970-01-01T00:00:00Z.
    fn wall_ms(&self) -> i64;
}

/// The machine's clocks.
#[derive(Debug)]
struct Machine(std::time::Instant);

impl Source for Machine {
    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }

    fn wall_ms(&self) -> i64 {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }
}

/// A clock, shared by the exchange and the services. Only the exchange's thread moves it; in `serve` nothing does.
#[derive(Clone, Debug)]
pub struct Clock {
    source: Arc<dyn Source>,
    face: Arc<RwLock<Face>>,
}

/// What the clock showed when it was last moved, stopped or started.
#[derive(Clone, Copy, Debug)]
struct Face {
    instant: Instant,
    /// The source's monotonic time then.
    since: Duration,
    wall: WallFace,
    /// Wall time less timers' time when they were last compared.
    apart: i64,
}

#[derive(Clone, Copy, Debug)]
enum WallFace {
    /// Milliseconds ahead of the source's wall clock.
    Running {
        ahead: i64,
    },
    Stopped(Wall),
}

impl Face {
    fn now(&self, source: &dyn Source) -> Now {
        match self.wall {
            WallFace::Running { ahead } => Now {
                instant: self.instant + source.monotonic().saturating_sub(self.since),
                wall: Wall(source.wall_ms().saturating_add(ahead)),
            },
            WallFace::Stopped(wall) => Now {
                instant: self.instant,
                wall,
            },
        }
    }

    fn is_running(&self) -> bool {
        matches!(self.wall, WallFace::Running { .. })
    }

    fn show(&mut self, wall: Wall, source: &dyn Source) {
        self.wall = match self.wall {
            WallFace::Running { .. } => WallFace::Running {
                ahead: wall.0.saturating_sub(source.wall_ms()),
            },
            WallFace::Stopped(_) => WallFace::Stopped(wall),
        };
    }
}

fn apart(now: Now) -> i64 {
    let instant = i64::try_from(now.instant.0).unwrap_or(i64::MAX);
    now.wall.0.saturating_sub(instant)
}

impl Clock {
    /// A running clock that is `offset_ms` ahead of the machine's.
    pub fn new(offset_ms: i64) -> Self {
        Self::with_source(offset_ms, Arc::new(Machine(std::time::Instant::now())))
    }

    /// The same by other clocks than the machine's.
    pub fn with_source(offset_ms: i64, source: Arc<dyn Source>) -> Self {
        let mut face = Face {
            instant: Instant(0),
            since: source.monotonic(),
            wall: WallFace::Running { ahead: offset_ms },
            apart: 0,
        };
        face.apart = apart(face.now(source.as_ref()));
        Self {
            source,
            face: Arc::new(RwLock::new(face)),
        }
    }

    /// The time.
    pub fn now(&self) -> Now {
        self.face().now(self.source.as_ref())
    }

    /// The time, and by how many milliseconds wall time has jumped against the timers since it was last asked for; `None` below
    /// [`JUMP_MS`]. Moving the clock on purpose is not a jump.
    pub fn look(&self) -> (Now, Option<i64>) {
        let face = self.face();
        let now = face.now(self.source.as_ref());
        let jump = apart(now).saturating_sub(face.apart);
        if jump.saturating_abs() < JUMP_MS {
            return (now, None);
        }
        self.change(|_, _| {});
        (now, Some(jump))
    }

    /// Does it run?
    pub fn is_running(&self) -> bool {
        self.face().is_running()
    }

    /// How far it is from the machine's, in milliseconds.
    pub fn offset_ms(&self) -> i64 {
        self.now().wall.0.saturating_sub(self.source.wall_ms())
    }

    /// Stops or starts it.
    pub fn set_running(&self, running: bool) {
        self.change(|face, source| {
            let wall = face.now(source).wall;
            face.wall = WallFace::Stopped(wall);
            if running {
                face.wall = WallFace::Running { ahead: 0 };
                face.show(wall, source);
            }
        });
    }

    /// Moves it forward.
    pub fn advance(&self, by: Duration) {
        self.change(|face, source| {
            let later = face.now(source).later(by);
            face.instant = later.instant;
            face.show(later.wall, source);
        });
    }

    /// Sets what people read, leaving timers alone; right after a reset, when there are none.
    pub fn set_wall(&self, wall: Wall) {
        self.change(|face, source| face.show(wall, source));
    }

    /// The machine's time again, running.
    pub fn reset(&self) {
        self.change(|face, _| face.wall = WallFace::Running { ahead: 0 });
    }

    /// How long the machine must wait until the clock shows `at`; `None` while it is stopped.
    pub fn until(&self, at: Instant) -> Option<Duration> {
        let face = self.face();
        let left = || at - face.now(self.source.as_ref()).instant;
        face.is_running().then(left)
    }

    fn face(&self) -> Face {
        *self.face.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the face; what it shows afterwards is what a jump is measured from.
    fn change(&self, change: impl FnOnce(&mut Face, &dyn Source)) {
        let source = self.source.as_ref();
        let mut face = self.face.write().unwrap_or_else(PoisonError::into_inner);
        face.instant = face.now(source).instant;
        face.since = source.monotonic();
        change(&mut face, source);
        face.apart = apart(face.now(source));
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::sync::Mutex;

    const START: i64 = 1_800_000_000_000;

    /// Clocks that a test sets.
    #[derive(Clone, Debug)]
    pub(in crate::runtime) struct Handset(Arc<Mutex<(Duration, i64)>>);

    impl Handset {
        pub(in crate::runtime) fn new() -> Self {
            Self(Arc::new(Mutex::new((Duration::from_secs(77), START))))
        }

        pub(in crate::runtime) fn clock(&self, offset_ms: i64) -> Clock {
            Clock::with_source(offset_ms, Arc::new(self.clone()))
        }

        /// Time passes, for both clocks.
        pub(in crate::runtime) fn passes(&self, ms: u32) {
            let mut time = self.0.lock().unwrap();
            time.0 += Duration::from_millis(ms.into());
            time.1 += i64::from(ms);
        }

        /// The wall clock alone is set, or the machine wakes from its sleep.
        pub(in crate::runtime) fn jumps(&self, ms: i64) {
            self.0.lock().unwrap().1 += ms;
        }
    }

    impl Source for Handset {
        fn monotonic(&self) -> Duration {
            self.0.lock().unwrap().0
        }

        fn wall_ms(&self) -> i64 {
            self.0.lock().unwrap().1
        }
    }

    fn shown(clock: &Clock) -> (u64, i64) {
        let now = clock.now();
        (now.instant.0, now.wall.0 - START)
    }

    #[test]
    fn wall_time_follows_the_machine_and_timers_do_not() {
        let machine = Handset::new();
        let clock = machine.clock(0);
        machine.passes(500);
        assert_eq!(shown(&clock), (500, 500));
        machine.jumps(60_000);
        assert_eq!(shown(&clock), (500, 60_500));
        machine.jumps(-90_000);
        machine.passes(1);
        assert_eq!(shown(&clock), (501, -29_499));
    }

    #[test]
    fn a_jump_is_reported_once_and_small_corrections_are_when_they_add_up() {
        let machine = Handset::new();
        let clock = machine.clock(5_000);
        let jump = || clock.look().1;
        assert_eq!(jump(), None);
        machine.passes(60_000);
        machine.jumps(JUMP_MS - 1);
        assert_eq!(jump(), None);
        machine.jumps(1);
        assert_eq!(jump(), Some(JUMP_MS));
        assert_eq!(jump(), None);
        machine.jumps(-400 * 86_400_000);
        assert_eq!(jump(), Some(-400 * 86_400_000));
        assert_eq!(jump(), None);
    }

    #[test]
    fn what_the_lab_does_to_its_clock_is_no_jump_and_its_offset_is_kept() {
        let machine = Handset::new();
        let clock = machine.clock(0);
        clock.advance(Duration::from_secs(60));
        assert_eq!(
            (shown(&clock), clock.offset_ms()),
            ((60_000, 60_000), 60_000)
        );
        clock.set_running(false);
        machine.passes(10_000);
        assert_eq!(
            (shown(&clock), clock.offset_ms()),
            ((60_000, 60_000), 50_000)
        );
        clock.advance(Duration::from_secs(1));
        assert_eq!(shown(&clock), (61_000, 61_000));
        clock.set_running(true);
        machine.passes(10);
        assert_eq!(
            (shown(&clock), clock.offset_ms()),
            ((61_010, 61_010), 51_000)
        );
        clock.set_wall(Wall(START - 5));
        assert_eq!(shown(&clock), (61_010, -5));
        clock.reset();
        assert_eq!((shown(&clock), clock.offset_ms()), ((61_010, 10_010), 0));
        assert_eq!(clock.look().1, None);
    }

    #[test]
    fn a_stopped_clock_stands_still_whatever_the_machine_does() {
        let machine = Handset::new();
        let clock = machine.clock(0);
        clock.set_running(false);
        machine.jumps(3_600_000);
        machine.passes(10);
        assert_eq!((shown(&clock), clock.look().1), ((0, 0), None));
        assert_eq!(clock.until(Instant(5)), None);
        clock.set_running(true);
        assert_eq!((shown(&clock), clock.look().1), ((0, 0), None));
    }
}
