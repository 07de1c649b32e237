//! `cordboard admin import`: a directory file into a store that no process uses.

use crate::cli::OK;
use crate::directory_file::DirectoryFile;
use crate::ops::config::Config;
use anyhow::Context;
use cordboard_core::Wall;
use cordboard_store::{Store, Sync};
use indicatif::{ProgressBar, ProgressStyle};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
#[command(after_help = crate::cli::FILE_STATUSES)]
pub(super) struct Import {
    /// Users, devices, profiles and lines
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The configuration that names the store
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "data",
        required_unless_present = "data"
    )]
    config: Option<PathBuf>,
    /// A lab's data folder
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

#[expect(clippy::print_stdout, reason = "the command's result")]
pub(super) fn run(options: &Import) -> anyhow::Result<u8> {
    let Import { file, config, data } = options;
    let database = match (config, data) {
        (Some(config), _) => crate::cli::serve::database(&Config::load(
            &Config::default(),
            Some(config),
            std::env::vars(),
        )?)?,
        (None, Some(data)) => data.join("cordboard.db"),
        (None, None) => anyhow::bail!("name the store by --config or --data"),
    };
    let folder = database
        .parent()
        .map(std::path::Path::to_owned)
        .unwrap_or_default();
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make {}", folder.display()))?;
    let _lock = crate::program::lock_folder(&folder)?;
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let parsed = DirectoryFile::parse(&file.display().to_string(), &text)?;
    let bar = ProgressBar::new(0).with_style(ProgressStyle::with_template(
        "hashing passwords {bar:40} {pos}/{len} {eta}",
    )?);
    let contents = parsed.contents(
        Wall(jiff::Timestamp::now().as_millisecond()),
        |done, total| {
            bar.set_length(u64::try_from(total).unwrap_or(u64::MAX));
            bar.set_position(u64::try_from(done).unwrap_or(u64::MAX));
        },
    )?;
    bar.finish_and_clear();
    contents
        .builder
        .clone()
        .build()
        .with_context(|| format!("{} does not fit together", file.display()))?;
    let mut store = Store::open(&database, Sync::Full)?;
    store.replace_directory(&contents.builder, &contents.logins)?;
    store.replace_tokens(&contents.tokens)?;
    store.set_fact(crate::program::SEED_FACT, "")?;
    println!(
        "{} users, {} application users, {} devices, {} profiles",
        contents.builder.users.len(),
        contents.builder.app_users.len(),
        contents.builder.devices.len(),
        contents.builder.profiles.len()
    );
    Ok(OK)
}
