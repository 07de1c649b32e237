//! Reads the conversations under `testdata/cti`.

use std::path::Path;

/// A step of a conversation.
pub(super) enum Step {
    /// A client sends.
    Command {
        correlation: String,
        reply: Option<String>,
        jms_type: String,
        body: String,
    },
    /// The connector publishes.
    Event {
        topic: String,
        correlation: Option<String>,
        text: String,
        json: String,
    },
}

/// What is said in a file; what is done is left out.
pub(super) fn conversation(file: &str) -> Vec<Step> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/cti");
    let text = std::fs::read_to_string(folder.join(file)).expect(file);
    let mut lines = text.lines().peekable();
    let mut steps = Vec::new();
    while let Some(line) = lines.next() {
        let mut field = |name: &str| {
            let start = format!("  {name}");
            let line = lines.next_if(|line| line.starts_with(&start))?;
            let value = line[start.len()..].strip_prefix(' ').unwrap_or_default();
            Some(value.to_owned())
        };
        let words: Vec<_> = line.split(' ').collect();
        match words[..] {
            ["command", correlation] => steps.push(Step::Command {
                correlation: correlation.to_owned(),
                reply: field("reply"),
                jms_type: field("type").expect("a type"),
                body: field("body").expect("a body"),
            }),
            ["event", topic, correlation] => steps.push(Step::Event {
                topic: topic.to_owned(),
                correlation: (correlation != "-").then(|| correlation.to_owned()),
                text: field("text").expect("a text"),
                json: field("json").expect("JSON"),
            }),
            [
                "note" | "cold" | "at" | "hand" | "network" | "phone" | "begin",
                ..,
            ] => {}
            _ => panic!("{file}: {line}"),
        }
    }
    steps
}
