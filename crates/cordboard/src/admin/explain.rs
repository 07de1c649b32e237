//! What would happen, and why: nothing is done here but asking.

use super::problem::Problem;
use super::shapes;
use crate::app::App;
use crate::services::webdialer::explain;
use crate::services::webdialer::homes::USER_BYTES;
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use cordboard_wire::admin;
use std::sync::Arc;

/// What dialling a number would come to. Nothing is dialled.
#[utoipa::path(post, path = "/api/v1/explain/dial", request_body = admin::DialQuestion,
    responses((status = 200, body = admin::DialExplained), (status = 400, body = admin::Problem)))]
pub(super) async fn dial(
    State(app): State<Arc<App>>,
    body: Result<Json<admin::DialQuestion>, JsonRejection>,
) -> Result<Json<admin::DialExplained>, Problem> {
    let Json(question) = body?;
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
    body: Result<Json<admin::HomeQuestion>, JsonRejection>,
) -> Result<Json<admin::HomeExplained>, Problem> {
    let Json(question) = body?;
    let user = question.user.trim();
    if user.is_empty() || user.len() > USER_BYTES {
        return Err(Problem::bad_request(format!(
            "`user` must have 1 to {USER_BYTES} bytes"
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
