//! Explanations say what really happens, and make nothing happen. [webdialer §9]

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use common::Server;
use cordboard::ops::config::{Config, DialRule};
use serde_json::{Value, json};
use std::process::Command;

const FIXTURE: &str = include_str!("common/webdialer.toml");
const AX2: &str = "/webdialer/services/webdialer";

fn rule(name: &str, begins_with: &str, digits: u32, remove: u32, prefix: &str) -> DialRule {
    DialRule {
        name: name.into(),
        begins_with: begins_with.into(),
        digits,
        remove,
        prefix: prefix.into(),
        ..DialRule::default()
    }
}

fn rules(config: &mut Config) {
    config.webdialer.dial_rules = vec![
        rule("area", "408", 10, 3, "9"),
        rule("seven", "", 7, 0, "9"),
    ];
    config.webdialer.lookup_rules = vec![rule("outside", "9", 5, 1, "")];
}

async fn explains(server: &Server, question: &Value) -> Value {
    let response = server
        .post_json("/api/v1/explain/dial", &question.to_string())
        .await;
    assert_eq!(response.status, 200, "{question}: {}", response.body);
    response.json()
}

/// What makeCallSoap really answers: code, text, and the call.
async fn dials(server: &Server, question: &Value, password: &str) -> (i64, String, Option<Value>) {
    let text = |key: &str| question[key].as_str().unwrap_or_default();
    let em = question["device"].is_null();
    let (user, number) = (text("user"), text("number"));
    let body = format!(
        "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body>\
         <makeCallSoap xmlns=\"http://webdialer.ccm.cisco.com\"><args0><userID>{user}</userID>\
         <password>{password}</password></args0><args1>{number}</args1><args2><user>{user}</user>\
         <deviceName>{}</deviceName><lineNumber>{}</lineNumber><supportEM>{em}</supportEM></args2>\
         </makeCallSoap></e:Body></e:Envelope>",
        text("device"),
        text("line")
    );
    let response = server.soap(AX2, &body).await;
    let between = |from: &str| {
        let (_, rest) = response.body.split_once(from).unwrap();
        rest.split('<').next().unwrap().to_owned()
    };
    let call = match response.header("cordboard-call") {
        Some(_) => Some(server.call_of(&response).await),
        None => None,
    };
    (
        between("responseCode>").parse().unwrap(),
        between("responseDescription>"),
        call,
    )
}

#[tokio::test]
async fn an_explanation_says_what_make_call_soap_answers_and_places_nothing() {
    let server = Server::start(FIXTURE, |config| {
        rules(config);
        config.webdialer.dial_rules_on_soap_dial = true;
    })
    .await;
    let ask = |user: &str, device: Option<&str>, line: &str, number: &str| json!({ "user": user, "device": device, "line": line, "number": number });
    let table = [
        (ask("bill", Some("SEPA"), "1001 ; PT_A", "1700"), "123", 0),
        (ask("bill", Some("sepa"), "9999", " 4085551212 "), "123", 0),
        (ask("bill", Some("SEPA"), "1002", "5550100"), "123", 0),
        (ask("bill", Some("SEPA"), "", "55-50100"), "123", 7),
        (ask("bill", Some("SEPA"), "", ""), "123", 5),
        (ask("bill", Some("SEPOTHER"), "", "1001"), "123", 5),
        (ask("bill", Some("nosuch"), "", "1001"), "123", 5),
        (ask("bill", None, "", "1001"), "123", 5),
        (ask("ann", None, "", "1001"), "abc", 5),
        (ask("emu", None, "", "(1700) x"), "emu", 0),
    ];
    for (question, password, code) in table {
        let before = server.get("/api/v1/calls").await.json();
        let explained = explains(&server, &question).await;
        assert_eq!(server.get("/api/v1/calls").await.json(), before);
        let (real, text, call) = dials(&server, &question, password).await;
        assert_eq!(explained["code"], code, "{explained}");
        assert_eq!(
            (&explained["code"], &explained["text"]),
            (&json!(real), &json!(text))
        );
        assert_eq!(explained["refused"].is_string(), code != 0, "{explained}");
        if let Some(call) = call {
            assert_eq!(explained["dialled"], call["dialled"]);
            let [caller, called] = [0, 1].map(|index| &call["connections"][index]);
            assert_eq!(explained["device"]["what"], caller["device"]);
            assert_eq!(explained["line"]["what"]["number"], caller["number"]);
            assert_eq!(explained["route"]["number"]["number"], called["number"]);
        }
    }
    let unknown = explains(&server, &ask("nobody", None, "", "1001")).await;
    assert_eq!(
        (
            &unknown["code"],
            unknown["devices"].as_array().unwrap().len()
        ),
        (&json!(4), 0)
    );
}

#[tokio::test]
async fn another_phones_line_is_asked_about_by_the_pages_and_falls_to_the_first_in_soap() {
    let server = Server::start(FIXTURE, |_| {}).await;
    for (interface, code, line) in [("pages", 5, None), ("soap", 0, Some("1001"))] {
        let question = json!({
            "user": "bill", "number": "1700", "interface": interface, "device": "CSFBILL", "line": "1002"
        });
        let explained = explains(&server, &question).await;
        assert_eq!(explained["code"], code, "{explained}");
        let seen = explained["line"]["what"]["number"].as_str();
        assert_eq!(seen, line, "{explained}");
    }
}

