//! Who is watched, and where he is told of. [cti §7.2, §8, §11]

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use common::cti::Desk;
use cordboard::ops::config::cti::{LoginAuth, SharedLogin};
use cordboard_wire::openwire::Destination;

const NOW: &str = "2026-11-21 10:00:00";

fn info(agent: &str) -> String {
    format!("{agent}#AgentInfo#Agent#{agent}#false#NOT_ALLOWED#teams:0##Agent {agent}")
}

fn state(agent: &str, state: &str, at: &str) -> String {
    format!("{agent}#State#{state}####{at}#Agent {agent}#{agent}#{agent}")
}

fn none(agent: &str, at: &str) -> String {
    format!("{agent}#DialogState#NONE#{at}#0#")
}

/// These texts on a topic, with this correlation id.
fn on(topic: &str, correlation: &str, texts: &[String]) -> Vec<String> {
    let each = texts.iter();
    each.map(|text| format!("{topic} {correlation} {text}"))
        .collect()
}

fn snapshot(agent: &str, topic: &str, correlation: &str, since: &str) -> Vec<String> {
    on(
        topic,
        correlation,
        &[info(agent), state(agent, "READY", since), none(agent, NOW)],
    )
}

fn refused(topic: &str, correlation: &str, agent: &str, code: &str) -> Vec<String> {
    on(topic, correlation, &[format!("{agent}#Error#{code}")])
}

