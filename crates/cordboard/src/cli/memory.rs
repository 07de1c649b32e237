//! Which dialect a server spoke last time, so that the next command asks for that one first. A cache: whatever is wrong with its
//! file, commands work without it.

use cordboard_client::webdialer::DialectChoice;
use cordboard_wire::webdialer::Dialect;
use etcetera::BaseStrategy;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// So many servers are remembered; with one more all are forgotten.
const SERVERS: usize = 1_000;

/// The memory's file, in the user's cache folder.
fn file() -> Option<PathBuf> {
    let base = etcetera::choose_base_strategy().ok()?;
    Some(base.cache_dir().join("cordboard").join("dialects.json"))
}

fn read() -> BTreeMap<String, String> {
    let text = file().and_then(|file| std::fs::read_to_string(file).ok());
    text.and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default()
}

/// Addresses are remembered as they were typed, but for slashes at the end.
fn key(server: &str) -> &str {
    server.trim_end_matches('/')
}

/// What this server spoke last time.
pub(super) fn likely(server: &str) -> Option<Dialect> {
    match read().get(key(server))?.parse().ok()? {
        DialectChoice::Fixed(dialect) => Some(dialect),
        DialectChoice::Auto => None,
    }
}

/// Remembers what this server spoke.
pub(super) fn learn(server: &str, dialect: Dialect) {
    if likely(server) == Some(dialect) {
        return;
    }
    let Some(file) = file() else { return };
    let mut known = read();
    if known.len() >= SERVERS {
        known.clear();
    }
    let word = match dialect {
        Dialect::Axis2 => "ax2",
        Dialect::Wd70 => "w70",
        Dialect::Legacy => "leg",
    };
    known.insert(key(server).to_owned(), word.to_owned());
    let write = || -> std::io::Result<()> {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        // Another command may be reading: it sees the old file or the new one.
        let fresh = file.with_extension(format!("{}.new", std::process::id()));
        std::fs::write(&fresh, serde_json::to_vec(&known)?)?;
        std::fs::rename(&fresh, &file)
    };
    // A command that was carried out does not fail for its memory.
    let _ = write();
}
