//! `cordboard em` as programs and people call it, against a cluster of a few lines: exit statuses, JSON, tables that go on.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use common::cluster::{Cluster, asked, cluster, slow_cluster};
use common::process::{self, cordboard};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::Instant;
use tokio::net::TcpListener;

/// `cordboard em` as the proxy.
fn command(address: &str, words: &[&str]) -> Command {
    let mut command = cordboard();
    command.arg("em").args(words);
    command
        .env("CORDBOARD_SERVER", address)
        .env("CORDBOARD_USER", "emproxy");
    command.env("CORDBOARD_PASSWORD", "Pr0xy!");
    command
}

/// Runs it; answers status, standard output, standard error.
async fn em(address: &str, words: &[&str]) -> (i32, String, String) {
    let mut command = command(address, words);
    // The cluster lives on this runtime.
    tokio::task::spawn_blocking(move || process::output(&mut command))
        .await
        .unwrap()
}

async fn object(address: &str, words: &[&str]) -> (i32, Value) {
    let words = [words, &["--json"]].concat();
    let (status, out, _) = em(address, &words).await;
    (
        status,
        serde_json::from_str(&out).unwrap_or_else(|_| panic!("{words:?}: {out}")),
    )
}

fn file(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[tokio::test]
async fn one_login_is_seen_by_who_and_where_until_it_ends() {
    let (_, address) = cluster(5, usize::MAX).await;
    let done = em(
        &address,
        &["login", "SEP1", "u1", "--profile", "P", "--minutes", "90"],
    )
    .await;
    assert_eq!(
        done,
        (0, "u1 is logged in at SEP1\n".to_owned(), String::new())
    );
    let (_, out, _) = em(&address, &["who", "SEP1", "SEP2"]).await;
    assert_eq!(out, "SEP1  u1\nSEP2  nobody\n");
    assert_eq!(
        em(&address, &["where", "u1", "u2"]).await.1,
        "u1  SEP1\nu2  nowhere\n"
    );
    let taken = em(&address, &["login", "SEP1", "u2"]).await;
    let text = "Policy Validation Error: Phone currently has user logged in";
    let error = format!("{text} (18: another user is logged in)");
    assert_eq!(taken, (1, String::new(), format!("cordboard: {error}\n")));
    let done = em(&address, &["logout", "SEP1"]).await;
    assert_eq!(done, (0, "SEP1 is free\n".to_owned(), String::new()));
    assert_eq!(em(&address, &["logout", "SEP1"]).await.0, 1);
    let (_, seen) = object(&address, &["who", "SEP1"]).await;
    assert_eq!(seen["devices"][0]["user"], Value::Null);
}

#[tokio::test]
async fn programs_read_the_same_of_one_row_as_of_many() {
    let (_, address) = cluster(5, usize::MAX).await;
    let row = |device: &str, user: Option<&str>, failure: Value| {
        json!({
            "line": null, "device": device, "user": user, "profile": null,
            "result": if failure.is_null() { "done" } else { "failed" }, "already": false, "failure": failure,
        })
    };
    let report = |rows: Vec<Value>| {
        let failed = rows.iter().filter(|row| row["result"] == "failed").count();
        json!({
            "done": rows.len() - failed, "failed": failed, "skipped": 0, "left": 0, "stopped": null, "rows": rows,
        })
    };
    let done = object(&address, &["login", "SEP1", "u1"]).await;
    let expected = report(vec![row("SEP1", Some("u1"), Value::Null)]);
    assert_eq!(done, (0, expected));
    let text = "Policy Validation Error: Phone currently has user logged in";
    let failure = json!({
        "error": format!("{text} (18: another user is logged in)"), "code": 18, "name": "another user is logged in", "text": text,
    });
    let failed = object(&address, &["login", "SEP1", "u2"]).await;
    let expected = report(vec![row("SEP1", Some("u2"), failure)]);
    assert_eq!(failed, (1, expected));
    let done = object(&address, &["logout", "SEP1"]).await;
    let expected = report(vec![row("SEP1", None, Value::Null)]);
    assert_eq!(done, (0, expected));
    let (status, failed) = object(&address, &["logout", "SEP1"]).await;
    assert_eq!((status, &failed["failed"]), (1, &json!(1)));
    let (status, refused) = object(&address, &["logout", "SEP1", "--password", "x"]).await;
    let code = &refused["rows"][0]["failure"]["code"];
    assert_eq!((status, code), (77, &json!(3)));
    let (status, nowhere) = object(&address, &["logout", "--of", "u1"]).await;
    assert_eq!((status, &nowhere["done"]), (0, &json!(0)));
    let row = &nowhere["rows"][0];
    let told = [&row["result"], &row["user"], &row["device"]];
    assert_eq!(told, [&json!("nowhere"), &json!("u1"), &Value::Null]);
    let ended = object(&address, &["logout-all", "--yes"]).await;
    assert_eq!(ended, (0, json!({ "ended": true })));
}

#[tokio::test]
async fn a_log_out_by_table_names_the_phone_and_not_whom_the_table_has() {
    let (_, address) = cluster(5, usize::MAX).await;
    let folder = tempfile::tempdir().unwrap();
    let csv = file(folder.path(), "t.csv", "user,devicename\nu1,SEP1\n");
    assert_eq!(em(&address, &["login", "SEP1", "u2"]).await.0, 0);
    let (status, out, _) = em(&address, &["logout", "--csv", csv.to_str().unwrap()]).await;
    assert_eq!(status, 0);
    assert_eq!(out, "line 2: SEP1  done\n\n1 done, 0 failed\n");
}

#[tokio::test]
async fn words_and_tables_that_cannot_be_used_are_status_2() {
    let (cluster, address) = cluster(5, usize::MAX).await;
    for (words, why) in [
        (
            &["login", "--csv", "/nonexistent/t.csv"][..],
            "t.csv: No such file",
        ),
        (
            &["logout", "--csv", "/nonexistent/t.csv"],
            "t.csv: No such file",
        ),
        (
            &["login", "SEP1", "u1", "--parallel", "5"],
            "--parallel is for a table",
        ),
    ] {
        let (status, _, errors) = em(&address, words).await;
        assert_eq!(status, 2, "{words:?}: {errors}");
        assert!(errors.contains(why), "{errors}");
    }
    assert_eq!(cluster.requests.load(Ordering::SeqCst), 0);
    let words = ["login", "SEP1", "u1"];
    assert_eq!(em(&address, &words).await.0, 0);
    let words = ["logout", "SEP1", "--parallel", "5"];
    assert_eq!(em(&address, &words).await.0, 0);
}

#[tokio::test]
async fn an_unknown_name_among_many_is_told_and_is_status_1() {
    let (_, address) = cluster(5, usize::MAX).await;
    let (status, seen) = object(&address, &["who", "SEP1", "CSF1"]).await;
    let exists: Vec<&Value> = (0..2).map(|n| &seen["devices"][n]["exists"]).collect();
    assert_eq!((status, exists), (1, vec![&json!(true), &json!(false)]));
    assert_eq!(
        object(&address, &["where", "ghost"]).await.1["users"][0]["exists"],
        false
    );
    let (status, seen) = object(&address, &["profiles", "u1", "ghost"]).await;
    assert_eq!(status, 1);
    let first = json!({ "name": "u1_A", "default": true });
    assert_eq!(seen["users"][0]["profiles"][0], first);
    assert_eq!(seen["users"][1]["failure"]["code"], 23);
    let (status, out, _) = em(&address, &["check", "U1"]).await;
    assert_eq!((status, out.as_str()), (0, "U1  exists as u1\n"));
    assert_eq!(em(&address, &["check", "U1", "ghost"]).await.0, 1);
}

#[tokio::test]
async fn everybody_is_logged_out_only_when_that_is_meant() {
    let (cluster, address) = cluster(5, usize::MAX).await;
    em(&address, &["login", "SEP1", "u1"]).await;
    let (status, _, errors) = em(&address, &["logout-all"]).await;
    assert!(status == 2 && errors.contains("--yes"), "{errors}");
    assert_eq!(cluster.seats.lock().unwrap().len(), 1);
    assert_eq!(em(&address, &["logout-all", "--yes"]).await.0, 0);
    assert_eq!(cluster.seats.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn a_user_is_logged_out_wherever_he_is() {
    let (cluster, address) = cluster(5, usize::MAX).await;
    for (device, user) in [("SEP1", "u1"), ("SEP2", "u1"), ("SEP3", "u2")] {
        assert_eq!(em(&address, &["login", device, user]).await.0, 0);
    }
    let (status, out, _) = em(&address, &["logout", "--of", "u1", "--of", "ghost"]).await;
    assert_eq!(status, 1);
    assert!(
        out.contains("SEP1 u1  done\n") && out.contains("\n2 done, 1 failed\n"),
        "{out}"
    );
    assert!(out.contains("user 'ghost' does not exist"), "{out}");
    assert_eq!(cluster.seats.lock().unwrap().len(), 1);
    let (status, out, _) = em(&address, &["logout", "--of", "u1"]).await;
    let expected = "u1 is logged in nowhere\n\n0 done, 0 failed\n";
    assert_eq!((status, out.as_str()), (0, expected));
    let (status, _) = object(&address, &["logout", "SEP3", "SEP4"]).await;
    assert_eq!(status, 1);
    assert_eq!(cluster.seats.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn statuses_say_whose_fault_it_is() {
    let (_, address) = cluster(5, usize::MAX).await;
    let (_, broken) = cluster(5, 0).await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let (status, failed) = object(&address, &["who", "SEP1", "--password", "wrong"]).await;
    assert_eq!((status, &failed["code"]), (77, &json!(3)));
    let (status, failed) = object(&broken, &["who", "SEP1"]).await;
    let error = failed["error"].as_str().unwrap();
    assert!(
        status == 76 && error.ends_with("HTTP 500: <html>Internal Server Error</html>"),
        "{error}"
    );
    assert_eq!(object(&nobody, &["who", "SEP1"]).await.0, 69);
    let (status, failed) = object("no address", &["who", "SEP1"]).await;
    let keys: Vec<&String> = failed.as_object().unwrap().keys().collect();
    assert_eq!(
        (status, keys),
        (
            2,
            ["code", "error", "name", "text"]
                .map(str::to_owned)
                .iter()
                .collect()
        )
    );
    let nodes = format!("{nobody},{broken},{address}");
    assert_eq!(em(&nodes, &["who", "SEP1"]).await.0, 0);
    assert_eq!(em(&address, &["login", "SEP1"]).await.0, 2);
    let folder = tempfile::tempdir().unwrap();
    let table = file(folder.path(), "t.csv", "device,name\n");
    let (status, _, errors) = em(&address, &["login", "--csv", table.to_str().unwrap()]).await;
    assert!(status == 2 && errors.contains("no column user"), "{errors}");
}

#[tokio::test]
async fn a_password_typed_or_in_a_file_beats_the_shells() {
    let (_, address) = cluster(5, usize::MAX).await;
    let folder = tempfile::tempdir().unwrap();
    let right = file(folder.path(), "right", "Pr0xy!\r\n");
    let wrong = file(folder.path(), "wrong", "Pr0xy\n");
    for (word, value, expected) in [
        ("--password", "no", 77),
        ("--password", "Pr0xy!", 0),
        ("--password-file", right.to_str().unwrap(), 0),
        ("--password-file", wrong.to_str().unwrap(), 77),
        ("--password-file", "/nonexistent/file", 2),
    ] {
        let (status, _, errors) = em(&address, &["who", "SEP1", word, value]).await;
        assert_eq!(status, expected, "{word} {value}: {errors}");
        assert!(!errors.contains("Pr0xy"), "{errors}");
    }
    let mut bare = cordboard();
    bare.args([
        "em", "who", "SEP1", "--server", &address, "--user", "emproxy",
    ]);
    let (status, _, errors) = process::output(&mut bare);
    assert!(
        status == 2 && errors.contains("give the password by"),
        "{errors}"
    );
}

/// A table that users are logged in by, and a file for what is done, in a folder of their own.
struct Morning {
    csv: String,
    done: String,
    /// Goes when this goes.
    _folder: tempfile::TempDir,
}

impl Morning {
    fn of(table: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let csv = file(folder.path(), "t.csv", table);
        let done = folder.path().join("done");
        Self {
            csv: csv.to_str().unwrap().to_owned(),
            done: done.to_str().unwrap().to_owned(),
            _folder: folder,
        }
    }

    /// So many users, each at a phone.
    fn of_users(count: usize) -> Self {
        let rows: String = (0..count).map(|n| format!("SEP{n},u{n}\n")).collect();
        Self::of(&format!("device,user\n{rows}"))
    }

    fn words(&self) -> [&str; 5] {
        ["login", "--csv", &self.csv, "--done", &self.done]
    }

    /// What is noted as done, in lines; nothing when there is no file.
    fn noted(&self) -> Option<usize> {
        let noted = std::fs::read_to_string(&self.done).ok()?;
        Some(noted.lines().count())
    }
}

/// A table of so many rows, ten of them bad.
fn table(rows: usize) -> String {
    let mut text = "user,devicename,profile\n".to_owned();
    for n in 0..rows {
        let (user, device) = match n * 10 / rows {
            // One bad row in each tenth.
            tenth if n == tenth * rows / 10 && tenth % 2 == 0 => {
                ("ghost".to_owned(), format!("SEP{n}"))
            }
            tenth if n == tenth * rows / 10 => (format!("u{n}"), format!("NOPE{n}")),
            _ => (format!("u{n}"), format!("SEP{n}")),
        };
        text.push_str(&format!("{user},{device},{user}_UDP\n"));
    }
    text
}

#[tokio::test]
async fn of_5000_rows_with_10_bad_ones_4990_are_done_and_10_explained() {
    let (cluster, address) = cluster(2, usize::MAX).await;
    let morning = Morning::of(&table(5_000));
    let words = morning.words();
    let (status, out, errors) = em(&address, &[&words[..], &["--parallel", "8"]].concat()).await;
    assert_eq!((status, errors.as_str()), (1, ""));
    let summary = out.split("\n\n").nth(1).unwrap();
    assert!(summary.starts_with("4990 done, 10 failed"), "{summary}");
    let explained: Vec<&str> = summary.lines().filter(|l| l.contains("FAILED")).collect();
    assert_eq!(explained.len(), 10);
    assert!(explained[0].contains(
        "line 2: SEP0 ghost  FAILED: User Error: user 'ghost' not found (23: user not found)"
    ));
    assert!(explained[1].contains(
        "line 502: NOPE500 u500  FAILED: Device Error: device 'NOPE500' does not exist (11: "
    ));
    assert_eq!(
        out.lines().filter(|line| line.ends_with("  done")).count(),
        4_990
    );
    assert_eq!(cluster.seats.lock().unwrap().len(), 4_990);
    assert_eq!(morning.noted(), Some(4_990));
    // Again: nothing is sent for what is finished.
    let before = cluster.requests.load(Ordering::SeqCst);
    let (status, report) = object(&address, &[&words[..], &["--parallel", "2"]].concat()).await;
    assert_eq!(status, 1);
    let counts = [
        &report["done"],
        &report["failed"],
        &report["skipped"],
        &report["left"],
    ];
    assert_eq!(counts, [&json!(0), &json!(10), &json!(4_990), &json!(0)]);
    assert_eq!(cluster.requests.load(Ordering::SeqCst) - before, 10);
    assert_eq!(report["rows"][500]["failure"]["code"], 11);
}

#[tokio::test]
async fn a_run_that_breaks_off_says_so_and_goes_on_where_it_was() {
    let (_, broken) = cluster(5, 40).await;
    let (cluster, address) = cluster(5, usize::MAX).await;
    let morning = Morning::of(&table(100));
    let words = morning.words();
    let (status, report) = object(&broken, &words).await;
    assert_eq!(status, 76);
    assert!(report["stopped"].as_str().unwrap().contains("HTTP 500"));
    let count = |name: &str| report[name].as_u64().unwrap();
    assert!(count("left") > 50);
    assert_eq!(count("done") + count("failed") + count("left"), 100);
    // What was carried out but not noted is as good as done.
    let lost = em(&address, &["login", "SEP99", "u99"]).await;
    assert_eq!(lost.0, 0);
    let (status, out, _) = em(&address, &words).await;
    assert_eq!(status, 1);
    assert!(out.contains("SEP99 u99  done already\n"), "{out}");
    let summary = format!(
        "\n{} done, 10 failed, {} skipped\n",
        90 - count("done"),
        count("done")
    );
    assert!(out.contains(&summary), "{summary} is not in {out}");
    assert_eq!(
        cluster.seats.lock().unwrap().len(),
        90 - usize::try_from(count("done")).unwrap()
    );
    // A wrong password is tried once, not a hundred times.
    let before = cluster.requests.load(Ordering::SeqCst);
    let wrong = [&words[..3], &["--password", "wrong"]].concat();
    assert_eq!(em(&address, &wrong).await.0, 77);
    assert_eq!(cluster.requests.load(Ordering::SeqCst) - before, 1);
}

#[tokio::test]
async fn a_table_that_is_done_begins_from_its_first_row_again() {
    let (cluster, address) = cluster(5, usize::MAX).await;
    let morning = Morning::of("devicename,user\nSEP1,u1\nSEP2,2\n");
    let words = morning.words();
    let wrong = [&words[..], &["--password", "wrong"]].concat();
    let (status, out, _) = em(&address, &wrong).await;
    assert!(status == 77 && !out.contains("keeps what is done"), "{out}");
    // The second user is not known: the file stays, and the summary says so.
    let (status, out, _) = em(&address, &words).await;
    assert_eq!(status, 1);
    assert!(
        out.contains("done keeps what is done: run it again"),
        "{out}"
    );
    assert_eq!(morning.noted(), Some(1));
    std::fs::write(&morning.csv, "devicename,user\nSEP1,u1\nSEP2,u2\n").unwrap();
    let (status, out, _) = em(&address, &words).await;
    assert_eq!(status, 0);
    assert!(out.ends_with("\n1 done, 0 failed, 1 skipped\n"), "{out}");
    assert_eq!(morning.noted(), None);
    for _ in 0..2 {
        assert_eq!(em(&address, &["logout-all", "--yes"]).await.0, 0);
        let (status, out, _) = em(&address, &words).await;
        assert_eq!(status, 0);
        assert!(out.ends_with("\n2 done, 0 failed\n"), "{out}");
        assert_eq!(cluster.seats.lock().unwrap().len(), 2);
    }
}

#[tokio::test]
async fn a_run_that_is_killed_goes_on_where_it_was() {
    let (cluster, address) = slow_cluster(10).await;
    let morning = Morning::of_users(20);
    let words = morning.words();
    let mut run = command(&address, &words)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    // Three are under way, so ten are noted.
    asked(&cluster, 13).await;
    run.kill().unwrap();
    run.wait().unwrap();
    cluster.turns.add_permits(100);
    let (status, report) = object(&address, &words).await;
    let counts = [&report["done"], &report["failed"], &report["skipped"]];
    assert_eq!((status, counts), (0, [&json!(10), &json!(0), &json!(10)]));
    assert_eq!(cluster.seats.lock().unwrap().len(), 20);
    assert_eq!(morning.noted(), None);
}

#[tokio::test]
async fn a_file_of_something_else_is_not_taken_for_finished_rows() {
    let (cluster, address) = cluster(5, usize::MAX).await;
    let folder = tempfile::tempdir().unwrap();
    let csv = file(folder.path(), "t.csv", "devicename,user\nSEP1,u1\n");
    let notes = file(folder.path(), "notes", "milk\neggs");
    let (csv, notes) = (csv.to_str().unwrap(), notes.to_str().unwrap());
    let beside = format!("{}/../t.csv", folder.path().join("x").display());
    std::fs::create_dir(folder.path().join("x")).unwrap();
    for done in [notes, csv, &beside, "/nonexistent/done"] {
        let words = ["login", "--csv", csv, "--done", done];
        let (status, _, errors) = em(&address, &words).await;
        assert_eq!(status, 2, "{done}: {errors}");
        assert!(errors.contains("cordboard: --done "), "{errors}");
    }
    assert_eq!(std::fs::read_to_string(notes).unwrap(), "milk\neggs");
    assert_eq!(cluster.requests.load(Ordering::SeqCst), 0);
}

/// A table run that was told to end while three rows were under way, as it has said.
#[cfg(unix)]
async fn interrupted(cluster: &Cluster, run: &mut Child, after: usize) {
    asked(cluster, after + 3).await;
    interrupt(run);
    let errors = run.stderr.take().unwrap();
    let said = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        BufReader::new(errors).read_line(&mut line).map(|_| line)
    });
    let said = said.await.unwrap().unwrap();
    assert!(said.contains("waiting for 3 under way"), "{said}");
}

#[cfg(unix)]
fn interrupt(run: &Child) {
    let mut kill = Command::new("kill");
    kill.arg("-INT").arg(run.id().to_string());
    assert!(kill.status().unwrap().success());
}

#[cfg(unix)]
#[tokio::test]
async fn ctrl_c_waits_for_what_is_under_way_and_tells_what_was_done() {
    let morning = Morning::of_users(20);
    let words = morning.words();
    let (cluster, address) = slow_cluster(10).await;
    let mut command = command(&address, &[&words[..], &["--json"]].concat());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut run = command.spawn().unwrap();
    interrupted(&cluster, &mut run, 10).await;
    cluster.turns.add_permits(3);
    let ended = tokio::task::spawn_blocking(|| run.wait_with_output().unwrap());
    let ended = ended.await.unwrap();
    assert_eq!(ended.status.code(), Some(130));
    let report: Value = serde_json::from_slice(&ended.stdout).unwrap();
    let counts = ["done", "failed", "left", "stopped"].map(|name| &report[name]);
    let expected = [&json!(13), &json!(0), &json!(7), &json!("interrupted")];
    assert_eq!(counts, expected);
    assert_eq!(cluster.requests.load(Ordering::SeqCst), 13);
    assert_eq!(morning.noted(), Some(13));
    // The second one ends it at once.
    let (other, address) = slow_cluster(2).await;
    command.env("CORDBOARD_SERVER", &address);
    let mut run = command.spawn().unwrap();
    interrupted(&other, &mut run, 2).await;
    interrupt(&run);
    let ended = tokio::task::spawn_blocking(move || run.wait().unwrap());
    assert_eq!(ended.await.unwrap().code(), Some(130));
    assert_eq!(morning.noted(), Some(15));
    other.turns.add_permits(100);
    let (status, report) = object(&address, &words).await;
    let counts = [&report["done"], &report["skipped"]];
    assert_eq!((status, counts), (0, [&json!(5), &json!(15)]));
}

#[tokio::test]
async fn a_quote_that_is_not_closed_is_told_with_its_line_and_nothing_is_sent() {
    let (cluster, address) = cluster(5, usize::MAX).await;
    let folder = tempfile::tempdir().unwrap();
    let rows = "device,user\nSEP1,u1\nSEP2,\"u2\nSEP3,u3\nSEP4,u4\n";
    let csv = file(folder.path(), "t.csv", rows);
    for word in ["login", "logout"] {
        let (status, _, errors) = em(&address, &[word, "--csv", csv.to_str().unwrap()]).await;
        assert_eq!(status, 2);
        assert!(
            errors.contains("t.csv: line 3: a cell holds a line"),
            "{errors}"
        );
    }
    assert_eq!(cluster.requests.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn names_are_printed_without_what_a_terminal_obeys() {
    let (cluster, address) = cluster(5, usize::MAX).await;
    let folder = tempfile::tempdir().unwrap();
    let rows = "device,user\nSEP\u{1B}[31m,u\u{7}1\nSEP2,gh\u{9B}2Jost\n";
    let csv = file(folder.path(), "t.csv", rows);
    let csv = csv.to_str().unwrap();
    let seat = ("SEP9".to_owned(), "u\u{1B}]0;x\ny".to_owned());
    cluster.seats.lock().unwrap().extend([seat]);
    for words in [
        &["login", "--csv", csv][..],
        &["logout", "--csv", csv],
        &["login", "SEP\u{1B}[31m", "u\r1"],
        &["login", "SEP\u{1B}[31m", "u1"],
        &["who", "SEP9", "SE\u{1B}P"],
        &["where", "g\u{1B}host", "u\u{1B}1"],
        &["profiles", "g\u{1B}host", "u\u{1B}1"],
        &["check", "g\u{1B}host"],
        &["logout", "--of", "g\u{1B}host"],
        &["logout", "--of", "u\u{1B}host"],
    ] {
        let (_, out, errors) = em(&address, words).await;
        let is_bare = |c: char| c.is_control() && c != '\n';
        assert!(!out.contains(is_bare), "{words:?}: {out:?}");
        assert!(!errors.contains(is_bare), "{words:?}: {errors:?}");
        assert!(!out.contains("\ny"), "{words:?}: {out:?}");
    }
}

#[tokio::test]
async fn a_busy_server_is_asked_with_fewer_at_once_until_all_is_done() {
    let (cluster, address) = cluster(1, usize::MAX).await;
    let folder = tempfile::tempdir().unwrap();
    let rows: String = (0..50).map(|n| format!("SEP{n};u{n}\n")).collect();
    let csv = file(folder.path(), "t.csv", &format!("Device Name;User\n{rows}"));
    let words = ["login", "--csv", csv.to_str().unwrap(), "--parallel", "16"];
    let (status, out, _) = em(&address, &words).await;
    assert_eq!(status, 0, "{out}");
    assert!(out.contains("\n50 done, 0 failed"), "{out}");
    assert_eq!(cluster.seats.lock().unwrap().len(), 50);
    let words = ["logout", "--csv", csv.to_str().unwrap(), "--parallel", "16"];
    assert_eq!(em(&address, &words).await.0, 0);
    assert_eq!(cluster.seats.lock().unwrap().len(), 0);
}

/// A directory in which so many users have a profile and so many phones may be sat at.
fn directory(count: usize) -> String {
    let mut text = r#"
        [[app_user]]
        id = "emproxy"
        password = "Pr0xy!"
        rights = ["Standard EM Authentication Proxy Rights"]
    "#
    .to_owned();
    for n in 0..count {
        text.push_str(&format!(
            "[[user]]\nid = \"u{n}\"\nprofiles = [\"u{n}_UDP\"]\n\
             [[profile]]\nname = \"u{n}_UDP\"\nmodel = \"Cisco 8845\"\nlines = [\"7{n:05}\"]\n\
             [[device]]\nname = \"SEP{n}\"\nmodel = \"Cisco 8845\"\nem_enabled = true\n"
        ));
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_for_a_table_does_not_lock_the_account_out() {
    let server = common::Server::start(&directory(100), |_| {}).await;
    let address = format!("http://{}", server.address);
    let folder = tempfile::tempdir().unwrap();
    let csv = file(folder.path(), "t.csv", &table(100));
    let words = ["login", "--csv", csv.to_str().unwrap(), "--parallel", "100"];
    let wrong = [&words[..], &["--password", "wrong"]].concat();
    let (status, report) = object(&address, &wrong).await;
    assert_eq!((status, &report["left"]), (77, &json!(99)));
    let (status, report) = object(&address, &words).await;
    assert_eq!((status, &report["done"]), (1, &json!(90)));
    server.program.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_ours_is_told_the_same_5000_rows_and_em_who_agrees() {
    let server = common::Server::start(&directory(5_000), |_| {}).await;
    let address = format!("http://{}", server.address);
    let folder = tempfile::tempdir().unwrap();
    let csv = file(folder.path(), "t.csv", &table(5_000));
    let csv = csv.to_str().unwrap();
    let (status, report) = object(&address, &["login", "--csv", csv, "--parallel", "8"]).await;
    assert_eq!(status, 1, "{}", report["stopped"]);
    let counts = [&report["done"], &report["failed"], &report["left"]];
    assert_eq!(counts, [&json!(4_990), &json!(10), &json!(0)]);
    let rows = report["rows"].as_array().unwrap();
    let failed = rows.iter().filter(|row| row["result"] == "failed");
    let codes: Vec<&Value> = failed.map(|row| &row["failure"]["code"]).collect();
    assert_eq!(
        codes,
        [23, 11, 23, 11, 23, 11, 23, 11, 23, 11]
            .map(|code| json!(code))
            .iter()
            .collect::<Vec<_>>()
    );
    let devices: Vec<String> = (0..5_000).map(|n| format!("SEP{n}")).collect();
    let devices: Vec<&str> = devices.iter().map(String::as_str).collect();
    let (status, seen) = object(&address, &[&["who"], &devices[..]].concat()).await;
    assert_eq!(status, 0);
    let seated = seen["devices"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| !one["user"].is_null());
    assert_eq!(seated.count(), 4_990);
    assert_eq!(em(&address, &["logout-all", "--yes"]).await.0, 0);
    assert_eq!(
        em(&address, &["who", "SEP1"]).await.1,
        "SEP1  nobody  (before: u1)\n"
    );
    server.program.stop().await;
}

const MANAGER: [&str; 4] = [
    "--user",
    "MobilityManagerUser",
    "--password",
    "supersquirrel",
];

/// Has john call JDOE's number and ends that call again: the phones at which it rang, or why it has ended by itself.
fn rings_at(lab: &process::Server) -> Result<Vec<String>, String> {
    const CALLER: &str = "SEP003094C25B15";
    let placed = lab.json(&["admin", "calls", "place", CALLER, "2001"]);
    let id = placed["id"].as_str().unwrap();
    let call = once_in(lab, id, &["alerting", "ended"]);
    if call["state"] == "ended" {
        return Err(call["cause"].as_str().unwrap().to_owned());
    }
    let connections = call["connections"].as_array().unwrap().iter();
    let called = connections.filter(|one| one["device"] != CALLER);
    let called: Vec<String> = called
        .inspect(|one| assert_eq!(one["state"], "alerting", "{call}"))
        .map(|one| one["device"].as_str().unwrap().to_owned())
        .collect();
    for desk in DESKS {
        let ringing = lab.json(&[
            "admin", "calls", "list", "--state", "alerting", "--device", desk,
        ]);
        let is_called = called.iter().any(|device| device == desk);
        let count = ringing["calls"].as_array().unwrap().len();
        assert_eq!(count, usize::from(is_called), "{desk}: {ringing}");
    }
    lab.done(&["admin", "calls", "act", "release", id]);
    once_in(lab, id, &["ended"]);
    Ok(called)
}

/// Waits until a call is in one of these states.
fn once_in(lab: &process::Server, id: &str, states: &[&str]) -> Value {
    let begun = Instant::now();
    loop {
        let call = lab.json(&["admin", "calls", "show", id]);
        if states.iter().any(|state| call["state"] == *state) {
            return call;
        }
        assert!(begun.elapsed() < common::LIMIT, "{call}");
    }
}

const DESKS: [&str; 2] = ["SEP00175A52EE7C", "SEP0000000E2901"];

#[test]
fn a_call_to_a_user_rings_where_he_has_logged_in_by_em_and_nowhere_else() {
    let lab = process::Server::lab();
    let em = |words: &[&str]| lab.done(&[&["em"], words, &MANAGER].concat());
    let nobody = Err("out_of_service".to_owned());
    assert_eq!(rings_at(&lab), nobody);
    for (at, desk) in DESKS.into_iter().enumerate() {
        let said = em(&["login", desk, "JDOE"]);
        assert_eq!(said, format!("JDOE is logged in at {desk}\n"));
        assert_eq!(rings_at(&lab), Ok(vec![desk.to_owned()]));
        let other = DESKS[1 - at];
        let who = em(&["who", desk, other]);
        let (first, second) = who.trim_end().split_once('\n').unwrap();
        assert_eq!(first, format!("{desk}  JDOE"));
        assert!(second.starts_with(&format!("{other}  nobody")), "{who}");
        assert_eq!(em(&["where", "JDOE"]), format!("JDOE  {desk}\n"));
        assert_eq!(em(&["logout", desk]), format!("{desk} is free\n"));
        assert_eq!(rings_at(&lab), nobody);
        assert_eq!(
            em(&["who", desk]),
            format!("{desk}  nobody  (before: JDOE)\n")
        );
        assert_eq!(em(&["where", "JDOE"]), "JDOE  nowhere\n");
    }
}
