//! What a client knows of agents and their legs: its events, folded. [cti §5]
//!
//! Servers differ in what they tell. One leaves out the connection id, one the agent of an inbound call; so a leg may have no id,
//! and what an `InboundCall` says waits for the `DialogState` that follows it.

use cordboard_wire::cti::{
    Address, AgentId, AgentInfo, AgentReport, AgentState, ConnectionId, DialogReport, DialogState,
    Event, InboundReport, NetworkState, TerminalReport, TerminalState, TimeText,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// An agent is known to have so many legs at most; the oldest finished one is forgotten before another comes.
const LEGS: usize = 64;
/// So many agents are known at most; what is said of others is passed over.
const AGENTS: usize = 10_000;

/// Agents, their legs, the network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Model {
    /// Is the telephone network there? `None` until somebody said so.
    pub network: Option<NetworkState>,
    /// Shared with the copies that followers hold, so that a change costs no more than what it changes.
    agents: BTreeMap<AgentId, Arc<Agent>>,
    /// An inbound call that was told and whose `DialogState` has not come.
    told: Option<InboundReport>,
}

/// What is known of one agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agent {
    /// Who he is.
    pub info: Option<AgentInfo>,
    /// What he is doing.
    pub state: Option<AgentState>,
    /// Why he takes no calls, if he said.
    pub reason: String,
    /// Since when he is doing that.
    pub since: TimeText,
    /// Is his phone registered? `None` until somebody said so: only some servers name the agent.
    pub terminal: Option<TerminalState>,
    /// His legs, in the order they came into being.
    pub legs: Vec<Leg>,
}

/// One agent's part in one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leg {
    /// Its id; a server may not tell it.
    pub connection: Option<ConnectionId>,
    /// What it is doing; never `Dropped` or `None`.
    pub state: DialogState,
    /// Since when.
    pub since: TimeText,
    /// When it came into being, if it came in from outside.
    pub started: Option<TimeText>,
    /// Did it come in?
    pub inbound: bool,
    /// The other parties.
    pub others: Vec<Address>,
}

impl Model {
    /// An agent, if anything is known of him.
    pub fn agent(&self, agent: &AgentId) -> Option<&Agent> {
        self.agents.get(agent).map(Arc::as_ref)
    }

    /// All agents that anything is known of.
    pub fn agents(&self) -> impl Iterator<Item = (&AgentId, &Agent)> {
        let all = self.agents.iter();
        all.map(|(id, agent)| (id, agent.as_ref()))
    }

    /// The one agent, if there is exactly one.
    pub fn only_agent(&self) -> Option<&AgentId> {
        let mut all = self.agents.keys();
        all.next().filter(|_| all.next().is_none())
    }

    /// Everything about this agent is about to be told anew: legs that are not told again are no more. [cti §7.2]
    pub fn begin_snapshot(&mut self, agent: &AgentId) {
        if let Some(known) = self.agents.get_mut(agent) {
            Arc::make_mut(known).legs.clear();
        }
    }

    /// Takes an event in.
    pub fn fold(&mut self, event: &Event) {
        match event {
            Event::Network(state) => self.network = Some(*state),
            Event::Terminal(report) => self.terminal(report),
            Event::AgentInfo(info) => {
                if let Some(agent) = self.known(&info.agent) {
                    agent.info = Some(info.clone());
                }
            }
            Event::AgentState(report) => self.agent_state(report),
            Event::DialogState(report) => self.dialog_state(report),
            Event::InboundCall(report) => self.inbound_call(report),
            Event::Error(_) => {}
        }
    }

    fn known(&mut self, agent: &AgentId) -> Option<&mut Agent> {
        if !self.agents.contains_key(agent) && self.agents.len() >= AGENTS {
            return None;
        }
        Some(Arc::make_mut(self.agents.entry(agent.clone()).or_default()))
    }

    fn terminal(&mut self, report: &TerminalReport) {
        // Without an agent it is the only one's, or somebody's whom one must ask for. [cti §4.4]
        let agent = report.agent.as_ref().or_else(|| self.only_agent()).cloned();
        if let Some(agent) = agent.and_then(|agent| self.agents.get_mut(&agent)) {
            Arc::make_mut(agent).terminal = Some(report.state);
        }
    }

