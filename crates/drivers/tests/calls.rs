//! Call stories on the simulated network: whole event lists, in order.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod office;

use cordboard_core::Refusal;
use cordboard_core::exchange::{
    Action, DriverCommand, DriverEvent, FIRST_DRIVER_LEG, LineWish, Output, Record, Reply,
    Settings, TransferTo,
};
use cordboard_core::ids::{CallId, DeviceName, LegId};
use cordboard_drivers::rig::{Rig, whose};
use cordboard_drivers::sim::{CallsFate, Fault, FaultKind, Sim};
use office::{rig, rig_with, talking};
use std::time::Duration;

fn story(rig: &mut Rig<Sim>, call: &CallId) -> Vec<String> {
    let record = rig
        .saves
        .iter()
        .rev()
        .find_map(|r| match r {
            Record::Call(c) if c.id == *call => Some(c.clone()),
            _ => None,
        })
        .expect("the call was saved");
    record
        .story
        .iter()
        .map(|s| {
            let who = s.who.as_ref().map(|d| d.as_str()).unwrap_or("-");
            let cause = s
                .cause
                .map(|c| format!(" {}", c.as_str()))
                .unwrap_or_default();
            format!("{} {who}{cause}", s.what.as_str())
        })
        .collect()
}

#[test]
fn a_call_rings_is_answered_and_released_by_the_caller() {
    let mut rig = rig();
    let call = rig.call("A", "1002").unwrap();
    assert_eq!(
        rig.heard(),
        [
            "c-1 created",
            "c-1 1001 initiating [1002]",
            "c-1 1001 initiated [1002]",
            "c-1 1002 alerting [1001]"
        ]
    );
    rig.does(Action::Answer(whose(&call, "B"))).unwrap();
    assert_eq!(
        rig.heard(),
        ["c-1 1002 active [1001]", "c-1 1001 active [1002]"]
    );
    rig.does(Action::Release(whose(&call, "A"))).unwrap();
    assert_eq!(
        rig.heard(),
        [
            "c-1 1001 dropped [1002]",
            "c-1 1002 dropped [1001]",
            "c-1 ended normal"
        ]
    );
    assert_eq!(
        story(&mut rig, &call),
        [
            "created 1001",
            "offered 1002",
            "alerting 1002",
            "answered 1002",
            "released 1001",
            "released 1002",
            "ended - normal"
        ]
    );
    assert_eq!(rig.network.live_legs().count(), 0);
}

#[test]
fn a_busy_number_ends_the_call_at_once_and_the_caller_hears_a_tone_for_fifteen_seconds() {
    let mut rig = rig();
    rig.call("A", "5550109").unwrap();
    assert_eq!(
        rig.heard(),
        [
            "c-1 created",
            "c-1 1001 initiating [5550109]",
            "c-1 1001 initiated [5550109]",
            "c-1 1001 failed [5550109]",
            "c-1 ended busy"
        ]
    );
    rig.advance(Duration::from_millis(14_999));
    assert_eq!(rig.heard(), Vec::<String>::new());
    rig.advance(Duration::from_millis(1));
    assert_eq!(rig.heard(), ["c-1 1001 dropped [5550109]"]);
    assert_eq!(rig.network.live_legs().count(), 0);
}

#[test]
fn a_new_call_ends_the_tone_of_the_last_one_in_its_first_step() {
    let mut rig = rig();
    rig.call("A", "5550109").unwrap();
    rig.heard();
    rig.saves.clear();
    rig.call("A", "1002").unwrap();
    assert_eq!(
        rig.heard(),
        [
            "c-2 created",
            "c-1 1001 dropped [5550109]",
            "c-2 1001 initiating [1002]",
            "c-2 1001 initiated [1002]",
            "c-2 1002 alerting [1001]"
        ]
    );
    let old = rig.saves.iter().any(|r| match r {
        Record::Call(call) => call.id.as_str() == "c-1",
        Record::Counters(_)
        | Record::Login(_)
        | Record::Logout(_)
        | Record::Takeover(_)
        | Record::TakeoverOver(_) => false,
    });
    assert!(!old, "the old call is stored as ended already");
}

