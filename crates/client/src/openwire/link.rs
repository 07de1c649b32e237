//! One OpenWire connection over any stream: frames in, frames out, and whether the peer is alive. [openwire §2]
//!
//! [`Link::open`] greets and agrees on an encoding; from then on [`Link::next`] waits for the peer's next command, and
//! meanwhile writes what [`Link::push`] queued. Whoever owns the link calls it in a `select!`: dropped half-way, neither
//! loses a byte. No task, no policy: what a command means, and what is dropped when [`Link::has_room`] says no, is the
//! owner's business.
//!
//! Frames are encoded one after another into one buffer, and all that are ready go out in one write; that is what a vectored
//! write of them would do, also through TLS.

use bytes::{Buf, Bytes, BytesMut};
use cordboard_wire::openwire::{
    Agreed, Command, DecodeError, Decoder, Disagreed, EncodeError, Encoder, FIRST_FRAME,
    KeepAliveInfo, MessageDispatch, Offer, Prepared, SIZE_LEN, agree, frame_len,
};
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf, ReadHalf, WriteHalf};
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};

/// So many bytes are read at once.
const READ: usize = 16 << 10;
/// A frame up to here is copied out of the buffer, so that a message that is kept does not keep its neighbours.
const COPIED: usize = 16 << 10;
/// Frames that were read already are handed over before anything is written, so that the answers go out together; but only
/// so many of them.
const TURN: u32 = 64;
/// A buffer that once had to be larger than this is given back when all of it is written: thousands of connections are idle.
const KEPT: usize = 16 << 10;

/// What a link is held to.
#[derive(Clone, Debug)]
pub struct Terms {
    /// How we wish to talk.
    pub offer: Offer,
    /// The peer's `WireFormatInfo` must be here within this time. [openwire §8.3]
    pub greeting: Duration,
    /// A frame must be whole within this time of its first byte. [openwire §10.3]
    pub frame: Duration,
    /// So many bytes may wait to be written before [`Link::has_room`] says no.
    pub outgoing: usize,
}

