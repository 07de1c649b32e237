//! Extension Mobility's settings: the original's service parameters, and what it does not have.

use super::ScheduledLogout;
use cordboard_core::exchange::TakeoverTimes;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::time::Duration;

/// The original's list of trusted addresses is at most so long.
const TRUSTED_LENGTH: usize = 1_024;
/// The original's longest login, in minutes: 168 hours.
const LOGIN_MINUTES: u32 = 168 * 60;

/// Extension Mobility. [mobility §10]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mobility {
    /// "on"; "stopped" answers HTTP 503 and "not_activated" 404, as the original's service does when an administrator has done
    /// so.
    pub service: Service,
    /// The original's *Maximum Concurrent Requests*: logins and log-outs at a time, 1 to 100; beyond it code 26.
    pub max_concurrent_requests: u32,
    /// The original's *Multiple Login Behavior*: "not_allowed" refuses a second login (code 25), "allowed" lets both stand,
    /// "auto_logout" ends the earlier one.
    pub multiple_logins: Multiple,
    /// The original's *Enforce Intra-cluster Maximum Login Time*: does every login end after `max_login_time`?
    pub enforce_max_login_time: bool,
    /// The original's *Intra-cluster Maximum Login Time*: `H:MM` up to 168:00; without meaning while it is not enforced.
    pub max_login_time: String,
    /// The original's *Allow End User to set their maximum login time*: does a user's own longest login count in its place?
    pub user_max_login_time: bool,
    /// The original's *Validate IP Address*: do logins and log-outs come from known addresses only (code 28)?
    pub validate_ip: bool,
    /// The original's *Trusted List of IPs*: addresses and host names with `;` between them, 1024 characters at most.
    pub trusted_ips: String,
    /// The original's *Allow Proxy*: with `validate_ip`, may a login come through a proxy (else code 30)?
    pub allow_proxy: bool,
    /// Addresses of front ends whose `remoteIPAddr` and `isViaHeaderSet` are believed.
    pub front_ends: Vec<IpAddr>,
    /// Does the proxy right count for end users too? In the original it does not.
    pub end_user_proxy: bool,
    /// Is an end user's PIN as good as his password?
    pub accept_pin: bool,
    /// Is a body of `text/xml` that comes without a form field taken as the document?
    pub accept_raw_xml: bool,
    /// "modern"; "4.x" has the operations and answers of that release.
    pub compat: Release,
    /// "strict" wants the elements in the grammar's order; "lenient" takes any order and passes over what it does not know.
    pub grammar: Order,
    /// "reject" refuses XML declarations and attributes, as the original does; "accept" passes over them.
    pub prolog: Prolog,
    /// The history of logins goes back so many days; 0 keeps it for ever.
    pub history_days: u32,
    /// May an operator have a user take over a device from whoever sits there?
    pub takeover: bool,
    /// Whoever sits there is warned so many seconds before.
    pub takeover_warning_seconds: u32,
    /// After the warning a takeover waits so many minutes at most for the device to be without calls.
    pub takeover_patience_minutes: u32,
    /// A takeover can be undone for so many minutes.
    pub takeover_undo_minutes: u32,
    /// When everybody is logged out by the clock: `at`, `time_zone`, `days`, `except_users`, `except_devices`.
    #[serde(rename = "schedule")]
    pub schedules: Vec<ScheduledLogout>,
}

/// Is the service there?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// Yes.
    #[default]
    On,
    /// An administrator stopped it.
    Stopped,
    /// It was never started on this node.
    NotActivated,
}

/// What becomes of a second login of a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Multiple {
    /// It is refused.
    #[default]
    NotAllowed,
    /// Both stand.
    Allowed,
    /// The first one ends.
    AutoLogout,
}

/// Whose operations and answers there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Release {
    /// 5.0 and later.
    #[default]
    #[serde(rename = "modern")]
    Modern,
    /// 4.x.
    #[serde(rename = "4.x")]
    Four,
}

