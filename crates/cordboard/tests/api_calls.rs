//! Calls over the JSON API: every action with its whole answer, the list with its filters, and what is refused. [lab, Shapes]

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use common::{Response, Server};
use serde_json::{Value, json};

const FIXTURE: &str = include_str!("common/webdialer.toml");
/// What the clock shows in these tests; it stands still.
const NOW: &str = "2026-11-21T10:00:00.000Z";

async fn server() -> Server {
    let server = Server::start(FIXTURE, |_| {}).await;
    let clock = json!({"running": false, "now": NOW}).to_string();
    let response = server.post_json("/api/v1/lab/clock", &clock).await;
    assert_eq!(response.json(), json!({"now": NOW, "running": false}));
    server
}

async fn place(server: &Server, device: &str, to: &str) -> Response {
    let body = json!({"device": device, "to": to}).to_string();
    server.post_json("/api/v1/calls", &body).await
}

async fn act(server: &Server, call: &str, action: &str, body: Value) -> Response {
    let target = format!("/api/v1/calls/{call}/{action}");
    server.post_json(&target, &body.to_string()).await
}

async fn call(server: &Server, id: &str) -> Value {
    server.get(&format!("/api/v1/calls/{id}")).await.json()
}

fn words<'a>(call: &'a Value, list: &str, word: &str) -> Vec<&'a str> {
    let list = call[list].as_array().unwrap().iter();
    list.map(|entry| entry[word].as_str().unwrap()).collect()
}

/// The answer is the call: in that state, its parties (`number state`), and these last steps of its story.
fn done(response: &Response, status: u16, state: &str, parties: &[&str], story: &[&str]) {
    assert_eq!(response.status, status, "{}", response.body);
    let call = response.json();
    assert_eq!(call["state"], state, "{call}");
    let numbers = words(&call, "connections", "number").into_iter();
    let are: Vec<String> = numbers
        .zip(words(&call, "connections", "state"))
        .map(|(number, state)| format!("{number} {state}"))
        .collect();
    assert_eq!(are, parties);
    let told = words(&call, "story", "what");
    assert!(told.ends_with(story), "{told:?}");
}

fn problem(response: &Response, status: u16, kind: &str, title: &str, detail: &str) {
    assert_eq!(
        (response.status, response.header("content-type")),
        (status, Some("application/problem+json")),
        "{}",
        response.body
    );
    let kind = format!("urn:cordboard:problem:{kind}");
    assert_eq!(
        response.json(),
        json!({"type": kind, "title": title, "status": status, "detail": detail})
    );
}

fn conflict(response: &Response, detail: &str) {
    let title = "The call's state forbids it";
    problem(response, 409, "wrong-state", title, detail);
}

const SEPJ: &str = "SEPJ";
const OTHER: &str = "SEPOTHER";
const SEPE: &str = "SEPE";

fn by(device: &str) -> Value {
    json!({ "device": device })
}

