//! The commands of the pages that change something: sign in and out, choose, dial, hang up. [webdialer §8.2]

use super::flow::{Answered, PATH, USER_LONGEST, Visit, message_of};
use super::session::{Origin, Placed, Preferences, Session};
use super::view::{self, Chosen};
use super::words::{Language, Message};
use crate::ops::config::ProxyMethods;
use crate::services::webdialer::translate::{self, Asker, Devices, LineFit, Wanted};
use crate::services::webdialer::{dial_rules, perform};
use cordboard_wire::Secret;
use cordboard_wire::webdialer::form::encode;
use cordboard_wire::webdialer::{Credential, Outcome, ResponseCode};
use http::Method;
use std::sync::Arc;

impl Visit<'_> {
    /// Checks user and password as every interface does.
    async fn authenticate(&self, user: Option<&str>) -> Result<Asker, Outcome> {
        let user = user.filter(|user| user.len() <= USER_LONGEST);
        let credential = Credential {
            user_id: user.map(str::to_owned),
            password: self.form.raw("pwd").map(Secret::new),
            token: None,
        };
        // How the original scrambles a password is not known. [webdialer §8.2]
        if self.form.flag("pwdEncrypted") || user.is_none() {
            return Err(ResponseCode::AuthenticationError.into());
        }
        perform::authenticate(self.app, &credential, self.peer).await
    }

    /// A session for somebody that `by` has begun, with what was chosen before. Its id, unless his account may not sign in: then it is good for
    /// this request only.
    fn begin(&self, asker: &Asker, by: &Asker) -> (Option<String>, Session) {
        let user = asker.user();
        let stored = self.app.pages.choices.of(user.as_str());
        let preferences = stored.and_then(|text| serde_json::from_str(&text).ok());
        let directory = self.app.handle.directory();
        let now = self.app.clock.now().instant.0;
        let sessions = &self.app.pages.sessions;
        // An id that was there before, whoever put it there, leads nowhere any more.
        if let Some(old) = &self.id {
            sessions.end(old);
        }
        let origin = Origin {
            account: by.user().clone(),
            source: self.peer.address.ip().into(),
        };
        let session = Session::new(&directory, user, origin, preferences, now);
        let expiry = self.app.config.webdialer.session_expiry_h;
        let id = sessions.begin(&directory, session.clone(), expiry);
        if id.is_some() {
            self.app.metrics.webdialer.sessions.inc();
        }
        (id, session)
    }

    pub(super) async fn sign_in(&self) -> Answered {
        // Another site may not choose who is signed in here.
        if self.is_from_elsewhere() {
            return self.login(None);
        }
        let asker = match self.authenticate(self.form.get("uid")).await {
            Ok(asker) if asker.is_person(&self.app.handle.directory()) => asker,
            Ok(_) => return self.login(Some(Message::AuthenticationFailed)),
            Err(outcome) => return self.login(Some(message_of(&outcome))),
        };
        let (Some(id), session) = self.begin(&asker, &asker) else {
            return self.login(Some(Message::Unavailable));
        };
        // A password in the address goes from the address line at once.
        if *self.method != Method::POST {
            let to = match self.form.flag("asks") {
                true => format!("{PATH}?{}", self.carried()),
                false => format!("{PATH}?destination={}", encode(&self.destination())),
            };
            return Answered {
                to: Some(to),
                begins: Some(id),
                ..Answered::default()
            };
        }
        let answered = self.next(&session, self.may_dial()).await;
        self.remember(Some(&id), answered.call.as_deref());
        Answered {
            told: Some(told(&session)),
            begins: Some(id),
            ..answered
        }
    }

    pub(super) async fn sign_out(&self) -> Answered {
        if !self.acts() {
            return match self.signed_in() {
                Ok(session) => self.next(&session, false).await,
                Err(login) => *login,
            };
        }
        if let Some(id) = &self.id {
            self.app.pages.sessions.end(id);
        }
        Answered {
            ends: true,
            ..self.login(Some(Message::SignedOut))
        }
    }

    pub(super) async fn profile(&self) -> Answered {
        let session = match self.signed_in() {
            Ok(session) => session,
            Err(login) => return *login,
        };
        match self.devices(&session).await {
            Ok(devices) => self.preferences_page(&session, &devices, None),
            Err(message) => self.login(Some(message)),
        }
    }

    pub(super) async fn devices(&self, session: &Session) -> Result<Devices, Message> {
        if self.app.faults.directory_down() {
            return Err(Message::DirectoryDown);
        }
        let asker = Asker::new(session.user.clone());
        let devices = perform::devices(self.app, &asker).await;
        devices.map_err(|outcome| message_of(&outcome))
    }

    pub(super) async fn set_profile(&self) -> Answered {
        let session = match self.signed_in() {
            Ok(session) => session,
            Err(login) => return *login,
        };
        let devices = match self.devices(&session).await {
            Ok(devices) => devices,
            Err(message) => return self.login(Some(message)),
        };
        if !self.acts() {
            return self.preferences_page(&session, &devices, None);
        }
        let chosen = self.chosen(&session);
        let device = chosen
            .device
            .as_deref()
            .and_then(|name| devices.named(name));
        if !chosen.em && device.is_none() {
            return self.preferences_page(&session, &devices, Some(Message::NotLoggedIn));
        }
        let device = device.filter(|_| !chosen.em);
        let strict = self.app.config.webdialer.strict_lines;
        let fit = device
            .as_ref()
            .map(|device| devices.fit(chosen.line.as_deref(), device, strict));
        let line = match fit {
            Some(LineFit::Mistaken) => {
                return self.preferences_page(&session, &devices, Some(Message::OtherLine));
            }
            Some(LineFit::Carried(line)) => Some(line),
            Some(LineFit::First) | None => None,
        };
        let language = self.form.get("lang").and_then(Language::of_hint);
        let preferences = Preferences {
            device: device.map(|name| name.to_string()),
            line,
            language: language.map(|language| language.code().to_owned()),
            skip_confirmation: self.form.flag("noConfDialog"),
            no_auto_close: self.form.flag("noAutoClose"),
        };
        if !self.store(&session, &preferences).await {
            return self.preferences_page(&session, &devices, Some(Message::Unavailable));
        }
        let preferences = Arc::new(preferences);
        self.app.pages.sessions.prefer(&session.user, &preferences);
        let mut session = session;
        session.preferences = Some(preferences);
        Answered {
            told: Some(told(&session)),
            ..self.next(&session, !self.form.flag("asks")).await
        }
    }

    /// Was it stored? What is stored already is not written again.
    async fn store(&self, session: &Session, preferences: &Preferences) -> bool {
        let Ok(text) = serde_json::to_string(preferences) else {
            return false;
        };
        let known = self.app.pages.choices.of(session.user.as_str());
        if known.is_some_and(|known| *known == *text) {
            return true;
        }
        let user = session.user.clone();
        let stored = self
            .app
            .handle
            .on_thread(move |engine| engine.choose(user.as_str(), &text));
        matches!(stored.await, Ok(Ok(())))
    }

    pub(super) async fn make_call(&self) -> Answered {
        if let Some(elsewhere) = self.asks_first("cmd=doMakeCall&") {
            return elsewhere;
        }
        let session = match self.signed_in() {
            Ok(session) => session,
            Err(login) => return *login,
        };
        let devices = match self.devices(&session).await {
            Ok(devices) => devices,
            Err(message) => return self.login(Some(message)),
        };
        let chosen = self.chosen(&session);
        if session.preferences.is_none() && self.form.device().is_none() && !chosen.em {
            return self.preferences_page(&session, &devices, None);
        }
        if !self.acts() || self.destination().is_empty() {
            return self.dial_page(&session, &devices, &chosen, None);
        }
        let now = self.app.clock.now().instant.0;
        if let (Some(id), Some(page)) = (&self.id, self.form.get("once"))
            && page.len() <= view::ONCE_BYTES
            && self.app.pages.sessions.is_pressed_again(id, page, now)
        {
            return Answered::to(format!("{PATH}?cmd=doCalled"));
        }
        let asker = Asker::new(session.user.clone());
        self.dial(&session, asker, &devices, &chosen).await
    }

    /// Dials. The number is stripped of what no number has, then the dial rules see it.
    pub(super) async fn dial(
        &self,
        session: &Session,
        asker: Asker,
        devices: &Devices,
        chosen: &Chosen,
    ) -> Answered {
        let device = match (chosen.em, &chosen.device) {
            (true, _) | (false, None) => devices.seat(&asker, true),
            (false, Some(name)) => devices.named(name),
        };
        let Some(device) = device else {
            let message = Some(Message::NotLoggedIn);
            return match chosen.em {
                true => self.dial_page(session, devices, chosen, message),
                false => self.preferences_page(session, devices, message),
            };
        };
        let config = &self.app.config.webdialer;
        if self.destination().chars().count() > view::NUMBER_LONGEST {
            let message = Some(Message::NotReachable);
            return self.end_page(session, &self.destination(), None, message);
        }
        let number = dial_rules::stripped(&self.destination());
        let line = chosen.line.as_deref().filter(|_| !chosen.em);
        if devices.fit(line, &device, config.strict_lines) == LineFit::Mistaken {
            return self.dial_page(session, devices, chosen, Some(Message::OtherLine));
        }
        let wanted = Wanted {
            device: device.clone(),
            line: translate::line_wish(line, config.strict_lines),
            to: dial_rules::for_pages(config, &number),
        };
        let placed = match perform::admit(self.app) {
            Ok(()) => perform::place(self.app, asker, wanted).await,
            Err(outcome) => Err(outcome),
        };
        match placed {
            Ok(call) => {
                self.remember(self.id.as_deref(), Some(&call));
                self.app.metrics.webdialer.calls_completed.inc();
                let page = self.end_page(session, &self.destination(), Some(&call), None);
                Answered {
                    call: Some(call),
                    ..page
                }
            }
            Err(outcome) => {
                self.app.metrics.webdialer.calls_failed.inc();
                let message = match outcome.code {
                    ResponseCode::CallFailure if !devices.is_registered(&device) => {
                        Message::NotLoggedIn
                    }
                    ResponseCode::CallFailure => Message::PhoneTaken,
                    _ => message_of(&outcome),
                };
                match message {
                    Message::NotReachable => {
                        self.end_page(session, &self.destination(), None, Some(message))
                    }
                    _ => self.dial_page(session, devices, chosen, Some(message)),
                }
            }
        }
    }

    /// The session of this browser keeps the call that was placed.
    fn remember(&self, id: Option<&str>, call: Option<&str>) {
        if let (Some(id), Some(call)) = (id, call) {
            let placed = Placed {
                call: call.to_owned(),
                number: self.destination(),
            };
            self.app.pages.sessions.called(id, placed);
        }
    }

    /// The page to hang up on, for a call that was placed by a request that must not stay in the address line.
    pub(super) async fn called(&self) -> Answered {
        match self.signed_in() {
            Ok(session) => self.placed_page(&session).await,
            Err(login) => *login,
        }
    }

    /// The page about the call that was placed last; where there was none, the dial page.
    async fn placed_page(&self, session: &Session) -> Answered {
        match &session.placed {
            Some(placed) => self.end_page(session, &placed.number, Some(&placed.call), None),
            None => self.next(session, false).await,
        }
    }

    pub(super) async fn end_call(&self) -> Answered {
        let session = match self.signed_in() {
            Ok(session) => session,
            Err(login) => return *login,
        };
        if !self.acts() {
            return self.placed_page(&session).await;
        }
        let asker = Asker::new(session.user.clone());
        // The page names its call; a script that names none means the newest.
        let named = self.form.get("call");
        let ended = match named {
            Some(call) => perform::end_one(self.app, asker, call).await,
            None => perform::end_newest(self.app, asker).await,
        };
        let message = Message::HungUp;
        // A call that is over already is as good as ended.
        if let Err(outcome) = ended
            && outcome.code != ResponseCode::CallFailure
        {
            let hang_up = Some(named.unwrap_or_default());
            let failure = Some(message_of(&outcome));
            return self.end_page(&session, &self.destination(), hang_up, failure);
        }
        let no_close = session
            .preferences
            .as_ref()
            .is_some_and(|p| p.no_auto_close);
        if no_close && let Ok(devices) = self.devices(&session).await {
            return self.dial_page(&session, &devices, &self.chosen(&session), Some(message));
        }
        let page = view::closed(self.look(Some(&session)), Some(message), true);
        Answered::page(page, Some(message))
    }

    /// makeCallProxy: an application dials for somebody. [webdialer §8.1]
    pub(super) async fn proxy(&self) -> Answered {
        let methods = self.app.config.webdialer.make_call_proxy_methods;
        let open = *self.method != Method::POST || self.in_address;
        if open && methods == ProxyMethods::Secure {
            return Answered {
                refused: true,
                failed: true,
                ..Answered::default()
            };
        }
        match self.proxy_call().await {
            Ok(answered) => answered,
            Err(message) => self.login(Some(message)),
        }
    }

    async fn proxy_call(&self) -> Result<Answered, Message> {
        let failed = || Message::AuthenticationFailed;
        let asker = self.authenticate(self.form.get("appid")).await;
        let application = asker.map_err(|outcome| message_of(&outcome))?;
        let directory = self.app.handle.directory();
        let uid = self.form.get("uid").ok_or_else(failed)?;
        let asker = application
            .clone()
            .acting_for(Some(uid), &directory)
            .map_err(|_| failed())?;
        let himself = Asker::known(&directory, uid).ok_or_else(failed)?;
        let (id, session) = self.begin(&himself, &application);
        let devices = self.devices(&session).await?;
        let chosen = match session.preferences {
            Some(_) => self.chosen(&session),
            // Nothing chosen yet: the phone of his primary line, at once.
            None => {
                let primary = devices.of_primary_line(&himself, &directory);
                let (device, line) = primary.unzip();
                Chosen {
                    device: device.map(|name| name.to_string()),
                    line,
                    ..Chosen::default()
                }
            }
        };
        let nothing = session.preferences.is_none() && chosen.device.is_none();
        let answered = if nothing || self.destination().is_empty() {
            self.preferences_page(&session, &devices, None)
        } else {
            self.dial(&session, asker, &devices, &chosen).await
        };
        if id.is_none() && answered.call.is_some() {
            // Nobody is signed in, so there is nothing more to do here.
            return Ok(Answered {
                page: view::closed(self.look(None), None, false),
                ..answered
            });
        }
        self.remember(id.as_deref(), answered.call.as_deref());
        Ok(Answered {
            told: id.is_some().then(|| told(&session)),
            begins: id,
            ..answered
        })
    }
}

fn told(session: &Session) -> (String, Preferences) {
    let preferences = session.preferences.as_deref().cloned();
    (session.user.to_string(), preferences.unwrap_or_default())
}
