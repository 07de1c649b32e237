//! What is told to whom: events of an agent, answers, copies of them. [cti §3.6, §4]

use super::agents::{Agent, Legs};
use super::connector::Connector;
use super::order::{Answering, Order};
use super::translate::{Leg, address};
use cordboard_client::openwire::{Client, Publication};
use cordboard_wire::cti::{
    AgentId, AgentInfo, AgentReport, AgentState, ClientDestination, DialogReport, DialogState,
    ErrorCode, ErrorReport, Event, EventMessage, Format, InboundReport, NetworkState, ReplyTo,
    TerminalReport, TerminalState, encode_event, gc,
};
use cordboard_wire::openwire::{Destination, DestinationKind};

/// Who hears something, and how it is written for each.
#[derive(Clone, Debug, Default)]
pub(super) struct Audience {
    places: Vec<(ReplyTo, Format)>,
    correlation: Option<String>,
}

impl Audience {
    fn add(&mut self, place: ReplyTo, format: Format) {
        if !self.places.iter().any(|(known, _)| *known == place) {
            self.places.push((place, format));
        }
    }
}

/// One text that goes out, before its format is known.
pub(super) enum Say<'a> {
    /// An event of its own.
    Event(&'a Event),
    /// What a leg is doing; in the sister's layout one message of another shape.
    Leg(&'a AgentId, &'a Leg),
}

fn destination(place: &ReplyTo) -> Destination {
    match place {
        ReplyTo::Topic(topic) => Destination::topic(topic.as_str()),
        ReplyTo::TemporaryTopic(name) => Destination::new(DestinationKind::TempTopic, &**name),
        ReplyTo::TemporaryQueue(name) => Destination::new(DestinationKind::TempQueue, &**name),
        ReplyTo::Queue(name) => Destination::queue(&**name),
    }
}

/// Gives a message to the broker's client. [cti §2.4]
pub(super) fn publish(carrier: &Client, place: &ReplyTo, text: String, correlation: Option<&str>) {
    let message = EventMessage::new(text, correlation);
    carrier.publish(Publication {
        jms_type: Some(EventMessage::JMS_TYPE.to_owned()),
        correlation_id: message.correlation_id,
        ..Publication::new(destination(place), message.body)
    });
}

impl Connector {
    // --- who hears it ---------------------------------------------------------------------------------------------------

    /// An agent's topics; for an answer also whoever JMSReplyTo names.
    pub(super) fn audience(&self, agent: &Agent, answering: Option<&Answering>) -> Audience {
        let mut audience = Audience::default();
        for topic in &agent.topics {
            audience.add(ReplyTo::Topic(topic.clone()), self.topics.format(topic));
        }
        if let Some(answering) = answering {
            audience.correlation.clone_from(&answering.correlation);
            if let Some(reply) = &answering.reply {
                let format = self.topics.reply_format(reply, agent.topic());
                audience.add(reply.clone(), format);
            }
        }
        audience
    }

    /// JMSReplyTo alone, if there is one, else the agent's topics. [cti §3.6]
    pub(super) fn asker(&self, agent: &Agent, answering: &Answering) -> Audience {
        let mut audience = self.audience(agent, Some(answering));
        if let Some(reply) = &answering.reply {
            audience.places.retain(|(place, _)| place == reply);
        }
        audience
    }

    /// One topic, and whoever JMSReplyTo names.
    pub(super) fn of_topic(&self, topic: &ClientDestination, answering: &Answering) -> Audience {
        let mut audience = Audience {
            correlation: answering.correlation.clone(),
            ..Audience::default()
        };
        audience.add(ReplyTo::Topic(topic.clone()), self.topics.format(topic));
        if let Some(reply) = &answering.reply {
            let format = self.topics.reply_format(reply, Some(topic));
            audience.add(reply.clone(), format);
        }
        audience
    }

    /// Who hears of an error: JMSReplyTo, else the topic that was named, else the agent's, else nobody.
    fn blamed(&self, agent: Option<&AgentId>, answering: &Answering) -> Audience {
        let mut audience = Audience {
            correlation: answering.correlation.clone(),
            ..Audience::default()
        };
        // What others provoke is nothing to the agent.
        let agent = self.own_agent(answering.sender.as_deref(), agent);
        let named = answering
            .named
            .as_ref()
            .filter(|topic| self.rules.allows(topic));
        if let Some(reply) = &answering.reply {
            let agents = agent.and_then(Agent::topic);
            let format = self.topics.reply_format(reply, agents);
            audience.add(reply.clone(), format);
        } else if let Some(topic) = named {
            audience.add(ReplyTo::Topic(topic.clone()), self.topics.format(topic));
        } else if let Some(agent) = agent {
            for topic in &agent.topics {
                audience.add(ReplyTo::Topic(topic.clone()), self.topics.format(topic));
            }
        }
        audience
    }

