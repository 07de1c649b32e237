//! Accepting connections: how many, from whom, and what becomes of them.
//!
//! One task for each listener waits on its socket and the shutdown signal; one task for each connection serves it until
//! either side ends it. A connection beyond the limits is closed at once, before any byte is read.

use super::socket::Socket;
use super::stream::{Cleaned, Timeouts};
use super::{Peer, http2, router, tls};
use crate::app::App;
use crate::ops::config::Limits;
use crate::ops::files::Place;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

/// So many connections wait to be accepted.
const BACKLOG: u32 = 1_024;
/// A TLS handshake must be done within this time.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// After a failed accept (no file handles left), wait so long before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Number of connections that only clients on this machine may have, such as health checks.
const KEPT_FOR_HERE: usize = 8;

/// How many connections there are, in all and from each address.
#[derive(Debug)]
pub struct Doorman {
    all: usize,
    each: usize,
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    all: usize,
    each: HashMap<IpAddr, usize>,
}

impl Doorman {
    /// Lets in so many in all, and so many from each address.
    pub fn new(all: usize, each: usize) -> Arc<Self> {
        Arc::new(Self {
            all,
            each,
            inside: Mutex::default(),
        })
    }

    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Guest> {
        self.admit_within(self.each, address, true)
    }

    /// Admits a connection of a trusted proxy, which brings many clients: only the number in all bounds it.
    pub(crate) fn admit_proxy(self: &Arc<Self>, address: IpAddr) -> Option<Guest> {
        self.admit_within(usize::MAX, address, true)
    }

    /// Admits a further request of an HTTP/2 connection, which counts as a connection and needs no file.
    pub(crate) fn admit_stream(self: &Arc<Self>, address: IpAddr) -> Option<Guest> {
        self.admit_within(self.each, address, false)
    }

    fn admit_within(
        self: &Arc<Self>,
        each: usize,
        address: IpAddr,
        needs_file: bool,
    ) -> Option<Guest> {
        let is_here = address.is_loopback();
        let kept = if is_here { 0 } else { KEPT_FOR_HERE };
        let place = match needs_file {
            true => Some(Place::take(kept)?),
            false => None,
        };
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let from_there = inside.each.get(&address).copied().unwrap_or(0);
        if inside.all + kept.min(self.all / 2) >= self.all || from_there >= each {
            return None;
        }
        inside.all += 1;
        inside.each.insert(address, from_there + 1);
        Some(Guest {
            doorman: self.clone(),
            address,
            _place: place,
        })
    }
}

/// A connection that was let in; leaves when dropped.
#[derive(Debug)]
pub(crate) struct Guest {
    doorman: Arc<Doorman>,
    address: IpAddr,
    _place: Option<Place>,
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut inside = self
            .doorman
            .inside
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        inside.all -= 1;
        if let Some(count) = inside.each.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                inside.each.remove(&self.address);
            }
        }
    }
}

/// Opens a listening socket.
///
/// # Errors
/// When the address is taken or not ours.
pub fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = socket2::Socket::new(
        socket2::Domain::for_address(address),
        socket2::Type::STREAM,
        Some(socket2::Protocol::TCP),
    )?;
    // A port that was in use a moment ago is free; one that is in use is not.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(BACKLOG).unwrap_or(i32::MAX))?;
    TcpListener::from_std(socket.into())
}

