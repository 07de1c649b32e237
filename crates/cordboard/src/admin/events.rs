//! `/api/v1/events`: what happens, as server-sent events with the exchange's own numbers.
//!
//! `Last-Event-ID`, or `?since=`, goes on where a listener left off. One that missed more than is kept, or comes back after a
//! restart, gets one `resync` event with the state as of its number, and every event after that.

use super::problem::Problem;
use super::shapes;
use crate::app::App;
use crate::runtime::hub::{Heard, Listener};
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use bytes::Bytes;
use cordboard_core::exchange::{self, Event, EventKind, Reply};
use cordboard_wire::admin;
use http::{HeaderMap, HeaderValue, header};
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// After so long without an event a comment is sent, so that dead connections are noticed and proxies stay awake.
const QUIET: Duration = Duration::from_secs(15);
/// A listener that lost its connection comes back after so many milliseconds.
const RETRY_MS: u32 = 1_000;

/// From where on.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Since {
    /// Only events with a number above this; `Last-Event-ID` says the same.
    #[serde(default, deserialize_with = "super::number")]
    since: Option<u64>,
}

/// Listen to what happens. Without `since` or `Last-Event-ID`: from now on. Kinds: `call.created`, `call.part`, `call.ended`,
/// `device.up`, `device.down`, `network.up`, `network.down`, `directory.changed`, `reset`, `resync`.
#[utoipa::path(get, path = "/api/v1/events", tag = "events",
    params(Since, ("Last-Event-ID" = Option<String>, Header, description = "The last event's number")),
    responses((status = 200, content_type = "text/event-stream", body = String), (status = 400, body = admin::Problem)))]
pub(super) async fn listen(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    since: Result<Query<Since>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(Since { since }) = since?;
    let said = headers.get("last-event-id");
    let said = match said.map(|value| value.to_str().map(str::trim)) {
        None | Some(Ok("")) => None,
        Some(text) => {
            let number = text.ok().and_then(|text| text.parse().ok());
            Some(number.ok_or_else(|| Problem::bad_request("`Last-Event-ID` must be a number"))?)
        }
    };
    // Subscribed before the answer begins: nothing that happens from here on is missed.
    let listener = app.hub.listen(said.or(since));
    let hello = Bytes::from(format!("retry: {RETRY_MS}\n\n"));
    let first = futures_util::stream::once(async move { Ok::<_, Infallible>(hello) });
    let rest = futures_util::stream::unfold((app, listener), |(app, mut listener)| async move {
        let chunk = next(&app, &mut listener).await?;
        Some((Ok(chunk), (app, listener)))
    });
    let stream = futures_util::StreamExt::chain(first, rest);
    let mut response = Response::new(Body::from_stream(stream));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Or nginx would keep the events to itself.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// What is sent next; `None` ends the answer.
async fn next(app: &App, listener: &mut Listener) -> Option<Bytes> {
    let Ok(heard) = tokio::time::timeout(QUIET, listener.next()).await else {
        return Some(Bytes::from_static(b":\n\n"));
    };
    match heard {
        Heard::Events(events) => {
            let mut frames = events.iter().map(|event| event.frame(frame));
            if let (1, Some(only)) = (events.len(), frames.next()) {
                return Some(only);
            }
            let frames: Vec<Bytes> = events.iter().map(|event| event.frame(frame)).collect();
            Some(frames.concat().into())
        }
        Heard::Missed => {
            let (number, snapshot) = app.snapshots.as_of_now(app).await?;
            listener.caught_up(number);
            Some(snapshot)
        }
        Heard::Closed => None,
    }
}

/// The last snapshot: many who missed the same need one.
#[derive(Debug, Default)]
pub struct Snapshots {
    last: Mutex<Option<(u64, Bytes)>>,
    making: tokio::sync::Mutex<()>,
}

impl Snapshots {
    async fn as_of_now(&self, app: &App) -> Option<(u64, Bytes)> {
        let _turn = self.making.lock().await;
        let kept = || self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((number, snapshot)) = kept().as_ref()
            && *number == app.hub.last()
        {
            return Some((*number, snapshot.clone()));
        }
        let hub = app.hub.clone();
        let read = app.handle.on_thread(move |engine| {
            let calls = engine.read(exchange::Query::Calls);
            let devices = engine.read(exchange::Query::Devices);
            let counts = engine.read(exchange::Query::Counts);
            (hub.last(), calls, devices, counts)
        });
        let (number, calls, devices, counts) = read.await.ok()?;
        let (Some(Reply::Calls(calls)), Some(Reply::Devices(devices)), Some(Reply::Counts(counts))) =
            (calls, devices, counts)
        else {
            return None;
        };
        let state = admin::Resync {
            at: shapes::time(app.clock.now().wall.0),
            calls: calls.iter().map(shapes::call).collect(),
            devices_down: devices
                .iter()
                .filter(|d| !d.registered)
                .map(|d| d.name.to_string())
                .collect(),
            network_up: counts.network_up,
        };
        let snapshot = written(number, "resync", &state);
        *kept() = Some((number, snapshot.clone()));
        Some((number, snapshot))
    }
}

fn written(number: u64, kind: &str, data: &impl Serialize) -> Bytes {
    // Our own shapes can always be written as JSON, on one line.
    let data = serde_json::to_string(data).unwrap_or_default();
    Bytes::from(format!("id: {number}\nevent: {kind}\ndata: {data}\n\n"))
}

/// An event as it is sent.
fn frame(event: &Event) -> Bytes {
    let number = event.sequence;
    let kind = event.kind.as_str();
    let at = shapes::time(event.at.0);
    match &event.kind {
        EventKind::CallCreated { call } => {
            let call = call.to_string();
            written(number, kind, &admin::CallCreated { at, call })
        }
        EventKind::Part(part) => written(number, kind, &shapes::part(at, part)),
        EventKind::CallEnded {
            call,
            cause,
            merged_into,
        } => {
            let ended = admin::CallEnded {
                at,
                call: call.to_string(),
                cause: cause.class.as_str().to_owned(),
                q850: cause.q850,
                merged_into: merged_into.as_ref().map(ToString::to_string),
            };
            written(number, kind, &ended)
        }
        EventKind::DeviceUp(device) | EventKind::DeviceDown(device) => {
            let device = device.to_string();
            written(number, kind, &admin::DeviceEvent { at, device })
        }
        EventKind::NetworkUp
        | EventKind::NetworkDown
        | EventKind::DirectoryChanged
        | EventKind::Reset => written(number, kind, &admin::PlainEvent { at }),
    }
}
