//! Which sites' scripts may use the SOAP services: those on the list, without cookies. [webdialer §2]

use crate::edge::Reply;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

/// What a script may send.
const METHODS: &str = "GET, HEAD, POST, OPTIONS";
const HEADERS: &str = "Content-Type, SOAPAction";
/// Seconds that a browser may remember the answer to a preflight.
const REMEMBERED_S: &str = "600";

/// The origin of a request, if it is on the list: scheme and host in any letter case, as browsers write them in small ones.
pub(super) fn listed(headers: &HeaderMap, list: &[String]) -> Option<HeaderValue> {
    let origin = headers.get(header::ORIGIN)?;
    let text = origin.to_str().ok()?;
    let known = list.iter().any(|site| site.eq_ignore_ascii_case(text));
    known.then(|| origin.clone())
}

/// Does a browser ask whether it may send what a script wants to send?
pub(super) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to that.
pub(super) fn preflight() -> Reply {
    Reply::empty(StatusCode::NO_CONTENT)
        .with(header::ALLOW, METHODS)
        .with(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS)
        .with(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS)
        .with(header::ACCESS_CONTROL_MAX_AGE, REMEMBERED_S)
}
