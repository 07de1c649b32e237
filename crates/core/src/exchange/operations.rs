//! Operations: features whose driver confirmations are still owed.
//!
//! An operation keeps its legs to itself until the driver has confirmed everything it waits for, refused something, or
//! said nothing in time. Only then does the call change, in one step; or what was begun is put back.

use super::Exchange;
use super::leg::{Kind, Operation, Plan, Wait};
use super::timers::Timer;
use super::vocabulary::{Asked, DriverCommand, DriverEvent, Output, Target};
use crate::call::{Cause, Class, PartState};
use crate::ids::{CallKey, DeviceName, LegId, PartId, Ticket};
use crate::now::Instant;
use crate::refusal::Refusal;

impl Exchange {
    pub(super) fn start_operation(
        &mut self,
        ticket: Option<Ticket>,
        report: Option<LegId>,
        waits: Vec<(LegId, Wait)>,
        kind: Kind,
    ) -> u64 {
        self.now.operations += 1;
        let id = self.now.operations;
        let until = match (&kind, kind.plan()) {
            (_, Some(plan)) => plan.until,
            // The network reaches for somebody; that may take it a while.
            (Kind::Transfer { .. }, None) => self.clock.instant + self.settings.off_hook,
            (_, None) => self.answer_until(),
        };
        if kind.plan().is_some() {
            self.now.plans += 1;
        }
        if let Kind::Queued(plan) = &kind {
            let mut queue = self.queues.get(&plan.device).cloned().unwrap_or_default();
            queue.push(id);
            self.queues.insert(plan.device.clone(), queue);
        }
        let mut legs: Vec<LegId> = waits.iter().map(|&(leg, _)| leg).collect();
        legs.dedup();
        for leg in &legs {
            if let Some(leg) = self.legs.get_mut(leg) {
                leg.operation = Some(id);
            }
        }
        self.timers.set(Timer::Operation(id), until);
        for key in self.calls_of(&kind) {
            if let Some(call) = self.calls.get_mut(&key) {
                call.operations.push(id);
            }
        }
        self.operations.insert(
            id,
            Operation {
                ticket,
                report,
                waits,
                legs,
                kind,
            },
        );
        id
    }

    /// Until when the driver may answer what is asked of it now.
    pub(super) fn answer_until(&self) -> Instant {
        self.clock.instant + self.settings.driver_answer
    }

    pub(super) fn end_operation(&mut self, id: u64) -> Option<Operation> {
        let operation = self.operations.remove(&id)?;
        self.timers.clear(&Timer::Operation(id));
        for &leg in &operation.legs {
            if let Some(leg) = self.legs.get_mut(&leg).filter(|l| l.operation == Some(id)) {
                leg.operation = None;
            }
            self.leg_is_free(leg);
        }
        if operation.kind.plan().is_some() {
            self.now.plans -= 1;
        }
        if let Kind::Queued(plan) = &operation.kind {
            let mut queue = self.queues.remove(&plan.device).unwrap_or_default();
            queue.retain(|&other| other != id);
            if !queue.is_empty() {
                self.queues.insert(plan.device.clone(), queue);
            }
        }
        for key in self.calls_of(&operation.kind) {
            if let Some(call) = self.calls.get_mut(&key) {
                call.operations.retain(|&other| other != id);
            }
        }
        Some(operation)
    }

    /// The operation that a report brings forward: that of its leg, or the blind transfer whose target the leg reaches for.
    /// The end of a leg brings nothing forward.
    pub(super) fn brought_forward_by(&self, event: &DriverEvent) -> Option<u64> {
        match event {
            DriverEvent::Offered(leg)
            | DriverEvent::Alerting(leg)
            | DriverEvent::Answered(leg)
            | DriverEvent::Joined(leg)
            | DriverEvent::Left(leg) => {
                let leg = self.legs.get(leg)?;
                leg.operation.or_else(|| {
                    let (key, connection) = leg.reaching?;
                    let (operation, target) = self.calls.get(&key)?.transfer?;
                    (target == connection).then_some(operation)
                })
            }
            DriverEvent::Refused(_, _, _)
            | DriverEvent::Released(_, _)
            | DriverEvent::Dialled { .. }
            | DriverEvent::HeldByPhone(_)
            | DriverEvent::RetrievedByPhone(_)
            | DriverEvent::TransferAsked { .. }
            | DriverEvent::DeviceUp(_)
            | DriverEvent::DeviceDown(_)
            | DriverEvent::NetworkDown
            | DriverEvent::NetworkUp { .. } => None,
        }
    }

