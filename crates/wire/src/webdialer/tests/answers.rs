use super::*;
use crate::soap::{ENCODING_NS, Envelope};
use crate::xml::{Document, Element, Limits, parse};

/// What Cisco's sample answers say.
fn sample_answers() -> Vec<(&'static str, &'static [u8], Answer)> {
    let detail = |name: &str, line: &str, description: &str, model: &str| DeviceDetail {
        name: name.to_owned(),
        lines: vec![line.to_owned()],
        description: description.to_owned(),
        model: model.to_owned(),
    };
    vec![
        (
            "makeCallSoap",
            fixture!("cisco-makeCallSoap-answer"),
            Answer::MakeCall(ResponseCode::Success.into()),
        ),
        (
            "endCallSoap",
            fixture!("cisco-endCallSoap-answer"),
            Answer::EndCall(ResponseCode::Success.into()),
        ),
        (
            "getProfileSoap",
            fixture!("cisco-getProfileSoap-answer"),
            Answer::GetProfile {
                outcome: ResponseCode::Success.into(),
                devices: vec![DeviceLines {
                    name: "IPCMRAEU5UCM5X7".to_owned(),
                    lines: vec!["1251 ; no partition".to_owned()],
                }],
            },
        ),
        (
            "getProfileDetailSoap",
            fixture!("cisco-getProfileDetailSoap-answer"),
            Answer::GetProfileDetail {
                outcome: ResponseCode::Success.into(),
                devices: vec![
                    detail(
                        "CSFuserBill",
                        "1001 ; no partition",
                        "",
                        "Cisco Unified Client services Framework",
                    ),
                    detail(
                        "SEPE8B7480316D6",
                        "1000 ; no partition",
                        "SEPE8B7480316D6",
                        "Cisco 6961",
                    ),
                    detail(
                        "SEPF01FAF38ABC2",
                        "1002 ; no partition",
                        "",
                        "Cisco IP Communicator",
                    ),
                ],
            },
        ),
        (
            "isClusterUserSoap",
            fixture!("cisco-isClusterUserSoap-answer"),
            Answer::IsClusterUser(true),
        ),
        (
            "getPrimaryLine",
            fixture!("cisco-getPrimaryLine-answer"),
            Answer::GetPrimaryLine("1002".to_owned()),
        ),
    ]
}

#[test]
fn ciscos_sample_answers_are_understood() {
    for (name, body, expected) in sample_answers() {
        let operation = Operation::from_name(name).unwrap();
        assert_eq!(decode_answer(operation, body, None), Ok(expected), "{name}");
    }
}

/// An element with everything it refers to, in a form that does not depend on ids, prefixes, the
/// order of attributes, or white space.
fn canonical<'d>(envelope: &Envelope<'d>, element: Element<'d>) -> String {
    let without_prefix = |value: &str| value.rsplit(':').next().unwrap_or_default().to_owned();
    let referred = envelope.resolve(element).unwrap();
    let mut attributes: Vec<_> = referred
        .attributes()
        .filter(|attribute| attribute.name != "id")
        .map(|attribute| format!("{}={}", attribute.name, without_prefix(attribute.value)))
        .collect();
    attributes.sort();
    let by = if referred.index() == element.index() {
        ""
    } else {
        " by reference"
    };
    let children: Vec<_> = referred
        .children()
        .map(|child| canonical(envelope, child))
        .collect();
    format!(
        "{:?} {}{by} {attributes:?} {:?} {children:?}",
        element.namespace(),
        element.name(),
        referred.text().trim()
    )
}

#[test]
fn our_answers_are_ciscos_samples_without_the_white_space() {
    let canonical_of = |bytes: &[u8]| {
        let document: Document<'_> = parse(bytes, None, &Limits::ANSWER).unwrap();
        let envelope = Envelope::open_answer(&document).unwrap();
        canonical(&envelope, envelope.operation())
    };
    for (name, sample, answer) in sample_answers() {
        let ours = encode_answer(Dialect::Wd70, Some("urn:WD70"), &answer);
        assert_eq!(canonical_of(&ours), canonical_of(sample), "{name}");
    }
}

