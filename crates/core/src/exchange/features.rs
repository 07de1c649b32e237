//! What happens inside a call: answer, hold, retrieve, consult, transfer, conference, digits. [exchange §4, §7]

use super::Exchange;
use super::leg::{Kind, Operation, Plan, Wait};
use super::originate::{dialable, new_connection};
use super::timers::Timer;
use super::vocabulary::{DriverCommand, Output, Reply, Target, Whose};
use crate::call::{
    Cause, Class, ConnectionInput, ConnectionState, Ending, Origin, Part, PartState, Place, Role,
    StoryWhat, TerminalInput, TerminalState,
};
use crate::ids::{CallKey, DeviceName, DirectoryNumber, LegId, PartId, Ticket};
use crate::refusal::Refusal;

/// A command's answer, unless the driver has to be heard first.
type Answer = Option<Result<Reply, Refusal>>;

impl Exchange {
    pub(super) fn answer_part(&mut self, ticket: Ticket, whose: &Whose) -> Answer {
        let found = self.find_in(whose, &[PartState::Alerting]);
        let (_, _, leg) = match found {
            Ok(found) => found,
            Err(refusal) => return Some(Err(refusal)),
        };
        self.driver(DriverCommand::Answer(leg));
        self.start_operation(
            Some(ticket),
            None,
            vec![(leg, Wait::Answered)],
            Kind::Answer,
        );
        None
    }

    pub(super) fn hold(&mut self, ticket: Ticket, whose: &Whose) -> Answer {
        match self.find_in(whose, &[PartState::Active]) {
            Ok((key, place, leg)) => {
                let part = self.part_id(key, place)?;
                self.start_hold(Some(ticket), leg, key, part, None);
                None
            }
            Err(refusal) => Some(Err(refusal)),
        }
    }

    pub(super) fn start_hold(
        &mut self,
        ticket: Option<Ticket>,
        leg: LegId,
        call: CallKey,
        part: PartId,
        then: Option<Box<Plan>>,
    ) {
        let kind = Kind::Hold { call, part, then };
        if self.leave_mix(leg) {
            self.start_operation(ticket, None, vec![(leg, Wait::Left)], kind);
        } else if let Kind::Hold { then, .. } = kind {
            let operation = Operation {
                ticket,
                report: None,
                waits: Vec::new(),
                legs: Vec::new(),
                kind: Kind::Answer,
            };
            self.held(&operation, leg, call, part, then);
        }
    }

    /// The driver has taken the part out of its conversation.
    pub(super) fn held(
        &mut self,
        operation: &Operation,
        leg: LegId,
        key: CallKey,
        part: PartId,
        then: Option<Box<Plan>>,
    ) {
        match then {
            Some(plan) if plan.consultation_of.is_none() => {
                self.start_call(operation.ticket, *plan, leg, Some((key, part)));
            }
            then => {
                self.begin_step(operation.ticket);
                self.mark_held(key, part);
                self.end_step();
                match (then, operation.ticket) {
                    (Some(plan), ticket) => {
                        self.start_call(ticket, *plan, leg, None);
                    }
                    (None, Some(ticket)) => self.answer_with_call(ticket, key),
                    (None, None) => {}
                }
            }
        }
    }

    /// Marks a part held, within a step.
    pub(super) fn mark_held(&mut self, key: CallKey, part: PartId) {
        self.mark(key, part, TerminalInput::WasHeld, StoryWhat::Held);
    }

    /// Marks a part active again, within a step.
    pub(super) fn mark_retrieved(&mut self, key: CallKey, part: PartId) {
        self.mark(key, part, TerminalInput::WasRetrieved, StoryWhat::Retrieved);
    }

    fn mark(&mut self, key: CallKey, part: PartId, input: TerminalInput, what: StoryWhat) {
        let at = self.clock.wall;
        let Some(place) = self.calls.get(&key).and_then(|c| c.place(part)) else {
            return;
        };
        if !self.move_terminal(key, place, input) {
            return;
        }
        if let Some(call) = self.calls.get_mut(&key) {
            let number = call.connections[place.connection].number.clone();
            call.tell(at, what, Some(&number), None);
        }
        self.touch(key, part);
        self.settle_music(key);
    }

