//! Puts a [`Directory`] together and refuses what does not fit together.

use super::kind::{Kind, Row};
use super::{AppUser, Device, DeviceProfile, Directory, EndUser, Right};
use crate::ids::{DeviceName, DirectoryNumber, ProfileName, UserId};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use thiserror::Error;

/// A name or id has at most so many characters.
pub const NAME_MAX: usize = 128;
/// A user's longest login has at most so many minutes: 168 hours, as in the original.
const LOGIN_MAX: u32 = 168 * 60;
/// A directory number has at most so many digits.
pub const NUMBER_MAX: usize = 50;
/// A description or another free text has at most so many characters.
pub const TEXT_MAX: usize = 255;

/// What is wrong with the parts of a directory.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DirectoryError {
    /// Two users, end users or application users, whose ids differ at most in letter case: an id is asked for without saying of
    /// which kind its user is.
    #[error("user {0} is there twice")]
    TwoUsers(UserId),
    /// Two devices whose names differ at most in letter case.
    #[error("device {0} is there twice")]
    TwoDevices(DeviceName),
    /// Two profiles whose names differ at most in letter case.
    #[error("profile {0} is there twice")]
    TwoProfiles(ProfileName),
    /// A user names a device that is not there.
    #[error("user {user} names device {device}, which does not exist")]
    NoSuchDevice {
        /// Who names it.
        user: UserId,
        /// What is missing.
        device: DeviceName,
    },
    /// A user names a profile that is not there.
    #[error("user {user} names profile {profile}, which does not exist")]
    NoSuchProfile {
        /// Who names it.
        user: UserId,
        /// What is missing.
        profile: ProfileName,
    },
    /// A device or a profile names a user who is not there.
    #[error("{of} names user {user}, who does not exist")]
    NoSuchUser {
        /// What names him.
        of: String,
        /// Who is missing.
        user: UserId,
    },
    /// A line is twice on one device or profile.
    #[error("line {line} is twice on {of}")]
    TwoLines {
        /// The device or profile.
        of: String,
        /// The line.
        line: DirectoryNumber,
    },
    /// A free text that is too long or has control characters.
    #[error(
        "the {field} of {of} must be at most {TEXT_MAX} characters, none of them a control character"
    )]
    BadText {
        /// Whose it is.
        of: String,
        /// Which one.
        field: &'static str,
    },
    /// A name or id is empty.
    #[error("an empty {0}")]
    Empty(&'static str),
    /// A name or id that is too long or has characters that no name has.
    #[error(
        "`{0}` is no name: at most {NAME_MAX} characters, none of them a slash, backslash or control character, no white space at either end, nor only dots"
    )]
    BadName(String),
    /// A line with a number that no phone can have.
    #[error(
        "line `{number}` of {of} is no directory number: 1 to {NUMBER_MAX} of 0-9, *, #, + and A-D"
    )]
    BadNumber {
        /// The device, profile or user.
        of: String,
        /// What stands there.
        number: String,
    },
    /// A longest login that is none.
    #[error("the longest login of {0} must be 1 to {LOGIN_MAX} minutes")]
    BadLoginTime(UserId),
}

/// The parts of a directory in configuration order, to be looked at and changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Builder {
    /// People.
    pub users: Vec<EndUser>,
    /// Applications.
    pub app_users: Vec<AppUser>,
    /// Phones and soft clients.
    pub devices: Vec<Device>,
    /// Device profiles.
    pub profiles: Vec<DeviceProfile>,
}

impl Builder {
    /// Checks the parts against each other and indexes them.
    ///
    /// # Errors
    /// As [`Builder::fits`].
    pub fn build(self) -> Result<Directory, DirectoryError> {
        self.draft().build()
    }

    /// The parts packed, to be checked or to have more added.
    pub fn draft(self) -> Draft {
        let mut draft = Draft::default();
        // Of each kind the parts are gone before the next one comes.
        self.users.iter().for_each(|user| draft.user(user));
        drop(self.users);
        self.app_users.iter().for_each(|user| draft.app_user(user));
        self.devices.iter().for_each(|device| draft.device(device));
        drop(self.devices);
        let profiles = self.profiles.iter();
        profiles.for_each(|profile| draft.profile(profile));
        draft
    }

    /// Do the parts fit together?
    ///
    /// # Errors
    /// The first [`DirectoryError`] found, in the order users, application users, devices, profiles, references.
    pub fn fits(&self) -> Result<(), DirectoryError> {
        let mut draft = Draft::default();
        self.users.iter().for_each(|user| draft.user(user));
        self.app_users.iter().for_each(|user| draft.app_user(user));
        self.devices.iter().for_each(|device| draft.device(device));
        let profiles = self.profiles.iter();
        profiles.for_each(|profile| draft.profile(profile));
        draft.build().map(|_| ())
    }
}

