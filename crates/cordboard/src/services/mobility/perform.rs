//! The order in which a message is looked at, and what comes of it. [mobility §7.2]

use super::trust::{self, Claim, Distrust};
use super::{texts, translate};
use crate::app::App;
use crate::edge::Peer;
use crate::journal::Notes;
use crate::ops::config;
use crate::ops::metrics;
use crate::services::auth::{Refused, Visit};
use crate::services::sign_on_queue::Interface;
use cordboard_wire::mobility::{
    Answer, Ask, Certificate, Code, Compat, Failure, Grammar, Message, Root, decode_request,
    encode_answer, root_of,
};
use tokio::sync::SemaphorePermit;

/// Where a message comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Visitor {
    /// Both ends of the connection.
    pub(super) peer: Peer,
    /// Did a proxy add its header?
    pub(super) via: bool,
}

/// What came of a message.
pub(super) struct Done {
    /// The answer as it is sent.
    pub(super) text: String,
    /// What the journal shows.
    pub(super) notes: Notes,
}

/// Takes a document, or that there is none, and answers it.
pub(super) async fn perform(app: &App, document: Option<&str>, visitor: Visitor) -> Done {
    let grammar = grammar(&app.config.mobility);
    let root = document.map_or(Root::Other, root_of);
    // Only a query's answer has no declaration.
    let refused = |failure| Outcome {
        operation: "unknown",
        notes: Notes::default(),
        to_request: root != Root::Query,
        answer: Err(failure),
    };
    // Looked at first and taken once the caller is known: a flood of strangers, whose passwords take their time, is to keep
    // nobody out.
    if root == Root::Request && UnderWay::is_full(app) {
        return refused(texts::busy()).told(app, grammar.compat);
    }
    let message = match document.map(|text| decode_request(text, grammar)) {
        Some(Ok(message)) => message,
        Some(Err(why)) => return refused(texts::refused(&why)).told(app, grammar.compat),
        None => return refused(texts::no_field()).told(app, grammar.compat),
    };
    let to_request = message.ask.is_request();
    let answer = carry_out(app, &message, visitor).await;
    count(&app.metrics.mobility, &message.ask, &answer);
    let outcome = Outcome {
        operation: message.ask.name(),
        notes: describe(&message),
        to_request,
        answer,
    };
    outcome.told(app, grammar.compat)
}

/// A login or log-out under way, in its place.
struct UnderWay<'a> {
    metrics: &'a metrics::Mobility,
    _slot: SemaphorePermit<'a>,
}

impl<'a> UnderWay<'a> {
    /// Is there no place? Counted.
    fn is_full(app: &App) -> bool {
        let full = app.mobility.slot().is_none();
        if full {
            app.metrics.mobility.throttled.inc();
        }
        full
    }

    /// Takes a place; `None`, and counted, when there is none.
    fn begin(app: &'a App) -> Option<Self> {
        let metrics = &app.metrics.mobility;
        let Some(slot) = app.mobility.slot() else {
            metrics.throttled.inc();
            return None;
        };
        metrics.in_progress.inc();
        Some(Self {
            metrics,
            _slot: slot,
        })
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.metrics.in_progress.dec();
    }
}

fn grammar(settings: &config::Mobility) -> Grammar {
    Grammar {
        lenient: settings.grammar == config::Order::Lenient,
        reject_prolog: settings.prolog == config::Prolog::Reject,
        compat: match settings.compat {
            config::Release::Modern => Compat::Modern,
            config::Release::Four => Compat::Four,
        },
    }
}

/// What came of a message, not written yet.
struct Outcome {
    operation: &'static str,
    notes: Notes,
    to_request: bool,
    answer: Result<Answer, Failure>,
}

impl Outcome {
    /// Counts it and writes the answer.
    fn told(self, app: &App, compat: Compat) -> Done {
        let mut notes = self.notes;
        let (answer, code) = match self.answer {
            Ok(answer) => (answer, 0),
            Err(failure) => {
                let code = failure.code.map_or(0, Code::number);
                notes = notes
                    .field("code", code.to_string())
                    .field("text", failure.text.clone());
                (Answer::Failure(failure), code)
            }
        };
        app.metrics.mobility.count(self.operation, code);
        let text = encode_answer(&answer, self.to_request, compat);
        Done { text, notes }
    }
}

