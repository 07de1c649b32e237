//! The engine by a clock that the test sets.

use super::clock::tests::Handset;
use super::engine::{Engine, Parts};
use super::schedule::{Planned, Schedule};
use cordboard_core::Wall;
use cordboard_core::call::CallState;
use cordboard_core::directory::{
    Builder, CredentialState, Device, DeviceProfile, EndUser, Protocol,
};
use cordboard_core::exchange::{
    Action, Actor, Command, EndedBy, LineWish, MobilityLogin, Query, Reply, Settings,
};
use cordboard_core::ids::{CallId, DirectoryNumber, Ticket};
use cordboard_store::{HistoryWish, Store, Sync};
use jiff::tz::TimeZone;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, RwLock};
use std::time::Duration;
use tokio::sync::oneshot;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// A phone with a profile for it: Ann may be logged in at the desk, and Ben's phone dials.
fn directory() -> Builder {
    let device = |name: &str, line: &str, em_enabled| Device {
        name: name.into(),
        model: "Cisco 8845".to_owned(),
        protocol: Protocol::Sip,
        description: String::new(),
        owner: None,
        address: None,
        lines: vec![DirectoryNumber::bare(line)],
        em_enabled,
    };
    let profile = DeviceProfile {
        name: "ANNS".into(),
        model: "Cisco 8845".to_owned(),
        owners: Vec::new(),
        default_for: Vec::new(),
        lines: vec![DirectoryNumber::bare("2001")],
    };
    Builder {
        users: vec![EndUser {
            id: "ann".into(),
            first_name: String::new(),
            last_name: String::new(),
            devices: Vec::new(),
            profiles: vec!["ANNS".into()],
            primary_line: None,
            rights: Vec::new(),
            password_hash: None,
            pin_hash: None,
            credential: CredentialState::Active,
            home_cluster: true,
            max_login_minutes: None,
        }],
        devices: vec![device("DESK", "1001", true), device("BEN", "1002", false)],
        profiles: vec![profile],
        ..Builder::default()
    }
}

struct Rig {
    machine: Handset,
    engine: Engine,
    _folder: tempfile::TempDir,
}

impl Rig {
    /// An engine at whose desk Ann is logged in, until this much later, and which logs everybody out at these times of day.
    fn new(until: Option<i64>, log_outs: &[&str]) -> Self {
        let machine = Handset::new();
        let clock = machine.clock(0);
        let now = clock.now().wall;
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("cordboard.db"), Sync::Normal).unwrap();
        let login = MobilityLogin {
            device: "DESK".into(),
            user: "ann".into(),
            profile: "ANNS".into(),
            since: now,
            until: until.map(|ms| Wall(now.0 + ms)),
            origin: "api".into(),
            by: None,
            mismatched: false,
        };
        let schedule = |at: &&str| Planned {
            schedule: Schedule {
                at: at.parse().unwrap(),
                zone: TimeZone::UTC,
                days: Vec::new(),
                except_users: Vec::new(),
                except_devices: Vec::new(),
            },
            is_new: true,
        };
        let directory = directory().build().unwrap();
        let shared = Arc::new(RwLock::new(Arc::new(directory.clone())));
        let parts = Parts {
            settings: Settings::default(),
            directory,
            logins: vec![login],
            schedules: log_outs.iter().map(schedule).collect(),
            history_days: Some(30),
            last_users: Vec::new(),
            takeovers: Vec::new(),
            store,
            auto_answer: None,
            clock,
            choices: Arc::default(),
        };
        let engine = Engine::new(parts, shared, Arc::new(AtomicU64::new(1_000))).unwrap();
        Self {
            machine,
            engine,
            _folder: folder,
        }
    }

    fn settle(&mut self) {
        self.engine.settle(Vec::new());
    }

    fn is_logged_in(&mut self) -> bool {
        match self.engine.read(Query::Logins) {
            Some(Reply::Logins(logins)) => !logins.is_empty(),
            other => panic!("{other:?}"),
        }
    }

    /// How the logins ended, newest first.
    fn history(&self) -> Vec<EndedBy> {
        let reader = self.engine.store.reader().unwrap();
        let ended = reader.mobility_history(&HistoryWish::default(), 9).unwrap();
        ended.into_iter().map(|(_, ended)| ended.how).collect()
    }

    fn dial(&mut self, number: &str) -> CallId {
        let (answer, mut answered) = oneshot::channel();
        let command = Command {
            actor: Actor::Operator,
            interface: "api",
            action: Action::MakeCall {
                user: None,
                device: "BEN".into(),
                line: LineWish::First,
                to: number.to_owned(),
            },
        };
        let input = self.engine.ticketed(Ticket(1), command, answer);
        self.engine.settle(vec![input]);
        let placed = answered.try_recv().unwrap().unwrap();
        placed.call().unwrap().id
    }

    fn state(&mut self, call: &CallId) -> Option<CallState> {
        let found = self.engine.read(Query::Call(call.clone()))?;
        found.call().map(|call| call.state)
    }
}

