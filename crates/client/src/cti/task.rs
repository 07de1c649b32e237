//! The session's task: it carries between the broker's client, the conversation, callers and followers.
//!
//! Waits on: callers, the topic's messages, how the broker stands, what is due. Tells: the broker's client, callers, followers. Stops:
//! on the shutdown signal, or when nobody has the session any more; then the broker's client says good-bye.

use super::conversation::Conversation;
use super::{Ask, Heard, Model, Settings, Standing, Ticket};
use crate::openwire::{self, Publication, Status};
use cordboard_wire::cti::{self, encode_command};
use cordboard_wire::openwire::{Body, Destination};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::{Instant, sleep_until};

/// Those who are told.
pub(super) struct Tells {
    pub(super) events: broadcast::Sender<Arc<Heard>>,
    pub(super) standing: watch::Sender<Standing>,
    pub(super) model: watch::Sender<Arc<Model>>,
}

pub(super) struct Task {
    conversation: Conversation<Ticket>,
    joined: openwire::Started,
    asks: mpsc::Receiver<Ask<Ticket>>,
    tells: Tells,
    queue: Destination,
    reply_to: Destination,
    time_to_live: Duration,
    /// The connection that the conversation is on, as the client counts them; `None` without.
    connection: Option<u64>,
}

impl Task {
    pub(super) fn new(
        settings: &Settings,
        joined: openwire::Started,
        asks: mpsc::Receiver<Ask<Ticket>>,
        tells: Tells,
    ) -> Self {
        let prefix = format!("cb-{:08x}", getrandom::u32().unwrap_or_default());
        Self {
            conversation: Conversation::new(
                settings.topic.clone(),
                settings.format,
                settings.timing,
                prefix,
            ),
            joined,
            asks,
            tells,
            queue: Destination::queue(settings.queue.as_str()),
            reply_to: Destination::topic(settings.topic.as_str()),
            time_to_live: settings.timing.time_to_live,
            connection: None,
        }
    }

    pub(super) async fn run(mut self, mut shutdown: watch::Receiver<bool>) {
        let mut status = self.joined.client.status();
        while !*shutdown.borrow_and_update() {
            let due = self.conversation.deadline();
            // Cancel-safe: the receivers lose nothing, `changed` leaves its notice, and what is due stays due.
            tokio::select! {
                ask = self.asks.recv() => match ask {
                    Some(ask) => self.conversation.ask(ask, Instant::now()),
                    None => break,
                },
                delivery = self.joined.deliveries.recv() => match delivery {
                    Some(delivery) => self.take(delivery),
                    None => break,
                },
                changed = status.changed() => match changed {
                    Ok(()) => self.stands(&status.borrow_and_update().clone()),
                    Err(_) => break,
                },
                () = until(due) => self.conversation.due(Instant::now()),
                _ = shutdown.changed() => break,
            }
            self.pass_on();
        }
        self.conversation.lost();
        self.pass_on();
        // Without its owner the broker's client says good-bye and ends.
        let openwire::Started {
            deliveries, task, ..
        } = self.joined;
        drop(deliveries);
        let _ = task.await;
    }

    fn stands(&mut self, status: &Status) {
        // Two changes may be seen as one: then it is another connection.
        let connections = self.joined.client.counts().connected.get();
        let connection = status.is_ready().then_some(connections);
        if connection == self.connection {
            return;
        }
        if self.connection.is_some() {
            self.conversation.lost();
        }
        self.connection = connection;
        if connection.is_some() {
            self.conversation.joined(Instant::now());
        }
    }

    fn take(&mut self, delivery: openwire::Delivery) {
        let text = match delivery.body() {
            Body::Text(text) => Some(text.to_string()),
            Body::Bytes(bytes) => std::str::from_utf8(bytes).ok().map(str::to_owned),
            _ => None,
        };
        let correlation = delivery.message().correlation_id.as_ref();
        let correlation = correlation.map(ToString::to_string);
        delivery.acknowledge();
        // What is no text is nothing of a connector's.
        let Some(text) = text else {
            return;
        };
        let heard = Arc::new(Heard::new(text, correlation));
        self.conversation.heard(Arc::clone(&heard), Instant::now());
        // Without followers nobody misses it.
        let _ = self.tells.events.send(heard);
    }

    fn pass_on(&mut self) {
        while let Some(saying) = self.conversation.poll_saying() {
            let message = encode_command(&saying.command);
            let text = match &message.body {
                cti::Body::Text(text) => text.clone().unwrap_or_default(),
                cti::Body::Bytes(_) | cti::Body::Other => String::new(),
            };
            self.joined.client.publish(Publication {
                jms_type: message.jms_type,
                correlation_id: Some(saying.correlation),
                reply_to: Some(self.reply_to.clone()),
                time_to_live: Some(self.time_to_live),
                ..Publication::new(self.queue.clone(), text)
            });
        }
        let standing = self.conversation.standing();
        self.tells.standing.send_if_modified(|told| {
            let changed = *told != standing;
            *told = standing;
            changed
        });
        let model = self.conversation.model();
        self.tells.model.send_if_modified(|told| {
            let changed = **told != *model;
            if changed {
                *told = Arc::new(model.clone());
            }
            changed
        });
        // Last, so that whoever is answered sees what the answer changed.
        while let Some((ticket, answer)) = self.conversation.poll_answer() {
            // Who waits no longer need not be told.
            let _ = ticket.send(answer);
        }
    }
}

/// Until what is due; for ever when nothing is.
async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}
