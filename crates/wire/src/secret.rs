//! Text that must never be printed: passwords, PINs, tokens.

use std::fmt;

/// A password, PIN or token. Its `Debug` output is four dots; only [`Secret::expose`] shows it.
///
/// There is no `Display`, no serialisation and no `Deref`, so that a secret reaches a log line
/// only where somebody wrote `expose()`. Comparing two secrets takes as long as their common
/// prefix; where that matters compare keyed hashes instead.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Secret(Box<str>);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether the text is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("••••")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_as_dots_however_it_is_nested() {
        let nested = Some(Secret::from("s3cret"));
        assert_eq!(format!("{nested:?}"), "Some(••••)");
        assert_eq!(nested.as_ref().map(Secret::expose), Some("s3cret"));
    }
}
