//! The configuration: one TOML file, every key also an environment variable, flags above both.
//!
//! A key that is misspelt is an error that names the line, the key and the nearest right one.

pub mod broker;
mod cluster;
pub mod cti;
mod mobility;
mod schedule;
mod webdialer;

pub use broker::{Access, Broker, BrokerUser};
pub use cluster::{Cluster, Home};
pub use cti::Cti;
pub use mobility::{Mobility, Multiple, Order, Prolog, Release, Service};
pub use schedule::ScheduledLogout;
pub use webdialer::{DialRule, ProxyMethods, WebDialer};

use crate::edge::forwarded::network;
use cordboard_core::exchange::MultipleLogins;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use webdialer::is_origin;

/// The prefix of environment variables: `CORDBOARD__WEBDIALER__MAX_CALLS_PER_SECOND`.
const PREFIX: &str = "CORDBOARD__";

/// Everything that can be set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where to listen.
    pub listen: Listen,
    /// TLS.
    pub tls: Tls,
    /// The store.
    pub store: StoreConfig,
    /// The telephone network.
    pub network: Network,
    /// Calls.
    pub call: Call,
    /// Devices.
    pub device: Device,
    /// Limits of the HTTP edge.
    pub limits: Limits,
    /// The broker inside.
    pub broker: Broker,
    /// How other clusters are asked for a user.
    pub home: Home,
    /// WebDialer.
    pub webdialer: WebDialer,
    /// Extension Mobility.
    pub mobility: Mobility,
    /// The CTI connector.
    pub cti: Cti,
    /// The other clusters.
    #[serde(rename = "cluster")]
    pub clusters: Vec<Cluster>,
}

/// Where to listen: host:port, or "off".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    /// Clear text.
    pub http: String,
    /// TLS.
    pub https: String,
    /// The broker inside, in clear text.
    pub openwire: String,
    /// The broker inside, with TLS.
    pub openwire_tls: String,
    /// Scheme, host and port under which clients reach this server, such as `https://pbx.example.com`. Descriptions and pages
    /// name this address, and cookies travel over TLS only if it begins with `https`. Without it the address is the one that a
    /// client used.
    pub public_url: Option<String>,
    /// Addresses and networks of proxies, such as `10.0.0.5` or `10.1.0.0/16`. `Forwarded` and `X-Forwarded-For`, `-Proto` and
    /// `-Host` are believed on their connections only: the client is the rightmost address that is no trusted proxy's.
    pub trusted_proxies: Vec<String>,
    /// Which header trusted proxies write: "x-forwarded", "forwarded", or "either", where a request with both kinds that
    /// contradict each other is refused with 400. Name the one that yours writes if it passes the other on from clients.
    pub forwarded_header: ForwardedHeader,
}

/// Which header trusted proxies write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardedHeader {
    /// Whichever there is.
    #[default]
    Either,
    /// `X-Forwarded-For`, `X-Forwarded-Proto` and `X-Forwarded-Host`.
    XForwarded,
    /// `Forwarded` of RFC 7239.
    Forwarded,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            http: "off".into(),
            https: "0.0.0.0:8443".into(),
            openwire: "off".into(),
            openwire_tls: "off".into(),
            public_url: None,
            trusted_proxies: Vec::new(),
            forwarded_header: ForwardedHeader::default(),
        }
    }
}

/// TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// The certificate chain, PEM.
    pub certificate: Option<PathBuf>,
    /// Its key, PEM.
    pub key: Option<PathBuf>,
}

/// The store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// `sqlite:` and a path.
    pub url: String,
    /// What a commit survives.
    pub sync: Sync,
}

/// What a commit survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sync {
    /// The death of the process.
    #[default]
    Normal,
    /// The death of the machine.
    Full,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            url: "sqlite:/var/lib/cordboard/cordboard.db".into(),
            sync: Sync::default(),
        }
    }
}

/// The telephone network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// Which one.
    pub driver: Driver,
}

