//! What users chose on pages: one text for each user, whose form is the page's business.

use super::sqlite::{Store, explain};
use crate::StoreError;
use rusqlite::params;

impl Store {
    /// What users chose, by their ids in small letters.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn all_preferences(&self) -> Result<Vec<(String, String)>, StoreError> {
        self.connection
            .prepare("SELECT user, record FROM webdialer_preferences")
            .and_then(|mut read| {
                let rows = read.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
                rows.collect()
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
