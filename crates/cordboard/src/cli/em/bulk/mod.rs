//! Many log-ins or log-outs: some at once, fewer when the server is busy, a result for each, and a summary.

mod done;
mod pace;
mod report;
pub(super) mod table;

use super::reach::{self, Reach};
use crate::cli::INTERRUPTED;
use cordboard_client::mobility::{Code, Login, LoginTime, MobilityClient, MobilityError};
use done::Done;
use pace::Pace;
use report::{Ending, Outcome, Report};
use std::collections::VecDeque;
use std::path::PathBuf;
use tokio::sync::watch;
use tokio::task::JoinSet;

pub(super) const HELP: &str = "\
Of many, each row has a result, and failed ones are told again at the end. A run ends early when the server is lost or refuses the \
credentials; the rows that are left are counted. Ctrl-C starts no further row, waits for those under way and tells what was done; \
a second one ends at once.
With --done, run it again: finished rows are skipped, failed ones tried again. Once no row is left over, the file is removed, and the \
same command begins from the first row; to begin there earlier, remove it yourself.
With --json, one object, for one row as for many: done, failed, skipped, left (not tried), stopped (why, or null), and rows, each with \
result (done, failed, skipped, nowhere), already and failure.";

/// What the smallest server takes. [mobility §11]
const PARALLEL: u16 = 3;
/// How often a row is sent again because the server is busy.
const BUSY_RETRIES: u32 = 20;

#[derive(Debug, clap::Args)]
pub(super) struct Bulk {
    /// A table with a row for each
    #[arg(long, value_name = "FILE")]
    pub(super) csv: Option<PathBuf>,
    /// How many requests at once, after the first has gone alone; halved when the server says it is busy [default: 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=100))]
    pub(super) parallel: Option<u16>,
    /// Note finished rows in this file, and skip those in it; removed once no row is left over. A file of something else is
    /// refused and left as it is
    #[arg(long, value_name = "FILE", requires = "csv")]
    done: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Login,
    Logout,
}

/// One log-in or log-out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// The line in its table.
    pub(super) line: Option<u64>,
    pub(super) device: String,
    /// Empty where a log-out says none.
    pub(super) user: String,
    pub(super) profile: Option<String>,
    pub(super) duration: Option<LoginTime>,
}

impl Row {
    pub(super) fn of(device: &str, user: &str) -> Self {
        Self {
            line: None,
            device: device.to_owned(),
            user: user.to_owned(),
            profile: None,
            duration: None,
        }
    }

    pub(super) fn login(&self) -> Login {
        Login {
            device: self.device.clone(),
            user: self.user.clone(),
            profile: self.profile.clone(),
            duration: self.duration,
        }
    }
}

/// A row, or one for which nothing is sent.
pub(super) type Planned = Result<Row, Idle>;

/// Why nothing is sent for a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Idle {
    /// It says nothing that could be done, and why.
    Unusable(Row, String),
    /// Its user is at no device.
    Nowhere(Row),
}

/// Ends the run: whatever comes next would end the same way.
fn ends_the_run(error: &MobilityError) -> bool {
    match error {
        MobilityError::Unreachable { .. } | MobilityError::NotThisProtocol { .. } => true,
        MobilityError::Refused(refused) => reach::is_about_the_caller(refused.code),
    }
}

fn is_busy(error: &MobilityError) -> bool {
    matches!(error, MobilityError::Refused(refused) if refused.code == Code::Busy)
}

