//! Which message goes to whom. [openwire §6, §7.4, §7.10, §7.12]

use super::memory::{Charge, ConnectionMemory};
use super::names::{Pattern, name_len, parts};
use super::parcel::{Held, Parcel, expiry, size, size_of_weight};
use super::pile::Room;
use super::rights::{Act, Owner};
use super::state::{Assigned, Consumer, Outstanding, QUEUE_CONSUMERS, Queue};
use super::work::Task;
use super::{Broker, Dispatch, Done, Link, Output, refusal};
use cordboard_wire::openwire::selector::{EVALUATION_MAX, Selector, Subject};
use cordboard_wire::openwire::{
    Command, Destination, Headers, Message, MessageDispatch, ProducerAck, TEXT_MAX, Text,
    Throwable, Value, Weight,
};
use std::collections::HashMap;
use std::sync::Arc;

/// Where messages go that nobody could take.
const DEAD_LETTERS: &str = "ActiveMQ.DLQ";
/// Maximum cost of a selector's evaluation on another client's account, in steps; one that costs more is evaluated on the account of the
/// client that wants it.
const EVALUATION_FOR_OTHERS: u32 = 2_000;
/// Number of messages of which is kept what was read of their properties.
const READ: usize = 8;
/// What a queue counts for, beside its name.
const QUEUE_BYTES: usize = 512;
/// Steps that a dispatch costs.
const DISPATCH: usize = 50;
/// What the names of topics begin with that queues can listen to.
const VIRTUAL: &str = "VirtualTopic.";

/// The keys of a queue's consumers.
type SmallKeys = Vec<u64>;

