//! Against a server of a few lines that answers what each test tells it to.

use super::*;
use crate::scripted::{Answering, Fake, Scripted, Seen};
use crate::tls::Pin;
use cordboard_wire::Secret;
use cordboard_wire::soap::Fault;
use cordboard_wire::webdialer::{decode_request, encode_answer, wsdl};
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;
use tokio::net::TcpListener;

trait Reached {
    fn client(&self, options: Options) -> WebDialerClient;
}

impl Reached for Fake {
    fn client(&self, options: Options) -> WebDialerClient {
        WebDialerClient::new(&self.http(), &Trust::System, options).unwrap()
    }
}

const XML: &str = "Content-Type: text/xml;charset=utf-8\r\n";

fn dialect_of(seen: &Seen) -> Option<Dialect> {
    let path = seen.target.split('?').next()?;
    Dialect::ALL
        .into_iter()
        .find(|dialect| dialect.service_path() == path)
}

/// Behaves as a server that has some dialects and gives one answer to everything.
fn having(
    dialects: &'static [Dialect],
    answer: Answer,
) -> impl Fn(&Seen) -> Scripted + Send + Sync + 'static {
    move |seen| match dialect_of(seen).filter(|dialect| dialects.contains(dialect)) {
        None => (404, String::new(), b"<h2>AXIS error</h2>".to_vec()),
        Some(dialect) if seen.method == "GET" => {
            (200, XML.to_owned(), wsdl(dialect, "http://x").into_bytes())
        }
        Some(dialect) => (200, XML.to_owned(), encode_answer(dialect, None, &answer)),
    }
}

fn bill() -> Credential {
    Credential {
        token: None,
        user_id: Some("bill".to_owned()),
        password: Some(Secret::from("very-s3cret")),
    }
}

fn fixed(dialect: Dialect) -> Options {
    Options {
        dialect: DialectChoice::Fixed(dialect),
        overload_wait: Duration::from_millis(1),
        ..Options::default()
    }
}

fn success() -> Answer {
    Answer::MakeCall(ResponseCode::Success.into())
}

#[tokio::test]
async fn the_dialect_is_found_once_and_remembered_without_placing_a_call() {
    use Dialect::{Axis2, Legacy, Wd70};
    let table: [(&[Dialect], _, _); 3] = [
        (&[Wd70, Legacy, Axis2], Axis2, 1),
        (&[Wd70, Legacy], Wd70, 2),
        (&[Legacy], Legacy, 3),
    ];
    for (offered, expected, questions) in table {
        let fake = Fake::start(having(offered, Answer::IsClusterUser(true))).await;
        let client = fake.client(Options::default());
        assert_eq!(client.known_dialect(), None);
        assert!(client.is_cluster_user("bill").await.unwrap());
        assert!(client.clone().is_cluster_user("bill").await.unwrap());
        assert_eq!(client.known_dialect(), Some(expected));
        let gets = fake
            .seen()
            .iter()
            .filter(|seen| seen.method == "GET")
            .count();
        assert_eq!(gets, questions);
    }
}

#[tokio::test]
async fn a_dialect_of_last_time_is_looked_for_first_and_others_when_it_is_gone() {
    for (offered, expected, questions) in [
        (&[Dialect::Legacy, Dialect::Axis2][..], Dialect::Legacy, 1),
        (&[Dialect::Axis2], Dialect::Axis2, 2),
    ] {
        let fake = Fake::start(having(offered, Answer::IsClusterUser(true))).await;
        let client = fake.client(Options {
            likely: Some(Dialect::Legacy),
            ..Options::default()
        });
        assert!(client.is_cluster_user("bill").await.unwrap());
        assert_eq!(client.known_dialect(), Some(expected));
        let seen = fake.seen();
        let gets = seen.iter().filter(|seen| seen.method == "GET");
        assert_eq!(gets.count(), questions);
    }
}

#[tokio::test]
async fn every_dialect_is_sent_as_the_original_wants_it() {
    for dialect in Dialect::ALL {
        let fake = Fake::start(having(&Dialect::ALL, success())).await;
        let profile = UserProfile {
            device_name: Some("SEPA".to_owned()),
            line_number: Some("1001 ; PT_A".to_owned()),
            ..UserProfile::default()
        };
        let client = fake.client(fixed(dialect));
        client
            .make_call(bill(), "1002", profile.clone())
            .await
            .unwrap();
        let [seen] = fake.seen().try_into().unwrap();
        assert_eq!(
            (seen.method.as_str(), dialect_of(&seen)),
            ("POST", Some(dialect))
        );
        let head = seen.head.to_lowercase();
        assert!(head.contains("content-type: text/xml; charset=utf-8\r\n"));
        let action = if dialect == Dialect::Axis2 {
            "\"makecallsoap\""
        } else {
            "\"\""
        };
        assert!(
            head.contains(&format!("soapaction: {action}\r\n")),
            "{head}"
        );
        let decoded = decode_request(dialect, &seen.body, None, None).unwrap();
        let expected = Request::MakeCall {
            credential: bill(),
            destination: Some("1002".to_owned()),
            profile,
        };
        assert_eq!(decoded.request, expected);
    }
}

