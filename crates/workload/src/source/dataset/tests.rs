use std::io::Cursor;

use proptest::prelude::*;

use super::*;
use crate::course::MOST_TURNS;
use crate::plan::Prompt;
use crate::source::synthetic::tests::Letters;
use crate::source::{Outline, Turn};
use crate::spec::{CacheBust, Order, SessionSpec};

const FAST_25: &str = include_str!("../../../tests/golden/mooncake/fast25.jsonl");
const SESSIONS: &str = include_str!("../../../tests/golden/mooncake/sessions.jsonl");
const WORDS: &str = include_str!("../../../tests/golden/mooncake/words.jsonl");
const BODIES: &str = include_str!("../../../tests/golden/mooncake/bodies.jsonl");

fn read_as(format: FileFormat, text: &str, spec: &WorkloadSpec) -> Result<Dataset, DatasetError> {
    Dataset::read(format, "t", Box::new(Cursor::new(text.to_owned().into_bytes())), spec, With::default())
}

fn read(text: &str, spec: &WorkloadSpec) -> Result<Dataset, DatasetError> {
    read_as(FileFormat::Mooncake, text, spec)
}

fn source(text: &str, spec: &WorkloadSpec) -> Box<dyn Source> {
    read(text, spec).unwrap().source(spec, Seed(spec.seed), Arc::new(Letters), None).unwrap()
}

fn default() -> WorkloadSpec {
    WorkloadSpec::default()
}

fn seconds(s: f64) -> crate::quantity::Duration {
    crate::quantity::Duration(Micros::from_secs_f64(s))
}

fn text(turn: &Turn) -> &str {
    match &turn.prompt {
        Prompt::Text(text) => text,
        other => panic!("{other:?}"),
    }
}

/// `(item, turn)` of every request, with its time in ms and its lengths.
fn told(source: &dyn Source) -> Vec<(Option<i64>, Option<u32>, Option<u32>)> {
    let items = 0..source.distinct().unwrap();
    let turns = items.flat_map(|item| (0..source.turns(item)).map(move |turn| (item, turn)));
    turns
        .map(|(item, turn)| {
            let Outline { isl, osl, .. } = source.outline(item, turn);
            (source.at(item, turn).map(|at| at.0 / 1_000), isl, osl)
        })
        .collect()
}

#[test]
fn equal_ids_are_equal_words_and_the_last_block_is_cut() {
    let source = source(FAST_25, &default());
    assert_eq!(
        told(&*source),
        [
            (Some(0), Some(1_500), Some(52)),
            (Some(0), Some(1_024), Some(26)),
            (Some(3_052), Some(1_537), Some(500)),
            (Some(3_052), Some(7), Some(1)),
            (Some(27_482), Some(2_048), Some(794)),
            (Some(30_535), Some(512), Some(316)),
        ]
    );
    assert!(source.is_timed() && !source.has_turns() && !source.keeps_history());
    let turns: Vec<Turn> = (0..6).map(|item| source.turn(item, 0)).collect();
    for (item, turn) in turns.iter().enumerate() {
        let outline = source.outline(item as u64, 0);
        assert_eq!((outline.isl, outline.osl), (turn.isl, turn.osl));
        assert_eq!(
            (outline.content.tokens(), text(turn).len() as u64),
            (u64::from(turn.isl.unwrap()), u64::from(turn.isl.unwrap()))
        );
    }
    // Rows 0, 1 and 2 begin with blocks 0 and 1; row 2 goes on with another block; row 4 has block 0 alone.
    assert_eq!(text(&turns[0])[..1_024], *text(&turns[1]));
    assert_eq!(text(&turns[2])[..1_024], *text(&turns[1]));
    assert_ne!(text(&turns[2])[1_024..1_500], text(&turns[0])[1_024..]);
    assert_eq!(text(&turns[4])[..512], text(&turns[1])[..512]);
    assert_ne!(text(&turns[4])[512..1_024], text(&turns[1])[512..]);
}

