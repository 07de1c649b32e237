use super::*;
use crate::Secret;
use crate::soap::{ENVELOPE_NS, XSI_NS};

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../../testdata/webdialer/", $name, ".xml")).as_slice()
    };
}

fn decode(dialect: Dialect, body: &[u8]) -> Decoded {
    decode_request(dialect, body, Some("text/xml; charset=utf-8"), None).unwrap()
}

fn bill() -> Credential {
    Credential {
        token: None,
        user_id: Some("bill".to_owned()),
        password: Some(Secret::from("123")),
    }
}

fn profile(line: Option<&str>) -> UserProfile {
    UserProfile {
        user: Some("bill".to_owned()),
        device_name: Some("SEPF01FAF38ABC2".to_owned()),
        line_number: line.map(str::to_owned),
        ..UserProfile::default()
    }
}

fn make_call(profile: UserProfile) -> Request {
    Request::MakeCall {
        credential: bill(),
        destination: Some("1002".to_owned()),
        profile,
    }
}

mod answers;
mod requests;

/// A body in a SOAP 1.1 envelope that declares `xsi` and nothing else.
fn envelope(body: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"{ENVELOPE_NS}\" xmlns:xsi=\"{XSI_NS}\"><s:Body>{body}</s:Body></s:Envelope>"
    )
}

fn request(body: &str) -> Request {
    decode(Dialect::Wd70, envelope(body).as_bytes()).request
}
