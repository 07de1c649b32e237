//! Hostile and odd input: each gets its refusal, and a Hello afterwards its answer. [cti §11, 55 to 70]

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use common::cti::{Desk, Said};
use common::openwire::Raw;
use cordboard::ops::config::cti::{InboundCall, JsonAddresses, JsonState, Layout, TerminalOut};
use cordboard_wire::openwire::{
    Body, Destination, Message, MessageKind, PrimitiveMap, Text, Value,
};

const RETRY: &str = "System#Error#PLEASE_RETRY";

async fn raw(desk: &Desk) -> Raw {
    Raw::join(desk.server.program.addresses.openwire.unwrap(), "raw").await
}

fn command(raw: &Raw, number: i64, jms_type: Option<&str>) -> Message {
    let mut message = raw.message(Destination::queue("Connector1"), number, "");
    message.jms_type = jms_type.map(Text::from);
    message.correlation_id = Some(Text::from("x"));
    message
}

async fn alive(desk: &mut Desk) {
    let answer = desk.ask("Hello#cc.a", "", "alive").await;
    assert_eq!(answer, ["cc.a alive System#IN_SERVICE"]);
}

#[tokio::test]
async fn cc_55_a_type_that_is_no_command_is_answered_where_it_asks_to_and_nowhere_else() {
    let mut desk = Desk::cold(|_| {}).await;
    let mut raw = raw(&desk).await;
    let mut number = 0;
    for jms_type in [
        None,
        Some("Hello"),
        Some("#"),
        Some("#42031"),
        Some("Hel lo#cc.a"),
        Some("A#B#C"),
    ] {
        for reply in [true, false] {
            number += 1;
            let mut message = command(&raw, number, jms_type);
            message.reply_to = reply.then(|| Destination::topic("cc.a"));
            raw.say(message).await;
            if reply {
                assert_eq!(
                    desk.next().await.line(),
                    format!("cc.a x {RETRY}"),
                    "{jms_type:?}"
                );
            }
        }
    }
    alive(&mut desk).await;
    assert_eq!(desk.server.program.app.metrics.cti.unanswerable.get(), 6);
}

#[tokio::test]
async fn cc_56_unknown_commands_and_those_of_a_contact_centre_are_refused() {
    let mut desk = Desk::warm(|_| {}).await;
    for command in ["Dance#42031", "silentmonitor#42031"] {
        let heard = desk.ask(command, "", "d").await;
        assert_eq!(heard, ["cc.a d 42031#Error#PLEASE_RETRY"], "{command}");
    }
    alive(&mut desk).await;
}

#[tokio::test]
async fn cc_57_what_is_too_long_is_refused() {
    let mut desk = Desk::cold(|_| {}).await;
    let reply = || Some(Destination::topic("cc.a"));
    let (long_body, long_type) = ("1".repeat(1 << 20), "T".repeat(9_000));
    for (jms_type, body, who) in [
        ("MakeCall#42031", long_body.as_str(), "42031"),
        (long_type.as_str(), "", "System"),
    ] {
        desk.tell(Said {
            jms_type,
            body,
            correlation: Some("l"),
            reply: reply(),
        });
        let heard = desk.lines().await;
        assert_eq!(heard, [format!("cc.a l {who}#Error#PLEASE_RETRY")]);
    }
    alive(&mut desk).await;
}

#[tokio::test]
async fn cc_58_bytes_are_read_as_text_and_other_kinds_not_at_all() {
    let mut desk = Desk::warm(|_| {}).await;
    let mut raw = raw(&desk).await;
    let bytes = |number, content: &'static [u8]| {
        let mut message = command(&raw, number, Some("MakeCall#42031"));
        message.kind = MessageKind::Bytes;
        message.content = Some(content.into());
        message
    };
    let (dials, broken) = (bytes(1, b"42032"), bytes(2, b"\xff\xfe"));
    raw.say(broken).await;
    let refused = "cc.a x 42031#Error#PLEASE_RETRY";
    assert_eq!(desk.next().await.line(), refused);
    let mut map = PrimitiveMap::default();
    map.insert("number", Value::Text("42032".into()));
    let java = b"\xac\xed\x00\x05sr\x00\x13java.lang.ProcessBuilder";
    for (number, kind, body) in [
        (3, MessageKind::Map, Body::Map(map)),
        (4, MessageKind::Object, Body::Object((&java[..]).into())),
        (
            5,
            MessageKind::Stream,
            Body::Stream(vec![Value::Int(42_032)]),
        ),
        (6, MessageKind::Plain, Body::None),
    ] {
        let mut message = command(&raw, number, Some("MakeCall#42031"));
        message.kind = kind;
        message.content = body.to_content();
        raw.say(message).await;
        assert_eq!(desk.next().await.line(), refused, "{number}");
    }
    raw.say(dials).await;
    assert!(
        desk.next()
            .await
            .line()
            .starts_with("cc.a x 42031#State#RESERVED")
    );
    desk.lines().await;
    alive(&mut desk).await;
}

