//! What the exchange tells, made into agents' events: a step at a time. [exchange §4]

use super::agents::{Agent, Legs, put, turn};
use super::connector::Connector;
use super::order::{Answering, Pending};
use super::translate::{DeviceName, DirectoryNumber, Happening, Leg, Place, Ticket, Told};
use cordboard_wire::cti::{AgentId, ClientDestination, NetworkState, TerminalState};
use std::collections::HashMap;
use std::time::Duration;

/// A client that begins to listen within this time after we are back has missed how things stand.
const OWED: Duration = Duration::from_secs(300);

/// Legs that ended while the network came back, told with the rest of what their agents are told then.
#[derive(Debug, Default)]
pub(super) struct Return {
    gone: HashMap<Place, Vec<Leg>>,
}

impl Connector {
    /// Takes the next event of the exchange.
    pub(super) async fn heard(&mut self, told: Told) {
        let (ends_step, ends_input) = (told.ends_step, told.ends_input);
        self.step.push(told);
        if ends_step {
            let step = std::mem::take(&mut self.step);
            self.step_over(step).await;
        }
        if ends_input && let Some(returned) = self.returning.take() {
            self.tell_return(returned.gone).await;
        }
    }

    async fn step_over(&mut self, step: Vec<Told>) {
        let mut legs: Vec<(Option<Ticket>, Leg)> = Vec::new();
        for told in step {
            match told.what {
                Happening::Leg(leg) => legs.push((told.ticket, leg)),
                Happening::Terminal(device, state) => self.terminal(&device, state),
                Happening::Network(state) => self.network_is(state),
                Happening::Moved(device, lines) => self.moved(&device, &lines).await,
                Happening::Directory => self.look_at_all().await,
                Happening::Reset => self.reset(),
                Happening::Other => {}
            }
        }
        match &mut self.returning {
            Some(returning) => {
                for (_, leg) in legs {
                    if !leg.is_live() {
                        let gone = returning.gone.entry(leg.place.clone()).or_default();
                        gone.push(leg.clone());
                    }
                    put_at(&mut self.legs, &leg);
                }
            }
            None => {
                let free = self.tell_legs(&legs);
                self.look_at(free).await;
            }
        }
    }

    // --- legs -----------------------------------------------------------------------------------------------------------

    /// Tells each agent of the legs of his that a step changed, in its order: first what he is doing, if that is another thing
    /// now, then the leg. Answers who has no leg any more and whose line moved while he had one. [cti §7]
    fn tell_legs(&mut self, changes: &[(Option<Ticket>, Leg)]) -> Vec<AgentId> {
        let mut turns: HashMap<AgentId, (usize, usize)> = HashMap::new();
        for (_, leg) in changes {
            let Some(id) = self
                .places
                .get(&leg.place)
                .filter(|id| !turns.contains_key(*id))
            else {
                continue;
            };
            if let Some(agent) = self.agents.get(id) {
                let own = changes.iter().map(|(_, leg)| leg);
                let own: Vec<&Leg> = own.filter(|other| other.place == leg.place).collect();
                let empty = Legs::new();
                let before = self.legs.get(&leg.place).unwrap_or(&empty);
                let turn = turn(agent, before, &own).unwrap_or(usize::MAX);
                turns.insert(id.clone(), (0, turn));
            }
        }
        let mut free = Vec::new();
        for (ticket, leg) in changes {
            put_at(&mut self.legs, leg);
            let Some(id) = self.places.get(&leg.place).cloned() else {
                continue;
            };
            let answering = ticket.and_then(|ticket| self.confirms(ticket, &id, leg));
            let now = turns.get_mut(&id).is_some_and(|(seen, turn)| {
                *seen += 1;
                *seen - 1 == *turn
            });
            if now {
                self.take_state(&id, leg.changed_ms);
            }
            let Some(agent) = self.agents.get(&id) else {
                continue;
            };
            let audience = self.audience(agent, answering.as_ref());
            let legs = self.legs_of(agent);
            if now {
                let deciding = legs.and_then(|legs| agent.doing(legs).1);
                self.say_state(&audience, agent, deciding);
            }
            self.say_leg(&audience, &id, leg);
            if agent.moved && legs.is_none_or(Legs::is_empty) {
                free.push(id);
            }
        }
        free
    }

    /// What is answered by a leg's change, if it belongs to the agent's own command and is the first of that leg. [cti §3.5]
    fn confirms(&mut self, ticket: Ticket, agent: &AgentId, leg: &Leg) -> Option<Answering> {
        let pending: &mut Pending = self.pending.get_mut(&ticket)?;
        (pending.agent == *agent && pending.confirmed.insert(leg.id))
            .then(|| pending.order.answering.clone())
    }

