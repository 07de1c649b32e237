//! Consultations and what comes of them: a transfer, or a conference. [exchange §4, §7 rule 6]

use super::Exchange;
use super::features::Answer;
use super::leg::{Kind, Operation, Plan, Wait};
use super::originate::{dialable, new_connection};
use super::vocabulary::{DriverCommand, Whose};
use crate::call::{
    Cause, Class, ConnectionInput, ConnectionState, Ending, Origin, Part, PartState, Place, Role,
    StoryWhat, TerminalInput, TerminalState,
};
use crate::ids::{CallKey, DirectoryNumber, LegId, PartId, Ticket};
use crate::refusal::Refusal;

impl Exchange {
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
        let (key, place, leg) = self.find_in(whose, &[PartState::Active, PartState::Held])?;
        let call = self.calls.get(&key).ok_or(Refusal::NoSuchCall)?;
        let device = self
            .directory
            .device(whose.device.as_str())
            .ok_or(Refusal::NoSuchDevice)?;
        let digits = dialable(to, &device)?;
        if self.occupied(&device.name) >= self.settings.max_calls {
            return Err(Refusal::TooManyCalls);
        }
        if self.at_capacity() {
            return Err(Refusal::Overloaded);
        }
        self.ready(leg)?;
        let resolved = self.directory.resolve(digits.as_str());
        let user = call.part(place).user.clone();
        Ok(Plan {
            device: device.name,
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
            until: self.answer_until(),
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
        if !conference
            && !self.leaves_somebody(first, keeps)
            && !self.leaves_somebody(second, leaves)
        {
            return Err(Refusal::WrongState(call.part_state(own)));
        }
        if conference && let Some(state) = self.path_is_taken(first, keeps, (second, leaves)) {
            return Err(Refusal::WrongState(state));
        }
        let mix = self.mix_of(first);
        if conference
            && let Some((leg, _)) = self.path_of(first, keeps)
            && self.legs.get(&leg).is_some_and(|l| l.mix != Some(mix))
        {
            joining.insert(0, leg);
        }
        for (call, part) in [(first, keeps), (second, leaves)] {
            let call = self.calls.get(&call);
            if let Some(leg) = call.and_then(|c| c.part(c.place(part)?).leg) {
                self.ready(leg)?;
            }
        }
        for &leg in &joining {
            self.ready(leg)?;
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

    /// What keeps a part's path from this part's conversation, the part that gives way to it aside.
    fn path_is_taken(
        &self,
        key: CallKey,
        part: PartId,
        gives_way: (CallKey, PartId),
    ) -> Option<PartState> {
        let call = self.calls.get(&key)?;
        let leg = self.legs.get(&call.part(call.place(part)?).leg?)?;
        let others = leg
            .carries
            .iter()
            .filter(|&&carried| carried != (key, part) && carried != gives_way);
        others
            .filter_map(|&(call, part)| self.state_of(call, part))
            .find(|state| match state {
                PartState::Initiating
                | PartState::Initiated
                | PartState::Alerting
                | PartState::Active => true,
                PartState::Held | PartState::Failed | PartState::Dropped => false,
            })
    }

    /// Is somebody in the conversation when this part leaves?
    pub(super) fn leaves_somebody(&self, key: CallKey, part: PartId) -> bool {
        self.calls.get(&key).is_some_and(|call| {
            let own = call.place(part).map(|place| place.connection);
            call.has_established(own)
        })
    }

    /// The two calls of a consultation and the device's parts in them, by either call's id.
    fn consultation(&self, whose: &Whose) -> Result<(CallKey, PartId, CallKey, PartId), Refusal> {
        let (key, place) = self.find(whose)?;
        let call = self.calls.get(&key).ok_or(Refusal::NoSuchCall)?;
        let device = self
            .directory
            .device(whose.device.as_str())
            .ok_or(Refusal::NoSuchDevice)?
            .name;
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
        let own = self.calls.get(&first).and_then(|c| c.place(keeps));
        let own_second = self.calls.get(&second).and_then(|c| c.place(leaves));
        let Some((own, own_second)) = own.zip(own_second) else {
            return self.say_no(operation.ticket, operation.report, &Refusal::NoSuchCall);
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
            if conference {
                call.conference.get_or_insert(keeps);
            }
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
        // A phone may have turned to another call meanwhile, or come back to this one.
        for part in self.parts_of(first) {
            self.rejoin(first, part);
        }
        self.settle_music(first);
        self.ringback_in(first);
        self.end_step();
        if let Some(ticket) = operation.ticket {
            self.answer_with_call(ticket, first);
        }
    }

    /// A party's device leaves one of the two calls, within the step of a completion. Answers its leg.
    pub(super) fn leave_call(&mut self, key: CallKey, place: Place, cause: Cause) -> Option<LegId> {
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
        // Other devices of its number may be on their way to ringing still.
        new.reaching.clone_from(&old.reaching);
        if let Some(call) = self.calls.get_mut(&from) {
            call.connections[connection].reaching.clear();
        }
        if let Some(call) = self.calls.get_mut(&to) {
            call.connections.push(new);
            let last = call.connections.len() - 1;
            call.join(last);
            for leg in &old.reaching {
                if let Some(leg) = self.legs.get_mut(leg) {
                    leg.reaching = Some((to, last));
                }
            }
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

    fn parts_of(&self, key: CallKey) -> Vec<PartId> {
        let call = self.calls.get(&key);
        call.map(|c| c.places().map(|p| c.part(p).id).collect())
            .unwrap_or_default()
    }

    /// Puts the parties of both calls back where everybody believes them to be.
    pub(super) fn unmerge(&mut self, first: CallKey, keeps: PartId, second: CallKey) {
        for part in self.parts_of(second) {
            self.rejoin(second, part);
        }
        self.rejoin(first, keeps);
        let held_path = self
            .path_of(first, keeps)
            .filter(|_| self.state_of(first, keeps) == Some(PartState::Held));
        if let Some((leg, mix)) = held_path
            && self.legs.get(&leg).is_some_and(|l| l.mix == Some(mix))
        {
            self.leave_mix(leg);
        }
    }
}
