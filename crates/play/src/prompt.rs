//! From what a request says to what an engine needs to know: the prompt as tokens, the conversation, the adapter.

use std::sync::Arc;

use hyper::HeaderMap;
use hyper::header::HeaderValue;
use tokmark_base::Content;
use tokmark_wire::Request;
use xxhash_rust::xxh3::xxh3_64;

/// Headers that name the conversation, the first one found counts: clients' (AIPerf's among them) and Dynamo's.
const SESSION_HEADERS: [&str; 4] =
    ["x-session-id", "x-dynamo-session-id", "x-session-affinity", "x-correlation-id"];

/// The tokens of a prompt: ids as given, else one for each word, the same for the same word wherever it stands.
pub(crate) fn tokens(asked: &Request) -> Content {
    if asked.token_ids.is_some() {
        return Content::Tokens(Arc::from(asked.ids.as_slice()));
    }
    let words = asked.texts.iter().flat_map(|text| text.split_ascii_whitespace());
    Content::Tokens(words.map(|word| xxh3_64(word.as_bytes()) as u32).collect())
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
    use tokmark_wire::EndpointKind;

    use super::*;

    fn asked(kind: EndpointKind, body: &str) -> Request {
        kind.decode_request(body.as_bytes()).unwrap()
    }

    #[test]
    fn a_word_is_a_token_and_the_same_word_the_same_token() {
        let read = |body| match tokens(&asked(EndpointKind::Completions, body)) {
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
