//! Where CTI's words and the exchange's meet: parts become legs, commands become actions, refusals become codes. [cti §5, §6]

use super::INTERFACE;
use cordboard_core::call::{Class, PartState, PartView};
use cordboard_core::directory::{Account, Directory, same_name};
use cordboard_core::exchange::{
    Action, Actor, Command, DeviceView, Ends, Event, EventKind, LineView, LineWish, Query, Reply,
    Whose,
};
use cordboard_core::ids::{Digits, UserId};
use cordboard_core::refusal::Refusal;
use cordboard_wire::cti::{
    Address, AgentId, ConnectionId, Dialled, DialogState, ErrorCode, NetworkState, PersonName,
    TerminalState, Tones, Verb,
};

pub use cordboard_core::call::CallRecord;
pub use cordboard_core::ids::{CallId, DeviceName, DirectoryNumber, Ticket};
pub use cordboard_core::now::Instant;

/// The right by which an application may watch any line.
const ANY_DEVICE: &str = "CTI for any device";

/// A line on a phone: what an agent's legs have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The line.
    pub line: DirectoryNumber,
    /// The phone.
    pub device: DeviceName,
}

/// One party's share in a call, in CTI's words. [cti §5.1]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leg {
    /// Its number.
    pub id: ConnectionId,
    /// Whose it is.
    pub place: Place,
    /// What it is doing.
    pub state: DialogState,
    /// The other parties, in the order in which they joined.
    pub others: Vec<DirectoryNumber>,
    /// When its state or the others last changed, in milliseconds since 1970.
    pub changed_ms: i64,
    /// When it came into being.
    pub started_ms: i64,
    /// Was the party called?
    pub inbound: bool,
    /// Why it ended.
    pub cause: Option<&'static str>,
    /// The call it is part of.
    pub call: CallId,
    /// The call that is consulted about by it.
    pub consultation_of: Option<CallId>,
    /// Did this party make a conference of the call?
    pub conference: bool,
}

impl Leg {
    /// A part as CTI sees it; `None` for those outside, which nobody watches.
    pub fn of(part: &PartView, node: u8) -> Option<Self> {
        let place = Place {
            line: part.number.clone(),
            device: part.device.clone()?,
        };
        Some(Self {
            id: ConnectionId::of_participant(node, part.part.0)?,
            place,
            state: state(part.state),
            others: part.others.clone(),
            changed_ms: part.changed.0,
            started_ms: part.started.0,
            inbound: part.inbound,
            cause: part.cause.map(|cause| cause.class.as_str()),
            call: part.call.clone(),
            consultation_of: part.consultation_of.clone(),
            conference: part.conference,
        })
    }

    /// Is it not over?
    pub fn is_live(&self) -> bool {
        self.state != DialogState::Dropped
    }

    /// The same, over; that was not told when it happened.
    pub fn ended(self, at_ms: i64) -> Self {
        Self {
            state: DialogState::Dropped,
            changed_ms: at_ms,
            ..self
        }
    }

    /// The other parties as they are told.
    pub fn addresses(&self) -> Vec<Address> {
        self.others.iter().map(address).collect()
    }

    /// The party of that number, as the exchange names it.
    pub fn other(&self, number: &Dialled) -> Option<&DirectoryNumber> {
        let mut others = self.others.iter();
        others.find(|other| other.digits.as_str() == number.as_str())
    }

    fn whose(&self) -> Whose {
        Whose {
            call: self.call.clone(),
            device: self.place.device.clone(),
        }
    }
}

