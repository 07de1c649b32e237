//! References and line ends: what a run of characters stands for.

use super::error::XmlErrorKind;
use std::borrow::Cow;

pub(super) const UNENDED_REFERENCE: XmlErrorKind =
    XmlErrorKind::Malformed("A reference must end with the ';' delimiter.");

pub(super) fn normalize_line_ends(raw: &str) -> Cow<'_, str> {
    if raw.contains('\r') {
        Cow::Owned(raw.replace("\r\n", "\n").replace('\r', "\n"))
    } else {
        Cow::Borrowed(raw)
    }
}

/// Whether XML 1.0 can carry a character.
pub fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..) && !matches!(c, '\u{FFFE}' | '\u{FFFF}')
}

/// What a reference stands for; `name` is what lies between `&` and `;`.
pub(super) fn resolve(name: &str) -> Result<char, XmlErrorKind> {
    match name {
        "lt" => return Ok('<'),
        "gt" => return Ok('>'),
        "amp" => return Ok('&'),
        "quot" => return Ok('"'),
        "apos" => return Ok('\''),
        _ => {}
    }
    let Some(number) = name.strip_prefix('#') else {
        return Err(XmlErrorKind::UnknownEntity(name.chars().take(40).collect()));
    };
    let (digits, radix) = match number.strip_prefix('x') {
        Some(hex) => (hex, 16),
        None => (number, 10),
    };
    // `from_str_radix` would take a sign.
    if !digits.starts_with(|c: char| c.is_digit(radix)) {
        return Err(XmlErrorKind::BadCharacterReference);
    }
    u32::from_str_radix(digits, radix)
        .ok()
        .and_then(char::from_u32)
        .filter(|&c| is_char(c))
        .ok_or(XmlErrorKind::BadCharacterReference)
}
