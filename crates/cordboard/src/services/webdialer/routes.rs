//! The HTTP edge of WebDialer's SOAP services: bytes in, bytes out, in the original's forms. [webdialer §2]

use super::translate;
use crate::app::App;
use crate::edge::{Peer, Reply as HttpReply, Request as HttpRequest};
use crate::journal::Entry;
use cordboard_core::Refusal;
use cordboard_core::exchange::{DeviceView, Reply};
use cordboard_core::ids::{CallId, DeviceName, UserId};
use cordboard_wire::soap::Fault;
use cordboard_wire::webdialer::{
    self, Answer, Credential, Dialect, Operation, Outcome, Request, ResponseCode,
    TEXT_NO_DEVICE_FOR_USER, TEXT_NO_DEVICE_IN_DETAIL, UserProfile, pages,
};
use http::{Method, StatusCode, header};

/// Where the SOAP services live.
pub const SERVICES: &str = "/webdialer/services";
/// The static copy of the W70 description.
pub const WSDL_FILE: &str = "/webdialer/wsdl/wd70.wsdl";
/// A SOAP body is at most this long, whatever is configured. [webdialer §7]
pub const BODY_LIMIT: usize = 64 * 1024;

const XML: &str = "text/xml;charset=utf-8";
/// Names the call that an answer placed; bodies stay as the original's.
const CALL_HEADER: &str = "cordboard-call";

