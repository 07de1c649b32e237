//! `em who`, `where`, `profiles`, `check`: the questions.

use super::reach::{Reach, told};
use crate::cli::{OK, REFUSED};
use cordboard_client::mobility::{DeviceState, MobilityError, UserState};
use serde_json::{Value, json};

#[derive(Debug, clap::Args)]
pub(super) struct Devices {
    /// The devices
    #[arg(value_name = "DEVICE", required = true)]
    names: Vec<String>,
    #[command(flatten)]
    pub(super) reach: Reach,
}

#[derive(Debug, clap::Args)]
pub(super) struct Users {
    /// The users
    #[arg(value_name = "USER", required = true)]
    names: Vec<String>,
    #[command(flatten)]
    pub(super) reach: Reach,
}

/// What is told of one name: for programs, for people, whether it is known.
type Told = (Value, String, bool);

fn print<T>(
    reach: &Reach,
    key: &str,
    found: Result<Vec<(String, T)>, MobilityError>,
    tell: impl Fn(&str, &T) -> Told,
) -> u8 {
    let found = match found {
        Ok(found) => found,
        Err(error) => return reach.refused(&error),
    };
    let told: Vec<Told> = found.iter().map(|(name, one)| tell(name, one)).collect();
    let values: Vec<&Value> = told.iter().map(|(value, ..)| value).collect();
    let lines: Vec<&str> = told.iter().map(|(_, line, _)| line.as_str()).collect();
    reach.print(&json!({ key: values }), &lines);
    match told.iter().all(|(.., known)| *known) {
        true => OK,
        false => REFUSED,
    }
}

pub(super) async fn who(options: &Devices) -> anyhow::Result<u8> {
    let found = options.reach.client()?.who(&options.names).await;
    Ok(print(&options.reach, "devices", found, |device, state| {
        let DeviceState::Known(known) = state else {
            let value = json!({ "device": device, "exists": false, "user": null, "last": null, "cross_cluster": null });
            return (value, format!("{device}  does not exist"), false);
        };
        let value = json!({
            "device": device, "exists": true, "user": known.user, "last": known.last, "cross_cluster": known.cross_cluster,
        });
        let mut line = format!("{device}  {}", known.user.as_deref().unwrap_or("nobody"));
        if let Some(last) = &known.last {
            line.push_str(&format!("  (before: {last})"));
        }
        if known.cross_cluster == Some(true) {
            line.push_str("  (of another cluster)");
        }
        (value, line, true)
    }))
}

pub(super) async fn places(options: &Users) -> anyhow::Result<u8> {
    let found = options.reach.client()?.places(&options.names).await;
    Ok(print(&options.reach, "users", found, |user, state| {
        let UserState::Known(devices) = state else {
            let value = json!({ "user": user, "exists": false, "devices": [] });
            return (value, format!("{user}  does not exist"), false);
        };
        let value = json!({ "user": user, "exists": true, "devices": devices });
        let at = match devices.is_empty() {
            true => "nowhere".to_owned(),
            false => devices.join(" "),
        };
        (value, format!("{user}  {at}"), true)
    }))
}

pub(super) async fn profiles(options: &Users) -> anyhow::Result<u8> {
    let found = options.reach.client()?.profiles(&options.names).await;
    Ok(print(&options.reach, "users", found, |user, profiles| {
        let profiles = match profiles {
            Ok(profiles) => profiles,
            Err(error) => {
                let error = MobilityError::Refused(error.clone());
                let value = json!({ "user": user, "profiles": [], "failure": told(&error) });
                return (value, format!("{user}  {error}"), false);
            }
        };
        let list: Vec<Value> = profiles
            .iter()
            .map(|profile| json!({ "name": profile.name, "default": profile.is_default }))
            .collect();
        let words: Vec<String> = profiles
            .iter()
            .map(|profile| match profile.is_default {
                true => format!("{} (default)", profile.name),
                false => profile.name.clone(),
            })
            .collect();
        let value = json!({ "user": user, "profiles": list, "failure": null });
        (value, format!("{user}  {}", words.join("  ")), true)
    }))
}

pub(super) async fn check(options: &Users) -> anyhow::Result<u8> {
    let found = options.reach.client()?.check(&options.names).await;
    Ok(print(
        &options.reach,
        "users",
        found,
        |user, state| match state {
            UserState::Known(id) => {
                let value = json!({ "user": user, "exists": true, "id": id });
                (value, format!("{user}  exists as {id}"), true)
            }
            UserState::Unknown => {
                let value = json!({ "user": user, "exists": false, "id": null });
                (value, format!("{user}  does not exist here"), false)
            }
        },
    ))
}
