//! What selectors select, and what is none. [openwire §7.7]

use super::{EVALUATION_MAX, SELECTOR_MAX, SELECTOR_SIZE_MAX, Selector, Subject};
use crate::openwire::{Headers, Message, PrimitiveMap, Text, Value};

fn message(properties: &[(&str, Value)], headers: Headers) -> Message {
    let map: PrimitiveMap = properties
        .iter()
        .map(|(name, value)| (Text::from(*name), value.clone()))
        .collect();
    Message {
        headers: Headers {
            marshalled_properties: Some(map.to_bytes()),
            ..headers
        },
        ..Message::default()
    }
}

/// The ten messages of the case.
fn ten() -> Vec<Message> {
    let one = |n: i32| {
        let kind = match n {
            1 => Some("Hello#c1".to_owned()),
            2 | 3 => Some(format!("MakeCall#{n}")),
            6 => Some("a_bc".to_owned()),
            9 => Some("axbc".to_owned()),
            _ => None,
        };
        let mut properties = vec![
            ("n", Value::Int(n)),
            ("b", Value::Bool(n == 5)),
            ("d", Value::Double(if n == 8 { 1.5 } else { 0.0 })),
        ];
        if n != 4 {
            let colour = if n % 2 == 0 { "red" } else { "blue" };
            properties.push(("colour", Value::Text(colour.into())));
        }
        if n == 2 {
            properties.push(("s", Value::Text("it's".into())));
        }
        let headers = Headers {
            jms_type: kind.map(|kind| Text::from(kind.as_str())),
            correlation_id: (n == 7).then(|| "k7".into()),
            priority: if n == 3 { 9 } else { 4 },
            ..Headers::default()
        };
        message(&properties, headers)
    };
    (0..10).map(one).collect()
}

fn selected(text: &str) -> Vec<usize> {
    let selector = Selector::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
    let ten = ten();
    let subjects = ten.iter().map(Subject::new).enumerate();
    let fitting = subjects.filter(|(_, subject)| selector.selects(subject));
    fitting.map(|(n, _)| n).collect()
}

#[test]
fn ow_55_each_selector_selects_its_messages() {
    for (text, expected) in [
        ("JMSType = 'Hello#c1'", vec![1]),
        ("JMSCorrelationID = 'k7'", vec![7]),
        ("JMSType LIKE 'Make%'", vec![2, 3]),
        ("n > 3 AND n <= 5", vec![4, 5]),
        ("colour IN ('red','green')", vec![0, 2, 6, 8]),
        ("colour IS NULL", vec![4]),
        ("NOT (n BETWEEN 2 AND 8)", vec![0, 1, 9]),
        ("JMSPriority >= 8", vec![3]),
        ("b = TRUE OR d * 2 = 3.0", vec![5, 8]),
        ("JMSType LIKE 'a!_b%' ESCAPE '!'", vec![6]),
        ("s = 'it''s'", vec![2]),
    ] {
        assert_eq!(selected(text), expected, "{text}");
    }
}

