//! The exchange: the one owner of calls, registrations and logins.
//!
//! The contract, in steps:
//!
//! 1. Call [`Exchange::handle`] with one [`Input`] and the time. Nothing else changes anything.
//! 2. Drain [`Exchange::poll`] until it says `None`. What comes out of one input belongs together.
//! 3. Store every [`Output::Save`]; then hand in [`Input::Stored`] and release the rest: driver commands, events,
//!    answers. Several inputs may be handled before one `Stored`. When the store refuses: [`Input::Undo`], hand the inputs in
//!    again one by one, and answer the one that cannot be stored with [`Input::StoreFailed`].
//! 4. Wait for the next input, at most until [`Exchange::next_deadline`]; then hand in [`Input::Deadline`].
//!
//! Same inputs, same outputs, always: ids are counted, maps are ordered, time is an argument. A panic here is a broken
//! invariant; no input from outside may reach one.
//!
//! Where to read on: [`vocabulary`] for the words, `originate` for how a call begins, `reports` for what the driver says,
//! `features` for hold and retrieve, `mobility` for who sits where, `takeover` for who is to sit there next, `completion` for consultations, `transfer` for blind ones, `endings` for how calls end.

mod audit;
mod completion;
mod endings;
mod features;
mod leg;
mod mobility;
mod operations;
mod originate;
mod reports;
mod respell;
mod seats;
mod snapshot;
mod takeover;
mod timers;
mod tracked;
mod transfer;
pub mod vocabulary;

pub use mobility::MultipleLogins;
pub use vocabulary::{
    Action, Actor, Asked, CallPlan, Command, Counters, Counts, DeviceView, DriverCommand,
    DriverEvent, EndedBy, EndedLogin, Ends, Event, EventKind, FIRST_DRIVER_LEG, Input, LineView,
    LineWish, LoginLength, LoginPlan, LoginWish, MobilityLogin, Output, Query, Record, Registered,
    Reply, Saved, Seat, StateView, Sweep, Takeover, TakeoverChange, TakeoverEnd, TakeoverStage,
    TakeoverTimes, Target, Tone, TransferTo, Whose,
};

use crate::call::{Call, Cause, ConnectionInput, Place, TerminalInput, Told};
use crate::directory::Directory;
use crate::ids::{
    CallId, CallKey, DeviceName, DirectoryNumber, LegId, MixId, PartId, Ticket, UserId,
};
use crate::now::{Instant, Now};
use crate::refusal::Refusal;
use leg::{Leg, Operation};
use seats::Seats;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use timers::{Timer, Timers, WallTimers};
use tracked::Tracked;

/// How calls are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallNames {
    /// `c-1`, `c-2` …, so that tests can be written down.
    Counted,
    /// UUIDv7, from the time and this seed.
    Uuid(u64),
}

/// What administrators may choose. [exchange §3, §7]
#[derive(Clone, Debug)]
pub struct Settings {
    /// How calls are named.
    pub names: CallNames,
    /// The driver must answer a command within this time.
    pub driver_answer: Duration,
    /// A calling phone must be off-hook within this time.
    pub off_hook: Duration,
    /// Ringing ends after this time.
    pub ring: Duration,
    /// The tone of a call that ended unanswered ends after this time.
    pub failed_tone: Duration,
    /// A transfer nobody answered rings the transferor for so long; zero: it drops.
    pub transfer_recall: Duration,
    /// At so many live parts a device can place no further call.
    pub max_calls: usize,
    /// At so many live parts a device is busy for callers.
    pub busy_trigger: usize,
    /// At so many live calls the exchange refuses new ones.
    pub capacity: usize,
    /// May a user be logged in to several devices?
    pub multiple_logins: MultipleLogins,
    /// A login ends after this time at the latest; `None`: only when somebody ends it.
    pub max_login: Option<Duration>,
    /// Does a user's own longest login count in its place?
    pub user_max_login: bool,
    /// How much time a takeover leaves; `None`: there are none.
    pub takeover: Option<TakeoverTimes>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            names: CallNames::Counted,
            driver_answer: Duration::from_secs(5),
            off_hook: Duration::from_secs(20),
            ring: Duration::from_secs(180),
            failed_tone: Duration::from_secs(15),
            transfer_recall: Duration::ZERO,
            max_calls: 4,
            busy_trigger: 2,
            capacity: 20_000,
            multiple_logins: MultipleLogins::NotAllowed,
            max_login: None,
            user_max_login: false,
            takeover: None,
        }
    }
}

