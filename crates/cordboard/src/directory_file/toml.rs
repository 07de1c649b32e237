//! The directory as TOML: one table for each user, application user, device and profile.

use super::{Contents, FileError, Hasher, number};
use cordboard_core::Wall;
use cordboard_core::directory::{
    AppUser, CredentialState, Device, DeviceProfile, Directory, EndUser, PasswordHash, Protocol,
    Right,
};
use cordboard_core::exchange::MobilityLogin;
use cordboard_store::UserToken;
use serde::{Deserialize, Serialize};

/// A file is read in pieces of about so many bytes.
const PIECE: usize = 256 * 1_024;

/// The file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
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
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    login: Vec<LoginRow>,
    /// Tokens that are valid from the start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    token: Vec<TokenRow>,
    #[serde(skip)]
    place: Places,
}

/// The file, to find the place of what is wrong.
#[derive(Clone, Debug, Default)]
struct Places {
    file: String,
    text: String,
}

impl Places {
    /// A fault of the entry with this name or id: where it stands, and why.
    fn fault(&self, name: &str, why: &str) -> FileError {
        // Searched only when something is wrong.
        let keys = ["id", "name"];
        let line = self.text.lines().position(|line| {
            let Some((key, value)) = line.split_once('=') else {
                return false;
            };
            keys.contains(&key.trim()) && value.trim().trim_matches(['"', '\'']) == name
        });
        FileError(match line {
            Some(line) => format!("{}, line {}: {why}", self.file, line + 1),
            None => format!("{}: {why}", self.file),
        })
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
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
    home_cluster: Option<bool>,
    max_login_minutes: Option<u32>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
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

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
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

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
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

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LoginRow {
    user: String,
    device: String,
    profile: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenRow {
    token: String,
    user: String,
    /// Milliseconds since 1970; without it the token is valid for ever.
    expires_ms: Option<i64>,
}

impl DirectoryFile {
    /// Reads the file's text; `name` is for messages.
    ///
    /// # Errors
    /// Where it does not read, with its line.
    pub fn parse(name: &str, text: &str) -> Result<Self, FileError> {
        let place = Places {
            file: name.to_owned(),
            text: text.to_owned(),
        };
        if let Some(read) = Self::in_pieces(text) {
            return Ok(Self { place, ..read });
        }
        let read: Self = toml::from_str(text).map_err(|error| {
            let line = error
                .span()
                .map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            let place = line.map_or_else(|| name.to_owned(), |line| format!("{name}, line {line}"));
            FileError(format!("{place}: {}", error.message().replace('\n', " ")))
        })?;
        Ok(Self { place, ..read })
    }

    /// Reads a big file piece by piece, as what the library makes of a text takes twenty times its room. `None` when a piece cannot
    /// be read: a text of several lines may look like the beginning of a table, and errors are told of the whole.
    fn in_pieces(text: &str) -> Option<Self> {
        let mut all = Self::default();
        let mut rest = text;
        while !rest.is_empty() {
            let far = rest.as_bytes().get(PIECE..).unwrap_or_default();
            let next = far.windows(3).position(|bytes| bytes == b"\n[[");
            let end = next.map_or(rest.len(), |at| PIECE + at + 1);
            let (piece, after) = rest.split_at(end);
            let read: Self = toml::from_str(piece).ok()?;
            all.user.extend(read.user);
            all.app_user.extend(read.app_user);
            all.device.extend(read.device);
            all.profile.extend(read.profile);
            all.login.extend(read.login);
            all.token.extend(read.token);
            rest = after;
        }
        Some(all)
    }

    /// Hashes the secrets and makes the parts. `hashed` is called after each hash, with how many there will be: it is what
    /// takes time.
    ///
    /// # Errors
    /// A hash that is none.
    pub fn contents(
        self,
        since: Wall,
        hashed: &mut dyn FnMut(usize, Option<usize>),
    ) -> Result<Contents, FileError> {
        let mut hasher = Hasher::default();
        let total = self.secrets();
        let mut done = 0;
        let mut hash = |id: &str, clear: Option<String>, phc: Option<String>| {
            done += 1;
            hashed(done, Some(total));
            if [&clear, &phc].into_iter().flatten().any(String::is_empty) {
                let why = "a password or PIN must not be empty; left out, it stays as it is";
                return Err(self.place.fault(id, why));
            }
            let taken = hasher.take(clear.as_deref(), phc.as_deref());
            taken.map_err(|why| self.place.fault(id, &format!("a hash {why}")))
        };
        let lines = |place: &Places, name: &str, lines: &[String]| {
            let read = lines.iter().map(|line| {
                let why = || place.fault(name, &format!("{line:?} is no directory number"));
                number(line).ok_or_else(why)
            });
            read.collect::<Result<Vec<_>, FileError>>()
        };
        let mut contents = Contents::default();
        for row in self.user {
            contents.builder.users.push(EndUser {
                password_hash: hash(&row.id, row.password, row.password_hash)?,
                pin_hash: hash(&row.id, row.pin, row.pin_hash)?,
                id: row.id.as_str().into(),
                first_name: row.first_name,
                last_name: row.last_name,
                devices: row.devices.into_iter().map(Into::into).collect(),
                profiles: row.profiles.into_iter().map(Into::into).collect(),
                primary_line: lines(&self.place, &row.id, row.primary_line.as_slice())?.pop(),
                rights: row.rights.into_iter().map(Right).collect(),
                credential: row.credential,
                home_cluster: row.home_cluster.unwrap_or(true),
                max_login_minutes: row.max_login_minutes,
            });
        }
        for row in self.app_user {
            contents.builder.app_users.push(AppUser {
                password_hash: hash(&row.id, row.password, row.password_hash)?,
                id: row.id.into(),
                rights: row.rights.into_iter().map(Right).collect(),
                devices: row.devices.into_iter().map(Into::into).collect(),
                credential: row.credential,
            });
        }
        for row in self.device {
            contents.builder.devices.push(Device {
                lines: lines(&self.place, &row.name, &row.lines)?,
                name: row.name.into(),
                protocol: row
                    .protocol
                    .unwrap_or_else(|| Protocol::of_model(&row.model)),
                model: row.model,
                description: row.description,
                owner: row.owner.map(Into::into),
                address: row.address,
                em_enabled: row.em_enabled,
            });
        }
        for row in self.profile {
            contents.builder.profiles.push(DeviceProfile {
                lines: lines(&self.place, &row.name, &row.lines)?,
                name: row.name.into(),
                model: row.model,
                owners: row.owners.into_iter().map(Into::into).collect(),
                default_for: row.default_for.into_iter().map(Into::into).collect(),
            });
        }
        for row in self.login {
            contents.logins.push(MobilityLogin {
                device: row.device.into(),
                user: row.user.into(),
                profile: row.profile.into(),
                since,
                until: None,
                origin: "".into(),
                by: None,
                mismatched: false,
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
        // Only what fits together is taken.
        match contents.builder.fits() {
            Ok(()) => Ok(contents),
            Err(error) => {
                let name = super::named(&error).unwrap_or_default();
                Err(self.place.fault(name, &error.to_string()))
            }
        }
    }

    fn secrets(&self) -> usize {
        self.user.len() * 2 + self.app_user.len()
    }
}

/// Writes a directory.
pub fn write(directory: &Directory, secrets: bool) -> String {
    let hash = |hash: &Option<PasswordHash>| {
        let shown = hash.as_ref().filter(|_| secrets);
        shown.map(|hash| hash.expose().to_owned())
    };
    fn texts<T: ToString>(items: &[T]) -> Vec<String> {
        items.iter().map(ToString::to_string).collect()
    }
    fn rights(rights: &[Right]) -> Vec<String> {
        rights.iter().map(|right| right.0.clone()).collect()
    }
    let file = DirectoryFile {
        user: directory
            .end_users()
            .map(|user| UserRow {
                id: user.id.to_string(),
                first_name: user.first_name.clone(),
                last_name: user.last_name.clone(),
                password_hash: hash(&user.password_hash),
                pin_hash: hash(&user.pin_hash),
                devices: texts(&user.devices),
                profiles: texts(&user.profiles),
                primary_line: user.primary_line.as_ref().map(ToString::to_string),
                rights: rights(&user.rights),
                credential: user.credential,
                home_cluster: (!user.home_cluster).then_some(false),
                max_login_minutes: user.max_login_minutes,
                ..UserRow::default()
            })
            .collect(),
        app_user: directory
            .app_users()
            .map(|user| AppUserRow {
                id: user.id.to_string(),
                password_hash: hash(&user.password_hash),
                rights: rights(&user.rights),
                devices: texts(&user.devices),
                credential: user.credential,
                ..AppUserRow::default()
            })
            .collect(),
        device: directory
            .devices()
            .map(|device| DeviceRow {
                name: device.name.to_string(),
                model: device.model.clone(),
                protocol: Some(device.protocol),
                description: device.description.clone(),
                owner: device.owner.as_ref().map(ToString::to_string),
                address: device.address.clone(),
                lines: texts(&device.lines),
                em_enabled: device.em_enabled,
            })
            .collect(),
        profile: directory
            .profiles()
            .map(|profile| ProfileRow {
                name: profile.name.to_string(),
                model: profile.model.clone(),
                owners: texts(&profile.owners),
                default_for: texts(&profile.default_for),
                lines: texts(&profile.lines),
            })
            .collect(),
        ..DirectoryFile::default()
    };
    // Rows of texts, numbers and lists can always be written as TOML.
    toml::to_string(&file).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Longer than a piece, with the beginning of a table in a text of several lines.
    fn long(last: &str) -> String {
        let text = "first\n[[user]]\nlast";
        let row = |n: usize| format!("[[device]]\nname = \"D{n}\"\nmodel = \"\"\"{text}\"\"\"\n");
        let rows = PIECE / 10;
        (0..rows).map(row).collect::<String>() + last
    }

    #[test]
    fn a_big_file_is_read_as_a_small_one_whatever_its_texts_hold() {
        let file = DirectoryFile::parse("f", &long("[[user]]\nid = \"u\"\n")).unwrap();
        assert_eq!((file.device.len(), file.user.len()), (PIECE / 10, 1));
        assert_eq!(file.device[9].model, "first\n[[user]]\nlast");
    }

    #[test]
    fn a_fault_of_a_big_file_is_told_with_its_line() {
        let text = long("[[user]]\nid = 7\n");
        let lines = text.lines().count();
        let fault = DirectoryFile::parse("f", &text).unwrap_err();
        assert!(
            fault.0.starts_with(&format!("f, line {lines}: ")),
            "{fault}"
        );
    }
}