/// A directory that is put together entry by entry, so that a big one is never there unpacked. Entries of a kind come in
/// configuration order.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    directory: Directory,
    refused: Option<DirectoryError>,
}

impl Draft {
    /// Adds a person.
    pub fn user(&mut self, user: &EndUser) {
        let taken = self.is_taken(user.id.as_str());
        let twice = taken.then(|| DirectoryError::TwoUsers(user.id.clone()));
        add(&mut self.directory.users, user, twice, &mut self.refused);
    }

    /// Adds an application.
    pub fn app_user(&mut self, user: &AppUser) {
        let taken = self.is_taken(user.id.as_str());
        let twice = taken.then(|| DirectoryError::TwoUsers(user.id.clone()));
        add(
            &mut self.directory.app_users,
            user,
            twice,
            &mut self.refused,
        );
    }

    /// Adds a device.
    pub fn device(&mut self, device: &Device) {
        let taken = self.directory.devices.place(device.name.as_str()).is_some();
        let twice = taken.then(|| DirectoryError::TwoDevices(device.name.clone()));
        add(
            &mut self.directory.devices,
            device,
            twice,
            &mut self.refused,
        );
    }

    /// Adds a profile.
    pub fn profile(&mut self, profile: &DeviceProfile) {
        let taken = self
            .directory
            .profiles
            .place(profile.name.as_str())
            .is_some();
        let twice = taken.then(|| DirectoryError::TwoProfiles(profile.name.clone()));
        add(
            &mut self.directory.profiles,
            profile,
            twice,
            &mut self.refused,
        );
    }

    /// An id is asked for without saying of which kind its user is.
    fn is_taken(&self, id: &str) -> bool {
        let Directory {
            users, app_users, ..
        } = &self.directory;
        users.place(id).is_some() || app_users.place(id).is_some()
    }

    /// What was added so far, whether it fits together or not.
    pub fn so_far(&self) -> &Directory {
        &self.directory
    }

    /// Checks the entries against each other.
    ///
    /// # Errors
    /// What was wrong with the first name that was added wrongly, else with the first reference in the order users, application
    /// users, profiles, devices.
    pub fn build(self) -> Result<Directory, DirectoryError> {
        if let Some(refused) = self.refused {
            return Err(refused);
        }
        self.directory.check()?;
        Ok(self.directory)
    }
}

impl Directory {
    fn check(&self) -> Result<(), DirectoryError> {
        self.users.iter().try_for_each(|user| user.check(self))?;
        self.app_users
            .iter()
            .try_for_each(|user| user.check(self))?;
        self.profiles.iter().try_for_each(|p| p.check(self))?;
        self.devices.iter().try_for_each(|d| d.check(self))
    }
}

fn add<T: Row>(
    kind: &mut Arc<Kind<T>>,
    entry: &T,
    twice: Option<DirectoryError>,
    refused: &mut Option<DirectoryError>,
) {
    match check_name(entry.name()).and_then(|()| check_address(entry.name())) {
        Err(error) => _ = refused.get_or_insert(error),
        Ok(()) => match twice {
            Some(twice) => _ = refused.get_or_insert(twice),
            None => Arc::make_mut(kind).push(entry),
        },
    }
}

/// An entry that says whether it fits to the others.
pub(super) trait Check: Row + Clone {
    fn check(&self, all: &Directory) -> Result<(), DirectoryError>;
}

impl Check for EndUser {
    fn check(&self, all: &Directory) -> Result<(), DirectoryError> {
        let of = self.id.as_str();
        check_lines(of, self.primary_line.as_slice())?;
        check_text(of, "first name", &self.first_name)?;
        check_text(of, "last name", &self.last_name)?;
        check_rights(of, &self.rights)?;
        let time = self.max_login_minutes.unwrap_or(1);
        if !(1..=LOGIN_MAX).contains(&time) {
            return Err(DirectoryError::BadLoginTime(self.id.clone()));
        }
        check_devices(&self.id, &self.devices, all)?;
        let mut profiles = self.profiles.iter();
        match profiles.find(|name| all.profiles.place(name.as_str()).is_none()) {
            None => Ok(()),
            Some(profile) => Err(DirectoryError::NoSuchProfile {
                user: self.id.clone(),
                profile: profile.clone(),
            }),
        }
    }
}

impl Check for AppUser {
    fn check(&self, all: &Directory) -> Result<(), DirectoryError> {
        check_rights(self.id.as_str(), &self.rights)?;
        check_devices(&self.id, &self.devices, all)
    }
}

impl Check for DeviceProfile {
    fn check(&self, all: &Directory) -> Result<(), DirectoryError> {
        let of = self.name.as_str();
        check_lines(of, &self.lines)?;
        check_text(of, "model", &self.model)?;
        check_users(of, self.users(), all)
    }
}

