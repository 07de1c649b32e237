//! Who and what exists: users, devices, profiles, lines. An immutable snapshot.
//!
//! Live state (who is registered, who sits where) is laid over it by the exchange and is not here. An edit makes a new
//! snapshot. Names and user ids are found without regard to letter case.

mod build;
mod edit;

pub use build::{Builder, DirectoryError, NAME_MAX, NUMBER_MAX, TEXT_MAX};
pub use edit::{Change, Entry};

use crate::ids::{DeviceName, Digits, DirectoryNumber, Partition, ProfileName, UserId};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
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

impl Right {
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
#[derive(Clone, Copy, Debug)]
pub enum Account<'a> {
    /// A person.
    End(&'a EndUser),
    /// An application.
    App(&'a AppUser),
}

impl<'a> Account<'a> {
    /// The id.
    pub fn id(self) -> &'a UserId {
        match self {
            Self::End(user) => &user.id,
            Self::App(user) => &user.id,
        }
    }

    /// The password's hash.
    pub fn password_hash(self) -> Option<&'a PasswordHash> {
        match self {
            Self::End(user) => user.password_hash.as_ref(),
            Self::App(user) => user.password_hash.as_ref(),
        }
    }

    /// Whether the account may be used.
    pub fn credential(self) -> CredentialState {
        match self {
            Self::End(user) => user.credential,
            Self::App(user) => user.credential,
        }
    }

    /// Has the account that right?
    pub fn has(self, right: &str) -> bool {
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

/// Are two names the same but for their letter case?
pub fn same_name(one: &str, other: &str) -> bool {
    one == other || folded(one) == folded(other)
}

/// A folded name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Folded(Box<str>);

impl Folded {
    fn of(text: &str) -> Self {
        Self(folded(text).into())
    }
}

/// Where a directory number may appear.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Appearances {
    devices: Vec<DeviceName>,
    profiles: Vec<ProfileName>,
}

/// The snapshot. Made by a [`Builder`]; read by everybody.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    users: HashMap<Folded, Arc<EndUser>>,
    app_users: HashMap<Folded, Arc<AppUser>>,
    devices: HashMap<Folded, Arc<Device>>,
    profiles: HashMap<Folded, Arc<DeviceProfile>>,
    owned: HashMap<UserId, Vec<DeviceName>>,
    /// Profiles that name a user as an owner, or as one whose default they are.
    carried: HashMap<UserId, Vec<ProfileName>>,
    /// By digits; of each, by partition: none first, then by name.
    numbers: HashMap<Digits, Vec<(Option<Partition>, Appearances)>>,
    order: Order,
}

/// Configuration order, which lists show.
#[derive(Clone, Debug, Default)]
struct Order {
    users: Vec<UserId>,
    app_users: Vec<UserId>,
    devices: Vec<DeviceName>,
    profiles: Vec<ProfileName>,
}

impl Directory {
    /// The end user by that id, in any letter case.
    pub fn end_user(&self, id: &str) -> Option<&Arc<EndUser>> {
        self.users.get(&Folded::of(id))
    }

    /// The application user by that id, in any letter case.
    pub fn app_user(&self, id: &str) -> Option<&Arc<AppUser>> {
        self.app_users.get(&Folded::of(id))
    }

