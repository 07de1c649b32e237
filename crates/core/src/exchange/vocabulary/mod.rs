//! What goes into the exchange and what comes out: commands, driver reports, events, saves, answers.

mod mobility;
mod takeover;

pub use mobility::{
    EndedBy, EndedLogin, LoginLength, LoginPlan, LoginWish, MobilityLogin, Seat, Sweep,
};
pub use takeover::{Takeover, TakeoverChange, TakeoverEnd, TakeoverStage, TakeoverTimes};

use crate::call::{CallRecord, Cause, Class, PartView};
use crate::directory::Directory;
use crate::ids::{
    CallId, DeviceName, Digits, DirectoryNumber, LegId, MixId, Partition, Ticket, UserId,
};
use crate::now::Wall;
use crate::refusal::Refusal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// The only things that change the exchange.
#[derive(Clone, Debug)]
pub enum Input {
    /// Somebody wants something. Answered under the same ticket.
    Command(Ticket, Command),
    /// The driver reports what happened.
    Driver(DriverEvent),
    /// The directory was edited.
    Directory(Arc<Directory>),
    /// A fact from before the start.
    Restore(Saved),
    /// Time passed; fires what is due.
    Deadline,
    /// Everything saved so far is stored; it can no longer be undone.
    Stored,
    /// Take back everything since the last `Stored`, answers and events included; the caller hands the inputs in again,
    /// one by one.
    Undo,
    /// The step of this one input, the only one since the last `Stored`, could not be stored: take it back. Whoever waits for
    /// its answer hears [`Refusal::StoreUnavailable`]; a report of the network is a fact all the same and is kept, its save
    /// to be tried again.
    StoreFailed(Box<Self>),
    /// Back to an exchange without calls, with this directory (lab only). Event numbers go on.
    Reset(Arc<Directory>),
}

/// Who acts: decides what is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A user, end or application, by id; acts on own devices, on others' with the proxy right.
    User(UserId),
    /// Somebody who may do everything: the JSON API's operators, the lab.
    Operator,
    /// The phone itself, through the driver.
    Phone,
}

/// A wish, with who has it and where it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Who acts.
    pub actor: Actor,
    /// The interface's word, for origin, journal and audit.
    pub interface: &'static str,
    /// What is wanted.
    pub action: Action,
}

/// What can be asked for. [exchange §7]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Place a call from a device. Answers [`Reply::Call`] when the driver accepts, at the latest after
    /// [`super::Settings::driver_answer`]. Waits for its turn while the device is busy with an earlier request.
    MakeCall {
        /// The user it is for; `None`: nobody in particular.
        user: Option<UserId>,
        /// The device.
        device: DeviceName,
        /// The line on it.
        line: LineWish,
        /// The number as typed.
        to: String,
    },
    /// Answer a ringing part.
    Answer(Whose),
    /// Refuse a ringing part.
    Reject(Whose),
    /// Put an active part on hold.
    Hold(Whose),
    /// Take a held part back.
    Retrieve(Whose),
    /// End one party's share.
    Release(Whose),
    /// End the whole call.
    ReleaseCall(CallId),
    /// End the newest call that an interface placed for a user, hearing a tone included.
    ReleaseNewest {
        /// Whose call.
        user: UserId,
        /// From that device; `None`: from any.
        device: Option<DeviceName>,
        /// From that line, if there is one; otherwise any.
        line: Option<DirectoryNumber>,
    },
    /// Pass the call on without asking.
    BlindTransfer(Whose, String),
    /// Hold, and call somebody about it. Answers the new call.
    Consult(Whose, String),
    /// Connect the consulted party with the held one and leave. By either call's id.
    CompleteTransfer(Whose),
    /// Make one conversation of both. By either call's id.
    CompleteConference(Whose),
    /// End another party's share.
    DropParticipant(CallId, DirectoryNumber),
    /// Send digits into the call.
    SendDigits(Whose, String),
    /// Log a user in to a device by Extension Mobility.
    Login(LoginWish),
    /// Log out whoever sits at a device.
    Logout {
        /// The device.
        device: DeviceName,
        /// Only him: he acts for himself.
        only: Option<UserId>,
        /// Can timers be removed? The lab may say no.
        timers_work: bool,
    },
    /// Log everybody out.
    LogoutAll {
        /// Can timers be removed? The lab may say no.
        timers_work: bool,
    },
    /// Log out whoever a schedule says.
    Sweep(Sweep),
    /// Log a user in to a device in place of whoever sits there, who is told first.
    TakeOver(LoginWish),
    /// Call a takeover of a device off before the switch.
    CancelTakeover(DeviceName),
    /// Seat everybody again where he was before a takeover of a device.
    UndoTakeover(DeviceName),
    /// Read live state.
    Snapshot(Query),
}

