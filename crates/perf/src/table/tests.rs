#![expect(clippy::float_cmp, reason = "hand-worked times are exact in binary")]

use proptest::prelude::*;

use super::*;

fn near(got: f64, want: f64, part: f64) {
    assert!((got - want).abs() <= part * want.abs(), "{got}, not {want}");
}

fn grid() -> MockerGrid {
    MockerGrid {
        prefill_isl: vec![100.0, 200.0, 400.0],
        prefill_ttft_ms: vec![10.0, 20.0, 60.0],
        decode_active_kv_tokens: vec![0.0, 1000.0],
        decode_context_length: vec![10.0, 30.0],
        decode_itl: vec![vec![2.0, 4.0], vec![6.0, 16.0]],
    }
}

fn prefill(prefill_sequences: u32, prefill_tokens: u64) -> Step {
    Step { prefill_sequences, prefill_tokens, ..Step::default() }
}

fn decode(decode_sequences: u32, decode_context: u64) -> Step {
    Step { decode_sequences, decode_tokens: decode_sequences, decode_context, ..Step::default() }
}

#[test]
fn a_grid_is_linear_between_its_points_and_beyond() {
    let table = Table::grid(&grid()).unwrap();
    for (tokens, ms) in
        [(100, 10.0), (150, 15.0), (200, 20.0), (300, 40.0), (400, 60.0), (500, 80.0), (50, 5.0), (1, 0.1)]
    {
        near(table.step(&prefill(1, tokens)).prefill_ms, ms, 1e-12);
    }
    // (context, sequences): corners, the middle (2 + 4 + 6 + 16) / 4, and beyond both ends.
    for (context, sequences, ms) in
        [(1000, 100, 6.0), (0, 1, 1.0), (500, 25, 7.0), (990, 33, 15.88), (2000, 100, 19.0), (2000, 50, 37.0)]
    {
        near(table.step(&decode(sequences, context)).decode_ms, ms, 1e-12);
    }
    // A mean context of 20.5 counts as 20: 3 + (11 − 3) × 0.041. 301 tokens over 2 sequences are 150 each.
    near(table.step(&decode(2, 41)).decode_ms, 3.328, 1e-12);
    assert_eq!(table.step(&prefill(2, 301)), table.step(&prefill(2, 300)));
    assert_eq!(table.step(&Step::default()), StepTime::default());
}

#[test]
fn times_never_fall_below_their_floor() {
    let steep = MockerGrid { prefill_ttft_ms: vec![10.0, 40.0, 60.0], ..grid() };
    assert_eq!(Table::grid(&steep).unwrap().step(&prefill(1, 10)).prefill_ms, 0.0);
    let fast = MockerGrid { decode_itl: vec![vec![0.1, 0.2], vec![0.3, 0.4]], ..grid() };
    assert_eq!(Table::grid(&fast).unwrap().step(&decode(10, 200)).decode_ms, 1.0);
}

#[test]
fn a_damaged_grid_is_refused_by_key() {
    let short = |values: &[f64]| values[..1].to_vec();
    for (bad, words) in [
        (
            MockerGrid { prefill_ttft_ms: vec![1.0], ..grid() },
            "prefill_ttft_ms has 1 values, but prefill_isl has 3",
        ),
        (
            MockerGrid { prefill_isl: short(&[1.0]), prefill_ttft_ms: short(&[1.0]), ..grid() },
            "prefill_isl has 1 value(s); at least 2",
        ),
        (MockerGrid { prefill_isl: vec![1.0, 3.0, 2.0], ..grid() }, "prefill_isl[2] is 2, not above 3"),
        (
            MockerGrid { decode_context_length: vec![10.0, 10.0], ..grid() },
            "decode_context_length[1] is 10, not above 10",
        ),
        (
            MockerGrid { decode_active_kv_tokens: vec![f64::NAN, 1.0], ..grid() },
            "decode_active_kv_tokens[0] is NaN",
        ),
        (MockerGrid { decode_itl: vec![vec![1.0, 2.0]], ..grid() }, "decode_itl has the shape (1, 2)"),
        (
            MockerGrid { decode_itl: vec![vec![1.0, 2.0], vec![1.0]], ..grid() },
            "decode_itl has the shape (2, 1)",
        ),
        (
            MockerGrid { decode_itl: vec![vec![1.0, 2.0], vec![1.0, -2.0]], ..grid() },
            "decode_itl[1, 1] is -2",
        ),
        (MockerGrid { prefill_isl: vec![1.0, 2.0, f64::INFINITY], ..grid() }, "prefill_isl[2] is inf"),
    ] {
        let text = Table::grid(&bad).unwrap_err().to_string();
        assert!(text.contains(words) && text.contains("\nhint: "), "{text}");
    }
}

