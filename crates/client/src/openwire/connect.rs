//! To a broker: the stream under a link.

use super::Address;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;

/// So many bytes lie between us and a broker in this process, each way; whoever writes more waits.
const PIPE: usize = 64 << 10;
/// So many may stand before a broker's door; the next waits, as long as it would for a connection.
const DOORSTEP: usize = 16;

/// How a broker is reached.
#[derive(Clone, Debug)]
pub enum Reach {
    /// Over the network.
    Network {
        /// The brokers, tried in this order.
        addresses: Vec<Address>,
        /// With TLS, and whom to trust; `None` without.
        tls: Option<Arc<ClientConfig>>,
    },
    /// The one in this process.
    Inside(Door),
}

impl Reach {
    /// How many brokers there are to try.
    pub(super) fn targets(&self) -> usize {
        match self {
            Self::Network { addresses, .. } => addresses.len(),
            Self::Inside(_) => 1,
        }
    }

    pub(super) fn target(&self, index: usize) -> Option<Target> {
        match self {
            Self::Network { addresses, .. } => addresses.get(index).cloned().map(Target::Network),
            Self::Inside(_) => Some(Target::Inside),
        }
    }
}

/// One of the brokers that a client may reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// On the network.
    Network(Address),
    /// In this process.
    Inside,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(address) => address.fmt(f),
            Self::Inside => f.write_str("inside"),
        }
    }
}

/// The door of a broker in this process; it speaks OpenWire like any other. Copies are the same door.
#[derive(Clone, Debug)]
pub struct Door(mpsc::Sender<DuplexStream>);

impl Door {
    /// A door, and where its broker finds who comes in.
    pub fn new() -> (Self, mpsc::Receiver<DuplexStream>) {
        let (door, inside) = mpsc::channel(DOORSTEP);
        (Self(door), inside)
    }

    /// Goes in: a stream to the broker, on which it is greeted as on any other.
    ///
    /// # Errors
    /// When the broker has ended.
    pub async fn enter(&self) -> std::io::Result<DuplexStream> {
        let (ours, theirs) = tokio::io::duplex(PIPE);
        let entered = self.0.send(theirs).await;
        entered.map_err(|_| std::io::Error::other("the broker inside has ended"))?;
        Ok(ours)
    }
}

/// A plain connection, one in TLS, or none of the network's.
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
    #[error("it is not reached that way")]
    Elsewhere,
}

/// Connects within this time, the handshake included.
pub(super) async fn connect(
    reach: &Reach,
    target: &Target,
    within: Duration,
) -> Result<Box<dyn Stream>, ConnectError> {
    let connecting = async {
        match (reach, target) {
            (Reach::Network { tls, .. }, Target::Network(address)) => {
                open(address, tls.as_ref()).await
            }
            (Reach::Inside(door), _) => Ok(Box::new(door.enter().await?) as Box<dyn Stream>),
            // A target is one of its reach's.
            (Reach::Network { .. }, Target::Inside) => Err(ConnectError::Elsewhere),
        }
    };
    let connected = tokio::time::timeout(within, connecting).await;
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
