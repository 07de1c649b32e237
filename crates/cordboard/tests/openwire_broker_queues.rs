//! Queues over real sockets: order, windows, acknowledgements, transactions, what comes again. [openwire §7.4, §7.5, §7.9, §13.3]

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use common::openwire::{Raw, broker, number, removal, removal_after};
use cordboard_wire::openwire::{
    AckType, Command, ConsumerControl, Destination, Message, MessageDispatch, MessagePull, Text,
    TransactionId, TransactionInfo, TransactionStep, UNKNOWN_DELIVERED, Value,
};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

fn queue() -> Destination {
    Destination::queue("q")
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

/// A client that has sent itself these, and listens to the queue with this prefetch.
async fn with_messages(address: std::net::SocketAddr, last: i64, prefetch: i32) -> Raw {
    let mut raw = Raw::join(address, "one").await;
    let consumer = raw.consumer(1, queue(), prefetch);
    raw.ask(consumer).await.unwrap();
    for number in 0..=last {
        raw.send(queue(), number, "text").await;
    }
    raw
}

#[tokio::test]
async fn ow_36_headers_come_through_as_they_were_sent() {
    let (_server, address) = broker(|_| {}).await;
    let mut raw = Raw::join(address, "one").await;
    raw.listen(1, queue()).await;
    let mut sent = raw.message(queue(), 1, "body");
    sent.jms_type = Some("Hello#c1".into());
    sent.correlation_id = Some("k".into());
    sent.reply_to = Some(Destination::topic("replies"));
    sent.priority = 7;
    sent.timestamp = now_ms();
    sent.expiration = sent.timestamp + 5_000;
    raw.say(sent.clone()).await;
    let dispatch = raw.dispatch().await;
    let mut got = Message::clone(dispatch.message.as_ref().unwrap());
    // What the broker adds.
    assert!(got.broker_in_time >= sent.timestamp);
    (got.broker_in_time, got.broker_out_time) = (0, 0);
    let id = got.headers.message_id.as_mut().unwrap();
    assert!(std::mem::take(&mut id.broker_sequence_id) > 0);
    assert_eq!(got, sent);
    let expected = MessageDispatch {
        consumer_id: Some(raw.consumer_id(1)),
        destination: Some(queue()),
        message: dispatch.message.clone(),
        ..MessageDispatch::default()
    };
    assert_eq!(dispatch, expected);
}

#[tokio::test]
async fn ow_37_a_queue_keeps_its_order_and_each_message_comes_once() {
    let (_server, address) = broker(|_| {}).await;
    let mut raw = Raw::join(address, "one").await;
    for number in 0..1000 {
        let message = raw.message(queue(), number, "text");
        raw.say(message).await;
    }
    raw.listen(1, queue()).await;
    assert_eq!(raw.numbers().await, (0..1000).collect::<Vec<_>>());
}

#[tokio::test]
async fn ow_38_two_consumers_take_turns() {
    let (_server, address) = broker(|_| {}).await;
    let mut one = Raw::join(address, "one").await;
    let mut two = Raw::join(address, "two").await;
    for raw in [&mut one, &mut two] {
        let consumer = raw.consumer(1, queue(), 1);
        raw.ask(consumer).await.unwrap();
    }
    for number in 0..20 {
        one.send(queue(), number, "text").await;
    }
    let (mut seen, mut each) = (Vec::new(), [0, 0]);
    while seen.len() < 20 {
        for (raw, count) in [&mut one, &mut two].into_iter().zip(&mut each) {
            for dispatch in raw.dispatched().await {
                let message = dispatch.message.unwrap();
                seen.push(number(&message));
                *count += 1;
                raw.acknowledge(1, &message).await;
            }
        }
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..20).collect::<Vec<_>>());
    assert!(each.iter().all(|count| *count >= 5), "{each:?}");
}

#[tokio::test]
async fn ow_39_the_window_opens_as_acknowledgements_come() {
    let (_server, address) = broker(|_| {}).await;
    let mut raw = with_messages(address, 9, 3).await;
    assert_eq!(raw.numbers().await, [0, 1, 2]);
    for (kind, first, last, expected) in [
        (AckType::Standard, Some(0), 0, vec![3]),
        (AckType::Delivered, Some(1), 2, vec![4, 5]),
        (AckType::Delivered, Some(3), 3, vec![6]),
        (AckType::Standard, Some(1), 3, vec![]),
        (AckType::Individual, None, 6, vec![7]),
    ] {
        raw.acks(1, kind, first, last).await;
        assert_eq!(raw.numbers().await, expected, "{kind:?} {first:?} {last}");
    }
    let wider = ConsumerControl {
        consumer_id: Some(raw.consumer_id(1)),
        prefetch: 5,
        ..ConsumerControl::default()
    };
    raw.ask(wider).await.unwrap();
    assert_eq!(raw.numbers().await, [8, 9]);
}