#[test]
fn unknown_is_neither_true_nor_false_and_kinds_are_not_mixed() {
    for (text, expected) in [
        ("nothing = 1", vec![]),
        ("NOT (nothing = 1)", vec![]),
        ("nothing = 1 OR n = 2", vec![2]),
        (
            "NOT (nothing = 1 AND n = 2)",
            vec![0, 1, 3, 4, 5, 6, 7, 8, 9],
        ),
        ("n = '2'", vec![]),
        ("n <> '2'", vec![]),
        ("colour > 'a'", vec![]),
        ("n / 0 = 1 OR n = 2", vec![2]),
        ("n / 2 = 2", vec![4, 5]),
        ("n / 2.0 = 2.5", vec![5]),
        ("n NOT IN ('2')", vec![0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ("colour NOT LIKE '%e%'", vec![]),
        (
            "colour is not null and not colour like '_ed'",
            vec![1, 3, 5, 7, 9],
        ),
        ("b", vec![5]),
        ("-n = -0x7 OR n = 011", vec![7, 9]),
        ("n = 1 + 2 * 3 - 4", vec![3]),
        ("n NOT BETWEEN 1 AND 9", vec![0]),
        ("JMSDeliveryMode = 'NON_PERSISTENT' AND n = 1e0", vec![1]),
        (
            "JMSXDeliveryCount = 1 AND JMSRedelivered = FALSE AND n = .9e1",
            vec![9],
        ),
    ] {
        assert_eq!(selected(text), expected, "{text}");
    }
}

#[test]
fn ow_56_what_is_no_selector_is_told_with_its_place() {
    for (text, at) in [
        ("a = = b", 4),
        ("", 0),
        ("a =", 3),
        ("5", 0),
        ("'x'", 0),
        ("a AND 5", 6),
        ("NOT 1", 4),
        ("a = 'b", 4),
        ("a # b", 2),
        ("(a = 1", 6),
        ("a = 1)", 5),
        ("a IN (1)", 6),
        ("a IN ()", 6),
        ("a LIKE b", 7),
        ("a LIKE 'x!' ESCAPE '!'", 7),
        ("a LIKE 'x' ESCAPE 'ab'", 18),
        ("a BETWEEN 1", 11),
        ("a = 1 = 2", 6),
        ("a = 99999999999999999999", 4),
        ("a = 0x", 4),
        ("a = 1.2.3", 4),
        ("XPATH '//a'", 0),
        ("f(1) = 2", 1),
        ("a IS 1", 5),
        ("a NOT 1", 6),
    ] {
        let refused = Selector::parse(text).map(|_| ());
        assert_eq!(refused.map_err(|e| e.at), Err(at), "{text}");
    }
}

#[test]
fn ow_77_deep_and_long_selectors_are_refused_or_answered_at_once() {
    let deep = |n: usize| format!("{}a{}", "(".repeat(n), ")".repeat(n));
    assert!(Selector::parse(&deep(100)).is_ok());
    for bad in [
        deep(101),
        deep(10_000),
        format!("a = {}1", "-".repeat(10_000)),
        format!("{} a", "NOT ".repeat(10_000)),
        "a ".repeat(40_000),
        format!("a LIKE '%{}_'", "x".repeat(64)),
    ] {
        assert!(Selector::parse(&bad).is_err(), "{}", &bad[..20]);
    }
    // Long without being deep.
    let sum = format!("n = 0{}", " + 1".repeat(5));
    assert_eq!(selected(&sum), [5]);
    let all = format!("n = 3{}", " AND n = 3".repeat(500));
    assert_eq!(selected(&all), [3]);
    let text = "a".repeat(32 * 1024);
    let one = message(
        &[("t", Value::Text(text.as_str().into()))],
        Headers::default(),
    );
    let subject = Subject::new(&one);
    for (pattern, fits) in [
        ("%a%a%a%a%a%b", false),
        ("%a%a%a%a%a%a", true),
        ("%aaaaaaaa_aaaaaaab%", false),
        ("a%_", true),
    ] {
        let selector = Selector::parse(&format!("t LIKE '{pattern}'")).unwrap();
        assert_eq!(selector.selects(&subject), fits, "{pattern}");
    }
}

#[test]
fn comments_are_blanks_as_in_activemq() {
    for (text, expected) in [
        ("n = 3 /* a * b / c */ OR /**/ n = 4", vec![3, 4]),
        ("-- which\nn = 3 -- and which\r OR n = 4 --\n", vec![3, 4]),
        // Without the end of the line they are two signs.
        ("n = 3 --1", vec![4]),
        ("s = '/* it''s */' OR n = 5", vec![5]),
    ] {
        assert_eq!(selected(text), expected, "{text}");
    }
    for text in ["n = 3 /* without an end", "n = 3 -- without a line end"] {
        assert!(Selector::parse(text).is_err(), "{text}");
    }
}

#[test]
fn an_evaluation_costs_no_more_than_its_bound_whatever_the_selector_and_the_message() {
    let text = "a".repeat(200_000);
    let one = message(
        &[("t", Value::Text(text.as_str().into()))],
        Headers::default(),
    );
    let likes = |pattern: &str, count: usize| {
        let like = format!("t LIKE '{pattern}'");
        Selector::parse(&vec![like; count].join(" AND ")).unwrap()
    };
    let spotted = "%aaaaaaaa_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab%";
    for selector in [likes("a%a", 300), likes(spotted, 1), likes(spotted, 200)] {
        let evaluation = selector.evaluate(&Subject::new(&one), EVALUATION_MAX);
        assert!(evaluation.exhausted && !evaluation.selected);
    }
    // What a bounded selector asks of an ordinary message is far below it.
    let few = message(&[("t", Value::Text("abc".into()))], Headers::default());
    let evaluation = likes("a_c", 300).evaluate(&Subject::new(&few), EVALUATION_MAX);
    assert!(evaluation.selected && evaluation.cost < EVALUATION_MAX / 50);
    // Ten thousand properties are read once, for all selectors.
    let many: Vec<(String, Value)> = (0..10_000)
        .map(|n| (format!("p{n}"), Value::Int(n)))
        .collect();
    let many: Vec<(&str, Value)> = many.iter().map(|(n, v)| (n.as_str(), v.clone())).collect();
    let many = message(&many, Headers::default());
    let subject = Subject::new(&many);
    let selector = Selector::parse("p9999 = 9999").unwrap();
    let costs = [0, 1].map(|_| selector.evaluate(&subject, EVALUATION_MAX));
    assert!(costs[0].selected && costs[1].selected && costs[1].cost < 20);
    assert!(costs[0].cost > 10_000);
}

#[test]
fn a_selector_takes_no_more_memory_than_its_bound() {
    let conditions = |count: usize| vec!["a=1"; count].join(" OR ");
    let texts = |count: usize| format!("a IN ({})", vec!["''"; count].join(","));
    for (text, small) in [
        (conditions(200), true),
        (conditions(SELECTOR_MAX / 7), false),
        (texts(1_000), true),
        (texts(SELECTOR_MAX / 3 - 10), false),
    ] {
        assert!(text.len() < SELECTOR_MAX);
        match Selector::parse(&text) {
            Ok(selector) => assert!(small && selector.size() <= SELECTOR_SIZE_MAX),
            Err(error) => assert!(!small && error.at == text.len()),
        }
    }
}
