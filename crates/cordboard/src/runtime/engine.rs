//! What owns the exchange, the simulated network and the store, and takes one batch of inputs after the other through them.
//! No policy: handle what is given, store it, release what came out.
//!
//! Who calls it, and when, is in [`super::exchange_task`]. Tells: the network (commands), the hub (events), whoever asked
//! (answers), always after the step's saves are stored.

use super::choices::Choices;
use super::clock::Clock;
use super::exchange_task::next;
use super::hub::Hub;
use super::schedule::{Planned, Schedules};
use super::store_health::StoreHealth;
use cordboard_core::call::CallRecord;
use cordboard_core::directory::{Directory, Entry};
use cordboard_core::exchange::{
    Action, Actor, Command, Input, MobilityLogin, Output, Query, Record, Reply, Saved, Settings,
    Takeover,
};
use cordboard_core::ids::{DeviceName, Ticket, UserId};
use cordboard_core::{Exchange, Now, Refusal, Wall};
use cordboard_drivers::Driver;
use cordboard_drivers::sim::Sim;
use cordboard_store::{Store, StoreError, UserToken};
use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// So many inputs go into one transaction; more would make the first wait for the last.
pub(super) const BATCH: usize = 256;
/// Facts that the store refused are offered to it again after so long.
const RETRY: Duration = Duration::from_millis(250);
/// A store that takes longer than this for a commit is no company for threads that serve sockets.
const QUICK: Duration = Duration::from_millis(4);

/// The longest time between two looks at the clock: how late a jump of wall time may be noticed.
const LOOK: Duration = Duration::from_secs(5);

/// The store's fact that holds the clock's offset, in milliseconds.
pub const CLOCK_FACT: &str = "clock_offset_ms";

/// So many logins that are over are forgotten at once; there is a second before the next so many.
const PRUNED_AT_ONCE: usize = 1_000;
const SECOND_MS: i64 = 1_000;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// How long the history of logins is kept.
#[derive(Debug)]
struct History {
    kept_ms: i64,
    /// When it is looked at again.
    next: Wall,
}

/// Where a command's answer goes.
pub(super) type Answer = oneshot::Sender<Result<Reply, Refusal>>;

/// How the store is made to fail in the lab.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreFault {
    /// Every commit fails.
    pub error: bool,
    /// Every commit takes so much longer.
    pub slow: Duration,
}

/// Everything the thread owns.
#[derive(Debug)]
pub struct Engine {
    exchange: Exchange,
    /// The simulated network.
    pub network: Sim,
    /// The store.
    pub store: Store,
    /// The clock.
    pub clock: Clock,
    /// The lab's store fault.
    pub store_fault: StoreFault,
    waiting: HashMap<Ticket, Answer>,
    tickets: Arc<AtomicU64>,
    /// Saves of facts that could not be stored when they happened; they go with the next batch.
    late: Vec<Record>,
    directory: Arc<RwLock<Arc<Directory>>>,
    hub: Arc<Hub>,
    pub(super) schedules: Schedules,
    history: Option<History>,
    choices: Arc<Choices>,
    /// Has nothing been asked for, but to read, since the seeded state?
    untouched: bool,
    /// Does a commit take so little time that whoever brought the command may carry it out?
    quick: bool,
    stopping: bool,
    health: StoreHealth,
    /// The calls that the start has ended, as they were before.
    lost: Vec<CallRecord>,
}

/// What the engine is made of.
#[derive(Debug)]
pub struct Parts {
    /// The exchange's settings.
    pub settings: Settings,
    /// The directory.
    pub directory: Directory,
    /// Who sits where.
    pub logins: Vec<MobilityLogin>,
    /// When everybody is logged out.
    pub schedules: Vec<Planned>,
    /// How many days back the history of logins goes; `None`: for ever.
    pub history_days: Option<u32>,
    /// Who was the last at which device.
    pub last_users: Vec<(DeviceName, UserId)>,
    /// Takeovers of devices that were under way or could be undone.
    pub takeovers: Vec<Takeover>,
    /// The store.
    pub store: Store,
    /// How long phones ring before they answer by themselves.
    pub auto_answer: Option<Duration>,
    /// The clock.
    pub clock: Clock,
    /// What users chose on pages.
    pub choices: Arc<Choices>,
}

