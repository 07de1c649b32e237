//! Events and calls, for people and for programs.

use crate::cli::plain;
use cordboard_client::cti::{Agent, Heard, Leg, Model};
use cordboard_wire::cti::{
    Address, AgentId, ConnectionId, DialogState, Event, NetworkState, Received, TerminalState,
};
use serde_json::{Value, json};
use std::sync::Arc;

/// The machine's time of day, for people.
pub(super) fn now() -> String {
    jiff::ZonedDateTime::now().strftime("%H:%M:%S").to_string()
}

/// An event in a line for people.
pub(super) fn line(heard: &Heard) -> String {
    let said = match &heard.received {
        Received::Known(event, _) => told(event),
        Received::Raw(raw) => raw.clone(),
    };
    plain(&said)
}

fn told(event: &Event) -> String {
    let id = |connection: &Option<ConnectionId>| {
        connection.map_or_else(|| "?".to_owned(), |id| id.to_string())
    };
    match event {
        Event::Network(NetworkState::InService) => "telephone network in service".to_owned(),
        Event::Network(NetworkState::OutOfService) => "telephone network OUT OF SERVICE".to_owned(),
        Event::Terminal(report) => {
            let whose = report.agent.as_ref().map_or("", AgentId::as_str);
            let gap = if whose.is_empty() { "" } else { "  " };
            match report.state {
                TerminalState::InService => format!("{whose}{gap}phone registered"),
                TerminalState::OutOfService => format!("{whose}{gap}phone NOT REGISTERED"),
            }
        }
        Event::AgentInfo(info) => {
            let (first, last) = (info.first_name.as_str(), info.last_name.as_str());
            let name = format!("{first} {last}");
            format!("{}  {}", info.agent.as_str(), name.trim())
        }
        Event::AgentState(report) => {
            let reason = match report.reason.as_str() {
                "" => String::new(),
                reason => format!(" ({reason})"),
            };
            format!("{}  {}{reason}", report.agent.as_str(), report.state.word())
        }
        Event::DialogState(report) if report.state == DialogState::None => {
            format!("{}  no call", report.agent.as_str())
        }
        Event::DialogState(report) => {
            let (agent, state) = (report.agent.as_str(), report.state.word());
            let with = with(&report.others);
            format!("{agent}  call {} {state}{with}", id(&report.connection))
        }
        Event::InboundCall(report) => {
            let agent = report.agent.as_ref().map_or("", AgentId::as_str);
            let gap = if agent.is_empty() { "" } else { "  " };
            let from = report.other.as_ref().map(Address::as_str);
            let from = from.map(|from| format!(" from {from}")).unwrap_or_default();
            let (id, state) = (id(&report.connection), report.state.word());
            format!("{agent}{gap}inbound call {id} {state}{from}")
        }
        Event::Error(report) => {
            let (whose, code) = (report.error_for.as_str(), report.code.word());
            let text = report.message.as_deref().unwrap_or(report.code.message());
            match text == code {
                true => format!("{whose}  error {code}"),
                false => format!("{whose}  error {code}: {text}"),
            }
        }
    }
}

fn with(others: &[Address]) -> String {
    let others: Vec<_> = others.iter().map(Address::as_str).collect();
    match others.is_empty() {
        true => String::new(),
        false => format!(" with {}", others.join(", ")),
    }
}

/// A call of an agent's, for people.
pub(super) fn leg(leg: &Leg) -> String {
    let id = leg
        .connection
        .map_or_else(|| "?".to_owned(), |id| id.to_string());
    format!("{id} {}{}", leg.state.word(), with(&leg.others))
}

/// What is known of everybody, for people.
pub(super) fn everybody(model: &Model) -> Vec<String> {
    let mut lines = Vec::new();
    for (id, agent) in model.agents() {
        let state = agent
            .state
            .map_or("?", cordboard_wire::cti::AgentState::word);
        let since = match agent.since.as_str() {
            "" => String::new(),
            since => format!(" since {since}"),
        };
        lines.push(plain(&format!(
            "{}  {state}{since}{}",
            id.as_str(),
            name(agent)
        )));
        let legs = agent.legs.iter();
        lines.extend(legs.map(|of| plain(&format!("  call {}", leg(of)))));
    }
    if lines.is_empty() {
        lines.push("nobody is watched; `login EXTENSION` does".to_owned());
    }
    lines
}

fn name(agent: &Agent) -> String {
    let name = agent
        .info
        .as_ref()
        .map(|info| format!("{} {}", info.first_name.as_str(), info.last_name.as_str()));
    match name.as_deref().map(str::trim) {
        None | Some("") => String::new(),
        Some(name) => format!("  {name}"),
    }
}

/// What a command came to, for programs: the call that it is about, and its events.
pub(super) fn done(events: &[Arc<Heard>]) -> Value {
    let mut ids = events
        .iter()
        .rev()
        .filter_map(|heard| match &heard.received {
            Received::Known(Event::DialogState(report), _) => report.connection,
            _ => None,
        });
    // Of a consultation it is the new call: the last that is told.
    let connection = ids.next().map(ConnectionId::number);
    let events: Vec<_> = events.iter().map(|heard| value(heard)).collect();
    json!({ "done": true, "connection": connection, "events": events })
}

