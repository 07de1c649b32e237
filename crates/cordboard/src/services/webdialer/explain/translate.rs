//! The exchange's plans in the words of an explanation. Pure.

use crate::admin::shapes::line;
use crate::services::webdialer::translate::{Devices, outcome};
use cordboard_core::Refusal;
use cordboard_core::directory::Directory;
use cordboard_core::exchange::{CallPlan, LineWish, Reply};
use cordboard_core::ids::DirectoryNumber;
use cordboard_wire::admin::{Chosen, Line, Ringing, Route, RuleConsidered, UsableDevice};
use cordboard_wire::webdialer::{Outcome, ResponseCode};

/// The devices a user may dial from.
pub(super) fn usable(devices: &Devices) -> Vec<UsableDevice> {
    let shown = devices.views().iter().map(|view| UsableDevice {
        name: view.name.to_string(),
        registered: view.registered,
        lines: view.lines.iter().map(line).collect(),
    });
    shown.collect()
}

/// The line and the way of a call that would be placed.
///
/// # Errors
/// The code of the refusal, and what the exchange says about it.
pub(super) fn planned(
    answer: Result<Reply, Refusal>,
    wish: &LineWish,
) -> Result<(Chosen<Line>, Route), (Outcome, String)> {
    let reply = answer.map_err(|refusal| (outcome(&refusal), refusal.to_string()))?;
    let Some(plan) = reply.plan() else {
        return Err((ResponseCode::ServiceError.into(), String::new()));
    };
    let chosen = Chosen {
        what: line(&plan.line),
        why: why_line(&plan.line, wish).to_owned(),
    };
    Ok((chosen, route(&plan)))
}

fn why_line(line: &DirectoryNumber, wish: &LineWish) -> &'static str {
    match wish {
        LineWish::First => "no line was named, so it is the device's first",
        LineWish::Named { digits, .. } if *digits == line.digits => "it was named",
        LineWish::Named { .. } => "the device has no such line, so it is its first",
    }
}

fn route(plan: &CallPlan) -> Route {
    let others = plan.carriers.iter().filter(|view| view.name != plan.device);
    let rings: Vec<Ringing> = others
        .map(|view| Ringing {
            device: view.name.to_string(),
            user: view.user.as_ref().map(ToString::to_string),
        })
        .collect();
    let why = if plan.outside {
        "nobody here has this number: the network decides"
    } else if !rings.is_empty() {
        "a line of these devices"
    } else if plan.carriers.is_empty() {
        "a line that no registered device carries now: the call is accepted and ends out_of_service"
    } else {
        "a line that only the calling device carries: the call is accepted and ends busy"
    };
    Route {
        number: line(&plan.to),
        outside: plan.outside,
        rings,
        why: why.to_owned(),
    }
}

/// Whose line a number is: the line, the devices that have it by configuration, the users of those and of its profiles.
pub(super) fn owner(
    directory: &Directory,
    digits: &str,
) -> (Option<Line>, Vec<String>, Vec<String>) {
    let Some(number) = directory.resolve(digits) else {
        return (None, Vec::new(), Vec::new());
    };
    let devices = directory.devices_with(&number);
    let owners = devices
        .iter()
        .filter_map(|name| directory.device(name.as_str())?.owner);
    let associated = directory.end_users().filter(|user| {
        let theirs = directory.devices_of(user);
        theirs.iter().any(|device| devices.contains(&device.name))
    });
    let by_profile = directory
        .profiles_with(&number)
        .into_iter()
        .filter_map(|name| directory.profile(name.as_str()))
        .flat_map(|profile| profile.owners);
    let mut users: Vec<String> = Vec::new();
    let all = owners
        .chain(associated.map(|user| user.id))
        .chain(by_profile);
    for user in all.map(|user| user.to_string()) {
        if !users.iter().any(|known| known.eq_ignore_ascii_case(&user)) {
            users.push(user);
        }
    }
    let devices = devices.iter().map(ToString::to_string).collect();
    (Some(line(&number)), devices, users)
}

/// The number after the last rule that was looked at.
pub(super) fn result_of(rules: &[RuleConsidered], number: &str) -> String {
    let result = rules.last().and_then(|rule| rule.result.clone());
    result.unwrap_or_else(|| number.to_owned())
}
