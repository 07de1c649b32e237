//! Commands that are refused, and what each is answered with. [cti §3.7, §6]

use super::*;

fn hello() -> Command {
    Command::Hello {
        destination: topic("cc.a"),
        format: None,
    }
}

fn call() -> Command {
    Command::MakeCall {
        agent: agent("42031"),
        number: Dialled::parse("42032").unwrap(),
    }
}

#[test]
fn cc_34_numbers_that_are_none() {
    for (body, answer) in [
        ("", "42031#Error#MISSING_EXTENSION"),
        ("null", "42031#Error#MISSING_EXTENSION"),
        ("abc", "42031#Error#WRONG_EXTENSION"),
        ("42031", "42031#Error#INVALID_PARTY"),
        ("4-2031", "42031#Error#INVALID_PARTY"),
        ("4;2", "42031#Error#INVALID_PARTY"),
        ("42032,1", "42031#Error#PLEASE_RETRY"),
    ] {
        assert_eq!(error("MakeCall#42031", body), answer, "{body}");
        let refused = read("MakeCall#42031", body).unwrap_err();
        assert_eq!(refused.check(), Check::Arguments);
        assert_eq!(refused.agent, Some(agent("42031")));
    }
}

#[test]
fn cc_39_connection_ids_that_are_none() {
    for verb in [
        "AnswerCall",
        "ReleaseCall",
        "HoldCall",
        "RetrieveCall",
        "GetDialogState",
    ] {
        for body in ["abc", "-1", "0", "99999999999", "2147483648", "", "1,2"] {
            let kind = format!("{verb}#42031");
            assert_eq!(
                error(&kind, body),
                "42031#Error#PLEASE_RETRY",
                "{verb} {body}"
            );
        }
    }
    for (body, answer) in [
        ("", "42031#Error#MISSING_EXTENSION"),
        (",16777217", "42031#Error#MISSING_EXTENSION"),
        ("42032", "42031#Error#PLEASE_RETRY"),
        ("42032,", "42031#Error#PLEASE_RETRY"),
        ("42032,0", "42031#Error#PLEASE_RETRY"),
        ("42032,1,1", "42031#Error#PLEASE_RETRY"),
        ("x,1", "42031#Error#WRONG_EXTENSION"),
        ("42031,1", "42031#Error#INVALID_PARTY"),
    ] {
        for verb in ["Transfer_sst", "BlindTransfer", "ConsultCall"] {
            assert_eq!(
                error(&format!("{verb}#42031"), body),
                answer,
                "{verb} {body}"
            );
        }
    }
}

#[test]
fn cc_55_types_that_are_none_are_for_nobody() {
    for kind in [
        "Hello",
        "#",
        "#42031",
        "Hel lo#cc.a",
        "A#B#C",
        "Hello#cc.a#",
        "",
        "Hallö#x",
    ] {
        assert_eq!(error(kind, ""), "System#Error#PLEASE_RETRY", "{kind}");
    }
    let absent = decode_command(&CommandMessage::default(), &Names::default());
    let absent = absent.unwrap_err();
    assert_eq!(absent.why, Why::NoType);
    assert_eq!(answer(&absent), "System#Error#PLEASE_RETRY");
}

#[test]
fn cc_56_unknown_commands_are_for_who_was_named() {
    assert_eq!(error("Dance#42031", ""), "42031#Error#PLEASE_RETRY");
    assert_eq!(error("Dance#", ""), "System#Error#PLEASE_RETRY");
    for name in Verb::UNSUPPORTED {
        assert_eq!(
            error(&format!("{name}#42031"), ""),
            "42031#Error#PLEASE_RETRY"
        );
    }
}

#[test]
fn cc_57_what_is_too_long_is_refused() {
    let long = "1".repeat(BODY_MAX + 1);
    assert_eq!(error("MakeCall#42031", &long), "42031#Error#PLEASE_RETRY");
    assert_eq!(
        read("MakeCall#42031", &long).unwrap_err().why,
        Why::BodyTooLong
    );
    let whole = "ö".repeat(BODY_MAX);
    assert_eq!(
        read("MakeCall#42031", &whole).unwrap_err().code(),
        ErrorCode::WrongExtension
    );
    let kind = format!("Hello#{}", "a".repeat(9_000));
    assert_eq!(error(&kind, ""), "System#Error#PLEASE_RETRY");
    assert_eq!(read(&kind, "").unwrap_err().why, Why::TypeTooLong);
    let bytes = CommandMessage {
        body: Body::Bytes(vec![b'1'; 1 << 20]),
        ..message("MakeCall#42031", "")
    };
    let refused = decode_command(&bytes, &Names::default()).unwrap_err();
    assert_eq!(refused.why, Why::BodyTooLong);
}

