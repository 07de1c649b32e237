//! One server: its address, how to reach it, how long to wait.

use super::ClientError;
use crate::http::{self, Address, BodyError, ServerError, innermost};
use crate::tls::Trust;
use cordboard_wire::webdialer::Dialect;
use reqwest::{Client, Response};
use std::str::FromStr;
use std::time::Duration;

/// Which dialect to speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DialectChoice {
    /// What the server has: AX2, else W70, else LEG. [webdialer §12]
    #[default]
    Auto,
    /// This one.
    Fixed(Dialect),
}

/// A word that names no dialect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no dialect: auto, ax2, w70 or leg")]
pub struct UnknownDialect(String);

impl FromStr for DialectChoice {
    type Err = UnknownDialect;

    /// Reads `auto`, `ax2`, `w70`, `leg`.
    fn from_str(word: &str) -> Result<Self, UnknownDialect> {
        match word.to_ascii_lowercase().as_str() {
            "auto" => Ok(Self::Auto),
            "ax2" => Ok(Self::Fixed(Dialect::Axis2)),
            "w70" => Ok(Self::Fixed(Dialect::Wd70)),
            "leg" => Ok(Self::Fixed(Dialect::Legacy)),
            _ => Err(UnknownDialect(word.to_owned())),
        }
    }
}

/// How a client behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Which dialect to speak.
    pub dialect: DialectChoice,
    /// Which dialect to look for first, because the server had it the last time.
    pub likely: Option<Dialect>,
    /// How long makeCallSoap may take: 30 s, for a server that has to open its telephony first.
    pub call_timeout: Duration,
    /// How long everything else may take: 10 s.
    pub timeout: Duration,
    /// How long to wait before asking again after code 9, jitter of a quarter not counted: 1 s.
    pub overload_wait: Duration,
    /// How often to ask again after code 9: twice.
    pub overload_retries: u32,
    /// How many bytes of an answer are read at most: 16 MiB, as the decoder reads.
    pub longest_answer: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            dialect: DialectChoice::Auto,
            likely: None,
            call_timeout: Duration::from_secs(30),
            timeout: Duration::from_secs(10),
            overload_wait: Duration::from_secs(1),
            overload_retries: 2,
            longest_answer: LONGEST_ANSWER,
        }
    }
}

/// What is read of an answer at most; the decoder has the same limit.
const LONGEST_ANSWER: usize = 16 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct Server {
    /// Scheme, host and port.
    pub(super) address: String,
    pub(super) http: Client,
    pub(super) options: Options,
}

impl Server {
    pub(super) fn new(
        address: &str,
        trust: &Trust,
        options: Options,
    ) -> Result<(Self, Option<Dialect>), ServerError> {
        let place = Address::parse(address)?;
        let Address { url, origin } = &place;
        let last = url.path().trim_end_matches('/').rsplit('/').next();
        let in_path = last.and_then(Dialect::from_service_name);
        let services = url.path().contains("/services/");
        let dialect = match options.dialect {
            DialectChoice::Fixed(dialect) => Some(dialect),
            DialectChoice::Auto => in_path.filter(|_| services),
        };
        let http = place
            .client(trust)?
            .connect_timeout(options.timeout)
            .build()?;
        let server = Self {
            address: origin.clone(),
            http,
            options,
        };
        Ok((server, dialect))
    }

    pub(super) fn url(&self, dialect: Dialect) -> String {
        format!("{}{}", self.address, dialect.service_path())
    }

    pub(super) fn unreachable(&self, why: impl Into<String>) -> ClientError {
        ClientError::Unreachable {
            server: self.address.clone(),
            why: why.into(),
        }
    }

    pub(super) fn not_this_protocol(&self, what: impl Into<String>) -> ClientError {
        ClientError::NotThisProtocol {
            server: self.address.clone(),
            what: what.into(),
        }
    }

    pub(super) fn failed(&self, error: reqwest::Error) -> ClientError {
        self.unreachable(innermost(error))
    }

    /// Reads a body, but no endless one.
    pub(super) async fn body(&self, response: Response) -> Result<Vec<u8>, ClientError> {
        let body = http::body(response, self.options.longest_answer).await;
        body.map_err(|error| match error {
            BodyError::Broken(error) => self.failed(error),
            BodyError::Endless => self.not_this_protocol("an answer without end"),
        })
    }
}
