//! `cordboard cti` as programs and people call it: against a lab, and against brokers that are none or let nobody in.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

#[path = "openwire_client/broker.rs"]
mod broker;
mod common;

use broker::Broker;
use common::process::{self, Server, cordboard};
use cordboard_wire::openwire::{ExceptionResponse, Throwable};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use tokio::net::TcpListener;

/// A lab, and how its connector is reached.
struct Lab {
    server: Server,
    broker: String,
}

impl Lab {
    fn start() -> Self {
        Self::start_with(&[])
    }

    fn start_with(settings: &[(&str, &str)]) -> Self {
        let server = Server::lab_with(&["--ports", "any"], settings);
        let ports = std::fs::read(server.folder.path().join("ports.json")).unwrap();
        let ports: Value = serde_json::from_slice(&ports).unwrap();
        Self {
            broker: ports["openwire"].as_str().unwrap().to_owned(),
            server,
        }
    }

    fn command(&self, words: &[&str]) -> Command {
        cti(&self.broker, words)
    }

    fn run(&self, words: &[&str]) -> (i32, String, String) {
        process::output(&mut self.command(words))
    }

    /// Runs what must be done; what it says.
    fn does(&self, line: &str) -> String {
        let words: Vec<_> = line.split(' ').collect();
        let (status, out, err) = self.run(&words);
        assert_eq!((status, err.as_str()), (0, ""), "{line}: {out}");
        out
    }

    fn object(&self, line: &str) -> (i32, Value) {
        let words: Vec<_> = line.split(' ').chain(["--json"]).collect();
        let (status, out, _) = self.run(&words);
        let value = serde_json::from_str(&out);
        (status, value.unwrap_or_else(|_| panic!("{line}: {out}")))
    }
}

fn cti(broker: &str, words: &[&str]) -> Command {
    let mut command = cordboard();
    command.arg("cti").args(words);
    command
        .env("CORDBOARD_BROKER", broker)
        .env("USER", "tester")
        .env("XDG_STATE_HOME", env!("CARGO_TARGET_TMPDIR"));
    command
}

/// Lines without those about the time of day.
fn lines(out: &str) -> Vec<&str> {
    out.lines().collect()
}

#[test]
fn a_call_is_placed_answered_held_and_given_away_one_command_at_a_time() {
    let lab = Lab::start();
    assert_eq!(lab.does("hello"), "telephone network in service\n");
    let seen = lab.does("login 42031 42032 32033");
    let first = ["42031  Agent 42031", "42031  READY", "42031  no call"];
    assert_eq!(lines(&seen)[..3], first);
    assert_eq!(lines(&seen).len(), 9);
    let seen = lab.does("dial 42032 --agent 42031");
    let placed = [
        "42031  RESERVED",
        "42031  call 16777217 INITIATING with 42032",
    ];
    assert_eq!(lines(&seen), placed);
    let seen = lab.does("answer --agent 42032");
    let answered = [
        "42032  TALKING",
        "42032  inbound call 16777218 ACTIVE from 42031",
        "42032  call 16777218 ACTIVE with 42031",
    ];
    assert_eq!(lines(&seen), answered);
    let seen = lab.does("hold -a 42031");
    assert_eq!(
        lines(&seen),
        ["42031  HOLD", "42031  call 16777217 HELD with 42032"]
    );
    let seen = lab.does("resume 16777217 -a 42031");
    assert_eq!(
        lines(&seen),
        ["42031  TALKING", "42031  call 16777217 ACTIVE with 42032"]
    );
    let seen = lab.does("consult 32033 -a 42032");
    let last = "42032  call 16777219 INITIATING with 32033";
    assert_eq!(lines(&seen).last(), Some(&last));
    lab.does("answer -a 32033");
    let seen = lab.does("complete -a 42032");
    let last = "42032  call 16777219 DROPPED with 32033";
    assert_eq!(lines(&seen).last(), Some(&last));
    let seen = lab.does("state 42031");
    assert_eq!(
        lines(&seen),
        ["42031  TALKING", "42031  call 16777217 ACTIVE with 32033"]
    );
    let seen = lab.does("hangup -a 42031");
    assert_eq!(
        lines(&seen),
        ["42031  READY", "42031  call 16777217 DROPPED with 32033"]
    );
    assert_eq!(lab.does("logout 42031"), "42031  LOGOUT\n");
}

