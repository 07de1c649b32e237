//! A network that refuses, delays and swaps, phones that act by themselves, a store that refuses and inputs that are taken
//! back, at random, for a thousand seeds: whatever happens, the exchange keeps its promises.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod judge;

use cordboard_core::call::PartState;
use cordboard_core::directory::{DeviceProfile, Directory};
use cordboard_core::exchange::{
    Action, Actor, DriverEvent, FIRST_DRIVER_LEG, Input, LineWish, LoginLength, LoginWish,
    MultipleLogins, Output, Settings, TakeoverTimes, TransferTo,
};
use cordboard_core::ids::{CallId, DeviceName, DirectoryNumber, LegId};
use cordboard_drivers::rig::{Rig, START, phone_list, whose};
use cordboard_drivers::sim::{CallsFate, Fault, FaultKind, Mischief, Sim};
use judge::{Judge, wind_up};
use std::sync::Arc;
use std::time::Duration;

const SEEDS: u64 = 1_000;
const STEPS: usize = 80;
const DEVICES: [&str; 6] = ["A", "B", "C", "D", "S1", "S2"];
const NUMBERS: [&str; 14] = [
    "1001", "1002", "1003", "1004", "1100", "1900", "5550100", "5550106", "5550107", "5550108",
    "5550109", "5550110", "5555", "x",
];

/// The phones, and profiles with lines that are nobody's unless somebody sits down with them.
fn directory(with_d: bool, in_small_letters: bool) -> Directory {
    let mut list = phone_list(&[
        ("A", "ann", &["1001"]),
        ("B", "ben", &["1002"]),
        ("C", "cid", &["1003"]),
        ("S1", "sue", &["1100"]),
        ("S2", "sue", &["1100"]),
        ("D", "dan", &["1004"]),
    ]);
    for device in &mut list.devices {
        device.em_enabled = device.name.as_str() != "A";
        if in_small_letters {
            device.name = device.name.as_str().to_lowercase().as_str().into();
        }
    }
    if !with_d {
        list.devices.pop();
    }
    for (user, line) in [("dan", "1900"), ("sue", "1901")] {
        let owners = vec![user.into()];
        for user in list.users.iter_mut().filter(|u| u.id == owners[0]) {
            user.profiles = vec![line.into()];
        }
        list.profiles.push(DeviceProfile {
            name: line.into(),
            model: "Cisco 8845".to_owned(),
            owners,
            default_for: Vec::new(),
            lines: vec![DirectoryNumber::bare(line)],
        });
    }
    list.build().unwrap()
}

fn any<'a>(random: &mut fastrand::Rng, from: &[&'a str]) -> &'a str {
    from[random.usize(0..from.len())]
}

fn random_action(random: &mut fastrand::Rng, calls: usize) -> Action {
    let call = CallId::from(format!("c-{}", random.usize(1..=calls + 1)));
    let device = any(random, &DEVICES);
    let to = any(random, &NUMBERS).to_owned();
    let whose = whose(&call, device);
    match random.u8(0..20) {
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
        12..=13 => Action::Consult(whose, to),
        14 => Action::CompleteTransfer(whose),
        15 => Action::CompleteConference(whose),
        16 => Action::ReleaseCall(call),
        17 => Action::SendDigits(whose, any(random, &["1", "#9", "x", ""]).to_owned()),
        18 => Action::ReleaseNewest {
            user: any(random, &["ann", "ben", "sue", "xxx"]).into(),
            device: random.bool().then(|| device.into()),
            line: None,
        },
        _ => Action::DropParticipant(call, DirectoryNumber::bare(to)),
    }
}

fn random_seat(random: &mut fastrand::Rng) -> Action {
    let device = DeviceName::from(any(random, &DEVICES[1..]));
    let wish = LoginWish {
        device: device.clone(),
        user: any(random, &["dan", "sue", "xxx"]).into(),
        profile: None,
        length: match random.u8(0..3) {
            0 => LoginLength::Minutes(1),
            _ => LoginLength::Policy,
        },
        own_profiles: random.bool(),
        timers_work: true,
    };
    let timers_work = true;
    match random.u8(0..16) {
        0..=6 => Action::Login(wish),
        7..=8 => Action::Logout {
            device,
            only: None,
            timers_work,
        },
        9 => Action::LogoutAll { timers_work },
        10..=12 => Action::TakeOver(wish),
        13 => Action::CancelTakeover(device),
        _ => Action::UndoTakeover(device),
    }
}

