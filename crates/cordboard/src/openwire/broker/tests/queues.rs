//! Queues: order, turns, windows, what comes again. [openwire §7.4, §7.5, §7.10]

use super::*;

#[test]
fn ow_36_headers_come_through_as_they_were_sent() {
    let mut rig = rig();
    rig.joins(ONE);
    rig.listens(ONE, consumer(ONE, 1, queue(), 10));
    rig.heard.clear();
    let mut sent = message(ONE, queue(), 1);
    sent.jms_type = Some("Hello#c1".into());
    sent.correlation_id = Some("k".into());
    sent.reply_to = Some(Destination::topic("replies"));
    sent.priority = 7;
    sent.timestamp = rig.now;
    sent.expiration = rig.now + 5_000;
    rig.tells(ONE, sent.clone());
    let Some((ONE, Command::MessageDispatch(dispatch))) = rig.heard.pop() else {
        panic!("{:?}", rig.heard);
    };
    let mut got = Message::clone(dispatch.message.as_ref().unwrap());
    assert_eq!(
        (dispatch.redelivery_counter, got.broker_in_time),
        (0, rig.now)
    );
    // What the broker adds.
    (got.broker_in_time, got.broker_out_time) = (0, 0);
    got.headers.message_id.as_mut().unwrap().broker_sequence_id = 0;
    (got.command_id, sent.command_id) = (0, 0);
    assert_eq!(got, sent);
}

#[test]
fn ow_37_a_queue_keeps_its_order_and_each_message_comes_once() {
    let mut rig = rig();
    rig.joins(ONE);
    rig.listens(ONE, consumer(ONE, 1, queue(), 1000));
    for number in 0..1000 {
        rig.sends(ONE, queue(), number);
    }
    assert_eq!(rig.numbers(), (0..1000).collect::<Vec<_>>());
}

#[test]
fn ow_38_two_consumers_take_turns() {
    let mut rig = rig();
    rig.joins(ONE);
    rig.listens(ONE, consumer(ONE, 1, queue(), 1));
    rig.listens(ONE, consumer(ONE, 2, queue(), 1));
    for number in 0..20 {
        rig.sends(ONE, queue(), number);
    }
    let mut seen: Vec<(i64, i64)> = Vec::new();
    while seen.len() < 20 {
        let news = rig.dispatches();
        assert!(!news.is_empty(), "{seen:?}");
        for (by, number, _) in news {
            seen.push((by, number));
            rig.acks(ONE, by, AckType::Standard, Some(number), number);
        }
    }
    let numbers: Vec<i64> = seen.iter().map(|(_, number)| *number).collect();
    assert_eq!(numbers, (0..20).collect::<Vec<_>>());
    assert_eq!(seen.iter().filter(|(by, _)| *by == 1).count(), 10);
}

#[test]
fn ow_39_the_window_opens_as_acknowledgements_come() {
    let mut rig = rig();
    rig.joins(ONE);
    rig.listens(ONE, consumer(ONE, 1, queue(), 3));
    for number in 0..10 {
        rig.sends(ONE, queue(), number);
    }
    assert_eq!(rig.numbers(), [0, 1, 2]);
    for (kind, first, last, next) in [
        (AckType::Standard, Some(0), 0, vec![3]),
        (AckType::Delivered, Some(1), 2, vec![4, 5]),
        (AckType::Delivered, Some(3), 3, vec![6]),
        (AckType::Standard, Some(1), 3, vec![]),
        (AckType::Individual, None, 6, vec![7]),
    ] {
        rig.acks(ONE, 1, kind, first, last);
        assert_eq!(rig.numbers(), next, "{kind:?} {last}");
    }
    let control = ConsumerControl {
        consumer_id: Some(consumer_id(ONE, 1)),
        prefetch: 5,
        ..ConsumerControl::default()
    };
    rig.tells(ONE, Command::ConsumerControl(control));
    assert_eq!(rig.numbers(), [8, 9]);
}

#[test]
fn ow_40_what_a_client_did_not_acknowledge_comes_again_with_its_counter() {
    let mut rig = rig();
    rig.joins(ONE);
    rig.listens(ONE, consumer(ONE, 1, queue(), 10));
    for number in 1..=4 {
        rig.sends(ONE, queue(), number);
    }
    // Three were given to the program, which acknowledged at the second: the first two.
    rig.acks(ONE, 1, AckType::Standard, Some(1), 2);
    rig.removes_consumer(ONE, 1, 3);
    rig.heard.clear();
    rig.listens(ONE, consumer(ONE, 2, queue(), 10));
    assert_eq!(rig.dispatches(), [(2, 3, 1), (2, 4, 0)]);
}

