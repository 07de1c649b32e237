//! SQLite, embedded, in WAL mode.
//!
//! Commits are grouped by the caller: everything handed to one [`Store::commit`] is one transaction. With
//! `synchronous = NORMAL` a commit survives the process, with `FULL` the machine too.

use super::backup::check_version;
use super::mobility::SeatChange;
use crate::StoreError;
use cordboard_core::call::{CallRecord, CallState};
use cordboard_core::exchange::{Counters, Record};
use cordboard_core::ids::{CallId, CallKey};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Transaction, params};
use rusqlite_migration::{M, Migrations};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Marks a file as ours ("cord"), so that somebody else's database is never migrated.
pub(super) const APPLICATION_ID: i32 = 0x636f_7264;
/// The log is written back after so many pages; few enough that no commit waits for long.
const CHECKPOINT_PAGES: u32 = 400;
/// Pages a connection keeps in memory, in KiB: the newest calls are all that is asked for often.
const CACHE_KIB: i64 = 768;
/// A bulk of rows is read from the history at a time.
const HISTORY_PAGE: usize = 500;

/// The fact that [`Store::try_commit`] writes.
const TRIED: &str = "tried";
/// Its size: that of a few records, so that it needs as much room as they do.
const TRIED_BYTES: usize = 16 * 1024;

/// What a commit survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sync {
    /// The death of the process.
    #[default]
    Normal,
    /// The death of the machine.
    Full,
}

fn migrations() -> Migrations<'static> {
    Migrations::new(vec![
        M::up(include_str!("../../migrations/sqlite/0001.sql")),
        M::up_with_hook(
            include_str!("../../migrations/sqlite/0002.sql"),
            |transaction| Ok(rewrite_calls(transaction)?),
        ),
        M::up(include_str!("../../migrations/sqlite/0003.sql")),
        M::up(include_str!("../../migrations/sqlite/0004.sql")),
        M::up(include_str!("../../migrations/sqlite/0005.sql")),
        M::up(include_str!("../../migrations/sqlite/0006.sql")),
        M::up(include_str!("../../migrations/sqlite/0007.sql")),
        M::up(include_str!("../../migrations/sqlite/0008.sql")),
        M::up(include_str!("../../migrations/sqlite/0009.sql")),
    ])
}

/// How many migrations this program knows.
pub(super) const SCHEMA: usize = 9;

/// The second migration: calls that were written down as JSON text become MessagePack.
fn rewrite_calls(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let unreadable =
        |error| rusqlite::Error::FromSqlConversionFailure(1, rusqlite::types::Type::Text, error);
    let mut read = transaction.prepare(
        "SELECT key, record FROM calls WHERE key > ?1 AND typeof(record) = 'text' ORDER BY key LIMIT ?2",
    )?;
    let mut write = transaction.prepare("UPDATE calls SET record = ?2 WHERE key = ?1")?;
    let mut after = i64::MIN;
    loop {
        let limit = i64::try_from(HISTORY_PAGE).unwrap_or(i64::MAX);
        let rows = read.query_map(params![after, limit], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let rows: Vec<(i64, String)> = rows.collect::<rusqlite::Result<_>>()?;
        let Some(&(last, _)) = rows.last() else {
            return Ok(());
        };
        after = last;
        for (key, text) in rows {
            let call: CallRecord =
                serde_json::from_str(&text).map_err(|e| unreadable(Box::new(e)))?;
            let bytes = rmp_serde::to_vec_named(&call).map_err(|e| unreadable(Box::new(e)))?;
            write.execute(params![key, bytes])?;
        }
    }
}

/// The one writer.
#[derive(Debug)]
pub struct Store {
    pub(super) connection: Connection,
    pub(super) path: PathBuf,
    /// The records of a commit, on their way.
    scratch: Vec<u8>,
}

/// What a look into the history found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Looked {
    /// The calls that fit.
    pub calls: Vec<CallRecord>,
    /// The oldest call that was looked at, when it ended because it had looked at enough.
    pub stopped_at: Option<(CallKey, CallId)>,
}

