//! Our CTI client against a connector that is told what to do, behind a broker that is too. [cti §11]

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

#[path = "openwire_client/broker.rs"]
mod broker;

use broker::{Broker, Peer, message, soon};
use cordboard_client::cti::{CommandError, Heard, Model, Session, Settings, Standing, start};
use cordboard_client::openwire;
use cordboard_wire::cti::{
    AgentId, ClientDestination, Command, Dialled, ErrorCode, Event, Format, Login, Names, Received,
};
use cordboard_wire::openwire::{
    Body, Command as Frame, Destination, Message, Structure as _, Text,
};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{broadcast, watch};

const TOPIC: &str = "cc.a";

/// What the connector heard: type, body, correlation id.
type Said = (String, String, String);

/// The client under test, and the connector behind the broker.
struct Under {
    broker: Broker,
    connector: Connector,
    session: Session,
    events: broadcast::Receiver<Arc<Heard>>,
    task: tokio::task::JoinHandle<()>,
    shutdown: watch::Sender<bool>,
}

struct Connector {
    peer: Peer<TcpStream>,
    told: i64,
    /// Commands that came before the acknowledgement that was waited for.
    early: VecDeque<Arc<Message>>,
}

impl Connector {
    /// `told`: so many events were published before.
    fn on(peer: Peer<TcpStream>, told: i64) -> Self {
        let early = VecDeque::new();
        Self { peer, told, early }
    }

    /// The client's next command, with the headers that all of them have.
    async fn heard(&mut self) -> Said {
        let message = match self.early.pop_front() {
            Some(message) => message,
            None => self.peer.hear_message().await,
        };
        assert_eq!(message.destination, Some(Destination::queue("Connector1")));
        assert_eq!(message.reply_to, Some(Destination::topic(TOPIC)));
        assert!(!message.persistent);
        assert!((1..=5_000).contains(&(message.expiration - message.timestamp)));
        let text = |text: &Option<Text>| text.as_ref().unwrap().to_string();
        let body = match message.body() {
            Ok(Body::Text(body)) => body.to_string(),
            other => panic!("{other:?}"),
        };
        let correlation = text(&message.correlation_id);
        (text(&message.jms_type), body, correlation)
    }

    /// The same, which must be this command; its correlation id.
    async fn expect(&mut self, jms_type: &str, body: &str) -> String {
        let (heard, with, correlation) = self.heard().await;
        assert_eq!((heard.as_str(), with.as_str()), (jms_type, body));
        correlation
    }

