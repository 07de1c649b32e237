//! Entries at rest: packed into bytes, unpacked when they are asked for.
//!
//! An entry's fields are mostly empty and its texts short, so that a packed one takes a tenth of what it takes as a value. The
//! bytes never leave the process.

use super::{
    AppUser, CredentialState, Device, DeviceProfile, EndUser, PasswordHash, Protocol, Right,
};
use crate::ids::{DeviceName, Digits, DirectoryNumber, Partition, ProfileName, UserId};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// So many entries lie together. An entry is found by walking over those before it; a change copies all of them.
const TOGETHER: u32 = 16;

/// Entries of a kind, in configuration order. One that is removed leaves its place empty.
pub(super) struct Rows<T> {
    /// Each entry's length, then the entry.
    full: Vec<Arc<[u8]>>,
    last: Vec<u8>,
    places: u32,
    entries: PhantomData<fn() -> T>,
}

impl<T> Clone for Rows<T> {
    fn clone(&self) -> Self {
        Self {
            full: self.full.clone(),
            last: self.last.clone(),
            places: self.places,
            entries: PhantomData,
        }
    }
}

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Self {
            full: Vec::new(),
            last: Vec::new(),
            places: 0,
            entries: PhantomData,
        }
    }
}

/// Without the entries: their secrets are in them.
impl<T> fmt::Debug for Rows<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} places", self.places)
    }
}

impl<T: Packed> Rows<T> {
    /// Adds an entry at the end and says where.
    pub(super) fn push(&mut self, entry: &T) -> u32 {
        put_row(&mut self.last, &packed(entry));
        self.places += 1;
        if self.places.is_multiple_of(TOGETHER) {
            self.full.push(Arc::from(self.last.as_slice()));
            self.last.clear();
        }
        self.places - 1
    }

    /// Puts an entry in a place that there is, or takes away the one that is there.
    pub(super) fn set(&mut self, place: u32, entry: Option<&T>) {
        let new = entry.map(packed).unwrap_or_default();
        let at = (place / TOGETHER) as usize;
        let old = self.full.get(at).map_or(&*self.last, |full| &**full);
        let mut rows = Vec::with_capacity(old.len() + new.len());
        for (here, row) in (place / TOGETHER * TOGETHER..).zip(Split(old)) {
            put_row(&mut rows, if here == place { &new } else { row });
        }
        match self.full.get_mut(at) {
            Some(full) => *full = rows.into(),
            None => self.last = rows,
        }
    }

    /// The packed entry in a place; nothing in an empty one.
    pub(super) fn row(&self, place: u32) -> Option<Unpacker<'_>> {
        let rows = self.full.get((place / TOGETHER) as usize);
        let rows = rows.map_or(&*self.last, |full| &**full);
        let row = Split(rows).nth((place % TOGETHER) as usize)?;
        (!row.is_empty()).then_some(Unpacker(row))
    }

    pub(super) fn get(&self, place: u32) -> Option<T> {
        self.row(place).map(|mut row| T::unpack(&mut row))
    }

    /// Every entry with its place.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, T)> + use<'_, T> {
        let all = self.full.iter().map(|full| &**full).chain([&*self.last]);
        let rows = (0..).zip(all.flat_map(Split));
        let rows = rows.filter(|(_, row)| !row.is_empty());
        rows.map(|(place, row)| (place, T::unpack(&mut Unpacker(row))))
    }

    /// So many places there are, empty ones too.
    pub(super) fn places(&self) -> u32 {
        self.places
    }
}

fn packed(entry: &impl Packed) -> Vec<u8> {
    let mut row = Vec::with_capacity(64);
    entry.pack(&mut row);
    row
}

fn put_row(rows: &mut Vec<u8>, row: &[u8]) {
    row.len().pack(rows);
    rows.extend_from_slice(row);
}

/// The rows that lie one behind the other.
struct Split<'a>(&'a [u8]);

impl<'a> Iterator for Split<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.0.is_empty() {
            return None;
        }
        let mut rest = Unpacker(self.0);
        let row = rest.bytes();
        self.0 = rest.0;
        Some(row)
    }
}

/// What is left of a packed entry.
#[derive(Clone)]
pub(super) struct Unpacker<'a>(&'a [u8]);

impl<'a> Unpacker<'a> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().expect("as much was packed");
        self.0 = rest;
        *first
    }

    fn bytes(&mut self) -> &'a [u8] {
        let length = usize::unpack(self);
        let (bytes, rest) = self.0.split_at(length);
        self.0 = rest;
        bytes
    }

    /// The next text, which in an entry that was not touched yet is its name.
    pub(super) fn text(&mut self) -> &'a str {
        std::str::from_utf8(self.bytes()).expect("a text was packed")
    }
}

