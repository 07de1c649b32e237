//! What goes and comes back: the network, the broker, the connector itself. [cti §2.5, §7.1, §11]

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use common::Server;
use common::cti::{Desk, Said, until};
use common::openwire::soon;
use cordboard::runtime::engine::Engine;
use cordboard::runtime::hub::BACKLOG;
use cordboard_client::openwire::Status;
use cordboard_core::exchange::DriverEvent;
use cordboard_core::ids::DeviceName;

const NOW: &str = "2026-11-21 10:00:00";

fn state(agent: &str, state: &str, at: &str) -> String {
    format!("{agent}#State#{state}####{at}#Agent {agent}#{agent}#{agent}")
}

#[tokio::test]
async fn cc_49_who_only_said_hello_is_told_of_the_network_too() {
    let mut desk = Desk::warm(|_| {}).await;
    desk.ask("Hello#cc.h", "", "h").await;
    desk.network(false).await;
    desk.network(true).await;
    let told = desk.lines().await;
    let own: Vec<_> = told
        .iter()
        .filter(|line| line.starts_with("cc.h"))
        .collect();
    assert_eq!(
        own,
        ["cc.h - System#OUT_OF_SERVICE", "cc.h - System#IN_SERVICE"]
    );
}

#[tokio::test]
async fn cc_51_what_is_asked_during_an_outage_is_never_done() {
    let mut desk = Desk::warm(|_| {}).await;
    desk.network(false).await;
    desk.lines().await;
    let heard = desk.ask("MakeCall#42031", "42032", "m").await;
    assert_eq!(heard, ["cc.a m System#OUT_OF_SERVICE"]);
    desk.network(true).await;
    let told = desk.lines().await;
    assert!(
        !told.iter().any(|line| line.contains("RESERVED")),
        "{told:?}"
    );
    let calls = desk.server.get("/api/v1/calls").await.json();
    assert_eq!(calls["calls"].as_array().unwrap().len(), 0);
    // Logging out needs no network.
    desk.network(false).await;
    desk.lines().await;
    let gone = desk.ask("Logout#42031", "", "o").await;
    assert_eq!(gone, [format!("cc.a o {}", state("42031", "LOGOUT", NOW))]);
}

