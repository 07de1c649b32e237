//! One client's connection, between its stream and the broker's keeper.
//!
//! Waits on: the stream, a place in the keeper's inbox, its outbox, the broker's phase, and the time within which it must have said
//! who it is or read what it is sent. Tells: the keeper, the client. Stops: when either side ends it. What the client sends is not
//! read while the keeper has no place for it, or while the client does not read what it is answered.

use super::broker::{
    ConnectionMemory, Dispatch, FrameCharge, GOODBYE, Identity, Link as Id, REPLACED,
};
use super::handle::{Gate, Phase, Shared};
use super::keeper::Event;
use super::outbox::{Out, Outbox};
use crate::services::auth::Refused;
use cordboard_client::openwire::link::{self, Link, LinkError};
use cordboard_wire::openwire::{
    AckType, Command, ConnectionInfo, ExceptionResponse, FIRST_FRAME, MessageAck, SecretText, Text,
    Throwable,
};
use futures_util::FutureExt as _;
use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout_at};

/// From the accept to the client's `ConnectionInfo`. [openwire §10.3]
const ANONYMOUS: Duration = Duration::from_secs(30);
/// A frame, from its first byte to its last. [openwire §10.3]
const FRAME: Duration = Duration::from_secs(60);
/// A client that takes next to nothing for so long is given up. [openwire §7.12]
const STUCK: Duration = Duration::from_secs(30);
/// So long a client has to leave by itself after a refusal that ends its connection, and to take what was on its way.
const LEAVING: Duration = Duration::from_secs(2);
/// So many bytes are encoded and not yet written; the rest waits in the outbox.
const OUTGOING: usize = 16 << 10;
/// So many commands go to the keeper at once, if they came at once.
const BATCH: usize = 64;

/// So many bytes of frames go to the keeper at once, and one frame more.
const BATCH_BYTES: usize = 256 << 10;

/// A frame that is not whole yet counts for what is read of it, beyond this many bytes.
const SMALL_FRAME: usize = 64 << 10;

/// What a connection's frame in progress counts for.
struct FrameMemory(FrameCharge);

impl FrameMemory {
    fn new(memory: &Arc<ConnectionMemory>) -> Self {
        Self(memory.frame())
    }

    /// So many bytes of a frame are here. Returns `false` if they are more than the client may hold.
    fn hold(&mut self, bytes: usize) -> bool {
        // A buffer grows in steps.
        let bytes = if bytes > SMALL_FRAME {
            bytes.next_multiple_of(SMALL_FRAME)
        } else {
            0
        };
        self.0.bytes() == bytes || self.0.try_resize(bytes)
    }
}

/// Where a client is.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// At this address, and asked at this gate who it is.
    Network(SocketAddr, Arc<Gate>),
    /// In this process.
    Inside,
}

impl Origin {
    /// Who is it that says so?
    async fn identify(&self, info: &ConnectionInfo) -> Result<Identity, Refused> {
        let Self::Network(address, gate) = self else {
            return Ok(Identity {
                inside: true,
                ..Identity::default()
            });
        };
        let user = info.user_name.as_ref().map(Text::to_str_lossy);
        let password = info.password.as_ref().map(SecretText::to_secret);
        let password = password.as_ref().map_or("", |password| password.expose());
        let Gate { access, app } = &**gate;
        let known = access.check(app, user.as_deref(), password, address.ip());
        let known = known.await;
        if matches!(known, Err(Refused::Wrong)) {
            let user = info.user_name.as_ref().map(|user| user.for_log(200));
            tracing::warn!(peer.address = %address, user, "the broker does not know a client's name and password");
        }
        known
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(address, _) => address.fmt(f),
            Self::Inside => f.write_str("inside"),
        }
    }
}

