//! Tokens to tree: namespaces, references, limits.

use super::Limits;
use super::charset;
use super::error::{Limit, XmlError, XmlErrorKind};
use super::tree::{Document, Node, RawAttribute, Span};
use quick_xml::errors::{Error as TokenError, IllFormedError, SyntaxError};
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;
use std::borrow::Cow;

/// Reads a document.
///
/// `charset_from_content_type` is the `charset` parameter of the message it came in, if it had one;
/// a byte order mark beats it, it beats the XML declaration.
///
/// # Errors
/// Where and why the document is refused; [`XmlError::sax_text`] is what to tell the sender.
pub fn parse<'a>(
    bytes: &'a [u8],
    charset_from_content_type: Option<&str>,
    limits: &Limits,
) -> Result<Document<'a>, XmlError> {
    if bytes.len() > limits.bytes.min(LARGEST) {
        return Err(XmlError {
            kind: XmlErrorKind::Limit(Limit::Bytes),
            line: 1,
            column: 1,
        });
    }
    let source = charset::decode(bytes, charset_from_content_type).map_err(|undecodable| {
        let fine = String::from_utf8_lossy(&bytes[..undecodable.valid]);
        at(&fine, fine.len(), undecodable.kind)
    })?;
    let mut builder = Builder::new(&source, limits);
    match builder.run() {
        Ok(()) => {
            let Builder {
                side,
                nodes,
                attributes,
                ..
            } = builder;
            Ok(Document {
                source,
                side,
                nodes,
                attributes,
            })
        }
        Err((offset, kind)) => Err(at(&source, offset, kind)),
    }
}

/// Spans are 31 bits wide, and a decoded document is at most three times as long as its bytes.
const LARGEST: usize = (1 << 31) / 3 - 1;

/// A refusal, with the byte offset it is about.
type Refused = (usize, XmlErrorKind);

fn at(source: &str, offset: usize, kind: XmlErrorKind) -> XmlError {
    let before = source.get(..offset).unwrap_or(source);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    XmlError {
        kind,
        line: 1 + before.bytes().filter(|&byte| byte == b'\n').count() as u32,
        column: 1 + before[line_start..].chars().count() as u32,
    }
}

/// Byte offsets of a start tag's parts.
#[derive(Clone, Copy)]
struct Tag {
    name: usize,
    name_end: usize,
    end: usize,
}

impl Tag {
    fn of(tag: &BytesStart<'_>, offset: usize) -> Self {
        Self {
            name: offset,
            name_end: offset + tag.name().as_ref().len(),
            end: offset + tag.len(),
        }
    }
}

/// A namespace declaration in force.
struct Binding {
    prefix: Span,
    uri: Span,
}

/// An element whose end has not come yet.
struct Open {
    node: u32,
    /// How many bindings were in force outside it.
    bindings: u32,
}

struct Builder<'s> {
    source: &'s str,
    limits: &'s Limits,
    side: String,
    nodes: Vec<Node>,
    attributes: Vec<RawAttribute>,
    /// Attributes seen, namespace declarations included.
    attributes_seen: usize,
    elements: usize,
    open: Vec<Open>,
    bindings: Vec<Binding>,
    /// The run of text that is being collected: CDATA, references and comments do not end it.
    run: Option<Span>,
    /// Attributes of the element being read, before their prefixes are resolved.
    pending: Vec<Pending>,
}

/// An attribute whose prefix is not resolved yet.
struct Pending {
    /// The name as written.
    name: Span,
    /// Length of the prefix.
    prefix: Option<usize>,
    value: Span,
}

impl<'s> Builder<'s> {
    fn new(source: &'s str, limits: &'s Limits) -> Self {
        // A tag takes some two dozen bytes in the messages we see; a wrong guess costs one copy.
        let guess = source.len() / 24 + 4;
        Self {
            source,
            limits,
            side: String::new(),
            nodes: Vec::with_capacity(guess),
            attributes: Vec::with_capacity(guess / 2),
            attributes_seen: 0,
            elements: 0,
            open: Vec::with_capacity(8),
            bindings: Vec::with_capacity(8),
            run: None,
            pending: Vec::with_capacity(8),
        }
    }

    fn run(&mut self) -> Result<(), Refused> {
        self.check_characters()?;
        let mut reader = Reader::from_str(self.source);
        loop {
            let start = reader.buffer_position() as usize;
            let event = match reader.read_event() {
                Ok(event) => event,
                Err(error) => return Err(self.token_error(&error, start)),
            };
            match event {
                Event::Start(tag) => self.start(Tag::of(&tag, self.offset(&tag)), false)?,
                Event::Empty(tag) => self.start(Tag::of(&tag, self.offset(&tag)), true)?,
                Event::End(_) => self.end(),
                Event::Text(text) => self.text(self.offset(&text), text.len(), true)?,
                Event::CData(text) => {
                    if self.open.is_empty() {
                        return Err((start, self.misplaced()));
                    }
                    self.text(self.offset(&text), text.len(), false)?;
                }
                Event::GeneralRef(reference) => self.reference(&reference, start)?,
                Event::Comment(_) => {}
                Event::Decl(_) if start == 0 => {}
                Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {
                    return Err((start, XmlErrorKind::DtdOrInstruction));
                }
                Event::Eof => break,
            }
        }
        if !self.open.is_empty() {
            return Err((self.source.len(), XmlErrorKind::Truncated));
        }
        if self.nodes.is_empty() {
            return Err((self.source.len(), XmlErrorKind::Empty));
        }
        Ok(())
    }

