//! `admin lab`: the lab's controls.

use super::entries::escaped;
use super::reach::{Reach, cell, listing, sheet};
use crate::cli::Usage;
use cordboard_client::admin::{AdminError, Ask, path};
use cordboard_wire::admin::Problem;
use http::Method;
use serde_json::json;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Lab {
    /// Back to the seeded state
    Reset,
    /// Show the clock, or move, set, stop or start it
    Clock {
        /// Forward by so many milliseconds
        #[arg(long, value_name = "MS")]
        advance_ms: Option<u64>,
        /// To this time, such as 2026-11-21T10:00:00Z
        #[arg(long, value_name = "TIME")]
        now: Option<String>,
        /// Let it run: true or false
        #[arg(long, value_name = "BOOL")]
        running: Option<bool>,
    },
    /// List the faults that are set
    Faults,
    /// Set a fault, such as: fault network down --calls lost
    Fault {
        /// On what: network, device:NAME, directory, store, webdialer …
        on: String,
        /// Which: down, error, slow, refuse …
        kind: String,
        /// For `network down`: lost or kept
        #[arg(long, value_name = "FATE")]
        calls: Option<String>,
        /// For `slow`
        #[arg(long, value_name = "MS")]
        delay_ms: Option<u64>,
        /// For `refuse`: the cause
        #[arg(long, value_name = "NUMBER")]
        q850: Option<u8>,
    },
    /// Take faults away: those on one thing, or all
    ClearFaults {
        /// On what
        on: Option<String>,
    },
    /// List the last requests on every interface with their answers
    Requests {
        /// Only of this interface
        #[arg(long, value_name = "WORD")]
        interface: Option<String>,
        /// Only with a number above this
        #[arg(long, value_name = "NUMBER")]
        since: Option<u64>,
        /// At most so many
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
    },
    /// Make a simulated phone answer by itself
    AutoAnswer {
        /// Which
        device: String,
        /// After ringing so many milliseconds; without it never
        #[arg(long, value_name = "MS")]
        after_ms: Option<u64>,
    },
}

/// A server that knows none of these addresses is no lab.
fn only_a_lab(error: AdminError) -> AdminError {
    match error {
        AdminError::Refused(problem) if problem.kind == "urn:cordboard:problem:not-found" => {
            AdminError::Refused(Problem {
                detail: Some(
                    "only `cordboard lab` has clock, faults, journal and reset".to_owned(),
                ),
                ..problem
            })
        }
        other => other,
    }
}

pub(super) async fn run(reach: &Reach, what: Lab) -> Result<u8, Usage> {
    let client = reach.client()?;
    let send = async |method: Method, path: &str, body: Option<serde_json::Value>| {
        let ask = Ask {
            json: body.as_ref(),
            ..Ask::default()
        };
        client.ask(method, path, ask).await.map_err(only_a_lab)
    };
    let faults = path(&["lab", "faults"]);
    let columns = [
        ("ON", "on"),
        ("KIND", "kind"),
        ("CALLS", "calls"),
        ("DELAY", "delay_ms"),
        ("Q.850", "q850"),
    ];
    Ok(match what {
        Lab::Reset => {
            let answer = send(Method::POST, &path(&["lab", "reset"]), None).await;
            reach.told(answer, |_| "reset".to_owned())
        }
        Lab::Clock {
            advance_ms: None,
            now: None,
            running: None,
        } => {
            let answer = send(Method::GET, &path(&["lab", "clock"]), None).await;
            reach.told(answer, |answer| sheet(&answer.body))
        }
        Lab::Clock {
            advance_ms,
            now,
            running,
        } => {
            let mut body = json!({});
            if let Some(by) = advance_ms {
                body["advance_ms"] = json!(by);
            }
            if let Some(now) = now {
                body["now"] = json!(now);
            }
            if let Some(running) = running {
                body["running"] = json!(running);
            }
            let answer = send(Method::POST, &path(&["lab", "clock"]), Some(body)).await;
            reach.told(answer, |answer| sheet(&answer.body))
        }
        Lab::Faults => {
            let answer = send(Method::GET, &faults, None).await;
            reach.told(answer, |answer| listing(answer, "faults", &columns))
        }
        Lab::Fault {
            on,
            kind,
            calls,
            delay_ms,
            q850,
        } => {
            let mut body = json!({ "on": on, "kind": kind });
            if let Some(calls) = calls {
                body["calls"] = json!(calls);
            }
            if let Some(delay) = delay_ms {
                body["delay_ms"] = json!(delay);
            }
            if let Some(q850) = q850 {
                body["q850"] = json!(q850);
            }
            let answer = send(Method::POST, &faults, Some(body)).await;
            reach.told(answer, |answer| listing(answer, "faults", &columns))
        }
        Lab::ClearFaults { on } => {
            let place = match on {
                Some(on) => format!("{faults}?on={}", escaped(&on)),
                None => faults,
            };
            let answer = send(Method::DELETE, &place, None).await;
            reach.told(answer, |answer| listing(answer, "faults", &columns))
        }
        Lab::Requests {
            interface,
            since,
            limit,
        } => {
            let mut query = Vec::new();
            query.extend(interface.map(|word| format!("interface={}", escaped(&word))));
            query.extend(since.map(|since| format!("since={since}")));
            query.extend(limit.map(|limit| format!("limit={limit}")));
            let place = format!("{}?{}", path(&["lab", "requests"]), query.join("&"));
            let answer = send(Method::GET, place.trim_end_matches('?'), None).await;
            let columns = [
                ("NUMBER", "number"),
                ("AT", "at"),
                ("INTERFACE", "interface"),
                ("METHOD", "method"),
                ("PATH", "path"),
                ("STATUS", "status"),
                ("FIELDS", "fields"),
            ];
            reach.told(answer, |answer| listing(answer, "requests", &columns))
        }
        Lab::AutoAnswer { device, after_ms } => {
            let body = json!({ "after_ms": after_ms });
            let place = path(&["phones", &device, "auto-answer"]);
            let answer = send(Method::POST, &place, Some(body)).await;
            reach.told(answer, |_| match after_ms {
                Some(ms) => format!(
                    "{device} answers after {}",
                    cell(&json!(format!("{ms} ms")))
                ),
                None => format!("{device} waits for somebody to answer"),
            })
        }
    })
}
