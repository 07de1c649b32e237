//! Tokens: those that stand for a user, and those of the API. What is given out is shown once and kept as a hash.

use super::access::Role;
use super::object::Object;
use super::problem::Problem;
use super::shapes;
use crate::app::App;
use crate::services::tokens::{self, Kind};
use axum::Json;
use axum::extract::{Path, State};
use cordboard_core::Refusal;
use cordboard_core::ids::UserId;
use cordboard_core::now::Wall;
use cordboard_store::{ApiToken, UserToken, token_id};
use cordboard_wire::admin;
use http::StatusCode;
use std::sync::Arc;

/// A token ends after so long, unless it is said otherwise.
const DAYS_MS: i64 = 365 * 86_400_000;
/// A user has at most so many tokens.
const PER_USER: usize = 100;
/// The API has at most so many.
const PER_API: usize = 1_000;

fn until(app: &App, expires_at: Option<&str>) -> Result<Wall, Problem> {
    let now = app.clock.now().wall;
    let Some(text) = expires_at else {
        return Ok(Wall(now.0.saturating_add(DAYS_MS)));
    };
    let at = shapes::parse_time(text)
        .ok_or_else(|| Problem::bad_request(format!("`expires_at` must be {}", shapes::A_TIME)))?;
    if at <= now {
        let title = "The time is over already";
        return Err(Problem::new(StatusCode::CONFLICT, "over", title)
            .because(format!("it is {} now", shapes::time(now.0))));
    }
    Ok(at)
}

fn too_many(most: usize) -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "too-many-tokens",
        "There are too many tokens",
    )
    .because(format!("there are {most} already; delete some"))
}

fn user_of(app: &App, id: &str) -> Result<UserId, Problem> {
    let directory = app.handle.directory();
    Ok(directory.end_user(id).ok_or(Refusal::NoSuchUser)?.id)
}

/// A user's tokens; not what was given out.
#[utoipa::path(get, path = "/api/v1/users/{id}/tokens", tag = "tokens", params(("id" = String, Path, description = "The user's id")),
    responses((status = 200, body = admin::UserTokens), (status = 404, body = admin::Problem)))]
pub(super) async fn of_user(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<admin::UserTokens>, Problem> {
    let user = user_of(&app, &id)?;
    let tokens = app.auth.tokens.list_of(&user);
    Ok(Json(admin::UserTokens {
        tokens: tokens.iter().map(shapes::user_token).collect(),
    }))
}

/// Make a token that stands for a user: programs send it instead of his password. It is shown this once.
#[utoipa::path(post, path = "/api/v1/users/{id}/tokens", tag = "tokens", request_body = Option<admin::NewUserToken>,
    params(("id" = String, Path, description = "The user's id")),
    responses((status = 201, body = admin::IssuedToken), (status = 400, body = admin::Problem), (status = 404, body = admin::Problem),
    (status = 409, body = admin::Problem)))]
pub(super) async fn issue(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    body: Result<Option<Object<admin::NewUserToken>>, Problem>,
) -> Result<(StatusCode, Json<admin::IssuedToken>), Problem> {
    let body = body?.map(|Object(body)| body).unwrap_or_default();
    let expires = until(&app, body.expires_at.as_deref())?;
    let _turn = app.editing.lock().await;
    let user = user_of(&app, &id)?;
    if app.auth.tokens.list_of(&user).len() >= PER_USER {
        return Err(too_many(PER_USER));
    }
    let token = tokens::generate(Kind::User.word());
    let kept = UserToken {
        hash: tokens::hash(&token),
        user,
        created: app.clock.now().wall,
        expires: Some(expires),
    };
    let stored = kept.clone();
    app.handle
        .on_thread(move |engine| {
            engine.store_may_fail()?;
            engine.store.put_token(&stored)
        })
        .await??;
    let issued = admin::IssuedToken {
        id: token_id(&kept.hash).to_owned(),
        token,
        expires_at: Some(shapes::time(expires.0)),
    };
    app.auth.tokens.add_user(kept);
    Ok((StatusCode::CREATED, Json(issued)))
}