    /// The one who is left talking alone hears music; nobody else does.
    pub(super) fn settle_music(&mut self, key: CallKey) {
        let Some(call) = self.calls.get(&key) else {
            return;
        };
        let with = |state| -> Vec<Place> {
            call.places()
                .filter(|&p| call.part(p).terminal == state)
                .collect()
        };
        let talking = with(TerminalState::Talking);
        let alone = talking.len() == 1 && !with(TerminalState::Held).is_empty();
        let legs: Vec<LegId> = talking
            .into_iter()
            .filter_map(|p| call.part(p).leg)
            .collect();
        for leg in legs {
            self.music(leg, alone);
        }
    }

    fn music(&mut self, id: LegId, on: bool) {
        if let Some(leg) = self.legs.get_mut(&id).filter(|l| l.music != on) {
            leg.music = on;
            self.driver(DriverCommand::Music(id, on));
        }
    }

    pub(super) fn retrieve(&mut self, ticket: Ticket, whose: &Whose) -> Answer {
        let (key, place, leg) = match self.find_in(whose, &[PartState::Held]) {
            Ok(found) => found,
            Err(refusal) => return Some(Err(refusal)),
        };
        let part = self.part_id(key, place)?;
        let carried = self
            .legs
            .get(&leg)
            .map(|l| l.carries.clone())
            .unwrap_or_default();
        let mut same_path = None;
        for (call, other) in carried {
            match self.state_of(call, other) {
                Some(
                    state @ (PartState::Initiating | PartState::Initiated | PartState::Alerting),
                ) => {
                    return Some(Err(Refusal::WrongState(state)));
                }
                Some(PartState::Failed) => self.tone_over(call, other),
                Some(PartState::Active) => same_path = Some((call, other, leg)),
                Some(PartState::Held | PartState::Dropped) | None => {}
            }
        }
        let other = same_path.or_else(|| self.active_part_on(&whose.device_in(self), leg));
        let mut waits = Vec::new();
        if let Some((_, _, other_leg)) = other {
            if self
                .legs
                .get(&other_leg)
                .is_some_and(|l| l.operation.is_some())
            {
                return Some(Err(Refusal::InProgress));
            }
            if self.leave_mix(other_leg) {
                waits.push((other_leg, Wait::Left));
            }
        }
        let mix = self.mix_of(key);
        self.join_leg(leg, mix);
        waits.push((leg, Wait::Joined));
        let hold = other.map(|(call, part, _)| (call, part));
        self.start_operation(
            Some(ticket),
            None,
            waits,
            Kind::Retrieve {
                call: key,
                part,
                hold,
            },
        );
        None
    }

    pub(super) fn retrieved(
        &mut self,
        operation: &Operation,
        key: CallKey,
        part: PartId,
        hold: Option<(CallKey, PartId)>,
    ) {
        self.begin_step(operation.ticket);
        if let Some((call, other)) = hold {
            self.mark_held(call, other);
        }
        self.mark_retrieved(key, part);
        self.end_step();
        if let Some(ticket) = operation.ticket {
            self.answer_with_call(ticket, key);
        }
    }

    pub(super) fn send_digits(&mut self, whose: &Whose, digits: &str) -> Result<Reply, Refusal> {
        let (_, _, leg) = self.find_in(whose, &[PartState::Active])?;
        let known = |c: char| matches!(c, '0'..='9' | '*' | '#' | 'A'..='D');
        if digits.is_empty()
            || digits.len() > super::originate::NUMBER_LENGTH
            || !digits.chars().all(known)
        {
            return Err(Refusal::BadNumber);
        }
        self.driver(DriverCommand::Digits(leg, digits.to_owned()));
        Ok(Reply::Done)
    }

    // --- consult, and what comes of it -------------------------------------------------------------------------------

    pub(super) fn consult(
        &mut self,
        ticket: Ticket,
        interface: &str,
        whose: &Whose,
        to: &str,
    ) -> Answer {
        match self.plan_consultation(interface, whose, to) {
            Ok(plan) => self.originate(ticket, plan),
            Err(refusal) => Some(Err(refusal)),
        }
    }

