//! What browsers and scripts send to the pages: fields in a query or a body. [webdialer §8.1]

/// So many fields are read; what follows is ignored. The commands need at most eighteen.
pub const FIELDS: usize = 64;

#[derive(Clone, PartialEq, Eq)]
struct Field {
    name: String,
    value: String,
    written: Vec<u8>,
}

/// Fields as they were sent, decoded; the body's before the query's.
///
/// Has no `Debug`: some fields are passwords.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Form {
    fields: Vec<Field>,
}

impl Form {
    /// Reads a query (without its `?`) and a body of form data. Nothing is refused: what cannot be decoded stays as it is.
    pub fn parse(query: &str, body: &[u8]) -> Self {
        let pairs = [body, query.as_bytes()].into_iter();
        let pairs = pairs.flat_map(|part| part.split(|&b| b == b'&'));
        let fields = pairs.filter(|pair| !pair.is_empty()).take(FIELDS);
        let fields = fields.map(|pair| {
            let middle = pair.iter().position(|&b| b == b'=');
            let (name, value) = pair.split_at(middle.unwrap_or(pair.len()));
            let written = value.get(1..).unwrap_or_default();
            Field {
                name: decode(name),
                value: decode(written),
                written: written.to_owned(),
            }
        });
        Self {
            fields: fields.collect(),
        }
    }

    /// A field's value as it was sent; of several of one name, the first.
    pub fn raw(&self, name: &str) -> Option<&str> {
        self.find(name).map(|field| field.value.as_str())
    }

    /// The same as it is written in the request, not decoded.
    pub fn written(&self, name: &str) -> Option<&[u8]> {
        self.find(name).map(|field| field.written.as_slice())
    }

    fn find(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// A field's value without white space around it; `None` when nothing is left.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.raw(name).map(str::trim).filter(|v| !v.is_empty())
    }

    /// The number to call, as it was written.
    pub fn destination(&self) -> Option<String> {
        self.raw("destination")
            .map(destination)
            .filter(|number| !number.is_empty())
    }

    /// The chosen device. One release sends `SEP… ; model`.
    pub fn device(&self) -> Option<&str> {
        let name = self.get("permDeviceSelect")?.split(';').next()?.trim();
        Some(name).filter(|name| !name.is_empty())
    }

    /// Which device is to call; `None` when nothing is said.
    pub fn device_mode(&self) -> Option<DeviceMode> {
        let mode = self.get("deviceMode")?;
        Some(match mode.eq_ignore_ascii_case("permanent") {
            true => DeviceMode::Permanent,
            false => DeviceMode::ExtensionMobility,
        })
    }

    /// A check box or a boolean.
    pub fn flag(&self, name: &str) -> bool {
        let set = |value: &str| ["true", "on", "1", "yes"].contains(&value.to_lowercase().as_str());
        self.get(name).is_some_and(set)
    }
}

/// Which device a user's calls come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceMode {
    /// The one he chose.
    Permanent,
    /// The one he sits at.
    ExtensionMobility,
}

/// A number as it was meant: an unescaped `+` in front arrives as a space. [webdialer §8.1]
fn destination(value: &str) -> String {
    let plus = value
        .strip_prefix(' ')
        .filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    match plus {
        Some(digits) => format!("+{}", digits.trim_end()),
        None => value.trim().to_owned(),
    }
}

/// Decodes a name or a value of form data, with the `%uXXXX` that JavaScript's `escape` writes.
pub fn decode(mut rest: &[u8]) -> String {
    let mut out = String::with_capacity(rest.len());
    // Bytes that make up characters together.
    let mut run = Vec::new();
    let mut units = Vec::new();
    loop {
        while let Some((unit, after)) = utf16_unit(rest) {
            units.push(unit);
            rest = after;
        }
        if !units.is_empty() {
            flush(&mut out, &mut run);
            out.push_str(&String::from_utf16_lossy(&units));
            units.clear();
        }
        let Some((&first, after)) = rest.split_first() else {
            break;
        };
        let escaped = (first == b'%').then(|| hex(after, 2)).flatten();
        let (byte, length) = match (escaped.map(u16::to_be_bytes), first) {
            (Some([_, byte]), _) => (byte, 3),
            (None, b'+') => (b' ', 1),
            (None, byte) => (byte, 1),
        };
        run.push(byte);
        rest = &rest[length..];
    }
    flush(&mut out, &mut run);
    out
}

/// `%uXXXX` in front.
fn utf16_unit(text: &[u8]) -> Option<(u16, &[u8])> {
    let rest = text.strip_prefix(b"%u")?;
    Some((hex(rest, 4)?, &rest[4..]))
}