#[tokio::test]
async fn calls_that_outlive_the_network_are_told_with_their_ids() {
    let mut desk = Desk::warm(|_| {}).await;
    desk.hand(&["call", "42031", "42032"]).await;
    desk.hand(&["answer", "42032"]).await;
    desk.lines().await;
    desk.fault(r#"{"on": "network", "kind": "down", "calls": "kept"}"#)
        .await;
    desk.lines().await;
    desk.at_time("2026-11-21 10:00:30").await;
    desk.network(true).await;
    let told = desk.lines().await;
    let own: Vec<_> = told
        .iter()
        .filter(|line| line.starts_with("cc.b"))
        .collect();
    assert_eq!(
        own,
        [
            "cc.b - System#IN_SERVICE",
            "cc.b - Terminal#CiscoTermInServiceEv",
            &format!("cc.b - {}", state("42032", "TALKING", NOW)),
            &format!("cc.b - 42032#InboundCall#ACTIVE#{NOW}#16777218#42031"),
            &format!("cc.b - 42032#DialogState#ACTIVE#{NOW}#16777218#42031"),
        ]
    );
}

#[tokio::test]
async fn cc_53_logins_and_formats_are_there_after_a_restart() {
    let mut desk = Desk::warm(|_| {}).await;
    desk.ask("Hello#cc.b", "json", "h").await;
    desk.ask("MakeNotReadyWithReason#42031", "lunch", "n").await;
    desk.ask("Logout#32033", "", "o").await;
    let server: Server = desk.server;
    let server = server
        .restarted_with(cordboard::lab::DEMO, |config| {
            config.listen.openwire = "127.0.0.1:0".into();
            config.cti.timezone = "UTC".into();
        })
        .await;
    let mut desk = Desk::at(server).await;
    let heard = desk.ask("GetState#42031", "", "g").await;
    assert!(
        heard[0].starts_with("cc.a g 42031#State#NOT_READY#lunch###"),
        "{heard:?}"
    );
    let heard = desk.ask("GetState#42032", "", "g").await;
    assert!(
        heard[0].starts_with(r#"cc.b g {"type":"AGENT_STATE""#),
        "{heard:?}"
    );
    let gone = desk.ask("GetState#32033", "", "g").await;
    assert_eq!(gone, [""; 0]);
    // Where he was logged in is known too, when a Login does not say it. [cti §7.2]
    let heard = desk.ask("Login#42031", "secret,42031", "l").await;
    assert!(heard[0].starts_with("cc.a l 42031#AgentInfo#"), "{heard:?}");
}

#[tokio::test]
async fn a_broker_that_was_away_is_joined_again_and_everybody_told_how_things_stand() {
    let mut desk = Desk::warm(|_| {}).await;
    desk.fault(r#"{"on": "broker", "kind": "down"}"#).await;
    let mut connector = desk.server.program.app.cti.get().unwrap().clone();
    soon(connector.wait_for(|status| !status.is_ready()))
        .await
        .unwrap();
    let ready = desk.server.get("/readyz").await;
    assert_eq!(ready.status, 503);
    // Placed by hand meanwhile; it is told when the broker is back.
    desk.hand(&["call", "42031", "5508"]).await;
    desk.no_fault().await;
    soon(connector.wait_for(Status::is_ready)).await.unwrap();
    let mut own = desk.client.status();
    soon(own.wait_for(Status::is_ready)).await.unwrap();
    let heard = desk.ask("GetState#42031", "", "g").await;
    let asked: Vec<_> = heard
        .iter()
        .filter(|line| line.starts_with("cc.a g"))
        .collect();
    assert_eq!(
        asked,
        [
            &format!("cc.a g {}", state("42031", "RESERVED", NOW)),
            &format!("cc.a g 42031#DialogState#INITIATED#{NOW}#16777217#5508"),
        ]
    );
}

#[tokio::test]
async fn an_extension_mobility_login_moves_an_agents_line() {
    let mut desk = Desk::cold(|_| {}).await;
    desk.ask("Hello#cc.m", "", "h").await;
    // 1004 is in a profile only: nobody's phone carries it.
    let heard = desk.ask("Login#1004", "cc.m", "l").await;
    assert_eq!(heard.len(), 4);
    assert_eq!(heard[3], "cc.m l Terminal#CiscoTermOutServiceEv");
    let refused = desk.ask("MakeCall#1004", "5508", "m").await;
    assert_eq!(refused, ["cc.m m 1004#Error#CF_GENERIC_UNSPECIFIED"]);
    let login = |device: &str| format!(r#"{{"user": "john", "device": "{device}"}}"#);
    let body = login("SEP00175A52EE7C");
    let done = desk
        .server
        .post_json("/api/v1/mobility/sessions", &body)
        .await;
    assert_eq!(done.status, 201, "{}", done.body);
    assert_eq!(desk.lines().await, ["cc.m - Terminal#CiscoTermInServiceEv"]);
    let heard = desk.ask("MakeCall#1004", "5508", "m").await;
    assert!(
        heard[0].starts_with("cc.m m 1004#State#RESERVED"),
        "{heard:?}"
    );
    assert!(heard[0].contains("#John Example#1004#1004"));
    // He leaves in the middle of the call: it stays where it is, and then he is nowhere.
    let out = desk
        .server
        .request(
            "DELETE",
            "/api/v1/mobility/sessions/SEP00175A52EE7C",
            &[],
            b"",
        )
        .await;
    assert!(out.status < 300, "{}", out.body);
    assert_eq!(desk.lines().await, [""; 0]);
    let heard = desk.ask("ReleaseCall#1004", "16777217", "r").await;
    assert_eq!(heard.len(), 3, "{heard:?}");
    assert!(heard[1].contains("#DROPPED#"));
    assert_eq!(heard[2], "cc.m - Terminal#CiscoTermOutServiceEv");
}

#[tokio::test]
async fn a_reset_forgets_everybody_and_tells_nobody() {
    let mut desk = Desk::warm(|_| {}).await;
    let reset = desk.server.post_json("/api/v1/lab/reset", "").await;
    assert_eq!(reset.status, 204);
    let agents = desk.server.program.app.metrics.cti.agents.clone();
    soon(until(|| agents.get() == 0)).await;
    assert_eq!(desk.lines().await, [""; 0]);
    desk.at_time(NOW).await;
    desk.ask("Hello#cc.a", "", "h").await;
    desk.ask("Login#42031", "cc.a", "l").await;
    let heard = desk.ask("MakeCall#42031", "5508", "m").await;
    assert!(heard[1].contains("#16777217#"), "{heard:?}");
}

#[tokio::test]
async fn nothing_is_told_as_done_that_could_not_be_stored() {
    let mut desk = Desk::warm(|_| {}).await;
    desk.ask("Hello#cc.y", "", "h").await;
    desk.fault(r#"{"on": "store", "kind": "error"}"#).await;
    let retry = "42031#Error#PLEASE_RETRY";
    for (jms_type, body, answer) in [
        (
            "Hello#cc.n",
            "",
            "cc.n x System#Error#PLEASE_RETRY".to_owned(),
        ),
        (
            "Hello#cc.a",
            "json",
            "cc.a x System#Error#PLEASE_RETRY".to_owned(),
        ),
        ("Connect#42031", "cc.n", format!("cc.n x {retry}")),
        (
            "Login#42031",
            "cc.y",
            "cc.y x 42031#Error#GENERAL_ERROR".to_owned(),
        ),
        ("Logout#42031", "", format!("cc.a x {retry}")),
        ("MakeNotReady#42031", "", format!("cc.a x {retry}")),
        ("MakeCall#42031", "42032", format!("cc.a x {retry}")),
    ] {
        assert_eq!(desk.ask(jms_type, body, "x").await, [answer], "{jms_type}");
    }
    desk.no_fault().await;
    let heard = desk.ask("GetState#42031", "", "g").await;
    let ready = state("42031", "READY", "2026-11-21 09:58:00");
    assert_eq!(heard[0], format!("cc.a g {ready}"));
    let heard = desk.ask("MakeCall#42031", "42032", "m").await;
    assert!(heard[1].starts_with("cc.a m 42031#DialogState#INITIATING"));
    // A live call: what follows is not told before it is stored.
    desk.fault(r#"{"on": "store", "kind": "error"}"#).await;
    let heard = desk.ask("AnswerCall#42032", "16777218", "a").await;
    assert_eq!(heard, ["cc.b a 42032#Error#PLEASE_RETRY"]);
    let heard = desk.ask("ReleaseCall#42031", "16777217", "r").await;
    assert_eq!(heard, [format!("cc.a r {}", retry)]);
    desk.no_fault().await;
    assert_eq!(desk.lines().await, [""; 0]);
    desk.knows_what_is_told().await;
}

#[tokio::test]
async fn an_answer_to_nobody_harms_nobody() {
    use cordboard_wire::openwire::{Destination, DestinationKind};
    let mut desk = Desk::warm(|_| {}).await;
    for reply in [
        Destination::new(DestinationKind::TempQueue, "ID:gone-1:1"),
        Destination::new(DestinationKind::TempTopic, "ID:gone-1:2"),
        Destination::new(DestinationKind::TempTopic, "a b/c"),
    ] {
        let heard = desk.ask_reply("GetState#42031", "", "g", reply).await;
        assert_eq!(heard, [""; 0]);
    }
    for reply in [">", "cc.a,cc.b", "ActiveMQ.Advisory.Connection"] {
        let reply = Destination::topic(reply);
        let heard = desk.ask_reply("GetState#42031", "", "g", reply).await;
        assert_eq!(heard.len(), 2, "{heard:?}");
    }
    let heard = desk.ask("Hello#cc.a", "", "h").await;
    assert_eq!(heard, ["cc.a h System#IN_SERVICE"]);
}

/// More happens than is kept for who is slow, after this, and from `then` on everything of this process but the exchange stands
/// still meanwhile.
async fn flood(desk: &Desk, first: impl FnOnce(&mut Engine) + Send + 'static, then: impl FnOnce()) {
    let handle = desk.server.program.app.handle.clone();
    let (go, goes) = std::sync::mpsc::channel();
    let (done, is_done) = std::sync::mpsc::channel();
    tokio::spawn(async move {
        let work = handle.on_thread(move |engine| {
            goes.recv().unwrap();
            first(engine);
            let now = engine.clock.now().instant;
            let device = DeviceName::from("SEP00175A52EE7C");
            for _ in 0..BACKLOG {
                let down = DriverEvent::DeviceDown(device.clone());
                let up = DriverEvent::DeviceUp(device.clone());
                engine.network.phone_does(down, now);
                engine.network.phone_does(up, now);
                engine.catch_up();
            }
            done.send(()).unwrap();
        });
        work.await.unwrap();
    });
    tokio::task::yield_now().await;
    then();
    go.send(()).unwrap();
    is_done.recv().unwrap();
}

#[tokio::test]
async fn whoever_missed_what_happened_is_told_how_things_stand() {
    let mut desk = Desk::warm(|_| {}).await;
    desk.ask("MakeCall#42031", "42032", "m").await;
    desk.ask("AnswerCall#42032", "16777218", "a").await;
    desk.at_time("2026-11-21 10:00:07").await;
    let hangs_up = |engine: &mut Engine| {
        let now = engine.clock.now().instant;
        let mut legs = engine.network.live_legs();
        let own = legs
            .find(|(_, device)| device.is_some_and(|device| device.as_str().ends_with("42031")));
        let (leg, _) = own.unwrap();
        drop(legs);
        let released = DriverEvent::Released(leg, 16);
        engine.network.phone_does(released, now);
        engine.catch_up();
    };
    flood(&desk, hangs_up, || {}).await;
    let told = desk.lines().await;
    let own: Vec<_> = told
        .iter()
        .filter(|line| line.starts_with("cc.b"))
        .collect();
    let at = "2026-11-21 10:00:07";
    assert_eq!(
        own,
        [
            "cc.b - System#IN_SERVICE",
            "cc.b - Terminal#CiscoTermInServiceEv",
            &format!("cc.b - {}", state("42032", "READY", at)),
            &format!("cc.b - 42032#InboundCall#DROPPED#{NOW}#16777218#42031"),
            &format!("cc.b - 42032#DialogState#DROPPED#{at}#16777218#42031"),
        ]
    );
    desk.knows_what_is_told().await;
}

#[tokio::test]
async fn a_command_whose_events_were_missed_is_answered_by_how_things_stand() {
    let mut desk = Desk::warm(|_| {}).await;
    let handle = desk.server.program.app.handle.clone();
    let (free, is_free) = std::sync::mpsc::channel();
    let busy = tokio::spawn(async move {
        let work = handle.on_thread(move |_| is_free.recv().unwrap());
        work.await.unwrap();
    });
    tokio::task::yield_now().await;
    desk.tell(Said {
        jms_type: "MakeCall#42031",
        body: "5508",
        correlation: Some("m"),
        ..Said::default()
    });
    // It is taken, and waits for the exchange.
    assert_eq!(desk.lines().await, [""; 0]);
    flood(&desk, |_| {}, || free.send(()).unwrap()).await;
    busy.await.unwrap();
    let told = desk.lines().await;
    let answer: Vec<_> = told.iter().filter(|line| line.contains(" m ")).collect();
    // By its first event, if that was heard before the others were missed, else by how the leg stands.
    let told = |dialog: &str| {
        let state = format!("cc.a m {}", state("42031", "RESERVED", NOW));
        let dialog = format!("cc.a m 42031#DialogState#{dialog}#{NOW}#16777217#5508");
        [state, dialog]
    };
    let is = |dialog: &str| answer.iter().copied().eq(told(dialog).iter());
    assert!(is("INITIATING") || is("INITIATED"), "{answer:?}");
}