#[test]
fn outside_numbers_answer_hang_up_drop_and_ring_out_as_their_endings_say() {
    let rings = |digits: &str| format!("c-1 {digits} alerting [1001]");
    let gone = |digits: &str| format!("c-1 {digits} dropped [1001]");
    let caller = |what: &str, digits: &str| format!("c-1 1001 {what} [{digits}]");
    let ended = |cause: &str| format!("c-1 ended {cause}");
    let answered = |digits: &str| {
        vec![
            rings(digits),
            format!("c-1 {digits} active [1001]"),
            caller("active", digits),
        ]
    };
    // Digits, how long until the end, what was heard before it, how it ends.
    let stories = [
        (
            "5550106",
            6_000,
            answered("5550106"),
            vec![
                gone("5550106"),
                caller("dropped", "5550106"),
                ended("normal"),
            ],
        ),
        (
            "5550107",
            5_000,
            vec![rings("5550107")],
            vec![
                gone("5550107"),
                caller("dropped", "5550107"),
                ended("network"),
            ],
        ),
        (
            "5550108",
            180_000,
            vec![rings("5550108")],
            vec![
                gone("5550108"),
                caller("dropped", "5550108"),
                ended("no_answer"),
            ],
        ),
        (
            "5550110",
            0,
            Vec::new(),
            vec![caller("failed", "5550110"), ended("unallocated")],
        ),
        (
            "5555111",
            0,
            Vec::new(),
            vec![caller("failed", "5555111"), ended("rejected")],
        ),
    ];
    for (digits, after, before, end) in stories {
        let mut rig = rig();
        rig.call("A", digits).unwrap();
        let mut expected = vec![
            "c-1 created".to_owned(),
            caller("initiating", digits),
            caller("initiated", digits),
        ];
        expected.extend(before);
        if after > 0 {
            rig.advance(Duration::from_millis(after - 1));
            assert_eq!(rig.heard(), expected, "{digits}");
            expected.clear();
            rig.advance(Duration::from_millis(1));
        }
        expected.extend(end);
        assert_eq!(rig.heard(), expected, "{digits}");
    }
}

#[test]
fn rejecting_fails_the_caller_and_cancelling_drops_the_ringing_phone() {
    let mut rig = rig();
    let call = rig.call("A", "1002").unwrap();
    rig.heard();
    rig.does(Action::Reject(whose(&call, "B"))).unwrap();
    assert_eq!(
        rig.heard(),
        [
            "c-1 1002 dropped [1001]",
            "c-1 1001 failed [1002]",
            "c-1 ended rejected"
        ]
    );
    let call = rig.call("A", "1002").unwrap();
    rig.heard();
    rig.does(Action::Release(whose(&call, "A"))).unwrap();
    assert_eq!(
        rig.heard(),
        [
            "c-2 1001 dropped [1002]",
            "c-2 1002 dropped [1001]",
            "c-2 ended cancelled"
        ]
    );
}

#[test]
fn holding_tells_the_holder_only_and_plays_music_to_the_other() {
    let mut rig = rig();
    let call = talking(&mut rig);
    let Reply::Call(held) = rig.does(Action::Hold(whose(&call, "A"))).unwrap() else {
        panic!()
    };
    assert_eq!(held.state.as_str(), "held");
    assert_eq!(rig.heard(), ["c-1 1001 held [1002]"]);
    let music: Vec<bool> = rig
        .network
        .live_legs()
        .map(|(leg, _)| leg)
        .filter_map(|l| rig.network.sound(l))
        .map(|s| s.music)
        .collect();
    assert_eq!(music, [false, true]);
    assert_eq!(
        rig.does(Action::Hold(whose(&call, "A"))),
        Err(Refusal::WrongState(cordboard_core::call::PartState::Held))
    );
    rig.does(Action::Retrieve(whose(&call, "A"))).unwrap();
    assert_eq!(rig.heard(), ["c-1 1001 active [1002]"]);
}

