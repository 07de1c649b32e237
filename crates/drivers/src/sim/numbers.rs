//! Numbers outside the directory: how the far end behaves, by the number's ending. [lab, Numbers]

use std::time::Duration;

/// How a far end behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FarEnd {
    /// It rings, then answers.
    Answers {
        /// After ringing so long.
        after: Duration,
        /// And hangs up after talking so long.
        then_hangs_up: Option<Duration>,
    },
    /// It rings, then the network drops the call.
    Drops {
        /// After ringing so long.
        after: Duration,
        /// With this Q.850 number.
        q850: u8,
    },
    /// It rings until the exchange gives up.
    Rings,
    /// It is refused with this Q.850 number.
    Refuses(u8),
}

/// The number that wants a forced authorization code and a client matter code behind it.
const CODED_NUMBER: &str = "5555";
/// What it wants: FAC 111, CMC 222.
const CODES: &str = "111222";

/// How the far end behind these digits behaves.
pub fn far_end(digits: &str) -> FarEnd {
    let answers = |seconds| FarEnd::Answers {
        after: Duration::from_secs(seconds),
        then_hangs_up: None,
    };
    if let Some(codes) = digits.strip_prefix(CODED_NUMBER) {
        let codes = codes.strip_suffix('#').unwrap_or(codes);
        return if codes == CODES {
            answers(1)
        } else {
            FarEnd::Refuses(21)
        };
    }
    match digits.get(digits.len().saturating_sub(2)..) {
        Some("00" | "01") => answers(1),
        Some("02") => answers(2),
        Some("03") => answers(3),
        Some("04") => answers(4),
        Some("05") => answers(5),
        Some("06") => FarEnd::Answers {
            after: Duration::from_secs(1),
            then_hangs_up: Some(Duration::from_secs(5)),
        },
        Some("07") => FarEnd::Drops {
            after: Duration::from_secs(5),
            q850: 41,
        },
        Some("08") => FarEnd::Rings,
        Some("09") => FarEnd::Refuses(17),
        _ => FarEnd::Refuses(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ending_behaves_as_the_lab_promises() {
        let answers = |after, hangs_up: Option<u64>| FarEnd::Answers {
            after: Duration::from_secs(after),
            then_hangs_up: hangs_up.map(Duration::from_secs),
        };
        for (digits, expected) in [
            ("00", answers(1, None)),
            ("+14085550100", answers(1, None)),
            ("901", answers(1, None)),
            ("902", answers(2, None)),
            ("903", answers(3, None)),
            ("904", answers(4, None)),
            ("905", answers(5, None)),
            ("906", answers(1, Some(5))),
            (
                "907",
                FarEnd::Drops {
                    after: Duration::from_secs(5),
                    q850: 41,
                },
            ),
            ("908", FarEnd::Rings),
            ("909", FarEnd::Refuses(17)),
            ("910", FarEnd::Refuses(1)),
            ("0", FarEnd::Refuses(1)),
            ("5555111222", answers(1, None)),
            ("5555111222#", answers(1, None)),
            ("5555111", FarEnd::Refuses(21)),
            ("5555", FarEnd::Refuses(21)),
            ("555500", FarEnd::Refuses(21)),
        ] {
            assert_eq!(far_end(digits), expected, "{digits}");
        }
    }
}
