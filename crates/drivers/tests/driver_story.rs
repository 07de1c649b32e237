//! The driver story: what every driver must be able to carry, told by conditions, never by times.

mod judge;

use cordboard_core::Refusal;
use cordboard_core::call::PartState;
use cordboard_core::exchange::{Action, Actor, LineWish, Query, Reply, Settings};
use cordboard_core::ids::CallId;
use cordboard_drivers::Driver;
use cordboard_drivers::rig::{Rig, START, phones, whose};
use cordboard_drivers::sim::{Mischief, Sim};
use judge::{Judge, wind_up};
use std::time::Duration;

const SEEDS: u64 = 1_000;

fn rig(mischief: Mischief) -> Rig<Sim> {
    let directory = phones(&[
        ("A", "ann", &["1001"]),
        ("B", "ben", &["1002"]),
        ("C", "cid", &["1003"]),
        ("D", "dan", &["1004"]),
    ]);
    let network = Sim::new(None, START.instant).with_mischief(mischief);
    Rig::new(Settings::default(), directory, network)
}

/// The story broke off: a party was lost to a refusal of the network, which ended its call.
struct BrokenOff;

/// Tells the story on one driver.
struct Teller<'a, D, F> {
    rig: &'a mut Rig<D>,
    /// Lets the driver report all it has to.
    settle: F,
    /// How often a request may be refused before the story is given up.
    patience: usize,
}

impl<D: Driver, F: Fn(&mut Rig<D>)> Teller<'_, D, F> {
    fn parts(&mut self, call: &CallId) -> Vec<(String, PartState)> {
        match self.rig.does(Action::Snapshot(Query::Call(call.clone()))) {
            Ok(Reply::Call(call)) => call
                .connections
                .iter()
                .map(|c| (c.number.digits.to_string(), c.state))
                .collect(),
            _ => Vec::new(),
        }
    }

    fn expect(&mut self, call: &CallId, expected: &[(&str, PartState)]) -> Result<(), BrokenOff> {
        (self.settle)(self.rig);
        let seen = self.parts(call);
        let seen: Vec<(&str, PartState)> = seen.iter().map(|(n, s)| (n.as_str(), *s)).collect();
        if self.patience > 0 && seen != expected {
            return Err(BrokenOff);
        }
        assert_eq!(seen, expected);
        Ok(())
    }

    /// Asks until it is done; a request that is refused must leave every part of the call as it was, or end it.
    fn ask(&mut self, about: Option<&CallId>, action: Action) -> Result<Reply, BrokenOff> {
        for _ in 0..=self.patience {
            let before = about.map(|call| self.parts(call));
            let ticket = self.rig.ask(Actor::Operator, "api", action.clone());
            (self.settle)(self.rig);
            let answer = self.rig.answers.get(&ticket).cloned();
            match answer.expect("answered") {
                Ok(reply) => return Ok(reply),
                Err(Refusal::Unreachable(_)) if self.patience > 0 => {}
                Err(_) if self.patience > 0 => return Err(BrokenOff),
                Err(refusal) => panic!("{action:?}: {refusal}"),
            }
            if before != about.map(|call| self.parts(call)) {
                return Err(BrokenOff);
            }
        }
        Err(BrokenOff)
    }

    fn call(&mut self, device: &str, to: &str) -> Result<CallId, BrokenOff> {
        let action = Action::MakeCall {
            user: None,
            device: device.into(),
            line: LineWish::First,
            to: to.into(),
        };
        match self.ask(None, action)? {
            Reply::Call(call) => Ok(call.id),
            other => panic!("{other:?}"),
        }
    }

    fn consult(&mut self, call: &CallId, device: &str, to: &str) -> Result<CallId, BrokenOff> {
        match self.ask(None, Action::Consult(whose(call, device), to.into()))? {
            Reply::Call(call) => Ok(call.id),
            other => panic!("{other:?}"),
        }
    }

    fn tell(&mut self) -> Result<(), BrokenOff> {
        use PartState as S;
        let first = self.call("A", "1002")?;
        let at = |device: &str| whose(&first, device);
        let about = Some(&first);
        self.expect(&first, &[("1001", S::Initiated), ("1002", S::Alerting)])?;
        self.ask(about, Action::Answer(at("B")))?;
        self.expect(&first, &[("1001", S::Active), ("1002", S::Active)])?;
        self.ask(about, Action::Hold(at("A")))?;
        self.expect(&first, &[("1001", S::Held), ("1002", S::Active)])?;
        self.ask(about, Action::Retrieve(at("A")))?;
        self.expect(&first, &[("1001", S::Active), ("1002", S::Active)])?;

        let second = self.consult(&first, "B", "1003")?;
        self.expect(&second, &[("1002", S::Initiated), ("1003", S::Alerting)])?;
        self.ask(Some(&second), Action::Answer(whose(&second, "C")))?;
        self.expect(&second, &[("1002", S::Active), ("1003", S::Active)])?;
        self.ask(about, Action::CompleteConference(at("B")))?;
        let three = [
            ("1001", S::Active),
            ("1002", S::Active),
            ("1003", S::Active),
        ];
        self.expect(&first, &three)?;
        self.ask(about, Action::Release(at("B")))?;
        let two = [
            ("1001", S::Active),
            ("1002", S::Dropped),
            ("1003", S::Active),
        ];
        self.expect(&first, &two)?;

        self.ask(about, Action::BlindTransfer(at("C"), "1004".into()))?;
        self.ask(about, Action::Answer(at("D")))?;
        let transferred = [
            ("1001", S::Active),
            ("1002", S::Dropped),
            ("1003", S::Dropped),
            ("1004", S::Active),
        ];
        self.expect(&first, &transferred)?;
        self.ask(about, Action::ReleaseCall(first.clone()))?;
        self.expect(&first, &[])?;

        let busy = self.call("A", "5550109")?;
        self.expect(&busy, &[("1001", S::Failed), ("5550109", S::Failed)])?;
        self.ask(Some(&busy), Action::Release(whose(&busy, "A")))?;
        self.expect(&busy, &[])
    }
}

