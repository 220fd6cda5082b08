use std::collections::HashMap;

use proptest::collection::vec;
use proptest::prelude::*;
use tokmark_base::Seed;

use super::super::sine::Wave;
use super::super::tree::TreeBuilder;
use super::super::{
    Analysis, Analyzer, PrefixTree, Sine, SineSpec, SynthesisError, SynthesisSpec, Synthesizer, TraceRow,
};
use super::{BLOCK, conversations, row};

fn tree(rows: &[TraceRow], block_size: u32) -> PrefixTree {
    let mut tree = TreeBuilder::new(block_size);
    for row in rows {
        tree.add(row).unwrap();
    }
    tree.finish()
}

fn synthesised(
    rows: &[TraceRow],
    block_size: u32,
    spec: SynthesisSpec,
) -> Result<Vec<TraceRow>, SynthesisError> {
    let mut maker = Synthesizer::new(tree(rows, block_size), spec)?;
    let (mut made, mut row) = (Vec::new(), TraceRow::default());
    while let Some(next) = maker.next_row(&mut row) {
        next?;
        made.push(row.clone());
    }
    Ok(made)
}

fn analysis(rows: &[TraceRow], caches: &[u64]) -> Analysis {
    let mut analyzer = Analyzer::new(BLOCK, caches);
    for row in rows {
        analyzer.add(row).unwrap();
    }
    analyzer.finish()
}

fn like(n: u64) -> SynthesisSpec {
    SynthesisSpec::like_the_source(n, Seed(3))
}

/// What of an analysis has to stay within 2 %.
fn figures(found: &Analysis) -> Vec<(&'static str, f64)> {
    let arrivals = found.arrivals.unwrap();
    vec![
        ("input", found.input_length.unwrap().mean),
        ("input, deviation", found.input_length.unwrap().std),
        ("context", found.context_length.unwrap().mean),
        ("own prompt", found.unique_prompt_length.unwrap().mean),
        ("output", found.output_length.unwrap().mean),
        ("hit rate", found.hit_rate.unwrap().mean),
        ("hit rate of blocks", found.hit_rate_of_blocks.unwrap()),
        ("hit rate of tokens", found.hit_rate_of_tokens.unwrap()),
        ("rate", arrivals.rate_per_s.unwrap()),
        ("gap CV", arrivals.gap_cv.unwrap()),
    ]
}

#[track_caller]
fn close(source: &[(&'static str, f64)], made: &[(&'static str, f64)], within: f64) {
    for ((what, want), (_, got)) in source.iter().zip(made) {
        assert!((got / want - 1.0).abs() < within, "{what}: {got} instead of {want}");
    }
}

#[test]
fn a_hundred_thousand_rows_are_like_their_source() {
    let source = conversations(100_000, 1);
    let caches = [200];
    let made = synthesised(&source, BLOCK, like(100_000)).unwrap();
    assert_ne!(
        made.iter().map(|row| row.input).collect::<Vec<_>>(),
        source.iter().map(|row| row.input).collect::<Vec<_>>()
    );
    let (source, made) = (analysis(&source, &caches), analysis(&made, &caches));
    close(&figures(&source), &figures(&made), 0.02);
    // Not asked for, but what a cache of real size does is why one looks at a trace.
    let cached = |found: &Analysis| vec![("LRU", found.caches[0].hit_rate.unwrap().mean)];
    assert!(
        cached(&source)[0].1 < 0.8 * source.hit_rate.unwrap().mean,
        "the cache is too large to tell anything"
    );
    close(&cached(&source), &cached(&made), 0.02);
}

#[test]
fn so_are_five_times_as_many_rows_as_the_source_has() {
    let source = conversations(20_000, 2);
    let made = synthesised(&source, BLOCK, like(100_000)).unwrap();
    close(&figures(&analysis(&source, &[])), &figures(&analysis(&made, &[])), 0.02);
}

