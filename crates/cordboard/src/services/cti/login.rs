//! Login, Logout and Connect: who is watched, and where he is told of. [cti §7.2, §8]

use super::agents::{Agent, Kept};
use super::connector::{Connector, Finished};
use super::order::Order;
use super::translate::{self, Line, Person};
use crate::ops::config::cti::{LoginAuth, SharedLogin};
use crate::services::auth::{Refused, Visit};
use crate::services::sign_on_queue::Interface;
use cordboard_store::CtiFact;
use cordboard_wire::cti::{
    AgentId, AgentState, ClientDestination, ErrorCode, Format, Login, TerminalState,
};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;
use tokio::time::Instant;

/// A refused Login takes at least so long, whatever was wrong with it. [cti §8]
const REFUSED: Duration = Duration::from_millis(200);
/// So many wrong credentials for a line or of a topic…
const WRONG: usize = 5;
/// … within so long keep both out until it is over.
const WRONG_WITHIN_MS: i64 = 60_000;
/// So many lines and topics are watched for it; when there are more, one of them goes. Each took a wrong guess to get there.
const WATCHED: usize = 10_000;

/// A Login whose credentials were looked at.
pub(super) struct Verified {
    order: Order,
    topic: ClientDestination,
    format: Option<Format>,
    right: Result<bool, ErrorCode>,
}

/// Wrong credentials, by line and by topic: when they came, in milliseconds since 1970.
#[derive(Debug, Default)]
pub(super) struct Guesses(BTreeMap<String, VecDeque<i64>>);

impl Guesses {
    /// What a wrong guess counts for: the line as this sender tries it, and the sender. What others guess keeps no sender out.
    fn keys(agent: &AgentId, sender: Option<&str>, topic: &ClientDestination) -> [String; 2] {
        match sender {
            Some(user) => [format!("line {agent} of {user}"), format!("sender {user}")],
            // Senders without a name cannot be told from each other.
            None => [format!("line {agent}"), format!("topic {topic}")],
        }
    }

    fn are_too_many(&self, keys: &[String; 2], now_ms: i64) -> bool {
        keys.iter().any(|key| {
            let times = self.0.get(key);
            let lately = times.into_iter().flatten();
            let lately = lately.filter(|at| (0..WRONG_WITHIN_MS).contains(&(now_ms - **at)));
            lately.count() >= WRONG
        })
    }

    fn count(&mut self, keys: [String; 2], now_ms: i64) {
        for key in keys {
            if self.0.len() >= WATCHED && !self.0.contains_key(&key) {
                // A topic, which stand last: whoever guesses has as many as he likes, but not as many lines.
                self.0.pop_last();
            }
            let times = self.0.entry(key).or_default();
            if times.len() >= WRONG {
                times.pop_front();
            }
            times.push_back(now_ms);
        }
    }
}

/// What stands for a sender where others have an address: an account is locked out for one sender, and for no other.
fn place_of(sender: Option<&str>) -> IpAddr {
    let Some(sender) = sender else {
        return IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    };
    let digest = Sha256::digest(sender.as_bytes());
    let mut place = [0; 16];
    place.copy_from_slice(&digest[..16]);
    // An address of nobody's network.
    place[0] = 0xfd;
    IpAddr::V6(Ipv6Addr::from(place))
}

/// A login for the store, or that there is none.
pub(super) fn fact(agent: &AgentId, kept: Option<&Kept>) -> CtiFact {
    let record = kept.map(|kept| serde_json::to_string(kept).unwrap_or_default());
    CtiFact::Login(agent.to_string(), record)
}

impl Connector {
    /// Remembers a topic for an agent.
    pub(super) async fn connect(
        &mut self,
        agent: &AgentId,
        topic: &ClientDestination,
        sender: Option<&str>,
    ) -> Result<(), ErrorCode> {
        let may = self.may_listen(sender, topic) && self.rules.allows(topic);
        if !may || !self.learn(topic, None, sender, Vec::new()).await {
            return Err(ErrorCode::PleaseRetry);
        }
        self.remember(agent, sender, topic);
        Ok(())
    }

