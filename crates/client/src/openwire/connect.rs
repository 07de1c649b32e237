//! To a broker's address: the stream under a link.

use super::Address;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// A plain connection, or one in TLS.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("no connection within {} ms", .0.as_millis())]
    Slow(Duration),
    #[error("TLS: {0}")]
    Tls(std::io::Error),
    #[error("{0} is no host's name")]
    Name(String),
}

/// Connects within this time, the handshake included.
pub(super) async fn connect(
    address: &Address,
    tls: Option<&Arc<ClientConfig>>,
    within: Duration,
) -> Result<Box<dyn Stream>, ConnectError> {
    let connected = tokio::time::timeout(within, open(address, tls)).await;
    connected.unwrap_or(Err(ConnectError::Slow(within)))
}

async fn open(
    address: &Address,
    tls: Option<&Arc<ClientConfig>>,
) -> Result<Box<dyn Stream>, ConnectError> {
    let Address { host, port } = address;
    let stream = TcpStream::connect((host.as_str(), *port)).await?;
    // Small frames must not wait for each other.
    stream.set_nodelay(true)?;
    let Some(config) = tls else {
        return Ok(Box::new(stream));
    };
    let name = ServerName::try_from(host.clone()).map_err(|_| ConnectError::Name(host.clone()))?;
    let connecting = TlsConnector::from(Arc::clone(config)).connect(name, stream);
    match connecting.await {
        Ok(stream) => Ok(Box::new(stream)),
        Err(error) => Err(ConnectError::Tls(error)),
    }
}
