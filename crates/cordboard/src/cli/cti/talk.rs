//! The interactive session: commands at a prompt, events above it as they come.
//!
//! Two tasks beside the one that carries commands out: a thread that edits lines, because that waits for keys, and one that prints.
//! Both end with the session.

use super::act::Act;
use super::complete::Knows;
use super::perform::{perform, whom};
use super::reach::{BrokerNews, Failure, Joined, Reach};
use super::show;
use crate::cli::{OK, plain, print_out};
use clap::{CommandFactory, Parser, Subcommand};
use cordboard_client::cti::{Heard, Session, Standing};
use cordboard_wire::cti::AgentId;
use etcetera::BaseStrategy;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{CompletionType, Config, Editor, ExternalPrinter};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{broadcast, mpsc, watch};

/// So many lines are kept for the next session.
const HISTORY: usize = 1_000;

/// What can be typed at the prompt.
#[derive(Debug, Parser)]
#[command(
    multicall = true,
    about = "Events appear above the prompt as they come. Tab completes, the arrow keys bring lines back, Ctrl-D ends the session.",
    disable_version_flag = true
)]
struct Line {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    #[command(flatten)]
    Act(Act),
    /// Whom commands are for that name nobody; without one, says who it is
    Agent {
        /// The agent's extension
        #[arg(value_name = "EXTENSION", value_parser = super::act::agent)]
        agent: Option<AgentId>,
    },
    /// Everybody that is watched, and their calls
    Calls,
    /// End the session; agents stay logged in
    #[command(visible_alias = "exit")]
    Quit,
}

pub(super) async fn run(reach: &Reach, agents: Vec<AgentId>) -> Result<u8, Failure> {
    if reach.json {
        let why =
            "--json is for one-shot commands and `cti tail`; an interactive session is for people";
        return Err(Failure::Usage(why.to_owned()));
    }
    let joined = reach.join().await?;
    let first = agents
        .first()
        .cloned()
        .or_else(super::act::agent_of_environment);
    let (chosen, agent) = watch::channel(first);
    let done = talk(reach, &joined, agents, chosen, agent).await;
    joined.leave().await;
    done
}

async fn talk(
    reach: &Reach,
    joined: &Joined,
    agents: Vec<AgentId>,
    chosen: watch::Sender<Option<AgentId>>,
    agent: watch::Receiver<Option<AgentId>>,
) -> Result<u8, Failure> {
    let knows = Knows {
        commands: names(),
        model: joined.session.model(),
        agent: agent.clone(),
    };
    let terminal = std::io::stdin().is_terminal();
    let mut editor =
        editor(knows).map_err(|error| Failure::Usage(format!("no terminal: {error}")))?;
    let (out, outs) = mpsc::channel(OUT);
    let printing = tokio::spawn(print(printer(&mut editor), outs));
    let following = tokio::spawn(follow(joined.session.clone(), out.clone()));
    let (lines, mut typed) = mpsc::channel(1);
    let (prompts, prompted) = std::sync::mpsc::sync_channel(1);
    // It ends when its prompts do; one that waits for a key is left to the process's end.
    std::thread::spawn(move || edit(editor, &prompted, &lines));

    let mut status = OK;
    say(
        &out,
        format!(
            "connected to {}, events on topic {}; `help` lists what can be typed",
            joined.server(),
            joined.topic
        ),
    )
    .await;
    match joined.in_service(reach.limit()).await {
        Ok(()) if !agents.is_empty() => {
            let login = agents.iter().map(|agent| agent.as_str().to_owned());
            let words = std::iter::once("login".to_owned()).chain(login);
            status = line(joined, words.collect(), &chosen, &out).await;
        }
        Ok(()) => {}
        Err(failure) => say(&out, format!("{failure}; trying again until it is there")).await,
    }
    loop {
        let prompt = match &*agent.borrow() {
            Some(agent) => format!("{}> ", agent.as_str()),
            None => "cti> ".to_owned(),
        };
        if prompts.send(prompt).is_err() {
            break;
        }
        // Cancel-safe, as `recv` is. At a terminal Ctrl-C is a key like others.
        let words = tokio::select! {
            words = typed.recv() => words,
            () = crate::cli::stop_signal() => None,
        };
        let Some(words) = words else {
            break;
        };
        if words.is_empty() {
            continue;
        }
        if matches!(words.first().map(String::as_str), Some("quit" | "exit")) && words.len() == 1 {
            break;
        }
        // Cancel-safe: a command that is not waited for any longer is still carried out, and its events appear.
        let ended = tokio::select! {
            ended = line(joined, words, &chosen, &out) => ended,
            () = crate::cli::stop_signal() => {
                say(&out, "not waited for".to_owned()).await;
                crate::cli::INTERRUPTED
            }
        };
        status = if ended == OK { status } else { ended };
    }
    following.abort();
    drop(out);
    // What was said is printed before the process ends.
    let _ = printing.await;
    Ok(if terminal { OK } else { status })
}