/// The legs of calls that a restart has ended, over since `at_ms`. The stored call knows them all.
pub fn lost(calls: &[CallRecord], node: u8, at_ms: i64) -> Vec<Leg> {
    let mut legs = Vec::new();
    for call in calls {
        for own in call.connections.iter().filter(|own| own.state.is_live()) {
            let id = own
                .part
                .and_then(|part| ConnectionId::of_participant(node, part.0));
            let (Some(id), Some(device)) = (id, own.device.clone()) else {
                continue;
            };
            let mut others: Vec<DirectoryNumber> = Vec::new();
            for other in call
                .connections
                .iter()
                .filter(|other| other.state.is_live())
            {
                if other.number != own.number && !others.contains(&other.number) {
                    others.push(other.number.clone());
                }
            }
            legs.push(Leg {
                id,
                place: Place {
                    line: own.number.clone(),
                    device,
                },
                state: DialogState::Dropped,
                others,
                changed_ms: at_ms,
                started_ms: own.since.0,
                inbound: !own.calling,
                cause: Some(Class::Network.as_str()),
                call: call.id.clone(),
                consultation_of: call.consultation_of.clone(),
                conference: false,
            });
        }
    }
    legs
}

/// A number as it is told.
pub fn address(number: &DirectoryNumber) -> Address {
    Address::new(number.digits.as_str())
}

/// A part's state in CTI's words. [exchange §3]
pub fn state(state: PartState) -> DialogState {
    match state {
        PartState::Initiating => DialogState::Initiating,
        PartState::Initiated => DialogState::Initiated,
        PartState::Alerting => DialogState::Alerting,
        PartState::Active => DialogState::Active,
        PartState::Held => DialogState::Held,
        PartState::Failed => DialogState::Failed,
        PartState::Dropped => DialogState::Dropped,
    }
}

/// What the exchange tells.
#[derive(Clone, Debug)]
pub struct Told {
    /// The command it executes.
    pub ticket: Option<Ticket>,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// Is a step over with it?
    pub ends_step: bool,
    /// Is everything over with it that one input brought about?
    pub ends_input: bool,
    /// What.
    pub what: Happening,
}

/// What happened, as far as CTI cares.
#[derive(Clone, Debug)]
pub enum Happening {
    /// A leg came, went or changed.
    Leg(Leg),
    /// A phone registered or went.
    Terminal(DeviceName, TerminalState),
    /// The network came or went.
    Network(NetworkState),
    /// Lines moved to or from this phone.
    Moved(DeviceName, Vec<DirectoryNumber>),
    /// The directory was edited.
    Directory,
    /// The lab was reset.
    Reset,
    /// Nothing of ours.
    Other,
}

/// An event in CTI's words.
pub fn told(event: &Event, node: u8, directory: &Directory) -> Told {
    let what = match &event.kind {
        EventKind::Part(part) => Leg::of(part, node).map_or(Happening::Other, Happening::Leg),
        EventKind::DeviceUp(device) => {
            Happening::Terminal(device.clone(), TerminalState::InService)
        }
        EventKind::DeviceDown(device) => {
            Happening::Terminal(device.clone(), TerminalState::OutOfService)
        }
        EventKind::NetworkUp => Happening::Network(NetworkState::InService),
        EventKind::NetworkDown => Happening::Network(NetworkState::OutOfService),
        EventKind::MobilityLogin(login) => moved(directory, &login.device, login.profile.as_str()),
        EventKind::MobilityLogout(ended) => {
            moved(directory, &ended.login.device, ended.login.profile.as_str())
        }
        EventKind::DirectoryChanged => Happening::Directory,
        EventKind::Reset => Happening::Reset,
        EventKind::CallCreated { .. }
        | EventKind::CallEnded { .. }
        | EventKind::MobilityTakeover(_) => Happening::Other,
    };
    Told {
        ticket: event.ticket,
        at_ms: event.at.0,
        ends_step: event.ends != Ends::Nothing,
        ends_input: event.ends == Ends::Input,
        what,
    }
}

fn moved(directory: &Directory, device: &DeviceName, profile: &str) -> Happening {
    let own = directory.device(device.as_str()).map(|device| device.lines);
    let carried = directory.profile(profile).map(|profile| profile.lines);
    let lines = own.into_iter().chain(carried).flatten().collect();
    Happening::Moved(device.clone(), lines)
}

