//! WebDialer's pages, by the numbers of their conformance cases. [webdialer §14]

mod common;

use common::browser::{Browser, FIXTURE, PATH, calls, is, server, server_with};
use cordboard::ops::config::{DialRule, ProxyMethods};
use serde_json::json;

#[tokio::test]
async fn case_65_a_destination_without_a_session_gets_the_login_page_which_keeps_it_escaped() {
    let server = server().await;
    let mut browser = Browser::new(&server);
    let page = browser.get("destination=1002").await;
    is(&page, "Login");
    for part in [
        "<form action=\"/webdialer/Webdialer\" method=\"post\"",
        "<input type=\"hidden\" name=\"cmd\" value=\"doAuth\">",
        "name=\"uid\"",
        "name=\"pwd\" type=\"password\"",
        "<input type=\"hidden\" name=\"destination\" value=\"1002\">",
    ] {
        assert!(page.body.contains(part), "{part} in {}", page.body);
    }
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert_eq!(page.header("x-frame-options"), Some("DENY"));
    assert!(
        page.header("content-security-policy")
            .unwrap()
            .contains("frame-ancestors 'none'")
    );
    let plus = browser
        .get("destination=+4940123&&loc=de-de&red=null&ref=x")
        .await;
    assert!(
        plus.body.contains("value=\"+4940123\"") || plus.body.contains("value=\"&#43;4940123\""),
        "{}",
        plus.body
    );
    server.program.stop().await;
}

#[tokio::test]
async fn case_66_a_script_in_a_destination_is_shown_as_text_and_stripped_before_dialling() {
    let server = server().await;
    let mut browser = Browser::new(&server);
    let evil = "%3Cscript%3Ealert(1)%3C%2Fscript%3E5550109";
    for query in [
        format!("destination={evil}"),
        format!("cmd=doFail&uid={evil}&destination={evil}"),
    ] {
        let page = browser.get(&query).await;
        assert!(!page.body.contains("<script>"), "{}", page.body);
    }
    browser.set_up().await;
    let page = browser.get(&format!("destination={evil}")).await;
    is(&page, "Make Call");
    assert!(
        !page.body.contains("<script>") && page.body.contains("alert"),
        "{}",
        page.body
    );
    let dialled = browser
        .post(&format!(
            "cmd=doMakeCall&destination={evil}&uid={evil}&lang={evil}&loc={evil}&red={evil}"
        ))
        .await;
    assert!(!dialled.body.contains("<script>"), "{}", dialled.body);
    assert_eq!(server.call_of(&dialled).await["dialled"], "15550109");
    server.program.stop().await;
}

#[tokio::test]
async fn case_67_a_good_password_leads_to_the_preferences_and_a_bad_one_to_the_originals_words() {
    let server = server().await;
    let mut browser = Browser::new(&server);
    for body in [
        "cmd=doAuth&uid=bill&pwd=wrong",
        "cmd=doAuth&uid=nobody&pwd=123",
        "cmd=doAuth&uid=app&pwd=s3cret",
        "cmd=doAuth&uid=bill&pwd=123&pwdEncrypted=true",
        "cmd=doAuth",
    ] {
        let page = browser.post(body).await;
        is(&page, "Login");
        assert!(
            page.body
                .contains("Authentication failed, please try again."),
            "{body}: {}",
            page.body
        );
        assert_eq!(browser.session, None);
    }
    let page = browser.sign_in().await;
    is(&page, "Preferences");
    for part in [
        "Use permanent device",
        "<SELECT name=\"permDeviceSelect\" id=\"permDeviceSelect\" onChange=",
        "<SELECT name=\"lineNumber\" id=\"lineNumber\">",
        "<optgroup label=\"SEPA\">\n<option value=\"1001 ; PT_A\">1001 ; PT_A</option>",
        "<option value=\"SEPA\">desk (SEPA, Cisco 8845)</option>",
        "name=\"noConfDialog\"",
        "name=\"noAutoClose\"",
    ] {
        assert!(page.body.contains(part), "{part} in {}", page.body);
    }
    let cookies: Vec<&str> = page
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"))
        .map(|(_, value)| value.as_str())
        .collect();
    let session = cookies.iter().find(|c| c.starts_with("sess=")).unwrap();
    assert!(
        session.contains("HttpOnly; SameSite=Lax") && session.contains("Path=/webdialer"),
        "{session}"
    );
    assert!(
        cookies.iter().any(|c| c.starts_with("uid=bill;")),
        "{cookies:?}"
    );
    assert!(!cookies.iter().any(|c| c.contains("123;")), "{cookies:?}");
    server.program.stop().await;
}

