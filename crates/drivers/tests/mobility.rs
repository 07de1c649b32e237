//! Who sits where: the order of checks, policies, times, and what the rest of the exchange sees of it. [mobility §7]

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod desks;

use cordboard_core::exchange::{
    Action, Actor, Input, LoginLength, LoginWish, MultipleLogins, Query, Record, Reply, Saved,
    Sweep,
};
use cordboard_core::ids::DirectoryNumber;
use cordboard_core::refusal::Refusal;
use cordboard_drivers::rig::{Rig, whose};
use cordboard_drivers::sim::Sim;
use desks::{MINUTE, builder, login, logout, on, rig_with, seat, wish};
use std::sync::Arc;
use std::time::Duration;

fn rig() -> Rig<Sim> {
    rig_with(|_| {})
}

#[test]
fn a_login_is_checked_in_the_originals_order() {
    let mut rig = rig();
    assert_eq!(login(&mut rig, "D9", "ghost"), Err(Refusal::NoSuchDevice));
    assert_eq!(login(&mut rig, "D3", "ghost"), Err(Refusal::MobilityOff));
    assert_eq!(login(&mut rig, "D1", "ghost"), Err(Refusal::NoSuchUser));
    assert_eq!(login(&mut rig, "D1", "away"), Err(Refusal::NoSuchUser));
    assert_eq!(login(&mut rig, "D1", "noel"), Err(Refusal::NoSuchProfile));
    let named = |profile: &str, own| LoginWish {
        profile: Some(profile.into()),
        own_profiles: own,
        ..wish("D1", "noel")
    };
    assert_eq!(
        rig.does(Action::Login(named("nope", false))),
        Err(Refusal::NoSuchProfile)
    );
    assert_eq!(
        rig.does(Action::Login(named("SHARED", true))),
        Err(Refusal::NoSuchProfile)
    );
    let shared = rig.does(Action::Login(named("shared", false)));
    let logins = shared.unwrap().logins().unwrap();
    assert_eq!(
        (logins[0].profile.as_str(), logins[0].mismatched),
        ("SHARED", true)
    );
    assert_eq!(login(&mut rig, "d1", "ghost"), Err(Refusal::SeatTaken));
    assert_eq!(login(&mut rig, "D2", "NOEL"), Err(Refusal::NoSuchProfile));
    login(&mut rig, "D2", "JANE").unwrap();
    assert_eq!(logout(&mut rig, "D9", None), Err(Refusal::NoSuchDevice));
    let himself = Action::Logout {
        device: "D3".into(),
        only: None,
        timers_work: true,
    };
    let ticket = rig.ask(Actor::User("jane".into()), "mobility", himself);
    assert_eq!(rig.answers[&ticket], Err(Refusal::MobilityOff));
    assert_eq!(logout(&mut rig, "D3", None), Err(Refusal::SeatFree));
    assert_eq!(
        logout(&mut rig, "D2", Some("noel")),
        Err(Refusal::NoProxyRight)
    );
    assert_eq!(logout(&mut rig, "D2", Some("jANE")), Ok(Reply::Done));
    assert_eq!(logout(&mut rig, "D2", None), Err(Refusal::SeatFree));
    assert_eq!(
        rig.heard(),
        ["noel at D1", "jane at D2", "jane off D2 logout"]
    );
}

#[test]
fn the_last_user_is_the_one_whose_login_ended_last() {
    let mut rig = rig();
    assert_eq!(seat(&mut rig, "D1"), on("", ""));
    login(&mut rig, "D1", "jane").unwrap();
    assert_eq!(seat(&mut rig, "D1"), on("jane", ""));
    logout(&mut rig, "D1", None).unwrap();
    assert_eq!(seat(&mut rig, "D1"), on("", "jane"));
    let shared = LoginWish {
        profile: Some("SHARED".into()),
        ..wish("D1", "noel")
    };
    rig.does(Action::Login(shared)).unwrap();
    assert_eq!(seat(&mut rig, "D1"), on("noel", "jane"));
}

#[test]
fn a_second_login_is_refused_allowed_or_ends_the_first_as_the_setting_says() {
    let mut rig = rig();
    login(&mut rig, "D1", "jane").unwrap();
    assert_eq!(login(&mut rig, "D2", "jane"), Err(Refusal::SeatedElsewhere));

    let mut rig = rig_with(|s| s.multiple_logins = MultipleLogins::Allowed);
    login(&mut rig, "D2", "jane").unwrap();
    login(&mut rig, "D1", "jane").unwrap();
    let seats = rig.does(Action::Snapshot(Query::SeatsOf(vec![
        "Jane".into(),
        "noel".into(),
    ])));
    let expected = vec![vec!["D2".into(), "D1".into()], vec![]];
    assert_eq!(seats, Ok(Reply::SeatsOf(expected)));

    let mut rig = rig_with(|s| s.multiple_logins = MultipleLogins::AutoLogout);
    login(&mut rig, "D1", "jane").unwrap();
    // A login that is doomed ends nothing.
    assert_eq!(login(&mut rig, "D3", "jane"), Err(Refusal::MobilityOff));
    assert_eq!(seat(&mut rig, "D1"), on("jane", ""));
    login(&mut rig, "D2", "jane").unwrap();
    assert_eq!(seat(&mut rig, "D1"), on("", "jane"));
    let heard = rig.heard();
    assert_eq!(
        heard[heard.len() - 2..],
        ["jane off D1 elsewhere", "jane at D2"]
    );
}

