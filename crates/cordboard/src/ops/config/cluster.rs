//! The other cells, for home-cluster look-up and redirects.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Another cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// Its name, for people.
    pub name: String,
    /// Where its WebDialer is: `https://host:port`.
    pub webdialer: String,
    /// Where its presence service is: `https://host:port`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presence: Option<String>,
    /// Trust the certificates in this PEM file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// Trust this public key only: `sha256/BASE64`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<String>,
}

/// How other clusters are asked for a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Home {
    /// Milliseconds that a cluster may take to answer.
    pub timeout_ms: u64,
    /// Seconds that an answer is remembered; 0: not at all.
    pub remember_s: u64,
    /// At most so many users are remembered.
    pub remembered: usize,
}

impl Default for Home {
    fn default() -> Self {
        Self {
            timeout_ms: 2_000,
            remember_s: 300,
            remembered: 10_000,
        }
    }
}

impl Cluster {
    /// A name that two of them have.
    pub(super) fn twice(all: &[Self]) -> Option<&str> {
        let mut names = std::collections::HashSet::new();
        let mut known = all.iter().map(|cluster| cluster.name.trim());
        known.find(|name| !names.insert(name.to_lowercase()))
    }

    /// Why it cannot be used.
    pub(super) fn unusable(&self) -> Option<String> {
        let secure = |place: &str| {
            place.parse::<http::Uri>().is_ok_and(|uri| {
                uri.scheme_str() == Some("https")
                    && uri.authority().is_some_and(|a| !a.as_str().contains('@'))
                    && matches!(uri.path(), "" | "/")
            })
        };
        let places = std::iter::once(&self.webdialer).chain(&self.presence);
        let why = if self.name.trim().is_empty() {
            "a cluster needs a name".to_owned()
        } else if let Some(place) = places.into_iter().find(|place| !secure(place)) {
            format!(
                "cluster {}: `{place}` is not like https://host:port",
                self.name
            )
        } else if self.ca.is_some() && self.pin.is_some() {
            format!("cluster {}: choose either ca or pin", self.name)
        } else if let Some(pin) = &self.pin
            && pin.parse::<cordboard_client::tls::Pin>().is_err()
        {
            format!(
                "cluster {}: `{pin}` is no pin; it must be sha256/ and 44 characters",
                self.name
            )
        } else {
            return None;
        };
        Some(why)
    }
}