/// Why a connection is over.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("{0}")]
    Link(#[from] LinkError),
    #[error("it did not say who it is within {} s", ANONYMOUS.as_secs())]
    Anonymous,
    #[error("slow consumer: it read next to nothing for {} s", STUCK.as_secs())]
    Stuck,
    #[error("{0}")]
    Told(&'static str),
    #[error("the broker has ended")]
    Ended,
    /// By a fault of the lab's: nothing more is written.
    #[error("cut by a fault")]
    Cut,
}

/// Serves a client until its end.
pub(super) async fn run<S>(stream: S, origin: Origin, accepted: Instant, shared: &Shared)
where
    S: AsyncRead + AsyncWrite + Send,
{
    let id = shared.next_link();
    let counts = &shared.counts;
    counts.connections.inc();
    let served = AssertUnwindSafe(serve(stream, id, &origin, accepted, shared));
    let ended = served.catch_unwind().await;
    counts.connections.dec();
    // Whatever ended it, the broker is to know. It may have ended itself.
    let _ = shared.inbox.send(Event::Closed(id)).await;
    match ended {
        Ok(End::Told(GOODBYE) | End::Link(LinkError::Closed) | End::Ended) => {}
        Ok(end) => {
            counts.given_up.inc();
            tracing::info!(peer.address = %origin, why = %end, "the broker gave up a connection");
        }
        Err(_) => {
            counts.panics.inc();
            tracing::error!(peer.address = %origin, "a connection to the broker panicked");
        }
    }
}

async fn serve<S>(stream: S, id: Id, origin: &Origin, accepted: Instant, shared: &Shared) -> End
where
    S: AsyncRead + AsyncWrite + Send,
{
    let mut phase = shared.phase.subscribe();
    let cuts = phase.borrow_and_update().cuts;
    let until = accepted + ANONYMOUS;
    let terms = link::Terms {
        offer: shared.terms.offer.clone(),
        greeting: until.saturating_duration_since(Instant::now()),
        frame: FRAME,
        outgoing: OUTGOING,
    };
    // Cancel-safe: an attempt that is dropped closes its stream.
    let opened = tokio::select! {
        opened = Link::open(stream, &terms) => opened,
        end = interrupted(&mut phase, cuts) => return end,
    };
    let mut link = match opened {
        Ok(link) => link,
        Err(error) => return error.into(),
    };
    link.limit_frames(FIRST_FRAME);
    let outbox = Arc::<Outbox>::default();
    let mut session = Session {
        link,
        id,
        inbox: shared.inbox.clone(),
        outbox: outbox.clone(),
        taken: VecDeque::new(),
        events: VecDeque::new(),
        placed: None,
        memory: None,
        joining: Joining::Anonymous,
        asks: None,
        stuck: None,
        told: None,
    };
    session.events.push_back(Event::Opened {
        link: id,
        address: origin.to_string(),
        outbox,
    });
    let end = session.converse(origin, until, &mut phase, cuts).await;
    match end {
        End::Told(_) | End::Ended => session.leave(&end).await,
        End::Link(_) | End::Anonymous | End::Stuck | End::Cut => {}
    }
    end
}

/// Waits until the broker ends, or connections are cut.
async fn interrupted(phase: &mut watch::Receiver<Phase>, cuts: u64) -> End {
    let over = phase.wait_for(|phase| phase.ending || phase.down || phase.cuts != cuts);
    match over.await {
        Ok(phase) if !phase.ending => End::Cut,
        // Nobody is left who could say so.
        Ok(_) | Err(_) => End::Ended,
    }
}

/// Does the broker know who this is?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Joining {
    /// No; it has not said so.
    Anonymous,
    /// It has said so; nothing more is read until the broker has looked at it.
    Asked,
    /// Yes.
    Joined,
}

struct Session<S> {
    link: Link<S>,
    id: Id,
    inbox: mpsc::Sender<Event>,
    outbox: Arc<Outbox>,
    /// What was taken out of the outbox and not given to the link.
    taken: VecDeque<Out>,
    /// What the keeper is to be handed.
    events: VecDeque<Event>,
    /// The first of them, which needs only a place in the inbox.
    placed: Option<Event>,
    /// What the client holds, once it is connected.
    memory: Option<Arc<ConnectionMemory>>,
    joining: Joining,
    /// Who it says it is, as long as nobody has looked at that.
    asks: Option<ConnectionInfo>,
    /// Since when the client has taken too little.
    stuck: Option<Instant>,
    /// The broker wants the connection to end.
    told: Option<&'static str>,
}

/// What came first.
#[expect(clippy::large_enum_variant, reason = "there is one, for a moment")]
enum Step {
    Heard(Result<Option<Command>, LinkError>),
    Place,
    Over(End),
}

