//! The program as a value: put together, started, stopped. `lab`, `serve` and the tests start it here.

use crate::admin::Snapshots;
use crate::admin::access::Role;
use crate::app::{App, Serves};
use crate::directory_file::Contents;
use crate::edge::body::BodyBudget;
use crate::edge::forwarded::Proxies;
use crate::edge::listener::{self, Doorman};
use crate::edge::tls;
use crate::journal::Journal;
use crate::lab::faults::FaultBoard;
use crate::lab::{Seed, SeedFile};
use crate::openwire;
use crate::ops::config::{self, Config};
use crate::ops::metrics::Metrics;
use crate::runtime::choices::Choices;
use crate::runtime::clock::Clock;
use crate::runtime::engine::{CLOCK_FACT, Engine, Parts};
use crate::runtime::exchange_task;
use crate::runtime::messaging::Messaging;
use crate::runtime::schedule::Planned;
use crate::services::auth::Auth;
use crate::services::cti;
use crate::services::mobility::Mobility;
use crate::services::tokens;
use crate::services::webdialer::homes::Homes;
use crate::services::webdialer::pages::Pages;
use crate::services::webdialer::pages::session::Sessions;
use crate::services::webdialer::pages::view::Brand;
use crate::services::webdialer::throttle::{ByAddress, Throttle};
use anyhow::Context;
use cordboard_core::Wall;
use cordboard_core::exchange::CallNames;
use cordboard_store::{ApiToken, Store, StoreError, Sync};
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;

/// Connections get so long to finish what they are at when the program ends.
const DRAIN: Duration = Duration::from_secs(5);

/// The store's fact that says which seed was put in.
pub const SEED_FACT: &str = "seed";

/// The store's fact that says that an administrator's token was made.
const ADMIN_FACT: &str = "admin_token";

/// What the program is made of.
#[derive(Debug)]
pub struct Plan {
    /// Settings.
    pub config: Config,
    /// The folder that holds database, certificate and lock.
    pub data: PathBuf,
    /// The database's file.
    pub database: PathBuf,
    /// What is served.
    pub serves: Serves,
    /// How calls are named.
    pub names: CallNames,
    /// What an empty store is seeded with. A store that was seeded keeps its state and is the lab's seed as it is, unless
    /// this file differs from what was put in and replaces that.
    pub seed: Option<SeedFile>,
    /// Put the seed in whatever the store holds, and forget its calls.
    pub fresh: bool,
    /// Users that exist beside the stored ones, for load tests.
    pub population: usize,
    /// Phones answer by themselves after so long.
    pub auto_answer: Option<Duration>,
    /// Make an administrator's token even if there was one before.
    pub new_admin_token: bool,
}

/// Where the program listens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// Clear text.
    pub http: Option<SocketAddr>,
    /// TLS.
    pub https: Option<SocketAddr>,
    /// The broker, in clear text.
    pub openwire: Option<SocketAddr>,
    /// The broker, with TLS.
    pub openwire_tls: Option<SocketAddr>,
    /// The certificate's file, where there is TLS.
    pub certificate: Option<PathBuf>,
}

/// Something that is taken: one line, exit status 69.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InUse(pub String);

/// The running program.
#[derive(Debug)]
pub struct Program {
    /// What handlers use.
    pub app: Arc<App>,
    /// Where it listens.
    pub addresses: Addresses,
    /// The administrator's token that was just made, to be shown this once.
    pub admin_token: Option<String>,
    exchange: std::thread::JoinHandle<()>,
    shutdown: watch::Sender<bool>,
    listeners: JoinSet<()>,
    broker: openwire::Running,
    _messaging: Messaging,
    _lock: File,
}

