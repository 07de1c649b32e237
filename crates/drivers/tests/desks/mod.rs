//! Hot desks for the stories of who sits where.

use cordboard_core::directory::{Builder, DeviceProfile, Directory};
use cordboard_core::exchange::{Action, LoginLength, LoginWish, Query, Reply, Seat, Settings};
use cordboard_core::ids::DirectoryNumber;
use cordboard_core::refusal::Refusal;
use cordboard_drivers::rig::{Rig, START, phone_list};
use cordboard_drivers::sim::Sim;
use std::time::Duration;

pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// Hot desks 1 and 2, a desk 3 where nobody may log in, ann's own phone A; jane has two profiles, noel none.
pub(crate) fn builder() -> Builder {
    let mut builder = phone_list(&[
        ("D1", "jane", &["2901"]),
        ("D2", "noel", &["2902"]),
        ("D3", "away", &["2903"]),
        ("A", "ann", &["1001"]),
    ]);
    for device in &mut builder.devices {
        device.em_enabled = ["D1", "D2"].contains(&device.name.as_str());
        if device.name.as_str() != "A" {
            device.owner = None;
        }
    }
    for user in &mut builder.users {
        user.home_cluster = user.id.as_str() != "away";
    }
    for (name, owner, line, default) in [
        ("JANE2", "jane", "2002", false),
        ("JANE", "jane", "2001", true),
        ("AWAY", "away", "2003", true),
        ("SHARED", "", "2004", false),
    ] {
        let owners: Vec<_> = [owner]
            .into_iter()
            .filter(|o| !o.is_empty())
            .map(Into::into)
            .collect();
        builder.profiles.push(DeviceProfile {
            name: name.into(),
            model: if name == "SHARED" {
                "Cisco 7960"
            } else {
                "Cisco 8845"
            }
            .to_owned(),
            default_for: if default { owners.clone() } else { Vec::new() },
            owners,
            lines: vec![DirectoryNumber::bare(line)],
        });
    }
    builder
}

pub(crate) fn directory() -> Directory {
    builder().build().unwrap()
}

pub(crate) fn rig_with(change: impl FnOnce(&mut Settings)) -> Rig<Sim> {
    let mut settings = Settings::default();
    change(&mut settings);
    Rig::new(settings, directory(), Sim::new(None, START.instant))
}

pub(crate) fn wish(device: &str, user: &str) -> LoginWish {
    LoginWish {
        device: device.into(),
        user: user.into(),
        profile: None,
        length: LoginLength::Policy,
        own_profiles: false,
        timers_work: true,
    }
}

pub(crate) fn login(rig: &mut Rig<Sim>, device: &str, user: &str) -> Result<Reply, Refusal> {
    rig.does(Action::Login(wish(device, user)))
}

pub(crate) fn logout(
    rig: &mut Rig<Sim>,
    device: &str,
    only: Option<&str>,
) -> Result<Reply, Refusal> {
    rig.does(Action::Logout {
        device: device.into(),
        only: only.map(Into::into),
        timers_work: true,
    })
}

pub(crate) fn seat(rig: &mut Rig<Sim>, device: &str) -> (Option<String>, Option<String>) {
    let seats = rig.does(Action::Snapshot(Query::Seats(vec![device.into()])));
    let Ok(Reply::Seats(mut seats)) = seats else {
        panic!("{seats:?}");
    };
    let Seat { user, last } = seats.remove(0);
    (user.map(|u| u.to_string()), last.map(|u| u.to_string()))
}

pub(crate) fn on(user: &str, last: &str) -> (Option<String>, Option<String>) {
    let some = |text: &str| Some(text.to_owned()).filter(|t| !t.is_empty());
    (some(user), some(last))
}
