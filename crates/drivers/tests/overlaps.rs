//! Requests that overlap: while the network still owes an answer to one, something else happens to its parties.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod office;

use cordboard_core::Refusal;
use cordboard_core::call::PartState;
use cordboard_core::exchange::{
    Action, Actor, DriverCommand, DriverEvent, Output, Query, Registered, Reply, Settings,
};
use cordboard_core::ids::{CallId, LegId, MixId, Ticket};
use cordboard_drivers::rig::{Rig, whose};
use cordboard_drivers::sim::{CallsFate, Fault, FaultKind, Sim};
use office::{make, rig, rig_with, talking};
use std::collections::BTreeMap;
use std::time::Duration;

fn consult(rig: &mut Rig<Sim>, first: &CallId, device: &str, to: &str) -> CallId {
    match rig.does(Action::Consult(whose(first, device), to.into())) {
        Ok(Reply::Call(call)) => call.id,
        other => panic!("{other:?}"),
    }
}

/// A talks to B, who consults C; C answered.
fn consulting(rig: &mut Rig<Sim>) -> (CallId, CallId) {
    let first = talking(rig);
    let second = consult(rig, &first, "B", "1003");
    rig.does(Action::Answer(whose(&second, "C"))).unwrap();
    rig.heard();
    (first, second)
}

/// From now on the network answers two seconds late.
fn slow(rig: &mut Rig<Sim>) {
    let fault = Fault {
        on: "network".into(),
        kind: FaultKind::NetworkSlow(Duration::from_secs(2)),
    };
    rig.network.set_fault(fault, rig.now.instant);
}

/// The network goes away for a minute and comes back with every call it carried, no longer slow.
fn goes_away(rig: &mut Rig<Sim>) {
    let fault = Fault {
        on: "away".into(),
        kind: FaultKind::NetworkDown {
            calls: CallsFate::Kept,
        },
    };
    rig.network.set_fault(fault, rig.now.instant);
    rig.advance(Duration::from_secs(60));
    rig.network.clear_faults(None, rig.now.instant);
    rig.advance(Duration::ZERO);
}

fn ask(rig: &mut Rig<Sim>, action: Action) -> Ticket {
    rig.ask(Actor::Operator, "api", action)
}

/// The newest leg of a device.
fn leg(rig: &Rig<Sim>, device: &str) -> LegId {
    let legs = rig.network.live_legs();
    legs.filter(|(_, d)| d.is_some_and(|d| d.as_str() == device))
        .last()
        .unwrap()
        .0
}

fn hangs_up(rig: &mut Rig<Sim>, device: &str) {
    let leg = leg(rig, device);
    rig.network
        .phone_does(DriverEvent::Released(leg, 16), rig.now.instant);
    rig.advance(Duration::ZERO);
}

/// Which legs the driver was told to let hear each other.
fn mixes(rig: &Rig<Sim>) -> BTreeMap<LegId, MixId> {
    let mut mixes = BTreeMap::new();
    for output in &rig.outputs {
        match output {
            Output::Driver(DriverCommand::Join(mix, leg)) => {
                mixes.insert(*leg, *mix);
            }
            Output::Driver(DriverCommand::Leave(_, leg) | DriverCommand::Release { leg, .. }) => {
                mixes.remove(leg);
            }
            _ => {}
        }
    }
    mixes
}

fn hear_each_other(rig: &Rig<Sim>, devices: &[&str]) -> bool {
    let mixes = mixes(rig);
    let mut heard = devices.iter().map(|device| mixes.get(&leg(rig, device)));
    let first = heard.next().flatten();
    first.is_some() && heard.all(|mix| mix == first)
}

/// Ends what is left and sees that nothing stays.
fn ends_clean(rig: &mut Rig<Sim>) {
    rig.network.clear_faults(None, rig.now.instant);
    rig.advance(Duration::from_secs(30));
    let Ok(Reply::Calls(calls)) = rig.does(Action::Snapshot(Query::Calls)) else {
        panic!("calls can be read")
    };
    for call in calls {
        // A consultation may have ended with its first call.
        let _ = rig.does(Action::ReleaseCall(call.id));
    }
    rig.advance(Duration::from_secs(30));
    let Ok(Reply::Counts(counts)) = rig.does(Action::Snapshot(Query::Counts)) else {
        panic!("counts can be read")
    };
    assert_eq!((counts.calls, counts.legs, counts.operations), (0, 0, 0));
    assert_eq!(rig.exchange.next_deadline(rig.now), None);
}

