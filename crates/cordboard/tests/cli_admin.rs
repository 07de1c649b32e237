//! `cordboard admin`, `events`, `explain` and `serve`, as a user starts them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use common::process::{Server, cordboard, output};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Everything the API can do, done by a command.
fn everything(lab: &Server) {
    let out = |name: &str| lab.folder.path().join(name).to_str().unwrap().to_owned();
    let (toml, csv, secrets) = (out("a.toml"), out("a.csv"), out("s.csv"));
    let token = lab.json(&["admin", "tokens", "create", "t", "--role", "reader"])["id"].to_string();
    let user_token = lab.json(&["admin", "user-tokens", "create", "bill"])["id"].to_string();
    let (token, user_token) = (token.trim_matches('"'), user_token.trim_matches('"'));
    for line in [
        "admin users list",
        "admin users add u1 --password x",
        "admin users show u1",
        "admin users set u1 --first-name U",
        "admin users remove u1",
        "admin app-users list",
        "admin app-users add a1 --password x",
        "admin app-users show a1",
        "admin app-users set a1 --right r",
        "admin app-users remove a1",
        "admin devices list",
        "admin devices add SEPZ --line 3000",
        "admin devices show SEPZ",
        "admin devices set SEPZ --description d",
        "admin lines list",
        "admin lines list --device SEPZ",
        "admin lines add 3001 --device SEPZ",
        "admin lines show 2 --device SEPZ",
        "admin lines set 2 3002 --device SEPZ",
        "admin lines remove 2 --device SEPZ",
        "admin devices remove SEPZ",
        "admin profiles list",
        "admin profiles add P --line 3000",
        "admin profiles show P",
        "admin profiles set P --model M",
        "admin lines list --profile P",
        "admin lines add 3001 --profile P",
        "admin lines show 2 --profile P",
        "admin lines set 2 3002 --profile P",
        "admin lines remove 2 --profile P",
        "admin profiles remove P",
        "admin tokens list",
        &format!("admin tokens revoke {token}"),
        "admin user-tokens list bill",
        &format!("admin user-tokens revoke bill {user_token}"),
        "admin calls place SEP0000000D4401 1251",
        "admin calls list",
        "admin calls show c-1",
        "admin calls act release c-1",
        "admin lab auto-answer IPCMRAEU5UCM5X7 --after-ms 10",
        "admin lab clock",
        "admin lab clock --advance-ms 1",
        "admin lab faults",
        "admin lab fault directory down",
        "admin lab clear-faults",
        "admin lab requests",
        "admin clusters",
        "admin openapi",
        &format!("admin export {toml}"),
        &format!("admin export {csv}"),
        &format!("admin export --with-secrets {secrets}"),
        &format!("admin import --dry-run {toml}"),
        &format!("admin backup {}", out("b.db")),
        "events --since 1 --count 1",
        "explain dial 1251 --user bill --device SEPE8B7480316D6",
        "explain home bill",
        "explain login SEP00175A52EE7C JDOE --caller JDOE --from 127.0.0.1",
        "admin mobility login SEP00175A52EE7C JDOE --minutes 5",
        "admin mobility list --user jdoe",
        "admin mobility show SEP00175A52EE7C",
        "admin mobility takeover begin SEP00175A52EE7C john --minutes 5",
        "admin mobility takeover list",
        "admin mobility takeover show SEP00175A52EE7C",
        "admin mobility takeover cancel SEP00175A52EE7C",
        "admin mobility logout SEP00175A52EE7C",
        "admin mobility takeover begin SEP00175A52EE7C john",
        "admin mobility takeover undo SEP00175A52EE7C",
        "admin mobility history --device SEP00175A52EE7C",
        "admin mobility logout-all --yes",
        "admin mobility schedules",
    ] {
        lab.done(&line.split(' ').collect::<Vec<_>>());
    }
}

