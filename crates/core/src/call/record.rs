//! A call as data: what the store keeps, what answers show, what events tell.

use super::{CallState, Cause, Class, PartState};
use crate::ids::{CallId, CallKey, DeviceName, Digits, DirectoryNumber, PartId, UserId};
use crate::now::Wall;
use serde::{Deserialize, Serialize};

/// Who asked for a call, and through which interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The interface's word: `webdialer`, `api`, `cti`, `phone` …
    pub interface: String,
    /// The user it was made for.
    pub user: Option<UserId>,
    /// The application or user that acted for him, when that is somebody else.
    pub by: Option<UserId>,
}

/// What happened in a call. [lab, Shapes]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoryWhat {
    /// The driver accepted it.
    Created,
    /// A party is being reached.
    Offered,
    /// A party rings.
    Alerting,
    /// A party answered.
    Answered,
    /// A party put the call on hold.
    Held,
    /// A party took the call back.
    Retrieved,
    /// A party was refused.
    Refused,
    /// A party left.
    Released,
    /// A party began to consult about the call.
    Consulted,
    /// A party passed the call on.
    Transferred,
    /// The call became, or went into, a conference.
    Conferenced,
    /// A transfer nobody answered rings back at the transferor.
    Recalled,
    /// The call is over.
    Ended,
}

impl StoryWhat {
    /// The word shown in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Offered => "offered",
            Self::Alerting => "alerting",
            Self::Answered => "answered",
            Self::Held => "held",
            Self::Retrieved => "retrieved",
            Self::Refused => "refused",
            Self::Released => "released",
            Self::Consulted => "consulted",
            Self::Transferred => "transferred",
            Self::Conferenced => "conferenced",
            Self::Recalled => "recalled",
            Self::Ended => "ended",
        }
    }
}

/// One step of a story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoryStep {
    /// When.
    pub at: Wall,
    /// What.
    pub what: StoryWhat,
    /// Whose party, by its digits.
    pub who: Option<Digits>,
    /// Why, for refusals and the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Class>,
}

/// One part, or a party that never got one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionRecord {
    /// The party's address.
    pub number: DirectoryNumber,
    /// The device; `None` outside.
    pub device: Option<DeviceName>,
    /// Whose part it is.
    pub user: Option<UserId>,
    /// The part's number.
    pub part: Option<PartId>,
    /// What it sees.
    pub state: PartState,
    /// Since when.
    pub since: Wall,
    /// Is it on the calling side?
    pub calling: bool,
}

/// A whole call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRecord {
    /// Orders calls by birth.
    pub key: CallKey,
    /// Its name to the world.
    pub id: CallId,
    /// The call as a whole.
    pub state: CallState,
    /// Why it ended.
    pub cause: Option<Cause>,
    /// Who asked for it.
    pub origin: Origin,
    /// The number as typed.
    pub dialled: String,
    /// Parties and parts.
    pub connections: Vec<ConnectionRecord>,
    /// The call it consults about.
    pub consultation_of: Option<CallId>,
    /// The call its parties went on in.
    pub merged_into: Option<CallId>,
    /// What happened.
    pub story: Vec<StoryStep>,
    /// Steps that no longer fitted.
    #[serde(default)]
    pub story_dropped: u32,
    /// When it was made.
    pub created: Wall,
    /// When it ended.
    pub ended: Option<Wall>,
}

impl CallRecord {
    /// Ends a call that did not live through a restart. [exchange §7, rule 10]
    pub fn end_lost(&mut self, at: Wall) {
        self.state = CallState::Ended;
        let cause = Cause::of(Class::Network);
        self.cause = Some(cause);
        self.ended = Some(at);
        self.settle(at);
        if self.story.len() < super::STORY_STEPS {
            self.story.push(StoryStep {
                at,
                what: StoryWhat::Ended,
                who: None,
                cause: Some(cause.class),
            });
        }
    }

    /// A call that is over has no live part: whatever was still heard when it was written down has stopped since.
    pub fn settle(&mut self, at: Wall) {
        for connection in &mut self.connections {
            if connection.state.is_live() && connection.part.is_some() {
                connection.state = PartState::Dropped;
                connection.since = at;
            }
        }
    }
}

/// One part as listeners are told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartView {
    /// The call.
    pub call: CallId,
    /// The part.
    pub part: PartId,
    /// The party's own address.
    pub number: DirectoryNumber,
    /// The device; `None` outside.
    pub device: Option<DeviceName>,
    /// Whose part it is.
    pub user: Option<UserId>,
    /// What it sees.
    pub state: PartState,
    /// The other parties, in order of joining.
    pub others: Vec<DirectoryNumber>,
    /// Since when it is in this state.
    pub since: Wall,
    /// When its state or its others last changed.
    #[serde(default)]
    pub changed: Wall,
    /// When it began.
    pub started: Wall,
    /// Was the party called?
    pub inbound: bool,
    /// How it ended.
    pub cause: Option<Cause>,
    /// The call that this one consults about.
    pub consultation_of: Option<CallId>,
    /// Did this party make a conference of the call?
    #[serde(default)]
    pub conference: bool,
}
