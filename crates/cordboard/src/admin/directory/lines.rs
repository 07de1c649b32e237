//! Lines: of one device or profile, by place; and every directory number with where it appears.

use super::conditions::{may_change, may_replace, tag, tagged};
use super::{Page, devices, edit, profiles};
use crate::admin::object::Object;
use crate::admin::problem::Problem;
use crate::admin::shapes;
use crate::app::App;
use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use cordboard_core::directory::{Change, Directory};
use cordboard_core::ids::DirectoryNumber;
use cordboard_wire::admin;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Whose lines: a device's or a profile's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Device,
    Profile,
}

impl Owner {
    /// The lines, and the tag of their owner.
    fn lines(
        self,
        directory: &Directory,
        name: &str,
    ) -> Result<(Vec<DirectoryNumber>, String), Problem> {
        Ok(match self {
            Self::Device => {
                let device = devices::find(directory, name)?;
                (device.lines.clone(), tag(&device))
            }
            Self::Profile => {
                let profile = profiles::find(directory, name)?;
                (profile.lines.clone(), tag(&profile))
            }
        })
    }

    fn with(
        self,
        directory: &Directory,
        name: &str,
        lines: Vec<DirectoryNumber>,
    ) -> Result<Change, Problem> {
        Ok(match self {
            Self::Device => {
                let mut device = devices::find(directory, name)?;
                device.lines = lines;
                Change::PutDevice(device)
            }
            Self::Profile => {
                let mut profile = profiles::find(directory, name)?;
                profile.lines = lines;
                Change::PutProfile(profile)
            }
        })
    }

    fn all(self, directory: &Directory, name: &str) -> Result<Response, Problem> {
        let (lines, tag) = self.lines(directory, name)?;
        let shown = admin::DeviceLines {
            lines: shapes::device_lines(&lines),
        };
        Ok(tagged(StatusCode::OK, &shown, &tag))
    }

    fn one(self, directory: &Directory, name: &str, index: usize) -> Result<Response, Problem> {
        let (lines, tag) = self.lines(directory, name)?;
        let at = place(&lines, index)?;
        Ok(tagged(
            StatusCode::OK,
            &shapes::device_lines(&lines)[at],
            &tag,
        ))
    }

    async fn add(
        self,
        app: &App,
        name: &str,
        headers: &HeaderMap,
        line: &admin::Line,
    ) -> Result<Response, Problem> {
        let edited = edit(app, |directory| {
            let (mut lines, tag) = self.lines(directory, name)?;
            may_change(headers, &tag)?;
            lines.push(shapes::number_of(line));
            self.with(directory, name, lines)
        })
        .await?;
        let (lines, tag) = self.lines(&edited, name)?;
        let shown = shapes::device_lines(&lines);
        let mut response = tagged(StatusCode::CREATED, &shown.last(), &tag);
        let folder = match self {
            Self::Device => "devices",
            Self::Profile => "profiles",
        };
        let name = percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC);
        let place = format!("/api/v1/{folder}/{name}/lines/{}", lines.len());
        if let Ok(place) = HeaderValue::from_str(&place) {
            response.headers_mut().insert(header::LOCATION, place);
        }
        Ok(response)
    }

    async fn replace(
        self,
        app: &App,
        (name, index): (&str, usize),
        headers: &HeaderMap,
        line: &admin::Line,
    ) -> Result<Response, Problem> {
        let edited = edit(app, |directory| {
            let (mut lines, tag) = self.lines(directory, name)?;
            let at = place(&lines, index)?;
            may_replace(headers, &tag)?;
            lines[at] = shapes::number_of(line);
            self.with(directory, name, lines)
        })
        .await?;
        self.one(&edited, name, index)
    }

    async fn remove(
        self,
        app: &App,
        name: &str,
        index: usize,
        headers: &HeaderMap,
    ) -> Result<StatusCode, Problem> {
        edit(app, |directory| {
            let (mut lines, tag) = self.lines(directory, name)?;
            let at = place(&lines, index)?;
            // By its place alone, a request that is sent twice would remove two lines.
            may_replace(headers, &tag)?;
            lines.remove(at);
            self.with(directory, name, lines)
        })
        .await?;
        Ok(StatusCode::NO_CONTENT)
    }
}

fn place(lines: &[DirectoryNumber], index: usize) -> Result<usize, Problem> {
    let at = index.checked_sub(1).filter(|&at| at < lines.len());
    at.ok_or_else(|| Problem::not_found(format!("there is no line {index}")))
}

/// Every directory number with where it appears.
#[utoipa::path(get, path = "/api/v1/lines", tag = "directory", params(Page), responses(
    (status = 200, body = admin::Lines), (status = 400, body = admin::Problem), (status = 404, body = admin::Problem)))]
