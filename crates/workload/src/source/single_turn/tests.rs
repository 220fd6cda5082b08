use proptest::prelude::*;

use super::super::golden;
use super::super::row::Said;
use super::*;

const GOLDEN: &[u8] = include_bytes!("../../../tests/golden/aiperf-0.13.0/single_turn.jsonl");

fn rows(text: &[u8]) -> SingleTurn {
    SingleTurn::new("p.jsonl", Box::new(std::io::Cursor::new(text.to_vec())))
}

/// The first error as `(line, column, field, message)`.
fn error(text: &[u8]) -> (u64, u64, Option<String>, String) {
    let error = golden::errors(&mut rows(text)).swap_remove(0);
    let message = error.to_string();
    (error.line, error.column, error.field, message)
}

#[test]
fn a_file_says_what_aiperf_says_of_it() {
    let mut rows = rows(GOLDEN);
    let read = golden::all(&mut rows);
    assert_eq!((read.len(), rows.ignored().get("note")), (11, Some(&1)));
    assert_eq!(rows.ignored().len(), 1);
    assert_eq!(golden::conversations(&read, true), golden::said("single_turn.jsonl"));
}

#[test]
fn every_shape_is_read_in_order() {
    let text = "\u{feff}{\"text_input\": \"one\", \"output_length\": 7}\r\n\n{\"prompt\": \"two\", \"user\": 3}\n  \n{\"messages\": [{\"role\": \"user\", \"content\": \"three\"}], \"output_length\": null, \"user\": 4}";
    let mut rows = rows(text.as_bytes());
    let read = golden::all(&mut rows);
    assert_eq!(rows.ignored().get("user"), Some(&2));
    assert_eq!((&read[0].said, read[0].output_length), (&Said::Text("one".to_owned()), Some(7)));
    assert_eq!((&read[1].said, read[1].output_length), (&Said::Text("two".to_owned()), None));
    let Said::Messages(messages) = &read[2].said else { panic!() };
    assert_eq!(messages[0]["content"], "three");
    assert_eq!(read.len(), 3);
}

