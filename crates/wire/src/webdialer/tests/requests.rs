use super::*;
use crate::soap::FaultCode;

#[test]
fn ciscos_sample_requests_are_understood() {
    let user = |name: &str| Some(name.to_owned());
    let table = [
        (
            fixture!("cisco-makeCallSoap-request"),
            make_call(profile(Some("?"))),
        ),
        (
            fixture!("cisco-endCallSoap-request"),
            Request::EndCall {
                credential: bill(),
                profile: profile(Some("1002")),
            },
        ),
        (
            fixture!("cisco-getProfileSoap-request"),
            Request::GetProfile {
                credential: Credential {
                    token: None,
                    user_id: user("testAppUser"),
                    password: Some(Secret::from("password")),
                },
                user: user("johndoe"),
            },
        ),
        (
            fixture!("cisco-getProfileDetailSoap-request"),
            Request::GetProfileDetail { credential: bill() },
        ),
        (
            fixture!("cisco-isClusterUserSoap-request"),
            Request::IsClusterUser {
                user: user("johndoe"),
            },
        ),
        (
            fixture!("cisco-getPrimaryLine-request"),
            Request::GetPrimaryLine { credential: bill() },
        ),
    ];
    for (body, expected) in table {
        for dialect in Dialect::ALL {
            let decoded = decode(dialect, body);
            assert_eq!(decoded.request, expected);
            assert_eq!(decoded.namespace.as_deref(), Some("urn:WD70"));
        }
    }
}

#[test]
fn every_known_client_is_understood_at_every_address() {
    let line = "1002 ; no partition";
    let with_locale = UserProfile {
        locale: Some("English".to_owned()),
        ..profile(Some(line))
    };
    let table: [(&[u8], Request, &str); 13] = [
        (
            fixture!("zeep-wd70-makeCallSoap-request"),
            make_call(with_locale.clone()),
            "urn:WD70",
        ),
        (
            fixture!("zeep-legacy-makeCallSoap-request"),
            make_call(with_locale.clone()),
            "urn:WebdialerSoap",
        ),
        (
            fixture!("zeep-axis2-makeCallSoap-request"),
            make_call(with_locale.clone()),
            "http://webdialer.ccm.cisco.com",
        ),
        (
            fixture!("suds-wd70-makeCallSoap-request"),
            make_call(with_locale.clone()),
            "urn:WD70",
        ),
        (
            fixture!("suds-legacy-makeCallSoap-request"),
            make_call(with_locale.clone()),
            "urn:WebdialerSoap",
        ),
        (
            fixture!("suds-axis2-makeCallSoap-request"),
            make_call(with_locale.clone()),
            "http://webdialer.ccm.cisco.com",
        ),
        (
            fixture!("node-wd70-makeCallSoap-request"),
            make_call(profile(Some(line))),
            "urn:WD70",
        ),
        (
            fixture!("node-legacy-makeCallSoap-request"),
            make_call(profile(Some(line))),
            "urn:WebdialerSoap",
        ),
        (
            fixture!("node-axis2-makeCallSoap-request"),
            make_call(profile(Some(line))),
            "http://webdialer.ccm.cisco.com",
        ),
        (
            fixture!("soaplite-makeCallSoap-request"),
            make_call(profile(Some("1002 ; Pärtçe"))),
            "urn:WD70",
        ),
        (
            fixture!("axis-multiref-makeCallSoap-request"),
            make_call(UserProfile {
                support_em: true,
                ..with_locale.clone()
            }),
            "urn:WD70",
        ),
        (
            fixture!("phpmap-makeCallSoap-request"),
            make_call(profile(Some(line))),
            "urn:WD70",
        ),
        (
            fixture!("axis2-makeCallSoap-request"),
            make_call(with_locale),
            "http://webdialer.ccm.cisco.com",
        ),
    ];
    for (index, (body, expected, namespace)) in table.into_iter().enumerate() {
        for dialect in Dialect::ALL {
            let decoded = decode(dialect, body);
            assert_eq!(decoded.request, expected, "{index} {dialect:?}");
            assert_eq!(decoded.namespace.as_deref(), Some(namespace), "{index}");
        }
    }
    let decoded = decode(Dialect::Legacy, fixture!("dotnet-endCallSoap-request"));
    let expected = Request::EndCall {
        credential: bill(),
        profile: profile(Some("1002")),
    };
    assert_eq!(decoded.request, expected);
}

#[test]
fn quirks_heaped_on_one_another_are_all_forgiven() {
    let decoded = decode(Dialect::Wd70, fixture!("quirks-makeCallSoap-request"));
    let expected = Request::MakeCall {
        credential: Credential {
            password: Some(Secret::from(" p<w ")),
            ..bill()
        },
        destination: Some("1002".to_owned()),
        profile: UserProfile {
            user: Some("müller & Söhne".to_owned()),
            support_em: true,
            ..profile(Some("?"))
        },
    };
    assert_eq!(decoded.request, expected);
    assert_eq!(decoded.namespace, None);
}