fn points() -> ProfilePoints {
    ProfilePoints {
        prefill_isl: vec![100.0, 200.0, 400.0],
        prefill_ttft: vec![11.0, 14.0, 26.0],
        x_kv_usage: vec![0.1, 0.2, 0.1, 0.4],
        y_context_length: vec![100.0, 100.0, 200.0, 200.0],
        z_itl: vec![7.0, 9.0, 6.5, 11.0],
        max_kv_tokens: 10_000.0,
    }
}

#[test]
fn a_profile_is_fitted_exactly_where_it_can_be() {
    let table = Table::profile(&points()).unwrap();
    // 10 + 1e-4 × tokens²: the term in between comes out as nothing.
    near(table.step(&prefill(3, 1000)).prefill_ms, 110.0, 1e-9);
    // 5 + 0.1 × sequences + 0.001 × context.
    near(table.step(&decode(30, 5000)).decode_ms, 13.0, 1e-9);
}

#[test]
fn no_term_makes_more_work_faster() {
    // Falling times: the best fit that does not fall is their weighted mean, Σ1/ms ÷ Σ1/ms².
    let falling = ProfilePoints { prefill_ttft: vec![4.0, 2.0, 1.0], ..points() };
    let table = Table::profile(&falling).unwrap();
    let mean = (1.0 / 4.0 + 1.0 / 2.0 + 1.0) / (1.0 / 16.0 + 1.0 / 4.0 + 1.0);
    for tokens in [1, 100, 10_000] {
        near(table.step(&prefill(1, tokens)).prefill_ms, mean, 1e-9);
    }
}

#[test]
fn a_damaged_profile_is_refused_by_key() {
    for (bad, words) in [
        (
            ProfilePoints { prefill_ttft: vec![1.0], ..points() },
            "prefill_ttft has 1 values, but prefill_isl has 3",
        ),
        (
            ProfilePoints { prefill_isl: vec![100.0, 100.0, 200.0], ..points() },
            "prefill_isl has 2 different value(s); at least 3",
        ),
        (ProfilePoints { z_itl: vec![1.0, 0.0, 1.0, 1.0], ..points() }, "z_itl[1] is 0"),
        (ProfilePoints { z_itl: vec![1.0, f64::NAN, 1.0, 1.0], ..points() }, "z_itl[1] is NaN"),
        (ProfilePoints { x_kv_usage: vec![0.1], ..points() }, "x_kv_usage has 1 values, but z_itl has 4"),
        (
            ProfilePoints { y_context_length: vec![1.0, 0.0, 1.0, 1.0], ..points() },
            "y_context_length[1] is 0",
        ),
        (ProfilePoints { max_kv_tokens: 0.0, ..points() }, "max_kv_tokens is 0"),
        (
            ProfilePoints {
                x_kv_usage: Vec::new(),
                y_context_length: Vec::new(),
                z_itl: Vec::new(),
                ..points()
            },
            "x_kv_usage has 0 different value(s)",
        ),
    ] {
        let text = Table::profile(&bad).unwrap_err().to_string();
        assert!(text.contains(words) && text.contains("\nhint: "), "{text}");
    }
}

