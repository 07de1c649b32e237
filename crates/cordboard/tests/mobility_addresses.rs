//! The conformance cases of where logins may come from. [mobility §7.6, §15]

mod common;

use common::mobility::*;
use common::{LIMIT, Server};
use cordboard::ops::config::Config;
use serde_json::json;
use std::time::Instant;

const PHONE: [u8; 4] = [127, 0, 0, 3];
const TRUSTED: [u8; 4] = [127, 0, 0, 2];
const STRANGER: [u8; 4] = [127, 0, 0, 1];
const FRONT_END: [u8; 4] = [127, 0, 0, 4];

async fn validating(change: impl FnOnce(&mut Config)) -> Server {
    server_with(|config| {
        config.mobility.validate_ip = true;
        config.mobility.trusted_ips = "127.0.0.2; 10.1.2.3".into();
        change(config);
    })
    .await
}

fn untrusted(address: &str) -> String {
    failure(28, &format!("Untrusted IP Error: {address}"))
}

/// Logs in from an address, and if that works out again.
async fn logs_in(server: &Server, from: [u8; 4], header: &str, more: &str) -> String {
    let answer = server
        .sends_from(from, header, &request(&login_with(D1, "jdoe", more)))
        .await;
    if answer == OK {
        let out = request(&logout(D1));
        assert_eq!(server.sends_from(TRUSTED, "", &out).await, OK);
    }
    answer
}

#[tokio::test]
async fn case_53_strangers_are_refused_and_trusted_addresses_and_registered_phones_are_not() {
    let server = validating(|_| {}).await;
    assert_eq!(
        logs_in(&server, STRANGER, "", "").await,
        untrusted("127.0.0.1")
    );
    for operation in [logout(D1), "<logoutAll/>".to_owned()] {
        let answer = server.sends_from(STRANGER, "", &request(&operation)).await;
        assert_eq!(answer, untrusted("127.0.0.1"), "{operation}");
    }
    assert_eq!(logs_in(&server, TRUSTED, "", "").await, OK);
    assert_eq!(logs_in(&server, PHONE, "", "").await, OK);
    server
        .sets_fault(json!({"on": format!("device:{D4}"), "kind": "down"}))
        .await;
    assert_eq!(
        logs_in(&server, PHONE, "", "").await,
        untrusted("127.0.0.3")
    );
}

#[tokio::test]
async fn case_54_only_a_front_end_is_believed_about_the_phones_address() {
    let server = validating(|config| {
        config.mobility.front_ends = vec![FRONT_END.into()];
    })
    .await;
    let claim = |address: &str| format!("<remoteIPAddr>{address}</remoteIPAddr>");
    let trusted = claim("127.0.0.2");
    assert_eq!(
        logs_in(&server, STRANGER, "", &trusted).await,
        untrusted("127.0.0.1")
    );
    assert_eq!(logs_in(&server, FRONT_END, "", &trusted).await, OK);
    assert_eq!(
        logs_in(&server, FRONT_END, "", &claim("127.0.0.9")).await,
        untrusted("127.0.0.9")
    );
    assert_eq!(
        logs_in(&server, FRONT_END, "", &claim("success")).await,
        untrusted("127.0.0.4")
    );
    // Nor can a trusted address be talked into being another one.
    assert_eq!(logs_in(&server, TRUSTED, "", &claim("127.0.0.9")).await, OK);
}

#[tokio::test]
async fn case_55_what_comes_through_a_proxy_is_refused_unless_that_is_allowed() {
    let via = "Via: 1.1 proxy\r\n";
    let through = "<isViaHeaderSet>true</isViaHeaderSet>";
    let refused = failure(30, "Proxy not allowed");
    let forbidding = validating(|config| {
        config.mobility.front_ends = vec![FRONT_END.into()];
        config.mobility.trusted_ips = "127.0.0.2;127.0.0.4".into();
    })
    .await;
    assert_eq!(logs_in(&forbidding, TRUSTED, via, "").await, refused);
    assert_eq!(logs_in(&forbidding, FRONT_END, "", through).await, refused);
    assert_eq!(logs_in(&forbidding, TRUSTED, "", through).await, OK);
    let allowing = validating(|config| config.mobility.allow_proxy = true).await;
    assert_eq!(logs_in(&allowing, TRUSTED, via, "").await, OK);
    let not_validating = server().await;
    assert_eq!(logs_in(&not_validating, STRANGER, via, through).await, OK);
}

#[tokio::test]
async fn case_56_registrations_that_cannot_be_looked_up_matter_only_where_they_are_needed() {
    let server = validating(|_| {}).await;
    server
        .sets_fault(json!({"on": "registrations", "kind": "down"}))
        .await;
    for from in [STRANGER, PHONE] {
        assert_eq!(
            logs_in(&server, from, "", "").await,
            failure(29, "RIS down")
        );
    }
    assert_eq!(logs_in(&server, TRUSTED, "", "").await, OK);
    // Where the phone in hand is needs no look-up; that one takes no logins.
    let own = request(&login(D4, "jdoe"));
    assert_eq!(code_of(&server.sends_from(PHONE, "", &own).await), Some(22));
    let answer = server
        .sends_from(STRANGER, "Via: 1.1 proxy\r\n", &query(&who(&[D1])))
        .await;
    assert_eq!(code_of(&answer), None, "{answer}");
}

#[tokio::test]
async fn a_host_name_is_trusted_for_its_addresses() {
    let server = validating(|config| config.mobility.trusted_ips = "localhost".into()).await;
    // It is looked up beside the start.
    let begun = Instant::now();
    let answer = loop {
        let answer = server.asks(&login(D1, "jdoe")).await;
        if answer != untrusted("127.0.0.1") {
            break answer;
        }
        assert!(begun.elapsed() < LIMIT, "no address of localhost");
    };
    assert_eq!(answer, OK);
}
