//! Commands, as clients write them and as they should not. [cti §3]

use super::*;
use crate::Secret;

fn hello(name: &str, format: Option<Format>) -> Command {
    Command::Hello {
        destination: topic(name),
        format,
    }
}

fn call(number: &str) -> Command {
    Command::MakeCall {
        agent: agent("42031"),
        number: Dialled::parse(number).expect(number),
    }
}

fn login(arguments: &[&str], format: Option<Format>) -> Command {
    let arguments = arguments.iter().map(|text| Secret::from(*text)).collect();
    Command::Login(Login::new(agent("42031"), arguments, format).expect("a login"))
}

#[test]
fn cc_02_hello_in_other_letter_cases_with_blanks_braces_and_a_prefix() {
    for kind in [
        "Hello#cc.a",
        "hElLo # cc.a ",
        "HELLO#{cc.a}",
        "Hello#topic://cc.a",
        "\tHello\t#\t{ cc.a }",
    ] {
        assert_eq!(read(kind, ""), Ok(hello("cc.a", None)), "{kind}");
    }
}

#[test]
fn cc_03_hello_chooses_a_format_by_its_body() {
    assert_eq!(
        read("Hello#cc.a", "json"),
        Ok(hello("cc.a", Some(Format::Json)))
    );
    assert_eq!(
        read("Hello#cc.a", "{JSON}"),
        Ok(hello("cc.a", Some(Format::Json)))
    );
    assert_eq!(
        read("Hello#cc.a", "default"),
        Ok(hello("cc.a", Some(Format::Default)))
    );
    assert_eq!(error("Hello#cc.a", "xml"), "System#Error#PLEASE_RETRY");
}

#[test]
fn cc_04_hello_chooses_a_format_by_a_property_unless_its_body_does() {
    let read = |body, property: &str| {
        let mut message = message("Hello#cc.a", body);
        message.format = Some(property.to_owned());
        decode_command(&message, &Names::default())
    };
    assert_eq!(read("", "json"), Ok(hello("cc.a", Some(Format::Json))));
    assert_eq!(
        read("default", "json"),
        Ok(hello("cc.a", Some(Format::Default)))
    );
    assert_eq!(read("", "xml"), Ok(hello("cc.a", None)));
}

#[test]
fn cc_05_beat_names_a_topic_too() {
    let beat = |name| Command::Beat {
        destination: topic(name),
    };
    assert_eq!(read("Beat#cc.n", ""), Ok(beat("cc.n")));
    assert_eq!(error("Beat#cc.n", "json"), "System#Error#PLEASE_RETRY");
}

#[test]
fn cc_07_an_answer_may_be_asked_to_a_temporary_queue() {
    let mut message = message("Hello#cc.a", "");
    message.reply_to = Some("temp-queue://ID:host-1-2:1".into());
    let reply = message.reply(&Names::default());
    assert_eq!(reply, Some(ReplyTo::TemporaryQueue("ID:host-1-2:1".into())));
}

#[test]
fn cc_08_a_named_queue_is_told_from_a_topic() {
    let mut message = message("Hello#cc.a", "");
    message.reply_to = Some("queue://q1".into());
    let reply = message.reply(&Names::default());
    assert_eq!(reply, Some(ReplyTo::Queue("q1".into())));
}

#[test]
fn cc_09_a_command_past_its_time_is_known_by_its_header() {
    let mut message = message("Hello#cc.a", "");
    message.expiration_ms = 1_000;
    assert!(message.is_expired(1_050));
    message.expiration_ms = 60_000;
    assert!(!message.is_expired(1_050));
}