#[test]
fn arguments_are_found_by_name_and_otherwise_by_position() {
    let credential = "<userID>bill</userID><password>123</password>";
    let whose = "<user>bill</user><deviceName>SEPF01FAF38ABC2</deviceName>";
    let expected = make_call(profile(None));
    for body in [
        // Names of the other dialects, in order and not.
        format!(
            "<makeCallSoap><cred>{credential}</cred><dest>1002</dest><prof>{whose}</prof></makeCallSoap>"
        ),
        format!(
            "<makeCallSoap><args2>{whose}</args2><in1>1002</in1><cred>{credential}</cred></makeCallSoap>"
        ),
        // No name that anybody knows.
        format!("<makeCallSoap><a>{credential}</a><b>1002</b><c>{whose}</c></makeCallSoap>"),
        // A mixture: what is named is taken first.
        format!(
            "<makeCallSoap><in0>{credential}</in0><b>1002</b><c>{whose}</c><d>x</d></makeCallSoap>"
        ),
        // The last of several wins.
        format!(
            "<makeCallSoap><in0><userID>ann</userID></in0><in1>1002</in1><in2>{whose}</in2><in0>{credential}</in0></makeCallSoap>"
        ),
    ] {
        assert_eq!(request(&body), expected, "{body}");
    }
    assert_eq!(
        request(&format!(
            "<endCallSoap><cred>{credential}</cred><prof>{whose}</prof></endCallSoap>"
        )),
        Request::EndCall {
            credential: bill(),
            profile: profile(None)
        }
    );
    for name in ["in0", "userid", "args0", "whatever"] {
        assert_eq!(
            request(&format!(
                "<isClusterUserSoap><{name}> BILL\n</{name}></isClusterUserSoap>"
            )),
            Request::IsClusterUser {
                user: Some("BILL".to_owned())
            }
        );
    }
}

#[test]
fn what_is_empty_nil_or_dangling_is_absent() {
    let nobody = Request::IsClusterUser { user: None };
    for body in [
        "<isClusterUserSoap/>",
        "<isClusterUserSoap><in0/></isClusterUserSoap>",
        "<isClusterUserSoap><in0> \n </in0></isClusterUserSoap>",
        "<isClusterUserSoap><in0 xsi:nil='true'/></isClusterUserSoap>",
        "<isClusterUserSoap><in0 xsi:nil='1'>x</in0></isClusterUserSoap>",
        "<isClusterUserSoap><in0 href='#none'/></isClusterUserSoap>",
        "<isClusterUserSoap><in0 href='#a'/></isClusterUserSoap><m id='a' href='#b'/><m id='b' href='#a'/>",
    ] {
        assert_eq!(request(body), nobody, "{body}");
    }
    let Request::GetPrimaryLine { credential } = request(
        "<getPrimaryLine><in0><token/><userID> </userID><password></password></in0></getPrimaryLine>",
    ) else {
        panic!("another operation");
    };
    let expected = Credential {
        password: Some(Secret::default()),
        ..Credential::default()
    };
    assert_eq!(credential, expected);
    assert_eq!(
        request("<getPrimaryLine/>"),
        Request::GetPrimaryLine {
            credential: Credential::default()
        }
    );
}

#[test]
fn two_objects_that_refer_to_each_other_end_in_nothing() {
    let body = "<makeCallSoap><in0 href='#a'/><in1>1</in1><in2 href='#b'/></makeCallSoap><m id='a'><userID href='#b'/></m><m id='b'><user href='#a'/></m>";
    let Request::MakeCall {
        credential,
        profile,
        ..
    } = request(body)
    else {
        panic!("another operation");
    };
    assert_eq!(credential, Credential::default());
    assert_eq!(profile, UserProfile::default());
}

#[test]
fn a_password_is_never_trimmed_and_a_token_always() {
    let body = "<getPrimaryLine><in0><token>\n TOK </token><userID>\tbill </userID><password xsi:type='xsd:int'> 123\n</password></in0></getPrimaryLine>";
    let expected = Credential {
        token: Some(Secret::from("TOK")),
        user_id: Some("bill".to_owned()),
        password: Some(Secret::from(" 123\n")),
    };
    assert_eq!(
        request(body),
        Request::GetPrimaryLine {
            credential: expected
        }
    );
}

