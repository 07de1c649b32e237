//! The stream of events, read.

use super::{AdminClient, AdminError};
use reqwest::Response;
use serde_json::Value;
use std::time::Duration;

/// A stream without a byte for so long is taken for lost: the server sends a comment every 15 s.
pub const SILENCE: Duration = Duration::from_secs(45);
/// What is read of one event at most.
const LONGEST_EVENT: usize = 64 * 1024 * 1024;

/// An event as it was sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its number.
    pub number: u64,
    /// What kind.
    pub kind: String,
    /// What it says.
    pub data: Value,
}

/// A stream of events.
#[derive(Debug)]
pub struct Events {
    client: AdminClient,
    response: Response,
    read: Frames,
    last: Option<u64>,
}

impl Events {
    pub(super) fn new(client: AdminClient, response: Response, since: Option<u64>) -> Self {
        Self {
            client,
            response,
            read: Frames::default(),
            last: since,
        }
    }

    /// The number to come back with: that of the last event, or the one that the server said the stream begins after.
    pub fn last(&self) -> Option<u64> {
        self.last
    }

    /// Waits for the next event; `None` when the server ends the stream. Cancel-safe.
    ///
    /// # Errors
    /// The connection broke or fell silent, or what came is no event.
    pub async fn next(&mut self) -> Result<Option<Event>, AdminError> {
        loop {
            while let Some(frame) = self.read.next() {
                let number = field(&frame, "id: ").and_then(|number| number.parse().ok());
                self.last = number.or(self.last);
                if field(&frame, "data:").is_none() {
                    continue;
                }
                return match event(&frame) {
                    Some(event) => Ok(Some(event)),
                    None => Err(self.client.not_this_protocol("something that is no event")),
                };
            }
            if self.read.bytes.len() > LONGEST_EVENT {
                return Err(self.client.not_this_protocol("an event without end"));
            }
            match self.client.unless_silent(self.response.chunk()).await? {
                Some(piece) => self.read.bytes.extend_from_slice(&piece),
                None => return Ok(None),
            }
        }
    }
}

/// What was read and not yet taken.
#[derive(Debug, Default)]
struct Frames {
    bytes: Vec<u8>,
    /// No frame ends before here: a big one comes in thousands of pieces, and each is searched once.
    searched: usize,
}

impl Frames {
    fn next(&mut self) -> Option<String> {
        let unseen = &self.bytes[self.searched..];
        let Some(end) = unseen.windows(2).position(|w| w == b"\n\n") else {
            // The last byte may be the first half of an end.
            self.searched = self.bytes.len().saturating_sub(1);
            return None;
        };
        let frame: Vec<u8> = self.bytes.drain(..self.searched + end + 2).collect();
        self.searched = 0;
        Some(String::from_utf8_lossy(&frame).into_owned())
    }
}

fn field<'a>(frame: &'a str, name: &str) -> Option<&'a str> {
    frame.lines().find_map(|line| line.strip_prefix(name))
}

fn event(frame: &str) -> Option<Event> {
    Some(Event {
        number: field(frame, "id: ")?.parse().ok()?,
        kind: field(frame, "event: ")?.to_owned(),
        data: serde_json::from_str(field(frame, "data: ")?).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::Trust;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    /// A stream that says what it is told and then keeps quiet, with the connection it comes by.
    async fn saying(text: &str) -> (Events, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let client = AdminClient::new(&address, &Trust::System, None).unwrap();
        let client = client.with_silence(Duration::from_millis(200));
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
        let answer = async {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                assert!(socket.read_buf(&mut asked).await.unwrap() > 0);
            }
            let answer = format!("{head}{text}");
            socket.write_all(answer.as_bytes()).await.unwrap();
            socket
        };
        let (events, socket) = tokio::join!(client.events(None), answer);
        (events.unwrap(), socket)
    }

    #[tokio::test]
    async fn a_stream_without_a_byte_for_too_long_is_lost_and_says_where_to_go_on() {
        let (mut events, _open) = saying("id: 7\nretry: 1000\n\n:\n\n").await;
        let lost = events.next().await.unwrap_err();
        assert!(matches!(lost, AdminError::Unreachable { .. }), "{lost}");
        assert_eq!(events.last(), Some(7));
    }

    #[tokio::test]
    async fn the_number_to_come_back_with_is_the_last_events() {
        let text = "id: 7\nretry: 1000\n\nid: 8\nevent: reset\ndata: {}\n\n";
        let (mut events, _open) = saying(text).await;
        let event = events.next().await.unwrap().unwrap();
        assert_eq!((event.number, event.kind.as_str()), (8, "reset"));
        assert_eq!(events.last(), Some(8));
    }

    #[test]
    fn a_frame_in_pieces_is_found_wherever_it_is_cut_and_nothing_is_searched_twice() {
        let text = b"data: 1\n\ndata: 2\n\n";
        for cut in 0..text.len() {
            let mut frames = Frames::default();
            let mut found = Vec::new();
            for piece in [&text[..cut], &text[cut..]] {
                frames.bytes.extend_from_slice(piece);
                found.extend(std::iter::from_fn(|| frames.next()));
                assert!(frames.searched + 1 >= frames.bytes.len());
            }
            assert_eq!(found, ["data: 1\n\n", "data: 2\n\n"], "cut at {cut}");
        }
    }
}
