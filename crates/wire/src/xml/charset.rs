//! From bytes to text: which charset, and is it one we read.

use super::error::XmlErrorKind;
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use std::borrow::Cow;

/// The `charset` parameter of a `Content-Type` value, without its quotes.
pub fn charset_of(content_type: &str) -> Option<&str> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches(['"', '\'']).trim();
        (name.trim().eq_ignore_ascii_case("charset") && !value.is_empty()).then_some(value)
    })
}

/// Why bytes did not become text: how many of them are fine, and what is wrong with the next.
pub(super) struct Undecodable {
    pub(super) valid: usize,
    pub(super) kind: XmlErrorKind,
}

/// Decodes a document. A byte order mark decides, then `declared` (from `Content-Type`), then the
/// XML declaration, then UTF-8. The mark itself is not part of the text.
pub(super) fn decode<'a>(
    bytes: &'a [u8],
    declared: Option<&str>,
) -> Result<Cow<'a, str>, Undecodable> {
    let (encoding, rest) = match Encoding::for_bom(bytes) {
        Some((encoding, mark)) => (encoding, &bytes[mark..]),
        None => (choose(bytes, declared)?, bytes),
    };
    if encoding == UTF_8 {
        return match std::str::from_utf8(rest) {
            Ok(text) => Ok(Cow::Borrowed(text)),
            Err(error) => Err(Undecodable {
                valid: bytes.len() - rest.len() + error.valid_up_to(),
                kind: XmlErrorKind::BadEncoding,
            }),
        };
    }
    encoding
        .decode_without_bom_handling_and_without_replacement(rest)
        .ok_or(Undecodable {
            valid: 0,
            kind: XmlErrorKind::BadEncoding,
        })
}

fn choose(bytes: &[u8], declared: Option<&str>) -> Result<&'static Encoding, Undecodable> {
    // A document begins with `<`; in UTF-16 without a mark that shows, whatever a header says.
    match bytes {
        [b'<', 0, ..] => return Ok(UTF_16LE),
        [0, b'<', ..] => return Ok(UTF_16BE),
        _ => {}
    }
    let label = match declared {
        Some(label) => Some(label),
        None => declaration(bytes),
    };
    let Some(label) = label else {
        return Ok(UTF_8);
    };
    match Encoding::for_label(label.as_bytes()) {
        // The declaration could be read byte by byte, so UTF-16 it is not: some .NET writers print
        // the name of their string type's encoding and send UTF-8. [webdialer §7]
        Some(encoding) if encoding == UTF_16LE || encoding == UTF_16BE => Ok(UTF_8),
        // The multi-byte charsets of old can hide `<` inside other characters; no client needs them.
        Some(encoding) if encoding == UTF_8 || encoding.is_single_byte() => Ok(encoding),
        _ => Err(Undecodable {
            valid: 0,
            kind: XmlErrorKind::UnknownCharset(label.chars().take(40).collect()),
        }),
    }
}

/// The encoding that an XML declaration names.
fn declaration(bytes: &[u8]) -> Option<&str> {
    let rest = bytes.strip_prefix(b"<?xml")?;
    let rest = &rest[..rest.len().min(200)];
    let end = rest.windows(2).position(|pair| pair == b"?>")?;
    let text = std::str::from_utf8(&rest[..end]).ok()?;
    let (_, value) = text.split_once("encoding")?;
    let value = value.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    value[1..].split_once(quote).map(|(label, _)| label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, big: bool) -> Vec<u8> {
        text.encode_utf16()
            .flat_map(|unit| {
                if big {
                    unit.to_be_bytes()
                } else {
                    unit.to_le_bytes()
                }
            })
            .collect()
    }

    fn text(bytes: &[u8], declared: Option<&str>) -> Option<String> {
        decode(bytes, declared).ok().map(Cow::into_owned)
    }

    #[test]
    fn a_byte_order_mark_beats_the_header_which_beats_the_declaration() {
        let expected = Some("<a>ü</a>".to_owned());
        let mut marked = b"\xEF\xBB\xBF".to_vec();
        marked.extend("<a>ü</a>".as_bytes());
        assert_eq!(text(&marked, Some("iso-8859-1")), expected);
        let mut marked = b"\xFF\xFE".to_vec();
        marked.extend(utf16("<a>ü</a>", false));
        assert_eq!(text(&marked, Some("utf-8")), expected);
        assert_eq!(text(&utf16("<a>ü</a>", true), None), expected);
        assert_eq!(text(&utf16("<a>ü</a>", false), None), expected);
        assert_eq!(text(b"<a>\xFC</a>", Some("ISO-8859-1")), expected);
        let declared = b"<?xml version='1.0' encoding='iso-8859-1'?><a>\xFC</a>";
        assert!(text(declared, None).is_some_and(|text| text.ends_with("<a>ü</a>")));
        assert!(text(declared, Some("utf-8")).is_none());
    }

    #[test]
    fn a_declaration_of_utf16_in_a_document_of_bytes_is_not_believed() {
        let document = "<?xml version=\"1.0\" encoding=\"utf-16\"?><a>ü</a>";
        assert_eq!(text(document.as_bytes(), None).as_deref(), Some(document));
    }

    #[test]
    fn charsets_that_can_hide_markup_are_refused() {
        for label in ["utf-7", "iso-2022-jp", "replacement", "no-such", "gbk"] {
            assert!(text(b"<a/>", Some(label)).is_none(), "{label}");
        }
    }

    #[test]
    fn the_charset_of_a_content_type_is_found_in_any_spelling() {
        let table = [
            ("text/xml", None),
            ("text/xml; charset=utf-8", Some("utf-8")),
            ("text/xml;CHARSET=\"UTF-8\"", Some("UTF-8")),
            (
                "text/xml; action=\"x\"; charset = 'latin1' ",
                Some("latin1"),
            ),
            ("text/xml; charset=", None),
            ("", None),
        ];
        for (value, expected) in table {
            assert_eq!(charset_of(value), expected, "{value}");
        }
    }
}
