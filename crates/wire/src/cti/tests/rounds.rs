//! Ten thousand messages of each direction, made by chance, are written and read back.

use super::*;
use crate::Secret;
use fastrand::Rng;

const ROUNDS: usize = 10_000;

fn digits(rng: &mut Rng, first: &str, most: usize) -> String {
    let mut text = String::new();
    if rng.u8(..4) == 0 {
        text.push_str(first);
    }
    for _ in 0..rng.usize(1..=most) {
        text.push(char::from(*rng.choice(b"0123456789*").unwrap()));
    }
    text
}

fn an_agent(rng: &mut Rng) -> AgentId {
    let text = digits(rng, "+", AGENT_DIGITS_MAX);
    AgentId::parse(&text).expect(&text)
}

fn a_number(rng: &mut Rng, agent: &AgentId) -> Dialled {
    loop {
        let number = Dialled::parse(&digits(rng, "+", NUMBER_DIGITS_MAX)).unwrap();
        if number.as_str() != agent.as_str() {
            return number;
        }
    }
}

fn an_id(rng: &mut Rng) -> ConnectionId {
    let most = if rng.bool() { 100 } else { ConnectionId::MAX };
    ConnectionId::new(rng.u32(1..=most)).unwrap()
}

/// Text of all kinds of characters, also those that mean something.
fn any_text(rng: &mut Rng, most: usize) -> String {
    let odd = [
        '#', ',', '|', '{', '}', '"', '\\', '\n', ' ', 'ü', '客', ':', '>', '\u{0}', '/',
    ];
    let one = |rng: &mut Rng| match rng.u8(..3) {
        0 => *rng.choice(&odd).unwrap(),
        1 => rng.alphanumeric(),
        _ => rng.char(..),
    };
    let count = rng.usize(..=most);
    (0..count).map(|_| one(rng)).collect()
}

fn a_topic(rng: &mut Rng) -> ClientDestination {
    let names = Names::default();
    loop {
        let mut text = any_text(rng, 12);
        text.retain(|c| c.is_alphanumeric() || ".:@/=_- ".contains(c));
        if let Ok(topic) = ClientDestination::parse(&text, &names) {
            return topic;
        }
    }
}

fn a_format(rng: &mut Rng) -> Option<Format> {
    *rng.choice(&[None, Some(Format::Default), Some(Format::Json)])
        .unwrap()
}

fn a_login(rng: &mut Rng) -> Login {
    loop {
        let agent = an_agent(rng);
        let count = rng.usize(..=3);
        let mut arguments: Vec<_> = (0..count).map(|_| any_text(rng, 8)).collect();
        if count == 1 {
            arguments = vec![a_topic(rng).as_str().to_owned()];
        }
        let arguments = arguments.into_iter().map(Secret::from).collect();
        let format = a_format(rng);
        if let Some(login) = Login::new(agent, arguments, format) {
            return login;
        }
    }
}

fn a_command(rng: &mut Rng) -> Command {
    let agent = an_agent(rng);
    let number = a_number(rng, &agent);
    let connection = an_id(rng);
    let secret = |rng: &mut Rng| {
        let text = any_text(rng, 8).replace(',', "");
        let text = text.trim_matches([' ', '\t']);
        (!text.is_empty()).then(|| Secret::from(text))
    };
    match *rng.choice(&Verb::ALL).unwrap() {
        Verb::Hello => Command::Hello {
            destination: a_topic(rng),
            format: a_format(rng),
        },
        Verb::Beat => Command::Beat {
            destination: a_topic(rng),
        },
        Verb::Connect => Command::Connect {
            agent,
            destination: a_topic(rng),
            password: secret(rng),
            single_sign_on: secret(rng),
        },
        Verb::Login => Command::Login(a_login(rng)),
        Verb::Logout => Command::Logout { agent },
        Verb::GetState => Command::GetState { agent },
        Verb::GetDialogState => Command::GetDialogState { agent, connection },
        Verb::MakeCall => Command::MakeCall { agent, number },
        Verb::AnswerCall => Command::AnswerCall { agent, connection },
        Verb::ReleaseCall => Command::ReleaseCall { agent, connection },
        Verb::HoldCall => Command::HoldCall { agent, connection },
        Verb::RetrieveCall => Command::RetrieveCall { agent, connection },
        Verb::BlindTransfer => Command::BlindTransfer {
            agent,
            number,
            connection,
        },
        Verb::ConsultCall => Command::ConsultCall {
            agent,
            number,
            connection,
        },
        Verb::TransferCall => Command::TransferCall {
            agent,
            number: rng.bool().then_some(number),
            connection,
        },
        Verb::ConferenceCall => Command::ConferenceCall {
            agent,
            number: rng.bool().then_some(number),
            connection,
        },
        Verb::SendDtmf => Command::SendDtmf {
            agent,
            tones: Tones::parse(&digits(rng, "#", 20)).unwrap(),
            connection,
        },
        Verb::DropParticipant => Command::DropParticipant {
            agent,
            number,
            connection,
        },
        Verb::MakeReady => Command::MakeReady { agent },
        Verb::MakeNotReady => Command::MakeNotReady { agent },
        Verb::MakeNotReadyWithReason => Command::MakeNotReadyWithReason {
            agent,
            reason: loop {
                if let Some(reason) = Reason::parse(&any_text(rng, 12)) {
                    break reason;
                }
            },
        },
    }
}

