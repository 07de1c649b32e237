//! The filter between a socket and an HTTP library.

use super::chunked::Chunked;
use super::head::{Framing, HeadFacts};

/// How large the head of a message may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    /// Bytes of request line and headers as received. Escaping may make up to three times as many of
    /// them, so the library behind the filter needs a buffer of that size.
    pub bytes: usize,
    /// Header lines.
    pub headers: usize,
}

impl Default for HeadLimits {
    /// 32 KiB and 100 headers: Extension Mobility requests travel in the request line.
    fn default() -> Self {
        Self {
            bytes: 32 * 1024,
            headers: 100,
        }
    }
}

/// Why a connection must be closed: nobody can say for certain where the next message would begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The request line has no method, target or version.
    #[error("malformed request line")]
    RequestLine,
    /// A method that would turn the connection into something else.
    #[error("method not supported")]
    Method,
    /// A version other than HTTP/1.0 and HTTP/1.1.
    #[error("HTTP version not supported")]
    Version,
    /// A header line that is none.
    #[error("malformed header line")]
    HeaderLine,
    /// A header line that continues the one before.
    #[error("folded header line")]
    FoldedHeader,
    /// A carriage return that is not part of a line end.
    #[error("bare carriage return")]
    BareReturn,
    /// A Content-Length that is no number.
    #[error("malformed Content-Length")]
    ContentLength,
    /// Several values of Content-Length.
    #[error("conflicting Content-Length headers")]
    ConflictingLengths,
    /// Both Content-Length and Transfer-Encoding.
    #[error("both Content-Length and Transfer-Encoding")]
    LengthAndChunks,
    /// No Host header in HTTP/1.1, several of them, or one that names no host.
    #[error("missing, repeated or malformed Host header")]
    Host,
    /// A transfer coding other than one `chunked`.
    #[error("transfer coding not supported")]
    TransferEncoding,
    /// A chunk that is not written as chunks are.
    #[error("malformed chunk")]
    Chunk,
    /// More bytes of head than allowed.
    #[error("request head too large")]
    HeadTooLarge,
    /// More header lines than allowed.
    #[error("too many header lines")]
    TooManyHeaders,
}

impl FrameError {
    /// The HTTP status that reports the error to the sender before the connection is closed.
    pub fn status(self) -> u16 {
        match self {
            Self::HeadTooLarge | Self::TooManyHeaders => 431,
            Self::Method | Self::TransferEncoding => 501,
            Self::Version => 505,
            _ => 400,
        }
    }
}

/// Turns what clients send into what an HTTP library understands, and knows where each message ends.
///
/// Bytes go in by [`push`](Self::push) in pieces of any size; what comes out does not depend on how
/// they were cut. A head comes out when it is whole, with its request line repaired and its line
/// ends CRLF; bodies pass as they are. After an error the connection must be closed: what came out
/// before it is sound, but of the message in hand the body may be missing its end. Behind a message that
/// ends its connection (`Connection: close`, or HTTP/1.0 without `keep-alive`) nothing comes out any more.
///
/// ```
/// use cordboard_wire::http::HeadFilter;
///
/// let mut filter = HeadFilter::default();
/// let mut out = Vec::new();
/// filter.push(b"GET /e?xml=<a b=\"c\"> HTTP/1.1\r\nHost: x\r\n\r\n", &mut out).unwrap();
/// assert_eq!(out, b"GET /e?xml=%3Ca%20b=%22c%22%3E HTTP/1.1\r\nHost: x\r\n\r\n");
/// assert!(filter.at_message_boundary());
/// ```
#[derive(Debug)]
pub struct HeadFilter {
    limits: HeadLimits,
    state: State,
    /// The head line being read.
    line: Vec<u8>,
    /// The head so far, as it will come out.
    head: Vec<u8>,
    head_bytes: usize,
    header_lines: usize,
    facts: HeadFacts,
    /// The message in hand is the last one of its connection.
    last: bool,
    messages: u64,
}

#[derive(Debug)]
enum State {
    /// Between messages; how many bytes of empty lines have been skipped.
    Boundary(usize),
    /// In a request line or header line.
    Head,
    /// In a body, so many bytes to go.
    Length(u64),
    Chunked(Chunked),
    /// Behind the last message: bytes are dropped.
    Ended,
    Failed {
        error: FrameError,
        in_body: bool,
    },
}

/// Some clients send a line end after a body; more than this many bytes of them is not that.
const SLACK: usize = 8;

impl Default for HeadFilter {
    fn default() -> Self {
        Self::new(HeadLimits::default())
    }
}

impl HeadFilter {
    /// A filter for a new connection.
    pub fn new(limits: HeadLimits) -> Self {
        Self {
            limits,
            state: State::Boundary(0),
            line: Vec::new(),
            head: Vec::new(),
            head_bytes: 0,
            header_lines: 0,
            facts: HeadFacts::default(),
            last: false,
            messages: 0,
        }
    }

