//! What the journal shows of requests to the API and their answers: both bodies, secrets masked. [lab, Journal]

use crate::edge::CALL_HEADER;
use crate::journal::{MASK, Notes, is_secret};
use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};

/// A longer body is not looked into; its size is noted.
const LONGEST: usize = 16 * 1024;

/// Where whoever reads the body of a request puts what may be shown of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked(Arc<Mutex<Option<String>>>);

impl Asked {
    /// Keeps what may be shown of a request's body.
    pub(super) fn keep(&self, body: &[u8]) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(shown(body));
    }

    fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Notes what a request asked and what it was answered.
pub(super) async fn note(mut request: Request, next: Next) -> Response {
    let asked = Asked::default();
    request.extensions_mut().insert(asked.clone());
    let (mut parts, body) = next.run(request).await.into_parts();
    let mut notes = Notes::default()
        .maybe("call", text(&parts.headers, CALL_HEADER))
        .maybe("request", asked.take());
    let kind = text(&parts.headers, header::CONTENT_TYPE.as_str()).unwrap_or_default();
    let size = body.size_hint().exact().filter(|size| *size > 0);
    // A stream has no size. What has one is there already, so that taking it out waits for nothing.
    let body = match size {
        Some(_) if kind.ends_with("json") => {
            // What is in memory can always be read.
            let bytes = body.collect().await.unwrap_or_default().to_bytes();
            notes = notes.field("answer", shown(&bytes));
            Body::from(bytes)
        }
        Some(size) => {
            notes = notes.field("answer", format!("{size} bytes of {kind}"));
            body
        }
        None => body,
    };
    parts.extensions.insert(notes);
    Response::from_parts(parts, body)
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

/// A JSON text without its secrets.
fn shown(body: &[u8]) -> String {
    if body.len() > LONGEST {
        return format!("{} bytes", body.len());
    }
    match serde_json::from_slice(body) {
        Ok(mut value) => {
            mask(&mut value, false);
            value.to_string()
        }
        // What cannot be read may have a secret anywhere.
        Err(_) => format!("{} bytes that are no JSON", body.len()),
    }
}

/// Masks what stands under a name that may be a secret's, `secret` saying whether this does.
fn mask(value: &mut Value, secret: bool) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                mask(value, is_secret(name));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| mask(item, secret)),
        Value::String(_) | Value::Number(_) if secret => *value = Value::from(MASK),
        Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_wherever_they_stand_and_nothing_else_is() {
        for (body, noted) in [
            (
                r#"{"id":"ann","password":"s3cret","pin":12345}"#,
                r#"{"id":"ann","password":"•••","pin":"•••"}"#,
            ),
            (
                r#"{"users":[{"pin_hash":"s3cret","devices":["SEPA"]}]}"#,
                r#"{"users":[{"devices":["SEPA"],"pin_hash":"•••"}]}"#,
            ),
            (
                r#"{"tokens":[{"id":"a1","token":"s3cret"}],"secrets":["s3cret"]}"#,
                r#"{"secrets":["•••"],"tokens":[{"id":"a1","token":"•••"}]}"#,
            ),
            (r#"{"password": s3cret"#, "19 bytes that are no JSON"),
        ] {
            let expected: Result<Value, _> = serde_json::from_str(noted);
            match expected {
                Ok(expected) => {
                    let is: Value = serde_json::from_str(&shown(body.as_bytes())).unwrap();
                    assert_eq!(is, expected);
                }
                Err(_) => assert_eq!(shown(body.as_bytes()), noted),
            }
        }
        assert_eq!(shown(&[b' '; LONGEST + 1]), "16385 bytes");
    }
}
