//! A store that refuses: what was asked for is taken back as if it had never been asked; facts of the network stay.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod office;

use cordboard_core::Refusal;
use cordboard_core::call::{CallState, ConnectionRecord};
use cordboard_core::exchange::{Action, DriverEvent, Query, Reply};
use cordboard_core::ids::CallId;
use cordboard_drivers::rig::{Rig, whose};
use cordboard_drivers::sim::Sim;
use office::{make, rig, talking};
use std::time::Duration;

/// B talks to A and consults C, who answered.
fn consulting(rig: &mut Rig<Sim>) -> CallId {
    let first = talking(rig);
    let second = match rig.does(Action::Consult(whose(&first, "B"), "1003".into())) {
        Ok(Reply::Call(call)) => call.id,
        other => panic!("{other:?}"),
    };
    rig.does(Action::Answer(whose(&second, "C"))).unwrap();
    rig.heard();
    first
}

/// Asks while the store refuses, then again when it is back; then ends everything.
fn is_taken_back(rig: &mut Rig<Sim>, action: Action, expected: &[&str]) {
    let before = parts(rig);
    let saved = rig.saves.len();
    rig.store_refuses = true;
    assert_eq!(
        rig.does(action.clone()),
        Err(Refusal::StoreUnavailable),
        "{action:?}"
    );
    assert_eq!(rig.heard(), Vec::<String>::new(), "{action:?}");
    assert_eq!(parts(rig), before);
    rig.store_refuses = false;
    rig.advance(Duration::ZERO);
    assert_eq!(rig.saves.len(), saved, "{action:?}");
    assert!(rig.does(action.clone()).is_ok(), "{action:?} a second time");
    assert_eq!(rig.heard(), expected, "{action:?} a second time");
    nothing_stays(rig);
}

/// Every call's parties and parts; its story may tell what was tried.
fn parts(rig: &mut Rig<Sim>) -> Vec<(CallState, Vec<ConnectionRecord>)> {
    let Ok(Reply::Calls(calls)) = rig.does(Action::Snapshot(Query::Calls)) else {
        panic!("calls can be read")
    };
    calls
        .into_iter()
        .map(|call| (call.state, call.connections))
        .collect()
}

fn nothing_stays(rig: &mut Rig<Sim>) {
    let Ok(Reply::Calls(calls)) = rig.does(Action::Snapshot(Query::Calls)) else {
        panic!("calls can be read")
    };
    for call in calls {
        // A consultation may have ended with its first call.
        let _ = rig.does(Action::ReleaseCall(call.id));
    }
    let Ok(Reply::Counts(counts)) = rig.does(Action::Snapshot(Query::Counts)) else {
        panic!("counts can be read")
    };
    assert_eq!((counts.calls, counts.legs, counts.operations), (0, 0, 0));
    assert_eq!(rig.network.live_legs().count(), 0);
    assert_eq!(rig.exchange.next_deadline(rig.now), None);
}

#[test]
fn a_call_that_cannot_be_stored_was_never_made() {
    is_taken_back(
        &mut rig(),
        make("A", "1002"),
        &[
            "c-1 created",
            "c-1 1001 initiating [1002]",
            "c-1 1001 initiated [1002]",
            "c-1 1002 alerting [1001]",
        ],
    );
}

#[test]
fn a_second_call_that_cannot_be_stored_leaves_the_first_active() {
    let mut rig = rig();
    talking(&mut rig);
    is_taken_back(
        &mut rig,
        make("A", "1003"),
        &[
            "c-2 created",
            "c-1 1001 held [1002]",
            "c-2 1001 initiating [1003]",
            "c-2 1001 initiated [1003]",
            "c-2 1003 alerting [1001]",
        ],
    );
}

#[test]
fn an_answer_that_cannot_be_stored_leaves_the_call_alerting_and_can_be_given_again() {
    let mut rig = rig();
    let call = rig.call("A", "1002").unwrap();
    rig.heard();
    is_taken_back(
        &mut rig,
        Action::Answer(whose(&call, "B")),
        &["c-1 1002 active [1001]", "c-1 1001 active [1002]"],
    );
}

#[test]
fn an_answer_that_could_not_be_stored_rings_out_if_it_is_not_given_again() {
    let mut rig = rig();
    let call = rig.call("A", "1100").unwrap();
    rig.heard();
    rig.store_refuses = true;
    let answer = rig.does(Action::Answer(whose(&call, "S2")));
    assert_eq!(answer, Err(Refusal::StoreUnavailable));
    rig.store_refuses = false;
    rig.advance(Duration::from_secs(180));
    assert_eq!(
        rig.heard(),
        [
            "c-1 1100 dropped [1001]",
            "c-1 1100 dropped [1001]",
            "c-1 1001 dropped [1100]",
            "c-1 ended no_answer"
        ]
    );
    nothing_stays(&mut rig);
}

