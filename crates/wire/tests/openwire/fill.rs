//! Fills the types from JSON, field by field, by the protocol's names.

use crate::json::Json;
use bytes::Bytes;
use cordboard_wire::openwire::{
    Any, Cacheable, Command, Source, StackFrame, Structure, Text, Throwable, WireFormatInfo,
};

/// The number of a type.
fn code_of(name: &str) -> u8 {
    let named = |code: &u8| Any::blank(*code).is_some_and(|any| any.name() == name);
    (1..=u8::MAX)
        .find(named)
        .unwrap_or_else(|| panic!("a type {name}"))
}

/// The command of a line's `fields`, as this version has it. Every name must be there, and no other; but when
/// `lacking` the version may lack some of the names.
pub(crate) fn command(fields: &Json, version: u8, lacking: bool) -> Command {
    let mut fields = fields.clone();
    if let Json::Map(entries) = &mut fields
        && entries[0].1.str() == WireFormatInfo::WANTED
    {
        let magic = entries.remove(1);
        assert_eq!(magic.1, Json::Text(Text::from("hex:4163746976654d51")));
    }
    structure(&fields, version, lacking)
}

fn structure<T: Structure>(json: &Json, version: u8, lacking: bool) -> T {
    let name = json.get("@").unwrap().str();
    let mut value = T::blank(code_of(name)).unwrap_or_else(|| panic!("{name} as {}", T::WANTED));
    let mut fill = Fill {
        json,
        version,
        lacking,
        used: 1,
    };
    let Ok(()) = value.read(&mut fill);
    if let Json::Map(entries) = json {
        assert!(
            lacking || fill.used == entries.len(),
            "unused names in {json:?}"
        );
    }
    value
}

struct Fill<'a> {
    json: &'a Json,
    version: u8,
    lacking: bool,
    used: usize,
}

impl<'a> Fill<'a> {
    fn field(&mut self, name: &str) -> &'a Json {
        self.used += 1;
        // The library writes this one so from version 6 on.
        let misspelt = || {
            self.json
                .get("SubcriptionName")
                .filter(|_| name == "SubscriptionName")
        };
        self.json
            .get(name)
            .or_else(misspelt)
            .unwrap_or_else(|| panic!("{name} in {:?}", self.json))
    }

    fn small<T: TryFrom<i64>>(&mut self, name: &str) -> T {
        T::try_from(self.field(name).int()).ok().unwrap()
    }
}

fn text(json: &Json) -> Option<Text> {
    match json {
        Json::Null => None,
        Json::Text(text) => Some(text.clone()),
        other => panic!("{other:?} is no text"),
    }
}

fn throwable(json: &Json) -> Option<Throwable> {
    let Json::Map(_) = json else {
        assert_eq!(json, &Json::Null);
        return None;
    };
    let stack = match json.get("stack") {
        Some(Json::List(frames)) => frames.iter().map(stack_frame).collect(),
        other => {
            assert_eq!(other, None);
            Vec::new()
        }
    };
    Some(Throwable {
        class: text(json.get("class").unwrap()),
        message: text(json.get("message").unwrap()),
        stack,
        cause: json.get("cause").and_then(throwable).map(Box::new),
    })
}

fn stack_frame(json: &Json) -> StackFrame {
    let Json::List(parts) = json else {
        panic!("{json:?} is no stack frame");
    };
    StackFrame {
        class: text(&parts[0]),
        method: text(&parts[1]),
        file: text(&parts[2]),
        line: i32::try_from(parts[3].int()).unwrap(),
    }
}

pub(crate) fn hex(digits: &str) -> Vec<u8> {
    let byte = |n| u8::from_str_radix(&digits[n..n + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(byte).collect()
}

type Filled<T> = Result<T, std::convert::Infallible>;

impl Source for Fill<'_> {
    type Error = std::convert::Infallible;

    fn version(&self) -> u8 {
        self.version
    }

    fn bool(&mut self, name: &'static str) -> Filled<bool> {
        match self.field(name) {
            Json::Bool(value) => Ok(*value),
            other => panic!("{name} is {other:?}"),
        }
    }

    fn i8(&mut self, name: &'static str) -> Filled<i8> {
        Ok(self.small(name))
    }

    fn i32(&mut self, name: &'static str) -> Filled<i32> {
        Ok(self.small(name))
    }

    fn i64(&mut self, name: &'static str) -> Filled<i64> {
        Ok(self.small(name))
    }

    fn text(&mut self, name: &'static str) -> Filled<Option<Text>> {
        Ok(text(self.field(name)))
    }

    fn bytes(&mut self, name: &'static str) -> Filled<Option<Bytes>> {
        Ok(match self.field(name) {
            Json::Null => None,
            json => Some(Bytes::from(hex(json.str().strip_prefix("hex:").unwrap()))),
        })
    }

    fn object<T: Structure>(&mut self, name: &'static str) -> Filled<Option<T>> {
        let (version, lacking) = (self.version, self.lacking);
        Ok(match self.field(name) {
            Json::Null => None,
            json => Some(structure(json, version, lacking)),
        })
    }

    fn cached<T: Cacheable>(&mut self, name: &'static str) -> Filled<Option<T>> {
        self.object(name)
    }

    fn array<T: Structure>(&mut self, name: &'static str) -> Filled<Option<Vec<T>>> {
        let (version, lacking) = (self.version, self.lacking);
        Ok(match self.field(name) {
            Json::List(list) => Some(
                list.iter()
                    .map(|json| structure(json, version, lacking))
                    .collect(),
            ),
            json => {
                assert_eq!(json, &Json::Null);
                None
            }
        })
    }

    fn throwable(&mut self, name: &'static str) -> Filled<Option<Throwable>> {
        Ok(throwable(self.field(name)))
    }
}
