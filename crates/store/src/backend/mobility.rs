//! Who sits where at rest: logins, who was the last at a device, the logins that are over, and takeovers.

use super::sqlite::{Reader, Store, explain};
use crate::StoreError;
use cordboard_core::Wall;
use cordboard_core::directory::folded;
use cordboard_core::exchange::{EndedLogin, MobilityLogin, Record, Takeover};
use cordboard_core::ids::{DeviceName, UserId};
use rusqlite::{Transaction, params};

/// A change of a login, with its record written down.
pub(super) enum SeatChange<'a> {
    Login(&'a MobilityLogin, String),
    Logout(&'a EndedLogin, String),
    Takeover(&'a DeviceName, String),
    TakeoverOver(&'a DeviceName),
}

impl<'a> SeatChange<'a> {
    /// What a record changes, if it is about a login.
    pub(super) fn of(record: &'a Record) -> serde_json::Result<Option<Self>> {
        Ok(match record {
            Record::Login(login) => Some(Self::Login(login, serde_json::to_string(login)?)),
            Record::Logout(ended) => Some(Self::Logout(ended, serde_json::to_string(ended)?)),
            Record::Takeover(takeover) => Some(Self::Takeover(
                &takeover.device,
                serde_json::to_string(takeover)?,
            )),
            Record::TakeoverOver(device) => Some(Self::TakeoverOver(device)),
            Record::Call(_) | Record::Counters(_) => None,
        })
    }

    pub(super) fn put(&self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        match self {
            Self::Login(login, record) => {
                transaction
                    .prepare_cached(
                        "INSERT OR REPLACE INTO logins (device, record) VALUES (?1, ?2)",
                    )?
                    .execute(params![folded(login.device.as_str()), record])?;
            }
            Self::Logout(ended, record) => {
                let login = &ended.login;
                let (device, user) = (folded(login.device.as_str()), folded(login.user.as_str()));
                transaction
                    .prepare_cached("DELETE FROM logins WHERE device = ?1")?
                    .execute([&device])?;
                transaction
                    .prepare_cached(
                        "INSERT OR REPLACE INTO last_users (device, name, user_key, user) VALUES (?1, ?2, ?3, ?4)",
                    )?
                    .execute(params![device, login.device.as_str(), user, login.user.as_str()])?;
                transaction
                    .prepare_cached(
                        "INSERT INTO mobility_history (device, user_key, ended, record) VALUES (?1, ?2, ?3, ?4)",
                    )?
                    .execute(params![device, user, ended.at.0, record])?;
            }
            Self::Takeover(device, record) => {
                transaction
                    .prepare_cached(
                        "INSERT OR REPLACE INTO takeovers (device, record) VALUES (?1, ?2)",
                    )?
                    .execute(params![folded(device.as_str()), record])?;
            }
            Self::TakeoverOver(device) => {
                transaction
                    .prepare_cached("DELETE FROM takeovers WHERE device = ?1")?
                    .execute([folded(device.as_str())])?;
            }
        }
        Ok(())
    }
}

impl Store {
    /// Who was the last at each device.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn last_users(&self) -> Result<Vec<(DeviceName, UserId)>, StoreError> {
        let read = || -> rusqlite::Result<Vec<(DeviceName, UserId)>> {
            let sql = "SELECT name, user FROM last_users ORDER BY device";
            let mut all = self.connection.prepare(sql)?;
            let rows = all.query_map([], |row| {
                let (name, user): (String, String) = (row.get(0)?, row.get(1)?);
                Ok((name.into(), user.into()))
            })?;
            rows.collect()
        };
        read().map_err(|e| explain(&self.path, e))
    }

    /// The takeovers that were under way or could be undone.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn takeovers(&self) -> Result<Vec<Takeover>, StoreError> {
        self.records("SELECT record FROM takeovers ORDER BY device", [])
    }

    /// Forgets the logins that ended before this time, at most so many, the oldest first. Answers how many those were.
    ///
    /// # Errors
    /// Nothing is forgotten then.
    pub fn prune_mobility_history(
        &mut self,
        before: Wall,
        at_most: usize,
    ) -> Result<usize, StoreError> {
        let at_most = i64::try_from(at_most).unwrap_or(i64::MAX);
        self.connection
            .prepare_cached(
                "DELETE FROM mobility_history WHERE ended < ?1
                 AND number IN (SELECT number FROM mobility_history ORDER BY number LIMIT ?2)",
            )
            .and_then(|mut prune| prune.execute(params![before.0, at_most]))
            .map_err(|e| explain(&self.path, e))
    }
}

/// Which logins that are over are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryWish {
    /// Only this user's.
    pub user: Option<UserId>,
    /// Only at this device.
    pub device: Option<DeviceName>,
    /// Only before the one with this number.
    pub before: Option<i64>,
}

impl Reader {
    /// Logins that are over, with their numbers, the latest first, at most `limit`.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn mobility_history(
        &self,
        wish: &HistoryWish,
        limit: usize,
    ) -> Result<Vec<(i64, EndedLogin)>, StoreError> {
        let read = || -> rusqlite::Result<Vec<(i64, String)>> {
            let mut all = self.connection.prepare_cached(
                "SELECT number, record FROM mobility_history
                 WHERE number < ?1 AND (?2 IS NULL OR user_key = ?2) AND (?3 IS NULL OR device = ?3)
                 ORDER BY number DESC LIMIT ?4",
            )?;
            let user = wish.user.as_ref().map(|user| folded(user.as_str()));
            let device = wish.device.as_ref().map(|device| folded(device.as_str()));
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let before = wish.before.unwrap_or(i64::MAX);
            let rows = all.query_map(params![before, user, device, limit], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
            rows.collect()
        };
        let rows = read().map_err(|e| explain(&self.path, e))?;
        rows.into_iter()
            .map(|(number, record)| Ok((number, serde_json::from_str(&record)?)))
            .collect()
    }
}
