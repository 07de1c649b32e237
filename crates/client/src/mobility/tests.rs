//! Against servers of a few lines that answer what each test tells them to; cases C1 to C10 of [mobility §15].

use super::*;
use crate::scripted::{Fake, Scripted, Seen};
use crate::tls::Pin;
use cordboard_wire::Secret;
use cordboard_wire::mobility::{Compat, encode_answer, form_field};
use std::sync::Mutex;
use std::time::Instant;

const SUCCESS: &str = "<?xml version=\"1.0\"?>\n<response>\n<success/>\n</response>\n";

fn caller() -> Caller {
    Caller {
        id: "odd".to_owned(),
        certificate: Certificate::Password(Secret::from("a+b&c<d%e")),
    }
}

fn quick() -> Options {
    Options {
        busy_wait: Duration::from_millis(20),
        lost_wait: Duration::from_millis(1),
        ..Options::default()
    }
}

fn client_of(nodes: &[&Fake], options: Options) -> MobilityClient {
    let addresses: Vec<String> = nodes.iter().map(|node| node.http()).collect();
    MobilityClient::new(&addresses, &Trust::System, caller(), options).unwrap()
}

fn said(text: impl Into<Vec<u8>>) -> Scripted {
    let xml = "Content-Type: text/xml;charset=UTF-8\r\n".to_owned();
    (200, xml, text.into())
}

fn failure(code: u16, text: &str) -> Scripted {
    said(format!(
        "<?xml version=\"1.0\"?>\n<response>\n<failure>\n<error code=\"{code}\">{text}</error>\n</failure>\n</response>\n"
    ))
}

/// A server that answers these in turn, and the last of them ever after.
async fn in_turn(answers: Vec<Scripted>) -> Fake {
    let turn = Mutex::new(0);
    Fake::start(move |_| {
        let mut turn = turn.lock().unwrap();
        let answer = answers[(*turn).min(answers.len() - 1)].clone();
        *turn += 1;
        answer
    })
    .await
}

fn login() -> Login {
    Login {
        device: "SEP001122334455".to_owned(),
        user: "em@cisco.com".to_owned(),
        profile: Some("em_UDP".to_owned()),
        duration: Some(LoginTime::Minutes(90)),
    }
}

fn refused(result: Result<(), MobilityError>) -> ServiceError {
    match result {
        Err(MobilityError::Refused(refused)) => refused,
        other => panic!("not refused: {other:?}"),
    }
}

fn body(seen: &Seen) -> String {
    String::from_utf8(seen.body.clone()).unwrap()
}

const DOCUMENT: &str = "<request><appInfo><appID>odd</appID><appCertificate>a+b&amp;c&lt;d%e</appCertificate></appInfo>\
    <login><deviceName>SEP001122334455</deviceName><userID>em%40cisco.com</userID><deviceProfile>em_UDP</deviceProfile>\
    <exclusiveDuration><time>90</time></exclusiveDuration></login></request>";

#[tokio::test]
async fn case_c1_one_field_holds_the_bare_document_with_its_exact_length() {
    let fake = in_turn(vec![said(SUCCESS)]).await;
    client_of(&[&fake], quick()).login(&login()).await.unwrap();
    let seen = &fake.seen()[0];
    let body = body(seen);
    assert_eq!(seen.method, "POST");
    assert_eq!(seen.target, "/emservice/EMServiceServlet");
    assert!(body.starts_with("xml=%3Crequest%3E") && !body.contains('&'));
    assert!(!body.contains("%3C%3Fxml") && !body.contains("xmlns"));
    assert_eq!(
        form_field(body.as_bytes(), "xml").as_deref(),
        Some(DOCUMENT)
    );
    let head = seen.head.to_lowercase();
    assert!(head.contains(&format!("content-length: {}\r\n", body.len())));
    assert!(head.contains("content-type: application/x-www-form-urlencoded\r\n"));
}