#[test]
fn text_labelled_base64_is_decoded_when_it_is_and_taken_as_it_is_otherwise() {
    let table = [
        ("SsO2cmc=", "Jörg"),
        ("SsO2\n  cmc=", "Jörg"),
        ("not base64!", "not base64!"),
        ("/w==", "/w=="),
        // Base64, but of no text that XML could carry.
        ("AAAA", "AAAA"),
    ];
    for (sent, expected) in table {
        for label in ["xsd:base64Binary", "soapenc:base64", "base64Binary"] {
            let body = format!(
                "<isClusterUserSoap><in0 xsi:type='{label}'>{sent}</in0></isClusterUserSoap>"
            );
            let expected = Request::IsClusterUser {
                user: Some(expected.to_owned()),
            };
            assert_eq!(request(&body), expected);
        }
    }
}

#[test]
fn a_request_may_come_in_any_charset_that_stacks_use() {
    let text = envelope("<isClusterUserSoap><in0>müller</in0></isClusterUserSoap>");
    let expected = Request::IsClusterUser {
        user: Some("müller".to_owned()),
    };
    let wide: Vec<u8> = std::iter::once(0xFEFF)
        .chain(text.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let latin: Vec<u8> = text.chars().map(|c| u32::from(c) as u8).collect();
    let mut marked = vec![0xEF, 0xBB, 0xBF];
    marked.extend_from_slice(text.as_bytes());
    for (body, content_type) in [
        (text.as_bytes(), None),
        (text.as_bytes(), Some("application/json")),
        (&wide, Some("text/xml; charset=utf-16")),
        (&latin, Some("text/xml;charset=\"ISO-8859-1\"")),
        (&marked, Some("text/xml")),
    ] {
        let decoded = decode_request(Dialect::Wd70, body, content_type, None).unwrap();
        assert_eq!(decoded.request, expected);
    }
}

#[test]
fn faults_say_what_the_original_says() {
    let fault = |dialect, body: &str| {
        let fault = decode_request(dialect, body.as_bytes(), None, Some("\"urn:x\"")).unwrap_err();
        assert_eq!(fault.status, 500);
        (fault.code, fault.string)
    };
    let table = [
        (
            envelope("<frobnicate/>"),
            FaultCode::AxisClient,
            "No such operation 'frobnicate'",
        ),
        (
            envelope("<MakeCallSoap/>"),
            FaultCode::AxisClient,
            "No such operation 'MakeCallSoap'",
        ),
        (
            envelope(""),
            FaultCode::UserException,
            "java.lang.Exception: Body not found.",
        ),
        (
            String::new(),
            FaultCode::UserException,
            "org.xml.sax.SAXParseException; lineNumber: 1; columnNumber: 1; Premature end of file.",
        ),
        (
            "hello".to_owned(),
            FaultCode::UserException,
            "org.xml.sax.SAXParseException; lineNumber: 1; columnNumber: 1; Content is not allowed in prolog.",
        ),
        (
            "<s:Envelope xmlns:s='x'>\n<s:Bo".to_owned(),
            FaultCode::UserException,
            "org.xml.sax.SAXParseException; lineNumber: 2; columnNumber: 6; XML document structures must start and end within the same entity.",
        ),
        (
            "<!DOCTYPE x [<!ENTITY y 'z'>]><x>&y;</x>".to_owned(),
            FaultCode::UserException,
            "org.xml.sax.SAXException: Processing instructions are not allowed within SOAP messages",
        ),
        (
            "<e:Envelope xmlns:e='http://www.w3.org/2003/05/soap-envelope'/>".to_owned(),
            FaultCode::VersionMismatch,
            "Version Mismatch",
        ),
    ];
    for (body, code, string) in table {
        for dialect in [Dialect::Wd70, Dialect::Legacy] {
            assert_eq!(fault(dialect, &body), (code, string.to_owned()), "{body}");
        }
        if code == FaultCode::UserException {
            assert_eq!(
                fault(Dialect::Axis2, &body),
                (FaultCode::Server, string.to_owned())
            );
        }
    }
    let (code, string) = fault(Dialect::Axis2, &envelope("<frobnicate/>"));
    assert_eq!(code, FaultCode::Client);
    assert!(string.starts_with(
        "The endpoint reference (EPR) for the Operation not found is /webdialer/services/webdialer and the WSA Action = urn:x."
    ));
}

#[test]
fn requests_in_every_dialect_read_back_as_what_was_written() {
    let full = UserProfile {
        support_em: true,
        dont_auto_close: true,
        dont_show_call_conf: true,
        locale: Some("de <&\"> ü".to_owned()),
        ..profile(Some("1001 ; PT_A"))
    };
    let token = Credential {
        token: Some(Secret::from("TOK-BILL")),
        user_id: None,
        password: Some(Secret::default()),
    };
    let requests = [
        make_call(full.clone()),
        make_call(profile(None)),
        Request::EndCall {
            credential: token.clone(),
            profile: full,
        },
        Request::GetProfile {
            credential: bill(),
            user: None,
        },
        Request::GetProfile {
            credential: bill(),
            user: Some("j\u{1F600}".to_owned()),
        },
        Request::GetProfileDetail {
            credential: token.clone(),
        },
        Request::GetPrimaryLine { credential: token },
        Request::IsClusterUser {
            user: Some("bill".to_owned()),
        },
    ];
    for request in requests {
        for dialect in Dialect::ALL {
            let bytes = encode_request(dialect, &request);
            let decoded = decode(dialect, &bytes);
            assert_eq!(decoded.request, request, "{dialect:?}");
            assert_eq!(decoded.namespace.as_deref(), Some(dialect.namespace()));
        }
    }
}

#[test]
fn our_requests_are_as_strict_as_the_original_wants_them() {
    let text =
        |dialect, request: &Request| String::from_utf8(encode_request(dialect, request)).unwrap();
    let call = make_call(profile(Some("1001 ; PT_A")));
    let wd70 = text(Dialect::Wd70, &call);
    assert!(wd70.ends_with(
        "<soapenv:Body><wd:makeCallSoap soapenv:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\" xmlns:wd=\"urn:WD70\"><in0 xsi:type=\"wd:Credential\"><userID xsi:type=\"xsd:string\">bill</userID><password xsi:type=\"xsd:string\">123</password></in0><in1 xsi:type=\"xsd:string\">1002</in1><in2 xsi:type=\"wd:UserProfile\"><user xsi:type=\"xsd:string\">bill</user><deviceName xsi:type=\"xsd:string\">SEPF01FAF38ABC2</deviceName><lineNumber xsi:type=\"xsd:string\">1001 ; PT_A</lineNumber></in2></wd:makeCallSoap></soapenv:Body></soapenv:Envelope>"
    ), "{wd70}");
    let legacy = text(Dialect::Legacy, &call);
    assert_eq!(
        legacy,
        wd70.replace("urn:WD70", "urn:WebdialerSoap")
            .replace("in0", "cred")
            .replace("in1", "dest")
            .replace("in2", "prof")
    );
    let axis2 = text(Dialect::Axis2, &call);
    assert!(axis2.ends_with(
        "<wd:args2><wd:user>bill</wd:user><wd:deviceName>SEPF01FAF38ABC2</wd:deviceName><wd:lineNumber>1001 ; PT_A</wd:lineNumber><wd:supportEM>false</wd:supportEM><wd:locale></wd:locale><wd:dontAutoClose>false</wd:dontAutoClose><wd:dontShowCallConf>false</wd:dontShowCallConf></wd:args2></wd:makeCallSoap></soapenv:Body></soapenv:Envelope>"
    ), "{axis2}");
    // A token stands alone in W70; Axis2's schema wants the other two beside it. [webdialer §10]
    let token = Request::GetPrimaryLine {
        credential: Credential {
            token: Some(Secret::from("T")),
            ..Credential::default()
        },
    };
    assert!(text(Dialect::Wd70, &token).contains(
        "<in0 xsi:type=\"wd:Credential\"><token xsi:type=\"xsd:string\">T</token></in0>"
    ));
    assert!(text(Dialect::Axis2, &token).contains("<wd:args0><wd:userID></wd:userID><wd:password></wd:password><wd:token>T</wd:token></wd:args0>"));
}

#[test]
fn a_request_that_unfolds_without_end_is_answered_at_once() {
    // Every argument and every field refers to one long list of things that refer to it again.
    let mut body = String::from(
        "<makeCallSoap><in0 href='#x'/><in1 href='#x'/><in2 href='#x'/></makeCallSoap><m id='x'>",
    );
    for _ in 0..2000 {
        body.push_str("<item href='#x'/>");
    }
    body.push_str("</m>");
    assert!(matches!(request(&body), Request::MakeCall { .. }));
    let mut list =
        String::from("<getProfileSoapResponse><r><responseCode>0</responseCode><deviceInfoList>");
    for _ in 0..2000 {
        list.push_str("<item href='#d'/>");
    }
    list.push_str(
        "</deviceInfoList></r></getProfileSoapResponse><m id='d'><deviceName>x</deviceName><lines>",
    );
    for _ in 0..2000 {
        list.push_str("<item>1001</item>");
    }
    list.push_str("</lines></m>");
    let answer = decode_answer(Operation::GetProfile, envelope(&list).as_bytes(), None).unwrap();
    let Answer::GetProfile { devices, .. } = answer else {
        panic!("another operation");
    };
    let lines: usize = devices.iter().map(|device| device.lines.len()).sum();
    assert!(lines < 100_000, "{lines}");
}
