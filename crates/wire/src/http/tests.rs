use super::*;

fn pass(input: &str) -> Result<String, FrameError> {
    let mut filter = HeadFilter::default();
    let mut out = Vec::new();
    filter.push(input.as_bytes(), &mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

#[test]
fn a_request_that_needs_no_repair_passes_byte_for_byte() {
    for message in [
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /webdialer/services/webdialer?wsdl HTTP/1.0\r\nConnection: Keep-Alive\r\nContent-Length: 5\r\n\r\nhello",
        "POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nA;x=\"y\"\r\n0123456789\r\n0\r\nT: 1\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost:\r\n\r\n",
        "GET http://host:8080/a%20b?c=[d]&e='f' HTTP/1.1\r\nHost: host:8080\r\nX: \u{fc}\r\n\r\n",
    ] {
        assert_eq!(pass(message).as_deref(), Ok(message));
        let twice = message.repeat(2);
        assert_eq!(pass(&twice), Ok(twice));
    }
}

#[test]
fn raw_markup_spaces_and_foreign_letters_in_a_request_line_are_escaped() {
    assert_eq!(
        pass("GET /emservice/EMServiceServlet?xml=<request><login><dn>a b</dn></login></request> HTTP/1.1\r\nHost: x\r\n\r\n").unwrap(),
        "GET /emservice/EMServiceServlet?xml=%3Crequest%3E%3Clogin%3E%3Cdn%3Ea%20b%3C/dn%3E%3C/login%3E%3C/request%3E HTTP/1.1\r\nHost: x\r\n\r\n"
    );
    assert_eq!(
        pass("GET  /d?n=5555#&u=m\u{fc}ller\t\"x\\^`{|}\"  HTTP/1.0\r\n\r\n").unwrap(),
        "GET /d?n=5555%23&u=m%C3%BCller%09%22x%5C%5E%60%7B%7C%7D%22 HTTP/1.0\r\n\r\n"
    );
    // The last ` HTTP/` counts.
    assert_eq!(
        pass("GET /a HTTP/1.1 b HTTP/1.1\r\nHost: x\r\n\r\n").unwrap(),
        "GET /a%20HTTP/1.1%20b HTTP/1.1\r\nHost: x\r\n\r\n"
    );
}

#[test]
fn lines_that_end_in_a_line_feed_alone_are_given_their_return() {
    assert_eq!(
        pass("GET /a HTTP/1.1\nHost: x\n\n").unwrap(),
        "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
    );
}

#[test]
fn every_message_whose_end_is_in_doubt_closes_the_connection() {
    let table = [
        (
            "GET /a HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            FrameError::LengthAndChunks,
        ),
        (
            "GET /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n",
            FrameError::LengthAndChunks,
        ),
        (
            "GET /a HTTP/1.1\r\nContent-Length: 1\r\ncontent-length: 2\r\n\r\n",
            FrameError::ConflictingLengths,
        ),
        (
            "GET /a HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\n",
            FrameError::ContentLength,
        ),
        (
            "GET /a HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
            FrameError::ContentLength,
        ),
        (
            "GET /a HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
            FrameError::ContentLength,
        ),
        (
            "GET /a HTTP/1.1\r\nContent-Length: 0x1\r\n\r\n",
            FrameError::ContentLength,
        ),
        (
            "GET /a HTTP/1.1\r\nContent-Length:\r\n\r\n",
            FrameError::ContentLength,
        ),
        (
            "GET /a HTTP/1.1\r\nContent-Length: 9999999999999999999\r\n\r\n",
            FrameError::ContentLength,
        ),
        (
            "GET /a HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            FrameError::TransferEncoding,
        ),
        (
            "GET /a HTTP/1.1\r\nTransfer-Encoding: identity\r\n\r\n",
            FrameError::TransferEncoding,
        ),
        (
            "GET /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            FrameError::TransferEncoding,
        ),
        (
            "GET /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
            FrameError::TransferEncoding,
        ),
        (
            "GET /a HTTP/1.1\r\nTransfer-Encoding : chunked\r\n\r\n",
            FrameError::HeaderLine,
        ),
        (
            "GET /a HTTP/1.1\r\nTransfer-Encoding: \u{b}chunked\r\n\r\n",
            FrameError::HeaderLine,
        ),
        (
            "GET /a HTTP/1.1\r\nX: a\r\n b\r\n\r\n",
            FrameError::FoldedHeader,
        ),
        ("GET /a HTTP/1.1\r\n X: a\r\n\r\n", FrameError::FoldedHeader),
        ("GET /a HTTP/1.1\r\nX: a\rb\r\n\r\n", FrameError::BareReturn),
        ("GET /a HTTP/1.1\r\r\n\r\n", FrameError::BareReturn),
        ("GET /a HTTP/1.1\r\nX\r\n\r\n", FrameError::HeaderLine),
        ("GET /a HTTP/1.1\r\n: x\r\n\r\n", FrameError::HeaderLine),
        ("GET /a HTTP/1.1\r\nX: \0\r\n\r\n", FrameError::HeaderLine),
        ("GET /a\r\n\r\n", FrameError::RequestLine),
        ("GET HTTP/1.1\r\n\r\n", FrameError::RequestLine),
        ("G<T /a HTTP/1.1\r\n\r\n", FrameError::RequestLine),
        (" GET /a HTTP/1.1\r\n\r\n", FrameError::RequestLine),
        ("GET /a HTTP/2.0\r\n\r\n", FrameError::Version),
        ("GET /a HTTP/1.1 x\r\n\r\n", FrameError::Version),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", FrameError::Version),
        ("CONNECT a:1 HTTP/1.1\r\n\r\n", FrameError::Method),
        ("GET /a HTTP/1.1\r\n\r\n", FrameError::Host),
        (
            "GET /a HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n",
            FrameError::Host,
        ),
        ("GET /a HTTP/1.1\r\nHost: a/b\r\n\r\n", FrameError::Host),
        ("GET /a HTTP/1.1\r\nHost: a b\r\n\r\n", FrameError::Host),
        ("\r\n\r\n\r\n\r\n\r\n", FrameError::RequestLine),
        ("\u{16}\u{3}\u{1}\u{2}\u{0}\n", FrameError::RequestLine),
    ];
    for (input, expected) in table {
        assert_eq!(pass(input), Err(expected), "{input:?}");
    }
}

#[test]
fn chunks_are_read_to_the_letter() {
    let head = "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    let table = [
        ("g\r\n", FrameError::Chunk),
        ("\r\n", FrameError::Chunk),
        ("0x5\r\n", FrameError::Chunk),
        ("+5\r\n", FrameError::Chunk),
        ("-5\r\n", FrameError::Chunk),
        ("5 \r\nhello\r\n", FrameError::Chunk),
        ("5\nhello\r\n", FrameError::Chunk),
        ("5\r\nhelloX\r\n", FrameError::Chunk),
        ("5\r\nhello\n", FrameError::Chunk),
        ("5\r\nhello\rX", FrameError::Chunk),
        ("5\rX", FrameError::BareReturn),
        ("1000000000000000\r\n", FrameError::Chunk),
        ("5;a\u{1}\r\n", FrameError::Chunk),
        ("0\r\nContent-Length: 3\r\n\r\n", FrameError::HeaderLine),
        ("0\r\nX\r\n\r\n", FrameError::HeaderLine),
        ("0\r\n X: y\r\n\r\n", FrameError::FoldedHeader),
        ("0\r\nX: y\n", FrameError::Chunk),
    ];
    for (body, expected) in table {
        assert_eq!(pass(&format!("{head}{body}")), Err(expected), "{body:?}");
    }
    let long = format!("{head}5;{}\r\n", "x".repeat(300));
    assert_eq!(pass(&long), Err(FrameError::Chunk));
    let trailer = format!("{head}0\r\n{}\r\n", "X: y\r\n".repeat(101));
    assert_eq!(pass(&trailer), Err(FrameError::TooManyHeaders));
    let trailer = format!("{head}0\r\nX: {}", "y".repeat(40_000));
    assert_eq!(pass(&trailer), Err(FrameError::HeadTooLarge));
}

#[test]
fn a_head_has_limits_and_the_next_head_has_them_anew() {
    let limits = HeadLimits {
        bytes: 60,
        headers: 2,
    };
    let mut out = Vec::new();
    let fine = b"GET /a HTTP/1.1\r\nHost: x\r\nB: 2\r\n\r\n".repeat(50);
    assert_eq!(HeadFilter::new(limits).push(&fine, &mut out), Ok(()));
    assert_eq!(out, fine);
    let many = b"GET /a HTTP/1.1\r\nHost: x\r\nB: 2\r\nC: 3\r\n";
    assert_eq!(
        HeadFilter::new(limits).push(many, &mut out),
        Err(FrameError::TooManyHeaders)
    );
    let mut filter = HeadFilter::new(limits);
    let endless = [b'x'; 10];
    let error = (0..7).find_map(|_| filter.push(&endless, &mut out).err());
    assert_eq!(error, Some(FrameError::HeadTooLarge));
    assert_eq!(filter.push(b"", &mut out), Err(FrameError::HeadTooLarge));
    assert_eq!(filter.push(b"x", &mut out), Err(FrameError::HeadTooLarge));
}

#[test]
fn lengths_that_agree_are_told_once_and_line_ends_between_messages_are_skipped() {
    assert_eq!(
        pass("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n").unwrap(),
        "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhiGET /b HTTP/1.1\r\nHost: x\r\n\r\n"
    );
}

#[test]
fn it_always_knows_where_in_a_message_it_is() {
    let mut filter = HeadFilter::default();
    let mut out = Vec::new();
    let mut state = |input: &[u8]| {
        filter.push(input, &mut out).unwrap();
        (
            filter.in_head(),
            filter.in_body(),
            filter.at_message_boundary(),
        )
    };
    const HEAD: (bool, bool, bool) = (true, false, false);
    const BODY: (bool, bool, bool) = (false, true, false);
    const BETWEEN: (bool, bool, bool) = (false, false, true);
    assert_eq!(state(b""), BETWEEN);
    assert_eq!(state(b"P"), HEAD);
    assert_eq!(
        state(b"OST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"),
        HEAD
    );
    assert_eq!(state(b"\r\n"), BODY);
    assert_eq!(state(b"12"), BODY);
    assert_eq!(state(b"3"), BETWEEN);
    assert_eq!(state(b"\r\n"), BETWEEN);
    assert_eq!(
        state(b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n"),
        BODY
    );
    assert_eq!(state(b"3\r\n123\r\n0\r\n"), BODY);
    assert_eq!(state(b"\r\nG"), HEAD);
    assert_eq!(state(b"ET / HTTP/1.1\r\nHost: x\r\n\r\n"), BETWEEN);
}

#[test]
fn the_output_does_not_depend_on_how_the_input_was_cut() {
    let message = "GET /a?<b> c HTTP/1.1\r\nHost: x\r\n\r\nPOST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nPOST /b HTTP/1.1\nHost: x\nContent-Length: 4\n\nwxyz\r\nGET /";
    for cut in 0..message.len() {
        let mut filter = HeadFilter::default();
        let mut out = Vec::new();
        filter.push(&message.as_bytes()[..cut], &mut out).unwrap();
        filter.push(&message.as_bytes()[cut..], &mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            pass(message).unwrap(),
            "{cut}"
        );
    }
}

#[test]
fn behind_a_message_that_ends_its_connection_nothing_comes_out() {
    for last in [
        "POST /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi",
        "GET /a HTTP/1.1\r\nHost: x\r\nConnection: x, CLOSE\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nConnection: keep-alive\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /a HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi",
    ] {
        for behind in ["GET /b HTTP/1.1\r\nHost: x\r\n\r\n", "\0 garbage", "\r\n"] {
            assert_eq!(pass(&format!("{last}{behind}")).as_deref(), Ok(last));
        }
        let mut filter = HeadFilter::default();
        filter.push(last.as_bytes(), &mut Vec::new()).unwrap();
        assert!(filter.has_ended() && filter.at_message_boundary(), "{last}");
    }
}
