//! The broker inside: who may do what, and how much.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The broker inside. [openwire §7]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Broker {
    /// "users" wants a name and a password; "open" asks nobody, and everybody may do everything but take from the command queue.
    pub access: Access,
    /// With "users": do the directory's application users have access, with their passwords?
    pub app_users: bool,
    /// With "users": what a user may take from, `queue://` or `topic://` and a name; `*` is one word of it, a final `>` any rest,
    /// `{user}` the user's name if that is one word.
    pub read: Vec<String>,
    /// With "users": what a user may send to. Temporary destinations are everybody's to answer to.
    pub write: Vec<String>,
    /// With "users": which queues a user may bring into being or remove.
    pub create: Vec<String>,
    /// Connections at a time; fewer when the process may not open so many files.
    pub max_connections: usize,
    /// Connections at a time from one address.
    pub max_connections_per_peer: usize,
    /// Bytes of a frame, so of a message too.
    pub max_frame_bytes: u32,
    /// Bytes of everything that clients make the broker hold: messages, frames in progress, subscriptions, transactions, names. A client may
    /// hold a quarter of them, a user with all clients a half; what is more is refused. Messages are kept in memory; a persistent one
    /// lives as long as the process.
    pub max_memory_bytes: usize,
    /// Is a message of use for as long as its sender gave it from its arrival on, whatever the sender's clock says?
    pub judge_ttl_by_arrival: bool,
    /// Do persistent messages that expired or that nobody could take go to `ActiveMQ.DLQ`?
    pub dead_letters: bool,
    /// Milliseconds without a byte after which a client is in doubt; after twice as many it is given up; 0: never. A client may
    /// want fewer.
    pub max_inactivity_ms: u32,
    /// Pack booleans in frames, if a client wants it too: shorter frames, more work.
    pub tight_encoding: bool,
    /// Send ids and destinations by number once they were sent, if a client wants it too.
    pub cache: bool,
    /// Users of the broker alone: `name`, `password_file`, and rights of their own.
    #[serde(rename = "user")]
    pub users: Vec<BrokerUser>,
}

/// Who has access.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Whoever knows a user's password.
    #[default]
    Users,
    /// Everybody.
    Open,
}

/// A user of the broker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BrokerUser {
    /// Its name. It has precedence over an application user of the same name.
    pub name: String,
    /// A file whose first line is its password, or what Argon2id made of it (`$argon2id$…`).
    pub password_file: PathBuf,
    /// What it may take from, in place of `broker.read`.
    pub read: Option<Vec<String>>,
    /// What it may send to, in place of `broker.write`.
    pub write: Option<Vec<String>>,
    /// What it may bring into being, in place of `broker.create`.
    pub create: Option<Vec<String>>,
}

impl Default for Broker {
    fn default() -> Self {
        let list = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect();
        Self {
            access: Access::default(),
            app_users: true,
            read: list(&["topic://cc.{user}.>", "topic://ActiveMQ.Advisory.>"]),
            write: list(&["queue://Connector1"]),
            create: Vec::new(),
            max_connections: 10_000,
            max_connections_per_peer: 9_000,
            max_frame_bytes: 4 * 1024 * 1024,
            max_memory_bytes: 64 * 1024 * 1024,
            judge_ttl_by_arrival: true,
            dead_letters: true,
            max_inactivity_ms: 30_000,
            tight_encoding: false,
            cache: false,
            users: Vec::new(),
        }
    }
}

/// A frame must hold what a client says to introduce itself.
const SMALLEST_FRAME: u32 = 64 * 1024;
/// The memory must hold so many frames: one client has a quarter of it, for a frame and for the message in it.
const FRAMES: usize = 8;
/// A frame can announce no more.
const LARGEST_FRAME: u32 = 1024 * 1024 * 1024;

impl Broker {
    /// What cannot be used: the key and why.
    pub(super) fn unusable(&self) -> Option<(&'static str, String)> {
        for (key, nothing) in [
            ("max_connections", self.max_connections == 0),
            (
                "max_connections_per_peer",
                self.max_connections_per_peer == 0,
            ),
        ] {
            if nothing {
                return Some((key, "0 would serve nobody".to_owned()));
            }
        }
        let frame = self.max_frame_bytes;
        if !(SMALLEST_FRAME..=LARGEST_FRAME).contains(&frame) {
            let reason = format!("{frame} is not within {SMALLEST_FRAME} to {LARGEST_FRAME}");
            return Some(("max_frame_bytes", reason));
        }
        if self.max_memory_bytes / FRAMES < frame as usize {
            let reason = format!("it must hold {FRAMES} frames of `max_frame_bytes`, at least");
            return Some(("max_memory_bytes", reason));
        }
        for (key, list) in [
            ("read", &self.read),
            ("write", &self.write),
            ("create", &self.create),
        ] {
            if let Some(wrong) = list.iter().find(|right| !is_right(right)) {
                return Some((key, not_a_right(wrong)));
            }
        }
        self.users.iter().find_map(|user| {
            let lists = [&user.read, &user.write, &user.create];
            let mut rights = lists.into_iter().flatten().flatten();
            let name = &user.name;
            let reason = if name.is_empty() {
                "a user without a name".to_owned()
            } else if user.password_file.as_os_str().is_empty() {
                format!("user {name} has no password_file")
            } else if self
                .users
                .iter()
                .filter(|other| other.name == *name)
                .count()
                > 1
            {
                format!("two users are named {name}")
            } else {
                let wrong = rights.find(|right| !is_right(right))?;
                format!("user {name}: {}", not_a_right(wrong))
            };
            Some(("user", reason))
        })
    }
}

fn not_a_right(text: &str) -> String {
    format!("`{text}` is no destination; it must be like \"queue://name\" or \"topic://name.>\"")
}

fn is_right(text: &str) -> bool {
    let name = text.strip_prefix("queue://");
    let name = name.or_else(|| text.strip_prefix("topic://"));
    name.is_some_and(|name| !name.is_empty() && !name.contains([',', '?']))
}
