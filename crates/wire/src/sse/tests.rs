use super::*;

type Seen = (String, String, String, usize);

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Name, data, comment and end of every event.
fn events(bytes: &[u8]) -> Vec<Seen> {
    let mut seen = Vec::new();
    let mut reader = EventReader::new();
    let mut note = |e: Event<'_>, end| seen.push((text(e.name), text(e.data), text(e.comment), end));
    let fed = reader.feed(bytes, |event, end| {
        note(event, end);
        true
    });
    fed.unwrap();
    seen
}

fn event(name: &str, data: &str, comment: &str, end: usize) -> Seen {
    (name.to_owned(), data.to_owned(), comment.to_owned(), end)
}

#[test]
fn names_data_and_comments() {
    let cases: [(&str, &[Seen]); 11] = [
        ("data: a\n\n", &[event("", "a", "", 9)]),
        ("data:a\r\n\r\ndata:  b\r\n\r\n", &[event("", "a", "", 10), event("", " b", "", 22)]),
        ("data: a\r\rdata: b\r\r", &[event("", "a", "", 9), event("", "b", "", 18)]),
        ("data: a\n\ndata: b\n", &[event("", "a", "", 9)]),
        ("data: a\ndata\ndata: b\n\n", &[event("", "a\n\nb", "", 22)]),
        ("event: x\ndata: a\n\ndata: b\n\n", &[event("x", "a", "", 18), event("", "b", "", 27)]),
        (": c\ndata: a\n\ndata: b\n\n", &[event("", "a", "c", 13), event("", "b", "", 22)]),
        ("data: a\n:c\n\n", &[event("", "a", "c", 12)]),
        ("event: error\n: why\n: so\n\n", &[event("error", "", "why\nso", 25)]),
        ("error: why\n\n", &[event("error", "why", "", 12)]),
        ("\n\n:\n\ndata:\n\ndata\n\nevent: x\n\nid: 1\nretry: 2\nx: y\n\n", &[]),
    ];
    for (bytes, want) in cases {
        assert_eq!(events(bytes.as_bytes()), want, "{bytes:?}");
    }
}

#[test]
fn the_fast_path_copies_nothing() {
    let bytes = b"data: {\"a\":1}\n\ndata: b\r\n\r\n";
    let mut reader = EventReader::new();
    let fed = reader.feed(bytes, |event, _| {
        assert!(bytes.as_ptr_range().contains(&event.data.as_ptr()));
        true
    });
    fed.unwrap();
    assert_eq!(reader.carry.capacity() + reader.data.capacity(), 0);
}

#[test]
fn false_stops_the_reader() {
    let mut seen = 0;
    let fed = EventReader::new().feed(b"data: a\n\ndata: b\n\n", |_, _| {
        seen += 1;
        false
    });
    assert_eq!((fed, seen), (Ok(()), 1));
}

#[test]
fn the_end_of_the_stream_ends_the_last_event() {
    for bytes in ["data: a", "data: a\n", "data: a\r"] {
        let mut reader = EventReader::new();
        reader.feed(bytes.as_bytes(), |_, _| panic!("not over")).unwrap();
        assert!(reader.is_pending());
        let mut seen = Vec::new();
        let end = reader.finish(|event| {
            seen.push(text(event.data));
            true
        });
        assert_eq!((end, seen), (Ok(()), vec!["a".to_owned()]), "{bytes:?}");
        assert!(!reader.is_pending());
    }
}
