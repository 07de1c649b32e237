//! Application users.

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
use cordboard_core::directory::{AppUser, Change, Directory, PasswordHash, Right};
use cordboard_wire::admin;
use http::{HeaderMap, StatusCode};
use std::sync::Arc;

/// All application users, in configuration order.
#[utoipa::path(get, path = "/api/v1/app-users", tag = "directory", params(Page), responses(
    (status = 200, body = admin::AppUsers), (status = 400, body = admin::Problem), (status = 404, body = admin::Problem)))]
pub(in crate::admin) async fn app_users(
    State(app): State<Arc<App>>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<admin::AppUsers>, Problem> {
    let directory = app.handle.directory();
    let (users, next) = Page::of(page)?.cut(directory.app_users(), |u| u.id.to_string())?;
    Ok(Json(admin::AppUsers {
        app_users: users.iter().map(shapes::app_user).collect(),
        next,
    }))
}

fn find(directory: &Directory, id: &str) -> Result<AppUser, Problem> {
    Ok(directory.app_user(id).ok_or(Refusal::NoSuchUser)?)
}

/// One application user.
#[utoipa::path(get, path = "/api/v1/app-users/{id}", tag = "directory", params(("id" = String, Path, description = "The user's id")),
    responses((status = 200, body = admin::AppUser, headers(("ETag" = String, description = "For If-Match"))), (status = 404, body = admin::Problem)))]
pub(in crate::admin) async fn app_user(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let directory = app.handle.directory();
    let user = find(&directory, &id)?;
    Ok(tagged(
        StatusCode::OK,
        &shapes::app_user(&user),
        &tag(&user),
    ))
}

/// The entry; a hash that the body does not bring is kept.
fn entry(body: &admin::AppUserBody, hash: Option<&PasswordHash>, old: Option<&AppUser>) -> AppUser {
    let kept = hash.or_else(|| old.and_then(|u| u.password_hash.as_ref()));
    AppUser {
        id: body.id.as_str().into(),
        rights: body.rights.iter().map(|r| Right(r.clone())).collect(),
        devices: body.devices.iter().map(|d| d.as_str().into()).collect(),
        password_hash: kept.cloned(),
        credential: shapes::credential_of(body.credential),
    }
}

/// Add an application user.
#[utoipa::path(post, path = "/api/v1/app-users", tag = "directory", request_body = admin::AppUserBody, responses(
    (status = 201, body = admin::AppUser, headers(("ETag" = String, description = "For If-Match"), ("Location" = String, description = "The user's address"))),
    (status = 400, body = admin::Problem), (status = 409, body = admin::Problem)))]
pub(in crate::admin) async fn add_app_user(
    State(app): State<Arc<App>>,
    body: Result<Object<admin::AppUserBody>, Problem>,
) -> Result<Response, Problem> {
    let Object(body) = body?;
    let (password, hash) = (body.password.as_ref(), body.password_hash.as_ref());
    let hash = secret(password, hash, "password").await?;
    let edited = edit(&app, |directory| {
        if directory.app_user(&body.id).is_some() {
            return Err(Problem::exists("application user", &body.id));
        }
        Ok(Change::PutAppUser(entry(&body, hash.as_ref(), None)))
    })
    .await?;
    let user = find(&edited, &body.id)?;
    let shown = shapes::app_user(&user);
    Ok(created(&shown, &tag(&user), "app-users", &shown.id))
}

/// Replace an application user. Secrets that are not sent are kept.
#[utoipa::path(put, path = "/api/v1/app-users/{id}", tag = "directory", request_body = admin::AppUserBody,
    params(("id" = String, Path, description = "The user's id"), ("If-Match" = String, Header, description = "The ETag that was read, or *")),
    responses((status = 200, body = admin::AppUser, headers(("ETag" = String, description = "For If-Match"))),
    (status = 400, body = admin::Problem), (status = 404, body = admin::Problem), (status = 409, body = admin::Problem),
    (status = 412, body = admin::Problem), (status = 428, body = admin::Problem)))]
pub(in crate::admin) async fn replace_app_user(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Result<Object<admin::AppUserBody>, Problem>,
) -> Result<Response, Problem> {
    let Object(body) = body?;
    Problem::unless_same("id", &id, &body.id)?;
    may_replace(&headers, &tag(&find(&app.handle.directory(), &id)?))?;
    let (password, hash) = (body.password.as_ref(), body.password_hash.as_ref());
    let hash = secret(password, hash, "password").await?;
    let edited = edit(&app, |directory| {
        let old = find(directory, &id)?;
        may_replace(&headers, &tag(&old))?;
        Ok(Change::PutAppUser(entry(&body, hash.as_ref(), Some(&old))))
    })
    .await?;
    let user = find(&edited, &id)?;
    Ok(tagged(
        StatusCode::OK,
        &shapes::app_user(&user),
        &tag(&user),
    ))
}

/// Remove an application user.
#[utoipa::path(delete, path = "/api/v1/app-users/{id}", tag = "directory",
    params(("id" = String, Path, description = "The user's id"), ("If-Match" = Option<String>, Header, description = "The ETag that was read")),
    responses((status = 204), (status = 404, body = admin::Problem), (status = 412, body = admin::Problem)))]
pub(in crate::admin) async fn delete_app_user(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    edit(&app, |directory| {
        let user = find(directory, &id)?;
        may_change(&headers, &tag(&user))?;
        Ok(Change::DeleteAppUser(user.id))
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
