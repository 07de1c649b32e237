//! Which store an offline command works on.

use crate::ops::config::Config;
use cordboard_store::{Store, Sync};
use std::path::{Path, PathBuf};

/// A store that no process uses, instead of a server.
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
pub(super) struct StoreChoice {
    /// Not a server, but the store that this configuration names
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Not a server, but a lab's data folder
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl StoreChoice {
    /// The database's file, if a store was chosen.
    pub(super) fn database(&self) -> anyhow::Result<Option<PathBuf>> {
        Ok(match (&self.config, &self.data) {
            (Some(config), _) => {
                let config = Config::load(&Config::default(), Some(config), std::env::vars())?;
                Some(crate::cli::serve::database(&config)?)
            }
            (None, Some(data)) => Some(data.join("cordboard.db")),
            (None, None) => None,
        })
    }

    /// Opens the store and sees that nobody else does. One that is only read must be there: whoever mistypes a folder would else
    /// be shown an empty one.
    pub(super) fn open(database: &Path, to_change: bool) -> anyhow::Result<(Store, std::fs::File)> {
        let folder = database.parent().map(Path::to_owned).unwrap_or_default();
        if to_change {
            crate::program::private_folder(&folder)?;
        } else if !database.is_file() {
            anyhow::bail!("there is no store at {}", database.display());
        }
        let lock = crate::program::lock_folder(&folder)?;
        Ok((Store::open(database, Sync::Full)?, lock))
    }
}
