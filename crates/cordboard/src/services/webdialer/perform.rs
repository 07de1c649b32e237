//! What a WebDialer request leads to: who asks, whether he may, what the exchange says. [webdialer §5.2]
//!
//! Knows the order of things, and no type of the exchange: what it hands on comes from [`translate`] and goes back there.

use super::dial_rules;
use super::translate::{self, Asker, Devices, Wanted};
use crate::app::App;
use crate::edge::Peer;
use crate::services::auth::{Refused, Visit};
use crate::services::sign_on_queue::Interface;
use cordboard_wire::webdialer::{
    Answer, Credential, Operation, Outcome, Request, ResponseCode, TEXT_NO_DEVICE_IN_DETAIL,
    UserProfile,
};

/// What a request led to.
pub(super) struct Done {
    /// The answer.
    pub(super) answer: Answer,
    /// The call it placed.
    pub(super) call: Option<String>,
    /// Refused before it was looked at: HTTP 503, never a false answer.
    pub(super) busy: bool,
}

impl Done {
    fn new(answer: Answer) -> Self {
        Self {
            answer,
            call: None,
            busy: false,
        }
    }

    fn refused(operation: Operation, outcome: impl Into<Outcome>) -> Self {
        Self::new(Answer::refusal(operation, outcome.into()))
    }
}

/// Carries a request out. Order: missing pieces (5), authentication (2), proxy right (3), throttle (9); then the exchange
/// checks user (4), device and line (5), and places the call.
pub(super) async fn perform(app: &App, request: Request, peer: Peer) -> Done {
    let operation = request.operation();
    let no_device = || {
        let none = Outcome::with_text(ResponseCode::CallFailure, TEXT_NO_DEVICE_IN_DETAIL);
        Done::refused(operation, none)
    };
    match request {
        Request::IsClusterUser { user } => {
            // Neither in a hurry nor without a directory is anybody told a false `false`.
            if app.faults.directory_down() || !may_look_up(app, peer) {
                return Done {
                    busy: true,
                    ..Done::new(Answer::IsClusterUser(false))
                };
            }
            let known = user.is_some_and(|user| is_here(app, &user));
            Done::new(Answer::IsClusterUser(known))
        }
        Request::MakeCall {
            credential,
            destination,
            profile,
        } => match make_call(app, &credential, destination, &profile, peer).await {
            Ok(call) => Done {
                call: Some(call),
                ..Done::new(Answer::MakeCall(ResponseCode::Success.into()))
            },
            Err(outcome) => Done::refused(operation, outcome),
        },
        Request::EndCall {
            credential,
            profile,
        } => match end_call(app, &credential, &profile, peer).await {
            Ok(()) => Done::new(Answer::EndCall(ResponseCode::Success.into())),
            Err(outcome) => Done::refused(operation, outcome),
        },
        Request::GetProfile { credential, user } => {
            match profile_of(app, &credential, user.as_deref(), peer).await {
                Ok(devices) if devices.is_empty() => no_device(),
                Ok(devices) => Done::new(Answer::GetProfile {
                    outcome: ResponseCode::Success.into(),
                    devices: devices.lines(),
                }),
                Err(outcome) => Done::refused(operation, outcome),
            }
        }
        Request::GetProfileDetail { credential } => match own_devices(app, &credential, peer).await
        {
            Ok(devices) if devices.is_empty() => no_device(),
            Ok(devices) => Done::new(Answer::GetProfileDetail {
                outcome: ResponseCode::Success.into(),
                devices: devices.details(&app.handle.directory()),
            }),
            Err(outcome) => Done::refused(operation, outcome),
        },
        Request::GetPrimaryLine { credential } => {
            let line = match authenticate(app, &credential, peer).await {
                Ok(asker) => asker.primary_line(&app.handle.directory()),
                // No code can say so. [webdialer §5.6]
                Err(_) => String::new(),
            };
            Done::new(Answer::GetPrimaryLine(line))
        }
    }
}

/// Is a user one of ours?
pub(super) fn is_here(app: &App, user: &str) -> bool {
    app.handle.directory().account(&user.into()).is_some()
}

/// May this address learn who exists, once more in this second? Configured clusters always may. [webdialer §5.6]
fn may_look_up(app: &App, peer: Peer) -> bool {
    let address = peer.address.ip();
    app.homes.has_address(address) || app.lookups.admit(address, app.clock.now().instant.0)
}

/// Who asks, for himself so far.
pub(super) async fn authenticate(
    app: &App,
    credential: &Credential,
    peer: Peer,
) -> Result<Asker, Outcome> {
    if app.faults.directory_down() {
        return Err(ResponseCode::DirectoryError.into());
    }
    let now = app.clock.now();
    let directory = app.handle.directory();
    let known = match &credential.token {
        Some(token) => app.auth.token(&directory, token.expose(), now.wall.0),
        None => {
            let user = credential
                .user_id
                .as_deref()
                .ok_or(ResponseCode::MissingParameters)?;
            // No account has an empty password: it is refused without a hash.
            let password = credential
                .password
                .as_ref()
                .filter(|password| !password.expose().is_empty())
                .ok_or(ResponseCode::AuthenticationError)?;
            let visit = Visit {
                interface: Interface::WebDialer,
                address: peer.address.ip(),
                now_ms: now.instant.0,
            };
            app.auth
                .password(&directory, user, password.expose(), visit)
                .await
        }
    };
    match known {
        Ok(user) => Ok(Asker::new(user)),
        Err(Refused::Wrong) => Err(ResponseCode::AuthenticationError.into()),
        Err(Refused::Busy) => Err(ResponseCode::Overloaded.into()),
    }
}

