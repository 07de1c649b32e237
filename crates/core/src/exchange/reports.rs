//! What the driver says, and the operations that wait for it.

use super::leg::{Kind, LegInput, LegState, Operation, Plan, Wait};
use super::originate::dialable;
use super::timers::Timer;
use super::vocabulary::{
    DriverCommand, DriverEvent, EventKind, Registered, Target, TransferTo, Whose,
};
use super::{Exchange, FIRST_DRIVER_LEG};
use crate::call::{
    Call, Cause, Class, ConnectionInput, ConnectionState, Origin, Part, PartState, Role, StoryWhat,
    TerminalInput, TerminalState,
};
use crate::ids::{CallId, CallKey, DeviceName, DirectoryNumber, LegId, PartId};
use crate::refusal::Refusal;

impl Exchange {
    pub(super) fn report(&mut self, event: DriverEvent) {
        match event {
            DriverEvent::NetworkUp { legs, devices } => return self.network_up(&legs, devices),
            DriverEvent::NetworkDown => return self.network_down(),
            DriverEvent::DeviceUp(device) => return self.device_registered(device, true),
            DriverEvent::DeviceDown(device) => return self.device_registered(device, false),
            DriverEvent::Dialled {
                leg,
                device,
                digits,
            } if self.now.network_up => {
                return self.phone_dialled(leg, &device, &digits);
            }
            _ => {}
        }
        let Some(leg) = leg_of(&event).filter(|leg| self.now.network_up && self.legs.contains(leg))
        else {
            self.now.strays += 1;
            return;
        };
        match event {
            DriverEvent::Offered(_) => self.leg_moved(leg, LegInput::Offered),
            DriverEvent::Alerting(_) => self.leg_moved(leg, LegInput::Alerting),
            DriverEvent::Answered(_) => self.leg_moved(leg, LegInput::Answered),
            DriverEvent::Joined(_) => self.confirmed(leg, Wait::Joined),
            DriverEvent::Left(_) => self.confirmed(leg, Wait::Left),
            DriverEvent::Refused(_, asked, q850) => self.refused(leg, asked, q850),
            DriverEvent::Released(_, q850) => {
                let cause = self.release_cause(leg, q850);
                self.leg_gone(leg, cause);
            }
            DriverEvent::HeldByPhone(_) => self.phone_held(leg, true),
            DriverEvent::RetrievedByPhone(_) => self.phone_held(leg, false),
            DriverEvent::TransferAsked { to, .. } => self.phone_transfers(leg, to),
            DriverEvent::Dialled { .. }
            | DriverEvent::DeviceUp(_)
            | DriverEvent::DeviceDown(_)
            | DriverEvent::NetworkDown
            | DriverEvent::NetworkUp { .. } => {}
        }
    }

    // --- network and devices -----------------------------------------------------------------------------------------

    fn network_up(&mut self, live: &std::collections::BTreeSet<LegId>, devices: Registered) {
        self.registered.clear();
        let (default, exceptions) = match devices {
            Registered::AllBut(names) => (true, names),
            Registered::Only(names) => (false, names),
        };
        self.now.registered_by_default = default;
        for name in exceptions {
            self.registered.insert(name, !default);
        }
        // A network that only lists itself again has broken nothing off.
        let mut broken_off: Vec<Operation> = Vec::new();
        if !self.now.network_up {
            self.now.network_up = true;
            self.publish(None, EventKind::NetworkUp);
            let ids: Vec<u64> = self.operations.keys().copied().collect();
            broken_off.extend(ids.into_iter().filter_map(|id| self.end_operation(id)));
        }
        let lost: Vec<LegId> = self
            .legs
            .keys()
            .filter(|id| !live.contains(id))
            .copied()
            .collect();
        for &leg in live {
            if !self.legs.contains(&leg) {
                self.driver(DriverCommand::Release {
                    leg,
                    q850: 41,
                    elsewhere: false,
                });
            }
        }
        for leg in lost {
            self.leg_gone(leg, Cause::of(Class::Network));
        }
        for operation in broken_off {
            self.put_back(&operation, &Refusal::NetworkDown);
        }
    }

