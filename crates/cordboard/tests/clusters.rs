//! Several clusters that know each other: the Redirector and whose user somebody is. [webdialer §8.5]

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use common::{LIMIT, Response, Server};
use cordboard::edge::tls::ensure_lab_certificate;
use cordboard::ops::config::{Cluster, Config};
use cordboard::services::webdialer::homes::Said;
use cordboard_client::tls::Pin;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::Value;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

const W70: &str = "/webdialer/services/WebdialerSoapService70";
const REDIRECTOR: &str = "/webdialer/WebdialerRedirector";

/// What is known of a server before it starts: where it will listen, and its certificate.
struct Place {
    listener: TcpListener,
    address: SocketAddr,
    certificate: PathBuf,
    key: PathBuf,
    pin: String,
    _folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [certificate, key] = ["c.pem", "k.pem"].map(|name| folder.path().join(name));
        ensure_lab_certificate(&certificate, &key).unwrap();
        let pin = Pin::of(&CertificateDer::from_pem_file(&certificate).unwrap()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self {
            address: listener.local_addr().unwrap(),
            listener,
            certificate,
            key,
            pin: pin.to_string(),
            _folder: folder,
        }
    }

    fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    fn as_cluster(&self, name: &str) -> Cluster {
        Cluster {
            name: name.into(),
            webdialer: self.url(),
            pin: Some(self.pin.clone()),
            ..Cluster::default()
        }
    }

    /// The port is free for the server from here on.
    async fn server(self, user: &str, clusters: Vec<Cluster>) -> Server {
        let Self {
            listener,
            address,
            certificate,
            key,
            ..
        } = self;
        drop(listener);
        Server::start(&directory(user), |config| {
            config.listen.https = address.to_string();
            config.tls.certificate = Some(certificate);
            config.tls.key = Some(key);
            config.clusters = clusters;
            patient(config);
        })
        .await
    }
}

/// No test depends on how long a question takes.
fn patient(config: &mut Config) {
    config.home.timeout_ms = 60_000;
}

fn directory(user: &str) -> String {
    format!("[[user]]\nid = \"{user}\"\npassword = \"x\"\n")
}

/// Three servers with a user each, ann, ben and carol, that know each other; and where the third is.
async fn three() -> ([Server; 3], String) {
    let [first, second, third] = [Place::new(), Place::new(), Place::new()];
    let all = [("one", &first), ("two", &second), ("three", &third)]
        .map(|(name, place)| place.as_cluster(name));
    let but = |own: usize| {
        let others = all.iter().enumerate().filter(|(index, _)| *index != own);
        others.map(|(_, cluster)| cluster.clone()).collect()
    };
    let url = third.url();
    let servers = [
        first.server("ann", but(0)).await,
        second.server("ben", but(1)).await,
        third.server("carol", but(2)).await,
    ];
    (servers, url)
}

fn location(response: &Response) -> &str {
    response
        .header("location")
        .unwrap_or_else(|| panic!("no Location in {response:?}"))
}

async fn post(server: &Server, target: &str, form: &str) -> Response {
    let kind = [("Content-Type", "application/x-www-form-urlencoded")];
    server.request("POST", target, &kind, form.as_bytes()).await
}