    /// Where an agent's events are to go. [cti §7.2]
    pub(super) fn topic_of(&self, login: &Login, order: &Order) -> Option<ClientDestination> {
        let sender = order.user.as_deref();
        let allowed =
            |topic: &ClientDestination| self.rules.allows(topic) && self.may_listen(sender, topic);
        let first = login.destination(&self.rules.names).filter(allowed);
        let first = first.filter(|topic| login.has_one_argument() || self.topics.knows(topic));
        let reply = || order.answering.reply.as_ref()?.topic().cloned();
        let remembered = || self.remembered(login.agent(), sender);
        let only = || self.topics.only().cloned();
        let reply = || reply().filter(&allowed);
        let remembered = || remembered().filter(&allowed);
        first
            .or_else(reply)
            .or_else(remembered)
            .or_else(only)
            .filter(allowed)
    }

    /// Logs an agent in. Says whether that takes its time.
    pub(super) async fn login(&mut self, order: Order, login: &Login) -> bool {
        let id = login.agent();
        let Some(topic) = order.answering.named.clone() else {
            // An only argument that is no name has been refused before; nobody is guessed at here.
            self.no(&order, ErrorCode::PleaseRetry);
            return false;
        };
        let line = match self.line_of(id).await {
            Ok(line) => line,
            Err(code) => {
                self.no(&order, code);
                return false;
            }
        };
        let directory = self.app.handle.directory();
        if self.rules.require_user {
            let user = order.user.as_deref();
            let may = user.is_some_and(|user| {
                let configured = self.rules.may_watch(user, id);
                configured.unwrap_or_else(|| translate::may_watch(&directory, user, &line))
            });
            if !may {
                self.no(&order, ErrorCode::PrivilegeViolation);
                return false;
            }
        }
        if self.rules.login_auth == LoginAuth::None {
            self.admit(&order, &topic, login.format(), &line).await;
            return false;
        }
        let now_ms = self.now_ms();
        if self
            .guesses
            .are_too_many(&Guesses::keys(id, order.user.as_deref(), &topic), now_ms)
        {
            self.no(&order, ErrorCode::PleaseRetry);
            return false;
        }
        let pin = self.rules.login_auth == LoginAuth::Pin;
        let user = login.user().unwrap_or_default().to_owned();
        let secret = login.secret().cloned();
        let format = login.format();
        let app = self.app.clone();
        let resets = self.resets;
        self.running.push(Box::pin(async move {
            let begun = Instant::now();
            let owns = translate::owns(&directory, &user, &line);
            let secret = secret.as_ref().map_or("", |secret| secret.expose());
            let visit = Visit {
                interface: Interface::Cti,
                address: place_of(order.user.as_deref()),
                now_ms: app.clock.now().instant.0,
            };
            let known = match pin {
                true => app.auth.pin(&directory, &user, secret, visit).await,
                false => app.auth.password(&directory, &user, secret, visit).await,
            };
            let right = match known {
                Ok(_) => Ok(owns),
                Err(Refused::Wrong) => Ok(false),
                Err(Refused::Busy) => Err(ErrorCode::PleaseRetry),
            };
            if right == Ok(false) {
                tokio::time::sleep_until(begun + REFUSED).await;
            }
            let verified = Verified {
                order,
                topic,
                format,
                right,
            };
            Finished::Login(resets, Box::new(verified))
        }));
        true
    }

    /// Where the line is that an agent logs in on.
    fn line_of(
        &self,
        id: &AgentId,
    ) -> impl Future<Output = Result<Line, ErrorCode>> + Send + use<> {
        let found = self.find(std::slice::from_ref(id));
        async move {
            let mut found = found.await.ok_or(ErrorCode::GeneralError)?;
            found.pop().flatten().ok_or(ErrorCode::UserNotFound)
        }
    }

    /// Takes what looking at credentials came to. Answers whose they were.
    pub(super) async fn verified(&mut self, verified: Verified) -> AgentId {
        let Verified {
            order,
            topic,
            format,
            right,
        } = verified;
        let Some(id) = order.agent.clone() else {
            unreachable!("a Login names an agent");
        };
        if let Err(code) = right {
            self.no(&order, code);
        } else if right == Ok(true) {
            // It may have moved while the credentials were looked at.
            match self.line_of(&id).await {
                Ok(line) => self.admit(&order, &topic, format, &line).await,
                Err(code) => self.no(&order, code),
            }
        } else {
            let now_ms = self.now_ms();
            let keys = Guesses::keys(&id, order.user.as_deref(), &topic);
            self.guesses.count(keys, now_ms);
            self.no(&order, ErrorCode::UserNotFound);
        }
        id
    }

    /// Logs an agent in whose credentials are good.
    async fn admit(
        &mut self,
        order: &Order,
        topic: &ClientDestination,
        format: Option<Format>,
        line: &Line,
    ) {
        if let Err(code) = self.try_admit(order, topic, format, line).await {
            return self.no(order, code);
        }
        self.done(order, "done");
    }

