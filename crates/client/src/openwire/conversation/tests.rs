use super::super::{Address, Settings};
use super::*;
use cordboard_wire::Secret;
use cordboard_wire::openwire::{
    BrokerInfo, ConnectionControl, ControlCommand, DataArrayResponse, DestinationKind,
    ExceptionResponse, FlushCommand, KeepAliveInfo, MessagePull, Response,
};
use std::time::Duration;

const NOW: i64 = 1_700_000_000_000;

fn conversation() -> Conversation {
    let address = Address {
        host: "localhost".to_owned(),
        port: 61_616,
    };
    let settings = Settings {
        user: Some("bob".to_owned()),
        password: Some(Secret::from("s3cret")),
        ..Settings::new(vec![address], "cordboard", "Connector1")
    };
    Conversation::new(Arc::new(settings), "ID:test", Counts::default())
}

fn with_topics(topics: &[&str]) -> Conversation {
    let topics = topics.iter().map(|name| Destination::topic(*name));
    let settings = Settings::consuming(Vec::new(), "cordboard", topics.collect());
    Conversation::new(Arc::new(settings), "ID:test", Counts::default())
}

fn ready() -> Conversation {
    let mut conversation = conversation();
    open(&mut conversation);
    conversation
}

/// Opens a connection; what is sent after the opening.
fn open(conversation: &mut Conversation) -> Vec<Command> {
    conversation.opened();
    let opening = outgoing(conversation);
    let numbers: Vec<i32> = opening.iter().map(Command::command_id).collect();
    let consumers = numbers.len() - 3;
    assert_eq!(numbers[..2], [CONNECTION, SESSION]);
    assert!(numbers[2..2 + consumers].iter().all(|n| *n > PRODUCER));
    assert_eq!(numbers[2 + consumers..], [PRODUCER]);
    assert!(opening.iter().all(Command::response_required));
    for number in numbers {
        assert!(!conversation.is_ready());
        hear(conversation, response(number));
    }
    assert!(conversation.is_ready());
    outgoing(conversation)
}

fn outgoing(conversation: &mut Conversation) -> Vec<Command> {
    std::iter::from_fn(|| conversation.poll_outgoing()).collect()
}

fn hear(conversation: &mut Conversation, command: impl Into<Command>) {
    assert_eq!(conversation.received(command.into(), NOW), Ok(()));
}

fn response(number: i32) -> Response {
    Response {
        correlation_id: number,
        ..Response::default()
    }
}

fn refusal(number: i32, class: &str) -> ExceptionResponse {
    ExceptionResponse {
        correlation_id: number,
        exception: Some(Throwable::new(class, "no\nentry")),
        ..ExceptionResponse::default()
    }
}

fn message(sequence: i64) -> Message {
    let mut message = Message::text(Some(&Text::from(format!("text {sequence}"))));
    message.message_id = Some(MessageId {
        producer_id: Some(ProducerId {
            connection_id: Some(Text::from("ID:other")),
            value: 1,
            session_id: 1,
        }),
        producer_sequence_id: sequence,
        broker_sequence_id: 100 + sequence,
        ..MessageId::default()
    });
    message
}

fn dispatch(conversation: &Conversation, message: Message, redelivered: i32) -> MessageDispatch {
    MessageDispatch {
        consumer_id: Some(conversation.consumer_id(1)),
        destination: Some(Destination::queue("Connector1")),
        message: Some(Arc::new(message)),
        redelivery_counter: redelivered,
        ..MessageDispatch::default()
    }
}

fn deliver(conversation: &mut Conversation, message: Message, redelivered: i32) -> Option<Arrival> {
    let dispatch = dispatch(conversation, message, redelivered);
    hear(conversation, dispatch);
    conversation.poll_arrival()
}

/// The acknowledgements that are on their way: how, and of which message of the other producer's.
fn acks(conversation: &mut Conversation) -> Vec<(AckType, i64)> {
    let sent = outgoing(conversation).into_iter();
    sent.map(|command| match command {
        Command::MessageAck(ack) => {
            assert_eq!(ack.first_message_id, ack.last_message_id);
            assert_eq!((ack.message_count, ack.response_required), (1, false));
            assert_eq!(ack.consumer_id, Some(conversation.consumer_id(1)));
            let how = AckType::of(ack.ack_type).unwrap();
            (how, ack.last_message_id.unwrap().producer_sequence_id)
        }
        other => panic!("{other:?}"),
    })
    .collect()
}

