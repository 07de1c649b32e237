//! From the document to the message. [mobility §3, §12]

use super::{Ask, Caller, Certificate, Code, Duration, Login, Message};
use crate::Secret;
use crate::xml::{Document, Element, Limits, parse};

/// A query may list thousands of devices.
const LIMITS: Limits = Limits {
    bytes: 2 * 1_024 * 1_024,
    depth: 16,
    elements: 50_000,
    attributes_per_element: 16,
    attributes: 1_024,
    namespaces: 16,
    instructions: true,
};
/// A login lasts at most so many minutes: as many as 31 bits hold in seconds.
pub const MINUTES_MAX: u32 = i32::MAX.unsigned_abs() / 60;

/// How strictly documents are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grammar {
    /// Any order, and unknown elements are passed over.
    pub lenient: bool,
    /// Declarations and attributes are refused, as the original does.
    pub reject_prolog: bool,
    /// Which release's operations there are.
    pub compat: Compat,
}

/// A release's operations and forms of answers. [mobility §7.8]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compat {
    /// 5.0 and later.
    #[default]
    Modern,
    /// 4.x: login, logout, two queries.
    Four,
}

/// What a document's root says it is, before anything else is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    /// Something is to change.
    Request,
    /// Something is asked.
    Query,
    /// Neither.
    Other,
}

/// A document that is no message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// 1, or 8 for a query of an unknown kind, or 38 for messages between clusters.
    pub code: Code,
    /// Why; nothing of the document in it.
    pub reason: &'static str,
}

/// Looks at the root only: its name is all that is needed to count a request before it is read.
pub fn root_of(text: &str) -> Root {
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    loop {
        let skip = |rest: &str, end: &str| rest.find(end).map(|at| at + end.len());
        let after = match rest {
            r if r.starts_with("<?") => skip(r, "?>"),
            r if r.starts_with("<!--") => skip(r, "-->"),
            _ => break,
        };
        match after {
            Some(at) => rest = rest[at..].trim_start(),
            None => return Root::Other,
        }
    }
    let name = rest.strip_prefix('<').unwrap_or_default();
    let end = name.find(|c: char| c.is_ascii_whitespace() || c == '>' || c == '/');
    match &name[..end.unwrap_or(name.len())] {
        "request" => Root::Request,
        "query" => Root::Query,
        _ => Root::Other,
    }
}

/// Reads a document.
///
/// # Errors
/// Why it is no message.
pub fn decode_request(text: &str, grammar: Grammar) -> Result<Message, Refused> {
    let text = text.trim_start_matches('\u{feff}').trim();
    if grammar.reject_prolog && text.starts_with("<?xml") {
        return Err(parse_error("an XML declaration"));
    }
    // Characters they are already; the XML door would take them for UTF-16 octets.
    if text.contains('\0') {
        return Err(parse_error("a character that XML does not have"));
    }
    let document: Document<'_> = parse(text.as_bytes(), Some("utf-8"), &LIMITS)
        .map_err(|_| parse_error("the document is not well-formed"))?;
    let root = document.root();
    if grammar.reject_prolog && has_attributes(text, root) {
        return Err(parse_error("an attribute or a namespace"));
    }
    let is_query = match root.name() {
        "request" => false,
        "query" => true,
        name if name.starts_with("emcc") => {
            return Err(Refused {
                code: Code::CrossCluster,
                reason: "a message between clusters",
            });
        }
        _ => return Err(parse_error("the root is neither request nor query")),
    };
    let parts = Parts::of(root, grammar)?;
    let caller = parts.caller()?;
    let (ask, details) = match is_query {
        true => parts.query()?,
        false => parts.request()?,
    };
    Ok(Message {
        caller,
        ask,
        remote_address: details.remote_address,
        via: details.via,
    })
}

fn parse_error(reason: &'static str) -> Refused {
    Refused {
        code: Code::Parse,
        reason,
    }
}

/// Is there an attribute, or a namespace, which to the XML door is none?
fn has_attributes(text: &str, root: Element<'_>) -> bool {
    let tag = text.split('>').next().unwrap_or_default();
    let marked = |e: Element<'_>| e.attributes().next().is_some() || e.namespace().is_some();
    tag.contains("xmlns") || root.descendants().any(marked)
}

/// What a message consists of.
struct Parts<'d> {
    grammar: Grammar,
    app_info: Element<'d>,
    operation: Option<Element<'d>>,
}

/// What a front end says beside what is asked.
struct Details {
    remote_address: Option<String>,
    via: bool,
}

