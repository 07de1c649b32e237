//! The broker as the rest of the program sees it: how it is started, joined, interrupted and ended.

use super::access::Access;
use super::broker::{self, Broker, Link, Rights};
use super::keeper::{Event, INBOX, Keeper};
use super::{Counts, listener};
use crate::app::App;
use crate::edge::listener::Doorman;
use crate::ops::config;
use cordboard_client::openwire::{Door, Reach};
use cordboard_wire::openwire::{Destination, Offer};
use rustls::ServerConfig;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use tokio::io::DuplexStream;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// What clients are held to, and how they are talked to.
#[derive(Clone, Debug)]
pub struct Terms {
    /// What the broker itself is to do.
    pub broker: broker::Settings,
    /// What it wishes when it greets.
    pub offer: Offer,
    /// Connections at a time.
    pub connections: usize,
    /// Connections at a time from one address.
    pub connections_per_peer: usize,
}

impl Terms {
    /// As the settings have it. Only clients in this process take from the command queue.
    pub fn new(settings: &config::Broker, command_queue: &str) -> Self {
        let inactivity = i64::from(settings.max_inactivity_ms);
        Self {
            broker: broker::Settings {
                dead_letters: settings.dead_letters,
                memory: settings.max_memory_bytes,
                judge_ttl_by_arrival: settings.judge_ttl_by_arrival,
                command_queue: Some(Destination::queue(command_queue)),
                ..broker::Settings::default()
            },
            offer: Offer {
                max_inactivity_duration_ms: inactivity,
                initial_delay_ms: inactivity / 3,
                max_frame_size: Some(settings.max_frame_bytes.into()),
                tight_encoding_enabled: settings.tight_encoding,
                cache_enabled: settings.cache,
                ..Offer::default()
            },
            connections: settings.max_connections,
            connections_per_peer: settings.max_connections_per_peer,
        }
    }
}

/// Sockets to listen at.
#[derive(Debug, Default)]
pub struct Sockets {
    /// In clear text.
    pub plain: Option<TcpListener>,
    /// With TLS.
    pub tls: Option<(TcpListener, Arc<ServerConfig>)>,
}

/// How far the broker is, and what disturbs it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Phase {
    /// It neither listens nor has connections.
    pub(super) down: bool,
    /// Connections were cut so often.
    pub(super) cuts: u64,
    /// Nobody is let in any more, and who is there is sent away.
    pub(super) ending: bool,
    /// It is over.
    pub(super) ended: bool,
}

impl Phase {
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    pub(super) fn is_ending(&self) -> bool {
        self.ending
    }
}

/// What all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) terms: Terms,
    pub(super) inbox: mpsc::Sender<Event>,
    pub(super) phase: watch::Sender<Phase>,
    pub(super) counts: Counts,
    links: AtomicU64,
}

impl Shared {
    pub(super) fn next_link(&self) -> Link {
        Link(self.links.fetch_add(1, Ordering::Relaxed))
    }
}

/// Who may come in from the network, and where that is looked up.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) access: Arc<Access>,
    pub(super) app: Arc<App>,
}

/// The broker. Copies are the same one.
#[derive(Clone, Debug)]
pub struct BrokerHandle {
    door: Door,
    phase: watch::Sender<Phase>,
    /// Known once the broker is open to the network.
    access: Arc<OnceLock<Arc<Access>>>,
}

impl BrokerHandle {
    /// How a client in this process reaches it: without a socket, and with every right.
    pub fn join_inside(&self) -> Reach {
        Reach::Inside(self.door.clone())
    }

    /// The rights of a user, by name; `None` where every client may do everything.
    pub(crate) fn rights(&self, user: Option<&str>) -> Option<Arc<Rights>> {
        self.access.get()?.rights(user)
    }

    /// Is it there, as far as the lab lets it?
    pub fn is_up(&self) -> bool {
        let phase = self.phase.borrow();
        !phase.down && !phase.ending
    }

    /// The lab takes it away, or gives it back: it neither listens nor has connections meanwhile. Its messages stay.
    pub(crate) fn set_down(&self, down: bool) {
        self.phase.send_if_modified(|phase| {
            let changes = phase.down != down;
            phase.down = down;
            changes
        });
    }

    /// The lab cuts every connection.
    pub(crate) fn cut(&self) {
        self.phase.send_modify(|phase| phase.cuts += 1);
    }
}

/// The broker's tasks; dropped, they end.
#[derive(Debug)]
pub struct Running {
    shared: Arc<Shared>,
    /// Those that let connections in, with what they let in.
    listeners: JoinSet<()>,
    keeper: JoinSet<()>,
    doorman: Arc<Doorman>,
    threads: Handle,
    access: Arc<OnceLock<Arc<Access>>>,
}

/// Starts a broker on these threads that nobody on the network can reach yet.
pub fn start(terms: Terms, counts: Counts, threads: &Handle) -> (BrokerHandle, Running) {
    let (inbox, events) = mpsc::channel(INBOX);
    let (phase, _) = watch::channel(Phase::default());
    let keeper = Keeper::new(Broker::new(terms.broker.clone()), counts.clone(), events);
    let (door, inside) = Door::new();
    let doorman = Doorman::new(terms.connections, terms.connections_per_peer);
    let shared = Arc::new(Shared {
        terms,
        inbox,
        phase: phase.clone(),
        counts,
        links: AtomicU64::new(1),
    });
    let handle = BrokerHandle {
        door,
        phase: phase.clone(),
        access: Arc::default(),
    };
    let mut running = Running {
        shared,
        listeners: JoinSet::new(),
        keeper: JoinSet::new(),
        doorman,
        threads: threads.clone(),
        access: handle.access.clone(),
    };
    let keeper = keeper.run(phase.subscribe());
    running.keeper.spawn_on(keeper, threads);
    running.let_in(inside);
    (handle, running)
}

impl Running {
    fn let_in(&mut self, inside: mpsc::Receiver<DuplexStream>) {
        let inside = listener::inside(inside, self.shared.clone());
        self.listeners.spawn_on(inside, &self.threads);
    }

    /// Opens the broker to the network.
    ///
    /// # Errors
    /// When a user's password cannot be read.
    pub fn open(&mut self, sockets: Sockets, app: &Arc<App>) -> anyhow::Result<()> {
        let Sockets { plain, tls } = sockets;
        let access = Arc::new(Access::load(&app.config.broker)?);
        let access = self.access.get_or_init(|| access).clone();
        let gate = Arc::new(Gate {
            access,
            app: app.clone(),
        });
        let all = plain.map(|socket| (socket, None)).into_iter();
        let all = all.chain(tls.map(|(socket, config)| (socket, Some(config))));
        for (socket, tls) in all {
            let (shared, doorman) = (self.shared.clone(), self.doorman.clone());
            let gate = gate.clone();
            let run = listener::run(socket, tls, shared, gate, doorman);
            self.listeners.spawn_on(run, &self.threads);
        }
        Ok(())
    }

    /// Ends it: nobody is let in any more, connections end after what is on its way to them, then the broker itself.
    pub async fn stop(mut self) {
        self.shared.phase.send_modify(|phase| phase.ending = true);
        while self.listeners.join_next().await.is_some() {}
        self.shared.phase.send_modify(|phase| phase.ended = true);
        while self.keeper.join_next().await.is_some() {}
    }
}
