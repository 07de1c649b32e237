//! Finding out a server's dialect from its service descriptions. [webdialer §12]

use super::ClientError;
use super::server::Server;
use cordboard_wire::webdialer::Dialect;
use cordboard_wire::xml::{self, Limits};
use reqwest::StatusCode;

/// The newest first: a server that has it may withdraw the others.
const ORDER: [Dialect; 3] = [Dialect::Axis2, Dialect::Wd70, Dialect::Legacy];

pub(super) async fn detect(server: &Server) -> Result<Dialect, ClientError> {
    let mut seen = Vec::new();
    let likely = server.options.likely;
    let others = ORDER.into_iter().filter(|&other| Some(other) != likely);
    for dialect in likely.into_iter().chain(others) {
        let status = describes(server, dialect).await?;
        match status {
            Described::Yes => return Ok(dialect),
            Described::No(status) => seen.push(status.as_u16().to_string()),
        }
    }
    Err(server.not_this_protocol(format!(
        "none of its services is there (HTTP {})",
        seen.join(", ")
    )))
}

enum Described {
    Yes,
    No(StatusCode),
}

async fn describes(server: &Server, dialect: Dialect) -> Result<Described, ClientError> {
    let response = server
        .http
        .get(format!("{}?wsdl", server.url(dialect)))
        .timeout(server.options.timeout)
        .send()
        .await
        .map_err(|error| server.failed(error))?;
    let status = response.status();
    if matches!(status.as_u16(), 502..=504) {
        return Err(server.unreachable(format!("HTTP {}", status.as_u16())));
    }
    let body = server.body(response).await?;
    // A sign-in page also comes with 200.
    let is_description = xml::parse(&body, None, &Limits::ANSWER)
        .is_ok_and(|document| document.root().name() == "definitions");
    Ok(if status == StatusCode::OK && is_description {
        Described::Yes
    } else {
        Described::No(status)
    })
}
