//! The conformance cases of logins and log-outs. [mobility §5, §7, §15]

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use common::mobility::*;
use common::{Server, time_passes};
use cordboard::ops::config::Multiple;
use futures_util::future::join_all;
use std::fmt::Write as _;

#[tokio::test]
async fn case_28_what_is_unknown_or_off_has_its_code() {
    let server = server().await;
    for (operation, code, text) in [
        (
            login(D9, "jdoe"),
            11,
            "Device Error: device 'SEPNOPE' does not exist",
        ),
        (
            login(D3, "jdoe"),
            22,
            "Policy Validation Error: Device does not allow hoteling",
        ),
        (login(D1, "ghost"), 23, "User Error: user 'ghost' not found"),
        (login(D1, "away"), 23, "User Error: user 'away' not found"),
        (
            login(D1, "noprof"),
            12,
            "Device Profile Error: user 'noprof' has none",
        ),
    ] {
        assert_eq!(server.asks(&operation).await, failure(code, text));
    }
    server
        .is_done(&login_with(D1, "noprof", &profile("shared_UDP")))
        .await;
}

#[tokio::test]
async fn case_29_an_unknown_profile_is_refused_and_without_one_the_default_is_taken() {
    let server = server().await;
    let text = "Device Profile Error: device profile 'nope' not found";
    let answer = server.asks(&login_with(D1, "jdoe", &profile("nope"))).await;
    assert_eq!(answer, failure(12, text));
    server.is_done(&login(D1, "jdoe")).await;
    assert_eq!(lines(&server, D1).await, ["3001"]);
    server.is_done(&logout(D1)).await;
    assert_eq!(lines(&server, D1).await, ["2001"]);
    server
        .is_done(&login_with(D1, "jdoe", &profile("jdoe_7841")))
        .await;
    assert_eq!(lines(&server, D1).await, ["3002"]);
}