#[tokio::test]
async fn case_68_preferences_are_saved_and_the_dial_page_follows_also_after_a_restart() {
    let server = server().await;
    let mut browser = Browser::new(&server);
    let page = browser.set_up().await;
    is(&page, "Make Call");
    assert!(page.body.contains("Phone number"), "{}", page.body);
    assert!(
        page.body.contains("<option value=\"SEPA\" selected>"),
        "{}",
        page.body
    );
    let told = |name: &str, value: &str| {
        let start = format!("{name}={value};");
        assert!(
            page.headers.iter().any(|(_, v)| v.starts_with(&start)),
            "{start} in {:?}",
            page.headers
        );
    };
    told("device", "SEPA");
    told("em", "false");
    let server = server.restarted(FIXTURE).await;
    let mut browser = Browser::new(&server);
    let page = browser.sign_in().await;
    is(&page, "Make Call");
    assert!(
        page.body
            .contains("<option value=\"1001 ; PT_A\" selected>"),
        "{}",
        page.body
    );
    // A device that is gone is asked for again.
    server
        .request("DELETE", "/api/v1/devices/SEPA", &[], b"")
        .await;
    is(&browser.get("destination=1").await, "Preferences");
    server.program.stop().await;
}

#[tokio::test]
async fn case_69_do_make_call_dials_by_the_preferences_and_offers_to_hang_up_for_15_seconds() {
    let server = server().await;
    let mut browser = Browser::new(&server);
    browser.set_up().await;
    let page = browser
        .post("cmd=doMakeCall&sub=true&destination=5550108")
        .await;
    is(&page, "End Call");
    for part in [
        "data-close-after=\"15\"",
        "content=\"15;url=/webdialer/Webdialer?cmd=doClose\"",
        "value=\"doEndCall\"",
        "<strong>5550108</strong>",
    ] {
        assert!(page.body.contains(part), "{part} in {}", page.body);
    }
    let call = server.call_of(&page).await;
    assert_eq!(
        (
            &call["origin"],
            &call["connections"][0]["device"],
            &call["connections"][0]["number"],
            &call["dialled"]
        ),
        (
            &json!({"interface": "webdialer", "user": "bill", "by": null}),
            &json!("SEPA"),
            &json!("1001"),
            &json!("5550108")
        )
    );
    // A form that says device and line itself, as scripts do, needs no preferences.
    let page = browser.post("cmd=doMakeCall&destination=5550109&deviceMode=permanent&permDeviceSelect=CSFBILL&lineNumber=1001+%3B+PT_A&dial=dial").await;
    assert_eq!(
        server.call_of(&page).await["connections"][0]["device"],
        "CSFBILL"
    );
    server.program.stop().await;
}

#[tokio::test]
async fn case_70_do_end_call_ends_the_call() {
    let server = server().await;
    let mut browser = Browser::new(&server);
    browser.set_up().await;
    let page = browser.post("cmd=doMakeCall&destination=5550108").await;
    let id = server.call_of(&page).await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let ended = browser.post("cmd=doEndCall&sub=false&hangup=hangup").await;
    is(&ended, "Closed");
    let call = server.get(&format!("/api/v1/calls/{id}")).await.json();
    assert_eq!(call["state"], "ended");
    // With auto-close disabled the dial page follows.
    browser.post("cmd=doSetProfile&deviceMode=permanent&permDeviceSelect=SEPA&lineNumber=1&noAutoClose=true").await;
    let page = browser.post("cmd=doMakeCall&destination=5550108").await;
    assert!(!page.body.contains("data-close-after"), "{}", page.body);
    is(&browser.post("cmd=doEndCall").await, "Make Call");
    server.program.stop().await;
}

