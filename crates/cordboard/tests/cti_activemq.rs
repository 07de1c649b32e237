//! The CTI connector at a real ActiveMQ, with processes that are killed. [cti §2.5, §11]
//!
//! Built with the feature `activemq` only: `interop/cti/restarts` does, and says so when there is no ActiveMQ.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod activemq;
mod common;

use activemq::{ActiveMq, QUEUE, Stomp, soon};
use common::process::cordboard;
use cordboard_client::admin::{AdminClient, Ask};
use cordboard_client::openwire::{Client, Counts, Publication, Settings, Started, Status, start};
use cordboard_client::tls::Trust;
use cordboard_wire::openwire::{Body, Destination};
use http::Method;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

/// A lab that has joined the ActiveMQ; killed when dropped.
struct Lab {
    child: Child,
    api: AdminClient,
}

impl Lab {
    /// On this data, as the connector of this broker.
    async fn start(broker: &ActiveMq, folder: &Path) -> Self {
        Self::at(&format!("tcp://{}", broker.openwire), folder).await
    }

    /// The same, with the broker's address given.
    async fn at(broker: &str, folder: &Path) -> Self {
        let ports = folder.join("ports.json");
        // One that was killed left its own.
        let _ = std::fs::remove_file(&ports);
        let child = cordboard()
            .args(["lab", "--ports", "any", "--data"])
            .arg(folder.join("lab"))
            .arg("--port-file")
            .arg(&ports)
            .env("CORDBOARD__CTI__BROKER", broker)
            .env("CORDBOARD__CTI__INACTIVITY_S", "2")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut looks = tokio::time::interval(Duration::from_millis(10));
        soon(async {
            while !ports.exists() {
                looks.tick().await;
            }
        })
        .await;
        let ports: Value = serde_json::from_slice(&std::fs::read(&ports).unwrap()).unwrap();
        let http = ports["http"].as_str().unwrap();
        let api = AdminClient::new(http, &Trust::System, None).unwrap();
        Self { child, api }
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().unwrap();
        assert!(sent.success());
    }

    /// Without a good-bye.
    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    async fn ask(&self, method: Method, path: &str, json: Option<&Value>) -> Value {
        let ask = Ask {
            json,
            ..Ask::default()
        };
        self.api.ask(method, path, ask).await.unwrap().body
    }

