//! Arbitrary sequences of commands from several identities, and what must be true after each. [openwire §7]

use super::{Broker, HOUSE, Identity, Link, Output, Settings};
use cordboard_wire::openwire::{
    Command, ConnectionId, ConnectionInfo, ConsumerControl, ConsumerId, ConsumerInfo, Destination,
    DestinationInfo, DestinationKind, Headers, LocalTransactionId, Message, MessageAck, MessageId,
    MessagePull, ObjectId, ProducerId, ProducerInfo, RemoveInfo, RemoveSubscriptionInfo, SessionId,
    SessionInfo, ShutdownInfo, Text, TransactionId, TransactionInfo,
};

/// Sockets: two of one user, one of another, one of this process.
const LINKS: [Link; 4] = [Link(1), Link(2), Link(3), Link(4)];
/// Maximum number of steps that one call may take: a slice, and what is not interrupted.
const STEPS: u64 = 400_000;
const MEMORY: usize = 1 << 20;

/// The bytes that decide what happens.
struct Choices<'d>(&'d [u8]);

impl Choices<'_> {
    /// A number below `count`; `None` at the end.
    fn below(&mut self, count: usize) -> Option<usize> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(usize::from(*first) % count)
    }

    fn number(&mut self, count: usize) -> Option<i64> {
        self.below(count).and_then(|n| i64::try_from(n).ok())
    }

    fn flag(&mut self) -> Option<bool> {
        self.below(2).map(|n| n == 1)
    }
}

fn identity(link: Link) -> Identity {
    let user = match link.0 {
        1 | 2 => Some("ann".into()),
        3 => Some("eve".into()),
        _ => None,
    };
    Identity {
        inside: user.is_none(),
        user,
        rights: None,
    }
}

fn name(choices: &mut Choices<'_>) -> Option<Text> {
    Some(["a", "b", "c"][choices.below(3)?].into())
}

fn destination(choices: &mut Choices<'_>) -> Option<Destination> {
    Some(match choices.below(9)? {
        0 => Destination::queue("q"),
        1 => Destination::topic("t"),
        2 => Destination::queue("q,r,topic://t"),
        3 => Destination::topic(">"),
        4 => Destination::new(DestinationKind::TempQueue, "a:1"),
        5 => Destination::new(DestinationKind::TempTopic, "b:1"),
        6 => Destination::queue("Connector1"),
        7 => Destination::topic("VirtualTopic.v"),
        _ => Destination::queue("Consumer.x.VirtualTopic.v"),
    })
}

fn transaction(choices: &mut Choices<'_>) -> Option<TransactionId> {
    let value = Some(name(choices)?);
    Some(TransactionId::Local(LocalTransactionId {
        value: choices.number(2)?,
        connection_id: Some(ConnectionId { value }),
    }))
}

fn consumer_id(choices: &mut Choices<'_>) -> Option<ConsumerId> {
    Some(ConsumerId {
        connection_id: Some(name(choices)?),
        session_id: 1,
        value: choices.number(4)?,
    })
}

fn producer_id(choices: &mut Choices<'_>) -> Option<ProducerId> {
    Some(ProducerId {
        connection_id: Some(name(choices)?),
        session_id: 1,
        value: choices.number(2)?,
    })
}

fn message_id(choices: &mut Choices<'_>) -> Option<MessageId> {
    Some(MessageId {
        producer_id: Some(producer_id(choices)?),
        producer_sequence_id: choices.number(16)?,
        ..MessageId::default()
    })
}

fn message(choices: &mut Choices<'_>) -> Option<Message> {
    let group = choices.below(6)?;
    let headers = Headers {
        producer_id: Some(producer_id(choices)?),
        destination: Some(destination(choices)?),
        message_id: Some(message_id(choices)?),
        transaction_id: match choices.below(4)? {
            0 => Some(transaction(choices)?),
            _ => None,
        },
        persistent: choices.flag()?,
        expiration: choices.number(3)? * 1_000_100,
        group_id: (group < 2).then(|| ["g", "h"][group].into()),
        group_sequence: if choices.below(8)? == 0 { -1 } else { 1 },
        jms_type: choices.flag()?.then(|| "wanted".into()),
        content: Some(vec![0; choices.below(256)? * 64].into()),
        ..Headers::default()
    };
    Some(Message {
        headers,
        ..Message::default()
    })
}

