//! The directory as a file: what `admin import` and `lab --directory` read and `admin export` writes.
//!
//! Two formats hold the same: TOML ([`toml`]), and CSV headed like the original's bulk tool ([`csv`]). Clear-text passwords and
//! PINs are hashed when a file is taken; hashes are taken as they are. [`diff`] says what a file would change.

pub mod csv;
pub mod diff;
mod merge;
pub mod toml;

use cordboard_core::directory::{Builder, Directory, DirectoryError, NUMBER_MAX, PasswordHash};
use cordboard_core::exchange::MobilityLogin;
use cordboard_core::ids::DirectoryNumber;
use cordboard_core::now::Wall;
use cordboard_store::{UserToken, passwords};
use diff::Difference;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::Path;

/// What a file says, ready to be used.
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
pub struct FileError(pub(crate) String);

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Tables of values.
    Toml,
    /// A table of cells, headed like the original's bulk tool.
    Csv,
}

impl Format {
    /// The format of a file by its name: `.csv`, else TOML.
    pub fn of(path: &Path) -> Self {
        match path.extension() {
            Some(extension) if extension.eq_ignore_ascii_case("csv") => Self::Csv,
            _ => Self::Toml,
        }
    }
}

/// Reads a file's text; `name` is for messages, `hashed` is called as secrets are hashed, with how many there will be as far as
/// that is known.
///
/// # Errors
/// Where it does not read or its parts do not fit together.
pub fn read(
    format: Format,
    name: &str,
    text: &str,
    since: Wall,
    hashed: &mut dyn FnMut(usize, Option<usize>),
) -> Result<Contents, FileError> {
    match format {
        Format::Toml => toml::DirectoryFile::parse(name, text)?.contents(since, hashed),
        Format::Csv => csv::read(name, text.as_bytes(), hashed),
    }
}

/// Writes a directory; with its secrets' hashes only if that is asked for.
pub fn write(format: Format, directory: &Directory, secrets: bool) -> String {
    match format {
        Format::Toml => toml::write(directory, secrets),
        Format::Csv => csv::write(directory, secrets),
    }
}

impl Contents {
    /// Does it name no entry at all? Whoever imports that has taken a wrong file.
    pub fn names_nothing(&self) -> bool {
        let Builder {
            users,
            app_users,
            devices,
            profiles,
        } = &self.builder;
        users.is_empty() && app_users.is_empty() && devices.is_empty() && profiles.is_empty()
    }

    /// The directory that it makes of another one, and how they differ. Secrets that it does not give stay. With `merge`, so does
    /// everything else that it does not name or leaves empty.
    ///
    /// # Errors
    /// When the parts do not fit together.
    pub fn over(
        &mut self,
        old: &Directory,
        merge: bool,
    ) -> Result<(Directory, Difference), DirectoryError> {
        merge::keep_secrets(&mut self.builder, old);
        if merge {
            merge::keep_the_rest(&mut self.builder, old);
        }
        let directory = std::mem::take(&mut self.builder).build()?;
        let difference = Difference::between(old, &directory);
        Ok((directory, difference))
    }
}

/// A line as people write it: `1001`, or `1001 ; Sales`. `None` for a number that no phone can have.
fn number(text: &str) -> Option<DirectoryNumber> {
    let (digits, partition) = match text.split_once(';') {
        Some((digits, partition)) => (digits.trim(), Some(partition.trim())),
        None => (text.trim(), None),
    };
    let partition = partition.filter(|p| !p.is_empty() && !p.eq_ignore_ascii_case("no partition"));
    let known = |b: u8| b.is_ascii_digit() || b"*#+ABCD".contains(&b);
    let fits = !digits.is_empty() && digits.len() <= NUMBER_MAX && digits.bytes().all(known);
    fits.then(|| DirectoryNumber {
        digits: digits.into(),
        partition: partition.map(Into::into),
    })
}

/// The entry that an error of the parts speaks of, to find its place in the file.
fn named(error: &DirectoryError) -> Option<&str> {
    match error {
        DirectoryError::TwoUsers(id)
        | DirectoryError::BadLoginTime(id)
        | DirectoryError::NoSuchDevice { user: id, .. } => Some(id.as_str()),
        DirectoryError::NoSuchProfile { user, .. } => Some(user.as_str()),
        DirectoryError::TwoDevices(name) => Some(name.as_str()),
        DirectoryError::TwoProfiles(name) => Some(name.as_str()),
        DirectoryError::BadName(name)
        | DirectoryError::BadNumber { of: name, .. }
        | DirectoryError::TwoLines { of: name, .. }
        | DirectoryError::NoSuchUser { of: name, .. }
        | DirectoryError::BadText { of: name, .. } => Some(name),
        DirectoryError::Empty(_) => None,
    }
}

/// Hashes each distinct secret of a file once: a thousand phones with the PIN 12345 share one hash.
#[derive(Debug, Default)]
struct Hasher {
    known: HashMap<String, PasswordHash>,
    /// Hashes that came as such: many users of a file may share one.
    given: HashMap<Box<str>, PasswordHash>,
}

impl Hasher {
    /// The hash of a secret that is given in clear or hashed; an empty text is none.
    ///
    /// # Errors
    /// What is wrong with a hash.
    fn take(
        &mut self,
        clear: Option<&str>,
        phc: Option<&str>,
    ) -> Result<Option<PasswordHash>, String> {
        let text = |given: Option<&str>| given.filter(|t| !t.is_empty()).map(str::to_owned);
        if let Some(phc) = text(phc) {
            if let Some(known) = self.given.get(phc.as_str()) {
                return Ok(Some(known.clone()));
            }
            if !passwords::is_usable(&phc) {
                return Err("is not an Argon2 PHC string of reasonable cost".to_owned());
            }
            let hash = PasswordHash::new(phc.as_str());
            if self.given.len() < SHARED {
                self.given.insert(phc.into(), hash.clone());
            }
            return Ok(Some(hash));
        }
        let Some(clear) = text(clear) else {
            return Ok(None);
        };
        if let Some(known) = self.known.get(&clear) {
            return Ok(Some(known.clone()));
        }
        let hash = passwords::hash(&clear).map_err(|empty| empty.to_string())?;
        self.known.insert(clear, hash.clone());
        Ok(Some(hash))
    }
}

/// So many given hashes are looked out for again; more would only cost memory.
const SHARED: usize = 1_000;
