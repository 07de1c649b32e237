//! Ids belong to identities: what one user connects with, sends or reads is of no use against another. [openwire §7.1]

use super::*;

fn user(name: &str) -> Identity {
    Identity {
        user: Some(name.into()),
        ..Identity::default()
    }
}

fn inside() -> Identity {
    Identity {
        inside: true,
        ..Identity::default()
    }
}

/// A `ConnectionInfo` with ids of the sender's choice.
fn connects(connection: &str, client: &str) -> Command {
    Command::ConnectionInfo(ConnectionInfo {
        connection_id: Some(ConnectionId {
            value: Some(connection.into()),
        }),
        client_id: Some(client.into()),
        ..ConnectionInfo::default()
    })
}

impl Rig {
    fn arrives(&mut self, link: Link, identity: Identity) {
        self.broker.opened(link, format!("127.0.0.1:{}", link.0));
        self.broker.identify(link, identity);
    }
}

#[test]
fn a_connection_id_is_taken_over_by_its_owner_only() {
    let mut rig = rig();
    rig.joins_as(ONE, user("ann"));
    rig.arrives(TWO, user("eve"));
    let text = "Broker: cordboard - Connection: c1 belongs to another client";
    let taken = refused("javax.jms.InvalidClientIDException", text);
    assert_eq!(rig.asks(TWO, connects("c1", "eve")), taken);
    assert_eq!(rig.closed, [TWO]);
    assert!(rig.broker.is_connected(ONE));
    // The owner itself is back, and its old socket goes.
    rig.arrives(Link(3), user("ann"));
    rig.asks(Link(3), connects("c1", "c1")).unwrap();
    assert_eq!(rig.closed, [TWO, ONE]);
    // Without users, all those at one address are one owner.
    let mut rig = super::rig();
    rig.joins(ONE);
    rig.broker.opened(TWO, "127.0.0.2:1".to_owned());
    assert!(rig.asks(TWO, connects("c1", "x")).is_err());
    rig.broker.opened(Link(3), "127.0.0.1:3".to_owned());
    rig.asks(Link(3), connects("c1", "c1")).unwrap();
}

#[test]
fn no_id_of_a_client_keeps_this_process_out() {
    let mut rig = rig();
    rig.arrives(ONE, user("eve"));
    rig.asks(ONE, connects("ID:inside", "cordboard")).unwrap();
    rig.arrives(TWO, inside());
    rig.asks(TWO, connects("ID:inside", "cordboard")).unwrap();
    assert_eq!(rig.closed, [ONE]);
    rig.arrives(Link(3), user("eve"));
    assert!(
        rig.asks(Link(3), connects("ID:inside", "cordboard"))
            .is_err()
    );
    assert!(rig.broker.is_connected(TWO));
}

#[test]
fn a_client_id_of_another_user_is_neither_taken_nor_in_the_way() {
    let mut rig = rig();
    rig.arrives(ONE, user("ann"));
    rig.asks(ONE, connects("c1", "desk")).unwrap();
    rig.arrives(TWO, user("eve"));
    rig.asks(TWO, connects("c2", "desk")).unwrap();
    // One user's own second client is refused as ever.
    rig.arrives(Link(3), user("ann"));
    let text = "Broker: cordboard - Client: desk already connected from tcp://127.0.0.1:1";
    let taken = refused("javax.jms.InvalidClientIDException", text);
    assert_eq!(rig.asks(Link(3), connects("c3", "desk")), taken);
}

#[test]
fn a_durable_subscription_belongs_to_its_user() {
    let mut rig = rig();
    rig.joins_as(ONE, user("ann"));
    let mut durable = consumer(ONE, 1, Destination::topic("t"), 10);
    durable.subscription_name = Some("s".into());
    rig.listens(ONE, durable);
    rig.asks(
        ONE,
        removal(
            ObjectId::Connection(ConnectionId {
                value: Some(name(ONE)),
            }),
            0,
        ),
    )
    .unwrap();
    // Another user with the same client id neither removes nor reads it.
    rig.arrives(TWO, user("eve"));
    rig.asks(TWO, connects("c2", "c1")).unwrap();
    let text = "No durable subscription exists for clientID: c1 and subscriptionName: s";
    let none = refused("javax.jms.InvalidDestinationException", text);
    assert_eq!(rig.asks(TWO, unsubscription("s")), none);
    rig.joins_as(Link(3), user("bob"));
    rig.sends(Link(3), Destination::topic("t"), 1);
    rig.arrives(Link(4), user("ann"));
    rig.asks(Link(4), connects("c4", "c1")).unwrap();
    rig.asks(Link(4), unsubscription("s")).unwrap();
}