#[test]
fn answering_a_second_call_holds_the_first_in_the_same_step() {
    let mut rig = rig();
    talking(&mut rig);
    let second = rig.call("C", "1002").unwrap();
    rig.heard();
    rig.does(Action::Answer(whose(&second, "B"))).unwrap();
    assert_eq!(
        rig.heard(),
        [
            "c-1 1002 held [1001]",
            "c-2 1002 active [1003]",
            "c-2 1003 active [1002]"
        ]
    );
    assert_eq!(
        rig.call("D", "1002").map(|c| c.to_string()),
        Ok("c-3".to_owned())
    );
    assert_eq!(
        rig.heard(),
        [
            "c-3 created",
            "c-3 1004 initiating [1002]",
            "c-3 1004 initiated [1002]",
            "c-3 1004 failed [1002]",
            "c-3 ended busy"
        ],
        "at busy_trigger the phone is busy"
    );
}

#[test]
fn a_new_call_holds_the_active_one_in_the_same_step() {
    let mut rig = rig();
    talking(&mut rig);
    rig.call("A", "1003").unwrap();
    assert_eq!(
        rig.heard(),
        [
            "c-2 created",
            "c-1 1001 held [1002]",
            "c-2 1001 initiating [1003]",
            "c-2 1001 initiated [1003]",
            "c-2 1003 alerting [1001]"
        ]
    );
}

#[test]
fn a_phone_that_dials_by_itself_holds_its_active_call_in_the_same_step() {
    let mut rig = rig();
    let first = talking(&mut rig);
    let dialled = DriverEvent::Dialled {
        leg: LegId(FIRST_DRIVER_LEG),
        device: "A".into(),
        digits: "1003".into(),
    };
    rig.network.phone_does(dialled, rig.now.instant);
    rig.advance(Duration::ZERO);
    assert_eq!(
        rig.heard(),
        [
            "c-2 created",
            "c-1 1001 held [1002]",
            "c-2 1001 initiating [1003]",
            "c-2 1001 initiated [1003]",
            "c-2 1003 alerting [1001]"
        ]
    );
    rig.does(Action::Answer(whose(&"c-2".into(), "C"))).unwrap();
    assert_eq!(
        rig.heard(),
        ["c-2 1003 active [1001]", "c-2 1001 active [1003]"]
    );
    rig.does(Action::Retrieve(whose(&first, "A"))).unwrap();
    assert_eq!(
        rig.heard(),
        ["c-2 1001 held [1003]", "c-1 1001 active [1002]"]
    );
}

#[test]
fn a_phone_passes_one_of_its_calls_on_to_the_party_of_another_that_it_dialled_by_itself() {
    let mut rig = rig();
    talking(&mut rig);
    let dialled = LegId(FIRST_DRIVER_LEG);
    let dials = DriverEvent::Dialled {
        leg: dialled,
        device: "A".into(),
        digits: "1003".into(),
    };
    rig.network.phone_does(dials, rig.now.instant);
    rig.advance(Duration::ZERO);
    rig.does(Action::Answer(whose(&"c-2".into(), "C"))).unwrap();
    rig.heard();
    let own = |device: Option<&DeviceName>| device.is_some_and(|device| device.as_str() == "A");
    let legs = rig.network.live_legs();
    let first = legs.filter(|(leg, device)| own(*device) && *leg != dialled);
    let first = first.map(|(leg, _)| leg).next().unwrap();
    let passes = DriverEvent::TransferAsked {
        leg: first,
        to: TransferTo::Leg(dialled),
    };
    rig.network.phone_does(passes, rig.now.instant);
    rig.advance(Duration::ZERO);
    assert_eq!(
        rig.heard(),
        [
            "c-1 1001 dropped [1002]",
            "c-1 1003 active [1002]",
            "c-1 1002 active [1003]",
            "c-2 1001 dropped [1003]",
            "c-2 1003 dropped [1001]",
            "c-2 ended transferred into c-1",
        ]
    );
}

