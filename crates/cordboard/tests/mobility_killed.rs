//! What was answered stays, whenever the process is killed. [exchange §7, 10]

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use common::LIMIT;
use common::mobility::*;
use common::process::cordboard;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::time::Instant;

/// So many connections at once, each with a phone of its own.
const CONNECTIONS: usize = 64;
/// So often the process is killed.
const KILLS: usize = 20;
/// A phone is used by three in turn, so that after each of these steps somebody else sits there or did so last.
const STEPS: usize = 6;

/// A running lab; killed when dropped.
struct Lab {
    child: Child,
    authority: String,
}

impl Drop for Lab {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(folder: &Path) -> Lab {
    let ports = folder.join("ports.json");
    let _ = std::fs::remove_file(&ports);
    let child = cordboard()
        .args(["lab", "--ports", "any", "--data"])
        .arg(folder.join("lab"))
        .arg("--directory")
        .arg(folder.join("directory.toml"))
        .arg("--port-file")
        .arg(&ports)
        .env("CORDBOARD__MOBILITY__MAX_CONCURRENT_REQUESTS", "100")
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut lab = Lab {
        child,
        authority: String::new(),
    };
    let begun = Instant::now();
    while !ports.exists() {
        assert!(begun.elapsed() < LIMIT, "the lab does not start");
        assert!(lab.child.try_wait().unwrap().is_none(), "the lab ended");
        std::thread::yield_now();
    }
    let ports = std::fs::read_to_string(&ports).unwrap();
    let ports: serde_json::Value = serde_json::from_str(&ports).unwrap();
    let http = ports["http"].as_str().unwrap();
    http.strip_prefix("http://")
        .unwrap()
        .clone_into(&mut lab.authority);
    lab
}

fn phone(number: usize) -> String {
    format!("SEPE{number:011}")
}

fn user(number: usize, step: usize) -> String {
    format!("u{number}-{}", step / 2 % 3)
}

fn directory() -> String {
    let mut text = FIXTURE.to_owned();
    for number in 0..CONNECTIONS {
        let name = phone(number);
        text += &format!(
            "\n[[device]]\nname = \"{name}\"\nmodel = \"Cisco 8845\"\nem_enabled = true\n"
        );
        for step in [0, 2, 4] {
            let id = user(number, step);
            text += &format!("\n[[user]]\nid = \"{id}\"\nprofiles = [\"shared_UDP\"]\n");
        }
    }
    text
}

/// Sends a document on a connection; `None` when that ends before the answer.
fn sends(stream: &mut BufReader<TcpStream>, document: &str) -> Option<String> {
    let body = format!("xml={}", encoded(document));
    let head = format!(
        "POST {SERVLET} HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.get_mut().write_all((head + &body).as_bytes()).ok()?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => {
                if let Some(value) = line.to_lowercase().strip_prefix("content-length: ") {
                    length = value.parse().unwrap();
                }
            }
        }
    }
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer).ok()?;
    Some(String::from_utf8(answer).unwrap())
}

/// Logs users in and out from a step on until the process is gone, and answers how many steps were answered.
fn caller(authority: &str, number: usize, mut step: usize, heard: &Sender<()>) -> usize {
    let begun = step;
    let Ok(stream) = TcpStream::connect(authority) else {
        return 0;
    };
    let mut stream = BufReader::new(stream);
    loop {
        let operation = match step % 2 {
            0 => login(&phone(number), &user(number, step)),
            _ => logout(&phone(number)),
        };
        let Some(answer) = sends(&mut stream, &request(&operation)) else {
            return step - begun;
        };
        assert_eq!(answer, OK, "{operation}");
        step += 1;
        // The judge may have heard enough.
        let _ = heard.send(());
    }
}

/// After which of its steps a phone is, by who sits there and who did last; nobody yet is after none.
fn step_of(number: usize, state: &str) -> usize {
    let last = |step: usize| format!("<lastlogin>{}</lastlogin>", user(number, step));
    let is_now = |&done: &usize| match done % 2 {
        1 => state.contains(&format!("<userID>{}</userID>", user(number, done - 1))),
        _ => !state.contains("<userID>") && state.contains(&last(done - 1)),
    };
    let found = (1..=STEPS).find(is_now);
    found.unwrap_or_else(|| {
        assert!(state.contains("<none/>\n<none/>"), "{number}: {state}");
        0
    })
}

#[test]
fn no_answered_login_or_log_out_is_lost_or_doubled_when_the_process_is_killed_at_any_moment() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("directory.toml"), directory()).unwrap();
    let mut random = 4_711_u64;
    let mut steps = [0; CONNECTIONS];
    for round in 0..KILLS {
        let mut lab = start(folder.path());
        let (heard, answers) = channel();
        let callers: Vec<_> = (0..CONNECTIONS)
            .map(|number| {
                let (authority, heard) = (lab.authority.clone(), heard.clone());
                let step = steps[number];
                std::thread::spawn(move || caller(&authority, number, step, &heard))
            })
            .collect();
        drop(heard);
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        for _ in 0..usize::try_from(random >> 40).unwrap() % 800 + 1 {
            answers.recv_timeout(LIMIT).expect("requests are answered");
        }
        lab.child.kill().unwrap();
        lab.child.wait().unwrap();
        let answered: Vec<usize> = callers.into_iter().map(|c| c.join().unwrap()).collect();
        let after = start(folder.path());
        let mut stream = BufReader::new(TcpStream::connect(&after.authority).unwrap());
        for (number, step) in steps.iter_mut().enumerate() {
            let state = sends(&mut stream, &query(&who(&[&phone(number)]))).unwrap();
            let found = step_of(number, &state) % STEPS;
            let done = *step + answered[number];
            // The one that was not answered may have been carried out.
            let fits = [done, done + 1].map(|step| step % STEPS);
            assert!(
                fits.contains(&found),
                "round {round}, phone {number}: {done} were answered, {state}"
            );
            *step = found;
        }
    }
}