#[test]
fn three_confer_one_is_put_out_and_another_call_goes_elsewhere() {
    let lab = Lab::start();
    lab.does("login 42031 42032 32033");
    lab.does("dial 42032 -a 42031");
    lab.does("answer -a 42032");
    lab.does("consult 32033 -a 42031");
    lab.does("answer -a 32033");
    let seen = lab.does("conference -a 42031");
    assert!(seen.contains("ACTIVE with 42032, 32033"), "{seen}");
    let seen = lab.does("dtmf 12# -a 42031");
    assert!(seen.contains("ACTIVE with 42032, 32033"), "{seen}");
    let seen = lab.does("drop 42032 -a 42031");
    assert!(seen.contains("ACTIVE with 32033"), "{seen}");
    let seen = lab.does("transfer 42032 -a 42031");
    assert!(seen.contains("DROPPED"), "{seen}");
    let seen = lab.does("not-ready 42031 --reason 7");
    assert_eq!(seen, "42031  NOT_READY (7)\n");
    assert_eq!(lab.does("ready 42031"), "42031  READY\n");
}

#[test]
fn programs_get_one_object_and_failures_with_the_connectors_code() {
    let lab = Lab::start();
    lab.does("login 42031");
    let (status, done) = lab.object("dial 5508 -a 42031");
    assert_eq!(
        (status, &done["done"], &done["connection"]),
        (0, &json!(true), &json!(16_777_217))
    );
    let states: Vec<_> = done["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| &e["state"])
        .collect();
    assert_eq!(states, ["RESERVED", "INITIATING"]);
    let (status, refused) = lab.object("hold 16777217 -a 42031");
    assert_eq!(
        (status, &refused["code"]),
        (1, &json!("CF_INVALID_OBJECT_STATE"))
    );
    let (status, refused) = lab.object("login 77777");
    assert_eq!((status, &refused["code"]), (1, &json!("USER_NOT_FOUND")));
    let (status, refused) = lab.object("hold -a 42031");
    assert_eq!((status, &refused["code"]), (1, &Value::Null));
    let text = "no call is in a state for that; there is 16777217 INITIATED with 5508";
    assert_eq!(refused["error"], text);
    // Wrongly used, before anybody is asked.
    for words in [
        &["dial", "5508"][..],
        &["dial", "ring", "-a", "1"],
        &["fly"],
        &["--json"],
    ] {
        assert_eq!(lab.run(words).0, 2, "{words:?}");
    }
    let (_, _, hint) = lab.run(&["dial", "5508", "-a", "42032"]);
    assert!(hint.contains("is the agent logged in"), "{hint}");
}

#[test]
fn events_come_in_the_pattern_that_is_asked_for() {
    let lab = Lab::start();
    let (_, done) = lab.object("login 42031 --pattern json");
    let texts: Vec<_> = done["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["text"].as_str().unwrap())
        .collect();
    assert!(texts.iter().all(|text| text.starts_with('{')), "{texts:?}");
    let (_, done) = lab.object("state 42031 --pattern text");
    assert!(
        done["events"][0]["text"]
            .as_str()
            .unwrap()
            .starts_with("42031#State#READY")
    );
}

#[test]
fn a_broker_with_users_and_a_connector_with_pins_are_told_who_asks() {
    let lab = Lab::start_with(&[
        ("CORDBOARD__BROKER__ACCESS", "users"),
        ("CORDBOARD__CTI__LOGIN_AUTH", "pin"),
    ]);
    assert_eq!(lab.run(&["hello"]).0, 77);
    let asked = |words: &[&str], pin: Option<&str>| {
        let mut command = lab.command(words);
        command
            .env("CORDBOARD_USER", "ctiApp")
            .env("CORDBOARD_PASSWORD", "cti");
        if let Some(pin) = pin {
            command.env("CORDBOARD_CTI_PIN", pin);
        }
        process::output(&mut command)
    };
    assert_eq!(asked(&["hello", "--password", "wrong"], None).0, 77);
    assert_eq!(asked(&["hello"], None).0, 0);
    // Only what begins with the user's name may be listened to; by default it does.
    assert_eq!(asked(&["hello", "--topic", "cc.other.x"], None).0, 77);
    assert_eq!(
        asked(&["tail", "--topic", "cc.>", "--count", "1"], None).0,
        77
    );
    let login = ["login", "42031", "--as", "agent42031"];
    assert_eq!(asked(&login, None).0, 2);
    assert_eq!(asked(&login, Some("99999")).0, 1);
    let (status, out, err) = asked(&login, Some("12345"));
    assert_eq!((status, err.as_str()), (0, ""));
    assert!(out.ends_with("42031  no call\n"), "{out}");
    let (_, out, err) = asked(&["login", "42031", "--agent-pin", "54321"], None);
    assert!(!out.contains("54321") && !err.contains("54321"));
}

#[test]
fn tls_is_verified() {
    // The system picks the port, as it does for all of them.
    let lab = Lab::start_with(&[("CORDBOARD__LISTEN__OPENWIRE_TLS", "127.0.0.1:61617")]);
    let folder = lab.server.folder.path();
    let ports = std::fs::read(folder.join("ports.json")).unwrap();
    let ports: Value = serde_json::from_slice(&ports).unwrap();
    let server = ports["openwire_tls"].as_str().unwrap();
    let certificate = ports["certificate"].as_str().unwrap();
    assert_eq!(lab.run(&["hello", "--server", server]).0, 69);
    let trusted = lab.run(&["hello", "--server", server, "--ca", certificate]);
    assert_eq!(trusted.0, 0, "{}", trusted.2);
}

/// A command that goes on; killed when dropped.
struct Running(Child);

impl Running {
    fn start(mut command: Command) -> (Self, BufReader<impl Read>) {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        (Self(child), out)
    }

    /// Lets it end by itself; its status.
    fn end(mut self) -> i32 {
        drop(self.0.stdin.take());
        self.0.wait().unwrap().code().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_tail_follows_agents_and_another_only_listens_on_their_topic() {
    let lab = Lab::start();
    let words = [
        "tail", "42031", "42032", "--count", "13", "--topic", "cc.t", "--json",
    ];
    let (tail, out) = Running::start(lab.command(&words));
    let mut events = out
        .lines()
        .map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let event = |events: &mut dyn Iterator<Item = Value>| {
        let event = events.next().unwrap();
        let text = |name: &str| event[name].as_str().unwrap_or("-").to_owned();
        format!("{} {} {}", text("agent"), text("event"), text("state"))
    };
    let mut seen: Vec<_> = (0..7).map(|_| event(&mut events)).collect();
    assert_eq!(seen.remove(0), "- System IN_SERVICE");
    assert_eq!(seen.last().unwrap(), "42032 DialogState NONE");
    // Beside it one that says nothing, and hears the same.
    let words = ["tail", "--topic", "cc.>", "--count", "1", "--raw"];
    let (listener, mut raw) = Running::start(lab.command(&words));
    let words = ["dial", "42032", "-a", "42031", "--topic", "cc.t"];
    let mut first = String::new();
    let reading = std::thread::spawn(move || {
        raw.read_line(&mut first).unwrap();
        (listener, first)
    });
    // Until it listens, calls come and go.
    while !reading.is_finished() {
        assert_eq!(lab.run(&words).0, 0);
        assert_eq!(lab.run(&["release", "-a", "42031", "--topic", "cc.t"]).0, 0);
    }
    let (listener, first) = reading.join().unwrap();
    assert!(
        first.starts_with("System#") || first.starts_with("4203"),
        "{first}"
    );
    assert_eq!(listener.end(), 0);
    let rest: Vec<_> = (0..6).map(|_| event(&mut events)).collect();
    assert!(
        rest.contains(&"42031 State RESERVED".to_owned()),
        "{rest:?}"
    );
    assert_eq!(tail.end(), 0);
}

#[test]
fn a_session_takes_lines_from_a_pipe_and_tells_how_they_ended() {
    let lab = Lab::start();
    let (mut session, out) = Running::start(lab.command(&["--agent", "42031"]));
    let stdin = session.0.stdin.as_mut().unwrap();
    for line in [
        "dial 42032",
        "",
        "login 42032",
        "answer --agent 42032",
        "calls",
        "hold 7",
        "agent",
        "help",
        "quit",
    ] {
        writeln!(stdin, "{line}").unwrap();
    }
    let seen: Vec<_> = out.lines().map(Result::unwrap).collect();
    assert_eq!(session.end(), 1, "one of them was refused");
    let has = |text: &str| {
        let found = seen.iter().any(|line| line.contains(text));
        assert!(found, "{text} is not in {seen:#?}");
    };
    has("connected to tcp://");
    has("42031  call 16777217 INITIATING with 42032");
    // Told because it happens, not because it was asked.
    has("42031  call 16777217 ACTIVE with 42032");
    has("  call 16777218 ACTIVE with 42031");
    has("! the connector said CF_INVALID_OBJECT_STATE");
    has("commands that name nobody are for 42031");
    has("not-ready");
}

#[tokio::test]
async fn who_is_not_there_who_is_no_broker_and_who_lets_nobody_in_are_told_apart() {
    let run = async |broker: String, words: &'static [&'static str]| {
        let mut command = cti(&broker, words);
        let done = tokio::task::spawn_blocking(move || process::output(&mut command));
        done.await.unwrap()
    };
    let (status, _, err) = run("tcp://127.0.0.1:1".to_owned(), &["hello"]).await;
    assert_eq!(status, 69, "{err}");
    let (status, _, err) = run("http://127.0.0.1:1".to_owned(), &["hello"]).await;
    assert_eq!(status, 2, "{err}");
    // Something else listens there.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let other = async {
        use tokio::io::AsyncWriteExt as _;
        let (mut stream, _) = listener.accept().await.unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
        stream
    };
    let asked = run(format!("tcp://127.0.0.1:{port}"), &["hello"]);
    let ((status, _, err), _stream) = tokio::join!(asked, other);
    assert_eq!(status, 76, "{err}");
    // A broker that wants another password, and never hears ours again in a log or an error.
    let broker = Broker::listen().await;
    let guard = async {
        let mut peer = broker.accept().await;
        let number = peer.hear().await.command_id();
        let class = "java.lang.SecurityException";
        peer.say(ExceptionResponse {
            correlation_id: number,
            exception: Some(Throwable::new(
                class,
                "User name [u] or password is invalid.",
            )),
            ..ExceptionResponse::default()
        })
        .await;
        peer
    };
    let words = &["hello", "--user", "u", "--password", "s3cret", "--json"];
    let asked = run(format!("tcp://{}", broker.address()), words);
    let ((status, out, err), _peer) = tokio::join!(asked, guard);
    assert_eq!(status, 77, "{err}");
    assert!(!out.contains("s3cret") && !err.contains("s3cret"));
    // A broker without a connector.
    let broker = Broker::listen().await;
    let silence = async {
        let mut peer = broker.let_in().await;
        while peer.hear_or_end().await.is_some() {}
    };
    let asked = run(
        format!("tcp://{}", broker.address()),
        &["hello", "--timeout", "1"],
    );
    let ((status, _, err), ()) = tokio::join!(asked, silence);
    assert_eq!(status, 69, "{err}");
    assert!(
        err.contains("no connector answers on queue Connector1"),
        "{err}"
    );
}
