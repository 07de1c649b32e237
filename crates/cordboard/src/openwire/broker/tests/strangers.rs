//! What a client may do with what is not its own: nothing. [openwire §7.2]

use super::*;
use crate::openwire::broker::{Identity, Rights};

fn state(text: &str) -> Result<(), (String, String)> {
    refused("java.lang.IllegalStateException", text)
}

fn forbidden(user: &str, act: &str, destination: &str) -> Result<(), (String, String)> {
    let text = format!("User {user} is not authorized to {act}: {destination}");
    refused("java.lang.SecurityException", &text)
}

#[test]
fn ids_of_another_connection_are_of_no_use() {
    let mut rig = rig();
    rig.joins(ONE);
    rig.joins(TWO);
    rig.listens(ONE, consumer(ONE, 1, queue(), 1));
    rig.sends(ONE, queue(), 1);
    rig.sends(ONE, queue(), 2);
    assert_eq!(rig.numbers(), [1]);
    let cannot = |what: &str, id: &str| {
        state(&format!(
            "Cannot add a {what} to a connection that had not been registered: {id}"
        ))
    };
    let listens = Command::ConsumerInfo(consumer(ONE, 2, queue(), 1));
    assert_eq!(rig.asks(TWO, listens), cannot("consumer", "c1:1:2"));
    let producer = ProducerInfo {
        producer_id: Some(producer_id(ONE)),
        ..ProducerInfo::default()
    };
    assert_eq!(rig.asks(TWO, producer), cannot("producer", "c1:1:1"));
    let foreign = SessionId {
        connection_id: Some(name(ONE)),
        value: 7,
    };
    let session = SessionInfo {
        session_id: Some(foreign.clone()),
        ..SessionInfo::default()
    };
    assert_eq!(rig.asks(TWO, session), cannot("session", "c1:7"));
    let not_there = |what: &str, id: &str| {
        state(&format!(
            "Cannot remove a {what} that had not been registered: {id}"
        ))
    };
    for (id, what, shown) in [
        (
            ObjectId::Consumer(consumer_id(ONE, 1)),
            "consumer",
            "c1:1:1",
        ),
        (ObjectId::Producer(producer_id(ONE)), "producer", "c1:1:1"),
        (ObjectId::Session(foreign), "session", "c1:7"),
    ] {
        assert_eq!(rig.asks(TWO, removal(id, 0)), not_there(what, shown));
    }
    // Acknowledgements, pulls and orders for a consumer of somebody else are passed over.
    let taken = ack(ONE, 1, AckType::Standard, None, 1, 1);
    rig.asks(TWO, Command::MessageAck(taken)).unwrap();
    let close = ConsumerControl {
        consumer_id: Some(consumer_id(ONE, 1)),
        close: true,
        ..ConsumerControl::default()
    };
    rig.asks(TWO, Command::ConsumerControl(close)).unwrap();
    let end = ObjectId::Connection(ConnectionId {
        value: Some(name(ONE)),
    });
    rig.asks(TWO, removal(end, 0)).unwrap();
    assert_eq!(rig.numbers(), NONE);
    rig.acks(ONE, 1, AckType::Standard, None, 1);
    assert_eq!(rig.numbers(), [2]);
    // Nor can anybody send as it.
    let forged = message(ONE, queue(), 9);
    let text = "Cannot send message to queue://q with invalid (null) producer state";
    let no_producer = refused("javax.jms.JMSException", text);
    assert_eq!(rig.asks(TWO, forged), no_producer);
}

