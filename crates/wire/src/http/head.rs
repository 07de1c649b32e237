//! Request lines and header lines: what is repaired, what is refused, what they say about the body.

use super::filter::FrameError;

/// How the body of a message is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    None,
    Length(u64),
    Chunked,
}

/// What the headers of one message have said about its body and its connection so far.
#[derive(Debug, Default)]
pub(super) struct HeadFacts {
    /// HTTP/1.0, which has no chunks and ends the connection unless it asks for more.
    old_version: bool,
    content_length: Option<u64>,
    chunked: bool,
    /// Number of Host headers.
    hosts: usize,
    /// `Connection: close`.
    close: bool,
    /// `Connection: keep-alive`.
    keep_alive: bool,
}

impl HeadFacts {
    /// Repairs a request line into `out`, without a line end.
    ///
    /// The target is everything between the method and the last ` HTTP/`; in it every byte that an
    /// HTTP library would refuse is escaped.
    pub(super) fn request_line(
        &mut self,
        line: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), FrameError> {
        let space = line
            .iter()
            .position(|&byte| byte == b' ')
            .ok_or(FrameError::RequestLine)?;
        let (method, rest) = line.split_at(space);
        if method.is_empty() || method.len() > 32 || !method.iter().copied().all(is_token) {
            return Err(FrameError::RequestLine);
        }
        // A tunnel has no messages that we could frame.
        if method == b"CONNECT" {
            return Err(FrameError::Method);
        }
        let marker = rest
            .windows(6)
            .rposition(|window| window == b" HTTP/")
            .ok_or(FrameError::RequestLine)?;
        let version = &rest[marker + 6..];
        self.old_version = match version.trim_ascii_end() {
            b"1.1" => false,
            b"1.0" => true,
            _ => return Err(FrameError::Version),
        };
        let target = rest[..marker].trim_ascii();
        if target.is_empty() {
            return Err(FrameError::RequestLine);
        }
        out.extend_from_slice(method);
        out.push(b' ');
        for &byte in target {
            if is_target(byte) {
                out.push(byte);
            } else {
                const HEX: &[u8; 16] = b"0123456789ABCDEF";
                out.extend([
                    b'%',
                    HEX[usize::from(byte >> 4)],
                    HEX[usize::from(byte & 15)],
                ]);
            }
        }
        out.extend_from_slice(if self.old_version {
            b" HTTP/1.0"
        } else {
            b" HTTP/1.1"
        });
        Ok(())
    }

    /// Checks a header line and copies it to `out`, without a line end.
    ///
    /// A second Content-Length that agrees with the first is dropped.
    pub(super) fn header_line(
        &mut self,
        line: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<bool, FrameError> {
        let (name, value) = split_header(line)?;
        if name.eq_ignore_ascii_case(b"content-length") {
            let length = parse_length(value)?;
            match self.content_length {
                Some(before) if before == length => return Ok(false),
                Some(_) => return Err(FrameError::ConflictingLengths),
                None => self.content_length = Some(length),
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(FrameError::TransferEncoding);
            }
            self.chunked = true;
        } else if name.eq_ignore_ascii_case(b"host") {
            self.hosts += 1;
            if self.hosts > 1 || !value.iter().copied().all(is_host) {
                return Err(FrameError::Host);
            }
        } else if name.eq_ignore_ascii_case(b"connection") {
            for option in value.split(|&byte| byte == b',') {
                let option = option.trim_ascii();
                self.close |= option.eq_ignore_ascii_case(b"close");
                self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
            }
        }
        out.extend_from_slice(line);
        Ok(true)
    }

    /// Returns `true` if no message may follow this one on its connection (RFC 9112 §9.6).
    pub(super) fn is_last(&self) -> bool {
        self.close || (self.old_version && !self.keep_alive)
    }

    /// How the body is framed, once the head is whole.
    pub(super) fn framing(&self) -> Result<Framing, FrameError> {
        match (self.chunked, self.content_length) {
            (true, Some(_)) => Err(FrameError::LengthAndChunks),
            (true, None) if self.old_version => Err(FrameError::TransferEncoding),
            _ if self.hosts == 0 && !self.old_version => Err(FrameError::Host),
            (true, None) => Ok(Framing::Chunked),
            (false, None | Some(0)) => Ok(Framing::None),
            (false, Some(length)) => Ok(Framing::Length(length)),
        }
    }
}

/// Splits a header line into name and value, white space around the value removed.
pub(super) fn split_header(line: &[u8]) -> Result<(&[u8], &[u8]), FrameError> {
    if line
        .first()
        .is_some_and(|byte| matches!(byte, b' ' | b'\t'))
    {
        return Err(FrameError::FoldedHeader);
    }
    let colon = line
        .iter()
        .position(|&byte| byte == b':')
        .ok_or(FrameError::HeaderLine)?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    let name_is_fine = !name.is_empty() && name.iter().copied().all(is_token);
    let value_is_fine = value
        .iter()
        .all(|&byte| byte == b'\t' || (byte >= 0x20 && byte != 0x7F));
    if !name_is_fine || !value_is_fine {
        return Err(FrameError::HeaderLine);
    }
    Ok((name, value.trim_ascii()))
}

fn parse_length(value: &[u8]) -> Result<u64, FrameError> {
    let digits = !value.is_empty() && value.len() <= 18 && value.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(value)
        .ok()
        .filter(|_| digits)
        .and_then(|text| text.parse().ok())
        .ok_or(FrameError::ContentLength)
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Returns `true` if a byte may stand in a Host header: those of a name, an address and a port (RFC 3986 §3.2).
fn is_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:[]".contains(&byte) || byte >= 0x80
}

/// Whether a byte may stand in a request target as it is.
fn is_target(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"\"#<>\\^`{|}".contains(&byte)
}
