//! What a call is: connections, parts, its story, and how each party sees it.
//!
//! This module holds the values and what can be computed from them; the steps that change them are in
//! [`crate::exchange`]. [exchange §1 to §3]

mod cause;
mod record;
mod state;

pub use cause::{Cause, Class};
pub use record::{CallRecord, ConnectionRecord, Origin, PartView, StoryStep, StoryWhat};
pub use state::{
    CallState, ConnectionInput, ConnectionState, PartState, TerminalInput, TerminalState,
};

use crate::directory::same_name;
use crate::ids::{CallId, CallKey, DeviceName, DirectoryNumber, LegId, MixId, PartId, UserId};
use crate::now::Wall;

/// A call's story is written down to this many steps; later ones are only counted. [exchange §4]
pub const STORY_STEPS: usize = 200;

/// Which side of the call a party came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The party that called.
    Calling,
    /// A party that was called.
    Called,
}

/// One device's, or the outside party's, share in a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its number.
    pub id: PartId,
    /// The device; `None` for an outside party.
    pub device: Option<DeviceName>,
    /// Who it belongs to: logged in by mobility, else the owner, when the part began.
    pub user: Option<UserId>,
    /// The audio path that carries it now.
    pub leg: Option<LegId>,
    /// Its own state.
    pub terminal: TerminalState,
    /// Hearing the tone of a call that ended unanswered.
    pub failed: bool,
    /// How its share ended.
    pub cause: Option<Cause>,
    /// When it came into being.
    pub started: Wall,
    /// When it last changed.
    pub since: Wall,
    /// What was last told about it.
    pub told: Option<Told>,
}

/// What listeners know of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Its state.
    pub state: PartState,
    /// The other parties' numbers, in order of joining.
    pub others: Vec<DirectoryNumber>,
    /// When it was told.
    pub at: Wall,
}

/// A party: call × directory number, or an outside number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The party's address.
    pub number: DirectoryNumber,
    /// Outside the directory?
    pub outside: bool,
    /// Which side it came from.
    pub role: Role,
    /// Its progress.
    pub state: ConnectionState,
    /// How it ended.
    pub cause: Option<Cause>,
    /// When it last changed.
    pub since: Wall,
    /// Do the others know of it already? A blind transfer's target joins when it alerts.
    pub joined: bool,
    /// Where in the order of joining it stands.
    pub joined_at: u32,
    /// Its parts: one for each device that rang or took part.
    pub parts: Vec<Part>,
    /// The legs that still try to reach it.
    pub reaching: Vec<LegId>,
}

/// One conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Orders calls by birth.
    pub key: CallKey,
    /// Its name to the world.
    pub id: CallId,
    /// Who asked for it and through which interface.
    pub origin: Origin,
    /// The number as typed.
    pub dialled: String,
    /// Its parties, in the order they came.
    pub connections: Vec<Connection>,
    /// What its legs are joined into, once somebody answered.
    pub mix: Option<MixId>,
    /// Did anybody answer?
    pub answered: bool,
    /// How it ended, once it has.
    pub ended: Option<Ending>,
    /// The call this one consults about.
    pub consultation_of: Option<CallId>,
    /// Whose part it is that made a conference of it.
    pub conference: Option<PartId>,
    /// What happened, oldest first.
    pub story: Vec<StoryStep>,
    /// Steps that no longer fitted.
    pub story_dropped: u32,
    /// When it was made.
    pub created: Wall,
    /// The next place in the order of joining.
    pub next_join: u32,
    /// What is being carried out that is about this call.
    pub operations: Vec<u64>,
    /// A blind transfer whose target is being reached: the operation and the target's connection.
    pub transfer: Option<(u64, usize)>,
    /// After a blind transfer: the target's connection and the device that may be rung back.
    pub transferred_by: Option<(usize, DeviceName)>,
}

/// How and when a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Why.
    pub cause: Cause,
    /// When.
    pub at: Wall,
    /// The call its parties went on in.
    pub merged_into: Option<CallId>,
}

