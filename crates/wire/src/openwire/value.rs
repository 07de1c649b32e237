//! Property maps and the values in them. [openwire §5.1]

use super::{DecodeError, DecodeErrorKind, Text};
use bytes::{Buf, Bytes};

/// Values within values, at most. [openwire §10.4]
const DEPTH: u32 = 32;

/// Values of one map or stream, nested ones included, at most: a null takes one byte there and many here.
const VALUES: u32 = 100_000;

/// From how many UTF-16 units on a text is written as a big one.
const BIG: usize = 8191;

/// A property, or a part of a map or stream body.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Tag 0.
    Null,
    /// Tag 1.
    Bool(bool),
    /// Tag 2.
    Byte(i8),
    /// Tag 3: a UTF-16 unit.
    Char(u16),
    /// Tag 4.
    Short(i16),
    /// Tag 5.
    Int(i32),
    /// Tag 6.
    Long(i64),
    /// Tag 7.
    Double(f64),
    /// Tag 8.
    Float(f32),
    /// Tags 9 and 13.
    Text(Text),
    /// Tag 10.
    Bytes(Bytes),
    /// Tag 11; a map can be null.
    Map(Option<PrimitiveMap>),
    /// Tag 12.
    List(Vec<Self>),
}

/// Names and values, in the sender's order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PrimitiveMap(Vec<(Text, Value)>);

impl PrimitiveMap {
    /// Reads a map; `None` is the null map. Bytes after it are passed over.
    ///
    /// # Errors
    /// What is wrong, and at which of `bytes`.
    pub fn read(bytes: &Bytes) -> Result<Option<Self>, DecodeError> {
        Cursor::new(bytes).whole(|cursor| cursor.map(0))
    }

    /// Reads a map of no more than so many values, nested ones included; `None` is the null map.
    ///
    /// # Errors
    /// What is wrong, and at which of `bytes`.
    pub fn read_within(bytes: &Bytes, most: u32) -> Result<Option<Self>, DecodeError> {
        let mut cursor = Cursor::new(bytes);
        cursor.values = VALUES.saturating_sub(most);
        cursor.whole(|cursor| cursor.map(0))
    }

    /// The value of the entry at a place.
    pub(super) fn value_at(&self, place: usize) -> Option<&Value> {
        self.0.get(place).map(|(_, value)| value)
    }

    /// The value of a name, the last one if there are several.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().rev().find(|(n, _)| n == name).map(|(_, v)| v)
    }

    /// Gives a name its value.
    pub fn insert(&mut self, name: impl Into<Text>, value: Value) {
        let name = name.into();
        match self.0.iter_mut().rev().find(|(n, _)| *n == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }

    /// Names and values in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&Text, &Value)> {
        self.0.iter().map(|(name, value)| (name, value))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The map as it is sent. A name of more than 65535 bytes is cut.
    pub fn to_bytes(&self) -> Bytes {
        let mut out = Vec::new();
        write_map(Some(self), &mut out);
        out.into()
    }
}

impl FromIterator<(Text, Value)> for PrimitiveMap {
    fn from_iter<I: IntoIterator<Item = (Text, Value)>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

/// Reads the values of a stream body, to its end. [openwire §5.2]
pub(super) fn read_stream(bytes: &Bytes) -> Result<Vec<Value>, DecodeError> {
    Cursor::new(bytes).whole(|cursor| {
        let mut values = Vec::new();
        while cursor.rest.has_remaining() {
            values.push(cursor.value(0)?);
        }
        Ok(values)
    })
}

/// Writes the values of a stream body.
pub(super) fn write_stream(values: &[Value]) -> Bytes {
    let mut out = Vec::new();
    for value in values {
        write_value(value, &mut out);
    }
    out.into()
}

/// Reads a text with four bytes of length; -1 is null. [openwire §5.2]
pub(super) fn read_big_text(bytes: &Bytes) -> Result<Option<Text>, DecodeError> {
    Cursor::new(bytes).whole(|cursor| match cursor.int()? {
        -1 => Ok(None),
        len => cursor.text(len).map(Some),
    })
}

/// Writes a text with four bytes of length.
pub(super) fn write_big_text(text: &Text, out: &mut Vec<u8>) {
    let bytes = text.to_modified();
    out.extend(len32(bytes.len()).to_be_bytes());
    out.extend_from_slice(&bytes);
}

/// A length as it stands in front of bytes. Nothing here is two gigabytes long.
fn len32(len: usize) -> i32 {
    i32::try_from(len).expect("frames, and so what is in them, are far below 2 GiB")
}

struct Cursor {
    rest: Bytes,
    len: usize,
    values: u32,
}

impl Cursor {
    fn new(bytes: &Bytes) -> Self {
        Self {
            rest: bytes.clone(),
            len: bytes.len(),
            values: 0,
        }
    }

    fn whole<T>(
        mut self,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeErrorKind>,
    ) -> Result<T, DecodeError> {
        read(&mut self).map_err(|kind| DecodeError {
            kind,
            at: self.len - self.rest.len(),
        })
    }

