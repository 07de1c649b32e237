//! Which message goes to whom. [openwire §6, §7.4, §7.10, §7.12]

use super::names::{Pattern, parts};
use super::parcel::{Held, Parcel, expiry, size};
use super::pile::Room;
use super::rights::Act;
use super::state::{Consumer, Outstanding, Queue};
use super::{Broker, Dispatch, Done, Link, Output, refusal};
use cordboard_wire::openwire::{
    Command, Destination, Headers, Message, MessageDispatch, ProducerAck, TEXT_MAX, Text,
    Throwable, Value, Weight,
};
use std::sync::Arc;

/// Where messages go that nobody could take.
const DEAD_LETTERS: &str = "ActiveMQ.DLQ";
/// What the names of topics begin with that queues can listen to.
const VIRTUAL: &str = "VirtualTopic.";

impl Broker {
    /// A client sends a message.
    pub(super) fn take(&mut self, link: Link, message: Arc<Message>) -> Done {
        let producer = message
            .producer_id
            .as_ref()
            .and_then(|id| self.producers.get(id));
        let Some(producer) = producer.filter(|producer| producer.link == link) else {
            let destination = message.destination.clone().unwrap_or_default();
            return Err(refusal::no_producer(&destination));
        };
        let weight = Weight::of_message(&message);
        if weight.longest_text > TEXT_MAX {
            return Err(refusal::header_too_long(weight.longest_text));
        }
        let acknowledged =
            (producer.window > 0 && !message.response_required).then(|| ProducerAck {
                producer_id: message.producer_id.clone(),
                size: i32::try_from(size(&message)).unwrap_or(i32::MAX),
                ..ProducerAck::default()
            });
        let number = message
            .message_id
            .as_ref()
            .map(|id| id.producer_sequence_id);
        let seen = producer.seen.as_ref().filter(|_| producer.is_back);
        if let (Some(number), Some(seen)) = (number, seen)
            && seen.contains(number)
        {
            self.counted.repeated += 1;
        } else {
            let mut message = message;
            let fixed = producer.destination.clone();
            let sent = Arc::make_mut(&mut message);
            if sent.destination.is_none() {
                sent.destination = fixed;
            }
            // A message's id is its producer's and its number: with another producer's name in it, that producer's own message would be
            // taken for a repetition.
            let Headers {
                message_id,
                producer_id,
                ..
            } = &mut sent.headers;
            if let Some(id) = message_id
                && id.producer_id != *producer_id
            {
                id.producer_id.clone_from(producer_id);
            }
            let identity = self.identity(link);
            // Whatever the client wrote there.
            sent.user_id = identity.and_then(|identity| identity.user.clone());
            match message.transaction_id.clone() {
                Some(transaction) => self.put_off_send(link, message, &transaction)?,
                None => self.accept(link, message)?,
            }
        }
        if let Some(ack) = acknowledged {
            self.send(link, Command::ProducerAck(ack));
        }
        Ok(None)
    }

    /// Puts a message where it belongs: once for each destination of a list.
    pub(super) fn accept(&mut self, link: Link, message: Arc<Message>) -> Result<(), Throwable> {
        let whole = message.destination.clone().unwrap_or_default();
        let mut names = parts(&whole);
        let Some(last) = names.pop() else {
            return Err(refusal::no_name());
        };
        for name in names.iter().chain([&last]) {
            self.may(link, Act::Write, name)?;
            if name.kind.is_temporary() && !self.temporaries.contains_key(name) {
                return Err(refusal::no_temporary(name));
            }
        }
        self.remember(&message);
        let expires = expiry(&message, self.now, self.settings.judge_ttl_by_arrival);
        if expires != 0 && self.now >= expires {
            self.counted.expired += 1;
            return Ok(());
        }
        if !self.make_room(size(&message) * (names.len() + 1)) {
            self.counted.dropped += 1;
            self.forget_message(&message);
            return Err(refusal::full(&whole));
        }
        let listed = (!names.is_empty()).then_some(&whole);
        let mut taken = Ok(());
        for name in names {
            let one = self.place(link, Message::clone(&message), name, listed, expires);
            taken = taken.and(one);
        }
        let message = Arc::unwrap_or_clone(message);
        let one = self.place(link, message, last, listed, expires);
        taken.and(one)
    }

    /// Puts a message into one destination.
    fn place(
        &mut self,
        link: Link,
        mut message: Message,
        name: Destination,
        listed: Option<&Destination>,
        expires: i64,
    ) -> Result<(), Throwable> {
        self.sequence += 1;
        if let Some(whole) = listed {
            message.original_destination = Some(whole.clone());
        }
        message.broker_in_time = self.now;
        message.broker_out_time = self.now;
        let id = message.message_id.get_or_insert_default();
        id.broker_sequence_id = self.sequence;
        message.destination = Some(name);
        let is_queue = message
            .destination
            .as_ref()
            .is_some_and(|n| n.kind.is_queue());
        let parcel = Parcel::new(message, expires, &self.ledger);
        match is_queue {
            true => self.enqueue(link, Held::new(parcel))?,
            false => self.publish(link, parcel),
        }
        self.counted.accepted += 1;
        Ok(())
    }

