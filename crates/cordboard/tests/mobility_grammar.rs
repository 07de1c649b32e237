//! The conformance cases of Extension Mobility's grammar. [mobility §12, §15]

mod common;

use common::mobility::*;
use cordboard::ops::config::{Order, Release};

fn as_parse_error(answer: &str, what: &str) {
    assert_eq!(code_of(answer), Some(1), "{what}: {answer}");
    assert!(answer.contains("\">Parse Error: "), "{what}: {answer}");
}

#[tokio::test]
async fn case_16_names_in_small_letters_cut_documents_and_other_roots_are_refused() {
    let server = server().await;
    let text = request(&login(D1, "jdoe"));
    let small = text.replace("appInfo", "appinfo");
    as_parse_error(&server.sends(&small).await, "appinfo");
    as_parse_error(&server.sends(&text.to_lowercase()).await, "all small");
    for end in [1, 8, 30, text.len() / 2, text.len() - 1] {
        as_parse_error(&server.sends(&text[..end]).await, &text[..end]);
    }
    as_parse_error(
        &server
            .sends(&document("foo", EMPROXY, &login(D1, "jdoe")))
            .await,
        "foo",
    );
    let between = document("emccRequest", EMPROXY, &login(D1, "jdoe"));
    assert_eq!(code_of(&server.sends(&between).await), Some(38));
    assert_eq!(server.user_on(D1).await, None);
}

#[tokio::test]
async fn case_17_elements_are_all_there_in_their_order_and_once() {
    let strict = server().await;
    let without = "<login><userID>jdoe</userID></login>";
    let swapped = format!("<login><userID>jdoe</userID><deviceName>{D1}</deviceName></login>");
    let two = login(D1, "jdoe") + &logout(D1);
    let nested = login(D1, "jdoe").replace(D1, &format!("{D1}<b/>"));
    for operation in [
        without,
        &swapped,
        &two,
        &nested,
        "",
        "<logout/>",
        "<reboot/>",
    ] {
        as_parse_error(&strict.asks(operation).await, operation);
    }
    as_parse_error(&strict.asks(&login(" ", "jdoe")).await, "blank device");
    as_parse_error(&strict.asks(&login(D1, "")).await, "blank user");
    assert_eq!(strict.user_on(D1).await, None);
    let lenient = server_with(|c| c.mobility.grammar = Order::Lenient).await;
    lenient.is_done(&swapped).await;
    for operation in [without, &two] {
        as_parse_error(&lenient.asks(operation).await, operation);
    }
}

#[tokio::test]
async fn case_18_a_duration_is_whole_minutes_or_without_end() {
    let server = server().await;
    let both = "<exclusiveDuration><time>1</time><indefinite/></exclusiveDuration>";
    let empty = "<exclusiveDuration/>";
    let times = ["-1", "1.5", "abc", "", "35791395"].map(minutes);
    for duration in times.iter().map(String::as_str).chain([both, empty]) {
        let refused = server.asks(&login_with(D1, "jdoe", duration)).await;
        as_parse_error(&refused, duration);
    }
    server.stops_clock().await;
    let indefinite = "<exclusiveDuration><indefinite></indefinite></exclusiveDuration>".to_owned();
    for duration in [minutes("0"), minutes("35791394"), indefinite] {
        server.is_done(&login_with(D1, "jdoe", &duration)).await;
        server.seconds_pass(7 * 24 * 3600).await;
        assert_eq!(
            server.user_on(D1).await.as_deref(),
            Some("jdoe"),
            "{duration}"
        );
        server.is_done(&logout(D1)).await;
    }
}

#[tokio::test]
async fn case_19_a_query_that_is_none_is_undetermined() {
    let server = server().await;
    let expected = query_failure(8, "DB Query Error: Query type undetermined");
    for operation in ["<whoIsThere/>", "", &logout(D1)] {
        assert_eq!(server.queries(operation).await, expected, "{operation}");
    }
    let old = server_with(|c| c.mobility.compat = Release::Four).await;
    let expected = "<response>\n<failure>\n<errorMessage>DB Query Error: Query type undetermined</errorMessage>\n</failure>\n</response>\n";
    assert_eq!(
        old.queries(&list("checkUser", "userID", &["jdoe"])).await,
        expected
    );
    as_parse_error(&old.asks("<logoutAll/>").await, "logoutAll");
}
