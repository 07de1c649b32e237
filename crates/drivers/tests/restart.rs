//! What a restart finds: numbers that were given once are never given again.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use cordboard_core::exchange::{
    Action, Counters, DriverEvent, Event, EventKind, Input, Query, Record, Saved, Settings,
};
use cordboard_core::ids::{CallId, CallKey, PartId};
use cordboard_drivers::rig::{Rig, START, phones, whose};
use cordboard_drivers::sim::Sim;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

fn directory() -> cordboard_core::directory::Directory {
    phones(&[("A", "ann", &["1001"]), ("B", "ben", &["1002"])])
}

fn rig() -> Rig<Sim> {
    Rig::new(
        Settings::default(),
        directory(),
        Sim::new(None, START.instant),
    )
}

/// What the store holds.
fn stored(rig: &Rig<Sim>) -> Counters {
    let found = rig.saves.iter().rev().find_map(|record| match record {
        Record::Counters(counters) => Some(*counters),
        Record::Call(_)
        | Record::Login(_)
        | Record::Logout(_)
        | Record::Takeover(_)
        | Record::TakeoverOver(_) => None,
    });
    found.unwrap()
}

fn restarted(counters: Counters) -> Rig<Sim> {
    let mut rig = rig();
    rig.input(Input::Restore(Saved::Counters(counters)));
    rig.events.clear();
    rig
}

fn flaps(rig: &mut Rig<Sim>) {
    for event in [
        DriverEvent::DeviceDown("B".into()),
        DriverEvent::DeviceUp("B".into()),
    ] {
        rig.network.phone_does(event, rig.now.instant);
        rig.advance(Duration::ZERO);
    }
}

fn last(events: &[Event]) -> u64 {
    events.last().unwrap().sequence
}

#[test]
fn no_event_number_is_given_twice_wherever_the_exchange_stops() {
    let mut rig = rig();
    rig.call("A", "1002").unwrap();
    for round in 0..1_200 {
        flaps(&mut rig);
        assert!(
            stored(&rig).events >= last(&rig.events),
            "after round {round}"
        );
    }
    let numbers: Vec<u64> = rig.events.iter().map(|e| e.sequence).collect();
    let first = numbers[0];
    assert!(
        numbers.iter().zip(first..).all(|(&a, b)| a == b),
        "while running there are no gaps"
    );
    let saves = rig.saves.len();
    assert!(saves < 10, "numbers are reserved in blocks: {saves}");

    let mut again = restarted(stored(&rig));
    flaps(&mut again);
    assert!(again.events[0].sequence > last(&rig.events));
    assert!(again.events[0].sequence < last(&rig.events) + 1_001);
    assert!(stored(&again).events >= last(&again.events));
}

#[test]
fn no_part_number_is_given_twice_wherever_the_exchange_stops() {
    let mut rig = rig();
    let call = rig.call("A", "1002").unwrap();
    rig.does(Action::Answer(whose(&call, "B"))).unwrap();
    rig.does(Action::BlindTransfer(whose(&call, "B"), "5550108".into()))
        .unwrap();
    let given: Vec<PartId> = rig
        .events
        .iter()
        .filter_map(|e| match &e.kind {
            EventKind::Part(part) => Some(part.part),
            _ => None,
        })
        .collect();
    let highest = given.iter().max().unwrap();
    let mut again = restarted(stored(&rig));
    again.call("A", "1002").unwrap();
    let EventKind::Part(part) = &again.events[1].kind else {
        panic!("{:?}", again.events)
    };
    assert!(part.part > *highest);
}

#[test]
fn an_edited_directory_is_told_though_the_number_of_the_event_cannot_be_stored() {
    let mut rig = restarted(Counters::default());
    rig.store_refuses = true;
    let edited = phones(&[("C", "cid", &["1003"])]);
    rig.input(Input::Directory(Arc::new(edited)));
    assert_eq!(rig.heard(), ["directory.changed"]);
    assert!(
        rig.does(Action::Snapshot(Query::Device("C".into())))
            .is_ok()
    );
}

#[test]
fn a_directory_is_taken_back_with_the_batch_it_came_in() {
    let mut rig = rig();
    let edited = Arc::new(phones(&[("C", "cid", &["1003"])]));
    rig.exchange.handle(Input::Directory(edited), rig.now);
    rig.exchange.handle(Input::Undo, rig.now);
    assert!(
        rig.does(Action::Snapshot(Query::Device("A".into())))
            .is_ok()
    );
    assert_eq!(rig.heard(), Vec::<String>::new());
}

/// What a store holds of calls, made of everything that was saved.
#[derive(Default)]
struct Stored {
    /// Is the call over?
    calls: BTreeMap<CallKey, bool>,
    counters: Counters,
}

impl Stored {
    fn take(&mut self, saves: &[Record]) {
        for record in saves {
            match record {
                Record::Call(call) => {
                    self.calls.insert(call.key, call.ended.is_some());
                }
                Record::Counters(counters) => self.counters = *counters,
                Record::Login(_)
                | Record::Logout(_)
                | Record::Takeover(_)
                | Record::TakeoverOver(_) => {}
            }
        }
    }

    fn live(&self) -> Vec<CallKey> {
        let live = self.calls.iter().filter(|(_, over)| !**over);
        live.map(|(key, _)| *key).collect()
    }

    /// Ends what a start ends: the live calls from `oldest_live` on.
    fn started(&mut self) {
        for (key, over) in &mut self.calls {
            *over |= key.0 >= self.counters.oldest_live;
        }
    }

    /// What a store says the exchange goes on from.
    fn counters(&self) -> Counters {
        let newest = self.calls.keys().next_back().map_or(0, |key| key.0);
        Counters {
            calls: self.counters.calls.max(newest),
            ..self.counters
        }
    }
}

/// Calls begin, end and last in every order, numbers are reserved at any moment between them, and the process ends at any moment.
#[test]
fn after_a_start_no_stored_call_is_live_whatever_came_before() {
    for seed in 0..300 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut store = Stored::default();
        let mut rig = restarted(Counters::default());
        let mut calls: Vec<CallId> = Vec::new();
        for turn in 0..40 {
            let saved = rig.saves.len();
            match random.u8(0..10) {
                0..3 => calls.extend(rig.call(["A", "B"][random.usize(0..2)], "5550108")),
                3..5 if !calls.is_empty() => {
                    let call = calls.swap_remove(random.usize(0..calls.len()));
                    // It may have ended by itself.
                    let _ = rig.does(Action::ReleaseCall(call));
                }
                5 => rig.advance(Duration::from_secs(random.u64(0..120))),
                6 => flaps(&mut rig),
                // The next event, and the next part, reserve numbers.
                7..9 => {
                    let counters = store.counters();
                    rig.input(Input::Restore(Saved::Counters(counters)));
                }
                _ => {
                    store.started();
                    assert_eq!(store.live(), [], "seed {seed}, turn {turn}");
                    rig = restarted(store.counters());
                    calls.clear();
                    continue;
                }
            }
            store.take(&rig.saves[saved..]);
        }
    }
}
