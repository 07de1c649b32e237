//! The bodies of messages, deflated ones too. [openwire §5.2, §5.3]

use super::value::{read_big_text, read_stream, write_big_text, write_stream};
use super::{DecodeError, Message, MessageKind, PrimitiveMap, Text, Value};
use bytes::Bytes;
use miniz_oxide::inflate::{TINFLStatus, decompress_to_vec_zlib_with_limit};

/// Most bytes that a body may inflate to. [openwire §10.5]
pub const INFLATED: usize = 16 << 20;

/// How many times its size a body may inflate to. [openwire §10.5]
pub const INFLATED_TIMES: usize = 200;

/// To how many bytes any body may inflate: a harmless text of one word, repeated, is deflated 500 to 1. [openwire §10.5]
pub const INFLATED_ALWAYS: usize = 1 << 20;

/// What a message says.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// Nothing: null, or a kind without a body.
    None,
    /// A text; an empty one is not nothing, though some clients send null for it.
    Text(Text),
    /// Bytes.
    Bytes(Bytes),
    /// Names and values.
    Map(PrimitiveMap),
    /// Values.
    Stream(Vec<Value>),
    /// An object of Java's, as Java serialised it. Never looked into. [openwire §10.1]
    Object(Bytes),
}

/// Why a body cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It is not what its kind says.
    #[error("body: {0}")]
    Malformed(#[from] DecodeError),
    /// It is not deflated, though it says so.
    #[error("body: not a zlib stream")]
    NotDeflated,
    /// It inflates to more than is allowed.
    #[error("body: inflates to more than {0} bytes")]
    TooLarge(usize),
}

impl Message {
    /// A text message; `None` is the null text.
    pub fn text(text: Option<&Text>) -> Self {
        let body = text.map_or(Body::None, |text| Body::Text(text.clone()));
        let mut message = Self {
            kind: MessageKind::Text,
            ..Self::default()
        };
        message.content = body.to_content();
        message
    }

    /// What the message says, inflated if it must be.
    ///
    /// # Errors
    /// When the body is not what its kind says, or too large.
    pub fn body(&self) -> Result<Body, BodyError> {
        self.body_within(INFLATED)
    }

    /// What the message says. A deflated body is inflated to no more than so many bytes.
    ///
    /// # Errors
    /// When the body is not what its kind says, or too large.
    pub fn body_within(&self, most: usize) -> Result<Body, BodyError> {
        let Some(content) = &self.content else {
            return Ok(Body::None);
        };
        let content = match (self.compressed, &self.kind) {
            (false, _) | (_, MessageKind::Plain | MessageKind::Blob(_)) => content.clone(),
            (true, MessageKind::Bytes) => inflate_announced(content, most)?,
            (true, _) => inflate(content, most)?,
        };
        Ok(match self.kind {
            MessageKind::Plain | MessageKind::Blob(_) => Body::None,
            MessageKind::Bytes => Body::Bytes(content),
            MessageKind::Map => PrimitiveMap::read(&content)?.map_or(Body::None, Body::Map),
            MessageKind::Object => Body::Object(content),
            MessageKind::Stream => Body::Stream(read_stream(&content)?),
            MessageKind::Text => read_big_text(&content)?.map_or(Body::None, Body::Text),
        })
    }

    /// The message's properties; without any, an empty map.
    ///
    /// # Errors
    /// When they are no map.
    pub fn properties(&self) -> Result<PrimitiveMap, DecodeError> {
        match &self.marshalled_properties {
            Some(bytes) => Ok(PrimitiveMap::read(bytes)?.unwrap_or_default()),
            None => Ok(PrimitiveMap::default()),
        }
    }

    /// The message's properties, if they are no more than so many values.
    ///
    /// # Errors
    /// When they are no map, or more.
    pub(super) fn properties_within(&self, most: u32) -> Result<PrimitiveMap, DecodeError> {
        match &self.marshalled_properties {
            Some(bytes) => Ok(PrimitiveMap::read_within(bytes, most)?.unwrap_or_default()),
            None => Ok(PrimitiveMap::default()),
        }
    }

    /// Gives the message its properties.
    pub fn set_properties(&mut self, properties: &PrimitiveMap) {
        self.marshalled_properties = (!properties.is_empty()).then(|| properties.to_bytes());
    }
}

impl Body {
    /// The body as it is sent, not deflated.
    pub fn to_content(&self) -> Option<Bytes> {
        match self {
            Self::None => None,
            Self::Text(text) => {
                let mut out = Vec::new();
                write_big_text(text, &mut out);
                Some(out.into())
            }
            Self::Bytes(bytes) | Self::Object(bytes) => Some(bytes.clone()),
            Self::Map(map) => Some(map.to_bytes()),
            Self::Stream(values) => Some(write_stream(values)),
        }
    }
}

/// What so many deflated bytes may become.
fn bound(deflated: usize, most: usize) -> usize {
    deflated
        .saturating_mul(INFLATED_TIMES)
        .clamp(INFLATED_ALWAYS, INFLATED)
        .min(most)
}

fn inflate(deflated: &[u8], most: usize) -> Result<Bytes, BodyError> {
    let bound = bound(deflated.len(), most);
    match decompress_to_vec_zlib_with_limit(deflated, bound) {
        Ok(plain) => Ok(plain.into()),
        Err(error) if error.status == TINFLStatus::HasMoreOutput => Err(BodyError::TooLarge(bound)),
        Err(_) => Err(BodyError::NotDeflated),
    }
}

/// The body of a bytes message: its length, then a stream that may go on beyond it.
fn inflate_announced(content: &Bytes, most: usize) -> Result<Bytes, BodyError> {
    let (len, deflated) = content.split_first_chunk().ok_or(BodyError::NotDeflated)?;
    let bound = bound(deflated.len(), most);
    let wanted = usize::try_from(i32::from_be_bytes(*len)).map_err(|_| BodyError::NotDeflated)?;
    if wanted > bound {
        return Err(BodyError::TooLarge(bound));
    }
    let plain = match decompress_to_vec_zlib_with_limit(deflated, wanted) {
        Ok(plain) => plain,
        Err(error) if error.status == TINFLStatus::HasMoreOutput => error.output,
        Err(_) => return Err(BodyError::NotDeflated),
    };
    Ok(Bytes::from(plain))
}
