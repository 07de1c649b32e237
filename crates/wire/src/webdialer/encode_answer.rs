//! Answers out, in the exact layout that clients in the field depend on. [webdialer §5.1]

use super::types::{Answer, DeviceDetail, DeviceLines, Dialect, Operation, Outcome};
use crate::soap::{ENCODING_NS, ENVELOPE_NS, XSD_NS, XSI_NS};
use crate::xml::push_escaped;

/// Writes an answer, UTF-8, without white space between elements. [webdialer §5.1]
///
/// `namespace` is [`Decoded::namespace`](super::Decoded::namespace), which the wrapper repeats;
/// Axis2's answers do not depend on it.
pub fn encode_answer(dialect: Dialect, namespace: Option<&str>, answer: &Answer) -> Vec<u8> {
    let devices = match answer {
        Answer::GetProfile { devices, .. } => devices.len(),
        Answer::GetProfileDetail { devices, .. } => devices.len(),
        _ => 0,
    };
    let out = String::with_capacity(1024 + devices * 768);
    match dialect {
        Dialect::Axis2 => literal(out, answer),
        Dialect::Wd70 | Dialect::Legacy => Encoded::new(out, dialect).answer(namespace, answer),
    }
    .into_bytes()
}

fn push_all(out: &mut String, parts: &[&str]) {
    for part in parts {
        out.push_str(part);
    }
}

/// Where responseCode stands. [webdialer §4.3] [webdialer §5.4]
#[derive(Clone, Copy, PartialEq, Eq)]
enum Code {
    Inline,
    ByReference,
}

/// Writes rpc/encoded answers, the way Axis 1.4 does: objects as `multiRef` siblings of the wrapper.
struct Encoded {
    out: String,
    dialect: Dialect,
    /// Number of the next id.
    next_id: usize,
    /// Number of the next namespace prefix.
    next_prefix: usize,
}

const XSD_STRING: &str = "xsd:string";
const SOAPENC_STRING: &str = "soapenc:string";

impl Encoded {
    fn new(out: String, dialect: Dialect) -> Self {
        Self {
            out,
            dialect,
            next_id: 0,
            next_prefix: 1,
        }
    }

    fn answer(mut self, namespace: Option<&str>, answer: &Answer) -> String {
        push_all(
            &mut self.out,
            &[
                "<?xml version=\"1.0\" encoding=\"utf-8\"?><soapenv:Envelope xmlns:soapenv=\"",
                ENVELOPE_NS,
                "\" xmlns:xsd=\"",
                XSD_NS,
                "\" xmlns:xsi=\"",
                XSI_NS,
                "\"><soapenv:Body>",
            ],
        );
        let operation = answer.operation();
        match answer {
            Answer::MakeCall(outcome) | Answer::EndCall(outcome) => {
                self.object_wrapper(namespace, operation);
                self.call_response(outcome);
            }
            Answer::GetProfile { outcome, devices } => {
                self.object_wrapper(namespace, operation);
                self.config_response(outcome, devices);
            }
            Answer::GetProfileDetail { outcome, devices } => {
                self.object_wrapper(namespace, operation);
                self.config_response_detail(outcome, devices);
            }
            Answer::IsClusterUser(known) => {
                let end = self.wrapper(namespace, operation);
                let value = if *known { "true" } else { "false" };
                push_all(
                    &mut self.out,
                    &[
                        "<",
                        operation.name(),
                        "Return xsi:type=\"xsd:boolean\">",
                        value,
                        "</",
                        operation.name(),
                        "Return>",
                        &end,
                    ],
                );
            }
            Answer::GetPrimaryLine(number) => {
                let end = self.wrapper(namespace, operation);
                push_all(
                    &mut self.out,
                    &[
                        "<",
                        operation.name(),
                        "Return xsi:type=\"soapenc:string\" xmlns:soapenc=\"",
                        ENCODING_NS,
                    ],
                );
                if number.is_empty() {
                    self.out.push_str("\"/>");
                } else {
                    self.out.push_str("\">");
                    push_escaped(&mut self.out, number);
                    push_all(&mut self.out, &["</", operation.name(), "Return>"]);
                }
                self.out.push_str(&end);
            }
        }
        self.out.push_str("</soapenv:Body></soapenv:Envelope>");
        self.out
    }

    /// Opens the wrapper, which repeats the namespace of the request; gives its end tag.
    fn wrapper(&mut self, namespace: Option<&str>, operation: Operation) -> String {
        let name = operation.name();
        match namespace {
            Some(uri) => {
                let prefix = self.prefix();
                push_all(
                    &mut self.out,
                    &[
                        "<",
                        &prefix,
                        ":",
                        name,
                        "Response soapenv:encodingStyle=\"",
                        ENCODING_NS,
                        "\" xmlns:",
                        &prefix,
                        "=\"",
                    ],
                );
                push_escaped(&mut self.out, uri);
                self.out.push_str("\">");
                format!("</{prefix}:{name}Response>")
            }
            None => {
                push_all(
                    &mut self.out,
                    &[
                        "<",
                        name,
                        "Response soapenv:encodingStyle=\"",
                        ENCODING_NS,
                        "\">",
                    ],
                );
                format!("</{name}Response>")
            }
        }
    }