#[tokio::test]
async fn the_same_document_arrives_in_every_form() {
    for form in [Form::Multipart, Form::Get, Form::GetRaw] {
        let fake = in_turn(vec![said(SUCCESS)]).await;
        let options = Options { form, ..quick() };
        client_of(&[&fake], options).login(&login()).await.unwrap();
        let seen = &fake.seen()[0];
        let (_, head) = seen.head.split_once(' ').unwrap();
        let target = head.split(" HTTP/1").next().unwrap();
        if form == Form::Multipart {
            let body = body(seen);
            let boundary = seen.head.split("boundary=").nth(1).unwrap();
            let boundary = boundary.split("\r\n").next().unwrap();
            let (part, end) = body.split_once("\r\n\r\n").unwrap();
            assert!(
                part.starts_with(&format!("--{boundary}\r\n")) && part.contains("name=\"xml\"")
            );
            assert_eq!(end, format!("{DOCUMENT}\r\n--{boundary}--\r\n"));
            continue;
        }
        assert_eq!(seen.method, "GET");
        let (path, query) = target.split_once('?').unwrap();
        assert_eq!(path, "/emservice/EMServiceServlet");
        assert_eq!(
            form_field(query.as_bytes(), "xml").as_deref(),
            Some(DOCUMENT)
        );
        assert_eq!(query.contains("<appInfo>"), form == Form::GetRaw, "{query}");
    }
}

#[tokio::test]
async fn case_c2_a_page_is_no_answer_and_the_next_node_is_asked() {
    let page = (
        500,
        String::new(),
        b"<html>\n<h1>HTTP Status 500</h1>".to_vec(),
    );
    let broken = in_turn(vec![page]).await;
    let stopped = in_turn(vec![(503, String::new(), Vec::new())]).await;
    let good = in_turn(vec![said(SUCCESS)]).await;
    let client = client_of(&[&broken, &stopped, &good], quick());
    client.login(&login()).await.unwrap();
    client.logout("SEP001122334455").await.unwrap();
    let asked = [&broken, &stopped, &good].map(|node| node.seen().len());
    assert_eq!(asked, [1, 1, 2], "the node that answered is asked first");
    let alone = client_of(&[&broken], quick()).login(&login()).await;
    let error = alone.unwrap_err().to_string();
    assert!(
        error.ends_with("HTTP 500: <html> <h1>HTTP Status 500</h1>; it may have been carried out"),
        "{error}"
    );
}

