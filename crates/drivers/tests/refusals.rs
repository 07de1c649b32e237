//! Who refuses, and in which order: exists, allowed, state fits, network. [exchange §7]

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use cordboard_core::Refusal;
use cordboard_core::call::PartState;
use cordboard_core::exchange::{Action, Actor, LineWish, Settings};
use cordboard_core::ids::{CallId, DirectoryNumber};
use cordboard_drivers::rig::{Rig, START, phones, whose};
use cordboard_drivers::sim::{CallsFate, Fault, FaultKind, Sim};
use std::time::Duration;

fn rig() -> Rig<Sim> {
    let directory = phones(&[
        ("A", "ann", &["1001"]),
        ("B", "ben", &["1002"]),
        ("C", "cid", &["1003"]),
    ]);
    Rig::new(
        Settings::default(),
        directory,
        Sim::new(None, START.instant),
    )
}

fn make(user: Option<&str>, device: &str, line: Option<&str>, to: &str) -> Action {
    let line = line.map_or(LineWish::First, |digits| LineWish::Named {
        digits: digits.into(),
        partition: None,
        or_first: false,
    });
    Action::MakeCall {
        user: user.map(Into::into),
        device: device.into(),
        line,
        to: to.into(),
    }
}

fn newest(user: &str, device: Option<&str>) -> Action {
    Action::ReleaseNewest {
        user: user.into(),
        device: device.map(Into::into),
        line: None,
    }
}

/// A talks to B and has put that on hold; C rings for A's second call; the network is away.
fn away() -> (Rig<Sim>, CallId, CallId) {
    let mut rig = rig();
    let first = rig.call("A", "1002").unwrap();
    rig.does(Action::Answer(whose(&first, "B"))).unwrap();
    let second = rig.call("A", "1003").unwrap();
    let fault = Fault {
        on: "network".into(),
        kind: FaultKind::NetworkDown {
            calls: CallsFate::Kept,
        },
    };
    rig.network.set_fault(fault, rig.now.instant);
    rig.advance(Duration::ZERO);
    rig.heard();
    (rig, first, second)
}

