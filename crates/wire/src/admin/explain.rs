//! What would happen, and why; and whose user somebody is.

use super::Line;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The way by which a number comes in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DialInterface {
    /// WebDialer's pages.
    Pages,
    /// makeCallSoap.
    #[default]
    Soap,
}

/// What would happen if this user dialled this number?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DialQuestion {
    /// The user, for himself.
    pub user: String,
    /// The device; without it the one that the interface takes by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// The line, as the interface writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
    /// The number.
    pub number: String,
    /// By which way.
    #[serde(default)]
    pub interface: DialInterface,
}

/// A rule that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuleConsidered {
    /// Its name.
    pub name: String,
    /// Did it fit? The first that does is the last that is looked at.
    pub fits: bool,
    /// Why, for people.
    pub why: String,
    /// What it made of the number.
    pub result: Option<String>,
}

/// A device that the user may dial from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsableDevice {
    /// Its name.
    pub name: String,
    /// Is it registered?
    pub registered: bool,
    /// The lines it carries now.
    pub lines: Vec<Line>,
}

/// Somewhere, and why there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Chosen<T> {
    /// What was chosen.
    pub what: T,
    /// Why, for people.
    pub why: String,
}

/// Where a dialled number goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Route {
    /// The number that goes to the network.
    pub number: Line,
    /// Is it a number of nobody here?
    pub outside: bool,
    /// The registered devices that would ring, and who is there.
    pub rings: Vec<Ringing>,
    /// What that comes to, for people.
    pub why: String,
}

/// A device that would ring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ringing {
    /// Its name.
    pub device: String,
    /// Who sits there, else the owner.
    pub user: Option<String>,
}

/// Whose number it is, after the directory look-up rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LookedUp {
    /// The rules that were looked at.
    pub rules: Vec<RuleConsidered>,
    /// The number that was looked up.
    pub number: String,
    /// The line it is, if it is one.
    pub line: Option<Line>,
    /// The devices that have it by configuration.
    pub devices: Vec<String>,
    /// The users whose devices or profiles have it.
    pub users: Vec<String>,
}

/// What would happen. Nothing was dialled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DialExplained {
    /// The number as it came in.
    pub received: String,
    /// What is left of it before the rules.
    pub cleaned: String,
    /// Why, for people.
    pub cleaned_why: String,
    /// The application dial rules that were looked at; none where they do not act.
    pub rules: Vec<RuleConsidered>,
    /// Do dial rules act on this interface?
    pub rules_act: bool,
    /// The number that is handed to the exchange: what a call shows as `dialled`.
    pub dialled: String,
    /// The devices the user may dial from now.
    pub devices: Vec<UsableDevice>,
    /// The device that would call.
    pub device: Option<Chosen<String>>,
    /// The line that would call.
    pub line: Option<Chosen<Line>>,
    /// Where the number goes.
    pub route: Option<Route>,
    /// Whose number it is.
    pub owner: LookedUp,
    /// WebDialer's response code: 0 if the call would be accepted.
    pub code: i32,
    /// The text beside it.
    pub text: String,
    /// Why it would be refused, for people.
    pub refused: Option<String>,
}

/// Whose user is it?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HomeQuestion {
    /// The user.
    #[schema(min_length = 1, max_length = 128, pattern = r"\S")]
    pub user: String,
}

/// What a cluster said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClusterSaid {
    /// Its name.
    pub cluster: String,
    /// `yes`, `no`, `no answer` or `not asked`.
    pub said: String,
}

/// Where the Redirector would send a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HomeExplained {
    /// The user.
    pub user: String,
    /// Is he one of ours? Then nobody else was asked.
    pub here: bool,
    /// The cluster that said yes.
    pub cluster: Option<String>,
    /// Its address.
    pub address: Option<String>,
    /// Nobody was asked: it was known from before.
    pub remembered: bool,
    /// What each said.
    pub said: Vec<ClusterSaid>,
    /// All that, for people.
    pub why: String,
}

/// Another cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Cluster {
    /// Its name.
    pub name: String,
    /// Is it waited for?
    pub healthy: bool,
    /// What it said last: `yes`, `no` or `no answer`.
    pub last: Option<String>,
    /// When.
    pub at: Option<String>,
    /// How long that took.
    pub latency_ms: Option<u64>,
}

/// The other clusters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Clusters {
    /// In configuration order.
    pub clusters: Vec<Cluster>,
}