#[test]
fn the_same_seed_makes_the_same_rows_and_another_seed_others() {
    let source = conversations(2_000, 4);
    let made = |seed| synthesised(&source, BLOCK, SynthesisSpec::like_the_source(3_000, Seed(seed))).unwrap();
    assert_eq!(made(1), made(1));
    assert_ne!(made(1), made(2));
}

/// Four rows that share eight blocks, two of which share four more; the rest is their own.
fn forked() -> Vec<TraceRow> {
    let stem: Vec<u64> = (0..8).collect();
    let with = |more: &[u64]| [stem.as_slice(), more].concat();
    vec![
        row(0, 15 * 10, 40, &with(&[8, 9, 10, 11, 20, 21, 22])),
        row(100, 14 * 10 - 5, 40, &with(&[8, 9, 10, 11, 30, 31])),
        row(300, 10 * 10, 80, &with(&[40, 41])),
        row(600, 10 * 10, 80, &with(&[50, 51])),
    ]
}

#[test]
fn shared_prefixes_scale_and_nothing_else() {
    let figures = |factor| {
        let spec = SynthesisSpec { prefix_len_multiplier: factor, ..like(4) };
        let made = synthesised(&forked(), 10, spec).unwrap();
        let mut analyzer = Analyzer::new(10, &[]);
        for row in &made {
            analyzer.add(row).unwrap();
        }
        let found = analyzer.finish();
        (found.context_length.unwrap().mean, found.unique_prompt_length.unwrap().mean)
    };
    // Shared: 12, 12, 8, 8 blocks of ten tokens; their own: 30, 15, 20, 20 tokens.
    assert_eq!(figures(1.0), (100.0, 21.25));
    assert_eq!(figures(2.0), (200.0, 21.25));
    assert_eq!(figures(1.5), (150.0, 21.25));
    assert_eq!(figures(0.5), (50.0, 21.25));
    // Eight become one, and what comes after it does not vanish.
    assert_eq!(figures(0.1), (15.0, 21.25));
}

#[test]
fn roundings_do_not_add_up() {
    // Twelve rows, each one block deeper than the next: twelve steps of one block.
    let rows: Vec<TraceRow> =
        (0..12).map(|n| row(0, (12 - n) * 10, 1, &(0..u64::from(12 - n)).collect::<Vec<_>>())).collect();
    let spec = SynthesisSpec { prefix_len_multiplier: 1.5, ..like(12) };
    let mut made: Vec<u32> =
        synthesised(&rows, 10, spec).unwrap().iter().map(|row| row.ids.len() as u32).collect();
    made.sort_unstable();
    // The first row's last block is nobody else's: one block behind the eleventh step.
    assert_eq!(made, [2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18]);
}

#[test]
fn own_prompts_outputs_and_times_scale() {
    let spec =
        SynthesisSpec { prompt_len_multiplier: 3.0, osl_multiplier: 0.5, speedup_ratio: 4.0, ..like(4) };
    let made = synthesised(&forked(), 10, spec).unwrap();
    let mut inputs: Vec<u32> = made.iter().map(|row| row.input.unwrap()).collect();
    inputs.sort_unstable();
    assert_eq!(inputs, [80 + 60, 80 + 60, 120 + 45, 120 + 90]);
    let mut outputs: Vec<u32> = made.iter().map(|row| row.output.unwrap()).collect();
    outputs.sort_unstable();
    assert_eq!(outputs, [20, 20, 40, 40]);
    let mut gaps: Vec<i64> =
        made.windows(2).map(|pair| (pair[1].at.unwrap() - pair[0].at.unwrap()).0).collect();
    gaps.sort_unstable();
    // Gaps 100, 200, 300 ms and their mean of 200, three of which are used.
    assert!(gaps.iter().all(|gap| [25_000, 50_000, 75_000].contains(gap)), "{gaps:?}");
}

