//! What both sides of a connection remember of ids and destinations. [openwire §3.5]

use super::table::Cacheable;
use super::{
    BrokerId, ConnectionId, ConsumerId, Destination, LocalTransactionId, ObjectId, ProducerId,
    SessionId, Text, TransactionId, XaTransactionId,
};
use bytes::Bytes;
use std::collections::HashMap;

/// Slots that are kept free for the next frame.
const HEADROOM: usize = 100;

/// Most bytes of text that a peer may have remembered: room for thousands of long names, and no more.
pub(super) const READ_BYTES: usize = 4 << 20;

/// Entries with more text than this are written anew each time.
const WRITE_BYTES: usize = 4096;

/// An entry of the cache. An absent value is one too.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Entry {
    /// Nothing.
    Null,
    /// A connection.
    Connection(ConnectionId),
    /// A session.
    Session(SessionId),
    /// A consumer.
    Consumer(ConsumerId),
    /// A producer.
    Producer(ProducerId),
    /// A broker.
    Broker(BrokerId),
    /// A queue or topic.
    Destination(Destination),
    /// A transaction within the broker.
    Local(LocalTransactionId),
    /// A transaction across resources.
    Xa(XaTransactionId),
}

impl Entry {
    /// How many bytes of text it holds.
    fn weight(&self) -> usize {
        let text = |text: &Option<Text>| text.as_ref().map_or(0, |t| t.to_modified().len());
        let bytes = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
        match self {
            Self::Null => 0,
            Self::Connection(id) => text(&id.value),
            Self::Session(id) => text(&id.connection_id),
            Self::Consumer(id) => text(&id.connection_id),
            Self::Producer(id) => text(&id.connection_id),
            Self::Broker(id) => text(&id.value),
            Self::Destination(destination) => text(&destination.physical_name),
            Self::Local(id) => id.connection_id.as_ref().map_or(0, |id| text(&id.value)),
            Self::Xa(id) => bytes(&id.global_transaction_id) + bytes(&id.branch_qualifier),
        }
    }
}

/// How a type and its entry become each other.
macro_rules! cacheable {
    ($($type:ident $entry:ident)*) => {
        $(impl Cacheable for $type {
            fn to_entry(&self) -> Entry {
                Entry::$entry(self.clone())
            }

            fn from_entry(entry: &Entry) -> Option<Self> {
                match entry {
                    Entry::$entry(value) => Some(value.clone()),
                    _ => None,
                }
            }
        })*
    };
}

cacheable! {
    ConnectionId Connection
    SessionId Session
    ConsumerId Consumer
    ProducerId Producer
    BrokerId Broker
    Destination Destination
}

impl Cacheable for TransactionId {
    fn to_entry(&self) -> Entry {
        // Byte strings are slices of their frame; an entry must not keep the frame alive.
        let own = |bytes: &Option<Bytes>| bytes.as_ref().map(|b| Bytes::copy_from_slice(b));
        match self {
            Self::Local(id) => Entry::Local(id.clone()),
            Self::Xa(id) => Entry::Xa(XaTransactionId {
                format_id: id.format_id,
                global_transaction_id: own(&id.global_transaction_id),
                branch_qualifier: own(&id.branch_qualifier),
            }),
        }
    }

    fn from_entry(entry: &Entry) -> Option<Self> {
        match entry {
            Entry::Local(id) => Some(Self::Local(id.clone())),
            Entry::Xa(id) => Some(Self::Xa(id.clone())),
            _ => None,
        }
    }
}

impl Cacheable for ObjectId {
    fn to_entry(&self) -> Entry {
        match self {
            Self::Connection(id) => id.to_entry(),
            Self::Session(id) => id.to_entry(),
            Self::Consumer(id) => id.to_entry(),
            Self::Producer(id) => id.to_entry(),
        }
    }

    fn from_entry(entry: &Entry) -> Option<Self> {
        match entry {
            Entry::Connection(id) => Some(Self::Connection(id.clone())),
            Entry::Session(id) => Some(Self::Session(id.clone())),
            Entry::Consumer(id) => Some(Self::Consumer(id.clone())),
            Entry::Producer(id) => Some(Self::Producer(id.clone())),
            _ => None,
        }
    }
}

/// The reader's side: it keeps what it is told, where it is told.
#[derive(Clone, Debug)]
pub(super) struct ReadCache {
    size: usize,
    slots: Vec<Option<Entry>>,
    bytes: usize,
}

impl ReadCache {
    pub(super) fn new(size: u16) -> Self {
        Self {
            size: usize::from(size),
            slots: Vec::new(),
            bytes: 0,
        }
    }

    /// May a new entry have this index?
    pub(super) fn has(&self, index: i16) -> bool {
        index == -1 || usize::try_from(index).is_ok_and(|i| i < self.size)
    }

    pub(super) fn get(&self, index: i16) -> Option<&Entry> {
        self.slots.get(usize::try_from(index).ok()?)?.as_ref()
    }

