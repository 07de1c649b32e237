//! Cases OW-01 to OW-06 and others that captured frames decide. [openwire §13.1]

use crate::fill;
use crate::json::Json;
use crate::session::{Session, session, sessions};
use bytes::Bytes;
use cordboard_wire::openwire::{
    Body, Command, Decoder, Encoder, ExceptionResponse, Format, Message, PrimitiveMap, Structure,
    Text, Throwable, Value,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Reads a conversation, one decoder for each way.
fn decode(session: &Session) -> Vec<Command> {
    let mut decoders = BTreeMap::new();
    let commands = session.frames.iter().map(|frame| {
        let decoder = decoders
            .entry(&frame.way)
            .or_insert_with(|| Decoder::new(session.format));
        let place = || format!("{} {}", session.name, frame.number);
        let read = decoder.decode(&frame.bytes);
        read.unwrap_or_else(|e| panic!("{}: {e}", place())).unwrap()
    });
    commands.collect()
}

/// Writes a conversation from its values, one encoder for each way, and compares.
fn assert_encodes(session: &Session) {
    let mut encoders = BTreeMap::new();
    for frame in &session.frames {
        let encoder = encoders
            .entry(&frame.way)
            .or_insert_with(|| Encoder::new(session.format));
        let mut bytes = Vec::new();
        let command = frame.command(session.format.version);
        encoder.encode(&command, &mut bytes).unwrap();
        assert!(
            bytes == frame.bytes,
            "{} {}: {command:?}\n{bytes:02x?}\n{:02x?}",
            session.name,
            frame.number,
            &frame.bytes[..]
        );
    }
}

/// The messages of a conversation, dispatched ones too.
fn messages(name: &str) -> Vec<Arc<Message>> {
    let commands = decode(&session(name)).into_iter();
    let messages = commands.filter_map(|command| match command {
        Command::Message(message) => Some(message),
        Command::MessageDispatch(dispatch) => dispatch.message,
        _ => None,
    });
    messages.collect()
}

#[test]
fn ow_01_every_captured_frame_is_read_to_its_last_byte() {
    let sessions = sessions();
    assert_eq!(sessions.len(), 63);
    let frames: usize = sessions.iter().map(|session| decode(session).len()).sum();
    assert_eq!(frames, 2621);
}

#[test]
fn ow_02_every_value_of_every_captured_frame_is_as_noted() {
    let (mut compared, mut maps) = (0, 0);
    for session in sessions() {
        for (frame, read) in session.frames.iter().zip(decode(&session)) {
            let noted = frame.command(session.format.version);
            assert_eq!(read, noted, "{} {}", session.name, frame.number);
            compared += 1;
            let noted = frame.json.as_ref().and_then(|json| json.get("properties"));
            if let Some(noted) = noted {
                assert_properties(&read, noted);
                maps += 1;
            }
        }
    }
    assert_eq!(compared, 2621);
    assert!(maps > 170, "{maps} maps of properties");
}

/// Compares a command's property map, and writes it again.
fn assert_properties(command: &Command, noted: &Json) {
    let bytes = match command {
        Command::WireFormatInfo(info) => info.marshalled_properties.as_ref(),
        Command::Message(message) => message.marshalled_properties.as_ref(),
        Command::MessageDispatch(dispatch) => dispatch
            .message
            .as_ref()
            .unwrap()
            .marshalled_properties
            .as_ref(),
        other => panic!("{other:?} has no properties"),
    };
    let map = PrimitiveMap::read(bytes.unwrap()).unwrap().unwrap();
    assert_eq!(&map.to_bytes(), bytes.unwrap());
    let mut read: Vec<(String, Json)> = Vec::new();
    for (name, value) in map.iter() {
        read.push((name.to_string(), plain(value)));
    }
    let noted: Vec<(String, Json)> = match noted {
        Json::Map(entries) => entries.clone(),
        Json::List(triples) => triples
            .iter()
            .map(|triple| match triple {
                Json::List(parts) => (parts[0].str().to_owned(), parts[2].clone()),
                other => panic!("{other:?}"),
            })
            .collect(),
        other => panic!("{other:?}"),
    };
    assert_eq!(read, noted);
}

/// A value as JSON has it.
fn plain(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Byte(value) => Json::Int(i64::from(*value)),
        Value::Char(value) => Json::Int(i64::from(*value)),
        Value::Short(value) => Json::Int(i64::from(*value)),
        Value::Int(value) => Json::Int(i64::from(*value)),
        Value::Long(value) => Json::Int(*value),
        Value::Double(value) => Json::Float(*value),
        Value::Float(value) => Json::Float(f64::from(*value)),
        Value::Text(text) => Json::Text(text.clone()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn ow_03_every_captured_frame_is_written_from_its_values_byte_for_byte() {
    for session in sessions() {
        assert_encodes(&session);
    }
}

#[test]
fn ow_04_every_command_goes_through_every_version_and_encoding() {
    let vectors = session("lib-v12-loose-nocache");
    let mut lacking = 0;
    for version in [1, 3, 6, 9, 10, 11, 12] {
        for choice in 0..4 {
            let format = Format {
                version,
                tight: choice & 1 != 0,
                cache: (choice & 2 != 0).then_some(1024),
                ..vectors.format
            };
            let (mut encoder, mut decoder) = (Encoder::new(format), Decoder::new(format));
            for frame in &vectors.frames {
                let command = frame.command(12);
                let mut bytes = Vec::new();
                if command.since() > version {
                    assert!(encoder.encode(&command, &mut bytes).is_err());
                    lacking += 1;
                    continue;
                }
                encoder.encode(&command, &mut bytes).unwrap();
                let read = decoder.decode(&Bytes::from(bytes)).unwrap().unwrap();
                let wanted = match &frame.json {
                    Some(json) => fill::command(json.get("fields").unwrap(), version, true),
                    None => command,
                };
                assert_eq!(read, wanted, "version {version}, {format:?}");
            }
        }
    }
    // MessagePull and ProducerAck, in version 1.
    assert_eq!(lacking, 8);
}

#[test]
fn ow_05_entries_of_a_full_cache_make_room_and_their_numbers_come_again() {
    let evicting = session("java-cache-evict");
    assert_eq!(evicting.format.cache, Some(128));
    assert_encodes(&evicting);
}

#[test]
fn ow_06_an_outer_object_has_the_lower_number_when_loose_and_the_higher_when_tight() {
    for (name, tight) in [("java-tx-send", true), ("java-tx-send-loose-cache", false)] {
        let session = session(name);
        assert_eq!(session.format.tight, tight);
        assert!(session.format.cache.is_some());
        assert_encodes(&session);
    }
}

#[test]
fn ow_12_null_text_and_empty_text_differ_and_long_text_has_no_limit() {
    let null = Message::text(None);
    assert_eq!(null.content, None);
    assert_eq!(null.body(), Ok(Body::None));
    let empty = Message::text(Some(&Text::from("")));
    assert_eq!(empty.content.as_deref(), Some(&[0; 4][..]));
    assert_eq!(empty.body(), Ok(Body::Text(Text::from(""))));
    let mut minus_one = null;
    minus_one.content = Some(Bytes::from_static(&[255; 4]));
    assert_eq!(minus_one.body(), Ok(Body::None));
    let large = messages("java-large");
    assert_eq!(large.len(), 2);
    for message in large {
        let Ok(Body::Text(text)) = message.body() else {
            panic!("no text");
        };
        assert_eq!(text.unit_count(), 70_000);
        assert_eq!(
            message.content.as_ref().unwrap()[..4],
            70_000_i32.to_be_bytes()
        );
        assert_eq!(Message::text(Some(&text)).content, message.content);
    }
}

#[test]
fn ow_14_deflated_bodies_say_the_same_as_plain_ones() {
    let plain = "compress me ".repeat(50_000);
    let deflated = messages("java-compressed");
    assert_eq!(deflated.len(), 2);
    for message in deflated {
        assert!(message.compressed);
        assert_eq!(message.body(), Ok(Body::Text(Text::from(plain.as_str()))));
    }
    // The same four bodies, plain and deflated; the bytes are padded beyond their length when they inflate.
    let bodies = |name| -> Vec<(u8, Body)> {
        let mut bodies: Vec<_> = messages(name)
            .iter()
            .map(|message| (message.code(), message.body().unwrap()))
            .filter(|(code, _)| *code > 23)
            .collect();
        bodies.sort_by_key(|(code, _)| *code);
        bodies
    };
    let (plain, deflated) = (bodies("java-bodies"), bodies("java-compressed-bodies"));
    assert_eq!(plain, deflated);
    let all: Vec<u8> = (0..=255).collect();
    assert!(plain.contains(&(24, Body::Bytes(all.into()))));
}

#[test]
fn ow_15_an_exception_carries_its_stack_trace_only_when_that_is_agreed_on() {
    for name in ["java-errors-tight", "java-errors-loose"] {
        let session = session(name);
        assert_encodes(&session);
        let mut exceptions = 0;
        for command in decode(&session) {
            let Command::ExceptionResponse(response) = command else {
                continue;
            };
            exceptions += 1;
            assert!(response.exception.as_ref().unwrap().stack.len() > 3);
            for tight in [true, false] {
                assert_bare(&response, tight);
            }
        }
        assert_eq!(exceptions, 2);
    }
}

/// Without stack traces a frame ends with the exception's second text.
fn assert_bare(response: &ExceptionResponse, tight: bool) {
    let format = Format {
        version: 12,
        tight,
        cache: None,
        stack_traces: false,
        max_frame: 1 << 20,
    };
    let full = response.exception.as_ref().unwrap();
    let mut frame = Vec::new();
    Encoder::new(format)
        .encode(&response.clone().into(), &mut frame)
        .unwrap();
    let message = full.message.as_ref().unwrap().to_modified().into_owned();
    assert!(frame.ends_with(&message));
    let read = Decoder::new(format).decode(&frame.into()).unwrap().unwrap();
    let bare = Throwable {
        class: full.class.clone(),
        message: full.message.clone(),
        ..Throwable::default()
    };
    let wanted = ExceptionResponse {
        exception: Some(bare),
        ..response.clone()
    };
    assert_eq!(read, Command::from(wanted));
}
