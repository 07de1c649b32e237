//! Who sits where: found by device, by user and by profile, and who sat there before. [exchange §1, §7]

use super::respell::changed;
use super::tracked::Tracked;
use super::vocabulary::MobilityLogin;
use crate::directory::{Directory, folded};
use crate::ids::{DeviceName, ProfileName, UserId};

/// The logins, with an index for each question that is asked often.
#[derive(Clone, Debug, Default)]
pub(super) struct Seats {
    by_device: Tracked<DeviceName, MobilityLogin>,
    /// By the folded user id: devices in the order in which he logged in.
    by_user: Tracked<String, Vec<DeviceName>>,
    /// By the folded profile name.
    by_profile: Tracked<String, Vec<DeviceName>>,
    last: Tracked<DeviceName, UserId>,
}

impl Seats {
    /// Who sits at a device.
    pub(super) fn at(&self, device: &DeviceName) -> Option<&MobilityLogin> {
        self.by_device.get(device)
    }

    /// Who sat there before.
    pub(super) fn last(&self, device: &DeviceName) -> Option<&UserId> {
        self.last.get(device)
    }

    /// Where a user sits, in the order in which he logged in.
    pub(super) fn of(&self, user: &str) -> &[DeviceName] {
        let devices = self.by_user.get(&folded(user));
        devices.map(Vec::as_slice).unwrap_or_default()
    }

    /// The devices that carry a profile now.
    pub(super) fn with(&self, profile: &ProfileName) -> &[DeviceName] {
        let devices = self.by_profile.get(&folded(profile.as_str()));
        devices.map(Vec::as_slice).unwrap_or_default()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &MobilityLogin> {
        self.by_device.iter().map(|(_, login)| login)
    }

    /// Seats somebody at a device where nobody sits.
    pub(super) fn sit(&mut self, login: MobilityLogin) {
        self.rise(&login.device.clone());
        push(
            &mut self.by_user,
            folded(login.user.as_str()),
            &login.device,
        );
        push(
            &mut self.by_profile,
            folded(login.profile.as_str()),
            &login.device,
        );
        self.by_device.insert(login.device.clone(), login);
    }

    /// Takes away whoever sits at a device, and remembers him as the last.
    pub(super) fn rise(&mut self, device: &DeviceName) -> Option<MobilityLogin> {
        let login = self.by_device.remove(device)?;
        pull(&mut self.by_user, &folded(login.user.as_str()), device);
        pull(
            &mut self.by_profile,
            &folded(login.profile.as_str()),
            device,
        );
        self.last.insert(device.clone(), login.user.clone());
        Some(login)
    }

    pub(super) fn remember_last(&mut self, device: DeviceName, user: UserId) {
        self.last.insert(device, user);
    }

    /// Takes over the directory's spelling of names, and says which devices have another one now.
    pub(super) fn respell(&mut self, directory: &Directory) -> Vec<(DeviceName, DeviceName)> {
        let spelled = self.by_device.iter().filter_map(|(_, login)| {
            let spelled = login.spelled(directory)?;
            (spelled != *login).then(|| (login.device.clone(), spelled))
        });
        let spelled: Vec<(DeviceName, MobilityLogin)> = spelled.collect();
        for (old, login) in &spelled {
            rename(&mut self.by_user, login.user.as_str(), old, &login.device);
            let profile = login.profile.as_str();
            rename(&mut self.by_profile, profile, old, &login.device);
            self.by_device.remove(old);
            self.by_device.insert(login.device.clone(), login.clone());
        }
        for (old, new) in changed(directory, self.last.keys()) {
            if let Some(user) = self.last.remove(&old) {
                self.last.insert(new, user);
            }
        }
        let respelled = self.last.iter().filter_map(|(device, user)| {
            let known = &directory.end_user(user.as_str())?.id;
            (known != user).then(|| (device.clone(), known.clone()))
        });
        for (device, user) in respelled.collect::<Vec<_>>() {
            self.last.insert(device, user);
        }
        let devices = spelled.into_iter().map(|(old, login)| (old, login.device));
        devices.filter(|(old, new)| old != new).collect()
    }

    /// Who was last at devices that are there no more is forgotten, and users who are gone were nowhere.
    pub(super) fn forget_gone(&mut self, directory: &Directory) {
        let gone = |(device, user): &(&DeviceName, &UserId)| {
            directory.device(device.as_str()).is_none()
                || directory.end_user(user.as_str()).is_none()
        };
        let gone = self
            .last
            .iter()
            .filter(gone)
            .map(|(device, _)| device.clone());
        for device in gone.collect::<Vec<_>>() {
            self.last.remove(&device);
        }
    }

    pub(super) fn clear(&mut self) {
        self.by_device.clear();
        self.by_user.clear();
        self.by_profile.clear();
        self.last.clear();
    }

    pub(super) fn commit(&mut self) {
        self.by_device.commit();
        self.by_user.commit();
        self.by_profile.commit();
        self.last.commit();
    }

    pub(super) fn undo(&mut self) {
        self.by_device.undo();
        self.by_user.undo();
        self.by_profile.undo();
        self.last.undo();
    }
}

fn rename(
    index: &mut Tracked<String, Vec<DeviceName>>,
    key: &str,
    old: &DeviceName,
    new: &DeviceName,
) {
    let devices = index.get_mut(&folded(key)).into_iter().flatten();
    for device in devices.filter(|device| *device == old) {
        *device = new.clone();
    }
}

fn push<K: Ord + Clone>(index: &mut Tracked<K, Vec<DeviceName>>, key: K, device: &DeviceName) {
    match index.get_mut(&key) {
        Some(devices) => devices.push(device.clone()),
        None => index.insert(key, vec![device.clone()]),
    }
}

fn pull<K: Ord + Clone>(index: &mut Tracked<K, Vec<DeviceName>>, key: &K, device: &DeviceName) {
    if let Some(devices) = index.get_mut(key) {
        devices.retain(|known| known != device);
        if devices.is_empty() {
            index.remove(key);
        }
    }
}
