//! Errors of the JSON API, as RFC 9457 problems with stable types.

use crate::edge::body::{BodyError, cause_of};
use axum::Json;
use axum::extract::rejection::{BytesRejection, JsonRejection, PathRejection, QueryRejection};
use axum::response::{IntoResponse, Response};
use cordboard_core::Refusal;
use cordboard_core::directory::{NAME_MAX, same_name};
use cordboard_store::StoreError;
use cordboard_wire::admin;
use http::{HeaderValue, StatusCode, header};

/// A problem on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    kind: &'static str,
    title: &'static str,
    status: StatusCode,
    detail: Option<String>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, kind: &'static str, title: &'static str) -> Self {
        Self {
            kind,
            title,
            status,
            detail: None,
        }
    }

    pub(super) fn because(self, detail: impl Into<String>) -> Self {
        Self {
            detail: Some(detail.into()),
            ..self
        }
    }

    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "bad-request",
            "The request cannot be understood",
        )
        .because(detail)
    }

    /// An entry of that name is there already.
    pub(super) fn exists(kind: &'static str, name: &str) -> Self {
        Self::new(StatusCode::CONFLICT, "exists", "It is there already")
            .because(format!("there is a {kind} `{name}`; replace it by PUT"))
    }

    /// An address and a body must name the same entry.
    ///
    /// # Errors
    /// 409 when they do not.
    pub(super) fn unless_same(field: &'static str, address: &str, body: &str) -> Result<(), Self> {
        if same_name(address, body) {
            return Ok(());
        }
        let title = "It does not fit what is there";
        Err(
            Self::new(StatusCode::CONFLICT, "does-not-fit", title).because(format!(
                "`{field}` must be the one of the address; to rename an entry, add a new one"
            )),
        )
    }

    /// A name that must not be empty.
    ///
    /// # Errors
    /// 400 when it is, or is no name.
    pub(super) fn unless_named(field: &'static str, text: &str) -> Result<(), Self> {
        let fits = !text.is_empty()
            && text.chars().count() <= NAME_MAX
            && !text.chars().any(char::is_control);
        if fits {
            return Ok(());
        }
        Err(Self::bad_request(format!(
            "`{field}` must have 1 to {NAME_MAX} characters, none of them a control character"
        )))
    }

    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "There is no such thing").because(detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = admin::Problem {
            kind: format!("urn:cordboard:problem:{}", self.kind),
            title: self.title.to_owned(),
            status: self.status.as_u16(),
            detail: self.detail,
        };
        let mut response = (self.status, Json(body)).into_response();
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        response
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        let (status, kind, title) = match refusal {
            Refusal::NoSuchUser => (StatusCode::NOT_FOUND, "no-such-user", "No such user"),
            Refusal::NoSuchDevice => (StatusCode::NOT_FOUND, "no-such-device", "No such device"),
            Refusal::NoDeviceForUser => {
                (StatusCode::CONFLICT, "no-device", "The user has no device")
            }
            Refusal::LineNotOnDevice => (
                StatusCode::CONFLICT,
                "line-not-on-device",
                "The device has no such line",
            ),
            Refusal::NotAllowed => (StatusCode::FORBIDDEN, "not-allowed", "Not allowed"),
            Refusal::NoProxyRight => (
                StatusCode::FORBIDDEN,
                "no-proxy-right",
                "Not allowed to act for others",
            ),
            Refusal::DeviceOutOfService => (
                StatusCode::CONFLICT,
                "device-out-of-service",
                "The device is out of service",
            ),
            Refusal::NetworkDown => (
                StatusCode::SERVICE_UNAVAILABLE,
                "network-down",
                "The telephone network is away",
            ),
            Refusal::NetworkSilent => (
                StatusCode::GATEWAY_TIMEOUT,
                "network-silent",
                "The telephone network does not answer",
            ),
            Refusal::WrongState(_) => (
                StatusCode::CONFLICT,
                "wrong-state",
                "The call's state forbids it",
            ),
            Refusal::InProgress => (
                StatusCode::CONFLICT,
                "in-progress",
                "An earlier request is still being carried out",
            ),
            Refusal::NoSuchCall => (StatusCode::NOT_FOUND, "no-such-call", "No such call"),
            Refusal::BadNumber => (
                StatusCode::BAD_REQUEST,
                "bad-number",
                "Not a telephone number",
            ),
            Refusal::Unreachable(_) => (
                StatusCode::CONFLICT,
                "unreachable",
                "The other side cannot be reached",
            ),
            Refusal::TooManyCalls => (
                StatusCode::CONFLICT,
                "too-many-calls",
                "The device has no free call",
            ),
            Refusal::Overloaded => (
                StatusCode::SERVICE_UNAVAILABLE,
                "overloaded",
                "The exchange is at its capacity",
            ),
            Refusal::MobilityOff => (
                StatusCode::CONFLICT,
                "mobility-off",
                "Extension Mobility is off on that device",
            ),
            Refusal::SeatTaken => (
                StatusCode::CONFLICT,
                "seat-taken",
                "Somebody is logged in there",
            ),
            Refusal::SeatFree => (
                StatusCode::CONFLICT,
                "seat-free",
                "Nobody is logged in there",
            ),
            Refusal::NoSuchProfile => (StatusCode::NOT_FOUND, "no-such-profile", "No such profile"),
            Refusal::SeatedElsewhere => (
                StatusCode::CONFLICT,
                "seated-elsewhere",
                "The user is logged in elsewhere",
            ),
            Refusal::TimerUnavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "timer-unavailable",
                "The automatic log-out cannot be set",
            ),
            Refusal::TakeoverOff => (
                StatusCode::CONFLICT,
                "takeover-off",
                "Takeovers are switched off",
            ),
            Refusal::TakeoverUnderWay => (
                StatusCode::CONFLICT,
                "takeover-under-way",
                "Somebody is already to take the device over",
            ),
            Refusal::NoTakeover => (StatusCode::CONFLICT, "no-takeover", "No such takeover"),
            Refusal::StoreUnavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "store-unavailable",
                "It could not be stored",
            ),
        };
        Self::new(status, kind, title).because(detail)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store cannot be read");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "store-unavailable",
            "The store cannot be used",
        )
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        match rejection {
            JsonRejection::MissingJsonContentType(_) => Self::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "not-json",
                "The body must be application/json",
            ),
            JsonRejection::BytesRejection(error) => error.into(),
            other => Self::bad_request(other.body_text()),
        }
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::bad_request(rejection.body_text())
    }
}

