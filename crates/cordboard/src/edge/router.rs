//! Who answers a request: the service its path belongs to, or the JSON API. What was asked and answered is noted here.

use super::stream::refused_status;
use super::{Peer, Reply, Request};
use crate::app::App;
use crate::journal::Entry;
use crate::services::{mobility, webdialer};
use axum::body::Body;
use cordboard_wire::http::normalize_path;
use futures_util::FutureExt;
use http::{Response, StatusCode};
use prometheus_client::metrics::counter::Counter;
use std::borrow::Cow;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tower::ServiceExt;

/// Answers one request, and notes both.
pub async fn serve(
    app: Arc<App>,
    api: axum::Router,
    mut request: Request,
    peer: Peer,
) -> Response<Body> {
    request.extensions_mut().insert(peer);
    app.metrics.http_requests.inc();
    if let Some(status) = refused_status(request.method(), request.uri()) {
        return refusal(status).into_parts().0;
    }
    let path = normalize_path(request.uri().path()).map(Cow::into_owned);
    let interface = interface(path.as_deref().unwrap_or(request.uri().path()));
    let entry = interface
        .filter(|_| app.journal.is_enabled())
        .map(|interface| Entry::new(interface, peer, request.method(), request.uri()));
    let answering = dispatch(&app, api, request, interface, path);
    let (response, notes) = guarded(&app.metrics.panics, answering).await.into_parts();
    if let Some(entry) = entry {
        let status = response.status().as_u16();
        app.journal.note(entry.answered(status, notes));
    }
    response
}

/// The answer to a request that cannot be served, whatever it asks for; its connection is closed.
fn refusal(status: StatusCode) -> Reply {
    let reason = status.canonical_reason().unwrap_or_default();
    Reply::text(status, "text/plain", format!("{reason}\n")).with(http::header::CONNECTION, "close")
}

/// The word of the interface a path belongs to; health and metrics are nobody's.
fn interface(path: &str) -> Option<&'static str> {
    let below = |root: &str| {
        let head = path.get(..root.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(root))
            && matches!(path.as_bytes().get(root.len()), None | Some(b'/'))
    };
    if below("/webdialer") {
        Some(webdialer::INTERFACE)
    } else if below("/emservice") {
        Some(mobility::INTERFACE)
    } else if below("/api") {
        Some(crate::admin::INTERFACE)
    } else {
        None
    }
}

/// A panic ends this request only, with 500, and is counted.
async fn guarded(panics: &Counter, answering: impl Future<Output = Reply>) -> Reply {
    match AssertUnwindSafe(answering).catch_unwind().await {
        Ok(reply) => reply,
        Err(_) => {
            panics.inc();
            tracing::error!("a request ended in a panic");
            Reply::empty(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

async fn dispatch(
    app: &App,
    api: axum::Router,
    mut request: Request,
    interface: Option<&'static str>,
    path: Option<String>,
) -> Reply {
    let Some(path) = path else {
        return match interface {
            Some(crate::admin::INTERFACE) => crate::admin::no_address().into(),
            Some(_) | None => Reply::empty(StatusCode::BAD_REQUEST),
        };
    };
    if app.serves.webdialer && interface == Some(webdialer::INTERFACE) {
        if app.faults.is_down(webdialer::INTERFACE) {
            return Reply::empty(StatusCode::SERVICE_UNAVAILABLE);
        }
        if let Some(late) = app.faults.lateness(webdialer::INTERFACE) {
            tokio::time::sleep(late).await;
        }
        return webdialer::routes::answer(app, &path, request).await;
    }
    if app.serves.mobility && interface == Some(mobility::INTERFACE) {
        if app.faults.is_down(mobility::INTERFACE) {
            return Reply::empty(StatusCode::SERVICE_UNAVAILABLE);
        }
        if let Some(late) = app.faults.lateness(mobility::INTERFACE) {
            tokio::time::sleep(late).await;
        }
        return mobility::routes::answer(app, &path, request).await;
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
        Ok(mut response) => {
            let notes = response.extensions_mut().remove().unwrap_or_default();
            Reply::from(response).noted(notes)
        }
        Err(never) => match never {},
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_ends_its_request_with_500_and_is_counted() {
        let panics = Counter::default();
        let fine = guarded(&panics, async { Reply::empty(StatusCode::NO_CONTENT) }).await;
        assert_eq!(fine.into_parts().0.status(), StatusCode::NO_CONTENT);
        assert_eq!(panics.get(), 0);
        let broken = guarded(&panics, async {
            tokio::task::yield_now().await;
            panic!("as a broken service does")
        });
        let (response, _) = broken.await.into_parts();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(panics.get(), 1);
    }

    #[test]
    fn every_path_belongs_to_one_interface_or_to_operations() {
        for (path, word) in [
            ("/webdialer", Some("webdialer")),
            ("/WebDialer/services/x", Some("webdialer")),
            ("/webdialers", None),
            ("/emservice/EMServiceServlet", Some("mobility")),
            ("/EMService/x", Some("mobility")),
            ("/api/v1/calls", Some("api")),
            ("/apis", None),
            ("/metrics", None),
            ("/", None),
        ] {
            assert_eq!(interface(path), word, "{path}");
        }
    }
}
