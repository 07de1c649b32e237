//! One change of a directory: a new snapshot, and which entries it touched.
//!
//! What is deleted is also taken out of the entries that named it, as the original's administration does: a user's devices lose
//! their owner, a device leaves the users it was associated with.

use super::{AppUser, Builder, Device, DeviceProfile, Directory, DirectoryError, EndUser, Folded};
use crate::ids::{DeviceName, ProfileName, UserId};

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
            users: self.end_users().map(|user| (**user).clone()).collect(),
            app_users: self.app_users().map(|user| (**user).clone()).collect(),
            devices: self.devices().map(|device| (**device).clone()).collect(),
            profiles: self.profiles().map(|profile| (**profile).clone()).collect(),
        }
    }

    /// A directory with this change, and the entries that differ: put, removed, or no longer naming what was removed.
    ///
    /// # Errors
    /// When the parts would not fit together.
    pub fn edited(&self, change: Change) -> Result<(Self, Vec<Entry>), DirectoryError> {
        let mut builder = self.to_builder();
        let touched = builder.apply(change);
        Ok((builder.build()?, touched))
    }
}

impl Builder {
    /// Makes one change and says which entries differ.
    pub fn apply(&mut self, change: Change) -> Vec<Entry> {
        match change {
            Change::PutUser(user) => {
                let entry = Entry::User(user.id.clone());
                put(&mut self.users, user, |u| u.id.as_str());
                vec![entry]
            }
            Change::PutAppUser(user) => {
                let entry = Entry::AppUser(user.id.clone());
                put(&mut self.app_users, user, |u| u.id.as_str());
                vec![entry]
            }
            Change::PutDevice(device) => {
                let entry = Entry::Device(device.name.clone());
                put(&mut self.devices, device, |d| d.name.as_str());
                vec![entry]
            }
            Change::PutProfile(profile) => {
                let entry = Entry::Profile(profile.name.clone());
                put(&mut self.profiles, profile, |p| p.name.as_str());
                vec![entry]
            }
            Change::DeleteUser(id) => self.delete_user(id),
            Change::DeleteAppUser(id) => {
                let gone = Folded::of(id.as_str());
                self.app_users
                    .retain(|user| Folded::of(user.id.as_str()) != gone);
                vec![Entry::AppUser(id)]
            }
            Change::DeleteDevice(name) => self.delete_device(name),
            Change::DeleteProfile(name) => self.delete_profile(name),
        }
    }

    fn delete_user(&mut self, id: UserId) -> Vec<Entry> {
        let gone = Folded::of(id.as_str());
        let is_gone = |user: &UserId| Folded::of(user.as_str()) == gone;
        self.users.retain(|user| !is_gone(&user.id));
        let mut touched = vec![Entry::User(id)];
        for device in &mut self.devices {
            if device.owner.as_ref().is_some_and(is_gone) {
                device.owner = None;
                touched.push(Entry::Device(device.name.clone()));
            }
        }
        for profile in &mut self.profiles {
            let lists = [&mut profile.owners, &mut profile.default_for];
            if lists.map(|list| removed(list, is_gone)).contains(&true) {
                touched.push(Entry::Profile(profile.name.clone()));
            }
        }
        touched
    }

    fn delete_device(&mut self, name: DeviceName) -> Vec<Entry> {
        let gone = Folded::of(name.as_str());
        let is_gone = |device: &DeviceName| Folded::of(device.as_str()) == gone;
        self.devices.retain(|device| !is_gone(&device.name));
        let mut touched = vec![Entry::Device(name)];
        for user in &mut self.users {
            if removed(&mut user.devices, is_gone) {
                touched.push(Entry::User(user.id.clone()));
            }
        }
        for user in &mut self.app_users {
            if removed(&mut user.devices, is_gone) {
                touched.push(Entry::AppUser(user.id.clone()));
            }
        }
        touched
    }

    fn delete_profile(&mut self, name: ProfileName) -> Vec<Entry> {
        let gone = Folded::of(name.as_str());
        let is_gone = |profile: &ProfileName| Folded::of(profile.as_str()) == gone;
        self.profiles.retain(|profile| !is_gone(&profile.name));
        let mut touched = vec![Entry::Profile(name)];
        for user in &mut self.users {
            if removed(&mut user.profiles, is_gone) {
                touched.push(Entry::User(user.id.clone()));
            }
        }
        touched
    }
}

fn put<T>(entries: &mut Vec<T>, entry: T, name: impl Fn(&T) -> &str) {
    let wanted = Folded::of(name(&entry));
    match entries.iter_mut().find(|e| Folded::of(name(e)) == wanted) {
        Some(old) => *old = entry,
        None => entries.push(entry),
    }
}

fn removed<T>(list: &mut Vec<T>, is_gone: impl Fn(&T) -> bool) -> bool {
    let before = list.len();
    list.retain(|item| !is_gone(item));
    list.len() < before
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
        let ids: Vec<&str> = after.end_users().map(|u| u.id.as_str()).collect();
        assert_eq!(ids, ["BILL", "ann", "carl"]);
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
