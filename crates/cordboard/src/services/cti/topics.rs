//! The topics that clients are known by: their formats, how fast they ask, how long they are remembered. [cti §2.5, §4.1]

use super::pattern::Pattern;
use crate::ops::config;
use cordboard_wire::cti::{ClientDestination, Format, ReplyTo};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// So many topics are known at a time; when there are more, the one that has been silent for longest and has no agent goes.
const TOPICS_MAX: usize = 10_000;
/// A topic without agents that nothing came from for so long is forgotten. [cti §2.5]
const FORGOTTEN_MS: i64 = 24 * 60 * 60 * 1_000;
const SECOND_MS: i64 = 1_000;
/// Of those that have no known topic, so many times as many commands are taken as of one that has: a morning's first Hellos.
const NEWCOMERS: u32 = 100;
/// Maximum number of users whose commands without a known topic are counted apart.
const SENDERS: usize = 1_000;
/// A user with so many topics has its own removed for further ones.
const TOPICS_OF_ONE: usize = TOPICS_MAX / 4;

/// A topic that said Hello, Beat, Login or Connect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Topic {
    /// How its client wants events, if it has said so.
    format: Option<Format>,
    /// When it was heard last, in milliseconds since 1970.
    heard_ms: i64,
    rate: Rate,
    /// The user who named it first.
    user: Option<String>,
}

/// What of it survives a restart.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    format: Option<config::cti::Format>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<String>,
}

/// Commands taken in the second that began then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Rate {
    second_ms: i64,
    taken: u32,
}

impl Rate {
    fn take(&mut self, most: u32, now_ms: i64) -> bool {
        // Back in time goes only the lab's clock.
        if !(0..SECOND_MS).contains(&(now_ms - self.second_ms)) {
            *self = Self {
                second_ms: now_ms,
                taken: 0,
            };
        }
        self.taken = self.taken.saturating_add(1);
        most == 0 || self.taken <= most
    }
}

/// How events are written where nobody has said it.
#[derive(Clone, Debug)]
pub(super) struct Formats {
    entries: Vec<(Pattern, Format)>,
    default: Format,
}

impl Formats {
    /// As the settings say.
    pub(super) fn new(settings: &config::Cti) -> Self {
        let entries = settings.formats.iter();
        Self {
            entries: entries
                .map(|entry| (Pattern::of(&entry.name), format(entry.format)))
                .collect(),
            default: format(settings.format),
        }
    }

    fn of(&self, name: &str) -> Format {
        let mut entries = self.entries.iter();
        let entry = entries.find(|(pattern, _)| pattern.fits(name));
        entry.map_or(self.default, |(_, format)| *format)
    }
}

fn format(format: config::cti::Format) -> Format {
    match format {
        config::cti::Format::Default => Format::Default,
        config::cti::Format::Json => Format::Json,
    }
}

/// All of them.
#[derive(Debug)]
pub(super) struct Topics {
    known: BTreeMap<ClientDestination, Topic>,
    formats: Formats,
    /// Commands a second from each; 0: any number.
    most: u32,
    /// Those of no known topic, by the user who sent them.
    others: HashMap<String, Rate>,
}

impl Topics {
    /// None is known.
    pub(super) fn new(settings: &config::Cti) -> Self {
        Self {
            known: BTreeMap::new(),
            formats: Formats::new(settings),
            most: settings.max_commands_per_s,
            others: HashMap::new(),
        }
    }

    /// One from before a restart; what cannot be read is as if nothing had been said.
    pub(super) fn restore(&mut self, name: ClientDestination, record: &str, now_ms: i64) {
        let kept: Kept = serde_json::from_str(record).unwrap_or_default();
        let topic = Topic {
            format: kept.format.map(format),
            heard_ms: now_ms,
            rate: Rate::default(),
            user: kept.user,
        };
        self.known.insert(name, topic);
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.known.clear();
        self.others.clear();
    }

    /// Is it known?
    pub(super) fn knows(&self, name: &ClientDestination) -> bool {
        self.known.contains_key(name)
    }

    /// The only one, if there is one.
    pub(super) fn only(&self) -> Option<&ClientDestination> {
        let mut names = self.known.keys();
        names.next().filter(|_| names.next().is_none())
    }

