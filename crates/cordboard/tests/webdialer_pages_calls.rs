//! From where WebDialer's pages dial, what they say when they cannot, and what they count. [webdialer §8.4]

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use common::Response;
use common::browser::{Browser, calls, counted, fault, is, no_faults, server, server_with, state};
use serde_json::json;

#[tokio::test]
async fn failures_of_the_house_are_told_in_the_originals_words() {
    let server = server().await;
    let mut browser = Browser::new(&server);
    browser.set_up().await;
    for (fault, words) in [
        (
            json!({"on": "network", "kind": "down", "calls": "kept"}),
            "Service temporarily unavailable, please try again later: Cisco CTIManager down.",
        ),
        (
            json!({"on": "directory", "kind": "down"}),
            "Service temporarily unavailable, please try again later: Directory service down.",
        ),
        (
            json!({"on": "device:SEPA", "kind": "down"}),
            "User not logged in on any device.",
        ),
        (
            json!({"on": "network", "kind": "error"}),
            "Destination not reachable.",
        ),
        (
            json!({"on": "store", "kind": "error"}),
            "Service temporarily unavailable, please try again later.",
        ),
    ] {
        server
            .post_json("/api/v1/lab/faults", &fault.to_string())
            .await;
        let page = browser.post("cmd=doMakeCall&destination=5550109").await;
        assert_eq!(page.status, 200);
        assert!(page.body.contains(words), "{fault}: {}", page.body);
        server
            .request("DELETE", "/api/v1/lab/faults", &[], b"")
            .await;
    }
    let limited = server_with(|c| c.webdialer.max_calls_per_second = 1).await;
    let mut browser = Browser::new(&limited);
    browser.set_up().await;
    is(
        &browser.post("cmd=doMakeCall&destination=5550109").await,
        "End Call",
    );
    let page = browser.post("cmd=doMakeCall&destination=5550109").await;
    assert!(
        page.body
            .contains("Service temporarily unavailable, please try again later."),
        "{}",
        page.body
    );
    limited.program.stop().await;
    server.program.stop().await;
}

#[tokio::test]
async fn extension_mobility_dials_from_the_phone_where_the_user_sits_and_says_so_if_there_is_none()
{
    let server = server().await;
    let mut emu = Browser::new(&server);
    is(&emu.post("cmd=doAuth&uid=emu&pwd=emu").await, "Preferences");
    is(
        &emu.post("cmd=doSetProfile&deviceMode=em&fButton=ok").await,
        "Make Call",
    );
    let page = emu.post("cmd=doMakeCall&destination=5550109").await;
    let call = server.call_of(&page).await;
    assert_eq!(
        (
            &call["connections"][0]["device"],
            &call["connections"][0]["number"]
        ),
        (&json!("SEPE"), &json!("1500"))
    );
    let mut bill = Browser::new(&server);
    bill.set_up().await;
    let page = bill
        .post("cmd=doMakeCall&destination=5550109&deviceMode=em")
        .await;
    assert!(
        page.body.contains("User not logged in on any device."),
        "{}",
        page.body
    );
    server.program.stop().await;
}

/// What the browser is told of the stored line.
fn line_told(response: &Response) -> Option<&str> {
    let mut cookies = response.headers.iter();
    cookies
        .find_map(|(_, value)| value.strip_prefix("line="))
        .and_then(|rest| rest.split(';').next())
}

#[tokio::test]
async fn only_a_line_that_the_chosen_device_carries_is_stored() {
    let server = server().await;
    let mut browser = Browser::new(&server);
    browser.sign_in().await;
    let long = "9".repeat(20_000);
    for (sent, told) in [
        ("1002+%3B+no+partition", "1002%20%3B%20no%20partition"),
        ("1002", "1002%20%3B%20no%20partition"),
        ("1001", "1001%20%3B%20PT_A"),
        ("1", ""),
        ("%3F", ""),
        ("", ""),
        ("4711", ""),
        ("%3Cscript%3E", ""),
        (long.as_str(), ""),
    ] {
        let fields = format!(
            "cmd=doSetProfile&deviceMode=permanent&permDeviceSelect=SEPA&lineNumber={sent}"
        );
        let page = browser.post(&fields).await;
        is(&page, "Make Call");
        assert_eq!(line_told(&page), Some(told), "{:.40}", sent);
    }
    server.program.stop().await;
}

