//! Who and what exists: users, devices, profiles, lines. An immutable snapshot.
//!
//! Live state (who is registered, who sits where) is laid over it by the exchange and is not here. An edit makes a new
//! snapshot. Names and user ids are found without regard to letter case.

mod build;
mod edit;
mod index;
mod kind;
mod packed;

pub use build::{Builder, DirectoryError, Draft, NAME_MAX, NUMBER_MAX, TEXT_MAX};
pub use edit::{Change, Entry};

use crate::ids::{DeviceName, DirectoryNumber, ProfileName, UserId};
pub(crate) use index::Index;
use kind::Kind;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// The signalling protocol of a phone; it decides what happens to characters that no number has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protocol {
    /// Digits go to the digit analysis as they are; bad ones are refused at once.
    #[serde(rename = "SIP")]
    Sip,
    /// The device layer strips what no number has.
    #[serde(rename = "SCCP")]
    Sccp,
}

impl Protocol {
    /// What a model speaks when nothing else is said. [lab, Simulated phones]
    pub fn of_model(model: &str) -> Self {
        match model {
            "Cisco 6961" | "Cisco 7960" | "Cisco IP Communicator" => Self::Sccp,
            _ => Self::Sip,
        }
    }
}

/// A phone or soft client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Its name.
    pub name: DeviceName,
    /// The marketing model, such as `Cisco 8845`.
    pub model: String,
    /// What it speaks.
    pub protocol: Protocol,
    /// Free text for people; may be empty.
    #[serde(default)]
    pub description: String,
    /// The end user it belongs to.
    #[serde(default)]
    pub owner: Option<UserId>,
    /// Where its HTTP server answers, if not at the usual place.
    #[serde(default)]
    pub address: Option<String>,
    /// Its own lines, the first one first.
    pub lines: Vec<DirectoryNumber>,
    /// May users log in to it by Extension Mobility?
    #[serde(default)]
    pub em_enabled: bool,
}

/// The lines a user carries to a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceProfile {
    /// Its name.
    pub name: ProfileName,
    /// The marketing model it was made for.
    pub model: String,
    /// The end users who may use it.
    #[serde(default)]
    pub owners: Vec<UserId>,
    /// The users whose default it is.
    #[serde(default)]
    pub default_for: Vec<UserId>,
    /// Its lines, the first one first.
    pub lines: Vec<DirectoryNumber>,
}

/// What a user may do beyond his own devices.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Right(pub String);

impl From<&str> for Right {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Right {
    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Lets a user act for another one in WebDialer and Extension Mobility.
    pub const PROXY: &'static str = "Standard EM Authentication Proxy Rights";
}

/// A secret at rest: an Argon2id PHC string. Prints as dots.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PasswordHash(Arc<str>);

impl PasswordHash {
    /// Wraps a PHC string.
    pub fn new(phc: impl Into<Arc<str>>) -> Self {
        Self(phc.into())
    }

    /// The PHC string, for verification only.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("•••")
    }
}

/// Whether an account may be used at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialState {
    /// The password works.
    #[default]
    Active,
    /// An administrator locked it; no password works.
    Locked,
    /// It must be changed first; it does not work until then.
    Expired,
}

/// A person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndUser {
    /// The id.
    pub id: UserId,
    /// Given name.
    #[serde(default)]
    pub first_name: String,
    /// Family name.
    #[serde(default)]
    pub last_name: String,
    /// The devices associated with the user, in configuration order.
    #[serde(default)]
    pub devices: Vec<DeviceName>,
    /// The device profiles the user may log in with, in configuration order.
    #[serde(default)]
    pub profiles: Vec<ProfileName>,
    /// The primary extension.
    #[serde(default)]
    pub primary_line: Option<DirectoryNumber>,
    /// What the user may do for others.
    #[serde(default)]
    pub rights: Vec<Right>,
    /// The password's hash; without one, no password works.
    #[serde(default)]
    pub password_hash: Option<PasswordHash>,
    /// The PIN's hash.
    #[serde(default)]
    pub pin_hash: Option<PasswordHash>,
    /// Whether the account may be used.
    #[serde(default)]
    pub credential: CredentialState,
    /// Is this his home cluster? Nobody logs in to a phone of another one.
    #[serde(default = "at_home")]
    pub home_cluster: bool,
    /// His own longest login by Extension Mobility, in minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_login_minutes: Option<u32>,
}

fn at_home() -> bool {
    true
}

/// An application that acts for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppUser {
    /// The id.
    pub id: UserId,
    /// What it may do for others.
    #[serde(default)]
    pub rights: Vec<Right>,
    /// The devices associated with it.
    #[serde(default)]
    pub devices: Vec<DeviceName>,
    /// The password's hash; without one, no password works.
    #[serde(default)]
    pub password_hash: Option<PasswordHash>,
    /// Whether the account may be used.
    #[serde(default)]
    pub credential: CredentialState,
}

/// Either kind of user, where both fit.
#[derive(Clone, Debug)]
pub enum Account {
    /// A person.
    End(EndUser),
    /// An application.
    App(AppUser),
}

impl Account {
    /// The id.
    pub fn id(&self) -> &UserId {
        match self {
            Self::End(user) => &user.id,
            Self::App(user) => &user.id,
        }
    }

    /// The password's hash.
    pub fn password_hash(&self) -> Option<&PasswordHash> {
        match self {
            Self::End(user) => user.password_hash.as_ref(),
            Self::App(user) => user.password_hash.as_ref(),
        }
    }

    /// Whether the account may be used.
    pub fn credential(&self) -> CredentialState {
        match self {
            Self::End(user) => user.credential,
            Self::App(user) => user.credential,
        }
    }

