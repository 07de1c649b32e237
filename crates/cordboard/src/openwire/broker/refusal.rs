//! How the broker says no: the exception classes that clients tell apart, with their texts. [openwire §7.2]

use cordboard_wire::openwire::{Destination, Text, Throwable};

const JMS: &str = "javax.jms.JMSException";
const STATE: &str = "java.lang.IllegalStateException";
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

pub(super) fn cannot_prepare() -> Throwable {
    let text = "Cannot prepare a transaction that had not been started";
    Throwable::new(STATE, text)
}

pub(super) fn unknown_step(number: i8) -> Throwable {
    Throwable::new(IO, format!("Transaction info type unknown: {number}"))
}

pub(super) fn xa() -> Throwable {
    let text = "XA transactions are not supported xaErrorCode:-6";
    Throwable::new("javax.transaction.xa.XAException", text)
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
