//! SQLite, embedded, in WAL mode.
//!
//! Commits are grouped by the caller: everything handed to one [`Store::commit`] is one transaction. With
//! `synchronous = NORMAL` a commit survives the process, with `FULL` the machine too.

use crate::{ApiToken, StoreError, UserToken};
use cordboard_core::call::{CallRecord, CallState};
use cordboard_core::directory::{
    AppUser, Builder, Device, DeviceProfile, Directory, EndUser, Entry,
};
use cordboard_core::exchange::{Counters, MobilityLogin, Record};
use cordboard_core::ids::{CallId, CallKey};
use cordboard_core::now::Wall;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Transaction, params};
use rusqlite_migration::{M, Migrations};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Marks a file as ours ("cord"), so that somebody else's database is never migrated.
const APPLICATION_ID: i32 = 0x636f_7264;
/// The log is written back after so many pages; few enough that no commit waits for long.
const CHECKPOINT_PAGES: u32 = 400;
/// Pages a connection keeps in memory, in KiB: the newest calls are all that is asked for often.
const CACHE_KIB: i64 = 768;
/// A bulk of rows is read from the history at a time.
const HISTORY_PAGE: usize = 500;

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
    ])
}

/// How many migrations this program knows.
const SCHEMA: usize = 5;

/// A seeded state: directory, logins, tokens.
pub type Seeded = (Builder, Vec<MobilityLogin>, Vec<UserToken>);

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
    connection: Connection,
    path: PathBuf,
}

