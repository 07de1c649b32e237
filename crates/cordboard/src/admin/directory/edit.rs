//! How the directory is changed: one change after the other, each stored before anybody sees it.

use crate::admin::problem::Problem;
use crate::app::App;
use cordboard_core::directory::{Change, Directory, DirectoryError, PasswordHash};
use cordboard_core::ids::UserId;
use cordboard_store::passwords;
use cordboard_wire::Secret;
use http::StatusCode;
use std::sync::Arc;

/// A change is tried so often when others (a reset, an import) come in between.
const TRIES: usize = 8;

/// Changes the directory: `make` says what is to be changed in the one that is there. It is asked again if another change came in
/// between. Answers the directory as it is then.
///
/// # Errors
/// What `make` refuses; 409 when the parts would not fit together; 503 when it cannot be stored.
pub(in crate::admin) async fn edit(
    app: &App,
    make: impl Fn(&Directory) -> Result<Change, Problem>,
) -> Result<Arc<Directory>, Problem> {
    let _turn = app.editing.lock().await;
    for _ in 0..TRIES {
        let before = app.handle.directory();
        let change = make(&before)?;
        let gone = match &change {
            Change::DeleteUser(id) => Some(id.clone()),
            _ => None,
        };
        let from = before.clone();
        let edited = tokio::task::spawn_blocking(move || from.edited(change)).await;
        let (after, touched) = edited.map_err(|_| broken())??;
        let (from, after) = (before.clone(), Arc::new(after));
        let to = after.clone();
        let taken = app
            .handle
            .on_thread(move |engine| engine.edit_directory(&from, to, &touched))
            .await??;
        if taken {
            forget(app, gone.as_ref());
            return Ok(after);
        }
    }
    Err(Problem::new(
        StatusCode::CONFLICT,
        "busy",
        "The directory is being replaced",
    )
    .because("try again"))
}

/// A user who is gone has no tokens.
fn forget(app: &App, gone: Option<&UserId>) {
    if let Some(user) = gone {
        app.auth.tokens.remove_all_of(user);
    }
}

pub(super) fn broken() -> Problem {
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "broken",
        "The directory cannot be made",
    )
}

impl From<DirectoryError> for Problem {
    fn from(error: DirectoryError) -> Self {
        match error {
            DirectoryError::TwoUsers(_)
            | DirectoryError::TwoDevices(_)
            | DirectoryError::TwoProfiles(_)
            | DirectoryError::TwoLines { .. }
            | DirectoryError::NoSuchDevice { .. }
            | DirectoryError::NoSuchProfile { .. }
            | DirectoryError::NoSuchUser { .. } => {
                let title = "It does not fit what is there";
                Self::new(StatusCode::CONFLICT, "does-not-fit", title).because(error.to_string())
            }
            DirectoryError::Empty(_)
            | DirectoryError::BadName(_)
            | DirectoryError::BadText { .. }
            | DirectoryError::BadLoginTime(_)
            | DirectoryError::BadNumber { .. } => Self::bad_request(error.to_string()),
        }
    }
}

/// The hash to store: of what was sent, else the one that is there.
///
/// # Errors
/// 400 for two at once or a hash that is none.
pub(super) async fn secret(
    clear: Option<&Secret>,
    phc: Option<&Secret>,
    what: &'static str,
) -> Result<Option<PasswordHash>, Problem> {
    match (clear, phc) {
        (Some(_), Some(_)) => Err(Problem::bad_request(format!(
            "`{what}` and `{what}_hash` exclude each other"
        ))),
        (None, Some(phc)) if !passwords::is_usable(phc.expose()) => Err(Problem::bad_request(
            format!("`{what}_hash` is not an Argon2 PHC string of reasonable cost"),
        )),
        (None, Some(phc)) => Ok(Some(PasswordHash::new(phc.expose()))),
        (Some(clear), None) if clear.expose().len() > SECRET_MAX => Err(Problem::bad_request(
            format!("`{what}` is longer than {SECRET_MAX} bytes"),
        )),
        (Some(clear), None) => {
            let clear = clear.clone();
            let hashed = tokio::task::spawn_blocking(move || passwords::hash(clear.expose()));
            let hashed = hashed.await.map_err(|_| broken())?;
            let why = |empty| Problem::bad_request(format!("`{what}` {empty}"));
            Ok(Some(hashed.map_err(why)?))
        }
        (None, None) => Ok(None),
    }
}

/// A password or PIN has at most so many bytes.
const SECRET_MAX: usize = 1_024;