    /// The driver did one of the things an operation waits for.
    pub(super) fn confirmed(&mut self, leg: LegId, what: Wait) {
        let Some(id) = self.legs.get(&leg).and_then(|l| l.operation) else {
            return;
        };
        let Some(operation) = self.operations.get_mut(&id) else {
            return;
        };
        let Some(index) = operation.waits.iter().position(|w| *w == (leg, what)) else {
            return;
        };
        operation.waits.remove(index);
        if operation.waits.is_empty()
            && let Some(operation) = self.end_operation(id)
        {
            self.finish(&operation);
        }
    }

    fn finish(&mut self, operation: &Operation) {
        match operation.kind.clone() {
            Kind::Originate(plan) => {
                if let Some(&leg) = operation.legs.first() {
                    self.start_call(operation.ticket, *plan, leg, None);
                }
            }
            Kind::Connect { call, part, hold } => self.connected(operation, call, part, hold),
            Kind::Hold { call, part, then } => self.held(operation, call, part, then),
            Kind::Retrieve { call, part, hold } => self.retrieved(operation, call, part, hold),
            Kind::Merge {
                first,
                keeps,
                second,
                leaves,
                conference,
            } => {
                self.merged(operation, first, keeps, second, leaves, conference);
            }
            // An answer is a report of its own, which begins the connecting; a transfer ends when its target rings; whoever
            // waits for his turn is called.
            Kind::Answer | Kind::Transfer { .. } | Kind::Queued(_) => {}
        }
    }

    // --- when the ground of an operation is gone ---------------------------------------------------------------------

    /// The calls an operation is about, which must outlive it.
    fn calls_of(&self, kind: &Kind) -> Vec<CallKey> {
        match kind {
            Kind::Originate(plan) => {
                let first = plan.consultation_of.as_ref();
                first
                    .and_then(|id| self.keys.get(id).copied())
                    .into_iter()
                    .collect()
            }
            Kind::Answer | Kind::Queued(_) => Vec::new(),
            &Kind::Connect { call, .. }
            | &Kind::Hold { call, .. }
            | &Kind::Retrieve { call, .. }
            | &Kind::Transfer { call, .. } => vec![call],
            &Kind::Merge { first, second, .. } => vec![first, second],
        }
    }

    /// Is everything still there that an operation is about? The legs it also moves may go: nothing is owed by those.
    pub(super) fn has_ground(&self, operation: &Operation) -> bool {
        // A part that only hears a tone is in no call any more.
        let live = |call, part| {
            self.state_of(call, part)
                .is_some_and(|state| state.is_live() && state != PartState::Failed)
        };
        match &operation.kind {
            Kind::Originate(plan) => {
                let first = plan.consultation_of.as_ref();
                !operation.legs.is_empty()
                    && first.is_none_or(|id| {
                        let call = self.keys.get(id).and_then(|key| self.calls.get(key));
                        call.is_some_and(|c| c.ended.is_none())
                    })
            }
            Kind::Queued(_) => true,
            Kind::Answer => !operation.legs.is_empty(),
            &Kind::Connect { call, part, .. }
            | &Kind::Hold { call, part, .. }
            | &Kind::Retrieve { call, part, .. } => live(call, part),
            &Kind::Transfer { call, part, target } => {
                let target = self.calls.get(&call).map(|c| c.connections.get(target));
                live(call, part)
                    && target.flatten().is_some_and(|c| c.state.is_live())
                    && self.leaves_somebody(call, part)
            }
            &Kind::Merge {
                first,
                keeps,
                second,
                leaves,
                conference,
            } => {
                let others =
                    self.leaves_somebody(first, keeps) || self.leaves_somebody(second, leaves);
                live(first, keeps) && live(second, leaves) && (conference || others)
            }
        }
    }

