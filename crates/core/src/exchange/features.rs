//! What happens inside a call: answer, hold, retrieve, digits. [exchange §4, §7]

use super::Exchange;
use super::leg::{Kind, LegState, Operation, Plan, Wait};
use super::vocabulary::{DriverCommand, Output, Reply, Whose};
use crate::call::{PartState, Place, StoryWhat, TerminalInput, TerminalState};
use crate::ids::{CallKey, DeviceName, LegId, PartId, Ticket};
use crate::refusal::Refusal;

/// A command's answer, unless the driver has to be heard first.
pub(super) type Answer = Option<Result<Reply, Refusal>>;

impl Exchange {
    pub(super) fn answer_part(&mut self, ticket: Ticket, whose: &Whose) -> Answer {
        let found = self.find_ready(whose, &[PartState::Alerting]);
        let (key, place, leg) = match found {
            Ok(found) => found,
            Err(refusal) => return Some(Err(refusal)),
        };
        self.start_operation(
            Some(ticket),
            None,
            vec![(leg, Wait::Answered)],
            Kind::Answer,
        );
        if self.legs.get(&leg).is_some_and(|l| l.state == LegState::Up) {
            // It is off-hook already: its last answer could not be stored.
            let part = self.part_id(key, place)?;
            self.connect(key, part, leg);
        } else {
            self.driver(DriverCommand::Answer(leg));
        }
        None
    }

    pub(super) fn hold(&mut self, ticket: Ticket, whose: &Whose) -> Answer {
        match self.find_ready(whose, &[PartState::Active]) {
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
                legs: vec![leg],
                kind: Kind::Answer,
            };
            self.held(&operation, call, part, then);
        }
    }

    /// The driver has taken the part out of its conversation.
    pub(super) fn held(
        &mut self,
        operation: &Operation,
        key: CallKey,
        part: PartId,
        then: Option<Box<Plan>>,
    ) {
        match then.zip(operation.legs.first().copied()) {
            Some((plan, leg)) if plan.consultation_of.is_none() => {
                self.start_call(operation.ticket, *plan, leg, Some((key, part)));
            }
            then => {
                self.begin_step(operation.ticket);
                self.mark_held(key, part);
                self.end_step();
                match (then, operation.ticket) {
                    (Some((plan, leg)), ticket) => {
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

    pub(super) fn music(&mut self, id: LegId, on: bool) {
        if let Some(leg) = self.legs.get_mut(&id).filter(|l| l.music != on) {
            leg.music = on;
            self.driver(DriverCommand::Music(id, on));
        }
    }

    pub(super) fn retrieve(&mut self, ticket: Ticket, whose: &Whose) -> Answer {
        let (key, place, leg) = match self.find_ready(whose, &[PartState::Held]) {
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
        let mut tones = Vec::new();
        // A consultation that nobody has answered yet is given up for the call that is retrieved.
        let mut given_up = Vec::new();
        for (call, other) in carried {
            match self.state_of(call, other) {
                Some(state @ PartState::Alerting) => {
                    return Some(Err(Refusal::WrongState(state)));
                }
                Some(PartState::Initiating | PartState::Initiated) => given_up.push((call, other)),
                Some(PartState::Failed) => tones.push((call, other)),
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
        for (call, other) in tones {
            self.tone_over(call, other);
        }
        for (call, other) in given_up {
            if let Some(place) = self.calls.get(&call).and_then(|c| c.place(other)) {
                self.release_place(Some(ticket), call, place);
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
        self.ready(leg)?;
        self.driver(DriverCommand::Digits(leg, digits.to_owned()));
        Ok(Reply::Done)
    }

    // --- finding -----------------------------------------------------------------------------------------------------

    /// A device's part in a call, if it is in one of these states and its leg can be asked for something.
    fn find_ready(
        &self,
        whose: &Whose,
        states: &[PartState],
    ) -> Result<(CallKey, Place, LegId), Refusal> {
        let found = self.find_in(whose, states)?;
        self.ready(found.2)?;
        Ok(found)
    }

    /// Can a leg be asked for something: is the network there, and no operation about it under way?
    pub(super) fn ready(&self, leg: LegId) -> Result<(), Refusal> {
        self.network()?;
        match self.legs.get(&leg) {
            Some(path) if path.operation.is_some() => Err(Refusal::InProgress),
            Some(_) | None => Ok(()),
        }
    }

    /// A device's part in a call, if it is in one of these states.
    pub(super) fn find_in(
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
        if self.legs.contains(&leg) {
            Ok((key, place, leg))
        } else {
            Err(Refusal::WrongState(state))
        }
    }

    pub(super) fn part_id(&self, key: CallKey, place: Place) -> Option<PartId> {
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
            .map_or_else(|| self.device.clone(), |d| d.name)
    }
}
