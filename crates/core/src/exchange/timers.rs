//! Named timers: set and cleared by name, asked for the earliest.

use crate::ids::{CallKey, LegId, PartId};
use crate::now::Instant;
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

/// All timers of a kind that are set.
#[derive(Clone, Debug)]
pub(super) struct Timers<T = Timer> {
    by_time: BTreeSet<(Instant, T)>,
    by_name: BTreeMap<T, Instant>,
    before: Vec<(T, Option<Instant>)>,
}

impl<T: Ord + Clone> Default for Timers<T> {
    fn default() -> Self {
        Self {
            by_time: BTreeSet::new(),
            by_name: BTreeMap::new(),
            before: Vec::new(),
        }
    }
}

impl<T: Ord + Clone> Timers<T> {
    pub(super) fn set(&mut self, timer: T, at: Instant) {
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

    pub(super) fn earliest(&self) -> Option<Instant> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Takes the earliest timer that is due.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<T> {
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

    fn put(&mut self, timer: &T, at: Option<Instant>) -> Option<Instant> {
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
