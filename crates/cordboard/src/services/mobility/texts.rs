//! Why a message fails, in codes and words. [mobility §9.1]
//!
//! Programs look for some of the words: three phrases must be there, and `success` never.

use cordboard_wire::mobility::{Code, Failure, Refused};
use std::net::IpAddr;

/// A caller's value is repeated up to this length.
const QUOTED: usize = 128;

fn failure(code: Code, text: impl Into<String>) -> Failure {
    Failure {
        code: Some(code),
        text: text.into(),
    }
}

/// The caller's value in quotes, after what it is; `the …` where a program would misread it. [mobility §2.5]
fn named(what: &str, value: &str) -> String {
    match is_misread(value) {
        true => format!("the {what}"),
        false => format!("{what} '{value}'"),
    }
}

/// The caller's value in quotes alone; `what` where a program would misread it.
fn quoted(value: &str, what: &str) -> String {
    match is_misread(value) {
        true => what.to_owned(),
        false => format!("'{value}'"),
    }
}

fn is_misread(value: &str) -> bool {
    value.to_lowercase().contains("success")
        || value.chars().count() > QUOTED
        || value.chars().any(char::is_control)
}

/// There is no document.
pub fn no_field() -> Failure {
    failure(Code::Parse, "Parse Error: no field xml")
}

/// The document is no message.
pub fn refused(refused: &Refused) -> Failure {
    let text = match refused.code {
        Code::UnknownQuery => "DB Query Error: Query type undetermined".to_owned(),
        Code::CrossCluster => "Policy Validation Error: not allowed across clusters".to_owned(),
        _ => format!("Parse Error: {}", refused.reason),
    };
    failure(refused.code, text)
}

/// Neither an id nor a password may be blank.
pub fn blank() -> Failure {
    let text = "Application Authorization Error: blank application id or certificate";
    failure(Code::Unauthorised, text)
}

/// Unknown, wrong password, or locked out: which of them is not told.
pub fn invalid_caller(id: &str, to_query: bool) -> Failure {
    let prefix = if to_query { "DB Query Error: " } else { "" };
    let who = quoted(id, "the caller");
    let text = format!("{prefix}Application Authentication Error: Could not authenticate {who}");
    failure(Code::InvalidCaller, text)
}

/// The directory does not answer.
pub fn directory_down() -> Failure {
    let text = "Directory User Info Error: the directory does not answer";
    failure(Code::Directory, text)
}

/// The caller's account is locked.
pub fn locked() -> Failure {
    failure(
        Code::Directory,
        "Directory User Info Error: the account is locked",
    )
}

/// The caller's password has expired.
pub fn change_password() -> Failure {
    failure(Code::ChangePassword, "Change Password")
}

/// The caller may not act for others.
pub fn no_proxy_rights(id: &str) -> Failure {
    let who = quoted(id, "the caller");
    let text = format!("Policy Validation Error: {who} lacks authentication proxy rights");
    failure(Code::NoProxyRights, text)
}

/// The address is not trusted.
pub fn untrusted(address: IpAddr) -> Failure {
    failure(Code::Untrusted, format!("Untrusted IP Error: {address}"))
}

/// Who is registered cannot be looked up.
pub fn registrations_down() -> Failure {
    failure(Code::RegistrationsDown, "RIS down")
}

/// It came through a proxy.
pub fn through_proxy() -> Failure {
    failure(Code::ThroughProxy, "Proxy not allowed")
}

/// There is no such device.
pub fn no_such_device(name: &str) -> Failure {
    let device = named("device", name);
    failure(
        Code::NoSuchDevice,
        format!("Device Error: {device} does not exist"),
    )
}

/// Extension Mobility is off on the device: one code for logins, one for log-outs.
pub fn disabled(is_login: bool) -> Failure {
    let code = match is_login {
        true => Code::LoginDisabled,
        false => Code::LogoutDisabled,
    };
    failure(
        code,
        "Policy Validation Error: Device does not allow hoteling",
    )
}

/// Somebody is on the device.
pub fn occupied() -> Failure {
    let text = "Policy Validation Error: Phone currently has user logged in";
    failure(Code::Occupied, text)
}

/// Nobody is on the device.
pub fn free(name: &str) -> Failure {
    let device = quoted(name, "the device");
    let text = format!("Policy Validation Error: no user is logged in to {device}");
    failure(Code::Free, text)
}

/// There is no such user here.
pub fn no_such_user(id: &str) -> Failure {
    let user = named("user", id);
    failure(Code::NoSuchUser, format!("User Error: {user} not found"))
}

/// There is no such profile, or none of his.
pub fn no_such_profile(name: &str) -> Failure {
    let profile = named("device profile", name);
    failure(
        Code::NoSuchProfile,
        format!("Device Profile Error: {profile} not found"),
    )
}

/// The user has no profile.
pub fn no_profile(user: &str) -> Failure {
    let user = named("user", user);
    failure(
        Code::NoSuchProfile,
        format!("Device Profile Error: {user} has none"),
    )
}

/// The user is on another device.
pub fn elsewhere(user: &str) -> Failure {
    let user = named("user", user);
    let text = format!("Policy Validation Error: {user} is logged in elsewhere");
    failure(Code::Elsewhere, text)
}

/// The store refused.
pub fn database() -> Failure {
    failure(Code::Database, "Database Error")
}

/// The time of the automatic log-out cannot be set or removed.
pub fn timer(is_login: bool) -> Failure {
    let what = if is_login { "set" } else { "removed" };
    let text = format!("Logout Request Error: the automatic logout cannot be {what}");
    failure(Code::LogoutTimer, text)
}

/// Too many at once.
pub fn busy() -> Failure {
    failure(Code::Busy, "Busy, please try again")
}

/// Anything unforeseen.
pub fn unknown() -> Failure {
    failure(Code::Unknown, "Unknown Error")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every failure that repeats a value, made of this one.
    fn all(value: &str) -> Vec<Failure> {
        vec![
            invalid_caller(value, false),
            invalid_caller(value, true),
            no_proxy_rights(value),
            no_such_device(value),
            free(value),
            no_such_user(value),
            no_such_profile(value),
            no_profile(value),
            elsewhere(value),
        ]
    }

    #[test]
    fn values_are_repeated_and_no_text_says_success_whatever_they_hold() {
        for failure in all("jdoe") {
            assert!(failure.text.contains("'jdoe'"), "{}", failure.text);
        }
        for value in ["success", "a<Success/>", &"x".repeat(500), "a\nb"] {
            for Failure { text, .. } in all(value) {
                assert!(!text.to_lowercase().contains("success"), "{text}");
                assert!(!text.contains(value) && text.len() < 150, "{text}");
            }
        }
    }

    #[test]
    fn the_phrases_that_programs_look_for_stand_where_they_look() {
        assert_eq!(
            invalid_caller("emproxy", true).text,
            "DB Query Error: Application Authentication Error: Could not authenticate 'emproxy'"
        );
        for (failure, phrase) in [
            (disabled(true), "Device does not allow hoteling"),
            (disabled(false), "Device does not allow hoteling"),
            (occupied(), "Phone currently has user logged in"),
        ] {
            assert!(failure.text.find(phrase).is_some_and(|at| at > 0));
        }
    }
}