impl From<BytesRejection> for Problem {
    fn from(rejection: BytesRejection) -> Self {
        match cause_of(&rejection) {
            Some(BodyError::OverBudget) => {
                let title = "Too many bodies at a time";
                return Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", title)
                    .because("`limits.bodies_bytes` says how many bytes may be in progress");
            }
            Some(BodyError::TooSlow) => {
                let title = "The body did not come in time";
                return Self::new(StatusCode::REQUEST_TIMEOUT, "too-slow", title)
                    .because("`limits.body_ms` says how long a body may take");
            }
            Some(BodyError::Broken(_)) | None => {}
        }
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            let title = "The body is too long";
            return Self::new(rejection.status(), "too-long", title).because(
                "`limits.body_bytes` says how long a body may be, `limits.import_bytes` how long a directory's",
            );
        }
        Self {
            status: rejection.status(),
            ..Self::bad_request(rejection.body_text())
        }
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        // A place that is no number is a place where there is nothing.
        Self::not_found(rejection.body_text())
    }
}

impl From<crate::runtime::handle::Stopped> for Problem {
    fn from(_: crate::runtime::handle::Stopped) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "stopping",
            "The exchange is stopping",
        )
    }
}

/// An address that the edge refuses.
pub(crate) fn no_address() -> Response {
    Problem::bad_request(
        "the address has a `.` or `..` in it, an escape that is none, or a slash, a backslash or a control character escaped",
    )
    .into_response()
}

/// A request that the edge refuses, whatever it asks for.
pub(crate) fn refused(status: StatusCode) -> Response {
    let reason = status.canonical_reason().unwrap_or("Refused");
    Problem::new(status, "refused", reason).into_response()
}

pub(super) async fn nothing_here() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "not-found",
        "There is nothing at this address",
    )
}

pub(super) async fn not_that_method() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method-not-allowed",
        "Not with this method",
    )
}
