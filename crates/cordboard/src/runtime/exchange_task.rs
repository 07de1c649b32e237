//! Who carries commands out, and when: the engine has one owner at a time.
//!
//! Whoever brings a command while no other is, or lately was, under way goes to the engine himself: so it costs no change of threads while the
//! store is quick. When several come at once, one thread that takes them by the batch is cheaper. [decision 5]
//!
//! The exchange's own thread takes all other turns: commands that come together, what is due by the clock, administration,
//! whatever is queued while the store is slow. Waits on: its bell, the next deadline. Stops
//! after [`Engine::stop`], or when every [`Handle`] is gone.

use super::engine::{Answer, BATCH, Engine, Parts};
use super::handle::Handle;
use super::hub::Hub;
use cordboard_core::call::CallRecord;
use cordboard_core::exchange::Command;
use cordboard_core::ids::Ticket;
use cordboard_store::StoreError;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, TryLockError};
use std::time::{Duration, Instant};

/// So many commands wait for the exchange; more are refused as overload, which costs nobody anything.
pub const INBOX: usize = 4_096;
/// When two commands met, so long all go to the exchange's thread: to change back and forth costs more than either way.
const CROWDED_MS: u64 = 50;
/// The process ends with this status when the exchange panics: its state is no longer to be trusted.
const BROKEN: i32 = 70;

/// What the engine is told.
pub(super) enum Message {
    /// A command and where its answer goes.
    Command(Ticket, Command, Answer),
    /// Work on the engine, between two steps.
    Work(Box<dyn FnOnce(&mut Engine) + Send>),
}

/// The running exchange: its handle, its events, its thread.
#[derive(Debug)]
pub struct Running {
    /// For commands.
    pub handle: Handle,
    /// For listeners.
    pub hub: Arc<Hub>,
    /// To wait for its end.
    pub thread: std::thread::JoinHandle<()>,
    /// The calls that were live when the process last ended, as they were then. The start has ended them as lost, and published
    /// nothing: there was no listener yet.
    pub lost: Vec<CallRecord>,
}

/// Starts the exchange.
///
/// # Errors
/// When the store cannot be read or written.
///
/// # Panics
/// When the system makes no thread at start-up.
pub fn start(parts: Parts) -> Result<Running, StoreError> {
    let directory = Arc::new(RwLock::new(Arc::new(parts.directory.clone())));
    let tickets = Arc::<AtomicU64>::default();
    let mut engine = Engine::new(parts, directory.clone(), tickets.clone())?;
    let (hub, lost) = (engine.hub(), engine.take_lost());
    let turns = Arc::new(Turns {
        inbox: Mutex::default(),
        engine: Mutex::new(Some(engine)),
        under_way: AtomicUsize::new(0),
        tickets,
        started: Instant::now(),
        crowded_until: AtomicU64::new(0),
        bell: Mutex::default(),
        rung: Condvar::new(),
    });
    let on_thread = turns.clone();
    let thread = std::thread::Builder::new()
        .name("exchange".to_owned())
        .spawn(move || on_thread.run())
        .expect("a thread can be made at start-up");
    Ok(Running {
        handle: Handle::new(turns, directory),
        hub,
        thread,
        lost,
    })
}

/// The inbox, the engine, and the bell of the thread that takes the turns nobody else takes.
pub(super) struct Turns {
    inbox: Mutex<VecDeque<Message>>,
    /// Gone once the exchange has stopped; the store is closed then.
    engine: Mutex<Option<Engine>>,
    /// Commands that were brought and not answered yet.
    under_way: AtomicUsize,
    /// The last ticket that was given.
    tickets: Arc<AtomicU64>,
    started: Instant,
    /// In milliseconds since `started`: until then commands are taken to come together.
    crowded_until: AtomicU64,
    bell: Mutex<Bell>,
    rung: Condvar,
}

#[derive(Debug, Default)]
struct Bell {
    ringing: bool,
    /// When the thread wakes by itself; `None`: never.
    wakes: Option<Instant>,
    /// Nobody can command any more.
    alone: bool,
}

impl std::fmt::Debug for Turns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Turns").finish_non_exhaustive()
    }
}

impl Turns {
    /// Queues a command and sees that it is carried out: by the caller, if no other is under way. Says no when the inbox is
    /// full.
    pub(super) fn command(
        self: &Arc<Self>,
        ticket: Ticket,
        command: Command,
        answer: Answer,
    ) -> Option<UnderWay> {
        let first = self.under_way.fetch_add(1, Ordering::Relaxed) == 0;
        let under_way = UnderWay(self.clone());
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        if !first {
            self.crowded_until
                .store(now + CROWDED_MS, Ordering::Relaxed);
        }
        let alone = first && now >= self.crowded_until.load(Ordering::Relaxed);
        if !self.queue(Message::Command(ticket, command, answer)) {
            return None;
        }
        if !(alone && self.take()) {
            self.ring();
        }
        Some(under_way)
    }

