//! A client of cordboard's own JSON API. Shapes are in `cordboard_wire::admin`.

mod events;

pub use events::{Event, Events, SILENCE};

use crate::http::{self, Address, BodyError, ServerError, innermost};
use crate::tls::Trust;
use cordboard_wire::Secret;
use cordboard_wire::admin::Problem;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, IF_MATCH};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::Value;
use std::time::Duration;

/// An answer may take so long; an import of a big directory takes its time.
const TIMEOUT: Duration = Duration::from_secs(120);
/// A connection may take so long to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// What is read of an answer at most.
const LONGEST_ANSWER: usize = 256 * 1024 * 1024;
/// The header by which cordboard names the call that a request placed.
const CALL_HEADER: HeaderName = HeaderName::from_static("cordboard-call");

/// What went wrong between us and the server.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AdminError {
    /// No answer: no connection, no trust in its certificate, too slow.
    #[error("{server} cannot be reached: {why}")]
    Unreachable {
        /// The server's address.
        server: String,
        /// Why, in one line.
        why: String,
    },
    /// An answer, but not this API's.
    #[error("{server} does not speak cordboard's API: {what}")]
    NotThisProtocol {
        /// The server's address.
        server: String,
        /// What it said instead.
        what: String,
    },
    /// The server understood, and says no.
    #[error("{}", told(.0))]
    Refused(Problem),
}

fn told(problem: &Problem) -> String {
    match &problem.detail {
        Some(detail) if detail.eq_ignore_ascii_case(&problem.title) => problem.title.clone(),
        Some(detail) => format!("{}: {detail}", problem.title),
        None => problem.title.clone(),
    }
}

/// A yes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The body; null where there is none.
    pub body: Value,
    /// The body as text, where it is not JSON.
    pub text: Option<String>,
    /// The entry's tag, for If-Match.
    pub tag: Option<String>,
    /// The call that was placed.
    pub call: Option<String>,
}

/// A client of one server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AdminClient {
    address: String,
    http: Client,
    token: Option<Secret>,
    silence: Duration,
}

/// What a request carries beside its address.
#[derive(Clone, Debug, Default)]
pub struct Ask<'a> {
    /// If-Match.
    pub tag: Option<&'a str>,
    /// A JSON body.
    pub json: Option<&'a Value>,
    /// Another body: its type and its bytes.
    pub bytes: Option<(&'a str, Vec<u8>)>,
    /// What is wanted, if not JSON.
    pub accept: Option<&'a str>,
}

impl AdminClient {
    /// A client of the server at this address, such as `https://cordboard.example.com:8443`.
    ///
    /// # Errors
    /// The address is none, or the trust cannot be had.
    pub fn new(address: &str, trust: &Trust, token: Option<Secret>) -> Result<Self, ServerError> {
        let address = Address::parse(address)?;
        let http = address
            .client(trust)?
            .connect_timeout(CONNECT_TIMEOUT)
            .build()?;
        Ok(Self {
            address: address.origin,
            http,
            token,
            silence: SILENCE,
        })
    }

    /// Takes a stream of events for lost after another time than [`SILENCE`] without a byte.
    pub fn with_silence(mut self, silence: Duration) -> Self {
        self.silence = silence;
        self
    }

