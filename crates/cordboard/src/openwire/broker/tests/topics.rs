//! Topics, lists, selectors and durable subscriptions. [openwire §6, §7.7, §7.8]

use super::*;

fn durable(number: i64, selector: Option<&str>) -> ConsumerInfo {
    ConsumerInfo {
        subscription_name: Some("s".into()),
        selector: selector.map(Text::from),
        ..consumer(ONE, number, Destination::topic("t"), 10)
    }
}

#[test]
fn ow_50_a_durable_subscription_keeps_what_comes_while_nobody_listens() {
    let mut rig = rig();
    rig.joins(ONE);
    rig.joins(TWO);
    rig.listens(ONE, durable(1, None));
    rig.broker.closed(ONE, rig.now);
    for number in 1..=3 {
        rig.sends(TWO, Destination::topic("t"), number);
    }
    let again = |rig: &mut Rig| {
        rig.joins(ONE);
        rig.listens(ONE, durable(1, None));
        rig.numbers()
    };
    assert_eq!(again(&mut rig), [1, 2, 3]);
    // They are another client's messages: their ids have its name.
    let mut taken = ack(ONE, 1, AckType::Standard, None, 3, 3);
    taken.last_message_id = message(TWO, queue(), 3).headers.message_id;
    rig.asks(ONE, Command::MessageAck(taken)).unwrap();
    rig.broker.closed(ONE, rig.now);
    assert_eq!(again(&mut rig), NONE);
    rig.removes_consumer(ONE, 1, -1);
    rig.asks(ONE, unsubscription("s")).unwrap();
    rig.sends(TWO, Destination::topic("t"), 4);
    rig.broker.closed(ONE, rig.now);
    assert_eq!(again(&mut rig), NONE);
}

#[test]
fn ow_51_a_durable_subscription_is_one_clients_at_a_time() {
    let mut rig = rig();
    rig.joins(ONE);
    rig.listens(ONE, durable(1, None));
    let in_use = "Durable consumer is in use for client: c1 and subscriptionName: s";
    assert_eq!(
        rig.asks(ONE, Command::ConsumerInfo(durable(2, None))),
        refused("javax.jms.JMSException", in_use)
    );
    assert_eq!(
        rig.asks(ONE, unsubscription("s")),
        refused("javax.jms.JMSException", "Durable consumer is in use")
    );
    let unknown = "No durable subscription exists for clientID: c1 and subscriptionName: x";
    assert_eq!(
        rig.asks(ONE, unsubscription("x")),
        refused("javax.jms.InvalidDestinationException", unknown)
    );
    rig.removes_consumer(ONE, 1, -1);
    rig.sends(ONE, Destination::topic("t"), 1);
    rig.heard.clear();
    rig.listens(ONE, durable(3, Some("a = 1")));
    assert_eq!(rig.numbers(), NONE);
}

#[test]
fn ow_56_a_bad_selector_is_refused_and_the_connection_stays() {
    let mut rig = rig();
    rig.joins(ONE);
    let with = |number, selector: &str| {
        Command::ConsumerInfo(ConsumerInfo {
            selector: Some(selector.into()),
            ..consumer(ONE, number, queue(), 10)
        })
    };
    assert_eq!(
        rig.asks(ONE, with(1, "a = = b")),
        refused("javax.jms.InvalidSelectorException", "a = = b")
    );
    rig.asks(ONE, with(2, "JMSPriority = 7")).unwrap();
}

#[test]
fn ow_59_a_list_sends_one_to_each_and_says_what_the_whole_was() {
    let mut rig = rig();
    rig.joins(ONE);
    let list = Destination::queue("a,b,topic://c");
    for (number, destination) in [
        (1, Destination::queue("a")),
        (2, Destination::queue("b")),
        (3, Destination::topic("c")),
    ] {
        rig.listens(ONE, consumer(ONE, number, destination, 10));
    }
    rig.heard.clear();
    rig.sends(ONE, list.clone(), 1);
    for (_, command) in &rig.heard {
        let Command::MessageDispatch(dispatch) = command else {
            panic!("{command:?}");
        };
        let message = dispatch.message.as_ref().unwrap();
        assert_eq!(message.original_destination.as_ref(), Some(&list));
        assert_eq!(message.destination, dispatch.destination);
    }
    assert_eq!(rig.dispatches(), [(1, 1, 0), (2, 1, 0), (3, 1, 0)]);
    let nameless = rig.asks(ONE, message(ONE, Destination::queue(""), 2));
    assert_eq!(
        nameless.unwrap_err().0,
        "javax.jms.InvalidDestinationException"
    );
}

#[test]
fn ow_75_the_oldest_goes_when_a_listener_is_slow() {
    let mut rig = rig_with(|settings| settings.backlog = 2);
    rig.joins(ONE);
    rig.listens(ONE, consumer(ONE, 1, Destination::topic("t"), 1));
    for number in 1..=5 {
        rig.sends(ONE, Destination::topic("t"), number);
    }
    assert_eq!((rig.numbers(), rig.broker.counted().dropped), (vec![1], 2));
    rig.acks(ONE, 1, AckType::Standard, Some(1), 1);
    assert_eq!(rig.numbers(), [4]);
}