    async fn try_admit(
        &mut self,
        order: &Order,
        topic: &ClientDestination,
        format: Option<Format>,
        line: &Line,
    ) -> Result<(), ErrorCode> {
        let id = order.agent.clone().ok_or(ErrorCode::PleaseRetry)?;
        let now_ms = self.now_ms();
        let before = self.agents.get(&id).cloned();
        let again = before
            .as_ref()
            .is_some_and(|agent| agent.topics.contains(topic));
        if before.is_none()
            && self
                .rules
                .max_agents
                .is_some_and(|most| self.agents.len() >= most)
        {
            return Err(ErrorCode::LicensesExceeded);
        }
        let elsewhere = before.as_ref().filter(|_| !again);
        let (topics, left) = match (elsewhere, self.rules.shared_login) {
            (Some(_), SharedLogin::Refuse) => return Err(ErrorCode::InvalidObjectState),
            (Some(agent), SharedLogin::Share) => (
                [agent.topics.as_slice(), std::slice::from_ref(topic)].concat(),
                false,
            ),
            (Some(_), SharedLogin::Move) => (vec![topic.clone()], true),
            (None, _) => {
                let own = before.as_ref().map(|agent| agent.topics.clone());
                (own.unwrap_or_else(|| vec![topic.clone()]), false)
            }
        };
        // A fresh login counts as a change of what he is doing, the same one again does not. [cti §5.2]
        let fresh = before.is_none() || left;
        let sharers = before
            .as_ref()
            .filter(|_| self.rules.shared_login == SharedLogin::Share);
        let mut users = sharers.map_or_else(Default::default, |agent| agent.users.clone());
        users.extend(order.user.clone());
        let agent = Agent {
            id: id.clone(),
            topics,
            users,
            not_ready: before.as_ref().and_then(|agent| agent.not_ready.clone()),
            terminal: before.as_ref().and_then(|agent| agent.terminal.clone()),
            place: before.as_ref().and_then(|agent| agent.place.clone()),
            moved: false,
            person: Person::default(),
            state: before
                .as_ref()
                .map_or(AgentState::Logout, |agent| agent.state),
            since_ms: match &before {
                Some(agent) if !fresh => agent.since_ms,
                _ => now_ms,
            },
        };
        let login = fact(&id, Some(&agent.kept()));
        let sender = order.user.as_deref();
        if !self.learn(topic, format, sender, vec![login]).await {
            return Err(ErrorCode::GeneralError);
        }
        if left && let Some(agent) = &before {
            let audience = self.audience(agent, None);
            self.say_logout(&audience, agent, now_ms);
        }
        self.remember(&id, sender, topic);
        self.agents.insert(id.clone(), agent);
        self.settle(&id, line);
        self.gauge();
        let Some(agent) = self.agents.get(&id) else {
            return Ok(());
        };
        // To who asked: others who share the login know it all.
        let audience = self.of_topic(topic, &order.answering);
        self.say_info(&audience, agent);
        self.say_snapshot(&audience, agent, &[]);
        let terminal = agent.terminal.as_ref();
        if terminal.is_none_or(|terminal| terminal.state == TerminalState::OutOfService) {
            self.say_terminal(&audience, agent, TerminalState::OutOfService);
        }
        Ok(())
    }

    /// Watches an agent who has just logged in: where he was watched, while he has legs there, else at the best phone.
    fn settle(&mut self, id: &AgentId, line: &Line) {
        let busy = self.agents.get(id).is_some_and(|agent| {
            let legs = self.legs_of(agent);
            legs.is_some_and(|legs| !legs.is_empty())
        });
        match busy {
            true => {
                self.refresh(id, Some(line));
                let directory = self.app.handle.directory();
                if let Some(agent) = self.agents.get_mut(id) {
                    let user = agent.terminal.as_ref().and_then(|t| t.user.as_deref());
                    agent.person = translate::person(&directory, user);
                }
            }
            false => self.bind(id, Some(line)),
        }
        let empty = super::agents::Legs::new();
        if let Some(agent) = self.agents.get(id) {
            let state = agent.doing(self.legs_of(agent).unwrap_or(&empty)).0;
            if let Some(agent) = self.agents.get_mut(id) {
                agent.state = state;
            }
        }
    }

