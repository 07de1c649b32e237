//! `em login`, `logout`, `logout-all`: the requests that change who sits where.

use super::bulk::{self, Bulk, Change, Idle, Row, table};
use super::reach::{Reach, say};
use crate::cli::{OK, Usage};
use cordboard_client::mobility::LoginTime;
use serde_json::json;

pub(super) const LOGIN: &str = "Examples:
  cordboard em login SEP00175A52EE7C JDOE
  cordboard em login SEP00175A52EE7C JDOE --profile JDOEMOBILE --minutes 90
  cordboard em login --csv morning.csv --done morning.done --parallel 5
The table's first line names its columns, in any order: devicename, user; profile and minutes if wanted.";

pub(super) const LOGOUT: &str = "Examples:
  cordboard em logout SEP00175A52EE7C SEP0000000E2901
  cordboard em logout --of JDOE
  cordboard em logout --csv evening.csv
The table's first line names its columns; only devicename is read. A user of --of who is at no phone is no failure.";

#[derive(Debug, clap::Args)]
pub(super) struct Login {
    /// The device
    #[arg(required_unless_present = "csv", conflicts_with = "csv")]
    device: Option<String>,
    /// The user
    #[arg(value_name = "USER", required_unless_present = "csv")]
    seated: Option<String>,
    /// The profile; without it the user's default. In a table: for rows that name none
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Log out by itself after so many minutes; without it as the cluster has it. In a table: for rows that say none
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=table::LONGEST))]
    minutes: Option<u32>,
    /// Do not log out by itself, unless the cluster enforces it
    #[arg(long, conflicts_with = "minutes")]
    indefinite: bool,
    #[command(flatten)]
    bulk: Bulk,
    #[command(flatten)]
    pub(super) reach: Reach,
}

#[derive(Debug, clap::Args)]
pub(super) struct Logout {
    /// The devices
    #[arg(value_name = "DEVICE", required_unless_present_any = ["csv", "of"])]
    devices: Vec<String>,
    /// Instead of devices: wherever this user is; may be repeated
    #[arg(long, value_name = "USER", conflicts_with_all = ["devices", "csv"])]
    of: Vec<String>,
    #[command(flatten)]
    bulk: Bulk,
    #[command(flatten)]
    pub(super) reach: Reach,
}

#[derive(Debug, clap::Args)]
pub(super) struct LogoutAll {
    /// Yes, everybody
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    pub(super) reach: Reach,
}

pub(super) async fn login(options: Login) -> anyhow::Result<u8> {
    let duration = match (options.minutes, options.indefinite) {
        (Some(minutes), _) => Some(LoginTime::Minutes(minutes)),
        (None, true) => Some(LoginTime::Indefinite),
        (None, false) => None,
    };
    if let Some(file) = &options.bulk.csv {
        let mut rows = table::read(file, Change::Login)?;
        for row in rows.iter_mut().filter_map(|row| row.as_mut().ok()) {
            row.profile = row.profile.take().or_else(|| options.profile.clone());
            row.duration = row.duration.or(duration);
        }
        return bulk::run(&options.reach, &options.bulk, Change::Login, rows).await;
    }
    if options.bulk.parallel.is_some() {
        return Err(Usage::new("--parallel is for a table; name one by --csv").into());
    }
    let row = Row {
        line: None,
        device: options.device.unwrap_or_default(),
        user: options.seated.unwrap_or_default(),
        profile: options.profile,
        duration,
    };
    if options.reach.json {
        return bulk::run(&options.reach, &options.bulk, Change::Login, vec![Ok(row)]).await;
    }
    let login = row.login();
    Ok(match options.reach.client()?.login(&login).await {
        Ok(()) => {
            say(&format!("{} is logged in at {}", login.user, login.device));
            OK
        }
        Err(error) => options.reach.refused(&error),
    })
}

pub(super) async fn logout(options: Logout) -> anyhow::Result<u8> {
    if let Some(file) = &options.bulk.csv {
        let rows = table::read(file, Change::Logout)?;
        return bulk::run(&options.reach, &options.bulk, Change::Logout, rows).await;
    }
    if !options.of.is_empty() {
        return logout_of(&options).await;
    }
    if let [device] = &options.devices[..]
        && !options.reach.json
    {
        return Ok(match options.reach.client()?.logout(device).await {
            Ok(()) => {
                say(&format!("{device} is free"));
                OK
            }
            Err(error) => options.reach.refused(&error),
        });
    }
    let rows = options.devices.iter().map(|device| Ok(Row::of(device, "")));
    bulk::run(
        &options.reach,
        &options.bulk,
        Change::Logout,
        rows.collect(),
    )
    .await
}

/// Logs users out wherever they are.
async fn logout_of(options: &Logout) -> anyhow::Result<u8> {
    use cordboard_client::mobility::UserState;
    let found = match options.reach.client()?.places(&options.of).await {
        Ok(found) => found,
        Err(error) => return Ok(options.reach.refused(&error)),
    };
    let mut rows = Vec::new();
    for (user, state) in found {
        match state {
            UserState::Known(devices) if devices.is_empty() => {
                rows.push(Err(Idle::Nowhere(Row::of("", &user))));
            }
            UserState::Known(devices) => {
                rows.extend(devices.iter().map(|device| Ok(Row::of(device, &user))));
            }
            UserState::Unknown => {
                let why = format!("user '{user}' does not exist");
                rows.push(Err(Idle::Unusable(Row::of("", &user), why)));
            }
        }
    }
    bulk::run(&options.reach, &options.bulk, Change::Logout, rows).await
}

pub(super) async fn logout_all(options: &LogoutAll) -> anyhow::Result<u8> {
    if !options.yes {
        let why =
            "this logs out everybody on every device of the cluster; say --yes if that is meant";
        return Err(Usage::new(why).into());
    }
    Ok(match options.reach.client()?.logout_all().await {
        Ok(()) => {
            options
                .reach
                .print(&json!({ "ended": true }), &["everybody is logged out"]);
            OK
        }
        Err(error) => options.reach.refused(&error),
    })
}
