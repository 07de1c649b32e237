//! `dial`, `hangup`, `lines`, `home`: clients of any WebDialer server, cordboard's or the original's.

use super::{NO_PERMISSION, OK, PROTOCOL, REFUSED, UNAVAILABLE};
use anyhow::Context;
use cordboard_client::tls::{Pin, Trust};
use cordboard_client::webdialer::{ClientError, Clusters, DialectChoice, Options, WebDialerClient};
use cordboard_wire::Secret;
use cordboard_wire::webdialer::{Credential, ResponseCode, UserProfile};
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
struct Server {
    /// The server, such as https://cucm.example.com:8443
    #[arg(long, env = "CORDBOARD_SERVER", value_name = "URL")]
    server: String,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, clap::Args)]
struct How {
    /// The dialect: auto, ax2, w70 or leg
    #[arg(long, default_value = "auto", value_name = "DIALECT")]
    dialect: DialectChoice,
    /// Trust the certificates in this PEM file
    #[arg(long, env = "CORDBOARD_CA", value_name = "FILE", group = "trust")]
    ca: Option<PathBuf>,
    /// Trust this public key only (sha256/BASE64)
    #[arg(long, env = "CORDBOARD_PIN", value_name = "PIN", group = "trust")]
    pin: Option<Pin>,
    /// Trust anybody; warns
    #[arg(long, group = "trust")]
    insecure: bool,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct Credentials {
    /// The user who asks
    #[arg(
        long,
        env = "CORDBOARD_USER",
        value_name = "ID",
        required_unless_present = "token"
    )]
    user: Option<String>,
    /// The password; better by CORDBOARD_PASSWORD or --password-file
    #[arg(
        long,
        env = "CORDBOARD_PASSWORD",
        value_name = "PASSWORD",
        hide_env_values = true
    )]
    password: Option<String>,
    /// A file that holds the password
    #[arg(
        long,
        env = "CORDBOARD_PASSWORD_FILE",
        value_name = "FILE",
        conflicts_with = "password"
    )]
    password_file: Option<PathBuf>,
    /// A token instead of user and password
    #[arg(
        long,
        env = "CORDBOARD_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true
    )]
    token: Option<String>,
    /// The user it is for, if somebody else (needs the proxy right)
    #[arg(long = "for", value_name = "ID")]
    for_user: Option<String>,
}

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

impl How {
    fn trust(&self) -> Trust {
        if self.insecure {
            eprintln!(
                "cordboard: warning: --insecure trusts anybody; who is in between can read and change everything"
            );
            return Trust::Insecure;
        }
        match (&self.ca, self.pin) {
            (Some(file), _) => Trust::Ca(file.clone()),
            (None, Some(pin)) => Trust::Pin(pin),
            (None, None) => Trust::System,
        }
    }

    fn client(&self, server: &str) -> anyhow::Result<WebDialerClient> {
        let options = Options {
            dialect: self.dialect,
            ..Options::default()
        };
        Ok(WebDialerClient::new(server, &self.trust(), options)?)
    }
}

impl Server {
    fn client(&self) -> anyhow::Result<WebDialerClient> {
        self.how.client(&self.server)
    }
}

impl Credentials {
    fn take(&self) -> anyhow::Result<Credential> {
        if let Some(token) = &self.token {
            return Ok(Credential {
                token: Some(Secret::new(token.as_str())),
                ..Credential::default()
            });
        }
        let password = match (&self.password, &self.password_file) {
            (Some(password), _) => password.clone(),
            (None, Some(file)) => std::fs::read_to_string(file)
                .with_context(|| format!("cannot read {}", file.display()))?
                .trim_end_matches(['\r', '\n'])
                .to_owned(),
            (None, None) => anyhow::bail!(
                "give the password by --password-file, CORDBOARD_PASSWORD or --password"
            ),
        };
        Ok(Credential {
            user_id: self.user.clone(),
            password: Some(Secret::new(password)),
            token: None,
        })
    }

    fn profile(&self, device: Option<String>, line: Option<String>) -> UserProfile {
        UserProfile {
            user: self.for_user.clone().or_else(|| self.user.clone()),
            support_em: device.is_none(),
            device_name: device,
            line_number: line,
            ..UserProfile::default()
        }
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
#[expect(
    clippy::print_stdout,
    reason = "programs read refusals from standard output"
)]
fn refused(json: bool, error: &ClientError) -> u8 {
    let (status, code) = match error {
        ClientError::Unreachable { .. } => (UNAVAILABLE, None),
        ClientError::NotThisProtocol { .. } => (PROTOCOL, None),
        ClientError::Fault { .. } => (REFUSED, None),
        ClientError::Refused {
            code: code @ ResponseCode::AuthenticationError,
            ..
        } => (NO_PERMISSION, Some(*code)),
        ClientError::Refused { code, .. } => (REFUSED, Some(*code)),
    };
    if json {
        println!(
            "{}",
            json!({ "error": error.to_string(), "code": code.map(ResponseCode::number) })
        );
    }
    eprintln!("cordboard: {error}");
    status
}

pub(super) async fn dial(options: Dial) -> anyhow::Result<u8> {
    let client = options.server.client()?;
    let profile = options.credentials.profile(options.device, options.line);
    let json = options.server.how.json;
    Ok(
        match client
            .make_call(options.credentials.take()?, &options.number, profile)
            .await
        {
            Ok(Some(id)) => {
                let text = format!(
                    "accepted as call {id}; see {}/api/v1/calls/{id}",
                    client.address()
                );
                print(json, &json!({ "accepted": true, "call": id }), &text)
            }
            Ok(None) => print(json, &json!({ "accepted": true, "call": null }), "accepted"),
            Err(error) => refused(json, &error),
        },
    )
}

pub(super) async fn hangup(options: Hangup) -> anyhow::Result<u8> {
    let client = options.server.client()?;
    let mut profile = options.credentials.profile(options.device, options.line);
    profile.support_em = false;
    let json = options.server.how.json;
    Ok(
        match client.end_call(options.credentials.take()?, profile).await {
            Ok(()) => print(json, &json!({ "ended": true }), "ended"),
            Err(error) => refused(json, &error),
        },
    )
}

pub(super) async fn lines(options: Lines) -> anyhow::Result<u8> {
    let client = options.server.client()?;
    let json = options.server.how.json;
    let credential = options.credentials.take()?;
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
    let mut clients = Vec::with_capacity(options.servers.len());
    for server in &options.servers {
        clients.push(options.how.client(server)?);
    }
    let clusters = Clusters::new(clients);
    let json = options.how.json;
    match clusters.home(&options.user).await {
        Ok(client) => Ok(print(
            json,
            &json!({ "user": options.user, "home": client.address() }),
            client.address(),
        )),
        Err(nowhere) => {
            eprintln!("cordboard: {nowhere}");
            let nobody_answered = nowhere.failed.len() == options.servers.len();
            Ok(if nobody_answered {
                UNAVAILABLE
            } else {
                REFUSED
            })
        }
    }
}
