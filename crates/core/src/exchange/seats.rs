//! Who sits where: found by device, by user and by profile, and who sat there before. [exchange §1, §7]

use super::respell::changed;
use super::vocabulary::MobilityLogin;
use crate::directory::{Directory, Index, same_name};
use crate::ids::{DeviceName, ProfileName, UserId};
use slab::Slab;
use std::collections::BTreeMap;

/// What an undo needs of so many changes keeps its memory; a start brings more at once than any step.
const CHANGES: usize = 1_024;

/// The logins, each of them once, with an index for each question that is asked often.
#[derive(Clone, Debug, Default)]
pub(super) struct Seats {
    /// Boxed: a growing table moves as little as it can.
    seated: Slab<Box<Seated>>,
    by_device: BTreeMap<DeviceName, u32>,
    by_user: Index,
    by_profile: Index,
    last: BTreeMap<DeviceName, UserId>,
    turns: u64,
    /// What happened since the last commit.
    changes: Vec<Change>,
}

#[derive(Clone, Debug)]
struct Seated {
    /// Who came later has a higher one.
    turn: u64,
    login: MobilityLogin,
}

#[derive(Clone, Debug)]
enum Change {
    Sat(DeviceName),
    Rose(Box<Seated>),
    /// Who was the last until then.
    Last(DeviceName, Option<UserId>),
}

impl Seats {
    /// Who sits at a device.
    pub(super) fn at(&self, device: &DeviceName) -> Option<&MobilityLogin> {
        self.seated(*self.by_device.get(device)?)
            .map(|seated| &seated.login)
    }

    /// Who sat there before.
    pub(super) fn last(&self, device: &DeviceName) -> Option<&UserId> {
        self.last.get(device)
    }

    /// Where a user sits, in the order in which he logged in.
    pub(super) fn of(&self, user: &str) -> Vec<DeviceName> {
        let places = self.by_user.places(self.by_user.folded(user));
        self.devices(places, |login| same_name(login.user.as_str(), user))
    }

    /// The devices that carry a profile now.
    pub(super) fn with(&self, profile: &ProfileName) -> Vec<DeviceName> {
        let profile = profile.as_str();
        let places = self.by_profile.places(self.by_profile.folded(profile));
        self.devices(places, |login| same_name(login.profile.as_str(), profile))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &MobilityLogin> {
        let all = self.by_device.values();
        all.filter_map(|place| self.seated(*place))
            .map(|seated| &seated.login)
    }

    /// Seats somebody at a device where nobody sits.
    pub(super) fn sit(&mut self, login: MobilityLogin) {
        self.rise(&login.device);
        self.changes.push(Change::Sat(login.device.clone()));
        self.turns += 1;
        self.put(Box::new(Seated {
            turn: self.turns,
            login,
        }));
    }

    /// Takes away whoever sits at a device, and remembers him as the last.
    pub(super) fn rise(&mut self, device: &DeviceName) -> Option<MobilityLogin> {
        let seated = self.take(device)?;
        let login = seated.login.clone();
        self.changes.push(Change::Rose(seated));
        self.remember_last(device.clone(), login.user.clone());
        Some(login)
    }

    pub(super) fn remember_last(&mut self, device: DeviceName, user: UserId) {
        let before = self.last.insert(device.clone(), user);
        self.changes.push(Change::Last(device, before));
    }

    /// Takes over the directory's spelling of names, and says which devices have another one now.
    pub(super) fn respell(&mut self, directory: &Directory) -> Vec<(DeviceName, DeviceName)> {
        let spelled = self.iter().filter_map(|login| {
            let spelled = login.spelled(directory)?;
            (spelled != *login).then(|| (login.device.clone(), spelled))
        });
        let spelled: Vec<(DeviceName, MobilityLogin)> = spelled.collect();
        for (old, login) in &spelled {
            if let Some(seated) = self.take(old) {
                let turn = seated.turn;
                self.changes.push(Change::Rose(seated));
                self.changes.push(Change::Sat(login.device.clone()));
                let login = login.clone();
                self.put(Box::new(Seated { turn, login }));
            }
        }
        for (old, new) in changed(directory, self.last.keys()) {
            if let Some(user) = self.last.remove(&old) {
                self.changes.push(Change::Last(old, Some(user.clone())));
                self.remember_last(new, user);
            }
        }
        let respelled = self.last.iter().filter_map(|(device, user)| {
            let known = directory.end_user(user.as_str())?.id;
            (known != *user).then(|| (device.clone(), known))
        });
        for (device, user) in respelled.collect::<Vec<_>>() {
            self.remember_last(device, user);
        }
        let devices = spelled.into_iter().map(|(old, login)| (old, login.device));
        devices.filter(|(old, new)| old != new).collect()
    }

    /// Who was last at devices that are there no more is forgotten, and users who are gone were nowhere.
    pub(super) fn forget_gone(&mut self, directory: &Directory) {
        let changes = &mut self.changes;
        self.last.retain(|device, user| {
            let there = directory.device(device.as_str()).is_some()
                && directory.end_user(user.as_str()).is_some();
            if !there {
                changes.push(Change::Last(device.clone(), Some(user.clone())));
            }
            there
        });
    }

    pub(super) fn clear(&mut self) {
        let seated = std::mem::take(&mut self.seated).into_iter();
        let rose = seated.map(|(_, seated)| Change::Rose(seated));
        self.changes.extend(rose);
        let last = std::mem::take(&mut self.last).into_iter();
        let last = last.map(|(device, user)| Change::Last(device, Some(user)));
        self.changes.extend(last);
        self.by_device.clear();
        self.by_user = Index::default();
        self.by_profile = Index::default();
    }

    pub(super) fn commit(&mut self) {
        self.changes.clear();
        self.changes.shrink_to(CHANGES);
    }

    pub(super) fn undo(&mut self) {
        for change in std::mem::take(&mut self.changes).into_iter().rev() {
            match change {
                Change::Sat(device) => _ = self.take(&device),
                Change::Rose(seated) => self.put(seated),
                Change::Last(device, Some(user)) => _ = self.last.insert(device, user),
                Change::Last(device, None) => _ = self.last.remove(&device),
            }
        }
    }

    fn seated(&self, place: u32) -> Option<&Seated> {
        self.seated.get(place as usize).map(|seated| &**seated)
    }

    /// The devices of those who fit, in the order in which they came.
    fn devices(
        &self,
        places: impl Iterator<Item = u32>,
        fits: impl Fn(&MobilityLogin) -> bool,
    ) -> Vec<DeviceName> {
        let seated = places.filter_map(|place| self.seated(place));
        let mut seated: Vec<&Seated> = seated.filter(|seated| fits(&seated.login)).collect();
        seated.sort_unstable_by_key(|seated| seated.turn);
        let devices = seated.into_iter().map(|seated| seated.login.device.clone());
        devices.collect()
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "fewer devices than the directory has places for"
    )]
    fn put(&mut self, seated: Box<Seated>) {
        let login = &seated.login;
        let device = login.device.clone();
        let user = self.by_user.folded(login.user.as_str());
        let profile = self.by_profile.folded(login.profile.as_str());
        let place = self.seated.insert(seated) as u32;
        self.by_user.add(user, place);
        self.by_profile.add(profile, place);
        self.by_device.insert(device, place);
    }

