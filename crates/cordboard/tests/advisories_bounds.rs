//! Advisories about work, floods and lengths: AD-07, AD-08, AD-10, AD-16.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use common::openwire::{Raw, broker, bytes_until_closed, wishes};
use common::{LIMIT, Response, Server, read_response};
use cordboard_wire::openwire::{ConnectionError, Destination, ExceptionResponse, Offer, Throwable};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const FIXTURE: &str = include_str!("common/webdialer.toml");
const W70: &str = "/webdialer/services/WebdialerSoapService70";
const STRANGER: [u8; 4] = [127, 0, 0, 2];
const HERE: [u8; 4] = [127, 0, 0, 1];

fn question(credential: &str) -> String {
    format!(
        "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body><getPrimaryLine xmlns=\"urn:WD70\">\
         <in0>{credential}</in0></getPrimaryLine></e:Body></e:Envelope>"
    )
}

fn signed(user: &str, password: &str) -> String {
    question(&format!(
        "<userID>{user}</userID><password>{password}</password>"
    ))
}

async fn connect(address: SocketAddr, from: [u8; 4]) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((from, 0))).unwrap();
    socket.connect(address).await.unwrap()
}

async fn post(address: SocketAddr, from: [u8; 4], body: &str) -> Option<Response> {
    let mut stream = connect(address, from).await;
    let request = format!(
        "POST {W70} HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    read_response(&mut stream).await
}

async fn hashes(server: &Server) -> u64 {
    let metrics = server.get("/metrics").await.body;
    let line = metrics
        .lines()
        .find(|line| line.starts_with("cordboard_auth_hashes_total"));
    line.unwrap().split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn ad_07_what_is_refused_without_a_password_costs_no_hash() {
    let server = Server::start(FIXTURE, |_| {}).await;
    let before = hashes(&server).await;
    let many = "<x/>".repeat(5_000);
    for body in [
        question(""),
        question("<userID>bill</userID>"),
        question("<password>123</password>"),
        question("<token>no such</token>"),
        question(&many),
        "<a>".repeat(1_000),
        "not xml".to_owned(),
        signed("bill", "123").replace("getPrimaryLine", "noSuchOperation"),
        format!("{}<more/>", signed("bill", "123")),
    ] {
        server.soap(W70, &body).await;
        let shown = &body[..body.len().min(300)];
        assert_eq!(hashes(&server).await, before, "{shown}");
    }
    server
        .request("POST", "/emservice/EMServiceServlet", &[], b"xml=<request>")
        .await;
    server
        .get("/webdialer/Webdialer?cmd=doAuth&uid=bill&pwd=")
        .await;
    server.request("POST", W70, &[], &vec![b'x'; 100_000]).await;
    assert_eq!(hashes(&server).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ad_07_calls_go_on_while_strangers_guess_and_send_large_bodies() {
    let server = Server::start(FIXTURE, |config| config.webdialer.max_calls_per_second = 0).await;
    let known = signed("bill", "123");
    // Verified once, so remembered.
    assert!(server.soap(W70, &known).await.body.contains("1001"));
    let address = server.address;
    let mut strangers = JoinSet::new();
    for number in 0..40 {
        strangers.spawn(async move {
            let guess = signed(&format!("stranger{number}"), "guess");
            post(address, STRANGER, &guess).await;
        });
        strangers.spawn(async move {
            let body = "x".repeat(60_000);
            post(address, STRANGER, &body).await;
        });
    }
    let mut slowest = Duration::ZERO;
    for _ in 0..30 {
        let begun = Instant::now();
        let answer = post(address, HERE, &known).await.unwrap();
        assert!(answer.body.contains("1001"), "{answer:?}");
        slowest = slowest.max(begun.elapsed());
    }
    // Generous: this is an unoptimised build on a shared machine. One hash of each stranger first would be 40 times 20 ms.
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    strangers.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ad_08_bad_sign_ons_from_one_address_stop_no_sign_on_from_another() {
    let server = Server::start(FIXTURE, |_| {}).await;
    let address = server.address;
    let mut strangers = JoinSet::new();
    for number in 0..60 {
        strangers.spawn(async move {
            let user = match number % 3 {
                0 => "bill".to_owned(),
                _ => format!("stranger{number}"),
            };
            post(address, STRANGER, &signed(&user, &format!("guess{number}"))).await
        });
    }
    // The account that is being guessed, and its first sign-on.
    let first = tokio::time::timeout(LIMIT, post(address, HERE, &signed("bill", "123"))).await;
    let answer = first.expect("a first sign-on in time").unwrap();
    assert!(answer.body.contains("1001"), "{answer:?}");
    while let Some(answer) = strangers.join_next().await {
        let answer = answer.unwrap().unwrap();
        assert!(!answer.body.contains("1001"), "{answer:?}");
    }
    // It is locked where it was guessed, and nowhere else.
    let there = post(address, STRANGER, &signed("bill", "123"))
        .await
        .unwrap();
    assert!(!there.body.contains("1001"), "{there:?}");
    let here = post(address, HERE, &signed("bill", "123")).await.unwrap();
    assert!(here.body.contains("1001"), "{here:?}");
}

#[tokio::test]
async fn ad_10_connections_have_a_limit_for_each_address_and_in_all() {
    let server = Server::start(FIXTURE, |config| {
        config.limits.connections_per_peer = 5;
        config.limits.connections = 8;
    })
    .await;
    let mut kept = Vec::new();
    let mut admitted = async |from| {
        let mut stream = connect(server.address, from).await;
        // A refused connection may be gone before it is written to.
        let _ = stream
            .write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            .await;
        let is_admitted = read_response(&mut stream).await.is_some();
        kept.push(stream);
        is_admitted
    };
    for _ in 0..5 {
        assert!(admitted(STRANGER).await);
    }
    assert!(!admitted(STRANGER).await, "the address has its share");
    for _ in 0..3 {
        assert!(admitted(HERE).await, "another address goes on");
    }
    assert!(!admitted([127, 0, 0, 3]).await, "in all there are no more");
}

#[tokio::test]
async fn ad_10_the_broker_limits_connections_of_an_address_too() {
    let (_server, address) = broker(|config| config.broker.max_connections_per_peer = 3).await;
    let mut kept = Vec::new();
    for number in 0..3 {
        kept.push(Raw::join(address, &format!("client{number}")).await);
    }
    let mut beyond = connect(address, HERE).await;
    assert!(
        bytes_until_closed(&mut beyond).await.is_empty(),
        "not even a greeting"
    );
    let mut elsewhere = connect(address, STRANGER).await;
    assert_ne!(
        elsewhere.read_u8().await.unwrap(),
        u8::MAX,
        "another address is greeted"
    );
    for client in &mut kept {
        client.listen(1, Destination::topic("t")).await;
    }
}

#[tokio::test]
async fn ad_10_slow_heads_slow_bodies_and_half_open_connections_end() {
    let server = Server::start(FIXTURE, |config| {
        config.limits.first_byte_ms = 300;
        config.limits.head_ms = 300;
        config.limits.body_ms = 300;
    })
    .await;
    let mut streams = Vec::new();
    for start in [
        "",
        "POST / HTTP/1.1\r\nHo",
        "POST /emservice/EMServiceServlet HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nxml",
    ] {
        for _ in 0..50 {
            let mut stream = connect(server.address, STRANGER).await;
            stream.write_all(start.as_bytes()).await.unwrap();
            streams.push(stream);
        }
    }
    assert_eq!(server.get("/healthz").await.status, 200);
    for mut stream in streams {
        let mut rest = Vec::new();
        // A reset is as good an end as an orderly one.
        let ended = tokio::time::timeout(LIMIT, stream.read_to_end(&mut rest)).await;
        let _ = ended.expect("the connection is closed");
    }
}

/// The most memory used so far, in KiB; `None` where the system does not say.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[tokio::test]
async fn ad_16_no_class_that_a_client_names_is_made_and_no_address_in_it_fetched() {
    let (_server, address) = broker(|_| {}).await;
    let lure = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/poc.xml", lure.local_addr().unwrap());
    let mut raw = Raw::join(address, "hostile").await;
    for class in [
        "org.springframework.context.support.ClassPathXmlApplicationContext",
        "org.springframework.context.support.FileSystemXmlApplicationContext",
        "java.lang.ProcessBuilder",
    ] {
        let exception = Some(Throwable::new(class, url.as_str()));
        raw.say(ExceptionResponse {
            exception: exception.clone(),
            ..ExceptionResponse::default()
        })
        .await;
        raw.say(ConnectionError {
            exception,
            ..ConnectionError::default()
        })
        .await;
    }
    raw.listen(1, Destination::topic("t")).await;
    raw.send(Destination::topic("t"), 1, "it stays").await;
    assert_eq!(raw.number().await, 1);
    tokio::select! {
        biased;
        _ = lure.accept() => panic!("an address of a client was fetched"),
        () = std::future::ready(()) => {}
    }
}

#[tokio::test]
async fn ad_16_lengths_are_checked_before_memory_is_taken() {
    let (_server, address) = broker(|_| {}).await;
    let lie = async |bytes: &[u8], offer: &Offer| {
        let mut raw = Raw::join_with(address, "hostile", offer, |_| {}).await;
        // The broker may close before it has read all of it.
        let _ = raw.stream.write_all(bytes).await;
        bytes_until_closed(&mut raw.stream).await;
    };
    lie(&[0xff; 4], &wishes()).await;
    let before = peak();
    for size in [i32::MAX, -1, i32::MIN, 1 << 30, (4 << 20) + 1] {
        for _ in 0..20 {
            lie(&size.to_be_bytes(), &wishes()).await;
        }
    }
    let (Some(before), Some(after)) = (before, peak()) else {
        return;
    };
    assert!(after - before < 4_096, "{before} {after}");
    let mut raw = Raw::join(address, "honest").await;
    raw.listen(1, Destination::topic("t")).await;
}

async fn tls(server: &Server, address: SocketAddr) -> TlsStream<TcpStream> {
    let certificate = server.program.addresses.certificate.as_ref().unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(certificate).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .unwrap()
}

#[tokio::test]
async fn ad_16_a_flood_of_key_updates_ends_its_connection() {
    let (server, _) = broker(|config| {
        config.listen.https = "127.0.0.1:0".into();
        config.listen.openwire_tls = "127.0.0.1:0".into();
    })
    .await;
    let addresses = &server.program.addresses;
    for address in [addresses.https.unwrap(), addresses.openwire_tls.unwrap()] {
        let mut stream = tls(&server, address).await;
        let mut sent = 0;
        let flood = async {
            // Each asks for an answer of the server, and no data is between them.
            while sent < 10_000 {
                if stream.get_mut().1.refresh_traffic_keys().is_err() {
                    break;
                }
                if stream.flush().await.is_err() {
                    break;
                }
                sent += 1;
                // What came back meanwhile: the broker's greeting, an answer to an update, or the end.
                let mut byte = [0];
                let read =
                    tokio::time::timeout(Duration::from_millis(1), stream.read(&mut byte)).await;
                if matches!(read, Ok(Ok(0) | Err(_))) {
                    break;
                }
            }
        };
        tokio::time::timeout(LIMIT, flood)
            .await
            .expect("the connection ends");
        assert!(sent < 10_000, "{address}: {sent} key updates were taken");
    }
    assert_eq!(server.get("/healthz").await.status, 200);
}

/// Memory that a client makes the broker hold counts for all of it: beyond the bound senders are refused, and the broker goes on.
#[tokio::test]
async fn ad_16_what_a_client_makes_the_broker_hold_is_counted_and_bounded() {
    let (_server, address) = broker(|config| {
        config.broker.max_frame_bytes = 1 << 20;
        config.broker.max_memory_bytes = 4 << 20;
    })
    .await;
    let queue = || Destination::queue("kept");
    let mut raw = Raw::join(address, "hostile").await;
    let large = "x".repeat(500_000);
    let mut refused = false;
    for number in 0..40 {
        let message = raw.message(queue(), number, &large);
        if raw.ask(message).await.is_err() {
            refused = true;
            break;
        }
    }
    assert!(refused, "20 MB were taken within a bound of 4 MiB");
    let mut honest = Raw::join(address, "honest").await;
    honest.listen(1, Destination::topic("t")).await;
    honest.send(Destination::topic("t"), 1, "small").await;
    assert_eq!(honest.number().await, 1);
}
