//! Events as JSON, from servers that write them in another way too. [cti §4.3, §11]
//!
//! Keys may come in any order and in the letter case of either product, numbers may be texts and the other way round, and keys
//! that are unknown are passed over.

use super::decode_event::{addresses, connection_of};
use super::{
    Address, AgentId, AgentInfo, AgentReport, AgentState, ConnectionId, DialogReport, DialogState,
    ErrorCode, ErrorFor, ErrorReport, Event, InboundReport, NetworkState, PersonName,
    TerminalReport, TerminalState, TimeText,
};
use serde_json::{Map, Value};

pub(super) fn decode(body: &str) -> Option<Event> {
    let object = Object(serde_json::from_str(body).ok()?);
    let kind = object.text(&["type"])?;
    let is = |word: &str| kind.trim().eq_ignore_ascii_case(word);
    if is("System") || is("Terminal") {
        system(&object)
    } else if is("AgentInfo") {
        agent_info(&object)
    } else if is("AGENT_STATE") {
        agent_state(&object)
    } else if is("DialogState") {
        dialog_state(&object)
    } else if is("InboundCall") {
        inbound_call(&object)
    } else if is("Error") {
        error(&object)
    } else {
        None
    }
}

struct Object(Map<String, Value>);

impl Object {
    fn value(&self, keys: &[&str]) -> Option<&Value> {
        let mut found = keys.iter().filter_map(|key| self.0.get(*key));
        found.find(|value| !value.is_null())
    }

    fn text(&self, keys: &[&str]) -> Option<String> {
        self.value(keys).and_then(text_of)
    }

    fn agent(&self) -> Option<AgentId> {
        let id = self.text(&["agentId"])?;
        AgentId::parse(id.trim()).ok()
    }

    fn time(&self, keys: &[&str]) -> TimeText {
        TimeText::literal(&self.text(keys).unwrap_or_default())
    }

    fn connection(&self) -> Option<Option<ConnectionId>> {
        let text = self.text(&["connectionID", "Connection"]);
        connection_of(&text.unwrap_or_default())
    }

    /// A list, one address alone, or a text with commas.
    fn others(&self, keys: &[&str]) -> Option<Vec<Address>> {
        match self.value(keys) {
            None => Some(Vec::new()),
            Some(Value::Array(list)) => {
                let each = list.iter().map(text_of);
                each.map(|text| Some(Address::new(&text?))).collect()
            }
            Some(value) => Some(addresses(&text_of(value)?)),
        }
    }
}

/// A text, or a whole number as one.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => number.as_u64().map(|number| number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn system(object: &Object) -> Option<Event> {
    let status = object.text(&["status"])?;
    let status = status.trim();
    if let Some(state) = NetworkState::of(status) {
        return Some(Event::Network(state));
    }
    Some(Event::Terminal(TerminalReport {
        state: TerminalState::of(status)?,
        agent: object.agent(),
        terminal: object.text(&["terminal"]),
    }))
}

fn agent_info(object: &Object) -> Option<Event> {
    let agent = object.agent()?;
    let name = |key| PersonName::new(&object.text(&[key]).unwrap_or_default());
    let extension = object.text(&["extension"]).unwrap_or_default();
    Some(Event::AgentInfo(AgentInfo {
        first_name: name("firstName"),
        last_name: name("lastName"),
        full_name: PersonName::default(),
        extension: AgentId::parse(extension.trim()).unwrap_or_else(|_| agent.clone()),
        agent,
    }))
}

fn agent_state(object: &Object) -> Option<Event> {
    let agent = object.agent()?;
    let inner = match object.value(&["state", "State"])? {
        Value::Object(inner) => Object(inner.clone()),
        _ => Object(object.0.clone()),
    };
    let word = inner.text(&["state", "State"])?;
    Some(Event::AgentState(AgentReport {
        state: AgentState::of(word.trim())?,
        reason: String::new(),
        since: inner.time(&["stateChangeTimeString"]),
        full_name: PersonName::default(),
        extension: agent.clone(),
        others: object.others(&["otherParticipants"])?,
        connection: object.connection()?,
        agent,
    }))
}

fn dialog_state(object: &Object) -> Option<Event> {
    let word = object.text(&["state", "State"])?;
    Some(Event::DialogState(DialogReport {
        agent: object.agent()?,
        state: DialogState::of(word.trim())?,
        since: object.time(&["stateChangeTimeString"]),
        connection: object.connection()?,
        others: object.others(&["participants"])?,
        cause: object.text(&["cause"]),
    }))
}

fn inbound_call(object: &Object) -> Option<Event> {
    let word = object.text(&["State", "state"])?;
    let others = object.others(&["participants"])?;
    Some(Event::InboundCall(InboundReport {
        agent: object.agent(),
        state: DialogState::of(word.trim())?,
        started: object.time(&["startTime"]),
        connection: object.connection()?,
        other: others.into_iter().next(),
    }))
}

/// Some errors of the guide have their code under `message` only.
fn error(object: &Object) -> Option<Event> {
    let message = object.text(&["message"]).filter(|text| !text.is_empty());
    let code = object.text(&["errorType"]).map(|word| ErrorCode::of(&word));
    let code = code.filter(|code| !code.word().is_empty());
    let code = code.or_else(|| ErrorCode::known(message.as_deref()?))?;
    let said = message.filter(|text| *text != code.message());
    let said = said.filter(|text| ErrorCode::known(text).as_ref() != Some(&code));
    Some(Event::Error(ErrorReport {
        error_for: ErrorFor::sent(&object.text(&["agentId"]).unwrap_or_default()),
        code,
        message: said,
        command: object.text(&["command"]),
    }))
}