pub(in crate::admin) async fn lines(
    State(app): State<Arc<App>>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<admin::Lines>, Problem> {
    let directory = app.handle.directory();
    let mut found: BTreeMap<DirectoryNumber, admin::Appearance> = BTreeMap::new();
    fn at<'a>(
        found: &'a mut BTreeMap<DirectoryNumber, admin::Appearance>,
        line: &DirectoryNumber,
    ) -> &'a mut admin::Appearance {
        found
            .entry(line.clone())
            .or_insert_with(|| shapes::appearance(line))
    }
    for device in directory.devices() {
        for line in &device.lines {
            at(&mut found, line).devices.push(device.name.to_string());
        }
    }
    for profile in directory.profiles() {
        for line in &profile.lines {
            at(&mut found, line).profiles.push(profile.name.to_string());
        }
    }
    for user in directory.end_users() {
        if let Some(line) = &user.primary_line {
            at(&mut found, line).primary_of.push(user.id.to_string());
        }
    }
    let name = |line: &admin::Appearance| match &line.partition {
        Some(partition) => format!("{} ; {partition}", line.number),
        None => line.number.clone(),
    };
    let (lines, next) = Page::of(page)?.cut(found.into_values(), name)?;
    Ok(Json(admin::Lines { lines, next }))
}

/// The lines of a device by configuration. The ETag is the device's.
#[utoipa::path(get, path = "/api/v1/devices/{name}/lines", tag = "directory", params(("name" = String, Path, description = "The device's name")),
    responses((status = 200, body = admin::DeviceLines, headers(("ETag" = String, description = "For If-Match"))), (status = 404, body = admin::Problem)))]
pub(in crate::admin) async fn device_lines(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    Owner::Device.all(&app.handle.directory(), &name)
}

/// One line of a device.
#[utoipa::path(get, path = "/api/v1/devices/{name}/lines/{index}", tag = "directory",
    params(("name" = String, Path, description = "The device's name"), ("index" = usize, Path, description = "From 1")),
    responses((status = 200, body = admin::DeviceLine, headers(("ETag" = String, description = "For If-Match"))),
    (status = 400, body = admin::Problem), (status = 404, body = admin::Problem)))]
pub(in crate::admin) async fn device_line(
    State(app): State<Arc<App>>,
    at: Result<Path<(String, usize)>, PathRejection>,
) -> Result<Response, Problem> {
    let Path((name, index)) = at?;
    Owner::Device.one(&app.handle.directory(), &name, index)
}

/// Add a line to a device, as its last.
#[utoipa::path(post, path = "/api/v1/devices/{name}/lines", tag = "directory", request_body = admin::Line,
    params(("name" = String, Path, description = "The device's name"), ("If-Match" = Option<String>, Header, description = "The ETag that was read")),
    responses((status = 201, body = admin::DeviceLine, headers(("ETag" = String, description = "For If-Match"), ("Location" = String, description = "The line's address"))),
    (status = 400, body = admin::Problem), (status = 404, body = admin::Problem), (status = 409, body = admin::Problem), (status = 412, body = admin::Problem)))]
pub(in crate::admin) async fn add_device_line(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Result<Object<admin::Line>, Problem>,
) -> Result<Response, Problem> {
    Owner::Device.add(&app, &name, &headers, &body?.0).await
}

/// Replace a line of a device.
#[utoipa::path(put, path = "/api/v1/devices/{name}/lines/{index}", tag = "directory", request_body = admin::Line,
    params(("name" = String, Path, description = "The device's name"), ("index" = usize, Path, description = "From 1"),
        ("If-Match" = String, Header, description = "The device's ETag that was read, or *")),
    responses((status = 200, body = admin::DeviceLine, headers(("ETag" = String, description = "For If-Match"))),
    (status = 400, body = admin::Problem), (status = 404, body = admin::Problem), (status = 409, body = admin::Problem), (status = 412, body = admin::Problem),
    (status = 428, body = admin::Problem)))]
pub(in crate::admin) async fn replace_device_line(
    State(app): State<Arc<App>>,
    at: Result<Path<(String, usize)>, PathRejection>,
    headers: HeaderMap,
    body: Result<Object<admin::Line>, Problem>,
) -> Result<Response, Problem> {
    let Path((name, index)) = at?;
    Owner::Device
        .replace(&app, (&name, index), &headers, &body?.0)
        .await
}

