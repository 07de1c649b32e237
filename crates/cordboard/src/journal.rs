//! The last requests on every interface, with their answers. Secrets are never put in. [lab, Journal]

use crate::edge::Peer;
use cordboard_wire::admin::JournalEntry;
use cordboard_wire::webdialer::form::decode;
use http::{Method, Uri};
use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// So many requests are kept.
pub const KEPT: usize = 10_000;
/// A field, or a path, is kept up to so many bytes; a longer one ends in an ellipsis.
const FIELD: usize = 256;
/// What stands in the place of a secret.
pub const MASK: &str = "•••";
/// A parameter whose name contains one of these is a secret, whichever interface it is for. Too many are masked rather than
/// one too few.
const SECRET_NAMES: [&str; 9] = [
    "pw", "pass", "pin", "token", "secret", "cred", "auth", "sess", "key",
];

/// One request and its answer.
#[derive(Clone, Debug)]
pub struct Entry {
    interface: &'static str,
    peer: Peer,
    method: Method,
    path: String,
    status: u16,
    notes: Notes,
}

impl Entry {
    /// A request as it came in, not answered yet.
    pub fn new(interface: &'static str, peer: Peer, method: &Method, target: &Uri) -> Self {
        Self {
            interface,
            peer,
            method: method.clone(),
            path: shown(target),
            status: 0,
            notes: Notes::default(),
        }
    }

    /// A message of a broker: who sent it from where is not known, and it has no HTTP method.
    pub fn message(interface: &'static str, path: &str) -> Self {
        Self {
            interface,
            peer: Peer::default(),
            method: Method::from_bytes(b"MESSAGE").unwrap_or_default(),
            path: shortened(Cow::Borrowed(path)).into_owned(),
            status: 0,
            notes: Notes::default(),
        }
    }

    /// With its answer.
    pub fn answered(self, status: u16, notes: Notes) -> Self {
        Self {
            status,
            notes,
            ..self
        }
    }
}

/// What a service tells about a request and its answer: names and values, never a secret.
#[derive(Clone, Debug, Default)]
pub struct Notes(Vec<(&'static str, Cow<'static, str>)>);

impl Notes {
    /// With a field.
    pub fn field(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        if self.0.capacity() == 0 {
            // Most have so many.
            self.0.reserve(8);
        }
        self.0.push((name, shortened(value.into())));
        self
    }

    /// With a field, if there is a value.
    pub fn maybe(self, name: &'static str, value: Option<String>) -> Self {
        match value {
            Some(value) => self.field(name, value),
            None => self,
        }
    }
}

fn shortened(value: Cow<'_, str>) -> Cow<'_, str> {
    if value.len() <= FIELD {
        return value;
    }
    let end = (0..=FIELD)
        .rev()
        .find(|&i| value.is_char_boundary(i))
        .unwrap_or(0);
    Cow::Owned(format!("{}…", &value[..end]))
}

/// Path and query as asked for, with the values of parameters masked that may be secrets.
fn shown(target: &Uri) -> String {
    let (path, query) = (target.path(), target.query());
    if query.is_none() && !path.contains(';') {
        return shortened(Cow::Owned(path.to_owned())).into_owned();
    }
    let mut segments = path.split(';');
    let mut text = segments.next().unwrap_or_default().to_owned();
    // A path parameter ends with its segment of the path.
    for segment in segments {
        let (parameter, rest) = segment.split_at(segment.find('/').unwrap_or(segment.len()));
        text.push(';');
        parameters(&mut text, parameter);
        text.push_str(rest);
    }
    if let Some(query) = query {
        text.push('?');
        for (index, parameter) in query.split('&').enumerate() {
            if index > 0 {
                text.push('&');
            }
            parameters(&mut text, parameter);
            // A document that was not escaped is cut at its ampersands: what follows may be the rest of a password.
            if is_document(parameter) {
                break;
            }
        }
    }
    shortened(Cow::Owned(text)).into_owned()
}

fn parameters(text: &mut String, parameter: &str) {
    let Some((name, _)) = parameter.split_once('=') else {
        return text.push_str(parameter);
    };
    // By the reader that understands the most escapes, so that no service sees a name that is not seen here.
    let plain = decode(name.as_bytes());
    if is_secret(&plain) || is_document(parameter) {
        text.push_str(name);
        text.push('=');
        text.push_str(MASK);
    } else {
        text.push_str(parameter);
    }
}

/// Is this parameter an XML document, which has its secrets inside?
fn is_document(parameter: &str) -> bool {
    let name = parameter.split('=').next().unwrap_or_default();
    decode(name.as_bytes()).eq_ignore_ascii_case("xml")
}

/// May what has this name be a secret?
pub fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    SECRET_NAMES.iter().any(|word| name.contains(word))
}

/// The journal.
#[derive(Debug)]
pub struct Journal {
    clock: crate::runtime::clock::Clock,
    enabled: bool,
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    next: u64,
    lines: VecDeque<Line>,
}

/// An entry as it is kept: ten thousand of them are a good part of a lab's memory.
#[derive(Debug)]
struct Line {
    at: i64,
    interface: &'static str,
    from: IpAddr,
    tls: bool,
    method: Method,
    status: u16,
    /// The path, then names and values in turn, each ended by [`END`].
    text: Box<str>,
}

/// Ends a piece of a [`Line`]'s text; in a piece it is replaced.
const END: char = '\0';