/// So many numbers of events, and of parts, are reserved by one save. A number must not be given twice after a restart, and
/// most are given without a save of their own, or with one that has enough to write; a restart skips at most so many.
const BLOCK: u32 = 1_000;

/// Plain values that an undo restores as a whole.
#[derive(Clone, Debug, Default)]
struct Scalars {
    /// As stored: its events and parts are reserved, not all of them are given yet.
    counters: Counters,
    /// The last event number given.
    events: u64,
    /// The last part number given.
    parts: u32,
    legs: u64,
    mixes: u64,
    operations: u64,
    /// Calls that are to come of operations.
    plans: usize,
    strays: u64,
    network_up: bool,
    registered_by_default: bool,
}

/// What one step has touched, until it ends.
#[derive(Clone, Debug, Default)]
struct Step {
    ticket: Option<Ticket>,
    created: Vec<CallKey>,
    touched: Vec<(CallKey, Option<PartId>)>,
    ended: Vec<CallKey>,
    /// Whose command this step completes, with the call to show.
    answer: Option<(Ticket, CallKey)>,
    quiet: bool,
}

/// The exchange. See the module's page for the contract.
#[derive(Debug)]
pub struct Exchange {
    settings: Settings,
    directory: Arc<Directory>,
    directory_before: Option<Arc<Directory>>,
    calls: Tracked<CallKey, Call>,
    keys: Tracked<CallId, CallKey>,
    legs: Tracked<LegId, Leg>,
    device_legs: Tracked<DeviceName, Vec<LegId>>,
    registered: Tracked<DeviceName, bool>,
    seats: Seats,
    /// When logins end by themselves.
    log_outs: WallTimers<DeviceName>,
    /// By device; each has a timer of that name.
    takeovers: Tracked<DeviceName, Takeover>,
    takeover_turns: WallTimers<DeviceName>,
    operations: Tracked<u64, Operation>,
    /// The new calls that wait for a device, in order.
    queues: Tracked<DeviceName, Vec<u64>>,
    timers: Timers,
    now: Scalars,
    before: Scalars,
    step: Step,
    /// Operations to look at again before the input is done, and what whoever waits for them hears if they are dropped.
    reviews: VecDeque<(u64, Refusal)>,
    /// Devices whose queue may have its turn before the input is done.
    turns: VecDeque<DeviceName>,
    /// Numbers were reserved by the input that is being handled; they are saved with it.
    reserves: bool,
    /// While an input is handled whose step could not be stored: nothing may be promised by what follows from it.
    store_refuses: bool,
    out: VecDeque<Output>,
    clock: Now,
}

impl Exchange {
    /// An exchange without calls. The network counts as down until the driver says [`DriverEvent::NetworkUp`].
    pub fn new(settings: Settings, directory: Arc<Directory>) -> Self {
        Self {
            settings,
            directory,
            directory_before: None,
            calls: Tracked::default(),
            keys: Tracked::default(),
            legs: Tracked::default(),
            device_legs: Tracked::default(),
            registered: Tracked::default(),
            seats: Seats::default(),
            log_outs: Timers::default(),
            takeovers: Tracked::default(),
            takeover_turns: Timers::default(),
            operations: Tracked::default(),
            queues: Tracked::default(),
            timers: Timers::default(),
            now: Scalars::default(),
            before: Scalars::default(),
            step: Step::default(),
            reviews: VecDeque::new(),
            turns: VecDeque::new(),
            reserves: false,
            store_refuses: false,
            out: VecDeque::new(),
            clock: Now::default(),
        }
    }

    /// Handles one input. The only way anything changes.
    pub fn handle(&mut self, input: Input, now: Now) {
        self.clock = now;
        let from = self.out.len();
        match input {
            Input::Command(ticket, command) => self.command(ticket, command),
            Input::Driver(event) => self.report(event),
            Input::Directory(directory) => self.replace_directory(directory),
            Input::Restore(saved) => self.restore(saved),
            Input::Deadline => self.fire_due(),
            Input::Stored => self.commit(),
            Input::Undo => self.undo(),
            Input::StoreFailed(input) => {
                self.store_refuses = true;
                self.store_failed(*input);
            }
            Input::Reset(directory) => {
                self.reset();
                self.set_directory(directory);
            }
        }
        self.settle_operations();
        self.store_refuses = false;
        self.save_counters();
        if let Some(last) = self.events_since(from).last() {
            last.ends = Ends::Input;
        }
    }