/// Starts everything; returns once every listener accepts.
///
/// # Errors
/// [`InUse`] for a taken port or data folder, otherwise what is wrong in one line.
pub async fn start(plan: Plan) -> anyhow::Result<Program> {
    let Plan {
        config,
        data,
        database,
        serves,
        names,
        seed,
        fresh,
        population,
        auto_answer,
        new_admin_token,
    } = plan;
    private_folder(&data)?;
    let lock = lock_folder(&data)?;
    let http = listen(&config.listen.http, "http", serves.lab).await?;
    let https = listen(&config.listen.https, "https", serves.lab).await?;
    let amqs = listen(&config.listen.openwire_tls, "openwire_tls", serves.lab).await?;
    let mut sockets = openwire::Sockets {
        plain: listen(&config.listen.openwire, "openwire", serves.lab).await?,
        tls: None,
    };
    let sync = match config.store.sync {
        config::Sync::Full => Sync::Full,
        config::Sync::Normal => Sync::Normal,
    };
    let mut store = Store::open(&database, sync)?;
    if let Some(file) = seed {
        seeded(&mut store, &file, fresh)?;
    }
    let offset = store.fact(CLOCK_FACT)?.and_then(|text| text.parse().ok());
    let clock = Clock::new(offset.unwrap_or(0));
    // Before the directory, which takes the memory that growing lists leave behind.
    let logins = store.logins()?;
    let last_users = store.last_users()?;
    let takeovers = store.takeovers()?;
    let schedules = schedules(&config, &mut store)?;
    let mut directory = store.directory()?;
    crate::lab::populate(&mut directory, population);
    let metrics = Metrics::default();
    let brand = Brand::load(config.webdialer.brand.as_deref())
        .with_context(|| "webdialer.brand: the folder cannot be read")?;
    let auth = Auth::new(metrics.sign_ons.clone());
    auth.tokens.set(store.tokens()?, store.api_tokens()?);
    let homes = Arc::new(Homes::new(&config, clock.clone())?);
    let history = Arc::new(Mutex::new(store.reader()?));
    let stored_call = Arc::new(Mutex::new(store.reader()?));
    let choices = Arc::new(Choices::new(store.all_preferences()?));
    let cti_facts = store.cti()?;
    let running = exchange_task::start(Parts {
        settings: config.exchange(names),
        directory: directory.build()?,
        logins,
        last_users,
        takeovers,
        schedules,
        history_days: Some(config.mobility.history_days).filter(|days| *days > 0),
        store,
        auto_answer,
        clock: clock.clone(),
        choices: choices.clone(),
    })?;
    running.hub.start();
    let terms = openwire::Terms::new(&config.broker, &config.cti.queue);
    let messaging = Messaging::start().context("cannot start the broker's threads")?;
    let threads = messaging.handle();
    let (broker, mut broker_tasks) = openwire::start(terms, metrics.openwire.clone(), &threads);
    let app = Arc::new(App {
        homes,
        handle: running.handle,
        hub: running.hub,
        snapshots: Snapshots::default(),
        journal: Journal::new(clock.clone(), serves.lab),
        clock,
        history,
        stored_call,
        auth,
        broker,
        metrics,
        faults: FaultBoard::default(),
        mobility: Mobility::new(&config.mobility),
        cti: OnceLock::new(),
        throttle: Throttle::new(config.webdialer.max_calls_per_second),
        pages: Pages {
            brand,
            choices,
            sessions: Sessions::default(),
        },
        lookups: ByAddress::new(config.webdialer.lookups_per_second),
        editing: Mutex::default(),
        backing_up: Mutex::default(),
        proxies: Proxies::new(&config.listen),
        bodies: BodyBudget::new(
            config.limits.bodies_bytes,
            config.limits.bodies_bytes_per_peer,
        ),
        serves,
        population,
        config: Arc::new(config),
    });
    let mut addresses = Addresses {
        http: http.as_ref().and_then(|l| l.local_addr().ok()),
        https: https.as_ref().and_then(|l| l.local_addr().ok()),
        openwire: sockets.plain.as_ref().and_then(|l| l.local_addr().ok()),
        openwire_tls: amqs.as_ref().and_then(|l| l.local_addr().ok()),
        certificate: None,
    };
    let api = crate::admin::router(app.clone());
    let doorman = Doorman::new(
        app.config.limits.connections,
        app.config.limits.connections_per_peer,
    );
    let (shutdown, stopping) = watch::channel(false);
    let mut listeners = JoinSet::new();
    if !app.homes.is_empty() {
        listeners.spawn(app.homes.clone().keep_resolved(stopping.clone()));
    }
    if app.mobility.trusted.has_names() {
        let trusted = app.mobility.trusted.clone();
        listeners.spawn(trusted.keep_resolved(stopping.clone()));
    }
    if let Some(listener) = http {
        listeners.spawn(listener::run(
            listener,
            None,
            app.clone(),
            api.clone(),
            doorman.clone(),
            stopping.clone(),
        ));
    }
    if let Some(listener) = https {
        let (certificate, key) = certificate(&app.config, &data)?;
        let config = tls::server_config(&certificate, &key, &tls::HTTP_PROTOCOLS)?;
        addresses.certificate = Some(certificate);
        listeners.spawn(listener::run(
            listener,
            Some(config),
            app.clone(),
            api,
            doorman,
            stopping.clone(),
        ));
    }
    if let Some(listener) = amqs {
        let (certificate, key) = certificate(&app.config, &data)?;
        sockets.tls = Some((listener, tls::server_config(&certificate, &key, &[])?));
        addresses.certificate = Some(certificate);
    }
    if let Some(reach) = cti::reach(&app.config.cti, Some(app.broker.join_inside()))? {
        let counts = app.metrics.cti.broker.clone();
        let before = cti::Before {
            facts: cti_facts,
            lost: running.lost,
        };
        let place = (&mut listeners, &threads);
        cti::start(&app, reach, before, counts, place, &stopping)?;
    }
    broker_tasks.open(sockets, &app)?;
    // Last: a start that fails would have stored a token that nobody was shown.
    let admin_token = match app.serves.api && !app.serves.open_api {
        true => admin_token(&app, new_admin_token).await?,
        false => None,
    };
    Ok(Program {
        app,
        addresses,
        admin_token,
        exchange: running.thread,
        shutdown,
        listeners,
        broker: broker_tasks,
        _messaging: messaging,
        _lock: lock,
    })
}

