//! The broker inside, over real sockets: how connections begin, live and end. [openwire §2, §13.2]

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use common::openwire::{Raw, broker, bytes_until_closed, soon, wishes};
use cordboard::ops::config::{Access, BrokerUser};
use cordboard_client::openwire::{Counts, Publication, Settings, Started, Status, start};
use cordboard_wire::openwire::{
    Body, BrokerInfo, Command, ConnectionId, ConnectionInfo, Destination, KeepAliveInfo, Offer,
    SecretText, SessionInfo, ShutdownInfo, Text, WireFormatInfo,
};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Instant;

#[tokio::test]
async fn a_message_goes_from_one_client_to_another() {
    let (server, address) = broker(|_| {}).await;
    let mut one = Raw::join(address, "one").await;
    let mut two = Raw::join(address, "two").await;
    two.listen(1, Destination::topic("t")).await;
    one.send(Destination::topic("t"), 7, "hello").await;
    let (message, counter) = two.received().await;
    assert_eq!(
        (message.body().unwrap(), counter),
        (Body::Text("hello".into()), 0)
    );
    two.acknowledge(1, &message).await;
    server.program.stop().await;
    assert_eq!(one.until_closed().await, []);
    assert_eq!(two.until_closed().await, []);
}

#[tokio::test]
async fn the_broker_introduces_itself_and_closes_when_it_is_told_good_bye() {
    let (_server, address) = broker(|_| {}).await;
    let mut raw = Raw::greet(address, &wishes()).await;
    let Command::BrokerInfo(info) = raw.hear().await else {
        panic!("no introduction");
    };
    assert_eq!(info.broker_name, Some("cordboard".into()));
    raw.enter("one", |_| {}).await.unwrap();
    raw.open().await;
    // A second greeting changes nothing.
    raw.say(WireFormatInfo {
        version: 1,
        ..wishes().to_info()
    })
    .await;
    works(&mut raw).await;
    raw.say(ShutdownInfo::default()).await;
    let mut rest = Vec::new();
    soon(raw.stream.read_to_end(&mut rest)).await.unwrap();
    assert!(rest.is_empty());
}

#[tokio::test]
async fn our_own_client_joins_from_inside_and_talks_to_those_outside() {
    let (server, address) = broker(|_| {}).await;
    let settings = Settings::new(Vec::new(), "inside", "Connector1");
    let settings = settings.at(server.program.app.broker.join_inside());
    let (shutdown, stopping) = watch::channel(false);
    let Started {
        client,
        mut deliveries,
        task,
    } = start(settings, Counts::default(), stopping);
    let mut status = client.status();
    soon(status.wait_for(Status::is_ready)).await.unwrap();
    let mut outside = Raw::join(address, "outside").await;
    outside.listen(1, Destination::topic("events")).await;
    outside
        .send(Destination::queue("Connector1"), 1, "do it")
        .await;
    let delivery = soon(deliveries.recv()).await.unwrap();
    assert_eq!(*delivery.body(), Body::Text("do it".into()));
    delivery.acknowledge();
    client.publish(Publication::new(Destination::topic("events"), "done"));
    let (message, _) = outside.received().await;
    assert_eq!(message.body().unwrap(), Body::Text("done".into()));
    shutdown.send(true).unwrap();
    soon(task).await.unwrap();
    server.program.stop().await;
}

