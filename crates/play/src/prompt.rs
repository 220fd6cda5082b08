//! From what a request says to what an engine needs to know: the prompt as tokens, the conversation, the adapter.

use std::sync::Arc;

use hyper::HeaderMap;
use hyper::header::HeaderValue;
use tokmark_base::{Content, Piece};
use tokmark_wire::Request;
use xxhash_rust::xxh3::xxh3_64;

use crate::replies::Replies;

/// Headers that name the conversation, the first one found counts: clients' (AIPerf's among them) and Dynamo's.
const SESSION_HEADERS: [&str; 4] =
    ["x-session-id", "x-dynamo-session-id", "x-session-affinity", "x-correlation-id"];

/// Words one behind the other, as far as it takes to tell them from others: equal words, equal value, however they are cut into
/// texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Words(u64);

impl Words {
    /// None yet, to this adapter.
    pub(crate) fn new(adapter: Option<u64>) -> Self {
        Self(adapter.unwrap_or(0))
    }

    /// One more; gives its token, the same for the same word wherever it stands.
    pub(crate) fn say(&mut self, word: &str) -> u32 {
        let token = xxh3_64(word.as_bytes()) as u32;
        // SplitMix64: one to one for each token, and spread.
        let mut z = (self.0 ^ u64::from(token)).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        self.0 = z ^ (z >> 31);
        token
    }
}

/// The tokens of a prompt: ids as given, else one for each word, but those of a reply that is known by its own name. And its words,
/// if there are any.
pub(crate) fn tokens(asked: &Request, adapter: Option<u64>, replies: &Replies) -> (Content, Option<Words>) {
    if asked.token_ids.is_some() {
        return (Content::Tokens(Arc::from(asked.ids.as_slice())), None);
    }
    let mut said = Words::new(adapter);
    let (mut pieces, mut tokens) = (Vec::new(), Vec::new());
    for (place, text) in asked.texts.iter().enumerate() {
        let before = tokens.len();
        tokens.extend(text.split_ascii_whitespace().map(|word| said.say(word)));
        let is_reply = asked.replies.binary_search(&place).is_ok();
        if let Some(reply) = is_reply.then(|| replies.find(said, tokens.len() - before)).flatten() {
            tokens.truncate(before);
            if !tokens.is_empty() {
                pieces.push(Piece::Tokens(std::mem::take(&mut tokens).into()));
            }
            pieces.push(Piece::Segment(reply));
        }
    }
    if pieces.is_empty() {
        return (Content::Tokens(tokens.into()), Some(said));
    }
    if !tokens.is_empty() {
        pieces.push(Piece::Tokens(tokens.into()));
    }
    (Content::Mixed(pieces), Some(said))
}

/// The conversation a request belongs to: by header, then `nvext.agent_context.session_id`, then `user`.
pub(crate) fn session(asked: &Request, headers: &HeaderMap) -> Option<u64> {
    let header = SESSION_HEADERS.iter().find_map(|name| headers.get(*name));
    let body = || asked.session.as_deref().or(asked.user.as_deref()).map(str::as_bytes);
    header.map(HeaderValue::as_bytes).or_else(body).filter(|name| !name.is_empty()).map(xxh3_64)
}

/// The number of an adapter of this name.
pub(crate) fn adapter(name: &str) -> u64 {
    xxh3_64(name.as_bytes())
}

#[cfg(test)]
mod tests {
    use tokmark_base::Segment;
    use tokmark_engine::{RequestId, reply_segment};
    use tokmark_wire::EndpointKind;

    use super::*;

    fn asked(kind: EndpointKind, body: &str) -> Request {
        kind.decode_request(body.as_bytes()).unwrap()
    }

    #[test]
    fn a_word_is_a_token_and_the_same_word_the_same_token() {
        let replies = Replies::default();
        let read = |body| match tokens(&asked(EndpointKind::Completions, body), None, &replies).0 {
            Content::Tokens(ids) => ids.to_vec(),
            other @ (Content::Segments(_) | Content::Mixed(_)) => panic!("{other:?}"),
        };
        let ids = read(r#"{"prompt": "a rose is a rose"}"#);
        assert_eq!(ids.len(), 5);
        assert_eq!((ids[0], ids[1]), (ids[3], ids[4]));
        assert_ne!(ids[0], ids[1]);
        // The lower half of XXH3's e6c632b61e964e1f for "a", as `xxhsum -H3` prints it: the same on every machine.
        assert_eq!(ids[0], 0x1e96_4e1f);
        assert_eq!(read(r#"{"prompt": ["a rose is a rose"]}"#), ids);
        assert_eq!(read(r#"{"prompt": [7, 8, 9]}"#), [7, 8, 9]);
        assert_eq!(read(r#"{"prompt": [[7, 8, 9]]}"#), [7, 8, 9]);
    }

    #[test]
    fn a_reply_that_was_given_is_said_by_its_name() {
        let replies = Replies::default();
        let read = |messages: &str| {
            let body = format!(r#"{{"messages": [{messages}]}}"#);
            tokens(&asked(EndpointKind::Chat, &body), None, &replies)
        };
        let ask = r#"{"role": "user", "content": "who are you"}"#;
        let (content, said) = read(ask);
        let Content::Tokens(asked) = content else { panic!("{content:?}") };
        replies.keep(said.unwrap(), RequestId(7), "nobody you know", 3);
        let reply = Piece::Segment(Segment { id: reply_segment(RequestId(7)), tokens: 3 });
        let (say, more) =
            (r#"{"role": "assistant", "content": "#, r#"{"role": "user", "content": "you who"}"#);
        let (content, _) = read(&format!(r#"{ask}, {say}"nobody you know"}}, {more}"#));
        let last = Piece::Tokens([asked[2], asked[0]].into());
        assert_eq!(content, Content::Mixed(vec![Piece::Tokens(Arc::clone(&asked)), reply, last]));
        // Changed, said by somebody else or said of something else, it is words.
        let changed = format!(r#"{ask}, {say}"nobody you knew"}}, {more}"#);
        let other = format!(r#"{ask}, {{"role": "user", "content": "nobody you know"}}, {more}"#);
        let elsewhere = format!(r#"{more}, {say}"nobody you know"}}, {more}"#);
        for (messages, tokens) in [(changed, 8), (other, 8), (elsewhere, 7)] {
            let (content, _) = read(&messages);
            assert!(matches!(content, Content::Tokens(_)) && content.tokens() == tokens, "{content:?}");
        }
    }

    #[test]
    fn a_session_is_named_by_header_or_body() {
        let body = r#"{"prompt": "a", "user": "u", "nvext": {"agent_context": {"session_id": "s"}}}"#;
        let asked = asked(EndpointKind::Completions, body);
        let mut headers = HeaderMap::new();
        assert_eq!(session(&asked, &headers), Some(xxh3_64(b"s")));
        headers.insert("x-correlation-id", HeaderValue::from_static("c"));
        assert_eq!(session(&asked, &headers), Some(xxh3_64(b"c")));
        headers.insert("x-session-id", HeaderValue::from_static("h"));
        assert_eq!(session(&asked, &headers), Some(xxh3_64(b"h")));
        let plain = Request { session: None, user: None, ..asked };
        assert_eq!(session(&plain, &HeaderMap::new()), None);
    }
}
