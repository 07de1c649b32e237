//! Requests out, exactly as the original asks for them. [webdialer §12]

use super::types::{Credential, Dialect, Request, UserProfile};
use crate::Secret;
use crate::soap::{ENCODING_NS, ENVELOPE_NS, XSD_NS, XSI_NS};
use crate::xml::push_escaped;

/// Writes a request, UTF-8.
///
/// To the rpc services everything goes typed, and of a user profile only what is set: Cisco's own
/// minimal form. The document/literal service gets every field its schema requires. Absent
/// arguments are sent empty. [webdialer §12]
pub fn encode_request(dialect: Dialect, request: &Request) -> Vec<u8> {
    let name = request.operation().name();
    let mut writer = Writer {
        out: String::with_capacity(1536),
        dialect,
    };
    writer.push("<?xml version=\"1.0\" encoding=\"utf-8\"?><soapenv:Envelope xmlns:soapenv=\"");
    writer.push(ENVELOPE_NS);
    if dialect != Dialect::Axis2 {
        writer.push("\" xmlns:xsd=\"");
        writer.push(XSD_NS);
        writer.push("\" xmlns:xsi=\"");
        writer.push(XSI_NS);
    }
    writer.push("\"><soapenv:Body><wd:");
    writer.push(name);
    if dialect != Dialect::Axis2 {
        writer.push(" soapenv:encodingStyle=\"");
        writer.push(ENCODING_NS);
        writer.push("\"");
    }
    writer.push(" xmlns:wd=\"");
    writer.push(dialect.namespace());
    writer.push("\">");
    writer.arguments(request);
    writer.push("</wd:");
    writer.push(name);
    writer.push("></soapenv:Body></soapenv:Envelope>");
    writer.out.into_bytes()
}

struct Writer {
    out: String,
    dialect: Dialect,
}

impl Writer {
    fn push(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn arguments(&mut self, request: &Request) {
        // The names in the three dialects, in their order: W70, LEG, AX2.
        let name = |names: [&'static str; 3]| names[self.dialect as usize];
        let who = name(["in0", "cred", "args0"]);
        match request {
            Request::MakeCall {
                credential,
                destination,
                profile,
            } => {
                let [to, whose] = [
                    name(["in1", "dest", "args1"]),
                    name(["in2", "prof", "args2"]),
                ];
                self.credential(who, credential);
                self.scalar(to, "xsd:string", destination.as_deref().unwrap_or_default());
                self.user_profile(whose, profile);
            }
            Request::EndCall {
                credential,
                profile,
            } => {
                let whose = name(["in1", "prof", "args1"]);
                self.credential(who, credential);
                self.user_profile(whose, profile);
            }
            Request::GetProfile { credential, user } => {
                let whose = name(["in1", "userid", "args1"]);
                self.credential(who, credential);
                self.scalar(whose, "xsd:string", user.as_deref().unwrap_or_default());
            }
            Request::IsClusterUser { user } => {
                let whose = name(["in0", "userid", "args0"]);
                self.scalar(whose, "xsd:string", user.as_deref().unwrap_or_default());
            }
            Request::GetProfileDetail { credential } | Request::GetPrimaryLine { credential } => {
                self.credential(who, credential)
            }
        }
    }

    fn credential(&mut self, name: &str, credential: &Credential) {
        let Credential {
            token,
            user_id,
            password,
        } = credential;
        let user_id = user_id.as_deref();
        let password = password.as_ref().map(Secret::expose);
        let token = token.as_ref().map(Secret::expose);
        self.open(name, "wd:Credential");
        if self.dialect == Dialect::Axis2 {
            // Another order than in W70, and two fields required even beside a token. [webdialer §4.1]
            self.scalar("userID", "xsd:string", user_id.unwrap_or_default());
            self.scalar("password", "xsd:string", password.unwrap_or_default());
            self.optional("token", token);
        } else {
            self.optional("token", token);
            self.optional("userID", user_id);
            self.optional("password", password);
        }
        self.close(name);
    }

    fn user_profile(&mut self, name: &str, profile: &UserProfile) {
        self.open(name, "wd:UserProfile");
        let whole = self.dialect == Dialect::Axis2;
        let texts = [
            ("user", &profile.user),
            ("deviceName", &profile.device_name),
            ("lineNumber", &profile.line_number),
        ];
        for (field, value) in texts {
            self.text_field(whole, field, value.as_deref());
        }
        self.boolean_field(whole, "supportEM", profile.support_em);
        self.text_field(whole, "locale", profile.locale.as_deref());
        self.boolean_field(whole, "dontAutoClose", profile.dont_auto_close);
        self.boolean_field(whole, "dontShowCallConf", profile.dont_show_call_conf);
        self.close(name);
    }

    fn text_field(&mut self, whole: bool, name: &str, value: Option<&str>) {
        if whole {
            self.scalar(name, "xsd:string", value.unwrap_or_default());
        } else {
            self.optional(name, value);
        }
    }

    fn boolean_field(&mut self, whole: bool, name: &str, value: bool) {
        if whole || value {
            self.scalar(name, "xsd:boolean", if value { "true" } else { "false" });
        }
    }

    fn optional(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.scalar(name, "xsd:string", value);
        }
    }

    /// Children are unqualified in the rpc services, qualified in the other.
    fn open(&mut self, name: &str, type_name: &str) {
        if self.dialect == Dialect::Axis2 {
            self.push("<wd:");
            self.push(name);
        } else {
            self.push("<");
            self.push(name);
            self.push(" xsi:type=\"");
            self.push(type_name);
            self.push("\"");
        }
        self.push(">");
    }

    fn close(&mut self, name: &str) {
        self.push(if self.dialect == Dialect::Axis2 {
            "</wd:"
        } else {
            "</"
        });
        self.push(name);
        self.push(">");
    }

    fn scalar(&mut self, name: &str, type_name: &str, value: &str) {
        self.open(name, type_name);
        push_escaped(&mut self.out, value);
        self.close(name);
    }
}
