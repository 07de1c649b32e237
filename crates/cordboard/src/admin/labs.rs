//! The lab's controls: reset, clock, faults, journal, auto-answer. [lab]

use super::object::Object;
use super::problem::Problem;
use super::shapes;
use crate::app::App;
use crate::lab::faults;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use cordboard_core::Refusal;
use cordboard_wire::admin;
use http::StatusCode;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;

/// The last time that can be shown, in the year 9999.
const LAST_MS: i64 = 253_402_207_200_000;
/// A reading of the journal has so many entries unless it is told otherwise.
const PAGE: usize = 1_000;

/// Back to the seeded state.
#[utoipa::path(post, path = "/api/v1/lab/reset", responses((status = 204), (status = 503, body = admin::Problem)))]
pub(super) async fn reset(State(app): State<Arc<App>>) -> Result<StatusCode, Problem> {
    // A token or a change that is under way is stored before it, or after it.
    let _turn = app.editing.lock().await;
    let board = app.clone();
    app.handle
        .on_thread(move |engine| {
            // The engine's reset ends the network's and the store's faults without a word; clearing them one by one would
            // publish what comes back.
            let contents = crate::program::seed_of(&engine.store).map_err(|e| e.to_string())?;
            crate::program::put_directory(&mut engine.store, &contents)
                .map_err(|e| e.to_string())?;
            board.auth.tokens.set(contents.tokens, Vec::new());
            let mut directory = contents.builder.draft();
            crate::lab::populate(&mut directory, board.population);
            let directory = directory.build().map_err(|e| e.to_string())?;
            engine
                .reset(directory, contents.logins)
                .map_err(|e| e.to_string())?;
            board.faults.clear(None);
            board.broker.set_down(false);
            Ok(())
        })
        .await?
        .map_err(|reason: String| {
            Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "store-unavailable",
                "Not reset",
            )
            .because(reason)
        })?;
    app.journal.clear();
    app.auth.forget();
    app.pages.sessions.clear();
    app.homes.forget();
    Ok(StatusCode::NO_CONTENT)
}

fn shown(clock: &crate::runtime::clock::Clock) -> Json<admin::Clock> {
    Json(admin::Clock {
        now: shapes::time(clock.now().wall.0),
        running: clock.is_running(),
    })
}

/// What the clock shows.
#[utoipa::path(get, path = "/api/v1/lab/clock", responses((status = 200, body = admin::Clock)))]
pub(super) async fn clock(State(app): State<Arc<App>>) -> Json<admin::Clock> {
    shown(&app.clock)
}

/// Move, stop or start the clock. Moving it fires what is due, in order.
#[utoipa::path(post, path = "/api/v1/lab/clock", request_body = admin::ClockChange,
    responses((status = 200, body = admin::Clock), (status = 400, body = admin::Problem), (status = 409, body = admin::Problem)))]
pub(super) async fn change_clock(
    State(app): State<Arc<App>>,
    body: Result<Object<admin::ClockChange>, Problem>,
) -> Result<Json<admin::Clock>, Problem> {
    let Object(change) = body?;
    let to = match &change.now {
        Some(text) => Some(
            shapes::parse_time(text)
                .ok_or_else(|| Problem::bad_request(format!("`now` must be {}", shapes::A_TIME)))?,
        ),
        None => None,
    };
    app.handle
        .on_thread(move |engine| {
            if let Some(running) = change.running {
                engine.clock.set_running(running);
            }
            if let Some(to) = to {
                let now = engine.clock.now().wall;
                match u64::try_from(to.0.saturating_sub(now.0)) {
                    Ok(forward) => engine.advance(Duration::from_millis(forward)),
                    Err(_) if engine.is_untouched() => engine.set_back(to),
                    Err(_) => return Err("the clock goes backwards only right after a reset"),
                }
            }
            if let Some(by) = change.advance_ms {
                let room = LAST_MS.saturating_sub(engine.clock.now().wall.0);
                if i64::try_from(by).map_or(true, |by| by > room) {
                    return Err("no time so far ahead can be written down");
                }
                engine.advance(Duration::from_millis(by));
            }
            engine.remember_clock();
            Ok(())
        })
        .await?
        .map_err(|reason| {
            Problem::new(StatusCode::CONFLICT, "clock", "The clock cannot be set so")
                .because(reason)
        })?;
    Ok(shown(&app.clock))
}