    async fn calls(&self) -> usize {
        let answer = self.ask(Method::GET, "/api/v1/calls", None).await;
        answer["calls"].as_array().unwrap().len()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client that listens on `cc.a`, says commands, and never logs in again by itself.
struct Desk {
    client: Client,
    heard: mpsc::Receiver<cordboard_client::openwire::Delivery>,
    _shutdown: watch::Sender<bool>,
}

impl Desk {
    async fn join(broker: &ActiveMq) -> Self {
        let topic = Destination::topic("cc.a");
        let mut settings = Settings::consuming(vec![broker.openwire.clone()], "desk", vec![topic]);
        settings.delays.longest = Duration::from_millis(200);
        let (shutdown, signal) = watch::channel(false);
        let Started {
            client, deliveries, ..
        } = start(settings, Counts::default(), signal);
        let desk = Self {
            client,
            heard: deliveries,
            _shutdown: shutdown,
        };
        desk.ready().await;
        desk
    }

    async fn ready(&self) {
        let mut status = self.client.status();
        soon(status.wait_for(Status::is_ready)).await.unwrap();
    }

    fn say(&self, jms_type: &str, body: &str, id: &str) {
        self.client.publish(Publication {
            jms_type: Some(jms_type.to_owned()),
            correlation_id: Some(id.to_owned()),
            reply_to: Some(Destination::topic("cc.a")),
            ..Publication::new(Destination::queue(QUEUE), body)
        });
    }

    /// The next event, with its correlation id.
    async fn hear(&mut self) -> String {
        let delivery = soon(self.heard.recv()).await.unwrap();
        let id = delivery.message().correlation_id.as_ref();
        let id = id.map_or("-".to_owned(), ToString::to_string);
        let text = match delivery.body() {
            Body::Text(text) => text.to_string(),
            other => panic!("{other:?}"),
        };
        delivery.acknowledge();
        format!("{id} {text}")
    }

    /// The next event must begin so.
    async fn expect(&mut self, begins: &str) {
        let heard = self.hear().await;
        assert!(
            heard.starts_with(begins),
            "expected {begins}, heard {heard}"
        );
    }

    /// In service, and 42031 logged in.
    async fn log_in(&mut self) {
        // The connector may not have joined yet.
        let begun = Instant::now();
        while begun.elapsed() < activemq::LIMIT {
            self.say("Hello#cc.a", "", "h");
            let heard = tokio::time::timeout(Duration::from_secs(3), self.hear()).await;
            if heard.is_ok_and(|heard| heard == "h System#IN_SERVICE") {
                break;
            }
        }
        self.say("Login#42031", "cc.a", "l");
        loop {
            let heard = self.hear().await;
            if heard.starts_with("l 42031#DialogState#NONE#") {
                return;
            }
        }
    }
}

fn folder(work: &tempfile::TempDir) -> PathBuf {
    work.path().to_owned()
}

#[tokio::test]
async fn cc_52_after_the_broker_was_killed_service_and_state_are_told_unasked() {
    let mut broker = ActiveMq::start(&[]);
    let work = tempfile::tempdir().unwrap();
    let lab = Lab::start(&broker, &folder(&work)).await;
    let mut desk = Desk::join(&broker).await;
    desk.log_in().await;
    broker.signal("-KILL");
    let mut status = desk.client.status();
    let gone = status.wait_for(|status| matches!(status, Status::Away { .. }));
    soon(gone).await.unwrap();
    // By hand, while nobody can be told.
    let call = json!({ "device": "SEP000000042031", "to": "5508" });
    lab.ask(Method::POST, "/api/v1/calls", Some(&call)).await;
    // The connector comes back when the desk listens again: what nobody listens for, a topic does not keep.
    lab.signal("-STOP");
    broker.restart().await;
    desk.ready().await;
    lab.signal("-CONT");
    // What waited to be told meanwhile comes first, or was lost with the link.
    let mut told = desk.hear().await;
    while told.starts_with("- 42031#") {
        told = desk.hear().await;
    }
    assert_eq!(told, "- System#IN_SERVICE");
    desk.expect("- Terminal#CiscoTermInServiceEv").await;
    desk.expect("- 42031#State#RESERVED#").await;
    desk.expect("- 42031#DialogState#INITIATED#").await;
    // And commands are taken again.
    desk.say("ReleaseCall#42031", "16777217", "r");
    desk.expect("r 42031#State#READY#").await;
    desk.expect("r 42031#DialogState#DROPPED#").await;
}

#[tokio::test]
async fn a_killed_connector_comes_back_with_its_logins_and_does_nothing_twice() {
    let broker = ActiveMq::start(&[]);
    let work = tempfile::tempdir().unwrap();
    let mut lab = Lab::start(&broker, &folder(&work)).await;
    let mut desk = Desk::join(&broker).await;
    desk.log_in().await;
    desk.say("MakeCall#42031", "5508", "m1");
    desk.expect("m1 42031#State#RESERVED#").await;
    desk.expect("m1 42031#DialogState#INITIATING#").await;
    desk.expect("- 42031#DialogState#INITIATED#").await;
    desk.say("ReleaseCall#42031", "16777217", "r");
    desk.expect("r 42031#State#READY#").await;
    desk.expect("r 42031#DialogState#DROPPED#").await;
    // Handed to the connector, which cannot take it any more.
    lab.signal("-STOP");
    let mut other = Stomp::connect(&broker, "").await;
    for (id, jms_type, body) in [
        ("m2", "MakeCall#42031", "5508"),
        ("h2", "Hello#cc.a", ""),
        ("b2", "Beat#cc.a", ""),
    ] {
        let headers = format!("type:{jms_type}\ncorrelation-id:{id}\nreply-to:/topic/cc.a");
        other.put(&headers, body).await;
    }
    lab.kill();
    let lab = Lab::start(&broker, &folder(&work)).await;
    let mut heard = Vec::new();
    while !heard.iter().any(|event: &String| event.starts_with("b2 ")) {
        heard.push(desk.hear().await);
    }
    let answers = |id: &str| -> Vec<_> {
        let id = format!("{id} ");
        heard
            .iter()
            .filter(|event| event.starts_with(&id))
            .collect()
    };
    assert_eq!(answers("m2"), ["m2 42031#Error#PLEASE_RETRY"], "{heard:?}");
    assert_eq!(answers("h2"), ["h2 System#IN_SERVICE"], "{heard:?}");
    assert!(
        heard.contains(&"- System#IN_SERVICE".to_owned()),
        "{heard:?}"
    );
    assert_eq!(lab.calls().await, 1, "one was placed, before");
    desk.say("GetState#42031", "", "g");
    desk.expect("g 42031#State#READY#").await;
    desk.expect("g 42031#DialogState#NONE#").await;
}

#[tokio::test]
async fn cc_68_a_hello_by_stomp_is_answered_however_its_body_is_sent() {
    let broker = ActiveMq::start(&[]);
    let work = tempfile::tempdir().unwrap();
    let _lab = Lab::start(&broker, &folder(&work)).await;
    let mut desk = Desk::join(&broker).await;
    desk.log_in().await;
    let mut stomp = Stomp::connect(&broker, "").await;
    stomp.subscribe("/topic/cc.s").await;
    for (id, how) in [
        ("plain", ""),
        ("length", "content-length:0\n"),
        ("text", "content-length:0\namq-msg-type:text\n"),
    ] {
        let head = format!("SEND\ndestination:/queue/{QUEUE}\ntype:Hello#cc.s\n{how}");
        stomp.say(&format!("{head}correlation-id:{id}\n\n\0")).await;
        let answer = stomp.hear().await;
        let (head, body) = answer.split_once("\n\n").unwrap();
        assert_eq!(body, "System#IN_SERVICE", "{answer}");
        let headers: Vec<_> = head.lines().collect();
        assert!(
            headers.contains(&format!("correlation-id:{id}").as_str()),
            "{answer}"
        );
        assert!(headers.contains(&"type:"), "{answer}");
        assert!(!head.contains("content-length"), "{answer}");
    }
}

/// A network between the lab and its broker, on which everything can come to a stop.
struct Wire {
    address: SocketAddr,
    flows: watch::Sender<bool>,
}

impl Wire {
    async fn to(broker: &ActiveMq) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let target = (broker.openwire.host.clone(), broker.openwire.port);
        let (flows, flowing) = watch::channel(true);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = TcpStream::connect(target.clone()).await else {
                    continue;
                };
                let ((near_read, near_write), (far_read, far_write)) =
                    (near.into_split(), far.into_split());
                tokio::spawn(carry(near_read, far_write, flowing.clone()));
                tokio::spawn(carry(far_read, near_write, flowing.clone()));
            }
        });
        Self { address, flows }
    }
}

