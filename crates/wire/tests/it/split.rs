//! Any split of the same bytes gives the same reply, and a reader that has read one reply reads the next as a new one does.

use tokmark_wire::Progress;

use crate::streams::{all, read};

fn sums(progress: &[Progress]) -> (u32, u32, usize) {
    (
        progress.iter().map(|p| p.events).sum(),
        progress.iter().map(|p| p.content).sum(),
        progress.iter().filter(|p| p.head).count(),
    )
}

#[test]
fn cut_in_two_at_every_byte() {
    for stream in all() {
        let (whole, in_one) = read(&mut stream.reader(), &[&stream.bytes]);
        let mut reader = stream.reader();
        for cut in 0..=stream.bytes.len() {
            let (front, back) = stream.bytes.split_at(cut);
            let (reply, in_two) = read(&mut reader, &[front, back]);
            assert_eq!(reply, whole, "{} cut at {cut}", stream.name);
            assert_eq!(sums(&in_two), sums(&in_one), "{} cut at {cut}", stream.name);
        }
    }
}

#[test]
fn byte_by_byte() {
    for stream in all() {
        let (whole, in_one) = read(&mut stream.reader(), &[&stream.bytes]);
        let bytes: Vec<&[u8]> = stream.bytes.chunks(1).collect();
        let (reply, one_by_one) = read(&mut stream.reader(), &bytes);
        assert_eq!(reply, whole, "{}", stream.name);
        assert_eq!(sums(&one_by_one), sums(&in_one), "{}", stream.name);
        for p in &one_by_one {
            assert!(p.content <= 2, "{}: two data lines at most", stream.name);
        }
    }
}

#[test]
fn complete_is_said_once_the_last_byte_is_in_and_not_before() {
    for stream in all() {
        let mut reader = stream.reader();
        let mut complete = false;
        for (at, byte) in stream.bytes.iter().enumerate() {
            assert_eq!(reader.started(), at > 0);
            let progress = reader.feed(&[*byte]);
            assert!(progress.complete || !complete, "{} at {at}", stream.name);
            complete = progress.complete;
        }
        let (reply, _) = read(&mut reader, &[]);
        assert!(!reader.started());
        assert!(complete || !reply.keep_alive, "{}", stream.name);
    }
}

#[test]
fn a_kept_alive_connection_carries_one_reply_after_another() {
    let streams: Vec<_> = all().iter().filter(|s| s.streaming && s.name.contains("chat")).collect();
    let mut reader = streams[0].reader();
    for _ in 0..2 {
        for stream in &streams {
            let (fresh, _) = read(&mut stream.reader(), &[&stream.bytes]);
            let (again, _) = read(&mut reader, &[&stream.bytes]);
            assert_eq!(again, fresh, "{}", stream.name);
        }
    }
}

/// Each read ends where a chunk or an event ends, as it does when the reader keeps up.
#[test]
fn the_tail_is_told() {
    let find = |name: &str| all().iter().find(|s| s.name == name).unwrap();
    let stream = find("llama-chat-stream");
    let text = String::from_utf8(stream.bytes.clone()).unwrap();
    let head = text.find("\r\n\r\n").unwrap() + 4;
    let mut ends = vec![head];
    while let Some(at) = text[*ends.last().unwrap()..].find("\n\n\r\n") {
        ends.push(ends.last().unwrap() + at + 4);
    }
    ends.push(text.len());
    let mut reader = stream.reader();
    let mut from = 0;
    let mut seen = Vec::new();
    for to in ends {
        let progress = reader.feed(&stream.bytes[from..to]);
        seen.push((progress.content, progress.tail, progress.complete));
        from = to;
    }
    // Head; role and first words; six more; finish and usage; [DONE]; last chunk.
    let mut want = vec![(0, false, false)];
    want.extend(vec![(1, true, false); 8]);
    want.extend([(0, false, false), (0, false, false), (0, false, true)]);
    assert_eq!(seen, want);
}

#[test]
fn what_follows_the_last_content_event_takes_the_tail_away() {
    let one = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
    let size = format!("{:x}\r\n", one.len());
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    let cases = [
        ("", true),
        ("\r", true),
        ("\r\n", true),
        ("\r\n5", false),
        ("\r\n5\r\n", false),
        ("\r\n2\r\n:\n", false),
        ("\r\n0\r\n\r\n", false),
    ];
    for (after, tail) in cases {
        let bytes = format!("{head}{size}{one}{after}");
        let mut reader = tokmark_wire::ReplyReader::new(tokmark_wire::EndpointKind::Chat, true, false);
        let progress = reader.feed(bytes.as_bytes());
        assert_eq!((progress.content, progress.tail), (1, tail), "{after:?}");
    }
}

#[test]
fn a_body_has_its_tail_at_its_end() {
    for stream in all().iter().filter(|s| s.name == "made-body" || s.name == "made-body-chunked") {
        let mut reader = stream.reader();
        let (front, back) = stream.bytes.split_at(stream.bytes.len() - 1);
        assert!(!reader.feed(front).tail);
        let progress = reader.feed(back);
        assert_eq!((progress.content, progress.tail, progress.complete), (1, true, true));
    }
}
