//! The body of a request: one JSON object.

use super::noted::Asked;
use super::problem::Problem;
use axum::Json;
use axum::extract::{FromRequest, OptionalFromRequest, Request};
use bytes::Bytes;
use serde::de::DeserializeOwned;

/// A body that is a JSON object. The JSON library would take a list, too, and read its items as the fields in order.
#[derive(Clone, Debug)]
pub(super) struct Object<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Object<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = Bytes::from_request(Request::from_parts(parts.clone(), body), state).await?;
        if let Some(asked) = parts.extensions.get::<Asked>() {
            asked.keep(&bytes);
        }
        let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
        let is_list = first == Some(&b'[');
        let request = Request::from_parts(parts, bytes.into());
        let Json(body) = <Json<T> as FromRequest<S>>::from_request(request, state).await?;
        if is_list {
            return Err(Problem::bad_request("the body must be an object"));
        }
        Ok(Self(body))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> OptionalFromRequest<S> for Object<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, Problem> {
        if request.headers().get(http::header::CONTENT_TYPE).is_none() {
            return Ok(None);
        }
        let (parts, body) = request.into_parts();
        let bytes = Bytes::from_request(Request::from_parts(parts.clone(), body), state).await?;
        if matches!(bytes.trim_ascii(), b"" | b"null") {
            return Ok(None);
        }
        let request = Request::from_parts(parts, bytes.into());
        <Self as FromRequest<S>>::from_request(request, state)
            .await
            .map(Some)
    }
}