#[test]
fn every_operation_of_the_api_has_its_command() {
    let lab = Server::lab();
    everything(&lab);
    let document = lab.json(&["admin", "openapi"]);
    let mut operations = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            operations.insert((method.to_uppercase(), path.clone()));
        }
    }
    assert!(operations.len() > 40, "{operations:?}");
    let asked = lab.json(&["admin", "lab", "requests", "--interface", "api"]);
    for request in asked["requests"].as_array().unwrap() {
        let path = request["path"].as_str().unwrap().split('?').next().unwrap();
        let pieces: Vec<&str> = path.split('/').collect();
        let fits = |template: &str| {
            let template: Vec<&str> = template.split('/').collect();
            template.len() == pieces.len()
                && template
                    .iter()
                    .zip(&pieces)
                    .all(|(t, p)| t == p || t.starts_with('{'))
        };
        let method = request["method"].as_str().unwrap();
        // `/directory/secrets` fits nothing else; an exact path goes before one with a parameter.
        let exact = operations.contains(&(method.to_owned(), path.to_owned()));
        operations.retain(|(m, template)| {
            let same = if exact {
                template == path
            } else {
                fits(template)
            };
            m != method || !same
        });
    }
    // Asked last; the journal shows it only afterwards. A reset empties the journal.
    operations.remove(&("GET".to_owned(), "/api/v1/lab/requests".to_owned()));
    operations.remove(&("POST".to_owned(), "/api/v1/lab/reset".to_owned()));
    assert_eq!(operations, BTreeSet::new());
    assert_eq!(lab.done(&["admin", "lab", "reset"]).trim(), "reset");
}

#[test]
fn what_is_changed_or_removed_can_be_named_by_the_state_that_was_seen() {
    let lab = Server::lab();
    let etag = |words: &[&str]| {
        let shown = lab.done(words);
        let (_, tag) = shown.trim_end().rsplit_once("etag  ").unwrap();
        tag.to_owned()
    };
    let line = ["--device", "SEPE8B7480316D6"];
    let seen = etag(&[&["admin", "lines", "show", "1"][..], &line].concat());
    let user = etag(&["admin", "users", "show", "dstaudt"]);
    lab.done(&[&["admin", "lines", "add", "1010"][..], &line].concat());
    lab.done(&["admin", "users", "set", "dstaudt", "--first-name", "Dave"]);
    for words in [
        [
            &["admin", "lines", "remove", "1", "--if-match", &seen][..],
            &line,
        ]
        .concat(),
        [
            &["admin", "lines", "set", "1", "77", "--if-match", &seen][..],
            &line,
        ]
        .concat(),
        [
            &["admin", "lines", "add", "77", "--if-match", &seen][..],
            &line,
        ]
        .concat(),
        vec!["admin", "users", "remove", "dstaudt", "--if-match", &user],
        vec![
            "admin",
            "users",
            "set",
            "dstaudt",
            "--last-name",
            "x",
            "--if-match",
            &user,
        ],
    ] {
        let (status, _, err) = lab.run(&words);
        assert!(status == 1 && err.contains("changed meanwhile"), "{err}");
    }
    let seen = etag(&[&["admin", "lines", "show", "1"][..], &line].concat());
    lab.done(
        &[
            &["admin", "lines", "remove", "1", "--if-match", &seen][..],
            &line,
        ]
        .concat(),
    );
    lab.done(&["admin", "users", "remove", "dstaudt"]);
    let some = lab.json(&["admin", "lines", "list", "--limit", "1"]);
    let after = some["next"].as_str().unwrap();
    let rest = lab.json(&["admin", "lines", "list", "--after", after]);
    assert_eq!(some["lines"].as_array().unwrap().len(), 1);
    assert_ne!(rest["lines"][0], some["lines"][0]);
}

#[test]
fn a_name_of_dots_does_not_lead_to_something_else() {
    let lab = Server::lab();
    let made = lab.json(&["admin", "tokens", "create", "t", "--role", "reader"]);
    let id = made["id"].as_str().unwrap();
    let (status, _, err) = lab.run(&["admin", "user-tokens", "revoke", "..", id]);
    assert!(
        status == 1 && err.contains("nothing is named `..`"),
        "{err}"
    );
    let left = lab.json(&["admin", "tokens", "list"]);
    assert_eq!(left["tokens"].as_array().unwrap().len(), 1);
}

#[test]
fn what_is_exported_can_be_imported_in_either_format_and_changes_nothing() {
    let lab = Server::lab();
    lab.done(&["admin", "users", "set", "bill", "--max-login-minutes", "90"]);
    let shown = lab.json(&["admin", "users", "show", "bill"]);
    assert_eq!(shown["max_login_minutes"], 90);
    let never = ["admin", "users", "set", "bill", "--max-login-minutes", "0"];
    assert_eq!(lab.run(&never).0, 1);
    for name in ["d.toml", "d.csv"] {
        let file = lab.folder.path().join(name);
        lab.done(&["admin", "export", text(&file)]);
        let written = std::fs::read_to_string(&file).unwrap();
        assert!(written.contains("SEPE8B7480316D6") && !written.contains("argon2"));
        let (status, out, _) = lab.run(&["admin", "import", "--dry-run", text(&file)]);
        assert_eq!(
            (status, out.trim()),
            (0, "0 added, 0 changed, 0 removed (nothing was changed)")
        );
        lab.done(&["admin", "export", "--with-secrets", text(&file)]);
        assert!(std::fs::read_to_string(&file).unwrap().contains("argon2"));
        assert_eq!(
            lab.done(&["admin", "import", text(&file)]).trim(),
            "0 added, 0 changed, 0 removed"
        );
    }
    // Who has no secret in the file keeps his.
    let dialled = lab.run(&["lines", "--user", "bill", "--password", "123"]);
    assert_eq!(dialled.0, 0, "{}", dialled.2);
}