#[test]
fn every_command_is_read_as_it_was_meant() {
    let mut rng = Rng::with_seed(5);
    for round in 0..ROUNDS {
        let command = a_command(&mut rng);
        let message = encode_command(&command);
        let read = decode_command(&message, &Names::default());
        assert_eq!(
            read.as_ref(),
            Ok(&command),
            "{round}: {:?} {:?}",
            message.jms_type,
            message.body.text()
        );
        // A null text and bytes say the same.
        let body = message.body.text().unwrap_or_default();
        let bytes = CommandMessage {
            body: Body::Bytes(body.as_bytes().to_vec()),
            ..message.clone()
        };
        assert_eq!(decode_command(&bytes, &Names::default()), read);
    }
}

fn addresses(rng: &mut Rng) -> Vec<Address> {
    let count = rng.usize(..=8);
    (0..count).map(|_| an_address(rng)).collect()
}

fn an_address(rng: &mut Rng) -> Address {
    match rng.u8(..8) {
        0 => Address::default(),
        1 => Address::new(&any_text(rng, 10)),
        _ => Address::new(&digits(rng, "+", 20)),
    }
}

fn a_time(rng: &mut Rng) -> TimeText {
    if rng.u8(..8) == 0 {
        return TimeText::literal(&any_text(rng, 20));
    }
    let clock = [rng.u16(..24), rng.u16(..60), rng.u16(..60)];
    let [hour, minute, second] = clock;
    TimeText::of([
        rng.u16(1970..2100),
        rng.u16(1..13),
        rng.u16(1..29),
        hour,
        minute,
        second,
    ])
    .unwrap()
}

fn a_name(rng: &mut Rng) -> PersonName {
    PersonName::new(&any_text(rng, 12))
}

fn an_event(rng: &mut Rng) -> Event {
    let agent = an_agent(rng);
    let connection = rng.bool().then(|| an_id(rng));
    let dialog_state = *rng.choice(&DialogState::ALL).unwrap();
    match rng.u8(..7) {
        0 => Event::Network(
            *rng.choice(&[NetworkState::InService, NetworkState::OutOfService])
                .unwrap(),
        ),
        1 => Event::Terminal(TerminalReport {
            state: *rng
                .choice(&[TerminalState::InService, TerminalState::OutOfService])
                .unwrap(),
            agent: rng.bool().then_some(agent),
            terminal: rng.bool().then(|| any_text(rng, 15)),
        }),
        2 => Event::AgentInfo(AgentInfo {
            agent,
            first_name: a_name(rng),
            last_name: a_name(rng),
            full_name: a_name(rng),
            extension: an_agent(rng),
        }),
        3 => Event::AgentState(AgentReport {
            agent,
            state: *rng.choice(&AgentState::ALL).unwrap(),
            reason: any_text(rng, 8),
            since: a_time(rng),
            full_name: a_name(rng),
            extension: an_agent(rng),
            others: addresses(rng),
            connection,
        }),
        4 => Event::DialogState(DialogReport {
            agent,
            state: dialog_state,
            since: a_time(rng),
            connection,
            others: addresses(rng),
            cause: rng.bool().then(|| any_text(rng, 8)),
        }),
        5 => Event::InboundCall(InboundReport {
            agent: Some(agent),
            state: dialog_state,
            started: a_time(rng),
            connection,
            other: rng.bool().then(|| an_address(rng)),
        }),
        _ => Event::Error(ErrorReport {
            error_for: ErrorFor::sent(&any_text(rng, 40)),
            code: rng.choice(&ErrorCode::ALL).unwrap().clone(),
            message: None,
            command: rng.bool().then(|| any_text(rng, 8)),
        }),
    }
}

#[test]
fn every_event_is_written_again_as_it_was_written_first() {
    let mut rng = Rng::with_seed(7);
    for round in 0..ROUNDS {
        let event = an_event(&mut rng);
        let style = Style {
            extra: rng.bool(),
            flat_agent_state: false,
            addresses_as_strings: rng.bool(),
            literal_inbound_call: rng.bool(),
            jtapi_terminal_out: rng.bool(),
        };
        for format in [Format::Default, Format::Json] {
            let written = encode_event(&event, format, style);
            match decode_event(&written) {
                Received::Known(read, found) => {
                    assert_eq!(found, format, "{round}: {written}");
                    let again = encode_event(&read, format, style);
                    assert_eq!(again, written, "{round}: {read:?}");
                    // A second time nothing is lost.
                    assert_eq!(decode_event(&again), Received::Known(read, format));
                }
                Received::Raw(raw) => panic!("{round}: {event:?} is unknown as {raw}"),
            }
        }
        if let Event::DialogState(_) = &event {
            let all = Style {
                extra: true,
                ..style
            };
            let written = encode_event(&event, Format::Json, all);
            assert_eq!(
                decode_event(&written),
                Received::Known(event, Format::Json),
                "{written}"
            );
        }
    }
}
