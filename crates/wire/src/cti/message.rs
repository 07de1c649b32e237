//! Messages as the transport hands them over and takes them: headers and a body. [cti §2.2, §2.4]

use super::{Names, ReplyTo};
use std::borrow::Cow;
use std::fmt;

/// A JMSType has at most so many characters.
pub const TYPE_MAX: usize = 512;
/// A command's body has at most so many characters.
pub const BODY_MAX: usize = 4_096;
/// A longer JMSCorrelationID counts as none.
pub const CORRELATION_MAX: usize = 256;
/// How long a command of ours is good for, in milliseconds.
pub const COMMAND_TTL_MS: u32 = 5_000;
/// JMSPriority of an event.
pub const EVENT_PRIORITY: u8 = 4;
/// The property by which a client chooses its format.
pub const FORMAT_PROPERTY: &str = "CCFormat";

/// Has the text more characters than that? Looks at no more of it than it must.
pub(super) fn is_longer(text: &str, most: usize) -> bool {
    text.chars().nth(most).is_some()
}

/// How events are written. [cti §4.1]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// Fields with `#` between them.
    #[default]
    Default,
    /// One JSON object.
    Json,
}

impl Format {
    /// The word by which a client asks for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Json => "json",
        }
    }

    /// The format of a word, in any letter case.
    pub fn of(word: &str) -> Option<Self> {
        let mut both = [Self::Default, Self::Json].into_iter();
        both.find(|format| format.word().eq_ignore_ascii_case(word))
    }
}

/// What a message carries. Prints its kind and size only: bodies hold PINs.
#[derive(Clone, PartialEq, Eq)]
pub enum Body {
    /// A TextMessage; `None` where its text is null.
    Text(Option<String>),
    /// A BytesMessage.
    Bytes(Vec<u8>),
    /// Any other kind. What is in it is never looked at.
    Other,
}

impl Body {
    /// The text; `None` for other kinds and for bytes that are no UTF-8.
    pub fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Text(text) => Some(text.as_deref().unwrap_or_default().into()),
            Self::Bytes(bytes) => std::str::from_utf8(bytes).ok().map(Cow::from),
            Self::Other => None,
        }
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::Text(None)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(None) => f.write_str("null text"),
            Self::Text(Some(text)) => write!(f, "text of {} bytes", text.len()),
            Self::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::Other => f.write_str("another kind"),
        }
    }
}

/// A command with its headers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandMessage {
    /// JMSType.
    pub jms_type: Option<String>,
    /// The arguments.
    pub body: Body,
    /// JMSCorrelationID, as it came: see [`Self::correlation`].
    pub correlation_id: Option<String>,
    /// JMSReplyTo, as ActiveMQ writes destinations: `topic://cc.a`.
    pub reply_to: Option<String>,
    /// JMSExpiration: milliseconds since 1970, or 0.
    pub expiration_ms: i64,
    /// JMSMessageID.
    pub message_id: Option<String>,
    /// JMSRedelivered.
    pub redelivered: bool,
    /// Who sent it, as the broker says: JMSXUserID.
    pub user: Option<String>,
    /// The property [`FORMAT_PROPERTY`].
    pub format: Option<String>,
}

impl CommandMessage {
    /// The correlation id that answers carry.
    pub fn correlation(&self) -> Option<&str> {
        let id = self.correlation_id.as_deref();
        id.filter(|id| !is_longer(id, CORRELATION_MAX))
    }

    /// Where the sender wants its answer, if answers may go there.
    pub fn reply(&self, names: &Names) -> Option<ReplyTo> {
        ReplyTo::parse(self.reply_to.as_deref()?, names).ok()
    }

    /// Is it past its time at that time, in milliseconds since 1970?
    pub fn is_expired(&self, now_ms: i64) -> bool {
        self.expiration_ms != 0 && self.expiration_ms < now_ms
    }
}

/// An event with its headers: a TextMessage, not persistent, without expiry, JMSReplyTo and properties.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventMessage {
    /// JMSCorrelationID.
    pub correlation_id: Option<String>,
    /// The text.
    pub body: String,
}

impl EventMessage {
    /// JMSType: there, but empty. Some clients call a method on it.
    pub const JMS_TYPE: &'static str = "";
    /// JMSDeliveryMode.
    pub const PERSISTENT: bool = false;
    /// JMSExpiration: clients' clocks are wrong.
    pub const EXPIRATION_MS: i64 = 0;

    /// An event that answers a command, or comes by itself.
    pub fn new(body: String, correlation: Option<&str>) -> Self {
        Self {
            correlation_id: correlation.map(str::to_owned),
            body,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_prints_nothing_of_its_body() {
        for body in [
            Body::Text(Some("cc.a,agent42031,12345".into())),
            Body::Bytes(b"12345".to_vec()),
        ] {
            let message = CommandMessage {
                body,
                ..CommandMessage::default()
            };
            assert!(!format!("{message:?}").contains("12345"));
        }
    }

    #[test]
    fn a_message_expires_after_its_time_and_never_without_one() {
        let expiring = |expiration_ms| CommandMessage {
            expiration_ms,
            ..CommandMessage::default()
        };
        assert!(!expiring(0).is_expired(i64::MAX));
        assert!(!expiring(1_000).is_expired(1_000));
        assert!(expiring(1_000).is_expired(1_001));
    }
}