    fn plan_consultation(&self, interface: &str, whose: &Whose, to: &str) -> Result<Plan, Refusal> {
        let (key, place, _) = self.find_in(whose, &[PartState::Active, PartState::Held])?;
        let call = self.calls.get(&key).ok_or(Refusal::NoSuchCall)?;
        let device = self
            .directory
            .device(whose.device.as_str())
            .ok_or(Refusal::NoSuchDevice)?;
        let digits = dialable(to, device)?;
        if self.live_parts(&device.name) >= self.settings.max_calls {
            return Err(Refusal::TooManyCalls);
        }
        if self.calls.len() >= self.settings.capacity {
            return Err(Refusal::Overloaded);
        }
        let resolved = self.directory.resolve(digits.as_str());
        let user = call.part(place).user.clone();
        Ok(Plan {
            device: device.name.clone(),
            line: call.connections[place.connection].number.clone(),
            user: user.clone(),
            dialled: to.to_owned(),
            outside: resolved.is_none(),
            to: resolved.unwrap_or_else(|| DirectoryNumber::bare(digits)),
            origin: Origin {
                interface: interface.to_owned(),
                user,
                by: None,
            },
            consultation_of: Some(call.id.clone()),
        })
    }

    pub(super) fn complete(
        &mut self,
        ticket: Option<Ticket>,
        report: Option<LegId>,
        whose: &Whose,
        conference: bool,
    ) -> Answer {
        match self.start_merge(ticket, report, whose, conference) {
            Ok(()) => None,
            Err(refusal) => Some(Err(refusal)),
        }
    }

    fn start_merge(
        &mut self,
        ticket: Option<Ticket>,
        report: Option<LegId>,
        whose: &Whose,
        conference: bool,
    ) -> Result<(), Refusal> {
        let (first, keeps, second, leaves) = self.consultation(whose)?;
        let call = self.calls.get(&second).ok_or(Refusal::NoSuchCall)?;
        let own = call.place(leaves).ok_or(Refusal::NoSuchCall)?;
        let mut joining = Vec::new();
        for index in call.live_parties().filter(|&i| i != own.connection) {
            let connection = &call.connections[index];
            match connection.state {
                ConnectionState::Alerting => {}
                ConnectionState::Established => {
                    joining.extend(
                        connection
                            .parts
                            .iter()
                            .filter(|p| p.terminal == TerminalState::Talking)
                            .filter_map(|p| p.leg),
                    );
                }
                ConnectionState::Initiated
                | ConnectionState::Dialing
                | ConnectionState::InProgress
                | ConnectionState::NetworkReached
                | ConnectionState::Failed
                | ConnectionState::Disconnected => {
                    return Err(Refusal::WrongState(call.part_state(own)));
                }
            }
        }
        let mix = self.mix_of(first);
        if conference
            && let Some((leg, _)) = self.path_of(first, keeps)
            && self.legs.get(&leg).is_some_and(|l| l.mix != Some(mix))
        {
            joining.insert(0, leg);
        }
        if joining
            .iter()
            .any(|leg| self.legs.get(leg).is_none_or(|l| l.operation.is_some()))
        {
            return Err(Refusal::InProgress);
        }
        let kind = Kind::Merge {
            first,
            keeps,
            second,
            leaves,
            conference,
        };
        if joining.is_empty() {
            let operation = Operation {
                ticket,
                report,
                waits: Vec::new(),
                legs: Vec::new(),
                kind,
            };
            self.merged(&operation, first, keeps, second, leaves, conference);
            return Ok(());
        }
        for &leg in &joining {
            self.join_leg(leg, mix);
        }
        let waits = joining.into_iter().map(|leg| (leg, Wait::Joined)).collect();
        self.start_operation(ticket, report, waits, kind);
        Ok(())
    }

