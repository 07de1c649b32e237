//! Hello, Beat and the headers of commands and answers. [cti §2, §3.6, §4.1, §7.1, §11]

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use common::cti::{Desk, until};
use common::openwire::{Raw, soon};
use cordboard::ops::config::cti::{Format, TopicFormat};
use cordboard_wire::openwire::{
    Body, ConnectionId, Destination, DestinationInfo, DestinationKind, Message, PrimitiveMap, Text,
    Value,
};

const UP: &str = "System#IN_SERVICE";

/// A client that writes its frames itself: headers that no library would send.
async fn raw(desk: &Desk) -> Raw {
    Raw::join(desk.server.program.addresses.openwire.unwrap(), "raw").await
}

fn command(raw: &Raw, number: i64, jms_type: &str, body: Option<&str>) -> Message {
    let mut message = raw.message(Destination::queue("Connector1"), number, "");
    message.jms_type = Some(Text::from(jms_type));
    message.content = Message::text(body.map(Text::from).as_ref()).content.clone();
    message
}

#[tokio::test]
async fn cc_01_hello_is_answered_with_the_headers_of_an_event() {
    let mut desk = Desk::cold(|_| {}).await;
    desk.tell(common::cti::Said {
        jms_type: "Hello#cc.a",
        correlation: Some("1"),
        ..Default::default()
    });
    let heard = desk.quiet().await;
    let [answer] = &heard[..] else {
        panic!("{heard:?}");
    };
    assert_eq!(answer.line(), format!("cc.a 1 {UP}"));
    let message = &answer.message;
    assert_eq!(message.jms_type, Some(Text::from("")));
    assert_eq!(message.body(), Ok(Body::Text(Text::from(UP))));
    assert_eq!(
        (message.persistent, message.priority, message.expiration),
        (false, 4, 0)
    );
    assert_eq!(message.reply_to, None);
    assert_eq!(message.properties(), Ok(PrimitiveMap::default()));
}

#[tokio::test]
async fn cc_02_hello_is_read_in_the_vendors_spellings() {
    let mut desk = Desk::cold(|_| {}).await;
    for (number, hello) in ["hElLo # cc.a ", "HELLO#{cc.a}", "Hello#topic://cc.a"]
        .into_iter()
        .enumerate()
    {
        let number = number.to_string();
        let answer = desk.ask(hello, "", &number).await;
        assert_eq!(answer, [format!("cc.a {number} {UP}")], "{hello}");
    }
}

#[tokio::test]
async fn cc_03_a_format_holds_until_another_is_said() {
    let mut desk = Desk::cold(|_| {}).await;
    let json = r#"{"type":"System","status":"IN_SERVICE"}"#;
    assert_eq!(
        desk.ask("Hello#cc.a", "json", "1").await,
        [format!("cc.a 1 {json}")]
    );
    assert_eq!(
        desk.ask("Hello#cc.a", "", "2").await,
        [format!("cc.a 2 {json}")]
    );
    assert_eq!(
        desk.ask("Hello#cc.a", "default", "3").await,
        [format!("cc.a 3 {UP}")]
    );
    assert_eq!(
        desk.ask("Hello#cc.a", "", "4").await,
        [format!("cc.a 4 {UP}")]
    );
}

#[tokio::test]
async fn cc_04_a_format_comes_of_the_body_then_the_property_then_the_configuration() {
    let mut desk = Desk::cold(|config| {
        config.cti.formats = vec![TopicFormat {
            name: "cc.j*".into(),
            format: Format::Json,
        }];
    })
    .await;
    let json = r#"{"type":"System","status":"IN_SERVICE"}"#;
    let mut raw = raw(&desk).await;
    let mut hello = command(&raw, 1, "Hello#cc.a", None);
    let mut properties = PrimitiveMap::default();
    properties.insert("CCFormat", Value::Text(Text::from("json")));
    hello.set_properties(&properties);
    raw.say(hello).await;
    assert_eq!(desk.next().await.text, json);
    assert_eq!(
        desk.ask("Hello#cc.j1", "", "1").await,
        [format!("cc.j1 1 {json}")]
    );
    assert_eq!(
        desk.ask("Hello#cc.j1", "default", "2").await,
        [format!("cc.j1 2 {UP}")]
    );
}

#[tokio::test]
async fn cc_05_beat_is_answered_as_hello_and_learns_a_topic() {
    let mut desk = Desk::cold(|_| {}).await;
    desk.ask("Hello#cc.a", "", "0").await;
    assert_eq!(
        desk.ask("Beat#cc.a", "", "1").await,
        [format!("cc.a 1 {UP}")]
    );
    assert_eq!(
        desk.ask("Beat#cc.n", "", "2").await,
        [format!("cc.n 2 {UP}")]
    );
    desk.network(false).await;
    let told = desk.lines().await;
    assert_eq!(
        told,
        [
            "cc.a - System#OUT_OF_SERVICE",
            "cc.n - System#OUT_OF_SERVICE"
        ]
    );
}

