//! The whole directory at once: export, and import with a look at what it would change.

use super::edit::broken;
use crate::admin::problem::Problem;
use crate::app::App;
use crate::directory_file::diff::Difference;
use crate::directory_file::{self, Format};
use axum::Json;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use cordboard_core::directory::Directory;
use cordboard_wire::admin;
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use std::sync::Arc;

/// Types of the two formats.
const TOML: &str = "application/toml";
const CSV: &str = "text/csv";

/// How an export is written.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::admin) struct As {
    /// `toml` (if nothing is said) or `csv`.
    #[param(pattern = "^(toml|csv)$")]
    format: Option<String>,
}

fn export(
    app: &App,
    format: Result<Query<As>, QueryRejection>,
    secrets: bool,
) -> Result<Response, Problem> {
    let Query(As { format }) = format?;
    let (format, kind) = match format.as_deref() {
        None | Some("toml") => (Format::Toml, "application/toml; charset=utf-8"),
        Some("csv") => (Format::Csv, "text/csv; charset=utf-8"),
        Some(other) => {
            return Err(Problem::bad_request(format!(
                "`format` is `{other}`; it must be toml or csv"
            )));
        }
    };
    let text = directory_file::write(format, &app.handle.directory(), secrets);
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

/// The whole directory as a file, without secrets.
#[utoipa::path(get, path = "/api/v1/directory", tag = "directory", params(As), responses(
    (status = 200, content((String = "application/toml"), (String = "text/csv"))), (status = 400, body = admin::Problem)))]
pub(in crate::admin) async fn exported(
    State(app): State<Arc<App>>,
    format: Result<Query<As>, QueryRejection>,
) -> Result<Response, Problem> {
    export(&app, format, false)
}

/// The whole directory as a file, with the hashes of passwords and PINs.
#[utoipa::path(get, path = "/api/v1/directory/secrets", tag = "directory", params(As), responses(
    (status = 200, content((String = "application/toml"), (String = "text/csv"))), (status = 400, body = admin::Problem)))]
pub(in crate::admin) async fn exported_with_secrets(
    State(app): State<Arc<App>>,
    format: Result<Query<As>, QueryRejection>,
) -> Result<Response, Problem> {
    export(&app, format, true)
}

/// How an import is done.
#[derive(Clone, Copy, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::admin) struct How {
    /// Only say what would change.
    #[serde(default)]
    dry_run: bool,
    /// Keep what the file does not name or leaves empty.
    #[serde(default)]
    merge: bool,
}

/// Put a file's directory in the place of the one that is there: all or nothing. Who has no secret in the file keeps his.
#[utoipa::path(put, path = "/api/v1/directory", tag = "directory", params(How),
    request_body(content((String = "application/toml"), (String = "text/csv"))),
    responses((status = 200, body = admin::Imported), (status = 400, body = admin::Problem), (status = 409, body = admin::Problem),
    (status = 413, body = admin::Problem), (status = 415, body = admin::Problem)))]
pub(in crate::admin) async fn import(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    how: Result<Query<How>, QueryRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<admin::Imported>, Problem> {
    let Query(how) = how?;
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()?.split(';').next());
    let format = match kind.map(str::trim) {
        Some(kind) if kind.eq_ignore_ascii_case(TOML) => Format::Toml,
        Some(kind) if kind.eq_ignore_ascii_case(CSV) => Format::Csv,
        _ => {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "not-a-directory",
                "The body must be application/toml or text/csv",
            ));
        }
    };
    let body = body?;
    let since = app.clock.now().wall;
    let from = app.handle.directory();
    let old = from.clone();
    let read = tokio::task::spawn_blocking(move || -> Result<_, Problem> {
        let text = std::str::from_utf8(&body)
            .map_err(|_| Problem::bad_request("the body is not UTF-8"))?;
        let mut contents = directory_file::read(format, "the body", text, since, &mut |_, _| {})
            .map_err(|error| Problem::bad_request(error.to_string()))?;
        drop(body);
        if !contents.logins.is_empty() || !contents.tokens.is_empty() {
            let why = "logins and tokens are for `lab --directory` only";
            return Err(Problem::bad_request(why));
        }
        if contents.names_nothing() {
            let why = "the body names no user, device or profile";
            return Err(Problem::bad_request(why));
        }
        Ok(contents.over(&old, how.merge)?)
    });
    let (directory, difference) = read.await.map_err(|_| broken())??;
    let empty = difference.added + difference.changed + difference.removed == 0;
    if !how.dry_run && !empty {
        replace(&app, &from, directory).await?;
    }
    let Difference {
        changes,
        added,
        changed,
        removed,
    } = difference;
    Ok(Json(admin::Imported {
        changes,
        added,
        changed,
        removed,
        done: !how.dry_run,
    }))
}

/// Puts another directory in place of the one that was read, if that still is.
async fn replace(app: &App, from: &Arc<Directory>, directory: Directory) -> Result<(), Problem> {
    let _turn = app.editing.lock().await;
    let (from, to) = (from.clone(), Arc::new(directory));
    let taken = app
        .handle
        .on_thread(move |engine| engine.import_directory(&from, to))
        .await??;
    match taken {
        Some(tokens) => {
            app.auth.tokens.set(tokens, app.auth.tokens.list_api());
            Ok(())
        }
        None => Err(Problem::new(
            StatusCode::CONFLICT,
            "changed-meanwhile",
            "It was changed meanwhile",
        )
        .because("the directory was edited while the import was read; try again")),
    }
}
