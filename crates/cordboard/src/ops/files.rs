//! How many files the process may have open, and how the listeners share them.

use super::config::Config;

/// Number of files that no connection takes: for the store, the listeners, logs, connections to others and health checks.
const KEPT: usize = 256;

/// The connections of one kind of listener.
#[derive(Debug)]
struct Share<'a> {
    setting: &'static str,
    all: &'a mut usize,
    per_peer: &'a mut usize,
    is_open: bool,
}

/// Raises the process's limit of open files as far as it may, and shares the files between the listeners that are open, so that
/// all their connections together fit below it. Warns if a listener gets fewer connections than its setting says.
pub fn share(config: &mut Config) {
    let files = match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(files) => usize::try_from(files).unwrap_or(usize::MAX),
        Err(error) => {
            tracing::warn!(%error, "the limit of open files could not be raised");
            return;
        }
    };
    let is_open = |places: [&String; 2]| places.iter().any(|place| *place != "off");
    let listen = &config.listen;
    let shares = [
        Share {
            setting: "limits.connections",
            is_open: is_open([&listen.http, &listen.https]),
            all: &mut config.limits.connections,
            per_peer: &mut config.limits.connections_per_peer,
        },
        Share {
            setting: "broker.max_connections",
            is_open: is_open([&listen.openwire, &listen.openwire_tls]),
            all: &mut config.broker.max_connections,
            per_peer: &mut config.broker.max_connections_per_peer,
        },
    ];
    let wanted = shares.each_ref().map(|share| match share.is_open {
        true => *share.all,
        false => 0,
    });
    for (share, fitting) in shares.into_iter().zip(fitting(wanted, files)) {
        let wanted = *share.all;
        if !share.is_open || fitting >= wanted {
            continue;
        }
        tracing::warn!(
            files,
            setting = share.setting,
            wanted,
            "only {fitting} connections fit below the limit of open files; raise it (ulimit -Hn, LimitNOFILE=)"
        );
        // One address must not fill a listener that it could not have filled before.
        *share.per_peer = (*share.per_peer * fitting / wanted).max(1);
        *share.all = fitting;
    }
}

/// How many connections each listener may have. What one does not want the other has; at least half of the files are for
/// connections, however few there are.
fn fitting(wanted: [usize; 2], files: usize) -> [usize; 2] {
    let room = files.saturating_sub(KEPT).max(files / 2);
    let [one, other] = wanted;
    if one.saturating_add(other) <= room {
        return wanted;
    }
    let half = room / 2;
    let first = one.min(half.max(room.saturating_sub(other)));
    [first, other.min(room - first)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_connections_together_fit_below_the_files_with_room_for_others() {
        for (wanted, files, fit) in [
            ([12_000, 10_000], 30_000, [12_000, 10_000]),
            ([12_000, 10_000], 4_096, [1_920, 1_920]),
            ([12_000, 0], 4_096, [3_840, 0]),
            ([12_000, 100], 4_096, [3_740, 100]),
            ([100, 10_000], 4_096, [100, 3_740]),
            ([12_000, 10_000], 100, [25, 25]),
            ([1, 1], 0, [0, 0]),
        ] {
            assert_eq!(fitting(wanted, files), fit, "{wanted:?} in {files}");
        }
    }

    #[test]
    fn every_listener_is_in_the_one_plan() {
        let mut config = Config::lab();
        config.limits.connections = usize::MAX / 4;
        config.broker.max_connections = usize::MAX / 4;
        config.limits.connections_per_peer = 1;
        config.broker.max_connections_per_peer = 1;
        share(&mut config);
        let files = usize::try_from(rlimit::Resource::NOFILE.get_soft().unwrap()).unwrap();
        let together = config.limits.connections + config.broker.max_connections;
        assert!(together <= files.saturating_sub(KEPT).max(files / 2));
    }
}