#[tokio::test]
async fn a_line_of_another_device_is_asked_about_and_never_dialled_from_the_wrong_one() {
    const OTHER: &str = "The chosen device does not have that line.";
    let server = server().await;
    let mut browser = Browser::new(&server);
    browser.sign_in().await;
    // Without a script the list of lines shows those of every device.
    let mixed = "deviceMode=permanent&permDeviceSelect=CSFBILL&lineNumber=1002+%3B+no+partition";
    let page = browser.post(&format!("cmd=doSetProfile&{mixed}")).await;
    is(&page, "Preferences");
    assert!(page.body.contains(OTHER), "{}", page.body);
    assert_eq!(line_told(&page), None, "nothing is stored");
    is(&browser.get("destination=1").await, "Preferences");
    browser.set_up().await;
    let page = browser
        .post(&format!("cmd=doMakeCall&destination=5550109&{mixed}"))
        .await;
    is(&page, "Make Call");
    assert!(
        page.body.contains(OTHER) && page.body.contains("value=\"5550109\""),
        "{}",
        page.body
    );
    assert_eq!(calls(&server).await, 0);
    // The stored line is the stored device's: another device has its own first one.
    browser
        .post("cmd=doSetProfile&deviceMode=permanent&permDeviceSelect=SEPA&lineNumber=1002")
        .await;
    for (fields, device, number) in [
        ("", "SEPA", "1002"),
        ("&permDeviceSelect=sepa", "SEPA", "1002"),
        (
            "&deviceMode=permanent&permDeviceSelect=CSFBILL",
            "CSFBILL",
            "1001",
        ),
    ] {
        let page = browser
            .post(&format!("cmd=doMakeCall&destination=5550109{fields}"))
            .await;
        let call = server.call_of(&page).await;
        let from = &call["connections"][0];
        assert_eq!(
            (&from["device"], &from["number"]),
            (&json!(device), &json!(number)),
            "{fields}"
        );
        browser.post("cmd=doEndCall").await;
    }
    server.program.stop().await;
}

#[tokio::test]
async fn a_strict_server_asks_about_a_line_that_nobody_has() {
    let server = server_with(|c| c.webdialer.strict_lines = true).await;
    let mut browser = Browser::new(&server);
    browser.sign_in().await;
    let device = "deviceMode=permanent&permDeviceSelect=SEPA";
    let page = browser
        .post(&format!("cmd=doSetProfile&{device}&lineNumber=4711"))
        .await;
    is(&page, "Preferences");
    // A placeholder means the first line here, too.
    let page = browser
        .post(&format!("cmd=doSetProfile&{device}&lineNumber=1"))
        .await;
    is(&page, "Make Call");
    let page = browser
        .post(&format!(
            "cmd=doMakeCall&destination=5550109&{device}&lineNumber=4711"
        ))
        .await;
    assert!(
        page.body
            .contains("The chosen device does not have that line."),
        "{}",
        page.body
    );
    assert_eq!(calls(&server).await, 0);
    server.program.stop().await;
}

