//! What the HTTP edge refuses is refused by an answer, and no answer is lost when a connection is closed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use common::{LIMIT, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const FIXTURE: &str = include_str!("common/webdialer.toml");
const W70: &str = "/webdialer/services/WebdialerSoapService70";
const HEALTH: &str = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";

const CALL: &str = "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body><makeCallSoap xmlns=\"urn:WD70\">\
    <in0><userID>bill</userID><password>123</password></in0><in1>5550108</in1>\
    <in2><user>bill</user><deviceName>SEPA</deviceName></in2></makeCallSoap></e:Body></e:Envelope>";

async fn server() -> Server {
    Server::start(FIXTURE, |_| {}).await
}

fn call(first_line_and_connection: &str) -> String {
    let (version, connection) = first_line_and_connection.split_once(' ').unwrap();
    format!(
        "POST {W70} {version}\r\nHost: x\r\n{connection}Content-Type: text/xml\r\nContent-Length: {}\r\n\r\n{CALL}",
        CALL.len()
    )
}

/// Everything that comes back until the server ends the connection, which it must do in an orderly way.
async fn answers(server: &Server, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut all = Vec::new();
    let end = tokio::time::timeout(LIMIT, stream.read_to_end(&mut all)).await;
    end.expect("the connection is closed")
        .expect("without a reset");
    String::from_utf8(all).unwrap()
}

fn statuses(answers: &str) -> Vec<u16> {
    let lines = answers.split("HTTP/1.1 ").skip(1);
    lines.map(|rest| rest[..3].parse().unwrap()).collect()
}

async fn calls(server: &Server) -> usize {
    let calls = server.get("/api/v1/calls").await.json();
    calls["calls"].as_array().unwrap().len()
}

#[tokio::test]
async fn the_last_request_of_a_connection_is_answered_whatever_comes_behind_it() {
    let server = server().await;
    let lasts = [
        call("HTTP/1.1 Connection: close\r\n"),
        call("HTTP/1.0 "),
        call("HTTP/1.1 Connection: TE, Close\r\n"),
    ];
    let mut placed = 0;
    for last in lasts {
        for behind in [
            HEALTH.to_owned(),
            call("HTTP/1.1 Connection: close\r\n"),
            "\u{1} garbage\r\n\r\n".to_owned(),
            HEALTH.repeat(5_000),
        ] {
            let all = answers(&server, format!("{last}{behind}").as_bytes()).await;
            let end = all.split("\r\n\r\n").last().unwrap();
            assert!(end.contains("responseCode"), "{all}");
            assert_eq!(all.matches("HTTP/1.").count(), 1, "{all}");
            placed += usize::from(all.to_lowercase().contains("\r\ncordboard-call:"));
        }
    }
    assert!(placed > 0);
    assert_eq!(calls(&server).await, placed, "each was placed once");
}

#[tokio::test]
async fn requests_before_the_last_one_are_answered_in_order() {
    let server = server().await;
    let close = HEALTH.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    let all = answers(
        &server,
        format!("{HEALTH}{HEALTH}{close}{HEALTH}").as_bytes(),
    )
    .await;
    assert_eq!(statuses(&all), [200, 200, 200]);
}

