//! What lying lengths cost: nothing. A program of its own, so that its memory is only its own. [openwire §10.2]

use bytes::Bytes;
use cordboard_wire::openwire::{
    BROKER_FRAME, BrokerId, Command, ConnectionError, ConnectionInfo, DecodeErrorKind, Decoder,
    Encoder, FIRST_FRAME, Format, Message, PrimitiveMap, StackFrame, Text, Throwable, Value,
    frame_len,
};

/// The most memory used so far, and the most address space, in KiB; `None` where the system does not say.
fn peak() -> Option<[u64; 2]> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse().ok()
    };
    Some([line("VmHWM:")?, line("VmPeak:")?])
}

/// Runs something that must need less than 1 MiB, and reserve less than 1 GiB.
fn assert_cheap(run: impl FnOnce()) {
    let Some(before) = peak() else {
        return;
    };
    run();
    let after = peak().expect("as before");
    assert!(after[0] - before[0] < 1024, "{before:?} {after:?}");
    assert!(after[1] - before[1] < 1 << 20, "{before:?} {after:?}");
}

#[test]
fn ow_66_a_size_is_checked_before_anything_is_reserved() {
    assert_cheap(|| {
        for limit in [FIRST_FRAME, BROKER_FRAME] {
            let over = i32::try_from(limit).expect("small") + 1;
            for size in [i32::MAX, over] {
                let refused = frame_len(size.to_be_bytes(), limit).map_err(|e| e.kind);
                let size = size as u32;
                assert_eq!(refused, Err(DecodeErrorKind::TooLong { size, limit }));
            }
            for size in [-1, 0, i32::MIN] {
                let refused = frame_len(size.to_be_bytes(), limit).map_err(|e| e.kind);
                assert_eq!(refused, Err(DecodeErrorKind::Size(size)));
            }
            assert_eq!(
                frame_len(limit.to_be_bytes(), limit),
                Ok(limit as usize + 4)
            );
            // The decoder asks the same, and takes whole frames only.
            for frame in [
                &b"\x7f\xff\xff\xff\x1c"[..],
                b"\0\0\0\0",
                b"\0\0",
                b"\0\0\0\x02\x0a",
            ] {
                assert!(
                    Decoder::default()
                        .decode(&Bytes::copy_from_slice(frame))
                        .is_err()
                );
            }
        }
    });
}

const FORMAT: Format = Format {
    version: 12,
    tight: false,
    cache: None,
    stack_traces: true,
    max_frame: BROKER_FRAME,
};

/// Puts `lie` into the frame of a command, so many bytes before the mark.
fn refusal(command: &Command, tight: bool, before: usize, lie: &[u8]) -> DecodeErrorKind {
    let format = Format { tight, ..FORMAT };
    let mut frame = Vec::new();
    Encoder::new(format)
        .encode(command, &mut frame)
        .expect("a frame");
    let mark = frame
        .windows(4)
        .position(|found| found == b"MARK")
        .expect("the mark");
    frame[mark - before..][..lie.len()].copy_from_slice(lie);
    let refused = Decoder::new(format).decode(&Bytes::from(frame));
    refused.expect_err("a lie").kind
}

#[test]
fn ow_67_a_length_is_checked_before_anything_is_reserved() {
    let mut message = Message::text(None);
    message.content = Some(Bytes::from_static(b"MARK"));
    let content = Command::from(message);
    let path = Command::from(ConnectionInfo {
        broker_path: Some(vec![BrokerId {
            value: Some(Text::from("MARK")),
        }]),
        ..ConnectionInfo::default()
    });
    let frame = StackFrame {
        class: Some(Text::from("MARK")),
        ..StackFrame::default()
    };
    let trace = Command::from(ConnectionError {
        exception: Some(Throwable {
            stack: vec![frame],
            ..Throwable::default()
        }),
        ..ConnectionError::default()
    });
    let truncated = |kind| matches!(kind, DecodeErrorKind::Truncated { .. });
    assert_cheap(|| {
        for tight in [false, true] {
            let wanted = i32::MAX as usize;
            let refused = refusal(&content, tight, 4, &i32::MAX.to_be_bytes());
            assert!(matches!(refused, DecodeErrorKind::Truncated { wanted: w, .. } if w == wanted));
            let refused = refusal(&content, tight, 4, &i32::MIN.to_be_bytes());
            assert_eq!(refused, DecodeErrorKind::Negative(i32::MIN));
            // A text's length; an array's count, before presence and type; a trace's count, before presence.
            assert!(truncated(refusal(&path, tight, 2, &[0xff; 2])));
            let counts = if tight { (5, 4) } else { (7, 5) };
            assert!(truncated(refusal(&path, tight, counts.0, &[0xff; 2])));
            assert!(truncated(refusal(&trace, tight, counts.1, &[0xff; 2])));
        }
        // Bits: more bytes than there are, in each of the header's sizes.
        for header in [&[0x3f][..], &[0xc0, 0xff], &[0x80, 0xff, 0xff], &[0x80]] {
            let size = (1 + header.len() as u32).to_be_bytes();
            let frame = [&size[..], &[10], header].concat();
            let tight = Format {
                tight: true,
                ..FORMAT
            };
            let refused = Decoder::new(tight).decode(&frame.into());
            assert!(truncated(refused.expect_err("a lie").kind));
        }
        // A map's count, and the lengths in one.
        for count in [i32::MAX, 2, -2, i32::MIN] {
            let mut map = PrimitiveMap::from_iter([(Text::from("a"), Value::Null)])
                .to_bytes()
                .to_vec();
            map[..4].copy_from_slice(&count.to_be_bytes());
            assert!(PrimitiveMap::read(&map.into()).is_err(), "{count}");
        }
        for tag in [10, 11, 12, 13] {
            for len in [i32::MAX, -2, i32::MIN] {
                let value = [&b"\0\0\0\x01\0\x01a"[..], &[tag], &len.to_be_bytes()].concat();
                assert!(PrimitiveMap::read(&value.into()).is_err(), "{tag} {len}");
            }
        }
    });
}
