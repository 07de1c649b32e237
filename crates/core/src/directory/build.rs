//! Puts a [`Directory`] together and refuses what does not fit together.

use super::{AppUser, Appearances, Device, DeviceProfile, Directory, EndUser, Folded, Right};
use crate::ids::{DeviceName, DirectoryNumber, ProfileName, UserId};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use thiserror::Error;

/// A name or id has at most so many characters.
pub const NAME_MAX: usize = 128;
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
}

/// Collects the parts of a directory in configuration order.
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
        self.fits()?;
        let mut directory = Directory::default();
        let order = &mut directory.order;
        index(self.users, &mut directory.users, &mut order.users, |u| {
            &u.id
        });
        let app_users = &mut directory.app_users;
        index(self.app_users, app_users, &mut order.app_users, |u| &u.id);
        index(
            self.devices,
            &mut directory.devices,
            &mut order.devices,
            |d| &d.name,
        );
        let profiles = &mut directory.profiles;
        index(self.profiles, profiles, &mut order.profiles, |p| &p.name);
        index_numbers(&mut directory);
        Ok(directory)
    }

    /// Do the parts fit together?
    ///
    /// # Errors
    /// The first [`DirectoryError`] found, in the order users, application users, devices, profiles, references.
    pub fn fits(&self) -> Result<(), DirectoryError> {
        let ids = self.users.iter().map(|u| &u.id);
        let ids = ids.chain(self.app_users.iter().map(|u| &u.id));
        names(ids, DirectoryError::TwoUsers)?;
        let users: HashSet<Folded> = self.users.iter().map(|u| Folded::of(u.id.text())).collect();
        let devices = names(
            self.devices.iter().map(|d| &d.name),
            DirectoryError::TwoDevices,
        )?;
        let profiles = self.profiles.iter().map(|p| &p.name);
        let profiles = names(profiles, DirectoryError::TwoProfiles)?;
        for user in &self.users {
            let of = user.id.as_str();
            check_lines(of, user.primary_line.as_slice())?;
            check_text(of, "first name", &user.first_name)?;
            check_text(of, "last name", &user.last_name)?;
            check_rights(of, &user.rights)?;
            check_devices(&user.id, &user.devices, &devices)?;
            if let Some(profile) = missing(&user.profiles, &profiles) {
                return Err(DirectoryError::NoSuchProfile {
                    user: user.id.clone(),
                    profile: profile.clone(),
                });
            }
        }
        for user in &self.app_users {
            check_rights(user.id.as_str(), &user.rights)?;
            check_devices(&user.id, &user.devices, &devices)?;
        }
        for profile in &self.profiles {
            let of = profile.name.as_str();
            check_lines(of, &profile.lines)?;
            check_text(of, "model", &profile.model)?;
            check_users(of, &profile.owners, &users)?;
            check_users(of, &profile.default_for, &users)?;
        }
        for device in &self.devices {
            let of = device.name.as_str();
            check_lines(of, &device.lines)?;
            check_text(of, "model", &device.model)?;
            check_text(of, "description", &device.description)?;
            check_text(of, "address", device.address.as_deref().unwrap_or_default())?;
            check_users(of, device.owner.as_slice(), &users)?;
        }
        Ok(())
    }
}

/// The first name of a list that is not known.
fn missing<'a, N: Name>(named: &'a [N], known: &HashSet<Folded>) -> Option<&'a N> {
    named
        .iter()
        .find(|name| !known.contains(&Folded::of(name.text())))
}

fn check_devices(
    user: &UserId,
    named: &[DeviceName],
    known: &HashSet<Folded>,
) -> Result<(), DirectoryError> {
    missing(named, known).map_or(Ok(()), |device| {
        Err(DirectoryError::NoSuchDevice {
            user: user.clone(),
            device: device.clone(),
        })
    })
}

fn check_users(of: &str, named: &[UserId], known: &HashSet<Folded>) -> Result<(), DirectoryError> {
    missing(named, known).map_or(Ok(()), |user| {
        Err(DirectoryError::NoSuchUser {
            of: of.to_owned(),
            user: user.clone(),
        })
    })
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

/// The names of entries of a kind, each of which may be there once.
fn names<'a, N: Name + 'a>(
    all: impl Iterator<Item = &'a N>,
    twice: impl Fn(N) -> DirectoryError,
) -> Result<HashSet<Folded>, DirectoryError> {
    let mut known = HashSet::with_capacity(all.size_hint().0);
    for name in all {
        check_name(name.text())?;
        check_address(name.text())?;
        if !known.insert(Folded::of(name.text())) {
            return Err(twice(name.clone()));
        }
    }
    Ok(known)
}

trait Name: Clone {
    fn text(&self) -> &str;
}
impl Name for UserId {
    fn text(&self) -> &str {
        self.as_str()
    }
}
impl Name for DeviceName {
    fn text(&self) -> &str {
        self.as_str()
    }
}
impl Name for ProfileName {
    fn text(&self) -> &str {
        self.as_str()
    }
}

fn index<T, N: Name>(
    items: Vec<T>,
    map: &mut HashMap<Folded, Arc<T>>,
    order: &mut Vec<N>,
    name: impl Fn(&T) -> &N,
) {
    map.reserve(items.len());
    order.reserve(items.len());
    for item in items {
        order.push(name(&item).clone());
        map.insert(Folded::of(name(&item).text()), Arc::new(item));
    }
}

fn check_name(name: &str) -> Result<(), DirectoryError> {
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
fn check_address(name: &str) -> Result<(), DirectoryError> {
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

fn index_numbers(directory: &mut Directory) {
    let devices: Vec<Arc<Device>> = directory.devices().cloned().collect();
    let profiles: Vec<Arc<DeviceProfile>> = directory.profiles().cloned().collect();
    directory.numbers.reserve(devices.len());
    for device in devices {
        if let Some(owner) = &device.owner
            && let Some(owner) = directory
                .end_user(owner.as_str())
                .map(|user| user.id.clone())
        {
            directory
                .owned
                .entry(owner)
                .or_default()
                .push(device.name.clone());
        }
        for line in &device.lines {
            let appearances = appearances(directory, line);
            if !appearances.devices.contains(&device.name) {
                appearances.devices.push(device.name.clone());
            }
        }
    }
    for profile in profiles {
        for line in &profile.lines {
            let appearances = appearances(directory, line);
            if !appearances.profiles.contains(&profile.name) {
                appearances.profiles.push(profile.name.clone());
            }
        }
    }
}

/// Where a number appears, to be filled in.
fn appearances<'a>(directory: &'a mut Directory, line: &DirectoryNumber) -> &'a mut Appearances {
    let partitions = directory.numbers.entry(line.digits.clone()).or_default();
    let place = partitions.binary_search_by(|(partition, _)| partition.cmp(&line.partition));
    let at = place.unwrap_or_else(|at| {
        partitions.insert(at, (line.partition.clone(), Appearances::default()));
        at
    });
    &mut partitions[at].1
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
