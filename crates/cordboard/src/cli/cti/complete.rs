//! What the tab key offers in the interactive session: commands, agents, the calls that fit.

use cordboard_client::cti::Model;
use cordboard_wire::cti::{AgentId, DialogState};
use rustyline::completion::{Completer, Pair};
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::Validator;
use rustyline::{Context, Helper};
use std::sync::Arc;
use tokio::sync::watch;

/// What completion looks at.
pub(super) struct Knows {
    /// Names of commands.
    pub(super) commands: Vec<String>,
    /// Agents and their calls.
    pub(super) model: watch::Receiver<Arc<Model>>,
    /// Whom commands are for that name nobody.
    pub(super) agent: watch::Receiver<Option<AgentId>>,
}

/// What may stand where the cursor is: each with what is said beside it.
fn offers(
    before: &str,
    commands: &[String],
    model: &Model,
    agent: Option<&AgentId>,
) -> (usize, Vec<(String, String)>) {
    let start = before.rfind(char::is_whitespace).map_or(0, |at| at + 1);
    let (said, begun) = before.split_at(start);
    let words: Vec<_> = said.split_whitespace().collect();
    let plain = |word: &str| (word.to_owned(), word.to_owned());
    let agents = || -> Vec<_> {
        let agents = model.agents();
        agents
            .map(|(id, agent)| {
                let state = agent
                    .state
                    .map_or("", cordboard_wire::cti::AgentState::word);
                let shown = format!("{} {state}", id.as_str());
                (id.as_str().to_owned(), shown)
            })
            .collect()
    };
    let all = match words.as_slice() {
        [] | ["help"] => commands.iter().map(|name| plain(name)).collect(),
        [.., "--agent" | "-a"] => agents(),
        [
            "login" | "logout" | "state" | "ready" | "not-ready" | "agent",
            ..,
        ] => agents(),
        [command, rest @ ..] => {
            let named = rest
                .iter()
                .position(|word| matches!(*word, "--agent" | "-a"));
            let named = named.and_then(|at| AgentId::parse(rest.get(at + 1)?).ok());
            let agent = named.as_ref().or(agent);
            calls(command, rest, model, agent)
        }
    };
    let mut offers: Vec<_> = all
        .into_iter()
        .filter(|(word, _)| word.starts_with(begun))
        .collect();
    if begun.starts_with('-') && !words.is_empty() {
        offers.push(plain("--agent"));
    }
    (start, offers)
}

/// The calls that a command can be about: its argument, or its second.
fn calls(
    command: &str,
    rest: &[&str],
    model: &Model,
    agent: Option<&AgentId>,
) -> Vec<(String, String)> {
    use DialogState::{Active, Alerting, Held};
    let states: &[DialogState] = match (command, rest.len()) {
        ("answer", 0) => &[Alerting],
        ("hold", 0) | ("dtmf", 1) | ("drop", 1) => &[Active],
        ("retrieve" | "resume", 0) => &[Held],
        ("complete" | "conference", 0) | ("transfer" | "consult", 1) => &[Active, Held],
        ("release" | "hangup" | "reject", 0) => &DialogState::ALL,
        _ => return Vec::new(),
    };
    let legs = agent.and_then(|agent| model.agent(agent));
    let legs = legs.map_or(&[][..], |agent| agent.legs.as_slice()).iter();
    legs.filter(|leg| states.contains(&leg.state))
        .filter_map(|leg| Some((leg.connection?.to_string(), super::show::leg(leg))))
        .collect()
}

impl Completer for Knows {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        at: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let model = Arc::clone(&self.model.borrow());
        let agent = self.agent.borrow().clone();
        let before = line.get(..at).unwrap_or(line);
        let (start, offers) = offers(before, &self.commands, &model, agent.as_ref());
        let pairs = offers.into_iter().map(|(replacement, display)| Pair {
            display,
            replacement: format!("{replacement} "),
        });
        Ok((start, pairs.collect()))
    }
}

impl Hinter for Knows {
    type Hint = String;
}
impl Highlighter for Knows {}
impl Validator for Knows {}
impl Helper for Knows {}

#[cfg(test)]
mod tests {
    use super::*;
    use cordboard_wire::cti::{Received, decode_event};

    fn offered(before: &str) -> (usize, Vec<String>) {
        let mut model = Model::default();
        for body in [
            "42031#State#HOLD####t#A#42031#42031",
            "42031#DialogState#HELD#t#7#42032",
            "42031#DialogState#ACTIVE#t#8#32033",
            "42032#DialogState#ALERTING#t#9#42031",
        ] {
            match decode_event(body) {
                Received::Known(event, _) => model.fold(&event),
                Received::Raw(raw) => panic!("{raw}"),
            }
        }
        let commands = ["dial", "drop", "hold", "retrieve"].map(str::to_owned);
        let agent = AgentId::parse("42031").unwrap();
        let (start, offers) = offers(before, &commands, &model, Some(&agent));
        (start, offers.into_iter().map(|(word, _)| word).collect())
    }

    #[test]
    fn commands_agents_and_the_calls_that_fit_are_offered() {
        for (before, start, expected) in [
            ("", 0, &["dial", "drop", "hold", "retrieve"][..]),
            ("d", 0, &["dial", "drop"]),
            ("help h", 5, &["hold"]),
            ("login ", 6, &["42031", "42032"]),
            ("state 42032 4", 12, &["42031", "42032"]),
            ("hold ", 5, &["8"]),
            ("retrieve 7", 9, &["7"]),
            ("release ", 8, &["7", "8"]),
            ("consult 123 ", 12, &["7", "8"]),
            ("dial ", 5, &[]),
            ("answer ", 7, &[]),
            ("dial 5500 --a", 10, &["--agent"]),
            ("answer --agent 42", 15, &["42031", "42032"]),
        ] {
            let (at, words) = offered(before);
            assert_eq!(at, start, "{before}");
            assert_eq!(words, expected, "{before}");
        }
    }
}
