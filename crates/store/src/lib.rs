//! What survives a restart: calls, the directory, logins, tokens.
//!
//! One [`Store`] writes, any number of [`Reader`]s read beside it. What [`Store::commit`] has returned from survives the
//! death of the process. The only place with SQL. Passwords are hashed in [`passwords`].

mod backend;
pub mod passwords;
mod tokens;

pub use backend::backup::{Restored, restore, verify};
pub use backend::cti::CtiFact;
pub use backend::directory::Seeded;
pub use backend::mobility::HistoryWish;
pub use backend::sqlite::{Looked, Reader, Store, Sync};
pub use tokens::{ApiToken, UserToken, token_id};

use thiserror::Error;

/// Why something could not be stored or read.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The file is not a database, or not whole any more. It was not changed.
    #[error("{path} is damaged or not a cordboard database ({reason}); it was left as it is")]
    Damaged {
        /// The file.
        path: String,
        /// What the database library says.
        reason: String,
    },
    /// The file was written by a later version. It was not changed.
    #[error(
        "{path} was written by a newer cordboard (schema {found}, this one knows {known}); it was left as it is"
    )]
    Newer {
        /// The file.
        path: String,
        /// Its schema.
        found: usize,
        /// The newest this program knows.
        known: usize,
    },
    /// Another process has it.
    #[error("{path} is in use by another process")]
    InUse {
        /// The file.
        path: String,
    },
    /// A file of that name is there already; it was not changed.
    #[error("{path} is there already; it was left as it is")]
    Exists {
        /// The file.
        path: String,
    },
    /// Anything else: no space, no permission, a failing disk.
    #[error("cannot use {path}: {source}")]
    Unavailable {
        /// The file.
        path: String,
        /// What the database library says.
        source: rusqlite::Error,
    },
    /// A record that cannot be read.
    #[error("a stored record cannot be read: {0}")]
    Record(#[from] serde_json::Error),
    /// A call that cannot be written.
    #[error("a call cannot be stored: {0}")]
    Write(#[from] rmp_serde::encode::Error),
    /// A stored call that cannot be read.
    #[error("a stored call cannot be read: {0}")]
    Read(#[from] rmp_serde::decode::Error),
}
