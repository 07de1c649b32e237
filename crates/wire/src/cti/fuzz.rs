//! What must hold for any command and any event: see [`command_harness`] and [`event_harness`].

use super::{
    Body, CommandMessage, Event, Format, Names, Received, Style, decode_command, decode_event,
    encode_command, encode_event, masked_body,
};

/// Reads `data` as a command: JMSType in the first line, the body in the rest, once as text and once as bytes.
///
/// # Panics
/// When a promise is broken: a command that was understood is written and understood otherwise, a code is no answer to its
/// command, or an error cannot be read.
pub fn command_harness(data: &[u8]) {
    let names = Names::default();
    let mut parts = data.splitn(2, |&byte| byte == b'\n');
    let kind = parts.next().unwrap_or_default();
    let body = parts.next().unwrap_or_default();
    let kind = String::from_utf8_lossy(kind).into_owned();
    let _ = masked_body(Some(&kind), &String::from_utf8_lossy(body));
    for as_bytes in [false, true] {
        let message = CommandMessage {
            jms_type: Some(kind.clone()),
            body: if as_bytes {
                Body::Bytes(body.to_vec())
            } else {
                Body::Text(Some(String::from_utf8_lossy(body).into_owned()))
            },
            reply_to: Some(format!("topic://{kind}")),
            ..CommandMessage::default()
        };
        match decode_command(&message, &names) {
            Ok(command) => {
                let again = decode_command(&encode_command(&command), &names);
                assert_eq!(again.as_ref(), Ok(&command));
            }
            Err(refused) => {
                let verb = refused.verb;
                assert!(verb.is_none_or(|verb| refused.code().may_answer(verb)));
                let report = Event::Error(refused.report());
                for format in [Format::Default, Format::Json] {
                    let written = encode_event(&report, format, Style::default());
                    let Received::Known(Event::Error(read), found) = decode_event(&written) else {
                        panic!("{written} is no error");
                    };
                    assert_eq!((read.code, found), (refused.code(), format));
                }
            }
        }
    }
}

/// Reads `data` as an event, and writes what was understood in every style.
///
/// # Panics
/// When an event that was written is read and written otherwise.
pub fn event_harness(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Received::Known(event, _) = decode_event(&text) else {
        return;
    };
    for bits in 0..32_u8 {
        let on = |bit: u8| bits & (1 << bit) != 0;
        let style = Style {
            extra: on(0),
            flat_agent_state: on(1),
            addresses_as_strings: on(2),
            literal_inbound_call: on(3),
            jtapi_terminal_out: on(4),
        };
        for format in [Format::Default, Format::Json] {
            let written = encode_event(&event, format, style);
            let Received::Known(read, found) = decode_event(&written) else {
                panic!("{event:?} is written as {written}");
            };
            assert_eq!(found, format);
            assert_eq!(encode_event(&read, format, style), written);
        }
    }
}