    fn network_down(&mut self) {
        if !self.now.network_up {
            return;
        }
        // No call changes until the network is back: what was begun is put back then, but whoever waits hears of it now.
        let waiting: Vec<u64> = self.operations.keys().copied().collect();
        for id in waiting {
            if let Some(operation) = self.operations.get_mut(&id) {
                let (ticket, report) = (operation.ticket.take(), operation.report.take());
                self.say_no(ticket, report, &Refusal::NetworkDown);
            }
        }
        self.now.network_up = false;
        self.publish(None, EventKind::NetworkDown);
    }

    fn device_registered(&mut self, device: DeviceName, up: bool) {
        if self.is_registered(&device) == up {
            return;
        }
        self.registered.insert(device.clone(), up);
        self.publish(
            None,
            if up {
                EventKind::DeviceUp(device)
            } else {
                EventKind::DeviceDown(device)
            },
        );
    }

    fn release_cause(&self, leg: LegId, q850: u8) -> Cause {
        let away = match self.legs.get(&leg).map(|l| &l.target) {
            Some(Target::Device(device)) => !self.is_registered(device),
            Some(Target::Digits(_)) | None => false,
        };
        if away {
            Cause::of(Class::OutOfService)
        } else {
            Cause::from_q850(q850)
        }
    }

    // --- a leg's progress --------------------------------------------------------------------------------------------

