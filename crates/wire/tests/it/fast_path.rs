//! The shortcut for events that are like the one before says what the full parse says.

use proptest::collection::vec;
use proptest::prelude::*;
use tokmark_wire::{EndpointKind, Reply, ReplyReader};

use crate::streams::read;

fn stream(events: &[String]) -> Vec<u8> {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
    let events: Vec<String> = events.iter().map(|e| format!("data: {e}\n\n")).collect();
    format!("{head}{}", events.concat()).into_bytes()
}

fn reply(events: &[String]) -> Reply {
    let mut reader = ReplyReader::new(EndpointKind::Chat, true, true);
    read(&mut reader, &[&stream(events)]).0
}

/// Each event by a reader of its own, which has nothing to compare it with and so parses it in full; the facts added up.
fn one_by_one(events: &[String]) -> (u64, String, String, bool) {
    let mut sum = (0, String::new(), String::new(), false);
    for event in events {
        let reply = reply(std::slice::from_ref(event));
        let text = reply.text.unwrap();
        sum.0 += reply.content_events;
        sum.1 += &text.output;
        sum.2 += &text.reasoning;
        sum.3 = reply.failure.is_some_and(|f| {
            f.kind == tokmark_record::FailureKind::NotJson
                || f.kind == tokmark_record::FailureKind::ErrorInStream
        });
        if sum.3 {
            break;
        }
    }
    sum
}

/// Words as they stand between quotes: most plain, some escaped, some broken.
fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "[ a-z,{}\\[\\]:]{0,6}",
        1 => Just("é日🙂\u{2028}".to_owned()),
        1 => Just("\\n\\\"x\\\\".to_owned()),
        1 => Just("\\u00e9".to_owned()),
        1 => Just("a\",\"content\":\"b".to_owned()),
        1 => Just("\"},\"finish_reason\":\"stop\",\"x\":{\"y\":\"".to_owned()),
        1 => Just("\u{1}".to_owned()),
        1 => Just("\\x".to_owned()),
    ]
}

fn event() -> impl Strategy<Value = String> {
    let shape = prop_oneof![
        4 => Just("{\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"@\"},\"finish_reason\":null}]}"),
        2 => Just("{\"choices\":[{\"delta\":{\"reasoning_content\":\"@\"}}]}"),
        1 => Just("{\"choices\":[{\"delta\":{\"reasoning\":\"r\",\"reasoning_content\":\"@\"}}]}"),
        1 => Just("{\"choices\":[{\"delta\":{\"content\":\"x\",\"content\":\"@\"}}]}"),
        1 => Just("{\"choices\":[{\"delta\":{\"content\":\"@\",\"content\":\"\"}}]}"),
        1 => Just("{\"choices\":[{\"delta\":{\"role\":\"@\",\"content\":\"x\"}}]}"),
        1 => Just("{\"model\":\"@\",\"choices\":[{\"delta\":{\"content\":\"\"}}]}"),
        1 => Just("{\"choices\":[{\"delta\":{\"content\":\"@\"}},{\"delta\":{\"content\":\"@\"}}]}"),
        1 => Just("{\"choices\":[{\"delta\":{\"content\":\"\",\"tool_calls\":[{\"function\":{\"arguments\":\"@\"}}]}}]}"),
        1 => Just("{\"choices\":[{\"delta\":{\"content\":\"@\"}}],\"error\":null}"),
        1 => Just("{\"error\":\"@\",\"choices\":[{\"delta\":{\"content\":\"x\"}}]}"),
    ];
    (shape, words()).prop_map(|(shape, words)| shape.replace('@', &words))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn is_the_full_parse(events in vec(event(), 1..12)) {
        let fast = reply(&events);
        let text = fast.text.clone().unwrap();
        let failed = fast.failure.is_some_and(|f| {
            f.kind == tokmark_record::FailureKind::NotJson || f.kind == tokmark_record::FailureKind::ErrorInStream
        });
        prop_assert_eq!((fast.content_events, text.output, text.reasoning, failed), one_by_one(&events));
    }

    #[test]
    fn is_the_full_parse_for_one_shape(shape in event(), many in vec(words(), 1..12)) {
        let events: Vec<String> = many.iter().map(|w| shape.replacen(":\"", &format!(":\"{w}"), 3)).collect();
        let fast = reply(&events);
        let text = fast.text.clone().unwrap();
        let failed = fast.failure.is_some_and(|f| {
            f.kind == tokmark_record::FailureKind::NotJson || f.kind == tokmark_record::FailureKind::ErrorInStream
        });
        prop_assert_eq!((fast.content_events, text.output, text.reasoning, failed), one_by_one(&events));
    }
}
