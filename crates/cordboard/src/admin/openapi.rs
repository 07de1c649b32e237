//! The OpenAPI document, made from the code.

use axum::Json;
use utoipa::OpenApi;

/// All paths and shapes.
#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "cordboard",
        description = "The JSON API of cordboard.",
        license(name = "MIT OR Apache-2.0")
    ),
    paths(
        super::directory::users,
        super::directory::user,
        super::directory::devices,
        super::directory::device,
        super::calls::list,
        super::calls::place,
        super::calls::one,
        super::calls::act,
        super::labs::reset,
        super::labs::clock,
        super::labs::change_clock,
        super::labs::faults,
        super::labs::set_fault,
        super::labs::clear_faults,
        super::labs::requests,
        super::labs::auto_answer,
    )
)]
struct Document;

/// The document.
pub(super) async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(Document::openapi())
}