impl<'d> Parts<'d> {
    fn of(root: Element<'d>, grammar: Grammar) -> Result<Self, Refused> {
        if !grammar.lenient && !is_blank(&root.text()) {
            return Err(parse_error("text between elements"));
        }
        let mut app_info = None;
        let mut operations = Vec::new();
        for child in root.children() {
            if child.name() != "appInfo" {
                operations.push(child);
            } else if app_info.is_some() {
                return Err(parse_error("two appInfo"));
            } else if operations.is_empty() || grammar.lenient {
                app_info = Some(child);
            } else {
                return Err(parse_error("appInfo does not come first"));
            }
        }
        if grammar.lenient {
            // What is not known is passed over, unless it is all there is.
            let first = operations.first().copied();
            operations.retain(|operation| OPERATIONS.contains(&operation.name()));
            operations.extend(first.filter(|_| operations.is_empty()));
        }
        if operations.len() > 1 {
            return Err(parse_error("two operations"));
        }
        Ok(Self {
            grammar,
            app_info: app_info.ok_or_else(|| parse_error("no appInfo"))?,
            operation: operations.pop(),
        })
    }

    fn caller(&self) -> Result<Caller, Refused> {
        let fields = Fields::of(
            self.app_info,
            self.grammar,
            &[
                ("appID", 1, 1),
                ("appCertificate", 0, 1),
                ("appEncryptedCertificate", 0, 1),
            ],
        )?;
        let certificate = match (fields.raw(1), fields.raw(2)) {
            (Some(password), None) => Certificate::Password(Secret::from(password)),
            (None, Some(_)) => Certificate::Encrypted,
            _ => return Err(parse_error("not one certificate")),
        };
        Ok(Caller {
            id: fields.text(0).unwrap_or_default(),
            certificate,
        })
    }

    fn request(&self) -> Result<(Ask, Details), Refused> {
        let operation = self.operation.ok_or_else(|| parse_error("no operation"))?;
        let (ask, fields) = match operation.name() {
            "login" => {
                let fields = Fields::of(
                    operation,
                    self.grammar,
                    &[
                        ("deviceName", 1, 1),
                        ("userID", 1, 1),
                        ("deviceProfile", 0, 1),
                        ("exclusiveDuration", 0, 1),
                        REMOTE_ADDRESS,
                        VIA,
                    ],
                )?;
                let login = Login {
                    device: fields.needed(0)?,
                    user: fields.needed(1)?,
                    profile: fields.text(2).filter(|profile| !profile.is_empty()),
                    duration: fields
                        .element(3)
                        .map(|e| duration(e, self.grammar))
                        .transpose()?,
                };
                (Ask::Login(login), fields)
            }
            "logout" => {
                let spec = [("deviceName", 1, 1), REMOTE_ADDRESS, VIA];
                let fields = Fields::of(operation, self.grammar, &spec)?;
                let device = fields.needed(0)?;
                (Ask::Logout { device }, fields)
            }
            "logoutAll" if self.grammar.compat == Compat::Modern => {
                let fields = Fields::of(operation, self.grammar, &[REMOTE_ADDRESS, VIA])?;
                (Ask::LogoutAll, fields)
            }
            _ => return Err(parse_error("no such operation")),
        };
        Ok((ask, fields.details()))
    }

    fn query(&self) -> Result<(Ask, Details), Refused> {
        let unknown = Refused {
            code: Code::UnknownQuery,
            reason: "no such query",
        };
        let operation = self.operation.ok_or(unknown.clone())?;
        let modern = self.grammar.compat == Compat::Modern;
        type Made = fn(Vec<String>) -> Ask;
        let (item, ask): (&'static str, Made) = match operation.name() {
            "deviceUserQuery" => ("deviceName", Ask::DeviceUser),
            "userDevicesQuery" => ("userID", Ask::UserDevices),
            "deviceProfileQuery" | "userDeviceProfileQuery" if modern => {
                ("userID", Ask::DeviceProfile)
            }
            "checkUser" if modern => ("userID", Ask::CheckUser),
            _ => return Err(unknown),
        };
        let spec = [(item, 1, usize::MAX), REMOTE_ADDRESS, VIA];
        // The two oldest queries have no `isViaHeaderSet`.
        let oldest = matches!(operation.name(), "deviceUserQuery" | "userDevicesQuery");
        let spec = &spec[..if oldest { 2 } else { 3 }];
        let fields = Fields::of(operation, self.grammar, spec)?;
        Ok((ask(fields.texts(0)), fields.details()))
    }
}

