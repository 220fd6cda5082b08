use super::*;
use crate::EndpointKind;

fn learnt(endpoint: EndpointKind, data: &str) -> Template {
    let mut template = Template::default();
    template.learn(data.as_bytes(), &endpoint.decode(data.as_bytes()).unwrap());
    template
}

#[test]
fn words_of_events_that_differ_in_nothing_else() {
    let chat = r#"{"id":"1","choices":[{"delta":{"content":"a"},"finish_reason":null}],"x":"a"}"#;
    let template = learnt(EndpointKind::Chat, chat);
    let like = |words: &str| chat.replacen("\"a\"", &format!("\"{words}\""), 1);
    for words in ["b", " longer", "é\u{2028}", "{}[],:"] {
        assert_eq!(template.words(like(words).as_bytes()), Some((words, false)), "{words}");
    }
    for other in ["", "\\n", "a\"b", "\n", "\u{1}"] {
        assert_eq!(template.words(like(other).as_bytes()), None, "{other:?}");
    }
    assert_eq!(template.words(chat.replace("null", "\"stop\"").as_bytes()), None);
    assert_eq!(template.words(chat.replace("\"1\"", "\"2\"").as_bytes()), None);
    assert_eq!(template.words(&chat.as_bytes()[..chat.len() - 1]), None);
    assert_eq!(template.words(b""), None);
    let (before, after) = chat.split_once("\"a\"").unwrap();
    let broken = [before.as_bytes(), b"\"\xff\"", after.as_bytes()];
    assert_eq!(template.words(&broken.concat()), None);
}

#[test]
fn every_kind_of_plain_text_is_learnt() {
    let reasoning = r#"{"choices":[{"delta":{"reasoning_content":"a","content":null}}]}"#;
    let template = learnt(EndpointKind::Chat, reasoning);
    assert_eq!(template.words(reasoning.replace("\"a\"", "\"b\"").as_bytes()), Some(("b", true)));
    let text = r#"{"choices":[{"text":"a","index":0}]}"#;
    let template = learnt(EndpointKind::Completions, text);
    assert_eq!(template.words(text.as_bytes()), Some(("a", false)));
}

#[test]
fn what_says_more_than_words_is_not_learnt() {
    for data in [
        r#"{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}"#,
        r#"{"choices":[{"delta":{"content":"a"}}],"usage":{"completion_tokens":1}}"#,
        r#"{"choices":[{"delta":{"content":"a"}}],"error":"x"}"#,
        r#"{"choices":[{"delta":{"content":"a\n"}}]}"#,
        r#"{"choices":[{"delta":{"content":"a"}},{"delta":{"content":"b"}}]}"#,
        r#"{"choices":[{"delta":{"content":"a","reasoning":"b"}}]}"#,
        r#"{"choices":[{"delta":{"content":""}}]}"#,
    ] {
        assert_eq!(learnt(EndpointKind::Chat, data).words(data.as_bytes()), None, "{data}");
    }
}

#[test]
fn nothing_learnt_knows_nothing() {
    assert_eq!(Template::default().words(b"a"), None);
}
