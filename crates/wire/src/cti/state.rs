//! The words for what a leg and an agent are doing. [cti §5.1, §5.2]

/// What an agent's own leg is doing, in the order a call lives it. [cti §5.1]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DialogState {
    /// The phone goes off-hook for a call of its own.
    Initiating,
    /// The number is dialled; the far end may be ringing.
    Initiated,
    /// A call rings here.
    Alerting,
    /// Talking.
    Active,
    /// Put on hold here.
    Held,
    /// Refused; the caller hears why.
    Failed,
    /// Over.
    Dropped,
    /// There is no leg: only in what is told at a login or asked for.
    None,
}

impl DialogState {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Initiating,
        Self::Initiated,
        Self::Alerting,
        Self::Active,
        Self::Held,
        Self::Failed,
        Self::Dropped,
        Self::None,
    ];

    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Initiating => "INITIATING",
            Self::Initiated => "INITIATED",
            Self::Alerting => "ALERTING",
            Self::Active => "ACTIVE",
            Self::Held => "HELD",
            Self::Failed => "FAILED",
            Self::Dropped => "DROPPED",
            Self::None => "NONE",
        }
    }

    /// The state of a word, in any letter case.
    pub fn of(word: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|state| state.word().eq_ignore_ascii_case(word))
    }
}

/// What an agent is doing, from all legs together. [cti §5.2]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AgentState {
    /// Some leg is active.
    Talking,
    /// None is, but some is on its way.
    Reserved,
    /// All there are, are held.
    Hold,
    /// There is none.
    Ready,
    /// There is none, and the agent said that none shall come.
    NotReady,
    /// No longer watched.
    Logout,
}

impl AgentState {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Talking,
        Self::Reserved,
        Self::Hold,
        Self::Ready,
        Self::NotReady,
        Self::Logout,
    ];

    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Talking => "TALKING",
            Self::Reserved => "RESERVED",
            Self::Hold => "HOLD",
            Self::Ready => "READY",
            Self::NotReady => "NOT_READY",
            Self::Logout => "LOGOUT",
        }
    }

    /// The state of a word, in any letter case.
    pub fn of(word: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|state| state.word().eq_ignore_ascii_case(word))
    }
}

/// Whether the telephone network is there. [cti §7.1]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NetworkState {
    /// Calls can be placed and watched.
    InService,
    /// They cannot.
    OutOfService,
}

impl NetworkState {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::InService => "IN_SERVICE",
            Self::OutOfService => "OUT_OF_SERVICE",
        }
    }

    /// The state of a word, in any letter case.
    pub fn of(word: &str) -> Option<Self> {
        let mut both = [Self::InService, Self::OutOfService].into_iter();
        both.find(|state| state.word().eq_ignore_ascii_case(word))
    }
}

/// Whether an agent's phone is registered. [cti §4.4]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TerminalState {
    /// It is.
    InService,
    /// It is not.
    OutOfService,
}

impl TerminalState {
    /// The event's name; `jtapi` spells the second as Cisco's class is named, not as the vendor's guide has it.
    pub fn word(self, jtapi: bool) -> &'static str {
        match self {
            Self::InService => "CiscoTermInServiceEv",
            Self::OutOfService if jtapi => "CiscoTermOutOfServiceEv",
            Self::OutOfService => "CiscoTermOutServiceEv",
        }
    }

    /// The state of either spelling, in any letter case.
    pub fn of(word: &str) -> Option<Self> {
        let is = |state: Self, jtapi| state.word(jtapi).eq_ignore_ascii_case(word);
        if is(Self::InService, false) {
            Some(Self::InService)
        } else if is(Self::OutOfService, false) || is(Self::OutOfService, true) {
            Some(Self::OutOfService)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_back_in_any_letter_case() {
        for state in DialogState::ALL {
            let word = state.word().to_lowercase();
            assert_eq!(DialogState::of(&word), Some(state));
        }
        for state in AgentState::ALL {
            let word = state.word().to_lowercase();
            assert_eq!(AgentState::of(&word), Some(state));
        }
        for state in [NetworkState::InService, NetworkState::OutOfService] {
            assert_eq!(NetworkState::of(state.word()), Some(state));
        }
        for jtapi in [false, true] {
            for state in [TerminalState::InService, TerminalState::OutOfService] {
                assert_eq!(TerminalState::of(state.word(jtapi)), Some(state));
            }
        }
    }

    #[test]
    fn words_of_campaigns_and_wrap_up_are_none_of_ours() {
        for word in ["ACCEPTED", "WRAP_UP", "", "ACTIVE "] {
            assert_eq!(DialogState::of(word), None, "{word}");
        }
    }
}
