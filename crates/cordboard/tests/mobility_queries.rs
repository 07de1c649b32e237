//! The conformance cases of Extension Mobility's queries. [mobility §6, §15]

mod common;

use common::mobility::*;
use cordboard::ops::config::{Multiple, Release};

fn devices(inside: &[(&str, &str)]) -> String {
    let one = |(name, state): &(&str, &str)| format!("<device~name=\"{name}\"> {state} </device>");
    let all: Vec<String> = inside.iter().map(one).collect();
    results(&format!(
        "<deviceUserResults> {} </deviceUserResults>",
        all.join(" ")
    ))
}

fn users(results_of: &str, inside: &[(&str, &str)]) -> String {
    let one = |(id, state): &(&str, &str)| format!("<user~id=\"{id}\"> {state} </user>");
    let all: Vec<String> = inside.iter().map(one).collect();
    results(&format!("<{results_of}> {} </{results_of}>", all.join(" ")))
}

const UNUSED: &str = "<none/> <none/> <emccDevice>no</emccDevice>";

#[tokio::test]
async fn case_43_a_device_that_was_never_used_has_nobody_twice() {
    let server = server().await;
    assert_eq!(server.queries(&who(&[D1])).await, devices(&[(D1, UNUSED)]));
}

#[tokio::test]
async fn case_44_the_current_user_comes_before_the_last_one() {
    let server = server().await;
    let is = async |state: &str| {
        let state = format!("{state} <emccDevice>no</emccDevice>");
        assert_eq!(server.queries(&who(&[D1])).await, devices(&[(D1, &state)]));
    };
    server.is_done(&login(D1, "jdoe")).await;
    is("<userID>jdoe</userID> <none/>").await;
    server.is_done(&logout(D1)).await;
    is("<none/> <lastlogin>jdoe</lastlogin>").await;
    server.is_done(&login(D1, "asmith")).await;
    is("<userID>asmith</userID> <lastlogin>jdoe</lastlogin>").await;
}

#[tokio::test]
async fn case_45_an_unknown_device_does_not_exist() {
    let server = server().await;
    assert_eq!(
        server.queries(&who(&[D9])).await,
        devices(&[(D9, "<doesNotExist/>")])
    );
    assert_eq!(
        server.queries(&who(&["  "])).await,
        devices(&[("", "<doesNotExist/>")])
    );
    let path = "../../etc/passwd";
    assert_eq!(
        server.queries(&who(&[path])).await,
        devices(&[(path, "<doesNotExist/>")])
    );
}

#[tokio::test]
async fn case_46_devices_are_told_in_the_order_and_spelling_of_the_query() {
    let server = server().await;
    let small = D1.to_lowercase();
    let answer = server.queries(&who(&[D1, D9, &small])).await;
    assert_eq!(
        answer,
        devices(&[(D1, UNUSED), (D9, "<doesNotExist/>"), (&small, UNUSED)])
    );
}

#[tokio::test]
async fn case_47_users_are_nowhere_unknown_or_at_their_devices_in_order_of_login() {
    let server = server_with(|c| c.mobility.multiple_logins = Multiple::Allowed).await;
    let name = "userDevicesResults";
    assert_eq!(
        server.queries(&places(&["jdoe"])).await,
        users(name, &[("jdoe", "<none/>")])
    );
    assert_eq!(
        server.queries(&places(&["ghost"])).await,
        users(name, &[("ghost", "<doesNotExist/>")])
    );
    server.is_done(&login(D2, "jdoe")).await;
    server.is_done(&login(D1, "jdoe")).await;
    let both = format!("<deviceName>{D2}</deviceName> <deviceName>{D1}</deviceName>");
    let three = [
        ("ghost", "<doesNotExist/>"),
        ("JDoe", &*both),
        ("asmith", "<none/>"),
    ];
    assert_eq!(
        server.queries(&places(&["ghost", "JDoe", "asmith"])).await,
        users(name, &three)
    );
}

#[tokio::test]
async fn case_48_user_ids_are_escaped_in_answers() {
    let server = server().await;
    for sent in ["em@cisco.com", "em%40cisco.com"] {
        let answer = server.queries(&places(&[sent])).await;
        assert_eq!(
            answer,
            users("userDevicesResults", &[("em%40cisco.com", "<none/>")])
        );
    }
    server.is_done(&login(D1, "em@cisco.com")).await;
    let state = "<userID>em%40cisco.com</userID> <none/> <emccDevice>no</emccDevice>";
    assert_eq!(server.queries(&who(&[D1])).await, devices(&[(D1, state)]));
    server.is_done(&logout(D1)).await;
    let state = "<none/> <lastlogin>em%40cisco.com</lastlogin> <emccDevice>no</emccDevice>";
    assert_eq!(server.queries(&who(&[D1])).await, devices(&[(D1, state)]));
}

