//! Users, applications, devices, profiles and lines: as they are shown, and as they are put.
//!
//! What was read can be sent back: fields that only the server knows are taken and ignored. Secrets go in and never come out.

use crate::Secret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Names and ids: at most 128 characters, none a control character, no white space at either end.
pub const NAME_PATTERN: &str =
    r"^[^\x00-\x20\x7f-\xa0]([^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\xa0])?$";
/// Directory numbers.
pub const NUMBER_PATTERN: &str = r"^[0-9*#+ABCD]{1,50}$";

/// A secret in a body that is sent; nothing else may write one out.
mod secret {
    use crate::Secret;
    use serde::de::{Error, Visitor};
    use serde::{Deserializer, Serialize, Serializer};
    use std::fmt;

    pub(super) fn serialize<S: Serializer>(
        secret: &Option<Secret>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        secret.as_ref().map(Secret::expose).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Secret>, D::Error> {
        deserializer.deserialize_option(Text)
    }

    /// Takes a text or nothing. Of anything else it does not say what it was: a PIN that came as a number would be read by
    /// whoever reads the answer.
    struct Text;

    impl<'de> Visitor<'de> for Text {
        type Value = Option<Secret>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }

        fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<Self::Value, D::Error> {
            // Asked for a string, the JSON library would itself repeat the number that it finds.
            inner.deserialize_any(self)
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
            Ok(Some(Secret::from(text)))
        }

        fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
            Err(no_text())
        }

        fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
            Err(no_text())
        }

        fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
            Err(no_text())
        }

        fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
            Err(no_text())
        }
    }

    fn no_text<E: Error>() -> E {
        E::custom("a secret must be a string")
    }
}

/// Whether an account may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Credential {
    /// The password works.
    #[default]
    Active,
    /// No password works.
    Locked,
    /// The password must be changed first.
    Expired,
}

/// A line: digits and partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The digits.
    #[schema(min_length = 1, max_length = 50, pattern = "^[0-9*#+ABCD]{1,50}$")]
    pub number: String,
    /// The partition, if any.
    #[serde(default)]
    #[schema(
        min_length = 1,
        max_length = 128,
        pattern = r"^[^\x00-\x20\x7f-\xa0]([^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\xa0])?$"
    )]
    pub partition: Option<String>,
}

/// A line of a device or profile, with its place there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceLine {
    /// From 1. Ignored in a body: the order of the list says it.
    #[serde(default, deserialize_with = "super::whole")]
    #[schema(maximum = 9_007_199_254_740_991_u64)]
    pub index: usize,
    /// The digits.
    #[schema(min_length = 1, max_length = 50, pattern = "^[0-9*#+ABCD]{1,50}$")]
    pub number: String,
    /// The partition, if any.
    #[serde(default)]
    #[schema(
        min_length = 1,
        max_length = 128,
        pattern = r"^[^\x00-\x20\x7f-\xa0]([^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\xa0])?$"
    )]
    pub partition: Option<String>,
}

/// An end user. Secrets are never shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct User {
    /// The id.
    pub id: String,
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
    /// Device names.
    pub devices: Vec<String>,
    /// Profile names.
    pub profiles: Vec<String>,
    /// The primary extension.
    pub primary_line: Option<Line>,
    /// Rights.
    pub rights: Vec<String>,
    /// May the account be used?
    pub credential: Credential,
    /// Is this his home cluster? Nobody logs in by Extension Mobility in another one.
    pub home_cluster: bool,
    /// His own longest login by Extension Mobility, in minutes.
    pub max_login_minutes: Option<u32>,
}

/// An end user as it is put. Without a secret he keeps the one he has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserBody {
    /// The id.
    #[schema(
        min_length = 1,
        max_length = 128,
        pattern = r"^[^\x00-\x20\x7f-\xa0]([^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\xa0])?$"
    )]
    pub id: String,
    /// Given name.
    #[serde(default)]
    pub first_name: String,
    /// Family name.
    #[serde(default)]
    pub last_name: String,
    /// Device names.
    #[serde(default)]
    pub devices: Vec<String>,
    /// Profile names.
    #[serde(default)]
    pub profiles: Vec<String>,
    /// The primary extension.
    #[serde(default)]
    pub primary_line: Option<Line>,
    /// Rights.
    #[serde(default)]
    pub rights: Vec<String>,
    /// May the account be used?
    #[serde(default)]
    pub credential: Credential,
    /// Is this his home cluster? Yes, if nothing is said.
    #[serde(default)]
    pub home_cluster: Option<bool>,
    /// His own longest login by Extension Mobility, in minutes; counts where `mobility.user_max_login_time` says so.
    #[serde(default, deserialize_with = "super::whole_or_none")]
    #[schema(minimum = 1, maximum = 10_080)]
    pub max_login_minutes: Option<u32>,
    /// The password.
    #[serde(default, with = "secret", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, write_only)]
    pub password: Option<Secret>,
    /// Or its Argon2 hash, a PHC string.
    #[serde(default, with = "secret", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, write_only, pattern = r"^\$argon2id?\$.*")]
    pub password_hash: Option<Secret>,
    /// The PIN.
    #[serde(default, with = "secret", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, write_only)]
    pub pin: Option<Secret>,
    /// Or its Argon2 hash, a PHC string.
    #[serde(default, with = "secret", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, write_only, pattern = r"^\$argon2id?\$.*")]
    pub pin_hash: Option<Secret>,
}

