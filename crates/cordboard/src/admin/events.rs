//! `/api/v1/events`: what happens, as server-sent events with the exchange's own numbers.
//!
//! `Last-Event-ID`, or `?since=`, goes on where a listener left off. One that missed more than is kept, or comes back after a
//! restart, gets one `resync` event with the state as of its number, and every event after that.

use super::problem::Problem;
use super::shapes;
use crate::app::App;
use crate::runtime::hub::{Heard, Listener, Published};
use crate::services::tokens::Held;
use axum::Extension;
use axum::body::{Body, HttpBody};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use bytes::Bytes;
use cordboard_core::exchange::{self, Event, EventKind, Reply, TakeoverEnd};
use cordboard_wire::admin;
use http::{HeaderMap, HeaderValue, header};
use hyper::body::Frame;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

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
/// `mobility.login`, `mobility.logout`, `mobility.takeover`, `device.up`, `device.down`, `network.up`, `network.down`, `directory.changed`, `reset`, `resync`.
#[utoipa::path(get, path = "/api/v1/events", tag = "events",
    params(Since, ("Last-Event-ID" = Option<String>, Header, description = "The last event's number")),
    responses((status = 200, content_type = "text/event-stream", body = String), (status = 400, body = admin::Problem)))]
pub(super) async fn listen(
    State(app): State<Arc<App>>,
    held: Option<Extension<Held>>,
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
    // The number comes first, without an event: who is cut off before the first one comes back with it all the same.
    let hello = format!("id: {}\nretry: {RETRY_MS}\n\n", listener.at());
    let hello = Bytes::from(hello);
    let stream = Stream {
        app,
        listener,
        held: held.map(|Extension(held)| held),
        hello: Some(hello),
        snapshot: None,
    };
    let mut response = Response::new(Body::new(stream));
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

/// The body of an answer: chunks for as long as the listener stays. Ten thousand are woken by one event, so nothing is allocated
/// and no timer set for each.
struct Stream {
    app: Arc<App>,
    listener: Listener,
    /// The token that it came with.
    held: Option<Held>,
    hello: Option<Bytes>,
    snapshot: Option<SnapshotAsked>,
}

type SnapshotAsked = Pin<Box<dyn Future<Output = Option<(u64, Bytes)>> + Send>>;

impl HttpBody for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let chunk = ready!(self.get_mut().poll_chunk(context));
        Poll::Ready(chunk.map(|chunk| Ok(Frame::data(chunk))))
    }
}

impl Stream {
    /// What is sent next; `None` ends the answer.
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let chunk = ready!(self.poll_said(context));
        // What is heard by somebody whose time is over is not told him. Without an event, the comment of a quiet time is kept from him.
        Poll::Ready(chunk.filter(|_| !self.has_expired()))
    }

    fn poll_said(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(held) = &mut self.held
            && !self.app.auth.tokens.still_has(held)
        {
            return Poll::Ready(None);
        }
        if let Some(hello) = self.hello.take() {
            return Poll::Ready(Some(hello));
        }
        if self.snapshot.is_none() {
            match ready!(self.listener.poll_next(context)) {
                Heard::Events(events) => {
                    return Poll::Ready(Some(frames(&events, self.app.config.cti.node)));
                }
                // Dead connections are noticed by it, and proxies stay awake.
                Heard::Nothing => return Poll::Ready(Some(Bytes::from_static(b":\n\n"))),
                Heard::Closed => return Poll::Ready(None),
                Heard::Missed => {
                    let app = self.app.clone();
                    self.snapshot =
                        Some(Box::pin(async move { app.snapshots.as_of_now(&app).await }));
                }
            }
        }
        let Some(asked) = &mut self.snapshot else {
            return Poll::Ready(None);
        };
        let snapshot = ready!(asked.as_mut().poll(context));
        self.snapshot = None;
        Poll::Ready(snapshot.map(|(number, snapshot)| {
            self.listener.caught_up(number);
            snapshot
        }))
    }

    fn has_expired(&self) -> bool {
        let now = || self.app.clock.now().wall;
        self.held.as_ref().is_some_and(|held| held.has_expired(now))
    }
}

fn frames(events: &[Arc<Published>], node: u8) -> Bytes {
    let frame = |event: &Event| frame(event, node);
    match events {
        [only] => only.frame(frame),
        events => {
            let frames: Vec<Bytes> = events.iter().map(|event| event.frame(frame)).collect();
            frames.concat().into()
        }
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
            // A question is the first of what is handled now: what it sees is as of the events that are out before it.
            (hub.last(), engine.read(exchange::Query::State))
        });
        let (number, read) = read.await.ok()?;
        let Some(Reply::State(view)) = read else {
            return None;
        };
        let state = admin::Resync {
            at: shapes::time(app.clock.now().wall.0),
            calls: view
                .calls
                .iter()
                .map(|call| shapes::call(call, app.config.cti.node))
                .collect(),
            devices_down: view
                .devices
                .iter()
                .filter(|d| !d.registered)
                .map(|d| d.name.to_string())
                .collect(),
            network_up: view.network_up,
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

/// An event as it is sent by this node.
fn frame(event: &Event, node: u8) -> Bytes {
    let number = event.sequence;
    let kind = event.kind.as_str();
    let at = shapes::time(event.at.0);
    match &event.kind {
        EventKind::CallCreated { call } => {
            let call = call.to_string();
            written(number, kind, &admin::CallCreated { at, call })
        }
        EventKind::Part(part) => written(number, kind, &shapes::part(at, part, node)),
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
        EventKind::MobilityLogin(login) => {
            let began = admin::MobilityLogin {
                at,
                device: login.device.to_string(),
                user: login.user.to_string(),
                profile: login.profile.to_string(),
                until: login.until.map(|until| shapes::time(until.0)),
                origin: login.origin.to_string(),
                mismatched: login.mismatched,
            };
            written(number, kind, &began)
        }
        EventKind::MobilityLogout(ended) => {
            let ended = admin::MobilityLogout {
                at,
                device: ended.login.device.to_string(),
                user: ended.login.user.to_string(),
                profile: ended.login.profile.to_string(),
                since: shapes::time(ended.login.since.0),
                how: ended.how.as_str().to_owned(),
                by: ended.by.as_ref().map(ToString::to_string),
            };
            written(number, kind, &ended)
        }
        EventKind::MobilityTakeover(change) => {
            let takeover = &change.takeover;
            let until = change.end.is_none().then(|| takeover.stage.until());
            let why = match &change.end {
                Some(TakeoverEnd::Failed(refusal)) => Some(refusal.to_string()),
                Some(TakeoverEnd::Cancelled | TakeoverEnd::GivenUp | TakeoverEnd::Undone)
                | None => None,
            };
            let changed = admin::MobilityTakeover {
                at,
                device: takeover.device.to_string(),
                user: takeover.user.to_string(),
                from: takeover.from.as_ref().map(ToString::to_string),
                state: change.state().to_owned(),
                until: until.map(|until| shapes::time(until.0)),
                why,
            };
            written(number, kind, &changed)
        }
        EventKind::NetworkUp
        | EventKind::NetworkDown
        | EventKind::DirectoryChanged
        | EventKind::Reset => written(number, kind, &admin::PlainEvent { at }),
    }
}