#[tokio::test]
async fn ow_40_what_a_client_did_not_acknowledge_comes_again_with_its_counter() {
    let (_server, address) = broker(|_| {}).await;
    let mut raw = with_messages(address, 3, 10).await;
    let dispatched = raw.dispatched().await;
    raw.acks(1, AckType::Standard, Some(0), 1).await;
    // Three were given to the program.
    let third = dispatched[2].message.as_ref().unwrap();
    let third = third.message_id.as_ref().unwrap().broker_sequence_id;
    let gone = removal_after(raw.consumer_id(1), third);
    raw.ask(gone).await.unwrap();
    raw.listen(2, queue()).await;
    assert_eq!(raw.counters().await, [(2, 1), (3, 0)]);
}

#[tokio::test]
async fn ow_41_what_was_not_acknowledged_goes_to_the_next() {
    let (_server, address) = broker(|_| {}).await;
    let mut raw = with_messages(address, 2, 10).await;
    raw.numbers().await;
    raw.acks(1, AckType::Individual, None, 1).await;
    raw.ask(removal(raw.consumer_id(1))).await.unwrap();
    raw.listen(2, queue()).await;
    assert_eq!(raw.counters().await, [(0, 0), (2, 0)]);
}

#[tokio::test]
async fn ow_42_the_redelivery_counter_counts_what_the_program_was_given() {
    let (_server, address) = broker(|_| {}).await;
    // Which message was the last given to the program, or a number of its own.
    let cases: [(Result<usize, i64>, [i32; 3]); 5] = [
        (Ok(0), [1, 0, 0]),
        (Err(-1), [0, 0, 0]),
        (Err(0), [0, 0, 0]),
        (Err(UNKNOWN_DELIVERED), [1, 1, 1]),
        (Ok(2), [1, 1, 1]),
    ];
    for (delivered, expected) in cases {
        let mut raw = with_messages(address, 2, 10).await;
        let dispatched = raw.dispatched().await;
        let sequence = |at: usize| {
            let message = dispatched[at].message.as_ref().unwrap();
            message.message_id.as_ref().unwrap().broker_sequence_id
        };
        let delivered = delivered.map_or_else(|own| own, sequence);
        let gone = removal_after(raw.consumer_id(1), delivered);
        raw.ask(gone).await.unwrap();
        raw.listen(2, queue()).await;
        let expected: Vec<(i64, i32)> = (0..).zip(expected).collect();
        assert_eq!(raw.counters().await, expected, "{delivered}");
        raw.acks(2, AckType::Standard, Some(0), 2).await;
        raw.say(cordboard_wire::openwire::ShutdownInfo::default())
            .await;
        raw.until_closed().await;
    }
}

#[tokio::test]
async fn ow_42_a_socket_that_is_cut_counts_as_everything_given() {
    let (_server, address) = broker(|_| {}).await;
    let mut raw = with_messages(address, 2, 10).await;
    raw.numbers().await;
    raw.cut();
    let mut next = Raw::join(address, "two").await;
    next.listen(1, queue()).await;
    let mut counters = Vec::new();
    while counters.len() < 3 {
        let (message, counter) = next.received().await;
        counters.push((number(&message), counter));
    }
    assert_eq!(counters, [(0, 1), (1, 1), (2, 1)]);
}

#[tokio::test]
async fn ow_43_what_nobody_could_take_is_kept_if_it_was_to_last() {
    let (_server, address) = broker(|_| {}).await;
    let mut raw = Raw::join(address, "one").await;
    raw.listen(1, queue()).await;
    let expiration = now_ms() + 60_000;
    for (number, persistent) in [(1, true), (2, false), (3, true), (4, false)] {
        let mut message = raw.message(queue(), number, "text");
        message.persistent = persistent;
        message.expiration = expiration;
        raw.ask(message).await.unwrap();
    }
    raw.acks(1, AckType::Poison, Some(1), 2).await;
    raw.acks(1, AckType::Expired, Some(3), 4).await;
    raw.numbers().await;
    raw.listen(2, Destination::queue("ActiveMQ.DLQ")).await;
    let buried = raw.dispatched().await;
    for (dispatch, (expected, cause)) in buried.iter().zip([
        (1, "java.lang.Throwable: Delivered too often."),
        (3, "java.lang.Throwable: Message Expired."),
    ]) {
        let message = dispatch.message.as_ref().unwrap();
        assert_eq!(number(message), expected);
        assert_eq!(message.original_destination, Some(queue()));
        assert_eq!((message.expiration, message.persistent), (0, true));
        let properties = message.properties().unwrap();
        let cause = Some(Value::Text(Text::from(cause)));
        assert_eq!(properties.get("dlqDeliveryFailureCause").cloned(), cause);
        let original = Some(Value::Long(expiration));
        assert_eq!(properties.get("originalExpiration").cloned(), original);
    }
    assert_eq!(buried.len(), 2);
}