    /// The wrapper of a result that is an object: a reference to id0, the first `multiRef`.
    fn object_wrapper(&mut self, namespace: Option<&str>, operation: Operation) {
        let end = self.wrapper(namespace, operation);
        let id = self.id();
        push_all(
            &mut self.out,
            &["<", operation.name(), "Return href=\"#", &id, "\"/>", &end],
        );
    }

    fn call_response(&mut self, outcome: &Outcome) {
        let (_, end) = self.object("id0", "CallResponse", self.dialect.namespace());
        let reference = self.response_code(outcome, self.code());
        self.scalar("responseDescription", XSD_STRING, &outcome.description);
        self.out.push_str(end);
        self.referenced_code(outcome, reference);
    }

    fn config_response(&mut self, outcome: &Outcome, devices: &[DeviceLines]) {
        // Cisco's own sample types the devices in the legacy namespace, on either address. [webdialer §5.4]
        let device_namespace = Dialect::Legacy.namespace();
        let (mut prefix, end) = self.object("id0", "GetConfigResponse", self.dialect.namespace());
        self.scalar("description", XSD_STRING, &outcome.description);
        let declaration = if self.dialect.namespace() == device_namespace {
            None
        } else {
            prefix = self.prefix();
            Some(device_namespace)
        };
        let ids = self.references(
            "deviceInfoList",
            &prefix,
            "WDDeviceInfo",
            devices.len(),
            declaration,
        );
        // By reference on both addresses, as in the sample. [webdialer §5.4]
        let reference = self.response_code(outcome, Code::ByReference);
        self.out.push_str(end);
        for (device, id) in devices.iter().zip(ids) {
            let (_, end) = self.object(&id, "WDDeviceInfo", device_namespace);
            self.scalar("deviceName", XSD_STRING, &device.name);
            self.lines(&device.lines, XSD_STRING);
            self.out.push_str(end);
        }
        self.referenced_code(outcome, reference);
    }

    fn config_response_detail(&mut self, outcome: &Outcome, devices: &[DeviceDetail]) {
        let namespace = self.dialect.namespace();
        let (prefix, end) = self.object("id0", "ConfigResponseDetail", namespace);
        self.scalar("description", SOAPENC_STRING, &outcome.description);
        let ids = self.references(
            "deviceInfoListDetail",
            &prefix,
            "WDDeviceInfoDetail",
            devices.len(),
            None,
        );
        let reference = self.response_code(outcome, self.code());
        self.out.push_str(end);
        for (device, id) in devices.iter().zip(ids) {
            let (_, end) = self.object(&id, "WDDeviceInfoDetail", namespace);
            self.scalar("deviceName", SOAPENC_STRING, &device.name);
            self.lines(&device.lines, SOAPENC_STRING);
            self.scalar("phoneDesc", SOAPENC_STRING, &device.description);
            self.scalar("phoneType", SOAPENC_STRING, &device.model);
            self.out.push_str(end);
        }
        self.referenced_code(outcome, reference);
    }

    /// How the dialect writes response codes where no sample says otherwise. [webdialer §4.3]
    fn code(&self) -> Code {
        if self.dialect == Dialect::Legacy {
            Code::ByReference
        } else {
            Code::Inline
        }
    }

    /// Writes responseCode; gives the id it refers to, if it does.
    fn response_code(&mut self, outcome: &Outcome, code: Code) -> Option<String> {
        if code == Code::Inline {
            self.scalar(
                "responseCode",
                "xsd:int",
                &outcome.code.number().to_string(),
            );
            return None;
        }
        let id = self.id();
        push_all(&mut self.out, &["<responseCode href=\"#", &id, "\"/>"]);
        Some(id)
    }

    fn referenced_code(&mut self, outcome: &Outcome, reference: Option<String>) {
        let Some(id) = reference else { return };
        self.multi_ref(&id);
        push_all(
            &mut self.out,
            &[
                "\" xsi:type=\"xsd:int\" xmlns:soapenc=\"",
                ENCODING_NS,
                "\">",
                &outcome.code.number().to_string(),
                "</multiRef>",
            ],
        );
    }

    fn multi_ref(&mut self, id: &str) {
        push_all(
            &mut self.out,
            &[
                "<multiRef id=\"",
                id,
                "\" soapenc:root=\"0\" soapenv:encodingStyle=\"",
                ENCODING_NS,
            ],
        );
    }

    /// Opens the `multiRef` of an object; gives the prefix of its type and its end tag.
    fn object(&mut self, id: &str, type_name: &str, namespace: &str) -> (String, &'static str) {
        let prefix = self.prefix();
        self.multi_ref(id);
        push_all(
            &mut self.out,
            &[
                "\" xsi:type=\"",
                &prefix,
                ":",
                type_name,
                "\" xmlns:soapenc=\"",
                ENCODING_NS,
                "\" xmlns:",
                &prefix,
                "=\"",
                namespace,
                "\">",
            ],
        );
        (prefix, "</multiRef>")
    }