/// Reads beside the writer.
#[derive(Debug)]
pub struct Reader {
    pub(super) connection: Connection,
    pub(super) path: PathBuf,
}

impl Store {
    /// Opens or makes the database.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] and [`StoreError::Newer`] leave the file as it is.
    pub fn open(path: &Path, sync: Sync) -> Result<Self, StoreError> {
        let fresh = std::fs::metadata(path).map_or(true, |m| m.len() == 0);
        if fresh {
            keep_private(path)?;
        }
        let mut connection = Connection::open(path).map_err(|e| explain(path, e))?;
        let prepare = || -> rusqlite::Result<i32> {
            connection.busy_timeout(Duration::from_secs(5))?;
            connection.query_row("PRAGMA application_id", [], |row| row.get(0))
        };
        let application: i32 = prepare().map_err(|e| explain(path, e))?;
        if !fresh && application != APPLICATION_ID {
            let reason = "it belongs to another program".to_owned();
            return Err(StoreError::Damaged {
                path: path.display().to_string(),
                reason,
            });
        }
        let version: i64 = connection
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .map_err(|e| explain(path, e))?;
        check_version(version, path)?;
        let settings = || -> rusqlite::Result<()> {
            connection.pragma_update(None, "application_id", APPLICATION_ID)?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(
                None,
                "synchronous",
                if sync == Sync::Full { "FULL" } else { "NORMAL" },
            )?;
            connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
            connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
            connection.set_prepared_statement_cache_capacity(32);
            Ok(())
        };
        settings().map_err(|e| explain(path, e))?;
        migrations()
            .to_latest(&mut connection)
            .map_err(|e| match e {
                rusqlite_migration::Error::RusqliteError { err, .. } => explain(path, err),
                other => StoreError::Damaged {
                    path: path.display().to_string(),
                    reason: other.to_string(),
                },
            })?;
        Ok(Self {
            connection,
            path: path.to_owned(),
            scratch: Vec::new(),
        })
    }

