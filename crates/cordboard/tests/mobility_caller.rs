//! The conformance cases of who calls Extension Mobility and what he may. [mobility §4, §8, §15]

mod common;

use common::Server;
use common::mobility::*;
use futures_util::future::join_all;
use std::time::Duration;

async fn is(server: &Server, caller: (&str, &str), operation: &str, code: Option<u16>) {
    let answer = server.asks_as(caller, operation).await;
    assert_eq!(code_of(&answer), code, "{caller:?} {operation}: {answer}");
    assert!(
        code.is_some() || answer == OK,
        "{caller:?} {operation}: {answer}"
    );
}

#[tokio::test]
async fn case_20_unknown_callers_and_wrong_passwords_are_told_alike() {
    let server = server().await;
    let text = "Application Authentication Error: Could not authenticate";
    for caller in [
        ("ghost", "x"),
        ("emproxy", "wrong"),
        ("jdoe", "wrong"),
        ("locked", "wrong"),
    ] {
        let expected = failure(3, &format!("{text} '{}'", caller.0));
        assert_eq!(server.asks_as(caller, &login(D1, "jdoe")).await, expected);
    }
    let misread = server.asks_as(("ghost-success", "x"), &logout(D1)).await;
    assert_eq!(misread, failure(3, &format!("{text} the caller")));
    let spaced = server
        .asks_as((" EMProxy ", "Pr0xy!"), &login(D1, "jdoe"))
        .await;
    assert_eq!(
        spaced, OK,
        "an id has no blanks around it and no letter case"
    );
    is(&server, ("emproxy", "Pr0xy! "), &logout(D1), Some(3)).await;
}

#[tokio::test]
async fn strangers_who_guess_passwords_keep_nobody_out() {
    let server = server().await;
    // Verified once, the password is remembered.
    server.queries(&who(&[D1])).await;
    let names: Vec<String> = (0..12).map(|n| format!("ghost{n}")).collect();
    let operation = login(D1, "jdoe");
    let strangers = names
        .iter()
        .map(|name| server.asks_as((name, "x"), &operation));
    let works = async {
        for _ in 0..10 {
            server.is_done(&login(D2, "asmith")).await;
            server.is_done(&logout(D2)).await;
        }
    };
    let (refused, ()) = tokio::join!(join_all(strangers), works);
    assert!(refused.iter().all(|answer| code_of(answer) == Some(3)));
}

#[tokio::test]
async fn case_21_a_blank_id_or_password_is_told_as_such() {
    let server = server().await;
    let text = "Application Authorization Error: blank application id or certificate";
    for caller in [
        ("", "Pr0xy!"),
        ("  ", "Pr0xy!"),
        ("emproxy", ""),
        ("emproxy", " "),
        ("", ""),
    ] {
        let answer = server.asks_as(caller, &login(D1, "jdoe")).await;
        assert_eq!(answer, failure(2, text), "{caller:?}");
    }
}

#[tokio::test]
async fn case_22_an_encrypted_certificate_is_refused() {
    let server = server().await;
    let text = request(&login(D1, "jdoe")).replace("appCertificate", "appEncryptedCertificate");
    assert_eq!(code_of(&server.sends(&text).await), Some(3));
}

#[tokio::test]
async fn case_23_no_right_an_expired_password_and_a_locked_account_have_their_codes() {
    let server = server().await;
    let operation = login(D1, "jdoe");
    for (caller, code, text) in [
        (
            ("nogroup", "N0pe"),
            10,
            "Policy Validation Error: 'nogroup' lacks authentication proxy rights",
        ),
        (("mustchg", "x"), 27, "Change Password"),
        (
            ("locked", "x"),
            9,
            "Directory User Info Error: the account is locked",
        ),
    ] {
        assert_eq!(
            server.asks_as(caller, &operation).await,
            failure(code, text)
        );
        let answer = server.queries_as(caller, &who(&[D1])).await;
        assert_eq!(answer, query_failure(code, text));
    }
}

