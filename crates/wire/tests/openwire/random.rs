//! Case OW-07: random commands, by the same tables that read frames. [openwire §13.1]

use crate::session::sessions;
use bytes::Bytes;
use cordboard_wire::openwire::fuzz::harness;
use cordboard_wire::openwire::{
    Any, Cacheable, Command, Decoder, Encoder, Format, Source, StackFrame, Structure, Text,
    Throwable,
};
use fastrand::Rng;

/// Where random fields come from.
struct Chance<'a> {
    random: &'a mut Rng,
    format: Format,
    depth: u32,
}

impl Chance<'_> {
    fn some_text(&mut self) -> Text {
        let kinds: [&[u16]; 6] = [
            &[0x41, 0x7f, 1],
            &[0],
            &[0xfc, 0x7ff],
            &[0x20ac, 0xffff],
            &[0xd83d, 0xde00],
            &[0xd83d],
        ];
        let mut units = Vec::new();
        for _ in 0..self.random.usize(..6) {
            let kind = if self.random.bool() {
                0
            } else {
                self.random.usize(..6)
            };
            units.extend_from_slice(kinds[kind]);
        }
        Text::from_units(&units)
    }

    fn any<T: Structure>(&mut self) -> T {
        loop {
            let code = self.random.u8(2..);
            if let Some(mut value) = T::blank(code)
                && value.since() <= self.format.version
            {
                self.depth += 1;
                let Ok(()) = value.read(self);
                self.depth -= 1;
                return value;
            }
        }
    }

    /// Is there to be an object here?
    fn nests(&mut self) -> bool {
        self.depth < 5 && self.random.u32(..self.depth + 2) == 0
    }

    fn exception(&mut self, causes: u32) -> Option<Throwable> {
        if causes == 3 || self.random.bool() {
            return None;
        }
        let Ok(class) = self.text("");
        let Ok(message) = self.text("");
        let mut throwable = Throwable {
            class,
            message,
            ..Throwable::default()
        };
        if self.format.stack_traces {
            for _ in 0..self.random.usize(..4) {
                let [Ok(class), Ok(method), Ok(file)] = [(); 3].map(|()| self.text(""));
                throwable.stack.push(StackFrame {
                    class,
                    method,
                    file,
                    line: self.random.i32(..),
                });
            }
            throwable.cause = self.exception(causes + 1).map(Box::new);
        }
        Some(throwable)
    }
}

type Drawn<T> = Result<T, std::convert::Infallible>;

impl Source for Chance<'_> {
    type Error = std::convert::Infallible;

    fn version(&self) -> u8 {
        self.format.version
    }

    fn bool(&mut self, _: &'static str) -> Drawn<bool> {
        Ok(self.random.bool())
    }

    fn i8(&mut self, _: &'static str) -> Drawn<i8> {
        Ok(self.random.i8(..))
    }

    fn i32(&mut self, _: &'static str) -> Drawn<i32> {
        Ok(self.random.i32(..))
    }

    fn i64(&mut self, _: &'static str) -> Drawn<i64> {
        // Small numbers as often as large ones.
        let shift = self.random.u32(..64);
        Ok(self.random.i64(..) >> shift)
    }

    fn text(&mut self, _: &'static str) -> Drawn<Option<Text>> {
        Ok(self.random.bool().then(|| self.some_text()))
    }

    fn bytes(&mut self, _: &'static str) -> Drawn<Option<Bytes>> {
        let len = self.random.usize(..40);
        Ok(self.random.bool().then(|| {
            let bytes: Vec<u8> = std::iter::repeat_with(|| self.random.u8(..))
                .take(len)
                .collect();
            bytes.into()
        }))
    }

    fn object<T: Structure>(&mut self, _: &'static str) -> Drawn<Option<T>> {
        Ok(self.nests().then(|| self.any()))
    }

    fn cached<T: Cacheable>(&mut self, _: &'static str) -> Drawn<Option<T>> {
        Ok(self.nests().then(|| self.any()))
    }

    fn array<T: Structure>(&mut self, _: &'static str) -> Drawn<Option<Vec<T>>> {
        if !self.nests() {
            return Ok(None);
        }
        let len = self.random.usize(..4);
        Ok(Some((0..len).map(|_| self.any()).collect()))
    }

    fn throwable(&mut self, _: &'static str) -> Drawn<Option<Throwable>> {
        Ok(self.exception(0))
    }
}

#[test]
fn ow_07_what_is_written_is_read_again_and_written_the_same() {
    let mut random = Rng::with_seed(0x07);
    for choice in 0..4 {
        let mut rounds = 0;
        while rounds < 10_000 {
            let format = Format {
                version: random.u8(1..=12),
                tight: choice & 1 != 0,
                cache: (choice & 2 != 0).then(|| random.u16(1..300)),
                stack_traces: random.bool(),
                max_frame: 1 << 20,
            };
            // A connection of some hundred commands, so that its cache fills.
            let (mut encoder, mut again) = (Encoder::new(format), Encoder::new(format));
            let mut decoder = Decoder::new(format);
            for _ in 0..random.usize(1..400) {
                let mut chance = Chance {
                    random: &mut random,
                    format,
                    depth: 0,
                };
                let command: Command = chance.any();
                rounds += 1;
                let (mut frame, mut second) = (Vec::new(), Vec::new());
                encoder.encode(&command, &mut frame).unwrap();
                let frame = Bytes::from(frame);
                let read = decoder.decode(&frame).unwrap().unwrap();
                assert_eq!(read, command, "{format:?}");
                again.encode(&read, &mut second).unwrap();
                assert!(second == frame, "{format:?} {command:?}");
            }
        }
    }
}

#[test]
fn ow_79_random_and_damaged_frames_do_no_harm() {
    let mut random = Rng::with_seed(0x79);
    let sessions = sessions();
    for round in 0..20_000 {
        // Version, encoding and slots of the cache; then frames, as the harness takes them.
        let mut input = vec![random.u8(..) & !3 | (round % 4) as u8, 255];
        if random.u8(..4) == 0 {
            let len = random.usize(..400);
            input.extend(std::iter::repeat_with(|| random.u8(..)).take(len));
        } else {
            let session = random.choice(&sessions).unwrap();
            let format = session.format;
            let switches = u8::from(format.tight)
                | u8::from(format.cache.is_some()) << 1
                | u8::from(format.stack_traces) << 2;
            input[0] = (format.version - 1) << 3 | switches;
            let small = session
                .frames
                .iter()
                .filter(|frame| frame.bytes.len() < 2000);
            let frames: Vec<_> = small.skip(random.usize(..20)).take(6).collect();
            for frame in frames {
                input.extend_from_slice(&frame.bytes);
            }
            for _ in 0..random.usize(..5) {
                let at = random.usize(2..=input.len());
                match input.get_mut(at) {
                    Some(byte) if random.bool() => *byte ^= 1 << random.u8(..8),
                    Some(byte) => *byte = [0, 1, 0x7f, 0x80, 0xff][random.usize(..5)],
                    None => input.push(random.u8(..)),
                }
            }
        }
        harness(&input);
    }
}

#[test]
fn every_type_number_of_the_tables_has_one_name() {
    let names: Vec<&str> = (0..=u8::MAX)
        .filter_map(|code| {
            let any = Any::blank(code)?;
            assert_eq!(any.code(), code);
            Some(any.name())
        })
        .collect();
    // 29 commands, 7 kinds of messages, 21 types that are neither.
    assert_eq!(names.len(), 57, "{names:?}");
}
