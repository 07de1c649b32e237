//! Topics over real sockets: subscriptions, patterns, lists, selectors, temporary destinations, bodies. [openwire §6, §7.6, §7.7, §13.3]

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use common::openwire::{Raw, broker, number, removal, soon, wishes};
use cordboard_wire::openwire::{
    AckType, Any, Command, ConnectionInfo, Destination, DestinationKind, DestinationOperation,
    Message, MessageKind, Offer, PrimitiveMap, RemoveSubscriptionInfo, Text, Value,
};
use std::net::SocketAddr;

fn topic() -> Destination {
    Destination::topic("t")
}

#[tokio::test]
async fn ow_22_each_client_hears_everybody_in_its_own_encoding() {
    let (_server, address) = broker(|config| {
        config.broker.tight_encoding = true;
        config.broker.cache = true;
    })
    .await;
    let encodings = [
        (3, false, false),
        (12, true, true),
        (12, true, false),
        (9, false, true),
    ];
    let mut clients = Vec::new();
    for (at, (version, tight, cache)) in encodings.into_iter().enumerate() {
        let offer = Offer {
            version,
            tight_encoding_enabled: tight,
            cache_enabled: cache,
            ..wishes()
        };
        let name = format!("client {at}");
        let mut raw = Raw::join_with(address, &name, &offer, |_| {}).await;
        let format = raw.decoder.format();
        let agreed = (
            i32::from(format.version),
            format.tight,
            format.cache.is_some(),
        );
        assert_eq!(agreed, (version, tight, cache));
        raw.listen(1, topic()).await;
        clients.push(raw);
    }
    for at in 0..clients.len() {
        let sender = &mut clients[at];
        let mut sent = sender.message(topic(), 1, "text ü");
        sent.jms_type = Some("Hello#c1".into());
        sent.correlation_id = Some("k".into());
        sent.reply_to = Some(Destination::topic("replies"));
        let mut properties = PrimitiveMap::default();
        properties.insert("n", Value::Int(7));
        sent.set_properties(&properties);
        // Twice, so that the cache has it.
        for number in [1, 2] {
            sent.headers
                .message_id
                .as_mut()
                .unwrap()
                .producer_sequence_id = number;
            sender.ask(sent.clone()).await.unwrap();
        }
        for raw in &mut clients {
            for expected in [1, 2] {
                let (got, _) = raw.received().await;
                assert_eq!(number(&got), expected);
                let shown = |m: &Message| {
                    let headers = (
                        m.jms_type.clone(),
                        m.correlation_id.clone(),
                        m.reply_to.clone(),
                    );
                    (
                        headers,
                        m.body().unwrap(),
                        m.properties().unwrap(),
                        m.producer_id.clone(),
                    )
                };
                assert_eq!(shown(&got), shown(&sent));
                raw.acknowledge(1, &got).await;
            }
        }
    }
}

#[tokio::test]
async fn ow_21_every_version_and_encoding_is_spoken_with_ours_switched_on_and_off() {
    for ours in [true, false] {
        let (_server, address) = broker(|config| {
            config.broker.tight_encoding = ours;
            config.broker.cache = ours;
        })
        .await;
        let mut plain = Raw::join(address, "plain").await;
        plain.listen(1, Destination::queue("out")).await;
        let switches = [(true, true), (true, false), (false, true), (false, false)];
        for (version, (tight, cache)) in (1..=12).flat_map(|v| switches.map(|s| (v, s))) {
            let offer = Offer {
                version,
                tight_encoding_enabled: tight,
                cache_enabled: cache,
                ..wishes()
            };
            let name = format!("{version} {tight} {cache}");
            let mut raw = Raw::join_with(address, &name, &offer, |_| {}).await;
            let format = raw.decoder.format();
            assert_eq!(
                (
                    i32::from(format.version),
                    format.tight,
                    format.cache.is_some()
                ),
                (version, tight && ours, cache && ours)
            );
            raw.listen(1, Destination::queue("back")).await;
            for number in 1..=3 {
                exchange(&mut raw, &mut plain, "out", number).await;
                exchange(&mut plain, &mut raw, "back", number).await;
            }
            leaves(raw).await;
        }
    }
}

