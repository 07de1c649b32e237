//! Events as JSON: the keys of the vendor's guide in its order, no blanks. [cti §4.2, §4.3, §4.4]

use super::encode_event::number_of;
use super::{
    Address, AgentInfo, AgentReport, DialogReport, ErrorReport, Event, InboundReport, Style,
    TerminalReport,
};
use serde::Serialize;

pub(super) fn encode(event: &Event, style: Style) -> String {
    match event {
        Event::Network(state) => written(&System {
            r#type: "System",
            status: state.word(),
            agent_id: None,
            terminal: None,
        }),
        Event::Terminal(report) => terminal(report, style),
        Event::AgentInfo(info) => agent_info(info),
        Event::AgentState(report) => agent_state(report, style),
        Event::DialogState(report) => dialog_state(report, style),
        Event::InboundCall(report) => inbound_call(report, style),
        Event::Error(report) => error(report, style),
    }
}

fn written(shape: &impl Serialize) -> String {
    serde_json::to_string(shape).expect("texts, numbers and lists have a JSON form")
}

/// A number where it survives as one, else a text.
#[derive(Serialize)]
#[serde(untagged)]
enum Party<'a> {
    Number(u64),
    Text(&'a str),
}

impl<'a> Party<'a> {
    fn of(address: &'a Address, style: Style) -> Self {
        match address.as_number() {
            Some(number) if !style.addresses_as_strings => Self::Number(number),
            _ => Self::Text(address.as_str()),
        }
    }

    fn all(addresses: &'a [Address], style: Style) -> Vec<Self> {
        let each = addresses.iter();
        each.map(|address| Self::of(address, style)).collect()
    }
}

/// The guide gives the events of a phone the type `System` too.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct System<'a> {
    r#type: &'static str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    terminal: Option<&'a str>,
}

fn terminal(report: &TerminalReport, style: Style) -> String {
    let agent = report.agent.as_ref().filter(|_| style.extra);
    written(&System {
        r#type: "System",
        status: report.state.word(style.jtapi_terminal_out),
        agent_id: agent.map(super::AgentId::as_str),
        terminal: report.terminal.as_deref().filter(|_| style.extra),
    })
}

fn agent_info(info: &AgentInfo) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Shape<'a> {
        r#type: &'static str,
        agent_id: &'a str,
        first_name: &'a str,
        last_name: &'a str,
        extension: &'a str,
    }
    written(&Shape {
        r#type: "AgentInfo",
        agent_id: info.agent.as_str(),
        first_name: info.first_name.as_str(),
        last_name: info.last_name.as_str(),
        extension: info.extension.as_str(),
    })
}

fn agent_state(report: &AgentReport, style: Style) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Inner<'a> {
        state: &'static str,
        state_change_time_string: &'a str,
    }
    #[derive(Serialize)]
    #[serde(untagged)]
    enum State<'a> {
        Flat(&'static str),
        Object(Inner<'a>),
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Shape<'a> {
        r#type: &'static str,
        agent_id: &'a str,
        state: State<'a>,
        other_participants: Vec<Party<'a>>,
        #[serde(rename = "connectionID")]
        connection_id: u32,
    }
    let state = report.state.word();
    written(&Shape {
        r#type: "AGENT_STATE",
        agent_id: report.agent.as_str(),
        state: if style.flat_agent_state {
            State::Flat(state)
        } else {
            State::Object(Inner {
                state,
                state_change_time_string: report.since.as_str(),
            })
        },
        other_participants: Party::all(&report.others, style),
        connection_id: number_of(report.connection),
    })
}

fn dialog_state(report: &DialogReport, style: Style) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Shape<'a> {
        r#type: &'static str,
        agent_id: &'a str,
        state: &'static str,
        state_change_time_string: &'a str,
        participants: Vec<Party<'a>>,
        #[serde(rename = "connectionID")]
        connection_id: u32,
        #[serde(skip_serializing_if = "Option::is_none")]
        cause: Option<&'a str>,
    }
    written(&Shape {
        r#type: "DialogState",
        agent_id: report.agent.as_str(),
        state: report.state.word(),
        state_change_time_string: report.since.as_str(),
        participants: Party::all(&report.others, style),
        connection_id: number_of(report.connection),
        cause: report.cause.as_deref().filter(|_| style.extra),
    })
}

fn inbound_call(report: &InboundReport, style: Style) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Shape<'a> {
        r#type: &'static str,
        agent_id: &'a str,
        #[serde(rename = "State")]
        state: &'static str,
        start_time: &'a str,
        participants: Party<'a>,
        #[serde(rename = "Connection")]
        connection: u32,
    }
    let agent = report.agent.as_ref();
    let other = report.other.as_ref();
    written(&Shape {
        r#type: "InboundCall",
        agent_id: agent.map(super::AgentId::as_str).unwrap_or_default(),
        state: report.state.word(),
        start_time: report.started.as_str(),
        participants: other.map_or(Party::Text(""), |other| Party::of(other, style)),
        connection: number_of(report.connection),
    })
}

fn error(report: &ErrorReport, style: Style) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Shape<'a> {
        r#type: &'static str,
        error_type: &'a str,
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        agent_id: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        command: Option<&'a str>,
    }
    let message = report.message.as_deref();
    let named = style.extra && !report.error_for.is_system();
    written(&Shape {
        r#type: "Error",
        error_type: report.code.word(),
        message: message.unwrap_or_else(|| report.code.message()),
        agent_id: named.then(|| report.error_for.as_str()),
        command: report.command.as_deref().filter(|_| style.extra),
    })
}