/// The lines a device carries now.
async fn lines(server: &Server, device: &str) -> Vec<String> {
    let device = server
        .get(&format!("/api/v1/devices/{device}"))
        .await
        .json();
    let lines = device["lines"].as_array().unwrap().iter();
    lines
        .map(|line| line["number"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn case_30_letter_case_does_not_matter() {
    let server = server().await;
    server.is_done(&login("sep001122334455", "JDOE")).await;
    assert_eq!(server.user_on(D1).await.as_deref(), Some("jdoe"));
}

#[tokio::test]
async fn case_31_an_occupied_device_is_occupied_for_everybody() {
    let server = server().await;
    let refused = failure(
        18,
        "Policy Validation Error: Phone currently has user logged in",
    );
    server.is_done(&login(D1, "asmith")).await;
    assert_eq!(server.asks(&login(D1, "jdoe")).await, refused);
    server.is_done(&logout(D1)).await;
    server.is_done(&login(D1, "jdoe")).await;
    assert_eq!(server.asks(&login(D1, "jdoe")).await, refused);
}

fn device(name: &str, inside: &str) -> String {
    results(&format!(
        "<deviceUserResults> <device~name=\"{name}\"> {inside} <emccDevice>no</emccDevice> </device> </deviceUserResults>"
    ))
}

#[tokio::test]
async fn case_32_a_second_login_is_refused_stands_or_ends_the_first() {
    let first = server().await;
    first.is_done(&login(D1, "jdoe")).await;
    let text = "Policy Validation Error: user 'jdoe' is logged in elsewhere";
    assert_eq!(first.asks(&login(D2, "jdoe")).await, failure(25, text));
    assert_eq!(first.user_on(D1).await.as_deref(), Some("jdoe"));
    let second = server_with(|c| c.mobility.multiple_logins = Multiple::Allowed).await;
    second.is_done(&login(D2, "jdoe")).await;
    second.is_done(&login(D1, "jdoe")).await;
    let both = format!(
        "<userDevicesResults> <user~id=\"jdoe\"> <deviceName>{D2}</deviceName> <deviceName>{D1}</deviceName> </user> </userDevicesResults>"
    );
    assert_eq!(second.queries(&places(&["jdoe"])).await, results(&both));
    let third = server_with(|c| c.mobility.multiple_logins = Multiple::AutoLogout).await;
    third.is_done(&login(D1, "jdoe")).await;
    third.is_done(&login(D2, "jdoe")).await;
    let free = device(D1, "<none/> <lastlogin>jdoe</lastlogin>");
    assert_eq!(third.queries(&who(&[D1])).await, free);
    assert_eq!(third.user_on(D2).await.as_deref(), Some("jdoe"));
}

#[tokio::test]
async fn case_33_a_doomed_second_login_ends_nothing() {
    let server = server_with(|c| c.mobility.multiple_logins = Multiple::AutoLogout).await;
    server.is_done(&login(D1, "jdoe")).await;
    server.is_refused(&login(D3, "jdoe"), 22).await;
    server
        .is_refused(&login_with(D2, "jdoe", &profile("nope")), 12)
        .await;
    assert_eq!(server.user_on(D1).await.as_deref(), Some("jdoe"));
}

#[tokio::test]
async fn case_34_the_device_is_looked_at_first_and_its_flag_before_who_is_on_it() {
    let server = server().await;
    server.is_refused(&login(D9, "ghost"), 11).await;
    server.is_done(&login(D1, "asmith")).await;
    let address = format!("/api/v1/devices/{D1}");
    let mut edited = server.get(&address).await;
    let etag = edited.header("etag").unwrap().to_owned();
    let mut entry = edited.json();
    entry["em_enabled"] = false.into();
    entry["lines"] = serde_json::json!([{"number": "2001"}]);
    for computed in ["registered", "user"] {
        entry.as_object_mut().unwrap().remove(computed);
    }
    let headers = [("Content-Type", "application/json"), ("If-Match", &*etag)];
    edited = server
        .request("PUT", &address, &headers, entry.to_string().as_bytes())
        .await;
    assert_eq!(edited.status, 200, "{}", edited.body);
    server.is_refused(&login(D1, "jdoe"), 22).await;
    server.is_refused(&logout(D1), 5).await;
    assert_eq!(server.user_on(D1).await.as_deref(), Some("asmith"));
    server.is_done("<logoutAll/>").await;
    assert_eq!(server.user_on(D1).await, None);
    // An administrator, too, ends a login on a phone that was taken out of it.
    entry["em_enabled"] = true.into();
    let puts = async |entry: &serde_json::Value| {
        let headers = [("Content-Type", "application/json"), ("If-Match", "*")];
        let body = entry.to_string();
        let put = server.request("PUT", &address, &headers, body.as_bytes());
        assert_eq!(put.await.status, 200);
    };
    puts(&entry).await;
    server.is_done(&login(D1, "asmith")).await;
    entry["em_enabled"] = false.into();
    puts(&entry).await;
    let session = format!("/api/v1/mobility/sessions/{D1}");
    let ended = server.request("DELETE", &session, &[], b"").await;
    assert_eq!(ended.status, 204, "{}", ended.body);
    assert_eq!(server.user_on(D1).await, None);
}

#[tokio::test]
async fn case_35_a_user_id_may_be_escaped_or_not() {
    let server = server().await;
    for id in ["em%40cisco.com", "em@cisco.com", "EM%40cisco.com"] {
        server.is_done(&login(D1, id)).await;
        assert_eq!(
            server.user_on(D1).await.as_deref(),
            Some("em%40cisco.com"),
            "{id}"
        );
        server.is_done(&logout(D1)).await;
    }
}

#[tokio::test]
async fn case_36_a_login_of_one_minute_ends_after_it_and_a_manual_log_out_takes_that_back() {
    let server = server().await;
    server.stops_clock().await;
    server.is_done(&login_with(D1, "jdoe", &minutes("1"))).await;
    server.seconds_pass(59).await;
    assert_eq!(server.user_on(D1).await.as_deref(), Some("jdoe"));
    server.seconds_pass(1).await;
    let over = device(D1, "<none/> <lastlogin>jdoe</lastlogin>");
    assert_eq!(server.queries(&who(&[D1])).await, over);
    server.is_done(&login_with(D1, "jdoe", &minutes("1"))).await;
    server.is_done(&logout(D1)).await;
    server.is_done(&login(D1, "asmith")).await;
    server.seconds_pass(24 * 3600).await;
    assert_eq!(server.user_on(D1).await.as_deref(), Some("asmith"));
}

#[tokio::test]
async fn case_37_an_enforced_maximum_ends_every_login() {
    let indefinite = "<exclusiveDuration><indefinite/></exclusiveDuration>";
    let ninety = minutes("90");
    let enforced = server_with(|c| {
        c.mobility.enforce_max_login_time = true;
        c.mobility.max_login_time = "0:01".into();
    })
    .await;
    let free = server_with(|c| c.mobility.max_login_time = "0:01".into()).await;
    for server in [&enforced, &free] {
        server.stops_clock().await;
    }
    for duration in ["", indefinite, &ninety] {
        for (server, stays) in [(&enforced, false), (&free, true)] {
            server.is_done(&login_with(D1, "jdoe", duration)).await;
            server.seconds_pass(59).await;
            assert!(server.user_on(D1).await.is_some(), "{duration}");
            server.seconds_pass(1).await;
            assert_eq!(server.user_on(D1).await.is_some(), stays, "{duration}");
        }
        free.is_done(&logout(D1)).await;
    }
}

#[tokio::test]
async fn case_37_a_users_own_maximum_counts_where_the_setting_says_so() {
    for (counts, minutes_of_em) in [(true, 2), (false, 5)] {
        let server = server_with(|c| {
            c.mobility.enforce_max_login_time = true;
            c.mobility.max_login_time = "0:05".into();
            c.mobility.user_max_login_time = counts;
        })
        .await;
        server.stops_clock().await;
        for (user, most) in [("em@cisco.com", minutes_of_em), ("jdoe", 5)] {
            for duration in [String::new(), minutes("90")] {
                server.is_done(&login_with(D1, user, &duration)).await;
                server.seconds_pass(most * 60 - 1).await;
                assert!(server.user_on(D1).await.is_some(), "{user} {counts}");
                server.seconds_pass(1).await;
                assert_eq!(server.user_on(D1).await, None, "{user} {counts}");
            }
        }
    }
}

#[tokio::test]
async fn case_38_a_restart_keeps_the_time_at_which_a_login_ends() {
    let mut server = server().await;
    server.stops_clock().await;
    server
        .is_done(&login_with(D1, "jdoe", &minutes("60")))
        .await;
    server
        .is_done(&login_with(D2, "asmith", &minutes("120")))
        .await;
    server = server.restarted(FIXTURE).await;
    server.stops_clock().await;
    assert_eq!(server.user_on(D1).await.as_deref(), Some("jdoe"));
    server.seconds_pass(3_601).await;
    assert_eq!(server.user_on(D1).await, None);
    assert_eq!(server.user_on(D2).await.as_deref(), Some("asmith"));
    // While nobody served, the hour passed: the time of the store is as if it had been then.
    server = server
        .restarted_after(FIXTURE, |database| time_passes(database, 7_200_000))
        .await;
    assert_eq!(server.user_on(D2).await, None);
}

#[tokio::test]
async fn case_39_one_more_than_may_be_at_once_is_told_to_come_again_and_a_query_is_not() {
    let server = server().await;
    // The password is remembered, so that all six are there before the first is stored.
    server.queries(&who(&[D1])).await;
    server
        .sets_fault(serde_json::json!({"on": "store", "kind": "slow", "delay_ms": 1_500}))
        .await;
    let operation = login(D1, "jdoe");
    let busy = failure(26, "Busy, please try again");
    let many = join_all((0..6).map(|_| server.asks(&operation)));
    let operation = list("checkUser", "userID", &["jdoe"]);
    tokio::pin!(many);
    let query = tokio::select! {
        query = server.queries(&operation) => query,
        _ = &mut many => panic!("the query waited for the logins"),
    };
    let answers = many.await;
    assert_eq!(answers.iter().filter(|answer| **answer == busy).count(), 1);
    assert_eq!(answers.iter().filter(|answer| **answer == OK).count(), 1);
    assert!(query.contains("<exists>jdoe</exists>"), "{query}");
    let metrics = server.get("/metrics").await.body;
    for line in [
        "cordboard_mobility_requests_in_progress 0",
        "cordboard_mobility_requests_throttled_total 1",
        "cordboard_mobility_logins_attempted_total 5",
        "cordboard_mobility_logins_successful_total 1",
        "cordboard_mobility_messages_total{operation=\"login\",code=\"18\"} 4",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
}

#[tokio::test]
async fn case_40_of_fifty_at_once_one_wins() {
    let mut directory = FIXTURE.to_owned();
    for n in 0..50 {
        let user = format!("[[user]]\nid = \"u{n}\"\nprofiles = [\"shared_UDP\"]\n");
        let phone = format!(
            "[[device]]\nname = \"SEPE{n:011}\"\nmodel = \"Cisco 8845\"\nem_enabled = true\n"
        );
        write!(directory, "\n{user}\n{phone}").unwrap();
    }
    let server = Server::start(&directory, |c| c.mobility.max_concurrent_requests = 100).await;
    let one_phone: Vec<String> = (0..50).map(|n| login(D1, &format!("u{n}"))).collect();
    let one_user: Vec<String> = (0..50)
        .map(|n| login(&format!("SEPE{n:011}"), "jdoe"))
        .collect();
    for (operations, code) in [(one_phone, 18), (one_user, 25)] {
        let answers = join_all(operations.iter().map(|operation| server.asks(operation))).await;
        assert_eq!(
            answers.iter().filter(|answer| **answer == OK).count(),
            1,
            "{code}"
        );
        let refused = answers
            .iter()
            .filter(|answer| code_of_refusal(answer) == Some(code));
        assert_eq!(refused.count(), 49, "{code}");
    }
}

fn code_of_refusal(answer: &str) -> Option<u16> {
    (answer != OK).then(|| code_of(answer)).flatten()
}

#[tokio::test]
async fn case_41_a_log_out_ends_a_login_once() {
    let server = server().await;
    server.is_done(&login(D1, "jdoe")).await;
    server.is_done(&logout("sep001122334455")).await;
    let text = format!("Policy Validation Error: no user is logged in to '{D1}'");
    assert_eq!(server.asks(&logout(D1)).await, failure(19, &text));
    let text = "Device Error: device 'SEPNOPE' does not exist";
    assert_eq!(server.asks(&logout(D9)).await, failure(11, text));
    let text = "Policy Validation Error: Device does not allow hoteling";
    assert_eq!(server.asks(&logout(D3)).await, failure(5, text));
}

#[tokio::test]
async fn case_42_everybody_out_ends_every_login_also_when_there_is_none() {
    let directory = FIXTURE.to_owned()
        + "\n[[device]]\nname = \"SEP3\"\nmodel = \"Cisco 8845\"\nem_enabled = true\n";
    let server = Server::start(&directory, |_| {}).await;
    let seated = [(D1, "jdoe"), (D2, "asmith"), ("SEP3", "em@cisco.com")];
    for (device, user) in seated {
        server.is_done(&login(device, user)).await;
    }
    server.is_done("<logoutAll> </logoutAll>").await;
    for (name, user) in seated {
        let last = format!(
            "<none/> <lastlogin>{}</lastlogin>",
            user.replace('@', "%40")
        );
        assert_eq!(server.queries(&who(&[name])).await, device(name, &last));
    }
    server.is_done("<logoutAll/>").await;
}

#[tokio::test]
async fn a_root_with_a_prefix_takes_a_place_like_any_other() {
    let server = server_with(|c| c.mobility.max_concurrent_requests = 1).await;
    server.queries(&who(&[D1])).await;
    server
        .sets_fault(serde_json::json!({"on": "store", "kind": "slow", "delay_ms": 1_000}))
        .await;
    let prefixed = request(&login(D2, "asmith"))
        .replace("<request>", "<x:request xmlns:x=\"urn:x\">")
        .replace("</request>", "</x:request>");
    let operation = login(D1, "jdoe");
    let (one, other) = tokio::join!(server.asks(&operation), server.sends(&prefixed));
    let busy = failure(26, "Busy, please try again");
    assert!([&one, &other].contains(&&busy), "{one}{other}");
}