/// A message from one to the other, by a queue that the other listens to.
async fn exchange(from: &mut Raw, to: &mut Raw, queue: &str, number: i64) {
    let mut sent = from.message(Destination::queue(queue), number, "text ü");
    sent.jms_type = Some("MakeCall#42031".into());
    sent.correlation_id = Some("k".into());
    sent.reply_to = Some(Destination::topic("replies"));
    let mut properties = PrimitiveMap::default();
    properties.insert("n", Value::Int(7));
    sent.set_properties(&properties);
    from.ask(sent.clone()).await.unwrap();
    let (got, _) = to.received().await;
    assert_eq!(got.body().unwrap(), sent.body().unwrap());
    assert_eq!(got.jms_type, sent.jms_type);
    assert_eq!(got.correlation_id, sent.correlation_id);
    assert_eq!(got.reply_to, sent.reply_to);
    assert_eq!(got.properties().unwrap(), properties);
    to.acknowledge(1, &got).await;
}

#[tokio::test]
async fn names_are_taken_as_they_are() {
    let (_server, address) = broker(|_| {}).await;
    let mut raw = Raw::join(address, "one").await;
    let long = "x".repeat(300);
    let names = [
        "t",
        "T",
        "a b",
        "a/b",
        "ü.ß",
        "192.168.1.148",
        long.as_str(),
    ];
    for (key, name) in (1..).zip(names) {
        raw.listen(key, Destination::topic(name)).await;
    }
    for (key, name) in (1..).zip(names) {
        raw.send(Destination::topic(name), key, "text").await;
        let dispatched = raw.dispatched().await;
        let [only] = dispatched.as_slice() else {
            panic!("{name}: {dispatched:?}");
        };
        assert_eq!(only.consumer_id, Some(raw.consumer_id(key)));
    }
}

async fn durable(address: SocketAddr, selector: Option<&str>) -> Raw {
    let mut raw = Raw::join(address, "durable").await;
    let mut info = raw.consumer(1, topic(), 10);
    info.subscription_name = Some("s".into());
    info.selector = selector.map(Text::from);
    raw.ask(info).await.unwrap();
    raw
}

async fn leaves(mut raw: Raw) {
    raw.say(cordboard_wire::openwire::ShutdownInfo::default())
        .await;
    raw.until_closed().await;
}

fn unsubscribe(name: &str) -> RemoveSubscriptionInfo {
    RemoveSubscriptionInfo {
        subscription_name: Some(name.into()),
        ..RemoveSubscriptionInfo::default()
    }
}

#[tokio::test]
async fn ow_50_a_durable_subscription_keeps_what_comes_while_nobody_listens() {
    let (_server, address) = broker(|_| {}).await;
    leaves(durable(address, None).await).await;
    let mut sender = Raw::join(address, "sender").await;
    for number in 1..=3 {
        sender.send(topic(), number, "text").await;
    }
    let mut raw = durable(address, None).await;
    assert_eq!(raw.numbers().await, [1, 2, 3]);
    let ack = raw.ack(1, AckType::Standard, "sender", Some(1), 3);
    raw.ask(ack).await.unwrap();
    leaves(raw).await;
    let mut raw = durable(address, None).await;
    assert!(raw.numbers().await.is_empty());
    raw.ask(removal(raw.consumer_id(1))).await.unwrap();
    raw.ask(unsubscribe("s")).await.unwrap();
    sender.send(topic(), 4, "text").await;
    leaves(raw).await;
    assert!(durable(address, None).await.numbers().await.is_empty());
}

#[tokio::test]
async fn ow_51_a_durable_subscription_is_one_clients_at_a_time() {
    let (_server, address) = broker(|_| {}).await;
    let mut raw = durable(address, None).await;
    let refused = |class: &str, text: &str| Err((class.to_owned(), text.to_owned()));
    let mut second = raw.consumer(2, topic(), 10);
    second.subscription_name = Some("s".into());
    let in_use = "Durable consumer is in use for client: durable and subscriptionName: s";
    assert_eq!(
        raw.ask(second).await,
        refused("javax.jms.JMSException", in_use)
    );
    let active = refused("javax.jms.JMSException", "Durable consumer is in use");
    assert_eq!(raw.ask(unsubscribe("s")).await, active);
    let unknown = "No durable subscription exists for clientID: durable and subscriptionName: x";
    assert_eq!(
        raw.ask(unsubscribe("x")).await,
        refused("javax.jms.InvalidDestinationException", unknown)
    );
    leaves(raw).await;
    let mut sender = Raw::join(address, "sender").await;
    sender.send(topic(), 1, "text").await;
    let mut other = durable(address, Some("JMSPriority >= 0")).await;
    assert!(other.numbers().await.is_empty(), "it begins anew");
}