    /// Has the account that right?
    pub fn has(&self, right: &str) -> bool {
        let rights = match self {
            Self::End(user) => &user.rights,
            Self::App(user) => &user.rights,
        };
        rights.iter().any(|r| r.0.eq_ignore_ascii_case(right))
    }
}

/// The key under which a name or id is found: without white space around it, in small letters. Two entries of a kind never have
/// the same.
pub fn folded(name: &str) -> String {
    name.trim().to_lowercase()
}

/// The name of an account as it is looked up. Everything that is kept about an account beside the directory, such as a lock-out, is
/// kept under this: two spellings that find one account are equal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountName(String);

impl AccountName {
    /// The folded name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for AccountName {
    fn from(name: &str) -> Self {
        Self(folded(name))
    }
}

/// Are two names the same but for their letter case?
pub fn same_name(one: &str, other: &str) -> bool {
    if one.is_ascii() && other.is_ascii() {
        return one.trim().eq_ignore_ascii_case(other.trim());
    }
    folded(one) == folded(other)
}

/// The snapshot. Made by a [`Builder`] or a [`Draft`]; read by everybody. Its entries are packed, and unpacked for whoever asks.
/// What a change does not concern it shares with the snapshot before.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    users: Arc<Kind<EndUser>>,
    app_users: Arc<Kind<AppUser>>,
    devices: Arc<Kind<Device>>,
    profiles: Arc<Kind<DeviceProfile>>,
}

impl Directory {
    /// The end user by that id, in any letter case.
    pub fn end_user(&self, id: &str) -> Option<EndUser> {
        self.users.get(id)
    }

    /// The application user by that id, in any letter case.
    pub fn app_user(&self, id: &str) -> Option<AppUser> {
        self.app_users.get(id)
    }

    /// Either kind of user.
    pub fn account(&self, name: &AccountName) -> Option<Account> {
        let person = self.end_user(name.as_str()).map(Account::End);
        person.or_else(|| self.app_user(name.as_str()).map(Account::App))
    }

    /// The device by that name, in any letter case.
    pub fn device(&self, name: &str) -> Option<Device> {
        self.devices.get(name)
    }

    /// The profile by that name, in any letter case.
    pub fn profile(&self, name: &str) -> Option<DeviceProfile> {
        self.profiles.get(name)
    }

    /// All end users, in configuration order.
    pub fn end_users(&self) -> impl Iterator<Item = EndUser> {
        self.users.iter()
    }

    /// All application users, in configuration order.
    pub fn app_users(&self) -> impl Iterator<Item = AppUser> {
        self.app_users.iter()
    }

    /// All devices, in configuration order.
    pub fn devices(&self) -> impl Iterator<Item = Device> {
        self.devices.iter()
    }

    /// All profiles, in configuration order.
    pub fn profiles(&self) -> impl Iterator<Item = DeviceProfile> {
        self.profiles.iter()
    }

    /// The devices a user may act with by configuration: associated ones first, then owned ones, each once.
    pub fn devices_of(&self, user: &EndUser) -> Vec<Device> {
        let associated = user.devices.iter();
        let associated = associated.filter_map(|name| self.device(name.as_str()));
        let owned = self.devices.naming(user.id.as_str());
        let mut all: Vec<Device> = Vec::with_capacity(user.devices.len());
        for device in associated.chain(owned) {
            if !all.iter().any(|known| known.name == device.name) {
                all.push(device);
            }
        }
        all
    }

    /// The profiles a user may log in with: associated ones first, then those that name him, each once.
    pub fn profiles_of(&self, user: &EndUser) -> Vec<DeviceProfile> {
        let associated = user.profiles.iter();
        let associated = associated.filter_map(|name| self.profile(name.as_str()));
        let carried = self.profiles.naming(user.id.as_str());
        let mut all: Vec<DeviceProfile> = Vec::with_capacity(user.profiles.len());
        for profile in associated.chain(carried) {
            if !all.iter().any(|known| known.name == profile.name) {
                all.push(profile);
            }
        }
        all
    }

    /// The profile a user has when he names none: his default, else his first. [mobility §7.3]
    pub fn default_profile(&self, user: &EndUser) -> Option<DeviceProfile> {
        let mut profiles = self.profiles_of(user);
        let is_default = |profile: &DeviceProfile| {
            let mut users = profile.default_for.iter();
            users.any(|id| same_name(id.as_str(), user.id.as_str()))
        };
        let at = profiles.iter().position(is_default).unwrap_or(0);
        (at < profiles.len()).then(|| profiles.swap_remove(at))
    }

    /// The directory number that these typed digits mean: no partition first, then by name. `None` for outside numbers.
    pub fn resolve(&self, digits: &str) -> Option<DirectoryNumber> {
        let devices = self.devices.with_digits(digits).into_iter();
        let profiles = self.profiles.with_digits(digits).into_iter();
        let lines = devices.flat_map(|device| device.lines);
        let lines = lines.chain(profiles.flat_map(|profile| profile.lines));
        lines.filter(|line| line.digits.as_str() == digits).min()
    }

    /// The devices that have this number by configuration, in configuration order.
    pub fn devices_with(&self, number: &DirectoryNumber) -> Vec<DeviceName> {
        let devices = self.devices.with_digits(number.digits.as_str());
        let devices = devices.into_iter().filter(|d| d.lines.contains(number));
        devices.map(|device| device.name).collect()
    }

    /// The profiles that carry this number, in configuration order.
    pub fn profiles_with(&self, number: &DirectoryNumber) -> Vec<ProfileName> {
        let profiles = self.profiles.with_digits(number.digits.as_str());
        let profiles = profiles.into_iter().filter(|p| p.lines.contains(number));
        profiles.map(|profile| profile.name).collect()
    }
}
