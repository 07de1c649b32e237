//! Where a request to dial comes from, and whether it may dial at once. Pure.
//!
//! A browser sends a user's cookie along with what other sites make it send. So a cookie alone never dials from another
//! site: the dial page, filled in, asks first.

use http::{HeaderMap, Method, header};

/// What becomes of a request to dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It dials.
    Dials,
    /// The dial page asks whether to.
    Asks,
}

/// Where a browser says that a request comes from.
const SITE: &str = "sec-fetch-site";

/// What is trusted beyond the rules.
#[derive(Clone, Copy, Debug)]
pub struct Trust<'a> {
    /// Sites whose links and forms dial at once, as `https://host`.
    pub origins: &'a [String],
    /// Does a GET dial that does not say where it comes from?
    pub headerless_get: bool,
}

/// May it dial by the cookie it brings? An application that brings its own password is not asked about.
pub fn judge(method: &Method, headers: &HeaderMap, trust: Trust<'_>) -> Verdict {
    if is_a_guess(headers) || *method == Method::HEAD {
        return Verdict::Asks;
    }
    if comes_from_trusted(headers, trust.origins) {
        return Verdict::Dials;
    }
    let post = *method == Method::POST;
    // No page can forge what the browser says itself, and no proxy in front changes it.
    let dials = match text(headers, SITE) {
        Some("same-origin") => true,
        Some("none") => post || text(headers, "sec-fetch-user") == Some("?1"),
        Some(_) => false,
        None if is_foreign(headers) => false,
        // A script sends none of it.
        None => post || trust.headerless_get,
    };
    if dials { Verdict::Dials } else { Verdict::Asks }
}

/// Did another site cause it? `false` also where nothing says so.
pub fn is_from_elsewhere(headers: &HeaderMap, trusted: &[String]) -> bool {
    if comes_from_trusted(headers, trusted) {
        return false;
    }
    match text(headers, SITE) {
        Some(site) => !matches!(site, "same-origin" | "none"),
        None => is_foreign(headers),
    }
}

/// Does it name another site, trusted or not?
pub fn names_another(headers: &HeaderMap) -> bool {
    is_from_elsewhere(headers, &[])
}

/// Does a browser that tells where its requests come from send it?
pub fn is_browser(headers: &HeaderMap) -> bool {
    headers.contains_key(SITE)
}

/// Does a browser load it before anybody asked for it? Then nobody may ever see the page.
pub fn is_a_guess(headers: &HeaderMap) -> bool {
    let said = ["sec-purpose", "purpose"].map(|name| text(headers, name).unwrap_or_default());
    said.iter().any(|purpose| {
        let purpose = purpose.to_ascii_lowercase();
        purpose.contains("prefetch") || purpose.contains("prerender")
    })
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap_or(""))
}

/// The site that a browser names: of a form in `Origin`, of a link in `Referer`. No page can forge either.
fn named(headers: &HeaderMap) -> Option<&str> {
    let name = match headers.contains_key(header::ORIGIN) {
        true => header::ORIGIN,
        false => header::REFERER,
    };
    headers.get(name).map(|value| value.to_str().unwrap_or(""))
}

