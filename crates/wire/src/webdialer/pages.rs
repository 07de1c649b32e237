//! What a browser sees at a SOAP address: Axis's own little pages. [webdialer §2]

use super::types::{Dialect, Operation};
use crate::xml::push_escaped;

/// Media type of all pages here.
pub const PAGE_TYPE: &str = "text/html;charset=utf-8";

/// A service's greeting, for GET without a query; status 200.
pub fn hello(dialect: Dialect) -> String {
    format!(
        "<h1>{}</h1>\n<p>Hi there, this is an AXIS service!</p>\n<i>Perhaps there will be a form for invoking the service here...</i>\n",
        dialect.service_name()
    )
}

/// The list at `/webdialer/services`; status 200. `base` is that list's own URL, without a slash at its end.
pub fn service_list(base: &str) -> String {
    let mut out = "<h2>And now... Some Services</h2>\n<ul>\n".to_owned();
    for dialect in Dialect::ALL {
        let name = dialect.service_name();
        out.push_str("<li>");
        out.push_str(name);
        out.push_str(" <a href=\"");
        push_escaped(&mut out, base);
        out.push('/');
        out.push_str(name);
        out.push_str("?wsdl\"><i>(wsdl)</i></a></li>\n<ul>\n");
        for operation in Operation::ALL {
            out.push_str("<li>");
            out.push_str(operation.name());
            out.push_str("</li>\n");
        }
        out.push_str("</ul>\n");
    }
    out.push_str("</ul>\n");
    out
}

/// For GET at an unknown service; status 404.
pub fn no_service() -> String {
    "<h2>AXIS error</h2>\n<p>No service is available at this URL</p>\n".to_owned()
}

/// For GET with `?wsdl` at an unknown service; status 404.
pub fn no_wsdl() -> String {
    "<h2>AXIS error</h2>\n<p>Could not generate WSDL!</p>\n<p>There is no SOAP service at this location</p>\n"
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_greets_in_three_lines() {
        let page = hello(Dialect::Wd70);
        assert_eq!(page.lines().count(), 3);
        assert!(page.starts_with(
            "<h1>WebdialerSoapService70</h1>\n<p>Hi there, this is an AXIS service!</p>"
        ));
    }

    #[test]
    fn the_list_names_every_service_and_escapes_the_address_it_was_asked_at() {
        let page = service_list("http://a\"><script>/services");
        assert!(!page.contains("<script>"));
        for dialect in Dialect::ALL {
            assert!(page.contains(&format!("<li>{} <a href=", dialect.service_name())));
        }
        assert_eq!(page.matches("<li>").count(), 21);
    }
}
