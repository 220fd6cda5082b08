use std::io::Cursor;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use tokmark_base::Micros;

use super::super::{TraceRow, plain, row_line};
use super::{all, lines};
use crate::source::{Mooncake, Row, Rows as _, Said};

fn written(row: &TraceRow) -> String {
    let mut out = Vec::new();
    row_line(row, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_plain_row_is_read_fast_and_written_the_same() {
    let text = "{\"timestamp\":27482,\"input_length\":6955,\"output_length\":52,\"hash_ids\":[46,47,18446744073709551615]}\n";
    let spaced = text.replace(',', ", ").replace(':', ": ");
    for text in [text, spaced.as_str()] {
        let (rows, bad) = all(lines(text));
        assert_eq!((rows.len(), bad.len()), (1, 0));
        assert_eq!(rows[0].at, Some(Micros(27_482_000)));
        assert_eq!((rows[0].input, rows[0].output), (Some(6_955), Some(52)));
        assert_eq!(rows[0].ids, [46, 47, u64::MAX]);
    }
    let (rows, _) = all(lines(text));
    assert_eq!(written(&rows[0]), text);
    assert!(plain::read(br#"{"input_length": 3, "hash_ids": [1]}"#, &mut TraceRow::default()));
}

#[test]
fn other_fields_survive() {
    let text = "{\"timestamp\":1.5,\"delay\":20,\"session_id\":\"a\\\"b\",\"input_length\":3,\"priority\":-1,\"extra\":{\"k\":[1,null]},\"request_id\":\"x\"}\n";
    let (rows, bad) = all(lines(text));
    assert!(bad.is_empty(), "{bad:?}");
    assert_eq!(rows[0].session.as_deref(), Some("a\"b"));
    assert_eq!(written(&rows[0]), text);
    // Nothing but what is not understood here.
    let words = "{\"text_input\":\"hello\"}\n";
    let (rows, _) = all(lines(words));
    assert_eq!((rows[0].input, written(&rows[0]).as_str()), (None, words));
}

#[test]
fn what_is_wrong_is_found_in_the_file() {
    let text = "{\"input_length\":3}\n\n{\"input_length\":0}\n{\"input_length\":3,\"hash_ids\":[1,-2]}\n{\"input_length\":4}\n{";
    let (rows, bad) = all(lines(text));
    assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [1, 5]);
    let places: Vec<(u64, Option<&str>)> = bad.iter().map(|e| (e.line, e.field.as_deref())).collect();
    assert_eq!(places, [(3, Some("input_length")), (4, Some("hash_ids")), (6, None)]);
    assert!(bad[1].to_string().starts_with("t.jsonl:4:"), "{}", bad[1]);
    assert!(bad[1].column > 20, "{}", bad[1]);
}

#[test]
fn times_are_written_as_short_as_they_are() {
    for (micros, want) in
        [(0, "0"), (1_000, "1"), (1_500, "1.5"), (1_050, "1.05"), (1_001, "1.001"), (-2_500, "-2.5")]
    {
        let row = TraceRow { at: Some(Micros(micros)), ..TraceRow::default() };
        assert_eq!(written(&row), format!("{{\"timestamp\":{want}}}\n"));
    }
}

/// Texts of numbers, good and bad.
fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<u32>().prop_map(|n| n.to_string()),
        any::<u64>().prop_map(|n| n.to_string()),
        (0..1_000_u32, 0..10_000_u32).prop_map(|(a, b)| format!("{a}.{b:03}")),
        prop::sample::select(vec![
            "0",
            "00",
            "07",
            "-1",
            "1e3",
            "1.",
            ".5",
            "null",
            "9000000000000",
            "9000000000000.001",
            "1.5e2",
            "18446744073709551615",
            "18446744073709551616",
            "true",
            "\"1\"",
            "1 2",
            "4294967296",
            "4294967295.0",
        ])
        .prop_map(str::to_owned),
    ]
}

fn key() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "timestamp",
        "input_length",
        "output_length",
        "hash_ids",
        "delay",
        "session_id",
        "priority",
        "other",
        "input_tokens",
        "input_length ",
    ])
}

/// What the careful reader makes of one line.
fn careful(line: &str) -> Option<Row> {
    let mut rows = Mooncake::new("f", Box::new(Cursor::new(line.as_bytes().to_vec())));
    rows.next_row().and_then(Result::ok)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn the_fast_way_reads_what_the_careful_way_reads(
        members in vec((key(), vec(number(), 0..4)), 0..5), space in prop::sample::select(vec!["", " ", "  ", "\t"])
    ) {
        let member = |(key, values): &(&str, Vec<String>)| match (*key, values.first()) {
            ("hash_ids", _) | (_, None) => format!("\"{key}\"{space}:{space}[{space}{}]", values.join(&format!("{space},"))),
            (_, Some(value)) => format!("\"{key}\":{space}{value}{space}"),
        };
        let members: Vec<String> = members.iter().map(member).collect();
        let line = format!("{{{space}{}{space}}}", members.join(","));
        let mut fast = TraceRow::default();
        if plain::read(line.as_bytes(), &mut fast) {
            let careful = careful(&line);
            prop_assert!(careful.is_some(), "only the fast way reads {}", line);
            let careful = careful.unwrap();
            let ids = if let Said::Blocks(ids) = careful.said { ids } else { Vec::new() };
            prop_assert_eq!(
                (fast.at, fast.input, fast.output, fast.ids),
                (careful.at, careful.input_length, careful.output_length, ids),
                "{}", line
            );
        }
    }

    #[test]
    fn what_is_written_is_read_back(
        at in option::of(0..1_800_000_000_000_000_i64), input in 1..u32::MAX, output in option::of(1..u32::MAX),
        ids in vec(any::<u64>(), 0..6), session in option::of("[a-z\"\\\\]{0,4}"),
    ) {
        let row = TraceRow { at: at.map(Micros), input: Some(input), output, ids, session, line: 1, ..TraceRow::default() };
        let (rows, bad) = all(lines(&written(&row)));
        prop_assert!(bad.is_empty(), "{:?}", bad);
        prop_assert_eq!(&rows[..], &[row]);
    }
}
