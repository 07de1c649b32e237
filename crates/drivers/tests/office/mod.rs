//! The office that stories are told of: A (ann, 1001) to D (dan, 1004), and sue's two phones with one number.

#![allow(dead_code, reason = "shared by several test programs")]

use cordboard_core::exchange::{Action, LineWish, Settings};
use cordboard_core::ids::CallId;
use cordboard_drivers::rig::{Rig, START, phones, whose};
use cordboard_drivers::sim::Sim;

pub(crate) fn rig() -> Rig<Sim> {
    rig_with(Settings::default())
}

pub(crate) fn rig_with(settings: Settings) -> Rig<Sim> {
    let directory = phones(&[
        ("A", "ann", &["1001"]),
        ("B", "ben", &["1002"]),
        ("C", "cid", &["1003"]),
        ("D", "dan", &["1004"]),
        ("S1", "sue", &["1100"]),
        ("S2", "sue", &["1100"]),
    ]);
    Rig::new(settings, directory, Sim::new(None, START.instant))
}

pub(crate) fn make(device: &str, to: &str) -> Action {
    Action::MakeCall {
        user: None,
        device: device.into(),
        line: LineWish::First,
        to: to.into(),
    }
}

/// A talks to B.
pub(crate) fn talking(rig: &mut Rig<Sim>) -> CallId {
    let call = rig.call("A", "1002").unwrap();
    rig.does(Action::Answer(whose(&call, "B"))).unwrap();
    rig.heard();
    call
}
