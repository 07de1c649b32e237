//! A broker that does what the test tells it: one connection after the other, command by command.

#![allow(dead_code, reason = "each test program that has it uses a part of it")]

use cordboard_client::openwire::Address;
use cordboard_wire::openwire::{
    Command, Decoder, Destination, Encoder, Format, Message, MessageDispatch, MessageId, Offer,
    ProducerId, Response, SIZE_LEN, Structure as _, Text, agree, frame_len,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What has not happened by then does not happen.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// The queue that the client consumes.
pub(crate) const QUEUE: &str = "Connector1";

/// Waits for something that must happen.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, what)
        .await
        .expect("it did not happen in time")
}

/// A listening broker.
pub(crate) struct Broker {
    listener: TcpListener,
}

impl Broker {
    pub(crate) async fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { listener }
    }

    pub(crate) fn port(&self) -> u16 {
        self.listener.local_addr().unwrap().port()
    }

    pub(crate) fn address(&self) -> Address {
        Address {
            host: "127.0.0.1".to_owned(),
            port: self.port(),
        }
    }

    /// Listens where a broker was until now.
    pub(crate) async fn listen_again(address: &Address) -> Self {
        let listener = TcpListener::bind((address.host.as_str(), address.port)).await;
        Self {
            listener: listener.unwrap(),
        }
    }

    pub(crate) async fn stream(&self) -> TcpStream {
        soon(self.listener.accept()).await.unwrap().0
    }

    /// The next connection, after both greetings.
    pub(crate) async fn accept(&self) -> Peer<TcpStream> {
        Peer::greet(self.stream().await).await
    }

    /// The next connection, with everything granted that it asks for.
    pub(crate) async fn let_in(&self) -> Peer<TcpStream> {
        let mut peer = self.accept().await;
        peer.open().await;
        peer
    }

    /// Is nobody at the door?
    pub(crate) async fn is_alone(&self) -> bool {
        tokio::select! {
            biased;
            _ = self.listener.accept() => false,
            () = std::future::ready(()) => true,
        }
    }
}

/// The broker's end of a connection.
pub(crate) struct Peer<S> {
    pub(crate) stream: S,
    decoder: Decoder,
    encoder: Encoder,
    format: Format,
    /// What opened the connection.
    pub(crate) opening: Vec<Command>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    pub(crate) async fn greet(stream: S) -> Self {
        let offer = Offer {
            max_frame_size: Some(64 << 20),
            ..Offer::default()
        };
        let format = agree(&offer, &offer).unwrap().format;
        let mut peer = Self {
            stream,
            decoder: Decoder::default(),
            encoder: Encoder::new(format),
            format,
            opening: Vec::new(),
        };
        let Command::WireFormatInfo(info) = peer.hear().await else {
            panic!("no greeting");
        };
        let theirs = info.offer().unwrap();
        let format = agree(&offer, &theirs).unwrap().format;
        peer.say(offer.to_info()).await;
        peer.decoder.settle(format);
        peer.encoder.settle(format);
        peer.format = format;
        peer
    }

    /// The client's next command that is no keep-alive.
    pub(crate) async fn hear(&mut self) -> Command {
        self.hear_or_end().await.expect("the client closed")
    }

    /// The same; `None` at the end.
    pub(crate) async fn hear_or_end(&mut self) -> Option<Command> {
        soon(async {
            loop {
                let mut size = [0; SIZE_LEN];
                self.stream.read_exact(&mut size).await.ok()?;
                let mut frame = size.to_vec();
                frame.resize(frame_len(size, 64 << 20).unwrap(), 0);
                self.stream.read_exact(&mut frame[SIZE_LEN..]).await.ok()?;
                let command = self.decoder.decode(&frame.into()).unwrap();
                if let Some(command) = command
                    && !matches!(command, Command::KeepAliveInfo(_))
                {
                    return Some(command);
                }
            }
        })
        .await
    }

    pub(crate) async fn say(&mut self, command: impl Into<Command>) {
        let mut frame = Vec::new();
        self.encoder.encode(&command.into(), &mut frame).unwrap();
        soon(self.stream.write_all(&frame)).await.unwrap();
        soon(self.stream.flush()).await.unwrap();
    }

