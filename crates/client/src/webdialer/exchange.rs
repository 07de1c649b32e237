//! One request and its answer, and when to try again. [webdialer §12]

use super::server::Server;
use super::{ClientError, Reply, is_slow};
use cordboard_wire::webdialer::{
    AnswerError, Dialect, Operation, Request, ResponseCode, decode_answer, encode_request,
};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName};
use std::time::Duration;

/// The header by which cordboard names the call that a request placed.
const CALL_HEADER: HeaderName = HeaderName::from_static("cordboard-call");

pub(super) async fn exchange(
    server: &Server,
    dialect: Dialect,
    request: &Request,
) -> Result<Reply, ClientError> {
    let operation = request.operation();
    let body = encode_request(dialect, request);
    let mut connection_retries = 1;
    let mut overload_retries = server.options.overload_retries;
    loop {
        let reply = match once(server, dialect, operation, body.clone()).await {
            Ok(reply) => reply,
            // Nothing was sent, so nothing can happen twice.
            Err(Failed::BeforeSending(_)) if connection_retries > 0 => {
                connection_retries -= 1;
                tokio::time::sleep(CONNECTION_PAUSE).await;
                continue;
            }
            Err(Failed::BeforeSending(error) | Failed::Later(error)) => return Err(error),
        };
        let overloaded = reply
            .answer
            .outcome()
            .is_some_and(|outcome| outcome.code == ResponseCode::Overloaded);
        if !overloaded || overload_retries == 0 {
            return Ok(reply);
        }
        overload_retries -= 1;
        let wait = server.options.overload_wait;
        tokio::time::sleep(wait + wait.mul_f64(0.25 * fastrand::f64())).await;
    }
}

const CONNECTION_PAUSE: Duration = Duration::from_millis(100);

enum Failed {
    BeforeSending(ClientError),
    Later(ClientError),
}

async fn once(
    server: &Server,
    dialect: Dialect,
    operation: Operation,
    body: Vec<u8>,
) -> Result<Reply, Failed> {
    let timeout = if is_slow(operation) {
        server.options.call_timeout
    } else {
        server.options.timeout
    };
    let response = server
        .http
        .post(server.url(dialect))
        .header(CONTENT_TYPE, "text/xml; charset=utf-8")
        .header(
            "SOAPAction",
            format!("\"{}\"", dialect.soap_action(operation)),
        )
        .timeout(timeout)
        .body(body)
        .send()
        .await
        .map_err(|error| {
            let before = error.is_connect() && !error.is_timeout();
            let error = server.failed(error);
            if before {
                Failed::BeforeSending(error)
            } else {
                Failed::Later(error)
            }
        })?;
    let status = response.status().as_u16();
    let call_id = text(response.headers(), &CALL_HEADER);
    let content_type = text(response.headers(), &CONTENT_TYPE);
    let body = server.body(response).await.map_err(Failed::Later)?;
    read(server, operation, status, content_type.as_deref(), &body)
        .map(|answer| Reply { answer, call_id })
        .map_err(Failed::Later)
}

fn read(
    server: &Server,
    operation: Operation,
    status: u16,
    content_type: Option<&str>,
    body: &[u8],
) -> Result<cordboard_wire::webdialer::Answer, ClientError> {
    let error = match (status, decode_answer(operation, body, content_type)) {
        (200, Ok(answer)) => return Ok(answer),
        // Axis2 says with a fault under 404 that the service is not there.
        (404, _) => {
            return Err(server.not_this_protocol("the service is not activated there (HTTP 404)"));
        }
        (_, Err(AnswerError::Fault { code, string })) => {
            return Err(ClientError::Fault { code, string });
        }
        (502..=504, _) => return Err(server.unreachable(format!("HTTP {status}"))),
        (200, Err(error)) => error.to_string(),
        (_, _) => format!("HTTP {status}"),
    };
    Err(server.not_this_protocol(error))
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}
