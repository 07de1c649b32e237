//! How a call begins: the checks, the calling phone, the way to the called party.

use super::Exchange;
use super::leg::{Kind, LegState, Plan, Wait};
use super::timers::Timer;
use super::vocabulary::{Actor, DriverCommand, LineWish, Reply, Target};
use crate::call::{
    Call, Cause, Class, Connection, ConnectionInput, ConnectionState, Origin, Part, PartState,
    Role, StoryWhat, TerminalState,
};
use crate::directory::{Device, Protocol, Right};
use crate::ids::{
    CallId, CallKey, DeviceName, Digits, DirectoryNumber, LegId, PartId, Ticket, UserId,
};
use crate::now::Wall;
use crate::refusal::Refusal;

/// A typed number is at most this long; E.164 has 15 digits, prefixes and codes need room.
pub(super) const NUMBER_LENGTH: usize = 64;

impl Exchange {
    #[expect(
        clippy::too_many_arguments,
        reason = "the fields of one command, taken apart once"
    )]
    pub(super) fn make_call(
        &mut self,
        ticket: Ticket,
        actor: &Actor,
        interface: &str,
        user: Option<UserId>,
        device: &DeviceName,
        line: LineWish,
        to: &str,
    ) -> Option<Result<Reply, Refusal>> {
        match self.plan_call(actor, interface, user, device, line, to) {
            Ok(plan) => self.originate(ticket, plan),
            Err(refusal) => Some(Err(refusal)),
        }
    }

    /// Checks in one order: exists → allowed → state fits → driver able. The driver has the last word.
    pub(super) fn plan_call(
        &self,
        actor: &Actor,
        interface: &str,
        user: Option<UserId>,
        device: &DeviceName,
        line: LineWish,
        to: &str,
    ) -> Result<Plan, Refusal> {
        let user = self.acting_for(actor, user)?;
        let device = self
            .directory
            .device(device.as_str())
            .ok_or(Refusal::NoSuchDevice)?;
        if let Some(user) = &user
            && !matches!(actor, Actor::Operator | Actor::Phone)
            && !self.may_use(user, &device.name)
        {
            return Err(Refusal::NotAllowed);
        }
        let line =
            pick_line(self.lines_now(&device.name), &line).ok_or(Refusal::LineNotOnDevice)?;
        let digits = dialable(to, &device)?;
        if self.occupied(&device.name) >= self.settings.max_calls {
            return Err(Refusal::TooManyCalls);
        }
        if self.at_capacity() {
            return Err(Refusal::Overloaded);
        }
        self.network()?;
        if !self.is_registered(&device.name) {
            return Err(Refusal::DeviceOutOfService);
        }
        let resolved = self.directory.resolve(digits.as_str());
        let outside = resolved.is_none();
        let by = match actor {
            Actor::User(id) if user.as_ref() != Some(id) => Some(id.clone()),
            Actor::User(_) | Actor::Operator | Actor::Phone => None,
        };
        Ok(Plan {
            device: device.name.clone(),
            line,
            user: self.user_at(&device.name),
            dialled: to.to_owned(),
            to: resolved.unwrap_or_else(|| DirectoryNumber::bare(digits)),
            outside,
            origin: Origin {
                interface: interface.to_owned(),
                user,
                by,
            },
            consultation_of: None,
            until: self.answer_until(),
        })
    }

    /// The user a command is for, if the actor may act for him.
    pub(super) fn acting_for(
        &self,
        actor: &Actor,
        user: Option<UserId>,
    ) -> Result<Option<UserId>, Refusal> {
        let Some(user) = user else { return Ok(None) };
        if let Actor::User(actor) = actor {
            let account = self
                .directory
                .account(&actor.as_str().into())
                .ok_or(Refusal::NoSuchUser)?;
            let own = account.id().as_str().eq_ignore_ascii_case(user.as_str());
            if !own && !account.has(Right::PROXY) {
                return Err(Refusal::NoProxyRight);
            }
        }
        let user = self
            .directory
            .account(&user.as_str().into())
            .ok_or(Refusal::NoSuchUser)?;
        Ok(Some(user.id().clone()))
    }

    pub(super) fn originate(
        &mut self,
        ticket: Ticket,
        plan: Plan,
    ) -> Option<Result<Reply, Refusal>> {
        match self.free_path(&plan.device) {
            Path::Busy if plan.consultation_of.is_some() => Some(Err(Refusal::InProgress)),
            Path::Busy => {
                let kind = Kind::Queued(Box::new(plan));
                self.start_operation(Some(ticket), None, Vec::new(), kind);
                None
            }
            Path::New => {
                let leg = self.new_leg(Target::Device(plan.device.clone()));
                self.driver(DriverCommand::Offer {
                    leg,
                    target: Target::Device(plan.device.clone()),
                    shown: plan.to.clone(),
                    auto_answer: true,
                    timeout: self.settings.off_hook,
                });
                self.start_operation(
                    Some(ticket),
                    None,
                    vec![(leg, Wait::Offered)],
                    Kind::Originate(Box::new(plan)),
                );
                None
            }
            Path::Idle(leg) => {
                self.start_call(Some(ticket), plan, leg, None);
                None
            }
            Path::Active(leg, call, part) => {
                self.start_hold(Some(ticket), leg, call, part, Some(Box::new(plan)));
                None
            }
        }
    }

    /// Must a new call wait for its turn at this device?
    pub(super) fn is_busy(&self, device: &DeviceName) -> bool {
        matches!(self.free_path(device), Path::Busy)
    }

    /// Which audio path of a device a new call can use. A phone with one path calls on the one that is off-hook; a leg that
    /// only plays a tone is replaced, so that the driver is asked whether the phone will place the call.
    fn free_path(&self, device: &DeviceName) -> Path {
        let legs = self
            .device_legs
            .get(device)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let (mut idle, mut active) = (None, None);
        for &id in legs {
            let Some(leg) = self.legs.get(&id) else {
                continue;
            };
            if leg.operation.is_some() {
                return Path::Busy;
            }
            let state = |state| {
                leg.carries
                    .iter()
                    .copied()
                    .find(|&(c, p)| self.state_of(c, p) == Some(state))
            };
            if leg.state != LegState::Up {
                if state(PartState::Initiating).is_some() {
                    return Path::Busy;
                }
                continue;
            }
            if let Some((call, part)) = state(PartState::Active) {
                active = active.or(Some(Path::Active(id, call, part)));
            }
            let ringing_out =
                state(PartState::Initiated).is_some() || state(PartState::Initiating).is_some();
            if !ringing_out && state(PartState::Held).is_some() {
                idle = idle.or(Some(id));
            }
        }
        active.or(idle.map(Path::Idle)).unwrap_or(Path::New)
    }

    pub(super) fn state_of(&self, call: CallKey, part: PartId) -> Option<PartState> {
        let call = self.calls.get(&call)?;
        Some(call.part_state(call.place(part)?))
    }

    /// How many of a device's calls are taken: by live parts, by calls on their way to it, by calls that it is to place. A
    /// part that only hears a tone gives way to a new call, so it does not count.
    pub(super) fn occupied(&self, device: &DeviceName) -> usize {
        let legs = self
            .device_legs
            .get(device)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let on_legs = legs.iter().filter_map(|id| self.legs.get(id)).map(|leg| {
            let live = leg.carries.iter().filter(|&&(call, part)| {
                self.state_of(call, part)
                    .is_some_and(|s| s.is_live() && s != PartState::Failed)
            });
            let operation = leg.operation.and_then(|id| self.operations.get(&id));
            let planned = operation.is_some_and(|o| o.kind.plan().is_some());
            live.count() + usize::from(leg.reaching.is_some()) + usize::from(planned)
        });
        on_legs.sum::<usize>() + self.queues.get(device).map_or(0, Vec::len)
    }

    /// Can no further call be carried, those that are about to come included?
    pub(super) fn at_capacity(&self) -> bool {
        self.calls.len() + self.now.plans >= self.settings.capacity
    }

    /// May a user act with a device: his own, or the one he sits at?
    pub(super) fn may_use(&self, user: &UserId, device: &DeviceName) -> bool {
        self.devices_of(user).iter().any(|d| d == device)
    }

    /// Makes the call: the driver has accepted it on this leg. Publishes it, answers the ticket, and dials at once when
    /// the phone is off-hook already.
    /// `hold`: what the device was talking on, which goes on hold in the same step.
    pub(super) fn start_call(
        &mut self,
        ticket: Option<Ticket>,
        plan: Plan,
        leg: LegId,
        hold: Option<(CallKey, PartId)>,
    ) -> CallKey {
        let at = self.clock.wall;
        self.begin_step(ticket);
        if let Some((call, part)) = hold {
            self.mark_held(call, part);
        }
        self.end_failed_parts(&plan.device, leg);
        self.now.counters.calls += 1;
        let key = CallKey(self.now.counters.calls);
        let id = self.name_of(key);
        let part = self.new_part_id();
        let mut call = Call {
            key,
            id: id.clone(),
            origin: plan.origin,
            dialled: plan.dialled,
            connections: vec![
                Connection {
                    parts: vec![Part {
                        id: part,
                        device: Some(plan.device),
                        user: plan.user,
                        leg: Some(leg),
                        terminal: TerminalState::Idle,
                        failed: false,
                        cause: None,
                        started: at,
                        since: at,
                        told: None,
                    }],
                    ..new_connection(
                        plan.line,
                        false,
                        Role::Calling,
                        ConnectionState::Initiated,
                        at,
                    )
                },
                new_connection(
                    plan.to,
                    plan.outside,
                    Role::Called,
                    ConnectionState::InProgress,
                    at,
                ),
            ],
            mix: None,
            answered: false,
            ended: None,
            consultation_of: plan.consultation_of.clone(),
            conference: None,
            story: Vec::new(),
            story_dropped: 0,
            created: at,
            next_join: 0,
            transfer: None,
            transferred_by: None,
            operations: Vec::new(),
        };
        call.join(0);
        call.join(1);
        let caller = call.connections[0].number.clone();
        call.tell(at, StoryWhat::Created, Some(&caller), None);
        self.keys.insert(id, key);
        self.calls.insert(key, call);
        if let Some(leg) = self.legs.get_mut(&leg) {
            leg.carries.push((key, part));
        }
        let first = plan
            .consultation_of
            .and_then(|id| self.keys.get(&id).copied());
        if let Some(first) = first.and_then(|key| self.calls.get_mut(&key)) {
            first.tell(at, StoryWhat::Consulted, Some(&caller), None);
        }
        self.step.created.push(key);
        self.touch(key, part);
        self.end_step();
        if let Some(ticket) = ticket {
            self.answer_with_call(ticket, key);
        }
        if self.legs.get(&leg).is_some_and(|l| l.state == LegState::Up) {
            self.dial(key);
        } else {
            self.timers.set(
                Timer::OffHook(leg),
                self.clock.instant + self.settings.off_hook,
            );
        }
        key
    }

    pub(super) fn answer_with_call(&mut self, ticket: Ticket, key: CallKey) {
        let reply = match self.calls.get(&key) {
            Some(call) => Reply::Call(Box::new(call.record())),
            None => Reply::Done,
        };
        self.out.push_back(super::Output::Answer(ticket, Ok(reply)));
    }

    /// The calling phone is off-hook: hand the digits over and reach the called party.
    pub(super) fn dial(&mut self, key: CallKey) {
        self.begin_step(None);
        self.move_connection(key, 0, ConnectionInput::Dialled);
        let part = self
            .calls
            .get(&key)
            .and_then(|c| c.connections[0].parts.first())
            .map(|p| (p.id, p.leg));
        if let Some((part, leg)) = part {
            if let Some(leg) = leg {
                self.timers.clear(&Timer::OffHook(leg));
            }
            self.touch(key, part);
        }
        // Not one of the promises of exchange rule 10: the call and its parties are stored already.
        self.step.quiet = true;
        self.end_step();
        if let Err(cause) = self.reach(key, 1) {
            self.party_refused(key, 1, cause);
        }
    }

    /// Sends offers to wherever a called connection's number is now.
    ///
    /// # Errors
    /// The cause, when there is nothing to offer it to.
    pub(super) fn reach(&mut self, key: CallKey, connection: usize) -> Result<(), Cause> {
        let Some(call) = self.calls.get(&key) else {
            return Ok(());
        };
        let called = &call.connections[connection];
        let number = called.number.clone();
        let shown = call.connections[0].number.clone();
        let here: Vec<DeviceName> = call
            .places()
            .filter(|&p| call.part_state(p).is_live())
            .filter_map(|p| call.part(p).device.clone())
            .collect();
        if called.outside {
            self.offer(key, connection, Target::Digits(number.digits), shown);
            return Ok(());
        }
        let carriers = self.carriers(&number);
        let elsewhere: Vec<DeviceName> = carriers
            .iter()
            .filter(|d| !here.contains(d))
            .cloned()
            .collect();
        if elsewhere.is_empty() {
            let class = if carriers.is_empty() {
                Class::OutOfService
            } else {
                Class::Busy
            };
            return Err(Cause::of(class));
        }
        let free: Vec<DeviceName> = elsewhere
            .into_iter()
            .filter(|device| self.occupied(device) < self.settings.busy_trigger)
            .collect();
        if free.is_empty() {
            return Err(Cause::of(Class::Busy));
        }
        for device in free {
            self.offer(key, connection, Target::Device(device), shown.clone());
        }
        Ok(())
    }

    /// The registered devices that carry a number now, in directory order, mobility's after the devices' own.
    pub(super) fn carriers(&self, number: &DirectoryNumber) -> Vec<DeviceName> {
        let mut carriers = self.carrying(number);
        carriers.retain(|device| self.is_registered(device));
        carriers
    }

    /// The devices that carry a number now, registered or not.
    pub(super) fn carrying(&self, number: &DirectoryNumber) -> Vec<DeviceName> {
        let mut carriers: Vec<DeviceName> = self
            .directory
            .devices_with(number)
            .into_iter()
            .filter(|device| self.seats.at(device).is_none())
            .collect();
        let profiles = self.directory.profiles_with(number);
        let mut seats: Vec<DeviceName> = profiles
            .iter()
            .flat_map(|profile| self.seats.with(profile))
            .collect();
        seats.sort_unstable();
        carriers.extend(seats);
        carriers
    }

    pub(super) fn offer(
        &mut self,
        key: CallKey,
        connection: usize,
        target: Target,
        shown: DirectoryNumber,
    ) {
        let leg = self.new_leg(target.clone());
        if let Some(leg) = self.legs.get_mut(&leg) {
            leg.reaching = Some((key, connection));
        }
        if let Some(call) = self.calls.get_mut(&key) {
            call.connections[connection].reaching.push(leg);
        }
        let timeout = self.settings.ring;
        self.timers
            .set(Timer::Ring(leg), self.clock.instant + timeout);
        self.driver(DriverCommand::Offer {
            leg,
            target,
            shown,
            auto_answer: false,
            timeout,
        });
    }

    /// Ends the parts of a device that only hear a tone, but not those on the leg that the new call uses.
    fn end_failed_parts(&mut self, device: &DeviceName, keep: LegId) {
        for (call, part) in self.parts_on(device) {
            if self.state_of(call, part) == Some(PartState::Failed) {
                self.silence(call, part, Some(keep));
            }
        }
    }
}

