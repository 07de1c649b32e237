//! The Redirector: sends a browser to the cluster that is its user's home. [webdialer §8.5]
//!
//! Where it sends anybody, and whom it asks, comes from the configuration alone. Of a request only the user id is looked at;
//! the number is passed on as it is written, and a GET passes on nothing else.

use super::homes::{Found, Said, USER_BYTES};
use super::pages;
use super::pages::session::Session;
use super::pages::view::Look;
use super::pages::words::{Language, Message, Words};
use super::perform::is_here;
use super::routes;
use crate::app::App;
use crate::edge::{Peer, Reply, Request};
use crate::journal::Notes;
use askama::Template;
use bytes::Bytes;
use cordboard_wire::webdialer::form::Form;
use http::{Method, StatusCode, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use prometheus_client::metrics::gauge::Gauge;

/// Where the Redirector is, by its present and its former name.
pub(super) const PATHS: [&str; 2] = ["/webdialer/WebdialerRedirector", "/webdialer/Redirector"];
/// Where the pages are, here and at every other cluster.
const PAGES: &str = "/webdialer/Webdialer";
/// A number as it is written in a request is at most this long; escaped, six letters may stand for one digit.
const DESTINATION_BYTES: usize = 1_024;

/// What of a written number may stand in an address as it is: escapes are passed on, not read.
const WRITTEN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'%')
    .remove(b'+')
    .remove(b'*')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

#[derive(Template)]
#[template(path = "redirector/page.html")]
struct Page<'a> {
    look: Look<'a>,
    words: &'static Words,
    title: &'static str,
    message: Option<&'static str>,
    alarm: bool,
    clusters: Vec<(&'a str, &'static str)>,
    uid: &'a str,
    destination: &'a str,
}

/// Counts what is being answered, for as long as it lives.
struct InProgress<'a>(&'a Gauge);