#[tokio::test]
async fn a_page_that_repeats_the_password_is_not_shown() {
    for page in ["no a+b&c<d%e here", "GET ?xml=%3CappCertificate%3E"] {
        let fake = in_turn(vec![(500, String::new(), page.into())]).await;
        let error = client_of(&[&fake], quick()).logout("D1").await.unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("HTTP 500; it may have been carried out"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_node_that_cannot_be_reached_is_passed_over_and_all_are_asked_twice() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let good = in_turn(vec![said(SUCCESS)]).await;
    for form in [Form::Post, Form::GetRaw] {
        let options = Options { form, ..quick() };
        let nodes = [nobody.clone(), good.http()];
        let client = MobilityClient::new(&nodes, &Trust::System, caller(), options.clone());
        client.unwrap().logout("D1").await.unwrap();
        let client = MobilityClient::new(&[&nobody], &Trust::System, caller(), options).unwrap();
        let error = client.logout("D1").await.unwrap_err();
        assert!(
            matches!(error, MobilityError::Unreachable { .. }),
            "{error}"
        );
        assert!(error.is_retryable());
    }
}

#[tokio::test]
async fn case_c3_devices_of_either_generation_and_in_any_order_are_the_same_device() {
    for device in [
        "<userID>jdoe</userID>",
        "<userID>jdoe</userID><none/><emccDevice>no</emccDevice>",
        "<emccDevice>no</emccDevice>\n <none/>\n <userID>jdoe</userID>",
    ] {
        let text = format!(
            "<response><deviceUserResults><device name=\"D1\">{device}</device></deviceUserResults></response>"
        );
        let fake = in_turn(vec![said(text)]).await;
        let found = client_of(&[&fake], quick()).who(&["D1".to_owned()]).await;
        let Ok([(name, DeviceState::Known(known))]) = found.as_deref() else {
            panic!("{found:?}");
        };
        assert_eq!((name.as_str(), known.user.as_deref()), ("D1", Some("jdoe")));
        assert_eq!(known.last, None);
        assert_ne!(known.cross_cluster, Some(true));
    }
}

#[tokio::test]
async fn case_c4_a_message_without_a_code_is_code_0_with_its_text() {
    let text =
        "<response><failure><errorMessage>DB Query Error</errorMessage></failure></response>";
    let fake = in_turn(vec![said(text)]).await;
    let error = client_of(&[&fake], quick()).check(&["x".to_owned()]).await;
    let refused = refused(error.map(drop));
    assert_eq!(
        (refused.code, refused.text.as_str()),
        (Code::Unknown, "DB Query Error")
    );
    assert_eq!(refused.to_string(), "DB Query Error (0: unknown error)");
}

#[tokio::test]
async fn case_c5_a_users_own_failure_is_his_and_not_the_questions() {
    let profile = ProfileOf {
        name: "jdoe_UDP".to_owned(),
        is_default: true,
    };
    let none = Failure {
        code: Some(Code::NoSuchUser),
        text: "User Error: user 'ghost' not found".to_owned(),
    };
    let answer = Answer::DeviceProfile(vec![
        ("jdoe".to_owned(), Ok(vec![profile.clone()])),
        ("ghost".to_owned(), Err(none.clone())),
    ]);
    let fake = in_turn(vec![said(encode_answer(&answer, false, Compat::Modern))]).await;
    let users = ["jdoe".to_owned(), "ghost".to_owned()];
    let found = client_of(&[&fake], quick()).profiles(&users).await.unwrap();
    assert_eq!(found[0], ("jdoe".to_owned(), Ok(vec![profile])));
    assert_eq!(found[1], ("ghost".to_owned(), Err(none.into())));
}

#[tokio::test]
async fn case_c6_a_busy_server_is_asked_again_after_a_while() {
    let busy = failure(26, "Busy, please try again");
    let fake = in_turn(vec![busy.clone(), busy.clone(), said(SUCCESS)]).await;
    let begun = Instant::now();
    client_of(&[&fake], quick()).logout("D1").await.unwrap();
    // 20 ms, then 40 ms.
    assert!(begun.elapsed() >= Duration::from_millis(60));
    assert_eq!(fake.seen().len(), 3);
    let fake = in_turn(vec![busy]).await;
    let options = Options {
        busy_retries: 1,
        ..quick()
    };
    let error = refused(client_of(&[&fake], options).logout("D1").await);
    assert!(error.code == Code::Busy && error.is_retryable());
    assert_eq!(fake.seen().len(), 2);
}

#[tokio::test]
async fn case_c7_an_escaped_user_is_told_as_he_is_called() {
    let text = "<response><userDevicesResults><user id=\"em%40cisco.com\"><deviceName>D1</deviceName></user></userDevicesResults></response>";
    for (raw_user_ids, sent) in [(false, "em%40cisco.com"), (true, "em@cisco.com")] {
        let fake = in_turn(vec![said(text)]).await;
        let options = Options {
            raw_user_ids,
            ..quick()
        };
        let client = client_of(&[&fake], options);
        let found = client.places(&["em@cisco.com".to_owned()]).await.unwrap();
        let devices = UserState::Known(vec!["D1".to_owned()]);
        assert_eq!(found, [("em@cisco.com".to_owned(), devices)]);
        let document = form_field(&fake.seen()[0].body, "xml").unwrap();
        assert!(
            document.contains(&format!("<userID>{sent}</userID>")),
            "{document}"
        );
    }
}

#[tokio::test]
async fn case_c8_an_unknown_code_keeps_its_number() {
    let fake = in_turn(vec![failure(99, "something new")]).await;
    let error = refused(client_of(&[&fake], quick()).login(&login()).await);
    assert_eq!(error.code, Code::Other(99));
    assert_eq!(error.to_string(), "something new (99: a code of its own)");
}

#[tokio::test]
async fn case_c9_any_layout_is_read() {
    for text in [
        "<response><success/></response>",
        "\u{FEFF}<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<response>\r\n    <success></success>\r\n</response>\r\n",
        "\r\n\t<response>\r\n\t<success />\r\n</response>",
    ] {
        let fake = in_turn(vec![said(text)]).await;
        client_of(&[&fake], quick()).logout("D1").await.unwrap();
    }
}

const LOST: Scripted = (0, String::new(), Vec::new());

fn on_it(user: &str) -> Scripted {
    said(format!(
        "<response><deviceUserResults><device name=\"SEP001122334455\"><userID>{user}</userID><none/>\
         <emccDevice>no</emccDevice></device></deviceUserResults></response>"
    ))
}

#[tokio::test]
async fn case_c10_a_login_whose_answer_was_lost_is_a_success_if_its_user_is_there() {
    let occupied = failure(
        18,
        "Policy Validation Error: Phone currently has user logged in",
    );
    for form in [Form::Post, Form::GetRaw] {
        let options = Options { form, ..quick() };
        let there = vec![LOST, occupied.clone(), on_it("EM%40cisco.com")];
        let fake = in_turn(there).await;
        let client = client_of(&[&fake], options.clone());
        client.login(&login()).await.unwrap();
        assert_eq!(fake.seen().len(), 3);
        let another = in_turn(vec![LOST, occupied.clone(), on_it("asmith")]).await;
        let error = client_of(&[&another], options.clone())
            .login(&login())
            .await;
        assert_eq!(refused(error).code, Code::Occupied);
        // Nothing was lost, so it is not ours.
        let before = in_turn(vec![occupied.clone(), on_it("em%40cisco.com")]).await;
        let error = client_of(&[&before], options).login(&login()).await;
        assert_eq!(refused(error).code, Code::Occupied);
        assert_eq!(before.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_lost_log_out_is_done_when_nobody_is_there_and_one_of_all_is_not_sent_twice() {
    let free = failure(19, "Policy Validation Error: no user is logged in to 'D1'");
    let fake = in_turn(vec![LOST, free.clone()]).await;
    client_of(&[&fake], quick()).logout("D1").await.unwrap();
    let fake = in_turn(vec![free]).await;
    assert!(refused(client_of(&[&fake], quick()).logout("D1").await).already_done());
    let fake = in_turn(vec![LOST, said(SUCCESS)]).await;
    let error = client_of(&[&fake], quick()).logout_all().await.unwrap_err();
    assert!(
        matches!(error, MobilityError::Unreachable { .. }),
        "{error}"
    );
    assert_eq!(fake.seen().len(), 1);
}

#[tokio::test]
async fn a_user_who_is_refused_with_the_whole_question_is_one_who_is_not_there() {
    let fake = Fake::start(|seen| {
        if body(seen).contains("ghost") {
            return failure(23, "User Error: user 'ghost' not found");
        }
        let known = ("jdoe".to_owned(), UserState::Known("JDoe".to_owned()));
        said(encode_answer(
            &Answer::CheckUser(vec![known]),
            false,
            Compat::Modern,
        ))
    })
    .await;
    let users = ["ghost".to_owned(), "jdoe".to_owned()];
    let found = client_of(&[&fake], quick()).check(&users).await.unwrap();
    let known = UserState::Known("JDoe".to_owned());
    assert_eq!(
        found,
        [
            ("ghost".to_owned(), UserState::Unknown),
            ("jdoe".to_owned(), known)
        ]
    );
}

/// Answers questions about users' devices from a list, and everything else by a yes.
fn seated(at: &'static [&'static str]) -> impl Fn(&Seen) -> Scripted + Send + Sync {
    move |seen| {
        if !body(seen).contains("userDevicesQuery") {
            return said(SUCCESS);
        }
        let devices = at.iter().map(|&device| device.to_owned()).collect();
        let found = vec![("jdoe".to_owned(), UserState::Known(devices))];
        said(encode_answer(
            &Answer::UserDevices(found),
            false,
            Compat::Modern,
        ))
    }
}

fn operations(fake: &Fake) -> Vec<String> {
    let documents = fake.seen();
    let documents = documents
        .iter()
        .map(|seen| form_field(&seen.body, "xml").unwrap());
    documents
        .map(|document| {
            let (_, rest) = document.split_once("</appInfo><").unwrap();
            let device = rest.split("<deviceName>").nth(1).unwrap_or_default();
            let (operation, _) = rest.split_once('>').unwrap();
            format!("{operation} {}", device.split('<').next().unwrap())
        })
        .collect()
}

#[tokio::test]
async fn a_user_is_logged_out_everywhere_or_moved() {
    let fake = Fake::start(seated(&["D1", "D2"])).await;
    let ended = client_of(&[&fake], quick())
        .logout_user("jdoe")
        .await
        .unwrap();
    assert!(ended.iter().all(|(_, ended)| ended.is_ok()) && ended.len() == 2);
    let expected = ["userDevicesQuery ", "logout D1", "logout D2"];
    assert_eq!(operations(&fake), expected);
    for (device, expected) in [
        (
            "D3",
            &["userDevicesQuery ", "logout D1", "logout D2", "login D3"][..],
        ),
        ("d2", &["userDevicesQuery ", "logout D1"]),
    ] {
        let fake = Fake::start(seated(&["D1", "D2"])).await;
        let login = Login {
            device: device.to_owned(),
            user: "jdoe".to_owned(),
            ..login()
        };
        client_of(&[&fake], quick())
            .move_user(&login)
            .await
            .unwrap();
        assert_eq!(operations(&fake), expected);
    }
}

#[tokio::test]
async fn no_more_requests_are_under_way_than_were_allowed_and_a_slow_answer_is_given_up() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", silent.local_addr().unwrap());
    for form in [Form::Post, Form::GetRaw] {
        let options = Options {
            form,
            timeout: Duration::from_millis(50),
            in_flight: 1,
            ..quick()
        };
        let client = MobilityClient::new(&[&address], &Trust::System, caller(), options).unwrap();
        let begun = Instant::now();
        let (one, other) = tokio::join!(client.logout_all(), client.logout_all());
        assert!(begun.elapsed() >= Duration::from_millis(100));
        for error in [one.unwrap_err(), other.unwrap_err()] {
            assert!(error.to_string().contains("no answer in time"), "{error}");
        }
    }
}

#[tokio::test]
async fn many_names_are_asked_about_in_portions_and_answered_in_order() {
    let fake = Fake::start(|seen| {
        let (_, query) = seen.target.split_once("?").unwrap();
        let document = form_field(query.as_bytes(), "xml").unwrap();
        let names = document.split("<deviceName>").skip(1);
        let known = |name: &str| (name.to_owned(), DeviceState::Unknown);
        let names = names.map(|rest| known(rest.split('<').next().unwrap()));
        said(encode_answer(
            &Answer::DeviceUser(names.collect()),
            false,
            Compat::Modern,
        ))
    })
    .await;
    let options = Options {
        form: Form::Get,
        ..quick()
    };
    let asked: Vec<String> = (0..60).map(|n| format!("SEP{n:012}")).collect();
    let found = client_of(&[&fake], options).who(&asked).await.unwrap();
    let names: Vec<&String> = found.iter().map(|(name, _)| name).collect();
    assert_eq!(names, asked.iter().collect::<Vec<_>>());
    assert_eq!(fake.seen().len(), 3);
    assert!(fake.seen().iter().all(|seen| seen.target.len() < 4096));
}

#[tokio::test]
async fn tags_go_out_raw_over_tls_too_and_only_to_whom_is_trusted() {
    let key = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let certificate = key.cert.der().clone();
    let pin = Pin::of(&certificate).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate],
            rustls::pki_types::PrivateKeyDer::try_from(key.signing_key.serialize_der()).unwrap(),
        )
        .unwrap();
    let fake = Fake::start_with(Some(Arc::new(config)), Arc::new(|_| said(SUCCESS))).await;
    let address = format!("https://localhost:{}", fake.address.port());
    let options = Options {
        form: Form::GetRaw,
        ..quick()
    };
    let client = |trust| MobilityClient::new(&[&address], &trust, caller(), options.clone());
    client(Trust::Pin(pin)).unwrap().logout("D1").await.unwrap();
    let wrong: Pin = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
        .parse()
        .unwrap();
    let error = client(Trust::Pin(wrong)).unwrap().logout("D1").await;
    assert!(
        matches!(error, Err(MobilityError::Unreachable { .. })),
        "{error:?}"
    );
    assert_eq!(fake.seen().len(), 1);
}