    fn take(&mut self, wanted: usize) -> Result<Bytes, DecodeErrorKind> {
        let left = self.rest.len();
        if wanted > left {
            return Err(DecodeErrorKind::Truncated { wanted, left });
        }
        Ok(self.rest.split_to(wanted))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeErrorKind> {
        let mut array = [0; N];
        array.copy_from_slice(&self.take(N)?);
        Ok(array)
    }

    fn int(&mut self) -> Result<i32, DecodeErrorKind> {
        self.array().map(i32::from_be_bytes)
    }

    /// Bytes with their length, which must not be negative.
    fn sized(&mut self, len: i32) -> Result<Bytes, DecodeErrorKind> {
        let wanted = usize::try_from(len).map_err(|_| DecodeErrorKind::Negative(len))?;
        self.take(wanted)
    }

    fn text(&mut self, len: i32) -> Result<Text, DecodeErrorKind> {
        Text::read(&self.sized(len)?).map_err(|_| DecodeErrorKind::NotText)
    }

    fn short_text(&mut self) -> Result<Text, DecodeErrorKind> {
        let len = u16::from_be_bytes(self.array()?);
        self.text(i32::from(len))
    }

    /// A number of elements, each of which takes at least so many bytes.
    fn count(&mut self, count: i32, least: usize) -> Result<usize, DecodeErrorKind> {
        let n = usize::try_from(count).map_err(|_| DecodeErrorKind::Negative(count))?;
        let (wanted, left) = (n.saturating_mul(least), self.rest.len());
        if wanted > left {
            return Err(DecodeErrorKind::Truncated { wanted, left });
        }
        Ok(n)
    }

    fn map(&mut self, depth: u32) -> Result<Option<PrimitiveMap>, DecodeErrorKind> {
        let count = self.int()?;
        if count == -1 {
            return Ok(None);
        }
        let mut entries = Vec::new();
        for _ in 0..self.count(count, 3)? {
            let name = self.short_text()?;
            entries.push((name, self.value(depth)?));
        }
        Ok(Some(PrimitiveMap(entries)))
    }

    fn value(&mut self, depth: u32) -> Result<Value, DecodeErrorKind> {
        self.values += 1;
        if self.values > VALUES {
            return Err(DecodeErrorKind::Parts);
        }
        if depth >= DEPTH {
            return Err(DecodeErrorKind::Depth);
        }
        let [tag] = self.array()?;
        Ok(match tag {
            0 => Value::Null,
            1 => Value::Bool(self.array::<1>()? != [0]),
            2 => Value::Byte(i8::from_be_bytes(self.array()?)),
            3 => Value::Char(u16::from_be_bytes(self.array()?)),
            4 => Value::Short(i16::from_be_bytes(self.array()?)),
            5 => Value::Int(self.int()?),
            6 => Value::Long(i64::from_be_bytes(self.array()?)),
            7 => Value::Double(f64::from_be_bytes(self.array()?)),
            8 => Value::Float(f32::from_be_bytes(self.array()?)),
            9 => Value::Text(self.short_text()?),
            10 => {
                let len = self.int()?;
                Value::Bytes(self.sized(len)?)
            }
            11 => Value::Map(self.map(depth + 1)?),
            12 => {
                let count = self.int()?;
                let mut values = Vec::new();
                for _ in 0..self.count(count, 1)? {
                    values.push(self.value(depth + 1)?);
                }
                Value::List(values)
            }
            13 => {
                let len = self.int()?;
                Value::Text(self.text(len)?)
            }
            tag => return Err(DecodeErrorKind::Tag(tag)),
        })
    }
}

fn write_map(map: Option<&PrimitiveMap>, out: &mut Vec<u8>) {
    let Some(PrimitiveMap(entries)) = map else {
        out.extend((-1_i32).to_be_bytes());
        return;
    };
    out.extend(len32(entries.len()).to_be_bytes());
    for (name, value) in entries {
        write_short_text(name, out);
        write_value(value, out);
    }
}

fn write_short_text(text: &Text, out: &mut Vec<u8>) {
    let bytes = text.to_modified();
    let mut len = bytes.len().min(usize::from(u16::MAX));
    while len < bytes.len() && bytes[len] & 0xc0 == 0x80 {
        len -= 1;
    }
    out.extend((len as u16).to_be_bytes());
    out.extend_from_slice(&bytes[..len]);
}

fn write_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(0),
        Value::Bool(value) => out.extend([1, u8::from(*value)]),
        Value::Byte(value) => out.extend([2, *value as u8]),
        Value::Char(value) => tagged(3, &value.to_be_bytes(), out),
        Value::Short(value) => tagged(4, &value.to_be_bytes(), out),
        Value::Int(value) => tagged(5, &value.to_be_bytes(), out),
        Value::Long(value) => tagged(6, &value.to_be_bytes(), out),
        Value::Double(value) => tagged(7, &value.to_be_bytes(), out),
        Value::Float(value) => tagged(8, &value.to_be_bytes(), out),
        Value::Text(text) if text.unit_count() < BIG => {
            out.push(9);
            write_short_text(text, out);
        }
        Value::Text(text) => {
            out.push(13);
            write_big_text(text, out);
        }
        Value::Bytes(bytes) => {
            tagged(10, &len32(bytes.len()).to_be_bytes(), out);
            out.extend_from_slice(bytes);
        }
        Value::Map(map) => {
            out.push(11);
            write_map(map.as_ref(), out);
        }
        Value::List(values) => {
            tagged(12, &len32(values.len()).to_be_bytes(), out);
            for value in values {
                write_value(value, out);
            }
        }
    }
}

fn tagged(tag: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(tag);
    out.extend_from_slice(bytes);
}
