//! No bytes make the reader panic, and bytes it was never meant for split no differently.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use tokmark_record::FailureKind;
use tokmark_wire::{EndpointKind, ReplyReader};

use crate::streams::{all, read};

fn cut<'a>(bytes: &'a [u8], at: &[Index]) -> Vec<&'a [u8]> {
    let mut at: Vec<usize> = at.iter().map(|i| i.index(bytes.len() + 1)).collect();
    at.extend([0, bytes.len()]);
    at.sort_unstable();
    at.windows(2).map(|w| &bytes[w[0]..w[1]]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn corrupted_streams(
        stream in any::<Index>(),
        edits in vec((any::<Index>(), any::<u8>(), 0_u8..4), 0..6),
        cuts in vec(any::<Index>(), 0..5),
    ) {
        let stream = stream.get(all());
        let mut bytes = stream.bytes.clone();
        for (at, byte, kind) in edits {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => { bytes.remove(at); }
                _ => bytes.truncate(at),
            }
        }
        let (whole, _) = read(&mut stream.reader(), &[&bytes]);
        let (parts, _) = read(&mut stream.reader(), &cut(&bytes, &cuts));
        prop_assert_eq!(whole, parts);
    }

    #[test]
    fn noise(bytes in vec(any::<u8>(), 0..300), headed: bool, streaming: bool, cuts in vec(any::<Index>(), 0..5)) {
        let mut all = if headed { b"HTTP/1.1 200 OK\r\n\r\n".to_vec() } else { Vec::new() };
        all.extend(bytes);
        let reader = || ReplyReader::new(EndpointKind::Chat, streaming, true);
        let (whole, _) = read(&mut reader(), &[&all]);
        let (parts, _) = read(&mut reader(), &cut(&all, &cuts));
        prop_assert_eq!(whole, parts);
    }
}

#[test]
fn a_head_without_end_is_refused_in_bounded_memory() {
    let mut reader = ReplyReader::new(EndpointKind::Chat, true, false);
    let line = format!("X: {}\r\n", "a".repeat(1000));
    reader.feed(b"HTTP/1.1 200 OK\r\n");
    let fed = (0..100).take_while(|_| !reader.feed(line.as_bytes()).complete).count();
    assert_eq!(fed, 65);
    let failure = reader.take().failure.unwrap();
    assert_eq!(failure.kind, FailureKind::BadHttp);
    assert!(failure.message.contains("longer than 65536 bytes"), "{}", failure.message);
}

#[test]
fn an_error_body_without_end_is_cut_off() {
    let mut reader = ReplyReader::new(EndpointKind::Chat, true, false);
    reader.feed(b"HTTP/1.1 500 Oops\r\n\r\n");
    let fed = (0..100).take_while(|_| !reader.feed(&[b'x'; 1024]).complete).count();
    assert_eq!(fed, 63);
    let reply = reader.take();
    assert_eq!(reply.failure.unwrap().message, "x".repeat(4_096));
    assert!(!reply.keep_alive);
}

#[test]
fn an_event_without_end_is_cut_off() {
    let mut reader = ReplyReader::new(EndpointKind::Chat, true, false);
    reader.feed(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: ");
    let part = vec![b'x'; 1024 * 1024];
    let fed = (0..100).take_while(|_| !reader.feed(&part).complete).count();
    assert_eq!(fed, 15);
    assert_eq!(reader.take().failure.unwrap().kind, FailureKind::NotJson);
}

#[test]
fn a_reply_that_is_not_over_has_no_failure_of_its_own() {
    let stream = all().iter().find(|s| s.name == "vllm-chat-stream").unwrap();
    let mut reader = stream.reader();
    reader.feed(&stream.bytes[..900]);
    let reply = reader.take();
    assert_eq!((reply.failure, reply.keep_alive), (None, false));
    assert!(reply.content_events > 0);
}