#[tokio::test]
async fn ow_44_what_came_too_late_is_not_delivered_and_what_is_behind_it_is() {
    let (_server, address) = broker(|_| {}).await;
    let mut raw = Raw::join(address, "one").await;
    let sent = Instant::now();
    for (number, ttl) in [(1, 30), (2, 60_000)] {
        let mut message = raw.message(queue(), number, "text");
        // The sender's clock is a day behind.
        message.timestamp = now_ms() - 86_400_000;
        message.expiration = message.timestamp + ttl;
        raw.ask(message).await.unwrap();
    }
    let mut seen = vec![1, 2, -1];
    for key in 100.. {
        let mut browses = raw.consumer(key, queue(), 10);
        browses.browser = true;
        raw.ask(browses).await.unwrap();
        let was = std::mem::replace(&mut seen, raw.numbers().await);
        if seen == [2, -1] {
            break;
        }
        assert_eq!(was, [1, 2, -1]);
        assert!(sent.elapsed() < common::LIMIT);
    }
    raw.listen(2, queue()).await;
    assert_eq!(raw.numbers().await, [2]);
}

#[tokio::test]
async fn ow_45_what_is_too_late_when_it_is_sent_is_answered_and_never_delivered() {
    for by_arrival in [true, false] {
        let (_server, address) = broker(|config| {
            config.broker.judge_ttl_by_arrival = by_arrival;
        })
        .await;
        let mut raw = Raw::join(address, "one").await;
        raw.listen(1, queue()).await;
        let mut late = raw.message(queue(), 1, "text");
        late.timestamp = if by_arrival { 0 } else { now_ms() - 10_000 };
        late.expiration = now_ms() - 5_000;
        raw.ask(late).await.unwrap();
        assert!(raw.numbers().await.is_empty());
    }
}

#[tokio::test]
async fn ow_46_what_a_transaction_sends_is_there_when_it_is_committed_and_never_when_undone() {
    let (_server, address) = broker(|_| {}).await;
    let mut raw = Raw::join(address, "one").await;
    raw.listen(1, queue()).await;
    for (numbers, end, expected) in [
        (vec![1], TransactionStep::Rollback, vec![]),
        (vec![2, 3], TransactionStep::CommitOnePhase, vec![2, 3]),
    ] {
        raw.transact(TransactionStep::Begin).await.unwrap();
        for number in numbers {
            let mut message = raw.message(queue(), number, "text");
            message.transaction_id = Some(raw.transaction());
            raw.ask(message).await.unwrap();
        }
        assert!(raw.numbers().await.is_empty());
        raw.transact(end).await.unwrap();
        assert_eq!(raw.numbers().await, expected);
    }
}

#[tokio::test]
async fn ow_47_what_a_transaction_acknowledged_is_done_when_it_is_committed() {
    let (_server, address) = broker(|_| {}).await;
    let mut raw = with_messages(address, 4, 10).await;
    assert_eq!(raw.numbers().await, [0, 1, 2, 3, 4]);
    for (number, end) in [
        (0, TransactionStep::CommitOnePhase),
        (1, TransactionStep::Rollback),
        (1, TransactionStep::CommitOnePhase),
    ] {
        raw.transact(TransactionStep::Begin).await.unwrap();
        let mut ack = raw.ack(1, AckType::Standard, "one", Some(number), number);
        ack.transaction_id = Some(raw.transaction());
        raw.ask(ack).await.unwrap();
        raw.transact(end).await.unwrap();
        assert!(raw.numbers().await.is_empty(), "the client has it still");
    }
    raw.ask(removal(raw.consumer_id(1))).await.unwrap();
    raw.listen(2, queue()).await;
    assert_eq!(raw.numbers().await, [2, 3, 4]);
}

