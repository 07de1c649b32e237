//! What is bounded over all clients, and in which order is given up. [openwire §7.12]

use super::*;
use crate::openwire::broker::GOODBYE;

/// A message of about this many kilobytes.
fn heavy(link: Link, to: Destination, number: i64, kilobytes: usize) -> Message {
    let mut message = message(link, to, number);
    message.content = Some(vec![0; kilobytes * 1024].into());
    message
}

fn full(destination: &str) -> Result<(), (String, String)> {
    refused(
        "javax.jms.ResourceAllocationException",
        &format!("Usage Manager Memory Limit reached on {destination}."),
    )
}

/// Room for ten messages of a hundred kilobytes, and little else.
const TEN: usize = 10 * 101 * 1024 + 20_000;

fn inside() -> Identity {
    Identity {
        inside: true,
        ..Identity::default()
    }
}

#[test]
fn all_messages_together_have_a_bound_and_a_queue_keeps_what_it_has() {
    let mut rig = rig_with(|settings| settings.memory = TEN);
    // In this process, so that no share of its own is in the way.
    rig.joins_as(ONE, inside());
    for number in 1..=9 {
        rig.asks(ONE, heavy(ONE, queue(), number, 100)).unwrap();
    }
    let other = Destination::queue("other");
    rig.asks(ONE, heavy(ONE, other.clone(), 10, 100)).unwrap();
    rig.heard.clear();
    assert_eq!(
        rig.asks(ONE, heavy(ONE, other, 11, 100)),
        full("queue://other")
    );
    assert_eq!(rig.broker.memory() / 102_400, 10);
    rig.listens(ONE, consumer(ONE, 1, queue(), 100));
    assert_eq!(rig.numbers(), (1..=9).collect::<Vec<_>>());
    rig.now += 1;
    rig.acks(ONE, 1, AckType::Standard, Some(1), 9);
    assert_eq!(rig.broker.memory() / 102_400, 1);
    rig.asks(ONE, heavy(ONE, queue(), 12, 100)).unwrap();
}

#[test]
fn what_expired_goes_first_then_what_waits_for_topics_then_what_they_did_not_acknowledge() {
    let mut rig = rig_with(|settings| settings.memory = TEN);
    rig.joins_as(ONE, inside());
    rig.joins(TWO);
    let topic = || Destination::topic("t");
    rig.listens(TWO, consumer(TWO, 1, topic(), 4));
    for number in 1..=7 {
        rig.asks(ONE, heavy(ONE, topic(), number, 100)).unwrap();
    }
    for number in 8..=10 {
        let mut mortal = heavy(ONE, queue(), number, 100);
        mortal.expiration = rig.now + 5;
        rig.asks(ONE, mortal).unwrap();
    }
    // Four are at the topic's listener, three wait for it; three in the queue are about to expire.
    assert_eq!(rig.numbers(), [1, 2, 3, 4]);
    let counted = |rig: &Rig| {
        let counted = rig.broker.counted();
        (
            counted.expired,
            counted.dropped,
            rig.broker.memory() / 102_400,
        )
    };
    assert_eq!(counted(&rig), (0, 0, 10));
    rig.now += 5;
    rig.asks(ONE, heavy(ONE, queue(), 11, 100)).unwrap();
    assert_eq!(counted(&rig), (3, 0, 8));
    for number in 12..=13 {
        rig.asks(ONE, heavy(ONE, queue(), number, 100)).unwrap();
    }
    assert_eq!(counted(&rig), (3, 0, 10));
    rig.asks(ONE, heavy(ONE, queue(), 14, 100)).unwrap();
    assert_eq!(counted(&rig), (3, 2, 9));
    for number in 15..=16 {
        rig.asks(ONE, heavy(ONE, queue(), number, 100)).unwrap();
    }
    assert_eq!(counted(&rig), (3, 3, 10));
    // Now only what the listener has is left to be forgotten: it can still acknowledge it.
    rig.asks(ONE, heavy(ONE, queue(), 17, 100)).unwrap();
    assert_eq!(counted(&rig), (3, 3, 7));
    for number in 18..=20 {
        rig.asks(ONE, heavy(ONE, queue(), number, 100)).unwrap();
    }
    let refusal = rig.asks(ONE, heavy(ONE, queue(), 21, 100));
    assert_eq!(refusal, full("queue://q"));
    rig.heard.clear();
    rig.acks(TWO, 1, AckType::Standard, Some(1), 4);
    rig.listens(ONE, consumer(ONE, 2, queue(), 100));
    let queued = [11, 12, 13, 14, 15, 16, 17, 18, 19, 20];
    assert_eq!(rig.numbers(), queued);
}

