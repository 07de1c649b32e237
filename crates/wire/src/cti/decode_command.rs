//! From a message to the command it is. [cti §3]

use super::arguments::{Arguments, trimmed, unbraced};
use super::message::{BODY_MAX, Body, CommandMessage, Format, TYPE_MAX, is_longer};
use super::{
    AgentId, BadName, ClientDestination, Command, ConnectionId, Dialled, ErrorFor, Login, Names,
    NotANumber, Reason, Refused, ReplyTo, Tones, Verb, Why,
};
use crate::Secret;
use std::borrow::Cow;

/// Reads a command.
///
/// A message in JMSType and body; the property for the format and JMSReplyTo are looked at where they stand in for something
/// that is missing. Whether it has expired, came twice, or may be obeyed is for the service to say.
///
/// # Errors
/// What is wrong, whom the error is for, and which check found it.
pub fn decode_command(message: &CommandMessage, names: &Names) -> Result<Command, Refused> {
    let kind = Kind::of(message.jms_type.as_deref()).map_err(|why| Refused {
        why,
        error_for: ErrorFor::system(),
        verb: None,
        agent: None,
        destination: None,
    })?;
    decode(&kind, message, names).map_err(|why| {
        let verb = Verb::of(kind.name);
        let greeting = verb.is_some_and(Verb::is_for_destination);
        Refused {
            why,
            error_for: if greeting {
                ErrorFor::system()
            } else {
                ErrorFor::sent(kind.who)
            },
            verb,
            agent: (!greeting).then(|| AgentId::parse(kind.who).ok()).flatten(),
            destination: verb.and_then(|verb| named(verb, &kind, message, names)),
        }
    })
}

fn decode(kind: &Kind<'_>, message: &CommandMessage, names: &Names) -> Result<Command, Why> {
    let verb = Verb::of(kind.name).ok_or(Why::UnknownCommand)?;
    let body = text_of(&message.body)?;
    let arguments = Arguments::of(&body);
    if verb.is_for_destination() {
        return greeting(verb, kind.who, arguments.as_slice(), message, names);
    }
    let agent = AgentId::parse(kind.who).map_err(Why::Agent)?;
    for_agent(verb, agent, &arguments, message, names)
}

/// The topic that a refused command names all the same. Of a Login it is the first argument, unless that may be a password.
fn named(
    verb: Verb,
    kind: &Kind<'_>,
    message: &CommandMessage,
    names: &Names,
) -> Option<ClientDestination> {
    if verb.is_for_destination() {
        return ClientDestination::parse(kind.who, names).ok();
    }
    let body = text_of(&message.body).ok()?;
    let arguments = Arguments::of(&body);
    let name = match (verb, arguments.without_format()) {
        (Verb::Connect, [name, ..]) | (Verb::Login, [name] | [name, _, _, ..]) => Some(name),
        _ => None,
    };
    ClientDestination::parse(name?, names).ok()
}

/// JMSType in its two parts. [cti §3.1]
struct Kind<'a> {
    name: &'a str,
    who: &'a str,
}

impl<'a> Kind<'a> {
    fn of(jms_type: Option<&'a str>) -> Result<Self, Why> {
        let jms_type = jms_type.ok_or(Why::NoType)?;
        if is_longer(jms_type, TYPE_MAX) {
            return Err(Why::TypeTooLong);
        }
        let (name, who) = jms_type.split_once('#').ok_or(Why::NoHash)?;
        if who.contains('#') {
            return Err(Why::SecondHash);
        }
        let name = trimmed(name);
        let in_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if name.is_empty() || !name.bytes().all(in_word) {
            return Err(Why::NotAName);
        }
        let who = unbraced(who);
        Ok(Self { name, who })
    }
}

fn text_of(body: &Body) -> Result<Cow<'_, str>, Why> {
    let long = match body {
        Body::Text(text) => is_longer(text.as_deref().unwrap_or_default(), BODY_MAX),
        Body::Bytes(bytes) => bytes.len() > 4 * BODY_MAX,
        Body::Other => return Err(Why::BodyKind),
    };
    if long {
        return Err(Why::BodyTooLong);
    }
    let text = body.text().ok_or(Why::NotText)?;
    if is_longer(&text, BODY_MAX) {
        return Err(Why::BodyTooLong);
    }
    Ok(text)
}

fn property(message: &CommandMessage) -> Option<Format> {
    message.format.as_deref().and_then(Format::of)
}

/// Hello and Beat.
fn greeting(
    verb: Verb,
    who: &str,
    arguments: &[&str],
    message: &CommandMessage,
    names: &Names,
) -> Result<Command, Why> {
    let destination = if who.is_empty() {
        let reply = message.reply(names);
        let topic = reply.as_ref().and_then(ReplyTo::topic).cloned();
        topic.ok_or(BadName::Empty)
    } else {
        ClientDestination::parse(who, names)
    };
    let destination = destination.map_err(Why::Destination)?;
    let format = match arguments {
        [] => None,
        [word] if verb == Verb::Hello => Some(Format::of(word).ok_or(Why::ArgumentCount)?),
        _ => return Err(Why::ArgumentCount),
    };
    Ok(match verb {
        Verb::Hello => Command::Hello {
            destination,
            format: format.or(property(message)),
        },
        _ => Command::Beat { destination },
    })
}

