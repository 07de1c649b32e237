//! `/api/v1/mobility`: who sits where, who did, and what a login would come to. [lab, Shapes]

use super::object::Object;
use super::problem::Problem;
use super::{INTERFACE, shapes};
use crate::app::App;
use crate::services::mobility::explain;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use cordboard_core::Refusal;
use cordboard_core::directory::{NAME_MAX, same_name};
use cordboard_core::exchange::{
    self, Action, Actor, Command, EndedLogin, LoginLength, LoginWish, MobilityLogin, Reply,
};
use cordboard_core::ids::UserId;
use cordboard_store::HistoryWish;
use cordboard_wire::admin;
use cordboard_wire::mobility::{Login, MINUTES_MAX};
use http::{StatusCode, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use std::net::IpAddr;
use std::sync::Arc;

/// An answer has at most so many logins.
const PAGE_MAX: usize = 10_000;
/// An answer has so many logins that are over unless it is told otherwise.
const PAST: usize = 100;

pub(super) async fn asked(app: &App, action: Action) -> Result<Reply, Problem> {
    let command = Command {
        actor: Actor::Operator,
        interface: INTERFACE,
        action,
    };
    Ok(app.handle.command(command).await?)
}

pub(super) fn session(login: &MobilityLogin) -> admin::Session {
    admin::Session {
        device: login.device.to_string(),
        user: login.user.to_string(),
        profile: login.profile.to_string(),
        since: shapes::time(login.since.0),
        until: login.until.map(|until| shapes::time(until.0)),
        origin: login.origin.to_string(),
        by: login.by.as_ref().map(ToString::to_string),
        mismatched: login.mismatched,
    }
}

fn past(ended: &EndedLogin) -> admin::PastSession {
    admin::PastSession {
        session: session(&ended.login),
        ended_at: shapes::time(ended.at.0),
        how: ended.how.as_str().to_owned(),
        ended_by: ended.by.as_ref().map(ToString::to_string),
    }
}

/// Which logins are wanted.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Only this user's.
    user: Option<String>,
    /// Only at this device.
    device: Option<String>,
    /// At most so many.
    #[param(minimum = 1, maximum = 10_000)]
    limit: Option<usize>,
    /// Go on after what the last answer called `next`.
    after: Option<String>,
}

impl Which {
    fn fits(&self, login: &MobilityLogin) -> bool {
        let is = |wanted: &Option<String>, text: &str| {
            wanted.as_ref().is_none_or(|wanted| same_name(wanted, text))
        };
        is(&self.user, login.user.as_str()) && is(&self.device, login.device.as_str())
    }
}

/// Who sits where, by device.
#[utoipa::path(get, path = "/api/v1/mobility/sessions", tag = "mobility", params(Which), responses(
    (status = 200, body = admin::Sessions), (status = 400, body = admin::Problem)))]
pub(super) async fn sessions(
    State(app): State<Arc<App>>,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Json<admin::Sessions>, Problem> {
    let Query(which) = which?;
    let limit = super::limit(which.limit, PAGE_MAX, PAGE_MAX)?;
    let reply = asked(&app, Action::Snapshot(exchange::Query::Logins)).await?;
    let logins = reply.logins().unwrap_or_default();
    let after = which.after.as_deref();
    let mut wanted = logins.iter().filter(|login| {
        after.is_none_or(|after| login.device.as_str() > after) && which.fits(login)
    });
    let sessions: Vec<admin::Session> = wanted.by_ref().take(limit).map(session).collect();
    let more = wanted.next().is_some();
    let next = sessions
        .last()
        .filter(|_| more)
        .map(|last| last.device.clone());
    Ok(Json(admin::Sessions { sessions, next }))
}

fn named(field: &str, name: &str) -> Result<(), Problem> {
    if name.is_empty() || name.chars().count() > NAME_MAX {
        return Err(Problem::bad_request(format!(
            "`{field}` must have 1 to {NAME_MAX} characters"
        )));
    }
    Ok(())
}

pub(super) fn wish(app: &App, body: admin::LoginBody) -> Result<LoginWish, Problem> {
    let length = match body.minutes {
        None => LoginLength::Policy,
        Some(minutes @ 1..=MINUTES_MAX) => LoginLength::Minutes(minutes),
        Some(_) => {
            return Err(Problem::bad_request(format!(
                "`minutes` must be 1 to {MINUTES_MAX}"
            )));
        }
    };
    let names = [
        ("device", &body.device),
        ("user", &body.user),
        ("profile", body.profile.as_ref().unwrap_or(&body.device)),
    ];
    for (field, name) in names {
        named(field, name)?;
    }
    Ok(LoginWish {
        device: body.device.as_str().into(),
        user: body.user.as_str().into(),
        profile: body.profile.map(Into::into),
        length,
        own_profiles: false,
        timers_work: app.faults.timers_work(),
    })
}

/// Log a user in to a device.
#[utoipa::path(post, path = "/api/v1/mobility/sessions", tag = "mobility", request_body = admin::LoginBody, responses(
    (status = 201, body = admin::Session, headers(("Location" = String, description = "The session's address"))),
    (status = 400, body = admin::Problem), (status = 404, body = admin::Problem), (status = 409, body = admin::Problem)))]
