//! The JSON API: what the console, the command line and tests use. Shapes are in `cordboard_wire::admin`.

pub mod access;
mod backup;
mod calls;
mod directory;
mod events;
mod explain;
mod labs;
mod mobility;
mod noted;
mod object;
mod openapi;
mod problem;
pub mod shapes;
mod takeovers;
mod tokens;

pub use events::Snapshots;
pub(crate) use problem::{no_address, refused};

use crate::app::App;
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::middleware;
use axum::response::IntoResponse;
use axum::routing::{delete, get, post};
use cordboard_core::exchange::{Action, Actor, Command, Counts, Query, Reply};
use http::{StatusCode, header};
use std::sync::Arc;

/// The interface's word: in a call's origin, in the journal.
pub const INTERFACE: &str = "api";

/// The routes that are served, by what the program serves.
pub fn router(app: Arc<App>) -> Router {
    let mut router = Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics));
    if app.serves.api {
        router = router
            .route("/api/v1/openapi.json", get(openapi::document))
            .route("/api/v1/backup", get(backup::backup))
            .route(
                "/api/v1/users",
                get(directory::users).post(directory::add_user),
            )
            .route(
                "/api/v1/users/{id}",
                get(directory::user)
                    .put(directory::replace_user)
                    .delete(directory::delete_user),
            )
            .route(
                "/api/v1/app-users",
                get(directory::app_users).post(directory::add_app_user),
            )
            .route(
                "/api/v1/app-users/{id}",
                get(directory::app_user)
                    .put(directory::replace_app_user)
                    .delete(directory::delete_app_user),
            )
            .route(
                "/api/v1/devices",
                get(directory::devices).post(directory::add_device),
            )
            .route(
                "/api/v1/devices/{name}",
                get(directory::device)
                    .put(directory::replace_device)
                    .delete(directory::delete_device),
            )
            .route(
                "/api/v1/devices/{name}/lines",
                get(directory::device_lines).post(directory::add_device_line),
            )
            .route(
                "/api/v1/devices/{name}/lines/{index}",
                get(directory::device_line)
                    .put(directory::replace_device_line)
                    .delete(directory::delete_device_line),
            )
            .route(
                "/api/v1/profiles",
                get(directory::profiles).post(directory::add_profile),
            )
            .route(
                "/api/v1/profiles/{name}",
                get(directory::profile)
                    .put(directory::replace_profile)
                    .delete(directory::delete_profile),
            )
            .route(
                "/api/v1/profiles/{name}/lines",
                get(directory::profile_lines).post(directory::add_profile_line),
            )
            .route(
                "/api/v1/profiles/{name}/lines/{index}",
                get(directory::profile_line)
                    .put(directory::replace_profile_line)
                    .delete(directory::delete_profile_line),
            )
            .route("/api/v1/lines", get(directory::lines))
            .route(
                "/api/v1/directory",
                get(directory::exported)
                    .put(directory::import)
                    .layer(DefaultBodyLimit::max(app.config.limits.import_bytes)),
            )
            .route(
                "/api/v1/directory/secrets",
                get(directory::exported_with_secrets),
            )
            .route(
                "/api/v1/users/{id}/tokens",
                get(tokens::of_user).post(tokens::issue),
            )
            .route("/api/v1/users/{id}/tokens/{token}", delete(tokens::revoke))
            .route("/api/v1/tokens", get(tokens::list).post(tokens::create))
            .route("/api/v1/tokens/{token}", delete(tokens::remove))
            .route("/api/v1/events", get(events::listen))
            .route("/api/v1/clusters", get(explain::clusters))
            .route(
                "/api/v1/mobility/sessions",
                get(mobility::sessions)
                    .post(mobility::log_in)
                    .delete(mobility::log_out_all),
            )
            .route(
                "/api/v1/mobility/sessions/{device}",
                get(mobility::one).delete(mobility::log_out),
            )
            .route("/api/v1/mobility/history", get(mobility::history))
            .route("/api/v1/mobility/schedules", get(mobility::schedules))
            .route(
                "/api/v1/mobility/takeovers",
                get(takeovers::list).post(takeovers::begin),
            )
            .route(
                "/api/v1/mobility/takeovers/{device}",
                get(takeovers::one).delete(takeovers::cancel),
            )
            .route(
                "/api/v1/mobility/takeovers/{device}/undo",
                post(takeovers::undo),
            )
            .route("/api/v1/explain/login", post(mobility::explain))
            .route("/api/v1/explain/dial", post(explain::dial))
            .route("/api/v1/explain/home", post(explain::home))
            .route("/api/v1/calls", get(calls::list).post(calls::place))
            .route("/api/v1/calls/{id}", get(calls::one))
            .route("/api/v1/calls/{id}/{action}", post(calls::act));
    }
    if app.serves.lab {
        router = router
            .route("/api/v1/phones/{name}/auto-answer", post(labs::auto_answer))
            .route("/api/v1/lab/reset", post(labs::reset))
            .route(
                "/api/v1/lab/clock",
                get(labs::clock).post(labs::change_clock),
            )
            .route(
                "/api/v1/lab/faults",
                get(labs::faults)
                    .post(labs::set_fault)
                    .delete(labs::clear_faults),
            )
            .route("/api/v1/lab/requests", get(labs::requests));
    }
    let mut router = router
        .layer(DefaultBodyLimit::max(app.config.limits.body_bytes))
        .layer(middleware::from_fn_with_state(app.clone(), access::guard))
        .fallback(problem::nothing_here)
        .method_not_allowed_fallback(problem::not_that_method);
    if app.journal.is_enabled() {
        router = router.layer(middleware::from_fn(noted::note));
    }
    router.with_state(app)
}

