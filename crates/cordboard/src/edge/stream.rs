//! A connection's bytes before the HTTP library sees them: request lines cleaned, messages framed strictly, every wait
//! bounded. [decision 3]
//!
//! A head that cannot be read becomes a request for its refusal, `refused_status`, so that the answers to the requests
//! before it come first and the refusal is an answer like any other. A connection that is closed while its client may still
//! be sending is closed in two steps: the answer and the end of our side first, then what still comes is read and dropped for
//! a while. Otherwise the system would reset the connection, and the client would lose the answer.

use super::body::SLOWEST;
use cordboard_wire::http::{FrameError, HeadFilter, HeadLimits};
use http::{Method, StatusCode, Uri};
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// So much is read from a socket at a time.
const CHUNK: usize = 8 * 1024;

/// Time for which input is read and dropped after the last answer; then the connection is closed.
const LINGER: Duration = Duration::from_secs(2);
/// Maximum number of bytes that are read and dropped after the last answer; beyond it the connection is closed.
const LINGER_BYTES: usize = 16 * 1024 * 1024;

/// The method of a request that stands for a head that could not be read. It is longer than the filter lets any method of a
/// client be, so no client can send it.
const REFUSED: &str = "REFUSED-BEFORE-IT-WAS-A-REQUEST-AT-ALL";

/// The request that stands for a head that could not be read.
fn refused_request(error: FrameError) -> String {
    let status = error.status();
    format!("{REFUSED} /{status} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
}

/// The status to answer with if a request stands for a head that could not be read.
pub(super) fn refused_status(method: &Method, target: &Uri) -> Option<StatusCode> {
    if method.as_str() != REFUSED {
        return None;
    }
    let digits = target.path().trim_start_matches('/');
    Some(digits.parse().unwrap_or(StatusCode::BAD_REQUEST))
}

/// How long each kind of waiting may take.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// From the connection to its first byte.
    pub first_byte: Duration,
    /// From a request's first byte to the end of its head.
    pub head: Duration,
    /// From the end of a head to the end of its body, and a second more for each `SLOWEST` bytes that came.
    pub body: Duration,
    /// Between two requests.
    pub idle: Duration,
    /// Until a client that does not read lets more be written.
    pub write: Duration,
}

/// What is being waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    FirstByte,
    Head,
    Body,
    Idle,
}

/// A stream whose reading side is cleaned and timed.
pub struct Cleaned<S> {
    stream: S,
    filter: HeadFilter,
    clean: Vec<u8>,
    taken: usize,
    timeouts: Timeouts,
    phase: Phase,
    deadline: Pin<Box<Sleep>>,
    armed: bool,
    /// Bytes of a body that came and did not move its deadline yet.
    earned: usize,
    writing: WriteDeadline,
    /// A malformed message came: nothing behind it is read.
    broken: bool,
    /// The client has ended its side.
    at_end: bool,
    closing: Closing,
}

/// How far the connection's end has come.
#[derive(Debug)]
enum Closing {
    Open,
    /// Our side has ended; input is dropped until this time, and no more than so many bytes of it.
    Lingering(Pin<Box<Sleep>>, usize),
    Closed,
}

/// The time that a client may keep a write waiting by not reading.
#[derive(Debug)]
struct WriteDeadline {
    limit: Duration,
    /// Runs while a write waits for the client.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl WriteDeadline {
    fn new(limit: Duration) -> Self {
        Self {
            limit,
            waiting: None,
        }
    }

    /// Passes on the result of a write, unless the client has kept it waiting for too long.
    fn apply<T>(
        &mut self,
        result: Poll<io::Result<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.waiting = None;
            return result;
        }
        let limit = self.limit;
        let waiting = self
            .waiting
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        ready!(waiting.as_mut().poll_elapsed(cx));
        tracing::debug!("a client does not read its answers");
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S> std::fmt::Debug for Cleaned<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cleaned")
            .field("phase", &self.phase)
            .finish_non_exhaustive()
    }
}

