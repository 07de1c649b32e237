//! The list of calls over a long history.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use common::Server;
use cordboard_core::exchange::Record;
use cordboard_core::ids::CallKey;
use cordboard_store::{Store, Sync};
use serde_json::{Value, json};

const FIXTURE: &str = include_str!("common/webdialer.toml");
/// More than one answer looks at.
const STORED: u64 = 6_000;

async fn place(server: &Server, to: &str) -> Value {
    let body = json!({"device": "SEPA", "to": to}).to_string();
    let placed = server.post_json("/api/v1/calls", &body).await;
    assert_eq!(placed.status, 201, "{}", placed.body);
    placed.json()["id"].clone()
}

/// A server with one old call of SEPA's and, after it, [`STORED`] of nobody's.
async fn server_with_history() -> Server {
    let server = Server::start(FIXTURE, |_| {}).await;
    assert_eq!(place(&server, "5550109").await, json!("c-1"));
    server.post_json("/api/v1/calls/c-1/release", "{}").await;
    server
        .restarted_after(FIXTURE, |database| {
            let mut store = Store::open(database, Sync::Normal).unwrap();
            let first = store
                .reader()
                .unwrap()
                .call(&"c-1".into())
                .unwrap()
                .unwrap();
            let calls: Vec<Record> = (2..2 + STORED)
                .map(|number| {
                    let mut call = first.clone();
                    call.key = CallKey(number);
                    call.id = format!("c-{number}").as_str().into();
                    call.connections.clear();
                    Record::Call(Box::new(call))
                })
                .collect();
            store.commit(&calls).unwrap();
        })
        .await
}

#[tokio::test]
async fn what_is_rare_is_found_over_several_pages_each_of_which_looks_at_a_bounded_number() {
    let server = server_with_history().await;
    let live = place(&server, "5550108").await;
    let mut found = Vec::new();
    let mut pages = 0;
    let mut after = String::new();
    loop {
        let page = server
            .get(&format!("/api/v1/calls?device=SEPA{after}"))
            .await;
        let page = page.json();
        pages += 1;
        found.extend(
            page["calls"]
                .as_array()
                .unwrap()
                .iter()
                .map(|c| c["id"].clone()),
        );
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!((found, pages), (vec![live, json!("c-1")], 2));
    // Only live ones are anything but over: the history is not asked.
    let alerting = server.get("/api/v1/calls?state=alerting&device=SEPB").await;
    assert_eq!(alerting.json(), json!({"calls": [], "next": null}));
    server.program.stop().await;
}

#[tokio::test]
async fn a_list_does_not_hold_up_a_look_at_one_call() {
    let server = server_with_history().await;
    let busy = server.program.app.history.lock().await;
    let one = server.get("/api/v1/calls/c-1").await;
    assert_eq!(one.json()["state"], "ended");
    drop(busy);
    server.program.stop().await;
}