    /// The database's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A reader of the same database.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn reader(&self) -> Result<Reader, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection =
            Connection::open_with_flags(&self.path, flags).map_err(|e| explain(&self.path, e))?;
        connection
            .busy_timeout(Duration::from_secs(5))
            .and_then(|()| connection.pragma_update(None, "cache_size", -CACHE_KIB))
            .map_err(|e| explain(&self.path, e))?;
        Ok(Reader {
            connection,
            path: self.path.clone(),
        })
    }

    /// Stores records, all or nothing. Of several records of one call the last one counts.
    ///
    /// # Errors
    /// Nothing of the batch is stored then.
    pub fn commit(&mut self, records: &[Record]) -> Result<(), StoreError> {
        let mut calls: BTreeMap<CallKey, &CallRecord> = BTreeMap::new();
        let mut counters: Option<&Counters> = None;
        for record in records {
            match record {
                Record::Call(call) => {
                    calls.insert(call.key, call);
                }
                Record::Counters(latest) => counters = Some(latest),
                Record::Login(_)
                | Record::Logout(_)
                | Record::Takeover(_)
                | Record::TakeoverOver(_) => {}
            }
        }
        let seats = records.iter().map(SeatChange::of);
        let seats: Vec<SeatChange<'_>> = seats
            .filter_map(Result::transpose)
            .collect::<Result<_, _>>()?;
        if calls.is_empty() && counters.is_none() && seats.is_empty() {
            return Ok(());
        }
        // Every record into one buffer, before the transaction begins.
        self.scratch.clear();
        let mut rows = Vec::with_capacity(calls.len());
        for (key, call) in calls {
            let begin = self.scratch.len();
            rmp_serde::encode::write_named(&mut self.scratch, call)?;
            let record = begin..self.scratch.len();
            rows.push((key, call.id.as_str(), call.ended.map(|at| at.0), record));
        }
        let counters = counters.map(serde_json::to_string).transpose()?;
        let mut store = || -> rusqlite::Result<()> {
            let transaction = self.connection.transaction()?;
            {
                let mut put = transaction.prepare_cached(
                    "INSERT INTO calls (key, id, ended, record) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (key) DO UPDATE SET ended = ?3, record = ?4",
                )?;
                for (key, id, ended, record) in &rows {
                    put.execute(params![
                        i64::try_from(key.0).unwrap_or(i64::MAX),
                        id,
                        ended,
                        &self.scratch[record.clone()]
                    ])?;
                }
            }
            for seat in &seats {
                seat.put(&transaction)?;
            }
            if let Some(counters) = &counters {
                put_fact(&transaction, "counters", counters)?;
            }
            transaction.commit()
        };
        store().map_err(|e| explain(&self.path, e))
    }

    /// Commits something of the size of a few records, to find out whether a commit succeeds now.
    ///
    /// # Errors
    /// What the next commit would fail with, such as a full disk.
    pub fn try_commit(&mut self) -> Result<(), StoreError> {
        let mut tried = || -> rusqlite::Result<()> {
            let transaction = self.connection.transaction()?;
            let before = fact(&transaction, TRIED)?;
            // A new value each time: what is unchanged might not be written.
            let turn = before.is_some_and(|before| before.starts_with('0'));
            let value = if turn { "1" } else { "0" }.repeat(TRIED_BYTES);
            put_fact(&transaction, TRIED, value)?;
            transaction.commit()
        };
        tried().map_err(|e| explain(&self.path, e))
    }

    /// Forgets all calls, and who sat where before (lab reset).
    ///
    /// # Errors
    /// Nothing is forgotten then.
    pub fn forget_what_happened(&mut self) -> Result<(), StoreError> {
        let mut forget = || -> rusqlite::Result<()> {
            let transaction = self.connection.transaction()?;
            transaction.execute_batch(
                "DELETE FROM calls; DELETE FROM last_users; DELETE FROM mobility_history; DELETE FROM takeovers;
                 DELETE FROM cti_destinations; DELETE FROM cti_logins;",
            )?;
            transaction.commit()
        };
        forget().map_err(|e| explain(&self.path, e))
    }

    /// What was numbered so far; zeros at first.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn counters(&self) -> Result<Counters, StoreError> {
        let text = fact(&self.connection, "counters").map_err(|e| explain(&self.path, e))?;
        let mut counters: Counters = text
            .map(|t| serde_json::from_str(&t))
            .transpose()?
            .unwrap_or_default();
        let newest: Option<i64> = self
            .connection
            .query_row("SELECT max(key) FROM calls", [], |row| row.get(0))
            .map_err(|e| explain(&self.path, e))?;
        let newest = newest.and_then(|key| u64::try_from(key).ok());
        counters.calls = counters.calls.max(newest.unwrap_or(0));
        Ok(counters)
    }

    /// A fact that is one of a kind, such as the lab's clock offset.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn fact(&self, name: &str) -> Result<Option<String>, StoreError> {
        fact(&self.connection, name).map_err(|e| explain(&self.path, e))
    }

    /// Stores a fact that is one of a kind.
    ///
    /// # Errors
    /// It is unchanged then.
    pub fn set_fact(&mut self, name: &str, value: &str) -> Result<(), StoreError> {
        put_fact(&self.connection, name, value).map_err(|e| explain(&self.path, e))
    }

    /// The calls that were live when the process ended.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn live_calls(&self) -> Result<Vec<CallRecord>, StoreError> {
        let oldest = i64::try_from(self.counters()?.oldest_live).unwrap_or(0);
        let read = || -> rusqlite::Result<Vec<Vec<u8>>> {
            let mut live = self.connection.prepare(
                "SELECT record FROM calls WHERE key >= ?1 AND ended IS NULL ORDER BY key",
            )?;
            let rows = live.query_map([oldest], |row| row.get(0))?;
            rows.collect()
        };
        let rows = read().map_err(|e| explain(&self.path, e))?;
        rows.iter()
            .map(|bytes| Ok(rmp_serde::from_slice(bytes)?))
            .collect()
    }
}