/// Lines that wait to be printed; whoever has more waits.
const OUT: usize = 256;

async fn say(out: &mpsc::Sender<String>, line: String) {
    // Without a printer there is nobody to tell.
    let _ = out.send(line).await;
}

/// Carries out what was typed; the exit status that it would have had.
async fn line(
    joined: &Joined,
    words: Vec<String>,
    chosen: &watch::Sender<Option<AgentId>>,
    out: &mpsc::Sender<String>,
) -> u8 {
    let what = match Line::try_parse_from(&words) {
        Ok(line) => line.what,
        Err(error) => {
            let text = error.to_string();
            say(out, text.trim_end().to_owned()).await;
            return if error.use_stderr() {
                crate::cli::USAGE
            } else {
                OK
            };
        }
    };
    let agent = chosen.borrow().clone();
    let act = match what {
        What::Quit => return OK,
        What::Calls => {
            let model = joined.session.model();
            let lines = show::everybody(&model.borrow());
            say(out, lines.join("\n")).await;
            return OK;
        }
        What::Agent { agent: Some(agent) } => {
            chosen.send_replace(Some(agent));
            return OK;
        }
        What::Agent { agent: None } => {
            let who = agent.as_ref().map_or("nobody", AgentId::as_str);
            say(out, format!("commands that name nobody are for {who}")).await;
            return OK;
        }
        What::Act(act) => act,
    };
    match perform(joined, &act, agent.as_ref()).await {
        Ok(_) => {
            // The first who is logged in is whom the next commands are for.
            if let Act::Login(login) = &act
                && agent.is_none()
                && let Ok(agents) = whom(&login.agents, None)
            {
                chosen.send_replace(agents.into_iter().next());
            }
            OK
        }
        Err(failure) => {
            say(out, format!("! {}", plain(&failure.to_string()))).await;
            failure.status()
        }
    }
}

/// Events, and how broker and connector stand.
async fn follow(session: Session, out: mpsc::Sender<String>) {
    let mut events = session.events();
    let (mut standing, mut broker) = (session.standing(), session.broker());
    broker.mark_unchanged();
    let mut news = BrokerNews::default();
    loop {
        // Cancel-safe: the receivers lose nothing.
        let line = tokio::select! {
            biased;
            heard = events.recv() => match heard {
                Ok(heard) => event(&heard),
                Err(broadcast::error::RecvError::Lagged(missed)) => Some(format!("{missed} events were missed")),
                Err(broadcast::error::RecvError::Closed) => return,
            },
            Ok(()) = broker.changed() => news.of(&broker.borrow_and_update()).map(|told| format!("! {told}")),
            Ok(()) = standing.changed() => match *standing.borrow_and_update() {
                Standing::Greeting => Some("waiting for the connector".to_owned()),
                // Told by its own events.
                Standing::Away | Standing::OutOfService | Standing::InService => None,
            },
        };
        if let Some(line) = line {
            say(&out, line).await;
        }
    }
}