    pub(crate) async fn answer(&mut self, number: i32) {
        let response = Response {
            correlation_id: number,
            ..Response::default()
        };
        self.say(response).await;
    }

    /// Grants the connection, the session, the consumer and the producer.
    pub(crate) async fn open(&mut self) {
        for expected in [
            "ConnectionInfo",
            "SessionInfo",
            "ConsumerInfo",
            "ProducerInfo",
        ] {
            let command = self.hear().await;
            assert_eq!(command.name(), expected);
            self.answer(command.command_id()).await;
            self.opening.push(command);
        }
    }

    /// Dispatches this message to the client's consumer.
    pub(crate) async fn dispatch(&mut self, message: Message, redelivered: i32) {
        let queue = Destination::queue(QUEUE);
        self.dispatch_of(queue, message, redelivered).await;
    }

    /// The same, of this destination.
    pub(crate) async fn dispatch_of(
        &mut self,
        destination: Destination,
        message: Message,
        redelivered: i32,
    ) {
        let consumer = self.opening.iter().find_map(|command| match command {
            Command::ConsumerInfo(info) => info.consumer_id.clone(),
            _ => None,
        });
        self.say(MessageDispatch {
            consumer_id: consumer,
            destination: Some(destination),
            message: Some(Arc::new(message)),
            redelivery_counter: redelivered,
            ..MessageDispatch::default()
        })
        .await;
    }

    /// The client's next command must be the acknowledgement of one message; its text's number.
    pub(crate) async fn hear_ack(&mut self) -> i64 {
        match self.hear().await {
            Command::MessageAck(ack) => {
                assert_eq!((ack.ack_type, ack.message_count), (2, 1));
                ack.last_message_id.unwrap().producer_sequence_id
            }
            other => panic!("{other:?}"),
        }
    }

    /// The client's next command must be a message.
    pub(crate) async fn hear_message(&mut self) -> Arc<Message> {
        match self.hear().await {
            Command::Message(message) => message,
            other => panic!("{other:?}"),
        }
    }
}

/// A text message to the queue, from another client.
pub(crate) fn message(number: i64) -> Message {
    let mut message = Message::text(Some(&Text::from(format!("text {number}"))));
    message.message_id = Some(MessageId {
        producer_id: Some(ProducerId {
            connection_id: Some(Text::from("ID:other")),
            value: 1,
            session_id: 1,
        }),
        producer_sequence_id: number,
        broker_sequence_id: 100 + number,
        ..MessageId::default()
    });
    message
}

/// A zlib stream of some kilobytes that stands for `megabytes` of zeros, 1032 to 1.
pub(crate) fn bomb(megabytes: usize) -> Vec<u8> {
    let mut bits = Vec::new();
    // Numbers go with their lowest bit first, codes with their first.
    let mut number = |value: u32, len: u32| (0..len).for_each(|n| bits.push(value >> n & 1 == 1));
    number(1, 1); // the last block
    number(2, 2); // with codes of its own:
    number(29, 5); // 286 for literals and lengths,
    number(0, 5); // 1 for distances,
    number(14, 4); // their lengths in a code of 18.
    for place in 0..18 {
        number(
            [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 2][place],
            3,
        );
    }
    let zeros = |bits: &mut Vec<bool>, run: u32| {
        bits.push(false);
        (0..7).for_each(|n| bits.push((run - 11) >> n & 1 == 1));
    };
    bits.extend([true, true]); // literal 0: two bits
    zeros(&mut bits, 138);
    zeros(&mut bits, 117);
    bits.extend([true, true]); // end: two bits
    zeros(&mut bits, 28);
    bits.extend([true, false]); // 258 bytes again: one bit
    bits.extend([true, false]); // from one byte before: one bit
    bits.extend([true, false]); // literal 0, and then nothing but zeros
    let mut bytes = vec![0x78, 0x9c];
    for eight in bits.chunks(8) {
        let byte = eight.iter().enumerate();
        bytes.push(byte.fold(0, |byte, (n, bit)| byte | u8::from(*bit) << n));
    }
    bytes.resize(megabytes * 1_000_000 / 1_032, 0);
    bytes
}
