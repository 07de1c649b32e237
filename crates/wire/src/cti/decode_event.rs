//! From the text of a message to the event it is. [cti §4]

use super::message::is_longer;
use super::{
    Address, AgentId, AgentInfo, AgentReport, AgentState, ConnectionId, DialogReport, DialogState,
    ErrorCode, ErrorFor, ErrorReport, Event, Format, InboundReport, NetworkState, PersonName,
    TerminalReport, TerminalState, TimeText, decode_json,
};

/// An event has at most so many characters; what is longer is not looked into.
pub const EVENT_MAX: usize = 65_536;
/// An event in the default format has at most so many fields.
pub const FIELDS_MAX: usize = 32;

/// What a client heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// An event, and how it was written.
    Known(Event, Format),
    /// Something else, as it came: an event of another product, or nothing that we know. No error.
    Raw(String),
}

/// Reads the body of an event in either format, told apart by the first character.
pub fn decode_event(body: &str) -> Received {
    let raw = || Received::Raw(body.to_owned());
    if is_longer(body, EVENT_MAX) {
        return raw();
    }
    if body.trim_start().starts_with('{')
        && let Some(event) = decode_json::decode(body)
    {
        return Received::Known(event, Format::Json);
    }
    // What was sent for an agent, and is repeated in an error, may begin with a brace too.
    match decode_default(body) {
        Some(event) => Received::Known(event, Format::Default),
        None => raw(),
    }
}

fn decode_default(body: &str) -> Option<Event> {
    let fields: Vec<_> = body.splitn(FIELDS_MAX + 1, '#').collect();
    if fields.len() > FIELDS_MAX {
        return None;
    }
    let at = |index: usize| fields.get(index).copied().unwrap_or_default();
    let is = |index: usize, word: &str| at(index).trim().eq_ignore_ascii_case(word);
    if is(1, "Error") {
        return error(&fields);
    }
    if is(0, "System") {
        return NetworkState::of(at(1).trim()).map(Event::Network);
    }
    if is(0, "Terminal") {
        let state = TerminalState::of(at(1).trim())?;
        return Some(Event::Terminal(TerminalReport {
            state,
            agent: None,
            terminal: None,
        }));
    }
    if is(0, "InboundCall") {
        return inbound_call(None, &fields[1..]);
    }
    let agent = AgentId::parse(at(0).trim()).ok()?;
    if is(1, "InboundCall") {
        inbound_call(Some(agent), &fields[2..])
    } else if is(1, "DialogState") {
        dialog_state(agent, &fields[2..])
    } else if is(1, "State") {
        agent_state(agent, &fields[2..])
    } else if is(1, "AgentInfo") {
        Some(agent_info(agent, &fields[2..]))
    } else {
        None
    }
}

fn error(fields: &[&str]) -> Option<Event> {
    let code = ErrorCode::of(fields.get(2)?);
    if code.word().is_empty() {
        return None;
    }
    let message = fields.get(3).filter(|text| !text.is_empty());
    Some(Event::Error(ErrorReport {
        error_for: ErrorFor::sent(fields[0]),
        code,
        message: message.map(|text| (*text).to_owned()),
        command: None,
    }))
}

fn inbound_call(agent: Option<AgentId>, rest: &[&str]) -> Option<Event> {
    let (state, rest) = rest.split_first()?;
    let other = rest.get(2).copied().unwrap_or_default();
    Some(Event::InboundCall(InboundReport {
        agent,
        state: DialogState::of(state.trim())?,
        started: time(rest.first()),
        connection: connection(rest.get(1))?,
        other: (!other.is_empty()).then(|| Address::new(other)),
    }))
}

fn dialog_state(agent: AgentId, rest: &[&str]) -> Option<Event> {
    let (state, rest) = rest.split_first()?;
    Some(Event::DialogState(DialogReport {
        agent,
        state: DialogState::of(state.trim())?,
        since: time(rest.first()),
        connection: connection(rest.get(1))?,
        others: addresses(rest.get(2).copied().unwrap_or_default()),
        cause: None,
    }))
}

fn agent_state(agent: AgentId, rest: &[&str]) -> Option<Event> {
    let (state, rest) = rest.split_first()?;
    let at = |index: usize| rest.get(index).copied().unwrap_or_default();
    let extension = AgentId::parse(at(6).trim()).unwrap_or_else(|_| agent.clone());
    Some(Event::AgentState(AgentReport {
        state: AgentState::of(state.trim())?,
        reason: at(0).to_owned(),
        since: time(rest.get(3)),
        full_name: PersonName::new(at(4)),
        extension,
        others: Vec::new(),
        connection: None,
        agent,
    }))
}

fn agent_info(agent: AgentId, rest: &[&str]) -> Event {
    let name = |index: usize| PersonName::new(rest.get(index).copied().unwrap_or_default());
    Event::AgentInfo(AgentInfo {
        first_name: name(0),
        last_name: name(1),
        full_name: name(6),
        extension: agent.clone(),
        agent,
    })
}

fn time(field: Option<&&str>) -> TimeText {
    TimeText::literal(field.copied().unwrap_or_default())
}

/// A field that is not there says no more than zero does; one that is no id makes the event unknown.
fn connection(field: Option<&&str>) -> Option<Option<ConnectionId>> {
    connection_of(field.copied().unwrap_or_default())
}

pub(super) fn connection_of(text: &str) -> Option<Option<ConnectionId>> {
    match text.trim() {
        "" => Some(None),
        text if text.bytes().all(|byte| byte == b'0') => Some(None),
        text => ConnectionId::parse(text).map(Some),
    }
}

/// Addresses with commas between them.
pub(super) fn addresses(text: &str) -> Vec<Address> {
    if text.is_empty() {
        return Vec::new();
    }
    text.split(',').map(Address::new).collect()
}
