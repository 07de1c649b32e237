//! From an event to the text of a message. [cti §4]

use super::{
    Address, AgentReport, ConnectionId, DialogReport, ErrorReport, Event, Format, InboundReport,
    Style, TerminalReport, encode_json,
};

/// Writes an event.
pub fn encode_event(event: &Event, format: Format, style: Style) -> String {
    match format {
        Format::Default => encode_default(event, style),
        Format::Json => encode_json::encode(event, style),
    }
}

fn encode_default(event: &Event, style: Style) -> String {
    let mut line = Line(String::with_capacity(80));
    match event {
        Event::Network(state) => line.fields(&["System", state.word()]),
        Event::Terminal(TerminalReport { state, .. }) => {
            line.fields(&["Terminal", state.word(style.jtapi_terminal_out)]);
        }
        // No supervisor, no wrap-up, no teams: those need a contact centre. [cti §4.4]
        Event::AgentInfo(info) => line.fields(&[
            info.agent.as_str(),
            "AgentInfo",
            info.first_name.as_str(),
            info.last_name.as_str(),
            "false",
            "NOT_ALLOWED",
            "teams:0",
            "",
            info.full_name.as_str(),
        ]),
        Event::AgentState(report) => agent_state(&mut line, report),
        Event::DialogState(report) => dialog_state(&mut line, report),
        Event::InboundCall(report) => inbound_call(&mut line, report, style),
        Event::Error(ErrorReport {
            error_for, code, ..
        }) => line.fields(&[error_for.as_str(), "Error", code.word()]),
    }
    line.0
}

fn agent_state(line: &mut Line, report: &AgentReport) {
    line.fields(&[
        report.agent.as_str(),
        "State",
        report.state.word(),
        &report.reason,
        "",
        "",
        report.since.as_str(),
        report.full_name.as_str(),
        report.agent.as_str(),
        report.extension.as_str(),
    ]);
}

fn dialog_state(line: &mut Line, report: &DialogReport) {
    line.fields(&[
        report.agent.as_str(),
        "DialogState",
        report.state.word(),
        report.since.as_str(),
    ]);
    line.field(&number_of(report.connection).to_string());
    let others: Vec<_> = report.others.iter().map(Address::as_str).collect();
    line.field(&others.join(","));
}

fn inbound_call(line: &mut Line, report: &InboundReport, style: Style) {
    if let Some(agent) = &report.agent
        && !style.literal_inbound_call
    {
        line.field(agent.as_str());
    }
    line.fields(&["InboundCall", report.state.word(), report.started.as_str()]);
    line.field(&number_of(report.connection).to_string());
    line.field(
        report
            .other
            .as_ref()
            .map(Address::as_str)
            .unwrap_or_default(),
    );
}

/// Zero stands for no leg.
pub(super) fn number_of(connection: Option<ConnectionId>) -> u32 {
    connection.map(ConnectionId::number).unwrap_or_default()
}

/// Fields with `#` between them. What would end one is a blank, so that their count never changes.
#[derive(Default)]
pub(super) struct Line(pub(super) String);

impl Line {
    pub(super) fn field(&mut self, text: &str) {
        if !self.0.is_empty() {
            self.0.push('#');
        }
        let harmless = |c: char| if c == '#' || c.is_control() { ' ' } else { c };
        self.0.extend(text.chars().map(harmless));
    }

    pub(super) fn fields(&mut self, texts: &[&str]) {
        for text in texts {
            self.field(text);
        }
    }
}
