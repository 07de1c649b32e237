//! Tokens at rest, by their hashes: those that stand for users, and those of the API.

use super::sqlite::{Store, explain};
use crate::{ApiToken, StoreError, UserToken};
use cordboard_core::now::Wall;
use rusqlite::{Connection, params};

impl Store {
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

    pub(super) fn tokens_from(&self, table: &'static str) -> Result<Vec<UserToken>, StoreError> {
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
}

pub(super) fn put_token(connection: &Connection, token: &UserToken) -> rusqlite::Result<()> {
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
