//! What a client asks. [cti §3.4]

use super::arguments::{self, Arguments};
use super::{AgentId, ClientDestination, ConnectionId, Dialled, Format, Names, Tones};
use crate::Secret;

/// A reason code has at most so many characters.
pub const REASON_MAX: usize = 32;

/// A command's name. [cti §3.2, §3.4]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// `Hello`.
    Hello,
    /// `Beat`.
    Beat,
    /// `Connect`.
    Connect,
    /// `Login`.
    Login,
    /// `Logout`.
    Logout,
    /// `GetState`.
    GetState,
    /// `GetDialogState`.
    GetDialogState,
    /// `MakeCall`.
    MakeCall,
    /// `AnswerCall`.
    AnswerCall,
    /// `ReleaseCall`.
    ReleaseCall,
    /// `HoldCall`.
    HoldCall,
    /// `RetrieveCall`.
    RetrieveCall,
    /// `Transfer_sst`, or `BlindTransfer`.
    BlindTransfer,
    /// `ConsultCall`.
    ConsultCall,
    /// `TransferCall`.
    TransferCall,
    /// `Conferencecall`.
    ConferenceCall,
    /// `SendDTMF`.
    SendDtmf,
    /// `DropParticipant`.
    DropParticipant,
    /// `MakeReady`.
    MakeReady,
    /// `MakeNotReady`.
    MakeNotReady,
    /// `MakeNotReadyWithReason`.
    MakeNotReadyWithReason,
}

