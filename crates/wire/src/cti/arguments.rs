//! The body's grammar: arguments with commas between them. [cti §3.3]

use super::Format;

/// How many arguments are told apart; what is beyond them stays in the last, so that a body of commas costs nothing.
const ARGUMENTS_MAX: usize = 8;

/// Without blanks around it.
pub(super) fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// Without one enclosing pair of braces: the vendor's guide prints them, and some copy them. [cti §3.1]
pub(super) fn unbraced(text: &str) -> &str {
    let text = trimmed(text);
    let inner = text
        .strip_prefix('{')
        .and_then(|text| text.strip_suffix('}'));
    inner.map_or(text, trimmed)
}

/// The arguments of a command.
pub(super) struct Arguments<'a>(Vec<&'a str>);

impl<'a> Arguments<'a> {
    /// Reads a body. Empty, blank and `null` mean none.
    pub(super) fn of(body: &'a str) -> Self {
        let none = trimmed(body).eq_ignore_ascii_case("null");
        let inner = unbraced(body);
        if none || inner.is_empty() {
            return Self(Vec::new());
        }
        Self(inner.splitn(ARGUMENTS_MAX, ',').map(trimmed).collect())
    }

    /// What stands before the word of a format, if the last is one.
    pub(super) fn without_format(&self) -> &[&'a str] {
        match self.0.split_last() {
            Some((last, rest)) if Format::of(last).is_some() => rest,
            _ => &self.0,
        }
    }

    pub(super) fn as_slice(&self) -> &[&'a str] {
        &self.0
    }
}

/// Writes a body; in braces where it would be taken for something else without.
pub(super) fn joined(arguments: &[&str]) -> String {
    let text = arguments.join(",");
    let mistakable = unbraced(&text).len() < text.len() || text.eq_ignore_ascii_case("null");
    if mistakable {
        format!("{{{text}}}")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_without_arguments_come_in_many_shapes() {
        for body in ["", " ", "null", "NULL", " null ", "{}", "{ }", "\t"] {
            assert!(Arguments::of(body).as_slice().is_empty(), "{body:?}");
        }
    }

    #[test]
    fn blanks_and_one_pair_of_braces_are_dropped() {
        for (body, arguments) in [
            ("42032", vec!["42032"]),
            (" { 42032 , 7 } ", vec!["42032", "7"]),
            ("{{a}}", vec!["{a}"]),
            ("{a", vec!["{a"]),
            ("{a},b", vec!["{a}", "b"]),
            ("a,,b", vec!["a", "", "b"]),
            (",", vec!["", ""]),
            ("a b,c", vec!["a b", "c"]),
        ] {
            assert_eq!(Arguments::of(body).as_slice(), arguments, "{body}");
        }
        assert_eq!(
            Arguments::of(&",".repeat(100)).as_slice().len(),
            ARGUMENTS_MAX
        );
    }

    #[test]
    fn what_is_written_is_read_back() {
        for arguments in [
            vec!["a", "b"],
            vec!["{a", "b}"],
            vec!["null"],
            vec!["{a}", "b"],
            vec!["x", ""],
            vec!["", "x"],
        ] {
            let body = joined(&arguments);
            assert_eq!(Arguments::of(&body).as_slice(), arguments, "{body}");
        }
    }
}
