//! Our OpenWire client against a broker that is told what to do. [openwire §8, §13]

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

#[path = "openwire_client/broker.rs"]
mod broker;

use broker::{Broker, LIMIT, Peer, QUEUE, bomb, message, soon};
use cordboard::edge::tls::{ensure_lab_certificate, server_config};
use cordboard_client::openwire::{
    Address, Client, Counts, Delivery, Door, Publication, Reach, Settings, Started, Status, Target,
    start,
};
use cordboard_client::tls::{Trust, client_config};
use cordboard_wire::Secret;
use cordboard_wire::openwire::{
    Body, Command, ConnectionControl, ConnectionError, ConnectionInfo, ControlCommand, Destination,
    DestinationKind, ExceptionResponse, MessageDispatch, MessageKind, NONE_DELIVERED, ObjectId,
    Response, Text, Throwable,
};
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

const SPRING: &str = "org.springframework.context.support.ClassPathXmlApplicationContext";

/// The client under test.
struct Under {
    client: Client,
    deliveries: mpsc::Receiver<Delivery>,
    task: tokio::task::JoinHandle<()>,
    shutdown: watch::Sender<bool>,
}

impl Under {
    fn test(settings: Settings) -> Self {
        let (shutdown, signal) = watch::channel(false);
        let Started {
            client,
            deliveries,
            task,
        } = start(settings, Counts::default(), signal);
        Self {
            client,
            deliveries,
            task,
            shutdown,
        }
    }

    async fn until(&self, reached: impl Fn(&Status) -> bool) -> Status {
        let mut status = self.client.status();
        let status = soon(status.wait_for(reached)).await;
        status.unwrap().clone()
    }

    async fn ready(&self) -> Status {
        self.until(Status::is_ready).await
    }

    async fn away(&self) -> (String, bool) {
        match self
            .until(|status| matches!(status, Status::Away { .. }))
            .await
        {
            Status::Away { why, refused, .. } => (why, refused),
            other => panic!("{other:?}"),
        }
    }

    async fn delivery(&mut self) -> Delivery {
        soon(self.deliveries.recv()).await.unwrap()
    }

    fn publish(&self, text: impl Into<String>) {
        let publication = Publication::new(Destination::topic("events"), text);
        self.client.publish(publication);
    }
}

fn settings(addresses: Vec<Address>) -> Settings {
    let mut settings = Settings::new(addresses, "cordboard", QUEUE);
    settings.delays.first = Duration::from_millis(10);
    settings
}

async fn connected(
    change: impl FnOnce(&mut Settings),
) -> (Broker, Peer<tokio::net::TcpStream>, Under) {
    let broker = Broker::listen().await;
    let mut settings = settings(vec![broker.address()]);
    change(&mut settings);
    let under = Under::test(settings);
    let peer = broker.let_in().await;
    under.ready().await;
    (broker, peer, under)
}

fn text(delivery: &Delivery) -> String {
    match delivery.body() {
        Body::Text(text) => text.to_string(),
        other => panic!("{other:?}"),
    }
}

