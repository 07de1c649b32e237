//! Exceptions: two texts, and perhaps where they came from. [openwire §3.6]

use super::Text;
use std::fmt;

/// An exception of the peer's. Its class is a text like any other: nothing is ever looked up by it. [openwire §10.1]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Throwable {
    /// The class that a Java client is to throw.
    pub class: Option<Text>,
    /// What happened.
    pub message: Option<Text>,
    /// Where; only carried when both sides agreed on stack traces.
    pub stack: Vec<StackFrame>,
    /// Because of what; only carried when both sides agreed on stack traces.
    pub cause: Option<Box<Self>>,
}

/// A line of a stack trace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StackFrame {
    /// The class.
    pub class: Option<Text>,
    /// The method.
    pub method: Option<Text>,
    /// The source file.
    pub file: Option<Text>,
    /// The line in it; negative where it is not known.
    pub line: i32,
}

impl Throwable {
    /// Most characters of each of the two texts in a log line. [openwire §10.1]
    pub const SHOWN: usize = 1000;

    /// Maximum number of characters of a message of ours; a longer one is cut, so that the exception always fits into a frame's
    /// text. [openwire §3.4]
    pub const MESSAGE_MAX: usize = 4_000;

    /// An exception without a stack trace.
    pub fn new(class: impl Into<Text>, message: impl Into<Text>) -> Self {
        let message = message.into();
        let cut = message.unit_count() > Self::MESSAGE_MAX;
        let message = match cut {
            true => message.for_log(Self::MESSAGE_MAX).as_str().into(),
            false => message,
        };
        Self {
            class: Some(class.into()),
            message: Some(message),
            ..Self::default()
        }
    }
}

impl fmt::Display for Throwable {
    /// Both texts for a log line: cut, control characters escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |text: &Option<Text>| match text {
            Some(text) => text.for_log(Self::SHOWN),
            None => "null".to_owned(),
        };
        write!(f, "{}: {}", shown(&self.class), shown(&self.message))
    }
}