#[test]
fn every_rpc_answer_types_its_scalars_and_has_no_space_between_elements() {
    for dialect in [Dialect::Wd70, Dialect::Legacy] {
        for (_, _, answer) in sample_answers() {
            let refusal =
                Answer::refusal(answer.operation(), ResponseCode::AuthenticationError.into());
            for answer in [&answer, &refusal] {
                let bytes = encode_answer(dialect, None, answer);
                let text = std::str::from_utf8(&bytes).unwrap();
                assert!(!text.contains("> <") && !text.contains('\n'), "{text}");
                let document = parse(&bytes, None, &Limits::ANSWER).unwrap();
                let body = document.root().child("Body").unwrap();
                for element in body.descendants() {
                    let scalar =
                        element.children().next().is_none() && element.attribute("href").is_none();
                    let typed = element.attribute_in(XSI_NS, "type").is_some();
                    assert!(typed || !scalar, "{} in {text}", element.name());
                }
                let second = body.children().nth(1);
                if answer.outcome().is_some() {
                    let second = second.unwrap();
                    assert_eq!(
                        second.attribute("id"),
                        Some("id0"),
                        "the object comes first"
                    );
                    assert_eq!(second.attribute_in(ENCODING_NS, "root"), Some("0"));
                    let code = second.child("responseCode").unwrap();
                    let by_reference =
                        dialect == Dialect::Legacy || answer.operation() == Operation::GetProfile;
                    assert_eq!(code.attribute("href").is_some(), by_reference);
                } else {
                    assert!(second.is_none());
                }
            }
        }
    }
}

