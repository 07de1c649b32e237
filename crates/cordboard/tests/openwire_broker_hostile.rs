//! Clients that mean no good, over real sockets: each is closed or refused, and nobody else notices. [openwire §10, §13.4]

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use common::Server;
use common::openwire::{Raw, broker, broker_of, bytes_until_closed, soon, wishes};
use cordboard::ops::config::Access;
use cordboard_wire::openwire::{
    Any, BrokerInfo, Command, ConnectionError, ConnectionInfo, DataResponse, Destination, Encoder,
    ExceptionResponse, Format, Message, Offer, PrimitiveMap, SecretText, Text, Throwable, Value,
    agree,
};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

fn topic() -> Destination {
    Destination::topic("t")
}

/// A client that goes on whatever others do.
struct Witness(Raw, i64);

impl Witness {
    async fn of(address: SocketAddr) -> Self {
        let mut raw = Raw::join(address, "witness").await;
        raw.listen(1, Destination::topic("witness")).await;
        Self(raw, 0)
    }

    async fn goes_on(&mut self) {
        self.1 += 1;
        let Self(raw, number) = self;
        raw.send(Destination::topic("witness"), *number, "text")
            .await;
        assert_eq!(raw.number().await, *number);
    }
}

fn loose() -> Format {
    agree(&wishes(), &wishes()).unwrap().format
}

fn encoded(command: impl Into<Command>) -> Vec<u8> {
    let mut frame = Vec::new();
    let mut format = loose();
    format.max_frame = u32::MAX;
    Encoder::new(format)
        .encode(&command.into(), &mut frame)
        .unwrap();
    frame
}

/// Sends these bytes behind a good beginning: the connection is closed, soon.
async fn is_closed(address: SocketAddr, offer: &Offer, bytes: &[u8], why: &str) {
    let mut raw = Raw::join_with(address, "hostile", offer, |_| {}).await;
    let begun = Instant::now();
    raw.stream.write_all(bytes).await.unwrap();
    bytes_until_closed(&mut raw.stream).await;
    let took = begun.elapsed();
    assert!(took < Duration::from_millis(500), "{why}: {took:?}");
}

/// The most memory used so far, in KiB; `None` where the system does not say.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[tokio::test]
async fn ow_66_sizes_that_lie_close_the_connection_and_reserve_nothing() {
    let (_server, address) = broker(|_| {}).await;
    let mut witness = Witness::of(address).await;
    is_closed(
        address,
        &wishes(),
        b"\xff\xff\xff\xff",
        "to have done it once",
    )
    .await;
    let before = peak();
    let over = (4 << 20) + 1_i32;
    for size in [i32::MAX, -1, 0, over] {
        let bytes = size.to_be_bytes();
        is_closed(address, &wishes(), &bytes, &size.to_string()).await;
        witness.goes_on().await;
    }
    let (Some(before), Some(after)) = (before, peak()) else {
        return;
    };
    assert!(after - before < 1_024, "{before} {after}");
}

#[tokio::test]
async fn a_frame_before_the_client_is_known_has_64_kib_at_most() {
    let (_server, address) = broker(|_| {}).await;
    let mut raw = Raw::greet(address, &wishes()).await;
    raw.stream
        .write_all(&(65_537_i32).to_be_bytes())
        .await
        .unwrap();
    raw.until_closed().await;
    let mut known = Raw::join(address, "known").await;
    let large = "x".repeat(100_000);
    known.send(topic(), 1, &large).await;
}

#[tokio::test]
async fn ow_67_lengths_inside_a_frame_that_lie_close_the_connection() {
    let (_server, address) = broker(|_| {}).await;
    let mut witness = Witness::of(address).await;
    let mut message = Message::text(Some(&"CONTENT".into()));
    message.jms_type = Some("TYPE".into());
    let whole = encoded(message);
    let at = |part: &[u8]| {
        let found = whole.windows(part.len()).position(|window| window == part);
        found.unwrap()
    };
    // The text's bytes have their own length before them, and the content's before that.
    let content = at(b"CONTENT") - 8;
    let jms_type = at(b"TYPE") - 2;
    let array = encoded(cordboard_wire::openwire::DataArrayResponse {
        data: Some(Vec::new()),
        ..Default::default()
    });
    let count = array.len() - 2;
    for (frame, place, lie) in [
        (&whole, content, &i32::MAX.to_be_bytes()[..]),
        (&whole, content, &(-7_i32).to_be_bytes()),
        (&whole, jms_type, &u16::MAX.to_be_bytes()),
        (&array, count, &u16::MAX.to_be_bytes()),
    ] {
        let mut frame = frame.clone();
        frame[place..place + lie.len()].copy_from_slice(lie);
        is_closed(address, &wishes(), &frame, &format!("{place} {lie:?}")).await;
        witness.goes_on().await;
    }
}

