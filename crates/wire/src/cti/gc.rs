//! Events in the layout of the sister product, for programs that were written for it. [cti §13]
//!
//! It has text only, tells more of a call than ours does, and has events of its own. They are written here, never read: our
//! client asks for the other layout.

use super::encode_event::Line;
use super::{
    Address, AgentId, ConnectionId, DialogState, ErrorReport, Event, Format, PersonName, Style,
    TimeText, encode_event,
};

/// A leg of an agent, with all that this layout tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GcCall {
    /// The agent.
    pub agent: AgentId,
    /// What his leg is doing.
    pub state: DialogState,
    /// The leg.
    pub connection: ConnectionId,
    /// The other party.
    pub other: Address,
    /// Why it failed; told instead of the other party.
    pub reason: String,
    /// What programs have noted at the call: names and values.
    pub variables: Vec<(PersonName, PersonName)>,
    /// When the leg came into being.
    pub started: TimeText,
    /// What kind of call it is.
    pub call_type: String,
    /// Everybody in the call.
    pub participants: Vec<GcParticipant>,
}

/// Somebody in a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GcParticipant {
    /// His number.
    pub number: Address,
    /// What he is doing.
    pub state: DialogState,
    /// Since when he is there; `None` before.
    pub started: Option<TimeText>,
}

/// `NewInboundCall`: a call rings at the agent.
pub fn encode_new_inbound_call(call: &GcCall) -> String {
    let mut line = Line::default();
    line.fields(&[
        call.agent.as_str(),
        "NewInboundCall",
        call.other.as_str(),
        &variables(call),
        &dialog_id(call),
    ]);
    line.0
}

/// `InboundCall`: a leg in any state, of a call that came in or went out.
pub fn encode_call(call: &GcCall) -> String {
    let failed = call.state == DialogState::Failed;
    let participants: Vec<_> = call.participants.iter().map(participant).collect();
    let mut line = Line::default();
    line.fields(&[
        call.agent.as_str(),
        "InboundCall",
        call.state.word(),
        &dialog_id(call),
        if failed {
            &call.reason
        } else {
            call.other.as_str()
        },
        &variables(call),
        call.started.as_str(),
        &format!("callType:{}", call.call_type),
        "",
        &format!("participants:{}", participants.join("|")),
    ]);
    line.0
}

/// `ConsultCall`: a leg of a consultation in any state.
pub fn encode_consult_call(call: &GcCall) -> String {
    let mut line = Line::default();
    line.fields(&[
        call.agent.as_str(),
        "ConsultCall",
        call.state.word(),
        &dialog_id(call),
        call.other.as_str(),
    ]);
    line.0
}

/// An event that is none of a call. Errors have a text; the others are as in the default format.
pub fn encode_other(event: &Event, style: Style) -> String {
    let mut line = Line(encode_event(event, Format::Default, style));
    if let Event::Error(ErrorReport { code, message, .. }) = event {
        line.field(message.as_deref().unwrap_or_else(|| code.message()));
    }
    line.0
}

fn dialog_id(call: &GcCall) -> String {
    format!("dialogID:{}", call.connection)
}

fn variables(call: &GcCall) -> String {
    let each = call.variables.iter();
    let all: Vec<_> = each
        .map(|(name, value)| format!("{}={}", name.as_str(), value.as_str()))
        .collect();
    all.join("|")
}

fn participant(participant: &GcParticipant) -> String {
    let started = participant.started.as_ref().map(TimeText::as_str);
    format!(
        "{},{},{}",
        participant.number.as_str(),
        participant.state.word(),
        started.unwrap_or("NULL")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cti::{ErrorCode, ErrorFor};

    fn call(state: DialogState) -> GcCall {
        let started = TimeText::of([2026, 11, 21, 10, 0, 0]).unwrap();
        let participant = |number, state, started| GcParticipant {
            number: Address::new(number),
            state,
            started,
        };
        GcCall {
            agent: AgentId::parse("42032").unwrap(),
            state,
            connection: ConnectionId::of_node(1, 2).unwrap(),
            other: Address::new("42031"),
            reason: "busy".into(),
            variables: vec![
                (PersonName::new("order"), PersonName::new("7|8")),
                (PersonName::new("name"), PersonName::new("Müller")),
            ],
            started: started.clone(),
            call_type: "inbound".into(),
            participants: vec![
                participant("42031", DialogState::Initiated, Some(started)),
                participant("42032", DialogState::Alerting, None),
            ],
        }
    }

    #[test]
    fn cc_70_each_event_has_the_parts_that_the_sisters_clients_look_at() {
        let ringing = call(DialogState::Alerting);
        assert_eq!(
            encode_new_inbound_call(&ringing),
            "42032#NewInboundCall#42031#order=7 8|name=Müller#dialogID:16777218"
        );
        let written = encode_call(&ringing);
        assert_eq!(
            written,
            "42032#InboundCall#ALERTING#dialogID:16777218#42031#order=7 8|name=Müller#2026-11-21 10:00:00\
             #callType:inbound##participants:42031,INITIATED,2026-11-21 10:00:00|42032,ALERTING,NULL"
        );
        assert_eq!(written.split('#').count(), 10);
        let failed = encode_call(&call(DialogState::Failed));
        assert_eq!(failed.split('#').nth(4), Some("busy"));
        assert_eq!(
            encode_consult_call(&call(DialogState::Active)),
            "42032#ConsultCall#ACTIVE#dialogID:16777218#42031"
        );
        let refused = Event::Error(ErrorReport {
            error_for: ErrorFor::sent("42032"),
            code: ErrorCode::MissingExtension,
            message: None,
            command: None,
        });
        assert_eq!(
            encode_other(&refused, Style::default()),
            "42032#Error#MISSING_EXTENSION#extension is missing"
        );
    }
}
