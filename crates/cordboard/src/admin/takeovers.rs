//! `/api/v1/mobility/takeovers`: a user is to sit where somebody else sits, who is told first. [mobility §7.8]

use super::mobility::{asked, session, wish};
use super::object::Object;
use super::problem::Problem;
use super::shapes;
use crate::app::App;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use cordboard_core::Refusal;
use cordboard_core::directory::same_name;
use cordboard_core::exchange::{self, Action, Takeover};
use cordboard_wire::admin;
use http::{StatusCode, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::sync::Arc;

fn shown(takeover: &Takeover) -> admin::Takeover {
    admin::Takeover {
        device: takeover.device.to_string(),
        user: takeover.user.to_string(),
        profile: takeover.profile.as_ref().map(ToString::to_string),
        from: takeover.from.as_ref().map(ToString::to_string),
        state: takeover.stage.as_str().to_owned(),
        until: shapes::time(takeover.stage.until().0),
        asked_at: shapes::time(takeover.asked.0),
        origin: takeover.origin.to_string(),
        by: takeover.by.as_ref().map(ToString::to_string),
    }
}

async fn all(app: &App) -> Result<Vec<Takeover>, Problem> {
    let reply = asked(app, Action::Snapshot(exchange::Query::Takeovers)).await?;
    Ok(reply.takeovers().unwrap_or_default())
}

/// The takeovers that are under way or can be undone, by device.
#[utoipa::path(get, path = "/api/v1/mobility/takeovers", tag = "mobility", responses((status = 200, body = admin::Takeovers)))]
pub(super) async fn list(State(app): State<Arc<App>>) -> Result<Json<admin::Takeovers>, Problem> {
    let takeovers = all(&app).await?.iter().map(shown).collect();
    Ok(Json(admin::Takeovers { takeovers }))
}

/// Have a user take over a device: whoever sits there is warned, the calls there end by themselves, then the seat changes hands.
#[utoipa::path(post, path = "/api/v1/mobility/takeovers", tag = "mobility", request_body = admin::LoginBody, responses(
    (status = 201, body = admin::Takeover, headers(("Location" = String, description = "The takeover's address"))),
    (status = 400, body = admin::Problem), (status = 404, body = admin::Problem), (status = 409, body = admin::Problem)))]
pub(super) async fn begin(
    State(app): State<Arc<App>>,
    body: Result<Object<admin::LoginBody>, Problem>,
) -> Result<Response, Problem> {
    let wish = wish(&app, body?.0)?;
    let reply = asked(&app, Action::TakeOver(wish)).await?;
    let takeover = reply.takeovers().and_then(|mut all| all.pop());
    let takeover = takeover.ok_or(Refusal::StoreUnavailable)?;
    let name = utf8_percent_encode(takeover.device.as_str(), NON_ALPHANUMERIC);
    let place = format!("/api/v1/mobility/takeovers/{name}");
    let headers = [(header::LOCATION, place)];
    Ok((StatusCode::CREATED, headers, Json(shown(&takeover))).into_response())
}

/// The takeover of a device.
#[utoipa::path(get, path = "/api/v1/mobility/takeovers/{device}", tag = "mobility", params(("device" = String, Path, description = "The device's name")),
    responses((status = 200, body = admin::Takeover), (status = 404, body = admin::Problem)))]
pub(super) async fn one(
    State(app): State<Arc<App>>,
    Path(device): Path<String>,
) -> Result<Json<admin::Takeover>, Problem> {
    let all = all(&app).await?;
    let found = all
        .iter()
        .find(|takeover| same_name(takeover.device.as_str(), &device));
    match found {
        Some(takeover) => Ok(Json(shown(takeover))),
        None => Err(Problem::not_found(format!(
            "there is no takeover of `{device}`"
        ))),
    }
}

/// Call a takeover off before the switch.
#[utoipa::path(delete, path = "/api/v1/mobility/takeovers/{device}", tag = "mobility", params(("device" = String, Path, description = "The device's name")),
    responses((status = 204), (status = 404, body = admin::Problem), (status = 409, body = admin::Problem)))]
pub(super) async fn cancel(
    State(app): State<Arc<App>>,
    Path(device): Path<String>,
) -> Result<StatusCode, Problem> {
    asked(&app, Action::CancelTakeover(device.as_str().into())).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Undo a takeover: everybody sits again where he sat. Answers the logins that began by that.
#[utoipa::path(post, path = "/api/v1/mobility/takeovers/{device}/undo", tag = "mobility", params(("device" = String, Path, description = "The device's name")),
    responses((status = 200, body = admin::Sessions), (status = 404, body = admin::Problem), (status = 409, body = admin::Problem)))]
pub(super) async fn undo(
    State(app): State<Arc<App>>,
    Path(device): Path<String>,
) -> Result<Json<admin::Sessions>, Problem> {
    let reply = asked(&app, Action::UndoTakeover(device.as_str().into())).await?;
    let logins = reply.logins().unwrap_or_default();
    let sessions = logins.iter().map(session).collect();
    let next = None;
    Ok(Json(admin::Sessions { sessions, next }))
}
