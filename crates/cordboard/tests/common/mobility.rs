//! Extension Mobility as its callers speak it: the cases' fixture, documents, forms and whole answers.

#![allow(
    dead_code,
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    reason = "each test program uses a part of it, and a test that cannot go on must stop"
)]

use super::{Response, Server, read_response};
use cordboard::ops::config::Config;
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

pub const FIXTURE: &str = include_str!("mobility.toml");
pub const SERVLET: &str = "/emservice/EMServiceServlet";
pub const D1: &str = "SEP001122334455";
pub const D2: &str = "SEP00AABBCCDDEE";
pub const D3: &str = "SEP0000000000FF";
pub const D9: &str = "SEPNOPE";
/// The phone at 127.0.0.3.
pub const D4: &str = "SEP00000000F003";
pub const EMPROXY: (&str, &str) = ("emproxy", "Pr0xy!");
pub const JDOE: (&str, &str) = ("jdoe", "Welcome1");
pub const OK: &str = "<?xml version=\"1.0\"?>\n<response>\n<success/>\n</response>\n";

pub async fn server() -> Server {
    server_with(|_| {}).await
}

pub async fn server_with(change: impl FnOnce(&mut Config)) -> Server {
    Server::start(FIXTURE, change).await
}

/// A query's whole answer, of the tags and texts in it.
pub fn results(lines: &str) -> String {
    let lines: Vec<&str> = lines.split_whitespace().collect();
    format!(
        "<response>\n{}\n</response>\n",
        lines.join("\n").replace('~', " ")
    )
}

/// A request's whole answer with a failure.
pub fn failure(code: u16, text: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<response>\n<failure>\n<error code=\"{code}\">{text}</error>\n</failure>\n</response>\n"
    )
}

/// A query's.
pub fn query_failure(code: u16, text: &str) -> String {
    failure(code, text).replace("<?xml version=\"1.0\"?>\n", "")
}

pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

pub fn document(root: &str, caller: (&str, &str), operation: &str) -> String {
    let (id, password) = (escaped(caller.0), escaped(caller.1));
    format!(
        "<{root}><appInfo><appID>{id}</appID><appCertificate>{password}</appCertificate></appInfo>{operation}</{root}>"
    )
}

pub fn request(operation: &str) -> String {
    document("request", EMPROXY, operation)
}

pub fn query(operation: &str) -> String {
    document("query", EMPROXY, operation)
}

pub fn login(device: &str, user: &str) -> String {
    login_with(device, user, "")
}

pub fn login_with(device: &str, user: &str, more: &str) -> String {
    format!("<login><deviceName>{device}</deviceName><userID>{user}</userID>{more}</login>")
}

pub fn minutes(text: &str) -> String {
    format!("<exclusiveDuration><time>{text}</time></exclusiveDuration>")
}

pub fn profile(name: &str) -> String {
    format!("<deviceProfile>{name}</deviceProfile>")
}

pub fn logout(device: &str) -> String {
    format!("<logout><deviceName>{device}</deviceName></logout>")
}

pub fn list(operation: &str, item: &str, values: &[&str]) -> String {
    let items: Vec<String> = values
        .iter()
        .map(|v| format!("<{item}>{v}</{item}>"))
        .collect();
    format!("<{operation}>{}</{operation}>", items.concat())
}

pub fn who(devices: &[&str]) -> String {
    list("deviceUserQuery", "deviceName", devices)
}

pub fn places(users: &[&str]) -> String {
    list("userDevicesQuery", "userID", users)
}

/// A value as forms write it.
pub fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

pub const FORM: &str = "application/x-www-form-urlencoded";

impl Server {
    pub async fn posts(&self, content_type: &str, body: &str) -> Response {
        let headers = [("Content-Type", content_type)];
        self.request("POST", SERVLET, &headers, body.as_bytes())
            .await
    }

    /// Sends a document as a form and answers what came back, which is always 200 and XML.
    pub async fn sends(&self, document: &str) -> String {
        let response = self
            .posts(FORM, &format!("xml={}", encoded(document)))
            .await;
        answer(&response)
    }

    /// A request of emproxy.
    pub async fn asks(&self, operation: &str) -> String {
        self.sends(&request(operation)).await
    }

    /// A query of emproxy.
    pub async fn queries(&self, operation: &str) -> String {
        self.sends(&query(operation)).await
    }

    /// A request of somebody.
    pub async fn asks_as(&self, caller: (&str, &str), operation: &str) -> String {
        self.sends(&document("request", caller, operation)).await
    }

    /// A query of somebody.
    pub async fn queries_as(&self, caller: (&str, &str), operation: &str) -> String {
        self.sends(&document("query", caller, operation)).await
    }

    pub async fn is_done(&self, operation: &str) {
        assert_eq!(self.asks(operation).await, OK, "{operation}");
    }

    pub async fn is_refused(&self, operation: &str, code: u16) {
        assert_eq!(
            code_of(&self.asks(operation).await),
            Some(code),
            "{operation}"
        );
    }

    /// Who is on a device: nobody is `None`.
    pub async fn user_on(&self, device: &str) -> Option<String> {
        let answer = self.queries(&who(&[device])).await;
        let rest = answer.split_once("<userID>")?.1;
        Some(rest.split('<').next().unwrap().to_owned())
    }

    /// Sends a document from another address of this machine.
    pub async fn sends_from(&self, from: [u8; 4], header: &str, document: &str) -> String {
        let socket = TcpSocket::new_v4().unwrap();
        socket
            .bind(SocketAddr::from((Ipv4Addr::from(from), 0)))
            .unwrap();
        let mut stream: TcpStream = socket.connect(self.address).await.unwrap();
        let body = format!("xml={}", encoded(document));
        let message = format!(
            "POST {SERVLET} HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\n{header}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(message.as_bytes()).await.unwrap();
        answer(&read_response(&mut stream).await.expect("an answer"))
    }

    pub async fn sets_fault(&self, fault: Value) {
        let response = self
            .post_json("/api/v1/lab/faults", &fault.to_string())
            .await;
        assert_eq!(response.status, 200, "{fault}: {}", response.body);
    }

    pub async fn clears_faults(&self) {
        self.request("DELETE", "/api/v1/lab/faults", &[], b"").await;
    }

    pub async fn stops_clock(&self) {
        self.clock(json!({"running": false})).await;
    }

    pub async fn seconds_pass(&self, seconds: u64) {
        self.clock(json!({"advance_ms": seconds * 1000})).await;
    }

    async fn clock(&self, change: Value) {
        let response = self
            .post_json("/api/v1/lab/clock", &change.to_string())
            .await;
        assert_eq!(response.status, 200, "{}", response.body);
    }
}

pub fn answer(response: &Response) -> String {
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(
        response.header("content-type"),
        Some("text/xml;charset=UTF-8")
    );
    response.body.clone()
}

/// The code of a failure; `None` for anything else.
pub fn code_of(answer: &str) -> Option<u16> {
    let failure = answer.split_once("<failure>\n<error code=\"")?.1;
    assert!(!answer.to_lowercase().contains("success"), "{answer}");
    failure.split('"').next().unwrap().parse().ok()
}
