//! The memory of request bodies in progress has a bound for each address and in all.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use common::{LIMIT, Response, Server, read_response};
use cordboard::ops::config::Config;
use std::net::SocketAddr;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

const FIXTURE: &str = include_str!("common/webdialer.toml");
const W70: &str = "/webdialer/services/WebdialerSoapService70";
const SERVLET: &str = "/emservice/EMServiceServlet";
const FORM: &str = "application/x-www-form-urlencoded";
const CLUSTER_USER: &str = "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body>\
    <isClusterUserSoap xmlns=\"urn:WD70\"><in0>bill</in0></isClusterUserSoap></e:Body></e:Envelope>";

/// Number of bytes of a body that are not counted.
const FREE: usize = 4 * 1024;

async fn server(change: impl FnOnce(&mut Config)) -> Server {
    Server::start(FIXTURE, |config| {
        config.limits.import_bytes = 100_000;
        config.limits.bodies_bytes = 200_000;
        config.limits.bodies_bytes_per_peer = 60_000;
        change(config);
    })
    .await
}

/// A request of which the body's end is missing, once the server has read the rest.
async fn unfinished(server: &Server, from: [u8; 4], bytes: usize) -> TcpStream {
    let before = server.program.app.bodies.used();
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((from, 0))).unwrap();
    let mut stream = socket.connect(server.address).await.unwrap();
    let head = format!(
        "POST {SERVLET} HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\nContent-Length: {}\r\n\r\n",
        bytes + FREE + 1
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&vec![b'x'; bytes + FREE]).await.unwrap();
    until(|| server.program.app.bodies.used() == before + bytes).await;
    stream
}

async fn until(mut condition: impl FnMut() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LIMIT, waiting)
        .await
        .expect("it comes true");
}

async fn post(server: &Server, target: &str, kind: &str, bytes: usize) -> Response {
    let body = vec![b'x'; bytes];
    server
        .request("POST", target, &[("Content-Type", kind)], &body)
        .await
}

#[tokio::test]
async fn bodies_beyond_the_share_of_an_address_are_refused_as_their_interface_refuses() {
    let server = server(|_| {}).await;
    let mut first = unfinished(&server, [127, 0, 0, 1], 50_000).await;
    for (target, kind, kind_of_answer) in [
        (SERVLET, FORM, None),
        (W70, "text/xml", None),
        ("/webdialer/Webdialer", FORM, None),
        ("/webdialer/Redirector", FORM, None),
        (
            "/api/v1/calls",
            "application/json",
            Some("application/problem+json"),
        ),
    ] {
        let refused = post(&server, target, kind, 40_000).await;
        assert_eq!(refused.status, 503, "{target}");
        assert_eq!(refused.header("content-type"), kind_of_answer, "{target}");
    }
    // What is small is served as ever, and so is another address.
    assert!(server.soap(W70, CLUSTER_USER).await.body.contains(">true<"));
    drop(unfinished(&server, [127, 0, 0, 2], 60_000).await);
    first.write_all(b"x").await.unwrap();
    assert_eq!(read_response(&mut first).await.unwrap().status, 200);
    until(|| server.program.app.bodies.used() == 0).await;
    assert_eq!(post(&server, SERVLET, FORM, 40_000).await.status, 200);
}

#[tokio::test]
async fn all_bodies_together_have_a_bound_and_are_given_back_when_their_clients_go() {
    let server = server(|_| {}).await;
    let mut kept = Vec::new();
    for last in 2..5 {
        kept.push(unfinished(&server, [127, 0, 0, last], 60_000).await);
    }
    assert_eq!(post(&server, SERVLET, FORM, 40_000).await.status, 503);
    assert!(server.soap(W70, CLUSTER_USER).await.body.contains(">true<"));
    drop(kept);
    until(|| server.program.app.bodies.used() == 0).await;
    assert_eq!(post(&server, SERVLET, FORM, 40_000).await.status, 200);
}

#[tokio::test]
async fn one_body_alone_has_its_interfaces_limit_and_not_the_share() {
    let server = server(|config| config.limits.bodies_bytes_per_peer = 1).await;
    assert_eq!(post(&server, SERVLET, FORM, 100_000).await.status, 200);
}
