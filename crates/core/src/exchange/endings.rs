//! How a party's share ends, and what that means for the call. [exchange §3 Failure, §7 rules 4 to 8]

use super::Exchange;
use super::timers::Timer;
use super::vocabulary::{Actor, DriverCommand, Reply, Tone, Whose};
use crate::call::{
    Cause, Class, ConnectionInput, ConnectionState, Ending, PartState, Place, Role, StoryWhat,
    TerminalInput,
};
use crate::ids::{CallId, CallKey, DeviceName, DirectoryNumber, LegId, PartId, Ticket, UserId};
use crate::refusal::Refusal;

impl Exchange {
    // --- commands ----------------------------------------------------------------------------------------------------

    pub(super) fn release(&mut self, ticket: Ticket, whose: &Whose) -> Result<Reply, Refusal> {
        let (key, place) = self.find(whose)?;
        self.network()?;
        self.release_place(Some(ticket), key, place);
        Ok(self.call_reply(&whose.call, key))
    }

    pub(super) fn reject(&mut self, ticket: Ticket, whose: &Whose) -> Result<Reply, Refusal> {
        let (key, place) = self.find(whose)?;
        let state = self.calls.get(&key).map(|c| c.part_state(place));
        if state != Some(PartState::Alerting) {
            return Err(Refusal::WrongState(state.unwrap_or(PartState::Dropped)));
        }
        self.network()?;
        self.release_place(Some(ticket), key, place);
        Ok(self.call_reply(&whose.call, key))
    }

    pub(super) fn release_call(&mut self, ticket: Ticket, id: &CallId) -> Result<Reply, Refusal> {
        let key = *self.keys.get(id).ok_or(Refusal::NoSuchCall)?;
        let call = self.calls.get(&key).ok_or(Refusal::NoSuchCall)?;
        self.network()?;
        if call.ended.is_some() {
            let tones: Vec<PartId> = call
                .places()
                .map(|p| call.part(p))
                .filter(|p| p.failed)
                .map(|p| p.id)
                .collect();
            for part in tones {
                self.drop_tone(Some(ticket), key, part);
            }
        } else {
            let class = if call.answered {
                Class::Normal
            } else {
                Class::Cancelled
            };
            self.begin_step(Some(ticket));
            self.end_call(key, Cause::of(class), None);
            self.end_step();
        }
        Ok(self.call_reply(id, key))
    }

    pub(super) fn release_newest(
        &mut self,
        ticket: Ticket,
        actor: &Actor,
        interface: &str,
        user: &UserId,
        device: Option<&DeviceName>,
        line: Option<&DirectoryNumber>,
    ) -> Result<Reply, Refusal> {
        let user = self
            .acting_for(actor, Some(user.clone()))?
            .ok_or(Refusal::NoSuchUser)?;
        let devices = match device {
            Some(name) => {
                let device = self
                    .directory
                    .device(name.as_str())
                    .ok_or(Refusal::NoSuchDevice)?
                    .name;
                if !self.may_use(&user, &device) {
                    return Err(Refusal::NotAllowed);
                }
                vec![device]
            }
            None => self.devices_of(&user),
        };
        let mut candidates: Vec<(bool, CallKey, PartId)> = Vec::new();
        for device in &devices {
            for (key, part) in self.parts_on(device) {
                let Some(call) = self.calls.get(&key) else {
                    continue;
                };
                let Some(place) = call.place(part) else {
                    continue;
                };
                let connection = &call.connections[place.connection];
                let own = call.origin.interface == interface
                    && call.origin.user.as_ref() == Some(&user)
                    && connection.role == Role::Calling
                    && call.part_state(place).is_live();
                if own {
                    candidates.push((line == Some(&connection.number), key, part));
                }
            }
        }
        let &(_, key, part) = candidates.iter().max().ok_or(Refusal::NoSuchCall)?;
        self.network()?;
        let id = self
            .calls
            .get(&key)
            .map(|c| c.id.clone())
            .ok_or(Refusal::NoSuchCall)?;
        if let Some(place) = self.calls.get(&key).and_then(|c| c.place(part)) {
            self.release_place(Some(ticket), key, place);
        }
        Ok(self.call_reply(&id, key))
    }

