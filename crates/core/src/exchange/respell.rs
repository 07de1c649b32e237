//! Names are the same in any letter case, and live state is found by them as the directory writes them. So when an edit changes
//! how one is written, what is live takes it over.

use super::Exchange;
use super::vocabulary::Target;
use crate::directory::Directory;
use crate::ids::{DeviceName, LegId};

impl Exchange {
    /// Takes over the directory's spelling of names.
    pub(super) fn respell(&mut self) {
        let directory = self.directory.clone();
        for (old, new) in self.seats.respell(&directory) {
            self.log_outs.rename(&old, new);
        }
        for (old, new) in changed(&directory, self.takeovers.keys()) {
            if let Some(mut takeover) = self.takeovers.remove(&old) {
                takeover.device = new.clone();
                self.takeovers.insert(new.clone(), takeover);
                self.takeover_turns.rename(&old, new);
            }
        }
        for (old, new) in changed(&directory, self.registered.keys()) {
            if let Some(is_up) = self.registered.remove(&old) {
                self.registered.insert(new, is_up);
            }
        }
        for (old, new) in changed(&directory, self.device_legs.keys()) {
            if let Some(legs) = self.device_legs.remove(&old) {
                self.respell_legs(&legs, &new);
                self.device_legs.insert(new, legs);
            }
        }
        for (old, new) in changed(&directory, self.queues.keys()) {
            if let Some(queue) = self.queues.remove(&old) {
                self.queues.insert(new, queue);
            }
        }
        self.respell_plans(&directory);
    }

    /// The calls that are to come.
    fn respell_plans(&mut self, directory: &Directory) {
        let planned = self.operations.iter().filter_map(|(id, operation)| {
            let plan = operation.kind.plan()?;
            let now = &directory.device(plan.device.as_str())?.name;
            (*now != plan.device).then(|| (*id, now.clone()))
        });
        for (id, device) in planned.collect::<Vec<_>>() {
            let operation = self.operations.get_mut(&id);
            if let Some(plan) = operation.and_then(|operation| operation.kind.plan_mut()) {
                plan.device = device;
            }
        }
    }

    /// A part keeps the device it began with, as it was told.
    fn respell_legs(&mut self, legs: &[LegId], device: &DeviceName) {
        for leg in legs {
            if let Some(leg) = self.legs.get_mut(leg) {
                leg.target = Target::Device(device.clone());
            }
        }
    }
}

/// The devices that the directory writes in another way now, with that.
pub(super) fn changed<'a>(
    directory: &Directory,
    devices: impl Iterator<Item = &'a DeviceName>,
) -> Vec<(DeviceName, DeviceName)> {
    let spelled = devices.filter_map(|old| {
        let new = &directory.device(old.as_str())?.name;
        (new != old).then(|| (old.clone(), new.clone()))
    });
    spelled.collect()
}
