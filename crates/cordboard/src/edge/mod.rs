//! The HTTP edge: sockets, limits, TLS, and the one router that every listener serves.
//!
//! [`listener`] accepts connections and bounds them, [`stream`] times them and cleans their request lines, [`http2`] serves
//! those that chose HTTP/2, [`forwarded`] believes trusted proxies, [`body`] bounds what bodies take, [`tls`] makes the lab's
//! certificate, [`router`] finds who answers. No protocol's meaning is here.

pub mod body;
pub mod forwarded;
pub mod http2;
pub mod listener;
pub mod router;
pub mod socket;
pub mod stream;
pub mod tls;

use crate::journal::Notes;
use axum::body::Body;
use body::{BodyError, RequestBody};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The header that names the call an answer placed; bodies stay as the original's.
pub const CALL_HEADER: &str = "cordboard-call";

/// A request as services get it; its extensions carry the [`Peer`].
pub type Request = http::Request<RequestBody>;

/// Both ends of a connection, or of a request that a trusted proxy passes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The client's address; without a port if a proxy wrote it.
    pub address: SocketAddr,
    /// The address here that was connected to.
    pub local: SocketAddr,
    /// The client uses TLS, up to here or up to a trusted proxy.
    pub tls: bool,
}

impl Default for Peer {
    fn default() -> Self {
        let nowhere = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
        Self {
            address: nowhere,
            local: nowhere,
            tls: false,
        }
    }
}

/// An answer in the making, with what the journal is to show of it.
#[derive(Debug)]
pub struct Reply {
    response: Response<Body>,
    notes: Notes,
}

impl Reply {
    /// A status without a body.
    pub fn empty(status: StatusCode) -> Self {
        Self::bytes_of(status, None, Bytes::new())
    }

    /// A text.
    pub fn text(status: StatusCode, content_type: &'static str, text: String) -> Self {
        Self::bytes_of(status, Some(content_type), text.into())
    }

    /// Bytes.
    pub fn bytes(status: StatusCode, content_type: &'static str, bytes: Vec<u8>) -> Self {
        Self::bytes_of(status, Some(content_type), bytes.into())
    }

    fn bytes_of(status: StatusCode, content_type: Option<&'static str>, bytes: Bytes) -> Self {
        let mut response = Response::new(Body::from(bytes));
        *response.status_mut() = status;
        if let Some(content_type) = content_type {
            response
                .headers_mut()
                .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        response.into()
    }

    /// With a header of fixed value.
    pub fn with(mut self, name: HeaderName, value: &'static str) -> Self {
        self.response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
        self
    }

    /// With a header of this value.
    pub fn with_value(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.response.headers_mut().insert(name, value);
        self
    }

    /// With a header whose value was computed; one that cannot be a header value is left out.
    pub fn with_named(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.response
                .headers_mut()
                .insert(HeaderName::from_static(name), value);
        }
        self
    }
}

impl Reply {
    /// Its headers.
    pub fn headers_mut(&mut self) -> &mut http::HeaderMap {
        self.response.headers_mut()
    }

    /// With what the journal is to show of request and answer.
    pub fn noted(self, notes: Notes) -> Self {
        Self { notes, ..self }
    }

    /// The answer, and what the journal is to show.
    pub fn into_parts(self) -> (Response<Body>, Notes) {
        (self.response, self.notes)
    }
}

impl From<Response<Body>> for Reply {
    fn from(response: Response<Body>) -> Self {
        Self {
            response,
            notes: Notes::default(),
        }
    }
}

/// Reads a whole body of at most `limit` bytes.
///
/// # Errors
/// The answer to give: 413 beyond the limit, 503 if the bodies in progress have no room for it, 408 if it did not come in time,
/// 400 if the sender broke off. The connection is closed after each.
pub async fn read_body(request: Request, limit: usize) -> Result<Bytes, Reply> {
    let declared = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > u64::try_from(limit).unwrap_or(u64::MAX)) {
        return Err(Reply::empty(StatusCode::PAYLOAD_TOO_LARGE).with(header::CONNECTION, "close"));
    }
    let error = match Limited::new(request.into_body(), limit).collect().await {
        Ok(body) => return Ok(body.to_bytes()),
        Err(error) => error,
    };
    let status = match error.downcast_ref() {
        Some(BodyError::OverBudget) => StatusCode::SERVICE_UNAVAILABLE,
        Some(BodyError::TooSlow) => StatusCode::REQUEST_TIMEOUT,
        Some(BodyError::Broken(_)) => StatusCode::BAD_REQUEST,
        None if error.is::<LengthLimitError>() => StatusCode::PAYLOAD_TOO_LARGE,
        None => StatusCode::BAD_REQUEST,
    };
    Err(Reply::empty(status).with(header::CONNECTION, "close"))
}