    // --- saying it ------------------------------------------------------------------------------------------------------

    /// Tells something to everybody in the audience.
    pub(super) fn say(&self, audience: &Audience, say: &Say<'_>) {
        let mut written: [Option<Vec<String>>; 2] = [None, None];
        for (place, format) in &audience.places {
            let texts = &mut written[usize::from(*format == Format::Json)];
            let texts = texts.get_or_insert_with(|| self.written(say, *format));
            for text in texts.iter() {
                self.count_event();
                publish(
                    &self.carrier,
                    place,
                    text.clone(),
                    audience.correlation.as_deref(),
                );
            }
        }
    }

    pub(super) fn say_event(&self, audience: &Audience, event: &Event) {
        self.say(audience, &Say::Event(event));
    }

    pub(super) fn say_leg(&self, audience: &Audience, agent: &AgentId, leg: &Leg) {
        self.say(audience, &Say::Leg(agent, leg));
    }

    fn written(&self, say: &Say<'_>, format: Format) -> Vec<String> {
        let style = self.rules.style;
        let gc = self.rules.gc && format == Format::Default;
        match say {
            Say::Event(event) if gc => vec![gc::encode_other(event, style)],
            Say::Event(event) => vec![encode_event(event, format, style)],
            Say::Leg(agent, leg) if gc => vec![self.gc_leg(agent, leg)],
            Say::Leg(agent, leg) => {
                let inbound = leg.inbound.then(|| self.inbound(agent, leg));
                let dialog = Event::DialogState(self.dialog(agent, leg));
                let events = inbound.into_iter().chain([dialog]);
                events
                    .map(|event| encode_event(&event, format, style))
                    .collect()
            }
        }
    }

    /// A leg in the sister's layout: one message for each of its states. [cti §13]
    fn gc_leg(&self, agent: &AgentId, leg: &Leg) -> String {
        let other = leg.others.first().map(address).unwrap_or_default();
        let own = gc::GcParticipant {
            number: address(&leg.place.line),
            state: leg.state,
            started: Some(self.rules.time(leg.started_ms)),
        };
        let others = leg.addresses().into_iter().map(|number| gc::GcParticipant {
            number,
            state: leg.state,
            started: None,
        });
        let call = gc::GcCall {
            agent: agent.clone(),
            state: leg.state,
            connection: leg.id,
            other,
            reason: match leg.state {
                DialogState::Failed => leg.cause.unwrap_or_default().to_uppercase(),
                _ => String::new(),
            },
            variables: Vec::new(),
            started: self.rules.time(leg.started_ms),
            call_type: match (leg.consultation_of.is_some(), leg.inbound) {
                (true, _) => "CONSULT",
                (false, true) => "INBOUND",
                (false, false) => "OUT",
            }
            .to_owned(),
            participants: std::iter::once(own).chain(others).collect(),
        };
        if leg.consultation_of.is_some() && !leg.inbound {
            gc::encode_consult_call(&call)
        } else if leg.inbound && leg.state == DialogState::Alerting {
            gc::encode_new_inbound_call(&call)
        } else {
            gc::encode_call(&call)
        }
    }

    fn inbound(&self, agent: &AgentId, leg: &Leg) -> Event {
        Event::InboundCall(InboundReport {
            agent: Some(agent.clone()),
            state: leg.state,
            started: self.rules.time(leg.started_ms),
            connection: Some(leg.id),
            other: leg.others.first().map(address),
        })
    }

    fn dialog(&self, agent: &AgentId, leg: &Leg) -> DialogReport {
        DialogReport {
            agent: agent.clone(),
            state: leg.state,
            since: self.rules.time(leg.changed_ms),
            connection: Some(leg.id),
            others: leg.addresses(),
            cause: leg.cause.map(str::to_owned),
        }
    }

    /// A leg's DialogState alone.
    pub(super) fn say_dialog(&self, audience: &Audience, agent: &AgentId, leg: &Leg) {
        match self.rules.gc {
            true => self.say_leg(audience, agent, leg),
            false => {
                let event = Event::DialogState(self.dialog(agent, leg));
                self.say_event(audience, &event);
            }
        }
    }

