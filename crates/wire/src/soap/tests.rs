use super::*;
use crate::xml::{Document, Limits, parse};

fn document(body: &str) -> String {
    format!("<e:Envelope xmlns:e=\"{ENVELOPE_NS}\"><e:Body>{body}</e:Body></e:Envelope>")
}

fn read(text: &str) -> Document<'_> {
    parse(text.as_bytes(), None, &Limits::REQUEST).unwrap()
}

fn refusal(text: &str) -> Fault {
    Envelope::open_request(&read(text)).unwrap_err()
}

/// The text of each of the operation's arguments.
fn arguments(body: &str) -> Vec<Option<String>> {
    let text = document(body);
    let document = read(&text);
    let envelope = Envelope::open_request(&document).unwrap();
    envelope
        .children(envelope.operation())
        .map(|argument| envelope.text(argument).map(|text| text.into_owned()))
        .collect()
}

#[test]
fn references_resolve_before_and_after_their_use_and_in_steps() {
    let body = "<m id='before'>1</m><op><a href='#before'/><a href='#after'/><a href='#step'/><a>2</a></op><m id='step' href='#after'/><m id='after'>3</m>";
    let texts: Vec<_> = arguments(body).into_iter().flatten().collect();
    assert_eq!(texts, ["1", "3", "3", "2"]);
}

#[test]
fn circles_missing_ids_and_other_documents_read_as_absent() {
    let body = "<op><a href='#x'/><a href='#none'/><a href='http://evil/'/><a href=''/><a id='self' href='#self'/></op><m id='x' href='#y'/><m id='y' href='#x'/>";
    assert_eq!(arguments(body), vec![None; 5]);
}

#[test]
fn nil_reads_as_absent_whatever_its_prefix_stands_for() {
    let body = format!(
        "<op><a xmlns:i='{XSI_NS}' i:nil='true'>x</a><a xsi:nil='1'/><a xsi:nil='false'>y</a><a nil='true'>z</a></op>"
    );
    assert_eq!(
        arguments(&body),
        [None, None, Some("y".to_owned()), Some("z".to_owned())]
    );
}

#[test]
fn of_two_elements_with_one_id_the_first_is_meant() {
    let body = "<op><a href='#x'/></op><m id='x'>1</m><m id='x'>2</m>";
    assert_eq!(arguments(body), [Some("1".to_owned())]);
}

#[test]
fn a_message_that_unfolds_exponentially_costs_no_more_than_its_length() {
    // Each of thirty levels refers twice to the next: 2^30 leaves.
    let mut body = "<op><a href='#l0'/></op>".to_owned();
    for level in 0..30 {
        let next = level + 1;
        body += &format!("<m id='l{level}'><a href='#l{next}'/><a href='#l{next}'/></m>");
    }
    body += "<m id='l30'>x</m>";
    let text = document(&body);
    let document = read(&text);
    let envelope = Envelope::open_request(&document).unwrap();
    let mut stack = vec![envelope.operation()];
    let mut steps = 0;
    while let Some(element) = stack.pop() {
        steps += 1;
        stack.extend(envelope.children(element));
    }
    assert!(steps < text.len() * 4 + 2048, "{steps}");
}

#[test]
fn a_foreign_envelope_is_told_which_one_is_understood() {
    for namespace in [SOAP12_ENVELOPE_NS, "urn:other"] {
        let text = format!("<e:Envelope xmlns:e=\"{namespace}\"><e:Body/></e:Envelope>");
        let fault = refusal(&text);
        assert_eq!(fault.code, FaultCode::VersionMismatch);
        let encoded = String::from_utf8(fault.encode("h")).unwrap();
        assert!(encoded.contains("<faultcode>soapenv:VersionMismatch</faultcode><faultstring>Version Mismatch</faultstring>"));
        assert!(encoded.contains(&format!(
            "<soapenv:Header><ns0:Upgrade xmlns:ns0=\"{SOAP12_ENVELOPE_NS}\"><ns0:SupportedEnvelope qname=\"ns1:Envelope\" xmlns:ns1=\"{ENVELOPE_NS}\"/></ns0:Upgrade></soapenv:Header>"
        )));
    }
    assert!(
        refusal("<html/>")
            .string
            .ends_with("Bad envelope tag:  html")
    );
}

#[test]
fn a_body_without_an_operation_is_not_found() {
    let none = format!("<e:Envelope xmlns:e=\"{ENVELOPE_NS}\"><e:Header/></e:Envelope>");
    for text in [
        document(""),
        document(" <!-- x --> "),
        document("<m id='x'/>"),
        none,
    ] {
        let fault = refusal(&text);
        assert_eq!(fault.code, FaultCode::UserException);
        assert_eq!(fault.string, "java.lang.Exception: Body not found.");
    }
}

#[test]
fn a_header_that_must_be_understood_is_named_unless_it_is_for_somebody_else() {
    let with = |attributes: &str| {
        format!(
            "<e:Envelope xmlns:e='{ENVELOPE_NS}'><e:Header><t:tx xmlns:t='urn:t' {attributes}/></e:Header><e:Body><op/></e:Body></e:Envelope>"
        )
    };
    let fault = refusal(&with("e:mustUnderstand='1'"));
    assert_eq!(fault.code, FaultCode::MustUnderstand);
    assert_eq!(
        fault.string,
        "Did not understand \"MustUnderstand\" header(s):{urn:t}tx"
    );
    for fine in [
        "",
        "e:mustUnderstand='0'",
        "e:mustUnderstand='1' e:actor='urn:x'",
    ] {
        let text = with(fine);
        assert!(Envelope::open_request(&read(&text)).is_ok(), "{fine}");
    }
}

#[test]
fn faults_are_written_as_axis_writes_them() {
    let encoded = |fault: Fault| String::from_utf8(fault.encode("label")).unwrap();
    let shell = |inner: &str| {
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><soapenv:Envelope xmlns:soapenv=\"{ENVELOPE_NS}\" xmlns:xsd=\"{XSD_NS}\" xmlns:xsi=\"{XSI_NS}\"><soapenv:Body><soapenv:Fault>{inner}</soapenv:Fault></soapenv:Body></soapenv:Envelope>"
        )
    };
    assert_eq!(
        encoded(Fault::no_such_operation("a<b")),
        shell(
            "<faultcode xmlns:ns1=\"http://xml.apache.org/axis/\">ns1:Client</faultcode><faultstring>No such operation 'a&lt;b'</faultstring><detail><ns2:hostname xmlns:ns2=\"http://xml.apache.org/axis/\">label</ns2:hostname></detail>"
        )
    );
    assert_eq!(
        encoded(Fault::body_not_found()),
        shell(
            "<faultcode>soapenv:Server.userException</faultcode><faultstring>java.lang.Exception: Body not found.</faultstring><detail><ns1:hostname xmlns:ns1=\"http://xml.apache.org/axis/\">label</ns1:hostname></detail>"
        )
    );
    assert_eq!(
        encoded(Fault::axis2_no_such_operation(
            "/webdialer/services/webdialer",
            Some("")
        )),
        shell(
            "<faultcode>soapenv:Client</faultcode><faultstring>The endpoint reference (EPR) for the Operation not found is /webdialer/services/webdialer and the WSA Action = null. If this EPR was previously reachable, please contact the server administrator.</faultstring><detail/>"
        )
    );
    assert_eq!(Fault::axis2_no_service("/x").status, 404);
    assert_eq!(Fault::no_service("Nope").status, 500);
}
