//! Copies of the whole store: made while it is used, checked before they are trusted.

use super::sqlite::{APPLICATION_ID, SCHEMA, explain};
use crate::{Reader, Store, StoreError};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a copy waits for another process that holds the file.
const BUSY: Duration = Duration::from_secs(5);
/// Suffix of a copy that is not complete yet.
const PARTIAL: &str = ".partial";
/// The files that SQLite keeps beside a database.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

impl Store {
    /// Writes everything back into the one file and closes it: afterwards that file alone is the whole store.
    ///
    /// # Errors
    /// If it cannot be written back, for example on a full disk. Nothing is lost then: what is missing in the file is in the `-wal`
    /// beside it.
    pub fn close(self) -> Result<(), StoreError> {
        let Self {
            connection, path, ..
        } = self;
        let written = |row: &rusqlite::Row<'_>| row.get::<_, bool>(0);
        let busy = connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], written)
            .map_err(|error| explain(&path, error))?;
        if busy {
            let path = path.display().to_string();
            return Err(StoreError::InUse { path });
        }
        connection
            .close()
            .map_err(|(_, error)| explain(&path, error))
    }
}

impl Reader {
    /// A reader of the store at `path`, which another process may be using.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if the file is not a store, [`StoreError::Newer`] if a later version wrote it.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(|e| explain(path, e))?;
        connection
            .busy_timeout(BUSY)
            .map_err(|e| explain(path, e))?;
        check_header(&connection, path)?;
        Ok(Self {
            connection,
            path: path.to_owned(),
        })
    }

    /// Writes the whole store, as of one moment, to a new file at `to`. Commits go on meanwhile. The file appears under its name
    /// when it is complete and checked; only its owner can read it.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if there is a file at `to`. If it cannot be written, nothing is left behind.
    pub fn backup(&self, to: &Path) -> Result<(), StoreError> {
        if to.symlink_metadata().is_ok() {
            let path = to.display().to_string();
            return Err(StoreError::Exists { path });
        }
        let partial = with_suffix(to, PARTIAL);
        remove_database(&partial);
        let copied = self.copy(&partial).and_then(|()| {
            std::fs::rename(&partial, to).map_err(|error| file_error(to, &error))?;
            sync_folder(to);
            Ok(())
        });
        if copied.is_err() {
            remove_database(&partial);
        }
        copied
    }

    fn copy(&self, to: &Path) -> Result<(), StoreError> {
        super::sqlite::keep_private(to)?;
        let written = |error| explain(to, error);
        let mut copy = Connection::open(to).map_err(written)?;
        {
            let backup = Backup::new(&self.connection, &mut copy).map_err(written)?;
            // All pages in one step: a single read transaction is one moment of the store, and a writer never restarts it.
            match backup.step(-1).map_err(|e| explain(&self.path, e))? {
                StepResult::Done => {}
                _ => {
                    let path = self.path.display().to_string();
                    return Err(StoreError::InUse { path });
                }
            }
        }
        // One file without a log, which can be read from a read-only medium too.
        copy.pragma_update(None, "journal_mode", "DELETE")
            .map_err(written)?;
        check_header(&copy, to)?;
        check_pages(&copy, to)?;
        copy.close().map_err(|(_, error)| written(error))?;
        let file = File::open(to).and_then(|file| file.sync_all());
        file.map_err(|error| file_error(to, &error))
    }
}

/// What [`restore`] has put in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The store that was there before, under its new name.
    pub before: Option<PathBuf>,
}

/// Puts the backup `from` in place of the store at `to`, which no process may be using; `name_before` is appended to the name of
/// the store that was there. That one is moved away only after the backup was copied, checked, migrated and read.
///
/// # Errors
/// [`StoreError::Damaged`] if `from` is not a store, [`StoreError::Newer`] if a later version wrote it. The store at `to` is
/// unchanged then.
pub fn restore(from: &Path, to: &Path, name_before: &str) -> Result<Restored, StoreError> {
    verify(from)?;
    let reader = Reader::open(from)?;
    let fresh = with_suffix(to, ".restored");
    remove_database(&fresh);
    let put = || {
        reader.backup(&fresh)?;
        let store = Store::open(&fresh, crate::Sync::Full)?;
        read_everything(&store)?;
        store.close()?;
        let before = move_away(to, name_before)?;
        std::fs::rename(&fresh, to).map_err(|error| file_error(to, &error))?;
        sync_folder(to);
        Ok(Restored { before })
    };
    let put = put();
    if put.is_err() {
        remove_database(&fresh);
    }
    put
}