#[tokio::test]
async fn ow_48_a_transaction_ends_undone_with_its_connection() {
    let (_server, address) = broker(|_| {}).await;
    let mut raw = with_messages(address, 0, 10).await;
    assert_eq!(raw.numbers().await, [0]);
    raw.transact(TransactionStep::Begin).await.unwrap();
    let mut ack = raw.ack(1, AckType::Standard, "one", Some(0), 0);
    ack.transaction_id = Some(raw.transaction());
    raw.ask(ack).await.unwrap();
    let mut sent = raw.message(queue(), 9, "never");
    sent.transaction_id = Some(raw.transaction());
    raw.ask(sent).await.unwrap();
    raw.cut();
    let mut next = Raw::join(address, "two").await;
    next.listen(1, queue()).await;
    let (message, counter) = next.received().await;
    assert_eq!((number(&message), counter), (0, 1));
    assert!(next.numbers().await.is_empty());
}

#[tokio::test]
async fn ow_49_steps_of_transactions_that_are_none_are_refused() {
    let (_server, address) = broker(|_| {}).await;
    let mut raw = Raw::join(address, "one").await;
    let refused = |class: &str, text: &str| Err((class.to_owned(), text.to_owned()));
    assert_eq!(
        raw.transact(TransactionStep::CommitOnePhase).await,
        refused(
            "javax.jms.JMSException",
            "Transaction 'TX:one:1' has not been started."
        )
    );
    let odd = TransactionInfo {
        step: 77,
        ..TransactionInfo::default()
    };
    assert_eq!(
        raw.ask(odd).await,
        refused("java.io.IOException", "Transaction info type unknown: 77")
    );
    let recover = TransactionInfo {
        step: TransactionStep::Recover.into(),
        ..TransactionInfo::default()
    };
    let Command::DataArrayResponse(list) = raw.answer_to(recover).await else {
        panic!("no list");
    };
    assert_eq!(list.data, Some(Vec::new()));
    let xa = TransactionInfo {
        transaction_id: Some(TransactionId::Xa(Default::default())),
        step: TransactionStep::Begin.into(),
        ..TransactionInfo::default()
    };
    assert_eq!(
        raw.ask(xa).await,
        refused(
            "javax.transaction.xa.XAException",
            "XA transactions are not supported xaErrorCode:-6"
        )
    );
}

#[tokio::test]
async fn ow_57_what_a_selector_passes_over_stays_in_its_order() {
    let (_server, address) = broker(|_| {}).await;
    let mut raw = Raw::join(address, "one").await;
    for number in 0..6 {
        let mut message = raw.message(queue(), number, "text");
        message.jms_type = (number % 2 == 1).then(|| "odd".into());
        raw.ask(message).await.unwrap();
    }
    let mut choosy = raw.consumer(1, queue(), 10);
    choosy.selector = Some("JMSType = 'odd'".into());
    raw.ask(choosy).await.unwrap();
    assert_eq!(raw.numbers().await, [1, 3, 5]);
    raw.listen(2, queue()).await;
    assert_eq!(raw.numbers().await, [0, 2, 4]);
}

#[tokio::test]
async fn ow_60_a_browser_sees_all_of_a_queue_and_its_end_and_takes_nothing() {
    let (_server, address) = broker(|_| {}).await;
    let mut raw = Raw::join(address, "one").await;
    let mut key = 0;
    let mut browse = async |raw: &mut Raw, selector: Option<&str>, prefetch: i32| {
        key += 1;
        let mut info = raw.consumer(key, queue(), prefetch);
        info.browser = true;
        info.selector = selector.map(Text::from);
        raw.ask(info).await.unwrap();
        let mut seen = raw.numbers().await;
        while seen.last() != Some(&-1) {
            let last = *seen.last().unwrap();
            raw.acks(key, AckType::Delivered, None, last).await;
            seen.extend(raw.numbers().await);
        }
        raw.ask(removal(raw.consumer_id(key))).await.unwrap();
        seen
    };
    assert_eq!(browse(&mut raw, None, 10).await, [-1]);
    for number in 0..5 {
        let mut message = raw.message(queue(), number, "text");
        message.priority = i8::try_from(number).unwrap();
        raw.ask(message).await.unwrap();
    }
    assert_eq!(browse(&mut raw, None, 10).await, [0, 1, 2, 3, 4, -1]);
    let selected = browse(&mut raw, Some("JMSPriority >= 3"), 10).await;
    assert_eq!(selected, [3, 4, -1]);
    assert_eq!(browse(&mut raw, None, 1).await, [0, 1, 2, 3, 4, -1]);
    raw.listen(99, queue()).await;
    assert_eq!(raw.numbers().await, [0, 1, 2, 3, 4]);
}