#[tokio::test]
async fn cc_59_a_null_text_is_an_empty_one() {
    let mut desk = Desk::warm(|_| {}).await;
    let mut raw = raw(&desk).await;
    for (number, jms_type, answer) in [
        (1, "Hello#cc.a", "cc.a x System#IN_SERVICE"),
        (
            2,
            "Logout#42031",
            "cc.a x 42031#State#LOGOUT####2026-11-21 10:00:00#Agent 42031#42031#42031",
        ),
    ] {
        let mut message = command(&raw, number, Some(jms_type));
        message.content = None;
        raw.say(message).await;
        assert_eq!(desk.next().await.line(), answer);
    }
}

/// Names that no client may have. [cti §2.3]
const BAD: [&str; 9] = [
    ">",
    "*",
    "cc.>",
    "a,b",
    "queue://q",
    "ActiveMQ.Advisory.Connection",
    "activemq.x",
    "Connector1",
    "cc.a?consumer.exclusive=true",
];

/// Says Hello for each of those names; what is heard of it, and by a monitor of everything.
async fn bad_names(desk: &mut Desk) -> std::collections::BTreeSet<String> {
    let mut monitor = raw(desk).await;
    monitor.listen(1, Destination::topic(">")).await;
    let long = "a".repeat(300);
    for name in BAD.into_iter().chain([long.as_str()]) {
        desk.say(&format!("Hello#{name}"), "");
        let reply = Some(Destination::topic("cc.a"));
        desk.tell(Said {
            jms_type: &format!("Hello#{name}"),
            correlation: Some("r"),
            reply,
            ..Said::default()
        });
        assert_eq!(desk.lines().await, [format!("cc.a r {RETRY}")], "{name}");
    }
    desk.ask("Hello#cc.end", "", "end").await;
    let mut topics = std::collections::BTreeSet::new();
    loop {
        let (message, _) = monitor.received().await;
        let topic = message.destination.clone().unwrap().to_string();
        if topic == "topic://cc.end" {
            return topics;
        }
        topics.insert(topic);
    }
}

#[tokio::test]
async fn cc_60_a_name_that_no_client_may_have_is_refused_and_an_empty_one_means_where_the_answer_goes()
 {
    let mut desk = Desk::cold(|_| {}).await;
    bad_names(&mut desk).await;
    let heard = desk
        .ask_reply("Hello#", "", "e", Destination::topic("cc.e"))
        .await;
    assert_eq!(heard, ["cc.e e System#IN_SERVICE"]);
}

#[tokio::test]
async fn cc_61_a_monitor_of_everything_sees_nothing_on_a_refused_name() {
    let mut desk = Desk::cold(|_| {}).await;
    let topics = bad_names(&mut desk).await;
    let topics: Vec<String> = topics.into_iter().collect();
    assert_eq!(topics, ["topic://cc.a", "topic://zz.probe"]);
}

#[tokio::test]
async fn cc_62_other_scripts_are_read_and_written_as_they_are() {
    let directory = cordboard::lab::DEMO.replace(
        "first_name = \"Agent\"\nlast_name = \"42031\"",
        "first_name = \"Jörg #1,\"\nlast_name = \"Müller\"",
    );
    assert!(
        directory.contains("Jörg"),
        "the demo directory has another form"
    );
    let server = common::Server::start(&directory, |config| {
        config.listen.openwire = "127.0.0.1:0".into();
        config.cti.timezone = "UTC".into();
    })
    .await;
    let mut desk = Desk::at(server).await;
    desk.at_time("2026-11-21 10:00:00").await;
    desk.ask("Hello#cc.a", "", "h").await;
    let heard = desk.ask("Login#42031", "cc.a,jörg,x", "l").await;
    assert_eq!(
        heard[0],
        "cc.a l 42031#AgentInfo#Jörg  1 #Müller#false#NOT_ALLOWED#teams:0##Jörg  1  Müller"
    );
    assert_eq!(heard[0].split('#').count(), 9);
    let heard = desk.ask("MakeCall#42031", "４２０３２", "m").await;
    assert_eq!(heard, ["cc.a m 42031#Error#INVALID_PARTY"]);
}