impl Store {
    /// Opens or makes the database.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] and [`StoreError::Newer`] leave the file as it is.
    pub fn open(path: &Path, sync: Sync) -> Result<Self, StoreError> {
        let fresh = std::fs::metadata(path).map_or(true, |m| m.len() == 0);
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
        let version = usize::try_from(version).unwrap_or(usize::MAX);
        if version > SCHEMA {
            return Err(StoreError::Newer {
                path: path.display().to_string(),
                found: version,
                known: SCHEMA,
            });
        }
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
            }
        }
        if calls.is_empty() && counters.is_none() {
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
            if let Some(counters) = &counters {
                put_fact(&transaction, "counters", counters)?;
            }
            transaction.commit()
        };
        store().map_err(|e| explain(&self.path, e))
    }

    /// Forgets all calls and numbers (lab reset).
    ///
    /// # Errors
    /// Nothing is forgotten then.
    pub fn forget_calls(&mut self) -> Result<(), StoreError> {
        let mut forget = || -> rusqlite::Result<()> {
            let transaction = self.connection.transaction()?;
            transaction.execute("DELETE FROM calls", [])?;
            transaction.commit()
        };
        forget().map_err(|e| explain(&self.path, e))
    }

    /// Replaces the whole directory and the logins.
    ///
    /// # Errors
    /// Nothing is replaced then.
    pub fn replace_directory(
        &mut self,
        directory: &Builder,
        logins: &[MobilityLogin],
    ) -> Result<(), StoreError> {
        self.replace(rows_of(directory), logins, None)
    }

    /// Replaces the whole directory, the logins and the users' tokens.
    ///
    /// # Errors
    /// Nothing is replaced then.
    pub fn import(
        &mut self,
        directory: &Directory,
        logins: &[MobilityLogin],
        tokens: &[UserToken],
    ) -> Result<(), StoreError> {
        self.replace(rows_in(directory), logins, Some(tokens))
    }

    /// `rows` are written as they come: a big directory is never there a second time.
    fn replace(
        &mut self,
        rows: impl Iterator<Item = serde_json::Result<Row>>,
        logins: &[MobilityLogin],
        tokens: Option<&[UserToken]>,
    ) -> Result<(), StoreError> {
        let unavailable = |error| explain(&self.path, error);
        let transaction = self.connection.transaction().map_err(unavailable)?;
        let clear = "DELETE FROM entries; DELETE FROM logins;";
        transaction.execute_batch(clear).map_err(unavailable)?;
        for (position, row) in (0_i64..).zip(rows) {
            let (kind, name, record) = row?;
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO entries (kind, name, position, record) VALUES (?1, ?2, ?3, ?4)",
                )
                .and_then(|mut put| put.execute(params![kind, name, position, record]))
                .map_err(unavailable)?;
        }
        for login in logins {
            let device = login.device.as_str().to_lowercase();
            let record = serde_json::to_string(login)?;
            transaction
                .prepare_cached("INSERT OR REPLACE INTO logins (device, record) VALUES (?1, ?2)")
                .and_then(|mut sit| sit.execute(params![device, record]))
                .map_err(unavailable)?;
        }
        let finish = || -> rusqlite::Result<()> {
            if let Some(tokens) = tokens {
                transaction.execute("DELETE FROM tokens", [])?;
                for token in tokens {
                    put_token(&transaction, token)?;
                }
            }
            put_fact(&transaction, "seeded", "true")?;
            transaction.commit()
        };
        finish().map_err(unavailable)
    }

    /// Keeps directory, logins and tokens as they are now: the seeded state.
    ///
    /// # Errors
    /// What was kept before stays then.
    pub fn keep_seed(&mut self) -> Result<(), StoreError> {
        let mut keep = || -> rusqlite::Result<()> {
            let transaction = self.connection.transaction()?;
            transaction.execute_batch(
                "DELETE FROM seed_entries; INSERT INTO seed_entries SELECT kind, name, position, record FROM entries;
                 DELETE FROM seed_logins; INSERT INTO seed_logins SELECT device, record FROM logins;
                 DELETE FROM seed_tokens; INSERT INTO seed_tokens SELECT hash, user, expires, created FROM tokens;",
            )?;
            put_fact(&transaction, "seed_kept", "true")?;
            transaction.commit()
        };
        keep().map_err(|e| explain(&self.path, e))
    }

    /// The seeded state, if one was kept.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn seed(&self) -> Result<Option<Seeded>, StoreError> {
        if self.fact("seed_kept")?.is_none() {
            return Ok(None);
        }
        Ok(Some((
            self.builder_from("seed_entries")?,
            self.records("SELECT record FROM seed_logins ORDER BY device", [])?,
            self.tokens_from("seed_tokens")?,
        )))
    }

    /// Was a directory ever put in?
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn is_seeded(&self) -> Result<bool, StoreError> {
        Ok(fact(&self.connection, "seeded")
            .map_err(|e| explain(&self.path, e))?
            .is_some())
    }

    /// The stored directory, as parts.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn directory(&self) -> Result<Builder, StoreError> {
        self.builder_from("entries")
    }

    fn builder_from(&self, table: &str) -> Result<Builder, StoreError> {
        Ok(Builder {
            users: self.entries::<EndUser>(table, "user")?,
            app_users: self.entries::<AppUser>(table, "app_user")?,
            devices: self.entries::<Device>(table, "device")?,
            profiles: self.entries::<DeviceProfile>(table, "profile")?,
        })
    }

    /// Who sat where.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn logins(&self) -> Result<Vec<MobilityLogin>, StoreError> {
        self.records("SELECT record FROM logins ORDER BY device", [])
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

    /// Stores, replaces or removes these entries as they are in a directory, all or nothing. Tokens of removed users go too.
    ///
    /// # Errors
    /// Nothing changed then.
    pub fn put_entries(
        &mut self,
        directory: &Directory,
        touched: &[Entry],
    ) -> Result<(), StoreError> {
        let mut rows = Vec::with_capacity(touched.len());
        for entry in touched {
            let (kind, name) = key_of(entry);
            let record = record_of(directory, entry)?;
            rows.push((kind, name, name.to_lowercase(), record));
        }
        let mut store = || -> rusqlite::Result<()> {
            let transaction = self.connection.transaction()?;
            for (kind, id, name, record) in &rows {
                match record {
                    Some(record) => transaction
                        .prepare_cached(
                            "INSERT INTO entries (kind, name, position, record)
                             VALUES (?1, ?2, (SELECT coalesce(max(position), 0) + 1 FROM entries), ?3)
                             ON CONFLICT (kind, name) DO UPDATE SET record = ?3",
                        )?
                        .execute(params![kind, name, record])?,
                    None => transaction
                        .prepare_cached("DELETE FROM entries WHERE kind = ?1 AND name = ?2")?
                        .execute(params![kind, name])?,
                };
                if *kind == "user" && record.is_none() {
                    transaction
                        .prepare_cached("DELETE FROM tokens WHERE user = ?1 OR lower(user) = ?2")?
                        .execute(params![id, name])?;
                    transaction
                        .prepare_cached("DELETE FROM webdialer_preferences WHERE user = ?1")?
                        .execute([name])?;
                }
            }
            put_fact(&transaction, "seeded", "true")?;
            transaction.commit()
        };
        store().map_err(|e| explain(&self.path, e))
    }

    /// Replaces all users' tokens.
    ///
    /// # Errors
    /// Nothing is replaced then.
    pub fn replace_tokens(&mut self, tokens: &[UserToken]) -> Result<(), StoreError> {
        let mut replace = || -> rusqlite::Result<()> {
            let transaction = self.connection.transaction()?;
            transaction.execute("DELETE FROM tokens", [])?;
            for token in tokens {
                put_token(&transaction, token)?;
            }
            transaction.commit()
        };
        replace().map_err(|e| explain(&self.path, e))
    }

    /// Stores a user's token.
    ///
    /// # Errors
    /// It is not stored then.
    pub fn put_token(&mut self, token: &UserToken) -> Result<(), StoreError> {
        put_token(&self.connection, token).map_err(|e| explain(&self.path, e))
    }

    /// Removes a token, a user's or one of the API; says whether there was one.
    ///
    /// # Errors
    /// It is not removed then.
    pub fn delete_token(&mut self, hash: &str) -> Result<bool, StoreError> {
        let delete = || -> rusqlite::Result<usize> {
            let tokens = self
                .connection
                .execute("DELETE FROM tokens WHERE hash = ?1", [hash])?;
            let api = self
                .connection
                .execute("DELETE FROM api_tokens WHERE hash = ?1", [hash])?;
            Ok(tokens + api)
        };
        Ok(delete().map_err(|e| explain(&self.path, e))? > 0)
    }

    /// All users' tokens.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn tokens(&self) -> Result<Vec<UserToken>, StoreError> {
        self.tokens_from("tokens")
    }

    fn tokens_from(&self, table: &str) -> Result<Vec<UserToken>, StoreError> {
        let sql =
            format!("SELECT hash, user, created, expires FROM {table} ORDER BY created, hash");
        let read = || -> rusqlite::Result<Vec<_>> {
            let mut all = self.connection.prepare(&sql)?;
            let rows = all.query_map([], |row| {
                Ok(UserToken {
                    hash: row.get(0)?,
                    user: row.get::<_, String>(1)?.into(),
                    created: Wall(row.get(2)?),
                    expires: row.get::<_, Option<i64>>(3)?.map(Wall),
                })
            })?;
            rows.collect()
        };
        read().map_err(|e| explain(&self.path, e))
    }

    /// Stores a token of the API.
    ///
    /// # Errors
    /// It is not stored then.
    pub fn put_api_token(&mut self, token: &ApiToken) -> Result<(), StoreError> {
        let roles = serde_json::to_string(&token.roles)?;
        self.connection
            .execute(
                "INSERT OR REPLACE INTO api_tokens (hash, name, roles, created, expires) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![token.hash, token.name, roles, token.created.0, token.expires.map(|w| w.0)],
            )
            .map_err(|e| explain(&self.path, e))?;
        Ok(())
    }

    /// All tokens of the API.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn api_tokens(&self) -> Result<Vec<ApiToken>, StoreError> {
        let read = || -> rusqlite::Result<Vec<(ApiToken, String)>> {
            let mut all = self.connection.prepare(
                "SELECT hash, name, created, expires, roles FROM api_tokens ORDER BY created, hash",
            )?;
            let rows = all.query_map([], |row| {
                let token = ApiToken {
                    hash: row.get(0)?,
                    name: row.get(1)?,
                    roles: Vec::new(),
                    created: Wall(row.get(2)?),
                    expires: row.get::<_, Option<i64>>(3)?.map(Wall),
                };
                Ok((token, row.get(4)?))
            })?;
            rows.collect()
        };
        let rows = read().map_err(|e| explain(&self.path, e))?;
        rows.into_iter()
            .map(|(token, roles)| {
                let roles = serde_json::from_str(&roles)?;
                Ok(ApiToken { roles, ..token })
            })
            .collect()
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

    fn entries<T: DeserializeOwned>(&self, table: &str, kind: &str) -> Result<Vec<T>, StoreError> {
        let sql = format!("SELECT record FROM {table} WHERE kind = ?1 ORDER BY position");
        self.records(&sql, [kind])
    }

    fn records<T: DeserializeOwned>(
        &self,
        sql: &str,
        params: impl rusqlite::Params,
    ) -> Result<Vec<T>, StoreError> {
        records(&self.connection, sql, params, &self.path)
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

/// An entry as it is stored: kind, key, record.
type Row = (&'static str, String, String);

fn row(kind: &'static str, name: &str, record: &impl Serialize) -> serde_json::Result<Row> {
    Ok((kind, name.to_lowercase(), serde_json::to_string(record)?))
}

/// Every part of a directory as a row.
fn rows_of(directory: &Builder) -> impl Iterator<Item = serde_json::Result<Row>> + '_ {
    let users = directory
        .users
        .iter()
        .map(|u| row("user", u.id.as_str(), u));
    let app_users = directory.app_users.iter();
    let app_users = app_users.map(|u| row("app_user", u.id.as_str(), u));
    let devices = directory
        .devices
        .iter()
        .map(|d| row("device", d.name.as_str(), d));
    let profiles = directory.profiles.iter();
    let profiles = profiles.map(|p| row("profile", p.name.as_str(), p));
    users.chain(app_users).chain(devices).chain(profiles)
}

/// The same of a directory that is put together.
fn rows_in(directory: &Directory) -> impl Iterator<Item = serde_json::Result<Row>> + '_ {
    let users = directory.end_users();
    let users = users.map(|u| row("user", u.id.as_str(), &**u));
    let app_users = directory.app_users();
    let app_users = app_users.map(|u| row("app_user", u.id.as_str(), &**u));
    let devices = directory.devices();
    let devices = devices.map(|d| row("device", d.name.as_str(), &**d));
    let profiles = directory.profiles();
    let profiles = profiles.map(|p| row("profile", p.name.as_str(), &**p));
    users.chain(app_users).chain(devices).chain(profiles)
}

