//! Polite takeovers: the warning, the wait for calls to end, the switch, and how it is undone. [mobility §7.8]

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod desks;

use cordboard_core::directory::Directory;
use cordboard_core::exchange::{
    Action, Input, LoginWish, MobilityLogin, MultipleLogins, Query, Record, Reply, Saved, Settings,
    Takeover, TakeoverStage, TakeoverTimes,
};
use cordboard_core::ids::CallId;
use cordboard_core::refusal::Refusal;
use cordboard_drivers::rig::{Rig, whose};
use cordboard_drivers::sim::Sim;
use desks::{MINUTE, builder, directory, login, logout, on, rig_with, seat, wish};
use std::sync::Arc;
use std::time::Duration;

const WARNING: Duration = MINUTE;
const PATIENCE: Duration = Duration::from_secs(30 * 60);
const UNDO: Duration = Duration::from_secs(10 * 60);

fn polite(settings: &mut Settings) {
    settings.takeover = Some(TakeoverTimes {
        warning: WARNING,
        patience: PATIENCE,
        undo: UNDO,
    });
}

/// Jane sits at D1; noel may sit there with the shared profile.
fn rig() -> Rig<Sim> {
    let mut rig = rig_with(polite);
    login(&mut rig, "D1", "jane").unwrap();
    rig.heard();
    rig
}

fn noel() -> LoginWish {
    LoginWish {
        profile: Some("SHARED".into()),
        ..wish("d1", "NOEL")
    }
}

fn take_over(rig: &mut Rig<Sim>) -> Result<Takeover, Refusal> {
    let reply = rig.does(Action::TakeOver(noel()))?;
    Ok(reply.takeovers().unwrap().pop().unwrap())
}

fn under_way(rig: &mut Rig<Sim>) -> Vec<Takeover> {
    let reply = rig.does(Action::Snapshot(Query::Takeovers));
    reply.unwrap().takeovers().unwrap()
}

fn cancel(rig: &mut Rig<Sim>) -> Result<Reply, Refusal> {
    rig.does(Action::CancelTakeover("d1".into()))
}

fn undo(rig: &mut Rig<Sim>) -> Result<Reply, Refusal> {
    rig.does(Action::UndoTakeover("d1".into()))
}

/// A call that rings at D1, where somebody with the line 2001 sits, or 2004.
fn ring(rig: &mut Rig<Sim>, to: &str) -> CallId {
    let call = rig.call("A", to).unwrap();
    rig.heard();
    call
}

fn off_the_phone(rig: &mut Rig<Sim>, call: &CallId) {
    rig.does(Action::Release(whose(call, "D1"))).unwrap();
    rig.heard();
    rig.advance(Duration::ZERO);
}

#[test]
fn whoever_sits_there_is_warned_and_the_seat_changes_hands_when_the_warning_is_over() {
    let mut rig = rig();
    let takeover = take_over(&mut rig).unwrap();
    assert_eq!(takeover.from, Some("jane".into()));
    assert_eq!(rig.heard(), ["noel takes D1 warned"]);
    rig.advance(WARNING - Duration::from_millis(1));
    assert_eq!(seat(&mut rig, "D1"), on("jane", ""));
    rig.advance(Duration::from_millis(1));
    let heard = rig.heard();
    let expected = ["jane off D1 takeover", "noel at D1", "noel takes D1 done"];
    assert_eq!(heard, expected);
    assert_eq!(seat(&mut rig, "D1"), on("noel", "jane"));
}

#[test]
fn the_seat_changes_hands_as_soon_as_the_phone_is_without_calls() {
    let mut rig = rig();
    let call = ring(&mut rig, "2001");
    take_over(&mut rig).unwrap();
    rig.heard();
    rig.advance(WARNING);
    assert_eq!(rig.heard(), ["noel takes D1 waiting"]);
    rig.advance(MINUTE);
    assert_eq!(seat(&mut rig, "D1"), on("jane", ""));
    off_the_phone(&mut rig, &call);
    assert_eq!(seat(&mut rig, "D1"), on("noel", "jane"));
}

#[test]
fn a_call_that_ends_during_the_warning_does_not_shorten_it() {
    let mut rig = rig();
    let call = ring(&mut rig, "2001");
    take_over(&mut rig).unwrap();
    off_the_phone(&mut rig, &call);
    assert_eq!(seat(&mut rig, "D1"), on("jane", ""));
    rig.advance(WARNING);
    assert_eq!(seat(&mut rig, "D1"), on("noel", "jane"));
}

#[test]
fn calls_that_do_not_end_make_a_takeover_give_up() {
    let mut rig = rig();
    let call = ring(&mut rig, "2001");
    rig.does(Action::Answer(whose(&call, "D1"))).unwrap();
    take_over(&mut rig).unwrap();
    rig.advance(WARNING);
    rig.heard();
    rig.advance(PATIENCE);
    assert_eq!(rig.heard(), ["noel takes D1 given_up"]);
    off_the_phone(&mut rig, &call);
    assert_eq!(seat(&mut rig, "D1"), on("jane", ""));
    assert_eq!(under_way(&mut rig), []);
}

