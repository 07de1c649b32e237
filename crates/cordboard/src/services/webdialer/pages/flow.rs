//! What each command of the pages leads to. [webdialer §8.2, §8.4]

use super::origin::{self, Trust, Verdict};
use super::session::{Known, Preferences, Session};
use super::view::{self, Choice, Chosen, Look, NUMBER_LONGEST};
use super::words::{Language, Message};
use crate::app::App;
use crate::edge::Peer;
use crate::journal::Notes;
use crate::services::tokens;
use crate::services::webdialer::translate::{Asker, Devices};
use cordboard_wire::webdialer::form::{DeviceMode, Form, encode};
use cordboard_wire::webdialer::{Outcome, ResponseCode};
use http::{HeaderMap, Method};

/// Where the pages are.
pub(super) const PATH: &str = "/webdialer/Webdialer";
/// A user id is at most so long; a longer one is nobody's.
pub(super) const USER_LONGEST: usize = 255;

/// One request, and what is known of who sends it.
pub(super) struct Visit<'a> {
    pub(super) app: &'a App,
    pub(super) method: &'a Method,
    pub(super) headers: &'a HeaderMap,
    pub(super) peer: Peer,
    pub(super) form: Form,
    /// Is there a password in the address itself?
    pub(super) in_address: bool,
    /// The session's id as the browser sent it.
    pub(super) id: Option<String>,
}

/// What is answered.
#[derive(Default)]
pub(super) struct Answered {
    pub(super) page: String,
    /// 303 to here, instead of a page.
    pub(super) to: Option<String>,
    /// A session that begins.
    pub(super) begins: Option<String>,
    /// The session ends.
    pub(super) ends: bool,
    /// Whose preferences the browser is told, for programs that look there.
    pub(super) told: Option<(String, Preferences)>,
    /// The call that was placed.
    pub(super) call: Option<String>,
    /// The method is not allowed.
    pub(super) refused: bool,
    /// It tells of a failure.
    pub(super) failed: bool,
    /// What the page says.
    pub(super) said: Option<Message>,
    /// The site that sent the request stays named where the browser is sent on.
    pub(super) names_sender: bool,
    pub(super) notes: Notes,
}

impl Answered {
    pub(super) fn page(page: String, message: Option<Message>) -> Self {
        Self {
            page,
            failed: message.is_some_and(Message::is_failure),
            said: message,
            ..Self::default()
        }
    }

    pub(super) fn to(address: String) -> Self {
        Self {
            to: Some(address),
            ..Self::default()
        }
    }
}

/// Carries a request out.
pub(super) async fn answer(visit: Visit<'_>) -> Answered {
    let command = visit.form.get("cmd").unwrap_or_default().to_owned();
    let proxy = visit.form.get("appid").is_some() || command == "doMakeCallProxy";
    let notes = Notes::default()
        .maybe("cmd", visit.form.get("cmd").map(str::to_owned))
        .maybe("destination", visit.form.destination())
        .maybe("uid", visit.form.get("uid").map(str::to_owned))
        .maybe("appid", visit.form.get("appid").map(str::to_owned));
    let answered = match command.as_str() {
        // Whoever only looks whether something is there, or loads it in case, has nothing done.
        _ if visit.only_looks() && visit.brings_password() => Answered::default(),
        _ if proxy => visit.proxy().await,
        "doAuth" => visit.sign_in().await,
        "doSetProfile" => visit.set_profile().await,
        "doProfile" => visit.profile().await,
        "doMakeCall" => visit.make_call().await,
        "doEndCall" => visit.end_call().await,
        "doCalled" => visit.called().await,
        "doLogout" => visit.sign_out().await,
        "doClose" => Answered::page(view::closed(visit.look(None), None, true), None),
        // Shows what was counted when it happened.
        "doFail" => Answered {
            failed: false,
            ..visit.fail().await
        },
        _ => visit.start().await,
    };
    let answered = visit.sent_on(answered);
    let notes = notes.maybe("call", answered.call.clone());
    Answered { notes, ..answered }
}

