//! The back ends. Each is chosen by configuration at run time.

mod preferences;
pub(crate) mod sqlite;
