//! `cordboard` as a user starts it.

#![allow(
    dead_code,
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    reason = "each test program uses a part of it, and a test that cannot go on must stop"
)]

use super::LIMIT;
use serde_json::Value;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Instant;

pub fn cordboard() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cordboard"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CORDBOARD")) {
        command.env_remove(name);
    }
    command.env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"));
    command
}

pub fn output(command: &mut Command) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

/// A running server; killed when dropped.
pub struct Server {
    pub child: Child,
    pub http: String,
    /// The port file.
    pub ports: Value,
    pub folder: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    pub fn lab() -> Self {
        Self::lab_with(&["--ports", "any"], &[])
    }

    /// A lab with these words and this environment.
    pub fn lab_with(words: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::lab_in(tempfile::tempdir().unwrap(), words, environment)
    }

    /// The same in a folder where there may have been one before.
    pub fn lab_in(folder: tempfile::TempDir, words: &[&str], environment: &[(&str, &str)]) -> Self {
        let ports = folder.path().join("ports.json");
        // One that was killed has left its own.
        let _ = std::fs::remove_file(&ports);
        let child = cordboard()
            .arg("lab")
            .args(words)
            .arg("--data")
            .arg(folder.path().join("lab"))
            .arg("--port-file")
            .arg(&ports)
            .envs(environment.iter().copied())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut server = Self {
            child,
            http: String::new(),
            ports: Value::Null,
            folder,
        };
        let begun = Instant::now();
        while !ports.exists() {
            assert!(begun.elapsed() < LIMIT, "the lab does not start");
            assert!(server.child.try_wait().unwrap().is_none(), "it ended");
            std::thread::yield_now();
        }
        let ports: Value = serde_json::from_str(&std::fs::read_to_string(&ports).unwrap()).unwrap();
        server.http = ports["http"].as_str().unwrap().to_owned();
        server.ports = ports;
        server
    }

    /// Kills it at once and starts it again on the same folder.
    pub fn killed(mut self, words: &[&str], environment: &[(&str, &str)]) -> Self {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap());
        drop(self);
        Self::lab_in(folder, words, environment)
    }

    pub fn run(&self, words: &[&str]) -> (i32, String, String) {
        output(cordboard().args(words).args(["--server", &self.http]))
    }

    /// Runs a command that must succeed.
    pub fn done(&self, words: &[&str]) -> String {
        let (status, out, err) = self.run(words);
        assert_eq!(status, 0, "{words:?}: {out}{err}");
        out
    }

    pub fn json(&self, words: &[&str]) -> Value {
        let mut all = words.to_vec();
        all.push("--json");
        let out = self.done(&all);
        serde_json::from_str(&out).unwrap_or_else(|_| panic!("{words:?}: {out}"))
    }

    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}
