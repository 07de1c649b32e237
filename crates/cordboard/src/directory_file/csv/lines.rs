//! Lines as an editor counts them. The table reader's own count lags behind line ends of two characters and blank lines.

use std::collections::VecDeque;
use std::io::{self, Read};

/// Notes where lines end in what is read through it, until they are counted.
#[derive(Debug)]
pub struct Lined<R> {
    inner: R,
    read: u64,
    /// Where carriage returns and line feeds stand that are not counted yet; the latter end a line.
    ends: VecDeque<(u64, bool)>,
    line: u64,
}

impl<R> Lined<R> {
    /// Reads through this.
    pub fn new(inner: R) -> Self {
        Self {
            inner,
            read: 0,
            ends: VecDeque::new(),
            line: 1,
        }
    }

    /// The line of the row that the table reader began to look for at a byte; bytes only rise.
    pub fn line_at(&mut self, byte: u64) -> u64 {
        let mut begin = byte;
        // Line ends before the row: those that were read, and those that the reader passes over to reach it.
        while let Some(&(at, ends_line)) = self.ends.front()
            && at <= begin
        {
            self.ends.pop_front();
            self.line += u64::from(ends_line);
            if at == begin {
                begin += 1;
            }
        }
        self.line
    }
}

impl<R: Read> Read for Lined<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        for (at, byte) in (self.read..).zip(&buffer[..count]) {
            if matches!(byte, b'\r' | b'\n') {
                self.ends.push_back((at, *byte == b'\n'));
            }
        }
        self.read += u64::try_from(count).unwrap_or(u64::MAX);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_stands_in_the_line_that_an_editor_shows_whatever_ends_the_lines() {
        for text in [
            "a,b\n1,x\n\n2,\"y\nz\"\n3,x",
            "a,b\r\n1,x\r\n\r\n2,\"y\r\nz\"\r\n3,x\r\n",
        ] {
            let mut reader = csv::ReaderBuilder::new().from_reader(Lined::new(text.as_bytes()));
            let mut record = csv::ByteRecord::new();
            reader.byte_headers().unwrap();
            let mut lines = Vec::new();
            while reader.read_byte_record(&mut record).unwrap() {
                let byte = record.position().unwrap().byte();
                lines.push(reader.get_mut().line_at(byte));
            }
            assert_eq!(lines, [2, 4, 6], "{text:?}");
        }
    }
}
