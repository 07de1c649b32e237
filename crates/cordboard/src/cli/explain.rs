//! `explain`: what would happen, and why, asked of a cordboard server.

use super::admin::Wish;
use super::admin::reach::Reach;
use super::connect::told;
use super::{OK, REFUSED};
use cordboard_client::admin::{AdminError, Ask};
use cordboard_wire::admin::{
    DialExplained, DialInterface, DialQuestion, HomeExplained, HomeQuestion, Line, LoginExplained,
    RuleConsidered,
};
use http::Method;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt::Write;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Options {
    /// What would happen if a user dialled a number; nothing is dialled
    Dial(Dial),
    /// Where the Redirector would send a user
    Home(Home),
    /// What logging a user in to a device would come to, check by check; nobody is logged in
    Login(Login),
}

#[derive(Debug, clap::Args)]
pub(super) struct Login {
    #[command(flatten)]
    wish: Wish,
    /// The account that would ask for it over Extension Mobility's interface; without it an administrator would
    #[arg(long, value_name = "ID")]
    caller: Option<String>,
    /// The address from which it would come
    #[arg(long, value_name = "ADDRESS")]
    from: Option<String>,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, clap::Args)]
pub(super) struct Dial {
    /// The number
    number: String,
    /// The user who would dial
    #[arg(long, env = "CORDBOARD_USER", value_name = "ID")]
    user: String,
    /// The device; without it the one that the interface takes by itself
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// The line, as `lines` prints it; without it the device's first
    #[arg(long, value_name = "LINE")]
    line: Option<String>,
    /// The way by which the number comes in
    #[arg(long, value_enum, default_value = "soap")]
    interface: Interface,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, clap::Args)]
