//! A network that refuses, delays and swaps at every point of every story, for a thousand seeds: whatever it does, the
//! exchange keeps its promises.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use cordboard_core::call::PartState;
use cordboard_core::exchange::{
    Action, Actor, Event, EventKind, LineWish, Query, Reply, Settings, Whose,
};
use cordboard_core::ids::{CallId, DeviceName, DirectoryNumber, PartId, Ticket};
use cordboard_drivers::Driver;
use cordboard_drivers::rig::{Rig, START, describe, phones, whose};
use cordboard_drivers::sim::{CallsFate, Fault, FaultKind, Mischief, Sim};
use std::collections::BTreeMap;
use std::time::Duration;

const SEEDS: u64 = 1_000;
const STEPS: usize = 60;
const DEVICES: [&str; 6] = ["A", "B", "C", "D", "S1", "S2"];
const NUMBERS: [&str; 13] = [
    "1001", "1002", "1003", "1004", "1100", "5550100", "5550106", "5550107", "5550108", "5550109",
    "5550110", "5555", "x",
];

fn rig(mischief: Mischief, settings: Settings) -> Rig<Sim> {
    let directory = phones(&[
        ("A", "ann", &["1001"]),
        ("B", "ben", &["1002"]),
        ("C", "cid", &["1003"]),
        ("D", "dan", &["1004"]),
        ("S1", "sue", &["1100"]),
        ("S2", "sue", &["1100"]),
    ]);
    Rig::new(
        settings,
        directory,
        Sim::new(None, START.instant).with_mischief(mischief),
    )
}

/// What must hold of everything that was ever published.
#[derive(Default)]
struct Judge {
    last: Option<u64>,
    calls: BTreeMap<CallId, bool>,
    parts: BTreeMap<(CallId, PartId), (PartState, Vec<DirectoryNumber>)>,
}

impl Judge {
    fn hear(&mut self, event: &Event) {
        if let Some(last) = self.last {
            assert_eq!(event.sequence, last + 1, "sequence numbers have no gaps");
        }
        self.last = Some(event.sequence);
        match &event.kind {
            EventKind::CallCreated { call } => {
                assert!(
                    self.calls.insert(call.clone(), false).is_none(),
                    "{call} was created twice"
                );
            }
            EventKind::Part(part) => {
                assert!(
                    self.calls.contains_key(&part.call),
                    "an event about the unknown call {}",
                    part.call
                );
                let seen = (part.state, part.others.clone());
                let key = (part.call.clone(), part.part);
                let before = self.parts.insert(key, seen.clone());
                assert_ne!(
                    before.as_ref(),
                    Some(&seen),
                    "told twice: {}",
                    describe(event)
                );
                let was = before.map(|(state, _)| state);
                assert_ne!(
                    was,
                    Some(PartState::Dropped),
                    "a dropped part came back: {}",
                    describe(event)
                );
                assert!(
                    fits(was, part.state),
                    "{was:?} → {:?}: {}",
                    part.state,
                    describe(event)
                );
            }
            EventKind::CallEnded { call, .. } => {
                let ended = self
                    .calls
                    .get_mut(call)
                    .expect("a call that ends was created");
                assert!(!*ended, "{call} ended twice");
                *ended = true;
            }
            EventKind::DeviceUp(_)
            | EventKind::DeviceDown(_)
            | EventKind::NetworkUp
            | EventKind::NetworkDown
            | EventKind::DirectoryChanged
            | EventKind::Reset => {}
        }
    }
}

/// The states a part may be seen to go through.
fn fits(before: Option<PartState>, after: PartState) -> bool {
    use PartState as S;
    match (before, after) {
        (None, S::Initiating | S::Alerting | S::Active | S::Initiated | S::Held | S::Dropped) => {
            true
        }
        (None, S::Failed) => false,
        (Some(S::Initiating), S::Initiated | S::Failed | S::Dropped | S::Initiating) => true,
        (Some(S::Initiated), S::Active | S::Failed | S::Dropped | S::Initiated) => true,
        (Some(S::Alerting), S::Active | S::Dropped | S::Alerting) => true,
        (Some(S::Active), S::Active | S::Held | S::Dropped) => true,
        (Some(S::Held), S::Held | S::Active | S::Dropped) => true,
        (Some(S::Failed), S::Dropped) => true,
        _ => false,
    }
}

fn any<'a>(random: &mut fastrand::Rng, from: &[&'a str]) -> &'a str {
    from[random.usize(0..from.len())]
}