#[tokio::test]
async fn case_71_make_call_proxy_dials_without_a_login_page_and_by_get_only_where_that_is_allowed()
{
    let server = server().await;
    let mut browser = Browser::new(&server);
    let fields = "destination=5550108&uid=bill&appid=app&pwd=s3cret";
    let page = browser.post(fields).await;
    is(&page, "End Call");
    let call = server.call_of(&page).await;
    assert_eq!(
        call["origin"],
        json!({"interface": "webdialer", "user": "bill", "by": "app"})
    );
    assert_eq!(
        call["connections"][0]["device"], "SEPA",
        "the primary line's device"
    );
    is(&browser.post("cmd=doEndCall").await, "Closed");
    // By GET it works too, and its password goes from the address line at once.
    let mut other = Browser::new(&server);
    let moved = other.get(fields).await;
    assert_eq!(
        (moved.status, moved.header("location")),
        (303, Some("/webdialer/Webdialer?cmd=doCalled"))
    );
    assert!(moved.header("cordboard-call").is_some());
    is(&other.get("cmd=doCalled").await, "End Call");
    for wrong in [
        "destination=1&uid=bill&appid=app&pwd=wrong",
        "destination=1&uid=bill&appid=noproxy&pwd=x",
        "destination=1&uid=nobody&appid=app&pwd=s3cret",
        "cmd=doMakeCallProxy&destination=1&uid=bill&appid=app&pwd=s3cret&pwdEncrypted=true",
    ] {
        let page = Browser::new(&server).post(wrong).await;
        is(&page, "Login");
        assert!(
            page.body
                .contains("Authentication failed, please try again."),
            "{wrong}"
        );
        let moved = Browser::new(&server).get(wrong).await;
        assert_eq!(moved.status, 303);
        assert!(!moved.header("location").unwrap().contains("pwd"));
    }
    let journal = server
        .get("/api/v1/lab/requests?interface=webdialer")
        .await
        .body;
    assert!(
        !journal.contains("s3cret") && journal.contains("doMakeCallProxy"),
        "{journal}"
    );
    server.program.stop().await;
    let strict = server_with(|c| c.webdialer.make_call_proxy_methods = ProxyMethods::Secure).await;
    let refused = Browser::new(&strict).get(fields).await;
    assert_eq!(
        (refused.status, refused.header("allow")),
        (405, Some("POST"))
    );
    assert_eq!(calls(&strict).await, 0);
    is(&Browser::new(&strict).post(fields).await, "End Call");
    strict.program.stop().await;
}

