use super::*;
use crate::Secret;

const CALLER: &str =
    "<appInfo><appID>emproxy</appID><appCertificate>Pr0xy!</appCertificate></appInfo>";

fn request(operation: &str) -> String {
    format!("<request>{CALLER}{operation}</request>")
}

fn query(operation: &str) -> String {
    format!("<query>{CALLER}{operation}</query>")
}

fn read(text: &str) -> Result<Ask, Code> {
    let message = decode_request(text, Grammar::default());
    message.map(|m| m.ask).map_err(|refused| refused.code)
}

fn read_leniently(text: &str) -> Result<Ask, Code> {
    let grammar = Grammar {
        lenient: true,
        ..Grammar::default()
    };
    let message = decode_request(text, grammar);
    message.map(|m| m.ask).map_err(|refused| refused.code)
}

fn login(duration: Option<Duration>) -> Ask {
    Ask::Login(Login {
        device: "D1".into(),
        user: "jdoe".into(),
        profile: None,
        duration,
    })
}

const LOGIN: &str = "<login><deviceName>D1</deviceName><userID>jdoe</userID></login>";

#[test]
fn every_operation_is_read() {
    let all = request(
        "<login><deviceName> D1 </deviceName><userID>em%40x</userID><deviceProfile>P</deviceProfile>\
         <exclusiveDuration><time>90</time></exclusiveDuration><remoteIPAddr>10.0.0.1</remoteIPAddr>\
         <isViaHeaderSet>true</isViaHeaderSet></login>",
    );
    let message = decode_request(&all, Grammar::default()).unwrap();
    assert_eq!(
        message,
        Message {
            caller: Caller {
                id: "emproxy".into(),
                certificate: Certificate::Password(Secret::from("Pr0xy!")),
            },
            ask: Ask::Login(Login {
                device: "D1".into(),
                user: "em%40x".into(),
                profile: Some("P".into()),
                duration: Some(Duration::Minutes(90)),
            }),
            remote_address: Some("10.0.0.1".into()),
            via: true,
        }
    );
    let devices = vec!["D1".to_owned(), "D9".to_owned(), "D1".to_owned()];
    let listed =
        "<deviceName>D1</deviceName><deviceName>D9</deviceName><deviceName>D1</deviceName>";
    let users = vec!["a".to_owned(), String::new()];
    for (text, ask) in [
        (
            request("<logout><deviceName>D1</deviceName></logout>"),
            Ask::Logout {
                device: "D1".into(),
            },
        ),
        (request("<logoutAll/>"), Ask::LogoutAll),
        (request("<logoutAll> </logoutAll>"), Ask::LogoutAll),
        (
            query(&format!(
                "<deviceUserQuery>{listed}<loginType>UID</loginType></deviceUserQuery>"
            )),
            Ask::DeviceUser(devices),
        ),
        (
            query("<userDevicesQuery><userID>a</userID><userID/></userDevicesQuery>"),
            Ask::UserDevices(users.clone()),
        ),
        (
            query("<deviceProfileQuery><userID>a</userID><userID> </userID></deviceProfileQuery>"),
            Ask::DeviceProfile(users.clone()),
        ),
        (
            query(
                "<userDeviceProfileQuery><userID>a</userID><userID></userID></userDeviceProfileQuery>",
            ),
            Ask::DeviceProfile(users.clone()),
        ),
        (
            query("<checkUser><userID>a</userID><userID/></checkUser>"),
            Ask::CheckUser(users),
        ),
    ] {
        assert_eq!(read(&text), Ok(ask), "{text}");
    }
}

