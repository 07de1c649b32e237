//! Who may use the JSON API: everybody on this machine in the lab, whoever has a token with the right role elsewhere.

use super::problem::Problem;
use crate::app::App;
use crate::edge::Peer;
use crate::services::tokens::Held;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

/// The interfaces that something can be pushed through.
const PUSH: [&str; 2] = ["phone", "presence"];

/// What a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    Admin,
    /// See everything but tokens, place calls and act on them.
    Operator,
    /// See everything but tokens.
    Reader,
    /// Push through one interface, and nothing else.
    Push(&'static str),
}

impl Role {
    fn allows(self, need: Need) -> bool {
        match self {
            Self::Admin => true,
            Self::Operator => matches!(need, Need::Read | Need::Operate | Need::Push(_)),
            Self::Reader => need == Need::Read,
            Self::Push(interface) => need == Need::Push(interface),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Admin => f.write_str("admin"),
            Self::Operator => f.write_str("operator"),
            Self::Reader => f.write_str("reader"),
            Self::Push(interface) => write!(f, "push:{interface}"),
        }
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "admin" => return Ok(Self::Admin),
            "operator" => return Ok(Self::Operator),
            "reader" => return Ok(Self::Reader),
            _ => {}
        }
        let interface = text.strip_prefix("push:").unwrap_or_default();
        match PUSH.into_iter().find(|word| *word == interface) {
            Some(word) => Ok(Self::Push(word)),
            None => Err(format!(
                "there is no role `{text}`; there are admin, operator, reader, push:phone and push:presence"
            )),
        }
    }
}

/// What a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    /// Nothing: it tells no secret and changes nothing.
    Nothing,
    /// To see.
    Read,
    /// To place calls and act on them.
    Operate,
    /// To push through an interface.
    Push(&'static str),
    /// To change who may do what.
    Administrate,
}

/// What a request to the API needs, by method and path. What is not named here needs an administrator.
fn need(method: &Method, path: &str) -> Need {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let reads = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    match parts.as_slice() {
        ["api", "v1", "openapi.json"] if reads => Need::Nothing,
        ["api", "v1", "tokens", ..] | ["api", "v1", "users", _, "tokens", ..] => Need::Administrate,
        ["api", "v1", "directory", "secrets"] | ["api", "v1", "backup"] => Need::Administrate,
        ["api", ..] if reads => Need::Read,
        ["api", "v1", "explain", ..] => Need::Read,
        ["api", "v1", "calls" | "mobility", ..] => Need::Operate,
        ["api", "v1", "phones", _, "push", ..] => Need::Push("phone"),
        ["api", "v1", "presence", ..] => Need::Push("presence"),
        ["api", ..] => Need::Administrate,
        // Health, metrics, and addresses where there is nothing.
        _ => Need::Nothing,
    }
}

/// Lets a request through, or answers 401 or 403.
pub(super) async fn guard(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    let need = need(request.method(), request.uri().path());
    let peer = request.extensions().get::<Peer>().copied();
    match allowed(&app, need, peer.unwrap_or_default(), request.headers()) {
        Ok(held) => {
            // What goes on for longer than an answer asks about it again.
            if let Some(held) = held {
                request.extensions_mut().insert(held);
            }
            next.run(request).await
        }
        Err(problem) => {
            let mut response = problem.into_response();
            if response.status() == StatusCode::UNAUTHORIZED {
                let scheme = HeaderValue::from_static("Bearer realm=\"cordboard\"");
                response
                    .headers_mut()
                    .insert(header::WWW_AUTHENTICATE, scheme);
            }
            response
        }
    }
}

/// The token that allows it; `None` where none is needed.
fn allowed(
    app: &App,
    need: Need,
    peer: Peer,
    headers: &HeaderMap,
) -> Result<Option<Held>, Problem> {
    if need == Need::Nothing {
        return Ok(None);
    }
    let Some(given) = headers.get(header::AUTHORIZATION) else {
        if !app.serves.open_api || !peer.address.ip().is_loopback() {
            return Err(unauthorized("send a token: `Authorization: Bearer …`"));
        }
        return ours(headers).map(|()| None);
    };
    let token = given.to_str().ok().and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme
            .eq_ignore_ascii_case("bearer")
            .then_some(token.trim())
    });
    let now = app.clock.now().wall.0;
    let known = token.and_then(|token| app.auth.tokens.hold_api(token, now));
    let Some((known, held)) = known else {
        return Err(unauthorized("there is no such token, or it has expired"));
    };
    app.auth.token_used("api", &known.hash, now);
    let roles = known.roles.iter().filter_map(|role| role.parse().ok());
    if roles.into_iter().any(|role: Role| role.allows(need)) {
        return Ok(Some(held));
    }
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "not-allowed",
        "The token's role does not allow it",
    )
    .because(format!("its roles are: {}", known.roles.join(", "))))
}

