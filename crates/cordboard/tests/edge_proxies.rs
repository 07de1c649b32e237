//! Behind a proxy: who is believed about a client, and what follows from it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use common::mobility::{self, D1, OK};
use common::{Response, Server, read_response};
use cordboard::ops::config::{Config, ForwardedHeader};
use std::net::SocketAddr;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

const FIXTURE: &str = include_str!("common/webdialer.toml");
const W70: &str = "/webdialer/services/WebdialerSoapService70";
const CLUSTER_USER: &str = "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body>\
    <isClusterUserSoap xmlns=\"urn:WD70\"><in0>bill</in0></isClusterUserSoap></e:Body></e:Envelope>";

const PROXY: [u8; 4] = [127, 0, 0, 1];
const OUTER_PROXY: &str = "10.7.7.7";
const STRANGER: [u8; 4] = [127, 0, 0, 2];
const CLIENT: &str = "198.51.100.1";

fn trusting(config: &mut Config) {
    config.listen.trusted_proxies = vec!["127.0.0.1".into(), "10.0.0.0/8".into()];
}

async fn server(change: impl FnOnce(&mut Config)) -> Server {
    Server::start(FIXTURE, |config| {
        trusting(config);
        change(config);
    })
    .await
}

async fn connect(server: &Server, from: [u8; 4]) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((from, 0))).unwrap();
    socket.connect(server.address).await.unwrap()
}