#[tokio::test]
async fn requests_and_calls_are_counted_with_their_outcome() {
    let server = server().await;
    let mut browser = Browser::new(&server);
    browser.set_up().await;
    for (fields, failed) in [
        ("destination=1", 0),
        ("cmd=doMakeCall&destination=5550109", 0),
        ("cmd=doEndCall", 0),
        ("cmd=doMakeCall&destination=1&deviceMode=em", 1),
        ("cmd=doAuth&uid=bill&pwd=wrong", 1),
        ("destination=1&uid=bill&appid=app&pwd=wrong", 1),
        ("cmd=doLogout", 0),
    ] {
        let name = "cordboard_webdialer_page_requests_failed_total";
        let before = counted(&server, name).await;
        browser.post(fields).await;
        assert_eq!(counted(&server, name).await - before, failed, "{fields}");
    }
    // Sent on to the page that tells of it, a failure is counted once.
    let moved = browser
        .get("destination=1&uid=bill&appid=app&pwd=wrong")
        .await;
    let told = moved.header("location").unwrap().to_owned();
    browser.ask("GET", &told, &[], "").await;
    for (name, count) in [
        ("page_requests_total", 11),
        ("page_requests_failed_total", 4),
        ("calls_completed_total", 1),
        ("calls_failed_total", 0),
        ("sessions_total", 1),
        ("sessions_in_progress", 0),
    ] {
        let name = format!("cordboard_webdialer_{name}");
        assert_eq!(counted(&server, &name).await, count, "{name}");
    }
    server.program.stop().await;
}

/// The id of the call that a page placed.
fn placed(response: &Response) -> String {
    let call = response.header("cordboard-call");
    call.unwrap_or_else(|| panic!("no call: {}", response.body))
        .to_owned()
}

/// Presses the button of a page that offers to hang up.
async fn hang_up(browser: &mut Browser<'_>, page: &Response) -> Response {
    let start = "name=\"call\" value=\"";
    let (_, rest) = page.body.split_once(start).unwrap();
    let call = rest.split('"').next().unwrap();
    browser
        .post(&format!("cmd=doEndCall&call={call}&hangup=hangup"))
        .await
}

