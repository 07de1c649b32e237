use super::super::*;
use super::{PLAIN, TIGHT, decode, frame};
use bytes::Bytes;

#[test]
fn ow_08_a_tight_long_takes_as_many_bytes_as_it_needs() {
    let values = [
        (0, 0, [0, 0]),
        (1, 2, [0, 1]),
        (65535, 2, [0, 1]),
        (65536, 4, [1, 0]),
        ((1 << 32) - 1, 4, [1, 0]),
        (1 << 32, 8, [1, 1]),
        (-1, 8, [1, 1]),
        (i64::MIN, 8, [1, 1]),
    ];
    for (value, len, [a, b]) in values {
        let remove = RemoveInfo {
            last_delivered_sequence_id: value,
            ..RemoveInfo::default()
        };
        let frame = frame(remove.clone(), TIGHT);
        // Size, type, one byte of bits with its length, the number of the command; then the value.
        assert_eq!(frame.len(), 4 + 1 + 2 + 4 + len, "{value}");
        // Bits: answer awaited, object there, then the two.
        assert_eq!(frame[6], a << 2 | b << 3, "{value}");
        assert_eq!(frame[11..], value.to_be_bytes()[8 - len..], "{value}");
        assert_eq!(decode(&frame, TIGHT), Ok(Some(remove.into())));
    }
}

#[test]
fn ow_09_the_header_of_the_bits_has_three_sizes() {
    let headers: [(usize, &[u8]); 5] = [
        (1, &[0x01]),
        (504, &[0x3f]),
        (505, &[0xc0, 0x40]),
        (2040, &[0xc0, 0xff]),
        (2041, &[0x80, 0x01, 0x00]),
    ];
    for (count, wanted) in headers {
        let mut bits = bits::BitWriter::default();
        let bit = |n: usize| n.is_multiple_of(3) || n.is_multiple_of(7);
        for n in 0..count {
            bits.push(bit(n));
        }
        let (header, len) = bits.header().expect("few enough");
        assert_eq!(&header[..len], wanted, "{count} bits");
        let stream = [wanted, bits.bytes(), b"rest"].concat();
        let (mut reader, taken) = bits::BitReader::take(&stream).expect("a stream");
        assert_eq!(stream[taken..], *b"rest");
        for n in 0..count {
            assert_eq!(reader.next(), Ok(bit(n)), "bit {n} of {count}");
        }
        for _ in count..count.next_multiple_of(8) {
            assert_eq!(reader.next(), Ok(false));
        }
        assert_eq!(reader.next(), Err(DecodeErrorKind::NoBits));
    }
    for odd in (0x40..0x80).chain(0x81..0xc0).chain(0xc1..=0xff) {
        let taken = bits::BitReader::take(&[odd, 0, 0]).map(|(_, len)| len);
        assert_eq!(taken, Err(DecodeErrorKind::BitHeader(odd)));
    }
}

#[test]
fn ow_10_a_string_is_modified_utf8_in_both_encodings() {
    let strings: [(&[u16], &[u8], bool); 7] = [
        (&[], b"\0\0", true),
        (&[0x61], b"\0\x01a", true),
        (&[0], b"\0\x02\xc0\x80", false),
        (&[0xfc], b"\0\x02\xc3\xbc", false),
        (&[0x20ac], b"\0\x03\xe2\x82\xac", false),
        (&[0xd83d, 0xde00], b"\0\x06\xed\xa0\xbd\xed\xb8\x80", false),
        (&[0xd83d], b"\0\x03\xed\xa0\xbd", false),
    ];
    for (units, wanted, ascii) in strings {
        let text = Text::from_units(units);
        let control = ControlCommand {
            command: Some(text.clone()),
            ..ControlCommand::default()
        };
        for format in [PLAIN, TIGHT] {
            let frame = frame(control.clone(), format);
            assert!(frame.ends_with(wanted), "{units:x?} {frame:x?}");
            if format.tight {
                // Bits: answer awaited, text there, ASCII.
                assert_eq!(frame[6], 2 | u8::from(ascii) << 2);
            }
            assert_eq!(decode(&frame, format), Ok(Some(control.clone().into())));
        }
        assert_eq!(text.units(), units);
        assert_eq!(text.as_str().is_none(), units == [0xd83d]);
    }
}

