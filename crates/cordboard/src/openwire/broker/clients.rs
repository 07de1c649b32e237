//! How clients come and go. [openwire §7.1, §7.3]

use super::seen::Producers;
use super::state::{Connection, Leaving, Producer, consumer_name, producer_name};
use super::{Broker, Done, Link, Output, REPLACED, refusal};
use cordboard_wire::openwire::{
    BrokerId, BrokerInfo, Command, ConnectionControl, ConnectionInfo, ConsumerId, ObjectId,
    ProducerInfo, RemoveInfo, SessionId, SessionInfo, Text, Throwable, UNKNOWN_DELIVERED,
};
use std::collections::{BTreeSet, HashSet};

/// So many sessions, so many consumers and so many producers a connection has at most.
pub(super) const EACH: usize = 10_000;

/// The session that exists without having been opened: that of the advisory consumer.
const ADVISORY_SESSION: i64 = -1;

impl Broker {
    /// The broker introduces itself; once the encoding is agreed.
    pub fn introduce(&mut self, link: Link) {
        let info = BrokerInfo {
            broker_id: Some(BrokerId {
                value: Some(self.id()),
            }),
            broker_name: Some(self.settings.name.as_str().into()),
            ..BrokerInfo::default()
        };
        self.send(link, Command::BrokerInfo(info));
    }

    /// The broker's own id, and the connection that its own messages come from.
    pub(super) fn id(&self) -> Text {
        Text::from(format!("ID:{}", self.settings.name).as_str())
    }

    /// A client gave credentials that are not right: it is told, and its socket closed.
    pub fn refuse_credentials(&mut self, link: Link, info: &ConnectionInfo) {
        let exception = refusal::credentials(info.user_name.as_ref());
        self.refuse_client(link, info, exception, "its credentials are wrong");
    }

    /// Refuses a client whose credentials were not looked at, because too many wait. It may try again.
    pub fn refuse_for_now(&mut self, link: Link, info: &ConnectionInfo) {
        self.refuse_client(link, info, refusal::busy(), "too many sign-ons wait");
    }

    fn refuse_client(
        &mut self,
        link: Link,
        info: &ConnectionInfo,
        exception: Throwable,
        why: &'static str,
    ) {
        self.answer(
            link,
            info.command_id,
            info.response_required,
            Err(exception),
        );
        self.out.push_back(Output::Close(link, why));
    }

    pub(super) fn connect(&mut self, link: Link, info: ConnectionInfo) -> Done {
        if self.connection(link).is_some() {
            return Ok(None);
        }
        let id = info.connection_id.and_then(|id| id.value);
        let id = id.ok_or_else(|| refusal::no_connection("connection", "null"))?;
        let Some(client) = info.client_id else {
            self.closing = Some("it has no client id");
            return Err(refusal::no_client_id());
        };
        // The same connection again: the old socket hangs, its client is here.
        let old = self.connections.get(&id).copied();
        if let Some(old) = old {
            self.leave(old, None, Leaving::Cut);
            self.out.push_back(Output::Close(old, REPLACED));
        }
        if let Some(other) = self.clients.get(&client).and_then(|l| self.peers.get(l)) {
            let broker = &self.settings.name;
            let taken = refusal::client_id_taken(broker, &client, &other.address);
            self.closing = Some("its client id is taken");
            return Err(taken);
        }
        self.connections.insert(id.clone(), link);
        self.clients.insert(client.clone(), link);
        if let Some(peer) = self.peers.get_mut(&link) {
            let is_back = info.failover_reconnect || old.is_some();
            let before = match is_back {
                true => self.cut.take(&id),
                false => Producers::default(),
            };
            peer.connection = Some(Connection {
                id,
                client,
                sessions: BTreeSet::new(),
                consumers: BTreeSet::new(),
                producers: HashSet::new(),
                before,
            });
        }
        let control = ConnectionControl {
            connected_brokers: Some("".into()),
            reconnect_to: Some("".into()),
            ..ConnectionControl::default()
        };
        self.send(link, Command::ConnectionControl(control));
        Ok(None)
    }

    pub(super) fn add_session(&mut self, link: Link, info: SessionInfo) -> Done {
        let id = info.session_id.unwrap_or_default();
        let peer = self.peers.get_mut(&link);
        let connection = peer.and_then(|peer| peer.connection.as_mut());
        let connection = connection.filter(|c| is_of(c, id.connection_id.as_ref()));
        let connection =
            connection.ok_or_else(|| refusal::no_connection("session", &session_name(&id)))?;
        if connection.sessions.len() >= EACH {
            return Err(refusal::unsupported("so many sessions"));
        }
        connection.sessions.insert(id.value);
        Ok(None)
    }

    /// Is there such a session of this client's for a consumer or producer?
    pub(super) fn session(
        &self,
        link: Link,
        what: &str,
        (of, session): (Option<&Text>, i64),
        name: &str,
    ) -> Done {
        let connection = self.connection(link).filter(|c| is_of(c, of));
        let connection = connection.ok_or_else(|| refusal::no_connection(what, name))?;
        if session != ADVISORY_SESSION && !connection.sessions.contains(&session) {
            return Err(refusal::no_session(what, name));
        }
        Ok(None)
    }