fn random_action(random: &mut fastrand::Rng, calls: u64) -> Action {
    let call = CallId::from(format!("c-{}", random.u64(1..=calls.max(1))));
    let device = any(random, &DEVICES);
    let to = any(random, &NUMBERS).to_owned();
    let whose = whose(&call, device);
    match random.u8(0..16) {
        0..=3 => Action::MakeCall {
            user: None,
            device: device.into(),
            line: LineWish::First,
            to,
        },
        4..=6 => Action::Answer(whose),
        7 => Action::Reject(whose),
        8 => Action::Hold(whose),
        9 => Action::Retrieve(whose),
        10 => Action::Release(whose),
        11 => Action::BlindTransfer(whose, to),
        12 => Action::Consult(whose, to),
        13 => Action::CompleteTransfer(whose),
        14 => Action::CompleteConference(whose),
        _ => Action::DropParticipant(call, DirectoryNumber::bare(to)),
    }
}

/// Throws a random story at a misbehaving network and answers all that was published.
fn throw(seed: u64) -> Vec<String> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mischief = Mischief {
        seed,
        refuse_percent: [0, 10, 30][random.usize(0..3)],
        delay: Duration::from_millis([0, 500, 8_000][random.usize(0..3)]),
        swap: random.bool(),
    };
    let recall = if random.bool() {
        Duration::from_secs(20)
    } else {
        Duration::ZERO
    };
    let mut rig = rig(
        mischief,
        Settings {
            transfer_recall: recall,
            ..Settings::default()
        },
    );
    let mut judge = Judge::default();
    let mut published = Vec::new();
    let mut tickets: Vec<Ticket> = Vec::new();
    for _ in 0..STEPS {
        match random.u8(0..12) {
            0..=7 => {
                let calls = u64::try_from(judge.calls.len()).unwrap();
                let action = random_action(&mut random, calls + 1);
                tickets.push(rig.ask(Actor::Operator, "api", action));
            }
            8 => rig.advance(Duration::from_millis(random.u64(0..200_000))),
            9 => rig.advance(Duration::from_millis(random.u64(0..3_000))),
            10 => device_fails(&mut rig, &mut random),
            _ => network_fails(&mut rig, &mut random),
        }
        for event in rig.events.drain(..) {
            judge.hear(&event);
            published.push(describe(&event));
        }
    }
    wind_up(&mut rig, &mut judge, &mut published);
    for ticket in tickets {
        assert!(
            rig.answers.contains_key(&ticket),
            "{ticket:?} was never answered"
        );
    }
    for (call, ended) in &judge.calls {
        assert!(ended, "{call} never ended");
    }
    for ((call, part), (state, _)) in &judge.parts {
        assert_eq!(*state, PartState::Dropped, "an orphan: {call} {part:?}");
    }
    published
}

fn device_fails(rig: &mut Rig<Sim>, random: &mut fastrand::Rng) {
    let device = DeviceName::from(any(random, &DEVICES));
    let on = format!("device:{device}");
    if random.bool() {
        rig.network.set_fault(
            Fault {
                on,
                kind: FaultKind::DeviceDown(device),
            },
            rig.now.instant,
        );
    } else {
        rig.network.clear_faults(Some(&on), rig.now.instant);
    }
    rig.advance(Duration::ZERO);
}

fn network_fails(rig: &mut Rig<Sim>, random: &mut fastrand::Rng) {
    let calls = if random.bool() {
        CallsFate::Lost
    } else {
        CallsFate::Kept
    };
    let fault = Fault {
        on: "network".into(),
        kind: FaultKind::NetworkDown { calls },
    };
    rig.network.set_fault(fault, rig.now.instant);
    rig.advance(Duration::from_millis(random.u64(0..20_000)));
    rig.network.clear_faults(Some("network"), rig.now.instant);
    rig.advance(Duration::ZERO);
}

/// Lets everything come to its end: no faults, every call released, ten minutes.
fn wind_up(rig: &mut Rig<Sim>, judge: &mut Judge, published: &mut Vec<String>) {
    rig.network.clear_faults(None, rig.now.instant);
    rig.advance(Duration::from_secs(30));
    for round in 0..20 {
        let Ok(Reply::Calls(calls)) = rig.does(Action::Snapshot(Query::Calls)) else {
            panic!("calls can be read")
        };
        if calls.is_empty() {
            break;
        }
        assert!(round < 19, "calls do not end: {calls:?}");
        for call in calls {
            let _ = rig.does(Action::ReleaseCall(call.id));
        }
        rig.advance(Duration::from_secs(60));
    }
    for event in rig.events.drain(..) {
        judge.hear(&event);
        published.push(describe(&event));
    }
    let Ok(Reply::Counts(counts)) = rig.does(Action::Snapshot(Query::Counts)) else {
        panic!("counts can be read")
    };
    assert_eq!(
        (counts.calls, counts.legs, counts.operations),
        (0, 0, 0),
        "nothing is left behind"
    );
    assert_eq!(
        rig.network.live_legs().count(),
        0,
        "no phone is left off-hook"
    );
    assert_eq!(rig.exchange.next_deadline(), None, "no timer is left");
}

