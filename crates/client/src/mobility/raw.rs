//! A GET whose target holds what no HTTP library sends: `<`, `>` and `"` as they are. [mobility §2.3]

use super::Options;
use super::node::{Failed, LONGEST_ANSWER, Node, Received};
use reqwest::Url;
use rustls::pki_types::ServerName;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// The longest head of an answer.
const LONGEST_HEAD: usize = 64 * 1024;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

pub(super) async fn get(
    node: &Node,
    url: &Url,
    tls: Option<Arc<rustls::ClientConfig>>,
    target: &str,
    options: &Options,
) -> Result<Received, Failed> {
    let connected = timeout(options.connect_timeout, connect(url, tls)).await;
    let mut stream = match connected {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(Failed::Not(node.unreachable(error.to_string()))),
        Err(_) => return Err(Failed::Not(node.unreachable("no answer in time"))),
    };
    let host = node.address.split("//").last().unwrap_or_default();
    // HTTP/1.0: the answer comes in one piece, and the connection ends with it.
    let head = format!(
        "GET {target} HTTP/1.0\r\nHost: {host}\r\nUser-Agent: cordboard/{}\r\nAccept: text/xml\r\nConnection: close\r\n\r\n",
        env!("CARGO_PKG_VERSION")
    );
    let exchange = async {
        stream.write_all(head.as_bytes()).await?;
        stream.flush().await?;
        read(&mut stream).await
    };
    let lost = |why: String| Failed::Lost(node.unreachable(why));
    match timeout(options.timeout, exchange).await {
        Ok(Ok(bytes)) => received(&bytes)
            .ok_or_else(|| Failed::Unread(node.not_this_protocol("it does not answer by HTTP"))),
        Ok(Err(error)) => Err(lost(error.to_string())),
        Err(_) => Err(lost("no answer in time".to_owned())),
    }
}

async fn connect(url: &Url, tls: Option<Arc<rustls::ClientConfig>>) -> io::Result<Box<dyn Stream>> {
    let host = url.host_str().unwrap_or_default();
    let host = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    let port = url.port_or_known_default().unwrap_or(80);
    let socket = TcpStream::connect((host.as_str(), port)).await?;
    let Some(config) = tls else {
        return Ok(Box::new(socket));
    };
    let name = ServerName::try_from(host).map_err(io::Error::other)?;
    let stream = TlsConnector::from(config).connect(name, socket).await?;
    Ok(Box::new(stream))
}

/// Reads to the end that the length says, else to the connection's.
async fn read(stream: &mut Box<dyn Stream>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        if whole(&bytes) {
            return Ok(bytes);
        }
        let is_all_head = bytes.len() > LONGEST_HEAD && head_end(&bytes).is_none();
        if bytes.len() > LONGEST_ANSWER || is_all_head {
            return Err(io::Error::other("an answer without end"));
        }
        match stream.read_buf(&mut bytes).await {
            Ok(0) if head_end(&bytes).is_none() => {
                return Err(io::Error::other("the connection ended without an answer"));
            }
            Ok(0) => return Ok(bytes),
            Ok(_) => {}
            Err(error) => return Err(error),
        }
    }
}

fn head_end(bytes: &[u8]) -> Option<usize> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(end + 4)
}

fn whole(bytes: &[u8]) -> bool {
    head_end(bytes).is_some_and(|end| {
        let length = header(&bytes[..end], "content-length").and_then(|value| value.parse().ok());
        length.is_some_and(|length: usize| bytes.len() - end >= length)
    })
}

fn header(head: &[u8], name: &str) -> Option<String> {
    let head = String::from_utf8_lossy(head);
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name)
            .then(|| value.trim().to_owned())
    })
}

fn received(bytes: &[u8]) -> Option<Received> {
    let end = head_end(bytes)?;
    let (head, body) = bytes.split_at(end);
    let line = String::from_utf8_lossy(head);
    let status = line.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()?;
    Some(Received {
        status,
        content_type: header(head, "content-type"),
        body: body.to_vec(),
    })
}