    /// Notes what an agent is doing now.
    pub(super) fn take_state(&mut self, id: &AgentId, at_ms: i64) {
        let empty = Legs::new();
        let Some(agent) = self.agents.get_mut(id) else {
            return;
        };
        let legs = agent.place.as_ref().and_then(|place| self.legs.get(place));
        let state = agent.doing(legs.unwrap_or(&empty)).0;
        if state != agent.state {
            agent.state = state;
            agent.since_ms = at_ms;
        }
    }

    // --- phones and lines -----------------------------------------------------------------------------------------------

    fn terminal(&mut self, device: &DeviceName, state: TerminalState) {
        let here = |agent: &&mut Agent| {
            let terminal = agent.terminal.as_ref();
            terminal.is_some_and(|terminal| terminal.device == *device)
        };
        let mut told = Vec::new();
        for agent in self.agents.values_mut().filter(here) {
            if let Some(terminal) = &mut agent.terminal {
                terminal.state = state;
            }
            told.push(agent.id.clone());
        }
        for agent in told.iter().filter_map(|id| self.agents.get(id)) {
            self.say_terminal(&self.audience(agent, None), agent, state);
        }
    }

    /// Lines moved to or from a phone: agents who are watched there, or of whom one of these lines is, may be elsewhere now.
    async fn moved(&mut self, device: &DeviceName, lines: &[DirectoryNumber]) {
        let concerned = self.agents.values().filter(|agent| {
            let at = agent.terminal.as_ref();
            let there = at.is_some_and(|terminal| terminal.device == *device);
            let digits = agent.id.as_str();
            there || lines.iter().any(|line| line.digits.as_str() == digits)
        });
        let concerned = concerned.map(|agent| agent.id.clone()).collect();
        self.look_at(concerned).await;
    }

    async fn look_at_all(&mut self) {
        let all = self.agents.keys().cloned().collect();
        self.look_at(all).await;
    }

    /// Looks up where these agents' lines are now. Who has a leg stays where he is until it has ended. [exchange §7, rule 3]
    pub(super) async fn look_at(&mut self, agents: Vec<AgentId>) {
        if agents.is_empty() {
            return;
        }
        let Some(found) = self.find(&agents).await else {
            return self.unsettle(&agents);
        };
        for (id, line) in agents.iter().zip(found) {
            let Some(before) = self.agents.get(id).and_then(|agent| agent.terminal.clone()) else {
                self.bind(id, line.as_ref());
                self.tell_arrival(id);
                continue;
            };
            let now = line.as_ref().and_then(|line| line.terminals.first());
            let stays = now.is_some_and(|now| now.device == before.device);
            let busy = self.agents.get(id).is_some_and(|agent| {
                let legs = self.legs_of(agent);
                legs.is_some_and(|legs| !legs.is_empty())
            });
            if !stays && busy {
                if let Some(agent) = self.agents.get_mut(id) {
                    agent.moved = true;
                }
                continue;
            }
            if !stays && let Some(agent) = self.agents.get(id) {
                let audience = self.audience(agent, None);
                self.say_terminal(&audience, agent, TerminalState::OutOfService);
            }
            self.bind(id, line.as_ref());
            if !stays {
                self.tell_arrival(id);
            }
        }
    }

    /// An agent is watched at another phone from now on: tells that it is there, and what rings or talks there already.
    fn tell_arrival(&mut self, id: &AgentId) {
        let now_ms = self.now_ms();
        let before = self.agents.get(id).map(|agent| agent.state);
        self.take_state(id, now_ms);
        let Some(agent) = self.agents.get(id) else {
            return;
        };
        let audience = self.audience(agent, None);
        let there = agent.terminal.as_ref();
        if there.is_some_and(|terminal| terminal.state == TerminalState::InService) {
            self.say_terminal(&audience, agent, TerminalState::InService);
        }
        let empty = Legs::new();
        let legs = self.legs_of(agent).unwrap_or(&empty);
        if before != Some(agent.state) {
            self.say_state(&audience, agent, agent.doing(legs).1);
        }
        for leg in legs.values() {
            self.say_leg(&audience, id, leg);
        }
    }

    // --- the network ----------------------------------------------------------------------------------------------------

