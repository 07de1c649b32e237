//! What a hostile client makes the broker do and hold has bounds, and others do not wait for it. [openwire §7.12]

use super::*;
use crate::openwire::broker::SLICE;
use cordboard_wire::openwire::{BrokerId, PrimitiveMap, Value};

/// What one slice may cost beyond its end: the last evaluation, or the last dispatch of a batch.
const OVERRUN: u64 = 260_000;

impl Rig {
    /// Hands a command in and does only what its own slice does; the steps that it took.
    fn first_slice(&mut self, link: Link, command: impl Into<Command>) -> u64 {
        let mut command = command.into();
        self.commands += 1;
        command.set_head(self.commands, true);
        let before = self.broker.spent();
        self.broker.handle(link, command, self.now);
        self.take_outputs();
        self.broker.spent() - before
    }

    /// Does all that is left, a slice at a time; the longest slice.
    fn longest_slice(&mut self) -> u64 {
        let mut longest = 0;
        loop {
            self.take_outputs();
            let Some(link) = self.broker.links_with_work().first().copied() else {
                return longest;
            };
            let before = self.broker.spent();
            self.broker.work(link, self.now);
            longest = longest.max(self.broker.spent() - before);
        }
    }
}

fn selecting(link: Link, number: i64, to: Destination, selector: &str) -> ConsumerInfo {
    let mut info = consumer(link, number, to, 1_000);
    info.selector = Some(selector.into());
    info
}

fn with_properties(mut message: Message, properties: &[(&str, Value)]) -> Message {
    let map: PrimitiveMap = properties
        .iter()
        .map(|(name, value)| (Text::from(*name), value.clone()))
        .collect();
    message.set_properties(&map);
    message
}

#[test]
fn a_costly_selector_is_evaluated_on_its_own_clients_account_and_a_slice_at_a_time() {
    let mut rig = rig();
    rig.joins(ONE);
    rig.joins(TWO);
    rig.joins(Link(3));
    let topic = || Destination::topic("t");
    let likes = vec!["p LIKE '%aaaaaaaaaaaaaaaa_aab%'"; 200].join(" OR ");
    for number in 1..=100 {
        rig.listens(TWO, selecting(TWO, number, topic(), &likes));
    }
    rig.listens(Link(3), consumer(Link(3), 1, topic(), 1_000));
    rig.heard.clear();
    let text = "a".repeat(200_000);
    let properties = [("p", Value::Text(text.as_str().into()))];
    let heavy = with_properties(message(ONE, topic(), 1), &properties);
    // The sender and the other listener are done in one slice.
    let spent = rig.first_slice(ONE, heavy);
    assert!(spent < 2 * SLICE, "{spent}");
    assert!(!rig.broker.is_busy(ONE));
    // The rest is left to the clients that want it; that selectors are costly is known by then.
    let mut left = rig.broker.links_with_work();
    left.sort_unstable();
    assert_eq!(left, [TWO, Link(3)]);
    let longest = rig.longest_slice();
    assert!(longest < SLICE + OVERRUN, "{longest}");
    assert_eq!(rig.broker.counted().exhausted, 100);
    assert_eq!(rig.numbers(), [1]);
    let again = with_properties(message(ONE, topic(), 2), &properties);
    let spent = rig.first_slice(ONE, again);
    assert!(spent < SLICE / 2, "{spent}");
    assert_eq!(rig.numbers(), [2]);
}

#[test]
fn a_thousand_selectors_read_ten_thousand_properties_once_for_all() {
    let mut rig = rig();
    rig.joins(ONE);
    rig.joins(TWO);
    let topic = || Destination::topic("t");
    for number in 1..=1_000 {
        // Ten of them want it.
        let value = if number <= 10 { number } else { -1 };
        let wanted = format!("p{number} = {value}");
        rig.listens(TWO, selecting(TWO, number, topic(), &wanted));
    }
    rig.heard.clear();
    let many: Vec<(String, Value)> = (0..10_000)
        .map(|n| (format!("p{n}"), Value::Int(n)))
        .collect();
    let many: Vec<(&str, Value)> = many.iter().map(|(n, v)| (n.as_str(), v.clone())).collect();
    let heavy = with_properties(message(ONE, topic(), 1), &many);
    let before = rig.broker.spent();
    let spent = rig.first_slice(ONE, heavy);
    assert!(spent < 2 * SLICE, "{spent}");
    assert!(rig.longest_slice() < SLICE + OVERRUN);
    // A millisecond for reading them, and little for each consumer.
    let spent = rig.broker.spent() - before;
    assert!(spent < 160_000 + 1_000 * 150, "{spent}");
    // Each is asked.
    assert_eq!(rig.numbers(), [1; 10]);
    // More values than selectors read are none for them.
    let nulls = Value::List(vec![Value::Null; 30_000]);
    let many = [("p1", Value::Int(1)), ("list", nulls)];
    let heavy = with_properties(message(ONE, topic(), 2), &many);
    let spent = rig.first_slice(ONE, heavy);
    assert!(spent < 2 * SLICE, "{spent}");
    rig.longest_slice();
    assert_eq!(rig.numbers(), NONE);
}

