use proptest::prelude::*;

use super::super::golden;
use super::*;

const GOLDEN: &[u8] = include_bytes!("../../../tests/golden/aiperf-0.13.0/inputs.json");

fn rows(text: &[u8]) -> InputsJson {
    InputsJson::new("inputs.json", Box::new(std::io::Cursor::new(text.to_vec())))
}

#[test]
fn bodies_are_those_that_aiperf_sends() {
    let mut rows = rows(GOLDEN);
    let read = golden::all(&mut rows);
    assert_eq!((read.len(), rows.ignored().len()), (4, 0));
    assert_eq!(golden::conversations(&read, true), golden::said("inputs.json"));
    assert!(read.iter().all(|row| row.output_length == Some(16)));
}

#[test]
fn errors_say_where_and_a_bad_session_does_not_stop_the_reading() {
    for (entry, line, column, field, want) in [
        (r#"{"payloads": [{"a": 1}]}"#, 3, 1, None, "no `session_id`"),
        (r#"{"session_id": "b"}"#, 3, 1, None, "no `payloads`"),
        (r#"{"session_id": "b", "payloads": []}"#, 3, 34, Some("payloads"), "`payloads` is empty"),
        (r#"{"session_id": "b", "payloads": {}}"#, 3, 34, Some("payloads"), "must be a list"),
        (
            "{\"session_id\": \"b\",\n\"payloads\": [{\"a\": 1}, 7]}",
            4,
            25,
            Some("payloads"),
            "`payloads[1]` must be",
        ),
        (
            r#"{"session_id": "b", "payloads": [{"max_tokens": 1.5}]}"#,
            3,
            54,
            Some("payloads"),
            "`payloads[0]`: `max_tokens` must be a whole number of tokens, and is 1.5",
        ),
        (r#"{"session_id": "b", "payloads": [{}]}"#, 3, 36, Some("payloads"), "`payloads[0]` is empty"),
        (
            "{\"payloads\": [{\"a\": 1}],\n \"session_id\": \"a\"}",
            4,
            2,
            Some("session_id"),
            "`a` has been given",
        ),
        ("7", 3, 1, None, "a JSON object"),
    ] {
        let good =
            |name: &str| format!("{{\"session_id\": \"{name}\", \"payloads\": [{{\"messages\": []}}]}}");
        let text = format!("{{\"data\": [\n{},\n{entry},\n{}]}}", good("a"), good("z"));
        let mut rows = rows(text.as_bytes());
        let read: Vec<_> = std::iter::from_fn(|| rows.next_row()).collect();
        assert_eq!(read.len(), 3, "{entry}");
        assert!(read[0].is_ok() && read[2].is_ok(), "{entry}: {read:?}");
        let error = read[1].clone().unwrap_err();
        assert_eq!((error.line, error.field.as_deref()), (line, field), "{entry}: {error}");
        assert!(error.column.abs_diff(column) <= 1 && error.what.contains(want), "{entry}: {error}");
    }
}

proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..100), cut in 0..GOLDEN.len()) {
        for input in [&bytes[..], &GOLDEN[..cut]] {
            let mut rows = rows(input);
            while rows.next_row().is_some() {}
        }
    }
}