#[test]
fn a_transaction_or_a_subscription_of_another_client_is_none() {
    let mut rig = rig();
    rig.joins(ONE);
    rig.joins(TWO);
    rig.transacts(ONE, TransactionStep::Begin).unwrap();
    let mut sent = message(ONE, queue(), 1);
    sent.transaction_id = Some(transaction(ONE));
    rig.asks(ONE, sent).unwrap();
    let info = |step: TransactionStep| TransactionInfo {
        transaction_id: Some(transaction(ONE)),
        step: step.into(),
        ..TransactionInfo::default()
    };
    let text = "Transaction 'TX:c1:1' has not been started.";
    let none = refused("javax.jms.JMSException", text);
    for step in [
        TransactionStep::Begin,
        TransactionStep::CommitOnePhase,
        TransactionStep::Rollback,
    ] {
        assert_eq!(rig.asks(TWO, info(step)), none);
    }
    rig.transacts(ONE, TransactionStep::CommitOnePhase).unwrap();
    let mut durable = consumer(ONE, 1, Destination::topic("t"), 1);
    durable.subscription_name = Some("s".into());
    rig.listens(ONE, durable);
    rig.removes_consumer(ONE, 1, -1);
    let unsubscribe = RemoveSubscriptionInfo {
        subscription_name: Some("s".into()),
        client_id: Some(name(ONE)),
        ..RemoveSubscriptionInfo::default()
    };
    let unknown = refused(
        "javax.jms.InvalidDestinationException",
        "No durable subscription exists for clientID: c1 and subscriptionName: s",
    );
    assert_eq!(rig.asks(TWO, unsubscribe.clone()), unknown);
    rig.asks(ONE, unsubscribe).unwrap();
}

#[test]
fn a_temporary_destination_has_its_connections_name_and_is_its_connections_to_remove() {
    let mut rig = rig();
    let early = rig_before_connection();
    assert!(early.is_err());
    rig.joins(ONE);
    rig.joins(TWO);
    rig.asks(ONE, temporary(DestinationOperation::Add)).unwrap();
    let text = "not supported by this broker: a temporary destination of another client";
    let foreign = refused("javax.jms.JMSException", text);
    for operation in [DestinationOperation::Add, DestinationOperation::Remove] {
        assert_eq!(rig.asks(TWO, temporary(operation)), foreign);
    }
    let reply = Destination::new(DestinationKind::TempQueue, "c1:1");
    rig.asks(TWO, message(TWO, reply, 1)).unwrap();
}

/// A temporary queue of a client that has not said who it is.
fn rig_before_connection() -> Result<(), (String, String)> {
    let mut rig = rig();
    rig.broker.opened(ONE, String::new());
    rig.asks(ONE, temporary(DestinationOperation::Add))
}

/// Client 1 is in this process, client 2 is the user ann with the usual rights.
fn guarded() -> Rig {
    let mut rig = rig_with(|settings| {
        settings.command_queue = Some(Destination::queue("Connector1"));
    });
    let list = |items: &[&str]| {
        items
            .iter()
            .map(|item| (*item).to_owned())
            .collect::<Vec<_>>()
    };
    let rights = Rights::new(
        "ann",
        &list(&["topic://cc.{user}.>", "topic://ActiveMQ.Advisory.>"]),
        &list(&["queue://Connector1"]),
        &list(&["topic://cc.{user}.>"]),
    );
    for (link, identity) in [
        (
            ONE,
            Identity {
                inside: true,
                ..Identity::default()
            },
        ),
        (
            TWO,
            Identity {
                user: Some("ann".into()),
                inside: false,
                rights: Some(Arc::new(rights)),
            },
        ),
    ] {
        rig.joins_as(link, identity);
    }
    rig
}

