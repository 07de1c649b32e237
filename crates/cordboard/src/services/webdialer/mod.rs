//! WebDialer over SOAP: click-to-dial for programs.
//!
//! [`routes`] is the HTTP edge (bytes, content types, addresses), [`translate`] the one place where WebDialer's words and
//! the exchange's meet, [`throttle`] the limits that the original has and this one can have.

pub mod routes;
pub mod throttle;
pub mod translate;
