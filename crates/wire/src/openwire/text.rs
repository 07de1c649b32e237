//! Text as Java writes it: modified UTF-8, lone surrogates included. [openwire §3.4]

use crate::Secret;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// Maximum number of bytes of a text in a field, in modified UTF-8: what the tight writers of others can still send. A longer one can be
/// read, but not written. [openwire §3.4]
pub const TEXT_MAX: usize = 32_766;

/// A text from the wire: a Rust string whenever it can be one.
///
/// A text with a lone surrogate cannot; it is kept as the bytes that the wire has for it, so that it goes out as
/// it came in. Copies share their memory.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(Inner);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Inner {
    Whole(Arc<str>),
    /// Modified UTF-8 of a text with a lone surrogate; never anything that a `str` could hold.
    Broken(Arc<[u8]>),
}

/// The place in a text, in bytes, from which on it is not modified UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotText(pub usize);

impl Text {
    /// Reads modified UTF-8. Sequences of four bytes and plain zero bytes are understood too. [openwire §3.4]
    ///
    /// # Errors
    /// The place of the first byte that belongs to no character.
    pub fn read(bytes: &[u8]) -> Result<Self, NotText> {
        if bytes.is_ascii() {
            // An ASCII text is the same in every UTF-8.
            if let Ok(text) = str::from_utf8(bytes) {
                return Ok(Self::from(text));
            }
        }
        let mut units = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            at += unit(&bytes[at..], &mut units).ok_or(NotText(at))?;
        }
        Ok(Self::from_units(&units))
    }

    /// The text of these UTF-16 units.
    pub fn from_units(units: &[u16]) -> Self {
        if let Ok(text) = String::from_utf16(units) {
            return Self::from(text);
        }
        let mut bytes = Vec::with_capacity(units.len() * 3);
        for unit in units {
            write_unit(*unit, &mut bytes);
        }
        Self(Inner::Broken(bytes.into()))
    }

    /// The text, unless it has a lone surrogate.
    pub fn as_str(&self) -> Option<&str> {
        match &self.0 {
            Inner::Whole(text) => Some(text),
            Inner::Broken(_) => None,
        }
    }

    /// The text with U+FFFD for each lone surrogate.
    pub fn to_str_lossy(&self) -> Cow<'_, str> {
        match &self.0 {
            Inner::Whole(text) => Cow::Borrowed(text),
            Inner::Broken(_) => Cow::Owned(String::from_utf16_lossy(&self.units())),
        }
    }

    /// The text's UTF-16 units.
    pub fn units(&self) -> Vec<u16> {
        match &self.0 {
            Inner::Whole(text) => text.encode_utf16().collect(),
            Inner::Broken(bytes) => {
                let (mut units, mut at) = (Vec::new(), 0);
                while let Some(step) = bytes.get(at..).and_then(|rest| unit(rest, &mut units)) {
                    at += step;
                }
                units
            }
        }
    }

    /// How many UTF-16 units it has, which is what Java calls its length.
    pub fn unit_count(&self) -> usize {
        match &self.0 {
            Inner::Whole(text) => text.chars().map(char::len_utf16).sum(),
            Inner::Broken(_) => self.units().len(),
        }
    }

    /// Returns the number of bytes that it takes in memory, and the number that it takes in modified UTF-8, at most.
    pub(super) fn sizes(&self) -> (usize, usize) {
        match &self.0 {
            Inner::Broken(bytes) => (bytes.len(), bytes.len()),
            Inner::Whole(text) if text.len() <= TEXT_MAX / 2 => (text.len(), text.len() * 2),
            Inner::Whole(text) => (text.len(), self.to_modified().len()),
        }
    }

    /// Is it empty?
    pub fn is_empty(&self) -> bool {
        self.as_str().is_some_and(str::is_empty)
    }

    /// Is each of its characters one of U+0001 to U+007F, so that it is one byte?
    pub fn is_plain(&self) -> bool {
        self.as_str()
            .is_some_and(|text| text.is_ascii() && !text.contains('\0'))
    }

    /// Are these its bytes on the wire, and one for each character?
    pub(super) fn is_written_as(&self, bytes: &[u8]) -> bool {
        match &self.0 {
            Inner::Whole(text) => text.as_bytes() == bytes && bytes.is_ascii(),
            Inner::Broken(_) => false,
        }
    }

    /// The text in modified UTF-8: never a plain zero byte, never a sequence of four.
    pub fn to_modified(&self) -> Cow<'_, [u8]> {
        match &self.0 {
            Inner::Broken(bytes) => Cow::Borrowed(bytes),
            Inner::Whole(text) if self.is_plain() => Cow::Borrowed(text.as_bytes()),
            Inner::Whole(text) => {
                let mut bytes = Vec::with_capacity(text.len() + text.len() / 2);
                for unit in text.encode_utf16() {
                    write_unit(unit, &mut bytes);
                }
                Cow::Owned(bytes)
            }
        }
    }

    /// The text for a log line: control characters escaped, cut after `most` characters. [openwire §10.6]
    pub fn for_log(&self, most: usize) -> String {
        let text = self.to_str_lossy();
        let mut shown = String::new();
        for (n, c) in text.chars().enumerate() {
            if n == most {
                shown.push('…');
                break;
            }
            if c.is_control() || c == '\\' {
                shown.extend(c.escape_default());
            } else {
                shown.push(c);
            }
        }
        shown
    }
}

