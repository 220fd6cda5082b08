use super::*;
use crate::source::golden::all;

fn rows(text: &str) -> (Vec<Result<Row, RowError>>, BTreeMap<String, u64>) {
    let mut rows = Mooncake::new("t.jsonl", Box::new(std::io::Cursor::new(text.to_owned().into_bytes())));
    let mut seen = Vec::new();
    while let Some(row) = rows.next_row() {
        seen.push(row);
    }
    (seen, rows.ignored().clone())
}

fn row(text: &str) -> Row {
    let (mut seen, _) = rows(text);
    assert_eq!(seen.len(), 1);
    seen.remove(0).unwrap()
}

#[test]
fn the_layout_of_fast_25() {
    let row = row(
        r#"{"timestamp": 27482, "input_length": 6955, "output_length": 52, "hash_ids": [46, 47, 18446744073709551615]}"#,
    );
    let want = Row {
        at: Some(Micros(27_482_000)),
        input_length: Some(6_955),
        output_length: Some(52),
        said: Said::Blocks(vec![46, 47, u64::MAX]),
        ..Row::default()
    };
    assert_eq!(row, want);
}

#[test]
fn every_optional_field_and_other_names() {
    let text = concat!(
        r#"{"created_time": 1.2345, "delay_ms": 2.5, "input_tokens": 10, "output_tokens": 4.0, "session_id": "a", "priority": -3}"#,
        "\r\n\n",
        r#"{"text_input": "hi", "delay": 2, "session_id": 7, "extra": {"top_p": 1}, "type": "mooncake_trace", "x": [{}]}"#,
        "\n",
        r#"{"messages": [{"role": "user", "content": "x"}], "tools": [{"type": "function"}], "x": 1, "output_length": null}"#,
        "\n",
        r#"{"payload": {"prompt": "x"}, "timestamp": null, "hash_ids": []}"#,
        "\n",
        r#"{"hash_ids": [3, 3], "request_id": "r", "output_token_ids": [1], "strict_priority": 1, "policy_class": "p"}"#,
    );
    let (seen, ignored) = rows(text);
    let seen: Vec<Row> = seen.into_iter().map(Result::unwrap).collect();
    assert_eq!((seen[0].at, seen[0].delay), (Some(Micros(1_235)), Some(Micros(2_500))));
    assert_eq!((seen[0].input_length, seen[0].output_length), (Some(10), Some(4)));
    assert_eq!(
        (seen[0].session.as_deref(), seen[0].priority, &seen[0].said),
        (Some("a"), Some(-3), &Said::Length)
    );
    assert_eq!((&seen[1].said, seen[1].session.as_deref()), (&Said::Text("hi".to_owned()), Some("7")));
    assert_eq!(seen[1].extra.as_ref().unwrap()["top_p"], 1);
    assert!(matches!(&seen[2].said, Said::Messages(m) if m[0]["content"] == "x"));
    assert_eq!(seen[2].extra.as_ref().unwrap()["tools"][0]["type"], "function");
    assert!(matches!(&seen[3].said, Said::Payload(body) if body["prompt"] == "x"));
    assert_eq!((&seen[4].said, seen[4].input_length), (&Said::Blocks(vec![3, 3]), None));
    let counts: Vec<_> = ignored.iter().map(|(key, n)| (key.as_str(), *n)).collect();
    assert_eq!(
        counts,
        [
            ("output_token_ids", 1),
            ("policy_class", 1),
            ("request_id", 1),
            ("strict_priority", 1),
            ("type", 1),
            ("x", 2)
        ]
    );
}

