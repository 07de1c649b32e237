//! HTTP/2, which a TLS client chooses by ALPN: many requests on one connection, within the bounds that HTTP/1.1 has.
//!
//! One task for each connection. It waits on the connection, the shutdown signal and a clock, and stops when either side ends
//! the connection, when no request was open for `limits.idle_ms`, or when the client takes no part of an answer for
//! `limits.write_ms`. Requests beyond the first that are open at a time count as connections of their client.

use super::Peer;
use super::listener::{Guest, Serving};
use super::router;
use super::stream::{Timed, Timeouts};
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderName, Response, StatusCode, header};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep_until};

/// Maximum number of streams that a client may reset before they are looked at; beyond it the connection is closed.
const EARLY_RESETS: usize = 20;
/// Maximum number of streams reset for errors of the client; beyond it the connection is closed.
const ERROR_RESETS: usize = 64;
/// Number of bytes of one request's body that a client may send before they are read.
const STREAM_WINDOW: u32 = 64 * 1024;
/// Number of bytes of all bodies of a connection that a client may send before they are read.
const CONNECTION_WINDOW: u32 = 256 * 1024;
/// Size of a frame.
const FRAME: u32 = 16 * 1024;
/// Number of bytes of an answer that wait for the client.
const SEND_BUFFER: usize = 64 * 1024;
/// An answer is handed to the library in pieces of this size: each must be taken within `limits.write_ms`.
const PIECE: usize = 16 * 1024;
/// The shortest time between two looks at a connection's clock.
const SHORTEST_PERIOD: Duration = Duration::from_millis(50);

/// Headers that mean something on HTTP/1.1 only.
const CONNECTION_HEADERS: [HeaderName; 3] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::TRANSFER_ENCODING,
];

/// The requests of a connection that are open, and the pieces of answers that the client has not taken.
#[derive(Debug)]
struct Streams(Mutex<Inside>);

#[derive(Debug)]
struct Inside {
    open: usize,
    /// When the last request ended; `None` while one is open.
    idle_since: Option<Instant>,
    next_piece: u64,
    /// When each piece was handed over.
    pieces: BTreeMap<u64, Instant>,
}

impl Streams {
    fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Inside {
            open: 0,
            idle_since: Some(Instant::now()),
            next_piece: 0,
            pieces: BTreeMap::new(),
        })))
    }

    fn inside(&self) -> std::sync::MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a request; answers how many were open before.
    fn open(self: &Arc<Self>) -> (OpenRequest, usize) {
        let mut inside = self.inside();
        let before = inside.open;
        inside.open += 1;
        inside.idle_since = None;
        (OpenRequest(self.clone()), before)
    }

    fn is_idle_for(&self, time: Duration) -> bool {
        let since = self.inside().idle_since;
        since.is_some_and(|since| since.elapsed() >= time)
    }

    /// Returns `true` if the client has not taken a piece of an answer for so long.
    fn is_stuck_for(&self, time: Duration) -> bool {
        let inside = self.inside();
        let oldest = inside.pieces.values().next();
        oldest.is_some_and(|since| since.elapsed() >= time)
    }
}

/// A request that is open until its answer is handed over.
#[derive(Debug)]
struct OpenRequest(Arc<Streams>);

impl Drop for OpenRequest {
    fn drop(&mut self) {
        let mut inside = self.0.inside();
        inside.open -= 1;
        if inside.open == 0 {
            inside.idle_since = Some(Instant::now());
        }
    }
}

/// A piece of an answer that the client has not taken.
struct Piece {
    bytes: Bytes,
    number: u64,
    streams: Arc<Streams>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.streams.inside().pieces.remove(&self.number);
    }
}

/// The body of an answer, in pieces whose fate is known.
struct Answer {
    body: Body,
    /// What of a frame has not been handed over.
    rest: Bytes,
    open: OpenRequest,
    _permit: Option<Guest>,
}