#[test]
fn the_simulated_network_tells_the_driver_story_at_once() {
    let mut rig = rig(Mischief::default());
    let settle = |rig: &mut Rig<Sim>| rig.advance(Duration::ZERO);
    let mut teller = Teller {
        rig: &mut rig,
        settle,
        patience: 0,
    };
    assert!(teller.tell().is_ok());
}

#[test]
fn the_simulated_network_tells_the_driver_story_late_and_in_any_order() {
    for seed in 0..SEEDS {
        let mut rig = rig(Mischief {
            seed,
            refuse_percent: 0,
            delay: Duration::from_millis(900),
            swap: true,
        });
        let settle = |rig: &mut Rig<Sim>| rig.advance(Duration::from_secs(4));
        let mut teller = Teller {
            rig: &mut rig,
            settle,
            patience: 0,
        };
        assert!(teller.tell().is_ok());
    }
}

#[test]
fn the_simulated_network_tells_the_driver_story_though_it_refuses_one_command_in_ten() {
    for seed in 0..SEEDS {
        let mut rig = rig(Mischief {
            seed,
            refuse_percent: 10,
            delay: Duration::from_millis(900),
            swap: true,
        });
        let mut judge = Judge::default();
        let told = (0..100).any(|_| {
            let settle = |rig: &mut Rig<Sim>| rig.advance(Duration::from_secs(4));
            let mut teller = Teller {
                rig: &mut rig,
                settle,
                patience: 20,
            };
            let told = teller.tell().is_ok();
            wind_up(&mut rig, &mut judge);
            told
        });
        assert!(told, "seed {seed}: not once in a hundred times");
    }
}
