//! Legs, and the operations that wait for the driver.

use super::vocabulary::Target;
use crate::call::Origin;
use crate::ids::{
    CallId, CallKey, DeviceName, DirectoryNumber, LegId, MixId, PartId, Ticket, UserId,
};
use crate::now::Instant;

/// How far a leg is.
///
/// ```text
/// Asked ─► Offered ─► Alerting ─► Up      (gone at any time: the leg is forgotten)
/// ```
/// Reports may overtake each other: a later one implies the earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LegState {
    /// The driver was asked.
    Asked,
    /// The driver accepted.
    Offered,
    /// It rings.
    Alerting,
    /// Somebody is there.
    Up,
}

/// What the driver reports of a leg's progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LegInput {
    Offered,
    Alerting,
    Answered,
}

impl LegState {
    /// The state after a report, or `None` when it was already further.
    pub(super) fn next(self, input: LegInput) -> Option<Self> {
        match (self, input) {
            (Self::Asked, LegInput::Offered) => Some(Self::Offered),
            (Self::Asked | Self::Offered, LegInput::Alerting) => Some(Self::Alerting),
            (Self::Asked | Self::Offered | Self::Alerting, LegInput::Answered) => Some(Self::Up),
            (Self::Offered | Self::Alerting | Self::Up, LegInput::Offered)
            | (Self::Alerting | Self::Up, LegInput::Alerting)
            | (Self::Up, LegInput::Answered) => None,
        }
    }
}

/// One audio path of one device, or of an outside party.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Leg {
    pub(super) target: Target,
    pub(super) state: LegState,
    /// The parts it carries.
    pub(super) carries: Vec<(CallKey, PartId)>,
    /// The called connection it tries to reach, until that has a part here.
    pub(super) reaching: Option<(CallKey, usize)>,
    /// What it is joined into.
    pub(super) mix: Option<MixId>,
    /// Does it hear music?
    pub(super) music: bool,
    /// The operation that waits for it.
    pub(super) operation: Option<u64>,
}

/// A call that is not yet one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) device: DeviceName,
    pub(super) line: DirectoryNumber,
    pub(super) user: Option<UserId>,
    pub(super) dialled: String,
    pub(super) to: DirectoryNumber,
    pub(super) outside: bool,
    pub(super) origin: Origin,
    pub(super) consultation_of: Option<CallId>,
    /// Until when whoever asked for it can be answered.
    pub(super) until: Instant,
}

/// What an operation waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    Offered,
    Answered,
    Joined,
    Left,
    /// The target of a blind transfer rings or answers; never confirmed by the leg itself.
    Rings,
}

/// A feature whose driver confirmations are still owed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Operation {
    pub(super) ticket: Option<Ticket>,
    /// A phone that asked for it and must be told.
    pub(super) report: Option<LegId>,
    pub(super) waits: Vec<(LegId, Wait)>,
    /// The legs that are kept for it, filled in when it starts.
    pub(super) legs: Vec<LegId>,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A new call waits for its turn: the device is still busy with an earlier request.
    Queued(Box<Plan>),
    /// A phone was asked to go off-hook for a new call.
    Originate(Box<Plan>),
    /// A ringing phone was asked to answer.
    Answer,
    /// Somebody answered; the parties are being joined. `hold`: the device's other part that goes on hold with it.
    Connect {
        call: CallKey,
        part: PartId,
        hold: Option<(CallKey, PartId)>,
    },
    /// A part leaves its conversation; `then` a new call begins on the same leg.
    Hold {
        call: CallKey,
        part: PartId,
        then: Option<Box<Plan>>,
    },
    /// A part comes back; `hold`: the device's other part that goes on hold with it.
    Retrieve {
        call: CallKey,
        part: PartId,
        hold: Option<(CallKey, PartId)>,
    },
    /// The target of a blind transfer is being reached; nobody has left yet.
    Transfer {
        call: CallKey,
        part: PartId,
        target: usize,
    },
    /// Two calls become one.
    Merge {
        first: CallKey,
        keeps: PartId,
        second: CallKey,
        leaves: PartId,
        conference: bool,
    },
}

impl Kind {
    /// The call that is to come of it.
    pub(super) fn plan(&self) -> Option<&Plan> {
        match self {
            Self::Queued(plan) | Self::Originate(plan) => Some(plan),
            Self::Hold { then, .. } => then.as_deref(),
            Self::Answer
            | Self::Connect { .. }
            | Self::Retrieve { .. }
            | Self::Transfer { .. }
            | Self::Merge { .. } => None,
        }
    }

    /// The same, to be changed.
    pub(super) fn plan_mut(&mut self) -> Option<&mut Plan> {
        match self {
            Self::Queued(plan) | Self::Originate(plan) => Some(plan),
            Self::Hold { then, .. } => then.as_deref_mut(),
            Self::Answer
            | Self::Connect { .. }
            | Self::Retrieve { .. }
            | Self::Transfer { .. }
            | Self::Merge { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leg_only_goes_forward_in_every_state_and_report() {
        use LegInput as In;
        use LegState as S;
        #[rustfmt::skip]
        let table = [
            (S::Asked,    [Some(S::Offered), Some(S::Alerting), Some(S::Up)]),
            (S::Offered,  [None,             Some(S::Alerting), Some(S::Up)]),
            (S::Alerting, [None,             None,              Some(S::Up)]),
            (S::Up,       [None,             None,              None]),
        ];
        for (state, row) in table {
            for (input, expected) in [In::Offered, In::Alerting, In::Answered]
                .into_iter()
                .zip(row)
            {
                assert_eq!(state.next(input), expected, "{state:?} × {input:?}");
            }
        }
    }
}
