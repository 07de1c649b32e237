//! `admin import` and `admin export`: the whole directory as a file, to and from a server or a store that no process uses.

use super::reach::Reach;
use super::store::StoreChoice;
use crate::cli::{OK, Usage};
use crate::directory_file::diff::{Difference, LISTED};
use crate::directory_file::{self, Contents, Format};
use anyhow::Context;
use cordboard_client::admin::{Answer, Ask, path};
use cordboard_core::Wall;
use http::Method;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// What an import reads.
const FORMATS: &str = "A file that ends in .csv is a table headed like the original's bulk tool, one row for each user, application user,
device or profile: USER ID, FIRST NAME, LAST NAME, PASSWORD or PASSWORD HASH, PIN or PIN HASH, CREDENTIAL,
HOME CLUSTER, PRIMARY EXTENSION, RIGHT 1 …, CONTROLLED DEVICE 1 …, CONTROLLED PROFILE 1 … · APPLICATION USER ID · DEVICE NAME,
MODEL, PROTOCOL, DESCRIPTION, OWNER USER ID, ADDRESS, EXTENSION MOBILITY · PROFILE NAME, PROFILE OWNER 1 …,
DEFAULT FOR 1 … · DIRECTORY NUMBER 1, ROUTE PARTITION 1 … A row may name a user and his device at once;
a further row of a name adds to its lists.
Any other file is TOML; `admin export` writes either.";

#[derive(Debug, clap::Args)]
#[command(after_help = format!("{FORMATS}\n\n{}", crate::cli::STATUSES))]
pub(super) struct Import {
    /// Users, devices, profiles and lines
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Only show what would change
    #[arg(long)]
    dry_run: bool,
    /// Keep what the file does not name or leaves empty
    #[arg(long)]
    merge: bool,
    #[command(flatten)]
    store: StoreChoice,
}

#[derive(Debug, clap::Args)]
#[command(after_help = crate::cli::STATUSES)]
pub(super) struct Export {
    /// Where to; a name that ends in .csv is a table, any other TOML; without it TOML to standard output
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// With the hashes of passwords and PINs
    #[arg(long)]
    with_secrets: bool,
    #[command(flatten)]
    store: StoreChoice,
}

/// Reads the file and hashes its secrets, with a bar where there are many.
fn read(file: &Path) -> anyhow::Result<Contents> {
    let known = ProgressStyle::with_template("hashing passwords {bar:40} {pos}/{len} {eta}")?;
    let unknown = ProgressStyle::with_template("hashing passwords {spinner} {pos}")?;
    let bar = ProgressBar::new(0);
    let now = Wall(jiff::Timestamp::now().as_millisecond());
    let name = file.display().to_string();
    let mut styled = false;
    let mut hashed = |done: usize, total: Option<usize>| {
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        if !std::mem::replace(&mut styled, true) {
            let style = if total.is_some() { &known } else { &unknown };
            bar.set_style(style.clone());
        }
        bar.set_length(count(total.unwrap_or(0)));
        bar.set_position(count(done));
    };
    let unreadable = || format!("cannot read {}", file.display());
    let contents = match Format::of(file) {
        // A table is read row by row: a big one is never there as a whole.
        Format::Csv => {
            let bytes = std::fs::File::open(file).with_context(unreadable)?;
            directory_file::csv::read(&name, std::io::BufReader::new(bytes), &mut hashed)?
        }
        format @ Format::Toml => {
            let text = std::fs::read_to_string(file).with_context(unreadable)?;
            directory_file::read(format, &name, &text, now, &mut hashed)?
        }
    };
    bar.finish_and_clear();
    Ok(contents)
}

pub(super) async fn import(reach: &Reach, options: Import) -> anyhow::Result<u8> {
    let database = options.store.database()?;
    let contents = read(&options.file)?;
    if contents.names_nothing() {
        let file = options.file.display();
        return Err(Usage::new(format!("{file} names no user, device or profile")).into());
    }
    match database {
        Some(database) => into_store(reach, &options, contents, &database),
        None => to_server(reach, &options, contents).await,
    }
}