#[tokio::test]
async fn cc_63_a_correlation_id_comes_back_unless_it_is_too_long() {
    let mut desk = Desk::cold(|_| {}).await;
    let odd = "\"'ü€😀<>&".repeat(22);
    let heard = desk.ask("Hello#cc.a", "", &odd).await;
    assert_eq!(heard, [format!("cc.a {odd} System#IN_SERVICE")]);
    let heard = desk.ask("Hello#cc.a", "", &"k".repeat(300)).await;
    assert_eq!(heard, ["cc.a - System#IN_SERVICE"]);
}

#[tokio::test]
async fn cc_64_a_thousand_commands_are_answered_in_order_or_so_many_a_second() {
    for most in [0, 50] {
        let mut desk = Desk::warm(|config| config.cti.max_commands_per_s = most).await;
        // The clock stands still, so all come in one second.
        desk.at_time("2026-11-21 10:00:05").await;
        desk.lines().await;
        for number in 0..1_000 {
            let number = number.to_string();
            desk.tell(Said {
                jms_type: "GetDialogState#42031",
                body: "16777999",
                correlation: Some(&number),
                ..Said::default()
            });
        }
        let mut codes = Vec::new();
        for number in 0..1_000 {
            let heard = desk.next().await;
            assert_eq!(heard.correlation, Some(number.to_string()));
            codes.push(heard.text);
        }
        let taken = codes
            .iter()
            .filter(|text| text.ends_with("CF_INVALID_OBJECT_STATE"));
        let refused = codes.iter().filter(|text| text.ends_with("#PLEASE_RETRY"));
        let expected = if most == 0 { (1_000, 0) } else { (50, 950) };
        assert_eq!((taken.count(), refused.count()), expected);
    }
}