    /// The events among the outputs from this one on. What an undo took back leaves none.
    fn events_since(&mut self, from: usize) -> impl Iterator<Item = &mut Event> {
        self.out
            .iter_mut()
            .skip(from)
            .filter_map(|output| match output {
                Output::Event(event) => Some(event),
                Output::Driver(_) | Output::Save(_) | Output::Answer(_, _) => None,
            })
    }

    /// The next output of the inputs handled so far.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When [`Input::Deadline`] is wanted next, if wall time and timers go on together from `now` on. While the network is away no
    /// call changes, so only logins and takeovers are due.
    pub fn next_deadline(&self, now: Now) -> Option<Instant> {
        let calls = self.timers.earliest().filter(|_| self.now.network_up);
        let seats = [self.log_outs.earliest(), self.takeover_turns.earliest()];
        let seats = seats.into_iter().flatten().map(|at| now.when(at));
        calls.into_iter().chain(seats).min()
    }

    fn command(&mut self, ticket: Ticket, command: Command) {
        let Command {
            actor,
            interface,
            action,
        } = command;
        let done = match action {
            Action::Snapshot(query) => Some(self.snapshot(query)),
            Action::MakeCall {
                user,
                device,
                line,
                to,
            } => self.make_call(ticket, &actor, interface, user, &device, line, &to),
            Action::Answer(whose) => self.answer_part(ticket, &whose),
            Action::Reject(whose) => Some(self.reject(ticket, &whose)),
            Action::Hold(whose) => self.hold(ticket, &whose),
            Action::Retrieve(whose) => self.retrieve(ticket, &whose),
            Action::Release(whose) => Some(self.release(ticket, &whose)),
            Action::ReleaseCall(call) => Some(self.release_call(ticket, &call)),
            Action::ReleaseNewest { user, device, line } => Some(self.release_newest(
                ticket,
                &actor,
                interface,
                &user,
                device.as_ref(),
                line.as_ref(),
            )),
            Action::BlindTransfer(whose, to) => {
                self.blind_transfer(Some(ticket), None, &whose, &to)
            }
            Action::Consult(whose, to) => self.consult(ticket, interface, &whose, &to),
            Action::CompleteTransfer(whose) => self.complete(Some(ticket), None, &whose, false),
            Action::CompleteConference(whose) => self.complete(Some(ticket), None, &whose, true),
            Action::DropParticipant(call, number) => {
                Some(self.drop_participant(ticket, &call, &number))
            }
            Action::SendDigits(whose, digits) => Some(self.send_digits(&whose, &digits)),
            Action::Login(wish) => Some(self.log_in(ticket, &actor, interface, &wish)),
            Action::Logout {
                device,
                only,
                timers_work,
            } => Some(self.log_out(ticket, &actor, &device, only.as_ref(), timers_work)),
            Action::LogoutAll { timers_work } => {
                Some(self.log_out_all(ticket, &actor, timers_work))
            }
            Action::Sweep(sweep) => Some(Ok(self.sweep(ticket, &sweep))),
            Action::TakeOver(wish) => Some(self.take_over(ticket, &actor, interface, &wish)),
            Action::CancelTakeover(device) => Some(self.cancel_takeover(ticket, &device)),
            Action::UndoTakeover(device) => Some(self.undo_takeover(ticket, &actor, &device)),
        };
        if let Some(answer) = done {
            self.out.push_back(Output::Answer(ticket, answer));
        }
    }

    fn restore(&mut self, saved: Saved) {
        match saved {
            Saved::Counters(counters) => {
                self.now.counters = counters;
                self.now.events = counters.events;
                self.now.parts = counters.parts;
            }
            // A directory that was edited as the process died may know them no more.
            // Or it may write them in other letters.
            Saved::Login(login) => {
                if let Some(login) = login.spelled(&self.directory) {
                    self.seat(login);
                }
            }
            Saved::LastUser(device, user) => {
                let known = self.directory.device(device.as_str());
                let device = known.map_or(device, |known| known.name);
                let known = self.directory.end_user(user.as_str());
                let user = known.map_or(user, |known| known.id);
                self.seats.remember_last(device, user);
            }
            Saved::Takeover(mut takeover) => {
                if let Some(device) = self.directory.device(takeover.device.as_str()) {
                    takeover.device = device.name;
                }
                self.keep_takeover(takeover);
            }
        }
    }