fn count(metrics: &metrics::Mobility, ask: &Ask, answer: &Result<Answer, Failure>) {
    // Who found no place is counted as such only.
    if matches!(answer, Err(failure) if failure.code == Some(Code::Busy)) {
        return;
    }
    let (attempted, successful) = match ask {
        Ask::Login(_) => (&metrics.logins_attempted, &metrics.logins_successful),
        Ask::Logout { .. } | Ask::LogoutAll => {
            (&metrics.logouts_attempted, &metrics.logouts_successful)
        }
        Ask::DeviceUser(_) | Ask::UserDevices(_) | Ask::DeviceProfile(_) | Ask::CheckUser(_) => {
            return;
        }
    };
    attempted.inc();
    if answer.is_ok() {
        successful.inc();
    }
}

/// The checks from the caller on: who he is, what he may do, from where he comes. The rest is the exchange's.
async fn carry_out(app: &App, message: &Message, visitor: Visitor) -> Result<Answer, Failure> {
    let Message { caller, ask, .. } = message;
    let invalid = || texts::invalid_caller(&caller.id, !ask.is_request());
    let secret = match &caller.certificate {
        _ if caller.id.is_empty() => return Err(texts::blank()),
        Certificate::Password(secret) if secret.expose().trim().is_empty() => {
            return Err(texts::blank());
        }
        Certificate::Password(secret) => secret.expose(),
        // Between the original's own parts only. [mobility §4]
        Certificate::Encrypted => return Err(invalid()),
    };
    if app.faults.directory_down() {
        return Err(texts::directory_down());
    }
    let settings = &app.config.mobility;
    let directory = app.handle.directory();
    let visit = Visit {
        interface: Interface::Mobility,
        address: visitor.peer.address.ip(),
        now_ms: app.clock.now().instant.0,
    };
    let pin = settings.accept_pin;
    let known = app
        .auth
        .credential(&directory, &caller.id, secret, pin, visit);
    let known = known.await.map_err(|refused| match refused {
        Refused::Wrong => invalid(),
        Refused::Busy => texts::busy(),
    })?;
    let mut _under_way = None;
    if ask.is_request() {
        _under_way = Some(UnderWay::begin(app).ok_or_else(texts::busy)?);
    }
    let asker = translate::Asker::of(&directory, known, settings.end_user_proxy)?;
    if !asker.may(&directory, ask) {
        return Err(texts::no_proxy_rights(&caller.id));
    }
    if ask.is_request() {
        let address = message.remote_address.as_deref();
        claimed(app, ask, visitor, address, message.via).await?;
    }
    let timers_work = app.faults.timers_work();
    let Some(command) = translate::command(&directory, &asker, ask, timers_work) else {
        return translate::looked_up(&directory, ask);
    };
    let said = app.handle.command(command).await;
    let reply = said.map_err(|refusal| translate::failure(&refusal, ask, &caller.id))?;
    translate::answer(&directory, ask, reply)
}

/// May this come from there? `address` and `via` are what it says of that itself.
pub(super) async fn claimed(
    app: &App,
    ask: &Ask,
    visitor: Visitor,
    address: Option<&str>,
    via: bool,
) -> Result<(), Failure> {
    let claim = Claim {
        address,
        via,
        device: match ask {
            Ask::Login(login) => Some(&login.device),
            Ask::Logout { device } => Some(device),
            _ => None,
        },
    };
    let checked = trust::check(app, visitor, claim).await;
    checked.map_err(|distrust| match distrust {
        Distrust::Untrusted(address) => texts::untrusted(address),
        Distrust::RegistrationsDown => texts::registrations_down(),
        Distrust::ThroughProxy => texts::through_proxy(),
    })
}

/// What the journal shows of a message: no secret is ever put in.
fn describe(message: &Message) -> Notes {
    let notes = Notes::default()
        .field("operation", message.ask.name())
        .field("credential", message.caller.id.clone());
    match &message.ask {
        Ask::Login(login) => notes
            .field("device", login.device.clone())
            .field("user", login.user.clone())
            .maybe("profile", login.profile.clone()),
        Ask::Logout { device } => notes.field("device", device.clone()),
        Ask::LogoutAll => notes,
        Ask::DeviceUser(devices) => notes.field("devices", first(devices)),
        Ask::UserDevices(users) | Ask::DeviceProfile(users) | Ask::CheckUser(users) => {
            notes.field("users", first(users))
        }
    }
}

/// A query may name thousands; the journal shows the first.
fn first(names: &[String]) -> String {
    let shown = &names[..names.len().min(20)];
    shown.join(", ")
}
