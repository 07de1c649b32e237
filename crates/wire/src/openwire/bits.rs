//! The booleans of a tight frame, eight to a byte. [openwire §3.3]

use super::error::DecodeErrorKind;

/// Collects booleans.
#[derive(Clone, Debug, Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    used: usize,
}

impl BitWriter {
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.used = 0;
    }

    pub(super) fn push(&mut self, bit: bool) {
        if self.used.is_multiple_of(8) {
            self.bytes.push(0);
        }
        if let Some(last) = self.bytes.last_mut() {
            *last |= u8::from(bit) << (self.used % 8);
        }
        self.used += 1;
    }

    /// The number of bytes as it stands in front of them; `None` when there are too many.
    pub(super) fn header(&self) -> Option<([u8; 3], usize)> {
        let n = u16::try_from(self.bytes.len()).ok()?;
        let [high, low] = n.to_be_bytes();
        Some(match n {
            0..=63 => ([low, 0, 0], 1),
            64..=255 => ([0xc0, low, 0], 2),
            256.. => ([0x80, high, low], 3),
        })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Hands out the booleans of a frame.
#[derive(Clone, Debug)]
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    used: usize,
}

impl<'a> BitReader<'a> {
    /// Takes the stream at the beginning of `bytes`, and says how long it is with its header.
    pub(super) fn take(bytes: &'a [u8]) -> Result<(Self, usize), DecodeErrorKind> {
        let byte = |n: usize| {
            bytes
                .get(n)
                .copied()
                .map(usize::from)
                .ok_or(DecodeErrorKind::Truncated {
                    wanted: n + 1,
                    left: bytes.len(),
                })
        };
        let (len, header) = match byte(0)? {
            n @ 0..=63 => (n, 1),
            0xc0 => (byte(1)?, 2),
            0x80 => (byte(1)? << 8 | byte(2)?, 3),
            odd => return Err(DecodeErrorKind::BitHeader(odd as u8)),
        };
        let left = bytes.len() - header;
        let bits = bytes
            .get(header..header + len)
            .ok_or(DecodeErrorKind::Truncated { wanted: len, left })?;
        let stream = Self {
            bytes: bits,
            used: 0,
        };
        Ok((stream, header + len))
    }

    pub(super) fn next(&mut self) -> Result<bool, DecodeErrorKind> {
        let byte = self
            .bytes
            .get(self.used / 8)
            .ok_or(DecodeErrorKind::NoBits)?;
        let bit = byte >> (self.used % 8) & 1 == 1;
        self.used += 1;
        Ok(bit)
    }
}