/// Revoke a user's token.
#[utoipa::path(delete, path = "/api/v1/users/{id}/tokens/{token}", tag = "tokens",
    params(("id" = String, Path, description = "The user's id"), ("token" = String, Path, description = "What names the token; not the token")),
    responses((status = 204), (status = 404, body = admin::Problem)))]
pub(super) async fn revoke(
    State(app): State<Arc<App>>,
    Path((id, token)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let user = user_of(&app, &id)?;
    let tokens = app.auth.tokens.list_of(&user);
    let found = tokens.into_iter().find(|t| token_id(&t.hash) == token);
    delete(&app, found.map(|t| t.hash)).await
}

async fn delete(app: &App, hash: Option<String>) -> Result<StatusCode, Problem> {
    let hash = hash.ok_or_else(|| Problem::not_found("there is no such token"))?;
    let _turn = app.editing.lock().await;
    let gone = hash.clone();
    app.handle
        .on_thread(move |engine| {
            engine.store_may_fail()?;
            engine.store.delete_token(&gone)
        })
        .await??;
    app.auth.tokens.remove(&hash);
    // Listeners ask whether it was theirs.
    app.hub.ring();
    Ok(StatusCode::NO_CONTENT)
}

/// The API's tokens; not what was given out.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "tokens", responses((status = 200, body = admin::ApiTokens)))]
pub(super) async fn list(State(app): State<Arc<App>>) -> Json<admin::ApiTokens> {
    let tokens = app.auth.tokens.list_api();
    Json(admin::ApiTokens {
        tokens: tokens.iter().map(shapes::api_token).collect(),
    })
}

/// Make a token of the API. It is shown this once.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "tokens", request_body = admin::NewApiToken,
    responses((status = 201, body = admin::IssuedToken), (status = 400, body = admin::Problem), (status = 409, body = admin::Problem)))]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    body: Result<Object<admin::NewApiToken>, Problem>,
) -> Result<(StatusCode, Json<admin::IssuedToken>), Problem> {
    let Object(body) = body?;
    Problem::unless_named("name", &body.name)?;
    let mut roles: Vec<String> = Vec::new();
    for role in &body.roles {
        let role: Role = role.parse().map_err(Problem::bad_request)?;
        let role = role.to_string();
        if !roles.contains(&role) {
            roles.push(role);
        }
    }
    if roles.is_empty() {
        return Err(Problem::bad_request(
            "`roles` is empty: the token could do nothing",
        ));
    }
    let expires = until(&app, body.expires_at.as_deref())?;
    let _turn = app.editing.lock().await;
    if app.auth.tokens.list_api().len() >= PER_API {
        return Err(too_many(PER_API));
    }
    let token = tokens::generate(Kind::Api.word());
    let kept = ApiToken {
        hash: tokens::hash(&token),
        name: body.name,
        roles,
        created: app.clock.now().wall,
        expires: Some(expires),
    };
    let stored = kept.clone();
    app.handle
        .on_thread(move |engine| {
            engine.store_may_fail()?;
            engine.store.put_api_token(&stored)
        })
        .await??;
    let issued = admin::IssuedToken {
        id: token_id(&kept.hash).to_owned(),
        token,
        expires_at: Some(shapes::time(expires.0)),
    };
    app.auth.tokens.add_api(kept);
    Ok((StatusCode::CREATED, Json(issued)))
}

/// Revoke a token of the API.
#[utoipa::path(delete, path = "/api/v1/tokens/{token}", tag = "tokens",
    params(("token" = String, Path, description = "What names the token; not the token")),
    responses((status = 204), (status = 404, body = admin::Problem)))]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    Path(token): Path<String>,
) -> Result<StatusCode, Problem> {
    let tokens = app.auth.tokens.list_api();
    let found = tokens.into_iter().find(|t| token_id(&t.hash) == token);
    delete(&app, found.map(|t| t.hash)).await
}