#[test]
fn what_the_grammar_does_not_have_is_a_parse_error() {
    let cases = [
        request("<login><deviceName>D1</deviceName></login>"),
        request("<login><deviceName> </deviceName><userID>jdoe</userID></login>"),
        request(
            "<login><deviceName>D1</deviceName><deviceName>D1</deviceName><userID>a</userID></login>",
        ),
        request(&format!("{LOGIN}{LOGIN}")),
        request(""),
        request("<loginn/>"),
        request("text<logoutAll/>"),
        request(LOGIN).replace("appInfo>", "appinfo>"),
        request(LOGIN).replace("request>", "foo>"),
        request(LOGIN).replace(CALLER, ""),
        format!("<request>{CALLER}{CALLER}{LOGIN}</request>"),
        request(LOGIN).replace("<appCertificate>Pr0xy!</appCertificate>", ""),
        request(LOGIN)[..60].to_owned(),
        format!(
            "<!DOCTYPE request SYSTEM \"http://127.0.0.1/x.dtd\">{}",
            request(LOGIN)
        ),
        format!("<!DOCTYPE r [<!ENTITY a \"&a;\">]>{}", request(LOGIN)),
        query("<checkUser/>"),
        String::new(),
    ];
    for text in cases {
        assert_eq!(read(&text), Err(Code::Parse), "{text}");
    }
    assert_eq!(read(&query("<whoIsThere/>")), Err(Code::UnknownQuery));
    assert_eq!(read(&query("")), Err(Code::UnknownQuery));
    assert_eq!(read("<emccRequest/>"), Err(Code::CrossCluster));
}

#[test]
fn order_matters_unless_the_grammar_is_lenient() {
    let swapped = request("<login><userID>jdoe</userID><deviceName>D1</deviceName><x/></login>");
    assert_eq!(read(&swapped), Err(Code::Parse));
    assert_eq!(read_leniently(&swapped), Ok(login(None)));
    let last = format!("<request>{LOGIN}<extra/>{CALLER}</request>");
    assert_eq!(read(&last), Err(Code::Parse));
    assert_eq!(read_leniently(&last), Ok(login(None)));
    assert_eq!(
        read_leniently(&request(&format!("{LOGIN}<logoutAll/>"))),
        Err(Code::Parse)
    );
    assert_eq!(
        read_leniently(&query("<whoIsThere/>")),
        Err(Code::UnknownQuery)
    );
}

#[test]
fn declarations_attributes_comments_and_sections_are_taken_unless_a_prolog_is_rejected() {
    let plain = request(LOGIN);
    let declared = format!("\n <?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n{plain}");
    let spaced = plain.replace("<request>", "<request xmlns=\"urn:x\" a=\"b\">");
    let prefixed = plain.replace("<request>", "<request xmlns:xsi=\"urn:x\">");
    let section = plain.replace(">jdoe<", "><![CDATA[jdoe]]><!-- c --><?p i?><");
    let reject = Grammar {
        reject_prolog: true,
        ..Grammar::default()
    };
    for text in [&plain, &declared, &spaced, &prefixed, &section] {
        assert_eq!(read(text), Ok(login(None)), "{text}");
    }
    for text in [&declared, &spaced, &prefixed] {
        let refused = decode_request(text, reject).unwrap_err();
        assert_eq!(refused.code, Code::Parse, "{text}");
    }
    assert!(decode_request(&plain, reject).is_ok() && decode_request(&section, reject).is_ok());
}

#[test]
fn durations_are_whole_minutes() {
    let with = |inner: &str| {
        read(&request(&LOGIN.replace(
            "</login>",
            &format!("<exclusiveDuration>{inner}</exclusiveDuration></login>"),
        )))
    };
    let minutes = |n| Ok(login(Some(Duration::Minutes(n))));
    let indefinite = Ok(login(Some(Duration::Indefinite)));
    assert_eq!(with("<time> 90 </time>"), minutes(90));
    assert_eq!(with("<time>35791394</time>"), minutes(35_791_394));
    assert_eq!(with("<time>0</time>"), indefinite);
    assert_eq!(with("<indefinite></indefinite>"), indefinite);
    for wrong in [
        "",
        "<time>1</time><indefinite/>",
        "<time>-1</time>",
        "<time>+1</time>",
        "<time>1.5</time>",
        "<time>abc</time>",
        "<time/>",
        "<time>35791395</time>",
        "<time>99999999999999999999</time>",
    ] {
        assert_eq!(with(wrong), Err(Code::Parse), "{wrong}");
    }
}

#[test]
fn a_password_is_taken_as_it_is() {
    let text = request(LOGIN).replace("Pr0xy!", " <![CDATA[a+b&c<d]]>%e ");
    let message = decode_request(&text, Grammar::default()).unwrap();
    let Certificate::Password(password) = message.caller.certificate else {
        panic!("a password");
    };
    assert_eq!(password.expose(), " a+b&c<d%e ");
}