    fn replace_directory(&mut self, directory: Arc<Directory>) {
        self.set_directory(directory);
        self.publish(None, EventKind::DirectoryChanged);
    }

    fn set_directory(&mut self, directory: Arc<Directory>) {
        // Nobody sits at a phone that is gone, or with a profile that is; the next user of that name does not sit there either.
        let over = self.seats.iter().filter(|login| !login.fits(&directory));
        let over: Vec<DeviceName> = over.map(|login| login.device.clone()).collect();
        for device in over {
            self.end_login(None, &device, EndedBy::Directory, None);
        }
        self.seats.forget_gone(&directory);
        self.look_at_takeovers();
        let before = std::mem::replace(&mut self.directory, directory);
        self.directory_before.get_or_insert(before);
        self.respell();
    }

    fn fire_due(&mut self) {
        self.logins_over();
        self.takeovers_due();
        if !self.now.network_up {
            return;
        }
        while let Some(timer) = self.timers.take_due(self.clock.instant) {
            match timer {
                Timer::Operation(id) => self.drop_operation(id, Refusal::NetworkSilent),
                Timer::OffHook(leg) | Timer::Ring(leg) => self.rang_too_long(leg),
                Timer::FailedTone(call, part) => self.tone_over(call, part),
            }
            self.settle_operations();
        }
    }

    fn reset(&mut self) {
        let waiting: Vec<u64> = self.operations.keys().copied().collect();
        for id in waiting {
            if let Some(Operation {
                ticket: Some(ticket),
                ..
            }) = self.operations.remove(&id)
            {
                self.out
                    .push_back(Output::Answer(ticket, Err(Refusal::NoSuchCall)));
            }
        }
        self.queues.clear();
        self.now.plans = 0;
        self.calls.clear();
        self.keys.clear();
        self.legs.clear();
        self.device_legs.clear();
        self.registered.clear();
        self.seats.clear();
        self.log_outs.clear_all();
        self.takeovers.clear();
        self.takeover_turns.clear_all();
        self.timers.clear_all();
        self.now.counters.calls = 0;
        self.now.counters.parts = 0;
        self.now.parts = 0;
        self.now.network_up = true;
        self.now.registered_by_default = true;
        self.publish(None, EventKind::Reset);
        self.reserves = true;
    }

    // --- commit and undo -------------------------------------------------------------------------------------------

    fn commit(&mut self) {
        self.calls.commit();
        self.keys.commit();
        self.legs.commit();
        self.device_legs.commit();
        self.registered.commit();
        self.seats.commit();
        self.log_outs.commit();
        self.takeovers.commit();
        self.takeover_turns.commit();
        self.operations.commit();
        self.queues.commit();
        self.timers.commit();
        self.directory_before = None;
        self.before = self.now.clone();
    }

    fn undo(&mut self) {
        self.calls.undo();
        self.keys.undo();
        self.legs.undo();
        self.device_legs.undo();
        self.registered.undo();
        self.seats.undo();
        self.log_outs.undo();
        self.takeovers.undo();
        self.takeover_turns.undo();
        self.operations.undo();
        self.queues.undo();
        self.timers.undo();
        if let Some(directory) = self.directory_before.take() {
            self.directory = directory;
        }
        self.now = self.before.clone();
        self.reserves = false;
        self.out.clear();
    }

    fn store_failed(&mut self, input: Input) {
        self.undo();
        match input {
            // The hour has come for everybody who was to leave, whatever the store does.
            Input::Command(ticket, command) if matches!(command.action, Action::Sweep(_)) => {
                self.command(ticket, command);
            }
            Input::Command(ticket, _) => {
                self.out
                    .push_back(Output::Answer(ticket, Err(Refusal::StoreUnavailable)));
            }
            Input::Driver(event) => {
                // A report whose step answers somebody is taken back together with what was asked; any other one is a
                // fact that the network has made already.
                match self.brought_forward_by(&event) {
                    Some(id)
                        if self
                            .operations
                            .get(&id)
                            .is_some_and(|op| op.ticket.is_some()) =>
                    {
                        self.drop_operation(id, Refusal::StoreUnavailable);
                    }
                    Some(_) | None => self.report(event),
                }
            }
            Input::Deadline => self.fire_due(),
            Input::Directory(directory) => self.replace_directory(directory),
            Input::Restore(saved) => self.restore(saved),
            Input::Stored | Input::Undo | Input::StoreFailed(_) | Input::Reset(_) => {}
        }
    }

