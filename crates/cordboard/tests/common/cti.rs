//! A CTI client that hears several topics, over a real socket to the broker inside, and the conversations under
//! `crates/wire/testdata/cti`.

#![allow(
    dead_code,
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    reason = "each test program uses a part of it, and a test that cannot go on must stop"
)]

use super::openwire::soon;
use super::{LIMIT, Server};
use cordboard::ops::config::Config;
use cordboard_client::cti::Model;
use cordboard_client::openwire::{
    Address, Client, Counts, Delivery, Publication, Settings, Started, Status, start,
};
use cordboard_core::exchange::{DriverEvent, FIRST_DRIVER_LEG, TransferTo};
use cordboard_core::ids::{DeviceName, LegId};
use cordboard_wire::cti::{AgentState, Received, decode_event};
use cordboard_wire::openwire::{Body, Destination, Message};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// Nobody is logged in on it; its answers show that everything before was heard.
const PROBE: &str = "zz.probe";
/// The demo's agents with their topics.
pub const AGENTS: [(&str, &str); 3] = [("42031", "cc.a"), ("42032", "cc.b"), ("32033", "cc.c")];

/// An event as it came.
#[derive(Clone, Debug)]
pub struct Heard {
    pub topic: String,
    pub correlation: Option<String>,
    pub text: String,
    pub message: Arc<Message>,
}

impl Heard {
    /// `cc.a h1 System#IN_SERVICE`
    pub fn line(&self) -> String {
        let correlation = self.correlation.as_deref().unwrap_or("-");
        format!("{} {correlation} {}", self.topic, self.text)
    }
}

/// One command, with the headers it can have.
#[derive(Clone, Debug, Default)]
pub struct Said<'a> {
    pub jms_type: &'a str,
    pub body: &'a str,
    pub correlation: Option<&'a str>,
    pub reply: Option<Destination>,
}

/// A client of a broker, wherever that is.
pub struct JmsClient {
    pub client: Client,
    deliveries: mpsc::Receiver<Delivery>,
    probes: u32,
    /// What all events together come to.
    folded: Model,
    _shutdown: watch::Sender<bool>,
}

impl JmsClient {
    /// One of this name, that hears all clients' topics.
    pub fn at(name: &str, address: &str) -> Self {
        Self::on(name, address, &["cc.>", "q1"])
    }

    /// One of this name, that hears these topics.
    pub fn on(name: &str, address: &str, topics: &[&str]) -> Self {
        let (host, port) = address.rsplit_once(':').unwrap();
        let address = Address {
            host: host.to_owned(),
            port: port.parse().unwrap(),
        };
        let topics = topics.iter().chain(&[PROBE]);
        let topics = topics.map(|topic| Destination::topic(*topic)).collect();
        let settings = Settings::consuming(vec![address], name, topics);
        let (shutdown, stopping) = watch::channel(false);
        let Started {
            client, deliveries, ..
        } = start(settings, Counts::default(), stopping);
        Self {
            client,
            deliveries,
            probes: 0,
            folded: Model::default(),
            _shutdown: shutdown,
        }
    }

    /// Waits until it is connected and listens.
    pub async fn ready(&self) {
        let mut status = self.client.status();
        status.wait_for(Status::is_ready).await.unwrap();
    }

    /// Sends a command.
    pub fn tell(&mut self, said: Said<'_>) {
        self.client.publish(Publication {
            jms_type: Some(said.jms_type.to_owned()),
            correlation_id: said.correlation.map(str::to_owned),
            reply_to: said.reply,
            ..Publication::new(Destination::queue("Connector1"), said.body)
        });
    }

    /// Sends a command without a correlation id.
    pub fn say(&mut self, jms_type: &str, body: &str) {
        self.tell(Said {
            jms_type,
            body,
            ..Said::default()
        });
    }

    /// Sends a command and hears everything that comes of it.
    pub async fn ask(&mut self, jms_type: &str, body: &str, correlation: &str) -> Vec<String> {
        self.tell(Said {
            jms_type,
            body,
            correlation: Some(correlation),
            reply: None,
        });
        self.lines().await
    }

    /// The same, with JMSReplyTo.
    pub async fn ask_reply(
        &mut self,
        jms_type: &str,
        body: &str,
        correlation: &str,
        reply: Destination,
    ) -> Vec<String> {
        self.tell(Said {
            jms_type,
            body,
            correlation: Some(correlation),
            reply: Some(reply),
        });
        self.lines().await
    }