/// Serves a listener until the shutdown signal, then lets its connections finish what they are at.
pub async fn run(
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    app: Arc<App>,
    api: axum::Router,
    doorman: Arc<Doorman>,
    mut shutdown: watch::Receiver<bool>,
) {
    let acceptor = tls.map(TlsAcceptor::from);
    let serving = Serving {
        app: app.clone(),
        api,
        doorman: doorman.clone(),
        shutdown: shutdown.clone(),
    };
    let mut failing = false;
    loop {
        // Cancel-safe: `accept` loses nothing when dropped, `changed` neither.
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = shutdown.changed() => return,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => {
                failing = false;
                accepted
            }
            Err(error) => {
                // Said once: without file handles it fails again and again. Who is connected is served meanwhile.
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(%error, "cannot accept connections");
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let admitted = match app.proxies.trusts(address.ip()) {
            true => doorman.admit_proxy(address.ip()),
            false => doorman.admit(address.ip()),
        };
        let Some(guest) = admitted else {
            app.metrics.connections_refused.inc();
            continue;
        };
        let (acceptor, serving) = (acceptor.clone(), serving.clone());
        tokio::spawn(async move {
            let _guest = guest;
            connection(stream, address, acceptor, serving).await;
        });
    }
}

/// What serves every connection of a listener.
#[derive(Clone)]
pub(super) struct Serving {
    pub(super) app: Arc<App>,
    pub(super) api: axum::Router,
    pub(super) doorman: Arc<Doorman>,
    pub(super) shutdown: watch::Receiver<bool>,
}

async fn connection(
    stream: TcpStream,
    address: SocketAddr,
    acceptor: Option<TlsAcceptor>,
    serving: Serving,
) {
    // Small answers must not wait for each other.
    let _ = stream.set_nodelay(true);
    let Ok(local) = stream.local_addr() else {
        return;
    };
    let peer = Peer {
        address,
        local,
        tls: acceptor.is_some(),
    };
    let serving_stream = async |stream| match acceptor {
        None => http(stream, peer, serving).await,
        Some(acceptor) => match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
            Ok(Ok(stream)) if stream.get_ref().1.alpn_protocol() == Some(tls::HTTP2) => {
                let timeouts = timeouts(&serving.app.config.limits);
                http2::serve(stream, peer, timeouts, serving).await;
            }
            Ok(Ok(stream)) => http(stream, peer, serving).await,
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        },
    };
    Socket::new(stream).serve(serving_stream).await;
}

fn timeouts(limits: &Limits) -> Timeouts {
    Timeouts {
        first_byte: Duration::from_millis(limits.first_byte_ms),
        head: Duration::from_millis(limits.head_ms),
        body: Duration::from_millis(limits.body_ms),
        idle: Duration::from_millis(limits.idle_ms),
        write: Duration::from_millis(limits.write_ms),
    }
}

async fn http<S>(stream: S, peer: Peer, serving: Serving)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Serving {
        app,
        api,
        mut shutdown,
        ..
    } = serving;
    let limits = &app.config.limits;
    let io = TokioIo::new(Cleaned::new(stream, timeouts(limits), limits.head_bytes));
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .half_close(true)
        // Clients written by hand look for the names as RFCs and their servers wrote them.
        .title_case_headers(true)
        // One buffer for head and body is one write. Not `pipeline_flush`: with it the library drops an answer that is still
        // in its buffer when it closes the connection and another request waits behind.
        .writev(false)
        .max_buf_size((limits.head_bytes * 3).max(8_192));
    let serving = app.clone();
    let service = service_fn(move |request| {
        let (app, api) = (serving.clone(), api.clone());
        async move { Ok::<_, std::convert::Infallible>(router::serve(app, api, request, peer).await) }
    });
    let connection = builder.serve_connection(io, service);
    tokio::pin!(connection);
    // Cancel-safe: the connection is pinned and polled on; `changed` loses nothing.
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = shutdown.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn ad_10_health_checks_of_this_machine_have_connections_kept_for_them() {
        let doorman = Doorman::new(100, 1_000);
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let stranger = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1));
        let mut crowd: Vec<Guest> = std::iter::from_fn(|| doorman.admit(stranger)).collect();
        assert_eq!(crowd.len(), 100 - KEPT_FOR_HERE);
        let checks: Vec<Guest> = std::iter::from_fn(|| doorman.admit(here)).collect();
        assert_eq!(checks.len(), KEPT_FOR_HERE);
        crowd.pop();
        assert!(
            doorman.admit(stranger).is_none(),
            "the kept ones are still kept"
        );
        drop(checks);
        assert!(doorman.admit(stranger).is_some());
    }

    #[test]
    fn a_trusted_proxy_is_bounded_in_all_and_not_as_one_client() {
        let doorman = Doorman::new(100, 2);
        let proxy = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
        let passed_on: Vec<Guest> = std::iter::from_fn(|| doorman.admit_proxy(proxy)).collect();
        assert_eq!(passed_on.len(), 100 - KEPT_FOR_HERE);
    }
}