/// Answers a request under `/webdialer`; `path` is normalised.
pub async fn answer(app: &App, path: &str, request: HttpRequest) -> HttpReply {
    if path.eq_ignore_ascii_case(WSDL_FILE) {
        return match *request.method() {
            Method::GET | Method::HEAD => {
                let address = address(&request, Dialect::Wd70);
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
    let Some(service) = path
        .get(SERVICES.len()..)
        .filter(|_| starts_with(path, SERVICES))
    else {
        return HttpReply::empty(StatusCode::NOT_FOUND);
    };
    let name = service.trim_start_matches('/');
    let dialect = Dialect::from_service_name(name);
    match (request.method().clone(), dialect) {
        (Method::OPTIONS, _) => options(),
        (Method::GET | Method::HEAD, _) if name.is_empty() => HttpReply::text(
            StatusCode::OK,
            pages::PAGE_TYPE,
            pages::service_list(&format!("{}{SERVICES}", base(&request))),
        ),
        (Method::GET | Method::HEAD, Some(dialect)) if asks_for_wsdl(&request) => HttpReply::text(
            StatusCode::OK,
            XML,
            webdialer::wsdl(dialect, &address(&request, dialect)),
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

fn options() -> HttpReply {
    HttpReply::empty(StatusCode::OK).with(header::ALLOW, "GET, HEAD, POST, OPTIONS")
}

/// A service's address as the caller reached it.
fn address(request: &HttpRequest, dialect: Dialect) -> String {
    format!("{}{}", base(request), dialect.service_path())
}

/// Scheme, host and port as the caller reached them.
fn base(request: &HttpRequest) -> String {
    let peer = request.extensions().get::<Peer>();
    let scheme = if peer.is_some_and(|p| p.tls) {
        "https"
    } else {
        "http"
    };
    let host = request
        .headers()
        .get(header::HOST)
        .and_then(|h| h.to_str().ok())
        .filter(|h| is_authority(h));
    let local = peer.map(|p| p.local.to_string()).unwrap_or_default();
    format!("{scheme}://{}", host.unwrap_or(&local))
}

/// What stands in a Host header without doing harm in an XML file.
fn is_authority(host: &str) -> bool {
    !host.is_empty()
        && host.bytes().all(|b| {
            b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']' | b'_')
        })
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
    if app.config.webdialer.require_soap_action
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
                app.journal.note(
                    Entry::new(
                        "webdialer",
                        peer,
                        "POST",
                        dialect.service_path(),
                        refused.status,
                    )
                    .field("fault", refused.string.clone()),
                );
                return fault(app, &refused);
            }
        };
    let operation = decoded.request.operation();
    let mut entry = describe(&decoded.request, peer, dialect);
    let done = perform(app, decoded.request, peer).await;
    if done.busy {
        app.journal.note(entry.status(503));
        return HttpReply::empty(StatusCode::SERVICE_UNAVAILABLE);
    }
    app.metrics.webdialer.count(operation, &done.answer);
    if let Some(outcome) = done.answer.outcome() {
        entry = entry
            .field("code", outcome.code.number().to_string())
            .field("text", outcome.description.clone());
    }
    if let Some(call) = &done.call {
        entry = entry.field("call", call.to_string());
    }
    app.journal.note(entry.status(200));
    let bytes = webdialer::encode_answer(dialect, decoded.namespace.as_deref(), &done.answer);
    let reply = HttpReply::bytes(StatusCode::OK, XML, bytes);
    match done.call {
        Some(call) => reply.with_named(CALL_HEADER, call.as_str()),
        None => reply,
    }
}

/// What the journal shows of a request: no secret is ever put in.
fn describe(request: &Request, peer: Peer, dialect: Dialect) -> Entry {
    let mut entry = Entry::new("webdialer", peer, "POST", dialect.service_path(), 0)
        .field("operation", request.operation().name());
    if let Some(credential) = request.credential() {
        entry = entry.maybe("credential", credential.user_id.clone());
        if credential.token.is_some() {
            entry = entry.field("token", "•••");
        }
    }
    match request {
        Request::MakeCall {
            destination,
            profile,
            ..
        } => profile_fields(entry.maybe("destination", destination.clone()), profile),
        Request::EndCall { profile, .. } => profile_fields(entry, profile),
        Request::GetProfile { user, .. } | Request::IsClusterUser { user } => {
            entry.maybe("user", user.clone())
        }
        Request::GetProfileDetail { .. } | Request::GetPrimaryLine { .. } => entry,
    }
}

fn profile_fields(entry: Entry, profile: &UserProfile) -> Entry {
    entry
        .maybe("user", profile.user.clone())
        .maybe("device", profile.device_name.clone())
        .maybe("line", profile.line_number.clone())
        .maybe("supportEM", profile.support_em.then(|| "true".to_owned()))
}

/// What a request led to.
struct Done {
    answer: Answer,
    call: Option<CallId>,
    /// Refused before it was looked at: HTTP 503, never a false answer.
    busy: bool,
}

impl Done {
    fn new(answer: Answer) -> Self {
        Self {
            answer,
            call: None,
            busy: false,
        }
    }

    fn refused(operation: Operation, outcome: impl Into<Outcome>) -> Self {
        Self::new(Answer::refusal(operation, outcome.into()))
    }
}

/// Carries a request out. Order: missing pieces (5), authentication (2), throttle (9), then the exchange checks proxy
/// right (3), user (4), device and line (5), and places the call. [webdialer §5.2]
async fn perform(app: &App, request: Request, peer: Peer) -> Done {
    let operation = request.operation();
    match request {
        Request::IsClusterUser { user } => {
            if !app
                .lookups
                .admit(peer.address.ip(), app.clock.now().instant.0)
            {
                return Done {
                    busy: true,
                    ..Done::new(Answer::IsClusterUser(false))
                };
            }
            let known = user.is_some_and(|user| app.handle.directory().account(&user).is_some());
            Done::new(Answer::IsClusterUser(known && !app.faults.directory_down()))
        }
        Request::MakeCall {
            credential,
            destination,
            profile,
        } => match make_call(app, &credential, destination, profile, peer).await {
            Ok(call) => Done {
                call: Some(call),
                ..Done::new(Answer::MakeCall(ResponseCode::Success.into()))
            },
            Err(outcome) => Done::refused(operation, outcome),
        },
        Request::EndCall {
            credential,
            profile,
        } => match end_call(app, &credential, &profile, peer).await {
            Ok(()) => Done::new(Answer::EndCall(ResponseCode::Success.into())),
            Err(outcome) => Done::refused(operation, outcome),
        },
        Request::GetProfile { credential, user } => {
            match profile_of(app, &credential, user, peer).await {
                Ok(devices) if devices.is_empty() => Done::refused(
                    operation,
                    Outcome::with_text(ResponseCode::CallFailure, TEXT_NO_DEVICE_IN_DETAIL),
                ),
                Ok(devices) => Done::new(Answer::GetProfile {
                    outcome: ResponseCode::Success.into(),
                    devices: translate::device_lines(&devices),
                }),
                Err(outcome) => Done::refused(operation, outcome),
            }
        }
        Request::GetProfileDetail { credential } => match own_devices(app, &credential, peer).await
        {
            Ok(devices) if devices.is_empty() => Done::refused(
                operation,
                Outcome::with_text(ResponseCode::CallFailure, TEXT_NO_DEVICE_IN_DETAIL),
            ),
            Ok(devices) => Done::new(Answer::GetProfileDetail {
                outcome: ResponseCode::Success.into(),
                devices: translate::device_details(&app.handle.directory(), &devices),
            }),
            Err(outcome) => Done::refused(operation, outcome),
        },
        Request::GetPrimaryLine { credential } => {
            let user = authenticate(app, &credential, peer).await.ok();
            let directory = app.handle.directory();
            let line = user
                .and_then(|user| {
                    directory
                        .end_user(user.as_str())
                        .and_then(|u| u.primary_line.clone())
                })
                .map(|line| line.digits.to_string());
            Done::new(Answer::GetPrimaryLine(line.unwrap_or_default()))
        }
    }
}

async fn authenticate(app: &App, credential: &Credential, peer: Peer) -> Result<UserId, Outcome> {
    if app.faults.directory_down() {
        return Err(ResponseCode::DirectoryError.into());
    }
    let now = app.clock.now();
    let directory = app.handle.directory();
    let refused = |_| Outcome::from(ResponseCode::AuthenticationError);
    if let Some(token) = &credential.token {
        return app
            .auth
            .token(&directory, token.expose(), now.wall.0)
            .map_err(refused);
    }
    let user = credential
        .user_id
        .as_deref()
        .ok_or(ResponseCode::MissingParameters)?;
    let password = credential
        .password
        .as_ref()
        .ok_or(ResponseCode::AuthenticationError)?;
    app.auth
        .password(
            &directory,
            user,
            password.expose(),
            peer.address.ip(),
            now.instant.0,
        )
        .await
        .map_err(refused)
}

fn present(credential: &Credential) -> Result<(), Outcome> {
    if credential.token.is_none() && credential.user_id.is_none() {
        return Err(ResponseCode::MissingParameters.into());
    }
    Ok(())
}

async fn make_call(
    app: &App,
    credential: &Credential,
    destination: Option<String>,
    profile: UserProfile,
    peer: Peer,
) -> Result<CallId, Outcome> {
    present(credential)?;
    let destination = destination.ok_or(ResponseCode::MissingParameters)?;
    if profile.device_name.is_none() && !profile.support_em {
        // Whose phone, if any? Only somebody who proves who he is hears that he has none.
        let actor = authenticate(app, credential, peer).await?;
        let user = profile.user.as_deref().unwrap_or(actor.as_str());
        let nothing =
            matches!(devices(app, &UserId::from(user)).await, Ok(devices) if devices.is_empty());
        let own = user.eq_ignore_ascii_case(actor.as_str());
        return Err(if nothing && own {
            no_device()
        } else {
            ResponseCode::MissingParameters.into()
        });
    }
    let actor = authenticate(app, credential, peer).await?;
    let user = profile.user.clone().unwrap_or_else(|| actor.to_string());
    proxy_right(app, &actor, &user)?;
    if !app.throttle.admit(app.clock.now().instant.0) {
        return Err(ResponseCode::Overloaded.into());
    }
    let named = profile.device_name.as_deref();
    let device = match known_device(app, named) {
        Some(device) => device,
        None => {
            let devices = devices(app, &UserId::from(user.as_str()))
                .await
                .map_err(|refusal| translate::outcome(&refusal))?;
            translate::seat(&devices, &user, profile.support_em)
                .ok_or_else(|| no_such_device(&devices))?
        }
    };
    let line = translate::line_wish(
        profile.line_number.as_deref(),
        app.config.webdialer.strict_lines,
    );
    match app
        .handle
        .command(translate::make_call(
            actor,
            &user,
            device,
            line,
            destination,
        ))
        .await
    {
        Ok(Reply::Call(call)) => Ok(call.id),
        Ok(Reply::Done | Reply::Calls(_) | Reply::Devices(_) | Reply::Counts(_)) => {
            Err(ResponseCode::ServiceError.into())
        }
        Err(refusal) => Err(translate::outcome(&refusal)),
    }
}

/// The right comes before the throttle, so that nobody is told "overloaded" about a call he may not make.
fn proxy_right(app: &App, actor: &UserId, user: &str) -> Result<(), Outcome> {
    let directory = app.handle.directory();
    let account = directory
        .account(actor.as_str())
        .ok_or(ResponseCode::AuthenticationError)?;
    let own = actor.as_str().eq_ignore_ascii_case(user.trim());
    if own || account.has(cordboard_core::directory::Right::PROXY) {
        Ok(())
    } else {
        Err(translate::outcome(&Refusal::NoProxyRight))
    }
}

/// A named device that exists, as the directory writes it.
fn known_device(app: &App, name: Option<&str>) -> Option<DeviceName> {
    let directory = app.handle.directory();
    directory.device(name?).map(|device| device.name.clone())
}

/// Neither a known device was named nor sits the user at one that would do. [webdialer §5.3]
fn no_such_device(devices: &[DeviceView]) -> Outcome {
    if devices.is_empty() {
        no_device()
    } else {
        ResponseCode::MissingParameters.into()
    }
}

fn no_device() -> Outcome {
    Outcome::with_text(ResponseCode::MissingParameters, TEXT_NO_DEVICE_FOR_USER)
}

async fn end_call(
    app: &App,
    credential: &Credential,
    profile: &UserProfile,
    peer: Peer,
) -> Result<(), Outcome> {
    present(credential)?;
    let actor = authenticate(app, credential, peer).await?;
    let user = profile.user.clone().unwrap_or_else(|| actor.to_string());
    proxy_right(app, &actor, &user)?;
    let devices = devices(app, &UserId::from(user.as_str()))
        .await
        .map_err(|refusal| translate::outcome(&refusal))?;
    let named = profile.device_name.as_deref();
    let device =
        known_device(app, named).or_else(|| translate::seat(&devices, &user, profile.support_em));
    if device.is_none() && named.is_some() {
        return Err(no_such_device(&devices));
    }
    let line = translate::line_meant(profile.line_number.as_deref(), device.as_ref(), &devices);
    let command = translate::end_call(actor, &user, device, line);
    match app.handle.command(command).await {
        Ok(_) => Ok(()),
        Err(refusal) => Err(translate::outcome(&refusal)),
    }
}

async fn profile_of(
    app: &App,
    credential: &Credential,
    user: Option<String>,
    peer: Peer,
) -> Result<Vec<DeviceView>, Outcome> {
    present(credential)?;
    let actor = authenticate(app, credential, peer).await?;
    let user = user.unwrap_or_else(|| actor.to_string());
    proxy_right(app, &actor, &user)?;
    devices(app, &UserId::from(user))
        .await
        .map_err(|refusal| translate::outcome(&refusal))
}

/// The credential's own devices; an application user has none to show here. [webdialer §6.1]
async fn own_devices(
    app: &App,
    credential: &Credential,
    peer: Peer,
) -> Result<Vec<DeviceView>, Outcome> {
    // getProfileDetailSoap has no code 5: a credential without its parts is one that does not fit. [webdialer §5.5]
    present(credential).map_err(|_| ResponseCode::AuthenticationError)?;
    let actor = authenticate(app, credential, peer).await?;
    if app.handle.directory().end_user(actor.as_str()).is_none() {
        return Err(ResponseCode::AuthenticationError.into());
    }
    devices(app, &actor)
        .await
        .map_err(|refusal| translate::outcome(&refusal))
}

async fn devices(app: &App, user: &UserId) -> Result<Vec<DeviceView>, Refusal> {
    match app.handle.command(translate::devices_of(user)).await? {
        Reply::Devices(devices) => Ok(devices),
        Reply::Done | Reply::Call(_) | Reply::Calls(_) | Reply::Counts(_) => Ok(Vec::new()),
    }
}