/// What a server's journal has of WebDialer requests.
async fn journal(server: &Server) -> Vec<Value> {
    let journal = server.get("/api/v1/lab/requests?interface=webdialer").await;
    journal.json()["requests"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_user_of_the_third_cluster_dials_through_the_redirector_of_the_first() {
    let ([first, second, third], url) = three().await;
    let device = r#"{"name": "SEPC", "model": "Cisco 8845", "owner": "carol", "lines": [{"number": "3000"}]}"#;
    assert_eq!(third.post_json("/api/v1/devices", device).await.status, 201);
    let sent = first
        .get(&format!("{REDIRECTOR}?destination=5550109&uid=carol"))
        .await;
    // The browser goes where it is sent; the third cluster's two listeners serve the same.
    let target = location(&sent).strip_prefix(&url).unwrap();
    let page = third.get(target).await;
    assert!(
        page.body.contains("name=\"destination\" value=\"5550109\""),
        "{}",
        page.body
    );
    let sign_in = "cmd=doAuth&uid=carol&pwd=x&destination=5550109";
    let page = post(&third, "/webdialer/Webdialer", sign_in).await;
    let cookie = page
        .header("set-cookie")
        .unwrap()
        .split(';')
        .next()
        .unwrap();
    let form = "cmd=doMakeCall&destination=5550109&deviceMode=permanent&permDeviceSelect=SEPC&lineNumber=3000";
    let headers = [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Cookie", cookie),
    ];
    let dialled = third
        .request("POST", "/webdialer/Webdialer", &headers, form.as_bytes())
        .await;
    let call = third.call_of(&dialled).await;
    assert_eq!(
        (&call["origin"]["user"], &call["connections"][0]["device"]),
        (&"carol".into(), &"SEPC".into())
    );
    for elsewhere in [&first, &second] {
        let calls = elsewhere.get("/api/v1/calls").await.json();
        assert_eq!(calls["calls"].as_array().unwrap().len(), 0);
    }
}

#[tokio::test]
async fn case_73_the_redirector_sends_the_browser_to_the_cluster_that_says_yes() {
    let ([first, second, third], url) = three().await;
    for target in [
        format!("{REDIRECTOR}?destination=%2B14085551212&uid=carol&loc=de-de&red=null"),
        "/webdialer/Redirector?uid=CAROL&&destination=%2B14085551212".to_owned(),
    ] {
        let response = first.get(&target).await;
        assert_eq!(response.status, 302);
        assert_eq!(
            location(&response),
            format!("{url}/webdialer/Webdialer?destination=%2B14085551212")
        );
    }
    // Each was asked once: the second browser was told what was remembered.
    for server in [&second, &third] {
        let asked = tokio::time::timeout(LIMIT, async {
            loop {
                let asked = journal(server).await;
                if !asked.is_empty() {
                    break asked;
                }
            }
        });
        let asked = asked.await.unwrap();
        assert_eq!(asked.len(), 1);
        assert_eq!(asked[0]["fields"]["operation"], "isClusterUserSoap");
        assert_eq!(asked[0]["tls"], true);
    }
    let own = first
        .get(&format!("{REDIRECTOR}?destination=1+2&uid=ann"))
        .await;
    assert_eq!(
        (own.status, location(&own)),
        (302, "/webdialer/Webdialer?destination=1+2")
    );
}

#[tokio::test]
async fn a_get_hands_on_the_number_only_and_an_applications_post_is_posted_again() {
    let ([first, _second, _third], url) = three().await;
    let credentials = "destination=1002&uid=carol&appid=app&pwd=s3cret";
    let get = first.get(&format!("{REDIRECTOR}?{credentials}")).await;
    assert_eq!(get.status, 302);
    assert_eq!(
        location(&get),
        format!("{url}/webdialer/Webdialer?destination=1002")
    );
    let again = post(&first, REDIRECTOR, credentials).await;
    assert_eq!(again.status, 307);
    assert_eq!(location(&again), format!("{url}/webdialer/Webdialer"));
    let without = post(&first, REDIRECTOR, "destination=1002&uid=carol").await;
    assert_eq!(without.status, 302);
    let own = post(
        &first,
        REDIRECTOR,
        "destination=1002&uid=ann&appid=app&pwd=s3cret",
    )
    .await;
    assert_eq!((own.status, location(&own)), (307, "/webdialer/Webdialer"));
    for response in [get, again, without, own] {
        assert!(!format!("{response:?}").contains("s3cret"));
    }
    let journal = format!("{:?}", journal(&first).await);
    assert!(!journal.contains("s3cret"), "{journal}");
}

#[tokio::test]
async fn nobodys_user_sees_who_was_asked_and_a_stranger_is_asked_who_he_is() {
    let ([first, _second, _third], _) = three().await;
    let nobody = first
        .get(&format!("{REDIRECTOR}?destination=1002&uid=<i>x"))
        .await;
    assert_eq!(nobody.status, 200);
    assert!(
        nobody
            .body
            .contains("Authentication failed, please try again.")
    );
    for cluster in ["this one", "two", "three"] {
        let row = format!("<th scope=\"row\">{cluster}</th><td>no</td>");
        assert!(nobody.body.contains(&row), "{}", nobody.body);
    }
    assert!(!nobody.body.contains("127.0.0.1") && !nobody.body.contains("<i>"));
    let form = first
        .get(&format!("{REDIRECTOR}?destination=%22%3E%3Cscript%3E1002"))
        .await;
    assert_eq!(form.status, 200);
    assert!(form.body.contains("name=\"uid\"") && !form.body.contains("<script>"));
    assert!(form.body.contains("1002\""), "{}", form.body);
    let policy = form.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    assert_eq!(
        first.request("DELETE", REDIRECTOR, &[], b"").await.status,
        405
    );
    let long = format!("{REDIRECTOR}?uid=ann&destination={}", "1".repeat(1_025));
    assert_eq!(first.get(&long).await.status, 400);
    let metrics = first.get("/metrics").await.body;
    for line in [
        "cordboard_webdialer_redirector_sessions_total 3",
        "cordboard_webdialer_redirector_sessions_in_progress 0",
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
}

#[tokio::test]
async fn case_74_an_address_from_the_request_is_never_contacted_nor_in_the_answer() {
    let ([first, _second, _third], url) = three().await;
    let trap = TcpListener::bind("127.0.0.1:0").unwrap();
    trap.set_nonblocking(true).unwrap();
    let evil = trap.local_addr().unwrap().to_string();
    let parameters = format!("red=http://{evil}/&ref=https://{evil}/&destination=1002");
    for (uid, location) in [
        (
            "carol",
            Some(format!("{url}/webdialer/Webdialer?destination=1002")),
        ),
        (
            "ann",
            Some("/webdialer/Webdialer?destination=1002".to_owned()),
        ),
        ("nobody", None),
        ("", None),
    ] {
        let target = format!("{REDIRECTOR}?uid={uid}&{parameters}");
        let head = format!(
            "GET {target} HTTP/1.1\r\nHost: {evil}\r\nX-Forwarded-Host: {evil}\r\nReferer: http://{evil}/\r\n\r\n"
        );
        let response = first.raw(head.as_bytes()).await;
        assert_eq!(response.header("location"), location.as_deref());
        assert!(!format!("{response:?}").contains(&evil));
    }
    let caught = trap.accept().map(|(_, from)| from);
    assert_eq!(caught.unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn the_api_explains_where_a_user_is_sent_and_how_the_clusters_are() {
    let ([first, _second, _third], url) = three().await;
    let explains = async |user: &str| {
        let question = format!("{{\"user\":\"{user}\"}}");
        first
            .post_json("/api/v1/explain/home", &question)
            .await
            .json()
    };
    let carol = explains("carol").await;
    assert_eq!(
        (&carol["cluster"], &carol["address"]),
        (&"three".into(), &url.into())
    );
    assert_eq!(
        (&carol["here"], &carol["remembered"]),
        (&false.into(), &false.into())
    );
    assert_eq!(explains("Carol").await["remembered"], true);
    let ann = explains("ann").await;
    assert_eq!(
        (&ann["here"], &ann["said"]),
        (&true.into(), &Value::Array(Vec::new()))
    );
    let nobody = explains("nobody").await;
    let said = nobody["said"].as_array().unwrap().iter();
    assert!(said.clone().all(|said| said["said"] == "no"), "{nobody}");
    let clusters = first.get("/api/v1/clusters").await.json();
    let clusters = clusters["clusters"].as_array().unwrap();
    let names: Vec<_> = clusters.iter().map(|cluster| &cluster["name"]).collect();
    assert_eq!(names, ["two", "three"]);
    for cluster in clusters {
        assert_eq!(
            (&cluster["healthy"], &cluster["last"]),
            (&true.into(), &"no".into())
        );
        assert!(
            cluster["latency_ms"].is_u64() && cluster["at"].is_string(),
            "{cluster}"
        );
    }
}

#[tokio::test]
async fn clusters_that_are_dead_or_hang_hold_nobody_up() {
    let third = Place::new();
    let url = third.url();
    let [closed, hung] = [Place::new(), Place::new()];
    let clusters = vec![
        closed.as_cluster("closed"),
        hung.as_cluster("hung"),
        third.as_cluster("three"),
    ];
    drop(closed.listener);
    let _third = third.server("carol", Vec::new()).await;
    let first = Place::new().server("ann", clusters).await;
    // The one that hangs may take a minute, three times as long as this test waits for anything.
    assert!(LIMIT < Duration::from_secs(60));
    let response = first
        .get(&format!("{REDIRECTOR}?destination=1002&uid=carol"))
        .await;
    assert_eq!(
        location(&response),
        format!("{url}/webdialer/Webdialer?destination=1002")
    );
    let health = first.program.app.homes.health();
    assert_eq!((health[1].name.as_str(), health[1].last), ("hung", None));
    assert_eq!(health[2].last.map(|(said, ..)| said), Some(Said::Yes));
}

#[tokio::test]
async fn a_no_waits_only_for_those_that_answer_in_time_and_is_not_remembered_without_all() {
    let (third, hung) = (Place::new(), Place::new());
    let clusters = vec![hung.as_cluster("hung"), third.as_cluster("three")];
    let third = third.server("carol", Vec::new()).await;
    let first = Server::start(&directory("ann"), |config| {
        config.clusters = clusters;
        config.home.timeout_ms = 500;
    })
    .await;
    for _ in 0..2 {
        let nobody = first.get(&format!("{REDIRECTOR}?uid=nobody")).await;
        assert_eq!(nobody.status, 200);
        assert!(
            nobody.body.contains("hung</th><td>no answer"),
            "{}",
            nobody.body
        );
    }
    assert_eq!(
        journal(&third).await.len(),
        2,
        "asked again, for one did not answer"
    );
}

#[tokio::test]
async fn a_configured_cluster_may_look_up_as_often_as_it_likes() {
    let question = "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body>\
        <isClusterUserSoap xmlns=\"urn:WD70\"><in0>ann</in0></isClusterUserSoap></e:Body></e:Envelope>";
    for (known, last) in [(true, 200), (false, 503)] {
        let server = Server::start(&directory("ann"), |config| {
            config.webdialer.lookups_per_second = 1;
            if known {
                config.clusters = vec![Place::new().as_cluster("here")];
            }
        })
        .await;
        server.program.app.clock.set_running(false);
        assert_eq!(server.soap(W70, question).await.status, 200);
        assert_eq!(server.soap(W70, question).await.status, last);
        // A browser is limited wherever it comes from.
        let target = format!("{REDIRECTOR}?uid=ann");
        let first = server.get(&target).await.status;
        assert_eq!(first, if known { 302 } else { 503 });
        assert_eq!(server.get(&target).await.status, 503);
    }
}
