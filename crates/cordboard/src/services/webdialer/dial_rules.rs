//! The original's dial rules: of those that fit a number, the first one changes it. Pure. [webdialer §9]
//!
//! Application dial rules change what is dialled; directory look-up rules, which work alike, change the number whose owner
//! is looked for.

use crate::ops::config::{DialRule, WebDialer};

/// What a rule makes of a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It fits, and this is what it makes of the number.
    Fits(String),
    /// The number begins otherwise.
    BeginsOtherwise,
    /// The number has so many characters, and not those that the rule wants.
    AnotherLength(usize),
}

/// What one rule makes of a number. Every character counts, `+` too.
pub fn judge(rule: &DialRule, number: &str) -> Verdict {
    let length = number.chars().count();
    if !number.starts_with(&rule.begins_with) {
        Verdict::BeginsOtherwise
    } else if u32::try_from(length) != Ok(rule.digits) {
        Verdict::AnotherLength(length)
    } else {
        let removed = usize::try_from(rule.remove).unwrap_or(usize::MAX);
        let kept = number.chars().skip(removed);
        Verdict::Fits(rule.prefix.chars().chain(kept).collect())
    }
}

/// The rules that are looked at for a number, in order, with what each makes of it: none after the first that fits.
pub fn considered<'a>(
    rules: &'a [DialRule],
    number: &'a str,
) -> impl Iterator<Item = (&'a DialRule, Verdict)> {
    let mut done = false;
    rules.iter().map_while(move |rule| {
        if done {
            return None;
        }
        let verdict = judge(rule, number);
        done = matches!(verdict, Verdict::Fits(_));
        Some((rule, verdict))
    })
}

/// The number as the rules leave it; one that none fits stays as it is.
pub fn apply(rules: &[DialRule], number: &str) -> String {
    let last = considered(rules, number).last();
    match last {
        Some((_, Verdict::Fits(changed))) => changed,
        Some((_, Verdict::BeginsOtherwise | Verdict::AnotherLength(_))) | None => number.to_owned(),
    }
}

/// What the pages leave of a number: what a telephone can dial, and a `+` only in front. [webdialer §9]
pub fn stripped(number: &str) -> String {
    let mut kept = String::with_capacity(number.len());
    for c in number.chars() {
        let first = kept.is_empty();
        if matches!(c, '0'..='9' | '*' | '#' | 'A'..='D') || (c == '+' && first) {
            kept.push(c);
        }
    }
    kept
}

/// The rules in force for the pages.
pub fn of_pages(config: &WebDialer) -> &[DialRule] {
    in_force(config, config.dial_rules_on_dial)
}

/// The rules in force for makeCallSoap.
pub fn of_soap(config: &WebDialer) -> &[DialRule] {
    in_force(config, config.dial_rules_on_soap_dial)
}

fn in_force(config: &WebDialer, applied: bool) -> &[DialRule] {
    if applied { &config.dial_rules } else { &[] }
}

/// What the pages dial for a number that was stripped already.
pub fn for_pages(config: &WebDialer, digits: &str) -> String {
    apply(of_pages(config), digits)
}

/// What makeCallSoap dials. The string is taken whole: codes behind the number count as digits. [webdialer §9]
pub fn for_soap(config: &WebDialer, dialled: String) -> String {
    match of_soap(config) {
        [] => dialled,
        rules => apply(rules, &dialled),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(begins_with: &str, digits: u32, remove: u32, prefix: &str) -> DialRule {
        DialRule {
            name: format!("{begins_with} {digits}"),
            begins_with: begins_with.to_owned(),
            digits,
            remove,
            prefix: prefix.to_owned(),
            ..DialRule::default()
        }
    }

    /// The table of the protocol page.
    fn table() -> Vec<DialRule> {
        vec![
            rule("", 7, 0, "9"),
            rule("+", 12, 1, ""),
            rule("408", 10, 3, "9"),
        ]
    }

    #[test]
    fn case_75_the_table_is_applied_for_pages_and_for_soap_only_when_it_is_told_so() {
        let mut config = WebDialer {
            dial_rules: table(),
            ..WebDialer::default()
        };
        for (dialled, changed) in [
            ("5550100", "95550100"),
            ("+14085551212", "14085551212"),
            ("4085551212", "95551212"),
            ("408555121", "408555121"),
            ("", ""),
        ] {
            assert_eq!(for_pages(&config, dialled), changed);
            assert_eq!(for_soap(&config, dialled.to_owned()), dialled);
            config.dial_rules_on_soap_dial = true;
            assert_eq!(for_soap(&config, dialled.to_owned()), changed);
            config.dial_rules_on_soap_dial = false;
        }
        config.dial_rules_on_dial = false;
        assert_eq!(for_pages(&config, "5550100"), "5550100");
    }

    #[test]
    fn the_pages_keep_what_can_be_dialled_and_a_plus_in_front() {
        for (written, kept) in [
            ("(408) 555-1212", "4085551212"),
            (" +1 (408) 555+12", "+140855512"),
            ("call me: *9A#d", "*9A#"),
            ("", ""),
        ] {
            assert_eq!(stripped(written), kept);
        }
    }

    #[test]
    fn the_first_rule_that_fits_is_the_last_that_is_looked_at() {
        let rules = [
            rule("9", 4, 1, "0"),
            rule("", 4, 4, "1"),
            rule("8", 4, 0, ""),
        ];
        let seen: Vec<Verdict> = considered(&rules, "8001").map(|(_, v)| v).collect();
        assert_eq!(
            seen,
            [Verdict::BeginsOtherwise, Verdict::Fits("1".to_owned())]
        );
        assert_eq!(judge(&rules[0], "90"), Verdict::AnotherLength(2));
    }

    #[test]
    fn codes_behind_the_number_count_and_odd_characters_do_no_harm() {
        assert_eq!(apply(&[rule("", 7, 0, "9")], "5555111222#"), "5555111222#");
        assert_eq!(
            apply(&[rule("", 11, 0, "9")], "5555111222#"),
            "95555111222#"
        );
        assert_eq!(apply(&[rule("", 3, 2, "")], "äöü"), "ü");
        assert_eq!(apply(&[rule("", 3, 9, "0")], "123"), "0");
    }
}