/// A part's place in its call: connection, then part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Index of the connection.
    pub connection: usize,
    /// Index of the part in it.
    pub part: usize,
}

impl Call {
    /// Finds a part by its number.
    pub fn place(&self, id: PartId) -> Option<Place> {
        self.connections
            .iter()
            .enumerate()
            .find_map(|(connection, c)| {
                c.parts
                    .iter()
                    .position(|p| p.id == id)
                    .map(|part| Place { connection, part })
            })
    }

    /// Finds the live part of a device; the newest, if the device is in the call more than once.
    pub fn place_of_device(&self, device: &DeviceName) -> Option<Place> {
        self.places()
            .filter(|&place| {
                let part = self.part(place);
                let is_it = |d: &DeviceName| same_name(d.as_str(), device.as_str());
                part.device.as_ref().is_some_and(is_it) && self.part_state(place).is_live()
            })
            .last()
    }

    /// All parts, in order of the connections.
    pub fn places(&self) -> impl Iterator<Item = Place> + '_ {
        self.connections
            .iter()
            .enumerate()
            .flat_map(|(connection, c)| {
                (0..c.parts.len()).map(move |part| Place { connection, part })
            })
    }

    /// The part at a place.
    pub fn part(&self, place: Place) -> &Part {
        &self.connections[place.connection].parts[place.part]
    }

    /// The part at a place, to change it.
    pub fn part_mut(&mut self, place: Place) -> &mut Part {
        &mut self.connections[place.connection].parts[place.part]
    }

    /// What a part sees. [exchange §3]
    pub fn part_state(&self, place: Place) -> PartState {
        let connection = &self.connections[place.connection];
        let part = &connection.parts[place.part];
        if part.failed {
            return PartState::Failed;
        }
        match part.terminal {
            TerminalState::Talking => PartState::Active,
            TerminalState::Held => PartState::Held,
            TerminalState::Ringing => PartState::Alerting,
            TerminalState::InUse | TerminalState::Dropped => PartState::Dropped,
            TerminalState::Idle => match connection.state {
                ConnectionState::Initiated => PartState::Initiating,
                ConnectionState::Dialing
                | ConnectionState::InProgress
                | ConnectionState::NetworkReached
                | ConnectionState::Established => PartState::Initiated,
                ConnectionState::Alerting => PartState::Alerting,
                ConnectionState::Failed | ConnectionState::Disconnected => PartState::Dropped,
            },
        }
    }

    /// The other parties' numbers as a part sees them: those in the call, in order of joining. An ended part keeps what it
    /// saw before.
    pub fn others(&self, place: Place) -> Vec<&DirectoryNumber> {
        let part = self.part(place);
        if (!self.part_state(place).is_live() || self.ended.is_some())
            && let Some(told) = &part.told
        {
            return told.others.iter().collect();
        }
        let mut others: Vec<&Connection> = self
            .connections
            .iter()
            .enumerate()
            .filter(|(index, c)| *index != place.connection && c.joined && c.state.is_live())
            .map(|(_, c)| c)
            .collect();
        others.sort_by_key(|c| c.joined_at);
        others.into_iter().map(|c| &c.number).collect()
    }

    /// A part as listeners are told of it.
    pub fn view(&self, place: Place, seen: Told, since: Wall) -> PartView {
        let connection = &self.connections[place.connection];
        let part = self.part(place);
        PartView {
            call: self.id.clone(),
            part: part.id,
            number: connection.number.clone(),
            device: part.device.clone(),
            user: part.user.clone(),
            state: seen.state,
            others: seen.others,
            since,
            changed: seen.at,
            started: part.started,
            inbound: connection.role == Role::Called,
            cause: part.cause,
            consultation_of: self.consultation_of.clone(),
            conference: self.conference == Some(part.id),
        }
    }

    /// The parties still in the call.
    pub fn live_parties(&self) -> impl Iterator<Item = usize> + '_ {
        self.connections
            .iter()
            .enumerate()
            .filter(|(_, c)| c.state.is_live())
            .map(|(index, _)| index)
    }

    /// The live parties that the others know of: not the target of a blind transfer before it rings.
    pub fn joined_parties(&self) -> impl Iterator<Item = usize> + '_ {
        let target = self.transfer.map(|(_, target)| target);
        self.live_parties().filter(move |&i| Some(i) != target)
    }

    /// Is somebody in the conversation, other than this party? Nobody rings, and nothing is passed on, for nobody.
    pub fn has_established(&self, except: Option<usize>) -> bool {
        let mut parties = self.connections.iter().enumerate();
        parties.any(|(i, c)| Some(i) != except && c.state == ConnectionState::Established)
    }

    /// The call as a whole. [exchange §3]
    pub fn state(&self) -> CallState {
        if self.ended.is_some() {
            return CallState::Ended;
        }
        if !self.answered {
            let alerting = self
                .connections
                .iter()
                .any(|c| c.state == ConnectionState::Alerting);
            return if alerting {
                CallState::Alerting
            } else {
                CallState::Initiated
            };
        }
        let talking = |state| {
            self.places()
                .filter(|&p| self.part(p).terminal == state)
                .count()
        };
        let (active, held) = (
            talking(TerminalState::Talking),
            talking(TerminalState::Held),
        );
        if held > 0 && active <= 1 {
            CallState::Held
        } else {
            CallState::Connected
        }
    }

    /// Is anything left that the exchange must carry: the call itself, or a part that hears a tone?
    pub fn is_over(&self) -> bool {
        self.ended.is_some() && !self.places().any(|place| self.part_state(place).is_live())
    }

    /// Adds a step to the story, or counts it when the story is full.
    pub fn tell(
        &mut self,
        at: Wall,
        what: StoryWhat,
        who: Option<&DirectoryNumber>,
        cause: Option<Cause>,
    ) {
        if self.story.len() < STORY_STEPS {
            self.story.push(StoryStep {
                at,
                what,
                who: who.map(|n| n.digits.clone()),
                cause: cause.map(|c| c.class),
            });
        } else {
            self.story_dropped = self.story_dropped.saturating_add(1);
        }
    }

    /// Gives a connection its place in the order of joining.
    pub fn join(&mut self, connection: usize) {
        if !self.connections[connection].joined {
            self.connections[connection].joined = true;
            self.connections[connection].joined_at = self.next_join;
            self.next_join += 1;
        }
    }

    /// The whole call as data, for answers and for the store.
    pub fn record(&self) -> CallRecord {
        let mut connections = Vec::with_capacity(self.connections.len());
        for (index, connection) in self.connections.iter().enumerate() {
            if connection.parts.is_empty() {
                connections.push(ConnectionRecord {
                    number: connection.number.clone(),
                    device: None,
                    user: None,
                    part: None,
                    state: match connection.state {
                        ConnectionState::Failed => PartState::Failed,
                        ConnectionState::Disconnected => PartState::Dropped,
                        _ => PartState::Initiating,
                    },
                    since: connection.since,
                    calling: connection.role == Role::Calling,
                });
            }
            for (part_index, part) in connection.parts.iter().enumerate() {
                connections.push(ConnectionRecord {
                    number: connection.number.clone(),
                    device: part.device.clone(),
                    user: part.user.clone(),
                    part: Some(part.id),
                    state: self.part_state(Place {
                        connection: index,
                        part: part_index,
                    }),
                    since: part.since,
                    calling: connection.role == Role::Calling,
                });
            }
        }
        CallRecord {
            key: self.key,
            id: self.id.clone(),
            state: self.state(),
            cause: self.ended.as_ref().map(|e| e.cause),
            origin: self.origin.clone(),
            dialled: self.dialled.clone(),
            connections,
            consultation_of: self.consultation_of.clone(),
            merged_into: self.ended.as_ref().and_then(|e| e.merged_into.clone()),
            story: self.story.clone(),
            story_dropped: self.story_dropped,
            created: self.created,
            ended: self.ended.as_ref().map(|e| e.at),
        }
    }
}
