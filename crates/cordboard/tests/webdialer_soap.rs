//! The conformance cases of WebDialer that concern SOAP and the HTTP edge, by their numbers. [webdialer §14]

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use common::{Response, Server};
use cordboard::ops::config::{Config, DialRule};

const FIXTURE: &str = include_str!("common/webdialer.toml");
const W70: &str = "/webdialer/services/WebdialerSoapService70";
const LEG: &str = "/webdialer/services/WebdialerSoapService";
const AX2: &str = "/webdialer/services/webdialer";
const ENC: &str = "http://schemas.xmlsoap.org/soap/encoding/";

async fn server() -> Server {
    server_with(|_| {}).await
}

async fn server_with(change: impl FnOnce(&mut Config)) -> Server {
    Server::start(FIXTURE, change).await
}

// --- requests ----------------------------------------------------------------------------------------------------------

fn envelope(body: &str) -> String {
    format!(
        "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:u=\"urn:WD70\" \
         xmlns:l=\"urn:WebdialerSoap\" xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><e:Body>{body}</e:Body></e:Envelope>"
    )
}

fn w70(operation: &str, arguments: &str) -> String {
    envelope(&format!(
        "<u:{operation} e:encodingStyle=\"{ENC}\">{arguments}</u:{operation}>"
    ))
}

fn credential(user: &str, password: &str) -> String {
    format!(
        "<in0 xsi:type=\"u:Credential\"><userID xsi:type=\"xsd:string\">{user}</userID>\
         <password xsi:type=\"xsd:string\">{password}</password></in0>"
    )
}

fn destination(number: &str) -> String {
    format!("<in1 xsi:type=\"xsd:string\">{number}</in1>")
}

fn profile(argument: &str, user: &str, device: &str, line: &str) -> String {
    format!(
        "<{argument} xsi:type=\"u:UserProfile\"><user xsi:type=\"xsd:string\">{user}</user>\
         <deviceName xsi:type=\"xsd:string\">{device}</deviceName>\
         <lineNumber xsi:type=\"xsd:string\">{line}</lineNumber></{argument}>"
    )
}

/// bill calls 1002 from SEPA's line `1001 ; PT_A`.
fn bills_call() -> String {
    w70(
        "makeCallSoap",
        &(credential("bill", "123")
            + &destination("1002")
            + &profile("in2", "bill", "SEPA", "1001 ; PT_A")),
    )
}

fn call_with(credential: &str, profile: &str) -> String {
    w70(
        "makeCallSoap",
        &format!("{credential}{}{profile}", destination("1002")),
    )
}

fn end_call(device: &str, line: &str) -> String {
    w70(
        "endCallSoap",
        &(credential("bill", "123") + &profile("in1", "bill", device, line)),
    )
}

// --- answers -----------------------------------------------------------------------------------------------------------

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?><soapenv:Envelope \
    xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" \
    xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><soapenv:Body>";
const TAIL: &str = "</soapenv:Body></soapenv:Envelope>";

/// The whole answer to makeCallSoap or endCallSoap on the W70 address.
fn outcome(operation: &str, namespace: &str, code: u8, text: &str) -> String {
    let wrapper = match namespace {
        "" => (
            format!("<{operation}Response soapenv:encodingStyle=\"{ENC}\">"),
            format!("</{operation}Response>"),
        ),
        ns => (
            format!("<ns1:{operation}Response soapenv:encodingStyle=\"{ENC}\" xmlns:ns1=\"{ns}\">"),
            format!("</ns1:{operation}Response>"),
        ),
    };
    let prefix = if namespace.is_empty() { "ns1" } else { "ns2" };
    format!(
        "{HEAD}{}<{operation}Return href=\"#id0\"/>{}<multiRef id=\"id0\" soapenc:root=\"0\" \
         soapenv:encodingStyle=\"{ENC}\" xsi:type=\"{prefix}:CallResponse\" xmlns:soapenc=\"{ENC}\" xmlns:{prefix}=\"urn:WD70\">\
         <responseCode xsi:type=\"xsd:int\">{code}</responseCode>\
         <responseDescription xsi:type=\"xsd:string\">{text}</responseDescription></multiRef>{TAIL}",
        wrapper.0, wrapper.1
    )
}

fn made(response: &Response, code: u8, text: &str) {
    assert_eq!(response.status, 200);
    assert_eq!(
        response.header("content-type"),
        Some("text/xml;charset=utf-8")
    );
    assert_eq!(
        response.body,
        outcome("makeCallSoap", "urn:WD70", code, text)
    );
}

fn ok(response: &Response) {
    made(response, 0, "Success");
}

fn missing(response: &Response) {
    made(response, 5, "Missing parameters in the request");
}

fn ended(response: &Response, code: u8, text: &str) {
    assert_eq!(
        (response.status, &response.body),
        (200, &outcome("endCallSoap", "urn:WD70", code, text))
    );
}

fn fault(response: &Response, code: &str, string: &str) {
    assert_eq!(response.status, 500);
    assert_eq!(
        response.header("content-type"),
        Some("text/xml;charset=utf-8")
    );
    let code = match code.strip_prefix("ns1:") {
        Some(_) => {
            format!("<faultcode xmlns:ns1=\"http://xml.apache.org/axis/\">{code}</faultcode>")
        }
        None => format!("<faultcode>{code}</faultcode>"),
    };
    let expected =
        format!("<soapenv:Body><soapenv:Fault>{code}<faultstring>{string}</faultstring><detail>");
    assert!(response.body.contains(&expected), "{}", response.body);
    assert!(
        response.body.contains("hostname") && response.body.contains(">cordboard<"),
        "{}",
        response.body
    );
}

/// What the back end saw: device, line, number dialled.
async fn seen(server: &Server, response: &Response) -> (String, String, String) {
    let call = server.call_of(response).await;
    let caller = &call["connections"][0];
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    (
        text(&caller["device"]),
        text(&caller["number"]),
        text(&call["dialled"]),
    )
}

fn saw(device: &str, line: &str, dialled: &str) -> (String, String, String) {
    (device.to_owned(), line.to_owned(), dialled.to_owned())
}

async fn is_cluster_user(argument: &str) -> Response {
    server()
        .await
        .soap(W70, &w70("isClusterUserSoap", argument))
        .await
}

