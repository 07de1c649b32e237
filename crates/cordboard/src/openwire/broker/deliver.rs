//! Which message goes to whom. [openwire §6, §7.4, §7.10, §7.12]

use super::names::{Pattern, parts};
use super::pile::{Held, Room, size};
use super::state::{Consumer, Outstanding};
use super::{Broker, Done, Link, refusal};
use cordboard_wire::openwire::{
    Command, Destination, Message, MessageDispatch, ProducerAck, Text, Throwable, Value,
};
use std::sync::Arc;

/// Where messages go that nobody could take.
const DEAD_LETTERS: &str = "ActiveMQ.DLQ";
/// A queue that nobody uses is forgotten after so long. [openwire §10.6]
const FORGOTTEN_MS: i64 = 60_000;
/// What the names of topics begin with that queues can listen to.
const VIRTUAL: &str = "VirtualTopic.";

impl Broker {
    /// A client sends a message.
    pub(super) fn take(&mut self, link: Link, message: Arc<Message>) -> Done {
        let destination = message.destination.clone().unwrap_or_default();
        let producer = message
            .producer_id
            .as_ref()
            .and_then(|id| self.producers.get(id));
        let producer = producer.filter(|producer| producer.link == link);
        let producer = producer.ok_or_else(|| refusal::no_producer(&destination))?;
        let (window, fixed) = (producer.window, producer.destination.clone());
        let acknowledged = (window > 0 && !message.response_required).then(|| ProducerAck {
            producer_id: message.producer_id.clone(),
            size: i32::try_from(size(&message)).unwrap_or(i32::MAX),
            ..ProducerAck::default()
        });
        let mut message = message;
        if let (None, Some(_)) = (&message.destination, &fixed) {
            Arc::make_mut(&mut message).destination = fixed;
        }
        match message.transaction_id.clone() {
            Some(transaction) => self.put_off_send(link, message, &transaction)?,
            None => self.accept(link, message)?,
        }
        if let Some(ack) = acknowledged {
            self.send(link, Command::ProducerAck(ack));
        }
        Ok(None)
    }

    /// Puts a message where it belongs: once for each destination of a list.
    pub(super) fn accept(&mut self, link: Link, message: Arc<Message>) -> Result<(), Throwable> {
        let whole = message.destination.clone().unwrap_or_default();
        let names = parts(&whole);
        if names.is_empty() {
            return Err(refusal::no_name());
        }
        for name in &names {
            if name.kind.is_temporary() && !self.temporaries.contains_key(name) {
                return Err(refusal::no_temporary(name));
            }
        }
        if is_expired(&message, self.now) {
            return Ok(());
        }
        let listed = names.len() > 1;
        for name in names {
            self.sequence += 1;
            let mut copy = Message::clone(&message);
            if listed {
                copy.original_destination = Some(whole.clone());
            }
            copy.destination = Some(name.clone());
            copy.broker_in_time = self.now;
            copy.broker_out_time = self.now;
            let id = copy.message_id.get_or_insert_default();
            id.broker_sequence_id = self.sequence;
            let held = Held {
                message: Arc::new(copy),
                from: name,
                redelivered: 0,
            };
            match held.from.kind.is_queue() {
                true => self.enqueue(held)?,
                false => {
                    self.publish(link, &held);
                    self.publish_to_queues(&held);
                }
            }
        }
        Ok(())
    }

    fn enqueue(&mut self, held: Held) -> Result<(), Throwable> {
        let name = held.from.clone();
        if !self.queues.contains_key(&name) {
            if self.queues.len() >= self.settings.queues {
                return Err(refusal::unsupported("so many destinations"));
            }
            let listening = self.consumers.iter();
            let listening = listening.filter(|(_, c)| !c.browser && c.takes_from(&name));
            let consumers = listening.map(|(key, _)| *key).collect();
            let queue = self.queues.entry(name.clone()).or_default();
            queue.consumers = consumers;
        }
        let room = Room {
            messages: self.settings.queue_messages,
            bytes: self.settings.queue_bytes,
        };
        if let Some(queue) = self.queues.get_mut(&name) {
            if !queue.messages.has_room(&held, room) {
                return Err(refusal::full(&name));
            }
            queue.messages.push_back(held);
        }
        self.serve(&name);
        Ok(())
    }