#[tokio::test]
async fn ow_67_bits_that_lie_about_their_number_close_the_connection() {
    let (_server, address) = broker(|config| config.broker.tight_encoding = true).await;
    let tight = Offer {
        tight_encoding_enabled: true,
        ..wishes()
    };
    // A Response with 65,535 bytes of bits announced.
    let frame = b"\0\0\0\x0b\x1e\x80\xff\xff\0\0\0\0\0\0\0";
    is_closed(address, &tight, frame, "bits").await;
    Witness::of(address).await.goes_on().await;
}

#[tokio::test]
async fn ow_68_types_that_are_no_command_close_the_connection() {
    let (_server, address) = broker(|_| {}).await;
    let mut witness = Witness::of(address).await;
    let nested = b"\0\0\0\x0c\x20\0\0\0\0\0\0\0\0\0\x01\x63";
    for (frame, why) in [
        (&b"\0\0\0\x06\x63\0\0\0\0\0"[..], "99"),
        (b"\0\0\0\x06\x32\0\0\0\0\0", "50"),
        (b"\0\0\0\x06\x3c\0\0\0\0\0", "60"),
        (nested, "99 within"),
    ] {
        is_closed(address, &wishes(), frame, why).await;
        witness.goes_on().await;
    }
}

#[tokio::test]
async fn ow_69_nesting_closes_the_connection_and_not_the_process() {
    let (_server, address) = broker(|_| {}).await;
    let mut witness = Witness::of(address).await;
    for depth in [100, 2_000, 10_000] {
        // Type, number, no answer, correlation, something within.
        let layer = b"\x20\0\0\0\0\0\0\0\0\0\x01";
        let mut body = layer.repeat(depth);
        body.extend(b"\x1e\0\0\0\0\0\0\0\0\0");
        let mut frame = i32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
        frame.extend(body);
        is_closed(address, &wishes(), &frame, &depth.to_string()).await;
        witness.goes_on().await;
    }
}

#[tokio::test]
async fn ow_69_properties_that_nest_without_end_are_none_to_a_selector() {
    let (_server, address) = broker(|_| {}).await;
    let mut raw = Raw::join(address, "hostile").await;
    let mut choosy = raw.consumer(1, topic(), 10);
    choosy.selector = Some("k = 1".into());
    raw.ask(choosy).await.unwrap();
    // A map whose only value is a map whose only value is a map …
    let nested: Vec<u8> = b"\0\0\0\x01\0\x01k\x0b".repeat(1_000);
    let mut message = raw.message(topic(), 1, "text");
    message.marshalled_properties = Some([&nested[..], b"\0\0\0\0"].concat().into());
    let _ = raw.ask(message).await;
    assert!(raw.numbers().await.is_empty());
    Witness::of(address).await.goes_on().await;
}

#[tokio::test]
async fn ow_70_an_exception_that_names_a_class_is_a_text() {
    let (_server, address) = broker(|_| {}).await;
    let lure = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/x.xml", lure.local_addr().unwrap());
    let class = "org.springframework.context.support.ClassPathXmlApplicationContext";
    let exception = Some(Throwable::new(class, url.as_str()));
    let mut raw = Raw::join(address, "hostile").await;
    raw.say(ExceptionResponse {
        exception: exception.clone(),
        ..ExceptionResponse::default()
    })
    .await;
    raw.say(ConnectionError {
        exception,
        ..ConnectionError::default()
    })
    .await;
    raw.listen(1, topic()).await;
    raw.send(topic(), 1, "it stays").await;
    assert_eq!(raw.number().await, 1);
    tokio::select! {
        biased;
        _ = lure.accept() => panic!("somebody fetches it"),
        () = std::future::ready(()) => {}
    }
}

#[tokio::test]
async fn ow_72_a_cache_that_lies_closes_the_connection_and_a_small_one_works() {
    let (_server, address) = broker(|config| config.broker.cache = true).await;
    let mut witness = Witness::of(address).await;
    let cached = |size| Offer {
        cache_enabled: true,
        cache_size: size,
        ..wishes()
    };
    // RemoveInfo of what was sent under a number.
    let remove = |index: u16| {
        let mut frame = b"\0\0\0\x10\x0c\0\0\0\0\0\0".to_vec();
        frame.extend(index.to_be_bytes());
        frame.extend([0; 8]);
        frame[3] = u8::try_from(frame.len() - 4).unwrap();
        frame
    };
    for index in [900, 1_024, 0xfffe] {
        is_closed(address, &cached(1_024), &remove(index), &index.to_string()).await;
        witness.goes_on().await;
    }
    let mut small = Raw::join_with(address, "small", &cached(50), |_| {}).await;
    small.listen(1, topic()).await;
    for number in 0..300 {
        let name = format!("q{number}");
        small
            .send(Destination::topic(name.as_str()), number, "text")
            .await;
        small.send(topic(), number, "text").await;
        let (message, _) = small.received().await;
        small.acknowledge(1, &message).await;
    }
    witness.goes_on().await;
}

