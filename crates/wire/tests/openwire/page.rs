//! The tables of the page and those of the code, field by field, in every version. [openwire §4]

use bytes::Bytes;
use cordboard_wire::openwire::{Any, Cacheable, Source, Structure, Text, Throwable};

const PAGE: &str = include_str!("../../../../docs/protocols/openwire.md");

/// Notes which fields are asked for.
struct Recorder {
    version: u8,
    asked: Vec<String>,
}

impl Recorder {
    fn note<T: Default>(&mut self, name: &str, kind: &str) -> Result<T, std::convert::Infallible> {
        self.asked.push(format!("{name}:{kind}"));
        Ok(T::default())
    }
}

type Noted<T> = Result<T, std::convert::Infallible>;

impl Source for Recorder {
    type Error = std::convert::Infallible;

    fn version(&self) -> u8 {
        self.version
    }

    fn bool(&mut self, name: &'static str) -> Noted<bool> {
        self.note(name, "bool")
    }

    fn i8(&mut self, name: &'static str) -> Noted<i8> {
        self.note(name, "i8")
    }

    fn i32(&mut self, name: &'static str) -> Noted<i32> {
        self.note(name, "i32")
    }

    fn i64(&mut self, name: &'static str) -> Noted<i64> {
        self.note(name, "i64")
    }

    fn text(&mut self, name: &'static str) -> Noted<Option<Text>> {
        self.note(name, "str")
    }

    fn bytes(&mut self, name: &'static str) -> Noted<Option<Bytes>> {
        self.note(name, "bytes")
    }

    fn object<T: Structure>(&mut self, name: &'static str) -> Noted<Option<T>> {
        self.note(name, "obj")
    }

    fn cached<T: Cacheable>(&mut self, name: &'static str) -> Noted<Option<T>> {
        self.note(name, "cobj")
    }

    fn array<T: Structure>(&mut self, name: &'static str) -> Noted<Option<Vec<T>>> {
        self.note(name, "arr")
    }

    fn throwable(&mut self, name: &'static str) -> Noted<Option<Throwable>> {
        self.note(name, "thr")
    }
}

/// A word with the version it is from: `ClientIp:str⁽⁸⁾`.
fn versioned(word: &str) -> (&str, u8) {
    let Some((word, version)) = word.split_once('⁽') else {
        return (word, 1);
    };
    let digit = |c: char| "⁰¹²³⁴⁵⁶⁷⁸⁹".chars().position(|digit| digit == c);
    let digits = version.chars().map_while(digit);
    (
        word,
        digits.fold(0, |number, digit| number * 10 + digit as u8),
    )
}

/// The fields in the spans of code of a text, with the versions they are from.
fn fields(text: &str) -> Vec<(String, u8)> {
    let code = text.split('`').skip(1).step_by(2);
    code.flat_map(str::split_whitespace)
        .filter(|word| word.contains(':'))
        .map(versioned)
        .map(|(field, from)| (field.to_owned(), from))
        .collect()
}

fn section(number: &str) -> &'static str {
    let (_, rest) = PAGE.split_once(&format!("\n### {number} ")).unwrap();
    rest.split("\n### ").next().unwrap()
}

/// Compares a type with what the page says of it.
fn assert_type(code: u8, since: u8, name: &str, wanted: &[(String, u8)]) {
    for version in 1..=12 {
        let mut any = Any::blank(code).unwrap_or_else(|| panic!("type {code}"));
        assert_eq!((any.name(), any.since()), (name, since));
        let mut recorder = Recorder {
            version,
            asked: Vec::new(),
        };
        let Ok(()) = any.read(&mut recorder);
        let there = wanted.iter().filter(|(_, from)| *from <= version);
        let wanted: Vec<_> = there.map(|(field, _)| field.clone()).collect();
        assert_eq!(recorder.asked, wanted, "{name} in version {version}");
    }
}

/// A row of types.
struct Row {
    /// Each type's number, and the version it is from.
    numbers: Vec<(u8, u8)>,
    names: Vec<&'static str>,
    /// The cell of the fields.
    fields: &'static str,
}

fn rows(text: &'static str) -> Vec<Row> {
    let rows = text.lines().filter_map(|line| {
        let cells: Vec<&str> = line.strip_prefix("| ")?.split(" | ").collect();
        let numbers = cells[0].split(", ").map(|number| {
            let (number, since) = versioned(number);
            Some((number.parse().ok()?, since))
        });
        Some(Row {
            numbers: numbers.collect::<Option<_>>()?,
            names: cells[1].split('`').skip(1).step_by(2).collect(),
            fields: cells[2],
        })
    });
    rows.collect()
}

#[test]
fn the_pages_tables_are_the_codes_tables() {
    let head = fields("`CommandId:i32 ResponseRequired:bool`");
    let answer = fields("`CorrelationId:i32`");
    let mut types = 0;
    for row in rows(section("4.1")) {
        let (code, since) = row.numbers[0];
        let mut wanted = match code {
            1 => Vec::new(),
            30..=34 => [&head[..], &answer].concat(),
            _ => head.clone(),
        };
        wanted.extend(fields(row.fields));
        assert_type(code, since, row.names[0], &wanted);
        types += 1;
    }
    let (shared, kinds) = section("4.2").split_once("\n\n|").unwrap();
    for row in rows(kinds) {
        let wanted = [&head[..], &fields(shared), &fields(row.fields)].concat();
        let (code, since) = row.numbers[0];
        assert_type(code, since, row.names[0], &wanted);
        types += 1;
    }
    for row in rows(section("4.3")) {
        for ((code, since), name) in row.numbers.into_iter().zip(row.names) {
            types += 1;
            if code != 91 {
                assert_type(code, since, name, &fields(row.fields));
            }
        }
    }
    let all = (0..=u8::MAX).filter(|code| Any::blank(*code).is_some());
    assert_eq!(types, all.count());
}

#[test]
fn the_one_field_that_went_away_is_there_until_version_9() {
    let asked = |version| {
        let mut recorder = Recorder {
            version,
            asked: Vec::new(),
        };
        let Ok(()) = Any::blank(91).unwrap().read(&mut recorder);
        recorder.asked
    };
    assert_eq!(asked(9), ["NetworkTTL:i32", "NetworkBrokerId:cobj"]);
    assert_eq!(
        asked(10),
        ["NetworkBrokerId:cobj", "MessageTTL:i32", "ConsumerTTL:i32"]
    );
}
