//! Finds the entries of a kind by a text, without a copy of it.

use super::folded;
use hashbrown::HashTable;
use std::hash::{BuildHasher, RandomState};

/// The places of entries by a hash of their text. Whoever asks compares the texts himself; the same text may have several places.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    places: HashTable<Hashed>,
    hasher: RandomState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hashed {
    hash: u32,
    place: u32,
}

impl Hashed {
    /// The table takes its bits from both ends of 64.
    fn spread(self) -> u64 {
        spread(self.hash)
    }
}

fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

impl Index {
    /// The hash of a text as it stands.
    pub(crate) fn exactly(&self, text: &str) -> u32 {
        self.hash(text.as_bytes())
    }

    /// The hash of a name, whatever its letter case.
    pub(crate) fn folded(&self, name: &str) -> u32 {
        let name = name.trim();
        let mut small = [0; 64];
        match small.get_mut(..name.len()) {
            // Nearly all, and nothing is allocated for them.
            Some(small) if name.is_ascii() => {
                small.copy_from_slice(name.as_bytes());
                small.make_ascii_lowercase();
                self.hash(small)
            }
            _ => self.hash(folded(name).as_bytes()),
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "half of a hash is one")]
    fn hash(&self, bytes: &[u8]) -> u32 {
        self.hasher.hash_one(bytes) as u32
    }

    pub(crate) fn add(&mut self, hash: u32, place: u32) {
        let entry = Hashed { hash, place };
        self.places
            .insert_unique(entry.spread(), entry, |other| other.spread());
    }

    pub(crate) fn remove(&mut self, hash: u32, place: u32) {
        let gone = Hashed { hash, place };
        if let Ok(found) = self.places.find_entry(gone.spread(), |e| *e == gone) {
            found.remove();
        }
    }

    /// The places that may have a text, in no order.
    pub(crate) fn places(&self, hash: u32) -> impl Iterator<Item = u32> {
        let found = self.places.iter_hash(spread(hash));
        found.filter(move |e| e.hash == hash).map(|e| e.place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_whatever_case_and_length_have_one_hash() {
        let index = Index::default();
        let long = "X".repeat(100);
        let pairs = [
            ("Bill", " bILL "),
            ("ÄRGER", "ärger"),
            (&long, &long.to_lowercase()),
        ];
        for (one, other) in pairs {
            assert_eq!(index.folded(one), index.folded(other));
        }
        // The Kelvin sign's small letter is an ASCII one.
        assert_eq!(index.folded("\u{212A}"), index.folded("k"));
        assert_ne!(index.exactly("A"), index.exactly("a"));
    }

    #[test]
    fn a_text_may_have_many_places_and_one_is_taken_away_alone() {
        let mut index = Index::default();
        for place in 0..1_000 {
            index.add(7, place);
        }
        index.remove(7, 500);
        assert_eq!(index.places(7).count(), 999);
        assert!(!index.places(7).any(|place| place == 500));
        assert_eq!(index.places(8).count(), 0);
    }
}
