//! Frames in and out: one [`Decoder`] and one [`Encoder`] for each connection. [openwire §2.1]

use super::bits::BitWriter;
use super::cache::{ReadCache, WriteCache};
use super::reader::Reader;
use super::recent::Recent;
use super::wire_format::MAGIC;
use super::writer::Writer;
use super::{
    Command, Data, DecodeError, DecodeErrorKind, EncodeError, FIRST_FRAME, Format, Message,
    MessageDispatch, Structure, WireFormatInfo,
};
use bytes::Bytes;
use std::sync::Arc;

/// Bytes of a frame's size.
pub const SIZE_LEN: usize = 4;

/// How long a whole frame is that begins with these four bytes, those included.
///
/// Ask this before anything more is read or reserved. `limit` is the agreed [`Format::max_frame`]; before the
/// sender is known, [`FIRST_FRAME`]. [openwire §2.5]
///
/// # Errors
/// When no frame can begin so.
pub fn frame_len(size: [u8; SIZE_LEN], limit: u32) -> Result<usize, DecodeError> {
    let size = i32::from_be_bytes(size);
    let kind = match u32::try_from(size) {
        Err(_) | Ok(0) => DecodeErrorKind::Size(size),
        Ok(size) if size > limit => DecodeErrorKind::TooLong { size, limit },
        Ok(size) => return Ok(SIZE_LEN + size as usize),
    };
    Err(DecodeError { kind, at: 0 })
}

/// The encoding before the peers agreed on one: only a `WireFormatInfo` can be read or written.
const UNSETTLED: Format = Format {
    version: 0,
    tight: false,
    cache: None,
    stack_traces: false,
    max_frame: FIRST_FRAME,
};

/// Reads the frames that come in on one connection.
///
/// After an error the two sides no longer know the same: the connection is to be closed.
#[derive(Clone, Debug)]
pub struct Decoder {
    format: Format,
    cache: Option<ReadCache>,
    recent: Recent,
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            format: UNSETTLED,
            cache: None,
            recent: Recent::default(),
        }
    }
}

impl Decoder {
    /// A decoder of frames in this encoding, its cache empty.
    pub fn new(format: Format) -> Self {
        Self {
            format,
            cache: format.cache.map(ReadCache::new),
            recent: Recent::default(),
        }
    }

    /// From now on frames come in this encoding.
    pub fn settle(&mut self, format: Format) {
        *self = Self::new(format);
    }

    /// Takes larger frames from now on, or smaller ones only: [`FIRST_FRAME`] until the sender is known.
    pub fn set_max_frame(&mut self, max_frame: u32) {
        self.format.max_frame = max_frame;
    }

    /// The encoding.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Reads one whole frame, its size included. `None` is the null command, which means nothing.
    ///
    /// Bodies and properties share the frame's memory, so that whoever keeps a message keeps its frame. Never more than twice the frame and 64 KiB are reserved.
    ///
    /// # Errors
    /// What is wrong, and where in the frame.
    pub fn decode(&mut self, frame: &Bytes) -> Result<Option<Command>, DecodeError> {
        let fail = |kind, at| Err(DecodeError { kind, at });
        let Some(size) = frame.first_chunk() else {
            return fail(DecodeErrorKind::NotWhole, 0);
        };
        if frame_len(*size, self.format.max_frame)? != frame.len() {
            return fail(DecodeErrorKind::NotWhole, 0);
        }
        let code = frame[SIZE_LEN];
        if code == 0 {
            return match frame.len() {
                5 => Ok(None),
                _ => fail(DecodeErrorKind::Trailing, 5),
            };
        }
        let Some(mut command) = Command::blank(code) else {
            let kind = match Data::blank(code) {
                Some(_) => DecodeErrorKind::NotACommand(code),
                None => DecodeErrorKind::UnknownType(code),
            };
            return fail(kind, SIZE_LEN);
        };
        let is_info = matches!(command, Command::WireFormatInfo(_));
        if !is_info && self.format.version == UNSETTLED.version {
            return fail(DecodeErrorKind::TooEarly(code), SIZE_LEN);
        }
        if !is_info && command.since() > self.format.version {
            return fail(DecodeErrorKind::UnknownType(code), SIZE_LEN);
        }
        let (cache, recent) = (self.cache.as_mut(), &mut self.recent);
        let mut reader = Reader::new(frame, SIZE_LEN + 1, self.format, cache, recent);
        let read = read(&mut command, &mut reader, self.format.tight && !is_info);
        let at = reader.at();
        match read {
            Err(kind) => fail(kind, at),
            Ok(()) if at < frame.len() => fail(DecodeErrorKind::Trailing, at),
            Ok(()) => Ok(Some(command)),
        }
    }
}

fn read(
    command: &mut Command,
    reader: &mut Reader<'_>,
    tight: bool,
) -> Result<(), DecodeErrorKind> {
    if tight {
        reader.take_bits()?;
    }
    if matches!(command, Command::WireFormatInfo(_)) && reader.raw()? != MAGIC {
        return Err(DecodeErrorKind::Magic);
    }
    command.read(reader)
}

/// Writes the frames that go out on one connection.
#[derive(Clone, Debug)]
pub struct Encoder {
    format: Format,
    cache: Option<WriteCache>,
    bits: BitWriter,
    scratch: Vec<u8>,
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new(UNSETTLED)
    }
}

