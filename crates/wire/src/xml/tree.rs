//! A document as one flat list of nodes in document order, with spans instead of strings.

use std::borrow::Cow;

/// A piece of text: where it lies, in the source or in the side buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    /// Byte offset; the top bit says: in the side buffer.
    start: u32,
    len: u32,
}

const SIDE: u32 = 1 << 31;

impl Span {
    pub(super) fn source(start: usize, end: usize) -> Self {
        Self {
            start: start as u32,
            len: (end - start) as u32,
        }
    }

    pub(super) fn side(start: usize, end: usize) -> Self {
        Self {
            start: start as u32 | SIDE,
            len: (end - start) as u32,
        }
    }

    pub(super) fn is_empty(self) -> bool {
        self.len == 0
    }

    pub(super) fn is_side(self) -> bool {
        self.start & SIDE != 0
    }

    pub(super) fn of<'t>(self, source: &'t str, side: &'t str) -> &'t str {
        let start = (self.start & !SIDE) as usize;
        let buffer = if self.is_side() { side } else { source };
        &buffer[start..start + self.len as usize]
    }
}

/// An element or a run of text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    /// Local name, or the text.
    pub(super) text: Span,
    /// Namespace URI; empty for none.
    pub(super) namespace: Span,
    /// First of its attributes.
    pub(super) attributes: u32,
    /// How many attributes.
    pub(super) attribute_count: u32,
    /// Index of the first node after this one and everything in it.
    pub(super) end: u32,
    pub(super) is_text: bool,
}

/// An attribute other than a namespace declaration.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawAttribute {
    pub(super) name: Span,
    pub(super) namespace: Span,
    pub(super) value: Span,
    pub(super) prefixed: bool,
}

/// A parsed document. Borrows the bytes it was read from when they were UTF-8.
#[derive(Debug)]
pub struct Document<'a> {
    pub(super) source: Cow<'a, str>,
    /// Texts and attribute values that differ from the source: references resolved, pieces joined.
    pub(super) side: String,
    /// In document order; the first is the root element.
    pub(super) nodes: Vec<Node>,
    pub(super) attributes: Vec<RawAttribute>,
}

impl Document<'_> {
    /// The root element.
    pub fn root(&self) -> Element<'_> {
        Element {
            document: self,
            index: 0,
        }
    }

    /// Bytes of the document as text: a measure for budgets.
    pub fn len(&self) -> usize {
        self.source.len()
    }

    /// Never true: a document has a root element.
    pub fn is_empty(&self) -> bool {
        self.source.is_empty()
    }

    fn resolve(&self, span: Span) -> &str {
        span.of(&self.source, &self.side)
    }
}

/// An element of a [`Document`]: a cheap handle.
#[derive(Clone, Copy, Debug)]
pub struct Element<'d> {
    document: &'d Document<'d>,
    index: u32,
}

impl<'d> Element<'d> {
    fn node(self) -> &'d Node {
        &self.document.nodes[self.index as usize]
    }

    /// The name without its prefix.
    pub fn name(self) -> &'d str {
        self.document.resolve(self.node().text)
    }

    /// The namespace URI, if it is in one.
    pub fn namespace(self) -> Option<&'d str> {
        let uri = self.document.resolve(self.node().namespace);
        (!uri.is_empty()).then_some(uri)
    }

    /// Whether it has this namespace and local name.
    pub fn is(self, namespace: &str, name: &str) -> bool {
        self.name() == name && self.namespace() == Some(namespace)
    }

    /// Its attributes in order, without the namespace declarations.
    pub fn attributes(self) -> impl Iterator<Item = Attribute<'d>> {
        let document = self.document;
        let node = self.node();
        let first = node.attributes as usize;
        document.attributes[first..first + node.attribute_count as usize]
            .iter()
            .map(move |raw| {
                let uri = document.resolve(raw.namespace);
                Attribute {
                    name: document.resolve(raw.name),
                    namespace: (!uri.is_empty()).then_some(uri),
                    value: document.resolve(raw.value),
                    prefixed: raw.prefixed,
                }
            })
    }

    /// The value of an attribute that was written without a prefix.
    pub fn attribute(self, name: &str) -> Option<&'d str> {
        self.attributes()
            .find(|attribute| attribute.name == name && !attribute.prefixed)
            .map(|attribute| attribute.value)
    }

    /// The value of an attribute in a namespace.
    pub fn attribute_in(self, namespace: &str, name: &str) -> Option<&'d str> {
        self.attributes()
            .find(|attribute| attribute.name == name && attribute.namespace == Some(namespace))
            .map(|attribute| attribute.value)
    }

    /// The elements directly inside, in order.
    pub fn children(self) -> Children<'d> {
        Children {
            document: self.document,
            next: self.index + 1,
            end: self.node().end,
        }
    }

    /// The first element directly inside that has this local name.
    pub fn child(self, name: &str) -> Option<Self> {
        self.children().find(|child| child.name() == name)
    }

    /// The element and every element inside it, in document order.
    pub fn descendants(self) -> impl Iterator<Item = Self> {
        let document = self.document;
        (self.index..self.node().end)
            .filter(move |&index| !document.nodes[index as usize].is_text)
            .map(move |index| Self { document, index })
    }

    /// The text directly inside: references resolved, CDATA joined, comments skipped, elements left out.
    pub fn text(self) -> Cow<'d, str> {
        let mut text = Cow::Borrowed("");
        let mut at = self.index + 1;
        let end = self.node().end;
        while at < end {
            let node = &self.document.nodes[at as usize];
            if node.is_text {
                let piece = self.document.resolve(node.text);
                if text.is_empty() {
                    text = Cow::Borrowed(piece);
                } else {
                    text.to_mut().push_str(piece);
                }
            }
            at = node.end;
        }
        text
    }

    /// Position in document order; tells two elements of one document apart.
    pub fn index(self) -> usize {
        self.index as usize
    }
}

/// An attribute of an [`Element`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'d> {
    /// The name without its prefix.
    pub name: &'d str,
    /// The namespace URI; `None` also when the prefix was never declared.
    pub namespace: Option<&'d str>,
    /// The value, references resolved.
    pub value: &'d str,
    /// Whether the name was written with a prefix.
    pub prefixed: bool,
}

/// The elements directly inside an element.
#[derive(Clone, Debug)]
pub struct Children<'d> {
    document: &'d Document<'d>,
    next: u32,
    end: u32,
}

impl<'d> Iterator for Children<'d> {
    type Item = Element<'d>;

    fn next(&mut self) -> Option<Element<'d>> {
        while self.next < self.end {
            let index = self.next;
            let node = &self.document.nodes[index as usize];
            self.next = node.end;
            if !node.is_text {
                return Some(Element {
                    document: self.document,
                    index,
                });
            }
        }
        None
    }
}