    /// A copy for everybody who listens to a topic, and for durable subscriptions that nobody listens to now.
    fn publish(&mut self, link: Link, held: &Held) {
        let room = Room {
            messages: self.settings.backlog,
            bytes: self.settings.queue_bytes,
        };
        let listening = self.consumers.iter();
        let listening = listening.filter(|(_, c)| {
            c.takes_from(&held.from) && c.wants(&held.message) && !(c.no_local && c.link == link)
        });
        for key in listening.map(|(key, _)| *key).collect::<Vec<_>>() {
            let Some(consumer) = self.consumers.get_mut(&key) else {
                continue;
            };
            if consumer.backlog.is_empty() && consumer.has_room() {
                self.dispatch(key, held.clone());
                continue;
            }
            self.dropped += consumer.backlog.push_dropping(held.clone(), room);
        }
        for durable in self.durables.values_mut().filter(|d| d.active.is_none()) {
            let subject = cordboard_wire::openwire::selector::Subject::new(&held.message);
            if !durable.pattern.fits(&held.from) || !subject.fits(durable.compiled.as_ref()) {
                continue;
            }
            self.dropped += durable.backlog.push_dropping(held.clone(), room);
        }
    }

    /// A topic under `VirtualTopic.` is copied to the queues `Consumer.*.` of its name that are there. [openwire §6]
    fn publish_to_queues(&mut self, held: &Held) {
        let name = held.from.physical_name.as_ref().and_then(Text::as_str);
        let Some(name) = name.filter(|name| name.starts_with(VIRTUAL)) else {
            return;
        };
        let pattern = Pattern::of(Destination::queue(format!("Consumer.*.{name}").as_str()));
        let queues = self.queues.keys().filter(|queue| pattern.fits(queue));
        for queue in queues.cloned().collect::<Vec<_>>() {
            let mut message = Message::clone(&held.message);
            message.original_destination = Some(held.from.clone());
            message.destination = Some(queue.clone());
            let copy = Held {
                message: Arc::new(message),
                from: queue,
                redelivered: 0,
            };
            if self.enqueue(copy).is_err() {
                self.dropped += 1;
            }
        }
    }

    /// Gives a queue's messages to its consumers, as far as they have room. What nobody there wants stays.
    pub(super) fn serve(&mut self, name: &Destination) {
        let mut at = 0;
        while let Some(queue) = self.queues.get(name)
            && let Some(held) = queue.messages.get(at)
        {
            let room = |key: &u64| self.consumers.get(key).is_some_and(Consumer::has_room);
            if !queue.consumers.iter().any(room) {
                return;
            }
            if is_expired(&held.message, self.now) {
                if let Some(held) = self
                    .queues
                    .get_mut(name)
                    .and_then(|q| q.messages.remove(at))
                {
                    self.bury(held, "java.lang.Throwable: Message Expired.");
                }
                continue;
            }
            match self.taker(name, &held.message) {
                None => at += 1,
                Some(key) => {
                    let queue = self.queues.get_mut(name);
                    let held = queue.and_then(|queue| {
                        queue.consumers.retain(|other| *other != key);
                        queue.consumers.push_back(key);
                        let mut held = queue.messages.remove(at)?;
                        if queue.assign(&held.message, key) {
                            let message = Arc::make_mut(&mut held.message);
                            message.jmsx_group_first_for_consumer = true;
                        }
                        Some(held)
                    });
                    if let Some(held) = held {
                        self.dispatch(key, held);
                    }
                }
            }
        }
    }

    /// Who gets the next message of a queue: an exclusive consumer before all, then whoever has the message's group, then those of
    /// the highest priority in turn.
    fn taker(&self, name: &Destination, message: &Message) -> Option<u64> {
        let queue = self.queues.get(name)?;
        let all = || {
            let keys = queue.consumers.iter();
            keys.filter_map(|key| Some((*key, self.consumers.get(key)?)))
        };
        let exclusive = all().filter(|(_, c)| c.exclusive).map(|(key, _)| key).min();
        let group = message.group_id.as_ref();
        let only = exclusive.or_else(|| queue.groups.get(group?).copied());
        let fitting = all().filter(|(key, consumer)| {
            only.is_none_or(|only| only == *key) && consumer.has_room() && consumer.wants(message)
        });
        // The first of the best: the queue has them in turn.
        let best = fitting.rev().max_by_key(|(_, consumer)| consumer.priority);
        best.map(|(key, _)| key)
    }

    /// What waits for a consumer alone, as far as it has room.
    pub(super) fn refill(&mut self, key: u64) {
        while let Some(consumer) = self.consumers.get_mut(&key)
            && consumer.has_room()
            && let Some(held) = consumer.backlog.pop_front()
        {
            if is_expired(&held.message, self.now) {
                if !held.from.kind.is_queue() {
                    self.bury(held, "java.lang.Throwable: Message Expired.");
                }
                continue;
            }
            self.dispatch(key, held);
        }
        self.end_browsing(key);
    }