fn event(heard: &Arc<Heard>) -> Option<String> {
    use cordboard_wire::cti::{Event, Received};
    // A refusal is told where the command is.
    let refusal = matches!(&heard.received, Received::Known(Event::Error(_), _));
    if refusal && heard.correlation.is_some() {
        return None;
    }
    Some(format!("{}  {}", show::now(), show::line(heard)))
}

/// Prints above the prompt.
async fn print(mut printer: Option<impl ExternalPrinter>, mut lines: mpsc::Receiver<String>) {
    while let Some(line) = lines.recv().await {
        match &mut printer {
            // A terminal that is gone shows nothing.
            Some(printer) => drop(printer.print(format!("{line}\n"))),
            None => print_out(&format!("{line}\n")),
        }
    }
}

type Lines = Editor<Knows, FileHistory>;

fn editor(knows: Knows) -> rustyline::Result<Lines> {
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .max_history_size(HISTORY)?
        .history_ignore_space(true)
        .build();
    let mut editor = Editor::with_config(config)?;
    editor.set_helper(Some(knows));
    if let Some(file) = history() {
        // The first session has none.
        let _ = editor.load_history(&file);
    }
    Ok(editor)
}

fn printer(editor: &mut Lines) -> Option<impl ExternalPrinter + use<>> {
    editor.create_external_printer().ok()
}

/// Where lines are kept: among what a program remembers of its user.
fn history() -> Option<PathBuf> {
    let base = etcetera::choose_base_strategy().ok()?;
    let folder = base.state_dir().unwrap_or_else(|| base.data_dir());
    Some(folder.join("cordboard").join("cti-history"))
}

/// The thread that edits lines: one for each prompt, split into words. Ends with the prompts, or when there are no more lines.
fn edit(
    mut editor: Lines,
    prompts: &std::sync::mpsc::Receiver<String>,
    lines: &mpsc::Sender<Vec<String>>,
) {
    while let Ok(prompt) = prompts.recv() {
        let words = match editor.readline(&prompt) {
            Ok(line) => {
                let words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
                // Secrets are not kept.
                if !words.iter().any(|word| word.starts_with("--agent-pin")) {
                    let _ = editor.add_history_entry(line.trim());
                }
                words
            }
            Err(ReadlineError::Interrupted) => Vec::new(),
            Err(_) => break,
        };
        if lines.blocking_send(words).is_err() {
            break;
        }
    }
    if let Some(file) = history()
        && let Some(folder) = file.parent()
        && std::fs::create_dir_all(folder).is_ok()
    {
        // A session does not fail for its history.
        let _ = editor.save_history(&file);
    }
}

/// The names of all commands.
fn names() -> Vec<String> {
    let command = Line::command();
    let names = command.get_subcommands().map(|c| c.get_name().to_owned());
    names.chain(["help".to_owned()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_understood_as_behind_the_program() {
        let parse = |line: &str| Line::try_parse_from(line.split_whitespace());
        for line in [
            "hello",
            "login 42031 42032",
            "login 42031 --as agent42031 --agent-pin 12345",
            "dial 42032",
            "call 42032 --agent 42031",
            "answer",
            "hangup 16777217 -a 42031",
            "transfer 32033 16777217",
            "not-ready 42031 --reason 7",
            "agent 42031",
            "calls",
        ] {
            assert!(parse(line).is_ok(), "{line}");
        }
        for line in ["dial", "dial abc", "answer x", "tail", "login x", "fly"] {
            assert!(parse(line).is_err(), "{line}");
        }
        let names = names();
        for name in ["dial", "not-ready", "quit", "help"] {
            assert!(names.contains(&name.to_owned()), "{names:?}");
        }
    }
}