#[test]
fn a_free_seat_is_taken_at_once_and_one_that_becomes_free_too() {
    let mut rig = rig();
    take_over(&mut rig).unwrap();
    logout(&mut rig, "D1", None).unwrap();
    rig.advance(Duration::ZERO);
    assert_eq!(seat(&mut rig, "D1"), on("noel", "jane"));
    logout(&mut rig, "D1", None).unwrap();
    rig.heard();
    let takeover = take_over(&mut rig).unwrap();
    assert_eq!(takeover.from, None);
    assert_eq!(rig.heard(), ["noel at D1", "noel takes D1 done"]);
}

#[test]
fn a_takeover_is_refused_as_a_login_is_but_for_the_seat_and_where_it_makes_no_sense() {
    let mut rig = rig();
    let mut does = |wish| rig.does(Action::TakeOver(wish));
    assert_eq!(does(wish("D9", "noel")), Err(Refusal::NoSuchDevice));
    assert_eq!(does(wish("D3", "noel")), Err(Refusal::MobilityOff));
    assert_eq!(does(wish("D1", "ghost")), Err(Refusal::NoSuchUser));
    assert_eq!(does(wish("D1", "noel")), Err(Refusal::NoSuchProfile));
    assert_eq!(does(wish("D1", "Jane")), Err(Refusal::SeatTaken));
    assert_eq!(does(wish("D2", "jane")), Err(Refusal::SeatedElsewhere));
    assert_eq!(cancel(&mut rig), Err(Refusal::NoTakeover));
    assert_eq!(undo(&mut rig), Err(Refusal::NoTakeover));
    take_over(&mut rig).unwrap();
    assert_eq!(take_over(&mut rig), Err(Refusal::TakeoverUnderWay));
    assert_eq!(undo(&mut rig), Err(Refusal::NoTakeover));
    let mut off = rig_with(|_| {});
    assert_eq!(take_over(&mut off), Err(Refusal::TakeoverOff));
}

#[test]
fn what_was_called_off_does_not_happen() {
    let mut rig = rig();
    take_over(&mut rig).unwrap();
    rig.heard();
    assert_eq!(cancel(&mut rig), Ok(Reply::Done));
    assert_eq!(rig.heard(), ["noel takes D1 cancelled"]);
    rig.advance(2 * WARNING);
    assert_eq!(seat(&mut rig, "D1"), on("jane", ""));
    take_over(&mut rig).unwrap();
    rig.advance(WARNING);
    assert_eq!(cancel(&mut rig), Err(Refusal::NoTakeover));
}

#[test]
fn an_undo_seats_everybody_where_he_was_and_comes_too_late_after_its_time() {
    let mut rig = rig_with(|settings| {
        polite(settings);
        settings.multiple_logins = MultipleLogins::AutoLogout;
    });
    login(&mut rig, "D1", "jane").unwrap();
    let elsewhere = LoginWish {
        device: "D2".into(),
        ..noel()
    };
    rig.does(Action::Login(elsewhere)).unwrap();
    take_over(&mut rig).unwrap();
    rig.advance(WARNING);
    assert_eq!(seat(&mut rig, "D2"), on("", "noel"));
    rig.heard();
    rig.advance(UNDO - Duration::from_millis(1));
    undo(&mut rig).unwrap();
    let expected = [
        "noel off D1 undo",
        "jane at D1",
        "noel at D2",
        "noel takes D1 undone",
    ];
    assert_eq!(rig.heard(), expected);
    assert_eq!(undo(&mut rig), Err(Refusal::NoTakeover));

    take_over(&mut rig).unwrap();
    rig.advance(WARNING);
    rig.advance(UNDO);
    assert_eq!(undo(&mut rig), Err(Refusal::NoTakeover));
    assert_eq!(seat(&mut rig, "D1"), on("noel", "jane"));
    assert_eq!(under_way(&mut rig), []);
}

#[test]
fn an_undo_brings_nobody_back_who_sits_elsewhere_by_now_or_whose_time_is_over() {
    let mut rig = rig();
    take_over(&mut rig).unwrap();
    rig.advance(WARNING);
    login(&mut rig, "D2", "jane").unwrap();
    undo(&mut rig).unwrap();
    assert_eq!(seat(&mut rig, "D1"), on("", "noel"));
    assert_eq!(seat(&mut rig, "D2"), on("jane", ""));

    let mut rig = rig_with(|settings| {
        polite(settings);
        settings.max_login = Some(3 * MINUTE);
    });
    login(&mut rig, "D1", "jane").unwrap();
    rig.advance(MINUTE);
    take_over(&mut rig).unwrap();
    rig.advance(WARNING);
    rig.advance(MINUTE);
    assert_eq!(undo(&mut rig), Ok(Reply::Logins(vec![])));
    assert_eq!(seat(&mut rig, "D1"), on("", "noel"));
}