fn profile_of(name: &str, word: &str) -> String {
    format!(
        "<deviceProfile> <deviceProfileName>{name}</deviceProfileName> \
         <isDefaultDeviceProfile>{word}</isDefaultDeviceProfile> </deviceProfile>"
    )
}

#[tokio::test]
async fn case_49_profiles_are_told_with_the_default_and_who_has_none_in_his_place() {
    let server = server().await;
    let name = "deviceProfileResults";
    let both = profile_of("jdoe_UDP", "t") + " " + &profile_of("jdoe_7841", "f");
    for operation in ["deviceProfileQuery", "userDeviceProfileQuery"] {
        let answer = server.queries(&list(operation, "userID", &["jdoe"])).await;
        assert_eq!(answer, users(name, &[("jdoe", &both)]), "{operation}");
    }
    let failed = |code: u16, text: &str| {
        format!(
            "<failure> <error~code=\"{code}\">{}</error> </failure>",
            text.replace(' ', "~")
        )
    };
    let (unknown, none) = (
        failed(23, "User Error: user 'ghost' not found"),
        failed(12, "Device Profile Error: user 'noprof' has none"),
    );
    let answer = server
        .queries(&list(
            "deviceProfileQuery",
            "userID",
            &["ghost", "jdoe", "noprof"],
        ))
        .await;
    assert_eq!(
        answer,
        users(
            name,
            &[("ghost", &unknown), ("jdoe", &both), ("noprof", &none)]
        )
    );
}

#[tokio::test]
async fn case_50_a_user_exists_who_is_known_and_at_home_here() {
    let server = server().await;
    let answer = server
        .queries(&list("checkUser", "userID", &["JDOE", "ghost", "away"]))
        .await;
    let expected = [
        ("JDOE", "<exists>jdoe</exists>"),
        ("ghost", "<doesNotExist/>"),
        ("away", "<doesNotExist/>"),
    ];
    assert_eq!(answer, users("checkUserResults", &expected));
}

#[tokio::test]
async fn case_51_a_query_that_fails_has_a_code_but_in_the_oldest_release() {
    let text = "DB Query Error: Application Authentication Error: Could not authenticate 'emproxy'";
    let wrong = ("emproxy", "wrong");
    let modern = server().await;
    assert_eq!(
        modern.queries_as(wrong, &who(&[D1])).await,
        query_failure(3, text)
    );
    let old = server_with(|c| c.mobility.compat = Release::Four).await;
    let expected = format!(
        "<response>\n<failure>\n<errorMessage>{text}</errorMessage>\n</failure>\n</response>\n"
    );
    assert_eq!(old.queries_as(wrong, &who(&[D1])).await, expected);
    old.is_refused(&login(D9, "jdoe"), 11).await;
    old.is_done(&login(D1, "em@cisco.com")).await;
    let answer = old.queries(&who(&[D1, D2])).await;
    assert_eq!(
        answer,
        devices(&[(D1, "<userID>em@cisco.com</userID>"), (D2, "<none/>")])
    );
}

#[tokio::test]
async fn case_52_a_login_type_is_passed_over() {
    let server = server().await;
    let operation = format!(
        "<deviceUserQuery><deviceName>{D1}</deviceName><loginType>UID</loginType></deviceUserQuery>"
    );
    assert_eq!(server.queries(&operation).await, devices(&[(D1, UNUSED)]));
}

#[tokio::test]
async fn a_query_of_ten_thousand_devices_is_answered() {
    let server = server().await;
    let answer = server.queries(&who(&[D1; 10_000])).await;
    assert_eq!(
        answer.matches("<emccDevice>no</emccDevice>").count(),
        10_000
    );
}

#[tokio::test]
async fn where_a_user_is_stays_in_the_order_of_his_logins_over_a_restart() {
    let server = server_with(|config| config.mobility.multiple_logins = Multiple::Allowed).await;
    server.stops_clock().await;
    for device in [D2, D1] {
        server.is_done(&login(device, "jdoe")).await;
    }
    let before = server.queries(&places(&["jdoe"])).await;
    let (second, first) = (before.find(D1), before.find(D2));
    assert!(first.is_some() && first < second, "{before}");
    let server = server.restarted(FIXTURE).await;
    assert_eq!(server.queries(&places(&["jdoe"])).await, before);
}