    fn network_is(&mut self, state: NetworkState) {
        self.network = state;
        self.say_network_to_all(state);
        if state == NetworkState::InService {
            self.returning = Some(Return::default());
        }
    }

    /// The network is back: each agent is told where he stands. [cti §7.1]
    async fn tell_return(&mut self, mut gone: HashMap<Place, Vec<Leg>>) {
        if !std::mem::replace(&mut self.told_lost, true) {
            for (place, legs) in &self.lost {
                let gone = gone.entry(place.clone()).or_default();
                gone.extend(legs.iter().cloned());
            }
        }
        let agents: Vec<AgentId> = self.agents.keys().cloned().collect();
        let found = self.find(&agents).await;
        if found.is_none() {
            self.unsettle(&agents);
        }
        let now_ms = self.now_ms();
        for (index, id) in agents.iter().enumerate() {
            let line = found
                .as_ref()
                .map(|found| found.get(index).and_then(Option::as_ref));
            let before = self.agents.get(id).and_then(|agent| agent.place.clone());
            let gone = before.and_then(|place| gone.remove(&place));
            let gone = gone.unwrap_or_default();
            let legs = self.agents.get(id).and_then(|agent| self.legs_of(agent));
            match line {
                Some(line) if legs.is_none_or(Legs::is_empty) => self.bind(id, line),
                Some(line) => self.refresh(id, line),
                None => {}
            }
            let at_ms = gone.iter().map(|leg| leg.changed_ms).max();
            self.take_state(id, at_ms.unwrap_or(now_ms));
            let Some(agent) = self.agents.get(id) else {
                continue;
            };
            self.say_standing(&self.audience(agent, None), agent, &gone);
        }
    }

    /// Tells everybody how things stand: after a start, or when the broker was away. Who does not listen yet is told when he does.
    /// [cti §2.5]
    pub(super) async fn tell_everything(&mut self) {
        self.owed = self.topics.names().cloned().collect();
        self.owed_until = Some(tokio::time::Instant::now() + OWED);
        self.say_network_to_all(self.network);
        if self.network == NetworkState::InService {
            self.tell_return(HashMap::new()).await;
        }
    }

    /// Somebody listens to a topic. If its client may have missed how things stand since we are back, it is told now.
    pub(super) fn listened_to(&mut self, name: &str) {
        let Ok(topic) = ClientDestination::parse(name, &self.rules.names) else {
            return;
        };
        self.left.remove(&topic);
        if !self.owed.remove(&topic) {
            return;
        }
        let audience = self.of_topic(&topic, &Answering::default());
        self.say_network(&audience);
        if self.network == NetworkState::OutOfService {
            return;
        }
        for agent in self.agents.values() {
            if agent.topics.contains(&topic) {
                let lost = agent.place.as_ref().and_then(|place| self.lost.get(place));
                let lost = lost.map(Vec::as_slice).unwrap_or_default();
                self.say_standing(&audience, agent, lost);
            }
        }
    }

    /// Nobody listens to a topic any more.
    pub(super) fn left(&mut self, name: &str) {
        let topic = ClientDestination::parse(name, &self.rules.names);
        if let Ok(topic) = topic
            && self.rules.logout_on_disconnect.is_some()
            && self.topics.knows(&topic)
        {
            self.left.insert(topic, tokio::time::Instant::now());
        }
    }

    /// Events were missed: takes these legs and this network for what is there, and tells everybody.
    pub(super) async fn resync(&mut self, legs: Vec<Leg>, network: NetworkState) {
        let mut before: HashMap<Place, Legs> = std::mem::take(&mut self.legs);
        self.step.clear();
        self.returning = None;
        for leg in &legs {
            if let Some(legs) = before.get_mut(&leg.place) {
                legs.remove(&leg.id);
            }
            put_at(&mut self.legs, leg);
        }
        let now_ms = self.now_ms();
        let gone = before.into_iter().map(|(place, legs)| {
            let ended = legs.into_values().map(|leg| leg.ended(now_ms));
            (place, ended.collect())
        });
        let gone = gone.collect();
        self.network = network;
        self.say_network_to_all(network);
        if network == NetworkState::InService {
            self.tell_return(gone).await;
        }
    }
}

fn put_at(all: &mut HashMap<Place, Legs>, leg: &Leg) {
    if let Some(legs) = all.get_mut(&leg.place) {
        put(legs, leg);
        if legs.is_empty() {
            all.remove(&leg.place);
        }
    } else if leg.is_live() {
        all.insert(leg.place.clone(), Legs::from([(leg.id, leg.clone())]));
    }
}