/// The telephone networks that there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Driver {
    /// Simulated phones, in process.
    #[default]
    Sim,
}

/// Calls. [exchange §3, §7]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Call {
    /// Ringing ends after so many seconds.
    pub ring_timeout_s: u64,
    /// The tone of a call that ended unanswered ends after so many seconds.
    pub failed_tone_s: u64,
    /// A transfer nobody answered rings the transferor for so many seconds; 0: it drops.
    pub transfer_recall_s: u64,
    /// At so many live calls new ones are refused.
    pub capacity: usize,
}

impl Default for Call {
    fn default() -> Self {
        Self {
            ring_timeout_s: 180,
            failed_tone_s: 15,
            transfer_recall_s: 0,
            capacity: 20_000,
        }
    }
}

/// Devices. [exchange §7]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Device {
    /// At so many live parts a device can place no further call.
    pub max_calls: usize,
    /// At so many live parts a device is busy for callers.
    pub busy_trigger: usize,
}

impl Default for Device {
    fn default() -> Self {
        Self {
            max_calls: 4,
            busy_trigger: 2,
        }
    }
}

/// Limits of the HTTP edge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes of request line and headers.
    pub head_bytes: usize,
    /// Milliseconds from the connection to its first byte.
    pub first_byte_ms: u64,
    /// Milliseconds from a request's first byte to the end of its head.
    pub head_ms: u64,
    /// Bytes of a request's body; a SOAP message may have 64 KiB at most, whatever stands here, and one of Extension Mobility
    /// always 2 MiB.
    pub body_bytes: usize,
    /// Bytes of a directory that is imported over the API.
    pub import_bytes: usize,
    /// Bytes of all request bodies in progress; beyond it requests with larger bodies are refused with 503 until there is room. The
    /// first 4 KiB of each are not counted.
    pub bodies_bytes: usize,
    /// The same for the bodies of one address. An address that has no other body in progress may go beyond it.
    pub bodies_bytes_per_peer: usize,
    /// Milliseconds from the end of a request's head to the end of its body; a second more for each 64 KiB that came.
    pub body_ms: u64,
    /// Milliseconds between two requests of a connection.
    pub idle_ms: u64,
    /// Milliseconds that a client may keep an answer waiting by not reading.
    pub write_ms: u64,
    /// Connections in all, of which eight are kept for clients on this machine; fewer when the process may not open so many files.
    pub connections: usize,
    /// Connections from one address.
    pub connections_per_peer: usize,
    /// Requests that may be open at a time on one connection of HTTP/2; those beyond the first count as connections of their
    /// client.
    pub http2_streams: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: 32 * 1024,
            first_byte_ms: 10_000,
            head_ms: 10_000,
            body_bytes: 64 * 1024,
            import_bytes: 64 * 1024 * 1024,
            bodies_bytes: 128 * 1024 * 1024,
            bodies_bytes_per_peer: 16 * 1024 * 1024,
            body_ms: 10_000,
            idle_ms: 60_000,
            write_ms: 20_000,
            connections: 12_000,
            connections_per_peer: 11_000,
            http2_streams: 100,
        }
    }
}

/// A value that reads well and cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Unusable {
    section: &'static str,
    key: &'static str,
    reason: String,
}

/// What is wrong with a configuration; one sentence with file, line and key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

impl Config {
    /// The lab's defaults.
    pub fn lab() -> Self {
        Self {
            listen: Listen {
                http: "127.0.0.1:8080".into(),
                https: "127.0.0.1:8443".into(),
                openwire: "127.0.0.1:61616".into(),
                openwire_tls: "off".into(),
                ..Listen::default()
            },
            broker: Broker {
                access: Access::Open,
                ..Broker::default()
            },
            webdialer: WebDialer {
                lookups_per_second: 0,
                ..WebDialer::default()
            },
            cti: Cti {
                max_commands_per_s: 0,
                require_user: false,
                ..Cti::default()
            },
            ..Self::default()
        }
    }

