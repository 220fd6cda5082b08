use proptest::prelude::*;

use super::super::golden;
use super::super::row::Said;
use super::*;

const GOLDEN: &[u8] = include_bytes!("../../../tests/golden/aiperf-0.13.0/multi_turn.jsonl");

fn rows(text: &[u8]) -> MultiTurn {
    MultiTurn::new("m.jsonl", Box::new(std::io::Cursor::new(text.to_vec())))
}

#[test]
fn a_file_says_what_aiperf_says_of_it() {
    let read = golden::all(&mut rows(GOLDEN));
    assert_eq!(read.len(), 15);
    assert_eq!(golden::conversations(&read, true), golden::said("multi_turn.jsonl"));
}

#[test]
fn a_turn_may_be_a_text_and_sessions_without_a_name_are_their_own() {
    let text = b"{\"turns\": [\"a\", {\"text\": \"b\", \"mood\": 1}]}\n{\"turns\": [\"c\"], \"mood\": 2}\n";
    let mut rows = rows(text);
    let read = golden::all(&mut rows);
    let said: Vec<_> = read.iter().map(|row| row.said.clone()).collect();
    assert_eq!(said, ["a", "b", "c"].map(|text| Said::Text(text.to_owned())));
    assert_eq!(read[0].session, read[1].session);
    assert!(read[0].session.is_some() && read[0].session != read[2].session);
    let ignored: Vec<_> = rows.ignored().iter().map(|(key, n)| (key.as_str(), *n)).collect();
    assert_eq!(ignored, [("mood", 1), ("turns[].mood", 1)]);
}

#[test]
fn errors_name_line_column_and_field() {
    for (text, column, field, want) in [
        (
            r#"{"turns": [{"text": "a"}, {"text": 7}]}"#,
            36,
            Some("turns[1].text"),
            "`turns[1]`: `text` must be",
        ),
        (r#"{"turns": ["a", ""]}"#, 18, Some("turns[1]"), "`turns[1]`: `text` is empty"),
        (r#"{"turns": ["a", 7]}"#, 17, Some("turns[1]"), "a turn: a text or an object"),
        (
            r#"{"turns": [{"text": "a", "timestamp": 5, "delay": 7}]}"#,
            51,
            Some("turns[0].delay"),
            "`turns[0]`: both `timestamp` and `delay`",
        ),
        (r#"{"turns": [{"delay": 7}]}"#, 23, Some("turns[0]"), "`turns[0]`: no prompt"),
        (r#"{"turns": [{"image": "i", "text": "a"}]}"#, 24, Some("turns[0].image"), "cannot yet"),
        (r#"{"turns": [{"text": "a", "session_id": "b"}]}"#, 43, Some("turns[0]"), "beside `turns`"),
        (r#"{"session_id": "a", "turns": []}"#, 21, Some("turns"), "`turns` is empty"),
        (r#"{"session_id": "a"}"#, 1, None, "no `turns`"),
        (r#"{"turns": "a"}"#, 13, Some("turns"), "a list of turns"),
        (r#"{"turns": ["a"], "turns": ["b"]}"#, 31, Some("turns"), "`turns` is given twice"),
        (r#"{"turns": ["a"], "session_id": "\u0001"}"#, 39, Some("session_id"), "control character"),
        (r#"{"turns": ["a""#, 14, Some("turns[1]"), "EOF"),
        ("[]", 1, None, "a JSON object"),
    ] {
        let errors = golden::errors(&mut rows(format!("\n{text}\n{{\"turns\": [\"x\"]}}").as_bytes()));
        let error = &errors[0];
        let message = error.to_string();
        assert_eq!((errors.len(), error.line, error.field.as_deref()), (1, 2, field), "{text}: {message}");
        assert!(message.contains(want) && message.contains("hint:"), "{text}: {message}");
        assert!(error.column.abs_diff(column) <= 1, "{text}: {message}");
    }
}

proptest! {
    #[test]
    fn never_panics(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        text in "(\\{\"turns\": \\[(\\{\"text\": (\"a\"|3)(, \"role\": \"system\")?\\}|\"b\"|,|null){0,3}\\]\\}?\n){0,3}"
    ) {
        for input in [&bytes[..], text.as_bytes()] {
            let mut rows = rows(input);
            while rows.next_row().is_some() {}
        }
    }
}
