use super::*;
use crate::xml::Element;

fn read(text: &str) -> Document<'_> {
    parse(text.as_bytes(), None, &Limits::REQUEST).unwrap()
}

fn refusal(text: &str) -> XmlError {
    parse(text.as_bytes(), None, &Limits::REQUEST).unwrap_err()
}

fn names<'d>(element: Element<'d>) -> Vec<&'d str> {
    element.children().map(Element::name).collect()
}

#[test]
fn a_document_is_read_with_names_namespaces_attributes_and_text() {
    let document = read(
        "\u{FEFF}<?xml version=\"1.0\"?>\n<!-- hi --><s:a xmlns:s='urn:s' xmlns='urn:d' one='1' s:two=\"2\">\n <b>x</b><s:c/><d xmlns=''>y</d>\r\n</s:a>\n<!-- bye -->\n",
    );
    let root = document.root();
    assert!(root.is("urn:s", "a"));
    assert_eq!(root.attribute("one"), Some("1"));
    assert_eq!(root.attribute("two"), None);
    assert_eq!(root.attribute_in("urn:s", "two"), Some("2"));
    assert_eq!(names(root), ["b", "c", "d"]);
    assert_eq!(root.text(), "\n \n");
    let spaces: Vec<_> = root.children().map(Element::namespace).collect();
    assert_eq!(spaces, [Some("urn:d"), Some("urn:s"), None]);
    assert_eq!(root.child("d").unwrap().text(), "y");
    assert_eq!(root.descendants().count(), 4);
}

#[test]
fn declarations_end_with_their_element() {
    let document = read("<a xmlns='urn:1'><b xmlns='urn:2'><c/></b><d/><e xmlns='urn:3'/><f/></a>");
    let spaces: Vec<_> = document
        .root()
        .descendants()
        .map(|element| (element.name(), element.namespace().unwrap()))
        .collect();
    assert_eq!(
        spaces,
        [
            ("a", "urn:1"),
            ("b", "urn:2"),
            ("c", "urn:2"),
            ("d", "urn:1"),
            ("e", "urn:3"),
            ("f", "urn:1")
        ]
    );
}

#[test]
fn text_is_one_piece_whatever_it_was_written_as() {
    let document = read(
        "<a>1 &amp; <![CDATA[<2> &amp; ]]><!-- not this -->&#51;&#x1F600;\r\n\r&lt;<b>no</b>end</a>",
    );
    assert_eq!(document.root().text(), "1 & <2> &amp; 3\u{1F600}\n\n<end");
    assert_eq!(read("<a><![CDATA[]]></a>").root().text(), "");
    assert_eq!(read("<a>a]]&gt;b</a>").root().text(), "a]]>b");
}

#[test]
fn attribute_values_are_unescaped_and_their_white_space_is_spaces() {
    let document = read("<a b='&lt;&quot;&#x41;\r\n\tx' c=\"'\"\n d = '' />");
    let root = document.root();
    assert_eq!(root.attribute("b"), Some("<\"A  x"));
    assert_eq!(root.attribute("c"), Some("'"));
    assert_eq!(root.attribute("d"), Some(""));
}

#[test]
fn an_undeclared_prefix_is_refused_on_an_element_and_harmless_elsewhere() {
    // SOAP::Lite names `urn:Credential` as a type without declaring `urn`. [webdialer §7]
    let document = read("<a xsi:type='urn:Credential' id='1' wsu:id='2'/>");
    assert_eq!(document.root().attribute("type"), None);
    assert_eq!(document.root().attribute("id"), Some("1"));
    assert_eq!(document.root().attributes().count(), 3);
    let error = refusal("<a>\n <x:b/></a>");
    assert_eq!((error.line, error.column), (2, 3));
    assert_eq!(
        error.kind.to_string(),
        "The prefix \"x\" for element \"x:b\" is not bound."
    );
}

