//! An opinion of its own on what the exchange says: every state is worked out again from events and stored records.
//! [exchange §3, §4, §7]

// Each test program uses its own part of this.
#![allow(dead_code, reason = "shared by several test programs")]

use cordboard_core::call::{CallRecord, CallState, ConnectionRecord, PartState, PartView};
use cordboard_core::exchange::{Action, Event, EventKind, MobilityLogin, Query, Record, Reply};
use cordboard_core::ids::{CallId, DeviceName, DirectoryNumber, PartId, Ticket};
use cordboard_drivers::Driver;
use cordboard_drivers::rig::{Rig, describe};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What was published of a call.
#[derive(Default)]
struct Heard {
    alerted: bool,
    answered: bool,
    ended: bool,
}

/// What must hold of everything that was ever published, stored and shown.
#[derive(Default)]
pub(crate) struct Judge {
    last: Option<u64>,
    calls: BTreeMap<CallId, Heard>,
    parts: BTreeMap<(CallId, PartId), PartView>,
    stored: BTreeMap<CallId, CallRecord>,
    /// Who sits where, by the device in small letters: as told, and as stored.
    seats: BTreeMap<String, String>,
    stored_seats: BTreeMap<String, String>,
    tickets: Vec<Ticket>,
}

impl Judge {
    /// Remembers a ticket that must have been answered in the end.
    pub(crate) fn expects(&mut self, ticket: Ticket) {
        self.tickets.push(ticket);
    }

    /// How many calls there were.
    pub(crate) fn calls(&self) -> usize {
        self.calls.len()
    }

    /// The devices' live parts.
    pub(crate) fn live(&self) -> Vec<(CallId, DeviceName, PartState)> {
        let live = self.parts.values().filter(|p| p.state.is_live());
        live.filter_map(|p| Some((p.call.clone(), p.device.clone()?, p.state)))
            .collect()
    }

    /// Reads everything new, and compares it with what the exchange shows now.
    pub(crate) fn look<D: Driver>(&mut self, rig: &mut Rig<D>) {
        let shown = match rig.does(Action::Snapshot(Query::Calls)) {
            Ok(Reply::Calls(calls)) => calls,
            other => panic!("{other:?}"),
        };
        for event in rig.events.drain(..) {
            self.hear(&event);
        }
        for record in rig.saves.drain(..) {
            match record {
                Record::Call(call) => {
                    self.stored.insert(call.id.clone(), *call);
                }
                Record::Login(login) => {
                    let (device, user) = small(&login);
                    self.stored_seats.insert(device, user);
                }
                Record::Logout(ended) => {
                    self.stored_seats.remove(&small(&ended.login).0);
                }
                Record::Counters(_) | Record::Takeover(_) | Record::TakeoverOver(_) => {}
            }
        }
        self.look_at_seats(rig);
        for call in &shown {
            self.compare(call);
            if !rig.store_refuses {
                self.compare_stored(call);
            }
        }
        let shown: BTreeSet<&CallId> = shown.iter().map(|call| &call.id).collect();
        for ((call, part), view) in &self.parts {
            let gone = view.state == PartState::Dropped;
            assert!(
                gone || shown.contains(call),
                "{call} {part:?} was left {}",
                view.state
            );
        }
        for (call, heard) in &self.calls {
            assert!(
                heard.ended || shown.contains(call),
                "{call} vanished without an end"
            );
        }
    }

    /// Who sits where is what was told of it, and what was stored.
    fn look_at_seats<D: Driver>(&self, rig: &mut Rig<D>) {
        let Ok(Reply::Logins(shown)) = rig.does(Action::Snapshot(Query::Logins)) else {
            panic!("logins can be read")
        };
        let shown: BTreeMap<String, String> = shown.iter().map(small).collect();
        assert_eq!(shown, self.seats);
        if !rig.store_refuses {
            assert_eq!(shown, self.stored_seats);
        }
    }

    fn hear(&mut self, event: &Event) {
        if let Some(last) = self.last {
            assert_eq!(event.sequence, last + 1, "sequence numbers have no gaps");
        }
        self.last = Some(event.sequence);
        match &event.kind {
            EventKind::CallCreated { call } => {
                let twice = self.calls.insert(call.clone(), Heard::default());
                assert!(twice.is_none(), "{call} was created twice");
            }
            EventKind::Part(part) => self.hear_part(event, part),
            EventKind::CallEnded { call, .. } => {
                let heard = self.calls.get_mut(call).expect("what ends was created");
                assert!(!heard.ended, "{call} ended twice");
                heard.ended = true;
            }
            EventKind::Reset => {
                self.calls.clear();
                self.parts.clear();
                self.stored.clear();
                self.seats.clear();
                self.stored_seats.clear();
            }
            EventKind::MobilityLogin(login) => {
                let (device, user) = small(login);
                let other = self.seats.insert(device, user);
                assert_eq!(other, None, "nobody sits on somebody");
            }
            EventKind::MobilityLogout(ended) => {
                let (device, user) = small(&ended.login);
                assert_eq!(
                    self.seats.remove(&device),
                    Some(user),
                    "who leaves was there"
                );
            }
            EventKind::DeviceUp(_)
            | EventKind::DeviceDown(_)
            | EventKind::MobilityTakeover(_)
            | EventKind::NetworkUp
            | EventKind::NetworkDown
            | EventKind::DirectoryChanged => {}
        }
    }