impl Verb {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::Hello,
        Self::Beat,
        Self::Connect,
        Self::Login,
        Self::Logout,
        Self::GetState,
        Self::GetDialogState,
        Self::MakeCall,
        Self::AnswerCall,
        Self::ReleaseCall,
        Self::HoldCall,
        Self::RetrieveCall,
        Self::BlindTransfer,
        Self::ConsultCall,
        Self::TransferCall,
        Self::ConferenceCall,
        Self::SendDtmf,
        Self::DropParticipant,
        Self::MakeReady,
        Self::MakeNotReady,
        Self::MakeNotReadyWithReason,
    ];

    /// Names of the older sister product that need a contact centre: known, and refused like unknown ones. [cti §3.4]
    pub const UNSUPPORTED: [&'static str; 17] = [
        "MobileAgentLogin",
        "reasoncodenotready",
        "reasoncodelogout",
        "wrapupreasoncode",
        "force_logout",
        "MakeWorkReady",
        "MakeWorkNotReady",
        "silentmonitor",
        "endsilentmonitor",
        "bargein",
        "getteamusers",
        "GetPhonebooks",
        "GetTeamPhonebooks",
        "GetPhonebookContacts",
        "getqueuelist",
        "RejectOutboundPreview",
        "CloseOutboundPreview",
    ];

    /// The name on the wire, in the vendor's letter case.
    pub fn word(self) -> &'static str {
        match self {
            Self::Hello => "Hello",
            Self::Beat => "Beat",
            Self::Connect => "Connect",
            Self::Login => "Login",
            Self::Logout => "Logout",
            Self::GetState => "GetState",
            Self::GetDialogState => "GetDialogState",
            Self::MakeCall => "MakeCall",
            Self::AnswerCall => "AnswerCall",
            Self::ReleaseCall => "ReleaseCall",
            Self::HoldCall => "HoldCall",
            Self::RetrieveCall => "RetrieveCall",
            Self::BlindTransfer => "Transfer_sst",
            Self::ConsultCall => "ConsultCall",
            Self::TransferCall => "TransferCall",
            Self::ConferenceCall => "Conferencecall",
            Self::SendDtmf => "SendDTMF",
            Self::DropParticipant => "DropParticipant",
            Self::MakeReady => "MakeReady",
            Self::MakeNotReady => "MakeNotReady",
            Self::MakeNotReadyWithReason => "MakeNotReadyWithReason",
        }
    }

    /// The command of a name or alias, in any letter case.
    pub fn of(word: &str) -> Option<Self> {
        if word.eq_ignore_ascii_case("BlindTransfer") {
            return Some(Self::BlindTransfer);
        }
        let mut all = Self::ALL.into_iter();
        all.find(|verb| verb.word().eq_ignore_ascii_case(word))
    }

    /// Is what stands after the `#` a topic? Otherwise it is an agent.
    pub fn is_for_destination(self) -> bool {
        matches!(self, Self::Hello | Self::Beat)
    }

    /// May it be carried out again when a message comes a second time after a restart? [cti §2.2]
    pub fn is_repeatable(self) -> bool {
        matches!(
            self,
            Self::Hello | Self::Beat | Self::GetState | Self::GetDialogState
        )
    }

    /// Is it answered with the network's state while the network is out of service? [cti §3.7]
    pub fn needs_network(self) -> bool {
        !matches!(
            self,
            Self::Hello | Self::Beat | Self::Connect | Self::Logout
        )
    }
}

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Is the connector there, and the network? The first thing a client says.
    Hello {
        /// Where the answer goes.
        destination: ClientDestination,
        /// How it is written from now on.
        format: Option<Format>,
    },
    /// The same, while logged in.
    Beat {
        /// Where the answer goes.
        destination: ClientDestination,
    },
    /// Remembers a topic for an agent. Nothing is answered.
    Connect {
        /// The agent.
        agent: AgentId,
        /// His topic.
        destination: ClientDestination,
        /// The sister product's password.
        password: Option<Secret>,
        /// What it has for single sign-on.
        single_sign_on: Option<Secret>,
    },
    /// Watch this agent's phone, and let its events come.
    Login(Login),
    /// Watch it no longer.
    Logout {
        /// The agent.
        agent: AgentId,
    },
    /// Tell everything about him once more.
    GetState {
        /// The agent.
        agent: AgentId,
    },
    /// Tell about one leg.
    GetDialogState {
        /// The agent.
        agent: AgentId,
        /// His leg.
        connection: ConnectionId,
    },
    /// Call a number.
    MakeCall {
        /// Who calls.
        agent: AgentId,
        /// What is dialled.
        number: Dialled,
    },
    /// Answer a ringing leg.
    AnswerCall {
        /// The agent.
        agent: AgentId,
        /// His leg.
        connection: ConnectionId,
    },
    /// Hang up, reject or give up.
    ReleaseCall {
        /// The agent.
        agent: AgentId,
        /// His leg.
        connection: ConnectionId,
    },
    /// Put on hold.
    HoldCall {
        /// The agent.
        agent: AgentId,
        /// His leg.
        connection: ConnectionId,
    },
    /// Take back from hold.
    RetrieveCall {
        /// The agent.
        agent: AgentId,
        /// His leg.
        connection: ConnectionId,
    },
    /// Send the other party to a number, without asking there first.
    BlindTransfer {
        /// The agent.
        agent: AgentId,
        /// Where to.
        number: Dialled,
        /// His leg.
        connection: ConnectionId,
    },
    /// Hold the call and ask somebody else.
    ConsultCall {
        /// The agent.
        agent: AgentId,
        /// Who is asked.
        number: Dialled,
        /// His leg of the call.
        connection: ConnectionId,
    },
    /// Give the call to who was asked.
    TransferCall {
        /// The agent.
        agent: AgentId,
        /// Who was asked, if it is said.
        number: Option<Dialled>,
        /// His leg of the call, or of the consultation.
        connection: ConnectionId,
    },
    /// Make one conversation of the call and the consultation.
    ConferenceCall {
        /// The agent.
        agent: AgentId,
        /// Who was asked, if it is said.
        number: Option<Dialled>,
        /// His leg of the call, or of the consultation.
        connection: ConnectionId,
    },
    /// Send tones.
    SendDtmf {
        /// The agent.
        agent: AgentId,
        /// The tones.
        tones: Tones,
        /// His leg.
        connection: ConnectionId,
    },
    /// Put one party out of a conference.
    DropParticipant {
        /// The agent.
        agent: AgentId,
        /// Who is put out.
        number: Dialled,
        /// His leg.
        connection: ConnectionId,
    },
    /// He takes calls.
    MakeReady {
        /// The agent.
        agent: AgentId,
    },
    /// He takes none.
    MakeNotReady {
        /// The agent.
        agent: AgentId,
    },
    /// He takes none, and why.
    MakeNotReadyWithReason {
        /// The agent.
        agent: AgentId,
        /// Why: a code that is only repeated.
        reason: Reason,
    },
}

impl Command {
    /// Its name.
    pub fn verb(&self) -> Verb {
        match self {
            Self::Hello { .. } => Verb::Hello,
            Self::Beat { .. } => Verb::Beat,
            Self::Connect { .. } => Verb::Connect,
            Self::Login(_) => Verb::Login,
            Self::Logout { .. } => Verb::Logout,
            Self::GetState { .. } => Verb::GetState,
            Self::GetDialogState { .. } => Verb::GetDialogState,
            Self::MakeCall { .. } => Verb::MakeCall,
            Self::AnswerCall { .. } => Verb::AnswerCall,
            Self::ReleaseCall { .. } => Verb::ReleaseCall,
            Self::HoldCall { .. } => Verb::HoldCall,
            Self::RetrieveCall { .. } => Verb::RetrieveCall,
            Self::BlindTransfer { .. } => Verb::BlindTransfer,
            Self::ConsultCall { .. } => Verb::ConsultCall,
            Self::TransferCall { .. } => Verb::TransferCall,
            Self::ConferenceCall { .. } => Verb::ConferenceCall,
            Self::SendDtmf { .. } => Verb::SendDtmf,
            Self::DropParticipant { .. } => Verb::DropParticipant,
            Self::MakeReady { .. } => Verb::MakeReady,
            Self::MakeNotReady { .. } => Verb::MakeNotReady,
            Self::MakeNotReadyWithReason { .. } => Verb::MakeNotReadyWithReason,
        }
    }

