use serde_json::json;

use super::*;

fn read(kind: EndpointKind, body: &Value) -> Result<Request, String> {
    kind.decode_request(body.to_string().as_bytes()).map_err(|error| error.to_string())
}

/// A body with a prompt for either endpoint, and these keys.
fn with(keys: &Value) -> Value {
    let mut body = json!({"prompt": "a", "messages": [{"role": "user", "content": "a"}]});
    body.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
    body
}

#[test]
fn a_wrong_value_is_refused_by_name_and_never_taken_as_absent() {
    for (keys, said) in [
        (json!({"model": 5}), "`model` is 5, and must be a string"),
        (json!({"max_tokens": -3}), "`max_tokens` is -3"),
        (json!({"max_tokens": "5"}), "`max_tokens` is \"5\""),
        (json!({"max_tokens": 2.5}), "`max_tokens` is 2.5"),
        (json!({"max_tokens": 4_294_967_296_u64}), "`max_tokens` is 4294967296"),
        (json!({"max_tokens": u64::MAX}), "`max_tokens` is 18446744073709551615"),
        // The one that counts is good; the other is wrong all the same.
        (json!({"max_tokens": [], "max_completion_tokens": 5}), "`max_tokens` is []"),
        (json!({"max_completion_tokens": true}), "`max_completion_tokens` is true"),
        (json!({"min_tokens": -1}), "`min_tokens` is -1"),
        (json!({"stream": "true"}), "`stream` is \"true\""),
        (json!({"stream_options": true}), "`stream_options` is true, and must be an object"),
        (json!({"stream_options": {"include_usage": 1}}), "`stream_options.include_usage` is 1"),
        (json!({"ignore_eos": 1}), "`ignore_eos` is 1"),
        (json!({"nvext": []}), "`nvext` is []"),
        (json!({"nvext": {"ignore_eos": 1}}), "`nvext.ignore_eos` is 1"),
        (json!({"nvext": {"agent_context": {"session_id": 7}}}), "`nvext.agent_context.session_id` is 7"),
        (json!({"priority": "high"}), "`priority` is \"high\""),
        (json!({"priority": 2_147_483_648_u32}), "`priority` is 2147483648"),
        (json!({"user": 1}), "`user` is 1"),
        (json!({"n": 0}), "`n` is 0"),
        (json!({"n": "2"}), "`n` is \"2\""),
        (json!({"n": 2}), "`n` above 1: not simulated yet"),
        (json!({"stop": "x"}), "(`stop`): not simulated yet"),
        (json!({"stop": ["x", "y"]}), "(`stop`): not simulated yet"),
        (json!({"stop": ""}), "`stop` is \"\""),
        (json!({"stop": [1]}), "`stop` is [1]"),
    ] {
        for kind in [EndpointKind::Chat, EndpointKind::Completions] {
            let error = read(kind, &with(&keys)).unwrap_err();
            assert!(error.contains(said) && error.contains("\nhint: "), "{keys}: {error}");
        }
    }
    let long = read(EndpointKind::Chat, &with(&json!({"model": ["é".repeat(500)]}))).unwrap_err();
    assert!(long.contains("ééé…") && long.len() < 300, "{long}");
}

#[test]
fn null_and_nothing_asked_are_as_good_as_absent() {
    let keys = ["model", "max_tokens", "max_completion_tokens", "min_tokens", "stream", "stream_options"];
    let others = ["ignore_eos", "nvext", "priority", "user", "n", "stop"];
    let nulls: Map<String, Value> =
        keys.into_iter().chain(others).map(|key| (key.to_owned(), Value::Null)).collect();
    let bare = with(&json!({}));
    for kind in [EndpointKind::Chat, EndpointKind::Completions] {
        let want = read(kind, &bare).unwrap();
        assert_eq!(read(kind, &with(&Value::Object(nulls.clone()))).unwrap(), want);
        let nothing = json!({"n": 1, "stop": [], "stream_options": {}, "temperature": "hot", "unknown": {}});
        assert_eq!(read(kind, &with(&nothing)).unwrap(), want);
        assert_eq!(read(kind, &with(&json!({"max_tokens": 5.0}))).unwrap().max_tokens, Some(5));
    }
}