    fn hear_part(&mut self, event: &Event, part: &PartView) {
        let words = describe(event);
        let call = self
            .calls
            .get_mut(&part.call)
            .unwrap_or_else(|| panic!("a part of an unknown call: {words}"));
        call.alerted |= part.state == PartState::Alerting;
        call.answered |= part.state == PartState::Active;
        let key = (part.call.clone(), part.part);
        let before = self.parts.insert(key, part.clone());
        if let Some(before) = &before {
            assert!(
                (before.state, &before.others) != (part.state, &part.others),
                "told twice: {words}"
            );
            assert_eq!(
                (&before.number, &before.device, before.started),
                (&part.number, &part.device, part.started),
                "a part keeps what it began with: {words}"
            );
        }
        let was = before.map(|b| b.state);
        assert!(fits(was, part.state), "{was:?} → {words}");
    }

    /// What was told of each part against the record, and the record against the rules.
    fn compare(&self, call: &CallRecord) {
        let heard = self.calls.get(&call.id).expect("what is shown was created");
        let mut live = Vec::new();
        for connection in &call.connections {
            let Some(part) = connection.part else {
                continue;
            };
            let told = self
                .parts
                .get(&(call.id.clone(), part))
                .unwrap_or_else(|| panic!("{} {part:?} was never told", call.id));
            assert_eq!(told.state, connection.state, "{} {part:?}", call.id);
            if told.state.is_live() {
                live.push(told);
            }
        }
        assert_eq!(call.ended.is_some(), heard.ended, "{}", call.id);
        assert_eq!(call.state, state(heard, &live), "{}: {call:?}", call.id);
        if heard.ended {
            let only_tones = live.iter().all(|p| p.state == PartState::Failed);
            assert!(only_tones, "an ended call has a live part: {call:?}");
            return;
        }
        let parties = parties(call, &live);
        assert!(parties >= 2, "a call of {parties} stays: {call:?}");
        let somebody = |p: &&PartView| matches!(p.state, PartState::Active | PartState::Held);
        assert!(
            !heard.answered || live.iter().any(somebody),
            "phones ring for nobody: {call:?}"
        );
        for part in &live {
            others(call, part, &live);
        }
    }

    /// What a restart would find. Going off-hook and a tone's end are not worth a save.
    fn compare_stored(&self, call: &CallRecord) {
        let stored = self.stored.get(&call.id).expect("what is shown was stored");
        assert_eq!(stored.ended, call.ended, "{}", call.id);
        let states = |record: &CallRecord| -> Vec<(PartId, PartState)> {
            let parts = record.connections.iter();
            parts.filter_map(|c| Some((c.part?, c.state))).collect()
        };
        let (stored, shown) = (states(stored), states(call));
        assert_eq!(stored.len(), shown.len(), "{}", call.id);
        for (stored, shown) in stored.into_iter().zip(shown) {
            let off_hook = stored.1 == PartState::Initiating && shown.1 == PartState::Initiated;
            assert!(
                stored == shown || (stored.0 == shown.0 && off_hook),
                "{}: stored {stored:?}, shown {shown:?}",
                call.id
            );
        }
    }

    /// Everything has come to its end.
    pub(crate) fn all_is_over<D: Driver>(&self, rig: &Rig<D>) {
        for ticket in &self.tickets {
            assert!(
                rig.answers.contains_key(ticket),
                "{ticket:?} was never answered"
            );
        }
        for (call, heard) in &self.calls {
            assert!(heard.ended, "{call} never ended");
        }
        for ((call, part), view) in &self.parts {
            assert_eq!(view.state, PartState::Dropped, "{call} {part:?}");
        }
    }
}

/// The call as a whole, from what its parts were told.
fn state(heard: &Heard, live: &[&PartView]) -> CallState {
    let count = |state| live.iter().filter(|p| p.state == state).count();
    if heard.ended {
        CallState::Ended
    } else if !heard.answered {
        if heard.alerted {
            CallState::Alerting
        } else {
            CallState::Initiated
        }
    } else if count(PartState::Held) > 0 && count(PartState::Active) <= 1 {
        CallState::Held
    } else {
        CallState::Connected
    }
}

/// The line of two phones in these stories. One of them may still be reached when the other has stopped ringing already.
const SHARED: &str = "1100";

/// A party that is being reached and has no part yet.
fn is_reached_for(connection: &ConnectionRecord) -> bool {
    let another = connection.number.digits.as_str() == SHARED && !connection.calling;
    match connection.part {
        None => connection.state == PartState::Initiating,
        Some(_) => connection.state == PartState::Dropped && another,
    }
}

