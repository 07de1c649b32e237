//! The last requests on every interface, with their answers. Secrets are never put in. [lab, Journal]

use crate::edge::Peer;
use cordboard_wire::admin::JournalEntry;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// So many requests are kept.
pub const KEPT: usize = 10_000;
/// A field is kept up to so many bytes; a longer one ends in an ellipsis.
const FIELD: usize = 256;

/// One request and its answer.
#[derive(Clone, Debug)]
pub struct Entry {
    interface: &'static str,
    peer: Peer,
    method: &'static str,
    path: &'static str,
    status: u16,
    fields: Vec<(&'static str, Cow<'static, str>)>,
}

impl Entry {
    /// An entry without fields yet.
    pub fn new(
        interface: &'static str,
        peer: Peer,
        method: &'static str,
        path: &'static str,
        status: u16,
    ) -> Self {
        Self {
            interface,
            peer,
            method,
            path,
            status,
            fields: Vec::new(),
        }
    }

    /// With a field.
    pub fn field(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        let mut value = value.into();
        if value.len() > FIELD {
            let end = (0..=FIELD)
                .rev()
                .find(|&i| value.is_char_boundary(i))
                .unwrap_or(0);
            value = Cow::Owned(format!("{}…", &value[..end]));
        }
        self.fields.push((name, value));
        self
    }

    /// With a field, if there is a value.
    pub fn maybe(self, name: &'static str, value: Option<String>) -> Self {
        match value {
            Some(value) => self.field(name, value),
            None => self,
        }
    }

    /// With the answer's status.
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }
}

/// The journal.
#[derive(Debug)]
pub struct Journal {
    clock: crate::runtime::clock::Clock,
    enabled: bool,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    next: u64,
    entries: VecDeque<(i64, Entry)>,
}

impl Journal {
    /// An empty journal; one that is not enabled keeps nothing.
    pub fn new(clock: crate::runtime::clock::Clock, enabled: bool) -> Self {
        Self {
            clock,
            enabled,
            kept: Mutex::default(),
        }
    }

    /// Notes a request.
    pub fn note(&self, entry: Entry) {
        if !self.enabled {
            return;
        }
        let at = self.clock.now().wall.0;
        let mut kept = self.lock();
        if kept.entries.len() == KEPT {
            kept.entries.pop_front();
        }
        kept.next += 1;
        kept.entries.push_back((at, entry));
    }

    /// Requests with a number above `since` on an interface (any, if `None`), oldest first, at most `limit`.
    pub fn read(&self, interface: Option<&str>, since: u64, limit: usize) -> Vec<JournalEntry> {
        let kept = self.lock();
        let first = kept.next - u64::try_from(kept.entries.len()).unwrap_or(0);
        kept.entries
            .iter()
            .zip(first + 1..)
            .filter(|((_, entry), number)| {
                *number > since && interface.is_none_or(|i| i == entry.interface)
            })
            .take(limit)
            .map(|((at, entry), number)| JournalEntry {
                number,
                at: crate::admin::shapes::time(*at),
                interface: entry.interface.to_owned(),
                peer: entry.peer.address.ip().to_string(),
                tls: entry.peer.tls,
                method: entry.method.to_owned(),
                path: entry.path.to_owned(),
                status: entry.status,
                fields: entry
                    .fields
                    .iter()
                    .map(|(n, v)| ((*n).to_owned(), v.clone().into_owned()))
                    .collect(),
            })
            .collect()
    }

    /// Forgets everything (lab reset).
    pub fn clear(&self) {
        self.lock().entries.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
