//! Why a document was refused, and how Axis's parser would have said it.

use std::fmt;

/// A document that is not let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XmlError {
    /// What is wrong.
    pub kind: XmlErrorKind,
    /// Line of the place, from 1.
    pub line: u32,
    /// Character in that line, from 1.
    pub column: u32,
}

/// What is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum XmlErrorKind {
    /// Nothing at all, or white space only.
    Empty,
    /// Something other than markup before the root element.
    ContentInProlog,
    /// Something other than comments after the root element.
    ContentAfterRoot,
    /// The document ends inside an element or other markup.
    Truncated,
    /// An end tag that closes another element than the open one.
    MismatchedEndTag {
        /// Name of the open element.
        open: String,
    },
    /// Markup that is not XML.
    Malformed(&'static str),
    /// A document type declaration or a processing instruction.
    DtdOrInstruction,
    /// An entity other than the five.
    UnknownEntity(String),
    /// A character reference to nothing that XML 1.0 can carry.
    BadCharacterReference,
    /// A character that XML 1.0 cannot carry.
    BadCharacter(u32),
    /// An element whose prefix nobody declared.
    UnboundPrefix(String),
    /// The same attribute twice on one element.
    DuplicateAttribute(String),
    /// Bytes that are not in the declared charset.
    BadEncoding,
    /// A charset that is not read here.
    UnknownCharset(String),
    /// Over a limit; which one.
    Limit(Limit),
}

/// Which limit a document is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Bytes of the whole document.
    Bytes,
    /// Elements inside one another.
    Depth,
    /// Elements in all.
    Elements,
    /// Attributes of one element.
    AttributesPerElement,
    /// Attributes in all.
    Attributes,
    /// Namespace declarations in force at one place.
    Namespaces,
}

impl XmlError {
    /// The text Axis 1.4 puts into a fault for such a document. [webdialer §6.2]
    pub fn sax_text(&self) -> String {
        if self.kind == XmlErrorKind::DtdOrInstruction {
            return "org.xml.sax.SAXException: Processing instructions are not allowed within SOAP messages"
                .to_owned();
        }
        format!("org.xml.sax.SAXParseException; {self}")
    }
}

impl fmt::Display for XmlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, line, column } = self;
        write!(f, "lineNumber: {line}; columnNumber: {column}; {kind}")
    }
}

impl std::error::Error for XmlError {}

impl fmt::Display for XmlErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Premature end of file."),
            Self::ContentInProlog => f.write_str("Content is not allowed in prolog."),
            Self::ContentAfterRoot => f.write_str("Content is not allowed in trailing section."),
            Self::Truncated => {
                f.write_str("XML document structures must start and end within the same entity.")
            }
            Self::MismatchedEndTag { open } => write!(
                f,
                "The element type \"{open}\" must be terminated by the matching end-tag \"</{open}>\"."
            ),
            Self::Malformed(what) => f.write_str(what),
            Self::DtdOrInstruction => f.write_str(
                "Document type declarations and processing instructions are not allowed.",
            ),
            Self::UnknownEntity(name) => {
                write!(f, "The entity \"{name}\" was referenced, but not declared.")
            }
            Self::BadCharacterReference => {
                f.write_str("Character reference is an invalid XML character.")
            }
            Self::BadCharacter(code) => {
                write!(
                    f,
                    "An invalid XML character (Unicode: 0x{code:x}) was found in the document."
                )
            }
            Self::UnboundPrefix(name) => {
                let prefix = name.split(':').next().unwrap_or_default();
                write!(
                    f,
                    "The prefix \"{prefix}\" for element \"{name}\" is not bound."
                )
            }
            Self::DuplicateAttribute(name) => {
                write!(f, "Attribute \"{name}\" was already specified for element.")
            }
            Self::BadEncoding => f.write_str("Invalid byte sequence for the document's encoding."),
            Self::UnknownCharset(name) => write!(f, "The encoding \"{name}\" is not supported."),
            Self::Limit(Limit::Bytes) => f.write_str("The document is too long."),
            Self::Limit(Limit::Depth) => f.write_str("The document is nested too deeply."),
            Self::Limit(Limit::Elements) => f.write_str("The document has too many elements."),
            Self::Limit(Limit::AttributesPerElement | Limit::Attributes) => {
                f.write_str("The document has too many attributes.")
            }
            Self::Limit(Limit::Namespaces) => {
                f.write_str("The document declares too many namespaces.")
            }
        }
    }
}
