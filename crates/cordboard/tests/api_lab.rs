//! The lab's controls over HTTP: reset, clock, faults, journal. [lab]

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use common::Server;
use cordboard::runtime::hub::Heard;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

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
    let mut events = server.program.app.hub.listen(None);
    let reset = server.post_json("/api/v1/lab/reset", "").await;
    assert_eq!(reset.status, 204, "{}", reset.body);
    // Whatever else would come has come when a minute has passed.
    server
        .post_json("/api/v1/lab/clock", r#"{"advance_ms": 60000}"#)
        .await;
    let Heard::Events(heard) = events.next().await else {
        panic!("events were missed");
    };
    let heard: Vec<&str> = heard.iter().map(|e| e.event.kind.as_str()).collect();
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
async fn a_slow_store_makes_changes_and_tokens_late_too() {
    let server = server().await;
    let slow = json!({"on": "store", "kind": "slow", "delay_ms": 200});
    sets(&server, slow).await;
    for (path, body) in [
        ("/api/v1/app-users", json!({"id": "late"})),
        ("/api/v1/tokens", json!({"name": "t", "roles": ["reader"]})),
    ] {
        let before = std::time::Instant::now();
        let made = server.post_json(path, &body.to_string()).await;
        assert_eq!(made.status, 201, "{}", made.body);
        assert!(before.elapsed().as_millis() >= 200, "{path}");
    }
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

// --- reset and clock ---------------------------------------------------------------------------------------------------

#[tokio::test]
async fn a_reset_is_the_seeded_state_and_open_connections_stay() {
    let server = server().await;
    let mut open = TcpStream::connect(server.address).await.unwrap();
    let ask = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    open.write_all(ask).await.unwrap();
    assert_eq!(common::read_response(&mut open).await.unwrap().status, 200);
    assert_eq!(places(&server, "SEPA", "5550108").await.status, 201);
    for _ in 0..10 {
        server.soap(W70, &soap("bill", "wrong", "1")).await;
    }
    let clock = r#"{"advance_ms": 86400000, "running": false}"#;
    server.post_json("/api/v1/lab/clock", clock).await;
    assert_eq!(server.post_json("/api/v1/lab/reset", "").await.status, 204);
    let entries = journal(&server, "").await;
    // Only the reset itself is noted, after it is done.
    assert_eq!(
        (entries.len(), &entries[0]["path"]),
        (1, &json!("/api/v1/lab/reset"))
    );
    assert_eq!(
        server.get("/api/v1/calls").await.json(),
        json!({"calls": [], "next": null})
    );
    let clock = server.get("/api/v1/lab/clock").await.json();
    assert_eq!(clock["running"], true);
    let shown: jiff::Timestamp = clock["now"].as_str().unwrap().parse().unwrap();
    let off = jiff::Timestamp::now().duration_since(shown).as_secs();
    assert!(off.abs() < 60, "{shown} is {off} s off");
    let seat = server.get("/api/v1/devices/SEPE").await.json();
    assert_eq!(
        (&seat["user"], &seat["lines"][0]["number"]),
        (&json!("emu"), &json!("1500"))
    );
    // The lock-out is forgotten, and calls are numbered anew.
    let placed = server.soap(W70, &soap("bill", "123", "5550108")).await;
    assert_eq!(placed.header("cordboard-call"), Some("c-1"));
    open.write_all(ask).await.unwrap();
    assert_eq!(common::read_response(&mut open).await.unwrap().status, 200);
}

async fn clock(server: &Server, change: &str) -> common::Response {
    server.post_json("/api/v1/lab/clock", change).await
}

#[tokio::test]
async fn the_clock_is_set_stopped_and_moved_and_remembered_over_a_restart() {
    let server = server().await;
    let now = "2031-01-02T03:04:05.678Z";
    let set = json!({"now": now, "running": false}).to_string();
    assert_eq!(
        clock(&server, &set).await.json(),
        json!({"now": now, "running": false})
    );
    assert_eq!(
        clock(&server, r#"{"advance_ms": 1322}"#).await.json(),
        json!({"now": "2031-01-02T03:04:07.000Z", "running": false})
    );
    // Backwards too, as long as nothing has been numbered.
    assert_eq!(clock(&server, &set).await.json()["now"], now);
    assert_eq!(places(&server, "SEPA", "5550101").await.status, 201);
    let call = server.get("/api/v1/calls/c-1").await.json();
    assert_eq!(
        (&call["created_at"], &call["state"]),
        (&json!(now), &json!("alerting"))
    );
    let moved = clock(&server, r#"{"now": "2031-01-02T03:04:06.678Z"}"#).await;
    assert_eq!(moved.status, 200);
    let call = server.get("/api/v1/calls/c-1").await.json();
    assert_eq!(call["state"], "connected", "moving it fires what is due");
    let back = clock(&server, &set).await;
    assert_eq!(
        (back.status, &back.json()["type"]),
        (409, &json!("urn:cordboard:problem:clock"))
    );
    for nonsense in [
        r#"{"now": "yesterday"}"#,
        r#"{"advance_ms": -1}"#,
        r#"{"later": 1}"#,
    ] {
        assert_eq!(clock(&server, nonsense).await.status, 400, "{nonsense}");
    }
    let again = server.restarted(FIXTURE).await;
    let shown = again.get("/api/v1/lab/clock").await.json();
    assert_eq!(shown["running"], true);
    assert!(
        shown["now"].as_str().unwrap() >= "2031-01-02T03:04:06.678Z",
        "{shown}"
    );
    assert!(shown["now"].as_str().unwrap() < "2031-01-02T04", "{shown}");
}

// --- journal -----------------------------------------------------------------------------------------------------------

const W70: &str = "/webdialer/services/WebdialerSoapService70";

fn soap(user: &str, password: &str, to: &str) -> String {
    format!(
        "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body><makeCallSoap xmlns=\"urn:WD70\">\
         <in0><userID>{user}</userID><password>{password}</password></in0><in1>{to}</in1>\
         <in2><user>{user}</user><deviceName>SEPA</deviceName></in2></makeCallSoap></e:Body></e:Envelope>"
    )
}

/// The journal's entries, without what differs from run to run.
async fn journal(server: &Server, query: &str) -> Vec<Value> {
    let journal = server
        .get(&format!("/api/v1/lab/requests{query}"))
        .await
        .json();
    let mut entries = journal["requests"].as_array().unwrap().clone();
    for entry in &mut entries {
        let entry = entry.as_object_mut().unwrap();
        assert_eq!(entry.remove("peer"), Some(json!("127.0.0.1")));
        assert_eq!(entry.remove("tls"), Some(json!(false)));
        assert!(entry.remove("at").unwrap().is_string());
    }
    entries
}

#[tokio::test]
async fn the_journal_has_every_request_of_every_interface_with_its_answer_and_no_secret() {
    let server = server().await;
    server.soap(W70, &soap("bill", "123", "5550108")).await;
    server
        .soap(&format!("/{W70}?wsdl"), &soap("bill", "s3cret", "1"))
        .await;
    server.soap(W70, "nonsense").await;
    server.get("/webdialer/Webdialer?uid=bill&pwd=s3cret").await;
    server.get("/healthz").await;
    server.get("/metrics").await;
    assert_eq!(places(&server, "SEPJ", "1002").await.status, 201);
    server.get("/api/v1/nothing").await;
    let token = r#"{"name": "dash", "roles": ["reader"]}"#;
    let token = server.post_json("/api/v1/tokens", token).await.json();
    let line = |number: u64, interface: &str, method: &str, path: &str, status: u16, fields| json!({"number": number, "interface": interface, "method": method, "path": path, "status": status, "fields": fields});
    let asked = journal(&server, "").await;
    let fault = &asked[2]["fields"]["fault"];
    assert!(fault.as_str().unwrap().contains("SAXParseException"));
    let placed = &asked[4]["fields"]["answer"];
    assert!(placed.as_str().unwrap().contains(r#""device":"SEPJ""#));
    let expected = [
        line(
            1,
            "webdialer",
            "POST",
            W70,
            200,
            json!({"operation": "makeCallSoap", "credential": "bill", "destination": "5550108", "user": "bill",
                "device": "SEPA", "code": "0", "text": "Success", "call": "c-1"}),
        ),
        line(
            2,
            "webdialer",
            "POST",
            &format!("/{W70}?wsdl"),
            200,
            json!({"operation": "makeCallSoap", "credential": "bill", "destination": "1", "user": "bill",
                "device": "SEPA", "code": "2", "text": "User Authentication Error"}),
        ),
        line(3, "webdialer", "POST", W70, 500, json!({"fault": fault})),
        line(
            4,
            "webdialer",
            "GET",
            "/webdialer/Webdialer?uid=bill&pwd=•••",
            303,
            json!({"uid": "bill"}),
        ),
        line(
            5,
            "api",
            "POST",
            "/api/v1/calls",
            201,
            json!({"call": "c-2", "request": r#"{"device":"SEPJ","to":"1002"}"#, "answer": placed}),
        ),
        line(
            6,
            "api",
            "GET",
            "/api/v1/nothing",
            404,
            json!({"answer": r#"{"status":404,"title":"There is nothing at this address","type":"urn:cordboard:problem:not-found"}"#}),
        ),
        line(
            7,
            "api",
            "POST",
            "/api/v1/tokens",
            201,
            json!({"request": r#"{"name":"dash","roles":["reader"]}"#,
                "answer": format!(r#"{{"expires_at":{},"id":{},"token":"•••"}}"#, token["expires_at"], token["id"])}),
        ),
    ];
    assert_eq!(asked, expected);
    assert_eq!(
        journal(&server, "?interface=webdialer&since=1&limit=2").await,
        expected[1..3]
    );
    // Even reading it was noted.
    let last = journal(&server, "?since=7").await;
    assert_eq!(
        (&last[0]["path"], &last[0]["status"]),
        (&json!("/api/v1/lab/requests"), &json!(200))
    );
    assert_eq!(last.len(), 2);
}

#[tokio::test]
async fn a_request_that_a_fault_turns_away_is_noted_too() {
    let server = server().await;
    sets(&server, json!({"on": "webdialer", "kind": "down"})).await;
    assert_eq!(server.get(W70).await.status, 503);
    let asked = journal(&server, "?interface=webdialer").await;
    assert_eq!((asked.len(), &asked[0]["status"]), (1, &json!(503)));
}

#[tokio::test]
async fn the_clock_goes_back_only_from_the_seeded_state_and_never_beyond_what_can_be_written() {
    let server = server().await;
    let set = |body: &'static str| server.post_json("/api/v1/lab/clock", body);
    // Reading and asking for health touches nothing.
    server.get("/healthz").await;
    server.get("/api/v1/calls").await;
    let past = set(r#"{"now": "2001-02-03T04:05:06Z", "running": false}"#).await;
    assert_eq!(
        (past.status, past.json()),
        (
            200,
            json!({"now": "2001-02-03T04:05:06.000Z", "running": false})
        )
    );
    assert_eq!(set(r#"{"advance_ms": 9007199254740991}"#).await.status, 409);
    assert_eq!(set(r#"{"now": "9999-12-30T00:00:00Z"}"#).await.status, 200);
    assert_eq!(set(r#"{"advance_ms": 604800000}"#).await.status, 409);
    places(&server, "SEPA", "5550109").await;
    assert_eq!(set(r#"{"now": "2001-02-03T04:05:06Z"}"#).await.status, 409);
    let after = server.get("/api/v1/lab/clock").await.json();
    assert_eq!(after["now"], "9999-12-30T00:00:00.000Z");
}