    /// Refuses what XML 1.0 cannot carry anywhere, once for the whole document.
    fn check_characters(&self) -> Result<(), Refused> {
        let control = |byte: u8| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r');
        if let Some(offset) = self.source.bytes().position(control) {
            let code = u32::from(self.source.as_bytes()[offset]);
            return Err((offset, XmlErrorKind::BadCharacter(code)));
        }
        if !self.source.is_ascii()
            && let Some((offset, found)) = self
                .source
                .char_indices()
                .find(|&(_, c)| matches!(c, '\u{FFFE}' | '\u{FFFF}'))
        {
            return Err((offset, XmlErrorKind::BadCharacter(u32::from(found))));
        }
        Ok(())
    }

    /// Where a token's text lies in the source, which it is a slice of.
    fn offset(&self, token: &str) -> usize {
        token.as_ptr() as usize - self.source.as_ptr() as usize
    }

    /// What is wrong with content outside the root element.
    fn misplaced(&self) -> XmlErrorKind {
        if self.nodes.is_empty() {
            XmlErrorKind::ContentInProlog
        } else {
            XmlErrorKind::ContentAfterRoot
        }
    }

    fn token_error(&self, error: &TokenError, start: usize) -> Refused {
        match error {
            TokenError::Syntax(SyntaxError::UnclosedDoctype | SyntaxError::UnclosedPI)
            | TokenError::IllFormed(IllFormedError::MissingDoctypeName) => {
                (start, XmlErrorKind::DtdOrInstruction)
            }
            TokenError::Syntax(SyntaxError::InvalidBangMarkup) => (
                start,
                XmlErrorKind::Malformed("The markup must be well-formed."),
            ),
            TokenError::Syntax(_) => (self.source.len(), XmlErrorKind::Truncated),
            TokenError::IllFormed(IllFormedError::MismatchedEndTag { expected, .. }) => (
                start,
                XmlErrorKind::MismatchedEndTag {
                    open: expected.clone(),
                },
            ),
            TokenError::IllFormed(IllFormedError::UnmatchedEndTag(_)) => (
                start,
                XmlErrorKind::Malformed("An end tag has no start tag."),
            ),
            TokenError::IllFormed(IllFormedError::UnclosedReference) => (start, UNENDED_REFERENCE),
            _ => (
                start,
                XmlErrorKind::Malformed("The markup must be well-formed."),
            ),
        }
    }

    fn start(&mut self, tag: Tag, empty: bool) -> Result<(), Refused> {
        let offset = tag.name;
        if self.open.is_empty() && !self.nodes.is_empty() {
            return Err((offset, XmlErrorKind::ContentAfterRoot));
        }
        if self.open.len() >= self.limits.depth {
            return Err((offset, XmlErrorKind::Limit(Limit::Depth)));
        }
        if self.elements >= self.limits.elements {
            return Err((offset, XmlErrorKind::Limit(Limit::Elements)));
        }
        self.elements += 1;
        self.flush();

        let name = Span::source(tag.name, tag.name_end);
        let prefix = self.check_name(name)?;
        let bindings = self.bindings.len() as u32;
        self.read_attributes(tag.name_end, tag.end)?;

        let first_attribute = self.attributes.len() as u32;
        for index in 0..self.pending.len() {
            let Pending {
                name,
                prefix,
                value,
            } = self.pending[index];
            // An attribute whose prefix nobody declared stays: we require none of the prefixed ones,
            // and programs that write SOAP by hand forget to declare xsi. [webdialer §7]
            let namespace = match prefix {
                Some(len) => self.lookup(self.prefix(name, len)).unwrap_or_default(),
                None => Span::default(),
            };
            self.attributes.push(RawAttribute {
                name: self.local(name, prefix),
                namespace,
                value,
                prefixed: prefix.is_some(),
            });
        }
        let namespace = match prefix {
            None => self.lookup(Span::default()).unwrap_or_default(),
            Some(len) => self.lookup(self.prefix(name, len)).ok_or_else(|| {
                let name = name.of(self.source, &self.side).to_owned();
                (offset, XmlErrorKind::UnboundPrefix(name))
            })?,
        };
        let index = self.nodes.len() as u32;
        self.nodes.push(Node {
            text: self.local(name, prefix),
            namespace,
            attributes: first_attribute,
            attribute_count: self.attributes.len() as u32 - first_attribute,
            end: index + 1,
            is_text: false,
        });
        if empty {
            self.bindings.truncate(bindings as usize);
        } else {
            self.open.push(Open {
                node: index,
                bindings,
            });
        }
        Ok(())
    }

