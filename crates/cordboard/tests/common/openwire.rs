//! A client of the broker that writes its frames itself, over a real socket.

#![allow(
    dead_code,
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    reason = "each test program uses a part of it, and a test that cannot go on must stop"
)]

use super::{LIMIT, Server};
use cordboard::ops::config::Config;
use cordboard_wire::openwire::{
    AckType, Command, ConnectionId, ConnectionInfo, ConsumerId, ConsumerInfo, Decoder, Destination,
    DestinationInfo, DestinationKind, DestinationOperation, Encoder, FlushCommand, Headers,
    LocalTransactionId, Message, MessageAck, MessageDispatch, MessageId, ObjectId, Offer,
    ProducerId, ProducerInfo, RemoveInfo, SIZE_LEN, SessionId, SessionInfo, Structure as _, Text,
    TransactionId, TransactionInfo, TransactionStep, agree, frame_len,
};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A lab whose broker listens; nobody uses its phones.
pub async fn broker(change: impl FnOnce(&mut Config)) -> (Server, SocketAddr) {
    broker_of("", change).await
}

/// The same, with a directory.
pub async fn broker_of(directory: &str, change: impl FnOnce(&mut Config)) -> (Server, SocketAddr) {
    let server = Server::start(directory, |config| {
        config.listen.openwire = "127.0.0.1:0".into();
        // The command queue is one like others here.
        config.cti.broker = "off".into();
        change(config);
    })
    .await;
    let address = server.program.addresses.openwire.unwrap();
    (server, address)
}

/// Waits for something that must happen.
pub async fn soon<T>(what: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(LIMIT, what).await;
    done.expect("it did not happen in time")
}

/// What a refusal is to a client: a class and a text.
pub type Refused = (String, String);

pub struct Raw {
    pub stream: TcpStream,
    pub decoder: Decoder,
    pub encoder: Encoder,
    /// What the broker wishes.
    pub offer: Offer,
    name: String,
    numbers: i32,
    /// Heard while something else was waited for.
    heard: VecDeque<Command>,
}

