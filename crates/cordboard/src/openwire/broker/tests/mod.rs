//! The broker's behaviour, spoken to in commands. [openwire §13]

mod mischief;

use super::{Broker, Link, Output, Settings};
use cordboard_wire::openwire::{
    AckType, Command, ConnectionId, ConnectionInfo, ConsumerId, ConsumerInfo, Destination,
    DestinationInfo, DestinationKind, DestinationOperation, ExceptionResponse, Headers, Message,
    MessageAck, MessageDispatch, MessageId, MessagePull, ObjectId, ProducerId, ProducerInfo,
    RemoveInfo, RemoveSubscriptionInfo, SessionId, SessionInfo, Text, TransactionId,
    TransactionInfo, UNKNOWN_DELIVERED,
};
use cordboard_wire::openwire::{ConsumerControl, LocalTransactionId, TransactionStep};
use std::sync::Arc;

/// A broker, and what it said to each client.
struct Rig {
    broker: Broker,
    now: i64,
    commands: i32,
    heard: Vec<(Link, Command)>,
    closed: Vec<Link>,
}

fn rig() -> Rig {
    rig_with(|_| {})
}

fn rig_with(change: impl FnOnce(&mut Settings)) -> Rig {
    let mut settings = Settings::default();
    change(&mut settings);
    Rig {
        broker: Broker::new(settings),
        now: 1_000_000,
        commands: 0,
        heard: Vec::new(),
        closed: Vec::new(),
    }
}

const ONE: Link = Link(1);
const TWO: Link = Link(2);
const NONE: [i64; 0] = [];

fn name(link: Link) -> Text {
    Text::from(format!("c{}", link.0).as_str())
}

fn consumer_id(link: Link, number: i64) -> ConsumerId {
    ConsumerId {
        connection_id: Some(name(link)),
        session_id: 1,
        value: number,
    }
}

fn producer_id(link: Link) -> ProducerId {
    ProducerId {
        connection_id: Some(name(link)),
        value: 1,
        session_id: 1,
    }
}

fn consumer(link: Link, number: i64, destination: Destination, prefetch: i32) -> ConsumerInfo {
    ConsumerInfo {
        consumer_id: Some(consumer_id(link, number)),
        destination: Some(destination),
        prefetch_size: prefetch,
        ..ConsumerInfo::default()
    }
}

fn queue() -> Destination {
    Destination::queue("q")
}

impl Rig {
    /// Hands a command in; what came to whom is kept.
    fn tells(&mut self, link: Link, command: impl Into<Command>) {
        self.hands(link, command.into(), false);
    }

    fn hands(&mut self, link: Link, mut command: Command, wants: bool) {
        self.commands += 1;
        command.set_head(self.commands, wants);
        self.broker.handle(link, command, self.now);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.broker.poll() {
            match output {
                Output::Send(link, command) => self.heard.push((link, *command)),
                Output::Close(link, _) => self.closed.push(link),
            }
        }
    }

    /// Hands a command in and waits for its answer: the class and text of a refusal.
    fn asks(&mut self, link: Link, command: impl Into<Command>) -> Result<(), (String, String)> {
        self.hands(link, command.into(), true);
        let number = self.commands;
        let at = self.heard.iter().position(|(to, command)| {
            let answered = match command {
                Command::Response(response) => response.correlation_id,
                Command::ExceptionResponse(refused) => refused.correlation_id,
                Command::DataArrayResponse(list) => list.correlation_id,
                _ => return false,
            };
            *to == link && answered == number
        });
        match self.heard.remove(at.expect("one answer")).1 {
            Command::ExceptionResponse(ExceptionResponse {
                exception: Some(exception),
                ..
            }) => {
                let text = |text: Option<Text>| text.unwrap_or_default().to_string();
                Err((text(exception.class), text(exception.message)))
            }
            _ => Ok(()),
        }
    }

