//! What must hold for any document and any answer: see [`harness`] and [`answer_harness`].

use super::{
    Code, Compat, Grammar, decode_answer, decode_request, encode_answer, encode_failure,
    encode_request, form_field, root_of,
};

/// Reads `data` as a form and as a document.
///
/// # Panics
/// When a promise is broken: a message that was understood is written and understood otherwise, or a refusal cannot be read.
pub fn harness(data: &[u8]) {
    let text = form_field(data, "xml").unwrap_or_else(|| super::text_of(data));
    let _ = root_of(&text);
    for lenient in [false, true] {
        let grammar = Grammar {
            lenient,
            ..Grammar::default()
        };
        match decode_request(&text, grammar) {
            Ok(message) => {
                let again = decode_request(&encode_request(&message, true), grammar);
                assert_eq!(again.as_ref(), Ok(&message), "{text:?}");
            }
            Err(refused) => {
                let answer = encode_failure(refused.code, refused.reason, true, Compat::Modern);
                assert!(decode_answer(answer.as_bytes(), None).is_ok());
                assert_ne!(refused.code, Code::Unknown);
            }
        }
    }
}

/// Reads `data` as a server's answer.
///
/// # Panics
/// When an answer that was understood is written and understood otherwise.
pub fn answer_harness(data: &[u8]) {
    if let Ok(answer) = decode_answer(data, None) {
        let written = encode_answer(&answer, true, Compat::Modern);
        let again = decode_answer(written.as_bytes(), None);
        assert!(again.is_ok(), "{answer:?} is written as {written}");
    }
}
