use tokmark_base::{Micros, Seed};

use super::super::convert::ConvertSpec;
use super::super::{
    Blocks, Checker, Converted, Cut, CutSpec, IdSpaces, Merged, ScaleSpec, Scaled, TraceRow, TraceRows,
};
use super::{all, given, lines, row};

fn times(rows: &[TraceRow]) -> Vec<i64> {
    rows.iter().map(|row| row.at.unwrap().0 / 1_000).collect()
}

fn ten() -> Vec<TraceRow> {
    (0..10).map(|n| row(1_000 + n * 100, 10, 1, &[n as u64])).collect()
}

fn whole() -> CutSpec {
    CutSpec { from: None, to: None, rows: 0..u64::MAX, keep_times: false }
}

#[test]
fn a_cut_by_time_counts_from_the_first_row() {
    let spec =
        CutSpec { from: Some(Micros::from_millis(200)), to: Some(Micros::from_millis(500)), ..whole() };
    let (rows, _) = all(Cut::new(given(&ten()), spec.clone()));
    assert_eq!(times(&rows), [0, 100, 200, 300]);
    assert_eq!(rows[0].ids, [2]);
    let (rows, _) = all(Cut::new(given(&ten()), CutSpec { keep_times: true, ..spec }));
    assert_eq!(times(&rows), [1_200, 1_300, 1_400, 1_500]);
}

#[test]
fn a_cut_by_rows_and_by_both() {
    let (rows, _) = all(Cut::new(given(&ten()), CutSpec { rows: 7..9, ..whole() }));
    assert_eq!(rows.iter().map(|row| row.ids[0]).collect::<Vec<_>>(), [7, 8]);
    let both = CutSpec { rows: 3..8, to: Some(Micros::from_millis(500)), ..whole() };
    let (rows, _) = all(Cut::new(given(&ten()), both));
    assert_eq!(rows.iter().map(|row| row.ids[0]).collect::<Vec<_>>(), [3, 4, 5]);
    // Rows that cannot be read count.
    let text = "{\"input_length\":1}\n{}\n{\"input_length\":3}\n{\"input_length\":4}\n";
    let (rows, bad) = all(Cut::new(lines(text), CutSpec { rows: 2..3, ..whole() }));
    assert_eq!((rows[0].input, rows.len(), bad.len()), (Some(3), 1, 1));
    // A window needs times.
    let (rows, bad) = all(Cut::new(lines(text), CutSpec { from: Some(Micros::ZERO), ..whole() }));
    assert_eq!((rows.len(), bad.len()), (0, 4));
}

fn scaled(rows: &[TraceRow], speedup_ratio: f64, isl_multiplier: f64, osl_multiplier: f64) -> Vec<TraceRow> {
    let spec = ScaleSpec { speedup_ratio, isl_multiplier, osl_multiplier, block_size: 10 };
    let (rows, bad) = all(Scaled::new(given(rows), spec));
    assert!(bad.is_empty(), "{bad:?}");
    rows
}

/// How many ids two rows have in common at their beginning.
fn common(a: &TraceRow, b: &TraceRow) -> usize {
    a.ids.iter().zip(&b.ids).take_while(|(a, b)| a == b).count()
}

#[test]
fn times_and_lengths_scale_and_sharing_with_them() {
    let rows = [row(0, 80, 4, &[0, 1, 2, 3, 4, 5, 6, 7]), row(100, 75, 1, &[0, 1, 2, 3, 8, 9, 10, 11])];
    let same = scaled(&rows, 1.0, 1.0, 1.0);
    assert_eq!(same, rows);
    let double = scaled(&rows, 2.0, 2.0, 0.5);
    assert_eq!(times(&double), [0, 50]);
    assert_eq!(
        double.iter().map(|row| (row.input, row.output)).collect::<Vec<_>>(),
        [(Some(160), Some(2)), (Some(150), Some(1))]
    );
    assert_eq!(double.iter().map(|row| row.ids.len()).collect::<Vec<_>>(), [16, 15]);
    assert_eq!(common(&double[0], &double[1]), 8);
    let half = scaled(&rows, 1.0, 0.5, 1.0);
    assert_eq!(common(&half[0], &half[1]), 2);
    assert_eq!(half[0].ids.len(), 4);
    let more = scaled(&rows, 1.0, 1.5, 1.0);
    assert_eq!((common(&more[0], &more[1]), more[0].ids.len()), (6, 12));
}