#[test]
fn a_consumer_examines_what_is_not_for_it_once_however_often_it_asks() {
    let mut rig = rig_with(|settings| settings.memory = 1 << 30);
    rig.joins(ONE);
    rig.joins(TWO);
    for number in 1..=5_000 {
        rig.sends(ONE, queue(), number);
    }
    for number in 1..=20 {
        rig.listens(TWO, selecting(TWO, number, queue(), "JMSType = 'none'"));
    }
    let control = || {
        Command::ConsumerControl(ConsumerControl {
            consumer_id: Some(consumer_id(TWO, 1)),
            prefetch: 10,
            ..ConsumerControl::default()
        })
    };
    for _ in 0..20 {
        let spent = rig.first_slice(TWO, control());
        assert!(spent < 500, "{spent}");
    }
    // What comes for it is found all the same, and what comes back is looked at again.
    let mut wanted = message(ONE, queue(), 5_001);
    wanted.headers.jms_type = Some("none".into());
    rig.tells(ONE, wanted);
    assert_eq!(rig.numbers(), [5_001]);
    rig.removes_consumer(TWO, 1, -1);
    assert_eq!(rig.numbers(), [5_001]);
}

#[test]
fn what_a_group_or_an_exclusive_consumer_kept_from_others_is_for_them_once_it_is_gone() {
    let mut rig = rig();
    rig.joins(ONE);
    rig.joins(TWO);
    let grouped = |number: i64| {
        let mut message = message(ONE, queue(), number);
        message.headers.group_id = Some("g".into());
        message
    };
    rig.listens(ONE, consumer(ONE, 1, queue(), 1));
    rig.tells(ONE, grouped(1));
    rig.tells(ONE, grouped(2));
    rig.listens(TWO, consumer(TWO, 2, queue(), 10));
    rig.sends(ONE, queue(), 3);
    // 2 waits for the one that has the group.
    assert_eq!(rig.dispatches(), [(1, 1, 0), (2, 3, 0)]);
    rig.removes_consumer(ONE, 1, -1);
    assert_eq!(rig.dispatches(), [(2, 1, 0), (2, 2, 0)]);
    let mut exclusive = consumer(ONE, 3, queue(), 1);
    exclusive.exclusive = true;
    rig.listens(ONE, exclusive);
    for number in 4..=6 {
        rig.sends(ONE, queue(), number);
    }
    assert_eq!(rig.dispatches(), [(3, 4, 0)]);
    rig.removes_consumer(ONE, 3, -1);
    assert_eq!(rig.dispatches(), [(2, 4, 0), (2, 5, 0), (2, 6, 0)]);
}

#[test]
fn a_client_with_thousands_of_things_goes_a_slice_at_a_time_and_may_be_back_meanwhile() {
    let mut rig = rig_with(|settings| settings.memory = 1 << 30);
    rig.joins(ONE);
    rig.joins(TWO);
    for number in 1..=5_000 {
        let to = Destination::topic(format!("t{}", number % 50).as_str());
        rig.listens(ONE, consumer(ONE, number, to, 10));
    }
    let number =
        |n: usize| Destination::new(DestinationKind::TempQueue, format!("c1:{n}").as_str());
    for n in 0..2_000 {
        let add = DestinationInfo {
            destination: Some(number(n)),
            ..DestinationInfo::default()
        };
        rig.asks(ONE, add).unwrap();
    }
    rig.heard.clear();
    let before = rig.broker.spent();
    rig.broker.closed(ONE, rig.now);
    assert!(rig.broker.spent() - before < SLICE + OVERRUN);
    assert!(rig.broker.is_busy(ONE));
    // The same client on another socket: it is connected once the old one is gone.
    rig.broker.opened(Link(3), "127.0.0.1:3".to_owned());
    rig.first_slice(Link(3), connection(ONE));
    assert!(rig.broker.is_busy(Link(3)) && !rig.broker.is_connected(Link(3)));
    assert!(rig.longest_slice() < SLICE + OVERRUN);
    assert!(rig.broker.is_connected(Link(3)) && !rig.broker.is_busy(Link(3)));
    assert_eq!(
        (rig.broker.consumers.len(), rig.broker.temporaries.len()),
        (0, 0)
    );
}

