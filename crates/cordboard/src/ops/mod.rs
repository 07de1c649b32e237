//! Operations: settings, metrics, logs.

pub mod config;
pub mod logging;
pub mod metrics;