#[test]
fn an_application_with_more_devices_than_columns_is_exported_and_imported_whole() {
    let lab = Server::lab();
    let name = |n: u32| format!("SEP{n:012}");
    let mut table = "APPLICATION USER ID,DEVICE NAME,MODEL,CONTROLLED DEVICE 1\n".to_owned();
    for n in 0..130 {
        table += &format!(",{},Cisco 8845,\n", name(n));
    }
    for n in 0..130 {
        table += &format!("attendant,,,{}\n", name(n));
    }
    let file = lab.file("many.csv", &table);
    lab.done(&["admin", "import", "--merge", text(&file)]);
    let shown = lab.done(&["admin", "--json", "app-users", "show", "attendant"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let devices: Vec<String> = (0..130).map(name).collect();
    assert_eq!(shown["devices"], serde_json::json!(devices));
    for name in ["all.toml", "all.csv"] {
        let file = lab.folder.path().join(name);
        lab.done(&["admin", "export", text(&file)]);
        let imported = lab.done(&["admin", "import", text(&file)]);
        assert_eq!(imported.trim(), "0 added, 0 changed, 0 removed", "{name}");
    }
}

#[test]
fn a_file_that_names_nothing_is_refused_and_a_store_that_is_not_there_is_not_made() {
    let lab = Server::lab();
    let before = lab.done(&["admin", "export"]);
    for (name, content) in [("empty.toml", ""), ("empty.csv", "USER ID,FIRST NAME\n")] {
        let file = lab.file(name, content);
        let (status, _, err) = lab.run(&["admin", "import", text(&file)]);
        assert_eq!(status, 2, "{err}");
        assert!(err.contains("names no user, device or profile"), "{err}");
    }
    assert_eq!(lab.done(&["admin", "export"]), before);
    let nowhere = lab.folder.path().join("nowhere");
    let (status, out, err) = lab.run(&["admin", "export", "--data", text(&nowhere)]);
    assert_eq!((status, out.as_str()), (1, ""), "{err}");
    assert!(
        err.contains("there is no store at") && !nowhere.exists(),
        "{err}"
    );
}

#[test]
fn a_dry_run_shows_what_would_change_and_changes_nothing() {
    let lab = Server::lab();
    let file = lab.file(
        "new.csv",
        "USER ID,FIRST NAME,PASSWORD,DEVICE NAME,MODEL,DIRECTORY NUMBER 1,ROUTE PARTITION 1\n\
         nina,Nina,n1,SEPNINA,Cisco 8845,3000,\n\
         bill,William,,,,,\n\
         nina,,,SEPTWO,Cisco 7960,3001,Sales\n",
    );
    let before = lab.done(&["admin", "export"]);
    let (status, out, err) = lab.run(&["admin", "import", "--merge", "--dry-run", text(&file)]);
    assert_eq!(status, 0, "{err}");
    for line in [
        "+ user nina",
        "+ device SEPNINA",
        "+ device SEPTWO",
        "~ user bill: first_name \"Bill\" → \"William\"",
        "3 added, 1 changed, 0 removed (nothing was changed)",
    ] {
        assert!(out.contains(line), "{line} in {out}");
    }
    assert!(!out.contains("n1\"") && !out.contains("argon2"), "{out}");
    assert_eq!(lab.done(&["admin", "export"]), before);
    lab.done(&["admin", "import", "--merge", text(&file)]);
    let (status, out, err) = lab.run(&[
        "dial",
        "1251",
        "--user",
        "nina",
        "--password",
        "n1",
        "--device",
        "SEPTWO",
    ]);
    assert_eq!(status, 0, "{out}{err}");
    let bill = lab.done(&["admin", "users", "show", "bill"]);
    assert!(
        bill.contains("CSFuserBill") && bill.contains("William"),
        "{bill}"
    );
    // Without --merge, what the file does not name goes.
    let (_, out, _) = lab.run(&["admin", "import", "--dry-run", text(&file)]);
    assert!(
        out.contains("- user johndoe") && out.contains("- device SEPE8B7480316D6"),
        "{out}"
    );
}

#[test]
fn a_broken_line_is_told_with_file_line_column_and_cell_and_nothing_changes() {
    let lab = Server::lab();
    let before = lab.done(&["admin", "export"]);
    let head = "USER ID,DEVICE NAME,MODEL,DIRECTORY NUMBER 1";
    let good: String = (2..9_000)
        .map(|n| format!("u{n},SEP{n:012},Cisco 8845,{n}\n"))
        .collect();
    for (line, message) in [
        (
            "x,SEPX,Cisco 8845,12x4",
            "line 9000, column 4 (DIRECTORY NUMBER 1): \"12x4\" is no directory number",
        ),
        (
            "u5,SEP000000000005,Cisco 8845,1",
            "line 9000, column 2 (DEVICE NAME): \"SEP000000000005\" is described twice",
        ),
        (
            "x,SEPX,,77",
            "line 9000, column 2 (DEVICE NAME): \"SEPX\" needs a MODEL",
        ),
        (
            "x,SEPX,Cisco 8845,1,surplus",
            "line 9000, column 5: there is a cell \"surplus\" without a head",
        ),
        (
            ",,Cisco 8845,",
            "line 9000, column 3 (MODEL): \"Cisco 8845\" stands in a row without",
        ),
        ("x\u{7},,,", "line 9000: `x\u{7}` is no name"),
        (
            "x,SEPNOWHERE,,",
            "line 9000: user x names device SEPNOWHERE, which does not exist",
        ),
    ] {
        let file = lab.file("big.csv", &format!("{head}\n{good}{line}\n"));
        let (status, out, err) = lab.run(&["admin", "import", text(&file)]);
        assert_eq!((status, out.as_str()), (1, ""), "{err}");
        assert!(
            err.contains(&format!("{}, {message}", text(&file))),
            "{message} in {err}"
        );
    }
    let file = lab.file("head.csv", "USER ID,USRE\nx,y\n");
    let (status, _, err) = lab.run(&["admin", "import", text(&file)]);
    assert!(
        status == 1 && err.contains("line 1, column 2: \"USRE\" is no column"),
        "{err}"
    );
    let file = lab.file(
        "bad.toml",
        "[[user]]\nid = \"x\"\n\n[[user]]\nid = \"z\"\ndevices = [\"NOPE\"]\n",
    );
    let (status, _, err) = lab.run(&["admin", "import", text(&file)]);
    assert!(
        status == 1 && err.contains("bad.toml, line 5: user z names device NOPE"),
        "{err}"
    );
    assert_eq!(lab.done(&["admin", "export"]), before);
}

#[test]
fn serve_asks_for_a_token_that_its_first_start_prints_once_and_knows_no_other_secret() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("c.toml");
    let database = folder.path().join("data/cordboard.db");
    let text = format!(
        "[listen]\nhttp = \"127.0.0.1:0\"\nhttps = \"off\"\n[store]\nurl = \"sqlite:{}\"\n",
        database.display()
    );
    std::fs::write(&config, text).unwrap();
    let start = |more: &[&str]| {
        let mut child = cordboard()
            .arg("serve")
            .arg("--config")
            .arg(&config)
            .args(["--log-format", "json"])
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let http = loop {
            let line: Value = serde_json::from_str(&log.next().unwrap().unwrap()).unwrap();
            assert!(!line.to_string().contains("cba_"), "{line}");
            if let Some(address) = line["fields"]["address"]
                .as_str()
                .or(line["address"].as_str())
            {
                break format!("http://{address}");
            }
        };
        let server = Server {
            child,
            http,
            ports: Value::Null,
            folder: tempfile::tempdir().unwrap(),
        };
        (server, log)
    };
    let (mut server, _log) = start(&[]);
    let mut out = BufReader::new(server.child.stdout.take().unwrap()).lines();
    let first = out.next().unwrap().unwrap();
    let token = first.split(": ").last().unwrap().to_owned();
    assert!(token.starts_with("cba_") && token.len() > 40, "{first}");
    let with = |server: &Server, words: &[&str], token: &str| {
        let mut words = words.to_vec();
        words.extend(["--token", token]);
        server.run(&words)
    };
    let (status, _, err) = server.run(&["admin", "users", "list"]);
    assert!(status == 77 && err.contains("A token is needed"), "{err}");
    assert!(err.contains("--token-file"), "{err}");
    for guess in ["admin", "cordboard", "", "cba_"] {
        assert_eq!(with(&server, &["admin", "users", "list"], guess).0, 77);
    }
    for (user, password) in [
        ("bill", "123"),
        ("testAppUser", "password"),
        ("admin", "admin"),
        ("p1", "p"),
    ] {
        let (status, _, err) = server.run(&["lines", "--user", user, "--password", password]);
        assert_eq!(status, 77, "{err}");
    }
    let (status, _, err) = with(&server, &["admin", "lab", "clock"], &token);
    assert!(status == 1 && err.contains("only `cordboard lab`"), "{err}");
    let (status, out, err) = with(&server, &["admin", "users", "list"], &token);
    assert_eq!((status, out.lines().count()), (0, 1), "{err}");
    assert_eq!(
        with(
            &server,
            &["admin", "users", "add", "nina", "--password", "n1"],
            &token
        )
        .0,
        0
    );
    for entry in std::fs::read_dir(database.parent().unwrap()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let found = bytes.windows(token.len()).any(|w| w == token.as_bytes());
        assert!(!found, "the token is not kept");
    }
    drop(server);
    // The second start prints nothing and the token still works; another one is made only when asked for.
    let (server, _log) = start(&[]);
    assert_eq!(
        with(&server, &["admin", "users", "show", "nina"], &token).0,
        0
    );
    drop(server);
    let (mut server, _log) = start(&["--new-admin-token"]);
    let mut out = BufReader::new(server.child.stdout.take().unwrap()).lines();
    let another = out
        .next()
        .unwrap()
        .unwrap()
        .split(": ")
        .last()
        .unwrap()
        .to_owned();
    assert_ne!(another, token);
    assert_eq!(with(&server, &["admin", "tokens", "list"], &another).0, 0);
}

#[test]
fn a_first_start_that_fails_does_not_use_up_the_administrators_token() {
    let folder = tempfile::tempdir().unwrap();
    let (config, database) = (folder.path().join("c.toml"), folder.path().join("d.db"));
    let write = |more: &str| {
        let text = format!(
            "[listen]\nhttp = \"127.0.0.1:0\"\nhttps = \"off\"\n[store]\nurl = \"sqlite:{}\"\n{more}",
            database.display()
        );
        std::fs::write(&config, text).unwrap();
    };
    let serve = || {
        let mut command = cordboard();
        command.arg("serve").arg("--config").arg(&config);
        command
    };
    write("[webdialer]\nbrand = \"/nonexistent\"\n");
    let (status, out, err) = output(&mut serve());
    assert_eq!((status, out.as_str()), (1, ""), "{err}");
    // A port that is taken is named with the setting that moves it.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    write("");
    let text = std::fs::read_to_string(&config).unwrap();
    let busy = text.replace("127.0.0.1:0", &format!("127.0.0.1:{port}"));
    std::fs::write(&config, busy).unwrap();
    let (status, out, err) = output(&mut serve());
    assert_eq!((status, out.as_str()), (69, ""), "{err}");
    let told = format!("port {port} (http) is in use; change listen.http");
    assert!(err.contains(&told), "{err}");
    write("");
    let mut child = serve()
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = out.next().unwrap().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(first.contains("cba_"), "{first}");
}

#[test]
fn completions_and_man_pages_name_every_command() {
    let (status, bash, _) = output(cordboard().args(["completions", "bash"]));
    assert!(
        status == 0 && bash.contains("cordboard__admin__users__add")
            || bash.contains("admin__subcmd__users"),
        "{bash}"
    );
    let folder = tempfile::tempdir().unwrap();
    let (status, _, err) = output(cordboard().arg("man").arg(folder.path()));
    assert_eq!(status, 0, "{err}");
    for page in [
        "cordboard.1",
        "cordboard-lab.1",
        "cordboard-admin-users-add.1",
        "cordboard-explain-dial.1",
    ] {
        let text = std::fs::read_to_string(folder.path().join(page)).unwrap();
        assert!(text.contains(".SH NAME"), "{page}");
    }
}

#[test]
fn whoever_stops_reading_half_way_gets_no_complaint() {
    let mut child = cordboard()
        .args(["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut complaint = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut complaint).unwrap();
    assert_eq!(
        (child.wait().unwrap().code(), complaint.as_str()),
        (Some(0), "")
    );
}
