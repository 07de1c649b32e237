//! One node: its address, how to reach it, one request and its answer.

use super::{Form, MobilityError, Options, form, raw};
use crate::http::{self, Address, BodyError, ServerError, innermost};
use crate::tls::{Trust, client_config};
use cordboard_wire::Secret;
use cordboard_wire::mobility::{Answer, decode_answer};
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Client, Url};
use std::sync::Arc;

/// Where the servlet is unless the address says otherwise. [mobility §2.1]
const PATH: &str = "/emservice/EMServiceServlet";
/// What is read of an answer at most.
pub(super) const LONGEST_ANSWER: usize = 16 * 1024 * 1024;
/// How much of another protocol's answer is shown.
const SHOWN: usize = 80;

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Failed {
    /// Nothing was carried out: the node was not reached, or its service is stopped or not activated.
    Not(MobilityError),
    /// It may have been carried out, and the answer was lost.
    Lost(MobilityError),
    /// It may have been carried out; the node answered, but nothing that can be read.
    Unread(MobilityError),
}

#[derive(Debug)]
pub(super) struct Node {
    /// Scheme, host and port.
    pub(super) address: String,
    url: Url,
    http: Client,
    /// For what the HTTP client cannot send.
    tls: Option<Arc<rustls::ClientConfig>>,
}

/// What came back.
pub(super) struct Received {
    pub(super) status: u16,
    pub(super) content_type: Option<String>,
    pub(super) body: Vec<u8>,
}

impl Node {
    pub(super) fn new(
        address: &str,
        trust: &Trust,
        options: &Options,
    ) -> Result<Self, ServerError> {
        let place = Address::parse(address)?;
        let http = place
            .client(trust)?
            .connect_timeout(options.connect_timeout)
            .timeout(options.timeout)
            .build()?;
        let mut url = place.url;
        url.set_query(None);
        url.set_fragment(None);
        if url.path() == "/" {
            url.set_path(PATH);
        }
        let by_hand = options.form == Form::GetRaw && url.scheme() == "https";
        let tls = by_hand.then(|| client_config(trust)).transpose()?;
        Ok(Self {
            address: place.origin,
            url,
            http,
            tls: tls.map(Arc::new),
        })
    }

    /// Sends a document in a form and reads the answer.
    pub(super) async fn ask(
        &self,
        options: &Options,
        document: &str,
        secret: &Secret,
    ) -> Result<Answer, Failed> {
        let received = match options.form {
            Form::GetRaw => {
                let target = format!("{}?{}", self.url.path(), form::raw_pair(document));
                raw::get(self, &self.url, self.tls.clone(), &target, options).await?
            }
            Form::Post | Form::Multipart | Form::Get => self.send(options.form, document).await?,
        };
        self.read(&received, secret)
    }

    async fn send(&self, form: Form, document: &str) -> Result<Received, Failed> {
        let request = match form {
            Form::Multipart => {
                let (content_type, body) = form::multipart(document);
                let post = self.http.post(self.url.clone());
                post.header(CONTENT_TYPE, content_type).body(body)
            }
            Form::Get | Form::GetRaw => {
                let mut url = self.url.clone();
                url.set_query(Some(&form::pair(document)));
                self.http.get(url)
            }
            Form::Post => self
                .http
                .post(self.url.clone())
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(form::pair(document)),
        };
        let response = request.header(ACCEPT, "text/xml").send().await;
        let response = response.map_err(|error| {
            let not = error.is_connect();
            let error = self.unreachable(innermost(error));
            if not {
                Failed::Not(error)
            } else {
                Failed::Lost(error)
            }
        })?;
        let status = response.status().as_u16();
        let content_type = response.headers().get(CONTENT_TYPE);
        let content_type = content_type.and_then(|value| Some(value.to_str().ok()?.to_owned()));
        let body = http::body(response, LONGEST_ANSWER).await;
        let body = body.map_err(|error| match error {
            BodyError::Broken(error) => Failed::Lost(self.unreachable(innermost(error))),
            BodyError::Endless => Failed::Unread(self.not_this_protocol("an answer without end")),
        })?;
        Ok(Received {
            status,
            content_type,
            body,
        })
    }

    fn read(&self, received: &Received, secret: &Secret) -> Result<Answer, Failed> {
        let charset = received.content_type.as_deref().and_then(charset);
        let why = match (received.status, decode_answer(&received.body, charset)) {
            (200, Ok(answer)) => return Ok(answer),
            (404, _) => {
                let why = "the service is not activated there (HTTP 404)";
                return Err(Failed::Not(self.not_this_protocol(why)));
            }
            (503, _) => {
                let why = "the service is stopped there (HTTP 503)";
                return Err(Failed::Not(self.unreachable(why)));
            }
            (200, Err(error)) => error.to_string(),
            (status, _) => format!("HTTP {status}"),
        };
        let what = match shown(&received.body, secret) {
            Some(beginning) => format!("{why}: {beginning}"),
            None => why,
        };
        Err(Failed::Unread(self.not_this_protocol(what)))
    }

    pub(super) fn unreachable(&self, why: impl Into<String>) -> MobilityError {
        MobilityError::Unreachable {
            server: self.address.clone(),
            why: why.into(),
        }
    }

    pub(super) fn not_this_protocol(&self, what: impl Into<String>) -> MobilityError {
        MobilityError::NotThisProtocol {
            server: self.address.clone(),
            what: what.into(),
        }
    }
}

/// The beginning of a body on one line, unless it repeats what was sent: that holds the password.
fn shown(body: &[u8], secret: &Secret) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let repeats =
        text.contains("appCertificate") || (!secret.is_empty() && text.contains(secret.expose()));
    let words: Vec<&str> = text.split_whitespace().collect();
    let line: String = words.join(" ").chars().take(SHOWN).collect();
    let clean: String = line.chars().filter(|c| !c.is_control()).collect();
    (!repeats && !clean.is_empty()).then_some(clean)
}

fn charset(content_type: &str) -> Option<&str> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let charset = name.trim().eq_ignore_ascii_case("charset");
        charset.then(|| value.trim().trim_matches('"'))
    })
}
