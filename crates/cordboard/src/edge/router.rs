//! Who answers a request: the service its path belongs to, or the JSON API.

use super::{Peer, Reply, Request};
use crate::app::App;
use crate::services::webdialer;
use axum::body::Body;
use cordboard_wire::http::normalize_path;
use futures_util::FutureExt;
use http::{Response, StatusCode};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tower::ServiceExt;

/// Answers one request. A panic ends this request only, with 500, and is counted.
pub async fn serve(
    app: Arc<App>,
    api: axum::Router,
    mut request: Request,
    peer: Peer,
) -> Response<Body> {
    request.extensions_mut().insert(peer);
    app.metrics.http_requests.inc();
    match AssertUnwindSafe(dispatch(&app, api, request))
        .catch_unwind()
        .await
    {
        Ok(response) => response,
        Err(_) => {
            app.metrics.panics.inc();
            tracing::error!("a request ended in a panic");
            Reply::empty(StatusCode::INTERNAL_SERVER_ERROR).into()
        }
    }
}

async fn dispatch(app: &App, api: axum::Router, mut request: Request) -> Response<Body> {
    let Some(path) = normalize_path(request.uri().path()).map(|path| path.into_owned()) else {
        return Reply::empty(StatusCode::BAD_REQUEST).into();
    };
    let head = path.get(..10).unwrap_or_default();
    if app.serves.webdialer
        && head.eq_ignore_ascii_case("/webdialer")
        && matches!(path.as_bytes().get(10), None | Some(b'/'))
    {
        if app.faults.is_down("webdialer") {
            return Reply::empty(StatusCode::SERVICE_UNAVAILABLE).into();
        }
        if let Some(late) = app.faults.lateness("webdialer") {
            tokio::time::sleep(late).await;
        }
        return webdialer::routes::answer(app, &path, request).await.into();
    }
    if path != request.uri().path() {
        let mut parts = request.uri().clone().into_parts();
        let query = request
            .uri()
            .query()
            .map(|q| format!("?{q}"))
            .unwrap_or_default();
        parts.path_and_query = format!("{path}{query}").parse().ok();
        if let Ok(uri) = http::Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    match api.oneshot(request.map(Body::new)).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}