#[test]
fn ow_41_what_was_not_acknowledged_goes_to_the_next() {
    let mut rig = rig();
    rig.joins(ONE);
    rig.listens(ONE, consumer(ONE, 1, queue(), 10));
    for number in 1..=3 {
        rig.sends(ONE, queue(), number);
    }
    rig.acks(ONE, 1, AckType::Individual, None, 2);
    rig.removes_consumer(ONE, 1, UNKNOWN_DELIVERED);
    rig.heard.clear();
    rig.listens(ONE, consumer(ONE, 2, queue(), 10));
    assert_eq!(rig.dispatches(), [(2, 1, 1), (2, 3, 1)]);
}

#[test]
fn ow_42_the_redelivery_counter_counts_what_the_program_was_given() {
    for (delivered, expected) in [
        (Some(1), [1, 0, 0]),
        (Some(-1), [0, 0, 0]),
        (Some(0), [0, 0, 0]),
        (Some(UNKNOWN_DELIVERED), [1, 1, 1]),
        (Some(3), [1, 1, 1]),
        (None, [1, 1, 1]),
    ] {
        let mut rig = rig();
        rig.joins(ONE);
        rig.joins(TWO);
        rig.listens(TWO, consumer(TWO, 1, queue(), 10));
        for number in 1..=3 {
            rig.sends(ONE, queue(), number);
        }
        match delivered {
            Some(delivered) => rig.removes_consumer(TWO, 1, delivered),
            None => rig.broker.closed(TWO, rig.now),
        }
        rig.heard.clear();
        rig.listens(ONE, consumer(ONE, 2, queue(), 10));
        let counters: Vec<(i64, i32)> = rig
            .dispatches()
            .iter()
            .map(|(_, n, counter)| (*n, *counter))
            .collect();
        let expected: Vec<(i64, i32)> = (1..=3).zip(expected).collect();
        assert_eq!(counters, expected, "{delivered:?}");
    }
}

#[test]
fn ow_43_what_nobody_could_take_is_kept_if_it_was_to_last() {
    let mut rig = rig();
    rig.joins(ONE);
    rig.listens(ONE, consumer(ONE, 1, queue(), 10));
    for (number, persistent) in [(1, true), (2, false), (3, true), (4, false)] {
        let mut message = message(ONE, queue(), number);
        message.persistent = persistent;
        message.expiration = rig.now + 5_000;
        rig.tells(ONE, message);
    }
    rig.acks(ONE, 1, AckType::Poison, Some(1), 2);
    rig.acks(ONE, 1, AckType::Expired, Some(3), 4);
    rig.heard.clear();
    rig.listens(
        ONE,
        consumer(ONE, 2, Destination::queue("ActiveMQ.DLQ"), 10),
    );
    let buried: Vec<Arc<Message>> = rig
        .heard
        .iter()
        .filter_map(|(_, command)| match command {
            Command::MessageDispatch(dispatch) => dispatch.message.clone(),
            _ => None,
        })
        .collect();
    assert_eq!(rig.numbers(), [1, 3]);
    for message in buried {
        assert_eq!(message.original_destination, Some(queue()));
        assert_eq!(message.expiration, 0);
        let properties = message.properties().unwrap();
        assert!(properties.get("dlqDeliveryFailureCause").is_some());
        assert!(properties.get("originalExpiration").is_some());
    }
}

#[test]
fn ow_44_what_came_too_late_is_not_delivered_and_what_is_behind_it_is() {
    let mut rig = rig();
    rig.joins(ONE);
    for (number, ttl) in [(1, 300), (2, 10_000)] {
        let mut message = message(ONE, queue(), number);
        message.expiration = rig.now + ttl;
        rig.tells(ONE, message);
    }
    rig.now += 900;
    rig.listens(ONE, consumer(ONE, 1, queue(), 10));
    assert_eq!(rig.numbers(), [2]);
}

#[test]
fn ow_45_what_is_too_late_when_it_is_sent_is_answered_and_never_delivered() {
    let mut rig = rig();
    rig.joins(ONE);
    rig.listens(ONE, consumer(ONE, 1, queue(), 10));
    let mut late = message(ONE, queue(), 1);
    late.expiration = rig.now;
    rig.asks(ONE, late).unwrap();
    assert_eq!(rig.numbers(), NONE);
}

