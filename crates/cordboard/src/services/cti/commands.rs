//! Commands: the order of the checks, and what each comes to. [cti §3.4, §3.7, §7]

use super::agents::Agent;
use super::connector::{Connector, Finished};
use super::order::{Answering, Early, Line, Order, Pending};
use super::translate::{self, Deed, Leg};
use cordboard_store::CtiFact;
use cordboard_wire::cti::{
    AgentId, ClientDestination, Command, CommandMessage, ConnectionId, Dialled, DialogState,
    ErrorCode, Format, NetworkState, Verb, decode_command,
};

/// A command is refused, and why.
type Refusal = ErrorCode;

impl Connector {
    /// Takes a message of the command queue. One that may have been carried out before is only answered if it asks for what can be
    /// told twice.
    pub(super) async fn take(&mut self, message: &CommandMessage, may_be_done: bool) {
        let line = Line::of(message);
        let reply = message.reply(&self.rules.names);
        let sender = message.user.as_deref();
        let reply = reply.and_then(|reply| self.rules.reply(reply));
        let answering = Answering {
            correlation: message.correlation().map(str::to_owned),
            reply: reply.filter(|place| self.may_be_answered_at(sender, place)),
            named: None,
            sender: message.user.clone(),
        };
        let decoded = decode_command(message, &self.rules.names);
        let mut order = match Order::new(decoded, answering, message.user.clone(), line) {
            Ok(order) => order,
            Err(early) => {
                let Early {
                    refused,
                    mut answering,
                    line,
                } = *early;
                let named = refused.destination.clone();
                answering.named = named.filter(|topic| self.may_listen(sender, topic));
                let code = refused.code();
                let verb = refused.verb.map_or("unknown", Verb::word);
                self.counts().count(verb, code.word());
                self.journal(&line, code.word());
                tracing::debug!(why = %refused, "a message makes no sense");
                return self.say_error(refused.agent.as_ref(), &answering, refused.report());
            }
        };
        order.answering.named = self.named(&order);
        if may_be_done && !order.verb.is_repeatable() {
            return self.no(&order, ErrorCode::PleaseRetry);
        }
        match order.agent.clone() {
            // Before it waits in line: strangers' commands are not in the way of the agent's own.
            Some(agent) if self.is_anothers(&agent, &order) => {
                self.no(&order, ErrorCode::PrivilegeViolation);
            }
            Some(agent) => self.line_up(&agent, order).await,
            None => self.greet(order).await,
        }
    }

    /// Returns `true` if an agent is logged in whom the sender may not act for. Connect only names a topic, and a Login is looked at by
    /// itself.
    fn is_anothers(&self, agent: &AgentId, order: &Order) -> bool {
        let watched = self.agents.get(agent);
        let other = watched.is_some_and(|a| !self.may_act_for(order.user.as_deref(), a));
        other && !matches!(order.verb, Verb::Login | Verb::Connect)
    }

    /// The topic that a command names, if its sender may listen there: errors go there, if they go nowhere better. [cti §3.6]
    fn named(&self, order: &Order) -> Option<ClientDestination> {
        let sender = order.user.as_deref();
        let named = self.named_at_all(order);
        named.filter(|topic| self.may_listen(sender, topic))
    }

    fn named_at_all(&self, order: &Order) -> Option<ClientDestination> {
        match &order.command {
            Ok(
                Command::Hello { destination, .. }
                | Command::Beat { destination }
                | Command::Connect { destination, .. },
            ) => Some(destination.clone()),
            Ok(Command::Login(login)) => self.topic_of(login, order),
            Ok(_) => None,
            Err(refused) => refused.destination.clone(),
        }
    }

    // --- Hello and Beat -----------------------------------------------------------------------------------------------------

    async fn greet(&mut self, order: Order) {
        let (topic, format) = match &order.command {
            Ok(Command::Hello {
                destination,
                format,
            }) => (destination.clone(), *format),
            Ok(Command::Beat { destination }) => (destination.clone(), None),
            Ok(_) => return,
            Err(refused) => {
                let code = refused.code();
                return self.no(&order, code);
            }
        };
        let now_ms = self.now_ms();
        let sender = order.user.as_deref();
        if !self.may_listen(sender, &topic) {
            return self.no(&order, ErrorCode::PrivilegeViolation);
        }
        let allowed = self.rules.allows(&topic);
        if !allowed || !self.topics.takes(Some(&topic), sender, now_ms) {
            return self.no(&order, ErrorCode::PleaseRetry);
        }
        if !self.learn(&topic, format, sender, Vec::new()).await {
            return self.no(&order, ErrorCode::PleaseRetry);
        }
        self.done(&order, self.network.word());
        let audience = self.of_topic(&topic, &order.answering);
        self.say_network(&audience);
    }