pub(super) struct Home {
    /// The user to look for
    user: String,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Interface {
    Pages,
    Soap,
}

pub(super) async fn run(options: Options) -> anyhow::Result<u8> {
    match options {
        Options::Dial(dial) => told(dial.reach.json, explain_dial(dial).await),
        Options::Home(home) => told(home.reach.json, explain_home(home).await),
        Options::Login(login) => told(login.reach.json, explain_login(login).await),
    }
}

async fn explain_dial(options: Dial) -> anyhow::Result<u8> {
    let question = DialQuestion {
        user: options.user,
        device: options.device,
        line: options.line,
        number: options.number,
        interface: match options.interface {
            Interface::Pages => DialInterface::Pages,
            Interface::Soap => DialInterface::Soap,
        },
    };
    let question = serde_json::to_value(question)?;
    ask(
        &options.reach,
        "dial",
        &question,
        |explained: &DialExplained| (dial_text(explained), explained.code == 0),
    )
    .await
}

async fn explain_home(options: Home) -> anyhow::Result<u8> {
    let question = serde_json::to_value(HomeQuestion { user: options.user })?;
    ask(
        &options.reach,
        "home",
        &question,
        |explained: &HomeExplained| {
            let found = explained.here || explained.cluster.is_some();
            (home_text(explained), found)
        },
    )
    .await
}

async fn explain_login(options: Login) -> anyhow::Result<u8> {
    let mut question = options.wish.body();
    question["caller"] = options.caller.into();
    question["from"] = options.from.into();
    let show = |explained: &LoginExplained| (login_text(explained), explained.allowed);
    ask(&options.reach, "login", &question, show).await
}

fn login_text(explained: &LoginExplained) -> String {
    let mut text = String::new();
    for check in &explained.checks {
        let mark = match check.passed {
            Some(true) => "yes",
            Some(false) => "NO",
            None => "-",
        };
        let dash = if check.why.is_some() { " - " } else { "" };
        let why = check.why.as_deref().unwrap_or_default();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{mark:<4} {}{dash}{why}", check.check);
    }
    if let Some(profile) = &explained.profile {
        let until = explained.until.as_deref().unwrap_or("somebody ends it");
        let _ = writeln!(text, "with profile {profile}, until {until}");
    }
    for device in &explained.ends {
        let _ = writeln!(text, "ends the login at {device}");
    }
    text
}

/// Asks, prints the answer, and says by the status whether it was a good one.
async fn ask<T: DeserializeOwned>(
    reach: &Reach,
    what: &str,
    question: &Value,
    show: impl FnOnce(&T) -> (String, bool),
) -> anyhow::Result<u8> {
    let asking = Ask {
        json: Some(question),
        ..Ask::default()
    };
    let client = reach.client()?;
    let path = format!("/api/v1/explain/{what}");
    let answer = match client.ask(Method::POST, &path, asking).await {
        Ok(answer) => answer,
        Err(error) => return Ok(reach.refused(&error)),
    };
    let Ok(explained) = serde_json::from_value(answer.body.clone()) else {
        return Ok(reach.refused(&AdminError::NotThisProtocol {
            server: client.address().to_owned(),
            what: "an explanation that cannot be read".to_owned(),
        }));
    };
    let (text, good) = show(&explained);
    let printed = reach.told(Ok(answer), |_| text);
    Ok(if printed == OK && !good {
        REFUSED
    } else {
        printed
    })
}

fn dial_text(explained: &DialExplained) -> String {
    let mut text = String::new();
    let mut say = |what: &str, value: &str, why: &str| {
        let dash = if why.is_empty() { "" } else { " - " };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{what:<9} {value}{dash}{why}");
    };
    say("received", &explained.received, "");
    say("taken as", &explained.cleaned, &explained.cleaned_why);
    if explained.rules_act {
        rules(&mut say, "dial rule", &explained.rules);
    } else {
        say("dial rule", "none", "they do not act on this interface");
    }
    say("dialled", &explained.dialled, "");
    for device in &explained.devices {
        let lines: Vec<String> = device.lines.iter().map(line).collect();
        let state = match device.registered {
            true => "",
            false => "not registered",
        };
        say(
            "may use",
            &format!("{} {}", device.name, lines.join(", ")),
            state,
        );
    }
    if let Some(device) = &explained.device {
        say("device", &device.what, &device.why);
    }
    if let Some(chosen) = &explained.line {
        say("line", &line(&chosen.what), &chosen.why);
    }
    if let Some(route) = &explained.route {
        say("to", &line(&route.number), &route.why);
        for ringing in &route.rings {
            say(
                "rings",
                &ringing.device,
                ringing.user.as_deref().unwrap_or_default(),
            );
        }
    }
    rules(&mut say, "look-up", &explained.owner.rules);
    let users = explained.owner.users.join(", ");
    match &explained.owner.line {
        Some(_) => say("whose", &explained.owner.number, &users),
        None => say("whose", &explained.owner.number, "nobody's here"),
    }
    let refused = explained.refused.as_deref().unwrap_or_default();
    say(
        "answer",
        &format!("{} {}", explained.code, explained.text),
        refused,
    );
    text
}

fn rules(say: &mut impl FnMut(&str, &str, &str), what: &str, rules: &[RuleConsidered]) {
    for rule in rules {
        match &rule.result {
            Some(result) => say(what, &format!("{}: {result}", rule.name), &rule.why),
            None => say(what, &format!("{}: no", rule.name), &rule.why),
        }
    }
}

fn line(line: &Line) -> String {
    match &line.partition {
        Some(partition) => format!("{} ; {partition}", line.number),
        None => line.number.clone(),
    }
}

fn home_text(explained: &HomeExplained) -> String {
    let mut text = String::new();
    let place = match (&explained.address, explained.here) {
        (Some(address), _) => address.as_str(),
        (None, true) => "here",
        (None, false) => "nowhere",
    };
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{place}: {}", explained.why);
    for said in &explained.said {
        let _ = writeln!(text, "{}: {}", said.cluster, said.said);
    }
    text
}