#[tokio::test]
async fn cc_12_a_topic_is_found_in_whatever_form_a_login_has() {
    for (number, (body, reply)) in [
        ("cc.a,dummy,dummy", false),
        ("", true),
        ("", false),
        ("secret,42031", true),
        ("json", true),
    ]
    .into_iter()
    .enumerate()
    {
        let mut desk = Desk::cold(|_| {}).await;
        desk.say("Hello#cc.a", "");
        desk.lines().await;
        let number = number.to_string();
        let heard = match reply {
            true => {
                let reply = Destination::topic("cc.a");
                desk.ask_reply("Login#42031", body, &number, reply).await
            }
            // The test's own topic is known too, so it is not the only one.
            false if body.is_empty() => {
                assert_eq!(desk.ask("Connect#42031", "cc.a,secret", "c").await, [""; 0]);
                desk.ask("Login#42031", "secret,42031", &number).await
            }
            false => desk.ask("Login#42031", body, &number).await,
        };
        if body == "json" {
            assert!(
                heard[0].starts_with(r#"cc.a 4 {"type":"AgentInfo""#),
                "{heard:?}"
            );
        } else {
            assert_eq!(heard, snapshot("42031", "cc.a", &number, NOW), "{body}");
        }
    }
}

#[tokio::test]
async fn cc_13_a_login_that_names_no_topic_is_answered_nowhere() {
    let mut desk = Desk::cold(|_| {}).await;
    desk.say("Hello#cc.a", "");
    desk.lines().await;
    assert_eq!(desk.ask("Login#42031", "", "1").await, [""; 0]);
    let unanswerable = desk.server.program.app.metrics.cti.unanswerable.get();
    assert_eq!(unanswerable, 1);
}

#[tokio::test]
async fn cc_14_a_login_again_is_a_snapshot_and_one_elsewhere_moves_the_agent() {
    let mut desk = Desk::warm(|_| {}).await;
    let again = desk.ask("Login#42031", "cc.a", "1").await;
    assert_eq!(again, snapshot("42031", "cc.a", "1", "2026-11-21 09:58:00"));
    desk.ask("Hello#cc.z", "", "2").await;
    let moved = desk.ask("Login#42031", "cc.z", "3").await;
    let mut expected = on("cc.a", "-", &[state("42031", "LOGOUT", NOW)]);
    expected.extend(snapshot("42031", "cc.z", "3", NOW));
    assert_eq!(moved, expected);
    desk.hand(&["call", "42031", "5508"]).await;
    let told = desk.lines().await;
    assert_eq!(told.len(), 3);
    assert!(
        told.iter().all(|line| line.starts_with("cc.z - ")),
        "{told:?}"
    );
}

#[tokio::test]
async fn cc_15_no_agent_letters_and_an_unknown_one_are_told_apart() {
    let mut desk = Desk::warm(|_| {}).await;
    for (login, answer) in [
        ("Login#", "System#Error#MISSING_EXTENSION"),
        ("Login#4203x", "4203x#Error#WRONG_EXTENSION"),
        ("Login#77777", "77777#Error#USER_NOT_FOUND"),
    ] {
        let reply = Destination::topic("cc.a");
        let heard = desk.ask_reply(login, "", "e", reply).await;
        assert_eq!(heard, [format!("cc.a e {answer}")]);
    }
    desk.ask("Hello#cc.a", "json", "j").await;
    let reply = Destination::topic("cc.a");
    assert_eq!(
        desk.ask_reply("Login#77777", "", "e", reply).await,
        [r#"cc.a e {"type":"Error","errorType":"USER_NOT_FOUND","message":"USER_NOT_FOUND"}"#]
    );
}

/// Real clients set no JMSReplyTo, so what is refused is told on the topic that the command names. [cti §3.6]
#[tokio::test]
async fn a_login_that_is_refused_is_answered_on_the_topic_it_names() {
    let mut desk = Desk::cold(|config| config.cti.max_commands_per_s = 3).await;
    desk.ask("Hello#cc.a", "", "h").await;
    for body in ["cc.a", "cc.a,agent77777,12345"] {
        let heard = desk.ask("Login#77777", body, "l").await;
        assert_eq!(heard, refused("cc.a", "l", "77777", "USER_NOT_FOUND"));
    }
    // What may be a password is nobody's topic.
    assert_eq!(desk.ask("Login#77777", "cc.b,77777", "l").await, [""; 0]);
    desk.network(false).await;
    desk.lines().await;
    let heard = desk.ask("Login#42031", "cc.a", "l").await;
    assert_eq!(heard, ["cc.a l System#OUT_OF_SERVICE"]);
    // One more than three since the topic was known, in a second that stands still.
    let heard = desk.ask("Login#42031", "cc.a", "l").await;
    assert_eq!(heard, refused("cc.a", "l", "42031", "PLEASE_RETRY"));
    for greeting in ["Hello#cc.a", "Beat#cc.a"] {
        let heard = desk.ask(greeting, "", "h").await;
        assert_eq!(heard, ["cc.a h System#Error#PLEASE_RETRY"]);
    }
    let heard = desk.ask("Connect#42031", "cc.a", "c").await;
    assert_eq!(heard, refused("cc.a", "c", "42031", "PLEASE_RETRY"));
}

#[tokio::test]
async fn cc_16_so_many_agents_are_licensed() {
    let mut desk = Desk::cold(|config| config.cti.max_agents = 2).await;
    for (agent, topic) in common::cti::AGENTS {
        desk.say(&format!("Hello#{topic}"), "");
        desk.lines().await;
        let heard = desk.ask(&format!("Login#{agent}"), topic, "l").await;
        match agent {
            "32033" => assert_eq!(heard, refused("cc.c", "l", "32033", "LICENSES_EXCEEDED")),
            _ => assert_eq!(heard, snapshot(agent, topic, "l", NOW)),
        }
    }
    let again = desk.ask("Login#42031", "cc.a", "l").await;
    assert_eq!(again, snapshot("42031", "cc.a", "l", NOW));
    desk.ask("Logout#42032", "", "o").await;
    let third = desk.ask("Login#32033", "cc.c", "l").await;
    assert_eq!(third, snapshot("32033", "cc.c", "l", NOW));
}

#[tokio::test]
async fn cc_17_a_login_brings_the_pin_of_the_lines_user() {
    let mut desk = Desk::cold(|config| config.cti.login_auth = LoginAuth::Pin).await;
    desk.ask("Hello#cc.a", "", "h").await;
    let login = "Login#42031";
    let right = "cc.a,agent42031,12345";
    desk.say(login, right);
    let mut heard = Vec::new();
    while heard.len() < 3 {
        heard.push(desk.next().await.line());
    }
    assert_eq!(heard, snapshot("42031", "cc.a", "-", NOW));
    let not_found = "cc.a - 42031#Error#USER_NOT_FOUND";
    for wrong in [
        "cc.a,agent42031,9",
        "cc.a",
        "cc.a,agent42032,12345",
        "cc.a,nobody,12345",
        "cc.a,agent42031,a1",
    ] {
        desk.say(login, wrong);
        assert_eq!(desk.next().await.line(), not_found, "{wrong}");
    }
    desk.say(login, right);
    assert_eq!(desk.next().await.line(), "cc.a - 42031#Error#PLEASE_RETRY");
    desk.advance(60_000).await;
    desk.say(login, right);
    assert!(desk.next().await.text.contains("AgentInfo"));
    let journal = desk
        .server
        .get("/api/v1/lab/requests?interface=cti")
        .await
        .body;
    assert!(
        journal.contains("cc.a,••••") && !journal.contains("12345"),
        "{journal}"
    );
}

/// Sees to it that the exchange takes no more until it is let go.
async fn overload(desk: &Desk) -> (std::sync::mpsc::Sender<()>, tokio::task::JoinHandle<()>) {
    use cordboard::runtime::exchange_task::INBOX;
    use cordboard_core::exchange::{Action, Actor, Command, Query};
    let handle = desk.server.program.app.handle.clone();
    let (begun, begins) = tokio::sync::oneshot::channel();
    let (let_go, waits) = std::sync::mpsc::channel::<()>();
    let blocked = tokio::spawn(async move {
        let work = handle.on_thread(move |_| {
            let _ = begun.send(());
            // Until it is let go, or the test has ended.
            let _ = waits.recv();
        });
        work.await.unwrap();
    });
    begins.await.unwrap();
    let handle = &desk.server.program.app.handle;
    for _ in 0..INBOX {
        let counts = Command {
            actor: Actor::Operator,
            interface: "test",
            action: Action::Snapshot(Query::Counts),
        };
        drop(handle.begin(handle.ticket(), counts));
    }
    (let_go, blocked)
}

#[tokio::test]
async fn a_login_that_cannot_be_looked_up_now_is_no_unknown_one() {
    let mut desk = Desk::cold(|_| {}).await;
    desk.ask("Hello#cc.a", "", "h").await;
    let (let_go, blocked) = overload(&desk).await;
    let heard = desk.ask("Login#42031", "cc.a", "l").await;
    assert_eq!(heard, refused("cc.a", "l", "42031", "GENERAL_ERROR"));
    let_go.send(()).unwrap();
    blocked.await.unwrap();
    let heard = desk.ask("Login#42031", "cc.a", "l").await;
    assert_eq!(heard, snapshot("42031", "cc.a", "l", NOW));
}

#[tokio::test]
async fn a_line_that_moves_while_a_login_is_looked_at_is_watched_where_it_is_then() {
    let mut desk = Desk::cold(|config| config.cti.login_auth = LoginAuth::Pin).await;
    desk.ask("Hello#cc.m", "", "h").await;
    // The first to come has to wait: for the others a hash is computed too.
    for agent in ["42031", "42032", "32033"] {
        desk.say(&format!("Login#{agent}"), "cc.m,agent42031,1");
    }
    desk.say("Login#1004", "cc.m,john,12345");
    desk.lines().await;
    let body = r#"{"user": "john", "device": "SEP00175A52EE7C"}"#;
    let moved = desk.server.post_json("/api/v1/mobility/sessions", body);
    assert_eq!(moved.await.status, 201);
    while !desk.next().await.text.starts_with("1004#DialogState#NONE") {}
    desk.lines().await;
    let heard = desk.ask("MakeCall#1004", "5508", "m").await;
    assert!(
        heard[0].starts_with("cc.m m 1004#State#RESERVED"),
        "{heard:?}"
    );
}

#[tokio::test]
async fn cc_18_a_logout_ends_what_is_told_and_calls_go_on() {
    let mut desk = Desk::warm(|_| {}).await;
    desk.hand(&["call", "42031", "5508"]).await;
    desk.lines().await;
    let gone = desk.ask("Logout#42031", "", "o").await;
    assert_eq!(gone, on("cc.a", "o", &[state("42031", "LOGOUT", NOW)]));
    desk.hand(&["release", "42031"]).await;
    assert_eq!(desk.lines().await, [""; 0]);
    let reply = Destination::topic("cc.a");
    let again = desk.ask_reply("Logout#42031", "", "p", reply).await;
    assert_eq!(
        again,
        refused("cc.a", "p", "42031", "CF_INVALID_OBJECT_STATE")
    );
}

#[tokio::test]
async fn a_login_that_is_looked_at_is_forgotten_by_a_reset() {
    let mut desk = Desk::cold(|config| config.cti.login_auth = LoginAuth::Pin).await;
    desk.ask("Hello#cc.a", "", "h").await;
    desk.say("Login#42031", "cc.a,agent42031,1");
    assert_eq!(desk.lines().await, [""; 0]);
    let reset = desk.server.post_json("/api/v1/lab/reset", "").await;
    assert_eq!(reset.status, 204);
    // One that is asked for later takes as long: whatever came of the first would be here before.
    desk.ask("Hello#cc.a", "", "h").await;
    desk.say("Login#42032", "cc.a,agent42032,1");
    assert_eq!(
        desk.next().await.line(),
        "cc.a - 42032#Error#USER_NOT_FOUND"
    );
}

#[tokio::test]
async fn cc_19_a_login_during_a_call_tells_of_the_call() {
    let mut desk = Desk::cold(|_| {}).await;
    desk.hand(&["call", "42032", "42031"]).await;
    desk.hand(&["answer", "42031"]).await;
    desk.at_time("2026-11-21 10:00:07").await;
    desk.ask("Hello#cc.a", "", "h").await;
    let heard = desk.ask("Login#42031", "cc.a", "l").await;
    assert_eq!(
        heard,
        on(
            "cc.a",
            "l",
            &[
                info("42031"),
                state("42031", "TALKING", "2026-11-21 10:00:07"),
                format!("42031#InboundCall#ACTIVE#{NOW}#16777218#42032"),
                format!("42031#DialogState#ACTIVE#{NOW}#16777218#42032"),
            ]
        )
    );
}

#[tokio::test]
async fn cc_20_the_state_of_an_idle_agent_is_ready_and_goes_to_who_asks() {
    let mut desk = Desk::warm(|_| {}).await;
    let texts = [
        state("42031", "READY", "2026-11-21 09:58:00"),
        none("42031", NOW),
    ];
    assert_eq!(
        desk.ask("GetState#42031", "", "g").await,
        on("cc.a", "g", &texts)
    );
    let reply = Destination::topic("cc.b");
    let asked = desk.ask_reply("GetState#42031", "", "g", reply).await;
    assert_eq!(asked, on("cc.b", "g", &texts));
}

#[tokio::test]
async fn cc_21_a_second_topic_shares_an_agent_or_is_refused() {
    let mut desk = Desk::warm(|config| config.cti.shared_login = SharedLogin::Refuse).await;
    desk.ask("Hello#cc.z", "", "h").await;
    let second = desk.ask("Login#42031", "cc.z", "l").await;
    assert_eq!(
        second,
        refused("cc.z", "l", "42031", "CF_INVALID_OBJECT_STATE")
    );
    desk.hand(&["call", "42031", "5508"]).await;
    let told = desk.lines().await;
    assert!(told.len() == 3 && told.iter().all(|line| line.starts_with("cc.a - ")));

    let mut desk = Desk::warm(|config| config.cti.shared_login = SharedLogin::Share).await;
    desk.ask("Hello#cc.z", "json", "h").await;
    let second = desk.ask("Login#42031", "cc.z", "l").await;
    assert!(second.len() == 3 && second.iter().all(|line| line.starts_with("cc.z l {")));
    desk.hand(&["call", "42031", "5508"]).await;
    let told = desk.lines().await;
    let at = |topic: &str| told.iter().filter(|line| line.starts_with(topic)).count();
    assert_eq!((at("cc.a - 42031#"), at("cc.z - {")), (3, 3));
    let gone = desk.ask("Logout#42031", "", "o").await;
    assert_eq!(gone.len(), 2);
}

#[tokio::test]
async fn an_agent_who_takes_no_calls_says_why() {
    let mut desk = Desk::warm(|_| {}).await;
    let with = |word: &str, reason: &str, at: &str| {
        format!("cc.a r 42031#State#{word}#{reason}###{at}#Agent 42031#42031#42031")
    };
    let not_ready = desk.ask("MakeNotReadyWithReason#42031", "lunch", "r").await;
    assert_eq!(not_ready, [with("NOT_READY", "lunch", NOW)]);
    desk.at_time("2026-11-21 10:00:09").await;
    let ready = desk.ask("MakeReady#42031", "", "r").await;
    assert_eq!(ready, [with("READY", "", "2026-11-21 10:00:09")]);
    let not_ready = desk.ask("MakeNotReady#42031", "", "r").await;
    assert_eq!(not_ready, [with("NOT_READY", "", "2026-11-21 10:00:09")]);
    // It is what he goes back to after a call.
    desk.hand(&["call", "42031", "5508"]).await;
    desk.hand(&["release", "42031"]).await;
    let told = desk.lines().await;
    assert!(
        told[told.len() - 2].contains("#State#NOT_READY#"),
        "{told:?}"
    );
}

#[tokio::test]
async fn the_agents_of_a_topic_that_nothing_comes_from_are_logged_out_if_that_is_wanted() {
    let mut desk = Desk::warm(|config| config.cti.client_timeout_s = 150).await;
    desk.ask("Beat#cc.a", "", "b").await;
    desk.advance(60_000).await;
    let mut told = Vec::new();
    while told.len() < 2 {
        told.push(desk.next().await.line());
    }
    told.sort();
    assert_eq!(
        told,
        [
            format!("cc.b - {}", state("42032", "LOGOUT", "2026-11-21 10:01:00")),
            format!("cc.c - {}", state("32033", "LOGOUT", "2026-11-21 10:01:00")),
        ]
    );
    assert!(desk.ask("GetState#42031", "", "g").await[0].contains("READY"));
}

#[tokio::test]
async fn the_agents_of_a_topic_that_nobody_listens_to_are_logged_out_if_that_is_wanted() {
    use common::openwire::Raw;
    let mut desk = Desk::warm(|config| config.cti.logout_on_disconnect_s = 1).await;
    let address = desk.server.program.addresses.openwire.unwrap();
    let mut other = Raw::join(address, "other").await;
    other.listen(1, Destination::topic("cc.b")).await;
    other.listen(2, Destination::topic("cc.c")).await;
    let mut stays = Raw::join(address, "stays").await;
    stays.listen(1, Destination::topic("cc.c")).await;
    drop(other);
    // The desk hears all topics by a pattern, which is nobody's listening to one.
    let gone = state("42032", "LOGOUT", NOW);
    assert_eq!(desk.next().await.line(), format!("cc.b - {gone}"));
    let others = desk.ask("GetState#32033", "", "g").await;
    assert!(others[0].contains("READY"), "{others:?}");
}
