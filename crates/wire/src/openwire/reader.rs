//! Fields out of a frame, in either encoding. [openwire §3]

use super::bits::BitReader;
use super::cache::ReadCache;
use super::recent::Recent;
use super::table::Cacheable;
use super::{
    Any, DecodeErrorKind, Entry, Format, Source, StackFrame, Structure, Text, Throwable,
    WireFormatInfo,
};
use bytes::Bytes;

/// Objects within objects, at most. [openwire §10.4]
pub(super) const DEPTH: u32 = 32;

/// Causes of an exception, at most. [openwire §10.4]
pub(super) const CAUSES: u32 = 16;

/// What a decoded command may need beyond twice its frame. [openwire §10.2]
const SLACK: usize = 64 << 10;

/// What a shared text needs beside its bytes.
const TEXT_HEAD: usize = 16;

type Result<T> = std::result::Result<T, DecodeErrorKind>;

/// A frame that is being read.
pub(super) struct Reader<'a> {
    frame: &'a Bytes,
    at: usize,
    bits: Option<BitReader<'a>>,
    format: Format,
    cache: Option<&'a mut ReadCache>,
    recent: &'a mut Recent,
    depth: u32,
    /// Bytes that what is read may still take in memory.
    budget: usize,
}

impl<'a> Reader<'a> {
    /// A reader of everything after the frame's type.
    pub(super) fn new(
        frame: &'a Bytes,
        at: usize,
        format: Format,
        cache: Option<&'a mut ReadCache>,
        recent: &'a mut Recent,
    ) -> Self {
        Self {
            frame,
            at,
            bits: None,
            format,
            cache,
            recent,
            depth: 1,
            budget: 2 * frame.len() + SLACK,
        }
    }

    /// Takes the bits of a tight frame.
    pub(super) fn take_bits(&mut self) -> Result<()> {
        let frame: &'a Bytes = self.frame;
        let (bits, len) = BitReader::take(&frame[self.at..])?;
        self.bits = Some(bits);
        self.at += len;
        Ok(())
    }

    /// How far it has come.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    fn left(&self) -> usize {
        self.frame.len() - self.at
    }

    fn take(&mut self, wanted: usize) -> Result<Bytes> {
        let left = self.left();
        if wanted > left {
            return Err(DecodeErrorKind::Truncated { wanted, left });
        }
        let taken = self.frame.slice(self.at..self.at + wanted);
        self.at += wanted;
        Ok(taken)
    }

    pub(super) fn raw<const N: usize>(&mut self) -> Result<[u8; N]> {
        let left = self.left();
        let Some(bytes) = self.frame[self.at..].first_chunk() else {
            return Err(DecodeErrorKind::Truncated { wanted: N, left });
        };
        self.at += N;
        Ok(*bytes)
    }

    fn spend(&mut self, bytes: usize) -> Result<()> {
        self.budget = self
            .budget
            .checked_sub(bytes)
            .ok_or(DecodeErrorKind::Parts)?;
        Ok(())
    }

    /// A boolean: a bit when tight, else a byte.
    fn flag(&mut self) -> Result<bool> {
        match &mut self.bits {
            Some(bits) => bits.next(),
            None => Ok(self.raw::<1>()? != [0]),
        }
    }

    fn u16(&mut self) -> Result<u16> {
        self.raw().map(u16::from_be_bytes)
    }

    /// A number of elements, each at least one byte long. [openwire §10.2]
    fn count(&mut self) -> Result<usize> {
        let wanted = usize::from(self.u16()?);
        let left = self.left();
        if wanted > left {
            return Err(DecodeErrorKind::Truncated { wanted, left });
        }
        Ok(wanted)
    }

    fn string(&mut self) -> Result<Option<Text>> {
        if !self.flag()? {
            return Ok(None);
        }
        if let Some(bits) = &mut self.bits {
            // Whether it is ASCII: the bytes say it themselves.
            bits.next()?;
        }
        let len = usize::from(self.u16()?);
        let left = self.left();
        let bytes = self.frame[self.at..]
            .get(..len)
            .ok_or(DecodeErrorKind::Truncated { wanted: len, left })?;
        let text = self.recent.text(bytes);
        let text = text.map_err(|_| DecodeErrorKind::NotText)?;
        self.spend(len + TEXT_HEAD)?;
        self.at += len;
        Ok(Some(text))
    }

    /// An object with its type in front. [openwire §3.1]
    fn structure<T: Structure>(&mut self) -> Result<T> {
        let [code] = self.raw()?;
        let Some(mut value) = T::blank(code) else {
            return Err(if Any::blank(code).is_some() {
                let wanted = T::WANTED;
                DecodeErrorKind::WrongType {
                    found: code,
                    wanted,
                }
            } else {
                DecodeErrorKind::UnknownType(code)
            });
        };
        if value.since() > self.format.version {
            return Err(DecodeErrorKind::UnknownType(code));
        }
        if WireFormatInfo::blank(code).is_some() {
            let wanted = "an object that can be nested";
            return Err(DecodeErrorKind::WrongType {
                found: code,
                wanted,
            });
        }
        if self.depth >= DEPTH {
            return Err(DecodeErrorKind::Depth);
        }
        self.spend(value.heap())?;
        if is_message(code)
            && let Some(bits) = &mut self.bits
            && bits.next()?
        {
            return Err(DecodeErrorKind::Premarshalled);
        }
        self.depth += 1;
        value.read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn exception(&mut self, causes: u32) -> Result<Option<Throwable>> {
        if !self.flag()? {
            return Ok(None);
        }
        if causes > CAUSES {
            return Err(DecodeErrorKind::Depth);
        }
        let mut throwable = Throwable {
            class: self.string()?,
            message: self.string()?,
            ..Throwable::default()
        };
        if !self.format.stack_traces {
            return Ok(Some(throwable));
        }
        let count = self.count()?;
        self.spend(count * size_of::<StackFrame>())?;
        throwable.stack.reserve_exact(count);
        for _ in 0..count {
            throwable.stack.push(StackFrame {
                class: self.string()?,
                method: self.string()?,
                file: self.string()?,
                line: self.raw().map(i32::from_be_bytes)?,
            });
        }
        throwable.cause = self.exception(causes + 1)?.map(Box::new);
        Ok(Some(throwable))
    }
}

