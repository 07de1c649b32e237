//! The pages as text. Every value is escaped by the templates. [webdialer §8.4]

use super::words::{Language, Message, Words};
use askama::Template;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::path::Path;
use std::sync::LazyLock;

/// A number is at most this long when it is typed.
pub const NUMBER_LONGEST: usize = 100;
/// What tells one dial page from the next has no more bytes.
pub const ONCE_BYTES: usize = 64;
/// The handler that scripts look for on the list of devices.
const HANDLER: &str = "showLines()";
/// Our own style and script.
const STYLE: &[u8] = include_bytes!("../../../../assets/webdialer/style.css");
const ICON: &[u8] = include_bytes!("../../../../assets/webdialer/icon.svg");
const SCRIPT: &[u8] = include_bytes!("../../../../assets/webdialer/pages.js");

/// What an organisation puts in the place of ours.
#[derive(Clone, Debug)]
pub struct Brand {
    /// Its name.
    pub name: String,
    /// Its logo, with its type.
    pub logo: Option<(&'static str, Bytes)>,
    style: Bytes,
}

impl Default for Brand {
    fn default() -> Self {
        Self {
            name: "WebDialer".to_owned(),
            logo: None,
            style: Bytes::from_static(STYLE),
        }
    }
}

impl Brand {
    /// Reads a folder's `name.txt`, `logo.svg` or `logo.png`, and `style.css`; what is missing stays ours.
    ///
    /// # Errors
    /// When the folder or one of the files cannot be read.
    pub fn load(folder: Option<&Path>) -> std::io::Result<Self> {
        let mut brand = Self::default();
        let Some(folder) = folder else {
            return Ok(brand);
        };
        std::fs::read_dir(folder)?;
        let read = |name: &str| match std::fs::read(folder.join(name)) {
            Ok(bytes) => Ok(Some(Bytes::from(bytes))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        };
        if let Some(name) = read("name.txt")? {
            let name = String::from_utf8_lossy(&name).trim().to_owned();
            if !name.is_empty() {
                brand.name = name;
            }
        }
        if let Some(style) = read("style.css")? {
            brand.style = style;
        }
        if let Some(logo) = read("logo.svg")? {
            brand.logo = Some(("image/svg+xml", logo));
        } else if let Some(logo) = read("logo.png")? {
            brand.logo = Some(("image/png", logo));
        }
        Ok(brand)
    }

    /// A file that the pages name.
    pub fn asset(&self, name: &str) -> Option<(&'static str, Bytes)> {
        match name {
            "style.css" => Some(("text/css; charset=utf-8", self.style.clone())),
            "pages.js" => Some(("text/javascript; charset=utf-8", Bytes::from_static(SCRIPT))),
            "icon.svg" => Some(("image/svg+xml", Bytes::from_static(ICON))),
            "logo" => self.logo.clone(),
            _ => None,
        }
    }
}

/// The Content-Security-Policy of every page.
pub fn policy(frame_ancestors: &[String]) -> String {
    static HASH: LazyLock<String> =
        LazyLock::new(|| BASE64_STANDARD.encode(Sha256::digest(HANDLER.as_bytes())));
    let frames = match frame_ancestors {
        [] => "'none'".to_owned(),
        sites => sites.join(" "),
    };
    format!(
        "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self' 'unsafe-hashes' 'sha256-{}'; \
         form-action 'self'; base-uri 'none'; frame-ancestors {frames}",
        *HASH
    )
}

/// How pages look, and for whom.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// The language.
    pub language: Language,
    /// The organisation.
    pub brand: &'a Brand,
    /// Who is signed in.
    pub user: Option<&'a str>,
}

/// A device that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Its name.
    pub name: String,
    /// Its model.
    pub model: String,
    /// What people call it.
    pub description: String,
    /// Its lines, as profiles write them.
    pub lines: Vec<String>,
}