#[test]
fn a_call_that_cannot_be_passed_on_is_about_the_other_no_more_than_before() {
    let mut rig = rig();
    let first = talking(&mut rig);
    let own = |device: Option<&DeviceName>| device.is_some_and(|device| device.as_str() == "A");
    let leg_of_a = |rig: &mut Rig<Sim>, but: Option<LegId>| {
        let legs = rig.network.live_legs();
        let mut legs = legs.filter(|(leg, device)| own(*device) && Some(*leg) != but);
        legs.next().map(|(leg, _)| leg).unwrap()
    };
    let talks = leg_of_a(&mut rig, None);
    let second = rig.call("C", "1001").unwrap();
    let rings = leg_of_a(&mut rig, Some(talks));
    rig.heard();
    let passes = DriverEvent::TransferAsked {
        leg: talks,
        to: TransferTo::Leg(rings),
    };
    rig.network.phone_does(passes, rig.now.instant);
    rig.advance(Duration::ZERO);
    assert_eq!(rig.heard(), [""; 0]);
    rig.does(Action::Answer(whose(&second, "A"))).unwrap();
    let completed = rig.does(Action::CompleteTransfer(whose(&first, "A")));
    assert!(completed.is_err(), "{completed:?}");
}

#[test]
fn a_phone_that_takes_a_call_back_by_itself_holds_the_other_one_and_is_heard_again() {
    let mut rig = rig();
    let first = talking(&mut rig);
    let second = rig.call("A", "1003").unwrap();
    rig.does(Action::Answer(whose(&second, "C"))).unwrap();
    rig.heard();
    let (leg, _) = rig
        .network
        .live_legs()
        .find(|(_, device)| device.is_some_and(|d| d.as_str() == "A"))
        .unwrap();
    rig.outputs.clear();
    rig.network
        .phone_does(DriverEvent::RetrievedByPhone(leg), rig.now.instant);
    rig.advance(Duration::ZERO);
    assert_eq!(
        rig.heard(),
        ["c-2 1001 held [1003]", "c-1 1001 active [1002]"]
    );
    let joined =
        |output: &Output| matches!(output, Output::Driver(DriverCommand::Join(_, l)) if *l == leg);
    assert!(rig.outputs.iter().any(joined));
    rig.does(Action::Hold(whose(&first, "A"))).unwrap();
    assert_eq!(rig.heard(), ["c-1 1001 held [1002]"]);
}

#[test]
fn a_shared_line_rings_everywhere_and_is_in_use_where_it_was_not_answered() {
    let mut rig = rig();
    let call = rig.call("A", "1100").unwrap();
    assert_eq!(
        rig.heard(),
        [
            "c-1 created",
            "c-1 1001 initiating [1100]",
            "c-1 1001 initiated [1100]",
            "c-1 1100 alerting [1001]",
            "c-1 1100 alerting [1001]"
        ]
    );
    rig.does(Action::Answer(whose(&call, "S2"))).unwrap();
    assert_eq!(
        rig.heard(),
        [
            "c-1 1100 active [1001]",
            "c-1 1100 dropped [1001]",
            "c-1 1001 active [1100]"
        ]
    );
    assert_eq!(rig.network.live_legs().count(), 2);
}

#[test]
fn rejecting_at_one_device_of_a_shared_line_leaves_the_other_ringing() {
    let mut rig = rig();
    let call = rig.call("A", "1100").unwrap();
    rig.heard();
    rig.does(Action::Reject(whose(&call, "S1"))).unwrap();
    assert_eq!(rig.heard(), ["c-1 1100 dropped [1001]"]);
    rig.does(Action::Reject(whose(&call, "S2"))).unwrap();
    assert_eq!(
        rig.heard(),
        [
            "c-1 1100 dropped [1001]",
            "c-1 1001 failed [1100]",
            "c-1 ended rejected"
        ]
    );
}

#[test]
fn a_blind_transfer_completes_when_the_target_rings() {
    let mut rig = rig();
    let call = talking(&mut rig);
    rig.does(Action::BlindTransfer(whose(&call, "B"), "1003".into()))
        .unwrap();
    assert_eq!(
        rig.heard(),
        [
            "c-1 1002 dropped [1001]",
            "c-1 1001 active [1003]",
            "c-1 1003 alerting [1001]"
        ]
    );
    rig.does(Action::Answer(whose(&call, "C"))).unwrap();
    assert_eq!(rig.heard(), ["c-1 1003 active [1001]"]);
    rig.does(Action::Release(whose(&call, "C"))).unwrap();
    assert_eq!(
        rig.heard(),
        [
            "c-1 1003 dropped [1001]",
            "c-1 1001 dropped [1003]",
            "c-1 ended normal"
        ]
    );
}

