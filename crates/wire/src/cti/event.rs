//! What a client is told. [cti §4.4]

use super::{
    AgentId, AgentState, ConnectionId, DialogState, ErrorCode, ErrorFor, NetworkState,
    TerminalState,
};
use std::ops::Range;

/// An event, with everything that either format has room for.
///
/// Neither format carries all of it: an event that was read has the rest empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// `System`: whether the telephone network is there.
    Network(NetworkState),
    /// `Terminal`: whether the agent's phone is registered.
    Terminal(TerminalReport),
    /// `AgentInfo`: who the agent is.
    AgentInfo(AgentInfo),
    /// `State`, in JSON `AGENT_STATE`: what the agent is doing.
    AgentState(AgentReport),
    /// `DialogState`: what one of his legs is doing.
    DialogState(DialogReport),
    /// `InboundCall`: the same of a leg that came in, told before its `DialogState`.
    InboundCall(InboundReport),
    /// `Error`: a command was refused.
    Error(ErrorReport),
}

/// `Terminal`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TerminalReport {
    /// Is it registered?
    pub state: TerminalState,
    /// The agent whose phone it is: only among the extra keys.
    pub agent: Option<AgentId>,
    /// The phone's name: only among the extra keys.
    pub terminal: Option<String>,
}

/// `AgentInfo`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentInfo {
    /// The agent.
    pub agent: AgentId,
    /// First name.
    pub first_name: PersonName,
    /// Last name.
    pub last_name: PersonName,
    /// Both: only in the default format.
    pub full_name: PersonName,
    /// His extension: only in JSON.
    pub extension: AgentId,
}

/// `State`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentReport {
    /// The agent.
    pub agent: AgentId,
    /// What he is doing.
    pub state: AgentState,
    /// Why he takes no calls: only in the default format.
    pub reason: String,
    /// Since when.
    pub since: TimeText,
    /// His name: only in the default format.
    pub full_name: PersonName,
    /// His extension: only in the default format.
    pub extension: AgentId,
    /// The other parties of the leg that decides the state: only in JSON.
    pub others: Vec<Address>,
    /// That leg: only in JSON.
    pub connection: Option<ConnectionId>,
}

/// `DialogState`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialogReport {
    /// The agent.
    pub agent: AgentId,
    /// What the leg is doing.
    pub state: DialogState,
    /// Since when; with no leg, when it was told.
    pub since: TimeText,
    /// The leg.
    pub connection: Option<ConnectionId>,
    /// The other parties, in the order in which they joined.
    pub others: Vec<Address>,
    /// Why it ended: only among the extra keys.
    pub cause: Option<String>,
}

/// `InboundCall`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboundReport {
    /// The agent; `None` where a server leaves him out, as the vendor's guide prints it.
    pub agent: Option<AgentId>,
    /// What the leg is doing.
    pub state: DialogState,
    /// When it came into being: the same in all events of the leg.
    pub started: TimeText,
    /// The leg.
    pub connection: Option<ConnectionId>,
    /// The first of the other parties.
    pub other: Option<Address>,
}

/// `Error`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorReport {
    /// Whom it is for: only in the default format and, unless it is for nobody, among the extra keys.
    pub error_for: ErrorFor,
    /// Why.
    pub code: ErrorCode,
    /// What another server says beside the code; ours has a text for each code.
    pub message: Option<String>,
    /// The command's name: only among the extra keys.
    pub command: Option<String>,
}

/// A person's name: what would end a field is a blank. [cti §3.3]
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PersonName(Box<str>);

impl PersonName {
    /// A name as the directory has it.
    pub fn new(name: &str) -> Self {
        let odd = |c: char| matches!(c, ',' | '#' | '|') || c.is_control();
        Self(name.replace(odd, " ").into())
    }

    /// The name as it goes out.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The number of a party, as text: an extension, an outside number, nothing where it is withheld. [cti §4.3]
///
/// What would end a field or begin another party is a blank.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Address(Box<str>);

impl Address {
    /// An address is a number in JSON up to so many digits: more do not survive every reader.
    pub const NUMBER_DIGITS_MAX: usize = 15;

    /// The address of a number.
    pub fn new(number: &str) -> Self {
        let odd = |c: char| matches!(c, ',' | '#' | '|') || c.is_control();
        Self(number.replace(odd, " ").into())
    }

