//! Hostile and clumsy peers at the HTTP edge: the documented answer or a closed connection, and nobody else notices.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use common::{LIMIT, Server, read_response};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const FIXTURE: &str = include_str!("common/webdialer.toml");
const W70: &str = "/webdialer/services/WebdialerSoapService70";

const CLUSTER_USER: &str = "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body>\
    <isClusterUserSoap xmlns=\"urn:WD70\"><in0>bill</in0></isClusterUserSoap></e:Body></e:Envelope>";

async fn server() -> Server {
    Server::start(FIXTURE, |config| {
        config.limits.first_byte_ms = 300;
        config.limits.head_ms = 300;
        config.limits.body_ms = 300;
        config.limits.idle_ms = 300;
        config.limits.write_ms = 300;
    })
    .await
}

fn post(body: &str) -> String {
    format!(
        "POST {W70} HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Everybody else is served as ever, and no request has panicked.
async fn unharmed(server: &Server) {
    let response = server.soap(W70, CLUSTER_USER).await;
    assert!(
        response.status == 200 && response.body.contains(">true<"),
        "{response:?}"
    );
    let metrics = server.get("/metrics").await.body;
    assert!(
        metrics.contains("cordboard_http_panics_total 0"),
        "{metrics}"
    );
}

/// The connection ends without another answer.
async fn closed(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    let end = tokio::time::timeout(LIMIT, stream.read_to_end(&mut rest))
        .await
        .expect("the connection is closed");
    // A reset is as good an end as an orderly one.
    let _ = end;
}

async fn sends(server: &Server, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    // The server may close before it has read all of it.
    let _ = stream.write_all(bytes).await;
    stream
}

async fn refused_as_fault(server: &Server, body: &str) {
    let response = server.soap(W70, body).await;
    assert_eq!(response.status, 500, "{}", response.body);
    assert!(
        response.body.contains("<soapenv:Fault>"),
        "{}",
        response.body
    );
}

#[tokio::test]
async fn bombs_of_entities_depth_and_attributes_are_faults() {
    let server = server().await;
    let laughs = "<!DOCTYPE l [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;\">]><l>&c;</l>";
    refused_as_fault(&server, laughs).await;
    refused_as_fault(&server, &"<a>".repeat(10_000)).await;
    let attributes: String = (0..5_000).map(|n| format!(" a{n}=\"\"")).collect();
    refused_as_fault(&server, &format!("<a{attributes}/>")).await;
    unharmed(&server).await;
}

#[tokio::test]
async fn a_lying_array_type_and_strange_charsets_do_no_harm() {
    let server = server().await;
    let lying = CLUSTER_USER.replace(
        "<in0>",
        "<in0 xmlns:s=\"http://schemas.xmlsoap.org/soap/encoding/\" s:arrayType=\"x[2147483647]\">",
    );
    assert!(server.soap(W70, &lying).await.body.contains(">true<"));
    let seven = [("Content-Type", "text/xml;charset=utf-7")];
    let response = server
        .request("POST", W70, &seven, CLUSTER_USER.as_bytes())
        .await;
    assert_eq!(response.status, 500, "UTF-7 is refused");
    let wide: Vec<u8> = CLUSTER_USER
        .encode_utf16()
        .flat_map(u16::to_be_bytes)
        .collect();
    let wide = [&[0xfe, 0xff][..], &wide].concat();
    let response = server
        .request("POST", W70, &[("Content-Type", "text/xml")], &wide)
        .await;
    assert!(
        response.body.contains("encoding=\"utf-8\"") && response.body.contains(">true<"),
        "{}",
        response.body
    );
    unharmed(&server).await;
}

#[tokio::test]
async fn a_body_of_a_hundred_megabytes_is_refused_by_its_length_alone() {
    let server = server().await;
    let head = format!("POST {W70} HTTP/1.1\r\nHost: x\r\nContent-Length: 104857600\r\n\r\n");
    let mut stream = sends(&server, head.as_bytes()).await;
    assert_eq!(read_response(&mut stream).await.unwrap().status, 413);
    closed(&mut stream).await;
    unharmed(&server).await;
}

#[tokio::test]
async fn a_chunked_body_without_end_is_refused_at_the_limit() {
    let server = server().await;
    let mut stream = sends(
        &server,
        format!("POST {W70} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n").as_bytes(),
    )
    .await;
    let chunk = format!("4000\r\n{}\r\n", "x".repeat(0x4000));
    for _ in 0..6 {
        let _ = stream.write_all(chunk.as_bytes()).await;
    }
    assert_eq!(read_response(&mut stream).await.unwrap().status, 413);
    unharmed(&server).await;
}

#[tokio::test]
async fn two_framings_folded_headers_and_bad_chunks_close_the_connection() {
    let server = server().await;
    let both = format!(
        "POST {W70} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    );
    let folded = format!("GET {W70} HTTP/1.1\r\nHost: x\r\nX-A: b\r\n  c\r\n\r\n");
    let two_lengths = format!(
        "POST {W70} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"
    );
    let bad_chunk = format!(
        "POST {W70} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n"
    );
    for request in [both, folded, two_lengths, bad_chunk] {
        let mut stream = sends(&server, request.as_bytes()).await;
        closed(&mut stream).await;
    }
    unharmed(&server).await;
}

#[tokio::test]
async fn raw_angle_brackets_quotes_and_spaces_in_a_request_line_survive() {
    let server = server().await;
    let request = "GET /webdialer/services/WebdialerSoapService70?wsdl&x=<a b=\"c\"> HTTP/1.1\r\nHost: pbx\r\n\r\n";
    let response = server.raw(request.as_bytes()).await;
    assert_eq!(response.status, 200);
    assert!(
        response
            .body
            .contains("http://pbx/webdialer/services/WebdialerSoapService70"),
        "{}",
        response.body
    );
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order_and_garbage_behind_them_ends_the_connection() {
    let server = server().await;
    let two = post(CLUSTER_USER)
        + &post(&CLUSTER_USER.replace("bill", "nobody"))
        + "\u{1}\u{2} garbage\r\n\r\n";
    let mut stream = sends(&server, two.as_bytes()).await;
    let mut all = String::new();
    let _ = tokio::time::timeout(LIMIT, stream.read_to_string(&mut all))
        .await
        .expect("the connection is closed");
    let (yes, no) = (all.find(">true<").unwrap(), all.find(">false<").unwrap());
    assert!(yes < no, "{all}");
    unharmed(&server).await;
}

#[tokio::test]
async fn slow_heads_slow_bodies_and_silent_connections_are_closed_in_time() {
    let server = server().await;
    let silent = sends(&server, b"").await;
    let slow_head = sends(&server, b"POST / HTTP/1.1\r\nHost:").await;
    let slow_body = sends(&server, &post(CLUSTER_USER).as_bytes()[..120]).await;
    let mut idle = sends(&server, post(CLUSTER_USER).as_bytes()).await;
    assert_eq!(read_response(&mut idle).await.unwrap().status, 200);
    for mut stream in [silent, slow_head, slow_body, idle] {
        closed(&mut stream).await;
    }
    unharmed(&server).await;
}

#[tokio::test]
async fn a_body_has_one_deadline_that_no_trickle_moves() {
    let server = server().await;
    let request = post(CLUSTER_USER);
    let (start, rest) = request.as_bytes().split_at(120);
    let mut stream = sends(&server, start).await;
    let trickle = async {
        for byte in rest.iter().cycle() {
            // A byte every tenth of the limit, until the server has enough of it.
            let pace = Duration::from_millis(30);
            match tokio::time::timeout(pace, stream.read_u8()).await {
                Ok(_) => return,
                Err(_) if stream.write_all(&[*byte]).await.is_err() => return,
                Err(_) => {}
            }
        }
    };
    let begun = Instant::now();
    tokio::time::timeout(LIMIT, trickle).await.expect("closed");
    let whole = Duration::from_millis(30) * u32::try_from(rest.len()).unwrap();
    assert!(begun.elapsed() < whole, "the body was waited for");
    unharmed(&server).await;
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answers_is_closed() {
    let server = server().await;
    let mut stream = sends(&server, b"").await;
    let request = format!("GET {W70}?wsdl HTTP/1.1\r\nHost: x\r\n\r\n").repeat(100);
    let asks_on = async { while stream.write_all(request.as_bytes()).await.is_ok() {} };
    tokio::time::timeout(LIMIT, asks_on)
        .await
        .expect("the connection is closed");
    unharmed(&server).await;
}

#[tokio::test]
async fn a_body_beyond_the_configured_limit_is_413_on_every_interface() {
    let server = Server::start(FIXTURE, |config| config.limits.body_bytes = 100).await;
    assert_eq!(server.soap(W70, CLUSTER_USER).await.status, 413);
    let long = format!(r#"{{"device": "SEPA", "to": "{}"}}"#, "1".repeat(100));
    let response = server.post_json("/api/v1/calls", &long).await;
    assert_eq!(
        (response.status, response.header("content-type")),
        (413, Some("application/problem+json"))
    );
    let short = r#"{"device": "SEPA", "to": "1002"}"#;
    assert_eq!(server.post_json("/api/v1/calls", short).await.status, 201);
}

#[tokio::test]
async fn a_thousand_idle_connections_leave_the_server_at_work_and_those_beyond_the_limit_are_closed()
 {
    // Both ends of them are in this process.
    assert!(rlimit::increase_nofile_limit(4_096).unwrap() >= 2_200);
    let server = Server::start(FIXTURE, |config| config.limits.connections_per_peer = 1_000).await;
    let mut idle = Vec::new();
    for _ in 0..998 {
        idle.push(TcpStream::connect(server.address).await.unwrap());
    }
    unharmed(&server).await;
    for _ in 0..10 {
        idle.push(TcpStream::connect(server.address).await.unwrap());
    }
    let mut beyond = idle.pop().unwrap();
    closed(&mut beyond).await;
    drop(idle);
    // The places become free as the server notices.
    let served = async {
        loop {
            let mut stream = sends(&server, post(CLUSTER_USER).as_bytes()).await;
            if read_response(&mut stream).await.is_some() {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LIMIT, served)
        .await
        .expect("places become free");
}

#[tokio::test]
async fn nothing_else_answers_under_webdialer() {
    let server = server().await;
    for path in [
        "/webdialer",
        "/webdialer/",
        "/webdialer/x",
        "/webdialer/services/../x",
        "/webdialer/%2e%2e/api/v1/users",
    ] {
        let status = server.get(path).await.status;
        assert!(status == 404 || status == 400, "{path}: {status}");
    }
    assert_eq!(
        server
            .get("/webdialer/services;jsessionid=1/WebdialerSoapService70;x=y")
            .await
            .status,
        200
    );
}

/// Everything that is logged in this process.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_secret_reaches_journal_metrics_events_or_logs() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .init();
    let secret = "Geheim-4711";
    let owner = format!(
        "[[user]]\nid = \"olga\"\npassword = \"{secret}-p\"\npin = \"{secret}-n\"\ndevices = [\"SEPA\"]\n\
         [[token]]\ntoken = \"{secret}-t\"\nuser = \"olga\"\n"
    );
    let server = Server::start(&format!("{FIXTURE}{owner}"), |_| {}).await;
    let mut events = server.program.app.hub.listen(None);
    let body = |credential: String| {
        format!(
            "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body><makeCallSoap xmlns=\"urn:WD70\">\
             <in0>{credential}</in0><in1>5550109</in1><in2><deviceName>SEPA</deviceName></in2></makeCallSoap></e:Body></e:Envelope>"
        )
    };
    let user = "<userID>olga</userID>";
    for (credential, code) in [
        (format!("<token>{secret}-t</token>"), 0),
        (format!("{user}<password>{secret}-p</password>"), 0),
        (format!("<token>{secret}-x</token>{user}"), 2),
        (format!("{user}<password>{secret}-x</password>"), 2),
    ] {
        let target = format!("{W70};jsessionid={secret}?pwd={secret}&token={secret}");
        let response = server.soap(&target, &body(credential)).await;
        let answer = format!(">{code}</responseCode>");
        assert!(response.body.contains(&answer), "{}", response.body);
        assert!(!response.body.contains(secret));
    }
    // What cannot be read is not shown either.
    let broken = format!("<a><password>{secret}</password");
    assert_eq!(server.soap(W70, &broken).await.status, 500);
    server
        .get(&format!(
            "/webdialer/Webdialer?cmd=doAuth&uid=olga&pwd={secret}"
        ))
        .await;
    let clean = |what: &str, text: &str| {
        assert!(!text.is_empty(), "{what} is empty");
        assert!(
            !text.contains(secret) && !text.contains("$argon2"),
            "{what}: {text}"
        );
    };
    for path in [
        "/api/v1/lab/requests",
        "/metrics",
        "/api/v1/users",
        "/api/v1/calls",
    ] {
        let response = server.get(path).await;
        assert_eq!(response.status, 200);
        clean(path, &response.body);
    }
    let heard = events.next().await;
    clean("events", &format!("{heard:?}"));
    clean("app", &format!("{:?}", server.program.app));
    server.program.stop().await;
    let bytes = log.0.lock().unwrap().clone();
    clean("logs", &String::from_utf8_lossy(&bytes));
}

#[tokio::test]
async fn a_store_that_fails_is_code_8_and_the_call_never_was() {
    let server = Server::start(FIXTURE, |_| {}).await;
    server
        .post_json("/api/v1/lab/faults", r#"{"on":"store","kind":"error"}"#)
        .await;
    let body = "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body><makeCallSoap xmlns=\"urn:WD70\">\
         <in0><userID>bill</userID><password>123</password></in0><in1>5550108</in1>\
         <in2><user>bill</user><deviceName>SEPA</deviceName></in2></makeCallSoap></e:Body></e:Envelope>";
    let response = server.soap(W70, body).await;
    assert!(
        response.body.contains(">8</responseCode>"),
        "{}",
        response.body
    );
    assert_eq!(response.header("cordboard-call"), None);
    server
        .request("DELETE", "/api/v1/lab/faults", &[], b"")
        .await;
    assert_eq!(
        server.get("/api/v1/calls").await.json()["calls"],
        serde_json::json!([])
    );
    let response = server.soap(W70, body).await;
    assert_eq!(
        response.header("cordboard-call"),
        Some("c-1"),
        "{}",
        response.body
    );
}
