//! What a command takes in memory, by the tables of its fields.

use super::table::{Cacheable, Sink, Structure};
use super::{Command, Message, StackFrame, Text, Throwable};
use bytes::Bytes;
use std::convert::Infallible;

/// What a text takes beside its bytes.
const TEXT: usize = 32;

/// What a command takes in memory, and what is longest in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    /// Bytes that its fields take. A text that several commands share counts for each of them.
    pub bytes: usize,
    /// Bytes of its longest text in modified UTF-8, at most.
    pub longest_text: usize,
}

impl Weight {
    /// Returns the weight of a command. It takes no longer than the number of its fields and list elements.
    pub fn of(command: &Command) -> Self {
        let mut scales = Scales::default();
        let Ok(()) = command.write(&mut scales);
        scales.0.bytes += size_of::<Command>() + command.heap();
        scales.0
    }

    /// Returns the weight of a message.
    pub fn of_message(message: &Message) -> Self {
        let mut scales = Scales::default();
        let Ok(()) = message.write(&mut scales);
        scales.0.bytes += size_of::<Message>();
        scales.0
    }
}

#[derive(Default)]
struct Scales(Weight);

impl Scales {
    fn add(&mut self, text: Option<&Text>) {
        let Some(text) = text else {
            return;
        };
        let (stored, written) = text.sizes();
        self.0.bytes += TEXT + stored;
        self.0.longest_text = self.0.longest_text.max(written);
    }

    fn add_frame(&mut self, frame: &StackFrame) {
        self.0.bytes += size_of::<StackFrame>();
        self.add(frame.class.as_ref());
        self.add(frame.method.as_ref());
        self.add(frame.file.as_ref());
    }
}

impl Sink for Scales {
    type Error = Infallible;

    fn version(&self) -> u8 {
        u8::MAX
    }

    fn bool(&mut self, _: &'static str, _: bool) -> Result<(), Infallible> {
        Ok(())
    }

    fn i8(&mut self, _: &'static str, _: i8) -> Result<(), Infallible> {
        Ok(())
    }

    fn i32(&mut self, _: &'static str, _: i32) -> Result<(), Infallible> {
        Ok(())
    }

    fn i64(&mut self, _: &'static str, _: i64) -> Result<(), Infallible> {
        Ok(())
    }

    fn text(&mut self, _: &'static str, value: Option<&Text>) -> Result<(), Infallible> {
        self.add(value);
        Ok(())
    }

    fn bytes(&mut self, _: &'static str, value: Option<&Bytes>) -> Result<(), Infallible> {
        self.0.bytes += value.map_or(0, Bytes::len);
        Ok(())
    }

    fn object<T: Structure>(
        &mut self,
        _: &'static str,
        value: Option<&T>,
    ) -> Result<(), Infallible> {
        let Some(value) = value else {
            return Ok(());
        };
        self.0.bytes += value.heap();
        value.write(self)
    }

    fn cached<T: Cacheable>(
        &mut self,
        name: &'static str,
        value: Option<&T>,
    ) -> Result<(), Infallible> {
        self.object(name, value)
    }

    fn array<T: Structure>(
        &mut self,
        name: &'static str,
        value: Option<&[T]>,
    ) -> Result<(), Infallible> {
        let all = value.unwrap_or_default();
        self.0.bytes += size_of_val(all);
        all.iter().try_for_each(|one| self.object(name, Some(one)))
    }

    fn throwable(
        &mut self,
        _: &'static str,
        mut value: Option<&Throwable>,
    ) -> Result<(), Infallible> {
        while let Some(exception) = value {
            self.0.bytes += size_of::<Throwable>();
            self.add(exception.class.as_ref());
            self.add(exception.message.as_ref());
            exception
                .stack
                .iter()
                .for_each(|frame| self.add_frame(frame));
            value = exception.cause.as_deref();
        }
        Ok(())
    }
}
