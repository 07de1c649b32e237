//! A client of the "CUCM Connector", cordboard's or the original, over any ActiveMQ. [cti §1]
//!
//! [`start`] joins the broker and listens on a topic of its own before it says anything; then it says Hello until the connector is in
//! service, and goes on for as long as its [`Session`] is there. Whatever is asked through the session is answered by the first
//! event that carries its correlation id; whatever is heard can be followed by [`Session::events`], and is folded into a [`Model`].
//!
//! - `conversation`: what is said when; no I/O. Start reading there. `model`: agents and their legs.
//! - `task`: what carries between broker, conversation and callers.
//!
//! The format of events need not be known: each is told by its first character. What is no event of ours is handed on as it is.

mod conversation;
mod model;
mod task;

pub use model::{Agent, Leg, Model};

use crate::openwire;
use cordboard_wire::cti::{
    COMMAND_QUEUE, ClientDestination, Command, ErrorCode, Format, Received, decode_event,
};
use cordboard_wire::openwire::Destination;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

/// Events that a follower has not read yet; when there are more it misses the oldest, and is told how many.
const EVENTS: usize = 1_024;
/// Commands that wait for the task; whoever wants more of them waits.
const ASKS: usize = 64;

/// Which connector, on which topic.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The broker. What it says of consumers does not count: it is the topic that is consumed.
    pub broker: openwire::Settings,
    /// The queue that takes commands.
    pub queue: String,
    /// Our topic.
    pub topic: ClientDestination,
    /// The format to ask for; `None` leaves it to the connector.
    pub format: Option<Format>,
    /// How long things take.
    pub timing: Timing,
}

impl Settings {
    /// The connector on the usual queue, everything else by default.
    pub fn new(broker: openwire::Settings, topic: ClientDestination) -> Self {
        Self {
            broker,
            queue: COMMAND_QUEUE.to_owned(),
            topic,
            format: None,
            timing: Timing::default(),
        }
    }
}

/// How long things take. [cti §2.5]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// A Hello that was not answered is said again after this time.
    pub hello: Duration,
    /// While agents are logged in, a Beat is said so often.
    pub beat: Duration,
    /// An answer must be here within this time.
    pub answer: Duration,
    /// A command that the connector has not taken by then is of no use.
    pub time_to_live: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        let time_to_live = u64::from(cordboard_wire::cti::COMMAND_TTL_MS);
        Self {
            hello: Duration::from_secs(3),
            beat: Duration::from_secs(30),
            answer: Duration::from_secs(10),
            time_to_live: Duration::from_millis(time_to_live),
        }
    }
}

/// How a client stands with its connector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// There is no broker.
    Away,
    /// Hello is said, and was not answered yet.
    Greeting,
    /// The connector is there and the telephone network is not.
    OutOfService,
    /// Both are there.
    InService,
}

/// A message on our topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// JMSCorrelationID: of the command that it answers.
    pub correlation: Option<String>,
    /// The text as it came.
    pub body: String,
    /// What it says.
    pub received: Received,
}

impl Heard {
    /// A message with this text.
    pub fn new(body: String, correlation: Option<String>) -> Self {
        Self {
            received: decode_event(&body),
            correlation,
            body,
        }
    }
}

/// Why a command was not carried out, as far as that is known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// There is no broker; nothing was sent.
    #[error("there is no connection to the broker; nothing was sent")]
    Away,
    /// The connection was lost before an answer came.
    #[error(
        "the connection to the broker was lost before an answer came; whether the command was carried out is not known"
    )]
    Lost,
    /// The telephone network is out of service; nothing was carried out.
    #[error("the telephone network is out of service; nothing was done")]
    OutOfService,
    /// The connector said no.
    #[error("the connector said {}", said(code, message.as_deref()))]
    Refused {
        /// Why.
        code: ErrorCode,
        /// What it said beside the code.
        message: Option<String>,
        /// The whole of it.
        heard: Arc<Heard>,
    },
    /// No answer came in time.
    #[error("no answer within {} s", .0.as_secs_f32())]
    NoAnswer(Duration),
    /// Too many commands wait already; nothing was sent.
    #[error("too many commands wait for their answers")]
    TooMany,
    /// The session has ended.
    #[error("the session has ended")]
    Ended,
}

/// A code, and what it means where that is more than the code.
fn said(code: &ErrorCode, message: Option<&str>) -> String {
    let message = message.unwrap_or(code.message());
    match message == code.word() {
        true => code.word().to_owned(),
        false => format!("{code}: {message}"),
    }
}

/// A command, and what its caller is known by.
#[derive(Debug)]
struct Ask<T> {
    command: Command,
    ticket: T,
}

type Ticket = oneshot::Sender<Result<Arc<Heard>, CommandError>>;

/// The running client. Copies are the same session; it ends when the last is gone.
#[derive(Clone, Debug)]
pub struct Session {
    asks: mpsc::Sender<Ask<Ticket>>,
    events: broadcast::Sender<Arc<Heard>>,
    standing: watch::Receiver<Standing>,
    model: watch::Receiver<Arc<Model>>,
    broker: openwire::Client,
}

impl Session {
    /// Sends a command and waits for the first event that answers it; more may follow, see [`Session::events`].
    ///
    /// An agent who was logged in is logged in again after every loss of the broker, until he is logged out.
    ///
    /// # Errors
    /// The connector's refusal, or why there is no answer. `Connect` is answered by no connector.
    pub async fn ask(&self, command: Command) -> Result<Arc<Heard>, CommandError> {
        let (ticket, answer) = oneshot::channel();
        let sent = self.asks.send(Ask { command, ticket }).await;
        sent.map_err(|_| CommandError::Ended)?;
        answer.await.unwrap_or(Err(CommandError::Ended))
    }

    /// All messages from now on, in their order. A follower that lags misses the oldest, and the model says what they came to.
    pub fn events(&self) -> broadcast::Receiver<Arc<Heard>> {
        self.events.subscribe()
    }

    /// How the session stands, and when that changes.
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.clone()
    }

    /// What is known of agents and legs, and when that changes.
    pub fn model(&self) -> watch::Receiver<Arc<Model>> {
        self.model.clone()
    }

    /// How the broker stands, and when that changes.
    pub fn broker(&self) -> watch::Receiver<openwire::Status> {
        self.broker.status()
    }
}

/// The session, and its end.
#[derive(Debug)]
pub struct Started {
    /// To ask and to listen.
    pub session: Session,
    /// To wait for its end: after a good-bye to the broker.
    pub task: tokio::task::JoinHandle<()>,
}

/// Starts a session; it ends on the shutdown signal, or when nobody has it any more.
pub fn start(settings: Settings, shutdown: watch::Receiver<bool>) -> Started {
    let mut broker = settings.broker.clone();
    broker.consumes = vec![Destination::topic(settings.topic.as_str())];
    let joined = openwire::start(broker, openwire::Counts::default(), shutdown.clone());
    let (asks, asked) = mpsc::channel(ASKS);
    let (events, _) = broadcast::channel(EVENTS);
    let (standing_told, standing) = watch::channel(Standing::Away);
    let (model_told, model) = watch::channel(Arc::<Model>::default());
    let session = Session {
        asks,
        events: events.clone(),
        standing,
        model,
        broker: joined.client.clone(),
    };
    let running = task::Task::new(
        &settings,
        joined,
        asked,
        task::Tells {
            events,
            standing: standing_told,
            model: model_told,
        },
    );
    Started {
        session,
        task: tokio::spawn(running.run(shutdown)),
    }
}