    /// A message was accepted, and is not to be accepted again after a reconnection.
    fn remember(&mut self, message: &Message) {
        let producer = message.producer_id.as_ref();
        let producer = producer.and_then(|id| self.producers.get_mut(id));
        if let (Some(producer), Some(id)) = (producer, &message.message_id) {
            let seen = producer.seen.get_or_insert_default();
            seen.insert(id.producer_sequence_id);
        }
    }

    /// It was not, after all.
    fn forget_message(&mut self, message: &Message) {
        let producer = message.producer_id.as_ref();
        let producer = producer.and_then(|id| self.producers.get_mut(id));
        let seen = producer.and_then(|producer| producer.seen.as_mut());
        if let (Some(seen), Some(id)) = (seen, &message.message_id) {
            seen.remove(id.producer_sequence_id);
        }
    }

    /// Makes a queue that is not there yet, with everybody who listens to names like its own.
    pub(super) fn create(&mut self, link: Link, name: &Destination) -> Result<(), Throwable> {
        if self.queues.contains_key(name) {
            return Ok(());
        }
        // The command queue is there for everybody, only not yet.
        if !self.is_command_queue(name) {
            self.may(link, Act::Create, name)?;
        }
        self.create_any(name)
    }

    fn create_any(&mut self, name: &Destination) -> Result<(), Throwable> {
        if self.queues.contains_key(name) {
            return Ok(());
        }
        if self.queues.len() >= self.settings.queues {
            return Err(refusal::unsupported("so many destinations"));
        }
        let mut listening = std::mem::take(&mut self.found);
        self.index.listening(name, &self.consumers, &mut listening);
        listening.retain(|key| {
            let consumer = self.consumers.get(key);
            consumer.is_some_and(|c| !c.browser && self.takes(c, name))
        });
        let mut queue = Queue::default();
        for key in &listening {
            if let Some(consumer) = self.consumers.get_mut(key) {
                consumer.queues.insert(name.clone());
                queue.consumers.push_back(*key);
            }
        }
        self.found = listening;
        self.queues.insert(name.clone(), queue);
        Ok(())
    }

    /// Does a consumer take from a queue? Names of a form do not stand for the command queue.
    pub(super) fn takes(&self, consumer: &Consumer, name: &Destination) -> bool {
        let may = || self.identity(consumer.link).is_some_and(|who| who.inside);
        consumer.takes_from(name) && (!self.is_command_queue(name) || may())
    }

    fn enqueue(&mut self, link: Link, held: Held) -> Result<(), Throwable> {
        self.create(link, held.from())?;
        self.put(held)
    }

    fn put(&mut self, held: Held) -> Result<(), Throwable> {
        let name = held.from().clone();
        let room = Room {
            messages: self.settings.queue_messages,
            bytes: self.settings.queue_bytes,
        };
        if let Some(queue) = self.queues.get_mut(&name) {
            if !queue.messages.has_room(held.size(), room) {
                self.counted.dropped += 1;
                self.forget_message(&held);
                return Err(refusal::full(&name));
            }
            queue.messages.push_back(held);
        }
        self.serve(&name);
        Ok(())
    }

    /// A copy for everybody who listens to a topic, and for durable subscriptions that nobody listens to now.
    fn publish(&mut self, link: Link, mut parcel: Parcel) {
        let room = Room {
            messages: self.settings.backlog,
            bytes: self.settings.queue_bytes,
        };
        let name = parcel.message().destination.clone().unwrap_or_default();
        let mut listening = std::mem::take(&mut self.found);
        self.index.listening(&name, &self.consumers, &mut listening);
        listening.retain(|key| {
            let consumer = self.consumers.get(key);
            let consumer = consumer.filter(|c| !(c.no_local && c.link == link));
            consumer.is_some_and(|consumer| consumer.wants(parcel.message()))
        });
        if listening.len() > 1 {
            parcel.share();
        }
        let held = Held::new(parcel);
        for key in &listening {
            let Some(consumer) = self.consumers.get_mut(key) else {
                continue;
            };
            if consumer.backlog.is_empty() && consumer.has_room() {
                self.dispatch(*key, held.clone(), false);
                continue;
            }
            self.counted.dropped += consumer.backlog.push_dropping(held.clone(), room);
        }
        self.found = listening;
        for durable in self.durables.values_mut().filter(|d| d.active.is_none()) {
            let subject = cordboard_wire::openwire::selector::Subject::new(&held);
            let selector = durable.compiled.as_ref();
            let wanted = || selector.is_none_or(|selector| selector.selects(&subject));
            if !durable.pattern.fits(&name) || !wanted() {
                continue;
            }
            self.counted.dropped += durable.backlog.push_dropping(held.clone(), room);
        }
        self.publish_to_queues(&name, &held);
    }