/// Something that fits the state of a part, so that stories come far.
fn fitting_action(random: &mut fastrand::Rng, judge: &Judge) -> Option<Action> {
    let (call, device, state) = random.choice(judge.live())?;
    let whose = whose(&call, device.as_str());
    let to = any(random, &NUMBERS[..7]).to_owned();
    Some(match (state, random.u8(0..8)) {
        (PartState::Alerting, 0) => Action::Reject(whose),
        (PartState::Alerting, _) => Action::Answer(whose),
        (PartState::Active, 0) => Action::Hold(whose),
        (PartState::Held, 0) => Action::Retrieve(whose),
        (PartState::Active | PartState::Held, 1..=2) => Action::BlindTransfer(whose, to),
        (PartState::Active | PartState::Held, 3..=4) => Action::Consult(whose, to),
        (PartState::Active | PartState::Held | PartState::Initiated, 5) => {
            Action::CompleteTransfer(whose)
        }
        (PartState::Active | PartState::Held, _) => Action::CompleteConference(whose),
        (PartState::Initiated | PartState::Initiating | PartState::Failed, 0) => {
            Action::Release(whose)
        }
        (
            PartState::Initiated | PartState::Initiating | PartState::Failed | PartState::Dropped,
            _,
        ) => return None,
    })
}

/// One story at random: the exchange, its judge and its dice.
struct Story {
    rig: Rig<Sim>,
    judge: Judge,
    random: fastrand::Rng,
    phone_legs: u64,
}

impl Story {
    fn new(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let mischief = Mischief {
            seed,
            refuse_percent: [0, 10, 30][random.usize(0..3)],
            delay: Duration::from_millis([0, 500, 8_000][random.usize(0..3)]),
            swap: random.bool(),
        };
        let settings = Settings {
            transfer_recall: Duration::from_secs([0, 20][random.usize(0..2)]),
            multiple_logins: [
                MultipleLogins::NotAllowed,
                MultipleLogins::Allowed,
                MultipleLogins::AutoLogout,
            ][random.usize(0..3)],
            max_login: [None, Some(Duration::from_secs(90))][random.usize(0..2)],
            takeover: Some(TakeoverTimes {
                warning: Duration::from_secs([0, 2][random.usize(0..2)]),
                patience: Duration::from_secs(20),
                undo: Duration::from_secs(20),
            }),
            ..Settings::default()
        };
        let network = Sim::new(None, START.instant).with_mischief(mischief);
        let mut rig = Rig::new(settings, directory(true, false), network);
        rig.doubts = random.bool();
        Self {
            rig,
            judge: Judge::default(),
            random,
            phone_legs: FIRST_DRIVER_LEG,
        }
    }

    fn act(&mut self) {
        match self.random.u8(0..76) {
            0..=9 => {
                let action = random_action(&mut self.random, self.judge.calls());
                self.asks(action);
            }
            10..=15 => {
                let to = any(&mut self.random, &NUMBERS[..5]);
                let device = any(&mut self.random, &DEVICES);
                self.asks(Action::MakeCall {
                    user: None,
                    device: device.into(),
                    line: LineWish::First,
                    to: to.to_owned(),
                });
            }
            16..=43 => {
                if let Some(action) = fitting_action(&mut self.random, &self.judge) {
                    self.asks(action);
                }
            }
            44..=48 => self.phone_acts(),
            49 => self.waits(200_000),
            50..=57 => self.waits(3_000),
            58 => self.device_fails(),
            59 => self.network_fails(),
            60..=61 => self.rig.store_refuses = self.random.u8(0..3) == 0,
            62 => self.is_edited(),
            63 => self.is_reset(),
            _ => {
                let action = random_seat(&mut self.random);
                self.asks(action);
            }
        }
    }

    fn asks(&mut self, action: Action) {
        let ticket = self.rig.ask(Actor::Operator, "api", action);
        self.judge.expects(ticket);
    }

