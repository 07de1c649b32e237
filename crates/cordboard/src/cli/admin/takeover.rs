//! `admin mobility takeover`: a user is to sit where somebody else sits, who is told first.

use super::mobility::Wish;
use super::reach::{Reach, listing, sheet};
use super::things::send;
use crate::cli::Usage;
use cordboard_client::admin::path;
use http::Method;

#[derive(Debug, clap::Subcommand)]
pub(in crate::cli) enum Takeover {
    /// Have a user take over a device: whoever sits there is warned, the calls there end by themselves, then the seat changes hands
    Begin(Wish),
    /// The takeovers that are under way or can be undone
    List,
    /// Show the takeover of a device
    Show {
        /// The device
        device: String,
    },
    /// Call a takeover off before the switch
    Cancel {
        /// The device
        device: String,
    },
    /// Undo a takeover: everybody sits again where he sat
    Undo {
        /// The device
        device: String,
    },
}

pub(super) async fn run(reach: &Reach, what: Takeover) -> Result<u8, Usage> {
    let client = reach.client()?;
    let at = |device: &str| path(&["mobility", "takeovers", device]);
    Ok(match what {
        Takeover::Begin(wish) => {
            let place = path(&["mobility", "takeovers"]);
            let answer = send(&client, Method::POST, &place, Some(wish.body())).await;
            reach.told(answer, |answer| sheet(&answer.body))
        }
        Takeover::List => {
            let columns = [
                ("DEVICE", "device"),
                ("USER", "user"),
                ("FROM", "from"),
                ("STATE", "state"),
                ("UNTIL", "until"),
            ];
            let place = path(&["mobility", "takeovers"]);
            let answer = send(&client, Method::GET, &place, None).await;
            reach.told(answer, |answer| listing(answer, "takeovers", &columns))
        }
        Takeover::Show { device } => {
            let answer = send(&client, Method::GET, &at(&device), None).await;
            reach.told(answer, |answer| sheet(&answer.body))
        }
        Takeover::Cancel { device } => {
            let answer = send(&client, Method::DELETE, &at(&device), None).await;
            reach.told(answer, |_| "called off".to_owned())
        }
        Takeover::Undo { device } => {
            let place = path(&["mobility", "takeovers", &device, "undo"]);
            let columns = [
                ("DEVICE", "device"),
                ("USER", "user"),
                ("PROFILE", "profile"),
                ("UNTIL", "until"),
            ];
            let answer = send(&client, Method::POST, &place, None).await;
            reach.told(answer, |answer| listing(answer, "sessions", &columns))
        }
    })
}
