//! Where a request has its document: the field `xml` of the query, of a form, or of a form of several parts. [mobility §2.3]

use bytes::Bytes;
use cordboard_wire::mobility::{form_field, text_of};
use multer::Multipart;

/// The field's name, in small letters only.
const FIELD: &str = "xml";

/// The document of a request: the query's before the body's, and of each the first. With `raw_xml`, a body of XML is the
/// document when there is no field.
pub(super) async fn document(
    query: Option<&str>,
    content_type: Option<&str>,
    body: Bytes,
    raw_xml: bool,
) -> Option<String> {
    if let Some(found) = form_field(query.unwrap_or_default().as_bytes(), FIELD) {
        return Some(found);
    }
    let Some(content_type) = content_type else {
        return form_field(&body, FIELD);
    };
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    match media_type.to_ascii_lowercase().as_str() {
        "" | "application/x-www-form-urlencoded" => form_field(&body, FIELD),
        "multipart/form-data" => part(content_type, body).await,
        "text/xml" | "application/xml" if raw_xml => Some(text_of(&body)),
        _ => None,
    }
}

/// The text of the part of that name, whatever else the part says of itself but its charset.
async fn part(content_type: &str, body: Bytes) -> Option<String> {
    let boundary = multer::parse_boundary(content_type).ok()?;
    let whole = futures_util::stream::iter([Ok::<_, std::io::Error>(body)]);
    let mut parts = Multipart::new(whole, boundary);
    while let Some(part) = parts.next_field().await.ok()? {
        if part.name() != Some(FIELD) {
            continue;
        }
        let charset = part.content_type().and_then(|t| t.get_param("charset"));
        let encoding =
            charset.and_then(|c| encoding_rs::Encoding::for_label(c.as_str().as_bytes()));
        let bytes = part.bytes().await.ok()?;
        return Some(match encoding {
            Some(encoding) => encoding.decode(&bytes).0.into_owned(),
            None => text_of(&bytes),
        });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn found(query: &str, content_type: Option<&str>, body: &str) -> Option<String> {
        let body = Bytes::copy_from_slice(body.as_bytes());
        document(Some(query), content_type, body, false).await
    }

    #[tokio::test]
    async fn the_query_comes_before_the_body_and_only_forms_are_read() {
        let form = Some("Application/X-WWW-Form-UrlEncoded; charset=utf-8");
        for (query, content_type, body, expected) in [
            ("xml=q", form, "xml=b", Some("q")),
            ("xml=", form, "xml=b", Some("")),
            ("a=q", form, "a=1&xml=b&xml=c", Some("b")),
            ("", None, "xml=b", Some("b")),
            ("", Some("text/xml"), "xml=b", None),
            ("", Some("text/plain"), "xml=b", None),
            ("", form, "XML=b", None),
        ] {
            let document = found(query, content_type, body).await;
            assert_eq!(
                document.as_deref(),
                expected,
                "{query} {content_type:?} {body}"
            );
        }
    }

    #[tokio::test]
    async fn the_part_named_xml_is_taken_with_a_file_name_a_type_or_neither() {
        let several = Some("multipart/form-data; boundary=\"x y\"");
        for headers in [
            "",
            "; filename=\"a.xml\"\r\nContent-Type: application/octet-stream",
            "\r\nContent-Type: text/xml; charset=utf-8",
        ] {
            let body = format!(
                "--x y\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\n1\r\n\
                 --x y\r\nContent-Disposition: form-data; name=\"xml\"{headers}\r\n\r\n<ä/>\r\n--x y--\r\n"
            );
            let document = found("", several, &body).await;
            assert_eq!(document.as_deref(), Some("<ä/>"), "{headers}");
            // Cut off anywhere, it is no document, or one that is cut off.
            for end in (0..body.len()).filter(|&end| body.is_char_boundary(end)) {
                let cut = found("", several, &body[..end]).await;
                assert!(cut.is_none_or(|cut| "<ä/>".starts_with(&cut)), "{end}");
            }
        }
        assert_eq!(found("", Some("multipart/form-data"), "").await, None);
    }
}