/// A phone that a line can be watched at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terminal {
    /// The phone.
    pub device: DeviceName,
    /// Is it registered?
    pub state: TerminalState,
    /// Who sits there, or owns it.
    pub user: Option<String>,
}

impl Terminal {
    fn of(view: &DeviceView) -> Self {
        Self {
            device: view.name.clone(),
            state: match view.registered {
                true => TerminalState::InService,
                false => TerminalState::OutOfService,
            },
            user: view.user.as_ref().map(ToString::to_string),
        }
    }
}

/// A line and where it can be watched, the best phone first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The line.
    pub number: DirectoryNumber,
    /// Its phones.
    pub terminals: Vec<Terminal>,
}

impl Line {
    fn of(view: &LineView) -> Self {
        Self {
            number: view.number.clone(),
            terminals: view.devices.iter().map(Terminal::of).collect(),
        }
    }
}

/// The question where agents' lines are.
pub fn find(agents: &[AgentId]) -> Command {
    let digits = agents.iter().map(|agent| Digits::from(agent.as_str()));
    read(Query::Lines(digits.collect()))
}

/// Its answer; as many as were asked for, `None` where there is no such line. Without an answer nothing is known of any.
pub fn found(reply: Option<Reply>) -> Option<Vec<Option<Line>>> {
    let Some(Reply::Lines(lines)) = reply else {
        return None;
    };
    let each = lines.iter();
    Some(each.map(|line| line.as_ref().map(Line::of)).collect())
}

/// The question what is live.
pub fn survey() -> Query {
    Query::Parts
}

/// Its answer.
pub fn surveyed(reply: Option<Reply>, node: u8) -> Option<(Vec<Leg>, NetworkState)> {
    let Some(Reply::Parts(parts, up)) = reply else {
        return None;
    };
    let legs = parts.iter().filter_map(|part| Leg::of(part, node));
    let network = match up {
        true => NetworkState::InService,
        false => NetworkState::OutOfService,
    };
    Some((legs.collect(), network))
}

fn read(query: Query) -> Command {
    Command {
        actor: Actor::Operator,
        interface: INTERFACE,
        action: Action::Snapshot(query),
    }
}

/// What is asked of the exchange for a command that passed CTI's own checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// MakeCall.
    MakeCall(Place, Dialled),
    /// AnswerCall.
    Answer(Leg),
    /// ReleaseCall, of a ringing leg too.
    Release(Leg),
    /// HoldCall.
    Hold(Leg),
    /// RetrieveCall.
    Retrieve(Leg),
    /// Transfer_sst.
    BlindTransfer(Leg, Dialled),
    /// ConsultCall.
    Consult(Leg, Dialled),
    /// TransferCall, by the leg of the call that is given away.
    Transfer(Leg),
    /// Conferencecall, likewise.
    Conference(Leg),
    /// SendDTMF.
    Digits(Leg, Tones),
    /// DropParticipant.
    Drop(Leg, DirectoryNumber),
}

/// A deed as the exchange takes it, for whoever sits at the phone.
pub fn command(deed: &Deed, user: Option<&str>) -> Command {
    let action = match deed {
        Deed::MakeCall(place, number) => Action::MakeCall {
            user: user.map(UserId::from),
            device: place.device.clone(),
            line: LineWish::Named {
                digits: place.line.digits.clone(),
                partition: place.line.partition.clone(),
                or_first: false,
            },
            to: number.as_str().to_owned(),
        },
        Deed::Answer(leg) => Action::Answer(leg.whose()),
        Deed::Release(leg) => Action::Release(leg.whose()),
        Deed::Hold(leg) => Action::Hold(leg.whose()),
        Deed::Retrieve(leg) => Action::Retrieve(leg.whose()),
        Deed::BlindTransfer(leg, to) => Action::BlindTransfer(leg.whose(), to.as_str().to_owned()),
        Deed::Consult(leg, to) => Action::Consult(leg.whose(), to.as_str().to_owned()),
        Deed::Transfer(leg) => Action::CompleteTransfer(leg.whose()),
        Deed::Conference(leg) => Action::CompleteConference(leg.whose()),
        Deed::Digits(leg, tones) => Action::SendDigits(leg.whose(), tones.as_str().to_owned()),
        Deed::Drop(leg, number) => Action::DropParticipant(leg.call.clone(), number.clone()),
    };
    Command {
        actor: Actor::Operator,
        interface: INTERFACE,
        action,
    }
}

