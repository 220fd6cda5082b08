//! Text Generation Inference's `/generate` and `/generate_stream` (types of `text-generation` 0.7.0): `inputs` with `parameters` in;
//! out comes an event a token, the last with `generated_text` and `details`.
//!
//! The API has no way to make a reply go on past its own end: an output length is an upper bound here.

use serde_json::{Map, Value, json};
use tokmark_record::Usage;

use super::chunk::{Chunk, Text};
use super::said;

/// `parameters`: what limits the output, and that counts are wanted.
pub(super) fn parameters(osl: Option<u32>) -> Map<String, Value> {
    let mut parameters = Map::from_iter([("details".to_owned(), Value::from(true))]);
    if let Some(osl) = osl {
        parameters.insert("max_new_tokens".to_owned(), osl.into());
    }
    parameters
}

/// One event or one body.
pub(super) fn decode(data: &[u8]) -> Result<Chunk<'_>, serde_json::Error> {
    let mut value: Map<String, Value> = serde_json::from_slice(data)?;
    let mut chunk = Chunk::default();
    if let Some(error) = value.get("error") {
        let text = error.as_str().map_or_else(|| error.to_string(), str::to_owned);
        chunk.error = Some(text);
        return Ok(chunk);
    }
    // Where no details were asked for, the whole text alone says that the stream is over.
    chunk.last = value.get("generated_text").is_some_and(Value::is_string);
    if let Some(token) = value.get_mut("token") {
        // A special token (the end of the sequence) is no word of the reply.
        let special = token["special"].as_bool().unwrap_or(false);
        if let Value::String(text) = token["text"].take()
            && !special
        {
            chunk.output = Text(text.into());
        }
    } else if let Some(Value::String(text)) = value.remove("generated_text") {
        chunk.output = Text(text.into());
    }
    let details = value.get("details").unwrap_or(&Value::Null);
    let prefill = details["prefill"].as_array().map(Vec::len).filter(|n| *n > 0);
    let usage = Usage {
        prompt: said::count(&details["input_length"]).or_else(|| u32::try_from(prefill?).ok()),
        completion: said::count(&details["generated_tokens"]),
        ..Usage::default()
    };
    chunk.usage = (usage != Usage::default()).then_some(usage);
    chunk.finish_reason = details["finish_reason"].as_str().map(str::to_owned);
    Ok(chunk)
}

/// An event as the server writes it.
pub(super) fn event(index: u32, text: &str, end: Option<(&str, &str, &Usage)>) -> Value {
    let mut event = json!({
        "index": index,
        "token": {"id": index, "text": text, "logprob": -1.0, "special": false},
        "generated_text": null,
        "details": null,
    });
    if let Some((whole, reason, usage)) = end {
        event["generated_text"] = whole.into();
        event["details"] = details(reason, usage);
    }
    event
}

/// The body of a reply that is not streamed.
pub(super) fn body(text: &str, reason: &str, usage: &Usage) -> Value {
    json!({"generated_text": text, "details": details(reason, usage)})
}

fn details(reason: &str, usage: &Usage) -> Value {
    json!({
        "finish_reason": if reason == "stop" { "eos_token" } else { reason },
        "generated_tokens": usage.completion,
        "input_length": usage.prompt,
        "seed": null,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_a_token_and_the_last_has_the_counts() {
        let one = r#"{"index": 1, "token": {"id": 5, "text": " a", "logprob": -0.1, "special": false}, "generated_text": null, "details": null}"#;
        let chunk = decode(one.as_bytes()).unwrap();
        assert_eq!((chunk.output.as_str(), &chunk.usage, &chunk.finish_reason), (" a", &None, &None));
        let last = r#"{"index": 2, "token": {"id": 2, "text": "</s>", "logprob": 0.0, "special": true}, "generated_text": " a", "details": {"finish_reason": "eos_token", "generated_tokens": 2, "input_length": 9, "seed": null}}"#;
        let chunk = decode(last.as_bytes()).unwrap();
        assert_eq!(
            (chunk.output.as_str(), chunk.finish_reason.as_deref(), chunk.last),
            ("", Some("eos_token"), true)
        );
        let usage = chunk.usage.unwrap();
        assert_eq!((usage.prompt, usage.completion), (Some(9), Some(2)));
        let body = r#"{"generated_text": "ab c", "details": {"finish_reason": "length", "generated_tokens": 3, "prefill": [], "seed": null}}"#;
        let chunk = decode(body.as_bytes()).unwrap();
        assert_eq!((chunk.output.as_str(), chunk.usage.unwrap().completion), ("ab c", Some(3)));
        let error = r#"{"error": "Request failed during generation", "error_type": "generation"}"#;
        assert_eq!(
            decode(error.as_bytes()).unwrap().error.as_deref(),
            Some("Request failed during generation")
        );
    }
}
