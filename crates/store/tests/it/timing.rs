//! Timing tables against Dynamo 1.6.1's own replay and against NumPy (`tests/golden/timing/README.md`).

#![expect(clippy::float_cmp, reason = "hand-worked times are exact in binary")]

use std::fs;
use std::path::{Path, PathBuf};

use tokmark_perf::{Step, Timing};
use tokmark_store::import::timing::{TimingFile, TimingFileError, TimingKind, read_timing};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/timing").join(name)
}

fn read(name: &str) -> TimingFile {
    read_timing(&golden(name)).unwrap()
}

fn prefill(sequences: u32, tokens: u64) -> Step {
    Step { prefill_sequences: sequences, prefill_tokens: tokens, ..Step::default() }
}

fn decode(sequences: u32, context: u64) -> Step {
    Step { decode_sequences: sequences, decode_tokens: sequences, decode_context: context, ..Step::default() }
}

fn near(got: f64, want: f64, part: f64) {
    assert!((got - want).abs() <= part * want.abs(), "{got}, not {want}");
}

#[test]
fn a_mocker_grid_says_what_dynamos_replay_makes_of_it() {
    let file = read("mocker.npz");
    assert_eq!((file.kind, file.ignored.len()), (TimingKind::MockerGrid, 0));
    let rows = fs::read_to_string(golden("mocker-replay.tsv")).unwrap();
    let mut compared = 0;
    for row in rows.lines().skip(1) {
        let cells: Vec<f64> = row.split('\t').map(|cell| cell.parse().unwrap()).collect();
        let &[requests, tokens, ttft_ms, itl_ms] = cells.as_slice() else { panic!("{row}") };
        let (requests, tokens) = (requests as u32, tokens as u64);
        let all = u64::from(requests) * tokens;
        // Dynamo counts in nanoseconds; the step after the first token has it in its context.
        let step = file.table.step(&prefill(requests, all));
        assert!((step.prefill_ms - ttft_ms).abs() < 2e-6, "{row}: {}", step.prefill_ms);
        let step = file.table.step(&decode(requests, all + u64::from(requests)));
        assert!((step.decode_ms - itl_ms).abs() < 2e-6, "{row}: {}", step.decode_ms);
        compared += 1;
    }
    assert_eq!(compared, 13);
}

#[test]
fn number_types_byte_order_and_compression_change_nothing() {
    let mixed = read("mixed-types.npz");
    assert_eq!(mixed.table, read("mocker.npz").table);
    let [ignored] = mixed.ignored.as_slice() else { panic!("{:?}", mixed.ignored) };
    assert!(ignored.ends_with("mixed-types.npz: note"), "{ignored}");
}

#[test]
fn a_profilers_folder_gives_numpys_fit() {
    let file = read("h200");
    assert_eq!((file.kind, file.ignored.len()), (TimingKind::ProfilerFolder, 0));
    for (tokens, ms) in [
        (1, 18.564_349_525_707_46),
        (100, 19.966_129_437_602_08),
        (1024, 33.514_377_636_590_45),
        (4096, 84.596_321_127_567_01),
        (16384, 381.767_024_126_279_3),
        (30000, 884.551_158_657_610_2),
    ] {
        near(file.table.step(&prefill(1, tokens)).prefill_ms, ms, 1e-7);
    }
    for (sequences, context, ms) in [
        (1, 1024, 4.506_957_137_687_973),
        (64, 65_536, 7.946_721_233_005_38),
        (256, 900_000, 38.583_818_102_771_865),
    ] {
        near(file.table.step(&decode(sequences, context)).decode_ms, ms, 1e-7);
    }
}

/// The profiler's ConfigMap form of the same numbers.
fn as_json(dir: &Path) {
    let prefill = r#"{"prefill_isl": [100, 200, 400, 800], "prefill_ttft": [12, 14, 18, 26], "prefill_thpt_per_gpu": [1, 1, 1, 1], "who": "me"}"#;
    let decode = r#"{"x_kv_usage": [0.1, 0.2, 0.1, 0.4], "y_context_length": [100, 100, 200, 200], "z_itl": [7.0, 9.0, 6.5, 11.0], "max_kv_tokens": 10000}"#;
    fs::write(dir.join("prefill_raw_data.json"), prefill).unwrap();
    fs::write(dir.join("decode_raw_data.json"), decode).unwrap();
}

#[test]
fn a_config_map_folder_is_read_too() {
    let dir = tempfile::tempdir().unwrap();
    as_json(dir.path());
    let file = read_timing(dir.path()).unwrap();
    assert_eq!(file.kind, TimingKind::ProfilerFolder);
    let [ignored] = file.ignored.as_slice() else { panic!("{:?}", file.ignored) };
    assert!(ignored.ends_with("prefill_raw_data.json: who"), "{ignored}");
    // 10 + 0.02 × tokens; 5 + 0.1 × sequences + 0.001 × context: 10, 20, 5 and 20 sequences, 1, 2, 1 and 4 thousand tokens.
    near(file.table.step(&prefill(1, 1000)).prefill_ms, 30.0, 1e-7);
    near(file.table.step(&decode(30, 5000)).decode_ms, 13.0, 1e-7);
}