/// Why a link is over.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The peer closed it.
    #[error("the connection was closed")]
    Closed,
    /// The network failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// No `WireFormatInfo` came in time.
    #[error("no greeting within {} ms", .0.as_millis())]
    NoGreeting(Duration),
    /// The two cannot talk.
    #[error("no common wire format: {0}")]
    Disagreed(#[from] Disagreed),
    /// A frame that is none.
    #[error("{0}")]
    Malformed(#[from] DecodeError),
    /// Our greeting cannot be written.
    #[error("{0}")]
    Greeting(#[from] EncodeError),
    /// Nothing came for too long. [openwire §2.4]
    #[error("nothing was heard for {} ms", .0.as_millis())]
    Silent(Duration),
    /// A frame is larger than there is memory for now.
    #[error("no memory for a frame of which {0} bytes are here")]
    NoMemory(usize),
    /// A frame did not become whole in time. [openwire §10.3]
    #[error("a frame was not whole after {} ms", .0.as_millis())]
    Unfinished(Duration),
}

/// A connection on which both sides agreed how to talk.
#[derive(Debug)]
pub struct Link<S> {
    incoming: Incoming<S>,
    outgoing: Outgoing<S>,
    /// Commands handed over since the last write.
    handed: u32,
}

impl<S: AsyncRead + AsyncWrite> Link<S> {
    /// Greets the peer at once, waits for its greeting, and agrees. [openwire §2.3]
    pub async fn open(stream: S, terms: &Terms) -> Result<Self, LinkError> {
        let opened = Instant::now();
        let (read, write) = tokio::io::split(stream);
        let mut incoming = Incoming::new(read, terms.frame, opened);
        let mut outgoing = Outgoing::new(write, terms.outgoing, opened);
        let until = opened + terms.greeting;
        let greeted = timeout_at(until, greet(&mut incoming, &mut outgoing, &terms.offer)).await;
        let agreed = greeted.unwrap_or(Err(LinkError::NoGreeting(terms.greeting)))?;
        incoming.settle(&agreed, opened);
        outgoing.settle(&agreed, opened);
        Ok(Self {
            incoming,
            outgoing,
            handed: 0,
        })
    }

    /// The peer's next command, or `None` when there is room where there was none; meanwhile what is queued is written. Greetings and keep-alives
    /// are not handed over. Cancel-safe.
    ///
    /// After an error the link is of no use any more.
    pub async fn next(&mut self) -> Result<Option<Command>, LinkError> {
        loop {
            if self.handed >= TURN {
                self.handed = 0;
                // As much as the peer takes without waiting.
                tokio::select! {
                    biased;
                    room = self.outgoing.drive() => return room.map(|()| None),
                    () = std::future::ready(()) => {}
                }
            }
            if let Some(command) = self.ready()? {
                return Ok(Some(command));
            }
            self.handed = 0;
            // Cancel-safe: `drive` keeps how far it came in `self`, `fill` adds what it read at once. Writing comes first, so
            // that a peer that never stops sending gets its answers.
            tokio::select! {
                biased;
                room = self.outgoing.drive() => return room.map(|()| None),
                filled = self.incoming.fill() => filled?,
            }
        }
    }

    /// The peer's next command if all of it is here; never waits, and writes nothing.
    pub fn ready(&mut self) -> Result<Option<Command>, LinkError> {
        loop {
            match self.incoming.buffered()? {
                Some(Command::WireFormatInfo(_)) => {}
                // Not with a Response. [openwire §2.4]
                Some(Command::KeepAliveInfo(asked)) => {
                    if asked.response_required {
                        let answer = KeepAliveInfo {
                            command_id: asked.command_id,
                            response_required: false,
                        };
                        self.outgoing.push(&answer.into())?;
                    }
                }
                Some(command) => {
                    self.handed += 1;
                    return Ok(Some(command));
                }
                None => return Ok(None),
            }
        }
    }

    /// Takes frames up to this size, or up to what was agreed on if that is less. [openwire §2.5]
    pub fn limit_frames(&mut self, most: u32) {
        self.incoming.limit_frames(most);
    }

    /// Calls `held` with the number of bytes of an unfinished frame that were received, whenever more arrive. If it returns `false`, the
    /// link ends with [`LinkError::NoMemory`].
    pub fn count_frames(&mut self, held: impl FnMut(usize) -> bool + Send + 'static) {
        self.incoming.held = Some(Held(Box::new(held)));
    }

    /// Returns the number of bytes of the frames that were handed over since [`Self::take_handed_bytes`].
    pub fn handed_bytes(&self) -> usize {
        self.incoming.handed
    }

    /// Returns [`Self::handed_bytes`], and counts anew.
    pub fn take_handed_bytes(&mut self) -> usize {
        std::mem::take(&mut self.incoming.handed)
    }

    /// Only writes, until there is room where there was none: for an owner that can take no command now. Cancel-safe.
    pub async fn drive(&mut self) -> Result<(), LinkError> {
        self.outgoing.drive().await
    }

    /// Is there room for another command?
    pub fn has_room(&self) -> bool {
        !self.outgoing.full
    }

    /// Queues a command; it is written while [`Link::next`] or [`Link::drive`] is waited for. One more than there is room for
    /// is taken.
    ///
    /// # Errors
    /// When the command cannot be written. The link is as it was.
    pub fn push(&mut self, command: &Command) -> Result<(), EncodeError> {
        self.outgoing.push(command)?;
        self.outgoing.spoke = true;
        self.outgoing.full = self.outgoing.waiting() >= self.outgoing.most;
        Ok(())
    }

    /// Queues a dispatch as [`Link::push`] does. Its message goes out on other links too: the first that encodes it leaves its bytes in
    /// `encoded`, for all that agreed on the same encoding.
    ///
    /// # Errors
    /// As [`Link::push`].
    pub fn push_shared(
        &mut self,
        dispatch: &MessageDispatch,
        encoded: &OnceLock<Prepared>,
    ) -> Result<(), EncodeError> {
        self.outgoing.push_shared(dispatch, encoded)?;
        self.outgoing.spoke = true;
        self.outgoing.full = self.outgoing.waiting() >= self.outgoing.most;
        Ok(())
    }

    /// Writes what is queued and closes our side, within this time.
    pub async fn close(mut self, within: Duration) {
        let outgoing = &mut self.outgoing;
        let closed = async {
            outgoing.flush().await?;
            outgoing.half.shutdown().await?;
            Ok::<(), LinkError>(())
        };
        // A peer that takes nothing more is left.
        let _ = tokio::time::timeout(within, closed).await;
    }
}

async fn greet<S: AsyncRead + AsyncWrite>(
    incoming: &mut Incoming<S>,
    outgoing: &mut Outgoing<S>,
    offer: &Offer,
) -> Result<Agreed, LinkError> {
    outgoing.push(&offer.to_info().into())?;
    outgoing.flush().await?;
    loop {
        // The decoder refuses every other command until it is settled.
        if let Some(Command::WireFormatInfo(info)) = incoming.buffered()? {
            return Ok(agree(offer, &info.offer()?)?);
        }
        incoming.fill().await?;
    }
}

/// Told how many bytes of a frame are here.
struct Held(Box<dyn FnMut(usize) -> bool + Send>);

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Held")
    }
}