impl Raw {
    /// Connected, both greetings said.
    pub async fn greet(address: SocketAddr, offer: &Offer) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut raw = Self {
            stream,
            decoder: Decoder::default(),
            encoder: Encoder::default(),
            offer: Offer::default(),
            name: String::new(),
            numbers: 0,
            heard: VecDeque::new(),
        };
        raw.say(offer.to_info()).await;
        let Command::WireFormatInfo(info) = raw.hear().await else {
            panic!("no greeting");
        };
        raw.offer = info.offer().unwrap();
        let agreed = agree(offer, &raw.offer).unwrap();
        raw.decoder.settle(agreed.format);
        raw.encoder.settle(agreed.format);
        raw
    }

    /// A client of this name, with session 1 and producer 1, which may send anywhere.
    pub async fn join(address: SocketAddr, name: &str) -> Self {
        Self::join_with(address, name, &wishes(), |_| {}).await
    }

    pub async fn join_with(
        address: SocketAddr,
        name: &str,
        offer: &Offer,
        change: impl FnOnce(&mut ConnectionInfo),
    ) -> Self {
        let mut raw = Self::greet(address, offer).await;
        raw.enter(name, change).await.unwrap();
        raw.open().await;
        // The broker's introduction, and that it is let in.
        raw.heard.clear();
        raw
    }

    /// Says who it is.
    pub async fn enter(
        &mut self,
        name: &str,
        change: impl FnOnce(&mut ConnectionInfo),
    ) -> Result<(), Refused> {
        self.name = name.to_owned();
        let mut info = ConnectionInfo {
            connection_id: Some(ConnectionId {
                value: Some(name.into()),
            }),
            client_id: Some(name.into()),
            ..ConnectionInfo::default()
        };
        change(&mut info);
        self.ask(info).await
    }

    /// Session 1 and producer 1.
    pub async fn open(&mut self) {
        let session = SessionInfo {
            session_id: Some(SessionId {
                connection_id: Some(self.name.as_str().into()),
                value: 1,
            }),
            ..SessionInfo::default()
        };
        self.ask(session).await.unwrap();
        let producer = ProducerInfo {
            producer_id: Some(self.producer_id()),
            ..ProducerInfo::default()
        };
        self.ask(producer).await.unwrap();
    }

    /// What its ids begin with, before it has said who it is.
    pub fn call_it(&mut self, name: &str) {
        self.name = name.to_owned();
    }

    pub fn producer_id(&self) -> ProducerId {
        ProducerId {
            connection_id: Some(self.name.as_str().into()),
            value: 1,
            session_id: 1,
        }
    }

    pub fn consumer_id(&self, number: i64) -> ConsumerId {
        ConsumerId {
            connection_id: Some(self.name.as_str().into()),
            session_id: 1,
            value: number,
        }
    }

    pub async fn say(&mut self, command: impl Into<Command>) {
        let mut frame = Vec::new();
        self.encoder.encode(&command.into(), &mut frame).unwrap();
        soon(self.stream.write_all(&frame)).await.unwrap();
    }

    /// Says it under the next number, and asks for an answer: what it is.
    pub async fn answer_to(&mut self, command: impl Into<Command>) -> Command {
        self.numbers += 1;
        let number = self.numbers;
        let mut command = command.into();
        command.set_head(number, true);
        self.say(command).await;
        let mut passed = VecDeque::new();
        loop {
            let command = self.hear().await;
            if correlation(&command) == Some(number) {
                passed.append(&mut self.heard);
                self.heard = passed;
                return command;
            }
            passed.push_back(command);
        }
    }

    pub async fn ask(&mut self, command: impl Into<Command>) -> Result<(), Refused> {
        match self.answer_to(command).await {
            Command::ExceptionResponse(refused) => {
                let exception = refused.exception.unwrap();
                let text = |text: Option<Text>| text.unwrap_or_default().to_string();
                Err((text(exception.class), text(exception.message)))
            }
            _ => Ok(()),
        }
    }

    /// The broker's next command that is no keep-alive.
    pub async fn hear(&mut self) -> Command {
        self.hear_or_end().await.expect("the broker closed")
    }

    /// The same; `None` at the end.
    pub async fn hear_or_end(&mut self) -> Option<Command> {
        if let Some(heard) = self.heard.pop_front() {
            return Some(heard);
        }
        loop {
            let command = self.frame().await?;
            if !matches!(command, Command::KeepAliveInfo(_)) {
                return Some(command);
            }
        }
    }

    /// The next frame, whatever it is; `None` at the end.
    pub async fn frame(&mut self) -> Option<Command> {
        soon(async {
            let mut size = [0; SIZE_LEN];
            self.stream.read_exact(&mut size).await.ok()?;
            let mut frame = size.to_vec();
            frame.resize(frame_len(size, 64 << 20).unwrap(), 0);
            self.stream.read_exact(&mut frame[SIZE_LEN..]).await.ok()?;
            self.decoder.decode(&frame.into()).unwrap()
        })
        .await
    }

    /// Waits for the end; what came before it.
    pub async fn until_closed(&mut self) -> Vec<Command> {
        let mut heard = Vec::new();
        while let Some(command) = self.hear_or_end().await {
            heard.push(command);
        }
        heard
    }

    pub fn consumer(&self, number: i64, destination: Destination, prefetch: i32) -> ConsumerInfo {
        ConsumerInfo {
            consumer_id: Some(self.consumer_id(number)),
            destination: Some(destination),
            prefetch_size: prefetch,
            ..ConsumerInfo::default()
        }
    }

    pub async fn listen(&mut self, number: i64, destination: Destination) {
        let info = self.consumer(number, destination, 1000);
        self.ask(info).await.unwrap();
    }

    /// A text message of its producer, numbered.
    pub fn message(&self, to: Destination, number: i64, text: &str) -> Message {
        let mut message = Message::text(Some(&text.into()));
        message.headers = Headers {
            producer_id: Some(self.producer_id()),
            destination: Some(to),
            message_id: Some(MessageId {
                producer_id: Some(self.producer_id()),
                producer_sequence_id: number,
                ..MessageId::default()
            }),
            ..message.headers
        };
        message
    }

    pub async fn send(&mut self, to: Destination, number: i64, text: &str) {
        let message = self.message(to, number, text);
        self.ask(message).await.unwrap();
    }

    /// The next dispatch.
    pub async fn dispatch(&mut self) -> MessageDispatch {
        loop {
            if let Command::MessageDispatch(dispatch) = self.hear().await {
                return dispatch;
            }
        }
    }

    /// The next message and its redelivery counter.
    pub async fn received(&mut self) -> (Arc<Message>, i32) {
        let dispatch = self.dispatch().await;
        let counter = dispatch.redelivery_counter;
        (dispatch.message.expect("a message"), counter)
    }

    /// The next message's number.
    pub async fn number(&mut self) -> i64 {
        number(&self.received().await.0)
    }

    /// All dispatches that are on their way, those that were passed over included: what the broker has to say before it answers.
    pub async fn dispatched(&mut self) -> Vec<MessageDispatch> {
        self.ask(FlushCommand::default()).await.unwrap();
        let heard = self.heard.drain(..).filter_map(|command| match command {
            Command::MessageDispatch(dispatch) => Some(dispatch),
            _ => None,
        });
        heard.collect()
    }

    /// Their numbers; -1 is a dispatch without a message.
    pub async fn numbers(&mut self) -> Vec<i64> {
        let dispatched = self.dispatched().await;
        dispatched.iter().map(number_of).collect()
    }

    /// Their numbers with their redelivery counters.
    pub async fn counters(&mut self) -> Vec<(i64, i32)> {
        let dispatched = self.dispatched().await;
        let shown = dispatched
            .iter()
            .map(|d| (number_of(d), d.redelivery_counter));
        shown.collect()
    }

    /// An acknowledgement of messages that a producer of this name sent.
    pub fn ack(
        &self,
        by: i64,
        kind: AckType,
        sender: &str,
        first: Option<i64>,
        last: i64,
    ) -> MessageAck {
        let id = |number| MessageId {
            producer_id: Some(ProducerId {
                connection_id: Some(sender.into()),
                value: 1,
                session_id: 1,
            }),
            producer_sequence_id: number,
            ..MessageId::default()
        };
        MessageAck {
            consumer_id: Some(self.consumer_id(by)),
            ack_type: kind.into(),
            first_message_id: first.map(id),
            last_message_id: Some(id(last)),
            message_count: i32::try_from(last - first.unwrap_or(last) + 1).unwrap(),
            ..MessageAck::default()
        }
    }

    /// Acknowledges messages of its own.
    pub async fn acks(&mut self, by: i64, kind: AckType, first: Option<i64>, last: i64) {
        let name = self.name.clone();
        let ack = self.ack(by, kind, &name, first, last);
        self.ask(ack).await.unwrap();
    }

    /// Its first transaction.
    pub fn transaction(&self) -> TransactionId {
        TransactionId::Local(LocalTransactionId {
            value: 1,
            connection_id: Some(ConnectionId {
                value: Some(self.name.as_str().into()),
            }),
        })
    }

    pub async fn transact(&mut self, step: TransactionStep) -> Result<(), Refused> {
        let info = TransactionInfo {
            transaction_id: Some(self.transaction()),
            step: step.into(),
            ..TransactionInfo::default()
        };
        self.ask(info).await
    }

    /// A temporary destination of its own comes or goes.
    pub fn temporary(
        &self,
        kind: DestinationKind,
        operation: DestinationOperation,
    ) -> DestinationInfo {
        DestinationInfo {
            destination: Some(self.temporary_name(kind)),
            operation_type: operation.into(),
            ..DestinationInfo::default()
        }
    }

    pub fn temporary_name(&self, kind: DestinationKind) -> Destination {
        Destination::new(kind, format!("{}:1", self.name).as_str())
    }

    /// The socket ends without a word.
    pub fn cut(self) {
        self.stream.set_zero_linger().unwrap();
    }

    /// Acknowledges a message by itself.
    pub async fn acknowledge(&mut self, by: i64, message: &Message) {
        let id = message.message_id.clone();
        let ack = MessageAck {
            destination: message.destination.clone(),
            consumer_id: Some(self.consumer_id(by)),
            ack_type: AckType::Standard.into(),
            first_message_id: id.clone(),
            last_message_id: id,
            message_count: 1,
            ..MessageAck::default()
        };
        self.ask(ack).await.unwrap();
    }
}

