//! What stays in an address at WebDialer's pages, and what an address can make them say. [webdialer §8.2, §8.4]

mod common;

use common::browser::{Browser, PATH, calls, fault, is, no_faults, server, server_with};
use cordboard::ops::config::ProxyMethods;

const PROXY: &str = "destination=5550109&uid=bill&appid=app&pwd=s3cret";
const OWN: [(&str, &str); 1] = [("Sec-Fetch-Site", "same-origin")];

#[tokio::test]
async fn an_address_with_a_password_in_it_shows_no_page() {
    let server = server().await;
    let mut browser = Browser::new(&server);
    for (query, told) in [
        (
            "cmd=doAuth&uid=bill&pwd=wrong&destination=1251",
            "Authentication failed",
        ),
        (
            "cmd=doAuth&uid=app&pwd=s3cret&destination=1251",
            "Authentication failed",
        ),
        ("uid=bill&pwd=123&destination=1251", ""),
        ("cmd=doClose&pwd=&destination=1251", ""),
    ] {
        for method in ["GET", "HEAD"] {
            let target = format!("{PATH}?{query}");
            let moved = browser.ask(method, &target, &[], "").await;
            let to = moved.header("location").unwrap_or_default();
            assert_eq!(moved.status, 303, "{method} {query}");
            assert!(!to.contains("pwd") && to.contains("1251"), "{to}");
            if method == "GET" {
                let page = browser.follow(&moved).await;
                is(&page, "Login");
                assert!(page.body.contains(told), "{query}: {}", page.body);
            }
        }
    }
    server.program.stop().await;
}

#[tokio::test]
async fn a_proxy_call_by_get_tells_why_it_failed_and_is_not_tried_again() {
    let server = server().await;
    let mut browser = Browser::new(&server);
    browser.skip_confirmation().await;
    let refused = "destination=hallo&uid=bill&appid=app&pwd=s3cret";
    for (why, query, title, told) in [
        (
            r#"{"on": "directory", "kind": "down"}"#,
            PROXY,
            "Login",
            "Directory service down.",
        ),
        (
            r#"{"on": "device:SEPA", "kind": "down"}"#,
            PROXY,
            "Make Call",
            "User not logged in on any device.",
        ),
        (
            r#"{"on": "network", "kind": "down", "calls": "kept"}"#,
            PROXY,
            "Make Call",
            "Cisco CTIManager down.",
        ),
        ("", refused, "End Call", "Destination not reachable."),
    ] {
        if !why.is_empty() {
            fault(&server, why).await;
        }
        let moved = browser.get(query).await;
        no_faults(&server).await;
        assert!(
            !moved
                .header("location")
                .unwrap_or_default()
                .contains("s3cret")
        );
        // The browser says that its user asked for it.
        let to = moved.header("location").unwrap_or_default().to_owned();
        let page = browser.ask("GET", &to, &OWN, "").await;
        is(&page, title);
        assert!(page.body.contains(told), "{why}: {}", page.body);
    }
    assert_eq!(calls(&server).await, 0);
    // An address names what is on the list, and nothing else.
    let page = browser.get("cmd=doFail&why=%3Cb%3Enonsense").await;
    assert!(
        page.body
            .contains("Authentication failed, please try again.")
    );
    assert!(!page.body.contains("nonsense"));
    server.program.stop().await;
}

#[tokio::test]
async fn a_head_with_credentials_dials_nothing_and_signs_nobody_in() {
    let server = server().await;
    let mut browser = Browser::new(&server);
    for query in [PROXY, "cmd=doAuth&uid=bill&pwd=123"] {
        let target = format!("{PATH}?{query}");
        let answered = browser.ask("HEAD", &target, &[], "").await;
        assert_eq!(answered.status, 303);
        assert!(answered.header("cordboard-call").is_none());
        assert_eq!(browser.session, None);
    }
    browser.skip_confirmation().await;
    let target = format!("{PATH}?cmd=doMakeCall&destination=5550109");
    browser.ask("HEAD", &target, &OWN, "").await;
    assert_eq!(calls(&server).await, 0);
    server.program.stop().await;
}

#[tokio::test]
async fn a_secure_server_takes_no_proxy_call_with_its_password_in_the_address() {
    let server = server_with(|c| c.webdialer.make_call_proxy_methods = ProxyMethods::Secure).await;
    let mut browser = Browser::new(&server);
    for (method, query, body) in [
        ("GET", PROXY, ""),
        ("POST", PROXY, ""),
        (
            "POST",
            "pwd=s3cret",
            "destination=5550109&uid=bill&appid=app",
        ),
    ] {
        let target = format!("{PATH}?{query}");
        let refused = browser.ask(method, &target, &[], body).await;
        assert_eq!(
            (refused.status, refused.header("allow")),
            (405, Some("POST"))
        );
    }
    assert_eq!(calls(&server).await, 0);
    is(&browser.post(PROXY).await, "End Call");
    server.program.stop().await;
}
