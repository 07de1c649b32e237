//! What `/api/v1/events` says: one shape for each kind of event. [lab, Shapes]

use super::{Call, Line};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `call.created`: a call was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CallCreated {
    /// When.
    pub at: String,
    /// The call.
    pub call: String,
}

/// `call.part`: what one party sees of its call changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CallPart {
    /// When.
    pub at: String,
    /// The call.
    pub call: String,
    /// The part's number.
    pub part: u32,
    /// The party's digits.
    pub number: String,
    /// The party's partition.
    pub partition: Option<String>,
    /// The device; null outside.
    pub device: Option<String>,
    /// Whose part it is.
    pub user: Option<String>,
    /// `initiating`, `initiated`, `alerting`, `active`, `held`, `failed` or `dropped`.
    pub state: String,
    /// The other parties, in order of joining.
    pub others: Vec<Line>,
    /// Since when it is in this state.
    pub since: String,
    /// When it began.
    pub started: String,
    /// Was the party called?
    pub inbound: bool,
    /// Why it ended.
    pub cause: Option<String>,
    /// The Q.850 number of the cause.
    pub q850: Option<u8>,
    /// The call it consults about.
    pub consultation_of: Option<String>,
}

/// `call.ended`: a call is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CallEnded {
    /// When.
    pub at: String,
    /// The call.
    pub call: String,
    /// Why.
    pub cause: String,
    /// The Q.850 number of the cause.
    pub q850: u8,
    /// The call its parties went on in.
    pub merged_into: Option<String>,
}

/// `device.up`, `device.down`: a device registered or went away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeviceEvent {
    /// When.
    pub at: String,
    /// The device.
    pub device: String,
}

/// `mobility.login`: somebody logged in to a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MobilityLogin {
    /// When.
    pub at: String,
    /// The device.
    pub device: String,
    /// The user.
    pub user: String,
    /// The profile whose lines the device carries now.
    pub profile: String,
    /// When it ends by itself; null: when somebody ends it.
    pub until: Option<String>,
    /// The interface it came in by.
    pub origin: String,
    /// Was the profile made for another model?
    pub mismatched: bool,
}

/// `mobility.logout`: a login ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MobilityLogout {
    /// When.
    pub at: String,
    /// The device.
    pub device: String,
    /// The user who sat there.
    pub user: String,
    /// The profile whose lines the device carried.
    pub profile: String,
    /// Since when he sat there.
    pub since: String,
    /// What ended it: `logout`, `logout_all`, `elsewhere`, `expired`, `schedule`, `directory`, `takeover`, `undo`.
    pub how: String,
    /// Who ended it, where that was a user or an application.
    pub by: Option<String>,
}

/// `mobility.takeover`: a takeover of a device began, went on or ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MobilityTakeover {
    /// When.
    pub at: String,
    /// The device.
    pub device: String,
    /// Who is to sit there, or sits there now.
    pub user: String,
    /// Who sat there when it was asked for, and is warned.
    pub from: Option<String>,
    /// `warned`, `waiting` for the calls at the device to end, `done`; or how it ended: `cancelled`, `given_up` because the calls
    /// did not end, `failed`, `undone`.
    pub state: String,
    /// When the switch comes; while it waits: when it is given up; done: until when it can be undone. Null: it ended.
    pub until: Option<String>,
    /// Why it failed.
    pub why: Option<String>,
}

/// `network.up`, `network.down`, `directory.changed`, `reset`: nothing but the time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlainEvent {
    /// When.
    pub at: String,
}

/// `resync`: events were missed; this is how things are as of the event's number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Resync {
    /// When.
    pub at: String,
    /// The live calls, newest first.
    pub calls: Vec<Call>,
    /// Names of the devices that are not registered.
    pub devices_down: Vec<String>,
    /// Is the telephone network there?
    pub network_up: bool,
}
