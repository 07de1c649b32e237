//! The back ends. Each is chosen by configuration at run time.

pub(crate) mod directory;
mod preferences;
pub(crate) mod sqlite;
mod tokens;
