use super::*;

/// Head, body and what was left of `bytes`, fed in one.
fn read(bytes: &[u8]) -> Result<(Head, Vec<u8>, usize), HttpError> {
    let mut reader = ResponseReader::new();
    let (mut input, mut body) = (bytes, Vec::new());
    loop {
        match reader.next(&mut input)? {
            Piece::Head => {}
            Piece::Body(slice) => body.extend_from_slice(slice),
            Piece::NeedMore | Piece::End => break,
        }
    }
    Ok((reader.head().cloned().unwrap_or_default(), body, input.len()))
}

#[test]
fn body_slices_are_the_reads_own_bytes() {
    let bytes =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n".as_slice();
    let mut reader = ResponseReader::new();
    let mut input = bytes;
    assert_eq!(reader.next(&mut input), Ok(Piece::Head));
    for want in ["abc", "de"] {
        let Ok(Piece::Body(slice)) = reader.next(&mut input) else { panic!("no body") };
        assert_eq!(slice, want.as_bytes());
        assert!(bytes.as_ptr_range().contains(&slice.as_ptr()));
        assert!(reader.at_body_edge());
    }
    assert_eq!(reader.next(&mut input), Ok(Piece::End));
    assert!(!reader.at_body_edge());
    assert_eq!(reader.close(), Ok(()));
}

#[test]
fn facts_of_a_head() {
    let (head, body, left) = read(
        b"HTTP/1.1 307 Go There\r\nContent-Type: Text/HTML; charset=X\r\ncontent-encoding: br\r\nLOCATION: /x\r\nConnection: Keep-Alive, Close\r\nContent-Length: 2\r\n\r\nabc",
    )
    .unwrap();
    let want = Head {
        status: 307,
        reason: "Go There".to_owned(),
        content_type: Some("text/html; charset=x".to_owned()),
        content_encoding: Some("br".to_owned()),
        location: Some("/x".to_owned()),
        keep_alive: false,
    };
    assert_eq!((head, body.as_slice(), left), (want, b"ab".as_slice(), 1));
}

#[test]
fn which_connections_stay_open() {
    let cases = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", true),
        ("HTTP/1.1 200 OK\r\n\r\n", false),
        ("HTTP/1.1 204 No Content\r\n\r\n", true),
    ];
    for (bytes, keep_alive) in cases {
        assert_eq!(read(bytes.as_bytes()).unwrap().0.keep_alive, keep_alive, "{bytes}");
    }
}

#[test]
fn what_is_refused() {
    let head = |line: &str| format!("HTTP/1.1 200 OK\r\n{line}\r\n\r\n");
    let chunks = |text: &str| format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{text}");
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(200));
    let cases = [
        ("x".to_owned(), HttpError::NotHttp),
        ("HTTP/2".to_owned(), HttpError::NotHttp),
        ("\u{16}\u{3}\u{1}".to_owned(), HttpError::Tls),
        ("HTTP/1.2 200 OK\r\n\r\n".to_owned(), HttpError::Head(httparse::Error::Version)),
        ("HTTP/1.1 abc OK\r\n\r\n".to_owned(), HttpError::Head(httparse::Error::Status)),
        (many, HttpError::Head(httparse::Error::TooManyHeaders)),
        (head("Content-Length: 1x"), HttpError::Length),
        (head("Content-Length: +1"), HttpError::Length),
        (head("Content-Length:"), HttpError::Length),
        (head("Content-Length: 1, 2"), HttpError::Length),
        (head("Content-Length: 99999999999999999999"), HttpError::Length),
        (head("Transfer-Encoding: gzip"), HttpError::TransferEncoding),
        (head("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), HttpError::TransferEncoding),
        (chunks("\r\n"), HttpError::ChunkSize),
        (chunks(";x\r\n"), HttpError::ChunkSize),
        (chunks("-1\r\n"), HttpError::ChunkSize),
        (chunks("1\n"), HttpError::ChunkSize),
        (chunks("1;a\nb"), HttpError::ChunkSize),
        (chunks("1\rx"), HttpError::ChunkSize),
        (chunks("fffffffffffffffff\r\n"), HttpError::ChunkSize),
        (chunks("1\r\nab"), HttpError::ChunkEnd),
        (chunks("1\r\na\rb"), HttpError::ChunkEnd),
        (chunks(&format!("1;{}", "x".repeat(20_000))), HttpError::ChunkLine),
        (chunks(&format!("0\r\n{}", "X: y\r\n".repeat(4_000))), HttpError::ChunkLine),
        (chunks("0\r\nX: y\rz"), HttpError::ChunkLine),
    ];
    for (bytes, want) in cases {
        assert_eq!(read(bytes.as_bytes()), Err(want), "{}", &bytes[..bytes.len().min(60)]);
    }
}
