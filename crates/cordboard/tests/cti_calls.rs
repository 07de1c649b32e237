//! Commands about calls: what each wants, what each refuses, what everybody is told. [cti §3.4, §5, §7.3, §7.11, §11]

mod common;

use common::cti::Desk;

const NOW: &str = "2026-11-21 10:00:00";
const WRONG_STATE: &str = "CF_INVALID_OBJECT_STATE";
/// The first connection ids of a lab.
const FIRST: u32 = 16_777_217;

fn state(agent: &str, state: &str, at: &str) -> String {
    format!("{agent}#State#{state}####{at}#Agent {agent}#{agent}#{agent}")
}

fn inbound(agent: &str, state: &str, started: &str, id: u32, other: &str) -> String {
    format!("{agent}#InboundCall#{state}#{started}#{id}#{other}")
}

fn dialog(agent: &str, state: &str, at: &str, id: u32, others: &str) -> String {
    format!("{agent}#DialogState#{state}#{at}#{id}#{others}")
}

fn error(topic: &str, correlation: &str, agent: &str, code: &str) -> Vec<String> {
    vec![format!("{topic} {correlation} {agent}#Error#{code}")]
}

/// Lines of one topic, each with its correlation id.
fn on(topic: &str, lines: &[(&str, String)]) -> Vec<String> {
    let each = lines.iter();
    each.map(|(correlation, text)| format!("{topic} {correlation} {text}"))
        .collect()
}

fn of(topic: &str, lines: &[String]) -> Vec<String> {
    let start = format!("{topic} ");
    let own = lines.iter().filter(|line| line.starts_with(&start));
    own.cloned().collect()
}

/// 42031 talks to 42032, since a second; his leg is the first, the other's the second.
async fn talking() -> Desk {
    let mut desk = Desk::warm(|_| {}).await;
    desk.hand(&["call", "42031", "42032"]).await;
    desk.hand(&["answer", "42032"]).await;
    desk.lines().await;
    desk
}

/// 42032 has asked 32033 about the call of 42031, and they talk.
async fn consulting() -> Desk {
    let mut desk = talking().await;
    desk.hand(&["consult", "42032", "32033"]).await;
    desk.hand(&["answer", "32033"]).await;
    desk.lines().await;
    desk
}

#[tokio::test]
async fn cc_31_outside_numbers_answer_and_hang_up() {
    let mut desk = Desk::warm(|_| {}).await;
    let heard = desk.ask("MakeCall#42031", "5500", "m").await;
    assert_eq!(
        heard,
        on(
            "cc.a",
            &[
                ("m", state("42031", "RESERVED", NOW)),
                ("m", dialog("42031", "INITIATING", NOW, FIRST, "5500")),
                ("-", dialog("42031", "INITIATED", NOW, FIRST, "5500")),
            ]
        )
    );
    desk.advance(1_000).await;
    let at = "2026-11-21 10:00:01";
    let answered = on(
        "cc.a",
        &[
            ("-", state("42031", "TALKING", at)),
            ("-", dialog("42031", "ACTIVE", at, FIRST, "5500")),
        ],
    );
    assert_eq!(desk.lines().await, answered);

    let mut desk = Desk::warm(|_| {}).await;
    desk.ask("MakeCall#42031", "5506", "m").await;
    desk.advance(1_000).await;
    assert_eq!(desk.lines().await.len(), 2);
    desk.advance(5_000).await;
    let at = "2026-11-21 10:00:06";
    let over = on(
        "cc.a",
        &[
            ("-", state("42031", "READY", at)),
            ("-", dialog("42031", "DROPPED", at, FIRST, "5506")),
        ],
    );
    assert_eq!(desk.lines().await, over);
}

#[tokio::test]
async fn cc_32_a_number_is_dialled_in_whatever_form_it_is_written() {
    for (jms_type, body) in [
        ("makecall# 42031 ", " 42032 "),
        ("MakeCall#42031", "{42032}"),
        ("MakeCall#42031", "4-20 32"),
    ] {
        let mut desk = Desk::warm(|_| {}).await;
        let heard = desk.ask(jms_type, body, "m").await;
        let dialled = dialog("42031", "INITIATING", NOW, FIRST, "42032");
        assert_eq!(heard[1], format!("cc.a m {dialled}"), "{jms_type} {body}");
        assert!(heard[3].starts_with("cc.b - 42032#State#RESERVED"));
    }
}