#[test]
fn a_client_that_takes_nothing_is_sent_nothing_and_others_go_on() {
    let mut rig = rig_with(|settings| settings.backlog = 3);
    rig.joins(ONE);
    rig.joins(TWO);
    let topic = || Destination::topic("t");
    rig.listens(ONE, consumer(ONE, 1, topic(), 1000));
    rig.listens(TWO, consumer(TWO, 2, topic(), 1000));
    rig.broker.set_room(TWO, false, rig.now);
    for number in 1..=5 {
        rig.sends(ONE, topic(), number);
    }
    // A consumer of such a client that comes later is no exception.
    rig.listens(TWO, consumer(TWO, 3, queue(), 1000));
    rig.sends(ONE, queue(), 6);
    assert_eq!(rig.numbers(), [1, 2, 3, 4, 5]);
    assert_eq!(rig.broker.counted().dropped, 2);
    rig.broker.set_room(TWO, true, rig.now);
    rig.drain();
    let expected = [(2, 3, 0), (2, 4, 0), (2, 5, 0), (3, 6, 0)];
    assert_eq!(rig.dispatches(), expected);
}

#[test]
fn ow_74_no_more_queues_than_there_may_be_however_they_would_come_to_be() {
    let mut rig = rig_with(|settings| settings.queues = 2);
    rig.joins(ONE);
    let named = Destination::queue;
    rig.sends(ONE, named("a"), 1);
    rig.listens(ONE, consumer(ONE, 1, named("b"), 1));
    let many = refused(
        "javax.jms.JMSException",
        "not supported by this broker: so many destinations",
    );
    assert_eq!(rig.asks(ONE, message(ONE, named("c"), 2)), many);
    let listens = Command::ConsumerInfo(consumer(ONE, 2, named("c"), 1));
    assert_eq!(rig.asks(ONE, listens), many);
    let add = Command::DestinationInfo(DestinationInfo {
        destination: Some(named("c")),
        operation_type: DestinationOperation::Add.into(),
        ..DestinationInfo::default()
    });
    assert_eq!(rig.asks(ONE, add), many);
    rig.sends(ONE, named("a"), 3);
}

#[test]
fn a_message_that_was_accepted_before_the_cut_is_not_accepted_again() {
    let mut rig = rig();
    rig.joins(ONE);
    let back = |rig: &mut Rig, failover: bool| {
        rig.broker.closed(ONE, rig.now);
        rig.broker.opened(ONE, "127.0.0.1:9".to_owned());
        let Command::ConnectionInfo(mut info) = connection(ONE) else {
            panic!("a connection");
        };
        info.failover_reconnect = failover;
        rig.asks(ONE, info).unwrap();
        let session = SessionInfo {
            session_id: Some(SessionId {
                connection_id: Some(name(ONE)),
                value: 1,
            }),
            ..SessionInfo::default()
        };
        rig.asks(ONE, session).unwrap();
        let producer = ProducerInfo {
            producer_id: Some(producer_id(ONE)),
            ..ProducerInfo::default()
        };
        rig.asks(ONE, producer).unwrap();
    };
    for number in [1, 2] {
        rig.sends(ONE, queue(), number);
    }
    back(&mut rig, true);
    // It did not hear that 2 was accepted.
    for number in [2, 3] {
        rig.asks(ONE, message(ONE, queue(), number)).unwrap();
    }
    // Cut again: what it knew of before is known still.
    back(&mut rig, true);
    for number in [1, 3, 4] {
        rig.asks(ONE, message(ONE, queue(), number)).unwrap();
    }
    assert_eq!(rig.broker.counted().repeated, 3);
    // A client that begins anew begins anew.
    back(&mut rig, false);
    rig.asks(ONE, message(ONE, queue(), 1)).unwrap();
    rig.listens(ONE, consumer(ONE, 1, queue(), 100));
    assert_eq!(rig.numbers(), [1, 2, 3, 4, 1]);
}

#[test]
fn what_was_refused_before_the_cut_may_come_again() {
    let mut rig = rig_with(|settings| settings.queue_messages = 1);
    rig.joins(ONE);
    rig.sends(ONE, queue(), 1);
    assert_eq!(rig.asks(ONE, message(ONE, queue(), 2)), full("queue://q"));
    rig.broker.opened(TWO, "127.0.0.1:9".to_owned());
    // It is back on another socket while the old one hangs.
    rig.asks(TWO, connection(ONE)).unwrap();
    assert_eq!(rig.closed, [ONE]);
    let session = SessionInfo {
        session_id: Some(SessionId {
            connection_id: Some(name(ONE)),
            value: 1,
        }),
        ..SessionInfo::default()
    };
    rig.asks(TWO, session).unwrap();
    let producer = ProducerInfo {
        producer_id: Some(producer_id(ONE)),
        ..ProducerInfo::default()
    };
    rig.asks(TWO, producer).unwrap();
    let mut listens = consumer(ONE, 1, queue(), 1);
    listens.prefetch_size = 10;
    rig.asks(TWO, Command::ConsumerInfo(listens)).unwrap();
    for number in [1, 2] {
        rig.asks(TWO, message(ONE, queue(), number)).unwrap();
    }
    assert_eq!(rig.numbers(), [1, 2]);
    assert_eq!(rig.broker.counted().repeated, 1);
}

#[test]
fn a_good_bye_closes_the_socket() {
    let mut rig = rig();
    rig.joins(ONE);
    let bye = cordboard_wire::openwire::ShutdownInfo::default();
    rig.broker.handle(ONE, bye.into(), rig.now);
    assert_eq!(rig.broker.poll(), Some(Output::Close(ONE, GOODBYE)));
}
