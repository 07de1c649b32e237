//! What every request handler may use.

use crate::admin::Snapshots;
use crate::edge::body::BodyBudget;
use crate::edge::forwarded::Proxies;
use crate::journal::Journal;
use crate::lab::faults::FaultBoard;
use crate::openwire::BrokerHandle;
use crate::ops::config::Config;
use crate::ops::metrics::Metrics;
use crate::runtime::clock::Clock;
use crate::runtime::handle::Handle;
use crate::runtime::hub::Hub;
use crate::services::auth::Auth;
use crate::services::mobility::Mobility;
use crate::services::webdialer::homes::Homes;
use crate::services::webdialer::pages::Pages;
use crate::services::webdialer::throttle::{ByAddress, Throttle};
use cordboard_client::openwire::Status;
use cordboard_store::Reader;
use std::sync::{Arc, OnceLock};
use tokio::sync::{Mutex, watch};

/// What is served beside health and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Serves {
    /// The services under `/webdialer`.
    pub webdialer: bool,
    /// Extension Mobility's service.
    pub mobility: bool,
    /// The JSON API.
    pub api: bool,
    /// The JSON API asks no token of who comes from this machine.
    pub open_api: bool,
    /// The lab's controls.
    pub lab: bool,
}

/// Everything shared.
#[derive(Debug)]
pub struct App {
    /// The exchange.
    pub handle: Handle,
    /// What happens in it, for listeners.
    pub hub: Arc<Hub>,
    /// The state as of an event, for those who missed some.
    pub snapshots: Snapshots,
    /// The clock everything runs on.
    pub clock: Clock,
    /// The history, for lists.
    pub history: Arc<Mutex<Reader>>,
    /// The history again, for one call by its id: no list holds it up.
    pub stored_call: Arc<Mutex<Reader>>,
    /// Credentials.
    pub auth: Auth,
    /// Settings.
    pub config: Arc<Config>,
    /// The proxies that are believed about their clients.
    pub proxies: Proxies,
    /// The memory of request bodies in progress.
    pub bodies: Arc<BodyBudget>,
    /// The broker inside.
    pub broker: BrokerHandle,
    /// Counters.
    pub metrics: Metrics,
    /// The last requests.
    pub journal: Journal,
    /// The lab's faults.
    pub faults: FaultBoard,
    /// WebDialer's limit on calls. [webdialer §11]
    pub throttle: Throttle,
    /// What Extension Mobility's service holds beside its settings.
    pub mobility: Mobility,
    /// How the CTI connector stands with its broker, where there is one.
    pub cti: OnceLock<watch::Receiver<Status>>,
    /// What WebDialer's pages keep.
    pub pages: Pages,
    /// WebDialer's limit on user look-ups.
    pub lookups: ByAddress,
    /// The other clusters.
    pub homes: Arc<Homes>,
    /// Whose turn it is to change the directory or the tokens.
    pub editing: Mutex<()>,
    /// Held while a copy of the store is made for a backup.
    pub backing_up: Mutex<()>,
    /// What is served.
    pub serves: Serves,
    /// So many users of a population exist beside it.
    pub population: usize,
}