#[test]
fn ow_11_four_bytes_for_a_character_are_read_and_never_written() {
    let text = Text::read("a😀b".as_bytes()).expect("a text");
    assert_eq!(text, "a😀b");
    assert_eq!(*text.to_modified(), *b"a\xed\xa0\xbd\xed\xb8\x80b");
    // Next to a lone surrogate as well.
    let text = Text::read(b"\xed\xa0\xbd\0\xf0\x9f\x98\x80").expect("a text");
    assert_eq!(
        *text.to_modified(),
        *b"\xed\xa0\xbd\xc0\x80\xed\xa0\xbd\xed\xb8\x80"
    );
    // A plain zero byte is a NUL.
    assert_eq!(Text::read(b"a\0"), Ok(Text::from("a\0")));
    let broken: [&[u8]; 7] = [
        b"\x80",
        b"\xc3",
        b"\xc3a",
        b"\xe2\x82",
        b"\xf8\x80\x80\x80\x80",
        b"\xff",
        b"\xf0\x80\x80\x80",
    ];
    for bytes in broken {
        assert_eq!(Text::read(bytes), Err(NotText(0)), "{bytes:x?}");
    }
    assert_eq!(Text::read(b"\xc3\xbca\xff"), Err(NotText(3)));
}

#[test]
fn ow_13_every_kind_of_value_survives_in_a_map() {
    let small = Text::from("x".repeat(8190));
    let big = Text::from("x".repeat(8191));
    let nested: PrimitiveMap = [(Text::from("k"), Value::Int(-7))].into_iter().collect();
    let values = [
        Value::Null,
        Value::Bool(true),
        Value::Byte(-1),
        Value::Char(0xfffe),
        Value::Short(-2),
        Value::Int(i32::MIN),
        Value::Long(i64::MAX),
        Value::Double(-0.5),
        Value::Float(1.5e-9),
        Value::Text(Text::from("ü\0😀")),
        Value::Bytes(Bytes::from_static(&[0, 1, 255])),
        Value::Map(Some(nested)),
        Value::Map(None),
        Value::List(vec![
            Value::Null,
            Value::List(Vec::new()),
            Value::Text(small.clone()),
        ]),
        Value::Text(small),
        Value::Text(big),
    ];
    let name = |n: usize| Text::from(format!("n{n}"));
    let map: PrimitiveMap = values
        .into_iter()
        .enumerate()
        .map(|(n, v)| (name(n), v))
        .collect();
    let bytes = map.to_bytes();
    assert_eq!(PrimitiveMap::read(&bytes), Ok(Some(map.clone())));
    for (name, tag, len) in [
        ("n14", 9, &8190_u16.to_be_bytes()[..]),
        ("n15", 13, &8191_u32.to_be_bytes()),
    ] {
        let wanted = [&[0, 3], name.as_bytes(), &[tag], len].concat();
        assert!(
            bytes.windows(wanted.len()).any(|found| found == wanted),
            "{name}"
        );
    }
    // The sender's order stays, and of two values of one name the last counts.
    let names: Vec<String> = map.iter().map(|(name, _)| name.to_string()).collect();
    assert_eq!(names[..3], ["n0", "n1", "n2"]);
    let twice = [(name(0), Value::Int(1)), (name(0), Value::Int(2))];
    assert_eq!(
        PrimitiveMap::from_iter(twice).get("n0"),
        Some(&Value::Int(2))
    );
    // Either tag is read at any length; a count of -1 is the null map.
    let odd = Bytes::from_static(b"\0\0\0\x01\0\x01a\x0d\0\0\0\x01b");
    let read = PrimitiveMap::read(&odd).expect("a map").expect("no null");
    assert_eq!(read.get("a"), Some(&Value::Text(Text::from("b"))));
    assert_eq!(PrimitiveMap::read(&Bytes::from_static(&[255; 4])), Ok(None));
    assert_eq!(
        PrimitiveMap::read(&Bytes::from_static(&[0; 4])),
        Ok(Some(PrimitiveMap::default()))
    );
}

/// The places of some texts in a frame, which must be in this order.
fn assert_order(frame: &[u8], texts: &[&str]) {
    let place = |text: &&str| {
        frame
            .windows(text.len())
            .position(|found| found == text.as_bytes())
    };
    let places: Vec<_> = texts
        .iter()
        .map(|text| place(text).expect("a text"))
        .collect();
    assert!(places.is_sorted(), "{texts:?} {places:?}");
}

#[test]
fn ow_16_a_consumer_has_a_client_id_from_version_10_on() {
    let text = |text: &str| Some(Text::from(text));
    let consumer = ConsumerInfo {
        selector: text("-selector-"),
        client_id: text("-client-"),
        subscription_name: text("-subscription-"),
        ..ConsumerInfo::default()
    };
    for tight in [false, true] {
        let format = |version| Format {
            version,
            tight,
            ..PLAIN
        };
        let new = frame(consumer.clone(), format(10));
        assert_order(&new, &["-selector-", "-client-", "-subscription-"]);
        assert_eq!(decode(&new, format(10)), Ok(Some(consumer.clone().into())));
        let old = frame(consumer.clone(), format(9));
        assert_order(&old, &["-selector-", "-subscription-"]);
        assert!(!old.windows(8).any(|found| found == b"-client-"));
        let without = ConsumerInfo {
            client_id: None,
            ..consumer.clone()
        };
        assert_eq!(decode(&old, format(9)), Ok(Some(without.into())));
    }
}