impl Visit<'_> {
    pub(super) fn look<'b>(&'b self, session: Option<&'b Session>) -> Look<'b> {
        let preferred = session.and_then(|s| s.preferences.as_ref()?.language.as_deref());
        let hints = ["lang", "loc"].map(|name| self.form.get(name));
        let header = self.headers.get(http::header::ACCEPT_LANGUAGE);
        let accepted = header.and_then(|value| value.to_str().ok());
        Look {
            language: Language::choose(preferred, hints, accepted),
            brand: &self.app.pages.brand,
            user: session.map(|s| s.user.as_str()),
        }
    }

    /// The number. One that is too long stays too long, wherever it is carried, and is never dialled.
    pub(super) fn destination(&self) -> String {
        let written = self.form.destination().unwrap_or_default();
        written.chars().take(NUMBER_LONGEST + 1).collect()
    }

    fn only_looks(&self) -> bool {
        *self.method == Method::HEAD || origin::is_a_guess(self.headers)
    }

    pub(super) fn brings_password(&self) -> bool {
        self.form.raw("pwd").is_some()
    }

    fn session(&self) -> Known {
        let config = &self.app.config.webdialer;
        let now = self.app.clock.now().instant.0;
        let directory = self.app.handle.directory();
        let sessions = &self.app.pages.sessions;
        sessions.find(&directory, self.id.as_deref(), now, config.session_expiry_h)
    }

    /// May this request do more than show a page?
    pub(super) fn acts(&self) -> bool {
        let config = &self.app.config.webdialer;
        let trust = Trust {
            origins: &config.trusted_origins,
            headerless_get: config.trust_headerless_get,
        };
        origin::judge(self.method, self.headers, trust) == Verdict::Dials
    }

    /// May this request dial a number that its user did not see yet? One that could not, and the pages it led to, ask.
    pub(super) fn may_dial(&self) -> bool {
        !self.form.flag("asks") && self.acts()
    }

    /// Did a site that is not trusted cause it?
    pub(super) fn is_from_elsewhere(&self) -> bool {
        origin::is_from_elsewhere(self.headers, &self.app.config.webdialer.trusted_origins)
    }

    pub(super) fn login(&self, message: Option<Message>) -> Answered {
        let uid = self.form.get("uid").unwrap_or_default();
        let look = self.look(None);
        let asks = !self.may_dial();
        Answered::page(
            view::login(look, message, &self.destination(), uid, asks),
            message,
        )
    }

    /// The page that tells why a request failed that must not stay in the address line. It never dials.
    async fn fail(&self) -> Answered {
        let why = self.form.get("why").and_then(Message::of_word);
        let message = why.unwrap_or(Message::AuthenticationFailed);
        let session = match self.session() {
            Known::SignedIn(session) if message.is_about_a_call() => session,
            _ => return self.login(Some(message)),
        };
        match (message, self.devices(&session).await) {
            (Message::NotReachable, _) => {
                self.end_page(&session, &self.destination(), None, Some(message))
            }
            (_, Ok(devices)) => {
                self.dial_page(&session, &devices, &self.chosen(&session), Some(message))
            }
            (_, Err(away)) => self.login(Some(away)),
        }
    }

    /// An address with a password in it shows no page, and neither does one that a browser would dial again when it loads
    /// the page again.
    fn sent_on(&self, answered: Answered) -> Answered {
        let stays = *self.method == Method::POST || answered.refused || answered.to.is_some();
        let dialled = answered.call.is_some();
        let dials_again = dialled && origin::is_browser(self.headers);
        if stays || !(self.brings_password() || dials_again) {
            return answered;
        }
        let why = answered.said.filter(|message| message.is_failure());
        let known = answered.begins.is_some() || matches!(self.session(), Known::SignedIn(_));
        let to = match why {
            _ if dialled && known => format!("{PATH}?cmd=doCalled"),
            _ if dialled => format!("{PATH}?cmd=doClose"),
            Some(why) => format!("{PATH}?cmd=doFail&why={}&{}", why.word(), self.carried()),
            None => format!("{PATH}?{}", self.carried()),
        };
        Answered {
            to: Some(to),
            page: String::new(),
            ..answered
        }
    }

    /// What of a request goes on to the page that asks.
    pub(super) fn carried(&self) -> String {
        let destination = encode(&self.destination());
        let uid = self.form.get("uid").unwrap_or_default();
        let uid: String = uid.chars().take(USER_LONGEST).collect();
        format!("destination={destination}&uid={}&asks=true", encode(&uid))
    }

    /// The session, or the page that asks for one.
    pub(super) fn signed_in(&self) -> Result<Session, Box<Answered>> {
        match self.session() {
            Known::SignedIn(session) => Ok(session),
            Known::Expired => Err(Box::new(self.login(Some(Message::SessionExpired)))),
            Known::Nobody => Err(Box::new(self.login(None))),
        }
    }

    /// A form of another site is sent on by GET, so that the browser brings its cookie along: to the page that asks, or,
    /// from a trusted site, to where it dials. `command` goes before the number.
    pub(super) fn asks_first(&self, command: &str) -> Option<Answered> {
        if *self.method != Method::POST {
            return None;
        }
        let destination = encode(&self.destination());
        if !self.acts() {
            return Some(Answered::to(format!("{PATH}?destination={destination}")));
        }
        let known = matches!(self.session(), Known::SignedIn(_));
        let moves = !known && origin::names_another(self.headers);
        moves.then(|| Answered {
            names_sender: true,
            ..Answered::to(format!("{PATH}?{command}destination={destination}"))
        })
    }

    pub(super) async fn start(&self) -> Answered {
        if let Some(elsewhere) = self.asks_first("") {
            return elsewhere;
        }
        match self.signed_in() {
            Ok(session) => self.next(&session, self.may_dial()).await,
            Err(login) => *login,
        }
    }

    /// The page that follows for somebody who is signed in. `may`: this request may dial.
    pub(super) async fn next(&self, session: &Session, may: bool) -> Answered {
        let asker = Asker::new(session.user.clone());
        let devices = match self.devices(session).await {
            Ok(devices) => devices,
            Err(message) => return self.login(Some(message)),
        };
        let Some(preferences) = session.preferences.as_deref() else {
            return self.preferences_page(session, &devices, None);
        };
        let gone = preferences
            .device
            .as_ref()
            .is_some_and(|d| devices.named(d).is_none());
        if gone {
            return self.preferences_page(session, &devices, None);
        }
        if may && preferences.skip_confirmation && !self.destination().is_empty() {
            return self
                .dial(session, asker, &devices, &self.chosen(session))
                .await;
        }
        self.dial_page(session, &devices, &self.chosen(session), None)
    }

    /// What is chosen: by the form, else by the preferences.
    pub(super) fn chosen(&self, session: &Session) -> Chosen {
        let preferences = session.preferences.as_deref().cloned().unwrap_or_default();
        let asked = session.preferences.is_some();
        let saving = self.form.get("cmd") == Some("doSetProfile") && self.acts();
        let mode = self.form.device_mode();
        let named = self.form.device();
        // The stored line is the stored device's, and no other's.
        let stored_line = preferences.line.filter(|_| {
            let stored = preferences.device.as_deref().unwrap_or_default();
            named.is_none_or(|named| named.eq_ignore_ascii_case(stored))
        });
        Chosen {
            em: match mode {
                Some(mode) => mode == DeviceMode::ExtensionMobility,
                None => asked && preferences.device.is_none() && named.is_none(),
            },
            device: named.map(str::to_owned).or(preferences.device),
            line: self
                .form
                .get("lineNumber")
                .map(str::to_owned)
                .or(stored_line),
            skip_confirmation: match saving {
                true => self.form.flag("noConfDialog"),
                false => preferences.skip_confirmation,
            },
            no_auto_close: match saving {
                true => self.form.flag("noAutoClose"),
                false => preferences.no_auto_close,
            },
        }
    }

    fn choices(&self, devices: &Devices) -> Vec<Choice> {
        let details = devices.details(&self.app.handle.directory()).into_iter();
        details
            .map(|device| Choice {
                name: device.name,
                model: device.model,
                description: device.description,
                lines: device.lines,
            })
            .collect()
    }

    pub(super) fn preferences_page(
        &self,
        session: &Session,
        devices: &Devices,
        message: Option<Message>,
    ) -> Answered {
        let (look, choices) = (self.look(Some(session)), self.choices(devices));
        let message = message.or(devices.is_empty().then_some(Message::NotLoggedIn));
        let (destination, chosen) = (self.destination(), self.chosen(session));
        let asks = !self.may_dial();
        let page = view::preferences(look, message, &destination, asks, &choices, &chosen);
        Answered::page(page, message)
    }

    pub(super) fn dial_page(
        &self,
        session: &Session,
        devices: &Devices,
        chosen: &Chosen,
        message: Option<Message>,
    ) -> Answered {
        let (look, choices) = (self.look(Some(session)), self.choices(devices));
        let destination = self.destination();
        let page = view::dial(
            look,
            message,
            &destination,
            &tokens::generate("once"),
            !self.may_dial(),
            &choices,
            chosen,
        );
        Answered::page(page, message)
    }

    /// `hang_up`: the call that the button ends, the user's newest where that is empty; `None`: nothing to end, no button.
    pub(super) fn end_page(
        &self,
        session: &Session,
        number: &str,
        hang_up: Option<&str>,
        message: Option<Message>,
    ) -> Answered {
        let no_close = session
            .preferences
            .as_ref()
            .is_some_and(|p| p.no_auto_close);
        let seconds = self.app.config.webdialer.end_call_dialog_s;
        let look = self.look(Some(session));
        // What went wrong is there to be read.
        let closes = !no_close && message.is_none();
        let page = view::end(look, message, number, hang_up, closes.then_some(seconds));
        Answered::page(page, message)
    }
}

/// What the pages say where SOAP has a code.
pub(super) fn message_of(outcome: &Outcome) -> Message {
    match outcome.code {
        ResponseCode::AuthenticationError | ResponseCode::NoProxyRights => {
            Message::AuthenticationFailed
        }
        ResponseCode::DirectoryError => Message::DirectoryDown,
        ResponseCode::TemporarilyUnavailable => Message::CtiDown,
        ResponseCode::DestinationNotReachable => Message::NotReachable,
        ResponseCode::MissingParameters => Message::NotLoggedIn,
        ResponseCode::Success
        | ResponseCode::CallFailure
        | ResponseCode::ServiceError
        | ResponseCode::Overloaded
        | ResponseCode::Other(_) => Message::Unavailable,
    }
}