/// Everything that comes until the end, which may be a reset.
pub async fn bytes_until_closed(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    soon(async {
        while let Ok(count) = stream.read(&mut chunk).await
            && count > 0
        {
            bytes.extend_from_slice(&chunk[..count]);
        }
    })
    .await;
    bytes
}

/// The commands in these bytes, which are loose and without a cache.
pub fn names(mut bytes: &[u8]) -> Vec<&'static str> {
    let mut names = Vec::new();
    let mut decoder = Decoder::default();
    while let Some(size) = bytes.first_chunk::<SIZE_LEN>() {
        let (frame, rest) = bytes.split_at(frame_len(*size, 64 << 20).unwrap());
        let command = decoder.decode(&frame.to_vec().into()).unwrap().unwrap();
        names.push(command.name());
        if names.len() == 1 {
            decoder.settle(agree(&wishes(), &wishes()).unwrap().format);
        }
        bytes = rest;
    }
    names
}

/// A frame before anything was agreed on.
pub fn frame(command: &Command) -> Vec<u8> {
    let mut frame = Vec::new();
    Encoder::default().encode(command, &mut frame).unwrap();
    frame
}

fn number_of(dispatch: &MessageDispatch) -> i64 {
    dispatch.message.as_deref().map_or(-1, number)
}

/// That a consumer goes.
pub fn removal(id: ConsumerId) -> RemoveInfo {
    removal_after(id, -1)
}

/// That a consumer goes whose program was given messages up to the one that the broker numbered so.
pub fn removal_after(id: ConsumerId, delivered: i64) -> RemoveInfo {
    RemoveInfo {
        object_id: Some(ObjectId::Consumer(id)),
        last_delivered_sequence_id: delivered,
        ..RemoveInfo::default()
    }
}

pub fn number(message: &Message) -> i64 {
    message.message_id.as_ref().unwrap().producer_sequence_id
}

/// What a client without wishes of its own says.
pub fn wishes() -> Offer {
    Offer {
        max_frame_size: Some(64 << 20),
        ..Offer::default()
    }
}

fn correlation(command: &Command) -> Option<i32> {
    match command {
        Command::Response(response) => Some(response.correlation_id),
        Command::ExceptionResponse(refused) => Some(refused.correlation_id),
        Command::DataArrayResponse(list) => Some(list.correlation_id),
        Command::DataResponse(data) => Some(data.correlation_id),
        Command::IntegerResponse(number) => Some(number.correlation_id),
        _ => None,
    }
}