#[test]
fn ow_57_what_a_selector_passes_over_stays_in_its_order() {
    let mut rig = rig();
    rig.joins(ONE);
    for number in 1..=4 {
        let mut message = message(ONE, queue(), number);
        message.priority = i8::try_from(number % 2).unwrap();
        rig.tells(ONE, message);
    }
    let odd = ConsumerInfo {
        selector: Some("JMSPriority = 1".into()),
        ..consumer(ONE, 1, queue(), 10)
    };
    rig.listens(ONE, odd);
    rig.listens(ONE, consumer(ONE, 2, queue(), 10));
    assert_eq!(
        rig.dispatches(),
        [(1, 1, 0), (1, 3, 0), (2, 2, 0), (2, 4, 0)]
    );
}

#[test]
fn ow_60_a_browser_sees_all_of_a_queue_and_its_end_and_takes_nothing() {
    let mut rig = rig();
    rig.joins(ONE);
    let browser = |number, prefetch| ConsumerInfo {
        browser: true,
        ..consumer(ONE, number, queue(), prefetch)
    };
    rig.listens(ONE, browser(1, 10));
    assert_eq!(rig.numbers(), [-1]);
    for number in 1..=5 {
        rig.sends(ONE, queue(), number);
    }
    // In the hands of another, one of them.
    rig.listens(ONE, consumer(ONE, 2, queue(), 1));
    rig.heard.clear();
    rig.listens(ONE, browser(3, 10));
    assert_eq!(rig.numbers(), [1, 2, 3, 4, 5, -1]);
    rig.listens(ONE, browser(4, 2));
    assert_eq!(rig.numbers(), [1, 2]);
    rig.acks(ONE, 4, AckType::Delivered, Some(1), 2);
    assert_eq!(rig.numbers(), [3, 4]);
    rig.acks(ONE, 4, AckType::Standard, Some(1), 4);
    assert_eq!(rig.numbers(), [5, -1]);
    rig.acks(ONE, 2, AckType::Standard, Some(1), 1);
    assert_eq!(rig.numbers(), [2]);
}

#[test]
fn ow_61_a_consumer_without_prefetch_gets_a_message_for_each_pull() {
    let mut rig = rig();
    rig.joins(ONE);
    rig.listens(ONE, consumer(ONE, 1, queue(), 0));
    let pull = |timeout| {
        Command::MessagePull(MessagePull {
            consumer_id: Some(consumer_id(ONE, 1)),
            timeout,
            ..MessagePull::default()
        })
    };
    rig.tells(ONE, pull(-1));
    assert_eq!(rig.numbers(), [-1]);
    rig.tells(ONE, pull(500));
    assert_eq!(rig.broker.next_deadline(), Some(rig.now + 500));
    rig.broker.tick(rig.now + 499);
    rig.drain();
    assert_eq!(rig.numbers(), NONE);
    rig.broker.tick(rig.now + 500);
    rig.drain();
    assert_eq!(rig.numbers(), [-1]);
    rig.tells(ONE, pull(0));
    assert_eq!(rig.numbers(), NONE);
    rig.sends(ONE, queue(), 1);
    rig.sends(ONE, queue(), 2);
    assert_eq!(rig.numbers(), [1]);
}