    /// Their names, in order.
    pub(super) fn names(&self) -> impl Iterator<Item = &ClientDestination> {
        self.known.keys()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// What would be stored of a topic if it said this now; `None` when nothing new would be.
    pub(super) fn news(
        &self,
        name: &ClientDestination,
        said: Option<Format>,
        sender: Option<&str>,
    ) -> Option<String> {
        let known = self.known.get(name);
        let before = known.and_then(|topic| topic.format);
        if known.is_some() && (said.is_none() || said == before) {
            return None;
        }
        let word = |format| match format {
            Format::Default => config::cti::Format::Default,
            Format::Json => config::cti::Format::Json,
        };
        let format = said.or(before).map(word);
        let user = known.map_or(sender, |topic| topic.user.as_deref());
        let user = user.map(str::to_owned);
        Some(serde_json::to_string(&Kept { format, user }).unwrap_or_default())
    }

    /// Returns `true` if a topic is that user's, or no user's yet.
    pub(super) fn is_free_for(&self, name: &ClientDestination, user: Option<&str>) -> bool {
        let owner = self.known.get(name).and_then(|topic| topic.user.as_deref());
        owner.is_none_or(|owner| Some(owner) == user)
    }

    /// Records activity on a topic. If the table is full, removes the unused topic that was silent for longest, of the same user if that
    /// has many, and returns its name.
    pub(super) fn heard(
        &mut self,
        name: &ClientDestination,
        (said, sender): (Option<Format>, Option<&str>),
        now_ms: i64,
        in_use: impl Fn(&ClientDestination) -> bool,
    ) -> Option<ClientDestination> {
        let mut gone = None;
        if !self.known.contains_key(name) && self.known.len() >= TOPICS_MAX {
            let is_own = |topic: &Topic| topic.user.as_deref() == sender;
            let own = self.known.values().filter(|topic| is_own(topic)).count();
            let has_many = own >= TOPICS_OF_ONE;
            let idle = self
                .known
                .iter()
                .filter(|(name, topic)| !in_use(name) && (!has_many || is_own(topic)));
            let longest = idle.min_by_key(|(_, topic)| topic.heard_ms);
            gone = longest.map(|(name, _)| name.clone());
            if let Some(name) = &gone {
                self.known.remove(name);
            }
        }
        let topic = self.known.entry(name.clone()).or_insert_with(|| Topic {
            user: sender.map(str::to_owned),
            ..Topic::default()
        });
        topic.heard_ms = now_ms;
        topic.format = said.or(topic.format);
        gone
    }

    /// Is there room for another, or one that may go for it?
    pub(super) fn has_room(&self, in_use: impl Fn(&ClientDestination) -> bool) -> bool {
        self.known.len() < TOPICS_MAX || self.known.keys().any(|name| !in_use(name))
    }

    /// Something came from one that is known.
    pub(super) fn touch(&mut self, name: &ClientDestination, now_ms: i64) {
        if let Some(topic) = self.known.get_mut(name) {
            topic.heard_ms = now_ms;
        }
    }

    /// When something came last from a topic, in milliseconds since 1970.
    pub(super) fn heard_ms(&self, name: &ClientDestination) -> Option<i64> {
        self.known.get(name).map(|topic| topic.heard_ms)
    }

    /// Forgets those without agents that were silent for long; answers their names.
    pub(super) fn forget_idle(
        &mut self,
        now_ms: i64,
        in_use: impl Fn(&ClientDestination) -> bool,
    ) -> Vec<ClientDestination> {
        let idle = self.known.iter().filter(|(name, topic)| {
            topic.heard_ms.saturating_add(FORGOTTEN_MS) <= now_ms && !in_use(name)
        });
        let idle: Vec<_> = idle.map(|(name, _)| name.clone()).collect();
        for name in &idle {
            self.known.remove(name);
        }
        idle
    }

    /// May another command be taken from that topic, or from whoever has none, now?
    pub(super) fn takes(
        &mut self,
        name: Option<&ClientDestination>,
        sender: Option<&str>,
        now_ms: i64,
    ) -> bool {
        let rate = match name.and_then(|name| self.known.get_mut(name)) {
            Some(topic) => return topic.rate.take(self.most, now_ms),
            None => {
                let known = sender.is_some_and(|sender| self.others.contains_key(sender));
                // With too many users at once, those of them that are new share one.
                let has_room = known || self.others.len() < SENDERS;
                let sender = sender.filter(|_| has_room).unwrap_or_default();
                self.others.entry(sender.to_owned()).or_default()
            }
        };
        rate.take(self.most.saturating_mul(NEWCOMERS), now_ms)
    }

    /// How events to a topic are written: as its client said, as configured, as everywhere. [cti §4.1]
    pub(super) fn format(&self, name: &ClientDestination) -> Format {
        let said = self.known.get(name).and_then(|topic| topic.format);
        said.unwrap_or_else(|| self.formats.of(name.as_str()))
    }

    /// How an answer to JMSReplyTo is written: a known topic gets its own format, others that of the agent's topic.
    pub(super) fn reply_format(
        &self,
        reply: &ReplyTo,
        agents: Option<&ClientDestination>,
    ) -> Format {
        match (reply.topic(), agents) {
            (Some(topic), _) if self.knows(topic) => self.format(topic),
            (_, Some(topic)) => self.format(topic),
            (_, None) => self.formats.default,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cordboard_wire::cti::Names;

    fn name(text: &str) -> ClientDestination {
        ClientDestination::parse(text, &Names::default()).expect(text)
    }

    fn topics(settings: impl FnOnce(&mut config::Cti)) -> Topics {
        let mut all = config::Cti::default();
        settings(&mut all);
        Topics::new(&all)
    }

    fn free(_: &ClientDestination) -> bool {
        false
    }

    #[test]
    fn a_format_is_what_was_said_last_else_what_is_configured() {
        let mut topics = topics(|cti| {
            cti.formats = vec![config::cti::TopicFormat {
                name: "cc.j*".into(),
                format: config::cti::Format::Json,
            }];
        });
        let (a, j) = (name("cc.a"), name("cc.j1"));
        assert_eq!(topics.format(&a), Format::Default);
        assert_eq!(topics.format(&j), Format::Json);
        assert!(topics.news(&j, None, None).is_some());
        topics.heard(&j, (Some(Format::Default), None), 0, free);
        assert_eq!(topics.format(&j), Format::Default);
        topics.heard(&j, (None, None), 1, free);
        assert_eq!(topics.format(&j), Format::Default);
        assert_eq!(topics.news(&j, None, None), None);
        let record = topics.news(&j, Some(Format::Json), None).unwrap();
        topics.restore(j.clone(), &record, 2);
        assert_eq!(topics.format(&j), Format::Json);
        let temporary = ReplyTo::TemporaryQueue("ID:1".into());
        assert_eq!(topics.reply_format(&temporary, Some(&j)), Format::Json);
        assert_eq!(topics.reply_format(&temporary, None), Format::Default);
        let other = ReplyTo::Topic(j);
        assert_eq!(topics.reply_format(&other, Some(&a)), Format::Json);
    }

    #[test]
    fn the_one_silent_for_longest_makes_room_and_a_day_of_silence_is_forgotten() {
        let mut topics = topics(|_| {});
        for number in 0..TOPICS_MAX {
            let at = i64::try_from(number).unwrap();
            assert_eq!(
                topics.heard(&name(&format!("t{number}")), (None, None), at, free),
                None
            );
        }
        let used = |name: &ClientDestination| name.as_str() == "t0";
        let gone = topics.heard(&name("new"), (None, None), 20_000, used);
        assert_eq!(gone, Some(name("t1")));
        assert_eq!(topics.len(), TOPICS_MAX);
        assert!(!topics.has_room(|_| true));
        let idle = topics.forget_idle(FORGOTTEN_MS + 3, used);
        assert_eq!(idle, [name("t2"), name("t3")]);
    }

    #[test]
    fn so_many_commands_a_second_are_taken_from_each() {
        let mut topics = topics(|cti| cti.max_commands_per_s = 2);
        let (a, b) = (name("cc.a"), name("cc.b"));
        topics.heard(&a, (None, None), 0, free);
        let taken =
            |topics: &mut Topics, name: &ClientDestination, at| topics.takes(Some(name), None, at);
        assert!(taken(&mut topics, &a, 0) && taken(&mut topics, &a, 999));
        assert!(!taken(&mut topics, &a, 999));
        assert!(taken(&mut topics, &b, 999));
        assert!(taken(&mut topics, &a, 1_000));
        // The lab's clock was set back.
        assert!(taken(&mut topics, &a, -5) && taken(&mut topics, &a, -5));
        assert!(!taken(&mut topics, &a, -5));
    }
}
