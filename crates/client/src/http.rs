//! What all HTTP clients share: a server's address and how it is reached.

use crate::tls::{TlsError, Trust, client_config};
use reqwest::{Client, ClientBuilder, Response, Url, redirect};

/// Why a client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address is no `http` or `https` URL with a host.
    #[error("'{0}' is not a server's address, such as https://cucm.example.com:8443")]
    Address(String),
    /// The trust that was asked for cannot be had.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The HTTP client refused its settings.
    #[error("the HTTP client cannot be set up: {0}")]
    Http(#[from] reqwest::Error),
}

/// A server's address.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    /// As it was given.
    pub(crate) url: Url,
    /// Scheme, host and port.
    pub(crate) origin: String,
}

impl Address {
    pub(crate) fn parse(address: &str) -> Result<Self, ServerError> {
        let refuse = || ServerError::Address(without_credentials(address));
        let url = Url::parse(address.trim()).map_err(|_| refuse())?;
        let fine = matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none();
        if !fine {
            return Err(refuse());
        }
        Ok(Self {
            origin: url.origin().ascii_serialization(),
            url,
        })
    }

    /// The beginnings of a client: it follows no redirect and asks no proxy of the environment.
    pub(crate) fn client(&self, trust: &Trust) -> Result<ClientBuilder, ServerError> {
        // Nothing of TLS is looked at for a clear-text server, missing roots included.
        let trust = if self.url.scheme() == "https" {
            trust
        } else {
            &Trust::Insecure
        };
        Ok(Client::builder()
            .tls_backend_preconfigured(client_config(trust)?)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .user_agent(concat!("cordboard/", env!("CARGO_PKG_VERSION"))))
    }
}

/// Words for a request that got no answer. The URL is left out: the address stands beside it.
pub(crate) fn innermost(error: reqwest::Error) -> String {
    let error = error.without_url();
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    // The innermost cause says most: "Connection refused", "invalid peer certificate".
    let mut cause: &dyn std::error::Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// Why a body was not read to its end.
#[derive(Debug)]
pub(crate) enum BodyError {
    /// The connection failed meanwhile.
    Broken(reqwest::Error),
    /// It is longer than anybody would send.
    Endless,
}

/// Reads a body, but no endless one.
pub(crate) async fn body(mut response: Response, longest: usize) -> Result<Vec<u8>, BodyError> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(BodyError::Broken)? {
        if body.len() + piece.len() > longest {
            return Err(BodyError::Endless);
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

/// An address as it may be shown: one with a password in it is refused, and not repeated.
fn without_credentials(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((_, rest)) => format!("…@{rest}"),
        None => address.to_owned(),
    }
}
