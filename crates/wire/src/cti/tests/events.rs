//! Events, as deployments want them and as other servers write them. [cti §4]

use super::*;

fn text(event: &Event, style: Style) -> String {
    encode_event(event, Format::Default, style)
}

fn json(event: &Event, style: Style) -> String {
    encode_event(event, Format::Json, style)
}

fn time() -> TimeText {
    TimeText::of([2026, 11, 21, 10, 0, 0]).unwrap()
}

fn heard(body: &str) -> Event {
    match decode_event(body) {
        Received::Known(event, _) => event,
        Received::Raw(raw) => panic!("unknown: {raw}"),
    }
}

fn dialog(others: &[&str]) -> DialogReport {
    DialogReport {
        agent: agent("42031"),
        state: DialogState::Active,
        since: time(),
        connection: Some(id(16_777_217)),
        others: others.iter().map(|other| Address::new(other)).collect(),
        cause: Some("normal".into()),
    }
}

fn talking() -> AgentReport {
    AgentReport {
        agent: agent("42031"),
        state: AgentState::Talking,
        reason: String::new(),
        since: time(),
        full_name: PersonName::new("Agent 42031"),
        extension: agent("42031"),
        others: vec![Address::new("42032")],
        connection: Some(id(16_777_217)),
    }
}

fn inbound() -> InboundReport {
    InboundReport {
        agent: Some(agent("42031")),
        state: DialogState::Alerting,
        started: time(),
        connection: Some(id(16_777_217)),
        other: Some(Address::new("42032")),
    }
}

#[test]
fn cc_01_an_answer_has_the_headers_of_an_event() {
    let body = text(&Event::Network(NetworkState::InService), Style::default());
    let message = EventMessage::new(body, Some("1"));
    assert_eq!(message.body, "System#IN_SERVICE");
    assert_eq!(message.correlation_id.as_deref(), Some("1"));
    assert_eq!(EventMessage::JMS_TYPE, "");
    const { assert!(!EventMessage::PERSISTENT && EventMessage::EXPIRATION_MS == 0) };
    assert_eq!(EVENT_PRIORITY, 4);
}

