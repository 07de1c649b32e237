//! What is told of many rows: a line for each as it ends, a bar on a terminal, a summary; or one object for programs.

use super::Row;
use crate::cli::em::reach;
use crate::cli::{INTERRUPTED, OK, REFUSED, plain};
use cordboard_client::mobility::MobilityError;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;

/// What became of a row.
#[derive(Debug)]
pub(super) enum Outcome {
    Done {
        already: bool,
    },
    Skipped,
    /// The user who was to be logged out is at no device.
    Nowhere,
    Unusable(String),
    Failed(MobilityError),
}

/// How a run ended.
#[derive(Debug)]
pub(super) struct Ending<'a> {
    /// Rows that were not tried.
    pub(super) left: usize,
    /// How many were sent at once in the end.
    pub(super) limit: usize,
    /// How many that should have been.
    pub(super) asked: usize,
    /// The file that the next run goes on from.
    pub(super) kept: Option<&'a Path>,
}

#[derive(Debug)]
pub(super) struct Report {
    json: bool,
    bar: ProgressBar,
    /// Rows for programs.
    rows: Vec<(Option<u64>, Value)>,
    /// Lines about failed rows for people.
    failures: Vec<(Option<u64>, String)>,
    done: usize,
    failed: usize,
    skipped: usize,
    /// Why the run ends before its end: the text, and the exit status.
    stopped: Option<(String, u8)>,
}

impl Report {
    pub(super) fn new(json: bool, rows: usize) -> Self {
        let bar = ProgressBar::new(u64::try_from(rows).unwrap_or(u64::MAX));
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg} {eta}") {
            bar.set_style(style);
        }
        Self {
            json,
            bar,
            rows: Vec::new(),
            failures: Vec::new(),
            done: 0,
            failed: 0,
            skipped: 0,
            stopped: None,
        }
    }

    pub(super) fn goes_on(&self) -> bool {
        self.stopped.is_none()
    }

    /// Ends the run early.
    pub(super) fn stop(&mut self, error: &MobilityError) {
        if self.goes_on() {
            self.stopped = Some((error.to_string(), reach::status(error)));
        }
    }

    /// Ends the run early, once the rows under way have ended.
    pub(super) fn interrupted(&mut self, under_way: usize) {
        self.stopped = Some(("interrupted".to_owned(), INTERRUPTED));
        if under_way > 0 {
            let line =
                format!("waiting for {under_way} under way; Ctrl-C once more ends it at once");
            self.bar.suspend(|| warn(&line));
        }
    }

    /// Ends the run early: what is done could not be noted, and the next run would not know.
    pub(super) fn cannot_note(&mut self, error: anyhow::Error) {
        if self.goes_on() {
            self.stopped = Some((format!("{error:#}"), REFUSED));
        }
    }

    pub(super) fn add(&mut self, row: Row, outcome: Outcome) {
        let known = |name: &str| Some(name.to_owned()).filter(|name| !name.is_empty());
        let mut value = json!({
            "line": row.line, "device": known(&row.device), "user": known(&row.user), "profile": row.profile,
            "already": false, "failure": null,
        });
        let place = match row.line {
            Some(line) => format!("line {line}: "),
            None => String::new(),
        };
        let names: Vec<&str> = [row.device.as_str(), row.user.as_str()]
            .into_iter()
            .filter(|name| !name.is_empty())
            .collect();
        let names = format!("{place}{}", names.join(" "));
        let (result, failure) = match outcome {
            Outcome::Done { already } => {
                self.done += 1;
                value["already"] = already.into();
                (if already { "done already" } else { "done" }, None)
            }
            Outcome::Skipped => {
                self.skipped += 1;
                ("skipped, done in an earlier run", None)
            }
            Outcome::Nowhere => ("nowhere", None),
            Outcome::Unusable(why) => {
                value["failure"] = reach::untold(&why);
                ("failed", Some(why))
            }
            Outcome::Failed(error) => {
                value["failure"] = reach::told(&error);
                ("failed", Some(error.to_string()))
            }
        };
        value["result"] = result.split([',', ' ']).next().into();
        let line = plain(&match &failure {
            Some(why) => format!("{names}  FAILED: {why}"),
            None if result == "nowhere" => format!("{names} is logged in nowhere"),
            None => format!("{names}  {result}"),
        });
        if failure.is_some() {
            self.failed += 1;
            self.bar.set_message(format!("{} failed", self.failed));
        }
        self.bar.inc(1);
        if self.json {
            self.rows.push((row.line, value));
            return;
        }
        self.bar.suspend(|| say(&line));
        if failure.is_some() {
            self.failures.push((row.line, line));
        }
    }

    /// Every row is done, now or earlier, where this many were not tried.
    pub(super) fn is_complete(&self, left: usize) -> bool {
        self.goes_on() && self.failed == 0 && left == 0
    }

    /// Tells the whole and answers the exit status.
    pub(super) fn finish(mut self, ending: Ending<'_>) -> anyhow::Result<u8> {
        let Ending {
            left,
            limit,
            asked,
            kept,
        } = ending;
        self.bar.finish_and_clear();
        let (done, failed, skipped) = (self.done, self.failed, self.skipped);
        let stopped = self.stopped.as_ref().map(|(why, _)| why);
        if self.json {
            self.rows.sort_by_key(|(line, _)| *line);
            let rows: Vec<Value> = self.rows.into_iter().map(|(_, row)| row).collect();
            say(&json!({
                "done": done, "failed": failed, "skipped": skipped, "left": left, "stopped": stopped, "rows": rows,
            })
            .to_string());
        } else {
            let mut summary = format!("\n{done} done, {failed} failed");
            if skipped > 0 {
                summary.push_str(&format!(", {skipped} skipped"));
            }
            if left > 0 {
                summary.push_str(&format!(", {left} not tried"));
            }
            if limit < asked {
                summary.push_str(&format!(
                    "; the server was busy: {limit} at once in the end, not {asked}"
                ));
            }
            self.failures.sort_by_key(|(line, _)| *line);
            for (_, line) in &self.failures {
                summary.push_str(&format!("\n  {line}"));
            }
            if let Some(file) = kept {
                summary.push_str(&format!(
                    "\n{} keeps what is done: run it again for the rest, or remove the file to begin from the first row",
                    file.display()
                ));
            }
            say(&summary);
        }
        if let Some((why, status)) = &self.stopped {
            warn(&format!("ended early: {}", plain(why)));
            return Ok(*status);
        }
        Ok(if failed == 0 { OK } else { REFUSED })
    }
}

/// Prints a line. Whoever stops reading does not stop the rows: half of them would be worse than a list unread.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// The same for what is said beside the result.
fn warn(line: &str) {
    let _ = writeln!(std::io::stderr(), "cordboard: {line}");
}
