//! What a request to WebDialer's pages may do, by where it comes from. [webdialer §8.2]

mod common;

use common::browser::{Browser, CROSS, PATH, calls, is, server, server_with};

const OWN: (&str, &str) = ("Sec-Fetch-Site", "same-origin");
const EVIL: (&str, &str) = ("Origin", "https://evil.example");
const TYPED: [(&str, &str); 2] = [("Sec-Fetch-Site", "none"), ("Sec-Fetch-User", "?1")];
const ASKS: &str = "name=\"asks\" value=\"true\"";
const DESTINATION: &str = "/webdialer/Webdialer?destination=5550109";

#[tokio::test]
async fn a_number_of_another_site_is_shown_at_sign_in_and_asked_about_after_it() {
    let server = server().await;
    Browser::new(&server).skip_confirmation().await;
    let mut browser = Browser::new(&server);
    let auth = "cmd=doAuth&uid=bill&pwd=123&destination=5550109";
    let page = browser.ask("GET", DESTINATION, &[CROSS], "").await;
    is(&page, "Login");
    assert!(page.body.contains("Phone number: <strong>5550109</strong>"));
    assert!(page.body.contains(ASKS), "{}", page.body);
    let asked = format!("{auth}&asks=true");
    is(
        &browser.ask("POST", PATH, &[OWN], &asked).await,
        "Make Call",
    );
    // By an address, too.
    let moved = browser
        .ask("GET", &format!("{PATH}?{asked}"), &[OWN], "")
        .await;
    let to = moved.header("location").unwrap_or_default().to_owned();
    is(&browser.ask("GET", &to, &[OWN], "").await, "Make Call");
    assert_eq!(calls(&server).await, 0);
    // What the user typed himself is dialled.
    let mut browser = Browser::new(&server);
    let page = browser.ask("GET", DESTINATION, &TYPED, "").await;
    assert!(!page.body.contains(ASKS), "{}", page.body);
    is(&browser.ask("POST", PATH, &[OWN], auth).await, "End Call");
    assert_eq!(calls(&server).await, 1);
    server.program.stop().await;
}

#[tokio::test]
async fn a_number_of_another_site_is_asked_about_after_the_first_preferences() {
    let server = server().await;
    let mut browser = Browser::new(&server);
    browser.sign_in().await;
    let page = browser.ask("GET", DESTINATION, &[CROSS], "").await;
    is(&page, "Preferences");
    assert!(page.body.contains(ASKS), "{}", page.body);
    // A password that nobody looks at changes nothing.
    let sibling = [("Sec-Fetch-Site", "same-site")];
    let fields = "cmd=doProfile&pwd=x&destination=5550109";
    let page = browser.ask("POST", PATH, &sibling, fields).await;
    is(&page, "Preferences");
    assert!(page.body.contains(ASKS), "{}", page.body);
    let saved = "cmd=doSetProfile&deviceMode=permanent&permDeviceSelect=SEPA&lineNumber=1&noConfDialog=true&destination=5550109";
    let asked = format!("{saved}&asks=true");
    is(
        &browser.ask("POST", PATH, &[OWN], &asked).await,
        "Make Call",
    );
    assert_eq!(calls(&server).await, 0);
    is(&browser.ask("POST", PATH, &[OWN], saved).await, "End Call");
    server.program.stop().await;
}

#[tokio::test]
async fn a_trusted_sites_form_dials_though_the_browser_brings_no_cookie_with_it() {
    let site = ("Origin", "https://intranet.example");
    let server =
        server_with(|c| c.webdialer.trusted_origins = vec!["https://intranet.example".into()])
            .await;
    let mut browser = Browser::new(&server);
    browser.skip_confirmation().await;
    // A cookie of ours comes along when the browser is sent on by GET, with the name of the site.
    let referer = [CROSS, ("Referer", "https://intranet.example/")];
    for (fields, to) in [
        ("destination=5550109", DESTINATION),
        (
            "cmd=doMakeCall&destination=5550109",
            "/webdialer/Webdialer?cmd=doMakeCall&destination=5550109",
        ),
    ] {
        let before = calls(&server).await;
        let mut bare = Browser::new(&server);
        let moved = bare.ask("POST", PATH, &[CROSS, site], fields).await;
        assert_eq!((moved.status, moved.header("location")), (303, Some(to)));
        let policy = moved.header("referrer-policy");
        assert_eq!(policy, Some("strict-origin-when-cross-origin"));
        let dialled = browser.ask("GET", to, &referer, "").await;
        is(&browser.follow(&dialled).await, "End Call");
        assert_eq!(calls(&server).await, before + 1);
    }
    // Nobody signed in: the Login page, and what was clicked is dialled after it.
    let mut nobody = Browser::new(&server);
    let page = nobody.ask("GET", DESTINATION, &referer, "").await;
    is(&page, "Login");
    assert!(!page.body.contains(ASKS), "{}", page.body);
    // Any other site stays unnamed, and asks.
    let moved = nobody
        .ask("POST", PATH, &[CROSS, EVIL], "destination=5550109")
        .await;
    assert_eq!(moved.header("location"), Some(DESTINATION));
    assert_eq!(moved.header("referrer-policy"), Some("same-origin"));
    server.program.stop().await;
}