    /// The number.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As a JSON number; `None` when it would not come back the same: a leading zero, a plus sign, too many digits.
    pub fn as_number(&self) -> Option<u64> {
        let digits = self.0.bytes().all(|byte| byte.is_ascii_digit());
        let fits = (1..=Self::NUMBER_DIGITS_MAX).contains(&self.0.len());
        let survives = digits && fits && !self.0.starts_with('0');
        survives.then(|| self.0.parse().ok())?
    }
}

/// A time as it is written: `2026-11-21 10:00:00`, in the server's own time zone. [cti §4.3]
///
/// What other servers write is kept as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TimeText(Box<str>);

impl TimeText {
    /// A time of year, month, day, hour, minute and second; `None` if there is no such time.
    pub fn of(parts: [u16; 6]) -> Option<Self> {
        let [year, month, day, hour, minute, second] = parts;
        let leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
        let days = match month {
            2 => 28 + u16::from(leap),
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        let known = (1..=9_999).contains(&year)
            && (1..=days).contains(&day)
            && hour < 24
            && minute < 60
            && second < 60;
        known.then(|| {
            let text = format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}");
            Self(text.into())
        })
    }

    /// A time as somebody else writes it.
    pub fn literal(text: &str) -> Self {
        let odd = |c: char| c == '#' || c.is_control();
        Self(text.replace(odd, " ").into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its year, month, day, hour, minute and second, if it is written as ours are.
    pub fn parts(&self) -> Option<[u16; 6]> {
        let number = |at: Range<usize>| self.0.get(at)?.parse().ok();
        let parts = [
            number(0..4)?,
            number(5..7)?,
            number(8..10)?,
            number(11..13)?,
            number(14..16)?,
            number(17..19)?,
        ];
        (Self::of(parts).as_ref() == Some(self)).then_some(parts)
    }
}

/// How a deployment wants its events written. [cti §4.4]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// `cti.json.extra`: keys beyond those of the vendor's guide.
    pub extra: bool,
    /// `cti.json.agent_state = "flat"`: the agent's state as a text, not an object.
    pub flat_agent_state: bool,
    /// `cti.json.addresses = "string"`: no address is a number.
    pub addresses_as_strings: bool,
    /// `cti.inbound_call = "literal"`: without the agent in front, as the vendor's guide prints it.
    pub literal_inbound_call: bool,
    /// `cti.terminal_out = "jtapi"`: Cisco's own spelling.
    pub jtapi_terminal_out: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_never_ends_a_field() {
        let name = PersonName::new("Jörg #1, Müller\n");
        assert_eq!(name.as_str(), "Jörg  1  Müller ");
    }

    #[test]
    fn an_address_is_a_number_only_if_it_survives() {
        for (text, number) in [
            ("42032", Some(42_032)),
            ("999999999999999", Some(999_999_999_999_999)),
            ("1000000000000000", None),
            ("00491701", None),
            ("0", None),
            ("+49", None),
            ("*21", None),
            ("", None),
        ] {
            assert_eq!(Address::new(text).as_number(), number, "{text}");
        }
        assert_eq!(Address::new("*21#").as_str(), "*21 ");
    }

    #[test]
    fn a_time_is_written_to_the_second_and_read_back() {
        let parts = [2026, 11, 21, 10, 0, 0];
        let time = TimeText::of(parts).unwrap();
        assert_eq!(time.as_str(), "2026-11-21 10:00:00");
        assert_eq!(time.parts(), Some(parts));
        assert!(TimeText::of([2024, 2, 29, 0, 0, 0]).is_some());
        for parts in [
            [2026, 2, 29, 0, 0, 0],
            [2100, 2, 29, 0, 0, 0],
            [2026, 13, 1, 0, 0, 0],
            [2026, 4, 31, 0, 0, 0],
            [0, 1, 1, 0, 0, 0],
            [2026, 1, 1, 24, 0, 0],
            [2026, 1, 1, 0, 60, 0],
            [2026, 1, 1, 0, 0, 60],
        ] {
            assert_eq!(TimeText::of(parts), None, "{parts:?}");
        }
        for text in [
            "",
            "2026-11-21T10:00:00",
            "21.11.2026",
            "2026-11-21 10:00:0ö",
        ] {
            assert_eq!(TimeText::literal(text).parts(), None, "{text}");
        }
    }
}