#[test]
fn ow_17_fields_that_came_later_stand_where_their_version_put_them() {
    let version = |version| Format { version, ..PLAIN };
    let pull = MessagePull {
        message_id: Some(MessageId {
            text_view: Some(Text::from("-view-")),
            producer_id: Some(ProducerId {
                connection_id: Some(Text::from("-producer-")),
                ..ProducerId::default()
            }),
            ..MessageId::default()
        }),
        ..MessagePull::default()
    };
    assert_order(&frame(pull.clone(), version(10)), &["-view-", "-producer-"]);
    let old = frame(pull, version(9));
    assert!(!old.windows(6).any(|found| found == b"-view-"));

    let control = ConsumerControl {
        destination: Some(Destination::queue("-queue-")),
        consumer_id: Some(ConsumerId {
            connection_id: Some(Text::from("-consumer-")),
            ..ConsumerId::default()
        }),
        ..ConsumerControl::default()
    };
    let new = frame(control.clone(), version(6));
    // Number of the command, answer awaited; then the destination, before anything else.
    assert_eq!(new[10..12], [1, 100]);
    assert_order(&new, &["-queue-", "-consumer-"]);
    let old = frame(control, version(5));
    assert_eq!(old[10..13], [0, 1, 122]);

    let filter = NetworkBridgeFilter {
        network_ttl: 0x1111_1111,
        network_broker_id: Some(BrokerId {
            value: Some(Text::from("-bridge-")),
        }),
        message_ttl: 0x2222_2222,
        consumer_ttl: 0x3333_3333,
    };
    let nested = DataResponse {
        data: Some(Data::from(filter).into()),
        ..DataResponse::default()
    };
    assert_order(
        &frame(nested.clone(), version(10)),
        &["-bridge-", "\"\"\"\"", "3333"],
    );
    let old = frame(nested, version(9));
    assert_order(&old, &["\x11\x11\x11\x11", "-bridge-"]);
    assert!(old.ends_with(b"-bridge-"));
}

#[test]
fn a_command_that_cannot_be_written_leaves_no_trace() {
    let long = Text::from("x".repeat(32767));
    let format = Format {
        cache: Some(200),
        ..PLAIN
    };
    let (mut encoder, mut decoder) = (Encoder::new(format), Decoder::new(format));
    let bad = ConsumerInfo {
        destination: Some(Destination::queue("a")),
        selector: Some(long),
        ..ConsumerInfo::default()
    };
    let mut out = b"before".to_vec();
    let (field, len) = ("Selector", 32767);
    let refused = encoder.encode(&bad.clone().into(), &mut out);
    assert_eq!(refused, Err(EncodeError::TextTooLong { field, len }));
    assert_eq!(out, b"before");
    // The reader never saw the destination's number, and is told it again.
    let good = ConsumerInfo {
        selector: None,
        ..bad
    };
    let mut frame = Vec::new();
    assert_eq!(encoder.encode(&good.clone().into(), &mut frame), Ok(()));
    assert_eq!(decoder.decode(&frame.into()), Ok(Some(good.into())));
    let too_old = encoder_of(2).encode(&ProducerAck::default().into(), &mut out);
    assert_eq!(
        too_old,
        Err(EncodeError::NotInVersion {
            code: 19,
            version: 2
        })
    );
    let mut small = Encoder::new(Format {
        max_frame: 5,
        ..PLAIN
    });
    let too_long = small.encode(&KeepAliveInfo::default().into(), &mut out);
    assert_eq!(too_long, Err(EncodeError::TooLong { size: 6, limit: 5 }));
    assert_eq!(out, b"before");
}