#[tokio::test]
async fn cc_06_without_a_network_hello_says_so() {
    let mut desk = Desk::cold(|_| {}).await;
    desk.network(false).await;
    let answer = desk.ask("Hello#cc.a", "", "1").await;
    assert_eq!(answer, ["cc.a 1 System#OUT_OF_SERVICE"]);
}

#[tokio::test]
async fn cc_07_an_answer_goes_to_a_temporary_queue_too() {
    let mut desk = Desk::cold(|_| {}).await;
    let mut raw = raw(&desk).await;
    let temporary = Destination::new(DestinationKind::TempQueue, "raw:1");
    let made = DestinationInfo {
        connection_id: Some(ConnectionId {
            value: Some("raw".into()),
        }),
        destination: Some(temporary.clone()),
        ..DestinationInfo::default()
    };
    raw.ask(made).await.unwrap();
    raw.listen(1, temporary.clone()).await;
    let mut hello = command(&raw, 1, "Hello#cc.a", None);
    hello.correlation_id = Some("7".into());
    hello.reply_to = Some(temporary);
    raw.say(hello).await;
    let (copy, _) = raw.received().await;
    assert_eq!(copy.body(), Ok(Body::Text(Text::from(UP))));
    assert_eq!(copy.correlation_id, Some("7".into()));
    assert_eq!(desk.lines().await, [format!("cc.a 7 {UP}")]);
}

#[tokio::test]
async fn cc_08_a_named_queue_gets_no_answers_unless_that_is_wanted() {
    for wanted in [false, true] {
        let mut desk = Desk::cold(|config| config.cti.reply_to_queues = wanted).await;
        let queue = Destination::queue("q1");
        let answer = desk.ask_reply("Hello#cc.a", "", "8", queue.clone()).await;
        assert_eq!(answer, [format!("cc.a 8 {UP}")]);
        let mut raw = raw(&desk).await;
        raw.listen(1, queue).await;
        // What stands in a queue is there before the answer to a question.
        raw.send(Destination::queue("q1"), 1, "mark").await;
        let (first, _) = raw.received().await;
        let first = first.body().unwrap();
        let expected = if wanted { UP } else { "mark" };
        assert_eq!(first, Body::Text(Text::from(expected)), "{wanted}");
    }
}

#[tokio::test]
async fn cc_09_a_command_past_its_time_is_dropped_without_a_word() {
    let mut desk = Desk::cold(|_| {}).await;
    let mut raw = raw(&desk).await;
    // By its own account it was over before it was sent.
    let mut late = command(&raw, 1, "Hello#cc.a", None);
    (late.timestamp, late.expiration) = (2_000, 1_000);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = i64::try_from(now.unwrap().as_millis()).unwrap();
    let mut in_time = command(&raw, 2, "Hello#cc.b", None);
    (in_time.timestamp, in_time.expiration) = (now, now + 60_000);
    raw.say(late).await;
    raw.say(in_time).await;
    assert_eq!(desk.next().await.line(), format!("cc.b - {UP}"));
    assert_eq!(desk.lines().await, Vec::<String>::new());
}

#[tokio::test]
async fn cc_10_five_hellos_have_five_answers_in_their_order() {
    let mut desk = Desk::warm(|_| {}).await;
    for number in 1..=5 {
        let number = number.to_string();
        desk.tell(common::cti::Said {
            jms_type: "Hello#cc.a",
            correlation: Some(&number),
            ..Default::default()
        });
    }
    let answers = desk.lines().await;
    let expected: Vec<_> = (1..=5).map(|n| format!("cc.a {n} {UP}")).collect();
    assert_eq!(answers, expected);
    let state = desk.ask("GetState#42031", "", "s").await;
    assert!(state[0].starts_with("cc.a s 42031#State#READY####2026-11-21 09:58:00"));
}

#[tokio::test]
async fn a_topic_that_was_silent_for_a_day_and_has_no_agent_is_forgotten() {
    let mut desk = Desk::warm(|_| {}).await;
    desk.ask("Hello#cc.h", "", "1").await;
    let topics = desk.server.program.app.metrics.cti.topics.clone();
    // Three with agents, this one, and the test's own.
    assert_eq!(topics.get(), 5);
    desk.advance(25 * 60 * 60 * 1_000).await;
    soon(until(|| topics.get() == 3)).await;
    desk.network(false).await;
    let told: Vec<String> = desk.lines().await;
    assert!(
        !told.iter().any(|line| line.starts_with("cc.h")),
        "{told:?}"
    );
}
