use proptest::prelude::*;

use super::*;

fn read(text: &[u8]) -> Result<Jsonl, JsonlError> {
    Jsonl::read("p.jsonl", text, None)
}

/// The error as `(line, column, field, message)`.
fn error(text: &[u8]) -> (u64, usize, Option<String>, String) {
    let error = read(text).unwrap_err();
    let message = error.to_string();
    match error {
        JsonlError::Line { line, column, field, .. } => (line, column, field, message),
        other => panic!("{other}"),
    }
}

#[test]
fn every_shape_is_read_in_order_and_wraps() {
    let text = "\u{feff}{\"text_input\": \"one\", \"output_length\": 7}\r\n\n{\"prompt\": \"two\", \"session_id\": 3}\n  \n{\"messages\": [{\"role\": \"user\", \"content\": \"three\"}], \"output_length\": null, \"session_id\": 4}";
    let spec = WorkloadSpec::default();
    let lines = read(text.as_bytes()).unwrap().shaped(&spec, Seed(42));
    assert_eq!((lines.len(), lines.distinct()), (3, Some(3)));
    assert_eq!(lines.ignored().get("session_id"), Some(&2));
    let item = |i| lines.turn(i, 0);
    assert_eq!(item(0).prompt, Prompt::Text("one".to_owned()));
    assert_eq!((item(0).osl, item(0).isl), (Some(7), None));
    assert_eq!((item(1).prompt, item(1).osl), (Prompt::Text("two".to_owned()), Some(128)));
    let Prompt::Messages(messages) = item(2).prompt else { panic!() };
    assert_eq!(messages[0]["content"], "three");
    assert_eq!(item(3).prompt, item(0).prompt);
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
        (r#"{"text": "x", "output_length": 99999999999}"#, Some("output_length"), "at least 1"),
        (r#"{"text": "x", "text_input": "y"}"#, Some("text_input"), "both `text` and `text_input`"),
        (r#"{"text": "x", "messages": [{"role": "user"}]}"#, Some("text"), "both `text` and `messages`"),
        (r#"{"messages": []}"#, Some("messages"), "is empty"),
        (r#"{"messages": ["hello"]}"#, Some("messages"), "`messages[0]`"),
        (r#"{"messages": "hello"}"#, Some("messages"), "must be a list"),
        (r#"{"output_length": 3}"#, None, "no prompt"),
        (r#"{"input_length": 6, "hash_ids": [1]}"#, None, "Mooncake"),
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
}

#[test]
fn bytes_that_are_no_text_are_an_error_on_their_line() {
    let (line, _, field, _) = error(b"{\"text\": \"a\"}\n{\"text\": \"\xff\"}\n");
    assert_eq!((line, field.as_deref()), (2, Some("text")));
    let deep = format!("{{\"x\": {}", "[".repeat(100_000));
    assert_eq!(error(deep.as_bytes()).0, 1);
}

#[test]
fn an_empty_file_says_so() {
    for text in ["", "\n\n", "\u{feff}"] {
        assert!(matches!(read(text.as_bytes()), Err(JsonlError::Empty { .. })), "{text:?}");
    }
}

#[test]
fn only_as_many_as_asked_are_read() {
    let lines = Jsonl::read("p", &b"{\"text\": \"a\"}\n{\"text\": \"b\"}\nbroken"[..], Some(2)).unwrap();
    assert_eq!(lines.len(), 2);
}

#[test]
fn the_digest_is_of_the_lines_not_of_their_ends() {
    let digest = |text: &str| read(text.as_bytes()).unwrap().digest;
    let unix = digest("{\"text\": \"a\"}\n{\"text\": \"b\"}\n");
    assert_eq!(digest("{\"text\": \"a\"}\r\n\r\n{\"text\": \"b\"}"), unix);
    assert_ne!(digest("{\"text\": \"b\"}\n{\"text\": \"a\"}\n"), unix);
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
fn a_read_error_names_its_line() {
    let error = Jsonl::read("p", std::io::BufReader::new(Failing(false)), None).unwrap_err();
    assert_eq!(error.to_string(), "p:2: the disk is gone");
}

proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes);
    }

    #[test]
    fn never_panics_on_almost_right_lines(
        text in "(\\{\"(text|messages|output_length|x)\": (\"a\"|3|-1|1e9|null|\\[\\]|\\[\\{\"role\":\"u\"\\}\\])(, \"text\": \"b\")?\\}?\n){0,4}"
    ) {
        match read(text.as_bytes()) {
            Ok(lines) => prop_assert!(lines.distinct() > Some(0)),
            Err(e) => prop_assert!(e.to_string().contains("hint:")),
        }
    }
}