#[tokio::test]
async fn cc_33_a_call_is_not_placed_while_one_talks_but_while_one_is_held() {
    let mut desk = talking().await;
    let refused = desk.ask("MakeCall#42031", "5500", "m").await;
    assert_eq!(refused, error("cc.a", "m", "42031", WRONG_STATE));
    desk.ask("HoldCall#42031", "16777217", "h").await;
    let heard = desk.ask("MakeCall#42031", "5500", "m").await;
    assert_eq!(
        heard,
        on(
            "cc.a",
            &[
                ("m", state("42031", "RESERVED", NOW)),
                ("m", dialog("42031", "INITIATING", NOW, FIRST + 2, "5500")),
                ("-", dialog("42031", "INITIATED", NOW, FIRST + 2, "5500")),
            ]
        )
    );
}

#[tokio::test]
async fn cc_34_what_is_no_number_is_told_apart() {
    let mut desk = Desk::warm(|_| {}).await;
    for (body, code) in [
        ("", "MISSING_EXTENSION"),
        ("abc", "WRONG_EXTENSION"),
        ("42031", "INVALID_PARTY"),
        ("4;2", "INVALID_PARTY"),
        ("42032,1", "PLEASE_RETRY"),
    ] {
        let heard = desk.ask("MakeCall#42031", body, "m").await;
        assert_eq!(heard, error("cc.a", "m", "42031", code), "{body}");
    }
    assert!(desk.ask("GetState#42031", "", "g").await[1].contains("#NONE#"));
}

#[tokio::test]
async fn cc_35_a_call_is_held_once_and_only_a_held_one_retrieved() {
    let mut desk = talking().await;
    let retrieved = desk.ask("RetrieveCall#42031", "16777217", "r").await;
    assert_eq!(retrieved, error("cc.a", "r", "42031", WRONG_STATE));
    assert_eq!(desk.ask("HoldCall#42031", "16777217", "h").await.len(), 2);
    let again = desk.ask("HoldCall#42031", "16777217", "i").await;
    assert_eq!(again, error("cc.a", "i", "42031", WRONG_STATE));
}

#[tokio::test]
async fn cc_36_only_who_is_rung_answers_and_once() {
    let mut desk = Desk::warm(|_| {}).await;
    desk.ask("MakeCall#42031", "42032", "m").await;
    let caller = desk.ask("AnswerCall#42031", "16777217", "a").await;
    assert_eq!(caller, error("cc.a", "a", "42031", WRONG_STATE));
    assert_eq!(desk.ask("AnswerCall#42032", "16777218", "b").await.len(), 5);
    let again = desk.ask("AnswerCall#42032", "16777218", "c").await;
    assert_eq!(again, error("cc.b", "c", "42032", WRONG_STATE));
}

#[tokio::test]
async fn cc_37_answering_another_call_holds_the_first_and_the_agent_goes_on_talking() {
    let mut desk = talking().await;
    desk.hand(&["call", "32033", "42032"]).await;
    desk.lines().await;
    let heard = desk.ask("AnswerCall#42032", "16777220", "a").await;
    assert_eq!(
        of("cc.b", &heard),
        on(
            "cc.b",
            &[
                ("a", inbound("42032", "HELD", NOW, FIRST + 1, "42031")),
                ("a", dialog("42032", "HELD", NOW, FIRST + 1, "42031")),
                ("a", inbound("42032", "ACTIVE", NOW, FIRST + 3, "32033")),
                ("a", dialog("42032", "ACTIVE", NOW, FIRST + 3, "32033")),
            ]
        )
    );
    assert_eq!(of("cc.a", &heard), [""; 0]);
    assert_eq!(of("cc.c", &heard).len(), 2);
}

#[tokio::test]
async fn cc_38_unknown_foreign_and_finished_legs_are_all_the_same() {
    let mut desk = talking().await;
    desk.hand(&["call", "32033", "5508"]).await;
    desk.hand(&["release", "32033"]).await;
    desk.lines().await;
    for (agent, topic, id) in [
        ("42031", "cc.a", "16777999"),
        ("42031", "cc.a", "16777218"),
        ("32033", "cc.c", "16777219"),
    ] {
        let heard = desk.ask(&format!("HoldCall#{agent}"), id, "h").await;
        assert_eq!(heard, error(topic, "h", agent, WRONG_STATE), "{id}");
    }
    let state = desk.ask("GetDialogState#42032", "16777218", "g").await;
    assert_eq!(
        state,
        on(
            "cc.b",
            &[("g", dialog("42032", "ACTIVE", NOW, FIRST + 1, "42031"))]
        )
    );
}

#[tokio::test]
async fn cc_39_what_is_no_connection_id_makes_no_sense() {
    let mut desk = talking().await;
    for id in ["abc", "-1", "0", "99999999999", ""] {
        let heard = desk.ask("HoldCall#42031", id, "h").await;
        assert_eq!(heard, error("cc.a", "h", "42031", "PLEASE_RETRY"), "{id}");
    }
}