#[test]
fn fast_arrivals_do_not_collapse() {
    let source: Vec<TraceRow> = (0..1_000).map(|n| row(n, 10, 1, &[n as u64])).collect();
    let made = synthesised(&source, 10, SynthesisSpec { speedup_ratio: 100.0, ..like(1_000) }).unwrap();
    let span = made[999].at.unwrap() - made[0].at.unwrap();
    assert_eq!(span.0, 9_990);
    assert!(made.windows(2).all(|pair| pair[0].at < pair[1].at));
}

#[test]
fn copies_of_the_tree_have_ids_of_their_own_and_keep_them() {
    let source = conversations(4_000, 5);
    let one = synthesised(&source, BLOCK, like(4_000)).unwrap();
    let spec = SynthesisSpec { prefix_root_multiplier: 3, ..like(4_000) };
    let three = synthesised(&source, BLOCK, spec).unwrap();
    let length = |rows: &[TraceRow]| analysis(rows, &[]).input_length.unwrap().mean;
    close(&[("input", length(&one))], &[("input", length(&three))], 0.001);
    // The commonest first block (a system prompt) becomes three about as common ones.
    let firsts = |rows: &[TraceRow]| {
        let mut counts: HashMap<u64, u64> = HashMap::new();
        for row in rows {
            *counts.entry(row.ids[0]).or_default() += 1;
        }
        let mut counts: Vec<u64> = counts.into_values().collect();
        counts.sort_unstable_by(|a, b| b.cmp(a));
        counts
    };
    let (one, three) = (firsts(&one), firsts(&three));
    assert_eq!(three[..3].iter().sum::<u64>(), one[0]);
    assert!(three[..3].iter().all(|n| n.abs_diff(one[0] / 3) < one[0] / 10), "{three:?} {one:?}");
}

#[test]
fn limits_filter_inputs_and_clip_outputs() {
    let source = conversations(3_000, 6);
    let spec = SynthesisSpec {
        min_isl: Some(3_000),
        max_isl: Some(9_000),
        min_osl: Some(100),
        max_osl: Some(200),
        ..like(5_000)
    };
    let made = synthesised(&source, BLOCK, spec).unwrap();
    assert_eq!(made.len(), 5_000);
    assert!(made.iter().all(|row| (3_000..=9_000).contains(&row.input.unwrap())));
    assert!(made.iter().all(|row| (100..=200).contains(&row.output.unwrap())));
    assert!(made.iter().any(|row| row.output == Some(100)) && made.iter().any(|row| row.output == Some(200)));
}

#[test]
fn what_cannot_be_made_is_refused() {
    let refused = |spec| synthesised(&forked(), 10, spec).unwrap_err();
    let nothing = refused(SynthesisSpec { min_isl: Some(10_000), ..like(1) });
    assert!(matches!(nothing, SynthesisError::NothingFits { tries: 1_008, .. }), "{nothing:?}");
    let crossed = refused(SynthesisSpec { min_osl: Some(2), max_osl: Some(1), ..like(1) });
    assert!(matches!(crossed, SynthesisError::Crossed { what: "osl", .. }), "{crossed:?}");
    let zero = refused(SynthesisSpec { speedup_ratio: 0.0, ..like(1) });
    assert!(zero.to_string().contains("--speedup-ratio 0") && zero.to_string().contains("hint:"), "{zero}");
    let long = refused(SynthesisSpec { prompt_len_multiplier: 1e9, ..like(1) });
    assert!(matches!(long, SynthesisError::TooLong { .. }), "{long:?}");
    assert_eq!(synthesised(&[], 10, like(1)).unwrap_err(), SynthesisError::Empty);
    let mixed = [row(0, 1, 1, &[1]), TraceRow { at: None, ..row(0, 1, 1, &[1]) }];
    let mut builder = TreeBuilder::new(10);
    builder.add(&mixed[0]).unwrap();
    assert_eq!(builder.add(&mixed[1]).unwrap_err().field, "timestamp");
}

