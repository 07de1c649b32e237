//! What every fault and every limit is to a WebDialer client. [lab, Faults] [webdialer §6.1]

mod common;

use common::{LIMIT, Response, Server};
use cordboard::ops::config::Config;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const FIXTURE: &str = include_str!("common/webdialer.toml");
const AX2: &str = "/webdialer/services/webdialer";

async fn server() -> Server {
    server_with(|_| {}).await
}

async fn server_with(change: impl FnOnce(&mut Config)) -> Server {
    Server::start(FIXTURE, change).await
}

async fn sets(server: &Server, fault: Value) {
    let response = server
        .post_json("/api/v1/lab/faults", &fault.to_string())
        .await;
    assert_eq!(response.status, 200, "{fault}: {}", response.body);
}

async fn clears(server: &Server) {
    let response = server
        .request("DELETE", "/api/v1/lab/faults", &[], b"")
        .await;
    assert_eq!(response.json(), json!({"faults": []}));
}

async fn asks(server: &Server, operation: &str, arguments: &str) -> Response {
    let body = format!(
        "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body>\
         <{operation} xmlns=\"http://webdialer.ccm.cisco.com\">{arguments}</{operation}></e:Body></e:Envelope>"
    );
    server.soap(AX2, &body).await
}

const BILL: &str = "<args0><userID>bill</userID><password>123</password></args0>";

async fn dials(server: &Server, device: &str) -> Response {
    let arguments =
        format!("{BILL}<args1>5550108</args1><args2><deviceName>{device}</deviceName></args2>");
    asks(server, "makeCallSoap", &arguments).await
}

fn is(response: &Response, code: u8, text: &str) {
    assert_eq!(response.status, 200, "{}", response.body);
    let code = format!("responseCode>{code}</");
    let text = format!("responseDescription>{text}</");
    assert!(
        response.body.contains(&code) && response.body.contains(&text),
        "{}",
        response.body
    );
}

fn is_success(response: &Response) {
    is(response, 0, "Success");
}

#[tokio::test]
async fn each_fault_of_the_network_and_the_phone_has_its_code_and_goes_away() {
    let server = server().await;
    let unavailable = "Service Temporarily Unavailable";
    let unreachable = "Destination not reachable";
    let failure = "Call Failure Error";
    for (fault, code, text) in [
        (
            json!({"on": "network", "kind": "down", "calls": "lost"}),
            6,
            unavailable,
        ),
        (
            json!({"on": "network", "kind": "down", "calls": "kept"}),
            6,
            unavailable,
        ),
        (json!({"on": "network", "kind": "error"}), 7, unreachable),
        (json!({"on": "device:SEPA", "kind": "down"}), 1, failure),
        (
            json!({"on": "device:SEPA", "kind": "refuse", "q850": 21}),
            1,
            failure,
        ),
        (
            json!({"on": "device:SEPA", "kind": "refuse", "q850": 41}),
            6,
            unavailable,
        ),
        (json!({"on": "store", "kind": "error"}), 8, "Service Error"),
        (
            json!({"on": "directory", "kind": "down"}),
            4,
            "Directory Error",
        ),
    ] {
        sets(&server, fault.clone()).await;
        let response = dials(&server, "SEPA").await;
        eprintln!("{fault}");
        is(&response, code, text);
        assert_eq!(response.header("cordboard-call"), None, "{fault}");
        if fault["on"] == "device:SEPA" {
            is_success(&dials(&server, "CSFBILL").await);
        }
        clears(&server).await;
        is_success(&dials(&server, "SEPA").await);
        assert_eq!(server.post_json("/api/v1/lab/reset", "").await.status, 204);
    }
}

#[tokio::test]
async fn without_the_directory_every_operation_says_so() {
    let server = server().await;
    sets(&server, json!({"on": "directory", "kind": "down"})).await;
    for (operation, arguments) in [
        ("endCallSoap", format!("{BILL}<args1/>")),
        ("getProfileSoap", format!("{BILL}<args1/>")),
        ("getProfileDetailSoap", BILL.to_owned()),
    ] {
        let response = asks(&server, operation, &arguments).await;
        assert!(
            response.body.contains("responseCode>4</") && response.body.contains("Directory Error"),
            "{}",
            response.body
        );
    }
    let known = asks(&server, "isClusterUserSoap", "<args0>bill</args0>").await;
    assert_eq!(known.status, 503, "never a false `false`");
    let line = asks(&server, "getPrimaryLine", BILL).await;
    assert!(
        line.status == 200 && !line.body.contains("1001"),
        "{}",
        line.body
    );
}

#[tokio::test]
async fn the_service_can_be_down_or_late() {
    let server = server().await;
    sets(&server, json!({"on": "webdialer", "kind": "down"})).await;
    assert_eq!(dials(&server, "SEPA").await.status, 503);
    assert_eq!(server.get(&format!("{AX2}?wsdl")).await.status, 503);
    assert_eq!(server.get("/api/v1/calls").await.status, 200);
    clears(&server).await;
    let late = Duration::from_millis(100);
    for on in ["webdialer", "network", "device:SEPA", "store"] {
        sets(&server, json!({"on": on, "kind": "slow", "delay_ms": 100})).await;
        let begun = Instant::now();
        is_success(&dials(&server, "SEPA").await);
        assert!(begun.elapsed() >= late, "{on}");
        clears(&server).await;
    }
}

#[tokio::test]
async fn a_network_that_does_not_answer_within_five_seconds_is_code_6() {
    let server = server().await;
    let clock = |change: &'static str| server.post_json("/api/v1/lab/clock", change);
    clock(r#"{"running": false}"#).await;
    sets(
        &server,
        json!({"on": "network", "kind": "slow", "delay_ms": 60_000}),
    )
    .await;
    let waits = async {
        let begun = Instant::now();
        while !server
            .get("/metrics")
            .await
            .body
            .contains("cordboard_exchange_legs 1\n")
        {
            assert!(begun.elapsed() < LIMIT, "the call is not offered");
        }
        clock(r#"{"advance_ms": 5000}"#).await
    };
    let (response, _) = tokio::join!(dials(&server, "SEPA"), waits);
    is(&response, 6, "Service Temporarily Unavailable");
}

#[tokio::test]
async fn a_full_exchange_is_code_9_and_a_full_phone_code_1() {
    let server = server_with(|config| {
        config.call.capacity = 3;
        config.device.max_calls = 2;
    })
    .await;
    is_success(&dials(&server, "SEPA").await);
    is_success(&dials(&server, "SEPA").await);
    is(&dials(&server, "SEPA").await, 1, "Call Failure Error");
    is_success(&dials(&server, "CSFBILL").await);
    is(&dials(&server, "CSFBILL").await, 9, "Service Overloaded");
}

#[tokio::test]
async fn too_many_look_ups_from_an_address_are_503_for_a_second() {
    let server = server_with(|config| config.webdialer.lookups_per_second = 2).await;
    let clock = |change: &'static str| server.post_json("/api/v1/lab/clock", change);
    clock(r#"{"running": false}"#).await;
    let looks_up = || asks(&server, "isClusterUserSoap", "<args0>bill</args0>");
    for _ in 0..2 {
        let known = looks_up().await;
        assert!(known.body.contains(">true<"), "{}", known.body);
    }
    assert_eq!(looks_up().await.status, 503);
    is_success(&dials(&server, "SEPA").await);
    clock(r#"{"advance_ms": 1000}"#).await;
    assert_eq!(looks_up().await.status, 200);
}
