//! The OpenAPI document, made from the code.

use crate::app::App;
use axum::Json;
use axum::extract::State;
use std::sync::Arc;
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Content, Ref, RefOr, Response, ResponseBuilder};

/// The name of the one security scheme.
const TOKEN: &str = "token";
/// The type of problems. (RFC 9457)
const PROBLEM: &str = "application/problem+json";

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
        super::backup::backup,
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
        super::mobility::sessions,
        super::mobility::log_in,
        super::mobility::one,
        super::mobility::log_out,
        super::mobility::log_out_all,
        super::mobility::history,
        super::mobility::schedules,
        super::mobility::explain,
        super::takeovers::list,
        super::takeovers::begin,
        super::takeovers::one,
        super::takeovers::cancel,
        super::takeovers::undo,
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
pub(super) async fn document(State(app): State<Arc<App>>) -> Json<utoipa::openapi::OpenApi> {
    Json(complete(app.serves.open_api))
}

/// The document with what every operation has in common: a token, which an open API does not insist on; a problem is of a type of
/// its own, and any operation may answer one that is not named beside it (413, 415, 503 …).
fn complete(open: bool) -> utoipa::openapi::OpenApi {
    let mut document = Document::openapi();
    let token = Http::builder()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("A token of the API, with roles."));
    document
        .components
        .get_or_insert_default()
        .add_security_scheme(TOKEN, SecurityScheme::Http(token.build()));
    let mut either = vec![SecurityRequirement::new(TOKEN, [""; 0])];
    if open {
        either.push(SecurityRequirement::default());
    }
    document.security = Some(either);
    for item in document.paths.paths.values_mut() {
        let operations = [
            &mut item.get,
            &mut item.put,
            &mut item.post,
            &mut item.delete,
        ];
        for operation in operations.into_iter().flatten() {
            for response in operation.responses.responses.values_mut() {
                as_problem(response);
            }
            for (status, description) in [
                ("401", "There is no such token, or none was sent"),
                ("403", "The token's role does not allow it"),
                ("default", "Any other problem"),
            ] {
                let problem = Content::new(Some(Ref::from_schema_name("Problem")));
                let other = ResponseBuilder::new()
                    .description(description)
                    .content(PROBLEM, problem)
                    .build();
                let responses = &mut operation.responses.responses;
                responses
                    .entry(status.to_owned())
                    .or_insert(RefOr::T(other));
            }
        }
    }
    document
}

/// Problems are not plain JSON.
fn as_problem(response: &mut RefOr<Response>) {
    let RefOr::T(response) = response else { return };
    let problem = Ref::from_schema_name("Problem").ref_location;
    let is_problem = |content: &RefOr<Content>| {
        let RefOr::T(content) = content else {
            return false;
        };
        matches!(&content.schema, Some(RefOr::Ref(schema)) if schema.ref_location == problem)
    };
    if let Some(content) = response.content.shift_remove("application/json") {
        let kind = if is_problem(&content) {
            PROBLEM
        } else {
            "application/json"
        };
        response.content.insert(kind.to_owned(), content);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_document_says_that_a_token_is_needed_and_what_is_answered_without() {
        for (open, expected) in [
            (false, json!([{"token": []}])),
            (true, json!([{"token": []}, {}])),
        ] {
            let document = serde_json::to_value(complete(open)).unwrap();
            assert_eq!(document["security"], expected);
            let scheme = &document["components"]["securitySchemes"]["token"];
            assert_eq!(
                (&scheme["type"], &scheme["scheme"]),
                (&json!("http"), &json!("bearer"))
            );
            for (path, item) in document["paths"].as_object().unwrap() {
                for (method, operation) in item.as_object().unwrap() {
                    for status in ["401", "403"] {
                        let answer = &operation["responses"][status]["content"];
                        assert!(answer[PROBLEM].is_object(), "{method} {path}");
                    }
                }
            }
        }
    }
}
