//! The commands, as they are typed: behind `cordboard cti`, and in its interactive session.

use crate::cli::connect::variable;
use cordboard_wire::Secret;
use cordboard_wire::cti::{AgentId, ConnectionId, Dialled, NotANumber, Reason, Tones};
use std::path::PathBuf;

const CALL: &str = "A call is named by the connection id that its events tell; without one the call that fits is meant, if there is one only.";

#[derive(Clone, Debug, clap::Subcommand)]
pub(super) enum Act {
    /// Ask whether connector and telephone network are there
    Hello,
    /// Watch agents: their events come to our topic, and away from any other client's
    #[command(
        after_help = "Example:\n  cordboard cti login 42031 42032\n  cordboard cti login 42031 --as agent42031 --agent-pin-file pin"
    )]
    Login(Login),
    /// Watch agents no longer
    Logout(Agents),
    /// Tell what agents and their calls are doing
    State(Agents),
    /// Call a number
    #[command(
        visible_alias = "call",
        after_help = "Example:\n  cordboard cti dial 42032 --agent 42031"
    )]
    Dial(Dial),
    /// Answer a ringing call
    #[command(after_help = CALL)]
    Answer(Call),
    /// Put a call on hold
    #[command(after_help = CALL)]
    Hold(Call),
    /// Take a call back from hold
    #[command(visible_alias = "resume", after_help = CALL)]
    Retrieve(Call),
    /// Hang up, reject or give up
    #[command(visible_aliases = ["hangup", "reject"], after_help = CALL)]
    Release(Call),
    /// Send the other party to a number, without asking there first
    #[command(after_help = CALL)]
    Transfer(Number),
    /// Hold the call and ask at a number; then `complete` or `conference`
    #[command(after_help = CALL)]
    Consult(Number),
    /// Give the held call to who was asked
    #[command(after_help = CALL)]
    Complete(Call),
    /// Make one conversation of the held call and who was asked
    #[command(after_help = CALL)]
    Conference(Call),
    /// Send tones into a call
    #[command(after_help = CALL)]
    Dtmf(Dtmf),
    /// Put one party out of a conference
    #[command(after_help = CALL)]
    Drop(Number),
    /// Agents take calls
    Ready(Agents),
    /// Agents take no calls
    NotReady(NotReady),
}

/// For whom.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct By {
    /// The agent: the extension of the phone to be controlled [env: CORDBOARD_CTI_AGENT]
    #[arg(long = "agent", short = 'a', value_name = "EXTENSION", value_parser = agent)]
    pub(super) agent: Option<AgentId>,
}

#[derive(Clone, Debug, clap::Args)]
pub(super) struct Agents {
    /// The agents: extensions of phones to be controlled [env: CORDBOARD_CTI_AGENT]
    #[arg(value_name = "EXTENSION", value_parser = agent)]
    pub(super) agents: Vec<AgentId>,
    #[command(flatten)]
    pub(super) by: By,
}

#[derive(Clone, Debug, clap::Args)]
pub(super) struct Login {
    #[command(flatten)]
    pub(super) agents: Agents,
    /// The agent's user id, where the connector wants one
    #[arg(long = "as", value_name = "USER")]
    pub(super) as_user: Option<String>,
    /// His PIN or password; better by --agent-pin-file or the environment [env: CORDBOARD_CTI_PIN, CORDBOARD_CTI_PIN_FILE]
    #[arg(long, value_name = "PIN", group = "pins")]
    pub(super) agent_pin: Option<Secret>,
    /// A file that holds it
    #[arg(long, value_name = "FILE", group = "pins")]
    pub(super) agent_pin_file: Option<PathBuf>,
}

#[derive(Clone, Debug, clap::Args)]
pub(super) struct Dial {
    /// The number to call
    #[arg(value_parser = number)]
    pub(super) number: Dialled,
    #[command(flatten)]
    pub(super) by: By,
}

#[derive(Clone, Debug, clap::Args)]
pub(super) struct Call {
    /// The call
    #[arg(value_name = "CONNECTION", value_parser = connection)]
    pub(super) connection: Option<ConnectionId>,
    #[command(flatten)]
    pub(super) by: By,
}

#[derive(Clone, Debug, clap::Args)]
pub(super) struct Number {
    /// The number
    #[arg(value_parser = number)]
    pub(super) number: Dialled,
    #[command(flatten)]
    pub(super) call: Call,
}

#[derive(Clone, Debug, clap::Args)]
pub(super) struct Dtmf {
    /// The tones: 0 to 9, *, #, A to D
    #[arg(value_parser = tones)]
    pub(super) tones: Tones,
    #[command(flatten)]
    pub(super) call: Call,
}

#[derive(Clone, Debug, clap::Args)]
pub(super) struct NotReady {
    #[command(flatten)]
    pub(super) agents: Agents,
    /// Why: a code that is only repeated
    #[arg(long, value_name = "CODE", value_parser = reason)]
    pub(super) reason: Option<Reason>,
}

/// Reads an agent's extension.
pub(super) fn agent(text: &str) -> Result<AgentId, String> {
    AgentId::parse(text).map_err(|error| {
        match error {
            NotANumber::Missing => "an extension is missing",
            NotANumber::Letters => "an extension has no letters",
            NotANumber::Shape => "an extension has 1 to 24 digits or *, perhaps + in front",
        }
        .to_owned()
    })
}

/// The agent of the environment, if one is named there rightly.
pub(super) fn agent_of_environment() -> Option<AgentId> {
    AgentId::parse(&variable("CORDBOARD_CTI_AGENT")?).ok()
}

/// Reads a number to dial. What no number can have is refused here; what the network makes of it is the network's.
fn number(text: &str) -> Result<Dialled, String> {
    Dialled::parse(text).map_err(|error| {
        match error {
            NotANumber::Missing => "a number is missing",
            NotANumber::Letters => "a number has no letters",
            NotANumber::Shape => "a number has 1 to 32 of 0 to 9, * and #, perhaps + in front",
        }
        .to_owned()
    })
}

fn connection(text: &str) -> Result<ConnectionId, String> {
    let parsed = ConnectionId::parse(text);
    parsed.ok_or_else(|| "a connection id is a number from 1 to 2147483647".to_owned())
}

fn tones(text: &str) -> Result<Tones, String> {
    Tones::parse(text).ok_or_else(|| "tones are 1 to 32 of 0 to 9, *, # and A to D".to_owned())
}

fn reason(text: &str) -> Result<Reason, String> {
    Reason::parse(text).ok_or_else(|| "a reason has 1 to 32 characters, no , # or |".to_owned())
}