#[test]
fn merged_traces_are_in_the_order_of_time() {
    let first = [row(1_000, 1, 1, &[1, 2]), row(1_300, 1, 1, &[1])];
    let mut second = [row(0, 1, 1, &[1]), row(300, 1, 1, &[7]), row(400, 1, 1, &[7])];
    second[0].session = Some("s".to_owned());
    let merged = |ids, keep| all(Merged::new(vec![given(&first), given(&second)], ids, keep)).0;
    let apart = merged(IdSpaces::Apart, false);
    assert_eq!(times(&apart), [0, 0, 300, 300, 400]);
    let ids: Vec<&[u64]> = apart.iter().map(|row| row.ids.as_slice()).collect();
    assert_eq!(ids, [&[0, 1][..], &[2], &[0], &[3], &[3]]);
    assert_eq!(apart[1].session.as_deref(), Some("2:s"));
    let shared = merged(IdSpaces::Shared, true);
    assert_eq!(times(&shared), [0, 300, 400, 1_000, 1_300]);
    let ids: Vec<&[u64]> = shared.iter().map(|row| row.ids.as_slice()).collect();
    assert_eq!(ids, [&[1][..], &[7], &[7], &[1, 2], &[1]]);
    assert_eq!(shared[0].session.as_deref(), Some("s"));
}

#[test]
fn a_trace_out_of_order_cannot_be_merged_silently() {
    let wrong = [row(5, 1, 1, &[]), row(4, 1, 1, &[]), row(6, 1, 1, &[])];
    let (rows, bad) = all(Merged::new(vec![given(&wrong), given(&ten())], IdSpaces::Apart, true));
    assert_eq!((rows.len(), bad.len()), (12, 1));
    assert_eq!(bad[0].field.as_deref(), Some("timestamp"));
}

#[test]
fn every_problem_is_counted_and_the_first_are_named() {
    let text = "{\"timestamp\":5,\"input_length\":20,\"hash_ids\":[1,2]}\n\
        {\"timestamp\":4,\"input_length\":20,\"hash_ids\":[1]}\n\
        {\"timestamp\":6,\"input_length\":20,\"hash_ids\":[1,2,3]}\n\
        {\"timestamp\":\"x\"}\n\
        {\"timestamp\":7,\"input_length\":1}\n";
    let check = |most| {
        let mut checker = Checker::new(10, most);
        let (mut rows, mut row) = (lines(text), TraceRow::default());
        while let Some(read) = rows.next_row(&mut row) {
            match read {
                Ok(()) => checker.row("t.jsonl", &row),
                Err(error) => checker.unreadable(error),
            }
        }
        checker.finish("t.jsonl")
    };
    let found = check(3);
    assert_eq!((found.rows, found.bad_rows, found.all()), (5, 3, 4));
    let counts: Vec<(&str, u64)> = found.problems.iter().map(|(kind, n)| (*kind, *n)).collect();
    assert_eq!(counts, [("out_of_order", 1), ("too_few_ids", 1), ("too_many_ids", 1), ("unreadable_row", 1)]);
    assert_eq!(
        found.first.iter().map(|p| (p.kind, p.line)).collect::<Vec<_>>(),
        [("too_few_ids", 2), ("out_of_order", 2), ("too_many_ids", 3)]
    );
    assert_eq!(check(0).first.len(), 0);
}

#[test]
fn rows_of_lengths_become_a_trace() {
    let rows: Vec<TraceRow> = (0..5).map(|n| row(2_000 + n * 1_000, 25, 3, &[])).collect();
    let spec = ConvertSpec {
        block_size: 10,
        blocks: Blocks::Random { out_of: 2, seed: Seed(1) },
        speed_ratio: 2.0,
        skip: 1,
        limit: Some(3),
    };
    let (made, _) = all(Converted::new(given(&rows), spec));
    assert_eq!(times(&made), [0, 500, 1_000]);
    assert!(made.iter().all(|row| row.ids.len() == 3));
    // A row's blocks follow from its number in the source.
    let (later, _) = all(Converted::new(given(&rows), ConvertSpec { skip: 0, limit: None, ..spec }));
    assert_eq!((later.len(), common(&later[1], &later[2])), (5, common(&made[0], &made[1])));
    let as_given = ConvertSpec { blocks: Blocks::AsGiven, ..spec };
    assert!(all(Converted::new(given(&rows), as_given)).0.iter().all(|row| row.ids.is_empty()));
}
