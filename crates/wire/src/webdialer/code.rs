//! Response codes 0 to 9 and their texts.

/// What WebDialer says about a request it understood. [webdialer §6.1]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResponseCode {
    /// 0: the request was accepted.
    Success,
    /// 1: the call could not be made or ended.
    CallFailure,
    /// 2: the credential was refused.
    AuthenticationError,
    /// 3: acting for another user without the proxy role.
    NoProxyRights,
    /// 4: the directory is down, or the user is unknown to it.
    DirectoryError,
    /// 5: something needed is missing, or the device is not the user's.
    MissingParameters,
    /// 6: the telephone network is not available now.
    TemporarilyUnavailable,
    /// 7: the network refused the digits.
    DestinationNotReachable,
    /// 8: anything unexpected.
    ServiceError,
    /// 9: too many requests.
    Overloaded,
    /// A number that no document lists, from a server newer than this crate. Servers never send it.
    Other(i32),
}

impl ResponseCode {
    /// The ten documented codes, in order.
    pub const ALL: [Self; 10] = [
        Self::Success,
        Self::CallFailure,
        Self::AuthenticationError,
        Self::NoProxyRights,
        Self::DirectoryError,
        Self::MissingParameters,
        Self::TemporarilyUnavailable,
        Self::DestinationNotReachable,
        Self::ServiceError,
        Self::Overloaded,
    ];

    /// The code for a number on the wire.
    pub fn from_number(number: i32) -> Self {
        usize::try_from(number)
            .ok()
            .and_then(|index| Self::ALL.get(index).copied())
            .unwrap_or(Self::Other(number))
    }

    /// The number on the wire.
    pub fn number(self) -> i32 {
        match self {
            Self::Success => 0,
            Self::CallFailure => 1,
            Self::AuthenticationError => 2,
            Self::NoProxyRights => 3,
            Self::DirectoryError => 4,
            Self::MissingParameters => 5,
            Self::TemporarilyUnavailable => 6,
            Self::DestinationNotReachable => 7,
            Self::ServiceError => 8,
            Self::Overloaded => 9,
            Self::Other(number) => number,
        }
    }

    /// The text live servers send; some clients compare it letter by letter. [webdialer §6.1]
    pub fn text(self) -> &'static str {
        match self {
            Self::Success => "Success",
            Self::CallFailure => "Call Failure Error",
            Self::AuthenticationError => "User Authentication Error",
            Self::NoProxyRights => "No Authentication Proxy Rights",
            Self::DirectoryError => "Directory Error",
            Self::MissingParameters => "Missing parameters in the request",
            Self::TemporarilyUnavailable => "Service Temporarily Unavailable",
            Self::DestinationNotReachable => "Destination not reachable",
            Self::ServiceError => "Service Error",
            Self::Overloaded => "Service Overloaded",
            Self::Other(_) => "Unknown response code",
        }
    }
}

/// Text of code 5 when the user has no device at all. [webdialer §6.1]
pub const TEXT_NO_DEVICE_FOR_USER: &str = "No device is configured for the user";

/// Text of code 1 in the answer of getProfileDetailSoap to a user without devices. [webdialer §6.1]
pub const TEXT_NO_DEVICE_IN_DETAIL: &str = "No device configured for the user";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_finds_its_code_and_goes_back() {
        for (number, code) in (0..).zip(ResponseCode::ALL) {
            assert_eq!(ResponseCode::from_number(number), code);
            assert_eq!(code.number(), number);
        }
        for odd in [-1, 10, i32::MAX, i32::MIN] {
            assert_eq!(ResponseCode::from_number(odd), ResponseCode::Other(odd));
            assert_eq!(ResponseCode::Other(odd).number(), odd);
        }
    }
}