#[test]
fn the_opening_says_who_we_are_and_what_we_want() {
    let mut conversation = conversation();
    for again in [false, true] {
        conversation.opened();
        let opening = outgoing(&mut conversation);
        let [
            Command::ConnectionInfo(connection),
            Command::SessionInfo(_),
            Command::ConsumerInfo(consumer),
            Command::ProducerInfo(producer),
        ] = &opening[..]
        else {
            panic!("{opening:?}");
        };
        assert_eq!(connection.client_id, Some(Text::from("cordboard")));
        assert_eq!(connection.user_name, Some(Text::from("bob")));
        let password = connection.password.as_ref().unwrap();
        assert_eq!(password.to_secret().expose(), "s3cret");
        assert_eq!(connection.failover_reconnect, again);
        assert!(connection.manageable && connection.client_master);
        assert_eq!(consumer.prefetch_size, 100);
        assert_eq!(consumer.destination, Some(Destination::queue("Connector1")));
        assert_eq!(producer.destination, None);
        conversation.lost();
    }
}

#[test]
fn a_message_is_acknowledged_when_it_is_taken_over_and_not_before() {
    let mut conversation = ready();
    let first = deliver(&mut conversation, message(1), 0).unwrap();
    let second = deliver(&mut conversation, message(2), 0).unwrap();
    assert_eq!(first.body, Body::Text(Text::from("text 1")));
    assert_eq!(acks(&mut conversation), []);
    conversation.decided(Verdict::Taken(second.key));
    assert_eq!(acks(&mut conversation), [(AckType::Standard, 2)]);
    conversation.decided(Verdict::LetGo(first.key));
    assert_eq!(acks(&mut conversation), []);
}

#[test]
fn a_message_whose_acknowledgement_was_lost_is_acknowledged_again_and_not_handed_over() {
    let mut conversation = ready();
    let arrival = deliver(&mut conversation, message(1), 0).unwrap();
    conversation.decided(Verdict::Taken(arrival.key));
    conversation.lost();
    assert_eq!(open(&mut conversation), []);
    assert_eq!(deliver(&mut conversation, message(1), 1), None);
    assert_eq!(acks(&mut conversation), [(AckType::Standard, 1)]);
    assert_eq!(conversation.counts.repeated.get(), 1);
}

#[test]
fn an_old_connections_message_is_not_acknowledged_on_the_new_one() {
    let mut conversation = ready();
    let arrival = deliver(&mut conversation, message(1), 0).unwrap();
    conversation.lost();
    open(&mut conversation);
    conversation.decided(Verdict::Taken(arrival.key));
    assert_eq!(acks(&mut conversation), []);
    // It comes again, as it must, and goes at once.
    assert_eq!(deliver(&mut conversation, message(1), 1), None);
    assert_eq!(acks(&mut conversation), [(AckType::Standard, 1)]);
}

#[test]
fn a_message_that_comes_again_while_its_owner_has_it_is_acknowledged_when_taken_over() {
    let mut conversation = ready();
    let arrival = deliver(&mut conversation, message(1), 0).unwrap();
    conversation.lost();
    open(&mut conversation);
    let mut again = message(1);
    again.message_id.as_mut().unwrap().broker_sequence_id = 7;
    assert_eq!(deliver(&mut conversation, again, 1), None);
    assert_eq!(acks(&mut conversation), []);
    conversation.decided(Verdict::Taken(arrival.key));
    assert_eq!(acks(&mut conversation), [(AckType::Standard, 1)]);
    assert_eq!(conversation.consumers.last_taken(), 7);
}

#[test]
fn a_message_nobody_has_seen_or_wants_is_handed_over_when_it_comes_again() {
    let mut conversation = ready();
    let seen = dispatch(&conversation, message(1), 0);
    hear(&mut conversation, seen);
    let arrival = conversation.poll_arrival().unwrap();
    conversation.decided(Verdict::LetGo(arrival.key));
    let unseen = dispatch(&conversation, message(2), 0);
    hear(&mut conversation, unseen);
    conversation.lost();
    assert!(!conversation.has_arrival());
    open(&mut conversation);
    assert!(deliver(&mut conversation, message(1), 1).is_some());
    assert!(deliver(&mut conversation, message(2), 1).is_some());
}

