//! Named timers: set and cleared by name, asked for the earliest.

use crate::ids::{CallKey, LegId, PartId};
use crate::now::{Instant, Wall};
use std::collections::{BTreeMap, BTreeSet};

/// Everything the exchange waits for by the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// The driver owes an answer to this operation.
    Operation(u64),
    /// The calling phone was asked to go off-hook.
    OffHook(LegId),
    /// The called side rings.
    Ring(LegId),
    /// A part hears the tone of a call that ended.
    FailedTone(CallKey, PartId),
}

/// Timers that are due at a wall time, which may be set and may jump: what ends at eight ends when the clock shows eight.
pub(super) type WallTimers<T> = Timers<T, Wall>;

/// All timers of a kind that are set.
#[derive(Clone, Debug)]
pub(super) struct Timers<T = Timer, At = Instant> {
    by_time: BTreeSet<(At, T)>,
    by_name: BTreeMap<T, At>,
    before: Vec<(T, Option<At>)>,
}

impl<T: Ord + Clone, At> Default for Timers<T, At> {
    fn default() -> Self {
        Self {
            by_time: BTreeSet::new(),
            by_name: BTreeMap::new(),
            before: Vec::new(),
        }
    }
}

impl<T: Ord + Clone, At: Ord + Copy> Timers<T, At> {
    pub(super) fn set(&mut self, timer: T, at: At) {
        let old = self.put(&timer, Some(at));
        self.before.push((timer, old));
    }

    pub(super) fn clear(&mut self, timer: &T) {
        if let Some(old) = self.put(timer, None) {
            self.before.push((timer.clone(), Some(old)));
        }
    }

    /// What a timer is named from now on.
    pub(super) fn rename(&mut self, old: &T, new: T) {
        if let Some(&at) = self.by_name.get(old) {
            self.clear(old);
            self.set(new, at);
        }
    }

    pub(super) fn clear_all(&mut self) {
        let names: Vec<T> = self.by_name.keys().cloned().collect();
        for name in &names {
            self.clear(name);
        }
    }

    pub(super) fn is_set(&self, timer: &T) -> bool {
        self.by_name.contains_key(timer)
    }

    pub(super) fn earliest(&self) -> Option<At> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Takes the earliest timer that is due.
    pub(super) fn take_due(&mut self, now: At) -> Option<T> {
        let (at, timer) = self.by_time.first()?;
        if *at > now {
            return None;
        }
        let timer = timer.clone();
        self.clear(&timer);
        Some(timer)
    }

    pub(super) fn commit(&mut self) {
        self.before.clear();
    }

    pub(super) fn undo(&mut self) {
        for (timer, at) in std::mem::take(&mut self.before).into_iter().rev() {
            self.put(&timer, at);
        }
    }

    fn put(&mut self, timer: &T, at: Option<At>) -> Option<At> {
        let old = self.by_name.remove(timer);
        if let Some(old) = old {
            self.by_time.remove(&(old, timer.clone()));
        }
        if let Some(at) = at {
            self.by_name.insert(timer.clone(), at);
            self.by_time.insert((at, timer.clone()));
        }
        old
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_fire_in_order_and_a_timer_set_again_counts_once() {
        let mut timers = Timers::default();
        timers.set(Timer::Operation(1), Instant(30));
        timers.set(Timer::Operation(2), Instant(10));
        timers.set(Timer::Operation(1), Instant(20));
        assert_eq!(timers.earliest(), Some(Instant(10)));
        assert_eq!(timers.take_due(Instant(25)), Some(Timer::Operation(2)));
        assert_eq!(timers.take_due(Instant(25)), Some(Timer::Operation(1)));
        assert_eq!(timers.take_due(Instant(25)), None);
        assert_eq!(timers.earliest(), None);
    }

    #[test]
    fn undo_restores_timers_that_fired_and_forgets_new_ones() {
        let mut timers = Timers::default();
        timers.set(Timer::Operation(1), Instant(10));
        timers.commit();
        timers.take_due(Instant(10));
        timers.set(Timer::Operation(1), Instant(50));
        timers.set(Timer::Operation(2), Instant(5));
        timers.undo();
        assert_eq!(timers.earliest(), Some(Instant(10)));
    }
}