    /// Takes bytes from the socket and appends to `out` what the library may read.
    ///
    /// # Errors
    /// The connection is to be closed; every later call says the same again.
    pub fn push(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        let result = self.run(input, out);
        if let Err(error) = result
            && !matches!(self.state, State::Failed { .. })
        {
            let in_body = self.in_body();
            self.state = State::Failed { error, in_body };
        }
        result
    }

    /// Whether a head has begun and is not whole yet.
    pub fn in_head(&self) -> bool {
        matches!(self.state, State::Head)
    }

    /// Whether a head is whole and its body is not.
    pub fn in_body(&self) -> bool {
        matches!(self.state, State::Length(_) | State::Chunked(_))
    }

    /// Returns `true` if no message is in hand, so also for a new connection and behind the last message of one.
    pub fn at_message_boundary(&self) -> bool {
        matches!(self.state, State::Boundary(_) | State::Ended)
    }

    /// Returns `true` if the last message of the connection is complete. Whatever comes behind it is dropped.
    pub fn has_ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    /// Returns `true` if the head of the malformed message was sound and has come out, and its body is malformed.
    pub fn has_failed_in_body(&self) -> bool {
        matches!(self.state, State::Failed { in_body: true, .. })
    }

    /// How many messages have begun. Tells two of them apart that are in the same state.
    pub fn messages_begun(&self) -> u64 {
        self.messages
    }

    fn run(&mut self, mut input: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        while let Some(&first) = input.first() {
            match &mut self.state {
                State::Failed { error, .. } => return Err(*error),
                State::Ended => return Ok(()),
                State::Boundary(skipped) => {
                    if !matches!(first, b'\r' | b'\n') {
                        self.state = State::Head;
                        self.messages += 1;
                        continue;
                    }
                    *skipped += 1;
                    if *skipped > SLACK {
                        return Err(FrameError::RequestLine);
                    }
                    input = &input[1..];
                }
                State::Head => {
                    let newline = input.iter().position(|&byte| byte == b'\n');
                    let (piece, rest) = match newline {
                        Some(at) => (&input[..at], &input[at + 1..]),
                        None => (input, &[][..]),
                    };
                    self.head_bytes += input.len() - rest.len();
                    if self.head_bytes > self.limits.bytes {
                        return Err(FrameError::HeadTooLarge);
                    }
                    input = rest;
                    if newline.is_none() {
                        self.line.extend_from_slice(piece);
                    } else if self.line.is_empty() {
                        self.head_line(piece, out)?;
                    } else {
                        let mut line = std::mem::take(&mut self.line);
                        line.extend_from_slice(piece);
                        let result = self.head_line(&line, out);
                        line.clear();
                        self.line = line;
                        result?;
                    }
                }
                State::Length(left) => {
                    let step =
                        usize::try_from(*left).map_or(input.len(), |left| left.min(input.len()));
                    out.extend_from_slice(&input[..step]);
                    input = &input[step..];
                    *left -= step as u64;
                    if *left == 0 {
                        self.state = self.after_message();
                    }
                }
                State::Chunked(chunked) => {
                    let (step, end) = chunked.take(input, &self.limits);
                    out.extend_from_slice(&input[..step]);
                    input = &input[step..];
                    if end? {
                        self.state = self.after_message();
                    }
                }
            }
        }
        match self.state {
            State::Failed { error, .. } => Err(error),
            _ => Ok(()),
        }
    }

    /// The state behind the message in hand, which is complete.
    fn after_message(&self) -> State {
        match self.last {
            true => State::Ended,
            false => State::Boundary(0),
        }
    }

    /// Takes a whole line of the head, without its line feed.
    fn head_line(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.contains(&b'\r') {
            return Err(FrameError::BareReturn);
        }
        if self.head.is_empty() {
            self.facts.request_line(line, &mut self.head)?;
            self.head.extend_from_slice(b"\r\n");
            return Ok(());
        }
        if !line.is_empty() {
            self.header_lines += 1;
            if self.header_lines > self.limits.headers {
                return Err(FrameError::TooManyHeaders);
            }
            if self.facts.header_line(line, &mut self.head)? {
                self.head.extend_from_slice(b"\r\n");
            }
            return Ok(());
        }
        let framing = self.facts.framing()?;
        self.last = self.facts.is_last();
        self.state = match framing {
            Framing::None => self.after_message(),
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::Chunked(Chunked::new()),
        };
        self.head.extend_from_slice(b"\r\n");
        out.extend_from_slice(&self.head);
        self.head.clear();
        self.head_bytes = 0;
        self.header_lines = 0;
        self.facts = HeadFacts::default();
        Ok(())
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
