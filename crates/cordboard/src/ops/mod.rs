//! Operations: settings, metrics, logs, the process's limits.

pub mod config;
pub mod files;
pub mod logging;
pub mod metrics;
