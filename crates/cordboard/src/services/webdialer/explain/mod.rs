//! What would happen if somebody dialled: the way of a call, asked of the same functions, without a call. [webdialer §9]

mod translate;

use super::dial_rules::{self, Verdict};
use super::homes::{Found, Said};
use super::pages::session::Preferences;
use super::perform;
use super::translate::{Asker, Devices, LineFit, Wanted, known_device, line_wish, would_call};
use crate::app::App;
use crate::ops::config::DialRule;
use cordboard_wire::admin::{
    Chosen, ClusterSaid, DialExplained, DialInterface, DialQuestion, HomeExplained, LookedUp,
    RuleConsidered,
};
use cordboard_wire::webdialer::{Outcome, ResponseCode, UserProfile};
use std::sync::Arc;

/// A number in a question is at most this long.
pub const NUMBER_BYTES: usize = 256;

/// What a refusal is, with words for people.
type Refused = (Outcome, String);

/// Explains what dialling would come to. Nothing is dialled.
pub async fn dial(app: &App, question: &DialQuestion) -> DialExplained {
    let config = &app.config.webdialer;
    let (cleaned, cleaned_why, rules_act, in_force) = match question.interface {
        DialInterface::Soap => (
            question.number.trim().to_owned(),
            "makeCallSoap takes the whole string, without white space around it",
            config.dial_rules_on_soap_dial,
            dial_rules::of_soap(config),
        ),
        DialInterface::Pages => (
            dial_rules::stripped(&question.number),
            "the pages keep what a telephone can dial, and a + only in front",
            config.dial_rules_on_dial,
            dial_rules::of_pages(config),
        ),
    };
    let rules = considered(in_force, &cleaned);
    let mut explained = DialExplained {
        received: question.number.clone(),
        cleaned_why: cleaned_why.to_owned(),
        dialled: translate::result_of(&rules, &cleaned),
        rules,
        rules_act,
        devices: Vec::new(),
        device: None,
        line: None,
        route: None,
        owner: owner(app, &cleaned),
        code: ResponseCode::Success.number(),
        text: ResponseCode::Success.text().to_owned(),
        refused: None,
        cleaned,
    };
    if let Err((outcome, why)) = way(app, question, &mut explained).await {
        explained.code = outcome.code.number();
        explained.text = outcome.description.into_owned();
        explained.refused = Some(why).filter(|why| !why.is_empty());
    }
    explained
}

async fn way(
    app: &App,
    question: &DialQuestion,
    explained: &mut DialExplained,
) -> Result<(), Refused> {
    let told = |why: &str| {
        let why = why.to_owned();
        move |outcome: Outcome| (outcome, why)
    };
    // The pages dial what is left of a number, also when that is nothing; they ask only where nothing was written.
    let missing = match question.interface {
        DialInterface::Soap => explained.cleaned.is_empty(),
        DialInterface::Pages => question.number.trim().is_empty(),
    };
    if missing {
        let missing = ResponseCode::MissingParameters.into();
        return Err((missing, "nothing is left to dial".to_owned()));
    }
    let asker = Asker::new(question.user.as_str().into());
    let devices = perform::devices(app, &asker).await;
    let devices = devices.map_err(told("the user is not in the directory"))?;
    explained.devices = translate::usable(&devices);
    let number = &explained.cleaned;
    let (wanted, why) = match question.interface {
        DialInterface::Soap => wanted_by_soap(app, question, number, &asker, &devices).await?,
        DialInterface::Pages => wanted_by_pages(app, question, number, &asker, &devices)?,
    };
    explained.device = Some(Chosen {
        what: wanted.device.to_string(),
        why: why.to_owned(),
    });
    explained.dialled.clone_from(&wanted.to);
    let wish = wanted.line.clone();
    let answer = app.handle.command(would_call(asker, wanted)).await;
    let (line, route) = translate::planned(answer, &wish)?;
    let number = route.number.number.clone();
    explained.line = Some(line);
    explained.route = Some(route);
    explained.owner = owner(app, &number);
    Ok(())
}

/// From where makeCallSoap would dial, and why from there.
async fn wanted_by_soap(
    app: &App,
    question: &DialQuestion,
    number: &str,
    asker: &Asker,
    devices: &Devices,
) -> Result<(Wanted, &'static str), Refused> {
    let named = question.device.as_deref();
    let directory = app.handle.directory();
    let (why, why_none) = match named {
        Some(_) if known_device(&directory, named).is_none() => ("", "there is no such device"),
        Some(_) => ("it was named", ""),
        None if devices.is_empty() => ("", "the user has no device"),
        None => (
            "the user sits there by Extension Mobility",
            "no device was named, and the user sits at none by Extension Mobility",
        ),
    };
    let profile = UserProfile {
        user: Some(question.user.clone()),
        device_name: question.device.clone(),
        line_number: question.line.clone(),
        support_em: named.is_none(),
        ..UserProfile::default()
    };
    let wanted = perform::wanted(app, asker, number.to_owned(), &profile).await;
    match wanted {
        Ok(wanted) => Ok((wanted, why)),
        Err(outcome) => Err((outcome, why_none.to_owned())),
    }
}