#[test]
fn a_user_does_what_its_rights_say_and_nothing_else() {
    let mut rig = guarded();
    let (queue, topic) = (Destination::queue, Destination::topic);
    let mut number = 0;
    let mut reads = |rig: &mut Rig, from: Destination| {
        number += 1;
        rig.asks(TWO, Command::ConsumerInfo(consumer(TWO, number, from, 1)))
    };
    reads(&mut rig, topic("cc.ann.desk")).unwrap();
    reads(&mut rig, topic("cc.ann.>")).unwrap();
    let both = "ActiveMQ.Advisory.TempQueue,ActiveMQ.Advisory.TempTopic";
    reads(&mut rig, topic(both)).unwrap();
    for (from, shown) in [
        (topic("cc.bob.desk"), "topic://cc.bob.desk"),
        (topic(">"), "topic://>"),
        (queue(">"), "queue://>"),
        (queue("Connector1"), "queue://Connector1"),
        (topic("cc.ann.x,cc.bob.x"), "topic://cc.bob.x"),
    ] {
        assert_eq!(reads(&mut rig, from), forbidden("ann", "read from", shown));
    }
    let writes = |rig: &mut Rig, to: Destination| rig.asks(TWO, message(TWO, to, 1));
    writes(&mut rig, queue("Connector1")).unwrap();
    for (to, shown) in [
        (topic("cc.ann.desk"), "topic://cc.ann.desk"),
        (queue("other"), "queue://other"),
        (queue("Connector1,other"), "queue://other"),
    ] {
        assert_eq!(writes(&mut rig, to), forbidden("ann", "write to", shown));
    }
    let add = Command::DestinationInfo(DestinationInfo {
        destination: Some(queue("other")),
        operation_type: DestinationOperation::Add.into(),
        ..DestinationInfo::default()
    });
    assert_eq!(
        rig.asks(TWO, add),
        forbidden("ann", "create", "queue://other")
    );
    // Whoever is told a temporary destination may answer to it; only its owner listens.
    rig.asks(ONE, temporary(DestinationOperation::Add)).unwrap();
    let reply = Destination::new(DestinationKind::TempQueue, "c1:1");
    writes(&mut rig, reply.clone()).unwrap();
    let listens = reads(&mut rig, reply);
    assert_eq!(listens, forbidden("ann", "read from", "temp-queue://c1:1"));
}

#[test]
fn a_message_carries_its_senders_user_whatever_was_written_there() {
    let mut rig = guarded();
    rig.listens(ONE, consumer(ONE, 1, Destination::queue("Connector1"), 10));
    rig.heard.clear();
    let mut forged = message(TWO, Destination::queue("Connector1"), 1);
    forged.user_id = Some("bob".into());
    rig.tells(TWO, forged);
    let Some((ONE, Command::MessageDispatch(dispatch))) = rig.heard.pop() else {
        panic!("{:?}", rig.heard);
    };
    assert_eq!(dispatch.message.unwrap().user_id, Some("ann".into()));
}

#[test]
fn the_command_queue_is_this_processes_alone_even_where_everything_is_allowed() {
    let mut rig = rig_with(|settings| {
        settings.command_queue = Some(Destination::queue("Connector1"));
    });
    rig.joins(TWO);
    rig.listens(TWO, consumer(TWO, 1, Destination::queue(">"), 10));
    let command = || message(TWO, Destination::queue("Connector1"), 1);
    rig.asks(TWO, command()).unwrap();
    let mut browses = consumer(TWO, 2, Destination::queue("Connector*,>"), 10);
    browses.browser = true;
    rig.listens(TWO, browses);
    assert_eq!(rig.numbers(), [-1], "nothing but the end of the browsing");
    let listens = Command::ConsumerInfo(consumer(TWO, 3, Destination::queue("Connector1"), 1));
    let refused = forbidden("null", "read from", "queue://Connector1");
    assert_eq!(rig.asks(TWO, listens), refused);
    let inside = Identity {
        inside: true,
        ..Identity::default()
    };
    rig.joins_as(ONE, inside);
    rig.listens(ONE, consumer(ONE, 1, Destination::queue("Connector1"), 10));
    assert_eq!(rig.numbers(), [1]);
}

#[test]
fn nobody_but_the_broker_says_what_becomes_of_temporary_destinations() {
    let mut rig = rig();
    rig.joins(ONE);
    let topic = Destination::topic("ActiveMQ.Advisory.TempQueue");
    let forbidden = forbidden("null", "write to", "topic://ActiveMQ.Advisory.TempQueue");
    assert_eq!(rig.asks(ONE, message(ONE, topic, 1)), forbidden);
}
