//! Blind transfers, and the recall of one that nobody answered. [exchange §4, §7 rule 6]

use super::Exchange;
use super::features::Answer;
use super::leg::{Kind, Operation, Wait};
use super::originate::{dialable, new_connection};
use super::timers::Timer;
use super::vocabulary::{DriverCommand, Target, Whose};
use crate::call::{Cause, Class, ConnectionState, PartState, Role, StoryWhat, TerminalState};
use crate::ids::{CallKey, DirectoryNumber, LegId, PartId, Ticket};
use crate::refusal::Refusal;

impl Exchange {
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
        let digits = dialable(to, &device)?;
        self.ready(leg)?;
        let at = self.clock.wall;
        let call = self.calls.get(&key).ok_or(Refusal::NoSuchCall)?;
        let state = call.part_state(place);
        let part = call.part(place).id;
        if call.transfer.is_some() {
            return Err(Refusal::InProgress);
        }
        if !call.has_established(Some(place.connection)) {
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
            self.drop_operation(operation, Refusal::Unreachable(cause));
        }
        true
    }

    /// Stops reaching for a blind transfer's target, which nobody has heard of.
    pub(super) fn forget_target(&mut self, key: CallKey, target: usize) {
        let pending = self.calls.get(&key).and_then(|c| c.transfer);
        if pending.is_none_or(|(_, pending)| pending != target) {
            return;
        }
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
    }

    /// A blind transfer did not come about: the call is as it was.
    pub(super) fn undo_transfer(&mut self, key: CallKey, part: PartId, target: usize) {
        self.forget_target(key, target);
        self.rejoin(key, part);
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
        let waiting = self
            .calls
            .get(&key)
            .is_some_and(|c| c.has_established(None));
        if !waiting
            || !self.is_registered(&device)
            || self.occupied(&device) >= self.settings.busy_trigger
        {
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
}