// --- completions -------------------------------------------------------------------------------------------------------

#[test]
fn a_completion_whose_first_call_ends_meanwhile_is_refused_and_leaves_the_consultation() {
    for conference in [false, true] {
        let mut rig = rig();
        let (first, _) = consulting(&mut rig);
        slow(&mut rig);
        let at = whose(&first, "B");
        let ticket = ask(
            &mut rig,
            if conference {
                Action::CompleteConference(at)
            } else {
                Action::CompleteTransfer(at)
            },
        );
        rig.advance(Duration::from_secs(1));
        hangs_up(&mut rig, "A");
        assert_eq!(rig.answers.get(&ticket), Some(&Err(Refusal::NoSuchCall)));
        rig.advance(Duration::from_secs(10));
        assert_eq!(
            rig.heard(),
            [
                "c-1 1001 dropped [1002]",
                "c-1 1002 dropped [1001]",
                "c-1 ended normal"
            ]
        );
        assert!(hear_each_other(&rig, &["B", "C"]));
        ends_clean(&mut rig);
    }
}

#[test]
fn a_completion_whose_consultation_ends_meanwhile_is_refused_and_leaves_the_first_call() {
    let mut rig = rig();
    let (first, second) = consulting(&mut rig);
    slow(&mut rig);
    let ticket = ask(&mut rig, Action::CompleteTransfer(whose(&first, "B")));
    rig.advance(Duration::from_secs(1));
    ask(&mut rig, Action::ReleaseCall(second));
    rig.advance(Duration::from_secs(10));
    assert_eq!(rig.answers.get(&ticket), Some(&Err(Refusal::NoSuchCall)));
    assert_eq!(
        rig.heard(),
        [
            "c-2 1002 dropped [1003]",
            "c-2 1003 dropped [1002]",
            "c-2 ended normal"
        ]
    );
    rig.network.clear_faults(None, rig.now.instant);
    rig.does(Action::Retrieve(whose(&first, "B"))).unwrap();
    assert!(hear_each_other(&rig, &["A", "B"]));
    ends_clean(&mut rig);
}

// --- the other call of a device ----------------------------------------------------------------------------------------

#[test]
fn an_answer_goes_on_when_the_call_it_puts_on_hold_ends_meanwhile() {
    let mut rig = rig();
    talking(&mut rig);
    let second = rig.call("C", "1002").unwrap();
    rig.heard();
    slow(&mut rig);
    let ticket = ask(&mut rig, Action::Answer(whose(&second, "B")));
    rig.advance(Duration::from_secs(3));
    hangs_up(&mut rig, "A");
    rig.advance(Duration::from_secs(3));
    assert!(matches!(rig.answers.get(&ticket), Some(Ok(_))));
    assert_eq!(
        rig.heard(),
        [
            "c-1 1001 dropped [1002]",
            "c-1 1002 dropped [1001]",
            "c-1 ended normal",
            "c-2 1002 active [1003]",
            "c-2 1003 active [1002]"
        ]
    );
    assert!(hear_each_other(&rig, &["B", "C"]));
    ends_clean(&mut rig);
}

#[test]
fn a_retrieve_goes_on_when_the_call_it_puts_on_hold_ends_meanwhile() {
    let mut rig = rig();
    let first = talking(&mut rig);
    let second = rig.call("C", "1002").unwrap();
    rig.does(Action::Answer(whose(&second, "B"))).unwrap();
    rig.heard();
    slow(&mut rig);
    let ticket = ask(&mut rig, Action::Retrieve(whose(&first, "B")));
    rig.advance(Duration::from_secs(1));
    hangs_up(&mut rig, "C");
    rig.advance(Duration::from_secs(3));
    assert!(matches!(rig.answers.get(&ticket), Some(Ok(_))));
    assert_eq!(
        rig.heard(),
        [
            "c-2 1003 dropped [1002]",
            "c-2 1002 dropped [1003]",
            "c-2 ended normal",
            "c-1 1002 active [1001]"
        ]
    );
    ends_clean(&mut rig);
}