impl Encoder {
    /// An encoder of frames in this encoding, its cache empty.
    pub fn new(format: Format) -> Self {
        Self {
            format,
            cache: format.cache.map(WriteCache::new),
            bits: BitWriter::default(),
            scratch: Vec::new(),
        }
    }

    /// From now on frames go out in this encoding.
    pub fn settle(&mut self, format: Format) {
        *self = Self::new(format);
    }

    /// The encoding.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Adds the command's frame to `out`. When it cannot be written, `out` and the cache are as before.
    ///
    /// # Errors
    /// Why it cannot be written. The next command can.
    pub fn encode(&mut self, command: &Command, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let start = out.len();
        let written = match command {
            Command::WireFormatInfo(info) => write_info(info, out),
            _ => self.write(command, out),
        };
        let written = written.and_then(|()| finish(start, self.format.max_frame, out));
        match (&written, &mut self.cache) {
            (Ok(()), Some(cache)) => cache.keep_frame(),
            (Err(_), Some(cache)) => cache.undo_frame(),
            (_, None) => {}
        }
        if written.is_err() {
            out.truncate(start);
        }
        written
    }

    /// Writes a frame whose size is not filled in yet.
    fn write(&mut self, command: &Command, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let (code, version) = (command.code(), self.format.version);
        if version == UNSETTLED.version {
            return Err(EncodeError::TooEarly(code));
        }
        if command.since() > version {
            return Err(EncodeError::NotInVersion { code, version });
        }
        if let Some(cache) = &mut self.cache {
            cache.begin_frame();
        }
        self.bits.clear();
        self.scratch.clear();
        out.extend([0, 0, 0, 0, code]);
        let tight = self.format.tight;
        let mut writer = Writer {
            out: if tight { &mut self.scratch } else { out },
            bits: tight.then_some(&mut self.bits),
            cache: self.cache.as_mut(),
            format: self.format,
            depth: 1,
        };
        command.write(&mut writer)?;
        if tight {
            let (header, len) = self.bits.header().ok_or(EncodeError::Bits)?;
            out.extend_from_slice(&header[..len]);
            out.extend_from_slice(self.bits.bytes());
            out.extend_from_slice(&self.scratch);
            // A large body must not stay here for good.
            self.scratch.shrink_to(FIRST_FRAME as usize);
        }
        Ok(())
    }
}

/// A message that is already encoded, to be dispatched to many. [openwire §11]
#[derive(Clone, Debug)]
pub struct Prepared {
    version: u8,
    stack_traces: bool,
    /// Type and fields, in loose encoding.
    bytes: Bytes,
}

impl Encoder {
    /// Encodes a message for many consumers; `None` when this encoding does not allow it: frames with a cache depend
    /// on those before them, and tight ones have their bits apart.
    ///
    /// # Errors
    /// Why the message cannot be written.
    pub fn prepare(&mut self, message: &Arc<Message>) -> Result<Option<Prepared>, EncodeError> {
        if self.format.tight || self.cache.is_some() {
            return Ok(None);
        }
        let dispatch = MessageDispatch {
            message: Some(Arc::clone(message)),
            ..MessageDispatch::default()
        };
        let mut frame = Vec::new();
        self.encode(&dispatch.into(), &mut frame)?;
        // Before it: size, type, number, no answer, no consumer, no destination, a message; after it: the counter.
        let (from, to) = (SIZE_LEN + 1 + 4 + 1 + 1 + 1 + 1, frame.len() - 4);
        Ok(Some(Prepared {
            version: self.format.version,
            stack_traces: self.format.stack_traces,
            bytes: Bytes::copy_from_slice(&frame[from..to]),
        }))
    }

    /// Adds the frame of a dispatch whose message is `prepared`, whatever message it has itself. `false` and nothing
    /// added when the message was prepared for another encoding.
    ///
    /// # Errors
    /// As [`Encoder::encode`].
    pub fn encode_prepared(
        &mut self,
        dispatch: &MessageDispatch,
        prepared: &Prepared,
        out: &mut Vec<u8>,
    ) -> Result<bool, EncodeError> {
        let format = self.format;
        let same =
            (format.version, format.stack_traces) == (prepared.version, prepared.stack_traces);
        if !same || format.tight || self.cache.is_some() {
            return Ok(false);
        }
        let start = out.len();
        let head = MessageDispatch {
            message: None,
            ..dispatch.clone()
        };
        self.encode(&head.into(), out)?;
        // That no message is there, and the counter.
        out.truncate(out.len() - 1 - 4);
        out.push(1);
        out.extend_from_slice(&prepared.bytes);
        out.extend(dispatch.redelivery_counter.to_be_bytes());
        finish(start, format.max_frame, out).map(|()| true)
    }
}

/// Fills in the size of the frame that begins at `start`, or takes the frame away again.
fn finish(start: usize, limit: u32, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let size = out.len() - start - SIZE_LEN;
    match u32::try_from(size) {
        Ok(fits) if fits <= limit => {
            out[start..start + SIZE_LEN].copy_from_slice(&fits.to_be_bytes());
            Ok(())
        }
        _ => {
            out.truncate(start);
            Err(EncodeError::TooLong { size, limit })
        }
    }
}

/// The one frame that is the same in every encoding.
fn write_info(info: &WireFormatInfo, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    out.extend([0, 0, 0, 0, info.code()]);
    out.extend(MAGIC);
    let mut writer = Writer {
        out,
        bits: None,
        cache: None,
        format: UNSETTLED,
        depth: 1,
    };
    info.write(&mut writer)
}
