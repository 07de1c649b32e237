//! What must hold for the bytes of any connection: see [`harness`].

use super::{HeadFilter, HeadLimits, normalize_path};

/// Sends `data` through the filter whole, byte by byte and in uneven pieces, and its text through
/// path normalisation.
///
/// # Panics
/// When a promise is broken: the output depends on how the input was cut, a second pass changes it,
/// a request line comes out that an HTTP library refuses, or a path has two normal forms.
pub fn harness(data: &[u8]) {
    let limits = HeadLimits {
        bytes: 2048,
        headers: 16,
    };
    let whole = run(data, limits, |rest| rest);
    assert_eq!(run(data, limits, |_| 1), whole, "byte by byte");
    let mut turn = 0;
    let uneven = run(data, limits, |rest| {
        turn = (turn * 7 + 3) % 11;
        (turn + 1).min(rest)
    });
    assert_eq!(uneven, whole, "in pieces");

    let (out, end) = whole;
    let roomy = HeadLimits {
        bytes: 3 * limits.bytes,
        ..limits
    };
    let (again, second_end) = run(&out, roomy, |rest| rest);
    assert_eq!(again, out, "a second pass changes nothing");
    match end {
        // A head that is not whole does not come out.
        End::Boundary | End::Head => assert_eq!(second_end, End::Boundary),
        End::Body => assert_eq!(second_end, End::Body),
        End::Failed => assert_ne!(second_end, End::Failed, "what came out is sound"),
    }
    if let Some(end) = out.windows(2).position(|pair| pair == b"\r\n") {
        assert_eq!(out[..end].iter().filter(|&&byte| byte == b' ').count(), 2);
        assert!(out[..end].iter().all(|byte| matches!(byte, 0x20..0x7F)));
    }

    let text = String::from_utf8_lossy(data);
    if let Some(path) = normalize_path(&text) {
        let again = normalize_path(&path);
        assert_eq!(again.as_deref(), Some(path.as_ref()), "one normal form");
        assert!(!path.contains("//") && !path.contains(';'));
        assert!(!path.split('/').any(|segment| matches!(segment, "." | "..")));
    }
}

/// Where the input left the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Boundary,
    Head,
    Body,
    Failed,
}

fn run(data: &[u8], limits: HeadLimits, mut step: impl FnMut(usize) -> usize) -> (Vec<u8>, End) {
    let mut filter = HeadFilter::new(limits);
    let mut out = Vec::new();
    let mut rest = data;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(step(rest.len()));
        rest = after;
        if filter.push(piece, &mut out).is_err() {
            return (out, End::Failed);
        }
    }
    let end = match (
        filter.at_message_boundary(),
        filter.in_head(),
        filter.in_body(),
    ) {
        (true, false, false) => End::Boundary,
        (false, true, false) => End::Head,
        (false, false, true) => End::Body,
        state => panic!("in two places at once: {state:?}"),
    };
    (out, end)
}
