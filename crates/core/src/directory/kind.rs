//! The entries of one kind, with what finds them.

use super::index::Index;
use super::packed::{Packed, Rows, Unpacker};
use super::{AppUser, Device, DeviceProfile, EndUser, same_name};
use crate::ids::{DirectoryNumber, UserId};

/// An entry of the directory.
pub(super) trait Row: Packed {
    fn name(&self) -> &str;

    /// The users it names as its own.
    fn users(&self) -> impl Iterator<Item = &UserId> {
        std::iter::empty()
    }

    /// The numbers that appear on it.
    fn lines(&self) -> &[DirectoryNumber] {
        &[]
    }
}

impl Row for EndUser {
    fn name(&self) -> &str {
        self.id.as_str()
    }
}

impl Row for AppUser {
    fn name(&self) -> &str {
        self.id.as_str()
    }
}

impl Row for Device {
    fn name(&self) -> &str {
        self.name.as_str()
    }

    fn users(&self) -> impl Iterator<Item = &UserId> {
        self.owner.iter()
    }

    fn lines(&self) -> &[DirectoryNumber] {
        &self.lines
    }
}

impl Row for DeviceProfile {
    fn name(&self) -> &str {
        self.name.as_str()
    }

    fn users(&self) -> impl Iterator<Item = &UserId> {
        self.owners.iter().chain(&self.default_for)
    }

    fn lines(&self) -> &[DirectoryNumber] {
        &self.lines
    }
}

/// All entries of a kind.
#[derive(Debug)]
pub(super) struct Kind<T> {
    rows: Rows<T>,
    names: Index,
    /// By the users they name.
    users: Index,
    /// By the digits of their lines.
    lines: Index,
    gone: u32,
}

impl<T> Clone for Kind<T> {
    fn clone(&self) -> Self {
        Self {
            rows: self.rows.clone(),
            names: self.names.clone(),
            users: self.users.clone(),
            lines: self.lines.clone(),
            gone: self.gone,
        }
    }
}

impl<T> Default for Kind<T> {
    fn default() -> Self {
        Self {
            rows: Rows::default(),
            names: Index::default(),
            users: Index::default(),
            lines: Index::default(),
            gone: 0,
        }
    }
}

impl<T: Row> Kind<T> {
    /// Where the entry of a name is, in any letter case.
    pub(super) fn place(&self, name: &str) -> Option<u32> {
        self.find(name).map(|(place, _)| place)
    }

    /// The entry of a name, in any letter case.
    pub(super) fn get(&self, name: &str) -> Option<T> {
        self.find(name).map(|(_, mut row)| T::unpack(&mut row))
    }

    fn find(&self, name: &str) -> Option<(u32, Unpacker<'_>)> {
        let mut places = self.names.places(self.names.folded(name));
        places.find_map(|place| {
            let row = self.rows.row(place)?;
            same_name(row.clone().text(), name).then_some((place, row))
        })
    }

    /// In configuration order.
    pub(super) fn iter(&self) -> impl Iterator<Item = T> + use<'_, T> {
        self.rows.iter().map(|(_, entry)| entry)
    }

    /// The entries that name a user, in configuration order.
    pub(super) fn naming(&self, user: &str) -> Vec<T> {
        let names = |entry: &T| entry.users().any(|id| same_name(id.as_str(), user));
        self.found(&self.users, self.users.folded(user), names)
    }

    /// The entries with a line of these digits, in configuration order.
    pub(super) fn with_digits(&self, digits: &str) -> Vec<T> {
        let has = |entry: &T| entry.lines().iter().any(|l| l.digits.as_str() == digits);
        self.found(&self.lines, self.lines.exactly(digits), has)
    }

    fn found(&self, index: &Index, hash: u32, fits: impl Fn(&T) -> bool) -> Vec<T> {
        let mut places: Vec<u32> = index.places(hash).collect();
        places.sort_unstable();
        let entries = places.into_iter().filter_map(|place| self.rows.get(place));
        entries.filter(fits).collect()
    }

    /// Adds an entry of a name that is not there.
    pub(super) fn push(&mut self, entry: &T) {
        let place = self.rows.push(entry);
        self.indexed(entry, place, Index::add);
    }

    /// Puts an entry in the place of its namesake, else at the end.
    pub(super) fn put(&mut self, entry: &T) {
        let Some(place) = self.place(entry.name()) else {
            return self.push(entry);
        };
        if let Some(old) = self.rows.get(place) {
            self.indexed(&old, place, Index::remove);
        }
        self.rows.set(place, Some(entry));
        self.indexed(entry, place, Index::add);
    }

    pub(super) fn remove(&mut self, name: &str) {
        let Some(place) = self.place(name) else {
            return;
        };
        if let Some(old) = self.rows.get(place) {
            self.indexed(&old, place, Index::remove);
        }
        self.rows.set(place, None);
        self.gone += 1;
        // Who adds and removes for years should not fill the memory with empty places.
        if self.gone > self.rows.places() / 2 {
            let mut kept = Self::default();
            self.iter().for_each(|entry| kept.push(&entry));
            *self = kept;
        }
    }

    fn indexed(&mut self, entry: &T, place: u32, change: impl Fn(&mut Index, u32, u32)) {
        let Self {
            names,
            users,
            lines,
            ..
        } = self;
        let name = names.folded(entry.name());
        change(names, name, place);
        for user in once(entry.users().map(|id| users.folded(id.as_str()))) {
            change(users, user, place);
        }
        let digits = entry.lines().iter().map(|line| line.digits.as_str());
        for digits in once(digits.map(|digits| lines.exactly(digits))) {
            change(lines, digits, place);
        }
    }
}

/// Each of these once.
fn once(hashes: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut hashes: Vec<u32> = hashes.collect();
    hashes.sort_unstable();
    hashes.dedup();
    hashes
}
