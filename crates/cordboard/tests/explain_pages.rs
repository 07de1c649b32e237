//! What is explained of the pages is what the pages do. [webdialer §9]

mod common;

use common::Server;
use common::browser::{Browser, server};
use serde_json::{Value, json};

async fn explained(server: &Server, user: &str, number: &str) -> Value {
    let question = json!({"user": user, "number": number, "interface": "pages"}).to_string();
    let answer = server.post_json("/api/v1/explain/dial", &question).await;
    answer.json()
}

/// Device, number, and why that device.
fn chosen(explained: &Value) -> [&str; 3] {
    let from = [
        &explained["device"]["what"],
        &explained["line"]["what"]["number"],
        &explained["device"]["why"],
    ];
    from.map(|value| value.as_str().unwrap_or_default())
}

#[tokio::test]
async fn the_phone_explained_is_the_one_the_pages_dial_from() {
    let server = server().await;
    let mut browser = Browser::new(&server);
    browser.sign_in().await;
    let first = explained(&server, "bill", "5550108").await;
    let why = "it carries the user's primary line";
    assert_eq!(chosen(&first), ["SEPA", "1001", why]);
    for (fields, device, number, why) in [
        (
            "permDeviceSelect=SEPA&lineNumber=1002",
            "SEPA",
            "1002",
            "the user chose it",
        ),
        (
            "permDeviceSelect=CSFBILL&lineNumber=1001",
            "CSFBILL",
            "1001",
            "the user chose it",
        ),
    ] {
        let saved = format!("cmd=doSetProfile&deviceMode=permanent&{fields}");
        browser.post(&saved).await;
        let said = explained(&server, "bill", "5550108").await;
        assert_eq!(chosen(&said), [device, number, why]);
        let page = browser.post("cmd=doMakeCall&destination=5550108").await;
        let call = server.call_of(&page).await;
        let from = &call["connections"][0];
        assert_eq!(
            [&from["device"], &from["number"]],
            [&json!(device), &json!(number)]
        );
    }
    // Somebody who sits at a phone, and chose nothing: makeCallProxy would not know from where.
    let none = explained(&server, "emu", "5550108").await;
    assert_eq!(none["code"], 5, "{none}");
    let mut emu = Browser::new(&server);
    emu.post("cmd=doAuth&uid=emu&pwd=emu").await;
    emu.post("cmd=doSetProfile&deviceMode=em").await;
    let seat = explained(&server, "emu", "5550108").await;
    let why = "the user chose Extension Mobility and sits there";
    assert_eq!(chosen(&seat), ["SEPE", "1500", why]);
    server.program.stop().await;
}

#[tokio::test]
async fn a_number_of_which_nothing_is_left_is_refused_as_the_pages_refuse_it() {
    let server = server().await;
    let mut browser = Browser::new(&server);
    browser.set_up().await;
    let page = browser.post("cmd=doMakeCall&destination=hallo").await;
    assert!(page.body.contains("Destination not reachable."));
    let said = explained(&server, "bill", "hallo").await;
    assert_eq!((&said["cleaned"], &said["code"]), (&json!(""), &json!(7)));
    // Nothing written: the page asks.
    assert_eq!(explained(&server, "bill", " ").await["code"], 5);
    server.program.stop().await;
}
