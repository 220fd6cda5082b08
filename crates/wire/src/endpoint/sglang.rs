//! SGLang's own `/generate` (0.5.23, `entrypoints/http_server.py`): `text` with `sampling_params` in, `text` with `meta_info` out.
//!
//! An event of a stream holds the whole text so far; with the server's `--incremental-streaming-output` it holds what is new. The
//! two are told apart by `output_ids`, which go with the text: all of them are as many as `meta_info.completion_tokens`.

use serde_json::{Map, Value, json};
use tokmark_record::{ServerSaid, Usage};

use super::chunk::{Chunk, Text};
use super::said;
use crate::message;

/// The keys of a body beside the prompt: what limits the output.
pub(super) fn sampling(osl: Option<u32>, hold: bool) -> Map<String, Value> {
    let mut sampling = Map::new();
    if let Some(osl) = osl {
        sampling.insert("max_new_tokens".to_owned(), osl.into());
        if hold {
            sampling.insert("min_new_tokens".to_owned(), osl.into());
            sampling.insert("ignore_eos".to_owned(), true.into());
        }
    }
    sampling
}

/// One event or one body.
pub(super) fn decode(data: &[u8]) -> Result<Chunk<'_>, serde_json::Error> {
    let mut value: Map<String, Value> = serde_json::from_slice(data)?;
    let mut chunk = Chunk::default();
    if let Some(error) = value.get("error") {
        chunk.error = message::of_error(error);
        return Ok(chunk);
    }
    let meta = value.remove("meta_info").unwrap_or_default();
    let completion = said::count(&meta["completion_tokens"]);
    let ids = value.get("output_ids").and_then(Value::as_array).map(Vec::len);
    chunk.whole = ids.is_none() || ids == completion.map(|n| n as usize);
    if let Some(Value::String(text)) = value.remove("text") {
        chunk.output = Text(text.into());
    }
    let usage = Usage {
        prompt: said::count(&meta["prompt_tokens"]),
        completion,
        cached: said::count(&meta["cached_tokens"]),
        reasoning: said::count(&meta["reasoning_tokens"]).filter(|n| *n > 0),
    };
    chunk.usage = (usage != Usage::default()).then_some(usage);
    chunk.server = said::sglang(&meta);
    let finish = &meta["finish_reason"];
    chunk.finish_reason = finish["type"].as_str().or_else(|| finish.as_str()).map(str::to_owned);
    if chunk.finish_reason.as_deref() == Some("abort") {
        let told = finish["message"].as_str().unwrap_or("the server aborted the request");
        chunk.error = Some(told.to_owned());
    }
    Ok(chunk)
}

/// An event or a body as the server writes it: the whole text so far, the ids and counts of its tokens. What is unknown is left out.
pub(super) fn encode(
    id: &str,
    text: &str,
    tokens: u32,
    usage: &Usage,
    end: Option<(&str, &ServerSaid)>,
) -> Value {
    let finish = match end {
        Some(("length", _)) => json!({"type": "length", "length": tokens}),
        // SGLang names the token that ended it.
        Some((reason, _)) => json!({"type": reason, "matched": 2}),
        None => Value::Null,
    };
    let mut meta = json!({"id": id, "finish_reason": finish, "completion_tokens": tokens});
    let counts = [
        ("prompt_tokens", usage.prompt),
        ("cached_tokens", usage.cached),
        ("reasoning_tokens", usage.reasoning),
    ];
    for (key, count) in counts {
        if let Some(count) = count {
            meta[key] = count.into();
        }
    }
    if let Some((_, server)) = end {
        said::add_to_sglang(server, &mut meta);
    }
    json!({"text": text, "output_ids": (0..tokens).collect::<Vec<u32>>(), "meta_info": meta})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_texts_and_new_ones_are_told_apart() {
        let event = |ids: &str, tokens: u32| {
            let text = format!(
                r#"{{"text": " a a", "output_ids": {ids}, "meta_info": {{"id": "x", "finish_reason": null, "prompt_tokens": 7, "completion_tokens": {tokens}, "cached_tokens": 4}}}}"#
            );
            let chunk = decode(text.as_bytes()).unwrap();
            (chunk.whole, chunk.usage.unwrap().completion, chunk.usage.unwrap().cached)
        };
        assert_eq!(event("[5, 5]", 2), (true, Some(2), Some(4)));
        assert_eq!(event("[5]", 2), (false, Some(2), Some(4)));
    }

    #[test]
    fn reasons_and_figures_of_the_last_event_are_read() {
        let last = r#"{"text": "ab", "output_ids": [1, 2], "meta_info": {"finish_reason": {"type": "length", "length": 2}, "prompt_tokens": 3, "completion_tokens": 2, "cached_tokens": 0, "reasoning_tokens": 0, "e2e_latency": 0.25, "queue_time": 0.001, "forward_entry_time": 1795343601.25, "prefill_finished_time": 1795343601.375, "first_token_latency": 0.127, "spec_num_correct_drafts": 5, "spec_num_proposed_drafts": 8}}"#;
        let chunk = decode(last.as_bytes()).unwrap();
        assert_eq!(chunk.finish_reason.as_deref(), Some("length"));
        let said = chunk.server.unwrap();
        let times = [said.queue_us, said.prefill_us, said.first_token_us, said.total_us];
        assert_eq!(times.map(|time| time.unwrap().0), [1_000, 125_000, 127_000, 250_000]);
        assert_eq!((said.drafted, said.accepted), (Some(8), Some(5)));
        let aborted =
            r#"{"text": "", "meta_info": {"finish_reason": {"type": "abort", "message": "too long"}}}"#;
        assert_eq!(decode(aborted.as_bytes()).unwrap().error.as_deref(), Some("too long"));
        let error = r#"{"error": {"message": "no", "type": "invalid_request_error", "code": 400}}"#;
        assert_eq!(decode(error.as_bytes()).unwrap().error.as_deref(), Some("no"));
    }
}