#[test]
fn times_are_exact_to_the_microsecond() {
    for (text, micros) in [
        ("0", 0),
        ("0.0004", 0),
        ("0.001", 1),
        ("1700000000000.123", 1_700_000_000_000_123),
        ("1700000000000", 1_700_000_000_000_000),
        ("1e3", 1_000_000),
        ("4999.999", 4_999_999),
    ] {
        let row = row(&format!(r#"{{"input_length": 1, "timestamp": {text}}}"#));
        assert_eq!(row.at, Some(Micros(micros)), "{text}");
    }
}

#[test]
fn a_bad_row_is_named_and_the_next_is_read() {
    for (bad, column, field, what) in [
        (
            r#"{"input_length": 6, "hash_ids": [1, -3]}"#,
            38,
            Some("hash_ids"),
            "integer `-3`, expected an id of 64 bits",
        ),
        (
            r#"{"input_length": 6, "hash_ids": [18446744073709551616]}"#,
            53,
            Some("hash_ids"),
            "expected an id of 64 bits",
        ),
        (r#"{"input_length": 6, "hash_ids": [1.5]}"#, 36, Some("hash_ids"), "floating point `1.5`"),
        (r#"{"input_length": 6, "hash_ids": 1}"#, 33, Some("hash_ids"), "a list of ids"),
        (r#"{"input_length": "6"}"#, 20, Some("input_length"), "a whole number of tokens"),
        (r#"{"input_length": 0}"#, 18, Some("input_length"), "integer `0`"),
        (r#"{"input_length": 4294967296}"#, 27, Some("input_length"), "4294967296"),
        (r#"{"input_length": 1.5}"#, 20, Some("input_length"), "1.5"),
        (r#"{"input_length": 1, "output_length": -1}"#, 39, Some("output_length"), "-1"),
        (r#"{"input_length": 1, "timestamp": -1}"#, 35, Some("timestamp"), "a time in ms"),
        (r#"{"input_length": 1, "timestamp": 1e300}"#, 38, Some("timestamp"), "a time in ms"),
        (r#"{"input_length": 1, "timestamp": "now"}"#, 38, Some("timestamp"), "string \"now\""),
        (r#"{"input_length": 1, "input_tokens": 1}"#, 38, Some("input_length"), "given twice"),
        (r#"{"timestamp": 1}"#, 1, None, "none of `input_length`"),
        (
            r#"{"input_length": 1, "text_input": "x"}"#,
            21,
            Some("text_input"),
            "both `input_length` and `text_input`",
        ),
        (r#"{"text_input": "x", "hash_ids": [1]}"#, 21, Some("hash_ids"), "cannot go with `text_input`"),
        (r#"{"text_input": "x", "tools": []}"#, 21, Some("tools"), "only go with `messages`"),
        (r#"{"messages": []}"#, 2, Some("messages"), "empty"),
        (r#"{"messages": [1]}"#, 2, Some("messages"), "`messages[0]`"),
        (r#"{"payload": {}}"#, 2, Some("payload"), "empty"),
        (r#"{"input_length": 1"#, 18, Some("input_length"), "EOF"),
        (r#"{"input_length": 1} x"#, 21, Some("input_length"), "trailing"),
        ("[1]", 0, None, "a JSON object"),
        ("not json", 2, None, "expected"),
    ] {
        let (seen, _) = rows(&format!("{{\"input_length\": 1}}\n{bad}\n{{\"input_length\": 2}}\n"));
        assert_eq!(seen.len(), 3, "{bad}");
        let error = seen[1].clone().unwrap_err();
        let message = error.to_string();
        assert_eq!((error.line, error.field.as_deref(), error.fatal), (2, field, false), "{message}");
        assert!(column == 0 || error.column == column, "{bad}: {message}");
        assert!(message.starts_with("t.jsonl:2:") && message.contains(what), "{bad}: {message}");
        assert!(
            message.contains("\nhint: a row is one JSON object") && !message.contains(" at line "),
            "{message}"
        );
        assert_eq!(seen[2].clone().unwrap().input_length, Some(2));
    }
}

#[test]
fn whoever_uses_a_row_can_say_what_is_wrong_with_it() {
    let mut rows = Mooncake::new("t", Box::new("\n\u{feff}\n{\"a\": 1, \"input_length\": 3}".as_bytes()));
    let _ = rows.next_row();
    rows.next_row().unwrap().unwrap();
    let error = rows.wrong(Some("input_length"), "`input_length` is odd".to_owned());
    assert!(error.to_string().starts_with("t:3:10: `input_length` is odd\nhint: "), "{error}");
}

/// Rows as AIPerf 0.13.0's loader has them: conversations of turns.
fn conversations(rows: &[Row]) -> Value {
    let number = |time: Micros| {
        if time.0 % 1_000 == 0 { (time.0 / 1_000).into() } else { time.as_millis_f64().into() }
    };
    let mut sessions: Vec<(Option<&str>, Vec<Value>)> = Vec::new();
    for row in rows {
        let mut turn = Map::new();
        let mut put = |key: &str, value: Value| drop(turn.insert(key.to_owned(), value));
        match &row.said {
            Said::Blocks(ids) => put("hash_ids", ids.clone().into()),
            Said::Text(text) => put("text_input", text.clone().into()),
            Said::Messages(messages) => put("messages", messages.clone().into()),
            Said::Payload(body) => put("payload", body.clone()),
            Said::Length => {}
        }
        if let Some(n) = row.input_length {
            put("input_length", n.into());
        }
        if let Some(n) = row.output_length {
            put("output_length", n.into());
        }
        if let Some(at) = row.at {
            put("timestamp", number(at));
        }
        if let Some(delay) = row.delay {
            put("delay", number(delay));
        }
        let mut extra = row.extra.clone().unwrap_or_default();
        if let Some(tools) = extra.remove("tools") {
            put("tools", tools);
        }
        if !extra.is_empty() {
            put("extra", Value::Object(extra));
        }
        let session = row.session.as_deref();
        match sessions.iter_mut().find(|(name, _)| session.is_some() && *name == session) {
            Some((_, turns)) => turns.push(Value::Object(turn)),
            None => sessions.push((session, vec![Value::Object(turn)])),
        }
    }
    let conversation = |(name, turns): (Option<&str>, Vec<Value>)| {
        let mut map = Map::from_iter([("turns".to_owned(), Value::from(turns))]);
        map.extend(name.map(|name| ("session_id".to_owned(), name.into())));
        Value::Object(map)
    };
    sessions.into_iter().map(conversation).collect()
}

#[test]
fn golden_files_are_what_aiperf_makes_of_them() {
    let said: Value = serde_json::from_str(include_str!("../../../tests/golden/mooncake/said.json")).unwrap();
    for (file, text) in [
        ("mooncake/fast25.jsonl", include_str!("../../../tests/golden/mooncake/fast25.jsonl")),
        ("mooncake/sessions.jsonl", include_str!("../../../tests/golden/mooncake/sessions.jsonl")),
        ("mooncake/words.jsonl", include_str!("../../../tests/golden/mooncake/words.jsonl")),
        ("mooncake/bodies.jsonl", include_str!("../../../tests/golden/mooncake/bodies.jsonl")),
    ] {
        let mut rows = Mooncake::new(file, Box::new(text.as_bytes()));
        assert_eq!(conversations(&all(&mut rows)), said[file], "{file}");
        assert!(rows.ignored().is_empty());
    }
}