#[test]
fn a_login_ends_when_the_wall_clock_shows_its_end_however_it_came_there() {
    for (name, come) in [
        ("the time passes", (8 * HOUR_MS, 0)),
        ("the machine sleeps", (0, 8 * HOUR_MS)),
        ("a step of NTP", (HOUR_MS, 7 * HOUR_MS)),
    ] {
        let mut rig = Rig::new(Some(8 * HOUR_MS), &[]);
        rig.machine.passes(1);
        rig.settle();
        assert!(rig.is_logged_in(), "{name}");
        rig.machine.passes(u32::try_from(come.0).unwrap());
        rig.machine.jumps(come.1);
        rig.settle();
        assert!(!rig.is_logged_in(), "{name}");
        assert_eq!(rig.history(), [EndedBy::Expired], "{name}");
    }
}

#[test]
fn a_clock_that_goes_back_makes_a_login_last_until_it_shows_its_end_again() {
    let mut rig = Rig::new(Some(2 * HOUR_MS), &[]);
    rig.machine.jumps(-HOUR_MS);
    rig.settle();
    rig.machine.passes(u32::try_from(2 * HOUR_MS).unwrap());
    rig.settle();
    assert!(rig.is_logged_in());
    rig.machine.passes(u32::try_from(HOUR_MS).unwrap());
    rig.settle();
    assert!(!rig.is_logged_in());
}

#[test]
fn timers_of_calls_do_not_jump_with_the_wall_clock() {
    let mut rig = Rig::new(None, &[]);
    let call = rig.dial("5550108");
    rig.machine.passes(1_000);
    rig.settle();
    assert_eq!(rig.state(&call), Some(CallState::Alerting));
    for jump in [400 * DAY_MS, -800 * DAY_MS] {
        rig.machine.jumps(jump);
        rig.settle();
        assert_eq!(rig.state(&call), Some(CallState::Alerting), "{jump}");
    }
    rig.machine.passes(200_000);
    rig.settle();
    assert_ne!(rig.state(&call), Some(CallState::Alerting));
}

#[test]
fn a_schedule_that_a_jump_passes_over_is_due_once_at_once() {
    let mut rig = Rig::new(None, &["03:00"]);
    let due = |rig: &Rig| rig.engine.schedules.next().unwrap().0;
    let before = due(&rig);
    rig.machine.jumps(400 * DAY_MS);
    rig.settle();
    assert_eq!(rig.history(), [EndedBy::Schedule]);
    assert_eq!(due(&rig), before + 400 * DAY_MS);
    // The clock was wrong and is set right: the next time is the one that it shows next.
    rig.machine.jumps(-400 * DAY_MS);
    rig.settle();
    assert_eq!(due(&rig), before);
}

#[test]
fn a_jump_is_noticed_soon_and_a_stopped_clock_is_not_waited_for() {
    let rig = Rig::new(Some(400 * DAY_MS), &["03:00"]);
    assert!(rig.engine.wait().unwrap() <= Duration::from_secs(5));
    rig.engine.clock.set_running(false);
    assert_eq!(rig.engine.wait(), None);
}

#[test]
fn a_clock_that_is_wrong_for_a_while_does_not_empty_the_history() {
    let mut rig = Rig::new(Some(HOUR_MS), &[]);
    rig.machine.passes(u32::try_from(HOUR_MS).unwrap());
    rig.settle();
    assert_eq!(rig.history(), [EndedBy::Expired]);
    rig.machine.jumps(400 * DAY_MS);
    rig.settle();
    rig.machine.passes(u32::try_from(HOUR_MS).unwrap());
    rig.settle();
    assert_eq!(rig.history(), [EndedBy::Expired]);
    // A day later it is taken for right.
    rig.machine.passes(u32::try_from(DAY_MS).unwrap());
    rig.settle();
    assert_eq!(rig.history(), []);
}