/// The side that reads.
#[derive(Debug)]
struct Incoming<S> {
    half: ReadHalf<S>,
    decoder: Decoder,
    /// The largest frame that was agreed on.
    agreed_frame: u32,
    buffer: BytesMut,
    /// A frame's time.
    frame: Duration,
    /// Bytes of the frames that were handed over, as the owner counts them.
    handed: usize,
    held: Option<Held>,
    /// Was more than [`COPIED`] reported last?
    counted: bool,
    /// When the frame that is not whole yet began.
    begun: Option<Instant>,
    /// When the last byte came.
    heard: Instant,
    /// After so long a silence the peer is given up.
    silence: Option<Duration>,
    /// But not before this.
    patience: Instant,
    /// Fires at a limit or before it; moved on only then, and not with every byte that comes.
    timer: Pin<Box<Sleep>>,
}

impl<S: AsyncRead + AsyncWrite> Incoming<S> {
    fn new(half: ReadHalf<S>, frame: Duration, now: Instant) -> Self {
        Self {
            half,
            decoder: Decoder::default(),
            agreed_frame: FIRST_FRAME,
            buffer: BytesMut::new(),
            handed: 0,
            held: None,
            counted: false,
            frame,
            begun: None,
            heard: now,
            silence: None,
            patience: now,
            timer: Box::pin(sleep_until(now)),
        }
    }

    fn limit_frames(&mut self, most: u32) {
        self.decoder.set_max_frame(most.min(self.agreed_frame));
    }

    fn settle(&mut self, agreed: &Agreed, opened: Instant) {
        self.agreed_frame = agreed.format.max_frame;
        self.decoder.settle(agreed.format);
        let inactivity = Duration::from_millis(agreed.max_inactivity_ms);
        self.silence = (!inactivity.is_zero()).then(|| inactivity.saturating_mul(2));
        self.patience = later(opened, Duration::from_millis(agreed.initial_delay_ms))
            .map_or(opened, |at| later(at, inactivity).unwrap_or(at));
    }

    /// The next command that is here already.
    fn buffered(&mut self) -> Result<Option<Command>, LinkError> {
        loop {
            let Some(size) = self.buffer.first_chunk::<SIZE_LEN>() else {
                return Ok(None);
            };
            let len = frame_len(*size, self.decoder.format().max_frame)?;
            if self.buffer.len() < len {
                return Ok(None);
            }
            let frame = if len <= COPIED {
                let frame = Bytes::copy_from_slice(&self.buffer[..len]);
                self.buffer.advance(len);
                frame
            } else {
                self.buffer.split_to(len).freeze()
            };
            self.handed += len;
            if len > COPIED {
                self.hold()?;
            }
            self.begun = (!self.buffer.is_empty()).then_some(self.heard);
            // `None` is the null command. [openwire §2.1]
            if let Some(command) = self.decoder.decode(&frame)? {
                return Ok(Some(command));
            }
        }
    }

