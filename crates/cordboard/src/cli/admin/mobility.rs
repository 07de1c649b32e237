//! `admin mobility`: who sits where, as an administrator sees and changes it.

use super::reach::{Reach, listing, sheet};
use super::takeover::{self, Takeover};
use super::things::{send, with};
use crate::cli::Usage;
use cordboard_client::admin::path;
use http::Method;
use serde_json::{Value, json};

#[derive(Debug, clap::Subcommand)]
pub(in crate::cli) enum Mobility {
    /// Who sits where
    List(Which),
    /// Show who sits at a device
    Show {
        /// The device
        device: String,
    },
    /// Log a user in to a device
    Login(Wish),
    /// Log out whoever sits at a device
    Logout {
        /// The device
        device: String,
    },
    /// Log everybody out
    LogoutAll {
        /// Yes, everybody
        #[arg(long, required = true)]
        yes: bool,
    },
    /// Who sat where: the logins that are over, the latest first
    History(Which),
    /// When everybody is logged out by the clock
    Schedules,
    /// Have a user take over a device politely, or undo it
    #[command(subcommand)]
    Takeover(Takeover),
}

/// A login that is wanted.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Wish {
    /// The device
    device: String,
    /// The user
    user: String,
    /// The device profile; without it the user's default
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// How long at most; without it as long as the cluster allows
    #[arg(long, value_name = "N")]
    minutes: Option<u32>,
}

impl Wish {
    /// As the JSON API takes it.
    pub(in crate::cli) fn body(self) -> Value {
        json!({
            "device": self.device,
            "user": self.user,
            "profile": self.profile,
            "minutes": self.minutes,
        })
    }
}

/// Which logins are listed.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Which {
    /// Only this user's
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// Only at this device
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Go on after what the last answer called next
    #[arg(long, value_name = "NEXT")]
    after: Option<String>,
}

impl Which {
    fn place(self, word: &str) -> String {
        let limit = self.limit.map(|limit| limit.to_string());
        let parameters = [
            ("user", self.user),
            ("device", self.device),
            ("limit", limit),
            ("after", self.after),
        ];
        with(&path(&["mobility", word]), &parameters)
    }
}

pub(super) async fn run(reach: &Reach, what: Mobility) -> Result<u8, Usage> {
    let client = reach.client()?;
    Ok(match what {
        Mobility::List(which) => {
            let columns = [
                ("DEVICE", "device"),
                ("USER", "user"),
                ("PROFILE", "profile"),
                ("SINCE", "since"),
                ("UNTIL", "until"),
                ("BY", "by"),
            ];
            let answer = send(&client, Method::GET, &which.place("sessions"), None).await;
            reach.told(answer, |answer| listing(answer, "sessions", &columns))
        }
        Mobility::Show { device } => {
            let place = path(&["mobility", "sessions", &device]);
            let answer = send(&client, Method::GET, &place, None).await;
            reach.told(answer, |answer| sheet(&answer.body))
        }
        Mobility::Takeover(what) => takeover::run(reach, what).await?,
        Mobility::Login(wish) => {
            let place = path(&["mobility", "sessions"]);
            let answer = send(&client, Method::POST, &place, Some(wish.body())).await;
            reach.told(answer, |answer| sheet(&answer.body))
        }
        Mobility::Logout { device } => {
            let place = path(&["mobility", "sessions", &device]);
            let answer = send(&client, Method::DELETE, &place, None).await;
            reach.told(answer, |_| "logged out".to_owned())
        }
        Mobility::LogoutAll { yes: _ } => {
            let place = path(&["mobility", "sessions"]);
            let answer = send(&client, Method::DELETE, &place, None).await;
            reach.told(answer, |_| "everybody is logged out".to_owned())
        }
        Mobility::Schedules => {
            let columns = [
                ("AT", "at"),
                ("TIME ZONE", "time_zone"),
                ("DAYS", "days"),
                ("BUT USERS", "except_users"),
                ("BUT DEVICES", "except_devices"),
                ("NEXT", "next"),
            ];
            let place = path(&["mobility", "schedules"]);
            let answer = send(&client, Method::GET, &place, None).await;
            reach.told(answer, |answer| listing(answer, "schedules", &columns))
        }
        Mobility::History(which) => {
            let columns = [
                ("DEVICE", "device"),
                ("USER", "user"),
                ("PROFILE", "profile"),
                ("SINCE", "since"),
                ("ENDED", "ended_at"),
                ("HOW", "how"),
                ("BY", "ended_by"),
            ];
            let answer = send(&client, Method::GET, &which.place("history"), None).await;
            reach.told(answer, |answer| listing(answer, "sessions", &columns))
        }
    })
}