impl<S> Cleaned<S> {
    /// Wraps a fresh connection.
    pub fn new(stream: S, timeouts: Timeouts, head_bytes: usize) -> Self {
        Self {
            stream,
            filter: HeadFilter::new(HeadLimits {
                bytes: head_bytes,
                ..HeadLimits::default()
            }),
            clean: Vec::new(),
            taken: 0,
            deadline: Box::pin(tokio::time::sleep(timeouts.first_byte)),
            timeouts,
            phase: Phase::FirstByte,
            armed: true,
            earned: 0,
            writing: WriteDeadline::new(timeouts.write),
            broken: false,
            at_end: false,
            closing: Closing::Open,
        }
    }

    /// Returns `true` if the client may have sent something that was not read, or may still be sending.
    fn may_be_sending(&self) -> bool {
        let between_messages = self.filter.at_message_boundary() && !self.filter.has_ended();
        !self.at_end && (self.broken || !between_messages || self.taken < self.clean.len())
    }

    fn phase_now(&self) -> Phase {
        if self.filter.in_body() {
            Phase::Body
        } else if self.filter.at_message_boundary() {
            Phase::Idle
        } else {
            Phase::Head
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Cleaned<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if this.taken < this.clean.len() {
                let rest = &this.clean[this.taken..];
                let count = rest.len().min(buf.remaining());
                buf.put_slice(&rest[..count]);
                this.taken += count;
                if this.taken == this.clean.len() {
                    this.clean.clear();
                    this.taken = 0;
                }
                return Poll::Ready(Ok(()));
            }
            if this.broken || this.filter.has_ended() {
                return Poll::Ready(Ok(()));
            }
            // On the stack: ten thousand idle connections hold no buffer.
            let mut raw = [MaybeUninit::uninit(); CHUNK];
            let mut raw = ReadBuf::uninit(&mut raw);
            match Pin::new(&mut this.stream).poll_read(cx, &mut raw) {
                Poll::Ready(Ok(())) => {
                    let armed = std::mem::take(&mut this.armed);
                    if raw.filled().is_empty() {
                        this.at_end = true;
                        return Poll::Ready(Ok(()));
                    }
                    let before = (this.phase, this.filter.messages_begun());
                    // What came before a malformed message is still answered; behind it nothing is read any more. If its body is
                    // malformed, its handler finds the body broken off and answers that.
                    if let Err(error) = this.filter.push(raw.filled(), &mut this.clean) {
                        tracing::debug!(%error, "a message cannot be framed");
                        this.broken = true;
                        if !this.filter.has_failed_in_body() {
                            this.clean.extend(refused_request(error).as_bytes());
                        }
                    }
                    this.phase = this.phase_now();
                    // A head has one deadline, and a body another: no read of the same message moves it, but much of a body.
                    let same = before == (this.phase, this.filter.messages_begun());
                    this.armed = armed && same && matches!(this.phase, Phase::Head | Phase::Body);
                    this.earned = if this.armed && this.phase == Phase::Body {
                        this.earned + raw.filled().len()
                    } else {
                        0
                    };
                    if this.earned >= SLOWEST {
                        this.earned -= SLOWEST;
                        let later = this.deadline.deadline() + Duration::from_secs(1);
                        this.deadline.as_mut().reset(later);
                    }
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    if !this.armed {
                        let limit = match this.phase {
                            Phase::FirstByte => this.timeouts.first_byte,
                            Phase::Head => this.timeouts.head,
                            Phase::Body => this.timeouts.body,
                            Phase::Idle => this.timeouts.idle,
                        };
                        this.deadline.as_mut().reset(Instant::now() + limit);
                        this.armed = true;
                    }
                    ready!(this.deadline.as_mut().poll_elapsed(cx));
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
            }
        }
    }
}

/// Polls a sleep as a plain future.
trait PollElapsed {
    fn poll_elapsed(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()>;
}

impl PollElapsed for Sleep {
    fn poll_elapsed(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Future::poll(self, cx)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Cleaned<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.writing.apply(result, cx)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_flush(cx);
        this.writing.apply(result, cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            match &mut this.closing {
                Closing::Open => {
                    let result = Pin::new(&mut this.stream).poll_shutdown(cx);
                    ready!(this.writing.apply(result, cx))?;
                    this.closing = match this.may_be_sending() {
                        true => {
                            Closing::Lingering(Box::pin(tokio::time::sleep(LINGER)), LINGER_BYTES)
                        }
                        false => Closing::Closed,
                    };
                }
                Closing::Lingering(deadline, left) => {
                    let mut raw = [MaybeUninit::uninit(); CHUNK];
                    let mut raw = ReadBuf::uninit(&mut raw);
                    match Pin::new(&mut this.stream).poll_read(cx, &mut raw) {
                        Poll::Ready(Ok(())) if !raw.filled().is_empty() => {
                            *left = left.saturating_sub(raw.filled().len());
                            if *left == 0 {
                                this.closing = Closing::Closed;
                            }
                        }
                        // The client has ended its side too, or is gone.
                        Poll::Ready(Ok(()) | Err(_)) => this.closing = Closing::Closed,
                        Poll::Pending => {
                            ready!(deadline.as_mut().poll_elapsed(cx));
                            this.closing = Closing::Closed;
                        }
                    }
                }
                Closing::Closed => return Poll::Ready(Ok(())),
            }
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        this.writing.apply(result, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// The stream of an HTTP/2 connection: its first byte must come in time, and no write may wait for too long. The other waits
/// belong to streams of it, not to the connection.
#[derive(Debug)]
pub struct Timed<S> {
    stream: S,
    first_byte: Option<Pin<Box<Sleep>>>,
    writing: WriteDeadline,
}

impl<S> Timed<S> {
    /// Wraps a fresh connection.
    pub fn new(stream: S, timeouts: Timeouts) -> Self {
        Self {
            stream,
            first_byte: Some(Box::pin(tokio::time::sleep(timeouts.first_byte))),
            writing: WriteDeadline::new(timeouts.write),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Timed<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_read(cx, buf);
        if result.is_ready() {
            this.first_byte = None;
        } else if let Some(deadline) = &mut this.first_byte {
            ready!(deadline.as_mut().poll_elapsed(cx));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Timed<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.writing.apply(result, cx)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_flush(cx);
        this.writing.apply(result, cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_shutdown(cx);
        this.writing.apply(result, cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
    use tokio::time::advance;

    fn connection() -> (Cleaned<DuplexStream>, DuplexStream) {
        let second = Duration::from_secs(1);
        let timeouts = Timeouts {
            first_byte: second,
            head: second,
            body: second,
            idle: second,
            write: second,
        };
        let (near, far) = tokio::io::duplex(1 << 20);
        (Cleaned::new(near, timeouts, 8_192), far)
    }

    const HEAD: &[u8] = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n";

    /// Reads on until nothing is there, or the time is over.
    async fn drained(stream: &mut Cleaned<DuplexStream>) -> io::Result<usize> {
        let mut all = 0;
        let mut bytes = vec![0; 1 << 16];
        std::future::poll_fn(|cx| {
            loop {
                let mut buffer = ReadBuf::new(&mut bytes);
                match Pin::new(&mut *stream).poll_read(cx, &mut buffer) {
                    Poll::Ready(Ok(())) => all += buffer.filled().len(),
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => return Poll::Ready(Ok(all)),
                }
            }
        })
        .await
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_keeps_coming_has_a_second_more_for_each_64_kib() {
        let (mut stream, mut far) = connection();
        far.write_all(HEAD).await.unwrap();
        drained(&mut stream).await.unwrap();
        for _ in 0..20 {
            advance(Duration::from_millis(900)).await;
            far.write_all(&[b'x'; SLOWEST]).await.unwrap();
            assert_eq!(drained(&mut stream).await.unwrap(), SLOWEST);
        }
        advance(Duration::from_secs(4)).await;
        let error = drained(&mut stream).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_trickles_has_the_one_second_it_has() {
        let (mut stream, mut far) = connection();
        far.write_all(HEAD).await.unwrap();
        drained(&mut stream).await.unwrap();
        for _ in 0..9 {
            advance(Duration::from_millis(100)).await;
            far.write_all(&[b'x'; 6_000]).await.unwrap();
            drained(&mut stream).await.unwrap();
        }
        advance(Duration::from_millis(101)).await;
        let error = stream.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