#[tokio::test]
async fn ow_75_a_subscriber_that_stops_reading_slows_nobody_and_loses_the_oldest() {
    let (server, address) = broker(|_| {}).await;
    let mut stuck = Raw::join(address, "stuck").await;
    stuck.listen(1, Destination::topic(">")).await;
    let mut witness = Witness::of(address).await;
    let mut sender = Raw::join(address, "sender").await;
    let kilobytes = "x".repeat(64 * 1024);
    // 100 MB, and nobody reads.
    for number in 0..1_600 {
        let message = sender.message(topic(), number, &kilobytes);
        sender.say(message).await;
        if number % 400 == 0 {
            witness.goes_on().await;
        }
    }
    sender.numbers().await;
    let dropped = metric(&server, "cordboard_openwire_messages_dropped_total").await;
    assert!(dropped > 0, "{dropped}");
    let kept = metric(&server, "cordboard_openwire_messages_bytes").await;
    assert!(kept <= 64 << 20, "{kept}");
    witness.goes_on().await;
    // What it then reads is in order.
    let mut last = -1;
    for _ in 0..100 {
        let (message, _) = stuck.received().await;
        if message.destination == Some(topic()) {
            let number = common::openwire::number(&message);
            assert!(number > last, "{number} after {last}");
            last = number;
        }
    }
}

async fn metric(server: &Server, name: &str) -> i64 {
    let text = server.get("/metrics").await.body;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {text}"))
        .parse()
        .unwrap()
}

#[tokio::test]
async fn ow_77_selectors_that_explode_are_refused_or_answered_at_once() {
    let (_server, address) = broker(|_| {}).await;
    let mut raw = Raw::join(address, "hostile").await;
    let deep = format!("{}1 = 1{}", "(".repeat(10_000), ")".repeat(10_000));
    let mut info = raw.consumer(1, topic(), 10);
    info.selector = Some(deep.as_str().into());
    let (class, _) = raw.ask(info.clone()).await.unwrap_err();
    assert_eq!(class, "javax.jms.InvalidSelectorException");
    info.selector = Some("s LIKE '%a%a%a%a%a%b'".into());
    raw.ask(info).await.unwrap();
    let mut message = raw.message(topic(), 1, "text");
    let mut properties = PrimitiveMap::default();
    properties.insert("s", Value::Text("a".repeat(1 << 20).as_str().into()));
    message.set_properties(&properties);
    let begun = Instant::now();
    raw.ask(message).await.unwrap();
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
    assert!(raw.numbers().await.is_empty());
}

#[tokio::test]
async fn ow_78_bytes_behind_the_last_field_close_the_connection() {
    let (_server, address) = broker(|_| {}).await;
    let frame = b"\0\0\0\x07\x0a\0\0\0\0\0\0";
    is_closed(address, &wishes(), frame, "trailing").await;
    Witness::of(address).await.goes_on().await;
}

#[tokio::test]
async fn a_bridge_is_refused_and_an_order_to_the_process_is_not_followed() {
    let (_server, address) = broker(|_| {}).await;
    let mut raw = Raw::join(address, "hostile").await;
    let order = cordboard_wire::openwire::ControlCommand {
        command: Some("shutdown".into()),
        ..Default::default()
    };
    raw.ask(order).await.unwrap();
    let nothing = DataResponse {
        data: Some(Any::from(Command::from(BrokerInfo::default()))),
        ..DataResponse::default()
    };
    raw.say(nothing).await;
    let bridge = BrokerInfo {
        network_connection: true,
        ..BrokerInfo::default()
    };
    let text = "network connections are not supported".to_owned();
    let expected = ("javax.jms.JMSException".to_owned(), text);
    assert_eq!(raw.ask(bridge).await, Err(expected));
    soon(raw.until_closed()).await;
    Witness::of(address).await.goes_on().await;
}

/// Everything that is logged, at every level.
#[derive(Clone, Default)]
struct Logged(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn ow_80_a_password_is_in_no_log_no_metric_and_no_journal() {
    let logged = Logged::default();
    let writer = logged.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone());
    let _ = subscriber.try_init();
    let directory = "[[app_user]]\nid = \"ann\"\npassword = \"open-sesame\"\n";
    let (server, address) = broker_of(directory, |config| {
        config.broker.access = Access::Users;
    })
    .await;
    for (user, password, right) in [
        ("ann", "open-sesame", true),
        ("ann", "shut-sesame", false),
        ("nobody", "shut-sesame", false),
    ] {
        let mut raw = Raw::greet(address, &wishes()).await;
        let entered = raw.enter("one", |info: &mut ConnectionInfo| {
            info.user_name = Some(user.into());
            info.password = Some(SecretText::from(Text::from(password)));
        });
        assert_eq!(entered.await.is_ok(), right);
    }
    let metrics = server.get("/metrics").await.body;
    let journal = server.get("/api/v1/lab/requests").await.body;
    let logs = String::from_utf8(logged.0.lock().unwrap().clone()).unwrap();
    assert!(logs.contains("does not know a client's name and password"));
    for text in [metrics, journal, logs] {
        assert!(!text.contains("sesame"), "{text}");
    }
}