#[test]
fn refusals_say_where_and_why_as_the_original_does() {
    const SAX: &str = "org.xml.sax.SAXParseException; lineNumber: ";
    let table = [
        ("", "1; columnNumber: 1; Premature end of file."),
        (
            "hello",
            "1; columnNumber: 1; Content is not allowed in prolog.",
        ),
        (
            "\n x<a/>",
            "2; columnNumber: 2; Content is not allowed in prolog.",
        ),
        (
            "&amp;<a/>",
            "1; columnNumber: 1; Content is not allowed in prolog.",
        ),
        (
            "<![CDATA[x]]><a/>",
            "1; columnNumber: 1; Content is not allowed in prolog.",
        ),
        (
            "<a/>x",
            "1; columnNumber: 5; Content is not allowed in trailing section.",
        ),
        (
            "<a/><b/>",
            "1; columnNumber: 6; Content is not allowed in trailing section.",
        ),
        (
            "<a><b>",
            "1; columnNumber: 7; XML document structures must start and end within the same entity.",
        ),
        (
            "<a",
            "1; columnNumber: 3; XML document structures must start and end within the same entity.",
        ),
        (
            "<a b='",
            "1; columnNumber: 7; XML document structures must start and end within the same entity.",
        ),
        (
            "<a>é</b>",
            "1; columnNumber: 5; The element type \"a\" must be terminated by the matching end-tag \"</a>\".",
        ),
        (
            "<a>&nope;</a>",
            "1; columnNumber: 4; The entity \"nope\" was referenced, but not declared.",
        ),
        (
            "<a>&#0;</a>",
            "1; columnNumber: 4; Character reference is an invalid XML character.",
        ),
        (
            "<a>&#xD800;</a>",
            "1; columnNumber: 4; Character reference is an invalid XML character.",
        ),
        (
            "<a>&#+65;</a>",
            "1; columnNumber: 4; Character reference is an invalid XML character.",
        ),
        (
            "<a>\u{1}</a>",
            "1; columnNumber: 4; An invalid XML character (Unicode: 0x1) was found in the document.",
        ),
        (
            "<a>\u{FFFF}</a>",
            "1; columnNumber: 4; An invalid XML character (Unicode: 0xffff) was found in the document.",
        ),
        (
            "<a b='1' b='2'/>",
            "1; columnNumber: 10; Attribute \"b\" was already specified for element.",
        ),
        (
            "<a xmlns='1' xmlns='2'/>",
            "1; columnNumber: 14; Attribute \"xmlns\" was already specified for element.",
        ),
        (
            "<a b='<'/>",
            "1; columnNumber: 7; The value of an attribute must not contain the '<' character.",
        ),
        (
            "<a b/>",
            "1; columnNumber: 4; Attribute name must be followed by the '=' character.",
        ),
        (
            "<a b=1/>",
            "1; columnNumber: 4; Open quote is expected for an attribute.",
        ),
        (
            "<a b='1'c='2'/>",
            "1; columnNumber: 9; White space is required between attributes.",
        ),
        (
            "<a>&amp</a>",
            "1; columnNumber: 4; A reference must end with the ';' delimiter.",
        ),
        ("<1/>", "1; columnNumber: 2; A name is not an XML name."),
        ("<a:b:c/>", "1; columnNumber: 2; A name is not an XML name."),
        ("</a>", "1; columnNumber: 1; An end tag has no start tag."),
    ];
    for (text, expected) in table {
        assert_eq!(
            refusal(text).sax_text(),
            format!("{SAX}{expected}"),
            "{text:?}"
        );
    }
}

#[test]
fn document_types_and_instructions_are_refused_wherever_they_stand() {
    let bomb = "<!DOCTYPE a [<!ENTITY x \"xxxxxxxxxx\"><!ENTITY y \"&x;&x;&x;&x;\">]><a>&y;</a>";
    for text in [
        bomb,
        "<!DOCTYPE a><a/>",
        "<!doctype a><a/>",
        "<!DOCTYPE a [",
        "<?php x ?><a/>",
        "<a><?x?></a>",
        "<a/><?x y?>",
        " <?xml version='1.0'?><a/>",
        "<a><?xml version='1.0'?></a>",
    ] {
        let error = refusal(text);
        assert_eq!(error.kind, XmlErrorKind::DtdOrInstruction, "{text}");
        assert_eq!(
            error.sax_text(),
            "org.xml.sax.SAXException: Processing instructions are not allowed within SOAP messages"
        );
    }
}

