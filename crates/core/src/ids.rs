//! Names and numbers that cross module borders, each with a type of its own.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::fmt;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(SmolStr);

        impl $name {
            /// The text as written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.as_str())
            }
        }
    };
}

text_id!(
    /// The name of a phone or soft client, such as `SEPF01FAF38ABC2`. Found without regard to letter case.
    DeviceName
);
text_id!(
    /// The name of a device profile, the lines a user carries to a device.
    ProfileName
);
text_id!(
    /// The id of an end user or application user. Found without regard to letter case.
    UserId
);
text_id!(
    /// The digits of a directory number or an outside number, always text.
    Digits
);
text_id!(
    /// The name of a partition.
    Partition
);
text_id!(
    /// What names a call to the world: `c-1`, `c-2` … in the lab, a UUIDv7 elsewhere.
    CallId
);

/// Digits and the partition they live in: the party's address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DirectoryNumber {
    /// The digits.
    pub digits: Digits,
    /// The partition, if the number is in one. Outside numbers are in none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<Partition>,
}

impl DirectoryNumber {
    /// A number in no partition.
    pub fn bare(digits: impl Into<Digits>) -> Self {
        Self {
            digits: digits.into(),
            partition: None,
        }
    }
}

impl fmt::Display for DirectoryNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.partition {
            None => write!(f, "{}", self.digits),
            Some(partition) => write!(f, "{} ; {partition}", self.digits),
        }
    }
}

/// Orders calls by birth and keys them inside the exchange; never shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallKey(pub u64);

/// The number of a part; what CTI calls connectionID without its node. Unique and never given twice until a lab reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PartId(pub u32);

/// The driver's handle for one audio path of one device. Given by the exchange, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LegId(pub u64);

/// The driver's handle for what legs are joined into, so that they hear each other. One for each call that was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MixId(pub u64);

/// Names a command and, through it, everything the command causes. Given by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ticket(pub u64);
