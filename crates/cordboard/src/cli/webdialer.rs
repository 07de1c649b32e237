//! `dial`, `hangup`, `lines`, `home`: clients of any WebDialer server, cordboard's or the original's.

use super::connect::{Credentials, How, Server, print_failure, told};
use super::{NO_PERMISSION, OK, PROTOCOL, REFUSED, UNAVAILABLE};
use cordboard_client::webdialer::{ClientError, Clusters};
use cordboard_wire::webdialer::{ResponseCode, UserProfile};
use serde_json::json;

#[derive(Debug, clap::Args)]
pub(super) struct Dial {
    /// The number to call
    number: String,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    credentials: Credentials,
    /// The device to call from; without it the phone the user sits at by Extension Mobility
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// The line to call from, as `lines` prints it; without it the device's first
    #[arg(long, value_name = "LINE")]
    line: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Hangup {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    credentials: Credentials,
    /// The device the call is on; without it any
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// The line the call is on
    #[arg(long, value_name = "LINE")]
    line: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Lines {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    credentials: Credentials,
}

#[derive(Debug, clap::Args)]
pub(super) struct Home {
    /// The user to look for
    user: String,
    /// A cluster's server; once for each cluster
    #[arg(
        long = "server",
        env = "CORDBOARD_SERVER",
        value_name = "URL",
        required = true,
        value_delimiter = ','
    )]
    servers: Vec<String>,
    #[command(flatten)]
    how: How,
}

fn profile(user: Option<String>, device: Option<String>, line: Option<String>) -> UserProfile {
    UserProfile {
        user,
        device_name: device,
        line_number: line,
        ..UserProfile::default()
    }
}

#[expect(clippy::print_stdout, reason = "the command's result")]
fn print(json: bool, value: &serde_json::Value, text: &str) -> u8 {
    if json {
        println!("{value}");
    } else {
        println!("{text}");
    }
    OK
}

/// Prints what went wrong and answers the exit status that says so.
fn refused(json: bool, error: &ClientError) -> u8 {
    let (status, code, text) = match error {
        ClientError::Unreachable { .. } => (UNAVAILABLE, None, None),
        ClientError::NotThisProtocol { .. } => (PROTOCOL, None, None),
        ClientError::Fault { string, .. } => (REFUSED, None, Some(string)),
        ClientError::Refused {
            code: code @ ResponseCode::AuthenticationError,
            text,
        } => (NO_PERMISSION, Some(*code), Some(text)),
        ClientError::Refused { code, text } => (REFUSED, Some(*code), Some(text)),
    };
    if json {
        let code = code.map(ResponseCode::number);
        print_failure(&error.to_string(), code, text.map(String::as_str));
    }
    eprintln!("cordboard: {error}");
    status
}

pub(super) async fn dial(options: Dial) -> anyhow::Result<u8> {
    told(options.server.how.json, place(options).await)
}

async fn place(options: Dial) -> anyhow::Result<u8> {
    let client = options.server.client()?;
    let asker = options.credentials.asker()?;
    let mut profile = profile(asker.user, options.device, options.line);
    let names_none = profile.device_name.is_none();
    profile.support_em = names_none;
    let json = options.server.how.json;
    let placed = client
        .make_call(asker.credential, &options.number, profile)
        .await;
    options.server.learn(&client);
    Ok(match placed {
        Ok(Some(id)) => {
            let text = format!(
                "accepted as call {id}; see {}/api/v1/calls/{id}",
                client.address()
            );
            print(json, &json!({ "accepted": true, "call": id }), &text)
        }
        Ok(None) => print(json, &json!({ "accepted": true, "call": null }), "accepted"),
        Err(error) => {
            let status = refused(json, &error);
            // The server's text does not say that it is the device.
            let code = ResponseCode::MissingParameters;
            if names_none && matches!(&error, ClientError::Refused { code: c, .. } if *c == code) {
                eprintln!(
                    "cordboard: the user sits at no phone; name a device by --device, `cordboard lines` lists them"
                );
            }
            status
        }
    })
}

pub(super) async fn hangup(options: Hangup) -> anyhow::Result<u8> {
    told(options.server.how.json, end(options).await)
}

async fn end(options: Hangup) -> anyhow::Result<u8> {
    let client = options.server.client()?;
    let asker = options.credentials.asker()?;
    let profile = profile(asker.user, options.device, options.line);
    let json = options.server.how.json;
    let ended = client.end_call(asker.credential, profile).await;
    options.server.learn(&client);
    Ok(match ended {
        Ok(()) => print(json, &json!({ "ended": true }), "ended"),
        Err(error) => refused(json, &error),
    })
}

pub(super) async fn lines(options: Lines) -> anyhow::Result<u8> {
    told(options.server.how.json, list(options).await)
}

async fn list(options: Lines) -> anyhow::Result<u8> {
    let client = options.server.client()?;
    let json = options.server.how.json;
    let credential = options.credentials.asker()?.credential;
    // Only one's own devices come with descriptions and models; another user's only with lines.
    let devices: Vec<(String, Vec<String>, String, String)> = match &options.credentials.for_user {
        None => match client.profile_detail(credential).await {
            Ok(devices) => devices
                .into_iter()
                .map(|d| (d.name, d.lines, d.model, d.description))
                .collect(),
            Err(error) => return Ok(refused(json, &error)),
        },
        Some(user) => match client.profile(credential, Some(user)).await {
            Ok(devices) => devices
                .into_iter()
                .map(|d| (d.name, d.lines, String::new(), String::new()))
                .collect(),
            Err(error) => return Ok(refused(json, &error)),
        },
    };
    options.server.learn(&client);
    let value: Vec<serde_json::Value> = devices
        .iter()
        .map(|(name, lines, model, description)| {
            json!({ "device": name, "lines": lines, "model": model, "description": description })
        })
        .collect();
    let text: Vec<String> = devices
        .iter()
        .map(|(name, lines, model, description)| {
            let about = [model.as_str(), description.as_str()].join("  ");
            format!("{name}  {}\n    {}", about.trim(), lines.join("\n    "))
        })
        .collect();
    Ok(print(json, &json!(value), &text.join("\n")))
}

pub(super) async fn home(options: Home) -> anyhow::Result<u8> {
    told(options.how.json, find(options).await)
}

async fn find(options: Home) -> anyhow::Result<u8> {
    let mut clients = Vec::with_capacity(options.servers.len());
    for server in &options.servers {
        clients.push(options.how.client(server)?);
    }
    let clusters = Clusters::new(clients.clone());
    let json = options.how.json;
    let home = clusters.home(&options.user).await;
    for (server, client) in options.servers.iter().zip(&clients) {
        options.how.learn(server, client);
    }
    let nowhere = match home {
        Ok(client) => {
            let found = json!({ "user": options.user, "home": client.address() });
            return Ok(print(json, &found, client.address()));
        }
        Err(nowhere) => nowhere,
    };
    if json {
        print_failure(&nowhere.to_string(), None, None);
    }
    eprintln!("cordboard: {nowhere}");
    let others = nowhere
        .failed
        .iter()
        .filter(|error| matches!(error, ClientError::NotThisProtocol { .. }))
        .count();
    Ok(if nowhere.failed.len() < options.servers.len() {
        REFUSED
    } else if others == options.servers.len() {
        PROTOCOL
    } else {
        UNAVAILABLE
    })
}