impl Program {
    /// Ends in order: listeners and their connections, the broker, then the exchange with its store.
    pub async fn stop(mut self) {
        // Listeners to events would keep their connections busy for ever.
        self.app.hub.close();
        // Nobody may be listening any more.
        let _ = self.shutdown.send(true);
        while self.listeners.join_next().await.is_some() {}
        self.broker.stop().await;
        let drained = tokio::time::Instant::now() + DRAIN;
        while Arc::strong_count(&self.app) > 2 && tokio::time::Instant::now() < drained {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let _ = self.app.handle.on_thread(Engine::stop).await;
        let thread = self.exchange;
        // The thread ends after what is queued; a panic in it was logged where it happened.
        let _ = tokio::task::spawn_blocking(move || thread.join()).await;
    }
}

/// The first start makes a token for an administrator: without one nobody could do anything, and none is built in.
async fn admin_token(app: &App, another: bool) -> anyhow::Result<Option<String>> {
    let token = tokens::generate(tokens::Kind::Api.word());
    let kept = ApiToken {
        hash: tokens::hash(&token),
        name: "made at a start".to_owned(),
        roles: vec![Role::Admin.to_string()],
        created: Wall(jiff::Timestamp::now().as_millisecond()),
        expires: None,
    };
    let stored = kept.clone();
    let made = app.handle.on_thread(move |engine| {
        let store = &mut engine.store;
        if store.fact(ADMIN_FACT)?.is_some() && !another {
            return Ok(false);
        }
        store.put_api_token(&stored)?;
        store.set_fact(ADMIN_FACT, "made")?;
        Ok::<_, StoreError>(true)
    });
    let made = made.await.context("the exchange does not answer")??;
    if made {
        app.auth.tokens.add_api(kept);
    }
    Ok(made.then_some(token))
}

/// Seeds the store if it is to be. A store that has its seed is not asked to hash its passwords again: that takes half a second, and
/// a lab should be there at once.
fn seeded(store: &mut Store, file: &SeedFile, fresh: bool) -> anyhow::Result<()> {
    let mark = file.mark();
    let other = || anyhow::Ok(store.fact(SEED_FACT)?.as_deref() != Some(&mark));
    if fresh || !store.is_seeded()? || (file.replaces && other()?) {
        let seed = file.seed(Wall(jiff::Timestamp::now().as_millisecond()))?;
        // Only what fits together goes in.
        let fits = seed.contents.builder.fits();
        fits.with_context(|| format!("{} does not fit together", file.name))?;
        put_seed(store, &seed)?;
        store.set_fact(SEED_FACT, &mark)?;
    }
    Ok(())
}

/// The seeded state, which a lab's reset goes back to. It stays in the store until then, beside the directory, which may have been
/// edited since. A store from before it was kept was never edited.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn seed_of(store: &Store) -> Result<Contents, StoreError> {
    let (builder, logins, tokens) = match store.seed()? {
        Some(kept) => kept,
        None => (store.parts()?, store.logins()?, store.tokens()?),
    };
    Ok(Contents {
        builder,
        logins,
        tokens,
    })
}

