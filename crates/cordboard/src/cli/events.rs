//! `cordboard events`: what happens, as it happens.

use super::admin::reach::{Reach, cell};
use super::connect::told;
use super::{OK, STATUSES, print_out};
use cordboard_client::admin::{AdminError, Event};
use serde_json::json;
use std::time::Duration;

/// A connection that was lost is tried again after so long.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, clap::Args)]
#[command(after_help = STATUSES)]
pub(super) struct Options {
    #[command(flatten)]
    reach: Reach,
    /// Only events with a number above this; without it from now on
    #[arg(long, value_name = "NUMBER")]
    since: Option<u64>,
    /// Go on until Ctrl-C, and connect again when the connection is lost; without it end with the connection
    #[arg(long)]
    follow: bool,
    /// End after so many events
    #[arg(long, value_name = "N")]
    count: Option<u64>,
}

pub(super) async fn run(options: Options) -> anyhow::Result<u8> {
    told(options.reach.json, listen(options).await)
}

async fn listen(options: Options) -> anyhow::Result<u8> {
    let client = options.reach.client()?;
    let mut since = options.since;
    let mut left = options.count.unwrap_or(u64::MAX);
    let mut heard = false;
    loop {
        let lost = match client.events(since).await {
            Ok(mut events) => {
                heard = true;
                loop {
                    // Cancel-safe: what was read of an event stays in `events`.
                    let next = tokio::select! {
                        next = events.next() => next,
                        () = super::stop_signal() => return Ok(OK),
                    };
                    match next {
                        Ok(Some(event)) => {
                            print(options.reach.json, &event);
                            left -= 1;
                            if left == 0 {
                                return Ok(OK);
                            }
                        }
                        Ok(None) if !options.follow => return Ok(OK),
                        Ok(None) => {
                            since = events.last();
                            break None;
                        }
                        Err(error) => {
                            since = events.last();
                            break Some(error);
                        }
                    }
                }
            }
            Err(error) => Some(error),
        };
        if let Some(error) = lost {
            let comes_back = matches!(error, AdminError::Unreachable { .. }) && heard;
            if !(options.follow && comes_back) {
                return Ok(options.reach.refused(&error));
            }
            eprintln!("cordboard: {error}; trying again");
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = super::stop_signal() => return Ok(OK),
        }
    }
}

/// Prints an event: a line for people, an object for programs.
fn print(json: bool, event: &Event) {
    let Event { number, kind, data } = event;
    if json {
        let event = json!({ "number": number, "event": kind, "data": data });
        return print_out(&format!("{event}\n"));
    }
    let at = data["at"].as_str().unwrap_or_default();
    let said = |fields: &[&str]| {
        let fields = fields.iter().filter(|field| !data[**field].is_null());
        let texts: Vec<String> = fields.map(|field| cell(&data[*field])).collect();
        texts.join("  ")
    };
    let what = match kind.as_str() {
        "call.part" => said(&[
            "call", "number", "device", "user", "state", "others", "cause",
        ]),
        "call.ended" => said(&["call", "cause", "merged_into"]),
        "resync" => format!(
            "events were missed; {} calls are live",
            data["calls"].as_array().map_or(0, Vec::len)
        ),
        _ => said(&[
            "call", "device", "user", "profile", "from", "state", "how", "until", "why",
        ]),
    };
    print_out(&format!("{number:>8}  {at}  {kind:<17}  {what}\n"));
}