pub(super) async fn log_in(
    State(app): State<Arc<App>>,
    body: Result<Object<admin::LoginBody>, Problem>,
) -> Result<Response, Problem> {
    let wish = wish(&app, body?.0)?;
    let reply = asked(&app, Action::Login(wish)).await?;
    let login = reply.logins().and_then(|mut logins| logins.pop());
    let login = login.ok_or(Refusal::StoreUnavailable)?;
    let name = utf8_percent_encode(login.device.as_str(), NON_ALPHANUMERIC);
    let place = format!("/api/v1/mobility/sessions/{name}");
    let headers = [(header::LOCATION, place)];
    Ok((StatusCode::CREATED, headers, Json(session(&login))).into_response())
}

/// The login at a device.
#[utoipa::path(get, path = "/api/v1/mobility/sessions/{device}", tag = "mobility", params(("device" = String, Path, description = "The device's name")),
    responses((status = 200, body = admin::Session), (status = 404, body = admin::Problem)))]
pub(super) async fn one(
    State(app): State<Arc<App>>,
    Path(device): Path<String>,
) -> Result<Json<admin::Session>, Problem> {
    let reply = asked(&app, Action::Snapshot(exchange::Query::Logins)).await?;
    let logins = reply.logins().unwrap_or_default();
    let found = logins
        .iter()
        .find(|login| same_name(login.device.as_str(), &device));
    match found {
        Some(login) => Ok(Json(session(login))),
        None => Err(Problem::not_found(format!(
            "nobody is logged in to `{device}`"
        ))),
    }
}

/// Log out whoever is at a device.
#[utoipa::path(delete, path = "/api/v1/mobility/sessions/{device}", tag = "mobility", params(("device" = String, Path, description = "The device's name")),
    responses((status = 204), (status = 404, body = admin::Problem), (status = 409, body = admin::Problem)))]
pub(super) async fn log_out(
    State(app): State<Arc<App>>,
    Path(device): Path<String>,
) -> Result<StatusCode, Problem> {
    let action = Action::Logout {
        device: device.as_str().into(),
        only: None,
        timers_work: app.faults.timers_work(),
    };
    asked(&app, action).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Log everybody out.
#[utoipa::path(delete, path = "/api/v1/mobility/sessions", tag = "mobility", responses((status = 204)))]
pub(super) async fn log_out_all(State(app): State<Arc<App>>) -> Result<StatusCode, Problem> {
    let timers_work = app.faults.timers_work();
    asked(&app, Action::LogoutAll { timers_work }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which logins that are over are wanted.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Past {
    /// Only this user's.
    user: Option<String>,
    /// Only at this device.
    device: Option<String>,
    /// At most so many; 100, if it is not said.
    #[param(minimum = 1, maximum = 10_000)]
    limit: Option<usize>,
    /// Go on after what the last answer called `next`.
    #[serde(default, deserialize_with = "super::number")]
    after: Option<u64>,
}

/// Who sat where: the logins that are over, the latest first.
#[utoipa::path(get, path = "/api/v1/mobility/history", tag = "mobility", params(Past), responses(
    (status = 200, body = admin::PastSessions), (status = 400, body = admin::Problem)))]
pub(super) async fn history(
    State(app): State<Arc<App>>,
    which: Result<Query<Past>, QueryRejection>,
) -> Result<Json<admin::PastSessions>, Problem> {
    let Query(asked) = which?;
    let limit = super::limit(asked.limit, PAST, PAGE_MAX)?;
    let wish = HistoryWish {
        user: asked.user.as_deref().map(UserId::from),
        device: asked.device.as_deref().map(Into::into),
        before: asked
            .after
            .map(|after| i64::try_from(after).unwrap_or(i64::MAX)),
    };
    let reader = app.history.clone().lock_owned().await;
    let read = tokio::task::spawn_blocking(move || reader.mobility_history(&wish, limit + 1));
    let mut found = read.await.map_err(|_| super::calls::unreadable())??;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found
        .last()
        .filter(|_| more)
        .map(|(number, _)| number.to_string());
    let sessions = found.iter().map(|(_, ended)| past(ended)).collect();
    Ok(Json(admin::PastSessions { sessions, next }))
}

