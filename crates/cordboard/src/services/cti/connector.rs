//! The connector: who is known, who is watched, which commands are under way. One task owns it ([`super::session`]).
//!
//! What it knows of calls is a copy, made of the exchange's events alone and as old as the last of them; what is done, the exchange
//! does. `order` and `commands` are the way in, `happenings` and `telling` the way out.

use super::Before;
use super::agents::{Agent, Kept, Legs};
use super::happenings::Return;
use super::login::Guesses;
use super::order::{Order, Pending};
use super::rules::Rules;
use super::topics::Topics;
use super::translate::{self, Leg, Line, Outcome, Place, Ticket, Told};
use crate::app::App;
use crate::journal::Entry;
use crate::ops::metrics;
use cordboard_client::openwire::Client;
use cordboard_store::CtiFact;
use cordboard_wire::cti::{
    AgentId, AgentState, ClientDestination, ConnectionId, ErrorCode, NetworkState,
};
use futures_util::stream::FuturesUnordered;
use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::pin::Pin;
use std::sync::Arc;

/// So many commands of one agent wait for the one before; more are answered PLEASE_RETRY.
const LANE: usize = 1_024;
/// So many commands wait in all; when there are more, none is taken from the broker.
const WAITING: usize = 16_384;
/// Topics of so many agents are remembered who are not logged in.
const REMEMBERED: usize = 10_000;
/// A sender with so many of them has them replaced first when there are too many.
const REMEMBERED_OF_ONE: usize = 1_000;

/// What came of something that took its time.
pub(super) enum Finished {
    /// The exchange answered.
    Deed(Ticket, Outcome),
    /// A Login's credentials were looked at, before so many resets.
    Login(u64, Box<super::login::Verified>),
}

type Running = Pin<Box<dyn Future<Output = Finished> + Send>>;

/// The commands of an agent that wait for the one that is under way.
#[derive(Debug, Default)]
struct Lane {
    waiting: VecDeque<Order>,
}

/// The connector. See the module's page.
pub(super) struct Connector {
    pub(super) app: Arc<App>,
    pub(super) rules: Rules,
    pub(super) carrier: Client,
    pub(super) network: NetworkState,
    pub(super) topics: Topics,
    pub(super) agents: BTreeMap<AgentId, Agent>,
    /// Who is watched where.
    pub(super) places: HashMap<Place, AgentId>,
    /// Topics that Connect named, or where somebody was logged in last.
    pub(super) remembered: BTreeMap<(Option<String>, AgentId), ClientDestination>,
    /// All live legs of phones, whoever is watched.
    pub(super) legs: HashMap<Place, Legs>,
    /// The step that is not over yet.
    pub(super) step: Vec<Told>,
    /// While the network comes back.
    pub(super) returning: Option<Return>,
    /// The legs that had ended when we came back, for those who may not have been told.
    pub(super) lost: HashMap<Place, Vec<Leg>>,
    /// Were they told to everybody once?
    pub(super) told_lost: bool,
    /// Topics that were told how things stand while perhaps nobody listened yet.
    pub(super) owed: BTreeSet<ClientDestination>,
    /// Until when that matters.
    pub(super) owed_until: Option<tokio::time::Instant>,
    /// Topics that nobody listens to any more, and since when.
    pub(super) left: BTreeMap<ClientDestination, tokio::time::Instant>,
    pub(super) pending: HashMap<Ticket, Pending>,
    pub(super) running: FuturesUnordered<Running>,
    pub(super) guesses: Guesses,
    /// How often everybody was forgotten.
    pub(super) resets: u64,
    lanes: HashMap<AgentId, Lane>,
    waiting: usize,
}

impl Connector {
    /// A connector that knows what it knew before, and nothing of calls yet.
    pub(super) fn new(app: Arc<App>, rules: Rules, carrier: Client, before: Before) -> Self {
        let topics = Topics::new(&app.config.cti);
        let mut connector = Self {
            app,
            rules,
            carrier,
            network: NetworkState::OutOfService,
            topics,
            agents: BTreeMap::new(),
            places: HashMap::new(),
            remembered: BTreeMap::new(),
            legs: HashMap::new(),
            step: Vec::new(),
            returning: None,
            lost: HashMap::new(),
            told_lost: false,
            owed: BTreeSet::new(),
            owed_until: None,
            left: BTreeMap::new(),
            pending: HashMap::new(),
            running: FuturesUnordered::new(),
            guesses: Guesses::default(),
            resets: 0,
            lanes: HashMap::new(),
            waiting: 0,
        };
        for fact in before.facts {
            connector.restore(&fact);
        }
        let now_ms = connector.now_ms();
        for leg in translate::lost(&before.lost, connector.rules.node, now_ms) {
            let legs = connector.lost.entry(leg.place.clone()).or_default();
            legs.push(leg);
        }
        connector.gauge();
        connector
    }

