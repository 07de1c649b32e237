//! One change of a directory: a new snapshot, and which entries it touched.
//!
//! What is deleted is also taken out of the entries that named it, as the original's administration does: a user's devices lose
//! their owner, a device leaves the users it was associated with.

use super::build::{Check, check_address, check_name};
use super::kind::{Kind, Row};
use super::{
    AppUser, Builder, Device, DeviceProfile, Directory, DirectoryError, EndUser, same_name,
};
use crate::ids::{DeviceName, ProfileName, UserId};
use std::sync::Arc;

/// What is to be changed. An entry that is put replaces the one of its name, whatever its letter case, or is added last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Adds or replaces a person.
    PutUser(EndUser),
    /// Adds or replaces an application.
    PutAppUser(AppUser),
    /// Adds or replaces a device.
    PutDevice(Device),
    /// Adds or replaces a profile.
    PutProfile(DeviceProfile),
    /// Removes a person.
    DeleteUser(UserId),
    /// Removes an application.
    DeleteAppUser(UserId),
    /// Removes a device.
    DeleteDevice(DeviceName),
    /// Removes a profile.
    DeleteProfile(ProfileName),
}

/// An entry of the directory, by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A person.
    User(UserId),
    /// An application.
    AppUser(UserId),
    /// A device.
    Device(DeviceName),
    /// A profile.
    Profile(ProfileName),
}

impl Directory {
    /// The parts it was made of.
    pub fn to_builder(&self) -> Builder {
        Builder {
            users: self.end_users().collect(),
            app_users: self.app_users().collect(),
            devices: self.devices().collect(),
            profiles: self.profiles().collect(),
        }
    }

    /// A directory with this change, and the entries that differ: put, removed, or no longer naming what was removed.
    ///
    /// # Errors
    /// When the parts would not fit together.
    pub fn edited(&self, change: Change) -> Result<(Self, Vec<Entry>), DirectoryError> {
        let mut new = self.clone();
        let touched = match change {
            Change::PutUser(user) => {
                put(&mut new.users, &user)?;
                if let Some(other) = self.app_user(user.id.as_str()) {
                    return Err(DirectoryError::TwoUsers(other.id));
                }
                user.check(&new)?;
                vec![Entry::User(user.id)]
            }
            Change::PutAppUser(user) => {
                put(&mut new.app_users, &user)?;
                if self.users.place(user.id.as_str()).is_some() {
                    return Err(DirectoryError::TwoUsers(user.id));
                }
                user.check(&new)?;
                vec![Entry::AppUser(user.id)]
            }
            Change::PutDevice(device) => {
                put(&mut new.devices, &device)?;
                device.check(&new)?;
                vec![Entry::Device(device.name)]
            }
            Change::PutProfile(profile) => {
                put(&mut new.profiles, &profile)?;
                profile.check(&new)?;
                vec![Entry::Profile(profile.name)]
            }
            Change::DeleteUser(id) => new.delete_user(id),
            Change::DeleteAppUser(id) => {
                Arc::make_mut(&mut new.app_users).remove(id.as_str());
                vec![Entry::AppUser(id)]
            }
            Change::DeleteDevice(name) => new.delete_device(name),
            Change::DeleteProfile(name) => new.delete_profile(name),
        };
        Ok((new, touched))
    }

    fn delete_user(&mut self, id: UserId) -> Vec<Entry> {
        let is_gone = |user: &UserId| same_name(user.as_str(), id.as_str());
        Arc::make_mut(&mut self.users).remove(id.as_str());
        let mut touched = vec![Entry::User(id.clone())];
        for mut device in self.devices.naming(id.as_str()) {
            device.owner = None;
            Arc::make_mut(&mut self.devices).put(&device);
            touched.push(Entry::Device(device.name));
        }
        for mut profile in self.profiles.naming(id.as_str()) {
            profile.owners.retain(|user| !is_gone(user));
            profile.default_for.retain(|user| !is_gone(user));
            Arc::make_mut(&mut self.profiles).put(&profile);
            touched.push(Entry::Profile(profile.name));
        }
        touched
    }

