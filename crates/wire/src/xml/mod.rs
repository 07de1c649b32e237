//! The one XML door.

mod error;
mod write;

pub use error::{Limit, XmlError, XmlErrorKind};
pub use write::push_escaped;