    fn scalar(&mut self, name: &str, type_name: &str, value: &str) {
        push_all(&mut self.out, &["<", name, " xsi:type=\"", type_name]);
        if value.is_empty() {
            self.out.push_str("\"/>");
            return;
        }
        self.out.push_str("\">");
        push_escaped(&mut self.out, value);
        push_all(&mut self.out, &["</", name, ">"]);
    }

    fn array(
        &mut self,
        name: &str,
        item_type: &str,
        len: usize,
        declaration: Option<(&str, &str)>,
    ) {
        push_all(
            &mut self.out,
            &[
                "<",
                name,
                " soapenc:arrayType=\"",
                item_type,
                "[",
                &len.to_string(),
                "]\" xsi:type=\"soapenc:Array\"",
            ],
        );
        if let Some((prefix, uri)) = declaration {
            push_all(&mut self.out, &[" xmlns:", prefix, "=\"", uri, "\""]);
        }
        self.out.push_str(if len == 0 { "/>" } else { ">" });
    }

    /// Writes an array of references; gives their ids.
    fn references(
        &mut self,
        name: &str,
        prefix: &str,
        type_name: &str,
        len: usize,
        declaration: Option<&str>,
    ) -> Vec<String> {
        let item_type = format!("{prefix}:{type_name}");
        self.array(name, &item_type, len, declaration.map(|uri| (prefix, uri)));
        let ids: Vec<_> = (0..len).map(|_| self.id()).collect();
        for id in &ids {
            push_all(&mut self.out, &["<item href=\"#", id, "\"/>"]);
        }
        if len > 0 {
            push_all(&mut self.out, &["</", name, ">"]);
        }
        ids
    }

    fn lines(&mut self, lines: &[String], item_type: &str) {
        self.array("lines", item_type, lines.len(), None);
        for line in lines {
            self.scalar("item", item_type, line);
        }
        if !lines.is_empty() {
            self.out.push_str("</lines>");
        }
    }

    fn id(&mut self) -> String {
        let id = format!("id{}", self.next_id);
        self.next_id += 1;
        id
    }

    fn prefix(&mut self) -> String {
        let prefix = format!("ns{}", self.next_prefix);
        self.next_prefix += 1;
        prefix
    }
}

/// Writes document/literal answers: lists by repetition, no types, no references. [webdialer §4.1]
fn literal(mut out: String, answer: &Answer) -> String {
    let name = answer.operation().name();
    push_all(
        &mut out,
        &[
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><soapenv:Envelope xmlns:soapenv=\"",
            ENVELOPE_NS,
            "\"><soapenv:Header/><soapenv:Body><ns:",
            name,
            "Response xmlns:ns=\"",
            Dialect::Axis2.namespace(),
            "\">",
        ],
    );
    match answer {
        Answer::IsClusterUser(known) => {
            literal_scalar(&mut out, "return", if *known { "true" } else { "false" });
        }
        Answer::GetPrimaryLine(number) => literal_scalar(&mut out, "return", number),
        Answer::MakeCall(outcome) | Answer::EndCall(outcome) => {
            out.push_str("<ns:return>");
            literal_scalar(&mut out, "responseCode", &outcome.code.number().to_string());
            literal_scalar(&mut out, "responseDescription", &outcome.description);
            out.push_str("</ns:return>");
        }
        Answer::GetProfile { outcome, devices } => {
            out.push_str("<ns:return>");
            literal_scalar(&mut out, "description", &outcome.description);
            for device in devices {
                out.push_str("<ns:deviceInfoList>");
                literal_device(&mut out, &device.name, &device.lines);
                out.push_str("</ns:deviceInfoList>");
            }
            literal_scalar(&mut out, "responseCode", &outcome.code.number().to_string());
            out.push_str("</ns:return>");
        }
        Answer::GetProfileDetail { outcome, devices } => {
            out.push_str("<ns:return>");
            literal_scalar(&mut out, "description", &outcome.description);
            for device in devices {
                out.push_str("<ns:deviceInfoListDetail>");
                literal_device(&mut out, &device.name, &device.lines);
                literal_scalar(&mut out, "phoneDesc", &device.description);
                literal_scalar(&mut out, "phoneType", &device.model);
                out.push_str("</ns:deviceInfoListDetail>");
            }
            literal_scalar(&mut out, "responseCode", &outcome.code.number().to_string());
            out.push_str("</ns:return>");
        }
    }
    push_all(
        &mut out,
        &["</ns:", name, "Response></soapenv:Body></soapenv:Envelope>"],
    );
    out
}

fn literal_device(out: &mut String, name: &str, lines: &[String]) {
    literal_scalar(out, "deviceName", name);
    for line in lines {
        literal_scalar(out, "lines", line);
    }
}

fn literal_scalar(out: &mut String, name: &str, value: &str) {
    if value.is_empty() {
        push_all(out, &["<ns:", name, "/>"]);
        return;
    }
    push_all(out, &["<ns:", name, ">"]);
    push_escaped(out, value);
    push_all(out, &["</ns:", name, ">"]);
}
