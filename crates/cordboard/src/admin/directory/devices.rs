//! Devices: as configured, and as they are now.

use super::conditions::{created, may_change, may_replace, tag, tagged};
use super::{Page, edit};
use crate::admin::object::Object;
use crate::admin::problem::Problem;
use crate::admin::{INTERFACE, shapes};
use crate::app::App;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use cordboard_core::Refusal;
use cordboard_core::directory::{Change, Device, Directory, Protocol};
use cordboard_core::exchange::{self, Action, Actor, Command, DeviceView};
use cordboard_core::ids::DirectoryNumber;
use cordboard_wire::admin;
use http::{HeaderMap, StatusCode};
use std::sync::Arc;

async fn live(app: &App, query: exchange::Query) -> Result<Vec<DeviceView>, Problem> {
    let command = Command {
        actor: Actor::Operator,
        interface: INTERFACE,
        action: Action::Snapshot(query),
    };
    let reply = app.handle.command(command).await?;
    Ok(reply.devices().unwrap_or_default())
}

/// All devices as they are now, in configuration order.
#[utoipa::path(get, path = "/api/v1/devices", tag = "directory", params(Page), responses(
    (status = 200, body = admin::Devices), (status = 400, body = admin::Problem), (status = 404, body = admin::Problem)))]
pub(in crate::admin) async fn devices(
    State(app): State<Arc<App>>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<admin::Devices>, Problem> {
    let page = Page::of(page)?;
    let views = live(&app, exchange::Query::Devices).await?;
    let directory = app.handle.directory();
    let (views, next) = page.cut(views.into_iter(), |v| v.name.to_string())?;
    let shown = views.iter().filter_map(|v| {
        let configured = directory.device(v.name.as_str())?;
        Some(shapes::device(&configured, v))
    });
    Ok(Json(admin::Devices {
        devices: shown.collect(),
        next,
    }))
}

pub(super) fn find(directory: &Directory, name: &str) -> Result<Device, Problem> {
    Ok(directory.device(name).ok_or(Refusal::NoSuchDevice)?)
}

/// A device with what is live, and its tag.
async fn shown(
    app: &App,
    directory: &Directory,
    name: &str,
) -> Result<(admin::Device, String), Problem> {
    let configured = find(directory, name)?;
    let views = live(app, exchange::Query::Device(configured.name.clone())).await?;
    let view = views.first().ok_or(Refusal::NoSuchDevice)?;
    Ok((shapes::device(&configured, view), tag(&configured)))
}

/// One device as it is now. The ETag is that of its configuration.
#[utoipa::path(get, path = "/api/v1/devices/{name}", tag = "directory", params(("name" = String, Path, description = "The device's name")),
    responses((status = 200, body = admin::Device, headers(("ETag" = String, description = "For If-Match"))), (status = 404, body = admin::Problem)))]
pub(in crate::admin) async fn device(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let (device, tag) = shown(&app, &app.handle.directory(), &name).await?;
    Ok(tagged(StatusCode::OK, &device, &tag))
}

/// The lines that a body means. A body that was read from here carries both kinds; when somebody is logged in they differ.
///
/// # Errors
/// 400 when they contradict each other.
fn lines(
    body: &admin::DeviceBody,
    carried: &[DirectoryNumber],
) -> Result<Vec<DirectoryNumber>, Problem> {
    let lines: Vec<DirectoryNumber> = body.lines.iter().map(shapes::device_line_of).collect();
    let Some(configured) = &body.configured_lines else {
        return Ok(lines);
    };
    let configured: Vec<DirectoryNumber> = configured.iter().map(shapes::device_line_of).collect();
    if lines.is_empty() || lines == configured || lines == carried {
        return Ok(configured);
    }
    Err(Problem::bad_request(
        "`lines` and `configured_lines` differ: leave `configured_lines` out to change the lines",
    ))
}

fn entry(body: &admin::DeviceBody, lines: Vec<DirectoryNumber>) -> Device {
    Device {
        name: body.name.as_str().into(),
        protocol: match body.protocol {
            Some(admin::Protocol::Sip) => Protocol::Sip,
            Some(admin::Protocol::Sccp) => Protocol::Sccp,
            None => Protocol::of_model(&body.model),
        },
        model: body.model.clone(),
        description: body.description.clone(),
        owner: body.owner.as_deref().map(Into::into),
        address: body.address.clone().filter(|a| a != shapes::PHONE_ADDRESS),
        lines,
        em_enabled: body.em_enabled,
    }
}

/// Add a device.
#[utoipa::path(post, path = "/api/v1/devices", tag = "directory", request_body = admin::DeviceBody, responses(
    (status = 201, body = admin::Device, headers(("ETag" = String, description = "For If-Match"), ("Location" = String, description = "The device's address"))),
    (status = 400, body = admin::Problem), (status = 409, body = admin::Problem)))]
pub(in crate::admin) async fn add_device(
    State(app): State<Arc<App>>,
    body: Result<Object<admin::DeviceBody>, Problem>,
) -> Result<Response, Problem> {
    let Object(body) = body?;
    Problem::unless_named("model", &body.model)?;
    let lines = lines(&body, &[])?;
    let edited = edit(&app, |directory| {
        if directory.device(&body.name).is_some() {
            return Err(Problem::exists("device", &body.name));
        }
        Ok(Change::PutDevice(entry(&body, lines.clone())))
    })
    .await?;
    let (device, tag) = shown(&app, &edited, &body.name).await?;
    Ok(created(&device, &tag, "devices", &device.name))
}

/// Replace a device.
#[utoipa::path(put, path = "/api/v1/devices/{name}", tag = "directory", request_body = admin::DeviceBody,
    params(("name" = String, Path, description = "The device's name"), ("If-Match" = String, Header, description = "The ETag that was read, or *")),
    responses((status = 200, body = admin::Device, headers(("ETag" = String, description = "For If-Match"))),
    (status = 400, body = admin::Problem), (status = 404, body = admin::Problem), (status = 409, body = admin::Problem),
    (status = 412, body = admin::Problem), (status = 428, body = admin::Problem)))]
pub(in crate::admin) async fn replace_device(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Result<Object<admin::DeviceBody>, Problem>,
) -> Result<Response, Problem> {
    let Object(body) = body?;
    Problem::unless_same("name", &name, &body.name)?;
    Problem::unless_named("model", &body.model)?;
    let views = live(&app, exchange::Query::Device(name.as_str().into())).await?;
    let carried = views
        .first()
        .map(|v| v.lines.as_slice())
        .unwrap_or_default();
    let lines = lines(&body, carried)?;
    let edited = edit(&app, |directory| {
        may_replace(&headers, &tag(&find(directory, &name)?))?;
        Ok(Change::PutDevice(entry(&body, lines.clone())))
    })
    .await?;
    let (device, tag) = shown(&app, &edited, &name).await?;
    Ok(tagged(StatusCode::OK, &device, &tag))
}

/// Remove a device; users lose it too.
#[utoipa::path(delete, path = "/api/v1/devices/{name}", tag = "directory",
    params(("name" = String, Path, description = "The device's name"), ("If-Match" = Option<String>, Header, description = "The ETag that was read")),
    responses((status = 204), (status = 404, body = admin::Problem), (status = 412, body = admin::Problem)))]
pub(in crate::admin) async fn delete_device(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    edit(&app, |directory| {
        let device = find(directory, &name)?;
        may_change(&headers, &tag(&device))?;
        Ok(Change::DeleteDevice(device.name))
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
