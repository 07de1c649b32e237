//! How frames are encoded on a connection, and how the two sides agree on it. [openwire §2.2]

use super::{Offer, VERSION};

/// How large a frame a broker takes, by default. [openwire §2.5]
pub const BROKER_FRAME: u32 = 4 << 20;

/// How large a frame a client takes, by default. [openwire §2.5]
pub const CLIENT_FRAME: u32 = 64 << 20;

/// How large a frame may be before its sender is known. [openwire §2.5]
pub const FIRST_FRAME: u32 = 64 << 10;

/// Slots of a cache whose size is given as 0. [openwire §3.5]
const DEFAULT_SLOTS: i32 = 16383;

/// The encoding of all frames after the two `WireFormatInfo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// Which fields there are; 1 to 12.
    pub version: u8,
    /// Are booleans packed in front?
    pub tight: bool,
    /// Slots of the object cache; `None` without one.
    pub cache: Option<u16>,
    /// Do exceptions carry their stack trace?
    pub stack_traces: bool,
    /// Largest `size` of a frame.
    pub max_frame: u32,
}

/// What two sides agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// The encoding.
    pub format: Format,
    /// Is `TCP_NODELAY` to be set?
    pub tcp_no_delay: bool,
    /// After how many milliseconds without a byte the peer is in doubt; 0: never.
    pub max_inactivity_ms: u64,
    /// How many milliseconds later that is looked at first.
    pub initial_delay_ms: u64,
}

/// Why two sides cannot talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Disagreed {
    /// There is no version below 1.
    #[error("version {0}")]
    Version(i32),
    /// Both want frames without their size.
    #[error("frames without a size")]
    SizePrefix,
}

/// What follows from two offers. Either side comes to the same result. [openwire §2.2]
///
/// # Errors
/// When they cannot talk; the connection is to be closed without a word.
pub fn agree(ours: &Offer, theirs: &Offer) -> Result<Agreed, Disagreed> {
    let version = ours.version.min(theirs.version).min(i32::from(VERSION));
    let Ok(version @ 1..) = u8::try_from(version) else {
        return Err(Disagreed::Version(version));
    };
    if ours.size_prefix_disabled && theirs.size_prefix_disabled {
        return Err(Disagreed::SizePrefix);
    }
    let cache = (ours.cache_enabled && theirs.cache_enabled)
        .then(|| slots(ours.cache_size.min(theirs.cache_size)))
        .flatten();
    let frame = |offer: &Offer| offer.max_frame_size.unwrap_or(i64::MAX);
    let max_frame = frame(ours).min(frame(theirs)).clamp(0, i64::from(i32::MAX));
    let least = |ours: i64, theirs: i64| u64::try_from(ours.min(theirs)).unwrap_or(0);
    Ok(Agreed {
        format: Format {
            version,
            tight: ours.tight_encoding_enabled && theirs.tight_encoding_enabled,
            cache,
            stack_traces: ours.stack_trace_enabled && theirs.stack_trace_enabled,
            max_frame: max_frame as u32,
        },
        tcp_no_delay: ours.tcp_no_delay_enabled && theirs.tcp_no_delay_enabled,
        max_inactivity_ms: least(
            ours.max_inactivity_duration_ms,
            theirs.max_inactivity_duration_ms,
        ),
        initial_delay_ms: least(ours.initial_delay_ms, theirs.initial_delay_ms),
    })
}

/// The slots of a cache of this agreed size: 0 is the default, an index must fit, and below 0 there is no cache.
fn slots(size: i32) -> Option<u16> {
    match size {
        ..0 => None,
        0 => Some(DEFAULT_SLOTS as u16),
        _ => Some(size.min(i32::from(i16::MAX)) as u16),
    }
}