    /// Reports the number of buffered bytes to the owner.
    fn hold(&mut self) -> Result<(), LinkError> {
        let bytes = self.buffer.len();
        self.counted = bytes > COPIED;
        let Some(Held(held)) = &mut self.held else {
            return Ok(());
        };
        match held(bytes) {
            true => Ok(()),
            false => Err(LinkError::NoMemory(bytes)),
        }
    }

    /// Waits for more bytes. Cancel-safe, as `read` is.
    async fn fill(&mut self) -> Result<(), LinkError> {
        if self.buffer.is_empty() {
            // Who waits for bytes holds none.
            self.buffer = BytesMut::new();
        }
        let silent = self.silence.map(|silence| {
            let at = later(self.heard, silence).unwrap_or(self.patience);
            (at.max(self.patience), LinkError::Silent(silence))
        });
        let unfinished = self
            .begun
            .and_then(|begun| Some((later(begun, self.frame)?, LinkError::Unfinished(self.frame))));
        let first = [silent, unfinished].into_iter().flatten();
        let read = match first.min_by_key(|(at, _)| *at) {
            Some((at, error)) => self.read_until(at).await.ok_or(error)?,
            None => read(&mut self.half, &mut self.buffer).await,
        };
        match read {
            Ok(0) => Err(LinkError::Closed),
            Ok(_) => {
                self.heard = Instant::now();
                self.begun = self.begun.or(Some(self.heard));
                match self.buffer.len() > COPIED || self.counted {
                    true => self.hold(),
                    false => Ok(()),
                }
            }
            // TLS says so when a peer goes without a word.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(LinkError::Closed),
            Err(error) => Err(error.into()),
        }
    }
}

impl<S: AsyncRead> Incoming<S> {
    /// `None` when the time is over. Cancel-safe, as `read` is.
    async fn read_until(&mut self, at: Instant) -> Option<io::Result<usize>> {
        if self.timer.is_elapsed() || self.timer.deadline() > at {
            self.timer.as_mut().reset(at);
        }
        loop {
            // Cancel-safe: the timer stays as it is.
            tokio::select! {
                biased;
                read = read(&mut self.half, &mut self.buffer) => return Some(read),
                () = self.timer.as_mut() => {
                    if Instant::now() >= at {
                        return None;
                    }
                    self.timer.as_mut().reset(at);
                }
            }
        }
    }
}

/// Adds what comes next to the buffer, which grows by as much and never by what a frame announces. [openwire §10.2] Cancel-safe: it
/// adds what it read at once.
async fn read<S: AsyncRead>(half: &mut ReadHalf<S>, buffer: &mut BytesMut) -> io::Result<usize> {
    poll_fn(|context| {
        // On the stack, and not kept while waiting.
        let mut bytes = [MaybeUninit::uninit(); READ];
        let mut bytes = ReadBuf::uninit(&mut bytes);
        ready!(Pin::new(&mut *half).poll_read(context, &mut bytes))?;
        buffer.extend_from_slice(bytes.filled());
        Poll::Ready(Ok(bytes.filled().len()))
    })
    .await
}

/// The side that writes.
#[derive(Debug)]
struct Outgoing<S> {
    half: WriteHalf<S>,
    encoder: Encoder,
    buffer: Vec<u8>,
    /// So much of the buffer is written.
    written: usize,
    /// Something is written and not flushed.
    unflushed: bool,
    /// Most bytes that wait.
    most: usize,
    /// There are as many, and not yet half of them are written.
    full: bool,
    /// How often it is looked whether a keep-alive is due, and when next.
    rhythm: Option<Duration>,
    look: Pin<Box<Sleep>>,
    /// Something other than a keep-alive was queued since.
    spoke: bool,
}

