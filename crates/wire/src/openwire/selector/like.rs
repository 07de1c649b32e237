//! `LIKE`: `%` is any text, `_` any character, everything else itself.

/// A part with `_` in it has at most so many characters: it is looked for at every place of a text.
const SPOTTED_MAX: usize = 64;

/// The form of a text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pattern {
    /// What stands between the `%`; none but the only one is empty in the middle.
    parts: Vec<Part>,
}

/// A run of characters.
#[derive(Clone, Debug, PartialEq)]
enum Part {
    Plain(String),
    /// `None`: any character.
    Spotted(Vec<Option<char>>),
}

impl Pattern {
    /// The form that a text describes; a character after `escape` is itself. `None`: it ends with the escape character, or a part
    /// with `_` is too long.
    pub(super) fn of(text: &str, escape: Option<char>) -> Option<Self> {
        let mut parts = vec![Vec::new()];
        let mut characters = text.chars();
        while let Some(c) = characters.next() {
            let itself = Some(c) == escape;
            let c = if itself { characters.next()? } else { c };
            match c {
                '%' if !itself => parts.push(Vec::new()),
                '_' if !itself => parts.last_mut()?.push(None),
                c => parts.last_mut()?.push(Some(c)),
            }
        }
        let last = parts.len() - 1;
        let kept = parts.into_iter().enumerate();
        // Several `%` in a row are one.
        let kept = kept.filter(|(at, part)| *at == 0 || *at == last || !part.is_empty());
        let parts = kept.map(|(_, part)| Part::of(part));
        Some(Self {
            parts: parts.collect::<Option<_>>()?,
        })
    }

    /// Returns the number of bytes that the pattern takes in memory.
    pub(super) fn size(&self) -> usize {
        let parts = self.parts.iter().map(|part| {
            size_of::<Part>()
                + match part {
                    Part::Plain(text) => text.len(),
                    Part::Spotted(characters) => characters.len() * size_of::<Option<char>>(),
                }
        });
        parts.sum()
    }

    /// Returns the cost of [`Self::fits`] for a text of this many bytes, at most, in steps.
    pub(super) fn cost(&self, text: usize) -> u32 {
        let spotted = |part: &Part| matches!(part, Part::Spotted(_));
        let middle = self.parts.iter().skip(1);
        let middle = middle.take(self.parts.len().saturating_sub(2));
        // A plain part is found at about ten bytes a step. A part with `_` is looked for at every character.
        let longest = middle.filter(|part| spotted(part)).map(Part::len).max();
        let steps = text / 8 + text * longest.unwrap_or(0) / 8;
        u32::try_from(self.parts.len() + steps).unwrap_or(u32::MAX)
    }

    /// Is a text of this form? Each part is looked for once, from where the one before it ends, so it takes no more than the
    /// text's length times [`SPOTTED_MAX`].
    pub(super) fn fits(&self, text: &str) -> bool {
        let [first, rest @ ..] = self.parts.as_slice() else {
            return false;
        };
        let Some(after) = first.at_start(text) else {
            return false;
        };
        let [middle @ .., last] = rest else {
            return after == text.len();
        };
        let mut rest = &text[after..];
        for part in middle {
            match part.anywhere(rest) {
                Some(after) => rest = &rest[after..],
                None => return false,
            }
        }
        last.at_end(rest)
    }
}

impl Part {
    fn of(characters: Vec<Option<char>>) -> Option<Self> {
        let plain: Option<String> = characters.iter().copied().collect();
        match plain {
            Some(text) => Some(Self::Plain(text)),
            None if characters.len() <= SPOTTED_MAX => Some(Self::Spotted(characters)),
            None => None,
        }
    }

    /// Returns the number of characters, or of bytes if all are plain.
    fn len(&self) -> usize {
        match self {
            Self::Plain(text) => text.len(),
            Self::Spotted(characters) => characters.len(),
        }
    }

    /// Where the text goes on after this part, when it begins with it.
    fn at_start(&self, text: &str) -> Option<usize> {
        match self {
            Self::Plain(plain) => text.starts_with(plain.as_str()).then_some(plain.len()),
            Self::Spotted(wanted) => {
                let mut characters = text.char_indices();
                for wanted in wanted {
                    let (_, c) = characters.next()?;
                    if wanted.is_some_and(|wanted| wanted != c) {
                        return None;
                    }
                }
                Some(characters.offset())
            }
        }
    }

    /// Where the text goes on after the first place at which this part stands.
    fn anywhere(&self, text: &str) -> Option<usize> {
        match self {
            Self::Plain(plain) => text.find(plain.as_str()).map(|at| at + plain.len()),
            Self::Spotted(_) => {
                let mut places = text.char_indices().map(|(at, _)| at);
                places.find_map(|at| Some(at + self.at_start(&text[at..])?))
            }
        }
    }

    fn at_end(&self, text: &str) -> bool {
        match self {
            Self::Plain(plain) => text.ends_with(plain.as_str()),
            Self::Spotted(wanted) => {
                let mut characters = text.chars().rev();
                wanted.iter().rev().all(|wanted| {
                    let c = characters.next();
                    c.is_some_and(|c| wanted.is_none_or(|wanted| wanted == c))
                })
            }
        }
    }
}