impl Reader {
    /// One call, by its id.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn call(&self, id: &CallId) -> Result<Option<CallRecord>, StoreError> {
        // A counted name is its call's number; only other names have an index.
        let number = id
            .as_str()
            .strip_prefix("c-")
            .and_then(|n| n.parse::<i64>().ok());
        let found: rusqlite::Result<Option<Vec<u8>>> = match number {
            Some(key) => self.one(
                "SELECT record FROM calls WHERE key = ?1 AND id = ?2",
                params![key, id.as_str()],
            ),
            None => self.one(
                "SELECT record FROM calls WHERE id = ?1 AND id NOT GLOB 'c-[0-9]*'",
                [id.as_str()],
            ),
        };
        let found = found.map_err(|e| explain(&self.path, e))?;
        found.map(|bytes| read_call(&bytes)).transpose()
    }

    fn one(&self, sql: &str, params: impl rusqlite::Params) -> rusqlite::Result<Option<Vec<u8>>> {
        self.connection
            .prepare_cached(sql)?
            .query_row(params, |row| row.get(0))
            .optional()
    }

    /// Calls older than `before` (all, if `None`) that fit, newest first. Ends after `limit` of them, or after it has looked at
    /// `look_at` calls, whether they fit or not: who wants something rare goes on from there.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn calls(
        &self,
        before: Option<CallKey>,
        limit: usize,
        look_at: usize,
        fits: impl Fn(&CallRecord) -> bool,
    ) -> Result<Looked, StoreError> {
        let mut looked = Looked::default();
        let mut left = look_at;
        let mut before = before.map_or(i64::MAX, |key| i64::try_from(key.0).unwrap_or(i64::MAX));
        while left > 0 {
            let wanted = left.min(HISTORY_PAGE);
            let rows = self.page(before, wanted);
            let rows = rows.map_err(|e| explain(&self.path, e))?;
            left -= rows.len();
            let was_last = rows.len() < wanted;
            for (key, bytes) in rows {
                before = key;
                let call = read_call(&bytes)?;
                looked.stopped_at = Some((call.key, call.id.clone()));
                if fits(&call) {
                    looked.calls.push(call);
                }
                if looked.calls.len() == limit {
                    looked.stopped_at = None;
                    return Ok(looked);
                }
            }
            if was_last {
                looked.stopped_at = None;
                break;
            }
        }
        Ok(looked)
    }

    fn page(&self, before: i64, count: usize) -> rusqlite::Result<Vec<(i64, Vec<u8>)>> {
        let mut page = self.connection.prepare_cached(
            "SELECT key, record FROM calls WHERE key < ?1 ORDER BY key DESC LIMIT ?2",
        )?;
        let limit = i64::try_from(count).unwrap_or(i64::MAX);
        let rows = page.query_map(params![before, limit], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect()
    }
}

fn read_call(bytes: &[u8]) -> Result<CallRecord, StoreError> {
    let mut call: CallRecord = rmp_serde::from_slice(bytes)?;
    if call.state == CallState::Ended
        && let Some(at) = call.ended
    {
        call.settle(at);
    }
    Ok(call)
}

pub(super) fn fact(connection: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT value FROM facts WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()
}

pub(super) fn put_fact(
    connection: &Connection,
    name: &str,
    value: impl Serialize + AsRef<str>,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO facts (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2")?
        .execute(params![name, value.as_ref()])?;
    Ok(())
}

/// Makes a database that only its owner can read: it holds hashes of passwords. SQLite gives its further files the same rights.
pub(super) fn keep_private(path: &Path) -> Result<(), StoreError> {
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(|_| ()).map_err(|error| {
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN);
        let source = rusqlite::Error::SqliteFailure(code, Some(error.to_string()));
        explain(path, source)
    })
}

pub(super) fn explain(path: &Path, error: rusqlite::Error) -> StoreError {
    let path = path.display().to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => StoreError::Damaged {
            path,
            reason: error.to_string(),
        },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::InUse { path },
        _ => StoreError::Unavailable {
            path,
            source: error,
        },
    }
}
