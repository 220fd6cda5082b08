#![expect(clippy::float_cmp, reason = "hand-worked times are exact in binary")]

use super::*;
use crate::timing::StepTime;

/// As many milliseconds as there are sequences, and a thousandth of the tokens on top.
struct Counting;

impl Timing for Counting {
    fn step(&self, step: &Step) -> StepTime {
        StepTime {
            prefill_ms: f64::from(step.prefill_sequences),
            decode_ms: f64::from(step.decode_sequences) + f64::from(step.decode_tokens) / 1_000.0,
            overhead_ms: 0.0,
        }
    }
}

fn decode(decode_sequences: u32, decode_tokens: u32) -> Step {
    Step { decode_sequences, decode_tokens, ..Step::default() }
}

#[test]
fn batches_are_padded_to_the_next_size_and_run_eagerly_beyond() {
    let model = Graphs::new(Counting, vec![8, 2, 4, 4], 1.5, 0.0).unwrap();
    for (asked, ran_ms) in [(1, 2.002), (2, 2.002), (3, 4.004), (5, 8.008), (8, 8.008), (9, 9.009 * 1.5)] {
        let got = model.step(&decode(asked, asked)).decode_ms;
        assert!((got - ran_ms).abs() < 1e-12, "{asked}: {got}");
    }
    // A pass that prefills too is left alone.
    let mixed = Step { prefill_sequences: 1, ..decode(9, 9) };
    assert_eq!(model.step(&mixed), Counting.step(&mixed));
    assert_eq!(model.step(&Step::default()), StepTime::default());
}

#[test]
fn without_sizes_every_decode_pass_is_eager() {
    let model = Graphs::new(Counting, Vec::new(), 2.0, 0.0).unwrap();
    assert_eq!(model.step(&decode(1, 0)).decode_ms, 2.0);
}

#[test]
fn drafts_fill_sizes_by_tokens() {
    let model = Graphs::new(Counting, vec![8, 16], 2.0, 0.0).unwrap();
    // 3 sequences with 2 drafts each: 9 tokens go to 16, which is 6 sequences of 3 tokens at most.
    assert_eq!(model.step(&decode(3, 9)).decode_ms, 6.0 + 0.016);
    assert_eq!(model.step(&decode(6, 18)).decode_ms, (6.0 + 0.018) * 2.0);
}

#[test]
fn the_floor_holds_for_passes_that_do_something() {
    let model = Graphs::new(Counting, Vec::new(), 1.0, 5.0).unwrap();
    let prefill = Step { prefill_sequences: 2, ..Step::default() };
    assert_eq!(model.step(&prefill), StepTime { prefill_ms: 5.0, ..StepTime::default() });
    let mixed = Step { prefill_sequences: 2, ..decode(1, 0) };
    assert_eq!(model.step(&mixed), StepTime { prefill_ms: 2.0, decode_ms: 3.0, overhead_ms: 0.0 });
    assert_eq!(model.step(&decode(7, 0)).decode_ms, 7.0);
    assert_eq!(model.step(&Step::default()), StepTime::default());
}

/// What vLLM 0.32's own `VllmConfig._set_cudagraph_sizes` leaves for (max_num_seqs, max_num_batched_tokens); long lists by what is
/// not on the grid of every 8 below 256 and every 16 from there.
#[test]
fn the_sizes_are_vllms() {
    let grid = |last: u32| {
        let mut sizes = vec![1, 2, 4];
        sizes.extend((8..256).step_by(8).chain((256..=512).step_by(16)).filter(|size| *size <= last));
        sizes
    };
    let with = |last, own: u32| {
        let mut sizes = grid(last);
        sizes.push(own);
        sizes.sort_unstable();
        sizes
    };
    for (seqs, tokens, sizes) in [
        (256, 8192, grid(512)),
        (1, 8192, vec![1, 2]),
        (3, 2048, vec![1, 2, 3, 4]),
        (5, 8192, vec![1, 2, 4, 5, 8]),
        (7, 7, vec![1, 2, 4, 7]),
        (64, 20, vec![1, 2, 4, 8, 16, 20]),
        (100, 8192, with(200, 100)),
        (131, 8192, with(256, 131)),
        (300, 8192, with(512, 300)),
        (512, 8192, grid(512)),
        (600, 8192, grid(512)),
        (256, 100, with(96, 100)),
        (200, 300, with(288, 300)),
        (1024, 509, with(496, 509)),
    ] {
        assert_eq!(vllm_capture_sizes(seqs, Some(tokens)), sizes, "{seqs} {tokens}");
    }
    assert_eq!(vllm_capture_sizes(256, None), grid(512));
    assert_eq!(vllm_capture_sizes(0, None), Vec::<u32>::new());
}

#[test]
fn sizes_are_written_as_auto_or_as_a_list() {
    for (json, sizes) in [
        ("\"auto\"", CaptureSizes::Auto),
        ("\"1, 2,4\"", CaptureSizes::List(vec![1, 2, 4])),
        ("[1,2,4]", CaptureSizes::List(vec![1, 2, 4])),
        ("16", CaptureSizes::List(vec![16])),
        ("[]", CaptureSizes::List(Vec::new())),
    ] {
        let read: CaptureSizes = serde_json::from_str(json).unwrap();
        assert_eq!(read, sizes);
        assert_eq!(read.to_string().parse::<CaptureSizes>(), Ok(read.clone()));
        let again: CaptureSizes = serde_json::from_str(&serde_json::to_string(&read).unwrap()).unwrap();
        assert_eq!(again, read);
    }
    for bad in ["\"many\"", "\"1;2\"", "-1", "[-1]", "\"1,,2\""] {
        assert!(serde_json::from_str::<CaptureSizes>(bad).is_err(), "{bad}");
    }
    assert_eq!(CaptureSizes::Auto.resolved(3, Some(2048)), CaptureSizes::List(vec![1, 2, 3, 4]));
}
