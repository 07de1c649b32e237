//! The HTTP edge of WebDialer's SOAP services: bytes in, bytes out, in the original's forms. [webdialer §2]

use super::cors;
use super::perform::perform;
use crate::app::App;
use crate::edge::forwarded::base_address;
use crate::edge::{CALL_HEADER, Peer, Reply as HttpReply, Request as HttpRequest};
use crate::journal::{MASK, Notes};
use cordboard_wire::soap::Fault;
use cordboard_wire::webdialer::{self, Dialect, Request, UserProfile, pages};
use http::{Method, StatusCode, header};

/// Where the SOAP services live.
pub const SERVICES: &str = "/webdialer/services";
/// The static copy of the W70 description.
pub const WSDL_FILE: &str = "/webdialer/wsdl/wd70.wsdl";
/// A SOAP body is at most this long, whatever is configured. [webdialer §7]
pub const BODY_LIMIT: usize = 64 * 1024;

const XML: &str = "text/xml;charset=utf-8";

/// Answers a request under `/webdialer`; `path` is normalised.
pub async fn answer(app: &App, path: &str, request: HttpRequest) -> HttpReply {
    if path.eq_ignore_ascii_case(WSDL_FILE) {
        return match *request.method() {
            Method::GET | Method::HEAD => {
                let address = address(app, &request, Dialect::Wd70);
                HttpReply::text(
                    StatusCode::OK,
                    "application/wsdl+xml",
                    webdialer::wsdl(Dialect::Wd70, &address),
                )
            }
            Method::OPTIONS => options(),
            _ => HttpReply::empty(StatusCode::METHOD_NOT_ALLOWED),
        };
    }
    let request = match super::pages::routes::answer(app, path, request).await {
        Ok(reply) => return reply,
        Err(request) => request,
    };
    if super::redirector::PATHS
        .iter()
        .any(|known| path.eq_ignore_ascii_case(known))
    {
        return super::redirector::answer(app, request).await;
    }
    let Some(service) = path
        .get(SERVICES.len()..)
        .filter(|_| starts_with(path, SERVICES))
    else {
        return HttpReply::empty(StatusCode::NOT_FOUND);
    };
    let list = &app.config.webdialer.cors_origins;
    if list.is_empty() {
        return services(app, service, request).await;
    }
    let reply = match cors::listed(request.headers(), list) {
        Some(origin) if cors::is_preflight(request.method(), request.headers()) => {
            cors::preflight().with_value(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin)
        }
        Some(origin) => services(app, service, request)
            .await
            .with_value(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin),
        None => services(app, service, request).await,
    };
    // An answer that depends on who asks may not be remembered for others.
    reply.with(header::VARY, "Origin")
}

/// Answers a request below [`SERVICES`]; `service` is the rest of its path.
async fn services(app: &App, service: &str, request: HttpRequest) -> HttpReply {
    let name = service.trim_start_matches('/');
    let dialect = Dialect::from_service_name(name);
    match (request.method().clone(), dialect) {
        (Method::OPTIONS, _) => options(),
        (Method::GET | Method::HEAD, _) if name.is_empty() => HttpReply::text(
            StatusCode::OK,
            pages::PAGE_TYPE,
            pages::service_list(&format!("{}{SERVICES}", base(app, &request))),
        ),
        (Method::GET | Method::HEAD, Some(dialect)) if asks_for_wsdl(&request) => HttpReply::text(
            StatusCode::OK,
            XML,
            webdialer::wsdl(dialect, &address(app, &request, dialect)),
        ),
        (Method::GET | Method::HEAD, Some(dialect)) => {
            HttpReply::text(StatusCode::OK, pages::PAGE_TYPE, pages::hello(dialect))
        }
        (Method::GET | Method::HEAD, None) => {
            let page = if asks_for_wsdl(&request) {
                pages::no_wsdl()
            } else {
                pages::no_service()
            };
            HttpReply::text(StatusCode::NOT_FOUND, pages::PAGE_TYPE, page)
        }
        (Method::POST, Some(dialect)) => soap(app, dialect, request).await,
        (Method::POST, None) => fault(app, &Fault::no_service(name)),
        _ => HttpReply::empty(StatusCode::METHOD_NOT_ALLOWED),
    }
}

fn starts_with(path: &str, prefix: &str) -> bool {
    let head = path
        .get(..prefix.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(prefix));
    head && matches!(path.as_bytes().get(prefix.len()), None | Some(b'/'))
}

