//! One form for every spelling of a path.

use std::borrow::Cow;

/// Brings a path (without its query) into the form that routing knows. [webdialer §2]
///
/// Repeated slashes become one, `;name=value` goes from every segment, a slash at the end goes, and
/// escapes of letters, digits and `-._~` are undone. Other escapes stay, so the result is a legal
/// path again.
///
/// `None` refuses the path: it does not begin with a slash; it has a segment `.` or `..`, however
/// written; an escape that is none, or that hides a control character, a slash or a backslash.
pub fn normalize_path(path: &str) -> Option<Cow<'_, str>> {
    if !path.starts_with('/') {
        return None;
    }
    let plain = path.len() == 1
        || !(path.ends_with('/')
            || path.contains([';', '%', '\\'])
            || path.contains("//")
            || path.contains("/."));
    if plain {
        return Some(Cow::Borrowed(path));
    }
    let mut out = String::with_capacity(path.len());
    for segment in path.split('/') {
        let segment = segment.split(';').next().unwrap_or_default();
        if segment.is_empty() {
            continue;
        }
        out.push('/');
        let start = out.len();
        push_segment(&mut out, segment)?;
        if matches!(&out[start..], "." | "..") {
            return None;
        }
    }
    if out.is_empty() {
        out.push('/');
    }
    Some(if out == path {
        Cow::Borrowed(path)
    } else {
        Cow::Owned(out)
    })
}

fn push_segment(out: &mut String, segment: &str) -> Option<()> {
    let mut rest = segment;
    while let Some(at) = rest.find(['%', '\\']) {
        let escape = rest[at..].strip_prefix('%')?;
        let code = escape
            .get(..2)
            .filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|hex| u8::from_str_radix(hex, 16).ok())?;
        out.push_str(&rest[..at]);
        match code {
            0..0x20 | 0x7F | b'/' | b'\\' => return None,
            _ if code.is_ascii_alphanumeric() || matches!(code, b'-' | b'.' | b'_' | b'~') => {
                out.push(char::from(code));
            }
            _ => out.push_str(&rest[at..at + 3]),
        }
        rest = &escape[2..];
    }
    out.push_str(rest);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_path_becomes_one() {
        let same = "/webdialer/services/WebdialerSoapService70";
        for spelling in [
            same,
            "//webdialer/services/WebdialerSoapService70",
            "/webdialer///services//WebdialerSoapService70//",
            "/webdialer/services/WebdialerSoapService70/",
            "/webdialer;jsessionid=1/services;a;b=c/WebdialerSoapService70;jsessionid=AB12",
            "/webdialer/services/%57ebdialer%53oapService70",
            "/;x/webdialer/services/WebdialerSoapService70",
        ] {
            assert_eq!(
                normalize_path(spelling).as_deref(),
                Some(same),
                "{spelling}"
            );
        }
        assert!(matches!(normalize_path(same), Some(Cow::Borrowed(_))));
        assert_eq!(normalize_path("/").as_deref(), Some("/"));
        assert_eq!(normalize_path("///").as_deref(), Some("/"));
        assert_eq!(
            normalize_path("/a%20b/%C3%BC").as_deref(),
            Some("/a%20b/%C3%BC")
        );
        assert_eq!(
            normalize_path("/.well-known/a.b").as_deref(),
            Some("/.well-known/a.b")
        );
    }

    #[test]
    fn a_path_that_hides_something_is_refused() {
        for path in [
            "",
            "*",
            "a/b",
            "http://host/a",
            "/a/../b",
            "/./a",
            "/a/..",
            "/%2e%2E/a",
            "/a/.%2e;x",
            "/a%00b",
            "/a%2Fb",
            "/a%5cb",
            "/a\\b",
            "/a%0d%0a",
            "/a%",
            "/a%4",
            "/a%zz",
            "/a%u0041",
            "/%+1",
            "/..;x/a",
        ] {
            assert_eq!(normalize_path(path), None, "{path}");
        }
    }
}