fn command(choices: &mut Choices<'_>) -> Option<Command> {
    Some(match choices.below(16)? {
        0 => Command::ConnectionInfo(ConnectionInfo {
            connection_id: Some(ConnectionId {
                value: Some(name(choices)?),
            }),
            client_id: Some(name(choices)?),
            failover_reconnect: choices.flag()?,
            ..ConnectionInfo::default()
        }),
        1 => Command::SessionInfo(SessionInfo {
            session_id: Some(SessionId {
                connection_id: Some(name(choices)?),
                value: 1,
            }),
            ..SessionInfo::default()
        }),
        2 => Command::ProducerInfo(ProducerInfo {
            producer_id: Some(producer_id(choices)?),
            ..ProducerInfo::default()
        }),
        3 => Command::ConsumerInfo(ConsumerInfo {
            consumer_id: Some(consumer_id(choices)?),
            destination: Some(destination(choices)?),
            prefetch_size: [0, 1, 5, 1_000][choices.below(4)?],
            browser: choices.below(8)? == 0,
            exclusive: choices.below(8)? == 0,
            no_local: choices.below(4)? == 0,
            priority: i8::try_from(choices.below(3)?).ok()?,
            selector: choices.flag()?.then(|| "JMSType = 'wanted'".into()),
            subscription_name: (choices.below(4)? == 0).then(|| "s".into()),
            ..ConsumerInfo::default()
        }),
        4..=6 => message(choices)?.into(),
        7 => Command::MessageAck(MessageAck {
            consumer_id: Some(consumer_id(choices)?),
            ack_type: i8::try_from(choices.below(8)?).ok()?,
            first_message_id: match choices.flag()? {
                true => Some(message_id(choices)?),
                false => None,
            },
            last_message_id: Some(message_id(choices)?),
            message_count: i32::try_from(choices.below(4)?).ok()?,
            transaction_id: match choices.below(3)? {
                0 => Some(transaction(choices)?),
                _ => None,
            },
            ..MessageAck::default()
        }),
        8 => Command::MessagePull(MessagePull {
            consumer_id: Some(consumer_id(choices)?),
            timeout: [0, -1, 50][choices.below(3)?],
            ..MessagePull::default()
        }),
        9 => Command::ConsumerControl(ConsumerControl {
            consumer_id: Some(consumer_id(choices)?),
            prefetch: i32::try_from(choices.below(4)?).ok()?,
            close: choices.below(8)? == 0,
            ..ConsumerControl::default()
        }),
        10 => Command::TransactionInfo(TransactionInfo {
            transaction_id: Some(transaction(choices)?),
            step: i8::try_from(choices.below(9)?).ok()?,
            ..TransactionInfo::default()
        }),
        11 => Command::DestinationInfo(DestinationInfo {
            destination: Some(destination(choices)?),
            operation_type: i8::try_from(choices.below(2)?).ok()?,
            ..DestinationInfo::default()
        }),
        12 => Command::RemoveSubscriptionInfo(RemoveSubscriptionInfo {
            subscription_name: Some("s".into()),
            client_id: Some(name(choices)?),
            ..RemoveSubscriptionInfo::default()
        }),
        13 => Command::ShutdownInfo(ShutdownInfo::default()),
        _ => Command::RemoveInfo(RemoveInfo {
            object_id: Some(match choices.below(4)? {
                0 => ObjectId::Connection(ConnectionId {
                    value: Some(name(choices)?),
                }),
                1 => ObjectId::Session(SessionId {
                    connection_id: Some(name(choices)?),
                    value: 1,
                }),
                2 => ObjectId::Consumer(consumer_id(choices)?),
                _ => ObjectId::Producer(producer_id(choices)?),
            }),
            last_delivered_sequence_id: choices.number(4)? - 2,
            ..RemoveInfo::default()
        }),
    })
}

/// The broker, and what it owes.
struct Run {
    broker: Broker,
    now: i64,
    number: i32,
    /// The command that each client waits for the answer to.
    asked: [Option<i32>; LINKS.len()],
}