    /// What the agent is doing, as it was told last or is told now.
    pub(super) fn say_state(&self, audience: &Audience, agent: &Agent, deciding: Option<&Leg>) {
        let report = AgentReport {
            agent: agent.id.clone(),
            state: agent.state,
            reason: agent.not_ready.clone().unwrap_or_default(),
            since: self.rules.time(agent.since_ms),
            full_name: agent.person.full.clone(),
            extension: agent.id.clone(),
            others: deciding.map(Leg::addresses).unwrap_or_default(),
            connection: deciding.map(|leg| leg.id),
        };
        self.say_event(audience, &Event::AgentState(report));
    }

    /// He is no longer watched: the last that is told of him.
    pub(super) fn say_logout(&self, audience: &Audience, agent: &Agent, now_ms: i64) {
        let gone = Agent {
            state: AgentState::Logout,
            since_ms: now_ms,
            ..agent.clone()
        };
        self.say_state(audience, &gone, None);
    }

    pub(super) fn say_info(&self, audience: &Audience, agent: &Agent) {
        let info = AgentInfo {
            agent: agent.id.clone(),
            first_name: agent.person.first.clone(),
            last_name: agent.person.last.clone(),
            full_name: agent.person.full.clone(),
            extension: agent.id.clone(),
        };
        self.say_event(audience, &Event::AgentInfo(info));
    }

    pub(super) fn say_terminal(&self, audience: &Audience, agent: &Agent, state: TerminalState) {
        let terminal = agent.terminal.as_ref();
        let report = TerminalReport {
            state,
            agent: Some(agent.id.clone()),
            terminal: terminal.map(|terminal| terminal.device.to_string()),
        };
        self.say_event(audience, &Event::Terminal(report));
    }

    /// State and legs; `gone` are legs that have just ended. [cti §7.1, §7.2]
    pub(super) fn say_snapshot(&self, audience: &Audience, agent: &Agent, gone: &[Leg]) {
        let empty = Legs::new();
        let legs = self.legs_of(agent).unwrap_or(&empty);
        self.say_state(audience, agent, agent.doing(legs).1);
        let mut all: Vec<&Leg> = legs.values().chain(gone).collect();
        all.sort_by_key(|leg| (leg.started_ms, leg.id));
        for leg in &all {
            self.say_leg(audience, &agent.id, leg);
        }
        if all.is_empty() {
            let none = DialogReport {
                agent: agent.id.clone(),
                state: DialogState::None,
                since: self.rules.time(self.now_ms()),
                connection: None,
                others: Vec::new(),
                cause: None,
            };
            self.say_event(audience, &Event::DialogState(none));
        }
    }

    /// Where an agent stands: his phone, what he is doing, his legs. [cti §7.1]
    pub(super) fn say_standing(&self, audience: &Audience, agent: &Agent, gone: &[Leg]) {
        let terminal = agent.terminal.as_ref();
        let state = terminal.map_or(TerminalState::OutOfService, |terminal| terminal.state);
        self.say_terminal(audience, agent, state);
        self.say_snapshot(audience, agent, gone);
    }

    /// Answers Hello and Beat.
    pub(super) fn say_network(&self, audience: &Audience) {
        self.say_event(audience, &Event::Network(self.network));
    }

    /// Tells every known topic about the network, unasked.
    pub(super) fn say_network_to_all(&self, state: NetworkState) {
        let event = Event::Network(state);
        for topic in self.topics.names() {
            let mut audience = Audience::default();
            audience.add(ReplyTo::Topic(topic.clone()), self.topics.format(topic));
            self.say_event(&audience, &event);
        }
    }

    /// Refuses a command.
    pub(super) fn refuse(&mut self, order: &Order, code: ErrorCode) {
        let error = ErrorReport {
            error_for: order.error_for.clone(),
            code,
            message: None,
            command: Some(order.verb.word().to_owned()),
        };
        self.say_error(order.agent.as_ref(), &order.answering, error);
    }

    /// Tells of an error.
    pub(super) fn say_error(
        &mut self,
        agent: Option<&AgentId>,
        answering: &Answering,
        error: ErrorReport,
    ) {
        let audience = self.blamed(agent, answering);
        if audience.places.is_empty() {
            self.counts().unanswerable.inc();
            tracing::info!(code = %error.code, "a command was refused and its sender cannot be told");
        }
        self.say_event(&audience, &Event::Error(error));
    }

    /// There is no network: said instead of an error. [cti §3.7]
    pub(super) fn say_no_network(&self, order: &Order) {
        let audience = self.blamed(order.agent.as_ref(), &order.answering);
        self.say_event(&audience, &Event::Network(NetworkState::OutOfService));
    }
}