/// When everybody is logged out by the clock.
#[utoipa::path(get, path = "/api/v1/mobility/schedules", tag = "mobility", responses((status = 200, body = admin::Schedules)))]
pub(super) async fn schedules(State(app): State<Arc<App>>) -> Json<admin::Schedules> {
    let now = app.clock.now().wall;
    let schedules = app.config.mobility.schedules.iter();
    let schedules = schedules.map(|entry| admin::Schedule {
        at: entry.at.clone(),
        time_zone: entry.time_zone.clone(),
        days: entry.days.clone(),
        except_users: entry.except_users.clone(),
        except_devices: entry.except_devices.clone(),
        next: entry
            .schedule()
            .ok()
            .and_then(|schedule| schedule.next_after(now))
            .map(|next| shapes::time(next.0)),
    });
    Json(admin::Schedules {
        schedules: schedules.collect(),
    })
}

/// What is asked of a login, in order, and how it is refused. [mobility §7.2]
const CHECKS: [(&str, Refusal); 7] = [
    ("the device exists", Refusal::NoSuchDevice),
    ("Extension Mobility is on there", Refusal::MobilityOff),
    ("nobody is logged in there", Refusal::SeatTaken),
    (
        "the user exists, and this is his home cluster",
        Refusal::NoSuchUser,
    ),
    ("there is a profile", Refusal::NoSuchProfile),
    (
        "he is not logged in elsewhere, or may be",
        Refusal::SeatedElsewhere,
    ),
    (
        "the automatic log-out can be set",
        Refusal::TimerUnavailable,
    ),
];

/// What logging a user in would come to, check by check. Nothing is done.
#[utoipa::path(post, path = "/api/v1/explain/login", tag = "mobility", request_body = admin::LoginQuestion, responses(
    (status = 200, body = admin::LoginExplained), (status = 400, body = admin::Problem)))]
pub(super) async fn explain(
    State(app): State<Arc<App>>,
    body: Result<Object<admin::LoginQuestion>, Problem>,
) -> Result<Json<admin::LoginExplained>, Problem> {
    let Object(question) = body?;
    let caller = question.caller.as_deref();
    if let Some(caller) = caller {
        named("caller", caller)?;
    }
    let from = match question.from.as_deref().map(str::parse::<IpAddr>) {
        Some(Err(_)) => return Err(Problem::bad_request("`from` must be an address".to_owned())),
        Some(Ok(from)) => Some(from),
        None => None,
    };
    let mut wish = wish(
        &app,
        admin::LoginBody {
            device: question.device.clone(),
            user: question.user.clone(),
            profile: question.profile.clone(),
            minutes: question.minutes,
        },
    )?;
    let login = Login {
        device: question.device.clone(),
        user: question.user.clone(),
        profile: question.profile.clone(),
        duration: None,
    };
    let entry = explain::entry(&app, caller, from, login).await;
    wish.own_profiles = entry.own_profiles;
    let refused_before = entry.checks.iter().any(|(_, passed)| passed.is_err());
    let mut checks: Vec<admin::LoginCheck> = Vec::new();
    for (check, passed) in entry.checks {
        checks.push(admin::LoginCheck {
            check: check.to_owned(),
            passed: Some(passed.is_ok()),
            why: passed.err(),
        });
    }
    let command = Command {
        actor: Actor::Operator,
        interface: INTERFACE,
        action: Action::Snapshot(exchange::Query::Login(wish)),
    };
    let answer = app.handle.command(command).await;
    let stopped = CHECKS
        .iter()
        .position(|(_, refusal)| answer.as_ref() == Err(refusal));
    let plan = match answer {
        _ if refused_before => None,
        Ok(Reply::LoginPlan(plan)) => Some(plan),
        // What is no check of a login is told as what it is.
        Err(refusal) if stopped.is_none() => return Err(refusal.into()),
        Ok(_) | Err(_) => None,
    };
    for (at, (check, refusal)) in CHECKS.iter().enumerate() {
        let passed = match stopped {
            _ if refused_before => None,
            Some(stopped) if at > stopped => None,
            Some(stopped) => Some(at < stopped),
            None => Some(true),
        };
        checks.push(admin::LoginCheck {
            check: (*check).to_owned(),
            passed,
            why: (passed == Some(false)).then(|| refusal.to_string()),
        });
    }
    Ok(Json(admin::LoginExplained {
        allowed: plan.is_some(),
        checks,
        profile: plan.as_ref().map(|plan| plan.profile.to_string()),
        until: plan
            .as_ref()
            .and_then(|plan| Some(shapes::time(plan.until?.0))),
        ends: plan.map_or_else(Vec::new, |plan| {
            plan.ends.iter().map(ToString::to_string).collect()
        }),
    }))
}
