//! Who answers a request: the service its path belongs to, or the JSON API. What was asked and answered is noted here.

use super::body::{RequestBody, Share};
use super::stream::refused_status;
use super::{Peer, Reply, Request};
use crate::app::App;
use crate::journal::Entry;
use crate::services::{mobility, webdialer};
use axum::body::Body;
use cordboard_wire::http::{HeadLimits, normalize_path};
use futures_util::FutureExt;
use http::{HeaderValue, Method, Response, StatusCode, Uri, Version, header};
use hyper::body::Incoming;
use prometheus_client::metrics::counter::Counter;
use std::borrow::Cow;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tower::ServiceExt;

/// Answers one request, and notes both.
pub async fn serve(
    app: Arc<App>,
    api: axum::Router,
    request: http::Request<Incoming>,
    peer: Peer,
) -> Response<Body> {
    app.metrics.http_requests.inc();
    // Until the request is answered its body's bytes are counted.
    let (request, peer, _share) = match received(&app, request, peer) {
        Ok(received) => received,
        Err((status, path)) => return refusal(status, path.path()),
    };
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

/// A request as services get it: with its client and host as a trusted proxy writes them, and a body that is counted.
///
/// # Errors
/// The status to refuse it with, whatever it asks for, and its target.
fn received(
    app: &App,
    mut request: http::Request<Incoming>,
    peer: Peer,
) -> Result<(Request, Peer, Arc<Share>), (StatusCode, Uri)> {
    let peer = match placed(app, &mut request, peer) {
        Ok(peer) => peer,
        Err(status) => return Err((status, request.into_parts().0.uri)),
    };
    request.extensions_mut().insert(peer);
    let is_http2 = request.version() == Version::HTTP_2;
    let share = Share::new(app.bodies.clone(), peer.address.ip());
    let request = request.map(|body| {
        let body = RequestBody::new(body, share.clone());
        match is_http2 {
            true => body.timed(Duration::from_millis(app.config.limits.body_ms)),
            false => body,
        }
    });
    Ok((request, peer, share))
}

/// Checks a request's head, puts its host in place, and answers its client.
///
/// # Errors
/// The status to refuse it with.
fn placed(
    app: &App,
    request: &mut http::Request<Incoming>,
    peer: Peer,
) -> Result<Peer, StatusCode> {
    if let Some(status) = refused_status(request.method(), request.uri()) {
        return Err(status);
    }
    let is_http2 = request.version() == Version::HTTP_2;
    if is_http2 {
        // What the filter of HTTP/1.1 refuses.
        if request.headers().len() > HeadLimits::default().headers {
            return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        }
        if request.method() == Method::CONNECT {
            return Err(StatusCode::NOT_IMPLEMENTED);
        }
    }
    // A host in the target counts, and Host does not (RFC 9112 §3.2.2, RFC 9113 §8.3.1).
    if let Some(authority) = request.uri().authority() {
        let host = HeaderValue::from_str(authority.as_str());
        let host = host.map_err(|_| StatusCode::BAD_REQUEST)?;
        request.headers_mut().insert(header::HOST, host);
    } else if is_http2 && request.headers().get_all(header::HOST).iter().count() != 1 {
        return Err(StatusCode::BAD_REQUEST);
    }
    let believed = app.proxies.apply(peer, request.headers_mut());
    believed.map_err(|_| StatusCode::BAD_REQUEST)
}

/// The answer to a request that cannot be served, whatever it asks for; its connection is closed. `path` is as it was sent.
pub(super) fn refusal(status: StatusCode, path: &str) -> Response<Body> {
    let reply = match interface(path) {
        Some(crate::admin::INTERFACE) => crate::admin::refused(status).into(),
        Some(_) | None => {
            let reason = status.canonical_reason().unwrap_or_default();
            Reply::text(status, "text/plain", format!("{reason}\n"))
        }
    };
    let (response, _) = reply.with(header::CONNECTION, "close").into_parts();
    response
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
        if let Ok(uri) = Uri::from_parts(parts) {
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
