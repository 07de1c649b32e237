//! `/readyz` says what the next commit would find.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use common::LIMIT;
use common::process::cordboard;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// A lab whose files can be kept from growing. It is killed when dropped.
struct Lab {
    child: Child,
    http: String,
    folder: tempfile::TempDir,
}

impl Drop for Lab {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Lab {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ports = folder.path().join("ports.json");
        let program = cordboard();
        // The signal is ignored, so that a write beyond the limit is an error, as on a full disk.
        let mut command = Command::new("bash");
        command
            .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
            .arg(program.get_program())
            .args(["lab", "--ports", "any", "--data"])
            .arg(folder.path().join("lab"))
            .arg("--port-file")
            .arg(&ports)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = command.spawn().unwrap();
        let mut lab = Self {
            child,
            http: String::new(),
            folder,
        };
        let begun = Instant::now();
        while !ports.exists() {
            assert!(begun.elapsed() < LIMIT, "the lab does not start");
            std::thread::yield_now();
        }
        let ports: Value = serde_json::from_str(&std::fs::read_to_string(&ports).unwrap()).unwrap();
        let http = ports["http"].as_str().unwrap();
        lab.http = http.strip_prefix("http://").unwrap().to_owned();
        lab
    }

    /// Lets no file of it become longer than this; `None` as long as it likes.
    fn limit(&self, bytes: Option<u64>) {
        let size = bytes.map_or("unlimited".to_owned(), |bytes| bytes.to_string());
        let mut limit = Command::new("prlimit");
        limit.args(["--pid", &self.child.id().to_string()]);
        let done = limit.arg(format!("--fsize={size}:unlimited")).status();
        assert!(done.unwrap().success());
    }

    /// The status and the body of an answer.
    fn ask(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.http).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let status = text.split(' ').nth(1).unwrap().parse().unwrap();
        let body = text.split_once("\r\n\r\n").unwrap().1.to_owned();
        (status, body)
    }

    fn dial(&self) -> u16 {
        let call = r#"{"device": "SEP0000000D4401", "to": "5550109"}"#;
        self.ask("POST", "/api/v1/calls", call).0
    }

    /// Waits until `/readyz` answers this.
    fn becomes(&self, status: u16) {
        let begun = Instant::now();
        while self.ask("GET", "/readyz", "").0 != status {
            assert!(begun.elapsed() < LIMIT, "/readyz never answers {status}");
        }
    }
}

#[test]
fn a_disk_that_takes_no_commit_is_not_ready_until_it_does_again() {
    let lab = Lab::start();
    lab.becomes(200);
    assert_eq!(lab.dial(), 201);
    let log = lab.folder.path().join("lab/cordboard.db-wal");
    lab.limit(Some(std::fs::metadata(log).unwrap().len()));
    // Nothing is dialled: readiness finds it out by itself.
    lab.becomes(503);
    let (status, why) = lab.ask("GET", "/readyz", "");
    assert_eq!((status, why.trim()), (503, "the store refuses"));
    assert_eq!(lab.dial(), 503);
    lab.limit(None);
    lab.becomes(200);
    assert_eq!(lab.dial(), 201);
}

#[test]
fn a_commit_that_fails_is_known_to_readiness_at_once() {
    let lab = Lab::start();
    assert_eq!(lab.dial(), 201);
    lab.becomes(200);
    let log = lab.folder.path().join("lab/cordboard.db-wal");
    lab.limit(Some(std::fs::metadata(log).unwrap().len()));
    assert_eq!(lab.dial(), 503);
    assert_eq!(lab.ask("GET", "/readyz", "").0, 503);
}
