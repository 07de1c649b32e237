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
            brand.name = String::from_utf8_lossy(&name).trim().to_owned();
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
    fn label(&self) -> String {
        match self.description.as_str() {
            "" => format!("{} ({})", self.name, self.model),
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
                $($field: $kind),*
            }
            let words = look.language.words();
            let page = Page {
                look,
                words,
                title: words.titles[$title],
                message: message.map(|message| words.message(message)),
                $($field),*
            };
            // Writing into a string cannot fail.
            page.render().unwrap_or_default()
        }
    };
}

page!(/// Sign in.
    login, "webdialer/login.html", 0, { destination: &'a str, uid: &'a str });
page!(/// Choose device, line and manners.
    preferences, "webdialer/preferences.html", 1, { destination: &'a str, devices: &'a [Choice], chosen: &'a Chosen });
page!(/// Dial.
    dial, "webdialer/dial.html", 2, { destination: &'a str, uid: &'a str, longest: usize, devices: &'a [Choice], chosen: &'a Chosen });
page!(/// A call is under way; hang up.
    end, "webdialer/end.html", 3, { number: &'a str, close_after: Option<u32> });
page!(/// Nothing more to do.
    closed, "webdialer/closed.html", 4, { closes: bool });