#[test]
fn errors_name_line_column_and_field() {
    let good = b"{\"text\": \"a\"}\n".to_vec();
    let after = |line: &str| error(&[&good[..], line.as_bytes()].concat());
    let (line, column, field, message) = after(r#"{"text_input": 17}"#);
    assert_eq!((line, field.as_deref()), (2, Some("text_input")));
    assert!((15..=18).contains(&column), "{column}");
    assert!(
        message.starts_with("p.jsonl:2:") && message.contains("`text_input` must be a string"),
        "{message}"
    );
    let (_, column, _, message) = after(r#"{"text_input": "x" "output_length": 3}"#);
    assert_eq!(column, 20, "{message}");
    // A line cut off: where it ends, whatever ends the line.
    for (cut, at) in [("{\"text_input\":", 14), ("{\"text_input\": ", 14), ("{\"text", 6)] {
        for end in ["", "\n", "\r\n", "\n{}\n"] {
            let (line, column, _, message) = after(&format!("{cut}{end}"));
            assert_eq!((line, column), (2, at), "{cut:?}{end:?}: {message}");
        }
    }
    for (text, field, want) in [
        (r#"{"text": "x", "output_length": "many"}"#, Some("output_length"), "is a string"),
        (r#"{"text": "x", "output_length": 0}"#, Some("output_length"), "is 0"),
        (r#"{"text": "x", "output_length": -3}"#, Some("output_length"), "is -3"),
        (r#"{"text": "x", "output_length": 99999999999}"#, Some("output_length"), "from 1 to 10000000"),
        (r#"{"text": "x", "text_input": "y"}"#, Some("text_input"), "both `text` and `text_input`"),
        (r#"{"text": "x", "texts": ["y"]}"#, Some("texts"), "both `text` and `texts`"),
        (r#"{"text": "x", "text": "y"}"#, Some("text"), "`text` is given twice"),
        (r#"{"text": ""}"#, Some("text"), "`text` is empty"),
        (r#"{"texts": []}"#, Some("texts"), "`texts` is empty"),
        (r#"{"texts": ["x", 3]}"#, Some("texts"), "`texts[1]` must be a string, and is 3"),
        (r#"{"texts": [{"name": "q"}]}"#, Some("texts"), "`texts[0].contents` must be a list"),
        (r#"{"texts": [{"contents": ["", "b"]}]}"#, Some("texts"), "`texts[0].contents[0]` is empty"),
        (r#"{"text": "x", "messages": [{"role": "user"}]}"#, Some("text"), "both `text` and `messages`"),
        (r#"{"role": "user", "messages": [{"role": "user"}]}"#, Some("role"), "their own"),
        (r#"{"messages": []}"#, Some("messages"), "is empty"),
        (r#"{"messages": ["hello"]}"#, Some("messages"), "`messages[0]`"),
        (r#"{"messages": "hello"}"#, Some("messages"), "must be a list"),
        (r#"{"text": "x", "timestamp": 5, "delay": 7}"#, Some("delay"), "both `timestamp` and `delay`"),
        (r#"{"text": "x", "timestamp": -5}"#, Some("timestamp"), "must be milliseconds"),
        (r#"{"text": "x", "delay": "1s"}"#, Some("delay"), "must be milliseconds"),
        (r#"{"text": "x", "session_id": {}}"#, Some("session_id"), "must be a string"),
        (r#"{"text": "x", "extra": [1]}"#, Some("extra"), "must be an object"),
        (r#"{"text": "x", "image": "cat.png"}"#, Some("image"), "`image`: only texts can be sent"),
        (r#"{"text": "x", "audios": ["a.wav"]}"#, Some("audios"), "cannot yet"),
        (r#"{"videos": [{"name": "v"}]}"#, Some("videos"), "cannot yet"),
        (r#"{"output_length": 3}"#, None, "no prompt"),
        (r#"["x"]"#, None, "a JSON object"),
        ("{\"text\": \"x\"} {}", None, "trailing"),
        ("not json", None, "expected"),
        ("{\"text\": \"x", Some("text"), "EOF"),
    ] {
        let (line, column, got, message) = after(text);
        assert_eq!((line, got.as_deref()), (2, field), "{text}: {message}");
        assert!(column >= 1 && message.contains(want) && message.contains("hint:"), "{text}: {message}");
        assert!(!message.contains(" at line "), "{message}");
    }
    // A fault of the whole row is found where its field is named.
    assert_eq!(after(r#"{"text": "x", "timestamp": 5, "delay": 7}"#).1, 31);
}

#[test]
fn media_that_are_not_there_are_no_errors_and_a_bad_row_does_not_stop_the_reading() {
    let text = b"{\"text\": \"a\", \"images\": [], \"video\": null}\n{\"text\": 7}\n{\"text\": \"b\"}\n";
    let mut rows = rows(text);
    let read: Vec<_> = std::iter::from_fn(|| rows.next_row()).collect();
    assert_eq!(read.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
}

#[test]
fn bytes_that_are_no_text_are_an_error_on_their_line() {
    let (line, _, field, _) = error(b"{\"text\": \"a\"}\n{\"text\": \"\xff\"}\n");
    assert_eq!((line, field.as_deref()), (2, Some("text")));
    let deep = format!("{{\"x\": {}", "[".repeat(100_000));
    assert_eq!(error(deep.as_bytes()).0, 1);
}

/// A reader that fails in the middle.
struct Failing(bool);

impl std::io::Read for Failing {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if std::mem::replace(&mut self.0, true) {
            return Err(std::io::Error::other("the disk is gone"));
        }
        let line = b"{\"text\": \"a\"}\n";
        buffer[..line.len()].copy_from_slice(line);
        Ok(line.len())
    }
}

#[test]
fn a_read_error_names_its_line_and_ends_the_reading() {
    let mut rows = SingleTurn::new("p", Box::new(std::io::BufReader::new(Failing(false))));
    assert!(rows.next_row().unwrap().is_ok());
    let error = rows.next_row().unwrap().unwrap_err();
    assert!(
        error.fatal && error.to_string().starts_with("p:2:1: reading stopped: the disk is gone"),
        "{error}"
    );
    assert!(rows.next_row().is_none());
}

proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut rows = rows(&bytes);
        while rows.next_row().is_some() {}
    }

    #[test]
    fn almost_right_lines_are_rows_or_errors_with_a_hint(
        text in "(\\{\"(text|texts|messages|output_length|delay|x)\": (\"a\"|3|-1|1e9|null|\\[\\]|\\[\"b\"\\]|\\[\\{\"role\":\"u\"\\}\\])(, \"text\": \"b\")?\\}?\n){0,4}"
    ) {
        let mut rows = rows(text.as_bytes());
        let mut seen = 0;
        while let Some(row) = rows.next_row() {
            seen += 1;
            match row {
                Ok(row) => prop_assert!(row.said != Said::Length),
                Err(error) => prop_assert!(error.to_string().contains("hint:") && error.line <= 4),
            }
        }
        prop_assert_eq!(seen, text.lines().count());
    }
}