#[tokio::test]
async fn cc_40_a_ringing_call_is_rejected_and_the_caller_hears_it_for_a_while() {
    let mut desk = Desk::warm(|_| {}).await;
    desk.ask("MakeCall#42031", "42032", "m").await;
    let heard = desk.ask("ReleaseCall#42032", "16777218", "r").await;
    assert_eq!(
        of("cc.b", &heard),
        on(
            "cc.b",
            &[
                ("r", state("42032", "READY", NOW)),
                ("r", inbound("42032", "DROPPED", NOW, FIRST + 1, "42031")),
                ("r", dialog("42032", "DROPPED", NOW, FIRST + 1, "42031")),
            ]
        )
    );
    let failed = dialog("42031", "FAILED", NOW, FIRST, "42032");
    assert_eq!(of("cc.a", &heard), on("cc.a", &[("-", failed)]));
    desk.advance(15_000).await;
    let at = "2026-11-21 10:00:15";
    assert_eq!(
        desk.lines().await,
        on(
            "cc.a",
            &[
                ("-", state("42031", "READY", at)),
                ("-", dialog("42031", "DROPPED", at, FIRST, "42032")),
            ]
        )
    );
}

#[tokio::test]
async fn cc_41_a_blind_transfer_that_is_refused_leaves_the_call_as_it_was() {
    let mut desk = talking().await;
    for (to, code) in [
        ("987654", "INVALID_PARTY"),
        ("5509", "CF_GENERIC_UNSPECIFIED"),
    ] {
        let body = format!("{to},16777218");
        let heard = desk.ask("Transfer_sst#42032", &body, "t").await;
        assert_eq!(heard, error("cc.b", "t", "42032", code), "{to}");
        let state = desk.ask("GetDialogState#42032", "16777218", "g").await;
        let active = dialog("42032", "ACTIVE", NOW, FIRST + 1, "42031");
        assert_eq!(state, on("cc.b", &[("g", active)]));
    }
}

#[tokio::test]
async fn cc_42_a_busy_consultation_fails_and_the_call_is_taken_back() {
    let mut desk = talking().await;
    let heard = desk.ask("ConsultCall#42032", "5509,16777218", "c").await;
    assert_eq!(
        heard,
        on(
            "cc.b",
            &[
                ("c", state("42032", "HOLD", NOW)),
                ("c", inbound("42032", "HELD", NOW, FIRST + 1, "42031")),
                ("c", dialog("42032", "HELD", NOW, FIRST + 1, "42031")),
                ("c", state("42032", "RESERVED", NOW)),
                ("c", dialog("42032", "INITIATING", NOW, FIRST + 2, "5509")),
                ("-", dialog("42032", "INITIATED", NOW, FIRST + 2, "5509")),
                ("-", dialog("42032", "FAILED", NOW, FIRST + 2, "5509")),
            ]
        )
    );
    let released = desk.ask("ReleaseCall#42032", "16777219", "r").await;
    assert_eq!(
        released,
        on(
            "cc.b",
            &[
                ("r", state("42032", "HOLD", NOW)),
                ("r", dialog("42032", "DROPPED", NOW, FIRST + 2, "5509")),
            ]
        )
    );
    let retrieved = desk.ask("RetrieveCall#42032", "16777218", "t").await;
    assert_eq!(
        retrieved[2],
        format!(
            "cc.b t {}",
            dialog("42032", "ACTIVE", NOW, FIRST + 1, "42031")
        )
    );
}

#[tokio::test]
async fn a_held_call_is_retrieved_while_its_consultation_rings_and_the_consultation_is_given_up() {
    let mut desk = talking().await;
    desk.ask("ConsultCall#42032", "32033,16777218", "c").await;
    let retrieved = desk.ask("RetrieveCall#42032", "16777218", "t").await;
    let of_agent: Vec<&String> = retrieved
        .iter()
        .filter(|t| t.starts_with("cc.b t"))
        .collect();
    let told = |event: String| format!("cc.b t {event}");
    assert!(of_agent.contains(&&told(dialog("42032", "DROPPED", NOW, FIRST + 2, "32033"))));
    assert!(of_agent.contains(&&told(dialog("42032", "ACTIVE", NOW, FIRST + 1, "42031"))));
    // Who was asked rings no longer, and the two talk on.
    let rang = desk.ask("GetState#32033", "", "g").await;
    assert!(
        rang.iter().any(|text| text.contains("#State#READY")),
        "{rang:?}"
    );
    let again = desk.ask("ConsultCall#42032", "5508,16777218", "d").await;
    assert!(
        again.iter().any(|text| text.contains("INITIATED")),
        "{again:?}"
    );
}