#[tokio::test]
async fn case_72_a_session_older_than_user_session_expiry_has_to_sign_in_again() {
    let server = server_with(|c| c.webdialer.session_expiry_h = 2).await;
    let mut browser = Browser::new(&server);
    browser.set_up().await;
    server
        .post_json("/api/v1/lab/clock", r#"{"advance_ms": 7199000}"#)
        .await;
    is(&browser.get("destination=1").await, "Make Call");
    server
        .post_json("/api/v1/lab/clock", r#"{"advance_ms": 1000}"#)
        .await;
    let page = browser.get("destination=1").await;
    is(&page, "Login");
    assert!(
        page.body.contains("Session expired, please login again."),
        "{}",
        page.body
    );
    server.program.stop().await;
}

#[tokio::test]
async fn case_75_dial_rules_change_what_the_pages_dial_unless_that_is_switched_off() {
    let rules = vec![
        DialRule {
            name: "local".into(),
            digits: 7,
            remove: 0,
            prefix: "9".into(),
            ..DialRule::default()
        },
        DialRule {
            name: "plus".into(),
            begins_with: "+".into(),
            digits: 12,
            remove: 1,
            ..DialRule::default()
        },
        DialRule {
            name: "area".into(),
            begins_with: "408".into(),
            digits: 10,
            remove: 3,
            prefix: "9".into(),
            ..DialRule::default()
        },
    ];
    for on in [true, false] {
        let server = server_with(|c| {
            c.webdialer.dial_rules = rules.clone();
            c.webdialer.dial_rules_on_dial = on;
            c.device.max_calls = 8;
        })
        .await;
        let mut browser = Browser::new(&server);
        browser.set_up().await;
        for (typed, dialled) in [
            ("5550100", "95550100"),
            ("%2B14085551212", "14085551212"),
            ("4085551212", "95551212"),
            ("408555121", "408555121"),
        ] {
            let page = browser
                .post(&format!("cmd=doMakeCall&destination={typed}"))
                .await;
            let plain = typed.replace("%2B", "+");
            let expected = if on { dialled } else { plain.as_str() };
            assert_eq!(server.call_of(&page).await["dialled"], expected, "{typed}");
        }
        server.program.stop().await;
    }
}

#[tokio::test]
async fn the_redirector_knows_who_is_signed_in_here() {
    let server = server().await;
    let mut browser = Browser::new(&server);
    let redirector = "/webdialer/WebdialerRedirector?destination=1002";
    let asked = browser.ask("GET", redirector, &[], "").await;
    is(&asked, "Redirector");
    browser.sign_in().await;
    let sent = browser.ask("GET", redirector, &[], "").await;
    let to = sent.header("location");
    assert_eq!(
        (sent.status, to),
        (302, Some("/webdialer/Webdialer?destination=1002"))
    );
    server.program.stop().await;
}

#[tokio::test]
async fn the_pages_speak_french_where_that_is_asked_for_and_remember_it() {
    let server = server().await;
    let mut browser = Browser::new(&server);
    let french = [("Accept-Language", "fr-CA,fr;q=0.9,en;q=0.8")];
    let page = browser
        .ask("GET", &format!("{PATH}?destination=1"), &french, "")
        .await;
    is(&page, "Connexion");
    assert!(page.body.contains("<html lang=\"fr\">"), "{}", page.body);
    for hints in ["loc=fr_FR", "lang=null&loc=fr_FR", "lang=de-de&loc=fr_FR"] {
        let page = browser.get(&format!("destination=1&{hints}")).await;
        is(&page, "Connexion");
    }
    browser.sign_in().await;
    let page = browser
        .post("cmd=doSetProfile&deviceMode=permanent&permDeviceSelect=SEPA&lineNumber=1&lang=fr")
        .await;
    is(&page, "Passer un appel");
    is(&browser.get("destination=1").await, "Passer un appel");
    server.program.stop().await;
}

#[tokio::test]
async fn a_brand_folder_gives_the_pages_another_name_logo_and_style() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("name.txt", "Acme & Co\n"),
        ("logo.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"/>"),
        ("style.css", "body { color: teal }"),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let server = server_with(|c| c.webdialer.brand = Some(folder.path().into())).await;
    for path in [PATH, "/webdialer/WebdialerRedirector"] {
        let page = server.get(path).await;
        let brand = "<img src=\"/webdialer/assets/logo\" alt=\"\"> <span>Acme &#38; Co</span>";
        assert!(page.body.contains(brand), "{}", page.body);
    }
    for (name, kind, text) in [
        ("logo", "image/svg+xml", "<svg"),
        ("style.css", "text/css; charset=utf-8", "teal"),
    ] {
        let asset = server.get(&format!("/webdialer/assets/{name}")).await;
        assert_eq!(asset.header("content-type"), Some(kind));
        assert!(asset.body.contains(text), "{}", asset.body);
    }
    server.program.stop().await;
}