/// A number in a query, as the document says it: one that fits into 63 bits.
fn number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let number = <Option<u64> as serde::Deserialize>::deserialize(deserializer)?;
    match number {
        Some(number) if i64::try_from(number).is_err() => {
            Err(serde::de::Error::custom("the number is too big"))
        }
        number => Ok(number),
    }
}

/// How many entries are wanted: `usual` if it is not said, never more than `most`.
fn limit(said: Option<usize>, usual: usize, most: usize) -> Result<usize, problem::Problem> {
    match said {
        None => Ok(usual),
        Some(limit) if (1..=most).contains(&limit) => Ok(limit),
        Some(_) => Err(problem::Problem::bad_request(format!(
            "`limit` must be 1 to {most}"
        ))),
    }
}

async fn counts(app: &App) -> Option<Counts> {
    let command = Command {
        actor: Actor::Operator,
        interface: INTERFACE,
        action: Action::Snapshot(Query::Counts),
    };
    match app.handle.command(command).await {
        Ok(Reply::Counts(counts)) => Some(counts),
        Ok(_) | Err(_) => None,
    }
}

/// Is the exchange turning?
async fn healthz(State(app): State<Arc<App>>) -> impl IntoResponse {
    match counts(&app).await {
        Some(_) => (StatusCode::OK, "ok\n"),
        None => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the exchange does not answer\n",
        ),
    }
}

/// Can calls be placed?
async fn readyz(State(app): State<Arc<App>>) -> impl IntoResponse {
    let stores = app.handle.on_thread(|engine| engine.store_is_well()).await;
    match counts(&app).await {
        Some(_) if stores == Ok(false) => (StatusCode::SERVICE_UNAVAILABLE, "the store refuses\n"),
        Some(_) if !app.broker.is_up() => (StatusCode::SERVICE_UNAVAILABLE, "the broker is away\n"),
        Some(_) if cti_is_away(&app) => (StatusCode::SERVICE_UNAVAILABLE, "CTI's broker is away\n"),
        Some(counts) if counts.network_up => (StatusCode::OK, "ready\n"),
        Some(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the telephone network is away\n",
        ),
        None => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the exchange does not answer\n",
        ),
    }
}

/// Is there a CTI connector that cannot take commands?
fn cti_is_away(app: &App) -> bool {
    let status = app.cti.get();
    status.is_some_and(|status| !status.borrow().is_ready())
}

async fn metrics(State(app): State<Arc<App>>) -> impl IntoResponse {
    let counts = counts(&app).await.unwrap_or_default();
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], app.metrics.render(counts))
}
