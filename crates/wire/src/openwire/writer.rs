//! Fields into a frame, in either encoding. [openwire §3]

use super::bits::BitWriter;
use super::cache::WriteCache;
use super::reader::{CAUSES, DEPTH, is_message};
use super::table::Cacheable;
use super::{EncodeError, Entry, Format, Sink, Structure, TEXT_MAX, Text, Throwable};
use bytes::Bytes;

type Result<T> = std::result::Result<T, EncodeError>;

/// A frame that is being written.
pub(super) struct Writer<'a> {
    pub(super) out: &'a mut Vec<u8>,
    pub(super) bits: Option<&'a mut BitWriter>,
    pub(super) cache: Option<&'a mut WriteCache>,
    pub(super) format: Format,
    pub(super) depth: u32,
}

impl Writer<'_> {
    /// A boolean: a bit when tight, else a byte.
    fn flag(&mut self, value: bool) {
        match &mut self.bits {
            Some(bits) => bits.push(value),
            None => self.out.push(u8::from(value)),
        }
    }

    fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    fn count(&mut self, field: &'static str, len: usize) -> Result<()> {
        let count = u16::try_from(len).map_err(|_| EncodeError::TooMany { field, len })?;
        self.raw(&count.to_be_bytes());
        Ok(())
    }

    fn string(&mut self, field: &'static str, text: Option<&Text>) -> Result<()> {
        self.flag(text.is_some());
        let Some(text) = text else { return Ok(()) };
        if let Some(bits) = &mut self.bits {
            bits.push(text.is_plain());
        }
        let bytes = text.to_modified();
        let len = bytes.len();
        if len > TEXT_MAX {
            return Err(EncodeError::TextTooLong { field, len });
        }
        self.raw(&(len as u16).to_be_bytes());
        self.raw(&bytes);
        Ok(())
    }

    /// An object with its type in front. [openwire §3.1]
    fn structure<T: Structure>(&mut self, value: &T) -> Result<()> {
        let (code, version) = (value.code(), self.format.version);
        if value.since() > version {
            return Err(EncodeError::NotInVersion { code, version });
        }
        if code == 1 {
            return Err(EncodeError::Nested);
        }
        if self.depth >= DEPTH {
            return Err(EncodeError::Depth);
        }
        self.raw(&[code]);
        if is_message(code)
            && let Some(bits) = &mut self.bits
        {
            bits.push(false);
        }
        self.depth += 1;
        value.write(self)?;
        self.depth -= 1;
        Ok(())
    }

    fn exception(
        &mut self,
        field: &'static str,
        throwable: Option<&Throwable>,
        causes: u32,
    ) -> Result<()> {
        self.flag(throwable.is_some());
        let Some(throwable) = throwable else {
            return Ok(());
        };
        if causes > CAUSES {
            return Err(EncodeError::Depth);
        }
        self.string(field, throwable.class.as_ref())?;
        self.string(field, throwable.message.as_ref())?;
        if !self.format.stack_traces {
            return Ok(());
        }
        self.count(field, throwable.stack.len())?;
        for frame in &throwable.stack {
            self.string(field, frame.class.as_ref())?;
            self.string(field, frame.method.as_ref())?;
            self.string(field, frame.file.as_ref())?;
            self.raw(&frame.line.to_be_bytes());
        }
        self.exception(field, throwable.cause.as_deref(), causes + 1)
    }
}

impl Sink for Writer<'_> {
    type Error = EncodeError;

    fn version(&self) -> u8 {
        self.format.version
    }

    fn bool(&mut self, _: &'static str, value: bool) -> Result<()> {
        self.flag(value);
        Ok(())
    }

    fn i8(&mut self, _: &'static str, value: i8) -> Result<()> {
        self.raw(&value.to_be_bytes());
        Ok(())
    }

    fn i32(&mut self, _: &'static str, value: i32) -> Result<()> {
        self.raw(&value.to_be_bytes());
        Ok(())
    }

    fn i64(&mut self, _: &'static str, value: i64) -> Result<()> {
        let bytes = value.to_be_bytes();
        let Some(bits) = &mut self.bits else {
            self.raw(&bytes);
            return Ok(());
        };
        let (pair, from) = match value {
            0 => ([false, false], 8),
            1..=0xffff => ([false, true], 6),
            0x1_0000..=0xffff_ffff => ([true, false], 4),
            _ => ([true, true], 0),
        };
        for bit in pair {
            bits.push(bit);
        }
        self.raw(&bytes[from..]);
        Ok(())
    }

    fn text(&mut self, name: &'static str, value: Option<&Text>) -> Result<()> {
        self.string(name, value)
    }

    fn bytes(&mut self, field: &'static str, value: Option<&Bytes>) -> Result<()> {
        self.flag(value.is_some());
        if let Some(bytes) = value {
            let len = bytes.len();
            let count = i32::try_from(len).map_err(|_| EncodeError::TooMany { field, len })?;
            self.raw(&count.to_be_bytes());
            self.raw(bytes);
        }
        Ok(())
    }

    fn object<T: Structure>(&mut self, _: &'static str, value: Option<&T>) -> Result<()> {
        self.flag(value.is_some());
        match value {
            Some(value) => self.structure(value),
            None => Ok(()),
        }
    }

    fn cached<T: Cacheable>(&mut self, name: &'static str, value: Option<&T>) -> Result<()> {
        let Some(cache) = &mut self.cache else {
            return self.object(name, value);
        };
        let entry = value.map_or(Entry::Null, Cacheable::to_entry);
        if let Some(index) = cache.find(&entry) {
            self.flag(false);
            self.raw(&index.to_be_bytes());
            return Ok(());
        }
        if self.bits.is_none() {
            // Loose: an object is numbered before those inside it.
            let index = cache.add(entry);
            self.flag(true);
            self.raw(&index.to_be_bytes());
            return self.object(name, value);
        }
        // Tight: after them, though its index stands in front.
        self.flag(true);
        let place = self.out.len();
        self.raw(&[0; 2]);
        self.object(name, value)?;
        if let Some(cache) = &mut self.cache {
            let index = cache.add(entry);
            self.out[place..place + 2].copy_from_slice(&index.to_be_bytes());
        }
        Ok(())
    }

    fn array<T: Structure>(&mut self, name: &'static str, value: Option<&[T]>) -> Result<()> {
        self.flag(value.is_some());
        let Some(elements) = value else { return Ok(()) };
        self.count(name, elements.len())?;
        for element in elements {
            self.object(name, Some(element))?;
        }
        Ok(())
    }

    fn throwable(&mut self, name: &'static str, value: Option<&Throwable>) -> Result<()> {
        self.exception(name, value, 0)
    }
}
