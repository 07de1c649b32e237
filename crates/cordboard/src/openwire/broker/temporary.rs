//! Destinations that end with their connection, and how everybody is told of them. [openwire §7.6]

use super::names::{ADVISORY, name_len, parts};
use super::parcel::{Parcel, size};
use super::rights::Act;
use super::work::Task;
use super::{Broker, Dispatch, Done, Link, Output, refusal};
use cordboard_wire::openwire::{
    Command, Destination, DestinationInfo, DestinationKind, DestinationOperation, Headers, Message,
    MessageDispatch, MessageId, ProducerId, Text, Value,
};
use std::ops::Bound;
use std::sync::Arc;

/// What a temporary destination counts for, beside its name.
const TEMPORARY_BYTES: usize = 512;

impl Broker {
    /// A destination comes or goes.
    pub(super) fn destination(&mut self, link: Link, info: DestinationInfo) -> Done {
        let operation = DestinationOperation::of(info.operation_type);
        let operation = operation.ok_or_else(|| refusal::unknown_operation(info.operation_type))?;
        let destination = info.destination.clone().unwrap_or_default();
        let names = parts(&destination);
        let [name] = names.as_slice() else {
            return Err(refusal::no_name());
        };
        let Some(connection) = self.connection(link) else {
            let shown = name.to_string();
            return Err(refusal::no_connection("destination", &shown));
        };
        let owner = self.temporaries.get(name).map(|(of, _)| *of);
        let is_own = owner.is_none_or(|owner| owner == link);
        if name.kind.is_temporary() && !(is_own && is_named_after(name, &connection.id)) {
            return Err(refusal::unsupported(
                "a temporary destination of another client",
            ));
        }
        match operation {
            DestinationOperation::Add if name.kind.is_temporary() => {
                // What everybody is told, and nothing else that a client wrote there.
                let info = DestinationInfo {
                    connection_id: info.connection_id.clone(),
                    destination: Some(name.clone()),
                    operation_type: info.operation_type,
                    ..DestinationInfo::default()
                };
                if owner.is_none() {
                    let own = connection.temporaries.len();
                    let free = self.settings.queues.saturating_sub(self.temporaries.len());
                    // A client may have as many as are free: so others find some.
                    if free == 0 || own > free {
                        return Err(refusal::unsupported("so many destinations"));
                    }
                    let peer = self.peers.get_mut(&link);
                    let connection = peer.and_then(|peer| peer.connection.as_mut());
                    if let Some(connection) = connection {
                        let bytes = TEMPORARY_BYTES + 2 * name_len(name);
                        let charged = connection.charge.bytes() + bytes;
                        if !connection.charge.try_resize(charged) {
                            return Err(refusal::no_memory());
                        }
                        connection.temporaries.insert(name.clone());
                    }
                    self.temporaries.insert(name.clone(), (link, info.clone()));
                    self.tell(&info);
                }
            }
            DestinationOperation::Add => match name.kind.is_queue() {
                true => self.create(link, name)?,
                false => self.may(link, Act::Create, name)?,
            },
            DestinationOperation::Remove => {
                self.may(link, Act::Create, name)?;
                // As ActiveMQ: a client removes its temporary destinations while it still listens there.
                if name.kind == DestinationKind::Queue && self.index.is_listened_to(name) {
                    return Err(refusal::has_consumers(name));
                }
                self.remove_temporary(name);
            }
        }
        Ok(None)
    }

    /// A queue goes, with its messages.
    fn forget(&mut self, name: &Destination) {
        let Some(queue) = self.queues.remove(name) else {
            return;
        };
        if let Some(entry) = self.owners.get_mut(&queue.owner) {
            entry.queues = entry.queues.saturating_sub(1);
        }
        self.spend(queue.messages.len() * 5);
        for key in queue.consumers {
            if let Some(consumer) = self.consumers.get_mut(&key) {
                consumer.queues.remove(name);
            }
        }
    }

    /// The destinations that end with a connection end, as far as the slice goes. Returns `true` if none is left.
    pub(super) fn remove_temporaries(&mut self, link: Link) -> bool {
        while let Some(name) = self.connection(link).and_then(|c| c.temporaries.first()) {
            let name = name.clone();
            if self.is_over() {
                return false;
            }
            self.remove_temporary(&name);
        }
        true
    }

    fn remove_temporary(&mut self, name: &Destination) {
        self.forget(name);
        let Some((link, mut info)) = self.temporaries.remove(name) else {
            return;
        };
        let peer = self.peers.get_mut(&link);
        if let Some(connection) = peer.and_then(|peer| peer.connection.as_mut()) {
            connection.temporaries.remove(name);
            let bytes = TEMPORARY_BYTES + 2 * name_len(name);
            let charged = connection.charge.bytes().saturating_sub(bytes);
            connection.charge.resize(charged);
        }
        info.operation_type = DestinationOperation::Remove.into();
        self.tell(&info);
    }

    /// Returns `true` if a consumer listens to which temporary destinations there are.
    pub(super) fn learns_of_temporaries(&self, key: u64) -> bool {
        let consumer = self.consumers.get(&key);
        consumer.is_some_and(|consumer| {
            let kinds = [DestinationKind::TempQueue, DestinationKind::TempTopic];
            let mut topics = kinds.into_iter().filter_map(topic);
            topics.any(|topic| consumer.takes_from(&topic))
        })
    }

