//! The broker inside, over real sockets: how connections begin, live and end. [openwire §2, §13.2]

mod common;

use common::openwire::{Raw, broker, soon};
use cordboard_client::openwire::{Counts, Publication, Settings, Started, Status, start};
use cordboard_wire::openwire::{Body, Command, Destination, ShutdownInfo};
use tokio::io::AsyncReadExt;
use tokio::sync::watch;

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
    let mut raw = Raw::greet(address, &common::openwire::wishes()).await;
    let Command::BrokerInfo(info) = raw.hear().await else {
        panic!("no introduction");
    };
    assert_eq!(info.broker_name, Some("cordboard".into()));
    raw.enter("one", |_| {}).await.unwrap();
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
    soon(async { while tokio::net::TcpStream::connect(address).await.is_ok() {} }).await;
    assert_eq!(server.get("/readyz").await.status, 503);
    let cleared = server.request("DELETE", "/api/v1/lab/faults?on=broker", &[], b"");
    assert_eq!(cleared.await.status, 200);
    soon(async { while tokio::net::TcpStream::connect(address).await.is_err() {} }).await;
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
