//! What stays of a directory that a file is laid over.

use cordboard_core::directory::{
    AppUser, Builder, CredentialState, Device, DeviceProfile, Directory, EndUser, folded,
};
use std::collections::HashMap;

/// Lets users for whom a file has no password or PIN keep the one they have.
pub(super) fn keep_secrets(new: &mut Builder, old: &Directory) {
    for user in &mut new.users {
        if let Some(old) = old.end_user(user.id.as_str()) {
            keep(&mut user.password_hash, &old.password_hash);
            keep(&mut user.pin_hash, &old.pin_hash);
        }
    }
    for user in &mut new.app_users {
        if let Some(old) = old.app_user(user.id.as_str()) {
            keep(&mut user.password_hash, &old.password_hash);
        }
    }
}

/// Adds what a file does not name or leaves empty: merging adds and changes, it takes nothing away.
pub(super) fn keep_the_rest(new: &mut Builder, old: &Directory) {
    let old = old.to_builder();
    let file = std::mem::take(new);
    *new = Builder {
        users: merged(old.users, file.users, |u| u.id.as_str(), user),
        app_users: merged(old.app_users, file.app_users, |u| u.id.as_str(), app_user),
        devices: merged(old.devices, file.devices, |d| d.name.as_str(), device),
        profiles: merged(old.profiles, file.profiles, |p| p.name.as_str(), profile),
    };
}

fn merged<T>(
    old: Vec<T>,
    new: Vec<T>,
    name: impl Fn(&T) -> &str,
    keep: impl Fn(&mut T, &T),
) -> Vec<T> {
    let places = old.iter().enumerate();
    let places: HashMap<String, usize> = places.map(|(at, e)| (folded(name(e)), at)).collect();
    let mut all = old;
    for mut entry in new {
        match places.get(&folded(name(&entry))) {
            Some(&at) => {
                keep(&mut entry, &all[at]);
                all[at] = entry;
            }
            None => all.push(entry),
        }
    }
    all
}

/// Something that a file may say nothing of.
trait Sayable: Clone {
    fn is_unsaid(&self) -> bool;
}

impl<T: Clone> Sayable for Option<T> {
    fn is_unsaid(&self) -> bool {
        self.is_none()
    }
}

impl<T: Clone> Sayable for Vec<T> {
    fn is_unsaid(&self) -> bool {
        self.is_empty()
    }
}

impl Sayable for String {
    fn is_unsaid(&self) -> bool {
        self.is_empty()
    }
}

impl Sayable for bool {
    fn is_unsaid(&self) -> bool {
        !*self
    }
}

impl Sayable for CredentialState {
    fn is_unsaid(&self) -> bool {
        *self == Self::Active
    }
}

fn keep<T: Sayable>(new: &mut T, old: &T) {
    if new.is_unsaid() {
        new.clone_from(old);
    }
}

fn user(new: &mut EndUser, old: &EndUser) {
    keep(&mut new.first_name, &old.first_name);
    keep(&mut new.last_name, &old.last_name);
    keep(&mut new.devices, &old.devices);
    keep(&mut new.profiles, &old.profiles);
    keep(&mut new.primary_line, &old.primary_line);
    keep(&mut new.rights, &old.rights);
    keep(&mut new.credential, &old.credential);
    new.home_cluster &= old.home_cluster;
    new.max_login_minutes = new.max_login_minutes.or(old.max_login_minutes);
}

fn app_user(new: &mut AppUser, old: &AppUser) {
    keep(&mut new.rights, &old.rights);
    keep(&mut new.devices, &old.devices);
    keep(&mut new.credential, &old.credential);
}

fn device(new: &mut Device, old: &Device) {
    keep(&mut new.description, &old.description);
    keep(&mut new.owner, &old.owner);
    keep(&mut new.address, &old.address);
    keep(&mut new.lines, &old.lines);
    keep(&mut new.em_enabled, &old.em_enabled);
}

fn profile(new: &mut DeviceProfile, old: &DeviceProfile) {
    keep(&mut new.owners, &old.owners);
    keep(&mut new.default_for, &old.default_for);
    keep(&mut new.lines, &old.lines);
}