#[test]
fn a_shared_line_whose_answering_phone_goes_before_it_is_heard_ends_the_call() {
    let mut rig = rig();
    let call = rig.call("A", "1100").unwrap();
    rig.heard();
    slow(&mut rig);
    let ticket = ask(&mut rig, Action::Answer(whose(&call, "S2")));
    rig.advance(Duration::from_secs(3));
    hangs_up(&mut rig, "S2");
    rig.advance(Duration::from_secs(3));
    assert!(matches!(rig.answers.get(&ticket), Some(Err(_))));
    assert_eq!(
        rig.heard(),
        [
            "c-1 1100 dropped [1001]",
            "c-1 1100 dropped [1001]",
            "c-1 1001 dropped [1100]",
            "c-1 ended normal"
        ]
    );
    ends_clean(&mut rig);
}

#[test]
fn a_shared_line_still_being_reached_goes_along_with_a_completion() {
    let mut rig = rig();
    let first = talking(&mut rig);
    let late = Fault {
        on: "device:S2".into(),
        kind: FaultKind::DeviceSlow("S2".into(), Duration::from_secs(2)),
    };
    rig.network.set_fault(late, rig.now.instant);
    consult(&mut rig, &first, "B", "1100");
    rig.heard();
    rig.does(Action::CompleteTransfer(whose(&first, "B")))
        .unwrap();
    assert_eq!(
        rig.heard(),
        [
            "c-1 1002 dropped [1001]",
            "c-1 1100 alerting [1001]",
            "c-1 1001 active [1100]",
            "c-2 1002 dropped [1100]",
            "c-2 1100 dropped [1002]",
            "c-2 ended transferred into c-1"
        ]
    );
    rig.advance(Duration::from_secs(2));
    assert_eq!(rig.heard(), ["c-1 1100 alerting [1001]"]);
    rig.network.clear_faults(None, rig.now.instant);
    rig.does(Action::Answer(whose(&first, "S2"))).unwrap();
    assert!(hear_each_other(&rig, &["A", "S2"]));
    ends_clean(&mut rig);
}

#[test]
fn a_completion_whose_consultation_fails_meanwhile_is_refused() {
    let mut rig = rig();
    let (first, second) = consulting(&mut rig);
    rig.does(Action::Release(whose(&second, "C"))).unwrap();
    rig.does(Action::Retrieve(whose(&first, "B"))).unwrap();
    let third = consult(&mut rig, &first, "B", "1004");
    rig.heard();
    slow(&mut rig);
    let ticket = ask(&mut rig, Action::CompleteConference(whose(&first, "B")));
    rig.advance(Duration::from_secs(1));
    ask(&mut rig, Action::Reject(whose(&third, "D")));
    rig.advance(Duration::from_secs(3));
    assert_eq!(rig.answers.get(&ticket), Some(&Err(Refusal::NoSuchCall)));
    assert_eq!(
        rig.heard(),
        [
            "c-3 1004 dropped [1002]",
            "c-3 1002 failed [1004]",
            "c-3 ended rejected"
        ]
    );
    ends_clean(&mut rig);
}

#[test]
fn a_conference_does_not_take_a_phone_from_the_call_it_places() {
    let mut rig = rig();
    let first = talking(&mut rig);
    // B places a call on the path of the held one; a consultation needs a path of its own then.
    rig.call("B", "1003").unwrap();
    let second = consult(&mut rig, &first, "B", "1004");
    rig.does(Action::Answer(whose(&second, "D"))).unwrap();
    rig.heard();
    assert_eq!(
        rig.does(Action::CompleteConference(whose(&first, "B"))),
        Err(Refusal::WrongState(PartState::Initiated))
    );
    assert_eq!(rig.heard(), Vec::<String>::new());
    ends_clean(&mut rig);
}

