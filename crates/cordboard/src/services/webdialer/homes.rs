//! Whose user is it? The other clusters, asked at once; what they said is remembered for a while. [webdialer §8.5]
//!
//! Only configured clusters are ever asked. One that did not answer lately is not waited for, but asked all the same, so
//! that it is found well again; and none is waited for once another has said yes.

use crate::ops::config::{Cluster, Config, Home};
use crate::runtime::clock::Clock;
use anyhow::Context;
use cordboard_client::tls::Trust;
use cordboard_client::webdialer::{ClientError, DialectChoice, Options, WebDialerClient};
use cordboard_wire::webdialer::Dialect;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, watch};

/// A cluster has so many questions of ours to answer at once; further users are not asked for.
const QUESTIONS: usize = 32;
/// The same for one that did not answer lately.
const PROBES: usize = 1;
/// A cluster that did not answer is not waited for during so long, twice as long after each further time …
const BACK_OFF_MS: u64 = 1_000;
/// … and so long at most.
const BACK_OFF_MOST_MS: u64 = 30_000;
/// No user id is longer; who asks for a longer one asks for nobody.
pub const USER_BYTES: usize = 255;
/// The answer to a question is a truth value in an envelope.
const ANSWER_BYTES: usize = 64 * 1024;
/// The names of clusters are looked up again after so long.
const RESOLVED_FOR: Duration = Duration::from_secs(60);
/// A look-up of a name takes no longer.
const RESOLVING: Duration = Duration::from_secs(5);

/// What a cluster said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// The user is its own.
    Yes,
    /// He is not.
    No,
    /// Nothing in time, or nothing that can be understood.
    NoAnswer,
    /// It was not asked: another had said yes before, or it has too many questions to answer.
    NotAsked,
}

impl Said {
    /// For people and for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::NoAnswer => "no answer",
            Self::NotAsked => "not asked",
        }
    }
}

/// What came of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The index of the cluster that said yes.
    pub home: Option<usize>,
    /// What each said, in configuration order.
    pub said: Vec<Said>,
    /// Nobody was asked: it was known from before.
    pub remembered: bool,
}

/// How a cluster is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Its name.
    pub name: String,
    /// Is it waited for?
    pub healthy: bool,
    /// What it said last, when, in milliseconds since 1970, and how many milliseconds that took.
    pub last: Option<(Said, i64, u64)>,
}

/// The other clusters.
#[derive(Debug)]
pub struct Homes {
    peers: Vec<Arc<Peer>>,
    settings: Home,
    clock: Clock,
    /// By user id in small letters.
    memory: Mutex<HashMap<String, Remembered>>,
}

#[derive(Clone, Copy, Debug)]
struct Remembered {
    home: Option<usize>,
    until: u64,
}

#[derive(Debug)]
struct Peer {
    name: String,
    /// In the order in which they are tried.
    clients: [WebDialerClient; 2],
    host: String,
    port: u16,
    addresses: Mutex<Vec<IpAddr>>,
    questions: Arc<Semaphore>,
    probes: Arc<Semaphore>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    /// Not waited for until then.
    until: u64,
    last: Option<(Said, i64, u64)>,
}

impl Homes {
    /// The configured clusters. Reads files.
    ///
    /// # Errors
    /// When the trust in one cannot be set up.
    pub fn new(config: &Config, clock: Clock) -> anyhow::Result<Self> {
        let timeout = Duration::from_millis(config.home.timeout_ms);
        let peers = config
            .clusters
            .iter()
            .map(|cluster| Peer::new(cluster, timeout).map(Arc::new));
        Ok(Self {
            peers: peers.collect::<anyhow::Result<_>>()?,
            settings: config.home.clone(),
            clock,
            memory: Mutex::default(),
        })
    }

    /// Is there no other cluster?
    pub fn is_empty(&self) -> bool {
        self.peers.is_empty()
    }

    /// A cluster's name.
    pub fn name(&self, index: usize) -> Option<&str> {
        self.peers.get(index).map(|peer| peer.name.as_str())
    }

    /// A cluster's configured address: scheme, host and port.
    pub fn address(&self, index: usize) -> Option<&str> {
        let peer = self.peers.get(index)?;
        Some(peer.clients[0].address())
    }

