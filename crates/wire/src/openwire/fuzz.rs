//! What must hold for any bytes and any selector: see [`harness`] and [`selector_harness`].

use super::selector::{Selector, Subject};
use super::{Command, DecodeErrorKind, Decoder, Encoder, Format, Message, PrimitiveMap, Value};
use bytes::Bytes;

/// Reads `data` as the frames of a connection, one after the other. The first byte chooses version and encoding,
/// the second the size of the cache.
///
/// # Panics
/// When a promise is broken: a command that was understood is written and understood otherwise.
pub fn harness(data: &[u8]) {
    let [choice, slots, frames @ ..] = data else {
        return;
    };
    let format = Format {
        version: 1 + (choice >> 3) % 12,
        tight: choice & 1 != 0,
        cache: (choice & 2 != 0).then_some(1 + u16::from(*slots)),
        stack_traces: choice & 4 != 0,
        max_frame: 1 << 16,
    };
    let mut decoder = Decoder::new(format);
    let (mut encoder, mut again) = (Encoder::new(format), Decoder::new(format));
    let mut rest = Bytes::copy_from_slice(frames);
    while let Some(size) = rest.first_chunk() {
        let Ok(len) = super::frame_len(*size, format.max_frame) else {
            return;
        };
        let frame = rest.split_to(len.min(rest.len()));
        match decoder.decode(&frame) {
            Err(error) => {
                assert!(error.at <= frame.len(), "{error}");
                return;
            }
            Ok(None) => {}
            Ok(Some(command)) => repeat(&command, &mut encoder, &mut again),
        }
    }
}

/// Writes a command, and reads what was written.
fn repeat(command: &Command, encoder: &mut Encoder, decoder: &mut Decoder) {
    look_into(command);
    let mut frame = Vec::new();
    // Header strings may come in longer than they go out.
    if encoder.encode(command, &mut frame).is_err() {
        return;
    }
    let read = decoder.decode(&Bytes::from(frame));
    // Without what the sender padded the frame with, there may be too many parts for its length.
    if read
        .as_ref()
        .is_err_and(|error| error.kind == DecodeErrorKind::Parts)
    {
        return;
    }
    assert_eq!(read.as_ref().map(Option::as_ref), Ok(Some(command)));
}

/// Reads what lies in a message's byte strings.
fn look_into(command: &Command) {
    match command {
        Command::WireFormatInfo(info) => {
            if let Ok(offer) = info.offer() {
                let _ = super::agree(&offer, &super::Offer::default());
            }
        }
        Command::Message(message) => look_into_message(message),
        Command::MessageDispatch(dispatch) => {
            dispatch.message.iter().for_each(|m| look_into_message(m))
        }
        Command::ConnectionError(error) => {
            let shown = error.exception.as_ref().map(ToString::to_string);
            assert!(!shown.unwrap_or_default().contains(char::is_control));
        }
        _ => {}
    }
}

/// What can be read of properties and bodies is written and read the same.
fn look_into_message(message: &Message) {
    if let Ok(map) = message.properties() {
        let bytes = map.to_bytes();
        let again = PrimitiveMap::read(&bytes).map(|map| map.map(|map| map.to_bytes()));
        assert_eq!(again, Ok(Some(bytes)));
    }
    if let Ok(body) = message.body()
        && let Some(content) = body.to_content()
    {
        let mut plain = message.clone();
        plain.compressed = false;
        plain.content = Some(content.clone());
        let again = plain.body().map(|body| body.to_content());
        assert_eq!(again, Ok(Some(content)));
    }
}

/// Reads `data` as a selector, a line feed, and a text; asks the selector of messages with that text.
///
/// # Panics
/// When a promise is broken: a condition and its opposite are both true, or a refusal lies beyond the text.
pub fn selector_harness(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (selector, value) = text.split_once('\n').unwrap_or((&text, ""));
    match Selector::parse(selector) {
        Ok(condition) => {
            let opposite = Selector::parse(&format!("NOT ({selector})"));
            let mut message = Message::default();
            message.headers.jms_type = Some(value.into());
            message.set_properties(
                &[("t".into(), Value::Text(value.into()))]
                    .into_iter()
                    .collect(),
            );
            let subject = Subject::new(&message);
            // One deeper may be too deep.
            let other = opposite.is_ok_and(|opposite| opposite.selects(&subject));
            assert!(!(condition.selects(&subject) && other), "{selector:?}");
        }
        Err(refused) => assert!(refused.at <= selector.len()),
    }
}