#[tokio::test]
async fn what_a_browser_loads_before_it_is_asked_for_dials_nothing() {
    let server = server().await;
    let mut browser = Browser::new(&server);
    browser.skip_confirmation().await;
    for purpose in [
        ("Sec-Purpose", "prefetch;prerender"),
        ("Sec-Purpose", "prefetch"),
        ("Purpose", "prefetch"),
    ] {
        for target in [
            DESTINATION.to_owned(),
            format!("{PATH}?cmd=doMakeCall&destination=5550109"),
        ] {
            let headers = [TYPED[0], TYPED[1], purpose];
            is(
                &browser.ask("GET", &target, &headers, "").await,
                "Make Call",
            );
        }
        let proxy = format!("{PATH}?destination=5550109&uid=bill&appid=app&pwd=s3cret");
        let moved = browser.ask("GET", &proxy, &[CROSS, purpose], "").await;
        assert_eq!(moved.status, 303);
        assert!(moved.header("cordboard-call").is_none());
    }
    assert_eq!(calls(&server).await, 0);
    server.program.stop().await;
}

#[tokio::test]
async fn a_page_that_a_get_dialled_can_be_loaded_again_and_dials_no_second_time() {
    let server = server().await;
    let mut browser = Browser::new(&server);
    browser.skip_confirmation().await;
    let moved = browser.ask("GET", DESTINATION, &TYPED, "").await;
    let to = moved.header("location");
    assert_eq!(
        (moved.status, to),
        (303, Some("/webdialer/Webdialer?cmd=doCalled"))
    );
    for _ in 0..2 {
        is(&browser.follow(&moved).await, "End Call");
    }
    assert_eq!(calls(&server).await, 1);
    server.program.stop().await;
}

#[tokio::test]
async fn behind_a_proxy_that_asks_by_another_name_the_pages_work() {
    let server = server().await;
    let mut browser = Browser::new(&server);
    let public = [OWN, ("Origin", "https://pbx.example.com")];
    let auth = "cmd=doAuth&uid=bill&pwd=123";
    is(
        &browser.ask("POST", PATH, &public, auth).await,
        "Preferences",
    );
    let saved = "cmd=doSetProfile&deviceMode=permanent&permDeviceSelect=SEPA&lineNumber=1";
    is(
        &browser.ask("POST", PATH, &public, saved).await,
        "Make Call",
    );
    let dial = "cmd=doMakeCall&destination=5550109";
    is(&browser.ask("POST", PATH, &public, dial).await, "End Call");
    server.program.stop().await;
}

#[tokio::test]
async fn another_site_neither_signs_somebody_in_nor_out() {
    let server = server().await;
    let mut browser = Browser::new(&server);
    browser.set_up().await;
    let own = browser.session.clone();
    let auth = "cmd=doAuth&uid=emu&pwd=emu&destination=5550109";
    for headers in [vec![CROSS], vec![CROSS, EVIL], vec![EVIL]] {
        let page = browser.ask("POST", PATH, &headers, auth).await;
        is(&page, "Login");
        assert!(page.body.contains("value=\"emu\""), "filled in");
        let moved = browser
            .ask("GET", &format!("{PATH}?{auth}"), &headers, "")
            .await;
        assert!(!moved.header("location").unwrap_or_default().contains("pwd"));
        is(&browser.follow(&moved).await, "Make Call");
        assert_eq!(browser.session, own);
        let page = browser.ask("POST", PATH, &headers, "cmd=doLogout").await;
        is(&page, "Make Call");
        // No key held down over another site's window dials.
        assert!(!page.body.contains("autofocus"), "{}", page.body);
    }
    let page = browser.ask("POST", PATH, &[OWN], "cmd=doProfile").await;
    is(&page, "Preferences");
    assert_eq!(calls(&server).await, 0);
    server.program.stop().await;
}