    fn leg_moved(&mut self, id: LegId, input: LegInput) {
        let Some(next) = self.legs.get(&id).and_then(|l| l.state.next(input)) else {
            return;
        };
        let accepted = self
            .legs
            .get(&id)
            .is_some_and(|l| l.state == LegState::Asked);
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.state = next;
        }
        if next == LegState::Up {
            self.leg_is_free(id);
        }
        if accepted {
            self.accepted(id);
        }
        match input {
            LegInput::Offered => {}
            LegInput::Alerting => self.rings(id),
            LegInput::Answered => self.answered(id),
        }
    }

    /// The driver accepted an offer.
    fn accepted(&mut self, id: LegId) {
        let at = self.clock.wall;
        let reaching = self.legs.get(&id).and_then(|l| l.reaching);
        if let Some((key, connection)) = reaching
            && let Some(call) = self.calls.get_mut(&key)
        {
            let number = call.connections[connection].number.clone();
            call.tell(at, StoryWhat::Offered, Some(&number), None);
        }
        self.confirmed(id, Wait::Offered);
    }

    /// A called phone rings.
    fn rings(&mut self, id: LegId) {
        let Some((key, connection)) = self.legs.get(&id).and_then(|l| l.reaching) else {
            return;
        };
        self.begin_step(self.transfer_ticket(key, connection));
        let transferred = self.transfer_rings(key, connection);
        let part = self.add_part(key, connection, id, TerminalState::Ringing);
        self.move_connection(key, connection, ConnectionInput::Alerted);
        let at = self.clock.wall;
        let mut callers = Vec::new();
        if let Some(call) = self.calls.get_mut(&key) {
            let number = call.connections[connection].number.clone();
            call.tell(at, StoryWhat::Alerting, Some(&number), None);
            callers = call
                .connections
                .iter()
                .enumerate()
                .filter(|&(index, c)| index != connection && c.state.is_live())
                .flat_map(|(_, c)| c.parts.iter().filter_map(|p| p.leg))
                .collect();
        }
        if transferred {
            // The waiting party hears of its new partner before the partner rings. [exchange §4]
            for place in self.places_by_joining(key) {
                if let Some(other) = self
                    .calls
                    .get(&key)
                    .map(|c| c.part(place).id)
                    .filter(|&p| Some(p) != part)
                {
                    self.touch(key, other);
                }
            }
        }
        if let Some(part) = part {
            self.touch(key, part);
        }
        self.touch_call(key);
        let plain = callers.len() == 1;
        for leg in callers {
            let up = self.legs.get(&leg).is_some_and(|l| l.state == LegState::Up);
            if plain && up {
                self.driver(DriverCommand::Ringback(leg));
            }
        }
        self.end_step();
    }

    /// A leg of a called party becomes its part.
    fn add_part(
        &mut self,
        key: CallKey,
        connection: usize,
        id: LegId,
        terminal: TerminalState,
    ) -> Option<PartId> {
        let at = self.clock.wall;
        let device = match &self.legs.get(&id)?.target {
            Target::Device(device) => Some(device.clone()),
            Target::Digits(_) => None,
        };
        let user = device.as_ref().and_then(|d| self.user_at(d));
        self.calls.get(&key)?;
        let part = self.new_part_id();
        if let Some(leg) = self.legs.get_mut(&id) {
            leg.reaching = None;
            leg.carries.push((key, part));
        }
        let call = self.calls.get_mut(&key)?;
        call.connections[connection].reaching.retain(|&l| l != id);
        call.connections[connection].parts.push(Part {
            id: part,
            device,
            user,
            leg: Some(id),
            terminal,
            failed: false,
            cause: None,
            started: at,
            since: at,
            told: None,
        });
        Some(part)
    }

    /// A phone is off-hook: a caller's, or a called one that answered.
    fn answered(&mut self, id: LegId) {
        // Answered without ringing first: the later report implies the earlier one.
        self.rings(id);
        self.timers.clear(&Timer::Ring(id));
        let Some((key, part)) = self.legs.get(&id).and_then(|l| l.carries.last().copied()) else {
            return;
        };
        let Some(place) = self.calls.get(&key).and_then(|c| c.place(part)) else {
            return;
        };
        let Some(call) = self.calls.get(&key) else {
            return;
        };
        let connection = &call.connections[place.connection];
        match connection.role {
            Role::Calling if connection.state == ConnectionState::Initiated => self.dial(key),
            Role::Calling => {}
            Role::Called => self.connect(key, part, id),
        }
    }

    /// Somebody answered: stop the other devices of that number, hold what the device was talking on, join the parties.
    pub(super) fn connect(&mut self, key: CallKey, part: PartId, leg: LegId) {
        let Some(place) = self.calls.get(&key).and_then(|c| c.place(part)) else {
            return;
        };
        let mut ticket = None;
        if let Some(id) = self.legs.get(&leg).and_then(|l| l.operation)
            && let Some(operation) = self.end_operation(id)
        {
            ticket = operation.ticket;
        }
        self.stop_ringing_elsewhere(key, place.connection, part);
        let device = self
            .calls
            .get(&key)
            .and_then(|c| c.part(place).device.clone());
        let hold = device.and_then(|device| self.active_part_on(&device, leg));
        let mix = self.mix_of(key);
        let mut waits = Vec::new();
        if let Some((_, _, other)) = hold
            && self.leave_mix(other)
        {
            waits.push((other, Wait::Left));
        }
        for leg in self.legs_to_join(key, leg) {
            waits.push((leg, Wait::Joined));
            self.join_leg(leg, mix);
        }
        let hold = hold.map(|(call, part, _)| (call, part));
        self.start_operation(
            ticket,
            None,
            waits,
            Kind::Connect {
                call: key,
                part,
                hold,
            },
        );
    }

    /// The legs that are not in the mix yet and belong there: the one that answered and, at the first answer, the caller's.
    fn legs_to_join(&self, key: CallKey, answered: LegId) -> Vec<LegId> {
        let Some(call) = self.calls.get(&key) else {
            return Vec::new();
        };
        let mut legs = self.waiting_callers(key);
        legs.retain(|leg| {
            self.legs
                .get(leg)
                .is_some_and(|l| l.mix != call.mix || l.mix.is_none())
        });
        legs.push(answered);
        legs
    }

    /// The legs of the calling side that wait for the first answer.
    pub(super) fn waiting_callers(&self, key: CallKey) -> Vec<LegId> {
        let Some(call) = self.calls.get(&key) else {
            return Vec::new();
        };
        let places = call.places().filter(|&place| {
            let part = call.part(place);
            let idle = part.terminal == TerminalState::Idle && !part.failed;
            idle && call.connections[place.connection].role == Role::Calling
        });
        places.filter_map(|place| call.part(place).leg).collect()
    }

    fn stop_ringing_elsewhere(&mut self, key: CallKey, connection: usize, answered: PartId) {
        let Some(call) = self.calls.get(&key) else {
            return;
        };
        let others: Vec<PartId> = call.connections[connection]
            .parts
            .iter()
            .map(|p| p.id)
            .filter(|&p| p != answered)
            .collect();
        let cause = Cause {
            class: Class::Cancelled,
            q850: 26,
        };
        for other in others {
            let Some(place) = self.calls.get(&key).and_then(|c| c.place(other)) else {
                continue;
            };
            if let Some(leg) = self.detach(key, place) {
                self.release_leg(leg, cause, true);
            }
        }
        let legs = self.reaching(key, connection);
        for leg in legs {
            self.release_leg(leg, cause, true);
        }
    }

    /// What a device is talking on, on another leg than this one.
    pub(super) fn active_part_on(
        &self,
        device: &DeviceName,
        except: LegId,
    ) -> Option<(CallKey, PartId, LegId)> {
        let legs = self
            .device_legs
            .get(device)
            .map(Vec::as_slice)
            .unwrap_or_default();
        legs.iter().filter(|&&leg| leg != except).find_map(|&leg| {
            let carried = self.legs.get(&leg)?.carries.iter().copied();
            carried
                .filter(|&(call, part)| self.state_of(call, part) == Some(PartState::Active))
                .map(|(call, part)| (call, part, leg))
                .next()
        })
    }

    /// All joins of an answer are confirmed.
    pub(super) fn connected(
        &mut self,
        operation: &Operation,
        key: CallKey,
        part: PartId,
        hold: Option<(CallKey, PartId)>,
    ) {
        let at = self.clock.wall;
        let Some(place) = self.calls.get(&key).and_then(|c| c.place(part)) else {
            return self.say_no(operation.ticket, operation.report, &Refusal::NoSuchCall);
        };
        self.begin_step(operation.ticket);
        if let Some((call, other)) = hold {
            self.mark_held(call, other);
        }
        self.move_terminal(key, place, TerminalInput::Joined);
        self.move_connection(key, place.connection, ConnectionInput::Answered);
        self.touch(key, part);
        let siblings: Vec<PartId> = self
            .calls
            .get(&key)
            .map(|c| {
                c.connections[place.connection]
                    .parts
                    .iter()
                    .map(|p| p.id)
                    .filter(|&p| p != part)
                    .collect()
            })
            .unwrap_or_default();
        for sibling in siblings {
            if let Some(place) = self.calls.get(&key).and_then(|c| c.place(sibling)) {
                self.move_terminal(key, place, TerminalInput::AnsweredElsewhere);
                self.touch(key, sibling);
            }
        }
        let callers: Vec<PartId> = self
            .calls
            .get(&key)
            .map(|c| {
                c.places()
                    .filter(|&p| c.connections[p.connection].role == Role::Calling)
                    .map(|p| c.part(p).id)
            })
            .map(Iterator::collect)
            .unwrap_or_default();
        for caller in callers {
            let Some(place) = self.calls.get(&key).and_then(|c| c.place(caller)) else {
                continue;
            };
            if self
                .calls
                .get(&key)
                .is_some_and(|c| c.part(place).terminal == TerminalState::Idle)
            {
                self.move_terminal(key, place, TerminalInput::Joined);
                self.move_connection(key, place.connection, ConnectionInput::Answered);
                self.touch(key, caller);
            }
        }
        if let Some(call) = self.calls.get_mut(&key) {
            call.answered = true;
            call.transferred_by = call
                .transferred_by
                .take()
                .filter(|(target, _)| *target != place.connection);
            let number = call.connections[place.connection].number.clone();
            call.tell(at, StoryWhat::Answered, Some(&number), None);
        }
        self.settle_music(key);
        self.touch_call(key);
        self.end_step();
        if let Some(ticket) = operation.ticket {
            self.answer_with_call(ticket, key);
        }
    }

    // --- what phones do by themselves --------------------------------------------------------------------------------

    fn phone_dialled(&mut self, leg: LegId, device: &DeviceName, digits: &str) {
        if leg.0 < FIRST_DRIVER_LEG || self.legs.contains(&leg) {
            self.now.strays += 1;
            return;
        }
        let plan = self.plan_from_phone(device, digits);
        match plan {
            Ok(plan) => {
                self.add_leg(leg, Target::Device(plan.device.clone()), LegState::Up);
                let active = self.active_part_on(&plan.device, leg);
                if let Some((_, _, other)) = active {
                    // The phone has turned to the new call already; there is nothing to wait for.
                    self.leave_mix(other);
                }
                let hold = active.map(|(call, part, _)| (call, part));
                self.start_call(None, plan, leg, hold);
            }
            Err(cause) => self.driver(DriverCommand::Release {
                leg,
                q850: cause.q850,
                elsewhere: false,
            }),
        }
    }

    fn plan_from_phone(&self, device: &DeviceName, digits: &str) -> Result<Plan, Cause> {
        let device = self
            .directory
            .device(device.as_str())
            .ok_or(Cause::of(Class::Rejected))?;
        let line = self
            .lines_now(&device.name)
            .into_iter()
            .next()
            .ok_or(Cause::of(Class::Rejected))?;
        let number = dialable(digits, &device).map_err(|_| Cause::of(Class::Unallocated))?;
        if self.occupied(&device.name) >= self.settings.max_calls || self.at_capacity() {
            return Err(Cause::of(Class::Network));
        }
        let resolved = self.directory.resolve(number.as_str());
        let user = self.user_at(&device.name);
        Ok(Plan {
            device: device.name,
            line,
            user: user.clone(),
            dialled: digits.to_owned(),
            outside: resolved.is_none(),
            to: resolved.unwrap_or_else(|| DirectoryNumber::bare(number)),
            origin: Origin {
                interface: "phone".to_owned(),
                user,
                by: None,
            },
            consultation_of: None,
            until: self.answer_until(),
        })
    }

    fn phone_held(&mut self, leg: LegId, held: bool) {
        let wanted = if held {
            PartState::Active
        } else {
            PartState::Held
        };
        let carried = self
            .legs
            .get(&leg)
            .map(|l| l.carries.clone())
            .unwrap_or_default();
        let part = carried
            .into_iter()
            .rev()
            .find(|&(c, p)| self.state_of(c, p) == Some(wanted));
        let Some((key, part)) = part else { return };
        if held {
            self.begin_step(None);
            self.mark_held(key, part);
            self.end_step();
        } else {
            self.phone_retrieved(leg, key, part);
        }
    }

    /// The phone has turned to this part: what else is active there goes on hold in the same step, a tone ends.
    fn phone_retrieved(&mut self, id: LegId, key: CallKey, part: PartId) {
        let Some(leg) = self.legs.get(&id) else {
            return;
        };
        let others: Vec<(CallKey, PartId, Option<PartState>)> = leg
            .carries
            .iter()
            .filter(|&&carried| carried != (key, part))
            .map(|&(c, p)| (c, p, self.state_of(c, p)))
            .collect();
        let places_a_call = others.iter().any(|&(_, _, state)| {
            matches!(
                state,
                Some(PartState::Initiating | PartState::Initiated | PartState::Alerting)
            )
        });
        let operation = leg.operation.and_then(|id| self.operations.get(&id));
        let moved = operation.is_some_and(|o| !matches!(o.kind, Kind::Transfer { .. }));
        if places_a_call || moved {
            // The path is on its way elsewhere already; where it comes to is told when it is there.
            self.now.strays += 1;
            return;
        }
        let free = operation.is_none();
        let device = match &leg.target {
            Target::Device(device) => Some(device.clone()),
            Target::Digits(_) => None,
        };
        let elsewhere = device.and_then(|device| self.active_part_on(&device, id));
        if let Some((_, _, other)) = elsewhere {
            self.leave_mix(other);
        }
        if free {
            let mix = self.mix_of(key);
            if self.legs.get(&id).is_some_and(|l| l.mix != Some(mix)) {
                self.join_leg(id, mix);
            }
        }
        self.begin_step(None);
        if let Some((call, other, _)) = elsewhere {
            self.mark_held(call, other);
        }
        for (call, other, state) in others {
            match state {
                Some(PartState::Active) => self.mark_held(call, other),
                Some(PartState::Failed) => self.silence(call, other, Some(id)),
                Some(
                    PartState::Initiating
                    | PartState::Initiated
                    | PartState::Alerting
                    | PartState::Held
                    | PartState::Dropped,
                )
                | None => {}
            }
        }
        self.mark_retrieved(key, part);
        self.end_step();
    }

    fn phone_transfers(&mut self, leg: LegId, to: TransferTo) {
        let carried = self
            .legs
            .get(&leg)
            .map(|l| l.carries.clone())
            .unwrap_or_default();
        let whose = carried.into_iter().rev().find_map(|(key, part)| {
            let call = self.calls.get(&key)?;
            let place = call.place(part)?;
            let device = call.part(place).device.clone()?;
            matches!(call.part_state(place), PartState::Active | PartState::Held).then(|| Whose {
                call: call.id.clone(),
                device,
            })
        });
        let Some(whose) = whose else {
            return self.driver(DriverCommand::Report { leg, done: false });
        };
        let refused = match to {
            TransferTo::Digits(digits) => self.blind_transfer(None, Some(leg), &whose, &digits),
            TransferTo::Leg(other) => {
                let linked = self.link(&whose.call, leg, other);
                let refused = self.complete(None, Some(leg), &whose, false);
                if refused.is_some()
                    && let Some(call) = linked.and_then(|key| self.calls.get_mut(&key))
                {
                    call.consultation_of = None;
                }
                refused
            }
        };
        if let Some(Err(_)) = refused {
            self.driver(DriverCommand::Report { leg, done: false });
        }
    }
}