// --- blind transfers ---------------------------------------------------------------------------------------------------

#[test]
fn a_call_whose_other_party_hangs_up_during_a_blind_transfer_ends_and_nobody_is_rung_for_nothing() {
    for (to, device) in [
        ("1003", "A"),
        ("5550109", "A"),
        ("1100", "A"),
        ("1003", "B"),
    ] {
        let mut rig = rig();
        let call = talking(&mut rig);
        slow(&mut rig);
        let ticket = ask(
            &mut rig,
            Action::BlindTransfer(whose(&call, "B"), to.into()),
        );
        rig.advance(Duration::from_secs(1));
        hangs_up(&mut rig, device);
        assert_eq!(rig.answers.get(&ticket).map(Result::is_err), Some(true));
        rig.advance(Duration::from_secs(10));
        let (mine, its) = match device {
            "A" => ("1001", "1002"),
            _ => ("1002", "1001"),
        };
        assert_eq!(
            rig.heard(),
            [
                format!("c-1 {mine} dropped [{its}]"),
                format!("c-1 {its} dropped [{mine}]"),
                "c-1 ended normal".to_owned()
            ]
        );
        assert_eq!(rig.network.live_legs().count(), 0);
        ends_clean(&mut rig);
    }
}

#[test]
fn a_party_that_leaves_a_conference_during_a_blind_transfer_leaves_the_transfer_alone() {
    let mut rig = rig();
    let (first, _) = consulting(&mut rig);
    rig.does(Action::CompleteConference(whose(&first, "B")))
        .unwrap();
    rig.heard();
    slow(&mut rig);
    let ticket = ask(
        &mut rig,
        Action::BlindTransfer(whose(&first, "B"), "1004".into()),
    );
    rig.advance(Duration::from_secs(1));
    hangs_up(&mut rig, "A");
    assert_eq!(
        rig.heard(),
        [
            "c-1 1001 dropped [1002,1003]",
            "c-1 1002 active [1003]",
            "c-1 1003 active [1002]"
        ]
    );
    rig.advance(Duration::from_secs(1));
    assert!(matches!(rig.answers.get(&ticket), Some(Ok(_))));
    assert_eq!(
        rig.heard(),
        [
            "c-1 1002 dropped [1003]",
            "c-1 1003 active [1004]",
            "c-1 1004 alerting [1003]"
        ]
    );
    ends_clean(&mut rig);
}

#[test]
fn a_transferor_who_leaves_a_conference_takes_the_transfer_along() {
    let mut rig = rig();
    let (first, _) = consulting(&mut rig);
    rig.does(Action::CompleteConference(whose(&first, "B")))
        .unwrap();
    rig.heard();
    slow(&mut rig);
    let ticket = ask(
        &mut rig,
        Action::BlindTransfer(whose(&first, "B"), "1004".into()),
    );
    rig.advance(Duration::from_secs(1));
    ask(&mut rig, Action::Release(whose(&first, "B")));
    assert_eq!(rig.answers.get(&ticket), Some(&Err(Refusal::NoSuchCall)));
    rig.advance(Duration::from_secs(10));
    assert_eq!(
        rig.heard(),
        [
            "c-1 1002 dropped [1001,1003]",
            "c-1 1001 active [1003]",
            "c-1 1003 active [1001]"
        ]
    );
    assert_eq!(rig.network.live_legs().count(), 2);
    ends_clean(&mut rig);
}

