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

pub use evaluate::{Evaluation, Properties, Subject};
pub use parse::SelectorError;

use expression::Expression;

/// A selector's text has at most so many bytes. [openwire §10.4]
pub const SELECTOR_MAX: usize = 64 * 1024;

/// Maximum number of bytes that a selector takes in memory; a larger one is refused. [openwire §10.4]
pub const SELECTOR_SIZE_MAX: usize = 128 * 1024;

/// Maximum cost of one evaluation, in steps of about ten nanoseconds; a selector that needs more for a message does not select
/// it. [openwire §10.4]
pub const EVALUATION_MAX: u32 = 250_000;

/// Maximum number of values in the properties of a message that selectors read; a message with more has none for them.
/// [openwire §10.4]
pub const PROPERTY_VALUES: u32 = 20_000;

/// A condition on messages.
#[derive(Clone, Debug, PartialEq)]
pub struct Selector {
    expression: Expression,
    size: usize,
}

impl Selector {
    /// Reads a selector.
    ///
    /// # Errors
    /// The place at which it is none, and what was expected there.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let expression = parse::parse(text)?;
        let size = expression.size();
        if size > SELECTOR_SIZE_MAX {
            return Err(SelectorError {
                at: text.len(),
                expected: "fewer conditions",
            });
        }
        Ok(Self { expression, size })
    }

    /// Returns the number of bytes that the selector takes in memory.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Returns `true` if a message is selected.
    pub fn selects(&self, message: &Subject<'_>) -> bool {
        self.evaluate(message, EVALUATION_MAX).selected
    }

    /// Evaluates the selector for a message, for at most so many steps of about ten nanoseconds.
    pub fn evaluate(&self, message: &Subject<'_>, most: u32) -> Evaluation {
        message.evaluate(&self.expression, most)
    }
}