    fn take(&mut self, device: &DeviceName) -> Option<Box<Seated>> {
        let place = self.by_device.remove(device)?;
        let seated = self.seated.try_remove(place as usize)?;
        let user = self.by_user.folded(seated.login.user.as_str());
        self.by_user.remove(user, place);
        let profile = self.by_profile.folded(seated.login.profile.as_str());
        self.by_profile.remove(profile, place);
        Some(seated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::now::Wall;

    fn login(device: &str, user: &str) -> MobilityLogin {
        MobilityLogin {
            device: device.into(),
            user: user.into(),
            profile: format!("of {user}").into(),
            since: Wall(0),
            until: None,
            origin: "".into(),
            by: None,
            mismatched: false,
        }
    }

    /// All that can be asked.
    fn shown(seats: &Seats) -> String {
        let seated: Vec<_> = seats.iter().collect();
        let of: Vec<_> = ["ann", "BILL"].map(|user| seats.of(user)).into();
        let with = seats.with(&"OF Ann".into());
        let last = ["A", "B", "C"].map(|device| seats.last(&device.into()));
        format!("{seated:?} {of:?} {with:?} {last:?}")
    }

    #[test]
    fn a_user_sits_in_the_order_in_which_he_came_and_devices_are_in_theirs() {
        let mut seats = Seats::default();
        for device in ["C", "A", "B"] {
            seats.sit(login(device, "Ann"));
        }
        assert_eq!(seats.of(" aNN "), ["C".into(), "A".into(), "B".into()]);
        let devices: Vec<&str> = seats.iter().map(|l| l.device.as_str()).collect();
        assert_eq!(devices, ["A", "B", "C"]);
    }

    #[test]
    fn undo_brings_everybody_back_to_where_he_was_at_the_last_commit() {
        let mut seats = Seats::default();
        seats.sit(login("C", "ann"));
        seats.sit(login("A", "ann"));
        seats.remember_last("B".into(), "bill".into());
        seats.commit();
        let before = shown(&seats);
        seats.rise(&"C".into());
        seats.sit(login("C", "bill"));
        seats.sit(login("A", "bill"));
        seats.rise(&"C".into());
        seats.clear();
        seats.sit(login("B", "ann"));
        seats.undo();
        assert_eq!(shown(&seats), before);
        seats.undo();
        assert_eq!(shown(&seats), before);
    }
}
