//! Scripts of listed sites may use the SOAP services; everybody else is answered as by the original. [webdialer §2]

mod common;

use common::{Response, Server};

const FIXTURE: &str = include_str!("common/webdialer.toml");
const W70: &str = "/webdialer/services/WebdialerSoapService70";
const LISTED: &str = "https://crm.example.com";
const QUESTION: &str = "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body>\
    <isClusterUserSoap xmlns=\"urn:WD70\"><in0>bill</in0></isClusterUserSoap></e:Body></e:Envelope>";

async fn server(origins: &[&str]) -> Server {
    let origins = origins.iter().map(|&origin| origin.to_owned()).collect();
    Server::start(FIXTURE, |config| config.webdialer.cors_origins = origins).await
}

async fn asks(server: &Server, method: &str, path: &str, origin: Option<&str>) -> Response {
    let mut headers = vec![("Content-Type", "text/xml"), ("SOAPAction", "\"\"")];
    headers.extend(origin.map(|origin| ("Origin", origin)));
    if method == "OPTIONS" {
        headers.push(("Access-Control-Request-Method", "POST"));
        headers.push(("Access-Control-Request-Headers", "soapaction"));
    }
    let body: &[u8] = match method {
        "POST" => QUESTION.as_bytes(),
        _ => b"",
    };
    server.request(method, path, &headers, body).await
}

fn cors(response: &Response) -> Vec<(String, String)> {
    let headers = response.headers.iter().cloned();
    let mut found: Vec<_> = headers
        .map(|(name, value)| (name.to_lowercase(), value))
        .filter(|(name, _)| name.starts_with("access-control-") || name == "vary")
        .collect();
    found.sort();
    found
}

fn pairs(headers: &[(&str, &str)]) -> Vec<(String, String)> {
    let headers = headers.iter();
    headers
        .map(|&(name, value)| (name.into(), value.into()))
        .collect()
}

#[tokio::test]
async fn a_listed_site_may_ask_and_read_and_never_with_cookies() {
    let server = server(&["https://other.example.com", LISTED]).await;
    let asked = asks(&server, "OPTIONS", W70, Some(LISTED)).await;
    assert_eq!(asked.status, 204);
    assert_eq!(
        cors(&asked),
        pairs(&[
            ("access-control-allow-headers", "Content-Type, SOAPAction"),
            ("access-control-allow-methods", "GET, HEAD, POST, OPTIONS"),
            ("access-control-allow-origin", LISTED),
            ("access-control-max-age", "600"),
            ("vary", "Origin"),
        ])
    );
    for path in [W70, "/webdialer/services/Nope"] {
        let read = asks(&server, "POST", path, Some(LISTED)).await;
        let allowed = [("access-control-allow-origin", LISTED), ("vary", "Origin")];
        assert_eq!(cors(&read), pairs(&allowed));
    }
}

#[tokio::test]
async fn others_and_everybody_without_a_list_are_answered_as_before() {
    let listing = server(&[LISTED]).await;
    let plain = server(&[]).await;
    for (method, status) in [("OPTIONS", 200), ("POST", 200)] {
        for origin in [
            None,
            Some("null"),
            Some("https://crm.example.com.evil.example"),
            Some("http://crm.example.com"),
        ] {
            let other = asks(&listing, method, W70, origin).await;
            assert_eq!(
                (other.status, cors(&other)),
                (status, pairs(&[("vary", "Origin")]))
            );
            let before = asks(&plain, method, W70, origin).await;
            assert_eq!((before.status, cors(&before)), (status, Vec::new()));
            assert_eq!(other.body, before.body);
            assert_eq!(other.header("allow"), before.header("allow"));
        }
    }
    let elsewhere = asks(
        &listing,
        "GET",
        "/webdialer/WebdialerRedirector",
        Some(LISTED),
    )
    .await;
    assert_eq!((elsewhere.status, cors(&elsewhere)), (200, Vec::new()));
}