    /// Something from before a restart. What is no longer allowed is left out.
    fn restore(&mut self, fact: &CtiFact) {
        let now_ms = self.now_ms();
        let topic = |name: &str| {
            let topic = ClientDestination::parse(name, &self.rules.names).ok();
            topic.filter(|topic| self.rules.allows(topic))
        };
        match fact {
            CtiFact::Destination(name, Some(record)) => {
                if let Some(topic) = topic(name) {
                    self.topics.restore(topic, record, now_ms);
                }
            }
            CtiFact::Login(agent, Some(record)) => {
                let kept = serde_json::from_str::<Kept>(record).ok();
                let Some((kept, id)) = kept.zip(AgentId::parse(agent).ok()) else {
                    return;
                };
                let topics: Vec<_> = kept.topics.iter().filter_map(|name| topic(name)).collect();
                if topics.is_empty() {
                    return;
                }
                let agent = Agent {
                    id: id.clone(),
                    topics,
                    users: kept.users,
                    not_ready: kept.not_ready,
                    terminal: None,
                    place: None,
                    moved: false,
                    person: Default::default(),
                    state: AgentState::Ready,
                    since_ms: kept.since_ms,
                };
                if let Some(topic) = agent.topic().cloned() {
                    let users = agent.users.iter().cloned().map(Some);
                    let users: Vec<_> = users.chain([None]).collect();
                    for user in users {
                        self.remember(&id, user.as_deref(), &topic);
                    }
                }
                self.agents.insert(id, agent);
            }
            CtiFact::Destination(_, None) | CtiFact::Login(_, None) => {}
        }
    }

    /// Takes what is live for what is there, at the start: nobody is told.
    pub(super) async fn begin(&mut self, legs: Vec<Leg>, network: NetworkState) {
        self.network = network;
        for leg in legs {
            self.legs
                .entry(leg.place.clone())
                .or_default()
                .insert(leg.id, leg);
        }
        let agents: Vec<AgentId> = self.agents.keys().cloned().collect();
        let Some(found) = self.find(&agents).await else {
            return self.unsettle(&agents);
        };
        let now_ms = self.now_ms();
        for (id, line) in agents.iter().zip(found) {
            self.bind(id, line.as_ref());
            self.take_state(id, now_ms);
        }
    }

    /// Everybody is forgotten (lab reset); nobody is told.
    pub(super) fn reset(&mut self) {
        self.resets += 1;
        self.topics.clear();
        self.agents.clear();
        self.places.clear();
        self.remembered.clear();
        self.legs.clear();
        self.returning = None;
        self.lost.clear();
        self.owed.clear();
        self.left.clear();
        self.pending.clear();
        self.lanes.clear();
        self.waiting = 0;
        self.guesses = Guesses::default();
        self.network = NetworkState::InService;
        self.gauge();
    }

    // --- small things ----------------------------------------------------------------------------------------------------

    /// The time that events say, in milliseconds since 1970.
    pub(super) fn now_ms(&self) -> i64 {
        self.app.clock.now().wall.0
    }

    pub(super) fn counts(&self) -> &metrics::Cti {
        &self.app.metrics.cti
    }

    pub(super) fn count_event(&self) {
        self.counts().events.inc();
    }

    /// An agent's live legs.
    pub(super) fn legs_of(&self, agent: &Agent) -> Option<&Legs> {
        self.legs.get(agent.place.as_ref()?)
    }

    /// A leg of an agent, by what his client calls it.
    pub(super) fn leg(&self, agent: &AgentId, id: ConnectionId) -> Option<&Leg> {
        self.legs_of(self.agents.get(agent)?)?.get(&id)
    }

    /// Is a topic somebody's?
    pub(super) fn is_in_use(&self, topic: &ClientDestination) -> bool {
        let mut agents = self.agents.values();
        agents.any(|agent| agent.topics.contains(topic))
    }

    /// The topic that a sender named for an agent.
    pub(super) fn remembered(
        &self,
        agent: &AgentId,
        sender: Option<&str>,
    ) -> Option<ClientDestination> {
        let key = (sender.map(str::to_owned), agent.clone());
        self.remembered.get(&key).cloned()
    }

    /// Remembers the topic that a sender names for an agent, for a Login of the same sender that names none. A sender with many of them
    /// loses its own first.
    pub(super) fn remember(
        &mut self,
        agent: &AgentId,
        sender: Option<&str>,
        topic: &ClientDestination,
    ) {
        let sender = sender.map(str::to_owned);
        let key = (sender.clone(), agent.clone());
        if self.remembered.len() >= REMEMBERED && !self.remembered.contains_key(&key) {
            let own = self.remembered.keys().filter(|(of, _)| *of == sender);
            let own: Vec<_> = own.take(REMEMBERED_OF_ONE).cloned().collect();
            match own.first() {
                Some(first) if own.len() == REMEMBERED_OF_ONE => {
                    self.remembered.remove(first);
                }
                Some(_) | None => {
                    self.remembered.pop_first();
                }
            }
        }
        self.remembered.insert(key, topic.clone());
    }

