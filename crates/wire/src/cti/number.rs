//! Extensions, dialled numbers, connection ids and digits to send. [cti §3.1, §3.3, §5.3]

use std::fmt;
use std::num::NonZeroU32;

/// An agent's id has at most so many digits.
pub const AGENT_DIGITS_MAX: usize = 24;
/// A number to dial has at most so many digits, and so has a row of tones.
pub const NUMBER_DIGITS_MAX: usize = 32;
/// A connection id is written with at most so many digits.
pub const CONNECTION_DIGITS_MAX: usize = 10;
/// Nodes are numbered from 1 to this.
pub const NODE_MAX: u8 = 127;

/// Why a text is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotANumber {
    /// There is nothing.
    Missing,
    /// It has letters.
    Letters,
    /// It has another shape.
    Shape,
}

fn judged(
    text: &str,
    most: usize,
    fits: impl Fn(u8) -> bool,
    plus: bool,
) -> Result<(), NotANumber> {
    if text.is_empty() {
        return Err(NotANumber::Missing);
    }
    if text.chars().any(char::is_alphabetic) {
        return Err(NotANumber::Letters);
    }
    let digits = if plus {
        text.strip_prefix('+').unwrap_or(text)
    } else {
        text
    };
    let shaped = (1..=most).contains(&digits.len()) && digits.bytes().all(fits);
    shaped.then_some(()).ok_or(NotANumber::Shape)
}

/// Who a command is for, or an event is about: the extension of the phone. [cti §3.1]
///
/// One to 24 digits or stars, perhaps with a plus sign in front.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgentId(Box<str>);

