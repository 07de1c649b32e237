//! Words to an expression. From loose to tight: `OR`, `AND`, `NOT`, comparisons, sums, products, signs.

use super::SELECTOR_MAX;
use super::expression::{Arithmetic, Expression};
use super::lexer::{Keyword, Kind, Token, tokens};
use super::like::Pattern;
use std::fmt;
use std::iter::Peekable;
use std::vec::IntoIter;

/// Parentheses and signs within each other, at most. [openwire §10.4]
const DEPTH: u32 = 100;

/// Why a text is no selector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SelectorError {
    /// At which byte.
    pub at: usize,
    /// What was expected there.
    pub expected: &'static str,
}

impl fmt::Display for SelectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {}: {} was expected", self.at, self.expected)
    }
}

impl std::error::Error for SelectorError {}

/// Reads a selector.
pub(super) fn parse(text: &str) -> Result<Expression, SelectorError> {
    if text.len() > SELECTOR_MAX {
        return Err(SelectorError {
            at: SELECTOR_MAX,
            expected: "the end",
        });
    }
    let mut parser = Parser {
        tokens: tokens(text)?.into_iter().peekable(),
        end: text.len(),
        depth: 0,
    };
    let whole = parser.condition()?;
    match parser.tokens.next() {
        None => Ok(whole),
        Some(token) => Err(SelectorError {
            at: token.at,
            expected: "an operator or the end",
        }),
    }
}

struct Parser {
    tokens: Peekable<IntoIter<Token>>,
    end: usize,
    depth: u32,
}

type Parsed = Result<Expression, SelectorError>;

impl Parser {
    fn at(&mut self) -> usize {
        self.tokens.peek().map_or(self.end, |token| token.at)
    }

    fn wants(&mut self, expected: &'static str) -> SelectorError {
        let at = self.at();
        SelectorError { at, expected }
    }

    fn takes(&mut self, kind: &Kind) -> bool {
        self.tokens.next_if(|token| token.kind == *kind).is_some()
    }

    fn takes_word(&mut self, keyword: Keyword) -> bool {
        self.takes(&Kind::Keyword(keyword))
    }

    /// Something within something else.
    fn deeper(&mut self, inner: fn(&mut Self) -> Parsed) -> Parsed {
        if self.depth == DEPTH {
            return Err(self.wants("less within each other"));
        }
        self.depth += 1;
        let parsed = inner(self);
        self.depth -= 1;
        parsed
    }

    /// What can be true.
    fn condition(&mut self) -> Parsed {
        let at = self.at();
        let whole = self.any()?;
        condition_at(at, whole)
    }

    fn any(&mut self) -> Parsed {
        self.chain(Keyword::Or, Self::all, Expression::Any)
    }

    fn all(&mut self) -> Parsed {
        self.chain(Keyword::And, Self::not, Expression::All)
    }

    fn chain(
        &mut self,
        word: Keyword,
        link: fn(&mut Self) -> Parsed,
        of: fn(Vec<Expression>) -> Expression,
    ) -> Parsed {
        let mut at = self.at();
        let mut links = Vec::new();
        loop {
            let next = link(self)?;
            let goes_on = self.takes_word(word);
            if links.is_empty() && !goes_on {
                return Ok(next);
            }
            links.push(condition_at(at, next)?);
            if !goes_on {
                return Ok(of(links));
            }
            at = self.at();
        }
    }

    fn not(&mut self) -> Parsed {
        if !self.takes_word(Keyword::Not) {
            return self.comparison();
        }
        let at = self.at();
        let inner = self.deeper(Self::not)?;
        Ok(Expression::Not(Box::new(condition_at(at, inner)?)))
    }

    fn comparison(&mut self) -> Parsed {
        let left = self.sum()?;
        if let Some(token) = self.tokens.next_if(|t| matches!(t.kind, Kind::Compare(_)))
            && let Kind::Compare(how) = token.kind
        {
            let right = self.sum()?;
            if matches!(self.tokens.peek(), Some(t) if matches!(t.kind, Kind::Compare(_))) {
                return Err(self.wants("one comparison only"));
            }
            return Ok(Expression::Compare(Box::new(left), how, Box::new(right)));
        }
        if self.takes_word(Keyword::Is) {
            let not = self.takes_word(Keyword::Not);
            if !self.takes_word(Keyword::Null) {
                return Err(self.wants("NULL"));
            }
            return Ok(negated(not, Expression::IsNull(Box::new(left))));
        }
        let not = self.takes_word(Keyword::Not);
        let compared = if self.takes_word(Keyword::Between) {
            self.between(left)?
        } else if self.takes_word(Keyword::In) {
            Expression::In(Box::new(left), self.texts()?)
        } else if self.takes_word(Keyword::Like) {
            let pattern = self.pattern()?;
            Expression::Like(Box::new(left), pattern)
        } else if not {
            return Err(self.wants("BETWEEN, IN or LIKE"));
        } else {
            return Ok(left);
        };
        Ok(negated(not, compared))
    }