    /// Everything that a consumer with room may get.
    pub(super) fn serve_consumer(&mut self, key: u64) {
        self.refill(key);
        let queues = self.queues.iter();
        let queues = queues.filter(|(_, queue)| queue.consumers.contains(&key));
        for name in queues.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            self.serve(&name);
        }
    }

    fn dispatch(&mut self, key: u64, held: Held) {
        let Some(consumer) = self.consumers.get_mut(&key) else {
            return;
        };
        consumer.pulls.pop_front();
        let mut message = held.message.clone();
        if message.redelivery_counter != held.redelivered {
            Arc::make_mut(&mut message).redelivery_counter = held.redelivered;
        }
        let dispatch = MessageDispatch {
            consumer_id: Some(consumer.id.clone()),
            destination: Some(held.from.clone()),
            message: Some(message),
            redelivery_counter: held.redelivered,
            ..MessageDispatch::default()
        };
        let link = consumer.link;
        consumer.away += held.size();
        consumer.outstanding.push_back(Outstanding {
            held,
            transaction: None,
        });
        self.send(link, Command::MessageDispatch(dispatch));
    }

    /// A dispatch without a message: there is none, or no more.
    fn dispatch_nothing(&mut self, key: u64, destination: Option<Destination>) {
        let Some(consumer) = self.consumers.get(&key) else {
            return;
        };
        let dispatch = MessageDispatch {
            consumer_id: Some(consumer.id.clone()),
            destination,
            ..MessageDispatch::default()
        };
        self.send(consumer.link, Command::MessageDispatch(dispatch));
    }

    fn end_browsing(&mut self, key: u64) {
        let Some(consumer) = self.consumers.get_mut(&key) else {
            return;
        };
        if consumer.browsing && consumer.backlog.is_empty() {
            consumer.browsing = false;
            let destination = consumer.patterns.first().map(|p| p.destination.clone());
            self.dispatch_nothing(key, destination);
        }
    }

    /// Pulls whose time is over come back empty.
    pub(super) fn end_pulls(&mut self, key: u64) {
        let now = self.now;
        let Some(consumer) = self.consumers.get_mut(&key) else {
            return;
        };
        let before = consumer.pulls.len();
        let over = |until: Option<i64>| until.is_some_and(|until| until <= now);
        consumer.pulls.retain(|pull| !over(pull.until));
        for _ in consumer.pulls.len()..before {
            self.dispatch_nothing(key, None);
        }
    }

    /// Time has passed: pulls that waited long enough end, and what came too late goes. To be called at
    /// [`Self::next_deadline`], and about every second.
    pub fn tick(&mut self, now: i64) {
        self.now = now;
        for key in self.consumers.keys().copied().collect::<Vec<_>>() {
            self.end_pulls(key);
        }
        let names: Vec<Destination> = self.queues.keys().cloned().collect();
        for name in names {
            while let Some(queue) = self.queues.get_mut(&name)
                && let Some(at) = queue.messages.position(|h| is_expired(&h.message, now))
                && let Some(held) = queue.messages.remove(at)
            {
                self.bury(held, "java.lang.Throwable: Message Expired.");
            }
            let forgotten = self.queues.get_mut(&name);
            if forgotten.is_some_and(|queue| queue.is_forgotten(now, FORGOTTEN_MS))
                && !self.temporaries.contains_key(&name)
            {
                self.queues.remove(&name);
            }
        }
    }

    /// A message that nobody could take: a persistent one is kept for people to look at. [openwire §7.5]
    pub(super) fn bury(&mut self, held: Held, cause: &str) {
        let graveyard = Destination::queue(DEAD_LETTERS);
        if !self.settings.dead_letters || !held.message.persistent || held.from == graveyard {
            return;
        }
        let mut message = Message::clone(&held.message);
        let mut properties = message.properties().unwrap_or_default();
        properties.insert("originalExpiration", Value::Long(message.expiration));
        properties.insert("dlqDeliveryFailureCause", Value::Text(cause.into()));
        message.set_properties(&properties);
        message.original_destination = Some(held.from);
        message.destination = Some(graveyard.clone());
        message.expiration = 0;
        message.transaction_id = None;
        let held = Held {
            message: Arc::new(message),
            from: graveyard,
            redelivered: held.redelivered,
        };
        if self.enqueue(held).is_err() {
            self.dropped += 1;
        }
    }
}

/// Is it too late for a message, by its producer's clock?
fn is_expired(message: &Message, now: i64) -> bool {
    message.expiration != 0 && now >= message.expiration
}
