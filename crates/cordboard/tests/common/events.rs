//! A listener to the events of the JSON API, over a bare socket.

#![allow(
    dead_code,
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    reason = "each test program uses a part of it, and a test that cannot go on must stop"
)]

use super::{LIMIT, Server};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An open stream of events.
pub struct Stream {
    /// The number that it begins after.
    pub begun: u64,
    socket: TcpStream,
    text: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    pub id: u64,
    pub kind: String,
    pub data: Value,
}

impl Stream {
    pub async fn open(server: &Server, headers: &str) -> Self {
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        let head = format!("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut stream = Self {
            begun: 0,
            socket,
            text: String::new(),
        };
        let hello = stream.until("retry: 1000\n\n").await;
        let (_, said) = hello.rsplit_once("id: ").expect("a number to begin with");
        stream.begun = said.lines().next().unwrap().parse().unwrap();
        stream
    }

    /// Reads until the server ends the stream, and answers what it said before.
    pub async fn ended(mut self) -> String {
        let mut bytes = [0; 65_536];
        let mut text = self.text;
        while !text.ends_with("0\r\n\r\n") {
            let read = tokio::time::timeout(LIMIT, self.socket.read(&mut bytes));
            let count = read.await.expect("an end in time").unwrap();
            if count == 0 {
                break;
            }
            text.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
        text
    }

    /// Reads up to and including a text; the chunks' sizes are left out.
    pub async fn until(&mut self, end: &str) -> String {
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

    pub async fn next(&mut self) -> Seen {
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

    pub async fn take(&mut self, count: usize) -> Vec<Seen> {
        let mut seen = Vec::new();
        while seen.len() < count {
            seen.push(self.next().await);
        }
        seen
    }
}
