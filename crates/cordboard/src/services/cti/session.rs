//! The connector's task: messages of the broker and events of the exchange go in, one after the other.
//!
//! Waits on: the exchange's events, the command queue, what takes its time, the broker's coming and going, time. Tells: the broker, the
//! exchange, the store. Stops: on the shutdown signal.

use super::Before;
use super::connector::Connector;
use super::recent::Recent;
use super::rules::Rules;
use super::translate;
use crate::app::App;
use crate::runtime::hub::{Heard, Listener};
use cordboard_client::openwire::{Client, Delivery, Started, Status};
use cordboard_wire::cti::{Body, CommandMessage, FORMAT_PROPERTY, NetworkState};
use cordboard_wire::openwire::{
    Any, Body as Content, Command, Destination, Message, MessageKind, Text, Value,
};
use futures_util::StreamExt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};

/// How often it is looked at what time brings about. The clock it is looked at by may be the lab's.
const TICK: Duration = Duration::from_millis(250);

/// Where a broker tells who listens to the topic whose name follows. [openwire §7.6]
const LISTENERS: &str = "ActiveMQ.Advisory.Consumer.Topic.";

/// What came first.
enum Input {
    Heard(Heard),
    Delivery(Delivery),
    Finished(super::connector::Finished),
    Status,
    Tick,
    Stop,
}

/// The task.
pub(super) struct Session {
    app: Arc<App>,
    client: Client,
    connector: Connector,
    listener: Listener,
    deliveries: mpsc::Receiver<Delivery>,
    status: watch::Receiver<Status>,
    recent: Recent,
    judge_by_arrival: bool,
    /// Were we ready when it was last looked?
    ready: bool,
    /// How often the broker was there.
    connections: u64,
    /// When the broker was first there, by the machine's clock.
    began_ms: Option<i64>,
}

impl Session {
    /// A connector at a broker that was started for it.
    pub(super) fn new(app: Arc<App>, rules: Rules, started: Started, before: Before) -> Self {
        let judge_by_arrival = rules.judge_by_arrival;
        Self {
            listener: app.hub.listen(None),
            status: started.client.status(),
            deliveries: started.deliveries,
            client: started.client.clone(),
            connector: Connector::new(app.clone(), rules, started.client, before),
            app,
            recent: Recent::default(),
            judge_by_arrival,
            ready: false,
            connections: 0,
            began_ms: None,
        }
    }

    /// Runs until the shutdown signal.
    pub(super) async fn run(mut self, mut shutdown: watch::Receiver<bool>) {
        if let Some((legs, network)) = self.survey().await {
            self.connector.begin(legs, network).await;
        }
        self.ask_for_listeners();
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let room = self.connector.has_room();
            let running = !self.connector.running.is_empty();
            // Cancel-safe: a listener, a queue and a set of futures give what they have to whoever waits next.
            let input = tokio::select! {
                biased;
                _ = shutdown.changed() => Input::Stop,
                heard = self.listener.next() => Input::Heard(heard),
                Some(finished) = self.connector.running.next(), if running => Input::Finished(finished),
                Ok(()) = self.status.changed() => Input::Status,
                _ = ticks.tick() => Input::Tick,
                delivery = self.deliveries.recv(), if room => match delivery {
                    Some(delivery) => Input::Delivery(delivery),
                    None => Input::Stop,
                },
            };
            let input = match input {
                Input::Heard(heard) => {
                    if !self.hear(heard).await {
                        return;
                    }
                    continue;
                }
                other => other,
            };
            // What happened before comes before: an answer after its events, a question after what changed.
            while let Some(heard) = self.listener.heard() {
                if !self.hear(heard).await {
                    return;
                }
            }
            match input {
                Input::Heard(_) => {}
                Input::Delivery(delivery) => self.take(delivery).await,
                Input::Finished(finished) => self.connector.finished(finished).await,
                Input::Status => self.look_at_status().await,
                Input::Tick => self.connector.tick().await,
                Input::Stop => return,
            }
        }
    }

    /// Takes events. Says whether the program goes on.
    async fn hear(&mut self, heard: Heard) -> bool {
        match heard {
            Heard::Events(events) => {
                let node = self.connector.rules.node;
                let directory = self.app.handle.directory();
                for published in events {
                    let told = translate::told(&published.event, node, &directory);
                    self.connector.heard(told).await;
                }
            }
            Heard::Missed => {
                tracing::warn!("CTI missed events; everybody is told anew how things stand");
                if let Some((legs, network)) = self.survey().await {
                    self.connector.resync(legs, network).await;
                }
            }
            Heard::Nothing => {}
            Heard::Closed => return false,
        }
        true
    }

    /// Reads everything that is live, and goes on with the event after it.
    async fn survey(&mut self) -> Option<(Vec<translate::Leg>, NetworkState)> {
        let hub = self.app.hub.clone();
        let node = self.connector.rules.node;
        let read = self.app.handle.on_thread(move |engine| {
            let reply = engine.read(translate::survey());
            (translate::surveyed(reply, node), hub.last())
        });
        let (surveyed, number) = read.await.ok()?;
        self.listener.caught_up(number);
        surveyed
    }

    async fn look_at_status(&mut self) {
        let ready = self.status.borrow_and_update().is_ready();
        if ready && !self.ready {
            self.connections += 1;
            self.began_ms.get_or_insert(machine_ms());
            self.connector.tell_everything().await;
        }
        self.ready = ready;
    }

    /// Has the broker tell us who begins to listen. One that does not is no worse: clients say Hello.
    fn ask_for_listeners(&self) {
        let client = self.client.clone();
        let all = Destination::topic(format!("{LISTENERS}>").as_str());
        tokio::spawn(async move {
            if let Err(error) = client.consume(all).await {
                tracing::info!(%error, "the broker does not say who listens; clients that come back after us must ask how things stand");
            }
        });
    }

    /// Takes what the broker tells about who listens.
    fn take_advisory(&mut self, message: &Message) {
        let to = message.destination.as_ref();
        let name = to.and_then(|to| to.physical_name.as_ref());
        let name = name.map(Text::to_str_lossy);
        let Some(topic) = name
            .as_deref()
            .and_then(|name| name.strip_prefix(LISTENERS))
        else {
            return;
        };
        let Some(Any::Command(about)) = &message.data_structure else {
            return;
        };
        let properties = message.properties().unwrap_or_default();
        let nobody = properties.get("consumerCount") == Some(&Value::Int(0));
        match &**about {
            // One that is for us alone tells of somebody who listened before.
            Command::ConsumerInfo(_) if message.target_consumer_id.is_none() => {
                self.connector.listened_to(topic);
            }
            Command::RemoveInfo(_) if nobody => self.connector.left(topic),
            _ => {}
        }
    }

    /// Takes a command over: from here on it is never taken again. [cti §2.2]
    async fn take(&mut self, delivery: Delivery) {
        let destination = delivery.message().destination.as_ref();
        if destination.is_some_and(|to| !to.kind.is_queue()) {
            self.take_advisory(delivery.message());
            return delivery.acknowledge();
        }
        let message = command_message(delivery.message(), delivery.body(), delivery.redelivered());
        let (connection, redelivered) = (self.connections, message.redelivered);
        let known = message.message_id.as_deref().is_some_and(|id| {
            let recent = &mut self.recent;
            recent.is_repetition(id, connection, redelivered)
        });
        let expired = is_expired(delivery.message(), self.judge_by_arrival, machine_ms());
        let doubtful = self.may_be_done(&message, delivery.message());
        delivery.acknowledge();
        let counts = &self.app.metrics.cti;
        if known {
            counts.repeated.inc();
        } else if expired {
            counts.expired.inc();
        } else {
            self.connector.take(&message, doubtful).await;
        }
    }

    /// May it have been taken, and carried out, before this process started? Then only questions are answered. [cti §2.2]
    fn may_be_done(&self, message: &CommandMessage, raw: &Message) -> bool {
        let before = self
            .began_ms
            .is_none_or(|began| raw.broker_in_time > 0 && raw.broker_in_time < began);
        message.redelivered && (self.connections <= 1 || before)
    }
}