#[test]
fn cc_12_a_login_is_read_in_every_form_about() {
    let names = Names::default();
    let parts = |body: &str| match read("Login#42031", body) {
        Ok(Command::Login(login)) => (
            login.destination(&names).map(|topic| topic.to_string()),
            login.user().map(str::to_owned),
            login.secret().map(|secret| secret.expose().to_owned()),
            login.format(),
        ),
        other => panic!("{body}: {other:?}"),
    };
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(parts("cc.a"), (text("cc.a"), None, None, None));
    assert_eq!(
        parts("cc.a,dummy,dummy"),
        (text("cc.a"), text("dummy"), text("dummy"), None)
    );
    assert_eq!(parts(""), (None, None, None, None));
    assert_eq!(parts("json"), (None, None, None, Some(Format::Json)));
    assert_eq!(
        parts("cc.a,agent42031,12345,default"),
        (
            text("cc.a"),
            text("agent42031"),
            text("12345"),
            Some(Format::Default)
        )
    );
    assert_eq!(parts("s*cret,42031"), (None, text("42031"), None, None));
    assert_eq!(parts("cc.a,,"), (text("cc.a"), None, None, None));
    assert_eq!(error("Login#42031", "a,b,c,d"), "42031#Error#PLEASE_RETRY");
    let connect = Command::Connect {
        agent: agent("42031"),
        destination: topic("cc.a"),
        password: Some(Secret::from("secret")),
        single_sign_on: None,
    };
    assert_eq!(read("Connect#42031", "cc.a,secret"), Ok(connect));
    assert_eq!(error("Connect#42031", ""), "42031#Error#PLEASE_RETRY");
    assert_eq!(error("Connect#", "cc.a"), "System#Error#PLEASE_RETRY");
    assert_eq!(error("Connect#jdoe", "cc.a"), "jdoe#Error#PLEASE_RETRY");
}

#[test]
fn cc_15_a_login_without_an_agent_or_with_letters_in_it() {
    assert_eq!(error("Login#", "cc.a"), "System#Error#MISSING_EXTENSION");
    assert_eq!(error("Login#4203x", "cc.a"), "4203x#Error#WRONG_EXTENSION");
    assert_eq!(
        read("Login#77777", "cc.a").unwrap().agent(),
        Some(&agent("77777"))
    );
    assert_eq!(error("Login#4;2", "cc.a"), "4;2#Error#PLEASE_RETRY");
    assert_eq!(read("Login#4203x", "").unwrap_err().check(), Check::Agent);
}

#[test]
fn cc_17_users_and_pins_never_print() {
    let command = read("Login#42031", "cc.a,agent42031,12345").unwrap();
    let Command::Login(login) = &command else {
        panic!("{command:?}");
    };
    assert_eq!(login.user(), Some("agent42031"));
    assert_eq!(login.secret(), Some(&Secret::from("12345")));
    assert!(!format!("{command:?}").contains("12345"));
    let connect = read("Connect#42031", "cc.a,s3cret,t0ken").unwrap();
    let printed = format!("{connect:?}");
    assert!(!printed.contains("s3cret") && !printed.contains("t0ken"));
}

#[test]
fn cc_32_letter_case_blanks_braces_and_what_people_put_into_numbers() {
    assert_eq!(read("makecall# 42031 ", " 42032 "), Ok(call("42032")));
    assert_eq!(read("MakeCall#42031", "{42032}"), Ok(call("42032")));
    assert_eq!(read("MakeCall#42031", "4-20 32"), Ok(call("42032")));
}

#[test]
fn cc_43_a_transfer_takes_the_id_alone_or_behind_a_number() {
    let transfer = |number: Option<&str>| Command::TransferCall {
        agent: agent("42032"),
        number: number.map(|number| Dialled::parse(number).unwrap()),
        connection: id(16_777_218),
    };
    let read = |body| read("TransferCall#42032", body);
    assert_eq!(read("16777218"), Ok(transfer(None)));
    assert_eq!(read("32033,16777218"), Ok(transfer(Some("32033"))));
    assert_eq!(error("TransferCall#42032", ""), "42032#Error#PLEASE_RETRY");
    assert_eq!(
        error("TransferCall#42032", ",1"),
        "42032#Error#PLEASE_RETRY"
    );
}

#[test]
fn cc_44_a_conference_in_three_letter_cases() {
    for name in ["ConferenceCall", "Conferencecall", "CONFERENCECALL"] {
        let command = read(&format!("{name}#42032"), "16777218").unwrap();
        assert_eq!(command.verb(), Verb::ConferenceCall);
    }
    assert_eq!(Verb::of("SST"), None);
}

#[test]
fn cc_51_the_service_knows_which_commands_want_a_network() {
    let without: Vec<_> = Verb::ALL
        .into_iter()
        .filter(|verb| !verb.needs_network())
        .collect();
    assert_eq!(
        without,
        [Verb::Hello, Verb::Beat, Verb::Connect, Verb::Logout]
    );
}