impl Engine {
    /// Puts everything together. Calls that were live when the process last ended are ended as lost.
    /// [exchange §7, rule 10]
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub(super) fn new(
        parts: Parts,
        directory: Arc<RwLock<Arc<Directory>>>,
        tickets: Arc<AtomicU64>,
    ) -> Result<Self, StoreError> {
        let now = parts.clock.now();
        let mut store = parts.store;
        let lost: Vec<CallRecord> = store.live_calls()?;
        let ended = lost.iter().map(|call| {
            let mut call = call.clone();
            call.end_lost(now.wall);
            Record::Call(Box::new(call))
        });
        store.commit(&ended.collect::<Vec<_>>())?;
        let counters = store.counters()?;
        let mut engine = Self {
            exchange: Exchange::new(parts.settings, Arc::new(parts.directory)),
            network: Sim::new(parts.auto_answer, now.instant),
            clock: parts.clock,
            store_fault: StoreFault::default(),
            waiting: HashMap::new(),
            tickets,
            late: Vec::new(),
            directory,
            hub: Arc::new(Hub::new(counters.events)),
            schedules: Schedules::default(),
            history: parts.history_days.map(|days| History {
                kept_ms: i64::from(days) * DAY_MS,
                next: now.wall,
            }),
            choices: parts.choices,
            untouched: counters.calls == 0,
            quick: true,
            stopping: false,
            health: StoreHealth::default(),
            lost,
            store,
        };
        engine.restore(Saved::Counters(counters));
        for (device, user) in parts.last_users {
            engine.restore(Saved::LastUser(device, user));
        }
        let oldest = parts.logins.iter().map(|login| login.since).min();
        engine.schedules = Schedules::new(parts.schedules, oldest, now.wall);
        engine.restore_logins(parts.logins);
        for takeover in parts.takeovers {
            engine.restore(Saved::Takeover(takeover));
        }
        engine.catch_up();
        Ok(engine)
    }

    /// The calls that the start has ended, as they were before. They are handed out once.
    pub(super) fn take_lost(&mut self) -> Vec<CallRecord> {
        std::mem::take(&mut self.lost)
    }

    /// What happens, for listeners.
    pub(super) fn hub(&self) -> Arc<Hub> {
        self.hub.clone()
    }

    /// How long until something is due; `None`: nothing is.
    pub(super) fn wait(&self) -> Option<Duration> {
        let retry = (!self.late.is_empty()).then_some(RETRY);
        let pruned = self.history.as_ref().map(|history| history.next);
        let pruned = pruned.map(|at| self.clock.now().when(at));
        let due = self.next_deadline().into_iter().chain(pruned).min();
        let due = due.and_then(|next| self.clock.until(next));
        // What is due by wall time is due earlier when that jumps.
        let looked = self.clock.is_running().then_some(LOOK);
        [retry, due, looked].into_iter().flatten().min()
    }

    fn next_deadline(&self) -> Option<cordboard_core::Instant> {
        let now = self.clock.now();
        let own = self.exchange.next_deadline(now).into_iter();
        let swept = self.schedules.next().map(|at| now.when(at));
        own.chain(self.network.next_deadline()).chain(swept).min()
    }

    /// May whoever brought a command carry it out, or should it wait for the exchange's own thread?
    pub(super) fn is_quick(&self) -> bool {
        self.quick && self.store_fault.slow.is_zero()
    }

    /// Is the end near?
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// Returns `true` if the next commit will succeed, as far as can be known: by the last one, or, if that is long ago, by one that is
    /// tried for this. However often it is asked, it writes at most once a second.
    pub fn store_is_well(&mut self) -> bool {
        if self.store_fault.error || !self.late.is_empty() {
            return false;
        }
        if let Some(known) = self.health.known(Instant::now()) {
            return known;
        }
        let tried = self.store.try_commit();
        if let Err(error) = &tried {
            tracing::warn!(%error, "the store refuses to commit");
        }
        self.health.note(tried.is_ok(), Instant::now());
        tried.is_ok()
    }

    /// A command as the exchange takes it; where its answer goes is kept.
    pub(super) fn ticketed(&mut self, ticket: Ticket, command: Command, answer: Answer) -> Input {
        self.untouched &= matches!(command.action, Action::Snapshot(_));
        self.waiting.insert(ticket, answer);
        Input::Command(ticket, command)
    }