/// Is a message past its time? Inside, by when it came and how long it was to live: a sender's clock may be wrong. [cti §2.2]
fn is_expired(message: &Message, by_arrival: bool, now_ms: i64) -> bool {
    if message.expiration == 0 {
        return false;
    }
    let until = match message.broker_in_time {
        arrived if by_arrival && arrived > 0 => {
            let lives = message.expiration.saturating_sub(message.timestamp);
            arrived.saturating_add(lives)
        }
        _ => message.expiration,
    };
    until < now_ms
}

/// The machine's clock: messages are timed by it, in the lab too.
fn machine_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(i64::MAX)
}

/// A message of the broker as CTI reads it. A lone surrogate in a text has a mark in its place.
fn command_message(message: &Message, body: &Content, redelivered: u32) -> CommandMessage {
    let text = |text: &Option<Text>| {
        let text = text.as_ref()?;
        Some(text.to_str_lossy().into_owned())
    };
    let body = match (&message.kind, body) {
        (MessageKind::Text, Content::Text(text)) => {
            Body::Text(Some(text.to_str_lossy().into_owned()))
        }
        (MessageKind::Text, _) => Body::Text(None),
        (MessageKind::Bytes, Content::Bytes(bytes)) => Body::Bytes(bytes.to_vec()),
        (MessageKind::Bytes, _) => Body::Bytes(Vec::new()),
        _ => Body::Other,
    };
    // Properties that cannot be read are none: nothing else of them is looked at.
    let properties = message.properties().unwrap_or_default();
    CommandMessage {
        jms_type: text(&message.jms_type),
        body,
        correlation_id: text(&message.correlation_id),
        reply_to: message.reply_to.as_ref().map(ToString::to_string),
        expiration_ms: message.expiration,
        message_id: message.message_id.as_ref().map(ToString::to_string),
        redelivered: redelivered > 0,
        user: text(&message.user_id),
        format: match properties.get(FORMAT_PROPERTY) {
            Some(Value::Text(word)) => Some(word.to_str_lossy().into_owned()),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cordboard_wire::openwire::Headers;

    #[test]
    fn cc_09_a_command_is_past_its_time_by_its_arrival_inside_and_by_its_sender_outside() {
        let message = |timestamp, lives, arrived| {
            let headers = Headers {
                timestamp,
                expiration: timestamp + lives,
                broker_in_time: arrived,
                ..Headers::default()
            };
            Message {
                headers,
                ..Message::default()
            }
        };
        // A millisecond to live, taken after fifty; the sender's clock is an hour behind.
        let late = message(1_000_000, 1, 4_600_000);
        assert!(is_expired(&late, true, 4_600_050));
        assert!(!is_expired(&late, true, 4_600_001));
        let minute = message(1_000_000, 60_000, 4_600_000);
        assert!(!is_expired(&minute, true, 4_600_050));
        assert!(is_expired(&minute, false, 4_600_050));
        let never = Message::default();
        assert!(!is_expired(&never, false, i64::MAX));
    }
}
