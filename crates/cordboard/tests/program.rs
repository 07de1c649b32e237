//! The program itself, as a user starts it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(30);

fn cordboard() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cordboard"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CORDBOARD")) {
        command.env_remove(name);
    }
    command
}

/// A running lab; killed when dropped.
struct Lab {
    child: Child,
    http: String,
    ports: Value,
}

impl Drop for Lab {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Lab {
    fn start(data: &Path, more: &[&str]) -> Self {
        let port_file = data.with_extension("ports.json");
        let _ = std::fs::remove_file(&port_file);
        let child = cordboard()
            .args(["lab", "--ports", "any", "--data"])
            .arg(data)
            .arg("--port-file")
            .arg(&port_file)
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lab = Self {
            child,
            http: String::new(),
            ports: Value::Null,
        };
        let begun = Instant::now();
        while !port_file.exists() {
            assert!(begun.elapsed() < LIMIT, "the lab does not start");
            assert!(lab.child.try_wait().unwrap().is_none(), "the lab ended");
            std::thread::yield_now();
        }
        lab.ports = serde_json::from_str(&std::fs::read_to_string(&port_file).unwrap()).unwrap();
        lab.http = lab.ports["http"].as_str().unwrap().to_owned();
        lab
    }

    fn get(&self, path: &str) -> Value {
        let authority = self.http.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(authority).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        serde_json::from_str(text.split_once("\r\n\r\n").unwrap().1).unwrap()
    }
}

fn output(command: &mut Command) -> (i32, String, String) {
    // What commands remember of servers is not the user's own.
    command.env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"));
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    (
        status.code().unwrap(),
        String::from_utf8(stdout).unwrap(),
        String::from_utf8(stderr).unwrap(),
    )
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("lab");
    (folder, data)
}

#[test]
fn the_five_printed_commands_work_as_printed() {
    let (_folder, data) = folder();
    let mut lab = Lab::start(&data, &[]);
    let mut lines = BufReader::new(lab.child.stdout.take().unwrap()).lines();
    let mut commands = Vec::new();
    let mut begun = false;
    let mut servlet = false;
    while commands.len() < 5 {
        let line = lines.next().unwrap().unwrap();
        servlet |= line.ends_with("/emservice/EMServiceServlet");
        begun |= line.starts_with("Try");
        if begun && line.starts_with("  ") {
            commands.push(line.trim().to_owned());
        }
    }
    assert!(servlet, "the welcome tells of Extension Mobility");
    let run = |line: &str| output(Command::new("sh").args(["-c", line]));
    let (status, soap, _) = run(&commands[0]);
    assert!(status == 0 && soap.contains("Success"), "{soap}");
    let (status, call, _) = run(&commands[1]);
    let call: Value = serde_json::from_str(&call).unwrap();
    assert_eq!(
        (status, &call["dialled"], &call["origin"]["user"]),
        (0, &Value::from("5550100"), &Value::from("bill"))
    );
    let (status, seated, errors) = run(&commands[2]);
    assert_eq!(
        (status, seated.as_str()),
        (0, "JDOE is logged in at SEP00175A52EE7C\n"),
        "{errors}"
    );
    let (status, dialled, errors) = run(&commands[3]);
    assert!(
        status == 0 && dialled.contains("accepted as call c-2"),
        "{dialled}{errors}"
    );
    assert_eq!(
        lab.get("/api/v1/calls/c-2")["connections"][1]["device"],
        "SEP00175A52EE7C"
    );
    let (status, ended, errors) = run(&commands[4]);
    assert!(status == 0 && ended.contains("ended"), "{ended}{errors}");
    assert_eq!(lab.get("/api/v1/calls/c-2")["state"], "ended");
}

#[test]
fn a_second_start_on_the_same_folder_says_so_and_a_taken_port_names_itself() {
    let (_folder, data) = folder();
    let lab = Lab::start(&data, &[]);
    let second = output(
        cordboard()
            .args(["lab", "--ports", "any", "--data"])
            .arg(&data),
    );
    assert_eq!(second.0, 69);
    assert!(
        second.2.contains("is in use by another cordboard") && second.2.lines().count() == 1,
        "{}",
        second.2
    );
    let port = lab.http.rsplit_once(':').unwrap().1;
    let (_other, other) = folder();
    let taken = output(
        cordboard()
            .args(["lab", "--data"])
            .arg(&other)
            .env("CORDBOARD__LISTEN__HTTP", format!("127.0.0.1:{port}"))
            .env("CORDBOARD__LISTEN__HTTPS", "off"),
    );
    assert_eq!(taken.0, 69);
    assert!(
        taken.2.contains(port) && taken.2.contains("--offset") && taken.2.contains("--ports any"),
        "{}",
        taken.2
    );
}

#[test]
fn a_damaged_database_is_one_sentence_and_is_not_touched() {
    let (_folder, data) = folder();
    std::fs::create_dir_all(&data).unwrap();
    let garbage = "these are somebody's letters ".repeat(300);
    std::fs::write(data.join("cordboard.db"), &garbage).unwrap();
    let (status, _, errors) = output(
        cordboard()
            .args(["lab", "--ports", "any", "--data"])
            .arg(&data),
    );
    assert_eq!(status, 1);
    assert!(
        errors.contains("damaged") && errors.lines().count() == 1,
        "{errors}"
    );
    assert_eq!(
        std::fs::read_to_string(data.join("cordboard.db")).unwrap(),
        garbage
    );
}

#[test]
fn sigterm_ends_with_status_0_and_the_state_is_there_again() {
    let (_folder, data) = folder();
    let mut lab = Lab::start(&data, &[]);
    let dial = |http: &str| {
        output(cordboard().args([
            "dial",
            "5550109",
            "--server",
            http,
            "--user",
            "bill",
            "--password",
            "123",
            "--device",
            "CSFuserBill",
        ]))
    };
    assert_eq!(dial(&lab.http).0, 0);
    let pid = lab.ports["pid"].to_string();
    assert!(Command::new("kill").arg(&pid).status().unwrap().success());
    assert_eq!(lab.child.wait().unwrap().code(), Some(0));
    drop(lab);
    let again = Lab::start(&data, &[]);
    assert_eq!(again.get("/api/v1/calls/c-1")["cause"], "busy");
    assert!(dial(&again.http).1.contains("c-2"));
    drop(again);
    let fresh = Lab::start(&data, &["--fresh"]);
    assert_eq!(
        fresh.get("/api/v1/calls")["calls"],
        Value::Array(Vec::new())
    );
    assert!(dial(&fresh.http).1.contains("c-1"));
}

#[test]
fn a_lab_of_ones_own_directory_goes_on_until_the_file_changes() {
    let (folder, data) = folder();
    let file = folder.path().join("directory.toml");
    let text = include_str!("common/webdialer.toml");
    std::fs::write(&file, text).unwrap();
    let directory = ["--directory", file.to_str().unwrap()];
    let dial = |lab: &Lab| {
        let server = ["--server", &lab.http, "--user", "bill", "--password", "123"];
        let mut command = cordboard();
        command.args(["dial", "5550109", "--device", "SEPA"]);
        output(command.args(server)).1
    };
    let calls = |lab: &Lab| {
        let calls = lab.get("/api/v1/calls");
        calls["calls"].as_array().unwrap().len()
    };
    let lab = Lab::start(&data, &directory);
    assert!(dial(&lab).contains("c-1"));
    drop(lab);
    let again = Lab::start(&data, &directory);
    assert_eq!(calls(&again), 1, "the same file: the state is there again");
    assert!(dial(&again).contains("c-2"));
    drop(again);
    let plain = Lab::start(&data, &[]);
    assert_eq!(calls(&plain), 2, "the demo replaces nobody's directory");
    drop(plain);
    std::fs::write(&file, format!("{text}\n# another")).unwrap();
    let other = Lab::start(&data, &directory);
    assert_eq!(calls(&other), 0, "another file: the seeded state");
    assert!(dial(&other).contains("c-1"));
    drop(other);
    let fresh = Lab::start(&data, &["--fresh", directory[0], directory[1]]);
    assert_eq!(calls(&fresh), 0);
}

#[test]
fn a_folder_in_use_is_not_touched() {
    let (_folder, data) = folder();
    std::fs::create_dir_all(&data).unwrap();
    let database = data.join("cordboard.db");
    std::fs::write(&database, "").unwrap();
    let lock = std::fs::File::create(data.join("lock")).unwrap();
    lock.lock().unwrap();
    let mut command = cordboard();
    command.args(["lab", "--ports", "any", "--data"]).arg(&data);
    let (status, _, errors) = output(&mut command);
    assert!(status == 69 && errors.contains("is in use"), "{errors}");
    assert_eq!(std::fs::metadata(&database).unwrap().len(), 0);
}

#[test]
fn exit_statuses_are_as_the_help_says() {
    let (_folder, data) = folder();
    let lab = Lab::start(&data, &[]);
    let dial = |number: &str, server: &str, password: &str, more: &[&str]| {
        let mut command = cordboard();
        command.args([
            "dial",
            number,
            "--server",
            server,
            "--user",
            "bill",
            "--password",
            password,
        ]);
        output(
            command
                .args(["--device", "CSFuserBill", "--json"])
                .args(more),
        )
    };
    let done = dial("5550100", &lab.http, "123", &[]);
    assert_eq!(
        (done.0, done.1.trim()),
        (0, r#"{"accepted":true,"call":"c-1"}"#)
    );
    for dialect in ["ax2", "w70", "leg"] {
        assert_eq!(
            dial("5550109", &lab.http, "123", &["--dialect", dialect]).0,
            0,
            "{dialect}"
        );
    }
    let no = dial("12x4", &lab.http, "123", &[]);
    assert_eq!(no.0, 1);
    assert!(
        no.1.contains("\"code\":7") && no.2.contains("Destination not reachable"),
        "{no:?}"
    );
    assert_eq!(dial("1", &lab.http, "wrong", &[]).0, 77);
    assert_eq!(dial("1", "http://127.0.0.1:9", "123", &[]).0, 69);
    assert_eq!(dial("1", &lab.http, "123", &["--nonsense"]).0, 2);
    let https = lab.ports["https"].as_str().unwrap();
    assert_eq!(
        dial("5550109", https, "123", &[]).0,
        69,
        "an unknown certificate is not trusted"
    );
    let certificate = lab.ports["certificate"].as_str().unwrap();
    assert_eq!(dial("5550109", https, "123", &["--ca", certificate]).0, 0);
    let insecure = dial("5550109", https, "123", &["--insecure"]);
    assert!(
        insecure.0 == 0 && insecure.2.contains("warning"),
        "{insecure:?}"
    );
    let home = output(cordboard().args([
        "home",
        "bill",
        "--server",
        "http://127.0.0.1:9",
        "--server",
        &lab.http,
    ]));
    assert_eq!((home.0, home.1.trim()), (0, lab.http.as_str()));
}

#[test]
fn a_misspelt_key_is_told_with_line_and_nearest_key_and_examples_are_valid() {
    let (folder, _) = folder();
    let path = folder.path().join("c.toml");
    std::fs::write(&path, "[webdialer]\nstrict_line = true\n").unwrap();
    let (status, _, errors) = output(cordboard().args(["config", "check"]).arg(&path));
    assert_eq!(status, 1);
    assert!(
        errors.contains("line 2: there is no key `strict_line`; did you mean `strict_lines`?"),
        "{errors}"
    );
    let printed = output(cordboard().args(["config", "print", "--lab"])).1;
    std::fs::write(&path, printed).unwrap();
    assert_eq!(
        output(cordboard().args(["config", "check"]).arg(&path)),
        (
            0,
            format!("{} can be used\n", path.display()),
            String::new()
        ),
        "what is printed can be read"
    );
}

#[test]
fn every_commands_help_fits_a_screen_and_tells_its_exit_statuses() {
    for command in [
        "",
        "lab",
        "serve",
        "config",
        "config check",
        "config print",
        "admin",
        "admin import",
        "dial",
        "hangup",
        "lines",
        "home",
    ] {
        let help = output(
            cordboard()
                .args(command.split_whitespace())
                .arg("--help")
                .env("COLUMNS", "100"),
        );
        assert_eq!(help.0, 0, "{command}");
        assert!(
            help.1.contains("Exit statuses: 0 "),
            "{command}: {}",
            help.1
        );
        let lines = help.1.lines().count();
        assert!(lines <= 50, "{command} has {lines} lines: {}", help.1);
        let wrong = output(
            cordboard()
                .args(command.split_whitespace())
                .arg("--nonsense"),
        );
        assert_eq!((wrong.0, wrong.1.as_str()), (2, ""), "{command}");
    }
}

#[test]
fn check_lab_and_serve_find_the_same_fault_in_a_configuration() {
    let (folder, data) = folder();
    let path = folder.path().join("c.toml");
    std::fs::write(&path, "[network]\ndriver = \"ari\"\n").unwrap();
    let message = "c.toml, line 2: `ari` is not known; it must be \"sim\"";
    let mut check = cordboard();
    check.args(["config", "check"]).arg(&path);
    let mut lab = cordboard();
    lab.args(["lab", "--config"])
        .arg(&path)
        .arg("--data")
        .arg(&data);
    let mut serve = cordboard();
    serve.args(["serve", "--config"]).arg(&path);
    for command in [&mut check, &mut lab, &mut serve] {
        let (status, _, errors) = output(command);
        assert!(status == 1 && errors.contains(message), "{errors}");
    }
}

#[test]
fn an_imported_directory_is_served_and_a_broken_one_changes_nothing() {
    let (folder, data) = folder();
    let file = folder.path().join("directory.toml");
    std::fs::write(&file, include_str!("common/webdialer.toml")).unwrap();
    let import = |path: &Path| {
        output(
            cordboard()
                .args(["admin", "import"])
                .arg(path)
                .arg("--data")
                .arg(&data),
        )
    };
    let imported = import(&file);
    assert_eq!(
        (imported.0, imported.1.trim()),
        (0, "12 added, 0 changed, 0 removed")
    );
    let lab = Lab::start(&data, &[]);
    assert_eq!(lab.get("/api/v1/users/ann")["id"], "ann");
    drop(lab);
    std::fs::write(&file, "[[user]]\nid = \"x\"\ndevices = [\"SEPNONE\"]\n").unwrap();
    let broken = import(&file);
    assert!(
        broken.0 == 1
            && broken
                .2
                .contains("user x names device SEPNONE, which does not exist"),
        "{broken:?}"
    );
    let lab = Lab::start(&data, &[]);
    assert_eq!(lab.get("/api/v1/users/ann")["id"], "ann", "nothing changed");
}

// --- kill -9 -----------------------------------------------------------------------------------------------------------

/// So many connections call at once.
const CONNECTIONS: usize = 64;
/// So often the process is killed.
const KILLS: usize = 20;

fn caller(authority: String, number: usize, heard: std::sync::mpsc::Sender<String>) {
    let Ok(stream) = TcpStream::connect(authority) else {
        return;
    };
    let Ok(mut writer) = stream.try_clone() else {
        return;
    };
    let mut reader = BufReader::new(stream);
    let body = format!(
        "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body><makeCallSoap xmlns=\"urn:WD70\">\
         <in0><userID>p{number}</userID><password>p</password></in0><in1>5550109</in1><in2><user>p{number}</user>\
         <deviceName>SEPF{number:011}</deviceName></in2></makeCallSoap></e:Body></e:Envelope>"
    );
    loop {
        let request = format!(
            "POST /webdialer/services/WebdialerSoapService70 HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        if writer.write_all(request.as_bytes()).is_err() {
            return;
        }
        let (mut length, mut call) = (0, None);
        loop {
            let mut line = String::new();
            match reader.read_line(&mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            let line = line.trim_end().to_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.parse().unwrap();
            }
            call = line
                .strip_prefix("cordboard-call: ")
                .map(str::to_owned)
                .or(call);
        }
        let mut rest = vec![0; length];
        if reader.read_exact(&mut rest).is_err() {
            return;
        }
        if let Some(call) = call {
            // The judge may have gone; the process is killed then.
            let _ = heard.send(call);
        }
    }
}

#[test]
fn no_answered_call_is_lost_or_doubled_when_the_process_is_killed_at_any_moment() {
    let (_folder, data) = folder();
    let mut random = 4_711_u64;
    let mut all: BTreeSet<String> = BTreeSet::new();
    for round in 0..KILLS {
        let mut lab = Lab::start(&data, &["--population", "64"]);
        let authority = lab.http.strip_prefix("http://").unwrap().to_owned();
        let (heard, calls) = channel();
        let callers: Vec<_> = (1..=CONNECTIONS)
            .map(|number| {
                let (authority, heard) = (authority.clone(), heard.clone());
                std::thread::spawn(move || caller(authority, number, heard))
            })
            .collect();
        drop(heard);
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let enough = usize::try_from(random >> 40).unwrap() % 800 + 1;
        let mut received: Vec<String> = Vec::new();
        while received.len() < enough {
            received.push(calls.recv_timeout(LIMIT).expect("calls are answered"));
        }
        lab.child.kill().unwrap();
        lab.child.wait().unwrap();
        received.extend(calls.iter());
        for caller in callers {
            caller.join().unwrap();
        }
        for id in received {
            assert!(
                all.insert(id.clone()),
                "round {round}: {id} was given twice"
            );
        }
        let after = Lab::start(&data, &["--population", "64"]);
        let mut stored = BTreeSet::new();
        let mut page = "/api/v1/calls?limit=1000".to_owned();
        loop {
            let calls = after.get(&page);
            for call in calls["calls"].as_array().unwrap() {
                assert_eq!(call["state"], "ended", "no call lives on");
                assert!(
                    stored.insert(call["id"].as_str().unwrap().to_owned()),
                    "{} is stored twice",
                    call["id"]
                );
            }
            match calls["next"].as_str() {
                Some(next) => page = format!("/api/v1/calls?limit=1000&after={next}"),
                None => break,
            }
        }
        let lost: Vec<&String> = all.difference(&stored).collect();
        assert!(
            lost.is_empty(),
            "round {round}: answered but lost: {lost:?}"
        );
        let number = |id: &str| id.strip_prefix("c-").unwrap().parse::<u64>().unwrap();
        let highest = stored.iter().map(|id| number(id)).max().unwrap();
        let next = output(cordboard().args([
            "dial",
            "5550109",
            "--server",
            &after.http,
            "--user",
            "p1",
            "--password",
            "p",
            "--device",
            "SEPF00000000001",
            "--json",
        ]));
        let next: Value = serde_json::from_str(&next.1).unwrap();
        let next = next["call"].as_str().unwrap().to_owned();
        assert!(number(&next) > highest, "{next} is not above c-{highest}");
        all.insert(next);
    }
}
