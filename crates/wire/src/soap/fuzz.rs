//! What must hold for any envelope whatever: see [`harness`].

use super::Envelope;
use crate::xml::{Element, Limits, parse};

/// Opens `data` as a request and as an answer, then reads everything that its references reach,
/// several levels deep.
///
/// # Panics
/// When a promise is broken: a message makes its reader do more work than its length allows, or a
/// fault cannot be read back.
pub fn harness(data: &[u8]) {
    let Ok(document) = parse(data, None, &Limits::REQUEST) else {
        return;
    };
    match Envelope::open_request(&document) {
        Ok(envelope) => {
            let mut work = 0;
            walk(&envelope, envelope.operation(), 6, &mut work);
            assert!(work <= document.len() * 4 + 2048, "{work} steps");
        }
        Err(fault) => {
            let bytes = fault.encode("host");
            let again = parse(&bytes, None, &Limits::ANSWER);
            assert!(again.is_ok(), "unreadable fault: {again:?}");
        }
    }
    if let Some(envelope) = Envelope::open_answer(&document) {
        let mut work = 0;
        walk(&envelope, envelope.operation(), 6, &mut work);
    }
}

/// Reads an element and what it refers to as a greedy decoder would.
fn walk<'d>(envelope: &Envelope<'d>, element: Element<'d>, depth: usize, work: &mut usize) {
    *work += 1;
    if let Some(text) = envelope.text(element) {
        *work += text.len();
    }
    if depth > 0 {
        for child in envelope.children(element) {
            walk(envelope, child, depth - 1, work);
        }
    }
}