fn pick_line(lines: Vec<DirectoryNumber>, wish: &LineWish) -> Option<DirectoryNumber> {
    let wanted = match wish {
        LineWish::First => None,
        LineWish::Named {
            digits,
            partition,
            or_first,
        } => {
            let fits = |l: &&DirectoryNumber| {
                l.digits == *digits && (partition.is_none() || l.partition == *partition)
            };
            let found = lines.iter().find(fits).cloned();
            if found.is_none() && !or_first {
                return None;
            }
            found
        }
    };
    wanted.or_else(|| lines.into_iter().next())
}

enum Path {
    /// A leg of the device waits for the driver, or goes off-hook for an earlier call.
    Busy,
    /// The phone must be rung.
    New,
    /// Off-hook, with held calls only.
    Idle(LegId),
    /// Off-hook and talking.
    Active(LegId, CallKey, PartId),
}

pub(super) fn new_connection(
    number: DirectoryNumber,
    outside: bool,
    role: Role,
    state: ConnectionState,
    at: Wall,
) -> Connection {
    Connection {
        number,
        outside,
        role,
        state,
        cause: None,
        since: at,
        joined: false,
        joined_at: 0,
        parts: Vec::new(),
        reaching: Vec::new(),
    }
}

/// What a phone makes of a typed number: SIP phones hand everything to the digit analysis, which refuses characters no
/// number has; SCCP phones strip them. [webdialer §6.1]
pub(super) fn dialable(typed: &str, device: &Device) -> Result<Digits, Refusal> {
    let known = |c: char| matches!(c, '0'..='9' | '*' | '#' | '+' | 'A'..='D');
    if typed.len() > NUMBER_LENGTH {
        return Err(Refusal::BadNumber);
    }
    let digits: String = match device.protocol {
        Protocol::Sip if typed.chars().all(known) => typed.to_owned(),
        Protocol::Sip => return Err(Refusal::BadNumber),
        Protocol::Sccp => typed.chars().filter(|&c| known(c)).collect(),
    };
    if digits.is_empty() {
        Err(Refusal::BadNumber)
    } else {
        Ok(Digits::from(digits))
    }
}

/// A UUIDv7 of the call: time in front, then bits spread from seed and key, so that equal inputs name calls equally.
pub(super) fn uuid7(at: Wall, seed: u64, key: CallKey) -> CallId {
    let spread = |mut x: u64| {
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    };
    let high = spread(seed.wrapping_add(key.0.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    let low = spread(high ^ seed);
    let millis = u64::try_from(at.0).unwrap_or(0) & 0xffff_ffff_ffff;
    let a = (millis << 16) | 0x7000 | (high & 0x0fff);
    let b = (low & 0x3fff_ffff_ffff_ffff) | 0x8000_0000_0000_0000;
    CallId::from(format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        a >> 32,
        (a >> 16) & 0xffff,
        a & 0xffff,
        b >> 48,
        b & 0xffff_ffff_ffff
    ))
}