#[test]
fn who_waits_for_a_ringing_phone_cannot_leave_it_ringing_for_nobody() {
    let mut rig = rig();
    let call = talking(&mut rig);
    rig.does(Action::BlindTransfer(whose(&call, "B"), "1003".into()))
        .unwrap();
    rig.heard();
    let refusal = Err(Refusal::WrongState(PartState::Active));
    let transfer = Action::BlindTransfer(whose(&call, "A"), "1004".into());
    assert_eq!(rig.does(transfer), refusal);
    let second = consult(&mut rig, &call, "A", "1004");
    rig.heard();
    let complete = Action::CompleteTransfer(whose(&call, "A"));
    let refusal = Err(Refusal::WrongState(PartState::Initiated));
    assert_eq!(rig.does(complete.clone()), refusal);
    assert_eq!(rig.heard(), Vec::<String>::new());
    rig.does(Action::Answer(whose(&second, "D"))).unwrap();
    rig.heard();
    rig.does(complete).unwrap();
    assert_eq!(
        rig.heard(),
        [
            "c-1 1001 dropped [1003]",
            "c-1 1004 active [1003]",
            "c-1 1003 alerting [1004]",
            "c-2 1001 dropped [1004]",
            "c-2 1004 dropped [1001]",
            "c-2 ended transferred into c-1"
        ]
    );
    ends_clean(&mut rig);
}

// --- several new calls at once -----------------------------------------------------------------------------------------

#[test]
fn a_second_call_asked_for_at_once_comes_after_the_first_is_dialled() {
    let mut rig = rig();
    slow(&mut rig);
    let first = ask(&mut rig, make("A", "1002"));
    let second = ask(&mut rig, make("A", "1003"));
    rig.advance(Duration::from_secs(2));
    assert!(matches!(rig.answers.get(&first), Some(Ok(_))));
    assert_eq!(rig.answers.get(&second), None);
    rig.advance(Duration::from_secs(4));
    assert!(matches!(rig.answers.get(&second), Some(Ok(_))));
    assert_eq!(
        rig.heard(),
        [
            "c-1 created",
            "c-1 1001 initiating [1002]",
            "c-1 1001 initiated [1002]",
            "c-1 1002 alerting [1001]",
            "c-2 created",
            "c-2 1001 initiating [1003]",
            "c-2 1001 initiated [1003]",
            "c-2 1003 alerting [1001]"
        ]
    );
    ends_clean(&mut rig);
}

#[test]
fn the_first_of_two_calls_asked_for_at_once_holds_the_active_one() {
    let mut rig = rig();
    talking(&mut rig);
    slow(&mut rig);
    let first = ask(&mut rig, make("A", "1003"));
    let second = ask(&mut rig, make("A", "1004"));
    rig.advance(Duration::from_secs(6));
    assert!(matches!(rig.answers.get(&first), Some(Ok(_))));
    assert!(matches!(rig.answers.get(&second), Some(Ok(_))));
    assert_eq!(
        rig.heard(),
        [
            "c-2 created",
            "c-1 1001 held [1002]",
            "c-2 1001 initiating [1003]",
            "c-2 1001 initiated [1003]",
            "c-2 1003 alerting [1001]",
            "c-3 created",
            "c-3 1001 initiating [1004]",
            "c-3 1001 initiated [1004]",
            "c-3 1004 alerting [1001]"
        ]
    );
    ends_clean(&mut rig);
}

#[test]
fn a_second_call_asked_for_at_once_ends_the_tone_of_a_first_that_failed() {
    let mut rig = rig();
    slow(&mut rig);
    ask(&mut rig, make("A", "1001"));
    ask(&mut rig, make("A", "1003"));
    rig.advance(Duration::from_secs(6));
    assert_eq!(
        rig.heard(),
        [
            "c-1 created",
            "c-1 1001 initiating [1001]",
            "c-1 1001 initiated [1001]",
            "c-1 1001 failed [1001]",
            "c-1 ended busy",
            "c-2 created",
            "c-1 1001 dropped [1001]",
            "c-2 1001 initiating [1003]",
            "c-2 1001 initiated [1003]",
            "c-2 1003 alerting [1001]"
        ]
    );
    ends_clean(&mut rig);
}

#[test]
fn a_second_call_goes_on_when_the_first_is_refused() {
    let mut rig = rig();
    slow(&mut rig);
    let first = ask(&mut rig, make("A", "1002"));
    let second = ask(&mut rig, make("A", "1003"));
    hangs_up(&mut rig, "A");
    assert!(matches!(rig.answers.get(&first), Some(Err(_))));
    rig.advance(Duration::from_secs(4));
    assert!(matches!(rig.answers.get(&second), Some(Ok(_))));
    assert_eq!(
        rig.heard(),
        [
            "c-1 created",
            "c-1 1001 initiating [1003]",
            "c-1 1001 initiated [1003]",
            "c-1 1003 alerting [1001]"
        ]
    );
    ends_clean(&mut rig);
}

