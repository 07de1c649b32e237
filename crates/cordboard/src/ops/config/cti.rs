//! The CTI connector's settings.

use cordboard_client::openwire::Brokers;
use cordboard_wire::Secret;
use regex::Regex;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The CTI connector. [cti §2, §8]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cti {
    /// "builtin" serves clients by the broker inside, "off" serves none; else where the company's own ActiveMQ is, as JMS programs
    /// write it: `tcp://amq:61616`, `ssl://amq:61617`, `failover:(tcp://amq1:61616,tcp://amq2:61616)`.
    pub broker: String,
    /// The connector's user at that broker.
    pub user: Option<String>,
    /// The file that holds its password.
    pub password_file: Option<PathBuf>,
    /// Whom to trust at `ssl://`, PEM; without it, those the system trusts.
    pub ca: Option<PathBuf>,
    /// The connector's JMS client id: a broker takes one connection of each.
    pub client_id: String,
    /// After so many seconds without a byte the company's broker is in doubt, after twice as many it is given up and joined anew; 0:
    /// never. The broker may want less.
    pub inactivity_s: u64,
    /// The queue that commands are put on.
    pub queue: String,
    /// Which node this is, 1 to 127: connection ids of two nodes are never the same.
    pub node: u8,
    /// How events are written, "default" or "json", where a client has not said it and no `[[cti.destination]]` does.
    pub format: Format,
    /// Where it is as late as events say: a name like `Europe/Berlin`, or "system".
    pub timezone: String,
    /// "cc"; "gc" writes events as the older sister product does.
    pub layout: Layout,
    /// "agent" puts the agent in front of an InboundCall in the default format; "literal" leaves him out, as the vendor's guide
    /// prints it.
    pub inbound_call: InboundCall,
    /// How a phone that is gone is told: "guide" as the vendor's guide spells the event, "jtapi" as Cisco's class is named.
    pub terminal_out: TerminalOut,
    /// What deployments may choose about events in JSON.
    pub json: Json,
    /// How events to some topics are written: `name`, with `*` for any characters, and `format`.
    #[serde(rename = "destination")]
    pub formats: Vec<TopicFormat>,
    /// Which topics a client may name.
    pub destinations: Destinations,
    /// May answers go to named queues too? With no reader they fill up.
    pub reply_to_queues: bool,
    /// So many commands a second are taken from one destination; 0: any number.
    pub max_commands_per_s: u32,
    /// A command that the network has not confirmed after so many seconds is answered with PLEASE_RETRY.
    pub command_timeout_s: u64,
    /// The agents of a topic that nothing came from for so many seconds are logged out; 0: never.
    pub client_timeout_s: u64,
    /// The agents of a topic that nobody has listened to for so many seconds, as the broker says, are logged out; 0: never.
    pub logout_on_disconnect_s: u64,
    /// So many agents may be logged in at a time (LICENSES_EXCEEDED); 0: any number.
    pub max_agents: usize,
    /// What becomes of an agent whom a second topic logs in: "move", "share" or "refuse".
    pub shared_login: SharedLogin,
    /// What a Login must bring: "none", "pin" or "password" of the line's user.
    pub login_auth: LoginAuth,
    /// May only the broker's user who logged an agent in act for him, and only for lines that are his? Those are the ones that
    /// `[[cti.access]]` gives him; without an entry, those of an application user's devices, all with the right "CTI for any device", or an
    /// end user's own.
    pub require_user: bool,
    /// Which lines the broker's users may watch, with `require_user`: `user`, and `lines`, in which `*` stands for any characters.
    #[serde(rename = "access")]
    pub accesses: Vec<CtiAccess>,
}

/// Which lines a user of the broker may watch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CtiAccess {
    /// The user, as the broker knows it.
    pub user: String,
    /// The lines' digits; `*` stands for any characters.
    pub lines: Vec<String>,
}

/// How events are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Fields with `#` between them.
    #[default]
    Default,
    /// JSON.
    Json,
}

/// Whose layout events have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// The CUCM Connector's.
    #[default]
    Cc,
    /// The Generic Connector's.
    Gc,
}

/// How an InboundCall begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InboundCall {
    /// With the agent.
    #[default]
    Agent,
    /// Without.
    Literal,
}

/// How a phone that is gone is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TerminalOut {
    /// As the vendor's guide spells it.
    #[default]
    Guide,
    /// As Cisco's class is named.
    Jtapi,
}

/// Events in JSON. [cti §4.4]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Json {
    /// "object", or "flat": the agent's state as a text.
    pub agent_state: JsonState,
    /// "number", or "string": no address is a number.
    pub addresses: JsonAddresses,
    /// Are there keys beyond those of the vendor's guide? Some readers do not pass over what they do not know.
    pub extra: bool,
}

