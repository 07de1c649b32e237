//! From the message to the document, as the original's own callers write it. [mobility §14]

use super::{Ask, Certificate, Duration, Message, escaped};
use crate::xml::push_escaped;

/// Writes a message: no declaration, nothing between tags. `raw_ids` leaves user ids unescaped, for releases before 10.
pub fn encode_request(message: &Message, raw_ids: bool) -> String {
    let root = if message.ask.is_request() {
        "request"
    } else {
        "query"
    };
    let mut out = format!("<{root}><appInfo>");
    push(&mut out, "appID", &message.caller.id);
    match &message.caller.certificate {
        Certificate::Password(password) => push(&mut out, "appCertificate", password.expose()),
        Certificate::Encrypted => push(&mut out, "appEncryptedCertificate", ""),
    }
    out.push_str("</appInfo>");
    let name = message.ask.name();
    out.push_str(&format!("<{name}>"));
    let id = |id: &str| if raw_ids { id.to_owned() } else { escaped(id) };
    match &message.ask {
        Ask::Login(login) => {
            push(&mut out, "deviceName", &login.device);
            push(&mut out, "userID", &id(&login.user));
            if let Some(profile) = &login.profile {
                push(&mut out, "deviceProfile", profile);
            }
            match login.duration {
                None => {}
                Some(Duration::Indefinite) => {
                    out.push_str("<exclusiveDuration><indefinite/></exclusiveDuration>");
                }
                Some(Duration::Minutes(minutes)) => {
                    out.push_str(&format!(
                        "<exclusiveDuration><time>{minutes}</time></exclusiveDuration>"
                    ));
                }
            }
        }
        Ask::Logout { device } => push(&mut out, "deviceName", device),
        Ask::LogoutAll => {}
        Ask::DeviceUser(devices) => {
            for device in devices {
                push(&mut out, "deviceName", device);
            }
        }
        Ask::UserDevices(users) | Ask::DeviceProfile(users) | Ask::CheckUser(users) => {
            for user in users {
                push(&mut out, "userID", &id(user));
            }
        }
    }
    if let Some(address) = &message.remote_address {
        push(&mut out, "remoteIPAddr", address);
    }
    if message.via && !matches!(message.ask, Ask::DeviceUser(_) | Ask::UserDevices(_)) {
        push(&mut out, "isViaHeaderSet", "true");
    }
    out.push_str(&format!("</{name}></{root}>"));
    out
}

fn push(out: &mut String, element: &str, text: &str) {
    out.push_str(&format!("<{element}>"));
    push_escaped(out, text);
    out.push_str(&format!("</{element}>"));
}