/// Nobody is told that nothing comes through.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut flows: watch::Receiver<bool>) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(len @ 1..) = from.read(&mut buffer).await {
        if flows.wait_for(|flows| *flows).await.is_err() {
            return;
        }
        if to.write_all(&buffer[..len]).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn a_network_that_stands_still_is_given_up_and_what_was_asked_meanwhile_is_done_once() {
    let broker = ActiveMq::start(&[]);
    let wire = Wire::to(&broker).await;
    let work = tempfile::tempdir().unwrap();
    let lab = Lab::at(&format!("tcp://{}", wire.address), &folder(&work)).await;
    let mut desk = Desk::join(&broker).await;
    desk.log_in().await;
    wire.flows.send_replace(false);
    desk.say("MakeCall#42031", "5508", "m1");
    let mut looks = tokio::time::interval(Duration::from_millis(50));
    soon(async {
        while lab
            .api
            .ask(Method::GET, "/readyz", Ask::default())
            .await
            .is_ok()
        {
            looks.tick().await;
        }
    })
    .await;
    assert_eq!(lab.calls().await, 0);
    wire.flows.send_replace(true);
    let mut heard: Vec<String> = Vec::new();
    let is_there = |heard: &[String], begins: &str| heard.iter().any(|one| one.starts_with(begins));
    while !(is_there(&heard, "- System#IN_SERVICE")
        && is_there(&heard, "m1 42031#DialogState#INITIATING#"))
    {
        heard.push(desk.hear().await);
    }
    desk.say("GetState#42031", "", "g");
    while !is_there(&heard, "g 42031#DialogState#INITIATED#") {
        heard.push(desk.hear().await);
    }
    let placed = heard
        .iter()
        .filter(|one| one.starts_with("m1 42031#DialogState#"));
    assert_eq!(placed.count(), 1, "{heard:?}");
    assert_eq!(lab.calls().await, 1);
}