#[test]
fn a_redelivered_message_is_handed_over_only_in_its_time() {
    let mut conversation = ready();
    let mut late = message(1);
    late.expiration = NOW;
    let mut early = message(2);
    early.expiration = NOW + 1;
    assert_eq!(deliver(&mut conversation, late, 1), None);
    assert_eq!(acks(&mut conversation), [(AckType::Expired, 1)]);
    let arrival = deliver(&mut conversation, early, 1).unwrap();
    assert_eq!(arrival.redelivered, 1);
    // Without a time it is handed over however late.
    assert!(deliver(&mut conversation, message(3), 5).is_some());
}

#[test]
fn a_body_that_cannot_be_read_is_acknowledged_and_counted() {
    let mut conversation = ready();
    let mut broken = message(1);
    broken.compressed = true;
    assert_eq!(deliver(&mut conversation, broken, 0), None);
    assert_eq!(acks(&mut conversation), [(AckType::Standard, 1)]);
    assert_eq!(conversation.counts.unreadable.get(), 1);
}

#[test]
fn what_is_for_nobody_is_counted_and_ignored() {
    let mut conversation = ready();
    hear(&mut conversation, response(999));
    hear(&mut conversation, DataArrayResponse::default());
    hear(
        &mut conversation,
        refusal(998, "java.lang.SecurityException"),
    );
    let mut foreign = dispatch(&conversation, message(1), 0);
    foreign.consumer_id.as_mut().unwrap().value = 9;
    hear(&mut conversation, foreign);
    let mut empty = dispatch(&conversation, message(1), 0);
    empty.message = None;
    hear(&mut conversation, empty);
    assert_eq!(conversation.counts.strays.get(), 5);
    for command in [
        Command::from(KeepAliveInfo::default()),
        FlushCommand::default().into(),
        BrokerInfo::default().into(),
    ] {
        hear(&mut conversation, command);
    }
    assert!(conversation.is_ready() && !conversation.has_arrival());
    assert_eq!(outgoing(&mut conversation), []);
}

#[test]
fn the_broker_is_not_obeyed_beyond_closing() {
    let mut conversation = ready();
    let elsewhere = ConnectionControl {
        reconnect_to: Some(Text::from("tcp://evil:1")),
        rebalance_connection: true,
        ..ConnectionControl::default()
    };
    hear(&mut conversation, elsewhere);
    let word = ControlCommand {
        command: Some(Text::from("shutdown")),
        ..ControlCommand::default()
    };
    hear(&mut conversation, word);
    assert_eq!(conversation.counts.disobeyed.get(), 2);
    let usual = ConnectionControl {
        reconnect_to: Some(Text::from("")),
        connected_brokers: Some(Text::from("")),
        ..ConnectionControl::default()
    };
    hear(&mut conversation, usual);
    assert_eq!(conversation.counts.disobeyed.get(), 2);
    for (close, exit) in [(true, false), (false, true)] {
        let control = ConnectionControl {
            close,
            exit,
            ..ConnectionControl::default()
        };
        assert_eq!(conversation.received(control.into(), NOW), Err(End::Closed));
    }
    assert_eq!(
        conversation.received(ShutdownInfo::default().into(), NOW),
        Err(End::Closed)
    );
    let gone = ConsumerControl {
        consumer_id: Some(conversation.consumer_id(1)),
        close: true,
        ..ConsumerControl::default()
    };
    assert_eq!(
        conversation.received(gone.into(), NOW),
        Err(End::ConsumerClosed)
    );
}

#[test]
fn an_error_ends_the_connection_only_when_it_names_it() {
    let mut conversation = ready();
    let mut error = ConnectionError {
        exception: Some(Throwable::new("x", "y")),
        ..ConnectionError::default()
    };
    hear(&mut conversation, error.clone());
    error.connection_id = Some(conversation.connection_id());
    let ended = conversation.received(error.into(), NOW);
    assert_eq!(ended, Err(End::Reported("x: y".to_owned())));
}

#[test]
fn a_refusal_names_the_user_and_not_the_password() {
    let classes = [
        ("java.lang.SecurityException", "user bob"),
        ("javax.jms.InvalidClientIDException", "cordboard"),
        ("javax.jms.JMSException", "the broker refuses to open"),
    ];
    for (class, expected) in classes {
        let mut conversation = conversation();
        conversation.opened();
        let ended = conversation.received(refusal(CONNECTION, class).into(), NOW);
        let end = ended.unwrap_err();
        let text = end.to_string();
        assert!(end.is_refusal() && text.contains(expected), "{text}");
        assert!(!text.contains("s3cret") && !text.contains('\n'), "{text}");
        assert!(!format!("{conversation:?}").contains("s3cret"));
    }
}

