//! Selectors: which messages a consumer wants, as a condition on headers and properties. [openwire §7.7]
//!
//! `lexer` makes words of the text, `parse` an expression of the words, `evaluate` asks it of a message,
//! `like` is the matcher of `LIKE`. A condition is true, false or unknown; only a true one selects.

mod evaluate;
mod expression;
mod lexer;
mod like;
mod parse;
#[cfg(test)]
mod tests;

pub use evaluate::Subject;
pub use parse::SelectorError;

use expression::Expression;

/// A selector's text has at most so many bytes. [openwire §10.4]
pub const SELECTOR_MAX: usize = 64 * 1024;

/// A condition on messages.
#[derive(Clone, Debug, PartialEq)]
pub struct Selector(Expression);

impl Selector {
    /// Reads a selector.
    ///
    /// # Errors
    /// Where it is none, and what was expected there.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        parse::parse(text).map(Self)
    }

    /// Is a message selected?
    pub fn selects(&self, message: &Subject<'_>) -> bool {
        self.0.condition(message) == Some(true)
    }
}