    /// The two calls of a consultation and the device's parts in them, by either call's id.
    fn consultation(&self, whose: &Whose) -> Result<(CallKey, PartId, CallKey, PartId), Refusal> {
        let (key, place) = self.find(whose)?;
        let call = self.calls.get(&key).ok_or(Refusal::NoSuchCall)?;
        let device = self
            .directory
            .device(whose.device.as_str())
            .ok_or(Refusal::NoSuchDevice)?
            .name
            .clone();
        let state = call.part_state(place);
        let second_of = |first: &crate::ids::CallId| {
            self.parts_on(&device).into_iter().rev().find(|(k, _)| {
                self.calls
                    .get(k)
                    .is_some_and(|c| c.consultation_of.as_ref() == Some(first))
            })
        };
        let (second, leaves) = match &call.consultation_of {
            Some(_) => (key, call.part(place).id),
            None => second_of(&call.id).ok_or(Refusal::WrongState(state))?,
        };
        let first = self
            .calls
            .get(&second)
            .and_then(|c| c.consultation_of.as_ref())
            .and_then(|id| self.keys.get(id))
            .copied()
            .ok_or(Refusal::WrongState(state))?;
        let first_call = self.calls.get(&first).ok_or(Refusal::NoSuchCall)?;
        let first_place = first_call
            .place_of_device(&device)
            .ok_or(Refusal::NoSuchCall)?;
        let keeps = first_call.part(first_place).id;
        for (call, part, fits) in [
            (first, keeps, &[PartState::Active, PartState::Held][..]),
            (
                second,
                leaves,
                &[PartState::Initiated, PartState::Active, PartState::Held][..],
            ),
        ] {
            let state = self.state_of(call, part).ok_or(Refusal::NoSuchCall)?;
            if !fits.contains(&state) {
                return Err(Refusal::WrongState(state));
            }
            let leg = self
                .calls
                .get(&call)
                .and_then(|c| c.place(part).and_then(|p| c.part(p).leg));
            if leg
                .and_then(|leg| self.legs.get(&leg))
                .is_some_and(|l| l.operation.is_some())
            {
                return Err(Refusal::InProgress);
            }
        }
        Ok((first, keeps, second, leaves))
    }

    /// Both conversations are one for the driver: make them one call. The order of touching is the order of exchange §4.
    pub(super) fn merged(
        &mut self,
        operation: &Operation,
        first: CallKey,
        keeps: PartId,
        second: CallKey,
        leaves: PartId,
        conference: bool,
    ) {
        let at = self.clock.wall;
        let class = if conference {
            Class::Conferenced
        } else {
            Class::Transferred
        };
        let cause = Cause::of(class);
        let Some(own) = self.calls.get(&first).and_then(|c| c.place(keeps)) else {
            return;
        };
        let Some(own_second) = self.calls.get(&second).and_then(|c| c.place(leaves)) else {
            return;
        };
        if let Some(leg) = operation.report {
            self.driver(DriverCommand::Report { leg, done: true });
        }
        self.begin_step(operation.ticket);
        let others: Vec<PartId> = self
            .places_by_joining(first)
            .into_iter()
            .filter_map(|p| self.part_id(first, p))
            .filter(|&p| p != keeps)
            .collect();
        if let Some(call) = self.calls.get_mut(&first) {
            let number = call.connections[own.connection].number.clone();
            let what = if conference {
                StoryWhat::Conferenced
            } else {
                StoryWhat::Transferred
            };
            call.tell(at, what, Some(&number), None);
        }
        self.touch(first, keeps);
        let mut legs = Vec::new();
        if conference {
            self.move_terminal(first, own, TerminalInput::WasRetrieved);
        } else {
            legs.extend(self.leave_call(first, own, cause));
        }
        let moved: Vec<usize> = self
            .calls
            .get(&second)
            .map(|c| {
                c.live_parties()
                    .filter(|&i| i != own_second.connection)
                    .collect()
            })
            .unwrap_or_default();
        let mut old_parts = Vec::new();
        for connection in moved {
            old_parts.extend(self.move_party(second, connection, first, cause));
        }
        for other in others {
            self.touch(first, other);
        }
        self.touch(second, leaves);
        legs.extend(self.leave_call(second, own_second, cause));
        for part in old_parts {
            self.touch(second, part);
        }
        let merged_into = self.calls.get(&first).map(|c| c.id.clone());
        if let Some(call) = self.calls.get_mut(&second) {
            call.ended = Some(Ending {
                cause,
                at,
                merged_into,
            });
            call.tell(at, StoryWhat::Ended, None, Some(cause));
        }
        self.step.ended.push(second);
        for leg in legs {
            if self.legs.get(&leg).is_some_and(|l| l.carries.is_empty()) {
                self.release_leg(leg, cause, false);
            }
        }
        self.settle_music(first);
        self.ringback_in(first);
        self.end_step();
        if let Some(ticket) = operation.ticket {
            self.answer_with_call(ticket, first);
        }
    }

    /// A party's device leaves one of the two calls, within the step of a completion. Answers its leg.
    fn leave_call(&mut self, key: CallKey, place: Place, cause: Cause) -> Option<LegId> {
        self.move_terminal(key, place, TerminalInput::Cleared);
        self.move_connection(key, place.connection, ConnectionInput::Cleared);
        if let Some(call) = self.calls.get_mut(&key) {
            call.part_mut(place).cause = Some(cause);
            call.connections[place.connection].cause = Some(cause);
        }
        self.detach(key, place)
    }

