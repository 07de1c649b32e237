//! The HTTP edge: one address, one document in, one out. [mobility §2]

use super::perform::{Visitor, perform};
use super::{INTERFACE, field};
use crate::app::App;
use crate::edge::{Peer, Reply as HttpReply, Request as HttpRequest, read_body};
use crate::ops::config::Service;
use bytes::Bytes;
use http::{Method, StatusCode, header};

/// Where the service lives; letter case matters.
pub const SERVLET: &str = "/emservice/EMServiceServlet";
/// What the original's own DOCTYPE of queries names. [mobility §2.1]
const QUERY_DTD: &str = "/emservice/jsp/LoginQuery.dtd";
/// A body is at most this long, as the original's container has it for forms. [mobility §2.4]
pub const BODY_LIMIT: usize = 2 * 1024 * 1024;

const XML: &str = "text/xml;charset=UTF-8";

/// Answers a request under `/emservice`; `path` is normalised.
pub async fn answer(app: &App, path: &str, request: HttpRequest) -> HttpReply {
    let settings = &app.config.mobility;
    match settings.service {
        _ if path != SERVLET && path != QUERY_DTD => {
            return HttpReply::empty(StatusCode::NOT_FOUND);
        }
        Service::On => {}
        Service::Stopped => return HttpReply::empty(StatusCode::SERVICE_UNAVAILABLE),
        Service::NotActivated => return HttpReply::empty(StatusCode::NOT_FOUND),
    }
    if path == QUERY_DTD {
        let dtd = include_str!("LoginQuery.dtd");
        return HttpReply::text(StatusCode::OK, "application/xml-dtd", dtd.to_owned());
    }
    let is_post = request.method() == Method::POST;
    if !is_post && request.method() != Method::GET {
        return HttpReply::empty(StatusCode::FORBIDDEN);
    }
    let peer = request.extensions().get::<Peer>().copied();
    let visitor = Visitor {
        peer: peer.unwrap_or_default(),
        via: request.headers().contains_key(header::VIA),
    };
    warn_of_clear_text(app, visitor.peer);
    let query = request.uri().query().map(str::to_owned);
    let content_type = request.headers().get(header::CONTENT_TYPE);
    let content_type = content_type.map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned());
    // A container reads no form in the body of a GET.
    let body = match is_post {
        true => match read_body(request, BODY_LIMIT).await {
            Ok(body) => body,
            Err(reply) => return reply,
        },
        false => Bytes::new(),
    };
    let raw_xml = settings.accept_raw_xml;
    let document = field::document(query.as_deref(), content_type.as_deref(), body, raw_xml).await;
    let done = perform(app, document.as_deref(), visitor).await;
    HttpReply::text(StatusCode::OK, XML, done.text).noted(done.notes)
}

/// The caller's password is in every message; over clear text anybody on the way reads it.
fn warn_of_clear_text(app: &App, peer: Peer) {
    let address = peer.address.ip().to_canonical();
    if !peer.tls && !address.is_loopback() {
        app.mobility.warned.call_once(|| {
            tracing::warn!(%address, "{INTERFACE} is used over clear-text HTTP, where passwords can be read on the way");
        });
    }
}