#[test]
fn a_blind_transfer_to_a_busy_or_missing_number_leaves_the_call_as_it_was() {
    let mut rig = rig();
    let call = talking(&mut rig);
    for (to, class) in [
        ("5550109", "busy"),
        ("5550110", "unallocated"),
        ("1002", "busy"),
    ] {
        let refusal = rig
            .does(Action::BlindTransfer(whose(&call, "B"), to.into()))
            .unwrap_err();
        let Refusal::Unreachable(cause) = refusal else {
            panic!("{refusal:?}")
        };
        assert_eq!(cause.class.as_str(), class);
        assert_eq!(rig.heard(), Vec::<String>::new());
    }
    rig.does(Action::Hold(whose(&call, "B"))).unwrap();
    assert_eq!(rig.heard(), ["c-1 1002 held [1001]"]);
}

#[test]
fn a_blind_transfer_nobody_answers_drops_the_call() {
    let mut rig = rig();
    let call = talking(&mut rig);
    rig.does(Action::BlindTransfer(whose(&call, "B"), "1003".into()))
        .unwrap();
    rig.heard();
    rig.advance(Duration::from_secs(180));
    assert_eq!(
        rig.heard(),
        [
            "c-1 1003 dropped [1001]",
            "c-1 1001 dropped [1003]",
            "c-1 ended no_answer"
        ]
    );
}

#[test]
fn a_blind_transfer_nobody_answers_rings_the_transferor_when_recall_is_on() {
    let mut rig = rig_with(Settings {
        transfer_recall: Duration::from_secs(20),
        ring: Duration::from_secs(10),
        ..Settings::default()
    });
    let call = talking(&mut rig);
    rig.does(Action::BlindTransfer(whose(&call, "B"), "1003".into()))
        .unwrap();
    rig.heard();
    rig.advance(Duration::from_secs(10));
    assert_eq!(
        rig.heard(),
        [
            "c-1 1003 dropped [1001]",
            "c-1 1001 active [1002]",
            "c-1 1002 alerting [1001]"
        ]
    );
    rig.does(Action::Answer(whose(&call, "B"))).unwrap();
    assert_eq!(rig.heard(), ["c-1 1002 active [1001]"]);
    assert_eq!(
        story(&mut rig, &call),
        [
            "created 1001",
            "offered 1002",
            "alerting 1002",
            "answered 1002",
            "offered 1003",
            "transferred 1002",
            "alerting 1003",
            "released 1003",
            "recalled 1002",
            "offered 1002",
            "alerting 1002",
            "answered 1002"
        ]
    );
}

fn consulting(rig: &mut Rig<Sim>) -> (CallId, CallId) {
    let first = talking(rig);
    let Reply::Call(second) = rig
        .does(Action::Consult(whose(&first, "B"), "1003".into()))
        .unwrap()
    else {
        panic!()
    };
    assert_eq!(
        rig.heard(),
        [
            "c-1 1002 held [1001]",
            "c-2 created",
            "c-2 1002 initiating [1003]",
            "c-2 1002 initiated [1003]",
            "c-2 1003 alerting [1002]"
        ]
    );
    (first, second.id)
}

#[test]
fn a_consultation_answered_and_transferred_joins_the_two_others() {
    let mut rig = rig();
    let (first, second) = consulting(&mut rig);
    rig.does(Action::Answer(whose(&second, "C"))).unwrap();
    assert_eq!(
        rig.heard(),
        ["c-2 1003 active [1002]", "c-2 1002 active [1003]"]
    );
    rig.does(Action::CompleteTransfer(whose(&first, "B")))
        .unwrap();
    assert_eq!(
        rig.heard(),
        [
            "c-1 1002 dropped [1001]",
            "c-1 1003 active [1001]",
            "c-1 1001 active [1003]",
            "c-2 1002 dropped [1003]",
            "c-2 1003 dropped [1002]",
            "c-2 ended transferred into c-1"
        ]
    );
    rig.does(Action::ReleaseCall(first)).unwrap();
    assert_eq!(
        rig.heard(),
        [
            "c-1 1001 dropped [1003]",
            "c-1 1003 dropped [1001]",
            "c-1 ended normal"
        ]
    );
    assert_eq!(rig.network.live_legs().count(), 0);
}

