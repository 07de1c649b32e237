//! Answers in, read as loosely as a client of many server versions must. [webdialer §12]

use super::code::ResponseCode;
use super::types::{Answer, DeviceDetail, DeviceLines, Operation, Outcome};
use crate::soap::Envelope;
use crate::xml::{self, Element, Limits, XmlError};
use std::borrow::Cow;

/// Why an answer gives no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// The server says that it could not understand or serve the request.
    #[error("the server answered with a fault: {string} ({code})")]
    Fault {
        /// `faultcode`, prefix and all.
        code: String,
        /// `faultstring`
        string: String,
    },
    /// The bytes are not XML that we read.
    #[error("the answer is not XML: {0}")]
    Xml(#[from] XmlError),
    /// The XML is not an answer to this operation; what was looked for and not found.
    #[error("the answer is not one to this operation: no {0}")]
    NotThisProtocol(&'static str),
}

/// Reads the answer to an operation, of any dialect.
///
/// Only local names count; references are followed wherever they stand; a list's elements may have
/// any name. Namespaces, types and the order of elements do not matter. [webdialer §12]
///
/// # Errors
/// [`AnswerError`]. A response code other than 0 is not an error here.
pub fn decode_answer(
    operation: Operation,
    body: &[u8],
    content_type: Option<&str>,
) -> Result<Answer, AnswerError> {
    let charset = content_type.and_then(xml::charset_of);
    let document = xml::parse(body, charset, &Limits::ANSWER)?;
    let envelope =
        Envelope::open_answer(&document).ok_or(AnswerError::NotThisProtocol("SOAP envelope"))?;
    let wrapper = envelope.operation();
    if wrapper.name() == "Fault" {
        return Err(fault(&envelope));
    }
    if wrapper.name().strip_suffix("Response") != Some(operation.name()) {
        return Err(AnswerError::NotThisProtocol("response element"));
    }
    let reader = Reader {
        envelope: &envelope,
        result: envelope.children(wrapper).next(),
    };
    match operation {
        Operation::MakeCall => Ok(Answer::MakeCall(reader.outcome()?)),
        Operation::EndCall => Ok(Answer::EndCall(reader.outcome()?)),
        Operation::GetProfile => Ok(Answer::GetProfile {
            outcome: reader.outcome()?,
            devices: reader
                .devices("deviceInfoList")
                .map(|DeviceDetail { name, lines, .. }| DeviceLines { name, lines })
                .collect(),
        }),
        Operation::GetProfileDetail => Ok(Answer::GetProfileDetail {
            outcome: reader.outcome()?,
            devices: reader.devices("deviceInfoListDetail").collect(),
        }),
        Operation::IsClusterUser => match reader.scalar().as_deref().map(str::trim) {
            Some("1") => Ok(Answer::IsClusterUser(true)),
            Some("0") => Ok(Answer::IsClusterUser(false)),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(Answer::IsClusterUser(true)),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(Answer::IsClusterUser(false)),
            _ => Err(AnswerError::NotThisProtocol("true or false")),
        },
        Operation::GetPrimaryLine => {
            let number = reader.scalar().unwrap_or_default();
            Ok(Answer::GetPrimaryLine(number.trim().to_owned()))
        }
    }
}

/// Reads a fault of SOAP 1.1, or of 1.2 as far as its text goes.
fn fault(envelope: &Envelope<'_>) -> AnswerError {
    let [mut code, mut string] = [String::new(), String::new()];
    for child in envelope.children(envelope.operation()) {
        let text = || {
            let inner = child.child("Value").or_else(|| child.child("Text"));
            let text = envelope.text(inner.unwrap_or(child)).unwrap_or_default();
            text.trim().to_owned()
        };
        match child.name() {
            "faultcode" | "Code" => code = text(),
            "faultstring" | "Reason" => string = text(),
            _ => {}
        }
    }
    AnswerError::Fault { code, string }
}

struct Reader<'e, 'd> {
    envelope: &'e Envelope<'d>,
    /// The wrapper's one child.
    result: Option<Element<'d>>,
}

impl<'d> Reader<'_, 'd> {
    fn scalar(&self) -> Option<Cow<'d, str>> {
        self.envelope.text(self.result?)
    }

    fn outcome(&self) -> Result<Outcome, AnswerError> {
        let result = self.result.ok_or(AnswerError::NotThisProtocol("result"))?;
        let mut code = None;
        let mut description = None;
        for field in self.envelope.children(result) {
            match field.name() {
                "responseCode" => {
                    let text = self.envelope.text(field).unwrap_or_default();
                    code = text.trim().parse().ok();
                }
                "responseDescription" | "description" => description = self.envelope.text(field),
                _ => {}
            }
        }
        let code = code.ok_or(AnswerError::NotThisProtocol("response code"))?;
        let code = ResponseCode::from_number(code);
        Ok(match description.as_deref().map(str::trim) {
            None => Outcome::with_text(code, ""),
            Some(text) if text == code.text() => Outcome::from(code),
            Some(text) => Outcome::with_text(code, text.to_owned()),
        })
    }

    /// The devices of a list that is an array (W70, LEG), or repeated by itself (AX2).
    fn devices(&self, list: &'static str) -> impl Iterator<Item = DeviceDetail> {
        self.result
            .into_iter()
            .flat_map(|result| self.envelope.children(result))
            .filter(move |field| field.name() == list)
            .flat_map(|field| {
                let itself = self
                    .envelope
                    .children(field)
                    .any(|child| child.name() == "deviceName");
                let items = (!itself).then(|| self.envelope.children(field));
                items.into_iter().flatten().chain(itself.then_some(field))
            })
            .map(|device| self.device(device))
    }

    fn device(&self, device: Element<'d>) -> DeviceDetail {
        let mut detail = DeviceDetail::default();
        let text = |field| {
            self.envelope
                .text(field)
                .map(Cow::into_owned)
                .unwrap_or_default()
        };
        for field in self.envelope.children(device) {
            match field.name() {
                "deviceName" => detail.name = text(field),
                "phoneDesc" => detail.description = text(field),
                "phoneType" => detail.model = text(field),
                "lines" => {
                    // An array (W70, LEG), or one line of several such elements (AX2).
                    let mut items = self.envelope.children(field).peekable();
                    let itself = items.peek().is_none().then(|| text(field));
                    let lines = items.map(&text).chain(itself);
                    detail.lines.extend(lines.filter(|line| !line.is_empty()));
                }
                _ => {}
            }
        }
        detail
    }
}
