//! Where steps and inputs end, and what can be read of parts and lines. [exchange §3, §4, §7]

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use cordboard_core::exchange::{Action, Actor, Ends, Input, Query, Reply, Settings};
use cordboard_core::ids::Digits;
use cordboard_drivers::rig::{Rig, describe, phones, whose};
use cordboard_drivers::sim::Sim;
use std::time::Duration;

fn rig() -> Rig<Sim> {
    let directory = phones(&[
        ("D1", "ann", &["1"]),
        ("D2", "bob", &["2", "7"]),
        ("D3", "cid", &["3", "7"]),
    ]);
    Rig::new(
        Settings::default(),
        directory,
        Sim::new(None, Default::default()),
    )
}

/// What was heard, a step on a line; an input ends with a bar.
fn steps(rig: &mut Rig<Sim>) -> Vec<String> {
    let mut lines = vec![String::new()];
    for event in rig.events.drain(..) {
        let line = lines.last_mut().unwrap();
        if !line.is_empty() {
            line.push_str(", ");
        }
        line.push_str(&describe(&event));
        match event.ends {
            Ends::Nothing => continue,
            Ends::Step => {}
            Ends::Input => line.push_str(" |"),
        }
        lines.push(String::new());
    }
    assert_eq!(lines.pop().unwrap(), "", "something ends nothing");
    lines
}

fn parts(rig: &mut Rig<Sim>) -> Vec<String> {
    match rig.does(Action::Snapshot(Query::Parts)).unwrap() {
        Reply::Parts(parts, true) => parts
            .iter()
            .map(|part| {
                let others: Vec<_> = part.others.iter().map(|n| n.digits.as_str()).collect();
                format!(
                    "{} {} {} [{}] {} {}",
                    part.part.0,
                    part.number.digits,
                    part.state,
                    others.join(","),
                    part.changed.0 - part.started.0,
                    part.conference
                )
            })
            .collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_end_of_a_step_and_of_an_input_is_told_with_its_last_event() {
    let mut rig = rig();
    let call = rig.call("D1", "2").unwrap();
    rig.does(Action::Answer(whose(&call, "D2"))).unwrap();
    steps(&mut rig);
    rig.advance(Duration::from_secs(3));
    let asked = Action::Consult(whose(&call, "D2"), "3".into());
    rig.ask(Actor::Operator, "test", asked);
    assert_eq!(
        steps(&mut rig),
        [
            "c-1 2 held [1]",
            "c-2 created, c-2 2 initiating [3]",
            "c-2 2 initiated [3] |",
            "c-2 3 alerting [2] |",
        ]
    );
    let second = "c-2".into();
    rig.does(Action::Answer(whose(&second, "D3"))).unwrap();
    steps(&mut rig);
    rig.advance(Duration::from_secs(2));
    rig.does(Action::CompleteConference(whose(&call, "D2")))
        .unwrap();
    assert_eq!(
        steps(&mut rig),
        [
            "c-1 2 active [1,3], c-1 3 active [1,2], c-1 1 active [2,3], c-2 2 dropped [3], c-2 3 dropped [2], c-2 ended conferenced into c-1 |"
        ]
    );
    assert_eq!(
        parts(&mut rig),
        [
            "1 1 active [2,3] 5000 false",
            "2 2 active [1,3] 5000 true",
            "5 3 active [1,2] 0 false",
        ]
    );
}

#[test]
fn a_network_that_comes_back_without_its_calls_is_one_input() {
    use cordboard_drivers::sim::{CallsFate, Fault, FaultKind};
    let mut rig = rig();
    let call = rig.call("D1", "2").unwrap();
    rig.does(Action::Answer(whose(&call, "D2"))).unwrap();
    let now = rig.now.instant;
    let down = Fault {
        on: "network".into(),
        kind: FaultKind::NetworkDown {
            calls: CallsFate::Lost,
        },
    };
    rig.network.set_fault(down, now);
    rig.advance(Duration::from_millis(1));
    steps(&mut rig);
    rig.network.clear_faults(None, rig.now.instant);
    rig.advance(Duration::from_millis(1));
    let heard = steps(&mut rig);
    let (last, first) = heard.split_last().unwrap();
    assert_eq!(first[0], "network.up");
    assert!(first.iter().all(|step| !step.ends_with('|')), "{first:?}");
    assert!(
        last.ends_with('|') && heard.concat().contains("2 dropped"),
        "{heard:?}"
    );
}

#[test]
fn a_line_is_read_with_the_devices_that_carry_it_now_the_best_first() {
    let mut rig = rig();
    let asked = ["7", "9", "1"].map(Digits::from).to_vec();
    let lines = |rig: &mut Rig<Sim>| -> Vec<String> {
        match rig
            .does(Action::Snapshot(Query::Lines(asked.clone())))
            .unwrap()
        {
            Reply::Lines(lines) => lines
                .iter()
                .map(|line| {
                    let Some(line) = line else {
                        return "none".into();
                    };
                    let names: Vec<_> = line.devices.iter().map(|d| d.name.as_str()).collect();
                    format!("{} {}", line.number, names.join(","))
                })
                .collect(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(lines(&mut rig), ["7 D2,D3", "none", "1 D1"]);
    rig.input(Input::Driver(
        cordboard_core::exchange::DriverEvent::DeviceDown("D2".into()),
    ));
    assert_eq!(lines(&mut rig), ["7 D3,D2", "none", "1 D1"]);
}
