//! `admin users|app-users|devices|profiles`: list, show, add, change, remove.

use super::reach::{Meant, Reach, listing, sheet, shown};
use crate::cli::Usage;
use crate::cli::connect::secret;
use cordboard_client::admin::{Answer, Ask, path};
use cordboard_wire::Secret;
use http::Method;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// What there are lists of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    folder: &'static str,
    columns: &'static [(&'static str, &'static str)],
    key: &'static str,
}

pub(super) const USERS: Kind = Kind {
    folder: "users",
    columns: &[
        ("USER", "id"),
        ("FIRST NAME", "first_name"),
        ("LAST NAME", "last_name"),
        ("DEVICES", "devices"),
        ("PRIMARY", "primary_line"),
    ],
    key: "id",
};
pub(super) const APP_USERS: Kind = Kind {
    folder: "app-users",
    columns: &[
        ("APPLICATION USER", "id"),
        ("RIGHTS", "rights"),
        ("DEVICES", "devices"),
    ],
    key: "id",
};
pub(super) const DEVICES: Kind = Kind {
    folder: "devices",
    columns: &[
        ("DEVICE", "name"),
        ("MODEL", "model"),
        ("OWNER", "owner"),
        ("LINES NOW", "lines"),
        ("REGISTERED", "registered"),
        ("USER", "user"),
    ],
    key: "name",
};
pub(super) const PROFILES: Kind = Kind {
    folder: "profiles",
    columns: &[
        ("PROFILE", "name"),
        ("MODEL", "model"),
        ("OWNERS", "owners"),
        ("LINES", "lines"),
    ],
    key: "name",
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Do<F: clap::Args> {
    /// List all
    List {
        /// At most so many
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
        /// Only those after this one
        #[arg(long, value_name = "NAME")]
        after: Option<String>,
    },
    /// Show one
    Show {
        /// Which
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Add one
    Add {
        /// Its name or id
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        fields: F,
    },
    /// Change one: what is not said stays; a list that is said replaces the old one
    Set {
        /// Which
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        fields: F,
        #[command(flatten)]
        meant: Meant,
    },
    /// Remove one
    Remove {
        /// Which
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        meant: Meant,
    },
}

/// Flags that say what an entry is to be.
pub(super) trait Fields: clap::Args {
    /// The fields that were said.
    fn said(&self) -> Result<Map<String, Value>, Usage>;
    /// Fields that a new entry needs, and what they are if they are not said.
    fn needed() -> Map<String, Value> {
        Map::new()
    }
}

pub(super) async fn run<F: Fields>(reach: &Reach, kind: Kind, what: Do<F>) -> Result<u8, Usage> {
    let client = reach.client()?;
    let one = |name: &str| path(&[kind.folder, name]);
    Ok(match what {
        Do::List { limit, after } => {
            let mut query = Vec::new();
            query.extend(limit.map(|limit| format!("limit={limit}")));
            query.extend(after.map(|after| format!("after={}", escaped(&after))));
            let all = format!("{}?{}", path(&[kind.folder]), query.join("&"));
            let answer = client
                .ask(Method::GET, all.trim_end_matches('?'), Ask::default())
                .await;
            reach.told(answer, |answer| listing(answer, kind.folder, kind.columns))
        }
        Do::Show { name } => {
            let answer = client.ask(Method::GET, &one(&name), Ask::default()).await;
            reach.told(answer, shown)
        }
        Do::Add { name, fields } => {
            let mut body = F::needed();
            body.extend(fields.said()?);
            body.insert(kind.key.to_owned(), json!(name));
            let body = Value::Object(body);
            let ask = Ask {
                json: Some(&body),
                ..Ask::default()
            };
            let answer = client.ask(Method::POST, &path(&[kind.folder]), ask).await;
            reach.told(answer, |answer| {
                format!("added {}", answer.body[kind.key].as_str().unwrap_or(&name))
            })
        }
        Do::Set {
            name,
            fields,
            meant,
        } => {
            let said = fields.said()?;
            if said.is_empty() {
                return Err(Usage::new("say what to change; --help names the flags"));
            }
            // What was read is sent back with the change, under its tag: who changed it meanwhile is not overwritten.
            let read = client.ask(Method::GET, &one(&name), Ask::default()).await;
            let Answer { body, tag, .. } = match read {
                Ok(answer) => answer,
                Err(error) => return Ok(reach.refused(&error)),
            };
            let Value::Object(mut body) = body else {
                return Err(Usage::new("the server's answer is no entry"));
            };
            if let Some(lines) = body.remove("configured_lines") {
                body.insert("lines".to_owned(), lines);
            }
            body.extend(said);
            let tag = meant.said().or(tag);
            let body = Value::Object(body);
            let ask = Ask {
                json: Some(&body),
                tag: tag.as_deref(),
                ..Ask::default()
            };
            let answer = client.ask(Method::PUT, &one(&name), ask).await;
            reach.told(answer, |answer| sheet(&answer.body))
        }
        Do::Remove { name, meant } => {
            let tag = match meant.tag(&client, &one(&name)).await {
                Ok(tag) => tag,
                Err(error) => return Ok(reach.refused(&error)),
            };
            let ask = Ask {
                tag: tag.as_deref(),
                ..Ask::default()
            };
            let answer = client.ask(Method::DELETE, &one(&name), ask).await;
            reach.told(answer, |_| format!("removed {name}"))
        }
    })
}

/// A value in a query.
pub(super) fn escaped(text: &str) -> String {
    path(&[text]).trim_start_matches("/api/v1/").to_owned()
}

fn put<T: serde::Serialize>(fields: &mut Map<String, Value>, name: &str, value: Option<T>) {
    if let Some(value) = value {
        fields.insert(name.to_owned(), json!(value));
    }
}

/// A list that was said; one empty text makes it empty.
fn put_list<T: serde::Serialize>(
    fields: &mut Map<String, Value>,
    name: &str,
    list: &[String],
    item: impl Fn(&str) -> T,
) {
    if !list.is_empty() {
        let items: Vec<T> = list
            .iter()
            .filter(|text| !text.is_empty())
            .map(|text| item(text))
            .collect();
        fields.insert(name.to_owned(), json!(items));
    }
}

fn put_secret(
    fields: &mut Map<String, Value>,
    name: &str,
    clear: Option<&Secret>,
    file: Option<&Path>,
    hash: Option<&String>,
) -> Result<(), Usage> {
    if let Some(secret) = secret(clear.cloned(), file)? {
        fields.insert(name.to_owned(), json!(secret.expose()));
    }
    put(fields, &format!("{name}_hash"), hash);
    Ok(())
}

/// `1001`, or `1001 ; Sales`.
pub(super) fn line(text: &str) -> Value {
    let (number, partition) = match text.split_once(';') {
        Some((number, partition)) => (number.trim(), Some(partition.trim())),
        None => (text.trim(), None),
    };
    let partition = partition.filter(|p| !p.is_empty() && !p.eq_ignore_ascii_case("no partition"));
    json!({ "number": number, "partition": partition })
}

fn credential(text: &str) -> Result<String, String> {
    match text {
        "active" | "locked" | "expired" => Ok(text.to_owned()),
        _ => Err("must be active, locked or expired".to_owned()),
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct UserFields {
    /// Given name
    #[arg(long, value_name = "NAME")]
    first_name: Option<String>,
    /// Family name
    #[arg(long, value_name = "NAME")]
    last_name: Option<String>,
    /// A device of his; once for each, "" for none
    #[arg(long = "device", value_name = "NAME")]
    devices: Vec<String>,
    /// A device profile of his; once for each, "" for none
    #[arg(long = "profile", value_name = "NAME")]
    profiles: Vec<String>,
    /// His primary extension: 1001, or "1001 ; Sales"
    #[arg(long, value_name = "LINE")]
    primary_line: Option<String>,
    /// A right; once for each, "" for none
    #[arg(long = "right", value_name = "RIGHT")]
    rights: Vec<String>,
    /// May the account be used? active, locked or expired
    #[arg(long, value_name = "STATE", value_parser = credential)]
    credential: Option<String>,
    /// Is this his home cluster? true or false
    #[arg(long, value_name = "BOOL")]
    home_cluster: Option<bool>,
    /// His own longest login by Extension Mobility, in minutes
    #[arg(long, value_name = "N")]
    max_login_minutes: Option<u32>,
    /// The password; better by --password-file
    #[arg(long, value_name = "PASSWORD", group = "clear")]
    password: Option<Secret>,
    /// A file that holds the password
    #[arg(long, value_name = "FILE", group = "clear")]
    password_file: Option<PathBuf>,
    /// The password's Argon2 hash, a PHC string
    #[arg(long, value_name = "PHC", group = "clear")]
    password_hash: Option<String>,
    /// The PIN; better by --pin-file
    #[arg(long, value_name = "PIN", group = "digits")]
    pin_code: Option<Secret>,
    /// A file that holds the PIN
    #[arg(long, value_name = "FILE", group = "digits")]
    pin_file: Option<PathBuf>,
    /// The PIN's Argon2 hash, a PHC string
    #[arg(long, value_name = "PHC", group = "digits")]
    pin_hash: Option<String>,
}

impl Fields for UserFields {
    fn said(&self) -> Result<Map<String, Value>, Usage> {
        let mut fields = Map::new();
        put(&mut fields, "first_name", self.first_name.as_ref());
        put(&mut fields, "last_name", self.last_name.as_ref());
        put_list(&mut fields, "devices", &self.devices, str::to_owned);
        put_list(&mut fields, "profiles", &self.profiles, str::to_owned);
        put(
            &mut fields,
            "primary_line",
            self.primary_line.as_deref().map(line),
        );
        put_list(&mut fields, "rights", &self.rights, str::to_owned);
        put(&mut fields, "credential", self.credential.as_ref());
        put(&mut fields, "home_cluster", self.home_cluster);
        put(&mut fields, "max_login_minutes", self.max_login_minutes);
        put_secret(
            &mut fields,
            "password",
            self.password.as_ref(),
            self.password_file.as_deref(),
            self.password_hash.as_ref(),
        )?;
        put_secret(
            &mut fields,
            "pin",
            self.pin_code.as_ref(),
            self.pin_file.as_deref(),
            self.pin_hash.as_ref(),
        )?;
        Ok(fields)
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct AppUserFields {
    /// A right, such as "Standard EM Authentication Proxy Rights"; once for each, "" for none
    #[arg(long = "right", value_name = "RIGHT")]
    rights: Vec<String>,
    /// A device of its; once for each, "" for none
    #[arg(long = "device", value_name = "NAME")]
    devices: Vec<String>,
    /// May the account be used? active, locked or expired
    #[arg(long, value_name = "STATE", value_parser = credential)]
    credential: Option<String>,
    /// The password; better by --password-file
    #[arg(long, value_name = "PASSWORD", group = "clear")]
    password: Option<Secret>,
    /// A file that holds the password
    #[arg(long, value_name = "FILE", group = "clear")]
    password_file: Option<PathBuf>,
    /// The password's Argon2 hash, a PHC string
    #[arg(long, value_name = "PHC", group = "clear")]
    password_hash: Option<String>,
}

impl Fields for AppUserFields {
    fn said(&self) -> Result<Map<String, Value>, Usage> {
        let mut fields = Map::new();
        put_list(&mut fields, "rights", &self.rights, str::to_owned);
        put_list(&mut fields, "devices", &self.devices, str::to_owned);
        put(&mut fields, "credential", self.credential.as_ref());
        put_secret(
            &mut fields,
            "password",
            self.password.as_ref(),
            self.password_file.as_deref(),
            self.password_hash.as_ref(),
        )?;
        Ok(fields)
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct DeviceFields {
    /// The model, such as "Cisco 8845", which a new device is if it is not said
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// SIP or SCCP; a new device speaks what its model does
    #[arg(long, value_name = "PROTOCOL", value_parser = ["SIP", "SCCP"])]
    protocol: Option<String>,
    /// Free text
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// The user it belongs to
    #[arg(long, value_name = "ID")]
    owner: Option<String>,
    /// Where its HTTP server answers
    #[arg(long, value_name = "HOST")]
    address: Option<String>,
    /// A line: 1001, or "1001 ; Sales"; once for each in order, "" for none
    #[arg(long = "line", value_name = "LINE")]
    lines: Vec<String>,
    /// May users log in to it? true or false
    #[arg(long, value_name = "BOOL")]
    em_enabled: Option<bool>,
}

impl Fields for DeviceFields {
    fn said(&self) -> Result<Map<String, Value>, Usage> {
        let mut fields = Map::new();
        put(&mut fields, "model", self.model.as_ref());
        put(&mut fields, "protocol", self.protocol.as_ref());
        put(&mut fields, "description", self.description.as_ref());
        let owner = self.owner.as_ref();
        put(
            &mut fields,
            "owner",
            owner.map(|owner| (!owner.is_empty()).then_some(owner)),
        );
        put(&mut fields, "address", self.address.as_ref());
        put_list(&mut fields, "lines", &self.lines, line);
        put(&mut fields, "em_enabled", self.em_enabled);
        Ok(fields)
    }

    fn needed() -> Map<String, Value> {
        model()
    }
}

fn model() -> Map<String, Value> {
    Map::from_iter([("model".to_owned(), json!("Cisco 8845"))])
}

#[derive(Debug, clap::Args)]
pub(super) struct ProfileFields {
    /// The model it is made for; a new one is for a Cisco 8845 if it is not said
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// A user who may use it; once for each, "" for none
    #[arg(long = "owner", value_name = "ID")]
    owners: Vec<String>,
    /// A user whose default it is; once for each, "" for none
    #[arg(long, value_name = "ID")]
    default_for: Vec<String>,
    /// A line: 1001, or "1001 ; Sales"; once for each in order, "" for none
    #[arg(long = "line", value_name = "LINE")]
    lines: Vec<String>,
}

impl Fields for ProfileFields {
    fn said(&self) -> Result<Map<String, Value>, Usage> {
        let mut fields = Map::new();
        put(&mut fields, "model", self.model.as_ref());
        put_list(&mut fields, "owners", &self.owners, str::to_owned);
        put_list(&mut fields, "default_for", &self.default_for, str::to_owned);
        put_list(&mut fields, "lines", &self.lines, line);
        Ok(fields)
    }

    fn needed() -> Map<String, Value> {
        model()
    }
}