#[test]
fn a_login_ends_when_its_time_is_over_and_the_next_has_its_own() {
    let mut rig = rig();
    let with = |length| LoginWish {
        length,
        ..wish("D1", "jane")
    };
    rig.does(Action::Login(with(LoginLength::Minutes(1))))
        .unwrap();
    rig.advance(MINUTE - Duration::from_millis(1));
    assert_eq!(seat(&mut rig, "D1"), on("jane", ""));
    rig.advance(Duration::from_millis(1));
    assert_eq!(seat(&mut rig, "D1"), on("", "jane"));
    rig.does(Action::Login(with(LoginLength::Minutes(1))))
        .unwrap();
    logout(&mut rig, "D1", None).unwrap();
    rig.does(Action::Login(with(LoginLength::Indefinite)))
        .unwrap();
    rig.advance(100 * 24 * 60 * MINUTE);
    assert_eq!(seat(&mut rig, "D1"), on("jane", "jane"));
}

#[test]
fn the_clusters_maximum_holds_for_every_login() {
    for length in [
        LoginLength::Policy,
        LoginLength::Indefinite,
        LoginLength::Minutes(90),
    ] {
        let mut rig = rig_with(|s| s.max_login = Some(MINUTE));
        let wish = LoginWish {
            length,
            ..wish("D1", "jane")
        };
        rig.does(Action::Login(wish)).unwrap();
        rig.advance(MINUTE);
        assert_eq!(seat(&mut rig, "D1"), on("", "jane"), "{length:?}");
    }
}

#[test]
fn without_timers_a_login_that_needs_one_does_not_happen() {
    let mut rig = rig();
    let timed = LoginWish {
        length: LoginLength::Minutes(1),
        timers_work: false,
        ..wish("D1", "jane")
    };
    assert_eq!(
        rig.does(Action::Login(timed)),
        Err(Refusal::TimerUnavailable)
    );
    assert_eq!(seat(&mut rig, "D1"), on("", ""));
}

#[test]
fn calls_ring_where_the_user_sits_and_a_ringing_phone_does_not_hinder_a_login() {
    let mut rig = rig();
    login(&mut rig, "D1", "jane").unwrap();
    rig.call("A", "2001").unwrap();
    assert!(rig.heard().contains(&"c-1 2001 alerting [1001]".to_owned()));
    // While it rings there he moves; that call goes on ringing where it was.
    logout(&mut rig, "D1", None).unwrap();
    login(&mut rig, "D2", "jane").unwrap();
    let devices = rig.does(Action::Snapshot(Query::Device("D2".into())));
    let Ok(Reply::Devices(devices)) = devices else {
        panic!("{devices:?}");
    };
    assert_eq!(devices[0].lines, [DirectoryNumber::bare("2001")]);
    rig.call("A", "2901").unwrap();
    assert!(rig.heard().contains(&"c-2 2901 alerting [1001]".to_owned()));
}

#[test]
fn what_was_stored_is_there_again_and_what_is_overdue_ends_at_once() {
    let mut rig = rig();
    let timed = LoginWish {
        length: LoginLength::Minutes(1),
        ..wish("D1", "jane")
    };
    rig.does(Action::Login(timed)).unwrap();
    let stored = rig.saves.iter().find_map(|record| match record {
        Record::Login(login) => Some((**login).clone()),
        _ => None,
    });
    let stored = stored.unwrap();
    let restarted = |late: Duration| {
        let mut rig = self::rig();
        rig.now = rig.now.later(late);
        rig.input(Input::Restore(Saved::LastUser("D2".into(), "noel".into())));
        rig.input(Input::Restore(Saved::Login(stored.clone())));
        rig
    };
    let mut soon = restarted(MINUTE / 2);
    soon.advance(Duration::ZERO);
    assert_eq!(seat(&mut soon, "D1"), on("jane", ""));
    assert_eq!(seat(&mut soon, "D2"), on("", "noel"));
    soon.advance(MINUTE / 2);
    assert_eq!(seat(&mut soon, "D1"), on("", "jane"));
    let mut late = restarted(2 * MINUTE);
    late.advance(Duration::ZERO);
    assert_eq!(seat(&mut late, "D1"), on("", "jane"));
}

