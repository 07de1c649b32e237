//! How many files the process may have open, and what that means for connections.

/// So many are left for the store, the listeners, logs and whatever is read at start.
const OTHERS: usize = 128;

/// Raises the process's limit as far as it may and answers how many connections fit below it, at most `wanted`, which is the value
/// of a setting. Warns when that is fewer.
pub fn make_room(setting: &str, wanted: usize) -> usize {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(files) => {
            let fitting = fitting(wanted, usize::try_from(files).unwrap_or(usize::MAX));
            if fitting < wanted {
                tracing::warn!(
                    files,
                    setting,
                    wanted,
                    "only {fitting} connections fit below the limit of open files; raise it (ulimit -Hn, LimitNOFILE=)"
                );
            }
            fitting
        }
        Err(error) => {
            tracing::warn!(%error, "the limit of open files could not be raised");
            wanted
        }
    }
}

/// At least half of the files are for connections, however few there are.
fn fitting(wanted: usize, files: usize) -> usize {
    wanted.min(files.saturating_sub(OTHERS).max(files / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_fit_below_the_files_with_room_for_others() {
        assert_eq!(fitting(12_000, 20_000), 12_000);
        assert_eq!(fitting(12_000, 4_096), 3_968);
        assert_eq!(fitting(12_000, 100), 50);
    }
}
