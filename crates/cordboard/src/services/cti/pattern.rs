//! Names in settings, where `*` stands for any characters.

/// What stands between the stars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern(Vec<String>);

impl Pattern {
    /// As it is written.
    pub(super) fn of(text: &str) -> Self {
        Self(text.split('*').map(str::to_owned).collect())
    }

    /// Is a name one of those it stands for?
    pub(super) fn fits(&self, name: &str) -> bool {
        let [first, rest @ ..] = self.0.as_slice() else {
            return false;
        };
        let Some(mut name) = name.strip_prefix(first.as_str()) else {
            return false;
        };
        let Some((last, middle)) = rest.split_last() else {
            return name.is_empty();
        };
        for piece in middle {
            match name.split_once(piece.as_str()) {
                Some((_, after)) => name = after,
                None => return false,
            }
        }
        name.ends_with(last.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_for_every_name_that_fits_it() {
        for (entry, text, fitting) in [
            ("cc.a", "cc.a", true),
            ("cc.a", "cc.ab", false),
            ("cc.crm.*", "cc.crm.7", true),
            ("cc.crm.*", "cc.crm", false),
            ("*", "anything", true),
            ("*.a", "cc.a", true),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "aXcYb", false),
            ("a*b*b", "ab", false),
        ] {
            assert_eq!(Pattern::of(entry).fits(text), fitting, "{entry} {text}");
        }
    }
}
