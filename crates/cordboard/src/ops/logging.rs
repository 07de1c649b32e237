//! Structured logs, to standard error. Lines read alone and carry fields; secrets print as dots.

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging. `CORDBOARD_LOG` chooses what is shown (`info`, `warn,cordboard=debug` …); what cannot be read is said and
/// `default` taken.
pub fn start(format: LogFormat, default: &str) {
    let wish = std::env::var("CORDBOARD_LOG").unwrap_or_default();
    let usual = || default.parse().unwrap_or_else(|_| Targets::new());
    let (shown, unread): (Targets, bool) = match wish.parse() {
        Ok(targets) if !wish.is_empty() => (targets, false),
        Ok(_) => (usual(), false),
        Err(_) => (usual(), true),
    };
    let layer = match format {
        LogFormat::Text => fmt::layer().with_writer(std::io::stderr).boxed(),
        LogFormat::Json => fmt::layer().json().with_writer(std::io::stderr).boxed(),
    };
    let subscriber = tracing_subscriber::registry().with(layer.with_filter(shown));
    // A second start in one process (tests) keeps the first.
    let _ = subscriber.try_init();
    if unread {
        tracing::warn!(%wish, "CORDBOARD_LOG cannot be read; it must be like `info` or `warn,cordboard=debug`");
    }
}