    /// It is stored: no undo takes it back.
    fn restore(&mut self, saved: Saved) {
        let now = self.clock.now();
        self.exchange.handle(Input::Restore(saved), now);
        self.exchange.handle(Input::Stored, now);
    }

    /// In the order in which they came: of several of one user the last one is where he is.
    fn restore_logins(&mut self, mut logins: Vec<MobilityLogin>) {
        logins.sort_by_cached_key(|login| login.since);
        for login in logins {
            self.restore(Saved::Login(login));
        }
    }

    /// Handles these inputs and everything that follows from them at this instant.
    pub(super) fn settle(&mut self, mut inputs: Vec<Input>) {
        let (now, jump) = self.clock.look();
        if let Some(jump_ms) = jump {
            self.jumped(now.wall, jump_ms);
        }
        if !self.late.is_empty() {
            self.offer_again();
        }
        self.prune(now.wall);
        // What is due comes first: what is asked now is asked after it.
        let mut due = self.due(now);
        if !due.is_empty() {
            due.append(&mut inputs);
            inputs = due;
        }
        loop {
            while inputs.len() < BATCH
                && let Some(event) = self.network.poll(now.instant)
            {
                inputs.push(Input::Driver(event));
            }
            if inputs.is_empty() {
                return self.hub.ring();
            }
            self.step(std::mem::take(&mut inputs), now);
        }
    }

    fn due(&mut self, now: Now) -> Vec<Input> {
        let mut due = Vec::new();
        let deadline = self.exchange.next_deadline(now);
        if deadline.is_some_and(|at| at <= now.instant) {
            due.push(Input::Deadline);
        }
        for sweep in self.schedules.due(now.wall) {
            // Nobody waits for an answer.
            let ticket = next(&self.tickets);
            let command = Command {
                actor: Actor::Operator,
                interface: "schedule",
                action: Action::Sweep(sweep),
            };
            due.push(Input::Command(ticket, command));
        }
        due
    }

    /// Wall time has jumped: it was set, or the machine was suspended. What the jump passed over is due now. A clock that goes back
    /// shows some times again, and a schedule is due at them again.
    fn jumped(&mut self, now: Wall, jump_ms: i64) {
        tracing::warn!(
            jump_ms,
            "the system's clock was set, or the machine was suspended; schedules and expiries follow it"
        );
        if jump_ms < 0 {
            self.schedules.begin(now);
        }
        if let Some(history) = &mut self.history {
            // A clock that is wrong for an hour must not empty the history.
            history.next = Wall(now.0.saturating_add(DAY_MS));
        }
    }

    /// Forgets what the history of logins need not keep any more: a few at a time, so that nothing else waits for it.
    fn prune(&mut self, now: Wall) {
        let Some(history) = &mut self.history else {
            return;
        };
        if history.next > now {
            return;
        }
        let oldest = Wall(now.0 - history.kept_ms);
        let pruned = self.store.prune_mobility_history(oldest, PRUNED_AT_ONCE);
        let pause = match pruned {
            Ok(PRUNED_AT_ONCE) => SECOND_MS,
            Ok(_) => DAY_MS,
            Err(error) => {
                tracing::warn!(%error, "the history of logins could not be shortened");
                DAY_MS
            }
        };
        history.next = Wall(now.0.saturating_add(pause));
    }

    /// Reads live state, between two steps.
    pub fn read(&mut self, query: Query) -> Option<Reply> {
        let (answer, mut answered) = oneshot::channel();
        let command = Command {
            actor: Actor::Operator,
            interface: "",
            action: Action::Snapshot(query),
        };
        let input = self.ticketed(next(&self.tickets), command, answer);
        self.settle(vec![input]);
        answered.try_recv().ok()?.ok()
    }