    /// Knows a topic from now on, and stores that with these facts. Says whether it is stored.
    pub(super) async fn learn(
        &mut self,
        topic: &ClientDestination,
        format: Option<Format>,
        sender: Option<&str>,
        mut facts: Vec<CtiFact>,
    ) -> bool {
        let news = self.topics.news(topic, format, sender);
        if news.is_some()
            && !self.topics.knows(topic)
            && !self.topics.has_room(|t| self.is_in_use(t))
        {
            return false;
        }
        facts.extend(news.map(|record| CtiFact::Destination(topic.to_string(), Some(record))));
        if !self.keep(facts).await {
            return false;
        }
        let agents = &self.agents;
        let in_use = |topic: &ClientDestination| {
            let mut agents = agents.values();
            agents.any(|agent: &Agent| agent.topics.contains(topic))
        };
        self.owed.remove(topic);
        self.left.remove(topic);
        let now_ms = self.app.clock.now().wall.0;
        let said = (format, sender);
        let gone = self.topics.heard(topic, said, now_ms, in_use);
        if let Some(gone) = &gone {
            self.left.remove(gone);
        }
        let gone = gone.map(|name| CtiFact::Destination(name.to_string(), None));
        // What could not be forgotten now is forgotten when it has been silent after the next start.
        self.keep(gone.into_iter().collect()).await;
        self.gauge();
        true
    }

    /// Refuses a command, counts and journals it.
    pub(super) fn no(&mut self, order: &Order, code: ErrorCode) {
        self.done(order, code.word());
        self.refuse(order, code);
    }

    // --- an agent's commands --------------------------------------------------------------------------------------------------

    /// Carries out a command of an agent. Says whether it takes its time; then [`Connector::finished`] comes.
    pub(super) async fn carry_out(&mut self, agent: &AgentId, mut order: Order) -> bool {
        // A Connect before it may have said by now where a Login is to be told of.
        order.answering.named = self.named(&order);
        if let Err(code) = self.admitted(agent, &order) {
            match code {
                Some(code) => self.no(&order, code),
                None => {
                    self.done(&order, NetworkState::OutOfService.word());
                    self.say_no_network(&order);
                }
            }
            return false;
        }
        let command = match &order.command {
            Ok(command) => command.clone(),
            Err(refused) => {
                let code = refused.code();
                self.no(&order, code);
                return false;
            }
        };
        let done = match command {
            Command::Login(login) => return self.login(order, &login).await,
            Command::Connect { destination, .. } => {
                let sender = order.user.as_deref();
                self.connect(agent, &destination, sender).await
            }
            Command::Logout { .. } => self.logout(agent, &order).await,
            Command::GetState { .. } => self.get_state(agent, &order),
            Command::GetDialogState { connection, .. } => {
                self.get_dialog_state(agent, connection, &order)
            }
            Command::MakeReady { .. } => self.make_ready(agent, None, &order).await,
            Command::MakeNotReady { .. } => {
                self.make_ready(agent, Some(String::new()), &order).await
            }
            Command::MakeNotReadyWithReason { reason, .. } => {
                let reason = reason.as_str().to_owned();
                self.make_ready(agent, Some(reason), &order).await
            }
            command => match self.deed(agent, &command) {
                Ok((deed, leg)) => {
                    self.begin_deed(agent, order, &deed, leg);
                    return true;
                }
                Err(code) => Err(code),
            },
        };
        match done {
            Ok(()) => self.done(&order, "done"),
            Err(code) => self.no(&order, code),
        }
        false
    }

    /// Checks 4 to 7: rate, network, extension, rights. `Err(None)`: there is no network.
    fn admitted(&mut self, agent: &AgentId, order: &Order) -> Result<(), Option<Refusal>> {
        let now_ms = self.now_ms();
        let sender = order.user.as_deref();
        let own = self.own_agent(sender, Some(agent));
        let from = order.answering.named.clone();
        let from = from.or_else(|| own.and_then(|agent| agent.topic().cloned()));
        let from = from.or_else(|| order.answering.reply.as_ref()?.topic().cloned());
        if !self.topics.takes(from.as_ref(), sender, now_ms) {
            return Err(Some(ErrorCode::PleaseRetry));
        }
        if let Some(topic) = &from {
            self.topics.touch(topic, now_ms);
            self.owed.remove(topic);
        }
        if order.verb.needs_network() && self.network == NetworkState::OutOfService {
            return Err(None);
        }
        // Connect has one error for everything, and names a topic for whoever may log in later. [cti §6.3]
        if order.verb == Verb::Connect {
            return Ok(());
        }
        // Who is watched can be let go whatever has become of his line.
        let watched = self.agents.get(agent);
        let lets_go = order.verb == Verb::Logout && watched.is_some();
        if !lets_go && !translate::has_line(&self.app.handle.directory(), agent) {
            return Err(Some(ErrorCode::UserNotFound));
        }
        // They may have been logged in by another user while it waited.
        match self.is_anothers(agent, order) {
            true => Err(Some(ErrorCode::PrivilegeViolation)),
            false => Ok(()),
        }
    }