    /// Reads file (over these defaults) and environment (over the file).
    ///
    /// # Errors
    /// A sentence that says what to mend and where.
    pub fn load(
        defaults: &Self,
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut values = toml::Value::try_from(defaults).map_err(|e| ConfigError(e.to_string()))?;
        let mut places = Places::default();
        if let Some(path) = file {
            let name = path.display().to_string();
            let text = std::fs::read_to_string(path)
                .map_err(|e| ConfigError(format!("cannot read {name}: {e}")))?;
            // Read alone first: only then does an error know its line.
            toml::from_str::<Self>(&text).map_err(|e| explain(&name, &text, &e))?;
            let table: toml::Value =
                toml::from_str(&text).map_err(|e| explain(&name, &text, &e))?;
            merge(&mut values, table);
            places.file = Some((name, text));
        }
        for (name, value) in environment {
            let Some(key) = name.strip_prefix(PREFIX) else {
                continue;
            };
            values = with_variable(&values, key, &value).map_err(|e| explain(&name, "", &e))?;
            places.variables.push(name);
        }
        let config: Self = values
            .try_into()
            .map_err(|e: toml::de::Error| explain("the configuration", "", &e))?;
        match config.validate() {
            Ok(()) => Ok(config),
            Err(unusable) => Err(places.explain(&unusable)),
        }
    }