async fn set_fault(server: &common::Server, kind: &str) {
    let fault = format!(r#"{{"on": "broker", "kind": "{kind}"}}"#);
    let set = server.post_json("/api/v1/lab/faults", &fault).await;
    assert_eq!(set.status, 200, "{}", set.body);
}

#[tokio::test]
async fn a_broker_that_is_down_drops_everybody_and_comes_back_on_its_port() {
    let (server, address) = broker(|_| {}).await;
    let mut one = Raw::join(address, "one").await;
    one.send(Destination::queue("q"), 1, "kept").await;
    set_fault(&server, "down").await;
    one.until_closed().await;
    soon(async { while TcpStream::connect(address).await.is_ok() {} }).await;
    assert_eq!(server.get("/readyz").await.status, 503);
    let cleared = server.request("DELETE", "/api/v1/lab/faults?on=broker", &[], b"");
    assert_eq!(cleared.await.status, 200);
    soon(async { while TcpStream::connect(address).await.is_err() {} }).await;
    assert_eq!(server.get("/readyz").await.status, 200);
    let mut again = Raw::join(address, "one").await;
    again.listen(1, Destination::queue("q")).await;
    assert_eq!(again.number().await, 1);
}

#[tokio::test]
async fn a_cut_ends_the_connections_that_are_there_and_no_others() {
    let (server, address) = broker(|_| {}).await;
    let mut one = Raw::join(address, "one").await;
    set_fault(&server, "cut").await;
    one.until_closed().await;
    let mut again = Raw::join(address, "one").await;
    again.listen(1, Destination::topic("t")).await;
    again.send(Destination::topic("t"), 1, "there").await;
    assert_eq!(again.number().await, 1);
}

#[tokio::test]
async fn a_reset_of_the_lab_leaves_connections_open() {
    let (server, address) = broker(|_| {}).await;
    let mut one = Raw::join(address, "one").await;
    one.listen(1, Destination::topic("t")).await;
    let reset = server.post_json("/api/v1/lab/reset", "").await;
    assert_eq!(reset.status, 204, "{}", reset.body);
    one.send(Destination::topic("t"), 1, "there").await;
    assert_eq!(one.number().await, 1);
}

/// A message there and back.
async fn works(raw: &mut Raw) {
    raw.listen(1, Destination::queue("q")).await;
    let mut sent = raw.message(Destination::queue("q"), 1, "text");
    sent.jms_type = Some("Hello#c1".into());
    raw.ask(sent).await.unwrap();
    let (message, _) = raw.received().await;
    assert_eq!(message.body().unwrap(), Body::Text("text".into()));
    assert_eq!(message.jms_type, Some("Hello#c1".into()));
    raw.acknowledge(1, &message).await;
}

#[tokio::test]
async fn ow_18_a_client_of_version_1_is_talked_to_in_version_1() {
    let (_server, address) = broker(|_| {}).await;
    let old = Offer {
        version: 1,
        ..wishes()
    };
    let mut raw = Raw::greet(address, &old).await;
    assert_eq!(raw.decoder.format().version, 1);
    // The decoder takes no byte more than version 1 has: nothing stands behind FaultTolerantConfiguration.
    let Command::BrokerInfo(info) = raw.hear().await else {
        panic!("no introduction");
    };
    let expected = BrokerInfo {
        broker_id: info.broker_id.clone(),
        broker_name: Some("cordboard".into()),
        ..BrokerInfo::default()
    };
    assert_eq!(info, expected);
    raw.enter("old", |_| {}).await.unwrap();
    raw.open().await;
    works(&mut raw).await;
}

#[tokio::test]
async fn ow_19_a_version_of_the_future_is_talked_to_in_version_12() {
    let (_server, address) = broker(|_| {}).await;
    let new = Offer {
        version: 99,
        ..wishes()
    };
    let mut raw = Raw::join_with(address, "new", &new, |_| {}).await;
    assert_eq!(raw.decoder.format().version, 12);
    works(&mut raw).await;
}

#[tokio::test]
async fn ow_20_whoever_speaks_no_openwire_hears_our_greeting_and_nothing_more() {
    let (_server, address) = broker(|_| {}).await;
    let greeting = |version: i32| {
        let info = WireFormatInfo {
            version,
            ..wishes().to_info()
        };
        common::openwire::frame(&info.into())
    };
    let mut magic = greeting(12);
    magic[12] = b'X';
    for bytes in [
        greeting(0),
        greeting(-1),
        magic,
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
    ] {
        let begun = Instant::now();
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        let heard = bytes_until_closed(&mut stream).await;
        assert!(begun.elapsed() < Duration::from_secs(1), "{bytes:?}");
        assert_eq!(common::openwire::names(&heard), ["WireFormatInfo"]);
    }
}

#[tokio::test]
async fn ow_24_a_client_that_only_reads_is_kept_alive_and_then_given_up() {
    let (_server, address) = broker(|_| {}).await;
    let short = Offer {
        max_inactivity_duration_ms: 900,
        initial_delay_ms: 150,
        ..wishes()
    };
    let mut raw = Raw::join_with(address, "reader", &short, |_| {}).await;
    let begun = Instant::now();
    let mut alive = Vec::new();
    while let Some(command) = raw.frame().await {
        assert_eq!(command, KeepAliveInfo::default().into());
        alive.push(begun.elapsed());
    }
    let ended = begun.elapsed();
    // One each 300 ms, closed 1.8 s after the last word; a busy machine may be late.
    assert!(alive.len() >= 4 && alive.len() <= 7, "{alive:?}");
    assert!(ended >= Duration::from_millis(1_700), "{ended:?}");
    assert!(ended < Duration::from_millis(3_600), "{ended:?}");
}

#[tokio::test]
async fn ow_26_a_keep_alive_that_asks_is_answered_with_one_that_does_not() {
    let (_server, address) = broker(|_| {}).await;
    let mut raw = Raw::join(address, "one").await;
    raw.say(KeepAliveInfo {
        command_id: 23,
        response_required: true,
    })
    .await;
    let expected = KeepAliveInfo {
        command_id: 23,
        response_required: false,
    };
    assert_eq!(raw.frame().await, Some(expected.into()));
    works(&mut raw).await;
}

#[tokio::test]
async fn ow_27_a_client_that_is_idle_for_long_keeps_its_connection() {
    let (server, address) = broker(|_| {}).await;
    let mut settings = Settings::new(
        vec![cordboard_client::openwire::Address {
            host: "127.0.0.1".into(),
            port: address.port(),
        }],
        "idle",
        "q",
    );
    settings.inactivity = Duration::from_millis(300);
    let (_shutdown, stopping) = watch::channel(false);
    let mut started = start(settings, Counts::default(), stopping);
    let mut status = started.client.status();
    soon(status.wait_for(Status::is_ready)).await.unwrap();
    let since = Instant::now();
    // Five times as long as makes one doubtful, and others have been talked to meanwhile.
    let mut other = Raw::join(address, "other").await;
    while since.elapsed() < Duration::from_millis(1_500) {
        other.say(KeepAliveInfo::default()).await;
        let asked = KeepAliveInfo {
            command_id: 1,
            response_required: true,
        };
        other.say(asked).await;
        other.frame().await.unwrap();
    }
    other.send(Destination::queue("q"), 1, "awake").await;
    let delivery = soon(started.deliveries.recv()).await.unwrap();
    assert_eq!(*delivery.body(), Body::Text("awake".into()));
    let counts = started.client.counts();
    assert_eq!((counts.connected.get(), counts.failed.get()), (1, 0));
    drop(server);
}

#[tokio::test]
async fn what_is_said_to_clients_is_answered_and_what_is_said_to_brokers_refused() {
    use cordboard_wire::openwire as ow;
    let (_server, address) = broker(|_| {}).await;
    let mut raw = Raw::join(address, "one").await;
    let answered: [Command; 6] = [
        ow::FlushCommand::default().into(),
        ow::ConnectionControl::default().into(),
        ow::ControlCommand::default().into(),
        ow::ProducerAck::default().into(),
        ow::MessageDispatch::default().into(),
        BrokerInfo::default().into(),
    ];
    for command in answered {
        let name = format!("{command:?}");
        assert_eq!(raw.ask(command).await, Ok(()), "{name}");
    }
    let refused: [Command; 3] = [
        ow::MessageDispatchNotification::default().into(),
        ow::ReplayCommand::default().into(),
        ow::BrokerSubscriptionInfo::default().into(),
    ];
    for command in refused {
        let text = "network connections are not supported".to_owned();
        let expected = ("javax.jms.JMSException".to_owned(), text);
        assert_eq!(raw.ask(command).await, Err(expected));
    }
    works(&mut raw).await;
}

#[tokio::test]
async fn ow_28_a_session_or_consumer_before_the_connection_is_refused_and_the_connection_stays() {
    let (_server, address) = broker(|_| {}).await;
    let mut raw = Raw::greet(address, &wishes()).await;
    raw.call_it("early");
    let state = |text: &str| {
        Err((
            "java.lang.IllegalStateException".to_owned(),
            text.to_owned(),
        ))
    };
    let consumer = raw.consumer(1, Destination::queue("q"), 1);
    assert_eq!(
        raw.ask(consumer.clone()).await,
        state("Cannot add a consumer to a connection that had not been registered: early:1:1")
    );
    let session = SessionInfo::default();
    assert_eq!(
        raw.ask(session).await,
        state("Cannot add a session to a connection that had not been registered: :0")
    );
    raw.enter("early", |_| {}).await.unwrap();
    assert_eq!(
        raw.ask(consumer).await,
        state("Cannot add a consumer to a session that had not been registered: early:1:1")
    );
    raw.open().await;
    works(&mut raw).await;
}

#[tokio::test]
async fn ow_29_a_client_id_is_one_connections_until_that_is_gone() {
    let (_server, address) = broker(|_| {}).await;
    let mut first = Raw::join(address, "same").await;
    let mut second = Raw::greet(address, &wishes()).await;
    let other = |info: &mut ConnectionInfo| {
        info.connection_id = Some(ConnectionId {
            value: Some("other".into()),
        });
    };
    let (class, text) = second.enter("same", other).await.unwrap_err();
    assert_eq!(class, "javax.jms.InvalidClientIDException");
    let port = first.stream.local_addr().unwrap().port();
    let expected =
        format!("Broker: cordboard - Client: same already connected from tcp://127.0.0.1:{port}");
    assert_eq!(text, expected);
    second.until_closed().await;
    works(&mut first).await;
    first.say(ShutdownInfo::default()).await;
    first.until_closed().await;
    let mut third = Raw::greet(address, &wishes()).await;
    third.enter("same", other).await.unwrap();
    let mut nameless = Raw::greet(address, &wishes()).await;
    let refused = nameless.enter("x", |info| info.client_id = None).await;
    assert_eq!(
        refused.unwrap_err().1,
        "No clientID specified for connection request"
    );
}

#[tokio::test]
async fn ow_30_the_same_connection_on_a_new_socket_closes_the_old_one() {
    let (_server, address) = broker(|_| {}).await;
    for failover in [true, false] {
        let mut old = Raw::join(address, "same").await;
        let again = |info: &mut ConnectionInfo| info.failover_reconnect = failover;
        let mut new = Raw::join_with(address, "same", &wishes(), again).await;
        old.until_closed().await;
        works(&mut new).await;
        new.say(ShutdownInfo::default()).await;
        new.until_closed().await;
    }
}

fn as_user(user: Option<&str>, password: Option<&str>) -> impl Fn(&mut ConnectionInfo) {
    let (user, password) = (user.map(Text::from), password.map(Text::from));
    move |info| {
        info.user_name = user.clone();
        info.password = password.clone().map(SecretText::from);
    }
}

const USERS: &str = r#"
[[app_user]]
id = "ctiApp"
password = "cti"
[[user]]
id = "bill"
first_name = "Bill"
last_name = "Example"
password = "123"
"#;

#[tokio::test]
async fn ow_31_only_who_knows_a_users_password_is_let_in() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ann");
    std::fs::write(&file, "ann's\n").unwrap();
    let (_server, address) = common::openwire::broker_of(USERS, |config| {
        config.broker.access = Access::Users;
        config.broker.users = vec![BrokerUser {
            name: "ann".into(),
            password_file: file,
            ..BrokerUser::default()
        }];
    })
    .await;
    for (user, password) in [
        (None, None),
        (Some("ann"), Some("wrong")),
        (Some("ann"), None),
        (Some("nobody"), Some("ann's")),
        // An end user is no application.
        (Some("bill"), Some("123")),
    ] {
        let mut raw = Raw::greet(address, &wishes()).await;
        let begun = Instant::now();
        let shown = user.unwrap_or("null");
        let refused = raw.enter("one", as_user(user, password)).await;
        let expected = (
            "java.lang.SecurityException".to_owned(),
            format!("User name [{shown}] or password is invalid."),
        );
        assert_eq!(refused, Err(expected));
        // Whoever does not go is sent away.
        if user.is_none() {
            raw.until_closed().await;
            assert!(begun.elapsed() < Duration::from_secs(3));
        }
    }
    for (user, password) in [("ann", "ann's"), ("ctiapp", "cti")] {
        let as_user = as_user(Some(user), Some(password));
        let mut raw = Raw::join_with(address, "one", &wishes(), as_user).await;
        let canonical = if user == "ctiapp" { "ctiApp" } else { user };
        let own = Destination::topic(format!("cc.{canonical}.desk").as_str());
        raw.listen(1, own).await;
        let other = raw.consumer(2, Destination::topic("cc.other.desk"), 1);
        let (class, text) = raw.ask(other).await.unwrap_err();
        assert_eq!(class, "java.lang.SecurityException");
        let expected = "is not authorized to read from: topic://cc.other.desk";
        assert_eq!(text, format!("User {canonical} {expected}"));
        let command = raw.message(Destination::queue("Connector1"), 1, "");
        raw.ask(command).await.unwrap();
        raw.say(ShutdownInfo::default()).await;
        raw.until_closed().await;
    }
}