fn for_agent(
    verb: Verb,
    agent: AgentId,
    arguments: &Arguments<'_>,
    message: &CommandMessage,
    names: &Names,
) -> Result<Command, Why> {
    let list = arguments.as_slice();
    Ok(match verb {
        Verb::Hello | Verb::Beat => return Err(Why::UnknownCommand),
        Verb::Login => {
            let login = Login::of(agent, arguments).ok_or(Why::ArgumentCount)?;
            // A password may look like anything, so only what stands alone must be a name. [cti §7.2]
            if let Some(only) = login.only_argument() {
                ClientDestination::parse(only, names).map_err(Why::Destination)?;
            }
            Command::Login(login.with_format(property(message)))
        }
        Verb::Connect => {
            let (destination, rest) = list.split_first().ok_or(Why::ArgumentCount)?;
            let secret = |text: &str| (!text.is_empty()).then(|| Secret::from(text));
            let (password, single_sign_on) = match rest {
                [] => (None, None),
                [password] => (secret(password), None),
                [password, sso] => (secret(password), secret(sso)),
                _ => return Err(Why::ArgumentCount),
            };
            let destination = ClientDestination::parse(destination, names);
            Command::Connect {
                agent,
                destination: destination.map_err(Why::Destination)?,
                password,
                single_sign_on,
            }
        }
        Verb::Logout => {
            none(list)?;
            Command::Logout { agent }
        }
        Verb::GetState => {
            none(list)?;
            Command::GetState { agent }
        }
        Verb::MakeReady => {
            none(list)?;
            Command::MakeReady { agent }
        }
        Verb::MakeNotReady => {
            none(list)?;
            Command::MakeNotReady { agent }
        }
        Verb::MakeNotReadyWithReason => {
            let reason = Reason::parse(one(list)?).ok_or(Why::Reason)?;
            Command::MakeNotReadyWithReason { agent, reason }
        }
        Verb::MakeCall => {
            let number = match list {
                [] => return Err(Why::Number(NotANumber::Missing)),
                [number] => number_of(number, &agent)?,
                _ => return Err(Why::ArgumentCount),
            };
            Command::MakeCall { agent, number }
        }
        Verb::AnswerCall => {
            let connection = id_of(one(list)?)?;
            Command::AnswerCall { agent, connection }
        }
        Verb::ReleaseCall => {
            let connection = id_of(one(list)?)?;
            Command::ReleaseCall { agent, connection }
        }
        Verb::HoldCall => {
            let connection = id_of(one(list)?)?;
            Command::HoldCall { agent, connection }
        }
        Verb::RetrieveCall => {
            let connection = id_of(one(list)?)?;
            Command::RetrieveCall { agent, connection }
        }
        Verb::GetDialogState => {
            let connection = id_of(one(list)?)?;
            Command::GetDialogState { agent, connection }
        }
        Verb::BlindTransfer => {
            let (number, connection) = number_and_id(list, &agent)?;
            Command::BlindTransfer {
                agent,
                number,
                connection,
            }
        }
        Verb::ConsultCall => {
            let (number, connection) = number_and_id(list, &agent)?;
            Command::ConsultCall {
                agent,
                number,
                connection,
            }
        }
        Verb::DropParticipant => {
            let (number, connection) = number_and_id(list, &agent)?;
            Command::DropParticipant {
                agent,
                number,
                connection,
            }
        }
        Verb::TransferCall => {
            let (number, connection) = perhaps_number_and_id(list, &agent)?;
            Command::TransferCall {
                agent,
                number,
                connection,
            }
        }
        Verb::ConferenceCall => {
            let (number, connection) = perhaps_number_and_id(list, &agent)?;
            Command::ConferenceCall {
                agent,
                number,
                connection,
            }
        }
        Verb::SendDtmf => {
            let [tones, id] = list else {
                return Err(Why::ArgumentCount);
            };
            Command::SendDtmf {
                agent,
                tones: Tones::parse(tones).ok_or(Why::Tones)?,
                connection: id_of(id)?,
            }
        }
    })
}

fn none(list: &[&str]) -> Result<(), Why> {
    list.is_empty().then_some(()).ok_or(Why::ArgumentCount)
}

fn one<'a>(list: &[&'a str]) -> Result<&'a str, Why> {
    match list {
        [only] => Ok(only),
        _ => Err(Why::ArgumentCount),
    }
}

fn id_of(text: &str) -> Result<ConnectionId, Why> {
    ConnectionId::parse(text).ok_or(Why::Connection)
}

fn number_of(text: &str, agent: &AgentId) -> Result<Dialled, Why> {
    let number = Dialled::parse(text).map_err(Why::Number)?;
    if number.as_str() == agent.as_str() {
        return Err(Why::OwnNumber);
    }
    Ok(number)
}

/// The number comes first. Without any argument it is the number that is missing.
fn number_and_id(list: &[&str], agent: &AgentId) -> Result<(Dialled, ConnectionId), Why> {
    match list {
        [] => Err(Why::Number(NotANumber::Missing)),
        [number, id] => Ok((number_of(number, agent)?, id_of(id)?)),
        _ => Err(Why::ArgumentCount),
    }
}

/// The vendor's guide has the id alone, its sister's a number before it. [cti §3.4]
fn perhaps_number_and_id(
    list: &[&str],
    agent: &AgentId,
) -> Result<(Option<Dialled>, ConnectionId), Why> {
    match list {
        [id] => Ok((None, id_of(id)?)),
        [number, id] if !number.is_empty() => Ok((Some(number_of(number, agent)?), id_of(id)?)),
        _ => Err(Why::ArgumentCount),
    }
}