/// An agent's state in JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JsonState {
    /// An object.
    #[default]
    Object,
    /// A text.
    Flat,
}

/// Addresses in JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JsonAddresses {
    /// Numbers, where they survive as such.
    #[default]
    Number,
    /// Texts.
    String,
}

/// How events to some topics are written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopicFormat {
    /// The topics; `*` stands for any characters.
    pub name: String,
    /// How.
    pub format: Format,
}

/// Which topics a client may name. [cti §2.3]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Destinations {
    /// A regular expression that a name must match as a whole.
    pub allow: String,
    /// Names that no client may have.
    pub deny: Vec<String>,
}

impl Default for Destinations {
    fn default() -> Self {
        Self {
            allow: ".*".to_owned(),
            deny: Vec::new(),
        }
    }
}

impl Destinations {
    /// The expression; it was looked at when the configuration was read.
    pub fn allowed(&self) -> Result<Regex, regex::Error> {
        Regex::new(&format!("^(?:{})$", self.allow))
    }
}

/// What becomes of an agent whom a second topic logs in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SharedLogin {
    /// He is told of there, and no longer at the first.
    #[default]
    Move,
    /// He is told of at both.
    Share,
    /// The second is refused.
    Refuse,
}

/// What a Login must bring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LoginAuth {
    /// Nothing.
    #[default]
    None,
    /// The PIN of the line's user.
    Pin,
    /// His password.
    Password,
}

impl Default for Cti {
    fn default() -> Self {
        Self {
            broker: "builtin".to_owned(),
            user: None,
            password_file: None,
            ca: None,
            client_id: "cordboard".to_owned(),
            inactivity_s: 30,
            queue: "Connector1".to_owned(),
            node: 1,
            format: Format::default(),
            timezone: "system".to_owned(),
            layout: Layout::default(),
            inbound_call: InboundCall::default(),
            terminal_out: TerminalOut::default(),
            json: Json::default(),
            formats: Vec::new(),
            destinations: Destinations::default(),
            reply_to_queues: false,
            max_commands_per_s: 50,
            command_timeout_s: 10,
            client_timeout_s: 0,
            logout_on_disconnect_s: 0,
            max_agents: 0,
            shared_login: SharedLogin::default(),
            login_auth: LoginAuth::default(),
            require_user: true,
            accesses: Vec::new(),
        }
    }
}

/// Which broker the connector joins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broker {
    /// The one inside.
    Inside,
    /// None: there is no connector.
    Off,
    /// The company's own.
    Outside(Brokers),
}

impl Cti {
    /// Which broker the connector joins.
    ///
    /// # Errors
    /// What is wrong with `broker`.
    pub fn which_broker(&self) -> Result<Broker, String> {
        match self.broker.as_str() {
            "builtin" => Ok(Broker::Inside),
            "off" => Ok(Broker::Off),
            uri => uri.parse().map(Broker::Outside).map_err(|error| {
                format!("`{uri}` is neither \"builtin\" nor \"off\" nor a broker: {error}")
            }),
        }
    }

    pub(super) fn unusable(&self) -> Option<(&'static str, String)> {
        if let Err(reason) = self.which_broker() {
            return Some(("broker", reason));
        }
        if self.queue.is_empty() || self.queue.contains(['*', '>', ',', '?']) {
            let queue = &self.queue;
            return Some(("queue", format!("`{queue}` is no queue's name")));
        }
        if !(1..=127).contains(&self.node) {
            return Some(("node", format!("{} is not within 1 to 127", self.node)));
        }
        if self.command_timeout_s == 0 {
            return Some(("command_timeout_s", "0 would let no command end".to_owned()));
        }
        if let Err(error) = self.zone() {
            return Some(("timezone", error));
        }
        if let Err(error) = self.destinations.allowed() {
            let line = error.to_string().replace('\n', " ");
            return Some(("destinations", format!("allow: {line}")));
        }
        None
    }

    /// The time zone.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn zone(&self) -> Result<jiff::tz::TimeZone, String> {
        match self.timezone.as_str() {
            "system" => Ok(jiff::tz::TimeZone::system()),
            name => {
                jiff::tz::TimeZone::get(name).map_err(|_| format!("there is no time zone `{name}`"))
            }
        }
    }

    /// The connector's password at its broker, read now.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn password(&self) -> std::io::Result<Option<Secret>> {
        let Some(path) = &self.password_file else {
            return Ok(None);
        };
        let text = std::fs::read_to_string(path)?;
        let secret = Secret::from(text.trim_end_matches(['\r', '\n']));
        if secret.is_empty() {
            let why = format!("{} is empty", path.display());
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, why));
        }
        Ok(Some(secret))
    }
}