#[test]
fn calls_that_wait_for_their_turn_count_as_calls_of_the_phone() {
    let mut rig = rig();
    slow(&mut rig);
    let tickets: Vec<Ticket> = (0..5).map(|_| ask(&mut rig, make("A", "1003"))).collect();
    assert_eq!(rig.answers.len(), 1);
    assert_eq!(
        rig.answers.get(&tickets[4]),
        Some(&Err(Refusal::TooManyCalls))
    );
    rig.advance(Duration::from_secs(30));
    assert_eq!(rig.answers.len(), 5, "none is left waiting");
    assert_eq!(
        rig.answers.get(&tickets[3]),
        Some(&Err(Refusal::NetworkSilent)),
        "a turn that does not come in time is given up"
    );
    ends_clean(&mut rig);
}

#[test]
fn a_new_call_goes_on_when_the_one_it_puts_on_hold_ends_meanwhile() {
    let mut rig = rig();
    talking(&mut rig);
    slow(&mut rig);
    let ticket = ask(&mut rig, make("A", "1003"));
    rig.advance(Duration::from_secs(1));
    hangs_up(&mut rig, "B");
    rig.advance(Duration::from_secs(5));
    assert!(matches!(rig.answers.get(&ticket), Some(Ok(_))));
    assert_eq!(
        rig.heard(),
        [
            "c-1 1002 dropped [1001]",
            "c-1 1001 dropped [1002]",
            "c-1 ended normal",
            "c-2 created",
            "c-2 1001 initiating [1003]",
            "c-2 1001 initiated [1003]",
            "c-2 1003 alerting [1001]"
        ]
    );
    ends_clean(&mut rig);
}

#[test]
fn calls_on_their_way_to_a_phone_count_for_its_busy_trigger() {
    let mut rig = rig();
    slow(&mut rig);
    for device in ["A", "C", "D"] {
        ask(&mut rig, make(device, "1002"));
    }
    rig.advance(Duration::from_secs(4));
    assert_eq!(
        rig.heard(),
        [
            "c-1 created",
            "c-1 1001 initiating [1002]",
            "c-1 1001 initiated [1002]",
            "c-2 created",
            "c-2 1003 initiating [1002]",
            "c-2 1003 initiated [1002]",
            "c-3 created",
            "c-3 1004 initiating [1002]",
            "c-3 1004 initiated [1002]",
            "c-3 1004 failed [1002]",
            "c-3 ended busy",
            "c-1 1002 alerting [1001]",
            "c-2 1002 alerting [1003]"
        ]
    );
    ends_clean(&mut rig);
}

#[test]
fn calls_that_are_about_to_come_count_for_the_capacity() {
    let mut rig = rig_with(Settings {
        capacity: 2,
        ..Settings::default()
    });
    slow(&mut rig);
    let tickets = ["A", "B", "C"].map(|device| ask(&mut rig, make(device, "5550108")));
    assert_eq!(rig.answers.len(), 1);
    assert_eq!(
        rig.answers.get(&tickets[2]),
        Some(&Err(Refusal::Overloaded))
    );
    rig.advance(Duration::from_secs(5));
    assert!(matches!(rig.answers.get(&tickets[1]), Some(Ok(_))));
    ends_clean(&mut rig);
}

// --- the network goes away ---------------------------------------------------------------------------------------------

/// Asks, lets the network go away before it can confirm, and tells what was published meanwhile.
fn broken_off(rig: &mut Rig<Sim>, action: Action) -> Vec<String> {
    slow(rig);
    let ticket = ask(rig, action);
    rig.advance(Duration::from_secs(1));
    goes_away(rig);
    assert_eq!(rig.answers.get(&ticket), Some(&Err(Refusal::NetworkDown)));
    rig.heard()
}

