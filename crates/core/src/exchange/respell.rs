//! Names are the same in any letter case, and live state is found by them as the directory writes them. So when an edit changes
//! how one is written, what is live takes it over.

use super::Exchange;
use super::vocabulary::Target;
use crate::directory::{Directory, folded};
use crate::ids::{CallKey, DeviceName, LegId};

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
    }

    /// The legs of a device, and the parts on it.
    fn respell_legs(&mut self, legs: &[LegId], device: &DeviceName) {
        let mut calls: Vec<CallKey> = Vec::new();
        for leg in legs {
            if let Some(leg) = self.legs.get_mut(leg) {
                leg.target = Target::Device(device.clone());
                calls.extend(leg.carries.iter().map(|(call, _)| *call));
            }
        }
        for call in calls {
            let Some(call) = self.calls.get_mut(&call) else {
                continue;
            };
            let places: Vec<_> = call.places().collect();
            for place in places {
                let part = call.part_mut(place);
                let is_it = |d: &DeviceName| folded(d.as_str()) == folded(device.as_str());
                if part.device.as_ref().is_some_and(is_it) {
                    part.device = Some(device.clone());
                }
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
