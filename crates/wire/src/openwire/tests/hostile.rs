use super::super::*;
use super::{PLAIN, TIGHT, decode, frame, sized};
use bytes::Bytes;
use miniz_oxide::deflate::compress_to_vec_zlib;

#[test]
fn ow_68_unknown_types_and_types_that_are_no_command_are_refused() {
    use DecodeErrorKind::{NotACommand, UnknownType, WrongType};
    for format in [PLAIN, TIGHT] {
        for code in [13, 99, 255] {
            assert_eq!(
                decode(&sized(&[code, 0, 0, 0, 0, 0]), format),
                Err(UnknownType(code))
            );
        }
        for code in [40, 50, 52, 53, 54, 55, 60, 61, 91, 100, 103, 110, 124] {
            assert_eq!(
                decode(&sized(&[code, 0, 0, 0, 0, 0]), format),
                Err(NotACommand(code))
            );
        }
        // Nested: one that is unknown, one that is not of this field, one that is never nested.
        let keep_alive = DataResponse {
            data: Some(Command::from(KeepAliveInfo::default()).into()),
            ..DataResponse::default()
        };
        let remove = RemoveInfo {
            object_id: Some(ConnectionId::default().into()),
            ..RemoveInfo::default()
        };
        for (command, code) in [(Command::from(keep_alive), 10), (remove.into(), 120)] {
            let mut nested = frame(command.clone(), format);
            let place = nested
                .iter()
                .rposition(|byte| *byte == code)
                .expect("the type");
            nested[place] = 99;
            assert_eq!(decode(&nested, format), Err(UnknownType(99)));
            nested[place] = 1;
            assert!(matches!(
                decode(&nested, format),
                Err(WrongType { found: 1, .. })
            ));
            if code == 120 {
                nested[place] = 101;
                assert!(matches!(
                    decode(&nested, format),
                    Err(WrongType { found: 101, .. })
                ));
            }
        }
    }
    // What a version lacks is unknown in it, nested too.
    let nested = DataResponse {
        data: Some(Command::from(MessagePull::default()).into()),
        ..DataResponse::default()
    };
    let old = Format {
        version: 1,
        ..PLAIN
    };
    let mut sent = frame(
        nested,
        Format {
            version: 2,
            ..PLAIN
        },
    );
    assert_eq!(decode(&sent, old), Err(UnknownType(20)));
    sent[15] = 30;
    assert!(decode(&sent, old).is_err_and(|kind| kind != UnknownType(30)));
    let ack = sized(&[19, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert!(
        decode(
            &ack,
            Format {
                version: 3,
                ..PLAIN
            }
        )
        .is_ok()
    );
    assert_eq!(
        decode(
            &ack,
            Format {
                version: 2,
                ..PLAIN
            }
        ),
        Err(UnknownType(19))
    );
}

/// `DataResponse` in `DataResponse`, so many of them.
fn nested_responses(depth: usize, tight: bool) -> Vec<u8> {
    let mut body = vec![32];
    if tight {
        // For each: no answer awaited, and there is something inside.
        let bytes = (2 * depth).div_ceil(8) as u16;
        body.push(0x80);
        body.extend(bytes.to_be_bytes());
        body.extend(vec![0b1010_1010; usize::from(bytes)]);
    }
    for n in 0..depth {
        body.extend(if n == 0 { &[][..] } else { &[32] });
        body.extend([0; 4]);
        body.extend(if tight { &[][..] } else { &[0] });
        body.extend([0; 4]);
        body.extend(if tight { &[][..] } else { &[1] });
    }
    sized(&body)
}

#[test]
fn ow_69_nesting_ends_somewhere() {
    for tight in [false, true] {
        let format = Format { tight, ..PLAIN };
        for depth in [33, 100, 2000, 10_000] {
            let refused = decode(&nested_responses(depth, tight), format);
            assert_eq!(refused, Err(DecodeErrorKind::Depth), "{depth}");
        }
        let with_causes = |count: usize| {
            let mut chain = Throwable::new("a.B", "m");
            for _ in 0..count {
                chain = Throwable {
                    cause: Some(Box::new(chain)),
                    ..Throwable::new("a.B", "m")
                };
            }
            ConnectionError {
                exception: Some(chain),
                ..ConnectionError::default()
            }
        };
        let traced = Format {
            stack_traces: true,
            ..format
        };
        let most = with_causes(16);
        assert_eq!(
            decode(&frame(most.clone(), traced), traced),
            Ok(Some(most.into()))
        );
        let refused = Encoder::new(traced).encode(&with_causes(17).into(), &mut Vec::new());
        assert_eq!(refused, Err(EncodeError::Depth));
    }
    // A thousand causes, as a peer would write them: there is one; two nulls, no frames; there is one …
    let mut body = vec![16, 0, 0, 0, 0, 0];
    body.extend([1, 0, 0, 0, 0].repeat(1000));
    let traced = Format {
        stack_traces: true,
        ..PLAIN
    };
    assert_eq!(decode(&sized(&body), traced), Err(DecodeErrorKind::Depth));

    let map = |depth: usize| {
        let mut bytes = b"\0\0\0\x01\0\x01a\x0b".repeat(depth);
        bytes.extend([0; 4]);
        PrimitiveMap::read(&Bytes::from(bytes)).map_err(|e| e.kind)
    };
    assert!(map(32).is_ok());
    assert_eq!(map(33), Err(DecodeErrorKind::Depth));
    assert_eq!(map(1000), Err(DecodeErrorKind::Depth));
    let lists = b"\0\0\0\x01\0\x01a"
        .iter()
        .chain(b"\x0c\0\0\0\x01".repeat(1000).iter())
        .copied()
        .collect();
    let refused = PrimitiveMap::read(&lists).map_err(|e| e.kind);
    assert_eq!(refused, Err(DecodeErrorKind::Depth));
}

#[test]
fn the_deepest_nesting_needs_little_stack() {
    let deep = || {
        let mut any: Any = Command::from(Message::default()).into();
        for _ in 0..30 {
            let headers = Headers {
                data_structure: Some(any),
                ..Headers::default()
            };
            let kind = MessageKind::Plain;
            any = Command::from(Message { kind, headers }).into();
        }
        let response = DataResponse {
            data: Some(any),
            ..DataResponse::default()
        };
        for format in [PLAIN, TIGHT] {
            let frame = frame(response.clone(), format);
            assert_eq!(decode(&frame, format), Ok(Some(response.clone().into())));
        }
    };
    let small = std::thread::Builder::new().stack_size(1 << 20);
    small
        .spawn(deep)
        .expect("a thread")
        .join()
        .expect("no overflow");
}

#[test]
fn ow_72_the_cache_refuses_lies_and_a_small_one_does_not_hang() {
    let format = |slots| Format {
        cache: Some(slots),
        ..PLAIN
    };
    let session = |is_new: u8, index: i16| {
        let [high, low] = index.to_be_bytes();
        let mut body = vec![4, 0, 0, 0, 0, 0, is_new, high, low];
        body.extend(if is_new == 1 { &[0][..] } else { &[] });
        decode(&sized(&body), format(200))
    };
    for index in [0, 199, 200, -1, -2, i16::MIN] {
        assert_eq!(session(0, index), Err(DecodeErrorKind::CacheIndex(index)));
    }
    for index in [200, i16::MAX, -2] {
        assert_eq!(session(1, index), Err(DecodeErrorKind::CacheIndex(index)));
    }
    for index in [0, 199, -1] {
        assert!(session(1, index).is_ok());
    }
    // What is remembered has its type.
    let mut decoder = Decoder::new(format(200));
    let first = sized(&[4, 0, 0, 0, 0, 0, 1, 0, 5, 1, 121, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert!(decoder.decode(&first.into()).is_ok());
    let other = sized(&[7, 0, 0, 0, 0, 0, 0, 0, 5, 1, 0, 6, 0, 0]);
    let refused = decoder.decode(&other.into()).map_err(|e| e.kind);
    assert_eq!(refused, Err(DecodeErrorKind::CacheIndex(5)));
    for slots in [1, 2, 50, 100, 101] {
        for tight in [false, true] {
            let format = Format {
                tight,
                ..format(slots)
            };
            let (mut encoder, mut decoder) = (Encoder::new(format), Decoder::new(format));
            for n in 0..1000 {
                let destination = Some(Destination::queue(format!("q{}", n % 130)));
                let pull = MessagePull {
                    destination,
                    ..MessagePull::default()
                };
                let mut out = Vec::new();
                assert_eq!(encoder.encode(&pull.clone().into(), &mut out), Ok(()));
                assert_eq!(decoder.decode(&out.into()), Ok(Some(pull.into())));
            }
        }
    }
}

#[test]
fn a_peer_cannot_fill_the_cache_with_great_texts() {
    let format = Format {
        cache: Some(1024),
        ..PLAIN
    };
    let mut decoder = Decoder::new(format);
    let refused = (0..1024).find_map(|index: u16| {
        let [high, low] = index.to_be_bytes();
        let mut body = vec![4, 0, 0, 0, 0, 0, 1, high, low, 1, 121, 1, 0xff, 0xff];
        body.extend([b'x'; 65535]);
        body.extend([0; 8]);
        decoder.decode(&sized(&body).into()).err()
    });
    assert_eq!(refused.map(|e| e.kind), Some(DecodeErrorKind::CacheFull));
}

#[test]
fn many_small_parts_do_not_make_a_great_command() {
    // 60,000 brokers without a name: in tight encoding a byte and two bits each.
    let mut body = vec![6, 0x80];
    let bits: u16 = 60_000_u32.div_ceil(4) as u16 + 1;
    body.extend(bits.to_be_bytes());
    // No answer awaited, no producer, no destination; a path, and each of its brokers there and nameless.
    body.push(0b0101_1000);
    body.extend(vec![0b0101_0101; usize::from(bits) - 1]);
    body.extend([0, 0, 0, 0]);
    body.extend(60_000_u16.to_be_bytes());
    body.extend(vec![124; 60_000]);
    body.extend([0; 4]);
    assert_eq!(decode(&sized(&body), TIGHT), Err(DecodeErrorKind::Parts));
    // Three thousand empty texts in a thousand lines of stack trace: the lines alone would do.
    let mut body = vec![16, 0, 0, 0, 0, 0, 1, 0, 0];
    body.extend(1000_u16.to_be_bytes());
    body.extend([1, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0].repeat(1000));
    body.extend([0, 0]);
    let traced = Format {
        stack_traces: true,
        ..PLAIN
    };
    assert_eq!(decode(&sized(&body), traced), Err(DecodeErrorKind::Parts));
    // Three thousand commands of seven bytes.
    let mut body = vec![33, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    body.extend(3000_u16.to_be_bytes());
    body.extend([1, 10, 0, 0, 0, 0, 0].repeat(3000));
    assert_eq!(decode(&sized(&body), PLAIN), Err(DecodeErrorKind::Parts));
    let nulls = [&b"\0\0\0\x01\0\x01a\x0c\0\x02\0\0"[..], &[0; 0x2_0000]].concat();
    let refused = PrimitiveMap::read(&nulls.into()).map_err(|e| e.kind);
    assert_eq!(refused, Err(DecodeErrorKind::Parts));
}

/// A zlib stream of so many MiB of zeros, about a thousandth as long.
fn bomb(mebibytes: usize) -> Vec<u8> {
    use miniz_oxide::deflate::core::{
        CompressorOxide, TDEFLFlush, compress, create_comp_flags_from_zip_params,
    };
    let flags = create_comp_flags_from_zip_params(6, 15, 0);
    let mut compressor = CompressorOxide::new(flags);
    let (zeros, mut out) = (vec![0; 1 << 20], vec![0; 1 << 16]);
    let mut stream = Vec::new();
    // The second block stands for all that follow: it looks back at zeros only.
    for _ in 0..2 {
        let (_, read, written) = compress(&mut compressor, &zeros, &mut out, TDEFLFlush::Sync);
        assert_eq!(read, zeros.len());
        stream.push(out[..written].to_vec());
    }
    let second = stream.pop().expect("two blocks");
    let mut stream = stream.pop().expect("two blocks");
    stream.extend(second.repeat(mebibytes - 1));
    stream
}

#[test]
fn ow_76_a_body_that_inflates_without_end_is_stopped() {
    let mut message = Message {
        kind: MessageKind::Text,
        ..Message::default()
    };
    message.compressed = true;
    let bomb = bomb(1024);
    assert!(bomb.len() < 2 << 20 && bomb.len() * INFLATED_TIMES > INFLATED);
    message.content = Some(bomb.clone().into());
    assert_eq!(message.body(), Err(BodyError::TooLarge(INFLATED)));
    message.kind = MessageKind::Bytes;
    for len in [i32::MAX, INFLATED as i32 + 1] {
        let announced = [&len.to_be_bytes()[..], &bomb].concat();
        message.content = Some(announced.into());
        assert_eq!(message.body(), Err(BodyError::TooLarge(INFLATED)));
    }
    // What is announced is enough, however much follows.
    let announced = [&5_i32.to_be_bytes()[..], &bomb].concat();
    message.content = Some(announced.into());
    assert_eq!(message.body(), Ok(Body::Bytes(Bytes::from_static(&[0; 5]))));
    for wrong in [&b""[..], b"\0\0", b"\xff\xff\xff\xffx", b"\0\0\0\x05hello"] {
        message.content = Some(Bytes::copy_from_slice(wrong));
        assert_eq!(message.body(), Err(BodyError::NotDeflated), "{wrong:?}");
    }
    // A short body may grow more than a long one.
    message.kind = MessageKind::Object;
    let plain = vec![7; INFLATED_ALWAYS];
    message.content = Some(compress_to_vec_zlib(&plain, 6).into());
    assert_eq!(message.body(), Ok(Body::Object(plain.into())));
}

#[test]
fn ow_78_bytes_after_the_last_field_are_an_error() {
    for format in [PLAIN, TIGHT] {
        let mut long = frame(Response::default(), format);
        long.push(0);
        long[3] += 1;
        let error = Decoder::new(format).decode(&long.clone().into());
        let at = long.len() - 1;
        let kind = DecodeErrorKind::Trailing;
        assert_eq!(error, Err(DecodeError { kind, at }));
        assert_eq!(kind.to_string(), "trailing bytes");
    }
}

#[test]
fn a_message_encoded_beforehand_is_refused() {
    let dispatch = MessageDispatch {
        message: Some(Message::default().into()),
        ..MessageDispatch::default()
    };
    let mut frame = frame(dispatch, TIGHT);
    // Bits: answer awaited, consumer, destination, message there, encoded beforehand.
    assert_eq!(frame[6] & 0b1_1000, 0b0_1000);
    frame[6] |= 0b1_0000;
    assert_eq!(decode(&frame, TIGHT), Err(DecodeErrorKind::Premarshalled));
}

#[test]
fn a_null_in_an_array_is_refused() {
    let body = [3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(
        decode(&sized(&body), PLAIN),
        Err(DecodeErrorKind::NullElement)
    );
}