    /// A leg that an operation keeps is gone: nothing more is expected of it.
    pub(super) fn leg_lost(&mut self, id: LegId, operation: u64, refusal: Refusal) {
        if let Some(kept) = self.operations.get_mut(&operation) {
            kept.legs.retain(|&leg| leg != id);
            kept.waits.retain(|&(leg, _)| leg != id);
        }
        self.review(operation, refusal);
    }

    /// Looks at an operation again when the input's own steps are done, as one step must not begin within another.
    pub(super) fn review(&mut self, operation: u64, refusal: Refusal) {
        self.reviews.push_back((operation, refusal));
    }

    /// Drops the operations that lost their ground, finishes those that wait for nobody any more; then lets the calls have
    /// their turn that waited for one of these.
    pub(super) fn settle_operations(&mut self) {
        self.review_operations();
        while let Some(device) = self.turns.pop_front() {
            self.take_turn(&device);
            self.review_operations();
        }
    }

    fn review_operations(&mut self) {
        while let Some((id, refusal)) = self.reviews.pop_front() {
            let Some(operation) = self.operations.get(&id) else {
                continue;
            };
            let promises = operation.ticket.is_some() && operation.waits.is_empty();
            if !self.has_ground(operation) {
                self.lose_ground(id, refusal);
            } else if promises && self.store_refuses {
                self.drop_operation(id, Refusal::StoreUnavailable);
            } else if operation.waits.is_empty()
                && let Some(operation) = self.end_operation(id)
            {
                self.finish(&operation);
            }
        }
    }

    fn lose_ground(&mut self, id: u64, refusal: Refusal) {
        let Some(operation) = self.end_operation(id) else {
            return;
        };
        if let (Kind::Hold { then, .. }, Some(ticket)) = (&operation.kind, operation.ticket)
            && let Some(plan) = then.as_ref().filter(|p| p.consultation_of.is_none())
        {
            // Nothing is left to hold before the new call.
            return self.carry_on(ticket, (**plan).clone());
        }
        self.put_back(&operation, &refusal);
        self.say_no(operation.ticket, operation.report, &refusal);
    }

    // --- calls that wait for their turn ------------------------------------------------------------------------------

    /// A leg may have become free for a call that waits for its device.
    pub(super) fn leg_is_free(&mut self, leg: LegId) {
        if let Some(Target::Device(device)) = self.legs.get(&leg).map(|l| &l.target)
            && self.queues.contains(device)
        {
            self.turns.push_back(device.clone());
        }
    }

    /// Places the calls that wait for a device, as long as it is not busy.
    fn take_turn(&mut self, device: &DeviceName) {
        while let Some(&id) = self.queues.get(device).and_then(|queue| queue.first())
            && !self.is_busy(device)
            && let Some(operation) = self.end_operation(id)
        {
            if let (Kind::Queued(plan), Some(ticket)) = (operation.kind, operation.ticket) {
                self.carry_on(ticket, *plan);
            }
        }
    }

    /// Places a call that was put off, as if it had been asked for now.
    fn carry_on(&mut self, ticket: Ticket, plan: Plan) {
        let answer = if self.store_refuses {
            Some(Err(Refusal::StoreUnavailable))
        } else if self.is_registered(&plan.device) {
            self.originate(ticket, plan)
        } else {
            Some(Err(Refusal::DeviceOutOfService))
        };
        if let Some(answer) = answer {
            self.out.push_back(Output::Answer(ticket, answer));
        }
    }

    // --- refusals ----------------------------------------------------------------------------------------------------

    /// The driver refused a command.
    pub(super) fn refused(&mut self, leg: LegId, asked: Asked, q850: u8) {
        let cause = Cause::from_q850(q850);
        let operation = self.legs.get(&leg).and_then(|l| l.operation);
        let fresh = self
            .legs
            .get(&leg)
            .is_some_and(|l| l.state == super::leg::LegState::Asked);
        match (asked, operation) {
            (Asked::Offer, _) if fresh => self.leg_gone(leg, cause),
            (Asked::Answer | Asked::Join | Asked::Leave, Some(id)) => {
                self.drop_operation(id, Refusal::Unreachable(cause));
            }
            (Asked::Offer | Asked::Answer | Asked::Join | Asked::Leave | Asked::Other, _) => {
                self.now.strays += 1
            }
        }
    }

