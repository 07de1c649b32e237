//! The store as one file: after a clean stop, by `admin backup`, and back by `admin restore`.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use common::process::{Server, cordboard, output};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// Ends a program as the system does, and waits for its end.
fn stopped(mut lab: Server) -> tempfile::TempDir {
    let id = lab.child.id().to_string();
    let kill = Command::new("kill").args(["-TERM", &id]).status().unwrap();
    assert!(kill.success());
    assert!(lab.child.wait().unwrap().success());
    std::mem::replace(&mut lab.folder, tempfile::tempdir().unwrap())
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The data folder of a lab that has only this database.
fn data_of(folder: &Path, database: &Path) {
    std::fs::create_dir_all(folder.join("lab")).unwrap();
    std::fs::copy(database, folder.join("lab/cordboard.db")).unwrap();
}

/// What a lab keeps: a user that was added, a call that is over, a token.
fn used() -> Server {
    let lab = Server::lab();
    lab.done(&["admin", "users", "add", "nina", "--password", "n1"]);
    lab.done(&["admin", "tokens", "create", "t", "--role", "reader"]);
    lab.done(&["admin", "calls", "place", "SEP0000000D4401", "5550109"]);
    lab
}

fn kept(lab: &Server) -> Value {
    let user = lab.json(&["admin", "users", "show", "nina"])["id"].clone();
    let tokens = lab.json(&["admin", "tokens", "list"])["tokens"][0]["name"].clone();
    let call = lab.json(&["admin", "calls", "show", "c-1"])["dialled"].clone();
    Value::from(vec![user, tokens, call])
}

#[test]
fn after_a_clean_stop_the_one_file_is_the_whole_store() {
    let lab = used();
    let before = kept(&lab);
    let folder = stopped(lab);
    let elsewhere = tempfile::tempdir().unwrap();
    data_of(elsewhere.path(), &folder.path().join("lab/cordboard.db"));
    let again = Server::lab_in(elsewhere, &["--ports", "any"], &[]);
    assert_eq!(kept(&again), before);
}

#[test]
fn a_backup_of_a_running_server_is_the_whole_store_and_can_be_restored() {
    let lab = used();
    let before = kept(&lab);
    let there = |name: &str| lab.folder.path().join(name);
    let (remote, local) = (there("remote.db"), there("local.db"));
    let made = lab.json(&["admin", "backup", text(&remote)]);
    assert_eq!(made["bytes"], std::fs::metadata(&remote).unwrap().len());
    let data = there("lab");
    let mut beside = cordboard();
    beside.args(["admin", "backup", text(&local), "--data", text(&data)]);
    assert_eq!(output(&mut beside).0, 0);
    let names = std::fs::read_dir(&data).unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    let copy = |name: &&std::ffi::OsString| text(Path::new(name)).contains("backup");
    assert_eq!(names.iter().find(copy), None, "{names:?}");
    // A second one does not replace the first.
    let (status, _, errors) = lab.run(&["admin", "backup", text(&remote)]);
    assert_eq!(status, 1);
    assert!(errors.contains("is there already"), "{errors}");
    for backup in [&remote, &local] {
        let elsewhere = tempfile::tempdir().unwrap();
        let data = elsewhere.path().join("lab");
        let mut restore = cordboard();
        restore.args(["admin", "restore", text(backup), "--data", text(&data)]);
        let (status, _, errors) = output(&mut restore);
        assert_eq!(status, 0, "{errors}");
        let again = Server::lab_in(elsewhere, &["--ports", "any"], &[]);
        assert_eq!(kept(&again), before);
    }
}

#[test]
fn a_store_in_use_is_not_restored_and_one_that_is_replaced_is_kept() {
    let lab = used();
    let backup = lab.folder.path().join("backup.db");
    lab.done(&["admin", "backup", text(&backup)]);
    lab.done(&["admin", "users", "remove", "nina"]);
    let data = lab.folder.path().join("lab");
    let restore = |words: &[&str]| {
        let mut restore = cordboard();
        restore.args(["admin", "restore", text(&backup), "--json"]);
        output(restore.args(words))
    };
    let (status, _, errors) = restore(&["--data", text(&data)]);
    assert_eq!(status, 69, "{errors}");
    assert_eq!(restore(&[]).0, 2, "which store must be said");
    let folder = stopped(lab);
    let (status, out, errors) = restore(&["--data", text(&data)]);
    assert_eq!(status, 0, "{errors}");
    let restored: Value = serde_json::from_str(&out).unwrap();
    let before = restored["before"].as_str().unwrap();
    let again = Server::lab_in(folder, &["--ports", "any"], &[]);
    again.done(&["admin", "users", "show", "nina"]);
    let old = tempfile::tempdir().unwrap();
    data_of(old.path(), Path::new(before));
    let old = Server::lab_in(old, &["--ports", "any"], &[]);
    assert_eq!(old.run(&["admin", "users", "show", "nina"]).0, 1);
}

#[test]
fn a_backup_is_for_administrators_only() {
    let lab = Server::lab();
    let token = lab.json(&["admin", "tokens", "create", "t", "--role", "operator"]);
    let token = token["token"].as_str().unwrap();
    let file = lab.folder.path().join("backup.db");
    let (status, _, errors) = lab.run(&["admin", "backup", text(&file), "--token", token]);
    assert_eq!(status, 77, "{errors}");
    let left = std::fs::read_dir(lab.folder.path()).unwrap();
    let left = left.map(|entry| entry.unwrap().file_name());
    assert!(
        !left
            .into_iter()
            .any(|name| text(Path::new(&name)).contains("backup"))
    );
}