    /// Asks where agents' lines are; `None`: the exchange has too much to do to say.
    pub(super) fn find(
        &self,
        agents: &[AgentId],
    ) -> impl Future<Output = Option<Vec<Option<Line>>>> + Send + use<> {
        let question = translate::find(agents);
        let handle = self.app.handle.clone();
        async move { translate::found(handle.command(question).await.ok()) }
    }

    /// Where these agents' lines are is to be asked again.
    pub(super) fn unsettle(&mut self, agents: &[AgentId]) {
        for id in agents {
            if let Some(agent) = self.agents.get_mut(id) {
                agent.moved = true;
            }
        }
    }

    /// Who has no leg, and whose line may be elsewhere.
    fn unsettled(&self) -> Vec<AgentId> {
        let agents = self.agents.values();
        let unsettled = agents.filter(|agent| agent.moved && self.legs_of(agent).is_none());
        unsettled.map(|agent| agent.id.clone()).collect()
    }

    /// Watches an agent at the best phone of his line from now on.
    pub(super) fn bind(&mut self, id: &AgentId, line: Option<&Line>) {
        let terminal = line.and_then(|line| line.terminals.first()).cloned();
        let place = line.zip(terminal.as_ref()).map(|(line, terminal)| Place {
            line: line.number.clone(),
            device: terminal.device.clone(),
        });
        let user = terminal
            .as_ref()
            .and_then(|terminal| terminal.user.as_deref());
        let person = translate::person(&self.app.handle.directory(), user);
        let Some(agent) = self.agents.get_mut(id) else {
            return;
        };
        if let Some(old) = &agent.place
            && self.places.get(old) == Some(id)
        {
            self.places.remove(old);
        }
        if let Some(place) = &place {
            self.places.insert(place.clone(), id.clone());
        }
        agent.place = place;
        agent.terminal = terminal;
        agent.person = person;
        agent.moved = false;
    }

    /// Takes what is known of the phone an agent is watched at, and leaves him there.
    pub(super) fn refresh(&mut self, id: &AgentId, line: Option<&Line>) {
        let Some(agent) = self.agents.get_mut(id) else {
            return;
        };
        let Some(terminal) = &mut agent.terminal else {
            return;
        };
        let mut terminals = line.iter().flat_map(|line| &line.terminals);
        match terminals.find(|now| now.device == terminal.device) {
            Some(now) => terminal.state = now.state,
            None => agent.moved = true,
        }
    }

    /// Stores facts. Says whether they are.
    pub(super) fn keep(&self, facts: Vec<CtiFact>) -> impl Future<Output = bool> + Send + use<> {
        let handle = self.app.handle.clone();
        async move {
            if facts.is_empty() {
                return true;
            }
            let kept = handle.on_thread(move |engine| {
                engine.store_may_fail()?;
                engine.store.keep_cti(&facts)
            });
            match kept.await {
                Ok(Ok(())) => true,
                Ok(Err(error)) => {
                    tracing::error!(%error, "what CTI must remember could not be stored");
                    false
                }
                Err(_) => false,
            }
        }
    }

    /// Counts who is there.
    pub(super) fn gauge(&self) {
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.counts().agents.set(number(self.agents.len()));
        self.counts().topics.set(number(self.topics.len()));
    }

    /// Writes a command into the journal, with what came of it.
    pub(super) fn journal(&self, line: &super::order::Line, outcome: &str) {
        let path: String = line.jms_type.chars().filter(|c| !c.is_control()).collect();
        let notes = line.notes.clone().field("outcome", outcome.to_owned());
        let entry = Entry::message(super::INTERFACE, &path);
        self.app.journal.note(entry.answered(0, notes));
    }

    // --- commands of one agent, one after the other ---------------------------------------------------------------------------

    /// May another command be taken from the broker?
    pub(super) fn has_room(&self) -> bool {
        self.waiting < WAITING
    }

    /// Carries an agent's command out, when those before it are done. [cti §1]
    pub(super) async fn line_up(&mut self, agent: &AgentId, order: Order) {
        let Some(lane) = self.lanes.get_mut(agent) else {
            return self.go(agent, order).await;
        };
        // One sender leaves half of it to the others.
        let own = lane.waiting.iter().filter(|other| other.user == order.user);
        let may_act = self
            .agents
            .get(agent)
            .is_none_or(|a| !self.rules.require_user || a.is_of(order.user.as_deref()));
        if lane.waiting.len() >= LANE || (!may_act && own.count() >= LANE / 4) {
            self.done(&order, ErrorCode::PleaseRetry.word());
            return self.refuse(&order, ErrorCode::PleaseRetry);
        }
        lane.waiting.push_back(order);
        self.waiting += 1;
    }

