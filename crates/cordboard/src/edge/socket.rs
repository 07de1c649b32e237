//! A connection's socket, shared with the code that works for its client, which can check that the client is still connected.

use std::io;
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

tokio::task_local! {
    static CLIENT: Client;
}

/// The client of a connection.
#[derive(Clone, Debug)]
pub struct Client(Arc<TcpStream>);

impl Client {
    /// The client that this task works for; `None` outside of a connection's task.
    pub fn current() -> Option<Self> {
        CLIENT.try_with(Self::clone).ok()
    }

    /// Returns `true` if the client has closed its side of the connection, or all of it: TCP does not say which.
    pub fn has_left(&self) -> bool {
        let mut byte = [MaybeUninit::uninit(); 1];
        match socket2::SockRef::from(&*self.0).peek(&mut byte) {
            Ok(count) => count == 0,
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        }
    }
}

/// A socket that others may look at. Reads and writes as the socket itself does.
#[derive(Debug)]
pub struct Socket(Arc<TcpStream>);

impl Socket {
    /// Wraps a socket.
    pub fn new(stream: TcpStream) -> Self {
        Self(Arc::new(stream))
    }

    /// Runs what serves the connection; [`Client::current`] is its client there.
    pub async fn serve<T>(self, serving: impl AsyncFnOnce(Self) -> T) -> T {
        let client = Client(self.0.clone());
        CLIENT.scope(client, serving(self)).await
    }
}

/// Tries until the socket is ready, or waits for it.
macro_rules! when_ready {
    ($ready:expr, $done:expr) => {
        loop {
            ready!($ready)?;
            match $done {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
    };
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        when_ready!(
            self.0.poll_read_ready(cx),
            self.0.try_read_buf(buf).map(drop)
        )
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        when_ready!(self.0.poll_write_ready(cx), self.0.try_write(buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        when_ready!(self.0.poll_write_ready(cx), self.0.try_write_vectored(bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = socket2::SockRef::from(&*self.0).shutdown(Shutdown::Write);
        // A peer that has gone first is as good.
        Poll::Ready(shut.or_else(|error| match error.kind() {
            io::ErrorKind::NotConnected => Ok(()),
            _ => Err(error),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn a_client_is_there_until_it_closes_its_side_whatever_it_sent() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut far = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (near, _) = listener.accept().await.unwrap();
        assert!(Client::current().is_none());
        let serve = Socket::new(near).serve(async |mut near| {
            let client = Client::current().unwrap();
            assert!(!client.has_left());
            far.write_all(b"ask").await.unwrap();
            near.0.readable().await.unwrap();
            assert!(!client.has_left());
            let mut asked = [0; 3];
            near.read_exact(&mut asked).await.unwrap();
            near.write_all(b"answer").await.unwrap();
            near.shutdown().await.unwrap();
            let mut answer = Vec::new();
            far.read_to_end(&mut answer).await.unwrap();
            assert_eq!((&asked, answer.as_slice()), (b"ask", b"answer".as_slice()));
            drop(far);
            assert_eq!(near.read(&mut asked).await.unwrap(), 0);
            assert!(client.has_left());
        });
        serve.await;
    }
}
