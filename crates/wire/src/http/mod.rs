//! What happens to the bytes of a connection before an HTTP library sees them.
//!
//! [`HeadFilter`] stands between the socket and the library: it repairs the request lines that old
//! clients send, and refuses every message whose end two readers could see in different places.
//! [`normalize_path`] then brings a path into the one form that routing knows. Neither answers
//! anything; neither knows the time: the caller asks where in a message the connection is and
//! applies its own limits of patience.

mod chunked;
mod filter;
pub mod fuzz;
mod head;
mod path;

pub use filter::{FrameError, HeadFilter, HeadLimits};
pub use path::normalize_path;