impl<S: AsyncRead + AsyncWrite> Session<S> {
    async fn converse(
        &mut self,
        origin: &Origin,
        anonymous_until: Instant,
        phase: &mut watch::Receiver<Phase>,
        cuts: u64,
    ) -> End {
        let mut interruption = pin!(interrupted(phase, cuts));
        let mut anonymous = pin!(sleep_until(anonymous_until));
        loop {
            self.fill();
            if let Some(why) = self.told {
                return End::Told(why);
            }
            if let Some(info) = self.asks.take() {
                // Cancel-safe: a password that is being looked at counts all the same, and the connection ends.
                let known = tokio::select! {
                    known = origin.identify(&info) => known,
                    end = &mut interruption => return end,
                    () = &mut anonymous => return End::Anonymous,
                };
                self.events.push_back(self.joins(info, known));
            }
            if !self.hand_in() {
                return End::Ended;
            }
            let waits = self.placed.is_some() || !self.events.is_empty();
            let only_write = waits || self.joining == Joining::Asked || self.outbox.is_full();
            let has_room = self.link.has_room();
            let is_anonymous = self.joining != Joining::Joined;
            let stuck_at = self.stuck.map(|since| since + STUCK);
            // Cancel-safe: the link keeps what it read and wrote, a place in the inbox is only taken by the arm that wins, and a
            // bell that nobody heard rings again.
            let step = tokio::select! {
                heard = hear(&mut self.link, only_write) => Step::Heard(heard),
                place = self.inbox.reserve(), if self.placed.is_some() => match (place, self.placed.take()) {
                    (Ok(place), Some(event)) => {
                        place.send(event);
                        Step::Place
                    }
                    (Ok(_), None) => Step::Place,
                    (Err(_), _) => Step::Over(End::Ended),
                },
                () = self.outbox.rung(), if has_room => Step::Place,
                end = &mut interruption => Step::Over(end),
                () = &mut anonymous, if is_anonymous => Step::Over(End::Anonymous),
                () = until(stuck_at), if stuck_at.is_some() => Step::Over(End::Stuck),
            };
            match step {
                Step::Heard(Ok(Some(command))) => {
                    if let Err(error) = self.heard(command) {
                        return error.into();
                    }
                }
                Step::Heard(Ok(None)) | Step::Place => {}
                Step::Heard(Err(error)) => return error.into(),
                Step::Over(end) => return end,
            }
        }
    }

    /// A command came; those behind it that are here too go along.
    fn heard(&mut self, command: Command) -> Result<(), LinkError> {
        let mut commands = VecDeque::new();
        let mut next = Some(command);
        while let Some(command) = next {
            complaint(&command);
            match command {
                Command::ConnectionInfo(info) if self.joining == Joining::Anonymous => {
                    self.send(&mut commands);
                    self.joining = Joining::Asked;
                    self.asks = Some(info);
                    return Ok(());
                }
                command => commands.push_back(command),
            }
            let has_room = commands.len() < BATCH && self.link.handed_bytes() < BATCH_BYTES;
            next = match has_room {
                true => self.link.ready()?,
                false => None,
            };
        }
        self.send(&mut commands);
        Ok(())
    }

    fn joins(&self, mut info: ConnectionInfo, known: Result<Identity, Refused>) -> Event {
        let link = self.id;
        // Nobody needs it any more.
        info.password = None;
        match known {
            Ok(identity) => Event::Joins {
                link,
                info,
                identity,
            },
            Err(why) => Event::Refused { link, info, why },
        }
    }

    fn send(&mut self, commands: &mut VecDeque<Command>) {
        let bytes = self.link.take_handed_bytes();
        if !commands.is_empty() {
            // They are read already, so they count whether they fit or not: what is read at once has a bound.
            let memory = self.memory.as_ref();
            self.events.push_back(Event::Commands {
                link: self.id,
                commands: std::mem::take(commands),
                charge: memory.map(|memory| memory.charge(bytes)),
            });
        }
    }

    /// The next event that may be handed in now: those with commands have a bound.
    fn next_event(&mut self) -> Option<Event> {
        if let Some(event) = self.placed.take() {
            return Some(event);
        }
        let is_bounded = !matches!(self.events.front()?, Event::Room(_) | Event::Opened { .. });
        match !is_bounded || self.outbox.may_hand_in() {
            true => self.events.pop_front(),
            false => None,
        }
    }

    /// Hands the keeper what is for it, as far as it has places. `false`: it has ended.
    fn hand_in(&mut self) -> bool {
        while let Some(event) = self.next_event() {
            match self.inbox.try_send(event) {
                Ok(()) => {}
                Err(TrySendError::Full(event)) => {
                    self.placed = Some(event);
                    return true;
                }
                Err(TrySendError::Closed(_)) => return false,
            }
        }
        true
    }