#[test]
fn a_consultation_can_be_transferred_while_the_target_rings() {
    let mut rig = rig();
    let (first, second) = consulting(&mut rig);
    rig.does(Action::CompleteTransfer(whose(&second, "B")))
        .unwrap();
    assert_eq!(
        rig.heard(),
        [
            "c-1 1002 dropped [1001]",
            "c-1 1003 alerting [1001]",
            "c-1 1001 active [1003]",
            "c-2 1002 dropped [1003]",
            "c-2 1003 dropped [1002]",
            "c-2 ended transferred into c-1"
        ]
    );
    rig.does(Action::Answer(whose(&first, "C"))).unwrap();
    assert_eq!(rig.heard(), ["c-1 1003 active [1001]"]);
}

#[test]
fn a_conference_of_three_and_four_goes_on_when_one_leaves_and_ends_with_the_last_two() {
    let mut rig = rig();
    let (first, second) = consulting(&mut rig);
    rig.does(Action::Answer(whose(&second, "C"))).unwrap();
    rig.heard();
    rig.does(Action::CompleteConference(whose(&first, "B")))
        .unwrap();
    assert_eq!(
        rig.heard(),
        [
            "c-1 1002 active [1001,1003]",
            "c-1 1003 active [1001,1002]",
            "c-1 1001 active [1002,1003]",
            "c-2 1002 dropped [1003]",
            "c-2 1003 dropped [1002]",
            "c-2 ended conferenced into c-1"
        ]
    );
    let Reply::Call(third) = rig
        .does(Action::Consult(whose(&first, "A"), "1004".into()))
        .unwrap()
    else {
        panic!()
    };
    rig.does(Action::Answer(whose(&third.id, "D"))).unwrap();
    rig.heard();
    rig.does(Action::CompleteConference(whose(&first, "A")))
        .unwrap();
    assert_eq!(
        rig.heard(),
        [
            "c-1 1001 active [1002,1003,1004]",
            "c-1 1004 active [1001,1002,1003]",
            "c-1 1002 active [1001,1003,1004]",
            "c-1 1003 active [1001,1002,1004]",
            "c-3 1001 dropped [1004]",
            "c-3 1004 dropped [1001]",
            "c-3 ended conferenced into c-1"
        ]
    );
    rig.does(Action::Release(whose(&first, "C"))).unwrap();
    assert_eq!(
        rig.heard(),
        [
            "c-1 1003 dropped [1001,1002,1004]",
            "c-1 1001 active [1002,1004]",
            "c-1 1002 active [1001,1004]",
            "c-1 1004 active [1001,1002]"
        ]
    );
    rig.does(Action::Release(whose(&first, "D"))).unwrap();
    assert_eq!(
        rig.heard(),
        [
            "c-1 1004 dropped [1001,1002]",
            "c-1 1001 active [1002]",
            "c-1 1002 active [1001]"
        ]
    );
    rig.does(Action::Release(whose(&first, "A"))).unwrap();
    assert_eq!(
        rig.heard(),
        [
            "c-1 1001 dropped [1002]",
            "c-1 1002 dropped [1001]",
            "c-1 ended normal"
        ]
    );
    assert_eq!(rig.network.live_legs().count(), 0);
}

#[test]
fn a_consulting_phone_that_goes_away_ends_both_calls_in_one_step() {
    let mut rig = rig();
    let (_, second) = consulting(&mut rig);
    rig.does(Action::Answer(whose(&second, "C"))).unwrap();
    rig.heard();
    rig.network.set_fault(
        Fault {
            on: "device:B".into(),
            kind: FaultKind::DeviceDown("B".into()),
        },
        rig.now.instant,
    );
    rig.advance(Duration::ZERO);
    assert_eq!(
        rig.heard(),
        [
            "B down",
            "c-2 1002 dropped [1003]",
            "c-2 1003 dropped [1002]",
            "c-1 1002 dropped [1001]",
            "c-1 1001 dropped [1002]",
            "c-2 ended out_of_service",
            "c-1 ended out_of_service"
        ]
    );
}