#[tokio::test]
async fn ow_74_more_connections_than_there_may_be_are_closed_at_the_door() {
    let (_server, address) = broker(|config| {
        config.broker.max_connections = 4;
        config.broker.max_connections_per_peer = 3;
    })
    .await;
    let mut joined = Vec::new();
    for number in 0..3 {
        joined.push(Raw::join(address, &number.to_string()).await);
    }
    let mut fourth = TcpStream::connect(address).await.unwrap();
    assert!(bytes_until_closed(&mut fourth).await.is_empty());
    for raw in &mut joined {
        works(raw).await;
        raw.ask(common::openwire::removal(raw.consumer_id(1)))
            .await
            .unwrap();
    }
    drop(joined.pop());
    soon(async { while TcpStream::connect(address).await.is_err() {} }).await;
    let again = async {
        loop {
            let mut stream = TcpStream::connect(address).await.unwrap();
            if stream.read_u8().await.is_ok() {
                return;
            }
        }
    };
    soon(again).await;
}

/// By TLS, with a client that has its own ideas of what to trust.
#[tokio::test]
async fn the_same_goes_by_tls() {
    let (server, _) = broker(|config| config.listen.openwire_tls = "127.0.0.1:0".into()).await;
    let addresses = &server.program.addresses;
    let port = addresses
        .openwire_tls
        .as_ref()
        .map(SocketAddr::port)
        .unwrap();
    let trust = cordboard_client::tls::Trust::Ca(addresses.certificate.clone().unwrap());
    let reach = cordboard_client::openwire::Reach::Network {
        addresses: vec![cordboard_client::openwire::Address {
            host: "localhost".into(),
            port,
        }],
        tls: Some(std::sync::Arc::new(
            cordboard_client::tls::client_config(&trust).unwrap(),
        )),
    };
    let settings = Settings::new(Vec::new(), "tls", "q").at(reach);
    let (_shutdown, stopping) = watch::channel(false);
    let mut started = start(settings, Counts::default(), stopping);
    started
        .client
        .publish(Publication::new(Destination::queue("q"), "by TLS"));
    let delivery = soon(started.deliveries.recv()).await.unwrap();
    assert_eq!(*delivery.body(), Body::Text("by TLS".into()));
    delivery.acknowledge();
}
