//! The JSON API: what the console, the command line and tests use. Shapes are in `cordboard_wire::admin`.

mod calls;
mod directory;
mod labs;
mod openapi;
mod problem;
pub mod shapes;

use crate::app::App;
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::IntoResponse;
use axum::routing::{get, post};
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
    if app.serves.open_api {
        router = router
            .route("/api/v1/openapi.json", get(openapi::document))
            .route("/api/v1/users", get(directory::users))
            .route("/api/v1/users/{id}", get(directory::user))
            .route("/api/v1/devices", get(directory::devices))
            .route("/api/v1/devices/{name}", get(directory::device))
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
    router
        .layer(DefaultBodyLimit::max(app.config.limits.body_bytes))
        .fallback(problem::nothing_here)
        .method_not_allowed_fallback(problem::not_that_method)
        .with_state(app)
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

async fn metrics(State(app): State<Arc<App>>) -> impl IntoResponse {
    let counts = counts(&app).await.unwrap_or_default();
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], app.metrics.render(counts))
}