impl Choice {
    fn is_chosen(&self, chosen: &Chosen) -> bool {
        let named = chosen.device.as_deref();
        named.is_some_and(|named| named.eq_ignore_ascii_case(&self.name))
    }

    /// Is this line the one to show as chosen? A browser without scripts would offer the first device's first line where
    /// nothing is marked.
    fn shows(&self, line: &str, chosen: &Chosen) -> bool {
        let wanted = chosen.line.as_ref();
        let wanted = wanted.filter(|wanted| self.lines.contains(*wanted));
        let shown = wanted.or(self.lines.first());
        self.is_chosen(chosen) && shown.is_some_and(|shown| shown == line)
    }

    fn label(&self) -> String {
        match self.description.as_str() {
            same if same.is_empty() || same.eq_ignore_ascii_case(&self.name) => {
                format!("{} ({})", self.name, self.model)
            }
            description => format!("{description} ({}, {})", self.name, self.model),
        }
    }
}

/// What is chosen already.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chosen {
    /// The device.
    pub device: Option<String>,
    /// The line.
    pub line: Option<String>,
    /// The phone he sits at, instead.
    pub em: bool,
    /// Dial without the dial page.
    pub skip_confirmation: bool,
    /// Leave the last page open.
    pub no_auto_close: bool,
}

macro_rules! page {
    ($(#[$doc:meta])* $name:ident, $path:literal, $title:literal, { $($field:ident: $kind:ty),* }) => {
        $(#[$doc])*
        pub fn $name<'a>(look: Look<'a>, message: Option<Message>, $($field: $kind),*) -> String {
            #[derive(Template)]
            #[template(path = $path)]
            struct Page<'a> {
                look: Look<'a>,
                words: &'static Words,
                title: &'static str,
                message: Option<&'static str>,
                alarm: bool,
                $($field: $kind),*
            }
            let words = look.language.words();
            let page = Page {
                look,
                words,
                title: words.titles[$title],
                message: message.map(|message| words.message(message)),
                alarm: message.is_some_and(Message::is_failure),
                $($field),*
            };
            // Writing into a string cannot fail.
            page.render().unwrap_or_default()
        }
    };
}

page!(/// Sign in.
    login, "webdialer/login.html", 0, { destination: &'a str, uid: &'a str, asks: bool });