impl Check for Device {
    fn check(&self, all: &Directory) -> Result<(), DirectoryError> {
        let of = self.name.as_str();
        check_lines(of, &self.lines)?;
        check_text(of, "model", &self.model)?;
        check_text(of, "description", &self.description)?;
        check_text(of, "address", self.address.as_deref().unwrap_or_default())?;
        check_users(of, self.users(), all)
    }
}

fn check_devices(
    user: &UserId,
    named: &[DeviceName],
    all: &Directory,
) -> Result<(), DirectoryError> {
    let mut named = named.iter();
    match named.find(|name| all.devices.place(name.as_str()).is_none()) {
        None => Ok(()),
        Some(device) => Err(DirectoryError::NoSuchDevice {
            user: user.clone(),
            device: device.clone(),
        }),
    }
}

fn check_users<'a>(
    of: &str,
    mut named: impl Iterator<Item = &'a UserId>,
    all: &Directory,
) -> Result<(), DirectoryError> {
    match named.find(|id| all.users.place(id.as_str()).is_none()) {
        None => Ok(()),
        Some(user) => Err(DirectoryError::NoSuchUser {
            of: of.to_owned(),
            user: user.clone(),
        }),
    }
}

fn check_text(of: &str, field: &'static str, text: &str) -> Result<(), DirectoryError> {
    if text.chars().count() <= TEXT_MAX && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(DirectoryError::BadText {
        of: of.to_owned(),
        field,
    })
}

fn check_rights(of: &str, rights: &[Right]) -> Result<(), DirectoryError> {
    rights
        .iter()
        .try_for_each(|right| check_text(of, "right", &right.0))
}

pub(super) fn check_name(name: &str) -> Result<(), DirectoryError> {
    if name.trim().is_empty() {
        return Err(DirectoryError::Empty("name or id"));
    }
    let control = name.chars().any(char::is_control);
    if name.chars().count() > NAME_MAX || control || name.trim() != name {
        return Err(DirectoryError::BadName(name.to_owned()));
    }
    Ok(())
}

/// An entry's name is a piece of an address, where a slash divides and dots lead elsewhere.
pub(super) fn check_address(name: &str) -> Result<(), DirectoryError> {
    if name.contains(['/', '\\']) || name == "." || name == ".." {
        return Err(DirectoryError::BadName(name.to_owned()));
    }
    Ok(())
}

fn check_lines(of: &str, lines: &[DirectoryNumber]) -> Result<(), DirectoryError> {
    for (index, line) in lines.iter().enumerate() {
        if lines[..index].contains(line) {
            return Err(DirectoryError::TwoLines {
                of: of.to_owned(),
                line: line.clone(),
            });
        }
        let number = line.digits.as_str();
        let known = |b: u8| b.is_ascii_digit() || b"*#+ABCD".contains(&b);
        if number.is_empty() || number.len() > NUMBER_MAX || !number.bytes().all(known) {
            return Err(DirectoryError::BadNumber {
                of: of.to_owned(),
                number: number.to_owned(),
            });
        }
        if let Some(partition) = &line.partition {
            check_name(partition.as_str())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::Protocol;
    use crate::ids::Digits;

    fn device(name: &str, lines: &[(&str, Option<&str>)]) -> Device {
        Device {
            name: name.into(),
            model: "Cisco 8845".into(),
            protocol: Protocol::Sip,
            description: String::new(),
            owner: None,
            address: None,
            lines: lines
                .iter()
                .map(|(digits, partition)| DirectoryNumber {
                    digits: Digits::from(*digits),
                    partition: partition.map(Into::into),
                })
                .collect(),
            em_enabled: false,
        }
    }

    #[test]
    fn names_are_found_in_any_letter_case_and_shown_as_written() {
        let directory = Builder {
            devices: vec![device("SEPa1", &[("1", None)])],
            ..Builder::default()
        }
        .build()
        .unwrap();
        assert_eq!(directory.device(" sepA1 ").unwrap().name.as_str(), "SEPa1");
    }

    #[test]
    fn two_devices_whose_names_differ_in_case_only_are_refused() {
        let result = Builder {
            devices: vec![device("SEPA", &[]), device("sepa", &[])],
            ..Builder::default()
        }
        .build();
        assert_eq!(
            result.err(),
            Some(DirectoryError::TwoDevices("sepa".into()))
        );
    }

    #[test]
    fn typed_digits_mean_the_number_without_partition_first_then_by_name() {
        let directory = Builder {
            devices: vec![
                device("A", &[("1", Some("Zeta")), ("2", Some("Zeta"))]),
                device("B", &[("1", None), ("2", Some("Alpha"))]),
            ],
            ..Builder::default()
        }
        .build()
        .unwrap();
        assert_eq!(directory.resolve("1").unwrap().partition, None);
        assert_eq!(
            directory.resolve("2").unwrap().partition.unwrap().as_str(),
            "Alpha"
        );
        assert_eq!(directory.resolve("3"), None);
    }
}
