//! The configuration: one TOML file, every key also an environment variable, flags above both.
//!
//! A key that is misspelt is an error that names the line, the key and the nearest right one.

use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

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
    /// WebDialer.
    pub webdialer: WebDialer,
}

/// Where to listen: host:port, or "off".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    /// Clear text.
    pub http: String,
    /// TLS.
    pub https: String,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            http: "off".into(),
            https: "0.0.0.0:8443".into(),
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
    /// "normal" survives the process, "full" the machine.
    pub sync: String,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            url: "sqlite:/var/lib/cordboard/cordboard.db".into(),
            sync: "normal".into(),
        }
    }
}

/// The telephone network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// "sim".
    pub driver: String,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            driver: "sim".into(),
        }
    }
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
    /// Bytes of a request's body; a SOAP message may have 64 KiB at most, whatever stands here.
    pub body_bytes: usize,
    /// Milliseconds from the end of a request's head to the end of its body.
    pub body_ms: u64,
    /// Milliseconds between two requests of a connection.
    pub idle_ms: u64,
    /// Milliseconds that a client may keep an answer waiting by not reading.
    pub write_ms: u64,
    /// Connections in all.
    pub connections: usize,
    /// Connections from one address.
    pub connections_per_peer: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: 32 * 1024,
            first_byte_ms: 10_000,
            head_ms: 10_000,
            body_bytes: 64 * 1024,
            body_ms: 10_000,
            idle_ms: 60_000,
            write_ms: 20_000,
            connections: 12_000,
            connections_per_peer: 11_000,
        }
    }
}

/// WebDialer. [webdialer §11]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WebDialer {
    /// The original's *Maximum Concurrent Call Requests*: makeCallSoap admissions per second; 0: no limit, 3: the original's.
    pub max_calls_per_second: u32,
    /// isClusterUserSoap for each address per second; 0: no limit.
    pub lookups_per_second: u32,
    /// Refuse a lineNumber that the device does not have (code 5) instead of taking its first line.
    pub strict_lines: bool,
    /// Answer a request without SOAPAction with the original's fault.
    pub require_soap_action: bool,
    /// What stands in a fault's `hostname`; never the machine's real name by default.
    pub fault_hostname: String,
}

impl Default for WebDialer {
    fn default() -> Self {
        Self {
            max_calls_per_second: 0,
            lookups_per_second: 20,
            strict_lines: false,
            require_soap_action: false,
            fault_hostname: "cordboard".into(),
        }
    }
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
            },
            webdialer: WebDialer {
                lookups_per_second: 0,
                ..WebDialer::default()
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
        let base = toml::Value::try_from(defaults).map_err(|e| ConfigError(e.to_string()))?;
        let mut values = base;
        if let Some(path) = file {
            let text = std::fs::read_to_string(path)
                .map_err(|e| ConfigError(format!("cannot read {}: {e}", path.display())))?;
            // Read alone first: only then does an error know its line.
            toml::from_str::<Self>(&text)
                .map_err(|e| explain(&path.display().to_string(), &text, &e))?;
            let table: toml::Value = toml::from_str(&text)
                .map_err(|e| explain(&path.display().to_string(), &text, &e))?;
            merge(&mut values, table);
        }
        for (name, value) in environment {
            let Some(key) = name.strip_prefix(PREFIX) else {
                continue;
            };
            let path: Vec<String> = key.split("__").map(str::to_lowercase).collect();
            let mut overlay = typed(&value);
            for part in path.iter().rev() {
                overlay = toml::Value::Table(std::iter::once((part.clone(), overlay)).collect());
            }
            merge(&mut values, overlay);
            values
                .clone()
                .try_into::<Self>()
                .map_err(|e| explain(&name, "", &e))?;
        }
        values
            .try_into()
            .map_err(|e: toml::de::Error| explain("the configuration", "", &e))
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
            ..cordboard_core::exchange::Settings::default()
        }
    }
}

/// An environment variable's value: number, truth value or text.
fn typed(value: &str) -> toml::Value {
    if let Ok(number) = value.parse::<i64>() {
        return toml::Value::Integer(number);
    }
    match value {
        "true" => toml::Value::Boolean(true),
        "false" => toml::Value::Boolean(false),
        text => toml::Value::String(text.to_owned()),
    }
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
    ConfigError(match nearest(&message) {
        Some((key, near)) => format!("{place}: there is no key `{key}`; did you mean `{near}`?"),
        None => format!("{place}: {}", message.replace('\n', " ")),
    })
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
}