    fn watched(&self, agent: &AgentId) -> Result<&Agent, Refusal> {
        self.agents.get(agent).ok_or(ErrorCode::InvalidObjectState)
    }

    fn get_state(&self, agent: &AgentId, order: &Order) -> Result<(), Refusal> {
        let agent = self.watched(agent)?;
        let audience = self.asker(agent, &order.answering);
        self.say_snapshot(&audience, agent, &[]);
        Ok(())
    }

    fn get_dialog_state(
        &self,
        agent: &AgentId,
        leg: ConnectionId,
        order: &Order,
    ) -> Result<(), Refusal> {
        let watched = self.watched(agent)?;
        let leg = self.leg(agent, leg).ok_or(ErrorCode::InvalidObjectState)?;
        let audience = self.asker(watched, &order.answering);
        self.say_dialog(&audience, agent, leg);
        Ok(())
    }

    async fn make_ready(
        &mut self,
        id: &AgentId,
        reason: Option<String>,
        order: &Order,
    ) -> Result<(), Refusal> {
        let mut kept = self.watched(id)?.kept();
        kept.not_ready.clone_from(&reason);
        if !self.keep(vec![super::login::fact(id, Some(&kept))]).await {
            return Err(ErrorCode::PleaseRetry);
        }
        let now_ms = self.now_ms();
        if let Some(agent) = self.agents.get_mut(id) {
            agent.not_ready = reason;
        }
        self.take_state(id, now_ms);
        let agent = self.watched(id)?;
        let audience = self.audience(agent, Some(&order.answering));
        let deciding = self.legs_of(agent).and_then(|legs| agent.doing(legs).1);
        self.say_state(&audience, agent, deciding);
        Ok(())
    }

    // --- calls ------------------------------------------------------------------------------------------------------------------

    /// What a command asks of the exchange, and by which leg, if the agent and his legs are in a state for it. [cti §3.4]
    fn deed(
        &self,
        agent: &AgentId,
        command: &Command,
    ) -> Result<(Deed, Option<ConnectionId>), Refusal> {
        use DialogState::{Active, Alerting, Held};
        self.watched(agent)?;
        let leg = |id: &ConnectionId| self.leg(agent, *id).ok_or(ErrorCode::InvalidObjectState);
        let in_state = |id: &ConnectionId, states: &[DialogState]| {
            let leg = leg(id)?;
            match states.contains(&leg.state) {
                true => Ok(leg.clone()),
                false => Err(ErrorCode::InvalidObjectState),
            }
        };
        let (deed, by) = match command {
            Command::MakeCall { number, .. } => return Ok((self.make_call(agent, number)?, None)),
            Command::AnswerCall { connection, .. } => {
                (Deed::Answer(in_state(connection, &[Alerting])?), connection)
            }
            Command::ReleaseCall { connection, .. } => {
                (Deed::Release(leg(connection)?.clone()), connection)
            }
            Command::HoldCall { connection, .. } => {
                (Deed::Hold(in_state(connection, &[Active])?), connection)
            }
            Command::RetrieveCall { connection, .. } => {
                (Deed::Retrieve(in_state(connection, &[Held])?), connection)
            }
            Command::BlindTransfer {
                connection, number, ..
            } => {
                let leg = in_state(connection, &[Active, Held])?;
                if leg.others.len() != 1 {
                    return Err(ErrorCode::InvalidObjectState);
                }
                (Deed::BlindTransfer(leg, number.clone()), connection)
            }
            Command::ConsultCall {
                connection, number, ..
            } => {
                let leg = in_state(connection, &[Active, Held])?;
                let running = self.consultation(agent, &leg);
                if running.is_some_and(|leg| leg.state != DialogState::Failed) {
                    return Err(ErrorCode::InvalidObjectState);
                }
                (Deed::Consult(leg, number.clone()), connection)
            }
            Command::TransferCall {
                connection, number, ..
            } => {
                let leg = self.consulted(agent, leg(connection)?, number.as_ref())?;
                (Deed::Transfer(leg), connection)
            }
            Command::ConferenceCall {
                connection, number, ..
            } => {
                let leg = self.consulted(agent, leg(connection)?, number.as_ref())?;
                (Deed::Conference(leg), connection)
            }
            Command::SendDtmf {
                connection, tones, ..
            } => {
                let leg = in_state(connection, &[Active])?;
                (Deed::Digits(leg, tones.clone()), connection)
            }
            Command::DropParticipant {
                connection, number, ..
            } => {
                let leg = leg(connection)?;
                if !leg.conference || leg.others.len() < 2 {
                    return Err(ErrorCode::InvalidObjectState);
                }
                let party = leg.other(number).ok_or(ErrorCode::InvalidParty)?;
                (Deed::Drop(leg.clone(), party.clone()), connection)
            }
            // Those that change no leg were carried out before.
            Command::Hello { .. }
            | Command::Beat { .. }
            | Command::Connect { .. }
            | Command::Login(_)
            | Command::Logout { .. }
            | Command::GetState { .. }
            | Command::GetDialogState { .. }
            | Command::MakeReady { .. }
            | Command::MakeNotReady { .. }
            | Command::MakeNotReadyWithReason { .. } => return Err(ErrorCode::PleaseRetry),
        };
        Ok((deed, Some(*by)))
    }