/// Which of a device's lines a call is placed from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineWish {
    /// The first.
    First,
    /// The one with these digits, in this partition if one is named.
    Named {
        /// The digits.
        digits: Digits,
        /// The partition; `None`: any.
        partition: Option<Partition>,
        /// Take the first line when there is no such line.
        or_first: bool,
    },
}

/// A device's part in a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whose {
    /// The call.
    pub call: CallId,
    /// The device.
    pub device: DeviceName,
}

/// Live state that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// One live call.
    Call(CallId),
    /// All live calls, newest first.
    Calls,
    /// One device with the lines it carries now.
    Device(DeviceName),
    /// All devices.
    Devices,
    /// The devices a user may act with now: his own and the one he sits at.
    DevicesOf(UserId),
    /// What [`Action::MakeCall`] with the same fields would come to now. Nothing is placed.
    MakeCall {
        /// The user it is for, as himself.
        user: UserId,
        /// The device.
        device: DeviceName,
        /// The line on it.
        line: LineWish,
        /// The number as typed.
        to: String,
    },
    /// Counts for metrics.
    Counts,
    /// Everything that is live.
    State,
    /// Who sits at these devices, and who did before; as many answers.
    Seats(Vec<DeviceName>),
    /// Where these users sit, in the order in which they logged in; as many answers.
    SeatsOf(Vec<UserId>),
    /// All logins, by device.
    Logins,
    /// What a login would come to.
    Login(LoginWish),
    /// The takeovers that are under way or can be undone, by device.
    Takeovers,
    /// Every live part, as listeners know it, in the order in which they came into being.
    Parts,
    /// What these digits mean and which devices carry that line now; as many answers.
    Lines(Vec<Digits>),
}

/// A line of the directory and where it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineView {
    /// The line.
    pub number: DirectoryNumber,
    /// The devices that carry it now, in the order in which CTI would watch them: registered ones first, then those that
    /// belong to somebody, then as the directory has them. [exchange §7, rule 3]
    pub devices: Vec<DeviceView>,
}

/// A call that would be placed: who would call whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallPlan {
    /// The calling device.
    pub device: DeviceName,
    /// The line of it that calls.
    pub line: DirectoryNumber,
    /// The number that goes to the network.
    pub to: DirectoryNumber,
    /// Is that a number of nobody in the directory?
    pub outside: bool,
    /// The registered devices that carry the number now.
    pub carriers: Vec<DeviceView>,
}

/// A device as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceView {
    /// Its name as configured.
    pub name: DeviceName,
    /// Is it registered?
    pub registered: bool,
    /// The lines it carries now.
    pub lines: Vec<DirectoryNumber>,
    /// Who sits there by mobility, else its owner.
    pub user: Option<UserId>,
    /// Does somebody sit there by mobility?
    pub logged_in: bool,
}

/// Counts for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Live calls, those that only play a tone included.
    pub calls: usize,
    /// Legs the driver holds for us.
    pub legs: usize,
    /// Features being carried out.
    pub operations: usize,
    /// Driver reports about what was given up, since the start.
    pub stray_reports: u64,
    /// Is the network up?
    pub network_up: bool,
}

/// A yes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Done; nothing to show.
    Done,
    /// The call as it is now.
    Call(Box<CallRecord>),
    /// Calls.
    Calls(Vec<CallRecord>),
    /// Devices.
    Devices(Vec<DeviceView>),
    /// A call that would be placed.
    Plan(Box<CallPlan>),
    /// Counts.
    Counts(Counts),
    /// Everything that is live.
    State(Box<StateView>),
    /// Who sits where.
    Seats(Vec<Seat>),
    /// Where users sit.
    SeatsOf(Vec<Vec<DeviceName>>),
    /// Logins; of a login the new one.
    Logins(Vec<MobilityLogin>),
    /// A login that would be done.
    LoginPlan(Box<LoginPlan>),
    /// Takeovers; of one that was asked for that one.
    Takeovers(Vec<Takeover>),
    /// Live parts, and whether there is a network.
    Parts(Vec<PartView>, bool),
    /// Lines; `None` where digits are no line of the directory.
    Lines(Vec<Option<LineView>>),
}