fn boolean(value: bool) -> String {
    format!(
        "{HEAD}<ns1:isClusterUserSoapResponse soapenv:encodingStyle=\"{ENC}\" xmlns:ns1=\"urn:WD70\">\
         <isClusterUserSoapReturn xsi:type=\"xsd:boolean\">{value}</isClusterUserSoapReturn>\
         </ns1:isClusterUserSoapResponse>{TAIL}"
    )
}

// --- isClusterUserSoap -------------------------------------------------------------------------------------------------

#[tokio::test]
async fn case_01_a_user_of_the_cluster_is_true() {
    assert_eq!(is_cluster_user("<in0>bill</in0>").await.body, boolean(true));
}

#[tokio::test]
async fn case_02_an_unknown_user_is_false() {
    assert_eq!(
        is_cluster_user("<in0>nobody</in0>").await.body,
        boolean(false)
    );
}

#[tokio::test]
async fn case_03_an_empty_or_nil_user_is_false() {
    assert_eq!(is_cluster_user("<in0/>").await.body, boolean(false));
    assert_eq!(
        is_cluster_user("<in0 xsi:nil=\"true\"/>").await.body,
        boolean(false)
    );
}

#[tokio::test]
async fn case_04_letter_case_does_not_matter_in_user_ids() {
    assert_eq!(is_cluster_user("<in0>BILL</in0>").await.body, boolean(true));
}

// --- makeCallSoap: forms -----------------------------------------------------------------------------------------------

#[tokio::test]
async fn case_05_the_back_end_sees_device_line_and_number() {
    let server = server().await;
    let response = server.soap(W70, &bills_call()).await;
    ok(&response);
    assert_eq!(seen(&server, &response).await, saw("SEPA", "1001", "1002"));
}

#[tokio::test]
async fn case_06_no_xsi_type_and_no_encoding_style_are_fine() {
    let body = envelope(
        "<u:makeCallSoap><in0><userID>bill</userID><password>123</password></in0><in1>1002</in1>\
         <in2><user>bill</user><deviceName>SEPA</deviceName><lineNumber>1001 ; PT_A</lineNumber></in2></u:makeCallSoap>",
    );
    ok(&server().await.soap(W70, &body).await);
}

#[tokio::test]
async fn case_07_soapaction_may_be_absent_unless_the_server_is_strict() {
    let headers = [("Content-Type", "text/xml")];
    let server = server().await;
    ok(&server
        .request("POST", W70, &headers, bills_call().as_bytes())
        .await);
    let strict = server_with(|c| c.webdialer.strict_soap_action = true).await;
    let response = strict
        .request("POST", W70, &headers, bills_call().as_bytes())
        .await;
    fault(
        &response,
        "ns1:Client.NoSOAPAction",
        "no SOAPAction header!",
    );
}

#[tokio::test]
async fn case_08_soapaction_says_nothing() {
    let headers = [
        ("Content-Type", "text/xml"),
        ("SOAPAction", "CUCM:DB ver=10.0"),
    ];
    ok(&server()
        .await
        .request("POST", W70, &headers, bills_call().as_bytes())
        .await);
}

#[tokio::test]
async fn case_09_a_post_to_wsdl_is_a_call() {
    ok(&server()
        .await
        .soap(&format!("{W70}?wsdl"), &bills_call())
        .await);
}

#[tokio::test]
async fn case_10_doubled_slashes_collapse() {
    ok(&server()
        .await
        .soap(
            "//webdialer//services/WebdialerSoapService70",
            &bills_call(),
        )
        .await);
}

#[tokio::test]
async fn case_11_the_printed_spelling_of_the_service_works() {
    ok(&server()
        .await
        .soap("/webdialer/services/WebdialerSoapservice70", &bills_call())
        .await);
}

fn legacy_call() -> String {
    envelope(
        "<l:makeCallSoap><cred><userID>bill</userID><password>123</password></cred><dest>1002</dest>\
         <prof><user>bill</user><deviceName>SEPA</deviceName><lineNumber>1001 ; PT_A</lineNumber></prof></l:makeCallSoap>",
    )
}

fn legacy_outcome(wrapper_namespace: &str) -> String {
    format!(
        "{HEAD}<ns1:makeCallSoapResponse soapenv:encodingStyle=\"{ENC}\" xmlns:ns1=\"{wrapper_namespace}\">\
         <makeCallSoapReturn href=\"#id0\"/></ns1:makeCallSoapResponse><multiRef id=\"id0\" soapenc:root=\"0\" \
         soapenv:encodingStyle=\"{ENC}\" xsi:type=\"ns2:CallResponse\" xmlns:soapenc=\"{ENC}\" \
         xmlns:ns2=\"urn:WebdialerSoap\"><responseCode href=\"#id1\"/>\
         <responseDescription xsi:type=\"xsd:string\">Success</responseDescription></multiRef>\
         <multiRef id=\"id1\" soapenc:root=\"0\" soapenv:encodingStyle=\"{ENC}\" xsi:type=\"xsd:int\" \
         xmlns:soapenc=\"{ENC}\">0</multiRef>{TAIL}"
    )
}

#[tokio::test]
async fn case_12_legacy_on_its_address_has_the_code_by_reference_and_the_object_first() {
    assert_eq!(
        server().await.soap(LEG, &legacy_call()).await.body,
        legacy_outcome("urn:WebdialerSoap")
    );
}

#[tokio::test]
async fn case_13_a_legacy_body_on_the_w70_address_keeps_its_wrapper_namespace() {
    let response = server().await.soap(W70, &legacy_call()).await;
    assert_eq!(
        response.body,
        outcome("makeCallSoap", "urn:WebdialerSoap", 0, "Success")
    );
}

#[tokio::test]
async fn case_14_a_w70_body_on_the_legacy_address_gets_the_code_by_reference() {
    assert_eq!(
        server().await.soap(LEG, &bills_call()).await.body,
        legacy_outcome("urn:WD70")
    );
}

