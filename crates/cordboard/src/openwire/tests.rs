//! What a connection is held to, on a clock that the test moves and without a socket. [openwire §10.3, §13]

use super::broker;
use super::handle::Terms;
use super::{Counts, start};
use crate::ops::config;
use cordboard_client::openwire::{Door, Reach};
use cordboard_wire::openwire::{
    Command, ConnectionId, ConnectionInfo, ConsumerId, ConsumerInfo, Decoder, Destination, Encoder,
    KeepAliveInfo, Message, Offer, ProducerId, ProducerInfo, SessionId, SessionInfo, agree,
};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::runtime::Handle;
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

fn terms() -> Terms {
    Terms {
        broker: broker::Settings::default(),
        ..Terms::new(&config::Broker::default(), "Connector1")
    }
}

/// Does not want to be kept alive, so that silence is nothing.
fn offer() -> Offer {
    Offer {
        max_inactivity_duration_ms: 0,
        ..Offer::default()
    }
}

/// What the broker is sent, in the encoding that the two agree on.
struct Client {
    stream: DuplexStream,
    encoder: Encoder,
}

impl Client {
    /// Comes through the door and says the greeting.
    async fn greets(reach: &Reach) -> Self {
        let Reach::Inside(door) = reach else {
            panic!("inside");
        };
        let mut client = Self {
            stream: enter(door).await,
            encoder: Encoder::default(),
        };
        client.says(offer().to_info()).await;
        let agreed = agree(&offer(), &Offer::default()).unwrap();
        client.encoder.settle(agreed.format);
        client
    }

    fn frame(&mut self, command: impl Into<Command>) -> Vec<u8> {
        let mut frame = Vec::new();
        self.encoder.encode(&command.into(), &mut frame).unwrap();
        frame
    }

    async fn says(&mut self, command: impl Into<Command>) {
        let frame = self.frame(command);
        self.stream.write_all(&frame).await.unwrap();
    }

    /// With a session and a producer, all without asking.
    async fn joins(&mut self, name: &str) {
        let id = || Some(name.into());
        self.says(ConnectionInfo {
            connection_id: Some(ConnectionId { value: id() }),
            client_id: id(),
            ..ConnectionInfo::default()
        })
        .await;
        let session_id = Some(SessionId {
            connection_id: id(),
            value: 1,
        });
        self.says(SessionInfo {
            session_id,
            ..SessionInfo::default()
        })
        .await;
        let producer_id = Some(ProducerId {
            connection_id: id(),
            value: 1,
            session_id: 1,
        });
        self.says(ProducerInfo {
            producer_id,
            ..ProducerInfo::default()
        })
        .await;
    }

    async fn listens(&mut self, name: &str, topic: &str) {
        self.says(ConsumerInfo {
            consumer_id: Some(ConsumerId {
                connection_id: Some(name.into()),
                session_id: 1,
                value: 1,
            }),
            destination: Some(Destination::topic(topic)),
            prefetch_size: 32_767,
            ..ConsumerInfo::default()
        })
        .await;
    }

    /// Reads until the end, and says how long that took.
    async fn end(&mut self) -> Duration {
        let begun = Instant::now();
        let mut heard = Vec::new();
        self.stream.read_to_end(&mut heard).await.unwrap();
        begun.elapsed()
    }
}

