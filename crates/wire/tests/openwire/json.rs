//! JSON whose strings may have lone surrogates, which no Rust string can hold.

use cordboard_wire::openwire::Text;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Text),
    List(Vec<Self>),
    Map(Vec<(String, Self)>),
}

impl Json {
    pub(crate) fn parse(text: &str) -> Self {
        let mut parser = Parser {
            rest: text.trim_start(),
        };
        let json = parser.value();
        assert_eq!(parser.rest.trim(), "");
        json
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Map(entries) => entries.iter().find(|(n, _)| n == name).map(|(_, v)| v),
            _ => None,
        }
    }

    pub(crate) fn str(&self) -> &str {
        match self {
            Self::Text(text) => text.as_str().unwrap(),
            other => panic!("{other:?} is no text"),
        }
    }

    pub(crate) fn int(&self) -> i64 {
        match self {
            Self::Int(int) => *int,
            other => panic!("{other:?} is no number"),
        }
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn eat(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    fn value(&mut self) -> Json {
        if self.rest.starts_with('"') {
            return Json::Text(self.text());
        }
        for (word, json) in [
            ("null", Json::Null),
            ("true", Json::Bool(true)),
            ("false", Json::Bool(false)),
        ] {
            if self.eat(word) {
                return json;
            }
        }
        if self.eat("[") {
            let mut list = Vec::new();
            while !self.eat("]") {
                list.push(self.value());
                self.eat(",");
            }
            return Json::List(list);
        }
        if self.eat("{") {
            let mut map = Vec::new();
            while !self.eat("}") {
                let name = self.text().to_string();
                assert!(self.eat(":"));
                map.push((name, self.value()));
                self.eat(",");
            }
            return Json::Map(map);
        }
        let is_number = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
        let end = self.rest.find(|c| !is_number(c)).unwrap_or(self.rest.len());
        let (number, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        match number.parse() {
            Ok(int) => Json::Int(int),
            Err(_) => Json::Float(number.parse().unwrap()),
        }
    }

    fn text(&mut self) -> Text {
        let mut units = Vec::new();
        let mut chars = self.rest.char_indices();
        assert_eq!(chars.next(), Some((0, '"')));
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.rest = self.rest[at + 1..].trim_start();
                    return Text::from_units(&units);
                }
                '\\' => units.push(match chars.next().unwrap().1 {
                    'u' => {
                        let digits: String = chars.by_ref().take(4).map(|(_, c)| c).collect();
                        u16::from_str_radix(&digits, 16).unwrap()
                    }
                    'n' => 10,
                    'r' => 13,
                    't' => 9,
                    'b' => 8,
                    'f' => 12,
                    other => other as u16,
                }),
                other => units.extend_from_slice(other.encode_utf16(&mut [0; 2])),
            }
        }
        panic!("a text without an end");
    }
}
