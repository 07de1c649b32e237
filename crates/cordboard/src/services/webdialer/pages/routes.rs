//! The HTTP edge of the pages: forms and cookies in, pages and cookies out. [webdialer §8.3]

use super::flow::{self, Answered, PATH, Visit};
use super::session::{Known, Preferences, Session};
use super::view;
use crate::app::App;
use crate::edge::forwarded::cookies_are_secure;
use crate::edge::{CALL_HEADER, Peer, Reply, Request, read_body};
use crate::services::webdialer::routes::{BODY_LIMIT, options};
use bytes::Bytes;
use cordboard_wire::webdialer::form::{Form, encode};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

/// What the pages name: style, script, logo.
pub(crate) const ASSETS: &str = "/webdialer/assets/";
/// The cookie that holds the session's id.
const SESSION: &str = "sess";
/// A cookie without an end of its own lasts so long: more than a year is cut short by browsers.
const LONG_S: u32 = 34_560_000;
const HTML: &str = "text/html; charset=utf-8";

/// Answers for the pages and what they name; `None`: the path is neither's.
pub(crate) async fn answer(app: &App, path: &str, request: Request) -> Result<Reply, Request> {
    if let Some(name) = path.strip_prefix(ASSETS) {
        return Ok(asset(app, name, request.method()));
    }
    if !path.eq_ignore_ascii_case(PATH) {
        return Err(request);
    }
    Ok(match *request.method() {
        Method::GET | Method::HEAD | Method::POST => page(app, request).await,
        Method::OPTIONS => options(),
        _ => Reply::empty(StatusCode::METHOD_NOT_ALLOWED),
    })
}

fn asset(app: &App, name: &str, method: &Method) -> Reply {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Reply::empty(StatusCode::METHOD_NOT_ALLOWED);
    }
    match app.pages.brand.asset(name) {
        Some((kind, bytes)) => Reply::bytes(StatusCode::OK, kind, bytes.to_vec())
            .with(header::CACHE_CONTROL, "public, max-age=3600")
            .with(header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        None => Reply::empty(StatusCode::NOT_FOUND),
    }
}

async fn page(app: &App, request: Request) -> Reply {
    let peer = request
        .extensions()
        .get::<Peer>()
        .copied()
        .unwrap_or_default();
    let method = request.method().clone();
    let headers = request.headers().clone();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let body = match method == Method::POST {
        true => match read_body(request, app.config.limits.body_bytes.min(BODY_LIMIT)).await {
            Ok(body) => body,
            Err(reply) => return reply,
        },
        false => Bytes::new(),
    };
    let visit = Visit {
        app,
        method: &method,
        headers: &headers,
        peer,
        form: Form::parse(&query, &body),
        in_address: Form::parse(&query, b"").raw("pwd").is_some(),
        id: cookie(&headers),
    };
    let answered = flow::answer(visit).await;
    let (now, expiry) = (app.clock.now(), app.config.webdialer.session_expiry_h);
    let signed_in_now = app.pages.sessions.count(now.instant.0, expiry);
    let metrics = &app.metrics.webdialer;
    metrics.page_requests.inc();
    if answered.failed {
        metrics.page_requests_failed.inc();
    }
    metrics
        .sessions_in_progress
        .set(i64::try_from(signed_in_now).unwrap_or(i64::MAX));
    reply(app, answered, peer)
}

/// Who is signed in, by the cookie that a browser sends.
pub(crate) fn signed_in(app: &App, headers: &HeaderMap) -> Option<Session> {
    let id = cookie(headers)?;
    let (directory, now) = (app.handle.directory(), app.clock.now().instant.0);
    let expiry = app.config.webdialer.session_expiry_h;
    match app.pages.sessions.find(&directory, Some(&id), now, expiry) {
        Known::SignedIn(session) => Some(session),
        Known::Expired | Known::Nobody => None,
    }
}

/// The session's id, as the browser sends it.
fn cookie(headers: &HeaderMap) -> Option<String> {
    let values = headers.get_all(header::COOKIE).iter();
    let pairs = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(';'));
    let mut pairs = pairs.filter_map(|pair| pair.trim().split_once('='));
    let (_, id) = pairs.find(|(name, id)| *name == SESSION && !id.is_empty())?;
    Some(id.to_owned())
}

fn reply(app: &App, answered: Answered, peer: Peer) -> Reply {
    let mut reply = if answered.refused {
        Reply::empty(StatusCode::METHOD_NOT_ALLOWED).with(header::ALLOW, "POST")
    } else if let Some(to) = &answered.to {
        Reply::empty(StatusCode::SEE_OTHER).with_named("location", to)
    } else {
        Reply::text(StatusCode::OK, HTML, answered.page)
    };
    let config = &app.config.webdialer;
    let referrer = match answered.names_sender {
        true => "strict-origin-when-cross-origin",
        false => "same-origin",
    };
    reply = reply
        .with(header::CACHE_CONTROL, "no-store")
        .with(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .with(HeaderName::from_static("referrer-policy"), referrer)
        .with_named(
            "content-security-policy",
            &view::policy(&config.frame_ancestors),
        );
    if config.frame_ancestors.is_empty() {
        reply = reply.with(header::X_FRAME_OPTIONS, "DENY");
    }
    let secure = match cookies_are_secure(&app.config.listen, peer) {
        true => "; Secure",
        false => "",
    };
    let age = match config.session_expiry_h {
        0 => LONG_S,
        hours => hours * 3_600,
    };
    if let Some(id) = &answered.begins {
        let value = format!(
            "{SESSION}={id}; Path=/webdialer; Max-Age={age}; HttpOnly; SameSite=Lax{secure}"
        );
        reply = reply.and_cookie(&value);
    }
    if answered.ends {
        reply = reply.and_cookie(&format!(
            "{SESSION}=; Path=/webdialer; Max-Age=0; HttpOnly; SameSite=Lax{secure}"
        ));
        for (name, _) in readable("", &Preferences::default()) {
            reply = reply.and_cookie(&format!(
                "{name}=; Path=/webdialer; Max-Age=0; SameSite=Lax{secure}"
            ));
        }
    }
    if let Some((user, preferences)) = &answered.told {
        for (name, value) in readable(user, preferences) {
            let value = format!(
                "{name}={}; Path=/webdialer; Max-Age={age}; SameSite=Lax{secure}",
                encode(&value)
            );
            reply = reply.and_cookie(&value);
        }
    }
    if let Some(call) = &answered.call {
        reply = reply.with_named(CALL_HEADER, call);
    }
    reply.noted(answered.notes)
}

/// The cookies that some programs read. Set for them; never looked at here.
fn readable(user: &str, preferences: &Preferences) -> [(&'static str, String); 7] {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    [
        ("uid", user.to_owned()),
        ("device", text(&preferences.device)),
        ("line", text(&preferences.line)),
        (
            "lang",
            preferences
                .language
                .clone()
                .unwrap_or_else(|| "null".to_owned()),
        ),
        ("em", preferences.device.is_none().to_string()),
        ("sconf", preferences.skip_confirmation.to_string()),
        ("noclose", preferences.no_auto_close.to_string()),
    ]
}

impl Reply {
    /// With one more cookie; one that cannot be a header value is left out.
    fn and_cookie(mut self, cookie: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(cookie) {
            self.headers_mut().append(header::SET_COOKIE, value);
        }
        self
    }
}
