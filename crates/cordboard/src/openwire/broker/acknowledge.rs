//! What becomes of messages at clients. [openwire §7.5]

use super::state::{Outstanding, TransactionKey};
use super::{Broker, Done, Link, refusal};
use cordboard_wire::openwire::{AckType, MessageAck, MessageId};
use std::ops::RangeInclusive;

impl Broker {
    /// A client says what became of messages. What is not at the client is passed over.
    pub(super) fn acknowledge(&mut self, link: Link, ack: &MessageAck) -> Done {
        let key = ack.consumer_id.as_ref();
        let key = key.and_then(|id| self.own_consumer(link, id));
        let Some(kind) = AckType::of(ack.ack_type) else {
            return Err(refusal::unsupported("this kind of acknowledgement"));
        };
        let transaction = match &ack.transaction_id {
            Some(transaction) => Some(self.begun(self.local(link, transaction)?)?),
            None => None,
        };
        let Some(key) = key else {
            return Ok(None);
        };
        let Some(range) = self.range(key, ack, kind) else {
            return Ok(None);
        };
        match kind {
            AckType::Delivered => {
                if let Some(consumer) = self.consumers.get_mut(&key) {
                    consumer.extension += i64::from(ack.message_count.max(0));
                }
                self.serve_consumer(key);
            }
            AckType::Redelivered => {
                if let Some(consumer) = self.consumers.get_mut(&key) {
                    for outstanding in consumer.outstanding.range_mut(range) {
                        outstanding.held.redelivered += 1;
                    }
                }
            }
            AckType::Unmatched => {}
            AckType::Standard | AckType::Individual if transaction.is_some() => {
                self.put_off_ack(key, range, transaction);
            }
            AckType::Standard | AckType::Individual => {
                self.done(key, range);
            }
            AckType::Poison | AckType::Expired => {
                let cause = match (&ack.poison_cause, kind) {
                    (Some(cause), _) => cause.to_string(),
                    (None, AckType::Expired) => "java.lang.Throwable: Message Expired.".to_owned(),
                    (None, _) => "java.lang.Throwable: Delivered too often.".to_owned(),
                };
                for outstanding in self.done(key, range) {
                    self.bury(outstanding.held, &cause);
                }
            }
        }
        Ok(None)
    }

    /// Which of the messages at a client an acknowledgement speaks of.
    fn range(&self, key: u64, ack: &MessageAck, kind: AckType) -> Option<RangeInclusive<usize>> {
        let consumer = self.consumers.get(&key)?;
        let last = ack.last_message_id.as_ref();
        if kind == AckType::Delivered && last.is_none() {
            return Some(0..=0);
        }
        let last = consumer.position(last?)?;
        let first = match &ack.first_message_id {
            Some(_) if kind == AckType::Individual => last,
            Some(first) => consumer.position(first)?,
            None if kind == AckType::Individual => last,
            None => 0,
        };
        (first <= last).then_some(first..=last)
    }

    /// Messages are done: they leave the client, and there is room again.
    pub(super) fn done(&mut self, key: u64, range: RangeInclusive<usize>) -> Vec<Outstanding> {
        let Some(consumer) = self.consumers.get_mut(&key) else {
            return Vec::new();
        };
        let done: Vec<Outstanding> = consumer.outstanding.drain(range).collect();
        let count = i64::try_from(done.len()).unwrap_or(i64::MAX);
        consumer.extension = (consumer.extension - count).max(0);
        consumer.away -= done.iter().map(|done| done.held.size()).sum::<usize>();
        self.serve_consumer(key);
        done
    }

    /// Messages are done, wherever they lie among those at the client.
    pub(super) fn done_by_id(&mut self, key: u64, ids: &[MessageId]) {
        for id in ids {
            let consumer = self.consumers.get(&key);
            if let Some(at) = consumer.and_then(|consumer| consumer.position(id)) {
                self.done(key, at..=at);
            }
        }
    }

    /// A transaction is undone: what it acknowledged is only at the client again.
    pub(super) fn release(&mut self, link: Link, transaction: &TransactionKey) {
        for key in self.consumers_of(link) {
            let Some(consumer) = self.consumers.get_mut(&key) else {
                continue;
            };
            for outstanding in &mut consumer.outstanding {
                if outstanding.transaction.as_ref() == Some(transaction) {
                    outstanding.transaction = None;
                }
            }
        }
    }
}
