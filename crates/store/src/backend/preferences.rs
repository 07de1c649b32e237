//! What users chose on pages: one text for each user, whose form is the page's business.

use super::sqlite::{Store, explain};
use crate::StoreError;
use rusqlite::{OptionalExtension, params};

impl Store {
    /// What a user chose, if he did.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn preferences(&self, user: &str) -> Result<Option<String>, StoreError> {
        self.connection
            .prepare_cached("SELECT record FROM webdialer_preferences WHERE user = ?1")
            .and_then(|mut read| {
                read.query_row([user.to_lowercase()], |row| row.get(0))
                    .optional()
            })
            .map_err(|e| explain(&self.path, e))
    }

    /// Stores what a user chose.
    ///
    /// # Errors
    /// What he chose before stays then.
    pub fn put_preferences(&mut self, user: &str, record: &str) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "INSERT INTO webdialer_preferences (user, record) VALUES (?1, ?2)
                 ON CONFLICT (user) DO UPDATE SET record = ?2",
            )
            .and_then(|mut put| put.execute(params![user.to_lowercase(), record]))
            .map(|_| ())
            .map_err(|e| explain(&self.path, e))
    }

    /// Forgets what anybody chose (lab reset).
    ///
    /// # Errors
    /// Nothing is forgotten then.
    pub fn forget_preferences(&mut self) -> Result<(), StoreError> {
        self.connection
            .execute("DELETE FROM webdialer_preferences", [])
            .map(|_| ())
            .map_err(|e| explain(&self.path, e))
    }
}
