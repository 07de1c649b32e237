//! Errors: their codes and texts, whom they are for, and which a command may be answered with. [cti §4.5, §6]

use super::Verb;
use std::fmt;

/// `Error_For` is cut at so many characters.
pub const ERROR_FOR_MAX: usize = 32;

/// Why a command was refused. [cti §6.2]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// No agent, or no number to dial.
    MissingExtension,
    /// Letters in the agent or in a number.
    WrongExtension,
    /// No such line, or wrong credentials at a login.
    UserNotFound,
    /// A login failed inside.
    GeneralError,
    /// A login beyond the number of agents allowed.
    LicensesExceeded,
    /// The network or the phone refused; no details.
    Unspecified,
    /// The call or the agent is not in a state for that.
    InvalidObjectState,
    /// The message makes no sense, or came at a bad time.
    PleaseRetry,
    /// A number that no party can have.
    InvalidParty,
    /// The sender may not do that.
    PrivilegeViolation,
    /// Another, of a server that knows more; never sent by ours.
    Other(Box<str>),
}

impl ErrorCode {
    /// All that are sent.
    pub const ALL: [Self; 10] = [
        Self::MissingExtension,
        Self::WrongExtension,
        Self::UserNotFound,
        Self::GeneralError,
        Self::LicensesExceeded,
        Self::Unspecified,
        Self::InvalidObjectState,
        Self::PleaseRetry,
        Self::InvalidParty,
        Self::PrivilegeViolation,
    ];

    /// The word on the wire; the last but one has the vendor's spelling.
    pub fn word(&self) -> &str {
        match self {
            Self::MissingExtension => "MISSING_EXTENSION",
            Self::WrongExtension => "WRONG_EXTENSION",
            Self::UserNotFound => "USER_NOT_FOUND",
            Self::GeneralError => "GENERAL_ERROR",
            Self::LicensesExceeded => "LICENSES_EXCEEDED",
            Self::Unspecified => "CF_GENERIC_UNSPECIFIED",
            Self::InvalidObjectState => "CF_INVALID_OBJECT_STATE",
            Self::PleaseRetry => "PLEASE_RETRY",
            Self::InvalidParty => "INVALID_PARTY",
            Self::PrivilegeViolation => "PREVILLEGE_VIOLATION",
            Self::Other(word) => word,
        }
    }

    /// The text beside the code in JSON. [cti §4.5]
    pub fn message(&self) -> &str {
        match self {
            Self::MissingExtension => "extension is missing",
            Self::WrongExtension => "the extension is wrong or invalid",
            other => other.word(),
        }
    }

    /// The code of a word, if it is one of [`Self::ALL`]: in any letter case and any spelling that is about.
    pub fn known(word: &str) -> Option<Self> {
        let word = word.trim();
        let spelt = ["PRIVILLEGE_VIOLATION", "PRIVILEGE_VIOLATION"];
        if spelt.iter().any(|other| other.eq_ignore_ascii_case(word)) {
            return Some(Self::PrivilegeViolation);
        }
        let mut all = Self::ALL.into_iter();
        all.find(|code| code.word().eq_ignore_ascii_case(word))
    }

    /// The code of any word. It ends where none goes on: with what ends a line, or would end an object of JSON.
    pub fn of(word: &str) -> Self {
        let around = |c: char| c.is_whitespace() || c.is_control() || c == '#';
        let word = word.trim_matches(around);
        let word = word.split(|c: char| c.is_control() || c == '}').next();
        let word = word.unwrap_or_default().trim_matches(around);
        Self::known(word).unwrap_or_else(|| Self::Other(word.into()))
    }