    fn delete_device(&mut self, name: DeviceName) -> Vec<Entry> {
        let is_gone = |device: &DeviceName| same_name(device.as_str(), name.as_str());
        Arc::make_mut(&mut self.devices).remove(name.as_str());
        let mut touched = vec![Entry::Device(name.clone())];
        let with = self.users.clone();
        for mut user in with.iter().filter(|user| user.devices.iter().any(is_gone)) {
            user.devices.retain(|device| !is_gone(device));
            Arc::make_mut(&mut self.users).put(&user);
            touched.push(Entry::User(user.id));
        }
        let with = self.app_users.clone();
        for mut user in with.iter().filter(|user| user.devices.iter().any(is_gone)) {
            user.devices.retain(|device| !is_gone(device));
            Arc::make_mut(&mut self.app_users).put(&user);
            touched.push(Entry::AppUser(user.id));
        }
        touched
    }

    fn delete_profile(&mut self, name: ProfileName) -> Vec<Entry> {
        let is_gone = |profile: &ProfileName| same_name(profile.as_str(), name.as_str());
        Arc::make_mut(&mut self.profiles).remove(name.as_str());
        let mut touched = vec![Entry::Profile(name.clone())];
        let with = self.users.clone();
        for mut user in with.iter().filter(|user| user.profiles.iter().any(is_gone)) {
            user.profiles.retain(|profile| !is_gone(profile));
            Arc::make_mut(&mut self.users).put(&user);
            touched.push(Entry::User(user.id));
        }
        touched
    }
}

fn put<T: Row>(kind: &mut Arc<Kind<T>>, entry: &T) -> Result<(), DirectoryError> {
    check_name(entry.name())?;
    check_address(entry.name())?;
    Arc::make_mut(kind).put(entry);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::Protocol;
    use crate::ids::DirectoryNumber;

    fn user(id: &str, devices: &[&str]) -> EndUser {
        EndUser {
            id: id.into(),
            first_name: String::new(),
            last_name: String::new(),
            devices: devices.iter().map(|name| DeviceName::from(*name)).collect(),
            profiles: Vec::new(),
            primary_line: None,
            rights: Vec::new(),
            password_hash: None,
            pin_hash: None,
            credential: Default::default(),
            home_cluster: true,
            max_login_minutes: None,
        }
    }

    fn device(name: &str, owner: Option<&str>) -> Device {
        Device {
            name: name.into(),
            model: "Cisco 8845".into(),
            protocol: Protocol::Sip,
            description: String::new(),
            owner: owner.map(Into::into),
            address: None,
            lines: vec![DirectoryNumber::bare("1001")],
            em_enabled: false,
        }
    }

    fn directory() -> Directory {
        Builder {
            users: vec![user("bill", &["A"]), user("ann", &["A", "B"])],
            devices: vec![device("A", None), device("B", Some("Bill"))],
            ..Builder::default()
        }
        .build()
        .unwrap()
    }

    #[test]
    fn what_is_deleted_is_named_by_nobody_afterwards() {
        let (without, touched) = directory()
            .edited(Change::DeleteDevice("a".into()))
            .unwrap();
        assert!(without.device("A").is_none());
        assert_eq!(without.end_user("ann").unwrap().devices, ["B".into()]);
        assert_eq!(
            touched,
            [
                Entry::Device("a".into()),
                Entry::User("bill".into()),
                Entry::User("ann".into())
            ]
        );
        let (without, touched) = directory()
            .edited(Change::DeleteUser("BILL".into()))
            .unwrap();
        assert_eq!(without.device("B").unwrap().owner, None);
        assert_eq!(
            touched,
            [Entry::User("BILL".into()), Entry::Device("B".into())]
        );
    }

    #[test]
    fn what_is_put_takes_the_place_of_its_namesake_and_new_names_come_last() {
        let (after, _) = directory()
            .edited(Change::PutUser(user("BILL", &[])))
            .unwrap();
        let (after, _) = after.edited(Change::PutUser(user("carl", &[]))).unwrap();
        let ids: Vec<UserId> = after.end_users().map(|u| u.id).collect();
        assert_eq!(ids, ["BILL".into(), "ann".into(), "carl".into()]);
    }

    #[test]
    fn an_entry_that_names_what_is_not_there_is_refused() {
        let refused = directory().edited(Change::PutUser(user("carl", &["Z"])));
        assert_eq!(
            refused.err(),
            Some(DirectoryError::NoSuchDevice {
                user: "carl".into(),
                device: "Z".into()
            })
        );
    }
}