impl<'a> InProgress<'a> {
    fn new(gauge: &'a Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for InProgress<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Answers a request at one of [`PATHS`].
pub(super) async fn answer(app: &App, request: Request) -> Reply {
    let method = request.method().clone();
    match method {
        Method::GET | Method::HEAD | Method::POST => {}
        Method::OPTIONS => return routes::options(),
        _ => return Reply::empty(StatusCode::METHOD_NOT_ALLOWED),
    }
    let metrics = &app.metrics.webdialer;
    let _in_progress = InProgress::new(&metrics.redirector_sessions_in_progress);
    let peer = request.extensions().get::<Peer>().copied();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let session = pages::routes::signed_in(app, request.headers());
    let accepted = request.headers().get(header::ACCEPT_LANGUAGE);
    let accepted = accepted.and_then(|value| value.to_str().ok());
    let accepted = accepted.map(str::to_owned);
    let limit = app.config.limits.body_bytes.min(routes::BODY_LIMIT);
    let body = match method == Method::POST {
        true => match crate::edge::read_body(request, limit).await {
            Ok(body) => body,
            Err(reply) => return reply,
        },
        false => Bytes::new(),
    };
    let asked = Asked {
        form: Form::parse(&query, &body),
        in_query: Form::parse(&query, b""),
        in_body: Form::parse("", &body),
        session,
        accepted,
        peer: peer.unwrap_or_default(),
    };
    let reply = redirect(app, &asked).await;
    metrics.redirector_sessions.inc();
    reply
}

/// What came in, read as the pages read it.
struct Asked {
    form: Form,
    in_query: Form,
    in_body: Form,
    session: Option<Session>,
    accepted: Option<String>,
    peer: Peer,
}

impl Asked {
    fn language(&self) -> Language {
        let preferences = self.session.as_ref().and_then(|s| s.preferences.as_ref());
        let preferred = preferences.and_then(|chosen| chosen.language.as_deref());
        let hints = ["lang", "loc"].map(|name| self.form.get(name));
        Language::choose(preferred, hints, self.accepted.as_deref())
    }
}

async fn redirect(app: &App, asked: &Asked) -> Reply {
    let written = asked.form.written("destination").unwrap_or_default();
    if written.len() > DESTINATION_BYTES {
        return Reply::empty(StatusCode::BAD_REQUEST);
    }
    let destination = asked.form.destination().unwrap_or_default();
    // Who is not named may be signed in on the pages here.
    let signed_in = asked.session.as_ref().map(|session| session.user.as_str());
    let uid = asked.form.get("uid").or(signed_in).unwrap_or_default();
    let look = Look {
        language: asked.language(),
        brand: &app.pages.brand,
        user: None,
    };
    let words = look.language.words();
    let page = |message: Option<Message>, clusters| Page {
        look,
        words,
        title: words.titles[5],
        message: message.map(|message| words.message(message)),
        alarm: true,
        clusters,
        uid,
        destination: &destination,
    };
    if uid.is_empty() {
        return shown(app, StatusCode::OK, &page(None, Vec::new()));
    }
    let notes = Notes::default()
        .field("user", uid.to_owned())
        .field("destination", destination.clone());
    // Unlike a cluster's question, a browser's is limited wherever it comes from.
    let now = app.clock.now().instant.0;
    if !app.lookups.admit(asked.peer.address.ip(), now) {
        let busy = page(Some(Message::Unavailable), Vec::new());
        return shown(app, StatusCode::SERVICE_UNAVAILABLE, &busy).noted(notes);
    }
    let unknown = uid.len() > USER_BYTES;
    let blind = app.faults.directory_down();
    let local = !blind && !unknown && is_here(app, uid);
    let to = if local {
        Some(String::new())
    } else {
        let found = app.homes.find(uid).await;
        let home = found.home.and_then(|index| app.homes.address(index));
        if home.is_none() {
            let (status, message) = match blind {
                true => (StatusCode::SERVICE_UNAVAILABLE, Message::Unavailable),
                false => (StatusCode::OK, Message::AuthenticationFailed),
            };
            let here = if blind { Said::NoAnswer } else { Said::No };
            let page = page(Some(message), said(app, words, here, &found));
            return shown(app, status, &page).noted(notes.field("home", "unknown"));
        }
        home.map(str::to_owned)
    };
    let to = to.unwrap_or_default();
    // Whoever posts the credentials of an application posts them again, to an address of the configuration.
    let again = asked.in_body.get("appid").is_some();
    let carried = match again {
        true => asked.in_query.written("destination"),
        false => Some(written),
    };
    let carried = carried
        .filter(|written| !written.is_empty())
        .map(|written| {
            let written = String::from_utf8_lossy(written);
            let written = utf8_percent_encode(&written, WRITTEN);
            format!("?destination={written}")
        });
    let location = format!("{to}{PAGES}{}", carried.unwrap_or_default());
    let status = match again {
        true => StatusCode::TEMPORARY_REDIRECT,
        false => StatusCode::FOUND,
    };
    let home = if local { "here".to_owned() } else { to };
    Reply::empty(status)
        .with_named("location", &location)
        .with(header::CACHE_CONTROL, "no-store")
        .with(header::REFERRER_POLICY, "no-referrer")
        .noted(notes.field("home", home))
}

/// What each cluster said, by its name.
fn said<'a>(
    app: &'a App,
    words: &'static Words,
    here: Said,
    found: &Found,
) -> Vec<(&'a str, &'static str)> {
    let word = |said: Said| {
        let [yes, no, no_answer, not_asked] = words.said;
        match said {
            Said::Yes => yes,
            Said::No => no,
            Said::NoAnswer => no_answer,
            Said::NotAsked => not_asked,
        }
    };
    let others = app.homes.names().zip(&found.said);
    let others = others.map(|(name, said)| (name, word(*said)));
    std::iter::once((words.this_one, word(here)))
        .chain(others)
        .collect()
}

fn shown(app: &App, status: StatusCode, page: &Page<'_>) -> Reply {
    // The only thing that can fail is writing to a string.
    let Ok(html) = page.render() else {
        return Reply::empty(StatusCode::INTERNAL_SERVER_ERROR);
    };
    let ancestors = match app.config.webdialer.frame_ancestors.join(" ") {
        none if none.is_empty() => "'none'".to_owned(),
        sites => sites,
    };
    // Browsers hold a form to this policy where it is redirected, too, which is to another cluster.
    let policy = format!(
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self' https:; frame-ancestors {ancestors}"
    );
    Reply::text(status, cordboard_wire::webdialer::pages::PAGE_TYPE, html)
        .with_named("content-security-policy", &policy)
        .with(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .with(header::REFERRER_POLICY, "no-referrer")
        .with(header::CACHE_CONTROL, "no-store")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_passed_on_as_it_is_written_and_can_break_nothing() {
        for (written, passed) in [
            ("%2B1408", "%2B1408"),
            ("+1408", "+1408"),
            ("%u0031", "%u0031"),
            ("1\r\nSet-Cookie: a=b", "1%0D%0ASet-Cookie%3A%20a%3Db"),
            ("//evil.example", "%2F%2Fevil.example"),
            ("ä#?", "%C3%A4%23%3F"),
        ] {
            assert_eq!(utf8_percent_encode(written, WRITTEN).to_string(), passed);
        }
    }
}