    fn end(&mut self) {
        self.flush();
        // The tokenizer refuses an end tag without its start.
        if let Some(Open { node, bindings }) = self.open.pop() {
            self.nodes[node as usize].end = self.nodes.len() as u32;
            self.bindings.truncate(bindings as usize);
        }
    }

    /// Checks a qualified name and finds the length of its prefix.
    fn check_name(&self, name: Span) -> Result<Option<usize>, Refused> {
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

    fn prefix(&self, name: Span, len: usize) -> Span {
        let start = self.offset(name.of(self.source, &self.side));
        Span::source(start, start + len)
    }

    fn local(&self, name: Span, prefix: Option<usize>) -> Span {
        let text = name.of(self.source, &self.side);
        let start = self.offset(text);
        Span::source(start + prefix.map_or(0, |len| len + 1), start + text.len())
    }

    /// The namespace bound to a prefix here; the empty prefix is the default namespace.
    fn lookup(&self, prefix: Span) -> Option<Span> {
        let wanted = prefix.of(self.source, &self.side);
        self.bindings
            .iter()
            .rev()
            .find(|binding| binding.prefix.of(self.source, &self.side) == wanted)
            .map(|binding| binding.uri)
    }

    /// Reads the attributes in `from..to` into `pending`, and namespace declarations into force.
    fn read_attributes(&mut self, from: usize, to: usize) -> Result<(), Refused> {
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

    fn text(&mut self, offset: usize, len: usize, character_data: bool) -> Result<(), Refused> {
        let raw = &self.source[offset..offset + len];
        if self.open.is_empty() {
            return match raw.find(|c: char| !c.is_ascii_whitespace()) {
                Some(found) if character_data => Err((offset + found, self.misplaced())),
                _ => Ok(()),
            };
        }
        if raw.is_empty() {
            return Ok(());
        }
        if self.run.is_none() && !raw.contains('\r') {
            self.run = Some(Span::source(offset, offset + len));
            return Ok(());
        }
        self.append(&normalize_line_ends(raw));
        Ok(())
    }

    fn reference(&mut self, name: &str, start: usize) -> Result<(), Refused> {
        if self.open.is_empty() {
            return Err((start, self.misplaced()));
        }
        let c = resolve(name).map_err(|kind| (start, kind))?;
        self.append(c.encode_utf8(&mut [0; 4]));
        Ok(())
    }

    /// Adds to the current run of text, which moves to the side buffer.
    fn append(&mut self, piece: &str) {
        let start = match self.run {
            // Nothing else is written to the side buffer while a run is open.
            Some(run) if run.is_side() => self.side.len() - run.of(self.source, &self.side).len(),
            Some(run) => {
                let start = self.side.len();
                self.side.push_str(run.of(self.source, ""));
                start
            }
            None => self.side.len(),
        };
        self.side.push_str(piece);
        self.run = Some(Span::side(start, self.side.len()));
    }

    /// Ends the current run of text.
    fn flush(&mut self) {
        let Some(run) = self.run.take().filter(|run| !run.is_empty()) else {
            return;
        };
        self.nodes.push(Node {
            text: run,
            namespace: Span::default(),
            attributes: 0,
            attribute_count: 0,
            end: self.nodes.len() as u32 + 1,
            is_text: true,
        });
    }
}

const UNENDED_REFERENCE: XmlErrorKind =
    XmlErrorKind::Malformed("A reference must end with the ';' delimiter.");

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

fn normalize_line_ends(raw: &str) -> Cow<'_, str> {
    if raw.contains('\r') {
        Cow::Owned(raw.replace("\r\n", "\n").replace('\r', "\n"))
    } else {
        Cow::Borrowed(raw)
    }
}

/// What a reference stands for; `name` is what lies between `&` and `;`.
fn resolve(name: &str) -> Result<char, XmlErrorKind> {
    match name {
        "lt" => return Ok('<'),
        "gt" => return Ok('>'),
        "amp" => return Ok('&'),
        "quot" => return Ok('"'),
        "apos" => return Ok('\''),
        _ => {}
    }
    let Some(number) = name.strip_prefix('#') else {
        return Err(XmlErrorKind::UnknownEntity(name.chars().take(40).collect()));
    };
    let (digits, radix) = match number.strip_prefix('x') {
        Some(hex) => (hex, 16),
        None => (number, 10),
    };
    // `from_str_radix` would take a sign.
    if !digits.starts_with(|c: char| c.is_digit(radix)) {
        return Err(XmlErrorKind::BadCharacterReference);
    }
    u32::from_str_radix(digits, radix)
        .ok()
        .and_then(char::from_u32)
        .filter(|&c| {
            matches!(c, '\t' | '\n' | '\r' | '\u{20}'..) && !matches!(c, '\u{FFFE}' | '\u{FFFF}')
        })
        .ok_or(XmlErrorKind::BadCharacterReference)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
