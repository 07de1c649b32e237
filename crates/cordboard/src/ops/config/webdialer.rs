//! WebDialer's settings: the original's service parameters, its dial rules, and what it does not have.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// WebDialer. [webdialer §11]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WebDialer {
    /// The original's *Maximum Concurrent Call Requests*: calls per second over SOAP and pages together; 0: no limit, 3: the
    /// original's.
    pub max_calls_per_second: u32,
    /// The original's *User Session Expiry*: hours until a browser must sign in again, 0 to 168; 0: when the program restarts.
    pub session_expiry_h: u32,
    /// The original's *Duration of End Call Dialog*: seconds until the page that offers to hang up closes, 10 to 60.
    pub end_call_dialog_s: u32,
    /// The original's *Apply Application Dial Rules on Dial*: do dial rules change what the pages dial?
    pub dial_rules_on_dial: bool,
    /// The original's *Apply Application Dial Rules on SOAP Dial*: do they change what makeCallSoap dials?
    pub dial_rules_on_soap_dial: bool,
    /// The original's *MakeCallProxy HTTP Methods*: "insecure" takes GET and POST, "secure" refuses GET and a password in the
    /// address.
    pub make_call_proxy_methods: ProxyMethods,
    /// isClusterUserSoap for each address per second; 0: no limit. Configured clusters are exempt.
    pub lookups_per_second: u32,
    /// Refuse a lineNumber that the device does not have (code 5) instead of taking its first line.
    pub strict_lines: bool,
    /// Answer a request without SOAPAction with the original's fault.
    pub strict_soap_action: bool,
    /// What stands in a fault's `hostname`; never the machine's real name by default.
    pub fault_hostname: String,
    /// Sites whose links and forms dial at once, such as `https://intranet.example.com`; from all others the dial page asks.
    pub trusted_origins: Vec<String>,
    /// Does a GET dial that does not say which site it comes from, as old browsers and scripts send it?
    pub trust_headerless_get: bool,
    /// Sites whose scripts may read answers of the SOAP services (CORS).
    pub cors_origins: Vec<String>,
    /// Sites that may show the pages in a frame, such as `https://intranet.example.com` or `https://*.example.com`. Only those
    /// of the same site (registrable domain and scheme) work: in a frame of another one browsers send no cookie of ours.
    pub frame_ancestors: Vec<String>,
    /// A folder with `style.css`, `logo.svg` or `logo.png`, and `name.txt`, each of which replaces ours on the pages.
    pub brand: Option<PathBuf>,
    /// The application dial rules: of those that fit a number, the first one changes it. [webdialer §9]
    #[serde(rename = "dial_rule")]
    pub dial_rules: Vec<DialRule>,
    /// The directory look-up rules: how an outside number is changed before the directory is asked whose it is.
    #[serde(rename = "lookup_rule")]
    pub lookup_rules: Vec<DialRule>,
}

/// How makeCallProxy may be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProxyMethods {
    /// By GET and POST.
    #[default]
    Insecure,
    /// By POST only, its password in the body.
    Secure,
}

/// One rule: a number of so many digits that begins so loses some digits and gets others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DialRule {
    /// Its name: at most 20 letters, digits, spaces, `.`, `-` and `_`.
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// *Number Begins With*: digits, `+`, `*`, `#`; nothing: any number.
    #[serde(default)]
    pub begins_with: String,
    /// *Number of Digits*: 1 to 100, `+` counts too.
    pub digits: u32,
    /// *Total Digits to be Removed* from the left.
    pub remove: u32,
    /// *Prefix With Pattern*: digits, `+`, `*`, `#`.
    #[serde(default)]
    pub prefix: String,
}

impl Default for WebDialer {
    fn default() -> Self {
        Self {
            max_calls_per_second: 0,
            session_expiry_h: 0,
            end_call_dialog_s: 15,
            dial_rules_on_dial: true,
            dial_rules_on_soap_dial: false,
            make_call_proxy_methods: ProxyMethods::default(),
            lookups_per_second: 20,
            strict_lines: false,
            strict_soap_action: false,
            fault_hostname: "cordboard".into(),
            trusted_origins: Vec::new(),
            trust_headerless_get: false,
            cors_origins: Vec::new(),
            frame_ancestors: Vec::new(),
            brand: None,
            dial_rules: Vec::new(),
            lookup_rules: Vec::new(),
        }
    }
}

impl WebDialer {
    /// The first key that reads well and cannot be used, and why.
    pub(super) fn unusable(&self) -> Option<(&'static str, String)> {
        let beyond = |key, value: u32, from: u32, to: u32| {
            (value < from || value > to)
                .then(|| (key, format!("{value} is not within {from} to {to}")))
        };
        let origins = [
            (
                "trusted_origins",
                &self.trusted_origins,
                is_origin as fn(&str) -> bool,
            ),
            ("cors_origins", &self.cors_origins, is_origin),
            ("frame_ancestors", &self.frame_ancestors, is_source),
        ];
        let no_origin = || {
            origins.into_iter().find_map(|(key, sites, fits)| {
                let site = sites.iter().find(|site| !fits(site))?;
                let must = "it must be like \"https://intranet.example.com\"";
                Some((key, format!("`{site}` is no site; {must}")))
            })
        };
        let no_rule = || {
            let rules = [
                ("dial_rule", &self.dial_rules),
                ("lookup_rule", &self.lookup_rules),
            ];
            rules.into_iter().find_map(|(key, rules)| {
                rules.iter().find_map(|rule| Some((key, rule.unusable()?)))
            })
        };
        beyond("session_expiry_h", self.session_expiry_h, 0, 168)
            .or_else(|| beyond("end_call_dialog_s", self.end_call_dialog_s, 10, 60))
            .or_else(no_origin)
            .or_else(no_rule)
    }
}

