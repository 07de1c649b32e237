//! The whole store as one file.

use super::problem::Problem;
use crate::app::App;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use cordboard_wire::admin;
use futures_util::stream;
use http::{StatusCode, header};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::fs::File;
use tokio::io::AsyncReadExt;

/// Number of bytes that are read from the copy at a time.
const CHUNK: usize = 64 * 1024;
/// Suffix of the copy that is being made, beside the database.
const COPY: &str = ".backup";

/// The whole store as of one moment, as an SQLite file, with the hashes of passwords, PINs and tokens.
#[utoipa::path(get, path = "/api/v1/backup", responses(
    (status = 200, content((String = "application/octet-stream"))), (status = 503, body = admin::Problem)))]
pub(super) async fn backup(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    // One copy at a time: they have one name.
    let _turn = app.backing_up.lock().await;
    let opened = app.handle.on_thread(|engine| {
        let reader = engine.store.reader()?;
        Ok::<_, cordboard_store::StoreError>((reader, engine.store.path().to_owned()))
    });
    let (reader, database) = opened.await??;
    let made = tokio::task::spawn_blocking(move || -> Result<_, Problem> {
        let mut name = database.into_os_string();
        name.push(COPY);
        let copy = PathBuf::from(name);
        // Of a process that was killed meanwhile.
        let _ = std::fs::remove_file(&copy);
        reader.backup(&copy)?;
        let file = std::fs::File::open(&copy).map_err(|error| unreadable(&error))?;
        let length = file.metadata().map_err(|error| unreadable(&error))?.len();
        // Its bytes stay until the file is closed, so a client that hangs up leaves nothing behind.
        let _ = std::fs::remove_file(&copy);
        Ok((file, length))
    });
    let (file, length) = made.await.map_err(|_| broken())??;
    tracing::info!(bytes = length, "a backup of the store is being sent");
    let chunks = stream::try_unfold(File::from_std(file), async |mut file| {
        let mut chunk = vec![0; CHUNK];
        let read = file.read(&mut chunk).await?;
        chunk.truncate(read);
        let more = read > 0;
        Ok::<_, std::io::Error>(more.then(|| (Bytes::from(chunk), file)))
    });
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, length.to_string()),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"cordboard-backup.db\"".to_owned(),
        ),
    ];
    Ok((headers, Body::from_stream(chunks)).into_response())
}

fn unreadable(error: &std::io::Error) -> Problem {
    tracing::error!(%error, "the copy of the store cannot be read");
    broken()
}

fn broken() -> Problem {
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "broken",
        "The backup cannot be made",
    )
}
