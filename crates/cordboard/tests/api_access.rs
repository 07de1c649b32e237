//! Who may use the JSON API: this machine in the lab, but not pages of other sites; elsewhere whoever has a token.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use common::Server;
use common::events::Stream;
use serde_json::{Value, json};

const FIXTURE: &str = include_str!("common/webdialer.toml");

async fn server() -> Server {
    Server::start(FIXTURE, |_| {}).await
}

async fn advance(server: &Server, ms: u64) {
    let body = json!({ "advance_ms": ms }).to_string();
    assert_eq!(
        server.post_json("/api/v1/lab/clock", &body).await.status,
        200
    );
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
    // What a browser sends for a page whose name was made to lead here.
    let token = reader(&server).await.0;
    for (headers, status) in [
        ("Host: evil.example:8080\r\n".to_owned(), 403),
        ("Host: localhost.evil.example\r\n".to_owned(), 403),
        ("Host: localhost:8080\r\n".to_owned(), 200),
        (
            format!("Host: pbx.example\r\nAuthorization: Bearer {token}\r\n"),
            200,
        ),
    ] {
        let ask = format!("GET /api/v1/users HTTP/1.1\r\n{headers}\r\n");
        let answer = server.raw(ask.as_bytes()).await;
        assert_eq!(answer.status, status, "{headers}");
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

/// Makes a reader's token and answers it with its id.
async fn reader(server: &Server) -> (String, String) {
    let body = json!({"name": "listener", "roles": ["reader"]});
    let made = server.post_json("/api/v1/tokens", &body.to_string()).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let text = |field: &str| made.json()[field].as_str().unwrap().to_owned();
    (text("token"), text("id"))
}

#[tokio::test]
async fn who_listens_with_a_token_is_cut_off_when_it_is_revoked_and_others_are_not() {
    let server = server().await;
    let (token, id) = reader(&server).await;
    let (other, _) = reader(&server).await;
    let authorization = |token: &str| format!("Authorization: Bearer {token}\r\n");
    let revoked = Stream::open(&server, &authorization(&token)).await;
    let mut stays = Stream::open(&server, &authorization(&other)).await;
    let gone = server
        .request("DELETE", &format!("/api/v1/tokens/{id}"), &[], b"")
        .await;
    assert_eq!(gone.status, 204);
    server.post_json("/api/v1/users", r#"{"id": "nina"}"#).await;
    let heard = revoked.ended().await;
    assert!(!heard.contains("directory.changed"), "{heard}");
    assert_eq!(stays.next().await.kind, "directory.changed");
    server.program.stop().await;
}

#[tokio::test]
async fn who_listens_with_a_token_hears_nothing_that_happens_after_it_expires() {
    let server = server().await;
    let (token, _) = reader(&server).await;
    let authorization = format!("Authorization: Bearer {token}\r\n");
    let mut listens = Stream::open(&server, &authorization).await;
    server.post_json("/api/v1/users", r#"{"id": "nina"}"#).await;
    assert_eq!(listens.next().await.kind, "directory.changed");
    advance(&server, 366 * 86_400_000).await;
    server.post_json("/api/v1/users", r#"{"id": "emil"}"#).await;
    let heard = listens.ended().await;
    assert!(!heard.contains("directory.changed"), "{heard}");
    server.program.stop().await;
}