    pub(super) fn drop_participant(
        &mut self,
        ticket: Ticket,
        id: &CallId,
        number: &DirectoryNumber,
    ) -> Result<Reply, Refusal> {
        let key = *self.keys.get(id).ok_or(Refusal::NoSuchCall)?;
        let call = self.calls.get(&key).ok_or(Refusal::NoSuchCall)?;
        let connection = call
            .connections
            .iter()
            .position(|c| c.number == *number && c.state.is_live())
            .ok_or(Refusal::NoSuchCall)?;
        self.network()?;
        let cause = if call.answered {
            Class::Normal
        } else {
            Class::Cancelled
        };
        self.begin_step(Some(ticket));
        self.end_connection(key, connection, Cause::of(cause));
        self.after_party_left(key, Cause::of(cause));
        self.end_step();
        Ok(self.call_reply(id, key))
    }

    fn call_reply(&self, _id: &CallId, key: CallKey) -> Reply {
        match self.calls.get(&key) {
            Some(call) => Reply::Call(Box::new(call.record())),
            // Over and forgotten; its record went out with this very step.
            None => Reply::Done,
        }
    }

    /// A device lets go of its part, whatever state that is in.
    pub(super) fn release_place(&mut self, ticket: Option<Ticket>, key: CallKey, place: Place) {
        let Some(call) = self.calls.get(&key) else {
            return;
        };
        let part = call.part(place).id;
        match call.part_state(place) {
            PartState::Failed => self.drop_tone(ticket, key, part),
            PartState::Alerting => self.part_gone(ticket, key, part, Cause::of(Class::Rejected)),
            PartState::Initiating | PartState::Initiated => {
                self.part_gone(ticket, key, part, Cause::of(Class::Cancelled));
            }
            PartState::Active | PartState::Held => {
                self.part_gone(ticket, key, part, Cause::of(Class::Normal))
            }
            PartState::Dropped => {}
        }
    }

    // --- timers ------------------------------------------------------------------------------------------------------

    /// A phone rang, or was asked to go off-hook, for too long.
    pub(super) fn rang_too_long(&mut self, id: LegId) {
        let cause = Cause::of(Class::NoAnswer);
        if self.legs.contains(&id) {
            self.driver(DriverCommand::Release {
                leg: id,
                q850: cause.q850,
                elsewhere: false,
            });
            self.leg_gone(id, cause);
        }
    }

    /// The tone of a call that ended unanswered has been heard long enough.
    pub(super) fn tone_over(&mut self, call: CallKey, part: PartId) {
        self.drop_tone(None, call, part);
    }

    fn drop_tone(&mut self, ticket: Option<Ticket>, call: CallKey, part: PartId) {
        self.begin_step(ticket);
        self.silence(call, part, None);
        self.end_step();
    }

    /// Ends a part that only hears a tone, within a step.
    pub(super) fn silence(&mut self, key: CallKey, part: PartId, keep: Option<LegId>) {
        self.timers.clear(&Timer::FailedTone(key, part));
        let Some(place) = self.calls.get(&key).and_then(|c| c.place(part)) else {
            return;
        };
        if let Some(call) = self.calls.get_mut(&key) {
            call.part_mut(place).failed = false;
        }
        self.move_terminal(key, place, TerminalInput::Cleared);
        let leg = self.detach(key, place);
        if let Some(leg) = leg {
            if keep == Some(leg) || self.legs.get(&leg).is_some_and(|l| !l.carries.is_empty()) {
                self.driver(DriverCommand::Tone(leg, Tone::Off));
            } else {
                self.release_leg(leg, Cause::of(Class::Normal), false);
            }
        }
        self.touch(key, part);
    }

    // --- endings -----------------------------------------------------------------------------------------------------

    /// A leg is gone: every part it carried ends, the active one first, in one step.
    pub(super) fn leg_gone(&mut self, id: LegId, cause: Cause) {
        let Some(leg) = self.forget_lost_leg(id, lost_leg(cause)) else {
            return;
        };
        if let Some((key, connection)) = leg.reaching {
            self.party_refused(key, connection, cause);
        }
        let mut parts = leg.carries;
        parts.sort_by_key(|&(call, part)| self.state_of(call, part) != Some(PartState::Active));
        self.begin_step(None);
        for (key, part) in parts {
            match self.state_of(key, part) {
                Some(PartState::Failed) => self.silence(key, part, None),
                Some(PartState::Initiating | PartState::Initiated)
                    if cause.class == Class::Normal =>
                {
                    self.end_part(
                        key,
                        part,
                        Cause {
                            class: Class::Cancelled,
                            q850: cause.q850,
                        },
                    );
                }
                Some(_) => self.end_part(key, part, cause),
                None => {}
            }
        }
        self.end_step();
    }

    /// A part ends in a step of its own.
    pub(super) fn part_gone(
        &mut self,
        ticket: Option<Ticket>,
        key: CallKey,
        part: PartId,
        cause: Cause,
    ) {
        self.begin_step(ticket);
        self.end_part(key, part, cause);
        self.end_step();
    }