#[test]
fn a_large_commit_is_carried_out_a_slice_at_a_time_and_answered_at_its_end() {
    let mut rig = rig_with(|settings| settings.memory = 1 << 30);
    rig.joins(ONE);
    rig.joins(TWO);
    rig.listens(TWO, consumer(TWO, 1, queue(), 100_000));
    rig.transacts(ONE, TransactionStep::Begin).unwrap();
    for number in 1..=2_000 {
        let mut sent = message(ONE, queue(), number);
        sent.transaction_id = Some(transaction(ONE));
        rig.tells(ONE, sent);
    }
    let commit = TransactionInfo {
        transaction_id: Some(transaction(ONE)),
        step: TransactionStep::CommitOnePhase.into(),
        ..TransactionInfo::default()
    };
    let spent = rig.first_slice(ONE, Command::TransactionInfo(commit));
    assert!(spent < SLICE + OVERRUN && rig.broker.is_busy(ONE));
    let answered = |rig: &Rig| {
        let mut commands = rig.heard.iter();
        commands.any(|(_, command)| matches!(command, Command::Response(_)))
    };
    assert!(!answered(&rig));
    assert!(rig.longest_slice() < SLICE + OVERRUN);
    assert!(answered(&rig));
    assert_eq!(rig.numbers(), (1..=2_000).collect::<Vec<_>>());
    // A client that goes in the middle of its commit has committed.
    rig.transacts(ONE, TransactionStep::Begin).unwrap();
    for number in 2_001..=4_000 {
        let mut sent = message(ONE, queue(), number);
        sent.transaction_id = Some(transaction(ONE));
        rig.tells(ONE, sent);
    }
    let commit = TransactionInfo {
        transaction_id: Some(transaction(ONE)),
        step: TransactionStep::CommitOnePhase.into(),
        ..TransactionInfo::default()
    };
    rig.first_slice(ONE, Command::TransactionInfo(commit));
    rig.broker.closed(ONE, rig.now);
    rig.drain();
    assert_eq!(rig.numbers().len(), 2_000);
    assert!(rig.broker.connections.len() == 1);
}

/// Has a client hold one thing more, by its number; `false` if it is refused.
type Hold = fn(&mut Rig, i64) -> bool;

/// What a client can make the broker hold, one more at a time.
fn holdings() -> Vec<(&'static str, Hold)> {
    vec![
        ("messages with long paths", |rig, n| {
            let mut sent = message(ONE, Destination::queue(format!("q{}", n % 8).as_str()), n);
            let id = BrokerId {
                value: Some("x".repeat(30_000).as_str().into()),
            };
            sent.headers.broker_path = Some(vec![id; 30]);
            rig.asks(ONE, sent).is_ok()
        }),
        ("messages in a transaction", |rig, n| {
            if n == 1 {
                rig.transacts(ONE, TransactionStep::Begin).unwrap();
            }
            let mut sent = message(ONE, queue(), n);
            sent.transaction_id = Some(transaction(ONE));
            sent.content = Some(vec![0; 10_000].into());
            rig.asks(ONE, sent).is_ok()
        }),
        ("selectors", |rig, n| {
            let selector = format!("a IN ({})", vec!["'xxxxxxxx'"; 2_000].join(","));
            let info = selecting(ONE, n, Destination::topic("t"), &selector);
            rig.asks(ONE, Command::ConsumerInfo(info)).is_ok()
        }),
        ("producers", |rig, n| {
            let name = format!("{}{n}", "x".repeat(1_000));
            let producer = ProducerInfo {
                producer_id: Some(ProducerId {
                    value: 1_000 + n,
                    ..producer_id(ONE)
                }),
                destination: Some(Destination::queue(name.as_str())),
                ..ProducerInfo::default()
            };
            rig.asks(ONE, producer).is_ok()
        }),
        ("sessions", |rig, n| {
            let session = SessionInfo {
                session_id: Some(SessionId {
                    connection_id: Some(name(ONE)),
                    value: 1_000 + n,
                }),
                ..SessionInfo::default()
            };
            rig.asks(ONE, session).is_ok()
        }),
        ("queues", |rig, n| {
            let name = format!("{}{n}", "x".repeat(1_000));
            let add = DestinationInfo {
                destination: Some(Destination::queue(name.as_str())),
                ..DestinationInfo::default()
            };
            rig.asks(ONE, add).is_ok()
        }),
        ("temporary destinations", |rig, n| {
            let name = format!("c1:{n}");
            let add = DestinationInfo {
                destination: Some(Destination::new(DestinationKind::TempQueue, name.as_str())),
                ..DestinationInfo::default()
            };
            rig.asks(ONE, add).is_ok()
        }),
        ("pulls", |rig, n| {
            let to = Destination::queue(format!("q{}", n / 1_000).as_str());
            let by = 1 + n / 1_000;
            if n % 1_000 == 1 || n == 1 {
                let info = consumer(ONE, by, to.clone(), 0);
                if rig.asks(ONE, Command::ConsumerInfo(info)).is_err() {
                    return false;
                }
            }
            let pull = MessagePull {
                consumer_id: Some(consumer_id(ONE, by)),
                destination: Some(to),
                timeout: 1_000_000 + n,
                ..MessagePull::default()
            };
            rig.asks(ONE, Command::MessagePull(pull)).is_ok()
        }),
        ("transactions", |rig, n| {
            let begin = TransactionInfo {
                transaction_id: Some(TransactionId::Local(LocalTransactionId {
                    value: n,
                    connection_id: Some(ConnectionId {
                        value: Some(name(ONE)),
                    }),
                })),
                step: TransactionStep::Begin.into(),
                ..TransactionInfo::default()
            };
            rig.asks(ONE, Command::TransactionInfo(begin)).is_ok()
        }),
        ("copies for many listeners that take nothing", |rig, n| {
            if n <= 500 {
                let info = consumer(ONE, n, Destination::topic("t"), 1);
                return rig.asks(ONE, Command::ConsumerInfo(info)).is_ok();
            }
            let dropped = rig.broker.counted().dropped;
            rig.asks(TWO, message(TWO, Destination::topic("t"), n))
                .is_ok()
                && rig.broker.counted().dropped == dropped
        }),
    ]
}

