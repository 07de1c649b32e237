//! What the module promises, beyond what each file's own tests say.

mod commands;
mod conversations;
mod events;
mod fixture;
mod refusals;
mod rounds;

use super::*;

/// A command as most clients send it.
fn message(jms_type: &str, body: &str) -> CommandMessage {
    CommandMessage {
        jms_type: Some(jms_type.to_owned()),
        body: Body::Text(Some(body.to_owned())),
        ..CommandMessage::default()
    }
}

fn read(jms_type: &str, body: &str) -> Result<Command, Refused> {
    decode_command(&message(jms_type, body), &Names::default())
}

/// What a refused command is answered with, in the default format.
fn answer(refused: &Refused) -> String {
    let event = Event::Error(refused.report());
    encode_event(&event, Format::Default, Style::default())
}

/// The same of a command that must be refused.
fn error(jms_type: &str, body: &str) -> String {
    answer(&read(jms_type, body).expect_err(jms_type))
}

fn agent(digits: &str) -> AgentId {
    AgentId::parse(digits).expect(digits)
}

fn id(number: u32) -> ConnectionId {
    ConnectionId::new(number).expect("an id")
}

fn topic(name: &str) -> ClientDestination {
    ClientDestination::parse(name, &Names::default()).expect(name)
}
