//! `admin lines|tokens|user-tokens|calls|lab`: what is not an entry of the directory.

use super::entries::{escaped, line};
use super::reach::{Meant, Reach, cell, listing, sheet, shown, table};
use crate::cli::Usage;
use cordboard_client::admin::{AdminClient, AdminError, Answer, Ask, path};
use http::Method;
use serde_json::{Map, Value, json};

pub(super) async fn send(
    client: &AdminClient,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> Result<Answer, AdminError> {
    let ask = Ask {
        json: body.as_ref(),
        ..Ask::default()
    };
    client.ask(method, path, ask).await
}

/// A path with the parameters that were said.
pub(super) fn with(path: &str, parameters: &[(&str, Option<String>)]) -> String {
    let said: Vec<String> = parameters
        .iter()
        .filter_map(|(name, value)| Some(format!("{name}={}", escaped(value.as_ref()?))))
        .collect();
    if said.is_empty() {
        return path.to_owned();
    }
    format!("{path}?{}", said.join("&"))
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum Lines {
    /// Every directory number with where it appears; or the lines of one device or profile
    List {
        #[command(flatten)]
        of: MaybeOf,
        /// At most so many, where every number is listed
        #[arg(long, value_name = "N", conflicts_with_all = ["device", "profile"])]
        limit: Option<usize>,
        /// Only those after this one, where every number is listed
        #[arg(long, value_name = "LINE", conflicts_with_all = ["device", "profile"])]
        after: Option<String>,
    },
    /// Show one line of a device or profile
    Show {
        /// Which, from 1
        index: usize,
        #[command(flatten)]
        of: Of,
    },
    /// Add a line, as the last
    Add {
        /// The number: 1001, or "1001 ; Sales"
        line: String,
        #[command(flatten)]
        of: Of,
        #[command(flatten)]
        meant: Meant,
    },
    /// Replace a line
    Set {
        /// Which, from 1
        index: usize,
        /// The number: 1001, or "1001 ; Sales"
        line: String,
        #[command(flatten)]
        of: Of,
        #[command(flatten)]
        meant: Meant,
    },
    /// Remove a line; those behind it move up
    Remove {
        /// Which, from 1
        index: usize,
        #[command(flatten)]
        of: Of,
        #[command(flatten)]
        meant: Meant,
    },
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(super) struct Of {
    /// The device whose line it is
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// The device profile whose line it is
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
}

#[derive(Debug, clap::Args)]
#[group(multiple = false)]
pub(super) struct MaybeOf {
    /// Only the lines of this device
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// Only the lines of this device profile
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
}

impl Of {
    fn path(&self, index: Option<usize>) -> String {
        lines_path(self.device.as_deref(), self.profile.as_deref(), index)
    }
}

fn lines_path(device: Option<&str>, profile: Option<&str>, index: Option<usize>) -> String {
    let all = match (device, profile) {
        (Some(device), _) => path(&["devices", device, "lines"]),
        (None, Some(profile)) => path(&["profiles", profile, "lines"]),
        (None, None) => path(&["lines"]),
    };
    index.map_or(all.clone(), |index| format!("{all}/{index}"))
}

pub(super) async fn lines(reach: &Reach, what: Lines) -> Result<u8, Usage> {
    let client = reach.client()?;
    Ok(match what {
        Lines::List { of, limit, after } => {
            let all = of.device.is_none() && of.profile.is_none();
            let place = lines_path(of.device.as_deref(), of.profile.as_deref(), None);
            let limit = limit.map(|limit| limit.to_string());
            let place = with(&place, &[("limit", limit), ("after", after)]);
            let columns: &[(&str, &str)] = if all {
                &[
                    ("NUMBER", "number"),
                    ("PARTITION", "partition"),
                    ("DEVICES", "devices"),
                    ("PROFILES", "profiles"),
                    ("PRIMARY OF", "primary_of"),
                ]
            } else {
                &[
                    ("INDEX", "index"),
                    ("NUMBER", "number"),
                    ("PARTITION", "partition"),
                ]
            };
            let answer = send(&client, Method::GET, &place, None).await;
            reach.told(answer, |answer| listing(answer, "lines", columns))
        }
        Lines::Show { index, of } => {
            let answer = send(&client, Method::GET, &of.path(Some(index)), None).await;
            reach.told(answer, shown)
        }
        Lines::Add {
            line: number,
            of,
            meant,
        } => {
            let (body, tag) = (line(&number), meant.said());
            let ask = Ask {
                json: Some(&body),
                tag: tag.as_deref(),
                ..Ask::default()
            };
            let answer = client.ask(Method::POST, &of.path(None), ask).await;
            reach.told(answer, |answer| {
                format!("added as line {}", cell(&answer.body["index"]))
            })
        }
        Lines::Set {
            index,
            line: number,
            of,
            meant,
        } => {
            let place = of.path(Some(index));
            let tag = match meant.tag(&client, &place).await {
                Ok(tag) => tag,
                Err(error) => return Ok(reach.refused(&error)),
            };
            let body = line(&number);
            let ask = Ask {
                json: Some(&body),
                tag: tag.as_deref(),
                ..Ask::default()
            };
            let answer = client.ask(Method::PUT, &place, ask).await;
            reach.told(answer, |answer| sheet(&answer.body))
        }
        Lines::Remove { index, of, meant } => {
            let place = of.path(Some(index));
            let tag = match meant.tag(&client, &place).await {
                Ok(tag) => tag,
                Err(error) => return Ok(reach.refused(&error)),
            };
            let ask = Ask {
                tag: tag.as_deref(),
                ..Ask::default()
            };
            let answer = client.ask(Method::DELETE, &place, ask).await;
            reach.told(answer, |_| format!("removed line {index}"))
        }
    })
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum Tokens {
    /// List the API's tokens; not what was given out
    List,
    /// Make a token and print it, this once
    Create {
        /// What it is for
        name: String,
        /// What it may do: admin, operator, reader, push:phone, push:presence; once for each
        #[arg(long = "role", value_name = "ROLE", required = true)]
        roles: Vec<String>,
        /// Until when, such as 2027-01-31T12:00:00Z [default: a year from now]
        #[arg(long, value_name = "TIME")]
        expires_at: Option<String>,
    },
    /// Revoke a token
    Revoke {
        /// What names it in the list
        id: String,
    },
}

pub(super) async fn tokens(reach: &Reach, what: Tokens) -> Result<u8, Usage> {
    let client = reach.client()?;
    let all = path(&["tokens"]);
    Ok(match what {
        Tokens::List => {
            let columns = [
                ("ID", "id"),
                ("NAME", "name"),
                ("ROLES", "roles"),
                ("MADE", "created_at"),
                ("UNTIL", "expires_at"),
            ];
            let answer = send(&client, Method::GET, &all, None).await;
            reach.told(answer, |answer| listing(answer, "tokens", &columns))
        }
        Tokens::Create {
            name,
            roles,
            expires_at,
        } => {
            let mut body = json!({ "name": name, "roles": roles });
            if let Some(at) = expires_at {
                body["expires_at"] = json!(at);
            }
            let answer = send(&client, Method::POST, &all, Some(body)).await;
            reach.told(answer, issued)
        }
        Tokens::Revoke { id } => {
            let answer = send(&client, Method::DELETE, &path(&["tokens", &id]), None).await;
            reach.told(answer, |_| format!("revoked {id}"))
        }
    })
}

fn issued(answer: &Answer) -> String {
    let text = |field: &str| cell(&answer.body[field]);
    format!(
        "{}\nIt is not shown again. Its id is {}; it is valid until {}.",
        text("token"),
        text("id"),
        text("expires_at")
    )
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum UserTokens {
    /// List a user's tokens; not what was given out
    List {
        /// Whose
        user: String,
    },
    /// Make a token that stands for a user and print it, this once: programs send it instead of his password
    Create {
        /// Whose
        user: String,
        /// Until when, such as 2027-01-31T12:00:00Z [default: a year from now]
        #[arg(long, value_name = "TIME")]
        expires_at: Option<String>,
    },
    /// Revoke a token
    Revoke {
        /// Whose
        user: String,
        /// What names it in the list
        id: String,
    },
}

pub(super) async fn user_tokens(reach: &Reach, what: UserTokens) -> Result<u8, Usage> {
    let client = reach.client()?;
    let all = |user: &str| path(&["users", user, "tokens"]);
    Ok(match what {
        UserTokens::List { user } => {
            let columns = [
                ("ID", "id"),
                ("MADE", "created_at"),
                ("UNTIL", "expires_at"),
            ];
            let answer = send(&client, Method::GET, &all(&user), None).await;
            reach.told(answer, |answer| listing(answer, "tokens", &columns))
        }
        UserTokens::Create { user, expires_at } => {
            let body = expires_at.map_or(json!({}), |at| json!({ "expires_at": at }));
            let answer = send(&client, Method::POST, &all(&user), Some(body)).await;
            reach.told(answer, issued)
        }
        UserTokens::Revoke { user, id } => {
            let one = path(&["users", &user, "tokens", &id]);
            let answer = send(&client, Method::DELETE, &one, None).await;
            reach.told(answer, |_| format!("revoked {id}"))
        }
    })
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum Calls {
    /// List calls, newest first
    List {
        /// Only in this state: initiated, alerting, connected, held, ended
        #[arg(long, value_name = "STATE", value_parser = ["initiated", "alerting", "connected", "held", "ended"], hide_possible_values = true)]
        state: Option<String>,
        /// Only with this user
        #[arg(long, value_name = "ID")]
        user: Option<String>,
        /// Only with this device
        #[arg(long, value_name = "NAME")]
        device: Option<String>,
        /// At most so many
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
        /// Only older than this one
        #[arg(long, value_name = "CALL")]
        after: Option<String>,
    },
    /// Show one with its whole story
    Show {
        /// Which
        call: String,
    },
    /// Place one from a device
    Place {
        /// The device
        device: String,
        /// The number
        to: String,
        /// The line: 1001, or "1001 ; Sales"; without it the device's first
        #[arg(long, value_name = "LINE")]
        line: Option<String>,
    },
    /// Act on one: answer, reject, hold, retrieve, release, consult, transfer, conference, digits
    Act {
        /// What
        #[arg(value_parser = ["answer", "reject", "hold", "retrieve", "release", "consult", "transfer", "conference", "digits"])]
        action: String,
        /// Which call
        call: String,
        /// The device that acts; without it `release` ends the whole call
        #[arg(long, value_name = "NAME")]
        device: Option<String>,
        /// Where a consultation or a blind transfer goes
        #[arg(long, value_name = "NUMBER")]
        to: Option<String>,
        /// The digits to send
        #[arg(long, value_name = "DIGITS")]
        digits: Option<String>,
    },
}

pub(super) async fn calls(reach: &Reach, what: Calls) -> Result<u8, Usage> {
    let client = reach.client()?;
    let all = path(&["calls"]);
    Ok(match what {
        Calls::List {
            state,
            user,
            device,
            limit,
            after,
        } => {
            let limit = limit.map(|limit| limit.to_string());
            let place = with(
                &all,
                &[
                    ("state", state),
                    ("user", user),
                    ("device", device),
                    ("limit", limit),
                    ("after", after),
                ],
            );
            let answer = send(&client, Method::GET, &place, None).await;
            let columns = [
                ("CALL", "id"),
                ("STATE", "state"),
                ("CAUSE", "cause"),
                ("DIALLED", "dialled"),
                ("MADE", "created_at"),
            ];
            reach.told(answer, |answer| listing(answer, "calls", &columns))
        }
        Calls::Show { call } => {
            let answer = send(&client, Method::GET, &path(&["calls", &call]), None).await;
            reach.told(answer, |answer| story(&answer.body))
        }
        Calls::Place { device, to, line } => {
            let mut body = json!({ "device": device, "to": to });
            if let Some(line) = line {
                body["line"] = json!(line);
            }
            let answer = send(&client, Method::POST, &all, Some(body)).await;
            reach.told(answer, |answer| {
                format!("accepted as call {}", cell(&answer.body["id"]))
            })
        }
        Calls::Act {
            action,
            call,
            device,
            to,
            digits,
        } => {
            let said = [("device", device), ("to", to), ("digits", digits)];
            let body: Map<String, Value> = said
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), json!(value?))))
                .collect();
            let place = path(&["calls", &call, &action]);
            let answer = send(&client, Method::POST, &place, Some(Value::Object(body))).await;
            reach.told(answer, |answer| story(&answer.body))
        }
    })
}

pub(super) async fn clusters(reach: &Reach) -> Result<u8, Usage> {
    let client = reach.client()?;
    let columns = [
        ("CLUSTER", "name"),
        ("HEALTHY", "healthy"),
        ("SAID LAST", "last"),
        ("AT", "at"),
        ("AFTER MS", "latency_ms"),
    ];
    let answer = send(&client, Method::GET, &path(&["clusters"]), None).await;
    Ok(reach.told(answer, |answer| listing(answer, "clusters", &columns)))
}

pub(super) async fn openapi(reach: &Reach) -> Result<u8, Usage> {
    let client = reach.client()?;
    let answer = send(&client, Method::GET, &path(&["openapi.json"]), None).await;
    Ok(reach.told(answer, |answer| format!("{:#}", answer.body)))
}

/// A call for people: what it is, who is in it, what happened.
fn story(call: &Value) -> String {
    let mut text = format!(
        "call {} to {}: {}{}\n",
        cell(&call["id"]),
        cell(&call["dialled"]),
        cell(&call["state"]),
        call["cause"]
            .as_str()
            .map(|cause| format!(", {cause}"))
            .unwrap_or_default()
    );
    let list = |field: &str| call[field].as_array().cloned().unwrap_or_default();
    for party in list("connections") {
        text.push_str(&format!(
            "  {}  {}  {}\n",
            cell(&party),
            cell(&party["device"]),
            cell(&party["state"])
        ));
    }
    let steps: Vec<Vec<String>> = list("story")
        .iter()
        .map(|step| {
            ["at", "what", "who", "cause"]
                .map(|field| cell(&step[field]))
                .to_vec()
        })
        .collect();
    text + &table(&["AT", "WHAT", "WHO", "WHY"], &steps)
}
