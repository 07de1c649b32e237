//! How many files the process may have open, and how the listeners share them.
//!
//! Open files belong to the process, and so does their count: each connection of each listener takes its file from the one
//! plan made at start, and gives it back when it ends.

use super::config::Config;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Number of files that no connection takes: for the store, the listeners, logs, connections to others and health checks.
const KEPT: usize = 256;

/// The part of the files that one listener leaves to the other: a quarter.
const LEFT: usize = 4;

/// Maximum number of connections of all listeners together; without a plan there is no bound.
static ROOM: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Connections of all listeners.
static USED: AtomicUsize = AtomicUsize::new(0);

/// The file of a connection; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place(());

impl Place {
    /// Takes a file for a connection, unless that would leave fewer than `kept` for others.
    pub(crate) fn take(kept: usize) -> Option<Self> {
        let room = ROOM.load(Relaxed).saturating_sub(kept);
        let more = |used: usize| (used < room).then_some(used + 1);
        USED.fetch_update(Relaxed, Relaxed, more).ok()?;
        Some(Self(()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        USED.fetch_sub(1, Relaxed);
    }
}

/// Raises the process's limit of open files as far as it may, and makes the one plan of them for all listeners that are open. Each
/// may have the connections of its setting as long as there are files, and leaves some to the other. Warns if a listener cannot
/// have the connections of its setting even when the others have none.
pub fn plan(config: &mut Config) {
    let files = match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(files) => usize::try_from(files).unwrap_or(usize::MAX),
        Err(error) => {
            tracing::warn!(%error, "the limit of open files could not be raised");
            return;
        }
    };
    let is_open = |places: [&String; 2]| places.iter().any(|place| *place != "off");
    let listen = &config.listen;
    let open = [
        is_open([&listen.http, &listen.https]),
        is_open([&listen.openwire, &listen.openwire_tls]),
    ];
    let (limits, broker) = (&mut config.limits, &mut config.broker);
    let mut settings = [
        (
            "limits.connections",
            &mut limits.connections,
            &mut limits.connections_per_peer,
        ),
        (
            "broker.max_connections",
            &mut broker.max_connections,
            &mut broker.max_connections_per_peer,
        ),
    ];
    let wanted = [0, 1].map(|at| if open[at] { *settings[at].1 } else { 0 });
    let room = room(files);
    ROOM.store(room, Relaxed);
    for ((setting, all, per_peer), fitting) in settings.iter_mut().zip(fitting(wanted, room)) {
        let wanted = **all;
        if fitting == 0 || fitting >= wanted {
            continue;
        }
        tracing::warn!(
            files,
            setting,
            wanted,
            "only {fitting} connections fit below the limit of open files; raise it (ulimit -Hn, LimitNOFILE=)"
        );
        // One address must not fill a listener that it could not have filled before.
        **per_peer = (**per_peer * fitting / wanted).max(1);
        **all = fitting;
    }
}

/// Number of files for connections: at least half of all, however few there are.
fn room(files: usize) -> usize {
    files.saturating_sub(KEPT).max(files / 2)
}

/// Maximum number of connections of each listener, for what each wants; 0 for one that is off.
fn fitting([one, other]: [usize; 2], room: usize) -> [usize; 2] {
    let beside = |wanted: usize, other: usize| match wanted {
        0 => 0,
        wanted => wanted.min(room - other.min(room / LEFT)).max(1),
    };
    [beside(one, other), beside(other, one)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_has_what_it_wants_as_far_as_files_go_and_leaves_some_to_the_other() {
        for (wanted, files, fit) in [
            ([12_000, 10_000], 30_000, [12_000, 10_000]),
            ([12_000, 10_000], 20_000, [12_000, 10_000]),
            ([12_000, 10_000], 4_096, [2_880, 2_880]),
            ([12_000, 0], 4_096, [3_840, 0]),
            ([12_000, 100], 4_096, [3_740, 100]),
            ([12_000, 10_000], 100, [38, 38]),
            ([1, 1], 0, [1, 1]),
        ] {
            assert_eq!(fitting(wanted, room(files)), fit, "{wanted:?} in {files}");
        }
    }

    /// The plan is the process's, so this is the one test that changes it; others only take places within it.
    #[test]
    fn every_listener_takes_its_connections_from_the_one_plan() {
        let mut config = Config::lab();
        config.limits.connections = usize::MAX / 4;
        config.broker.max_connections = usize::MAX / 4;
        config.limits.connections_per_peer = 1;
        config.broker.max_connections_per_peer = 1;
        plan(&mut config);
        let files = usize::try_from(rlimit::Resource::NOFILE.get_soft().unwrap()).unwrap();
        let room = room(files);
        assert!(config.limits.connections < room && config.broker.max_connections < room);
        let taken: Vec<Place> = std::iter::from_fn(|| Place::take(KEPT)).collect();
        assert!(taken.len() <= room - KEPT, "{} of {room}", taken.len());
        assert!(Place::take(0).is_some(), "some are kept for others");
        drop(taken);
        assert!(Place::take(KEPT).is_some());
    }
}