#[tokio::test]
async fn cc_43_a_consultation_is_transferred_once_it_was_answered_by_either_leg() {
    let mut desk = talking().await;
    desk.ask("ConsultCall#42032", "32033,16777218", "c").await;
    let early = desk.ask("TransferCall#42032", "16777218", "t").await;
    assert_eq!(early, error("cc.b", "t", "42032", WRONG_STATE));
    for body in ["16777218", "32033,16777218", "16777219"] {
        let mut desk = consulting().await;
        let wrong = desk.ask("TransferCall#42032", "42031,16777218", "w").await;
        assert_eq!(wrong, error("cc.b", "w", "42032", "INVALID_PARTY"));
        let heard = desk.ask("TransferCall#42032", body, "t").await;
        let talks = dialog("42031", "ACTIVE", NOW, FIRST, "32033");
        assert!(
            heard.contains(&format!("cc.a - {talks}")),
            "{body} {heard:?}"
        );
    }
}

#[tokio::test]
async fn cc_44_a_conference_has_three_spellings() {
    for word in ["ConferenceCall", "Conferencecall", "CONFERENCECALL"] {
        let mut desk = consulting().await;
        let heard = desk.ask(&format!("{word}#42032"), "16777218", "c").await;
        let all = dialog("42032", "ACTIVE", NOW, FIRST + 1, "42031,32033");
        assert_eq!(heard[1], format!("cc.b c {all}"), "{word}");
        assert_eq!(heard.len(), 8);
    }
}

#[tokio::test]
async fn cc_45_a_customer_who_hangs_up_during_a_consultation_leaves_it() {
    let mut desk = consulting().await;
    desk.hand(&["release", "42031"]).await;
    let told = desk.lines().await;
    assert_eq!(
        of("cc.b", &told),
        on(
            "cc.b",
            &[
                ("-", inbound("42032", "DROPPED", NOW, FIRST + 1, "42031")),
                ("-", dialog("42032", "DROPPED", NOW, FIRST + 1, "42031")),
            ]
        )
    );
    for id in ["16777218", "16777219"] {
        let heard = desk.ask("TransferCall#42032", id, "t").await;
        assert_eq!(heard, error("cc.b", "t", "42032", WRONG_STATE), "{id}");
    }
    let state = desk.ask("GetDialogState#42032", "16777219", "g").await;
    let consulted = dialog("42032", "ACTIVE", NOW, FIRST + 2, "32033");
    assert_eq!(state, on("cc.b", &[("g", consulted)]));
}

#[tokio::test]
async fn cc_46_a_conference_goes_on_without_who_made_it() {
    let mut desk = consulting().await;
    desk.ask("Conferencecall#42032", "16777218", "c").await;
    let heard = desk.ask("ReleaseCall#42032", "16777218", "r").await;
    assert_eq!(
        of("cc.a", &heard),
        on(
            "cc.a",
            &[("-", dialog("42031", "ACTIVE", NOW, FIRST, "32033"))]
        )
    );
    assert_eq!(
        of("cc.c", &heard),
        on(
            "cc.c",
            &[
                ("-", inbound("32033", "ACTIVE", NOW, FIRST + 4, "42031")),
                ("-", dialog("32033", "ACTIVE", NOW, FIRST + 4, "42031")),
            ]
        )
    );
}

#[tokio::test]
async fn cc_47_a_call_placed_by_webdialer_is_told_as_any_other() {
    use common::cti::{Step, Transcript, conversation, expected};
    let mut steps = conversation("02-outbound-call.txt");
    for step in &mut steps {
        if let Step::Event { correlation, .. } = step {
            *correlation = "-".to_owned();
        }
    }
    let mut desk = Desk::warm(|_| {}).await;
    let dial = r#"<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>
        <makeCallSoap xmlns="urn:WD70"><cred><userID>agent42031</userID><password>a1</password></cred><dest>42032</dest>
        <prof><user>agent42031</user><deviceName>SEP000000042031</deviceName><lineNumber>42031</lineNumber>
        <supportEM>false</supportEM><locale></locale></prof></makeCallSoap></soapenv:Body></soapenv:Envelope>"#;
    let dialled = desk
        .server
        .soap("/webdialer/services/WebdialerSoapService70", dial)
        .await;
    assert!(dialled.body.contains(">0<"), "{}", dialled.body);
    let mut heard = desk.lines().await;
    desk.at_time("2026-11-21 10:00:03").await;
    desk.hand(&["answer", "42032"]).await;
    heard.extend(desk.lines().await);
    desk.at_time("2026-11-21 10:00:23").await;
    desk.hand(&["release", "42031"]).await;
    heard.extend(desk.lines().await);
    let mut transcript = Transcript::new();
    for line in heard {
        let (topic, text) = line.split_once(' ').unwrap();
        transcript
            .entry(topic.to_owned())
            .or_default()
            .push(text.to_owned());
    }
    assert_eq!(transcript, expected(&steps, false));
}

