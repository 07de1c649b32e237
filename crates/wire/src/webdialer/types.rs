//! What WebDialer's messages say, whatever dialect they are written in.

use super::code::ResponseCode;
use crate::Secret;
use std::borrow::Cow;

/// One of the three SOAP services that carry the same six operations. [webdialer §1]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// `WebdialerSoapService70`: rpc/encoded, `urn:WD70`, arguments `in0` `in1` `in2`.
    Wd70,
    /// `WebdialerSoapService`: rpc/encoded, `urn:WebdialerSoap`, arguments `cred` `dest` `prof` `userid`.
    Legacy,
    /// `webdialer`: document/literal, arguments `args0` `args1` `args2`.
    Axis2,
}

impl Dialect {
    /// All of them, in the order a server lists its services.
    pub const ALL: [Self; 3] = [Self::Wd70, Self::Legacy, Self::Axis2];

    /// The service's name, the last segment of its path.
    pub fn service_name(self) -> &'static str {
        match self {
            Self::Wd70 => "WebdialerSoapService70",
            Self::Legacy => "WebdialerSoapService",
            Self::Axis2 => "webdialer",
        }
    }

    /// The service's whole path.
    pub fn service_path(self) -> &'static str {
        match self {
            Self::Wd70 => "/webdialer/services/WebdialerSoapService70",
            Self::Legacy => "/webdialer/services/WebdialerSoapService",
            Self::Axis2 => "/webdialer/services/webdialer",
        }
    }

    /// The dialect a service name stands for. Letter case does not matter: pages in print have a
    /// small *s* where the deployed name has a capital one. [webdialer §2]
    pub fn from_service_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|dialect| dialect.service_name().eq_ignore_ascii_case(name))
    }

    /// The XML namespace of the dialect's operations.
    pub fn namespace(self) -> &'static str {
        match self {
            Self::Wd70 => "urn:WD70",
            Self::Legacy => "urn:WebdialerSoap",
            Self::Axis2 => "http://webdialer.ccm.cisco.com",
        }
    }

    /// The value of the `SOAPAction` header that a careful client sends, without its quotes. [webdialer §12]
    pub fn soap_action(self, operation: Operation) -> &'static str {
        match self {
            Self::Wd70 | Self::Legacy => "",
            Self::Axis2 => operation.name(),
        }
    }
}

/// One of the six operations. [webdialer §5]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// `makeCallSoap`
    MakeCall,
    /// `endCallSoap`
    EndCall,
    /// `getProfileSoap`
    GetProfile,
    /// `isClusterUserSoap`
    IsClusterUser,
    /// `getProfileDetailSoap`
    GetProfileDetail,
    /// `getPrimaryLine`
    GetPrimaryLine,
}

impl Operation {
    /// All of them, in the order of the original's service description.
    pub const ALL: [Self; 6] = [
        Self::MakeCall,
        Self::EndCall,
        Self::GetProfile,
        Self::IsClusterUser,
        Self::GetProfileDetail,
        Self::GetPrimaryLine,
    ];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::MakeCall => "makeCallSoap",
            Self::EndCall => "endCallSoap",
            Self::GetProfile => "getProfileSoap",
            Self::IsClusterUser => "isClusterUserSoap",
            Self::GetProfileDetail => "getProfileDetailSoap",
            Self::GetPrimaryLine => "getPrimaryLine",
        }
    }

    /// The operation with this name; letter case matters, as in the original. [webdialer §6.2]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|op| op.name() == name)
    }
}

/// Who is asking. [webdialer §5.2]
///
/// All three absent means that the request had no credential. A token, where there is one, wins
/// over user id and password. [webdialer §10]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credential {
    /// Single sign-on token; never empty.
    pub token: Option<Secret>,
    /// User id, trimmed; never empty. Compare without regard to case.
    pub user_id: Option<String>,
    /// Password exactly as sent, white space and all; may be empty.
    pub password: Option<Secret>,
}

/// Whose phone, which device, which line. Texts are trimmed and never empty. [webdialer §5.3]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserProfile {
    /// The user whose phone is meant; absent: the credential's user.
    pub user: Option<String>,
    /// Device name. Compare without regard to case.
    pub device_name: Option<String>,
    /// Line, as [`LineChoice`](super::LineChoice) reads it.
    pub line_number: Option<String>,
    /// "Whatever phone I am logged in to by Extension Mobility".
    pub support_em: bool,
    /// Ignored by servers.
    pub locale: Option<String>,
    /// Ignored by servers.
    pub dont_auto_close: bool,
    /// Ignored by servers.
    pub dont_show_call_conf: bool,
}

/// A request, whatever dialect it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Place a call from a user's phone.
    MakeCall {
        /// Who asks.
        credential: Credential,
        /// The dial string, trimmed, otherwise as typed; never empty.
        destination: Option<String>,
        /// Whose phone.
        profile: UserProfile,
    },
    /// End a call that was placed here.
    EndCall {
        /// Who asks.
        credential: Credential,
        /// Whose phone.
        profile: UserProfile,
    },
    /// List a user's devices and lines; supports acting for another user.
    GetProfile {
        /// Who asks.
        credential: Credential,
        /// The user to list; absent: the credential's own.
        user: Option<String>,
    },
    /// List one's own devices and lines, with descriptions and models.
    GetProfileDetail {
        /// Who asks, and whose devices.
        credential: Credential,
    },
    /// Does this cluster know a user? Needs no credential.
    IsClusterUser {
        /// The user id, trimmed; absent is answered `false`.
        user: Option<String>,
    },
    /// One's own primary directory number.
    GetPrimaryLine {
        /// Who asks.
        credential: Credential,
    },
}

