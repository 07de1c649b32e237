//! `[[mobility.schedule]]`: when everybody is logged out by the clock.

use crate::runtime::schedule::Schedule;
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// A time at which logins of Extension Mobility end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduledLogout {
    /// The time of day, `HH:MM`.
    pub at: String,
    /// Where it is that late, a name like `Europe/Berlin`.
    #[serde(default = "utc")]
    pub time_zone: String,
    /// On these days: `mon`, `tue`, `wed`, `thu`, `fri`, `sat`, `sun`; on every day, if none is named.
    #[serde(default)]
    pub days: Vec<String>,
    /// But not the logins of these users.
    #[serde(default)]
    pub except_users: Vec<String>,
    /// Nor those at these devices.
    #[serde(default)]
    pub except_devices: Vec<String>,
}

fn utc() -> String {
    "UTC".to_owned()
}

impl ScheduledLogout {
    /// The schedule it means.
    ///
    /// # Errors
    /// What of it means nothing.
    pub fn schedule(&self) -> Result<Schedule, String> {
        let at = &self.at;
        // `T2000` is a time too, to the parser.
        let time: Option<Time> = at.parse().ok().filter(|_| at.find(':') == Some(2));
        let time = time.filter(|_| at.len() == 5);
        let zone = &self.time_zone;
        let days = self.days.iter().map(|day| {
            weekday(day).ok_or_else(|| {
                format!("`{day}` is no day; there are mon, tue, wed, thu, fri, sat and sun")
            })
        });
        Ok(Schedule {
            at: time.ok_or_else(|| format!("at = `{at}` is no time of HH:MM"))?,
            zone: TimeZone::get(zone).map_err(|_| format!("there is no time zone `{zone}`"))?,
            days: days.collect::<Result<_, _>>()?,
            except_users: self
                .except_users
                .iter()
                .map(|user| user.as_str().into())
                .collect(),
            except_devices: self
                .except_devices
                .iter()
                .map(|device| device.as_str().into())
                .collect(),
        })
    }
}

fn weekday(word: &str) -> Option<Weekday> {
    Some(match word.to_ascii_lowercase().as_str() {
        "mon" => Weekday::Monday,
        "tue" => Weekday::Tuesday,
        "wed" => Weekday::Wednesday,
        "thu" => Weekday::Thursday,
        "fri" => Weekday::Friday,
        "sat" => Weekday::Saturday,
        "sun" => Weekday::Sunday,
        _ => return None,
    })
}
