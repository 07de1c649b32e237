//! Destinations as clients write them: lists, patterns, options. [openwire §6]

use cordboard_wire::openwire::{Destination, DestinationKind, Text};

/// What the broker's own topics begin with.
pub(super) const ADVISORY: &str = "ActiveMQ.Advisory.";

/// A name has so many bytes at most: names are kept.
pub(super) const NAME: usize = 1_024;
/// A list has so many names at most: each is a message of its own.
const LIST: usize = 256;

/// Returns the number of bytes of a name.
pub(super) fn name_len(name: &Destination) -> usize {
    let name = name.physical_name.as_ref();
    name.map_or(0, |name| name.to_str_lossy().len())
}

/// Returns `true` if a text is too long for a name or an id: those are kept, and repeated in what is sent.
pub(super) fn is_too_long(text: &Text) -> bool {
    text.to_str_lossy().len() > NAME
}

/// The destinations that one name stands for: a list has commas, and a part without a prefix is of the kind of the whole. What
/// stands after a question mark is the client's affair. An empty list: the name is no name, or too long, or the list is.
pub(super) fn parts(whole: &Destination) -> Vec<Destination> {
    let Some(name) = whole.physical_name.as_ref() else {
        return Vec::new();
    };
    let Some(text) = name.as_str() else {
        // With a lone surrogate in it, it is a name and nothing else.
        return match name.to_str_lossy().len() <= NAME {
            true => vec![whole.clone()],
            false => Vec::new(),
        };
    };
    // Nearly all names are this.
    if !text.contains([',', '?', ':']) {
        return match (1..=NAME).contains(&text.len()) {
            true => vec![whole.clone()],
            false => Vec::new(),
        };
    }
    if text.split(',').count() > LIST {
        return Vec::new();
    }
    let parts = text.split(',').map(|part| {
        let prefixed = DestinationKind::ALL
            .into_iter()
            .find_map(|kind| Some((kind, part.strip_prefix(kind.prefix())?)));
        let (kind, name) = prefixed.unwrap_or((whole.kind, part));
        let name = name.split_once('?').map_or(name, |(name, _)| name);
        (!name.is_empty() && name.len() <= NAME).then(|| Destination::new(kind, name))
    });
    parts.collect::<Option<Vec<_>>>().unwrap_or_default()
}

/// Where a consumer takes its messages from: a name, or all names of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    /// As it is written.
    pub(super) destination: Destination,
    is_open: bool,
}

impl Pattern {
    pub(super) fn of(destination: Destination) -> Self {
        let text = destination.physical_name.as_ref().and_then(Text::as_str);
        let mut words = text.unwrap_or_default().split('.');
        let is_open = words.any(|word| word == "*" || word == ">");
        Self {
            destination,
            is_open,
        }
    }

    /// Does it stand for one name only?
    pub(super) fn is_name(&self) -> bool {
        !self.is_open
    }

    /// Is this one of the names? The broker's own topics are not, unless the pattern begins as they do.
    pub(super) fn fits(&self, name: &Destination) -> bool {
        if self.destination.kind != name.kind {
            return false;
        }
        if !self.is_open {
            return self.destination == *name;
        }
        let pattern = self.destination.physical_name.as_ref();
        let name = name.physical_name.as_ref();
        let (Some(pattern), Some(name)) =
            (pattern.and_then(Text::as_str), name.and_then(Text::as_str))
        else {
            return false;
        };
        if name.starts_with(ADVISORY) && !pattern.starts_with("ActiveMQ.") {
            return false;
        }
        fits(pattern, name)
    }

    /// Is everything that the other stands for one of these names?
    pub(super) fn covers(&self, other: &Self) -> bool {
        let text = |pattern: &Self| {
            let text = pattern.destination.physical_name.as_ref();
            text.and_then(Text::as_str).map(str::to_owned)
        };
        if self.destination.kind != other.destination.kind {
            return false;
        }
        match (text(self), text(other)) {
            (Some(all), Some(some)) => covers(&all, &some),
            // A name with a lone surrogate in it is only itself.
            (_, _) => self.destination == other.destination,
        }
    }
}

/// Is everything that fits `some` something that fits `all`?
fn covers(all: &str, some: &str) -> bool {
    let mut words = some.split('.');
    let mut allowed = all.split('.').peekable();
    while let Some(allow) = allowed.next() {
        if allow == ">" {
            return allowed.peek().is_none();
        }
        match words.next() {
            Some(">") | None => return false,
            Some(word) if allow == "*" || allow == word => {}
            Some(_) => return false,
        }
    }
    words.next().is_none()
}

/// `*` is one word, a final `>` any rest, none included. [openwire §6]
fn fits(pattern: &str, name: &str) -> bool {
    let mut words = name.split('.');
    let mut wanted = pattern.split('.').peekable();
    while let Some(want) = wanted.next() {
        if want == ">" {
            return wanted.peek().is_none();
        }
        match words.next() {
            Some(word) if want == "*" || want == word => {}
            Some(_) | None => return false,
        }
    }
    words.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ow_58_a_pattern_stands_for_the_names_of_its_form() {
        let names = ["W", "W.x", "W.x.c", "W.x.y.c", "W."];
        for (pattern, expected) in [
            ("W.>", [true, true, true, true, true]),
            ("W.*", [false, true, false, false, true]),
            ("W.*.>", [false, true, true, true, true]),
            ("W", [true, false, false, false, false]),
            (">", [true, true, true, true, true]),
            ("W.x*", [false; 5]),
            ("W.>.c", [false; 5]),
        ] {
            let pattern = Pattern::of(Destination::topic(pattern));
            let fitting = names.map(|name| pattern.fits(&Destination::topic(name)));
            assert_eq!(fitting, expected, "{}", pattern.destination);
        }
        let all = Pattern::of(Destination::topic(">"));
        assert!(!all.fits(&Destination::topic("ActiveMQ.Advisory.TempQueue")));
        assert!(!all.fits(&Destination::queue("W")));
        let own = Pattern::of(Destination::topic("ActiveMQ.Advisory.>"));
        assert!(own.fits(&Destination::topic("ActiveMQ.Advisory.TempQueue")));
    }

    #[test]
    fn ow_59_a_list_has_parts_with_kinds_of_their_own() {
        let list = Destination::queue("a,b?consumer.prefetchSize=1,topic://c");
        let expected = [
            Destination::queue("a"),
            Destination::queue("b"),
            Destination::topic("c"),
        ];
        assert_eq!(parts(&list), expected);
        assert_eq!(parts(&Destination::queue("")), []);
        assert_eq!(parts(&Destination::queue("a,")), []);
        assert_eq!(parts(&Destination::default()), []);
        let long = |len| parts(&Destination::queue("x".repeat(len).as_str())).len();
        assert_eq!((long(NAME), long(NAME + 1)), (1, 0));
        let list = |len| parts(&Destination::queue(vec!["x"; len].join(",").as_str())).len();
        assert_eq!((list(LIST), list(LIST + 1)), (LIST, 0));
    }
}