#[tokio::test]
async fn a_page_ends_the_call_it_is_about_and_no_other() {
    let server = server().await;
    let mut browser = Browser::new(&server);
    browser.set_up().await;
    let first = browser.post("cmd=doMakeCall&destination=5550108").await;
    let second = browser.post("cmd=doMakeCall&destination=5550208").await;
    for page in [&first, &second] {
        assert!(!page.body.contains("autofocus"), "Enter ends nothing");
    }
    let (one, two) = (placed(&first), placed(&second));
    let ended = hang_up(&mut browser, &first).await;
    is(&ended, "Closed");
    assert_eq!(state(&server, &one).await, "ended");
    assert_ne!(state(&server, &two).await, "ended");
    // Once more: it is over already, and the other one goes on.
    is(&hang_up(&mut browser, &first).await, "Closed");
    assert_ne!(state(&server, &two).await, "ended");
    // Somebody else's call is not ended, nor one of another interface.
    let mut emu = Browser::new(&server);
    emu.post("cmd=doAuth&uid=emu&pwd=emu").await;
    emu.post(&format!("cmd=doEndCall&call={two}")).await;
    assert_ne!(state(&server, &two).await, "ended");
    let api = server
        .post_json("/api/v1/calls", r#"{"device": "CSFBILL", "to": "5550108"}"#)
        .await;
    let other = api.json()["id"].as_str().map(str::to_owned);
    let other = other.unwrap_or_else(|| panic!("{}", api.body));
    browser.post(&format!("cmd=doEndCall&call={other}")).await;
    assert_ne!(state(&server, &other).await, "ended");
    // A script that names none means the newest.
    browser.post("cmd=doEndCall&sub=false&hangup=hangup").await;
    assert_eq!(state(&server, &two).await, "ended");
    server.program.stop().await;
}

#[tokio::test]
async fn a_page_without_a_call_offers_no_way_to_hang_up() {
    let server = server().await;
    let mut browser = Browser::new(&server);
    browser.set_up().await;
    // Nothing was dialled yet: the dial page.
    is(&browser.get("cmd=doCalled").await, "Make Call");
    let call = browser.post("cmd=doMakeCall&destination=5550108").await;
    let refused = browser.post("cmd=doMakeCall&destination=hallo").await;
    is(&refused, "End Call");
    for part in ["Destination not reachable.", "role=\"alert\"", "hallo"] {
        assert!(refused.body.contains(part), "{part} in {}", refused.body);
    }
    for part in ["doEndCall", "data-close-after", "http-equiv=\"refresh\""] {
        assert!(!refused.body.contains(part), "{part} in {}", refused.body);
    }
    assert_ne!(state(&server, &placed(&call)).await, "ended");
    server.program.stop().await;
}

#[tokio::test]
async fn a_hang_up_that_fails_leaves_the_page_with_its_button_open() {
    let server = server().await;
    let mut browser = Browser::new(&server);
    browser.set_up().await;
    let page = browser.post("cmd=doMakeCall&destination=5550108").await;
    let call = placed(&page);
    let down = r#"{"on": "network", "kind": "down", "calls": "kept"}"#;
    fault(&server, down).await;
    for fields in [
        format!("cmd=doEndCall&destination=5550108&call={call}"),
        "cmd=doEndCall&destination=5550108".to_owned(),
    ] {
        let failed = browser.post(&fields).await;
        is(&failed, "End Call");
        for part in ["Cisco CTIManager down.", "doEndCall", "5550108"] {
            assert!(failed.body.contains(part), "{part} in {}", failed.body);
        }
        assert!(!failed.body.contains("data-close-after"));
        assert_ne!(state(&server, &call).await, "ended");
    }
    no_faults(&server).await;
    let ended = hang_up(&mut browser, &page).await;
    is(&ended, "Closed");
    // That is no alarm, and there is a way on.
    for part in [
        "role=\"status\">The call has ended.",
        "<a href=\"/webdialer/Webdialer\">Call another number</a>",
    ] {
        assert!(ended.body.contains(part), "{part} in {}", ended.body);
    }
    assert_eq!(state(&server, &call).await, "ended");
    let out = browser.post("cmd=doLogout").await;
    assert!(out.body.contains("role=\"status\">You are signed out."));
    server.program.stop().await;
}

#[tokio::test]
async fn a_number_that_is_too_long_is_refused_and_not_cut() {
    let server = server().await;
    let mut browser = Browser::new(&server);
    browser.set_up().await;
    for (length, title) in [(101, "End Call"), (120, "End Call"), (20_000, "End Call")] {
        let number = format!("5550108{}", "0".repeat(length - 7));
        let page = browser
            .post(&format!("cmd=doMakeCall&destination={number}"))
            .await;
        is(&page, title);
        assert!(page.body.contains("Destination not reachable."));
        // Carried through another page it is as long as before.
        let page = browser.get(&format!("destination={number}")).await;
        let kept = format!("value=\"{}\"", &number[..101]);
        assert!(page.body.contains(&kept), "{}", page.body);
    }
    assert_eq!(calls(&server).await, 0);
    server.program.stop().await;
}

#[tokio::test]
async fn a_phone_with_no_room_for_another_call_is_told_so() {
    let server = server_with(|c| c.device.max_calls = 1).await;
    let mut browser = Browser::new(&server);
    browser.set_up().await;
    let call = browser.post("cmd=doMakeCall&destination=5550108").await;
    let page = browser.post("cmd=doMakeCall&destination=5550109").await;
    is(&page, "Make Call");
    let told = "The phone has no room for another call; hang up first.";
    assert!(page.body.contains(told), "{}", page.body);
    hang_up(&mut browser, &call).await;
    let page = browser.post("cmd=doMakeCall&destination=5550109").await;
    is(&page, "End Call");
    server.program.stop().await;
}

const PROXY: &str = "destination=5550108&uid=bill&appid=app&pwd=s3cret";

/// Device and number of the calling side.
async fn from(server: &common::Server, page: &Response) -> (String, String) {
    let call = server.call_of(page).await;
    let from = &call["connections"][0];
    let text = |name: &str| from[name].as_str().unwrap_or_default().to_owned();
    (text("device"), text("number"))
}

async fn change_bill(server: &common::Server, user: serde_json::Value) {
    let headers = [("Content-Type", "application/json"), ("If-Match", "*")];
    let body = user.to_string();
    let changed = server
        .request("PUT", "/api/v1/users/bill", &headers, body.as_bytes())
        .await;
    assert!(changed.status < 300, "{}", changed.body);
}

#[tokio::test]
async fn make_call_proxy_dials_from_the_primary_line_of_a_phone_that_is_there() {
    let server = server().await;
    let second = json!({"id": "bill", "password": "123", "devices": ["SEPA", "CSFBILL"], "primary_line": {"number": "1002"}});
    change_bill(&server, second).await;
    let page = Browser::new(&server).post(PROXY).await;
    let seen = from(&server, &page).await;
    assert_eq!(seen, ("SEPA".to_owned(), "1002".to_owned()));
    let shared = json!({"id": "bill", "password": "123", "devices": ["SEPA", "CSFBILL"], "primary_line": {"number": "1001", "partition": "PT_A"}});
    change_bill(&server, shared).await;
    fault(&server, r#"{"on": "device:SEPA", "kind": "down"}"#).await;
    let page = Browser::new(&server).post(PROXY).await;
    let seen = from(&server, &page).await;
    assert_eq!(seen, ("CSFBILL".to_owned(), "1001".to_owned()));
    server.program.stop().await;
}

#[tokio::test]
async fn make_call_proxy_needs_no_good_password_of_whom_it_dials_for_and_signs_nobody_in_then() {
    let server = server().await;
    let expired = json!({"id": "bill", "password": "123", "credential": "expired", "devices": ["SEPA"], "primary_line": {"number": "1001", "partition": "PT_A"}});
    change_bill(&server, expired).await;
    let mut browser = Browser::new(&server);
    let page = browser.post(PROXY).await;
    is(&page, "Closed");
    assert_eq!(server.call_of(&page).await["dialled"], "5550108");
    let moved = browser.get(PROXY).await;
    assert!(moved.header("cordboard-call").is_some());
    is(&browser.follow(&moved).await, "Closed");
    assert_eq!(browser.session, None);
    server.program.stop().await;
}

#[tokio::test]
async fn a_button_pressed_twice_places_one_call() {
    let server = server().await;
    server
        .post_json("/api/v1/lab/clock", r#"{"running": false}"#)
        .await;
    let mut browser = Browser::new(&server);
    browser.set_up().await;
    let mut seen = Vec::new();
    for _ in 0..2 {
        let page = browser.get("destination=5550108").await;
        let (_, rest) = page.body.split_once("name=\"once\" value=\"").unwrap();
        let once = rest.split('"').next().unwrap().to_owned();
        assert!(!seen.contains(&once));
        let pressed = format!("cmd=doMakeCall&destination=5550108&once={once}");
        is(&browser.post(&pressed).await, "End Call");
        let again = browser.post(&pressed).await;
        assert!(again.header("cordboard-call").is_none());
        is(&browser.follow(&again).await, "End Call");
        seen.push(once);
    }
    assert_eq!(calls(&server).await, 2);
    // Later, from the same page: another call.
    let later = r#"{"advance_ms": 3000}"#;
    server.post_json("/api/v1/lab/clock", later).await;
    let pressed = format!("cmd=doMakeCall&destination=5550108&once={}", seen[1]);
    is(&browser.post(&pressed).await, "End Call");
    assert_eq!(calls(&server).await, 3);
    server.program.stop().await;
}

#[tokio::test]
async fn no_way_to_dial_goes_past_a_directory_that_is_away() {
    let server = server().await;
    let mut browser = Browser::new(&server);
    browser.skip_confirmation().await;
    fault(&server, r#"{"on": "directory", "kind": "down"}"#).await;
    for fields in ["destination=5550108", "cmd=doMakeCall&destination=5550108"] {
        let page = browser.post(fields).await;
        is(&page, "Login");
        assert!(page.body.contains("Directory service down."), "{fields}");
    }
    assert_eq!(calls(&server).await, 0);
    server.program.stop().await;
}
