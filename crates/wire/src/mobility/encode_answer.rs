//! From the answer to the bytes: one tag a line, nothing else between them. [mobility §2.5]

use super::{Answer, Code, Compat, DeviceState, Failure, UserState, echoed, escaped};
use crate::xml::push_escaped;

/// What starts an answer to a request; an answer to a query has none.
const DECLARATION: &str = "<?xml version=\"1.0\"?>\n";

/// Writes an answer; `to_request` tells an answer to a request from one to a query.
pub fn encode_answer(answer: &Answer, to_request: bool, compat: Compat) -> String {
    let mut out = String::with_capacity(256);
    if to_request {
        out.push_str(DECLARATION);
    }
    out.push_str("<response>\n");
    match answer {
        Answer::Success => out.push_str("<success/>\n"),
        Answer::Failure(failure) => {
            push_failure(&mut out, failure, !to_request && compat == Compat::Four)
        }
        Answer::DeviceUser(devices) => {
            out.push_str("<deviceUserResults>\n");
            for (name, state) in devices {
                open(&mut out, "device", "name", name);
                push_device(&mut out, state, compat);
                out.push_str("</device>\n");
            }
            out.push_str("</deviceUserResults>\n");
        }
        Answer::UserDevices(users) => users_in(
            &mut out,
            "userDevicesResults",
            users,
            compat,
            |out, state| match state {
                UserState::Unknown => out.push_str("<doesNotExist/>\n"),
                UserState::Known(devices) if devices.is_empty() => out.push_str("<none/>\n"),
                UserState::Known(devices) => {
                    for device in devices {
                        push_text(out, "deviceName", device);
                    }
                }
            },
        ),
        Answer::DeviceProfile(users) => users_in(
            &mut out,
            "deviceProfileResults",
            users,
            compat,
            |out, profiles| match profiles {
                Err(failure) => push_failure(out, failure, false),
                Ok(profiles) => {
                    for profile in profiles {
                        out.push_str("<deviceProfile>\n");
                        push_text(out, "deviceProfileName", &profile.name);
                        let word = if profile.is_default { "t" } else { "f" };
                        push_text(out, "isDefaultDeviceProfile", word);
                        out.push_str("</deviceProfile>\n");
                    }
                }
            },
        ),
        Answer::CheckUser(users) => users_in(
            &mut out,
            "checkUserResults",
            users,
            compat,
            |out, state| match state {
                UserState::Unknown => out.push_str("<doesNotExist/>\n"),
                UserState::Known(id) => push_text(out, "exists", &id_of(id, compat)),
            },
        ),
    }
    out.push_str("</response>\n");
    out
}

/// Writes a failure of a whole message.
pub fn encode_failure(code: Code, text: &str, to_request: bool, compat: Compat) -> String {
    let failure = Failure {
        code: Some(code),
        text: text.to_owned(),
    };
    encode_answer(&Answer::Failure(failure), to_request, compat)
}

fn users_in<T>(
    out: &mut String,
    results: &str,
    users: &[(String, T)],
    compat: Compat,
    state: impl Fn(&mut String, &T),
) {
    out.push_str(&format!("<{results}>\n"));
    for (id, what) in users {
        let id = match compat {
            Compat::Modern => echoed(id),
            Compat::Four => id.clone(),
        };
        open(out, "user", "id", &id);
        state(out, what);
        out.push_str("</user>\n");
    }
    out.push_str(&format!("</{results}>\n"));
}

fn push_device(out: &mut String, state: &DeviceState, compat: Compat) {
    let DeviceState::Known(device) = state else {
        return out.push_str("<doesNotExist/>\n");
    };
    let person = |out: &mut String, name: &str, id: &Option<String>| match id {
        Some(id) => push_text(out, name, &id_of(id, compat)),
        None => out.push_str("<none/>\n"),
    };
    person(out, "userID", &device.user);
    if compat == Compat::Modern {
        person(out, "lastlogin", &device.last);
        let word = if device.cross_cluster == Some(true) {
            "yes"
        } else {
            "no"
        };
        push_text(out, "emccDevice", word);
    }
}

fn id_of(id: &str, compat: Compat) -> String {
    match compat {
        Compat::Modern => escaped(id),
        Compat::Four => id.to_owned(),
    }
}

fn push_failure(out: &mut String, failure: &Failure, without_code: bool) {
    out.push_str("<failure>\n");
    match failure.code {
        Some(code) if !without_code => {
            out.push_str(&format!("<error code=\"{}\">", code.number()));
            push_escaped(out, &failure.text);
            out.push_str("</error>\n");
        }
        _ => push_text(out, "errorMessage", &failure.text),
    }
    out.push_str("</failure>\n");
}

fn open(out: &mut String, element: &str, attribute: &str, value: &str) {
    out.push_str(&format!("<{element} {attribute}=\""));
    push_escaped(out, value);
    out.push_str("\">\n");
}

fn push_text(out: &mut String, element: &str, text: &str) {
    out.push_str(&format!("<{element}>"));
    push_escaped(out, text);
    out.push_str(&format!("</{element}>\n"));
}
