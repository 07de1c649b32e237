//! Carrying a command out: for whom, at which call, and what it came to.

use super::act::{Act, Agents, By, Call};
use super::choose::{Wish, choose};
use super::reach::{Failure, Joined};
use crate::cli::connect::{secret, secret_in, variable};
use cordboard_client::cti::{CommandError, Heard, Session};
use cordboard_wire::Secret;
use cordboard_wire::cti::{
    AgentId, Command, ConnectionId, ErrorCode, Event, Login, Received, Verb,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast;
use tokio::time::{Instant, timeout_at};

/// After the first event of an answer the one that ends it comes within this time, or is not waited for.
const REST: Duration = Duration::from_secs(2);
/// After that one, so long a silence ends the answer: a snapshot tells one call after the other.
const QUIET: Duration = Duration::from_millis(100);

/// Carries a command out; all events that answered it.
///
/// `agent` is for whom where the command names nobody.
pub(super) async fn perform(
    joined: &Joined,
    act: &Act,
    agent: Option<&AgentId>,
) -> Result<Vec<Arc<Heard>>, Failure> {
    let mut events = Vec::new();
    for command in commands(joined, act, agent).await? {
        events.extend(ask(&joined.session, command).await?);
    }
    Ok(events)
}

/// The agents that a command is for.
pub(super) fn whom(agents: &Agents, otherwise: Option<&AgentId>) -> Result<Vec<AgentId>, Failure> {
    match agents.agents.as_slice() {
        [] => Ok(vec![who(&agents.by, otherwise)?]),
        all => Ok(all.to_vec()),
    }
}

fn who(by: &By, otherwise: Option<&AgentId>) -> Result<AgentId, Failure> {
    let agent = by.agent.as_ref().or(otherwise).cloned();
    agent.ok_or_else(|| {
        Failure::Usage("say for whom: --agent EXTENSION, or CORDBOARD_CTI_AGENT".to_owned())
    })
}

async fn commands(
    joined: &Joined,
    act: &Act,
    otherwise: Option<&AgentId>,
) -> Result<Vec<Command>, Failure> {
    let each = |agents: &Agents, command: fn(AgentId) -> Command| {
        let agents = whom(agents, otherwise)?;
        Ok(agents.into_iter().map(command).collect())
    };
    let at = async |call: &Call, wish| -> Result<(AgentId, ConnectionId), Failure> {
        let agent = who(&call.by, otherwise)?;
        let connection = match call.connection {
            Some(connection) => connection,
            None => found(&joined.session, &agent, wish).await?,
        };
        Ok((agent, connection))
    };
    Ok(vec![match act {
        Act::Hello => Command::Hello {
            destination: joined.topic.clone(),
            format: joined.format,
        },
        Act::Login(login) => return logins(joined, login, otherwise),
        Act::Logout(agents) => return each(agents, |agent| Command::Logout { agent }),
        Act::State(agents) => return each(agents, |agent| Command::GetState { agent }),
        Act::Ready(agents) => return each(agents, |agent| Command::MakeReady { agent }),
        Act::NotReady(act) => match &act.reason {
            None => return each(&act.agents, |agent| Command::MakeNotReady { agent }),
            Some(reason) => {
                let agents = whom(&act.agents, otherwise)?.into_iter();
                return Ok(agents
                    .map(|agent| Command::MakeNotReadyWithReason {
                        agent,
                        reason: reason.clone(),
                    })
                    .collect());
            }
        },
        Act::Dial(dial) => Command::MakeCall {
            agent: who(&dial.by, otherwise)?,
            number: dial.number.clone(),
        },
        Act::Answer(call) => {
            let (agent, connection) = at(call, Wish::Answer).await?;
            Command::AnswerCall { agent, connection }
        }
        Act::Hold(call) => {
            let (agent, connection) = at(call, Wish::Hold).await?;
            Command::HoldCall { agent, connection }
        }
        Act::Retrieve(call) => {
            let (agent, connection) = at(call, Wish::Retrieve).await?;
            Command::RetrieveCall { agent, connection }
        }
        Act::Release(call) => {
            let (agent, connection) = at(call, Wish::Release).await?;
            Command::ReleaseCall { agent, connection }
        }
        Act::Transfer(act) => {
            let (agent, connection) = at(&act.call, Wish::Send).await?;
            let number = act.number.clone();
            Command::BlindTransfer {
                agent,
                number,
                connection,
            }
        }
        Act::Consult(act) => {
            let (agent, connection) = at(&act.call, Wish::Send).await?;
            let number = act.number.clone();
            Command::ConsultCall {
                agent,
                number,
                connection,
            }
        }
        Act::Complete(call) => {
            let (agent, connection) = at(call, Wish::Join).await?;
            let number = None;
            Command::TransferCall {
                agent,
                number,
                connection,
            }
        }
        Act::Conference(call) => {
            let (agent, connection) = at(call, Wish::Join).await?;
            let number = None;
            Command::ConferenceCall {
                agent,
                number,
                connection,
            }
        }
        Act::Dtmf(act) => {
            let (agent, connection) = at(&act.call, Wish::Hold).await?;
            let tones = act.tones.clone();
            Command::SendDtmf {
                agent,
                tones,
                connection,
            }
        }
        Act::Drop(act) => {
            let (agent, connection) = at(&act.call, Wish::Drop).await?;
            let number = act.number.clone();
            Command::DropParticipant {
                agent,
                number,
                connection,
            }
        }
    }])
}

fn logins(
    joined: &Joined,
    login: &super::act::Login,
    otherwise: Option<&AgentId>,
) -> Result<Vec<Command>, Failure> {
    let usage = |error: crate::cli::Usage| Failure::Usage(error.to_string());
    let mut pin =
        secret(login.agent_pin.clone(), login.agent_pin_file.as_deref()).map_err(usage)?;
    if pin.is_none() {
        pin = secret_in("CORDBOARD_CTI_PIN", variable).map_err(usage)?;
    }
    if pin.is_none() && login.as_user.is_some() {
        let why = "give the PIN by --agent-pin-file, CORDBOARD_CTI_PIN or --agent-pin";
        return Err(Failure::Usage(why.to_owned()));
    }
    let mut commands = Vec::new();
    for agent in whom(&login.agents, otherwise)? {
        let mut arguments = vec![Secret::from(joined.topic.as_str())];
        if let Some(pin) = &pin {
            // Where nobody is named it is the user who is called as the extension is.
            let user = login.as_user.as_deref().unwrap_or(agent.as_str());
            arguments.extend([Secret::from(user), pin.clone()]);
        }
        let login = Login::new(agent, arguments, joined.format);
        let login = login.ok_or_else(|| {
            Failure::Usage("neither user nor PIN has a comma, nor blanks around it".to_owned())
        })?;
        commands.push(Command::Login(login));
    }
    Ok(commands)
}

/// The call that is meant where none is named: of what is known, else of what the connector tells.
async fn found(session: &Session, agent: &AgentId, wish: Wish) -> Result<ConnectionId, Failure> {
    let known = |session: &Session| {
        let model = session.model();
        let model = model.borrow();
        model.agent(agent).cloned()
    };
    let mut seen = known(session);
    if seen.is_none() {
        let command = Command::GetState {
            agent: agent.clone(),
        };
        ask(session, command).await?;
        seen = known(session);
    }
    choose(seen.as_ref(), wish).map_err(Failure::NoCall)
}

/// Asks, and gathers what answers.
async fn ask(session: &Session, command: Command) -> Result<Vec<Arc<Heard>>, Failure> {
    let verb = command.verb();
    let mut events = session.events();
    let first = match session.ask(command).await {
        Ok(first) => first,
        Err(error) => {
            let hint = hint(verb, &error);
            return Err(Failure::Command { error, hint });
        }
    };
    let correlation = first.correlation.clone();
    let mut all: Vec<Arc<Heard>> = Vec::new();
    let mut until = Instant::now() + REST;
    loop {
        // Cancel-safe, as `recv` is.
        let heard = match timeout_at(until, events.recv()).await {
            Ok(Ok(heard)) => heard,
            Ok(Err(broadcast::error::RecvError::Lagged(_))) => continue,
            Ok(Err(broadcast::error::RecvError::Closed)) | Err(_) => break,
        };
        if heard.correlation != correlation {
            continue;
        }
        if ends(verb, &heard.received) {
            until = Instant::now() + QUIET;
        }
        all.push(heard);
        if verb == Verb::Hello {
            break;
        }
    }
    // It was published before the answer was told, but for a follower that lagged.
    if all.is_empty() {
        all.push(first);
    }
    Ok(all)
}

/// Is an answer to that command complete with this, but for more of the same?
fn ends(verb: Verb, received: &Received) -> bool {
    match received {
        Received::Known(Event::DialogState(_) | Event::Error(_), _) | Received::Raw(_) => true,
        Received::Known(Event::AgentState(_), _) => matches!(
            verb,
            Verb::Logout | Verb::MakeReady | Verb::MakeNotReady | Verb::MakeNotReadyWithReason
        ),
        Received::Known(
            Event::Network(_) | Event::Terminal(_) | Event::AgentInfo(_) | Event::InboundCall(_),
            _,
        ) => false,
    }
}

/// What to do about a refusal, where a new user could not know.
fn hint(verb: Verb, error: &CommandError) -> &'static str {
    let CommandError::Refused { code, .. } = error else {
        return "";
    };
    match (code, verb) {
        (ErrorCode::InvalidObjectState, Verb::Logout | Verb::GetState | Verb::MakeReady) => {
            "; is the agent logged in? `login` does"
        }
        (ErrorCode::InvalidObjectState, _) => {
            "; is the agent logged in, and the call in a state for that? `state` tells"
        }
        (ErrorCode::UserNotFound, Verb::Login) => {
            "; there is no such line, or user and PIN are wrong"
        }
        (ErrorCode::UserNotFound, _) => "; there is no such line",
        _ => "",
    }
}
