//! Our client of a broker, outside or in this process: it consumes queues and topics and publishes to wherever it is told.
//! [openwire §8]
//!
//! [`start`] starts its one task, which connects, stays connected, and connects again. [`Client`] is what everybody else holds
//! of it; a [`Delivery`] is a message that came.
//!
//! - `conversation`, `consumers`: what is said when and what the broker's commands mean; no I/O. Start reading there.
//! - `brokers`: where they are, as text. `backoff`, `backlog`: when to try again, what waits meanwhile. `connect`: TCP, TLS, and the
//!   way in to a broker in this process. [`link`]: one connection, whoever is at its other end; a broker uses it too. `task`: what
//!   drives all of it.
//!
//! A message is handed over once, however often the broker hands it out, and acknowledged when its owner has taken it over. What
//! is published is sent once; only a persistent message that the broker did not confirm is sent again, under its old id.

mod backlog;
mod backoff;
mod brokers;
mod connect;
mod consumers;
mod conversation;
mod counts;
pub mod link;
mod task;

pub use backoff::Delays;
pub use brokers::{BadBrokers, Brokers};
pub use connect::{Door, Reach, Target};
pub use consumers::ConsumeError;
pub use counts::Counts;

use backlog::Backlog;
use conversation::{Key, Verdict};
use cordboard_wire::Secret;
use cordboard_wire::openwire::{Body, Destination, Message};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::Instant;

/// Where a broker listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// A name or an IP address.
    pub host: String,
    /// ActiveMQ's is 61616, with TLS 61617.
    pub port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// Which broker, as whom, for what.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it is.
    pub reach: Reach,
    /// The user, where the broker wants one.
    pub user: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
    /// The name of this client; a broker takes one connection of each name.
    pub client_id: String,
    /// What is consumed from the start and for good; the client is ready when the broker has confirmed all of it.
    pub consumes: Vec<Destination>,
    /// So many messages of each lie here at most that are not taken over.
    pub prefetch: u16,
    /// Without a byte for this time the broker is in doubt, after twice the time it is given up; zero: never. The broker may
    /// want less. [openwire §2.4]
    pub inactivity: Duration,
    /// Largest frame that is taken. [openwire §2.5]
    pub max_frame: u32,
    /// Maximum number of bytes to which a message's body is inflated; a message that needs more is acknowledged unread.
    pub max_body: usize,
    /// Pauses between attempts.
    pub delays: Delays,
    /// The steps of an attempt must be done within these times.
    pub limits: Limits,
}

impl Settings {
    /// The client of this name, of this queue at these brokers; everything else by default.
    pub fn new(
        addresses: Vec<Address>,
        client_id: impl Into<String>,
        queue: impl Into<String>,
    ) -> Self {
        let queue = Destination::queue(queue.into().as_str());
        Self::consuming(addresses, client_id, vec![queue])
    }

    /// The client of this name, of these queues and topics; everything else by default.
    pub fn consuming(
        addresses: Vec<Address>,
        client_id: impl Into<String>,
        consumes: Vec<Destination>,
    ) -> Self {
        Self {
            reach: Reach::Network {
                addresses,
                tls: None,
            },
            user: None,
            password: None,
            client_id: client_id.into(),
            consumes,
            prefetch: 100,
            inactivity: Duration::from_secs(30),
            max_frame: cordboard_wire::openwire::CLIENT_FRAME,
            max_body: cordboard_wire::openwire::INFLATED,
            delays: Delays::default(),
            limits: Limits::default(),
        }
    }

    /// The same client at another broker. One in this process is there at once or not at all: it is not waited for long, and is
    /// known to be alive.
    pub fn at(self, reach: Reach) -> Self {
        let inside = matches!(reach, Reach::Inside(_));
        let settings = Self { reach, ..self };
        match inside {
            false => settings,
            true => Self {
                inactivity: Duration::ZERO,
                delays: Delays::inside(),
                ..settings
            },
        }
    }
}

/// How long the steps of an attempt may take. [openwire §8.3]
#[derive(Clone, Debug)]
pub struct Limits {
    /// The connection, and TLS.
    pub connect: Duration,
    /// The broker's greeting.
    pub greeting: Duration,
    /// Its answers to what opens the connection.
    pub opening: Duration,
    /// A frame, from its first byte to its last.
    pub frame: Duration,
    /// The good-bye.
    pub leaving: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            greeting: Duration::from_secs(10),
            opening: Duration::from_secs(10),
            frame: Duration::from_secs(60),
            leaving: Duration::from_secs(2),
        }
    }
}

/// How the client stands with its broker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// No attempt has ended yet.
    #[default]
    Starting,
    /// Connected, and what the settings name is consumed.
    Ready {
        /// Which one.
        target: Target,
        /// What the broker calls itself.
        broker: Option<String>,
    },
    /// Not connected.
    Away {
        /// Which was tried last.
        target: Target,
        /// What became of it, for people. Never the password.
        why: String,
        /// Was it the broker's own refusal?
        refused: bool,
        /// Was what answered no broker at all?
        foreign: bool,
    },
    /// Shut down.
    Ended,
}

impl Status {
    /// Is the client of use?
    pub fn is_ready(&self) -> bool {
        matches!(self, Self::Ready { .. })
    }
}

