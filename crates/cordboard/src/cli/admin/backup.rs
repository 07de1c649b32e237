//! `admin backup` and `admin restore`: the whole store as one file.

use super::reach::Reach;
use super::store::StoreChoice;
use crate::cli::Usage;
use anyhow::Context;
use cordboard_client::admin::{Answer, path};
use cordboard_store::{Reader, StoreError};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Suffix of a file that is still being received.
const PARTIAL: &str = ".partial";

#[derive(Debug, clap::Args)]
#[command(after_help = crate::cli::STATUSES)]
pub(super) struct Backup {
    /// Where to; a file that is there already is left as it is
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    store: StoreChoice,
}

#[derive(Debug, clap::Args)]
#[command(after_help = crate::cli::STATUSES)]
pub(super) struct Restore {
    /// What `admin backup` wrote
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    store: StoreChoice,
}

pub(super) async fn backup(reach: &Reach, options: Backup) -> anyhow::Result<u8> {
    let Backup { file, store } = options;
    if file.symlink_metadata().is_ok() {
        let path = file.display().to_string();
        return Err(StoreError::Exists { path }.into());
    }
    match store.database()? {
        Some(database) => {
            if !database.is_file() {
                anyhow::bail!("there is no store at {}", database.display());
            }
            Reader::open(&database)?.backup(&file)?;
        }
        None => {
            let client = reach.client()?;
            let mut name = file.as_os_str().to_owned();
            name.push(PARTIAL);
            let partial = PathBuf::from(name);
            let received = receive(&client, &partial).await;
            let kept = match received {
                Ok(Ok(())) => std::fs::rename(&partial, &file)
                    .with_context(|| format!("cannot write {}", file.display())),
                Ok(Err(refused)) => {
                    // It holds nothing of use.
                    let _ = std::fs::remove_file(&partial);
                    return Ok(reach.refused(&refused));
                }
                Err(error) => Err(error),
            };
            if kept.is_err() {
                let _ = std::fs::remove_file(&partial);
            }
            kept?;
        }
    }
    let bytes = std::fs::metadata(&file).map_or(0, |file| file.len());
    let body = json!({ "file": file.display().to_string(), "bytes": bytes });
    let answer = Answer {
        body,
        ..Answer::default()
    };
    let done = |_: &Answer| format!("{}: {bytes} bytes", file.display());
    Ok(reach.told(Ok(answer), done))
}

/// Receives a backup into a new file that only its owner can read, and checks it.
async fn receive(
    client: &cordboard_client::admin::AdminClient,
    to: &Path,
) -> anyhow::Result<Result<(), cordboard_client::admin::AdminError>> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let unwritable = || format!("cannot write {}", to.display());
    let mut file = options.open(to).with_context(unwritable)?;
    let mut failed = None;
    let received = client
        .download(&path(&["backup"]), |bytes| {
            std::io::Write::write_all(&mut file, bytes)
                .map_err(|error| failed = Some(error))
                .is_ok()
        })
        .await;
    if let Some(error) = failed {
        return Err(error).with_context(unwritable);
    }
    if let Err(refused) = received {
        return Ok(Err(refused));
    }
    file.sync_all().with_context(unwritable)?;
    drop(file);
    cordboard_store::verify(to)?;
    Ok(Ok(()))
}

pub(super) fn restore(reach: &Reach, options: &Restore) -> anyhow::Result<u8> {
    let Some(database) = options.store.database()? else {
        let what = "say which store: --config FILE or --data DIR; a server must be stopped before";
        return Err(Usage::new(what).into());
    };
    let folder = database.parent().map(Path::to_owned).unwrap_or_default();
    crate::program::private_folder(&folder)?;
    let _lock = crate::program::lock_folder(&folder)?;
    if !options.file.is_file() {
        anyhow::bail!("there is no backup at {}", options.file.display());
    }
    let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    let name_before = format!(".before-restore-{now}");
    let restored = cordboard_store::restore(&options.file, &database, &name_before)?;
    let before = restored.before.map(|path| path.display().to_string());
    let database = database.display().to_string();
    let answer = Answer {
        body: json!({ "store": database, "before": before }),
        ..Answer::default()
    };
    let done = |_: &Answer| {
        let before = before.map(|path| format!("; the store that was there is now {path}"));
        format!("{database} is restored{}", before.unwrap_or_default())
    };
    Ok(reach.told(Ok(answer), done))
}