/// Sends a request from an address, with these header lines.
async fn send(server: &Server, from: [u8; 4], line: &str, lines: &str, body: &str) -> Response {
    let mut stream = connect(server, from).await;
    let request = format!(
        "{line} HTTP/1.1\r\nHost: localhost:8080\r\n{lines}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    read_response(&mut stream).await.unwrap()
}

async fn wsdl(server: &Server, from: [u8; 4], lines: &str) -> String {
    let response = send(server, from, &format!("GET {W70}?wsdl"), lines, "").await;
    assert_eq!(response.status, 200, "{lines}: {}", response.body);
    let (_, rest) = response.body.split_once("location=\"").unwrap();
    let (address, _) = rest.split_once(W70).unwrap();
    address.to_owned()
}

#[tokio::test]
async fn descriptions_name_the_address_that_the_client_of_a_trusted_proxy_used() {
    let server = server(|_| {}).await;
    for (lines, address) in [
        ("X-Forwarded-Proto: https\r\n", "https://localhost:8080"),
        (
            "X-Forwarded-Proto: https\r\nX-Forwarded-Host: pbx.example.com\r\n",
            "https://pbx.example.com",
        ),
        (
            "Forwarded: for=198.51.100.1;proto=https;host=\"pbx.example.com:8443\"\r\n",
            "https://pbx.example.com:8443",
        ),
        (
            // Two hops: the inner proxy was spoken to in clear text.
            "X-Forwarded-For: 198.51.100.1, 10.7.7.7\r\nX-Forwarded-Proto: https, http\r\n\
             X-Forwarded-Host: pbx.example.com, inner\r\n",
            "https://pbx.example.com",
        ),
        (
            // What the client made up stands further left.
            "X-Forwarded-For: 10.7.7.7, 198.51.100.1\r\nX-Forwarded-Proto: http, https\r\n\
             X-Forwarded-Host: evil.example, pbx.example.com\r\n",
            "https://pbx.example.com",
        ),
        (
            "X-Forwarded-Host: a\"><script>\r\n",
            "http://localhost:8080",
        ),
    ] {
        assert_eq!(wsdl(&server, PROXY, lines).await, address, "{lines}");
        let from_stranger = wsdl(&server, STRANGER, lines).await;
        assert_eq!(from_stranger, "http://localhost:8080", "{lines}");
    }
    let list = send(
        &server,
        PROXY,
        "GET /webdialer/services",
        "X-Forwarded-Proto: https\r\n",
        "",
    )
    .await;
    assert!(
        list.body
            .contains("https://localhost:8080/webdialer/services"),
        "{}",
        list.body
    );
}

#[tokio::test]
async fn without_trusted_proxies_nobody_is_believed() {
    let server = Server::start(FIXTURE, |_| {}).await;
    let lines = "X-Forwarded-Proto: https\r\nX-Forwarded-For: 1.2.3.4\r\nForwarded: for=1.2.3.4;proto=https\r\n";
    assert_eq!(wsdl(&server, PROXY, lines).await, "http://localhost:8080");
}

#[tokio::test]
async fn a_public_url_is_the_address_for_every_client() {
    let server =
        server(|config| config.listen.public_url = Some("https://pbx.example.com".into())).await;
    for (from, lines) in [
        (PROXY, ""),
        (PROXY, "X-Forwarded-Host: other.example\r\n"),
        (STRANGER, ""),
    ] {
        assert_eq!(wsdl(&server, from, lines).await, "https://pbx.example.com");
    }
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let sign_in = send(
        &server,
        STRANGER,
        "POST /webdialer/Webdialer",
        form,
        "cmd=doAuth&uid=bill&pwd=123",
    )
    .await;
    let cookie = sign_in.header("set-cookie").unwrap();
    assert!(cookie.ends_with("; Secure"), "{cookie}");
}

#[tokio::test]
async fn cookies_are_secure_where_the_client_uses_tls_up_to_a_trusted_proxy() {
    let server = server(|_| {}).await;
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    for (from, lines, secure) in [
        (PROXY, "X-Forwarded-Proto: https\r\n", true),
        (PROXY, "Forwarded: proto=https\r\n", true),
        (PROXY, "X-Forwarded-Proto: http\r\n", false),
        (PROXY, "", false),
        (STRANGER, "X-Forwarded-Proto: https\r\n", false),
    ] {
        let lines = format!("{form}{lines}");
        let body = "cmd=doAuth&uid=bill&pwd=123";
        let response = send(&server, from, "POST /webdialer/Webdialer", &lines, body).await;
        let cookies = response.headers.iter();
        let mut cookies = cookies.filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
        assert!(
            cookies.all(|(_, value)| value.ends_with("; Secure") == secure),
            "{response:?}"
        );
        assert!(response.header("set-cookie").is_some(), "{response:?}");
    }
}

#[tokio::test]
async fn limits_are_those_of_the_client_and_not_of_its_proxy() {
    let server = server(|config| config.webdialer.lookups_per_second = 1).await;
    server
        .post_json("/api/v1/lab/clock", r#"{"running": false}"#)
        .await;
    let look_up = async |chain: &str| {
        let lines = format!("Content-Type: text/xml\r\nX-Forwarded-For: {chain}\r\n");
        let line = format!("POST {W70}");
        send(&server, PROXY, &line, &lines, CLUSTER_USER)
            .await
            .status
    };
    assert_eq!(look_up(CLIENT).await, 200);
    assert_eq!(look_up(CLIENT).await, 503, "the client has had its look-up");
    // Whatever it writes itself, and however many proxies pass it on.
    assert_eq!(look_up(&format!("203.0.113.9, {CLIENT}")).await, 503);
    assert_eq!(
        look_up(&format!("203.0.113.9, {CLIENT}, {OUTER_PROXY}")).await,
        503
    );
    assert_eq!(look_up("198.51.100.2").await, 200, "another client");
}

#[tokio::test]
async fn a_lock_out_is_of_the_client_and_not_of_its_proxy() {
    let server = server(|_| {}).await;
    let sign_on = async |chain: &str, password: &str| {
        let lines = format!("Content-Type: text/xml\r\nX-Forwarded-For: {chain}\r\n");
        let body = format!(
            "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body><getPrimaryLine xmlns=\"urn:WD70\">\
             <in0><userID>bill</userID><password>{password}</password></in0></getPrimaryLine></e:Body></e:Envelope>"
        );
        let line = format!("POST {W70}");
        let response = send(&server, PROXY, &line, &lines, &body).await;
        response.body.contains("1001")
    };
    for guess in 0..10 {
        // What the client writes itself does not make it another one.
        let chain = format!("203.0.113.{guess}, {CLIENT}");
        assert!(!sign_on(&chain, &format!("guess{guess}")).await);
    }
    assert!(!sign_on(CLIENT, "123").await, "locked where it was guessed");
    assert!(sign_on("198.51.100.2", "123").await, "another client");
}

#[tokio::test]
async fn the_open_api_of_the_lab_is_not_open_to_the_clients_of_a_proxy_on_this_machine() {
    let server = server(|_| {}).await;
    for (lines, status) in [
        (String::new(), 200),
        (format!("X-Forwarded-For: {CLIENT}\r\n"), 401),
        (format!("X-Forwarded-For: 127.0.0.1, {CLIENT}\r\n"), 401),
        (format!("X-Forwarded-For: {CLIENT}, unknown\r\n"), 401),
        (format!("Forwarded: for=127.0.0.1, for={CLIENT}\r\n"), 401),
        ("Forwarded: for=_hidden\r\n".to_owned(), 401),
        ("Forwarded: proto=https\r\n".to_owned(), 401),
    ] {
        let response = send(&server, PROXY, "GET /api/v1/calls", &lines, "").await;
        assert_eq!(response.status, status, "{lines}");
    }
}

#[tokio::test]
async fn a_client_that_adds_the_header_its_proxy_does_not_write_gains_nothing() {
    let lines = format!("X-Forwarded-For: {CLIENT}\r\nForwarded: for=127.0.0.1;proto=https\r\n");
    let either = server(|_| {}).await;
    let response = send(&either, PROXY, "GET /api/v1/calls", &lines, "").await;
    assert_eq!(response.status, 400);
    let named = server(|config| config.listen.forwarded_header = ForwardedHeader::XForwarded).await;
    let response = send(&named, PROXY, "GET /api/v1/calls", &lines, "").await;
    assert_eq!(response.status, 401);
}

#[tokio::test]
async fn extension_mobility_trusts_the_client_and_not_its_proxy() {
    let server = mobility::server_with(|config| {
        trusting(config);
        config.mobility.validate_ip = true;
        config.mobility.trusted_ips = format!("127.0.0.1; {CLIENT}");
    })
    .await;
    let login = mobility::request(&mobility::login(D1, "jdoe"));
    let from = async |chain: &str| {
        let header = format!("X-Forwarded-For: {chain}\r\n");
        server.sends_from(PROXY, &header, &login).await
    };
    for chain in ["203.0.113.9", &format!("{CLIENT}, 203.0.113.9")] {
        let answer = from(chain).await;
        assert!(
            answer.contains("Untrusted IP Error: 203.0.113.9"),
            "{answer}"
        );
    }
    assert_eq!(from(&format!("203.0.113.9, {CLIENT}")).await, OK);
}

#[tokio::test]
async fn the_connections_of_a_trusted_proxy_are_not_those_of_one_client() {
    let server = server(|config| config.limits.connections_per_peer = 2).await;
    let mut kept = Vec::new();
    for _ in 0..4 {
        let mut stream = connect(&server, PROXY).await;
        stream
            .write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .unwrap();
        assert_eq!(read_response(&mut stream).await.unwrap().status, 200);
        kept.push(stream);
    }
    for admitted in [true, true, false] {
        let mut stream = connect(&server, STRANGER).await;
        // A refused connection may be gone before it is written to.
        let _ = stream
            .write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            .await;
        assert_eq!(read_response(&mut stream).await.is_some(), admitted);
        kept.push(stream);
    }
}

#[tokio::test]
async fn the_journal_shows_the_client() {
    let server = server(|_| {}).await;
    let lines = format!("X-Forwarded-For: {CLIENT}\r\nX-Forwarded-Proto: https\r\n");
    send(&server, PROXY, &format!("GET {W70}?wsdl"), &lines, "").await;
    let journal = server.get("/api/v1/lab/requests").await.body;
    assert!(journal.contains(CLIENT), "{journal}");
}