#[test]
fn every_limit_holds_at_its_edge() {
    let limits = Limits {
        instructions: false,
        bytes: 300,
        depth: 3,
        elements: 5,
        attributes_per_element: 2,
        attributes: 4,
        namespaces: 2,
    };
    let over = |text: &str| match parse(text.as_bytes(), None, &limits) {
        Ok(_) => None,
        Err(error) => Some(error.kind),
    };
    let limit = |limit| Some(XmlErrorKind::Limit(limit));
    assert_eq!(over(&format!("<a>{}</a>", "x".repeat(293))), None);
    assert_eq!(
        over(&format!("<a>{}</a>", "x".repeat(294))),
        limit(Limit::Bytes)
    );
    assert_eq!(over("<a><b><c/></b></a>"), None);
    assert_eq!(over("<a><b><c><d/></c></b></a>"), limit(Limit::Depth));
    assert_eq!(over("<a><b/><b/><b/><b/></a>"), None);
    assert_eq!(over("<a><b/><b/><b/><b/><b/></a>"), limit(Limit::Elements));
    assert_eq!(over("<a b='' c=''/>"), None);
    assert_eq!(
        over("<a b='' c='' d=''/>"),
        limit(Limit::AttributesPerElement)
    );
    assert_eq!(over("<a b='' c=''><b b='' c=''/></a>"), None);
    assert_eq!(
        over("<a b='' c=''><b b='' c=''/><c d=''/></a>"),
        limit(Limit::Attributes)
    );
    assert_eq!(
        over("<a xmlns:b='1'><c xmlns:d='1'/><c xmlns:d='1'/></a>"),
        None
    );
    assert_eq!(
        over("<a xmlns:b='1'><c xmlns:d='1'><e xmlns:f='2'/></c></a>"),
        limit(Limit::Namespaces)
    );
}

#[test]
fn a_deep_or_wide_document_is_refused_without_using_the_stack() {
    let deep = Limits {
        instructions: false,
        bytes: 1 << 24,
        ..Limits::REQUEST
    };
    let text = "<a>".repeat(1_000_000);
    let error = parse(text.as_bytes(), None, &deep).unwrap_err();
    assert_eq!(error.kind, XmlErrorKind::Limit(Limit::Depth));
    assert_eq!(error.column, 98);
    let wide = format!("<a {}/>", "b='' ".repeat(1_000_000));
    let error = parse(wide.as_bytes(), None, &deep).unwrap_err();
    assert!(matches!(error.kind, XmlErrorKind::DuplicateAttribute(_)));
    let unlimited = Limits {
        instructions: false,
        depth: usize::MAX,
        elements: usize::MAX,
        ..deep
    };
    let text = format!("{}{}", "<a>".repeat(200_000), "</a>".repeat(200_000));
    let document = parse(text.as_bytes(), None, &unlimited).unwrap();
    assert_eq!(document.root().descendants().count(), 200_000);
}

#[test]
fn other_charsets_read_as_the_same_document() {
    let text = "<?xml version=\"1.0\" encoding=\"utf-16\"?><a>Müller €</a>";
    let units: Vec<u8> = std::iter::once(0xFEFF)
        .chain(text.encode_utf16())
        .flat_map(u16::to_be_bytes)
        .collect();
    let document = parse(&units, Some("utf-8"), &Limits::REQUEST).unwrap();
    assert_eq!(document.root().text(), "Müller €");
    let error = parse(b"<a>\n M\xFCller</a>", None, &Limits::REQUEST).unwrap_err();
    assert_eq!(error.kind, XmlErrorKind::BadEncoding);
    assert_eq!((error.line, error.column), (2, 3));
    let document = parse(
        b"<a>M\xFCller \x80</a>",
        Some("iso-8859-1"),
        &Limits::REQUEST,
    )
    .unwrap();
    assert_eq!(document.root().text(), "Müller €");
    let error = parse(b"+ADw-a/+AD4-", Some("utf-7"), &Limits::REQUEST).unwrap_err();
    assert_eq!(error.kind, XmlErrorKind::UnknownCharset("utf-7".to_owned()));
}