#[test]
fn what_only_clients_say_ends_the_connection() {
    let mut conversation = ready();
    let nonsense: [Command; 4] = [
        ConnectionInfo::default().into(),
        RemoveInfo::default().into(),
        MessagePull::default().into(),
        message(1).into(),
    ];
    for command in nonsense {
        let ended = conversation.received(command, NOW);
        assert!(matches!(ended, Err(End::Nonsense(_))), "{ended:?}");
    }
}

#[test]
fn a_message_carries_its_headers() {
    let mut conversation = ready();
    let publication = Publication {
        jms_type: Some("DialogState".to_owned()),
        correlation_id: Some("k7".to_owned()),
        reply_to: Some(Destination::queue("back")),
        time_to_live: Some(Duration::from_secs(5)),
        ..Publication::new(Destination::topic("c1"), "hello")
    };
    conversation.send(publication.clone(), NOW);
    conversation.send(publication, NOW);
    let sent = outgoing(&mut conversation);
    let [Command::Message(first), Command::Message(second)] = &sent[..] else {
        panic!("{sent:?}");
    };
    assert_eq!(first.body(), Ok(Body::Text(Text::from("hello"))));
    assert_eq!((first.timestamp, first.expiration), (NOW, NOW + 5_000));
    assert_eq!((first.persistent, first.response_required), (false, false));
    assert_eq!(
        (first.priority, first.jms_type.clone()),
        (4, Some(Text::from("DialogState")))
    );
    let id = |message: &Message| message.message_id.as_ref().unwrap().to_string();
    assert_eq!(
        (id(first), id(second)),
        ("ID:test:1:1:1".to_owned(), "ID:test:1:1:2".to_owned())
    );
    assert_ne!(first.command_id, second.command_id);
}

#[test]
fn only_what_is_persistent_and_unconfirmed_is_sent_again_and_under_its_id() {
    let mut conversation = ready();
    let persistent = |text: &str| Publication {
        persistent: true,
        ..Publication::new(Destination::queue("q"), text)
    };
    conversation.send(persistent("confirmed"), NOW);
    conversation.send(persistent("unconfirmed"), NOW);
    conversation.send(Publication::new(Destination::topic("t"), "event"), NOW);
    let temporary = Destination::new(DestinationKind::TempQueue, "ID:x:1");
    conversation.send(Publication::new(temporary, "reply"), NOW);
    let sent = outgoing(&mut conversation);
    let asked: Vec<bool> = sent.iter().map(Command::response_required).collect();
    assert_eq!(asked, [true, true, false, true]);
    hear(&mut conversation, response(sent[0].command_id()));
    conversation.lost();
    assert_eq!(conversation.counts.unconfirmed.get(), 1);
    assert_eq!(open(&mut conversation), sent[1..2]);
    hear(&mut conversation, response(sent[1].command_id()));
    conversation.lost();
    assert_eq!(open(&mut conversation), []);
}

#[test]
fn a_reply_to_a_vanished_destination_is_counted_and_everything_goes_on() {
    let mut conversation = ready();
    let temporary = Destination::new(DestinationKind::TempTopic, "ID:x:1");
    conversation.send(Publication::new(temporary, "reply"), NOW);
    let number = outgoing(&mut conversation)[0].command_id();
    let class = "org.apache.activemq.DestinationDoesNotExistException";
    hear(&mut conversation, refusal(number, class));
    assert_eq!(conversation.counts.refused.get(), 1);
    assert!(conversation.may_send());
}

#[test]
fn nothing_is_sent_before_the_broker_let_us_in_or_beyond_what_it_confirms() {
    let mut conversation = conversation();
    assert!(!conversation.may_send());
    conversation.opened();
    assert!(!conversation.may_send());
    conversation.lost();
    open(&mut conversation);
    for _ in 0..UNCONFIRMED {
        assert!(conversation.may_send());
        let publication = Publication {
            persistent: true,
            ..Publication::new(Destination::queue("q"), "x")
        };
        conversation.send(publication, NOW);
    }
    assert!(!conversation.may_send());
    let first = conversation.poll_outgoing().unwrap();
    hear(&mut conversation, response(first.command_id()));
    assert!(conversation.may_send());
    let second = conversation.poll_outgoing().unwrap();
    conversation.unsendable(&second);
    assert_eq!(conversation.unconfirmed.len(), UNCONFIRMED - 2);
}

