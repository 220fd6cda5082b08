//! Replies without a wire: what is ready when, and since when it was due.

use std::task::Waker;

use tokmark_base::Seed;
use tokmark_wire::EndpointKind;

use super::*;
use crate::fault::{Fault, FaultRule, manner};

/// Says `a` for every token.
struct Letters;

impl Lexicon for Letters {
    fn id(&self) -> String {
        "letters".to_owned()
    }

    fn extend(&self, text: &mut String, tokens: u32, _stream: &mut Stream) -> u32 {
        text.extend((0..tokens).map(|_| 'a'));
        tokens
    }
}

fn reply(streaming: bool, faults: impl IntoIterator<Item = Fault>) -> Reply {
    let rules: Vec<FaultRule> = faults.into_iter().map(FaultRule::always).collect();
    Reply::new(Recipe {
        writer: ReplyWriter::new(EndpointKind::Completions, "c", "m", 0),
        manner: manner(&rules, 1),
        streaming,
        usage: UsagePolicy::Never,
        prompt_tokens: 3,
        stream_interval: 1,
        tell_cached: true,
        tell_times: false,
        plays: Kind::Vllm,
        lexicon: Arc::new(Letters),
        words: Seed(0).stream("reply", 1),
    })
}

/// What is ready now, as text with the envelope cut away, and since when it was due.
fn take(reply: &mut Reply) -> Option<(String, Option<i64>)> {
    let mut cx = Context::from_waker(Waker::noop());
    let Poll::Ready(Some(ready)) = reply.poll_ready(&mut cx) else {
        return None;
    };
    let text = String::from_utf8(ready.bytes).unwrap();
    let head =
        r#"data: {"id":"c","object":"text_completion","created":0,"model":"m","choices":[{"index":0,"text":"#;
    let text = text
        .replace(head, "")
        .replace(r#","logprobs":null,"finish_reason":null}]"#, "")
        .replace("}\n\n", " ");
    Some((text, ready.due.map(|due| due.0)))
}

#[test]
fn an_event_a_token_each_with_its_own_due_time() {
    let mut reply = reply(true, []);
    assert_eq!(take(&mut reply), None);
    reply.generated(1, Micros(100));
    assert_eq!(take(&mut reply), Some((r#""a" "#.to_owned(), Some(100))));
    assert_eq!(take(&mut reply), None);
    reply.generated(1, Micros(110));
    reply.generated(1, Micros(120));
    // A client that did not read in between gets both at once; the lateness is that of the older one.
    assert_eq!(take(&mut reply), Some((r#""a" "a" "#.to_owned(), Some(110))));
    assert_eq!(reply.end(), None);
    reply.finished("length", Micros(120));
    let (last, due) = take(&mut reply).unwrap();
    assert!(last.ends_with("data: [DONE]\n\n") && last.contains(r#""finish_reason":"length""#), "{last}");
    assert_eq!(due, None);
    assert!(reply.all_sent());
}

#[test]
fn several_tokens_an_event_after_the_first() {
    let mut reply = reply(true, [Fault::TokensPerEvent { tokens: 3 }, Fault::NoDone]);
    let mut seen = Vec::new();
    for at in 1..=6 {
        reply.generated(1, Micros(at));
        seen.push(take(&mut reply).map(|(text, _)| text));
    }
    reply.finished("stop", Micros(6));
    let last = take(&mut reply).unwrap().0;
    assert_eq!(seen, [Some(r#""a" "#.to_owned()), None, None, Some(r#""aaa" "#.to_owned()), None, None]);
    assert!(last.starts_with(r#""aa" "#) && !last.contains("DONE"), "{last}");
}

#[test]
fn a_turn_comes_after_exactly_its_tokens() {
    for (fault, end, more) in [
        (Fault::CutAfter { tokens: 2 }, Some(End::Cut), ""),
        (Fault::EndAfter { tokens: 2 }, Some(End::Clean), ""),
        (Fault::StallAfter { tokens: 2 }, None, ""),
        (Fault::ErrorAfter { tokens: 2, message: "boom".to_owned() }, Some(End::Clean), "boom"),
    ] {
        let mut reply = reply(true, [fault.clone()]);
        for at in 0..5 {
            reply.generated(1, Micros(at));
        }
        reply.finished("length", Micros(5));
        let (text, _) = take(&mut reply).unwrap();
        assert_eq!(text.matches(r#""a" "#).count(), 2, "{fault:?}: {text}");
        assert!(text.contains(more) && !text.contains("length"), "{fault:?}: {text}");
        assert_eq!(reply.end(), end, "{fault:?}");
    }
    let mut cut = reply(true, [Fault::CutAfter { tokens: 0 }]);
    assert_eq!(cut.end(), Some(End::Cut));
    assert_eq!(take(&mut cut), None);
}

#[test]
fn a_body_is_made_when_the_last_token_is() {
    let mut cx = Context::from_waker(Waker::noop());
    let mut whole = reply(false, []);
    whole.generated(2, Micros(1));
    assert!(whole.poll_length(&mut cx).is_pending());
    whole.finished("length", Micros(2));
    let Poll::Ready(Some(ready)) = whole.poll_ready(&mut cx) else {
        panic!("nothing made");
    };
    assert_eq!(whole.poll_length(&mut cx), Poll::Ready(Some(ready.bytes.len() as u64)));
    assert_eq!(ready.due, Some(Micros(2)));
    let body: serde_json::Value = serde_json::from_slice(&ready.bytes).unwrap();
    assert_eq!(body["choices"][0]["text"], "aa");
    assert!(body.get("usage").is_none());

    let mut dropped = reply(false, []);
    dropped.dropped();
    assert_eq!(dropped.poll_length(&mut cx), Poll::Ready(None));
}