/// How many take part: those in the conversation or on their way into it, each number that rings, each number that is being
/// reached and that the others were told of.
fn parties(call: &CallRecord, live: &[&PartView]) -> usize {
    let (ringing, there): (Vec<&PartView>, Vec<&PartView>) =
        live.iter().partition(|p| p.state == PartState::Alerting);
    let (devices, outside): (Vec<&PartView>, Vec<&PartView>) =
        ringing.into_iter().partition(|p| p.device.is_some());
    let lines: BTreeSet<&DirectoryNumber> = devices.iter().map(|p| &p.number).collect();
    let reached: BTreeSet<&DirectoryNumber> = call
        .connections
        .iter()
        .filter(|c| is_reached_for(c))
        .filter(|c| c.part.is_none() || !live.iter().any(|p| p.inbound && p.number == c.number))
        .filter(|c| live.iter().any(|part| part.others.contains(&c.number)))
        .map(|c| &c.number)
        .collect();
    there.len() + outside.len() + lines.len() + reached.len()
}

/// A live part knows everybody else who takes part, and nobody who does not; all know them in one order.
fn others(call: &CallRecord, part: &PartView, live: &[&PartView]) {
    let known: BTreeSet<&DirectoryNumber> = part.others.iter().collect();
    for other in live.iter().filter(|o| o.number != part.number) {
        assert!(
            known.contains(&other.number),
            "{:?} does not know {}: {call:?}",
            part.part,
            other.number
        );
    }
    for number in &part.others {
        let takes_part = live.iter().any(|o| o.number == *number)
            || call
                .connections
                .iter()
                .any(|c| is_reached_for(c) && c.number == *number);
        assert!(
            takes_part,
            "{:?} knows {number}, who is not there: {call:?}",
            part.part
        );
    }
    let place = |list: &[DirectoryNumber], number| list.iter().position(|n| n == number);
    for other in live {
        let shared: Vec<Option<usize>> = part
            .others
            .iter()
            // A number that takes part twice has two places.
            .filter(|n| live.iter().filter(|l| l.number == **n).count() == 1)
            .map(|n| place(&other.others, n))
            .filter(Option::is_some)
            .collect();
        assert!(
            shared.is_sorted(),
            "{:?} and {:?} know others in different orders: {call:?}",
            part.part,
            other.part
        );
    }
}

/// The states a part may be seen to go through.
fn fits(before: Option<PartState>, after: PartState) -> bool {
    use PartState as S;
    match (before, after) {
        (None, S::Initiating | S::Alerting | S::Active | S::Held)
        | (Some(S::Initiating), S::Initiating | S::Initiated | S::Dropped)
        | (Some(S::Initiated), S::Initiated | S::Active | S::Failed | S::Dropped)
        | (Some(S::Alerting), S::Alerting | S::Active | S::Dropped)
        | (Some(S::Active), S::Active | S::Held | S::Dropped)
        | (Some(S::Held), S::Held | S::Active | S::Dropped)
        | (Some(S::Failed), S::Dropped) => true,
        (None, S::Initiated | S::Failed | S::Dropped)
        | (Some(S::Initiating), S::Alerting | S::Active | S::Held | S::Failed)
        | (Some(S::Initiated), S::Initiating | S::Alerting | S::Held)
        | (Some(S::Alerting), S::Initiating | S::Initiated | S::Held | S::Failed)
        | (Some(S::Active | S::Held), S::Initiating | S::Initiated | S::Alerting | S::Failed)
        | (Some(S::Failed | S::Dropped), _) => false,
    }
}

/// Lets everything come to its end: the network is well again, every call is released, and nothing is left behind.
pub(crate) fn wind_up<D: Driver>(rig: &mut Rig<D>, judge: &mut Judge) {
    rig.store_refuses = false;
    rig.advance(Duration::from_secs(30));
    for round in 0..20 {
        judge.look(rig);
        let Ok(Reply::Calls(calls)) = rig.does(Action::Snapshot(Query::Calls)) else {
            panic!("calls can be read")
        };
        if calls.is_empty() {
            break;
        }
        assert!(round < 19, "calls do not end: {calls:?}");
        for call in calls {
            // Some end with an earlier one.
            let _ = rig.does(Action::ReleaseCall(call.id));
            judge.look(rig);
        }
        rig.advance(Duration::from_secs(60));
    }
    judge.look(rig);
    judge.all_is_over(rig);
    let Ok(Reply::Counts(counts)) = rig.does(Action::Snapshot(Query::Counts)) else {
        panic!("counts can be read")
    };
    assert_eq!(
        (counts.calls, counts.legs, counts.operations),
        (0, 0, 0),
        "nothing is left behind"
    );
    assert_eq!(
        rig.exchange.next_deadline(rig.now),
        None,
        "no timer is left"
    );
}

/// Device and user of a login, in small letters.
fn small(login: &MobilityLogin) -> (String, String) {
    let device = login.device.as_str().to_lowercase();
    (device, login.user.as_str().to_lowercase())
}
