//! Every message of the worked conversations is read and written again, byte for byte. [cti §9]

use super::fixture::{Step, conversation};
use super::*;

/// What both formats say together: each has fields that the other has no room for.
fn together(text: &Event, json: &Event) -> Event {
    let mut all = text.clone();
    match (&mut all, json) {
        (Event::AgentState(all), Event::AgentState(json)) => {
            all.others = json.others.clone();
            all.connection = json.connection;
        }
        (Event::AgentInfo(all), Event::AgentInfo(json)) => {
            all.extension = json.extension.clone();
        }
        (all, json) if !matches!(json, Event::Error(_)) => assert_eq!(all, json),
        _ => {}
    }
    all
}

fn known(body: &str, format: Format) -> Event {
    match decode_event(body) {
        Received::Known(event, found) if found == format => event,
        other => panic!("{body} is {other:?}"),
    }
}

fn event_is_exact(text: &str, json: &str) {
    let of_text = known(text, Format::Default);
    let of_json = known(json, Format::Json);
    let style = Style::default();
    assert_eq!(encode_event(&of_text, Format::Default, style), text);
    assert_eq!(encode_event(&of_json, Format::Json, style), json);
    // One value, as a server has it, gives both.
    let all = together(&of_text, &of_json);
    assert_eq!(encode_event(&all, Format::Default, style), text);
    assert_eq!(encode_event(&all, Format::Json, style), json);
}

/// Reads and writes everything in a file. Gives how many commands and events there were.
fn is_exact(file: &str) -> (usize, usize) {
    let (mut commands, mut events) = (0, 0);
    let mut refused = None;
    for step in conversation(file) {
        match step {
            Step::Command {
                correlation,
                reply,
                jms_type,
                body,
            } => {
                commands += 1;
                let mut message = message(&jms_type, &body);
                message.correlation_id = Some(correlation.clone());
                message.reply_to = reply.clone();
                assert_eq!(message.correlation(), Some(&*correlation));
                let replied = message.reply(&Names::default());
                assert_eq!(replied.map(|reply| reply.to_string()), reply);
                match decode_command(&message, &Names::default()) {
                    Ok(command) => {
                        let written = encode_command(&command);
                        let without_blanks = jms_type.replace("# ", "#");
                        assert_eq!(written.jms_type, Some(without_blanks));
                        assert_eq!(written.body, Body::Text(Some(body)));
                    }
                    Err(error) => refused = Some(error),
                }
            }
            Step::Event {
                topic,
                text,
                json,
                correlation,
            } => {
                events += 1;
                assert!(ClientDestination::parse(&topic, &Names::default()).is_ok());
                event_is_exact(&text, &json);
                let message = EventMessage::new(text.clone(), correlation.as_deref());
                assert_eq!(
                    (message.body, message.correlation_id),
                    (text.clone(), correlation)
                );
                if let Some(refused) = refused.take() {
                    let report = Event::Error(refused.report());
                    let style = Style::default();
                    assert_eq!(encode_event(&report, Format::Default, style), text);
                    assert_eq!(encode_event(&report, Format::Json, style), json);
                }
            }
        }
    }
    assert!(refused.is_none(), "{file} ends with an error unsaid");
    (commands, events)
}

#[test]
fn cc_11_the_three_answers_of_a_login_are_exact_in_both_formats() {
    assert_eq!(is_exact("01-login-and-logout.txt"), (4, 8));
}

#[test]
fn cc_22_an_outbound_call_is_exact_in_the_default_format() {
    assert_eq!(is_exact("02-outbound-call.txt"), (2, 16));
}

#[test]
fn cc_23_an_outbound_call_is_exact_in_json() {
    for step in conversation("02-outbound-call.txt") {
        if let Step::Event { json, .. } = step {
            let event = known(&json, Format::Json);
            assert_eq!(encode_event(&event, Format::Json, Style::default()), json);
            // Keys are the guide's and no others, without a blank between them.
            let extra = Style {
                extra: true,
                ..Style::default()
            };
            assert_eq!(encode_event(&event, Format::Json, extra), json);
            assert!(!json.contains(": ") && !json.contains(", "), "{json}");
        }
    }
}

#[test]
fn cc_24_an_inbound_call_is_exact() {
    assert_eq!(is_exact("03-inbound-call.txt"), (4, 22));
}

#[test]
fn cc_25_a_blind_transfer_is_exact() {
    assert_eq!(is_exact("04-blind-transfer.txt"), (2, 10));
}

#[test]
fn cc_26_a_consultation_and_its_transfer_are_exact() {
    assert_eq!(is_exact("05-consult-then-transfer.txt"), (3, 23));
}

#[test]
fn cc_27_a_conference_is_exact_and_each_party_sees_the_two_others() {
    assert_eq!(is_exact("06-consult-then-conference.txt"), (2, 14));
    let seen = |wanted: &str| {
        let steps = conversation("06-consult-then-conference.txt");
        steps
            .iter()
            .any(|step| matches!(step, Step::Event { json, .. } if json.contains(wanted)))
    };
    assert!(seen(
        r#""agentId":"42031","state":"ACTIVE","stateChangeTimeString":"2026-11-21 10:00:18","participants":[42032,32033]"#
    ));
    assert!(seen(
        r#""agentId":"42032","state":"ACTIVE","stateChangeTimeString":"2026-11-21 10:00:18","participants":[42031,32033]"#
    ));
}

#[test]
fn cc_28_a_busy_call_is_exact() {
    assert_eq!(is_exact("07-busy.txt"), (2, 6));
}

#[test]
fn cc_29_calls_that_nobody_answers_are_exact() {
    assert_eq!(is_exact("08-no-answer.txt"), (3, 10));
}

#[test]
fn cc_30_an_unallocated_number_is_exact() {
    assert_eq!(is_exact("09-unallocated.txt"), (1, 6));
}

#[test]
fn every_error_that_a_message_alone_comes_to_is_exact() {
    assert_eq!(is_exact("10-errors.txt"), (9, 9));
}

#[test]
fn cc_49_a_network_that_goes_and_comes_back_is_exact() {
    assert_eq!(is_exact("11-network-lost-and-back.txt"), (2, 18));
}

#[test]
fn cc_50_a_phone_that_is_unplugged_and_an_agent_taken_over_are_exact() {
    assert_eq!(is_exact("12-phone-unplugged-and-takeover.txt"), (2, 7));
}

#[test]
fn cc_54_two_agents_on_one_topic_are_exact_and_told_apart_by_the_first_part() {
    assert_eq!(is_exact("13-server-client.txt"), (4, 13));
    for step in conversation("13-server-client.txt") {
        if let Step::Event { text, .. } = step {
            let first = text.split('#').next();
            assert!(
                matches!(first, Some("System" | "42031" | "42032")),
                "{text}"
            );
        }
    }
}

#[test]
fn cc_20_a_state_asked_for_during_a_consultation_is_exact() {
    assert_eq!(is_exact("14-state-asked-during-a-consultation.txt"), (3, 6));
}
