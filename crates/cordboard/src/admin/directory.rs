//! Users and devices, to read.

use super::problem::Problem;
use super::shapes;
use crate::app::App;
use axum::Json;
use axum::extract::{Path, State};
use cordboard_core::Refusal;
use cordboard_core::exchange::{Action, Actor, Command, Query, Reply};
use cordboard_wire::admin;
use std::sync::Arc;

/// All end users, in configuration order.
#[utoipa::path(get, path = "/api/v1/users", responses((status = 200, body = admin::Users)))]
pub(super) async fn users(State(app): State<Arc<App>>) -> Json<admin::Users> {
    let directory = app.handle.directory();
    Json(admin::Users {
        users: directory.end_users().map(|u| shapes::user(u)).collect(),
    })
}

/// One end user.
#[utoipa::path(get, path = "/api/v1/users/{id}", params(("id" = String, Path, description = "The user's id")),
    responses((status = 200, body = admin::User), (status = 404, body = admin::Problem)))]
pub(super) async fn user(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<admin::User>, Problem> {
    let directory = app.handle.directory();
    let user = directory.end_user(&id).ok_or(Refusal::NoSuchUser)?;
    Ok(Json(shapes::user(user)))
}

async fn live(app: &App, query: Query) -> Result<Vec<admin::Device>, Problem> {
    let command = Command {
        actor: Actor::Operator,
        interface: super::INTERFACE,
        action: Action::Snapshot(query),
    };
    let Reply::Devices(views) = app.handle.command(command).await? else {
        return Ok(Vec::new());
    };
    let directory = app.handle.directory();
    let shown = views.iter().filter_map(|v| {
        directory
            .device(v.name.as_str())
            .map(|d| shapes::device(d, v))
    });
    Ok(shown.collect())
}

/// All devices as they are now, in configuration order.
#[utoipa::path(get, path = "/api/v1/devices", responses((status = 200, body = admin::Devices)))]
pub(super) async fn devices(State(app): State<Arc<App>>) -> Result<Json<admin::Devices>, Problem> {
    Ok(Json(admin::Devices {
        devices: live(&app, Query::Devices).await?,
    }))
}

/// One device as it is now.
#[utoipa::path(get, path = "/api/v1/devices/{name}", params(("name" = String, Path, description = "The device's name")),
    responses((status = 200, body = admin::Device), (status = 404, body = admin::Problem)))]
pub(super) async fn device(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<Json<admin::Device>, Problem> {
    let devices = live(&app, Query::Device(name.into())).await?;
    devices
        .into_iter()
        .next()
        .map(Json)
        .ok_or_else(|| Refusal::NoSuchDevice.into())
}