#[test]
fn the_root_is_known_before_the_document_is_read() {
    assert_eq!(
        root_of("\u{feff}\n<?xml version='1.0'?><!-- x --><request a='b'>"),
        Root::Request
    );
    assert_eq!(root_of("<query/>"), Root::Query);
    for other in [
        "",
        "<",
        "<requests>",
        "<?xml",
        "x<request>",
        "<!DOCTYPE request>",
    ] {
        assert_eq!(root_of(other), Root::Other, "{other}");
    }
}

#[test]
fn older_releases_know_less() {
    let four = Grammar {
        compat: Compat::Four,
        ..Grammar::default()
    };
    let code = |text: &str| decode_request(text, four).map_err(|refused| refused.code);
    assert_eq!(code(&request("<logoutAll/>")).unwrap_err(), Code::Parse);
    for name in ["checkUser", "deviceProfileQuery"] {
        let text = query(&format!("<{name}><userID>a</userID></{name}>"));
        assert_eq!(code(&text).unwrap_err(), Code::UnknownQuery);
    }
    assert!(code(&request(LOGIN)).is_ok());
}

#[test]
fn answers_are_one_tag_a_line() {
    let write = |answer, to_request| encode_answer(&answer, to_request, Compat::Modern);
    assert_eq!(
        write(Answer::Success, true),
        "<?xml version=\"1.0\"?>\n<response>\n<success/>\n</response>\n"
    );
    assert_eq!(
        encode_failure(Code::Occupied, "a<b&\"c", true, Compat::Modern),
        "<?xml version=\"1.0\"?>\n<response>\n<failure>\n<error code=\"18\">a&lt;b&amp;&quot;c</error>\n</failure>\n</response>\n"
    );
    let on = |user: Option<&str>, last: Option<&str>| {
        DeviceState::Known(KnownDevice {
            user: user.map(str::to_owned),
            last: last.map(str::to_owned),
            cross_cluster: Some(false),
        })
    };
    let devices = Answer::DeviceUser(vec![
        ("D\"1".into(), on(Some("jdoe"), None)),
        ("D2".into(), on(None, Some("em@cisco.com"))),
        ("D9".into(), DeviceState::Unknown),
    ]);
    assert_eq!(
        write(devices.clone(), false),
        "<response>\n<deviceUserResults>\n<device name=\"D&quot;1\">\n<userID>jdoe</userID>\n<none/>\n<emccDevice>no</emccDevice>\n\
         </device>\n<device name=\"D2\">\n<none/>\n<lastlogin>em%40cisco.com</lastlogin>\n<emccDevice>no</emccDevice>\n</device>\n\
         <device name=\"D9\">\n<doesNotExist/>\n</device>\n</deviceUserResults>\n</response>\n"
    );
    assert_eq!(
        encode_answer(&devices, false, Compat::Four),
        "<response>\n<deviceUserResults>\n<device name=\"D&quot;1\">\n<userID>jdoe</userID>\n</device>\n<device name=\"D2\">\n<none/>\n\
         </device>\n<device name=\"D9\">\n<doesNotExist/>\n</device>\n</deviceUserResults>\n</response>\n"
    );
    let profiles = Answer::DeviceProfile(vec![
        (
            "a@b".into(),
            Ok(vec![ProfileOf {
                name: "P".into(),
                is_default: true,
            }]),
        ),
        (
            "c".into(),
            Err(Failure {
                code: Some(Code::NoSuchUser),
                text: "x".into(),
            }),
        ),
    ]);
    assert_eq!(
        write(profiles, false),
        "<response>\n<deviceProfileResults>\n<user id=\"a%40b\">\n<deviceProfile>\n<deviceProfileName>P</deviceProfileName>\n\
         <isDefaultDeviceProfile>t</isDefaultDeviceProfile>\n</deviceProfile>\n</user>\n<user id=\"c\">\n<failure>\n\
         <error code=\"23\">x</error>\n</failure>\n</user>\n</deviceProfileResults>\n</response>\n"
    );
    assert_eq!(
        encode_failure(Code::InvalidCaller, "no", false, Compat::Four),
        "<response>\n<failure>\n<errorMessage>no</errorMessage>\n</failure>\n</response>\n"
    );
}

