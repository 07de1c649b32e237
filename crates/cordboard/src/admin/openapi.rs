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
        super::directory::add_user,
        super::directory::user,
        super::directory::replace_user,
        super::directory::delete_user,
        super::directory::app_users,
        super::directory::add_app_user,
        super::directory::app_user,
        super::directory::replace_app_user,
        super::directory::delete_app_user,
        super::directory::devices,
        super::directory::add_device,
        super::directory::device,
        super::directory::replace_device,
        super::directory::delete_device,
        super::directory::device_lines,
        super::directory::add_device_line,
        super::directory::device_line,
        super::directory::replace_device_line,
        super::directory::delete_device_line,
        super::directory::profiles,
        super::directory::add_profile,
        super::directory::profile,
        super::directory::replace_profile,
        super::directory::delete_profile,
        super::directory::profile_lines,
        super::directory::add_profile_line,
        super::directory::profile_line,
        super::directory::replace_profile_line,
        super::directory::delete_profile_line,
        super::directory::lines,
        super::directory::exported,
        super::directory::exported_with_secrets,
        super::directory::import,
        super::tokens::of_user,
        super::tokens::issue,
        super::tokens::revoke,
        super::tokens::list,
        super::tokens::create,
        super::tokens::remove,
        super::events::listen,
        super::explain::clusters,
        super::explain::dial,
        super::explain::home,
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
