//! `cordboard em`: Extension Mobility on any cluster, cordboard's or the original's: who sits at which phone.

mod ask;
mod bulk;
mod change;
mod reach;

const EXAMPLES: &str = "Examples, with CORDBOARD_SERVER, CORDBOARD_USER and CORDBOARD_PASSWORD set:
  cordboard em login SEP00175A52EE7C JDOE --profile JDOEMOBILE --minutes 90
  cordboard em who SEP00175A52EE7C SEP0000000E2901
  cordboard em where JDOE
  cordboard em logout SEP00175A52EE7C
  cordboard em login --csv morning.csv --done morning.done";

const STATUSES: &str = "Exit statuses: 0 done, 1 the server said no (its code and text are printed), 2 usage, or a file cannot be used \
    and nothing was sent, 69 no server can be reached, 76 the answer was not Extension Mobility's, 77 refused credentials, 130 Ctrl-C.";

/// For what is asked about several names.
const NAMES: &str = "Exit status 1 also when one of the names is unknown.";

#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{STATUSES}"))]
pub(super) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Log a user in to a device, or many by a table
    #[command(after_help = format!("{}\n\n{}\n\n{STATUSES}", change::LOGIN, bulk::HELP))]
    Login(Box<change::Login>),
    /// Log out whoever is on these devices, or a user wherever he is
    #[command(after_help = format!("{}\n\n{}\n\n{STATUSES}", change::LOGOUT, bulk::HELP))]
    Logout(Box<change::Logout>),
    /// Log out everybody, on every device of the cluster
    #[command(after_help = format!("Example:\n  cordboard em logout-all --yes\n\n{STATUSES}"))]
    LogoutAll(change::LogoutAll),
    /// Who is on these devices, and who was before
    #[command(after_help = format!("Example:\n  cordboard em who SEP00175A52EE7C\n\n{NAMES} {STATUSES}"))]
    Who(ask::Devices),
    /// On which devices these users are
    #[command(after_help = format!("Example:\n  cordboard em where JDOE john\n\n{NAMES} {STATUSES}"))]
    Where(ask::Users),
    /// Which profiles these users have, and which is taken when none is named
    #[command(after_help = format!("Example:\n  cordboard em profiles john\n\n{NAMES} {STATUSES}"))]
    Profiles(ask::Users),
    /// Whether these users are at home on the cluster
    #[command(after_help = format!("Example:\n  cordboard em check JDOE\n\n{NAMES} {STATUSES}"))]
    Check(ask::Users),
}

pub(super) async fn run(options: Options) -> anyhow::Result<u8> {
    let json = match &options.what {
        What::Login(what) => what.reach.json,
        What::Logout(what) => what.reach.json,
        What::LogoutAll(what) => what.reach.json,
        What::Who(what) => what.reach.json,
        What::Where(what) | What::Profiles(what) | What::Check(what) => what.reach.json,
    };
    let done = match options.what {
        What::Login(what) => change::login(*what).await,
        What::Logout(what) => change::logout(*what).await,
        What::LogoutAll(what) => change::logout_all(&what).await,
        What::Who(what) => ask::who(&what).await,
        What::Where(what) => ask::places(&what).await,
        What::Profiles(what) => ask::profiles(&what).await,
        What::Check(what) => ask::check(&what).await,
    };
    if let Err(error) = &done
        && json
    {
        reach::print_failure(&format!("{error:#}"));
    }
    done
}
