//! Tokens to tree: namespaces, references, limits.

use super::Limits;
use super::charset;
use super::error::{Limit, XmlError, XmlErrorKind};
use super::references::{UNENDED_REFERENCE, normalize_line_ends, resolve};
use super::tree::{Document, Node, RawAttribute, Span};
use quick_xml::errors::{Error as TokenError, IllFormedError, SyntaxError};
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

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
pub(super) type Refused = (usize, XmlErrorKind);

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
pub(super) struct Binding {
    pub(super) prefix: Span,
    pub(super) uri: Span,
}

/// An element whose end has not come yet.
struct Open {
    node: u32,
    /// How many bindings were in force outside it.
    bindings: u32,
}

pub(super) struct Builder<'s> {
    pub(super) source: &'s str,
    pub(super) limits: &'s Limits,
    pub(super) side: String,
    nodes: Vec<Node>,
    attributes: Vec<RawAttribute>,
    /// Attributes seen, namespace declarations included.
    pub(super) attributes_seen: usize,
    elements: usize,
    open: Vec<Open>,
    pub(super) bindings: Vec<Binding>,
    /// The run of text that is being collected: CDATA, references and comments do not end it.
    run: Option<Span>,
    /// Attributes of the element being read, before their prefixes are resolved.
    pub(super) pending: Vec<Pending>,
}

/// An attribute whose prefix is not resolved yet.
pub(super) struct Pending {
    /// The name as written.
    pub(super) name: Span,
    /// Length of the prefix.
    pub(super) prefix: Option<usize>,
    pub(super) value: Span,
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
                Event::PI(_) if self.limits.instructions => {}
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
    pub(super) fn offset(&self, token: &str) -> usize {
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

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
