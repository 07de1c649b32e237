//! How clients come and go. [openwire §7.1, §7.3]

use super::state::{Connection, Producer, consumer_name, producer_name};
use super::{Broker, Done, Link, Output, refusal};
use cordboard_wire::openwire::{
    BrokerId, BrokerInfo, Command, ConnectionControl, ConnectionInfo, ObjectId, ProducerId,
    ProducerInfo, RemoveInfo, SessionId, SessionInfo, Text, UNKNOWN_DELIVERED,
};
use std::collections::BTreeSet;

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
        self.answer(
            link,
            info.command_id,
            info.response_required,
            Err(exception),
        );
        self.out
            .push_back(Output::Close(link, "its credentials are wrong"));
    }

    pub(super) fn connect(&mut self, link: Link, info: ConnectionInfo) -> Done {
        if self.connection(link).is_some() {
            return Ok(None);
        }
        let id = info.connection_id.and_then(|id| id.value);
        let id = id.ok_or_else(|| refusal::no_connection("connection", "null"))?;
        let Some(client) = info.client_id else {
            self.out
                .push_back(Output::Close(link, "it has no client id"));
            return Err(refusal::no_client_id());
        };
        // The same connection again: the old socket hangs, its client is here.
        if let Some(&old) = self.connections.get(&id) {
            self.leave(old, None);
            self.out
                .push_back(Output::Close(old, "its client has come anew"));
        }
        if let Some(other) = self.clients.get(&client).and_then(|l| self.peers.get(l)) {
            let broker = &self.settings.name;
            let taken = refusal::client_id_taken(broker, &client, &other.address);
            self.out
                .push_back(Output::Close(link, "its client id is taken"));
            return Err(taken);
        }
        self.connections.insert(id.clone(), link);
        self.clients.insert(client.clone(), link);
        if let Some(peer) = self.peers.get_mut(&link) {
            peer.connection = Some(Connection {
                id,
                client,
                sessions: BTreeSet::new(),
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
        let connection =
            connection.ok_or_else(|| refusal::no_connection("session", &session_name(&id)))?;
        connection.sessions.insert(id.value);
        Ok(None)
    }

    /// Is there such a session for a consumer or producer?
    pub(super) fn session(&self, link: Link, what: &str, session: i64, name: &str) -> Done {
        let connection = self.connection(link);
        let connection = connection.ok_or_else(|| refusal::no_connection(what, name))?;
        if session != ADVISORY_SESSION && !connection.sessions.contains(&session) {
            return Err(refusal::no_session(what, name));
        }
        Ok(None)
    }

    pub(super) fn add_producer(&mut self, link: Link, info: ProducerInfo) -> Done {
        let id = info.producer_id.unwrap_or_default();
        self.session(link, "producer", id.session_id, &producer_name(&id))?;
        let producer = Producer {
            link,
            destination: info.destination,
            window: info.window_size,
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
                    self.leave(link, delivered);
                }
            }
            Some(ObjectId::Session(id)) => {
                let peer = self.peers.get_mut(&link);
                let connection = peer.and_then(|peer| peer.connection.as_mut());
                let known = connection.is_some_and(|c| c.sessions.remove(&id.value));
                if !known && id.value != ADVISORY_SESSION {
                    return Err(refusal::not_there("session", &session_name(id)));
                }
                self.remove_session(link, id.value, delivered);
            }
            Some(ObjectId::Consumer(id)) => {
                let key = self.consumer_keys.get(id).copied();
                let key = key.ok_or_else(|| refusal::not_there("consumer", &consumer_name(id)))?;
                self.remove_consumer(key, delivered);
            }
            Some(ObjectId::Producer(id)) => {
                let gone = self.producers.remove(id);
                gone.ok_or_else(|| refusal::not_there("producer", &producer_name(id)))?;
            }
            None => return Err(refusal::unsupported("removing nothing")),
        }
        Ok(None)
    }

    fn remove_session(&mut self, link: Link, session: i64, delivered: Option<i64>) {
        let of_it = self.consumers.iter();
        let of_it = of_it.filter(|(_, c)| c.link == link && c.id.session_id == session);
        for key in of_it.map(|(key, _)| *key).collect::<Vec<_>>() {
            self.remove_consumer(key, delivered);
        }
        self.producers
            .retain(|id, producer| producer.link != link || id.session_id != session);
    }

    /// A client goes, with all that it had. `delivered`: the last message that its program was given, if it says so.
    pub(super) fn leave(&mut self, link: Link, delivered: Option<i64>) {
        let peer = self.peers.get_mut(&link);
        let Some(connection) = peer.and_then(|peer| peer.connection.take()) else {
            return;
        };
        self.transactions.retain(|(of, _), _| *of != connection.id);
        self.release_acknowledged(&connection.id);
        let of_it = self.consumers.iter().filter(|(_, c)| c.link == link);
        for key in of_it.map(|(key, _)| *key).collect::<Vec<_>>() {
            self.remove_consumer(key, delivered);
        }
        self.producers.retain(|_: &ProducerId, p| p.link != link);
        self.remove_temporaries(link);
        self.connections.remove(&connection.id);
        self.clients.remove(&connection.client);
    }
}

fn session_name(id: &SessionId) -> String {
    let connection = id.connection_id.clone().unwrap_or_default();
    format!("{}:{}", connection.for_log(200), id.value)
}