    pub(super) fn add_producer(&mut self, link: Link, info: ProducerInfo) -> Done {
        let id = info.producer_id.unwrap_or_default();
        let session = (id.connection_id.as_ref(), id.session_id);
        self.session(link, "producer", session, &producer_name(&id))?;
        let peer = self.peers.get_mut(&link);
        let Some(connection) = peer.and_then(|peer| peer.connection.as_mut()) else {
            return Ok(None);
        };
        if connection.producers.len() >= EACH {
            return Err(refusal::unsupported("so many producers"));
        }
        let seen = connection.before.remove(&id);
        connection.producers.insert(id.clone());
        let producer = Producer {
            link,
            destination: info.destination,
            window: info.window_size,
            is_back: seen.is_some(),
            seen,
        };
        self.producers.insert(id, producer);
        Ok(None)
    }

    pub(super) fn remove(&mut self, link: Link, info: &RemoveInfo) -> Done {
        let delivered = Some(info.last_delivered_sequence_id).filter(|&d| d != UNKNOWN_DELIVERED);
        match &info.object_id {
            Some(ObjectId::Connection(id)) => {
                let known = id.value.as_ref().and_then(|id| self.connections.get(id));
                if known == Some(&link) {
                    self.leave(link, delivered, Leaving::Said);
                }
            }
            Some(ObjectId::Session(id)) => {
                let peer = self.peers.get_mut(&link);
                let connection = peer.and_then(|peer| peer.connection.as_mut());
                let connection = connection.filter(|c| is_of(c, id.connection_id.as_ref()));
                let is_own = connection.is_some();
                let known = connection.is_some_and(|c| c.sessions.remove(&id.value));
                if !is_own {
                    return Err(refusal::not_there("session", &session_name(id)));
                }
                if !known && id.value != ADVISORY_SESSION {
                    return Err(refusal::not_there("session", &session_name(id)));
                }
                self.remove_session(link, id.value, delivered);
            }
            Some(ObjectId::Consumer(id)) => {
                let key = self.own_consumer(link, id);
                let key = key.ok_or_else(|| refusal::not_there("consumer", &consumer_name(id)))?;
                self.remove_consumer(key, delivered);
            }
            Some(ObjectId::Producer(id)) => {
                let peer = self.peers.get_mut(&link);
                let connection = peer.and_then(|peer| peer.connection.as_mut());
                if !connection.is_some_and(|c| c.producers.remove(id)) {
                    return Err(refusal::not_there("producer", &producer_name(id)));
                }
                self.producers.remove(id);
            }
            None => return Err(refusal::unsupported("removing nothing")),
        }
        Ok(None)
    }

    fn remove_session(&mut self, link: Link, session: i64, delivered: Option<i64>) {
        for key in self.consumers_of(link) {
            let consumer = self.consumers.get(&key);
            if consumer.is_some_and(|consumer| consumer.id.session_id == session) {
                self.remove_consumer(key, delivered);
            }
        }
        let peer = self.peers.get_mut(&link);
        let Some(connection) = peer.and_then(|peer| peer.connection.as_mut()) else {
            return;
        };
        let of_it = connection
            .producers
            .extract_if(|id| id.session_id == session);
        for id in of_it {
            self.producers.remove(&id);
        }
    }

    /// The consumers of a client, in the order in which they came.
    pub(super) fn consumers_of(&self, link: Link) -> Vec<u64> {
        let connection = self.connection(link);
        let keys = connection.map(|connection| connection.consumers.iter().copied());
        keys.into_iter().flatten().collect()
    }

    /// A consumer, if it is this client's.
    pub(super) fn own_consumer(&self, link: Link, id: &ConsumerId) -> Option<u64> {
        let key = *self.consumer_keys.get(id)?;
        let consumer = self.consumers.get(&key)?;
        (consumer.link == link).then_some(key)
    }

    /// A client goes, with all that it had. `delivered`: the last message that its program was given, if it says so.
    pub(super) fn leave(&mut self, link: Link, delivered: Option<i64>, how: Leaving) {
        for key in self.consumers_of(link) {
            self.remove_consumer(key, delivered);
        }
        let peer = self.peers.get_mut(&link);
        let Some(connection) = peer.and_then(|peer| peer.connection.take()) else {
            return;
        };
        let Connection {
            id,
            client,
            producers,
            before,
            ..
        } = connection;
        self.transactions.retain(|(of, _), _| *of != id);
        let mut accepted = before;
        for producer in producers {
            let gone = self.producers.remove(&producer);
            accepted.extend(gone.and_then(|gone| Some((producer, gone.seen?))));
        }
        if how == Leaving::Cut {
            self.cut.remember(id.clone(), accepted);
        }
        self.remove_temporaries(link);
        self.connections.remove(&id);
        self.clients.remove(&client);
    }
}

/// Does an id that names this connection belong to it? One that names none is its own.
fn is_of(connection: &Connection, named: Option<&Text>) -> bool {
    named.is_none_or(|named| *named == connection.id)
}

fn session_name(id: &SessionId) -> String {
    let connection = id.connection_id.clone().unwrap_or_default();
    format!("{}:{}", connection.for_log(200), id.value)
}
