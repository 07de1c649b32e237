//! How clients come and go, and what ends with them. [openwire §7.3, §7.6]

use super::*;
use cordboard_wire::openwire::Value;

#[test]
fn ow_28_a_session_or_consumer_before_the_connection_is_refused_and_the_socket_stays() {
    let mut rig = rig();
    rig.broker.opened(ONE, "127.0.0.1:1".to_owned());
    let listens = consumer(ONE, 1, queue(), 1);
    assert_eq!(
        rig.asks(ONE, Command::ConsumerInfo(listens.clone())),
        refused(
            "java.lang.IllegalStateException",
            "Cannot add a consumer to a connection that had not been registered: c1:1:1"
        )
    );
    rig.asks(ONE, connection(ONE)).unwrap();
    assert_eq!(
        rig.asks(ONE, Command::ConsumerInfo(listens)),
        refused(
            "java.lang.IllegalStateException",
            "Cannot add a consumer to a session that had not been registered: c1:1:1"
        )
    );
    assert_eq!(rig.closed, []);
}

#[test]
fn ow_29_a_client_id_is_one_connections_until_that_is_gone() {
    let mut rig = rig();
    rig.joins(ONE);
    rig.broker.opened(TWO, "127.0.0.1:2".to_owned());
    let Command::ConnectionInfo(mut info) = connection(TWO) else {
        panic!("a connection");
    };
    info.client_id = Some(name(ONE));
    let taken = "Broker: cordboard - Client: c1 already connected from tcp://127.0.0.1:1";
    let asked = Command::ConnectionInfo(info.clone());
    assert_eq!(
        rig.asks(TWO, asked.clone()),
        refused("javax.jms.InvalidClientIDException", taken)
    );
    assert_eq!(rig.closed, [TWO]);
    rig.broker.closed(ONE, rig.now);
    rig.asks(TWO, asked).unwrap();
    info.client_id = None;
    rig.broker.opened(ONE, String::new());
    let none = refused(
        "javax.jms.InvalidClientIDException",
        "No clientID specified for connection request",
    );
    assert_eq!(rig.asks(ONE, Command::ConnectionInfo(info)), none);
}

#[test]
fn ow_30_the_same_connection_on_a_new_socket_closes_the_old_one() {
    let mut rig = rig();
    rig.joins(ONE);
    rig.broker.opened(TWO, "127.0.0.1:2".to_owned());
    rig.asks(TWO, connection(ONE)).unwrap();
    assert_eq!(rig.closed, [ONE]);
    rig.broker.closed(ONE, rig.now);
    // The end of the old socket is not the end of the new one.
    let session = SessionInfo::default();
    rig.asks(TWO, Command::SessionInfo(session)).unwrap();
}

#[test]
fn ow_31_wrong_credentials_name_the_user_and_end_the_socket() {
    for (user, shown) in [(None, "null"), (Some("ann"), "ann")] {
        let mut rig = rig();
        rig.broker.opened(ONE, String::new());
        let info = ConnectionInfo {
            command_id: 1,
            response_required: true,
            user_name: user.map(Text::from),
            ..ConnectionInfo::default()
        };
        rig.broker.refuse_credentials(ONE, &info);
        rig.drain();
        let [(ONE, Command::ExceptionResponse(refused))] = rig.heard.as_slice() else {
            panic!("{:?}", rig.heard);
        };
        let text = format!("User name [{shown}] or password is invalid.");
        let exception = refused.exception.clone().unwrap();
        assert_eq!(exception.class, Some("java.lang.SecurityException".into()));
        assert_eq!(exception.message, Some(text.as_str().into()));
        assert_eq!((refused.correlation_id, rig.closed), (1, vec![ONE]));
    }
}