impl Answer {
    fn piece(&mut self) -> Bytes {
        let bytes = self.rest.split_to(self.rest.len().min(PIECE));
        let streams = self.open.0.clone();
        let number = {
            let mut inside = streams.inside();
            let number = inside.next_piece;
            inside.next_piece += 1;
            inside.pieces.insert(number, Instant::now());
            number
        };
        Bytes::from_owner(Piece {
            bytes,
            number,
            streams,
        })
    }
}

impl hyper::body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        while this.rest.is_empty() {
            match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
        Poll::Ready(Some(Ok(Frame::data(this.piece()))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match (self.rest.len(), self.body.size_hint().exact()) {
            (0, _) => self.body.size_hint(),
            (rest, Some(more)) => SizeHint::with_exact(more + rest as u64),
            (_, None) => SizeHint::default(),
        }
    }
}

/// Serves a connection whose client chose HTTP/2.
pub(super) async fn serve<S>(stream: S, peer: Peer, timeouts: Timeouts, serving: Serving)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Serving {
        app,
        api,
        doorman,
        mut shutdown,
    } = serving;
    let limits = &app.config.limits;
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.http2_streams)
        .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(EARLY_RESETS)
        .max_local_error_reset_streams(ERROR_RESETS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(FRAME)
        .max_send_buf_size(SEND_BUFFER)
        // A client in the middle of a head can answer no ping: this bounds the time for a head, too.
        .keep_alive_interval(timeouts.head)
        .keep_alive_timeout(timeouts.head);
    let streams = Streams::new();
    let (handlers, opened) = (app.clone(), streams.clone());
    let service = service_fn(move |request: http::Request<Incoming>| {
        let (app, api) = (handlers.clone(), api.clone());
        let (open, before) = opened.open();
        let permit = match before {
            0 => Some(None),
            _ => doorman.admit_stream(peer.address.ip()).map(Some),
        };
        async move {
            let (response, permit) = match permit {
                Some(permit) => (router::serve(app, api, request, peer).await, permit),
                None => {
                    app.metrics.connections_refused.inc();
                    let path = request.uri().path();
                    let refused = router::refusal(StatusCode::SERVICE_UNAVAILABLE, path);
                    (refused, None)
                }
            };
            let (mut head, body) = response.into_parts();
            for name in &CONNECTION_HEADERS {
                head.headers.remove(name);
            }
            let answer = Answer {
                body,
                rest: Bytes::new(),
                open,
                _permit: permit,
            };
            Ok::<_, std::convert::Infallible>(Response::from_parts(head, answer))
        }
    });
    let io = TokioIo::new(Timed::new(stream, timeouts));
    let connection = builder.serve_connection(io, service);
    tokio::pin!(connection);
    let period = (timeouts.idle.min(timeouts.write) / 4).max(SHORTEST_PERIOD);
    let mut next_look = Instant::now() + period;
    let mut closing_since: Option<Instant> = None;
    loop {
        // Cancel-safe: the connection is pinned and polled on; the others lose nothing.
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "an HTTP/2 connection ended early");
                }
                return;
            }
            _ = shutdown.changed(), if closing_since.is_none() => {
                connection.as_mut().graceful_shutdown();
                closing_since = Some(Instant::now());
            }
            () = sleep_until(next_look) => {
                next_look = Instant::now() + period;
                if streams.is_stuck_for(timeouts.write) {
                    tracing::debug!("a client does not take its answers");
                    return;
                }
                let is_idle = streams.is_idle_for(timeouts.idle);
                match closing_since {
                    None if is_idle => {
                        connection.as_mut().graceful_shutdown();
                        closing_since = Some(Instant::now());
                    }
                    // A client that does not take part in the end of its connection is left.
                    Some(since) if since.elapsed() >= timeouts.head && streams.is_idle_for(timeouts.head) => return,
                    _ => {}
                }
            }
        }
    }
}