/// Carries out every row and answers the exit status.
pub(super) async fn run(
    reach: &Reach,
    options: &Bulk,
    change: Change,
    rows: Vec<Planned>,
) -> anyhow::Result<u8> {
    let most = usize::from(options.parallel.unwrap_or(PARALLEL));
    let client = reach.client_for(most)?;
    let mut done = match (&options.done, &options.csv) {
        (Some(done), Some(table)) => Some(Done::open(done, table)?),
        _ => None,
    };
    let resumes = done.is_some();
    let mut report = Report::new(reach.json, rows.len());
    let mut queue = VecDeque::with_capacity(rows.len());
    for row in rows {
        match row {
            Err(Idle::Unusable(row, why)) => report.add(row, Outcome::Unusable(why)),
            Err(Idle::Nowhere(row)) => report.add(row, Outcome::Nowhere),
            Ok(row) if done.as_ref().is_some_and(|done| done.has(change, &row)) => {
                report.add(row, Outcome::Skipped);
            }
            Ok(row) => queue.push_back((row, 0)),
        }
    }
    let mut pace = Pace::new(most);
    let mut under_way = JoinSet::new();
    let mut interrupt = interrupts();
    loop {
        while under_way.len() < pace.at_once()
            && report.goes_on()
            && let Some((row, tries)) = queue.pop_front()
        {
            let (client, step) = (client.clone(), pace.step());
            under_way.spawn(async move {
                let ended = carry_out(&client, change, &row, resumes).await;
                (row, tries, step, ended)
            });
        }
        // Cancel-safe: both only wait. Once the run is interrupted there is nothing more to hear; the second time ends at once.
        let finished = tokio::select! {
            () = heard(&mut interrupt), if report.goes_on() => {
                report.interrupted(under_way.len());
                continue;
            }
            finished = under_way.join_next() => finished,
        };
        let Some(finished) = finished else { break };
        // A panic in one row is one in all.
        let (row, tries, step, ended) = finished?;
        if !ended.as_ref().is_err_and(is_busy) {
            pace.open();
        }
        match ended {
            Ok(already) => {
                pace.went_well();
                if let Some(done) = &mut done
                    && let Err(error) = done.add(change, &row)
                {
                    report.cannot_note(error);
                }
                report.add(row, Outcome::Done { already });
            }
            Err(error) if is_busy(&error) && !report.goes_on() => queue.push_front((row, tries)),
            Err(error) if is_busy(&error) && tries < BUSY_RETRIES => {
                queue.push_front((row, tries + 1));
                if let Some(wait) = pace.was_busy(step) {
                    tokio::select! {
                        () = heard(&mut interrupt) => report.interrupted(under_way.len()),
                        () = tokio::time::sleep(wait) => {}
                    }
                }
            }
            Err(error) => {
                if ends_the_run(&error) {
                    report.stop(&error);
                }
                report.add(row, Outcome::Failed(error));
            }
        }
    }
    let left = queue.len();
    if report.is_complete(left)
        && let Some(done) = done.take()
        && let Err(error) = done.remove()
    {
        report.cannot_note(error);
    }
    report.finish(Ending {
        left,
        limit: pace.limit(),
        asked: most,
        kept: done.as_ref().and_then(Done::kept),
    })
}

/// Listens for Ctrl-C from now on: the first one is passed on, the second one ends the program at once.
fn interrupts() -> watch::Receiver<bool> {
    let (tell, heard) = watch::channel(false);
    tokio::spawn(async move {
        // Where it cannot be listened for, it ends the program as ever.
        if tokio::signal::ctrl_c().await.is_ok() {
            // Nobody listens any more once all rows are done.
            let _ = tell.send(true);
            let _ = tokio::signal::ctrl_c().await;
            std::process::exit(INTERRUPTED.into());
        }
        // Dropped, it would be taken for one.
        std::future::pending::<()>().await;
    });
    heard
}

/// Waits for the first Ctrl-C.
async fn heard(interrupt: &mut watch::Receiver<bool>) {
    // Its other end is never dropped.
    let _ = interrupt.wait_for(|is_so| *is_so).await;
}

/// Carries out a row; true when it was so already. What an earlier run may have done, unnoticed, is as good as done.
async fn carry_out(
    client: &MobilityClient,
    change: Change,
    row: &Row,
    resumes: bool,
) -> Result<bool, MobilityError> {
    let ended = match change {
        Change::Login => client.login(&row.login()).await,
        Change::Logout => client.logout(&row.device).await,
    };
    let Err(error) = ended else { return Ok(false) };
    let MobilityError::Refused(refused) = &error else {
        return Err(error);
    };
    let is_so = match (refused.code, change) {
        (Code::Occupied, Change::Login) if resumes => client.is_at(&row.device, &row.user).await?,
        (Code::Free, Change::Logout) => resumes,
        _ => false,
    };
    if is_so { Ok(true) } else { Err(error) }
}
