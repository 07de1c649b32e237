//! `cordboard serve`: by a configuration file.

use super::OK;
use crate::app::Serves;
use crate::ops::config::Config;
use crate::ops::files;
use crate::ops::logging::{self, LogFormat};
use crate::program::{self, Plan};
use anyhow::Context;
use cordboard_core::exchange::CallNames;
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Make another administrator's token and print it once; the first start does so by itself
    #[arg(long)]
    new_admin_token: bool,
    /// How log lines look: text, or json for programs
    #[arg(
        long,
        value_enum,
        default_value_t,
        value_name = "FORMAT",
        hide_possible_values = true
    )]
    log_format: LogFormat,
}

#[expect(
    clippy::print_stdout,
    reason = "a secret goes to whoever started this, not to the log"
)]
pub(super) async fn run(options: Options) -> anyhow::Result<u8> {
    logging::start(options.log_format, "info");
    let mut config = Config::load(&Config::default(), Some(&options.config), std::env::vars())?;
    files::plan(&mut config);
    let database = database(&config)?;
    let data = database.parent().unwrap_or(Path::new(".")).to_owned();
    let mut seed = [0; 8];
    getrandom::fill(&mut seed).context("the system gives no randomness")?;
    let plan = Plan {
        config,
        data,
        database,
        serves: Serves {
            webdialer: true,
            mobility: true,
            api: true,
            open_api: false,
            lab: false,
        },
        names: CallNames::Uuid(u64::from_le_bytes(seed)),
        seed: None,
        fresh: false,
        population: 0,
        auto_answer: None,
        new_admin_token: options.new_admin_token,
    };
    let program = program::start(plan).await?;
    let addresses = &program.addresses;
    for address in [addresses.http, addresses.https].into_iter().flatten() {
        tracing::info!(%address, "listening");
    }
    let brokers = [addresses.openwire, addresses.openwire_tls];
    for address in brokers.into_iter().flatten() {
        tracing::info!(
            %address,
            "the message broker is listening; it keeps messages in memory: persistent means as long as this process lives"
        );
    }
    if let Some(token) = &program.admin_token {
        println!("cordboard: the administrator's token, shown this once: {token}");
        println!(
            "cordboard: use it as `--token` or CORDBOARD_TOKEN with `cordboard admin`, and as `Authorization: Bearer` with the API"
        );
    }
    super::stop_signal().await;
    tracing::info!("stopping");
    program.stop().await;
    Ok(OK)
}

/// The database's file, from `store.url`.
pub(super) fn database(config: &Config) -> anyhow::Result<PathBuf> {
    let path = config.store.url.strip_prefix("sqlite:").with_context(|| {
        format!(
            "store.url: `{}` is not known; it must be sqlite: and a path",
            config.store.url
        )
    })?;
    Ok(PathBuf::from(path))
}