#[test]
fn a_login_that_cannot_be_stored_never_was_and_one_that_is_over_is_over() {
    let mut rig = rig();
    rig.store_refuses = true;
    assert_eq!(
        login(&mut rig, "D1", "jane"),
        Err(Refusal::StoreUnavailable)
    );
    assert_eq!(seat(&mut rig, "D1"), on("", ""));
    rig.store_refuses = false;
    let timed = LoginWish {
        length: LoginLength::Minutes(1),
        ..wish("D1", "jane")
    };
    rig.does(Action::Login(timed)).unwrap();
    rig.store_refuses = true;
    assert_eq!(logout(&mut rig, "D1", None), Err(Refusal::StoreUnavailable));
    assert_eq!(seat(&mut rig, "D1"), on("jane", ""));
    rig.advance(MINUTE);
    assert_eq!(seat(&mut rig, "D1"), on("", "jane"));
}

#[test]
fn everybody_is_logged_out_at_once_and_who_is_deleted_is_too() {
    let mut rig = rig_with(|s| s.multiple_logins = MultipleLogins::Allowed);
    login(&mut rig, "D1", "jane").unwrap();
    login(&mut rig, "D2", "jane").unwrap();
    let timers_work = true;
    rig.does(Action::LogoutAll { timers_work }).unwrap();
    rig.does(Action::LogoutAll { timers_work }).unwrap();
    login(&mut rig, "D1", "jane").unwrap();
    let mut without = builder();
    without
        .profiles
        .retain(|profile| !profile.name.as_str().starts_with("JANE"));
    rig.input(Input::Directory(Arc::new(without.build().unwrap())));
    assert_eq!(
        rig.heard(),
        [
            "jane at D1",
            "jane at D2",
            "jane off D1 logout_all",
            "jane off D2 logout_all",
            "jane at D1",
            "jane off D1 directory",
            "directory.changed"
        ]
    );
    assert!(logout(&mut rig, "D1", None) == Err(Refusal::SeatFree));
}

#[test]
fn a_sweep_ends_what_began_before_its_time_but_for_its_exceptions() {
    let mut rig = rig_with(|s| s.multiple_logins = MultipleLogins::Allowed);
    login(&mut rig, "D1", "jane").unwrap();
    let sweep = |before, users: &[&str], devices: &[&str]| {
        Action::Sweep(Sweep {
            before,
            except_users: users.iter().map(|user| (*user).into()).collect(),
            except_devices: devices.iter().map(|device| (*device).into()).collect(),
        })
    };
    let began = rig.now.wall;
    rig.advance(MINUTE);
    let now = rig.now.wall;
    for spared in [
        sweep(began, &[], &[]),
        sweep(now, &["JANE"], &[]),
        sweep(now, &[], &["d1"]),
    ] {
        rig.does(spared).unwrap();
        assert_eq!(seat(&mut rig, "D1"), on("jane", ""));
    }
    rig.does(sweep(now, &["noel"], &["D2"])).unwrap();
    assert_eq!(rig.heard().last().unwrap(), "jane off D1 schedule");
}

#[test]
fn names_written_in_other_letters_by_an_edit_stay_the_same_phone_and_the_same_people() {
    let mut rig = rig();
    let timed = LoginWish {
        length: LoginLength::Minutes(1),
        ..wish("D1", "jane")
    };
    rig.does(Action::Login(timed)).unwrap();
    login(&mut rig, "D2", "jane").unwrap_err();
    let call = rig.call("A", "2001").unwrap();
    let mut edited = builder();
    for device in &mut edited.devices {
        device.name = device.name.as_str().to_lowercase().as_str().into();
    }
    for user in &mut edited.users {
        user.id = user.id.as_str().to_uppercase().as_str().into();
    }
    let edited = edited.build().unwrap();
    rig.input(Input::Directory(Arc::new(edited)));
    assert_eq!(seat(&mut rig, "D1"), on("JANE", ""));
    let seats = rig.does(Action::Snapshot(Query::SeatsOf(vec!["jane".into()])));
    assert_eq!(seats, Ok(Reply::SeatsOf(vec![vec!["d1".into()]])));
    assert_eq!(login(&mut rig, "d1", "jane"), Err(Refusal::SeatTaken));
    // The call that rings there goes on, and is that phone's.
    rig.does(Action::Answer(whose(&call, "D1"))).unwrap();
    assert!(rig.heard().contains(&"c-1 2001 active [1001]".to_owned()));
    rig.does(Action::Release(whose(&call, "d1"))).unwrap();
    assert!(rig.heard().contains(&"c-1 2001 dropped [1001]".to_owned()));
    rig.advance(MINUTE);
    assert_eq!(seat(&mut rig, "D1"), on("", "JANE"));
    assert_eq!(logout(&mut rig, "D1", None), Err(Refusal::SeatFree));
}
