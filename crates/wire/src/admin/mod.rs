//! Our own JSON: the shapes of `/api/v1`, shared by server, client and tests. [lab, Shapes]
//!
//! Times are RFC 3339, UTC, milliseconds. Numbers (digits) are strings, partitions separate.

mod directory;
mod events;
mod explain;
mod mobility;
mod tokens;

pub use directory::*;
pub use events::*;
pub use explain::*;
pub use mobility::*;
pub use tokens::*;

use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Beyond 2^53 a number's last digits may be lost on the way: JSON's numbers are floating.
const WHOLE_MAX: u64 = 9_007_199_254_740_991;

/// A whole number as JSON has it: `5.0` is one too.
fn whole<'de, D: Deserializer<'de>, N: TryFrom<u64>>(deserializer: D) -> Result<N, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Number {
        Whole(u64),
        Float(f64),
    }
    let whole = match Number::deserialize(deserializer)? {
        Number::Whole(number) => Some(number),
        Number::Float(number) => {
            let whole = number.fract() == 0.0 && number >= 0.0;
            whole.then(|| format!("{number:.0}").parse().ok()).flatten()
        }
    };
    let whole = whole.filter(|&number| number <= WHOLE_MAX);
    let whole = whole.and_then(|number| N::try_from(number).ok());
    whole.ok_or_else(|| serde::de::Error::custom("not a whole number that fits here"))
}

fn whole_or_none<'de, D: Deserializer<'de>, N: TryFrom<u64>>(
    deserializer: D,
) -> Result<Option<N>, D::Error> {
    #[derive(Deserialize)]
    #[serde(bound = "N: TryFrom<u64>")]
    struct Whole<N>(#[serde(deserialize_with = "whole")] N);
    Ok(Option::<Whole<N>>::deserialize(deserializer)?.map(|Whole(number)| number))
}

/// Place a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCall {
    /// The device's name.
    pub device: String,
    /// The line: `1001`, or `1001 ; Sales` with its partition; without it the device's first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
    /// The number to dial.
    pub to: String,
}

/// The body of a call's actions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CallAction {
    /// The device that acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Where a consultation or a blind transfer goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Digits to send.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digits: Option<String>,
}

/// Who asked for a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Origin {
    /// The interface's word.
    pub interface: String,
    /// The user it was made for.
    pub user: Option<String>,
    /// The application or user that acted for him.
    pub by: Option<String>,
}

/// A party of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Connection {
    /// The digits.
    pub number: String,
    /// The partition, if any.
    pub partition: Option<String>,
    /// The device; null outside.
    pub device: Option<String>,
    /// The part's number; null for a party that never got one.
    pub part: Option<u32>,
    /// `initiating`, `initiated`, `alerting`, `active`, `held`, `failed` or `dropped`.
    pub state: String,
    /// Since when.
    pub since: String,
}

/// A step of a call's story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StoryStep {
    /// When.
    pub at: String,
    /// What happened.
    pub what: String,
    /// The party's digits.
    pub who: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

/// A call with its whole story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Call {
    /// Its id.
    pub id: String,
    /// `initiated`, `alerting`, `connected`, `held` or `ended`.
    pub state: String,
    /// Why it ended.
    pub cause: Option<String>,
    /// The Q.850 number of the cause.
    pub q850: Option<u8>,
    /// Who asked for it.
    pub origin: Origin,
    /// The number as typed.
    pub dialled: String,
    /// Its parties.
    pub connections: Vec<Connection>,
    /// The call it consults about.
    pub consultation_of: Option<String>,
    /// The call its parties went on in.
    pub merged_into: Option<String>,
    /// What happened.
    pub story: Vec<StoryStep>,
    /// When it was made.
    pub created_at: String,
    /// When it ended.
    pub ended_at: Option<String>,
}

/// A page of calls, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Calls {
    /// The calls.
    pub calls: Vec<Call>,
    /// For `?after=`, when there may be more.
    pub next: Option<String>,
}

/// The lab's clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Clock {
    /// What it shows.
    pub now: String,
    /// Does it run?
    pub running: bool,
}

/// A change of the lab's clock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClockChange {
    /// Forward by so much.
    #[serde(
        default,
        deserialize_with = "whole_or_none",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(maximum = 9_007_199_254_740_991_u64)]
    pub advance_ms: Option<u64>,
    /// To this time: any right after a reset, else forward.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<String>,
    /// Stop or start it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<bool>,
}

/// A fault of the lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What it lies on.
    pub on: String,
    /// What it does.
    pub kind: String,
    /// For `network` `down`: `lost` or `kept`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls: Option<String>,
    /// For `slow`.
    #[serde(
        default,
        deserialize_with = "whole_or_none",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(maximum = 9_007_199_254_740_991_u64)]
    pub delay_ms: Option<u64>,
    /// For `refuse`.
    #[serde(
        default,
        deserialize_with = "whole_or_none",
        skip_serializing_if = "Option::is_none"
    )]
    pub q850: Option<u8>,
}

/// The lab's faults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Faults {
    /// Those that are set.
    pub faults: Vec<Fault>,
}

/// Makes a simulated phone answer by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AutoAnswer {
    /// After ringing so long; null: never.
    #[serde(default, deserialize_with = "whole_or_none")]
    #[schema(maximum = 9_007_199_254_740_991_u64)]
    pub after_ms: Option<u64>,
}

/// A request that came in on any interface, with its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JournalEntry {
    /// Its number, from 1.
    pub number: u64,
    /// When it was answered.
    pub at: String,
    /// The interface's word.
    pub interface: String,
    /// From where.
    pub peer: String,
    /// Over TLS?
    pub tls: bool,
    /// The HTTP method.
    pub method: String,
    /// Path and query as asked for; secrets masked.
    pub path: String,
    /// The HTTP status answered.
    pub status: u16,
    /// What was asked and answered; secrets masked.
    pub fields: BTreeMap<String, String>,
}

/// The journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Journal {
    /// Oldest first.
    pub requests: Vec<JournalEntry>,
}

/// A problem, as RFC 9457 says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// What kind; stable.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind, for people.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// This case, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}