/// What was asked for, where a question has one kind of answer; `None` never comes of the exchange.
impl Reply {
    /// A call.
    pub fn call(self) -> Option<CallRecord> {
        match self {
            Self::Call(call) => Some(*call),
            _ => None,
        }
    }

    /// Devices.
    pub fn devices(self) -> Option<Vec<DeviceView>> {
        match self {
            Self::Devices(devices) => Some(devices),
            _ => None,
        }
    }

    /// A call that would be placed.
    pub fn plan(self) -> Option<CallPlan> {
        match self {
            Self::Plan(plan) => Some(*plan),
            _ => None,
        }
    }

    /// Logins.
    pub fn logins(self) -> Option<Vec<MobilityLogin>> {
        match self {
            Self::Logins(logins) => Some(logins),
            _ => None,
        }
    }

    /// Takeovers.
    pub fn takeovers(self) -> Option<Vec<Takeover>> {
        match self {
            Self::Takeovers(takeovers) => Some(takeovers),
            _ => None,
        }
    }
}

/// What comes out. Everything of one step is released together, after its saves are stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// For the driver.
    Driver(DriverCommand),
    /// For the listeners.
    Event(Event),
    /// Must be stored before anything that came with it is released.
    Save(Record),
    /// For whoever holds the ticket.
    Answer(Ticket, Result<Reply, Refusal>),
}

/// A fact that must survive a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A call as it is now; replaces what was stored of it.
    Call(Box<CallRecord>),
    /// The highest numbers given so far.
    Counters(Counters),
    /// Somebody logged in.
    Login(Box<MobilityLogin>),
    /// A login ended.
    Logout(Box<EndedLogin>),
    /// A takeover as it is now; replaces what was stored of one of that device.
    Takeover(Box<Takeover>),
    /// There is no takeover of the device any more.
    TakeoverOver(DeviceName),
}

/// What was numbered so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Calls, when this was stored; the store's newest call may have a higher number.
    pub calls: u64,
    /// Parts: none above it was given.
    pub parts: u32,
    /// Events: none above it was given.
    pub events: u64,
    /// Every call before this one is over; where a restart begins to look for calls to end.
    #[serde(default)]
    pub oldest_live: u64,
}

/// A fact from before the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saved {
    /// Numbers go on from here.
    Counters(Counters),
    /// Somebody sat at a device.
    Login(MobilityLogin),
    /// Somebody was the last who sat at a device.
    LastUser(DeviceName, UserId),
    /// A takeover was under way, or could be undone.
    Takeover(Takeover),
}

/// Everything that is live, as of one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateView {
    /// Live calls, newest first.
    pub calls: Vec<CallRecord>,
    /// Every device, in directory order.
    pub devices: Vec<DeviceView>,
    /// Is there a network?
    pub network_up: bool,
}

/// A change, numbered without gaps. [exchange §4]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its number.
    pub sequence: u64,
    /// When.
    pub at: Wall,
    /// The command it executes.
    pub ticket: Option<Ticket>,
    /// What is over with it.
    pub ends: Ends,
    /// What changed.
    pub kind: EventKind,
}

/// What is over with an event: whoever tells of whole steps waits for their end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ends {
    /// Others of the same step follow.
    #[default]
    Nothing,
    /// Its step; others of the same input may follow.
    Step,
    /// Everything that one input brought about.
    Input,
}

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A call was accepted.
    CallCreated {
        /// The call.
        call: CallId,
    },
    /// A part's state or its others changed.
    Part(Box<PartView>),
    /// A call ended.
    CallEnded {
        /// The call.
        call: CallId,
        /// Why.
        cause: Cause,
        /// Where its parties went on.
        merged_into: Option<CallId>,
    },
    /// A device registered.
    DeviceUp(DeviceName),
    /// A device went away.
    DeviceDown(DeviceName),
    /// The network is back.
    NetworkUp,
    /// The network is away.
    NetworkDown,
    /// Somebody logged in to a device.
    MobilityLogin(Box<MobilityLogin>),
    /// A login ended.
    MobilityLogout(Box<EndedLogin>),
    /// A takeover of a device began, went on or ended; whoever sits there is warned by it.
    MobilityTakeover(Box<TakeoverChange>),
    /// The directory was edited.
    DirectoryChanged,
    /// The lab was reset.
    Reset,
}

