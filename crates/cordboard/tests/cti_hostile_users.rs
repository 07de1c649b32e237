//! What one user of the broker may cause at another's agents through the connector: nothing. [cti §8]
//!
//! | a user who may not act for an agent | of the agent's user |
//! |---|---|
//! | names a topic for the agent | hears on their own |
//! | names the other's topic, with a format | hears as before |
//! | sends commands for the agent | hears nothing of them, and is not in their way |
//! | wants answers at the other's topic | hears none |
//! | guesses the agent's PIN | logs in all the same |

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use common::Server;
use common::openwire::Raw;
use cordboard::ops::config::Config;
use cordboard::ops::config::broker::Access;
use cordboard::ops::config::cti::{CtiAccess, LoginAuth};
use cordboard_wire::openwire::{Body, Destination, Message, SecretText, Text};

/// Two users: `ctiApp`, whose line 42031 is, and `test`, who has another.
struct Site {
    server: Server,
    owner: User,
    other: User,
}

/// A user with a topic to listen to.
struct User {
    name: &'static str,
    raw: Raw,
    sent: i64,
}

impl Site {
    async fn open(change: impl FnOnce(&mut Config)) -> Self {
        let lines = |user: &str, lines: &[&str]| CtiAccess {
            user: user.into(),
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
        };
        let server = Server::start(cordboard::lab::DEMO, |config| {
            config.listen.openwire = "127.0.0.1:0".into();
            config.broker.access = Access::Users;
            config.cti.require_user = true;
            config.cti.accesses = vec![lines("ctiApp", &["42031"]), lines("test", &["32033"])];
            change(config);
        })
        .await;
        let owner = User::signs_in(&server, "ctiApp", "cti").await;
        let other = User::signs_in(&server, "test", "test").await;
        Self {
            server,
            owner,
            other,
        }
    }
}

impl User {
    async fn signs_in(server: &Server, name: &'static str, password: &str) -> Self {
        let address = server.program.addresses.openwire.unwrap();
        let offer = common::openwire::wishes();
        let mut raw = Raw::join_with(address, name, &offer, |info| {
            info.user_name = Some(name.into());
            info.password = Some(SecretText::from(Text::from(password)));
        })
        .await;
        raw.listen(1, Destination::topic(format!("cc.{name}.a").as_str()))
            .await;
        Self { name, raw, sent: 0 }
    }

    fn topic(&self) -> String {
        format!("cc.{}.a", self.name)
    }

    /// Sends a command; answers are wanted at a topic, if one is named.
    async fn says(&mut self, jms_type: &str, body: &str, reply: Option<&str>) {
        self.sent += 1;
        let mut message = self
            .raw
            .message(Destination::queue("Connector1"), self.sent, "");
        message.jms_type = Some(Text::from(jms_type));
        message.correlation_id = Some(Text::from(self.name));
        message.content = Message::text(Some(&Text::from(body))).content.clone();
        message.reply_to = reply.map(Destination::topic);
        self.raw.say(message).await;
    }

    /// The next text on the user's topic, with its correlation id.
    async fn hears(&mut self) -> (String, Option<String>) {
        let (message, _) = self.raw.received().await;
        let correlation = message.correlation_id.as_ref().map(ToString::to_string);
        match message.body().unwrap() {
            Body::Text(text) => (text.to_string(), correlation),
            other => panic!("{other:?}"),
        }
    }

    async fn text(&mut self) -> String {
        self.hears().await.0
    }

    /// Everything up to the answer of a Hello of its own: what was on its way before is here by then.
    async fn hears_until_hello(&mut self) -> Vec<String> {
        let hello = format!("Hello#{}", self.topic());
        self.says(&hello, "", None).await;
        let mut heard = Vec::new();
        loop {
            match self.text().await {
                text if text == "System#IN_SERVICE" => return heard,
                text => heard.push(text),
            }
        }
    }
}

const DENIED: &str = "42031#Error#PREVILLEGE_VIOLATION";

#[tokio::test]
async fn a_topic_that_another_user_names_for_an_agent_hears_nothing_of_the_agents_login() {
    let mut site = Site::open(|_| {}).await;
    let (own, foreign) = (site.owner.topic(), site.other.topic());
    site.owner.says("Connect#42031", &own, None).await;
    site.owner.hears_until_hello().await;
    site.other.says("Connect#42031", &foreign, None).await;
    site.other.hears_until_hello().await;
    // Without a topic of its own.
    site.owner.says("Login#42031", "", None).await;
    assert!(site.owner.text().await.contains("42031#AgentInfo"));
    while !site.owner.text().await.contains("#NONE#") {}
    let body = r#"{"device": "SEP000000042031", "to": "5508"}"#;
    let placed = site.server.post_json("/api/v1/calls", body).await;
    assert_eq!(placed.status, 201);
    assert!(site.owner.text().await.contains("42031#State#RESERVED"));
    assert_eq!(site.other.hears_until_hello().await, [""; 0]);
}