fn key_of(entry: &Entry) -> (&'static str, &str) {
    match entry {
        Entry::User(id) => ("user", id.as_str()),
        Entry::AppUser(id) => ("app_user", id.as_str()),
        Entry::Device(name) => ("device", name.as_str()),
        Entry::Profile(name) => ("profile", name.as_str()),
    }
}

/// An entry as it is stored; `None` when the directory does not have it.
fn record_of(directory: &Directory, entry: &Entry) -> Result<Option<String>, StoreError> {
    fn text<T: Serialize>(found: Option<&Arc<T>>) -> serde_json::Result<Option<String>> {
        found
            .map(|entry| serde_json::to_string(&**entry))
            .transpose()
    }
    Ok(match entry {
        Entry::User(id) => text(directory.end_user(id.as_str())),
        Entry::AppUser(id) => text(directory.app_user(id.as_str())),
        Entry::Device(name) => text(directory.device(name.as_str())),
        Entry::Profile(name) => text(directory.profile(name.as_str())),
    }?)
}

fn put_token(connection: &Connection, token: &UserToken) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT OR REPLACE INTO tokens (hash, user, created, expires) VALUES (?1, ?2, ?3, ?4)",
        params![
            token.hash,
            token.user.as_str(),
            token.created.0,
            token.expires.map(|w| w.0)
        ],
    )?;
    Ok(())
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

fn records<T: DeserializeOwned>(
    connection: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
    path: &Path,
) -> Result<Vec<T>, StoreError> {
    let unavailable = |error| explain(path, error);
    let mut all = connection.prepare(sql).map_err(unavailable)?;
    let mut rows = all.query(params).map_err(unavailable)?;
    let mut records = Vec::new();
    // Read one by one: the texts of a big directory are never there all at once.
    while let Some(row) = rows.next().map_err(unavailable)? {
        let text = row.get_ref(0).map_err(unavailable)?;
        let text = text.as_str().map_err(|e| unavailable(e.into()))?;
        records.push(serde_json::from_str(text)?);
    }
    Ok(records)
}

fn fact(connection: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT value FROM facts WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()
}

fn put_fact(
    connection: &Connection,
    name: &str,
    value: impl Serialize + AsRef<str>,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO facts (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2")?
        .execute(params![name, value.as_ref()])?;
    Ok(())
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