#[test]
fn a_message_carries_its_producers_own_id_whatever_was_written_there() {
    let mut rig = rig();
    rig.joins_as(ONE, user("ann"));
    rig.joins_as(TWO, user("eve"));
    rig.joins_as(Link(3), inside());
    rig.listens(Link(3), consumer(Link(3), 1, queue(), 10));
    let mut forged = message(TWO, queue(), 7);
    forged.headers.message_id = message(ONE, queue(), 7).headers.message_id;
    rig.tells(TWO, forged);
    rig.sends(ONE, queue(), 7);
    let ids = rig.heard.iter().filter_map(|(_, command)| match command {
        Command::MessageDispatch(dispatch) => dispatch.message.as_ref()?.message_id.clone(),
        _ => None,
    });
    let producers: Vec<Option<ProducerId>> = ids.map(|id| id.producer_id).collect();
    assert_eq!(producers, [Some(producer_id(TWO)), Some(producer_id(ONE))]);
}

#[test]
fn what_came_before_a_cut_is_known_for_its_owner_only() {
    let mut rig = rig();
    rig.joins_as(ONE, user("ann"));
    rig.sends(ONE, queue(), 1);
    rig.broker.closed(ONE, rig.now);
    let again = |id: Link| {
        let Command::ConnectionInfo(mut info) = connection(ONE) else {
            unreachable!("it is one")
        };
        info.failover_reconnect = true;
        info.client_id = Some(name(id));
        Command::ConnectionInfo(info)
    };
    let reopens = |rig: &mut Rig, link: Link| {
        rig.asks(link, again(link)).unwrap();
        let session_id = Some(SessionId {
            connection_id: Some(name(ONE)),
            value: 1,
        });
        let session = SessionInfo {
            session_id,
            ..SessionInfo::default()
        };
        rig.tells(link, Command::SessionInfo(session));
        let producer = ProducerInfo {
            producer_id: Some(producer_id(ONE)),
            ..ProducerInfo::default()
        };
        rig.tells(link, Command::ProducerInfo(producer));
        rig.tells(link, message(ONE, queue(), 1));
    };
    // Another user under the same id does not learn what was sent, nor use it up.
    rig.arrives(TWO, user("eve"));
    reopens(&mut rig, TWO);
    assert_eq!(rig.broker.counted().repeated, 0);
    rig.broker.closed(TWO, rig.now);
    rig.arrives(Link(3), user("ann"));
    reopens(&mut rig, Link(3));
    assert_eq!(rig.broker.counted().repeated, 1);
}

fn temp(name: &str, operation: DestinationOperation) -> Command {
    Command::DestinationInfo(DestinationInfo {
        destination: Some(Destination::new(DestinationKind::TempQueue, name)),
        operation_type: operation.into(),
        ..DestinationInfo::default()
    })
}

#[test]
fn a_temporary_destination_is_named_after_its_own_connection_and_no_longer_one() {
    let mut rig = rig();
    rig.arrives(ONE, user("ann"));
    rig.asks(ONE, connects("ID:ann-1:1", "ann")).unwrap();
    rig.arrives(TWO, user("eve"));
    rig.asks(TWO, connects("ID:ann-1", "eve")).unwrap();
    let text = "not supported by this broker: a temporary destination of another client";
    let refusal = refused("javax.jms.JMSException", text);
    // The name begins with its id, but it is one of the other's.
    let add = DestinationOperation::Add;
    assert_eq!(rig.asks(TWO, temp("ID:ann-1:1:1", add)), refusal);
    rig.asks(ONE, temp("ID:ann-1:1:1", add)).unwrap();
    let remove = DestinationOperation::Remove;
    assert_eq!(rig.asks(TWO, temp("ID:ann-1:1:1", remove)), refusal);
    for odd in ["ID:ann-1", "ID:ann-1:", "ID:ann-1:x", "ID:ann-1:1:"] {
        assert_eq!(rig.asks(TWO, temp(odd, add)), refusal, "{odd}");
    }
    rig.asks(TWO, temp("ID:ann-1:1", add)).unwrap();
}

