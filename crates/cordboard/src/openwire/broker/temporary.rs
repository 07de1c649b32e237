//! Destinations that end with their connection, and how everybody is told of them. [openwire §7.6]

use super::names::{ADVISORY, Pattern, parts};
use super::{Broker, Done, Link, refusal};
use cordboard_wire::openwire::{
    Command, Destination, DestinationInfo, DestinationKind, DestinationOperation, Headers, Message,
    MessageDispatch, MessageId, ProducerId, Value,
};
use std::sync::Arc;

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
        match operation {
            DestinationOperation::Add if name.kind.is_temporary() => {
                if !self.temporaries.contains_key(name) {
                    self.temporaries.insert(name.clone(), (link, info.clone()));
                    self.tell(&info);
                }
            }
            DestinationOperation::Add => {
                if name.kind.is_queue() {
                    self.queues.entry(name.clone()).or_default();
                }
            }
            DestinationOperation::Remove => {
                let listened = self.consumers.values().any(|c| {
                    let mut patterns = c.patterns.iter();
                    patterns.any(|p| p.is_name() && p.destination == *name)
                });
                if listened {
                    return Err(refusal::has_consumers(name));
                }
                self.queues.remove(name);
                if self.temporaries.remove(name).is_some() {
                    self.tell(&info);
                }
            }
        }
        Ok(None)
    }

    /// The destinations that end with a connection end.
    pub(super) fn remove_temporaries(&mut self, link: Link) {
        let of_it = self.temporaries.iter().filter(|(_, (of, _))| *of == link);
        let of_it: Vec<_> = of_it
            .map(|(name, (_, info))| (name.clone(), info.clone()))
            .collect();
        for (name, mut info) in of_it {
            self.temporaries.remove(&name);
            self.queues.remove(&name);
            info.operation_type = DestinationOperation::Remove.into();
            self.tell(&info);
        }
    }

    /// Whoever listens from now on is told what there is.
    pub(super) fn tell_temporaries(&mut self, key: u64) {
        let all: Vec<DestinationInfo> = self
            .temporaries
            .values()
            .map(|(_, info)| info.clone())
            .collect();
        for info in all {
            self.tell_one(key, &info);
        }
    }

    fn tell(&mut self, info: &DestinationInfo) {
        for key in self.consumers.keys().copied().collect::<Vec<_>>() {
            self.tell_one(key, info);
        }
    }

    /// An advisory is out before anything that follows from it, whatever a consumer has acknowledged.
    fn tell_one(&mut self, key: u64, info: &DestinationInfo) {
        let kind = info
            .destination
            .as_ref()
            .map(|destination| destination.kind);
        let word = match kind {
            Some(DestinationKind::TempQueue) => "TempQueue",
            Some(DestinationKind::TempTopic) => "TempTopic",
            Some(DestinationKind::Queue | DestinationKind::Topic) | None => return,
        };
        let topic = Destination::topic(format!("{ADVISORY}{word}").as_str());
        let Some(consumer) = self.consumers.get(&key) else {
            return;
        };
        let mut patterns = consumer.patterns.iter();
        if !patterns.any(|pattern: &Pattern| pattern.fits(&topic)) {
            return;
        }
        let (link, id) = (consumer.link, consumer.id.clone());
        let message = self.advisory(&topic, info);
        let dispatch = MessageDispatch {
            consumer_id: Some(id),
            destination: Some(topic),
            message: Some(Arc::new(message)),
            ..MessageDispatch::default()
        };
        self.send(link, Command::MessageDispatch(dispatch));
    }

    fn advisory(&mut self, topic: &Destination, info: &DestinationInfo) -> Message {
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
                data_structure: Some(Command::DestinationInfo(info.clone()).into()),
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
        let properties = properties.map(|(name, value)| (name.into(), value));
        message.set_properties(&properties.into_iter().collect());
        message
    }
}