    fn waits(&mut self, up_to_ms: u64) {
        let by = Duration::from_millis(self.random.u64(0..up_to_ms));
        self.rig.advance(by);
    }

    fn phone_acts(&mut self) {
        let legs: Vec<LegId> = self.rig.network.live_legs().map(|(leg, _)| leg).collect();
        let leg = self.random.choice(legs.iter().copied());
        let event = match (self.random.u8(0..6), leg) {
            (0, Some(leg)) => DriverEvent::HeldByPhone(leg),
            (1, Some(leg)) => DriverEvent::RetrievedByPhone(leg),
            (2, Some(leg)) => DriverEvent::TransferAsked {
                leg,
                to: TransferTo::Digits(any(&mut self.random, &NUMBERS).to_owned()),
            },
            (3, Some(leg)) => DriverEvent::TransferAsked {
                leg,
                to: TransferTo::Leg(self.random.choice(legs).unwrap()),
            },
            (4, Some(leg)) => DriverEvent::Released(leg, 16),
            _ => {
                self.phone_legs += 1;
                DriverEvent::Dialled {
                    leg: LegId(self.phone_legs),
                    device: any(&mut self.random, &DEVICES).into(),
                    digits: any(&mut self.random, &NUMBERS).to_owned(),
                }
            }
        };
        self.rig.network.phone_does(event, self.rig.now.instant);
        self.rig.advance(Duration::ZERO);
    }

    fn device_fails(&mut self) {
        let device = DeviceName::from(any(&mut self.random, &DEVICES));
        let on = format!("device:{device}");
        let now = self.rig.now.instant;
        if self.random.bool() {
            let kind = FaultKind::DeviceDown(device);
            self.rig.network.set_fault(Fault { on, kind }, now);
        } else {
            self.rig.network.clear_faults(Some(&on), now);
        }
        self.rig.advance(Duration::ZERO);
    }

    fn network_fails(&mut self) {
        let calls = if self.random.bool() {
            CallsFate::Lost
        } else {
            CallsFate::Kept
        };
        let fault = Fault {
            on: "network".into(),
            kind: FaultKind::NetworkDown { calls },
        };
        self.rig.network.set_fault(fault, self.rig.now.instant);
        self.waits(20_000);
        let action = random_action(&mut self.random, self.judge.calls());
        self.asks(action);
        let now = self.rig.now.instant;
        self.rig.network.clear_faults(Some("network"), now);
        self.rig.advance(Duration::ZERO);
    }

    /// A phone is deleted or there again, or all names are written in other letters.
    fn is_edited(&mut self) {
        let edited = directory(self.random.bool(), self.random.bool());
        self.rig.input(Input::Directory(Arc::new(edited)));
    }

    /// Rarely, as nothing of a story outlives it.
    fn is_reset(&mut self) {
        if self.random.u8(0..8) == 0 {
            self.rig.network.reset();
            self.rig.store_refuses = false;
            self.rig
                .input(Input::Reset(Arc::new(directory(true, false))));
        }
    }
}

/// Throws a random story at a misbehaving network; everything that came out.
fn throw(seed: u64) -> Vec<Output> {
    let mut story = Story::new(seed);
    for _ in 0..STEPS {
        story.act();
        story.judge.look(&mut story.rig);
    }
    let Story {
        mut rig, mut judge, ..
    } = story;
    rig.network.clear_faults(None, rig.now.instant);
    rig.store_refuses = false;
    for device in DEVICES {
        // Where there is none, that is said.
        let _ = rig.does(Action::CancelTakeover(device.into()));
    }
    rig.does(Action::LogoutAll { timers_work: true }).unwrap();
    wind_up(&mut rig, &mut judge);
    assert_eq!(
        rig.network.live_legs().count(),
        0,
        "no phone is left off-hook"
    );
    rig.outputs
}

#[test]
fn whatever_happens_every_call_ends_once_and_the_same_inputs_come_to_the_same_outputs() {
    for seed in 0..SEEDS {
        let seen = std::panic::catch_unwind(|| {
            assert!(throw(seed) == throw(seed), "outputs differ");
        });
        if let Err(panic) = seen {
            eprintln!("seed {seed}");
            std::panic::resume_unwind(panic);
        }
    }
}