/// Reads what a start reads: a file that no start could use does not replace one that works.
fn read_everything(store: &Store) -> Result<(), StoreError> {
    store.parts()?;
    store.logins()?;
    store.last_users()?;
    store.takeovers()?;
    store.tokens()?;
    store.api_tokens()?;
    store.all_preferences()?;
    store.cti()?;
    store.live_calls()?;
    store.seed()?;
    Ok(())
}

/// Gives a database another name, with what lies beside it: the log holds commits that the file may lack, and a new database under
/// the old name must not find it.
fn move_away(database: &Path, suffix: &str) -> Result<Option<PathBuf>, StoreError> {
    let to = with_suffix(database, suffix);
    if to.symlink_metadata().is_ok() {
        let path = to.display().to_string();
        return Err(StoreError::Exists { path });
    }
    // A store that is whole has no log afterwards, so that a crash between two renames parts nothing.
    write_back(database);
    let mut moved = Vec::new();
    for beside in BESIDE.into_iter().chain([""]) {
        let (old, new) = (with_suffix(database, beside), with_suffix(&to, beside));
        match std::fs::rename(&old, &new) {
            Ok(()) => moved.push((old, new)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                for (old, new) in moved {
                    // It was just moved the other way.
                    let _ = std::fs::rename(new, old);
                }
                return Err(file_error(&old, &error));
            }
        }
    }
    Ok(to.is_file().then_some(to))
}

/// Writes the log of a database back into it, if both are whole. A damaged one keeps its log beside it.
fn write_back(database: &Path) {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if let Ok(connection) = Connection::open_with_flags(database, flags) {
        // What cannot be written back is moved away as it is.
        let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    }
}

/// Checks that a file is a whole store of a version that this program knows, without changing it.
///
/// # Errors
/// [`StoreError::Damaged`] or [`StoreError::Newer`] if it is not.
pub fn verify(path: &Path) -> Result<(), StoreError> {
    check_pages(&Reader::open(path)?.connection, path)
}

/// Checks that a file is a store of a version that this program knows.
pub(super) fn check_header(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let pragma = |name| {
        connection
            .query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0))
            .map_err(|error| explain(path, error))
    };
    if pragma("application_id")? != i64::from(APPLICATION_ID) {
        return Err(StoreError::Damaged {
            path: path.display().to_string(),
            reason: "it belongs to another program".to_owned(),
        });
    }
    check_version(pragma("user_version")?, path)
}

/// Checks that this program knows a version of the store.
pub(super) fn check_version(version: i64, path: &Path) -> Result<(), StoreError> {
    let found = usize::try_from(version).unwrap_or(usize::MAX);
    if found > SCHEMA {
        return Err(StoreError::Newer {
            path: path.display().to_string(),
            found,
            known: SCHEMA,
        });
    }
    Ok(())
}

/// Checks every page of a database.
fn check_pages(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let found: String = connection
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(|error| explain(path, error))?;
    match found.as_str() {
        "ok" => Ok(()),
        _ => Err(StoreError::Damaged {
            path: path.display().to_string(),
            reason: found,
        }),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Removes a copy that is not wanted, with what lies beside it.
fn remove_database(path: &Path) {
    for suffix in BESIDE.into_iter().chain(["", "-journal"]) {
        // Most of them are not there.
        let _ = std::fs::remove_file(with_suffix(path, suffix));
    }
}

/// Makes a new name survive the death of the machine, where folders can be written back.
fn sync_folder(path: &Path) {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    if let Ok(folder) = File::open(folder.unwrap_or(Path::new("."))) {
        // Some systems cannot.
        let _ = folder.sync_all();
    }
}

fn file_error(path: &Path, error: &std::io::Error) -> StoreError {
    let code = match error.kind() {
        std::io::ErrorKind::StorageFull => rusqlite::ffi::SQLITE_FULL,
        _ => rusqlite::ffi::SQLITE_IOERR,
    };
    let source =
        rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), Some(error.to_string()));
    explain(path, source)
}