#[test]
fn cc_58_bytes_are_text_and_other_kinds_are_not_looked_at() {
    let read = |body| {
        let message = CommandMessage {
            body,
            ..message("MakeCall#42031", "")
        };
        decode_command(&message, &Names::default())
    };
    assert_eq!(read(Body::Bytes(b"42032".to_vec())), Ok(call()));
    for body in [Body::Bytes(vec![0xff, 0xfe]), Body::Other] {
        let refused = read(body).unwrap_err();
        assert_eq!(answer(&refused), "42031#Error#PLEASE_RETRY");
        assert_eq!(refused.check(), Check::Grammar);
    }
}

#[test]
fn cc_60_names_that_no_client_may_have() {
    let long = "a".repeat(300);
    for name in [
        ">",
        "*",
        "cc.>",
        "a,b",
        "queue://q",
        "ActiveMQ.Advisory.Connection",
        "activemq.x",
        "Connector1",
        &long,
        "",
    ] {
        for verb in ["Hello", "Beat"] {
            assert_eq!(
                error(&format!("{verb}#{name}"), ""),
                "System#Error#PLEASE_RETRY",
                "{name}"
            );
        }
    }
    for name in [">", "queue://q", "Connector1"] {
        assert_eq!(
            error("Login#42031", name),
            "42031#Error#PLEASE_RETRY",
            "{name}"
        );
        assert_eq!(
            error("Connect#42031", name),
            "42031#Error#PLEASE_RETRY",
            "{name}"
        );
    }
    let mut nameless = message("Hello#", "");
    nameless.reply_to = Some("topic://cc.a".into());
    assert_eq!(decode_command(&nameless, &Names::default()), Ok(hello()));
    nameless.reply_to = Some("temp-topic://ID:h-1-2:1".into());
    assert!(decode_command(&nameless, &Names::default()).is_err());
}

#[test]
fn a_refusal_has_a_code_that_its_command_may_be_answered_with() {
    let bodies = [
        "",
        ",",
        "abc",
        "1",
        "1,2",
        "1,2,3,4,5",
        "x,y",
        "42031,1",
        ">",
        "4;2,1",
    ];
    for verb in Verb::ALL {
        for who in ["", "42031", "4203x", "4;2", ">"] {
            for body in bodies {
                let kind = format!("{}#{who}", verb.word());
                if let Err(refused) = read(&kind, body) {
                    assert!(
                        refused.code().may_answer(verb),
                        "{kind} {body}: {refused:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_refusal_says_whose_topic_its_error_may_go_to() {
    let found = |kind: &str, body: &str| {
        let refused = read(kind, body).expect_err(kind);
        (refused.agent, refused.destination)
    };
    let topic_a = || Some(topic("cc.a"));
    assert_eq!(found("Dance#42031", ""), (Some(agent("42031")), None));
    assert_eq!(found("MakeCall#42031", "x"), (Some(agent("42031")), None));
    assert_eq!(found("Hello#cc.a", "xml"), (None, topic_a()));
    assert_eq!(found("Hello#>", ""), (None, None));
    assert_eq!(found("Login#4203x", "cc.a"), (None, topic_a()));
    assert_eq!(found("Login#4203x", "cc.a,json"), (None, topic_a()));
    assert_eq!(found("Login#4203x", "cc.a,user,pin"), (None, topic_a()));
    // The sister's password and extension: nothing may be sent to a topic of that name.
    assert_eq!(found("Login#4203x", "secret,42031"), (None, None));
    assert_eq!(found("Connect#", "cc.a,secret"), (None, topic_a()));
    let kind = CommandMessage {
        body: Body::Other,
        ..message("MakeCall#42031", "")
    };
    let refused = decode_command(&kind, &Names::default()).unwrap_err();
    assert_eq!(refused.agent, Some(agent("42031")));
}
