//! The back ends. Each is chosen by configuration at run time.

pub(crate) mod backup;
pub(crate) mod cti;
pub(crate) mod directory;
pub(crate) mod mobility;
mod preferences;
pub(crate) mod sqlite;
mod tokens;