    /// Moves a party with its legs to another call: a new connection with new parts there. Answers the old parts.
    fn move_party(
        &mut self,
        from: CallKey,
        connection: usize,
        to: CallKey,
        cause: Cause,
    ) -> Vec<PartId> {
        let at = self.clock.wall;
        let Some(old) = self
            .calls
            .get(&from)
            .map(|c| c.connections[connection].clone())
        else {
            return Vec::new();
        };
        let mut new = new_connection(old.number.clone(), old.outside, Role::Called, old.state, at);
        let mut old_parts = Vec::new();
        for part in old.parts.iter().filter(|p| p.terminal.is_live()) {
            let id = self.new_part_id();
            if let Some(leg) = part.leg.and_then(|leg| self.legs.get_mut(&leg)) {
                leg.carries.retain(|&c| c != (from, part.id));
                leg.carries.push((to, id));
            }
            new.parts.push(Part {
                id,
                started: at,
                since: at,
                told: None,
                cause: None,
                failed: false,
                ..part.clone()
            });
            old_parts.push(part.id);
        }
        let ids: Vec<PartId> = new.parts.iter().map(|p| p.id).collect();
        if let Some(call) = self.calls.get_mut(&to) {
            call.connections.push(new);
            let last = call.connections.len() - 1;
            call.join(last);
        }
        for id in ids {
            self.touch(to, id);
        }
        self.move_connection(from, connection, ConnectionInput::Cleared);
        for &part in &old_parts {
            let Some(place) = self.calls.get(&from).and_then(|c| c.place(part)) else {
                continue;
            };
            self.move_terminal(from, place, TerminalInput::Cleared);
            if let Some(call) = self.calls.get_mut(&from) {
                let part = call.part_mut(place);
                part.leg = None;
                part.cause = Some(cause);
            }
        }
        old_parts
    }

    /// Whoever waits alone for a ringing party hears it ring.
    fn ringback_in(&mut self, key: CallKey) {
        let Some(call) = self.calls.get(&key) else {
            return;
        };
        let rings = call
            .connections
            .iter()
            .any(|c| c.state == ConnectionState::Alerting);
        let talking: Vec<LegId> = call
            .places()
            .filter(|&p| call.part(p).terminal == TerminalState::Talking)
            .filter_map(|p| call.part(p).leg)
            .collect();
        if let (true, [leg]) = (rings, talking.as_slice()) {
            let leg = *leg;
            self.driver(DriverCommand::Ringback(leg));
        }
    }

    /// Puts the parties of both calls back where everybody believes them to be.
    pub(super) fn unmerge(
        &mut self,
        first: CallKey,
        keeps: PartId,
        second: CallKey,
        lost: Option<LegId>,
    ) {
        let parts: Vec<PartId> = self
            .calls
            .get(&second)
            .map(|c| c.places().map(|p| c.part(p).id).collect())
            .unwrap_or_default();
        for part in parts {
            self.rejoin(second, part, lost);
        }
        self.rejoin(first, keeps, lost);
        let held_path = self
            .path_of(first, keeps)
            .filter(|_| self.state_of(first, keeps) == Some(PartState::Held));
        if let Some((leg, mix)) = held_path.filter(|&(leg, _)| Some(leg) != lost)
            && self.legs.get(&leg).is_some_and(|l| l.mix == Some(mix))
        {
            self.leave_mix(leg);
        }
    }

    // --- blind transfer ----------------------------------------------------------------------------------------------

    pub(super) fn blind_transfer(
        &mut self,
        ticket: Option<Ticket>,
        report: Option<LegId>,
        whose: &Whose,
        to: &str,
    ) -> Answer {
        match self.start_transfer(ticket, report, whose, to) {
            Ok(()) => None,
            Err(refusal) => Some(Err(refusal)),
        }
    }