impl AgentId {
    /// Reads an id.
    ///
    /// # Errors
    /// Says what is wrong with it: each has its own code on the wire.
    pub fn parse(text: &str) -> Result<Self, NotANumber> {
        let fits = |byte: u8| byte.is_ascii_digit() || byte == b'*';
        judged(text, AGENT_DIGITS_MAX, fits, true)?;
        Ok(Self(text.into()))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A number to dial, without what people put between its digits. [cti §3.3]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Dialled(Box<str>);

impl Dialled {
    /// Reads a number as typed: blanks and `- . ( ) /` are dropped first.
    ///
    /// # Errors
    /// Says what is wrong with it: each has its own code on the wire.
    pub fn parse(text: &str) -> Result<Self, NotANumber> {
        if text.is_empty() {
            return Err(NotANumber::Missing);
        }
        let between = |c: char| matches!(c, ' ' | '\t' | '-' | '.' | '(' | ')' | '/');
        let kept: String = text.chars().filter(|&c| !between(c)).collect();
        let fits = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'*' | b'#');
        match judged(&kept, NUMBER_DIGITS_MAX, fits, true) {
            Ok(()) => Ok(Self(kept.into())),
            // Something was typed, so nothing is missing.
            Err(NotANumber::Missing) => Err(NotANumber::Shape),
            Err(other) => Err(other),
        }
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Dialled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Tones to send into a call: digits, `*`, `#` and the letters A to D. [cti §7.11]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tones(Box<str>);

impl Tones {
    /// Reads them; small letters become capitals. `None` when there are none, too many or others.
    pub fn parse(text: &str) -> Option<Self> {
        let upper = text.to_ascii_uppercase();
        let fits = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'*' | b'#' | b'A'..=b'D');
        let shaped = (1..=NUMBER_DIGITS_MAX).contains(&upper.len()) && upper.bytes().all(fits);
        shaped.then(|| Self(upper.into()))
    }

    /// The tones.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What names an agent's own leg of a call: `connectionID`. [cti §5.3]
///
/// A positive number of 31 bits. Ours carry the node that gave them in the upper seven and a count in the lower 24; the
/// original's look alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(NonZeroU32);

impl ConnectionId {
    /// The largest id.
    pub const MAX: u32 = i32::MAX.unsigned_abs();
    /// How many bits count the legs of a node.
    const COUNT_BITS: u32 = 24;
    /// A node's last count; after it the next is 1.
    pub const COUNT_MAX: u32 = (1 << Self::COUNT_BITS) - 1;

    /// The id of that number; `None` for zero, which stands for *no leg*, and beyond [`Self::MAX`].
    pub fn new(number: u32) -> Option<Self> {
        let number = NonZeroU32::new(number)?;
        (number.get() <= Self::MAX).then_some(Self(number))
    }

    /// The id of a node's count; `None` unless the node is 1 to 127 and the count 1 to [`Self::COUNT_MAX`].
    pub fn of_node(node: u8, count: u32) -> Option<Self> {
        let known = (1..=NODE_MAX).contains(&node) && (1..=Self::COUNT_MAX).contains(&count);
        known.then(|| Self::new((u32::from(node) << Self::COUNT_BITS) + count))?
    }

    /// The id of the node's participant with this number, which begins at 1. Ids begin anew after the last that a node has.
    pub fn of_participant(node: u8, number: u32) -> Option<Self> {
        let count = number.checked_sub(1)? % Self::COUNT_MAX + 1;
        Self::of_node(node, count)
    }

    /// Reads the argument of a command: one to ten decimal digits, no sign.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = (1..=CONNECTION_DIGITS_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok())?.and_then(Self::new)
    }

    /// The number.
    pub fn number(self) -> u32 {
        self.0.get()
    }

    /// The node that gave it, if it is one of ours.
    pub fn node(self) -> u8 {
        u8::try_from(self.number() >> Self::COUNT_BITS).unwrap_or_default()
    }

    /// The node's count.
    pub fn count(self) -> u32 {
        self.number() & Self::COUNT_MAX
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_is_digits_and_stars() {
        for text in ["42031", "+4942031", "*99", &"9".repeat(24)] {
            assert_eq!(
                AgentId::parse(text).map(|id| id.to_string()),
                Ok(text.into())
            );
        }
        for (text, why) in [
            ("", NotANumber::Missing),
            ("4203x", NotANumber::Letters),
            ("jörg", NotANumber::Letters),
            ("+", NotANumber::Shape),
            ("42 31", NotANumber::Shape),
            ("４２０３１", NotANumber::Shape),
            ("1234567890123456789012345", NotANumber::Shape),
        ] {
            assert_eq!(AgentId::parse(text), Err(why), "{text}");
        }
    }

    #[test]
    fn a_number_is_read_without_what_stands_between_its_digits() {
        for (text, number) in [
            ("42032", "42032"),
            ("4-20 32", "42032"),
            ("+49 (170) 1.2/3", "+49170123"),
            ("*21#", "*21#"),
        ] {
            let read = Dialled::parse(text).map(|number| number.to_string());
            assert_eq!(read.as_deref(), Ok(number), "{text}");
        }
        for (text, why) in [
            ("", NotANumber::Missing),
            ("front desk", NotANumber::Letters),
            ("--", NotANumber::Shape),
            ("4;2", NotANumber::Shape),
            ("１２", NotANumber::Shape),
            (&"1".repeat(33), NotANumber::Shape),
        ] {
            assert_eq!(Dialled::parse(text), Err(why), "{text}");
        }
    }

    #[test]
    fn a_connection_id_is_a_positive_number_of_31_bits() {
        for text in ["1", "16777217", "2147483647", "0000000042"] {
            assert!(ConnectionId::parse(text).is_some(), "{text}");
        }
        for text in ["", "0", "-1", "+1", "abc", "2147483648", "99999999999", "١"] {
            assert_eq!(ConnectionId::parse(text), None, "{text}");
        }
        let id = ConnectionId::of_node(1, 1).unwrap();
        assert_eq!((id.number(), id.node(), id.count()), (16_777_217, 1, 1));
        // The number that the vendor's guide prints has this shape too. [cti §5.3]
        let printed = ConnectionId::new(52_129_051).unwrap();
        assert_eq!((printed.node(), printed.count()), (3, 1_797_403));
        let last = ConnectionId::of_node(NODE_MAX, ConnectionId::COUNT_MAX).unwrap();
        assert_eq!(last.number(), ConnectionId::MAX);
        assert_eq!(ConnectionId::of_node(0, 1), None);
        assert_eq!(ConnectionId::of_node(128, 1), None);
        assert_eq!(ConnectionId::of_node(1, 0), None);
        assert_eq!(ConnectionId::of_node(1, 1 << 24), None);
    }

    #[test]
    fn tones_are_those_of_a_keypad_with_sixteen_keys() {
        let read = Tones::parse("12#*ad");
        assert_eq!(read.as_ref().map(Tones::as_str), Some("12#*AD"));
        for text in ["", "1 2", "e", &"1".repeat(33)] {
            assert_eq!(Tones::parse(text), None, "{text}");
        }
    }
}