/// A text message to be sent, not persistent unless it says so.
#[derive(Clone, Debug, PartialEq)]
pub struct Publication {
    /// Where to.
    pub destination: Destination,
    /// The text.
    pub text: String,
    /// `JMSType`.
    pub jms_type: Option<String>,
    /// `JMSCorrelationID`.
    pub correlation_id: Option<String>,
    /// `JMSReplyTo`.
    pub reply_to: Option<Destination>,
    /// Of no use after this time, which begins when it is published: waiting here is part of it.
    pub time_to_live: Option<Duration>,
    /// Sent again until the broker confirms it.
    pub persistent: bool,
}

impl Publication {
    /// This text to this destination.
    pub fn new(destination: Destination, text: impl Into<String>) -> Self {
        Self {
            destination,
            text: text.into(),
            jms_type: None,
            correlation_id: None,
            reply_to: None,
            time_to_live: None,
            persistent: false,
        }
    }
}

/// A message that came for one of the consumers.
///
/// Its owner calls [`Delivery::acknowledge`] once it has the message safe; not when it is done with it. Dropped without, the
/// message stays the broker's, which hands it out again when this connection is over.
#[derive(Debug)]
pub struct Delivery {
    message: Arc<Message>,
    body: Body,
    redelivered: u32,
    key: Key,
    /// A place for the verdict; taken when there is one.
    verdict: Option<mpsc::OwnedPermit<Verdict>>,
}

impl Delivery {
    /// The message.
    pub fn message(&self) -> &Message {
        &self.message
    }

    /// What it says, inflated if need be.
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// How often it was handed out in vain before.
    pub fn redelivered(&self) -> u32 {
        self.redelivered
    }

    /// Takes the message over: it will not come again.
    pub fn acknowledge(mut self) {
        if let Some(place) = self.verdict.take() {
            place.send(Verdict::Taken(self.key.clone()));
        }
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if let Some(place) = self.verdict.take() {
            place.send(Verdict::LetGo(self.key.clone()));
        }
    }
}

/// The running client. Copies are the same client.
#[derive(Clone, Debug)]
pub struct Client {
    outbox: Arc<Outbox>,
    changes: mpsc::Sender<Change>,
    status: watch::Receiver<Status>,
    counts: Counts,
}

/// Changes of what is consumed that wait for the task; whoever wants more of them waits.
const CHANGES: usize = 16;

/// A change of what is consumed.
#[derive(Debug)]
enum Change {
    /// Another destination, and who wants to know what became of it.
    Consume(Destination, oneshot::Sender<Result<(), ConsumeError>>),
    /// One less.
    GiveUp(Destination),
}

impl Client {
    /// Queues a message, and never waits: when too many wait, the oldest is dropped and counted.
    pub fn publish(&self, publication: Publication) {
        let dropped = self.outbox.lock().push(publication, Instant::now());
        self.counts.dropped.inc_by(dropped);
        self.outbox.filled.notify_one();
    }

    /// Consumes another queue or topic, on this connection and every one after it; waits until the broker has confirmed it, and
    /// so for as long as there is none. Cancelled, it is consumed all the same.
    ///
    /// # Errors
    /// When it is not consumed, and will not be.
    pub async fn consume(&self, destination: Destination) -> Result<(), ConsumeError> {
        let (told, settled) = oneshot::channel();
        let change = Change::Consume(destination, told);
        let sent = self.changes.send(change).await;
        sent.map_err(|_| ConsumeError::Ended)?;
        settled.await.unwrap_or(Err(ConsumeError::Ended))
    }

    /// Consumes a queue or topic no longer, unless it is one of the settings'. What came of it before may still be handed over.
    pub async fn give_up(&self, destination: Destination) {
        // A client that has ended consumes nothing.
        let _ = self.changes.send(Change::GiveUp(destination)).await;
    }

    /// How many messages wait to be sent.
    pub fn waiting(&self) -> usize {
        self.outbox.lock().len()
    }

    /// How the client stands, and when that changes.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// What it counts.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }
}

/// Messages between those who publish and the task. A lock and not a channel, because a full channel cannot drop its oldest.
#[derive(Debug, Default)]
struct Outbox {
    backlog: Mutex<Backlog>,
    filled: Notify,
}

impl Outbox {
    fn lock(&self) -> std::sync::MutexGuard<'_, Backlog> {
        self.backlog.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The client's handle, its messages, its end.
#[derive(Debug)]
pub struct Started {
    /// To publish, and to ask how it stands.
    pub client: Client,
    /// The messages of all its consumers. Dropped, the client shuts down.
    pub deliveries: mpsc::Receiver<Delivery>,
    /// To wait for its end.
    pub task: tokio::task::JoinHandle<()>,
}

/// Starts the client's task; it ends on the shutdown signal.
pub fn start(settings: Settings, counts: Counts, shutdown: watch::Receiver<bool>) -> Started {
    let outbox = Arc::<Outbox>::default();
    let (status, watched) = watch::channel(Status::default());
    let (inbox, deliveries) = mpsc::channel(usize::from(settings.prefetch.max(1)));
    let (changes, wanted) = mpsc::channel(CHANGES);
    let owner = task::Owner {
        outbox: Arc::clone(&outbox),
        changes: wanted,
        inbox,
        status,
    };
    let running = task::Task::new(settings, counts.clone(), owner);
    Started {
        client: Client {
            outbox,
            changes,
            status: watched,
            counts,
        },
        deliveries,
        task: tokio::spawn(running.run(shutdown)),
    }
}
