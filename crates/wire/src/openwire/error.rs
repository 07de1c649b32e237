//! Why a frame was refused, and why a command cannot be written.

/// A frame that is not let in. After it the connection's two sides no longer agree: close it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}, at byte {at}")]
pub struct DecodeError {
    /// What is wrong.
    pub kind: DecodeErrorKind,
    /// Where, counted from the first byte of the frame's size, or of the map or body that is read.
    pub at: usize,
}

/// What is wrong with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeErrorKind {
    /// The announced size is zero or negative. [openwire §2.1]
    #[error("a frame of size {0}")]
    Size(i32),
    /// The announced size is over the limit. [openwire §2.5]
    #[error("a frame of size {size}, larger than the {limit} that are allowed")]
    TooLong {
        /// The announced size.
        size: u32,
        /// The limit.
        limit: u32,
    },
    /// The bytes given are not the one whole frame that their size announces.
    #[error("not one whole frame")]
    NotWhole,
    /// A command before the peers agreed on an encoding. [openwire §2.3]
    #[error("type {0} before the WireFormatInfo")]
    TooEarly(u8),
    /// A type that is not known, or not in this version. [openwire §4]
    #[error("unknown data type {0}")]
    UnknownType(u8),
    /// A known type that cannot be a frame of its own. [openwire §4.5]
    #[error("type {0} is no command")]
    NotACommand(u8),
    /// A known type where it cannot stand.
    #[error("type {found} where {wanted} belongs")]
    WrongType {
        /// The type that is there.
        found: u8,
        /// What belongs there.
        wanted: &'static str,
    },
    /// The first eight bytes of a WireFormatInfo are not `ActiveMQ`. [openwire §2.2]
    #[error("wrong magic")]
    Magic,
    /// A length or a number of bytes beyond the end of the frame. [openwire §10.2]
    #[error("{wanted} bytes are wanted, {left} are left")]
    Truncated {
        /// How many are wanted.
        wanted: usize,
        /// How many are left.
        left: usize,
    },
    /// More booleans are wanted than the frame has. [openwire §3.3]
    #[error("no bits are left")]
    NoBits,
    /// A first byte that no stream of bits begins with. [openwire §3.3]
    #[error("a stream of bits that begins with {0:#04x}")]
    BitHeader(u8),
    /// A length below zero.
    #[error("a length of {0}")]
    Negative(i32),
    /// Bytes that are no text. [openwire §3.4]
    #[error("not modified UTF-8")]
    NotText,
    /// A value of no known kind. [openwire §5.1]
    #[error("unknown tag {0}")]
    Tag(u8),
    /// A null where an array has its elements. [openwire §3.1]
    #[error("null in an array")]
    NullElement,
    /// A message that the sender encoded beforehand. [openwire §3.1]
    #[error("a message encoded beforehand")]
    Premarshalled,
    /// An index that the cache does not have, or an entry that was never filled. [openwire §3.5]
    #[error("cache index {0}")]
    CacheIndex(i16),
    /// What the peer wants remembered is over the limit. [openwire §3.5]
    #[error("too many bytes in the cache")]
    CacheFull,
    /// Objects, causes or values nested too deeply. [openwire §10.4]
    #[error("nested too deeply")]
    Depth,
    /// The decoded command would be far larger than its frame. [openwire §10.2]
    #[error("too many small parts")]
    Parts,
    /// Bytes after the last field. [openwire §2.1]
    #[error("trailing bytes")]
    Trailing,
}

/// A command that cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A field's text is longer than a header string may be. [openwire §3.4]
    #[error("{field} is {len} bytes long")]
    TextTooLong {
        /// The field.
        field: &'static str,
        /// Its length in modified UTF-8.
        len: usize,
    },
    /// More elements than two bytes can count.
    #[error("{field} has {len} elements")]
    TooMany {
        /// The field.
        field: &'static str,
        /// How many.
        len: usize,
    },
    /// More booleans than two bytes can count bytes for. [openwire §3.3]
    #[error("too many booleans")]
    Bits,
    /// The frame would be larger than the peer takes. [openwire §2.5]
    #[error("the frame would be {size} bytes long, {limit} are allowed")]
    TooLong {
        /// How large it would be.
        size: usize,
        /// The limit.
        limit: u32,
    },
    /// The agreed version does not have this type. [openwire §4]
    #[error("version {version} has no type {code}")]
    NotInVersion {
        /// The type.
        code: u8,
        /// The agreed version.
        version: u8,
    },
    /// Objects or causes nested too deeply. [openwire §10.4]
    #[error("nested too deeply")]
    Depth,
    /// A command before the peers agreed on an encoding. [openwire §2.3]
    #[error("type {0} before the WireFormatInfo")]
    TooEarly(u8),
    /// A WireFormatInfo within another command. [openwire §3.1]
    #[error("a WireFormatInfo can only be a frame of its own")]
    Nested,
}