/// An event for programs.
pub(super) fn value(heard: &Heard) -> Value {
    let mut value = match &heard.received {
        Received::Known(event, _) => of(event),
        Received::Raw(_) => json!({ "event": null }),
    };
    value["correlation"] = json!(heard.correlation);
    value["text"] = json!(heard.body);
    value
}

fn of(event: &Event) -> Value {
    let id = |connection: &Option<ConnectionId>| connection.map(ConnectionId::number);
    let others = |others: &[Address]| -> Vec<String> {
        let others = others.iter();
        others.map(|other| other.as_str().to_owned()).collect()
    };
    match event {
        Event::Network(state) => json!({ "event": "System", "state": state.word() }),
        Event::Terminal(report) => json!({
            "event": "Terminal", "state": report.state.word(false),
            "agent": report.agent.as_ref().map(AgentId::as_str), "terminal": report.terminal,
        }),
        Event::AgentInfo(info) => json!({
            "event": "AgentInfo", "agent": info.agent.as_str(),
            "first_name": info.first_name.as_str(), "last_name": info.last_name.as_str(),
        }),
        Event::AgentState(report) => json!({
            "event": "State", "agent": report.agent.as_str(), "state": report.state.word(), "reason": report.reason,
            "since": report.since.as_str(), "connection": id(&report.connection), "others": others(&report.others),
        }),
        Event::DialogState(report) => json!({
            "event": "DialogState", "agent": report.agent.as_str(), "state": report.state.word(),
            "since": report.since.as_str(), "connection": id(&report.connection), "others": others(&report.others),
        }),
        Event::InboundCall(report) => json!({
            "event": "InboundCall", "agent": report.agent.as_ref().map(AgentId::as_str), "state": report.state.word(),
            "started": report.started.as_str(), "connection": id(&report.connection),
            "other": report.other.as_ref().map(Address::as_str),
        }),
        Event::Error(report) => json!({
            "event": "Error", "for": report.error_for.as_str(), "code": report.code.word(),
            "message": report.message.as_deref().unwrap_or(report.code.message()),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(body: &str) -> Heard {
        Heard::new(body.to_owned(), Some("k1".to_owned()))
    }

    #[test]
    fn every_event_is_a_line_for_people() {
        for (body, expected) in [
            ("System#IN_SERVICE", "telephone network in service"),
            ("System#OUT_OF_SERVICE", "telephone network OUT OF SERVICE"),
            ("Terminal#CiscoTermInServiceEv", "phone registered"),
            (
                r#"{"type":"System","status":"CiscoTermOutServiceEv","agentId":"42031"}"#,
                "42031  phone NOT REGISTERED",
            ),
            (
                "42031#AgentInfo#Agent#42031#false#NOT_ALLOWED#teams:0##Agent 42031",
                "42031  Agent 42031",
            ),
            (
                "42031#State#NOT_READY#7###t#A#42031#42031",
                "42031  NOT_READY (7)",
            ),
            ("42031#DialogState#NONE#t#0#", "42031  no call"),
            (
                "42031#DialogState#ACTIVE#t#16777217#42032,32033",
                "42031  call 16777217 ACTIVE with 42032, 32033",
            ),
            ("42031#DialogState#ACTIVE", "42031  call ? ACTIVE"),
            (
                "42032#InboundCall#ALERTING#t#16777218#42031",
                "42032  inbound call 16777218 ALERTING from 42031",
            ),
            ("InboundCall#ALERTING#t", "inbound call ? ALERTING"),
            (
                "System#Error#MISSING_EXTENSION",
                "System  error MISSING_EXTENSION: extension is missing",
            ),
            ("42031#Error#PLEASE_RETRY", "42031  error PLEASE_RETRY"),
            // What a terminal would obey is not passed on to it.
            ("42031#Odd\u{1b}[2J\nx", "42031#Odd\u{fffd}[2J x"),
        ] {
            assert_eq!(line(&heard(body)), expected, "{body}");
        }
    }

    #[test]
    fn every_event_is_an_object_for_programs_with_its_text() {
        let body = "42031#DialogState#ACTIVE#t#16777217#42032";
        let expected = json!({
            "event": "DialogState", "agent": "42031", "state": "ACTIVE", "since": "t", "connection": 16777217,
            "others": ["42032"], "correlation": "k1", "text": body,
        });
        assert_eq!(value(&heard(body)), expected);
        let unknown = json!({ "event": null, "correlation": "k1", "text": "?" });
        assert_eq!(value(&heard("?")), unknown);
        let all: Vec<_> = [
            "42031#DialogState#HELD#t#7#1",
            "42031#DialogState#INITIATING#t#8#2",
        ]
        .map(|body| Arc::new(heard(body)))
        .into();
        assert_eq!(done(&all)["connection"], 8);
    }
}
