//! WebDialer's pages for browsers.
//!
//! [`origin`] decides which requests dial at once and which are asked about first.

pub mod origin;
