//! What goes wrong, and whose fault it is.

use cordboard_wire::mobility::{Code, Failure, label};
use std::fmt;

/// What went wrong between us and the servers.
#[derive(Clone, Debug, thiserror::Error)]
pub enum MobilityError {
    /// No node gave an answer: no connection, no trust in a certificate, too slow, or the service is stopped there.
    #[error("{server} cannot be reached: {why}")]
    Unreachable {
        /// The address of the node that was asked last.
        server: String,
        /// Why, in one line.
        why: String,
    },
    /// An answer, but not Extension Mobility's.
    #[error("{server} does not speak Extension Mobility: {what}")]
    NotThisProtocol {
        /// The node's address.
        server: String,
        /// Its status and the beginning of what it said.
        what: String,
    },
    /// The server understood, and says no.
    #[error(transparent)]
    Refused(#[from] ServiceError),
}

impl MobilityError {
    /// May the same succeed later?
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::NotThisProtocol { .. } => false,
            Self::Refused(refused) => refused.is_retryable(),
        }
    }
}

/// A refusal: its code, the code's name, the server's text. Only the code is the same everywhere. [mobility §9]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceError {
    /// The code; [`Code::Unknown`] where an old server sent none.
    pub code: Code,
    /// The server's text.
    pub text: String,
}

impl ServiceError {
    /// The code's name, for people.
    pub fn name(&self) -> &'static str {
        label(self.code.number()).unwrap_or("a code of its own")
    }

    /// May the same succeed later?
    pub fn is_retryable(&self) -> bool {
        self.code.is_retryable()
    }

    /// Nobody was on the device that was to be logged out.
    pub fn already_done(&self) -> bool {
        self.code == Code::Free
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, name) = (self.code.number(), self.name());
        match self.text.as_str() {
            "" => write!(f, "{name} ({number})"),
            text => write!(f, "{text} ({number}: {name})"),
        }
    }
}

impl std::error::Error for ServiceError {}

impl From<Failure> for ServiceError {
    fn from(failure: Failure) -> Self {
        Self {
            code: failure.code.unwrap_or(Code::Unknown),
            text: failure.text,
        }
    }
}