    /// May this code answer that command? [cti §6.3]
    pub fn may_answer(&self, verb: Verb) -> bool {
        let for_any = matches!(self, Self::PleaseRetry);
        let for_an_agent = matches!(
            self,
            Self::MissingExtension
                | Self::WrongExtension
                | Self::UserNotFound
                | Self::PrivilegeViolation
        );
        let for_a_number = matches!(self, Self::InvalidParty);
        let for_a_call = matches!(self, Self::InvalidObjectState | Self::Unspecified);
        match verb {
            Verb::Hello | Verb::Beat | Verb::Connect => for_any,
            Verb::Login => !for_a_number && !matches!(self, Self::Other(_)),
            Verb::Logout | Verb::GetState | Verb::GetDialogState => {
                for_any || for_an_agent || matches!(self, Self::InvalidObjectState)
            }
            Verb::MakeReady | Verb::MakeNotReady | Verb::MakeNotReadyWithReason => {
                for_any || for_an_agent || matches!(self, Self::InvalidObjectState)
            }
            Verb::AnswerCall
            | Verb::ReleaseCall
            | Verb::HoldCall
            | Verb::RetrieveCall
            | Verb::SendDtmf => for_any || for_an_agent || for_a_call,
            Verb::MakeCall
            | Verb::BlindTransfer
            | Verb::ConsultCall
            | Verb::TransferCall
            | Verb::ConferenceCall
            | Verb::DropParticipant => for_any || for_an_agent || for_a_call || for_a_number,
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Whom an error is for: `Error_For`. [cti §6.1]
///
/// What was sent where the agent stands, made harmless; [`ErrorFor::system`] when there was nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ErrorFor(Box<str>);

impl ErrorFor {
    const SYSTEM: &'static str = "System";

    /// Nobody in particular.
    pub fn system() -> Self {
        Self(Self::SYSTEM.into())
    }

    /// What was sent in an agent's place: without control characters, `#` and blanks around it, and not too long.
    pub fn sent(text: &str) -> Self {
        let harmless = text.chars().filter(|c| !c.is_control() && *c != '#');
        let harmless: String = harmless.collect();
        let cut: String = harmless.trim().chars().take(ERROR_FOR_MAX).collect();
        match cut.trim_end() {
            "" => Self::system(),
            cut => Self(cut.into()),
        }
    }

    /// Is it for nobody in particular?
    pub fn is_system(&self) -> bool {
        &*self.0 == Self::SYSTEM
    }

    /// The word on the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_read_back_and_the_vendors_slip_in_three_spellings() {
        for code in ErrorCode::ALL {
            assert_eq!(ErrorCode::of(code.word()), code);
            assert_eq!(ErrorCode::of(&code.word().to_lowercase()), code);
        }
        for word in [
            "PREVILLEGE_VIOLATION",
            "PRIVILLEGE_VIOLATION",
            "PRIVILEGE_VIOLATION",
        ] {
            assert_eq!(ErrorCode::of(word), ErrorCode::PrivilegeViolation);
        }
        let other = ErrorCode::of("CF_INVALID_DESTINATION");
        assert_eq!(other.word(), "CF_INVALID_DESTINATION");
    }

    #[test]
    fn what_was_sent_for_an_agent_is_repeated_harmlessly() {
        for (sent, repeated) in [
            ("42031", "42031"),
            (" 4203x ", "4203x"),
            ("4\n2#0\t3", "4203"),
            ("", "System"),
            (" # ", "System"),
            (&"ö".repeat(40), &"ö".repeat(32)),
        ] {
            let error_for = ErrorFor::sent(sent);
            assert_eq!(error_for.as_str(), repeated, "{sent:?}");
            assert_eq!(ErrorFor::sent(error_for.as_str()), error_for);
            assert_eq!(error_for.is_system(), repeated == "System");
        }
    }

    #[test]
    fn commands_are_answered_with_their_own_codes_only() {
        let codes = |verb| {
            let all = ErrorCode::ALL.into_iter();
            all.filter(|code| code.may_answer(verb)).collect::<Vec<_>>()
        };
        assert_eq!(codes(Verb::Hello), [ErrorCode::PleaseRetry]);
        assert_eq!(codes(Verb::Login).len(), 9);
        assert!(!codes(Verb::HoldCall).contains(&ErrorCode::InvalidParty));
        assert!(codes(Verb::TransferCall).contains(&ErrorCode::InvalidParty));
        let login_only = [ErrorCode::GeneralError, ErrorCode::LicensesExceeded];
        for verb in Verb::ALL.into_iter().filter(|verb| *verb != Verb::Login) {
            assert!(!codes(verb).iter().any(|code| login_only.contains(code)));
            assert!(codes(verb).contains(&ErrorCode::PleaseRetry));
        }
    }
}