#[test]
fn ow_52_a_temporary_queue_ends_with_its_connection_and_late_answers_are_refused() {
    let mut rig = rig();
    rig.joins(ONE);
    rig.joins(TWO);
    let reply_to = Destination::new(DestinationKind::TempQueue, "c1:1");
    rig.asks(ONE, temporary(DestinationOperation::Add)).unwrap();
    rig.listens(ONE, consumer(ONE, 1, reply_to.clone(), 10));
    rig.sends(TWO, reply_to.clone(), 1);
    assert_eq!(rig.numbers(), [1]);
    rig.broker.closed(ONE, rig.now);
    let class = "org.apache.activemq.DestinationDoesNotExistException";
    let late = rig.asks(TWO, message(TWO, reply_to.clone(), 2));
    assert_eq!(late, refused(class, "temp-queue://c1:1"));
    rig.heard.clear();
    for number in [3, 4] {
        rig.sends(TWO, reply_to.clone(), number);
    }
    let errors = rig.heard.iter();
    let errors = errors.filter(|(_, command)| matches!(command, Command::ConnectionError(_)));
    assert_eq!(errors.count(), 1, "not more than one a second");
}

#[test]
fn ow_53_whoever_listens_to_advisories_is_told_what_there_is_and_what_ends() {
    let mut rig = rig();
    rig.joins(ONE);
    rig.joins(TWO);
    rig.asks(ONE, temporary(DestinationOperation::Add)).unwrap();
    let both = "ActiveMQ.Advisory.TempQueue,ActiveMQ.Advisory.TempTopic";
    let mut listens = consumer(TWO, 1, Destination::topic(both), 1);
    listens.no_local = true;
    if let Some(id) = &mut listens.consumer_id {
        id.session_id = -1;
    }
    rig.listens(TWO, listens);
    rig.broker.closed(ONE, rig.now);
    rig.drain();
    let told: Vec<(String, i8)> = rig
        .heard
        .iter()
        .filter_map(|(link, command)| match command {
            Command::MessageDispatch(dispatch) if *link == TWO => {
                let message = dispatch.message.as_ref()?;
                let info = format!("{:?}", message.data_structure);
                let removed = info.contains("operation_type: 1");
                let topic = dispatch.destination.as_ref()?.to_string();
                Some((topic, i8::from(removed)))
            }
            _ => None,
        })
        .collect();
    let topic = "topic://ActiveMQ.Advisory.TempQueue".to_owned();
    assert_eq!(told, [(topic.clone(), 0), (topic, 1)]);
}

#[test]
fn who_begins_and_who_ceases_to_listen_to_a_topic_is_told_to_whoever_wants_to_know() {
    let mut rig = rig();
    rig.joins(ONE);
    rig.joins(TWO);
    let all = Destination::topic("ActiveMQ.Advisory.Consumer.Topic.>");
    rig.listens(TWO, consumer(TWO, 1, all, 10));
    rig.listens(ONE, consumer(ONE, 1, Destination::topic("cc.a,cc.b"), 10));
    rig.listens(ONE, consumer(ONE, 2, Destination::topic("cc.a"), 10));
    // A pattern and a queue are no topic that something is said to.
    rig.listens(ONE, consumer(ONE, 3, Destination::topic("cc.>"), 10));
    rig.listens(ONE, consumer(ONE, 4, queue(), 10));
    rig.broker.closed(ONE, rig.now);
    rig.drain();
    let told = rig.heard.iter().filter_map(|(link, command)| {
        let Command::MessageDispatch(dispatch) = command else {
            return None;
        };
        let message = dispatch.message.as_ref()?;
        let topic = dispatch.destination.as_ref()?.to_string();
        let count = message.properties().ok()?.get("consumerCount").cloned();
        let begins = format!("{:?}", message.data_structure).contains("ConsumerInfo");
        (*link == TWO).then_some((topic.rsplit_once("Topic.")?.1.to_owned(), begins, count))
    });
    let told: Vec<_> = told.collect();
    let one = |name: &str, begins, count| (name.to_owned(), begins, Some(Value::Int(count)));
    assert_eq!(
        told,
        [
            one("cc.a", true, 1),
            one("cc.b", true, 1),
            one("cc.a", true, 2),
            one("cc.a", false, 1),
            one("cc.b", false, 0),
            one("cc.a", false, 0),
        ]
    );
}
