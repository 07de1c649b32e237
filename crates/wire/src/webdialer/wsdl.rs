//! Service descriptions: templates with one hole, the endpoint's address.

use super::types::Dialect;
use crate::xml::push_escaped;

const WD70: &str = include_str!("wsdl/wd70.wsdl");
const LEGACY: &str = include_str!("wsdl/legacy.wsdl");
const AXIS2: &str = include_str!("wsdl/axis2.wsdl");

/// The hole.
const ADDRESS: &str = "@ADDRESS@";

/// The service description of a dialect, for the address the caller used. [webdialer §3] [webdialer §4]
///
/// `address` is the whole URL of the endpoint; it is escaped here. The W70 description is also what
/// `/webdialer/wsdl/wd70.wsdl` serves.
pub fn wsdl(dialect: Dialect, address: &str) -> String {
    let template = match dialect {
        Dialect::Wd70 => WD70,
        Dialect::Legacy => LEGACY,
        Dialect::Axis2 => AXIS2,
    };
    let (before, after) = template.split_once(ADDRESS).unwrap_or((template, ""));
    let mut out = String::with_capacity(template.len() + address.len());
    out.push_str(before);
    push_escaped(&mut out, address);
    out.push_str(after);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webdialer::Operation;
    use crate::xml::{Element, Limits, parse};
    use std::collections::BTreeSet;

    const WSDL_NS: &str = "http://schemas.xmlsoap.org/wsdl/";

    fn named<'d>(root: Element<'d>, element: &str) -> Vec<&'d str> {
        root.descendants()
            .filter(|found| found.is(WSDL_NS, element))
            .filter_map(|found| found.attribute("name"))
            .collect()
    }

    #[test]
    fn each_description_names_the_address_the_caller_used_once_and_escaped() {
        let address = "https://host:8443/a?b=1&c=\"<";
        for dialect in Dialect::ALL {
            let text = wsdl(dialect, address);
            let document = parse(text.as_bytes(), None, &Limits::ANSWER).unwrap();
            let found: Vec<_> = document
                .root()
                .descendants()
                .filter(|element| element.name() == "address")
                .filter_map(|element| element.attribute("location"))
                .collect();
            assert_eq!(found, [address], "{dialect:?}");
            assert!(!text.contains(ADDRESS));
        }
    }

    #[test]
    fn names_that_generated_programs_depend_on_are_the_originals() {
        let text = [Dialect::Wd70, Dialect::Legacy, Dialect::Axis2]
            .map(|dialect| wsdl(dialect, "http://x"));
        let documents = text
            .each_ref()
            .map(|text| parse(text.as_bytes(), None, &Limits::ANSWER).unwrap());
        let [wd70, legacy, axis2] = documents.each_ref().map(|document| document.root());
        assert_eq!(wd70.attribute("targetNamespace"), Some("urn:WD70"));
        assert_eq!(named(wd70, "service"), ["WDSoapInterfaceService"]);
        assert_eq!(named(wd70, "port"), ["WebdialerSoapService70"]);
        assert_eq!(named(wd70, "portType"), ["WDSoapInterface"]);
        assert_eq!(
            named(wd70, "binding"),
            [
                "WebdialerSoapService70SoapBinding",
                "WebdialerSoapServiceSoapBinding"
            ]
        );
        assert_eq!(
            legacy.attribute("targetNamespace"),
            Some("urn:WebdialerSoap")
        );
        assert_eq!(legacy.attribute("name"), Some("urn:WebdialerSoap"));
        assert_eq!(named(legacy, "service"), ["WebdialerSoapService"]);
        assert_eq!(named(legacy, "port"), ["WebdialerSoapService"]);
        assert_eq!(named(legacy, "portType"), ["WebdialerSoapService"]);
        assert_eq!(
            named(legacy, "binding"),
            ["WebdialerSoapServiceSoapBinding"]
        );
        assert_eq!(
            axis2.attribute("targetNamespace"),
            Some("http://webdialer.ccm.cisco.com")
        );
        assert_eq!(named(axis2, "service"), ["webdialer"]);
        assert_eq!(named(axis2, "port"), ["WDSoapInterfacePortType"]);
        assert_eq!(named(axis2, "portType"), ["WDSoapInterfacePortType"]);
        assert_eq!(named(axis2, "binding"), ["WDSoapInterfaceSoapBinding"]);
        for root in [wd70, legacy, axis2] {
            let offered: BTreeSet<_> = named(root, "operation").into_iter().collect();
            let all: BTreeSet<_> = Operation::ALL.map(Operation::name).into_iter().collect();
            assert_eq!(offered, all);
        }
    }

    #[test]
    fn the_schema_a_program_calls_ns0_defines_its_argument_types() {
        // zeep numbers namespaces in the order of the schemas. [webdialer §3]
        for (dialect, first) in [
            (Dialect::Wd70, "http://webdialer.ccm.cisco.com"),
            (Dialect::Legacy, "urn:WebdialerSoap"),
        ] {
            let text = wsdl(dialect, "http://x");
            let document = parse(text.as_bytes(), None, &Limits::ANSWER).unwrap();
            let schemas: Vec<_> = document
                .root()
                .descendants()
                .filter(|element| element.name() == "schema")
                .collect();
            assert_eq!(schemas[0].attribute("targetNamespace"), Some(first));
            let types: Vec<_> = schemas[0]
                .children()
                .filter_map(|child| child.attribute("name"))
                .collect();
            assert!(
                types.starts_with(&["Credential", "UserProfile"]),
                "{types:?}"
            );
            if dialect == Dialect::Wd70 {
                let last = schemas
                    .last()
                    .and_then(|schema| schema.attribute("targetNamespace"));
                assert_eq!(last, Some("urn:WebdialerSoap"));
            }
        }
    }
}
