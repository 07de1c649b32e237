//! The client's task: it connects, and carries between network, conversation, owner and publishers.
//!
//! Waits on: its connection, the owner's verdicts, what is published, room at the owner's, the pause before the next attempt.
//! Tells: the broker, the owner, whoever watches its status. Stops: on the shutdown signal, after a good-bye.

use super::backoff::Backoff;
use super::connect::{ConnectError, Stream, Target, connect};
use super::conversation::{Arrival, Conversation, End, Verdict};
use super::{Change, ConsumeError, Counts, Delivery, Outbox, Settings, Status};
use crate::openwire::link::{Link, LinkError, Terms};
use cordboard_wire::openwire::{Command, Destination, Offer, Text};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until};

/// So many bytes are encoded and not yet written; the rest stays in the backlog, where the oldest can be dropped.
const OUTGOING: usize = 64 << 10;

type Connection = Link<Box<dyn Stream>>;

/// Why an attempt or a connection is over.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Connect(#[from] ConnectError),
    #[error("{0}")]
    Link(#[from] LinkError),
    #[error("{0}")]
    End(#[from] End),
    #[error("the broker did not answer within {} ms", .0.as_millis())]
    Slow(Duration),
}

impl Failure {
    fn is_refusal(&self) -> bool {
        matches!(self, Self::End(end) if end.is_refusal())
    }

    /// Did the peer speak something else?
    fn is_foreign(&self) -> bool {
        let link = match self {
            Self::Link(link) => link,
            Self::Connect(_) | Self::End(_) | Self::Slow(_) => return false,
        };
        matches!(
            link,
            LinkError::Malformed(_) | LinkError::Disagreed(_) | LinkError::NoGreeting(_)
        )
    }
}

/// What came first.
#[expect(clippy::large_enum_variant, reason = "there is one, for a moment")]
enum Step {
    Link(Result<Option<Command>, LinkError>),
    Decided(Option<Verdict>),
    Place(Option<Place>),
    Filled,
    Change(Change),
    Late,
    Shutdown,
}

/// A place at the owner's for a message, and one for its verdict.
type Place = (mpsc::OwnedPermit<Delivery>, mpsc::OwnedPermit<Verdict>);

pub(super) struct Task {
    settings: Arc<Settings>,
    counts: Counts,
    conversation: Conversation,
    backoff: Backoff,
    outbox: Arc<Outbox>,
    changes: mpsc::Receiver<Change>,
    /// Those who want to know what became of a destination.
    waiting: Vec<(Destination, oneshot::Sender<Result<(), ConsumeError>>)>,
    inbox: mpsc::Sender<Delivery>,
    verdicts: (mpsc::Sender<Verdict>, mpsc::Receiver<Verdict>),
    status: watch::Sender<Status>,
    /// The refusal that was logged last, not to be logged again.
    complained: Option<String>,
}

/// The ends that the task has of what connects it with its owner.
pub(super) struct Owner {
    pub(super) outbox: Arc<Outbox>,
    pub(super) changes: mpsc::Receiver<Change>,
    pub(super) inbox: mpsc::Sender<Delivery>,
    pub(super) status: watch::Sender<Status>,
}

impl Task {
    pub(super) fn new(settings: Settings, counts: Counts, owner: Owner) -> Self {
        let Owner {
            outbox,
            changes,
            inbox,
            status,
        } = owner;
        let settings = Arc::new(settings);
        let backoff = Backoff::new(settings.delays.clone(), settings.reach.targets());
        // Those of this connection, and those the owner kept from the last. Beyond that, reading pauses.
        let places = 2 * usize::from(settings.prefetch.max(1));
        Self {
            conversation: Conversation::new(Arc::clone(&settings), &name(), counts.clone()),
            settings,
            counts,
            backoff,
            outbox,
            changes,
            waiting: Vec::new(),
            inbox,
            verdicts: mpsc::channel(places),
            status,
            complained: None,
        }
    }

    /// Runs until the shutdown signal, or until the owner is gone.
    pub(super) async fn run(mut self, mut shutdown: watch::Receiver<bool>) {
        while !*shutdown.borrow_and_update() {
            let Some(target) = self.settings.reach.target(self.backoff.address()) else {
                tracing::error!("no broker's address is given");
                break;
            };
            // Cancel-safe: an attempt that is dropped closes its socket, `changed` loses nothing.
            let opened = tokio::select! {
                opened = self.open(&target) => opened,
                _ = shutdown.changed() => break,
                () = self.inbox.closed() => break,
            };
            let ended = match opened {
                Ok(link) => self.converse(link, &target, &mut shutdown).await,
                Err(failure) => Some(failure),
            };
            let Some(failure) = ended else {
                break;
            };
            let pause = self.failed(&failure, target);
            // Cancel-safe: nothing is lost with a pause.
            tokio::select! {
                () = sleep(pause) => {}
                _ = shutdown.changed() => break,
                () = self.inbox.closed() => break,
            }
        }
        self.status.send_replace(Status::Ended);
    }

    async fn open(&self, target: &Target) -> Result<Connection, Failure> {
        let Settings {
            inactivity, limits, ..
        } = &*self.settings;
        let stream = connect(&self.settings.reach, target, limits.connect).await?;
        let inactivity_ms = i64::try_from(inactivity.as_millis()).unwrap_or(0);
        let terms = Terms {
            offer: Offer {
                max_inactivity_duration_ms: inactivity_ms,
                initial_delay_ms: inactivity_ms / 3,
                max_frame_size: Some(self.settings.max_frame.into()),
                host: match target {
                    Target::Network(address) => Some(Text::from(address.host.as_str())),
                    Target::Inside => None,
                },
                ..Offer::default()
            },
            greeting: limits.greeting,
            frame: limits.frame,
            outgoing: OUTGOING,
        };
        Ok(Link::open(stream, &terms).await?)
    }

    /// Over one connection; `None` when it was we who left.
    async fn converse(
        &mut self,
        mut link: Connection,
        target: &Target,
        shutdown: &mut watch::Receiver<bool>,
    ) -> Option<Failure> {
        self.conversation.opened();
        let opening = self.settings.limits.opening;
        let until = Instant::now() + opening;
        let mut ready = false;
        let failure = loop {
            self.fill(&mut link);
            let waits_for_owner = self.conversation.has_arrival();
            // Cancel-safe: the link keeps what it read and wrote, permits, verdicts and changes are only taken by the arm that
            // wins, and a missed `notified` leaves its notice for the next.
            let step = tokio::select! {
                heard = hear(&mut link, waits_for_owner) => Step::Link(heard),
                verdict = self.verdicts.1.recv() => Step::Decided(verdict),
                place = place(&self.inbox, &self.verdicts.0), if waits_for_owner => Step::Place(place),
                () = self.outbox.filled.notified(), if self.conversation.may_send() => Step::Filled,
                Some(change) = self.changes.recv() => Step::Change(change),
                () = sleep_until(until), if !ready => Step::Late,
                _ = shutdown.changed() => Step::Shutdown,
                () = self.inbox.closed() => Step::Shutdown,
            };
            match step {
                Step::Link(Ok(Some(command))) => {
                    if let Err(end) = self.conversation.received(command, now_ms()) {
                        break end.into();
                    }
                    self.tell_those_who_wait();
                    if !ready && self.conversation.is_ready() {
                        ready = true;
                        self.ready(target);
                    }
                }
                Step::Link(Err(error)) => break error.into(),
                Step::Decided(verdict) => {
                    if let Some(verdict) = verdict {
                        self.conversation.decided(verdict);
                    }
                }
                Step::Place(Some(place)) => self.deliver(place),
                Step::Change(change) => self.change(change),
                // There is more to give to the link now.
                Step::Filled | Step::Link(Ok(None)) => {}
                Step::Late => break Failure::Slow(opening),
                Step::Place(None) | Step::Shutdown => {
                    self.leave(link, ready).await;
                    return None;
                }
            }
        };
        self.conversation.lost();
        Some(failure)
    }

    /// Listens to something else from now on.
    fn change(&mut self, change: Change) {
        match change {
            Change::Consume(destination, told) => {
                self.waiting.push((destination.clone(), told));
                self.conversation.consume(destination);
            }
            Change::GiveUp(destination) => self.conversation.give_up(&destination),
        }
        self.tell_those_who_wait();
    }

    fn tell_those_who_wait(&mut self) {
        while let Some((destination, became)) = self.conversation.poll_settled() {
            let waiting = std::mem::take(&mut self.waiting).into_iter();
            let (told, others): (Vec<_>, Vec<_>) = waiting.partition(|(of, _)| *of == destination);
            self.waiting = others;
            for (_, told) in told {
                // Who waits no longer need not be told.
                let _ = told.send(became.clone());
            }
        }
        self.waiting.retain(|(_, told)| !told.is_closed());
    }

    /// Gives the link what is to be sent, as long as it has room.
    fn fill(&mut self, link: &mut Connection) {
        while link.has_room() {
            let next = self.conversation.poll_outgoing();
            if let Some(command) = next {
                if let Err(error) = link.push(&command) {
                    tracing::warn!(%error, "a command cannot be written");
                    self.conversation.unsendable(&command);
                } else if matches!(command, Command::Message(_)) {
                    self.counts.sent.inc();
                }
                continue;
            }
            if !self.conversation.may_send() {
                return;
            }
            let (publication, stale) = self.outbox.lock().pop(Instant::now());
            self.counts.stale.inc_by(stale);
            let Some(publication) = publication else {
                return;
            };
            self.conversation.send(publication, now_ms());
        }
    }

    /// Hands the next message to its owner.
    fn deliver(&mut self, (place, verdict): Place) {
        if let Some(arrival) = self.conversation.poll_arrival() {
            let Arrival {
                message,
                body,
                redelivered,
                key,
            } = arrival;
            place.send(Delivery {
                message,
                body,
                redelivered,
                key,
                verdict: Some(verdict),
            });
        }
    }

    fn ready(&mut self, target: &Target) {
        self.backoff.ready(Instant::now());
        self.complained = None;
        let broker = self.conversation.broker().map(str::to_owned);
        tracing::info!(broker.address = %target, broker.name = broker.as_deref(), "connected to the broker");
        self.status.send_replace(Status::Ready {
            target: target.clone(),
            broker,
        });
    }

    /// Says what went wrong; how long to wait.
    fn failed(&mut self, failure: &Failure, target: Target) -> Duration {
        self.counts.failed.inc();
        let (refused, was_ready) = (failure.is_refusal(), self.status.borrow().is_ready());
        let why = failure.to_string();
        let pause = self.backoff.failed(refused, Instant::now(), chance());
        let pause_ms = pause.as_millis();
        if refused {
            // Once, until it is let in: it is for somebody to look after, and says the same every time.
            if self.complained.as_ref() != Some(&why) {
                tracing::error!(broker.address = %target, why, "the broker does not let us in");
                self.complained = Some(why.clone());
            }
        } else if was_ready {
            tracing::warn!(broker.address = %target, why, pause_ms, "the broker is lost");
        } else {
            tracing::info!(broker.address = %target, why, pause_ms, "the broker cannot be reached");
        }
        self.status.send_replace(Status::Away {
            target,
            why,
            refused,
            foreign: failure.is_foreign(),
        });
        pause
    }

    /// Sends what waits, says good-bye, and closes.
    async fn leave(&mut self, mut link: Connection, ready: bool) {
        let until = Instant::now() + self.settings.limits.leaving;
        self.conversation.take_no_more();
        if ready {
            let farewell = async {
                let mut said = false;
                while !self.conversation.has_left() {
                    while let Ok(verdict) = self.verdicts.1.try_recv() {
                        self.conversation.decided(verdict);
                    }
                    self.fill(&mut link);
                    if !said && self.outbox.lock().len() == 0 {
                        self.conversation.leave();
                        said = true;
                        continue;
                    }
                    if let Some(command) = link.next().await? {
                        self.conversation.received(command, now_ms())?;
                    }
                }
                self.fill(&mut link);
                Ok::<(), Failure>(())
            };
            // A broker that does not answer is left without its answer.
            let _ = tokio::time::timeout_at(until, farewell).await;
        }
        link.close(until.duration_since(Instant::now()).max(CLOSING))
            .await;
    }
}

/// A good-bye that is written at once still gets so long.
const CLOSING: Duration = Duration::from_millis(100);

/// The next command; only writes while the owner has no place for what was read.
async fn hear(link: &mut Connection, only_write: bool) -> Result<Option<Command>, LinkError> {
    match only_write {
        true => link.drive().await.map(|()| None),
        false => link.next().await,
    }
}

/// A place at the owner's; `None` when it is gone.
async fn place(inbox: &mpsc::Sender<Delivery>, verdicts: &mpsc::Sender<Verdict>) -> Option<Place> {
    let verdict = verdicts.clone().reserve_owned().await.ok()?;
    let delivery = inbox.clone().reserve_owned().await.ok()?;
    Some((delivery, verdict))
}

/// A connection's name that no other has.
fn name() -> String {
    format!("ID:cordboard-{:08x}-{}-0:1", chance(), now_ms())
}

fn chance() -> u32 {
    // Without randomness the middle does as well.
    getrandom::u32().unwrap_or(u32::MAX / 2)
}

/// The machine's clock: other programs read our times by theirs.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(i64::MAX)
}
