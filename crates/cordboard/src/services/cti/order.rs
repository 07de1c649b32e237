//! A command on its way through the checks, and where its answers go. [cti §3.5, §3.7]

use super::translate::Instant;
use crate::journal::Notes;
use cordboard_wire::cti::{
    AgentId, Check, ClientDestination, Command, CommandMessage, ConnectionId, ErrorFor, Refused,
    ReplyTo, Verb, masked_body,
};
use std::collections::BTreeSet;

/// Where answers go, and what they carry.
#[derive(Clone, Debug, Default)]
pub(super) struct Answering {
    /// JMSCorrelationID.
    pub(super) correlation: Option<String>,
    /// JMSReplyTo, if answers may go there.
    pub(super) reply: Option<ReplyTo>,
    /// The topic that Hello, Beat, Connect or Login names, if the sender may listen there.
    pub(super) named: Option<ClientDestination>,
    /// Who sent it, as the broker says.
    pub(super) sender: Option<String>,
}

/// A command with everything that came with it.
#[derive(Debug)]
pub(super) struct Order {
    /// What is asked, or what is wrong with its arguments.
    pub(super) command: Result<Command, Refused>,
    /// Its name.
    pub(super) verb: Verb,
    /// The agent it is for.
    pub(super) agent: Option<AgentId>,
    /// Whom an error is for.
    pub(super) error_for: ErrorFor,
    /// Where answers go.
    pub(super) answering: Answering,
    /// Who sent it, as the broker says.
    pub(super) user: Option<String>,
    /// For the journal.
    pub(super) line: Line,
}

/// A message that makes no sense, or that is for no agent.
#[derive(Debug)]
pub(super) struct Early {
    /// What is wrong with it.
    pub(super) refused: Refused,
    /// Where the error goes.
    pub(super) answering: Answering,
    /// For the journal.
    pub(super) line: Line,
}

/// A command as the journal shows it.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// JMSType, as it was sent.
    pub(super) jms_type: String,
    /// What else is told of it; never a secret.
    pub(super) notes: Notes,
}

impl Line {
    /// Of a message.
    pub(super) fn of(message: &CommandMessage) -> Self {
        let body = message.body.text();
        let body = body.map(|text| masked_body(message.jms_type.as_deref(), &text));
        let notes = Notes::default()
            .maybe("body", body)
            .maybe("correlation", message.correlation_id.clone())
            .maybe("reply_to", message.reply_to.clone())
            .maybe("user", message.user.clone());
        Self {
            jms_type: message.jms_type.clone().unwrap_or_default(),
            notes,
        }
    }
}

impl Order {
    /// A command that passed the first checks. What is wrong with its arguments is looked at later. [cti §3.7]
    ///
    /// # Errors
    /// What the first checks refuse.
    pub(super) fn new(
        decoded: Result<Command, Refused>,
        answering: Answering,
        user: Option<String>,
        line: Line,
    ) -> Result<Self, Box<Early>> {
        match decoded {
            Ok(command) => {
                let agent = command.agent().cloned();
                let sent = agent.as_ref().map_or("", AgentId::as_str);
                Ok(Self {
                    verb: command.verb(),
                    error_for: ErrorFor::sent(sent),
                    command: Ok(command),
                    agent,
                    answering,
                    user,
                    line,
                })
            }
            Err(refused) => {
                let early = refused.check() != Check::Arguments;
                match refused.verb.filter(|_| !early) {
                    Some(verb) => Ok(Self {
                        verb,
                        agent: refused.agent.clone(),
                        error_for: refused.error_for.clone(),
                        command: Err(refused),
                        answering,
                        user,
                        line,
                    }),
                    None => Err(Box::new(Early {
                        refused,
                        answering,
                        line,
                    })),
                }
            }
        }
    }
}

/// A command that the exchange is at.
#[derive(Debug)]
pub(super) struct Pending {
    /// The command, for its answer and the journal.
    pub(super) order: Order,
    /// The agent.
    pub(super) agent: AgentId,
    /// His leg that the command names.
    pub(super) leg: Option<ConnectionId>,
    /// Legs whose DialogState has carried the correlation id already: what follows of them does not. [cti §3.5]
    pub(super) confirmed: BTreeSet<ConnectionId>,
    /// Until when it is waited for.
    pub(super) until: Instant,
}
