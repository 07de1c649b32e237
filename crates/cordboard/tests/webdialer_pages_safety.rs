//! What other sites, odd requests and old sessions can and cannot do at WebDialer's pages. [webdialer §8.2, §8.3]

mod common;

use common::Response;
use common::browser::{Browser, CROSS, PATH, calls, is, server, server_with};
use serde_json::json;

#[tokio::test]
async fn a_cookie_alone_never_dials_from_another_site() {
    let server = server().await;
    let mut browser = Browser::new(&server);
    browser.set_up().await;
    browser.post("cmd=doSetProfile&deviceMode=permanent&permDeviceSelect=SEPA&lineNumber=1&noConfDialog=true").await;
    let dial = "cmd=doMakeCall&sub=true&destination=5550109";
    let user = ("Sec-Fetch-User", "?1");
    for (method, headers, dials) in [
        ("POST", vec![], true),
        ("POST", vec![("Sec-Fetch-Site", "same-origin")], true),
        ("POST", vec![CROSS], false),
        ("POST", vec![CROSS, user], false),
        ("POST", vec![("Sec-Fetch-Site", "same-site")], false),
        ("POST", vec![("Origin", "https://evil.example")], false),
        ("POST", vec![("Origin", "null")], false),
        ("GET", vec![], false),
        ("GET", vec![CROSS, user], false),
        ("GET", vec![("Sec-Fetch-Site", "none"), user], true),
        ("GET", vec![("Sec-Fetch-Site", "none")], false),
        ("GET", vec![("Sec-Fetch-Site", "same-origin")], true),
    ] {
        for fields in [dial, "destination=5550109"] {
            server
                .post_json("/api/v1/lab/clock", r#"{"advance_ms": 20000}"#)
                .await;
            let before = calls(&server).await;
            let response = match method {
                "GET" => {
                    browser
                        .ask("GET", &format!("{PATH}?{fields}"), &headers, "")
                        .await
                }
                _ => browser.ask("POST", PATH, &headers, fields).await,
            };
            let dialled = calls(&server).await - before;
            assert_eq!(dialled == 1, dials, "{method} {headers:?} {fields}");
            if dials && response.status == 303 {
                // A browser's GET goes on to where it can be loaded again.
                assert_eq!(method, "GET");
                is(&browser.follow(&response).await, "End Call");
            } else if dials {
                is(&response, "End Call");
            } else if method == "POST" {
                assert_eq!(
                    (response.status, response.header("location")),
                    (303, Some("/webdialer/Webdialer?destination=5550109"))
                );
            } else {
                is(&response, "Make Call");
                assert!(response.body.contains("value=\"5550109\""), "filled in");
            }
        }
    }
    server.program.stop().await;
    let trusting = server_with(|c| {
        c.webdialer.trusted_origins = vec!["https://intranet.example".into()];
        c.webdialer.trust_headerless_get = true;
    })
    .await;
    let mut browser = Browser::new(&trusting);
    browser.set_up().await;
    let trusted = [CROSS, ("Origin", "https://intranet.example")];
    is(&browser.ask("POST", PATH, &trusted, dial).await, "End Call");
    is(&browser.get(dial).await, "End Call");
    trusting.program.stop().await;
}

#[tokio::test]
async fn a_session_is_new_after_sign_in_and_dead_after_sign_out_wherever_its_cookie_went() {
    let server = server().await;
    let mut browser = Browser::new(&server);
    browser.session = Some("planted".into());
    browser.sign_in().await;
    let first = browser.session.clone().unwrap();
    assert_ne!(first, "planted");
    browser.set_up().await;
    let second = browser.session.clone().unwrap();
    assert_ne!(first, second);
    let mut thief = Browser::new(&server);
    thief.session = Some(second);
    is(&thief.get("destination=1").await, "Make Call");
    let page = browser.post("cmd=doLogout").await;
    assert!(page.body.contains("You are signed out."), "{}", page.body);
    assert_eq!(browser.session, None);
    let page = thief.get("destination=1").await;
    is(&page, "Login");
    let page = thief.post("cmd=doMakeCall&destination=5550109").await;
    is(&page, "Login");
    thief.session = Some(first);
    is(&thief.get("destination=1").await, "Login");
    // makeCallProxy takes the place of whoever was signed in here before.
    let mut shared = Browser::new(&server);
    shared.set_up().await;
    let before = shared.session.clone();
    shared
        .post("destination=&uid=bill&appid=app&pwd=s3cret")
        .await;
    assert_ne!(shared.session, before);
    thief.session = before;
    is(&thief.get("destination=1").await, "Login");
    // A session id in the path is none.
    let mut victim = Browser::new(&server);
    victim.set_up().await;
    let id = victim.session.clone().unwrap();
    let page = server
        .get(&format!("{PATH};jsessionid={id}?destination=1"))
        .await;
    is(&page, "Login");
    // Another password ends it, too.
    let body = json!({"id": "bill", "password": "new", "devices": ["SEPA"]}).to_string();
    let headers = [("Content-Type", "application/json"), ("If-Match", "*")];
    server
        .request("PUT", "/api/v1/users/bill", &headers, body.as_bytes())
        .await;
    is(&victim.get("destination=1").await, "Login");
    assert_eq!(calls(&server).await, 0);
    server.program.stop().await;
}

/// No header says what a request made up: an address leads here, and what it carries is escaped.
fn made_here(response: &Response) {
    for (name, value) in &response.headers {
        if name.eq_ignore_ascii_case("location") {
            let rest = value.strip_prefix("/webdialer/Webdialer?destination=");
            let rest = rest.unwrap_or_else(|| panic!("{value}"));
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"%+-._~*".contains(&b);
            assert!(rest.bytes().all(plain), "{value}");
        } else {
            assert!(
                !value.contains("evil") && !name.contains("evil"),
                "{name}: {value}"
            );
        }
    }
}

#[tokio::test]
async fn whatever_is_sent_gets_a_page_or_a_plain_refusal_and_no_header_of_its_making() {
    let server = server().await;
    let mut browser = Browser::new(&server);
    let long = "9".repeat(20_000);
    for body in [
        "destination=1%0D%0ASet-Cookie:%20evil=1&uid=x%0D%0Ay&lang=%0D%0A".to_owned(),
        format!("destination={long}&uid={long}&pwd={long}&cmd=doAuth"),
        format!("cmd={long}"),
        "cmd=doSetProfile&permDeviceSelect=%00&lineNumber=%FF".to_owned(),
        "%%%&&&===&cmd=doEndCall".to_owned(),
        "cmd=doMakeCall&red=http%3A%2F%2Fevil%2F&ref=http%3A%2F%2Fevil%2F&destination=1".to_owned(),
    ] {
        for signed_in in [false, true] {
            if signed_in {
                browser.set_up().await;
            }
            let page = browser.ask("POST", PATH, &[CROSS], &body).await;
            assert!([200, 303].contains(&page.status), "{}", page.status);
            made_here(&page);
            let page = browser.post(&body).await;
            assert!([200, 303].contains(&page.status), "{}", page.status);
            made_here(&page);
        }
    }
    let huge = "a".repeat(100_000);
    assert_eq!(browser.post(&huge).await.status, 413);
    for method in ["PUT", "DELETE"] {
        assert_eq!(browser.ask(method, PATH, &[], "").await.status, 405);
    }
    assert_eq!(
        browser
            .ask("GET", "/webdialer/assets/../Webdialer", &[], "")
            .await
            .status,
        400
    );
    assert_eq!(
        browser
            .ask("GET", "/webdialer/assets/nothing", &[], "")
            .await
            .status,
        404
    );
    for (name, kind) in [
        ("style.css", "text/css; charset=utf-8"),
        ("pages.js", "text/javascript; charset=utf-8"),
    ] {
        let asset = browser
            .ask("GET", &format!("/webdialer/assets/{name}"), &[], "")
            .await;
        assert_eq!(
            (asset.status, asset.header("content-type")),
            (200, Some(kind))
        );
    }
    let metrics = server.get("/metrics").await.body;
    assert!(
        metrics.contains("cordboard_http_panics_total 0"),
        "{metrics}"
    );
    server.program.stop().await;
}
