//! When everybody is logged out by the clock: daily or on some days, at a time of day in a time zone.

use cordboard_core::Wall;
use cordboard_core::exchange::Sweep;
use cordboard_core::ids::{DeviceName, UserId};
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// A time at which logins end.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// The time of day.
    pub at: Time,
    /// Where it is that late.
    pub zone: TimeZone,
    /// On these days; none: on every day.
    pub days: Vec<Weekday>,
    /// But not the logins of these users.
    pub except_users: Vec<UserId>,
    /// Nor those at these devices.
    pub except_devices: Vec<DeviceName>,
}

impl Schedule {
    /// The first time after this one; `None` beyond the calendar's end. A time that the change to summer time leaves out is as much
    /// later as the clock jumps; of one that is there twice the first counts.
    pub fn next_after(&self, now: Wall) -> Option<Wall> {
        let now = Timestamp::from_millisecond(now.0).ok()?;
        let mut day = now.to_zoned_datetime(self.zone.clone()).date();
        // A week and a day: today's time may be over.
        for _ in 0..=7 {
            let on = self.days.is_empty() || self.days.contains(&day.weekday());
            let then = day
                .to_datetime(self.at)
                .to_zoned_datetime(self.zone.clone())
                .ok()?;
            if on && then.timestamp() > now {
                return Some(Wall(then.timestamp().as_millisecond()));
            }
            day = day.checked_add(1.day()).ok()?;
        }
        None
    }
}

/// A schedule at the start of the program.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The schedule.
    pub schedule: Schedule,
    /// Was it not there when the program ran before?
    pub is_new: bool,
}

/// Schedules, and when each is due next.
#[derive(Debug, Default)]
pub struct Schedules {
    all: Vec<(Schedule, Option<Wall>)>,
}

impl Schedules {
    /// Begins to wait. `oldest` is when the oldest of the logins that are there began: what was due since then and was missed,
    /// because nothing ran, is due at once. A schedule that was not there before has missed nothing.
    pub fn new(all: Vec<Planned>, oldest: Option<Wall>, now: Wall) -> Self {
        let missed = oldest.map_or(now, |oldest| oldest.min(now));
        let all = all.into_iter().map(|Planned { schedule, is_new }| {
            let next = schedule.next_after(if is_new { now } else { missed });
            (schedule, next)
        });
        Self { all: all.collect() }
    }

    /// Begins anew: nothing from before this time is due.
    pub fn begin(&mut self, since: Wall) {
        for (schedule, next) in &mut self.all {
            *next = schedule.next_after(since);
        }
    }

    /// When the next one is due.
    pub fn next(&self) -> Option<Wall> {
        self.all.iter().filter_map(|(_, next)| *next).min()
    }

    /// What is due now; each is due again at its next time.
    pub fn due(&mut self, now: Wall) -> Vec<Sweep> {
        let mut due = Vec::new();
        for (schedule, next) in &mut self.all {
            while let Some(at) = *next
                && at <= now
            {
                *next = schedule.next_after(at);
                // Of several times that were missed the last one ends all that the earlier ones do.
                if next.is_none_or(|next| next > now) {
                    due.push(Sweep {
                        before: at,
                        except_users: schedule.except_users.clone(),
                        except_devices: schedule.except_devices.clone(),
                    });
                }
            }
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(at: &str, zone: &str, days: &[Weekday]) -> Schedule {
        Schedule {
            at: at.parse().unwrap(),
            zone: TimeZone::get(zone).unwrap(),
            days: days.to_vec(),
            except_users: Vec::new(),
            except_devices: Vec::new(),
        }
    }

    fn wall(text: &str) -> Wall {
        Wall(text.parse::<Timestamp>().unwrap().as_millisecond())
    }

    #[test]
    fn the_next_time_is_in_the_schedules_own_zone_over_summer_time_and_weekends() {
        let evening = schedule("20:00", "Europe/Berlin", &[]);
        for (now, next) in [
            ("2026-11-25T18:59:59Z", "2026-11-25T19:00:00Z"),
            ("2026-11-25T19:00:00Z", "2026-11-26T19:00:00Z"),
            // Summer time began in the night.
            ("2026-03-28T19:00:00Z", "2026-03-29T18:00:00Z"),
        ] {
            assert_eq!(evening.next_after(wall(now)), Some(wall(next)), "{now}");
        }
        let skipped = schedule("02:30", "Europe/Berlin", &[]);
        let next = skipped.next_after(wall("2026-03-28T12:00:00Z"));
        assert_eq!(next, Some(wall("2026-03-29T01:30:00Z")));
        // Of half past two, which is there twice, the first counts.
        let next = skipped.next_after(wall("2026-10-24T12:00:00Z"));
        assert_eq!(next, Some(wall("2026-10-25T00:30:00Z")));
        let next = skipped.next_after(wall("2026-10-25T00:30:00Z"));
        assert_eq!(next, Some(wall("2026-10-26T01:30:00Z")));
        let friday = schedule("17:00", "UTC", &[Weekday::Friday]);
        let next = friday.next_after(wall("2026-11-27T17:00:00Z"));
        assert_eq!(next, Some(wall("2026-12-04T17:00:00Z")));
    }

    #[test]
    fn what_was_missed_is_due_once_and_at_its_last_time() {
        let planned = |is_new| Planned {
            schedule: schedule("20:00", "UTC", &[]),
            is_new,
        };
        let daily = vec![planned(false)];
        let oldest = Some(wall("2026-11-20T12:00:00Z"));
        let now = wall("2026-11-25T12:00:00Z");
        let mut schedules = Schedules::new(daily.clone(), oldest, now);
        let due = schedules.due(now);
        assert_eq!(due.len(), 1);
        assert_eq!(due[0].before, wall("2026-11-24T20:00:00Z"));
        assert_eq!(schedules.next(), Some(wall("2026-11-25T20:00:00Z")));
        assert_eq!(schedules.due(now), []);
        for nothing_missed in [
            Schedules::new(daily, None, now),
            Schedules::new(vec![planned(true)], oldest, now),
        ] {
            let tonight = wall("2026-11-25T20:00:00Z");
            assert_eq!(nothing_missed.next(), Some(tonight));
        }
    }
}
