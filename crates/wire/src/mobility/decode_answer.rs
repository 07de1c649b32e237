//! From the bytes of a server to the answer: any layout, any order, either generation. [mobility §14]

use super::{Answer, Code, DeviceState, Failure, KnownDevice, ProfileOf, UserState, unescaped};
use crate::xml::{Element, Limits, parse};
use thiserror::Error;

/// Why an answer cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AnswerError {
    /// It is no XML.
    #[error("the answer is no XML: {0}")]
    NotXml(String),
    /// It is XML, but no answer of this interface.
    #[error("the answer is not one of Extension Mobility's")]
    NotOurs,
}

/// Reads an answer.
///
/// # Errors
/// When it is none.
pub fn decode_answer(bytes: &[u8], charset: Option<&str>) -> Result<Answer, AnswerError> {
    let start = bytes.iter().position(|byte| !byte.is_ascii_whitespace());
    let bytes = &bytes[start.unwrap_or(0)..];
    let document = parse(bytes, charset, &Limits::ANSWER)
        .map_err(|error| AnswerError::NotXml(error.sax_text()))?;
    let root = document.root();
    if root.name() != "response" {
        return Err(AnswerError::NotOurs);
    }
    for child in root.children() {
        return Ok(match child.name() {
            "success" => Answer::Success,
            "failure" => Answer::Failure(failure(child)),
            "deviceUserResults" => Answer::DeviceUser(
                items(child, "device")
                    .map(|e| {
                        (
                            e.attribute("name").unwrap_or_default().to_owned(),
                            device(e),
                        )
                    })
                    .collect(),
            ),
            "userDevicesResults" => Answer::UserDevices(users(child, |user| state(user, devices))),
            "deviceProfileResults" => Answer::DeviceProfile(users(child, profiles)),
            "checkUserResults" => {
                Answer::CheckUser(users(child, |user| match user.child("exists") {
                    Some(exists) => UserState::Known(id(exists)),
                    None => UserState::Unknown,
                }))
            }
            _ => continue,
        });
    }
    Err(AnswerError::NotOurs)
}

fn items<'d>(parent: Element<'d>, name: &str) -> impl Iterator<Item = Element<'d>> {
    parent.children().filter(move |child| child.name() == name)
}

fn users<T>(results: Element<'_>, what: impl Fn(Element<'_>) -> T) -> Vec<(String, T)> {
    let users = items(results, "user");
    users
        .map(|user| {
            let sent = user.attribute("id").unwrap_or_default();
            (
                unescaped(sent).unwrap_or_else(|| sent.to_owned()),
                what(user),
            )
        })
        .collect()
}

fn state<T>(user: Element<'_>, known: impl Fn(Element<'_>) -> T) -> UserState<T> {
    match user.child("doesNotExist") {
        Some(_) => UserState::Unknown,
        None => UserState::Known(known(user)),
    }
}

fn devices(user: Element<'_>) -> Vec<String> {
    items(user, "deviceName").map(text).collect()
}

fn profiles(user: Element<'_>) -> Result<Vec<ProfileOf>, Failure> {
    if let Some(refused) = user.child("failure") {
        return Err(failure(refused));
    }
    let profiles = items(user, "deviceProfile").map(|profile| ProfileOf {
        name: profile
            .child("deviceProfileName")
            .map(text)
            .unwrap_or_default(),
        is_default: profile
            .child("isDefaultDeviceProfile")
            .is_some_and(|word| ["t", "true"].contains(&text(word).to_ascii_lowercase().as_str())),
    });
    Ok(profiles.collect())
}

/// Who is on a device is told by names; what is not said is not there. [mobility §14]
fn device(element: Element<'_>) -> DeviceState {
    if element.child("doesNotExist").is_some() {
        return DeviceState::Unknown;
    }
    let cross_cluster = element.child("emccDevice").map(text);
    DeviceState::Known(KnownDevice {
        user: element.child("userID").map(id),
        last: element.child("lastlogin").map(id),
        cross_cluster: cross_cluster.map(|word| word.eq_ignore_ascii_case("yes")),
    })
}

fn failure(element: Element<'_>) -> Failure {
    let error = element.child("error");
    let told = error.or_else(|| element.child("errorMessage"));
    let number = error.and_then(|error| error.attribute("code")?.trim().parse().ok());
    Failure {
        code: number.map(Code::from_number),
        text: told.map(text).unwrap_or_default(),
    }
}

fn text(element: Element<'_>) -> String {
    element.text().trim().to_owned()
}

fn id(element: Element<'_>) -> String {
    let text = text(element);
    unescaped(&text).unwrap_or(text)
}
