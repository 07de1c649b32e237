//! The directory as a TOML file: what `admin import` and `lab --directory` read.
//!
//! Clear-text passwords and PINs are hashed when the file is taken; `password_hash` and `pin_hash` are taken as they are.

use cordboard_core::Wall;
use cordboard_core::directory::{
    AppUser, Builder, CredentialState, Device, DeviceProfile, EndUser, PasswordHash, Protocol,
    Right,
};
use cordboard_core::exchange::MobilityLogin;
use cordboard_core::ids::DirectoryNumber;
use cordboard_store::{UserToken, passwords};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// The file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectoryFile {
    #[serde(default)]
    user: Vec<UserRow>,
    #[serde(default)]
    app_user: Vec<AppUserRow>,
    #[serde(default)]
    device: Vec<DeviceRow>,
    #[serde(default)]
    profile: Vec<ProfileRow>,
    /// Who sits where from the start.
    #[serde(default)]
    login: Vec<LoginRow>,
    /// Tokens that are valid from the start.
    #[serde(default)]
    token: Vec<TokenRow>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct UserRow {
    id: String,
    #[serde(default)]
    first_name: String,
    #[serde(default)]
    last_name: String,
    password: Option<String>,
    password_hash: Option<String>,
    pin: Option<String>,
    pin_hash: Option<String>,
    #[serde(default)]
    devices: Vec<String>,
    #[serde(default)]
    profiles: Vec<String>,
    primary_line: Option<String>,
    #[serde(default)]
    rights: Vec<String>,
    #[serde(default)]
    credential: CredentialState,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AppUserRow {
    id: String,
    password: Option<String>,
    password_hash: Option<String>,
    #[serde(default)]
    rights: Vec<String>,
    #[serde(default)]
    devices: Vec<String>,
    #[serde(default)]
    credential: CredentialState,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeviceRow {
    name: String,
    model: String,
    protocol: Option<Protocol>,
    #[serde(default)]
    description: String,
    owner: Option<String>,
    address: Option<String>,
    #[serde(default)]
    lines: Vec<String>,
    #[serde(default)]
    em_enabled: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProfileRow {
    name: String,
    model: String,
    #[serde(default)]
    owners: Vec<String>,
    #[serde(default)]
    default_for: Vec<String>,
    #[serde(default)]
    lines: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LoginRow {
    user: String,
    device: String,
    profile: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenRow {
    token: String,
    user: String,
    /// Milliseconds since 1970; without it the token is valid for ever.
    expires_ms: Option<i64>,
}

/// What the file says, ready to be used.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Contents {
    /// The directory's parts.
    pub builder: Builder,
    /// Who sits where.
    pub logins: Vec<MobilityLogin>,
    /// Tokens that stand for users.
    pub tokens: Vec<UserToken>,
}

/// What is wrong with a directory file; one sentence with file, line and what to mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FileError(String);

impl DirectoryFile {
    /// Reads the file's text; `name` is for messages.
    ///
    /// # Errors
    /// Where it does not read, with its line.
    pub fn parse(name: &str, text: &str) -> Result<Self, FileError> {
        toml::from_str(text).map_err(|error| {
            let line = error
                .span()
                .map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            let place = line.map_or_else(|| name.to_owned(), |line| format!("{name}, line {line}"));
            FileError(format!("{place}: {}", error.message().replace('\n', " ")))
        })
    }

    /// Hashes the secrets and makes the parts. `hashed` is called after each hash, with how many there will be: it is what
    /// takes time.
    ///
    /// # Errors
    /// A hash that is none.
    pub fn contents(
        self,
        since: Wall,
        mut hashed: impl FnMut(usize, usize),
    ) -> Result<Contents, FileError> {
        let mut hasher = Hasher::default();
        let total = self.secrets();
        let mut done = 0;
        let mut hash = |clear: Option<String>, phc: Option<String>| {
            done += 1;
            hashed(done, total);
            hasher.take(clear, phc)
        };
        let mut contents = Contents::default();
        for row in self.user {
            contents.builder.users.push(EndUser {
                password_hash: hash(row.password, row.password_hash)?,
                pin_hash: hash(row.pin, row.pin_hash)?,
                id: row.id.as_str().into(),
                first_name: row.first_name,
                last_name: row.last_name,
                devices: row.devices.into_iter().map(Into::into).collect(),
                profiles: row.profiles.into_iter().map(Into::into).collect(),
                primary_line: row.primary_line.as_deref().and_then(number),
                rights: row.rights.into_iter().map(Right).collect(),
                credential: row.credential,
            });
        }
        for row in self.app_user {
            contents.builder.app_users.push(AppUser {
                password_hash: hash(row.password, row.password_hash)?,
                id: row.id.into(),
                rights: row.rights.into_iter().map(Right).collect(),
                devices: row.devices.into_iter().map(Into::into).collect(),
                credential: row.credential,
            });
        }
        for row in self.device {
            contents.builder.devices.push(Device {
                name: row.name.into(),
                protocol: row
                    .protocol
                    .unwrap_or_else(|| Protocol::of_model(&row.model)),
                model: row.model,
                description: row.description,
                owner: row.owner.map(Into::into),
                address: row.address,
                lines: row.lines.iter().filter_map(|line| number(line)).collect(),
                em_enabled: row.em_enabled,
            });
        }
        for row in self.profile {
            contents.builder.profiles.push(DeviceProfile {
                name: row.name.into(),
                model: row.model,
                owners: row.owners.into_iter().map(Into::into).collect(),
                default_for: row.default_for.into_iter().map(Into::into).collect(),
                lines: row.lines.iter().filter_map(|line| number(line)).collect(),
            });
        }
        for row in self.login {
            contents.logins.push(MobilityLogin {
                device: row.device.into(),
                user: row.user.into(),
                profile: row.profile.into(),
                since,
            });
        }
        for row in self.token {
            contents.tokens.push(UserToken {
                hash: crate::services::tokens::hash(&row.token),
                user: row.user.into(),
                created: since,
                expires: row.expires_ms.map(Wall),
            });
        }
        Ok(contents)
    }

    fn secrets(&self) -> usize {
        self.user.len() * 2 + self.app_user.len()
    }
}

/// A line as people write it: `1001`, or `1001 ; Sales`.
fn number(text: &str) -> Option<DirectoryNumber> {
    let (digits, partition) = match text.split_once(';') {
        Some((digits, partition)) => (digits.trim(), Some(partition.trim())),
        None => (text.trim(), None),
    };
    let partition = partition.filter(|p| !p.is_empty() && !p.eq_ignore_ascii_case("no partition"));
    (!digits.is_empty()).then(|| DirectoryNumber {
        digits: digits.into(),
        partition: partition.map(Into::into),
    })
}

/// Hashes each distinct secret of a file once: a thousand phones with the PIN 12345 share one hash.
#[derive(Debug, Default)]
struct Hasher {
    known: HashMap<String, PasswordHash>,
}

impl Hasher {
    fn take(
        &mut self,
        clear: Option<String>,
        phc: Option<String>,
    ) -> Result<Option<PasswordHash>, FileError> {
        if let Some(phc) = phc {
            if !passwords::is_usable(&phc) {
                return Err(FileError(
                    "a password_hash or pin_hash is not an Argon2 PHC string".to_owned(),
                ));
            }
            return Ok(Some(PasswordHash::new(phc)));
        }
        Ok(clear.map(|clear| {
            self.known
                .entry(clear.clone())
                .or_insert_with(|| passwords::hash(&clear))
                .clone()
        }))
    }
}