fn into_store(
    reach: &Reach,
    options: &Import,
    mut contents: Contents,
    database: &Path,
) -> anyhow::Result<u8> {
    let (mut store, _lock) = StoreChoice::open(database, !options.dry_run)?;
    let before = store.directory()?.build()?;
    let (directory, difference) = contents.over(&before, options.merge)?;
    drop(before);
    if !options.dry_run {
        store.import(&directory, contents.logins, contents.tokens)?;
        crate::program::forget_seed(&mut store)?;
    }
    let Difference {
        changes,
        added,
        changed,
        removed,
    } = difference;
    let body = json!({
        "changes": changes, "added": added, "changed": changed, "removed": removed, "done": !options.dry_run,
    });
    let answer = Answer {
        body,
        ..Answer::default()
    };
    Ok(reach.told(Ok(answer), |answer| summary(&answer.body, options.dry_run)))
}

async fn to_server(reach: &Reach, options: &Import, contents: Contents) -> anyhow::Result<u8> {
    if !contents.logins.is_empty() || !contents.tokens.is_empty() {
        let why =
            "the file has logins or tokens, which are for `lab --directory` and for a store only";
        return Err(Usage::new(why).into());
    }
    let client = reach.client()?;
    // Sent as it was understood here, secrets hashed.
    let bytes = directory_file::csv::write(&contents.builder, true).into_bytes();
    drop(contents);
    let place = format!(
        "{}?dry_run={}&merge={}",
        path(&["directory"]),
        options.dry_run,
        options.merge
    );
    let ask = Ask {
        bytes: Some(("text/csv", bytes)),
        ..Ask::default()
    };
    let answer = client.ask(Method::PUT, &place, ask).await;
    Ok(reach.told(answer, |answer| summary(&answer.body, options.dry_run)))
}

/// What an import did, or would do: in a dry run with every change.
fn summary(body: &Value, dry_run: bool) -> String {
    let count = |field: &str| body[field].as_u64().unwrap_or(0);
    let (added, changed, removed) = (count("added"), count("changed"), count("removed"));
    let mut text = String::new();
    if dry_run {
        let changes = body["changes"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        for change in changes {
            text.push_str(change.as_str().unwrap_or_default());
            text.push('\n');
        }
        if changes.len() == LISTED {
            text.push_str("… and more\n");
        }
    }
    let would = if dry_run {
        " (nothing was changed)"
    } else {
        ""
    };
    text + &format!("{added} added, {changed} changed, {removed} removed{would}")
}

pub(super) async fn export(reach: &Reach, options: Export) -> anyhow::Result<u8> {
    let format = options.file.as_deref().map_or(Format::Toml, Format::of);
    let text = match options.store.database()? {
        Some(database) => {
            let (store, _lock) = StoreChoice::open(&database, false)?;
            directory_file::write(format, &store.directory()?.build()?, options.with_secrets)
        }
        None => {
            let client = reach.client()?;
            let pieces: &[&str] = match options.with_secrets {
                true => &["directory", "secrets"],
                false => &["directory"],
            };
            let word = match format {
                Format::Toml => "toml",
                Format::Csv => "csv",
            };
            let place = format!("{}?format={word}", path(pieces));
            match client.ask(Method::GET, &place, Ask::default()).await {
                Ok(answer) => answer.text.unwrap_or_default(),
                Err(error) => return Ok(reach.refused(&error)),
            }
        }
    };
    match &options.file {
        Some(file) => {
            write(file, &text, options.with_secrets)
                .with_context(|| format!("cannot write {}", file.display()))?;
        }
        None => crate::cli::print_out(&text),
    }
    Ok(OK)
}

/// Writes a file; with secrets in it, one that only its owner can read.
fn write(file: &Path, text: &str, secret: bool) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    if secret {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    let mut file = options.open(file)?;
    #[cfg(unix)]
    if secret {
        // It may have been there, readable for all.
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    }
    std::io::Write::write_all(&mut file, text.as_bytes())
}