    /// The names of all, in configuration order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.peers.iter().map(|peer| peer.name.as_str())
    }

    /// How they all are.
    pub fn health(&self) -> Vec<Health> {
        let now = self.clock.now().instant.0;
        let peers = self.peers.iter().map(|peer| {
            let state = lock(&peer.state);
            Health {
                name: peer.name.clone(),
                healthy: now >= state.until,
                last: state.last,
            }
        });
        peers.collect()
    }

    /// Asks all for a user. Answers as soon as one says yes, and no once all that answer in time have said so.
    pub async fn find(self: &Arc<Self>, user: &str) -> Found {
        let user = user.trim();
        let mut said = vec![Said::NotAsked; self.peers.len()];
        if user.is_empty() || user.len() > USER_BYTES {
            return Found {
                home: None,
                said,
                remembered: false,
            };
        }
        if let Some(home) = self.remembered(user) {
            match home {
                Some(index) => said[index] = Said::Yes,
                None => said.fill(Said::No),
            }
            return Found {
                home,
                said,
                remembered: true,
            };
        }
        let (answer, mut answers) = mpsc::channel(self.peers.len().max(1));
        let mut awaited = 0;
        for (index, said) in said.iter_mut().enumerate() {
            // One that is not waited for still counts as silent until it says something.
            if let Some(healthy) = self.ask(index, user, answer.clone()) {
                awaited += usize::from(healthy);
                *said = Said::NoAnswer;
            }
        }
        drop(answer);
        while awaited > 0
            && let Some((index, healthy, heard)) = answers.recv().await
        {
            awaited -= usize::from(healthy);
            said[index] = heard;
            if heard == Said::Yes {
                return Found {
                    home: Some(index),
                    said,
                    remembered: false,
                };
            }
        }
        if said.iter().all(|said| *said == Said::No) {
            self.remember(user, None);
        }
        Found {
            home: None,
            said,
            remembered: false,
        }
    }

    /// Puts the question, in a task of its own that outlives whoever waits for it: what it learns counts for the next one.
    /// Answers whether the cluster is well, or nothing if it has too much to do.
    fn ask(
        self: &Arc<Self>,
        index: usize,
        user: &str,
        answer: mpsc::Sender<(usize, bool, Said)>,
    ) -> Option<bool> {
        let peer = self.peers.get(index)?.clone();
        let healthy = self.clock.now().instant.0 >= lock(&peer.state).until;
        let room = match healthy {
            true => &peer.questions,
            false => &peer.probes,
        };
        let permit = Arc::clone(room).try_acquire_owned().ok()?;
        let (homes, user) = (self.clone(), user.to_owned());
        let timeout = Duration::from_millis(self.settings.timeout_ms);
        tokio::spawn(async move {
            let _permit = permit;
            let begun = std::time::Instant::now();
            let asking = tokio::time::timeout(timeout, peer.ask(&user));
            let said = asking.await.unwrap_or(Said::NoAnswer);
            homes.note(&peer, said, begun.elapsed());
            if said == Said::Yes {
                homes.remember(&user, Some(index));
            }
            // Nobody may be waiting any more.
            let _ = answer.send((index, healthy, said)).await;
        });
        Some(healthy)
    }

    fn note(&self, peer: &Peer, said: Said, took: Duration) {
        let now = self.clock.now();
        let mut state = lock(&peer.state);
        if said == Said::NoAnswer {
            let back_off = BACK_OFF_MS.saturating_mul(1 << state.failures.min(16));
            state.failures = state.failures.saturating_add(1);
            state.until = now.instant.0 + back_off.min(BACK_OFF_MOST_MS);
        } else {
            state.failures = 0;
            state.until = 0;
        }
        let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        state.last = Some((said, now.wall.0, took));
    }

    fn remembered(&self, user: &str) -> Option<Option<usize>> {
        let now = self.clock.now().instant.0;
        let memory = lock(&self.memory);
        let known = memory.get(&user.to_lowercase())?;
        (now < known.until).then_some(known.home)
    }

    fn remember(&self, user: &str, home: Option<usize>) {
        if self.settings.remember_s == 0 || self.settings.remembered == 0 {
            return;
        }
        let now = self.clock.now().instant.0;
        let mut memory = lock(&self.memory);
        if memory.len() >= self.settings.remembered {
            memory.retain(|_, known| now < known.until);
        }
        if memory.len() >= self.settings.remembered {
            // The older half at once, so that the next ones need not look at all of them again.
            let mut ends: Vec<u64> = memory.values().map(|known| known.until).collect();
            ends.sort_unstable();
            let middle = ends[ends.len() / 2];
            memory.retain(|_, known| known.until > middle);
        }
        let until = now.saturating_add(self.settings.remember_s.saturating_mul(1_000));
        memory.insert(user.to_lowercase(), Remembered { home, until });
    }

    /// Forgets what was said, as the lab's reset does.
    pub fn forget(&self) {
        lock(&self.memory).clear();
    }

    /// Does a configured cluster have this address?
    pub fn has_address(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.peers
            .iter()
            .any(|peer| lock(&peer.addresses).contains(&address))
    }

    /// Looks the clusters' names up now and then, until the program stops.
    pub async fn keep_resolved(self: Arc<Self>, mut stopping: watch::Receiver<bool>) {
        loop {
            let round = async {
                for peer in &self.peers {
                    peer.resolve().await;
                }
                tokio::time::sleep(RESOLVED_FOR).await;
            };
            // Cancel-safe: a look-up that is given up changes nothing.
            tokio::select! {
                _ = stopping.changed() => return,
                () = round => {}
            }
        }
    }
}