/// Reads the character that `bytes` begin with; how long it is.
fn unit(bytes: &[u8], units: &mut Vec<u16>) -> Option<usize> {
    let tail = |n: usize| {
        let byte = *bytes.get(n)?;
        (byte & 0xc0 == 0x80).then_some(u32::from(byte & 0x3f))
    };
    let first = u32::from(*bytes.first()?);
    let (code, len) = match first {
        0x00..=0x7f => (first, 1),
        0xc0..=0xdf => ((first & 0x1f) << 6 | tail(1)?, 2),
        0xe0..=0xef => ((first & 0x0f) << 12 | tail(1)? << 6 | tail(2)?, 3),
        0xf0..=0xf4 => {
            let code = (first & 7) << 18 | tail(1)? << 12 | tail(2)? << 6 | tail(3)?;
            let mut pair = [0; 2];
            let c = char::from_u32(code).filter(|c| c.len_utf16() == 2)?;
            units.extend_from_slice(c.encode_utf16(&mut pair));
            return Some(4);
        }
        _ => return None,
    };
    units.push(u16::try_from(code).ok()?);
    Some(len)
}

fn write_unit(unit: u16, bytes: &mut Vec<u8>) {
    let tail = |shift: u32| 0x80 | (unit >> shift & 0x3f) as u8;
    match unit {
        0x0001..=0x007f => bytes.push(unit as u8),
        0x0000 | 0x0080..=0x07ff => bytes.extend([0xc0 | (unit >> 6) as u8, tail(0)]),
        0x0800.. => bytes.extend([0xe0 | (unit >> 12) as u8, tail(6), tail(0)]),
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::from("")
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(Inner::Whole(text.into()))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(Inner::Whole(text.into()))
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == Some(other)
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == Some(*other)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_str_lossy(), f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_str_lossy())
    }
}

/// A password as it stands in a frame. Its `Debug` output is four dots. [openwire §10.6]
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretText(Text);

impl SecretText {
    /// The text itself.
    pub fn expose(&self) -> &Text {
        &self.0
    }

    /// The same as the secret that the rest of the program knows; a lone surrogate becomes U+FFFD.
    pub fn to_secret(&self) -> Secret {
        Secret::from(self.0.to_str_lossy().into_owned())
    }
}

impl From<Text> for SecretText {
    fn from(text: Text) -> Self {
        Self(text)
    }
}

impl From<&Secret> for SecretText {
    fn from(secret: &Secret) -> Self {
        Self(Text::from(secret.expose()))
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("••••")
    }
}
