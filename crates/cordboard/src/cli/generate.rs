//! `cordboard completions` and `cordboard man`: made from the same description as `--help`.

use super::OK;
use anyhow::Context;
use clap_complete::Shell;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Completions {
    /// For which shell
    shell: Shell,
}

#[derive(Debug, clap::Args)]
pub(super) struct Man {
    /// Where to; it is made if it is missing
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

pub(super) fn completions(options: &Completions, mut command: clap::Command) -> anyhow::Result<u8> {
    let mut text = Vec::new();
    clap_complete::generate(options.shell, &mut command, "cordboard", &mut text);
    super::print_out(&String::from_utf8_lossy(&text));
    Ok(OK)
}

pub(super) fn man(options: &Man, command: clap::Command) -> anyhow::Result<u8> {
    let folder = &options.folder;
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    clap_mangen::generate_to(command, folder)
        .with_context(|| format!("cannot write into {}", folder.display()))?;
    Ok(OK)
}
