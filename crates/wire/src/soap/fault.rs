//! SOAP faults as Axis 1.4 and Axis2 print them. [webdialer §6.2]

use super::{ENVELOPE_NS, SOAP12_ENVELOPE_NS, XSD_NS, XSI_NS};
use crate::xml::{XmlError, push_escaped};

/// The namespace of Axis 1.4's own fault codes and of its fault details.
const AXIS_NS: &str = "http://xml.apache.org/axis/";

/// Who is to blame, and why, as the `faultcode` element says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultCode {
    /// `soapenv:Server.userException`: Axis 1.4's word for anything that went wrong while reading.
    UserException,
    /// `soapenv:VersionMismatch`; the answer then names the envelope that is understood.
    VersionMismatch,
    /// `soapenv:MustUnderstand`
    MustUnderstand,
    /// `ns1:Client`, in Axis's namespace.
    AxisClient,
    /// `ns1:Client.NoSOAPAction`, in Axis's namespace.
    NoSoapAction,
    /// `ns1:Server.NoService`, in Axis's namespace.
    NoService,
    /// `soapenv:Client`, Axis2's word for a wrong address or operation.
    Client,
    /// `soapenv:Server`, for what goes wrong on our side.
    Server,
}

impl FaultCode {
    /// The code as it is printed; `ns1` is Axis's namespace.
    pub fn text(self) -> &'static str {
        match self {
            Self::UserException => "soapenv:Server.userException",
            Self::VersionMismatch => "soapenv:VersionMismatch",
            Self::MustUnderstand => "soapenv:MustUnderstand",
            Self::AxisClient => "ns1:Client",
            Self::NoSoapAction => "ns1:Client.NoSOAPAction",
            Self::NoService => "ns1:Server.NoService",
            Self::Client => "soapenv:Client",
            Self::Server => "soapenv:Server",
        }
    }

    fn in_axis_namespace(self) -> bool {
        matches!(
            self,
            Self::AxisClient | Self::NoSoapAction | Self::NoService
        )
    }
}

/// A request that could not be understood, as an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Who is to blame.
    pub code: FaultCode,
    /// What happened, for the caller.
    pub string: String,
    /// HTTP status that goes with it: 500, but 404 for a service that Axis2 does not have.
    pub status: u16,
}

impl Fault {
    /// A fault that goes with HTTP status 500.
    pub fn new(code: FaultCode, string: impl Into<String>) -> Self {
        Self {
            code,
            string: string.into(),
            status: 500,
        }
    }

    /// No service of that name. [webdialer §6.2]
    pub fn no_service(name: &str) -> Self {
        Self::new(
            FaultCode::NoService,
            format!(
                "The AXIS engine could not find a target service to invoke!  targetService is {name}"
            ),
        )
    }

    /// No `SOAPAction` header, for the strict mode. [webdialer §2]
    pub fn no_soap_action() -> Self {
        Self::new(FaultCode::NoSoapAction, "no SOAPAction header!")
    }

    /// No operation of that name, on an Axis 1.4 endpoint. [webdialer §6.2]
    pub fn no_such_operation(name: &str) -> Self {
        Self::new(FaultCode::AxisClient, format!("No such operation '{name}'"))
    }

    /// No operation of that name, on an Axis2 endpoint. [webdialer §4.1]
    pub fn axis2_no_such_operation(path: &str, soap_action: Option<&str>) -> Self {
        Self::new(
            FaultCode::Client,
            format!(
                "The endpoint reference (EPR) for the Operation not found is {path} and the WSA Action = {}. \
                 If this EPR was previously reachable, please contact the server administrator.",
                soap_action
                    .filter(|text| !text.is_empty())
                    .unwrap_or("null")
            ),
        )
    }

    /// No service at that path, on an Axis2 server; goes with status 404. [webdialer §4.1]
    pub fn axis2_no_service(path: &str) -> Self {
        Self {
            status: 404,
            ..Self::new(
                FaultCode::Client,
                format!("The service cannot be found for the endpoint reference (EPR) {path}"),
            )
        }
    }

    /// The body held no element. [webdialer §6.2]
    pub fn body_not_found() -> Self {
        Self::new(
            FaultCode::UserException,
            "java.lang.Exception: Body not found.",
        )
    }

    /// The request is over a limit or malfunctions in a way that only our log explains.
    pub fn internal() -> Self {
        Self::new(FaultCode::Server, "Internal error")
    }

    /// The whole message, UTF-8. `hostname` is the label that Axis's detail element carries: a
    /// configured word, never the machine's real name unless somebody wants that.
    pub fn encode(&self, hostname: &str) -> Vec<u8> {
        let mut out = String::with_capacity(640 + self.string.len() + hostname.len());
        out.push_str(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><soapenv:Envelope xmlns:soapenv=\"",
        );
        out.push_str(ENVELOPE_NS);
        out.push_str("\" xmlns:xsd=\"");
        out.push_str(XSD_NS);
        out.push_str("\" xmlns:xsi=\"");
        out.push_str(XSI_NS);
        out.push_str("\">");
        if self.code == FaultCode::VersionMismatch {
            out.push_str("<soapenv:Header><ns0:Upgrade xmlns:ns0=\"");
            out.push_str(SOAP12_ENVELOPE_NS);
            out.push_str("\"><ns0:SupportedEnvelope qname=\"ns1:Envelope\" xmlns:ns1=\"");
            out.push_str(ENVELOPE_NS);
            out.push_str("\"/></ns0:Upgrade></soapenv:Header>");
        }
        out.push_str("<soapenv:Body><soapenv:Fault><faultcode");
        if self.code.in_axis_namespace() {
            out.push_str(" xmlns:ns1=\"");
            out.push_str(AXIS_NS);
            out.push('"');
        }
        out.push('>');
        out.push_str(self.code.text());
        out.push_str("</faultcode><faultstring>");
        push_escaped(&mut out, &self.string);
        out.push_str("</faultstring>");
        if matches!(self.code, FaultCode::Client | FaultCode::Server) {
            // Axis2 leaves the detail empty.
            out.push_str("<detail/>");
        } else {
            // Axis counts its prefixes: ns1 is taken when the code itself is in its namespace.
            let prefix = if self.code.in_axis_namespace() {
                "ns2"
            } else {
                "ns1"
            };
            for part in [
                "<detail><",
                prefix,
                ":hostname xmlns:",
                prefix,
                "=\"",
                AXIS_NS,
                "\">",
            ] {
                out.push_str(part);
            }
            push_escaped(&mut out, hostname);
            for part in ["</", prefix, ":hostname></detail>"] {
                out.push_str(part);
            }
        }
        out.push_str("</soapenv:Fault></soapenv:Body></soapenv:Envelope>");
        out.into_bytes()
    }
}

impl From<XmlError> for Fault {
    /// What Axis says of a body that its parser refuses. [webdialer §6.2]
    fn from(error: XmlError) -> Self {
        Self::new(FaultCode::UserException, error.sax_text())
    }
}
