//! The broker's behaviour, spoken to in commands. [openwire §13]

mod bounds;
mod clients;
mod hostile;
mod identity;
mod mischief;
mod queues;
mod strangers;
mod topics;
mod transactions;

use super::{Broker, Identity, Link, Output, Settings};
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

    /// Has the broker do all that is left to do; what came to whom is kept.
    fn drain(&mut self) {
        loop {
            self.take_outputs();
            let Some(link) = self.broker.links_with_work().first().copied() else {
                return;
            };
            self.broker.work(link, self.now);
        }
    }

    fn take_outputs(&mut self) {
        while let Some(output) = self.broker.poll() {
            match output {
                Output::Send(link, command) => self.heard.push((link, *command)),
                Output::Dispatch(link, dispatch) => {
                    self.heard.push((link, dispatch.command.into()));
                }
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
        self.joins_as(link, Identity::default());
    }

    fn joins_as(&mut self, link: Link, identity: Identity) {
        self.broker.opened(link, format!("127.0.0.1:{}", link.0));
        self.broker.identify(link, identity);
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

fn unsubscription(name: &str) -> Command {
    Command::RemoveSubscriptionInfo(RemoveSubscriptionInfo {
        subscription_name: Some(name.into()),
        ..RemoveSubscriptionInfo::default()
    })
}

fn temporary(operation: DestinationOperation) -> Command {
    Command::DestinationInfo(DestinationInfo {
        destination: Some(Destination::new(DestinationKind::TempQueue, "c1:1")),
        operation_type: operation.into(),
        ..DestinationInfo::default()
    })
}