/// Users.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Users {
    /// The users, in configuration order.
    pub users: Vec<User>,
    /// For `?after=`, when there are more.
    pub next: Option<String>,
}

/// An application that acts for people. Secrets are never shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AppUser {
    /// The id.
    pub id: String,
    /// Rights.
    pub rights: Vec<String>,
    /// Device names.
    pub devices: Vec<String>,
    /// May the account be used?
    pub credential: Credential,
}

/// An application user as it is put. Without a secret it keeps the one it has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AppUserBody {
    /// The id.
    #[schema(
        min_length = 1,
        max_length = 128,
        pattern = r"^[^\x00-\x20\x7f-\xa0]([^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\xa0])?$"
    )]
    pub id: String,
    /// Rights.
    #[serde(default)]
    pub rights: Vec<String>,
    /// Device names.
    #[serde(default)]
    pub devices: Vec<String>,
    /// May the account be used?
    #[serde(default)]
    pub credential: Credential,
    /// The password.
    #[serde(default, with = "secret", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, write_only)]
    pub password: Option<Secret>,
    /// Or its Argon2 hash, a PHC string.
    #[serde(default, with = "secret", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, write_only, pattern = r"^\$argon2id?\$.*")]
    pub password_hash: Option<Secret>,
}

/// Application users.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct AppUsers {
    /// The application users, in configuration order.
    pub app_users: Vec<AppUser>,
    /// For `?after=`, when there are more.
    pub next: Option<String>,
}

/// What a phone speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Protocol {
    /// SIP.
    Sip,
    /// Skinny.
    Sccp,
}

/// A device as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Device {
    /// The name.
    pub name: String,
    /// The model.
    pub model: String,
    /// `SIP` or `SCCP`.
    pub protocol: Protocol,
    /// Free text.
    pub description: String,
    /// The owner.
    pub owner: Option<String>,
    /// Where its HTTP server answers.
    pub address: String,
    /// The lines it carries now.
    pub lines: Vec<DeviceLine>,
    /// The lines it has by configuration; others are carried while somebody is logged in.
    pub configured_lines: Vec<DeviceLine>,
    /// May users log in to it?
    pub em_enabled: bool,
    /// Is it registered?
    pub registered: bool,
    /// Who sits there, else the owner.
    pub user: Option<String>,
}

/// A device as it is put.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceBody {
    /// The name.
    #[schema(
        min_length = 1,
        max_length = 128,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]+$"
    )]
    pub name: String,
    /// The model, such as `Cisco 8845`.
    #[schema(
        min_length = 1,
        max_length = 128,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]+$"
    )]
    pub model: String,
    /// `SIP` or `SCCP`; without it what the model speaks.
    #[serde(default)]
    pub protocol: Option<Protocol>,
    /// Free text.
    #[serde(default)]
    pub description: String,
    /// The owner.
    #[serde(default)]
    pub owner: Option<String>,
    /// Where its HTTP server answers.
    #[serde(default)]
    pub address: Option<String>,
    /// The lines it has by configuration, the first one first.
    #[serde(default)]
    pub lines: Vec<DeviceLine>,
    /// The same again, as a reader gets it: it must agree with `lines`, unless those are what is carried now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configured_lines: Option<Vec<DeviceLine>>,
    /// May users log in to it?
    #[serde(default)]
    pub em_enabled: bool,
    /// Ignored.
    #[serde(default, skip_serializing)]
    pub registered: Option<bool>,
    /// Ignored.
    #[serde(default, skip_serializing)]
    pub user: Option<String>,
}

/// Devices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Devices {
    /// The devices, in configuration order.
    pub devices: Vec<Device>,
    /// For `?after=`, when there are more.
    pub next: Option<String>,
}

/// A device profile: the lines a user carries to a device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// The name.
    #[schema(
        min_length = 1,
        max_length = 128,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]+$"
    )]
    pub name: String,
    /// The model it was made for.
    #[schema(
        min_length = 1,
        max_length = 128,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]+$"
    )]
    pub model: String,
    /// The users who may use it.
    #[serde(default)]
    pub owners: Vec<String>,
    /// The users whose default it is.
    #[serde(default)]
    pub default_for: Vec<String>,
    /// Its lines, the first one first.
    #[serde(default)]
    pub lines: Vec<DeviceLine>,
}

/// Profiles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Profiles {
    /// The profiles, in configuration order.
    pub profiles: Vec<Profile>,
    /// For `?after=`, when there are more.
    pub next: Option<String>,
}

/// A directory number and where it appears.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Appearance {
    /// The digits.
    pub number: String,
    /// The partition, if any.
    pub partition: Option<String>,
    /// The devices that have it by configuration.
    pub devices: Vec<String>,
    /// The profiles that carry it.
    pub profiles: Vec<String>,
    /// The users whose primary extension it is.
    pub primary_of: Vec<String>,
}

/// Directory numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Lines {
    /// By digits, then partition: none first.
    pub lines: Vec<Appearance>,
    /// For `?after=`, when there are more.
    pub next: Option<String>,
}

/// The lines of one device or profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeviceLines {
    /// By configuration, the first one first.
    pub lines: Vec<DeviceLine>,
}

/// What an import does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Imported {
    /// What differs: one line for each entry that is added (`+`), changed (`~`, with what) or removed (`-`). At most the first thousand.
    pub changes: Vec<String>,
    /// So many entries are added.
    pub added: usize,
    /// So many are changed.
    pub changed: usize,
    /// So many are removed.
    pub removed: usize,
    /// Was it done? Not in a dry run.
    pub done: bool,
}