impl<S: AsyncRead + AsyncWrite> Outgoing<S> {
    fn new(half: WriteHalf<S>, most: usize, now: Instant) -> Self {
        Self {
            half,
            encoder: Encoder::default(),
            buffer: Vec::new(),
            written: 0,
            unflushed: false,
            most,
            full: false,
            rhythm: None,
            look: Box::pin(sleep_until(now)),
            spoke: false,
        }
    }

    fn settle(&mut self, agreed: &Agreed, opened: Instant) {
        self.encoder.settle(agreed.format);
        let inactivity = agreed.max_inactivity_ms;
        self.rhythm = (inactivity > 3).then(|| Duration::from_millis(inactivity / 3));
        match later(opened, Duration::from_millis(agreed.initial_delay_ms)) {
            Some(look) => self.look.as_mut().reset(look),
            // A delay longer than time: never.
            None => self.rhythm = None,
        }
    }

    fn waiting(&self) -> usize {
        self.buffer.len() - self.written
    }

    fn push(&mut self, command: &Command) -> Result<(), EncodeError> {
        self.move_up();
        self.encoder.encode(command, &mut self.buffer)
    }

    fn push_shared(
        &mut self,
        dispatch: &MessageDispatch,
        encoded: &OnceLock<Prepared>,
    ) -> Result<(), EncodeError> {
        self.move_up();
        if encoded.get().is_none()
            && let Some(message) = &dispatch.message
            && let Some(prepared) = self.encoder.prepare(message)?
        {
            // Another link may have been quicker: its bytes are as good.
            let _ = encoded.set(prepared);
        }
        if let Some(prepared) = encoded.get() {
            let (encoder, buffer) = (&mut self.encoder, &mut self.buffer);
            if encoder.encode_prepared(dispatch, prepared, buffer)? {
                return Ok(());
            }
        }
        let command = dispatch.clone().into();
        self.encoder.encode(&command, &mut self.buffer)
    }

    /// What is written makes room before more is added, once it is worth the move.
    fn move_up(&mut self) {
        if self.written > self.buffer.len() / 2 {
            self.buffer.drain(..self.written);
            self.written = 0;
        }
    }

    /// Writes as much as the peer takes now. Cancel-safe: a write that is dropped has written nothing.
    async fn write(&mut self) -> Result<(), LinkError> {
        let written = self.half.write(&self.buffer[self.written..]).await?;
        if written == 0 {
            return Err(LinkError::Closed);
        }
        self.written += written;
        self.unflushed = true;
        Ok(())
    }

    /// Writes all that is queued. Cancel-safe, as `write` is; flushing may be begun again.
    async fn flush(&mut self) -> Result<(), LinkError> {
        while self.waiting() > 0 {
            self.write().await?;
        }
        self.buffer.clear();
        self.written = 0;
        if self.buffer.capacity() > KEPT {
            self.buffer = Vec::new();
        }
        if self.unflushed {
            self.half.flush().await?;
            self.unflushed = false;
        }
        Ok(())
    }

    /// Writes what is queued, then keep-alives, until there is room where there was none. [openwire §2.4]
    async fn drive(&mut self) -> Result<(), LinkError> {
        loop {
            while self.full {
                if self.waiting() <= self.most / 2 {
                    self.full = false;
                    return Ok(());
                }
                self.write().await?;
            }
            self.flush().await?;
            let Some(rhythm) = self.rhythm else {
                return std::future::pending().await;
            };
            self.look.as_mut().await;
            self.look.as_mut().reset(Instant::now() + rhythm);
            if !std::mem::take(&mut self.spoke) {
                self.push(&KeepAliveInfo::default().into())?;
            }
        }
    }
}

/// So much later; `None` beyond the end of the clock, for delays that come from the peer.
fn later(at: Instant, by: Duration) -> Option<Instant> {
    at.checked_add(by)
}

#[cfg(test)]
mod tests;