impl Exchange {
    /// The phone passes one of its calls on to the party of another: that one was about the first, even if the phone dialled it as
    /// any other. Answers the other call, if it is about the first only now.
    fn link(&mut self, first: &CallId, leg: LegId, other: LegId) -> Option<CallKey> {
        let phone = self.legs.get(&leg).map(|leg| leg.target.clone());
        let other = self
            .legs
            .get(&other)
            .filter(|other| Some(&other.target) == phone.as_ref());
        let &(second, _) = other.and_then(|leg| leg.carries.last())?;
        let free = |call: &Call| call.consultation_of.is_none() && call.ended.is_none();
        let linked = self.keys.get(first).and_then(|key| self.calls.get(key));
        if !linked.is_some_and(|first| free(first) && first.key != second) {
            return None;
        }
        let call = self.calls.get_mut(&second).filter(|call| free(call))?;
        call.consultation_of = Some(first.clone());
        Some(second)
    }
}

/// The leg a report speaks of.
pub(super) fn leg_of(event: &DriverEvent) -> Option<LegId> {
    match event {
        DriverEvent::Offered(leg)
        | DriverEvent::Alerting(leg)
        | DriverEvent::Answered(leg)
        | DriverEvent::Refused(leg, _, _)
        | DriverEvent::Joined(leg)
        | DriverEvent::Left(leg)
        | DriverEvent::Released(leg, _)
        | DriverEvent::Dialled { leg, .. }
        | DriverEvent::HeldByPhone(leg)
        | DriverEvent::RetrievedByPhone(leg)
        | DriverEvent::TransferAsked { leg, .. } => Some(*leg),
        DriverEvent::DeviceUp(_)
        | DriverEvent::DeviceDown(_)
        | DriverEvent::NetworkDown
        | DriverEvent::NetworkUp { .. } => None,
    }
}