    /// Either kind of user; a person before an application of the same id.
    pub fn account(&self, id: &str) -> Option<Account<'_>> {
        let person = self.end_user(id).map(|user| Account::End(user));
        person.or_else(|| self.app_user(id).map(|user| Account::App(user)))
    }

    /// The device by that name, in any letter case.
    pub fn device(&self, name: &str) -> Option<&Arc<Device>> {
        self.devices.get(&Folded::of(name))
    }

    /// The profile by that name, in any letter case.
    pub fn profile(&self, name: &str) -> Option<&Arc<DeviceProfile>> {
        self.profiles.get(&Folded::of(name))
    }

    /// All end users, in configuration order.
    pub fn end_users(&self) -> impl Iterator<Item = &Arc<EndUser>> {
        self.order
            .users
            .iter()
            .filter_map(|id| self.end_user(id.as_str()))
    }

    /// All application users, in configuration order.
    pub fn app_users(&self) -> impl Iterator<Item = &Arc<AppUser>> {
        self.order
            .app_users
            .iter()
            .filter_map(|id| self.app_user(id.as_str()))
    }

    /// All devices, in configuration order.
    pub fn devices(&self) -> impl Iterator<Item = &Arc<Device>> {
        self.order
            .devices
            .iter()
            .filter_map(|name| self.device(name.as_str()))
    }

    /// All profiles, in configuration order.
    pub fn profiles(&self) -> impl Iterator<Item = &Arc<DeviceProfile>> {
        self.order
            .profiles
            .iter()
            .filter_map(|name| self.profile(name.as_str()))
    }

    /// The devices a user may act with by configuration: associated ones first, then owned ones, each once.
    pub fn devices_of(&self, user: &EndUser) -> Vec<&Arc<Device>> {
        let owned = self
            .owned
            .get(&user.id)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let mut seen: Vec<&Arc<Device>> = Vec::with_capacity(user.devices.len());
        for name in user.devices.iter().chain(owned) {
            if let Some(device) = self.device(name.as_str())
                && !seen.iter().any(|d| d.name == device.name)
            {
                seen.push(device);
            }
        }
        seen
    }

    /// The profiles a user may log in with: associated ones first, then those that name him, each once.
    pub fn profiles_of(&self, user: &EndUser) -> Vec<&Arc<DeviceProfile>> {
        let carried = self.carried.get(&user.id).map(Vec::as_slice);
        let mut seen: Vec<&Arc<DeviceProfile>> = Vec::with_capacity(user.profiles.len());
        for name in user.profiles.iter().chain(carried.unwrap_or_default()) {
            if let Some(profile) = self.profile(name.as_str())
                && !seen.iter().any(|p| p.name == profile.name)
            {
                seen.push(profile);
            }
        }
        seen
    }

    /// The profile a user has when he names none: his default, else his first. [mobility §7.3]
    pub fn default_profile(&self, user: &EndUser) -> Option<&Arc<DeviceProfile>> {
        let profiles = self.profiles_of(user);
        let is_default = |profile: &&&Arc<DeviceProfile>| {
            let mut users = profile.default_for.iter();
            users.any(|id| same_name(id.as_str(), user.id.as_str()))
        };
        let flagged = profiles.iter().find(is_default);
        flagged.or(profiles.first()).copied()
    }

    /// The directory number that these typed digits mean: no partition first, then by name. `None` for outside numbers.
    pub fn resolve(&self, digits: &str) -> Option<DirectoryNumber> {
        let (digits, partitions) = self.numbers.get_key_value(&Digits::from(digits))?;
        let (partition, _) = partitions.first()?;
        Some(DirectoryNumber {
            digits: digits.clone(),
            partition: partition.clone(),
        })
    }

    /// The devices that have this number by configuration, in configuration order.
    pub fn devices_with(&self, number: &DirectoryNumber) -> &[DeviceName] {
        self.appearances(number)
            .map(|a| a.devices.as_slice())
            .unwrap_or_default()
    }

    /// The profiles that carry this number, in configuration order.
    pub fn profiles_with(&self, number: &DirectoryNumber) -> &[ProfileName] {
        self.appearances(number)
            .map(|a| a.profiles.as_slice())
            .unwrap_or_default()
    }

    fn appearances(&self, number: &DirectoryNumber) -> Option<&Appearances> {
        let partitions = self.numbers.get(&number.digits)?;
        let found = partitions.binary_search_by(|(partition, _)| partition.cmp(&number.partition));
        Some(&partitions[found.ok()?].1)
    }
}