#[test]
fn a_completion_has_one_prompt() {
    let of = |prompt: Value| {
        read(EndpointKind::Completions, &json!({"prompt": prompt})).map(|asked| (asked.texts, asked.ids))
    };
    let text = |text: &str| Ok((vec![text.to_owned()], vec![]));
    assert_eq!(of(json!("a b")), text("a b"));
    assert_eq!(of(json!(["a b"])), text("a b"));
    assert_eq!(of(json!([7, 8.0, 4_294_967_295_u32])), Ok((vec![], vec![7, 8, u32::MAX])));
    assert_eq!(of(json!([[7, 8]])), Ok((vec![], vec![7, 8])));
    let single = read(EndpointKind::Completions, &json!({"prompt": [[7, 8]]})).unwrap();
    assert_eq!(single.token_ids, Some(2));
    for (prompt, said) in [
        (json!(["a b", "c d"]), "several prompts in one `prompt`: not simulated yet"),
        (json!([[1, 2], [3]]), "several prompts in one `prompt`: not simulated yet"),
        (json!(null), "`prompt` is missing"),
        (json!(""), "`prompt` is empty"),
        (json!([]), "`prompt` is empty"),
        (json!([""]), "`prompt` is empty"),
        (json!([[]]), "`prompt` is empty"),
        (json!([-1]), "`prompt[0]` is -1"),
        (json!([1, "a"]), "`prompt[1]` is \"a\""),
        (json!([1, 2.5]), "`prompt[1]` is 2.5"),
        (json!([4_294_967_296_u64]), "`prompt[0]` is 4294967296"),
        (json!([[1, -2]]), "`prompt[0][1]` is -2"),
        (json!([[[1]]]), "`prompt[0][0]` is [1]"),
        (json!(["a", 1]), "`prompt[1]` is 1"),
        (json!([[1], "a"]), "`prompt[1]` is \"a\""),
        (json!([true]), "`prompt[0]` is true"),
        (json!({"text": "a"}), "`prompt` is {\"text\":\"a\"}"),
        (json!(5), "`prompt` is 5"),
    ] {
        let error = of(prompt.clone()).unwrap_err();
        assert!(error.contains(said) && error.contains("\nhint: "), "{prompt}: {error}");
    }
}

#[test]
fn messages_have_roles_and_contents() {
    let of =
        |messages: Value| read(EndpointKind::Chat, &json!({"messages": messages})).map(|asked| asked.texts);
    let user = |content: Value| json!([{"role": "user", "content": content}]);
    assert_eq!(
        of(user(json!(["a", {"type": "text", "text": "b"}, {"type": "image_url"}]))).unwrap(),
        ["a", "b"]
    );
    let spoken = json!([
        {"role": "assistant", "content": "a"},
        {"role": "user", "content": "b"},
        {"role": "assistant", "content": null},
        {"role": "assistant", "content": ["c", {"text": "d"}]},
        {"role": "user", "content": "e"},
    ]);
    let asked = read(EndpointKind::Chat, &json!({ "messages": spoken })).unwrap();
    assert_eq!((asked.texts.join(""), asked.replies), ("abcde".to_owned(), vec![0, 2, 3]));
    // A call of a tool has no content.
    assert!(of(json!([{"role": "assistant", "content": null}, {"role": "tool"}])).unwrap().is_empty());
    for (messages, said) in [
        (json!(null), "`messages` is missing"),
        (json!([]), "`messages` is empty"),
        (json!("hi"), "`messages` is \"hi\""),
        (json!(["hi"]), "`messages[0]` is \"hi\""),
        (json!([{"content": "hi"}]), "`messages[0]` is {"),
        (json!([{"role": 1, "content": "hi"}]), "`messages[0]` is {"),
        (user(json!(5)), "`messages[0].content` is 5"),
        (user(json!([5])), "`messages[0].content[0]` is 5"),
        (user(json!([{"type": "text", "text": 5}])), "`messages[0].content[0]` is {"),
        (user(json!([{"type": "text"}])), "`messages[0].content[0]` is {"),
    ] {
        let error = of(messages.clone()).unwrap_err();
        assert!(error.contains(said) && error.contains("\nhint: "), "{messages}: {error}");
    }
}
