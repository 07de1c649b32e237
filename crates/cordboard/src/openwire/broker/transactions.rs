//! Local transactions: sends and acknowledgements that count all at once or not at all. [openwire §7.9]

use super::parcel::{Parcel, size};
use super::state::Transaction;
use super::state::{Step, TransactionKey};
use super::work::Task;
use super::{Broker, Done, Link, refusal};
use cordboard_wire::openwire::{
    Message, Throwable, TransactionId, TransactionInfo, TransactionStep,
};
use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// What a transaction and each of its steps count for.
const TRANSACTION_BYTES: usize = 512;
const STEP_BYTES: usize = 64;
/// Maximum number of steps that are forgotten in one go.
const FORGOTTEN_AT_ONCE: usize = 500;

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
                let memory = self.memory_of(link);
                let charge = memory.and_then(|memory| memory.try_charge(TRANSACTION_BYTES));
                let charge = charge.ok_or_else(refusal::no_memory)?;
                self.transactions.entry(key).or_insert(Transaction {
                    steps: VecDeque::new(),
                    charge,
                    rollback_only: false,
                });
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
        let full = || refusal::full(&message.destination.clone().unwrap_or_default());
        let charge = self.make_room(link, size(&message)).ok_or_else(full)?;
        if let Some(transaction) = self.transactions.get_mut(&key) {
            transaction.push(Step::Send(Parcel::new(Message::clone(&message), 0, charge)))?;
        }
        Ok(())
    }

    /// The messages stay at the client until the transaction is committed.
    pub(super) fn put_off_ack(
        &mut self,
        key: u64,
        range: RangeInclusive<usize>,
        transaction: Option<TransactionKey>,
    ) -> Result<(), Throwable> {
        let Some(consumer) = self.consumers.get_mut(&key) else {
            return Ok(());
        };
        for outstanding in consumer.outstanding.range_mut(range) {
            // Of another transaction's, or acknowledged before: once is enough.
            if outstanding.transaction.is_none() {
                outstanding.transaction.clone_from(&transaction);
            }
        }
        if let Some(name) = transaction
            && let Some(transaction) = self.transactions.get_mut(&name)
        {
            transaction.acknowledges(key, name)?;
        }
        Ok(())
    }

    fn commit(&mut self, key: TransactionKey) -> Result<(), Throwable> {
        // It stays until it is rolled back.
        if self.transactions.get(&key).is_some_and(|t| t.rollback_only) {
            return Err(refusal::rollback_only());
        }
        if let Some(transaction) = self.transactions.get_mut(&key) {
            let mut steps = std::mem::take(&mut transaction.steps);
            // What it acknowledged is told by its key, which must not begin anew before the end.
            steps.push_back(Step::End(key));
            let refused = Ok(());
            self.task = Some(Task::Commit { steps, refused });
        }
        Ok(())
    }

    /// Carries out the steps of a commit, as far as the slice goes. The first refusal is its answer.
    pub(super) fn commit_some(
        &mut self,
        link: Link,
        mut steps: VecDeque<Step>,
        mut refused: Result<(), Throwable>,
    ) -> (Option<Task>, Done) {
        while let Some(step) = steps.pop_front() {
            if self.is_over() {
                steps.push_front(step);
                return (Some(Task::Commit { steps, refused }), Ok(None));
            }
            match step {
                Step::Ack(consumer, transaction) => self.done_in(consumer, &transaction),
                Step::Send(parcel) => {
                    let message = parcel.message().clone();
                    // It counts for what it is put away as from now on.
                    drop(parcel);
                    let sent = self.accept(link, message);
                    refused = refused.and(sent);
                }
                Step::End(key) => {
                    self.transactions.remove(&key);
                }
            }
        }
        (None, refused.map(|()| None))
    }

    /// Forgets what a client's transactions would have done, as far as the slice goes. Returns `true` if all is forgotten.
    pub(super) fn forget_transactions(&mut self, link: Link) -> bool {
        let Some(id) = self
            .connection(link)
            .map(|connection| connection.id.clone())
        else {
            return true;
        };
        let all = (id.clone(), i64::MIN)..=(id, i64::MAX);
        while let Some((key, transaction)) = self.transactions.range_mut(all.clone()).next() {
            let left = transaction.steps.len();
            let kept = left.saturating_sub(FORGOTTEN_AT_ONCE);
            transaction.steps.truncate(kept);
            if kept == 0 {
                let key = key.clone();
                self.transactions.remove(&key);
            }
            self.spend(10 + (left - kept) * 10);
            if self.is_over() && kept > 0 {
                return false;
            }
        }
        true
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

impl Transaction {
    /// Adds a step.
    fn push(&mut self, step: Step) -> Result<(), Throwable> {
        let bytes = self.charge.bytes() + STEP_BYTES;
        match self.charge.try_resize(bytes) {
            true => {
                self.steps.push_back(step);
                Ok(())
            }
            false => Err(refusal::no_memory()),
        }
    }

    /// A consumer acknowledged messages in it; they are marked there.
    fn acknowledges(&mut self, consumer: u64, name: TransactionKey) -> Result<(), Throwable> {
        let is_last = |step: &Step| matches!(step, Step::Ack(other, _) if *other == consumer);
        match self.steps.back().is_some_and(is_last) {
            true => Ok(()),
            false => self.push(Step::Ack(consumer, name)),
        }
    }
}
