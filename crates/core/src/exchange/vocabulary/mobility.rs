//! Who sits where, in words: wishes, logins, how they end. [mobility §5, §7]

use crate::directory::Directory;
use crate::ids::{DeviceName, ProfileName, UserId};
use crate::now::Wall;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A login that is wanted. [mobility §5.1]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginWish {
    /// The device.
    pub device: DeviceName,
    /// The user.
    pub user: UserId,
    /// The profile; `None`: the user's default.
    pub profile: Option<ProfileName>,
    /// How long.
    pub length: LoginLength,
    /// Only a profile of his own: he acts for himself.
    pub own_profiles: bool,
    /// Can timers be set? The lab may say no.
    pub timers_work: bool,
}

/// How long a login is to last; never longer than [`crate::exchange::Settings::max_login`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoginLength {
    /// As long as the cluster allows.
    Policy,
    /// Without end.
    Indefinite,
    /// So many minutes.
    Minutes(u32),
}

/// What a login would come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginPlan {
    /// The device.
    pub device: DeviceName,
    /// The user.
    pub user: UserId,
    /// The profile.
    pub profile: ProfileName,
    /// Is the profile made for another model?
    pub mismatched: bool,
    /// When it would end by itself.
    pub until: Option<Wall>,
    /// Where an earlier login of the user would end.
    pub ends: Vec<DeviceName>,
}

/// Whose logins a schedule ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// Those that began before this time.
    pub before: Wall,
    /// But not of these users.
    pub except_users: Vec<UserId>,
    /// Nor at these devices.
    pub except_devices: Vec<DeviceName>,
}

/// Who sits where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MobilityLogin {
    /// The device.
    pub device: DeviceName,
    /// The user.
    pub user: UserId,
    /// The profile whose lines the device carries.
    pub profile: ProfileName,
    /// Since when.
    pub since: Wall,
    /// When it ends by itself; `None`: when somebody ends it.
    #[serde(default)]
    pub until: Option<Wall>,
    /// The interface's word it came in by; empty for one that a directory began with.
    #[serde(default)]
    pub origin: Arc<str>,
    /// Who asked for it, where that was a user or an application.
    #[serde(default)]
    pub by: Option<UserId>,
    /// Was the profile made for another model?
    #[serde(default)]
    pub mismatched: bool,
}

impl MobilityLogin {
    /// The same with its names as the directory writes them; `None`: it does not have them all.
    pub fn spelled(&self, directory: &Directory) -> Option<Self> {
        let device = directory.device(self.device.as_str())?.name;
        let user = directory.end_user(self.user.as_str())?.id;
        let profile = directory.profile(self.profile.as_str())?.name;
        Some(Self {
            device,
            user,
            profile,
            ..self.clone()
        })
    }

    /// Is there still everything that it names?
    pub fn fits(&self, directory: &Directory) -> bool {
        directory.device(self.device.as_str()).is_some()
            && directory.end_user(self.user.as_str()).is_some()
            && directory.profile(self.profile.as_str()).is_some()
    }
}

/// A login that is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedLogin {
    /// What it was.
    pub login: MobilityLogin,
    /// When it ended.
    pub at: Wall,
    /// How.
    pub how: EndedBy,
    /// Who ended it, where that was a user or an application.
    pub by: Option<UserId>,
}

/// What ended a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// Somebody logged out.
    Logout,
    /// Everybody was logged out.
    LogoutAll,
    /// The user logged in elsewhere.
    Elsewhere,
    /// Its time was over.
    Expired,
    /// A schedule ended it.
    Schedule,
    /// Its user, device or profile was deleted.
    Directory,
    /// Another user took the device over.
    Takeover,
    /// It came of a takeover that was undone.
    Undo,
}

impl EndedBy {
    /// The word of it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::LogoutAll => "logout_all",
            Self::Elsewhere => "elsewhere",
            Self::Expired => "expired",
            Self::Schedule => "schedule",
            Self::Directory => "directory",
            Self::Takeover => "takeover",
            Self::Undo => "undo",
        }
    }
}

/// Who sits at a device, and who did before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seat {
    /// Who sits there.
    pub user: Option<UserId>,
    /// Who sat there before.
    pub last: Option<UserId>,
}
