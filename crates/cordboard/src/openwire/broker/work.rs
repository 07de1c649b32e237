//! Work that is done in slices: nothing that a client sends keeps the broker from the others for long. [openwire §7.12]
//!
//! What costs time is counted in steps, of about ten nanoseconds, on the account of the client whose command is carried out, or whose
//! consumer is served. When a slice is used up, the rest is kept: a [`Task`] is the rest of a command, and the client's next one waits
//! for it; what is *owed* is the rest of serving consumers and queues. Whoever owns the broker calls [`Broker::work`] for the clients
//! that have work, in an order that is fair.

use super::parcel::Held;
use super::state::{Leaving, Step};
use super::{Broker, Link};
use cordboard_wire::openwire::{ConnectionInfo, Destination, Message, Throwable};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

/// Steps of a slice: a quarter of a millisecond.
pub const SLICE: u64 = 25_000;

/// The link that stands for the broker's own work.
pub const HOUSE: Link = Link(0);

/// The rest of a command, with how it is to be answered.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) task: Task,
    /// The command's number.
    pub(super) id: i32,
    /// Does the client wait for an answer?
    pub(super) wants: bool,
}

/// The rest of a command.
#[derive(Debug)]
pub(super) enum Task {
    /// A transaction is being committed; the first refusal is its answer.
    Commit {
        steps: VecDeque<Step>,
        refused: Result<(), Throwable>,
    },
    /// Consumers of a session that was removed.
    RemoveConsumers {
        keys: VecDeque<u64>,
        delivered: Option<i64>,
    },
    /// The client itself is removed.
    Depart,
    /// A client connects once another connection of its own is gone.
    Connect {
        info: Box<ConnectionInfo>,
        old: Link,
    },
    /// A consumer learns which temporary destinations there are, after this one.
    Introduce {
        key: u64,
        after: Option<Destination>,
    },
    /// A message waits for a place in the command queue.
    Admit(Arc<Message>),
}

/// A client that is going: its things go one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Departure {
    pub(super) delivered: Option<i64>,
    pub(super) how: Leaving,
}

/// Consumers and queues that are to be served on a client's account.
#[derive(Debug, Default)]
pub(super) struct Owed {
    consumers: BTreeSet<u64>,
    queues: BTreeSet<Destination>,
}

impl Broker {
    /// A slice of a client's work begins.
    pub(super) fn begin(&mut self, link: Link, now: i64) {
        self.now = now;
        self.acting = link;
        self.slice_end = self.spent + SLICE;
    }

    /// Counts steps.
    pub(super) fn spend(&mut self, steps: usize) {
        self.spent += steps as u64;
    }

    /// Returns `true` if the slice is used up.
    pub(super) fn is_over(&self) -> bool {
        self.spent >= self.slice_end
    }

    /// Returns the number of steps that were spent so far.
    pub fn spent(&self) -> u64 {
        self.spent
    }

    /// Returns `true` if a client's last command is not done yet: its next one must wait.
    pub fn is_busy(&self, link: Link) -> bool {
        self.tasks.contains_key(&link) || self.departing.contains_key(&link)
    }

    /// Returns `true` if [`Self::work`] would do something for a client.
    pub fn has_work(&self, link: Link) -> bool {
        if link == HOUSE {
            return !self.doomed.is_empty();
        }
        let task = self.tasks.get(&link).map(|pending| &pending.task);
        match task {
            Some(Task::Admit(_)) => self.may_be_admitted(link),
            Some(Task::Introduce { .. }) => self.peers.get(&link).is_none_or(|p| p.has_room),
            Some(_) => true,
            None => self.departing.contains_key(&link),
        }
        .max(self.owed.contains_key(&link))
    }

    /// The clients that have work.
    #[cfg(test)]
    pub(super) fn links_with_work(&self) -> Vec<Link> {
        let links = self.tasks.keys().chain(self.departing.keys());
        let links = links.chain(self.owed.keys()).copied().chain([HOUSE]);
        links.filter(|link| self.has_work(*link)).collect()
    }

    /// A client that has work now, though its last slice had left none.
    pub fn take_woken(&mut self) -> Option<Link> {
        self.woken.pop()
    }

    pub(super) fn wake(&mut self, link: Link) {
        if !self.woken.contains(&link) {
            self.woken.push(link);
        }
    }

    /// A consumer is to be served on its client's account.
    pub(super) fn owe_consumer(&mut self, link: Link, key: u64) {
        self.owed.entry(link).or_default().consumers.insert(key);
        self.wake(link);
    }

    /// A queue is to be served further on the account of the client whose slice is used up.
    pub(super) fn owe_queue(&mut self, name: &Destination) {
        let link = self.acting;
        let owed = self.owed.entry(link).or_default();
        owed.queues.insert(name.clone());
        self.wake(link);
    }

    /// Goes on with a client's work for a slice.
    pub fn work(&mut self, link: Link, now: i64) {
        self.begin(link, now);
        if link == HOUSE {
            return self.clean_up();
        }
        if let Some(pending) = self.tasks.remove(&link) {
            self.proceed(link, pending);
        }
        if !self.is_over() && !self.tasks.contains_key(&link) {
            self.depart(link);
        }
        while !self.is_over()
            && let Some(owed) = self.owed.get_mut(&link)
        {
            if let Some(key) = owed.consumers.pop_first() {
                self.serve_consumer(key);
            } else if let Some(name) = owed.queues.pop_first() {
                self.serve(&name);
            } else {
                self.owed.remove(&link);
            }
        }
    }

    /// Messages that expired are put away.
    fn clean_up(&mut self) {
        while !self.is_over()
            && let Some(held) = self.doomed.pop_front()
        {
            self.spend(100);
            self.expired(held);
        }
    }

    /// Messages that expired go; those that are kept for people to look at, a slice at a time.
    pub(super) fn doom(&mut self, expired: impl IntoIterator<Item = Held>) {
        for held in expired {
            match held.persistent && self.settings.dead_letters {
                true => self.doomed.push_back(held),
                false => self.counted.expired += 1,
            }
        }
        if !self.doomed.is_empty() {
            self.wake(HOUSE);
        }
    }

    /// Goes on with a command.
    pub(super) fn proceed(&mut self, link: Link, pending: Pending) {
        let Pending { task, id, wants } = pending;
        let (left, done) = match task {
            Task::Commit { steps, refused } => self.commit_some(link, steps, refused),
            Task::RemoveConsumers { keys, delivered } => self.remove_some(keys, delivered),
            Task::Depart => match self.depart(link) {
                true => (None, Ok(None)),
                false => (Some(Task::Depart), Ok(None)),
            },
            Task::Connect { info, old } => match self.depart(old) {
                true => {
                    let done = self.connect(link, *info);
                    (self.task.take(), done)
                }
                false => (Some(Task::Connect { info, old }), Ok(None)),
            },
            Task::Introduce { key, after } => (self.introduce_some(link, key, after), Ok(None)),
            Task::Admit(message) => {
                let done = self.take(link, message);
                (self.task.take(), done)
            }
        };
        match left {
            Some(task) => {
                self.tasks.insert(link, Pending { task, id, wants });
            }
            None => self.finish(link, id, wants, done),
        }
    }
}
