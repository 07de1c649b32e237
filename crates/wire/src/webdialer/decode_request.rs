//! Requests in: every quirk that clients in the field are known to have ends here. [webdialer §7]

use super::types::{Credential, Decoded, Dialect, Operation, Request, UserProfile};
use crate::Secret;
use crate::soap::{Envelope, Fault, FaultCode};
use crate::xml::{self, Element, Limits};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::borrow::Cow;

/// Reads a request that was sent to a dialect's address.
///
/// `content_type` and `soap_action` are the values of those headers. Neither chooses the operation:
/// the first is asked for a charset, the second is repeated in Axis2's fault. Every request quirk of
/// [webdialer §7] is understood on every address.
///
/// # Errors
/// The fault to answer with. [webdialer §6.2]
pub fn decode_request(
    dialect: Dialect,
    body: &[u8],
    content_type: Option<&str>,
    soap_action: Option<&str>,
) -> Result<Decoded, Fault> {
    decode(dialect, body, content_type, soap_action).map_err(|fault| match dialect {
        // Axis2 has no `userException`. [webdialer §4.1]
        Dialect::Axis2 if fault.code == FaultCode::UserException => Fault {
            code: FaultCode::Server,
            ..fault
        },
        _ => fault,
    })
}

fn decode(
    dialect: Dialect,
    body: &[u8],
    content_type: Option<&str>,
    soap_action: Option<&str>,
) -> Result<Decoded, Fault> {
    let charset = content_type.and_then(xml::charset_of);
    let document = xml::parse(body, charset, &Limits::REQUEST)?;
    let envelope = Envelope::open_request(&document)?;
    let element = envelope.operation();
    let Some(operation) = Operation::from_name(element.name()) else {
        return Err(match dialect {
            Dialect::Wd70 | Dialect::Legacy => Fault::no_such_operation(element.name()),
            Dialect::Axis2 => Fault::axis2_no_such_operation(
                dialect.service_path(),
                soap_action.map(|action| action.trim().trim_matches('"')),
            ),
        });
    };
    Ok(Decoded {
        request: request(&envelope, operation),
        namespace: element.namespace().map(|uri| {
            Dialect::ALL
                .into_iter()
                .map(Dialect::namespace)
                .find(|known| *known == uri)
                .map_or_else(|| Cow::Owned(uri.to_owned()), Cow::Borrowed)
        }),
    })
}

/// What an argument is called in the three dialects.
type Names = [&'static str; 3];

const CREDENTIAL: Names = ["in0", "cred", "args0"];

fn request(envelope: &Envelope<'_>, operation: Operation) -> Request {
    match operation {
        Operation::MakeCall => {
            let [who, destination, profile] = arguments(
                envelope,
                [
                    CREDENTIAL,
                    ["in1", "dest", "args1"],
                    ["in2", "prof", "args2"],
                ],
            );
            Request::MakeCall {
                credential: credential(envelope, who),
                destination: trimmed(envelope, destination),
                profile: user_profile(envelope, profile),
            }
        }
        Operation::EndCall => {
            let [who, profile] = arguments(envelope, [CREDENTIAL, ["in1", "prof", "args1"]]);
            Request::EndCall {
                credential: credential(envelope, who),
                profile: user_profile(envelope, profile),
            }
        }
        Operation::GetProfile => {
            let [who, user] = arguments(envelope, [CREDENTIAL, ["in1", "userid", "args1"]]);
            Request::GetProfile {
                credential: credential(envelope, who),
                user: trimmed(envelope, user),
            }
        }
        Operation::IsClusterUser => {
            let [user] = arguments(envelope, [["in0", "userid", "args0"]]);
            Request::IsClusterUser {
                user: trimmed(envelope, user),
            }
        }
        Operation::GetProfileDetail => {
            let [who] = arguments(envelope, [CREDENTIAL]);
            Request::GetProfileDetail {
                credential: credential(envelope, who),
            }
        }
        Operation::GetPrimaryLine => {
            let [who] = arguments(envelope, [CREDENTIAL]);
            Request::GetPrimaryLine {
                credential: credential(envelope, who),
            }
        }
    }
}

/// Finds each argument by its name in any dialect, or else by its position. The last of several with
/// one name wins; what is left over is ignored. [webdialer §7]
fn arguments<'d, const N: usize>(
    envelope: &Envelope<'d>,
    names: [Names; N],
) -> [Option<Element<'d>>; N] {
    let mut found = [None; N];
    let mut unnamed = [None; N];
    for (position, argument) in envelope.children(envelope.operation()).enumerate() {
        match names
            .iter()
            .position(|names| names.contains(&argument.name()))
        {
            Some(index) => found[index] = Some(argument),
            None if position < N => unnamed[position] = Some(argument),
            None => {}
        }
    }
    for (slot, argument) in found.iter_mut().zip(unnamed) {
        *slot = slot.or(argument);
    }
    found
}