/// Scheme, host and port as browsers write them in `Origin`: a name in ASCII letters, a port only where it is not the usual one.
pub(super) fn is_origin(site: &str) -> bool {
    let (usual, rest) = match site.split_once("://") {
        Some(("http", rest)) => ("80", rest),
        Some(("https", rest)) => ("443", rest),
        _ => return false,
    };
    let bracket = rest.find(']').map_or(0, |end| end + 1);
    let colon = rest[bracket..].find(':').map(|at| at + bracket);
    let (host, port) = rest.split_at(colon.unwrap_or(rest.len()));
    let port = port.strip_prefix(':');
    let is_port = |port: &str| {
        let digits = port.bytes().all(|b| b.is_ascii_digit());
        digits && port.parse::<u16>().is_ok_and(|port| port > 0) && !port.starts_with('0')
    };
    if port.is_some_and(|port| port == usual || !is_port(port)) {
        return false;
    }
    let inside = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    match inside {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host.split('.').all(is_label),
    }
}

/// The same, or all hosts under one, as a Content-Security-Policy names sites.
fn is_source(site: &str) -> bool {
    is_origin(&site.replacen("://*.", "://", 1))
}

fn is_label(label: &str) -> bool {
    let letter = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    !label.is_empty() && label.bytes().all(letter)
}

impl DialRule {
    /// Why it cannot be used. [webdialer §9]
    fn unusable(&self) -> Option<String> {
        let pattern = |text: &str| {
            text.len() <= 100
                && text
                    .chars()
                    .all(|c| c.is_ascii_digit() || "+*#".contains(c))
        };
        let begins = self.begins_with.len();
        let name_fits = |c: char| c.is_ascii_alphanumeric() || " .-_".contains(c);
        let why = if self.name.trim().is_empty()
            || self.name.len() > 20
            || !self.name.chars().all(name_fits)
        {
            "a name has 1 to 20 letters, digits, spaces, `.`, `-` and `_`".to_owned()
        } else if !pattern(&self.begins_with) {
            "begins_with has at most 100 digits, `+`, `*` and `#`".to_owned()
        } else if !pattern(&self.prefix) {
            "prefix has at most 100 digits, `+`, `*` and `#`".to_owned()
        } else if self.digits < 1 || self.digits > 100 {
            format!("digits = {} is not within 1 to 100", self.digits)
        } else if usize::try_from(self.digits).is_ok_and(|digits| digits < begins) {
            format!("digits = {} is less than begins_with has", self.digits)
        } else if self.remove > self.digits {
            format!("remove = {} is more than digits", self.remove)
        } else {
            return None;
        };
        Some(format!("rule `{}`: {why}", self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// The keys of the protocol page's table of settings, with their defaults as they stand there. [webdialer §11]
    fn documented() -> BTreeMap<String, String> {
        let page = include_str!("../../../../../docs/protocols/webdialer.md");
        let rows = page.lines().filter_map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let [_, setting, _, default, _, _, _] = cells.as_slice() else {
                return None;
            };
            let key = setting.strip_prefix("`webdialer.")?.strip_suffix('`')?;
            Some((key.to_owned(), default.trim_matches('`').to_owned()))
        });
        rows.collect()
    }

    #[test]
    fn a_site_is_written_as_browsers_write_it() {
        for (site, origin, source) in [
            ("https://intranet.example.com", true, true),
            ("http://10.0.0.1:8080", true, true),
            ("https://[::1]:8443", true, true),
            ("https://*.example.com", false, true),
            ("https://a.*.example.com", false, false),
            ("https://*", false, false),
            ("https://x:443", false, false),
            ("http://x:80", false, false),
            ("https://x:0", false, false),
            ("https://x:+1", false, false),
            ("https://x:70000", false, false),
            ("https://x:", false, false),
            ("https://u@h", false, false),
            ("https://a;b", false, false),
            ("https://a b", false, false),
            ("https://a,b", false, false),
            ("https://[a]", false, false),
            ("https://h/", false, false),
            ("https://h?q", false, false),
            ("https://h#f", false, false),
            ("https://bücher.example", false, false),
            ("https://", false, false),
            ("ftp://h", false, false),
            ("intranet", false, false),
        ] {
            assert_eq!(
                (is_origin(site), is_source(site)),
                (origin, source),
                "{site}"
            );
        }
    }

    #[test]
    fn the_page_has_every_setting_with_its_default_and_no_other() {
        let toml::Value::Table(table) = toml::Value::try_from(WebDialer::default()).unwrap() else {
            panic!("a section is a table");
        };
        let mut settings: BTreeMap<String, String> = table
            .into_iter()
            .map(|(key, value)| (key, value.to_string()))
            .collect();
        // What is not set is not written.
        assert_eq!(WebDialer::default().brand, None);
        settings.insert("brand".to_owned(), "none".to_owned());
        assert_eq!(documented(), settings);
    }
}
