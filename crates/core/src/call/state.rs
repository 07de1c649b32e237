//! The life cycles of connections and terminal connections, in JTAPI's terms, and what a part shows of them.
//!
//! Each life cycle is one function of (state, input) without a catch-all. `None` means that the input does not fit the
//! state; the caller decides whether that is a refusal or a stray report. [exchange §2, §3]

use serde::{Deserialize, Serialize};
use std::fmt;

/// A party's progress: call × directory number.
///
/// ```text
/// calling:  Initiated ─► Dialing ─► Established ─► Disconnected
///               │            └────► NetworkReached ─► Established
///               └─► Failed
/// called:   InProgress ─► Alerting ─► Established ─► Disconnected
///               └──────────┴─► Failed
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionState {
    /// The caller's phone is going off-hook.
    Initiated,
    /// Digits handed to the network.
    Dialing,
    /// Being routed to that party.
    InProgress,
    /// Left for a network that tells no more.
    NetworkReached,
    /// Ringing there.
    Alerting,
    /// Connected.
    Established,
    /// Refused: busy, bad number, network.
    Failed,
    /// Over.
    Disconnected,
}

/// What can happen to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionInput {
    /// The caller is off-hook and the digits are on their way.
    Dialled,
    /// The call left for a network that tells no more.
    ReachedNetwork,
    /// The party rings.
    Alerted,
    /// The party is in the conversation.
    Answered,
    /// The party was refused before it answered.
    Refused,
    /// The party's share is over.
    Cleared,
}

impl ConnectionState {
    /// All states, in the order a call lives them.
    pub const ALL: [Self; 8] = [
        Self::Initiated,
        Self::Dialing,
        Self::InProgress,
        Self::NetworkReached,
        Self::Alerting,
        Self::Established,
        Self::Failed,
        Self::Disconnected,
    ];

    /// The state after an input, or `None` when it does not fit.
    pub fn next(self, input: ConnectionInput) -> Option<Self> {
        use ConnectionInput as In;
        match (self, input) {
            (Self::Initiated, In::Dialled) => Some(Self::Dialing),
            (Self::Initiated, In::Answered) => Some(Self::Established),
            (Self::Initiated, In::Refused) => Some(Self::Failed),
            (Self::Initiated, In::Cleared) => Some(Self::Disconnected),
            (Self::Initiated, In::ReachedNetwork | In::Alerted) => None,

            (Self::Dialing, In::ReachedNetwork) => Some(Self::NetworkReached),
            (Self::Dialing, In::Answered) => Some(Self::Established),
            (Self::Dialing, In::Refused) => Some(Self::Failed),
            (Self::Dialing, In::Cleared) => Some(Self::Disconnected),
            (Self::Dialing, In::Dialled | In::Alerted) => None,

            (Self::InProgress, In::ReachedNetwork) => Some(Self::NetworkReached),
            (Self::InProgress, In::Alerted) => Some(Self::Alerting),
            (Self::InProgress, In::Answered) => Some(Self::Established),
            (Self::InProgress, In::Refused) => Some(Self::Failed),
            (Self::InProgress, In::Cleared) => Some(Self::Disconnected),
            (Self::InProgress, In::Dialled) => None,

            (Self::NetworkReached, In::Alerted) => Some(Self::Alerting),
            (Self::NetworkReached, In::Answered) => Some(Self::Established),
            (Self::NetworkReached, In::Refused) => Some(Self::Failed),
            (Self::NetworkReached, In::Cleared) => Some(Self::Disconnected),
            (Self::NetworkReached, In::Dialled | In::ReachedNetwork) => None,

            (Self::Alerting, In::Answered) => Some(Self::Established),
            (Self::Alerting, In::Refused) => Some(Self::Failed),
            (Self::Alerting, In::Cleared) => Some(Self::Disconnected),
            (Self::Alerting, In::Dialled | In::ReachedNetwork | In::Alerted) => None,

            (Self::Established, In::Cleared) => Some(Self::Disconnected),
            (
                Self::Established,
                In::Dialled | In::ReachedNetwork | In::Alerted | In::Answered | In::Refused,
            ) => None,

            (
                Self::Failed | Self::Disconnected,
                In::Dialled
                | In::ReachedNetwork
                | In::Alerted
                | In::Answered
                | In::Refused
                | In::Cleared,
            ) => None,
        }
    }