    /// The next message of the broker.
    pub async fn next(&mut self) -> Heard {
        let delivery = soon(self.deliveries.recv()).await.unwrap();
        let text = |text: &Option<cordboard_wire::openwire::Text>| {
            text.as_ref().map(|text| text.to_str_lossy().into_owned())
        };
        let message = delivery.message().clone();
        let heard = Heard {
            topic: message
                .destination
                .as_ref()
                .and_then(|to| text(&to.physical_name))
                .unwrap(),
            correlation: text(&message.correlation_id),
            text: match delivery.body() {
                Body::Text(text) => text.to_str_lossy().into_owned(),
                other => panic!("no text: {other:?}"),
            },
            message: Arc::new(message),
        };
        delivery.acknowledge();
        if heard.topic != PROBE {
            fold(&mut self.folded, &heard.text);
        }
        heard
    }

    /// Whoever followed the events knows what GetState tells, for every agent who is logged in. Answers what else was told
    /// meanwhile.
    pub async fn knows_what_is_told(&mut self) -> Vec<Heard> {
        let agents: Vec<_> = self.folded.agents().map(|(id, _)| id.clone()).collect();
        assert!(!agents.is_empty(), "nobody was followed");
        let mut others = Vec::new();
        for id in agents {
            let mut followed = self.folded.clone();
            let known = followed.agent(&id).and_then(|agent| agent.state);
            if known == Some(AgentState::Logout) {
                continue;
            }
            let mut told = Model::default();
            self.tell(Said {
                jms_type: &format!("GetState#{}", id.as_str()),
                correlation: Some("fold"),
                ..Said::default()
            });
            for heard in self.quiet().await {
                if heard.correlation.as_deref() == Some("fold") {
                    fold(&mut told, &heard.text);
                    continue;
                }
                // What comes after the answer is no part of it.
                if told.agent(&id).is_none() {
                    fold(&mut followed, &heard.text);
                }
                others.push(heard);
            }
            let told = told.agent(&id).expect("he is logged in");
            let agent = followed.agent(&id).unwrap();
            assert_eq!(
                (&told.state, &told.since, &told.legs),
                (&agent.state, &agent.since, &agent.legs),
                "{}",
                id.as_str()
            );
        }
        others
    }

    /// Everything that was told up to now.
    pub async fn quiet(&mut self) -> Vec<Heard> {
        self.probes += 1;
        let number = format!("probe {}", self.probes);
        self.tell(Said {
            jms_type: &format!("Hello#{PROBE}"),
            correlation: Some(&number),
            ..Said::default()
        });
        let mut all = Vec::new();
        loop {
            let heard = self.next().await;
            if heard.topic != PROBE {
                all.push(heard);
            } else if heard.correlation.as_deref() == Some(&number) {
                return all;
            }
        }
    }

    pub async fn lines(&mut self) -> Vec<String> {
        self.quiet().await.iter().map(Heard::line).collect()
    }
}

/// A client of a lab in this process, and whatever is done in the lab by hand.
pub struct Desk {
    pub server: Server,
    pub line: JmsClient,
}

impl std::ops::Deref for Desk {
    type Target = JmsClient;

    fn deref(&self) -> &JmsClient {
        &self.line
    }
}

impl std::ops::DerefMut for Desk {
    fn deref_mut(&mut self) -> &mut JmsClient {
        &mut self.line
    }
}

pub fn device(agent: &str) -> String {
    format!("SEP0000000{agent}")
}

impl Desk {
    /// A lab at rest, its clock at 10:00:00; nobody is logged in.
    pub async fn cold(change: impl FnOnce(&mut Config)) -> Self {
        let server = Server::start(cordboard::lab::DEMO, |config| {
            config.listen.openwire = "127.0.0.1:0".into();
            config.cti.timezone = "UTC".into();
            change(config);
        })
        .await;
        let mut desk = Self::at(server).await;
        desk.at_time("2026-11-21 10:00:00").await;
        desk
    }

    /// The same; the three agents have logged in two minutes ago.
    pub async fn warm(change: impl FnOnce(&mut Config)) -> Self {
        let server = Server::start(cordboard::lab::DEMO, |config| {
            config.listen.openwire = "127.0.0.1:0".into();
            config.cti.timezone = "UTC".into();
            change(config);
        })
        .await;
        let mut desk = Self::at(server).await;
        desk.at_time("2026-11-21 09:58:00").await;
        for (agent, topic) in AGENTS {
            desk.say(&format!("Hello#{topic}"), "");
            desk.say(&format!("Login#{agent}"), topic);
        }
        desk.quiet().await;
        desk.at_time("2026-11-21 10:00:00").await;
        desk
    }

