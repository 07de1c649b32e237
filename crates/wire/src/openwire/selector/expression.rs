//! What a selector says.

use super::like::Pattern;

/// An expression. Chains of operators are lists, so that only what is written within something else lies deep.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    /// `NULL`.
    Null,
    /// `TRUE`, `FALSE`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction or an exponent.
    Float(f64),
    /// A text.
    Text(String),
    /// A header or a property, by its name.
    Name(String),
    /// A minus before a number.
    Minus(Box<Self>),
    /// Sums and products, from left to right.
    Sum(Box<Self>, Vec<(Arithmetic, Self)>),
    /// One compared with another.
    Compare(Box<Self>, Comparison, Box<Self>),
    /// Between two, both included.
    Between(Box<Self>, Box<(Self, Self)>),
    /// Is the text one of these?
    In(Box<Self>, Vec<String>),
    /// Is the text of this form?
    Like(Box<Self>, Pattern),
    /// Is there nothing?
    IsNull(Box<Self>),
    /// The opposite.
    Not(Box<Self>),
    /// All of them.
    All(Vec<Self>),
    /// At least one of them.
    Any(Vec<Self>),
}

/// What is done with two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Plus,
    Minus,
    Times,
    Divided,
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Different,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Expression {
    /// Returns the number of bytes that the expression takes in memory.
    pub(super) fn size(&self) -> usize {
        let all = |list: &[Self]| list.iter().map(Self::size).sum::<usize>();
        let inner = match self {
            Self::Null | Self::Bool(_) | Self::Int(_) | Self::Float(_) => 0,
            Self::Text(text) | Self::Name(text) => text.len(),
            Self::Minus(inner) | Self::IsNull(inner) | Self::Not(inner) => inner.size(),
            Self::Sum(first, rest) => {
                let rest = rest.iter().map(|(_, next)| 8 + next.size());
                first.size() + rest.sum::<usize>()
            }
            Self::Compare(left, _, right) => left.size() + right.size(),
            Self::Between(inner, bounds) => inner.size() + bounds.0.size() + bounds.1.size(),
            Self::In(inner, texts) => {
                let texts = texts.iter().map(|text| size_of::<String>() + text.len());
                inner.size() + texts.sum::<usize>()
            }
            Self::Like(inner, pattern) => inner.size() + pattern.size(),
            Self::All(list) | Self::Any(list) => all(list),
        };
        size_of::<Self>() + inner
    }

    /// Can it be true? A number or a text is no condition.
    pub(super) fn is_condition(&self) -> bool {
        match self {
            Self::Int(_) | Self::Float(_) | Self::Text(_) | Self::Minus(_) | Self::Sum(_, _) => {
                false
            }
            Self::Null
            | Self::Bool(_)
            | Self::Name(_)
            | Self::Compare(_, _, _)
            | Self::Between(_, _)
            | Self::In(_, _)
            | Self::Like(_, _)
            | Self::IsNull(_)
            | Self::Not(_)
            | Self::All(_)
            | Self::Any(_) => true,
        }
    }
}
