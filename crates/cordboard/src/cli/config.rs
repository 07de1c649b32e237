//! `cordboard config check|print`.

use super::OK;
use crate::ops::config::Config;
use std::path::PathBuf;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Options {
    /// Say whether a configuration can be used
    #[command(after_help = super::FILE_STATUSES)]
    Check {
        /// The configuration
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Print every setting with its value: defaults, file and environment together
    #[command(after_help = super::FILE_STATUSES)]
    Print {
        /// The configuration
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
        /// Start from the lab's defaults
        #[arg(long)]
        lab: bool,
    },
}

#[expect(clippy::print_stdout, reason = "printing is what the command is for")]
pub(super) fn run(options: &Options) -> anyhow::Result<u8> {
    match options {
        Options::Check { file } => {
            Config::load(&Config::default(), Some(file), std::env::vars())?;
            println!("{} can be used", file.display());
        }
        Options::Print { file, lab } => {
            let defaults = if *lab {
                Config::lab()
            } else {
                Config::default()
            };
            let config = Config::load(&defaults, file.as_deref(), std::env::vars())?;
            print!("{}", toml::to_string(&config)?);
        }
    }
    Ok(OK)
}