#[tokio::test]
async fn a_refusal_a_fault_a_stranger_and_silence_are_told_apart() {
    let client = |answering: Answering| async {
        Fake::start_with(None, answering)
            .await
            .client(fixed(Dialect::Wd70))
    };
    let call = async |client: WebDialerClient| {
        let result = client
            .make_call(bill(), "1002", UserProfile::default())
            .await;
        result.unwrap_err()
    };

    let refusal = Answer::MakeCall(ResponseCode::AuthenticationError.into());
    let error = call(client(Arc::new(having(&Dialect::ALL, refusal))).await).await;
    assert!(matches!(
        error,
        ClientError::Refused {
            code: ResponseCode::AuthenticationError,
            ..
        }
    ));
    assert_eq!(error.to_string(), "User Authentication Error (2)");

    let fault = |_: &Seen| {
        (
            500,
            XML.to_owned(),
            Fault::no_such_operation("x").encode("h"),
        )
    };
    let error = call(client(Arc::new(fault)).await).await;
    assert_eq!(error.to_string(), "No such operation 'x' (ns1:Client)");

    for (status, body) in [
        (200, "<html/>"),
        (302, ""),
        (404, "no"),
        (500, "oops"),
        (401, ""),
    ] {
        let answering =
            move |_: &Seen| (status, "Location: /elsewhere\r\n".to_owned(), body.into());
        let error = call(client(Arc::new(answering)).await).await;
        assert!(
            matches!(error, ClientError::NotThisProtocol { .. }),
            "{status}: {error}"
        );
    }

    let down = |_: &Seen| (503, String::new(), Vec::new());
    let error = call(client(Arc::new(down)).await).await;
    assert!(matches!(error, ClientError::Unreachable { .. }), "{error}");

    let closed = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let address = format!("http://{closed}");
    let client = WebDialerClient::new(&address, &Trust::System, Options::default()).unwrap();
    let error = call(client).await;
    assert!(error.to_string().contains("Connection refused"), "{error}");
}