    fn between(&mut self, left: Expression) -> Parsed {
        let low = self.sum()?;
        if !self.takes_word(Keyword::And) {
            return Err(self.wants("AND"));
        }
        let high = self.sum()?;
        Ok(Expression::Between(Box::new(left), Box::new((low, high))))
    }

    fn texts(&mut self) -> Result<Vec<String>, SelectorError> {
        if !self.takes(&Kind::Open) {
            return Err(self.wants("("));
        }
        let mut texts = Vec::new();
        loop {
            texts.push(self.text()?);
            if self.takes(&Kind::Close) {
                return Ok(texts);
            }
            if !self.takes(&Kind::Comma) {
                return Err(self.wants(", or )"));
            }
        }
    }

    fn text(&mut self) -> Result<String, SelectorError> {
        match self.tokens.next_if(|t| matches!(t.kind, Kind::Text(_))) {
            Some(Token {
                kind: Kind::Text(text),
                ..
            }) => Ok(text),
            _ => Err(self.wants("a text in quotes")),
        }
    }

    fn pattern(&mut self) -> Result<Pattern, SelectorError> {
        let at = self.at();
        let text = self.text()?;
        let mut escape = None;
        if self.takes_word(Keyword::Escape) {
            let at = self.at();
            let mut characters = self.text()?.chars().collect::<Vec<_>>().into_iter();
            escape = characters.next();
            if escape.is_none() || characters.next().is_some() {
                let expected = "one character";
                return Err(SelectorError { at, expected });
            }
        }
        let expected = "a form that can be looked for";
        Pattern::of(&text, escape).ok_or(SelectorError { at, expected })
    }

    fn sum(&mut self) -> Parsed {
        let signs = |kind: &Kind| match kind {
            Kind::Plus => Some(Arithmetic::Plus),
            Kind::Minus => Some(Arithmetic::Minus),
            _ => None,
        };
        self.arithmetic(signs, Self::product)
    }

    fn product(&mut self) -> Parsed {
        let signs = |kind: &Kind| match kind {
            Kind::Times => Some(Arithmetic::Times),
            Kind::Divided => Some(Arithmetic::Divided),
            _ => None,
        };
        self.arithmetic(signs, Self::signed)
    }

    fn arithmetic(
        &mut self,
        sign: fn(&Kind) -> Option<Arithmetic>,
        link: fn(&mut Self) -> Parsed,
    ) -> Parsed {
        let first = link(self)?;
        let mut rest = Vec::new();
        while let Some(token) = self.tokens.next_if(|token| sign(&token.kind).is_some())
            && let Some(sign) = sign(&token.kind)
        {
            rest.push((sign, link(self)?));
        }
        match rest.is_empty() {
            true => Ok(first),
            false => Ok(Expression::Sum(Box::new(first), rest)),
        }
    }

    fn signed(&mut self) -> Parsed {
        if self.takes(&Kind::Minus) {
            let inner = self.deeper(Self::signed)?;
            return Ok(Expression::Minus(Box::new(inner)));
        }
        if self.takes(&Kind::Plus) {
            return self.deeper(Self::signed);
        }
        self.primary()
    }

    fn primary(&mut self) -> Parsed {
        const EXPECTED: &str = "a name, a number, a text or (";
        let at = self.at();
        let Some(token) = self.tokens.next() else {
            return Err(self.wants(EXPECTED));
        };
        Ok(match token.kind {
            Kind::Int(number) => Expression::Int(number),
            Kind::Float(number) => Expression::Float(number),
            Kind::Text(text) => Expression::Text(text),
            Kind::Keyword(Keyword::True) => Expression::Bool(true),
            Kind::Keyword(Keyword::False) => Expression::Bool(false),
            Kind::Keyword(Keyword::Null) => Expression::Null,
            Kind::Name(name) => Expression::Name(name),
            Kind::Open => {
                let inner = self.deeper(Self::any)?;
                if !self.takes(&Kind::Close) {
                    return Err(self.wants(")"));
                }
                inner
            }
            Kind::Keyword(Keyword::Foreign) => {
                let expected = "something else than XPATH or XQUERY";
                return Err(SelectorError { at, expected });
            }
            Kind::Close
            | Kind::Comma
            | Kind::Plus
            | Kind::Minus
            | Kind::Times
            | Kind::Divided
            | Kind::Compare(_)
            | Kind::Keyword(_) => {
                return Err(SelectorError {
                    at,
                    expected: EXPECTED,
                });
            }
        })
    }
}

fn negated(not: bool, condition: Expression) -> Expression {
    match not {
        true => Expression::Not(Box::new(condition)),
        false => condition,
    }
}

fn condition_at(at: usize, expression: Expression) -> Parsed {
    match expression.is_condition() {
        true => Ok(expression),
        false => Err(SelectorError {
            at,
            expected: "a condition",
        }),
    }
}