#[test]
fn a_log_out_ends_what_could_be_undone() {
    let mut rig = rig();
    take_over(&mut rig).unwrap();
    rig.advance(WARNING);
    assert_eq!(under_way(&mut rig).len(), 1);
    // With the clock standing still the next login begins at the same time.
    logout(&mut rig, "D1", None).unwrap();
    rig.does(Action::Login(noel())).unwrap();
    assert_eq!(undo(&mut rig), Err(Refusal::NoTakeover));
    assert_eq!(seat(&mut rig, "D1"), on("noel", "noel"));
}

#[test]
fn a_takeover_whose_login_became_impossible_fails_and_says_so() {
    let mut rig = rig();
    take_over(&mut rig).unwrap();
    rig.heard();
    let other = LoginWish {
        device: "D2".into(),
        ..noel()
    };
    rig.does(Action::Login(other)).unwrap();
    rig.advance(WARNING);
    assert_eq!(rig.heard(), ["noel at D2", "noel takes D1 failed"]);
    assert_eq!(seat(&mut rig, "D1"), on("jane", ""));

    logout(&mut rig, "D2", None).unwrap();
    take_over(&mut rig).unwrap();
    let mut without = builder();
    without.users.retain(|user| user.id.as_str() != "noel");
    without
        .devices
        .retain(|device| device.name.as_str() != "D2");
    let without: Directory = without.build().unwrap();
    rig.heard();
    rig.input(Input::Directory(Arc::new(without)));
    rig.advance(Duration::ZERO);
    assert_eq!(rig.heard(), ["directory.changed", "noel takes D1 failed"]);
    rig.input(Input::Directory(Arc::new(directory())));
    assert_eq!(under_way(&mut rig), []);

    take_over(&mut rig).unwrap();
    let call = ring(&mut rig, "2001");
    logout(&mut rig, "D1", None).unwrap();
    rig.advance(Duration::ZERO);
    let shared = LoginWish {
        user: "ann".into(),
        ..noel()
    };
    rig.does(Action::Login(shared)).unwrap();
    rig.heard();
    rig.advance(Duration::ZERO);
    assert_eq!(rig.heard(), ["noel takes D1 failed"]);
    off_the_phone(&mut rig, &call);
    assert_eq!(seat(&mut rig, "D1"), on("ann", "jane"));
}

/// What a store has of takeovers after these records.
fn stored(saves: &[Record]) -> Vec<Takeover> {
    let mut kept = Vec::new();
    for record in saves {
        match record {
            Record::Takeover(takeover) => kept = vec![(**takeover).clone()],
            Record::TakeoverOver(_) => kept.clear(),
            Record::Call(_) | Record::Counters(_) | Record::Login(_) | Record::Logout(_) => {}
        }
    }
    kept
}

fn first_login(rig: &Rig<Sim>) -> MobilityLogin {
    let mut logins = rig.saves.iter().filter_map(|record| match record {
        Record::Login(login) => Some(MobilityLogin::clone(login)),
        _ => None,
    });
    logins.next().unwrap()
}

#[test]
fn a_takeover_survives_a_restart_at_every_stage() {
    let mut before = rig();
    let jane = first_login(&before);
    take_over(&mut before).unwrap();
    let warned = stored(&before.saves);
    let after = |login: &MobilityLogin, takeover: &Takeover, late: Duration| {
        let mut rig = rig_with(polite);
        rig.now = before.now.later(late);
        rig.input(Input::Restore(Saved::Login(login.clone())));
        rig.input(Input::Restore(Saved::Takeover(takeover.clone())));
        rig.advance(Duration::ZERO);
        rig
    };
    let mut soon = after(&jane, &warned[0], WARNING / 2);
    assert_eq!(seat(&mut soon, "D1"), on("jane", ""));
    soon.advance(WARNING / 2);
    assert_eq!(seat(&mut soon, "D1"), on("noel", "jane"));
    let mut late = after(&jane, &warned[0], 2 * WARNING);
    assert_eq!(seat(&mut late, "D1"), on("noel", "jane"));

    let done = stored(&late.saves);
    assert!(matches!(done[0].stage, TakeoverStage::Done { .. }));
    let noel = first_login(&late);
    let mut again = after(&noel, &done[0], 3 * WARNING);
    undo(&mut again).unwrap();
    assert_eq!(seat(&mut again, "D1"), on("jane", "noel"));
    assert_eq!(stored(&again.saves), []);
}

#[test]
fn a_takeover_that_cannot_be_stored_never_was_and_a_switch_that_is_due_happens() {
    let mut rig = rig();
    rig.store_refuses = true;
    assert_eq!(take_over(&mut rig), Err(Refusal::StoreUnavailable));
    assert_eq!(under_way(&mut rig), []);
    rig.store_refuses = false;
    take_over(&mut rig).unwrap();
    rig.store_refuses = true;
    assert_eq!(cancel(&mut rig), Err(Refusal::StoreUnavailable));
    rig.advance(WARNING);
    assert_eq!(seat(&mut rig, "D1"), on("noel", "jane"));
    assert_eq!(undo(&mut rig), Err(Refusal::StoreUnavailable));
    assert_eq!(seat(&mut rig, "D1"), on("noel", "jane"));
    rig.store_refuses = false;
    undo(&mut rig).unwrap();
    assert_eq!(seat(&mut rig, "D1"), on("jane", "noel"));
}
