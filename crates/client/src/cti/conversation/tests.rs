use super::*;
use cordboard_wire::cti::{Dialled, Names, encode_command};
use std::time::Duration;

/// A conversation, and the time.
struct Under {
    conversation: Conversation<u32>,
    now: Instant,
}

fn agent(id: &str) -> AgentId {
    AgentId::parse(id).unwrap()
}

fn login(id: &str) -> Command {
    let topic = vec!["cc.a".into()];
    Command::Login(Login::new(agent(id), topic, None).unwrap())
}

fn dial(id: &str) -> Command {
    Command::MakeCall {
        agent: agent(id),
        number: Dialled::parse("42032").unwrap(),
    }
}

impl Under {
    fn test() -> Self {
        let topic = ClientDestination::parse("cc.a", &Names::default()).unwrap();
        let format = Some(Format::Json);
        Self {
            conversation: Conversation::new(topic, format, Timing::default(), "k".to_owned()),
            now: Instant::now(),
        }
    }

    /// Joined and in service.
    fn in_service() -> Self {
        let mut under = Self::test();
        under.conversation.joined(under.now);
        under.hear("System#IN_SERVICE", "");
        assert_eq!(under.said(), ["Hello#cc.a k-1"]);
        under
    }

    /// With an agent logged in, by a caller with ticket 1.
    fn logged_in() -> Self {
        let mut under = Self::in_service();
        under.ask(login("42031"), 1);
        assert_eq!(under.said(), ["Login#42031 k-2"]);
        under.hear("42031#AgentInfo#A#B#false#NOT_ALLOWED#teams:0##A B", "k-2");
        assert_eq!(under.answers(), ["1 ok"]);
        under
    }

    fn ask(&mut self, command: Command, ticket: u32) {
        self.conversation.ask(Ask { command, ticket }, self.now);
    }

    fn hear(&mut self, body: &str, correlation: &str) {
        let correlation = (!correlation.is_empty()).then(|| correlation.to_owned());
        let heard = Arc::new(Heard::new(body.to_owned(), correlation));
        self.conversation.heard(heard, self.now);
    }

    /// What was said: type and correlation id.
    fn said(&mut self) -> Vec<String> {
        let all = std::iter::from_fn(|| self.conversation.poll_saying());
        all.map(|saying| {
            let kind = encode_command(&saying.command).jms_type.unwrap();
            format!("{kind} {}", saying.correlation)
        })
        .collect()
    }

    fn answers(&mut self) -> Vec<String> {
        let all = std::iter::from_fn(|| self.conversation.poll_answer());
        all.map(|(ticket, answer)| match answer {
            Ok(_) => format!("{ticket} ok"),
            Err(error) => format!("{ticket} {error}"),
        })
        .collect()
    }

    /// Lets this time pass in steps of a tenth of a second; when what was said.
    fn pass(&mut self, seconds: u32) -> Vec<(u32, String)> {
        let mut all = Vec::new();
        for tenth in 1..=10 * seconds {
            self.now += Duration::from_millis(100);
            if self
                .conversation
                .deadline()
                .is_some_and(|at| at <= self.now)
            {
                self.conversation.due(self.now);
            }
            all.extend(self.said().into_iter().map(|said| (tenth, said)));
        }
        all
    }
}

#[test]
fn nothing_is_said_before_the_topic_is_listened_to() {
    let mut under = Under::test();
    assert_eq!(under.conversation.deadline(), None);
    under.ask(dial("42031"), 1);
    assert_eq!(under.said(), [""; 0]);
    let away = "1 there is no connection to the broker; nothing was sent";
    assert_eq!(under.answers(), [away]);
    under.conversation.joined(under.now);
    assert_eq!(under.said(), ["Hello#cc.a k-1"]);
    assert_eq!(under.conversation.standing(), Standing::Greeting);
}