#[test]
fn the_good_bye_says_what_was_taken_over_and_waits_for_its_answer() {
    let mut conversation = ready();
    let arrival = deliver(&mut conversation, message(1), 0).unwrap();
    conversation.decided(Verdict::Taken(arrival.key));
    acks(&mut conversation);
    conversation.take_no_more();
    assert_eq!(deliver(&mut conversation, message(2), 0), None);
    conversation.leave();
    let sent = outgoing(&mut conversation);
    let [
        Command::RemoveInfo(consumer),
        Command::RemoveInfo(connection),
    ] = &sent[..]
    else {
        panic!("{sent:?}");
    };
    assert_eq!(consumer.last_delivered_sequence_id, 101);
    assert!(connection.response_required && !conversation.has_left());
    let number = connection.command_id;
    hear(&mut conversation, response(number));
    assert!(conversation.has_left());
    assert!(matches!(
        outgoing(&mut conversation)[..],
        [Command::ShutdownInfo(_)]
    ));
}

#[test]
fn ids_of_what_was_taken_over_are_forgotten_at_last() {
    let mut conversation = ready();
    for sequence in 0..=REMEMBERED as i64 {
        let arrival = deliver(&mut conversation, message(sequence), 0).unwrap();
        conversation.decided(Verdict::Taken(arrival.key));
        outgoing(&mut conversation);
    }
    assert_eq!(conversation.taken.len(), REMEMBERED);
    assert!(deliver(&mut conversation, message(0), 1).is_some());
    assert!(deliver(&mut conversation, message(1), 1).is_none());
}

/// The consumers that are asked for: each one's number and destination.
fn asked(commands: &[Command]) -> Vec<(i64, Destination)> {
    let infos = commands.iter().filter_map(|command| match command {
        Command::ConsumerInfo(info) => Some(info),
        _ => None,
    });
    infos
        .map(|info| {
            let id = info.consumer_id.clone().unwrap();
            (id.value, info.destination.clone().unwrap())
        })
        .collect()
}

fn settled(conversation: &mut Conversation) -> Vec<(Destination, Result<(), ConsumeError>)> {
    std::iter::from_fn(|| conversation.poll_settled()).collect()
}

#[test]
fn several_destinations_are_consumed_and_each_message_is_acknowledged_by_its_consumer() {
    let mut conversation = with_topics(&["cc.a", "cc.>"]);
    conversation.opened();
    let opening = outgoing(&mut conversation);
    let expected = [
        (1, Destination::topic("cc.a")),
        (2, Destination::topic("cc.>")),
    ];
    assert_eq!(asked(&opening), expected);
    for command in &opening {
        assert!(!conversation.is_ready());
        hear(&mut conversation, response(command.command_id()));
    }
    assert!(conversation.is_ready());
    // A topic that two of them match is heard by both.
    let mut keys = Vec::new();
    for number in [1, 2] {
        let mut dispatch = dispatch(&conversation, message(1), 0);
        dispatch.consumer_id = Some(conversation.consumer_id(number));
        hear(&mut conversation, dispatch);
        keys.push(conversation.poll_arrival().unwrap().key);
    }
    for (number, key) in [1, 2].into_iter().zip(keys) {
        conversation.decided(Verdict::Taken(key));
        let sent = outgoing(&mut conversation);
        let [Command::MessageAck(ack)] = &sent[..] else {
            panic!("{sent:?}");
        };
        assert_eq!(ack.consumer_id, Some(conversation.consumer_id(number)));
    }
}