    /// Gives the link what the broker has for the client, as far as it has room.
    fn fill(&mut self) {
        if self.link.has_room() {
            self.stuck = None;
        }
        let mut done = 0;
        while self.link.has_room() && self.told.is_none() {
            let Some(out) = self.taken.pop_front() else {
                self.outbox.take(&mut self.taken);
                if self.taken.is_empty() {
                    break;
                }
                continue;
            };
            done += out.size();
            match out {
                Out::Command(command) => self.push(&command),
                Out::Dispatch(dispatch) => self.dispatch(dispatch),
                Out::Joined(Some(memory)) => {
                    self.joining = Joining::Joined;
                    self.link.limit_frames(u32::MAX);
                    let mut frames = FrameMemory::new(&memory);
                    self.link.count_frames(move |bytes| frames.hold(bytes));
                    self.memory = Some(memory);
                }
                Out::Joined(None) => self.joining = Joining::Anonymous,
                Out::Close(why) => self.told = Some(why),
            }
        }
        if done > 0 && self.outbox.done(done) {
            self.events.push_back(Event::Room(self.id));
        }
        if !self.link.has_room() && self.stuck.is_none() {
            self.stuck = Some(Instant::now());
        }
    }

    fn push(&mut self, command: &Command) {
        let Err(error) = self.link.push(command) else {
            return;
        };
        tracing::warn!(%error, "a client cannot be sent what is for it");
        // A client that waits for an answer must get one.
        if let Some(correlation_id) = command.answers() {
            let exception = Throwable::new("java.io.IOException", error.to_string());
            let refused = ExceptionResponse {
                correlation_id,
                exception: Some(exception),
                ..ExceptionResponse::default()
            };
            // It is short, and always fits.
            let _ = self.link.push(&refused.into());
        }
    }

    fn dispatch(&mut self, dispatch: Dispatch) {
        let (pushed, command) = match dispatch.encoded() {
            Some(encoded) => {
                let pushed = self.link.push_shared(&dispatch.command, encoded);
                (pushed, dispatch.into_command().into())
            }
            None => {
                let command = Command::from(dispatch.into_command());
                (self.link.push(&command), command)
            }
        };
        let Err(error) = pushed else {
            return;
        };
        tracing::warn!(%error, "a client cannot be sent a message that is for it");
        // What this client can never be given must not stop what is behind it: it is nobody's, as if it had said so.
        if let Some(ack) = poisoned(&command) {
            self.events.push_back(Event::Commands {
                link: self.id,
                commands: VecDeque::from([ack.into()]),
                charge: None,
            });
        }
    }

    /// Lets the client take what is on its way, and leave.
    async fn leave(mut self, end: &End) {
        let until = Instant::now() + LEAVING;
        // One that was refused has its answer and goes by itself; the others do not expect to be waited for.
        if matches!(end, End::Told(why) if ![GOODBYE, REPLACED].contains(why)) {
            let gone = async { while self.link.next().await.is_ok() {} };
            let _ = timeout_at(until, gone).await;
        }
        let left = until.saturating_duration_since(Instant::now());
        self.link.close(left).await;
    }
}

/// Waits until then; for ever, if it is never.
async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// The next command; only writes while what was read has no place.
async fn hear<S: AsyncRead + AsyncWrite>(
    link: &mut Link<S>,
    only_write: bool,
) -> Result<Option<Command>, LinkError> {
    match only_write {
        true => link.drive().await.map(|()| None),
        false => link.next().await,
    }
}

/// What went wrong at a client is a line in the log, and nothing else. [openwire §10.1]
fn complaint(command: &Command) {
    let exception = match command {
        Command::ConnectionError(error) => error.exception.as_ref(),
        Command::ExceptionResponse(refused) => refused.exception.as_ref(),
        _ => None,
    };
    if let Some(exception) = exception {
        tracing::info!(%exception, "a client of the broker reports an error");
    }
}

fn poisoned(command: &Command) -> Option<MessageAck> {
    let Command::MessageDispatch(dispatch) = command else {
        return None;
    };
    let id = dispatch.message.as_ref()?.message_id.clone();
    Some(MessageAck {
        destination: dispatch.destination.clone(),
        consumer_id: dispatch.consumer_id.clone(),
        ack_type: AckType::Poison.into(),
        first_message_id: id.clone(),
        last_message_id: id,
        message_count: 1,
        ..MessageAck::default()
    })
}