    /// Is the party still in the call?
    pub fn is_live(self) -> bool {
        match self {
            Self::Initiated
            | Self::Dialing
            | Self::InProgress
            | Self::NetworkReached
            | Self::Alerting
            | Self::Established => true,
            Self::Failed | Self::Disconnected => false,
        }
    }
}

/// One device's share in a connection.
///
/// ```text
/// calling:  Idle ─► Talking ◄─► Held ─► Dropped
/// called:   Idle ─► Ringing ─► Talking ◄─► Held ─► Dropped
///                      └─► InUse (answered elsewhere)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TerminalState {
    /// Allocated, nothing yet. A caller who hears ringing is not talking.
    Idle,
    /// Alerting at this device.
    Ringing,
    /// In the conversation.
    Talking,
    /// Put on hold by this device.
    Held,
    /// The line is in use at another device.
    InUse,
    /// Over.
    Dropped,
}

/// What can happen to a terminal connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TerminalInput {
    /// It rings.
    Rang,
    /// It is joined into the conversation.
    Joined,
    /// It put the call on hold.
    WasHeld,
    /// It took the call back.
    WasRetrieved,
    /// Another device of the same number answered.
    AnsweredElsewhere,
    /// Its share is over.
    Cleared,
}

impl TerminalState {
    /// All states, in the order a call lives them.
    pub const ALL: [Self; 6] = [
        Self::Idle,
        Self::Ringing,
        Self::Talking,
        Self::Held,
        Self::InUse,
        Self::Dropped,
    ];

    /// The state after an input, or `None` when it does not fit.
    pub fn next(self, input: TerminalInput) -> Option<Self> {
        use TerminalInput as In;
        match (self, input) {
            (Self::Idle, In::Rang) => Some(Self::Ringing),
            (Self::Idle, In::Joined) => Some(Self::Talking),
            (Self::Idle, In::AnsweredElsewhere) => Some(Self::InUse),
            (Self::Idle, In::Cleared) => Some(Self::Dropped),
            (Self::Idle, In::WasHeld | In::WasRetrieved) => None,

            (Self::Ringing, In::Joined) => Some(Self::Talking),
            (Self::Ringing, In::AnsweredElsewhere) => Some(Self::InUse),
            (Self::Ringing, In::Cleared) => Some(Self::Dropped),
            (Self::Ringing, In::Rang | In::WasHeld | In::WasRetrieved) => None,

            (Self::Talking, In::WasHeld) => Some(Self::Held),
            (Self::Talking, In::Cleared) => Some(Self::Dropped),
            (Self::Talking, In::Rang | In::Joined | In::WasRetrieved | In::AnsweredElsewhere) => {
                None
            }

            (Self::Held, In::WasRetrieved) => Some(Self::Talking),
            (Self::Held, In::Cleared) => Some(Self::Dropped),
            (Self::Held, In::Rang | In::Joined | In::WasHeld | In::AnsweredElsewhere) => None,

            (
                Self::InUse | Self::Dropped,
                In::Rang
                | In::Joined
                | In::WasHeld
                | In::WasRetrieved
                | In::AnsweredElsewhere
                | In::Cleared,
            ) => None,
        }
    }

    /// May anything still happen to it?
    pub fn is_live(self) -> bool {
        match self {
            Self::Idle | Self::Ringing | Self::Talking | Self::Held => true,
            Self::InUse | Self::Dropped => false,
        }
    }
}

