use super::*;
use cordboard_wire::openwire::{Destination, FlushCommand, Message, Response, Text};
use tokio::io::{AsyncReadExt as _, DuplexStream};

const SECOND: Duration = Duration::from_secs(1);

fn terms(inactivity_ms: i64, delay_ms: i64) -> Terms {
    Terms {
        offer: Offer {
            max_inactivity_duration_ms: inactivity_ms,
            initial_delay_ms: delay_ms,
            ..Offer::default()
        },
        greeting: 10 * SECOND,
        frame: 60 * SECOND,
        outgoing: 64 << 10,
    }
}

/// A link, and the raw other end of it after its greeting.
async fn open(terms: &Terms) -> (Link<DuplexStream>, DuplexStream) {
    let (ours, mut theirs) = tokio::io::duplex(1 << 20);
    let greeting = frame(&Offer::default().to_info().into());
    theirs.write_all(&greeting).await.unwrap();
    let link = Link::open(ours, terms).await.unwrap();
    let Command::WireFormatInfo(info) = receive(&mut theirs, &mut Decoder::default()).await else {
        panic!("the first frame is the greeting");
    };
    assert_eq!(info.offer().unwrap(), terms.offer);
    (link, theirs)
}

fn format() -> cordboard_wire::openwire::Format {
    agree(&Offer::default(), &Offer::default()).unwrap().format
}

fn frame(command: &Command) -> Vec<u8> {
    let mut out = Vec::new();
    Encoder::new(format()).encode(command, &mut out).unwrap();
    out
}

async fn receive(stream: &mut DuplexStream, decoder: &mut Decoder) -> Command {
    let mut size = [0; SIZE_LEN];
    stream.read_exact(&mut size).await.unwrap();
    let mut whole = size.to_vec();
    whole.resize(frame_len(size, 1 << 20).unwrap(), 0);
    stream.read_exact(&mut whole[SIZE_LEN..]).await.unwrap();
    decoder.decode(&whole.into()).unwrap().unwrap()
}

fn response(number: i32) -> Command {
    Response {
        correlation_id: number,
        ..Response::default()
    }
    .into()
}

fn message(len: usize) -> Command {
    let mut message = Message::text(Some(&Text::from("x".repeat(len))));
    message.destination = Some(Destination::topic("t"));
    message.into()
}