#[test]
fn a_number_nobody_carries_now_is_out_of_service_and_the_own_number_busy() {
    let mut rig = rig();
    rig.network.set_fault(
        Fault {
            on: "device:B".into(),
            kind: FaultKind::DeviceDown("B".into()),
        },
        rig.now.instant,
    );
    rig.advance(Duration::ZERO);
    rig.call("A", "1002").unwrap();
    assert_eq!(
        rig.heard(),
        [
            "B down",
            "c-1 created",
            "c-1 1001 initiating [1002]",
            "c-1 1001 initiated [1002]",
            "c-1 1001 failed [1002]",
            "c-1 ended out_of_service"
        ]
    );
    rig.call("A", "1001").unwrap();
    assert_eq!(
        rig.heard(),
        [
            "c-2 created",
            "c-1 1001 dropped [1002]",
            "c-2 1001 initiating [1001]",
            "c-2 1001 initiated [1001]",
            "c-2 1001 failed [1001]",
            "c-2 ended busy"
        ]
    );
    assert_eq!(rig.call("B", "1001"), Err(Refusal::DeviceOutOfService));
}

#[test]
fn while_the_network_is_away_nothing_changes_and_lost_calls_end_when_it_is_back() {
    let mut rig = rig();
    let call = talking(&mut rig);
    let fault = Fault {
        on: "network".into(),
        kind: FaultKind::NetworkDown {
            calls: CallsFate::Lost,
        },
    };
    rig.network.set_fault(fault, rig.now.instant);
    rig.advance(Duration::from_secs(60));
    assert_eq!(rig.heard(), ["network.down"]);
    assert_eq!(
        rig.does(Action::Hold(whose(&call, "A"))),
        Err(Refusal::NetworkDown)
    );
    rig.network.clear_faults(None, rig.now.instant);
    rig.advance(Duration::ZERO);
    assert_eq!(
        rig.heard(),
        [
            "network.up",
            "c-1 1001 dropped [1002]",
            "c-1 1002 dropped [1001]",
            "c-1 ended network"
        ]
    );
}

#[test]
fn calls_that_went_on_without_the_network_are_still_there_afterwards() {
    let mut rig = rig();
    let call = talking(&mut rig);
    let fault = Fault {
        on: "network".into(),
        kind: FaultKind::NetworkDown {
            calls: CallsFate::Kept,
        },
    };
    rig.network.set_fault(fault, rig.now.instant);
    rig.advance(Duration::from_secs(60));
    rig.network.clear_faults(Some("network"), rig.now.instant);
    rig.advance(Duration::ZERO);
    assert_eq!(rig.heard(), ["network.down", "network.up"]);
    rig.does(Action::Release(whose(&call, "B"))).unwrap();
    assert_eq!(
        rig.heard(),
        [
            "c-1 1002 dropped [1001]",
            "c-1 1001 dropped [1002]",
            "c-1 ended normal"
        ]
    );
}

#[test]
fn a_silent_driver_is_given_up_after_five_seconds_and_nothing_was_ever_there() {
    let mut rig = rig();
    rig.network.set_fault(
        Fault {
            on: "network".into(),
            kind: FaultKind::NetworkSlow(Duration::from_secs(9)),
        },
        rig.now.instant,
    );
    let action = Action::MakeCall {
        user: None,
        device: "A".into(),
        line: LineWish::First,
        to: "1002".into(),
    };
    let ticket = rig.ask(cordboard_core::exchange::Actor::Operator, "api", action);
    rig.advance(Duration::from_millis(4_999));
    assert_eq!(rig.answers.get(&ticket), None);
    rig.advance(Duration::from_millis(1));
    assert_eq!(rig.answers.get(&ticket), Some(&Err(Refusal::NetworkSilent)));
    rig.advance(Duration::from_secs(60));
    assert_eq!(rig.heard(), Vec::<String>::new());
    assert_eq!(rig.network.live_legs().count(), 0);
}
