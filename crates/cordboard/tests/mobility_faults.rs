//! What faults, states and bad input are to Extension Mobility's callers, and what is noted of them. [lab, Faults] [mobility §15]

mod common;

use common::mobility::*;
use cordboard::ops::config::Service;
use cordboard_core::exchange::{Action, Actor, Command, Query, Reply};
use serde_json::json;
use std::time::{Duration, Instant};

#[tokio::test]
async fn case_57_what_cannot_be_stored_or_timed_leaves_nothing_behind() {
    let server = server().await;
    let unused = server.queries(&who(&[D1])).await;
    let store = json!({"on": "store", "kind": "error"});
    server.sets_fault(store.clone()).await;
    assert_eq!(
        server.asks(&login(D1, "jdoe")).await,
        failure(6, "Database Error")
    );
    assert_eq!(server.queries(&who(&[D1])).await, unused);
    server.clears_faults().await;
    server.is_done(&login_with(D1, "jdoe", &minutes("5"))).await;
    let seated = server.queries(&who(&[D1])).await;
    server.sets_fault(store).await;
    for operation in [logout(D1), "<logoutAll/>".to_owned()] {
        assert_eq!(server.asks(&operation).await, failure(6, "Database Error"));
    }
    server.clears_faults().await;
    server
        .sets_fault(json!({"on": "timer", "kind": "error"}))
        .await;
    let text = "Logout Request Error: the automatic logout cannot be";
    for operation in [logout(D1), "<logoutAll/>".to_owned()] {
        let expected = failure(7, &format!("{text} removed"));
        assert_eq!(server.asks(&operation).await, expected);
    }
    assert_eq!(server.queries(&who(&[D1])).await, seated);
    let timed = login_with(D2, "asmith", &minutes("5"));
    assert_eq!(
        server.asks(&timed).await,
        failure(7, &format!("{text} set"))
    );
    assert_eq!(server.user_on(D2).await, None);
    server.is_done(&login(D2, "asmith")).await;
}

#[tokio::test]
async fn case_58_a_profile_of_another_model_succeeds_and_is_marked() {
    let server = server().await;
    server
        .is_done(&login_with(D1, "jdoe", &profile("jdoe_7841")))
        .await;
    server.is_done(&login(D2, "asmith")).await;
    let asked = Command {
        actor: Actor::Operator,
        interface: "api",
        action: Action::Snapshot(Query::Logins),
    };
    let Ok(Reply::Logins(logins)) = server.program.app.handle.command(asked).await else {
        panic!("the exchange tells its logins");
    };
    let marked: Vec<(&str, bool)> = logins
        .iter()
        .map(|login| (login.user.as_str(), login.mismatched))
        .collect();
    assert_eq!(marked, [("jdoe", true), ("asmith", false)]);
}

#[tokio::test]
async fn case_59_an_odd_value_in_a_failure_is_escaped() {
    let server = server().await;
    let odd = "a<b&\"c";
    let answer = server.asks(&login(&escaped(odd), "jdoe")).await;
    let text = answer
        .split_once("\">")
        .unwrap()
        .1
        .split_once("</error>")
        .unwrap()
        .0;
    assert!(
        text.starts_with("Device Error: device 'a&lt;b&amp;") && !text.contains('<'),
        "{answer}"
    );
    let read = cordboard_wire::mobility::decode_answer(answer.as_bytes(), None).unwrap();
    let cordboard_wire::mobility::Answer::Failure(told) = read else {
        panic!("{answer}");
    };
    assert_eq!(
        told.text,
        format!("Device Error: device '{odd}' does not exist")
    );
    let misread = server.asks(&login("<![CDATA[<success/>]]>", "jdoe")).await;
    let text = "Device Error: the device does not exist";
    assert_eq!(misread, failure(11, text));
}

#[tokio::test]
async fn case_60_a_service_that_is_stopped_or_never_activated_has_its_status() {
    for (service, status) in [(Service::Stopped, 503), (Service::NotActivated, 404)] {
        let server = server_with(|c| c.mobility.service = service).await;
        for document in [request(&login(D1, "jdoe")), query(&who(&[D1]))] {
            let response = server
                .posts(FORM, &format!("xml={}", encoded(&document)))
                .await;
            assert_eq!((response.status, response.body.as_str()), (status, ""));
        }
    }
}

