//! The connector's settings, made ready for use. [cti §2, §8]

use super::pattern::Pattern;
use crate::ops::config::cti::{
    InboundCall, JsonAddresses, JsonState, Layout, LoginAuth, SharedLogin, TerminalOut,
};
use crate::ops::config::{self, Config};
use cordboard_wire::cti::{AgentId, ClientDestination, Names, ReplyTo, Style, TimeText};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use regex::Regex;
use std::collections::HashMap;
use std::time::Duration;

/// What the connector goes by.
#[derive(Debug)]
pub(super) struct Rules {
    /// Names that no client may have.
    pub(super) names: Names,
    allowed: Regex,
    /// How events are written.
    pub(super) style: Style,
    /// As the sister product does?
    pub(super) gc: bool,
    zone: TimeZone,
    /// This node.
    pub(super) node: u8,
    /// May answers go to named queues?
    reply_to_queues: bool,
    /// How long a command is waited for.
    pub(super) command_timeout: Duration,
    /// A topic that was silent for so long has its agents logged out.
    pub(super) client_timeout_ms: Option<i64>,
    /// A topic that nobody listens to for so long has its agents logged out.
    pub(super) logout_on_disconnect: Option<Duration>,
    /// So many agents may be logged in.
    pub(super) max_agents: Option<usize>,
    /// What becomes of a second login.
    pub(super) shared_login: SharedLogin,
    /// What a Login must bring.
    pub(super) login_auth: LoginAuth,
    /// Is the sender looked at?
    pub(super) require_user: bool,
    /// Which lines the broker's users may watch, as far as it is configured.
    lines: HashMap<String, Vec<Pattern>>,
    /// Is it the broker inside that carries the messages?
    pub(super) inside: bool,
    /// Does the broker's clock say when a message came, so that a sender's wrong clock does no harm?
    pub(super) judge_by_arrival: bool,
}

impl Rules {
    /// As the settings say.
    ///
    /// # Errors
    /// What of them cannot be used.
    pub(super) fn new(config: &Config) -> Result<Self, String> {
        let settings = &config.cti;
        let inside = settings.which_broker()? == config::cti::Broker::Inside;
        let lines = settings.accesses.iter().map(|access| {
            let lines = access.lines.iter().map(|line| Pattern::of(line));
            (access.user.clone(), lines.collect())
        });
        let seconds = |s: u64| i64::try_from(s).unwrap_or(i64::MAX).saturating_mul(1_000);
        Ok(Self {
            names: Names {
                queue: settings.queue.clone(),
                denied: settings.destinations.deny.clone(),
            },
            allowed: settings.destinations.allowed().map_err(|e| e.to_string())?,
            style: Style {
                extra: settings.json.extra,
                flat_agent_state: settings.json.agent_state == JsonState::Flat,
                addresses_as_strings: settings.json.addresses == JsonAddresses::String,
                literal_inbound_call: settings.inbound_call == InboundCall::Literal,
                jtapi_terminal_out: settings.terminal_out == TerminalOut::Jtapi,
            },
            gc: settings.layout == Layout::Gc,
            zone: settings.zone()?,
            node: settings.node,
            reply_to_queues: settings.reply_to_queues,
            command_timeout: Duration::from_secs(settings.command_timeout_s),
            client_timeout_ms: (settings.client_timeout_s > 0)
                .then(|| seconds(settings.client_timeout_s)),
            logout_on_disconnect: (settings.logout_on_disconnect_s > 0)
                .then(|| Duration::from_secs(settings.logout_on_disconnect_s)),
            max_agents: (settings.max_agents > 0).then_some(settings.max_agents),
            shared_login: settings.shared_login,
            login_auth: settings.login_auth,
            require_user: settings.require_user,
            lines: lines.collect(),
            inside,
            judge_by_arrival: inside && config.broker.judge_ttl_by_arrival,
        })
    }

    /// May the broker's user watch that line? `None`: the directory says so.
    pub(super) fn may_watch(&self, user: &str, agent: &AgentId) -> Option<bool> {
        let lines = self.lines.get(user)?;
        Some(lines.iter().any(|line| line.fits(agent.as_str())))
    }

    /// May a client have that topic here?
    pub(super) fn allows(&self, topic: &ClientDestination) -> bool {
        self.allowed.is_match(topic.as_str())
    }

    /// JMSReplyTo, if answers may go there. [cti §3.6]
    pub(super) fn reply(&self, reply: ReplyTo) -> Option<ReplyTo> {
        match &reply {
            ReplyTo::Topic(topic) if !self.allows(topic) => None,
            ReplyTo::Queue(_) if !self.reply_to_queues => None,
            ReplyTo::Topic(_)
            | ReplyTo::TemporaryTopic(_)
            | ReplyTo::TemporaryQueue(_)
            | ReplyTo::Queue(_) => Some(reply),
        }
    }

    /// A time, in milliseconds since 1970, as events say it.
    pub(super) fn time(&self, at_ms: i64) -> TimeText {
        let at = Timestamp::from_millisecond(at_ms).unwrap_or_default();
        let at = self.zone.to_datetime(at);
        let part = |part: i8| u16::try_from(part).unwrap_or_default();
        TimeText::of([
            u16::try_from(at.year()).unwrap_or_default(),
            part(at.month()),
            part(at.day()),
            part(at.hour()),
            part(at.minute()),
            part(at.second()),
        ])
        .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_the_servers_own() {
        let settings = |zone: &str| {
            let mut config = Config::default();
            config.cti.timezone = zone.to_owned();
            config
        };
        let rules = |zone| Rules::new(&settings(zone)).unwrap();
        let at = 1_795_255_200_999;
        assert_eq!(rules("UTC").time(at).as_str(), "2026-11-21 10:00:00");
        assert_eq!(
            rules("Asia/Karachi").time(at).as_str(),
            "2026-11-21 15:00:00"
        );
        assert!(Rules::new(&settings("Mars/Olympus")).is_err());
    }

    #[test]
    fn a_deployment_says_which_names_clients_may_have_and_where_answers_go() {
        let mut settings = Config::default();
        settings.cti.destinations.allow = "cc\\.[a-z]+".to_owned();
        let rules = Rules::new(&settings).unwrap();
        let parse = |text: &str| ReplyTo::parse(text, &Names::default()).unwrap();
        for (text, allowed) in [
            ("topic://cc.a", true),
            ("topic://xcc.a", false),
            ("topic://cc.a.b", false),
            ("temp-queue://ID:1", true),
            ("queue://q1", false),
        ] {
            assert_eq!(rules.reply(parse(text)).is_some(), allowed, "{text}");
        }
        settings.cti.reply_to_queues = true;
        let rules = Rules::new(&settings).unwrap();
        assert!(rules.reply(parse("queue://q1")).is_some());
    }
}
