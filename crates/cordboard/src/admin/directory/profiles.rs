//! Device profiles.

use super::conditions::{created, may_change, may_replace, tag, tagged};
use super::{Page, edit};
use crate::admin::object::Object;
use crate::admin::problem::Problem;
use crate::admin::shapes;
use crate::app::App;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use cordboard_core::directory::{Change, DeviceProfile, Directory};
use cordboard_wire::admin;
use http::{HeaderMap, StatusCode};
use std::sync::Arc;

/// All device profiles, in configuration order.
#[utoipa::path(get, path = "/api/v1/profiles", tag = "directory", params(Page), responses(
    (status = 200, body = admin::Profiles), (status = 400, body = admin::Problem), (status = 404, body = admin::Problem)))]
pub(in crate::admin) async fn profiles(
    State(app): State<Arc<App>>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<admin::Profiles>, Problem> {
    let directory = app.handle.directory();
    let (profiles, next) = Page::of(page)?.cut(directory.profiles(), |p| p.name.to_string())?;
    Ok(Json(admin::Profiles {
        profiles: profiles.iter().map(shapes::profile).collect(),
        next,
    }))
}

pub(super) fn find(directory: &Directory, name: &str) -> Result<DeviceProfile, Problem> {
    let found = directory.profile(name);
    found.ok_or_else(|| Problem::not_found(format!("there is no profile `{name}`")))
}

/// One device profile.
#[utoipa::path(get, path = "/api/v1/profiles/{name}", tag = "directory", params(("name" = String, Path, description = "The profile's name")),
    responses((status = 200, body = admin::Profile, headers(("ETag" = String, description = "For If-Match"))), (status = 404, body = admin::Problem)))]
pub(in crate::admin) async fn profile(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let directory = app.handle.directory();
    let found = find(&directory, &name)?;
    Ok(tagged(
        StatusCode::OK,
        &shapes::profile(&found),
        &tag(&found),
    ))
}

fn entry(body: &admin::Profile) -> DeviceProfile {
    DeviceProfile {
        name: body.name.as_str().into(),
        model: body.model.clone(),
        owners: body.owners.iter().map(|u| u.as_str().into()).collect(),
        default_for: body.default_for.iter().map(|u| u.as_str().into()).collect(),
        lines: body.lines.iter().map(shapes::device_line_of).collect(),
    }
}

/// Add a device profile.
#[utoipa::path(post, path = "/api/v1/profiles", tag = "directory", request_body = admin::Profile, responses(
    (status = 201, body = admin::Profile, headers(("ETag" = String, description = "For If-Match"), ("Location" = String, description = "The profile's address"))),
    (status = 400, body = admin::Problem), (status = 409, body = admin::Problem)))]
pub(in crate::admin) async fn add_profile(
    State(app): State<Arc<App>>,
    body: Result<Object<admin::Profile>, Problem>,
) -> Result<Response, Problem> {
    let Object(body) = body?;
    Problem::unless_named("model", &body.model)?;
    let edited = edit(&app, |directory| {
        if directory.profile(&body.name).is_some() {
            return Err(Problem::exists("profile", &body.name));
        }
        Ok(Change::PutProfile(entry(&body)))
    })
    .await?;
    let found = find(&edited, &body.name)?;
    let shown = shapes::profile(&found);
    Ok(created(&shown, &tag(&found), "profiles", &shown.name))
}

/// Replace a device profile.
#[utoipa::path(put, path = "/api/v1/profiles/{name}", tag = "directory", request_body = admin::Profile,
    params(("name" = String, Path, description = "The profile's name"), ("If-Match" = String, Header, description = "The ETag that was read, or *")),
    responses((status = 200, body = admin::Profile, headers(("ETag" = String, description = "For If-Match"))),
    (status = 400, body = admin::Problem), (status = 404, body = admin::Problem), (status = 409, body = admin::Problem),
    (status = 412, body = admin::Problem), (status = 428, body = admin::Problem)))]
pub(in crate::admin) async fn replace_profile(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Result<Object<admin::Profile>, Problem>,
) -> Result<Response, Problem> {
    let Object(body) = body?;
    Problem::unless_same("name", &name, &body.name)?;
    Problem::unless_named("model", &body.model)?;
    let edited = edit(&app, |directory| {
        may_replace(&headers, &tag(&find(directory, &name)?))?;
        Ok(Change::PutProfile(entry(&body)))
    })
    .await?;
    let found = find(&edited, &name)?;
    Ok(tagged(
        StatusCode::OK,
        &shapes::profile(&found),
        &tag(&found),
    ))
}

/// Remove a device profile.
#[utoipa::path(delete, path = "/api/v1/profiles/{name}", tag = "directory",
    params(("name" = String, Path, description = "The profile's name"), ("If-Match" = Option<String>, Header, description = "The ETag that was read")),
    responses((status = 204), (status = 404, body = admin::Problem), (status = 412, body = admin::Problem)))]
pub(in crate::admin) async fn delete_profile(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    edit(&app, |directory| {
        let found = find(directory, &name)?;
        may_change(&headers, &tag(&found))?;
        Ok(Change::DeleteProfile(found.name))
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