    // --- steps -----------------------------------------------------------------------------------------------------

    /// Begins a step: everything until [`Self::end_step`] is published together.
    fn begin_step(&mut self, ticket: Option<Ticket>) {
        self.step = Step {
            ticket,
            ..Step::default()
        };
    }

    /// Says that a part may look different now. The order of touching is the order of publishing.
    fn touch(&mut self, call: CallKey, part: PartId) {
        self.step.touched.push((call, Some(part)));
    }

    /// Says that the parts of a call may look different now, after those named before.
    fn touch_call(&mut self, call: CallKey) {
        self.step.touched.push((call, None));
    }

    /// Ends the step: compares every touched part with what was told of it, publishes the difference, saves the calls.
    fn end_step(&mut self) {
        let step = std::mem::take(&mut self.step);
        let from = self.out.len();
        for &call in &step.created {
            if let Some(id) = self.calls.get(&call).map(|c| c.id.clone()) {
                self.publish(step.ticket, EventKind::CallCreated { call: id });
            }
        }
        let mut calls: Vec<CallKey> = Vec::new();
        for &(call, part) in &step.touched {
            if !calls.contains(&call) {
                calls.push(call);
            }
            if let Some(part) = part
                && let Some(place) = self.calls.get(&call).and_then(|c| c.place(part))
            {
                self.tell_part(step.ticket, call, place);
            }
        }
        for &call in &calls {
            for place in self.places_by_joining(call) {
                self.tell_part(step.ticket, call, place);
            }
        }
        for &call in &step.ended {
            let Some(live) = self.calls.get(&call) else {
                continue;
            };
            if let Some(ending) = &live.ended {
                let kind = EventKind::CallEnded {
                    call: live.id.clone(),
                    cause: ending.cause,
                    merged_into: ending.merged_into.clone(),
                };
                self.publish(step.ticket, kind);
            }
        }
        let mut told: Vec<&mut Event> = self.events_since(from).collect();
        // Each was published as if it stood alone.
        told.pop();
        for event in told {
            event.ends = Ends::Nothing;
        }
        self.answer_step(step.answer);
        for call in calls {
            if let Some(live) = self.calls.get(&call) {
                let about = live.operations.iter();
                self.reviews
                    .extend(about.map(|&id| (id, Refusal::NoSuchCall)));
                // A call that ended in an earlier step is stored as ended; the tone it leaves is not worth a save.
                if !step.quiet && (live.ended.is_none() || step.ended.contains(&call)) {
                    self.save(call);
                }
            }
            self.forget_if_over(call);
        }
    }

    fn places_by_joining(&self, call: CallKey) -> Vec<Place> {
        let Some(call) = self.calls.get(&call) else {
            return Vec::new();
        };
        let mut places: Vec<Place> = call.places().collect();
        places.sort_by_key(|p| {
            let c = &call.connections[p.connection];
            (!c.joined, c.joined_at, p.connection, p.part)
        });
        places
    }

    fn tell_part(&mut self, ticket: Option<Ticket>, key: CallKey, place: Place) {
        let Some(call) = self.calls.get(&key) else {
            return;
        };
        let (state, others) = (call.part_state(place), call.others(place));
        let part = call.part(place);
        if let Some(told) = &part.told
            && told.state == state
            && told.others.iter().eq(others.iter().copied())
        {
            return;
        }
        let seen = Told {
            state,
            others: others.into_iter().cloned().collect(),
            at: self.clock.wall,
        };
        let changed = part
            .told
            .as_ref()
            .is_none_or(|told| told.state != seen.state);
        let since = if changed { self.clock.wall } else { part.since };
        let view = call.view(place, seen.clone(), since);
        if let Some(call) = self.calls.get_mut(&key) {
            let part = call.part_mut(place);
            part.since = view.since;
            part.told = Some(seen);
        }
        self.publish(ticket, EventKind::Part(Box::new(view)));
    }

