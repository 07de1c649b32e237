//! Who sits where: `/api/v1/mobility`. [lab, Shapes]

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A login by Extension Mobility.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// The device.
    pub device: String,
    /// The user.
    pub user: String,
    /// The profile whose lines the device carries.
    pub profile: String,
    /// Since when.
    pub since: String,
    /// When it ends by itself; null: when somebody ends it.
    pub until: Option<String>,
    /// The interface it came in by; empty for one that a directory began with.
    pub origin: String,
    /// Who asked for it, where that was a user or an application.
    pub by: Option<String>,
    /// Was the profile made for another model?
    pub mismatched: bool,
}

/// Logins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sessions {
    /// By device.
    pub sessions: Vec<Session>,
    /// What to send as `after` for the rest.
    pub next: Option<String>,
}

// What the document says below.
const _: () = assert!(crate::mobility::MINUTES_MAX == 35_791_394);

/// A login that is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginBody {
    /// The device.
    #[schema(min_length = 1, max_length = 128)]
    pub device: String,
    /// The user.
    #[schema(min_length = 1, max_length = 128)]
    pub user: String,
    /// The profile; without it the user's default.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 128)]
    pub profile: Option<String>,
    /// How long at most; without it as long as the cluster allows.
    #[serde(default, deserialize_with = "super::whole_or_none")]
    #[schema(minimum = 1, maximum = 35_791_394)]
    pub minutes: Option<u32>,
}

/// A user is to sit at a device in place of whoever sits there, or does so since a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Takeover {
    /// The device.
    pub device: String,
    /// Who is to sit there, or sits there now.
    pub user: String,
    /// The profile that was asked for; null: the user's default.
    pub profile: Option<String>,
    /// Who sat there when it was asked for, and is warned.
    pub from: Option<String>,
    /// `warned`, `waiting` for the calls at the device to end, or `done`.
    pub state: String,
    /// When the switch comes; while it waits: when it is given up; done: until when it can be undone.
    pub until: String,
    /// When it was asked for.
    pub asked_at: String,
    /// The interface it came in by.
    pub origin: String,
    /// Who asked for it, where that was a user or an application.
    pub by: Option<String>,
}

/// Takeovers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Takeovers {
    /// By device.
    pub takeovers: Vec<Takeover>,
}

/// A login that is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PastSession {
    /// What it was.
    #[serde(flatten)]
    pub session: Session,
    /// When it ended.
    pub ended_at: String,
    /// What ended it: `logout`, `logout_all`, `elsewhere`, `expired`, `schedule`, `directory`, `takeover`, `undo`.
    pub how: String,
    /// Who ended it, where that was a user or an application.
    pub ended_by: Option<String>,
}

/// Logins that are over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PastSessions {
    /// The latest end first.
    pub sessions: Vec<PastSession>,
    /// What to send as `after` for earlier ones.
    pub next: Option<String>,
}

/// When everybody is logged out by the clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Schedules {
    /// In order of the configuration.
    pub schedules: Vec<Schedule>,
}

/// A time at which logins end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Schedule {
    /// The time of day.
    pub at: String,
    /// Where it is that late.
    pub time_zone: String,
    /// On these days; on every day, if none is named.
    pub days: Vec<String>,
    /// But not the logins of these users.
    pub except_users: Vec<String>,
    /// Nor those at these devices.
    pub except_devices: Vec<String>,
    /// When it is due next.
    pub next: Option<String>,
}

/// A login that is asked about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginQuestion {
    /// The device.
    #[schema(min_length = 1, max_length = 128)]
    pub device: String,
    /// The user.
    #[schema(min_length = 1, max_length = 128)]
    pub user: String,
    /// The profile; without it the user's default.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 128)]
    pub profile: Option<String>,
    /// How long at most; without it as long as the cluster allows.
    #[serde(default, deserialize_with = "super::whole_or_none")]
    #[schema(minimum = 1, maximum = 35_791_394)]
    pub minutes: Option<u32>,
    /// The account that would ask for it over Extension Mobility's own interface; without it an administrator would.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 128)]
    pub caller: Option<String>,
    /// The address from which it would come, of IPv4 or, shortened too, of IPv6; without it that is not asked.
    #[serde(default)]
    #[schema(
        pattern = r"^(((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\.){3}(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])|::1|([0-9a-f]{1,4}:){7}[0-9a-f]{1,4})$"
    )]
    pub from: Option<String>,
}

/// What a login would come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LoginExplained {
    /// Would it be done?
    pub allowed: bool,
    /// The checks, in the order in which they are made.
    pub checks: Vec<LoginCheck>,
    /// The profile it would take.
    pub profile: Option<String>,
    /// When it would end by itself.
    pub until: Option<String>,
    /// The devices where it would end an earlier login of the same user.
    pub ends: Vec<String>,
}

/// A check of a login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LoginCheck {
    /// What is asked.
    pub check: String,
    /// The answer; null: not asked any more.
    pub passed: Option<bool>,
    /// Why not.
    pub why: Option<String>,
}