impl Peer {
    fn new(cluster: &Cluster, timeout: Duration) -> anyhow::Result<Self> {
        let trust = match (&cluster.ca, &cluster.pin) {
            (Some(file), _) => Trust::Ca(file.clone()),
            (None, Some(pin)) => Trust::Pin(pin.parse()?),
            (None, None) => Trust::System,
        };
        let client = |dialect| {
            let options = Options {
                dialect: DialectChoice::Fixed(dialect),
                timeout,
                longest_answer: ANSWER_BYTES,
                ..Options::default()
            };
            WebDialerClient::new(&cluster.webdialer, &trust, options)
                .with_context(|| format!("cluster {}", cluster.name))
        };
        let uri: http::Uri = cluster.webdialer.parse()?;
        let host = uri.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let literal = host.parse().map(|ip: IpAddr| ip.to_canonical());
        Ok(Self {
            name: cluster.name.clone(),
            // Servers of every age have the first, or have withdrawn it for the second.
            clients: [client(Dialect::Wd70)?, client(Dialect::Axis2)?],
            host: host.to_owned(),
            port: uri.port_u16().unwrap_or(443),
            addresses: Mutex::new(literal.into_iter().collect()),
            questions: Arc::new(Semaphore::new(QUESTIONS)),
            probes: Arc::new(Semaphore::new(PROBES)),
            state: Mutex::default(),
        })
    }

    async fn ask(&self, user: &str) -> Said {
        for client in &self.clients {
            match client.is_cluster_user(user).await {
                Ok(true) => return Said::Yes,
                Ok(false) => return Said::No,
                // The other service may be there.
                Err(ClientError::NotThisProtocol { .. } | ClientError::Fault { .. }) => {}
                Err(ClientError::Unreachable { .. } | ClientError::Refused { .. }) => break,
            }
        }
        Said::NoAnswer
    }

    async fn resolve(&self) {
        if self.host.parse::<IpAddr>().is_ok() {
            return;
        }
        let looking = tokio::net::lookup_host((self.host.as_str(), self.port));
        // Without an answer the old one stands.
        if let Ok(Ok(found)) = tokio::time::timeout(RESOLVING, looking).await {
            *lock(&self.addresses) = found.map(|place| place.ip().to_canonical()).collect();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn homes(change: impl FnOnce(&mut Config)) -> Homes {
        let mut config = Config::default();
        let cluster = |name: &str, webdialer: &str| Cluster {
            name: name.into(),
            webdialer: webdialer.into(),
            pin: Some("sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".into()),
            ..Cluster::default()
        };
        config.clusters = vec![
            cluster("west", "https://127.0.0.9:8443"),
            cluster("east", "https://[::1]:443/"),
        ];
        change(&mut config);
        Homes::new(&config, Clock::new(0)).unwrap()
    }

    #[test]
    fn an_answer_is_remembered_for_its_time_on_the_clock_in_any_letter_case() {
        let homes = homes(|_| {});
        homes.clock.set_running(false);
        homes.remember("Bill", Some(1));
        homes.remember("nobody", None);
        homes.clock.advance(Duration::from_millis(299_999));
        assert_eq!(homes.remembered("bILL"), Some(Some(1)));
        assert_eq!(homes.remembered("nobody"), Some(None));
        homes.clock.advance(Duration::from_millis(1));
        assert_eq!(homes.remembered("bill"), None);
    }

    #[test]
    fn no_more_users_are_remembered_than_is_set() {
        let homes = homes(|config| config.home.remembered = 4);
        homes.clock.set_running(false);
        for user in 0..40 {
            homes.clock.advance(Duration::from_millis(10));
            homes.remember(&user.to_string(), None);
            assert!(lock(&homes.memory).len() <= 4);
            assert_eq!(homes.remembered(&user.to_string()), Some(None));
        }
    }

    #[test]
    fn a_silent_cluster_is_not_waited_for_twice_as_long_each_time_up_to_half_a_minute() {
        let homes = homes(|_| {});
        homes.clock.set_running(false);
        let waited_for = || homes.health()[0].healthy;
        assert!(waited_for());
        for pause in [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000] {
            homes.note(&homes.peers[0], Said::NoAnswer, Duration::ZERO);
            homes.clock.advance(Duration::from_millis(pause - 1));
            assert!(!waited_for(), "{pause}");
            homes.clock.advance(Duration::from_millis(1));
            assert!(waited_for(), "{pause}");
        }
        homes.note(&homes.peers[0], Said::NoAnswer, Duration::ZERO);
        homes.note(&homes.peers[0], Said::No, Duration::ZERO);
        assert!(waited_for());
    }

    #[test]
    fn the_addresses_of_configured_clusters_are_known_and_no_others() {
        let homes = homes(|_| {});
        for (address, known) in [
            ("127.0.0.9", true),
            ("::ffff:127.0.0.9", true),
            ("::1", true),
            ("127.0.0.1", false),
        ] {
            assert_eq!(homes.has_address(address.parse().unwrap()), known);
        }
        assert_eq!(homes.address(1), Some("https://[::1]"));
    }
}
