use proptest::prelude::*;

use super::*;

fn of(text: &str) -> Result<FileFormat, DetectError> {
    detect("f", text.as_bytes(), true)
}

#[test]
fn names_are_those_of_the_spec() {
    for format in FileFormat::ALL {
        assert_eq!(serde_json::to_value(format).unwrap(), format.name());
    }
}

#[test]
fn golden_files_are_known_by_their_beginnings() {
    use FileFormat as F;
    for (bytes, format) in [
        (&include_bytes!("../../../tests/golden/aiperf-0.13.0/single_turn.jsonl")[..], F::SingleTurn),
        (include_bytes!("../../../tests/golden/aiperf-0.13.0/multi_turn.jsonl"), F::MultiTurn),
        (include_bytes!("../../../tests/golden/aiperf-0.13.0/share_gpt.json"), F::ShareGpt),
        (include_bytes!("../../../tests/golden/aiperf-0.13.0/inputs.json"), F::InputsJson),
        (include_bytes!("../../../tests/golden/azure/2023.csv"), F::Azure),
        (include_bytes!("../../../tests/golden/azure/2024.csv"), F::Azure),
        (include_bytes!("../../../tests/golden/burst_gpt/release_1.csv"), F::BurstGpt),
        (include_bytes!("../../../tests/golden/burst_gpt/release_2.csv"), F::BurstGpt),
        (include_bytes!("../../../tests/golden/dynamo-1.6.1/request_trace.jsonl"), F::DynamoRequests),
        (include_bytes!("../../../tests/golden/dynamo-1.6.1/agents.jsonl"), F::DynamoRequests),
        (include_bytes!("../../../tests/golden/mooncake/fast25.jsonl"), F::Mooncake),
        (include_bytes!("../../../tests/golden/mooncake/sessions.jsonl"), F::Mooncake),
        (include_bytes!("../../../tests/golden/mooncake/words.jsonl"), F::Mooncake),
    ] {
        assert_eq!(detect("f", bytes, true), Ok(format));
        // However little of it is there, as long as its first keys are.
        assert_eq!(detect("f", &bytes[..120], false), Ok(format));
    }
}

#[test]
fn every_layout_of_the_field_is_known() {
    use FileFormat as F;
    for (text, format) in [
        ("\u{feff}\n {\"text_input\": \"a\"}\n", F::SingleTurn),
        ("{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}], \"output_length\": 5}", F::SingleTurn),
        ("{\"image\": \"a.png\"}", F::SingleTurn),
        ("{\"prompt\": \"cut off he", F::SingleTurn),
        ("{\"text\": \"a\", \"type\": \"random_pool\"}", F::RandomPool),
        ("{\"turns\": [", F::MultiTurn),
        (
            "{\"timestamp\": 0, \"input_length\": 6758, \"output_length\": 500, \"hash_ids\": [0,1,2,3,4,5,6,7,8,9,10,11,12,13]}",
            F::Mooncake,
        ),
        ("{\"input_length\": 10}", F::Mooncake),
        ("{\"payload\": {\"prompt\": \"a\"}, \"timestamp\": 3}", F::Mooncake),
        ("{\"text_input\": \"a\"}\n{\"input_length\": 10}", F::Mooncake),
        ("{\"text_input\": \"a\", \"session_id\": \"s\"}", F::Mooncake),
        ("{\"messages\": [{\"role\": \"user\"}], \"tools\": [{}]}", F::Mooncake),
        (
            "{\"chat_id\": 159, \"parent_chat_id\": -1, \"timestamp\": 61.114, \"input_length\": 21, \"hash_ids\": [1, 2]}",
            F::VllmTimed,
        ),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-11-16 18:17:03.9799600,4808,10\r\n", F::Azure),
        (
            "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n5,ChatGPT,472,18,490,Conversation log\n",
            F::BurstGpt,
        ),
        ("[\n  {\"id\": \"a\", \"conversations\": []}]", F::ShareGpt),
        ("{\"data\": [{\"session_id\"", F::InputsJson),
        (
            "{\"schema\":\"dynamo.request.trace.v1\",\"event_type\":\"request_end\",\"request\":{\"input_tokens\":3}}",
            F::DynamoRequests,
        ),
        ("{\"timestamp\": 1, \"event\": {\"schema\":\"dynamo.request.trace.v1\"}}", F::DynamoRequests),
    ] {
        assert_eq!(of(text), Ok(format), "{text}");
    }
}

#[test]
fn what_cannot_be_told_apart_is_asked_for() {
    use FileFormat as F;
    let sixteen = "{\"timestamp\": 1, \"input_length\": 33, \"output_length\": 5, \"hash_ids\": [1, 2, 3]}";
    let body = "{\"messages\": [], \"model\": \"m\"}";
    for (text, want) in [(sixteen, [F::Mooncake, F::VllmTimed]), (body, [F::SingleTurn, F::RawPayload])] {
        let error = of(text).unwrap_err();
        let message = error.to_string();
        assert!(matches!(error, DetectError::Ambiguous { could, .. } if could == want), "{message}");
        assert!(message.contains(want[0].name()) && message.contains(want[1].name()), "{message}");
        assert!(message.contains("hint: say which with --format"), "{message}");
    }
    let mixed = of("{\"turns\": [\"a\"]}\n{\"text\": \"b\"}").unwrap_err().to_string();
    assert!(mixed.contains("single_turn or multi_turn: its rows are of different kinds"), "{mixed}");
}

#[test]
fn what_is_nothing_known_says_what_it_is() {
    for (text, what) in [
        ("{\"output_length\": 3, \"x\": 1}", "its first row is an object with `output_length`, `x`"),
        ("[{\"instruction\": \"a\"}]", "a JSON list of an object with `instruction`"),
        ("{\n\"all\": [\n{\"turns\": [\"a\"]}\n]}", "it is one JSON object: an object with `all`"),
        ("[1, 2]", "a JSON list of no object"),
        ("hello", "it begins with `hello`"),
        ("a,b,c\n1,2,3", "a table with the header `a,b,c`"),
        ("\u{7}", "it begins with"),
    ] {
        let message = of(text).unwrap_err().to_string();
        assert!(message.contains(what) && message.contains("--format: single_turn, multi_turn"), "{message}");
    }
    for empty in ["", "\n \n", "\u{feff}"] {
        assert!(matches!(of(empty), Err(DetectError::Empty { .. })));
    }
}

proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..100), text in "[\\[\\]{},:\" \"a1\n]{0,40}", whole: bool) {
        for input in [&bytes[..], text.as_bytes()] {
            if let Err(error) = detect("f", input, whole) {
                prop_assert!(error.to_string().contains("hint:"));
            }
        }
    }
}
