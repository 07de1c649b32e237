//! The one XML door: everything in cordboard that reads XML reads it through [`parse`].
//!
//! What comes in is a small subset of XML 1.0 that real clients need: elements, attributes,
//! namespaces, text, CDATA, comments, the five entities and character references. Document types
//! and, where nothing else is said, processing instructions are refused, so nothing is ever expanded, fetched or executed.
//! Time and memory are linear in the document's length, and every [`Limits`] field is checked
//! before the thing it limits is stored. Nothing recurses.
//!
//! - `charset`: bytes to text.
//! - `reader`, `attributes`, `references`: text to the flat tree of `tree`. The tokens come from `quick-xml`; namespaces,
//!   references, limits and well-formedness beyond tokens are checked here.
//! - `write`: escaping, for the way out.

mod attributes;
mod charset;
mod error;
pub mod fuzz;
mod reader;
mod references;
mod tree;
mod write;

pub use charset::charset_of;
pub use error::{Limit, XmlError, XmlErrorKind};
pub use reader::parse;
pub use references::is_char;
pub use tree::{Attribute, Children, Document, Element};
pub use write::push_escaped;

/// How large a document may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the document as received, at most 1 GiB.
    pub bytes: usize,
    /// Elements inside one another.
    pub depth: usize,
    /// Elements in all.
    pub elements: usize,
    /// Attributes of one element, namespace declarations included.
    pub attributes_per_element: usize,
    /// Attributes in all, namespace declarations included.
    pub attributes: usize,
    /// Namespace declarations in force at one place; each costs a comparison for every element below it.
    pub namespaces: usize,
    /// Are processing instructions skipped? They are refused otherwise.
    pub instructions: bool,
}

impl Limits {
    /// For requests from anybody: 64 KiB, depth 32. [webdialer §7]
    pub const REQUEST: Self = Self {
        bytes: 64 * 1024,
        depth: 32,
        elements: 4096,
        attributes_per_element: 64,
        attributes: 8192,
        namespaces: 64,
        instructions: false,
    };

    /// For answers of a server that a client chose to ask: an application user may have thousands of devices.
    pub const ANSWER: Self = Self {
        bytes: 16 * 1024 * 1024,
        depth: 32,
        elements: 400_000,
        attributes_per_element: 64,
        attributes: 1_600_000,
        namespaces: 64,
        instructions: false,
    };
}
