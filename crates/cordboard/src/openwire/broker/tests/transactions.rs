//! Transactions. [openwire §7.9]

use super::*;

fn transacted(number: i64) -> Message {
    let mut sent = message(ONE, queue(), number);
    sent.transaction_id = Some(transaction(ONE));
    sent
}

#[test]
fn ow_46_what_a_transaction_sends_is_there_when_it_is_committed_and_never_when_undone() {
    let mut rig = rig();
    rig.joins(ONE);
    rig.listens(ONE, consumer(ONE, 1, queue(), 10));
    rig.transacts(ONE, TransactionStep::Begin).unwrap();
    rig.asks(ONE, transacted(1)).unwrap();
    rig.transacts(ONE, TransactionStep::Rollback).unwrap();
    rig.transacts(ONE, TransactionStep::Begin).unwrap();
    for number in [2, 3] {
        rig.asks(ONE, transacted(number)).unwrap();
    }
    assert_eq!(rig.numbers(), NONE);
    rig.transacts(ONE, TransactionStep::CommitOnePhase).unwrap();
    assert_eq!(rig.numbers(), [2, 3]);
}

#[test]
fn ow_47_what_a_transaction_acknowledged_is_done_when_it_is_committed() {
    let mut rig = rig();
    rig.joins(ONE);
    for number in 1..=5 {
        rig.sends(ONE, queue(), number);
    }
    rig.listens(ONE, consumer(ONE, 1, queue(), 10));
    let mut transact = |first, last, end| {
        rig.transacts(ONE, TransactionStep::Begin).unwrap();
        let mut ack = ack(
            ONE,
            1,
            AckType::Standard,
            Some(first),
            last,
            last - first + 1,
        );
        ack.transaction_id = Some(transaction(ONE));
        rig.asks(ONE, Command::MessageAck(ack)).unwrap();
        rig.heard.clear();
        rig.transacts(ONE, end).unwrap();
        assert_eq!(rig.numbers(), NONE, "the client has it still");
    };
    transact(1, 1, TransactionStep::CommitOnePhase);
    transact(2, 2, TransactionStep::Rollback);
    transact(2, 2, TransactionStep::CommitOnePhase);
    rig.removes_consumer(ONE, 1, 0);
    rig.heard.clear();
    rig.listens(ONE, consumer(ONE, 2, queue(), 10));
    assert_eq!(rig.numbers(), [3, 4, 5]);
}

#[test]
fn ow_48_a_transaction_ends_undone_with_its_connection() {
    let mut rig = rig();
    rig.joins(ONE);
    rig.joins(TWO);
    rig.sends(ONE, queue(), 1);
    rig.listens(TWO, consumer(TWO, 1, queue(), 10));
    rig.transacts(TWO, TransactionStep::Begin).unwrap();
    let mut taken = ack(TWO, 1, AckType::Standard, Some(1), 1, 1);
    taken.transaction_id = Some(transaction(TWO));
    rig.asks(TWO, Command::MessageAck(taken)).unwrap();
    let mut sent = message(TWO, queue(), 9);
    sent.transaction_id = Some(transaction(TWO));
    rig.asks(TWO, sent).unwrap();
    rig.broker.closed(TWO, rig.now);
    rig.heard.clear();
    rig.listens(ONE, consumer(ONE, 1, queue(), 10));
    assert_eq!(rig.dispatches(), [(1, 1, 1)]);
}

#[test]
fn ow_49_steps_of_transactions_that_are_none_are_refused() {
    let mut rig = rig();
    rig.joins(ONE);
    assert_eq!(
        rig.transacts(ONE, TransactionStep::CommitOnePhase),
        refused(
            "javax.jms.JMSException",
            "Transaction 'TX:c1:1' has not been started."
        )
    );
    let odd = TransactionInfo {
        step: 77,
        ..TransactionInfo::default()
    };
    assert_eq!(
        rig.asks(ONE, Command::TransactionInfo(odd)),
        refused("java.io.IOException", "Transaction info type unknown: 77")
    );
    rig.transacts(ONE, TransactionStep::Recover).unwrap();
    let xa = TransactionInfo {
        transaction_id: Some(TransactionId::Xa(Default::default())),
        step: TransactionStep::Begin.into(),
        ..TransactionInfo::default()
    };
    assert_eq!(
        rig.asks(ONE, Command::TransactionInfo(xa)),
        refused(
            "javax.transaction.xa.XAException",
            "XA transactions are not supported xaErrorCode:-6"
        )
    );
}