/// How the order of elements is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// As the grammar has it.
    #[default]
    Strict,
    /// Any.
    Lenient,
}

/// What is done with an XML declaration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Prolog {
    /// It is passed over.
    #[default]
    Accept,
    /// It is refused.
    Reject,
}

impl Default for Mobility {
    fn default() -> Self {
        Self {
            service: Service::default(),
            max_concurrent_requests: 5,
            multiple_logins: Multiple::default(),
            enforce_max_login_time: false,
            max_login_time: "8:00".into(),
            user_max_login_time: false,
            validate_ip: false,
            trusted_ips: String::new(),
            allow_proxy: false,
            front_ends: Vec::new(),
            end_user_proxy: false,
            accept_pin: false,
            accept_raw_xml: false,
            compat: Release::default(),
            grammar: Order::default(),
            prolog: Prolog::default(),
            history_days: 400,
            takeover: true,
            takeover_warning_seconds: 60,
            takeover_patience_minutes: 60,
            takeover_undo_minutes: 15,
            schedules: Vec::new(),
        }
    }
}

impl Mobility {
    /// The first key that reads well and cannot be used, and why.
    pub(super) fn unusable(&self) -> Option<(&'static str, String)> {
        let requests = self.max_concurrent_requests;
        if !(1..=100).contains(&requests) {
            let reason = format!("{requests} is not within 1 to 100");
            return Some(("max_concurrent_requests", reason));
        }
        let time = &self.max_login_time;
        match minutes(time) {
            None => {
                let reason = format!("`{time}` is no time of H:MM up to 168:00");
                return Some(("max_login_time", reason));
            }
            Some(0) if self.enforce_max_login_time => {
                let reason =
                    "0:00 cannot be enforced: every login would be over at once".to_owned();
                return Some(("max_login_time", reason));
            }
            Some(_) => {}
        }
        let schedules = self.schedules.iter();
        if let Some(Err(reason)) = schedules
            .map(ScheduledLogout::schedule)
            .find(Result::is_err)
        {
            return Some(("schedule", reason));
        }
        if self.trusted_ips.chars().count() > TRUSTED_LENGTH {
            let reason = format!("it is longer than {TRUSTED_LENGTH} characters");
            return Some(("trusted_ips", reason));
        }
        let stranger = self.trusted().find(|entry| !is_host(entry))?;
        let reason = format!(
            "`{stranger}` is neither an address nor a host name; ranges and patterns are not known"
        );
        Some(("trusted_ips", reason))
    }

    /// The entries of the list of trusted addresses.
    pub fn trusted(&self) -> impl Iterator<Item = &str> {
        let entries = self.trusted_ips.split(';').map(str::trim);
        entries.filter(|entry| !entry.is_empty())
    }

    /// A login lasts so long at most; `None`: until somebody ends it.
    pub fn max_login(&self) -> Option<Duration> {
        let minutes = minutes(&self.max_login_time).filter(|_| self.enforce_max_login_time)?;
        Some(Duration::from_secs(u64::from(minutes) * 60))
    }

    /// How much time a takeover leaves; `None`: there are none.
    pub fn takeover_times(&self) -> Option<TakeoverTimes> {
        let minutes = |minutes: u32| Duration::from_secs(u64::from(minutes) * 60);
        self.takeover.then(|| TakeoverTimes {
            warning: Duration::from_secs(self.takeover_warning_seconds.into()),
            patience: minutes(self.takeover_patience_minutes),
            undo: minutes(self.takeover_undo_minutes),
        })
    }
}

/// `H:MM` as minutes.
fn minutes(time: &str) -> Option<u32> {
    let digits = |text: &str, most: usize| {
        let fits = (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| text.parse::<u32>().ok()).flatten()
    };
    let (hours, minutes) = time.split_once(':')?;
    let minutes = digits(minutes, 2).filter(|m| *m < 60 && time.ends_with(&format!("{m:02}")))?;
    let all = digits(hours, 3)? * 60 + minutes;
    (all <= LOGIN_MINUTES).then_some(all)
}

