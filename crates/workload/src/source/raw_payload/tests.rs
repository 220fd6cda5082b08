use proptest::prelude::*;

use super::super::golden;
use super::*;

const GOLDEN: &[u8] = include_bytes!("../../../tests/golden/aiperf-0.13.0/raw_payload.jsonl");

fn rows(text: &[u8]) -> RawPayload {
    RawPayload::new("b.jsonl", Box::new(std::io::Cursor::new(text.to_vec())))
}

#[test]
fn bodies_are_those_that_aiperf_sends() {
    let read = golden::all(&mut rows(GOLDEN));
    assert_eq!(golden::conversations(&read, true), golden::said("raw_payload.jsonl"));
    let asked: Vec<_> = read.iter().map(|row| row.output_length).collect();
    assert_eq!(asked, [Some(16), Some(50), None]);
    // The order of a body's keys is the file's.
    let Said::Payload(Value::Object(body)) = &read[1].said else { panic!() };
    assert_eq!(body.keys().collect::<Vec<_>>(), ["model", "messages", "max_tokens", "temperature"]);
}

#[test]
fn a_row_that_can_be_no_body_is_refused() {
    for (text, field, want) in [
        (r#"{"model": "x"}"#, None, "none of `messages`"),
        (r#"{"messages": "x"}"#, Some("messages"), "must be a list, and is a string"),
        (r#"{"messages": []}"#, Some("messages"), "is empty"),
        (r#"{"prompt": 7}"#, Some("prompt"), "must be a list, and is a number"),
        (r#"{"prompt": "a", "prompt": "b"}"#, Some("prompt"), "given twice"),
        (
            r#"{"prompt": "a", "max_tokens": "9"}"#,
            Some("max_tokens"),
            "a whole number of tokens, and is a string",
        ),
        (r#"{"prompt": "a", "max_completion_tokens": -1}"#, Some("max_completion_tokens"), "and is -1"),
        (r#"["prompt"]"#, None, "a JSON object"),
    ] {
        let errors = golden::errors(&mut rows(text.as_bytes()));
        assert_eq!((errors.len(), errors[0].field.as_deref()), (1, field), "{text}");
        assert!(errors[0].to_string().contains(want), "{}", errors[0]);
    }
    let zero = golden::all(&mut rows(br#"{"prompt": "a", "max_tokens": 0}"#));
    assert_eq!(zero[0].output_length, None);
    for text in [r#"{"prompt": "a"}"#, r#"{"inputs": "a"}"#, r#"{"text": "a"}"#, r#"{"input_ids": [1]}"#] {
        assert_eq!(golden::all(&mut rows(text.as_bytes())).len(), 1, "{text}");
    }
}

proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut rows = rows(&bytes);
        while rows.next_row().is_some() {}
    }
}
