//! The forms a server takes the document in. [mobility §2.3]

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use std::str::FromStr;

/// How the document is sent. The forms by GET put the password into the address, where servers and proxies log it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// POST, url-encoded: what every release takes.
    #[default]
    Post,
    /// POST, a part of multipart/form-data.
    Multipart,
    /// GET, encoded in the query.
    Get,
    /// GET, with the tags as they are in the query; only what would be cut off or changed on the way is escaped.
    GetRaw,
}

/// A word that names no form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no form: post, multipart, get or get-raw")]
pub struct UnknownForm(String);

impl FromStr for Form {
    type Err = UnknownForm;

    /// Reads `post`, `multipart`, `get`, `get-raw`.
    fn from_str(word: &str) -> Result<Self, UnknownForm> {
        match word.to_ascii_lowercase().as_str() {
            "post" => Ok(Self::Post),
            "multipart" => Ok(Self::Multipart),
            "get" => Ok(Self::Get),
            "get-raw" => Ok(Self::GetRaw),
            _ => Err(UnknownForm(word.to_owned())),
        }
    }
}

impl Form {
    /// How many names a query may list: a request line holds some 8 KiB, a body 2 MiB.
    pub(super) fn names_at_once(self) -> usize {
        match self {
            Self::Post | Self::Multipart => 500,
            Self::Get | Self::GetRaw => 25,
        }
    }
}

/// The document as a pair of a url-encoded form.
pub(super) fn pair(document: &str) -> String {
    format!("xml={}", utf8_percent_encode(document, NON_ALPHANUMERIC))
}

/// What an unescaped value loses: a blank ends the target, `#` the query, `&` the value; `+` and `%` mean something else.
const LOST: &AsciiSet = &CONTROLS.add(b' ').add(b'#').add(b'&').add(b'+').add(b'%');

/// The document as a pair whose tags are left as they are.
pub(super) fn raw_pair(document: &str) -> String {
    format!("xml={}", utf8_percent_encode(document, LOST))
}

/// The document as a part of a multipart body: the content type, the body.
pub(super) fn multipart(document: &str) -> (String, String) {
    let boundary = loop {
        let boundary = format!("cordboard-{:016x}", fastrand::u64(..));
        if !document.contains(&boundary) {
            break boundary;
        }
    };
    let body = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"xml\"\r\nContent-Type: text/plain; charset=UTF-8\r\n\r\n\
         {document}\r\n--{boundary}--\r\n"
    );
    (format!("multipart/form-data; boundary={boundary}"), body)
}