fn credential<'d>(envelope: &Envelope<'d>, argument: Option<Element<'d>>) -> Credential {
    let mut credential = Credential::default();
    fields(envelope, argument, |name, value| match name {
        "token" => credential.token = trimmed(envelope, value).map(Secret::from),
        "userID" => credential.user_id = trimmed(envelope, value),
        "password" => {
            credential.password = text(envelope, value).map(|text| Secret::new(text.as_ref()));
        }
        _ => {}
    });
    credential
}

fn user_profile<'d>(envelope: &Envelope<'d>, argument: Option<Element<'d>>) -> UserProfile {
    let mut profile = UserProfile::default();
    fields(envelope, argument, |name, value| match name {
        "user" => profile.user = trimmed(envelope, value),
        "deviceName" => profile.device_name = trimmed(envelope, value),
        "lineNumber" => profile.line_number = trimmed(envelope, value),
        "supportEM" => profile.support_em = truth(envelope, value),
        "locale" => profile.locale = trimmed(envelope, value),
        "dontAutoClose" => profile.dont_auto_close = truth(envelope, value),
        "dontShowCallConf" => profile.dont_show_call_conf = truth(envelope, value),
        _ => {}
    });
    profile
}

/// Hands out the fields of a structure: its children, or the pairs of the Map that PHP makes of an
/// array when it has no service description. [webdialer §7]
fn fields<'d>(
    envelope: &Envelope<'d>,
    structure: Option<Element<'d>>,
    mut field: impl FnMut(&str, Option<Element<'d>>),
) {
    let Some(structure) = structure else { return };
    for child in envelope.children(structure) {
        if child.name() != "item" {
            field(child.name(), Some(child));
            continue;
        }
        let [mut key, mut value] = [None; 2];
        for part in envelope.children(child) {
            match part.name() {
                "key" => key = Some(part),
                "value" => value = Some(part),
                _ => {}
            }
        }
        if let Some(key) = text(envelope, key) {
            field(key.trim(), value);
        }
    }
}

/// An argument's text as sent. SOAP::Lite sends what is not ASCII as base64. [webdialer §7]
fn text<'d>(envelope: &Envelope<'d>, argument: Option<Element<'d>>) -> Option<Cow<'d, str>> {
    let element = envelope.resolve(argument?)?;
    let text = envelope.text(element)?;
    let is_base64 = element.attributes().any(|attribute| {
        attribute.prefixed
            && attribute.name == "type"
            && matches!(
                attribute.value.rsplit(':').next(),
                Some("base64Binary" | "base64")
            )
    });
    if is_base64 {
        let packed: String = text.split_ascii_whitespace().collect();
        let decoded = STANDARD.decode(packed).ok();
        let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
        if let Some(decoded) = decoded.filter(|text| text.chars().all(xml::is_char)) {
            return Some(Cow::Owned(decoded));
        }
    }
    Some(text)
}

/// An argument's text without the white space around it; `None` when nothing is left.
fn trimmed<'d>(envelope: &Envelope<'d>, argument: Option<Element<'d>>) -> Option<String> {
    let text = text(envelope, argument)?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// A boolean: whatever is not plainly true is false. [webdialer §7]
fn truth<'d>(envelope: &Envelope<'d>, argument: Option<Element<'d>>) -> bool {
    text(envelope, argument).is_some_and(|text| {
        let text = text.trim();
        text == "1" || text.eq_ignore_ascii_case("true")
    })
}
