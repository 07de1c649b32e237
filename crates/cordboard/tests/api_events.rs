//! The event stream of the JSON API.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use common::Server;
use common::events::Stream;
use serde_json::json;

const FIXTURE: &str = include_str!("common/webdialer.toml");

async fn server() -> Server {
    Server::start(FIXTURE, |_| {}).await
}

async fn call(server: &Server, to: &str) -> String {
    let body = json!({"device": "SEPA", "to": to}).to_string();
    let answer = server.post_json("/api/v1/calls", &body).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.json()["id"].as_str().unwrap().to_owned()
}

async fn advance(server: &Server, ms: u64) {
    let body = json!({ "advance_ms": ms }).to_string();
    assert_eq!(
        server.post_json("/api/v1/lab/clock", &body).await.status,
        200
    );
}

#[tokio::test]
async fn a_call_is_told_step_by_step_under_numbers_without_gaps() {
    let server = server().await;
    let mut stream = Stream::open(&server, "").await;
    let id = call(&server, "1700").await;
    let body = json!({"device": "SEPOTHER"}).to_string();
    // The first four tell of the call, the caller going off-hook and dialling, and the other phone ringing.
    let mut seen = stream.take(4).await;
    let answered = server
        .post_json(&format!("/api/v1/calls/{id}/answer"), &body)
        .await;
    assert_eq!(answered.status, 200, "{}", answered.body);
    server
        .post_json(&format!("/api/v1/calls/{id}/release"), "{}")
        .await;
    loop {
        let event = stream.next().await;
        let last = event.kind == "call.ended";
        seen.push(event);
        if last {
            break;
        }
    }
    let first = seen[0].id;
    assert!(
        seen.iter()
            .zip(first..)
            .all(|(event, number)| event.id == number)
    );
    assert_eq!(
        (seen[0].kind.as_str(), &seen[0].data["call"]),
        ("call.created", &json!(id))
    );
    let states: Vec<(&str, &str)> = seen
        .iter()
        .filter(|e| e.kind == "call.part")
        .map(|e| {
            (
                e.data["device"].as_str().unwrap(),
                e.data["state"].as_str().unwrap(),
            )
        })
        .collect();
    for expected in [
        ("SEPA", "initiating"),
        ("SEPA", "initiated"),
        ("SEPOTHER", "alerting"),
        ("SEPOTHER", "active"),
        ("SEPA", "active"),
        ("SEPA", "dropped"),
        ("SEPOTHER", "dropped"),
    ] {
        assert!(states.contains(&expected), "{expected:?} in {states:?}");
    }
    let ended = seen.last().unwrap();
    assert_eq!(
        (&ended.data["cause"], &ended.data["q850"]),
        (&json!("normal"), &json!(16))
    );
    // Whoever comes back gets exactly what is missing, by header or by parameter.
    let missing = &seen[3..];
    let mut back = Stream::open(&server, &format!("Last-Event-ID: {}\r\n", seen[2].id)).await;
    assert_eq!(back.take(missing.len()).await, missing);
    server.program.stop().await;
}

#[tokio::test]
async fn a_listener_that_missed_more_than_is_kept_gets_one_resync_with_the_state_and_then_every_event()
 {
    let server = server().await;
    let held = call(&server, "5550108").await;
    let fault = json!({"on": "device:SEPJ", "kind": "down"}).to_string();
    server.post_json("/api/v1/lab/faults", &fault).await;
    let server = server.restarted(FIXTURE).await;
    let live = call(&server, "5550108").await;
    let mut stream = Stream::open(&server, "Last-Event-ID: 1\r\n").await;
    let resync = stream.next().await;
    assert_eq!(resync.kind, "resync");
    let calls = resync.data["calls"].as_array().unwrap();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0]["id"], json!(live));
    assert_ne!(live, held);
    assert_eq!(resync.data["network_up"], true);
    assert_eq!(resync.data["devices_down"], json!([]));
    server
        .post_json(&format!("/api/v1/calls/{live}/release"), "{}")
        .await;
    let next = stream.take(2).await;
    assert_eq!([next[0].id, next[1].id], [resync.id + 1, resync.id + 2]);
    // A number that was never given is no better.
    let mut ahead = Stream::open(&server, "Last-Event-ID: 999999999\r\n").await;
    assert_eq!(ahead.next().await.kind, "resync");
    let bad = server
        .request("GET", "/api/v1/events", &[("Last-Event-ID", "x")], b"")
        .await;
    assert_eq!(bad.status, 400);
    server.program.stop().await;
}

#[tokio::test]
async fn directory_network_devices_and_reset_are_told_too() {
    let server = server().await;
    let mut stream = Stream::open(&server, "").await;
    server.post_json("/api/v1/users", r#"{"id": "nina"}"#).await;
    assert_eq!(stream.next().await.kind, "directory.changed");
    for (fault, down, up) in [
        (
            json!({"on": "network", "kind": "down", "calls": "kept"}),
            "network.down",
            "network.up",
        ),
        (
            json!({"on": "device:SEPJ", "kind": "down"}),
            "device.down",
            "device.up",
        ),
    ] {
        server
            .post_json("/api/v1/lab/faults", &fault.to_string())
            .await;
        assert_eq!(stream.next().await.kind, down);
        server
            .request("DELETE", "/api/v1/lab/faults", &[], b"")
            .await;
        assert_eq!(stream.next().await.kind, up);
    }
    server.post_json("/api/v1/lab/reset", "").await;
    assert_eq!(stream.next().await.kind, "reset");
    server.program.stop().await;
}

#[tokio::test]
async fn listeners_that_never_read_hold_up_nobody_and_their_memory_is_bounded() {
    let server = server().await;
    let mut deaf = Vec::new();
    for _ in 0..200 {
        deaf.push(Stream::open(&server, "").await);
    }
    let mut hears = Stream::open(&server, "").await;
    let mut calls = 0;
    let mut last = None;
    while calls < 300 {
        calls += 1;
        let id = call(&server, "5550109").await;
        advance(&server, 20_000).await;
        loop {
            let event = hears.next().await;
            if let Some(last) = last {
                assert_eq!(event.id, last + 1);
            }
            last = Some(event.id);
            if event.kind == "call.part"
                && event.data["call"] == json!(id)
                && event.data["state"] == "dropped"
            {
                break;
            }
        }
    }
    drop(deaf);
    server.program.stop().await;
}

#[tokio::test]
async fn a_listener_is_told_its_number_before_the_first_event_so_that_it_loses_nothing_while_it_is_away()
 {
    let server = server().await;
    let quiet = Stream::open(&server, "").await;
    let begun = quiet.begun;
    drop(quiet);
    let id = call(&server, "5550109").await;
    let mut back = Stream::open(&server, &format!("Last-Event-ID: {begun}\r\n")).await;
    assert_eq!(back.begun, begun);
    let first = back.next().await;
    assert_eq!(
        (first.id, first.kind.as_str(), &first.data["call"]),
        (begun + 1, "call.created", &json!(id))
    );
    server.program.stop().await;
}
