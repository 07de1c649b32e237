//! Calls: list, place, look at, act on.

use super::INTERFACE;
use super::object::Object;
use super::problem::Problem;
use super::shapes;
use crate::app::App;
use crate::edge::CALL_HEADER;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use cordboard_core::Refusal;
use cordboard_core::call::{CallRecord, CallState};
use cordboard_core::exchange::{self, Action, Actor, Command, LineWish, Reply, Whose};
use cordboard_core::ids::{CallId, CallKey};
use cordboard_store::Looked;
use cordboard_wire::admin;
use cordboard_wire::webdialer::LineChoice;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A page has so many calls unless it is told otherwise…
const PAGE: usize = 100;
/// … and never more than so many.
const PAGE_MAX: usize = 1_000;
/// One request looks at so many stored calls: what is rare is found over several, and nobody waits long for his turn.
const LOOK_AT: usize = 5_000;

/// What a call is at, as `state` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
enum StateWord {
    Initiated,
    Alerting,
    Connected,
    Held,
    Ended,
}

impl From<StateWord> for CallState {
    fn from(state: StateWord) -> Self {
        match state {
            StateWord::Initiated => Self::Initiated,
            StateWord::Alerting => Self::Alerting,
            StateWord::Connected => Self::Connected,
            StateWord::Held => Self::Held,
            StateWord::Ended => Self::Ended,
        }
    }
}

/// What narrows the list of calls down.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// Only calls in this state.
    #[param(inline)]
    state: Option<StateWord>,
    /// Only calls in which this user has a part, or that were made for him.
    user: Option<String>,
    /// Only calls in which this device has a part.
    device: Option<String>,
    /// At most so many.
    #[param(minimum = 1, maximum = 1_000)]
    limit: Option<usize>,
    /// Only calls older than this one.
    after: Option<String>,
}

impl Filter {
    fn fits(&self, call: &CallRecord) -> bool {
        let same =
            |a: &str, b: &Option<String>| b.as_deref().is_none_or(|b| a.eq_ignore_ascii_case(b));
        let of_user = |call: &CallRecord| {
            let origin = call.origin.user.iter();
            let parts = call.connections.iter().filter_map(|c| c.user.as_ref());
            origin
                .chain(parts)
                .any(|user| same(user.as_str(), &self.user))
        };
        self.state.is_none_or(|state| call.state == state.into())
            && (self.user.is_none() || of_user(call))
            && (self.device.is_none()
                || call
                    .connections
                    .iter()
                    .filter_map(|c| c.device.as_ref())
                    .any(|d| same(d.as_str(), &self.device)))
    }
}

async fn command(app: &App, action: Action) -> Result<Reply, Refusal> {
    app.handle
        .command(Command {
            actor: Actor::Operator,
            interface: INTERFACE,
            action,
        })
        .await
}

/// All calls, newest first. One answer looks at 5,000 calls that are over: it may have fewer than were asked for, or none, and yet
/// a `next`.
#[utoipa::path(get, path = "/api/v1/calls", params(Filter),
    responses((status = 200, body = admin::Calls), (status = 400, body = admin::Problem)))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    filter: Result<Query<Filter>, QueryRejection>,
) -> Result<Json<admin::Calls>, Problem> {
    let Query(filter) = filter?;
    let limit = super::limit(filter.limit, PAGE, PAGE_MAX)?;
    let before = match &filter.after {
        Some(id) => Some(find(&app, &CallId::from(id.as_str())).await?.key),
        None => None,
    };
    let Reply::Calls(live) = command(&app, Action::Snapshot(exchange::Query::Calls)).await? else {
        return Err(Problem::not_found("no calls"));
    };
    let keys: BTreeSet<CallKey> = live.iter().map(|c| c.key).collect();
    let older = |call: &CallRecord| before.is_none_or(|key| call.key < key);
    let mut calls: Vec<CallRecord> = live
        .into_iter()
        .filter(|c| older(c) && filter.fits(c))
        .collect();
    // Beside the live ones, all are over.
    let asked_for_stored = filter.state.is_none_or(|state| state == StateWord::Ended);
    let looked = if asked_for_stored {
        // Who waits for his turn holds up no thread.
        let history = app.history.clone().lock_owned().await;
        tokio::task::spawn_blocking(move || {
            history.calls(before, limit + 1, LOOK_AT, |call| {
                !keys.contains(&call.key) && filter.fits(call)
            })
        })
        .await
        .map_err(|_| unreadable())??
    } else {
        Looked::default()
    };
    let Looked {
        calls: stored,
        stopped_at,
    } = looked;
    calls.extend(stored);
    calls.sort_by_key(|c| std::cmp::Reverse(c.key));
    if let Some((key, _)) = &stopped_at {
        // The next page begins there, and has the live ones that are older.
        calls.retain(|call| call.key >= *key);
    }
    let more = calls.len() > limit;
    calls.truncate(limit);
    let next = match calls.last().filter(|_| more) {
        Some(last) => Some(last.id.to_string()),
        None => stopped_at.map(|(_, id)| id.to_string()),
    };
    let node = app.config.cti.node;
    Ok(Json(admin::Calls {
        calls: calls.iter().map(|call| shapes::call(call, node)).collect(),
        next,
    }))
}

pub(super) fn unreadable() -> Problem {
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "broken",
        "The history cannot be read",
    )
}