    /// Saves the counters if numbers were reserved. Called when an input is done and at no other time: in the middle of one a
    /// call may have its number and not be among the calls yet, and a restart would never look for it.
    fn save_counters(&mut self) {
        if !std::mem::take(&mut self.reserves) {
            return;
        }
        let next = self.now.counters.calls + 1;
        self.now.counters.oldest_live = self.calls.keys().next().map_or(next, |key| key.0);
        self.out
            .push_back(Output::Save(Record::Counters(self.now.counters)));
    }

    fn publish(&mut self, ticket: Option<Ticket>, kind: EventKind) {
        self.now.events += 1;
        if self.now.events > self.now.counters.events {
            self.now.counters.events = self.now.events + u64::from(BLOCK) - 1;
            self.reserves = true;
        }
        let event = Event {
            sequence: self.now.events,
            at: self.clock.wall,
            ticket,
            ends: Ends::Step,
            kind,
        };
        self.out.push_back(Output::Event(event));
    }

    fn save(&mut self, key: CallKey) {
        if let Some(call) = self.calls.get(&key) {
            let record = call.record();
            self.out
                .push_back(Output::Save(Record::Call(Box::new(record))));
        }
    }

    fn forget_if_over(&mut self, key: CallKey) {
        if self.calls.get(&key).is_some_and(Call::is_over)
            && let Some(call) = self.calls.remove(&key)
        {
            self.keys.remove(&call.id);
        }
    }

    // --- small changes that every step is made of --------------------------------------------------------------------

    fn driver(&mut self, command: DriverCommand) {
        self.out.push_back(Output::Driver(command));
    }

    /// Moves a connection; an input that does not fit changes nothing.
    fn move_connection(
        &mut self,
        call: CallKey,
        connection: usize,
        input: ConnectionInput,
    ) -> bool {
        let at = self.clock.wall;
        let Some(call) = self.calls.get_mut(&call) else {
            return false;
        };
        let Some(connection) = call.connections.get_mut(connection) else {
            return false;
        };
        let Some(next) = connection.state.next(input) else {
            return false;
        };
        connection.state = next;
        connection.since = at;
        true
    }

    /// Moves a terminal connection; an input that does not fit changes nothing.
    fn move_terminal(&mut self, call: CallKey, place: Place, input: TerminalInput) -> bool {
        let Some(call) = self.calls.get_mut(&call) else {
            return false;
        };
        let part = call.part_mut(place);
        let Some(next) = part.terminal.next(input) else {
            return false;
        };
        part.terminal = next;
        true
    }

    fn new_leg(&mut self, target: Target) -> LegId {
        self.now.legs += 1;
        let id = LegId(self.now.legs);
        self.add_leg(id, target, leg::LegState::Asked);
        id
    }

    fn add_leg(&mut self, id: LegId, target: Target, state: leg::LegState) {
        if let Target::Device(device) = &target {
            let mut legs = self.device_legs.get(device).cloned().unwrap_or_default();
            legs.push(id);
            self.device_legs.insert(device.clone(), legs);
        }
        self.legs.insert(
            id,
            Leg {
                target,
                state,
                carries: Vec::new(),
                reaching: None,
                mix: None,
                music: false,
                operation: None,
            },
        );
    }

    /// Forgets a leg; what the driver still says of it is a stray.
    fn forget_leg(&mut self, id: LegId) -> Option<Leg> {
        self.forget_lost_leg(id, Refusal::NoSuchCall)
    }

    /// Forgets a leg; `refusal` is what somebody hears whose request came to nothing by that.
    fn forget_lost_leg(&mut self, id: LegId, refusal: Refusal) -> Option<Leg> {
        let leg = self.legs.remove(&id)?;
        if let Some(operation) = leg.operation {
            self.leg_lost(id, operation, refusal);
        }
        if let Target::Device(device) = &leg.target
            && self.queues.contains(device)
        {
            self.turns.push_back(device.clone());
        }
        if let Some((key, connection)) = leg.reaching
            && let Some(call) = self.calls.get_mut(&key)
            && let Some(connection) = call.connections.get_mut(connection)
        {
            connection.reaching.retain(|&l| l != id);
        }
        self.timers.clear(&Timer::OffHook(id));
        self.timers.clear(&Timer::Ring(id));
        if let Target::Device(device) = &leg.target {
            let mut legs = self.device_legs.get(device).cloned().unwrap_or_default();
            legs.retain(|&l| l != id);
            if legs.is_empty() {
                self.device_legs.remove(device);
                self.look_at_takeover(device);
            } else {
                self.device_legs.insert(device.clone(), legs);
            }
        }
        Some(leg)
    }