    fn start_transfer(
        &mut self,
        ticket: Option<Ticket>,
        report: Option<LegId>,
        whose: &Whose,
        to: &str,
    ) -> Result<(), Refusal> {
        let (key, place, leg) = self.find_in(whose, &[PartState::Active, PartState::Held])?;
        let device = self
            .directory
            .device(whose.device.as_str())
            .ok_or(Refusal::NoSuchDevice)?;
        let digits = dialable(to, device)?;
        let at = self.clock.wall;
        let call = self.calls.get(&key).ok_or(Refusal::NoSuchCall)?;
        let state = call.part_state(place);
        let part = call.part(place).id;
        if call.transfer.is_some() {
            return Err(Refusal::InProgress);
        }
        if call.live_parties().count() < 2 {
            return Err(Refusal::WrongState(state));
        }
        let resolved = self.directory.resolve(digits.as_str());
        let outside = resolved.is_none();
        let number = resolved.unwrap_or_else(|| DirectoryNumber::bare(digits));
        let target = call.connections.len();
        if let Some(call) = self.calls.get_mut(&key) {
            call.connections.push(new_connection(
                number,
                outside,
                Role::Called,
                ConnectionState::InProgress,
                at,
            ));
        }
        if let Err(cause) = self.reach(key, target) {
            if let Some(call) = self.calls.get_mut(&key) {
                call.connections.pop();
            }
            return Err(Refusal::Unreachable(cause));
        }
        let mut waits = vec![(leg, Wait::Rings)];
        if state == PartState::Active && self.leave_mix(leg) {
            waits.push((leg, Wait::Left));
        }
        self.wait_with_music(key, part, true);
        let operation = self.start_operation(
            ticket,
            report,
            waits,
            Kind::Transfer {
                call: key,
                part,
                target,
            },
        );
        if let Some(call) = self.calls.get_mut(&key) {
            call.transfer = Some((operation, target));
        }
        Ok(())
    }

    /// The parties other than this one hear music while they wait.
    fn wait_with_music(&mut self, key: CallKey, except: PartId, on: bool) {
        let Some(call) = self.calls.get(&key) else {
            return;
        };
        let legs: Vec<LegId> = call
            .places()
            .map(|p| call.part(p))
            .filter(|p| p.id != except && p.terminal == TerminalState::Talking)
            .filter_map(|p| p.leg)
            .collect();
        if let [leg] = legs.as_slice() {
            let leg = *leg;
            self.music(leg, on);
        }
    }

    fn transfer_to(&self, key: CallKey, connection: usize) -> Option<&Operation> {
        let (operation, _) = self
            .calls
            .get(&key)?
            .transfer
            .filter(|&(_, target)| target == connection)?;
        self.operations.get(&operation)
    }

    pub(super) fn transfer_ticket(&self, key: CallKey, connection: usize) -> Option<Ticket> {
        self.transfer_to(key, connection)?.ticket
    }

    /// The target of a blind transfer rings: the transferor leaves, within the step. Says whether there was one.
    pub(super) fn transfer_rings(&mut self, key: CallKey, connection: usize) -> bool {
        let at = self.clock.wall;
        let Some(operation) = self.transfer_to(key, connection) else {
            return false;
        };
        let Kind::Transfer { part, .. } = operation.kind else {
            return false;
        };
        let report = operation.report;
        let Some(place) = self.calls.get(&key).and_then(|c| c.place(part)) else {
            return false;
        };
        let id = self
            .calls
            .get(&key)
            .and_then(|c| c.transfer)
            .map(|(id, _)| id);
        if let Some(call) = self.calls.get_mut(&key) {
            let number = call.connections[place.connection].number.clone();
            call.tell(at, StoryWhat::Transferred, Some(&number), None);
            call.transferred_by = call
                .part(place)
                .device
                .clone()
                .map(|device| (connection, device));
            call.join(connection);
        }
        if let Some(leg) = report {
            self.driver(DriverCommand::Report { leg, done: true });
        }
        // The operation must not be put back when the transferor's leg goes with it.
        if let Some(operation) = id.and_then(|id| self.end_operation(id))
            && let (Some(ticket), Some(call)) = (operation.ticket, self.calls.get_mut(&key))
        {
            call.transfer = None;
            self.step.answer = Some((ticket, key));
        } else if let Some(call) = self.calls.get_mut(&key) {
            call.transfer = None;
        }
        let leg = self.leave_call(key, place, Cause::of(Class::Transferred));
        self.touch(key, part);
        if let Some(leg) =
            leg.filter(|leg| self.legs.get(leg).is_some_and(|l| l.carries.is_empty()))
        {
            self.release_leg(leg, Cause::of(Class::Transferred), false);
        }
        self.wait_with_music(key, part, false);
        true
    }

