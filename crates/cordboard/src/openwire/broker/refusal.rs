//! How the broker says no: the exception classes that clients tell apart, with their texts. [openwire §7.2]

use super::state::consumer_name;
use cordboard_wire::openwire::{Destination, MessageAck, TEXT_MAX, Text, Throwable, TransactionId};

const JMS: &str = "javax.jms.JMSException";
const STATE: &str = "java.lang.IllegalStateException";
const XA: &str = "javax.transaction.xa.XAException";
const IO: &str = "java.io.IOException";
const DESTINATION: &str = "javax.jms.InvalidDestinationException";
const CLIENT_ID: &str = "javax.jms.InvalidClientIDException";

fn shown(text: Option<&Text>) -> String {
    text.map_or_else(|| "null".to_owned(), |text| text.for_log(200))
}

pub(super) fn credentials(user: Option<&Text>) -> Throwable {
    let text = format!("User name [{}] or password is invalid.", shown(user));
    Throwable::new("java.lang.SecurityException", text)
}

pub(super) fn client_id_taken(broker: &str, client: &Text, address: &str) -> Throwable {
    let client = client.for_log(200);
    let text =
        format!("Broker: {broker} - Client: {client} already connected from tcp://{address}");
    Throwable::new(CLIENT_ID, text)
}

pub(super) fn connection_id_taken(broker: &str, id: &Text) -> Throwable {
    let id = id.for_log(200);
    let text = format!("Broker: {broker} - Connection: {id} belongs to another client");
    Throwable::new(CLIENT_ID, text)
}

pub(super) fn id_too_long() -> Throwable {
    Throwable::new(
        CLIENT_ID,
        "a connection or client id of more than 1024 bytes",
    )
}

pub(super) fn header_too_long(len: usize) -> Throwable {
    let text = format!("a header of {len} bytes cannot be delivered; {TEXT_MAX} is the maximum");
    Throwable::new("javax.jms.MessageFormatException", text)
}

pub(super) fn no_client_id() -> Throwable {
    Throwable::new(CLIENT_ID, "No clientID specified for connection request")
}

pub(super) fn no_connection(what: &str, id: &str) -> Throwable {
    let text = format!("Cannot add a {what} to a connection that had not been registered: {id}");
    Throwable::new(STATE, text)
}

pub(super) fn no_session(what: &str, id: &str) -> Throwable {
    let text = format!("Cannot add a {what} to a session that had not been registered: {id}");
    Throwable::new(STATE, text)
}

pub(super) fn not_there(what: &str, id: &str) -> Throwable {
    let text = format!("Cannot remove a {what} that had not been registered: {id}");
    Throwable::new(STATE, text)
}

pub(super) fn no_producer(destination: &Destination) -> Throwable {
    let text = format!("Cannot send message to {destination} with invalid (null) producer state");
    Throwable::new(JMS, text)
}

pub(super) fn selector(text: &Text) -> Throwable {
    Throwable::new("javax.jms.InvalidSelectorException", text.for_log(1000))
}

pub(super) fn no_name() -> Throwable {
    Throwable::new(
        DESTINATION,
        "a destination without a name, or with one that is too long",
    )
}

pub(super) fn durable_in_use(client: &Text, name: &Text) -> Throwable {
    let (client, name) = (client.for_log(200), name.for_log(200));
    let text =
        format!("Durable consumer is in use for client: {client} and subscriptionName: {name}");
    Throwable::new(JMS, text)
}

pub(super) fn durable_active() -> Throwable {
    Throwable::new(JMS, "Durable consumer is in use")
}

pub(super) fn no_durable(client: &Text, name: &Text) -> Throwable {
    let (client, name) = (client.for_log(200), name.for_log(200));
    let text = format!(
        "No durable subscription exists for clientID: {client} and subscriptionName: {name}"
    );
    Throwable::new(DESTINATION, text)
}

pub(super) fn no_temporary(destination: &Destination) -> Throwable {
    let class = "org.apache.activemq.DestinationDoesNotExistException";
    Throwable::new(class, destination.to_string())
}

pub(super) fn has_consumers(destination: &Destination) -> Throwable {
    let text = format!("Destination: {destination} still has an active subscription");
    Throwable::new(JMS, text)
}

pub(super) fn unknown_operation(number: i8) -> Throwable {
    Throwable::new(IO, format!("Unknown operation type: {number}"))
}

pub(super) fn not_begun(connection: &Text, number: i64) -> Throwable {
    let connection = connection.for_log(200);
    let text = format!("Transaction 'TX:{connection}:{number}' has not been started.");
    Throwable::new(JMS, text)
}

pub(super) fn rollback_only() -> Throwable {
    let text = "COMMIT FAILED: Transaction marked rollback only xaErrorCode:100";
    Throwable::new(XA, text)
}