#[tokio::test]
async fn a_topic_of_another_user_is_neither_named_nor_written_otherwise() {
    let mut site = Site::open(|_| {}).await;
    let (own, foreign) = (site.owner.topic(), site.other.topic());
    site.owner.says("Login#42031", &own, None).await;
    while !site.owner.text().await.contains("#NONE#") {}
    for (command, body, refused) in [
        (
            format!("Hello#{own}"),
            "json",
            "System#Error#PREVILLEGE_VIOLATION",
        ),
        (
            format!("Beat#{own}"),
            "",
            "System#Error#PREVILLEGE_VIOLATION",
        ),
        (
            "Connect#42031".to_owned(),
            own.as_str(),
            "42031#Error#PLEASE_RETRY",
        ),
    ] {
        site.other.says(&command, body, Some(&foreign)).await;
        assert_eq!(site.other.text().await, refused, "{command}");
    }
    site.owner.says("GetState#42031", "", None).await;
    assert!(site.owner.text().await.starts_with("42031#State#READY"));
}

#[tokio::test]
async fn errors_that_another_user_provokes_go_to_that_user_or_nowhere() {
    let mut site = Site::open(|_| {}).await;
    let (own, foreign) = (site.owner.topic(), site.other.topic());
    site.owner.says("Login#42031", &own, None).await;
    while !site.owner.text().await.contains("#NONE#") {}
    for command in [
        "GetState#42031",
        "MakeCall#42031",
        "Logout#42031",
        "MakeReady#42031",
    ] {
        site.other.says(command, "5508", None).await;
        site.other.says(command, "5508", Some(&foreign)).await;
        assert_eq!(site.other.text().await, DENIED, "{command}");
    }
    // What is wrong with its words is not the agent's business either.
    site.other.says("HoldCall#42031", "x", None).await;
    site.other.says("Dance#42031", "", None).await;
    site.other.hears_until_hello().await;
    assert_eq!(site.owner.hears_until_hello().await, [""; 0]);
    let calls = site.server.get("/api/v1/calls").await.json();
    assert_eq!(calls["calls"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn answers_go_only_where_their_sender_could_listen_or_send() {
    let mut site = Site::open(|_| {}).await;
    let (own, foreign) = (site.owner.topic(), site.other.topic());
    let hello = format!("Hello#{foreign}");
    site.other.says(&hello, "", Some(&own)).await;
    assert_eq!(site.other.text().await, "System#IN_SERVICE");
    site.other.says("Login#32033", &foreign, Some(&own)).await;
    while !site.other.text().await.contains("#NONE#") {}
    site.other.says("GetState#32033", "", Some(&own)).await;
    assert!(site.other.text().await.starts_with("32033#State#READY"));
    assert_eq!(site.owner.hears_until_hello().await, [""; 0]);
}

#[tokio::test]
async fn commands_of_strangers_do_not_fill_an_agents_line() {
    let mut site = Site::open(|config| config.cti.max_commands_per_s = 1_000).await;
    let own = site.owner.topic();
    site.owner.says("Login#42031", &own, None).await;
    while !site.owner.text().await.contains("#NONE#") {}
    for _ in 0..500 {
        site.other.says("GetState#42031", "", None).await;
    }
    site.owner.says("MakeCall#42031", "5508", None).await;
    let (text, correlation) = site.owner.hears().await;
    assert!(text.starts_with("42031#State#RESERVED"), "{text}");
    assert_eq!(correlation.as_deref(), Some("ctiApp"));
}

#[tokio::test]
async fn wrong_pins_of_another_user_keep_no_agent_out() {
    let mut site = Site::open(|config| {
        config.cti.login_auth = LoginAuth::Pin;
        for access in &mut config.cti.accesses {
            access.lines = vec!["42031".to_owned()];
        }
    })
    .await;
    let (own, foreign) = (site.owner.topic(), site.other.topic());
    site.owner.hears_until_hello().await;
    for guess in 0..12 {
        let body = format!("{foreign},agent42031,{guess}");
        site.other.says("Login#42031", &body, Some(&foreign)).await;
        let refused = site.other.text().await;
        assert!(refused.starts_with("42031#Error#"), "{refused}");
    }
    site.other
        .says(
            "Login#42031",
            &format!("{foreign},agent42031,12345"),
            Some(&foreign),
        )
        .await;
    assert_eq!(site.other.text().await, "42031#Error#PLEASE_RETRY");
    site.owner
        .says("Login#42031", &format!("{own},agent42031,12345"), None)
        .await;
    assert!(site.owner.text().await.contains("42031#AgentInfo"));
}