#[tokio::test]
async fn cc_48_a_number_with_a_leading_zero_is_a_text_in_json() {
    let mut desk = Desk::warm(|_| {}).await;
    desk.ask("Hello#cc.a", "json", "h").await;
    for (number, written) in [("00491701", r#"["00491701"]"#), ("5500", "[5500]")] {
        let heard = desk.ask("MakeCall#42031", number, "m").await;
        let participants = format!(r#""participants":{written}"#);
        assert!(heard[1].contains(&participants), "{heard:?}");
        desk.hand(&["release", "42031"]).await;
        desk.lines().await;
    }
}

#[tokio::test]
async fn tones_are_confirmed_by_the_legs_state() {
    let mut desk = talking().await;
    let heard = desk.ask("SendDTMF#42031", "12#,16777217", "d").await;
    let active = dialog("42031", "ACTIVE", NOW, FIRST, "42032");
    assert_eq!(heard, on("cc.a", &[("d", active)]));
    desk.ask("HoldCall#42031", "16777217", "h").await;
    let held = desk.ask("SendDTMF#42031", "1,16777217", "d").await;
    assert_eq!(held, error("cc.a", "d", "42031", WRONG_STATE));
}

#[tokio::test]
async fn who_made_a_conference_puts_one_of_its_parties_out() {
    let mut desk = consulting().await;
    let early = desk
        .ask("DropParticipant#42032", "42031,16777218", "d")
        .await;
    assert_eq!(early, error("cc.b", "d", "42032", WRONG_STATE));
    desk.ask("Conferencecall#42032", "16777218", "c").await;
    let other = desk
        .ask("DropParticipant#42031", "32033,16777217", "d")
        .await;
    assert_eq!(other, error("cc.a", "d", "42031", WRONG_STATE));
    let stranger = desk
        .ask("DropParticipant#42032", "5500,16777218", "d")
        .await;
    assert_eq!(stranger, error("cc.b", "d", "42032", "INVALID_PARTY"));
    let heard = desk
        .ask("DropParticipant#42032", "32033,16777218", "d")
        .await;
    assert_eq!(
        of("cc.b", &heard),
        on(
            "cc.b",
            &[
                ("d", inbound("42032", "ACTIVE", NOW, FIRST + 1, "42031")),
                ("d", dialog("42032", "ACTIVE", NOW, FIRST + 1, "42031")),
            ]
        )
    );
    let out = of("cc.c", &heard);
    assert_eq!(out[0], format!("cc.c - {}", state("32033", "READY", NOW)));
    assert_eq!(
        of("cc.a", &heard),
        on(
            "cc.a",
            &[("-", dialog("42031", "ACTIVE", NOW, FIRST, "42032"))]
        )
    );
}

#[tokio::test]
async fn a_command_that_the_network_does_not_confirm_in_time_is_to_be_tried_again() {
    let mut desk = Desk::warm(|config| config.cti.command_timeout_s = 2).await;
    desk.fault(r#"{"on": "network", "kind": "slow", "delay_ms": 4000}"#)
        .await;
    desk.say("MakeCall#42031", "42032");
    // The one behind it waits for its turn.
    desk.say("GetState#42031", "");
    assert_eq!(desk.lines().await, [""; 0]);
    desk.advance(2_000).await;
    let late = desk.next().await.line();
    assert_eq!(late, "cc.a - 42031#Error#PLEASE_RETRY");
    assert!(
        desk.lines()
            .await
            .iter()
            .any(|line| line.contains("#NONE#"))
    );
    // It comes about all the same, and is nobody's answer.
    desk.advance(2_000).await;
    let told = desk.lines().await;
    assert!(
        told[0].starts_with("cc.a - 42031#State#RESERVED"),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_phone_that_is_out_of_service_places_no_call() {
    let mut desk = Desk::warm(|_| {}).await;
    desk.phone("42031", false).await;
    desk.lines().await;
    let heard = desk.ask("MakeCall#42031", "42032", "m").await;
    assert_eq!(heard, error("cc.a", "m", "42031", "CF_GENERIC_UNSPECIFIED"));
}
