//! A whole server in process, on ports of the system's choice, spoken to over real sockets.

#![allow(
    dead_code,
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    reason = "each test program uses a part of it, and a test that cannot go on must stop"
)]

pub mod browser;
pub mod cluster;
pub mod cti;
pub mod events;
pub mod mobility;
pub mod openwire;
pub mod process;

use cordboard::app::Serves;
use cordboard::directory_file::Format;
use cordboard::lab::SeedFile;
use cordboard::ops::config::Config;
use cordboard::program::{self, Plan, Program};
use cordboard::runtime::engine::CLOCK_FACT;
use cordboard_core::exchange::CallNames;
use cordboard_store::{Store, Sync};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A condition must come true within this time.
pub const LIMIT: Duration = Duration::from_secs(20);

pub struct Server {
    pub program: Program,
    pub address: SocketAddr,
    folder: tempfile::TempDir,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.body))
    }
}

impl Server {
    pub async fn start(directory: &str, change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::start_in(folder, directory, true, change).await
    }

    /// Stops it and starts it on the same folder, as it was.
    pub async fn restarted(self, directory: &str) -> Self {
        self.restarted_with(directory, |_| {}).await
    }

    /// The same, with other settings.
    pub async fn restarted_with(self, directory: &str, change: impl FnOnce(&mut Config)) -> Self {
        self.restarted_as(directory, |_| {}, change).await
    }

    /// The same, with something done to its database meanwhile.
    pub async fn restarted_after(self, directory: &str, work: impl FnOnce(&Path)) -> Self {
        self.restarted_as(directory, work, |_| {}).await
    }

    /// Both.
    pub async fn restarted_as(
        self,
        directory: &str,
        work: impl FnOnce(&Path),
        change: impl FnOnce(&mut Config),
    ) -> Self {
        self.program.stop().await;
        work(&self.folder.path().join("cordboard.db"));
        Self::start_in(self.folder, directory, false, change).await
    }

    async fn start_in(
        folder: tempfile::TempDir,
        directory: &str,
        fresh: bool,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let mut config = Config::lab();
        config.listen.http = "127.0.0.1:0".into();
        config.listen.https = "off".into();
        config.listen.openwire = "off".into();
        change(&mut config);
        let program = start_seeded(folder.path(), config, directory, fresh).await;
        let program = program.unwrap();
        let address = program.addresses.http.unwrap();
        Self {
            program,
            address,
            folder,
        }
    }

    pub async fn raw(&self, bytes: &[u8]) -> Response {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let read = read(&mut stream, !bytes.starts_with(b"HEAD ")).await;
        read.expect("an answer")
    }

    pub async fn request(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Response {
        let mut head = format!("{method} {target} HTTP/1.1\r\nHost: {}\r\n", self.address);
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if method != "GET" && method != "HEAD" {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body);
        self.raw(&bytes).await
    }

    pub async fn get(&self, target: &str) -> Response {
        self.request("GET", target, &[], b"").await
    }

    pub async fn post_json(&self, target: &str, body: &str) -> Response {
        self.request(
            "POST",
            target,
            &[("Content-Type", "application/json")],
            body.as_bytes(),
        )
        .await
    }

    pub async fn soap(&self, target: &str, body: &str) -> Response {
        let headers = [
            ("Content-Type", "text/xml;charset=utf-8"),
            ("SOAPAction", "\"\""),
        ];
        self.request("POST", target, &headers, body.as_bytes())
            .await
    }

    /// The call that an answer says it placed.
    pub async fn call_of(&self, response: &Response) -> serde_json::Value {
        let id = response
            .header("cordboard-call")
            .unwrap_or_else(|| panic!("no call in {response:?}"));
        self.get(&format!("/api/v1/calls/{id}")).await.json()
    }
}

/// Reads one answer; `None` when the connection ends without one.
/// While nobody serves, time passes: that of the store is as if it had been so much longer.
pub fn time_passes(database: &Path, ms: i64) {
    let mut store = Store::open(database, Sync::Normal).unwrap();
    let offset: i64 = store.fact(CLOCK_FACT).unwrap().unwrap().parse().unwrap();
    let later = (offset + ms).to_string();
    store.set_fact(CLOCK_FACT, &later).unwrap();
}

/// Starts the program on a folder, with an empty directory.
pub async fn start_with(folder: &Path, config: Config) -> anyhow::Result<Program> {
    start_seeded(folder, config, "", true).await
}

async fn start_seeded(
    folder: &Path,
    config: Config,
    directory: &str,
    fresh: bool,
) -> anyhow::Result<Program> {
    let plan = Plan {
        config,
        data: folder.to_owned(),
        database: folder.join("cordboard.db"),
        serves: Serves {
            webdialer: true,
            mobility: true,
            api: true,
            open_api: true,
            lab: true,
        },
        names: CallNames::Counted,
        seed: Some(SeedFile {
            name: "fixture".into(),
            format: Format::Toml,
            text: directory.into(),
            replaces: true,
        }),
        fresh,
        population: 0,
        auto_answer: None,
        new_admin_token: false,
    };
    program::start(plan).await
}

pub async fn read_response(stream: &mut TcpStream) -> Option<Response> {
    read(stream, true).await
}

/// What answers a HEAD has no body, whatever its length says.
async fn read(stream: &mut TcpStream, has_body: bool) -> Option<Response> {
    tokio::time::timeout(LIMIT, async {
        let mut bytes = Vec::new();
        let mut chunk = [0; 4096];
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
                break end + 4;
            }
            match stream.read(&mut chunk).await {
                Ok(0) | Err(_) => return None,
                Ok(count) => bytes.extend_from_slice(&chunk[..count]),
            }
        };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut lines = head.split("\r\n");
        let status: u16 = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(n, v)| (n.to_owned(), v.to_owned()))
            .collect();
        let length: usize = headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case("content-length"))
            .and_then(|(_, v)| v.parse().ok())
            .filter(|_| has_body)
            .unwrap_or(0);
        while bytes.len() < end + length {
            match stream.read(&mut chunk).await {
                Ok(0) | Err(_) => return None,
                Ok(count) => bytes.extend_from_slice(&chunk[..count]),
            }
        }
        let body = String::from_utf8(bytes[end..end + length].to_vec()).unwrap();
        Some(Response {
            status,
            headers,
            body,
        })
    })
    .await
    .expect("the server answers in time")
}