fn comes_from_trusted(headers: &HeaderMap, origins: &[String]) -> bool {
    let Some(named) = named(headers) else {
        return false;
    };
    origins.iter().any(|origin| {
        let rest = named
            .get(origin.len()..)
            .filter(|_| named.as_bytes()[..origin.len()].eq_ignore_ascii_case(origin.as_bytes()));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// Does it name a site that is not this one? The scheme is left out: a proxy in front may have taken TLS off.
fn is_foreign(headers: &HeaderMap) -> bool {
    let Some(named) = named(headers) else {
        return false;
    };
    let host = headers.get(header::HOST).and_then(|h| h.to_str().ok());
    let authority = named.split_once("://").map(|(_, rest)| {
        let end = rest.find('/').unwrap_or(rest.len());
        &rest[..end]
    });
    match (authority, host) {
        (Some(authority), Some(host)) => !authority.eq_ignore_ascii_case(host),
        // `Origin: null`, or what is no site at all.
        (None, _) | (_, None) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Verdict::{Asks, Dials};
    use http::{HeaderName, HeaderValue};

    fn judged(method: Method, sent: &[(&str, &str)], trusting: bool) -> Verdict {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("pbx:8443"));
        for (name, value) in sent {
            let name: HeaderName = name.parse().unwrap();
            headers.insert(name, value.parse().unwrap());
        }
        let origins = ["https://intranet.example.com".to_owned()];
        let trust = Trust {
            origins: if trusting { &origins } else { &[] },
            headerless_get: trusting,
        };
        judge(&method, &headers, trust)
    }

    #[test]
    fn a_cookie_alone_never_dials_from_another_site() {
        for (sent, post, get) in [
            (&[][..], Dials, Asks),
            (&[(SITE, "cross-site")], Asks, Asks),
            (&[(SITE, "same-site")], Asks, Asks),
            (&[(SITE, "same-origin")], Dials, Dials),
            (&[(SITE, "none")], Dials, Asks),
            (&[(SITE, "none"), ("sec-fetch-user", "?1")], Dials, Dials),
            (
                &[(SITE, "cross-site"), ("sec-fetch-user", "?1")],
                Asks,
                Asks,
            ),
            (&[(SITE, "odd")], Asks, Asks),
            (&[("origin", "https://pbx:8443")], Dials, Asks),
            (
                &[("origin", "https://PBX:8443"), (SITE, "same-origin")],
                Dials,
                Dials,
            ),
            (&[("origin", "https://pbx")], Asks, Asks),
            (&[("origin", "https://evil.example")], Asks, Asks),
            (
                // A proxy in front asks for this host by another name.
                &[("origin", "https://pbx.example.com"), (SITE, "same-origin")],
                Dials,
                Dials,
            ),
            (
                &[("origin", "https://pbx:8443"), (SITE, "cross-site")],
                Asks,
                Asks,
            ),
            (
                &[(SITE, "same-origin"), ("sec-purpose", "prefetch")],
                Asks,
                Asks,
            ),
            (
                &[
                    (SITE, "none"),
                    ("sec-fetch-user", "?1"),
                    ("sec-purpose", "prefetch;prerender"),
                ],
                Asks,
                Asks,
            ),
            (
                &[("purpose", "Prefetch"), (SITE, "same-origin")],
                Asks,
                Asks,
            ),
            (&[("origin", "null")], Asks, Asks),
            (&[("origin", "")], Asks, Asks),
            (&[("origin", "https://pbx:8443.evil.example")], Asks, Asks),
            (&[("origin", "https://pbx:8443@evil.example")], Asks, Asks),
            (&[("referer", "https://evil.example/pbx:8443")], Asks, Asks),
            (&[("origin", "https://intranet.example.com")], Asks, Asks),
        ] {
            assert_eq!(judged(Method::POST, sent, false), post, "POST {sent:?}");
            assert_eq!(judged(Method::GET, sent, false), get, "GET {sent:?}");
        }
    }

    #[test]
    fn a_trusted_site_dials_with_one_click_and_nothing_that_looks_like_it() {
        for (sent, verdict) in [
            (&[][..], Dials),
            (&[("origin", "https://intranet.example.com")][..], Dials),
            (
                &[
                    ("origin", "https://INTRANET.example.com"),
                    (SITE, "cross-site"),
                ],
                Dials,
            ),
            (
                &[
                    ("referer", "https://intranet.example.com/a?b"),
                    (SITE, "cross-site"),
                ],
                Dials,
            ),
            (
                &[
                    ("referer", "https://intranet.example.com.evil.example/"),
                    (SITE, "cross-site"),
                ],
                Asks,
            ),
            (&[("origin", "http://intranet.example.com")], Asks),
            (
                &[
                    ("origin", "https://evil.example"),
                    ("referer", "https://intranet.example.com/"),
                ],
                Asks,
            ),
            (
                &[(
                    "referer",
                    "https://evil.example/?https://intranet.example.com",
                )],
                Asks,
            ),
            (&[("referer", "https://ä")], Asks),
        ] {
            for method in [Method::GET, Method::POST] {
                assert_eq!(
                    judged(method.clone(), sent, true),
                    verdict,
                    "{method} {sent:?}"
                );
            }
        }
    }
}
