//! What the client listens to: the destinations of its settings for as long as it runs, others that come and go. [openwire §7.4]

use cordboard_wire::openwire::{ConsumerId, Destination, NONE_DELIVERED, Text};
use std::collections::VecDeque;

/// So many destinations are listened to at most, those of the settings included.
pub(super) const CONSUMERS: usize = 1_000;

/// Why a destination is not listened to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConsumeError {
    /// The broker does not let us.
    #[error("the broker refuses {destination}: {why}")]
    Refused {
        /// What was asked for, fit for a log line.
        destination: String,
        /// In its words, fit for a log line.
        why: String,
    },
    /// There are as many as this client has at most.
    #[error("a client listens to {CONSUMERS} destinations at most")]
    TooMany,
    /// It was given up again before the broker had answered.
    #[error("it was given up again")]
    GivenUp,
    /// The client has ended.
    #[error("the client has ended")]
    Ended,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Consumer {
    /// Told apart by this on every connection: never given twice.
    pub(super) number: i64,
    pub(super) destination: Destination,
    /// Does the client have no use without it?
    pub(super) needed: bool,
    /// The command that asked for it on this connection, until it is answered.
    asked: Option<i32>,
    /// The broker has confirmed it on this connection.
    confirmed: bool,
    /// The highest `BrokerSequenceId` that was taken over on this connection.
    pub(super) last_taken: i64,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Consumers {
    all: Vec<Consumer>,
    next: i64,
    /// What became of those that somebody waits for.
    settled: VecDeque<(Destination, Result<(), ConsumeError>)>,
}

impl Consumers {
    pub(super) fn new(needed: &[Destination]) -> Self {
        let mut consumers = Self {
            all: Vec::new(),
            next: 1,
            settled: VecDeque::new(),
        };
        for destination in needed {
            consumers.push(destination.clone(), true);
        }
        consumers
    }

    fn push(&mut self, destination: Destination, needed: bool) -> i64 {
        let number = self.next;
        self.next += 1;
        self.all.push(Consumer {
            number,
            destination,
            needed,
            asked: None,
            confirmed: false,
            last_taken: NONE_DELIVERED,
        });
        number
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Consumer> {
        self.all.iter()
    }

    /// Another destination; the new consumer's number, or `None` when there is nothing to ask the broker for.
    pub(super) fn add(&mut self, destination: Destination) -> Option<i64> {
        if let Some(known) = self.all.iter().find(|c| c.destination == destination) {
            if known.confirmed {
                self.settled.push_back((destination, Ok(())));
            }
            return None;
        }
        if self.all.len() >= CONSUMERS {
            let no = Err(ConsumeError::TooMany);
            self.settled.push_back((destination, no));
            return None;
        }
        Some(self.push(destination, false))
    }

    /// A destination is given up, unless the client needs it. The consumer that the broker must be told of.
    pub(super) fn remove(&mut self, destination: &Destination) -> Option<Consumer> {
        let is = |c: &Consumer| c.destination == *destination && !c.needed;
        let at = self.all.iter().position(is)?;
        let gone = self.all.remove(at);
        if !gone.confirmed {
            let settled = (gone.destination.clone(), Err(ConsumeError::GivenUp));
            self.settled.push_back(settled);
        }
        (gone.confirmed || gone.asked.is_some()).then_some(gone)
    }

    /// A new connection, on which nothing is asked for yet.
    pub(super) fn begin(&mut self) {
        for consumer in &mut self.all {
            consumer.asked = None;
            consumer.confirmed = false;
            consumer.last_taken = NONE_DELIVERED;
        }
    }

    /// The broker is asked for it by this command.
    pub(super) fn asked(&mut self, number: i64, command: i32) {
        if let Some(consumer) = self.of_mut(number) {
            consumer.asked = Some(command);
        }
    }

    /// The broker answered a command; was it about one of them?
    pub(super) fn confirmed(&mut self, command: i32) -> bool {
        let mut all = self.all.iter_mut();
        let Some(consumer) = all.find(|c| c.asked == Some(command)) else {
            return false;
        };
        consumer.asked = None;
        consumer.confirmed = true;
        if !consumer.needed {
            let destination = consumer.destination.clone();
            self.settled.push_back((destination, Ok(())));
        }
        true
    }

    /// The broker refused a command; the destination that is given up for it, if it was about one that can be.
    pub(super) fn refused(&mut self, command: i32, why: &str) -> Option<Destination> {
        let is = |c: &Consumer| c.asked == Some(command) && !c.needed;
        let at = self.all.iter().position(is)?;
        let gone = self.all.remove(at).destination;
        let error = ConsumeError::Refused {
            destination: Text::from(gone.to_string()).for_log(200),
            why: why.to_owned(),
        };
        self.settled.push_back((gone.clone(), Err(error)));
        Some(gone)
    }

    /// Did this command ask for one that the client has no use without?
    pub(super) fn needs(&self, command: i32) -> bool {
        let mut all = self.all.iter();
        all.any(|c| c.needed && c.asked == Some(command))
    }

    /// What became of one that somebody may wait for.
    pub(super) fn poll_settled(&mut self) -> Option<(Destination, Result<(), ConsumeError>)> {
        self.settled.pop_front()
    }

    /// The one of an id, among those of this connection's name.
    pub(super) fn of(&self, id: &ConsumerId, name: &Text) -> Option<&Consumer> {
        let ours = id.connection_id.as_ref() == Some(name) && id.session_id == 1;
        let mut all = self.all.iter();
        all.find(|c| ours && c.number == id.value)
    }

    pub(super) fn of_mut(&mut self, number: i64) -> Option<&mut Consumer> {
        self.all.iter_mut().find(|c| c.number == number)
    }

    /// The highest `BrokerSequenceId` that was taken over on this connection.
    pub(super) fn last_taken(&self) -> i64 {
        let all = self.all.iter().map(|c| c.last_taken);
        all.max().unwrap_or(NONE_DELIVERED)
    }
}