#[test]
fn a_topic_is_added_and_given_up_while_the_connection_goes_on_and_comes_anew() {
    let mut conversation = with_topics(&["cc.a"]);
    open(&mut conversation);
    let topic = Destination::topic("cc.b");
    conversation.consume(topic.clone());
    let sent = outgoing(&mut conversation);
    assert_eq!(asked(&sent), [(2, topic.clone())]);
    assert_eq!(settled(&mut conversation), []);
    hear(&mut conversation, response(sent[0].command_id()));
    assert_eq!(settled(&mut conversation), [(topic.clone(), Ok(()))]);
    // Asked for again it is there already, and nothing is sent.
    conversation.consume(topic.clone());
    assert_eq!(settled(&mut conversation), [(topic.clone(), Ok(()))]);
    assert_eq!(outgoing(&mut conversation), []);
    conversation.lost();
    conversation.opened();
    let opening = outgoing(&mut conversation);
    let both = [(1, Destination::topic("cc.a")), (2, topic.clone())];
    assert_eq!(asked(&opening), both);
    for command in &opening {
        hear(&mut conversation, response(command.command_id()));
    }
    assert!(conversation.is_ready());
    let mut held = dispatch(&conversation, message(1), 0);
    held.consumer_id = Some(conversation.consumer_id(2));
    hear(&mut conversation, held);
    let arrival = conversation.poll_arrival().unwrap();
    conversation.give_up(&topic);
    let sent = outgoing(&mut conversation);
    let [Command::RemoveInfo(gone)] = &sent[..] else {
        panic!("{sent:?}");
    };
    let expected = ObjectId::Consumer(conversation.consumer_id(2));
    assert_eq!(gone.object_id, Some(expected));
    // The broker holds nothing for it any more.
    conversation.decided(Verdict::Taken(arrival.key));
    assert_eq!(outgoing(&mut conversation), []);
    conversation.lost();
    conversation.opened();
    assert_eq!(asked(&outgoing(&mut conversation)).len(), 1);
    // What the settings name stays.
    conversation.give_up(&Destination::topic("cc.a"));
    assert_eq!(conversation.consumers.iter().count(), 1);
}

#[test]
fn a_topic_that_is_refused_is_given_up_and_the_rest_goes_on() {
    let mut conversation = with_topics(&["cc.a"]);
    let class = "java.lang.SecurityException";
    let refused = |why: &str| {
        Err(ConsumeError::Refused {
            destination: "topic://cc.b".to_owned(),
            why: why.to_owned(),
        })
    };
    let topic = Destination::topic("cc.b");
    // While it is away, and so at the next opening; and while it is ready.
    conversation.consume(topic.clone());
    conversation.opened();
    let opening = outgoing(&mut conversation);
    assert_eq!(asked(&opening).len(), 2);
    for command in &opening {
        let number = command.command_id();
        let second = matches!(command, Command::ConsumerInfo(info) if info.destination == Some(topic.clone()));
        match second {
            true => hear(&mut conversation, refusal(number, class)),
            false => hear(&mut conversation, response(number)),
        }
    }
    assert!(conversation.is_ready());
    let why = r"java.lang.SecurityException: no\nentry";
    let told = settled(&mut conversation);
    assert_eq!(told, [(topic.clone(), refused(why))]);
    conversation.consume(topic.clone());
    let number = outgoing(&mut conversation)[0].command_id();
    hear(&mut conversation, refusal(number, class));
    assert_eq!(settled(&mut conversation), [(topic, refused(why))]);
    assert!(conversation.is_ready());
    assert_eq!(conversation.consumers.iter().count(), 1);
}

#[test]
fn a_topic_given_up_before_it_was_answered_harms_nobody() {
    let mut conversation = with_topics(&["cc.a"]);
    let topic = Destination::topic("cc.b");
    conversation.consume(topic.clone());
    conversation.opened();
    let opening = outgoing(&mut conversation);
    conversation.give_up(&topic);
    let given_up = (topic, Err(ConsumeError::GivenUp));
    assert_eq!(settled(&mut conversation), [given_up]);
    for command in &opening {
        let number = command.command_id();
        match matches!(command, Command::ConsumerInfo(_)) && number != opening[2].command_id() {
            true => hear(
                &mut conversation,
                refusal(number, "java.lang.SecurityException"),
            ),
            false => hear(&mut conversation, response(number)),
        }
    }
    assert!(conversation.is_ready());
}

#[test]
fn there_is_an_end_to_what_is_consumed() {
    let mut conversation = with_topics(&[]);
    for n in 0..=crate::openwire::consumers::CONSUMERS {
        conversation.consume(Destination::topic(format!("t{n}").as_str()));
    }
    let last = settled(&mut conversation);
    let topic = Destination::topic(format!("t{}", crate::openwire::consumers::CONSUMERS).as_str());
    assert_eq!(last, [(topic, Err(ConsumeError::TooMany))]);
}