    /// Publishes an event on the client's topic.
    async fn tell(&mut self, body: &str, correlation: &str) {
        self.told += 1;
        let correlation = (!correlation.is_empty()).then(|| Text::from(correlation));
        let mut event = message(self.told);
        let text = Message::text(Some(&Text::from(body)));
        event.content.clone_from(&text.content);
        event.correlation_id = correlation;
        event.jms_type = Some(Text::from(""));
        let topic = Destination::topic(TOPIC);
        self.peer.dispatch_of(topic, event, 0).await;
        loop {
            match self.peer.hear().await {
                Frame::Message(early) => self.early.push_back(early),
                Frame::MessageAck(ack) => {
                    let id = ack.last_message_id.unwrap();
                    return assert_eq!(id.producer_sequence_id, self.told);
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

impl Under {
    /// Joined: the topic is listened to, and nothing was said yet.
    async fn test(change: impl FnOnce(&mut Settings)) -> Self {
        let broker = Broker::listen().await;
        let mut link = openwire::Settings::consuming(vec![broker.address()], "desk", Vec::new());
        link.delays.first = Duration::from_millis(10);
        let topic = ClientDestination::parse(TOPIC, &Names::default()).unwrap();
        let mut settings = Settings::new(link, topic);
        settings.timing.hello = Duration::from_secs(60);
        change(&mut settings);
        let (shutdown, signal) = watch::channel(false);
        let started = start(settings, signal);
        let peer = broker.let_in().await;
        Self {
            broker,
            connector: Connector::on(peer, 0),
            events: started.session.events(),
            session: started.session,
            task: started.task,
            shutdown,
        }
    }

    /// In service.
    async fn in_service() -> Self {
        let mut under = Self::test(|_| {}).await;
        let id = under.connector.expect("Hello#cc.a", "").await;
        under.connector.tell("System#IN_SERVICE", &id).await;
        under.stands(Standing::InService).await;
        under.event().await;
        under
    }

    /// Cuts the connection, and lets the client in again.
    async fn cut(mut self) -> Self {
        let Self {
            broker, connector, ..
        } = self;
        drop(connector);
        let peer = broker.let_in().await;
        self.broker = broker;
        self.connector = Connector::on(peer, 100);
        self
    }

    async fn stands(&self, standing: Standing) {
        let mut watched = self.session.standing();
        soon(watched.wait_for(|s| *s == standing)).await.unwrap();
    }

    async fn event(&mut self) -> Arc<Heard> {
        soon(self.events.recv()).await.unwrap()
    }

    /// Once the model is so.
    async fn model(&self, reached: impl Fn(&Model) -> bool) -> Arc<Model> {
        let mut model = self.session.model();
        let model = soon(model.wait_for(|model| reached(model))).await;
        Arc::clone(&model.unwrap())
    }

    /// Asks, and lets the connector answer.
    async fn ask(&mut self, command: Command, answer: &str) -> Result<Arc<Heard>, CommandError> {
        let asked = self.session.ask(command);
        let answered = async {
            let (_, _, id) = self.connector.heard().await;
            self.connector.tell(answer, &id).await;
        };
        soon(async { tokio::join!(asked, answered).0 }).await
    }
}

fn agent() -> AgentId {
    AgentId::parse("42031").unwrap()
}

fn login() -> Command {
    Command::Login(Login::new(agent(), vec![TOPIC.into()], None).unwrap())
}

fn dial() -> Command {
    Command::MakeCall {
        agent: agent(),
        number: Dialled::parse("42032").unwrap(),
    }
}

/// Hello more often than anybody would say it.
fn often(settings: &mut Settings) {
    settings.timing.hello = Duration::from_millis(50);
}

fn known(heard: &Heard) -> (&Event, Format) {
    match &heard.received {
        Received::Known(event, format) => (event, *format),
        Received::Raw(raw) => panic!("{raw}"),
    }
}

#[tokio::test]
async fn c1_the_topic_is_listened_to_before_hello_is_said() {
    let mut under = Under::test(|settings| settings.format = Some(Format::Json)).await;
    let opening = &under.connector.peer.opening;
    let consumes = opening.iter().filter_map(|frame| match frame {
        Frame::ConsumerInfo(info) => info.destination.clone(),
        _ => None,
    });
    assert_eq!(consumes.collect::<Vec<_>>(), [Destination::topic(TOPIC)]);
    // The broker had confirmed it when this came.
    under.connector.expect("Hello#cc.a", "json").await;
}

#[tokio::test]
async fn c2_hello_is_said_again_and_again_with_a_time_to_live() {
    let mut under = Under::test(often).await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(under.connector.expect("Hello#cc.a", "").await);
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 5, "each has an id of its own");
    under.stands(Standing::Greeting).await;
}

#[tokio::test]
async fn c3_hello_is_said_until_the_network_is_in_service() {
    let mut under = Under::test(often).await;
    let id = under.connector.expect("Hello#cc.a", "").await;
    under.connector.tell("System#OUT_OF_SERVICE", &id).await;
    under.stands(Standing::OutOfService).await;
    for _ in 0..3 {
        under.connector.expect("Hello#cc.a", "").await;
    }
    // Unasked, as a connector may.
    under.connector.tell("System#IN_SERVICE", "").await;
    under.stands(Standing::InService).await;
}

#[tokio::test]
async fn c4_both_formats_are_understood_on_one_topic() {
    let mut under = Under::in_service().await;
    for (body, format) in [
        ("42031#DialogState#ALERTING#t#7#42032", Format::Default),
        (
            r#"{"type":"DialogState","agentId":"42031","state":"ALERTING","stateChangeTimeString":"t","participants":[42032],"connectionID":7}"#,
            Format::Json,
        ),
    ] {
        under.connector.tell(body, "").await;
        let heard = under.event().await;
        assert_eq!(known(&heard).1, format);
        let model = under.model(|model| model.agent(&agent()).is_some()).await;
        assert_eq!(model.agent(&agent()).unwrap().legs.len(), 1);
    }
}

#[tokio::test]
async fn c5_the_guides_inbound_call_and_the_prefixed_one_come_to_the_same_model() {
    let mut models = Vec::new();
    for inbound in [
        "InboundCall#ALERTING#t1",
        "42031#InboundCall#ALERTING#t1#7#42032",
    ] {
        let mut under = Under::in_service().await;
        under.connector.tell(inbound, "").await;
        let dialog = "42031#DialogState#ALERTING#t2#7#42032";
        under.connector.tell(dialog, "").await;
        let legs = |model: &Model| model.agent(&agent()).is_some_and(|a| !a.legs.is_empty());
        models.push(under.model(legs).await);
    }
    assert_eq!(models[0], models[1]);
    let leg = &models[0].agent(&agent()).unwrap().legs[0];
    assert_eq!(leg.started.as_ref().unwrap().as_str(), "t1");
}

#[tokio::test]
async fn c6_an_unknown_event_is_handed_on_as_it_came() {
    let mut under = Under::in_service().await;
    for body in [
        "42031#NewOutboundCall#x#y",
        r#"{"type":"ReasonCodes","list":[1]}"#,
        "",
        "{",
    ] {
        under.connector.tell(body, "").await;
        let heard = under.event().await;
        assert_eq!(heard.received, Received::Raw(body.to_owned()));
        assert_eq!(heard.body, body);
    }
    assert!(under.ask(dial(), "42031#Whatever").await.is_ok());
}

#[tokio::test]
async fn c7_numbers_may_be_texts_and_texts_numbers() {
    let mut under = Under::in_service().await;
    let mut events = Vec::new();
    for body in [
        r#"{"type":"DialogState","agentId":"42031","state":"ACTIVE","stateChangeTimeString":"t","participants":[42032],"connectionID":7}"#,
        r#"{"type":"DialogState","agentId":42031,"state":"ACTIVE","stateChangeTimeString":"t","participants":["42032"],"connectionID":"7"}"#,
    ] {
        under.connector.tell(body, "").await;
        events.push(known(&*under.event().await).0.clone());
    }
    assert_eq!(events[0], events[1]);
}

#[tokio::test]
async fn c8_an_agents_state_may_be_a_text_or_an_object() {
    let mut under = Under::in_service().await;
    for state in [
        r#""state":{"state":"TALKING","stateChangeTimeString":"t"}"#,
        r#""state":"TALKING","stateChangeTimeString":"t""#,
    ] {
        let body = format!(
            r#"{{"type":"AGENT_STATE","agentId":"42031",{state},"otherParticipants":[42032],"connectionID":7}}"#
        );
        under.connector.tell(&body, "").await;
        match known(&*under.event().await).0 {
            Event::AgentState(report) => {
                let told = (report.state.word(), report.since.as_str());
                assert_eq!(told, ("TALKING", "t"), "{body}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn c9_a_code_that_stands_under_message_alone_is_a_refusal() {
    let mut under = Under::in_service().await;
    let error = r#"{"type":"Error","message":"CF_INVALID_OBJECT_STATE"}"#;
    match under.ask(dial(), error).await {
        Err(CommandError::Refused { code, .. }) => assert_eq!(code, ErrorCode::InvalidObjectState),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn c10_the_violation_is_one_in_every_spelling() {
    let mut under = Under::in_service().await;
    for word in [
        "PREVILLEGE_VIOLATION",
        "PRIVILLEGE_VIOLATION",
        "PRIVILEGE_VIOLATION",
    ] {
        match under.ask(dial(), &format!("42031#Error#{word}")).await {
            Err(CommandError::Refused { code, .. }) => {
                assert_eq!(code, ErrorCode::PrivilegeViolation);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn c11_a_command_without_an_answer_fails_in_its_time() {
    let short = Duration::from_millis(50);
    let mut under = Under::test(|settings| settings.timing.answer = short).await;
    let id = under.connector.expect("Hello#cc.a", "").await;
    under.connector.tell("System#IN_SERVICE", &id).await;
    let asked = under.session.ask(dial());
    let heard = async {
        let id = under.connector.expect("MakeCall#42031", "42032").await;
        // Not the answer: it is another's.
        let event = "42031#State#RESERVED####t#A#42031#42031";
        under.connector.tell(event, "other").await;
        under.connector.tell(event, "").await;
        id
    };
    let (answered, id) = soon(async { tokio::join!(asked, heard) }).await;
    assert_eq!(answered, Err(CommandError::NoAnswer(short)));
    // Too late: it answers nobody, and is an event like any other.
    under
        .connector
        .tell("42031#DialogState#INITIATING#t#7#42032", &id)
        .await;
    let model = under.model(|model| model.agent(&agent()).is_some_and(|a| a.legs.len() == 1));
    model.await;
}

#[tokio::test]
async fn after_a_loss_hello_and_login_are_said_again_and_a_late_command_is_not() {
    let mut under = Under::in_service().await;
    under
        .ask(
            login(),
            "42031#AgentInfo#A#B#false#NOT_ALLOWED#teams:0##A B",
        )
        .await
        .unwrap();
    let mut under = under.cut().await;
    let id = under.connector.expect("Hello#cc.a", "").await;
    under.connector.tell("System#IN_SERVICE", &id).await;
    let id = under.connector.expect("Login#42031", TOPIC).await;
    let state = "42031#State#READY####t#A#42031#42031";
    under.connector.tell(state, &id).await;
    assert!(
        under
            .ask(dial(), "42031#State#RESERVED####t#A#42031#42031")
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn the_session_ends_with_a_good_bye() {
    let mut under = Under::in_service().await;
    under.shutdown.send_replace(true);
    let mut frames = Vec::new();
    while let Some(frame) = under.connector.peer.hear_or_end().await {
        if frame.response_required() {
            under.connector.peer.answer(frame.command_id()).await;
        }
        frames.push(frame.name());
    }
    assert_eq!(frames, ["RemoveInfo", "RemoveInfo", "ShutdownInfo"]);
    soon(under.task).await.unwrap();
    let answer = under.session.ask(dial()).await;
    assert_eq!(answer, Err(CommandError::Ended));
}
