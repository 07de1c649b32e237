//! What a message asks and what is answered.

use super::Code;
use crate::Secret;

/// A message of a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Who asks.
    pub caller: Caller,
    /// What is asked.
    pub ask: Ask,
    /// `remoteIPAddr`: the phone's address, as a front end says it.
    pub remote_address: Option<String>,
    /// `isViaHeaderSet`: whether the front end was reached through a proxy.
    pub via: bool,
}

/// `appInfo`. [mobility §4]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// `appID`.
    pub id: String,
    /// How the caller shows who he is.
    pub certificate: Certificate,
}

/// The caller's secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// `appCertificate`: the password, not trimmed.
    Password(Secret),
    /// `appEncryptedCertificate`, which is between the original's own parts.
    Encrypted,
}

/// An operation. [mobility §5, §6]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Log a user in to a device.
    Login(Login),
    /// Log out whoever is on a device.
    Logout {
        /// `deviceName`.
        device: String,
    },
    /// Log everybody out.
    LogoutAll,
    /// Who is on these devices?
    DeviceUser(Vec<String>),
    /// Where are these users?
    UserDevices(Vec<String>),
    /// Which profiles do these users have?
    DeviceProfile(Vec<String>),
    /// Are these users known here?
    CheckUser(Vec<String>),
}

impl Ask {
    /// Does it change anything?
    pub fn is_request(&self) -> bool {
        matches!(self, Self::Login(_) | Self::Logout { .. } | Self::LogoutAll)
    }

    /// The element's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Login(_) => "login",
            Self::Logout { .. } => "logout",
            Self::LogoutAll => "logoutAll",
            Self::DeviceUser(_) => "deviceUserQuery",
            Self::UserDevices(_) => "userDevicesQuery",
            Self::DeviceProfile(_) => "deviceProfileQuery",
            Self::CheckUser(_) => "checkUser",
        }
    }
}

/// `login`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The phone.
    pub device: String,
    /// The end user, as the caller wrote him.
    pub user: String,
    /// The profile; without it the user's default.
    pub profile: Option<String>,
    /// `exclusiveDuration`.
    pub duration: Option<Duration>,
}

/// Until when a login is to last. [mobility §5.1]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duration {
    /// Minutes, at least 1.
    Minutes(u32),
    /// Without end; `0` minutes mean the same.
    Indefinite,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A request was carried out.
    Success,
    /// The whole message was refused.
    Failure(Failure),
    /// Who is on the devices: name as asked, state.
    DeviceUser(Vec<(String, DeviceState)>),
    /// Where the users are: id as asked, the devices.
    UserDevices(Vec<(String, UserState<Vec<String>>)>),
    /// Which profiles the users have: id as asked.
    DeviceProfile(Vec<(String, Result<Vec<ProfileOf>, Failure>)>),
    /// Whether the users are known: id as asked, id as stored.
    CheckUser(Vec<(String, UserState<String>)>),
}

/// Why something was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The code; `None` where an old server sends a text only.
    pub code: Option<Code>,
    /// The text.
    pub text: String,
}

/// A device in an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceState {
    /// There is none of that name.
    Unknown,
    /// It is there.
    Known(KnownDevice),
}

/// Who is on a device, and who was before. [mobility §6.1]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownDevice {
    /// Who is logged in.
    pub user: Option<String>,
    /// Who was logged in before.
    pub last: Option<String>,
    /// Is it a device of another cluster's user? `None` where an old server does not say.
    pub cross_cluster: Option<bool>,
}

/// A user in an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserState<T> {
    /// There is none of that id here.
    Unknown,
    /// He is known; what was asked.
    Known(T),
}

/// A profile of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileOf {
    /// Its name.
    pub name: String,
    /// Is it taken when none is named?
    pub is_default: bool,
}
