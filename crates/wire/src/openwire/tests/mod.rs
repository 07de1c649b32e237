//! Conformance cases of the codec that need no captured bytes. [openwire §13]

mod encodings;
mod hostile;
mod negotiation;

use super::{Command, DecodeErrorKind, Decoder, Encoder, Format};
use bytes::Bytes;

/// Version 12 with everything switched off.
const PLAIN: Format = Format {
    version: 12,
    tight: false,
    cache: None,
    stack_traces: false,
    max_frame: 1 << 20,
};

const TIGHT: Format = Format {
    tight: true,
    ..PLAIN
};

/// The frame of a command.
fn frame(command: impl Into<Command>, format: Format) -> Vec<u8> {
    let mut frame = Vec::new();
    let written = Encoder::new(format).encode(&command.into(), &mut frame);
    written.expect("a command that can be written");
    frame
}

/// The command of a frame.
fn decode(frame: &[u8], format: Format) -> Result<Option<Command>, DecodeErrorKind> {
    let read = Decoder::new(format).decode(&Bytes::copy_from_slice(frame));
    read.map_err(|error| error.kind)
}

/// A frame of these bytes.
fn sized(body: &[u8]) -> Vec<u8> {
    let mut frame = (body.len() as u32).to_be_bytes().to_vec();
    frame.extend_from_slice(body);
    frame
}
