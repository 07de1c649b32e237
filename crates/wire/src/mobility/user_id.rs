//! User ids inside the XML: form-escaped, on top of XML's own escaping. [mobility §3.3]

use percent_encoding::percent_decode_str;

/// Escapes a user id as Java's URLEncoder does.
pub fn escaped(id: &str) -> String {
    let mut out = String::with_capacity(id.len());
    for byte in id.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'*' | b'_' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// The id that an escaped one means; `None` when it holds an escape that is none.
pub fn unescaped(text: &str) -> Option<String> {
    let mut escapes = text.split('%').skip(1);
    let whole = |rest: &str| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !escapes.all(whole) {
        return None;
    }
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

/// A caller's own spelling of an id as an answer repeats it: escaped, unless it was. Encoders differ in the letter case of their
/// digits, in what they do with a blank and in what they leave alone, and their programs look for what they sent.
pub fn echoed(sent: &str) -> String {
    match unescaped(sent) {
        Some(id) if sent.contains('%') || escaped(&id) == sent => sent.to_owned(),
        _ => escaped(sent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_escaped_as_javas_encoder_does_and_read_back() {
        for (id, text) in [
            ("em@cisco.com", "em%40cisco.com"),
            ("jörg & söhne", "j%C3%B6rg+%26+s%C3%B6hne"),
            ("a.b-c*d_e~f+g%h", "a.b-c*d_e%7Ef%2Bg%25h"),
        ] {
            assert_eq!(escaped(id), text);
            assert_eq!(unescaped(text).as_deref(), Some(id));
        }
    }

    #[test]
    fn broken_escapes_mean_nothing() {
        for text in ["%", "a%4", "%zz", "%ff", "%é0"] {
            assert_eq!(unescaped(text), None, "{text}");
        }
    }

    #[test]
    fn an_id_is_repeated_escaped_once_whichever_way_it_came() {
        assert_eq!(echoed("em@cisco.com"), "em%40cisco.com");
        assert_eq!(echoed("em%40cisco.com"), "em%40cisco.com");
        assert_eq!(echoed("100%"), "100%25");
        assert_eq!(echoed("50%_%40"), "50%25_%2540");
    }

    #[test]
    fn other_encoders_escapes_are_repeated_as_they_came() {
        for sent in ["a%2fb", "%c3%bc", "a%20b", "a+b", "a%7eb"] {
            assert_eq!(echoed(sent), sent);
        }
    }
}