/// From where the pages would dial, and why from there: what is named, else what the user chose, else what makeCallProxy takes.
fn wanted_by_pages(
    app: &App,
    question: &DialQuestion,
    number: &str,
    asker: &Asker,
    devices: &Devices,
) -> Result<(Wanted, &'static str), Refused> {
    let chosen = app.pages.choices.of(&question.user);
    let chosen = chosen.and_then(|text| serde_json::from_str::<Preferences>(&text).ok());
    let (device, line, why, why_none) = match (question.device.as_deref(), chosen) {
        (Some(named), _) => (
            devices.named(named),
            None,
            "it was named",
            "it is none of the user's devices",
        ),
        (None, Some(Preferences { device: None, .. })) => (
            devices.seat(asker, true),
            None,
            "the user chose Extension Mobility and sits there",
            "the user chose Extension Mobility and sits nowhere",
        ),
        (None, Some(Preferences { device, line, .. })) => (
            device.and_then(|name| devices.named(&name)),
            line,
            "the user chose it",
            "the device that the user chose is his no more; the page asks for another",
        ),
        (None, None) => {
            let primary = devices.of_primary_line(asker, &app.handle.directory());
            let (device, line) = primary.unzip();
            (
                device,
                line,
                "it carries the user's primary line",
                "the user chose none, and no device of his carries a primary line; the page asks",
            )
        }
    };
    let Some(device) = device else {
        let why = match devices.is_empty() {
            true => "the user has no device",
            false => why_none,
        };
        return Err((devices.no_such_device(), why.to_owned()));
    };
    let config = &app.config.webdialer;
    let line = question.line.clone().or(line);
    if devices.fit(line.as_deref(), &device, config.strict_lines) == LineFit::Mistaken {
        let missing = ResponseCode::MissingParameters.into();
        let why = "the device does not have that line; the page asks for another";
        return Err((missing, why.to_owned()));
    }
    let wanted = Wanted {
        device,
        line: line_wish(line.as_deref(), config.strict_lines),
        to: dial_rules::for_pages(config, number),
    };
    Ok((wanted, why))
}

fn considered(rules: &[DialRule], number: &str) -> Vec<RuleConsidered> {
    let looked_at = dial_rules::considered(rules, number);
    let shown = looked_at.map(|(rule, verdict)| {
        let (why, result) = match verdict {
            Verdict::Fits(result) => (
                format!(
                    "removes {} from the left and puts `{}` in front",
                    rule.remove, rule.prefix
                ),
                Some(result),
            ),
            Verdict::BeginsOtherwise => (
                format!("the number does not begin with `{}`", rule.begins_with),
                None,
            ),
            Verdict::AnotherLength(length) => (
                format!("the number has {length} characters, not {}", rule.digits),
                None,
            ),
        };
        RuleConsidered {
            name: rule.name.clone(),
            fits: result.is_some(),
            why,
            result,
        }
    });
    shown.collect()
}

fn owner(app: &App, number: &str) -> LookedUp {
    let rules = considered(&app.config.webdialer.lookup_rules, number);
    let number = translate::result_of(&rules, number);
    let (line, devices, users) = translate::owner(&app.handle.directory(), &number);
    LookedUp {
        rules,
        number,
        line,
        devices,
        users,
    }
}

/// Explains where the Redirector would send a user; asks the other clusters as it does.
pub async fn home(app: &Arc<App>, user: &str) -> HomeExplained {
    let mut explained = HomeExplained {
        user: user.to_owned(),
        here: !app.faults.directory_down() && perform::is_here(app, user),
        cluster: None,
        address: None,
        remembered: false,
        said: Vec::new(),
        why: "he is in our own directory, so nobody else is asked".to_owned(),
    };
    if explained.here {
        return explained;
    }
    let found = app.homes.find(user).await;
    let said = app.homes.names().zip(&found.said);
    explained.said = said
        .map(|(cluster, said)| ClusterSaid {
            cluster: cluster.to_owned(),
            said: said.as_str().to_owned(),
        })
        .collect();
    explained.remembered = found.remembered;
    let index = found.home;
    explained.cluster = index.and_then(|index| Some(app.homes.name(index)?.to_owned()));
    explained.address = index.and_then(|index| Some(app.homes.address(index)?.to_owned()));
    let before = match found.remembered {
        true => ", as was learnt before",
        false => "",
    };
    explained.why = match &explained.cluster {
        Some(name) => format!("cluster {name} says that he is its user{before}"),
        None => format!("{}{before}", nowhere(app, &found)),
    };
    explained
}

/// Why nobody is known to be a user's home. That somebody did not answer is no no.
fn nowhere(app: &App, found: &Found) -> String {
    let here = match app.faults.directory_down() {
        true => "our own directory cannot be asked",
        false => "he is not in our directory",
    };
    if app.homes.is_empty() {
        return format!("{here}, and no other cluster is configured");
    }
    let said = app.homes.names().zip(&found.said);
    let silent = said.filter(|(_, said)| matches!(said, Said::NoAnswer | Said::NotAsked));
    let silent: Vec<&str> = silent.map(|(name, _)| name).collect();
    match silent.as_slice() {
        [] => format!("{here}, and the other clusters do not know him"),
        silent => format!("{here}, and nothing is known from {}", silent.join(", ")),
    }
}
