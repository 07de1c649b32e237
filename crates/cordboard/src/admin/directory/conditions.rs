//! ETags and `If-Match`. (RFC 9110 §13)

use crate::admin::problem::Problem;
use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// So many bytes of the hash are the tag.
const TAG_BYTES: usize = 16;

/// The tag of an entry: a hash of what is stored of it, secrets included, which it does not show.
pub(super) fn tag(record: &impl Serialize) -> String {
    // Records of the directory can always be written as JSON.
    let text = serde_json::to_vec(record).unwrap_or_default();
    let hash = Sha256::digest(&text);
    let hex: String = hash
        .iter()
        .take(TAG_BYTES)
        .map(|b| format!("{b:02x}"))
        .collect();
    format!("\"{hex}\"")
}

/// May what has this tag be replaced, by what the caller says he has read?
///
/// # Errors
/// 428 when he says nothing, 412 when he has read something else.
pub(super) fn may_replace(headers: &HeaderMap, current: &str) -> Result<(), Problem> {
    if headers.contains_key(header::IF_MATCH) {
        return may_change(headers, current);
    }
    Err(Problem::new(
        StatusCode::PRECONDITION_REQUIRED,
        "if-match-required",
        "If-Match is missing",
    )
    .because("read it first and send its ETag as If-Match; `*` replaces whatever is there"))
}

/// The same, where nothing needs to be said.
///
/// # Errors
/// 412 when he has read something else.
pub(super) fn may_change(headers: &HeaderMap, current: &str) -> Result<(), Problem> {
    let mut said = headers.get_all(header::IF_MATCH).iter().peekable();
    if said.peek().is_none() {
        return Ok(());
    }
    let fits = |value: &HeaderValue| {
        value.to_str().is_ok_and(|text| {
            let mut tags = text.split(',').map(str::trim);
            tags.any(|tag| tag == "*" || tag == current)
        })
    };
    if said.any(fits) {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::PRECONDITION_FAILED,
        "changed-meanwhile",
        "It was changed meanwhile",
    )
    .because(format!("its ETag is {current} now; read it again")))
}

/// An entry with its tag.
pub(super) fn tagged(status: StatusCode, shown: &impl Serialize, tag: &str) -> Response {
    let mut response = (status, Json(shown)).into_response();
    if let Ok(tag) = HeaderValue::from_str(tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// A new entry with its tag and its place.
pub(super) fn created(shown: &impl Serialize, tag: &str, folder: &str, name: &str) -> Response {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    let mut response = tagged(StatusCode::CREATED, shown, tag);
    let place = format!(
        "/api/v1/{folder}/{}",
        utf8_percent_encode(name, NON_ALPHANUMERIC)
    );
    if let Ok(place) = HeaderValue::from_str(&place) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}