impl Line {
    fn of(at: i64, entry: &Entry) -> Self {
        let notes = entry.notes.0.iter().flat_map(|(n, v)| [*n, v.as_ref()]);
        let pieces = || std::iter::once(entry.path.as_str()).chain(notes.clone());
        let mut text = String::with_capacity(pieces().map(|piece| piece.len() + 1).sum());
        for piece in pieces() {
            if piece.contains(END) {
                text.push_str(&piece.replace(END, "\u{FFFD}"));
            } else {
                text.push_str(piece);
            }
            text.push(END);
        }
        Self {
            at,
            interface: entry.interface,
            from: entry.peer.address.ip(),
            tls: entry.peer.tls,
            method: entry.method.clone(),
            status: entry.status,
            text: text.into_boxed_str(),
        }
    }

    fn show(&self, number: u64) -> JournalEntry {
        let mut pieces = self.text.split_terminator(END).map(str::to_owned);
        let path = pieces.next().unwrap_or_default();
        let mut fields = BTreeMap::new();
        while let (Some(name), Some(value)) = (pieces.next(), pieces.next()) {
            fields.insert(name, value);
        }
        JournalEntry {
            number,
            at: crate::admin::shapes::time(self.at),
            interface: self.interface.to_owned(),
            peer: self.from.to_string(),
            tls: self.tls,
            method: self.method.to_string(),
            path,
            status: self.status,
            fields,
        }
    }
}

impl Journal {
    /// An empty journal; one that is not enabled keeps nothing.
    pub fn new(clock: crate::runtime::clock::Clock, enabled: bool) -> Self {
        Self {
            clock,
            enabled,
            // All the room it will ever need, of which the system gives what is used: growing would copy it again and again.
            kept: Mutex::new(Kept {
                next: 0,
                lines: VecDeque::with_capacity(if enabled { KEPT } else { 0 }),
            }),
        }
    }

    /// Is anything kept?
    pub fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Notes a request.
    pub fn note(&self, entry: Entry) {
        if !self.enabled {
            return;
        }
        let line = Line::of(self.clock.now().wall.0, &entry);
        let mut kept = self.lock();
        if kept.lines.len() == KEPT {
            kept.lines.pop_front();
        }
        kept.next += 1;
        kept.lines.push_back(line);
    }

    /// Requests with a number above `since` on an interface (any, if `None`), oldest first, at most `limit`.
    pub fn read(&self, interface: Option<&str>, since: u64, limit: usize) -> Vec<JournalEntry> {
        let kept = self.lock();
        let first = kept.next - u64::try_from(kept.lines.len()).unwrap_or(0);
        kept.lines
            .iter()
            .zip(first + 1..)
            .filter(|(line, number)| {
                *number > since && interface.is_none_or(|i| i == line.interface)
            })
            .take(limit)
            .map(|(line, number)| line.show(number))
            .collect()
    }

    /// Forgets everything (lab reset).
    pub fn clear(&self) {
        self.lock().lines.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cordboard_wire::webdialer::form::Form;

    #[test]
    fn an_entry_is_read_as_it_was_noted_whatever_its_values_hold() {
        let clock = crate::runtime::clock::Clock::new(0);
        let journal = Journal::new(clock, true);
        let target = "/x?y".parse().unwrap();
        let notes = Notes::default().field("empty", "").field("odd", "a\0b\nö");
        let entry = Entry::new("api", Peer::default(), &Method::POST, &target);
        journal.note(entry.answered(201, notes));
        let read = journal.read(Some("api"), 0, 10);
        assert_eq!(
            (
                read[0].path.as_str(),
                read[0].status,
                read[0].method.as_str()
            ),
            ("/x?y", 201, "POST")
        );
        let fields: Vec<_> = read[0]
            .fields
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        assert_eq!(fields, [("empty", ""), ("odd", "a\u{FFFD}b\nö")]);
    }

    #[test]
    fn a_name_that_the_pages_read_as_a_secret_is_masked_however_it_is_escaped() {
        for name in [
            "pwd",
            "%70wd",
            "%u0070wd",
            "p%u0077d",
            "%u0070%u0077%u0064",
            "%70%u0077d",
            "%U0070wd",
            "%u0070+wd",
        ] {
            let query = format!("uid=bill&{name}=s3cret");
            let read = Form::parse(&query, b"").raw("pwd").is_some();
            let noted = shown(&format!("/x?{query}").parse().unwrap());
            let masked = !noted.contains("s3cret");
            assert!(masked || !read, "{name}: {noted}");
        }
    }

    #[test]
    fn a_path_is_shown_as_it_was_asked_for_without_secrets() {
        for (asked, noted) in [
            ("/webdialer/Webdialer", "/webdialer/Webdialer"),
            ("//webdialer/services/x?wsdl", "//webdialer/services/x?wsdl"),
            (
                "/webdialer/Webdialer?cmd=doMakeCallProxy&appid=app&pwd=s3cret&&destination=1002",
                "/webdialer/Webdialer?cmd=doMakeCallProxy&appid=app&pwd=•••&&destination=1002",
            ),
            (
                "/x?%70%57d=s3cret&PassWord=s3cret=&pin=",
                "/x?%70%57d=•••&PassWord=•••&pin=•••",
            ),
            ("/x;jsessionid=s3cret/y;a=b?c", "/x;jsessionid=•••/y;a=b?c"),
            ("/x?a=b&xml=%3Crequest%3E", "/x?a=b&xml=•••"),
            ("/x?xml=%3Ca%3Es3&cr3t%3C/a%3E&b=c", "/x?xml=•••"),
            ("/x?%58ml=s3&cr3t", "/x?%58ml=•••"),
        ] {
            assert_eq!(shown(&asked.parse().unwrap()), noted);
        }
        let long = format!("/{}", "ä".repeat(200).replace('ä', "%C3%A4"));
        assert_eq!(shown(&long.parse().unwrap()).len(), FIELD + "…".len());
    }
}