    async fn go(&mut self, agent: &AgentId, order: Order) {
        if self.carry_out(agent, order).await {
            self.lanes.entry(agent.clone()).or_default();
        }
    }

    /// The command of an agent that was under way is done: the next ones, until one takes its time.
    pub(super) async fn next_of(&mut self, agent: &AgentId) {
        while let Some(order) = self
            .lanes
            .get_mut(agent)
            .and_then(|lane| lane.waiting.pop_front())
        {
            self.waiting -= 1;
            if self.carry_out(agent, order).await {
                return;
            }
        }
        self.lanes.remove(agent);
    }

    /// Counts and journals a command that is over.
    pub(super) fn done(&self, order: &Order, outcome: &str) {
        self.counts().count(order.verb.word(), outcome);
        self.journal(&order.line, outcome);
    }

    /// Takes what something came to that took its time.
    pub(super) async fn finished(&mut self, finished: Finished) {
        let agent = match finished {
            Finished::Deed(ticket, outcome) => self.answered(ticket, &outcome),
            // Whose lane it was in is no longer known either.
            Finished::Login(resets, _) if resets != self.resets => None,
            Finished::Login(_, verified) => Some(self.verified(*verified).await),
        };
        if let Some(agent) = agent {
            self.next_of(&agent).await;
        }
    }

    /// The exchange has answered a command. Its events were told before. Answers whose it was; `None` when it was waited for too long.
    fn answered(&mut self, ticket: Ticket, outcome: &Outcome) -> Option<AgentId> {
        let pending = self.pending.remove(&ticket)?;
        match outcome {
            Outcome::Done => {
                self.confirm(&pending);
                self.done(&pending.order, "done");
            }
            Outcome::NoNetwork => {
                self.done(&pending.order, NetworkState::OutOfService.word());
                self.say_no_network(&pending.order);
            }
            Outcome::Refused(code) => {
                self.done(&pending.order, code.word());
                self.refuse(&pending.order, code.clone());
            }
        }
        Some(pending.agent)
    }

    /// What changed no leg is confirmed by the leg's state: every command is answered by something. [cti §1, §7.11]
    fn confirm(&mut self, pending: &Pending) {
        if !pending.confirmed.is_empty() {
            return;
        }
        let Some(agent) = self.agents.get(&pending.agent) else {
            return;
        };
        let audience = self.audience(agent, Some(&pending.order.answering));
        match pending.leg.and_then(|id| self.leg(&agent.id, id)) {
            Some(leg) => self.say_dialog(&audience, &agent.id, leg),
            // Its events were missed, and how things stand was told when that was seen.
            None => self.say_snapshot(&audience, agent, &[]),
        }
    }

    /// Looks at what time alone brings about.
    pub(super) async fn tick(&mut self) {
        let now = self.app.clock.now();
        let late = self.pending.iter();
        let late = late.filter(|(_, pending)| pending.until <= now.instant);
        let late: Vec<Ticket> = late.map(|(ticket, _)| *ticket).collect();
        for ticket in late {
            if let Some(pending) = self.pending.remove(&ticket) {
                self.done(&pending.order, ErrorCode::PleaseRetry.word());
                self.refuse(&pending.order, ErrorCode::PleaseRetry);
                // What it may still bring about is nobody's answer any more.
                self.next_of(&pending.agent).await;
            }
        }
        if self
            .owed_until
            .is_some_and(|until| until <= tokio::time::Instant::now())
        {
            self.owed.clear();
            self.owed_until = None;
            self.lost.clear();
        }
        if self.network == NetworkState::InService {
            let unsettled = self.unsettled();
            self.look_at(unsettled).await;
        }
        self.log_out_silent(now.wall.0).await;
        self.forget_idle(now.wall.0).await;
    }

    async fn forget_idle(&mut self, now_ms: i64) {
        let idle = {
            // Looked for only if a topic was silent for long; then all of those that sleep are asked for at every tick.
            let agents = self.agents.values();
            let used = LazyCell::new(|| agents.flat_map(|agent| &agent.topics).collect());
            let used: &LazyCell<HashSet<&ClientDestination>, _> = &used;
            self.topics
                .forget_idle(now_ms, |topic| used.contains(topic))
        };
        for topic in &idle {
            self.left.remove(topic);
        }
        let facts = idle
            .iter()
            .map(|topic| CtiFact::Destination(topic.to_string(), None));
        if self.keep(facts.collect()).await && !idle.is_empty() {
            self.gauge();
        }
    }
}