/// What is in the store now was put in by hand: it is what a lab's reset goes back to.
///
/// # Errors
/// When the store refuses.
pub(crate) fn forget_seed(store: &mut Store) -> Result<(), StoreError> {
    store.keep_seed()?;
    store.set_fact(SEED_FACT, "")
}

/// Puts the seeded state in place of whatever the store holds.
///
/// # Errors
/// When the store refuses.
pub(crate) fn put_directory(store: &mut Store, contents: &Contents) -> Result<(), StoreError> {
    store.replace_directory(&contents.builder, &contents.logins)?;
    store.replace_tokens(&contents.tokens)?;
    store.forget_preferences()?;
    for token in store.api_tokens()? {
        store.delete_token(&token.hash)?;
    }
    Ok(())
}

fn put_seed(store: &mut Store, seed: &Seed) -> Result<(), StoreError> {
    put_directory(store, &seed.contents)?;
    store.keep_seed()?;
    store.set_fact(CLOCK_FACT, "0")?;
    store.forget_what_happened()?;
    store.set_fact("counters", "{\"calls\":0,\"parts\":0,\"events\":0}")
}

/// The configured certificate, or the one this folder keeps.
fn certificate(config: &Config, data: &Path) -> anyhow::Result<(PathBuf, PathBuf)> {
    match (&config.tls.certificate, &config.tls.key) {
        (Some(certificate), Some(key)) => Ok((certificate.clone(), key.clone())),
        (None, None) => {
            let (certificate, key) = (data.join("certificate.pem"), data.join("key.pem"));
            tls::ensure_lab_certificate(&certificate, &key)?;
            Ok((certificate, key))
        }
        _ => anyhow::bail!("tls.certificate and tls.key go together; one of them is missing"),
    }
}

/// Makes a data folder that is not there; only its owner may look into it.
pub(crate) fn private_folder(data: &Path) -> anyhow::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let made = builder.recursive(true).create(data);
    made.with_context(|| format!("cannot make the data folder {}", data.display()))
}

/// Makes sure that no other process uses the folder.
pub(crate) fn lock_folder(data: &Path) -> anyhow::Result<File> {
    let path = data.join("lock");
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(_) => Err(InUse(format!(
            "the data folder {} is in use by another cordboard; stop that one, or choose another folder",
            data.display()
        ))
        .into()),
    }
}

async fn listen(place: &str, what: &str, lab: bool) -> anyhow::Result<Option<TcpListener>> {
    if place == "off" {
        return Ok(None);
    }
    let address = tokio::net::lookup_host(place)
        .await
        .ok()
        .and_then(|mut found| found.next())
        .with_context(|| {
            format!("listen.{what}: `{place}` is no address; it must be host:port or \"off\"")
        })?;
    match listener::bind(address) {
        Ok(listener) => Ok(Some(listener)),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            let port = address.port();
            let way_out = match lab {
                true => "try --offset 100 to move every port, or --ports any".to_owned(),
                false => format!("change listen.{what}"),
            };
            Err(InUse(format!("port {port} ({what}) is in use; {way_out}")).into())
        }
        Err(error) => Err(error).with_context(|| format!("cannot listen on {address} ({what})")),
    }
}

/// The configured schedules. The store remembers which there were when the program ran before.
fn schedules(config: &Config, store: &mut Store) -> anyhow::Result<Vec<Planned>> {
    const FACT: &str = "mobility_schedules";
    type When = (String, String, Vec<String>);
    let entries = &config.mobility.schedules;
    let times = entries.iter().map(|entry| {
        let (at, time_zone) = (entry.at.clone(), entry.time_zone.clone());
        (at, time_zone, entry.days.clone())
    });
    let times: Vec<When> = times.collect();
    let text = store.fact(FACT)?;
    let before: Vec<When> = text
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    if before != times {
        store.set_fact(FACT, &serde_json::to_string(&times)?)?;
    }
    let planned = entries.iter().zip(&times).map(|(entry, when)| {
        let schedule = entry
            .schedule()
            .map_err(|reason| anyhow::anyhow!("mobility.schedule: {reason}"))?;
        let is_new = !before.contains(when);
        Ok(Planned { schedule, is_new })
    });
    planned.collect()
}