    /// Gives an operation up: puts back what it had begun, tells the driver, says no to whoever waits.
    pub(super) fn drop_operation(&mut self, id: u64, refusal: Refusal) {
        if let Some(operation) = self.end_operation(id) {
            self.put_back(&operation, &refusal);
            self.say_no(operation.ticket, operation.report, &refusal);
        }
    }

    /// Puts back what an operation had begun. Legs that are gone are forgotten already, so nothing is asked of them.
    pub(super) fn put_back(&mut self, operation: &Operation, refusal: &Refusal) {
        match &operation.kind {
            Kind::Originate(_) => {
                if let Some(&leg) = operation.legs.first() {
                    self.release_leg(leg, Cause::of(Class::Normal), false);
                }
            }
            Kind::Answer | Kind::Queued(_) => {}
            &Kind::Connect { call, part, hold } => {
                if let Some((other, other_part)) = hold {
                    self.rejoin(other, other_part);
                }
                if *refusal == Refusal::StoreUnavailable {
                    self.unanswer(call, part);
                } else if self.state_of(call, part).is_some_and(PartState::is_live) {
                    // It was answered and cannot be heard: that party is lost, not merely the request.
                    self.part_gone(None, call, part, Cause::of(Class::Network));
                }
            }
            &Kind::Hold { call, part, .. } => self.rejoin(call, part),
            &Kind::Retrieve { call, part, hold } => {
                self.unjoin(call, part);
                if let Some((other, other_part)) = hold {
                    self.rejoin(other, other_part);
                }
            }
            &Kind::Transfer { call, part, target } => self.undo_transfer(call, part, target),
            &Kind::Merge {
                first,
                keeps,
                second,
                ..
            } => self.unmerge(first, keeps, second),
        }
    }

    /// Says no to whoever waits.
    pub(super) fn say_no(
        &mut self,
        ticket: Option<Ticket>,
        report: Option<LegId>,
        refusal: &Refusal,
    ) {
        if let Some(ticket) = ticket {
            self.out
                .push_back(Output::Answer(ticket, Err(refusal.clone())));
        }
        if let Some(leg) = report {
            self.driver(DriverCommand::Report { leg, done: false });
        }
    }

    /// Puts a part that is still active for everybody back into its conversation, unless an operation moves it.
    pub(super) fn rejoin(&mut self, key: CallKey, part: PartId) {
        if self.state_of(key, part) == Some(PartState::Active)
            && let Some((leg, mix)) = self.path_of(key, part)
            && self
                .legs
                .get(&leg)
                .is_some_and(|l| l.mix != Some(mix) && l.operation.is_none())
        {
            self.join_leg(leg, mix);
        }
    }

    /// Takes a part that is still held for everybody out of its conversation again.
    fn unjoin(&mut self, key: CallKey, part: PartId) {
        if self.state_of(key, part) == Some(PartState::Held)
            && let Some((leg, mix)) = self.path_of(key, part)
            && self.legs.get(&leg).is_some_and(|l| l.mix == Some(mix))
        {
            self.leave_mix(leg);
        }
    }

    /// The phone stays off-hook, but nobody was told so: the part goes on alerting, out of the conversation, until it is
    /// answered again or has rung too long.
    fn unanswer(&mut self, key: CallKey, part: PartId) {
        let Some((leg, _)) = self.path_of(key, part) else {
            return;
        };
        self.leave_mix(leg);
        self.timers
            .set(Timer::Ring(leg), self.clock.instant + self.settings.ring);
        for caller in self.waiting_callers(key) {
            if self.leave_mix(caller) {
                self.driver(DriverCommand::Ringback(caller));
            }
        }
    }

    /// A part's leg and its call's mix.
    pub(super) fn path_of(&self, key: CallKey, part: PartId) -> Option<(LegId, crate::ids::MixId)> {
        let call = self.calls.get(&key)?;
        Some((call.part(call.place(part)?).leg?, call.mix?))
    }
}