    /// Watches an agent no longer. His calls go on.
    pub(super) async fn logout(&mut self, id: &AgentId, order: &Order) -> Result<(), ErrorCode> {
        let agent = self.agents.get(id).ok_or(ErrorCode::InvalidObjectState)?;
        let agent = agent.clone();
        if !self.keep(vec![fact(id, None)]).await {
            return Err(ErrorCode::PleaseRetry);
        }
        let audience = self.audience(&agent, Some(&order.answering));
        self.forget(&agent);
        self.say_logout(&audience, &agent, self.now_ms());
        Ok(())
    }

    fn forget(&mut self, agent: &Agent) {
        self.agents.remove(&agent.id);
        if let Some(place) = &agent.place
            && self.places.get(place) == Some(&agent.id)
        {
            self.places.remove(place);
        }
        self.gauge();
    }

    /// Logs out the agents of topics that nothing came from, or that nobody listened to, for too long. [cti §2.5]
    pub(super) async fn log_out_silent(&mut self, now_ms: i64) {
        if self.rules.client_timeout_ms.is_none() && self.rules.logout_on_disconnect.is_none() {
            return;
        }
        let now = Instant::now();
        let is_silent = |topic: &ClientDestination| {
            let heard = self.topics.heard_ms(topic).unwrap_or(i64::MIN);
            let timeout = self.rules.client_timeout_ms;
            timeout.is_some_and(|timeout| heard.saturating_add(timeout) <= now_ms)
        };
        let is_left = |topic: &ClientDestination| {
            let after = self.rules.logout_on_disconnect;
            let since = self.left.get(topic).zip(after);
            since.is_some_and(|(since, after)| *since + after <= now)
        };
        let is_gone = |topic: &ClientDestination| is_silent(topic) || is_left(topic);
        let silent = self.agents.values();
        let silent = silent.filter(|agent| agent.topics.iter().all(is_gone));
        let silent: Vec<Agent> = silent.cloned().collect();
        let facts = silent.iter().map(|agent| fact(&agent.id, None));
        if silent.is_empty() || !self.keep(facts.collect()).await {
            return;
        }
        for agent in silent {
            tracing::info!(agent = %agent.id, "logged out: its client is gone");
            let audience = self.audience(&agent, None);
            self.forget(&agent);
            self.say_logout(&audience, &agent, now_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cordboard_wire::cti::Names;

    #[test]
    fn five_wrong_guesses_in_a_minute_keep_out_the_line_and_the_topic_but_nobody_else() {
        let agent = |text: &str| AgentId::parse(text).unwrap();
        let topic = |text: &str| ClientDestination::parse(text, &Names::default()).unwrap();
        let keys = |a: &str, t: &str| Guesses::keys(&agent(a), None, &topic(t));
        let mut guesses = Guesses::default();
        for number in 0..5 {
            assert!(!guesses.are_too_many(&keys("42031", "cc.a"), 5_000));
            guesses.count(keys("42031", "cc.a"), number * 1_000);
        }
        assert!(guesses.are_too_many(&keys("42031", "cc.a"), 5_000));
        assert!(guesses.are_too_many(&keys("42031", "cc.b"), 5_000));
        assert!(guesses.are_too_many(&keys("42032", "cc.a"), 5_000));
        assert!(!guesses.are_too_many(&keys("42032", "cc.b"), 5_000));
        assert!(!guesses.are_too_many(&keys("42031", "cc.a"), 60_000));
        for number in 0..2 * WATCHED {
            let name = format!("t{number}");
            guesses.count(keys("42033", &name), 70_000);
        }
        assert!(guesses.0.len() <= WATCHED + 1);
        // Whoever makes up topics has the guesses at his line remembered all the same.
        assert!(guesses.are_too_many(&keys("42033", "another"), 70_000));
    }

    #[test]
    fn the_guesses_of_one_user_at_a_line_keep_no_other_user_out() {
        let agent = AgentId::parse("42031").unwrap();
        let topic = ClientDestination::parse("cc.a", &Names::default()).unwrap();
        let keys = |user| Guesses::keys(&agent, Some(user), &topic);
        let mut guesses = Guesses::default();
        (0..9).for_each(|_| guesses.count(keys("eve"), 0));
        assert!(guesses.are_too_many(&keys("eve"), 1) && !guesses.are_too_many(&keys("ann"), 1));
        let places = [None, Some("eve"), Some("ann")].map(place_of);
        assert!(places[0] != places[1] && places[1] != places[2]);
        assert_eq!(place_of(Some("eve")), places[1]);
    }
}