#[test]
fn a_trace_without_times_stays_without() {
    let source: Vec<TraceRow> = forked().into_iter().map(|row| TraceRow { at: None, ..row }).collect();
    assert!(synthesised(&source, 10, like(9)).unwrap().iter().all(|row| row.at.is_none()));
}

/// Whether equal ids always follow equal ids.
fn is_prefix_closed(rows: &[TraceRow]) -> bool {
    let mut before: HashMap<u64, (usize, Option<u64>)> = HashMap::new();
    rows.iter().all(|row| {
        (0..row.ids.len()).all(|place| {
            let parent = place.checked_sub(1).map(|at| row.ids[at]);
            *before.entry(row.ids[place]).or_insert((place, parent)) == (place, parent)
        })
    })
}

proptest! {
    /// The source may name its blocks as it likes: here the same id comes at any place.
    #[test]
    fn made_ids_stand_for_all_before_them(
        ids in vec(vec(0..4_u64, 0..6), 1..30), n in 1..100_u64, seed: u64, copies in 1..4_u32,
        prefix in 0.3..3.0_f64, prompt in 0.3..3.0_f64,
    ) {
        let source: Vec<TraceRow> = ids.iter().enumerate()
            .map(|(n, ids)| row(n as i64, (ids.len() as u32 * 10).max(1), 1, ids)).collect();
        let spec = SynthesisSpec {
            prefix_root_multiplier: copies,
            prefix_len_multiplier: prefix,
            prompt_len_multiplier: prompt,
            ..SynthesisSpec::like_the_source(n, Seed(seed))
        };
        let made = synthesised(&source, 10, spec).unwrap();
        prop_assert_eq!(made.len() as u64, n);
        prop_assert!(is_prefix_closed(&made));
        for row in &made {
            prop_assert_eq!(row.ids.len() as u32, row.input.unwrap().div_ceil(10));
        }
        // Ids are whole numbers without holes, in the order of their first appearance.
        let mut next = 0;
        for id in made.iter().flat_map(|row| &row.ids) {
            prop_assert!(*id <= next);
            next += u64::from(*id == next);
        }
    }

    /// With multipliers of 1 each round has the source's rows: the same lengths, found to the same part.
    #[test]
    fn a_round_shares_as_the_source_does(ids in vec(vec(0..3_u64, 1..5), 1..40), seed: u64) {
        let source: Vec<TraceRow> =
            ids.iter().map(|ids| row(0, ids.len() as u32 * BLOCK - 100, ids.len() as u32, ids)).collect();
        // By value and place, as a tree sees ids.
        let mut named = Vec::new();
        let mut rolling = super::super::convert::Rolling::default();
        for row in &source {
            let mut row = row.clone();
            let blocks = std::mem::take(&mut row.ids);
            rolling.extend(blocks, &mut row.ids);
            named.push(row);
        }
        let made = synthesised(&source, BLOCK, SynthesisSpec::like_the_source(ids.len() as u64, Seed(seed))).unwrap();
        let (want, got) = (analysis(&named, &[]), analysis(&made, &[]));
        prop_assert_eq!(got.unique_blocks, want.unique_blocks);
        prop_assert_eq!(got.blocks, want.blocks);
        prop_assert_eq!(got.hit_rate_of_blocks, want.hit_rate_of_blocks);
        prop_assert_eq!(got.input_length, want.input_length);
        prop_assert_eq!(got.output_length, want.output_length);
        prop_assert_eq!(got.context_length, want.context_length);
    }
}

fn sine() -> SineSpec {
    SineSpec {
        block_size: 512,
        total_blocks: 10_000,
        time_duration: 100.0,
        process_interval: 1.0,
        request_rate: Wave { min: 5.0, max: 10.0, period: 10.0 },
        first: (100, 2_000),
        second: (5_000, 100),
        ratio: Wave { min: 0.2, max: 0.8, period: 10.0 },
        seed: Seed(0),
    }
}