#[tokio::test]
async fn ow_52_a_temporary_destination_carries_answers_until_its_connection_ends() {
    for kind in [DestinationKind::TempQueue, DestinationKind::TempTopic] {
        let (_server, address) = broker(|_| {}).await;
        let mut asks = Raw::join(address, "asks").await;
        let mut answers = Raw::join(address, "answers").await;
        answers.listen(1, Destination::queue("requests")).await;
        let add = asks.temporary(kind, DestinationOperation::Add);
        asks.ask(add).await.unwrap();
        let reply_to = asks.temporary_name(kind);
        asks.listen(1, reply_to.clone()).await;
        for number in 1..=20 {
            let mut request = asks.message(Destination::queue("requests"), number, "?");
            request.reply_to = Some(reply_to.clone());
            request.correlation_id = Some(number.to_string().as_str().into());
            asks.ask(request).await.unwrap();
            let (request, _) = answers.received().await;
            answers.acknowledge(1, &request).await;
            let mut reply = answers.message(request.reply_to.clone().unwrap(), number, "!");
            reply.correlation_id = request.correlation_id.clone();
            answers.ask(reply).await.unwrap();
            let (reply, _) = asks.received().await;
            assert_eq!(
                reply.correlation_id,
                Some(number.to_string().as_str().into())
            );
            asks.acknowledge(1, &reply).await;
        }
        leaves(asks).await;
        let late = answers.message(reply_to.clone(), 21, "too late");
        let class = "org.apache.activemq.DestinationDoesNotExistException";
        let expected = (class.to_owned(), reply_to.to_string());
        assert_eq!(answers.ask(late).await, Err(expected.clone()));
        let unasked = answers.message(reply_to, 22, "too late");
        answers.say(unasked).await;
        let Command::ConnectionError(error) = answers.hear().await else {
            panic!("no error");
        };
        let text = |text: Option<Text>| text.unwrap().to_string();
        let told = error.exception.unwrap();
        assert_eq!((text(told.class), text(told.message)), expected);
    }
}

#[tokio::test]
async fn ow_53_whoever_listens_to_advisories_is_told_what_there_is_and_what_ends() {
    let (_server, address) = broker(|_| {}).await;
    let mut owner = Raw::join(address, "owner").await;
    let kind = DestinationKind::TempQueue;
    let mut add = owner.temporary(kind, DestinationOperation::Add);
    add.connection_id = Some(cordboard_wire::openwire::ConnectionId {
        value: Some("owner".into()),
    });
    owner.ask(add.clone()).await.unwrap();
    let mut listens = Raw::join(address, "listens").await;
    let both = "ActiveMQ.Advisory.TempQueue,ActiveMQ.Advisory.TempTopic";
    let mut info = listens.consumer(1, Destination::topic(both), 1);
    info.no_local = true;
    if let Some(id) = &mut info.consumer_id {
        id.session_id = -1;
    }
    listens.ask(info).await.unwrap();
    // The window of one does not stop the second.
    owner.cut();
    for operation in [DestinationOperation::Add, DestinationOperation::Remove] {
        let dispatch = listens.dispatch().await;
        let topic = Some(Destination::topic("ActiveMQ.Advisory.TempQueue"));
        assert_eq!(dispatch.destination, topic);
        let message = dispatch.message.unwrap();
        assert_eq!(message.kind, MessageKind::Plain);
        assert_eq!(message.jms_type, Some("Advisory".into()));
        assert_eq!((message.priority, message.persistent), (0, false));
        let Some(Any::Command(told)) = &message.data_structure else {
            panic!("{:?}", message.data_structure);
        };
        let Command::DestinationInfo(told) = &**told else {
            panic!("{told:?}");
        };
        let mut expected = add.clone();
        expected.operation_type = operation.into();
        (expected.command_id, expected.response_required) =
            (told.command_id, told.response_required);
        assert_eq!(*told, expected);
        let properties = message.properties().unwrap();
        for name in ["originBrokerURL", "originBrokerId", "originBrokerName"] {
            assert!(properties.get(name).is_some(), "{name}");
        }
    }
}