    /// A client with a session and a producer.
    fn joins(&mut self, link: Link) {
        self.broker.opened(link, format!("127.0.0.1:{}", link.0));
        self.asks(link, connection(link)).unwrap();
        let session_id = Some(SessionId {
            connection_id: Some(name(link)),
            value: 1,
        });
        let session = SessionInfo {
            session_id,
            ..SessionInfo::default()
        };
        self.asks(link, Command::SessionInfo(session)).unwrap();
        let producer = ProducerInfo {
            producer_id: Some(producer_id(link)),
            ..ProducerInfo::default()
        };
        self.asks(link, Command::ProducerInfo(producer)).unwrap();
        self.heard.clear();
    }

    fn listens(&mut self, link: Link, info: ConsumerInfo) {
        self.asks(link, Command::ConsumerInfo(info)).unwrap();
    }

    fn sends(&mut self, link: Link, to: Destination, number: i64) {
        self.tells(link, message(link, to, number));
    }

    /// The dispatches since the last time, as consumer, message and redelivery counter; -1 is the end.
    fn dispatches(&mut self) -> Vec<(i64, i64, i32)> {
        let dispatched = self
            .heard
            .drain(..)
            .filter_map(|(_, command)| match command {
                Command::MessageDispatch(dispatch) => Some(dispatch),
                _ => None,
            });
        let shown = dispatched.map(|dispatch: MessageDispatch| {
            let id = dispatch.message.as_ref().and_then(|m| m.message_id.clone());
            let number = id.map_or(-1, |id| id.producer_sequence_id);
            (
                dispatch.consumer_id.unwrap_or_default().value,
                number,
                dispatch.redelivery_counter,
            )
        });
        shown.collect()
    }

    fn numbers(&mut self) -> Vec<i64> {
        self.dispatches()
            .iter()
            .map(|(_, number, _)| *number)
            .collect()
    }

    fn acks(&mut self, link: Link, by: i64, kind: AckType, first: Option<i64>, last: i64) {
        let count = last - first.unwrap_or(last) + 1;
        let ack = ack(link, by, kind, first, last, count);
        self.asks(link, Command::MessageAck(ack)).unwrap();
    }

    fn removes_consumer(&mut self, link: Link, number: i64, delivered: i64) {
        let id = ObjectId::Consumer(consumer_id(link, number));
        self.asks(link, removal(id, delivered)).unwrap();
    }

    fn transacts(&mut self, link: Link, step: TransactionStep) -> Result<(), (String, String)> {
        let info = TransactionInfo {
            transaction_id: Some(transaction(link)),
            step: step.into(),
            ..TransactionInfo::default()
        };
        self.asks(link, Command::TransactionInfo(info))
    }
}

fn connection(link: Link) -> Command {
    Command::ConnectionInfo(ConnectionInfo {
        connection_id: Some(ConnectionId {
            value: Some(name(link)),
        }),
        client_id: Some(name(link)),
        ..ConnectionInfo::default()
    })
}

fn message(link: Link, to: Destination, number: i64) -> Message {
    let headers = Headers {
        producer_id: Some(producer_id(link)),
        destination: Some(to),
        message_id: Some(MessageId {
            producer_id: Some(producer_id(link)),
            producer_sequence_id: number,
            ..MessageId::default()
        }),
        ..Headers::default()
    };
    Message {
        headers,
        ..Message::default()
    }
}

fn ack(
    link: Link,
    by: i64,
    kind: AckType,
    first: Option<i64>,
    last: i64,
    count: i64,
) -> MessageAck {
    let id = |number: i64| message(ONE, queue(), number).headers.message_id;
    MessageAck {
        destination: Some(queue()),
        consumer_id: Some(consumer_id(link, by)),
        ack_type: kind.into(),
        first_message_id: first.and_then(id),
        last_message_id: id(last),
        message_count: i32::try_from(count).unwrap(),
        ..MessageAck::default()
    }
}

fn removal(id: ObjectId, delivered: i64) -> Command {
    Command::RemoveInfo(RemoveInfo {
        object_id: Some(id),
        last_delivered_sequence_id: delivered,
        ..RemoveInfo::default()
    })
}

