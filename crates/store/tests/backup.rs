//! The store as one file: after a clean close, as a backup, and put back from one.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use cordboard_core::exchange::{Counters, Record};
use cordboard_store::{Reader, Store, StoreError, Sync, restore, verify};
use std::path::{Path, PathBuf};

fn open(path: &Path) -> Store {
    Store::open(path, Sync::Normal).unwrap()
}

fn counted(events: u64) -> Record {
    Record::Counters(Counters {
        events,
        ..Counters::default()
    })
}

/// A store in which this many events were counted.
fn store(path: &Path, events: u64) -> Store {
    let mut store = open(path);
    store.commit(&[counted(events)]).unwrap();
    store
}

fn events(path: &Path) -> u64 {
    open(path).counters().unwrap().events
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
    let mut names: Vec<String> = entries
        .map(|entry| name(entry).into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Copies the database alone, without what lies beside it.
fn copied(path: &Path, folder: &Path) -> PathBuf {
    let copy = folder.join("copy.db");
    std::fs::copy(path, &copy).unwrap();
    copy
}

#[test]
fn a_closed_store_is_whole_in_its_one_file_while_readers_are_open() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cordboard.db");
    let store = store(&path, 7);
    let readers = [store.reader().unwrap(), store.reader().unwrap()];
    assert_eq!(readers[0].call(&"c-1".into()).unwrap(), None);
    store.close().unwrap();
    assert_eq!(events(&copied(&path, folder.path())), 7);
}

#[test]
fn a_backup_is_one_moment_of_a_store_that_is_written_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cordboard.db");
    let mut store = store(&path, 1);
    let reader = Reader::open(&path).unwrap();
    let backup = folder.path().join("backup.db");
    let (begun, has_begun) = std::sync::mpsc::channel();
    let writer = std::thread::spawn(move || {
        for count in 2..300 {
            // In one transaction: a copy has both or neither.
            store.set_fact("a", &count.to_string()).unwrap();
            store.commit(&[counted(count)]).unwrap();
            let _ = begun.send(());
        }
        store
    });
    has_begun.recv().unwrap();
    reader.backup(&backup).unwrap();
    let store = writer.join().unwrap();
    let counted = events(&backup);
    let fact: u64 = open(&backup).fact("a").unwrap().unwrap().parse().unwrap();
    assert!(fact == counted || fact == counted + 1, "{fact} {counted}");
    assert_eq!(store.counters().unwrap().events, 299);
    verify(&backup).unwrap();
}

#[test]
fn a_backup_is_one_private_file_and_replaces_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cordboard.db");
    let store = store(&path, 1);
    let inner = folder.path().join("inner");
    std::fs::create_dir(&inner).unwrap();
    let backup = inner.join("b.db");
    store.reader().unwrap().backup(&backup).unwrap();
    assert_eq!(names(&inner), ["b.db"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&backup).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let before = std::fs::read(&backup).unwrap();
    let error = store.reader().unwrap().backup(&backup).unwrap_err();
    assert!(matches!(error, StoreError::Exists { .. }), "{error}");
    // Neither does it write over the store that it is to copy.
    let error = Reader::open(&path).unwrap().backup(&path).unwrap_err();
    assert!(matches!(error, StoreError::Exists { .. }), "{error}");
    assert_eq!(std::fs::read(&backup).unwrap(), before);
    let nowhere = inner.join("no/such/folder.db");
    assert!(store.reader().unwrap().backup(&nowhere).is_err());
    assert_eq!(names(&inner), ["b.db"]);
}

#[test]
fn a_restore_puts_the_backup_in_place_and_keeps_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cordboard.db");
    let backup = folder.path().join("backup.db");
    let first = store(&path, 1);
    first.reader().unwrap().backup(&backup).unwrap();
    // The process is killed: the newest commit is in the log only.
    let mut killed = first;
    killed.commit(&[counted(2)]).unwrap();
    std::mem::forget(killed);
    let restored = restore(&backup, &path, ".before").unwrap();
    let before = restored.before.unwrap();
    assert_eq!((events(&path), events(&before)), (1, 2));
    let again = restore(&backup, &path, ".before").unwrap_err();
    assert!(matches!(again, StoreError::Exists { .. }), "{again}");
    let elsewhere = folder.path().join("elsewhere.db");
    let restored = restore(&backup, &elsewhere, ".before").unwrap();
    assert_eq!((restored.before, events(&elsewhere)), (None, 1));
}

#[test]
fn what_is_no_whole_store_or_a_newer_one_is_not_restored_and_the_store_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cordboard.db");
    store(&path, 5).close().unwrap();
    let make = |name: &str, content: &dyn Fn(&Path)| {
        let file = folder.path().join(name);
        content(&file);
        file
    };
    let sql = |file: &Path, sql: &str| {
        let connection = rusqlite::Connection::open(file).unwrap();
        connection.execute_batch(sql).unwrap();
    };
    let letters = make("letters", &|file| {
        std::fs::write(file, "somebody's letters ".repeat(900)).unwrap();
    });
    let empty = make("empty", &|file| std::fs::write(file, "").unwrap());
    let foreign = make("foreign", &|file| sql(file, "CREATE TABLE t (x)"));
    let cut = make("cut", &|file| {
        let mut whole = store(file, 9);
        whole.set_fact("long", &"x".repeat(100_000)).unwrap();
        whole.close().unwrap();
        let bytes = std::fs::read(file).unwrap();
        std::fs::write(file, &bytes[..bytes.len() / 2]).unwrap();
    });
    let without_a_table = make("without", &|file| {
        store(file, 9).close().unwrap();
        sql(file, "DROP TABLE facts");
    });
    for file in [&letters, &empty, &foreign, &cut, &without_a_table] {
        let error = restore(file, &path, ".before").unwrap_err();
        assert_eq!(error.to_string().lines().count(), 1, "{error}");
        assert_eq!(events(&path), 5, "{}", file.display());
    }
    let newer = make("newer", &|file| {
        store(file, 9).close().unwrap();
        sql(file, "PRAGMA user_version = 99");
    });
    let error = restore(&newer, &path, ".before").unwrap_err();
    assert!(
        matches!(error, StoreError::Newer { found: 99, .. }),
        "{error}"
    );
    assert_eq!(events(&path), 5);
    let left = names(folder.path());
    let odd = |name: &&String| name.contains(".before") || name.contains(".restored");
    assert_eq!(left.iter().find(odd), None, "{left:?}");
}