    /// Tells a new consumer which temporary destinations there are, after this one, as far as the slice and its client's room go.
    pub(super) fn introduce_some(
        &mut self,
        link: Link,
        key: u64,
        mut after: Option<Destination>,
    ) -> Option<Task> {
        loop {
            let from = after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
            let mut all = self.temporaries.range((from, Bound::Unbounded));
            let (name, (_, info)) = all.next()?;
            let (name, info) = (name.clone(), info.clone());
            let has_room = self.peers.get(&link).is_some_and(|peer| peer.has_room);
            if self.is_over() || !has_room {
                return Some(Task::Introduce { key, after });
            }
            self.tell_destination(&info, |_, listening| {
                listening.retain(|other| *other == key)
            });
            after = Some(name);
        }
    }

    fn tell(&mut self, info: &DestinationInfo) {
        self.tell_destination(info, |_, _| {});
    }

    fn tell_destination(
        &mut self,
        info: &DestinationInfo,
        those: impl FnOnce(&Self, &mut Vec<u64>),
    ) {
        let kind = info.destination.as_ref().map(|d| d.kind);
        if let Some(topic) = kind.and_then(topic) {
            let about = Command::DestinationInfo(info.clone());
            self.advise(&topic, about, &[], those);
        }
    }

    /// Publishes that a consumer of topics came or went, to those who may read the topic themselves.
    pub(super) fn tell_listening(&mut self, topics: &[Destination], about: &Command) {
        for name in topics {
            let readers = |broker: &Self, listening: &mut Vec<u64>| {
                listening.retain(|key| {
                    let consumer = broker.consumers.get(key);
                    consumer.is_some_and(|c| broker.may(c.link, Act::Read, name).is_ok())
                });
            };
            let Some(advisory) = consumers_of(name) else {
                continue;
            };
            let count = self.index.count(name);
            let count = i32::try_from(count).unwrap_or(i32::MAX);
            let count = [("consumerCount", Value::Int(count))];
            self.advise(&advisory, about.clone(), &count, readers);
        }
    }

    /// An advisory is out before anything that follows from it, whatever a consumer has acknowledged.
    fn advise(
        &mut self,
        topic: &Destination,
        about: Command,
        more: &[(&str, Value)],
        those: impl FnOnce(&Self, &mut Vec<u64>),
    ) {
        let mut listening = std::mem::take(&mut self.found);
        self.index.listening(topic, &self.consumers, &mut listening);
        those(self, &mut listening);
        if !listening.is_empty() {
            let message = self.advisory(topic, about, more);
            let charge = self.own.charge(size(&message));
            self.spend(100 + 20 * listening.len());
            let mut parcel = Parcel::new(message, 0, charge);
            parcel.share();
            let parcel = Arc::new(parcel);
            for consumer in listening.iter().filter_map(|key| self.consumers.get(key)) {
                let command = MessageDispatch {
                    consumer_id: Some(consumer.id.clone()),
                    destination: Some(topic.clone()),
                    message: Some(parcel.message().clone()),
                    ..MessageDispatch::default()
                };
                let dispatch = Dispatch {
                    command,
                    parcel: Some(parcel.clone()),
                };
                self.out
                    .push_back(Output::Dispatch(consumer.link, dispatch));
            }
        }
        self.found = listening;
    }

    fn advisory(&mut self, topic: &Destination, about: Command, more: &[(&str, Value)]) -> Message {
        self.sequence += 1;
        let producer = ProducerId {
            connection_id: Some(self.id()),
            ..ProducerId::default()
        };
        let mut message = Message {
            headers: Headers {
                message_id: Some(MessageId {
                    producer_id: Some(producer.clone()),
                    producer_sequence_id: self.sequence,
                    broker_sequence_id: self.sequence,
                    ..MessageId::default()
                }),
                producer_id: Some(producer),
                destination: Some(topic.clone()),
                timestamp: self.now,
                jms_type: Some("Advisory".into()),
                data_structure: Some(about.into()),
                ..Headers::default()
            },
            ..Message::default()
        };
        let name = self.settings.name.as_str();
        let properties = [
            ("originBrokerName", Value::Text(name.into())),
            ("originBrokerId", Value::Text(self.id())),
            (
                "originBrokerURL",
                Value::Text(format!("vm://{name}").as_str().into()),
            ),
        ];
        let properties = properties.into_iter().chain(more.iter().cloned());
        let properties = properties.map(|(name, value)| (name.into(), value));
        message.set_properties(&properties.collect());
        message
    }
}

/// Where is told what becomes of destinations of a kind?
fn topic(kind: DestinationKind) -> Option<Destination> {
    let word = match kind {
        DestinationKind::TempQueue => "TempQueue",
        DestinationKind::TempTopic => "TempTopic",
        DestinationKind::Queue | DestinationKind::Topic => return None,
    };
    Some(Destination::topic(format!("{ADVISORY}{word}").as_str()))
}

/// Where is told who listens to a topic? Not for temporary ones, nor for advisories themselves.
fn consumers_of(name: &Destination) -> Option<Destination> {
    let topic = name.physical_name.as_ref().map(Text::to_str_lossy)?;
    let plain = name.kind == DestinationKind::Topic && !topic.starts_with(ADVISORY);
    plain.then(|| Destination::topic(format!("{ADVISORY}Consumer.Topic.{topic}").as_str()))
}

/// Is it named as this connection names its own: its id, a colon, a number? [openwire §7.6]
fn is_named_after(name: &Destination, connection: &Text) -> bool {
    let name = name.physical_name.as_ref().map(Text::to_str_lossy);
    let connection = connection.to_str_lossy();
    let rest = name
        .as_deref()
        .and_then(|name| name.strip_prefix(&*connection));
    let number = rest.and_then(|rest| rest.strip_prefix(':'));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}