    /// A topic under `VirtualTopic.` is copied to the queues `Consumer.*.` of its name that are there. [openwire §6]
    fn publish_to_queues(&mut self, topic: &Destination, held: &Held) {
        let name = topic.physical_name.as_ref().and_then(Text::as_str);
        let Some(name) = name.filter(|name| name.starts_with(VIRTUAL)) else {
            return;
        };
        let pattern = Pattern::of(Destination::queue(format!("Consumer.*.{name}").as_str()));
        let queues = self.queues.keys().filter(|queue| pattern.fits(queue));
        for queue in queues.cloned().collect::<Vec<_>>() {
            let mut message = Message::clone(held);
            message.original_destination = Some(topic.clone());
            message.destination = Some(queue);
            let copy = held.parcel.instead(message);
            if self.put(Held::new(copy)).is_err() {
                self.counted.dropped += 1;
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
            if held.is_expired(self.now) {
                if let Some(held) = self
                    .queues
                    .get_mut(name)
                    .and_then(|q| q.messages.remove(at))
                {
                    self.expired(held);
                }
                continue;
            }
            match self.taker(queue, held) {
                None => at += 1,
                Some(key) => {
                    let queue = self.queues.get_mut(name);
                    let held = queue.and_then(|queue| {
                        queue.consumers.retain(|other| *other != key);
                        queue.consumers.push_back(key);
                        let held = queue.messages.remove(at)?;
                        let is_first = queue.assign(&held, key);
                        Some((held, is_first))
                    });
                    if let Some((held, is_first)) = held {
                        self.dispatch(key, held, is_first);
                    }
                }
            }
        }
    }

    /// Who gets the next message of a queue: an exclusive consumer before all, then whoever has the message's group, then those of
    /// the highest priority in turn.
    fn taker(&self, queue: &Queue, message: &Message) -> Option<u64> {
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
            if held.is_expired(self.now) {
                // What it browses is the queue's.
                if consumer.durable.is_some() {
                    self.expired(held);
                }
                continue;
            }
            self.dispatch(key, held, false);
        }
        self.end_browsing(key);
    }

    /// Everything that a consumer with room may get.
    pub(super) fn serve_consumer(&mut self, key: u64) {
        self.refill(key);
        let Some(consumer) = self.consumers.get(&key) else {
            return;
        };
        match (consumer.queues.first(), consumer.queues.len()) {
            (None, _) => {}
            (Some(only), 1) => {
                let only = only.clone();
                self.serve(&only);
            }
            (Some(_), _) => {
                for name in consumer.queues.clone() {
                    self.serve(&name);
                }
            }
        }
    }

    fn dispatch(&mut self, key: u64, held: Held, first_of_group: bool) {
        let Some(consumer) = self.consumers.get_mut(&key) else {
            return;
        };
        consumer.pulls.pop_front();
        let mut message = held.parcel.message().clone();
        if message.redelivery_counter != held.redelivered || first_of_group {
            let message = Arc::make_mut(&mut message);
            message.redelivery_counter = held.redelivered;
            message.jmsx_group_first_for_consumer |= first_of_group;
        }
        let command = MessageDispatch {
            consumer_id: Some(consumer.id.clone()),
            destination: Some(held.from().clone()),
            message: Some(message),
            redelivery_counter: held.redelivered,
            ..MessageDispatch::default()
        };
        let dispatch = Dispatch {
            command,
            parcel: Some(held.parcel.clone()),
        };
        let link = consumer.link;
        consumer.has_dispatched = true;
        consumer.away += held.size();
        consumer.outstanding.push_back(Outstanding {
            held,
            transaction: None,
        });
        self.counted.dispatched += 1;
        self.out.push_back(Output::Dispatch(link, dispatch));
    }

    /// A dispatch without a message: there is none, or no more.
    fn dispatch_nothing(&mut self, key: u64, destination: Option<Destination>) {
        let Some(consumer) = self.consumers.get(&key) else {
            return;
        };
        let command = MessageDispatch {
            consumer_id: Some(consumer.id.clone()),
            destination,
            ..MessageDispatch::default()
        };
        let (link, parcel) = (consumer.link, None);
        let dispatch = Dispatch { command, parcel };
        self.out.push_back(Output::Dispatch(link, dispatch));
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

    /// A message that nobody could take: a persistent one is kept for people to look at. [openwire §7.5]
    pub(super) fn bury(&mut self, held: Held, cause: &str) {
        let graveyard = Destination::queue(DEAD_LETTERS);
        if !self.settings.dead_letters || !held.persistent || *held.from() == graveyard {
            return;
        }
        let mut message = Message::clone(&held);
        let mut properties = message.properties().unwrap_or_default();
        properties.insert("originalExpiration", Value::Long(message.expiration));
        properties.insert("dlqDeliveryFailureCause", Value::Text(cause.into()));
        message.set_properties(&properties);
        message.original_destination = Some(held.from().clone());
        message.destination = Some(graveyard.clone());
        message.expiration = 0;
        message.transaction_id = None;
        let redelivered = held.redelivered;
        drop(held);
        let parcel = Parcel::new(message, 0, &self.ledger);
        let mut held = Held::new(parcel);
        held.redelivered = redelivered;
        let kept = self.create_any(&graveyard).and_then(|()| self.put(held));
        match kept {
            Ok(()) => self.counted.buried += 1,
            Err(_) => self.counted.dropped += 1,
        }
    }
}