const OPERATIONS: [&str; 8] = [
    "login",
    "logout",
    "logoutAll",
    "deviceUserQuery",
    "userDevicesQuery",
    "deviceProfileQuery",
    "userDeviceProfileQuery",
    "checkUser",
];

type Spec = (&'static str, usize, usize);
const REMOTE_ADDRESS: Spec = ("remoteIPAddr", 0, 1);
const VIA: Spec = ("isViaHeaderSet", 0, 1);

fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_whitespace())
}

/// All that the grammar knows inside an operation are texts, but for the duration.
fn is_leaf(element: Element<'_>) -> bool {
    element.name() == "exclusiveDuration" || element.children().next().is_none()
}

/// The children of an element, by name.
struct Fields<'d> {
    names: Vec<&'static str>,
    found: Vec<Vec<Element<'d>>>,
}

impl<'d> Fields<'d> {
    /// Sorts the children: each name so often as it may be there, in this order unless that does not matter.
    fn of(parent: Element<'d>, grammar: Grammar, spec: &[Spec]) -> Result<Self, Refused> {
        if !grammar.lenient && !is_blank(&parent.text()) {
            return Err(parse_error("text between elements"));
        }
        let mut found = vec![Vec::new(); spec.len()];
        let mut reached = 0;
        for child in parent.children() {
            // Between the original's own parts it appears where no grammar has it. [mobility §5.4]
            if child.name() == "loginType" {
                continue;
            }
            match spec.iter().position(|(name, _, _)| *name == child.name()) {
                Some(at) if at < reached && !grammar.lenient => {
                    return Err(parse_error("an element in the wrong place"));
                }
                Some(_) if !grammar.lenient && !is_leaf(child) => {
                    return Err(parse_error("an element within a text"));
                }
                Some(at) => {
                    reached = at;
                    found[at].push(child);
                }
                None if grammar.lenient => {}
                None => return Err(parse_error("an unknown element")),
            }
        }
        for ((_, least, most), found) in spec.iter().zip(&found) {
            if found.len() < *least {
                return Err(parse_error("an element is missing"));
            }
            if found.len() > *most {
                return Err(parse_error("an element is there twice"));
            }
        }
        Ok(Self {
            names: spec.iter().map(|(name, _, _)| *name).collect(),
            found,
        })
    }

    fn element(&self, at: usize) -> Option<Element<'d>> {
        self.found[at].first().copied()
    }

    /// The text as it is.
    fn raw(&self, at: usize) -> Option<String> {
        self.element(at).map(|element| element.text().into_owned())
    }

    /// The text without blanks around it.
    fn text(&self, at: usize) -> Option<String> {
        self.element(at).map(trimmed)
    }

    fn texts(&self, at: usize) -> Vec<String> {
        self.found[at]
            .iter()
            .map(|&element| trimmed(element))
            .collect()
    }

    /// A text that must not be blank.
    fn needed(&self, at: usize) -> Result<String, Refused> {
        let text = self.text(at).filter(|text| !text.is_empty());
        text.ok_or_else(|| parse_error("a blank value"))
    }

    fn named(&self, name: &str) -> Option<String> {
        let at = self.names.iter().position(|known| *known == name)?;
        self.text(at)
    }

    fn details(&self) -> Details {
        let via = self.named(VIA.0).unwrap_or_default();
        Details {
            remote_address: self.named(REMOTE_ADDRESS.0).filter(|text| !text.is_empty()),
            via: via.eq_ignore_ascii_case("true"),
        }
    }
}

fn trimmed(element: Element<'_>) -> String {
    let text = element.text();
    text.trim_matches(|c: char| c.is_ascii_whitespace())
        .to_owned()
}

/// `exclusiveDuration`. [mobility §5.1]
fn duration(element: Element<'_>, grammar: Grammar) -> Result<Duration, Refused> {
    let fields = Fields::of(element, grammar, &[("time", 0, 1), ("indefinite", 0, 1)])?;
    match (fields.text(0), fields.element(1)) {
        (Some(time), None) => {
            let digits = !time.is_empty() && time.bytes().all(|byte| byte.is_ascii_digit());
            let minutes = time
                .parse()
                .ok()
                .filter(|minutes| digits && *minutes <= MINUTES_MAX);
            match minutes {
                Some(0) => Ok(Duration::Indefinite),
                Some(minutes) => Ok(Duration::Minutes(minutes)),
                None => Err(parse_error("a time that is no number of minutes")),
            }
        }
        (None, Some(element))
            if is_blank(&element.text()) && element.children().next().is_none() =>
        {
            Ok(Duration::Indefinite)
        }
        _ => Err(parse_error("neither a time nor indefinite")),
    }
}