impl Run {
    /// Takes what came out. Each answer is to a command that waits for one.
    fn drain(&mut self) {
        while let Some(output) = self.broker.poll() {
            let Output::Send(link, command) = output else {
                continue;
            };
            let Some(number) = command.answers() else {
                continue;
            };
            let at = LINKS.iter().position(|other| *other == link);
            let asked = at.and_then(|at| self.asked[at].take());
            assert_eq!(asked, Some(number), "an answer nobody waits for");
        }
    }

    /// Does something, and looks at what it cost and what is held.
    fn step(&mut self, act: impl FnOnce(&mut Broker, i64)) {
        let before = self.broker.spent();
        act(&mut self.broker, self.now);
        let spent = self.broker.spent() - before;
        assert!(spent < STEPS, "{spent} steps at once");
        assert!(
            self.broker.memory() < 2 * MEMORY,
            "{} bytes",
            self.broker.memory()
        );
        self.drain();
    }

    /// Has the broker do all that is left.
    fn settle(&mut self) {
        for round in 0.. {
            assert!(round < 10_000, "work without an end");
            let mut links = LINKS.into_iter().chain([HOUSE]);
            let Some(link) = links.find(|link| self.broker.has_work(*link)) else {
                return;
            };
            self.step(|broker, now| broker.work(link, now));
        }
    }
}

/// Drives a broker by these bytes.
///
/// # Panics
/// When something is not true that must be.
pub fn harness(data: &[u8]) {
    let mut choices = Choices(data);
    let mut run = Run {
        broker: Broker::new(Settings {
            memory: MEMORY,
            queue_messages: 50,
            backlog: 20,
            queues: 8,
            durables: 4,
            command_queue: Some(Destination::queue("Connector1")),
            command_share: 3,
            ..Settings::default()
        }),
        now: 1_000_000,
        number: 0,
        asked: [None; LINKS.len()],
    };
    for link in LINKS {
        run.broker.opened(link, format!("127.0.0.1:{}", link.0));
        run.broker.identify(link, identity(link));
    }
    while let Some(act) = choices.below(20) {
        let Some(at) = choices.below(LINKS.len()) else {
            break;
        };
        let link = LINKS[at];
        match act {
            0 => {
                let has_room = choices.flag().unwrap_or(true);
                run.step(|broker, now| broker.set_room(link, has_room, now));
            }
            1 => {
                run.now += choices.number(256).unwrap_or(0) * 10;
                run.step(|broker, now| broker.tick(now));
            }
            2 if choices.below(4) == Some(0) => {
                run.asked[at] = None;
                run.step(|broker, now| broker.closed(link, now));
                run.settle();
                run.broker.opened(link, format!("127.0.0.1:{}", link.0));
                run.broker.identify(link, identity(link));
            }
            // As the keeper does: a client that is busy waits.
            _ if run.broker.is_busy(link) => {
                run.step(|broker, now| {
                    if broker.has_work(link) {
                        broker.work(link, now);
                    }
                });
            }
            _ => {
                let Some(mut command) = command(&mut choices) else {
                    break;
                };
                run.number += 1;
                let wants = run.number % 2 == 0;
                command.set_head(run.number, wants);
                let is_end = matches!(command, Command::ShutdownInfo(_));
                run.asked[at] = (wants && !is_end).then_some(run.number);
                run.step(|broker, now| broker.handle(link, command, now));
            }
        }
    }
    run.settle();
    for link in LINKS {
        run.step(|broker, now| broker.closed(link, now));
    }
    run.settle();
    let broker = &mut run.broker;
    assert!(broker.consumers.is_empty() && broker.producers.is_empty());
    assert!(broker.connections.is_empty() && broker.clients.is_empty());
    assert!(broker.transactions.is_empty() && broker.temporaries.is_empty());
    assert!(broker.deadlines.is_empty() && broker.tasks.is_empty() && broker.owed.is_empty());
    broker.queues.clear();
    broker.durables.clear();
    broker.cut = Default::default();
    assert_eq!(broker.memory(), 0, "something still counts");
}
