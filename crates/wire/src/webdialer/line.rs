//! Lines as WebDialer writes them: `1001 ; PT_A`.

use std::fmt;

/// What a request's `lineNumber` asks for. [webdialer §5.7]
///
/// Parsing never fails: whatever a client puts there, a line is chosen. When the device has no such
/// line, the server falls back to the device's first one, unless it is strict and the value is not a
/// placeholder ([`LineChoice::is_placeholder`]).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LineChoice {
    /// Nothing said: absent, empty or `?`. The device's first line.
    First,
    /// A directory number, in any partition unless one is named.
    Line {
        /// The directory number, `\+` already unescaped.
        number: String,
        /// The partition to insist on.
        partition: Option<String>,
    },
}

impl LineChoice {
    /// Reads a `lineNumber`.
    pub fn parse(text: &str) -> Self {
        let (number, partition) = match text.split_once(';') {
            Some((number, partition)) => (number.trim(), partition.trim()),
            None => (text.trim(), ""),
        };
        if number.is_empty() || number == "?" {
            return Self::First;
        }
        let any = partition.is_empty()
            || partition.eq_ignore_ascii_case(NO_PARTITION)
            || partition.eq_ignore_ascii_case("null");
        Self::Line {
            number: number.replace("\\+", "+"),
            partition: (!any).then(|| partition.to_owned()),
        }
    }

    /// Whether the value is one that clients write without meaning a number: absent, empty, `?`, `0`, `1`.
    ///
    /// `0` and `1` are looked up first all the same: a device may have such a line.
    pub fn is_placeholder(&self) -> bool {
        match self {
            Self::First => true,
            Self::Line { number, partition } => {
                partition.is_none() && matches!(number.as_str(), "0" | "1")
            }
        }
    }

    /// Whether a line with this number and partition is the one asked for.
    ///
    /// [`LineChoice::First`] is matched by every line, so the first one tried wins.
    pub fn matches(&self, number: &str, partition: Option<&str>) -> bool {
        match self {
            Self::First => true,
            Self::Line {
                number: wanted,
                partition: None,
            } => wanted == number,
            Self::Line {
                number: wanted,
                partition: Some(insisted),
            } => wanted == number && partition == Some(insisted.as_str()),
        }
    }

    /// Writes a line as profile answers carry it: `1001 ; PT_A`, `1002 ; no partition`.
    pub fn write(number: &str, partition: Option<&str>) -> String {
        let partition = partition
            .filter(|name| !name.is_empty())
            .unwrap_or(NO_PARTITION);
        format!("{number} ; {partition}")
    }
}

/// What stands in place of a partition's name when a line has none.
const NO_PARTITION: &str = "no partition";

impl fmt::Display for LineChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First => Ok(()),
            Self::Line { number, partition } => {
                f.write_str(&Self::write(number, partition.as_deref()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: &str, partition: Option<&str>) -> LineChoice {
        LineChoice::Line {
            number: number.to_owned(),
            partition: partition.map(str::to_owned),
        }
    }

    #[test]
    fn every_value_seen_in_the_field_chooses_a_line() {
        let table = [
            ("1001 ; PT_A", line("1001", Some("PT_A"))),
            ("1001 ; no partition", line("1001", None)),
            ("1002;no partition", line("1002", None)),
            ("  1002 \n", line("1002", None)),
            ("1002", line("1002", None)),
            ("1", line("1", None)),
            ("0", line("0", None)),
            ("?", LineChoice::First),
            ("", LineChoice::First),
            (" ; PT_A", LineChoice::First),
            ("1001; null", line("1001", None)),
            ("1001;", line("1001", None)),
            ("\\+14085551212 ; E164", line("+14085551212", Some("E164"))),
            ("+14085551212", line("+14085551212", None)),
            (
                "1000 ; Global Learned E164 Numbers",
                line("1000", Some("Global Learned E164 Numbers")),
            ),
            ("1000 ; a;b", line("1000", Some("a;b"))),
        ];
        for (text, expected) in table {
            assert_eq!(LineChoice::parse(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_line_echoed_from_the_profile_finds_that_line() {
        for partition in [None, Some("PT_A"), Some("Global Learned E164 Numbers")] {
            let choice = LineChoice::parse(&LineChoice::write("1001", partition));
            assert!(choice.matches("1001", partition));
            assert!(!choice.matches("1002", partition));
        }
        assert!(!LineChoice::parse("1001 ; PT_A").matches("1001", Some("PT_B")));
        assert!(!LineChoice::parse("1001 ; PT_A").matches("1001", None));
    }

    #[test]
    fn only_values_that_mean_no_number_are_placeholders() {
        for text in ["", "?", "0", "1", " 1 ; no partition "] {
            assert!(LineChoice::parse(text).is_placeholder(), "{text:?}");
        }
        for text in ["1001", "9999", "1 ; PT_A"] {
            assert!(!LineChoice::parse(text).is_placeholder(), "{text:?}");
        }
    }
}