page!(/// Choose device, line and manners.
    preferences, "webdialer/preferences.html", 1, { destination: &'a str, asks: bool, devices: &'a [Choice], chosen: &'a Chosen });
page!(/// Dial.
    dial, "webdialer/dial.html", 2, { destination: &'a str, once: &'a str, asks: bool, devices: &'a [Choice], chosen: &'a Chosen });
page!(/// A call is under way; hang up. `hang_up`: the call to end, the newest where empty; `None`: there is none.
    end, "webdialer/end.html", 3, { number: &'a str, hang_up: Option<&'a str>, close_after: Option<u32> });
page!(/// Nothing more to do.
    closed, "webdialer/closed.html", 4, { closes: bool });

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT_TEXT: &str = "\"'><script>alert(1)</script>";

    fn look(brand: &Brand) -> Look<'_> {
        Look {
            language: Language::English,
            brand,
            user: Some(SCRIPT_TEXT),
        }
    }

    fn choice(name: &str, lines: &[&str]) -> Choice {
        Choice {
            name: name.to_owned(),
            model: String::new(),
            description: String::new(),
            lines: lines.iter().map(|&line| line.to_owned()).collect(),
        }
    }

    fn chosen(device: &str, line: Option<&str>) -> Chosen {
        Chosen {
            device: Some(device.to_owned()),
            line: line.map(str::to_owned),
            ..Chosen::default()
        }
    }

    #[test]
    fn a_script_in_any_value_is_shown_as_text() {
        let brand = Brand {
            name: SCRIPT_TEXT.to_owned(),
            ..Brand::default()
        };
        let devices = [Choice {
            model: SCRIPT_TEXT.to_owned(),
            description: SCRIPT_TEXT.to_owned(),
            ..choice(SCRIPT_TEXT, &[SCRIPT_TEXT])
        }];
        let chosen = chosen(SCRIPT_TEXT, Some(SCRIPT_TEXT));
        let look = look(&brand);
        for page in [
            login(look, None, SCRIPT_TEXT, SCRIPT_TEXT, true),
            preferences(look, None, SCRIPT_TEXT, true, &devices, &chosen),
            dial(
                look,
                None,
                SCRIPT_TEXT,
                SCRIPT_TEXT,
                false,
                &devices,
                &chosen,
            ),
            end(look, None, SCRIPT_TEXT, Some(SCRIPT_TEXT), Some(15)),
            closed(look, None, true),
        ] {
            assert!(!page.contains("<script>"), "{page}");
            assert!(!page.contains("\"'>"), "no value leaves its quotes: {page}");
            assert!(page.contains("alert(1)"), "the value is there: {page}");
        }
    }

    #[test]
    fn the_policy_allows_the_handler_of_the_templates_and_no_other() {
        let brand = Brand::default();
        let devices = [choice("SEPA", &["1001"])];
        let page = preferences(look(&brand), None, "", false, &devices, &Chosen::default());
        let handlers: Vec<&str> = page.split(" on").skip(1).collect();
        let handlers = handlers.iter().filter_map(|rest| rest.split_once("=\""));
        let code: Vec<&str> = handlers
            .filter_map(|(_, rest)| rest.split('"').next())
            .collect();
        assert_eq!(code, [HANDLER]);
        let hash = BASE64_STANDARD.encode(Sha256::digest(code[0]));
        assert!(policy(&[]).contains(&format!("'unsafe-hashes' 'sha256-{hash}'")));
        let script = String::from_utf8_lossy(SCRIPT);
        assert!(script.contains(&format!("function {HANDLER} {{")));
    }

    #[test]
    fn a_device_that_is_described_by_its_name_is_named_once() {
        for (description, label) in [
            ("", "SEPA (Cisco 8845)"),
            ("SEPA", "SEPA (Cisco 8845)"),
            ("sepa", "SEPA (Cisco 8845)"),
            ("desk", "desk (SEPA, Cisco 8845)"),
        ] {
            let choice = Choice {
                model: "Cisco 8845".to_owned(),
                description: description.to_owned(),
                ..choice("SEPA", &[])
            };
            assert_eq!(choice.label(), label);
        }
    }

    #[test]
    fn an_empty_name_of_a_brand_is_none() {
        let folder = tempfile::tempdir().unwrap();
        for (text, name) in [("", "WebDialer"), (" \n", "WebDialer"), ("Acme\n", "Acme")] {
            std::fs::write(folder.path().join("name.txt"), text).unwrap();
            let brand = Brand::load(Some(folder.path())).unwrap();
            assert_eq!(brand.name, name);
        }
    }

    #[test]
    fn the_line_marked_belongs_to_the_chosen_device() {
        let (a, b) = (choice("SEPA", &["1", "2"]), choice("SEPB", &["2", "3"]));
        for (device, line, marked) in [
            ("SEPA", Some("2"), ["SEPA 2"]),
            ("sepb", Some("2"), ["SEPB 2"]),
            ("SEPB", Some("1"), ["SEPB 2"]),
            ("SEPB", None, ["SEPB 2"]),
        ] {
            let chosen = chosen(device, line);
            let shown: Vec<String> = [&a, &b]
                .into_iter()
                .flat_map(|choice| choice.lines.iter().map(move |line| (choice, line)))
                .filter(|(choice, line)| choice.shows(line, &chosen))
                .map(|(choice, line)| format!("{} {line}", choice.name))
                .collect();
            assert_eq!(shown, marked, "{device} {line:?}");
        }
    }
}