    /// A ticket that no other command has.
    pub(super) fn ticket(&self) -> Ticket {
        next(&self.tickets)
    }

    /// Queues work for the exchange's own thread: it may take long. Says no when the inbox is full.
    pub(super) fn work(&self, work: Box<dyn FnOnce(&mut Engine) + Send>) -> bool {
        let queued = self.queue(Message::Work(work));
        self.ring();
        queued
    }

    /// Nobody is left who could command anything.
    pub(super) fn leave(&self) {
        lock(&self.bell).alone = true;
        self.rung.notify_one();
    }

    fn queue(&self, message: Message) -> bool {
        let mut inbox = lock(&self.inbox);
        if inbox.len() >= INBOX {
            return false;
        }
        inbox.push_back(message);
        true
    }

    fn ring(&self) {
        lock(&self.bell).ringing = true;
        self.rung.notify_one();
    }

    /// Carries out what is queued, if nobody is at it and it takes no long. Says whether nothing was left.
    fn take(&self) -> bool {
        let mut place = match self.engine.try_lock() {
            Ok(place) => place,
            Err(TryLockError::WouldBlock) => return false,
            Err(TryLockError::Poisoned(_)) => std::process::exit(BROKEN),
        };
        let Some(engine) = place.as_mut() else {
            // Whoever waits for an answer sees that none will come.
            lock(&self.inbox).clear();
            return true;
        };
        if !engine.is_quick() {
            return false;
        }
        self.batch(engine, true);
        let due = engine.wait();
        drop(place);
        if let Some(due) = due {
            self.wake_by(due);
        }
        lock(&self.inbox).is_empty()
    }

    /// One batch of what is queued, with everything that follows from it.
    fn batch(&self, engine: &mut Engine, commands_only: bool) {
        let _fatal = Fatal;
        let mut inputs = Vec::new();
        while inputs.len() < BATCH {
            let mut inbox = lock(&self.inbox);
            if commands_only && matches!(inbox.front(), Some(Message::Work(_))) {
                break;
            }
            let Some(message) = inbox.pop_front() else {
                break;
            };
            drop(inbox);
            match message {
                Message::Command(ticket, command, answer) => {
                    inputs.push(engine.ticketed(ticket, command, answer));
                }
                Message::Work(work) => {
                    engine.settle(std::mem::take(&mut inputs));
                    work(engine);
                }
            }
        }
        engine.settle(inputs);
    }

    /// Makes the thread wake in time for what is due.
    fn wake_by(&self, due: Duration) {
        let at = Instant::now() + due;
        let mut bell = lock(&self.bell);
        if bell.wakes.is_none_or(|wakes| at < wakes) {
            bell.ringing = true;
            self.rung.notify_one();
        }
    }

    fn run(&self) {
        loop {
            let mut place = lock(&self.engine);
            let Some(engine) = place.as_mut() else {
                return;
            };
            self.batch(engine, false);
            let due = engine.wait();
            if engine.is_stopping() || lock(&self.bell).alone {
                if let Some(engine) = place.take() {
                    engine.close();
                }
                return lock(&self.inbox).clear();
            }
            drop(place);
            let mut bell = lock(&self.bell);
            bell.wakes = due.map(|due| Instant::now() + due);
            // Rung while the engine was at work, or more queued than one batch takes: no waiting.
            while !bell.ringing && lock(&self.inbox).is_empty() && !bell.alone {
                let left = bell
                    .wakes
                    .map(|at| at.saturating_duration_since(Instant::now()));
                bell = match left {
                    Some(Duration::ZERO) => break,
                    Some(left) => {
                        let waited = self.rung.wait_timeout(bell, left);
                        waited.unwrap_or_else(PoisonError::into_inner).0
                    }
                    None => self.rung.wait(bell).unwrap_or_else(PoisonError::into_inner),
                };
            }
            bell.ringing = false;
        }
    }
}

/// A command that was brought; over when dropped.
#[derive(Debug)]
pub(super) struct UnderWay(Arc<Turns>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Ends the process when a batch panics, wherever it is carried out.
struct Fatal;

impl Drop for Fatal {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("the exchange is broken; the process ends");
            std::process::exit(BROKEN);
        }
    }
}

/// The next ticket.
pub(super) fn next(tickets: &AtomicU64) -> Ticket {
    Ticket(tickets.fetch_add(1, Ordering::Relaxed) + 1)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