#[tokio::test]
async fn case_15_an_operation_in_no_namespace_is_answered_in_none() {
    let body = envelope(
        "<makeCallSoap><in0 xsi:type=\"undeclared:Credential\"><userID>bill</userID><password>123</password></in0>\
         <in1>1002</in1><in2><user>bill</user><deviceName>SEPA</deviceName></in2></makeCallSoap>",
    );
    let response = server().await.soap(W70, &body).await;
    assert_eq!(response.body, outcome("makeCallSoap", "", 0, "Success"));
}

#[tokio::test]
async fn case_16_axis2_answers_in_its_namespace_without_references() {
    let body = "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body>\
        <w:makeCallSoap xmlns:w=\"http://webdialer.ccm.cisco.com\"><w:args0><w:userID>bill</w:userID>\
        <w:password>123</w:password></w:args0><w:args1>1002</w:args1><w:args2><w:user>bill</w:user>\
        <w:deviceName>SEPA</w:deviceName><w:lineNumber>1001 ; PT_A</w:lineNumber><w:supportEM>false</w:supportEM>\
        <w:locale/><w:dontAutoClose>?</w:dontAutoClose><w:dontShowCallConf>false</w:dontShowCallConf></w:args2>\
        </w:makeCallSoap></e:Body></e:Envelope>";
    let response = server().await.soap(AX2, body).await;
    assert_eq!(response.status, 200);
    let answer = response.body.split_once("Body>").unwrap().1;
    assert!(
        !response.body.contains("href") && !response.body.contains("xsi:type"),
        "{}",
        response.body
    );
    assert!(response.body.contains("Header/>"), "{}", response.body);
    let flat = answer
        .replace("ns:", "")
        .replace("ns1:", "")
        .replace("ns2:", "");
    assert!(
        flat.contains("<return><responseCode>0</responseCode><responseDescription>Success</responseDescription></return>"),
        "{answer}"
    );
    assert!(
        response
            .body
            .contains("=\"http://webdialer.ccm.cisco.com\""),
        "{}",
        response.body
    );
}

#[tokio::test]
async fn case_17_an_end_call_by_references_as_old_dotnet_sends_it() {
    let server = server().await;
    let response = server.soap(LEG, &legacy_call()).await;
    let body = envelope(
        "<l:endCallSoap><cred href=\"#id1\"/><prof href=\"#id2\"/></l:endCallSoap>\
         <l:Credential id=\"id1\"><userID>bill</userID><password>123</password></l:Credential>\
         <l:UserProfile id=\"id2\"><user>bill</user><deviceName>SEPA</deviceName></l:UserProfile>",
    );
    let end = server.soap(W70, &body).await;
    assert_eq!(
        end.body,
        outcome("endCallSoap", "urn:WebdialerSoap", 0, "Success")
    );
    assert_eq!(server.call_of(&response).await["state"], "ended");
}

#[tokio::test]
async fn case_17a_an_axis_client_refers_to_everything_in_any_order() {
    let server = server().await;
    let reference = |id: &str, kind: &str, inner: &str| {
        format!(
            "<multiRef id=\"{id}\" soapenc:root=\"0\" xmlns:soapenc=\"{ENC}\" xsi:type=\"{kind}\">{inner}</multiRef>"
        )
    };
    let body = envelope(&format!(
        "{}{}<u:makeCallSoap><in0 href=\"#id0\"/><in1 xsi:type=\"xsd:string\">1002</in1><in2 href=\"#id1\"/></u:makeCallSoap>{}{}{}",
        reference("id4", "xsd:boolean", "false"),
        reference(
            "id1",
            "u:UserProfile",
            "<user>bill</user><deviceName>SEPA</deviceName><lineNumber>1001 ; PT_A</lineNumber>\
             <supportEM href=\"#id2\"/><dontAutoClose href=\"#id3\"/><dontShowCallConf href=\"#id4\"/>"
        ),
        reference("id3", "xsd:boolean", "true"),
        reference(
            "id0",
            "u:Credential",
            "<token xsi:nil=\"true\"/><userID>bill</userID><password>123</password>"
        ),
        reference("id2", "xsd:boolean", "false"),
    ));
    let response = server.soap(W70, &body).await;
    ok(&response);
    assert_eq!(seen(&server, &response).await, saw("SEPA", "1001", "1002"));
}

#[tokio::test]
async fn case_17b_dangling_and_circular_references_are_absent() {
    let server = server().await;
    let dangling =
        envelope("<u:makeCallSoap><in0 href=\"#none\"/><in1>1002</in1></u:makeCallSoap>");
    missing(&server.soap(W70, &dangling).await);
    let circle = envelope(
        "<u:makeCallSoap><in0 href=\"#a\"/><in1>1002</in1></u:makeCallSoap>\
         <multiRef id=\"a\" href=\"#b\"/><multiRef id=\"b\" href=\"#a\"/>",
    );
    missing(&server.soap(W70, &circle).await);
}

// --- makeCallSoap: credentials and profiles ----------------------------------------------------------------------------

const SEPA: &str = "<in2><user>bill</user><deviceName>SEPA</deviceName></in2>";

#[tokio::test]
async fn case_18_a_wrong_password_is_code_2() {
    let response = server()
        .await
        .soap(W70, &call_with(&credential("bill", "124"), SEPA))
        .await;
    made(&response, 2, "User Authentication Error");
}