#[test]
fn what_the_network_broke_off_is_put_back_when_it_returns() {
    let nothing = ["network.down", "network.up"];

    let mut rig = rig();
    assert_eq!(broken_off(&mut rig, make("A", "1002")), nothing);
    assert_eq!(rig.network.live_legs().count(), 0, "the phone is on-hook");

    let first = talking(&mut rig);
    for action in [
        Action::Hold(whose(&first, "B")),
        Action::BlindTransfer(whose(&first, "B"), "1003".into()),
        Action::Consult(whose(&first, "B"), "1003".into()),
    ] {
        assert_eq!(broken_off(&mut rig, action), nothing);
        assert!(hear_each_other(&rig, &["A", "B"]));
        assert_eq!(rig.network.live_legs().count(), 2);
    }
    rig.does(Action::Hold(whose(&first, "B"))).unwrap();
    rig.heard();
    assert_eq!(
        broken_off(&mut rig, Action::Retrieve(whose(&first, "B"))),
        nothing
    );
    assert!(!hear_each_other(&rig, &["A", "B"]));
    rig.does(Action::Retrieve(whose(&first, "B"))).unwrap();
    let second = consult(&mut rig, &first, "B", "1003");
    rig.does(Action::Answer(whose(&second, "C"))).unwrap();
    rig.heard();
    for action in [
        Action::CompleteTransfer(whose(&first, "B")),
        Action::CompleteConference(whose(&first, "B")),
    ] {
        assert_eq!(broken_off(&mut rig, action), nothing);
        assert!(hear_each_other(&rig, &["B", "C"]));
    }
    rig.does(Action::CompleteConference(whose(&first, "B")))
        .unwrap();
    assert!(hear_each_other(&rig, &["A", "B", "C"]));
    ends_clean(&mut rig);
}

#[test]
fn an_answer_the_network_broke_off_ends_when_it_returns_and_the_held_call_is_active_again() {
    let mut rig = rig();
    talking(&mut rig);
    let second = rig.call("C", "1002").unwrap();
    rig.heard();
    slow(&mut rig);
    let ticket = ask(&mut rig, Action::Answer(whose(&second, "B")));
    rig.advance(Duration::from_secs(3));
    goes_away(&mut rig);
    assert_eq!(rig.answers.get(&ticket), Some(&Err(Refusal::NetworkDown)));
    assert_eq!(
        rig.heard(),
        [
            "network.down",
            "network.up",
            "c-2 1002 dropped [1003]",
            "c-2 1003 dropped [1002]",
            "c-2 ended network"
        ]
    );
    assert!(hear_each_other(&rig, &["A", "B"]));
    ends_clean(&mut rig);
}

#[test]
fn a_ringing_phone_that_was_asked_to_answer_rings_on_when_the_network_returns() {
    let mut rig = rig();
    let call = rig.call("A", "1002").unwrap();
    rig.heard();
    let heard = broken_off(&mut rig, Action::Answer(whose(&call, "B")));
    assert_eq!(heard, ["network.down", "network.up"]);
    rig.advance(Duration::from_secs(180));
    assert_eq!(
        rig.heard(),
        [
            "c-1 1002 dropped [1001]",
            "c-1 1001 dropped [1002]",
            "c-1 ended no_answer"
        ]
    );
    ends_clean(&mut rig);
}

#[test]
fn a_network_that_only_lists_itself_again_breaks_nothing_off() {
    let mut rig = rig();
    let call = talking(&mut rig);
    slow(&mut rig);
    let ticket = ask(&mut rig, Action::Hold(whose(&call, "A")));
    let listed = DriverEvent::NetworkUp {
        legs: rig.network.live_legs().map(|(leg, _)| leg).collect(),
        devices: Registered::AllBut(Default::default()),
    };
    rig.network.phone_does(listed, rig.now.instant);
    rig.advance(Duration::from_secs(2));
    assert!(matches!(rig.answers.get(&ticket), Some(Ok(_))));
    assert_eq!(rig.heard(), ["c-1 1001 held [1002]"]);
    ends_clean(&mut rig);
}
