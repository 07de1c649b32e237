//! How clients come and go. [openwire §7.1, §7.3]

use super::memory::ConnectionMemory;
use super::names::{NAME, is_too_long, name_len};
use super::rights::Owner;
use super::seen::Producers;
use super::state::{Connection, Leaving, Producer, consumer_name, producer_name};
use super::work::{Departure, Task};
use super::{Broker, Done, Link, Output, OwnerEntry, REPLACED, refusal};
use cordboard_wire::openwire::{
    BrokerId, BrokerInfo, Command, ConnectionControl, ConnectionId, ConnectionInfo, ConsumerId,
    ObjectId, ProducerInfo, RemoveInfo, SessionId, SessionInfo, Text, Throwable, UNKNOWN_DELIVERED,
};
use std::collections::{BTreeSet, HashSet, VecDeque};

/// Maximum number of sessions, of consumers and of producers of a connection; one more is refused.
pub(super) const EACH: usize = 10_000;

/// What a connection, one of its sessions, and a producer count for.
const CONNECTION_BYTES: usize = 1_024;
const SESSION_BYTES: usize = 64;
const PRODUCER_BYTES: usize = 1_024;

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
        if is_too_long(&id) || is_too_long(&client) {
            self.closing = Some("its id is too long");
            return Err(refusal::id_too_long());
        }
        let Some(owner) = self.owner(link) else {
            return Ok(None);
        };
        // The same connection again: the old socket hangs, its client is here. An id of another owner is not taken over, except
        // by this process, which no client can keep from its ids.
        let old = self.connections.get(&id).copied();
        if let Some(old) = old {
            if owner == Owner::Inside || self.owner(old).as_ref() == Some(&owner) {
                if !self.departing.contains_key(&old) {
                    self.leave(old, None, Leaving::Cut);
                    self.out.push_back(Output::Close(old, REPLACED));
                }
                if !self.depart(old) {
                    return self.connect_after(old, id, client, info.failover_reconnect);
                }
            } else {
                self.closing = Some("its connection id belongs to another client");
                return Err(refusal::connection_id_taken(&self.settings.name, &id));
            }
        }
        let name = (owner.clone(), client.clone());
        // One that is going is not in the way for long.
        if let Some(other) = self.clients.get(&name).copied()
            && self.departing.contains_key(&other)
            && !self.depart(other)
        {
            return self.connect_after(other, id, client, info.failover_reconnect);
        }
        if let Some(other) = self.clients.get(&name).and_then(|l| self.peers.get(l)) {
            let broker = &self.settings.name;
            let taken = refusal::client_id_taken(broker, &client, &other.address);
            self.closing = Some("its client id is taken");
            return Err(taken);
        }
        let entry = self.owners.entry(owner.clone());
        let entry = entry.or_insert_with(|| OwnerEntry {
            memory: self.memory.owner(),
            queues: 0,
        });
        let memory = ConnectionMemory::new(link, entry.memory.clone(), owner == Owner::Inside);
        let Some(charge) = memory.try_charge(CONNECTION_BYTES + id.for_log(NAME).len()) else {
            self.closing = Some("there is no memory for it");
            return Err(refusal::no_memory());
        };
        self.connections.insert(id.clone(), link);
        self.clients.insert(name, link);
        if let Some(peer) = self.peers.get_mut(&link) {
            let is_back = info.failover_reconnect || old.is_some();
            let before = match is_back {
                true => self.cut.take(&(owner.clone(), id.clone())),
                false => Producers::default(),
            };
            peer.connection = Some(Connection {
                id,
                owner,
                client,
                sessions: BTreeSet::new(),
                consumers: BTreeSet::new(),
                producers: HashSet::new(),
                temporaries: BTreeSet::new(),
                memory,
                charge,
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
        let charged = connection.charge.bytes() + SESSION_BYTES;
        if connection.sessions.insert(id.value) && !connection.charge.try_resize(charged) {
            connection.sessions.remove(&id.value);
            return Err(refusal::no_memory());
        }
        Ok(None)
    }

    /// Connects a client once another one is gone that has its id.
    fn connect_after(&mut self, old: Link, id: Text, client: Text, failover: bool) -> Done {
        let info = Box::new(ConnectionInfo {
            connection_id: Some(ConnectionId { value: Some(id) }),
            client_id: Some(client),
            // What was accepted of the old one is known.
            failover_reconnect: failover || self.connections.values().any(|link| *link == old),
            ..ConnectionInfo::default()
        });
        self.task = Some(Task::Connect { info, old });
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
        if connection.producers.contains(&id) {
            return Ok(None);
        }
        let name = info.destination.as_ref().map_or(0, name_len);
        let Some(charge) = connection.memory.try_charge(PRODUCER_BYTES + name) else {
            return Err(refusal::no_memory());
        };
        let seen = connection.before.remove(&id).map(|(seen, _)| seen);
        connection.producers.insert(id.clone());
        let producer = Producer {
            link,
            destination: info.destination,
            window: info.window_size,
            is_back: seen.is_some(),
            seen,
            charge,
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
                    self.task = Some(Task::Depart);
                }
            }
            Some(ObjectId::Session(id)) => {
                let peer = self.peers.get_mut(&link);
                let connection = peer.and_then(|peer| peer.connection.as_mut());
                let connection = connection.filter(|c| is_of(c, id.connection_id.as_ref()));
                let is_own = connection.is_some();
                let known = connection.is_some_and(|c| {
                    let known = c.sessions.remove(&id.value);
                    if known {
                        c.charge.resize(c.charge.bytes() - SESSION_BYTES);
                    }
                    known
                });
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
        let of_it = self.consumers_of(link).into_iter().filter(|key| {
            let consumer = self.consumers.get(key);
            consumer.is_some_and(|consumer| consumer.id.session_id == session)
        });
        let keys = of_it.collect();
        self.task = Some(Task::RemoveConsumers { keys, delivered });
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

    /// Removes consumers, as far as the slice goes.
    pub(super) fn remove_some(
        &mut self,
        mut keys: VecDeque<u64>,
        delivered: Option<i64>,
    ) -> (Option<Task>, Done) {
        while let Some(key) = keys.pop_front() {
            if self.is_over() {
                keys.push_front(key);
                return (Some(Task::RemoveConsumers { keys, delivered }), Ok(None));
            }
            self.remove_consumer(key, delivered);
        }
        (None, Ok(None))
    }

    /// A client goes: from now on it is sent nothing. `delivered`: the last message that its program was given, if it says so.
    /// [`Self::depart`] takes away what it has.
    pub(super) fn leave(&mut self, link: Link, delivered: Option<i64>, how: Leaving) {
        if self.connection(link).is_some() && !self.departing.contains_key(&link) {
            self.departing.insert(link, Departure { delivered, how });
            for key in self.consumers_of(link) {
                if let Some(consumer) = self.consumers.get_mut(&key) {
                    consumer.held_up = true;
                }
            }
        }
    }

    /// Takes away what a client has that is going, as far as the slice goes. Returns `true` if it is gone.
    pub(super) fn depart(&mut self, link: Link) -> bool {
        if let Some(departure) = self.departing.get(&link).copied() {
            while let Some(key) = self.connection(link).and_then(|c| c.consumers.first()) {
                let key = *key;
                if self.is_over() {
                    return false;
                }
                self.remove_consumer(key, departure.delivered);
            }
            if !self.remove_temporaries(link) || !self.forget_transactions(link) {
                return false;
            }
            self.departing.remove(&link);
            self.end(link, departure.how);
        }
        if self.peers.get(&link).is_some_and(|peer| peer.is_gone) {
            self.peers.remove(&link);
            self.owed.remove(&link);
        }
        true
    }

    /// A client is gone, but for its name.
    fn end(&mut self, link: Link, how: Leaving) {
        let peer = self.peers.get_mut(&link);
        let Some(connection) = peer.and_then(|peer| peer.connection.take()) else {
            return;
        };
        let Connection {
            id,
            owner,
            client,
            producers,
            before,
            ..
        } = connection;
        let mut accepted = before;
        for producer in producers {
            let gone = self.producers.remove(&producer);
            let seen = gone.and_then(|gone| Some((gone.seen?, gone.charge)));
            accepted.extend(seen.map(|seen| (producer, seen)));
        }
        if how == Leaving::Cut {
            self.cut.remember((owner.clone(), id.clone()), accepted);
        }
        self.connections.remove(&id);
        self.clients.remove(&(owner, client));
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