#[test]
fn a_message_that_is_encoded_once_makes_the_same_frames() {
    let mut message = Message::text(Some(&Text::from("Hello")));
    message.destination = Some(Destination::topic("client.1"));
    let message = std::sync::Arc::new(message);
    let dispatch = |n| MessageDispatch {
        consumer_id: Some(ConsumerId {
            value: n,
            ..ConsumerId::default()
        }),
        destination: message.destination.clone(),
        message: Some(message.clone()),
        redelivery_counter: n as i32,
        ..MessageDispatch::default()
    };
    for version in 1..=12 {
        let mut encoder = encoder_of(version);
        let prepared = encoder
            .prepare(&message)
            .expect("a message")
            .expect("loose");
        let (mut out, mut wanted) = (Vec::new(), Vec::new());
        for n in 0..3 {
            let added = encoder.encode_prepared(&dispatch(n), &prepared, &mut out);
            assert_eq!(added, Ok(true));
            assert_eq!(encoder.encode(&dispatch(n).into(), &mut wanted), Ok(()));
        }
        assert_eq!(out, wanted);
        // For another version, or too long for this peer: nothing is added.
        let mut other = encoder_of(version % 12 + 1);
        assert_eq!(
            other.encode_prepared(&dispatch(1), &prepared, &mut out),
            Ok(false)
        );
        let mut small = Encoder::new(Format {
            version,
            max_frame: 90,
            ..PLAIN
        });
        let refused = small.encode_prepared(&dispatch(1), &prepared, &mut out);
        assert!(matches!(
            refused,
            Err(EncodeError::TooLong { limit: 90, .. })
        ));
        assert_eq!(out, wanted);
    }
    for format in [
        TIGHT,
        Format {
            cache: Some(200),
            ..PLAIN
        },
    ] {
        assert!(matches!(Encoder::new(format).prepare(&message), Ok(None)));
    }
}

fn encoder_of(version: u8) -> Encoder {
    Encoder::new(Format { version, ..PLAIN })
}

#[test]
fn a_password_is_not_printed() {
    let info = ConnectionInfo {
        user_name: Some(Text::from("anna")),
        password: Some(Text::from("s3cret").into()),
        ..ConnectionInfo::default()
    };
    let read = decode(&frame(info.clone(), PLAIN), PLAIN);
    let printed = format!("{info:?} {read:?}");
    assert!(printed.contains("anna") && !printed.contains("s3cret"));
    assert_eq!(
        info.password
            .map(|p| p.to_secret().expose().to_owned())
            .as_deref(),
        Some("s3cret")
    );
}

#[test]
fn an_exception_is_one_line_of_the_log() {
    let exception = Throwable::new("a.B\r\n", "x".repeat(3000));
    let line = exception.to_string();
    assert!(line.starts_with("a.B\\r\\n: xxx") && line.ends_with("x…"));
    assert_eq!(line.chars().count(), 7 + 2 + 1001);
}

#[test]
fn what_an_old_version_lacks_is_what_the_original_class_has() {
    for version in 1..=4 {
        let format = Format { version, ..PLAIN };
        let sent = RemoveInfo {
            last_delivered_sequence_id: 7,
            ..RemoveInfo::default()
        };
        let read = decode(&frame(sent, format), format);
        let Ok(Some(Command::RemoveInfo(read))) = read else {
            panic!("{version}: {read:?}");
        };
        assert_eq!(read.last_delivered_sequence_id, UNKNOWN_DELIVERED);
        let read = decode(&frame(ConnectionControl::default(), format), format);
        let Ok(Some(Command::ConnectionControl(read))) = read else {
            panic!("{version}: {read:?}");
        };
        let lists = [read.connected_brokers, read.reconnect_to];
        assert_eq!(lists, [Some("".into()), Some("".into())]);
    }
    let format = Format {
        version: 1,
        ..PLAIN
    };
    let read = decode(&frame(ConnectionInfo::default(), format), format);
    assert!(matches!(read, Ok(Some(Command::ConnectionInfo(info))) if info.client_master));
}

#[test]
fn an_exception_of_ours_always_fits_into_a_frame() {
    for text in ["x".repeat(40_000), "\u{10000}\0".repeat(20_000)] {
        let exception = Throwable::new("java.lang.Exception", text.as_str());
        let refused = ExceptionResponse {
            exception: Some(exception),
            ..ExceptionResponse::default()
        };
        for format in [PLAIN, TIGHT] {
            let mut out = Vec::new();
            let written = Encoder::new(format).encode(&refused.clone().into(), &mut out);
            assert_eq!(written, Ok(()));
        }
    }
}

#[test]
fn a_weight_has_every_byte_that_a_command_holds() {
    let long = Text::from("x".repeat(40_000).as_str());
    let path = vec![BrokerId { value: Some(long) }; 100];
    let mut message = Message::default();
    let empty = Weight::of_message(&message);
    message.broker_path = Some(path);
    message.content = Some(Bytes::from(vec![0; 5_000]));
    message.correlation_id = Some("k".into());
    let weight = Weight::of_message(&message);
    assert!(weight.bytes - empty.bytes > 100 * 40_000 + 5_000);
    assert!(weight.bytes - empty.bytes < 100 * 40_100 + 5_100);
    assert_eq!((empty.longest_text, weight.longest_text), (0, 40_000));
    // In modified UTF-8, which is what a frame has room for.
    message.broker_path = None;
    message.correlation_id = Some("\0".repeat(20_000).as_str().into());
    assert_eq!(Weight::of_message(&message).longest_text, 40_000);
}