    /// Ends a part, and what follows from that, within a step.
    fn end_part(&mut self, key: CallKey, part: PartId, cause: Cause) {
        let Some(place) = self.calls.get(&key).and_then(|c| c.place(part)) else {
            return;
        };
        if !self.move_terminal(key, place, TerminalInput::Cleared) {
            return;
        }
        if let Some(call) = self.calls.get_mut(&key) {
            call.part_mut(place).cause = Some(cause);
        }
        self.touch(key, part);
        if let Some(leg) = self.detach(key, place) {
            self.let_go(leg, key, cause);
        }
        if !self.connection_goes_on(key, place.connection) {
            self.end_connection(key, place.connection, cause);
            if !self.recall(key, place.connection) {
                self.after_party_left(key, cause);
            }
        }
    }

    /// Does a connection still have a device that takes part or rings, or one still to be reached? A part without a leg
    /// does neither: it only waits to hear that another device has answered.
    fn connection_goes_on(&self, key: CallKey, connection: usize) -> bool {
        let Some(call) = self.calls.get(&key) else {
            return false;
        };
        let connection = &call.connections[connection];
        !connection.reaching.is_empty()
            || connection
                .parts
                .iter()
                .any(|p| p.terminal.is_live() && p.leg.is_some())
    }

    /// The legs that still try to reach a called connection.
    pub(super) fn reaching(&self, key: CallKey, connection: usize) -> Vec<LegId> {
        let connection = self
            .calls
            .get(&key)
            .and_then(|c| c.connections.get(connection));
        connection.map(|c| c.reaching.clone()).unwrap_or_default()
    }

    /// Ends a connection with everything it has, within a step.
    pub(super) fn end_connection(&mut self, key: CallKey, connection: usize, cause: Cause) {
        let at = self.clock.wall;
        let Some(call) = self.calls.get(&key) else {
            return;
        };
        let c = &call.connections[connection];
        let unanswered = c.role == Role::Called && c.state != ConnectionState::Established;
        let number = c.number.clone();
        let parts: Vec<PartId> = c
            .parts
            .iter()
            .filter(|p| p.terminal.is_live())
            .map(|p| p.id)
            .collect();
        let rang = c.state == ConnectionState::Alerting;
        let refused = unanswered && cause.fails_the_caller(rang);
        let input = if refused {
            ConnectionInput::Refused
        } else {
            ConnectionInput::Cleared
        };
        if !self.move_connection(key, connection, input) {
            return;
        }
        let legs = self.reaching(key, connection);
        for leg in legs {
            self.release_leg(leg, cause, false);
        }
        for part in parts {
            let Some(place) = self.calls.get(&key).and_then(|c| c.place(part)) else {
                continue;
            };
            self.move_terminal(key, place, TerminalInput::Cleared);
            if let Some(call) = self.calls.get_mut(&key) {
                call.part_mut(place).cause = Some(cause);
            }
            if let Some(leg) = self.detach(key, place) {
                self.let_go(leg, key, cause);
            }
            self.touch(key, part);
        }
        if let Some(call) = self.calls.get_mut(&key) {
            call.connections[connection].cause = Some(cause);
            if refused {
                call.tell(at, StoryWhat::Refused, Some(&number), Some(cause));
            } else if cause.class != Class::Transferred && cause.class != Class::Conferenced {
                call.tell(at, StoryWhat::Released, Some(&number), None);
            }
        }
        self.touch_call(key);
    }

    /// What a party's leaving means for the others, within a step.
    pub(super) fn after_party_left(&mut self, key: CallKey, cause: Cause) {
        let Some(call) = self.calls.get(&key) else {
            return;
        };
        if call.ended.is_some() {
            return;
        }
        let live: Vec<usize> = call.joined_parties().collect();
        if call.answered {
            if live.len() <= 1 || !call.has_established(None) {
                let class = match cause.class {
                    Class::OutOfService | Class::Network | Class::NoAnswer => cause.class,
                    Class::Busy | Class::Rejected | Class::Unallocated
                        if live.iter().all(|&i| {
                            call.connections[i].state != ConnectionState::Established
                        }) =>
                    {
                        cause.class
                    }
                    _ => Class::Normal,
                };
                let cause = if class == cause.class {
                    cause
                } else {
                    Cause::of(class)
                };
                self.end_call(key, cause, None);
            } else {
                self.settle_music(key);
            }
            return;
        }
        let caller_is_there = live.contains(&0);
        if !caller_is_there {
            let class = if cause.class == Class::Normal {
                Class::Cancelled
            } else {
                cause.class
            };
            self.end_call(
                key,
                Cause {
                    class,
                    q850: cause.q850,
                },
                None,
            );
        } else if live.len() == 1 {
            let others = call.connections.iter().skip(1);
            if others
                .last()
                .is_some_and(|c| c.state == ConnectionState::Failed)
            {
                self.fail_call(key, cause);
            } else {
                self.end_call(key, cause, None);
            }
        }
    }

