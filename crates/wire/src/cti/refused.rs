//! Commands that make no sense, and the error each comes to. [cti §3.7, §6.2]

use super::{
    AgentId, BadName, ClientDestination, ErrorCode, ErrorFor, ErrorReport, NotANumber, Verb,
};

/// What is wrong with a command, as far as it can be seen without knowing anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Why {
    /// No JMSType.
    #[error("the message has no JMSType")]
    NoType,
    /// A JMSType beyond its limit.
    #[error("the JMSType is too long")]
    TypeTooLong,
    /// Nothing that ends the name.
    #[error("the JMSType has no #")]
    NoHash,
    /// More than one `#`.
    #[error("the JMSType has a second #")]
    SecondHash,
    /// What stands in the name's place is no word.
    #[error("the JMSType begins with no word")]
    NotAName,
    /// A word that is no command's.
    #[error("there is no such command")]
    UnknownCommand,
    /// Neither text nor bytes.
    #[error("the message is neither a TextMessage nor a BytesMessage")]
    BodyKind,
    /// Bytes that are no UTF-8.
    #[error("the body is not UTF-8")]
    NotText,
    /// A body beyond its limit.
    #[error("the body is too long")]
    BodyTooLong,
    /// The agent's id.
    #[error("the agent is missing or none: {0:?}")]
    Agent(NotANumber),
    /// A client destination.
    #[error("no client may have that destination: {0:?}")]
    Destination(BadName),
    /// Too many or too few arguments.
    #[error("too many or too few arguments")]
    ArgumentCount,
    /// A number to dial.
    #[error("the number is missing or none: {0:?}")]
    Number(NotANumber),
    /// The agent's own number.
    #[error("the number is the agent's own")]
    OwnNumber,
    /// A connection id.
    #[error("the connection id is none")]
    Connection,
    /// Tones.
    #[error("the tones are none")]
    Tones,
    /// A reason code.
    #[error("the reason code is none")]
    Reason,
}

/// Which check found it; between them come checks that need to know more. [cti §3.7]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Check {
    /// Check 2: sizes, kind, grammar, names.
    Grammar,
    /// Check 3: the agent.
    Agent,
    /// Check 8, after rate, network, extension and rights: the arguments.
    Arguments,
}

/// A command that is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Refused {
    /// What is wrong.
    pub why: Why,
    /// Whom the error is for.
    pub error_for: ErrorFor,
    /// The command, if its name was understood.
    pub verb: Option<Verb>,
    /// The agent, if his id was understood: his topic is where the error goes when nothing better is known. [cti §3.6]
    pub agent: Option<AgentId>,
    /// The topic that Hello, Beat, Connect or Login names, if that much of it can be used.
    pub destination: Option<ClientDestination>,
}

impl Refused {
    /// The code that answers it.
    pub fn code(&self) -> ErrorCode {
        // Connect has one code for everything. [cti §6.3]
        let plain = self.verb == Some(Verb::Connect);
        match self.why {
            Why::Agent(NotANumber::Missing) if !plain => ErrorCode::MissingExtension,
            Why::Agent(NotANumber::Letters) if !plain => ErrorCode::WrongExtension,
            Why::Number(NotANumber::Missing) => ErrorCode::MissingExtension,
            Why::Number(NotANumber::Letters) => ErrorCode::WrongExtension,
            Why::Number(NotANumber::Shape) | Why::OwnNumber => ErrorCode::InvalidParty,
            Why::Agent(_)
            | Why::NoType
            | Why::TypeTooLong
            | Why::NoHash
            | Why::SecondHash
            | Why::NotAName
            | Why::UnknownCommand
            | Why::BodyKind
            | Why::NotText
            | Why::BodyTooLong
            | Why::Destination(_)
            | Why::ArgumentCount
            | Why::Connection
            | Why::Tones
            | Why::Reason => ErrorCode::PleaseRetry,
        }
    }

    /// The check that found it.
    pub fn check(&self) -> Check {
        match self.why {
            Why::Agent(NotANumber::Missing | NotANumber::Letters) => Check::Agent,
            Why::NoType
            | Why::TypeTooLong
            | Why::NoHash
            | Why::SecondHash
            | Why::NotAName
            | Why::UnknownCommand
            | Why::BodyKind
            | Why::NotText
            | Why::BodyTooLong
            | Why::Agent(NotANumber::Shape) => Check::Grammar,
            Why::Destination(_)
            | Why::ArgumentCount
            | Why::Number(_)
            | Why::OwnNumber
            | Why::Connection
            | Why::Tones
            | Why::Reason => Check::Arguments,
        }
    }

    /// The event that answers it.
    pub fn report(&self) -> ErrorReport {
        ErrorReport {
            error_for: self.error_for.clone(),
            code: self.code(),
            message: None,
            command: self.verb.map(|verb| verb.word().to_owned()),
        }
    }
}