async fn enter(door: &Door) -> DuplexStream {
    door.enter().await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn ow_23_who_does_not_say_who_he_is_within_30_seconds_is_sent_away() {
    let (handle, _running) = start(terms(), Counts::default(), &Handle::current());
    let reach = handle.join_inside();
    let Reach::Inside(door) = &reach else {
        panic!("inside");
    };
    let begun = Instant::now();
    let mut silent = enter(door).await;
    let mut heard = Vec::new();
    silent.read_to_end(&mut heard).await.unwrap();
    assert_eq!(begun.elapsed().as_secs(), 30);
    // Nothing but our greeting.
    let greeting = Decoder::default().decode(&heard.into()).unwrap();
    assert!(matches!(greeting, Some(Command::WireFormatInfo(_))));
    let mut nameless = Client::greets(&reach).await;
    assert_eq!(nameless.end().await.as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn ow_25_without_a_duration_there_is_no_keep_alive_and_no_end() {
    let (handle, _running) = start(terms(), Counts::default(), &Handle::current());
    let mut quiet = Client::greets(&handle.join_inside()).await;
    quiet.joins("quiet").await;
    let mut heard = [0; 4096];
    // The clock jumps whenever no task has anything to do.
    let hour = Duration::from_secs(3600);
    let mut reads = 0;
    while let Ok(read) = tokio::time::timeout(hour, quiet.stream.read(&mut heard)).await {
        assert!(read.unwrap() > 0, "it ends");
        reads += 1;
    }
    // What answers the beginning, and nothing in the hour after it.
    assert!((1..10).contains(&reads), "{reads}");
    quiet
        .says(KeepAliveInfo {
            command_id: 9,
            response_required: true,
        })
        .await;
    assert!(quiet.stream.read(&mut heard).await.unwrap() > 0);
}

#[tokio::test(start_paused = true)]
async fn ow_73_a_frame_that_is_not_whole_after_a_minute_ends_the_connection() {
    let counts = Counts::default();
    let (handle, _running) = start(terms(), counts.clone(), &Handle::current());
    let mut client = Client::greets(&handle.join_inside()).await;
    client.joins("slow").await;
    let frame = client.frame(Message::text(Some(&"x".repeat(200).as_str().into())));
    let begun = Instant::now();
    for byte in frame {
        tokio::time::advance(SECOND).await;
        if client.stream.write_all(&[byte]).await.is_err() {
            break;
        }
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }
    let took = begun.elapsed().as_secs();
    assert!((60..=62).contains(&took), "{took}");
    assert_eq!(counts.given_up.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn ow_75_who_reads_nothing_for_30_seconds_is_sent_away_and_the_others_stay() {
    let counts = Counts::default();
    let (handle, _running) = start(terms(), counts.clone(), &Handle::current());
    let reach = handle.join_inside();
    let mut stuck = Client::greets(&reach).await;
    stuck.joins("stuck").await;
    stuck.listens("stuck", "t").await;
    let mut sender = Client::greets(&reach).await;
    sender.joins("sender").await;
    let mut message = Message::text(Some(&"x".repeat(60_000).as_str().into()));
    message.destination = Some(Destination::topic("t"));
    message.producer_id = Some(ProducerId {
        connection_id: Some("sender".into()),
        value: 1,
        session_id: 1,
    });
    for _ in 0..100 {
        sender.says(message.clone()).await;
    }
    while counts.accepted.get() < 100 {
        tokio::task::yield_now().await;
    }
    assert!(counts.bytes.get() > 0);
    let begun = Instant::now();
    while counts.connections.get() > 1 {
        sender.says(KeepAliveInfo::default()).await;
        tokio::time::sleep(SECOND).await;
    }
    let took = begun.elapsed().as_secs();
    assert!((30..=32).contains(&took), "{took}");
    // Nothing of what waited for it is kept.
    drop(sender);
    while counts.bytes.get() > 0 {
        tokio::time::sleep(SECOND).await;
    }
    assert_eq!(counts.given_up.get(), 1);
}

#[tokio::test]
async fn a_stop_says_what_is_on_its_way_and_ends_everybody() {
    let (handle, running) = start(terms(), Counts::default(), &Handle::current());
    let mut client = Client::greets(&handle.join_inside()).await;
    client.joins("one").await;
    client.listens("one", "t").await;
    running.stop().await;
    client.end().await;
    let Reach::Inside(door) = handle.join_inside() else {
        panic!("inside");
    };
    assert!(door.enter().await.is_err(), "nobody is there any more");
}
