//! The service's codes. [mobility §9.1, §9.2]

/// Why a message was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// 0: anything unforeseen.
    Unknown,
    /// 1: not well-formed, or not as the grammar says.
    Parse,
    /// 2: a blank application id or certificate.
    Unauthorised,
    /// 3: unknown caller or wrong password.
    InvalidCaller,
    /// 4: the policy could not be evaluated.
    Policy,
    /// 5: logout on a device without Extension Mobility.
    LogoutDisabled,
    /// 6: the store failed.
    Database,
    /// 7: the automatic logout could not be set or removed.
    LogoutTimer,
    /// 8: a query without a known operation.
    UnknownQuery,
    /// 9: the directory failed, or the account is locked.
    Directory,
    /// 10: acting for another user without the right.
    NoProxyRights,
    /// 11: no such device.
    NoSuchDevice,
    /// 12: no such profile, or the user has none.
    NoSuchProfile,
    /// 18: somebody is logged in.
    Occupied,
    /// 19: nobody is logged in.
    Free,
    /// 20: whether the device may be used cannot be read.
    DeviceFlag,
    /// 21: who is on the device cannot be read.
    DeviceStatus,
    /// 22: login on a device without Extension Mobility.
    LoginDisabled,
    /// 23: no such user.
    NoSuchUser,
    /// 25: the user is logged in elsewhere.
    Elsewhere,
    /// 26: too many at once.
    Busy,
    /// 27: the caller's password must be changed.
    ChangePassword,
    /// 28: an address that is not trusted.
    Untrusted,
    /// 29: who is registered cannot be looked up.
    RegistrationsDown,
    /// 30: came through a proxy, which is not allowed.
    ThroughProxy,
    /// 38: logins across clusters are not allowed.
    CrossCluster,
    /// Another number: of the codes between clusters, or of a server newer than this crate.
    Other(u16),
}

impl Code {
    /// The codes that a server of one cluster sends, in order of their numbers.
    pub const ALL: [Self; 26] = [
        Self::Unknown,
        Self::Parse,
        Self::Unauthorised,
        Self::InvalidCaller,
        Self::Policy,
        Self::LogoutDisabled,
        Self::Database,
        Self::LogoutTimer,
        Self::UnknownQuery,
        Self::Directory,
        Self::NoProxyRights,
        Self::NoSuchDevice,
        Self::NoSuchProfile,
        Self::Occupied,
        Self::Free,
        Self::DeviceFlag,
        Self::DeviceStatus,
        Self::LoginDisabled,
        Self::NoSuchUser,
        Self::Elsewhere,
        Self::Busy,
        Self::ChangePassword,
        Self::Untrusted,
        Self::RegistrationsDown,
        Self::ThroughProxy,
        Self::CrossCluster,
    ];

    /// The code for a number on the wire.
    pub fn from_number(number: u16) -> Self {
        let mut all = Self::ALL.into_iter();
        all.find(|code| code.number() == number)
            .unwrap_or(Self::Other(number))
    }

    /// The number on the wire.
    pub fn number(self) -> u16 {
        match self {
            Self::Unknown => 0,
            Self::Parse => 1,
            Self::Unauthorised => 2,
            Self::InvalidCaller => 3,
            Self::Policy => 4,
            Self::LogoutDisabled => 5,
            Self::Database => 6,
            Self::LogoutTimer => 7,
            Self::UnknownQuery => 8,
            Self::Directory => 9,
            Self::NoProxyRights => 10,
            Self::NoSuchDevice => 11,
            Self::NoSuchProfile => 12,
            Self::Occupied => 18,
            Self::Free => 19,
            Self::DeviceFlag => 20,
            Self::DeviceStatus => 21,
            Self::LoginDisabled => 22,
            Self::NoSuchUser => 23,
            Self::Elsewhere => 25,
            Self::Busy => 26,
            Self::ChangePassword => 27,
            Self::Untrusted => 28,
            Self::RegistrationsDown => 29,
            Self::ThroughProxy => 30,
            Self::CrossCluster => 38,
            Self::Other(number) => number,
        }
    }

    /// May the same message succeed later?
    pub fn is_retryable(self) -> bool {
        matches!(
            self,
            Self::Database
                | Self::Directory
                | Self::DeviceFlag
                | Self::DeviceStatus
                | Self::Busy
                | Self::RegistrationsDown
        )
    }
}

/// The original's short name of a code, for people; codes between clusters and of its phone application included. [mobility §9]
pub fn label(number: u16) -> Option<&'static str> {
    Some(match number {
        0 => "unknown error",
        1 => "error on parsing",
        2 => "cannot authorize the application user",
        3 => "invalid application user",
        4 => "policy validation error",
        5 => "device logon disabled (logout)",
        6 => "database error",
        7 => "logout request error",
        8 => "query type undetermined",
        9 => "directory user information error",
        10 => "the caller lacks proxy rights",
        11 => "the device does not exist",
        12 => "device profile not found",
        18 => "another user is logged in",
        19 => "no user is logged in",
        20 => "hoteling flag error",
        21 => "hoteling status error",
        22 => "device logon disabled (login)",
        23 => "user not found",
        25 => "the user is logged in elsewhere",
        26 => "busy, try again",
        27 => "change the password",
        28 => "untrusted address",
        29 => "real-time information is down",
        30 => "proxy not allowed",
        31 => "logins across clusters are not enabled for the user",
        32 => "the device model does not take logins across clusters",
        33 => "no free base device for logins across clusters",
        35 => "the visiting cluster is unknown at home",
        36 => "no remote cluster is configured",
        37 => "the device's name is in both clusters",
        38 => "logins across clusters are not allowed",
        39 => "wrong TFTP settings",
        40 => "no response from the remote cluster",
        41 => "the PIN must be changed",
        42 | 44 => "invalid cluster ID",
        43 => "device security mode",
        45 => "the remote version is not supported",
        46 => "the remote security mode is not supported",
        47 => "the extension is primary for several users",
        _ => return None,
    })
}
