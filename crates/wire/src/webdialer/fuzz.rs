//! What must hold for any request, answer and form: see [`harness`], [`answer_harness`] and [`form_harness`].

use super::form::{self, Form};
use super::{
    Answer, Credential, Dialect, Operation, Request, decode_answer, decode_request, encode_answer,
    encode_request,
};
use crate::Secret;
use crate::xml::{Limits, parse};

/// Decodes `data` as a request sent to a dialect's address.
///
/// # Panics
/// When a promise is broken: a request that we write ourselves is understood differently in some
/// dialect, an answer to it cannot be read, or a fault cannot.
pub fn harness(dialect: Dialect, data: &[u8]) {
    let decoded = match decode_request(dialect, data, None, Some("x\"<y")) {
        Ok(decoded) => decoded,
        Err(fault) => {
            let bytes = fault.encode("a<b");
            let read = decode_answer(Operation::MakeCall, &bytes, None);
            assert!(
                matches!(read, Err(super::AnswerError::Fault { .. })),
                "{fault:?} reads as {read:?}"
            );
            return;
        }
    };
    for other in Dialect::ALL {
        let bytes = encode_request(other, &decoded.request);
        // Long values grow when they are escaped, beyond what a request may have.
        if bytes.len() > Limits::REQUEST.bytes {
            continue;
        }
        let again = decode_request(other, &bytes, None, None).map(|again| again.request);
        let mut expected = decoded.request.clone();
        if other == Dialect::Axis2 {
            send_password(&mut expected);
        }
        assert_eq!(again, Ok(expected), "{other:?}");
    }
    let refusal = Answer::refusal(
        decoded.request.operation(),
        super::ResponseCode::ServiceError.into(),
    );
    let bytes = encode_answer(dialect, decoded.namespace.as_deref(), &refusal);
    let read = decode_answer(refusal.operation(), &bytes, None);
    assert_eq!(read, Ok(refusal));
}

/// The document/literal service is always sent a password. [webdialer §4.1]
fn send_password(request: &mut Request) {
    let (Request::MakeCall { credential, .. }
    | Request::EndCall { credential, .. }
    | Request::GetProfile { credential, .. }
    | Request::GetProfileDetail { credential }
    | Request::GetPrimaryLine { credential }) = request
    else {
        return;
    };
    let Credential { password, .. } = credential;
    password.get_or_insert_with(|| Secret::from(""));
}

/// Decodes `data` as an answer to every operation.
///
/// # Panics
/// When an answer that we write ourselves is understood differently in some dialect, or holds white
/// space between its elements.
pub fn answer_harness(data: &[u8]) {
    for operation in Operation::ALL {
        let Ok(answer) = decode_answer(operation, data, None) else {
            continue;
        };
        assert_eq!(answer.operation(), operation);
        for dialect in Dialect::ALL {
            let bytes = encode_answer(dialect, Some(dialect.namespace()), &answer);
            let document = parse(&bytes, None, &Limits::ANSWER);
            assert!(document.is_ok(), "{document:?}");
            assert_eq!(
                decode_answer(operation, &bytes, None).as_ref(),
                Ok(&answer),
                "{dialect:?}"
            );
        }
    }
}

/// Reads `data` as a form: a query in its first line, a body behind.
///
/// # Panics
/// When a promise is broken: more is kept than was sent, a number begins with white space, or a value that we write is read
/// differently.
pub fn form_harness(data: &[u8]) {
    let mut parts = data.splitn(2, |&b| b == b'\n');
    let query = String::from_utf8_lossy(parts.next().unwrap_or_default());
    let form = Form::parse(&query, parts.next().unwrap_or_default());
    if let Some(number) = form.destination() {
        assert_eq!(number, number.trim());
    }
    for name in ["destination", "uid", "permDeviceSelect", "lineNumber"] {
        let Some(value) = form.raw(name) else {
            continue;
        };
        // A byte of Latin-1 becomes two, one that is no UTF-8 in a query three.
        assert!(value.len() <= 6 * data.len(), "{name}");
        let again = Form::parse(&format!("{name}={}", form::encode(value)), b"");
        assert_eq!(again.raw(name), Some(value));
    }
    let _ = (form.device(), form.device_mode(), form.flag("supportEM"));
}