/// Remove a line of a device; those behind it move up.
#[utoipa::path(delete, path = "/api/v1/devices/{name}/lines/{index}", tag = "directory",
    params(("name" = String, Path, description = "The device's name"), ("index" = usize, Path, description = "From 1"),
        ("If-Match" = String, Header, description = "The device's ETag that was read, or *")),
    responses((status = 204), (status = 400, body = admin::Problem), (status = 404, body = admin::Problem), (status = 409, body = admin::Problem), (status = 412, body = admin::Problem),
    (status = 428, body = admin::Problem)))]
pub(in crate::admin) async fn delete_device_line(
    State(app): State<Arc<App>>,
    at: Result<Path<(String, usize)>, PathRejection>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let Path((name, index)) = at?;
    Owner::Device.remove(&app, &name, index, &headers).await
}

/// The lines of a profile by configuration. The ETag is the profile's.
#[utoipa::path(get, path = "/api/v1/profiles/{name}/lines", tag = "directory", params(("name" = String, Path, description = "The profile's name")),
    responses((status = 200, body = admin::DeviceLines, headers(("ETag" = String, description = "For If-Match"))), (status = 404, body = admin::Problem)))]
pub(in crate::admin) async fn profile_lines(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    Owner::Profile.all(&app.handle.directory(), &name)
}

/// One line of a profile.
#[utoipa::path(get, path = "/api/v1/profiles/{name}/lines/{index}", tag = "directory",
    params(("name" = String, Path, description = "The profile's name"), ("index" = usize, Path, description = "From 1")),
    responses((status = 200, body = admin::DeviceLine, headers(("ETag" = String, description = "For If-Match"))),
    (status = 400, body = admin::Problem), (status = 404, body = admin::Problem)))]
pub(in crate::admin) async fn profile_line(
    State(app): State<Arc<App>>,
    at: Result<Path<(String, usize)>, PathRejection>,
) -> Result<Response, Problem> {
    let Path((name, index)) = at?;
    Owner::Profile.one(&app.handle.directory(), &name, index)
}

/// Add a line to a profile, as its last.
#[utoipa::path(post, path = "/api/v1/profiles/{name}/lines", tag = "directory", request_body = admin::Line,
    params(("name" = String, Path, description = "The profile's name"), ("If-Match" = Option<String>, Header, description = "The ETag that was read")),
    responses((status = 201, body = admin::DeviceLine, headers(("ETag" = String, description = "For If-Match"), ("Location" = String, description = "The line's address"))),
    (status = 400, body = admin::Problem), (status = 404, body = admin::Problem), (status = 409, body = admin::Problem), (status = 412, body = admin::Problem)))]
pub(in crate::admin) async fn add_profile_line(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Result<Object<admin::Line>, Problem>,
) -> Result<Response, Problem> {
    Owner::Profile.add(&app, &name, &headers, &body?.0).await
}

/// Replace a line of a profile.
#[utoipa::path(put, path = "/api/v1/profiles/{name}/lines/{index}", tag = "directory", request_body = admin::Line,
    params(("name" = String, Path, description = "The profile's name"), ("index" = usize, Path, description = "From 1"),
        ("If-Match" = String, Header, description = "The profile's ETag that was read, or *")),
    responses((status = 200, body = admin::DeviceLine, headers(("ETag" = String, description = "For If-Match"))),
    (status = 400, body = admin::Problem), (status = 404, body = admin::Problem), (status = 409, body = admin::Problem), (status = 412, body = admin::Problem),
    (status = 428, body = admin::Problem)))]
pub(in crate::admin) async fn replace_profile_line(
    State(app): State<Arc<App>>,
    at: Result<Path<(String, usize)>, PathRejection>,
    headers: HeaderMap,
    body: Result<Object<admin::Line>, Problem>,
) -> Result<Response, Problem> {
    let Path((name, index)) = at?;
    Owner::Profile
        .replace(&app, (&name, index), &headers, &body?.0)
        .await
}

/// Remove a line of a profile; those behind it move up.
#[utoipa::path(delete, path = "/api/v1/profiles/{name}/lines/{index}", tag = "directory",
    params(("name" = String, Path, description = "The profile's name"), ("index" = usize, Path, description = "From 1"),
        ("If-Match" = String, Header, description = "The profile's ETag that was read, or *")),
    responses((status = 204), (status = 400, body = admin::Problem), (status = 404, body = admin::Problem), (status = 409, body = admin::Problem), (status = 412, body = admin::Problem),
    (status = 428, body = admin::Problem)))]
pub(in crate::admin) async fn delete_profile_line(
    State(app): State<Arc<App>>,
    at: Result<Path<(String, usize)>, PathRejection>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let Path((name, index)) = at?;
    Owner::Profile.remove(&app, &name, index, &headers).await
}
