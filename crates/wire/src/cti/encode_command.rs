//! From a command to JMSType and body, and what of a body may be shown. [cti §3, §8]

use super::arguments::{Arguments, joined, trimmed};
use super::{Body, Command, CommandMessage, Format, Verb};
use crate::Secret;

/// Writes a command: JMSType without blanks, names in the vendor's letter case, the body never null.
///
/// The other headers are the sender's to fill in.
pub fn encode_command(command: &Command) -> CommandMessage {
    let who = match command {
        Command::Hello { destination, .. } | Command::Beat { destination } => destination.as_str(),
        other => other
            .agent()
            .map(super::AgentId::as_str)
            .unwrap_or_default(),
    };
    CommandMessage {
        jms_type: Some(format!("{}#{who}", command.verb().word())),
        body: Body::Text(Some(body_of(command))),
        ..CommandMessage::default()
    }
}

fn body_of(command: &Command) -> String {
    match command {
        Command::Hello { format, .. } => format.map(Format::word).unwrap_or_default().to_owned(),
        Command::Connect {
            destination,
            password,
            single_sign_on,
            ..
        } => {
            let text = |secret: &Option<Secret>| {
                let secret = secret.as_ref().map(Secret::expose);
                secret.unwrap_or_default().to_owned()
            };
            let (password, sso) = (text(password), text(single_sign_on));
            let all = [destination.as_str(), &password, &sso];
            let count = match (password.is_empty(), sso.is_empty()) {
                (_, false) => 3,
                (false, true) => 2,
                (true, true) => 1,
            };
            joined(&all[..count])
        }
        Command::Login(login) => login.body(),
        Command::MakeCall { number, .. } => number.to_string(),
        Command::AnswerCall { connection, .. }
        | Command::ReleaseCall { connection, .. }
        | Command::HoldCall { connection, .. }
        | Command::RetrieveCall { connection, .. }
        | Command::GetDialogState { connection, .. } => connection.to_string(),
        Command::BlindTransfer {
            number, connection, ..
        }
        | Command::ConsultCall {
            number, connection, ..
        }
        | Command::DropParticipant {
            number, connection, ..
        } => format!("{number},{connection}"),
        Command::TransferCall {
            number, connection, ..
        }
        | Command::ConferenceCall {
            number, connection, ..
        } => match number {
            Some(number) => format!("{number},{connection}"),
            None => connection.to_string(),
        },
        Command::SendDtmf {
            tones, connection, ..
        } => format!("{},{connection}", tones.as_str()),
        Command::MakeNotReadyWithReason { reason, .. } => joined(&[reason.as_str()]),
        Command::Beat { .. }
        | Command::Logout { .. }
        | Command::GetState { .. }
        | Command::MakeReady { .. }
        | Command::MakeNotReady { .. } => String::new(),
    }
}

/// What a log or a journal may show of a body, whether the command was understood or not. [cti §8]
///
/// Of a login only a first argument that cannot be a password: alone, or with two others behind it. With one other it may be
/// the sister product's password and extension. Commands that are unknown are treated like logins, they may be misspelt.
pub fn masked_body(jms_type: Option<&str>, body: &str) -> String {
    const MASK: &str = "••••";
    let name = jms_type.and_then(|text| text.split('#').next());
    let verb = name.map(trimmed).and_then(Verb::of);
    // Tones may be somebody's PIN at a bank.
    if verb == Some(Verb::SendDtmf) {
        return body
            .split_once(',')
            .map_or(MASK.to_owned(), |(_, id)| format!("{MASK},{id}"));
    }
    if verb.is_some_and(|verb| !matches!(verb, Verb::Login | Verb::Connect)) {
        return body.to_owned();
    }
    match Arguments::of(body).without_format() {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [_, _] if verb != Some(Verb::Connect) => MASK.to_owned(),
        [first, ..] => format!("{first},{MASK}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_shows_no_secret_of_a_login() {
        for (kind, body, shown) in [
            ("SendDTMF#42031", "1234#,16777217", "••••,16777217"),
            ("SendDTMF#42031", "1234#", "••••"),
            ("Login#42031", "cc.a", "cc.a"),
            ("Login#42031", "cc.a,agent42031,12345", "cc.a,••••"),
            ("login # 42031", "{cc.a,agent42031,12345,json}", "cc.a,••••"),
            ("Login#42031", "12345,42031", "••••"),
            ("Login#42031", "cc.a,json", "cc.a"),
            ("Login#42031", "json", ""),
            ("Login#42031", "a,b,c,d,e,f,g,h,i,j", "a,••••"),
            ("Connect#42031", "cc.a,12345", "cc.a,••••"),
            ("Logn#42031", "12345,42031", "••••"),
            ("Login", "12345,42031", "••••"),
            ("MakeCall#42031", "42032", "42032"),
            ("Transfer_sst#42031", "42032,7", "42032,7"),
        ] {
            assert_eq!(masked_body(Some(kind), body), shown, "{kind} {body}");
        }
        assert_eq!(masked_body(None, "12345,42031"), "••••");
    }
}