fn connection(peer: &Peer<tokio::net::TcpStream>) -> &ConnectionInfo {
    match &peer.opening[0] {
        Command::ConnectionInfo(info) => info,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn messages_come_and_go() {
    let (_broker, mut peer, mut under) = connected(|_| {}).await;
    peer.dispatch(message(1), 0).await;
    let delivery = under.delivery().await;
    assert_eq!(
        (text(&delivery), delivery.redelivered()),
        ("text 1".to_owned(), 0)
    );
    delivery.acknowledge();
    assert_eq!(peer.hear_ack().await, 1);
    under.client.publish(Publication {
        jms_type: Some("DialogState".to_owned()),
        correlation_id: Some("k7".to_owned()),
        time_to_live: Some(Duration::from_secs(5)),
        ..Publication::new(Destination::topic("c1"), "held")
    });
    let sent = peer.hear_message().await;
    assert_eq!(sent.body(), Ok(Body::Text(Text::from("held"))));
    assert_eq!(sent.destination, Some(Destination::topic("c1")));
    assert_eq!((sent.persistent, sent.response_required), (false, false));
    // Less the time that it waited.
    assert!((4_000..=5_000).contains(&(sent.expiration - sent.timestamp)));
    let counts = under.client.counts();
    assert_eq!(
        (
            counts.received.get(),
            counts.sent.get(),
            counts.connected.get()
        ),
        (1, 1, 1)
    );
}

#[tokio::test]
async fn the_client_says_good_bye() {
    let (_broker, mut peer, mut under) = connected(|_| {}).await;
    peer.dispatch(message(1), 0).await;
    under.delivery().await.acknowledge();
    under.publish("last");
    under.shutdown.send(true).unwrap();
    // In whatever order the first two come.
    let mut heard = Vec::new();
    let (number, last_taken) = loop {
        match peer.hear().await {
            Command::RemoveInfo(info) if info.response_required => {
                break (info.command_id, info.last_delivered_sequence_id);
            }
            Command::RemoveInfo(_) => heard.push("consumer"),
            Command::MessageAck(_) => heard.push("ack"),
            Command::Message(_) => heard.push("last"),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(heard.pop(), Some("consumer"));
    heard.sort_unstable();
    assert_eq!(heard, ["ack", "last"]);
    assert_eq!(last_taken, 101);
    peer.answer(number).await;
    assert!(matches!(peer.hear().await, Command::ShutdownInfo(_)));
    assert_eq!(peer.hear_or_end().await, None);
    soon(under.task).await.unwrap();
    assert_eq!(*under.client.status().borrow(), Status::Ended);
}

#[tokio::test]
async fn a_broker_that_does_not_answer_the_good_bye_is_left() {
    let (_broker, mut peer, under) = connected(|settings| {
        settings.limits.leaving = Duration::from_millis(50);
    })
    .await;
    under.shutdown.send(true).unwrap();
    soon(under.task).await.unwrap();
    let Command::RemoveInfo(consumer) = peer.hear().await else {
        panic!("no good-bye");
    };
    assert_eq!(consumer.last_delivered_sequence_id, NONE_DELIVERED);
}

#[tokio::test]
async fn a_client_whose_owner_is_gone_ends() {
    let (_broker, _peer, under) = connected(|settings| {
        settings.limits.leaving = Duration::from_millis(50);
    })
    .await;
    drop(under.deliveries);
    soon(under.task).await.unwrap();
}

/// Keeps what is logged, at every level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    fn listen(&self) -> tracing::subscriber::DefaultGuard {
        let log = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(move || log.clone())
            .finish();
        tracing::subscriber::set_default(subscriber)
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn ow_32_a_refusal_names_the_user_and_waits_longer_and_is_an_error_once() {
    let log = Log::default();
    let _listening = log.listen();
    let broker = Broker::listen().await;
    let pause = Duration::from_millis(100);
    let mut settings = Settings {
        user: Some("bob".to_owned()),
        password: Some(Secret::from("s3cret")),
        ..settings(vec![broker.address()])
    };
    settings.delays.refused = pause;
    let under = Under::test(settings);
    let mut refused_at = None;
    for round in 0..3 {
        let mut peer = broker.accept().await;
        if let Some(at) = refused_at {
            let (waited, least): (Duration, _) = (Instant::now() - at, pause.mul_f64(0.79) * round);
            assert!(waited >= least, "{waited:?} of {least:?}");
        }
        let Command::ConnectionInfo(info) = peer.hear().await else {
            panic!("the connection comes first");
        };
        assert_eq!(info.password.unwrap().to_secret().expose(), "s3cret");
        refused_at = Some(Instant::now());
        let why = "User name [bob] or password is invalid.";
        peer.say(ExceptionResponse {
            correlation_id: info.command_id,
            exception: Some(Throwable::new("java.lang.SecurityException", why)),
            ..ExceptionResponse::default()
        })
        .await;
        let (why, refused) = under.away().await;
        assert!(
            refused && why.contains("user bob") && !why.contains("s3cret"),
            "{why}"
        );
        // The client is the one that closes.
        while peer.hear_or_end().await.is_some() {}
    }
    // The fourth is let in.
    let _peer = broker.let_in().await;
    under.ready().await;
    let log = log.text();
    assert_eq!(log.matches("ERROR").count(), 1, "{log}");
    assert!(log.contains("bob") && !log.contains("s3cret"), "{log}");
}

#[tokio::test]
async fn ow_33_a_broker_that_restarts_is_joined_again() {
    let (broker, mut peer, mut under) = connected(|_| {}).await;
    let address = broker.address();
    let name = connection(&peer).connection_id.clone();
    assert!(!connection(&peer).failover_reconnect);
    under.publish("before");
    assert_eq!(
        peer.hear_message().await.body(),
        Ok(Body::Text(Text::from("before")))
    );
    drop((peer, broker));
    let (_, refused) = under.away().await;
    assert!(!refused);
    under.publish("meanwhile");
    let broker = Broker::listen_again(&address).await;
    let mut peer = broker.let_in().await;
    under.ready().await;
    assert_eq!(connection(&peer).connection_id, name);
    assert!(connection(&peer).failover_reconnect);
    assert_eq!(
        peer.hear_message().await.body(),
        Ok(Body::Text(Text::from("meanwhile")))
    );
    peer.dispatch(message(1), 0).await;
    under.delivery().await.acknowledge();
    assert_eq!(peer.hear_ack().await, 1);
}

#[tokio::test]
async fn a_reconnection_repeats_nothing_and_loses_nothing() {
    let (broker, mut peer, mut under) = connected(|_| {}).await;
    for number in 1..=4 {
        peer.dispatch(message(number), 0).await;
    }
    let mut deliveries = Vec::new();
    for _ in 1..=4 {
        deliveries.push(under.delivery().await);
    }
    let mut deliveries = deliveries.into_iter();
    let (first, second, third) = (
        deliveries.next().unwrap(),
        deliveries.next().unwrap(),
        deliveries.next().unwrap(),
    );
    // The fourth is let go of, unhandled.
    drop(deliveries);
    first.acknowledge();
    assert_eq!(peer.hear_ack().await, 1);
    under.publish("event");
    peer.hear_message().await;
    for text in ["confirmed", "unconfirmed"] {
        under.client.publish(Publication {
            persistent: true,
            ..Publication::new(Destination::queue("orders"), text)
        });
    }
    let confirmed = peer.hear_message().await;
    let unconfirmed = peer.hear_message().await;
    peer.answer(confirmed.command_id).await;
    // Its answer has been read once a later message is here.
    peer.dispatch(message(5), 0).await;
    let fifth = under.delivery().await;
    drop(peer);
    under.away().await;
    // Too late for the old connection, and not said on the new one before the message comes again.
    second.acknowledge();
    let mut peer = broker.let_in().await;
    assert_eq!(peer.hear_message().await, unconfirmed);
    peer.answer(unconfirmed.command_id).await;
    for number in 2..=5 {
        peer.dispatch(message(number), 1).await;
    }
    assert_eq!(peer.hear_ack().await, 2);
    // The third and the fifth are still with their owner; only the fourth is handed over again.
    let again = under.delivery().await;
    assert_eq!(
        (text(&again), again.redelivered()),
        ("text 4".to_owned(), 1)
    );
    third.acknowledge();
    assert_eq!(peer.hear_ack().await, 3);
    fifth.acknowledge();
    assert_eq!(peer.hear_ack().await, 5);
    again.acknowledge();
    assert_eq!(peer.hear_ack().await, 4);
    under.publish("next");
    assert_eq!(
        peer.hear_message().await.body(),
        Ok(Body::Text(Text::from("next")))
    );
    let counts = under.client.counts();
    assert_eq!((counts.repeated.get(), counts.strays.get()), (3, 0));
}

#[tokio::test]
async fn ow_34_of_a_dead_and_a_live_address_the_live_one_is_used() {
    let dead = Broker::listen().await.address();
    let live = Broker::listen().await;
    let under = Under::test(settings(vec![dead, live.address()]));
    let _peer = live.let_in().await;
    let Status::Ready { target, .. } = under.ready().await else {
        panic!("not ready");
    };
    assert_eq!(target, Target::Network(live.address()));
    assert_eq!(under.client.counts().failed.get(), 1);
}

#[tokio::test]
async fn a_lost_broker_is_followed_by_the_next_of_the_list() {
    let (first, second) = (Broker::listen().await, Broker::listen().await);
    let under = Under::test(settings(vec![first.address(), second.address()]));
    let mut peer = first.let_in().await;
    under.ready().await;
    peer.say(ConnectionControl {
        close: true,
        ..ConnectionControl::default()
    })
    .await;
    let _peer = second.let_in().await;
    under.ready().await;
    assert!(first.is_alone().await);
}

#[tokio::test]
async fn ow_35_a_broker_that_stops_is_given_up_after_twice_the_time() {
    let inactivity = Duration::from_millis(150);
    let (broker, peer, under) = connected(|settings| settings.inactivity = inactivity).await;
    let stopped = Instant::now();
    let (why, refused) = under.away().await;
    let waited = stopped.elapsed();
    assert!(why.contains("nothing was heard") && !refused, "{why}");
    // Its last word was heard shortly before.
    assert!(waited > inactivity, "{waited:?}");
    assert!(waited < LIMIT / 2, "{waited:?}");
    drop(peer);
    broker.let_in().await;
}

#[tokio::test]
async fn a_broker_that_greets_and_says_nothing_more_is_left() {
    let broker = Broker::listen().await;
    let mut settings = settings(vec![broker.address()]);
    settings.limits.opening = Duration::from_millis(50);
    settings.limits.greeting = Duration::from_millis(50);
    let under = Under::test(settings);
    let silent = broker.stream().await;
    assert!(under.away().await.0.contains("no greeting"));
    let half = broker.accept().await;
    let answered = |status: &Status| matches!(status, Status::Away { why, .. } if why.contains("did not answer"));
    under.until(answered).await;
    drop((silent, half));
}

#[tokio::test]
async fn ow_70_the_class_of_an_exception_is_only_a_text() {
    let log = Log::default();
    let _listening = log.listen();
    let bait = Broker::listen().await;
    let url = format!("http://127.0.0.1:{}/evil.xml\nforged line", bait.port());
    let exception = || Some(Throwable::new(SPRING, url.as_str()));
    let (broker, mut peer, mut under) = connected(|_| {}).await;
    peer.say(ConnectionError {
        exception: exception(),
        ..ConnectionError::default()
    })
    .await;
    peer.say(ExceptionResponse {
        correlation_id: 4_711,
        exception: exception(),
        ..ExceptionResponse::default()
    })
    .await;
    // The connection stays.
    peer.dispatch(message(1), 0).await;
    under.delivery().await.acknowledge();
    assert_eq!(peer.hear_ack().await, 1);
    // The answer to what opens a connection is no different.
    drop(peer);
    let mut peer = broker.accept().await;
    let number = peer.hear().await.command_id();
    peer.say(ExceptionResponse {
        correlation_id: number,
        exception: exception(),
        ..ExceptionResponse::default()
    })
    .await;
    let refused = |status: &Status| matches!(status, Status::Away { refused: true, .. });
    under.until(refused).await;
    assert!(bait.is_alone().await);
    let log = log.text();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains(SPRING)).collect();
    assert_eq!(lines.len(), 3, "{log}");
    assert!(
        lines.iter().all(|line| line.contains("forged line")),
        "{log}"
    );
}

#[tokio::test]
async fn ow_71_the_broker_cannot_send_us_elsewhere_or_stop_us() {
    let elsewhere = Broker::listen().await;
    let (_broker, mut peer, mut under) = connected(|_| {}).await;
    let url = Text::from(format!("tcp://127.0.0.1:{}", elsewhere.port()));
    peer.say(ConnectionControl {
        reconnect_to: Some(url.clone()),
        connected_brokers: Some(url),
        rebalance_connection: true,
        ..ConnectionControl::default()
    })
    .await;
    peer.say(ControlCommand {
        command: Some(Text::from("shutdown")),
        ..ControlCommand::default()
    })
    .await;
    peer.dispatch(message(1), 0).await;
    under.delivery().await.acknowledge();
    assert_eq!(peer.hear_ack().await, 1);
    assert!(under.client.status().borrow().is_ready());
    assert!(elsewhere.is_alone().await);
    assert_eq!(under.client.counts().disobeyed.get(), 2);
}

#[tokio::test]
async fn ow_76_a_body_that_inflates_to_a_gigabyte_is_acknowledged_and_counted() {
    let (_broker, mut peer, mut under) = connected(|_| {}).await;
    let bomb = bomb(1_000);
    assert!(bomb.len() < 1_000_000);
    for kind in [MessageKind::Text, MessageKind::Bytes, MessageKind::Map] {
        let mut huge = message(1);
        let announced = matches!(kind, MessageKind::Bytes);
        let content = match announced {
            true => [&1_000_000_000_i32.to_be_bytes()[..], &bomb].concat(),
            false => bomb.clone(),
        };
        (huge.kind, huge.compressed, huge.content) = (kind, true, Some(content.into()));
        peer.dispatch(huge, 0).await;
        assert_eq!(peer.hear_ack().await, 1);
    }
    peer.dispatch(message(2), 0).await;
    assert_eq!(text(&under.delivery().await), "text 2");
    assert_eq!(under.client.counts().unreadable.get(), 3);
}

#[tokio::test]
async fn what_is_published_while_nobody_is_there_waits_and_the_oldest_goes() {
    let broker = Broker::listen().await;
    let address = broker.address();
    drop(broker);
    let under = Under::test(settings(vec![address.clone()]));
    under.away().await;
    for number in 0..10_005 {
        under.publish(number.to_string());
    }
    assert_eq!(
        (under.client.waiting(), under.client.counts().dropped.get()),
        (10_000, 5)
    );
    let broker = Broker::listen_again(&address).await;
    let mut peer = broker.let_in().await;
    for number in 5..10_005 {
        let expected = Body::Text(Text::from(number.to_string()));
        assert_eq!(peer.hear_message().await.body(), Ok(expected));
    }
}

#[tokio::test]
async fn what_no_frame_can_hold_is_counted_and_the_next_is_sent() {
    let (_broker, mut peer, under) = connected(|_| {}).await;
    for persistent in [false, true] {
        under.client.publish(Publication {
            jms_type: Some("x".repeat(40_000)),
            persistent,
            ..Publication::new(Destination::topic("events"), "never")
        });
    }
    under.publish("next");
    let sent = peer.hear_message().await;
    assert_eq!(sent.body(), Ok(Body::Text(Text::from("next"))));
    assert_eq!(under.client.counts().unsendable.get(), 2);
}

#[tokio::test]
async fn a_broker_that_reads_slowly_slows_nobody() {
    let (_broker, mut peer, under) = connected(|_| {}).await;
    let kilobyte = "x".repeat(1_000);
    // Far more than network and link hold: what is too much is dropped, and publishing never waits.
    for number in 0..30_000 {
        under.publish(format!("{number} {kilobyte}"));
    }
    let mut heard = 0;
    let mut last = None;
    while last != Some(29_999) {
        let sent = peer.hear_message().await;
        let Ok(Body::Text(body)) = sent.body() else {
            panic!("no text");
        };
        let number: u32 = body.to_string().split(' ').next().unwrap().parse().unwrap();
        assert!(last.is_none_or(|last| last < number));
        last = Some(number);
        heard += 1;
    }
    assert_eq!(heard + under.client.counts().dropped.get(), 30_000);
}

#[tokio::test]
async fn a_broker_that_sends_more_than_it_may_waits() {
    let (_broker, mut peer, mut under) = connected(|settings| settings.prefetch = 2).await;
    for number in 1..=50 {
        peer.dispatch(message(number), 0).await;
    }
    under.publish("still sent");
    assert_eq!(
        peer.hear_message().await.body(),
        Ok(Body::Text(Text::from("still sent")))
    );
    for number in 1..=50 {
        let delivery = under.delivery().await;
        assert_eq!(text(&delivery), format!("text {number}"));
        delivery.acknowledge();
        assert_eq!(peer.hear_ack().await, number);
    }
}

#[tokio::test]
async fn a_reply_to_a_temporary_destination_asks_whether_it_arrived() {
    let (_broker, mut peer, under) = connected(|_| {}).await;
    let temporary = Destination::new(DestinationKind::TempQueue, "ID:x:1");
    under.client.publish(Publication::new(temporary, "reply"));
    let sent = peer.hear_message().await;
    assert!(sent.response_required && !sent.persistent);
    let class = "org.apache.activemq.DestinationDoesNotExistException";
    peer.say(ExceptionResponse {
        correlation_id: sent.command_id,
        exception: Some(Throwable::new(class, "temp-queue://ID:x:1")),
        ..ExceptionResponse::default()
    })
    .await;
    under.publish("next");
    peer.hear_message().await;
    peer.say(Response {
        correlation_id: 9_999,
        ..Response::default()
    })
    .await;
    peer.dispatch(message(1), 0).await;
    let counts = under.client.counts().clone();
    let mut under = under;
    under.delivery().await;
    assert_eq!((counts.refused.get(), counts.strays.get()), (1, 1));
}

#[tokio::test]
async fn the_same_goes_through_tls() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (
        folder.path().join("cert.pem"),
        folder.path().join("key.pem"),
    );
    ensure_lab_certificate(&certificate, &key).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(server_config(&certificate, &key, &[]).unwrap());
    let broker = Broker::listen().await;
    let by_tls = |trust| {
        let reach = Reach::Network {
            addresses: vec![broker.address()],
            tls: Some(Arc::new(client_config(&trust).unwrap())),
        };
        settings(Vec::new()).at(reach)
    };
    let mut under = Under::test(by_tls(Trust::Ca(certificate)));
    let stream = soon(acceptor.accept(broker.stream().await)).await.unwrap();
    let mut peer = Peer::greet(stream).await;
    peer.open().await;
    under.ready().await;
    peer.dispatch(message(1), 0).await;
    under.delivery().await.acknowledge();
    assert_eq!(peer.hear_ack().await, 1);
    under.publish("x".repeat(300_000));
    assert_eq!(
        peer.hear_message().await.content.as_ref().unwrap().len(),
        300_004
    );
    // A broker whose certificate nobody vouches for is not greeted.
    drop(peer);
    let pin = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    drop(under);
    let under = Under::test(by_tls(Trust::Pin(pin.parse().unwrap())));
    let accepted = soon(acceptor.accept(broker.stream().await)).await;
    assert!(accepted.is_err());
    assert!(under.away().await.0.starts_with("TLS"));
}

#[tokio::test]
async fn a_broker_in_the_same_process_is_joined_without_a_socket_and_joined_again() {
    let (door, mut inside) = Door::new();
    let mut under = Under::test(settings(Vec::new()).at(Reach::Inside(door)));
    for number in 1..=2 {
        let mut peer = Peer::greet(soon(inside.recv()).await.unwrap()).await;
        peer.open().await;
        let Status::Ready { target, .. } = under.ready().await else {
            panic!("not ready");
        };
        assert_eq!(target, Target::Inside);
        peer.dispatch(message(number), 0).await;
        under.delivery().await.acknowledge();
        assert_eq!(peer.hear_ack().await, number);
        drop(peer);
        under.away().await;
    }
    drop(inside);
    let ended =
        |status: &Status| matches!(status, Status::Away { why, .. } if why.contains("has ended"));
    under.until(ended).await;
}

/// The client's next command must ask for a consumer; its number, its id and its destination.
async fn asked_to_consume(
    peer: &mut Peer<tokio::net::TcpStream>,
) -> (
    i32,
    Option<cordboard_wire::openwire::ConsumerId>,
    Option<Destination>,
) {
    match peer.hear().await {
        Command::ConsumerInfo(info) => (info.command_id, info.consumer_id, info.destination),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_topic_is_consumed_while_the_client_runs_until_it_is_given_up() {
    let (_broker, mut peer, mut under) = connected(|_| {}).await;
    let topic = Destination::topic("cc.a");
    let client = under.client.clone();
    let wanted = topic.clone();
    let consuming = tokio::spawn(async move { client.consume(wanted).await });
    let (number, consumer, destination) = asked_to_consume(&mut peer).await;
    assert_eq!(destination.as_ref(), Some(&topic));
    assert!(!consuming.is_finished(), "the broker has not answered");
    peer.answer(number).await;
    assert_eq!(soon(consuming).await.unwrap(), Ok(()));
    peer.say(MessageDispatch {
        consumer_id: consumer.clone(),
        destination: Some(topic.clone()),
        message: Some(Arc::new(message(1))),
        ..MessageDispatch::default()
    })
    .await;
    let delivery = under.delivery().await;
    assert_eq!(text(&delivery), "text 1");
    delivery.acknowledge();
    assert_eq!(peer.hear_ack().await, 1);
    under.client.give_up(topic.clone()).await;
    match peer.hear().await {
        Command::RemoveInfo(gone) => {
            assert_eq!(gone.object_id, consumer.map(ObjectId::Consumer));
        }
        other => panic!("{other:?}"),
    }
    // One that the broker does not allow is told as such, and the rest goes on.
    let client = under.client.clone();
    let consuming = tokio::spawn(async move { client.consume(topic).await });
    let (number, ..) = asked_to_consume(&mut peer).await;
    peer.say(ExceptionResponse {
        correlation_id: number,
        exception: Some(Throwable::new("java.lang.SecurityException", "not you")),
        ..ExceptionResponse::default()
    })
    .await;
    let refused = soon(consuming).await.unwrap().unwrap_err().to_string();
    assert!(
        refused.contains("topic://cc.a") && refused.contains("not you"),
        "{refused}"
    );
    peer.dispatch(message(2), 0).await;
    assert_eq!(text(&under.delivery().await), "text 2");
}

#[tokio::test]
async fn what_is_wanted_while_there_is_no_broker_is_consumed_with_the_next() {
    let (broker, peer, under) = connected(|_| {}).await;
    drop(peer);
    under.away().await;
    let client = under.client.clone();
    let consuming = tokio::spawn(async move { client.consume(Destination::topic("cc.a")).await });
    let mut peer = broker.let_in().await;
    let (number, ..) = asked_to_consume(&mut peer).await;
    peer.answer(number).await;
    assert_eq!(soon(consuming).await.unwrap(), Ok(()));
    under.shutdown.send_replace(true);
    soon(under.task).await.unwrap();
    let late = under.client.consume(Destination::topic("cc.b")).await;
    assert_eq!(late.unwrap_err().to_string(), "the client has ended");
}