#[tokio::test]
async fn ten_wrong_passwords_lock_the_account_for_a_minute_of_the_labs_clock() {
    let server = server().await;
    server
        .post_json("/api/v1/lab/clock", r#"{"running": false}"#)
        .await;
    let right = call_with(&credential("bill", "123"), SEPA);
    for _ in 0..10 {
        let body = call_with(&credential("bill", "124"), SEPA);
        made(
            &server.soap(W70, &body).await,
            2,
            "User Authentication Error",
        );
    }
    made(
        &server.soap(W70, &right).await,
        2,
        "User Authentication Error",
    );
    server
        .post_json("/api/v1/lab/clock", r#"{"advance_ms": 59999}"#)
        .await;
    made(
        &server.soap(W70, &right).await,
        2,
        "User Authentication Error",
    );
    server
        .post_json("/api/v1/lab/clock", r#"{"advance_ms": 1}"#)
        .await;
    ok(&server.soap(W70, &right).await);
}

#[tokio::test]
async fn case_19_an_unknown_user_cannot_be_told_from_a_wrong_password() {
    let response = server()
        .await
        .soap(W70, &call_with(&credential("nobody", "123"), SEPA))
        .await;
    made(&response, 2, "User Authentication Error");
}

#[tokio::test]
async fn case_20_no_credential_is_code_5() {
    missing(&server().await.soap(W70, &call_with("", SEPA)).await);
}

#[tokio::test]
async fn case_21_an_empty_destination_is_code_5() {
    let body = w70(
        "makeCallSoap",
        &format!("{}<in1/>{SEPA}", credential("bill", "123")),
    );
    missing(&server().await.soap(W70, &body).await);
}

#[tokio::test]
async fn case_22_no_device_without_support_em_is_code_5() {
    let body = call_with(
        &credential("bill", "123"),
        "<in2><user>bill</user><supportEM>false</supportEM></in2>",
    );
    missing(&server().await.soap(W70, &body).await);
}

#[tokio::test]
async fn case_23_support_em_dials_from_where_the_user_sits() {
    let server = server().await;
    let body = call_with(
        &credential("emu", "emu"),
        "<in2><user>emu</user><supportEM>true</supportEM></in2>",
    );
    let response = server.soap(W70, &body).await;
    ok(&response);
    assert_eq!(seen(&server, &response).await, saw("SEPE", "1500", "1002"));
}

#[tokio::test]
async fn case_24_support_em_of_somebody_who_sits_nowhere_is_code_5() {
    let body = call_with(
        &credential("bill", "123"),
        "<in2><user>bill</user><supportEM>true</supportEM></in2>",
    );
    missing(&server().await.soap(W70, &body).await);
}

#[tokio::test]
async fn case_25_another_users_device_is_code_5() {
    let body = call_with(
        &credential("bill", "123"),
        "<in2><user>bill</user><deviceName>SEPOTHER</deviceName></in2>",
    );
    missing(&server().await.soap(W70, &body).await);
}

#[tokio::test]
async fn case_26_acting_for_another_without_the_right_is_code_3() {
    let response = server()
        .await
        .soap(W70, &call_with(&credential("noproxy", "x"), SEPA))
        .await;
    made(&response, 3, "No Authentication Proxy Rights");
}

#[tokio::test]
async fn case_27_an_application_with_the_right_acts_for_a_user() {
    let server = server().await;
    let response = server
        .soap(W70, &call_with(&credential("app", "s3cret"), SEPA))
        .await;
    ok(&response);
    let origin = server.call_of(&response).await["origin"].clone();
    assert_eq!(
        origin,
        serde_json::json!({ "interface": "webdialer", "user": "bill", "by": "app" })
    );
}

#[tokio::test]
async fn case_28_acting_for_an_unknown_user_is_code_4() {
    let body = call_with(
        &credential("app", "s3cret"),
        "<in2><user>nobody</user><deviceName>SEPA</deviceName></in2>",
    );
    made(&server().await.soap(W70, &body).await, 4, "Directory Error");
}

async fn line_used(line: &str) -> (String, String, String) {
    let server = server().await;
    let profile = format!("<in2><user>bill</user><deviceName>SEPA</deviceName>{line}</in2>");
    let response = server
        .soap(W70, &call_with(&credential("bill", "123"), &profile))
        .await;
    ok(&response);
    seen(&server, &response).await
}

#[tokio::test]
async fn case_29_placeholders_mean_the_first_line() {
    for line in [
        "<lineNumber>?</lineNumber>",
        "<lineNumber/>",
        "",
        "<lineNumber>1</lineNumber>",
        "<lineNumber>0</lineNumber>",
    ] {
        assert_eq!(line_used(line).await, saw("SEPA", "1001", "1002"), "{line}");
    }
}

#[tokio::test]
async fn case_30_a_bare_number_names_the_line() {
    assert_eq!(
        line_used("<lineNumber>1002</lineNumber>").await,
        saw("SEPA", "1002", "1002")
    );
}

#[tokio::test]
async fn case_31_number_and_no_partition_name_the_line() {
    assert_eq!(
        line_used("<lineNumber>1002 ; no partition</lineNumber>").await,
        saw("SEPA", "1002", "1002")
    );
}

#[tokio::test]
async fn case_32_the_spaces_of_a_line_do_not_matter() {
    assert_eq!(
        line_used("<lineNumber>1002;no partition</lineNumber>").await,
        saw("SEPA", "1002", "1002")
    );
}

#[tokio::test]
async fn case_33_an_unknown_line_is_the_first_one_unless_the_server_is_strict() {
    assert_eq!(
        line_used("<lineNumber>9999</lineNumber>").await,
        saw("SEPA", "1001", "1002")
    );
    let strict = server_with(|c| c.webdialer.strict_lines = true).await;
    let body = call_with(
        &credential("bill", "123"),
        &profile("in2", "bill", "SEPA", "9999"),
    );
    missing(&strict.soap(W70, &body).await);
}

#[tokio::test]
async fn case_34_the_destination_is_trimmed() {
    let server = server().await;
    let body = w70(
        "makeCallSoap",
        &format!(
            "{}<in1>\n  1002 \r\n</in1>{SEPA}",
            credential("bill", "123")
        ),
    );
    let response = server.soap(W70, &body).await;
    ok(&response);
    assert_eq!(seen(&server, &response).await, saw("SEPA", "1001", "1002"));
}

#[tokio::test]
async fn case_35_a_password_typed_as_a_number_is_its_text() {
    let typed = "<in0><userID>bill</userID><password xsi:type=\"xsd:int\">123</password></in0>";
    ok(&server().await.soap(W70, &call_with(typed, SEPA)).await);
}

#[tokio::test]
async fn case_36_odd_booleans_are_accepted() {
    for value in ["?", "", "TRUE"] {
        let profile = format!(
            "<in2><user>bill</user><deviceName>SEPA</deviceName><supportEM>{value}</supportEM>\
             <dontAutoClose>{value}</dontAutoClose><dontShowCallConf>{value}</dontShowCallConf></in2>"
        );
        ok(&server()
            .await
            .soap(W70, &call_with(&credential("bill", "123"), &profile))
            .await);
    }
}

#[tokio::test]
async fn case_37_an_unknown_child_is_ignored() {
    let profile = "<in2><user>bill</user><colour>red</colour><deviceName>SEPA</deviceName></in2>";
    ok(&server()
        .await
        .soap(W70, &call_with(&credential("bill", "123"), profile))
        .await);
}

#[tokio::test]
async fn case_38_ampersands_and_umlauts_survive_both_ways() {
    let body = w70(
        "getProfileDetailSoap",
        &credential("jörg &amp; söhne", "&lt;päß&amp;wort&gt;"),
    );
    let response = server().await.soap(W70, &body).await;
    let expected = "<phoneDesc xsi:type=\"soapenc:string\">Jörgs &lt;Telefon&gt; &amp; ";
    assert!(response.body.contains(expected), "{}", response.body);
}

#[tokio::test]
async fn case_39_a_token_alone_is_enough() {
    ok(&server()
        .await
        .soap(W70, &call_with("<in0><token>TOK-BILL</token></in0>", SEPA))
        .await);
}

#[tokio::test]
async fn case_40_a_bad_token_wins_over_a_good_password() {
    let both = "<in0><token>bogus</token><userID>bill</userID><password>123</password></in0>";
    made(
        &server().await.soap(W70, &call_with(both, SEPA)).await,
        2,
        "User Authentication Error",
    );
}

#[tokio::test]
async fn case_41_the_fourth_call_in_a_second_is_overload() {
    let server = server_with(|c| c.webdialer.max_calls_per_second = 3).await;
    server
        .post_json("/api/v1/lab/clock", r#"{"running":false}"#)
        .await;
    for _ in 0..3 {
        ok(&server.soap(W70, &bills_call()).await);
        ended(&server.soap(W70, &end_call("SEPA", "")).await, 0, "Success");
    }
    made(
        &server.soap(W70, &bills_call()).await,
        9,
        "Service Overloaded",
    );
    server
        .post_json("/api/v1/lab/clock", r#"{"advance_ms":1000}"#)
        .await;
    ok(&server.soap(W70, &bills_call()).await);
}

#[tokio::test]
async fn case_42_without_a_network_it_is_code_6() {
    let server = server().await;
    let fault = r#"{"on":"network","kind":"down","calls":"lost"}"#;
    assert_eq!(
        server.post_json("/api/v1/lab/faults", fault).await.status,
        200
    );
    made(
        &server.soap(W70, &bills_call()).await,
        6,
        "Service Temporarily Unavailable",
    );
    assert_eq!(
        server
            .request("DELETE", "/api/v1/lab/faults", &[], b"")
            .await
            .status,
        200
    );
    ok(&server.soap(W70, &bills_call()).await);
}

#[tokio::test]
async fn case_43_digits_refused_at_once_are_code_7() {
    let server = server().await;
    let body = |number: &str| {
        w70(
            "makeCallSoap",
            &format!("{}{}{SEPA}", credential("bill", "123"), destination(number)),
        )
    };
    made(
        &server.soap(W70, &body("12x4")).await,
        7,
        "Destination not reachable",
    );
    server
        .post_json("/api/v1/lab/faults", r#"{"on":"network","kind":"error"}"#)
        .await;
    made(
        &server.soap(W70, &body("1234")).await,
        7,
        "Destination not reachable",
    );
}

// --- endCallSoap -------------------------------------------------------------------------------------------------------

async fn with_a_live_call() -> (Server, Response) {
    let server = server().await;
    let body = w70(
        "makeCallSoap",
        &format!(
            "{}{}{SEPA}",
            credential("bill", "123"),
            destination("5550108")
        ),
    );
    let response = server.soap(W70, &body).await;
    ok(&response);
    (server, response)
}

#[tokio::test]
async fn case_44_end_call_ends_the_live_call() {
    let (server, response) = with_a_live_call().await;
    ended(
        &server.soap(W70, &end_call("SEPA", "1001 ; PT_A")).await,
        0,
        "Success",
    );
    let call = server.call_of(&response).await;
    assert_eq!(
        (call["state"].as_str(), call["cause"].as_str()),
        (Some("ended"), Some("cancelled"))
    );
}

#[tokio::test]
async fn case_45_with_nothing_to_end_it_is_code_1() {
    let (server, _) = with_a_live_call().await;
    ended(
        &server.soap(W70, &end_call("SEPA", "1001 ; PT_A")).await,
        0,
        "Success",
    );
    ended(
        &server.soap(W70, &end_call("SEPA", "1001 ; PT_A")).await,
        1,
        "Call Failure Error",
    );
}

#[tokio::test]
async fn case_46_end_call_needs_no_line() {
    let (server, response) = with_a_live_call().await;
    let body = w70(
        "endCallSoap",
        &(credential("bill", "123") + "<in1><user>bill</user><deviceName>SEPA</deviceName></in1>"),
    );
    ended(&server.soap(W70, &body).await, 0, "Success");
    assert_eq!(server.call_of(&response).await["state"], "ended");
}

/// A user who owns a phone and sits at another.
const SEATED: &str = r#"
[[user]]
id = "both"
password = "b"
devices = ["SEPB"]
profiles = ["BOTHPROFILE"]
[[device]]
name = "SEPB"
model = "Cisco 8845"
lines = ["1800"]
[[device]]
name = "SEPSEAT"
model = "Cisco 8845"
lines = ["2901"]
em_enabled = true
[[profile]]
name = "BOTHPROFILE"
model = "Cisco 8845"
owners = ["both"]
lines = ["1801"]
[[login]]
user = "both"
device = "SEPSEAT"
profile = "BOTHPROFILE"
"#;

async fn placed(server: &Server, credential: &str, profile: &str) -> Response {
    let arguments = format!("{credential}{}{profile}", destination("5550108"));
    let response = server.soap(W70, &w70("makeCallSoap", &arguments)).await;
    ok(&response);
    response
}

async fn states(server: &Server, calls: &[&Response]) -> Vec<String> {
    let mut states = Vec::new();
    for call in calls {
        let call = server.call_of(call).await;
        states.push(call["state"].as_str().unwrap().to_owned());
    }
    states
}

#[tokio::test]
async fn a_line_without_a_partition_ends_the_call_of_that_line_and_not_the_newest() {
    let server = server().await;
    let bill = credential("bill", "123");
    let first = placed(&server, &bill, &profile("in2", "bill", "SEPA", "1001")).await;
    let second = placed(&server, &bill, &profile("in2", "bill", "SEPA", "1002")).await;
    ended(
        &server.soap(W70, &end_call("SEPA", "1001")).await,
        0,
        "Success",
    );
    assert_eq!(
        states(&server, &[&first, &second]).await,
        ["ended", "alerting"]
    );
    ended(
        &server.soap(W70, &end_call("SEPA", "9999")).await,
        0,
        "Success",
    );
    assert_eq!(states(&server, &[&second]).await, ["ended"]);
}

#[tokio::test]
async fn support_em_ends_the_call_where_the_user_sits_and_without_it_the_newest_anywhere() {
    let server = Server::start(&format!("{FIXTURE}{SEATED}"), |_| {}).await;
    let both = credential("both", "b");
    let profile = |argument: &str, device: &str, support_em: bool| {
        format!(
            "<{argument}><user>both</user><deviceName>{device}</deviceName><supportEM>{support_em}</supportEM></{argument}>"
        )
    };
    let end = |device: &str, support_em| {
        w70(
            "endCallSoap",
            &(both.clone() + &profile("in1", device, support_em)),
        )
    };
    for named in ["", "both"] {
        let seat = placed(&server, &both, &profile("in2", named, true)).await;
        assert_eq!(seen(&server, &seat).await.0, "SEPSEAT");
        let own = placed(&server, &both, &profile("in2", "SEPB", false)).await;
        ended(&server.soap(W70, &end(named, true)).await, 0, "Success");
        assert_eq!(states(&server, &[&seat, &own]).await, ["ended", "alerting"]);
        ended(&server.soap(W70, &end("", false)).await, 0, "Success");
        assert_eq!(states(&server, &[&own]).await, ["ended"]);
    }
    ended(
        &server.soap(W70, &end("SEPNONE", false)).await,
        5,
        "Missing parameters in the request",
    );
}

// --- profiles ----------------------------------------------------------------------------------------------------------

/// A profile answer on the W70 address: devices as (name, lines).
fn profile_answer(code: u8, text: &str, devices: &[(&str, &[&str])]) -> String {
    let attributes =
        |id: usize| format!("id=\"id{id}\" soapenc:root=\"0\" soapenv:encodingStyle=\"{ENC}\"");
    let mut items = String::new();
    let mut objects = String::new();
    for (index, (name, lines)) in devices.iter().enumerate() {
        let id = index + 1;
        items.push_str(&format!("<item href=\"#id{id}\"/>"));
        let lines: Vec<String> = lines
            .iter()
            .map(|l| format!("<item xsi:type=\"xsd:string\">{l}</item>"))
            .collect();
        objects.push_str(&format!(
            "<multiRef {} xsi:type=\"ns:WDDeviceInfo\" NS=\"urn:WebdialerSoap\"><deviceName xsi:type=\"xsd:string\">{name}</deviceName>\
             <lines soapenc:arrayType=\"xsd:string[{}]\" xsi:type=\"soapenc:Array\">{}</lines></multiRef>",
            attributes(id),
            lines.len(),
            lines.concat()
        ));
    }
    let code_id = devices.len() + 1;
    format!(
        "<multiRef {} xsi:type=\"ns:GetConfigResponse\" NS=\"urn:WD70\"><description xsi:type=\"xsd:string\">{text}</description>\
         <deviceInfoList soapenc:arrayType=\"ns:WDDeviceInfo[{}]\" xsi:type=\"soapenc:Array\" NS=\"urn:WebdialerSoap\">{items}</deviceInfoList>\
         <responseCode href=\"#id{code_id}\"/></multiRef>{objects}\
         <multiRef {} xsi:type=\"xsd:int\">{code}</multiRef>",
        attributes(0),
        devices.len(),
        attributes(code_id)
    )
    .replace("WebdialerSoap\"></deviceInfoList>", "WebdialerSoap\"/>")
}

/// Prefixes numbered by whoever writes them are made equal, and the order of attributes that only declare is dropped.
fn plain(body: &str) -> String {
    let inner = body
        .split_once("<multiRef")
        .map(|(_, rest)| format!("<multiRef{rest}"))
        .unwrap_or_default();
    let mut text = inner
        .replace(TAIL, "")
        .replace(&format!(" xmlns:soapenc=\"{ENC}\""), "");
    for n in 1..9 {
        text = text
            .replace(&format!("xmlns:ns{n}="), "NS=")
            .replace(&format!("ns{n}:"), "ns:");
    }
    text
}

#[tokio::test]
async fn case_47_an_application_reads_a_users_profile_by_references() {
    let body = w70(
        "getProfileSoap",
        &(credential("app", "s3cret") + "<in1>bill</in1>"),
    );
    let response = server().await.soap(W70, &body).await;
    let devices: [(&str, &[&str]); 2] = [
        ("SEPA", &["1001 ; PT_A", "1002 ; no partition"]),
        ("CSFBILL", &["1001 ; PT_A"]),
    ];
    assert_eq!(
        plain(&response.body),
        profile_answer(0, "Success", &devices)
    );
}

#[tokio::test]
async fn case_48_an_empty_user_means_oneself() {
    let body = w70("getProfileSoap", &(credential("bill", "123") + "<in1/>"));
    let response = server().await.soap(W70, &body).await;
    assert!(
        response.body.contains("SEPA") && response.body.contains(">0</multiRef>"),
        "{}",
        response.body
    );
}

#[tokio::test]
async fn case_49_a_profile_without_the_right_is_code_3_with_an_empty_list() {
    let body = w70(
        "getProfileSoap",
        &(credential("noproxy", "x") + "<in1>bill</in1>"),
    );
    let response = server().await.soap(W70, &body).await;
    assert_eq!(
        plain(&response.body),
        profile_answer(3, "No Authentication Proxy Rights", &[])
    );
}

fn details(user: &str, password: &str) -> String {
    w70("getProfileDetailSoap", &credential(user, password))
}

#[tokio::test]
async fn case_50_the_detailed_profile_has_descriptions_models_and_right_counts() {
    let response = server().await.soap(W70, &details("bill", "123")).await;
    let device = |id: usize, name: &str, lines: &[&str], description: &str, model: &str| {
        let items: Vec<String> = lines
            .iter()
            .map(|l| format!("<item xsi:type=\"soapenc:string\">{l}</item>"))
            .collect();
        let text = |name: &str, value: &str| {
            if value.is_empty() {
                format!("<{name} xsi:type=\"soapenc:string\"/>")
            } else {
                format!("<{name} xsi:type=\"soapenc:string\">{value}</{name}>")
            }
        };
        format!(
            "<multiRef id=\"id{id}\" soapenc:root=\"0\" soapenv:encodingStyle=\"{ENC}\" xsi:type=\"ns:WDDeviceInfoDetail\" NS=\"urn:WD70\">\
             {}<lines soapenc:arrayType=\"soapenc:string[{}]\" xsi:type=\"soapenc:Array\">{}</lines>{}{}</multiRef>",
            text("deviceName", name),
            lines.len(),
            items.concat(),
            text("phoneDesc", description),
            text("phoneType", model)
        )
    };
    let expected = format!(
        "<multiRef id=\"id0\" soapenc:root=\"0\" soapenv:encodingStyle=\"{ENC}\" xsi:type=\"ns:ConfigResponseDetail\" NS=\"urn:WD70\">\
         <description xsi:type=\"soapenc:string\">Success</description>\
         <deviceInfoListDetail soapenc:arrayType=\"ns:WDDeviceInfoDetail[2]\" xsi:type=\"soapenc:Array\"><item href=\"#id1\"/><item href=\"#id2\"/></deviceInfoListDetail>\
         <responseCode xsi:type=\"xsd:int\">0</responseCode></multiRef>{}{}",
        device(
            1,
            "SEPA",
            &["1001 ; PT_A", "1002 ; no partition"],
            "desk",
            "Cisco 8845"
        ),
        device(
            2,
            "CSFBILL",
            &["1001 ; PT_A"],
            "",
            "Cisco Unified Client Services Framework"
        ),
    );
    assert_eq!(plain(&response.body), expected);
}

#[tokio::test]
async fn case_51_a_user_without_devices_is_code_1_with_its_own_text() {
    let response = server().await.soap(W70, &details("ann", "abc")).await;
    assert!(response.body.contains(
        "<description xsi:type=\"soapenc:string\">No device configured for the user</description>"
    ));
    assert!(
        response.body.contains("WDDeviceInfoDetail[0]\""),
        "{}",
        response.body
    );
    assert!(
        response
            .body
            .contains("<responseCode xsi:type=\"xsd:int\">1</responseCode>")
    );
}

#[tokio::test]
async fn case_52_a_wrong_password_shows_no_devices() {
    let response = server().await.soap(W70, &details("bill", "wrong")).await;
    assert!(
        response
            .body
            .contains("<responseCode xsi:type=\"xsd:int\">2</responseCode>")
    );
    assert!(!response.body.contains("SEPA"));
}

fn primary(line: &str) -> String {
    let value = if line.is_empty() {
        format!("<getPrimaryLineReturn xsi:type=\"soapenc:string\" xmlns:soapenc=\"{ENC}\"/>")
    } else {
        format!(
            "<getPrimaryLineReturn xsi:type=\"soapenc:string\" xmlns:soapenc=\"{ENC}\">{line}</getPrimaryLineReturn>"
        )
    };
    format!(
        "{HEAD}<ns1:getPrimaryLineResponse soapenv:encodingStyle=\"{ENC}\" xmlns:ns1=\"urn:WD70\">{value}\
         </ns1:getPrimaryLineResponse>{TAIL}"
    )
}

#[tokio::test]
async fn case_53_the_primary_line_is_the_bare_number() {
    let response = server()
        .await
        .soap(W70, &w70("getPrimaryLine", &credential("bill", "123")))
        .await;
    assert_eq!((response.status, response.body), (200, primary("1001")));
}

#[tokio::test]
async fn case_54_the_primary_line_of_a_wrong_password_is_empty() {
    let response = server()
        .await
        .soap(W70, &w70("getPrimaryLine", &credential("bill", "wrong")))
        .await;
    assert_eq!((response.status, response.body), (200, primary("")));
}

// --- faults ------------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn case_55_an_unknown_operation_is_a_fault() {
    let response = server().await.soap(W70, &w70("frobnicate", "")).await;
    fault(&response, "ns1:Client", "No such operation 'frobnicate'");
}

#[tokio::test]
async fn case_56_truncated_plain_and_empty_bodies_are_faults() {
    let server = server().await;
    let whole = bills_call();
    let truncated = server.soap(W70, &whole[..whole.len() - 20]).await;
    assert_eq!(truncated.status, 500);
    assert!(
        truncated
            .body
            .contains("<faultcode>soapenv:Server.userException</faultcode>")
    );
    assert!(
        truncated
            .body
            .contains("XML document structures must start and end within the same entity.")
    );
    let plain = server.soap(W70, "hello").await;
    assert!(
        plain.body.contains("Content is not allowed in prolog."),
        "{}",
        plain.body
    );
    let empty = server.soap(W70, "").await;
    assert_eq!(empty.status, 500);
    assert!(
        empty.body.contains("Premature end of file."),
        "{}",
        empty.body
    );
}

#[tokio::test]
async fn case_57_an_empty_soap_body_is_a_fault() {
    let response = server().await.soap(W70, &envelope("")).await;
    fault(
        &response,
        "soapenv:Server.userException",
        "java.lang.Exception: Body not found.",
    );
}

#[tokio::test]
async fn case_58_a_document_type_is_refused_and_its_entity_never_expanded() {
    let body = format!(
        "<!DOCTYPE x [<!ENTITY e \"expanded\">]>{}",
        bills_call().replace("1002", "&e;")
    );
    let response = server().await.soap(W70, &body).await;
    assert_eq!(response.status, 500);
    assert!(!response.body.contains("expanded"));
}

#[tokio::test]
async fn case_59_a_soap_1_2_envelope_is_a_version_mismatch() {
    let body = bills_call().replace(
        "http://schemas.xmlsoap.org/soap/envelope/",
        "http://www.w3.org/2003/05/soap-envelope",
    );
    let response = server().await.soap(W70, &body).await;
    assert_eq!(response.status, 500);
    assert!(
        response
            .body
            .contains("<faultcode>soapenv:VersionMismatch</faultcode>"),
        "{}",
        response.body
    );
    assert!(response.body.contains("Upgrade"));
}

#[tokio::test]
async fn case_60_an_unknown_service_is_a_fault_or_404() {
    let server = server().await;
    let post = server.soap("/webdialer/services/Nope", &bills_call()).await;
    fault(
        &post,
        "ns1:Server.NoService",
        "The AXIS engine could not find a target service to invoke!  targetService is Nope",
    );
    let get = server.get("/webdialer/services/Nope").await;
    assert_eq!(get.status, 404);
    assert!(
        get.body.contains("AXIS error") && get.body.contains("No service is available at this URL")
    );
    let wsdl = server.get("/webdialer/services/Nope?wsdl").await;
    assert_eq!(wsdl.status, 404);
    assert!(wsdl.body.contains("Could not generate WSDL!"));
}

#[tokio::test]
async fn case_61_a_plain_get_names_the_service() {
    let response = server().await.get(W70).await;
    assert_eq!(response.status, 200);
    assert_eq!(
        response.header("content-type"),
        Some("text/html;charset=utf-8")
    );
    assert!(
        response.body.contains("<h1>WebdialerSoapService70</h1>"),
        "{}",
        response.body
    );
    assert!(response.body.contains("Hi there, this is an AXIS service!"));
}

#[tokio::test]
async fn case_62_every_description_has_the_address_the_caller_used() {
    let server = server().await;
    for (target, path) in [
        (format!("{W70}?wsdl"), W70),
        (format!("{W70}?WSDL"), W70),
        ("/webdialer/wsdl/wd70.wsdl".to_owned(), W70),
        (format!("{LEG}?wsdl"), LEG),
        (format!("{AX2}?wsdl"), AX2),
    ] {
        let request = format!("GET {target} HTTP/1.1\r\nHost: pbx.example.com:8443\r\n\r\n");
        let response = server.raw(request.as_bytes()).await;
        assert_eq!(response.status, 200, "{target}");
        let address = format!("location=\"http://pbx.example.com:8443{path}\"");
        assert!(
            response.body.contains(&address),
            "{target}: {}",
            response.body
        );
    }
}

#[tokio::test]
async fn case_63_put_and_delete_are_405_and_options_lists_what_works() {
    let server = server().await;
    assert_eq!(server.request("PUT", W70, &[], b"").await.status, 405);
    assert_eq!(server.request("DELETE", W70, &[], b"").await.status, 405);
    let options = server.request("OPTIONS", W70, &[], b"").await;
    assert_eq!(
        (options.status, options.header("allow")),
        (200, Some("GET, HEAD, POST, OPTIONS"))
    );
}

#[tokio::test]
async fn case_64_every_scalar_is_typed_and_nothing_stands_between_elements() {
    let server = server().await;
    let requests = [
        bills_call(),
        end_call("SEPA", ""),
        w70("getProfileSoap", &(credential("bill", "123") + "<in1/>")),
        details("bill", "123"),
        details("ann", "abc"),
        w70("getPrimaryLine", &credential("bill", "123")),
        w70("isClusterUserSoap", "<in0>bill</in0>"),
    ];
    for address in [W70, LEG] {
        for request in &requests {
            let body = server.soap(address, request).await.body;
            assert!(!body.contains("> <") && !body.contains('\n'), "{body}");
            for element in body
                .split('<')
                .skip(1)
                .filter(|e| !e.starts_with('/') && !e.starts_with('?'))
            {
                let (tag, text) = element.split_once('>').unwrap();
                assert!(
                    text.is_empty() || tag.contains("xsi:type="),
                    "an untyped scalar: <{element}"
                );
            }
        }
    }
}

#[tokio::test]
async fn case_75_dial_rules_change_what_soap_dials_only_when_they_are_switched_on() {
    let table = |config: &mut Config| {
        let rule = |name: &str, begins_with: &str, digits, remove, prefix: &str| DialRule {
            name: name.into(),
            begins_with: begins_with.into(),
            digits,
            remove,
            prefix: prefix.into(),
            ..DialRule::default()
        };
        config.webdialer.dial_rules = vec![
            rule("seven", "", 7, 0, "9"),
            rule("e164", "+", 12, 1, ""),
            rule("area", "408", 10, 3, "9"),
        ];
    };
    for (on, column) in [(false, 0), (true, 1)] {
        let server = server_with(|config| {
            table(config);
            config.webdialer.dial_rules_on_soap_dial = on;
        })
        .await;
        for row in [
            ["5550100", "95550100"],
            [" +14085551212\n", "14085551212"],
            ["4085551212", "95551212"],
            ["408555121", "408555121"],
            ["5555111222#", "5555111222#"],
        ] {
            let request = w70(
                "makeCallSoap",
                &(credential("bill", "123")
                    + &destination(row[0])
                    + &profile("in2", "bill", "SEPA", "1001 ; PT_A")),
            );
            let response = server.soap(W70, &request).await;
            ok(&response);
            let dialled = seen(&server, &response).await.2;
            assert_eq!(dialled, row[column].trim());
            // The phone carries few calls at once.
            server.soap(W70, &end_call("SEPA", "")).await;
        }
    }
}

// --- the list ----------------------------------------------------------------------------------------------------------

#[test]
fn every_case_of_the_list_is_a_test() {
    let sources = [
        include_str!("webdialer_soap.rs"),
        include_str!("webdialer_pages.rs"),
        include_str!("clusters.rs"),
    ];
    let listed = include_str!("../../../docs/protocols/webdialer.md");
    let mut cases: Vec<String> = (1..=75).map(|n| n.to_string()).collect();
    cases.extend(["17a".to_owned(), "17b".to_owned()]);
    for case in &cases {
        assert!(
            listed.contains(&format!("\n| {case} |")),
            "no row for {case}"
        );
        let name = format!("fn case_{case:0>2}_");
        let tested = sources.iter().any(|source| source.contains(&name));
        assert!(tested, "no test for {case}");
    }
}