#[test]
fn an_answer_that_cannot_be_stored_leaves_the_other_call_active() {
    let mut rig = rig();
    talking(&mut rig);
    let second = rig.call("C", "1002").unwrap();
    rig.heard();
    is_taken_back(
        &mut rig,
        Action::Answer(whose(&second, "B")),
        &[
            "c-1 1002 held [1001]",
            "c-2 1002 active [1003]",
            "c-2 1003 active [1002]",
        ],
    );
}

#[test]
fn a_hold_that_cannot_be_stored_leaves_the_part_active() {
    let mut rig = rig();
    let call = talking(&mut rig);
    is_taken_back(
        &mut rig,
        Action::Hold(whose(&call, "A")),
        &["c-1 1001 held [1002]"],
    );
}

#[test]
fn a_retrieve_that_cannot_be_stored_leaves_the_part_held() {
    let mut rig = rig();
    let call = talking(&mut rig);
    rig.does(Action::Hold(whose(&call, "A"))).unwrap();
    rig.heard();
    is_taken_back(
        &mut rig,
        Action::Retrieve(whose(&call, "A")),
        &["c-1 1001 active [1002]"],
    );
}

#[test]
fn a_blind_transfer_that_cannot_be_stored_leaves_the_call_as_it_was() {
    for to in ["1003", "1100", "5550108"] {
        let mut rig = rig();
        let call = talking(&mut rig);
        let mut expected = vec![
            "c-1 1002 dropped [1001]".to_owned(),
            format!("c-1 1001 active [{to}]"),
            format!("c-1 {to} alerting [1001]"),
        ];
        if to == "1100" {
            expected.push("c-1 1100 alerting [1001]".to_owned());
        }
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        is_taken_back(
            &mut rig,
            Action::BlindTransfer(whose(&call, "B"), to.into()),
            &expected,
        );
    }
}

#[test]
fn a_consultation_that_cannot_be_stored_leaves_the_first_call_active() {
    let mut rig = rig();
    let call = talking(&mut rig);
    is_taken_back(
        &mut rig,
        Action::Consult(whose(&call, "B"), "1003".into()),
        &[
            "c-1 1002 held [1001]",
            "c-2 created",
            "c-2 1002 initiating [1003]",
            "c-2 1002 initiated [1003]",
            "c-2 1003 alerting [1002]",
        ],
    );
}

#[test]
fn a_completion_that_cannot_be_stored_leaves_both_calls_as_they_were() {
    let mut rig = rig();
    let first = consulting(&mut rig);
    is_taken_back(
        &mut rig,
        Action::CompleteTransfer(whose(&first, "B")),
        &[
            "c-1 1002 dropped [1001]",
            "c-1 1003 active [1001]",
            "c-1 1001 active [1003]",
            "c-2 1002 dropped [1003]",
            "c-2 1003 dropped [1002]",
            "c-2 ended transferred into c-1",
        ],
    );
    let mut rig = self::rig();
    let first = consulting(&mut rig);
    is_taken_back(
        &mut rig,
        Action::CompleteConference(whose(&first, "B")),
        &[
            "c-1 1002 active [1001,1003]",
            "c-1 1003 active [1001,1002]",
            "c-1 1001 active [1002,1003]",
            "c-2 1002 dropped [1003]",
            "c-2 1003 dropped [1002]",
            "c-2 ended conferenced into c-1",
        ],
    );
}

#[test]
fn a_phone_that_goes_in_the_midst_of_a_request_is_gone_though_the_store_refuses() {
    let mut rig = rig();
    let call = talking(&mut rig);
    let b = rig
        .network
        .live_legs()
        .find(|(_, device)| device.is_some_and(|d| d.as_str() == "B"))
        .unwrap()
        .0;
    rig.store_refuses = true;
    rig.network
        .phone_does(DriverEvent::Released(b, 16), rig.now.instant);
    assert!(rig.does(Action::Hold(whose(&call, "B"))).is_err());
    assert_eq!(
        rig.heard(),
        [
            "c-1 1002 dropped [1001]",
            "c-1 1001 dropped [1002]",
            "c-1 ended normal"
        ]
    );
    let saved = rig.saves.len();
    rig.store_refuses = false;
    rig.advance(Duration::ZERO);
    rig.does(Action::Snapshot(Query::Counts)).unwrap();
    assert!(rig.saves.len() > saved, "what happened is stored later");
}