#[tokio::test]
async fn every_documented_status_of_the_edge_is_sent_before_the_connection_is_closed() {
    let server = Server::start(FIXTURE, |config| config.limits.head_bytes = 4_096).await;
    let head = |line: &str| format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{line}\r\n\r\n");
    let many = "X-A: b\r\n".repeat(100);
    for (request, status) in [
        (head(&format!("X-Long: {}", "x".repeat(4_096))), 431),
        (
            format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(5_000)),
            431,
        ),
        // The rest of a head that is too large is still on its way.
        (head(&format!("X-Long: {}", "x".repeat(1_000_000))), 431),
        (format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n"), 431),
        (head("no colon"), 400),
        (head("X-A: b\r\n  folded"), 400),
        (head("X-A: b\rc"), 400),
        (head("Content-Length: many"), 400),
        (head("Content-Length: -1"), 400),
        (head("Content-Length: 5\r\nContent-Length: 6"), 400),
        (head("Content-Length: 5\r\nTransfer-Encoding: chunked"), 400),
        (head("Host: x"), 400),
        (head("X-Bad: \u{1}"), 400),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n".to_owned(), 400),
        ("GET\r\n\r\n".to_owned(), 400),
        ("\r\n".repeat(20), 400),
        (head("Transfer-Encoding: gzip"), 501),
        ("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n".to_owned(), 501),
        ("GET / HTTP/2.0\r\nHost: x\r\n\r\n".to_owned(), 505),
        ("GET / HTTP/1.2\r\nHost: x\r\n\r\n".to_owned(), 505),
    ] {
        let shown = &request[..request.len().min(80)];
        let alone = answers(&server, request.as_bytes()).await;
        assert_eq!(statuses(&alone), [status], "{shown:?}: {alone}");
        assert!(alone.contains("Connection: close\r\n"), "{alone}");
        let behind = answers(&server, format!("{HEALTH}{request}").as_bytes()).await;
        assert_eq!(statuses(&behind), [200, status], "{shown:?}: {behind}");
    }
    let metrics = server.get("/metrics").await.body;
    assert!(metrics.contains("cordboard_http_panics_total 0"));
}

#[tokio::test]
async fn no_client_can_send_what_the_edge_sends_itself() {
    let server = server().await;
    let forged = "REFUSED-BEFORE-IT-WAS-A-REQUEST-AT-ALL /200 HTTP/1.1\r\nHost: x\r\n\r\n";
    assert_eq!(statuses(&answers(&server, forged.as_bytes()).await), [400]);
}

#[tokio::test]
async fn a_malformed_body_is_answered_by_400_on_every_interface() {
    let server = server().await;
    for (target, kind) in [
        (W70, "text/xml"),
        ("/webdialer/Webdialer", "application/x-www-form-urlencoded"),
        (
            "/emservice/EMServiceServlet",
            "application/x-www-form-urlencoded",
        ),
        ("/api/v1/calls", "application/json"),
    ] {
        let request = format!(
            "POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n"
        );
        let all = answers(&server, request.as_bytes()).await;
        assert_eq!(statuses(&all), [400], "{target}: {all}");
    }
}

#[tokio::test]
async fn a_body_beyond_its_limit_is_answered_though_it_is_still_being_sent() {
    let server = server().await;
    let body = "x".repeat(3 * 1024 * 1024);
    let chunked: String = body
        .as_bytes()
        .chunks(1 << 16)
        .map(|chunk| {
            let chunk = str::from_utf8(chunk).unwrap();
            format!("{:x}\r\n{chunk}\r\n", chunk.len())
        })
        .collect();
    for (target, kind) in [
        (W70, "text/xml"),
        ("/webdialer/Webdialer", "application/x-www-form-urlencoded"),
        ("/webdialer/Redirector", "application/x-www-form-urlencoded"),
        (
            "/emservice/EMServiceServlet",
            "application/x-www-form-urlencoded",
        ),
        ("/api/v1/calls", "application/json"),
    ] {
        let head = format!("POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n");
        for request in [
            format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()),
            format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunked}0\r\n\r\n"),
        ] {
            let all = answers(&server, request.as_bytes()).await;
            assert_eq!(statuses(&all), [413], "{target}");
            let is_problem = all.contains("Content-Type: application/problem+json");
            assert_eq!(is_problem, target.starts_with("/api"), "{all}");
        }
    }
}

#[tokio::test]
async fn header_names_are_written_as_clients_by_hand_look_for_them() {
    let server = server().await;
    let all = answers(&server, call("HTTP/1.1 Connection: close\r\n").as_bytes()).await;
    for name in [
        "Content-Type: ",
        "Content-Length: ",
        "Date: ",
        "Cordboard-Call: ",
    ] {
        assert!(all.contains(&format!("\r\n{name}")), "{name}: {all}");
    }
}
