//! The OpenWire codec against captured conversations and against chance. [openwire §13]

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod captured;
mod fill;
mod json;
mod page;
mod random;
mod session;