    /// Keeps an entry; `false` when that would be too much.
    pub(super) fn put(&mut self, index: i16, entry: Entry) -> bool {
        let Ok(index) = usize::try_from(index) else {
            return true;
        };
        if self.slots.len() <= index {
            self.slots.resize(index + 1, None);
        }
        self.bytes += entry.weight();
        if let Some(old) = self.slots[index].replace(entry) {
            self.bytes -= old.weight();
        }
        self.bytes <= READ_BYTES
    }
}

/// The writer's side: it numbers. Every entry of `indexes` stands in its slot, and no other entry does.
#[derive(Clone, Debug)]
pub(super) struct WriteCache {
    indexes: HashMap<Entry, u16>,
    slots: Vec<Option<Entry>>,
    next: u16,
    evict: u16,
    /// What the frame that is being written added.
    added: Vec<u16>,
}

impl WriteCache {
    pub(super) fn new(size: u16) -> Self {
        Self {
            indexes: HashMap::new(),
            slots: vec![None; usize::from(size.max(1))],
            next: 0,
            evict: 0,
            added: Vec::new(),
        }
    }

    fn after(&self, index: u16) -> u16 {
        (index + 1) % self.slots.len() as u16
    }

    /// Makes room for the next frame. A cache with less than the headroom is emptied.
    pub(super) fn begin_frame(&mut self) {
        let keep = self.slots.len().saturating_sub(HEADROOM);
        while self.indexes.len() > keep {
            if let Some(old) = self.slots[usize::from(self.evict)].take() {
                self.indexes.remove(&old);
            }
            self.evict = self.after(self.evict);
        }
    }

    pub(super) fn find(&self, entry: &Entry) -> Option<u16> {
        self.indexes.get(entry).copied()
    }

    /// Gives an entry its index; -1 when it is not kept.
    pub(super) fn add(&mut self, entry: Entry) -> i16 {
        if entry.weight() > WRITE_BYTES {
            return -1;
        }
        let index = self.next;
        self.next = self.after(index);
        if self.indexes.len() >= self.slots.len() {
            return -1;
        }
        // The slot is taken only after entries were not kept; the reader forgets its old one as well.
        if let Some(old) = self.slots[usize::from(index)].replace(entry.clone()) {
            self.indexes.remove(&old);
        }
        self.indexes.insert(entry, index);
        self.added.push(index);
        index as i16
    }

    /// The frame is complete: what it added stays.
    pub(super) fn keep_frame(&mut self) {
        self.added.clear();
    }

    /// Forgets what the frame added, because it is not sent.
    pub(super) fn undo_frame(&mut self) {
        while let Some(index) = self.added.pop() {
            if let Some(entry) = self.slots[usize::from(index)].take() {
                self.indexes.remove(&entry);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(n: usize) -> Entry {
        Destination::queue(format!("q{n}")).to_entry()
    }

    #[test]
    fn an_entry_is_only_found_where_the_reader_has_it_too() {
        let size = 150;
        let (mut writer, mut reader) = (WriteCache::new(size), ReadCache::new(size));
        let mut send = |entries: std::ops::Range<usize>| {
            let (mut kept, mut found) = (0, 0);
            writer.begin_frame();
            for n in entries {
                let entry = entry(n);
                if let Some(index) = writer.find(&entry) {
                    assert_eq!(reader.get(index as i16), Some(&entry));
                    found += 1;
                } else {
                    let index = writer.add(entry.clone());
                    assert!(reader.has(index));
                    kept += usize::from(index >= 0);
                    assert!(reader.put(index, entry));
                }
            }
            writer.keep_frame();
            (kept, found)
        };
        // More in one frame than there are slots: numbering goes on, and comes to slots that are taken.
        assert_eq!(send(0..220), (150, 0));
        assert_eq!(send(100..150), (0, 50));
        assert_eq!(send(1000..1060), (60, 0));
        assert_eq!(send(130..150), (0, 20));
        assert_eq!(send(100..130), (30, 0));
        for n in 0..1000 {
            send(n..n + 60);
        }
    }

    #[test]
    fn great_entries_are_not_kept_and_replaced_ones_do_not_count() {
        let mut writer = WriteCache::new(200);
        let great = |n: usize| Destination::queue("x".repeat(n)).to_entry();
        assert_eq!(writer.add(great(WRITE_BYTES + 1)), -1);
        assert_eq!(writer.add(great(WRITE_BYTES)), 0);
        let mut reader = ReadCache::new(200);
        for _ in 0..200 {
            assert!(reader.put(7, great(60_000)));
        }
    }

    #[test]
    fn a_remembered_transaction_does_not_keep_its_frame() {
        let frame = Bytes::from(vec![7; 100_000]);
        let id = TransactionId::Xa(XaTransactionId {
            global_transaction_id: Some(frame.slice(..8)),
            ..XaTransactionId::default()
        });
        let entry = id.to_entry();
        drop(id);
        assert!(frame.is_unique());
        assert_eq!(entry.weight(), 8);
    }
}
