//! Where connections come from: sockets, TLS, and this process itself.
//!
//! One task for each socket and one for the way inside; each has the connections it let in, and ends after them. A connection
//! beyond the limits is closed at once, before any byte is read.

use super::handle::{Gate, Phase, Shared};
use super::session::{self, Origin};
use crate::edge::listener::{Doorman, Guest, bind};
use rustls::ServerConfig;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::DuplexStream;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_rustls::TlsAcceptor;

/// A TLS handshake must be done within this time.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// After a failed accept (no file handles left), or while the port is somebody else's, wait so long before the next attempt.
const PAUSE: Duration = Duration::from_millis(50);

/// Lets in who connects to a socket, until the broker ends. While it is down, nobody listens.
///
/// Waits on: the socket, the broker's phase, the ends of its connections. Stops: when the broker is ending and all of them are gone.
pub(super) async fn run(
    socket: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    shared: Arc<Shared>,
    gate: Arc<Gate>,
    doorman: Arc<Doorman>,
) {
    let acceptor = tls.map(TlsAcceptor::from);
    let mut phase = shared.phase.subscribe();
    let mut connections = JoinSet::new();
    let Ok(address) = socket.local_addr() else {
        return;
    };
    let mut socket = Some(socket);
    let mut failing = false;
    loop {
        let Phase { down, ending, .. } = phase.borrow_and_update().clone();
        if ending {
            break;
        }
        match (&socket, down) {
            (Some(_), true) => socket = None,
            (None, false) => match bind(address) {
                Ok(again) => socket = Some(again),
                Err(error) => {
                    complain(&mut failing, &error);
                    sleep(PAUSE).await;
                    continue;
                }
            },
            (Some(_), false) | (None, true) => {}
        }
        // Cancel-safe: neither loses anything when dropped.
        let accepted = tokio::select! {
            accepted = accept(socket.as_ref()) => accepted,
            _ = phase.changed() => continue,
            Some(_) = connections.join_next() => continue,
        };
        match accepted {
            Ok((stream, address)) => {
                failing = false;
                let Some(guest) = doorman.admit(address.ip()) else {
                    shared.counts.refused.inc();
                    tracing::debug!(peer.address = %address, "too many connections to the broker");
                    continue;
                };
                let (acceptor, shared, gate) = (acceptor.clone(), shared.clone(), gate.clone());
                connections.spawn(connection(stream, address, acceptor, shared, gate, guest));
            }
            Err(error) => {
                complain(&mut failing, &error);
                sleep(PAUSE).await;
            }
        }
    }
    drop(socket);
    while connections.join_next().await.is_some() {}
}

/// Said once: without file handles it fails again and again. Who is connected is served meanwhile.
fn complain(failing: &mut bool, error: &std::io::Error) {
    if !std::mem::replace(failing, true) {
        tracing::warn!(%error, "the broker cannot take connections");
    }
}

async fn accept(socket: Option<&TcpListener>) -> std::io::Result<(TcpStream, SocketAddr)> {
    match socket {
        Some(socket) => socket.accept().await,
        None => std::future::pending().await,
    }
}

async fn connection(
    stream: TcpStream,
    address: SocketAddr,
    acceptor: Option<TlsAcceptor>,
    shared: Arc<Shared>,
    gate: Arc<Gate>,
    _guest: Guest,
) {
    let accepted = Instant::now();
    // Small frames must not wait for each other.
    let _ = stream.set_nodelay(true);
    let origin = Origin::Network(address, gate);
    match acceptor {
        None => session::run(stream, origin, accepted, &shared).await,
        Some(acceptor) => match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => session::run(stream, origin, accepted, &shared).await,
            Ok(Err(error)) => {
                tracing::info!(peer.address = %address, %error, "a TLS handshake with the broker failed");
            }
            Err(_) => {
                tracing::info!(peer.address = %address, "a TLS handshake with the broker took too long");
            }
        },
    }
}

/// Lets in who comes from this process.
///
/// Waits on: its door, the broker's phase, the ends of its connections. Stops: when the broker is ending and all of them are gone.
pub(super) async fn inside(mut door: mpsc::Receiver<DuplexStream>, shared: Arc<Shared>) {
    let mut phase = shared.phase.subscribe();
    let mut connections = JoinSet::new();
    while !phase.borrow_and_update().ending {
        // Cancel-safe: `recv` takes nothing unless it wins, the others lose nothing.
        tokio::select! {
            stream = door.recv() => match stream {
                // While the broker is down nobody is at the door: the stream ends.
                Some(stream) if !phase.borrow().down => {
                    connections.spawn(from_inside(stream, shared.clone()));
                }
                Some(_) => {}
                None => ending(&mut phase).await,
            },
            _ = phase.changed() => {}
            Some(_) = connections.join_next() => {}
        }
    }
    drop(door);
    while connections.join_next().await.is_some() {}
}

async fn from_inside(stream: DuplexStream, shared: Arc<Shared>) {
    session::run(stream, Origin::Inside, Instant::now(), &shared).await;
}

async fn ending(phase: &mut watch::Receiver<Phase>) {
    // An error: whoever could say so is gone, which is an end too.
    let _ = phase.wait_for(Phase::is_ending).await;
}
