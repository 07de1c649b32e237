//! The names of queues and topics: where commands go, and which topic a client may ask its events to. [cti §2.1, §2.3]

use std::fmt;

/// The queue that commands are put on.
pub const COMMAND_QUEUE: &str = "Connector1";
/// A name has at most so many characters.
pub const DESTINATION_MAX: usize = 255;

/// What a deployment says about names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The command queue's own name, which no client may use for itself.
    pub queue: String,
    /// Further names that no client may use.
    pub denied: Vec<String>,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            queue: COMMAND_QUEUE.to_owned(),
            denied: Vec::new(),
        }
    }
}

/// Why a name may not be a client's. [cti §2.3]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BadName {
    /// It is empty.
    Empty,
    /// It is longer than [`DESTINATION_MAX`].
    TooLong,
    /// `*` and `>` match other people's topics.
    Wildcard,
    /// `,` makes several destinations of one.
    Composite,
    /// The broker's own topics begin with `ActiveMQ.`.
    Advisory,
    /// It names a queue, a temporary destination or something unheard of.
    Scheme,
    /// Characters that no plain name has, or a blank at an end.
    Characters,
    /// The command queue's name, or one that the deployment keeps for itself.
    Reserved,
}

/// The topic that a client listens on, and that its events go to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientDestination(Box<str>);

impl ClientDestination {
    /// Reads a name, perhaps with `topic://` in front.
    ///
    /// # Errors
    /// Says why no client may have it. Nothing must ever be sent to such a name.
    pub fn parse(text: &str, names: &Names) -> Result<Self, BadName> {
        let name = text.strip_prefix("topic://").unwrap_or(text);
        plain(name, names)?;
        Ok(Self(name.into()))
    }

    /// The topic's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientDestination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn plain(name: &str, names: &Names) -> Result<(), BadName> {
    const ADVISORY: &str = "ActiveMQ.";
    let advisory = name.get(..ADVISORY.len());
    if name.is_empty() {
        Err(BadName::Empty)
    } else if name.len() > 4 * DESTINATION_MAX || name.chars().count() > DESTINATION_MAX {
        Err(BadName::TooLong)
    } else if name.contains(['*', '>']) {
        Err(BadName::Wildcard)
    } else if name.contains(',') {
        Err(BadName::Composite)
    } else if advisory.is_some_and(|start| start.eq_ignore_ascii_case(ADVISORY)) {
        Err(BadName::Advisory)
    } else if name.contains("://") {
        Err(BadName::Scheme)
    } else if !name.chars().all(is_plain) || name.starts_with(' ') || name.ends_with(' ') {
        Err(BadName::Characters)
    } else if name == names.queue || names.denied.iter().any(|denied| denied == name) {
        Err(BadName::Reserved)
    } else {
        Ok(())
    }
}

fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | ':' | '@' | '/' | '=' | ' ')
}

/// Where a command asks its answer to: JMSReplyTo. [cti §3.6]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ReplyTo {
    /// A topic that could be a client's.
    Topic(ClientDestination),
    /// A temporary topic: the name its broker gave it.
    TemporaryTopic(Box<str>),
    /// A temporary queue.
    TemporaryQueue(Box<str>),
    /// A named queue, which gets answers only where a deployment says so: with no reader it fills up.
    Queue(Box<str>),
}

impl ReplyTo {
    /// Reads a destination as ActiveMQ writes it: `topic://cc.a`, `temp-queue://ID:…`.
    ///
    /// # Errors
    /// Says why nothing may be sent there.
    pub fn parse(text: &str, names: &Names) -> Result<Self, BadName> {
        let (scheme, name) = text.split_once("://").ok_or(BadName::Scheme)?;
        plain(name, names)?;
        match scheme {
            "topic" => Ok(Self::Topic(ClientDestination(name.into()))),
            "temp-topic" => Ok(Self::TemporaryTopic(name.into())),
            "temp-queue" => Ok(Self::TemporaryQueue(name.into())),
            "queue" => Ok(Self::Queue(name.into())),
            _ => Err(BadName::Scheme),
        }
    }

    /// The topic, if it is a named one.
    pub fn topic(&self) -> Option<&ClientDestination> {
        match self {
            Self::Topic(topic) => Some(topic),
            Self::TemporaryTopic(_) | Self::TemporaryQueue(_) | Self::Queue(_) => None,
        }
    }
}

impl fmt::Display for ReplyTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topic(topic) => write!(f, "topic://{topic}"),
            Self::TemporaryTopic(name) => write!(f, "temp-topic://{name}"),
            Self::TemporaryQueue(name) => write!(f, "temp-queue://{name}"),
            Self::Queue(name) => write!(f, "queue://{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_of_any_script_are_a_clients() {
        let names = Names::default();
        for name in [
            "cc.a",
            "192.168.1.148",
            "Müller Büro",
            "客户端",
            "a/b:c@d=e_f-1",
            "ActiveMQ",
            "Connector2",
            &"ö".repeat(DESTINATION_MAX),
        ] {
            let read = ClientDestination::parse(name, &names).unwrap();
            assert_eq!(read.as_str(), name);
            let prefixed = ClientDestination::parse(&format!("topic://{name}"), &names);
            assert_eq!(prefixed.as_ref(), Ok(&read));
        }
    }

    #[test]
    fn names_that_reach_others_are_refused_each_for_its_reason() {
        let names = Names {
            denied: vec!["house".into()],
            ..Names::default()
        };
        for (name, why) in [
            ("", BadName::Empty),
            ("topic://", BadName::Empty),
            (&"a".repeat(256), BadName::TooLong),
            (">", BadName::Wildcard),
            ("cc.>", BadName::Wildcard),
            ("*", BadName::Wildcard),
            ("a,b", BadName::Composite),
            ("ActiveMQ.Advisory.Connection", BadName::Advisory),
            ("topic://activemq.x", BadName::Advisory),
            ("queue://q", BadName::Scheme),
            ("temp-topic://ID:1", BadName::Scheme),
            ("topic://queue://q", BadName::Scheme),
            ("cc.a?consumer.exclusive=true", BadName::Characters),
            ("cc\na", BadName::Characters),
            ("cc#a", BadName::Characters),
            (" cc.a", BadName::Characters),
            ("topic:// cc.a", BadName::Characters),
            ("Connector1", BadName::Reserved),
            ("topic://Connector1", BadName::Reserved),
            ("house", BadName::Reserved),
        ] {
            assert_eq!(ClientDestination::parse(name, &names), Err(why), "{name}");
        }
    }

    #[test]
    fn an_answer_goes_to_topics_and_temporary_destinations() {
        let names = Names::default();
        let read = |text: &str| ReplyTo::parse(text, &names);
        for text in [
            "topic://cc.a",
            "temp-topic://ID:h-1-2:1",
            "temp-queue://ID:h-1-2:1",
            "queue://q1",
        ] {
            assert_eq!(read(text).unwrap().to_string(), text);
        }
        assert!(read("topic://cc.a").unwrap().topic().is_some());
        assert!(read("queue://q1").unwrap().topic().is_none());
        assert_eq!(read("cc.a"), Err(BadName::Scheme));
        assert_eq!(read("file://x"), Err(BadName::Scheme));
        assert_eq!(read("temp-queue://>"), Err(BadName::Wildcard));
        assert_eq!(read("queue://Connector1"), Err(BadName::Reserved));
        assert_eq!(
            read("topic://ActiveMQ.Advisory.Queue"),
            Err(BadName::Advisory)
        );
    }
}
