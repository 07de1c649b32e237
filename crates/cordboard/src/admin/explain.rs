//! What would happen, and why: nothing is done here but asking.

use super::object::Object;
use super::problem::Problem;
use super::shapes;
use crate::app::App;
use crate::services::webdialer::explain;
use axum::Json;
use axum::extract::State;
use cordboard_core::directory::NAME_MAX;
use cordboard_wire::admin;
use std::sync::Arc;

/// What dialling a number would come to. Nothing is dialled.
#[utoipa::path(post, path = "/api/v1/explain/dial", request_body = admin::DialQuestion,
    responses((status = 200, body = admin::DialExplained), (status = 400, body = admin::Problem)))]
pub(super) async fn dial(
    State(app): State<Arc<App>>,
    body: Result<Object<admin::DialQuestion>, Problem>,
) -> Result<Json<admin::DialExplained>, Problem> {
    let Object(question) = body?;
    if question.number.len() > explain::NUMBER_BYTES {
        let most = explain::NUMBER_BYTES;
        return Err(Problem::bad_request(format!(
            "`number` is longer than {most} bytes"
        )));
    }
    Ok(Json(explain::dial(&app, &question).await))
}

/// Where WebDialer's Redirector would send a user. Asks the other clusters.
#[utoipa::path(post, path = "/api/v1/explain/home", request_body = admin::HomeQuestion,
    responses((status = 200, body = admin::HomeExplained), (status = 400, body = admin::Problem)))]
pub(super) async fn home(
    State(app): State<Arc<App>>,
    body: Result<Object<admin::HomeQuestion>, Problem>,
) -> Result<Json<admin::HomeExplained>, Problem> {
    let Object(question) = body?;
    let user = question.user.trim();
    if user.is_empty() || user.chars().count() > NAME_MAX {
        return Err(Problem::bad_request(format!(
            "`user` must have 1 to {NAME_MAX} characters"
        )));
    }
    Ok(Json(explain::home(&app, user).await))
}

/// The other clusters and how they are.
#[utoipa::path(get, path = "/api/v1/clusters", responses((status = 200, body = admin::Clusters)))]
pub(super) async fn clusters(State(app): State<Arc<App>>) -> Json<admin::Clusters> {
    let health = app.homes.health().into_iter();
    let clusters = health.map(|health| admin::Cluster {
        name: health.name,
        healthy: health.healthy,
        last: health.last.map(|(said, ..)| said.as_str().to_owned()),
        at: health.last.map(|(_, at, _)| shapes::time(at)),
        latency_ms: health.last.map(|(.., took)| took),
    });
    Json(admin::Clusters {
        clusters: clusters.collect(),
    })
}
