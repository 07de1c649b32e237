//! Faults laid over the simulated network. [lab, Faults]

use cordboard_core::ids::DeviceName;
use std::collections::BTreeSet;
use std::time::Duration;

/// What becomes of live calls when the network comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallsFate {
    /// They are gone.
    Lost,
    /// They went on.
    Kept,
}

/// One fault: what it lies on, as the lab's API names it, and what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// `network` or `device:NAME`.
    pub on: String,
    /// What it does.
    pub kind: FaultKind,
}

/// What a fault does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The network is away.
    NetworkDown {
        /// What becomes of the calls.
        calls: CallsFate,
    },
    /// The network refuses new calls at once.
    NetworkError,
    /// Confirmations are late.
    NetworkSlow(Duration),
    /// The device is not registered.
    DeviceDown(DeviceName),
    /// The device's confirmations are late.
    DeviceSlow(DeviceName, Duration),
    /// The device refuses calls with this Q.850 number.
    DeviceRefuses(DeviceName, u8),
}

/// All faults that are set; one of a kind on a thing.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    set: Vec<Fault>,
}

impl Faults {
    /// The faults, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.set.iter()
    }

    pub(super) fn set(&mut self, fault: Fault) {
        let same = |f: &Fault| {
            f.on == fault.on
                && std::mem::discriminant(&f.kind) == std::mem::discriminant(&fault.kind)
        };
        self.set.retain(|f| !same(f));
        self.set.push(fault);
    }

    pub(super) fn clear(&mut self, on: Option<&str>) -> Vec<Fault> {
        let (cleared, kept) = std::mem::take(&mut self.set)
            .into_iter()
            .partition(|f| on.is_none_or(|on| f.on.eq_ignore_ascii_case(on)));
        self.set = kept;
        cleared
    }

    pub(super) fn network_down(&self) -> bool {
        self.set
            .iter()
            .any(|f| matches!(f.kind, FaultKind::NetworkDown { .. }))
    }

    pub(super) fn network_error(&self) -> bool {
        self.set.iter().any(|f| f.kind == FaultKind::NetworkError)
    }

    pub(super) fn device_down(&self, device: &DeviceName) -> bool {
        self.set
            .iter()
            .any(|f| matches!(&f.kind, FaultKind::DeviceDown(d) if d == device))
    }

    pub(super) fn devices_down(&self) -> BTreeSet<DeviceName> {
        self.set
            .iter()
            .filter_map(|f| match &f.kind {
                FaultKind::DeviceDown(device) => Some(device.clone()),
                _ => None,
            })
            .collect()
    }

    pub(super) fn refusal_by(&self, device: &DeviceName) -> Option<u8> {
        self.set.iter().find_map(|f| match &f.kind {
            FaultKind::DeviceRefuses(d, q850) if d == device => Some(*q850),
            _ => None,
        })
    }

    pub(super) fn lateness(&self, device: Option<&DeviceName>) -> Duration {
        self.set
            .iter()
            .map(|f| match &f.kind {
                FaultKind::NetworkSlow(by) => *by,
                FaultKind::DeviceSlow(d, by) if Some(d) == device => *by,
                _ => Duration::ZERO,
            })
            .sum()
    }
}
