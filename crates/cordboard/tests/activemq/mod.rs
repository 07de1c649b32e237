//! A real ActiveMQ, and another client of it, for tests that are built with the feature `activemq`.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test program uses a part of it, and a test that cannot go on must stop"
)]

use cordboard_client::openwire::Address;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufStream};
use tokio::net::TcpStream;

/// What has not happened by then does not happen.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// The queue that commands are put on.
pub(crate) const QUEUE: &str = "Connector1";

/// Waits for something that must happen.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(LIMIT, what).await;
    done.expect("it did not happen in time")
}

/// A running ActiveMQ; stopped when dropped.
pub(crate) struct ActiveMq {
    folder: tempfile::TempDir,
    pub(crate) openwire: Address,
    pub(crate) stomp: Address,
    pid: String,
}

impl ActiveMq {
    pub(crate) fn start(settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let said = up(&[folder.path()], settings);
        let value = |key: &str| {
            let line = said.lines().find_map(|line| line.strip_prefix(key));
            line.unwrap_or_else(|| panic!("no {key} in {said}"))
                .to_owned()
        };
        let address = |key| {
            let value = value(key);
            let (host, port) = value.rsplit_once(':').unwrap();
            Address {
                host: host.to_owned(),
                port: port.parse().unwrap(),
            }
        };
        Self {
            openwire: address("OPENWIRE="),
            stomp: address("STOMP="),
            pid: value("PID="),
            folder,
        }
    }

    pub(crate) async fn restart(&mut self) {
        let folder = self.folder.path().to_owned();
        let said = tokio::task::spawn_blocking(move || up(&[Path::new("restart"), &folder], &[]));
        let said = said.await.unwrap();
        let pid = said.lines().find_map(|line| line.strip_prefix("PID="));
        self.pid = pid.unwrap().to_owned();
    }

    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill")
            .args([signal, &self.pid])
            .status()
            .unwrap();
        assert!(sent.success());
    }
}

impl Drop for ActiveMq {
    fn drop(&mut self) {
        up(&[Path::new("stop"), self.folder.path()], &[]);
    }
}

fn up(words: &[&Path], settings: &[(&str, &str)]) -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut command = Command::new(root.join("interop/peers/activemq-up"));
    let done = command
        .args(words)
        .envs(settings.iter().copied())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    assert!(done.status.success(), "{}", text(&done.stderr));
    text(&done.stdout)
}

/// Somebody else's side of the broker, in another protocol.
pub(crate) struct Stomp(BufStream<TcpStream>);

impl Stomp {
    pub(crate) async fn connect(broker: &ActiveMq, login: &str) -> Self {
        let Address { host, port } = &broker.stomp;
        let stream = soon(TcpStream::connect((host.as_str(), *port)))
            .await
            .unwrap();
        let mut stomp = Self(BufStream::new(stream));
        stomp
            .say(&format!("CONNECT\naccept-version:1.1\nhost:x\n{login}\n\0"))
            .await;
        assert!(stomp.hear().await.starts_with("CONNECTED\n"));
        stomp
    }

    pub(crate) async fn say(&mut self, frame: &str) {
        self.0.write_all(frame.as_bytes()).await.unwrap();
        self.0.flush().await.unwrap();
    }

    pub(crate) async fn hear(&mut self) -> String {
        let mut frame = Vec::new();
        soon(self.0.read_until(0, &mut frame)).await.unwrap();
        assert_eq!(frame.pop(), Some(0), "the broker closed");
        String::from_utf8(frame).unwrap().trim_start().to_owned()
    }

    /// Sends a text to the queue; the broker has it when this is done.
    pub(crate) async fn send(&mut self, text: &str) {
        let headers = "persistent:true\ntype:Hello\ncorrelation-id:k7";
        self.put(headers, text).await;
    }

    /// The same, with these headers, each on its line. Events that come meanwhile are left out.
    pub(crate) async fn put(&mut self, headers: &str, text: &str) {
        let head = format!("SEND\ndestination:/queue/{QUEUE}\n{headers}\nreceipt:r");
        self.say(&format!("{head}\n\n{text}\0")).await;
        assert!(self.hear().await.starts_with("RECEIPT\n"));
    }

    pub(crate) async fn subscribe(&mut self, destination: &str) {
        self.say(&format!(
            "SUBSCRIBE\nid:1\ndestination:{destination}\nreceipt:r\n\n\0"
        ))
        .await;
        assert!(self.hear().await.starts_with("RECEIPT\n"));
    }
}