impl Request {
    /// Which operation this is.
    pub fn operation(&self) -> Operation {
        match self {
            Self::MakeCall { .. } => Operation::MakeCall,
            Self::EndCall { .. } => Operation::EndCall,
            Self::GetProfile { .. } => Operation::GetProfile,
            Self::GetProfileDetail { .. } => Operation::GetProfileDetail,
            Self::IsClusterUser { .. } => Operation::IsClusterUser,
            Self::GetPrimaryLine { .. } => Operation::GetPrimaryLine,
        }
    }

    /// The credential, for the operations that have one.
    pub fn credential(&self) -> Option<&Credential> {
        match self {
            Self::MakeCall { credential, .. }
            | Self::EndCall { credential, .. }
            | Self::GetProfile { credential, .. }
            | Self::GetProfileDetail { credential }
            | Self::GetPrimaryLine { credential } => Some(credential),
            Self::IsClusterUser { .. } => None,
        }
    }
}

/// A decoded request with what its answer must repeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The request.
    pub request: Request,
    /// The namespace of the request's operation element; the answer's wrapper copies it, `None` included. [webdialer §5.1]
    pub namespace: Option<Cow<'static, str>>,
}

/// Code and text that every answer but two carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The code.
    pub code: ResponseCode,
    /// The text beside it.
    pub description: Cow<'static, str>,
}

impl Outcome {
    /// A code with a text other than its usual one.
    pub fn with_text(code: ResponseCode, description: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            description: description.into(),
        }
    }
}

impl From<ResponseCode> for Outcome {
    /// The code with its usual text.
    fn from(code: ResponseCode) -> Self {
        Self {
            code,
            description: Cow::Borrowed(code.text()),
        }
    }
}

/// A device in the answer of getProfileSoap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceLines {
    /// Device name.
    pub name: String,
    /// Its lines, each as [`LineChoice::write`](super::LineChoice::write) writes them.
    pub lines: Vec<String>,
}

/// A device in the answer of getProfileDetailSoap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceDetail {
    /// Device name.
    pub name: String,
    /// Its lines, each as [`LineChoice::write`](super::LineChoice::write) writes them.
    pub lines: Vec<String>,
    /// The device's description; may be empty.
    pub description: String,
    /// Its model as marketing calls it, e.g. `Cisco 6961`.
    pub model: String,
}

/// An answer, whatever dialect it is written in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To makeCallSoap.
    MakeCall(Outcome),
    /// To endCallSoap.
    EndCall(Outcome),
    /// To getProfileSoap.
    GetProfile {
        /// Code and text.
        outcome: Outcome,
        /// The user's devices.
        devices: Vec<DeviceLines>,
    },
    /// To getProfileDetailSoap.
    GetProfileDetail {
        /// Code and text.
        outcome: Outcome,
        /// The user's devices.
        devices: Vec<DeviceDetail>,
    },
    /// To isClusterUserSoap.
    IsClusterUser(bool),
    /// To getPrimaryLine: the bare directory number, or nothing.
    GetPrimaryLine(String),
}

impl Answer {
    /// The operation it answers.
    pub fn operation(&self) -> Operation {
        match self {
            Self::MakeCall(_) => Operation::MakeCall,
            Self::EndCall(_) => Operation::EndCall,
            Self::GetProfile { .. } => Operation::GetProfile,
            Self::GetProfileDetail { .. } => Operation::GetProfileDetail,
            Self::IsClusterUser(_) => Operation::IsClusterUser,
            Self::GetPrimaryLine(_) => Operation::GetPrimaryLine,
        }
    }

    /// The answer that says no to an operation: its code and text, no devices; `false`; an empty
    /// line, since getPrimaryLine has no code to carry. [webdialer §5.6]
    pub fn refusal(operation: Operation, outcome: Outcome) -> Self {
        match operation {
            Operation::MakeCall => Self::MakeCall(outcome),
            Operation::EndCall => Self::EndCall(outcome),
            Operation::GetProfile => Self::GetProfile {
                outcome,
                devices: Vec::new(),
            },
            Operation::GetProfileDetail => Self::GetProfileDetail {
                outcome,
                devices: Vec::new(),
            },
            Operation::IsClusterUser => Self::IsClusterUser(false),
            Operation::GetPrimaryLine => Self::GetPrimaryLine(String::new()),
        }
    }

    /// Code and text, for the answers that have them.
    pub fn outcome(&self) -> Option<&Outcome> {
        match self {
            Self::MakeCall(outcome)
            | Self::EndCall(outcome)
            | Self::GetProfile { outcome, .. }
            | Self::GetProfileDetail { outcome, .. } => Some(outcome),
            Self::IsClusterUser(_) | Self::GetPrimaryLine(_) => None,
        }
    }
}
