//! Escaping of text on its way out.

/// Appends a text, escaped so that it may stand in an element or in an attribute in double
/// quotes.
///
/// Carriage returns, and line breaks and tabs, become character references where a reader would
/// otherwise change them. What XML 1.0 cannot carry at all becomes U+FFFD.
pub fn push_escaped(out: &mut String, text: &str) {
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        let replacement = match byte {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            b'\r' => "&#xD;",
            b'\n' => "&#xA;",
            b'\t' => "&#x9;",
            0..0x20 => "\u{FFFD}",
            0xEF if text[at..].starts_with(['\u{FFFE}', '\u{FFFF}']) => "\u{FFFD}",
            _ => continue,
        };
        out.push_str(&text[plain..at]);
        out.push_str(replacement);
        plain = at + if byte == 0xEF { 3 } else { 1 };
    }
    out.push_str(&text[plain..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_text_holds_nothing_that_ends_it_or_that_xml_cannot_carry() {
        let mut out = String::new();
        push_escaped(&mut out, "a<b>&\"'\r\n\t\0\u{1b}\u{FFFE}é\u{FFFF}z");
        assert_eq!(
            out,
            "a&lt;b&gt;&amp;&quot;'&#xD;&#xA;&#x9;\u{FFFD}\u{FFFD}\u{FFFD}é\u{FFFD}z"
        );
    }
}
