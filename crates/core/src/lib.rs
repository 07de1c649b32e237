//! The telephone exchange as a value.
//!
//! Everything that decides lives here: who exists ([`directory`]), what a call is ([`call`]) and what happens next
//! ([`exchange`]). Nothing here opens a socket, reads a clock or knows a protocol: time comes in with every input,
//! effects go out as data. Start reading at [`exchange::Exchange`].

pub mod call;
pub mod directory;
pub mod exchange;
pub mod ids;
pub mod now;
pub mod refusal;

pub use exchange::Exchange;
pub use now::{Instant, Now, Wall};
pub use refusal::Refusal;
