//! What becomes of messages at clients. [openwire §7.5]

use super::state::{Consumer, Outstanding, TransactionKey};
use super::{Broker, Done, Link, refusal};
use cordboard_wire::openwire::{AckType, MessageAck, Throwable};
use std::ops::RangeInclusive;

impl Broker {
    /// A client says what became of messages.
    ///
    /// # Errors
    /// As ActiveMQ has them: an acknowledgement of a queue or a durable subscription names messages that are at the client. One by
    /// itself (`Individual`) may name any. [openwire §7.5]
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
        let Some(consumer) = self.consumers.get(&key) else {
            return Ok(None);
        };
        // It is looked for among all that it has.
        let looked_at = consumer.outstanding.len() / 4;
        self.spent += looked_at as u64;
        let range = match consumer.checks_acknowledgements() {
            // What a client acknowledges right after it came back was sent to it by its last connection, and comes again.
            true if !consumer.has_dispatched => return Ok(None),
            true => consumer.checked_range(ack, kind)?,
            false => consumer.range(ack, kind),
        };
        let Some(range) = range else {
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
                self.put_off_ack(key, range, transaction)?;
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

    /// The messages at a client are done that it acknowledged in the transaction which is being committed.
    pub(super) fn done_in(&mut self, key: u64, transaction: &TransactionKey) {
        let Some(consumer) = self.consumers.get_mut(&key) else {
            return;
        };
        let before = consumer.outstanding.len();
        let mut size = 0;
        consumer.outstanding.retain(|outstanding| {
            let is_done = outstanding.transaction.as_ref() == Some(transaction);
            size += if is_done { outstanding.held.size() } else { 0 };
            !is_done
        });
        let count = i64::try_from(before - consumer.outstanding.len()).unwrap_or(i64::MAX);
        consumer.extension = (consumer.extension - count).max(0);
        consumer.away -= size;
        self.spend(before);
        self.serve_consumer(key);
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

impl Consumer {
    /// The messages at the client that an acknowledgement names; `None` if they are not there.
    fn range(&self, ack: &MessageAck, kind: AckType) -> Option<RangeInclusive<usize>> {
        let last = ack.last_message_id.as_ref();
        if kind == AckType::Delivered && last.is_none() {
            return Some(0..=0);
        }
        let last = self.position(last?)?;
        let first = match &ack.first_message_id {
            Some(_) | None if kind == AckType::Individual => last,
            Some(first) => self.position(first)?,
            None => 0,
        };
        (first <= last).then_some(first..=last)
    }

    /// The same, refused as ActiveMQ refuses it.
    fn checked_range(
        &self,
        ack: &MessageAck,
        kind: AckType,
    ) -> Result<Option<RangeInclusive<usize>>, Throwable> {
        let range = self.range(ack, kind);
        match kind {
            AckType::Poison if ack.transaction_id.is_some() => {
                Err(refusal::poison_in_transaction(ack))
            }
            AckType::Standard => {
                let first = ack.first_message_id.as_ref();
                if first.is_some_and(|first| self.position(first).is_none()) {
                    return Err(refusal::unmatched_start(ack));
                }
                let range = range.ok_or_else(|| refusal::unmatched_end(ack))?;
                let count = range.end() - range.start() + 1;
                let counted = usize::try_from(ack.message_count);
                if ack.transaction_id.is_none() && counted != Ok(count) {
                    return Err(refusal::unmatched_count(ack, count));
                }
                Ok(Some(range))
            }
            AckType::Individual | AckType::Unmatched => Ok(range),
            AckType::Delivered | AckType::Redelivered | AckType::Poison | AckType::Expired => {
                range.map(Some).ok_or_else(|| refusal::uncorrelated(ack))
            }
        }
    }
}
