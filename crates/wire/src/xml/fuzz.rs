//! What must hold for any bytes whatever: see [`harness`].

use super::{Document, Element, Limits, parse, push_escaped};

/// Parses `data` as a document; the first byte chooses a charset.
///
/// # Panics
/// When a promise is broken: a limit is exceeded, a tree is out of order, or a document that is
/// written out again does not read back as the same tree.
pub fn harness(data: &[u8]) {
    let Some((&choice, data)) = data.split_first() else {
        return;
    };
    let charset = match choice {
        b'1' => Some("utf-16"),
        b'2' => Some("iso-8859-1"),
        b'3' => Some("utf-7"),
        _ => None,
    };
    let limits = Limits {
        instructions: false,
        depth: 8,
        elements: 200,
        attributes_per_element: 10,
        attributes: 300,
        namespaces: 12,
        ..Limits::REQUEST
    };
    let document = match parse(data, charset, &limits) {
        Ok(document) => document,
        Err(error) => {
            assert!(error.line >= 1 && error.column >= 1);
            assert!(!error.sax_text().is_empty());
            return;
        }
    };
    let written = write(&document);
    let roomy = Limits {
        instructions: false,
        bytes: 1 << 24,
        attributes: 1 << 12,
        namespaces: 100,
        attributes_per_element: 100,
        ..limits
    };
    let again = parse(written.as_bytes(), None, &roomy);
    let Ok(again) = again else {
        panic!("what was written cannot be read: {again:?}\n{written}");
    };
    assert_eq!(write(&again), written, "not the same tree");
    assert!(document.root().descendants().count() <= limits.elements);
}

/// Writes a document in a form that depends on nothing but its tree.
fn write(document: &Document<'_>) -> String {
    let mut out = String::new();
    write_element(&mut out, document.root(), 1);
    out
}

fn write_element(out: &mut String, element: Element<'_>, depth: usize) {
    assert!(depth <= 8, "depth limit exceeded");
    out.push_str(&format!("<{} xmlns=\"", element.name()));
    push_escaped(out, element.namespace().unwrap_or_default());
    out.push('"');
    for (index, attribute) in element.attributes().enumerate() {
        match attribute.namespace {
            Some(uri) => {
                out.push_str(&format!(" xmlns:p{index}=\""));
                push_escaped(out, uri);
                out.push_str(&format!("\" p{index}:"));
            }
            None if attribute.prefixed => out.push_str(&format!(" unbound{index}:")),
            None => out.push(' '),
        }
        out.push_str(attribute.name);
        out.push_str("=\"");
        push_escaped(out, attribute.value);
        out.push('"');
    }
    out.push('>');
    push_escaped(out, &element.text());
    let mut last = element.index();
    for child in element.children() {
        assert!(child.index() > last, "children are in document order");
        last = child.index();
        write_element(out, child, depth + 1);
    }
    out.push_str(&format!("</{}>", element.name()));
}