/// What becomes of a message at the head of what was not examined.
enum Taker {
    /// No consumer has room.
    NoRoom,
    /// None that has room wants it.
    Nobody,
    /// This one gets it.
    One(u64),
}

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
        if !self.may_be_admitted_to(link, &message) {
            self.task = Some(Task::Admit(message));
            return Ok(None);
        }
        let acknowledged =
            (producer.window > 0 && !message.response_required).then(|| ProducerAck {
                producer_id: message.producer_id.clone(),
                size: i32::try_from(size_of_weight(weight)).unwrap_or(i32::MAX),
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
        let size = size(&message);
        // For all of them, or for none.
        let to_topics = names
            .iter()
            .chain([&last])
            .all(|name| !name.kind.is_queue());
        let charge = match to_topics {
            true => self.make_room_for_topics(link, size * (names.len() + 1)),
            false => self.make_room(link, size * (names.len() + 1)),
        };
        let Some(mut charge) = charge else {
            self.counted.dropped += 1;
            self.forget_message(&message);
            return Err(refusal::full(&whole));
        };
        let listed = (!names.is_empty()).then_some(&whole);
        let mut taken = Ok(());
        for name in names {
            charge.resize(charge.bytes() - size);
            let own = charge.another(size);
            let place = (name, listed, expires);
            let one = self.place(link, Message::clone(&message), place, own);
            taken = taken.and(one);
        }
        let message = Arc::unwrap_or_clone(message);
        let one = self.place(link, message, (last, listed, expires), charge);
        taken.and(one)
    }

    /// Puts a message into one destination.
    fn place(
        &mut self,
        link: Link,
        mut message: Message,
        (name, listed, expires): (Destination, Option<&Destination>, i64),
        charge: Charge,
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
        let parcel = Parcel::new(message, expires, charge);
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
        let connection = self
            .connection(link)
            .map(|c| (c.owner.clone(), c.memory.clone()));
        let (owner, memory) = connection.unwrap_or((Owner::Inside, self.own.clone()));
        self.create_any(name, owner, &memory)
    }

    fn create_any(
        &mut self,
        name: &Destination,
        owner: Owner,
        memory: &Arc<ConnectionMemory>,
    ) -> Result<(), Throwable> {
        if self.queues.contains_key(name) {
            return Ok(());
        }
        // An owner may have as many as are free: so others find some.
        let free = self.settings.queues.saturating_sub(self.queues.len());
        let of_owner = self.owners.get(&owner).map_or(0, |entry| entry.queues);
        if free == 0 || (owner != Owner::Inside && of_owner > free) {
            return Err(refusal::unsupported("so many destinations"));
        }
        let charge = memory.try_charge(QUEUE_BYTES + name_len(name));
        let charge = charge.ok_or_else(|| refusal::full(name))?;
        let mut listening = std::mem::take(&mut self.found);
        self.index.listening(name, &self.consumers, &mut listening);
        listening.retain(|key| {
            let consumer = self.consumers.get(key);
            consumer.is_some_and(|c| !c.browser && self.takes(c, name))
        });
        if let Some(entry) = self.owners.get_mut(&owner) {
            entry.queues += 1;
        }
        let mut queue = Queue::new(owner, charge);
        queue.senders = self.is_command_queue(name).then(HashMap::new);
        for key in listening.iter().take(QUEUE_CONSUMERS) {
            if let Some(consumer) = self.consumers.get_mut(key) {
                consumer.queues.insert(name.clone(), i64::MIN);
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
            queue.push(held);
        }
        self.serve(&name);
        Ok(())
    }

    /// A message for selectors. What was read of the properties of the last few messages is kept, for all who want to know of them.
    fn subject<'m>(&mut self, message: &'m Arc<Message>) -> Subject<'m> {
        if message.marshalled_properties.is_none() {
            return Subject::new(message);
        }
        let mut read = self.read.iter();
        if let Some((_, properties)) = read.find(|(known, _)| Arc::ptr_eq(known, message)) {
            return Subject::sharing(message, properties.clone());
        }
        if self.read.len() >= READ {
            self.read.pop_front();
        }
        let properties = Arc::default();
        self.read
            .push_back((message.clone(), Arc::clone(&properties)));
        Subject::sharing(message, properties)
    }

    /// Evaluates a consumer's selector for a message on the account of the client whose slice it is. `None`: that would cost too much;
    /// the consumer's own client pays for it.
    fn examine(&mut self, selector: Option<&Selector>, message: &Arc<Message>) -> Option<bool> {
        let Some(selector) = selector else {
            return Some(true);
        };
        if self.is_over() {
            return None;
        }
        let subject = self.subject(message);
        let evaluation = selector.evaluate(&subject, EVALUATION_FOR_OTHERS);
        self.spent += u64::from(evaluation.cost);
        (!evaluation.exhausted).then_some(evaluation.selected)
    }

    /// Evaluates a selector on the account of the client that wants it.
    fn examine_for_owner(&mut self, selector: Option<&Selector>, message: &Arc<Message>) -> bool {
        let Some(selector) = selector else {
            return true;
        };
        let subject = self.subject(message);
        let evaluation = selector.evaluate(&subject, EVALUATION_MAX);
        self.spent += u64::from(evaluation.cost);
        self.counted.exhausted += u64::from(evaluation.exhausted);
        evaluation.selected
    }

    /// A copy for everybody who listens to a topic, and for durable subscriptions that nobody listens to now.
    fn publish(&mut self, link: Link, mut parcel: Parcel) {
        let room = Room {
            messages: self.settings.backlog,
            bytes: self.settings.queue_bytes,
        };
        let name = parcel.message().destination.clone().unwrap_or_default();
        let mut listening = std::mem::take(&mut self.found);
        self.spend(self.index.forms());
        self.index.listening(&name, &self.consumers, &mut listening);
        if listening.len() > 1 {
            parcel.share();
        }
        let held = Held::new(parcel);
        let message = held.parcel.message().clone();
        for key in &listening {
            self.spend(5);
            let consumer = self.consumers.get(key);
            let Some(consumer) = consumer.filter(|c| !(c.no_local && c.link == link)) else {
                continue;
            };
            let (selector, is_costly) = (consumer.selector.clone(), consumer.is_costly);
            let is_over = self.is_over();
            let wanted = match is_costly {
                true => None,
                false => self.examine(selector.as_deref(), &message),
            };
            let Some(consumer) = self
                .consumers
                .get_mut(key)
                .filter(|_| wanted != Some(false))
            else {
                continue;
            };
            consumer.is_costly |= wanted.is_none() && !is_over;
            if !consumer.has_entry() {
                self.counted.dropped += 1;
                continue;
            }
            let has_room = consumer.has_room();
            if wanted.is_some() && consumer.backlog.is_empty() && has_room && !is_over {
                self.dispatch(*key, held.clone(), false);
                continue;
            }
            let mut waiting = held.clone();
            waiting.unexamined = wanted.is_none();
            self.counted.dropped += consumer.backlog.push_dropping(waiting, room);
            let client = consumer.link;
            if has_room {
                self.owe_consumer(client, *key);
            }
        }
        self.found = listening;
        self.publish_to_durables(&name, &held, room);
        self.publish_to_queues(&name, &held);
    }

    /// Durable subscriptions that no client has now.
    fn publish_to_durables(&mut self, name: &Destination, held: &Held, room: Room) {
        let mut durables = std::mem::take(&mut self.durables);
        self.spend(durables.len());
        for durable in durables.values_mut().filter(|d| d.active.is_none()) {
            if !durable.pattern.fits(name) {
                continue;
            }
            let wanted = self.examine(durable.compiled.as_deref(), held.parcel.message());
            if wanted == Some(false) {
                continue;
            }
            if !durable.has_entry() {
                self.counted.dropped += 1;
                continue;
            }
            let mut waiting = held.clone();
            waiting.unexamined = wanted.is_none();
            self.counted.dropped += durable.backlog.push_dropping(waiting, room);
        }
        self.durables = durables;
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

    /// Gives a queue's messages to its consumers, as far as they have room and the slice goes. What no consumer wants stays.
    pub(super) fn serve(&mut self, name: &Destination) {
        let Some(queue) = self.queues.get(name) else {
            return;
        };
        let cursors = queue.consumers.iter().filter_map(|key| {
            let consumer = self.consumers.get(key).filter(|c| c.has_room())?;
            consumer.queues.get(name).copied()
        });
        // What is before all of them is for none of them.
        let Some(start) = cursors.min() else {
            let consumers = queue.consumers.len();
            return self.spend(consumers);
        };
        let mut at = queue.messages.place_of(start);
        // Consumers whose clients have to pay for an evaluation themselves: they go on by themselves from there.
        let mut behind: Vec<u64> = Vec::new();
        while let Some(queue) = self.queues.get(name)
            && let Some(held) = queue.messages.get(at)
        {
            let consumers = queue.consumers.len();
            if self.is_over() {
                return self.owe_queue(name);
            }
            if held.is_expired(self.now) {
                if let Some(held) = self.take_out(name, at) {
                    self.doom([held]);
                }
                continue;
            }
            self.spend(2 + consumers);
            match self.taker(name, at, &mut behind) {
                Taker::NoRoom => return,
                Taker::Nobody => at += 1,
                Taker::One(key) => {
                    if let Some(queue) = self.queues.get_mut(name) {
                        queue.consumers.retain(|other| *other != key);
                        queue.consumers.push_back(key);
                    }
                    let Some(held) = self.take_out(name, at) else {
                        return;
                    };
                    let is_first = self.assign(name, &held, key);
                    self.dispatch(key, held, is_first);
                }
            }
        }
    }

    /// Takes a message out of a queue. A client that waited for its place in the command queue goes on.
    fn take_out(&mut self, name: &Destination, at: usize) -> Option<Held> {
        let queue = self.queues.get_mut(name)?;
        // Those after it, or before it, move up.
        let moved = at.min(queue.messages.len() - at) / 64;
        let (held, sender) = queue.take(at)?;
        self.spend(moved);
        if let Some(sender) = sender.filter(|sender| self.tasks.contains_key(sender)) {
            self.wake(sender);
        }
        Some(held)
    }

    /// A message of a group goes to a consumer. Returns `true` if it is the first that the consumer gets of it.
    fn assign(&mut self, name: &Destination, held: &Held, key: u64) -> bool {
        let Some(queue) = self.queues.get_mut(name) else {
            return false;
        };
        match queue.assign(held, key) {
            Assigned::NoGroup => false,
            Assigned::First { is_new } => {
                if let Some(consumer) = self.consumers.get_mut(&key).filter(|_| is_new) {
                    consumer.groups += 1;
                    // A few bytes more than it may have are counted all the same.
                    let _ = consumer.has_entry();
                }
                true
            }
            Assigned::Closed { of, is_first } => {
                if let Some(consumer) = self.consumers.get_mut(&of) {
                    consumer.groups = consumer.groups.saturating_sub(1);
                }
                // What others passed over may be for them now.
                self.examine_again(name, i64::MIN);
                is_first
            }
        }
    }

    /// Messages of a queue from this number on are to be examined again by all its consumers.
    pub(super) fn examine_again(&mut self, name: &Destination, from: i64) {
        let Some(queue) = self.queues.get(name) else {
            return;
        };
        for key in &queue.consumers {
            let consumer = self.consumers.get_mut(key);
            if let Some(cursor) = consumer.and_then(|c| c.queues.get_mut(name)) {
                *cursor = from.min(*cursor);
            }
        }
    }

    /// The consumer that gets a message of a queue: an exclusive consumer before all, then the one that has the message's group, then
    /// those of the highest priority in turn.
    fn taker(&mut self, name: &Destination, at: usize, behind: &mut Vec<u64>) -> Taker {
        let Some(queue) = self.queues.get(name) else {
            return Taker::NoRoom;
        };
        let Some(held) = queue.messages.get(at) else {
            return Taker::NoRoom;
        };
        let message = held.parcel.message().clone();
        let sequence = held.sequence();
        let all = || {
            let keys = queue.consumers.iter();
            keys.filter_map(|key| Some((*key, self.consumers.get(key)?)))
        };
        let exclusive = all().filter(|(_, c)| c.exclusive).map(|(key, _)| key).min();
        let group = message.group_id.as_ref();
        let only = exclusive.or_else(|| queue.groups.get(group?).copied());
        let mut has_room = false;
        let mut best: Option<(i8, u64)> = None;
        let keys: SmallKeys = queue.consumers.iter().copied().collect();
        for key in keys {
            let Some(consumer) = self.consumers.get(&key) else {
                continue;
            };
            if !consumer.has_room() || behind.contains(&key) {
                continue;
            }
            has_room = true;
            let cursor = consumer.queues.get(name).copied().unwrap_or(i64::MIN);
            if cursor > sequence || best.is_some_and(|(priority, _)| consumer.priority <= priority)
            {
                continue;
            }
            let is_allowed = only.is_none_or(|only| only == key);
            let (priority, link) = (consumer.priority, consumer.link);
            let wanted = match (is_allowed, consumer.selector.clone()) {
                (false, _) => Some(false),
                (true, None) => Some(true),
                (true, Some(selector)) if link == self.acting => {
                    Some(self.examine_for_owner(Some(&selector), &message))
                }
                (true, Some(selector)) => self.examine(Some(&selector), &message),
            };
            match wanted {
                Some(true) => best = Some((priority, key)),
                Some(false) => {
                    let consumer = self.consumers.get_mut(&key);
                    if let Some(cursor) = consumer.and_then(|c| c.queues.get_mut(name)) {
                        *cursor = sequence + 1;
                    }
                }
                None => {
                    behind.push(key);
                    self.owe_consumer(link, key);
                }
            }
        }
        match (best, has_room) {
            (Some((_, key)), _) => Taker::One(key),
            (None, true) => Taker::Nobody,
            (None, false) => Taker::NoRoom,
        }
    }

    /// Returns `true` if a client may put a message where it wants it, as far as the command queue's share goes.
    fn may_be_admitted_to(&self, link: Link, message: &Message) -> bool {
        let name = message.destination.as_ref();
        let is_command = name.is_some_and(|name| self.is_command_queue(name));
        let is_inside = || self.identity(link).is_some_and(|who| who.inside);
        !is_command || message.transaction_id.is_some() || is_inside() || self.may_be_admitted(link)
    }

    /// Returns `true` if a client has room for one more message in the command queue.
    pub(super) fn may_be_admitted(&self, link: Link) -> bool {
        let name = self.settings.command_queue.as_ref();
        let queue = name.and_then(|name| self.queues.get(name));
        queue.is_none_or(|queue| queue.waiting_of(link) < self.settings.command_share)
    }

    /// What waits for a consumer alone, as far as it has room and the slice goes.
    pub(super) fn refill(&mut self, key: u64) {
        while let Some(consumer) = self.consumers.get_mut(&key)
            && consumer.has_room()
            && !consumer.backlog.is_empty()
        {
            if self.spent >= self.slice_end {
                let link = consumer.link;
                return self.owe_consumer(link, key);
            }
            let Some(held) = consumer.backlog.pop_front() else {
                break;
            };
            let (selector, is_durable) = (consumer.selector.clone(), consumer.durable.is_some());
            if held.is_expired(self.now) {
                // What it browses is the queue's.
                if is_durable {
                    self.doom([held]);
                }
                continue;
            }
            if held.unexamined {
                let before = self.spent;
                let wanted = self.examine_for_owner(selector.as_deref(), held.parcel.message());
                let is_costly = self.spent - before > u64::from(EVALUATION_FOR_OTHERS);
                if let Some(consumer) = self.consumers.get_mut(&key) {
                    consumer.is_costly |= is_costly;
                }
                if !wanted {
                    continue;
                }
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
        match (consumer.queues.keys().next(), consumer.queues.len()) {
            (None, _) => {}
            (Some(only), 1) => {
                let only = only.clone();
                self.serve(&only);
            }
            (Some(_), _) => {
                let names: Vec<Destination> = consumer.queues.keys().cloned().collect();
                for name in names {
                    self.spend(10);
                    match self.is_over() {
                        true => self.owe_queue(&name),
                        false => self.serve(&name),
                    }
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
        let size = held.size();
        consumer.away += size;
        consumer.outstanding.push_back(Outstanding {
            held,
            transaction: None,
        });
        self.counted.dispatched += 1;
        // Its bytes are copied on the way, and what one slice puts into an outbox has a bound.
        self.spent += (DISPATCH + size / 64) as u64;
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
        let ended = before - consumer.pulls.len();
        let ends = consumer.pulls.iter().filter_map(|pull| pull.until).min();
        let planned = std::mem::replace(&mut consumer.pull_ends, ends);
        if planned != ends {
            if let Some(until) = planned {
                self.deadlines.remove(&(until, key));
            }
            if let Some(until) = ends {
                self.deadlines.insert((until, key));
            }
        }
        for _ in 0..ended {
            self.dispatch_nothing(key, None);
        }
        self.spend(before + ended * DISPATCH);
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
        // In its new queue it is the last.
        self.sequence += 1;
        let id = message.message_id.get_or_insert_default();
        id.broker_sequence_id = self.sequence;
        let parcel = held.parcel.after(message);
        drop(held);
        let mut held = Held::new(parcel);
        held.redelivered = redelivered;
        let own = self.own.clone();
        let made = self.create_any(&graveyard, Owner::Inside, &own);
        let kept = made.and_then(|()| self.put(held));
        match kept {
            Ok(()) => self.counted.buried += 1,
            Err(_) => self.counted.dropped += 1,
        }
    }
}
