//! The captured conversations: frames, and their values.

use crate::fill;
use crate::json::Json;
use bytes::Bytes;
use cordboard_wire::openwire::{
    CLIENT_FRAME, Command, ExceptionResponse, Format, StackFrame, Text, Throwable,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A conversation.
pub(crate) struct Session {
    pub(crate) name: String,
    pub(crate) format: Format,
    pub(crate) frames: Vec<Frame>,
}

/// A frame of one.
pub(crate) struct Frame {
    pub(crate) number: usize,
    /// Connection and direction: each has its own decoder and encoder.
    pub(crate) way: String,
    /// What it is called.
    pub(crate) label: String,
    pub(crate) bytes: Bytes,
    /// Its line of the other file.
    pub(crate) json: Option<Json>,
}

impl Frame {
    /// The frame's values, which have never seen its bytes.
    pub(crate) fn command(&self, version: u8) -> Command {
        match &self.json {
            Some(json) => fill::command(json.get("fields").unwrap(), version, false),
            None => big_exception(&self.label),
        }
    }
}

/// The two exceptions that are too big for the other file: by the rule they were made by.
fn big_exception(label: &str) -> Command {
    let (correlation_id, count) = match label {
        "ExceptionResponse.100frames" => (7, 100),
        "ExceptionResponse.400frames" => (8, 400),
        other => panic!("{other} has no values"),
    };
    let text = |text: &str| Some(Text::from(text));
    let stack = (0..count).map(|n| StackFrame {
        class: text("a.B"),
        method: text(&format!("m{}", n % 10)),
        file: text("B.java").filter(|_| n % 3 != 0),
        line: n - 2,
    });
    let exception = Throwable {
        stack: stack.collect(),
        ..Throwable::new("javax.jms.JMSException", "Café failure")
    };
    Command::from(ExceptionResponse {
        correlation_id,
        exception: Some(exception),
        ..ExceptionResponse::default()
    })
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/openwire")
}

/// What a file's second line says was agreed on.
fn format(line: &str) -> Format {
    let words: Vec<&str> = line.trim_start_matches("# ").split(", ").collect();
    let has = |word: &str| words.iter().any(|w| w.eq_ignore_ascii_case(word));
    let after = |start: &str| words.iter().find_map(|word| word.strip_prefix(start));
    let version = after("negotiated: version ").or(after("version ")).unwrap();
    let size = after("cache size ").unwrap_or("1024").parse().unwrap();
    Format {
        version: version.parse().unwrap(),
        tight: has("tight true") || has("tight"),
        cache: (has("cache true") || has("cache")).then_some(size),
        stack_traces: has("stack traces true"),
        max_frame: CLIENT_FRAME,
    }
}

/// One conversation.
pub(crate) fn session(name: &str) -> Session {
    let read = |end: &str| std::fs::read_to_string(folder().join(format!("{name}.{end}"))).unwrap();
    let mut values: BTreeMap<i64, Json> = read("jsonl")
        .lines()
        .map(Json::parse)
        .map(|json| (json.get("n").unwrap().int(), json))
        .collect();
    let hex = read("hex");
    let frames = hex
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let columns: Vec<&str> = line.split(' ').collect();
            let [number, connection, direction, label, bytes] = columns[..] else {
                panic!("{line}")
            };
            let number: usize = number.parse().unwrap();
            Frame {
                number,
                way: format!("{connection} {direction}"),
                label: label.to_owned(),
                bytes: Bytes::from(fill::hex(bytes)),
                json: values.remove(&(number as i64)),
            }
        });
    let frames: Vec<Frame> = frames.collect();
    assert_eq!(values.len(), 0, "{name}: values without a frame");
    Session {
        name: name.to_owned(),
        format: format(hex.lines().nth(1).unwrap()),
        frames,
    }
}

/// All of them.
pub(crate) fn sessions() -> Vec<Session> {
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .filter_map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            Some(name.strip_suffix(".hex")?.to_owned())
        })
        .collect();
    names.sort();
    names.iter().map(|name| session(name)).collect()
}