fn present(credential: &Credential) -> Result<(), Outcome> {
    if credential.token.is_none() && credential.user_id.is_none() {
        return Err(ResponseCode::MissingParameters.into());
    }
    Ok(())
}

async fn make_call(
    app: &App,
    credential: &Credential,
    destination: Option<String>,
    profile: &UserProfile,
    peer: Peer,
) -> Result<String, Outcome> {
    present(credential)?;
    let destination = destination.ok_or(ResponseCode::MissingParameters)?;
    let asker = authenticate(app, credential, peer).await?;
    let user = profile.user.as_deref();
    let named = profile.device_name.as_deref();
    if named.is_none() && !profile.support_em {
        // Whose phone, if any? Only who asks for himself hears that he has none.
        let devices = match asker.is(user) {
            true => devices(app, &asker).await?,
            false => return Err(ResponseCode::MissingParameters.into()),
        };
        return Err(devices.no_such_device());
    }
    // The right comes before the throttle, so that nobody is told "overloaded" about a call he may not make.
    let asker = asker.acting_for(user, &app.handle.directory())?;
    admit(app)?;
    let wanted = wanted(app, &asker, destination, profile).await?;
    place(app, asker, wanted).await
}

/// Is there room for another call in this second? Over SOAP and pages together. [webdialer §11]
pub(super) fn admit(app: &App) -> Result<(), Outcome> {
    match app.throttle.admit(app.clock.now().instant.0) {
        true => Ok(()),
        false => Err(ResponseCode::Overloaded.into()),
    }
}

/// Places a call and answers its id.
pub(super) async fn place(app: &App, asker: Asker, wanted: Wanted) -> Result<String, Outcome> {
    let command = translate::make_call(asker, wanted);
    translate::placed(app.handle.command(command).await)
}

/// Ends the newest call that was placed for somebody.
pub(super) async fn end_newest(app: &App, asker: Asker) -> Result<(), Outcome> {
    let command = translate::end_call(asker, None, None);
    translate::ended(app.handle.command(command).await)
}

/// Ends one call, if this interface placed it for that user; any other is as good as over.
pub(super) async fn end_one(app: &App, asker: Asker, call: &str) -> Result<(), Outcome> {
    let known = app.handle.command(translate::call_of(call)).await;
    match translate::end_placed(asker, known) {
        Some(command) => translate::ended(app.handle.command(command).await),
        None => Err(ResponseCode::CallFailure.into()),
    }
}

/// From where makeCallSoap dials for somebody, and what. Nothing is dialled yet.
pub(super) async fn wanted(
    app: &App,
    asker: &Asker,
    destination: String,
    profile: &UserProfile,
) -> Result<Wanted, Outcome> {
    let named = profile.device_name.as_deref();
    let known = translate::known_device(&app.handle.directory(), named);
    let device = match known {
        Some(device) => device,
        None => {
            let devices = devices(app, asker).await?;
            let seat = devices.seat(asker, profile.support_em);
            seat.ok_or_else(|| devices.no_such_device())?
        }
    };
    let config = &app.config.webdialer;
    Ok(Wanted {
        device,
        line: translate::line_wish(profile.line_number.as_deref(), config.strict_lines),
        to: dial_rules::for_soap(config, destination),
    })
}

async fn end_call(
    app: &App,
    credential: &Credential,
    profile: &UserProfile,
    peer: Peer,
) -> Result<(), Outcome> {
    present(credential)?;
    let asker = authenticate(app, credential, peer).await?;
    let asker = asker.acting_for(profile.user.as_deref(), &app.handle.directory())?;
    let devices = devices(app, &asker).await?;
    let named = profile.device_name.as_deref();
    let device = translate::known_device(&app.handle.directory(), named)
        .or_else(|| devices.seat(&asker, profile.support_em));
    if device.is_none() && named.is_some() {
        return Err(devices.no_such_device());
    }
    let line = devices.line_meant(profile.line_number.as_deref(), device.as_ref());
    let command = translate::end_call(asker, device, line);
    translate::ended(app.handle.command(command).await)
}

async fn profile_of(
    app: &App,
    credential: &Credential,
    user: Option<&str>,
    peer: Peer,
) -> Result<Devices, Outcome> {
    present(credential)?;
    let asker = authenticate(app, credential, peer).await?;
    let asker = asker.acting_for(user, &app.handle.directory())?;
    devices(app, &asker).await
}

/// The credential's own devices; an application user has none to show here. [webdialer §6.1]
async fn own_devices(app: &App, credential: &Credential, peer: Peer) -> Result<Devices, Outcome> {
    // getProfileDetailSoap has no code 5: a credential without its parts is one that does not fit. [webdialer §5.5]
    present(credential).map_err(|_| ResponseCode::AuthenticationError)?;
    let asker = authenticate(app, credential, peer).await?;
    if !asker.is_person(&app.handle.directory()) {
        return Err(ResponseCode::AuthenticationError.into());
    }
    devices(app, &asker).await
}

/// The devices that the user who is acted for may use now.
pub(super) async fn devices(app: &App, asker: &Asker) -> Result<Devices, Outcome> {
    let answer = app.handle.command(translate::devices_of(asker)).await;
    translate::devices(answer)
}