    /// Looks for values that read well and cannot be used. Part of [`Config::load`], so that `config check`, `lab` and
    /// `serve` find the same.
    fn validate(&self) -> Result<(), Unusable> {
        let unusable = |section, key, reason: String| {
            Err(Unusable {
                section,
                key,
                reason,
            })
        };
        for (key, place) in [
            ("http", &self.listen.http),
            ("https", &self.listen.https),
            ("openwire", &self.listen.openwire),
            ("openwire_tls", &self.listen.openwire_tls),
        ] {
            if !is_place(place) {
                let reason = format!("`{place}` is no address; it must be host:port or \"off\"");
                return unusable("listen", key, reason);
            }
        }
        let entries = self.listen.trusted_proxies.iter();
        if let Some(entry) = entries.into_iter().find(|e| network(e).is_none()) {
            let reason = format!("`{entry}` is neither an address nor a network like 10.1.0.0/16");
            return unusable("listen", "trusted_proxies", reason);
        }
        if let Some(url) = self.listen.public_url.as_deref().filter(|u| !is_origin(u)) {
            let reason =
                format!("`{url}` is no address; it must be like https://pbx.example.com:8443");
            return unusable("listen", "public_url", reason);
        }
        let alone = "certificate and key go together".to_owned();
        match (&self.tls.certificate, &self.tls.key) {
            (Some(_), None) => {
                return unusable("tls", "certificate", alone + "; the key is missing");
            }
            (None, Some(_)) => {
                return unusable("tls", "key", alone + "; the certificate is missing");
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
        let url = &self.store.url;
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let reason = "PostgreSQL is not known yet; it must be sqlite: and a path".to_owned();
            return unusable("store", "url", reason);
        }
        if url.strip_prefix("sqlite:").is_none_or(str::is_empty) {
            let reason = format!("`{url}` is not known; it must be sqlite: and a path");
            return unusable("store", "url", reason);
        }
        let limits = &self.limits;
        for (key, nothing) in [
            ("head_bytes", limits.head_bytes == 0),
            ("first_byte_ms", limits.first_byte_ms == 0),
            ("head_ms", limits.head_ms == 0),
            ("body_bytes", limits.body_bytes == 0),
            ("import_bytes", limits.import_bytes == 0),
            ("body_ms", limits.body_ms == 0),
            ("idle_ms", limits.idle_ms == 0),
            ("write_ms", limits.write_ms == 0),
            ("connections", limits.connections == 0),
            ("connections_per_peer", limits.connections_per_peer == 0),
            ("bodies_bytes_per_peer", limits.bodies_bytes_per_peer == 0),
            ("http2_streams", limits.http2_streams == 0),
        ] {
            if nothing {
                return unusable("limits", key, "0 would serve nobody".to_owned());
            }
        }
        if limits.bodies_bytes < limits.import_bytes.max(limits.body_bytes) {
            let reason = "it must hold one import, `import_bytes`, at least".to_owned();
            return unusable("limits", "bodies_bytes", reason);
        }
        if let Some((key, reason)) = self.broker.unusable() {
            return unusable("broker", key, reason);
        }
        if let Some((key, reason)) = self.webdialer.unusable() {
            return unusable("webdialer", key, reason);
        }
        if let Some((key, reason)) = self.mobility.unusable() {
            return unusable("mobility", key, reason);
        }
        if let Some((key, reason)) = self.cti.unusable() {
            return unusable("cti", key, reason);
        }
        if self.home.timeout_ms == 0 {
            return unusable("home", "timeout_ms", "0 would hear nobody".to_owned());
        }
        if let Some(reason) = self.clusters.iter().find_map(Cluster::unusable) {
            return unusable("cluster", "", reason);
        }
        if let Some(name) = Cluster::twice(&self.clusters) {
            return unusable("cluster", "", format!("two clusters are named {name}"));
        }
        Ok(())
    }

    /// The exchange's part of it.
    pub fn exchange(
        &self,
        names: cordboard_core::exchange::CallNames,
    ) -> cordboard_core::exchange::Settings {
        let seconds = std::time::Duration::from_secs;
        cordboard_core::exchange::Settings {
            names,
            ring: seconds(self.call.ring_timeout_s),
            failed_tone: seconds(self.call.failed_tone_s),
            transfer_recall: seconds(self.call.transfer_recall_s),
            max_calls: self.device.max_calls,
            busy_trigger: self.device.busy_trigger,
            capacity: self.call.capacity,
            multiple_logins: match self.mobility.multiple_logins {
                Multiple::NotAllowed => MultipleLogins::NotAllowed,
                Multiple::Allowed => MultipleLogins::Allowed,
                Multiple::AutoLogout => MultipleLogins::AutoLogout,
            },
            max_login: self.mobility.max_login(),
            user_max_login: self.mobility.user_max_login_time,
            takeover: self.mobility.takeover_times(),
            ..cordboard_core::exchange::Settings::default()
        }
    }
}

/// Where values came from, for messages about them.
#[derive(Clone, Debug, Default)]
struct Places {
    file: Option<(String, String)>,
    variables: Vec<String>,
}

impl Places {
    fn explain(&self, unusable: &Unusable) -> ConfigError {
        let Unusable {
            section,
            key,
            reason,
        } = unusable;
        let variable = format!("{PREFIX}{section}__{key}");
        let place = match &self.file {
            _ if self
                .variables
                .iter()
                .any(|v| v.eq_ignore_ascii_case(&variable)) =>
            {
                variable.to_uppercase()
            }
            Some((name, text)) => match line_of(text, section, key) {
                Some(line) => format!("{name}, line {line}"),
                None => name.clone(),
            },
            None => "the configuration".to_owned(),
        };
        let dot = if key.is_empty() { "" } else { "." };
        ConfigError(format!("{place}: {section}{dot}{key}: {reason}"))
    }
}

/// The line on which a key of a section stands, however it is written; without a key, the section's.
fn line_of(text: &str, section: &str, key: &str) -> Option<usize> {
    if key.is_empty() {
        let sections: std::collections::BTreeMap<toml::Spanned<String>, toml::Value> =
            toml::from_str(text).ok()?;
        let found = sections.keys().find(|s| s.get_ref() == section)?;
        return Some(text[..found.span().start].matches('\n').count() + 1);
    }
    type Spanned<T> = std::collections::BTreeMap<toml::Spanned<String>, T>;
    let sections: std::collections::BTreeMap<String, toml::Value> = toml::from_str(text).ok()?;
    sections.get(section)?.get(key)?;
    let spans: std::collections::BTreeMap<String, Spanned<toml::Value>> =
        toml::from_str(text).ok()?;
    let found = spans.get(section)?.keys().find(|k| k.get_ref() == key)?;
    Some(text[..found.span().start].matches('\n').count() + 1)
}

/// `host:port`, or "off".
fn is_place(place: &str) -> bool {
    place == "off"
        || place
            .rsplit_once(':')
            .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

/// The values with an environment variable's in them. What looks like a number, a truth value or a list is one if the key
/// takes one, and text if the key takes text.
fn with_variable(
    values: &toml::Value,
    key: &str,
    value: &str,
) -> Result<toml::Value, toml::de::Error> {
    let path: Vec<String> = key.split("__").map(str::to_lowercase).collect();
    let with = |value: toml::Value| {
        let mut overlay = value;
        for part in path.iter().rev() {
            overlay = toml::Value::Table(std::iter::once((part.clone(), overlay)).collect());
        }
        let mut values = values.clone();
        merge(&mut values, overlay);
        values.clone().try_into::<Config>().map(|_| values)
    };
    let text = || toml::Value::String(value.to_owned());
    let typed = match (value.parse::<i64>(), value) {
        (Ok(number), _) => toml::Value::Integer(number),
        (Err(_), "true") => toml::Value::Boolean(true),
        (Err(_), "false") => toml::Value::Boolean(false),
        (Err(_), list) if list.starts_with('[') => match list.parse() {
            Ok(list) => list,
            Err(_) => return with(text()),
        },
        (Err(_), _) => return with(text()),
    };
    with(typed).or_else(|error| with(text()).map_err(|_| error))
}

fn merge(base: &mut toml::Value, over: toml::Value) {
    match (base, over) {
        (toml::Value::Table(base), toml::Value::Table(over)) => {
            for (key, value) in over {
                match base.get_mut(&key) {
                    Some(old) => merge(old, value),
                    None => {
                        base.insert(key, value);
                    }
                }
            }
        }
        (base, over) => *base = over,
    }
}

fn explain(source: &str, text: &str, error: &toml::de::Error) -> ConfigError {
    let line = error
        .span()
        .map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
    let place = line.map_or_else(
        || source.to_owned(),
        |line| format!("{source}, line {line}"),
    );
    let message = error.message().to_owned();
    ConfigError(match (nearest(&message), choices(&message)) {
        (Some((key, near)), _) => {
            format!("{place}: there is no key `{key}`; did you mean `{near}`?")
        }
        (None, Some((value, allowed))) => {
            format!("{place}: `{value}` is not known; it must be {allowed}")
        }
        (None, None) => format!("{place}: {}", message.replace('\n', " ")),
    })
}

/// Finds the value and what would be allowed in serde's "unknown variant" message.
fn choices(message: &str) -> Option<(String, String)> {
    let mut quoted = message
        .strip_prefix("unknown variant ")?
        .split('`')
        .skip(1)
        .step_by(2);
    let value = quoted.next()?.to_owned();
    let allowed: Vec<String> = quoted.map(|word| format!("\"{word}\"")).collect();
    Some((value, allowed.join(" or ")))
}

/// Finds the key and the nearest right one in serde's "unknown field" message.
fn nearest(message: &str) -> Option<(String, String)> {
    let mut quoted = message
        .strip_prefix("unknown field ")?
        .split('`')
        .skip(1)
        .step_by(2);
    let key = quoted.next()?.to_owned();
    let near = quoted
        .max_by(|a, b| strsim::jaro_winkler(a, &key).total_cmp(&strsim::jaro_winkler(b, &key)))?;
    Some((key.clone(), near.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.toml");
        std::fs::write(&path, text).unwrap();
        let environment = environment
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        Config::load(&Config::lab(), Some(&path), environment)
            .map_err(|e| ConfigError(e.0.replace(&path.display().to_string(), "c.toml")))
    }

    #[test]
    fn environment_beats_file_beats_default() {
        let text = "[webdialer]\nmax_calls_per_second = 3\n[call]\nring_timeout_s = 9\n";
        let config = load(
            text,
            &[
                ("CORDBOARD__WEBDIALER__MAX_CALLS_PER_SECOND", "5"),
                ("PATH", "x"),
            ],
        )
        .unwrap();
        assert_eq!(config.webdialer.max_calls_per_second, 5);
        assert_eq!(config.call.ring_timeout_s, 9);
        assert_eq!(config.listen.http, "127.0.0.1:8080");
    }

    #[test]
    fn a_misspelt_key_is_told_with_its_line_and_the_nearest_right_one() {
        let error = load("[webdialer]\n\nmax_call_per_second = 3\n", &[]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "c.toml, line 3: there is no key `max_call_per_second`; did you mean `max_calls_per_second`?"
        );
        let error = load("", &[("CORDBOARD__WEBDIALER__STRICT_LINE", "true")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "CORDBOARD__WEBDIALER__STRICT_LINE: there is no key `strict_line`; did you mean `strict_lines`?"
        );
    }

    #[test]
    fn a_variable_is_text_where_the_key_takes_text() {
        let config = load(
            "",
            &[
                ("CORDBOARD__WEBDIALER__FAULT_HOSTNAME", "4711"),
                ("CORDBOARD__TLS__CERTIFICATE", "true"),
                ("CORDBOARD__TLS__KEY", "1"),
                ("CORDBOARD__WEBDIALER__STRICT_LINES", "true"),
            ],
        )
        .unwrap();
        assert_eq!(config.webdialer.fault_hostname, "4711");
        assert_eq!(config.tls.certificate, Some("true".into()));
        assert_eq!(config.tls.key, Some("1".into()));
        assert!(config.webdialer.strict_lines);
        let error = load("", &[("CORDBOARD__CALL__CAPACITY", "many")]).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("CORDBOARD__CALL__CAPACITY: invalid type"),
            "{error}"
        );
    }

    #[test]
    fn a_variable_is_a_list_where_the_key_takes_one() {
        let sites = r#"["https://a.example", "https://b.example:8443"]"#;
        let variable = ("CORDBOARD__WEBDIALER__TRUSTED_ORIGINS", sites);
        let config = load("", &[variable]).unwrap();
        assert_eq!(
            config.webdialer.trusted_origins,
            ["https://a.example", "https://b.example:8443"]
        );
        let rules = r#"[{name = "out", digits = 7, remove = 0, prefix = "9"}]"#;
        let variable = ("CORDBOARD__WEBDIALER__DIAL_RULE", rules);
        assert_eq!(
            load("", &[variable]).unwrap().webdialer.dial_rules[0].prefix,
            "9"
        );
    }

    #[test]
    fn what_cannot_be_used_is_told_with_its_place_and_what_is_allowed() {
        for (text, message) in [
            (
                "[store]\nsync = \"fast\"\n",
                "c.toml, line 2: `fast` is not known; it must be \"normal\" or \"full\"",
            ),
            (
                "\n[network]\ndriver = \"ari\"\n",
                "c.toml, line 3: `ari` is not known; it must be \"sim\"",
            ),
            (
                "[store]\nurl = \"postgres://x\"\n",
                "c.toml, line 2: store.url: PostgreSQL is not known yet; it must be sqlite: and a path",
            ),
            (
                "[store]\nurl = \"sqlite:\"\n",
                "c.toml, line 2: store.url: `sqlite:` is not known; it must be sqlite: and a path",
            ),
            (
                "[tls]\n# a comment\ncertificate = \"x.pem\"\n",
                "c.toml, line 3: tls.certificate: certificate and key go together; the key is missing",
            ),
            (
                "tls.key = \"x.pem\"\n",
                "c.toml, line 1: tls.key: certificate and key go together; the certificate is missing",
            ),
            (
                "[listen]\nhttp = \"8080\"\n",
                "c.toml, line 2: listen.http: `8080` is no address; it must be host:port or \"off\"",
            ),
            (
                "[listen]\ntrusted_proxies = [\"10.0.0.0/8\", \"proxy\"]\n",
                "c.toml, line 2: listen.trusted_proxies: `proxy` is neither an address nor a network like 10.1.0.0/16",
            ),
            (
                "[listen]\npublic_url = \"https://pbx/cordboard\"\n",
                "c.toml, line 2: listen.public_url: `https://pbx/cordboard` is no address; it must be like https://pbx.example.com:8443",
            ),
            (
                "[limits]\nbodies_bytes = 1000\n",
                "c.toml, line 2: limits.bodies_bytes: it must hold one import, `import_bytes`, at least",
            ),
            (
                "[limits]\nhead_ms = 0\n",
                "c.toml, line 2: limits.head_ms: 0 would serve nobody",
            ),
            (
                "[webdialer]\nend_call_dialog_s = 5\n",
                "c.toml, line 2: webdialer.end_call_dialog_s: 5 is not within 10 to 60",
            ),
            (
                "[webdialer]\ntrusted_origins = [\"intranet\"]\n",
                "c.toml, line 2: webdialer.trusted_origins: `intranet` is no site; it must be like \"https://intranet.example.com\"",
            ),
            (
                "[mobility]\nmax_concurrent_requests = 101\n",
                "c.toml, line 2: mobility.max_concurrent_requests: 101 is not within 1 to 100",
            ),
            (
                "[mobility]\nservice = \"off\"\n",
                "c.toml, line 2: `off` is not known; it must be \"on\" or \"stopped\" or \"not_activated\"",
            ),
            (
                "[[webdialer.dial_rule]]\nname = \"out\"\ndigits = 3\nremove = 4\n",
                "c.toml, line 1: webdialer.dial_rule: rule `out`: remove = 4 is more than digits",
            ),
            (
                "[broker]\nmax_frame_bytes = 1000\n",
                "c.toml, line 2: broker.max_frame_bytes: 1000 is not within 65536 to 1073741824",
            ),
            (
                "[broker]\nmax_memory_bytes = 65536\n",
                "c.toml, line 2: broker.max_memory_bytes: it must hold 8 frames of `max_frame_bytes`, at least",
            ),
            (
                "[broker]\nread = [\"cc.>\"]\n",
                "c.toml, line 2: broker.read: `cc.>` is no destination; it must be like \"queue://name\" or \"topic://name.>\"",
            ),
            (
                "[[broker.user]]\nname = \"ann\"\n",
                "c.toml, line 1: broker.user: user ann has no password_file",
            ),
            (
                "[[cluster]]\nname = \"west\"\nwebdialer = \"http://west\"\n",
                "c.toml, line 1: cluster: cluster west: `http://west` is not like https://host:port",
            ),
            (
                "[[cluster]]\nname = \"west\"\nwebdialer = \"https://user:pw@west\"\n",
                "c.toml, line 1: cluster: cluster west: `https://user:pw@west` is not like https://host:port",
            ),
            (
                "[[cluster]]\nname = \"west\"\nwebdialer = \"https://a\"\n[[cluster]]\nname = \"West\"\nwebdialer = \"https://b\"\n",
                "c.toml, line 1: cluster: two clusters are named West",
            ),
        ] {
            assert_eq!(load(text, &[]).unwrap_err().to_string(), message);
        }
        let variable = ("CORDBOARD__LISTEN__HTTPS", "everywhere");
        assert_eq!(
            load("[listen]\nhttps = \"off\"\n", &[variable])
                .unwrap_err()
                .to_string(),
            "CORDBOARD__LISTEN__HTTPS: listen.https: `everywhere` is no address; it must be host:port or \"off\""
        );
        let variable = ("CORDBOARD__STORE__SYNC", "1");
        assert!(load("", &[variable]).is_err());
    }
}