fn unauthorized(why: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "no-token", "A token is needed").because(why)
}

/// The lab trusts this machine, but not the pages of other sites that a browser on it happens to show: neither a page that
/// posts here, nor one whose name was made to lead here. For the second the name is always asked: a browser that reads its own
/// site over clear text says nothing else about where the request comes from.
fn ours(headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text("host").unwrap_or_default();
    if !is_here(host) {
        return Err(foreign(format!(
            "`{host}` is not 127.0.0.1, [::1] or localhost; ask by one of these, or send a token"
        )));
    }
    let from_elsewhere = matches!(text("sec-fetch-site"), Some("cross-site" | "same-site"));
    let origin = text("origin").map(|o| o.split_once("://").map_or(o, |(_, host)| host));
    if from_elsewhere || !origin.is_none_or(is_here) {
        return Err(foreign(
            "the request comes from a page of another site; send a token to allow it",
        ));
    }
    Ok(())
}

fn foreign(why: impl Into<String>) -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "foreign-site",
        "Not for pages of other sites",
    )
    .because(why)
}

/// Does this name this machine?
fn is_here(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_request_needs_depends_on_method_and_path_and_unknown_ones_need_most() {
        for (method, path, expected) in [
            (Method::GET, "/api/v1/openapi.json", Need::Nothing),
            (Method::GET, "/api/v1/users", Need::Read),
            (Method::GET, "/api/v1/users/bill/tokens", Need::Administrate),
            (Method::GET, "/api/v1/tokens", Need::Administrate),
            (Method::GET, "/api/v1/backup", Need::Administrate),
            (Method::PUT, "/api/v1/users/bill", Need::Administrate),
            (Method::POST, "/api/v1/calls", Need::Operate),
            (Method::POST, "/api/v1/calls/c-1/hold", Need::Operate),
            (Method::POST, "/api/v1/explain/dial", Need::Read),
            (
                Method::POST,
                "/api/v1/phones/SEPA/push",
                Need::Push("phone"),
            ),
            (Method::POST, "/api/v1/lab/reset", Need::Administrate),
            (Method::POST, "/api/v1/whatever", Need::Administrate),
            (Method::GET, "/metrics", Need::Nothing),
        ] {
            assert_eq!(need(&method, path), expected, "{method} {path}");
        }
    }

    #[test]
    fn a_role_allows_what_its_word_says_and_no_more() {
        let needs = [
            Need::Read,
            Need::Operate,
            Need::Push("phone"),
            Need::Administrate,
        ];
        for (word, allowed) in [
            ("admin", [true, true, true, true]),
            ("operator", [true, true, true, false]),
            ("reader", [true, false, false, false]),
            ("push:phone", [false, false, true, false]),
            ("push:presence", [false, false, false, false]),
        ] {
            let role: Role = word.parse().unwrap();
            assert_eq!(role.to_string(), word);
            assert_eq!(needs.map(|need| role.allows(need)), allowed, "{word}");
        }
        assert!("push:webdialer".parse::<Role>().is_err());
    }

    #[test]
    fn a_browser_may_ask_from_pages_of_this_machine_only() {
        let with = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            ours(&headers).is_ok()
        };
        assert!(with(&[("host", "localhost:8080")]), "a program");
        assert!(!with(&[("host", "evil.example:8080")]), "a name led here");
        assert!(!with(&[]), "no name at all");
        let here = ("host", "127.0.0.1:8080");
        assert!(with(&[
            here,
            ("sec-fetch-site", "same-origin"),
            ("origin", "http://127.0.0.1:8080")
        ]));
        assert!(with(&[here, ("sec-fetch-site", "none")]));
        assert!(with(&[
            ("host", "[::1]:8080"),
            ("origin", "http://localhost:3000")
        ]));
        assert!(!with(&[here, ("origin", "http://evil.example")]));
        assert!(!with(&[here, ("sec-fetch-site", "cross-site")]));
        assert!(!with(&[here, ("origin", "null")]));
        assert!(!with(&[
            ("host", "evil.example"),
            ("sec-fetch-site", "same-origin")
        ]));
        assert!(!with(&[
            ("host", "localhost.evil.example"),
            ("origin", "http://localhost.evil.example")
        ]));
    }
}