    fn make_call(&self, agent: &AgentId, number: &Dialled) -> Result<Deed, Refusal> {
        let agent = self.watched(agent)?;
        let may = |leg: &Leg| matches!(leg.state, DialogState::Held | DialogState::Failed);
        let legs = self.legs_of(agent);
        if !legs.is_none_or(|legs| legs.values().all(may)) {
            return Err(ErrorCode::InvalidObjectState);
        }
        // Nobody's phone carries the line.
        let place = agent.place.clone().ok_or(ErrorCode::Unspecified)?;
        Ok(Deed::MakeCall(place, number.clone()))
    }

    /// The agent's leg by which he consults about that one.
    fn consultation(&self, agent: &AgentId, main: &Leg) -> Option<&Leg> {
        let legs = self.legs_of(self.agents.get(agent)?)?;
        let mut legs = legs.values();
        legs.find(|leg| leg.consultation_of.as_ref() == Some(&main.call))
    }

    /// The leg of the call that was consulted about, by it or by the consultation's. Whoever was asked must have answered, and be
    /// who is named, if somebody is. [cti §5.3, §7.9]
    fn consulted(
        &self,
        agent: &AgentId,
        by: &Leg,
        number: Option<&Dialled>,
    ) -> Result<Leg, Refusal> {
        use DialogState::{Active, Held};
        let (main, second) = match &by.consultation_of {
            Some(about) => {
                let legs = self.agents.get(agent).and_then(|agent| self.legs_of(agent));
                let mut legs = legs.into_iter().flat_map(|legs| legs.values());
                (legs.find(|leg| leg.call == *about), Some(by))
            }
            None => (Some(by), self.consultation(agent, by)),
        };
        let (Some(main), Some(second)) = (main, second) else {
            return Err(ErrorCode::InvalidObjectState);
        };
        if number.is_some_and(|number| second.other(number).is_none()) {
            return Err(ErrorCode::InvalidParty);
        }
        let talks = |leg: &Leg| matches!(leg.state, Active | Held);
        match talks(main) && talks(second) {
            true => Ok(main.clone()),
            false => Err(ErrorCode::InvalidObjectState),
        }
    }

    /// Asks the exchange. It is known as whose command before its first event is heard.
    fn begin_deed(
        &mut self,
        agent: &AgentId,
        order: Order,
        deed: &Deed,
        leg: Option<ConnectionId>,
    ) {
        let terminal = self
            .agents
            .get(agent)
            .and_then(|agent| agent.terminal.as_ref());
        let user = terminal.and_then(|terminal| terminal.user.as_deref());
        let command = translate::command(deed, user);
        let handle = &self.app.handle;
        let ticket = handle.ticket();
        let verb = order.verb;
        let pending = Pending {
            order,
            agent: agent.clone(),
            leg,
            confirmed: Default::default(),
            until: self.app.clock.now().instant + self.rules.command_timeout,
        };
        self.pending.insert(ticket, pending);
        let answer = handle.begin(ticket, command);
        self.running.push(Box::pin(async move {
            Finished::Deed(ticket, translate::outcome(verb, &answer.await))
        }));
    }
}