#[tokio::test]
async fn cc_65_a_message_that_comes_again_is_not_carried_out_again() {
    let mut desk = Desk::warm(|_| {}).await;
    let mut raw = raw(&desk).await;
    let mut dial = command(&raw, 1, Some("MakeCall#42031"));
    dial.content = Message::text(Some(&Text::from("42032"))).content.clone();
    raw.say(dial.clone()).await;
    assert!(desk.next().await.line().contains("RESERVED"));
    desk.lines().await;
    // With the id of one that came on this connection it is another message, whoever wrote the id there.
    let mut again = raw.message(Destination::queue("Connector1"), 2, "");
    std::mem::swap(&mut again.command_id, &mut dial.command_id);
    raw.say(dial.clone()).await;
    let refused = "cc.a x 42031#Error#CF_INVALID_OBJECT_STATE";
    assert_eq!(desk.next().await.line(), refused);
    // The broker hands it out again to the connector's next connection.
    desk.fault(r#"{"on": "broker", "kind": "cut"}"#).await;
    raw.until_closed().await;
    let app = desk.server.program.app.clone();
    let ready = || {
        app.cti
            .get()
            .is_some_and(|status| status.borrow().is_ready())
    };
    common::cti::until(ready).await;
    let mut raw = self::raw(&desk).await;
    raw.say(dial).await;
    let repeated = || app.metrics.cti.repeated.get() + app.metrics.cti.broker.repeated.get();
    common::cti::until(|| repeated() == 1).await;
}

/// A raw client of a user, which hears the topic of its name.
async fn signed_in(server: &common::Server, user: &str, password: &str) -> Raw {
    let address = server.program.addresses.openwire.unwrap();
    let offer = common::openwire::wishes();
    let mut raw = Raw::join_with(address, user, &offer, |info| {
        info.user_name = Some(user.into());
        info.password = Some(cordboard_wire::openwire::SecretText::from(Text::from(
            password,
        )));
    })
    .await;
    let topic = format!("cc.{user}.a");
    raw.listen(1, Destination::topic(topic.as_str())).await;
    raw
}

async fn told(raw: &mut Raw) -> String {
    let (message, _) = raw.received().await;
    match message.body().unwrap() {
        Body::Text(text) => text.to_str_lossy().into_owned(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn cc_66_only_who_logged_an_agent_in_acts_for_him_and_nobody_can_pretend() {
    use cordboard::ops::config::broker::Access;
    use cordboard::ops::config::cti::CtiAccess;
    let server = common::Server::start(cordboard::lab::DEMO, |config| {
        config.listen.openwire = "127.0.0.1:0".into();
        config.broker.access = Access::Users;
        config.cti.require_user = true;
        config.cti.accesses = vec![CtiAccess {
            user: "test".into(),
            lines: vec!["32*".into()],
        }];
    })
    .await;
    let mut one = signed_in(&server, "ctiApp", "cti").await;
    let mut two = signed_in(&server, "test", "test").await;
    let say = |raw: &Raw, number, jms_type, body: &str, user: &str| {
        let mut message = command(raw, number, Some(jms_type));
        message.content = Message::text(Some(&Text::from(body))).content.clone();
        message.reply_to = Some(Destination::topic(format!("cc.{user}.a").as_str()));
        message
    };
    one.say(say(&one, 1, "Login#42031", "cc.ctiApp.a", "ctiApp"))
        .await;
    assert!(told(&mut one).await.contains("AgentInfo"));
    let denied = "42031#Error#PREVILLEGE_VIOLATION";
    let mut forged = say(&two, 1, "GetState#42031", "", "test");
    let mut properties = PrimitiveMap::default();
    properties.insert("JMSXUserID", Value::Text("ctiApp".into()));
    forged.set_properties(&properties);
    forged.user_id = Some("ctiApp".into());
    two.say(forged).await;
    assert_eq!(told(&mut two).await, denied);
    // Nor may it take the agent over: the line is none of its own.
    two.say(say(&two, 2, "Login#42031", "cc.test.a", "test"))
        .await;
    assert_eq!(told(&mut two).await, denied);
    two.say(say(&two, 3, "Login#32033", "cc.test.a", "test"))
        .await;
    assert!(told(&mut two).await.contains("32033#AgentInfo"));
    one.say(say(&one, 2, "GetState#42031", "", "ctiApp")).await;
    loop {
        let text = told(&mut one).await;
        assert!(!text.contains("Error"), "{text}");
        if text.contains("#NONE#") {
            break;
        }
    }
}

#[tokio::test]
async fn who_shares_a_login_acts_for_the_agent_and_who_shared_it_before_still_does() {
    use cordboard::ops::config::broker::Access;
    use cordboard::ops::config::cti::{CtiAccess, SharedLogin};
    let lines = |user: &str| CtiAccess {
        user: user.into(),
        lines: vec!["42031".into()],
    };
    let server = common::Server::start(cordboard::lab::DEMO, |config| {
        config.listen.openwire = "127.0.0.1:0".into();
        config.broker.access = Access::Users;
        config.cti.require_user = true;
        config.cti.shared_login = SharedLogin::Share;
        config.cti.accesses = vec![lines("ctiApp"), lines("test")];
    })
    .await;
    let mut one = signed_in(&server, "ctiApp", "cti").await;
    let mut two = signed_in(&server, "test", "test").await;
    let say = |raw: &Raw, number, jms_type, user: &str| {
        let mut message = command(raw, number, Some(jms_type));
        let topic = format!("cc.{user}.a");
        let body = Text::from(if jms_type == "Login#42031" {
            topic.as_str()
        } else {
            ""
        });
        message.content = Message::text(Some(&body)).content.clone();
        message.reply_to = Some(Destination::topic(topic.as_str()));
        message
    };
    for (raw, user) in [(&mut one, "ctiApp"), (&mut two, "test")] {
        let login = say(raw, 1, "Login#42031", user);
        raw.say(login).await;
        while !told(raw).await.contains("#NONE#") {}
    }
    for (raw, user) in [(&mut one, "ctiApp"), (&mut two, "test")] {
        let asks = say(raw, 2, "GetState#42031", user);
        raw.say(asks).await;
        assert!(told(raw).await.contains("#State#READY#"), "{user}");
    }
}

#[tokio::test]
async fn cc_67_priorities_reorder_nothing() {
    let mut desk = Desk::warm(|_| {}).await;
    let mut raw = raw(&desk).await;
    for (number, priority) in [0, 9, 4, 9, 0, 5].into_iter().enumerate() {
        let number = i64::try_from(number).unwrap();
        let mut message = command(&raw, number + 1, Some("GetDialogState#42031"));
        message.content = Message::text(Some(&Text::from("16777999"))).content.clone();
        message.priority = priority;
        message.correlation_id = Some(number.to_string().as_str().into());
        raw.say(message).await;
    }
    for number in 0..6 {
        assert_eq!(desk.next().await.correlation, Some(number.to_string()));
    }
}

#[tokio::test]
async fn cc_69_a_deployment_chooses_how_events_are_written() {
    let mut desk = Desk::warm(|config| {
        config.cti.json.agent_state = JsonState::Flat;
        config.cti.json.addresses = JsonAddresses::String;
        config.cti.json.extra = true;
        config.cti.inbound_call = InboundCall::Literal;
        config.cti.terminal_out = TerminalOut::Jtapi;
    })
    .await;
    desk.ask("Hello#cc.a", "json", "h").await;
    let heard = desk.ask("MakeCall#42031", "42032", "m").await;
    assert_eq!(
        heard[0],
        r#"cc.a m {"type":"AGENT_STATE","agentId":"42031","state":"RESERVED","otherParticipants":["42032"],"connectionID":16777217}"#
    );
    assert_eq!(
        heard[4],
        "cc.b - InboundCall#ALERTING#2026-11-21 10:00:00#16777218#42031"
    );
    let heard = desk.ask("ReleaseCall#42031", "16777217", "r").await;
    assert_eq!(
        heard[1],
        r#"cc.a r {"type":"DialogState","agentId":"42031","state":"DROPPED","stateChangeTimeString":"2026-11-21 10:00:00","participants":["42032"],"connectionID":16777217,"cause":"cancelled"}"#
    );
    let heard = desk.ask("HoldCall#42031", "1", "x").await;
    assert_eq!(
        heard,
        [
            r#"cc.a x {"type":"Error","errorType":"CF_INVALID_OBJECT_STATE","message":"CF_INVALID_OBJECT_STATE","agentId":"42031","command":"HoldCall"}"#
        ]
    );
    desk.phone("42031", false).await;
    assert_eq!(
        desk.lines().await,
        [
            r#"cc.a - {"type":"System","status":"CiscoTermOutOfServiceEv","agentId":"42031","terminal":"SEP000000042031"}"#
        ]
    );
    desk.phone("42031", true).await;
    desk.lines().await;
    desk.phone("42032", false).await;
    assert_eq!(
        desk.lines().await,
        ["cc.b - Terminal#CiscoTermOutOfServiceEv"]
    );
}

#[tokio::test]
async fn cc_70_a_client_of_the_sister_product_finds_every_part_it_looks_at() {
    let mut desk = Desk::cold(|config| config.cti.layout = Layout::Gc).await;
    desk.ask("Hello#cc.a", "", "h").await;
    desk.ask("Connect#42031", "cc.a,secret,true", "c").await;
    let login = desk.ask("Login#42031", "secret,42031", "l").await;
    let at_least = |line: &str, count: usize| {
        let text = line.splitn(3, ' ').nth(2).unwrap();
        assert!(text.split('#').count() >= count, "{line}");
    };
    at_least(&login[0], 9);
    at_least(&login[1], 10);
    desk.ask("Hello#cc.b", "", "h").await;
    desk.ask("Login#42032", "cc.b", "l").await;
    let call = desk.ask("MakeCall#42031", "42032", "m").await;
    let out = call
        .iter()
        .find(|line| line.contains("#InboundCall#INITIATED"))
        .unwrap();
    assert!(out.contains("#dialogID:16777217#42032#"), "{out}");
    at_least(out, 10);
    let ring = call
        .iter()
        .find(|line| line.contains("#NewInboundCall#"))
        .unwrap();
    assert!(
        ring.contains("42032#NewInboundCall#42031#") && ring.contains("dialogID:16777218"),
        "{ring}"
    );
    let over = desk.ask("ReleaseCall#42031", "16777217", "r").await;
    let gone = over
        .iter()
        .find(|line| line.contains("#InboundCall#DROPPED"))
        .unwrap();
    at_least(gone, 10);
    let refused = desk.ask("Dance#42031", "1,2,3", "d").await;
    at_least(&refused[0], 3);
}