    /// The server's address.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Asks: `path` begins with `/api/v1/`, its pieces escaped by [`path`].
    ///
    /// # Errors
    /// What the server refuses, or that there is none.
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        ask: Ask<'_>,
    ) -> Result<Answer, AdminError> {
        // The URL's library would walk up and ask for something else.
        let pieces = path.split('?').next().unwrap_or_default().split('/');
        if let Some(dots) = pieces
            .into_iter()
            .find(|piece| matches!(*piece, "." | ".."))
        {
            return Err(AdminError::Refused(Problem {
                kind: "urn:cordboard:problem:bad-request".to_owned(),
                title: "The request cannot be understood".to_owned(),
                status: 400,
                detail: Some(format!("nothing is named `{dots}`")),
            }));
        }
        let mut request = self.request(method, path).timeout(TIMEOUT);
        if let Some(tag) = ask.tag {
            request = request.header(IF_MATCH, tag);
        }
        if let Some(accept) = ask.accept {
            request = request.header(ACCEPT, accept);
        }
        if let Some(json) = ask.json {
            request = request
                .header(CONTENT_TYPE, "application/json")
                .body(json.to_string());
        } else if let Some((kind, bytes)) = ask.bytes {
            request = request.header(CONTENT_TYPE, kind).body(bytes);
        }
        let response = request.send().await.map_err(|e| self.failed(e))?;
        self.read(response).await
    }

    /// Reads a body of any length and gives it to `write` piece by piece, which returns `false` to end early.
    ///
    /// # Errors
    /// As [`AdminClient::ask`]; also if the body ends before it is complete.
    pub async fn download(
        &self,
        path: &str,
        mut write: impl FnMut(&[u8]) -> bool,
    ) -> Result<(), AdminError> {
        // The server makes the whole body before it sends the first byte.
        let sent = self.request(Method::GET, path).send();
        let sent = tokio::time::timeout(TIMEOUT, sent).await;
        let mut response = match sent {
            Ok(sent) => sent.map_err(|error| self.failed(error))?,
            Err(_) => return Err(self.silent(TIMEOUT)),
        };
        let kind = response.headers().get(CONTENT_TYPE);
        let binary = kind.is_some_and(|kind| kind.as_bytes() == b"application/octet-stream");
        if !(binary && response.status().is_success()) {
            self.read(response).await?;
            return Err(self.not_this_protocol("no file"));
        }
        while let Some(bytes) = self.unless_silent(response.chunk()).await? {
            if !write(&bytes) {
                break;
            }
        }
        Ok(())
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.address));
        match &self.token {
            Some(token) => request.header(AUTHORIZATION, format!("Bearer {}", token.expose())),
            None => request,
        }
    }

    async fn read(&self, response: Response) -> Result<Answer, AdminError> {
        let status = response.status();
        let text = |headers: &HeaderMap, name: &HeaderName| {
            headers.get(name)?.to_str().ok().map(str::to_owned)
        };
        let kind = text(response.headers(), &CONTENT_TYPE).unwrap_or_default();
        let tag = text(response.headers(), &ETAG);
        let call = text(response.headers(), &CALL_HEADER);
        let body = http::body(response, LONGEST_ANSWER).await;
        let body = body.map_err(|error| match error {
            BodyError::Broken(error) => self.failed(error),
            BodyError::Endless => self.not_this_protocol("an answer without end"),
        })?;
        if kind.starts_with("application/problem+json") {
            return Err(match serde_json::from_slice(&body) {
                Ok(problem) => AdminError::Refused(problem),
                Err(_) => self.not_this_protocol(format!("HTTP {status}")),
            });
        }
        if !status.is_success() {
            return Err(self.not_this_protocol(format!("HTTP {status}")));
        }
        let answer = Answer {
            tag,
            call,
            ..Answer::default()
        };
        if body.is_empty() {
            return Ok(answer);
        }
        if !kind.starts_with("application/json") {
            let text = String::from_utf8(body).ok();
            return match text {
                Some(text) => Ok(Answer {
                    text: Some(text),
                    ..answer
                }),
                None => Err(self.not_this_protocol(format!("a body of type {kind}"))),
            };
        }
        match serde_json::from_slice(&body) {
            Ok(body) => Ok(Answer { body, ..answer }),
            Err(_) => Err(self.not_this_protocol("a body that is no JSON")),
        }
    }

    /// Listens to events: those after `since`, or from now on.
    ///
    /// # Errors
    /// As [`AdminClient::ask`].
    pub async fn events(&self, since: Option<u64>) -> Result<Events, AdminError> {
        let mut request = self
            .request(Method::GET, "/api/v1/events")
            .header(ACCEPT, "text/event-stream");
        if let Some(since) = since {
            request = request.header("last-event-id", since.to_string());
        }
        let response = self.unless_silent(request.send()).await?;
        let kind = response.headers().get(CONTENT_TYPE);
        if !kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream")) {
            self.read(response).await?;
            return Err(self.not_this_protocol("no events"));
        }
        Ok(Events::new(self.clone(), response, since))
    }

    /// Waits for what a stream brings, but not for ever: a connection that a firewall forgot says nothing more.
    async fn unless_silent<T>(
        &self,
        heard: impl Future<Output = Result<T, reqwest::Error>>,
    ) -> Result<T, AdminError> {
        match tokio::time::timeout(self.silence, heard).await {
            Ok(heard) => heard.map_err(|error| self.failed(error)),
            Err(_) => Err(self.silent(self.silence)),
        }
    }

    fn silent(&self, silence: Duration) -> AdminError {
        AdminError::Unreachable {
            server: self.address.clone(),
            why: format!("it has said nothing for {} s", silence.as_secs()),
        }
    }

    fn failed(&self, error: reqwest::Error) -> AdminError {
        AdminError::Unreachable {
            server: self.address.clone(),
            why: innermost(error),
        }
    }

    fn not_this_protocol(&self, what: impl Into<String>) -> AdminError {
        AdminError::NotThisProtocol {
            server: self.address.clone(),
            what: what.into(),
        }
    }
}

/// A path below `/api/v1`, each piece escaped.
pub fn path(pieces: &[&str]) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const PIECE: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'_')
        .remove(b'.')
        .remove(b'~');
    let mut path = "/api/v1".to_owned();
    for piece in pieces {
        path.push('/');
        path.extend(utf8_percent_encode(piece, PIECE));
    }
    path
}