/// What can be packed, and comes out as it went in.
pub(super) trait Packed: Sized {
    fn pack(&self, into: &mut Vec<u8>);
    fn unpack(from: &mut Unpacker<'_>) -> Self;
}

/// Seven bits a byte, the low ones first.
impl Packed for usize {
    fn pack(&self, into: &mut Vec<u8>) {
        let mut rest = *self;
        while rest > 0x7f {
            into.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        into.push(rest as u8);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Self {
        let mut number = 0;
        for shift in (0..).step_by(7) {
            let byte = from.byte();
            number |= Self::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        number
    }
}

impl Packed for u32 {
    fn pack(&self, into: &mut Vec<u8>) {
        (*self as usize).pack(into);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Self {
        usize::unpack(from) as Self
    }
}

impl Packed for bool {
    fn pack(&self, into: &mut Vec<u8>) {
        into.push(u8::from(*self));
    }

    fn unpack(from: &mut Unpacker<'_>) -> Self {
        from.byte() != 0
    }
}

impl<T: Packed> Packed for Option<T> {
    fn pack(&self, into: &mut Vec<u8>) {
        self.is_some().pack(into);
        self.iter().for_each(|it| it.pack(into));
    }

    fn unpack(from: &mut Unpacker<'_>) -> Self {
        bool::unpack(from).then(|| T::unpack(from))
    }
}

impl<T: Packed> Packed for Vec<T> {
    fn pack(&self, into: &mut Vec<u8>) {
        self.len().pack(into);
        self.iter().for_each(|it| it.pack(into));
    }

    fn unpack(from: &mut Unpacker<'_>) -> Self {
        (0..usize::unpack(from)).map(|_| T::unpack(from)).collect()
    }
}

/// Texts, with how each shows its own and is made of one.
macro_rules! texts {
    ($($kind:ty: $text:expr, $of:expr;)*) => {$(
        impl Packed for $kind {
            fn pack(&self, into: &mut Vec<u8>) {
                let text: &str = $text(self);
                put_row(into, text.as_bytes());
            }

            fn unpack(from: &mut Unpacker<'_>) -> Self {
                $of(from.text())
            }
        }
    )*};
}

texts! {
    String: Self::as_str, Self::from;
    DeviceName: Self::as_str, Self::from;
    ProfileName: Self::as_str, Self::from;
    UserId: Self::as_str, Self::from;
    Digits: Self::as_str, Self::from;
    Partition: Self::as_str, Self::from;
    Right: Self::as_str, Self::from;
    PasswordHash: Self::expose, Self::new;
}

/// Words of which there are a few, as their number.
macro_rules! words {
    ($($kind:ty: $($word:ident)*;)*) => {$(
        impl Packed for $kind {
            fn pack(&self, into: &mut Vec<u8>) {
                into.push(*self as u8);
            }

            fn unpack(from: &mut Unpacker<'_>) -> Self {
                let number = from.byte();
                let all = [$(Self::$word),*];
                let word = all.into_iter().find(|word| *word as u8 == number);
                word.expect("a word was packed")
            }
        }
    )*};
}

words! {
    Protocol: Sip Sccp;
    CredentialState: Active Locked Expired;
}

/// Things with fields. An entry's name comes first.
macro_rules! fields {
    ($($kind:ty: $($field:ident)*;)*) => {$(
        impl Packed for $kind {
            fn pack(&self, into: &mut Vec<u8>) {
                let Self { $($field),* } = self;
                $($field.pack(into);)*
            }

            fn unpack(from: &mut Unpacker<'_>) -> Self {
                Self { $($field: Packed::unpack(from)),* }
            }
        }
    )*};
}

fields! {
    DirectoryNumber: digits partition;
    EndUser: id first_name last_name devices profiles primary_line rights password_hash pin_hash credential home_cluster max_login_minutes;
    AppUser: id rights devices password_hash credential;
    Device: name model protocol description owner address lines em_enabled;
    DeviceProfile: name model owners default_for lines;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(number: usize) -> EndUser {
        EndUser {
            id: format!("u{number}").into(),
            first_name: "Zoë".to_owned(),
            last_name: "x".repeat(number * 50),
            devices: vec!["A".into(); number % 3],
            profiles: Vec::new(),
            primary_line: Some(DirectoryNumber {
                digits: "7".into(),
                partition: number.is_multiple_of(2).then(|| "P".into()),
            }),
            rights: vec![Right(Right::PROXY.to_owned())],
            password_hash: Some(PasswordHash::new("a secret")),
            pin_hash: None,
            credential: CredentialState::Expired,
            home_cluster: number % 2 == 1,
            max_login_minutes: u32::try_from(number).ok().filter(|n| n % 3 == 0),
        }
    }

    #[test]
    fn entries_come_out_as_they_went_in_whatever_was_changed_before_and_behind_them() {
        let mut rows = Rows::default();
        let mut kept: Vec<Option<EndUser>> = (0..40).map(|n| Some(user(n))).collect();
        for entry in kept.iter().flatten() {
            rows.push(entry);
        }
        let before = rows.clone();
        for (place, entry) in [(0, None), (17, Some(user(99))), (39, None), (33, None)] {
            rows.set(place, entry.as_ref());
            kept[place as usize] = entry;
        }
        rows.set(33, Some(&user(100)));
        kept[33] = Some(user(100));
        for (place, entry) in (0..).zip(&kept) {
            assert_eq!(rows.get(place), *entry);
        }
        let all: Vec<EndUser> = rows.iter().map(|(_, entry)| entry).collect();
        assert_eq!(all, kept.into_iter().flatten().collect::<Vec<_>>());
        assert_eq!(rows.get(40), None);
        assert_eq!(before.get(17), Some(user(17)));
    }

    #[test]
    fn secrets_are_not_printed() {
        let mut rows = Rows::default();
        rows.push(&user(1));
        assert_eq!(format!("{rows:?}"), "1 places");
    }
}