fn measured(prefill: &[(f64, f64)], decode: &[(f64, f64, f64)]) -> Measured {
    Measured {
        schema: MEASURED_SCHEMA.to_owned(),
        about: std::collections::BTreeMap::new(),
        method: Method::Auto,
        overhead_ms: 0.0,
        shared_ms: 0.0,
        prefill: prefill.iter().map(|&(tokens, ms)| PrefillPoint { tokens, ms }).collect(),
        decode: decode
            .iter()
            .map(|&(sequences, context_tokens, ms)| DecodePoint { sequences, context_tokens, ms })
            .collect(),
    }
}

/// Points of 3 + 0.5 × sequences + 0.01 × context at 1, 2, 4 sequences of 100, 300 tokens each.
fn plane() -> Vec<(f64, f64, f64)> {
    let mut points = Vec::new();
    for sequences in [1.0, 2.0, 4.0] {
        for mean in [100.0, 300.0] {
            let context = sequences * mean;
            points.push((sequences, context, 3.0 + 0.5 * sequences + 0.01 * context));
        }
    }
    points
}

#[test]
fn our_table_interpolates_a_grid_and_fits_what_is_none() {
    let lines = [(64.0, 10.0), (0.0, 2.0), (64.0, 14.0), (128.0, 22.0)];
    let whole = measured(&lines, &plane()).table().unwrap();
    assert!(
        whole.rule().contains("linear between 3 points; decode bilinear on 3 × 2 points"),
        "{}",
        whole.rule()
    );
    // The two times at 64 count by their mean of 12.
    near(whole.step(&prefill(1, 32)).prefill_ms, 7.0, 1e-12);
    near(whole.step(&prefill(2, 192)).prefill_ms, 32.0, 1e-12);
    let scattered = measured(&lines, &plane()[1..]).table().unwrap();
    assert!(scattered.rule().contains("decode 3.0000 + "), "{}", scattered.rule());
    for table in [whole, scattered] {
        for (sequences, context) in [(1, 100), (3, 700), (8, 4000), (4, 100)] {
            let ms = 3.0 + 0.5 * f64::from(sequences) + 0.01 * context as f64;
            near(table.step(&decode(sequences, context)).decode_ms, ms, 1e-9);
        }
    }
}

#[test]
fn a_method_that_is_asked_for_is_kept_to() {
    let lines = [(0.0, 2.0), (64.0, 14.0), (128.0, 22.0), (256.0, 30.0)];
    let fit = Measured { method: Method::Fit, ..measured(&lines, &plane()) }.table().unwrap();
    assert!(fit.rule().contains("tokens²") && fit.rule().contains("sequences"), "{}", fit.rule());
    let broken = Measured { method: Method::Interpolate, ..measured(&lines, &plane()[1..]) };
    let text = broken.table().unwrap_err().to_string();
    assert!(text.contains("nothing for 1 sequences with 100 tokens each"), "{text}");
    let thin = Measured { method: Method::Interpolate, ..measured(&lines, &plane()[..2]) };
    let text = thin.table().unwrap_err().to_string();
    assert!(text.contains("there is only one number of sequences"), "{text}");
}

#[test]
fn overhead_and_shared_time() {
    let base = measured(&[(0.0, 2.0), (100.0, 12.0)], &plane());
    let table = Measured { overhead_ms: 0.25, shared_ms: 3.0, ..base }.table().unwrap();
    let time = |prefill_ms, decode_ms, overhead_ms| StepTime { prefill_ms, decode_ms, overhead_ms };
    assert_eq!(table.step(&prefill(1, 50)), time(7.0, 0.0, 0.25));
    assert_eq!(table.step(&decode(2, 200)), time(0.0, 6.0, 0.25));
    let mixed = Step { prefill_sequences: 1, prefill_tokens: 50, ..decode(2, 200) };
    assert_eq!(table.step(&mixed), time(7.0, 3.0, 0.25));
    // No more is shared than the shorter part has.
    let mixed = Step { prefill_tokens: 5, ..mixed };
    assert_eq!(table.step(&mixed), time(2.5, 3.5, 0.25));
    assert_eq!(table.step(&Step::default()), StepTime::default());
}