#[test]
fn the_network_is_asked_last_whatever_is_wanted() {
    let (mut rig, first, second) = away();
    let none = CallId::from("c-9");
    let at = |call: &CallId, device: &str| whose(call, device);
    let ann = || Actor::User("ann".into());
    let operator = || Actor::Operator;
    use Refusal as R;
    let wrong = |state| R::WrongState(state);
    let cases = [
        (ann(), make(Some("xxx"), "A", None, "1002"), R::NoProxyRight),
        (
            operator(),
            make(Some("xxx"), "A", None, "1002"),
            R::NoSuchUser,
        ),
        (ann(), make(Some("ann"), "X", None, "1002"), R::NoSuchDevice),
        (ann(), make(Some("ann"), "B", None, "1002"), R::NotAllowed),
        (
            ann(),
            make(Some("ann"), "A", Some("9"), "1002"),
            R::LineNotOnDevice,
        ),
        (ann(), make(Some("ann"), "A", None, "x"), R::BadNumber),
        (ann(), make(Some("ann"), "A", None, "1002"), R::NetworkDown),
        (operator(), Action::Answer(at(&none, "C")), R::NoSuchCall),
        (
            operator(),
            Action::Answer(at(&second, "X")),
            R::NoSuchDevice,
        ),
        (
            operator(),
            Action::Answer(at(&first, "B")),
            wrong(PartState::Active),
        ),
        (operator(), Action::Answer(at(&second, "C")), R::NetworkDown),
        (operator(), Action::Reject(at(&none, "C")), R::NoSuchCall),
        (
            operator(),
            Action::Reject(at(&first, "B")),
            wrong(PartState::Active),
        ),
        (operator(), Action::Reject(at(&second, "C")), R::NetworkDown),
        (operator(), Action::Hold(at(&none, "B")), R::NoSuchCall),
        (
            operator(),
            Action::Hold(at(&first, "A")),
            wrong(PartState::Held),
        ),
        (operator(), Action::Hold(at(&first, "B")), R::NetworkDown),
        (operator(), Action::Retrieve(at(&none, "B")), R::NoSuchCall),
        (
            operator(),
            Action::Retrieve(at(&first, "B")),
            wrong(PartState::Active),
        ),
        (
            operator(),
            Action::Retrieve(at(&first, "A")),
            R::NetworkDown,
        ),
        (operator(), Action::Release(at(&none, "B")), R::NoSuchCall),
        (operator(), Action::Release(at(&first, "C")), R::NoSuchCall),
        (operator(), Action::Release(at(&first, "B")), R::NetworkDown),
        (operator(), Action::ReleaseCall(none.clone()), R::NoSuchCall),
        (
            operator(),
            Action::ReleaseCall(first.clone()),
            R::NetworkDown,
        ),
        (operator(), newest("xxx", None), R::NoSuchUser),
        (operator(), newest("ann", Some("X")), R::NoSuchDevice),
        (operator(), newest("ann", Some("B")), R::NotAllowed),
        (operator(), newest("ben", None), R::NoSuchCall),
        (
            operator(),
            Action::BlindTransfer(at(&none, "B"), "1003".into()),
            R::NoSuchCall,
        ),
        (
            operator(),
            Action::BlindTransfer(at(&second, "C"), "1002".into()),
            wrong(PartState::Alerting),
        ),
        (
            operator(),
            Action::BlindTransfer(at(&first, "B"), "x".into()),
            R::BadNumber,
        ),
        (
            operator(),
            Action::BlindTransfer(at(&first, "B"), "1003".into()),
            R::NetworkDown,
        ),
        (
            operator(),
            Action::Consult(at(&none, "B"), "1003".into()),
            R::NoSuchCall,
        ),
        (
            operator(),
            Action::Consult(at(&first, "B"), "x".into()),
            R::BadNumber,
        ),
        (
            operator(),
            Action::Consult(at(&first, "B"), "1003".into()),
            R::NetworkDown,
        ),
        (
            operator(),
            Action::CompleteTransfer(at(&none, "B")),
            R::NoSuchCall,
        ),
        (
            operator(),
            Action::CompleteTransfer(at(&first, "B")),
            wrong(PartState::Active),
        ),
        (
            operator(),
            Action::CompleteConference(at(&none, "B")),
            R::NoSuchCall,
        ),
        (
            operator(),
            Action::DropParticipant(none.clone(), DirectoryNumber::bare("1002")),
            R::NoSuchCall,
        ),
        (
            operator(),
            Action::DropParticipant(first.clone(), DirectoryNumber::bare("1003")),
            R::NoSuchCall,
        ),
        (
            operator(),
            Action::DropParticipant(first.clone(), DirectoryNumber::bare("1002")),
            R::NetworkDown,
        ),
        (
            operator(),
            Action::SendDigits(at(&none, "B"), "1".into()),
            R::NoSuchCall,
        ),
        (
            operator(),
            Action::SendDigits(at(&first, "B"), "x".into()),
            R::BadNumber,
        ),
        (
            operator(),
            Action::SendDigits(at(&first, "B"), "1".into()),
            R::NetworkDown,
        ),
    ];
    for (actor, action, expected) in cases {
        let ticket = rig.ask(actor, "api", action.clone());
        assert_eq!(rig.answers.get(&ticket), Some(&Err(expected)), "{action:?}");
    }
    assert_eq!(rig.heard(), Vec::<String>::new());
}

#[test]
fn a_completion_while_the_network_is_away_is_refused_for_that() {
    let mut rig = rig();
    let first = rig.call("A", "1002").unwrap();
    rig.does(Action::Answer(whose(&first, "B"))).unwrap();
    rig.does(Action::Consult(whose(&first, "B"), "1003".into()))
        .unwrap();
    let fault = Fault {
        on: "network".into(),
        kind: FaultKind::NetworkDown {
            calls: CallsFate::Kept,
        },
    };
    rig.network.set_fault(fault, rig.now.instant);
    rig.advance(Duration::ZERO);
    assert_eq!(
        rig.does(Action::CompleteTransfer(whose(&first, "B"))),
        Err(Refusal::NetworkDown)
    );
    assert_eq!(
        rig.does(Action::CompleteConference(whose(&first, "B"))),
        Err(Refusal::NetworkDown)
    );
}

#[test]
fn a_retrieve_ends_the_tone_of_a_failed_call_on_the_same_path() {
    let mut rig = rig();
    let first = rig.call("A", "1002").unwrap();
    rig.does(Action::Answer(whose(&first, "B"))).unwrap();
    rig.call("A", "5550109").unwrap();
    rig.heard();
    rig.does(Action::Retrieve(whose(&first, "A"))).unwrap();
    assert_eq!(
        rig.heard(),
        ["c-2 1001 dropped [5550109]", "c-1 1001 active [1002]"]
    );
}
