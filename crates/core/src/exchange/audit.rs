//! What must hold between any two inputs. Tests ask after every step; nothing else does.

use super::Exchange;
use super::leg::{Kind, LegState};
use super::timers::Timer;
use crate::call::{Call, PartState};
use crate::ids::CallKey;

impl Exchange {
    /// The first thing found that contradicts another, in words; `None` when all is well.
    pub fn contradiction(&self) -> Option<String> {
        if !self.reviews.is_empty() || !self.turns.is_empty() {
            return Some("something was left for later".to_owned());
        }
        let oldest = self.now.counters.oldest_live;
        if let Some(key) = self.calls.keys().next().filter(|key| key.0 < oldest) {
            return Some(format!("a restart would not look for call {}", key.0));
        }
        let calls = self.calls.iter();
        calls
            .clone()
            .find_map(|(&key, call)| self.call_contradiction(key, call))
            .or_else(|| self.leg_contradiction())
            .or_else(|| self.operation_contradiction())
            .or_else(|| self.seat_contradiction())
    }

    fn call_contradiction(&self, key: CallKey, call: &Call) -> Option<String> {
        let says = |what: &str| Some(format!("{}: {what}", call.id));
        if call.is_over() {
            return says("is over and was kept");
        }
        if call
            .operations
            .iter()
            .any(|id| !self.operations.contains(id))
        {
            return says("names an operation that is over");
        }
        if let Some((id, target)) = call.transfer {
            let fits = self.operations.get(&id).is_some_and(|o| {
                matches!(o.kind, Kind::Transfer { call, target: t, .. } if call == key && t == target)
            });
            if !fits {
                return says("waits for a transfer that is over");
            }
        }
        for (index, connection) in call.connections.iter().enumerate() {
            for &leg in &connection.reaching {
                if self
                    .legs
                    .get(&leg)
                    .is_none_or(|l| l.reaching != Some((key, index)))
                {
                    return says("is reached by a leg that does not know");
                }
            }
            let reached =
                !connection.reaching.is_empty() || connection.parts.iter().any(|p| p.leg.is_some());
            let dialled = call.connections[0].state != crate::call::ConnectionState::Initiated;
            if connection.state.is_live() && dialled && !reached {
                return says("has a live party without a leg");
            }
        }
        for place in call.places() {
            let part = call.part(place);
            let state = call.part_state(place);
            let Some(id) = part.leg else {
                let rings_elsewhere = state == PartState::Alerting;
                if state.is_live() && !rings_elsewhere {
                    return says("has a live part without a leg");
                }
                continue;
            };
            let Some(leg) = self.legs.get(&id) else {
                return says("has a part on a leg that is gone");
            };
            if !state.is_live() || !leg.carries.contains(&(key, part.id)) {
                return says("has a part and a leg that do not fit");
            }
            // While an operation moves a leg, only its end tells where it belongs.
            if leg.operation.is_some() || !self.now.network_up {
                continue;
            }
            let inside = call.mix.is_some() && leg.mix == call.mix;
            if state == PartState::Active && !inside && !self.is_moved(key) {
                return says("has an active part that hears nobody");
            }
            let ringing = state == PartState::Alerting;
            if ringing && !self.timers.is_set(&Timer::Ring(id)) && !self.is_moved(key) {
                return says("rings without end");
            }
        }
        None
    }

    /// Is an operation about this call under way?
    fn is_moved(&self, key: CallKey) -> bool {
        self.calls
            .get(&key)
            .is_some_and(|c| !c.operations.is_empty())
    }

    fn seat_contradiction(&self) -> Option<String> {
        for login in self.seats.iter() {
            let says = |what: &str| Some(format!("{} at {}: {what}", login.user, login.device));
            if login.spelled(&self.directory).as_ref() != Some(login) {
                return says("is not written as in the directory");
            }
            if !self.seats.of(login.user.as_str()).contains(&login.device)
                || !self.seats.with(&login.profile).contains(&login.device)
            {
                return says("is not found");
            }
            if self.log_outs.is_set(&login.device) != login.until.is_some() {
                return says("has no end, or one too many");
            }
        }
        for (device, takeover) in self.takeovers.iter() {
            if takeover.device != *device || !self.takeover_turns.is_set(device) {
                return Some(format!("the takeover of {device} has no turn"));
            }
        }
        None
    }

    fn leg_contradiction(&self) -> Option<String> {
        for (id, leg) in self.legs.iter() {
            let says = |what: &str| Some(format!("{id:?}: {what}"));
            for &(key, part) in &leg.carries {
                let call = self.calls.get(&key);
                let carried = call.and_then(|c| Some(c.part(c.place(part)?).leg == Some(*id)));
                if carried != Some(true) {
                    return says("carries a part that is elsewhere");
                }
            }
            if let Some((key, connection)) = leg.reaching {
                let call = self.calls.get(&key);
                let reached = call.and_then(|c| c.connections.get(connection));
                if reached.is_none_or(|c| !c.state.is_live() || !c.reaching.contains(id)) {
                    return says("reaches for a party that is gone");
                }
            }
            if let Some(operation) = leg.operation
                && self
                    .operations
                    .get(&operation)
                    .is_none_or(|o| !o.legs.contains(id))
            {
                return says("is kept for an operation that is over");
            }
            let idle = leg.carries.is_empty() && leg.reaching.is_none();
            if idle && leg.operation.is_none() {
                return says("is of no use");
            }
            if leg.reaching.is_some() && !self.timers.is_set(&Timer::Ring(*id)) {
                return says("is reached for without end");
            }
            let busy = leg.carries.iter().filter(|&&(key, part)| {
                matches!(
                    self.state_of(key, part),
                    Some(PartState::Active | PartState::Alerting)
                )
            });
            if busy.count() > 1 && leg.operation.is_none() {
                return says("carries two parts at once");
            }
            let waits = leg.state != LegState::Up && !self.timers.is_set(&Timer::Ring(*id));
            if waits && leg.operation.is_none() && !self.timers.is_set(&Timer::OffHook(*id)) {
                return says("waits without end");
            }
        }
        None
    }

    fn operation_contradiction(&self) -> Option<String> {
        let mut plans = 0;
        for (id, operation) in self.operations.iter() {
            plans += usize::from(operation.kind.plan().is_some());
            let says = |what: &str| Some(format!("operation {id} {:?}: {what}", operation.kind));
            if !self.timers.is_set(&Timer::Operation(*id)) {
                return says("has no time limit");
            }
            if !self.has_ground(operation) {
                return says("has lost its ground");
            }
            let queued = matches!(operation.kind, Kind::Queued(_));
            if operation.waits.is_empty() && !queued {
                return says("waits for nobody");
            }
        }
        if plans != self.now.plans {
            return Some(format!("{plans} calls are to come, not {}", self.now.plans));
        }
        for (device, queue) in self.queues.iter() {
            if queue.is_empty() || queue.iter().any(|id| !self.operations.contains(id)) {
                return Some(format!("{device}: somebody waits for nothing"));
            }
            if self.now.network_up && !self.is_busy(device) {
                return Some(format!("{device}: somebody waits, though it is free"));
            }
        }
        None
    }
}