    /// A leg towards a blind transfer's target was refused before anybody left. Says whether the transfer took care of it.
    pub(super) fn transfer_refused(
        &mut self,
        key: CallKey,
        connection: usize,
        cause: Cause,
    ) -> bool {
        let Some((operation, target)) = self.calls.get(&key).and_then(|c| c.transfer) else {
            return false;
        };
        if target != connection {
            return false;
        }
        if self.reaching(key, connection).is_empty() {
            self.drop_operation(operation, Refusal::Unreachable(cause), None);
        }
        true
    }

    /// A blind transfer did not come about: the call is as it was.
    pub(super) fn undo_transfer(
        &mut self,
        key: CallKey,
        part: PartId,
        target: usize,
        lost: Option<LegId>,
    ) {
        for leg in self.reaching(key, target) {
            self.release_leg(leg, Cause::of(Class::Cancelled), false);
        }
        if let Some(call) = self.calls.get_mut(&key) {
            call.transfer = None;
            if target + 1 == call.connections.len() && call.connections[target].parts.is_empty() {
                call.connections.pop();
            } else {
                call.connections[target].state = ConnectionState::Disconnected;
            }
        }
        self.rejoin(key, part, lost);
        self.wait_with_music(key, part, false);
        self.settle_music(key);
    }

    /// Nobody answered a transferred call: ring the transferor, if that is wanted. Within a step.
    pub(super) fn recall(&mut self, key: CallKey, connection: usize) -> bool {
        let at = self.clock.wall;
        let limit = self.settings.transfer_recall;
        let by = self.calls.get(&key).and_then(|c| c.transferred_by.clone());
        let Some((_, device)) = by.filter(|(target, _)| *target == connection && !limit.is_zero())
        else {
            return false;
        };
        if !self.is_registered(&device) || self.live_parts(&device) >= self.settings.busy_trigger {
            return false;
        }
        let number = self.calls.get(&key).and_then(|c| {
            let own = c
                .places()
                .find(|&p| c.part(p).device.as_ref() == Some(&device))?;
            Some(c.connections[own.connection].number.clone())
        });
        let Some((number, shown)) = number.zip(
            self.calls
                .get(&key)
                .map(|c| c.connections[0].number.clone()),
        ) else {
            return false;
        };
        let Some(call) = self.calls.get_mut(&key) else {
            return false;
        };
        call.transferred_by = None;
        call.tell(at, StoryWhat::Recalled, Some(&number), None);
        call.connections.push(new_connection(
            number,
            false,
            Role::Called,
            ConnectionState::InProgress,
            at,
        ));
        let index = call.connections.len() - 1;
        call.join(index);
        self.offer(key, index, Target::Device(device), shown);
        for leg in self.reaching(key, index) {
            self.timers
                .set(Timer::Ring(leg), self.clock.instant + limit);
        }
        self.touch_call(key);
        true
    }

    // --- finding -----------------------------------------------------------------------------------------------------

    /// A device's part in a call, if it is in one of these states and no operation holds its leg.
    fn find_in(
        &self,
        whose: &Whose,
        states: &[PartState],
    ) -> Result<(CallKey, Place, LegId), Refusal> {
        let (key, place) = self.find(whose)?;
        let call = self.calls.get(&key).ok_or(Refusal::NoSuchCall)?;
        let state = call.part_state(place);
        let leg = call
            .part(place)
            .leg
            .filter(|_| states.contains(&state))
            .ok_or(Refusal::WrongState(state))?;
        match self.legs.get(&leg) {
            Some(path) if path.operation.is_some() => Err(Refusal::InProgress),
            Some(_) => Ok((key, place, leg)),
            None => Err(Refusal::WrongState(state)),
        }
    }

    fn part_id(&self, key: CallKey, place: Place) -> Option<PartId> {
        self.calls.get(&key).map(|c| c.part(place).id)
    }

    pub(super) fn answer_step(&mut self, answer: Option<(Ticket, CallKey)>) {
        if let Some((ticket, key)) = answer {
            if self.calls.contains(&key) {
                self.answer_with_call(ticket, key);
            } else {
                self.out.push_back(Output::Answer(ticket, Ok(Reply::Done)));
            }
        }
    }
}

impl Whose {
    /// The device's name as the directory writes it.
    fn device_in(&self, exchange: &Exchange) -> DeviceName {
        exchange
            .directory
            .device(self.device.as_str())
            .map_or_else(|| self.device.clone(), |d| d.name.clone())
    }
}