pub(super) fn unmatched_start(ack: &MessageAck) -> Throwable {
    let id = or_null(ack.first_message_id.as_ref());
    let ack = shown_ack(ack);
    let text = format!(
        "Unmatched acknowledge: {ack}; Could not find Message-ID {id} in dispatched-list (start of ack)"
    );
    Throwable::new(JMS, text)
}

pub(super) fn unmatched_end(ack: &MessageAck) -> Throwable {
    let id = or_null(ack.last_message_id.as_ref());
    let ack = shown_ack(ack);
    let text = format!(
        "Unmatched acknowledge: {ack}; Could not find Message-ID {id} in dispatched-list (end of ack)"
    );
    Throwable::new(JMS, text)
}

pub(super) fn unmatched_count(ack: &MessageAck, count: usize) -> Throwable {
    let wanted = ack.message_count;
    let ack = shown_ack(ack);
    let text = format!(
        "Unmatched acknowledge: {ack}; Expected message count ({wanted}) differs from count in dispatched-list ({count})"
    );
    Throwable::new(JMS, text)
}

pub(super) fn uncorrelated(ack: &MessageAck) -> Throwable {
    let ack = shown_ack(ack);
    let text = format!("Could not correlate acknowledgment with dispatched message: {ack}");
    Throwable::new(JMS, text)
}

pub(super) fn poison_in_transaction(ack: &MessageAck) -> Throwable {
    let ack = shown_ack(ack);
    Throwable::new(JMS, format!("Poison ack cannot be transacted: {ack}"))
}

/// An acknowledgement as ActiveMQ's classes print it.
fn shown_ack(ack: &MessageAck) -> String {
    let consumer = ack.consumer_id.as_ref().map(consumer_name);
    let transaction = match &ack.transaction_id {
        Some(TransactionId::Local(id)) => {
            let connection = id.connection_id.as_ref().and_then(|id| id.value.as_ref());
            Some(format!("TX:{}:{}", shown(connection), id.value))
        }
        Some(TransactionId::Xa(_)) => Some("XID".to_owned()),
        None => None,
    };
    let destination = ack.destination.as_ref().map(ToString::to_string);
    format!(
        "MessageAck {{commandId = {}, responseRequired = {}, ackType = {}, consumerId = {}, firstMessageId = {}, \
         lastMessageId = {}, destination = {}, transactionId = {}, messageCount = {}, poisonCause = {}}}",
        ack.command_id,
        ack.response_required,
        ack.ack_type,
        consumer.as_deref().unwrap_or("null"),
        or_null(ack.first_message_id.as_ref()),
        or_null(ack.last_message_id.as_ref()),
        destination.as_deref().unwrap_or("null"),
        transaction.as_deref().unwrap_or("null"),
        ack.message_count,
        or_null(ack.poison_cause.as_ref()),
    )
}

fn or_null(value: Option<&impl ToString>) -> String {
    let text = value.map(ToString::to_string);
    let text = text.map(|text| Text::from(text.as_str()).for_log(400));
    text.unwrap_or_else(|| "null".to_owned())
}

pub(super) fn cannot_prepare() -> Throwable {
    let text = "Cannot prepare a transaction that had not been started";
    Throwable::new(STATE, text)
}

pub(super) fn unknown_step(number: i8) -> Throwable {
    Throwable::new(IO, format!("Transaction info type unknown: {number}"))
}

pub(super) fn xa() -> Throwable {
    let text = "XA transactions are not supported xaErrorCode:-6";
    Throwable::new(XA, text)
}

pub(super) fn busy() -> Throwable {
    let class = "javax.jms.ResourceAllocationException";
    Throwable::new(class, "Too many clients sign on; try again later")
}

pub(super) fn full(destination: &Destination) -> Throwable {
    let class = "javax.jms.ResourceAllocationException";
    let text = format!("Usage Manager Memory Limit reached on {destination}.");
    Throwable::new(class, text)
}

pub(super) fn no_memory() -> Throwable {
    let class = "javax.jms.ResourceAllocationException";
    Throwable::new(class, "Usage Manager Memory Limit reached.")
}

pub(super) fn not_authorised(
    user: Option<&Text>,
    act: &str,
    destination: &Destination,
) -> Throwable {
    let user = shown(user);
    let name = destination.to_string();
    let name: String = name.chars().filter(|c| !c.is_control()).take(200).collect();
    let text = format!("User {user} is not authorized to {act}: {name}");
    Throwable::new("java.lang.SecurityException", text)
}

pub(super) fn unsupported(what: &str) -> Throwable {
    Throwable::new(JMS, format!("not supported by this broker: {what}"))
}

pub(super) fn network() -> Throwable {
    Throwable::new(JMS, "network connections are not supported")
}
