//! Polite takeovers, in words: whoever sits at a device is told first, and the calls there end first.

use super::mobility::{LoginLength, LoginWish, MobilityLogin};
use crate::ids::{DeviceName, ProfileName, UserId};
use crate::now::Wall;
use crate::refusal::Refusal;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// How much time a takeover leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TakeoverTimes {
    /// From the warning to the switch.
    pub warning: Duration,
    /// From then on it waits for the device to be without calls, at most so long.
    pub patience: Duration,
    /// After the switch it can be undone for so long.
    pub undo: Duration,
}

/// A user is to sit at a device in place of whoever sits there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Takeover {
    /// The device.
    pub device: DeviceName,
    /// Who is to sit there.
    pub user: UserId,
    /// With which profile; `None`: the user's default at the time.
    pub profile: Option<ProfileName>,
    /// How long.
    pub length: LoginLength,
    /// Who sat there when it was asked for; he is warned.
    pub from: Option<UserId>,
    /// When it was asked for.
    pub asked: Wall,
    /// The interface's word it came in by.
    pub origin: Arc<str>,
    /// Who asked for it, where that was a user or an application.
    pub by: Option<UserId>,
    /// How far it is.
    pub stage: TakeoverStage,
}

/// How far a takeover is, in the order in which it goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum TakeoverStage {
    /// Whoever sits there was told; the switch comes at this time.
    Warned {
        /// When.
        until: Wall,
    },
    /// The switch comes as soon as the device is without calls.
    Waiting {
        /// It is given up then.
        until: Wall,
    },
    /// The user sits there; it can be undone.
    Done {
        /// Until then.
        until: Wall,
        /// Since when he sits there.
        since: Wall,
        /// The logins that it ended, his own at other devices included.
        ended: Vec<MobilityLogin>,
    },
}

/// How a takeover ended that is no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TakeoverEnd {
    /// Somebody called it off before the switch.
    Cancelled,
    /// The device was never without calls.
    GivenUp,
    /// The login could not be done any more.
    Failed(Refusal),
    /// It was done and undone.
    Undone,
}

/// A takeover began, went on or ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakeoverChange {
    /// As it is now; one that ended, as it was.
    pub takeover: Takeover,
    /// How it ended.
    pub end: Option<TakeoverEnd>,
}

impl TakeoverChange {
    /// The word for where it is now.
    pub fn state(&self) -> &'static str {
        match (&self.end, &self.takeover.stage) {
            (Some(TakeoverEnd::Cancelled), _) => "cancelled",
            (Some(TakeoverEnd::GivenUp), _) => "given_up",
            (Some(TakeoverEnd::Failed(_)), _) => "failed",
            (Some(TakeoverEnd::Undone), _) => "undone",
            (None, stage) => stage.as_str(),
        }
    }
}

impl TakeoverStage {
    /// The word of it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Warned { .. } => "warned",
            Self::Waiting { .. } => "waiting",
            Self::Done { .. } => "done",
        }
    }

    /// When it is over.
    pub fn until(&self) -> Wall {
        match self {
            Self::Warned { until } | Self::Waiting { until } | Self::Done { until, .. } => *until,
        }
    }
}

impl Takeover {
    /// The login that it comes to. Whoever asks for a takeover may choose any profile.
    pub(in crate::exchange) fn wish(&self) -> LoginWish {
        LoginWish {
            device: self.device.clone(),
            user: self.user.clone(),
            profile: self.profile.clone(),
            length: self.length,
            own_profiles: false,
            timers_work: true,
        }
    }
}
