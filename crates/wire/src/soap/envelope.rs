//! Envelopes, and the references inside them.

use super::{ENCODING_NS, ENVELOPE_NS, Fault, FaultCode};
use crate::xml::{Children, Document, Element};
use std::borrow::Cow;
use std::cell::{Cell, OnceCell};

/// A SOAP message that has been opened: its operation, and the way from `href` to `id`.
///
/// Reading goes through [`text`](Self::text), [`children`](Self::children) and
/// [`resolve`](Self::resolve), which follow references and share one budget proportional to the
/// message's length. A message built to be read many times over runs out of it; from then on
/// everything reads as absent.
#[derive(Debug)]
pub struct Envelope<'d> {
    header: Option<Element<'d>>,
    body: Element<'d>,
    operation: Element<'d>,
    /// Elements under Body that have an `id`, sorted by it; made when the first `href` is met.
    ids: OnceCell<Vec<(&'d str, Element<'d>)>>,
    budget: Cell<usize>,
}

/// A reference to a reference to a reference… ends here; nobody writes more than one step.
const LONGEST_CHAIN: usize = 8;

impl<'d> Envelope<'d> {
    /// Opens a request: a SOAP 1.1 envelope, nothing else. [webdialer §6.2]
    ///
    /// # Errors
    /// The fault to answer with: another envelope version, a root that is no envelope, an empty Body,
    /// a header that insists on being understood.
    pub fn open_request(document: &'d Document<'d>) -> Result<Self, Fault> {
        let root = document.root();
        if root.name() != "Envelope" {
            return Err(Fault::new(
                FaultCode::UserException,
                format!(
                    "org.xml.sax.SAXException: Bad envelope tag:  {}",
                    root.name()
                ),
            ));
        }
        if root.namespace() != Some(ENVELOPE_NS) {
            return Err(Fault::new(FaultCode::VersionMismatch, "Version Mismatch"));
        }
        let envelope = Self::open(document).ok_or_else(Fault::body_not_found)?;
        envelope.check_header()?;
        Ok(envelope)
    }

    /// Opens an answer: any envelope with something in its Body, whatever its namespace. [webdialer §12]
    pub fn open_answer(document: &'d Document<'d>) -> Option<Self> {
        (document.root().name() == "Envelope")
            .then(|| Self::open(document))
            .flatten()
    }

    fn open(document: &'d Document<'d>) -> Option<Self> {
        let root = document.root();
        let body = root.child("Body")?;
        // What others refer to may stand before the operation. [webdialer §7]
        let operation = body.children().find(|child| {
            child.attribute("id").is_none() && child.attribute_in(ENCODING_NS, "root") != Some("0")
        })?;
        Some(Self {
            header: root.child("Header"),
            body,
            operation,
            ids: OnceCell::new(),
            budget: Cell::new(document.len() * 4 + 1024),
        })
    }

    /// Refuses headers addressed to us that must be understood: we understand none.
    fn check_header(&self) -> Result<(), Fault> {
        let mut wanted = String::new();
        for block in self.header.into_iter().flat_map(Element::children) {
            let insists = block
                .attribute_in(ENVELOPE_NS, "mustUnderstand")
                .is_some_and(|value| matches!(value.trim(), "1" | "true"));
            let for_us = block
                .attribute_in(ENVELOPE_NS, "actor")
                .is_none_or(|actor| matches!(actor.trim(), "" | NEXT_ACTOR));
            if insists && for_us {
                if !wanted.is_empty() {
                    wanted.push_str(", ");
                }
                if let Some(namespace) = block.namespace() {
                    wanted.push('{');
                    wanted.push_str(namespace);
                    wanted.push('}');
                }
                wanted.push_str(block.name());
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        Err(Fault::new(
            FaultCode::MustUnderstand,
            format!("Did not understand \"MustUnderstand\" header(s):{wanted}"),
        ))
    }

    /// The operation: the first child of Body that nothing refers to.
    pub fn operation(&self) -> Element<'d> {
        self.operation
    }

    /// The element itself, or the one it refers to by `href="#id"`.
    ///
    /// `None` for an id that does not exist, a circle, a reference to another document, or when the
    /// budget is spent.
    pub fn resolve(&self, element: Element<'d>) -> Option<Element<'d>> {
        let mut at = element;
        for _ in 0..LONGEST_CHAIN {
            self.spend(1)?;
            let Some(href) = at.attribute("href") else {
                return Some(at);
            };
            let id = href.trim().strip_prefix('#')?;
            let ids = self.ids.get_or_init(|| self.collect_ids());
            let first = ids.partition_point(|(other, _)| *other < id);
            at = ids
                .get(first)
                .filter(|(other, _)| *other == id)
                .map(|(_, element)| *element)?;
        }
        None
    }

    /// The text of an element or of what it refers to; `None` when that is nil or absent.
    pub fn text(&self, element: Element<'d>) -> Option<Cow<'d, str>> {
        let element = self.resolve(element)?;
        if is_nil(element) {
            return None;
        }
        let text = element.text();
        self.spend(text.len())?;
        Some(text)
    }

    /// The children of an element or of what it refers to, themselves not resolved yet.
    ///
    /// Empty when the element is nil or absent.
    pub fn children(&self, element: Element<'d>) -> EnvelopeChildren<'_, 'd> {
        let inner = self
            .resolve(element)
            .filter(|element| !is_nil(*element))
            .map(Element::children);
        EnvelopeChildren {
            envelope: self,
            inner,
        }
    }

    fn collect_ids(&self) -> Vec<(&'d str, Element<'d>)> {
        let mut ids: Vec<_> = self
            .body
            .descendants()
            .filter_map(|element| Some((element.attribute("id")?, element)))
            .collect();
        // Stable, so that of two elements with one id the first is found.
        ids.sort_by_key(|(id, _)| *id);
        ids
    }

    fn spend(&self, cost: usize) -> Option<()> {
        match self.budget.get().checked_sub(cost) {
            Some(rest) => {
                self.budget.set(rest);
                Some(())
            }
            None => {
                self.budget.set(0);
                None
            }
        }
    }
}

const NEXT_ACTOR: &str = "http://schemas.xmlsoap.org/soap/actor/next";

/// The children that [`Envelope::children`] gives.
#[derive(Debug)]
pub struct EnvelopeChildren<'e, 'd> {
    envelope: &'e Envelope<'d>,
    inner: Option<Children<'d>>,
}

impl<'d> Iterator for EnvelopeChildren<'_, 'd> {
    type Item = Element<'d>;

    fn next(&mut self) -> Option<Element<'d>> {
        let child = self.inner.as_mut()?.next()?;
        self.envelope.spend(1)?;
        Some(child)
    }
}

/// Whether an element says that it is nil. The attribute's prefix may be undeclared. [webdialer §7]
fn is_nil(element: Element<'_>) -> bool {
    element.attributes().any(|attribute| {
        attribute.prefixed
            && matches!(attribute.name, "nil" | "null")
            && matches!(attribute.value.trim(), "true" | "1")
    })
}