    fn agent_state(&mut self, report: &AgentReport) {
        if let Some(agent) = self.known(&report.agent) {
            agent.state = Some(report.state);
            agent.reason.clone_from(&report.reason);
            agent.since = report.since.clone();
            if report.state == AgentState::Logout {
                agent.legs.clear();
            }
        }
    }

    fn inbound_call(&mut self, report: &InboundReport) {
        self.told = Some(report.clone());
        let Some(connection) = report.connection else {
            return;
        };
        // A leg that is known is told about by its id alone.
        let mut agents = self.agents.values_mut();
        let Some(agent) = agents.find(|agent| agent.find(connection).is_some()) else {
            return;
        };
        let legs = Arc::make_mut(agent).legs.iter_mut();
        for leg in legs.filter(|leg| leg.connection == Some(connection)) {
            leg.inbound = true;
            leg.started = Some(report.started.clone());
        }
    }

    fn dialog_state(&mut self, report: &DialogReport) {
        let told = self.told.take();
        let told = told.filter(|told| belongs(told, report));
        let Some(agent) = self.known(&report.agent) else {
            return;
        };
        match report.state {
            DialogState::None => agent.legs.clear(),
            DialogState::Dropped => agent.legs.retain(|leg| leg.connection != report.connection),
            DialogState::Initiating
            | DialogState::Initiated
            | DialogState::Alerting
            | DialogState::Active
            | DialogState::Held
            | DialogState::Failed => agent.leg(report, told),
        }
    }
}

/// Is that `InboundCall` about the leg of this `DialogState`?
fn belongs(told: &InboundReport, report: &DialogReport) -> bool {
    let agent = told
        .agent
        .as_ref()
        .is_none_or(|agent| *agent == report.agent);
    let leg = told.connection.is_none() || told.connection == report.connection;
    agent && leg && told.state == report.state
}

impl Agent {
    /// His leg of an id.
    pub fn find(&self, connection: ConnectionId) -> Option<&Leg> {
        let mut legs = self.legs.iter();
        legs.find(|leg| leg.connection == Some(connection))
    }

