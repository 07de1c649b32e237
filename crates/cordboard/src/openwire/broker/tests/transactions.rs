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

/// How ActiveMQ prints an acknowledgement of the consumer `c1:1:1`.
fn shown(command: i32, wants: bool, kind: AckType, message: i64, transaction: &str) -> String {
    format!(
        "MessageAck {{commandId = {command}, responseRequired = {wants}, ackType = {}, consumerId = c1:1:1, firstMessageId = null, \
         lastMessageId = c1:1:1:{message}, destination = queue://q, transactionId = {transaction}, messageCount = 1, \
         poisonCause = null}}",
        i8::from(kind)
    )
}

#[test]
fn an_acknowledgement_of_what_is_not_at_the_client_is_refused_as_activemq_refuses_it() {
    let mut rig = rig();
    rig.joins(ONE);
    rig.listens(ONE, consumer(ONE, 1, queue(), 10));
    let ack = |kind: AckType, last: i64| Command::MessageAck(ack(ONE, 1, kind, None, last, 1));
    // Before anything was dispatched it speaks of what an earlier connection had: that comes again.
    rig.asks(ONE, ack(AckType::Standard, 9)).unwrap();
    rig.sends(ONE, queue(), 1);
    let jms = |text: String| refused("javax.jms.JMSException", &text);
    let refusal = |rig: &Rig| {
        let ack = shown(rig.commands + 1, true, AckType::Standard, 9, "null");
        jms(format!(
            "Unmatched acknowledge: {ack}; Could not find Message-ID c1:1:1:9 in dispatched-list (end of ack)"
        ))
    };
    let expected = refusal(&rig);
    assert_eq!(rig.asks(ONE, ack(AckType::Standard, 9)), expected);
    for kind in [
        AckType::Delivered,
        AckType::Redelivered,
        AckType::Poison,
        AckType::Expired,
    ] {
        let shown = shown(rig.commands + 1, true, kind, 9, "null");
        let text = format!("Could not correlate acknowledgment with dispatched message: {shown}");
        assert_eq!(rig.asks(ONE, ack(kind, 9)), jms(text));
    }
    // One by itself may name any.
    rig.asks(ONE, ack(AckType::Individual, 9)).unwrap();
    let counted = super::ack(ONE, 1, AckType::Standard, None, 1, 2);
    let refusal = rig.asks(ONE, Command::MessageAck(counted)).unwrap_err();
    assert!(
        refusal
            .1
            .ends_with("; Expected message count (2) differs from count in dispatched-list (1)")
    );
    let from = super::ack(ONE, 1, AckType::Standard, Some(8), 1, 1);
    let refusal = rig.asks(ONE, Command::MessageAck(from)).unwrap_err();
    assert!(
        refusal
            .1
            .ends_with("; Could not find Message-ID c1:1:1:8 in dispatched-list (start of ack)")
    );
    // What it holds is still there.
    rig.acks(ONE, 1, AckType::Standard, None, 1);
}

#[test]
fn a_transaction_of_which_a_part_was_refused_unheard_cannot_be_committed() {
    type Part = fn(&mut Rig);
    let parts: [(Part, bool); 4] = [
        // An acknowledgement of what the consumer does not hold.
        (|rig| rig.acks_in_transaction(9, false), true),
        // A message to nowhere.
        (
            |rig| {
                let mut sent = message(ONE, Destination::queue(""), 2);
                sent.transaction_id = Some(transaction(ONE));
                rig.tells(ONE, sent);
                let mut long = message(ONE, queue(), 2);
                long.headers.jms_type = Some("x".repeat(40_000).as_str().into());
                long.transaction_id = Some(transaction(ONE));
                rig.tells(ONE, long);
            },
            true,
        ),
        // The client hears of this one, and decides itself.
        (|rig| rig.acks_in_transaction(9, true), false),
        (|rig| rig.acks_in_transaction(1, false), false),
    ];
    for (part, refused_unheard) in parts {
        let mut rig = rig();
        rig.joins(ONE);
        rig.listens(ONE, consumer(ONE, 1, queue(), 10));
        rig.sends(ONE, queue(), 1);
        rig.transacts(ONE, TransactionStep::Begin).unwrap();
        part(&mut rig);
        let committed = rig.transacts(ONE, TransactionStep::CommitOnePhase);
        if !refused_unheard {
            committed.unwrap();
            continue;
        }
        let text = "COMMIT FAILED: Transaction marked rollback only xaErrorCode:100";
        let refusal = refused("javax.transaction.xa.XAException", text);
        assert_eq!(committed, refusal);
        // It is there until it is rolled back, and nothing of it was done.
        assert_eq!(rig.transacts(ONE, TransactionStep::CommitOnePhase), refusal);
        rig.transacts(ONE, TransactionStep::Rollback).unwrap();
        rig.acks(ONE, 1, AckType::Standard, None, 1);
    }
}

impl Rig {
    fn acks_in_transaction(&mut self, last: i64, wants: bool) {
        let mut ack = ack(ONE, 1, AckType::Standard, None, last, 1);
        ack.transaction_id = Some(transaction(ONE));
        self.hands(ONE, Command::MessageAck(ack), wants);
    }
}