/// What came of a deed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done; its events were told.
    Done,
    /// There is no network.
    NoNetwork,
    /// It was refused.
    Refused(ErrorCode),
}

/// The exchange's answer to a command.
pub fn outcome(verb: Verb, answer: &Result<Reply, Refusal>) -> Outcome {
    match answer {
        Ok(_) => Outcome::Done,
        Err(Refusal::NetworkDown) => Outcome::NoNetwork,
        Err(refusal) => {
            let code = code(verb, refusal);
            // What a command may not be answered with is told without details.
            Outcome::Refused(match code.may_answer(verb) {
                true => code,
                false => ErrorCode::PleaseRetry,
            })
        }
    }
}

/// The code of a refusal. [cti §6.2]
fn code(verb: Verb, refusal: &Refusal) -> ErrorCode {
    match refusal {
        Refusal::NoSuchUser => ErrorCode::UserNotFound,
        Refusal::NotAllowed | Refusal::NoProxyRight => ErrorCode::PrivilegeViolation,
        Refusal::WrongState(_)
        | Refusal::InProgress
        | Refusal::NoSuchCall
        | Refusal::TooManyCalls => ErrorCode::InvalidObjectState,
        Refusal::BadNumber => ErrorCode::InvalidParty,
        Refusal::Unreachable(cause) => match cause.class {
            Class::Unallocated if verb == Verb::BlindTransfer => ErrorCode::InvalidParty,
            Class::Normal
            | Class::Busy
            | Class::NoAnswer
            | Class::Rejected
            | Class::Unallocated
            | Class::OutOfService
            | Class::Network
            | Class::Cancelled
            | Class::Transferred
            | Class::Conferenced => ErrorCode::Unspecified,
        },
        Refusal::NoSuchDevice
        | Refusal::NoDeviceForUser
        | Refusal::LineNotOnDevice
        | Refusal::DeviceOutOfService
        | Refusal::NetworkDown => ErrorCode::Unspecified,
        Refusal::NetworkSilent
        | Refusal::Overloaded
        | Refusal::StoreUnavailable
        | Refusal::MobilityOff
        | Refusal::SeatTaken
        | Refusal::SeatFree
        | Refusal::NoSuchProfile
        | Refusal::SeatedElsewhere
        | Refusal::TimerUnavailable
        | Refusal::TakeoverOff
        | Refusal::TakeoverUnderWay
        | Refusal::NoTakeover => ErrorCode::PleaseRetry,
    }
}

/// Is there such a line?
pub fn has_line(directory: &Directory, agent: &AgentId) -> bool {
    directory.resolve(agent.as_str()).is_some()
}

/// An agent's names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    /// First name.
    pub first: PersonName,
    /// Last name.
    pub last: PersonName,
    /// Both.
    pub full: PersonName,
}

/// The person at a phone; without names where nobody is.
pub fn person(directory: &Directory, user: Option<&str>) -> Person {
    let Some(user) = user.and_then(|user| directory.end_user(user)) else {
        return Person::default();
    };
    let full = format!("{} {}", user.first_name, user.last_name);
    Person {
        first: PersonName::new(&user.first_name),
        last: PersonName::new(&user.last_name),
        full: PersonName::new(full.trim()),
    }
}

