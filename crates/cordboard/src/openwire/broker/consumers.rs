//! Who listens, and how much of it at once. [openwire §7.4, §7.8, §7.10]

use super::clients::EACH;
use super::names::{Pattern, is_too_long, name_len, parts};
use super::parcel::Held;
use super::pile::Pile;
use super::rights::{Act, Owner};
use super::state::{
    Consumer, Durable, DurableName, ENTRY, Pull, QUEUE_CONSUMERS, Queue, consumer_name,
};
use super::work::Task;
use super::{Broker, Done, Link, refusal};
use cordboard_wire::openwire::selector::Selector;
use cordboard_wire::openwire::{
    Command, ConsumerControl, ConsumerInfo, Destination, MessagePull, ObjectId, RemoveInfo,
    RemoveSubscriptionInfo, Text, Throwable,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// So many pulls of a consumer may wait.
const PULLS: usize = 1_000;

/// Maximum number of patterns that the consumers of a connection listen to together; one more is refused, because they are all asked
/// for each message.
const FORMS: usize = 200;
/// What a consumer counts for, beside its names and its selector.
const CONSUMER_BYTES: usize = 1_024;

impl Broker {
    pub(super) fn add_consumer(&mut self, link: Link, info: ConsumerInfo) -> Done {
        let id = info.consumer_id.clone().unwrap_or_default();
        let session = (id.connection_id.as_ref(), id.session_id);
        self.session(link, "consumer", session, &consumer_name(&id))?;
        if self.consumer_keys.contains_key(&id) {
            return Ok(None);
        }
        let destination = info.destination.clone().unwrap_or_default();
        let patterns: Vec<Pattern> = parts(&destination).into_iter().map(Pattern::of).collect();
        if patterns.is_empty() {
            return Err(refusal::no_name());
        }
        if info.subscription_name.as_ref().is_some_and(is_too_long) {
            return Err(refusal::unsupported("a subscription name so long"));
        }
        for pattern in &patterns {
            self.may(link, Act::Read, &pattern.destination)?;
        }
        if self
            .connection(link)
            .is_some_and(|c| c.consumers.len() >= EACH)
        {
            return Err(refusal::unsupported("so many consumers"));
        }
        let selector = compiled(info.selector.as_ref())?;
        self.spend(
            info.selector
                .as_ref()
                .map_or(0, |text| text.to_str_lossy().len() * 5),
        );
        let forms = patterns.iter().filter(|pattern| !pattern.is_name()).count();
        if forms > 0 && self.forms_of(link) + forms > FORMS {
            return Err(refusal::unsupported("so many consumers of names of a form"));
        }
        for pattern in patterns.iter().filter(|pattern| pattern.is_name()) {
            if pattern.destination.kind.is_queue() {
                self.create(link, &pattern.destination)?;
                let queue = self.queues.get(&pattern.destination);
                if queue.is_some_and(|queue| queue.consumers.len() >= QUEUE_CONSUMERS) {
                    return Err(refusal::unsupported("so many consumers of a queue"));
                }
            }
        }
        let memory = self.memory_of(link).ok_or_else(refusal::no_memory)?;
        let names: usize = patterns
            .iter()
            .map(|p| 128 + 2 * name_len(&p.destination))
            .sum();
        let name = info
            .subscription_name
            .as_ref()
            .map_or(0, |name| name.to_str_lossy().len());
        let bytes = CONSUMER_BYTES + names + name + selector.as_ref().map_or(0, |s| s.size());
        let charge = memory.try_charge(bytes).ok_or_else(refusal::no_memory)?;
        self.keys += 1;
        let key = self.keys;
        let durable = self.activate(link, key, &info, (&patterns, selector.as_ref()))?;
        let mut consumer = Consumer {
            id: id.clone(),
            link,
            patterns,
            selector,
            prefetch: info.prefetch_size.into(),
            extension: 0,
            browser: info.browser,
            browsing: info.browser,
            no_local: info.no_local,
            exclusive: info.exclusive,
            priority: info.priority,
            is_costly: false,
            queues: BTreeMap::new(),
            durable,
            outstanding: VecDeque::new(),
            has_dispatched: false,
            away: 0,
            held_up: self.peers.get(&link).is_some_and(|peer| !peer.has_room),
            backlog: Pile::default(),
            pulls: VecDeque::new(),
            pull_ends: None,
            _charge: charge,
            entries: memory.charge(0),
            groups: 0,
        };
        if let Some(durable) = consumer
            .durable
            .as_ref()
            .and_then(|d| self.durables.get_mut(d))
        {
            consumer.backlog = std::mem::take(&mut durable.backlog);
            std::mem::swap(&mut consumer.entries, &mut durable.entries);
        }
        self.consumer_keys.insert(id, key);
        let topics = consumer.topics();
        self.listens(key, consumer);
        if self.learns_of_temporaries(key) {
            self.task = Some(Task::Introduce { key, after: None });
        }
        // Without its selector and whatever else other clients need not know.
        let shown = ConsumerInfo {
            consumer_id: info.consumer_id,
            destination: info.destination,
            prefetch_size: info.prefetch_size,
            ..ConsumerInfo::default()
        };
        self.tell_listening(&topics, &Command::ConsumerInfo(shown));
        Ok(None)
    }

    /// A consumer has come to its queues, and is given what is there.
    fn listens(&mut self, key: u64, mut consumer: Consumer) {
        self.spend(match consumer.patterns.iter().all(Pattern::is_name) {
            true => consumer.patterns.len(),
            false => self.queues.len() * consumer.patterns.len(),
        });
        let names: Vec<Destination> = match consumer.patterns.iter().all(Pattern::is_name) {
            true => {
                let names = consumer.patterns.iter().map(|p| &p.destination);
                let names: BTreeSet<&Destination> = names.collect();
                let here = names.into_iter().filter(|n| self.queues.contains_key(n));
                here.cloned().collect()
            }
            false => {
                let names = self.queues.keys();
                let names = names.filter(|name| self.takes(&consumer, name));
                names.cloned().collect()
            }
        };
        if consumer.browser {
            consumer.backlog = self.copies(&names, &mut consumer);
        } else {
            for name in &names {
                let queue = self.queues.get_mut(name);
                if let Some(queue) = queue.filter(|q| q.consumers.len() < QUEUE_CONSUMERS) {
                    queue.consumers.push_back(key);
                    consumer.queues.insert(name.clone(), i64::MIN);
                }
            }
        }
        self.index.insert(key, &consumer.patterns);
        let peer = self.peers.get_mut(&consumer.link);
        if let Some(connection) = peer.and_then(|peer| peer.connection.as_mut()) {
            connection.consumers.insert(key);
        }
        self.consumers.insert(key, consumer);
        self.refill(key);
        for name in &names {
            match self.is_over() {
                true => self.owe_queue(name),
                false => self.serve(name),
            }
        }
    }

    /// The messages of queues, those at other clients included, for a consumer that only looks; as many as may wait for one. Its selector
    /// is evaluated when they are sent.
    fn copies(&mut self, names: &[Destination], browser: &mut Consumer) -> Pile {
        let queues: Vec<&Queue> = names.iter().filter_map(|n| self.queues.get(n)).collect();
        let waiting = queues.iter().flat_map(|queue| queue.messages.iter());
        let takers: BTreeSet<u64> = queues
            .iter()
            .flat_map(|q| q.consumers.iter().copied())
            .collect();
        let takers = takers.iter().filter_map(|key| self.consumers.get(key));
        let away = takers.flat_map(|c| &c.outstanding).map(|o| &o.held);
        let away = away.filter(|held| names.contains(held.from()));
        let mut all: Vec<Held> = waiting.chain(away).cloned().collect();
        all.sort_by_key(Held::sequence);
        all.truncate(self.settings.backlog);
        while !all.is_empty() && !browser.entries.try_resize(all.len() * ENTRY) {
            all.truncate(all.len() / 2);
        }
        self.spend(all.len() / 2);
        let has_selector = browser.selector.is_some();
        for held in &mut all {
            held.unexamined = has_selector;
        }
        all.into_iter().collect()
    }

    /// The durable subscription that a consumer takes up, if it names one. [openwire §7.8]
    fn activate(
        &mut self,
        link: Link,
        key: u64,
        info: &ConsumerInfo,
        (patterns, selector): (&[Pattern], Option<&Arc<Selector>>),
    ) -> Result<Option<DurableName>, Throwable> {
        let (Some(name), Some(connection)) = (&info.subscription_name, self.connection(link))
        else {
            return Ok(None);
        };
        let [pattern] = patterns else {
            return Ok(None);
        };
        if pattern.destination.kind.is_queue() {
            return Ok(None);
        }
        let at = (
            connection.owner.clone(),
            connection.client.clone(),
            name.clone(),
        );
        let same = |durable: &Durable| {
            durable.pattern == *pattern
                && durable.selector == info.selector
                && durable.no_local == info.no_local
        };
        // An owner may have as many as are free: so others find some.
        let (owner, memory) = (connection.owner.clone(), connection.memory.clone());
        let free = self.settings.durables.saturating_sub(self.durables.len());
        let empty = || Text::from("");
        let own = self.durables.range((owner.clone(), empty(), empty())..);
        let own = own.take_while(|((of, _, _), _)| *of == owner).count();
        let full = free == 0 || (owner != Owner::Inside && own > free);
        match self.durables.get_mut(&at) {
            Some(durable) if durable.active.is_some() => {
                return Err(refusal::durable_in_use(&at.1, &at.2));
            }
            Some(durable) if same(durable) => durable.active = Some(key),
            None if full => {
                return Err(refusal::unsupported("so many durable subscriptions"));
            }
            Some(_) | None => {
                let bytes = CONSUMER_BYTES + 2 * name_len(&pattern.destination);
                let bytes = bytes + selector.map_or(0, |selector| selector.size());
                let charge = memory.try_charge(bytes).ok_or_else(refusal::no_memory)?;
                let durable = Durable {
                    pattern: pattern.clone(),
                    selector: info.selector.clone(),
                    compiled: selector.cloned(),
                    no_local: info.no_local,
                    active: Some(key),
                    backlog: Pile::default(),
                    _charge: charge,
                    entries: memory.charge(0),
                };
                self.durables.insert(at.clone(), durable);
            }
        }
        Ok(Some(at))
    }

    pub(super) fn unsubscribe(&mut self, link: Link, info: &RemoveSubscriptionInfo) -> Done {
        let name = info.subscription_name.clone().unwrap_or_default();
        let own = self.connection(link);
        let own = own.map(|c| (c.owner.clone(), c.client.clone()));
        let (owner, own) = own.unzip();
        let client = info.client_id.clone().or(own.clone()).unwrap_or_default();
        // Those of other clients are nothing to it.
        let owner = owner.filter(|_| own.as_ref() == Some(&client));
        let Some(owner) = owner else {
            return Err(refusal::no_durable(&client, &name));
        };
        let at = (owner, client, name);
        match self.durables.get(&at) {
            None => return Err(refusal::no_durable(&at.1, &at.2)),
            Some(durable) if durable.active.is_some() => return Err(refusal::durable_active()),
            Some(_) => self.durables.remove(&at),
        };
        Ok(None)
    }

    /// A consumer goes. What was at its client returns to the head of its queue, in order; `delivered` is the last that the
    /// program was given, and `None`: nobody knows. [openwire §7.5]
    pub(super) fn remove_consumer(&mut self, key: u64, delivered: Option<i64>) {
        let Some(mut consumer) = self.consumers.remove(&key) else {
            return;
        };
        self.spend(50);
        self.consumer_keys.remove(&consumer.id);
        if let Some(until) = consumer.pull_ends {
            self.deadlines.remove(&(until, key));
        }
        self.index.remove(key, &consumer.patterns);
        let peer = self.peers.get_mut(&consumer.link);
        if let Some(connection) = peer.and_then(|peer| peer.connection.as_mut()) {
            connection.consumers.remove(&key);
        }
        let topics = consumer.topics();
        let names = std::mem::take(&mut consumer.queues);
        for name in names.keys() {
            if let Some(queue) = self.queues.get_mut(name) {
                let groups = queue.groups.len().min(consumer.groups);
                queue.leave(key, groups);
                let steps = queue.consumers.len() + if groups > 0 { queue.groups.len() } else { 0 };
                self.spend(steps / 4);
            }
            // What others passed over because of it may be for them now.
            if consumer.exclusive || consumer.groups > 0 {
                self.examine_again(name, i64::MIN);
            }
        }
        let outstanding = std::mem::take(&mut consumer.outstanding);
        self.spend(outstanding.len() * 2);
        let returning = outstanding.into_iter().rev().map(|outstanding| {
            let mut held = outstanding.held;
            if delivered.is_none_or(|last| held.sequence() <= last) {
                held.redelivered += 1;
            }
            held
        });
        let durable = consumer
            .durable
            .as_ref()
            .and_then(|d| self.durables.get_mut(d));
        if let Some(durable) = durable {
            durable.active = None;
            let mut backlog = consumer.backlog;
            returning.for_each(|held| backlog.push_front(held));
            durable.backlog = backlog;
            std::mem::swap(&mut durable.entries, &mut consumer.entries);
        } else if !consumer.browser {
            let mut of_queues: BTreeMap<Destination, Vec<Held>> = BTreeMap::new();
            for held in returning.filter(|held| held.from().kind.is_queue()) {
                let returned = of_queues.entry(held.from().clone()).or_default();
                returned.push(held);
            }
            for (name, mut returned) in of_queues {
                returned.sort_by_key(Held::sequence);
                let first = returned.first().map_or(i64::MIN, Held::sequence);
                if let Some(queue) = self.queues.get_mut(&name) {
                    queue.give_back(returned);
                    self.examine_again(&name, first);
                }
            }
        }
        for name in names.keys() {
            match self.is_over() {
                true => self.owe_queue(name),
                false => self.serve(name),
            }
        }
        let gone = RemoveInfo {
            object_id: Some(ObjectId::Consumer(consumer.id)),
            ..RemoveInfo::default()
        };
        self.tell_listening(&topics, &Command::RemoveInfo(gone));
    }

    pub(super) fn pull(&mut self, link: Link, pull: &MessagePull) -> Done {
        let id = pull.consumer_id.clone().unwrap_or_default();
        let Some(key) = self.own_consumer(link, &id) else {
            return Ok(None);
        };
        let until = match pull.timeout {
            0 => None,
            timeout => Some(self.now.saturating_add(timeout.max(0))),
        };
        if let Some(consumer) = self.consumers.get_mut(&key) {
            if consumer.pulls.len() >= PULLS {
                return Err(refusal::unsupported("so many pulls"));
            }
            if !consumer.has_entry() {
                return Err(refusal::no_memory());
            }
            consumer.pulls.push_back(Pull { until });
        }
        self.serve_consumer(key);
        self.end_pulls(key);
        Ok(None)
    }

    /// Returns the number of patterns that a connection's consumers listen to.
    fn forms_of(&self, link: Link) -> usize {
        let keys = self.connection(link).map(|c| c.consumers.iter());
        let consumers = keys
            .into_iter()
            .flatten()
            .filter_map(|key| self.consumers.get(key));
        let patterns = consumers.flat_map(|consumer| &consumer.patterns);
        patterns.filter(|pattern| !pattern.is_name()).count()
    }

    pub(super) fn control(&mut self, link: Link, control: &ConsumerControl) -> Done {
        let id = control.consumer_id.clone().unwrap_or_default();
        let Some(key) = self.own_consumer(link, &id) else {
            return Ok(None);
        };
        if control.close {
            self.remove_consumer(key, None);
            return Ok(None);
        }
        if let Some(consumer) = self.consumers.get_mut(&key) {
            consumer.prefetch = control.prefetch.into();
        }
        self.serve_consumer(key);
        Ok(None)
    }
}

fn compiled(text: Option<&Text>) -> Result<Option<Arc<Selector>>, Throwable> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    match Selector::parse(&text.to_str_lossy()) {
        Ok(selector) => Ok(Some(Arc::new(selector))),
        Err(_) => Err(refusal::selector(text)),
    }
}
