//! Local transactions: sends and acknowledgements that count all at once or not at all. [openwire §7.9]

use super::parcel::{Parcel, size};
use super::state::{Step, TransactionKey};
use super::{Broker, Done, Link, refusal};
use cordboard_wire::openwire::{
    Message, MessageId, Throwable, TransactionId, TransactionInfo, TransactionStep,
};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// So many transactions may be open at a time, of all clients.
const TRANSACTIONS: usize = 10_000;

impl Broker {
    pub(super) fn transaction(&mut self, link: Link, info: &TransactionInfo) -> Done {
        let Some(step) = TransactionStep::of(info.step) else {
            return Err(refusal::unknown_step(info.step));
        };
        if step == TransactionStep::Recover {
            // Nothing is ever prepared here.
            return Ok(Some(Self::empty_list(info.command_id)));
        }
        let id = info.transaction_id.as_ref();
        let key = self.local(link, id.ok_or_else(refusal::xa)?)?;
        match step {
            TransactionStep::Begin => {
                if self.transactions.len() >= TRANSACTIONS && !self.transactions.contains_key(&key)
                {
                    return Err(refusal::unsupported("so many transactions"));
                }
                self.transactions.entry(key).or_default();
            }
            TransactionStep::CommitOnePhase | TransactionStep::CommitTwoPhase => {
                self.commit(self.begun(key)?)?;
            }
            TransactionStep::Rollback | TransactionStep::Forget => {
                let key = self.begun(key)?;
                self.transactions.remove(&key);
                self.release(link, &key);
            }
            TransactionStep::Prepare if !self.transactions.contains_key(&key) => {
                return Err(refusal::cannot_prepare());
            }
            TransactionStep::Prepare | TransactionStep::End | TransactionStep::Recover => {
                return Err(refusal::unsupported("transactions in two phases"));
            }
        }
        Ok(None)
    }

    /// A transaction, if it has begun.
    pub(super) fn begun(&self, key: TransactionKey) -> Result<TransactionKey, Throwable> {
        match self.transactions.contains_key(&key) {
            true => Ok(key),
            false => Err(refusal::not_begun(&key.0, key.1)),
        }
    }

    pub(super) fn put_off_send(
        &mut self,
        link: Link,
        message: Arc<Message>,
        transaction: &TransactionId,
    ) -> Result<(), Throwable> {
        let key = self.begun(self.local(link, transaction)?)?;
        if !self.make_room(size(&message)) {
            return Err(refusal::full(
                &message.destination.clone().unwrap_or_default(),
            ));
        }
        if let Some(transaction) = self.transactions.get_mut(&key) {
            let parcel = Parcel::new(Message::clone(&message), 0, &self.ledger);
            transaction.steps.push(Step::Send(link, parcel));
        }
        Ok(())
    }

    /// The messages stay at the client until the transaction is committed.
    pub(super) fn put_off_ack(
        &mut self,
        key: u64,
        range: RangeInclusive<usize>,
        transaction: Option<TransactionKey>,
    ) {
        let Some(consumer) = self.consumers.get_mut(&key) else {
            return;
        };
        let mut ids: Vec<MessageId> = Vec::new();
        for outstanding in consumer.outstanding.range_mut(range) {
            // Of another transaction's, or acknowledged before: once is enough.
            if outstanding.transaction.is_none() {
                outstanding.transaction.clone_from(&transaction);
                ids.extend(outstanding.held.message_id.clone());
            }
        }
        if let Some(transaction) = transaction.and_then(|t| self.transactions.get_mut(&t)) {
            transaction.steps.push(Step::Ack(key, ids));
        }
    }

    fn commit(&mut self, key: TransactionKey) -> Result<(), Throwable> {
        // It stays until it is rolled back.
        if self.transactions.get(&key).is_some_and(|t| t.rollback_only) {
            return Err(refusal::rollback_only());
        }
        let transaction = self.transactions.remove(&key).unwrap_or_default();
        let steps = transaction.steps;
        let mut refused = Ok(());
        for step in steps {
            match step {
                Step::Ack(consumer, ids) => self.done_by_id(consumer, &ids),
                Step::Send(link, parcel) => {
                    let message = parcel.message().clone();
                    // It counts for what it is put away as from now on.
                    drop(parcel);
                    let sent = self.accept(link, message);
                    refused = refused.and(sent);
                }
            }
        }
        refused
    }

    /// A part of a transaction was refused and its client does not learn so: the commit will be refused.
    pub(super) fn refuse_commit(&mut self, link: Link, id: &TransactionId) {
        let key = self.local(link, id);
        if let Some(transaction) = key.ok().and_then(|key| self.transactions.get_mut(&key)) {
            transaction.rollback_only = true;
        }
    }

    /// The key of a local transaction of this client's.
    pub(super) fn local(
        &self,
        link: Link,
        id: &TransactionId,
    ) -> Result<TransactionKey, Throwable> {
        let TransactionId::Local(local) = id else {
            return Err(refusal::xa());
        };
        let connection = local.connection_id.clone().unwrap_or_default();
        let key = (connection.value.unwrap_or_default(), local.value);
        match self.connection(link) {
            Some(connection) if connection.id == key.0 => Ok(key),
            // Whatever others have begun.
            Some(_) | None => Err(refusal::not_begun(&key.0, key.1)),
        }
    }
}