/// A call, live or over.
async fn find(app: &Arc<App>, id: &CallId) -> Result<CallRecord, Problem> {
    match command(app, Action::Snapshot(exchange::Query::Call(id.clone()))).await {
        Ok(Reply::Call(call)) => return Ok(*call),
        Ok(_) | Err(Refusal::NoSuchCall) => {}
        // Whether it is live is not known then, and what is stored may be old.
        Err(refusal) => return Err(refusal.into()),
    }
    let stored = app.stored_call.clone().lock_owned().await;
    let wanted = id.clone();
    let stored = tokio::task::spawn_blocking(move || stored.call(&wanted));
    let stored = stored.await.map_err(|_| unreadable())??;
    stored.ok_or_else(|| Refusal::NoSuchCall.into())
}

/// One call with its whole story.
#[utoipa::path(get, path = "/api/v1/calls/{id}", params(("id" = String, Path, description = "The call's id")),
    responses((status = 200, body = admin::Call), (status = 404, body = admin::Problem)))]
pub(super) async fn one(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<admin::Call>, Problem> {
    let call = find(&app, &CallId::from(id)).await?;
    Ok(Json(shapes::call(&call, app.config.cti.node)))
}

/// Place a call.
#[utoipa::path(post, path = "/api/v1/calls", request_body = admin::NewCall,
    responses((status = 201, body = admin::Call), (status = 400, body = admin::Problem),
        (status = 404, body = admin::Problem), (status = 409, body = admin::Problem)))]
pub(super) async fn place(
    State(app): State<Arc<App>>,
    body: Result<Object<admin::NewCall>, Problem>,
) -> Result<Response, Problem> {
    let Object(new) = body?;
    let line = match new.line.as_deref().map(LineChoice::parse) {
        None => LineWish::First,
        Some(LineChoice::First) => {
            return Err(Problem::bad_request("`line` names no number"));
        }
        Some(LineChoice::Line { number, partition }) => LineWish::Named {
            digits: number.into(),
            partition: partition.map(Into::into),
            or_first: false,
        },
    };
    let to = new.to.trim().to_owned();
    let action = Action::MakeCall {
        user: None,
        device: new.device.as_str().into(),
        line,
        to,
    };
    Ok(created(command(&app, action).await?, app.config.cti.node))
}

fn created(reply: Reply, node: u8) -> Response {
    let Reply::Call(call) = reply else {
        return StatusCode::CREATED.into_response();
    };
    let shown = shapes::call(&call, node);
    let mut response = (StatusCode::CREATED, Json(&shown)).into_response();
    if let Ok(place) = HeaderValue::from_str(&format!("/api/v1/calls/{}", shown.id)) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    if let Ok(id) = HeaderValue::from_str(&shown.id) {
        response
            .headers_mut()
            .insert(HeaderName::from_static(CALL_HEADER), id);
    }
    response
}

/// Act on a call: `answer`, `reject`, `hold`, `retrieve`, `release`, `consult`, `transfer`, `conference` or `digits`.
#[utoipa::path(post, path = "/api/v1/calls/{id}/{action}", request_body = Option<admin::CallAction>,
    params(("id" = String, Path, description = "The call's id"), ("action" = String, Path, description = "What to do")),
    responses((status = 200, body = admin::Call), (status = 201, body = admin::Call),
        (status = 400, body = admin::Problem), (status = 404, body = admin::Problem), (status = 409, body = admin::Problem)))]
pub(super) async fn act(
    State(app): State<Arc<App>>,
    Path((id, action)): Path<(String, String)>,
    body: Result<Option<Object<admin::CallAction>>, Problem>,
) -> Result<Response, Problem> {
    let body = body?.map(|Object(body)| body).unwrap_or_default();
    let call = CallId::from(id.as_str());
    let device = body.device.clone();
    let whose = || match device.clone() {
        Some(device) => Ok(Whose {
            call: call.clone(),
            device: device.into(),
        }),
        None => Err(Problem::bad_request(
            "`device` is missing: whose part of the call is meant?",
        )),
    };
    let to = |to: Option<String>| {
        to.ok_or_else(|| Problem::bad_request("`to` is missing: which number?"))
    };
    let action = match action.as_str() {
        "answer" => Action::Answer(whose()?),
        "reject" => Action::Reject(whose()?),
        "hold" => Action::Hold(whose()?),
        "retrieve" => Action::Retrieve(whose()?),
        "release" if body.device.is_some() => Action::Release(whose()?),
        "release" => Action::ReleaseCall(call.clone()),
        "consult" => {
            let action = Action::Consult(whose()?, to(body.to)?);
            let reply = command(&app, action).await?;
            return Ok(created(reply, app.config.cti.node));
        }
        "transfer" => match body.to {
            Some(to) => Action::BlindTransfer(whose()?, to),
            None => Action::CompleteTransfer(whose()?),
        },
        "conference" => Action::CompleteConference(whose()?),
        "digits" => {
            let digits = body
                .digits
                .ok_or_else(|| Problem::bad_request("`digits` is missing"))?;
            Action::SendDigits(whose()?, digits)
        }
        other => {
            return Err(Problem::not_found(format!(
                "a call has no action `{other}`"
            )));
        }
    };
    // A call that is known but over is a conflict, not a mystery.
    let node = app.config.cti.node;
    match command(&app, action).await {
        Ok(Reply::Call(call)) => Ok(Json(shapes::call(&call, node)).into_response()),
        Ok(_) => Ok(Json(shapes::call(&find(&app, &call).await?, node)).into_response()),
        Err(Refusal::NoSuchCall) => {
            let known = find(&app, &call).await?;
            Err(Problem::new(
                StatusCode::CONFLICT,
                "wrong-state",
                "The call's state forbids it",
            )
            .because(format!(
                "the call is {} and has no such live part",
                known.state.as_str()
            )))
        }
        Err(refusal) => Err(refusal.into()),
    }
}