impl EventKind {
    /// The word listeners select by. [lab, Shapes]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::CallCreated { .. } => "call.created",
            Self::Part(_) => "call.part",
            Self::CallEnded { .. } => "call.ended",
            Self::DeviceUp(_) => "device.up",
            Self::DeviceDown(_) => "device.down",
            Self::NetworkUp => "network.up",
            Self::NetworkDown => "network.down",
            Self::MobilityLogin(_) => "mobility.login",
            Self::MobilityLogout(_) => "mobility.logout",
            Self::MobilityTakeover(_) => "mobility.takeover",
            Self::DirectoryChanged => "directory.changed",
            Self::Reset => "reset",
        }
    }
}

/// Where an offer goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A phone of the directory.
    Device(DeviceName),
    /// A number outside.
    Digits(Digits),
}

/// A tone for a caller who gets nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// The party is busy.
    Busy,
    /// The number or the network refused.
    Reorder,
    /// Silence again.
    Off,
}

/// What drivers are asked to do; one vocabulary for all of them. [exchange §5]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DriverCommand {
    /// Ring a device or reach digits.
    Offer {
        /// The leg's handle from now on.
        leg: LegId,
        /// What to reach.
        target: Target,
        /// What the other side is shown.
        shown: DirectoryNumber,
        /// The phone that places the call: it should go off-hook by itself.
        auto_answer: bool,
        /// How long to ring.
        timeout: Duration,
    },
    /// Make a ringing phone answer.
    Answer(LegId),
    /// Let it hear that the other side rings.
    Ringback(LegId),
    /// Let it hear a tone.
    Tone(LegId, Tone),
    /// Send digits into it.
    Digits(LegId, String),
    /// Put the leg into a conversation, out of any other.
    Join(MixId, LegId),
    /// Take the leg out of a conversation.
    Leave(MixId, LegId),
    /// Music while held by the other side.
    Music(LegId, bool),
    /// End the leg.
    Release {
        /// The leg.
        leg: LegId,
        /// The Q.850 number to give.
        q850: u8,
        /// Was the call answered at another device?
        elsewhere: bool,
    },
    /// Tell a phone how the transfer it asked for went.
    Report {
        /// The leg that asked.
        leg: LegId,
        /// Did it work?
        done: bool,
    },
}

/// Which command a refusal speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// An offer.
    Offer,
    /// An answer.
    Answer,
    /// A join.
    Join,
    /// A leave.
    Leave,
    /// Anything whose refusal changes nothing: tones, music, digits, reports, releases.
    Other,
}

/// What drivers report. [exchange §5]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DriverEvent {
    /// The offer was accepted.
    Offered(LegId),
    /// It rings.
    Alerting(LegId),
    /// It was answered, or the calling phone is off-hook.
    Answered(LegId),
    /// A command was refused, with the Q.850 number.
    Refused(LegId, Asked, u8),
    /// The leg is in the conversation.
    Joined(LegId),
    /// The leg is out of the conversation.
    Left(LegId),
    /// The leg is gone.
    Released(LegId, u8),
    /// A phone dialled by itself.
    Dialled {
        /// The leg's handle, from the range kept for drivers.
        leg: LegId,
        /// The phone.
        device: DeviceName,
        /// What it dialled.
        digits: String,
    },
    /// The phone put the call on hold by itself.
    HeldByPhone(LegId),
    /// The phone took the call back by itself.
    RetrievedByPhone(LegId),
    /// The phone asks to pass its call on.
    TransferAsked {
        /// The leg that asks.
        leg: LegId,
        /// To a number, or to the call on another leg.
        to: TransferTo,
    },
    /// A device registered.
    DeviceUp(DeviceName),
    /// A device went away.
    DeviceDown(DeviceName),
    /// The network is away.
    NetworkDown,
    /// The network is there.
    NetworkUp {
        /// The legs that are still there.
        legs: BTreeSet<LegId>,
        /// Which devices are registered.
        devices: Registered,
    },
}

/// Where a phone wants its call to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransferTo {
    /// To a number.
    Digits(String),
    /// To the party on this other leg of the same phone.
    Leg(LegId),
}

/// Which devices are registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registered {
    /// All but these.
    AllBut(BTreeSet<DeviceName>),
    /// Only these.
    Only(BTreeSet<DeviceName>),
}

/// The first leg handle that drivers give for calls that phones begin; ours are below.
pub const FIRST_DRIVER_LEG: u64 = 1 << 62;

impl From<Class> for Tone {
    /// The tone a caller hears when a call ends so.
    fn from(class: Class) -> Self {
        if class == Class::Busy {
            Self::Busy
        } else {
            Self::Reorder
        }
    }
}
