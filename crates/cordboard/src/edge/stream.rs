//! A connection's bytes before the HTTP library sees them: request lines cleaned, messages framed strictly, every wait
//! bounded. [decision 3]

use cordboard_wire::http::{HeadFilter, HeadLimits};
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// So much is read from a socket at a time.
const CHUNK: usize = 8 * 1024;

/// A body may take its time beyond the limit when it brings at least so many bytes a second: an import of a big directory over a
/// slow line.
const SLOWEST: usize = 64 * 1_024;

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
    /// Runs while a write waits for the client.
    writing: Option<Pin<Box<Sleep>>>,
    /// A malformed message came: nothing behind it is read.
    broken: bool,
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
            writing: None,
            broken: false,
        }
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
            if this.broken {
                return Poll::Ready(Ok(()));
            }
            // On the stack: ten thousand idle connections hold no buffer.
            let mut raw = [MaybeUninit::uninit(); CHUNK];
            let mut raw = ReadBuf::uninit(&mut raw);
            match Pin::new(&mut this.stream).poll_read(cx, &mut raw) {
                Poll::Ready(Ok(())) => {
                    let armed = std::mem::take(&mut this.armed);
                    if raw.filled().is_empty() {
                        return Poll::Ready(Ok(()));
                    }
                    let before = (this.phase, this.filter.messages_begun());
                    // What came before a malformed message is still answered; behind it nothing is read any more.
                    if let Err(error) = this.filter.push(raw.filled(), &mut this.clean) {
                        tracing::debug!(%error, "a message cannot be framed");
                        this.broken = true;
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

impl<S: Unpin> Cleaned<S> {
    /// Passes on what became of a write, unless the client has kept it waiting for too long.
    fn written<T>(
        &mut self,
        result: Poll<io::Result<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.writing = None;
            return result;
        }
        let limit = self.timeouts.write;
        let waiting = self
            .writing
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        ready!(waiting.as_mut().poll_elapsed(cx));
        tracing::debug!("a client does not read its answers");
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Cleaned<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.written(result, cx)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_flush(cx);
        this.written(result, cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_shutdown(cx);
        this.written(result, cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        this.written(result, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
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
