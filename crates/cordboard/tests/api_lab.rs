//! The lab's controls over HTTP: reset, clock, faults, journal. [lab]

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use common::Server;
use serde_json::{Value, json};

const FIXTURE: &str = include_str!("common/webdialer.toml");

async fn server() -> Server {
    Server::start(FIXTURE, |_| {}).await
}

async fn sets(server: &Server, fault: Value) {
    let response = server
        .post_json("/api/v1/lab/faults", &fault.to_string())
        .await;
    assert_eq!(response.status, 200, "{fault}: {}", response.body);
}

async fn board(server: &Server) -> Vec<Value> {
    let board = server.get("/api/v1/lab/faults").await.json();
    board["faults"].as_array().unwrap().clone()
}

async fn places(server: &Server, device: &str, to: &str) -> common::Response {
    let body = json!({ "device": device, "to": to }).to_string();
    server.post_json("/api/v1/calls", &body).await
}

#[tokio::test]
async fn a_reset_publishes_one_event_whatever_was_live_or_failing() {
    let server = server().await;
    assert_eq!(places(&server, "SEPA", "5550108").await.status, 201);
    sets(
        &server,
        json!({"on": "network", "kind": "down", "calls": "kept"}),
    )
    .await;
    sets(&server, json!({"on": "device:SEPJ", "kind": "down"})).await;
    sets(&server, json!({"on": "store", "kind": "error"})).await;
    let mut events = server.program.app.events.subscribe();
    let reset = server.post_json("/api/v1/lab/reset", "").await;
    assert_eq!(reset.status, 204, "{}", reset.body);
    // Whatever else would come has come when a minute has passed.
    server
        .post_json("/api/v1/lab/clock", r#"{"advance_ms": 60000}"#)
        .await;
    let heard: Vec<&str> = std::iter::from_fn(|| events.try_recv().ok())
        .map(|event| event.kind.as_str())
        .collect();
    assert_eq!(heard, ["reset"]);
    assert_eq!(board(&server).await, Vec::<Value>::new());
    let call = places(&server, "SEPJ", "5550108").await;
    assert_eq!(
        (call.status, call.json()["id"].as_str()),
        (201, Some("c-1"))
    );
}

#[tokio::test]
async fn a_store_that_is_slow_and_fails_is_both_until_both_are_cleared() {
    let server = server().await;
    for faults in [["error", "slow"], ["slow", "error"]] {
        for kind in faults {
            sets(
                &server,
                json!({"on": "store", "kind": kind, "delay_ms": 30}),
            )
            .await;
        }
        assert_eq!(board(&server).await.len(), 2);
        let before = std::time::Instant::now();
        let refused = places(&server, "SEPA", "5550108").await;
        assert_eq!(refused.status, 503, "{}", refused.body);
        assert!(before.elapsed().as_millis() >= 30, "{faults:?}");
        server
            .request("DELETE", "/api/v1/lab/faults?on=store", &[], b"")
            .await;
    }
    assert_eq!(places(&server, "SEPA", "5550108").await.status, 201);
}

#[tokio::test]
async fn every_fault_of_the_table_is_accepted_and_listed_and_no_other() {
    let server = server().await;
    let table = [
        json!({"on": "network", "kind": "down", "calls": "lost"}),
        json!({"on": "network", "kind": "error"}),
        json!({"on": "network", "kind": "slow", "delay_ms": 1}),
        json!({"on": "device:SEPA", "kind": "down"}),
        json!({"on": "device:SEPA", "kind": "slow", "delay_ms": 1}),
        json!({"on": "device:SEPA", "kind": "refuse", "q850": 21}),
        json!({"on": "directory", "kind": "down"}),
        json!({"on": "store", "kind": "error"}),
        json!({"on": "store", "kind": "slow", "delay_ms": 1}),
        json!({"on": "timer", "kind": "error"}),
        json!({"on": "registrations", "kind": "down"}),
        json!({"on": "webdialer", "kind": "down"}),
        json!({"on": "webdialer", "kind": "slow", "delay_ms": 1}),
        json!({"on": "mobility", "kind": "down"}),
        json!({"on": "presence", "kind": "slow", "delay_ms": 1}),
        json!({"on": "phone", "kind": "down"}),
        json!({"on": "broker", "kind": "down"}),
        json!({"on": "broker", "kind": "cut"}),
    ];
    for fault in &table {
        sets(&server, fault.clone()).await;
    }
    assert_eq!(board(&server).await, table);
    for unknown in [
        json!({"on": "timer", "kind": "down"}),
        json!({"on": "broker", "kind": "slow", "delay_ms": 1}),
        json!({"on": "network", "kind": "down"}),
        json!({"on": "store", "kind": "slow"}),
        json!({"on": "nothing", "kind": "down"}),
    ] {
        let response = server
            .post_json("/api/v1/lab/faults", &unknown.to_string())
            .await;
        assert_eq!(response.status, 400, "{unknown}");
        assert_eq!(
            response.header("content-type"),
            Some("application/problem+json")
        );
    }
    assert_eq!(board(&server).await.len(), table.len());
}
