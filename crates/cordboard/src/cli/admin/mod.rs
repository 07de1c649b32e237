//! `cordboard admin`: everything that the JSON API can do, from the command line.

mod backup;
mod entries;
mod import;
mod lab;
mod mobility;
pub(super) mod reach;
mod store;
mod takeover;
mod things;

pub(super) use mobility::Wish;

use entries::{
    APP_USERS, AppUserFields, DEVICES, DeviceFields, Do, PROFILES, ProfileFields, USERS, UserFields,
};
use reach::Reach;

/// How a new user begins.
const EXAMPLE: &str = "Example: somebody new, with a phone and a line, dials:
  cordboard admin devices add SEP001122334455 --line 3000
  cordboard admin users add nina --password n1 --device SEP001122334455 --primary-line 3000
  cordboard dial 1251 --server http://127.0.0.1:8080 --user nina --password n1 --device SEP001122334455";

#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXAMPLE}\n\n{}", super::STATUSES))]
pub(super) struct Options {
    #[command(flatten)]
    reach: Reach,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// People: list, show, add, set, remove
    #[command(subcommand)]
    Users(Do<UserFields>),
    /// Applications that act for people
    #[command(subcommand)]
    AppUsers(Do<AppUserFields>),
    /// Phones and soft clients
    #[command(subcommand)]
    Devices(Do<DeviceFields>),
    /// Device profiles: the lines a user carries to a phone
    #[command(subcommand)]
    Profiles(Do<ProfileFields>),
    /// Lines of devices and profiles; every directory number
    #[command(subcommand)]
    Lines(things::Lines),
    /// Tokens that stand for a user
    #[command(subcommand)]
    UserTokens(things::UserTokens),
    /// Tokens of the API, with roles
    #[command(subcommand)]
    Tokens(things::Tokens),
    /// Calls: list, show, place, act on
    #[command(subcommand)]
    Calls(things::Calls),
    /// Extension Mobility: who sits where, logins, their history
    #[command(subcommand)]
    Mobility(mobility::Mobility),
    /// The lab's clock, faults, journal and reset
    #[command(subcommand)]
    Lab(lab::Lab),
    /// Replace the directory by a file's; all or nothing
    Import(import::Import),
    /// Write the directory to a file
    Export(import::Export),
    /// Copy the whole store to a file, while it is used or not
    Backup(backup::Backup),
    /// Put a backup in place of a store that no process uses
    Restore(backup::Restore),
    /// List the other clusters and how they answer
    Clusters,
    /// Print the API's OpenAPI document
    Openapi,
}

pub(super) async fn run(options: Options) -> anyhow::Result<u8> {
    let Options { reach, what } = options;
    let json = reach.json;
    let done = match what {
        What::Users(what) => entries::run(&reach, USERS, what).await,
        What::AppUsers(what) => entries::run(&reach, APP_USERS, what).await,
        What::Devices(what) => entries::run(&reach, DEVICES, what).await,
        What::Profiles(what) => entries::run(&reach, PROFILES, what).await,
        What::Lines(what) => things::lines(&reach, what).await,
        What::UserTokens(what) => things::user_tokens(&reach, what).await,
        What::Tokens(what) => things::tokens(&reach, what).await,
        What::Calls(what) => things::calls(&reach, what).await,
        What::Mobility(what) => mobility::run(&reach, what).await,
        What::Lab(what) => lab::run(&reach, what).await,
        What::Clusters => things::clusters(&reach).await,
        What::Openapi => things::openapi(&reach).await,
        What::Import(what) => {
            return super::connect::told(json, import::import(&reach, what).await);
        }
        What::Backup(what) => {
            return super::connect::told(json, backup::backup(&reach, what).await);
        }
        What::Restore(what) => {
            return super::connect::told(json, backup::restore(&reach, &what));
        }
        What::Export(what) => {
            return super::connect::told(json, import::export(&reach, what).await);
        }
    };
    super::connect::told(json, done.map_err(Into::into))
}