#[tokio::test(start_paused = true)]
async fn two_links_greet_at_once_and_talk() {
    let (a, b) = tokio::io::duplex(1 << 10);
    let terms = Terms {
        outgoing: 1 << 20,
        ..terms(30_000, 10_000)
    };
    let (a, b) = tokio::join!(Link::open(a, &terms), Link::open(b, &terms));
    let (mut a, mut b) = (a.unwrap(), b.unwrap());
    for len in [1, COPIED, 100_000] {
        a.push(&message(len)).unwrap();
    }
    let all = async {
        for len in [1, COPIED, 100_000] {
            assert_eq!(b.next().await.unwrap(), Some(message(len)));
        }
    };
    // Both directions go on until all has come.
    tokio::select! {
        () = all => {}
        ended = a.next() => panic!("{ended:?}"),
    }
    a.close(SECOND).await;
    assert!(matches!(b.next().await, Err(LinkError::Closed)));
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_dropped_loses_no_byte() {
    let (mut link, mut theirs) = open(&terms(0, 0)).await;
    let bytes = [frame(&response(7)), frame(&message(500))].concat();
    let mut got = Vec::new();
    for byte in bytes {
        theirs.write_all(&[byte]).await.unwrap();
        // Dropped as soon as it would wait.
        tokio::select! {
            biased;
            command = link.next() => got.push(command.unwrap()),
            () = std::future::ready(()) => {}
        }
    }
    assert_eq!(got, [Some(response(7)), Some(message(500))]);
}

#[tokio::test(start_paused = true)]
async fn what_is_ready_goes_out_in_one_write() {
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    let (counted, writes) = Counted::new(ours);
    let terms = terms(0, 0);
    let (link, peer) = tokio::join!(Link::open(counted, &terms), Link::open(theirs, &terms));
    let (mut link, mut peer) = (link.unwrap(), peer.unwrap());
    let before = writes.load(std::sync::atomic::Ordering::Relaxed);
    for number in 0..50 {
        link.push(&response(number)).unwrap();
    }
    for number in 0..50 {
        tokio::select! {
            command = peer.next() => assert_eq!(command.unwrap(), Some(response(number))),
            ended = link.next() => panic!("{ended:?}"),
        }
    }
    let after = writes.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(after - before, 1);
}

#[tokio::test(start_paused = true)]
async fn a_full_link_says_so_and_has_room_again_when_the_peer_reads() {
    let (ours, theirs) = tokio::io::duplex(1 << 10);
    let terms = terms(0, 0);
    let (link, peer) = tokio::join!(Link::open(ours, &terms), Link::open(theirs, &terms));
    let (mut link, mut peer) = (link.unwrap(), peer.unwrap());
    let mut pushed = 0;
    while link.has_room() {
        link.push(&message(1_000)).unwrap();
        pushed += 1;
    }
    let waited = tokio::time::timeout(SECOND, link.drive()).await;
    assert!(waited.is_err(), "{waited:?}");
    let (mut came, mut rooms) = (0, 0);
    while came < pushed {
        tokio::select! {
            command = peer.next() => {
                assert_eq!(command.unwrap(), Some(message(1_000)));
                came += 1;
            }
            room = link.next() => {
                assert_eq!(room.unwrap(), None);
                assert!(link.has_room());
                rooms += 1;
            }
        }
    }
    assert_eq!(rooms, 1);
}

#[tokio::test(start_paused = true)]
async fn a_link_that_is_never_empty_grows_no_further() {
    let (ours, theirs) = tokio::io::duplex(1 << 10);
    let terms = terms(0, 0);
    let (link, peer) = tokio::join!(Link::open(ours, &terms), Link::open(theirs, &terms));
    let (mut link, mut peer) = (link.unwrap(), peer.unwrap());
    for _ in 0..100 {
        while link.has_room() {
            link.push(&message(1_000)).unwrap();
        }
        assert!(link.outgoing.buffer.len() <= 3 * terms.outgoing);
        loop {
            tokio::select! {
                command = peer.next() => assert_eq!(command.unwrap(), Some(message(1_000))),
                room = link.drive() => break room.unwrap(),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_hears_from_us_every_third_and_is_given_up_after_twice_the_time() {
    let (mut link, mut theirs) = open(&terms(3_000, 500)).await;
    let start = Instant::now();
    let listening = tokio::spawn(async move {
        let mut decoder = Decoder::new(format());
        let mut heard = Vec::new();
        for _ in 0..5 {
            let command = receive(&mut theirs, &mut decoder).await;
            assert_eq!(command, KeepAliveInfo::default().into());
            heard.push(start.elapsed().as_millis());
        }
        (heard, theirs)
    });
    assert!(matches!(link.next().await, Err(LinkError::Silent(_))));
    assert_eq!(start.elapsed(), 6 * SECOND);
    drop(link);
    let (heard, _theirs) = listening.await.unwrap();
    assert!(
        heard
            .iter()
            .zip(0..)
            .all(|(at, n)| at.abs_diff(500 + n * 1_000) < 50),
        "{heard:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn without_a_duration_nobody_is_given_up() {
    let (mut link, _theirs) = open(&terms(0, 0)).await;
    let waited = tokio::time::timeout(3_600 * SECOND, link.next()).await;
    assert!(waited.is_err(), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_long_frame_is_a_sign_of_life_but_must_end() {
    let (mut link, mut theirs) = open(&terms(3_000, 500)).await;
    let start = Instant::now();
    tokio::spawn(async move {
        let mut pace = tokio::time::interval(SECOND);
        for byte in frame(&message(5_000)) {
            pace.tick().await;
            theirs.write_all(&[byte]).await.unwrap();
        }
    });
    assert!(matches!(link.next().await, Err(LinkError::Unfinished(_))));
    assert_eq!(start.elapsed(), 60 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_keep_alive_that_wants_an_answer_gets_a_keep_alive() {
    let (mut link, mut theirs) = open(&terms(0, 0)).await;
    let mut asked = Command::from(KeepAliveInfo::default());
    asked.set_head(23, true);
    for command in [&asked, &FlushCommand::default().into(), &response(1)] {
        theirs.write_all(&frame(command)).await.unwrap();
    }
    assert_eq!(
        link.next().await.unwrap(),
        Some(FlushCommand::default().into())
    );
    assert_eq!(link.next().await.unwrap(), Some(response(1)));
    let _ = tokio::time::timeout(SECOND, link.next()).await;
    let answer = receive(&mut theirs, &mut Decoder::new(format())).await;
    asked.set_head(23, false);
    assert_eq!(answer, asked);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_greet_or_greets_badly_is_left() {
    let (ours, _theirs) = tokio::io::duplex(1 << 10);
    let terms = terms(0, 0);
    let opened = Link::open(ours, &terms).await;
    assert!(
        matches!(opened, Err(LinkError::NoGreeting(_))),
        "{opened:?}"
    );
    let old = Offer {
        version: 0,
        ..Offer::default()
    };
    let early = frame(&response(1));
    for bytes in [
        &b"HTTP/1.1 200 OK\r\n"[..],
        &frame(&old.to_info().into()),
        &early,
    ] {
        let (ours, mut theirs) = tokio::io::duplex(1 << 10);
        theirs.write_all(bytes).await.unwrap();
        let start = Instant::now();
        assert!(Link::open(ours, &terms).await.is_err());
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn a_size_that_lies_is_refused_before_its_bytes_are_waited_for() {
    for size in [i32::MAX, 0, -1] {
        let (mut link, mut theirs) = open(&terms(0, 0)).await;
        theirs.write_all(&size.to_be_bytes()).await.unwrap();
        assert!(matches!(link.next().await, Err(LinkError::Malformed(_))));
        assert!(link.incoming.buffer.capacity() <= 2 * READ);
    }
}

/// A stream that counts its writes.
#[derive(Debug)]
struct Counted {
    inner: DuplexStream,
    writes: std::sync::Arc<std::sync::atomic::AtomicUsize>,
}

impl Counted {
    fn new(inner: DuplexStream) -> (Self, std::sync::Arc<std::sync::atomic::AtomicUsize>) {
        let writes = std::sync::Arc::default();
        let counted = Self {
            inner,
            writes: std::sync::Arc::clone(&writes),
        };
        (counted, writes)
    }
}

type Polled<T> = Poll<io::Result<T>>;
type Woken<'a, 'b> = &'a mut std::task::Context<'b>;

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: Woken<'_, '_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Polled<()> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: Woken<'_, '_>, bytes: &[u8]) -> Polled<usize> {
        self.writes
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: Woken<'_, '_>) -> Polled<()> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: Woken<'_, '_>) -> Polled<()> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[tokio::test]
async fn a_message_for_many_is_encoded_once_and_each_is_told_for_whom_it_is() {
    let encoded = OnceLock::new();
    let mut message = Message::text(Some(&Text::from("for all")));
    message.jms_type = Some("Hello".into());
    let message = std::sync::Arc::new(message);
    for name in ["one", "two"] {
        let (mut link, mut theirs) = open(&terms(0, 0)).await;
        let dispatch = MessageDispatch {
            consumer_id: Some(cordboard_wire::openwire::ConsumerId {
                connection_id: Some(name.into()),
                ..Default::default()
            }),
            destination: Some(Destination::topic("t")),
            message: Some(message.clone()),
            ..MessageDispatch::default()
        };
        link.push_shared(&dispatch, &encoded).unwrap();
        assert!(encoded.get().is_some());
        link.close(SECOND).await;
        let mut decoder = Decoder::new(format());
        assert_eq!(receive(&mut theirs, &mut decoder).await, dispatch.into());
    }
}
