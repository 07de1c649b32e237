//! Our OpenWire client against a real ActiveMQ, with a STOMP client at its other side. [openwire §8, §13]
//!
//! Built with the feature `activemq` only: `interop/openwire/run` does, and says so when there is no ActiveMQ.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod activemq;

use activemq::{ActiveMq, Stomp, soon};
use cordboard_client::openwire::{
    Client, Counts, Delivery, Publication, Settings, Started, Status, start,
};
use cordboard_wire::Secret;
use cordboard_wire::openwire::{Body, Destination, DestinationKind, Text};
use prometheus_client::metrics::counter::Counter;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

const QUEUE: &str = "Connector1";

/// Waits until something has been counted.
async fn counted(counter: &Counter) {
    let mut looks = tokio::time::interval(Duration::from_millis(10));
    soon(async {
        while counter.get() == 0 {
            looks.tick().await;
        }
    })
    .await;
}

struct Under {
    client: Client,
    deliveries: mpsc::Receiver<Delivery>,
    task: tokio::task::JoinHandle<()>,
    shutdown: watch::Sender<bool>,
}

impl Under {
    fn test(settings: Settings) -> Self {
        let (shutdown, signal) = watch::channel(false);
        let Started {
            client,
            deliveries,
            task,
        } = start(settings, Counts::default(), signal);
        Self {
            client,
            deliveries,
            task,
            shutdown,
        }
    }

    async fn until(&self, reached: impl Fn(&Status) -> bool) -> Status {
        let mut status = self.client.status();
        soon(status.wait_for(reached)).await.unwrap().clone()
    }

    async fn away(&self) -> Status {
        self.until(|status| matches!(status, Status::Away { .. }))
            .await
    }

    async fn delivery(&mut self, expected: &str) -> Delivery {
        let delivery = soon(self.deliveries.recv()).await.unwrap();
        assert_eq!(*delivery.body(), Body::Text(Text::from(expected)));
        assert_eq!(delivery.message().jms_type, Some(Text::from("Hello")));
        assert_eq!(delivery.message().correlation_id, Some(Text::from("k7")));
        delivery
    }

    async fn end(self) {
        self.shutdown.send(true).unwrap();
        soon(self.task).await.unwrap();
    }
}

fn settings(broker: &ActiveMq) -> Settings {
    Settings::new(vec![broker.openwire.clone()], "cordboard", QUEUE)
}

#[tokio::test]
async fn ow_32_real_activemq_refuses_by_name() {
    let broker = ActiveMq::start(&[
        ("ACTIVEMQ_UP_USER", "bob"),
        ("ACTIVEMQ_UP_PASSWORD", "s3cret"),
    ]);
    let mut settings = Settings {
        user: Some("bob".to_owned()),
        password: Some(Secret::from("wr0ng")),
        ..settings(&broker)
    };
    let under = Under::test(settings.clone());
    let Status::Away { why, refused, .. } = under.away().await else {
        panic!("let in");
    };
    assert!(refused && why.contains("user bob"), "{why}");
    assert!(!why.contains("wr0ng"), "{why}");
    // It does not come back at once.
    let again = tokio::time::timeout(Duration::from_secs(3), async {
        let mut status = under.client.status();
        status.borrow_and_update();
        status.changed().await
    });
    assert!(again.await.is_err());
    under.end().await;
    settings.password = Some(Secret::from("s3cret"));
    let under = Under::test(settings);
    let Status::Ready { broker, .. } = under.until(Status::is_ready).await else {
        panic!("not ready");
    };
    assert_eq!(broker.as_deref(), Some("peer"));
    under.end().await;
}

#[tokio::test]
async fn ow_33_real_activemq_restarts_and_nothing_is_lost_or_comes_twice() {
    let mut broker = ActiveMq::start(&[("ACTIVEMQ_UP_PERSISTENT", "1")]);
    let mut under = Under::test(settings(&broker));
    under.until(Status::is_ready).await;
    let mut stomp = Stomp::connect(&broker, "").await;
    stomp.subscribe("/topic/events").await;
    stomp.send("one").await;
    stomp.send("two ü€").await;
    under.delivery("one").await.acknowledge();
    let two = under.delivery("two ü€").await;
    under.client.publish(Publication {
        jms_type: Some("DialogState".to_owned()),
        time_to_live: Some(Duration::from_secs(30)),
        ..Publication::new(Destination::topic("events"), "before ü€")
    });
    let heard = stomp.hear().await;
    assert!(
        heard.starts_with("MESSAGE\n") && heard.ends_with("\n\nbefore ü€"),
        "{heard}"
    );
    assert!(heard.contains("\ntype:DialogState\n"), "{heard}");
    let gone = Destination::new(DestinationKind::TempQueue, "ID:nobody-1:1:1");
    under.client.publish(Publication::new(gone, "reply"));
    counted(&under.client.counts().refused).await;
    drop(stomp);
    let restarting = broker.restart();
    let (_, away) = tokio::join!(restarting, under.away());
    assert!(!away.is_ready());
    under.until(Status::is_ready).await;
    let mut stomp = Stomp::connect(&broker, "").await;
    stomp.subscribe("/topic/events").await;
    under
        .client
        .publish(Publication::new(Destination::topic("events"), "after"));
    let heard = stomp.hear().await;
    assert!(heard.ends_with("\n\nafter"), "{heard}");
    // The second message came again, and is still with its owner; it is acknowledged here, and the next is the third.
    counted(&under.client.counts().repeated).await;
    two.acknowledge();
    stomp.send("three").await;
    under.delivery("three").await.acknowledge();
    under.end().await;
    // Nothing is left for the next.
    let mut under = Under::test(settings(&broker));
    under.until(Status::is_ready).await;
    stomp.send("four").await;
    let four = under.delivery("four").await;
    assert_eq!(four.redelivered(), 0);
    four.acknowledge();
    under.end().await;
}

#[tokio::test]
async fn ow_35_real_activemq_that_is_paused_is_given_up_in_time() {
    let broker = ActiveMq::start(&[("ACTIVEMQ_UP_PERSISTENT", "1")]);
    let under = Under::test(Settings {
        inactivity: Duration::from_secs(2),
        ..settings(&broker)
    });
    under.until(Status::is_ready).await;
    // Longer than it may be silent: it is kept alive, and so are we.
    let lost = tokio::time::timeout(Duration::from_secs(6), under.away()).await;
    assert!(lost.is_err(), "{lost:?}");
    let mut stomp = Stomp::connect(&broker, "").await;
    stomp.subscribe("/queue/orders").await;
    broker.signal("-STOP");
    let stopped = Instant::now();
    let order = |text: &str| Publication {
        persistent: true,
        ..Publication::new(Destination::queue("orders"), text)
    };
    for text in ["one", "two"] {
        under.client.publish(order(text));
    }
    under.away().await;
    let waited = stopped.elapsed();
    // Its last word may be as old as its rhythm, a third of the time.
    assert!((3_000..=6_000).contains(&waited.as_millis()), "{waited:?}");
    broker.signal("-CONT");
    under.until(Status::is_ready).await;
    under.client.publish(order("three"));
    // The broker reads the old connection to its end, and knows what comes again by its id.
    for text in ["one", "two", "three"] {
        let heard = stomp.hear().await;
        assert!(heard.ends_with(&format!("\n\n{text}")), "{heard}");
    }
    under.end().await;
}