#[test]
fn cc_59_a_null_text_is_an_empty_one() {
    let read = |kind: &str| {
        let message = CommandMessage {
            body: Body::Text(None),
            ..message(kind, "")
        };
        decode_command(&message, &Names::default())
    };
    assert_eq!(read("Hello#cc.a"), Ok(hello("cc.a", None)));
    let logout = Command::Logout {
        agent: agent("42031"),
    };
    assert_eq!(read("Logout#42031"), Ok(logout));
}

#[test]
fn cc_62_digits_of_other_scripts_are_none_and_users_are_utf_8() {
    assert_eq!(
        error("MakeCall#42031", "４２０３２"),
        "42031#Error#INVALID_PARTY"
    );
    let command = read("Login#42031", "cc.a,jörg,12345").unwrap();
    assert!(matches!(&command, Command::Login(login) if login.user() == Some("jörg")));
}

#[test]
fn cc_63_a_correlation_id_is_returned_unchanged_or_not_at_all() {
    let mut message = message("Hello#cc.a", "");
    let long = "\"ü".repeat(100);
    message.correlation_id = Some(long.clone());
    assert_eq!(message.correlation(), Some(&*long));
    message.correlation_id = Some("x".repeat(256));
    assert!(message.correlation().is_some());
    message.correlation_id = Some("x".repeat(300));
    assert_eq!(message.correlation(), None);
}

#[test]
fn cc_65_some_commands_may_be_carried_out_twice() {
    let twice: Vec<_> = Verb::ALL
        .into_iter()
        .filter(|verb| verb.is_repeatable())
        .collect();
    assert_eq!(
        twice,
        [
            Verb::Hello,
            Verb::Beat,
            Verb::GetState,
            Verb::GetDialogState
        ]
    );
}

#[test]
fn the_extras_are_read() {
    let agent = || agent("42031");
    let tones = Command::SendDtmf {
        agent: agent(),
        tones: Tones::parse("12#").unwrap(),
        connection: id(7),
    };
    assert_eq!(read("senddtmf#42031", "12#,7"), Ok(tones));
    assert_eq!(error("SendDTMF#42031", "x,7"), "42031#Error#PLEASE_RETRY");
    assert_eq!(error("SendDTMF#42031", "7"), "42031#Error#PLEASE_RETRY");
    let drop = Command::DropParticipant {
        agent: agent(),
        number: Dialled::parse("32033").unwrap(),
        connection: id(7),
    };
    assert_eq!(read("DropParticipant#42031", "32033,7"), Ok(drop));
    let reason = Command::MakeNotReadyWithReason {
        agent: agent(),
        reason: Reason::parse("Lunch 2").unwrap(),
    };
    assert_eq!(
        read("MakeNotReadyWithReason#42031", " Lunch 2 "),
        Ok(reason)
    );
    for body in ["", "a|b", "a,b", &"x".repeat(REASON_MAX + 1)] {
        assert_eq!(
            error("MakeNotReadyWithReason#42031", body),
            "42031#Error#PLEASE_RETRY"
        );
    }
    assert!(read("MakeReady#42031", "").is_ok() && read("MakeNotReady#42031", "").is_ok());
    assert_eq!(error("MakeReady#42031", "x"), "42031#Error#PLEASE_RETRY");
}

#[test]
fn every_name_is_read_in_any_letter_case_and_written_in_the_vendors() {
    for verb in Verb::ALL {
        assert_eq!(Verb::of(&verb.word().to_uppercase()), Some(verb));
        assert_eq!(Verb::of(&verb.word().to_lowercase()), Some(verb));
    }
    assert_eq!(Verb::of("blindtransfer"), Some(Verb::BlindTransfer));
    assert_eq!(Verb::BlindTransfer.word(), "Transfer_sst");
}

#[test]
fn a_login_that_cannot_be_said_is_not_made() {
    let make = |arguments: &[&str]| {
        let arguments = arguments.iter().map(|text| Secret::from(*text)).collect();
        Login::new(agent("42031"), arguments, None)
    };
    assert_eq!(
        login(&["cc.a", "{x", "y}"], Some(Format::Json)).verb(),
        Verb::Login
    );
    assert!(make(&["{a", "b}"]).is_some() && make(&["null"]).is_some() && make(&[]).is_some());
    for arguments in [
        &["cc.a", "a,b"][..],
        &["cc.a", " b"],
        &["cc.a", "u", "json"],
        &["a", "b", "c", "d"],
        &[""],
        &["cc.a", "u", &"x".repeat(BODY_MAX)],
    ] {
        assert!(make(arguments).is_none(), "{arguments:?}");
    }
}
