//! The back ends. Each is chosen by configuration at run time.

pub(crate) mod sqlite;
