//! Names and attributes of one start tag.

use super::error::{Limit, XmlErrorKind};
use super::reader::{Binding, Builder, Pending, Refused};
use super::references::{UNENDED_REFERENCE, resolve};
use super::tree::Span;

impl Builder<'_> {
    /// Checks a qualified name and finds the length of its prefix.
    pub(super) fn check_name(&self, name: Span) -> Result<Option<usize>, Refused> {
        let text = name.of(self.source, &self.side);
        let offset = self.offset(text);
        let refuse = || {
            (
                offset,
                XmlErrorKind::Malformed("A name is not an XML name."),
            )
        };
        let fine = |part: &str| {
            let mut bytes = part.bytes();
            bytes
                .next()
                .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_' || b >= 0x80)
                && bytes.all(|b| {
                    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.') || b >= 0x80
                })
        };
        match text.split_once(':') {
            None if fine(text) => Ok(None),
            Some((prefix, local)) if fine(prefix) && fine(local) => Ok(Some(prefix.len())),
            _ => Err(refuse()),
        }
    }

    pub(super) fn prefix(&self, name: Span, len: usize) -> Span {
        let start = self.offset(name.of(self.source, &self.side));
        Span::source(start, start + len)
    }

    pub(super) fn local(&self, name: Span, prefix: Option<usize>) -> Span {
        let text = name.of(self.source, &self.side);
        let start = self.offset(text);
        Span::source(start + prefix.map_or(0, |len| len + 1), start + text.len())
    }

    /// The namespace bound to a prefix here; the empty prefix is the default namespace.
    pub(super) fn lookup(&self, prefix: Span) -> Option<Span> {
        let wanted = prefix.of(self.source, &self.side);
        self.bindings
            .iter()
            .rev()
            .find(|binding| binding.prefix.of(self.source, &self.side) == wanted)
            .map(|binding| binding.uri)
    }

    /// Reads the attributes in `from..to` into `pending`, and namespace declarations into force.
    pub(super) fn read_attributes(&mut self, from: usize, to: usize) -> Result<(), Refused> {
        self.pending.clear();
        let outside = self.bindings.len();
        let bytes = &self.source.as_bytes()[..to];
        let skip_space = |mut at: usize| {
            while at < to && is_space(bytes[at]) {
                at += 1;
            }
            at
        };
        let mut at = from;
        let mut count = 0;
        loop {
            let name_start = skip_space(at);
            if name_start == to {
                return Ok(());
            }
            if name_start == at {
                return Err((
                    at,
                    XmlErrorKind::Malformed("White space is required between attributes."),
                ));
            }
            count += 1;
            self.attributes_seen += 1;
            if count > self.limits.attributes_per_element {
                return Err((name_start, XmlErrorKind::Limit(Limit::AttributesPerElement)));
            }
            if self.attributes_seen > self.limits.attributes {
                return Err((name_start, XmlErrorKind::Limit(Limit::Attributes)));
            }
            let mut name_end = name_start;
            while name_end < to && bytes[name_end] != b'=' && !is_space(bytes[name_end]) {
                name_end += 1;
            }
            let equals = skip_space(name_end);
            if bytes.get(equals) != Some(&b'=') {
                return Err((
                    name_start,
                    XmlErrorKind::Malformed(
                        "Attribute name must be followed by the '=' character.",
                    ),
                ));
            }
            let open = skip_space(equals + 1);
            let Some(&quote @ (b'"' | b'\'')) = bytes.get(open) else {
                return Err((
                    name_start,
                    XmlErrorKind::Malformed("Open quote is expected for an attribute."),
                ));
            };
            let Some(len) = bytes[open + 1..].iter().position(|&byte| byte == quote) else {
                return Err((name_start, XmlErrorKind::Truncated));
            };
            let close = open + 1 + len;
            let name = Span::source(name_start, name_end);
            let value = self.attribute_value(open + 1, close)?;
            self.attribute(name, value, outside)?;
            at = close + 1;
        }
    }

    fn attribute(&mut self, name: Span, value: Span, outside: usize) -> Result<(), Refused> {
        let prefix_len = self.check_name(name)?;
        let text = name.of(self.source, &self.side);
        let offset = self.offset(text);
        let declared = match prefix_len {
            None if text == "xmlns" => Some(Span::default()),
            Some(5) if text.starts_with("xmlns:") => Some(self.local(name, prefix_len)),
            _ => None,
        };
        let duplicate = || (offset, XmlErrorKind::DuplicateAttribute(text.to_owned()));
        let Some(prefix) = declared else {
            let same = |other: &Pending| other.name.of(self.source, &self.side) == text;
            if self.pending.iter().any(same) {
                return Err(duplicate());
            }
            self.pending.push(Pending {
                name,
                prefix: prefix_len,
                value,
            });
            return Ok(());
        };
        let same = |other: &Binding| {
            other.prefix.of(self.source, &self.side) == prefix.of(self.source, &self.side)
        };
        if self.bindings[outside..].iter().any(same) {
            return Err(duplicate());
        }
        if self.bindings.len() >= self.limits.namespaces {
            return Err((offset, XmlErrorKind::Limit(Limit::Namespaces)));
        }
        self.bindings.push(Binding { prefix, uri: value });
        Ok(())
    }

    /// An attribute's value: references resolved, each white space character a space.
    fn attribute_value(&mut self, from: usize, to: usize) -> Result<Span, Refused> {
        let raw = &self.source[from..to];
        if let Some(found) = raw.find('<') {
            return Err((
                from + found,
                XmlErrorKind::Malformed(
                    "The value of an attribute must not contain the '<' character.",
                ),
            ));
        }
        if !raw.contains(['&', '\t', '\n', '\r']) {
            return Ok(Span::source(from, to));
        }
        let start = self.side.len();
        let mut rest = raw;
        while let Some(found) = rest.find(['&', '\t', '\n', '\r']) {
            self.side.push_str(&rest[..found]);
            let offset = from + raw.len() - rest.len() + found;
            let tail = &rest[found..];
            if let Some(reference) = tail.strip_prefix('&') {
                let Some((name, after)) = reference.split_once(';') else {
                    return Err((offset, UNENDED_REFERENCE));
                };
                let c = resolve(name).map_err(|kind| (offset, kind))?;
                self.side.push(c);
                rest = after;
            } else {
                self.side.push(' ');
                rest = tail.strip_prefix("\r\n").unwrap_or(&tail[1..]);
            }
        }
        self.side.push_str(rest);
        Ok(Span::side(start, self.side.len()))
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}
