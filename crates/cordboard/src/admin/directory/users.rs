//! End users.

use super::conditions::{created, may_change, may_replace, tag, tagged};
use super::edit::secret;
use super::{Page, edit};
use crate::admin::object::Object;
use crate::admin::problem::Problem;
use crate::admin::shapes;
use crate::app::App;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use cordboard_core::Refusal;
use cordboard_core::directory::{Change, Directory, EndUser, PasswordHash, Right};
use cordboard_wire::admin;
use http::{HeaderMap, StatusCode};
use std::sync::Arc;

/// All end users, in configuration order.
#[utoipa::path(get, path = "/api/v1/users", tag = "directory", params(Page), responses(
    (status = 200, body = admin::Users), (status = 400, body = admin::Problem), (status = 404, body = admin::Problem)))]
pub(in crate::admin) async fn users(
    State(app): State<Arc<App>>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<admin::Users>, Problem> {
    let directory = app.handle.directory();
    let (users, next) = Page::of(page)?.cut(directory.end_users(), |u| u.id.to_string())?;
    Ok(Json(admin::Users {
        users: users.iter().map(shapes::user).collect(),
        next,
    }))
}

fn find(directory: &Directory, id: &str) -> Result<EndUser, Problem> {
    Ok(directory.end_user(id).ok_or(Refusal::NoSuchUser)?)
}

/// One end user.
#[utoipa::path(get, path = "/api/v1/users/{id}", tag = "directory", params(("id" = String, Path, description = "The user's id")),
    responses((status = 200, body = admin::User, headers(("ETag" = String, description = "For If-Match"))), (status = 404, body = admin::Problem)))]
pub(in crate::admin) async fn user(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let directory = app.handle.directory();
    let user = find(&directory, &id)?;
    Ok(tagged(StatusCode::OK, &shapes::user(&user), &tag(&user)))
}

/// The hashes that a body brings.
struct Hashes {
    password: Option<PasswordHash>,
    pin: Option<PasswordHash>,
}

impl Hashes {
    async fn of(body: &admin::UserBody) -> Result<Self, Problem> {
        let (password, hash) = (body.password.as_ref(), body.password_hash.as_ref());
        Ok(Self {
            password: secret(password, hash, "password").await?,
            pin: secret(body.pin.as_ref(), body.pin_hash.as_ref(), "pin").await?,
        })
    }

    /// The entry; what the body does not bring is kept.
    fn entry(&self, body: &admin::UserBody, old: Option<&EndUser>) -> EndUser {
        let kept = |new: &Option<PasswordHash>, old: Option<&PasswordHash>| {
            new.clone().or_else(|| old.cloned())
        };
        EndUser {
            id: body.id.as_str().into(),
            first_name: body.first_name.clone(),
            last_name: body.last_name.clone(),
            devices: body.devices.iter().map(|d| d.as_str().into()).collect(),
            profiles: body.profiles.iter().map(|p| p.as_str().into()).collect(),
            primary_line: body.primary_line.as_ref().map(shapes::number_of),
            rights: body.rights.iter().map(|r| Right(r.clone())).collect(),
            password_hash: kept(&self.password, old.and_then(|u| u.password_hash.as_ref())),
            pin_hash: kept(&self.pin, old.and_then(|u| u.pin_hash.as_ref())),
            credential: shapes::credential_of(body.credential),
            home_cluster: body.home_cluster.unwrap_or(true),
            max_login_minutes: body.max_login_minutes,
        }
    }
}

/// Add an end user.
#[utoipa::path(post, path = "/api/v1/users", tag = "directory", request_body = admin::UserBody, responses(
    (status = 201, body = admin::User, headers(("ETag" = String, description = "For If-Match"), ("Location" = String, description = "The user's address"))),
    (status = 400, body = admin::Problem), (status = 409, body = admin::Problem)))]
pub(in crate::admin) async fn add_user(
    State(app): State<Arc<App>>,
    body: Result<Object<admin::UserBody>, Problem>,
) -> Result<Response, Problem> {
    let Object(body) = body?;
    let hashes = Hashes::of(&body).await?;
    let edited = edit(&app, |directory| {
        if directory.end_user(&body.id).is_some() {
            return Err(Problem::exists("user", &body.id));
        }
        Ok(Change::PutUser(hashes.entry(&body, None)))
    })
    .await?;
    let user = find(&edited, &body.id)?;
    let shown = shapes::user(&user);
    Ok(created(&shown, &tag(&user), "users", &shown.id))
}

/// Replace an end user. Secrets that are not sent are kept.
#[utoipa::path(put, path = "/api/v1/users/{id}", tag = "directory", request_body = admin::UserBody,
    params(("id" = String, Path, description = "The user's id"), ("If-Match" = String, Header, description = "The ETag that was read, or *")),
    responses((status = 200, body = admin::User, headers(("ETag" = String, description = "For If-Match"))),
    (status = 400, body = admin::Problem), (status = 404, body = admin::Problem), (status = 409, body = admin::Problem),
    (status = 412, body = admin::Problem), (status = 428, body = admin::Problem)))]
pub(in crate::admin) async fn replace_user(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Result<Object<admin::UserBody>, Problem>,
) -> Result<Response, Problem> {
    let Object(body) = body?;
    Problem::unless_same("id", &id, &body.id)?;
    may_replace(&headers, &tag(&find(&app.handle.directory(), &id)?))?;
    let hashes = Hashes::of(&body).await?;
    let edited = edit(&app, |directory| {
        let old = find(directory, &id)?;
        may_replace(&headers, &tag(&old))?;
        Ok(Change::PutUser(hashes.entry(&body, Some(&old))))
    })
    .await?;
    let user = find(&edited, &id)?;
    Ok(tagged(StatusCode::OK, &shapes::user(&user), &tag(&user)))
}

/// Remove an end user, with his tokens; his devices lose their owner.
#[utoipa::path(delete, path = "/api/v1/users/{id}", tag = "directory",
    params(("id" = String, Path, description = "The user's id"), ("If-Match" = Option<String>, Header, description = "The ETag that was read")),
    responses((status = 204), (status = 404, body = admin::Problem), (status = 412, body = admin::Problem)))]
pub(in crate::admin) async fn delete_user(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    edit(&app, |directory| {
        let user = find(directory, &id)?;
        may_change(&headers, &tag(&user))?;
        Ok(Change::DeleteUser(user.id))
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
