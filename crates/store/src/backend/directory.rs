//! The directory at rest: an entry a row, in the order of the configuration; who sits where; the lab's seeded state.

use super::sqlite::{Store, explain, fact, put_fact};
use super::tokens::put_token;
use crate::{StoreError, UserToken};
use cordboard_core::directory::{Builder, Directory, Draft, Entry, folded};
use cordboard_core::exchange::MobilityLogin;
use rusqlite::{Connection, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashSet;
use std::path::Path;

/// A seeded state: directory, logins, tokens.
pub type Seeded = (Builder, Vec<MobilityLogin>, Vec<UserToken>);

impl Store {
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

    /// Replaces the whole directory and adds these logins and tokens to those that are there and still fit. Answers the users'
    /// tokens that are there then.
    ///
    /// # Errors
    /// Nothing is replaced then.
    pub fn import(
        &mut self,
        directory: &Directory,
        logins: Vec<MobilityLogin>,
        tokens: Vec<UserToken>,
    ) -> Result<Vec<UserToken>, StoreError> {
        let seats: HashSet<String> = logins.iter().map(|l| folded(l.device.as_str())).collect();
        let mut kept = self.logins()?;
        kept.retain(|l| l.fits(directory) && !seats.contains(&folded(l.device.as_str())));
        kept.extend(logins);
        let mut all = self.tokens()?;
        all.retain(|token| directory.end_user(token.user.as_str()).is_some());
        all.extend(tokens);
        self.replace(rows_in(directory), &kept, Some(&all))?;
        Ok(all)
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
            let device = folded(login.device.as_str());
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
            transaction.execute(
                "DELETE FROM webdialer_preferences WHERE user NOT IN (SELECT name FROM entries WHERE kind = 'user')",
                [],
            )?;
            transaction.execute(
                "DELETE FROM last_users WHERE device NOT IN (SELECT name FROM entries WHERE kind = 'device')
                 OR user_key NOT IN (SELECT name FROM entries WHERE kind = 'user')",
                [],
            )?;
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

    /// The stored directory.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn directory(&self) -> Result<Draft, StoreError> {
        let mut draft = Draft::default();
        self.entries("entries", "user", |user| draft.user(&user))?;
        self.entries("entries", "app_user", |user| draft.app_user(&user))?;
        self.entries("entries", "device", |device| draft.device(&device))?;
        self.entries("entries", "profile", |profile| draft.profile(&profile))?;
        Ok(draft)
    }

    /// The same as parts.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn parts(&self) -> Result<Builder, StoreError> {
        self.builder_from("entries")
    }

    fn builder_from(&self, table: &'static str) -> Result<Builder, StoreError> {
        let mut parts = Builder::default();
        self.entries(table, "user", |user| parts.users.push(user))?;
        self.entries(table, "app_user", |user| parts.app_users.push(user))?;
        self.entries(table, "device", |device| parts.devices.push(device))?;
        self.entries(table, "profile", |profile| parts.profiles.push(profile))?;
        Ok(parts)
    }

    /// Who sat where.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn logins(&self) -> Result<Vec<MobilityLogin>, StoreError> {
        self.records("SELECT record FROM logins ORDER BY number", [])
    }

    /// Stores, replaces or removes these entries as they are in a directory, all or nothing. Of removed users the tokens and the
    /// choices go too, and of whatever is removed the logins.
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
            rows.push((kind, name, folded(name), record));
        }
        let mut over = Vec::new();
        if rows.iter().any(|(_, _, _, record)| record.is_none()) {
            over = self.logins()?;
            over.retain(|login| !login.fits(directory));
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
                if record.is_none() {
                    transaction
                        .prepare_cached(
                            "DELETE FROM last_users WHERE (?1 = 'device' AND device = ?2) OR (?1 = 'user' AND user_key = ?2)",
                        )?
                        .execute(params![kind, name])?;
                }
                if *kind == "user" && record.is_none() {
                    transaction
                        .prepare_cached("DELETE FROM tokens WHERE user = ?1 OR lower(user) = ?2")?
                        .execute(params![id, name])?;
                    transaction
                        .prepare_cached("DELETE FROM webdialer_preferences WHERE user = ?1")?
                        .execute([name])?;
                }
            }
            for login in &over {
                let device = folded(login.device.as_str());
                transaction.execute("DELETE FROM logins WHERE device = ?1", [device])?;
            }
            put_fact(&transaction, "seeded", "true")?;
            transaction.commit()
        };
        store().map_err(|e| explain(&self.path, e))
    }

    fn entries<T: DeserializeOwned>(
        &self,
        table: &'static str,
        kind: &str,
        take: impl FnMut(T),
    ) -> Result<(), StoreError> {
        let sql = format!("SELECT record FROM {table} WHERE kind = ?1 ORDER BY position");
        records(&self.connection, &sql, [kind], &self.path, take)
    }

    pub(super) fn records<T: DeserializeOwned>(
        &self,
        sql: &str,
        params: impl rusqlite::Params,
    ) -> Result<Vec<T>, StoreError> {
        let mut all = Vec::new();
        records(&self.connection, sql, params, &self.path, |it| all.push(it))?;
        Ok(all)
    }
}

/// An entry as it is stored: kind, key, record.
type Row = (&'static str, String, String);

fn row(kind: &'static str, name: &str, record: &impl Serialize) -> serde_json::Result<Row> {
    Ok((kind, folded(name), serde_json::to_string(record)?))
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
    let users = users.map(|u| row("user", u.id.as_str(), &u));
    let app_users = directory.app_users();
    let app_users = app_users.map(|u| row("app_user", u.id.as_str(), &u));
    let devices = directory.devices();
    let devices = devices.map(|d| row("device", d.name.as_str(), &d));
    let profiles = directory.profiles();
    let profiles = profiles.map(|p| row("profile", p.name.as_str(), &p));
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
    fn text(found: Option<impl Serialize>) -> serde_json::Result<Option<String>> {
        found.as_ref().map(serde_json::to_string).transpose()
    }
    Ok(match entry {
        Entry::User(id) => text(directory.end_user(id.as_str())),
        Entry::AppUser(id) => text(directory.app_user(id.as_str())),
        Entry::Device(name) => text(directory.device(name.as_str())),
        Entry::Profile(name) => text(directory.profile(name.as_str())),
    }?)
}

fn records<T: DeserializeOwned>(
    connection: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
    path: &Path,
    mut take: impl FnMut(T),
) -> Result<(), StoreError> {
    let unavailable = |error| explain(path, error);
    let mut all = connection.prepare(sql).map_err(unavailable)?;
    let mut rows = all.query(params).map_err(unavailable)?;
    // Read one by one: the texts of a big directory are never there all at once.
    while let Some(row) = rows.next().map_err(unavailable)? {
        let text = row.get_ref(0).map_err(unavailable)?;
        let text = text.as_str().map_err(|e| unavailable(e.into()))?;
        take(serde_json::from_str(text)?);
    }
    Ok(())
}