#[test]
fn whatever_the_network_does_every_call_ends_once_and_nothing_is_left_behind() {
    for seed in 0..SEEDS {
        if let Err(panic) = std::panic::catch_unwind(|| throw(seed)) {
            eprintln!("seed {seed}");
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn the_same_inputs_publish_the_same_events() {
    for seed in 0..50 {
        assert_eq!(throw(seed), throw(seed), "seed {seed}");
    }
}

/// The driver story: what every driver must be able to carry, told by conditions, never by times.
fn driver_story<D: Driver>(rig: &mut Rig<D>, settle: impl Fn(&mut Rig<D>)) {
    let parts = |rig: &mut Rig<D>, call: &CallId| -> Vec<(String, PartState)> {
        match rig.does(Action::Snapshot(Query::Call(call.clone()))) {
            Ok(Reply::Call(call)) => call
                .connections
                .iter()
                .map(|c| (c.number.digits.to_string(), c.state))
                .collect(),
            _ => Vec::new(),
        }
    };
    let expect = |rig: &mut Rig<D>, call: &CallId, expected: &[(&str, PartState)]| {
        settle(rig);
        let seen = parts(rig, call);
        let seen: Vec<(&str, PartState)> = seen.iter().map(|(n, s)| (n.as_str(), *s)).collect();
        assert_eq!(seen, expected);
    };
    let ask = |rig: &mut Rig<D>, action: Action| {
        let ticket = rig.ask(Actor::Operator, "api", action);
        settle(rig);
        rig.answers
            .get(&ticket)
            .cloned()
            .expect("answered")
            .expect("accepted")
    };
    let at = |call: &CallId, device: &str| -> Whose { whose(call, device) };
    let new_call = |reply: Reply| match reply {
        Reply::Call(call) => call.id,
        other => panic!("{other:?}"),
    };
    let make = |device: &str, to: &str| Action::MakeCall {
        user: None,
        device: device.into(),
        line: LineWish::First,
        to: to.into(),
    };
    use PartState as S;

    let first = new_call(ask(rig, make("A", "1002")));
    expect(
        rig,
        &first,
        &[("1001", S::Initiated), ("1002", S::Alerting)],
    );
    ask(rig, Action::Answer(at(&first, "B")));
    expect(rig, &first, &[("1001", S::Active), ("1002", S::Active)]);
    ask(rig, Action::Hold(at(&first, "A")));
    expect(rig, &first, &[("1001", S::Held), ("1002", S::Active)]);
    ask(rig, Action::Retrieve(at(&first, "A")));
    let second = new_call(ask(rig, Action::Consult(at(&first, "B"), "1003".into())));
    expect(
        rig,
        &second,
        &[("1002", S::Initiated), ("1003", S::Alerting)],
    );
    ask(rig, Action::Answer(at(&second, "C")));
    ask(rig, Action::CompleteConference(at(&first, "B")));
    expect(
        rig,
        &first,
        &[
            ("1001", S::Active),
            ("1002", S::Active),
            ("1003", S::Active),
        ],
    );
    ask(rig, Action::Release(at(&first, "B")));
    expect(
        rig,
        &first,
        &[
            ("1001", S::Active),
            ("1002", S::Dropped),
            ("1003", S::Active),
        ],
    );
    ask(rig, Action::BlindTransfer(at(&first, "C"), "1004".into()));
    ask(rig, Action::Answer(at(&first, "D")));
    expect(
        rig,
        &first,
        &[
            ("1001", S::Active),
            ("1002", S::Dropped),
            ("1003", S::Dropped),
            ("1004", S::Active),
        ],
    );
    ask(rig, Action::ReleaseCall(first.clone()));
    expect(rig, &first, &[]);
    let busy = new_call(ask(rig, make("A", "5550109")));
    expect(rig, &busy, &[("1001", S::Failed), ("5550109", S::Failed)]);
    ask(rig, Action::Release(at(&busy, "A")));
    expect(rig, &busy, &[]);
}

#[test]
fn the_simulated_network_tells_the_driver_story_at_once() {
    let mut rig = rig(Mischief::default(), Settings::default());
    driver_story(&mut rig, |rig| rig.advance(Duration::ZERO));
}

#[test]
fn the_simulated_network_tells_the_driver_story_late_and_in_any_order() {
    for seed in 0..SEEDS {
        let mischief = Mischief {
            seed,
            refuse_percent: 0,
            delay: Duration::from_millis(900),
            swap: true,
        };
        let mut rig = rig(mischief, Settings::default());
        driver_story(&mut rig, |rig| rig.advance(Duration::from_secs(4)));
    }
}