#[test]
fn ow_62_exclusive_and_better_consumers_groups_and_virtual_topics() {
    let mut rig = rig();
    rig.joins(ONE);
    rig.joins(TWO);
    let with = |number, change: fn(&mut ConsumerInfo)| {
        let mut info = consumer(ONE, number, queue(), 2);
        change(&mut info);
        info
    };
    // The first exclusive one has all, and then the next.
    rig.listens(ONE, with(1, |_| {}));
    rig.listens(ONE, with(2, |info| info.exclusive = true));
    rig.listens(ONE, with(3, |info| info.exclusive = true));
    for number in 1..=3 {
        rig.sends(ONE, queue(), number);
    }
    assert_eq!(rig.dispatches(), [(2, 1, 0), (2, 2, 0)]);
    rig.removes_consumer(ONE, 2, -1);
    assert_eq!(rig.dispatches(), [(3, 1, 0), (3, 2, 0)]);

    // A better one has all while it has room.
    let mut rig = self::rig();
    rig.joins(ONE);
    rig.listens(ONE, with(1, |_| {}));
    rig.listens(ONE, with(2, |info| info.priority = 5));
    for number in 1..=3 {
        rig.sends(ONE, queue(), number);
    }
    assert_eq!(rig.dispatches(), [(2, 1, 0), (2, 2, 0), (1, 3, 0)]);

    // Each group has its consumer, and another when that one goes.
    let mut rig = self::rig();
    rig.joins(ONE);
    rig.listens(ONE, with(1, |info| info.prefetch_size = 9));
    rig.listens(ONE, with(2, |info| info.prefetch_size = 9));
    for (number, group) in [(1, "a"), (2, "b"), (3, "a"), (4, "a"), (5, "b")] {
        let mut message = message(ONE, queue(), number);
        message.group_id = Some(group.into());
        rig.tells(ONE, message);
    }
    let expected = [(1, 1, 0), (2, 2, 0), (1, 3, 0), (1, 4, 0), (2, 5, 0)];
    assert_eq!(rig.dispatches(), expected);
    rig.removes_consumer(ONE, 1, -1);
    assert_eq!(rig.dispatches(), [(2, 1, 0), (2, 3, 0), (2, 4, 0)]);

    // Nobody hears himself who does not want to.
    let mut rig = self::rig();
    rig.joins(ONE);
    rig.joins(TWO);
    let mut deaf = consumer(ONE, 1, Destination::topic("t"), 9);
    deaf.no_local = true;
    rig.listens(ONE, deaf);
    rig.sends(ONE, Destination::topic("t"), 1);
    rig.sends(TWO, Destination::topic("t"), 2);
    assert_eq!(rig.dispatches(), [(1, 2, 0)]);

    // Queues that listen to a topic.
    let copied = Destination::queue("Consumer.A.VirtualTopic.x");
    rig.listens(ONE, consumer(ONE, 2, copied.clone(), 9));
    rig.heard.clear();
    rig.sends(ONE, Destination::topic("VirtualTopic.x"), 3);
    let Some((ONE, Command::MessageDispatch(dispatch))) = rig.heard.first() else {
        panic!("{:?}", rig.heard);
    };
    let message = dispatch.message.as_ref().unwrap();
    assert_eq!(message.destination, Some(copied));
    let topic = Some(Destination::topic("VirtualTopic.x"));
    assert_eq!(message.original_destination, topic);
}

#[test]
fn ow_74_a_full_queue_refuses_and_the_others_go_on() {
    let mut rig = rig_with(|settings| settings.queue_messages = 2);
    rig.joins(ONE);
    for number in 1..=2 {
        rig.asks(ONE, message(ONE, queue(), number)).unwrap();
    }
    let full = rig.asks(ONE, message(ONE, queue(), 3));
    assert_eq!(full.unwrap_err().0, "javax.jms.ResourceAllocationException");
    rig.asks(ONE, message(ONE, Destination::queue("other"), 4))
        .unwrap();
}

#[test]
fn ow_75_a_listener_that_never_acknowledges_is_sent_no_more_than_it_may_have() {
    let mut rig = rig_with(|settings| {
        settings.queue_bytes = 3 << 20;
        settings.memory = 256 << 20;
    });
    rig.joins(ONE);
    rig.listens(ONE, consumer(ONE, 1, Destination::topic("t"), 32_767));
    for number in 1..=40 {
        let mut message = message(ONE, Destination::topic("t"), number);
        message.content = Some(vec![0; 1 << 20].into());
        rig.tells(ONE, message);
    }
    // Sixteen at the client, two that wait.
    assert_eq!(
        (rig.numbers().len(), rig.broker.counted().dropped),
        (16, 22)
    );
    rig.acks(ONE, 1, AckType::Standard, Some(1), 16);
    assert_eq!(rig.numbers(), [39, 40]);
}

#[test]
fn a_queue_that_nobody_uses_is_forgotten_after_a_minute_and_one_with_messages_is_not() {
    let mut rig = rig();
    rig.joins(ONE);
    for (number, name) in ["full", "read"].into_iter().enumerate() {
        let number = i64::try_from(number).unwrap() + 1;
        rig.sends(ONE, Destination::queue(name), number);
    }
    rig.listens(ONE, consumer(ONE, 1, Destination::queue("read"), 1));
    rig.acks(ONE, 1, AckType::Standard, None, 2);
    rig.broker.tick(rig.now);
    rig.removes_consumer(ONE, 1, -1);
    for seconds in [1, 60, 61] {
        assert_eq!(rig.broker.queues.len(), 2, "{seconds}");
        rig.broker.tick(rig.now + seconds * 1_000);
    }
    let left: Vec<String> = rig.broker.queues.keys().map(ToString::to_string).collect();
    assert_eq!(left, ["queue://full"]);
}