#[test]
fn cc_06_a_network_that_is_away_is_said_in_both_formats() {
    let event = Event::Network(NetworkState::OutOfService);
    assert_eq!(text(&event, Style::default()), "System#OUT_OF_SERVICE");
    let written = json(&event, Style::default());
    assert_eq!(written, r#"{"type":"System","status":"OUT_OF_SERVICE"}"#);
}

#[test]
fn cc_18_a_logout_is_a_state_of_no_leg() {
    let event = Event::AgentState(AgentReport {
        state: AgentState::Logout,
        others: Vec::new(),
        connection: None,
        ..talking()
    });
    assert_eq!(
        text(&event, Style::default()),
        "42031#State#LOGOUT####2026-11-21 10:00:00#Agent 42031#42031#42031"
    );
    assert!(
        json(&event, Style::default()).ends_with(r#""otherParticipants":[],"connectionID":0}"#)
    );
}

#[test]
fn cc_48_a_number_that_would_lose_its_zero_is_a_text() {
    let participants = |others: &[&str], style| {
        let written = json(&Event::DialogState(dialog(others)), style);
        let from = written.find("\"participants\"").unwrap();
        written[from..]
            .split(",\"connectionID")
            .next()
            .unwrap()
            .to_owned()
    };
    let style = Style::default();
    assert_eq!(
        participants(&["00491701"], style),
        r#""participants":["00491701"]"#
    );
    assert_eq!(participants(&["5500"], style), r#""participants":[5500]"#);
    assert_eq!(
        participants(&["+49", "*21", "", "1234567890123456", "42032"], style),
        r#""participants":["+49","*21","","1234567890123456",42032]"#
    );
}

#[test]
fn cc_69_each_switch_changes_its_own_event_only() {
    let style = Style::default();
    let flat = Style {
        flat_agent_state: true,
        ..style
    };
    assert_eq!(
        json(&Event::AgentState(talking()), flat),
        r#"{"type":"AGENT_STATE","agentId":"42031","state":"TALKING","otherParticipants":[42032],"connectionID":16777217}"#
    );
    let strings = Style {
        addresses_as_strings: true,
        ..style
    };
    assert!(json(&Event::InboundCall(inbound()), strings).contains(r#""participants":"42032""#));
    assert!(
        json(&Event::AgentState(talking()), strings).contains(r#""otherParticipants":["42032"]"#)
    );
    let literal = Style {
        literal_inbound_call: true,
        ..style
    };
    assert_eq!(
        text(&Event::InboundCall(inbound()), literal),
        "InboundCall#ALERTING#2026-11-21 10:00:00#16777217#42032"
    );
    assert_eq!(
        json(&Event::InboundCall(inbound()), literal),
        json(&Event::InboundCall(inbound()), style)
    );
    let jtapi = Style {
        jtapi_terminal_out: true,
        ..style
    };
    let gone = Event::Terminal(TerminalReport {
        state: TerminalState::OutOfService,
        agent: Some(agent("42031")),
        terminal: Some("SEP000000042031".into()),
    });
    assert_eq!(text(&gone, style), "Terminal#CiscoTermOutServiceEv");
    assert_eq!(text(&gone, jtapi), "Terminal#CiscoTermOutOfServiceEv");
    let extra = Style {
        extra: true,
        ..style
    };
    assert_eq!(
        json(&gone, style),
        r#"{"type":"System","status":"CiscoTermOutServiceEv"}"#
    );
    assert_eq!(
        json(&gone, extra),
        r#"{"type":"System","status":"CiscoTermOutServiceEv","agentId":"42031","terminal":"SEP000000042031"}"#
    );
    let written = json(&Event::DialogState(dialog(&["42032"])), extra);
    assert!(written.ends_with(r#""connectionID":16777217,"cause":"normal"}"#));
    let refused = Event::Error(read("MakeCall#42031", "").unwrap_err().report());
    assert_eq!(
        json(&refused, extra),
        r#"{"type":"Error","errorType":"MISSING_EXTENSION","message":"extension is missing","agentId":"42031","command":"MakeCall"}"#
    );
    assert_eq!(text(&refused, extra), "42031#Error#MISSING_EXTENSION");
}

#[test]
fn cc_62_a_name_with_separators_leaves_the_parts_in_their_places() {
    let event = Event::AgentInfo(AgentInfo {
        agent: agent("42031"),
        first_name: PersonName::new("Jörg #1"),
        last_name: PersonName::new("Müller"),
        full_name: PersonName::new("Jörg #1, Müller"),
        extension: agent("42031"),
    });
    let written = text(&event, Style::default());
    assert!(written.ends_with("#Jörg  1  Müller"), "{written}");
    assert_eq!(written.split('#').count(), 9);
}

#[test]
fn what_would_end_a_field_is_a_blank_so_that_the_count_of_fields_is_constant() {
    let mut report = talking();
    report.reason = "a#b\nc".into();
    let written = text(&Event::AgentState(report), Style::default());
    assert_eq!(written.split('#').count(), 10);
    let written = text(
        &Event::DialogState(dialog(&["*21#", "1,2"])),
        Style::default(),
    );
    assert_eq!(written.split('#').count(), 6);
    assert!(written.ends_with("#*21 ,1 2"), "{written}");
}

#[test]
fn json_is_written_safely_whatever_a_name_holds() {
    let event = Event::AgentInfo(AgentInfo {
        agent: agent("42031"),
        first_name: PersonName::new("\"A\\\u{1}"),
        last_name: PersonName::new("<ü>"),
        full_name: PersonName::default(),
        extension: agent("42031"),
    });
    let written = json(&event, Style::default());
    assert!(
        written.contains(r#""firstName":"\"A\\ ","lastName":"<ü>""#),
        "{written}"
    );
    assert_eq!(heard(&written), event);
}

#[test]
fn c4_the_format_is_seen_by_the_first_character() {
    let format = |body| match decode_event(body) {
        Received::Known(_, format) => format,
        Received::Raw(raw) => panic!("{raw}"),
    };
    assert_eq!(format("System#IN_SERVICE"), Format::Default);
    assert_eq!(
        format(r#"{"type":"System","status":"IN_SERVICE"}"#),
        Format::Json
    );
    assert_eq!(
        format(" {\"status\" : \"IN_SERVICE\",\n\"type\":\"System\"}"),
        Format::Json
    );
    assert_eq!(format("{x#Error#WRONG_EXTENSION"), Format::Default);
}

#[test]
fn c5_an_inbound_call_is_read_with_and_without_its_agent() {
    let printed = heard("InboundCall#ALERTING#2026-11-21 10:00:00");
    let prefixed = heard("42031#InboundCall#ALERTING#2026-11-21 10:00:00");
    let report = InboundReport {
        connection: None,
        other: None,
        ..inbound()
    };
    assert_eq!(prefixed, Event::InboundCall(report.clone()));
    let nameless = InboundReport {
        agent: None,
        ..report
    };
    assert_eq!(printed, Event::InboundCall(nameless));
}

#[test]
fn c6_what_is_unknown_is_kept_as_it_came() {
    for body in [
        "",
        "{",
        "{}",
        "[1]",
        "42031",
        "42031#",
        "42031#NewInboundCall#1000##dialogID:7",
        "42031#DialogState#WRAP_UP#x",
        "42031#DialogState#ACTIVE#x#nonsense#",
        "42031#Error",
        "42031#Error#",
        "42031#Error#\u{1} ",
        "System#MAYBE",
        "Terminal#CiscoTermRemovedEv",
        "InboundCall",
        "jdoe#State#READY",
        r#"{"type":"ReasonCodes"}"#,
        r#"{"type":"DialogState","agentId":"1","state":"ACTIVE","participants":{}}"#,
        r#"{"type":"Error"}"#,
        r#"{"type":"Error","message":"something went wrong"}"#,
        &format!("42031#State{}", "#".repeat(100)),
        &format!("System#IN_SERVICE{}", " ".repeat(EVENT_MAX)),
        &"[".repeat(1_000),
        &"{\"a\":".repeat(1_000),
    ] {
        let kept = matches!(decode_event(body), Received::Raw(raw) if raw == body);
        assert!(kept, "{:.60}", body);
    }
}

#[test]
fn c7_numbers_may_be_texts_and_texts_numbers() {
    let ours = Event::DialogState(DialogReport {
        cause: None,
        ..dialog(&["42032", "32033"])
    });
    for participants in [
        r#"[42032,"32033"]"#,
        r#""42032,32033""#,
        r#"["42032",32033]"#,
    ] {
        let body = format!(
            r#"{{"connectionID":"16777217","participants":{participants},"extra":[{{}}],"stateChangeTimeString":"2026-11-21 10:00:00","state":"ACTIVE","agentId":42031,"type":"DialogState"}}"#
        );
        assert_eq!(heard(&body), ours, "{participants}");
    }
    let call = Event::InboundCall(inbound());
    for participants in ["42032", r#""42032""#, "[42032]"] {
        let body = format!(
            r#"{{"type":"InboundCall","agentId":"42031","state":"ALERTING","startTime":"2026-11-21 10:00:00","participants":{participants},"connectionID":16777217}}"#
        );
        assert_eq!(heard(&body), call, "{participants}");
    }
}

#[test]
fn c8_an_agents_state_may_be_a_text_or_an_object() {
    let ours = talking();
    let state = |state: &str| {
        let body = format!(
            r#"{{"type":"AGENT_STATE","agentId":"42031","state":{state},"stateChangeTimeString":"2026-11-21 10:00:00","otherParticipants":[42032],"connectionID":16777217}}"#
        );
        match heard(&body) {
            Event::AgentState(report) => report,
            other => panic!("{other:?}"),
        }
    };
    let object = r#"{"state":"TALKING","stateChangeTimeString":"2026-11-21 10:00:00"}"#;
    for written in [object, "\"TALKING\""] {
        let report = state(written);
        assert_eq!(
            (report.state, &report.since),
            (ours.state, &ours.since),
            "{written}"
        );
        assert_eq!(
            (report.others, report.connection),
            (ours.others.clone(), ours.connection)
        );
    }
}

#[test]
fn c9_an_error_may_have_its_code_under_message_only() {
    let code = |body: &str| match heard(body) {
        Event::Error(report) => (report.code, report.message),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        code(r#"{"type":"Error","message":"USER_NOT_FOUND"}"#),
        (ErrorCode::UserNotFound, None)
    );
    assert_eq!(
        code(r#"{"type":"Error","errorType":"","message":"INVALID_PARTY"}"#),
        (ErrorCode::InvalidParty, None)
    );
    assert_eq!(
        code(r#"{"type":"Error","errorType":"GENERAL_ERROR","message":"no luck"}"#),
        (ErrorCode::GeneralError, Some("no luck".into()))
    );
    let (other, _) = code(r#"{"type":"Error","errorType":"CF_INVALID_DESTINATION"}"#);
    assert_eq!(other.word(), "CF_INVALID_DESTINATION");
}

#[test]
fn c10_the_vendors_slip_is_read_in_three_spellings() {
    for word in [
        "PREVILLEGE_VIOLATION",
        "PRIVILLEGE_VIOLATION",
        "PRIVILEGE_VIOLATION",
    ] {
        let event = heard(&format!("42031#Error#{word}"));
        assert_eq!(
            text(&event, Style::default()),
            "42031#Error#PREVILLEGE_VIOLATION"
        );
    }
}

#[test]
fn the_shorter_text_of_the_vendors_guide_is_read() {
    let event = heard("42031#DialogState#HELD#2026-11-21 10:00:00");
    let Event::DialogState(report) = event else {
        panic!("{event:?}");
    };
    assert_eq!((report.state, report.connection), (DialogState::Held, None));
    assert!(report.others.is_empty());
}

#[test]
fn every_error_has_its_text() {
    for code in ErrorCode::ALL {
        let event = Event::Error(ErrorReport {
            error_for: ErrorFor::sent("42031"),
            code: code.clone(),
            message: None,
            command: None,
        });
        let written = json(&event, Style::default());
        let message = match code {
            ErrorCode::MissingExtension => "extension is missing",
            ErrorCode::WrongExtension => "the extension is wrong or invalid",
            _ => code.word(),
        };
        assert_eq!(
            written,
            format!(
                r#"{{"type":"Error","errorType":"{}","message":"{message}"}}"#,
                code.word()
            )
        );
    }
}