/// Compares with a file under `testdata/webdialer/`, or writes it when `CORDBOARD_BLESS` is set.
fn compare(name: &str, bytes: &[u8]) {
    let path = format!(
        "{}/testdata/webdialer/{name}.xml",
        env!("CARGO_MANIFEST_DIR")
    );
    if std::env::var_os("CORDBOARD_BLESS").is_some() {
        let mut file = bytes.to_vec();
        file.push(b'\n');
        std::fs::write(&path, file).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    assert_eq!(
        String::from_utf8_lossy(bytes),
        expected.trim_end(),
        "{name}"
    );
}

#[test]
fn our_answers_are_these_bytes() {
    let two = vec!["1001 ; PT_A".to_owned(), "1002 ; no partition".to_owned()];
    let answers = [
        Answer::MakeCall(ResponseCode::Success.into()),
        Answer::GetProfile {
            outcome: ResponseCode::Success.into(),
            devices: vec![
                DeviceLines {
                    name: "SEPA".to_owned(),
                    lines: two.clone(),
                },
                DeviceLines {
                    name: "CSFBILL".to_owned(),
                    lines: vec!["1001 ; PT_A".to_owned()],
                },
            ],
        },
        Answer::GetProfileDetail {
            outcome: ResponseCode::Success.into(),
            devices: vec![
                DeviceDetail {
                    name: "SEPA".to_owned(),
                    lines: two,
                    description: "desk <A> & Müller".to_owned(),
                    model: "Cisco 8845".to_owned(),
                },
                DeviceDetail {
                    name: "SEPB".to_owned(),
                    ..DeviceDetail::default()
                },
            ],
        },
        Answer::IsClusterUser(true),
        Answer::GetPrimaryLine("1001".to_owned()),
    ];
    for (dialect, short) in [
        (Dialect::Wd70, "wd70"),
        (Dialect::Legacy, "legacy"),
        (Dialect::Axis2, "axis2"),
    ] {
        for answer in &answers {
            let bytes = encode_answer(dialect, Some(dialect.namespace()), answer);
            compare(
                &format!("ours-{short}-{}-answer", answer.operation().name()),
                &bytes,
            );
        }
    }
    let none = Answer::GetProfileDetail {
        outcome: Outcome::with_text(ResponseCode::CallFailure, TEXT_NO_DEVICE_IN_DETAIL),
        devices: Vec::new(),
    };
    let bytes = encode_answer(Dialect::Wd70, Some("urn:WD70"), &none);
    compare("ours-wd70-empty-getProfileDetailSoap-answer", &bytes);
    let bytes = encode_answer(Dialect::Wd70, None, &Answer::GetPrimaryLine(String::new()));
    compare("ours-wd70-empty-getPrimaryLine-answer", &bytes);
}

#[test]
fn the_wrapper_repeats_the_namespace_of_the_request() {
    let answer = Answer::MakeCall(ResponseCode::Success.into());
    for (namespace, start, end) in [
        (
            Some("urn:WebdialerSoap"),
            "<ns1:makeCallSoapResponse ",
            "</ns1:makeCallSoapResponse>",
        ),
        (
            Some("a\"<&"),
            "xmlns:ns1=\"a&quot;&lt;&amp;\"><makeCallSoapReturn",
            "</ns1:",
        ),
        (
            None,
            "<soapenv:Body><makeCallSoapResponse soapenv:encodingStyle=",
            "</makeCallSoapResponse>",
        ),
    ] {
        let text = String::from_utf8(encode_answer(Dialect::Wd70, namespace, &answer)).unwrap();
        assert!(text.contains(start) && text.contains(end), "{text}");
        assert!(
            text.contains(":CallResponse\" xmlns:soapenc=")
                && text.contains("=\"urn:WD70\"><responseCode")
        );
        assert_eq!(
            decode_answer(Operation::MakeCall, text.as_bytes(), None),
            Ok(answer.clone())
        );
    }
}

#[test]
fn answers_in_every_dialect_read_back_as_what_was_written() {
    for (_, _, answer) in sample_answers() {
        for code in ResponseCode::ALL {
            let refusal = Answer::refusal(answer.operation(), code.into());
            for dialect in Dialect::ALL {
                for answer in [&answer, &refusal] {
                    let bytes = encode_answer(dialect, None, answer);
                    let read = decode_answer(answer.operation(), &bytes, None);
                    assert_eq!(read.as_ref(), Ok(answer), "{dialect:?}");
                }
            }
        }
    }
}

#[test]
fn answers_are_read_by_local_name_whatever_their_namespaces() {
    let body = fixture!("axis2-slash-getProfileDetailSoap-answer");
    let answer = decode_answer(Operation::GetProfileDetail, body, None).unwrap();
    let Answer::GetProfileDetail { outcome, devices } = answer else {
        panic!("another operation");
    };
    assert_eq!(outcome, ResponseCode::Success.into());
    assert_eq!(devices.len(), 2);
    assert_eq!(
        devices[0].lines,
        ["1000 ; Global Learned E164 Numbers", "1001 ; no partition"]
    );
    assert_eq!(devices[0].model, "Cisco Unified Client Services Framework");
    assert_eq!(
        (devices[1].name.as_str(), devices[1].lines.len()),
        ("SEPA", 0)
    );
}

#[test]
fn answers_that_are_none_are_told_apart() {
    let read = |body: &str| decode_answer(Operation::MakeCall, body.as_bytes(), None);
    assert!(matches!(read("Not here"), Err(AnswerError::Xml(_))));
    for (body, missing) in [
        (
            "<html><body>Sign in</body></html>".to_owned(),
            "SOAP envelope",
        ),
        (envelope(""), "SOAP envelope"),
        (envelope("<pong/>"), "response element"),
        (envelope("<endCallSoapResponse/>"), "response element"),
        (envelope("<makeCallSoapResponse/>"), "result"),
        (
            envelope("<makeCallSoapResponse><r/></makeCallSoapResponse>"),
            "response code",
        ),
        (
            envelope(
                "<makeCallSoapResponse><r><responseCode>x</responseCode></r></makeCallSoapResponse>",
            ),
            "response code",
        ),
    ] {
        assert_eq!(
            read(&body),
            Err(AnswerError::NotThisProtocol(missing)),
            "{body}"
        );
    }
    let fault = AnswerError::Fault {
        code: "ns1:Client.NoSOAPAction".to_owned(),
        string: "no SOAPAction header!".to_owned(),
    };
    let bytes = crate::soap::Fault::no_soap_action().encode("h");
    assert_eq!(decode_answer(Operation::MakeCall, &bytes, None), Err(fault));
    let newer = "<e:Envelope xmlns:e='http://www.w3.org/2003/05/soap-envelope'><e:Body><e:Fault><e:Code><e:Value>e:Sender</e:Value></e:Code><e:Reason><e:Text>no</e:Text></e:Reason></e:Fault></e:Body></e:Envelope>";
    let fault = AnswerError::Fault {
        code: "e:Sender".to_owned(),
        string: "no".to_owned(),
    };
    assert_eq!(read(newer), Err(fault));
    let odd = envelope(
        "<makeCallSoapResponse><r><responseCode>42</responseCode></r></makeCallSoapResponse>",
    );
    let expected = Outcome::with_text(ResponseCode::Other(42), "");
    assert_eq!(read(&odd), Ok(Answer::MakeCall(expected)));
}