#[tokio::test]
async fn each_fault_of_the_service_and_the_directory_has_its_answer_and_goes_away() {
    let server = server().await;
    server
        .sets_fault(json!({"on": "mobility", "kind": "down"}))
        .await;
    let response = server.get(SERVLET).await;
    assert_eq!((response.status, response.body.as_str()), (503, ""));
    server.clears_faults().await;
    server
        .sets_fault(json!({"on": "mobility", "kind": "slow", "delay_ms": 300}))
        .await;
    let begun = Instant::now();
    server.is_done(&login(D1, "jdoe")).await;
    assert!(begun.elapsed() >= Duration::from_millis(300));
    server.clears_faults().await;
    server
        .sets_fault(json!({"on": "directory", "kind": "down"}))
        .await;
    let text = "Directory User Info Error: the directory does not answer";
    assert_eq!(server.asks(&logout(D1)).await, failure(9, text));
    assert_eq!(server.queries(&who(&[D1])).await, query_failure(9, text));
    server.clears_faults().await;
    server.is_done(&logout(D1)).await;
}

#[tokio::test]
async fn the_journal_shows_what_was_asked_and_never_a_password() {
    let server = server().await;
    let secret = ("odd", "a+b&c<d%e");
    server
        .asks_as(secret, &login_with(D1, "jdoe", &profile("jdoe_UDP")))
        .await;
    server.asks_as(("odd", "wr0ng-secret"), &logout(D1)).await;
    server
        .get(&format!(
            "{SERVLET}?a=b&xml={}",
            document("request", secret, &logout(D1))
        ))
        .await;
    server
        .get(&format!(
            "{SERVLET}?xml=<appCertificate>Pr0xy!&more-of-it</appCertificate>"
        ))
        .await;
    server.queries(&who(&[D1, D9])).await;
    let noted = server.get("/api/v1/lab/requests?interface=mobility").await;
    for part in [
        "a+b",
        "c<d",
        "d%e",
        "a%2Bb",
        "wr0ng",
        "Pr0xy",
        "more-of-it",
        "appCertificate",
    ] {
        assert!(!noted.body.contains(part), "{part}: {}", noted.body);
    }
    let requests = noted.json()["requests"].clone();
    let fields = &requests[0]["fields"];
    let expected = json!({"operation": "login", "credential": "odd", "device": D1, "user": "jdoe", "profile": "jdoe_UDP"});
    assert_eq!(fields, &expected);
    assert_eq!(requests[1]["fields"]["code"], "3");
    assert_eq!(requests[2]["path"], format!("{SERVLET}?a=b&xml=•••"));
    assert_eq!(requests[3]["path"], format!("{SERVLET}?xml=•••"));
    assert_eq!(requests[4]["fields"]["devices"], format!("{D1}, {D9}"));
}

#[tokio::test]
async fn whatever_is_sent_has_an_answer_with_a_code_or_a_status() {
    let server = server().await;
    let text = request(&login(D1, "jdoe"));
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let headers = [("Content-Type", FORM)];
    for (mark, utf16) in [
        ([0xff, 0xfe].as_slice(), &little),
        (&[0xfe, 0xff], &big),
        (&[], &little),
        (&[], &big),
    ] {
        let wide = [mark, utf16].concat();
        let escaped: String = wide.iter().map(|byte| format!("%{byte:02x}")).collect();
        for value in [wide, escaped.into_bytes()] {
            let body = [b"xml=".as_slice(), &value].concat();
            let response = server.request("POST", SERVLET, &headers, &body).await;
            assert_eq!(code_of(&answer(&response)), Some(1), "{mark:?}");
        }
    }
    let deep = "<a>".repeat(100_000);
    assert_eq!(code_of(&server.sends(&deep).await), Some(1));
    assert_eq!(code_of(&server.asks(&deep).await), Some(1));
    let form = format!("xml={}", encoded(&text));
    for end in 0..form.len() {
        let cut = server.posts(FORM, &form[..end]).await;
        assert_eq!(code_of(&answer(&cut)), Some(1), "{end}");
    }
    for broken in [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=x",
    ] {
        let response = server.posts(broken, &form).await;
        assert_eq!(code_of(&answer(&response)), Some(1), "{broken}");
    }
    assert_eq!(server.user_on(D1).await, None);
    assert!(
        server
            .get("/metrics")
            .await
            .body
            .contains("cordboard_http_panics_total 0")
    );
}