#[test]
fn outlines_share_what_words_share() {
    let source = source(FAST_25, &default());
    let segments = |item| match source.outline(item, 0).content {
        tokmark_base::Content::Segments(segments) => {
            segments.into_iter().map(|s| (s.id, s.tokens)).collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    let (a, b, c) = (segments(0), segments(1), segments(2));
    assert_eq!((a[..2].to_vec(), a[2].1), (b.clone(), 476));
    assert_eq!((c[..2].to_vec(), c[3].1), (b, 1));
    assert_ne!(a[2].0, c[2].0);
}

#[test]
fn sessions_are_turns_in_the_order_of_the_file() {
    let sessions = source(SESSIONS, &default());
    // What Dynamo 1.6.1 replays: a's turns, the row alone, b's turns; delays 2,500, 10 and 0.25 ms. Times count from 100 ms.
    assert_eq!(
        told(&*sessions),
        [
            (Some(0), Some(1_000), Some(40)),
            (None, Some(1_500), Some(41)),
            (None, Some(1_537), Some(42)),
            (Some(50), Some(300), Some(8)),
            (Some(100), Some(512), Some(20)),
            (None, Some(1_024), Some(21)),
        ]
    );
    let delays = [(0, 0), (0, 1), (0, 2), (2, 1)].map(|(item, turn)| sessions.delay(item, turn).0);
    assert_eq!(delays, [0, 2_500_000, 10_000, 250]);
    assert!(sessions.has_turns() && sessions.is_timed());
    // Rows with hash ids hold the whole input: turn 1 begins with the words of turn 0 as far as its blocks go.
    assert!(!sessions.keeps_history());
    assert_eq!(text(&sessions.turn(0, 1))[..1_000], *text(&sessions.turn(0, 0)));
    let slow =
        WorkloadSpec { sessions: SessionSpec { delay_ratio: 0.5, ..SessionSpec::default() }, ..default() };
    assert_eq!(source(SESSIONS, &slow).delay(0, 2).0, 5_000);
}

#[test]
fn texts_and_lengths_are_what_is_new_and_bodies_are_whole() {
    let spec = WorkloadSpec { osl: Some(9), ..default() };
    let words = source(WORDS, &spec);
    assert!(words.keeps_history());
    assert_eq!(text(&words.turn(0, 1)), "And then?");
    let told = words.turn(1, 1);
    assert_eq!((told.isl, told.osl, text(&told).len()), (Some(12), Some(9), 12));
    assert_eq!(words.turn(1, 0).extra.unwrap()["temperature"], 0.5);
    assert_eq!((words.at(1, 0), words.outline(0, 0).isl), (Some(Micros(1_500)), None));
    let alone = SessionSpec { history: History::None, ..SessionSpec::default() };
    assert!(!source(WORDS, &WorkloadSpec { sessions: alone, ..spec.clone() }).keeps_history());
    let bodies = source(BODIES, &spec);
    assert!(!bodies.keeps_history() && !bodies.is_timed());
    assert!(matches!(&bodies.turn(0, 1).prompt, Prompt::Messages(m) if m.len() == 3));
    // A body asks for what it asks for.
    let body = bodies.turn(1, 0);
    assert_eq!((body.osl, bodies.outline(1, 0).osl), (Some(50), Some(50)));
    let mixed = format!(
        "{}{}",
        WORDS.replace("\"timestamp\": 1000", "\"delay\": 0").replace(", \"timestamp\": 1001.5", ""),
        BODIES
    );
    let error = read(&mixed, &spec).unwrap_err();
    assert!(matches!(error, DatasetError::Mixed { .. }), "{error}");
}

#[test]
fn items_are_in_the_order_of_their_times() {
    let rows = [(30, 3, ""), (10, 1, ""), (20, 2, "s"), (10, 4, ""), (25, 5, "s"), (5, 6, "t"), (40, 7, "t")];
    let text = rows
        .iter()
        .map(|(at, isl, session)| {
            let session =
                if session.is_empty() { String::new() } else { format!(r#", "session_id": "{session}""#) };
            format!("{{\"timestamp\": {at}, \"input_length\": {isl}{session}, \"output_length\": 1}}\n")
        })
        .collect::<Vec<_>>()
        .concat();
    let lengths = |text: &str, spec: &WorkloadSpec| -> Vec<(i64, u32)> {
        told(&*source(text, spec)).into_iter().map(|(at, isl, _)| (at.unwrap(), isl.unwrap())).collect()
    };
    assert_eq!(lengths(&text, &default()), [(0, 6), (35, 7), (5, 1), (5, 4), (15, 2), (20, 5), (25, 3)]);
    // From 10 to 20 ms after the first (5 ms), inclusive: session t has lost its first turn, s its none.
    let spec = WorkloadSpec { from: Some(seconds(0.015)), to: Some(seconds(0.035)), ..default() };
    assert_eq!(lengths(&text, &spec), [(0, 2), (5, 5), (10, 3), (20, 7)]);
    let spec = WorkloadSpec { from: Some(seconds(0.036)), ..default() };
    let message = read(&text, &spec).unwrap_err().to_string();
    assert!(message.contains("workload.from") && message.contains("35.0 ms"), "{message}");
    let untimed = WorkloadSpec { to: Some(seconds(1.0)), ..default() };
    let message = read(BODIES, &untimed).unwrap_err().to_string();
    assert!(message.starts_with("workload.to is set") && message.contains("hint:"), "{message}");
}

#[test]
fn a_turn_without_a_time_goes_where_its_session_goes() {
    let row = |rest: &str| format!("{{\"input_length\": 1, \"output_length\": 1, {rest}}}\n");
    let text = [
        row(r#""timestamp": 0, "session_id": "a""#),
        row(r#""delay": 5, "session_id": "a""#),
        row(r#""timestamp": 1000, "session_id": "b""#),
        row(r#""delay": 6, "session_id": "b""#),
    ]
    .concat();
    let spec = WorkloadSpec { from: Some(seconds(0.5)), ..default() };
    let source = source(&text, &spec);
    assert_eq!((source.distinct(), source.turns(0), source.delay(0, 1).0), (Some(1), 2, 6_000));
    let late = format!("{}{}", row(r#""timestamp": 0"#), row(r#""delay": 5, "session_id": "a""#));
    let error = read(&late, &default()).unwrap_err();
    assert!(matches!(error, DatasetError::Untimed { row: 2, .. }), "{error}");
}

#[test]
fn orders() {
    let text = (1..=50)
        .map(|n| format!("{{\"input_length\": {n}, \"output_length\": 1, \"timestamp\": {n}}}\n"))
        .collect::<Vec<_>>()
        .concat();
    let lengths = |order, entries, n: u64| -> Vec<u32> {
        let source = source(&text, &WorkloadSpec { order, entries, ..default() });
        assert_eq!(source.is_timed(), order == Order::Sequential);
        (0..n).map(|item| source.turn(item, 0).isl.unwrap()).collect()
    };
    assert_eq!(lengths(Order::Sequential, Some(3), 5), [1, 2, 3, 1, 2]);
    let mut shuffled = lengths(Order::Shuffle, None, 50);
    assert_ne!(shuffled, (1..=50).collect::<Vec<_>>());
    shuffled.sort_unstable();
    assert_eq!(shuffled, (1..=50).collect::<Vec<_>>());
    let drawn = lengths(Order::Random, None, 400);
    assert!((1..=50).all(|n| drawn.contains(&n)) && drawn[..50] != drawn[50..100]);
    assert_eq!(source(&text, &WorkloadSpec { order: Order::Random, ..default() }).distinct(), None);
}

#[test]
fn bad_rows_stop_the_reading_or_are_counted() {
    let text = "{\"input_length\": 600, \"hash_ids\": [1]}\n{\"input_length\": 600, \"hash_ids\": [1, 2]}\nx\n{\"input_length\": 513, \"hash_ids\": [1, 2, 3]}\n";
    let message = read(text, &default()).unwrap_err().to_string();
    for part in [
        "t:1:23: `hash_ids` holds 1 ids of 512 tokens, and an input of 600 tokens needs 2",
        "--trace-block-size",
        "--skip-bad-rows",
    ] {
        assert!(message.contains(part), "{message}");
    }
    let spec = WorkloadSpec { skip_bad_rows: true, ..default() };
    let data = read(text, &spec).unwrap();
    let (skipped, errors) = data.skipped();
    let lines: Vec<u64> = errors.iter().map(|e| e.line).collect();
    assert_eq!((data.len(), skipped, lines), (1, 3, vec![1, 3, 4]));
    let sized = WorkloadSpec { block_size: Some(600), ..default() };
    assert_eq!(read("{\"input_length\": 600, \"hash_ids\": [1]}", &sized).unwrap().len(), 1);
    for (bad, what) in [
        ("{\"input_length\": 10000001}", "10000001 tokens are more"),
        ("{\"input_length\": 1, \"timestamp\": 1}", "there is a time in this row"),
    ] {
        let message = read(&format!("{{\"input_length\": 1}}\n{bad}"), &default()).unwrap_err().to_string();
        assert!(message.starts_with("t:2:") && message.contains(what), "{message}");
    }
    let message = read("x\ny\n", &spec).unwrap_err().to_string();
    assert!(
        message.contains("no row in it that can be used (2 cannot)") && message.contains("t:1:1"),
        "{message}"
    );
    assert!(matches!(read("", &default()), Err(DatasetError::Empty { skipped: 0, .. })));
    let zero = WorkloadSpec { block_size: Some(0), ..default() };
    assert!(read(FAST_25, &zero).is_err());
}

#[test]
fn a_session_of_too_many_turns_is_refused() {
    let row = "{\"input_length\": 1, \"session_id\": \"a\"}\n";
    let most = MOST_TURNS as usize;
    assert_eq!(read(&row.repeat(most), &default()).unwrap().requests(), u64::from(MOST_TURNS));
    let error = read(&row.repeat(most + 1), &default()).unwrap_err();
    assert!(matches!(error, DatasetError::Turns { row: 1, .. }), "{error}");
}

#[test]
fn packed_rows_are_small() {
    // A row as Mooncake's are: about 20 ids, of which most follow the one before.
    let rows = 20_000_u64;
    let text = (0..rows)
        .map(|n| {
            let ids: Vec<String> =
                (0..20).map(|k| (if k < 8 { k } else { n * 12 + k }).to_string()).collect();
            format!(
                "{{\"timestamp\": {}, \"input_length\": {}, \"output_length\": {}, \"hash_ids\": [{}]}}\n",
                n * 151,
                19 * 512 + 1 + n % 512,
                1 + n % 800,
                ids.join(", ")
            )
        })
        .collect::<Vec<_>>()
        .concat();
    let data = read(&text, &default()).unwrap();
    let (shelf, index) = data.bytes();
    assert!(shelf <= 38 * rows, "{} bytes a row", shelf as f64 / rows as f64);
    // 10 million rows: 2.5 MB in memory beside the shelf.
    assert!(index * 4 <= rows, "{index}");
    let source = data.source(&default(), Seed(1), Arc::new(Letters), None).unwrap();
    for item in [0, 1, 63, 64, 65, 9_999, rows - 1] {
        assert_eq!(source.at(item, 0), Some(Micros(item as i64 * 151_000)));
        assert_eq!(source.outline(item, 0).isl, Some((19 * 512 + 1 + item % 512) as u32));
    }
}

#[test]
fn the_digest_is_of_the_file() {
    let data = read(FAST_25, &default()).unwrap();
    let want = tokmark_base::digest::Digest::new().raw(FAST_25).hex();
    assert_eq!(data.digest(), Some(&want[..]));
    let parts = |spec: &WorkloadSpec| source(FAST_25, spec).canonical();
    let same = parts(&default());
    for other in [
        WorkloadSpec { osl: Some(1), ..default() },
        WorkloadSpec { order: Order::Shuffle, ..default() },
        WorkloadSpec { entries: Some(3), ..default() },
        WorkloadSpec { to: Some(seconds(3.0)), ..default() },
    ] {
        assert_ne!(parts(&other), same);
    }
    assert_eq!(parts(&default()), same);
}

#[test]
fn delays_before_a_first_turn_are_named() {
    let text =
        "{\"input_length\": 1, \"delay\": 5}\n{\"input_length\": 1, \"delay\": 5, \"session_id\": \"a\"}\n";
    let data = read(text, &default()).unwrap();
    assert_eq!(data.ignored().get(FIRST_DELAY), Some(&2));
}

#[test]
fn a_traces_words_can_be_each_runs_own() {
    let spec = WorkloadSpec { cache_bust: CacheBust::Run, ..default() };
    let of = |salt| read(FAST_25, &spec).unwrap().source(&spec, Seed(1), Arc::new(Letters), salt).unwrap();
    let (one, other, plain) =
        (of(Some(1)), of(Some(2)), source(FAST_25, &WorkloadSpec { seed: 1, ..default() }));
    for item in 0..one.distinct().unwrap() {
        let [a, b, c] = [&one, &other, &plain].map(|source| source.turn(item, 0));
        assert!(text(&a) != text(&b) && text(&a) != text(&c), "item {item}");
        assert_eq!((a.isl, a.osl, one.at(item, 0)), (c.isl, c.osl, plain.at(item, 0)));
        assert_eq!(one.outline(item, 0), plain.outline(item, 0));
    }
    assert_eq!(one.canonical(), other.canonical());
    assert_ne!(one.canonical(), plain.canonical());
    // Equal ids are equal words within a run.
    let rows =
        "{\"input_length\": 1024, \"hash_ids\": [1, 2]}\n{\"input_length\": 1024, \"hash_ids\": [1, 3]}\n";
    let run = read(rows, &spec).unwrap().source(&spec, Seed(1), Arc::new(Letters), Some(7)).unwrap();
    let said = [0, 1].map(|item| text(&run.turn(item, 0)).to_owned());
    assert_eq!(said[0][..512], said[1][..512]);
    assert_ne!(said[0][512..], said[1][512..]);
}

#[test]
fn texts_of_a_file_are_nobodys_to_change() {
    let spec = WorkloadSpec { cache_bust: CacheBust::Run, ..default() };
    for (format, rows) in
        [(FileFormat::SingleTurn, "{\"text\": \"a\"}\n"), (FileFormat::RawPayload, "{\"prompt\": \"a\"}\n")]
    {
        let data = read_as(format, rows, &spec).unwrap();
        let error = data.source(&spec, Seed(1), Arc::new(Letters), Some(1)).err().unwrap().to_string();
        assert!(error.contains("cache_bust is run") && error.contains("texts of its own"), "{error}");
    }
}

#[test]
fn a_body_that_asks_for_no_token_asks_for_nothing() {
    let rows = "{\"prompt\": \"a\", \"max_tokens\": 0}\n{\"prompt\": \"a\", \"max_tokens\": 7}\n";
    let data = read_as(FileFormat::RawPayload, rows, &default()).unwrap();
    let source = data.source(&default(), Seed(1), Arc::new(Letters), None).unwrap();
    assert_eq!([0, 1].map(|item| source.turn(item, 0).osl), [None, Some(7)]);
    assert_eq!([0, 1].map(|item| source.outline(item, 0).osl), [None, Some(7)]);
}

proptest! {
    #[test]
    fn any_order_of_rows_gives_the_items_of_sorted_ones(
        rows in proptest::collection::vec((0_u32..20, 0_u32..5, 1_u32..1_000), 1..300)
    ) {
        // Session 0 stands for none. The oracle groups, then sorts by the first turn's time, the earlier in the file first.
        let text = rows.iter().map(|(at, session, isl)| {
            let session = if *session == 0 { String::new() } else { format!(", \"session_id\": {session}") };
            format!("{{\"timestamp\": {at}, \"input_length\": {isl}{session}, \"output_length\": 1}}\n")
        }).collect::<Vec<_>>().concat();
        let mut groups: Vec<(u32, u32, Vec<u32>)> = Vec::new();
        for (at, session, isl) in &rows {
            match groups.iter_mut().find(|(_, s, _)| *session != 0 && s == session) {
                Some((_, _, turns)) => turns.push(*isl),
                None => groups.push((*at, *session, vec![*isl])),
            }
        }
        groups.sort_by_key(|(at, _, _)| *at);
        let spec = WorkloadSpec { sessions: SessionSpec { history: History::None, ..SessionSpec::default() }, ..default() };
        let source = source(&text, &spec);
        let got: Vec<Vec<u32>> = (0..source.distinct().unwrap())
            .map(|item| (0..source.turns(item)).map(|turn| source.outline(item, turn).isl.unwrap()).collect())
            .collect();
        let want: Vec<Vec<u32>> = groups.into_iter().map(|(_, _, turns)| turns).collect();
        prop_assert_eq!(got, want);
    }
}