    fn leg(&mut self, report: &DialogReport, told: Option<InboundReport>) {
        let started = told.map(|told| told.started);
        let mut legs = self.legs.iter_mut();
        if let Some(leg) = legs.find(|leg| leg.connection == report.connection) {
            leg.state = report.state;
            leg.since = report.since.clone();
            leg.others.clone_from(&report.others);
            leg.inbound |= started.is_some() || report.state == DialogState::Alerting;
            leg.started = started.or(leg.started.take());
            return;
        }
        if self.legs.len() >= LEGS {
            self.legs.remove(0);
        }
        self.legs.push(Leg {
            connection: report.connection,
            state: report.state,
            since: report.since.clone(),
            inbound: started.is_some() || report.state == DialogState::Alerting,
            started,
            others: report.others.clone(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cordboard_wire::cti::{Received, decode_event};

    fn fold(model: &mut Model, bodies: &[&str]) {
        for body in bodies {
            match decode_event(body) {
                Received::Known(event, _) => model.fold(&event),
                Received::Raw(raw) => panic!("{raw}"),
            }
        }
    }

    fn folded(bodies: &[&str]) -> Model {
        let mut model = Model::default();
        fold(&mut model, bodies);
        model
    }

    /// An agent's legs in one line.
    fn legs(model: &Model, agent: &str) -> String {
        let agent = model.agent(&AgentId::parse(agent).unwrap()).unwrap();
        let leg = |leg: &Leg| {
            let id = leg.connection.map(|id| id.to_string());
            let others: Vec<_> = leg.others.iter().map(Address::as_str).collect();
            let way = if leg.inbound { "in" } else { "out" };
            let started = leg.started.as_ref().map_or("", |t| t.as_str());
            let state = leg.state.word();
            format!(
                "{} {state} {way} {} {started}",
                id.unwrap_or_default(),
                others.join("+")
            )
        };
        let all: Vec<_> = agent.legs.iter().map(leg).collect();
        all.join("; ")
    }

    const LOGIN: [&str; 3] = [
        "42031#AgentInfo#Agent#42031#false#NOT_ALLOWED#teams:0##Agent 42031",
        "42031#State#READY####2026-11-21 10:00:00#Agent 42031#42031#42031",
        "42031#DialogState#NONE#2026-11-21 10:00:00#0#",
    ];

    #[test]
    fn a_call_is_followed_from_its_first_event_to_its_last() {
        let mut model = folded(&LOGIN);
        assert_eq!(legs(&model, "42031"), "");
        for (body, expected) in [
            (
                "42031#DialogState#INITIATING#t1#7#42032",
                "7 INITIATING out 42032 ",
            ),
            ("42031#DialogState#ACTIVE#t2#7#42032", "7 ACTIVE out 42032 "),
            ("42031#DialogState#HELD#t3#7#42032", "7 HELD out 42032 "),
            (
                "42031#DialogState#INITIATING#t3#9#32033",
                "7 HELD out 42032 ; 9 INITIATING out 32033 ",
            ),
            (
                "42031#DialogState#ACTIVE#t4#7#42032,32033",
                "7 ACTIVE out 42032+32033 ; 9 INITIATING out 32033 ",
            ),
            (
                "42031#DialogState#DROPPED#t4#9#32033",
                "7 ACTIVE out 42032+32033 ",
            ),
            ("42031#DialogState#DROPPED#t5#7#42032", ""),
        ] {
            fold(&mut model, &[body]);
            assert_eq!(legs(&model, "42031"), expected, "{body}");
        }
    }

    #[test]
    fn c5_both_forms_of_an_inbound_call_make_the_same_model() {
        let dialog = "42031#DialogState#ALERTING#t1#7#42032";
        let mut models = Vec::new();
        for inbound in [
            "42031#InboundCall#ALERTING#t1#7#42032",
            "InboundCall#ALERTING#t1",
            "InboundCall#ALERTING#t1#7#42032",
        ] {
            let mut model = folded(&LOGIN);
            fold(&mut model, &[inbound, dialog]);
            assert_eq!(legs(&model, "42031"), "7 ALERTING in 42032 t1", "{inbound}");
            models.push(model);
        }
        assert!(models.iter().all(|model| *model == models[0]));
        // An inbound call of somebody else says nothing about this leg.
        let mut model = folded(&LOGIN);
        fold(
            &mut model,
            &[
                "42032#InboundCall#ACTIVE#t0#8#1",
                "42031#DialogState#ACTIVE#t1#7#42032",
            ],
        );
        assert_eq!(legs(&model, "42031"), "7 ACTIVE out 42032 ");
    }

    #[test]
    fn legs_without_ids_and_without_times_are_legs_too() {
        let mut model = folded(&LOGIN);
        fold(&mut model, &["42031#DialogState#ALERTING"]);
        assert_eq!(legs(&model, "42031"), " ALERTING in  ");
        fold(&mut model, &["42031#DialogState#DROPPED"]);
        assert_eq!(legs(&model, "42031"), "");
    }

    #[test]
    fn a_snapshot_and_a_logout_forget_what_is_not_told_again() {
        let mut model = folded(&LOGIN);
        let agent = AgentId::parse("42031").unwrap();
        fold(
            &mut model,
            &[
                "42031#DialogState#ACTIVE#t1#7#42032",
                "42031#DialogState#HELD#t1#8#1",
            ],
        );
        model.begin_snapshot(&agent);
        fold(&mut model, &["42031#DialogState#ACTIVE#t1#7#42032"]);
        assert_eq!(legs(&model, "42031"), "7 ACTIVE out 42032 ");
        fold(
            &mut model,
            &["42031#State#LOGOUT####t2#Agent 42031#42031#42031"],
        );
        assert_eq!(legs(&model, "42031"), "");
        assert_eq!(model.agent(&agent).unwrap().state, Some(AgentState::Logout));
    }

    #[test]
    fn a_phone_is_the_only_agents_or_nobodys() {
        let gone = "Terminal#CiscoTermOutServiceEv";
        let mut model = folded(&LOGIN);
        fold(&mut model, &[gone, "System#OUT_OF_SERVICE"]);
        let agent = AgentId::parse("42031").unwrap();
        let terminal = |model: &Model| model.agent(&agent).unwrap().terminal;
        assert_eq!(terminal(&model), Some(TerminalState::OutOfService));
        assert_eq!(model.network, Some(NetworkState::OutOfService));
        let mut model = folded(&LOGIN);
        fold(&mut model, &["42032#State#READY####t#x#42032#42032", gone]);
        assert_eq!(terminal(&model), None);
        let named = r#"{"type":"System","status":"CiscoTermInServiceEv","agentId":"42031","terminal":"SEP1"}"#;
        fold(&mut model, &[named]);
        assert_eq!(terminal(&model), Some(TerminalState::InService));
    }
}
