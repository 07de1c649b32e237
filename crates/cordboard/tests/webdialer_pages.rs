//! WebDialer's pages, by the numbers of their conformance cases. [webdialer §14]

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use common::{Response, Server};
use cordboard::ops::config::{Config, DialRule, ProxyMethods};
use serde_json::json;

const FIXTURE: &str = include_str!("common/webdialer.toml");
const PATH: &str = "/webdialer/Webdialer";
const CROSS: (&str, &str) = ("Sec-Fetch-Site", "cross-site");

async fn server() -> Server {
    server_with(|_| {}).await
}

async fn server_with(change: impl FnOnce(&mut Config)) -> Server {
    Server::start(FIXTURE, change).await
}

/// A browser: it keeps its session.
struct Browser<'a> {
    server: &'a Server,
    session: Option<String>,
}

impl<'a> Browser<'a> {
    fn new(server: &'a Server) -> Self {
        Self {
            server,
            session: None,
        }
    }

    async fn ask(
        &mut self,
        method: &str,
        target: &str,
        more: &[(&str, &str)],
        body: &str,
    ) -> Response {
        let cookie = self
            .session
            .as_ref()
            .map(|id| format!("a=b; sess={id}; uid=root"));
        let mut headers = vec![("Content-Type", "application/x-www-form-urlencoded")];
        headers.extend(cookie.as_deref().map(|cookie| ("Cookie", cookie)));
        headers.extend(more);
        let response = self
            .server
            .request(method, target, &headers, body.as_bytes())
            .await;
        for (name, value) in &response.headers {
            if name.eq_ignore_ascii_case("set-cookie")
                && let Some(rest) = value.strip_prefix("sess=")
            {
                let id = rest.split(';').next().unwrap();
                self.session = (!id.is_empty()).then(|| id.to_owned());
            }
        }
        response
    }

    async fn get(&mut self, query: &str) -> Response {
        self.ask("GET", &format!("{PATH}?{query}"), &[], "").await
    }

    async fn post(&mut self, body: &str) -> Response {
        self.ask("POST", PATH, &[], body).await
    }

    async fn sign_in(&mut self) -> Response {
        self.post("cmd=doAuth&sub=false&uid=bill&pwd=123&destination=1002")
            .await
    }

    async fn set_up(&mut self) -> Response {
        self.sign_in().await;
        self.post("cmd=doSetProfile&sub=true&deviceMode=permanent&permDeviceSelect=SEPA+%3B+Cisco+8845&lineNumber=1001+%3B+PT_A&fButton=ok")
            .await
    }
}

fn is(response: &Response, title: &str) {
    assert_eq!(response.status, 200, "{}", response.body);
    assert!(
        response
            .body
            .contains(&format!("<TITLE>Cisco WebDialer - {title}</TITLE>")),
        "{title}: {}",
        response.body
    );
}

async fn calls(server: &Server) -> usize {
    server.get("/api/v1/calls").await.json()["calls"]
        .as_array()
        .unwrap()
        .len()
}

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
            if dials {
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
    is(&browser.get("destination=1&loc=fr_FR").await, "Connexion");
    browser.sign_in().await;
    let page = browser
        .post("cmd=doSetProfile&deviceMode=permanent&permDeviceSelect=SEPA&lineNumber=1&lang=fr")
        .await;
    is(&page, "Passer un appel");
    is(&browser.get("destination=1").await, "Passer un appel");
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

/// A counter of `/metrics`.
async fn counted(server: &Server, name: &str) -> u64 {
    let metrics = server.get("/metrics").await.body;
    let line = metrics.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap().trim().parse().unwrap()
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
