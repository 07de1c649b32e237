//! HTTP/2 on the TLS listener: what it is for, and that its clients are bounded as those of HTTP/1.1 are.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use bytes::Bytes;
use common::{LIMIT, Server};
use cordboard::ops::config::Config;
use h2::client::{ResponseFuture, SendRequest};
use http::{Method, Request, StatusCode};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const FIXTURE: &str = include_str!("common/webdialer.toml");
const W70: &str = "/webdialer/services/WebdialerSoapService70";
const CLUSTER_USER: &str = "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body>\
    <isClusterUserSoap xmlns=\"urn:WD70\"><in0>bill</in0></isClusterUserSoap></e:Body></e:Envelope>";

async fn server(change: impl FnOnce(&mut Config)) -> Server {
    Server::start(FIXTURE, |config| {
        config.listen.https = "127.0.0.1:0".into();
        change(config);
    })
    .await
}

/// The times of a connection, in milliseconds, short enough for a test.
fn impatient(config: &mut Config) {
    config.limits.first_byte_ms = 300;
    config.limits.head_ms = 300;
    config.limits.body_ms = 300;
    config.limits.idle_ms = 300;
    config.limits.write_ms = 300;
}

async fn tls(server: &Server, protocols: &[&str]) -> TlsStream<TcpStream> {
    let addresses = &server.program.addresses;
    let certificate = CertificateDer::from_pem_file(addresses.certificate.as_ref().unwrap());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate.unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|p| p.as_bytes().to_vec()).collect();
    let stream = TcpStream::connect(addresses.https.unwrap()).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(name, stream).await.unwrap()
}

/// A client of HTTP/2, and the task that ends with its connection.
struct Client {
    sending: SendRequest<Bytes>,
    connection: JoinHandle<Result<(), h2::Error>>,
}

impl Client {
    async fn connect(server: &Server) -> Self {
        let stream = tls(server, &["h2", "http/1.1"]).await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (sending, connection) = h2::client::handshake(stream).await.unwrap();
        Self {
            sending,
            connection: tokio::spawn(connection),
        }
    }

    async fn send(&mut self, request: Request<()>, body: &[u8]) -> ResponseFuture {
        let mut sending = self.sending.clone().ready().await.unwrap();
        let (response, mut stream) = sending.send_request(request, body.is_empty()).unwrap();
        if !body.is_empty() {
            stream
                .send_data(Bytes::copy_from_slice(body), true)
                .unwrap();
        }
        response
    }

    async fn ask(&mut self, method: Method, target: &str, body: &[u8]) -> (StatusCode, String) {
        let response = self
            .send(request(method, target), body)
            .await
            .await
            .unwrap();
        let status = response.status();
        (status, text(response).await)
    }

    /// Waits until the server has ended the connection.
    async fn ended(self) {
        let ended = tokio::time::timeout(LIMIT, self.connection).await;
        // However it ended.
        let _ = ended.expect("the connection is closed").unwrap();
    }
}

fn request(method: Method, target: &str) -> Request<()> {
    let uri = format!("https://localhost{target}");
    Request::builder().method(method).uri(uri).body(()).unwrap()
}

async fn text(response: http::Response<h2::RecvStream>) -> String {
    let mut body = response.into_body();
    let mut all = Vec::new();
    while let Some(data) = body.data().await {
        let data = data.unwrap();
        body.flow_control().release_capacity(data.len()).unwrap();
        all.extend_from_slice(&data);
    }
    String::from_utf8(all).unwrap()
}

async fn unharmed(server: &Server) {
    assert!(server.soap(W70, CLUSTER_USER).await.body.contains(">true<"));
    let metrics = server.get("/metrics").await.body;
    assert!(metrics.contains("cordboard_http_panics_total 0"));
}

#[tokio::test]
async fn the_site_answers_while_six_event_streams_are_open_on_the_connection() {
    let server = server(|_| {}).await;
    let mut client = Client::connect(&server).await;
    let mut streams = Vec::new();
    for _ in 0..6 {
        let opened = client
            .send(request(Method::GET, "/api/v1/events"), b"")
            .await;
        let mut response = opened.await.unwrap();
        assert_eq!(response.status(), 200);
        let hello = response.body_mut().data().await.unwrap().unwrap();
        assert!(!hello.is_empty());
        streams.push(response);
    }
    assert_eq!(client.ask(Method::GET, "/healthz", b"").await.0, 200);
    let (status, body) = client.ask(Method::POST, W70, CLUSTER_USER.as_bytes()).await;
    assert!(status == 200 && body.contains(">true<"), "{body}");
    // The description is longer than a piece, and names the host that the client used.
    let (status, body) = client.ask(Method::GET, &format!("{W70}?wsdl"), b"").await;
    assert!(status == 200 && body.contains(&format!("https://localhost{W70}")));
    let whole = body.trim_end().ends_with("definitions>");
    assert!(whole, "{body}");
    assert_eq!(
        client.ask(Method::HEAD, "/healthz", b"").await,
        (StatusCode::OK, String::new())
    );
}