    /// Handles a batch as one transaction; when that cannot be stored, one by one.
    fn step(&mut self, inputs: Vec<Input>, now: Now) {
        // Kept until the commit: when it fails, the inputs are handed in again.
        for input in &inputs {
            self.exchange.handle(input.clone(), now);
        }
        let (mut outputs, saves) = self.drain();
        if let Err(error) = self.store_saves(&saves) {
            if let [input] = inputs.as_slice() {
                tracing::error!(%error, "a step could not be stored");
                self.exchange
                    .handle(Input::StoreFailed(Box::new(input.clone())), now);
                let (kept, facts) = self.drain();
                self.late.extend(facts);
                outputs = kept;
            } else {
                self.exchange.handle(Input::Undo, now);
                for input in inputs {
                    self.step(vec![input], now);
                }
                return;
            }
        }
        self.exchange.handle(Input::Stored, now);
        for output in outputs {
            self.release(output, now);
        }
    }

    /// Facts of the network that could not be stored when they happened are not forgotten.
    fn offer_again(&mut self) {
        // What cannot be stored yet stays.
        let _ = self.commit(&[]);
    }

    fn drain(&mut self) -> (Vec<Output>, Vec<Record>) {
        let mut outputs = Vec::new();
        let mut saves = Vec::new();
        while let Some(output) = self.exchange.poll() {
            match output {
                Output::Save(record) => saves.push(record),
                Output::Driver(_) | Output::Event(_) | Output::Answer(_, _) => outputs.push(output),
            }
        }
        (outputs, saves)
    }

    fn store_saves(&mut self, saves: &[Record]) -> Result<(), StoreError> {
        if saves.is_empty() {
            return Ok(());
        }
        self.commit(saves)
    }

    /// Stores these after what is late.
    fn commit(&mut self, saves: &[Record]) -> Result<(), StoreError> {
        self.store_may_fail()?;
        let begun = Instant::now();
        let stored = if self.late.is_empty() {
            self.store.commit(saves)
        } else {
            // In the order in which it happened: what is late says less than what came after it.
            let all = [self.late.as_slice(), saves].concat();
            self.store.commit(&all)
        };
        let ended = Instant::now();
        self.quick = ended.duration_since(begun) < QUICK;
        self.health.note(stored.is_ok(), ended);
        if stored.is_ok() {
            self.late.clear();
        }
        stored
    }

    fn release(&mut self, output: Output, now: Now) {
        match output {
            Output::Driver(command) => self.network.send(command, now.instant),
            Output::Event(event) => self.hub.publish(event),
            Output::Answer(ticket, answer) => {
                if let Some(waiting) = self.waiting.remove(&ticket) {
                    // Whoever asked may have gone; what was done stays done.
                    let _ = waiting.send(answer);
                }
            }
            Output::Save(_) => {}
        }
    }

    // --- the lab's controls and administration -------------------------------------------------------------------------

    /// Is this the seeded state still?
    pub fn is_untouched(&self) -> bool {
        self.untouched
    }

    /// Stores how far the clock is from the machine's, so that a restart finds it again.
    pub fn remember_clock(&mut self) {
        let offset = self.clock.offset_ms().to_string();
        if let Err(error) = self.store.set_fact(CLOCK_FACT, &offset) {
            tracing::warn!(%error, "the clock's offset could not be stored");
        }
    }

    /// Sets what people read to an earlier time, right after a reset.
    pub fn set_back(&mut self, to: Wall) {
        self.clock.set_wall(to);
        self.schedules.begin(to);
        if let Some(history) = &mut self.history {
            history.next = to;
        }
    }

    /// Lets happen what is due now.
    pub fn catch_up(&mut self) {
        self.settle(Vec::new());
    }

    /// Moves the clock, firing everything on the way in order.
    pub fn advance(&mut self, by: Duration) {
        let target = self.clock.now().later(by);
        loop {
            let now = self.clock.now().instant;
            let Some(at) = self.next_deadline().filter(|&at| at <= target.instant) else {
                break;
            };
            if at > now {
                self.clock.advance(at - now);
            }
            self.settle(Vec::new());
        }
        let now = self.clock.now().instant;
        if target.instant > now {
            self.clock.advance(target.instant - now);
        }
        self.settle(Vec::new());
    }