/// What a party sees of its call; the only thing faces read. [exchange §3]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartState {
    /// The own phone is going off-hook.
    Initiating,
    /// Dialled; the far end may be ringing.
    Initiated,
    /// An incoming call rings here.
    Alerting,
    /// In the conversation.
    Active,
    /// Put on hold here.
    Held,
    /// The call ended unanswered; a tone is heard.
    Failed,
    /// Over.
    Dropped,
}

impl PartState {
    /// The word shown in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Initiating => "initiating",
            Self::Initiated => "initiated",
            Self::Alerting => "alerting",
            Self::Active => "active",
            Self::Held => "held",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
        }
    }

    /// Does it still occupy a call on its device?
    pub fn is_live(self) -> bool {
        match self {
            Self::Initiating
            | Self::Initiated
            | Self::Alerting
            | Self::Active
            | Self::Held
            | Self::Failed => true,
            Self::Dropped => false,
        }
    }
}

impl fmt::Display for PartState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The call as a whole, as `/api/v1` shows it. [exchange §3]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallState {
    /// Nobody alerts yet.
    Initiated,
    /// Somebody alerts.
    Alerting,
    /// Somebody answered.
    Connected,
    /// Nobody, or only one, is left talking.
    Held,
    /// Over.
    Ended,
}

impl CallState {
    /// The word shown in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Initiated => "initiated",
            Self::Alerting => "alerting",
            Self::Connected => "connected",
            Self::Held => "held",
            Self::Ended => "ended",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_moves_as_the_table_says_in_every_state_and_input() {
        use ConnectionInput as In;
        use ConnectionState as S;
        let inputs = [
            In::Dialled,
            In::ReachedNetwork,
            In::Alerted,
            In::Answered,
            In::Refused,
            In::Cleared,
        ];
        let (x, f, d) = (None, Some(S::Failed), Some(S::Disconnected));
        let e = Some(S::Established);
        #[rustfmt::skip]
        let table = [
            (S::Initiated,      [Some(S::Dialing), x,                       x,                 e, f, d]),
            (S::Dialing,        [x,                Some(S::NetworkReached), x,                 e, f, d]),
            (S::InProgress,     [x,                Some(S::NetworkReached), Some(S::Alerting), e, f, d]),
            (S::NetworkReached, [x,                x,                       Some(S::Alerting), e, f, d]),
            (S::Alerting,       [x,                x,                       x,                 e, f, d]),
            (S::Established,    [x,                x,                       x,                 x, x, d]),
            (S::Failed,         [x; 6]),
            (S::Disconnected,   [x; 6]),
        ];
        assert_eq!(table.map(|(state, _)| state), S::ALL);
        for (state, row) in table {
            for (input, expected) in inputs.into_iter().zip(row) {
                assert_eq!(state.next(input), expected, "{state:?} × {input:?}");
            }
        }
    }

    #[test]
    fn a_terminal_connection_moves_as_the_table_says_in_every_state_and_input() {
        use TerminalInput as In;
        use TerminalState as S;
        let inputs = [
            In::Rang,
            In::Joined,
            In::WasHeld,
            In::WasRetrieved,
            In::AnsweredElsewhere,
            In::Cleared,
        ];
        let (x, t, u, d) = (None, Some(S::Talking), Some(S::InUse), Some(S::Dropped));
        #[rustfmt::skip]
        let table = [
            (S::Idle,    [Some(S::Ringing), t, x,             x, u, d]),
            (S::Ringing, [x,                t, x,             x, u, d]),
            (S::Talking, [x,                x, Some(S::Held), x, x, d]),
            (S::Held,    [x,                x, x,             t, x, d]),
            (S::InUse,   [x; 6]),
            (S::Dropped, [x; 6]),
        ];
        assert_eq!(table.map(|(state, _)| state), S::ALL);
        for (state, row) in table {
            for (input, expected) in inputs.into_iter().zip(row) {
                assert_eq!(state.next(input), expected, "{state:?} × {input:?}");
            }
        }
    }
}
