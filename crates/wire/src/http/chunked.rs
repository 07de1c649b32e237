//! Strict reading of the chunked coding: syntax only, the bytes pass as they are.

use super::filter::{FrameError, HeadLimits};
use super::head::split_header;

/// Bytes of a line that tells a chunk's size, extensions included.
const SIZE_LINE: usize = 256;

/// Where in a chunked body the connection is.
#[derive(Debug)]
pub(super) struct Chunked {
    state: State,
    /// The line being read, where there is one, without its CRLF.
    line: Vec<u8>,
    /// Bytes and lines of the trailer so far.
    trailer_bytes: usize,
    trailer_lines: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In the line with the size.
    Size,
    /// In the data, so many bytes to go.
    Data(u64),
    /// At the line end after the data; whether its CR has come.
    DataEnd(bool),
    /// After the last chunk.
    Trailer,
}

impl Chunked {
    pub(super) fn new() -> Self {
        Self {
            state: State::Size,
            line: Vec::new(),
            trailer_bytes: 0,
            trailer_lines: 0,
        }
    }

    /// Takes as much of `input` as belongs to the body: how many bytes are sound, then whether they
    /// end the body, or what is wrong with the next one.
    pub(super) fn take(
        &mut self,
        input: &[u8],
        limits: &HeadLimits,
    ) -> (usize, Result<bool, FrameError>) {
        let mut at = 0;
        while let Some(&byte) = input.get(at) {
            if let State::Data(left) = self.state {
                let rest = input.len() - at;
                let step = usize::try_from(left).map_or(rest, |left| left.min(rest));
                at += step;
                self.state = match left - step as u64 {
                    0 => State::DataEnd(false),
                    left => State::Data(left),
                };
                continue;
            }
            match self.syntax(byte, limits) {
                Ok(false) => at += 1,
                Ok(true) => return (at + 1, Ok(true)),
                Err(error) => return (at, Err(error)),
            }
        }
        (at, Ok(false))
    }

    /// Takes a byte that is not data; says whether it ends the body.
    fn syntax(&mut self, byte: u8, limits: &HeadLimits) -> Result<bool, FrameError> {
        match self.state {
            State::DataEnd(false) if byte == b'\r' => self.state = State::DataEnd(true),
            State::DataEnd(true) if byte == b'\n' => self.state = State::Size,
            State::DataEnd(_) | State::Data(_) => return Err(FrameError::Chunk),
            State::Size => {
                if self.line_byte(byte, SIZE_LINE, FrameError::Chunk)? {
                    let size = chunk_size(&self.line)?;
                    self.line.clear();
                    self.state = if size == 0 {
                        State::Trailer
                    } else {
                        State::Data(size)
                    };
                }
            }
            State::Trailer => {
                self.trailer_bytes += 1;
                if self.trailer_bytes > limits.bytes {
                    return Err(FrameError::HeadTooLarge);
                }
                if self.line_byte(byte, limits.bytes, FrameError::HeadTooLarge)? {
                    if self.line.is_empty() {
                        return Ok(true);
                    }
                    self.trailer_line(limits)?;
                }
            }
        }
        Ok(false)
    }

    fn trailer_line(&mut self, limits: &HeadLimits) -> Result<(), FrameError> {
        self.trailer_lines += 1;
        if self.trailer_lines > limits.headers {
            return Err(FrameError::TooManyHeaders);
        }
        let (name, _) = split_header(&self.line)?;
        let framing: [&[u8]; 2] = [b"content-length", b"transfer-encoding"];
        if framing.iter().any(|other| name.eq_ignore_ascii_case(other)) {
            return Err(FrameError::HeaderLine);
        }
        self.line.clear();
        Ok(())
    }

    /// Adds a byte to the line; says whether that ended it. Lines end in CRLF and nothing else.
    fn line_byte(
        &mut self,
        byte: u8,
        most: usize,
        too_long: FrameError,
    ) -> Result<bool, FrameError> {
        let after_return = self.line.last() == Some(&b'\r');
        match byte {
            b'\n' if after_return => {
                self.line.pop();
                return Ok(true);
            }
            b'\n' => return Err(FrameError::Chunk),
            _ if after_return => return Err(FrameError::BareReturn),
            _ => {}
        }
        if self.line.len() > most {
            return Err(too_long);
        }
        self.line.push(byte);
        Ok(false)
    }
}

/// Reads the size from its line; what follows a semicolon is nobody's business but must be printable.
fn chunk_size(line: &[u8]) -> Result<u64, FrameError> {
    let (digits, extension) = match line.iter().position(|&byte| byte == b';') {
        Some(at) => line.split_at(at),
        None => (line, &[][..]),
    };
    let printable = |byte: &u8| *byte == b'\t' || (*byte >= 0x20 && *byte != 0x7F);
    let fine = (1..=15).contains(&digits.len())
        && digits.iter().all(u8::is_ascii_hexdigit)
        && extension.iter().all(printable);
    std::str::from_utf8(digits)
        .ok()
        .filter(|_| fine)
        .and_then(|text| u64::from_str_radix(text, 16).ok())
        .ok_or(FrameError::Chunk)
}