fn transaction(link: Link) -> TransactionId {
    TransactionId::Local(LocalTransactionId {
        value: 1,
        connection_id: Some(ConnectionId {
            value: Some(name(link)),
        }),
    })
}

fn refused(class: &str, text: &str) -> Result<(), (String, String)> {
    Err((class.to_owned(), text.to_owned()))
}

#[test]
fn ow_28_a_session_or_consumer_before_the_connection_is_refused_and_the_socket_stays() {
    let mut rig = rig();
    rig.broker.opened(ONE, "127.0.0.1:1".to_owned());
    let listens = consumer(ONE, 1, queue(), 1);
    assert_eq!(
        rig.asks(ONE, Command::ConsumerInfo(listens.clone())),
        refused(
            "java.lang.IllegalStateException",
            "Cannot add a consumer to a connection that had not been registered: c1:1:1"
        )
    );
    rig.asks(ONE, connection(ONE)).unwrap();
    assert_eq!(
        rig.asks(ONE, Command::ConsumerInfo(listens)),
        refused(
            "java.lang.IllegalStateException",
            "Cannot add a consumer to a session that had not been registered: c1:1:1"
        )
    );
    assert_eq!(rig.closed, []);
}

#[test]
fn ow_29_a_client_id_is_one_connections_until_that_is_gone() {
    let mut rig = rig();
    rig.joins(ONE);
    rig.broker.opened(TWO, "127.0.0.1:2".to_owned());
    let Command::ConnectionInfo(mut info) = connection(TWO) else {
        panic!("a connection");
    };
    info.client_id = Some(name(ONE));
    let taken = "Broker: cordboard - Client: c1 already connected from tcp://127.0.0.1:1";
    let asked = Command::ConnectionInfo(info.clone());
    assert_eq!(
        rig.asks(TWO, asked.clone()),
        refused("javax.jms.InvalidClientIDException", taken)
    );
    assert_eq!(rig.closed, [TWO]);
    rig.broker.closed(ONE, rig.now);
    rig.asks(TWO, asked).unwrap();
    info.client_id = None;
    rig.broker.opened(ONE, String::new());
    let none = refused(
        "javax.jms.InvalidClientIDException",
        "No clientID specified for connection request",
    );
    assert_eq!(rig.asks(ONE, Command::ConnectionInfo(info)), none);
}

#[test]
fn ow_30_the_same_connection_on_a_new_socket_closes_the_old_one() {
    let mut rig = rig();
    rig.joins(ONE);
    rig.broker.opened(TWO, "127.0.0.1:2".to_owned());
    rig.asks(TWO, connection(ONE)).unwrap();
    assert_eq!(rig.closed, [ONE]);
    rig.broker.closed(ONE, rig.now);
    // The end of the old socket is not the end of the new one.
    let session = SessionInfo::default();
    rig.asks(TWO, Command::SessionInfo(session)).unwrap();
}