#[tokio::test]
async fn ow_61_a_consumer_without_prefetch_gets_a_message_for_each_pull() {
    let (_server, address) = broker(|_| {}).await;
    let mut raw = Raw::join(address, "one").await;
    let consumer = raw.consumer(1, queue(), 0);
    raw.ask(consumer).await.unwrap();
    let pull = |raw: &Raw, timeout: i64| MessagePull {
        consumer_id: Some(raw.consumer_id(1)),
        destination: Some(queue()),
        timeout,
        ..MessagePull::default()
    };
    let empty = MessageDispatch {
        consumer_id: Some(raw.consumer_id(1)),
        ..MessageDispatch::default()
    };
    raw.ask(pull(&raw, -1)).await.unwrap();
    assert_eq!(raw.dispatched().await, std::slice::from_ref(&empty));
    let begun = Instant::now();
    raw.ask(pull(&raw, 200)).await.unwrap();
    assert!(raw.dispatched().await.is_empty());
    assert_eq!(raw.dispatch().await, empty);
    let waited = begun.elapsed().as_millis();
    assert!((190..1_200).contains(&waited), "{waited} ms");
    raw.ask(pull(&raw, 0)).await.unwrap();
    assert!(raw.dispatched().await.is_empty());
    for number in [1, 2] {
        raw.send(queue(), number, "text").await;
    }
    assert_eq!(raw.numbers().await, [1], "one pull, one message");
    raw.ask(pull(&raw, -1)).await.unwrap();
    assert_eq!(raw.numbers().await, [2]);
}

#[tokio::test]
async fn ow_62_exclusive_and_better_consumers_groups_and_virtual_topics() {
    let (_server, address) = broker(|_| {}).await;
    let mut raw = Raw::join(address, "one").await;
    let by = |dispatched: Vec<MessageDispatch>| -> Vec<(i64, i64)> {
        let shown = dispatched.into_iter().map(|dispatch| {
            let message = dispatch.message.unwrap();
            (dispatch.consumer_id.unwrap().value, number(&message))
        });
        shown.collect()
    };
    let named = |name: &str| Destination::queue(name);
    // The first exclusive consumer has all, and the next when it goes.
    for (key, exclusive) in [(1, false), (2, true), (3, true)] {
        let mut info = raw.consumer(key, named("exclusive"), 10);
        info.exclusive = exclusive;
        raw.ask(info).await.unwrap();
    }
    for number in [1, 2] {
        raw.send(named("exclusive"), number, "text").await;
    }
    assert_eq!(by(raw.dispatched().await), [(2, 1), (2, 2)]);
    raw.ask(removal(raw.consumer_id(2))).await.unwrap();
    assert_eq!(by(raw.dispatched().await), [(3, 1), (3, 2)]);
    // Who has a higher priority gets everything while it has room.
    for (key, priority) in [(11, 0), (12, 5)] {
        let mut info = raw.consumer(key, named("better"), 2);
        info.priority = priority;
        raw.ask(info).await.unwrap();
    }
    for number in 11..=13 {
        raw.send(named("better"), number, "text").await;
    }
    assert_eq!(by(raw.dispatched().await), [(12, 11), (12, 12), (11, 13)]);
    // A group has its consumer.
    for key in [21, 22] {
        raw.listen(key, named("groups")).await;
    }
    for (number, group) in [(21, "a"), (22, "b"), (23, "a"), (24, "a")] {
        let mut message = raw.message(named("groups"), number, "text");
        message.group_id = Some(group.into());
        raw.ask(message).await.unwrap();
    }
    let expected = [(21, 21), (22, 22), (21, 23), (21, 24)];
    assert_eq!(by(raw.dispatched().await), expected);
    // Nobody hears himself who does not want to.
    let mut deaf = raw.consumer(31, Destination::topic("t"), 10);
    deaf.no_local = true;
    raw.ask(deaf).await.unwrap();
    raw.send(Destination::topic("t"), 31, "own").await;
    let mut other = Raw::join(address, "other").await;
    other.send(Destination::topic("t"), 1, "other's").await;
    assert_eq!(by(raw.dispatched().await), [(31, 1)]);
    // Queues that listen to a topic.
    let copied = named("Consumer.A.VirtualTopic.x");
    raw.listen(41, copied.clone()).await;
    raw.send(Destination::topic("VirtualTopic.x"), 41, "copied")
        .await;
    let (message, _) = raw.received().await;
    assert_eq!(message.destination, Some(copied));
    let topic = Some(Destination::topic("VirtualTopic.x"));
    assert_eq!(message.original_destination, topic);
}
