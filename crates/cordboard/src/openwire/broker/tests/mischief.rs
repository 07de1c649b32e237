//! Clients that do anything at all, at random: whatever comes, each question has one answer, no message is there twice or gets lost,
//! and nothing of a client stays when it has left.

use super::*;
use crate::openwire::broker::index::Index;
use crate::openwire::broker::parcel::Held;
use crate::openwire::broker::seen::Cut;
use std::collections::BTreeSet;

const SEEDS: u64 = 300;
const STEPS: usize = 300;
const LINKS: [Link; 3] = [Link(1), Link(2), Link(3)];

/// What the story knows of the persistent messages to its queue.
#[derive(Default)]
struct Ledger {
    accepted: BTreeSet<i64>,
    done: BTreeSet<i64>,
}

struct Story {
    rig: Rig,
    random: fastrand::Rng,
    ledger: Ledger,
    sent: i64,
    /// Consumers so far.
    next: i64,
    /// Is anything ever acknowledged as done?
    takes: bool,
}

impl Story {
    fn any(&mut self) -> Link {
        LINKS[self.random.usize(0..LINKS.len())]
    }

    fn destination(&mut self) -> Destination {
        match self.random.u8(0..8) {
            0..=4 => queue(),
            5 => Destination::topic("t"),
            6 => Destination::queue("q,r,topic://t"),
            _ => Destination::new(DestinationKind::TempQueue, "c1:1"),
        }
    }

    fn act(&mut self) {
        let link = self.any();
        let by = self.random.i64(1..self.next + 2);
        match self.random.u8(0..24) {
            0 => {
                self.rig.broker.closed(link, self.rig.now);
                self.rig.joins_again(link);
            }
            1..=2 => {
                self.next += 1;
                let from = self.destination_of_consumer();
                let mut info = consumer(link, self.next, from, 1);
                info.prefetch_size = self.random.i32(0..6);
                info.browser = self.random.u8(0..8) == 0;
                info.no_local = self.random.bool();
                info.exclusive = self.random.u8(0..6) == 0;
                info.priority = self.random.i8(0..3);
                info.selector = (self.random.u8(0..5) == 0).then(|| "JMSPriority > 2".into());
                info.subscription_name = (self.random.u8(0..5) == 0).then(|| "s".into());
                self.asks(link, Command::ConsumerInfo(info));
            }
            3..=9 => {
                self.sent += 1;
                let to = self.destination();
                let mut message = message(link, to.clone(), self.sent);
                message.priority = self.random.i8(0..6);
                message.persistent = true;
                let transacted = self.random.u8(0..6) == 0;
                message.transaction_id = transacted.then(|| transaction(link));
                let accepted = self.asks(link, message);
                if accepted && to == queue() && !transacted {
                    self.ledger.accepted.insert(self.sent);
                }
            }
            10..=16 => {
                let kinds = [
                    AckType::Standard,
                    AckType::Individual,
                    AckType::Delivered,
                    AckType::Redelivered,
                ];
                let first = if self.takes { 0 } else { 2 };
                let kind = kinds[self.random.usize(first..kinds.len())];
                let last = self.random.i64(1..self.sent + 2);
                let sender = self.any();
                let mut ack = ack(link, by, kind, None, last, self.random.i64(0..4));
                ack.last_message_id = message(sender, queue(), last).headers.message_id;
                let transacted = self.random.u8(0..8) == 0;
                ack.transaction_id = transacted.then(|| transaction(link));
                self.asks(link, Command::MessageAck(ack));
            }
            17 => {
                let id = ObjectId::Consumer(consumer_id(link, by));
                let delivered = self.random.i64(-2..self.sent + 1);
                self.asks(link, removal(id, delivered));
            }
            18 => {
                let steps = [
                    TransactionStep::Begin,
                    TransactionStep::CommitOnePhase,
                    TransactionStep::Rollback,
                    TransactionStep::Recover,
                ];
                let step = steps[self.random.usize(0..steps.len())];
                let info = TransactionInfo {
                    transaction_id: Some(transaction(link)),
                    step: step.into(),
                    ..TransactionInfo::default()
                };
                self.asks(link, Command::TransactionInfo(info));
            }
            19 => {
                let operation = match self.random.bool() {
                    true => DestinationOperation::Add,
                    false => DestinationOperation::Remove,
                };
                self.asks(link, temporary(operation));
            }
            20 => {
                let pull = MessagePull {
                    consumer_id: Some(consumer_id(link, by)),
                    timeout: self.random.i64(-1..3),
                    ..MessagePull::default()
                };
                self.asks(link, Command::MessagePull(pull));
            }
            21 => {
                let control = ConsumerControl {
                    consumer_id: Some(consumer_id(link, by)),
                    prefetch: self.random.i32(0..6),
                    close: self.random.u8(0..6) == 0,
                    ..ConsumerControl::default()
                };
                self.asks(link, Command::ConsumerControl(control));
            }
            22 => {
                self.asks(link, unsubscription("s"));
            }
            _ => {
                self.rig.now += 1;
                self.rig.broker.tick(self.rig.now);
                self.rig.drain();
            }
        }
    }