    /// Forgets all calls and starts numbering anew (lab).
    ///
    /// # Errors
    /// When the store refuses; nothing is forgotten then.
    pub fn reset(
        &mut self,
        directory: Directory,
        logins: Vec<MobilityLogin>,
    ) -> Result<(), StoreError> {
        self.store_fault = StoreFault::default();
        self.late.clear();
        self.store.forget_what_happened()?;
        self.network.reset();
        self.clock.reset();
        let now = self.clock.now();
        self.schedules.begin(now.wall);
        if let Some(history) = &mut self.history {
            history.next = now.wall;
        }
        let directory = Arc::new(directory);
        self.share(&directory);
        self.choices.clear();
        self.exchange.handle(Input::Reset(directory), now);
        let (outputs, saves) = self.drain();
        self.store.commit(&saves)?;
        self.exchange.handle(Input::Stored, now);
        for output in outputs {
            self.release(output, now);
        }
        self.restore_logins(logins);
        self.hub.ring();
        self.untouched = true;
        self.remember_clock();
        Ok(())
    }

    /// Puts an edited directory in place of the one it was made from, `touched` in the store first. Says no when that one is
    /// there no more.
    ///
    /// # Errors
    /// When the store refuses; nothing changed then.
    pub fn edit_directory(
        &mut self,
        from: &Arc<Directory>,
        to: Arc<Directory>,
        touched: &[Entry],
    ) -> Result<bool, StoreError> {
        if !self.is_current(from) {
            return Ok(false);
        }
        self.store_may_fail()?;
        self.store.put_entries(&to, touched)?;
        for entry in touched {
            if let Entry::User(user) = entry
                && to.end_user(user.as_str()).is_none()
            {
                self.choices.forget(user.as_str());
            }
        }
        self.take_directory(to);
        Ok(true)
    }

    /// Puts a whole directory in place of the one that was read. Answers the tokens that are left: those of users who are still
    /// there; `None` when that one is there no more.
    ///
    /// # Errors
    /// When the store refuses; nothing changed then.
    pub fn import_directory(
        &mut self,
        from: &Arc<Directory>,
        directory: Arc<Directory>,
    ) -> Result<Option<Vec<UserToken>>, StoreError> {
        if !self.is_current(from) {
            return Ok(None);
        }
        self.store_may_fail()?;
        let tokens = self.store.import(&directory, Vec::new(), Vec::new())?;
        self.choices.keep_users(&directory);
        self.take_directory(directory);
        Ok(Some(tokens))
    }

    /// Stores what a user chose on pages.
    ///
    /// # Errors
    /// When the store refuses; what he chose before stays then.
    pub fn choose(&mut self, user: &str, text: &str) -> Result<(), StoreError> {
        self.store_may_fail()?;
        self.store.put_preferences(user, text)?;
        self.choices.put(user, text);
        Ok(())
    }

    fn is_current(&self, directory: &Arc<Directory>) -> bool {
        match self.directory.read() {
            Ok(shared) => Arc::ptr_eq(&shared, directory),
            Err(poisoned) => Arc::ptr_eq(&poisoned.into_inner(), directory),
        }
    }

    fn take_directory(&mut self, directory: Arc<Directory>) {
        self.share(&directory);
        self.settle(vec![Input::Directory(directory)]);
    }

    /// Lets the lab's store fault happen to a commit: it comes late, or fails.
    ///
    /// # Errors
    /// When every commit is to fail.
    pub fn store_may_fail(&self) -> Result<(), StoreError> {
        if !self.store_fault.slow.is_zero() {
            std::thread::sleep(self.store_fault.slow);
        }
        if self.store_fault.error {
            let path = "the store (lab fault)".to_owned();
            return Err(StoreError::InUse { path });
        }
        Ok(())
    }

    fn share(&self, directory: &Arc<Directory>) {
        match self.directory.write() {
            Ok(mut shared) => *shared = directory.clone(),
            Err(poisoned) => *poisoned.into_inner() = directory.clone(),
        }
    }

    /// Stores what is late and closes the store, whose one file is whole then.
    pub(super) fn close(mut self) {
        if !self.late.is_empty() {
            self.offer_again();
        }
        let late = self.late.len();
        if late > 0 {
            tracing::error!(late, "some of what happened last could not be stored");
        }
        if let Err(error) = self.store.close() {
            tracing::error!(%error, "the store could not be written back; its -wal file belongs to it");
        }
    }

    /// Ends the thread after what is queued.
    pub fn stop(&mut self) {
        self.stopping = true;
    }
}