fn sine_rows(spec: SineSpec) -> Vec<TraceRow> {
    let mut sine = Sine::new(spec).unwrap();
    let (mut rows, mut row) = (Vec::new(), TraceRow::default());
    while sine.next_row(&mut row).is_some() {
        rows.push(row.clone());
    }
    rows
}

/// The values of the original, computed once by hand: 5 to 45 with a period of 600.
#[test]
fn a_wave_begins_at_its_minimum() {
    let wave = Wave { min: 5.0, max: 45.0, period: 600.0 };
    for (t, want) in [(0.0, 5.0), (150.0, 25.0), (300.0, 45.0), (450.0, 25.0), (600.0, 5.0)] {
        assert!((wave.at(t) - want).abs() < 1e-9, "{t}");
    }
    assert_eq!(sine().name(), "sin_b512_t100_rr5-10-10_io1002000-5000100-0.2-0.8-10.jsonl");
}

#[test]
fn a_sine_has_its_rate_and_its_mix() {
    let spec = SineSpec {
        time_duration: 6_000.0,
        request_rate: Wave { min: 5.0, max: 45.0, period: 600.0 },
        ratio: Wave { min: 0.2, max: 0.8, period: 600.0 },
        ..sine()
    };
    let rows = sine_rows(spec.clone());
    // Ten periods of 25/s on average: 150,000 with a standard deviation of 387.
    assert!(rows.len().abs_diff(150_000) < 2_000, "{}", rows.len());
    let second = |row: &TraceRow| row.at.unwrap().as_secs_f64() as usize;
    let around = |middle: usize| {
        let near: Vec<&TraceRow> =
            rows.iter().filter(|row| (second(row) % 600).abs_diff(middle) < 20).collect();
        let first = near.iter().filter(|row| row.input == Some(100)).count() as f64;
        (near.len() as f64 / 390.0, first / near.len() as f64)
    };
    // Means of the sine over 39 seconds around its middle and its top.
    let (rate, share) = around(150);
    assert!((rate - 25.0).abs() < 1.0 && (share - 0.5).abs() < 0.03, "{rate} {share}");
    let (rate, share) = around(300);
    assert!((rate - 44.8).abs() < 1.4 && (share - 0.797).abs() < 0.03, "{rate} {share}");
    assert!(rows.windows(2).all(|pair| pair[0].at <= pair[1].at));
    assert!(rows.iter().all(|row| row.ids.len() as u32 == row.input.unwrap().div_ceil(512)));
    assert_eq!(sine_rows(spec.clone())[..100], rows[..100]);
    assert_ne!(sine_rows(SineSpec { seed: Seed(1), ..spec })[..100], rows[..100]);
}

#[test]
fn ids_of_a_sine_stand_for_all_before_them() {
    let rows = sine_rows(SineSpec { total_blocks: 3, time_duration: 20.0, block_size: 1_000, ..sine() });
    assert!(is_prefix_closed(&rows));
    let most = rows.iter().flat_map(|row| &row.ids).max().copied().unwrap();
    assert!(most < 3 + 9 + 27 + 81 + 243);
}

#[test]
fn a_sine_that_makes_no_sense_is_refused() {
    let error =
        Sine::new(SineSpec { request_rate: Wave { min: 9.0, max: 2.0, period: 1.0 }, ..sine() }).unwrap_err();
    assert!(error.to_string().starts_with("--request-rate-min 9"), "{error}");
    let error =
        Sine::new(SineSpec { ratio: Wave { min: 0.1, max: 1.5, period: 1.0 }, ..sine() }).unwrap_err();
    assert!(error.to_string().contains("--isl-osl-ratio-max 1.5"), "{error}");
    assert_eq!(Sine::new(SineSpec { process_interval: 0.0, ..sine() }).unwrap_err().flag, "process-interval");
}
