//! `cordboard cti`: call control at any "CUCM Connector", cordboard's or the original's, over any ActiveMQ.
//!
//! - `reach`: which broker, which topic, and what a failure is to the caller. `act`: the commands, one-shot and interactive alike.
//! - `perform`: carrying one out. `choose`: which call is meant when none is named. `show`: events and calls, for people and programs.
//! - `tail`: only listening. `talk`: the interactive session; `complete`: what the tab key offers there.

mod act;
mod choose;
mod complete;
mod perform;
mod reach;
mod show;
mod tail;
mod talk;

use super::{OK, print_out};
use act::Act;
use reach::{Failure, Joined, Reach};

const EXAMPLES: &str = "Examples, against a lab on this machine:
  cordboard cti login 42031
  cordboard cti dial 42032 --agent 42031
  cordboard cti answer --agent 42032
  cordboard cti tail 42031 42032
  cordboard cti --agent 42031               (interactive; `help` there lists what can be typed)
Elsewhere: --server failover:(tcp://amq1:61616,tcp://amq2:61616), or CORDBOARD_BROKER.";

const STATUSES: &str = "Exit statuses: 0 done, 1 the connector said no (its code is printed) or the telephone network is out of service, \
    2 usage, 69 no broker can be reached or no connector answers, 76 what answered is no broker, 77 refused credentials.";

#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{STATUSES}"), args_conflicts_with_subcommands = false)]
pub(super) struct Options {
    #[command(flatten)]
    reach: Reach,
    /// Interactive: log this agent in at the start; may be repeated, the first is the one that commands are for
    #[arg(long = "agent", short = 'a', value_name = "EXTENSION", value_parser = act::agent)]
    agents: Vec<cordboard_wire::cti::AgentId>,
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    #[command(flatten)]
    Act(Act),
    /// Print events as they come, until Ctrl-C
    #[command(after_help = format!("{}\n\n{STATUSES}", tail::HELP))]
    Tail(tail::Options),
}

pub(super) async fn run(options: Options) -> anyhow::Result<u8> {
    let Options {
        reach,
        agents,
        what,
    } = options;
    let done = match what {
        None => talk::run(&reach, agents).await,
        Some(What::Tail(options)) => tail::run(&reach, options).await,
        Some(What::Act(act)) => once(&reach, &act, agents.first()).await,
    };
    Ok(match done {
        Ok(status) => status,
        Err(failure) => {
            reach.failed(&failure);
            failure.status()
        }
    })
}

/// One command, and good-bye.
async fn once(
    reach: &Reach,
    act: &Act,
    agent: Option<&cordboard_wire::cti::AgentId>,
) -> Result<u8, Failure> {
    let agent = agent.cloned().or_else(act::agent_of_environment);
    let joined = reach.join().await?;
    let done = carry_out(reach, &joined, act, agent.as_ref()).await;
    joined.leave().await;
    done
}

async fn carry_out(
    reach: &Reach,
    joined: &Joined,
    act: &Act,
    agent: Option<&cordboard_wire::cti::AgentId>,
) -> Result<u8, Failure> {
    joined.in_service(reach.limit()).await?;
    let done = perform::perform(joined, act, agent).await?;
    if reach.json {
        print_out(&format!("{}\n", show::done(&done)));
    } else {
        let lines = done.iter().map(|heard| show::line(heard));
        let text: String = lines.map(|line| format!("{line}\n")).collect();
        print_out(&text);
    }
    Ok(OK)
}