#[test]
fn our_own_json_is_read_strictly() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("table.json");
    let good = r#"{"schema": "tokmark.timing/1", "about": {"engine": "by hand"}, "overhead_ms": 0.5,
        "prefill": [{"tokens": 512, "ms": 50}, {"tokens": 0, "ms": 10}],
        "decode": [{"sequences": 1, "context_tokens": 100, "ms": 5}, {"sequences": 2, "context_tokens": 200, "ms": 6},
                   {"sequences": 1, "context_tokens": 300, "ms": 7}, {"sequences": 2, "context_tokens": 600, "ms": 10}]}"#;
    fs::write(&path, good).unwrap();
    let file = read_timing(&path).unwrap();
    assert_eq!(file.kind, TimingKind::Measured);
    let step = file.table.step(&prefill(1, 256));
    assert_eq!((step.prefill_ms, step.overhead_ms), (30.0, 0.5));
    assert_eq!(file.table.step(&decode(2, 400)).decode_ms, 8.0);

    for (change, with, words) in [
        ("\"ms\": 50", "\"ms\": 50, \"tokns\": 1", "unknown field `tokns`"),
        ("\"ms\": 50", "\"ms\": -50", "prefill.ms[0] is -50"),
        ("timing/1", "timing/9", "tokmark.timing/9"),
        ("{\"tokens\": 0, \"ms\": 10}", "{\"tokens\": 512, \"ms\": 10}", "prefill.tokens has 1 value"),
        (
            "\"sequences\": 2, \"context_tokens\": 600",
            "\"sequences\": 0, \"context_tokens\": 600",
            "decode.sequences[3] is 0",
        ),
        ("]}", "", "EOF"),
    ] {
        let bad = good.replacen(change, with, 1);
        assert_ne!(bad, good);
        fs::write(&path, bad).unwrap();
        refused(&path, &["table.json", words]);
    }
}

fn refused(path: &Path, words: &[&str]) {
    let text = read_timing(path).unwrap_err().to_string();
    for word in words.iter().chain(&["hint: "]) {
        assert!(text.contains(word), "`{word}` not in: {text}");
    }
}

#[test]
fn a_damaged_file_is_refused_by_file_key_and_shape() {
    for (name, words) in [
        ("missing-key.npz", &["no `decode_itl`", "shape (k, c)", "prefill_isl, prefill_ttft_ms"][..]),
        ("wrong-shape.npz", &["decode_itl has the shape (3, 2)", "make it (3, 3)"]),
        ("flat-grid.npz", &["`decode_itl` has the shape (9,)", "milliseconds, shape (k, c)"]),
        ("nan.npz", &["decode_itl[1, 1] is NaN"]),
        ("negative.npz", &["prefill_ttft_ms[1] is -25"]),
        ("axis-falls.npz", &["prefill_isl[2] is 512, not above 512"]),
        ("text.npz", &["`prefill_isl`", "type '<U4'"]),
        ("lengths.npz", &["prefill_ttft_ms has 2 values", "prefill_isl has 3"]),
        ("README.md", &["neither in .npz nor in .json"]),
        ("nowhere.npz", &["cannot be read"]),
        (
            "h200/selected_decode_interpolation/raw_data.npz",
            &["no `prefill_isl`", "x_kv_usage", "give the folder"],
        ),
        ("h200/selected_decode_interpolation", &["neither selected_prefill_interpolation/raw_data.npz nor"]),
    ] {
        let mut all = words.to_vec();
        all.push(name.rsplit('/').next().unwrap());
        refused(&golden(name), &all);
    }
}

#[test]
fn a_file_cut_short_or_turned_over_never_panics() {
    let whole = fs::read(golden("mixed-types.npz")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cut.npz");
    let mut refusals = 0;
    for at in 0..whole.len() {
        fs::write(&path, &whole[..at]).unwrap();
        assert!(matches!(read_timing(&path), Err(TimingFileError::NotAnNpz { .. })), "cut at {at}");
        let mut turned = whole.clone();
        turned[at] ^= 0xff;
        fs::write(&path, turned).unwrap();
        refusals += usize::from(read_timing(&path).is_err());
    }
    // Time stamps and the like are read over; sums of the archive guard the data.
    assert!(refusals > whole.len() / 2, "{refusals} of {}", whole.len());
}

#[test]
fn a_header_that_claims_too_much_reserves_nothing() {
    // An array of 10^15 numbers, none of which follow: the archive is stored, so its header can be turned in place.
    let whole = fs::read(golden("mocker.npz")).unwrap();
    let text = b"'shape': (3,), }             ";
    let at = whole.windows(text.len()).position(|bytes| bytes == text).unwrap();
    let mut huge = whole;
    huge[at..at + text.len()].copy_from_slice(b"'shape': (1000000000000000,)}");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("huge.npz");
    fs::write(&path, huge).unwrap();
    refused(&path, &["huge.npz", "prefill_isl", "1000000000000000 values"]);
}