/// So many hexadecimal digits in front.
fn hex(text: &[u8], digits: usize) -> Option<u16> {
    let digits = text.get(..digits)?;
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// UTF-8 as forms send it, else Latin-1 as `escape` does.
fn flush(out: &mut String, run: &mut Vec<u8>) {
    match std::str::from_utf8(run) {
        Ok(text) => out.push_str(text),
        Err(_) => out.extend(run.iter().map(|&byte| char::from(byte))),
    }
    run.clear();
}

/// Writes a value as form data, for an address or a cookie: letters, digits, `-`, `.`, `_` and escapes.
pub fn encode(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_as_browsers_and_scripts_write_them() {
        for (sent, value) in [
            ("1002", "1002"),
            ("a+b%20c", "a b c"),
            ("J%C3%B6rg", "Jörg"),
            ("J%F6rg", "Jörg"),
            ("%u0041%u20AC", "A€"),
            ("%uD83D%uDE00", "😀"),
            ("%uD83D", "\u{FFFD}"),
            ("%C3%B6%u00F6%F6", "ööö"),
            ("%", "%"),
            ("%4", "%4"),
            ("%+1", "% 1"),
            ("%zz%u12", "%zz%u12"),
            ("%0D%0A", "\r\n"),
            ("a=b", "a=b"),
        ] {
            let form = Form::parse(&format!("x={sent}"), b"");
            assert_eq!(form.raw("x"), Some(value), "{sent}");
        }
    }

    #[test]
    fn a_space_before_digits_was_a_plus_sign() {
        for (sent, number) in [
            ("+4930123", Some("+4930123")),
            ("%2B4930123", Some("+4930123")),
            ("%204930123", Some("+4930123")),
            ("++4930", Some("4930")),
            ("+(030)+1", Some("(030) 1")),
            ("1002%0A", Some("1002")),
            ("+", None),
            ("", None),
        ] {
            let form = Form::parse(&format!("destination={sent}"), b"");
            assert_eq!(form.destination().as_deref(), number, "{sent}");
        }
    }

    #[test]
    fn doubled_ampersands_and_unknown_fields_do_no_harm_and_the_body_comes_first() {
        let form = Form::parse("cmd=a&&uid=bill&loc&=x", b"cmd=doAuth&cmd=b");
        assert_eq!(form.raw("cmd"), Some("doAuth"));
        assert_eq!(form.get("uid"), Some("bill"));
        assert_eq!((form.raw("loc"), form.get("loc")), (Some(""), None));
        assert_eq!(form.raw("UID"), None);
        let odd = Form::parse("%75id=b%69ll+x", b"");
        let both = (odd.raw("uid"), odd.written("uid"));
        assert_eq!(both, (Some("bill x"), Some(&b"b%69ll+x"[..])));
        let many = "a=1&".repeat(FIELDS) + "b=2";
        assert_eq!(Form::parse(&many, b"").raw("b"), None);
    }

    #[test]
    fn devices_modes_and_check_boxes_are_read_in_every_form_seen() {
        for (sent, device) in [
            ("SEPA", Some("SEPA")),
            ("SEPA+%3B+Cisco+8845", Some("SEPA")),
            ("%3B+Cisco", None),
            ("", None),
        ] {
            let form = Form::parse("", format!("permDeviceSelect={sent}").as_bytes());
            assert_eq!(form.device(), device, "{sent}");
        }
        let mode = |text: &str| Form::parse(text, b"").device_mode();
        assert_eq!(mode("deviceMode=permanent"), Some(DeviceMode::Permanent));
        assert_eq!(mode("deviceMode=x"), Some(DeviceMode::ExtensionMobility));
        assert_eq!(mode("deviceMode="), None);
        let form = Form::parse("a=TRUE&b=on&c=false&d=&e=1", b"");
        let set = ["a", "b", "c", "d", "e", "f"].map(|name| form.flag(name));
        assert_eq!(set, [true, true, false, false, true, false]);
    }

    #[test]
    fn what_is_encoded_reads_back_and_holds_nothing_that_ends_a_header_or_a_field() {
        let odd = "a;b,c=\"d\" \r\n\0&+%u0041ö<😀";
        let encoded = encode(odd);
        let harmless = |c: char| c.is_ascii_alphanumeric() || "%-._".contains(c);
        assert!(encoded.chars().all(harmless), "{encoded}");
        assert_eq!(
            Form::parse(&format!("x={encoded}"), b"").raw("x"),
            Some(odd)
        );
    }
}