#[tokio::test]
async fn ow_54_a_service_answers_many_clients_each_at_a_temporary_queue_of_its_own() {
    let (_server, address) = broker(|_| {}).await;
    let service = tokio::spawn(async move {
        let mut service = Raw::join(address, "service").await;
        service.listen(1, Destination::queue("requests")).await;
        for number in 0..300 {
            let (request, _) = service.received().await;
            service.acknowledge(1, &request).await;
            let mut reply = service.message(request.reply_to.clone().unwrap(), number, "!");
            reply.correlation_id = request.correlation_id.clone();
            service.ask(reply).await.unwrap();
        }
    });
    let clients = (0..10).map(|client| {
        tokio::spawn(async move {
            let mut raw = Raw::join(address, &format!("client {client}")).await;
            let kind = DestinationKind::TempQueue;
            let add = raw.temporary(kind, DestinationOperation::Add);
            raw.ask(add).await.unwrap();
            let replies = raw.temporary_name(kind);
            raw.listen(1, replies.clone()).await;
            for number in 0..30 {
                let mut request = raw.message(Destination::queue("requests"), number, "?");
                request.reply_to = Some(replies.clone());
                let id = format!("{client} {number}");
                request.correlation_id = Some(id.as_str().into());
                raw.ask(request).await.unwrap();
                let (reply, _) = raw.received().await;
                assert_eq!(reply.correlation_id, Some(id.as_str().into()));
                raw.acknowledge(1, &reply).await;
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        soon(client).await.unwrap();
    }
    soon(service).await.unwrap();
}

#[tokio::test]
async fn ow_55_each_selector_gets_what_it_means() {
    let (_server, address) = broker(|_| {}).await;
    let mut raw = Raw::join(address, "one").await;
    let cases: [(&str, &[i64]); 11] = [
        ("JMSType = 'Hello#c1'", &[1]),
        ("JMSCorrelationID = 'k7'", &[7]),
        ("JMSType LIKE 'Make%'", &[2, 3]),
        ("n > 3 AND n <= 5", &[4, 5]),
        ("colour IN ('red','green')", &[0, 2, 6, 8]),
        ("colour IS NULL", &[4]),
        ("NOT (n BETWEEN 2 AND 8)", &[0, 1, 9]),
        ("JMSPriority >= 8", &[3]),
        ("b = TRUE OR d * 2 = 3.0", &[5, 8]),
        ("JMSType LIKE 'a!_b%' ESCAPE '!'", &[6]),
        ("s = 'it''s'", &[2]),
    ];
    for (key, (selector, _)) in (1..).zip(cases) {
        let mut info = raw.consumer(key, topic(), 100);
        info.selector = Some(selector.into());
        raw.ask(info).await.unwrap();
    }
    for n in 0..10 {
        let mut message = raw.message(topic(), n, "text");
        message.jms_type = match n {
            1 => Some("Hello#c1".into()),
            2 | 3 => Some(format!("MakeCall#{n}").as_str().into()),
            6 => Some("a_bc".into()),
            9 => Some("axbc".into()),
            _ => None,
        };
        message.correlation_id = (n == 7).then(|| "k7".into());
        message.priority = if n == 3 { 9 } else { 4 };
        let mut properties = PrimitiveMap::default();
        properties.insert("n", Value::Int(i32::try_from(n).unwrap()));
        properties.insert("b", Value::Bool(n == 5));
        properties.insert("d", Value::Double(if n == 8 { 1.5 } else { 0.0 }));
        let colour = if n % 2 == 0 { "red" } else { "blue" };
        if n != 4 {
            properties.insert("colour", Value::Text(colour.into()));
        }
        if n == 2 {
            properties.insert("s", Value::Text("it's".into()));
        }
        message.set_properties(&properties);
        raw.ask(message).await.unwrap();
    }
    let dispatched = raw.dispatched().await;
    for (key, (selector, expected)) in (1..).zip(cases) {
        let of_it = dispatched
            .iter()
            .filter(|d| d.consumer_id == Some(raw.consumer_id(key)));
        let got: Vec<i64> = of_it.map(|d| number(d.message.as_ref().unwrap())).collect();
        assert_eq!(got, expected, "{selector}");
    }
}

#[tokio::test]
async fn ow_56_a_bad_selector_is_refused_and_the_connection_stays() {
    let (_server, address) = broker(|_| {}).await;
    let mut raw = Raw::join(address, "one").await;
    let mut bad = raw.consumer(1, topic(), 10);
    bad.selector = Some("a = = b".into());
    let expected = (
        "javax.jms.InvalidSelectorException".to_owned(),
        "a = = b".to_owned(),
    );
    assert_eq!(raw.ask(bad.clone()).await, Err(expected));
    bad.selector = Some("JMSPriority = 4".into());
    raw.ask(bad).await.unwrap();
    let mut sent = raw.message(topic(), 1, "text");
    sent.priority = 4;
    raw.ask(sent).await.unwrap();
    assert_eq!(raw.numbers().await, [1]);
}

#[tokio::test]
async fn ow_58_a_pattern_stands_for_the_names_of_its_form() {
    let (_server, address) = broker(|_| {}).await;
    let mut raw = Raw::join(address, "one").await;
    let names = ["W", "W.x", "W.x.c", "W.x.y.c", "W."];
    let patterns = [
        ("W.>", [true, true, true, true, true]),
        ("W.*", [false, true, false, false, true]),
        ("W.*.>", [false, true, true, true, true]),
        ("W", [true, false, false, false, false]),
        (">", [true, true, true, true, true]),
    ];
    for (key, (pattern, _)) in (1..).zip(patterns) {
        raw.listen(key, Destination::topic(pattern)).await;
    }
    // An advisory is nothing for `>`.
    let add = raw.temporary(DestinationKind::TempQueue, DestinationOperation::Add);
    raw.ask(add).await.unwrap();
    for (n, name) in (0..).zip(names) {
        raw.send(Destination::topic(name), n, "text").await;
    }
    let dispatched = raw.dispatched().await;
    for (key, (pattern, fits)) in (1..).zip(patterns) {
        let of_it = dispatched
            .iter()
            .filter(|d| d.consumer_id == Some(raw.consumer_id(key)));
        let got: Vec<Option<Destination>> = of_it.map(|d| d.destination.clone()).collect();
        let fitting = names.iter().zip(fits).filter(|(_, fits)| *fits);
        // The real name, never the pattern.
        let expected: Vec<_> = fitting
            .map(|(name, _)| Some(Destination::topic(*name)))
            .collect();
        assert_eq!(got, expected, "{pattern}");
    }
}

#[tokio::test]
async fn ow_59_a_list_sends_one_to_each_and_says_what_the_whole_was() {
    let (_server, address) = broker(|_| {}).await;
    let mut raw = Raw::join(address, "one").await;
    let parts = [
        Destination::queue("a"),
        Destination::queue("b"),
        Destination::topic("c"),
    ];
    for (key, part) in (1..).zip(&parts) {
        raw.listen(key, part.clone()).await;
    }
    let whole = Destination::queue("a,b,topic://c");
    raw.send(whole.clone(), 1, "text").await;
    let dispatched = raw.dispatched().await;
    for (dispatch, part) in dispatched.iter().zip(&parts) {
        let message = dispatch.message.as_ref().unwrap();
        assert_eq!(dispatch.destination.as_ref(), Some(part));
        assert_eq!(message.destination.as_ref(), Some(part));
        assert_eq!(message.original_destination.as_ref(), Some(&whole));
        assert_eq!(number(message), 1);
    }
    assert_eq!(dispatched.len(), 3);
    let nameless = raw.message(Destination::queue(""), 2, "text");
    let (class, _) = raw.ask(nameless).await.unwrap_err();
    assert_eq!(class, "javax.jms.InvalidDestinationException");
}

#[tokio::test]
async fn ow_63_a_body_arrives_as_it_was_sent_whatever_it_is() {
    let (_server, address) = broker(|_| {}).await;
    let mut one = Raw::join(address, "one").await;
    let mut two = Raw::join(address, "two").await;
    two.listen(1, topic()).await;
    let every_byte: Vec<u8> = (0..=255).collect();
    let long = "x".repeat(1 << 20);
    let bodies: [(MessageKind, Vec<u8>); 8] = [
        // Text with NUL, an emoji and a lone surrogate, as the wire has them.
        (
            MessageKind::Text,
            b"\0\0\0\x0bc\xc0\x80\xed\xa0\xbd\xed\xb8\x80\xed\xa0".to_vec(),
        ),
        (
            MessageKind::Text,
            [&(1u32 << 20).to_be_bytes()[..], long.as_bytes()].concat(),
        ),
        (MessageKind::Bytes, every_byte.clone()),
        (
            MessageKind::Map,
            b"\0\0\0\x01\0\x01k\x05\0\0\0\x07".to_vec(),
        ),
        (MessageKind::Stream, b"\x01\x01\x05\0\0\0\x07".to_vec()),
        (MessageKind::Object, b"\xac\xed\0\x05t\0\x01x".to_vec()),
        (MessageKind::Bytes, Vec::new()),
        (MessageKind::Text, b"\x78\x9c no stream at all".to_vec()),
    ];
    for (n, (kind, content)) in (1..).zip(bodies) {
        let mut sent = one.message(topic(), n, "");
        sent.kind = kind;
        sent.content = Some(content.into());
        sent.compressed = n == 8;
        let mut properties = PrimitiveMap::default();
        properties.insert("bytes", Value::Bytes(every_byte.clone().into()));
        sent.set_properties(&properties);
        one.ask(sent.clone()).await.unwrap();
        let (got, _) = two.received().await;
        assert_eq!(got.kind, sent.kind);
        assert_eq!(got.content, sent.content);
        assert_eq!(got.marshalled_properties, sent.marshalled_properties);
        assert_eq!(got.compressed, sent.compressed);
        two.acknowledge(1, &got).await;
    }
}

#[tokio::test]
async fn ow_64_what_a_publisher_sent_before_it_was_cut_off_arrives() {
    let (_server, address) = broker(|_| {}).await;
    let mut listens = Raw::join(address, "listens").await;
    listens.listen(1, topic()).await;
    let mut sends = Raw::join(address, "sends").await;
    for number in 0..50 {
        sends.send(topic(), number, "text").await;
    }
    sends.cut();
    for expected in 0..50 {
        assert_eq!(listens.number().await, expected);
    }
    let mut other = Raw::join(address, "sends").await;
    other.send(topic(), 50, "text").await;
    assert_eq!(listens.number().await, 50);
}

#[tokio::test]
async fn ow_65_a_client_that_is_cut_and_comes_back_goes_on_where_it_was() {
    let (_server, address) = broker(|_| {}).await;
    let queue = Destination::queue("q");
    let kind = DestinationKind::TempQueue;
    let mut raw = Raw::join(address, "failover").await;
    let add = raw.temporary(kind, DestinationOperation::Add);
    raw.ask(add.clone()).await.unwrap();
    raw.listen(1, queue.clone()).await;
    raw.listen(2, raw.temporary_name(kind)).await;
    for number in [1, 2] {
        raw.send(queue.clone(), number, "text").await;
    }
    assert_eq!(raw.numbers().await, [1, 2]);
    raw.acks(1, AckType::Standard, None, 1).await;
    raw.cut();
    // It says all it said again, under its old ids, and the send whose answer it did not hear.
    let back = |info: &mut ConnectionInfo| {
        (info.fault_tolerant, info.failover_reconnect) = (true, true);
    };
    let mut raw = Raw::greet(address, &wishes()).await;
    raw.enter("failover", back).await.unwrap();
    raw.ask(add).await.unwrap();
    raw.open().await;
    raw.listen(1, queue.clone()).await;
    raw.listen(2, raw.temporary_name(kind)).await;
    raw.send(queue, 2, "text").await;
    assert_eq!(raw.counters().await, [(2, 1)]);
    let to = raw.temporary_name(kind);
    let mut other = Raw::join(address, "other").await;
    other.send(to, 7, "answer").await;
    assert_eq!(soon(raw.number()).await, 7);
}