    /// Gives a leg up and tells the driver.
    fn release_leg(&mut self, id: LegId, cause: Cause, elsewhere: bool) {
        if self.forget_leg(id).is_some() {
            self.driver(DriverCommand::Release {
                leg: id,
                q850: cause.q850,
                elsewhere,
            });
        }
    }

    /// Puts a leg into a mix, out of any other.
    fn join_leg(&mut self, id: LegId, mix: MixId) {
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.mix = Some(mix);
            self.driver(DriverCommand::Join(mix, id));
        }
    }

    /// Takes a leg out of its mix. Says whether it was in one.
    fn leave_mix(&mut self, id: LegId) -> bool {
        let Some(mix) = self.legs.get_mut(&id).and_then(|leg| leg.mix.take()) else {
            return false;
        };
        self.driver(DriverCommand::Leave(mix, id));
        true
    }

    fn new_part_id(&mut self) -> PartId {
        self.now.parts += 1;
        if self.now.parts > self.now.counters.parts {
            self.now.counters.parts = self.now.parts + BLOCK - 1;
            self.reserves = true;
        }
        PartId(self.now.parts)
    }

    fn mix_of(&mut self, key: CallKey) -> MixId {
        if let Some(mix) = self.calls.get(&key).and_then(|c| c.mix) {
            return mix;
        }
        self.now.mixes += 1;
        let mix = MixId(self.now.mixes);
        if let Some(call) = self.calls.get_mut(&key) {
            call.mix = Some(mix);
        }
        mix
    }

    /// The live part of a device in a call, by the call's id.
    fn find(&self, whose: &Whose) -> Result<(CallKey, Place), Refusal> {
        let key = *self.keys.get(&whose.call).ok_or(Refusal::NoSuchCall)?;
        let call = self.calls.get(&key).ok_or(Refusal::NoSuchCall)?;
        let known = self.directory.device(whose.device.as_str());
        // A live part keeps the device it began with, also when that was taken out of the directory.
        let Some(known) = known else {
            let place = call.place_of_device(&whose.device);
            return place.map(|place| (key, place)).ok_or(Refusal::NoSuchDevice);
        };
        let place = call.place_of_device(&known.name);
        place.map(|place| (key, place)).ok_or(Refusal::NoSuchCall)
    }

    /// The last question before the driver is asked: is there a network? [exchange §7]
    fn network(&self) -> Result<(), Refusal> {
        if self.now.network_up {
            Ok(())
        } else {
            Err(Refusal::NetworkDown)
        }
    }

    /// Who a device belongs to now: who is logged in by mobility, else its owner.
    fn user_at(&self, device: &DeviceName) -> Option<UserId> {
        if let Some(login) = self.seats.at(device) {
            return Some(login.user.clone());
        }
        self.directory.device(device.as_str()).and_then(|d| d.owner)
    }

    /// The lines a device carries now.
    fn lines_now(&self, device: &DeviceName) -> Vec<DirectoryNumber> {
        if let Some(login) = self.seats.at(device)
            && let Some(profile) = self.directory.profile(login.profile.as_str())
        {
            return profile.lines;
        }
        self.directory
            .device(device.as_str())
            .map(|d| d.lines)
            .unwrap_or_default()
    }

    fn is_registered(&self, device: &DeviceName) -> bool {
        *self
            .registered
            .get(device)
            .unwrap_or(&self.now.registered_by_default)
    }

    /// The parts that occupy a call on a device, newest leg last.
    fn parts_on(&self, device: &DeviceName) -> Vec<(CallKey, PartId)> {
        let legs = self
            .device_legs
            .get(device)
            .map(Vec::as_slice)
            .unwrap_or_default();
        legs.iter()
            .filter_map(|leg| self.legs.get(leg))
            .flat_map(|leg| leg.carries.iter().copied())
            .collect()
    }

    fn name_of(&self, key: CallKey) -> CallId {
        match self.settings.names {
            CallNames::Counted => CallId::from(format!("c-{}", key.0)),
            CallNames::Uuid(seed) => originate::uuid7(self.clock.wall, seed, key),
        }
    }
}
