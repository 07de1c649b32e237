//! Cordboard: the open switchboard for Cisco-style telephony integrations.
//!
//! A guided tour:
//!
//! - [`runtime`] is the home of the exchange: one thread owns all live state.
//! - [`edge`] is the HTTP edge: sockets, limits, TLS, the router.
//! - [`openwire`] carries messages to and from a broker, or is one.
//! - [`services`] translate one interface each into the exchange's words.
//! - [`admin`] is our own JSON API; console and command line use it.
//! - [`lab`] makes all of it repeatable; [`ops`] is settings, metrics, logs.
//! - [`cli`] is the command line. Start reading at `cli::lab` to see how the pieces are put together.

pub mod admin;
pub mod app;
pub mod cli;
pub mod directory_file;
pub mod edge;
pub mod journal;
pub mod lab;
pub mod openwire;
pub mod ops;
pub mod program;
pub mod runtime;
pub mod services;