#[test]
fn everything_that_a_client_can_make_the_broker_hold_has_a_bound_and_is_given_back() {
    for (what, hold) in holdings() {
        let memory = 4 << 20;
        let mut rig = rig_with(|settings| settings.memory = memory);
        rig.joins(ONE);
        rig.joins_as(
            TWO,
            Identity {
                user: Some("ann".into()),
                ..Identity::default()
            },
        );
        let before = rig.broker.memory();
        let taken = (1..100_000).take_while(|n| hold(&mut rig, *n)).count();
        assert!((1..99_000).contains(&taken), "{what}: {taken}");
        // A quarter is one connection's, whoever sent what it keeps.
        assert!(rig.broker.memory() <= memory / 2, "{what}");
        // Others go on.
        rig.asks(TWO, message(TWO, Destination::queue("other"), 1))
            .unwrap();
        rig.listens(TWO, consumer(TWO, 2, Destination::queue("other"), 10));
        rig.acks(TWO, 2, AckType::Individual, None, 1);
        rig.broker.closed(ONE, rig.now);
        rig.drain();
        rig.broker.queues.clear();
        rig.broker.cut = Default::default();
        rig.broker.tick(rig.now);
        let ones = rig.broker.memory().saturating_sub(before);
        assert!(ones < 10_000, "{what}: {ones} bytes are left");
        assert!(rig.broker.deadlines.is_empty(), "{what}");
    }
}

#[test]
fn a_flood_of_commands_waits_outside_and_those_of_others_find_room() {
    let commands = || Destination::queue("Connector1");
    let mut rig = rig_with(|settings| {
        settings.command_queue = Some(Destination::queue("Connector1"));
        settings.command_share = 10;
    });
    let inside = Identity {
        inside: true,
        ..Identity::default()
    };
    rig.joins_as(Link(9), inside);
    rig.joins(ONE);
    rig.joins(TWO);
    for number in 1..=10 {
        rig.sends(ONE, commands(), number);
    }
    // The next one waits, and with it everything that its client sends after it.
    rig.first_slice(ONE, message(ONE, commands(), 11));
    assert!(rig.broker.is_busy(ONE) && !rig.broker.has_work(ONE));
    rig.sends(TWO, commands(), 1);
    assert!(!rig.broker.is_busy(TWO));
    rig.heard.clear();
    rig.listens(Link(9), consumer(Link(9), 1, commands(), 1));
    assert_eq!(rig.numbers(), [1]);
    // A place is free again: it goes on, and is answered.
    assert!(!rig.broker.is_busy(ONE));
    assert_eq!(rig.broker.commands(), 11);
    // One that goes while its message waits takes it along.
    rig.first_slice(ONE, message(ONE, commands(), 12));
    rig.broker.closed(ONE, rig.now);
    rig.drain();
    assert_eq!(rig.broker.commands(), 11);
    assert!(rig.broker.tasks.is_empty());
}