/// The faults that are set.
#[utoipa::path(get, path = "/api/v1/lab/faults", responses((status = 200, body = admin::Faults)))]
pub(super) async fn faults(State(app): State<Arc<App>>) -> Json<admin::Faults> {
    Json(admin::Faults {
        faults: app.faults.list(),
    })
}

/// Set a fault.
#[utoipa::path(post, path = "/api/v1/lab/faults", request_body = admin::Fault,
    responses((status = 200, body = admin::Faults), (status = 400, body = admin::Problem), (status = 404, body = admin::Problem)))]
pub(super) async fn set_fault(
    State(app): State<Arc<App>>,
    body: Result<Object<admin::Fault>, Problem>,
) -> Result<Json<admin::Faults>, Problem> {
    let Object(mut fault) = body?;
    if let Some(name) = fault.on.strip_prefix("device:") {
        let directory = app.handle.directory();
        let device = directory.device(name).ok_or(Refusal::NoSuchDevice)?;
        fault.on = format!("device:{}", device.name);
    }
    let told = faults::check(&fault).map_err(|e| Problem::bad_request(e.to_string()))?;
    let board = app.clone();
    // On the thread, so that the board and the engine never disagree.
    app.handle
        .on_thread(move |engine| {
            match (fault.on.as_str(), fault.kind.as_str()) {
                ("broker", "down") => board.broker.set_down(true),
                ("broker", "cut") => board.broker.cut(),
                _ => {}
            }
            board.faults.set(fault);
            told.apply(engine);
        })
        .await?;
    Ok(faults_now(&app))
}

fn faults_now(app: &App) -> Json<admin::Faults> {
    Json(admin::Faults {
        faults: app.faults.list(),
    })
}

/// Which faults to take away.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct On {
    /// Those on this; without it all.
    on: Option<String>,
}

/// Take faults away.
#[utoipa::path(delete, path = "/api/v1/lab/faults", params(On), responses((status = 200, body = admin::Faults)))]
pub(super) async fn clear_faults(
    State(app): State<Arc<App>>,
    on: Result<Query<On>, QueryRejection>,
) -> Result<Json<admin::Faults>, Problem> {
    let Query(On { on }) = on?;
    let board = app.clone();
    app.handle
        .on_thread(move |engine| {
            board.faults.clear(on.as_deref());
            board.broker.set_down(board.faults.is_down("broker"));
            faults::clear(engine, on.as_deref());
        })
        .await?;
    Ok(faults_now(&app))
}

/// Which requests to show.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Only of this interface.
    interface: Option<String>,
    /// Only with a number above this.
    #[serde(default, deserialize_with = "super::number")]
    since: Option<u64>,
    /// At most so many.
    #[param(minimum = 1, maximum = 10_000)]
    limit: Option<usize>,
}

/// The last requests on every interface with their answers, oldest first, secrets masked.
#[utoipa::path(get, path = "/api/v1/lab/requests", params(Which),
    responses((status = 200, body = admin::Journal), (status = 400, body = admin::Problem)))]
pub(super) async fn requests(
    State(app): State<Arc<App>>,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Json<admin::Journal>, Problem> {
    let Query(which) = which?;
    let limit = super::limit(which.limit, PAGE, crate::journal::KEPT)?;
    let requests = app
        .journal
        .read(which.interface.as_deref(), which.since.unwrap_or(0), limit);
    Ok(Json(admin::Journal { requests }))
}

/// Make a simulated phone answer by itself.
#[utoipa::path(post, path = "/api/v1/phones/{name}/auto-answer", request_body = admin::AutoAnswer,
    params(("name" = String, Path, description = "The device's name")),
    responses((status = 204), (status = 404, body = admin::Problem)))]
pub(super) async fn auto_answer(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    body: Result<Object<admin::AutoAnswer>, Problem>,
) -> Result<StatusCode, Problem> {
    let Object(wish) = body?;
    let device = app
        .handle
        .directory()
        .device(&name)
        .ok_or(Refusal::NoSuchDevice)?
        .name;
    let after = wish.after_ms.map(Duration::from_millis);
    app.handle
        .on_thread(move |engine| engine.network.set_auto_answer(device, after))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