#[tokio::test]
async fn case_24_an_end_user_logs_himself_in_and_out_by_his_password() {
    let first = server().await;
    is(&first, JDOE, &login(D1, "jdoe"), None).await;
    is(&first, JDOE, &logout(D1), None).await;
    is(&first, ("JDoe", "Welcome1"), &login(D1, "jDOE"), None).await;
    is(&first, JDOE, &logout(D1), None).await;
    is(
        &first,
        ("em@cisco.com", "Welcome4"),
        &login(D1, "em%40cisco.com"),
        None,
    )
    .await;
    is(&first, ("jdoe", "12345"), &login(D2, "jdoe"), Some(3)).await;
    let second = server_with(|c| c.mobility.accept_pin = true).await;
    is(&second, ("jdoe", "12345"), &login(D1, "jdoe"), None).await;
    is(&second, JDOE, &logout(D1), None).await;
    is(&second, ("jdoe", "54321"), &login(D1, "jdoe"), Some(3)).await;
}

#[tokio::test]
async fn case_25_an_end_user_may_not_act_for_others() {
    let server = server().await;
    is(&server, JDOE, &login(D1, "asmith"), Some(10)).await;
    server.is_done(&login(D1, "asmith")).await;
    is(&server, JDOE, &logout(D1), Some(10)).await;
    is(&server, JDOE, "<logoutAll/>", Some(10)).await;
    assert_eq!(server.user_on(D1).await.as_deref(), Some("asmith"));
}

#[tokio::test]
async fn case_26_the_right_does_not_count_for_end_users_unless_it_is_switched_on() {
    let euproxy = ("euproxy", "Welcome5");
    let first = server().await;
    is(&first, euproxy, &login(D1, "jdoe"), Some(10)).await;
    is(&first, euproxy, "<logoutAll/>", Some(10)).await;
    let others = login_with(D1, "jdoe", &profile("asmith_UDP"));
    is(&first, JDOE, &others, Some(12)).await;
    is(
        &first,
        JDOE,
        &login_with(D1, "jdoe", &profile("JDOE_7841")),
        None,
    )
    .await;
    let second = server_with(|c| c.mobility.end_user_proxy = true).await;
    is(&second, euproxy, &others, None).await;
    is(&second, euproxy, "<logoutAll/>", None).await;
}

#[tokio::test]
async fn case_27_an_end_user_asks_about_himself_alone() {
    let server = server().await;
    let himself = server.queries_as(JDOE, &places(&["jdoe"])).await;
    assert_eq!(
        himself,
        results("<userDevicesResults> <user~id=\"jdoe\"> <none/> </user> </userDevicesResults>")
    );
    let refused = query_failure(
        10,
        "Policy Validation Error: 'jdoe' lacks authentication proxy rights",
    );
    for operation in [
        places(&["asmith"]),
        places(&["jdoe", "asmith"]),
        who(&[D1]),
        list("checkUser", "userID", &["ghost"]),
        list("deviceProfileQuery", "userID", &["asmith"]),
    ] {
        assert_eq!(
            server.queries_as(JDOE, &operation).await,
            refused,
            "{operation}"
        );
    }
    for operation in ["checkUser", "deviceProfileQuery"] {
        let answer = server
            .queries_as(JDOE, &list(operation, "userID", &["JDOE", "jdoe"]))
            .await;
        assert_eq!(code_of(&answer), None, "{operation}");
    }
}

#[tokio::test]
async fn ten_wrong_passwords_lock_the_account_for_that_address_for_a_minute_and_nobody_else() {
    let server = server().await;
    server.stops_clock().await;
    for n in 0..10 {
        is(
            &server,
            ("emproxy", &format!("wrong {n}")),
            &logout(D1),
            Some(3),
        )
        .await;
    }
    is(&server, EMPROXY, &login(D1, "jdoe"), Some(3)).await;
    is(&server, ("odd", "a+b&c<d%e"), &login(D2, "asmith"), None).await;
    let elsewhere = server
        .sends_from([127, 0, 0, 2], "", &request(&login(D1, "jdoe")))
        .await;
    assert_eq!(elsewhere, OK, "another address is not locked");
    server.seconds_pass(Duration::from_secs(61).as_secs()).await;
    is(&server, EMPROXY, &logout(D1), None).await;
}