/// SEPJ (1600) has called SEPOTHER (1700), who has answered.
async fn talking() -> Server {
    let server = server().await;
    assert_eq!(place(&server, SEPJ, "1700").await.status, 201);
    let answer = act(&server, "c-1", "answer", by(OTHER)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    server
}

/// Then SEPOTHER has put 1600 on hold and called SEPE (1500), who has answered.
async fn consulting() -> Server {
    let server = talking().await;
    let body = json!({"device": OTHER, "to": "1500"});
    let consultation = act(&server, "c-1", "consult", body).await;
    assert_eq!(
        (consultation.status, consultation.header("location")),
        (201, Some("/api/v1/calls/c-2"))
    );
    assert_eq!(consultation.header("cordboard-call"), Some("c-2"));
    assert_eq!(consultation.json()["consultation_of"], "c-1");
    let answer = act(&server, "c-2", "answer", by(SEPE)).await;
    done(
        &answer,
        200,
        "connected",
        &["1700 active", "1500 active"],
        &["answered"],
    );
    server
}

#[tokio::test]
async fn a_call_is_placed_and_answered_and_each_answer_is_the_whole_call() {
    let server = server().await;
    let placed = place(&server, SEPJ, " 1700 ").await;
    assert_eq!(
        (placed.status, placed.header("location")),
        (201, Some("/api/v1/calls/c-1"))
    );
    assert_eq!(placed.header("cordboard-call"), Some("c-1"));
    assert_eq!(placed.json()["state"], "initiated");
    let answered = act(&server, "c-1", "answer", by(OTHER)).await;
    let party = |number, device, part| json!({"number": number, "partition": null, "device": device, "part": part, "state": "active", "since": NOW});
    let step = |what, who| json!({"at": NOW, "what": what, "who": who});
    let whole = json!({
        "id": "c-1", "state": "connected", "cause": null, "q850": null,
        "origin": {"interface": "api", "user": null, "by": null}, "dialled": "1700",
        "connections": [party("1600", SEPJ, 16_777_217), party("1700", OTHER, 16_777_218)],
        "consultation_of": null, "merged_into": null,
        "story": [step("created", "1600"), step("offered", "1700"), step("alerting", "1700"), step("answered", "1700")],
        "created_at": NOW, "ended_at": null
    });
    assert_eq!((answered.status, answered.json()), (200, whole.clone()));
    assert_eq!(call(&server, "c-1").await, whole);
    let from_second = json!({"device": "SEPA", "line": "1002", "to": "1"}).to_string();
    let placed = server.post_json("/api/v1/calls", &from_second).await;
    assert_eq!(placed.json()["connections"][0]["number"], "1002");
}

#[tokio::test]
async fn hold_retrieve_digits_and_release_end_where_they_should() {
    let server = talking().await;
    let held = act(&server, "c-1", "hold", by(SEPJ)).await;
    done(&held, 200, "held", &["1600 held", "1700 active"], &["held"]);
    conflict(
        &act(&server, "c-1", "hold", by(SEPJ)).await,
        "the call is held there",
    );
    let parties = ["1600 active", "1700 active"];
    let back = act(&server, "c-1", "retrieve", by(SEPJ)).await;
    done(&back, 200, "connected", &parties, &["held", "retrieved"]);
    conflict(
        &act(&server, "c-1", "retrieve", by(SEPJ)).await,
        "the call is active there",
    );
    let digits = |digits: &str| json!({"device": SEPJ, "digits": digits});
    let sent = act(&server, "c-1", "digits", digits("12#")).await;
    done(&sent, 200, "connected", &parties, &["retrieved"]);
    let title = "Not a telephone number";
    problem(
        &act(&server, "c-1", "digits", digits("x")).await,
        400,
        "bad-number",
        title,
        "not a telephone number",
    );
    let gone = act(&server, "c-1", "release", by(OTHER)).await;
    assert_eq!(gone.status, 200, "{}", gone.body);
    let call = call(&server, "c-1").await;
    assert_eq!(
        (&call["state"], &call["cause"], &call["q850"]),
        (&json!("ended"), &json!("normal"), &json!(16))
    );
    conflict(
        &act(&server, "c-1", "release", json!({})).await,
        "the call is ended and has no such live part",
    );
}

#[tokio::test]
async fn a_ringing_call_is_rejected_or_released_as_a_whole() {
    let server = server().await;
    place(&server, SEPJ, "1700").await;
    let rejected = act(&server, "c-1", "reject", by(OTHER)).await;
    assert_eq!(rejected.status, 200, "{}", rejected.body);
    let first = call(&server, "c-1").await;
    assert_eq!(
        (&first["cause"], &first["q850"]),
        (&json!("rejected"), &json!(21))
    );
    place(&server, "SEPA", "1700").await;
    let released = act(&server, "c-2", "release", json!({})).await;
    done(
        &released,
        200,
        "ended",
        &["1001 dropped", "1700 dropped"],
        &["ended"],
    );
    assert_eq!(released.json()["cause"], "cancelled");
}

#[tokio::test]
async fn a_blind_transfer_passes_the_call_on() {
    let server = talking().await;
    let body = json!({"device": OTHER, "to": "1500"});
    let passed = act(&server, "c-1", "transfer", body).await;
    assert_eq!(passed.status, 200, "{}", passed.body);
    let on = call(&server, "c-1").await;
    assert!(words(&on, "story", "what").contains(&"transferred"), "{on}");
    let answered = act(&server, "c-1", "answer", by(SEPE)).await;
    done(
        &answered,
        200,
        "connected",
        &["1600 active", "1700 dropped", "1500 active"],
        &["answered"],
    );
}

#[tokio::test]
async fn a_consultation_ends_in_a_transfer_by_either_calls_id() {
    for id in ["c-1", "c-2"] {
        let server = consulting().await;
        let transferred = act(&server, id, "transfer", by(OTHER)).await;
        assert_eq!(transferred.status, 200, "{}", transferred.body);
        let (first, second) = (call(&server, "c-1").await, call(&server, "c-2").await);
        assert_eq!(second["merged_into"], "c-1", "{second}");
        assert_eq!(second["cause"], "transferred");
        assert_eq!(first["state"], "connected");
        let numbers = words(&first, "connections", "number").into_iter();
        let active: Vec<&str> = numbers
            .zip(words(&first, "connections", "state"))
            .filter_map(|(number, state)| (state == "active").then_some(number))
            .collect();
        assert_eq!(active, ["1600", "1500"]);
    }
}

#[tokio::test]
async fn a_consultation_ends_in_a_conference_that_parties_leave() {
    let server = consulting().await;
    let all = ["1600 active", "1700 active", "1500 active"];
    let together = act(&server, "c-2", "conference", by(OTHER)).await;
    done(
        &together,
        200,
        "connected",
        &all,
        &["consulted", "conferenced"],
    );
    assert_eq!(call(&server, "c-2").await["cause"], "conferenced");
    let left = act(&server, "c-1", "release", by(SEPE)).await;
    done(
        &left,
        200,
        "connected",
        &["1600 active", "1700 active", "1500 dropped"],
        &["released"],
    );
}

#[tokio::test]
async fn what_cannot_be_done_is_a_problem_with_a_stable_type() {
    let server = talking().await;
    let not_understood = "The request cannot be understood";
    for (id, action, body, status, kind, title, detail) in [
        (
            "c-1",
            "answer",
            json!({}),
            400,
            "bad-request",
            not_understood,
            "`device` is missing: whose part of the call is meant?",
        ),
        (
            "c-1",
            "consult",
            by(SEPJ),
            400,
            "bad-request",
            not_understood,
            "`to` is missing: which number?",
        ),
        (
            "c-1",
            "digits",
            by(SEPJ),
            400,
            "bad-request",
            not_understood,
            "`digits` is missing",
        ),
        (
            "c-1",
            "dance",
            by(SEPJ),
            404,
            "not-found",
            "There is no such thing",
            "a call has no action `dance`",
        ),
        (
            "c-9",
            "answer",
            by(SEPJ),
            404,
            "no-such-call",
            "No such call",
            "no such call",
        ),
    ] {
        let response = act(&server, id, action, body).await;
        problem(&response, status, kind, title, detail);
    }
    let unknown = place(&server, "SEPNONE", "1").await;
    problem(
        &unknown,
        404,
        "no-such-device",
        "No such device",
        "no such device",
    );
    for (body, status) in [
        ("{", 400),
        (r#"{"device": 1, "to": "1"}"#, 400),
        (r#"{"x": 1}"#, 400),
    ] {
        let response = server.post_json("/api/v1/calls", body).await;
        assert_eq!(
            (response.status, response.header("content-type")),
            (status, Some("application/problem+json")),
            "{body}: {}",
            response.body
        );
    }
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let response = server
        .request("POST", "/api/v1/calls", &form, b"device=SEPA")
        .await;
    assert_eq!(response.status, 415);
    let response = server.request("DELETE", "/api/v1/calls", &[], b"").await;
    assert_eq!(response.status, 405);
}

#[tokio::test]
async fn the_list_is_newest_first_filtered_and_paged_over_live_and_past_calls() {
    let server = server().await;
    for (device, to) in [
        ("SEPJ", "1700"),
        ("SEPA", "5550108"),
        ("SEPOTHER", "5550109"),
    ] {
        assert_eq!(place(&server, device, to).await.status, 201);
    }
    let for_bill = "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body><makeCallSoap>\
        <in0><userID>bill</userID><password>123</password></in0><in1>1</in1>\
        <in2><deviceName>SEPA</deviceName></in2></makeCallSoap></e:Body></e:Envelope>";
    let placed = server.soap("/webdialer/services/webdialer", for_bill).await;
    assert_eq!(placed.header("cordboard-call"), Some("c-4"));
    assert_eq!(place(&server, "SEPE", "5550108").await.status, 201);
    // c-1 rings, c-2 and c-5 ring outside, c-3 was busy and c-4 unallocated; the tones of those end.
    let later = json!({"advance_ms": 20_000}).to_string();
    server.post_json("/api/v1/lab/clock", &later).await;
    let list = |query: &'static str| {
        let server = &server;
        async move {
            let page = server.get(&format!("/api/v1/calls{query}")).await.json();
            let ids: Vec<String> = words(&page, "calls", "id")
                .into_iter()
                .map(str::to_owned)
                .collect();
            (ids.join(" "), page["next"].clone())
        }
    };
    let no = Value::Null;
    for (query, ids, next) in [
        ("", "c-5 c-4 c-3 c-2 c-1", &no),
        ("?state=ended", "c-4 c-3", &no),
        ("?state=alerting", "c-5 c-2 c-1", &no),
        ("?device=sepa", "c-4 c-2", &no),
        ("?device=SEPOTHER", "c-3 c-1", &no),
        ("?user=BILL", "c-4", &no),
        ("?user=emu", "c-5", &no),
        ("?user=bill&state=ended", "c-4", &no),
        ("?user=nobody", "", &no),
        ("?limit=2", "c-5 c-4", &json!("c-4")),
        ("?limit=2&after=c-4", "c-3 c-2", &json!("c-2")),
        ("?limit=2&after=c-2", "c-1", &no),
        ("?after=c-1", "", &no),
        ("?device=SEPA&limit=1", "c-4", &json!("c-4")),
        ("?device=SEPA&limit=1&after=c-4", "c-2", &no),
    ] {
        assert_eq!(list(query).await, (ids.to_owned(), next.clone()), "{query}");
    }
    for (query, status) in [
        ("?nonsense=1", 400),
        ("?limit=x", 400),
        ("?state=foo", 400),
        ("?after=c-99", 404),
    ] {
        let response = server.get(&format!("/api/v1/calls{query}")).await;
        assert_eq!(response.status, status, "{query}: {}", response.body);
    }
}

#[tokio::test]
async fn capacity_and_a_devices_own_limits_refuse_calls() {
    let server = Server::start(FIXTURE, |config| {
        config.call.capacity = 3;
        config.device.max_calls = 2;
    })
    .await;
    for _ in 0..2 {
        assert_eq!(place(&server, SEPJ, "5550108").await.status, 201);
    }
    let full = place(&server, SEPJ, "5550108").await;
    assert_eq!(
        (full.status, full.json()["type"].as_str()),
        (409, Some("urn:cordboard:problem:too-many-calls"))
    );
    assert_eq!(place(&server, OTHER, "5550108").await.status, 201);
    let over = place(&server, "SEPA", "5550108").await;
    assert_eq!(
        (over.status, over.json()["type"].as_str()),
        (503, Some("urn:cordboard:problem:overloaded"))
    );
}

#[tokio::test]
async fn of_two_lines_with_equal_digits_the_one_in_the_named_partition_is_taken() {
    let server = server().await;
    let lines = json!([{"number": "4302", "partition": "A"}, {"number": "4302", "partition": "B"}]);
    let device = json!({"name": "SEPTWO", "model": "Cisco 8845", "lines": lines}).to_string();
    assert_eq!(
        server.post_json("/api/v1/devices", &device).await.status,
        201
    );
    for (line, status, partition) in [
        ("4302 ; B", 201, json!("B")),
        ("4302", 201, json!("A")),
        ("4302 ; C", 409, Value::Null),
        ("", 400, Value::Null),
    ] {
        let body = json!({"device": "SEPTWO", "line": line, "to": "5550108"}).to_string();
        let placed = server.post_json("/api/v1/calls", &body).await;
        assert_eq!(placed.status, status, "{line}: {}", placed.body);
        let shown = &placed.json()["connections"][0]["partition"];
        assert_eq!(shown, &partition, "{line}");
    }
}