#[tokio::test]
async fn a_redirect_is_never_followed_with_a_password_in_hand() {
    let other = Fake::start(having(&Dialect::ALL, success())).await;
    let target = format!("Location: http://{}/\r\n", other.address);
    let fake = Fake::start(move |_| (307, target.clone(), Vec::new())).await;
    let client = fake.client(fixed(Dialect::Wd70));
    assert!(
        client
            .make_call(bill(), "1", UserProfile::default())
            .await
            .is_err()
    );
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn a_call_is_asked_for_again_only_after_code_9() {
    let overloaded = Answer::MakeCall(ResponseCode::Overloaded.into());
    let fake = Fake::start(having(&Dialect::ALL, overloaded.clone())).await;
    let error = fake
        .client(fixed(Dialect::Wd70))
        .make_call(bill(), "1", UserProfile::default())
        .await
        .unwrap_err();
    assert!(matches!(
        error,
        ClientError::Refused {
            code: ResponseCode::Overloaded,
            ..
        }
    ));
    assert_eq!(fake.seen().len(), 3);

    let turn = Mutex::new(0);
    let fake = Fake::start(move |_| {
        let mut turn = turn.lock().unwrap();
        *turn += 1;
        let answer = if *turn == 1 {
            overloaded.clone()
        } else {
            success()
        };
        let body = encode_answer(Dialect::Wd70, None, &answer);
        (200, format!("{XML}Cordboard-Call: 42\r\n"), body)
    })
    .await;
    let id = fake
        .client(fixed(Dialect::Wd70))
        .make_call(bill(), "1", UserProfile::default())
        .await
        .unwrap();
    assert_eq!(id.as_deref(), Some("42"));
    assert_eq!(fake.seen().len(), 2);

    for code in [
        ResponseCode::CallFailure,
        ResponseCode::TemporarilyUnavailable,
    ] {
        let fake = Fake::start(having(&Dialect::ALL, Answer::MakeCall(code.into()))).await;
        let client = fake.client(fixed(Dialect::Wd70));
        assert!(
            client
                .make_call(bill(), "1", UserProfile::default())
                .await
                .is_err()
        );
        assert_eq!(fake.seen().len(), 1, "{code:?}");
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up_on_and_not_asked_twice() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let options = Options {
        call_timeout: Duration::from_millis(50),
        ..fixed(Dialect::Wd70)
    };
    let client = WebDialerClient::new(&address, &Trust::System, options).unwrap();
    let error = client
        .make_call(bill(), "1", UserProfile::default())
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{address} cannot be reached: no answer in time")
    );
    listener.accept().await.unwrap();
    let second = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
    assert!(second.is_err(), "a second connection");
}

#[tokio::test]
async fn the_home_cluster_is_the_first_to_say_yes_and_is_remembered() {
    let yes = Fake::start(having(&[Dialect::Wd70], Answer::IsClusterUser(true))).await;
    let no = Fake::start(having(&Dialect::ALL, Answer::IsClusterUser(false))).await;
    let down = Fake::start(|_: &Seen| (503, String::new(), Vec::new())).await;
    let client = |fake: &Fake| fake.client(Options::default());
    let clusters = Clusters::new([client(&no), client(&down), client(&yes)]);
    let home = format!("http://{}", yes.address);
    assert_eq!(clusters.home("Bill").await.unwrap().address(), home);
    let asked = yes.seen().len();
    assert_eq!(clusters.home(" bill ").await.unwrap().address(), home);
    assert_eq!(yes.seen().len(), asked, "the second time nobody is asked");
    clusters.forget("BILL");
    clusters.home("bill").await.unwrap();
    assert!(yes.seen().len() > asked);

    let error = Clusters::new([client(&no)]).home("bill").await.unwrap_err();
    assert!(error.failed.is_empty());
    let error = Clusters::new([client(&no), client(&down)])
        .home("bill")
        .await
        .unwrap_err();
    assert_eq!(error.failed.len(), 1);
}

#[tokio::test]
async fn nothing_a_client_shows_holds_a_secret() {
    let fake = Fake::start(|_: &Seen| (500, String::new(), b"very-s3cret".to_vec())).await;
    let client = fake.client(fixed(Dialect::Wd70));
    let error = client
        .make_call(bill(), "1", UserProfile::default())
        .await
        .unwrap_err();
    let shown = format!("{client:?} {error:?} {error} {:?}", bill());
    assert!(!shown.contains("s3cret"), "{shown}");
    let error = WebDialerClient::new("http://bill:s3cret@x/", &Trust::System, Options::default());
    assert!(!format!("{error:?}").contains("s3cret"));
}

#[test]
fn addresses_are_taken_with_and_without_a_path() {
    let table = [
        ("http://host", "http://host", None),
        ("http://host:8080/", "http://host:8080", None),
        ("http://[::1]:8080/webdialer", "http://[::1]:8080", None),
        (
            "http://h/webdialer/services/WebdialerSoapservice70?wsdl",
            "http://h",
            Some(Dialect::Wd70),
        ),
        (
            "http://h/webdialer/services/webdialer/",
            "http://h",
            Some(Dialect::Axis2),
        ),
    ];
    for (given, address, dialect) in table {
        let client = WebDialerClient::new(given, &Trust::System, Options::default()).unwrap();
        assert_eq!(
            (client.address(), client.known_dialect()),
            (address, dialect),
            "{given}"
        );
    }
    for bad in ["", "host", "host:8443", "ftp://host", "https://"] {
        assert!(
            WebDialerClient::new(bad, &Trust::Insecure, Options::default()).is_err(),
            "{bad}"
        );
    }
    assert_eq!("AX2".parse(), Ok(DialectChoice::Fixed(Dialect::Axis2)));
    assert!("ws".parse::<DialectChoice>().is_err());
}

#[tokio::test]
async fn a_certificate_is_trusted_only_for_a_reason() {
    // As call managers ship it: self-signed, and calling itself an authority.
    let key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let certificate = parameters.self_signed(&key).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let own = file("own.pem", &certificate.pem());
    let empty = file("empty.pem", "");
    let other_key = rcgen::KeyPair::generate().unwrap();
    let other = parameters.self_signed(&other_key).unwrap();
    let foreign = file("foreign.pem", &other.pem());

    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            key.serialize_der().try_into().unwrap(),
        )
        .unwrap();
    let answering = having(&Dialect::ALL, Answer::IsClusterUser(true));
    let fake = Fake::start_with(Some(Arc::new(config)), Arc::new(answering)).await;
    let ask = async |host: &str, trust: &Trust| {
        let address = format!("https://{host}:{}", fake.address.port());
        let client = WebDialerClient::new(&address, trust, fixed(Dialect::Wd70)).unwrap();
        client.is_cluster_user("bill").await
    };
    let pin = Pin::of(certificate.der()).unwrap();
    for trust in [Trust::Ca(own.clone()), Trust::Pin(pin), Trust::Insecure] {
        assert!(ask("localhost", &trust).await.unwrap(), "{trust:?}");
    }
    // A pin is about the key, not the name; a file is about both.
    assert!(ask("127.0.0.1", &Trust::Pin(pin)).await.unwrap());
    let other_pin = Pin::of(other.der()).unwrap();
    for (host, trust) in [
        ("127.0.0.1", Trust::Ca(own)),
        ("localhost", Trust::Ca(foreign)),
        ("localhost", Trust::Pin(other_pin)),
    ] {
        let error = ask(host, &trust).await.unwrap_err();
        assert!(
            error.to_string().contains("certificate"),
            "{trust:?}: {error}"
        );
    }
    for path in [empty.as_path(), Path::new("/nowhere.pem")] {
        let trust = Trust::Ca(path.to_owned());
        assert!(WebDialerClient::new("https://x", &trust, Options::default()).is_err());
    }
}