    /// A client of a running server.
    pub async fn at(server: Server) -> Self {
        let address = server.program.addresses.openwire.unwrap();
        let line = JmsClient::at("desk", &address.to_string());
        soon(line.ready()).await;
        let mut connector = server.program.app.cti.get().unwrap().clone();
        soon(connector.wait_for(Status::is_ready)).await.unwrap();
        Self { server, line }
    }

    // --- what is done by hand -----------------------------------------------------------------------------------------------

    /// Sets the lab's clock, which stands still.
    pub async fn at_time(&mut self, time: &str) {
        let now = format!("{}Z", time.replace(' ', "T"));
        let body = format!(r#"{{"now": "{now}", "running": false}}"#);
        let set = self.server.post_json("/api/v1/lab/clock", &body).await;
        assert_eq!(set.status, 200, "{}", set.body);
    }

    pub async fn advance(&mut self, ms: u64) {
        let body = format!(r#"{{"advance_ms": {ms}}}"#);
        let set = self.server.post_json("/api/v1/lab/clock", &body).await;
        assert_eq!(set.status, 200, "{}", set.body);
    }

    pub async fn fault(&mut self, body: &str) {
        let set = self.server.post_json("/api/v1/lab/faults", body).await;
        assert_eq!(set.status, 200, "{}", set.body);
    }

    pub async fn no_fault(&mut self) {
        let cleared = self
            .server
            .request("DELETE", "/api/v1/lab/faults", &[], b"")
            .await;
        assert_eq!(cleared.status, 200, "{}", cleared.body);
    }

    pub async fn call(&mut self, from: &str, to: &str) {
        let body = format!(r#"{{"device": "{}", "to": "{to}"}}"#, device(from));
        let placed = self.server.post_json("/api/v1/calls", &body).await;
        assert_eq!(placed.status, 201, "{}", placed.body);
    }

    /// The newest live call of a phone in which its part is in one of these states.
    pub async fn call_of(&self, agent: &str, states: &[&str]) -> String {
        let device = device(agent);
        let found = self
            .server
            .get(&format!("/api/v1/calls?device={device}"))
            .await;
        let calls = found.json();
        let calls = calls["calls"].as_array().unwrap();
        let fits = |call: &&serde_json::Value| {
            let connections = call["connections"].as_array().unwrap();
            connections.iter().any(|connection| {
                let state = connection["state"].as_str().unwrap();
                connection["device"] == device.as_str() && states.contains(&state)
            })
        };
        let call = calls.iter().find(fits);
        call.unwrap_or_else(|| panic!("{agent}: {states:?}"))["id"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    pub async fn act(&mut self, agent: &str, action: &str, states: &[&str], to: Option<&str>) {
        let call = self.call_of(agent, states).await;
        let to = to.map_or(String::new(), |to| format!(r#", "to": "{to}""#));
        let body = format!(r#"{{"device": "{}"{to}}}"#, device(agent));
        let target = format!("/api/v1/calls/{call}/{action}");
        let done = self.server.post_json(&target, &body).await;
        assert!([200, 201].contains(&done.status), "{action}: {}", done.body);
    }

    /// What somebody does at a phone, as the conversations say it.
    pub async fn hand(&mut self, words: &[&str]) {
        match words {
            ["call", from, to] => self.call(from, to).await,
            ["answer", agent] => self.act(agent, "answer", &["alerting"], None).await,
            ["release", agent] => {
                let live = [
                    "initiating",
                    "initiated",
                    "alerting",
                    "active",
                    "held",
                    "failed",
                ];
                self.act(agent, "release", &live, None).await;
            }
            ["consult", agent, to] => {
                self.act(agent, "consult", &["active"], Some(to)).await;
            }
            other => panic!("{other:?}"),
        }
    }

    pub async fn network(&mut self, up: bool) {
        match up {
            false => {
                let lost = r#"{"on": "network", "kind": "down", "calls": "lost"}"#;
                self.fault(lost).await;
            }
            true => self.no_fault().await,
        }
    }

    pub async fn phone(&mut self, agent: &str, up: bool) {
        match up {
            false => {
                let device = device(agent);
                let gone = format!(r#"{{"on": "device:{device}", "kind": "down"}}"#);
                self.fault(&gone).await;
            }
            true => self.no_fault().await,
        }
    }
}

/// What a client makes of an event; of one in the sister's layout nothing.
fn fold(model: &mut Model, text: &str) {
    if let Received::Known(event, _) = decode_event(text) {
        model.fold(&event);
    }
}

/// A line of a conversation.
#[derive(Clone, Debug)]
pub enum Step {
    Command {
        correlation: String,
        reply: Option<String>,
        jms_type: String,
        body: String,
    },
    Event {
        topic: String,
        correlation: String,
        text: String,
        json: String,
    },
    Do(Vec<String>),
}

/// The steps of a conversation.
pub fn conversation(file: &str) -> Vec<Step> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wire/testdata/cti");
    let text = std::fs::read_to_string(folder.join(file)).expect(file);
    let mut lines = text.lines().peekable();
    let mut steps = Vec::new();
    while let Some(line) = lines.next() {
        let mut field = |name: &str| {
            let start = format!("  {name}");
            let line = lines.next_if(|line| line.starts_with(&start))?;
            let value = line[start.len()..].strip_prefix(' ').unwrap_or_default();
            Some(value.to_owned())
        };
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["command", correlation] => steps.push(Step::Command {
                correlation: correlation.to_owned(),
                reply: field("reply"),
                jms_type: field("type").expect("a type"),
                body: field("body").expect("a body"),
            }),
            ["event", topic, correlation] => steps.push(Step::Event {
                topic: topic.to_owned(),
                correlation: correlation.to_owned(),
                text: field("text").expect("a text"),
                json: field("json").expect("JSON"),
            }),
            ["note", ..] => {}
            _ => steps.push(Step::Do(
                words.iter().map(|&word| word.to_owned()).collect(),
            )),
        }
    }
    steps
}

/// What stands on each topic, in order.
pub type Transcript = BTreeMap<String, Vec<String>>;

/// What a conversation says must stand there.
pub fn expected(steps: &[Step], json: bool) -> Transcript {
    let mut all = Transcript::new();
    for step in steps {
        if let Step::Event {
            topic,
            correlation,
            text,
            json: object,
        } = step
        {
            let text = if json { object } else { text };
            let line = format!("{correlation} {text}");
            all.entry(topic.clone()).or_default().push(line);
        }
    }
    all
}

/// How commands are given.
pub enum By {
    /// As the conversation has them.
    Commands,
    /// Each by the JSON API instead.
    Api,
    /// Each at the phone itself.
    Phone,
}

/// Plays a conversation and answers what stood on each topic. After each step everybody's state is asked for too, which must
/// be what was told.
pub async fn play_and_ask(steps: &[Step]) -> Transcript {
    played(steps, &By::Commands, true, |_| {}).await
}

/// Plays a conversation and answers what stood on each topic.
pub async fn play(steps: &[Step], by: &By, change: impl FnOnce(&mut Config)) -> Transcript {
    played(steps, by, false, change).await
}

async fn played(
    steps: &[Step],
    by: &By,
    asking: bool,
    change: impl FnOnce(&mut Config),
) -> Transcript {
    let cold = matches!(&steps[0], Step::Do(words) if words[0] == "cold");
    let mut desk = match cold {
        true => Desk::cold(change).await,
        false => Desk::warm(change).await,
    };
    let mut all: Vec<Heard> = Vec::new();
    for step in steps {
        match step {
            Step::Event { .. } => continue,
            Step::Command {
                correlation,
                reply,
                jms_type,
                body,
            } => match by {
                By::Commands => {
                    let reply = reply.as_deref().map(|reply| {
                        Destination::topic(reply.strip_prefix("topic://").unwrap_or(reply))
                    });
                    desk.tell(Said {
                        jms_type,
                        body,
                        correlation: Some(correlation),
                        reply,
                    });
                }
                By::Api => by_api(&mut desk, jms_type, body).await,
                By::Phone => by_phone(&mut desk, jms_type, body).await,
            },
            Step::Do(words) => {
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                match words[..] {
                    ["cold"] => {}
                    ["begin"] => {
                        desk.quiet().await;
                        all.clear();
                        continue;
                    }
                    ["at", day, time] => desk.at_time(&format!("{day} {time}")).await,
                    ["hand", ref rest @ ..] => desk.hand(rest).await,
                    ["network", state] => desk.network(state == "up").await,
                    ["phone", state, agent] => desk.phone(agent, state == "up").await,
                    ref other => panic!("{other:?}"),
                }
            }
        }
        all.extend(desk.quiet().await);
        if asking {
            all.extend(desk.knows_what_is_told().await);
        }
    }
    all.extend(desk.knows_what_is_told().await);
    let mut transcript = Transcript::new();
    for heard in all {
        let correlation = heard.correlation.as_deref().unwrap_or("-");
        let line = format!("{correlation} {}", heard.text);
        transcript
            .entry(heard.topic.clone())
            .or_default()
            .push(line);
    }
    transcript
}

/// The same as a command, by the JSON API: nobody's client asked for it.
async fn by_api(desk: &mut Desk, jms_type: &str, body: &str) {
    let (verb, agent) = jms_type.split_once('#').unwrap();
    let agent = agent.trim();
    let arguments: Vec<&str> = body.split(',').collect();
    match (verb, &arguments[..]) {
        ("MakeCall", [to]) => desk.call(agent, to).await,
        ("AnswerCall", _) => desk.act(agent, "answer", &["alerting"], None).await,
        ("HoldCall", _) => desk.act(agent, "hold", &["active"], None).await,
        ("RetrieveCall", _) => desk.act(agent, "retrieve", &["held"], None).await,
        ("ReleaseCall", _) => desk.hand(&["release", agent]).await,
        ("Transfer_sst", [to, _]) => desk.act(agent, "transfer", &["active"], Some(to)).await,
        ("ConsultCall", [to, _]) => desk.act(agent, "consult", &["active"], Some(to)).await,
        ("TransferCall", _) => desk.act(agent, "transfer", &["active"], None).await,
        ("Conferencecall", _) => desk.act(agent, "conference", &["active"], None).await,
        other => panic!("{other:?}"),
    }
}

/// The same at the phone: its keys and its receiver.
async fn by_phone(desk: &mut Desk, jms_type: &str, body: &str) {
    let (verb, agent) = jms_type.split_once('#').unwrap();
    let (verb, device) = (verb.to_owned(), DeviceName::from(device(agent.trim())));
    let arguments: Vec<String> = body.split(',').map(str::to_owned).collect();
    let done = desk.server.program.app.handle.on_thread(move |engine| {
        let own = engine.network.live_legs();
        let own = own.filter(|(_, of)| of.is_some_and(|of| *of == device));
        let mut legs: Vec<LegId> = own.map(|(leg, _)| leg).collect();
        legs.sort_unstable();
        let dialled = |digits: &str| DriverEvent::Dialled {
            leg: LegId(
                FIRST_DRIVER_LEG
                    + 1_000
                    + legs.len() as u64
                    + engine.network.live_legs().count() as u64,
            ),
            device: device.clone(),
            digits: digits.to_owned(),
        };
        let events = match (verb.as_str(), &legs[..], &arguments[..]) {
            ("MakeCall", [], [to]) => vec![dialled(to)],
            ("AnswerCall", [leg], _) => vec![DriverEvent::Answered(*leg)],
            ("HoldCall", [leg], _) => vec![DriverEvent::HeldByPhone(*leg)],
            ("RetrieveCall", [leg], _) => vec![DriverEvent::RetrievedByPhone(*leg)],
            ("ReleaseCall", [.., leg], _) => vec![DriverEvent::Released(*leg, 16)],
            ("Transfer_sst", [leg], [to, _]) => vec![DriverEvent::TransferAsked {
                leg: *leg,
                to: TransferTo::Digits(to.clone()),
            }],
            ("ConsultCall", [leg], [to, _]) => {
                vec![DriverEvent::HeldByPhone(*leg), dialled(to)]
            }
            ("TransferCall", [first, second], _) => vec![DriverEvent::TransferAsked {
                leg: *first,
                to: TransferTo::Leg(*second),
            }],
            other => panic!("{other:?}"),
        };
        for event in events {
            let now = engine.clock.now().instant;
            engine.network.phone_does(event, now);
            engine.catch_up();
        }
    });
    done.await.unwrap();
}

/// Waits until a condition holds.
pub async fn until(mut holds: impl FnMut() -> bool) {
    let mut looks = tokio::time::interval(std::time::Duration::from_millis(10));
    let waited = tokio::time::timeout(LIMIT, async {
        while !holds() {
            looks.tick().await;
        }
    });
    waited.await.expect("it did not come about in time");
}
