//! Why a call, or a party's share in it, ended: a class and the Q.850 number that was reported. [exchange §6]

use serde::{Deserialize, Serialize};
use std::fmt;

/// The class of a cause; what faces show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Somebody hung up after the call was answered.
    Normal,
    /// The called party is busy.
    Busy,
    /// Nobody answered.
    NoAnswer,
    /// The called party refused.
    Rejected,
    /// There is no such number.
    Unallocated,
    /// The device is not there.
    OutOfService,
    /// The network failed.
    Network,
    /// The caller gave up, or somebody else answered.
    Cancelled,
    /// Went on in another call by a transfer.
    Transferred,
    /// Went on in another call as a conference.
    Conferenced,
}

impl Class {
    /// The word shown in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Busy => "busy",
            Self::NoAnswer => "no_answer",
            Self::Rejected => "rejected",
            Self::Unallocated => "unallocated",
            Self::OutOfService => "out_of_service",
            Self::Network => "network",
            Self::Cancelled => "cancelled",
            Self::Transferred => "transferred",
            Self::Conferenced => "conferenced",
        }
    }

    /// The Q.850 number when the driver reported none.
    pub fn default_q850(self) -> u8 {
        match self {
            Self::Normal | Self::Cancelled | Self::Transferred | Self::Conferenced => 16,
            Self::Busy => 17,
            Self::NoAnswer => 19,
            Self::Rejected => 21,
            Self::Unallocated => 1,
            Self::OutOfService => 27,
            Self::Network => 41,
        }
    }
}

/// A class with the number reported for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cause {
    /// The class.
    pub class: Class,
    /// The Q.850 number.
    pub q850: u8,
}

impl Cause {
    /// The class with its usual number.
    pub fn of(class: Class) -> Self {
        Self {
            class,
            q850: class.default_q850(),
        }
    }

    /// Reads a reported number; one that is not listed is `Network`.
    pub fn from_q850(q850: u8) -> Self {
        let class = match q850 {
            16 => Class::Normal,
            17 => Class::Busy,
            18 | 19 => Class::NoAnswer,
            21 => Class::Rejected,
            1 | 28 => Class::Unallocated,
            20 | 27 => Class::OutOfService,
            26 => Class::Cancelled,
            _ => Class::Network,
        };
        Self { class, q850 }
    }

    /// Does a called party that ends so before answering count as failed, with a tone for the caller? One that `rang` was reached:
    /// a network that drops it then refused nothing. [exchange §3, §6]
    pub fn fails_the_caller(self, rang: bool) -> bool {
        match self.class {
            Class::Busy | Class::Rejected | Class::Unallocated | Class::OutOfService => true,
            Class::Network => !rang,
            Class::Normal
            | Class::NoAnswer
            | Class::Cancelled
            | Class::Transferred
            | Class::Conferenced => false,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.class.as_str(), self.q850)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_a_class_and_unlisted_ones_are_network() {
        for q850 in 0..=u8::MAX {
            let cause = Cause::from_q850(q850);
            assert_eq!(cause.q850, q850);
            let listed = matches!(q850, 1 | 16..=21 | 26..=28);
            assert_eq!(cause.class == Class::Network, !listed, "{q850}");
        }
    }

    #[test]
    fn the_default_number_of_a_class_reads_back_as_that_class() {
        for class in [
            Class::Normal,
            Class::Busy,
            Class::NoAnswer,
            Class::Rejected,
            Class::Unallocated,
            Class::OutOfService,
            Class::Network,
        ] {
            assert_eq!(Cause::from_q850(class.default_q850()).class, class);
        }
    }
}