fn is_host(entry: &str) -> bool {
    let letter = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let label = |label: &str| !label.is_empty() && label.bytes().all(letter);
    let name =
        entry.split('.').all(label) && !entry.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    name || entry.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_login_time_is_hours_and_minutes() {
        for (text, expected) in [
            ("8:00", Some(480)),
            ("0:01", Some(1)),
            ("168:00", Some(10_080)),
            ("008:30", Some(510)),
            ("168:01", None),
            ("8:60", None),
            ("8:5", None),
            ("8", None),
            (":30", None),
            ("-1:00", None),
            ("0001:00", None),
        ] {
            assert_eq!(minutes(text), expected, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_found() {
        let wrong = |change: fn(&mut Mobility)| {
            let mut settings = Mobility::default();
            change(&mut settings);
            settings.unusable().map(|(key, _)| key)
        };
        assert_eq!(wrong(|_| {}), None);
        let time = Some("max_login_time");
        assert_eq!(
            wrong(|m| m.max_concurrent_requests = 0),
            Some("max_concurrent_requests")
        );
        assert_eq!(
            wrong(|m| m.max_concurrent_requests = 101),
            Some("max_concurrent_requests")
        );
        assert_eq!(wrong(|m| m.max_login_time = "soon".into()), time);
        assert_eq!(wrong(|m| m.max_login_time = "0:00".into()), None);
        let nothing = |m: &mut Mobility| {
            m.max_login_time = "0:00".into();
            m.enforce_max_login_time = true;
        };
        assert_eq!(wrong(nothing), time);
        let at = |at: &str, zone: &str, day: &str| {
            let mut settings = Mobility::default();
            settings.schedules.push(ScheduledLogout {
                at: at.to_owned(),
                time_zone: zone.to_owned(),
                days: vec![day.to_owned()],
                except_users: Vec::new(),
                except_devices: Vec::new(),
            });
            settings.unusable().map(|(key, _)| key)
        };
        assert_eq!(at("20:00", "Europe/Berlin", "Fri"), None);
        assert_eq!(at("8 pm", "UTC", "fri"), Some("schedule"));
        assert_eq!(at("T2000", "UTC", "fri"), Some("schedule"));
        assert_eq!(at("20:00", "Mars/North", "fri"), Some("schedule"));
        assert_eq!(at("20:00", "UTC", "someday"), Some("schedule"));
        let trusted = Some("trusted_ips");
        let fine = |m: &mut Mobility| m.trusted_ips = "10.0.0.1; ::1;front-end.example.com;".into();
        assert_eq!(wrong(fine), None);
        assert_eq!(wrong(|m| m.trusted_ips = "10.0.0.0/8".into()), trusted);
        assert_eq!(wrong(|m| m.trusted_ips = "10.0.0.999".into()), trusted);
        assert_eq!(wrong(|m| m.trusted_ips = "a;".repeat(513)), trusted);
    }

    #[test]
    fn the_page_has_every_setting_with_its_default_and_no_other() {
        let page = include_str!("../../../../../docs/protocols/mobility.md");
        let rows = page.lines().filter_map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let [_, setting, _, default, _, _, _, _] = cells.as_slice() else {
                return None;
            };
            let key = setting.strip_prefix("`mobility.")?.strip_suffix('`')?;
            Some((key.to_owned(), default.trim_matches('`').to_owned()))
        });
        let documented: BTreeMap<String, String> = rows.collect();
        let table = toml::Table::try_from(Mobility::default()).unwrap();
        let settings = table
            .into_iter()
            .map(|(key, value)| (key, value.to_string()));
        assert_eq!(documented, settings.collect());
    }
}
