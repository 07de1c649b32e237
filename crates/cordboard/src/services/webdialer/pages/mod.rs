//! WebDialer's pages for browsers. [webdialer §8]
//!
//! [`routes`] is the HTTP edge (forms in, pages and cookies out), `flow` the page that follows for whom, `act` what the commands do,
//! [`session`] who is signed in, [`origin`] which requests dial at once and which are asked about first, [`view`] the pages, [`words`]
//! what they say.

mod act;
mod flow;
pub mod origin;
pub mod routes;
pub mod session;
pub mod view;
pub mod words;

use crate::runtime::choices::Choices;
use std::sync::Arc;

/// What the pages keep.
#[derive(Debug, Default)]
pub struct Pages {
    /// Who is signed in.
    pub sessions: session::Sessions,
    /// What users prefer.
    pub choices: Arc<Choices>,
    /// How they look.
    pub brand: view::Brand,
}