#[test]
fn our_table_is_refused_by_key() {
    let lines = [(0.0, 2.0), (64.0, 14.0)];
    let good = measured(&lines, &plane());
    for (bad, words) in [
        (Measured { schema: "other/1".to_owned(), ..good.clone() }, "schema is `other/1`"),
        (Measured { overhead_ms: -1.0, ..good.clone() }, "overhead_ms[0] is -1"),
        (Measured { shared_ms: f64::NAN, ..good }, "shared_ms[0] is NaN"),
        (measured(&lines[..1], &plane()), "prefill.tokens has 1 value(s)"),
        (measured(&[], &plane()), "prefill.tokens has 0 value(s)"),
        (measured(&lines, &[]), "decode.sequences has 0 different value(s)"),
        (measured(&lines, &plane()[..2]), "decode.sequences has 1 different value(s)"),
        (measured(&lines, &[(1.0, 1.0, f64::NAN)]), "decode.ms[0] is NaN"),
        (measured(&lines, &[(0.0, 1.0, 1.0)]), "decode.sequences[0] is 0"),
    ] {
        let text = bad.table().unwrap_err().to_string();
        assert!(text.contains(words) && text.contains("\nhint: "), "{text}");
    }
}

proptest! {
    /// Whatever lies on a plane is found again, from any three scattered points or more that do not lie on a line.
    #[test]
    fn a_plane_is_found_again(
        a in 0.5_f64..50.0, b in 0.0_f64..1.0, c in 0.0_f64..0.01,
        points in prop::collection::vec((1_u32..256, 16_u32..8192), 6..30),
        asked in (1_u32..512, 1_u64..1_000_000),
    ) {
        let at = |sequences: f64, context: f64| a + b * sequences + c * context;
        let points: Vec<_> = points.into_iter().map(|(sequences, mean)| {
            let (sequences, context) = (f64::from(sequences), f64::from(sequences * mean));
            (sequences, context, at(sequences, context))
        }).collect();
        let fit = Measured { method: Method::Fit, ..measured(&[(1.0, 1.0), (2.0, 2.0), (3.0, 3.0)], &points) };
        if let Ok(table) = fit.table() {
            let got = table.step(&decode(asked.0, asked.1)).decode_ms;
            let want = at(f64::from(asked.0), asked.1 as f64);
            prop_assert!((got - want).abs() <= 1e-4 * want, "{} {}", got, want);
        }
    }

    #[test]
    fn every_answer_is_finite_and_not_negative(
        prefill in (0_u32..64, 0_u64..1_000_000, 0_u64..1_000_000), decode in (0_u32..1024, 0_u64..100_000_000),
    ) {
        let step = Step {
            prefill_sequences: prefill.0, prefill_tokens: prefill.1, prefill_context: prefill.2,
            decode_sequences: decode.0, decode_tokens: decode.0, decode_context: decode.1, ..Step::default()
        };
        let lines = [(0.0, 9.0), (64.0, 14.0), (128.0, 7.0)];
        let falling = [(1.0, 100.0, 9.0), (2.0, 200.0, 3.0), (1.0, 300.0, 2.0), (2.0, 600.0, 1.0)];
        let tables = [
            Table::grid(&grid()), Table::profile(&points()), measured(&lines, &falling).table(),
            measured(&lines, &falling[1..]).table(),
        ];
        for table in tables {
            let time = table.unwrap().step(&step);
            for ms in [time.prefill_ms, time.decode_ms, time.overhead_ms] {
                prop_assert!(ms.is_finite() && ms >= 0.0, "{:?}", time);
            }
        }
    }
}