    /// Nobody was reached: the call is over at once, the caller goes on hearing a tone.
    fn fail_call(&mut self, key: CallKey, cause: Cause) {
        let at = self.clock.wall;
        self.move_connection(key, 0, ConnectionInput::Refused);
        let Some(call) = self.calls.get_mut(&key) else {
            return;
        };
        call.connections[0].cause = Some(cause);
        call.ended = Some(Ending {
            cause,
            at,
            merged_into: None,
        });
        call.tell(at, StoryWhat::Ended, None, Some(cause));
        let mut tone = None;
        if let Some(part) = call.connections[0].parts.first_mut() {
            part.failed = true;
            part.cause = Some(cause);
            tone = part.leg.map(|leg| (leg, part.id));
        }
        if let Some((leg, part)) = tone {
            self.driver(DriverCommand::Tone(leg, cause.class.into()));
            self.timers.set(
                Timer::FailedTone(key, part),
                self.clock.instant + self.settings.failed_tone,
            );
            self.touch(key, part);
        }
        self.step.ended.push(key);
        self.touch_call(key);
    }

    /// Ends a call with all that is left of it, within a step.
    pub(super) fn end_call(&mut self, key: CallKey, cause: Cause, merged_into: Option<CallId>) {
        let at = self.clock.wall;
        let Some(call) = self.calls.get(&key) else {
            return;
        };
        if call.ended.is_some() {
            return;
        }
        if let Some((_, target)) = call.transfer {
            self.forget_target(key, target);
        }
        let Some(call) = self.calls.get(&key) else {
            return;
        };
        let mut live: Vec<usize> = call.live_parties().collect();
        live.sort_by_key(|&i| (!call.connections[i].joined, call.connections[i].joined_at));
        for connection in live {
            self.end_connection(key, connection, cause);
        }
        let Some(call) = self.calls.get_mut(&key) else {
            return;
        };
        call.ended = Some(Ending {
            cause,
            at,
            merged_into,
        });
        call.tell(at, StoryWhat::Ended, None, Some(cause));
        self.step.ended.push(key);
        self.touch_call(key);
    }

    /// One leg that tried to reach a called party is refused or gone, or there was nothing to offer it to.
    pub(super) fn party_refused(&mut self, key: CallKey, connection: usize, cause: Cause) {
        if self.transfer_refused(key, connection, cause) || self.connection_goes_on(key, connection)
        {
            return;
        }
        self.begin_step(None);
        self.end_connection(key, connection, cause);
        if !self.recall(key, connection) {
            self.after_party_left(key, cause);
        }
        self.end_step();
    }

    /// Takes a part off its leg. Answers the leg, which may carry others.
    pub(super) fn detach(&mut self, key: CallKey, place: Place) -> Option<LegId> {
        let call = self.calls.get_mut(&key)?;
        let part = call.part_mut(place);
        let id = part.id;
        let leg = part.leg.take()?;
        self.legs.get_mut(&leg)?.carries.retain(|&c| c != (key, id));
        Some(leg)
    }

    /// A leg without this call: released, or taken out of the call's mix when it carries another part.
    fn let_go(&mut self, leg: LegId, key: CallKey, cause: Cause) {
        let Some(path) = self.legs.get(&leg) else {
            return;
        };
        if path.carries.is_empty() {
            self.release_leg(leg, cause, false);
            return;
        }
        let mix = self.calls.get(&key).and_then(|c| c.mix);
        if mix.is_some() && path.mix == mix {
            self.leave_mix(leg);
        }
    }
}

/// What somebody hears who waited for a leg that is gone.
fn lost_leg(cause: Cause) -> Refusal {
    match cause.class {
        Class::OutOfService => Refusal::DeviceOutOfService,
        Class::Busy => Refusal::TooManyCalls,
        Class::Normal
        | Class::NoAnswer
        | Class::Rejected
        | Class::Unallocated
        | Class::Network
        | Class::Cancelled
        | Class::Transferred
        | Class::Conferenced => Refusal::Unreachable(cause),
    }
}