#[tokio::test]
async fn an_explanation_names_each_rule_and_why_it_did_not_fit() {
    let server = Server::start(FIXTURE, rules).await;
    let question = json!({
        "user": "bill", "number": "(555) 0100-", "interface": "pages", "device": "SEPA"
    });
    let explained = explains(&server, &question).await;
    assert_eq!(explained["received"], "(555) 0100-");
    assert_eq!(explained["cleaned"], "5550100");
    assert_eq!(
        explained["rules"],
        json!([
            { "name": "area", "fits": false, "why": "the number does not begin with `408`", "result": null },
            { "name": "seven", "fits": true, "why": "removes 0 from the left and puts `9` in front", "result": "95550100" },
        ])
    );
    assert_eq!(
        (&explained["dialled"], &explained["route"]["outside"]),
        (&json!("95550100"), &json!(true))
    );
    // The switch for SOAP is off.
    let soap = explains(
        &server,
        &json!({ "user": "bill", "number": "5550100", "device": "SEPA" }),
    )
    .await;
    assert_eq!(
        (&soap["rules_act"], &soap["dialled"]),
        (&json!(false), &json!("5550100"))
    );
    let short = explains(
        &server,
        &json!({ "user": "bill", "number": "408555121", "interface": "pages" }),
    )
    .await;
    assert_eq!(
        short["rules"][0]["why"],
        "the number has 9 characters, not 10"
    );
    assert_eq!(
        short["device"],
        json!({ "what": "SEPA", "why": "it carries the user's primary line" })
    );
}

#[tokio::test]
async fn an_explanation_says_who_would_ring_and_whose_number_it_is() {
    let server = Server::start(FIXTURE, rules).await;
    let ask = |number: &str| json!({ "user": "bill", "number": number, "device": "SEPA" });
    let inside = explains(&server, &ask("1500")).await;
    assert_eq!(
        inside["route"]["rings"],
        json!([{ "device": "SEPE", "user": "emu" }])
    );
    assert_eq!(inside["owner"]["users"], json!(["emu"]));
    let outside = explains(&server, &ask("91001")).await;
    assert_eq!(
        (&outside["route"]["outside"], &outside["owner"]["number"]),
        (&json!(true), &json!("1001"))
    );
    assert_eq!(outside["owner"]["users"], json!(["bill"]));
    let hidden = explains(&server, &ask("2900")).await;
    assert!(
        hidden["route"]["why"]
            .as_str()
            .unwrap()
            .contains("out_of_service"),
        "{hidden}"
    );
    let own = explains(&server, &ask("1002")).await;
    assert!(
        own["route"]["why"].as_str().unwrap().contains("busy"),
        "{own}"
    );
}

#[tokio::test]
async fn odd_questions_are_problems() {
    let server = Server::start(FIXTURE, |_| {}).await;
    for (path, body) in [
        ("dial", json!({ "user": "bill" })),
        (
            "dial",
            json!({ "user": "bill", "number": "1", "interface": "fax" }),
        ),
        ("dial", json!({ "user": "bill", "number": "1".repeat(257) })),
        ("home", json!({ "user": " " })),
        ("home", json!({ "user": "x".repeat(256) })),
    ] {
        let path = format!("/api/v1/explain/{path}");
        assert_eq!(
            server.post_json(&path, &body.to_string()).await.status,
            400,
            "{body}"
        );
    }
}

/// Runs `cordboard explain`; answers status, standard output, standard error.
async fn cli(arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cordboard"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CORDBOARD")) {
        command.env_remove(name);
    }
    command.arg("explain").args(arguments);
    // The server that it speaks to lives on this thread.
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.unwrap().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[tokio::test]
async fn the_command_tells_people_and_programs() {
    let server = Server::start(FIXTURE, rules).await;
    let address = format!("http://{}", server.address);
    let dial = ["dial", "5550100", "--user", "bill", "--server", &address];
    let with = |more: &[&'static str]| [&dial[..], more].concat();
    let (status, text, _) = cli(&with(&["--device", "SEPA", "--interface", "pages"])).await;
    assert_eq!(status, 0);
    for line in [
        "dial rule seven: 95550100 - removes 0 from the left and puts `9` in front",
        "dialled   95550100",
        "device    SEPA - it was named",
        "line      1001 ; PT_A - no line was named, so it is the device's first",
        "answer    0 Success",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
    }
    let (status, text, _) = cli(&with(&["--device", "SEPOTHER", "--json"])).await;
    assert_eq!(status, 1);
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["code"], 5);
    let (status, text, _) = cli(&["home", "bill", "--server", &address]).await;
    assert_eq!(
        (status, text.as_str()),
        (
            0,
            "here: he is in our own directory, so nobody else is asked\n"
        )
    );
    let (status, text, _) = cli(&["home", "zed", "--server", &address]).await;
    assert_eq!(status, 1);
    assert!(text.starts_with("nowhere: "), "{text}");
    let (status, _, error) = cli(&[
        "home",
        "zed",
        "--token",
        "wrong-secret",
        "--server",
        &address,
    ])
    .await;
    assert_eq!(status, 77, "{error}");
    assert!(!error.contains("wrong-secret"));
    server.program.stop().await;
    assert_eq!(cli(&["home", "zed", "--server", &address]).await.0, 69);
}
