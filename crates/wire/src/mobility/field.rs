//! The document in a query or in a form's body, as forgiving as real callers need. [mobility §2.3]

use percent_encoding::percent_decode;
use std::borrow::Cow;

/// The first field of that name in form data; `+` is a space, a broken escape stays as it is, and so does everything that should
/// have been escaped but `&`.
pub fn form_field(form: &[u8], name: &str) -> Option<String> {
    let mut pairs = form.split(|&byte| byte == b'&');
    pairs.find_map(|pair| {
        let middle = pair.iter().position(|&byte| byte == b'=');
        let (key, value) = pair.split_at(middle.unwrap_or(pair.len()));
        (decoded(key) == name).then(|| decoded(value.get(1..).unwrap_or_default()))
    })
}

fn decoded(text: &[u8]) -> String {
    let spaced: Vec<u8> = text
        .iter()
        .map(|&byte| if byte == b'+' { b' ' } else { byte })
        .collect();
    text_of(&Cow::from(percent_decode(&spaced)))
}

/// Bytes as text: UTF-8, else Latin-1.
pub fn text_of(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_encoded_wholly_partly_or_not_at_all() {
        for form in [
            "xml=%3Ca%20b%3D%22c%22%3Ed+e%3C%2Fa%3E",
            "x=1&xml=<a b=\"c\">d e</a>&xml=second",
            "xml=%3ca b=\"c\"%3ed+e%3c/a>",
        ] {
            let found = form_field(form.as_bytes(), "xml");
            assert_eq!(found.as_deref(), Some("<a b=\"c\">d e</a>"), "{form}");
        }
        assert_eq!(form_field(b"XML=a&xmls=b&ml=c", "xml"), None);
        assert_eq!(form_field(b"xml", "xml").as_deref(), Some(""));
    }

    #[test]
    fn broken_escapes_stay_and_other_charsets_are_latin_1() {
        assert_eq!(form_field(b"xml=a%zz%4", "xml").as_deref(), Some("a%zz%4"));
        assert_eq!(form_field(b"xml=%C3%B6", "xml").as_deref(), Some("ö"));
        assert_eq!(form_field(b"xml=%F6\xdf", "xml").as_deref(), Some("öß"));
    }
}
