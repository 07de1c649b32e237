//! What the numbers in some fields mean. [openwire §4.4]

/// An enum over the values of a field.
macro_rules! numbers {
    ($(#[$doc:meta])* $type:ident { $($(#[$variant_doc:meta])* $variant:ident = $number:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(i8)]
        pub enum $type {
            $($(#[$variant_doc])* $variant = $number,)*
        }

        impl $type {
            /// The meaning of a field's value; `None` for a value without one.
            pub fn of(number: i8) -> Option<Self> {
                match number {
                    $($number => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }

        impl From<$type> for i8 {
            fn from(value: $type) -> Self {
                value as Self
            }
        }
    };
}

numbers! {
    /// The step of a [`TransactionInfo`](super::TransactionInfo).
    TransactionStep {
        /// It begins.
        Begin = 0,
        /// Can it be committed?
        Prepare = 1,
        /// It is committed at once.
        CommitOnePhase = 2,
        /// It is committed after it was prepared.
        CommitTwoPhase = 3,
        /// It is undone.
        Rollback = 4,
        /// Which are prepared?
        Recover = 5,
        /// It is no longer of interest.
        Forget = 6,
        /// Its work is done.
        End = 7,
    }
}

numbers! {
    /// What a [`DestinationInfo`](super::DestinationInfo) does.
    DestinationOperation {
        /// The destination comes.
        Add = 0,
        /// The destination goes.
        Remove = 1,
    }
}

numbers! {
    /// What a [`MessageAck`](super::MessageAck) says of its messages.
    AckType {
        /// They lie at the client; more may come.
        Delivered = 0,
        /// They cannot be handled.
        Poison = 1,
        /// All from the first to the last are done.
        Standard = 2,
        /// The client hands them to its program again.
        Redelivered = 3,
        /// The last one is done, and no other.
        Individual = 4,
        /// They did not match.
        Unmatched = 5,
        /// They came too late.
        Expired = 6,
    }
}

/// In [`RemoveInfo::last_delivered_sequence_id`](super::RemoveInfo): the application was given nothing.
pub const NONE_DELIVERED: i64 = -1;

/// In [`RemoveInfo::last_delivered_sequence_id`](super::RemoveInfo): nobody knows what it was given.
pub const UNKNOWN_DELIVERED: i64 = -2;