#[tokio::test]
async fn clients_that_do_not_offer_http_2_are_served_as_before() {
    let server = server(|_| {}).await;
    for protocols in [&["http/1.1"][..], &[]] {
        let mut stream = tls(&server, protocols).await;
        let request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

#[tokio::test]
async fn a_flood_of_resets_ends_the_connection_and_harms_nobody_else() {
    let server = server(|_| {}).await;
    let client = Client::connect(&server).await;
    let mut opened = 0;
    while opened < 100_000 {
        let Ok(mut sending) = client.sending.clone().ready().await else {
            break;
        };
        let Ok((_, mut stream)) = sending.send_request(request(Method::POST, W70), false) else {
            break;
        };
        stream.send_reset(h2::Reason::CANCEL);
        opened += 1;
        tokio::task::yield_now().await;
    }
    assert!(opened < 100_000, "resets without end");
    client.ended().await;
    unharmed(&server).await;
}

#[tokio::test]
async fn heads_and_bodies_have_the_limits_that_they_have_on_http_1() {
    let server = server(|_| {}).await;
    let mut client = Client::connect(&server).await;
    let mut many = request(Method::GET, "/healthz");
    for number in 0..150 {
        let name = http::HeaderName::try_from(format!("x-{number}")).unwrap();
        many.headers_mut().insert(name, "1".parse().unwrap());
    }
    let response = client.send(many, b"").await.await.unwrap();
    assert_eq!(response.status(), 431, "more than 100 header lines");
    let mut long = request(Method::GET, "/healthz");
    let value = "x".repeat(40_000).parse().unwrap();
    long.headers_mut().insert("x-long", value);
    // The client's library learns the limit from the server, and sends no such head.
    let status = match client.send(long, b"").await.await {
        Ok(response) => Some(response.status()),
        Err(_) => None,
    };
    assert!(matches!(
        status,
        None | Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
    ));
    let mut client = Client::connect(&server).await;
    let connect = Request::builder()
        .method(Method::CONNECT)
        .uri("localhost:1")
        .body(())
        .unwrap();
    let response = client.send(connect, b"").await.await.unwrap();
    assert_eq!(response.status(), 501);
    let body = vec![b'x'; 100_000];
    assert_eq!(client.ask(Method::POST, W70, &body).await.0, 413);
    let response = client
        .send(request(Method::GET, W70), b"")
        .await
        .await
        .unwrap();
    for name in ["connection", "keep-alive", "transfer-encoding"] {
        assert!(!response.headers().contains_key(name), "{name}");
    }
    unharmed(&server).await;
}

#[tokio::test]
async fn open_requests_are_bounded_for_a_connection_and_count_as_connections_of_their_client() {
    let server = server(|config| {
        config.limits.connections_per_peer = 4;
        config.limits.http2_streams = 8;
    })
    .await;
    let mut client = Client::connect(&server).await;
    let mut kept = Vec::new();
    let mut statuses = Vec::new();
    for _ in 0..6 {
        let opened = client
            .send(request(Method::GET, "/api/v1/events"), b"")
            .await;
        let response = opened.await.unwrap();
        statuses.push(response.status().as_u16());
        let is_problem = response.headers()["content-type"] == "application/problem+json";
        assert_eq!(is_problem, response.status() == 503);
        kept.push(response);
    }
    assert_eq!(statuses, [200, 200, 200, 200, 503, 503]);
    drop(kept);
    // The places become free as the server notices.
    let free = async { while client.ask(Method::GET, "/healthz", b"").await.0 != 200 {} };
    tokio::time::timeout(LIMIT, free).await.unwrap();
    assert_eq!(client.sending.current_max_send_streams(), 8);
}

#[tokio::test]
async fn idle_silent_and_unfinished_connections_are_closed_in_time() {
    let server = server(impatient).await;
    let mut idle = Client::connect(&server).await;
    assert_eq!(idle.ask(Method::GET, "/healthz", b"").await.0, 200);
    let silent = tls(&server, &["h2"]).await;
    let mut unfinished = tls(&server, &["h2"]).await;
    // Settings, then a head that announces more of itself and does not come.
    unfinished
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .await
        .unwrap();
    unfinished
        .write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0])
        .await
        .unwrap();
    unfinished
        .write_all(&[0, 0, 1, 1, 0, 0, 0, 0, 1, 0x82])
        .await
        .unwrap();
    let begun = Instant::now();
    idle.ended().await;
    for mut stream in [silent, unfinished] {
        let mut rest = Vec::new();
        // A reset is as good an end as an orderly one.
        let ended = tokio::time::timeout(LIMIT, stream.read_to_end(&mut rest)).await;
        let _ = ended.expect("the connection is closed");
    }
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    unharmed(&server).await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_answered_by_408() {
    let server = server(|config| config.limits.body_ms = 300).await;
    let mut client = Client::connect(&server).await;
    for target in [W70, "/emservice/EMServiceServlet", "/api/v1/calls"] {
        let mut sending = client.sending.clone().ready().await.unwrap();
        let mut begun = request(Method::POST, target);
        begun
            .headers_mut()
            .insert("content-type", "application/json".parse().unwrap());
        let (response, mut stream) = sending.send_request(begun, false).unwrap();
        stream.send_data(Bytes::from_static(b"<"), false).unwrap();
        let response = tokio::time::timeout(LIMIT, response)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(response.status(), 408, "{target}");
    }
    assert_eq!(client.ask(Method::GET, "/healthz", b"").await.0, 200);
}

#[tokio::test]
async fn a_client_that_does_not_take_its_answers_is_closed() {
    let server = server(|config| config.limits.write_ms = 300).await;
    let mut client = Client::connect(&server).await;
    let mut answers = Vec::new();
    // More than the window of the connection, and nothing of it is taken.
    for _ in 0..20 {
        let sent = client
            .send(request(Method::GET, &format!("{W70}?wsdl")), b"")
            .await;
        answers.push(sent.await);
    }
    client.ended().await;
    unharmed(&server).await;
}
