//! The command line: one file for each command.

mod admin;
mod config;
mod connect;
mod cti;
mod em;
mod events;
mod explain;
mod generate;
mod lab;
mod memory;
mod serve;
mod webdialer;

use crate::program::InUse;
use clap::{CommandFactory, Parser, Subcommand};
use std::process::ExitCode;

/// Exit statuses of the client commands, for `--help`.
const STATUSES: &str = "Exit statuses: 0 done, 1 the server said no (its code and text are printed) or a file cannot be used, \
    2 usage, 69 not reachable or in use, 76 the answer was not this protocol, 77 refused credentials.";
/// Of what runs until it is stopped.
const SERVER_STATUSES: &str = "Exit statuses: 0 stopped by Ctrl-C or SIGTERM, 1 it could not start, 2 usage, \
    69 a port or the data folder is in use.";
/// Of what reads a file.
const FILE_STATUSES: &str =
    "Exit statuses: 0 done, 1 the file cannot be used, 2 usage, 69 the store is in use.";

/// Done.
pub const OK: u8 = 0;
/// The server said no.
pub const REFUSED: u8 = 1;
/// Wrong usage.
pub const USAGE: u8 = 2;
/// Not reachable, or in use.
pub const UNAVAILABLE: u8 = 69;
/// The answer was not this protocol.
pub const PROTOCOL: u8 = 76;
/// Refused credentials.
pub const NO_PERMISSION: u8 = 77;
/// Ended early by Ctrl-C.
pub const INTERRUPTED: u8 = 130;

/// The command was given something it cannot use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

impl Usage {
    fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

#[derive(Debug, Parser)]
#[command(name = "cordboard", version, about = "The open switchboard for Cisco-style telephony integrations", after_help = STATUSES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// A whole call manager on this machine, with simulated phones
    #[command(after_help = SERVER_STATUSES)]
    Lab(lab::Options),
    /// Serve by a configuration file
    #[command(after_help = SERVER_STATUSES)]
    Serve(serve::Options),
    /// Check or print a configuration
    #[command(subcommand, after_help = FILE_STATUSES)]
    Config(config::Options),
    /// Look after users, devices, lines, tokens and calls
    Admin(Box<admin::Options>),
    /// Print what happens, as it happens
    Events(events::Options),
    /// Place a call through a WebDialer server
    #[command(after_help = STATUSES)]
    Dial(webdialer::Dial),
    /// End the newest call placed through a WebDialer server
    #[command(after_help = STATUSES)]
    Hangup(webdialer::Hangup),
    /// List devices and lines that a WebDialer server knows for a user
    #[command(after_help = STATUSES)]
    Lines(webdialer::Lines),
    /// Ask a cordboard server what would happen, and why
    #[command(subcommand, after_help = STATUSES)]
    Explain(explain::Options),
    /// Find the cluster that is a user's home
    #[command(after_help = STATUSES)]
    Home(webdialer::Home),
    /// Extension Mobility: log users in and out of phones, see who sits where
    Em(em::Options),
    /// CTI: control calls at any CUCM Connector over ActiveMQ, one command at a time or interactively
    Cti(Box<cti::Options>),
    /// Print completions for a shell
    #[command(
        after_help = "For bash: cordboard completions bash > /etc/bash_completion.d/cordboard"
    )]
    Completions(generate::Completions),
    /// Write man pages, one for each command, into a folder
    #[command(after_help = "Then: man -l FOLDER/cordboard-dial.1")]
    Man(generate::Man),
}

/// Runs the program and answers its exit status.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // A closed pipe is the reader's wish.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { USAGE } else { OK });
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.into()),
    };
    let done = match cli.command {
        Command::Lab(options) => runtime.block_on(lab::run(options)),
        Command::Serve(options) => runtime.block_on(serve::run(options)),
        Command::Config(options) => config::run(&options),
        Command::Admin(options) => runtime.block_on(admin::run(*options)),
        Command::Events(options) => runtime.block_on(events::run(options)),
        Command::Dial(options) => runtime.block_on(webdialer::dial(options)),
        Command::Hangup(options) => runtime.block_on(webdialer::hangup(options)),
        Command::Lines(options) => runtime.block_on(webdialer::lines(options)),
        Command::Explain(options) => runtime.block_on(explain::run(options)),
        Command::Home(options) => runtime.block_on(webdialer::home(options)),
        Command::Em(options) => runtime.block_on(em::run(options)),
        Command::Cti(options) => runtime.block_on(cti::run(*options)),
        Command::Completions(options) => generate::completions(&options, Cli::command()),
        Command::Man(options) => generate::man(&options, Cli::command()),
    };
    match done {
        Ok(status) => ExitCode::from(status),
        Err(error) => fail(&error),
    }
}

/// Prints a command's result. Whoever stops reading half way, as `head` does, has read enough: then the command ends.
fn print_out(text: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    if written.is_err() {
        std::process::exit(OK.into());
    }
}

/// One line of text without what a terminal obeys: names come from tables and servers.
fn plain(text: &str) -> String {
    let plain = |c: char| match c {
        '\t' | '\r' | '\n' => ' ',
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    text.chars().map(plain).collect()
}

fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("cordboard: {error:#}");
    let in_use = error.is::<InUse>()
        || matches!(
            error.downcast_ref(),
            Some(cordboard_store::StoreError::InUse { .. })
        );
    ExitCode::from(if error.is::<Usage>() {
        USAGE
    } else if in_use {
        UNAVAILABLE
    } else {
        REFUSED
    })
}

/// Waits for Ctrl-C or SIGTERM.
async fn stop_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            // Cancel-safe: both only wait.
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    // Without a way to wait for a signal the process ends by being killed.
    let _ = tokio::signal::ctrl_c().await;
}