    fn destination_of_consumer(&mut self) -> Destination {
        match self.random.u8(0..6) {
            0..=2 => queue(),
            3 => Destination::topic(">"),
            4 => Destination::queue("q,r"),
            _ => Destination::topic("t"),
        }
    }

    /// Each question has exactly one answer.
    fn asks(&mut self, link: Link, command: impl Into<Command>) -> bool {
        let done = self.rig.asks(link, command);
        let number = self.rig.commands;
        let again = self.rig.heard.iter().any(|(_, command)| match command {
            Command::Response(response) => response.correlation_id == number,
            Command::ExceptionResponse(refused) => refused.correlation_id == number,
            _ => false,
        });
        assert!(!again, "answered twice");
        done.is_ok()
    }

    /// Every message that was accepted for the queue is waiting, at one client, or was done; and the sizes add up.
    fn look(&mut self) {
        self.rig.heard.clear();
        let broker = &self.rig.broker;
        let number = |held: &Held| {
            let id = held.message_id.as_ref();
            id.map_or(0, |id| id.producer_sequence_id)
        };
        let mut seen: Vec<i64> = Vec::new();
        for (name, queue) in &broker.queues {
            let bytes: usize = queue.messages.iter().map(Held::size).sum();
            assert_eq!(bytes, queue.messages.bytes(), "{name}");
            for key in &queue.consumers {
                let consumer = broker.consumers.get(key).expect("somebody takes");
                assert!(consumer.queues.contains_key(name), "{name} is not told");
            }
            if *name == super::queue() {
                seen.extend(queue.messages.iter().map(number));
            }
        }
        for consumer in broker.consumers.values().filter(|c| !c.browser) {
            assert!(
                broker.connection(consumer.link).is_some(),
                "a consumer of nobody"
            );
            let here = consumer.outstanding.iter().map(|o| &o.held);
            let away: usize = here.clone().map(Held::size).sum();
            assert_eq!(away, consumer.away);
            seen.extend(here.filter(|held| *held.from() == queue()).map(number));
        }
        let unique: BTreeSet<i64> = seen.iter().copied().collect();
        assert_eq!(unique.len(), seen.len(), "a message is there twice");
        let done = self.ledger.accepted.difference(&unique).copied();
        for number in done.collect::<Vec<_>>() {
            self.ledger.done.insert(number);
        }
        assert!(
            self.takes || self.ledger.done.is_empty(),
            "a message is lost"
        );
        for number in &self.ledger.done {
            assert!(
                !unique.contains(number),
                "{number} was done and is there again"
            );
        }
        let durables = broker.durables.values().filter_map(|d| d.active);
        for key in durables {
            assert!(
                broker.consumers.contains_key(&key),
                "a subscription of nobody"
            );
        }
    }
}

impl Rig {
    fn joins_again(&mut self, link: Link) {
        self.drain();
        self.joins(link);
    }
}

#[test]
fn whatever_clients_do_each_question_has_one_answer_and_no_message_is_there_twice() {
    for seed in 0..SEEDS {
        let mut story = Story {
            rig: rig(),
            random: fastrand::Rng::with_seed(seed),
            ledger: Ledger::default(),
            sent: 0,
            next: 0,
            takes: seed % 2 == 0,
        };
        for link in LINKS {
            story.rig.joins(link);
        }
        for _ in 0..STEPS {
            story.act();
            story.look();
        }
        for link in LINKS {
            story.rig.broker.closed(link, story.rig.now);
        }
        story.rig.drain();
        let broker = &story.rig.broker;
        assert!(
            broker.consumers.is_empty() && broker.producers.is_empty(),
            "{seed}"
        );
        assert!(broker.transactions.is_empty() && broker.temporaries.is_empty());
        assert!(broker.connections.is_empty() && broker.clients.is_empty());
        assert_eq!(
            format!("{:?}", broker.index),
            format!("{:?}", Index::default())
        );
        assert!(broker.tasks.is_empty() && broker.departing.is_empty() && broker.owed.is_empty());
        assert!(broker.deadlines.is_empty() && broker.doomed.is_empty());
        // What counts is what waits somewhere or is remembered, and nothing else.
        let broker = &mut story.rig.broker;
        broker.queues.clear();
        broker.durables.clear();
        broker.cut = Cut::default();
        assert_eq!(broker.memory(), 0, "{seed}");
    }
}

#[test]
fn arbitrary_commands_of_several_identities_break_nothing() {
    for seed in 0..2_000 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut bytes = vec![0; random.usize(0..3_000)];
        random.fill(&mut bytes);
        crate::openwire::broker::fuzz::harness(&bytes);
    }
}

#[test]
fn the_broker_keeps_its_promises_on_its_corpus() {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../fuzz/corpus/openwire_broker"
    );
    let files = std::fs::read_dir(folder).unwrap();
    let stories: Vec<Vec<u8>> = files
        .map(|file| std::fs::read(file.unwrap().path()).unwrap())
        .collect();
    assert!(!stories.is_empty());
    for story in &stories {
        for end in (0..=story.len()).step_by(7) {
            crate::openwire::broker::fuzz::harness(&story[..end]);
        }
    }
}
