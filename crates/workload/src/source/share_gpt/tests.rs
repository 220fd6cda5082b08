use proptest::prelude::*;

use super::super::golden;
use super::*;

const GOLDEN: &[u8] = include_bytes!("../../../tests/golden/aiperf-0.13.0/share_gpt.json");

/// A word is a token.
fn words() -> Counter {
    Arc::new(|text: &str| Some(text.split_whitespace().count() as u32))
}

fn rows(text: &[u8], first_turns: bool) -> ShareGpt {
    ShareGpt::new("s.json", Box::new(std::io::Cursor::new(text.to_vec())), words(), first_turns)
}

#[test]
fn sessions_are_those_that_aiperf_makes() {
    let mut rows = rows(GOLDEN, false);
    let read = golden::all(&mut rows);
    assert_eq!(golden::conversations(&read, false), {
        let mut said = golden::said("share_gpt.json");
        for conversation in &mut said {
            conversation.as_object_mut().unwrap().remove("session_id");
        }
        said
    });
    let left_out: Vec<_> = rows.left_out().into_iter().collect();
    assert_eq!(
        left_out,
        [
            ("a question and its answer of more than 2048 tokens", 1),
            ("a question of fewer than 4 tokens", 2),
            ("a question of more than 1024 tokens", 1),
            ("an answer of fewer than 4 tokens", 1),
            ("fewer than two messages", 2),
            ("no question with its answer", 1),
        ]
    );
    assert_eq!(rows.left_out().values().sum::<u64>() + 6, 14);
}

#[test]
fn alone_first_turns_are_requests_of_their_own() {
    let mut rows = rows(GOLDEN, true);
    let read = golden::all(&mut rows);
    assert!(read.iter().all(|row| row.session.is_none()));
    // As above, and the conversation whose later question is too short.
    let lengths: Vec<_> =
        read.iter().map(|row| (row.input_length.unwrap(), row.output_length.unwrap())).collect();
    assert_eq!(lengths, [(4, 4), (10, 20), (10, 20), (11, 20), (1024, 1024), (10, 20), (11, 20)]);
}

#[test]
fn a_system_prompt_is_said_with_the_turn_behind_it() {
    let text = br#"[{"id": "a", "model": "m", "conversations": [
        {"from": "system", "value": "Be brief.", "weight": 1}, {"from": "user", "value": "one two three four"},
        {"from": "chatgpt", "value": "one two three four"}, {"from": "user", "value": "and now something else"},
        {"from": "bing", "value": "one two three four five"}]},
        {"conversations": [{"from": "human", "value": "one two three four"}, {"from": "tool", "value": "x"},
        {"from": "gpt", "value": "one two three four"}]}]"#;
    let mut rows = rows(text, false);
    let read = golden::all(&mut rows);
    let Said::Messages(messages) = &read[0].said else { panic!() };
    assert_eq!(messages.len(), 2);
    assert_eq!((&messages[0]["role"], &messages[0]["content"]), (&json!("system"), &json!("Be brief.")));
    assert_eq!((read[0].input_length, read[0].output_length), (None, Some(4)));
    assert_eq!(read[1].said, Said::Text("and now something else".to_owned()));
    assert_eq!(
        (read[0].session.as_deref(), read[1].session.as_deref(), read.len()),
        (Some("1"), Some("1"), 2)
    );
    assert_eq!(rows.ignored().iter().map(|(key, n)| (key.as_str(), *n)).collect::<Vec<_>>(), [("model", 1)]);
    assert_eq!(rows.left_out().into_iter().collect::<Vec<_>>(), [("no question with its answer", 1)]);
}

#[test]
fn a_broken_conversation_does_not_stop_the_reading_and_says_where_it_is() {
    let text = b"[{\"id\": 1},\n{\"conversations\": [{\"from\": \"human\", \"value\": 7}]},\n{\"id\": \"c\", \"conversations\": [{\"from\": \"human\", \"value\": \"one two three four\"}, {\"from\": \"gpt\", \"value\": \"one two three four\"}]}\n]";
    let mut rows = rows(text, false);
    let read: Vec<_> = std::iter::from_fn(|| rows.next_row()).collect();
    let first = read[0].clone().unwrap_err();
    assert_eq!((first.line, first.fatal), (1, false));
    assert!(first.what.contains("missing field `conversations`"), "{first}");
    let second = read[1].clone().unwrap_err();
    assert_eq!((second.line, second.field.as_deref()), (2, Some("conversations")));
    assert!(second.what.contains("expected a string") && second.column > 40, "{second}");
    assert!(read[2].is_ok() && read.len() == 3);
}

#[test]
fn nothing_is_taken_that_cannot_be_counted() {
    let mut rows = ShareGpt::new("s.json", Box::new(GOLDEN), Arc::new(|_: &str| None), false);
    assert!(rows.next_row().is_none());
    assert_eq!(rows.left_out().get("tokens could not be counted"), Some(&11));
}

proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..100), cut in 0..2_000_usize) {
        for input in [&bytes[..], &GOLDEN[..cut]] {
            let mut rows = rows(input, false);
            while rows.next_row().is_some() {}
        }
    }
}