/// Has the type the extra bit of messages?
pub(super) fn is_message(code: u8) -> bool {
    (23..=29).contains(&code)
}

impl Source for Reader<'_> {
    type Error = DecodeErrorKind;

    fn version(&self) -> u8 {
        self.format.version
    }

    fn bool(&mut self, _: &'static str) -> Result<bool> {
        self.flag()
    }

    fn i8(&mut self, _: &'static str) -> Result<i8> {
        self.raw().map(i8::from_be_bytes)
    }

    fn i32(&mut self, _: &'static str) -> Result<i32> {
        self.raw().map(i32::from_be_bytes)
    }

    fn i64(&mut self, _: &'static str) -> Result<i64> {
        let Some(bits) = &mut self.bits else {
            return self.raw().map(i64::from_be_bytes);
        };
        match (bits.next()?, bits.next()?) {
            (false, false) => Ok(0),
            (false, true) => self.raw().map(|b| i64::from(u16::from_be_bytes(b))),
            (true, false) => self.raw().map(|b| i64::from(u32::from_be_bytes(b))),
            (true, true) => self.raw().map(i64::from_be_bytes),
        }
    }

    fn text(&mut self, _: &'static str) -> Result<Option<Text>> {
        self.string()
    }

    fn bytes(&mut self, _: &'static str) -> Result<Option<Bytes>> {
        if !self.flag()? {
            return Ok(None);
        }
        let len = self.raw().map(i32::from_be_bytes)?;
        let wanted = usize::try_from(len).map_err(|_| DecodeErrorKind::Negative(len))?;
        self.take(wanted).map(Some)
    }

    fn object<T: Structure>(&mut self, _: &'static str) -> Result<Option<T>> {
        if !self.flag()? {
            return Ok(None);
        }
        self.structure().map(Some)
    }

    fn cached<T: Cacheable>(&mut self, name: &'static str) -> Result<Option<T>> {
        if self.cache.is_none() {
            return self.object(name);
        }
        let is_new = self.flag()?;
        let index = self.raw().map(i16::from_be_bytes)?;
        let bad = DecodeErrorKind::CacheIndex(index);
        if !is_new {
            let entry = self.cache.as_ref().and_then(|cache| cache.get(index));
            return match entry.ok_or(bad)? {
                Entry::Null => Ok(None),
                entry => T::from_entry(entry).map(Some).ok_or(bad),
            };
        }
        if !self.cache.as_ref().is_some_and(|cache| cache.has(index)) {
            return Err(bad);
        }
        let value: Option<T> = self.object(name)?;
        let entry = value.as_ref().map_or(Entry::Null, Cacheable::to_entry);
        let kept = self
            .cache
            .as_mut()
            .is_none_or(|cache| cache.put(index, entry));
        kept.then_some(value).ok_or(DecodeErrorKind::CacheFull)
    }

    fn array<T: Structure>(&mut self, _: &'static str) -> Result<Option<Vec<T>>> {
        if !self.flag()? {
            return Ok(None);
        }
        let count = self.count()?;
        self.spend(count * size_of::<T>())?;
        let mut elements = Vec::with_capacity(count);
        for _ in 0..count {
            if !self.flag()? {
                return Err(DecodeErrorKind::NullElement);
            }
            elements.push(self.structure()?);
        }
        Ok(Some(elements))
    }

    fn throwable(&mut self, _: &'static str) -> Result<Option<Throwable>> {
        self.exception(0)
    }
}
