//! How long somebody is signed in at WebDialer's pages, how often, and what of him stays. [webdialer §8.3]

mod common;

use common::browser::{Browser, calls, counted, is, server, server_with};
use serde_json::json;

const PROXY: &str = "destination=&uid=bill&appid=app&pwd=s3cret";
const IN_PROGRESS: &str = "cordboard_webdialer_sessions_in_progress";

#[tokio::test]
async fn sessions_that_others_begin_for_a_user_push_out_none_of_the_users_own() {
    let server = server().await;
    let mut other = Browser::new(&server);
    other.post("cmd=doAuth&uid=emu&pwd=emu").await;
    let mut own = Browser::new(&server);
    own.set_up().await;
    for _ in 0..20 {
        Browser::new(&server).post(PROXY).await;
    }
    is(&own.get("destination=1").await, "Make Call");
    is(&other.get("destination=1").await, "Preferences");
    // Sixteen of the application's, and these two.
    assert_eq!(counted(&server, IN_PROGRESS).await, 18);
    let mut second = Browser::new(&server);
    second.sign_in().await;
    for _ in 0..15 {
        Browser::new(&server).sign_in().await;
    }
    is(&own.get("destination=1").await, "Login");
    is(&second.get("destination=1").await, "Make Call");
    assert_eq!(counted(&server, IN_PROGRESS).await, 33);
    server.program.stop().await;
}

#[tokio::test]
async fn sessions_that_are_too_old_are_dropped_though_nobody_asks_for_them() {
    let server = server_with(|c| c.webdialer.session_expiry_h = 1).await;
    for _ in 0..5 {
        Browser::new(&server).post(PROXY).await;
    }
    let hour = r#"{"advance_ms": 3600000}"#;
    server.post_json("/api/v1/lab/clock", hour).await;
    Browser::new(&server).sign_in().await;
    assert_eq!(counted(&server, IN_PROGRESS).await, 1);
    server.program.stop().await;
}

#[tokio::test]
async fn sign_out_takes_every_cookie_back() {
    let server = server().await;
    let mut browser = Browser::new(&server);
    let page = browser.set_up().await;
    let names = |page: &common::Response, end: &str| {
        let mut cookies: Vec<String> = page
            .headers
            .iter()
            .filter(|(name, value)| name.eq_ignore_ascii_case("set-cookie") && value.contains(end))
            .filter_map(|(_, value)| value.split('=').next().map(str::to_owned))
            .collect();
        cookies.sort();
        cookies
    };
    let mut given = names(&page, "");
    given.push("sess".to_owned());
    given.sort();
    let page = browser.post("cmd=doLogout").await;
    assert_eq!(names(&page, "=; Path=/webdialer; Max-Age=0;"), given);
    server.program.stop().await;
}

#[tokio::test]
async fn preferences_go_with_their_user_and_are_not_those_of_the_next_one_by_that_id() {
    let server = server().await;
    let mut browser = Browser::new(&server);
    is(&browser.set_up().await, "Make Call");
    is(&browser.sign_in().await, "Make Call");
    let deleted = server
        .request("DELETE", "/api/v1/users/bill", &[], b"")
        .await;
    assert!(deleted.status < 300, "{}", deleted.body);
    let body = json!({"id": "bill", "password": "123", "devices": ["SEPA"]}).to_string();
    let made = server.post_json("/api/v1/users", &body).await;
    assert!(made.status < 300, "{}", made.body);
    is(&browser.sign_in().await, "Preferences");
    is(&browser.set_up().await, "Make Call");
    server.post_json("/api/v1/lab/reset", "").await;
    is(&browser.sign_in().await, "Preferences");
    server.program.stop().await;
}

#[tokio::test]
async fn what_the_store_refuses_is_neither_acknowledged_nor_remembered() {
    let server = server().await;
    let mut browser = Browser::new(&server);
    browser.sign_in().await;
    common::browser::fault(&server, r#"{"on": "store", "kind": "error"}"#).await;
    let page = browser
        .post("cmd=doSetProfile&deviceMode=permanent&permDeviceSelect=CSFBILL&lineNumber=1&noConfDialog=true&noAutoClose=true")
        .await;
    is(&page, "Preferences");
    assert!(page.body.contains("Service temporarily unavailable"));
    // What was ticked is still ticked.
    for name in ["noConfDialog", "noAutoClose"] {
        let ticked = format!("name=\"{name}\" value=\"true\" checked");
        assert!(page.body.contains(&ticked), "{}", page.body);
    }
    common::browser::no_faults(&server).await;
    is(&browser.sign_in().await, "Preferences");
    assert_eq!(calls(&server).await, 0);
    server.program.stop().await;
}