#[test]
fn hello_is_said_every_three_seconds_until_the_network_is_in_service() {
    let mut under = Under::test();
    under.conversation.joined(under.now);
    under.said();
    let at = |tenth: u32, n: u32| (tenth, format!("Hello#cc.a k-{n}"));
    assert_eq!(under.pass(7), [at(30, 2), at(60, 3)]);
    under.hear("System#OUT_OF_SERVICE", "k-3");
    assert_eq!(under.conversation.standing(), Standing::OutOfService);
    assert_eq!(under.pass(6), [at(20, 4), at(50, 5)]);
    // In an answer to whichever Hello, or unasked.
    under.hear(r#"{"type":"System","status":"IN_SERVICE"}"#, "");
    assert_eq!(under.conversation.standing(), Standing::InService);
    assert_eq!(under.pass(100), []);
    under.hear("System#OUT_OF_SERVICE", "");
    assert_eq!(under.pass(4), [at(30, 6)]);
}

#[test]
fn a_beat_is_said_every_thirty_seconds_while_somebody_is_logged_in() {
    let mut under = Under::logged_in();
    let at = |tenth: u32, n: u32| (tenth, format!("Beat#cc.a k-{n}"));
    assert_eq!(under.pass(61), [at(300, 3), at(600, 4)]);
    under.hear("42031#State#LOGOUT####t#A B#42031#42031", "");
    assert_eq!(under.pass(100), []);
}

#[test]
fn after_a_loss_everybody_is_logged_in_again_once_the_connector_is_there() {
    let mut under = Under::logged_in();
    under.ask(dial("42031"), 2);
    under.said();
    under.conversation.lost();
    let lost = "2 the connection to the broker was lost before an answer came; \
        whether the command was carried out is not known";
    assert_eq!(under.answers(), [lost]);
    assert_eq!(
        (under.pass(100), under.conversation.deadline()),
        (vec![], None)
    );
    under.conversation.joined(under.now);
    assert_eq!(under.said(), ["Hello#cc.a k-4"]);
    under.hear("System#IN_SERVICE", "k-4");
    assert_eq!(under.said(), ["Login#42031 k-5"]);
    // Said twice, it logs in once.
    under.hear("System#IN_SERVICE", "");
    assert_eq!(under.said(), [""; 0]);
    // Nobody answers the login: Hello again, and again the login.
    let said = under.pass(13);
    let expected = [(100, "Hello#cc.a k-6"), (130, "Hello#cc.a k-7")];
    assert_eq!(said, expected.map(|(at, said)| (at, said.to_owned())));
    under.hear("System#IN_SERVICE", "k-7");
    assert_eq!(under.said(), ["Login#42031 k-8"]);
    under.hear("42031#Error#USER_NOT_FOUND", "k-8");
    // It has no right to him any more.
    under.conversation.lost();
    under.conversation.joined(under.now);
    under.hear("System#IN_SERVICE", "");
    assert_eq!(under.said(), ["Hello#cc.a k-9"]);
}

#[test]
fn an_agent_whom_another_client_took_over_is_not_fought_about() {
    let mut under = Under::logged_in();
    under.hear("42031#State#LOGOUT####t#A B#42031#42031", "");
    under.conversation.lost();
    under.conversation.joined(under.now);
    under.hear("System#IN_SERVICE", "");
    assert_eq!(under.said(), ["Hello#cc.a k-3"]);
}

#[test]
fn a_command_is_answered_by_the_first_event_with_its_id_and_by_no_other() {
    let mut under = Under::logged_in();
    under.ask(dial("42031"), 2);
    under.ask(dial("42031"), 3);
    assert_eq!(under.said(), ["MakeCall#42031 k-3", "MakeCall#42031 k-4"]);
    under.hear("42031#State#RESERVED####t#A B#42031#42031", "");
    under.hear("42031#State#RESERVED####t#A B#42031#42031", "k-99");
    assert_eq!(under.answers(), [""; 0]);
    under.hear("42031#State#RESERVED####t#A B#42031#42031", "k-4");
    under.hear("42031#DialogState#INITIATING#t#7#42032", "k-4");
    // Unknown to us, and an answer all the same.
    under.hear("42031#Whatever", "k-3");
    assert_eq!(under.answers(), ["3 ok", "2 ok"]);
}

#[test]
fn an_error_answers_and_so_does_a_network_that_is_away() {
    let mut under = Under::logged_in();
    for (body, expected) in [
        (
            "42031#Error#CF_INVALID_OBJECT_STATE",
            "the connector said CF_INVALID_OBJECT_STATE",
        ),
        (
            r#"{"type":"Error","errorType":"MISSING_EXTENSION","message":"extension is missing"}"#,
            "the connector said MISSING_EXTENSION: extension is missing",
        ),
        (
            r#"{"type":"Error","errorType":"INVALID_PARTY","message":"INVALID_PARTY"}"#,
            "the connector said INVALID_PARTY",
        ),
        (
            "System#OUT_OF_SERVICE",
            "the telephone network is out of service; nothing was done",
        ),
    ] {
        under.ask(dial("42031"), 7);
        let said = under.said();
        let id = said[0].rsplit(' ').next().unwrap();
        under.hear(body, id);
        assert_eq!(under.answers(), [format!("7 {expected}")]);
    }
    // To a Hello it is an answer like any other.
    let destination = ClientDestination::parse("cc.a", &Names::default()).unwrap();
    let format = None;
    under.ask(
        Command::Hello {
            destination,
            format,
        },
        8,
    );
    let said = under.said();
    let id = said[0].rsplit(' ').next().unwrap();
    under.hear("System#OUT_OF_SERVICE", id);
    assert_eq!(under.answers(), ["8 ok"]);
}

#[test]
fn a_command_that_nobody_answers_fails_after_ten_seconds() {
    let mut under = Under::logged_in();
    under.ask(dial("42031"), 2);
    under.said();
    assert_eq!(under.pass(9), []);
    assert_eq!(under.answers(), [""; 0]);
    under.pass(1);
    assert_eq!(under.answers(), ["2 no answer within 10 s"]);
    // What comes after that answers nobody.
    under.hear("42031#State#RESERVED####t#A B#42031#42031", "k-3");
    assert_eq!(under.answers(), [""; 0]);
    // The connector may be there all the same: nothing else changes.
    assert_eq!(under.conversation.standing(), Standing::InService);
}

#[test]
fn a_login_that_fails_is_not_repeated_and_one_that_is_answered_brings_a_fresh_model() {
    let mut under = Under::logged_in();
    under.hear("42031#DialogState#ACTIVE#t#7#42032", "");
    let legs = |under: &Under| {
        let agent = under.conversation.model().agent(&agent("42031"));
        agent.unwrap().legs.len()
    };
    assert_eq!(legs(&under), 1);
    under.ask(login("42031"), 2);
    under.hear("42031#Error#PLEASE_RETRY", "k-3");
    assert_eq!(legs(&under), 1);
    under.ask(
        Command::GetState {
            agent: agent("42031"),
        },
        3,
    );
    under.hear("42031#State#READY####t#A B#42031#42031", "k-4");
    assert_eq!(legs(&under), 0);
    let answers = under.answers();
    assert_eq!(answers, ["2 the connector said PLEASE_RETRY", "3 ok"]);
    let refused = CommandError::Refused {
        code: ErrorCode::PleaseRetry,
        message: None,
        heard: Arc::new(Heard::new("42031#Error#PLEASE_RETRY".to_owned(), None)),
    };
    assert_eq!(refused.to_string(), "the connector said PLEASE_RETRY");
}

#[test]
fn there_is_an_end_to_what_waits() {
    let mut under = Under::in_service();
    for ticket in 0..=u32::try_from(WAITING).unwrap() {
        under.ask(dial("42031"), ticket);
    }
    let last = format!("{WAITING} too many commands wait for their answers");
    assert_eq!(under.answers(), [last]);
    assert_eq!(under.said().len(), WAITING);
}

#[test]
fn many_are_logged_in_again_some_at_a_time_and_the_busy_connector_is_asked_later() {
    let mut under = Under::in_service();
    let ids: Vec<String> = (0..50).map(|n| (42_000 + n).to_string()).collect();
    let info = |id: &str| format!("{id}#AgentInfo#A#B#false#NOT_ALLOWED#teams:0##A B");
    for id in &ids {
        under.ask(login(id), 0);
        let said = under.said();
        let correlation = said[0].rsplit(' ').next().unwrap();
        under.hear(&info(id), correlation);
    }
    under.conversation.lost();
    under.conversation.joined(under.now);
    under.said();
    under.hear("System#IN_SERVICE", "");
    let mut said = under.said();
    assert_eq!(said.len(), LOGINS);
    let mut logged_in = 0;
    let mut asked = 0;
    while let Some(next) = said.pop() {
        asked += 1;
        let (kind, correlation) = next.split_once(' ').unwrap();
        let id = kind.split_once('#').unwrap().1;
        // Every third is told to come again.
        if asked % 3 == 0 {
            under.hear(&format!("{id}#Error#PLEASE_RETRY"), correlation);
        } else {
            under.hear(&info(id), correlation);
            logged_in += 1;
        }
        said.extend(under.said());
        assert!(said.len() <= LOGINS);
    }
    assert_eq!((asked, logged_in), (50, 34));
    let later = under.pass(3);
    assert_eq!(later.len(), 16);
    assert!(
        later
            .iter()
            .all(|(at, said)| *at == 30 && said.starts_with("Login#"))
    );
}
