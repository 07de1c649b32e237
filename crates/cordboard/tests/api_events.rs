//! The event stream of the JSON API, and who may use the API.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use common::{LIMIT, Server};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const FIXTURE: &str = include_str!("common/webdialer.toml");

async fn server() -> Server {
    Server::start(FIXTURE, |_| {}).await
}

/// An open stream of events.
struct Stream {
    socket: TcpStream,
    text: String,
}

#[derive(Clone, Debug, PartialEq)]
struct Seen {
    id: u64,
    kind: String,
    data: Value,
}

impl Stream {
    async fn open(server: &Server, headers: &str) -> Self {
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        let head = format!("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut stream = Self {
            socket,
            text: String::new(),
        };
        stream.until("retry: 1000\n\n").await;
        stream
    }

    /// Reads up to and including a text; the chunks' sizes are left out.
    async fn until(&mut self, end: &str) -> String {
        let mut bytes = [0; 65_536];
        loop {
            if let Some(at) = self.text.find(end) {
                let rest = self.text.split_off(at + end.len());
                return std::mem::replace(&mut self.text, rest);
            }
            let read = tokio::time::timeout(LIMIT, self.socket.read(&mut bytes));
            let count = read.await.expect("an event in time").unwrap();
            assert!(count > 0, "the stream ended: {}", self.text);
            self.text
                .push_str(&String::from_utf8_lossy(&bytes[..count]).replace("\r\n", "\0"));
            let chunks = self.text.split('\0');
            let kept = chunks.filter(|c| u32::from_str_radix(c, 16).is_err() || c.is_empty());
            self.text = kept.collect();
        }
    }

    async fn next(&mut self) -> Seen {
        loop {
            let frame = self.until("\n\n").await;
            let field = |name: &str| {
                let mut lines = frame.lines();
                lines.find_map(|l| Some(l.strip_prefix(name)?.to_owned()))
            };
            if let (Some(id), Some(kind), Some(data)) =
                (field("id: "), field("event: "), field("data: "))
            {
                return Seen {
                    id: id.parse().unwrap(),
                    kind,
                    data: serde_json::from_str(&data).unwrap(),
                };
            }
        }
    }

    async fn take(&mut self, count: usize) -> Vec<Seen> {
        let mut seen = Vec::new();
        while seen.len() < count {
            seen.push(self.next().await);
        }
        seen
    }
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
async fn pages_of_other_sites_may_not_use_the_labs_open_api() {
    let server = server().await;
    let host = server.address.to_string();
    for (headers, status) in [
        (vec![("Origin", "http://evil.example")], 403),
        (vec![("Sec-Fetch-Site", "cross-site")], 403),
        (vec![("Sec-Fetch-Site", "same-origin")], 200),
        (vec![], 200),
        (vec![("Authorization", "Bearer nonsense")], 401),
    ] {
        let answer = server.request("GET", "/api/v1/users", &headers, b"").await;
        assert_eq!(answer.status, status, "{headers:?} at {host}");
    }
    let forged = server
        .request(
            "POST",
            "/api/v1/lab/reset",
            &[("Origin", "http://evil.example")],
            b"",
        )
        .await;
    assert_eq!(forged.status, 403);
    server.program.stop().await;
}

#[tokio::test]
async fn a_token_may_do_what_its_roles_say_until_it_is_revoked() {
    let server = server().await;
    let mut tokens = Vec::new();
    for role in ["admin", "operator", "reader", "push:phone"] {
        let body = json!({"name": role, "roles": [role]}).to_string();
        let made = server.post_json("/api/v1/tokens", &body).await;
        assert_eq!(made.status, 201, "{}", made.body);
        tokens.push(made.json());
    }
    let ask = async |method: &str, path: &str, body: &str, token: &Value| {
        let bearer = format!("Bearer {}", token["token"].as_str().unwrap());
        let headers = [
            ("Authorization", bearer.as_str()),
            ("Content-Type", "application/json"),
        ];
        server
            .request(method, path, &headers, body.as_bytes())
            .await
            .status
    };
    let call = r#"{"device": "SEPA", "to": "5550109"}"#;
    for (index, expected) in [
        [200, 201, 200, 201],
        [200, 201, 403, 403],
        [200, 403, 403, 403],
        [403, 403, 403, 403],
    ]
    .into_iter()
    .enumerate()
    {
        let token = &tokens[index];
        let user = format!(r#"{{"id": "new{index}"}}"#);
        let seen = [
            ask("GET", "/api/v1/users", "", token).await,
            ask("POST", "/api/v1/calls", call, token).await,
            ask("GET", "/api/v1/tokens", "", token).await,
            ask("POST", "/api/v1/users", &user, token).await,
        ];
        assert_eq!(seen, expected, "{token}");
        advance(&server, 20_000).await;
    }
    let listed = server.get("/api/v1/tokens").await;
    assert!(!listed.body.contains(tokens[0]["token"].as_str().unwrap()));
    let id = tokens[0]["id"].as_str().unwrap();
    let gone = server
        .request("DELETE", &format!("/api/v1/tokens/{id}"), &[], b"")
        .await;
    assert_eq!(gone.status, 204);
    assert_eq!(ask("GET", "/api/v1/users", "", &tokens[0]).await, 401);
    // A year later the others are over, too.
    advance(&server, 366 * 86_400_000).await;
    assert_eq!(ask("GET", "/api/v1/users", "", &tokens[2]).await, 401);
    for (body, status) in [
        (json!({"name": "x", "roles": []}), 400),
        (json!({"name": "x", "roles": ["root"]}), 400),
        (json!({"name": "", "roles": ["reader"]}), 400),
        (
            json!({"name": "x", "roles": ["reader"], "expires_at": "tomorrow"}),
            400,
        ),
        (
            json!({"name": "x", "roles": ["reader"], "expires_at": "2001-01-01T00:00:00Z"}),
            409,
        ),
    ] {
        let answer = server.post_json("/api/v1/tokens", &body.to_string()).await;
        assert_eq!(answer.status, status, "{body}");
    }
    server.program.stop().await;
}