#[test]
fn a_temporary_destination_goes_although_its_consumer_still_listens() {
    let mut rig = rig();
    rig.joins(ONE);
    rig.asks(ONE, temporary(DestinationOperation::Add)).unwrap();
    let name = Destination::new(DestinationKind::TempQueue, "c1:1");
    rig.listens(ONE, consumer(ONE, 1, name, 1));
    rig.asks(ONE, temporary(DestinationOperation::Remove))
        .unwrap();
    let topic = |operation: DestinationOperation| {
        Command::DestinationInfo(DestinationInfo {
            destination: Some(Destination::topic("t")),
            operation_type: operation.into(),
            ..DestinationInfo::default()
        })
    };
    rig.listens(ONE, consumer(ONE, 2, Destination::topic("t"), 1));
    rig.asks(ONE, topic(DestinationOperation::Remove)).unwrap();
    rig.listens(ONE, consumer(ONE, 3, queue(), 1));
    let text = "Destination: queue://q still has an active subscription";
    let plain = Command::DestinationInfo(DestinationInfo {
        destination: Some(queue()),
        operation_type: DestinationOperation::Remove.into(),
        ..DestinationInfo::default()
    });
    assert_eq!(
        rig.asks(ONE, plain),
        refused("javax.jms.JMSException", text)
    );
}

#[test]
fn who_listens_to_a_topic_is_told_only_to_those_who_may_read_it() {
    let mut rig = rig();
    let rights = |name: &str| {
        let own = ["topic://cc.{user}.>", "topic://ActiveMQ.Advisory.>"];
        let own = own.map(str::to_owned);
        Identity {
            rights: Some(Arc::new(crate::openwire::broker::Rights::new(
                name,
                &own,
                &[],
                &[],
            ))),
            ..user(name)
        }
    };
    rig.joins_as(ONE, rights("ann"));
    rig.joins_as(TWO, rights("eve"));
    rig.joins_as(Link(3), inside());
    let all = Destination::topic("ActiveMQ.Advisory.Consumer.Topic.>");
    for link in [ONE, TWO, Link(3)] {
        rig.listens(link, consumer(link, 9, all.clone(), 100));
    }
    rig.heard.clear();
    let mut info = consumer(ONE, 1, Destination::topic("cc.ann.a"), 5);
    info.selector = Some("secret = 'x'".into());
    info.broker_path = Some(Vec::new());
    rig.listens(ONE, info);
    rig.removes_consumer(ONE, 1, 0);
    let mut told = Vec::new();
    for (link, command) in &rig.heard {
        let Command::MessageDispatch(dispatch) = command else {
            continue;
        };
        let about = dispatch.message.as_ref().unwrap().data_structure.clone();
        told.push(*link);
        if let Some(cordboard_wire::openwire::Any::Command(about)) = about
            && let Command::ConsumerInfo(shown) = *about
        {
            assert_eq!((shown.selector, shown.broker_path), (None, None));
            assert_eq!(shown.consumer_id, Some(consumer_id(ONE, 1)));
        }
    }
    assert_eq!(told, [ONE, Link(3), ONE, Link(3)]);
}

#[test]
fn ids_and_headers_that_could_not_be_sent_on_are_refused_on_arrival() {
    let mut rig = rig();
    rig.arrives(ONE, user("ann"));
    let long = "x".repeat(1_025);
    for (connection, client) in [(long.as_str(), "c"), ("c", long.as_str())] {
        let text = "a connection or client id of more than 1024 bytes";
        let refusal = refused("javax.jms.InvalidClientIDException", text);
        assert_eq!(rig.asks(ONE, connects(connection, client)), refusal);
    }
    rig.joins_as(ONE, user("ann"));
    rig.listens(ONE, consumer(ONE, 1, queue(), 10));
    let sent = |len: usize, header: fn(&mut Headers) -> &mut Option<Text>| {
        let mut sent = message(ONE, queue(), 1);
        *header(&mut sent.headers) = Some("x".repeat(len).as_str().into());
        sent
    };
    let headers: [fn(&mut Headers) -> &mut Option<Text>; 3] = [
        |headers| &mut headers.correlation_id,
        |headers| &mut headers.jms_type,
        |headers| &mut headers.group_id,
    ];
    for header in headers {
        rig.asks(ONE, sent(32_766, header)).unwrap();
        assert_eq!(rig.numbers(), [1]);
        let text = "a header of 32767 bytes cannot be delivered; 32766 is the maximum";
        let refusal = refused("javax.jms.MessageFormatException", text);
        assert_eq!(rig.asks(ONE, sent(32_767, header)), refusal);
        assert_eq!(rig.numbers(), NONE);
    }
}