#[test]
fn case_c3_device_answers_of_either_generation_and_in_any_order_are_the_same_device() {
    let device = |inner: &str| {
        let text = format!(
            "<response><deviceUserResults><device name='D'>{inner}</device></deviceUserResults></response>"
        );
        match decode_answer(text.as_bytes(), None) {
            Ok(Answer::DeviceUser(mut devices)) => devices.remove(0).1,
            other => panic!("{other:?}"),
        }
    };
    let known = |user: Option<&str>, last: Option<&str>, cross_cluster| {
        DeviceState::Known(KnownDevice {
            user: user.map(str::to_owned),
            last: last.map(str::to_owned),
            cross_cluster,
        })
    };
    assert_eq!(
        device("<userID>a%40b</userID>"),
        known(Some("a@b"), None, None)
    );
    assert_eq!(device("<none/>"), known(None, None, None));
    let both = known(Some("a"), Some("b"), Some(false));
    assert_eq!(
        device("<userID>a</userID><lastlogin>b</lastlogin><emccDevice>no</emccDevice>"),
        both
    );
    assert_eq!(
        device("<emccDevice>no</emccDevice><lastlogin>b</lastlogin><userID>a</userID>"),
        both
    );
    assert_eq!(
        device("<none/><lastlogin>b</lastlogin><emccDevice>yes</emccDevice>"),
        known(None, Some("b"), Some(true))
    );
    assert_eq!(device("<doesNotExist/>"), DeviceState::Unknown);
}

#[test]
fn cases_c4_c5_c8_and_c9_failures_of_every_kind_and_layout_are_read() {
    let read = |text: &str| decode_answer(text.as_bytes(), None);
    let old =
        read("<response><failure><errorMessage>no such luck</errorMessage></failure></response>");
    let failure = Failure {
        code: None,
        text: "no such luck".into(),
    };
    assert_eq!(old, Ok(Answer::Failure(failure)));
    let nested = read(
        "<response><deviceProfileResults><user id=\"g\"><failure><error code=\"23\">x</error></failure></user></deviceProfileResults></response>",
    );
    let failure = Failure {
        code: Some(Code::NoSuchUser),
        text: "x".into(),
    };
    assert_eq!(
        nested,
        Ok(Answer::DeviceProfile(vec![("g".into(), Err(failure))]))
    );
    let unknown = read(
        "\u{feff}<response>\r\n  <failure>\r\n    <error code=\"99\"> y </error>\r\n  </failure>\r\n</response>",
    );
    let failure = Failure {
        code: Some(Code::Other(99)),
        text: "y".into(),
    };
    assert_eq!(unknown, Ok(Answer::Failure(failure)));
    assert!(matches!(
        read("<html><body>500</body></html>"),
        Err(AnswerError::NotOurs)
    ));
    assert!(matches!(read("not at all"), Err(AnswerError::NotXml(_))));
}

#[test]
fn case_c7_an_escaped_user_is_read_as_he_is_called() {
    let text = "<response><checkUserResults><user id=\"em%40cisco.com\"><exists>em%40cisco.com</exists></user></checkUserResults></response>";
    let known = UserState::Known("em@cisco.com".to_owned());
    let expected = Answer::CheckUser(vec![("em@cisco.com".into(), known)]);
    assert_eq!(decode_answer(text.as_bytes(), None), Ok(expected));
}

#[test]
fn whatever_a_document_holds_it_is_read_or_refused() {
    let seeds = [
        request(LOGIN),
        query("<checkUser><userID>a</userID></checkUser>"),
    ];
    for seed in &seeds {
        for end in 0..=seed.len() {
            fuzz::harness(&seed.as_bytes()[..end]);
        }
        for at in 0..seed.len() {
            for byte in [b'<', b'>', b'&', b'/', 0, 0xff] {
                let mut bytes = seed.clone().into_bytes();
                bytes[at] = byte;
                fuzz::harness(&bytes);
                fuzz::answer_harness(&bytes);
            }
        }
    }
}
