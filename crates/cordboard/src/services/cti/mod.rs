//! The CTI connector: agents' programs control calls, and hear of them, by messages on a broker. [cti §1]
//!
//! [`start`] joins the broker and starts the one task, in `session`. Commands come in through `order` (who asks, where answers go) and
//! `commands`, `login`, in the order of the checks; what happens in the exchange goes out through `happenings` (which events, in
//! which order) and `telling` (to whom, in which format). `connector` holds it together, `agents` and `topics` are what it
//! holds, `rules` the settings made ready. `translate` is where CTI's words and the exchange's meet.
//!
//! What is known of calls here is made of the exchange's events alone: whoever changes a call, by whichever interface, his client is
//! told the same. It is not known here which broker it is.

mod agents;
mod authority;
mod commands;
mod connector;
mod happenings;
mod login;
mod order;
mod pattern;
mod recent;
mod rules;
mod session;
mod telling;
mod topics;
pub mod translate;

use crate::app::App;
use crate::ops::config;
use anyhow::Context;
use cordboard_client::openwire::{self, Counts, Reach, Settings};
use cordboard_client::tls;
use cordboard_store::CtiFact;
use cordboard_wire::cti::BODY_MAX;
use rules::Rules;
use session::Session;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The interface's word: in a call's origin, in the journal.
pub const INTERFACE: &str = "cti";

/// Maximum number of bytes to which a command's body is inflated: a command has [`BODY_MAX`] characters, each of three bytes in modified
/// UTF-8 at most. One with more characters is refused, and one that needs more bytes is not even read.
const LARGEST_BODY: usize = 16 * BODY_MAX;

/// The way to the configured broker; `None` where there is to be no connector.
///
/// # Errors
/// When a certificate of an authority cannot be read, or there is no broker inside to join.
pub fn reach(config: &config::Cti, inside: Option<Reach>) -> anyhow::Result<Option<Reach>> {
    let brokers = match config.which_broker().map_err(anyhow::Error::msg)? {
        config::cti::Broker::Off => return Ok(None),
        config::cti::Broker::Inside => return Ok(inside),
        config::cti::Broker::Outside(brokers) => brokers,
    };
    let tls = match (brokers.tls, &config.ca) {
        (false, _) => None,
        (true, None) => Some(Arc::new(tls::client_config(&tls::Trust::System)?)),
        (true, Some(path)) => {
            let trust = tls::Trust::Ca(path.clone());
            let trusted = tls::client_config(&trust);
            let trusted = trusted.with_context(|| format!("cti.ca: {}", path.display()))?;
            Some(Arc::new(trusted))
        }
    };
    Ok(Some(Reach::Network {
        addresses: brokers.addresses,
        tls,
    }))
}

/// What there was before a restart.
#[derive(Debug, Default)]
pub struct Before {
    /// Topics, formats and logins.
    pub facts: Vec<CtiFact>,
    /// The calls that were live and have ended meanwhile.
    pub lost: Vec<translate::CallRecord>,
}

/// Joins the broker and starts the connector's task; both end on the shutdown signal.
///
/// # Errors
/// When a setting cannot be used, or the password's file cannot be read.
pub fn start(
    app: &Arc<App>,
    reach: Reach,
    before: Before,
    counts: Counts,
    (tasks, threads): (&mut JoinSet<()>, &Handle),
    shutdown: &watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let config = &app.config.cti;
    let rules = Rules::new(&app.config).map_err(anyhow::Error::msg)?;
    let settings = Settings::new(Vec::new(), config.client_id.as_str(), config.queue.as_str());
    let settings = Settings {
        inactivity: Duration::from_secs(config.inactivity_s),
        // A command is short, and nothing else is read.
        max_body: LARGEST_BODY,
        ..settings
    };
    let settings = Settings {
        user: config.user.clone(),
        password: config.password().context("cti.password_file")?,
        ..settings.at(reach)
    };
    // What is spawned by either runs on the same threads.
    let _entered = threads.enter();
    let started = openwire::start(settings, counts, shutdown.clone());
    app.cti.get_or_init(|| started.client.status());
    let session = Session::new(app.clone(), rules, started, before);
    tasks.spawn_on(session.run(shutdown.clone()), threads);
    Ok(())
}
