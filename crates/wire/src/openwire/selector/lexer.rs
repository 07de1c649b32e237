//! A selector's text as words.

use super::SelectorError;
use super::expression::Comparison;

/// A word, and where it begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) at: usize,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Open,
    Close,
    Comma,
    Plus,
    Minus,
    Times,
    Divided,
    Compare(Comparison),
    Int(i64),
    Float(f64),
    Text(String),
    Keyword(Keyword),
    Name(String),
}

/// A word with a meaning, in any letter case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keyword {
    And,
    Or,
    Not,
    Between,
    In,
    Like,
    Escape,
    Is,
    Null,
    True,
    False,
    /// What only other brokers do.
    Foreign,
}

impl Keyword {
    fn of(word: &str) -> Option<Self> {
        Some(match word.to_ascii_uppercase().as_str() {
            "AND" => Self::And,
            "OR" => Self::Or,
            "NOT" => Self::Not,
            "BETWEEN" => Self::Between,
            "IN" => Self::In,
            "LIKE" => Self::Like,
            "ESCAPE" => Self::Escape,
            "IS" => Self::Is,
            "NULL" => Self::Null,
            "TRUE" => Self::True,
            "FALSE" => Self::False,
            "XPATH" | "XQUERY" => Self::Foreign,
            _ => return None,
        })
    }
}

/// All words of a text.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, SelectorError> {
    let mut lexer = Lexer { text, at: 0 };
    let mut tokens = Vec::new();
    while let Some(token) = lexer.next()? {
        tokens.push(token);
    }
    Ok(tokens)
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn next(&mut self) -> Result<Option<Token>, SelectorError> {
        self.skip_blanks();
        let at = self.at;
        let Some(first) = self.rest().chars().next() else {
            return Ok(None);
        };
        let kind = match first {
            '\'' => self.text()?,
            '0'..='9' | '.' => self.number()?,
            c if begins_name(c) => self.word(),
            _ => self.sign().ok_or(SelectorError {
                at,
                expected: "a name, a number, a text or an operator",
            })?,
        };
        Ok(Some(Token { at, kind }))
    }

    /// Skips blanks and comments: `/* … */`, and `--` up to the end of a line. As in ActiveMQ, two minus signs without a line end after
    /// them are signs.
    fn skip_blanks(&mut self) {
        loop {
            let rest = self.rest();
            let text = rest.trim_start();
            let comment = if let Some(comment) = text.strip_prefix("--") {
                comment.find(['\n', '\r']).map(|end| 2 + end + 1)
            } else if let Some(comment) = text.strip_prefix("/*") {
                comment.find("*/").map(|end| 2 + end + 2)
            } else {
                None
            };
            self.at += rest.len() - text.len() + comment.unwrap_or(0);
            if comment.is_none() {
                return;
            }
        }
    }

    fn sign(&mut self) -> Option<Kind> {
        const SIGNS: [(&str, Kind); 13] = [
            ("<>", Kind::Compare(Comparison::Different)),
            ("<=", Kind::Compare(Comparison::AtMost)),
            (">=", Kind::Compare(Comparison::AtLeast)),
            ("=", Kind::Compare(Comparison::Equal)),
            ("<", Kind::Compare(Comparison::Less)),
            (">", Kind::Compare(Comparison::Greater)),
            ("(", Kind::Open),
            (")", Kind::Close),
            (",", Kind::Comma),
            ("+", Kind::Plus),
            ("-", Kind::Minus),
            ("*", Kind::Times),
            ("/", Kind::Divided),
        ];
        let rest = self.rest();
        let (sign, kind) = SIGNS.into_iter().find(|(sign, _)| rest.starts_with(sign))?;
        self.at += sign.len();
        Some(kind)
    }

    /// In quotes; a quote within is written twice.
    fn text(&mut self) -> Result<Kind, SelectorError> {
        let begin = self.at;
        let mut text = String::new();
        loop {
            let rest = &self.text[self.at + 1..];
            let Some(end) = rest.find('\'') else {
                return Err(SelectorError {
                    at: begin,
                    expected: "a text that ends with a quote",
                });
            };
            text.push_str(&rest[..end]);
            self.at += 1 + end;
            if !rest[end + 1..].starts_with('\'') {
                self.at += 1;
                return Ok(Kind::Text(text));
            }
            text.push('\'');
            self.at += 1;
        }
    }

    fn word(&mut self) -> Kind {
        let rest = self.rest();
        let goes_on = |c: char| begins_name(c) || c.is_numeric();
        let end = rest.find(|c| !goes_on(c)).unwrap_or(rest.len());
        let word = rest[..end].to_owned();
        self.at += end;
        match Keyword::of(&word) {
            Some(keyword) => Kind::Keyword(keyword),
            None => Kind::Name(word),
        }
    }

    /// As Java has them: hexadecimal, octal, decimal, with a fraction or an exponent.
    fn number(&mut self) -> Result<Kind, SelectorError> {
        let wrong = SelectorError {
            at: self.at,
            expected: "a number",
        };
        let rest = self.rest();
        let end = number_end(rest);
        let word = &rest[..end];
        let whole = word.strip_suffix(['l', 'L']).unwrap_or(word);
        let hex = whole
            .strip_prefix("0x")
            .or_else(|| whole.strip_prefix("0X"));
        let kind = match hex {
            Some(digits) => i64::from_str_radix(digits, 16).ok().map(Kind::Int),
            None if whole.bytes().all(|b| b.is_ascii_digit()) => {
                let octal = whole.len() > 1 && whole.starts_with('0');
                let radix = if octal { 8 } else { 10 };
                i64::from_str_radix(whole, radix).ok().map(Kind::Int)
            }
            None => word.parse().ok().map(Kind::Float),
        };
        self.at += end;
        kind.ok_or(wrong)
    }
}

fn begins_name(c: char) -> bool {
    c.is_alphabetic() || c == '_' || c == '$'
}

/// Where a number ends: a sign belongs to it after the exponent's letter only.
fn number_end(text: &str) -> usize {
    let hex = text.starts_with("0x") || text.starts_with("0X");
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        let exponent = !hex && matches!(before, 'e' | 'E');
        if !(c.is_ascii_alphanumeric() || c == '.' || (exponent && matches!(c, '+' | '-'))) {
            return at;
        }
        before = c;
    }
    text.len()
}