/// Is the line that user's: on a phone of his or where he sits, in a profile of his, his primary one? [cti §8]
pub fn owns(directory: &Directory, user: &str, line: &Line) -> bool {
    let Some(user) = directory.end_user(user) else {
        return false;
    };
    let sits = |terminal: &Terminal| {
        let there = terminal.user.as_deref();
        there.is_some_and(|there| same_name(there, user.id.as_str()))
    };
    let mut phones = directory.devices_of(&user).into_iter();
    let mut profiles = directory.profiles_of(&user).into_iter();
    user.primary_line.as_ref() == Some(&line.number)
        || line.terminals.iter().any(sits)
        || phones.any(|phone| phone.lines.contains(&line.number))
        || profiles.any(|profile| profile.lines.contains(&line.number))
}

/// May the broker's user watch that line: an application with the right to any, or with that phone on its list; a person his own?
/// [cti §8]
pub fn may_watch(directory: &Directory, user: &str, line: &Line) -> bool {
    match directory.account(&user.into()) {
        Some(account @ Account::App(_)) if account.has(ANY_DEVICE) => true,
        Some(Account::App(app)) => line.terminals.iter().any(|terminal| {
            let mut listed = app.devices.iter();
            listed.any(|device| same_name(device.as_str(), terminal.device.as_str()))
        }),
        Some(Account::End(person)) => owns(directory, person.id.as_str(), line),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cordboard_core::call::Cause;

    #[test]
    fn every_refusal_has_a_code_that_its_command_may_be_answered_with() {
        let unreachable = |class| Refusal::Unreachable(Cause::of(class));
        for (verb, refusal, code) in [
            (
                Verb::MakeCall,
                Refusal::DeviceOutOfService,
                ErrorCode::Unspecified,
            ),
            (
                Verb::MakeCall,
                Refusal::TooManyCalls,
                ErrorCode::InvalidObjectState,
            ),
            (Verb::MakeCall, Refusal::BadNumber, ErrorCode::InvalidParty),
            (
                Verb::MakeCall,
                Refusal::NetworkSilent,
                ErrorCode::PleaseRetry,
            ),
            (Verb::MakeCall, Refusal::NoSuchUser, ErrorCode::UserNotFound),
            (
                Verb::HoldCall,
                Refusal::NoSuchCall,
                ErrorCode::InvalidObjectState,
            ),
            (
                Verb::HoldCall,
                Refusal::InProgress,
                ErrorCode::InvalidObjectState,
            ),
            // Not one of this command's. [cti §6.3]
            (Verb::HoldCall, Refusal::BadNumber, ErrorCode::PleaseRetry),
            (
                Verb::HoldCall,
                Refusal::StoreUnavailable,
                ErrorCode::PleaseRetry,
            ),
            (
                Verb::BlindTransfer,
                unreachable(Class::Unallocated),
                ErrorCode::InvalidParty,
            ),
            (
                Verb::ConsultCall,
                unreachable(Class::Unallocated),
                ErrorCode::Unspecified,
            ),
            (
                Verb::BlindTransfer,
                unreachable(Class::Busy),
                ErrorCode::Unspecified,
            ),
        ] {
            let refused = outcome(verb, &Err(refusal.clone()));
            assert_eq!(refused, Outcome::Refused(code), "{verb:?} {refusal}");
        }
        let down = outcome(Verb::MakeCall, &Err(Refusal::NetworkDown));
        assert_eq!(down, Outcome::NoNetwork);
        assert_eq!(outcome(Verb::MakeCall, &Ok(Reply::Done)), Outcome::Done);
    }

    #[test]
    fn connection_ids_begin_anew_after_a_nodes_last() {
        let number = |part| ConnectionId::of_participant(1, part).map(ConnectionId::number);
        assert_eq!(number(1), Some(16_777_217));
        assert_eq!(number(ConnectionId::COUNT_MAX), Some((1 << 25) - 1));
        assert_eq!(number(ConnectionId::COUNT_MAX + 1), Some(16_777_217));
        assert_eq!(number(0), None);
    }
}
