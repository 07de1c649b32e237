//! What the sender of a command may do: one check for every command, before it has any effect. [cti §8]
//!
//! A sender may act for an agent that it logged in. It may name a topic that it may listen to, and have answers sent where it could
//! listen or send itself: so by the connector's hands it reaches nothing that it could not reach by its own.

use super::agents::Agent;
use super::connector::Connector;
use crate::openwire::broker::Rights;
use cordboard_wire::cti::{AgentId, ClientDestination, ReplyTo};
use cordboard_wire::openwire::Destination;
use std::sync::Arc;

impl Connector {
    /// The rights that the broker inside gives a sender; `None` at a broker outside, which keeps its rights to itself, and where
    /// every client may do everything.
    fn rights(&self, sender: Option<&str>) -> Option<Arc<Rights>> {
        match self.rules.inside {
            true => self.app.broker.rights(sender),
            false => None,
        }
    }

    /// Returns `true` if a sender may be told something at a topic, and choose how that is written.
    pub(super) fn may_listen(&self, sender: Option<&str>, topic: &ClientDestination) -> bool {
        match self.rights(sender) {
            Some(rights) => rights.may_read(&Destination::topic(topic.as_str())),
            // A topic is its first user's.
            None => !self.rules.require_user || self.topics.is_free_for(topic, sender),
        }
    }

    /// Returns `true` if answers to a sender may go to a place.
    pub(super) fn may_be_answered_at(&self, sender: Option<&str>, place: &ReplyTo) -> bool {
        let rights = self.rights(sender);
        let reaches = |destination: Destination| {
            let rights = rights.as_ref();
            rights.is_none_or(|r| r.may_read(&destination) || r.may_write(&destination))
        };
        match place {
            ReplyTo::Topic(topic) if rights.is_none() => self.may_listen(sender, topic),
            ReplyTo::Topic(topic) => reaches(Destination::topic(topic.as_str())),
            ReplyTo::Queue(name) => reaches(Destination::queue(&**name)),
            // Every client may send to a temporary destination that it knows of.
            ReplyTo::TemporaryTopic(_) | ReplyTo::TemporaryQueue(_) => true,
        }
    }

    /// Returns `true` if a sender may act for an agent who is logged in.
    pub(super) fn may_act_for(&self, sender: Option<&str>, agent: &Agent) -> bool {
        !self.rules.require_user || agent.is_of(sender)
    }

    /// An agent who is logged in, if the sender may act for them.
    pub(super) fn own_agent(
        &self,
        sender: Option<&str>,
        agent: Option<&AgentId>,
    ) -> Option<&Agent> {
        let agent = self.agents.get(agent?)?;
        self.may_act_for(sender, agent).then_some(agent)
    }
}