fn asks_for_wsdl(request: &HttpRequest) -> bool {
    request.uri().query().is_some_and(|query| {
        query.split('&').any(|pair| {
            pair.split('=')
                .next()
                .is_some_and(|name| name.eq_ignore_ascii_case("wsdl"))
        })
    })
}

pub(super) fn options() -> HttpReply {
    HttpReply::empty(StatusCode::OK).with(header::ALLOW, "GET, HEAD, POST, OPTIONS")
}

/// A service's address as the caller reached it.
fn address(app: &App, request: &HttpRequest, dialect: Dialect) -> String {
    format!("{}{}", base(app, request), dialect.service_path())
}

/// Scheme, host and port as clients reach this server.
fn base(app: &App, request: &HttpRequest) -> String {
    let peer = request.extensions().get::<Peer>().copied();
    base_address(
        &app.config.listen,
        peer.unwrap_or_default(),
        request.headers(),
    )
}

fn fault(app: &App, fault: &Fault) -> HttpReply {
    let status = StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    HttpReply::bytes(
        status,
        XML,
        fault.encode(&app.config.webdialer.fault_hostname),
    )
}

async fn soap(app: &App, dialect: Dialect, request: HttpRequest) -> HttpReply {
    let text = |name| {
        request
            .headers()
            .get(name)
            .and_then(|v| v.to_str().ok())
            .map(str::to_owned)
    };
    let content_type = text(header::CONTENT_TYPE);
    let action = text(header::HeaderName::from_static("soapaction"));
    let peer = request
        .extensions()
        .get::<Peer>()
        .copied()
        .unwrap_or_default();
    if app.config.webdialer.strict_soap_action
        && dialect != Dialect::Axis2
        && action.is_none()
        && !content_type
            .as_deref()
            .is_some_and(|t| t.contains("action="))
    {
        return fault(app, &Fault::no_soap_action());
    }
    let body =
        match crate::edge::read_body(request, app.config.limits.body_bytes.min(BODY_LIMIT)).await {
            Ok(body) => body,
            Err(reply) => return reply,
        };
    let decoded =
        match webdialer::decode_request(dialect, &body, content_type.as_deref(), action.as_deref())
        {
            Ok(decoded) => decoded,
            Err(refused) => {
                app.metrics.webdialer.faults.inc();
                let notes = Notes::default().field("fault", refused.string.clone());
                return fault(app, &refused).noted(notes);
            }
        };
    let operation = decoded.request.operation();
    let mut notes = describe(&decoded.request);
    let done = perform(app, decoded.request, peer).await;
    if done.busy {
        return HttpReply::empty(StatusCode::SERVICE_UNAVAILABLE).noted(notes);
    }
    let outcome = done.answer.outcome();
    let code = outcome.map_or(0, |outcome| outcome.code.number());
    app.metrics.webdialer.count(operation.name(), code);
    if let Some(outcome) = outcome {
        notes = notes
            .field("code", outcome.code.number().to_string())
            .field("text", outcome.description.clone());
    }
    let bytes = webdialer::encode_answer(dialect, decoded.namespace.as_deref(), &done.answer);
    let mut reply = HttpReply::bytes(StatusCode::OK, XML, bytes);
    if let Some(call) = done.call {
        reply = reply.with_named(CALL_HEADER, &call);
        notes = notes.field("call", call);
    }
    reply.noted(notes)
}

/// What the journal shows of a request: no secret is ever put in.
fn describe(request: &Request) -> Notes {
    let mut notes = Notes::default().field("operation", request.operation().name());
    if let Some(credential) = request.credential() {
        notes = notes.maybe("credential", credential.user_id.clone());
        if credential.token.is_some() {
            notes = notes.field("token", MASK);
        }
    }
    match request {
        Request::MakeCall {
            destination,
            profile,
            ..
        } => profile_fields(notes.maybe("destination", destination.clone()), profile),
        Request::EndCall { profile, .. } => profile_fields(notes, profile),
        Request::GetProfile { user, .. } | Request::IsClusterUser { user } => {
            notes.maybe("user", user.clone())
        }
        Request::GetProfileDetail { .. } | Request::GetPrimaryLine { .. } => notes,
    }
}

fn profile_fields(notes: Notes, profile: &UserProfile) -> Notes {
    notes
        .maybe("user", profile.user.clone())
        .maybe("device", profile.device_name.clone())
        .maybe("line", profile.line_number.clone())
        .maybe("supportEM", profile.support_em.then(|| "true".to_owned()))
}