#[test]
fn ow_31_wrong_credentials_name_the_user_and_end_the_socket() {
    for (user, shown) in [(None, "null"), (Some("ann"), "ann")] {
        let mut rig = rig();
        rig.broker.opened(ONE, String::new());
        let info = ConnectionInfo {
            command_id: 1,
            response_required: true,
            user_name: user.map(Text::from),
            ..ConnectionInfo::default()
        };
        rig.broker.refuse_credentials(ONE, &info);
        rig.drain();
        let [(ONE, Command::ExceptionResponse(refused))] = rig.heard.as_slice() else {
            panic!("{:?}", rig.heard);
        };
        let text = format!("User name [{shown}] or password is invalid.");
        let exception = refused.exception.clone().unwrap();
        assert_eq!(exception.class, Some("java.lang.SecurityException".into()));
        assert_eq!(exception.message, Some(text.as_str().into()));
        assert_eq!((refused.correlation_id, rig.closed), (1, vec![ONE]));
    }
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

fn transacted(number: i64) -> Message {
    let mut sent = message(ONE, queue(), number);
    sent.transaction_id = Some(transaction(ONE));
    sent
}

#[test]
fn ow_46_what_a_transaction_sends_is_there_when_it_is_committed_and_never_when_undone() {
    let mut rig = rig();
    rig.joins(ONE);
    rig.listens(ONE, consumer(ONE, 1, queue(), 10));
    rig.transacts(ONE, TransactionStep::Begin).unwrap();
    rig.asks(ONE, transacted(1)).unwrap();
    rig.transacts(ONE, TransactionStep::Rollback).unwrap();
    rig.transacts(ONE, TransactionStep::Begin).unwrap();
    for number in [2, 3] {
        rig.asks(ONE, transacted(number)).unwrap();
    }
    assert_eq!(rig.numbers(), NONE);
    rig.transacts(ONE, TransactionStep::CommitOnePhase).unwrap();
    assert_eq!(rig.numbers(), [2, 3]);
}

#[test]
fn ow_47_what_a_transaction_acknowledged_is_done_when_it_is_committed() {
    let mut rig = rig();
    rig.joins(ONE);
    for number in 1..=5 {
        rig.sends(ONE, queue(), number);
    }
    rig.listens(ONE, consumer(ONE, 1, queue(), 10));
    let mut transact = |first, last, end| {
        rig.transacts(ONE, TransactionStep::Begin).unwrap();
        let mut ack = ack(
            ONE,
            1,
            AckType::Standard,
            Some(first),
            last,
            last - first + 1,
        );
        ack.transaction_id = Some(transaction(ONE));
        rig.asks(ONE, Command::MessageAck(ack)).unwrap();
        rig.heard.clear();
        rig.transacts(ONE, end).unwrap();
        assert_eq!(rig.numbers(), NONE, "the client has it still");
    };
    transact(1, 1, TransactionStep::CommitOnePhase);
    transact(2, 2, TransactionStep::Rollback);
    transact(2, 2, TransactionStep::CommitOnePhase);
    rig.removes_consumer(ONE, 1, 0);
    rig.heard.clear();
    rig.listens(ONE, consumer(ONE, 2, queue(), 10));
    assert_eq!(rig.numbers(), [3, 4, 5]);
}

#[test]
fn ow_48_a_transaction_ends_undone_with_its_connection() {
    let mut rig = rig();
    rig.joins(ONE);
    rig.joins(TWO);
    rig.sends(ONE, queue(), 1);
    rig.listens(TWO, consumer(TWO, 1, queue(), 10));
    rig.transacts(TWO, TransactionStep::Begin).unwrap();
    let mut taken = ack(TWO, 1, AckType::Standard, Some(1), 1, 1);
    taken.transaction_id = Some(transaction(TWO));
    rig.asks(TWO, Command::MessageAck(taken)).unwrap();
    let mut sent = message(TWO, queue(), 9);
    sent.transaction_id = Some(transaction(TWO));
    rig.asks(TWO, sent).unwrap();
    rig.broker.closed(TWO, rig.now);
    rig.heard.clear();
    rig.listens(ONE, consumer(ONE, 1, queue(), 10));
    assert_eq!(rig.dispatches(), [(1, 1, 1)]);
}

#[test]
fn ow_49_steps_of_transactions_that_are_none_are_refused() {
    let mut rig = rig();
    rig.joins(ONE);
    assert_eq!(
        rig.transacts(ONE, TransactionStep::CommitOnePhase),
        refused(
            "javax.jms.JMSException",
            "Transaction 'TX:c1:1' has not been started."
        )
    );
    let odd = TransactionInfo {
        step: 77,
        ..TransactionInfo::default()
    };
    assert_eq!(
        rig.asks(ONE, Command::TransactionInfo(odd)),
        refused("java.io.IOException", "Transaction info type unknown: 77")
    );
    rig.transacts(ONE, TransactionStep::Recover).unwrap();
    let xa = TransactionInfo {
        transaction_id: Some(TransactionId::Xa(Default::default())),
        step: TransactionStep::Begin.into(),
        ..TransactionInfo::default()
    };
    assert_eq!(
        rig.asks(ONE, Command::TransactionInfo(xa)),
        refused(
            "javax.transaction.xa.XAException",
            "XA transactions are not supported xaErrorCode:-6"
        )
    );
}

fn durable(number: i64, selector: Option<&str>) -> ConsumerInfo {
    ConsumerInfo {
        subscription_name: Some("s".into()),
        selector: selector.map(Text::from),
        ..consumer(ONE, number, Destination::topic("t"), 10)
    }
}

#[test]
fn ow_50_a_durable_subscription_keeps_what_comes_while_nobody_listens() {
    let mut rig = rig();
    rig.joins(ONE);
    rig.joins(TWO);
    rig.listens(ONE, durable(1, None));
    rig.broker.closed(ONE, rig.now);
    for number in 1..=3 {
        rig.sends(TWO, Destination::topic("t"), number);
    }
    let again = |rig: &mut Rig| {
        rig.joins(ONE);
        rig.listens(ONE, durable(1, None));
        rig.numbers()
    };
    assert_eq!(again(&mut rig), [1, 2, 3]);
    // They are another client's messages: their ids have its name.
    let mut taken = ack(ONE, 1, AckType::Standard, None, 3, 3);
    taken.last_message_id = message(TWO, queue(), 3).headers.message_id;
    rig.asks(ONE, Command::MessageAck(taken)).unwrap();
    rig.broker.closed(ONE, rig.now);
    assert_eq!(again(&mut rig), NONE);
    rig.removes_consumer(ONE, 1, -1);
    rig.asks(ONE, unsubscription("s")).unwrap();
    rig.sends(TWO, Destination::topic("t"), 4);
    rig.broker.closed(ONE, rig.now);
    assert_eq!(again(&mut rig), NONE);
}

fn unsubscription(name: &str) -> Command {
    Command::RemoveSubscriptionInfo(RemoveSubscriptionInfo {
        subscription_name: Some(name.into()),
        ..RemoveSubscriptionInfo::default()
    })
}

#[test]
fn ow_51_a_durable_subscription_is_one_clients_at_a_time() {
    let mut rig = rig();
    rig.joins(ONE);
    rig.listens(ONE, durable(1, None));
    let in_use = "Durable consumer is in use for client: c1 and subscriptionName: s";
    assert_eq!(
        rig.asks(ONE, Command::ConsumerInfo(durable(2, None))),
        refused("javax.jms.JMSException", in_use)
    );
    assert_eq!(
        rig.asks(ONE, unsubscription("s")),
        refused("javax.jms.JMSException", "Durable consumer is in use")
    );
    let unknown = "No durable subscription exists for clientID: c1 and subscriptionName: x";
    assert_eq!(
        rig.asks(ONE, unsubscription("x")),
        refused("javax.jms.InvalidDestinationException", unknown)
    );
    rig.removes_consumer(ONE, 1, -1);
    rig.sends(ONE, Destination::topic("t"), 1);
    rig.heard.clear();
    rig.listens(ONE, durable(3, Some("a = 1")));
    assert_eq!(rig.numbers(), NONE);
}

fn temporary(operation: DestinationOperation) -> Command {
    Command::DestinationInfo(DestinationInfo {
        destination: Some(Destination::new(DestinationKind::TempQueue, "c1:1")),
        operation_type: operation.into(),
        ..DestinationInfo::default()
    })
}

#[test]
fn ow_52_a_temporary_queue_ends_with_its_connection_and_late_answers_are_refused() {
    let mut rig = rig();
    rig.joins(ONE);
    rig.joins(TWO);
    let reply_to = Destination::new(DestinationKind::TempQueue, "c1:1");
    rig.asks(ONE, temporary(DestinationOperation::Add)).unwrap();
    rig.listens(ONE, consumer(ONE, 1, reply_to.clone(), 10));
    rig.sends(TWO, reply_to.clone(), 1);
    assert_eq!(rig.numbers(), [1]);
    rig.broker.closed(ONE, rig.now);
    let class = "org.apache.activemq.DestinationDoesNotExistException";
    let late = rig.asks(TWO, message(TWO, reply_to.clone(), 2));
    assert_eq!(late, refused(class, "temp-queue://c1:1"));
    rig.heard.clear();
    for number in [3, 4] {
        rig.sends(TWO, reply_to.clone(), number);
    }
    let errors = rig.heard.iter();
    let errors = errors.filter(|(_, command)| matches!(command, Command::ConnectionError(_)));
    assert_eq!(errors.count(), 1, "not more than one a second");
}

#[test]
fn ow_53_whoever_listens_to_advisories_is_told_what_there_is_and_what_ends() {
    let mut rig = rig();
    rig.joins(ONE);
    rig.joins(TWO);
    rig.asks(ONE, temporary(DestinationOperation::Add)).unwrap();
    let both = "ActiveMQ.Advisory.TempQueue,ActiveMQ.Advisory.TempTopic";
    let mut listens = consumer(TWO, 1, Destination::topic(both), 1);
    listens.no_local = true;
    if let Some(id) = &mut listens.consumer_id {
        id.session_id = -1;
    }
    rig.listens(TWO, listens);
    rig.broker.closed(ONE, rig.now);
    rig.drain();
    let told: Vec<(String, i8)> = rig
        .heard
        .iter()
        .filter_map(|(link, command)| match command {
            Command::MessageDispatch(dispatch) if *link == TWO => {
                let message = dispatch.message.as_ref()?;
                let info = format!("{:?}", message.data_structure);
                let removed = info.contains("operation_type: 1");
                let topic = dispatch.destination.as_ref()?.to_string();
                Some((topic, i8::from(removed)))
            }
            _ => None,
        })
        .collect();
    let topic = "topic://ActiveMQ.Advisory.TempQueue".to_owned();
    assert_eq!(told, [(topic.clone(), 0), (topic, 1)]);
}

#[test]
fn ow_56_a_bad_selector_is_refused_and_the_connection_stays() {
    let mut rig = rig();
    rig.joins(ONE);
    let with = |number, selector: &str| {
        Command::ConsumerInfo(ConsumerInfo {
            selector: Some(selector.into()),
            ..consumer(ONE, number, queue(), 10)
        })
    };
    assert_eq!(
        rig.asks(ONE, with(1, "a = = b")),
        refused("javax.jms.InvalidSelectorException", "a = = b")
    );
    rig.asks(ONE, with(2, "JMSPriority = 7")).unwrap();
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
fn ow_59_a_list_sends_one_to_each_and_says_what_the_whole_was() {
    let mut rig = rig();
    rig.joins(ONE);
    let list = Destination::queue("a,b,topic://c");
    for (number, destination) in [
        (1, Destination::queue("a")),
        (2, Destination::queue("b")),
        (3, Destination::topic("c")),
    ] {
        rig.listens(ONE, consumer(ONE, number, destination, 10));
    }
    rig.heard.clear();
    rig.sends(ONE, list.clone(), 1);
    for (_, command) in &rig.heard {
        let Command::MessageDispatch(dispatch) = command else {
            panic!("{command:?}");
        };
        let message = dispatch.message.as_ref().unwrap();
        assert_eq!(message.original_destination.as_ref(), Some(&list));
        assert_eq!(message.destination, dispatch.destination);
    }
    assert_eq!(rig.dispatches(), [(1, 1, 0), (2, 1, 0), (3, 1, 0)]);
    let nameless = rig.asks(ONE, message(ONE, Destination::queue(""), 2));
    assert_eq!(
        nameless.unwrap_err().0,
        "javax.jms.InvalidDestinationException"
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
fn ow_75_the_oldest_goes_when_a_listener_is_slow() {
    let mut rig = rig_with(|settings| settings.backlog = 2);
    rig.joins(ONE);
    rig.listens(ONE, consumer(ONE, 1, Destination::topic("t"), 1));
    for number in 1..=5 {
        rig.sends(ONE, Destination::topic("t"), number);
    }
    assert_eq!((rig.numbers(), rig.broker.dropped()), (vec![1], 2));
    rig.acks(ONE, 1, AckType::Standard, Some(1), 1);
    assert_eq!(rig.numbers(), [4]);
}