    /// The agent it is for; `None` for Hello and Beat.
    pub fn agent(&self) -> Option<&AgentId> {
        match self {
            Self::Hello { .. } | Self::Beat { .. } => None,
            Self::Login(login) => Some(login.agent()),
            Self::Connect { agent, .. }
            | Self::Logout { agent }
            | Self::GetState { agent }
            | Self::GetDialogState { agent, .. }
            | Self::MakeCall { agent, .. }
            | Self::AnswerCall { agent, .. }
            | Self::ReleaseCall { agent, .. }
            | Self::HoldCall { agent, .. }
            | Self::RetrieveCall { agent, .. }
            | Self::BlindTransfer { agent, .. }
            | Self::ConsultCall { agent, .. }
            | Self::TransferCall { agent, .. }
            | Self::ConferenceCall { agent, .. }
            | Self::SendDtmf { agent, .. }
            | Self::DropParticipant { agent, .. }
            | Self::MakeReady { agent }
            | Self::MakeNotReady { agent }
            | Self::MakeNotReadyWithReason { agent, .. } => Some(agent),
        }
    }
}

/// A reason code: 1 to [`REASON_MAX`] characters of any kind but `,`, `#`, `|` and control characters. [cti §7.11]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reason(Box<str>);

impl Reason {
    /// Reads one.
    pub fn parse(text: &str) -> Option<Self> {
        let text = arguments::trimmed(text);
        let long = super::message::is_longer(text, REASON_MAX);
        let odd = |c: char| matches!(c, ',' | '#' | '|') || c.is_control();
        let fits = !text.is_empty() && !long && !text.contains(odd);
        fits.then(|| Self(text.into()))
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `Login`: up to three arguments, whose meaning depends on what else is known. [cti §7.2]
///
/// They may be a topic, a user and his PIN, or the sister product's password and extension; so all are kept as secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    agent: AgentId,
    arguments: Vec<Secret>,
    format: Option<Format>,
}

impl Login {
    /// How many arguments it has at most, apart from the format.
    pub const ARGUMENTS_MAX: usize = 3;

    /// A login of these arguments; `None` when they cannot be said: too many, too long, a comma in one, blanks around one,
    /// a format's word as the last.
    pub fn new(agent: AgentId, arguments: Vec<Secret>, format: Option<Format>) -> Option<Self> {
        let login = Self {
            agent,
            arguments,
            format,
        };
        let body = login.body();
        if super::message::is_longer(&body, super::BODY_MAX) {
            return None;
        }
        let understood = Self::of(login.agent.clone(), &Arguments::of(&body));
        understood.filter(|understood| *understood == login)
    }

    /// What a body says; `None` when it says too much.
    pub(super) fn of(agent: AgentId, arguments: &Arguments<'_>) -> Option<Self> {
        let all = arguments.as_slice();
        let arguments = arguments.without_format();
        let format = all.get(arguments.len()).and_then(|word| Format::of(word));
        let arguments: Vec<_> = arguments.iter().map(|text| Secret::from(*text)).collect();
        (arguments.len() <= Self::ARGUMENTS_MAX).then_some(Self {
            agent,
            arguments,
            format,
        })
    }

    /// The agent.
    pub fn agent(&self) -> &AgentId {
        &self.agent
    }

    /// How events are to be written from now on.
    pub fn format(&self) -> Option<Format> {
        self.format
    }

    pub(super) fn with_format(mut self, format: Option<Format>) -> Self {
        self.format = self.format.or(format);
        self
    }

    /// The first argument as a topic; `None` when there is none, or it can be none.
    pub fn destination(&self, names: &Names) -> Option<ClientDestination> {
        let first = self.arguments.first()?;
        ClientDestination::parse(first.expose(), names).ok()
    }

    /// Is there one argument only? Then it is meant for the topic, known or not.
    pub fn has_one_argument(&self) -> bool {
        self.only_argument().is_some()
    }

    pub(super) fn only_argument(&self) -> Option<&str> {
        match self.arguments.as_slice() {
            [only] => Some(only.expose()),
            _ => None,
        }
    }

    /// The second argument, where users log in with a name.
    pub fn user(&self) -> Option<&str> {
        let user = self.arguments.get(1)?;
        (!user.is_empty()).then(|| user.expose())
    }

    /// The third, his PIN or password.
    pub fn secret(&self) -> Option<&Secret> {
        self.arguments.get(2).filter(|secret| !secret.is_empty())
    }

    pub(super) fn body(&self) -> String {
        let mut texts: Vec<_> = self.arguments.iter().map(Secret::expose).collect();
        texts.extend(self.format.map(Format::word));
        arguments::joined(&texts)
    }
}
